//! Letters that are withheld because their mailbox is suppressed, and letters that are sent when staff have lifted that (C3).

use domain::{
    party::Email,
    suppression::{LetterClass, MailboxId, Suppression, WithheldLetter, Withholding},
};
use store::{Commit, LetterNote, keys::Key};

use crate::{Cause, Composition, Failure, Notifications};

/// How many times a letter is decided about when others change the record of its mailbox at the same time.
const ATTEMPTS: u32 = 5;

impl Notifications {
    /// Whether a letter needs no sending: it was sent or set aside, or it is withheld. A letter that was withheld is sent once its
    /// mailbox is free.
    pub(crate) async fn is_noted(&self, cause: &Cause<'_>, role: &str, to: &Email) -> Result<bool, Failure> {
        let (key, mailbox) = (cause.letter(role), MailboxId::of(&self.minter, to));
        let (note, suppression) = self.store.letter(&key, &mailbox).await?;
        let noted = match &note {
            Some(LetterNote::Sent { .. } | LetterNote::SetAside { .. }) => return Ok(true),
            Some(LetterNote::Withheld { .. }) => true,
            None => false,
        };
        let letter = WithheldLetter {
            quote: cause.number.clone(),
            entry: cause.seq,
            role: role.to_owned(),
            class: cause.class,
            to: to.clone(),
            at: cause.at,
        };
        if !self.is_withheld(suppression, &mailbox, &letter).await? {
            return Ok(false);
        }
        if !noted {
            // First the list, then the note: a letter with a note is in the list, from which the lift sends it.
            self.store.note_letter(&key, cause.at, &LetterNote::Withheld { mailbox: mailbox.clone() }).await?;
            let number = cause.number;
            match cause.class {
                LetterClass::Purchase => {
                    tracing::error!(must_decide = "letter_withheld", %number, role, %mailbox, "withheld: the mailbox is suppressed");
                }
                LetterClass::Request => tracing::warn!(%number, role, %mailbox, "withheld: the mailbox is suppressed"),
            }
        }
        Ok(true)
    }

    /// Whether the record of the mailbox stops this letter. Then the record lists the letter.
    async fn is_withheld(
        &self,
        mut suppression: Option<Suppression>,
        mailbox: &MailboxId,
        letter: &WithheldLetter,
    ) -> Result<bool, Failure> {
        for _ in 0..ATTEMPTS {
            let Some(known) = suppression else { return Ok(false) };
            match known.withhold(letter) {
                Withholding::Send => return Ok(false),
                Withholding::Listed => return Ok(true),
                Withholding::List(next) => {
                    if self.store.update_suppression(&next).await? == Commit::Committed {
                        return Ok(true);
                    }
                }
            }
            suppression = self.store.recorded(&Key::mailbox(mailbox)).await?;
        }
        Err(Failure::Contended(mailbox.clone()))
    }

    /// Sends the letters that were withheld from a mailbox, after staff have lifted its suppression. A letter that is no longer current
    /// is not sent.
    pub(crate) async fn released(&self, reported: &Suppression) -> Result<(), Failure> {
        for _ in 0..ATTEMPTS {
            let suppression: Option<Suppression> = self.store.recorded(&Key::mailbox(&reported.mailbox)).await?;
            let Some(suppression) = suppression.filter(|known| !known.released().is_empty()) else { return Ok(()) };
            for number in suppression.released() {
                loop {
                    let Some(quote) = self.store.quote(number).await? else { break };
                    match self.letters(&quote, None, |entry, role| suppression.lists(number, entry, role)).await? {
                        Composition::Current => break,
                        Composition::Paused => return Ok(()),
                        Composition::Outdated => {}
                    }
                }
            }
            if self.store.update_suppression(&suppression.sent()).await? == Commit::Committed {
                return Ok(());
            }
        }
        Err(Failure::Contended(reported.mailbox.clone()))
    }
}
