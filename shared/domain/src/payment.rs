//! Money: the ways to pay, what a provider tells of a payment, and where the money of each went.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Money, QuoteNumber};

/// A way to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Credit card.
    Card,
    /// PayPal.
    Paypal,
    /// Mailed check.
    Check,
    /// Bank transfer.
    BankTransfer,
    /// Automated Clearing House: US banks, US dollars.
    Ach,
    /// Invoice, payable within 30 days.
    #[serde(rename = "net_30")]
    Net30,
}

impl Method {
    /// Every method.
    pub const ALL: [Self; 6] = [Self::Card, Self::Paypal, Self::Check, Self::BankTransfer, Self::Ach, Self::Net30];

    /// The key of its name among the vendor's texts.
    pub fn name_key(self) -> &'static str {
        match self {
            Self::Card => "method.card",
            Self::Paypal => "method.paypal",
            Self::Check => "method.check",
            Self::BankTransfer => "method.bank_transfer",
            Self::Ach => "method.ach",
            Self::Net30 => "method.net_30",
        }
    }

    /// As it is written on the wire and in the policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Paypal => "paypal",
            Self::Check => "check",
            Self::BankTransfer => "bank_transfer",
            Self::Ach => "ach",
            Self::Net30 => "net_30",
        }
    }
}

/// A payment, named as its provider names it: `stripe:pi_…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentId(String);

impl PaymentId {
    /// `id` as `provider` gave it.
    pub fn new(provider: &str, id: &str) -> Self {
        Self(format!("{provider}:{id}"))
    }

    /// Provider and id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a provider told, in our words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentNotice {
    /// The payment it is about.
    pub payment: PaymentId,
    /// When it happened, by the provider's clock: a payment counts from then, however late it is told.
    pub at: Timestamp,
    /// What it was for, as far as the event says.
    pub reference: Option<Reference>,
    /// What happened.
    pub event: PaymentEvent,
}

/// What a payment was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The quote.
    pub quote: QuoteNumber,
    /// The revision that was offered when the payment began, when the event says.
    pub revision: Option<u32>,
}

/// What happened to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// The money is there.
    Succeeded {
        /// What arrived.
        money: Money,
        /// By one of these methods: a provider may say only which were possible.
        methods: Vec<Method>,
    },
    /// An attempt failed; the buyer may try again.
    Failed {
        /// The provider's code for it.
        reason: String,
    },
    /// We gave some or all of the money back.
    Refunded {
        /// How much in all so far: never a difference, so that it can be told twice.
        total: Money,
    },
    /// The payer's bank withdrew some or all of it: a chargeback, or a debit that was returned.
    ChargedBack {
        /// The provider's name for this dispute: a payment may have several.
        dispute: String,
        /// How much went back in this dispute: never a difference.
        money: Money,
    },
}

/// Where one payment went. One per payment, whatever becomes of it: no money that was told is ever lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The payment.
    pub payment: PaymentId,
    /// Of the stored item; 1 when it is created.
    pub version: u64,
    /// Where the money went.
    #[serde(rename = "whereabouts")]
    pub allocation: Allocation,
    /// How much of it we gave back so far, in minor units.
    pub refunded: i64,
    /// How much of it the payer's bank withdrew, in minor units, by dispute.
    #[serde(rename = "withdrawn", default, skip_serializing_if = "BTreeMap::is_empty")]
    pub charged_back: BTreeMap<String, i64>,
}

impl Receipt {
    /// The receipt of a payment of which nothing is known: version 0, which is never stored.
    pub(crate) fn unknown(payment: PaymentId) -> Self {
        Self { payment, version: 0, allocation: Allocation::Awaited, refunded: 0, charged_back: BTreeMap::new() }
    }

    /// How much of it went back so far, one way or the other, in minor units.
    pub fn returned(&self) -> i64 {
        self.refunded + self.charged_back.values().sum::<i64>()
    }
}

/// Where money went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Allocation {
    /// Nothing was told so far but that money went back: it waits for its payment.
    Awaited,
    /// It paid this quote.
    Applied {
        /// The quote.
        quote: QuoteNumber,
    },
    /// It is ours to give back or to match by hand.
    Unapplied {
        /// Why it pays nothing.
        reason: Unapplied,
        /// What arrived.
        money: Money,
        /// The quote that it named, if any.
        quote: Option<QuoteNumber>,
        /// When it was paid.
        at: Timestamp,
    },
}

/// Why money could not be applied, the more telling reasons after the less.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unapplied {
    /// It names no quote.
    NoReference,
    /// It names a quote that does not exist.
    QuoteUnknown,
    /// A person has not looked at the quote yet, or has refused it (R32).
    NotOffered,
    /// The quote is paid already, by another payment. It comes before the reasons below, or money that was kept for one
    /// of them would change its reason when it is told again after another payment.
    AlreadyPaid,
    /// It was paid after the quote had expired (E26).
    QuoteExpired,
    /// It was paid for a revision that is no longer offered (R24).
    RevisionSuperseded,
    /// The quote is in another currency (E27).
    CurrencyMismatch,
    /// The quote asks for another amount.
    AmountMismatch,
    /// The quote does not admit this method (R69, R70).
    MethodNotAllowed,
}

/// An entry of a quote's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The payment.
    pub payment: PaymentId,
    /// How much, in minor units of the quote's currency.
    pub amount: i64,
    /// By which method.
    pub method: Method,
    /// When the money was there.
    pub at: Timestamp,
    /// How much of it went back, given back by us or withdrawn by the payer's bank, in minor units.
    pub refunded: i64,
}
