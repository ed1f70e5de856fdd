//! What comes back from the mailboxes of letters, and which mailboxes get no further letter (C3). SES reports bounces and complaints;
//! a vendor of whose letters too many come back may send none at all.

mod feedback;
mod mailbox;
mod report;

pub use self::{
    feedback::{Message, NotFeedback},
    mailbox::{Lifted, Recorded, Suppression, Withholding},
    report::{Cause, LetterClass, MailboxId, Report, WithheldLetter},
};
