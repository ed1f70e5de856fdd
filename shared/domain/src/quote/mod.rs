//! A quote, from its issue to its fulfilment. A quote is one aggregate: its offer, its ledger and its history are stored as one
//! item, and every transition is one conditional write of that item.

mod history;
mod offer;
mod review;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

pub use self::{
    history::{Actor, Entry, Event, Reviewer, Status, Withheld},
    offer::{IssueContext, Offer},
    review::Approval,
};
use crate::{
    QuoteNumber, Sen,
    calendar::day_of,
    fault::{Code, Refusal},
    number::InvoiceNumber,
    payment::{PaidBy, Payment, PaymentId},
    pending::{Pending, Work},
};

/// Superseded offers are stored whole in the quote's item. These limits keep the item below DynamoDB's 400 KB.
const MAX_REVISIONS: u32 = 20;
const MAX_STORED_OFFERS: usize = 300_000;

/// A quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its number, the same in all revisions (R24).
    pub number: QuoteNumber,
    /// The version of the stored item: 1 when it is created, and one more with every change.
    pub version: u64,
    /// The current offer.
    pub offer: Offer,
    /// The offers of earlier revisions, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Offer>,
    /// The stage.
    pub stage: Stage,
    /// The ledger: the payments that were applied to the quote.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// Every event, in order (R118). The history is also the outbox: a consumer of the stream acts on the entries that the old
    /// image does not have.
    pub history: Vec<Entry>,
    /// Hash of the `Idempotency-Key` of the request that created the quote, if the request had one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key_hash: Option<String>,
}

/// The stage of a quote, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// A person must review the quote. It cannot be paid (R32).
    InReview,
    /// A reviewer rejected the quote.
    Rejected,
    /// The quote can be paid until it expires.
    Issued,
    /// The quote is paid in full. Its fulfilment is pending.
    Paid {
        /// The day of the completing payment (R81).
        on: Date,
    },
    /// The quote is fulfilled: what it sold is delivered.
    Delivered {
        /// The day of the completing payment.
        on: Date,
        /// What was delivered.
        delivery: Delivery,
    },
    /// All the money was returned.
    Refunded {
        /// What was delivered before.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<Delivery>,
    },
}

/// What was delivered for a paid quote, and its invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The number of the invoice, without gaps in its series.
    pub invoice: InvoiceNumber,
    /// The date of the invoice: the day of the completing payment.
    pub invoiced_on: Date,
    /// The entitlement of each line.
    pub entitlements: Vec<Delivered>,
}

/// The entitlement that was delivered for a line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The number of the line.
    pub line: u32,
    /// The number of the entitlement.
    pub sen: Sen,
    /// Whether the entitlement has a licence key. A cloud subscription has none (R53).
    pub key: bool,
    /// The first covered day. `None` in a delivery that was stored without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// The first day that is not covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
}

/// A change to write: the quote after a transition. It may replace only the previous version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The quote after the transition.
    pub next: Quote,
}

impl Quote {
    /// Creates a quote: issued, or in review when the offer has a reason for it. `idempotency_key_hash` identifies the request
    /// if it is repeated.
    pub fn issue(number: QuoteNumber, offer: Offer, idempotency_key_hash: Option<String>) -> Self {
        let (stage, event, after) = offered(&offer);
        let entry = Entry { seq: 1, at: offer.issued_at, actor: Actor::Buyer, event, before: None, after };
        Self {
            number,
            version: 1,
            offer,
            superseded: Vec::new(),
            stage,
            payments: Vec::new(),
            history: vec![entry],
            idempotency_key_hash,
        }
    }

