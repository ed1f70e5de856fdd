//! A webhook that receives events, quotes that can be paid, and Stripe's events about a payment.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use aws_sdk_dynamodb::types::KeysAndAttributes;
use axum::{
    Router,
    body::Body,
    http::{Request, StatusCode},
};
use contract::quote::QuoteBody;
use domain::{
    Policy, Quote, QuoteNumber,
    link::LinkKeys,
    number::Minter,
    payment::{PaymentId, Receipt},
    quote::{IssueContext, Offer},
    request::{Facts, Origin},
};
use http_body_util::BodyExt;
use jiff::Timestamp;
use payments::Payments;
use runtime::{Configuration, Vendor, clock::MovableClock, shell};
use serde_json::{Value, json};
use store::{
    Created, Store,
    item::{self, Attributes},
    keys::Key,
};
use tests::{Bench, VENDOR, example_of, stripe, with};
use tower::ServiceExt;

pub(crate) const SECRET: &str = "whsec_example_current";

pub(crate) fn instant(text: &str) -> Timestamp {
    text.parse().expect("a timestamp")
}

/// When every quote here is issued, and when the clock stands at first: quotes are valid through 2026-07-10.
pub(crate) fn noon() -> Timestamp {
    instant("2026-06-10T12:00:00Z")
}

/// The payments function, as it runs anywhere, on a table of its own.
pub(crate) struct Endpoint {
    routes: Router,
    pub(crate) store: Store,
    pub(crate) hand: MovableClock,
    policy: Policy,
    issued: AtomicU32,
    bench: Bench,
}

/// The response to a delivery.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn outcome(&self) -> &str {
        self.body["outcome"].as_str().unwrap_or("none")
    }
}

/// Every item of a table, by its key.
pub(crate) type Table = BTreeMap<(String, String), Attributes>;

impl Endpoint {
    /// Real money only, one secret.
    pub(crate) async fn new() -> Self {
        Self::configured([("STRIPE_WEBHOOK_SECRET", SECRET)]).await
    }

    pub(crate) async fn configured<const N: usize>(settings: [(&str, &str); N]) -> Self {
        Self::on(Bench::new(noon()).await, Configuration::from_pairs(settings))
    }

    fn on(bench: Bench, configuration: Configuration) -> Self {
        let (store, hand) = (bench.store.clone(), bench.clock.clone());
        let payments = Payments::start(&configuration, store.clone(), hand.clock()).expect("the configuration is sound");
        let policy = Vendor::open(VENDOR).expect("the example vendor").policy().expect("a sound policy");
        Self { routes: shell(payments::routes(payments)), store, hand, policy, issued: AtomicU32::new(0), bench }
    }

    /// The process dies, and another one starts where it was.
    pub(crate) async fn restarted(self) -> Self {
        self.hand.set(noon());
        Self::on(self.bench.restarted().await, Configuration::from_pairs([("STRIPE_WEBHOOK_SECRET", SECRET)]))
    }

    pub(crate) fn routes(&self) -> Router {
        self.routes.clone()
    }

    /// A stored quote for one term licence: USD 49,980.00 with VAT, or in another currency.
    pub(crate) async fn quote(&self, currency: &str) -> Quote {
        let quote = self.unstored(currency);
        assert_eq!(self.store.create_quote(&quote).await.expect("stored"), Created::New);
        quote
    }

    /// A quote that is not stored.
    pub(crate) fn unstored(&self, currency: &str) -> Quote {
        let seed = self.issued.fetch_add(1, Ordering::Relaxed).to_string();
        let number = Minter::new(b"a key of the tests").quote_from_seed(&seed);
        Quote::issue(number, self.offer(currency, 500, noon()), None)
    }

    /// An offer for a number of users.
    pub(crate) fn offer(&self, currency: &str, users: u32, at: Timestamp) -> Offer {
        let request = with(&example_of("tracker-data-center", users), [("/currency", json!(currency))]);
        let body = QuoteBody::read(request.to_string().as_bytes()).expect("a request");
        let link_keys = LinkKeys::parse("k1:0123456789abcdef").expect("keys");
        let request_hash = format!("{currency} {users}");
        let issue = IssueContext {
            origin: Origin { at, ip: None, subject: None, email: None },
            request_hash,
            link_key: link_keys.current(),
        };
        Offer::make(&body.request, body.faults, &Facts::default(), &self.policy, &issue).expect("the example is in order")
    }

