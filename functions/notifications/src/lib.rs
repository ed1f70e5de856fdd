//! Events in the history of a quote become letters: one per event and recipient, in the quote's language.
//!
//! A letter is noted as sent after the mail service accepted it. A record that is delivered again finds the note, or, if the
//! note could not be written, the entry in this process's memory. A letter is sent twice only when the process ends between the
//! service's response and the note; both copies have the same Message-ID.

mod compose;
mod letter;
mod reach;
mod template;

use std::{
    collections::HashMap,
    error::Error,
    sync::{Arc, Mutex, PoisonError},
};

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};
use aws_sdk_ses::{primitives::Blob, types::RawMessage};
use contract::Links;
use domain::{
    Quote,
    pending::Work,
    policy::{Mistakes, Seller},
};
use jiff::Timestamp;
use runtime::{Clock, Configuration, Policies, StartError, Vendor, stream, task};
use store::{Item, LetterNote, OutboxRecord, Store, keys::Key};
use typesetting::Typesetter;

use crate::{
    compose::{Outgoing, compose},
    letter::{Attachment, Templates},
};

pub use crate::reach::reach;

/// What the handler works with.
pub struct Notifications {
    store: Store,
    mail: aws_sdk_ses::Client,
    policies: Policies,
    links: Links,
    templates: Templates,
    typesetter: Arc<Typesetter>,
    /// The letters that the mail service accepted and that have no note yet, with the service's ids of the messages.
    unnoted: Mutex<HashMap<Key, String>>,
}

/// What a letter is about: an entry in the history of an aggregate, whatever its kind.
struct Cause<'a> {
    /// The aggregate's item.
    aggregate: Key,
    /// The aggregate's number, as people write it: for log lines.
    number: String,
    /// The number without separators: part of the Message-ID.
    compact: &'a str,
    /// The entry of its history.
    seq: u32,
    /// The date of the letter.
    at: Timestamp,
    seller: &'a Seller,
}

impl Cause<'_> {
    /// The note about this letter to a recipient.
    fn letter(&self, role: &str) -> Key {
        Key::letter(&self.aggregate, self.seq, role)
    }
}

/// Why a letter was not sent, or not noted. The letter stays pending, and the record is retried.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The record is not one that the store writes.
    #[error(transparent)]
    Record(#[from] store::RecordError),
    /// The table.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The vendor's template, or its data.
    #[error("letter {0} cannot be written: {1}")]
    Letter(String, Box<dyn Error + Send + Sync>),
    /// The mail service did not accept the letter. The text is its error code.
    #[error("the mail service did not accept the letter: {0}")]
    Mail(String),
}

impl Failure {
    /// Whether a retry can only fail again: the letter cannot be composed, or the mail service cannot read it.
    ///
    /// `MessageRejected` is not final: SES returns it also while the domain is not verified.
    fn is_final(&self) -> bool {
        match self {
            Self::Letter(..) => true,
            Self::Mail(code) => code == "InvalidParameterValue",
            Self::Record(_) | Self::Store(_) => false,
        }
    }
}

/// The templates of letters in the vendor's folder.
fn letters(vendor: &Vendor) -> Result<Templates, Mistakes> {
    let (text, html) = Mistakes::both(vendor.file(letter::TEXT), vendor.file(letter::HTML))?;
    Templates::new(text, html)
}

/// Checks the templates of letters in a vendor's folder.
///
/// # Errors
///
/// Every mistake in them, with the name that a letter does not have.
pub fn templates(vendor: &Vendor) -> Result<(), Mistakes> {
    letters(vendor).map(drop)
}

impl Notifications {
    /// Reads `VENDOR_DIR`, `PUBLIC_URL`, `PAYMENT_URL` and `LINK_KEYS`, and checks the vendor's templates.
    pub fn start(
        configuration: &Configuration,
        store: Store,
        mail: aws_sdk_ses::Client,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (vendor, links) = Vendor::with_links(configuration)?;
        let typesetter = vendor.file(typesetting::TEMPLATE).and_then(|text| Ok(Typesetter::new(text)?));
        let policies = Policies::new(&vendor, store.clone(), clock);
        let ((templates, typesetter), policies) = Mistakes::both(Mistakes::both(letters(&vendor), typesetter), policies)?;
        Ok(Self { store, mail, policies, links, templates, typesetter: Arc::new(typesetter), unnoted: Mutex::default() })
    }

    /// Publishes the policy of the package, if none is in force yet: the first quote is about to be announced, and later letters and
    /// documents need the policy that priced it. A failure is logged, and the next start retries.
    pub async fn prepare(&self) {
        runtime::aws::ahead(self.policies.current()).await;
    }

