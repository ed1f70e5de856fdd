//! What payment providers tell us. A webhook is answered 2xx only after its meaning is durable; what is not answered
//! so is told again, and telling again is harmless.

pub mod stripe;

use std::sync::Arc;

use axum::{Json, Router, body::Bytes, extract::State, http::HeaderMap, response::IntoResponse, routing::post};
use domain::{
    payment::{News, Receipt, Told, Unapplied, Whereabouts},
    settlement::{Settlement, settle},
};
use runtime::{Clock, Configuration, Failure, Reply, StartError};
use serde::Serialize;
use store::{Commit, Store};

use crate::stripe::{Heard, Secrets};

/// How often a settlement is decided again when others change the same quote.
const ATTEMPTS: u32 = 8;

/// What the handlers work with.
pub struct Payments {
    store: Store,
    secrets: Secrets,
    accept_test_mode: bool,
    clock: Clock,
}

impl Payments {
    /// Reads `STRIPE_WEBHOOK_SECRET`, `STRIPE_WEBHOOK_SECRET_NEXT` (while it rotates) and `STRIPE_ACCEPT_TEST_MODE`.
    /// Refuses to start without a secret.
    pub fn start(configuration: &Configuration, store: Store, clock: Clock) -> Result<Arc<Self>, StartError> {
        let (secrets, accept_test_mode) = configuration.read(|c| {
            let current = c.secret("STRIPE_WEBHOOK_SECRET");
            let next = c.optional_secret("STRIPE_WEBHOOK_SECRET_NEXT");
            (Secrets::new(current, next), c.flag("STRIPE_ACCEPT_TEST_MODE", false))
        })?;
        Ok(Arc::new(Self { store, secrets, accept_test_mode, clock }))
    }
}

/// The routes, for whichever home serves them.
pub fn routes(payments: Arc<Payments>) -> Router {
    Router::new().route("/webhooks/stripe", post(hear_stripe)).with_state(payments)
}

/// What became of an event. Stripe shows this beside the delivery.
#[derive(Debug, Serialize)]
struct Heeded {
    received: bool,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Unapplied>,
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    /// The quote is paid now.
    Applied,
    /// The money is kept, with the reason why it pays nothing.
    Unapplied,
    /// Money that went back, or a failed attempt, is noted.
    Noted,
    /// Money that had gone back is here again: a person decides what becomes of the quote.
    Undecided,
    /// It was all known.
    Known,
    /// We have no use for this event.
    Ignored,
}

/// `POST /webhooks/stripe` — R63, R69–R70, R78.
async fn hear_stripe(State(payments): State<Arc<Payments>>, headers: HeaderMap, body: Bytes) -> Reply {
    let now = payments.clock.now();
    payments.secrets.verify(headers.get(stripe::SIGNATURE), &body, now)?;
    let told = match stripe::read(&body, payments.accept_test_mode)? {
        Heard::Told(told) => told,
        Heard::Reinstated(payment) => {
            let payment = payment.as_str();
            tracing::error!(
                must_decide = "money_reinstated",
                payment,
                "money of a lost payment is reinstated: somebody must decide"
            );
            return Ok(heeded(Outcome::Undecided, None));
        }
        Heard::Ignored => return Ok(heeded(Outcome::Ignored, None)),
    };
    for _ in 0..ATTEMPTS {
        let (receipt, quote) = payments.load(&told).await?;
        let settlement = settle(&told, receipt.as_ref(), quote.as_ref(), now);
        if payments.store.settle(&settlement).await? == Commit::Committed {
            return Ok(reply(&told, &settlement));
        }
    }
    Err(Failure::contended())
}

impl Payments {
    /// The receipt, and the quote that it paid — or else the one that the event names.
    async fn load(&self, told: &Told) -> Result<(Option<Receipt>, Option<domain::Quote>), store::Error> {
        let named = told.reference.as_ref().map(|reference| &reference.quote);
        let (receipt, quote) = self.store.receipt_and_quote(&told.payment, named).await?;
        let quote = match receipt.as_ref().map(|receipt| &receipt.whereabouts) {
            Some(Whereabouts::Applied { quote: paid }) if named != Some(paid) => self.store.quote(paid).await?,
            _ => quote,
        };
        Ok((receipt, quote))
    }
}

fn reply(told: &Told, settlement: &Settlement) -> axum::response::Response {
    let whereabouts = settlement.receipt.as_ref().map(|receipt| &receipt.whereabouts);
    match (&told.news, whereabouts) {
        (News::Succeeded { .. }, Some(Whereabouts::Unapplied { reason, .. })) => {
            let payment = told.payment.as_str();
            tracing::warn!(must_decide = "money_unapplied", payment, ?reason, "money that pays nothing is kept as unapplied");
            heeded(Outcome::Unapplied, Some(*reason))
        }
        (News::Succeeded { .. }, Some(_)) => heeded(Outcome::Applied, None),
        _ if settlement.receipt.is_some() || settlement.quote.is_some() => heeded(Outcome::Noted, None),
        _ => heeded(Outcome::Known, None),
    }
}

fn heeded(outcome: Outcome, reason: Option<Unapplied>) -> axum::response::Response {
    Json(Heeded { received: true, outcome, reason }).into_response()
}
