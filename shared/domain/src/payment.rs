//! Money that a provider tells of: what it was for, where it went, and what happens when it is told again.
//!
//! A provider may tell one payment by several events, several times, in any order (facts 2.12). Two aggregates make
//! that harmless: the quote's ledger holds each payment at most once, and a [`Receipt`] per payment says where the
//! money went. [`settle`] decides both at once, and its outcome depends on what was told, not on how often.

use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    Currency, Money, QuoteNumber,
    quote::{Change, Offer, Quote, Stage},
};

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
pub struct Told {
    /// The payment it is about.
    pub payment: PaymentId,
    /// When it happened, by the provider's clock: a payment counts from then, however late it is told.
    pub at: Timestamp,
    /// What it was for, as far as the event says.
    pub reference: Option<Reference>,
    /// What happened.
    pub news: News,
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
pub enum News {
    /// The money is there.
    Succeeded {
        /// How much.
        money: Money,
        /// By one of these methods: a provider may say only which were possible.
        methods: Vec<Method>,
    },
    /// An attempt failed; the buyer may try again.
    Failed {
        /// The provider's code for it.
        reason: String,
    },
    /// Some or all of the money went back.
    Refunded {
        /// How much in all so far: never a difference, so that it can be told twice.
        total: Money,
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
    pub whereabouts: Whereabouts,
    /// How much of it went back so far, in minor units.
    pub refunded: i64,
}

/// Where money went.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Whereabouts {
    /// Nothing but a refund was told so far: it waits for its payment.
    Awaited,
    /// It paid this quote.
    Applied {
        /// The quote.
        quote: QuoteNumber,
    },
    /// It is ours to give back or to match by hand.
    Unapplied {
        /// Why.
        reason: Unapplied,
        /// How much.
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
    /// How much of it went back, in minor units.
    pub refunded: i64,
}

/// What to write. Nothing to write is an outcome too: it was all known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The receipt as it shall be; its version is the one before, plus one.
    pub receipt: Option<Receipt>,
    /// The change of the quote.
    pub quote: Option<Change>,
}

/// Decides what one telling means, given what is known of the payment and of the quote that it names or paid.
///
/// `quote` is the one that the receipt says was paid, or else the one that the event names, when it exists.
pub fn settle(told: &Told, receipt: Option<&Receipt>, quote: Option<&Quote>, now: Timestamp) -> Settlement {
    match &told.news {
        News::Succeeded { money, methods } => succeeded(told, *money, methods, receipt, quote, now),
        News::Refunded { total } => refunded(told, *total, receipt, quote, now),
        News::Failed { reason } => {
            Settlement { receipt: None, quote: quote.and_then(|quote| quote.payment_failed(&told.payment, reason, now)) }
        }
    }
}

fn succeeded(
    told: &Told,
    money: Money,
    methods: &[Method],
    receipt: Option<&Receipt>,
    quote: Option<&Quote>,
    now: Timestamp,
) -> Settlement {
    let refunded = receipt.map_or(0, |receipt| receipt.refunded);
    let pays = match (&told.reference, quote) {
        (None, _) => Err(Unapplied::NoReference),
        (Some(_), None) => Err(Unapplied::QuoteUnknown),
        (Some(reference), Some(quote)) => fit(quote, reference, money, methods, told.at).map(|method| (quote, method)),
    };
    let (whereabouts, change) = match (receipt.map(|receipt| &receipt.whereabouts), pays) {
        (Some(Whereabouts::Applied { .. }), _) => return Settlement::default(),
        // Events of one payment may say different things about it. It pays if it does by any of them, whichever comes
        // first; and if by none, the most telling reason stays.
        (Some(Whereabouts::Unapplied { reason: known, .. }), Err(reason)) if reason <= *known => return Settlement::default(),
        (_, Err(reason)) => {
            let quote = told.reference.as_ref().map(|reference| reference.quote.clone());
            (Whereabouts::Unapplied { reason, money, quote, at: told.at }, None)
        }
        (_, Ok((quote, method))) => {
            let payment = Payment { payment: told.payment.clone(), amount: money.minor, method, at: told.at, refunded };
            (Whereabouts::Applied { quote: quote.number.clone() }, Some(quote.pay(payment, now)))
        }
    };
    let receipt = Receipt { payment: told.payment.clone(), version: next_version(receipt), whereabouts, refunded };
    Settlement { receipt: Some(receipt), quote: change }
}

fn refunded(told: &Told, total: Money, receipt: Option<&Receipt>, quote: Option<&Quote>, now: Timestamp) -> Settlement {
    if receipt.is_some_and(|receipt| receipt.refunded >= total.minor) {
        return Settlement::default();
    }
    let whereabouts = receipt.map_or(Whereabouts::Awaited, |receipt| receipt.whereabouts.clone());
    let paid_in = match &whereabouts {
        Whereabouts::Awaited => None,
        Whereabouts::Applied { .. } => quote.map(|quote| quote.offer.currency),
        Whereabouts::Unapplied { money, .. } => Some(money.currency),
    };
    if paid_in.is_some_and(|currency| currency != total.currency) {
        return Settlement::default();
    }
    let change = match (&whereabouts, quote) {
        (Whereabouts::Applied { quote: paid }, Some(quote)) if quote.number == *paid => {
            quote.refund(&told.payment, total.minor, now)
        }
        _ => None,
    };
    let receipt = Receipt { payment: told.payment.clone(), version: next_version(receipt), whereabouts, refunded: total.minor };
    Settlement { receipt: Some(receipt), quote: change }
}

fn next_version(receipt: Option<&Receipt>) -> u64 {
    receipt.map_or(1, |receipt| receipt.version + 1)
}

/// The method by which this money pays this quote, or why it does not.
fn fit(quote: &Quote, reference: &Reference, money: Money, methods: &[Method], at: Timestamp) -> Result<Method, Unapplied> {
    let offer = &quote.offer;
    if !matches!(quote.stage, Stage::Issued) {
        Err(Unapplied::AlreadyPaid)
    } else if reference.revision.is_some_and(|revision| revision != offer.revision) {
        Err(Unapplied::RevisionSuperseded)
    } else if at >= offer.expires_at {
        Err(Unapplied::QuoteExpired)
    } else if money.currency != offer.currency {
        Err(Unapplied::CurrencyMismatch)
    } else if money.minor != offer.total {
        Err(Unapplied::AmountMismatch)
    } else {
        methods.iter().copied().find(|method| offer.admits(*method)).ok_or(Unapplied::MethodNotAllowed)
    }
}

/// Whether a quote may be paid by a method, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodOffer {
    /// The method.
    pub method: Method,
    /// Why it may not be used; absent when it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<MethodRefusal>,
}

