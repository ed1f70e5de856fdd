//! Payments: the payment methods, the notices of payment providers, and how each payment is allocated.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Money, QuoteNumber};

/// A payment method.
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

    /// The key of the method's name among the vendor's texts.
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

    /// The name in the API and in the policy.
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

/// The id of a payment: the provider and the provider's id, `stripe:pi_…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PaymentId(String);

impl PaymentId {
    /// The payment that `provider` calls `id`.
    pub fn new(provider: &str, id: &str) -> Self {
        Self(format!("{provider}:{id}"))
    }

    /// The provider and the id, separated by a colon.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a provider reports about a payment, independent of the provider's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentNotice {
    /// The payment.
    pub payment: PaymentId,
    /// When the event happened, by the provider's clock. A payment counts from this time, however late the notice arrives.
    pub at: Timestamp,
    /// What the payment was for, if the event states it.
    pub reference: Option<Reference>,
    /// What happened.
    pub event: PaymentEvent,
}

/// What a payment was for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The quote.
    pub quote: QuoteNumber,
    /// The revision that was offered when the payment began, if the event states it.
    pub revision: Option<u32>,
}

/// What happened to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// The money has arrived.
    Succeeded {
        /// The amount that arrived.
        money: Money,
        /// The possible methods, of which one was used: a provider may report only these.
        methods: Vec<Method>,
    },
    /// An attempt failed; the buyer may try again.
    Failed {
        /// The provider's code for the failure.
        reason: String,
    },
    /// The vendor refunded some or all of the money.
    Refunded {
        /// The total refunded so far. It is never a difference, so that a repeated notice changes nothing.
        total: Money,
    },
    /// The payer's bank took back some or all of the money: a chargeback, or a returned debit.
    ChargedBack {
        /// The provider's name for this dispute: a payment may have several.
        dispute: String,
        /// The total that was taken back in this dispute. It is never a difference.
        money: Money,
    },
}

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
}

impl Receipt {
    /// The receipt of a payment without any notice: version 0, which is never stored.
    pub(crate) fn unknown(payment: PaymentId) -> Self {
        Self { payment, version: 0, allocation: Allocation::Awaited, refunded: 0, charged_back: BTreeMap::new() }
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
    /// The quote is in another currency (E27).
    CurrencyMismatch,
    /// The amount is not the total of the quote.
    AmountMismatch,
    /// The quote does not admit this method (R69, R70).
    MethodNotAllowed,
}

/// An entry of a quote's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The payment.
    pub payment: PaymentId,
    /// The amount, in minor units of the quote's currency.
    pub amount: i64,
    /// The payment method.
    pub method: Method,
    /// When the payment was made, by the provider's clock.
    pub at: Timestamp,
    /// The total that was returned, refunded by the vendor or taken back by the payer's bank, in minor units.
    pub refunded: i64,
}
