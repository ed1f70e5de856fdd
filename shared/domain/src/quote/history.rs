//! The history of a quote: its events, in order (R118).

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{number::InvoiceNumber, order::ReviewReason, party::Email, payment::PaymentId};

/// The status of a quote at a time, as the API shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A person must review the quote first.
    InReview,
    /// A reviewer rejected the quote.
    Rejected,
    /// The quote is payable.
    Issued,
    /// The quote was not paid and is no longer payable.
    Expired,
    /// The quote is paid in full.
    Paid,
    /// All the money was returned.
    Refunded,
}

/// One event, with its actor and the status before and after (R118).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The number of the entry: 1, 2, 3 … without gaps.
    pub seq: u32,
    /// When it happened.
    pub at: Timestamp,
    /// Who caused the event.
    pub actor: Actor,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
    /// The status before; absent for the first event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Status>,
    /// The status after.
    pub after: Status,
}

impl Entry {
    /// The entry as a holder of the quote's link may read it: without the staff member who decided and without the reason of an
    /// approval.
    pub fn for_buyers(&self) -> Self {
        let event = match &self.event {
            Event::Approved { .. } => Event::Approved { by: None, email: None, reason: None },
            Event::Rejected { reason, .. } => Event::Rejected { by: None, email: None, reason: reason.clone() },
            event => event.clone(),
        };
        Self { event, ..self.clone() }
    }
}

/// Who caused an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// The sender of the request or the holder of the link. The offer names the contact.
    Buyer,
    /// A member of the vendor's staff, named by the event.
    Staff,
    /// A payment provider.
    Provider,
    /// The system.
    System,
}

/// The staff member who decides about a quote.
#[derive(Debug, Clone, Copy)]
pub struct Reviewer<'r> {
    /// The subject of the reviewer's token.
    pub subject: &'r str,
    /// The reviewer's e-mail address, if the token has a verified one.
    pub email: Option<&'r str>,
}

impl Reviewer<'_> {
    /// Whether this person has the mailbox of an address. All addresses of one mailbox belong to one person.
    pub fn has_mailbox_of(&self, address: &Email) -> bool {
        let own = self.email.and_then(Email::parse);
        own.is_some_and(|own| own.mailbox() == address.mailbox())
    }
}

/// An event of a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A revision was requested that a person must review.
    Submitted {
        /// The revision.
        revision: u32,
        /// The reasons for the review.
        reasons: Vec<ReviewReason>,
    },
    /// A reviewer approved the revision (R34).
    Approved {
        /// The reviewer: the subject of the token. Hidden from buyers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The reviewer's e-mail address, if the token had a verified one. Hidden from buyers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// The reason. Hidden from buyers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A reviewer rejected the revision (R34).
    Rejected {
        /// The reviewer: the subject of the token. Hidden from buyers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// The reviewer's e-mail address, if the token had a verified one. Hidden from buyers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// The reason, which the requester reads.
        reason: String,
    },
    /// A revision was issued.
    Issued {
        /// The revision.
        revision: u32,
    },
    /// A payment attempt failed.
    PaymentFailed {
        /// The payment.
        payment: PaymentId,
        /// The provider's code for the failure.
        reason: String,
    },
    /// The quote was paid in full.
    Paid {
        /// The completing payment.
        payment: PaymentId,
    },
    /// Money was returned.
    Refunded {
        /// The payment whose money was returned.
        payment: PaymentId,
        /// The total that was returned of the payment so far, in minor units.
        total: i64,
    },
    /// The quote is paid, but a line cannot be delivered as it was sold. A person decides.
    Withheld {
        /// The number of the line.
        line: u32,
        /// Why the line is withheld.
        reason: Withheld,
    },
    /// The quote was fulfilled.
    Delivered {
        /// The number of the invoice.
        invoice: InvoiceNumber,
    },
}

/// Why a paid line cannot be delivered as it was sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// The entitlement changed after the line was priced: another quote for it was paid first.
    EntitlementChanged,
    /// The licence that moves to the cloud was credited by another quote (R62).
    SourceCredited,
    /// The customer has another subscription to this government product now (R106).
    SubscriptionExists,
}
