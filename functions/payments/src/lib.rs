//! Webhooks of payment providers. A webhook gets a 2xx response only after its effect is durable. The provider retries every
//! other one, and a retry changes nothing twice.

pub mod stripe;

use std::sync::Arc;

use axum::{Json, Router, extract::State, http::HeaderMap, response::IntoResponse};
use domain::{
    Refusal,
    payment::{Allocation, PaymentEvent, PaymentNotice, Receipt, ReportReason, Unapplied},
    settlement::{Settlement, report, settle},
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
    reason: Option<Reason>,
}

/// Why money pays nothing, or why a person must look at the event.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Reason {
    Unapplied(Unapplied),
    Reported(ReportReason),
}

/// What an event changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum WebhookOutcome {
    /// The money is applied: the quote is paid.
    Applied,
    /// The money is kept but not applied to a quote. The reason is given.
    Unapplied,
    /// A refund, a withdrawal by a dispute, a failed attempt or a detail of a payment is recorded.
    Recorded,
    /// The event is recorded and has no other effect. A person decides what it means. The reason is given.
    NeedsDecision,
    /// The event cannot be true, or is not the vendor's. It had no effect. Staff see it at the desk. The reason is given.
    Refused,
    /// The event repeats what was processed before. Nothing changed.
    AlreadyProcessed,
    /// The event is of a type that is not used here, or of Stripe's test mode where only live money counts.
    Ignored,
}

/// `POST /webhooks/stripe` — R63, R69–R70, R78.
async fn stripe_webhook(State(payments): State<Arc<Payments>>, webhook: SignedWebhook<Stripe>) -> Reply {
    let now = payments.clock.now();
    let (notice, others) = match stripe::read(webhook.body(), payments.accept_test_mode)? {
        StripeEvent::Notice(notice) => (notice, false),
        StripeEvent::OtherAccount(notice) => (notice, true),
        StripeEvent::Ignored => return Ok(respond(WebhookOutcome::Ignored, None)),
    };
    for _ in 0..ATTEMPTS {
        let (receipt, quote) = payments.load(&notice).await?;
        let settlement = match others {
            true => report(&notice, ReportReason::OtherAccount, receipt.as_ref(), now),
            false => settle(&notice, receipt.as_ref(), quote.as_ref(), now),
        };
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
    let payment = notice.payment.as_str();
    let allocation = settlement.receipt.as_ref().map(|receipt| &receipt.allocation);
    if let (Some(reason), Some(_)) = (settlement.reported, &settlement.receipt) {
        log_report(payment, reason);
    }
    match (&notice.event, settlement.reported, allocation) {
        (_, Some(reason), _) if reason.refused() => respond(WebhookOutcome::Refused, Some(Reason::Reported(reason))),
        (PaymentEvent::Succeeded { .. }, _, Some(Allocation::Unapplied { reason, .. })) => {
            tracing::warn!(
                must_decide = "money_unapplied",
                payment,
                ?reason,
                "money is kept as unapplied: staff must decide where it belongs"
            );
            respond(WebhookOutcome::Unapplied, Some(Reason::Unapplied(*reason)))
        }
        (PaymentEvent::Succeeded { .. }, _, Some(_)) => respond(WebhookOutcome::Applied, None),
        (_, Some(reason), _) => respond(WebhookOutcome::NeedsDecision, Some(Reason::Reported(reason))),
        _ if settlement.receipt.is_some() || settlement.quote.is_some() => respond(WebhookOutcome::Recorded, None),
        _ => respond(WebhookOutcome::AlreadyProcessed, None),
    }
}

/// The log line from which an alarm is made. The desk lists the payment (`GET /v1/desk/payments`).
fn log_report(payment: &str, reason: ReportReason) {
    if reason == ReportReason::MoneyReinstated {
        tracing::error!(
            must_decide = "money_reinstated",
            payment,
            "money of a disputed payment is reinstated: staff must decide what happens to the quote"
        );
    } else {
        tracing::warn!(
            must_decide = "payment_reported",
            payment,
            ?reason,
            "an event of a payment is refused or has no effect: staff must look at it"
        );
    }
}

fn respond(outcome: WebhookOutcome, reason: Option<Reason>) -> axum::response::Response {
    Json(WebhookResponse { received: true, outcome, reason }).into_response()
}
