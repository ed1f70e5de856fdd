//! What happened to a quote, in order (R118).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{number::InvoiceNumber, order::ReviewReason, payment::PaymentId};

/// A quote's status, as others see it at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A person looks at it first.
    InReview,
    /// A person has refused it.
    Rejected,
    /// Payable.
    Issued,
    /// No longer payable, and not paid.
    Expired,
    /// Paid in full.
    Paid,
    /// The money went back.
    Refunded,
}

/// One thing that happened, with who did it and what it changed (R118).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 … without gaps.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    #[serde(flatten)]
    pub event: Event,
    /// The status before; absent when there was no quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Status>,
    /// The status after.
    pub after: Status,
}

impl Entry {
    /// It, as whoever holds the quote's link may read it: without who of the staff decided.
    pub fn for_buyers(&self) -> Self {
        let event = match &self.event {
            Event::Approved { .. } => Event::Approved { by: None, email: None, reason: None },
            Event::Rejected { reason, .. } => Event::Rejected { by: None, email: None, reason: reason.clone() },
            event => event.clone(),
        };
        Self { event, ..self.clone() }
    }
}

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Whoever holds the request or the link: the offer says who that claims to be.
    Buyer,
    /// The vendor's staff: the event says who.
    Staff,
    /// A payment provider.
    Provider,
    /// Sellthrough itself.
    System,
}

/// What happened to a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A revision was asked for that a person must look at first.
    Submitted {
        /// Which.
        revision: u32,
        /// Why.
        reasons: Vec<ReviewReason>,
    },
    /// A person approved it (R34).
    Approved {
        /// Who: the subject of their token. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Their address then, if their token had one that was verified. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// Why. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A person refused it (R34).
    Rejected {
        /// Who: the subject of their token. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Their address then, if their token had one that was verified. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// Why, for whoever asked.
        reason: String,
    },
    /// A revision was issued.
    Issued {
        /// Which.
        revision: u32,
    },
    /// An attempt to pay failed.
    PaymentFailed {
        /// Which.
        payment: PaymentId,
        /// The provider's code.
        reason: String,
    },
    /// It was paid in full.
    Paid {
        /// By which payment.
        payment: PaymentId,
    },
    /// Money went back.
    Refunded {
        /// Of which payment.
        payment: PaymentId,
        /// How much of it in all, in minor units.
        total: i64,
    },
    /// It is paid, and what it sold cannot be delivered as it was sold: a person decides.
    Withheld {
        /// The line.
        line: u32,
        /// Why.
        reason: Withheld,
    },
    /// What it sold was delivered.
    Delivered {
        /// The invoice.
        invoice: InvoiceNumber,
    },
}

/// Why what was paid cannot be delivered as it was sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// The entitlement is not what it was when the line was priced: another quote about it was paid first.
    EntitlementChanged,
    /// The licence that moves to the cloud was credited by another quote (R62).
    SourceCredited,
    /// The customer has a subscription to this government product by now (R106).
    SubscriptionExists,
}
