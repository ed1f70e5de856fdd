//! The practice payment form (R63). The form shows the amount due. "Pay" sends a signed Stripe event to the webhook over HTTP, as
//! Stripe does.

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect},
    routing::get,
};
use contract::Links;
use domain::{
    Code, Quote, Refusal,
    payment::Method,
    quote::{Event, Status},
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use minijinja::{Environment, UndefinedBehavior, value::Serde};
use runtime::{
    Clock, Failure, Reply,
    authority::{LinkHolder, WithLinks, WithStore},
};
use serde_json::{Value, json};
use sha2::Sha256;
use store::Store;

/// The dependencies of the form.
pub(crate) struct Practice {
    pub(crate) store: Store,
    pub(crate) links: Links,
    pub(crate) webhook: String,
    pub(crate) secret: String,
    pub(crate) clock: Clock,
    pub(crate) http: reqwest::Client,
}

static PAGES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut pages = Environment::new();
    pages.set_undefined_behavior(UndefinedBehavior::Strict);
    for (name, source) in [
        ("page.html", include_str!("inbox/page.html")),
        ("pay.html", include_str!("practice/pay.html")),
        ("missing.html", include_str!("practice/missing.html")),
    ] {
        pages.add_template(name, source).expect("the templates are valid: a test renders them");
    }
    pages
});

impl WithStore for Practice {
    fn store(&self) -> &Store {
        &self.store
    }
}

impl WithLinks for Practice {
    fn links(&self) -> &Links {
        &self.links
    }
}

/// The form's routes, at the path of payment links.
pub(crate) fn router(practice: Arc<Practice>) -> Router {
    Router::new().route("/pay/{number}", get(show).post(pay)).with_state(practice)
}

async fn show(holder: Result<LinkHolder, Failure>, State(practice): State<Arc<Practice>>) -> Reply {
    match holder {
        Ok(holder) => page(StatusCode::OK, "pay.html", &form(holder.quote(), practice.clock.now())),
        Err(failure) => missing(failure),
    }
}

/// A page for people whose link is incomplete or of a replaced revision. The page is the same for every cause, so that it
/// reveals nothing about quotes.
fn missing(failure: Failure) -> Reply {
    match failure {
        Failure::Refused(refusal) if refusal.code() == Code::NotFound => {
            page(StatusCode::NOT_FOUND, "missing.html", &Value::Null)
        }
        failure => Err(failure),
    }
}

/// The payment method of the form; `None` if the quote cannot be paid here (R69: no card for AUD).
fn payable_by(quote: &Quote, now: Timestamp) -> Option<Method> {
    let open = quote.status(now) == Status::Issued;
    [Method::Card, Method::Paypal].into_iter().find(|method| open && quote.offer.admits(*method))
}

/// The data of the form.
fn form(quote: &Quote, now: Timestamp) -> Value {
    let method = payable_by(quote, now);
    let lines: Vec<_> =
        quote.offer.lines.iter().map(|line| format!("{}, up to {} users", line.product_name, line.tier)).collect();
    json!({
        "number": quote.number.to_string(),
        "total": quote.offer.due().to_string(),
        "reference": quote.number.to_string(),
        "licensee": quote.offer.customer.company,
        "technical_contact": quote.offer.technical_contact,
        "bill_to": quote.offer.bill_to().company,
        "valid_through": quote.offer.valid_through.to_string(),
        "status": quote.status(now),
        "method": method,
        "lines": lines,
        "review_due": quote.offer.review_due.map(|day| day.to_string()),
        "rejected": latest(quote, |event| match event {
            Event::Rejected { reason, .. } => Some(reason),
            _ => None,
        }),
        "failed": latest(quote, |event| match event {
            Event::PaymentFailed { reason, .. } => Some(reason),
            _ => None,
        }),
    })
}

