//! The receipt of a payment: where its money is, what was returned of it, and what a person must look at.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{PaymentId, RefundState};
use crate::{Currency, Money, QuoteNumber};

/// The receipt of one payment: how its money is allocated. Every payment whose money arrived or was returned has exactly one,
/// so no money is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The payment.
    pub payment: PaymentId,
    /// The version of the stored item; 1 when it is created.
    pub version: u64,
    /// How the money is allocated.
    #[serde(rename = "whereabouts")]
    pub allocation: Allocation,
    /// The total that the vendor refunded so far, in minor units.
    pub refunded: i64,
    /// The total that the payer's bank took back, in minor units, by dispute.
    #[serde(rename = "withdrawn", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charged_back: BTreeMap<String, i64>,
    /// When money was returned last. Receipts that were stored earlier lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<Timestamp>,
    /// The currency of what was returned, while the payment itself is awaited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub returned_in: Option<Currency>,
    /// The refunds by the provider's names. They do not count yet: `refunded` does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refunds: BTreeMap<String, Refund>,
    /// The events at which a person must look, the first [`MAX_REPORTS`](Self::MAX_REPORTS).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reports: Vec<Report>,
    /// The decision that nothing is left to do; absent again as soon as something new happens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
}

impl Receipt {
    /// The most reports that a receipt stores, so that its item stays small.
    pub const MAX_REPORTS: usize = 50;

    /// The receipt of a payment without any notice: version 0, which is never stored.
    pub(crate) fn unknown(payment: PaymentId) -> Self {
        Self {
            payment,
            version: 0,
            allocation: Allocation::Awaited,
            refunded: 0,
            charged_back: BTreeMap::new(),
            returned_at: None,
            returned_in: None,
            refunds: BTreeMap::new(),
            reports: Vec::new(),
            closed: None,
        }
    }

    /// Since when a person must decide about this payment: its money pays nothing and was not returned, or an event of it was
    /// reported. `None` when nothing is to be decided.
    pub fn undecided_since(&self) -> Option<Timestamp> {
        let unapplied = match &self.allocation {
            Allocation::Unapplied { money, at, .. } if self.returned() < money.minor => Some(*at),
            _ => None,
        };
        let reported = self.reports.first().map(|report| report.recorded_at);
        unapplied.into_iter().chain(reported).min().filter(|_| self.closed.is_none())
    }

    /// Records that nothing is left to decide. `None` when nothing is to be decided.
    pub fn close(&self, closed: Closed) -> Option<Self> {
        self.undecided_since()?;
        Some(Self { version: self.version + 1, closed: Some(closed), ..self.clone() })
    }

    /// The total that was returned so far, refunded or charged back, in minor units.
    pub fn returned(&self) -> i64 {
        self.refunded + self.charged_back.values().sum::<i64>()
    }
}

/// How the money of a payment is allocated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Allocation {
    /// Only a refund or a chargeback was reported so far. The receipt waits for the payment.
    Awaited,
    /// The money paid this quote.
    Applied {
        /// The quote.
        quote: QuoteNumber,
    },
    /// The money is unapplied: staff refund it or allocate it by hand.
    Unapplied {
        /// Why the money is unapplied.
        reason: Unapplied,
        /// The amount that arrived.
        money: Money,
        /// The quote that the payment named, if any.
        quote: Option<QuoteNumber>,
        /// When the payment was made.
        at: Timestamp,
    },
}

/// Why money could not be applied, from the least to the most specific reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unapplied {
    /// The money was returned before the quote was offered as it is offered now. It replaces no other reason.
    Returned,
    /// The payment names no quote.
    NoReference,
    /// The payment names a quote that does not exist.
    QuoteUnknown,
    /// The quote was in review or rejected (R32).
    NotOffered,
    /// The quote is paid already, by another payment. This reason comes before the ones below. Otherwise money that is
    /// unapplied for one of them would change its reason when its notice is repeated after another payment.
    AlreadyPaid,
    /// The payment was made after the quote had expired (E26).
    QuoteExpired,
    /// The payment was for a revision that is no longer offered (R24).
    RevisionSuperseded,
    /// The payment names a revision, and the name is not a number.
    RevisionUnreadable,
    /// The quote is in another currency (E27).
    CurrencyMismatch,
    /// The amount is not the total of the quote.
    AmountMismatch,
    /// The quote admits some of the possible methods, and no event has reported which of them was used.
    MethodUnstated,
    /// The quote does not admit this method (R69, R70).
    MethodNotAllowed,
}

/// A refund, as the provider reported it last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The amount.
    pub money: Money,
    /// The state.
    pub state: RefundState,
    /// When the provider reported this state, by the provider's clock.
    pub at: Timestamp,
}

/// An event about a payment that the system did not act on, or not completely. Staff see it and decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The provider's id of the event.
    pub event: String,
    /// Why a person must look.
    pub reason: ReportReason,
    /// When the event happened, by the provider's clock.
    pub at: Timestamp,
    /// When the event was recorded here.
    pub recorded_at: Timestamp,
    /// The quote that the event names, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteNumber>,
    /// The money that the event reports, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub money: Option<Money>,
}

/// Why a person must look at an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportReason {
    /// The event is of another account at the provider. It was refused.
    OtherAccount,
    /// The event is older than the quote that it names. It was refused.
    BeforeQuote,
    /// The event is dated in the future. It was refused.
    InFuture,
    /// Money was returned in another currency than the one in which it was paid. It was not counted.
    CurrencyDiffers,
    /// A refund failed or was cancelled: the buyer does not have the money.
    RefundFailed,
    /// A dispute was won: its money is back.
    MoneyReinstated,
}

impl ReportReason {
    /// Whether the event had no effect at all.
    pub fn refused(self) -> bool {
        matches!(self, Self::OtherAccount | Self::BeforeQuote | Self::InFuture)
    }
}

/// A staff member's statement that nothing is left to decide about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When it was decided.
    pub at: Timestamp,
    /// The staff member: the subject of the token.
    pub by: String,
    /// The staff member's e-mail address, if the token had a verified one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What was done.
    pub reason: String,
}
