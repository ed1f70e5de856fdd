//! A quote, from its issue to the delivery of what it sold. One aggregate: its offer, its ledger and its history are
//! stored as one item, and every transition is one conditional write of that item.

mod history;
mod offer;
mod review;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

pub use self::{
    history::{Actor, Entry, Event, Status, Withheld},
    offer::{IssueContext, Offer},
    review::{Approval, Reviewer},
};
use crate::{
    QuoteNumber, Sen,
    calendar::day_of,
    fault::{Code, Refusal},
    number::InvoiceNumber,
    payment::{Payment, PaymentId},
    pending::{Pending, Work},
};

/// Superseded offers are kept whole, in the quote's item: this many still fit (DynamoDB's limit is 400 KB).
const MAX_REVISIONS: u32 = 20;
const MAX_STORED_OFFERS: usize = 300_000;

/// A quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its number, the same in all revisions (R24).
    pub number: QuoteNumber,
    /// Of the stored item; 1 when it is created, and one more with every change.
    pub version: u64,
    /// What is offered now.
    pub offer: Offer,
    /// What was offered before: earlier revisions, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Offer>,
    /// How far it has come.
    pub stage: Stage,
    /// The ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// Everything that happened, in order (R118). It is also the outbox: whoever consumes the stream takes the
    /// entries that the old image does not have.
    pub history: Vec<Entry>,
    /// Which request created it, when that carried an `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key_hash: Option<String>,
}

/// How far a quote has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// A person must look at it first: nothing can be paid (R32).
    InReview,
    /// A person has refused it.
    Rejected,
    /// It can be paid, until it expires.
    Issued,
    /// It is paid in full; what it sold is owed.
    Paid {
        /// The day of the completing payment (R81).
        on: Date,
    },
    /// What it sold is delivered.
    Delivered {
        /// The day of the completing payment.
        on: Date,
        /// What was delivered.
        delivery: Delivery,
    },
    /// All the money went back.
    Refunded {
        /// What had been delivered by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<Delivery>,
    },
}

/// What was delivered for a paid quote, and the invoice for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The invoice's number, gap-free in its series.
    pub invoice: InvoiceNumber,
    /// Its date: the day of the completing payment.
    pub invoiced_on: Date,
    /// One entitlement per line.
    pub entitlements: Vec<Delivered>,
}

/// A line's entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The line.
    pub line: u32,
    /// Its entitlement.
    pub sen: Sen,
    /// Whether there is a licence key: a cloud subscription has none (R53).
    pub key: bool,
    /// The first day that it no longer covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
}

/// A decision, complete: the quote as it shall be. It may be written only over the version before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The quote afterwards.
    pub next: Quote,
}

impl Quote {
    /// Issues a quote. `idempotency_key_hash` names the request that may be repeated.
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

    /// What was delivered so far.
    pub fn delivery(&self) -> Option<&Delivery> {
        match &self.stage {
            Stage::Delivered { delivery, .. } | Stage::Refunded { delivery: Some(delivery) } => Some(delivery),
            _ => None,
        }
    }

    /// The quote as it was when it was created: what a repeated request is answered with.
    pub fn as_created(&self) -> Self {
        let first = self.superseded.first().unwrap_or(&self.offer).clone();
        let first = match (&first.as_submitted, first.submitted_at) {
            (Some(submitted), _) => (**submitted).clone(),
            (None, Some(submitted)) => Offer { submitted_at: None, ..first.issued(submitted) },
            (None, None) => first,
        };
        Self::issue(self.number.clone(), first, self.idempotency_key_hash.clone())
    }

    /// Whether this quote is the answer to a request with this key and content: then it is given again.
    pub fn answers(&self, idempotency_key_hash: &str, request_hash: &str) -> bool {
        let first = self.superseded.first().unwrap_or(&self.offer);
        self.idempotency_key_hash.as_deref() == Some(idempotency_key_hash) && first.request_hash == request_hash
    }

