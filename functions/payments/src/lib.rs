//! Webhooks of payment providers. A webhook gets a 2xx response only after its effect is durable. The provider retries every
//! other one, and a retry changes nothing twice.

pub mod stripe;

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::HeaderMap, response::IntoResponse};
use domain::{
    Refusal,
    payment::{Allocation, PaymentEvent, PaymentNotice, Receipt, Unapplied},
    settlement::{Settlement, settle},
};
use runtime::{
    Clock, Configuration, Failure, Reply, Routes, StartError,
    authority::{SignedWebhook, VerifiesWebhooks},
};
use serde::Serialize;
use store::{Commit, Store};

use crate::stripe::{Secrets, Stripe, StripeEvent};

/// How many times a settlement is decided when others change the same quote at the same time.
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

impl VerifiesWebhooks<Stripe> for Payments {
    fn verify(&self, headers: &HeaderMap, body: &[u8]) -> Result<(), Refusal> {
        self.secrets.verify(headers.get(stripe::SIGNATURE), body, self.clock.now())
    }
}

/// The routes with the authority that each requires, the same in every deployment.
pub fn api() -> Routes<Payments> {
    Routes::new().post("/webhooks/stripe", stripe_webhook)
}

/// The routes, with what their handlers work with.
pub fn routes(payments: Arc<Payments>) -> Router {
    api().with_state(payments)
}

/// The response to a webhook. Stripe shows it beside the delivery.
#[derive(Debug, Serialize)]
struct WebhookResponse {
    received: bool,
    outcome: WebhookOutcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Unapplied>,
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum WebhookOutcome {
    /// The money is applied: the quote is paid.
    Applied,
    /// The money is kept but not applied to a quote. The reason is given.
    Unapplied,
    /// A refund, a withdrawal by a dispute or a failed attempt is recorded.
    Recorded,
    /// A dispute was won and its money is back. A person decides what this means for the quote.
    NeedsDecision,
    /// The event repeats what was processed before. Nothing changed.
    AlreadyProcessed,
    /// The event is of a type that is not used here, or of Stripe's test mode where only live money counts.
    Ignored,
}

/// `POST /webhooks/stripe` — R63, R69–R70, R78.
async fn stripe_webhook(State(payments): State<Arc<Payments>>, webhook: SignedWebhook<Stripe>) -> Reply {
    let now = payments.clock.now();
    let notice = match stripe::read(webhook.body(), payments.accept_test_mode)? {
        StripeEvent::Notice(notice) => notice,
        StripeEvent::DisputeWon(payment) => {
            let payment = payment.as_str();
            tracing::error!(
                must_decide = "money_reinstated",
                payment,
                "money of a disputed payment is reinstated: staff must decide what happens to the quote"
            );
            return Ok(respond(WebhookOutcome::NeedsDecision, None));
        }
        StripeEvent::Ignored => return Ok(respond(WebhookOutcome::Ignored, None)),
    };
    for _ in 0..ATTEMPTS {
        let (receipt, quote) = payments.load(&notice).await?;
        let settlement = settle(&notice, receipt.as_ref(), quote.as_ref(), now);
        if payments.store.commit_settlement(&settlement).await? == Commit::Committed {
            return Ok(reply(&notice, &settlement));
        }
    }
    Err(Failure::contended())
}

impl Payments {
    /// Loads the payment's receipt, and the quote that it has paid, or else the quote that the event names.
    async fn load(&self, notice: &PaymentNotice) -> Result<(Option<Receipt>, Option<domain::Quote>), store::Error> {
        let named = notice.reference.as_ref().map(|reference| &reference.quote);
        let (receipt, quote) = self.store.receipt_and_quote(&notice.payment, named).await?;
        let quote = match receipt.as_ref().map(|receipt| &receipt.allocation) {
            Some(Allocation::Applied { quote: paid }) if named != Some(paid) => self.store.quote(paid).await?,
            _ => quote,
        };
        Ok((receipt, quote))
    }
}

fn reply(notice: &PaymentNotice, settlement: &Settlement) -> axum::response::Response {
    let allocation = settlement.receipt.as_ref().map(|receipt| &receipt.allocation);
    match (&notice.event, allocation) {
        (PaymentEvent::Succeeded { .. }, Some(Allocation::Unapplied { reason, .. })) => {
            let payment = notice.payment.as_str();
            tracing::warn!(
                must_decide = "money_unapplied",
                payment,
                ?reason,
                "money is kept as unapplied: staff must decide where it belongs"
            );
            respond(WebhookOutcome::Unapplied, Some(*reason))
        }
        (PaymentEvent::Succeeded { .. }, Some(_)) => respond(WebhookOutcome::Applied, None),
        _ if settlement.receipt.is_some() || settlement.quote.is_some() => respond(WebhookOutcome::Recorded, None),
        _ => respond(WebhookOutcome::AlreadyProcessed, None),
    }
}

fn respond(outcome: WebhookOutcome, reason: Option<Unapplied>) -> axum::response::Response {
    Json(WebhookResponse { received: true, outcome, reason }).into_response()
}
