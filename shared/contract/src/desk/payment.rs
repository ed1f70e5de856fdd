//! Payments as staff see them: where the money is, and what a person must look at.

use std::collections::BTreeMap;

use domain::{
    Money, QuoteNumber, Refusal,
    payment::{Allocation, Closed, Receipt, RefundState, ReportReason, Unapplied},
};
use jiff::Timestamp;
use serde::Serialize;

use super::reason::reason_and_version;

/// The payments about which a person must decide, the longest waiting first.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PaymentsView<'r> {
    pub payments: Vec<ReceiptView<'r>>,
    /// The cursor of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A payment.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReceiptView<'r> {
    /// Provider and the provider's id.
    pub payment: &'r str,
    pub version: u64,
    /// Where the money is.
    pub state: &'static str,
    /// Why the money is unapplied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Unapplied>,
    /// The quote that is paid, or that the payment names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<&'r QuoteNumber>,
    /// The money that is unapplied.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unapplied: Option<MoneyView>,
    /// When unapplied money was paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paid_at: Option<Timestamp>,
    /// The total of the refunds, in minor units of the payment's currency.
    pub refunded: i64,
    /// What the payer's bank took back, by dispute.
    pub charged_back: &'r BTreeMap<String, i64>,
    pub refunds: Vec<RefundView<'r>>,
    pub reports: Vec<ReportView<'r>>,
    /// Since when a person must decide; absent when nothing is to be decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided_since: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<&'r Closed>,
}

/// An amount with its currency.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct MoneyView {
    pub amount: i64,
    pub currency: &'static str,
}

impl From<Money> for MoneyView {
    fn from(money: Money) -> Self {
        Self { amount: money.minor, currency: money.currency.code() }
    }
}

/// A refund, as the provider reported it last.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct RefundView<'r> {
    pub refund: &'r str,
    pub state: RefundState,
    pub money: MoneyView,
    pub at: Timestamp,
}

/// An event at which a person must look.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReportView<'r> {
    /// The provider's id of the event.
    pub event: &'r str,
    pub reason: ReportReason,
    /// Whether the event was refused: it had no effect at all.
    pub refused: bool,
    /// When the event happened, by the provider's clock.
    pub at: Timestamp,
    pub recorded_at: Timestamp,
    /// The quote that the event names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<&'r QuoteNumber>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub money: Option<MoneyView>,
}

impl<'r> From<&'r Receipt> for ReceiptView<'r> {
    fn from(receipt: &'r Receipt) -> Self {
        let (state, reason, quote, money, paid_at) = match &receipt.allocation {
            Allocation::Awaited => ("awaited", None, None, None, None),
            Allocation::Applied { quote } => ("applied", None, Some(quote), None, None),
            Allocation::Unapplied { reason, money, quote, at } => {
                ("unapplied", Some(*reason), quote.as_ref(), Some(MoneyView::from(*money)), Some(*at))
            }
        };
        let refunds = receipt.refunds.iter().map(|(refund, known)| RefundView {
            refund,
            state: known.state,
            money: known.money.into(),
            at: known.at,
        });
        let reports = receipt.reports.iter().map(|report| ReportView {
            event: &report.event,
            reason: report.reason,
            refused: report.reason.refused(),
            at: report.at,
            recorded_at: report.recorded_at,
            quote: report.quote.as_ref(),
            money: report.money.map(MoneyView::from),
        });
        Self {
            payment: receipt.payment.as_str(),
            version: receipt.version,
            state,
            reason,
            quote,
            unapplied: money,
            paid_at,
            refunded: receipt.refunded,
            charged_back: &receipt.charged_back,
            refunds: refunds.collect(),
            reports: reports.collect(),
            undecided_since: receipt.undecided_since(),
            closed: receipt.closed.as_ref(),
        }
    }
}

/// A closing: `POST /v1/desk/payments/{payment}/close`.
#[derive(Debug)]
pub struct ClosingBody {
    /// What was done.
    pub reason: String,
    /// The version that was read.
    pub version: i64,
}

impl ClosingBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Every fault of the body.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let why = "State what was done. The reason is kept with your name.";
        let which = "Give the version that you have read. If the payment has changed since, it stays open.";
        let (reason, version) = reason_and_version(body, why, which)?;
        Ok(Self { reason, version })
    }
}
