//! The record of one mailbox: what was reported of its letters, which letters were withheld, and what staff have decided.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::report::{MailboxId, Report, WithheldLetter};
use crate::{
    QuoteNumber,
    party::Email,
    pending::{Pending, Work},
};

/// What was reported of the letters to one mailbox. The mailbox is suppressed while a report stops letters to it; staff lift that.
///
/// Reports may be delivered repeatedly and in any order: the same reports give the same record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppression {
    /// The mailbox.
    pub mailbox: MailboxId,
    /// The version of the stored item; 1 when it is created.
    pub version: u64,
    /// The reports, oldest first: at most [`MAX_REPORTS`](Self::MAX_REPORTS).
    pub reports: Vec<Report>,
    /// The letters that were withheld and not sent since, oldest first: at most [`MAX_WITHHELD`](Self::MAX_WITHHELD).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<WithheldLetter>,
    /// The last decision of staff that letters may be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifted: Option<Lifted>,
}

/// A staff member's decision that letters to a mailbox may be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lifted {
    /// When it was decided.
    pub at: Timestamp,
    /// The staff member: the subject of the token.
    pub by: String,
    /// The staff member's e-mail address, if the token had a verified one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Why letters may be sent again.
    pub reason: String,
}

/// The decision about a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// This record is to be written.
    Write(Suppression),
    /// The report is recorded already, or is not kept. Nothing is written.
    Known,
}

/// The decision about a letter that is about to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Withholding {
    /// The letter may be sent.
    Send,
    /// The letter is withheld, and this record, which lists the letter, is to be written first.
    List(Suppression),
    /// The letter is withheld, and the record lists the letter already, or has no place for it.
    Listed,
}

impl Suppression {
    /// The most reports that a record stores, so that its item stays small.
    pub const MAX_REPORTS: usize = 50;
    /// The most withheld letters that a record lists. The first to give way are those that anyone can cause.
    pub const MAX_WITHHELD: usize = 100;

    /// Records a report about a mailbox of which `before` is known so far. A report that is older than the last decision of staff was
    /// delayed, and stops no letter.
    pub fn record(before: Option<&Self>, mailbox: &MailboxId, report: &Report) -> Recorded {
        let empty = || Self { mailbox: mailbox.clone(), version: 0, reports: vec![], withheld: vec![], lifted: None };
        let before = before.cloned().unwrap_or_else(empty);
        if before.reports.iter().any(|known| known.id == report.id) {
            return Recorded::Known;
        }
        let settled = before.lifted.as_ref().is_some_and(|lifted| report.at < lifted.at);
        let mut next = before.clone();
        next.reports.push(Report { settled, ..report.clone() });
        keep(&mut next.reports, Self::MAX_REPORTS, |one, other| one.weight().cmp(&other.weight()));
        next.reports.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        if next == before {
            return Recorded::Known;
        }
        next.version += 1;
        Recorded::Write(next)
    }

    /// The reports that stop letters to the mailbox or to one of its addresses, oldest first.
    pub fn standing(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter().filter(|report| report.stops(&report.address))
    }

    /// Since when letters are withheld. `None`: none are.
    pub fn since(&self) -> Option<Timestamp> {
        self.standing().next().map(|report| report.at)
    }

    /// Decides about a letter.
    pub fn withhold(&self, letter: &WithheldLetter) -> Withholding {
        if !self.reports.iter().any(|report| report.stops(&letter.to)) {
            return Withholding::Send;
        }
        if self.withheld.iter().any(|known| known.is(letter)) {
            return Withholding::Listed;
        }
        let mut next = self.clone();
        next.withheld.push(letter.clone());
        keep(&mut next.withheld, Self::MAX_WITHHELD, |one, other| one.weight().cmp(&other.weight()));
        next.withheld.sort_by(|one, other| {
            (one.at, &one.quote, one.entry, &one.role).cmp(&(other.at, &other.quote, other.entry, &other.role))
        });
        if next.withheld == self.withheld {
            return Withholding::Listed;
        }
        next.version += 1;
        Withholding::List(next)
    }

    /// Lets letters be sent again. The letters that were withheld are sent then, as far as they are still current. `None` when no
    /// report stops letters.
    pub fn lift(&self, lifted: Lifted) -> Option<Self> {
        self.since()?;
        let mut next = Self { version: self.version + 1, lifted: Some(lifted), ..self.clone() };
        next.reports.iter_mut().for_each(|report| report.settled = true);
        Some(next)
    }

    /// The quotes with letters that were withheld and can be sent now, because the suppression was lifted.
    pub fn released(&self) -> BTreeSet<&QuoteNumber> {
        let released = self.withheld.iter().filter(|_| self.since().is_none());
        released.map(|letter| &letter.quote).collect()
    }

