//! What becomes of money that a provider tells of.
//!
//! A provider may tell one payment by several events, several times, in any order (facts 2.12). Two aggregates make
//! that harmless: the quote's ledger holds each payment at most once, and a [`Receipt`] per payment says where the
//! money went. [`settle`] decides both at once, and its outcome depends on what was told, not on how often.

use jiff::Timestamp;

use crate::{
    Money,
    payment::{Allocation, Method, Payment, PaymentEvent, PaymentNotice, Receipt, Reference, Unapplied},
    quote::{Change, Quote, Stage},
};

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
pub fn settle(notice: &PaymentNotice, receipt: Option<&Receipt>, quote: Option<&Quote>, now: Timestamp) -> Settlement {
    match &notice.event {
        PaymentEvent::Succeeded { money, methods } => succeeded(notice, *money, methods, receipt, quote, now),
        PaymentEvent::Refunded { total } => money_returned(notice, *total, receipt, quote, now, |receipt| &mut receipt.refunded),
        PaymentEvent::ChargedBack { dispute, money } => money_returned(notice, *money, receipt, quote, now, |receipt| {
            receipt.charged_back.entry(dispute.clone()).or_default()
        }),
        PaymentEvent::Failed { reason } => {
            Settlement { receipt: None, quote: quote.and_then(|quote| quote.payment_failed(&notice.payment, reason, now)) }
        }
    }
}

fn succeeded(
    notice: &PaymentNotice,
    money: Money,
    methods: &[Method],
    receipt: Option<&Receipt>,
    quote: Option<&Quote>,
    now: Timestamp,
) -> Settlement {
    let mut next = renewed(notice, receipt);
    let pays = match (&notice.reference, quote) {
        (None, _) => Err(Unapplied::NoReference),
        (Some(_), None) => Err(Unapplied::QuoteUnknown),
        (Some(reference), Some(quote)) => fit(quote, reference, money, methods, notice.at).map(|method| (quote, method)),
    };
    let change;
    (next.allocation, change) = match (receipt.map(|receipt| &receipt.allocation), pays) {
        (Some(Allocation::Applied { .. }), _) => return Settlement::default(),
        // Events of one payment may say different things about it. It pays if it does by any of them, whichever comes
        // first; and if by none, the most telling reason stays.
        (Some(Allocation::Unapplied { reason: known, .. }), Err(reason)) if reason <= *known => return Settlement::default(),
        (_, Err(reason)) => {
            let quote = notice.reference.as_ref().map(|reference| reference.quote.clone());
            (Allocation::Unapplied { reason, money, quote, at: notice.at }, None)
        }
        (_, Ok((quote, method))) => {
            let refunded = next.returned();
            let payment = Payment { payment: notice.payment.clone(), amount: money.minor, method, at: notice.at, refunded };
            (Allocation::Applied { quote: quote.number.clone() }, Some(quote.pay(payment, now)))
        }
    };
    Settlement { receipt: Some(next), quote: change }
}

/// Enters that money went back, where it counts: by one `account` of it so much in all. Both refunds and disputes only ever
/// rise, so what went back in all does not depend on the order in which they are told.
fn money_returned(
    notice: &PaymentNotice,
    total: Money,
    receipt: Option<&Receipt>,
    quote: Option<&Quote>,
    now: Timestamp,
    account: impl FnOnce(&mut Receipt) -> &mut i64,
) -> Settlement {
    let mut next = renewed(notice, receipt);
    let known = account(&mut next);
    if *known >= total.minor {
        return Settlement::default();
    }
    *known = total.minor;
    let paid_in = match &next.allocation {
        Allocation::Awaited => None,
        Allocation::Applied { .. } => quote.map(|quote| quote.offer.currency),
        Allocation::Unapplied { money, .. } => Some(money.currency),
    };
    if paid_in.is_some_and(|currency| currency != total.currency) {
        return Settlement::default();
    }
    let change = match (&next.allocation, quote) {
        (Allocation::Applied { quote: paid }, Some(quote)) if quote.number == *paid => {
            quote.refund(&notice.payment, next.returned(), now)
        }
        _ => None,
    };
    Settlement { receipt: Some(next), quote: change }
}

/// The payment's receipt as it was, with the version of the next one.
fn renewed(notice: &PaymentNotice, receipt: Option<&Receipt>) -> Receipt {
    let mut next = receipt.cloned().unwrap_or_else(|| Receipt::unknown(notice.payment.clone()));
    next.version += 1;
    next
}

/// The method by which this money pays this quote, or why it does not.
fn fit(quote: &Quote, reference: &Reference, money: Money, methods: &[Method], at: Timestamp) -> Result<Method, Unapplied> {
    let offer = &quote.offer;
    // What was paid before a person had looked stays unapplied when it is told again afterwards.
    let early = offer.submitted_at.is_some() && at < offer.issued_at;
    if early || matches!(quote.stage, Stage::InReview | Stage::Rejected) {
        Err(Unapplied::NotOffered)
    } else if !matches!(quote.stage, Stage::Issued) {
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