    /// Handles a batch of the table's stream.
    pub async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        // Boxed: the futures of the SDK are nested deeper than the compiler's limit for one type.
        stream::each(event, |record| Box::pin(self.record(record))).await
    }

    /// `Ok`: every letter of this record is sent or set aside, and no letter is pending. `Err`: retry the record; a letter with
    /// a note is not sent again.
    async fn record(&self, record: EventRecord) -> Result<(), Failure> {
        // Each kind of aggregate with letters has a line here. A record of another kind is none of its business.
        if let Some(record) = OutboxRecord::<Quote>::read(&record)? {
            self.quote(record).await?;
        }
        Ok(())
    }

    async fn quote(&self, record: OutboxRecord<Quote>) -> Result<(), Failure> {
        // Letters about a delivery follow the delivery.
        if record.next() != Some(Work::Letters) {
            return Ok(());
        }
        let OutboxRecord { new, old, .. } = record;
        // A document is composed with the policy that it was issued under.
        let policy = self.policies.pinned(&new.offer.policy_version).await?;
        for entry in new.news_since(old.as_ref()) {
            let cause = Cause {
                aggregate: new.key(),
                number: new.number.to_string(),
                compact: new.number.compact(),
                seq: entry.seq,
                at: entry.at,
                seller: &policy.seller,
            };
            for outgoing in compose(&new, entry, &policy, &self.links) {
                self.deliver(&cause, outgoing).await?;
            }
        }
        // A quote that has changed meanwhile has a record of its own.
        self.store.work_done(&new, Work::Letters).await.map(drop).map_err(Failure::from)
    }

    /// Sends a letter once, or sets it aside when it can never be sent: it must not hold up the letters behind it.
    async fn deliver(&self, cause: &Cause<'_>, outgoing: Outgoing) -> Result<(), Failure> {
        let role = outgoing.role.clone();
        match self.send_once(cause, outgoing).await {
            Err(failure) if failure.is_final() => self.set_aside(cause, &role, &failure).await,
            sent => sent,
        }
    }

    /// Notes why a letter can never be sent.
    async fn set_aside(&self, cause: &Cause<'_>, role: &str, failure: &Failure) -> Result<(), Failure> {
        tracing::error!(must_decide = "letter_set_aside", number = %cause.number, role, %failure, "set aside: it can never be sent");
        let note = LetterNote::SetAside { reason: failure.to_string() };
        Ok(self.store.note_letter(&cause.letter(role), cause.at, &note).await?)
    }

    /// Sends a letter and notes that it was sent. A letter that was sent before and could not be noted is only noted.
    async fn send_once(&self, cause: &Cause<'_>, outgoing: Outgoing) -> Result<(), Failure> {
        let role = outgoing.role.clone();
        let letter = cause.letter(&role);
        let taken = self.of_unnoted(|unnoted| unnoted.get(&letter).cloned());
        let accepted_as = match taken {
            Some(accepted_as) => accepted_as,
            None => {
                let Some(accepted_as) = self.send(cause, outgoing).await? else { return Ok(()) };
                self.of_unnoted(|unnoted| unnoted.insert(letter.clone(), accepted_as.clone()));
                accepted_as
            }
        };
        self.store.note_letter(&letter, cause.at, &LetterNote::Sent { accepted_as }).await?;
        self.of_unnoted(|unnoted| unnoted.remove(&letter));
        tracing::info!(number = %cause.number, role, "letter sent");
        Ok(())
    }

    fn of_unnoted<T>(&self, look: impl FnOnce(&mut HashMap<Key, String>) -> T) -> T {
        look(&mut self.unnoted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a letter unless it has a note, and returns the mail service's id of the message.
    async fn send(&self, cause: &Cause<'_>, outgoing: Outgoing) -> Result<Option<String>, Failure> {
        let role = outgoing.role.as_str();
        if self.store.letter_done(&cause.letter(role)).await? {
            return Ok(None);
        }
        let attachment = match outgoing.document {
            Some(document) => {
                let (typesetter, name) = (self.typesetter.clone(), format!("{}.pdf", document.number));
                let pdf = task::compute(move || typesetter.pdf(&document)).await;
                let bytes = pdf
                    .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?
                    .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?;
                Some(Attachment { name, bytes })
            }
            None => None,
        };
        let id = format!("<{}.{}.{role}@{}>", cause.compact, cause.seq, cause.seller.email.domain());
        let message = self
            .templates
            .message(&outgoing.letter, &outgoing.to, cause.seller, attachment, &id, cause.at)
            .map_err(|error| Failure::Letter(role.to_owned(), error))?;
        let raw = RawMessage::builder()
            .data(Blob::new(message))
            .build()
            .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?;
        let sent = self.mail.send_raw_email().raw_message(raw).destinations(outgoing.to.email.as_str()).send().await;
        let accepted_as = sent.map_err(|error| Failure::Mail(store::code(&error)))?;
        Ok(Some(accepted_as.message_id().to_owned()))
    }
}