/// The text of the newest event for which `says` returns one.
fn latest<'q>(quote: &'q Quote, says: impl Fn(&'q Event) -> Option<&'q String>) -> Option<&'q String> {
    quote.history.iter().rev().find_map(|entry| says(&entry.event))
}

fn page(status: StatusCode, name: &str, context: &Value) -> Reply {
    let html = PAGES.get_template(name).and_then(|page| page.render(Serde(context)));
    let html = html.map_err(|error| Failure::Broken(error.into()))?;
    let policy = "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
    Ok((status, [(header::CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

/// Sends a payment, or a failed payment, to the webhook; then redirects to the quote's state.
async fn pay(holder: Result<LinkHolder, Failure>, State(practice): State<Arc<Practice>>, form: Bytes) -> Reply {
    let holder = match holder {
        Ok(holder) => holder,
        Err(failure) => return missing(failure),
    };
    let quote = holder.quote();
    let now = practice.clock.now();
    if let Some(method) = payable_by(quote, now) {
        let event = match &*form {
            b"outcome=paid" => paid(quote, method, now),
            b"outcome=declined" => declined(quote, method, now),
            _ => return Err(Refusal::at(Code::ValueInvalid, "/outcome", "Send `outcome=paid` or `outcome=declined`.").into()),
        };
        practice.send(&event, now).await?;
    }
    // Redirects to the same page, so that a reload does not pay again.
    Ok(Redirect::to(&format!("/pay/{}?secret={}", quote.number, holder.secret())).into_response())
}

/// The id of the payment: one per revision, so that pressing the button twice does not pay twice.
fn intent(quote: &Quote) -> String {
    format!("pi_practice_{}_{}", quote.number.compact(), quote.offer.revision)
}

fn event(kind: &str, id: String, object: Value, now: Timestamp) -> Value {
    json!({
        "id": id, "object": "event", "type": kind, "livemode": false, "created": now.as_second(),
        "data": {"object": object},
    })
}

fn paid(quote: &Quote, method: Method, now: Timestamp) -> Value {
    let session = json!({
        "id": format!("cs_practice_{}_{}", quote.number.compact(), quote.offer.revision),
        "object": "checkout.session",
        "client_reference_id": quote.number.to_string(),
        "metadata": {"quote_number": quote.number.to_string(), "quote_revision": quote.offer.revision.to_string()},
        "payment_intent": intent(quote),
        "payment_method_types": [method.as_str()],
        "payment_status": "paid",
        "amount_total": quote.offer.total,
        "currency": quote.offer.currency.code().to_ascii_lowercase(),
    });
    event("checkout.session.completed", format!("evt_{}", runtime::random::token()), session, now)
}

fn declined(quote: &Quote, method: Method, now: Timestamp) -> Value {
    let failed = json!({
        "id": format!("pi_practice_{}", runtime::random::token()),
        "object": "payment_intent",
        "metadata": {"quote_number": quote.number.to_string()},
        "payment_method_types": [method.as_str()],
        "amount": quote.offer.total,
        "amount_received": 0,
        "currency": quote.offer.currency.code().to_ascii_lowercase(),
        "last_payment_error": {"code": "card_declined"},
    });
    event("payment_intent.payment_failed", format!("evt_{}", runtime::random::token()), failed, now)
}

impl Practice {
    async fn send(&self, event: &Value, now: Timestamp) -> Result<(), Failure> {
        let body = event.to_string();
        let time = now.as_second();
        let mut mac = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()).expect("HMAC takes a key of any length");
        mac.update(format!("{time}.{body}").as_bytes());
        let signature: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
        let request = self.http.post(&self.webhook).header("stripe-signature", format!("t={time},v1={signature}"));
        let response = request.header(header::CONTENT_TYPE, "application/json").body(body).send().await;
        match response {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(Failure::Unavailable(format!("the webhook returned {}", response.status()).into())),
            Err(error) => Err(Failure::unavailable("the webhook did not respond", error.without_url())),
        }
    }
}