    /// The status at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        match &self.stage {
            Stage::InReview => Status::InReview,
            Stage::Rejected => Status::Rejected,
            Stage::Issued if now < self.offer.expires_at => Status::Issued,
            Stage::Issued => Status::Expired,
            Stage::Paid { .. } | Stage::Delivered { .. } => Status::Paid,
            Stage::Refunded { .. } => Status::Refunded,
        }
    }

    /// What was delivered; `None` before the fulfilment.
    pub fn delivery(&self) -> Option<&Delivery> {
        match &self.stage {
            Stage::Delivered { delivery, .. } | Stage::Refunded { delivery: Some(delivery) } => Some(delivery),
            _ => None,
        }
    }

    /// The quote as it was when it was created: the response to a repeated request.
    pub fn as_created(&self) -> Self {
        let first = self.superseded.first().unwrap_or(&self.offer).clone();
        let first = match (&first.as_submitted, first.submitted_at) {
            (Some(submitted), _) => (**submitted).clone(),
            (None, Some(submitted)) => Offer { submitted_at: None, ..first.issued(submitted) },
            (None, None) => first,
        };
        Self::issue(self.number.clone(), first, self.idempotency_key_hash.clone())
    }

    /// Whether a request with this key and content created this quote. The repeated request then gets the same response.
    pub fn answers(&self, idempotency_key_hash: &str, request_hash: &str) -> bool {
        let first = self.superseded.first().unwrap_or(&self.offer);
        self.idempotency_key_hash.as_deref() == Some(idempotency_key_hash) && first.request_hash == request_hash
    }

    /// Whether a revision can replace the offer (R24): the quote is not paid.
    pub fn is_changeable(&self) -> bool {
        matches!(self.stage, Stage::InReview | Stage::Rejected | Stage::Issued)
    }

    /// Replaces the offer by a new revision, which invalidates the old link (R24). `Ok(None)` means that this offer is the
    /// current one already and is still payable. `Err` when the quote is paid or cannot store another revision.
    pub fn revise(&self, mut offer: Offer) -> Result<Option<Change>, Refusal> {
        let now = offer.issued_at;
        if !self.is_changeable() {
            return Err(Refusal::new(Code::QuotePaid, "This quote is paid and cannot be revised. Request a new quote."));
        }
        // A repetition of the request from before the review is not a new revision.
        let before = [Some(&self.offer), self.offer.as_submitted.as_deref()];
        let again =
            before.into_iter().flatten().any(|before| offer.offers_the_same(before)) || offer.repeats_approved(&self.offer);
        if again && matches!(self.status(now), Status::Issued | Status::InReview) {
            return Ok(None);
        }
        let stored = stored_size(&(&self.superseded, &self.offer, &offer));
        if self.offer.revision >= MAX_REVISIONS || stored > MAX_STORED_OFFERS {
            return Err(Refusal::new(Code::RevisionLimit, "This quote cannot store another revision. Request a new quote."));
        }
        offer.revision = self.offer.revision + 1;
        let (stage, event, _) = offered(&offer);
        Ok(Some(self.change(Actor::Buyer, event, now, |next| {
            next.stage = stage;
            let old = std::mem::replace(&mut next.offer, offer);
            next.superseded.push(old);
        })))
    }

    /// Records the completing payment. The caller has checked that the payment pays this quote in full. A refund that was
    /// reported before the payment is recorded with it.
    pub(crate) fn pay(&self, payment: Payment, now: Timestamp) -> Change {
        let on = day_of(payment.at, &self.offer.zone());
        let (id, refunded, whole) = (payment.payment.clone(), payment.refunded, payment.refunded >= payment.amount);
        let paid = self.change(Actor::Provider, Event::Paid { payment: id.clone() }, now, |next| {
            next.payments.push(payment);
            next.stage = Stage::Paid { on };
        });
        if refunded == 0 {
            return paid;
        }
        paid.and(Actor::Provider, Event::Refunded { payment: id, total: refunded }, now, |next| {
            if whole {
                next.stage = Stage::Refunded { delivery: None };
            }
        })
    }

    /// Records how a payment was made. `None` when the ledger lacks the payment, or states it already. This is no event: the
    /// quote was paid before, and the provider adds a detail.
    pub(crate) fn paid_by(&self, id: &PaymentId, method: PaidBy) -> Option<Change> {
        let open = |payment: &Payment| payment.payment == *id && payment.method.is_none();
        let index = self.payments.iter().position(open)?;
        let mut next = self.clone();
        next.version += 1;
        next.payments[index].method = Some(method);
        Some(Change { next })
    }

    /// Records the total that was returned of a payment, in minor units. `None` when this total or a higher one is recorded
    /// already.
    pub(crate) fn refund(&self, id: &PaymentId, total: i64, now: Timestamp) -> Option<Change> {
        let index = self.payments.iter().position(|payment| payment.payment == *id)?;
        let payment = &self.payments[index];
        if payment.refunded >= total {
            return None;
        }
        let whole = total >= payment.amount;
        Some(self.change(Actor::Provider, Event::Refunded { payment: id.clone(), total }, now, |next| {
            next.payments[index].refunded = total;
            if whole {
                next.stage = Stage::Refunded { delivery: self.delivery().cloned() };
            }
        }))
    }

    /// Records that a payment attempt failed. `None` when this payment's failure is recorded already, when 20 failures are
    /// recorded, or when the quote is not in the stage `Issued`.
    pub(crate) fn payment_failed(&self, id: &PaymentId, reason: &str, now: Timestamp) -> Option<Change> {
        const KEPT: usize = 20;
        let failures = self.history.iter().filter(|entry| matches!(entry.event, Event::PaymentFailed { .. }));
        let known = failures.clone().any(|entry| matches!(&entry.event, Event::PaymentFailed { payment, .. } if payment == id));
        if known || failures.count() >= KEPT || !matches!(self.stage, Stage::Issued) {
            return None;
        }
        let reason = reason.chars().take(60).collect();
        Some(self.change(Actor::Provider, Event::PaymentFailed { payment: id.clone(), reason }, now, |_| {}))
    }

    /// The day of the payment, while the fulfilment is pending: the quote is paid in full, none of the money was returned, and
    /// nothing was delivered or withheld. `None` otherwise. When money was returned first, or a line cannot be delivered as it
    /// was sold, a person decides (R78).
    pub fn deliverable_since(&self) -> Option<Date> {
        let withheld = || self.history.iter().any(|entry| matches!(entry.event, Event::Withheld { .. }));
        match self.stage {
            Stage::Paid { on } if self.payments.iter().all(|payment| payment.refunded == 0) && !withheld() => Some(on),
            _ => None,
        }
    }

    /// Whether what the quote sold must be taken back: all its money was returned, or some of it before the delivery. This
    /// includes what was delivered while the money was being returned (R78, R87).
    pub fn is_void(&self) -> bool {
        match &self.stage {
            Stage::Refunded { .. } => true,
            Stage::Paid { .. } => self.payments.iter().any(|payment| payment.refunded > 0),
            Stage::InReview | Stage::Rejected | Stage::Issued | Stage::Delivered { .. } => false,
        }
    }

    /// The work that the change to this version leaves: letters, and before them the delivery or the taking back of what was
    /// sold.
    pub fn pending(&self) -> Pending {
        let since = self.history.last().map_or(self.offer.issued_at, |entry| entry.at);
        if self.is_void() || self.deliverable_since().is_some() {
            Pending::new([Work::Fulfilment, Work::Letters], since)
        } else {
            Pending::new([Work::Letters], since)
        }
    }

    /// Records that a line cannot be delivered as it was sold. The fulfilment is no longer pending, and a person decides.
    /// `None` unless the fulfilment is pending.
    pub fn withhold(&self, line: u32, reason: Withheld, now: Timestamp) -> Option<Change> {
        self.deliverable_since()?;
        Some(self.change(Actor::System, Event::Withheld { line, reason }, now, |_| {}))
    }

    /// Records what was delivered. `None` unless the fulfilment is pending.
    pub fn deliver(&self, delivery: Delivery, now: Timestamp) -> Option<Change> {
        let on = self.deliverable_since()?;
        let invoice = delivery.invoice.clone();
        Some(self.change(Actor::System, Event::Delivered { invoice }, now, |next| next.stage = Stage::Delivered { on, delivery }))
    }

    /// The history entries that `old` does not have: those that a consumer of the stream must act on.
    pub fn news_since<'a>(&'a self, old: Option<&Quote>) -> impl Iterator<Item = &'a Entry> {
        let seen = old.and_then(|old| old.history.last()).map_or(0, |entry| entry.seq);
        self.history.iter().filter(move |entry| entry.seq > seen)
    }

    fn change(&self, actor: Actor, event: Event, now: Timestamp, alter: impl FnOnce(&mut Quote)) -> Change {
        let mut next = self.clone();
        next.version += 1;
        alter(&mut next);
        let seq = self.history.last().map_or(0, |entry| entry.seq) + 1;
        let (before, after) = (Some(self.status(now)), next.status(now));
        next.history.push(Entry { seq, at: now, actor, event, before, after });
        Change { next }
    }
}

impl Change {
    /// Adds another event of the same time to the same write.
    fn and(self, actor: Actor, event: Event, now: Timestamp, alter: impl FnOnce(&mut Quote)) -> Self {
        let mut change = self.next.change(actor, event, now, alter);
        change.next.version = self.next.version;
        change
    }
}

/// The size of a value as JSON, in bytes.
fn stored_size(stored: &impl Serialize) -> usize {
    serde_json::to_vec(stored).map_or(usize::MAX, |bytes| bytes.len())
}

/// The first stage of an offer, with its event and status: in review, or issued.
fn offered(offer: &Offer) -> (Stage, Event, Status) {
    let revision = offer.revision;
    match offer.review.is_empty() {
        true => (Stage::Issued, Event::Issued { revision }, Status::Issued),
        false => (Stage::InReview, Event::Submitted { revision, reasons: offer.review.clone() }, Status::InReview),
    }
}
