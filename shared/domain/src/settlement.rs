//! Settlement: what a notice from a payment provider changes.
//!
//! A provider may report one payment by several events, several times, in any order (facts 2.12). Two aggregates make this
//! harmless: the quote's ledger has each payment at most once, and a [`Receipt`] per payment states where the money is
//! allocated. [`settle`] decides both at once. Its outcome depends on what was reported, not on how often.

use jiff::Timestamp;

use crate::{
    Money,
    payment::{Allocation, Method, Payment, PaymentEvent, PaymentNotice, Receipt, Reference, Unapplied},
    quote::{Change, Quote, Stage},
};

/// What to write. When both are `None`, everything was recorded already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The new receipt. Its version is the previous one plus one.
    pub receipt: Option<Receipt>,
    /// The change of the quote, to write together with the receipt.
    pub quote: Option<Change>,
}

/// Decides what one notice changes, given the payment's receipt and the quote. Settling the same notice again changes nothing.
///
/// `quote` is the quote that the receipt states as paid, else the quote that the notice names; `None` when that does not exist.
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
        // Events of one payment may differ. The payment is applied if any of them allows it, in whatever order they arrive. If
        // none does, the most specific reason stays.
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

/// Records that money was returned: the new total of one `account` of the receipt, a refund or a dispute. Both totals only
/// rise, so the outcome does not depend on the order of the notices.
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

/// The payment's receipt with the next version.
fn renewed(notice: &PaymentNotice, receipt: Option<&Receipt>) -> Receipt {
    let mut next = receipt.cloned().unwrap_or_else(|| Receipt::unknown(notice.payment.clone()));
    next.version += 1;
    next
}

/// The method by which this money pays this quote, or why the money is unapplied.
fn fit(quote: &Quote, reference: &Reference, money: Money, methods: &[Method], at: Timestamp) -> Result<Method, Unapplied> {
    let offer = &quote.offer;
    // Money that was paid before the review stays unapplied when the notice is repeated after it.
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
