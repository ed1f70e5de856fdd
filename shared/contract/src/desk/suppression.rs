//! Mailboxes that get no letters, as staff see them, and what became of the letters of a quote (C3).

use domain::{
    QuoteNumber, Refusal,
    suppression::{Cause, LetterClass, Lifted, MailboxId, Report, Suppression, WithheldLetter},
};
use jiff::Timestamp;
use serde::Serialize;

use super::reason::reason_and_version;

/// The mailboxes that get no letters, the longest suppressed first.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SuppressionsView<'s> {
    pub suppressions: Vec<SuppressionView<'s>>,
    /// The cursor of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A mailbox, with what came back from it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SuppressionView<'s> {
    pub mailbox: &'s MailboxId,
    pub version: u64,
    /// The address that the last letter was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<&'s str>,
    /// Since when letters are withheld. Absent: they are sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Why: of the first report that stops letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<Cause>,
    /// Oldest first.
    pub reports: Vec<ReportView<'s>>,
    /// The letters that were withheld and not sent since, oldest first.
    pub withheld: Vec<WithheldLetterView<'s>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lifted: Option<&'s Lifted>,
}

/// What was reported of one letter.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReportView<'s> {
    pub id: &'s str,
    pub cause: Cause,
    /// Whether the report stops letters now.
    pub stops_letters: bool,
    pub address: &'s str,
    pub at: Timestamp,
    /// The subtype in the words of SES.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<&'s str>,
    /// What the recipient's mail server responded, without addresses and links.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<&'s str>,
    /// SES's id of the letter.
    pub message: &'s str,
}

/// A letter that was withheld.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct WithheldLetterView<'s> {
    pub quote: &'s QuoteNumber,
    /// The entry of the quote's history.
    pub entry: u32,
    pub role: &'s str,
    pub class: LetterClass,
    pub to: &'s str,
    pub at: Timestamp,
}

impl<'s> From<&'s Suppression> for SuppressionView<'s> {
    fn from(suppression: &'s Suppression) -> Self {
        let report = |report: &'s Report| ReportView {
            id: &report.id,
            cause: report.cause,
            stops_letters: report.cause.stops_letters() && !report.settled,
            address: report.address.as_str(),
            at: report.at,
            detail: report.detail.as_deref(),
            diagnostic: report.diagnostic.as_deref(),
            message: &report.message,
        };
        let withheld = |letter: &'s WithheldLetter| WithheldLetterView {
            quote: &letter.quote,
            entry: letter.entry,
            role: &letter.role,
            class: letter.class,
            to: letter.to.as_str(),
            at: letter.at,
        };
        Self {
            mailbox: &suppression.mailbox,
            version: suppression.version,
            address: suppression.address().map(|address| address.as_str()),
            since: suppression.since(),
            cause: suppression.standing().next().map(|report| report.cause),
            reports: suppression.reports.iter().map(report).collect(),
            withheld: suppression.withheld.iter().map(withheld).collect(),
            lifted: suppression.lifted.as_ref(),
        }
    }
}

/// A lift: `POST /v1/desk/suppressions/{mailbox}/lift`.
#[derive(Debug)]
pub struct LiftBody {
    /// Why letters may be sent again.
    pub reason: String,
    /// The version that was read.
    pub version: i64,
}

impl LiftBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Every fault of the body.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let why = "State why letters may be sent again. The reason is kept with your name.";
        let which = "Give the version that you have read. If more was reported since, letters stay withheld.";
        let (reason, version) = reason_and_version(body, why, which)?;
        Ok(Self { reason, version })
    }
}

/// What became of the letters of a quote.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LettersView<'l> {
    /// In the order of the quote's history.
    pub letters: Vec<LetterView<'l>>,
}

/// What became of a letter.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LetterView<'l> {
    /// The entry of the quote's history.
    pub entry: u32,
    pub role: &'l str,
    pub at: Timestamp,
    pub state: LetterState,
    /// SES's id of a letter that was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<&'l str>,
    /// Why a letter can never be sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'l str>,
    /// The mailbox from which a letter is withheld.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mailbox: Option<&'l MailboxId>,
}

/// Whether a letter was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum LetterState {
    Sent,
    Withheld,
    SetAside,
}
