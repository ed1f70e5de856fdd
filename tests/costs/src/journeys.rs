//! What people do, and what Stripe tells: the same stories that every deployment passes, told as briefly as can be.

use axum::{
    body::Body,
    http::{Method, Request},
};
use serde_json::{Value, json};

use crate::account::{Account, Answer, Fault};

/// The README's example order: a reseller buys two licences and a subscription for a customer.
pub(crate) fn example() -> Result<Value, Fault> {
    Ok(serde_json::from_str(include_str!("../../../infra/vendor/examples/quote.json"))?)
}

/// The example with its first so many lines, each for a licence of its own.
pub(crate) fn licenses(count: usize) -> Result<Value, Fault> {
    let mut order = example()?;
    let line = order["lines"][0].clone();
    order["lines"] = Value::Array(vec![line; count]);
    Ok(order)
}

impl Account {
    /// `POST /v1/quotes`, with an `Idempotency-Key`.
    pub(crate) async fn order(&self, order: &Value, key: &str) -> Result<Answer, Fault> {
        let request = Request::post("/v1/quotes")
            .header("idempotency-key", key)
            .header("content-type", "application/json")
            .body(Body::from(order.to_string()))?;
        self.ask("quotes", request).await
    }

    /// A quote, once its letter is sent.
    pub(crate) async fn quote(&self, order: &Value, key: &str) -> Result<Value, Fault> {
        let quote = self.order(order, key).await?.expect(201)?;
        self.settled().await?;
        Ok(quote)
    }

    /// A request to a link of a quote's.
    pub(crate) async fn follow(&self, function: &'static str, quote: &Value, path: &str) -> Result<Answer, Fault> {
        let number = quote["number"].as_str().ok_or("a quote has a number")?;
        let link = quote["links"]["self"].as_str().ok_or("a quote has a link")?;
        let (_, query) = link.split_once('?').ok_or("a link has a secret")?;
        let path = format!("/v1/quotes/{number}{path}?{query}");
        self.ask(function, Request::get(path).body(Body::empty())?).await
    }

    /// A request about a licence, of its technical contact.
    pub(crate) async fn license(&self, method: Method, path: &str) -> Result<Answer, Fault> {
        let request = Request::builder().method(method).uri(path).header("authorization", self.bearer("tina@customer.example")?);
        self.ask("licenses", request.body(Body::empty())?).await
    }
}

/// What Stripe tells of a payment by its Checkout, in this order.
pub(crate) fn paid(quote: &Value) -> [Value; 2] {
    let number = quote["number"].as_str().unwrap_or_default().replace('-', "");
    let intent = format!("pi_{number}");
    let currency = quote["currency"].as_str().unwrap_or_default().to_lowercase();
    let metadata = json!({"quote_number": quote["number"], "quote_revision": quote["revision"].to_string()});
    let event = |kind: &str, object: Value| {
        json!({
            "id": format!("evt_{kind}_{number}"), "object": "event", "api_version": "2026-01-28", "type": kind,
            "livemode": true, "created": 1_795_341_600, "data": {"object": object},
        })
    };
    [
        event(
            "payment_intent.succeeded",
            json!({
                "id": intent, "object": "payment_intent", "metadata": metadata, "amount": quote["total"],
                "amount_received": quote["total"], "currency": currency, "payment_method_types": ["card"],
            }),
        ),
        event(
            "checkout.session.completed",
            json!({
                "id": format!("cs_{number}"), "object": "checkout.session", "mode": "payment",
                "client_reference_id": quote["number"], "metadata": metadata, "payment_intent": intent,
                "payment_method_types": ["card"], "payment_status": "paid", "amount_total": quote["total"],
                "currency": currency,
            }),
        ),
    ]
}