    /// Delivers an event to the webhook as Stripe does: now, or when it has happened if that is later.
    pub(crate) async fn deliver(&self, event: &Value) -> Answer {
        let created = event["created"].as_i64().and_then(|created| Timestamp::from_second(created).ok());
        if let Some(created) =
            created.filter(|created| *created > self.hand.clock().now() && *created < instant("2100-01-01T00:00:00Z"))
        {
            self.hand.set(created);
        }
        self.deliver_now(event).await
    }

    /// Delivers an event to the webhook now, whenever it says to have happened.
    pub(crate) async fn deliver_now(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let signature = stripe::signature(SECRET, self.hand.clock().now(), &body);
        self.post(Some(&signature), body).await
    }

    /// Delivers a body to the webhook, with any signature or none.
    pub(crate) async fn post(&self, signature: Option<&str>, body: impl Into<Body>) -> Answer {
        let request = Request::post("/webhooks/stripe").header("content-type", "application/json; charset=utf-8");
        let request = signature.into_iter().fold(request, |request, text| request.header("Stripe-Signature", text));
        let response = self.routes().oneshot(request.body(body.into()).expect("a request")).await.expect("infallible");
        let status = response.status();
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        Answer { status, body: serde_json::from_slice(&body).expect("JSON") }
    }

    /// The quote as it is stored.
    pub(crate) async fn stored(&self, number: &QuoteNumber) -> Quote {
        self.store.quote(number).await.expect("a read").expect("the quote is there")
    }

    /// Where a payment went.
    pub(crate) async fn receipt(&self, paying: &Paying) -> Option<Receipt> {
        self.store.receipt_and_quote(&paying.id(), None).await.expect("a read").0
    }

    /// The quote's item and the payment's, byte for byte.
    pub(crate) async fn items(&self, quote: &Quote, paying: &Paying) -> [Option<Attributes>; 2] {
        let keys = [Key::quote(&quote.number), Key::receipt(&paying.id())].map(|key| item::of_key(&key));
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys.to_vec())).consistent_read(true).build().expect("keys");
        let got = self.store.client().batch_get_item().request_items(self.store.table(), wanted).send().await.expect("a read");
        let found = got.responses.and_then(|mut tables| tables.remove(self.store.table())).expect("the table");
        keys.map(|key| found.iter().find(|item| key.iter().all(|(name, value)| item.get(name) == Some(value))).cloned())
    }

    /// All that is stored.
    pub(crate) async fn table(&self) -> Table {
        let pages =
            self.store.client().scan().table_name(self.store.table()).consistent_read(true).into_paginator().items().send();
        let items = pages.collect::<Result<Vec<_>, _>>().await.expect("a scan");
        let text = |item: &Attributes, name: &str| item[name].as_s().expect("a text").clone();
        items.into_iter().map(|item| ((text(&item, store::keys::PARTITION), text(&item, store::keys::SORT)), item)).collect()
    }
}

/// A payment at Stripe, with the events that report it.
#[derive(Debug, Clone)]
pub(crate) struct Paying {
    pub(crate) intent: String,
    pub(crate) amount: i64,
    pub(crate) currency: String,
    pub(crate) method: &'static str,
    pub(crate) at: Timestamp,
    pub(crate) livemode: bool,
    pub(crate) quote: Option<QuoteNumber>,
    pub(crate) revision: Option<u32>,
}

impl Paying {
    /// A card payment of exactly what the quote asks for.
    pub(crate) fn of(quote: &Quote) -> Self {
        Self {
            intent: format!("pi_{}", quote.number.compact()),
            amount: quote.offer.total,
            currency: quote.offer.currency.code().to_ascii_lowercase(),
            method: "card",
            at: noon(),
            livemode: true,
            quote: Some(quote.number.clone()),
            revision: Some(quote.offer.revision),
        }
    }

    /// Another payment for the same.
    pub(crate) fn again(self) -> Self {
        Self { intent: format!("{}_again", self.intent), ..self }
    }

    /// The same payment, reported without a reference.
    pub(crate) fn unnamed(&self) -> Self {
        Self { quote: None, revision: None, ..self.clone() }
    }

    /// The same payment, reported without a revision.
    pub(crate) fn unrevised(&self) -> Self {
        Self { revision: None, ..self.clone() }
    }

    pub(crate) fn id(&self) -> PaymentId {
        PaymentId::new("stripe", &self.intent)
    }

    pub(crate) fn succeeded(&self) -> Value {
        self.event("payment_intent.succeeded", 0, self.payment_intent(self.amount))
    }

