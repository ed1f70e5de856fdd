//! Notes about letters: which were sent, which were withheld, and which can never be sent. [`Key::letter`] is the key of a note, for
//! every kind of aggregate. What came back from a mailbox is read together with the note of a letter to it.

use aws_sdk_dynamodb::{operation::put_item::PutItemError::ConditionalCheckFailedException, types::AttributeValue};
use domain::suppression::{MailboxId, Suppression};
use jiff::Timestamp;

use crate::{
    Commit, Error, Store,
    item::{self, Attributes, Item, KIND},
    keys::{Key, LETTER, SORT},
};

/// The attributes of a note.
const AT: &str = "at";
const ACCEPTED_AS: &str = "accepted_as";
const SET_ASIDE: &str = "set_aside";
const WITHHELD: &str = "withheld";

/// The result of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterNote {
    /// The mail service accepted the letter.
    Sent {
        /// The service's id of the message.
        accepted_as: String,
    },
    /// The letter can never be sent.
    SetAside {
        /// The reason, without the address.
        reason: String,
    },
    /// The letter was not sent, because its mailbox is suppressed. It is sent when staff lift that.
    Withheld {
        /// The mailbox.
        mailbox: MailboxId,
    },
}

/// A note, with the letter that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotedLetter {
    /// The entry in the history of the aggregate.
    pub entry: u32,
    /// The letter's purpose, such as `quote`.
    pub role: String,
    /// The date of the letter.
    pub at: Timestamp,
    /// The result.
    pub note: LetterNote,
}

impl LetterNote {
    fn of(item: &Attributes) -> Result<Self, Error> {
        let text = |name| item::text(item, name).map(str::to_owned);
        if let Some(accepted_as) = text(ACCEPTED_AS) {
            return Ok(Self::Sent { accepted_as });
        }
        if let Some(reason) = text(SET_ASIDE) {
            return Ok(Self::SetAside { reason });
        }
        let mailbox = item::text(item, WITHHELD).and_then(MailboxId::parse);
        let corrupt = || item::corrupt(item, "it does not state what became of a letter".to_owned());
        mailbox.map(|mailbox| Self::Withheld { mailbox }).ok_or_else(corrupt)
    }

    fn attribute(&self) -> (&'static str, &str) {
        match self {
            Self::Sent { accepted_as } => (ACCEPTED_AS, accepted_as),
            Self::SetAside { reason } => (SET_ASIDE, reason),
            Self::Withheld { mailbox } => (WITHHELD, mailbox.as_str()),
        }
    }
}

impl Store {
    /// Reads the note of a letter, and what came back from the mailbox that the letter is for, in one call.
    pub async fn letter(&self, letter: &Key, mailbox: &MailboxId) -> Result<(Option<LetterNote>, Option<Suppression>), Error> {
        let keys = [letter.clone(), Key::mailbox(mailbox)].into();
        let (mut note, mut suppression) = (None, None);
        for found in self.get_all(&keys, "BatchGetItem of a letter's note and its mailbox").await? {
            match item::text(&found, KIND) {
                Some(Suppression::KIND) => suppression = Some(item::aggregate(&found)?),
                _ => note = Some(LetterNote::of(&found)?),
            }
        }
        Ok((note, suppression))
    }

    /// Records the result of a letter. Recording it again changes nothing. That a letter is withheld never replaces another result.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the note was written, and retrying is safe.
    pub async fn note_letter(&self, letter: &Key, at: Timestamp, note: &LetterNote) -> Result<(), Error> {
        let (name, value) = note.attribute();
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_key(letter)))
            .item(KIND, AttributeValue::S("letter".to_owned()))
            .item(AT, AttributeValue::S(at.to_string()))
            .item(name, AttributeValue::S(value.to_owned()));
        let put = match note {
            LetterNote::Withheld { .. } => put.condition_expression("attribute_not_exists(pk)"),
            LetterNote::Sent { .. } | LetterNote::SetAside { .. } => put,
        };
        match put.send().await {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.as_service_error(), Some(ConditionalCheckFailedException(_))) => Ok(()),
            Err(error) => Err(Error::of("PutItem of a letter's note", &error)),
        }
    }

    /// Reads the notes about the letters of an aggregate, in the order of its history.
    pub async fn letters_of(&self, aggregate: &Key) -> Result<Vec<NotedLetter>, Error> {
        let items = self.query(&aggregate.partition, LETTER, "Query of the notes of letters").await?;
        let mut letters = items.iter().map(noted).collect::<Result<Vec<_>, _>>()?;
        letters.sort_by(|one, other| (one.entry, &one.role).cmp(&(other.entry, &other.role)));
        Ok(letters)
    }

    /// Writes the record of a mailbox, if the stored version is the one before `next`.
    pub async fn update_suppression(&self, next: &Suppression) -> Result<Commit, Error> {
        self.replace(next, "PutItem of a suppression").await
    }
}

fn noted(item: &Attributes) -> Result<NotedLetter, Error> {
    let name = item::text(item, SORT).and_then(|sort| sort.strip_prefix(LETTER)?.split_once('#'));
    let at = item::text(item, AT).and_then(|at| at.parse().ok());
    let read = name.zip(at).and_then(|((entry, role), at)| Some((entry.parse().ok()?, role.to_owned(), at)));
    let corrupt = || item::corrupt(item, "it does not state which letter it is about, or its date".to_owned());
    let (entry, role, at) = read.ok_or_else(corrupt)?;
    Ok(NotedLetter { entry, role, at, note: LetterNote::of(item)? })
}