/// Why a method may not be used on a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodRefusal {
    /// Not in this currency (R69, R70).
    MethodNotAllowedForCurrency,
    /// The net is below the currency's threshold (R74).
    BelowThreshold,
    /// No threshold is configured in this currency, so the method is not offered (R74).
    NoThresholdForCurrency,
}

impl MethodRefusal {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MethodNotAllowedForCurrency => "method_not_allowed_for_currency",
            Self::BelowThreshold => "below_threshold",
            Self::NoThresholdForCurrency => "no_threshold_for_currency",
        }
    }
}

/// Every method of the vendor's, with whether a quote of this net may use it.
pub fn methods(policy: &crate::Policy, currency: Currency, net: i64) -> Vec<MethodOffer> {
    let refusal = |rules: &crate::policy::MethodPolicy| {
        let excluded = rules.currencies.as_ref().is_some_and(|only| !only.contains(&currency))
            || rules.except_currencies.contains(&currency);
        if excluded {
            return Some(MethodRefusal::MethodNotAllowedForCurrency);
        }
        let thresholds = rules.minimum_net.as_ref()?;
        match thresholds.iter().find(|(of, _)| *of == currency) {
            None => Some(MethodRefusal::NoThresholdForCurrency),
            Some((_, least)) => (net < *least).then_some(MethodRefusal::BelowThreshold),
        }
    };
    policy.methods.iter().map(|rules| MethodOffer { method: rules.method, refused: refusal(rules) }).collect()
}

/// The day on which a payment counts, in the vendor's time zone (R81).
pub fn value_date(at: Timestamp, zone: &TimeZone) -> jiff::civil::Date {
    at.to_zoned(zone.clone()).date()
}

impl Offer {
    /// Whether the offer may be paid by this method.
    pub fn admits(&self, method: Method) -> bool {
        self.methods.iter().any(|offer| offer.method == method && offer.refused.is_none())
    }
}