    /// The charge, which states how the payment was made.
    pub(crate) fn charged(&self, kind: &str) -> Value {
        let charge = json!({
            "id": format!("ch_{}", self.intent), "object": "charge", "payment_intent": self.intent, "amount": self.amount,
            "amount_captured": self.amount, "amount_refunded": 0, "captured": true, "paid": true, "status": "succeeded",
            "currency": self.currency, "metadata": self.metadata(), "payment_method_details": {"type": kind, kind: {}},
        });
        self.event("charge.succeeded", 0, charge)
    }

    /// The state of a refund, in an event of this type.
    pub(crate) fn refund(&self, kind: &str, after: i64, amount: i64, status: &str) -> Value {
        let refund = json!({
            "id": format!("re_{}", self.intent), "object": "refund", "amount": amount, "currency": self.currency,
            "charge": format!("ch_{}", self.intent), "payment_intent": self.intent, "status": status, "metadata": {},
        });
        self.event(kind, after, refund)
    }

    pub(crate) fn failed(&self) -> Value {
        let mut intent = self.payment_intent(0);
        intent["last_payment_error"] = json!({"code": "card_declined", "type": "card_error"});
        self.event("payment_intent.payment_failed", -60, intent)
    }

    pub(crate) fn completed(&self) -> Value {
        self.event("checkout.session.completed", 1, self.session("paid"))
    }

    /// The checkout is over; the money is under way.
    pub(crate) fn completed_unpaid(&self) -> Value {
        self.event("checkout.session.completed", -30, self.session("unpaid"))
    }

    pub(crate) fn cleared(&self) -> Value {
        self.event("checkout.session.async_payment_succeeded", 2, self.session("paid"))
    }

    /// `total` is what went back so far, in all.
    pub(crate) fn refunded(&self, total: i64) -> Value {
        let charge = json!({
            "id": format!("ch_{}", self.intent), "object": "charge", "payment_intent": self.intent, "amount": self.amount,
            "amount_refunded": total, "refunded": total == self.amount, "currency": self.currency, "metadata": self.metadata(),
        });
        self.event("charge.refunded", 3_600, charge)
    }

    /// The payer's bank withdrew so much, in a dispute of this name.
    pub(crate) fn withdrawn(&self, dispute: &str, amount: i64) -> Value {
        self.event("charge.dispute.funds_withdrawn", 7_200, self.dispute(dispute, amount, "needs_response"))
    }

    /// The dispute is won, and the money is back.
    pub(crate) fn reinstated(&self, dispute: &str, amount: i64) -> Value {
        self.event("charge.dispute.funds_reinstated", 86_400, self.dispute(dispute, amount, "won"))
    }

    fn dispute(&self, dispute: &str, amount: i64, status: &str) -> Value {
        json!({
            "id": format!("dp_{dispute}_{}", self.intent), "object": "dispute", "amount": amount, "currency": self.currency,
            "charge": format!("ch_{}", self.intent), "payment_intent": self.intent, "reason": "fraudulent", "status": status,
            "balance_transactions": [{"id": "txn_example", "object": "balance_transaction", "amount": -amount}],
            "evidence": {}, "metadata": {}, "is_charge_refundable": false,
        })
    }

    /// Any event; `after` is in seconds after the payment.
    pub(crate) fn event(&self, kind: &str, after: i64, object: Value) -> Value {
        json!({
            "id": format!("evt_{kind}_{}", self.intent), "object": "event", "api_version": "2025-03-31.basil", "type": kind,
            "created": self.at.as_second() + after, "livemode": self.livemode, "pending_webhooks": 1,
            "data": {"object": object},
        })
    }

    fn payment_intent(&self, received: i64) -> Value {
        json!({
            "id": self.intent, "object": "payment_intent", "amount": self.amount, "amount_received": received,
            "currency": self.currency, "payment_method_types": [self.method], "last_payment_error": null,
            "metadata": self.metadata(),
        })
    }

    /// Names its quote by `client_reference_id` alone, as a payment link does, and its revision in the metadata.
    fn session(&self, status: &str) -> Value {
        json!({
            "id": format!("cs_{}", self.intent), "object": "checkout.session", "payment_intent": self.intent,
            "payment_status": status, "amount_total": self.amount, "currency": self.currency,
            "payment_method_types": [self.method],
            "metadata": self.revision.map_or(json!({}), |revision| json!({"quote_revision": revision.to_string()})),
            "client_reference_id": self.quote.as_ref().map(ToString::to_string),
        })
    }

    fn metadata(&self) -> Value {
        match (&self.quote, self.revision) {
            (Some(quote), Some(revision)) => {
                json!({"quote_number": quote.to_string(), "quote_revision": revision.to_string()})
            }
            (Some(quote), None) => json!({"quote_number": quote.to_string()}),
            (None, _) => json!({}),
        }
    }
}