    /// Replaces the offer by a new revision, which voids the old link (R24). `Ok(None)`: the request is the one that
    /// is on offer already, and still payable.
    pub fn revise(&self, mut offer: Offer) -> Result<Option<Change>, Refusal> {
        let now = offer.issued_at;
        if !matches!(self.stage, Stage::InReview | Stage::Rejected | Stage::Issued) {
            return Err(Refusal::new(Code::QuotePaid, "This quote is paid. Ask for a new quote instead."));
        }
        // What was asked for before a person judged it is not asked for anew.
        let before = [Some(&self.offer), self.offer.as_submitted.as_deref()];
        let again = before.into_iter().flatten().any(|before| offer.offers_the_same(before));
        if again && matches!(self.status(now), Status::Issued | Status::InReview) {
            return Ok(None);
        }
        let stored = stored_size(&(&self.superseded, &self.offer, &offer));
        if self.offer.revision >= MAX_REVISIONS || stored > MAX_STORED_OFFERS {
            return Err(Refusal::new(
                Code::RevisionLimit,
                "This quote has been revised too often to keep every revision. Ask for a new quote.",
            ));
        }
        offer.revision = self.offer.revision + 1;
        let (stage, event, _) = offered(&offer);
        Ok(Some(self.change(Actor::Buyer, event, now, |next| {
            next.stage = stage;
            let old = std::mem::replace(&mut next.offer, offer);
            next.superseded.push(old);
        })))
    }

    /// Enters the completing payment. Whoever calls has checked that it pays this quote in full; a refund that was
    /// told first comes with it.
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

    /// Enters how much of a payment went back in all. `None` when that is known.
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

    /// Notes that an attempt to pay failed, once per payment and only while it matters.
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

    /// The day of the payment, while what the quote sold is owed: it is paid in full, no money of it went back, and
    /// nothing was delivered yet. When some went back first, or what was sold is not there to be delivered, a person decides
    /// (R78).
    pub fn deliverable_since(&self) -> Option<Date> {
        let withheld = || self.history.iter().any(|entry| matches!(entry.event, Event::Withheld { .. }));
        match self.stage {
            Stage::Paid { on } if self.payments.iter().all(|payment| payment.refunded == 0) && !withheld() => Some(on),
            _ => None,
        }
    }

    /// Whether nothing of what it sold may stand: all its money went back, or some of it before anything was delivered. What
    /// was delivered is taken back, and so is what was being delivered while the money went (R78, R87).
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

    /// Notes that a line cannot be delivered as it was sold; nothing of the quote is owed any more until a person decides.
    /// `None` unless it is owed.
    pub fn withhold(&self, line: u32, reason: Withheld, now: Timestamp) -> Option<Change> {
        self.deliverable_since()?;
        Some(self.change(Actor::System, Event::Withheld { line, reason }, now, |_| {}))
    }

    /// Enters what was delivered. `None` unless it is owed.
    pub fn deliver(&self, delivery: Delivery, now: Timestamp) -> Option<Change> {
        let on = self.deliverable_since()?;
        let invoice = delivery.invoice.clone();
        Some(self.change(Actor::System, Event::Delivered { invoice }, now, |next| next.stage = Stage::Delivered { on, delivery }))
    }

    /// The entries that `old` does not have: what a consumer of the stream has to act on.
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
    /// What happens at the same time, in the same write.
    fn and(self, actor: Actor, event: Event, now: Timestamp, alter: impl FnOnce(&mut Quote)) -> Self {
        let mut change = self.next.change(actor, event, now, alter);
        change.next.version = self.next.version;
        change
    }
}

/// As many bytes as something has that is stored.
fn stored_size(stored: &impl Serialize) -> usize {
    serde_json::to_vec(stored).map_or(usize::MAX, |bytes| bytes.len())
}

/// How an offer begins: a person looks at it first, or it is issued.
fn offered(offer: &Offer) -> (Stage, Event, Status) {
    let revision = offer.revision;
    match offer.review.is_empty() {
        true => (Stage::Issued, Event::Issued { revision }, Status::Issued),
        false => (Stage::InReview, Event::Submitted { revision, reasons: offer.review.clone() }, Status::InReview),
    }
}
