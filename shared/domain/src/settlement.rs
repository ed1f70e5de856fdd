//! Settlement: what a notice from a payment provider changes.
//!
//! A provider may report one payment by several events, several times, in any order (facts 2.12). Two aggregates make this
//! harmless: the quote's ledger has each payment at most once, and a [`Receipt`] per payment states where the money is
//! allocated. [`settle`] decides both at once. Its outcome depends on what was reported, not on how often.
//!
//! An event that cannot be true is refused, and what the system cannot decide is left to a person. Both are [`Report`]s in the
//! receipt, so that staff see them.

use jiff::{SignedDuration, Timestamp};

use crate::{
    Money, QuoteNumber,
    payment::{
        Allocation, NamedRevision, PaidBy, Payment, PaymentEvent, PaymentNotice, Receipt, Reference, Refund, RefundState, Report,
        ReportReason, Unapplied,
    },
    quote::{Change, Quote, Stage},
};

/// How far the provider's clock may differ from ours.
const CLOCK_DIFFERENCE: SignedDuration = SignedDuration::from_mins(5);

/// What to write. When both `receipt` and `quote` are `None`, everything was recorded already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settlement {
    /// The new receipt. Its version is the previous one plus one.
    pub receipt: Option<Receipt>,
    /// The change of the quote, to write together with the receipt.
    pub quote: Option<Change>,
    /// Why a person must look at this event. The receipt has the report, from this event or from its repetition.
    pub reported: Option<ReportReason>,
}

/// Decides what one notice changes, given the payment's receipt and the quote. Settling the same notice again changes nothing.
///
/// `quote` is the quote that the receipt states as paid, else the quote that the notice names; `None` when that does not exist.
pub fn settle(notice: &PaymentNotice, receipt: Option<&Receipt>, quote: Option<&Quote>, now: Timestamp) -> Settlement {
    if let Some(reason) = impossible(notice, quote, now) {
        return report(notice, reason, receipt, now);
    }
    match &notice.event {
        PaymentEvent::Succeeded { money, methods } => succeeded(notice, *money, methods, receipt, quote, now),
        PaymentEvent::Refunded { total } => money_returned(notice, *total, receipt, quote, now, |receipt| &mut receipt.refunded),
        PaymentEvent::ChargedBack { dispute, money } => money_returned(notice, *money, receipt, quote, now, |receipt| {
            receipt.charged_back.entry(dispute.clone()).or_default()
        }),
        PaymentEvent::Failed { reason } => Settlement {
            quote: quote.and_then(|quote| quote.payment_failed(&notice.payment, reason, now)),
            ..Settlement::default()
        },
        PaymentEvent::DisputeWon => report(notice, ReportReason::MoneyReinstated, receipt, now),
        PaymentEvent::RefundUpdated { refund, money, state } => {
            refund_updated(notice, refund, Refund { money: *money, state: *state, at: notice.at }, receipt, now)
        }
    }
}

/// Records an event at which a person must look. The event has no other effect. Of a repeated event, nothing is recorded again.
pub fn report(notice: &PaymentNotice, reason: ReportReason, receipt: Option<&Receipt>, now: Timestamp) -> Settlement {
    let mut next = renewed(notice, receipt);
    let receipt = add_report(&mut next, notice, reason, now).then_some(next);
    Settlement { receipt, quote: None, reported: Some(reason) }
}

/// Adds a report to a receipt. `false`: the receipt has it, or has no space for it.
fn add_report(receipt: &mut Receipt, notice: &PaymentNotice, reason: ReportReason, now: Timestamp) -> bool {
    let known = receipt.reports.iter().any(|report| report.event == notice.id && report.reason == reason);
    if known || receipt.reports.len() >= Receipt::MAX_REPORTS {
        return false;
    }
    let money = match &notice.event {
        PaymentEvent::Succeeded { money, .. }
        | PaymentEvent::Refunded { total: money }
        | PaymentEvent::ChargedBack { money, .. }
        | PaymentEvent::RefundUpdated { money, .. } => Some(*money),
        PaymentEvent::Failed { .. } | PaymentEvent::DisputeWon => None,
    };
    let quote = notice.reference.as_ref().map(|reference| reference.quote.clone());
    receipt.reports.push(Report { event: notice.id.clone(), reason, at: notice.at, recorded_at: now, quote, money });
    receipt.closed = None;
    true
}