    /// Whether this letter is among those that were withheld.
    pub fn lists(&self, quote: &QuoteNumber, entry: u32, role: &str) -> bool {
        self.withheld.iter().any(|letter| (&letter.quote, letter.entry, &*letter.role) == (quote, entry, role))
    }

    /// The record after the released letters were sent.
    pub fn sent(&self) -> Self {
        Self { version: self.version + 1, withheld: Vec::new(), ..self.clone() }
    }

    /// The work that is pending after a lift: to send the letters that were withheld.
    pub fn pending(&self) -> Option<Pending> {
        let since = self.lifted.as_ref().filter(|_| !self.released().is_empty())?.at;
        Some(Pending::new([Work::Letters], since))
    }

    /// The address that people know the mailbox by: that of the last report.
    pub fn address(&self) -> Option<&Email> {
        self.standing().last().or(self.reports.last()).map(|report| &report.address)
    }
}

/// Removes the entries of the least weight until at most `most` are left.
fn keep<T>(entries: &mut Vec<T>, most: usize, weight: impl Fn(&T, &T) -> std::cmp::Ordering) {
    if entries.len() > most {
        entries.sort_by(|one, other| weight(other, one));
        entries.truncate(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        number::Minter,
        suppression::{Cause, LetterClass},
    };

    const RITA: &str = "rita@reseller.example";
    const TAGGED: &str = "rita+orders@reseller.example";

    fn email(text: &str) -> Email {
        Email::parse(text).expect("an address")
    }

    fn mailbox() -> MailboxId {
        MailboxId::of(&Minter::new(b"test"), &email(RITA))
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).expect("an instant")
    }

    fn report(id: &str, cause: Cause, address: &str, second: i64) -> Report {
        Report {
            id: id.to_owned(),
            cause,
            address: email(address),
            at: at(second),
            detail: None,
            diagnostic: None,
            message: "m".to_owned(),
            settled: false,
        }
    }

    fn letter(seed: usize, to: &str, class: LetterClass) -> WithheldLetter {
        let quote = Minter::new(b"test").quote_from_seed(&seed.to_string());
        let at = at(i64::try_from(seed).expect("a small number"));
        WithheldLetter { quote, entry: 1, role: "quote".to_owned(), class, to: email(to), at }
    }

    fn after<'r>(reports: impl IntoIterator<Item = &'r Report>) -> Option<Suppression> {
        reports.into_iter().fold(None, |before, report| match Suppression::record(before.as_ref(), &mailbox(), report) {
            Recorded::Write(next) => Some(next),
            Recorded::Known => before,
        })
    }

    fn lifted(second: i64) -> Lifted {
        Lifted { at: at(second), by: "dana".to_owned(), email: None, reason: "The server was repaired.".to_owned() }
    }

    fn sends(suppression: &Suppression, to: &str) -> bool {
        suppression.withhold(&letter(1, to, LetterClass::Request)) == Withholding::Send
    }

    #[test]
    fn c3_a_report_is_recorded_once_and_the_order_of_reports_does_not_matter() {
        let reports = [
            report("f-1", Cause::TransientBounce, RITA, 1),
            report("f-2", Cause::PermanentBounce, RITA, 2),
            report("f-3", Cause::Complaint, RITA, 3),
            report("f-4", Cause::Notice, RITA, 4),
        ];
        let expected = after(&reports).expect("a record");
        assert_eq!((expected.version, expected.since()), (4, Some(at(2))));
        for order in [[3, 2, 1, 0], [1, 3, 0, 2], [2, 0, 3, 1]] {
            assert_eq!(after(order.map(|i| &reports[i])), Some(expected.clone()), "{order:?}");
        }
        for report in &reports {
            assert_eq!(Suppression::record(Some(&expected), &mailbox(), report), Recorded::Known);
        }
    }

    #[test]
    fn c3_bounces_and_complaints_stop_letters_and_other_reports_do_not() {
        for (cause, stops) in [
            (Cause::PermanentBounce, true),
            (Cause::Complaint, true),
            (Cause::TransientBounce, false),
            (Cause::UndeterminedBounce, false),
            (Cause::Notice, false),
            (Cause::Rejected, false),
        ] {
            let suppression = after([&report("f", cause, RITA, 1)]).expect("a record");
            assert_eq!((suppression.since().is_some(), !sends(&suppression, RITA)), (stops, stops), "{cause:?}");
            assert_eq!(suppression.lift(lifted(2)).is_some(), stops, "{cause:?}: there is nothing to lift");
        }
    }

    /// A stranger who orders with an address that the server does not know must not stop the owner's letters.
    #[test]
    fn c3_a_bounce_of_a_tagged_address_stops_that_address_only_and_a_complaint_stops_all() {
        let of = |cause, address| after([&report("f", cause, address, 1)]).expect("a record");
        let others = ["Rita@Reseller.Example", TAGGED, "rita+other@reseller.example"];
        let stopped = |suppression: &Suppression| others.map(|to| !sends(suppression, to));
        assert_eq!(stopped(&of(Cause::PermanentBounce, RITA)), [true; 3]);
        assert_eq!(stopped(&of(Cause::PermanentBounce, TAGGED)), [false, true, false]);
        assert_eq!(stopped(&of(Cause::Complaint, TAGGED)), [true; 3]);
        // Gmail's addresses with a `+` always belong to the mailbox.
        let gmail = of(Cause::PermanentBounce, "rita.s+x@gmail.com");
        assert!(!sends(&gmail, "ritas@googlemail.com"));
    }

    #[test]
    fn c3_a_withheld_letter_is_listed_once_and_sent_after_the_lift() {
        let suppression = after([&report("f-1", Cause::PermanentBounce, RITA, 1)]).expect("a record");
        let copy = letter(1, RITA, LetterClass::Request);
        let Withholding::List(listed) = suppression.withhold(&copy) else { panic!("it is withheld") };
        assert_eq!((listed.version, listed.withhold(&copy)), (2, Withholding::Listed));
        assert_eq!((listed.released().len(), listed.pending()), (0, None), "nothing is pending while letters are withheld");

        let free = listed.lift(lifted(5)).expect("it is suppressed");
        assert_eq!((free.since(), free.released().len()), (None, 1));
        assert_eq!(free.pending(), Some(Pending::new([Work::Letters], at(5))));
        assert!(free.lists(&copy.quote, 1, "quote") && !free.lists(&copy.quote, 2, "quote"));
        assert_eq!(free.withhold(&copy), Withholding::Send);
        let sent = free.sent();
        assert_eq!((sent.version, sent.pending(), sent.lift(lifted(6))), (4, None, None));
    }

    #[test]
    fn c3_a_report_that_was_delayed_beyond_the_lift_stops_nothing_and_a_new_one_stops_letters_again() {
        let first = report("f-1", Cause::PermanentBounce, RITA, 1);
        let free = after([&first]).and_then(|suppression| suppression.lift(lifted(5))).expect("it is suppressed");
        assert_eq!(Suppression::record(Some(&free), &mailbox(), &first), Recorded::Known, "delivered again");
        let with = |report| match Suppression::record(Some(&free), &mailbox(), &report) {
            Recorded::Write(next) => next,
            Recorded::Known => panic!("it is another report"),
        };
        assert_eq!(with(report("f-2", Cause::PermanentBounce, RITA, 4)).since(), None);
        for second in [5, 6] {
            assert_eq!(with(report("f-2", Cause::PermanentBounce, RITA, second)).since(), Some(at(second)));
        }
    }

    #[test]
    fn c3_a_record_stays_small_and_keeps_what_stops_letters_and_what_buyers_wait_for() {
        let mut reports =
            vec![report("complaint", Cause::Complaint, RITA, 0), report("tagged", Cause::PermanentBounce, TAGGED, 1)];
        reports.extend((2..120).map(|i| report(&format!("f-{i}"), Cause::TransientBounce, RITA, i)));
        let suppression = after(&reports).expect("a record");
        assert_eq!(suppression.reports.len(), Suppression::MAX_REPORTS);
        assert_eq!(suppression.standing().map(|report| &*report.id).collect::<Vec<_>>(), ["complaint", "tagged"]);
        assert_eq!(Suppression::record(Some(&suppression), &mailbox(), &reports[2]), Recorded::Known, "it is not kept");

        let receipt = letter(0, RITA, LetterClass::Purchase);
        let copies = (1..=Suppression::MAX_WITHHELD).map(|seed| letter(seed, RITA, LetterClass::Request));
        let full =
            std::iter::once(receipt.clone()).chain(copies).fold(suppression, |before, letter| match before.withhold(&letter) {
                Withholding::List(next) => next,
                other => panic!("{other:?}"),
            });
        assert_eq!(full.withheld.len(), Suppression::MAX_WITHHELD);
        assert_eq!(full.withheld.first(), Some(&receipt), "a buyer's letter, though the oldest");
        let older = letter(1, RITA, LetterClass::Request);
        assert_eq!(full.withhold(&older), Withholding::Listed, "it is withheld, and there is no place for it");
    }
}
