//! One report about a letter that came back or was complained of, and one letter that was withheld because of it.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{QuoteNumber, number::Minter, party::Email};

/// The id of a mailbox: a keyed hash of [`Email::mailbox`], 32 hexadecimal digits. Keys, paths and log lines contain it instead of the
/// address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MailboxId(String);

impl MailboxId {
    /// The id of the mailbox behind an address.
    pub fn of(minter: &Minter, address: &Email) -> Self {
        Self(minter.seal("mailbox", &address.mailbox()))
    }

    /// Reads an id. `None`: the text is none.
    pub fn parse(text: &str) -> Option<Self> {
        let is_id = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MailboxId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What was reported of a letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The mailbox does not exist, or its server accepts no letter for it (SES: `Permanent`).
    PermanentBounce,
    /// The letter was not delivered, and a later one may be: the mailbox is full, the letter is too large (SES: `Transient`).
    TransientBounce,
    /// The letter came back, and the response does not say why (SES: `Undetermined`).
    UndeterminedBounce,
    /// The recipient has marked the letter as spam, or complained in another way.
    Complaint,
    /// A report of the recipient's provider that is no complaint: that the letter is not spam, or that a signature did not verify.
    Notice,
    /// SES accepted the letter and did not send it, because it contains malware.
    Rejected,
}

impl Cause {
    /// Whether further letters to the mailbox would come back, or are not wanted. A transient bounce does not stop letters: the next
    /// letter may arrive, and SES has retried this one.
    pub fn stops_letters(self) -> bool {
        match self {
            Self::PermanentBounce | Self::Complaint => true,
            Self::TransientBounce | Self::UndeterminedBounce | Self::Notice | Self::Rejected => false,
        }
    }
}

/// A report about one letter to one mailbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The id that SES gives the report. A report is recorded once, however often it is delivered.
    pub id: String,
    /// What was reported.
    pub cause: Cause,
    /// The address that the letter was sent to.
    pub address: Email,
    /// When it happened. A report is never older than its letter, whatever the clock of the recipient's server says.
    pub at: Timestamp,
    /// The subtype in the words of SES, such as `NoEmail`, `OnAccountSuppressionList` or `abuse`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// What the recipient's mail server responded, in one line, without addresses and links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diagnostic: Option<String>,
    /// SES's id of the letter.
    pub message: String,
    /// Whether staff have lifted a suppression since: the report stops no further letter.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub settled: bool,
}

impl Report {
    /// Whether the report stops letters to this address of its mailbox.
    ///
    /// A complaint is of the person, so it stops letters to every address of the mailbox. A bounce of the plain address does as well.
    /// A bounce of an address with a `+` stops letters to that address only: a server that does not know such addresses returns the
    /// letter although the mailbox exists, and a stranger could order with such an address to stop the owner's letters.
    pub(super) fn stops(&self, to: &Email) -> bool {
        let whole = self.cause == Cause::Complaint || self.address.names_its_mailbox();
        self.cause.stops_letters() && !self.settled && (whole || self.address == *to)
    }

    /// Which reports are kept when there are too many: those that stop all letters before those that stop some, then the newest.
    pub(super) fn weight(&self) -> (bool, bool, Timestamp, &str) {
        let stops = self.cause.stops_letters() && !self.settled;
        let whole = stops && (self.cause == Cause::Complaint || self.address.names_its_mailbox());
        (whole, stops, self.at, &self.id)
    }
}

/// What caused a letter. Letters of the two classes are sent through different configuration sets of SES, so that the reputation of
/// the second does not suffer from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterClass {
    /// A request for a quote, which anyone can make in another person's name (R1).
    Request,
    /// A purchase: receipts, licences and what else a buyer gets.
    Purchase,
}

/// A letter that was not sent because its mailbox is suppressed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WithheldLetter {
    /// The quote that the letter is about.
    pub quote: QuoteNumber,
    /// The entry of the quote's history.
    pub entry: u32,
    /// The letter's purpose, such as `quote` or `receipt`.
    pub role: String,
    /// What caused the letter.
    pub class: LetterClass,
    /// The address that it was for.
    pub to: Email,
    /// The date of the letter.
    pub at: Timestamp,
}

impl WithheldLetter {
    /// Whether both are the same letter.
    pub(super) fn is(&self, other: &Self) -> bool {
        (&self.quote, self.entry, &self.role) == (&other.quote, other.entry, &other.role)
    }

    /// Which letters are kept when there are too many: those of buyers before those that anyone can cause, then the newest.
    pub(super) fn weight(&self) -> (LetterClass, Timestamp, &QuoteNumber, u32, &str) {
        (self.class, self.at, &self.quote, self.entry, &self.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c3_the_id_of_a_mailbox_does_not_contain_the_address_and_is_the_same_for_all_of_its_addresses() {
        let email = |text: &str| Email::parse(text).expect("an address");
        let (minter, other) = (Minter::new(b"test"), Minter::new(b"another"));
        let id = MailboxId::of(&minter, &email("Rita+Quotes@Reseller.Example"));
        assert_eq!(id, MailboxId::of(&minter, &email("rita@reseller.example")));
        assert_ne!(id, MailboxId::of(&other, &email("rita@reseller.example")), "no one computes it without the key");
        assert_eq!(MailboxId::parse(id.as_str()), Some(id.clone()));
        let upper = id.as_str().to_ascii_uppercase();
        for no in ["", "rita@reseller.example", &id.as_str()[1..], &format!("{id}0"), &upper] {
            assert_eq!(MailboxId::parse(no), None, "{no}");
        }
    }
}