/// Why an event cannot have happened when it says: it is dated in the future, or before its quote existed.
fn impossible(notice: &PaymentNotice, quote: Option<&Quote>, now: Timestamp) -> Option<ReportReason> {
    let named = notice.reference.as_ref();
    let begun = quote.map(|quote| match named {
        Some(Reference { quote: number, revision: NamedRevision::Stated(revision) })
            if *number == quote.number && *revision == quote.offer.revision =>
        {
            quote.offer.submitted_at.unwrap_or(quote.offer.issued_at)
        }
        _ => quote.history.first().map_or(quote.offer.issued_at, |entry| entry.at),
    });
    if notice.at.duration_since(now) > CLOCK_DIFFERENCE {
        Some(ReportReason::InFuture)
    } else {
        begun.filter(|begun| begun.duration_since(notice.at) > CLOCK_DIFFERENCE).map(|_| ReportReason::BeforeQuote)
    }
}

fn succeeded(
    notice: &PaymentNotice,
    money: Money,
    methods: &[PaidBy],
    receipt: Option<&Receipt>,
    quote: Option<&Quote>,
    now: Timestamp,
) -> Settlement {
    let known = receipt.map(|receipt| &receipt.allocation);
    if let Some(Allocation::Applied { quote: paid }) = known {
        return Settlement { quote: method_stated(notice, paid, methods, quote), ..Settlement::default() };
    }
    let mut next = renewed(notice, receipt);
    // What was returned of a payment is in the payment's currency, or a person decides what it means.
    let differs = next.returned_in.take().is_some_and(|currency| currency != money.currency);
    if differs {
        (next.refunded, next.returned_at) = (0, None);
        next.charged_back.clear();
        add_report(&mut next, notice, ReportReason::CurrencyDiffers, now);
    }
    let pays = match (&notice.reference, quote) {
        (None, _) => Err(Unapplied::NoReference),
        (Some(_), None) => Err(Unapplied::QuoteUnknown),
        (Some(reference), Some(quote)) => fit(quote, reference, money, methods, notice.at, &next).map(|method| (quote, method)),
    };
    let change;
    (next.allocation, change) = match (known, pays) {
        // Events of one payment may differ. The payment is applied if any of them allows it, in whatever order they arrive. If
        // none does, the most specific reason stays.
        (Some(Allocation::Unapplied { reason: known, .. }), Err(reason)) if reason <= *known => return Settlement::default(),
        (_, Err(reason)) => {
            let quote = notice.reference.as_ref().map(|reference| reference.quote.clone());
            next.closed = None;
            (Allocation::Unapplied { reason, money, quote, at: notice.at }, None)
        }
        (_, Ok((quote, method))) => {
            let refunded = next.returned();
            let payment = Payment { payment: notice.payment.clone(), amount: money.minor, method, at: notice.at, refunded };
            (Allocation::Applied { quote: quote.number.clone() }, Some(quote.pay(payment, now)))
        }
    };
    Settlement { receipt: Some(next), quote: change, reported: differs.then_some(ReportReason::CurrencyDiffers) }
}

/// The change by which the ledger states how a payment was made, when the events before this one left it open.
fn method_stated(notice: &PaymentNotice, paid: &QuoteNumber, methods: &[PaidBy], quote: Option<&Quote>) -> Option<Change> {
    let (quote, [method]) = (quote.filter(|quote| quote.number == *paid)?, methods) else { return None };
    quote.paid_by(&notice.payment, *method)
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
    let paid_in = match &next.allocation {
        Allocation::Awaited => next.returned_in,
        Allocation::Applied { .. } => quote.map(|quote| quote.offer.currency),
        Allocation::Unapplied { money, .. } => Some(money.currency),
    };
    if paid_in.is_some_and(|currency| currency != total.currency) {
        return report(notice, ReportReason::CurrencyDiffers, receipt, now);
    }
    let known = account(&mut next);
    if *known >= total.minor {
        return Settlement::default();
    }
    *known = total.minor;
    next.returned_at = next.returned_at.max(Some(notice.at.min(now)));
    if next.allocation == Allocation::Awaited {
        next.returned_in = Some(total.currency);
    }
    let change = match (&next.allocation, quote) {
        (Allocation::Applied { quote: paid }, Some(quote)) if quote.number == *paid => {
            quote.refund(&notice.payment, next.returned(), now)
        }
        _ => None,
    };
    Settlement { receipt: Some(next), quote: change, reported: None }
}

