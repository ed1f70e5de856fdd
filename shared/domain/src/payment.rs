//! Payments: the payment methods, the notices of payment providers, and how each payment is allocated.

mod receipt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use self::receipt::{Allocation, Closed, Receipt, Refund, Report, ReportReason, Unapplied};
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

/// How a payment was made, as its provider reports it. This is finer than [`Method`]: a vendor offers "ACH", and a provider
/// reports a debit of a bank account in the United States.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaidBy {
    /// Credit card, also from a wallet on a telephone.
    Card,
    /// Stripe's wallet Link.
    Link,
    /// PayPal.
    Paypal,
    /// Mailed check.
    Check,
    /// Bank transfer.
    BankTransfer,
    /// Automated Clearing House, paid in by the buyer.
    Ach,
    /// A debit of a bank account in the United States (ACH Direct Debit).
    UsBankAccount,
    /// A debit of a bank account in the euro area (SEPA Direct Debit).
    SepaDebit,
    /// A debit of a bank account in Australia (BECS Direct Debit).
    AuBecsDebit,
    /// Invoice, payable within 30 days.
    #[serde(rename = "net_30")]
    Net30,
    /// Something else, which no policy can offer.
    Other,
}

impl PaidBy {
    /// Every way of paying.
    pub const ALL: [Self; 11] = [
        Self::Card,
        Self::Link,
        Self::Paypal,
        Self::Check,
        Self::BankTransfer,
        Self::Ach,
        Self::UsBankAccount,
        Self::SepaDebit,
        Self::AuBecsDebit,
        Self::Net30,
        Self::Other,
    ];

    /// The method whose rules decide whether a quote may be paid in this way (R69, R70, R76): Link's follow those of cards, a
    /// debit in the United States those of ACH, and the other debits those of bank transfers.
    pub fn offered_as(self) -> Option<Method> {
        match self {
            Self::Card | Self::Link => Some(Method::Card),
            Self::Paypal => Some(Method::Paypal),
            Self::Check => Some(Method::Check),
            Self::BankTransfer | Self::SepaDebit | Self::AuBecsDebit => Some(Method::BankTransfer),
            Self::Ach | Self::UsBankAccount => Some(Method::Ach),
            Self::Net30 => Some(Method::Net30),
            Self::Other => None,
        }
    }

    /// The name in the API and in the keys of the vendor's texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Link => "link",
            Self::Paypal => "paypal",
            Self::Check => "check",
            Self::BankTransfer => "bank_transfer",
            Self::Ach => "ach",
            Self::UsBankAccount => "us_bank_account",
            Self::SepaDebit => "sepa_debit",
            Self::AuBecsDebit => "au_becs_debit",
            Self::Net30 => "net_30",
            Self::Other => "other",
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

    /// Reads an id as [`as_str`](Self::as_str) writes it; `None` for a text that is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (provider, id) = text.split_once(':')?;
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte));
        let fits = !provider.is_empty() && !id.is_empty() && text.len() <= 255;
        (fits && plain(provider) && plain(id)).then(|| Self(text.to_owned()))
    }
}

/// What a provider reports about a payment, independent of the provider's format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentNotice {
    /// The provider's id of the event.
    pub id: String,
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
    /// The revision that was offered when the payment began.
    pub revision: NamedRevision,
}

/// The revision that an event names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamedRevision {
    /// The event names none.
    Unstated,
    /// The event names this one.
    Stated(u32),
    /// The event names one that is not a number, so it is unknown what was paid for.
    Unreadable,
}

/// What happened to a payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PaymentEvent {
    /// The money has arrived.
    Succeeded {
        /// The amount that arrived.
        money: Money,
        /// How the payment was made, if there is one entry. Several are the possible ways: an event may report only these, and
        /// another event of the same payment reports the one that was used.
        methods: Vec<PaidBy>,
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
    /// A dispute was won, and its money is back. A person decides what follows: what it had paid for was taken back and may be
    /// sold again.
    DisputeWon,
    /// The state of one refund changed. A refund may fail after it was reported, and then its money is the vendor's again.
    RefundUpdated {
        /// The provider's name for this refund.
        refund: String,
        /// Its amount.
        money: Money,
        /// Its state.
        state: RefundState,
    },
}

/// The state of a refund, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// The refund is under way.
    Pending,
    /// The refund waits for the buyer, who must state where to send the money.
    RequiresAction,
    /// The buyer has the money.
    Succeeded,
    /// The refund was cancelled: the money is the vendor's.
    Canceled,
    /// The buyer's bank did not accept the money: the money is the vendor's.
    Failed,
}

/// An entry of a quote's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The payment.
    pub payment: PaymentId,
    /// The amount, in minor units of the quote's currency.
    pub amount: i64,
    /// How the payment was made; absent while no event has stated it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<PaidBy>,
    /// When the payment was made, by the provider's clock.
    pub at: Timestamp,
    /// The total that was returned, refunded by the vendor or taken back by the payer's bank, in minor units.
    pub refunded: i64,
}
