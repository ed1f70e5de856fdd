//! Stripe's side: events as it documents them, and its signature.

use jiff::Timestamp;
use serde_json::{Value, json};
use stripe_webhook::Webhook;

use crate::Quote;

/// A payment at Stripe. Several events may report one payment.
#[derive(Debug, Clone)]
pub struct Payment {
    /// `pi_…`
    pub intent: String,
    /// The amount that was captured, in minor units.
    pub amount: i64,
    /// The currency, in Stripe's lower case.
    pub currency: String,
    /// `card`, `paypal` …
    pub method: &'static str,
    /// When it happened, by Stripe's clock.
    pub at: Timestamp,
    /// What the payment page knew: quote number and revision.
    pub metadata: Value,
}

impl Payment {
    /// A card payment of exactly what a quote asks for, made at `at`, in Stripe's test mode.
    pub fn of(quote: &Quote, at: &str) -> Self {
        Self {
            intent: format!("pi_{}_{}", quote.number().replace('-', ""), quote.revision()),
            amount: quote.total(),
            currency: quote.currency().to_lowercase(),
            method: "card",
            at: at.parse().expect("an instant"),
            metadata: json!({"quote_number": quote.number(), "quote_revision": quote.revision().to_string()}),
        }
    }

    /// The same with another intent: another payment.
    pub fn named(self, intent: &str) -> Self {
        Self { intent: intent.to_owned(), ..self }
    }

    fn event(&self, kind: &str, object: Value) -> Value {
        json!({
            "id": format!("evt_{kind}_{}", self.intent), "object": "event", "api_version": "2026-01-28", "type": kind,
            "livemode": false, "created": self.at.as_second(), "data": {"object": object},
        })
    }

    /// `checkout.session.completed`, paid.
    pub fn checkout_completed(&self) -> Value {
        self.event(
            "checkout.session.completed",
            json!({
                "id": format!("cs_{}", self.intent), "object": "checkout.session", "mode": "payment",
                "client_reference_id": self.metadata.get("quote_number"), "metadata": self.metadata,
                "payment_intent": self.intent, "payment_method_types": [self.method], "payment_status": "paid",
                "amount_total": self.amount, "currency": self.currency,
            }),
        )
    }

    /// `payment_intent.succeeded`.
    pub fn intent_succeeded(&self) -> Value {
        self.event(
            "payment_intent.succeeded",
            json!({
                "id": self.intent, "object": "payment_intent", "metadata": self.metadata, "amount": self.amount,
                "amount_received": self.amount, "currency": self.currency, "payment_method_types": [self.method],
            }),
        )
    }

    /// `charge.refunded`, with `total` minor units gone back in all.
    pub fn refunded(&self, total: i64) -> Value {
        self.event(
            "charge.refunded",
            json!({
                "id": format!("ch_{}", self.intent), "object": "charge", "metadata": self.metadata,
                "payment_intent": self.intent, "amount": self.amount, "amount_refunded": total, "currency": self.currency,
            }),
        )
    }
}

/// The `Stripe-Signature` header for `body`, made by code that is not ours.
pub fn signature(secret: &str, at: Timestamp, body: &str) -> String {
    Webhook::generate_test_header(body, secret, Some(at.as_second()))
}
