//! Notes about letters: which were sent, and which can never be sent. [`Key::letter`] is the key of a note, for every kind of
//! aggregate.

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;

use crate::{
    Error, Store,
    item::{self, KIND},
    keys::Key,
};

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
}

impl Store {
    /// Whether a letter needs no further attempt: it was sent or set aside.
    pub async fn letter_done(&self, letter: &Key) -> Result<bool, Error> {
        let got = self.get(letter, "GetItem of a letter's note").await?;
        Ok(got.is_some())
    }

    /// Records the result of a letter. Recording it again changes nothing.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the note was written, and retrying is safe.
    pub async fn note_letter(&self, letter: &Key, at: Timestamp, note: &LetterNote) -> Result<(), Error> {
        let (name, value) = match note {
            LetterNote::Sent { accepted_as } => ("accepted_as", accepted_as),
            LetterNote::SetAside { reason } => ("set_aside", reason),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_key(letter)))
            .item(KIND, AttributeValue::S("letter".to_owned()))
            .item("at", AttributeValue::S(at.to_string()))
            .item(name, AttributeValue::S(value.clone()));
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of a letter's note", &error))
    }
}