/// Records the state of one refund: the latest by the provider's clock, whatever the order of the notices. A refund that failed
/// is left to a person, because the buyer does not have the money.
fn refund_updated(notice: &PaymentNotice, id: &str, refund: Refund, receipt: Option<&Receipt>, now: Timestamp) -> Settlement {
    let failed = matches!(refund.state, RefundState::Failed | RefundState::Canceled);
    let mut next = renewed(notice, receipt);
    let known = next.refunds.get(id);
    let newer = known.is_none_or(|known| (known.at, known.state) < (refund.at, refund.state));
    if newer {
        next.refunds.insert(id.to_owned(), refund);
    }
    let added = failed && add_report(&mut next, notice, ReportReason::RefundFailed, now);
    Settlement { receipt: (newer || added).then_some(next), quote: None, reported: failed.then_some(ReportReason::RefundFailed) }
}

/// The payment's receipt with the next version.
fn renewed(notice: &PaymentNotice, receipt: Option<&Receipt>) -> Receipt {
    let mut next = receipt.cloned().unwrap_or_else(|| Receipt::unknown(notice.payment.clone()));
    next.version += 1;
    next
}

/// How this money pays this quote, or why the money is unapplied. `Ok(None)`: the quote admits every way in which the payment may
/// have been made, and which of them was used is not stated yet.
fn fit(
    quote: &Quote,
    reference: &Reference,
    money: Money,
    methods: &[PaidBy],
    at: Timestamp,
    receipt: &Receipt,
) -> Result<Option<PaidBy>, Unapplied> {
    let offer = &quote.offer;
    // Money that was paid before the review stays unapplied when the notice is repeated after it.
    let early = offer.submitted_at.is_some() && at < offer.issued_at;
    let before_revision = offer.revision > 1 && offer.issued_at.duration_since(at) > CLOCK_DIFFERENCE;
    let superseded = match reference.revision {
        NamedRevision::Stated(revision) => revision != offer.revision,
        NamedRevision::Unstated | NamedRevision::Unreadable => before_revision,
    };
    if early || matches!(quote.stage, Stage::InReview | Stage::Rejected) {
        Err(Unapplied::NotOffered)
    } else if !matches!(quote.stage, Stage::Issued) {
        Err(Unapplied::AlreadyPaid)
    } else if superseded {
        Err(Unapplied::RevisionSuperseded)
    } else if reference.revision == NamedRevision::Unreadable {
        Err(Unapplied::RevisionUnreadable)
    } else if returned_before(quote, receipt) {
        Err(Unapplied::Returned)
    } else if at >= offer.expires_at {
        Err(Unapplied::QuoteExpired)
    } else if money.currency != offer.currency {
        Err(Unapplied::CurrencyMismatch)
    } else if money.minor != offer.total {
        Err(Unapplied::AmountMismatch)
    } else {
        let admits = |method: &PaidBy| method.offered_as().is_some_and(|method| offer.admits(method));
        match (methods, methods.iter().filter(|method| admits(method)).count()) {
            (_, 0) => Err(Unapplied::MethodNotAllowed),
            ([method], _) => Ok(Some(*method)),
            (possible, admitted) if admitted == possible.len() => Ok(None),
            _ => Err(Unapplied::MethodUnstated),
        }
    }
}

/// Whether money of this payment was returned before the quote was offered as it is offered now. Such a payment was for an earlier
/// offer. Receipts that were stored without the time of a return had it before every later revision.
fn returned_before(quote: &Quote, receipt: &Receipt) -> bool {
    let dated = receipt.returned_at.map_or(quote.offer.revision > 1, |at| at < quote.offer.issued_at);
    receipt.returned() > 0 && dated
}
