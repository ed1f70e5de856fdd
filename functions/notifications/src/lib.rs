//! What happened to a quote becomes letters: one per event and recipient, in the quote's language.
//!
//! A letter is noted as sent after the mail service took it. A record that comes again finds the note, or, if the note
//! could not be written, this process still knows. Only when it dies between the service's answer and the note is a letter
//! sent twice — with the same Message-ID.

mod compose;
mod letter;
mod reach;

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
    Quote, QuoteNumber,
    policy::Seller,
    quote::{Entry, Owed},
};
use runtime::{Clock, Configuration, Policies, StartError, Vendor, stream};
use store::{LetterNote, Store, item::QuoteRecord};
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
    /// The letters that the mail service took and that are not noted yet, with the service's ids for them.
    unnoted: Mutex<HashMap<LetterKey, String>>,
}

/// Which letter: of which quote, about which entry of its history, to whom in which role.
type LetterKey = (QuoteNumber, u32, String);

/// Why a letter was not sent, or not noted. It stays owed, and the record is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The record is not what we write.
    #[error(transparent)]
    Record(#[from] store::RecordError),
    /// The table.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The vendor's template, or what it was given.
    #[error("letter {0} cannot be written: {1}")]
    Letter(String, Box<dyn Error + Send + Sync>),
    /// The mail service did not take it, with its error code.
    #[error("the mail service did not take the letter: {0}")]
    Mail(String),
}

impl Failure {
    /// Whether trying the same again can only fail again: the letter cannot be written, or the mail service cannot read it.
    ///
    /// `MessageRejected` is none of these: SES answers it also for what the account lacks, such as a verified domain.
    fn is_final(&self) -> bool {
        match self {
            Self::Letter(..) => true,
            Self::Mail(code) => code == "InvalidParameterValue",
            Self::Record(_) | Self::Store(_) => false,
        }
    }
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
        Ok(Self {
            policies: Policies::new(&vendor, store.clone(), clock)?,
            store,
            mail,
            links,
            templates: Templates::new(vendor.file(letter::TEXT)?, vendor.file(letter::HTML)?)?,
            typesetter: Arc::new(Typesetter::new(vendor.file(typesetting::TEMPLATE)?)?),
            unnoted: Mutex::default(),
        })
    }

    /// Handles a batch of the table's stream.
    pub async fn handle(&self, event: Event) -> DynamoDbEventResponse {
        // Boxed, for the SDK nests its futures deeper than the compiler likes to look.
        stream::each(event, |record| Box::pin(self.record(record))).await
    }

    /// `Ok`: every letter that this record asks for is sent and noted, and so is that all are. `Err`: try it again; what is
    /// noted is not sent again.
    async fn record(&self, record: EventRecord) -> Result<(), Failure> {
        // What is fulfilled first has its letters afterwards.
        let Some(QuoteRecord { new, old, owed: Owed::Letters }) = QuoteRecord::read(&record)? else { return Ok(()) };
        // A document that was issued says for ever what it said.
        let policy = self.policies.pinned(&new.offer.policy_version).await?;
        for entry in new.news_since(old.as_ref()) {
            for outgoing in compose(&new, entry, &policy, &self.links) {
                let role = outgoing.role.clone();
                match self.send_once(&new, entry, &policy.seller, outgoing).await {
                    Err(failure) if failure.is_final() => self.set_aside(&new, entry, &role, &failure).await?,
                    sent => sent?,
                }
            }
        }
        // A quote that has moved on has a record of its own.
        self.store.letters_done(&new).await.map(drop).map_err(Failure::from)
    }

    /// One letter that can never be sent must not hold up everybody else's. Its note says why it was not.
    async fn set_aside(&self, quote: &Quote, entry: &Entry, role: &str, failure: &Failure) -> Result<(), Failure> {
        tracing::error!(must_decide = "letter_set_aside", quote = %quote.number, role, %failure, "set aside: it can never be sent");
        let note = LetterNote::SetAside { reason: failure.to_string() };
        Ok(self.store.note_letter(&quote.number, entry.seq, role, entry.at, &note).await?)
    }

    /// Sends a letter and notes it. What was sent before, and could not be noted, is only noted now.
    async fn send_once(&self, quote: &Quote, entry: &Entry, seller: &Seller, outgoing: Outgoing) -> Result<(), Failure> {
        let letter = (quote.number.clone(), entry.seq, outgoing.role.clone());
        let taken = self.of_unnoted(|unnoted| unnoted.get(&letter).cloned());
        let accepted_as = match taken {
            Some(accepted_as) => accepted_as,
            None => {
                let Some(accepted_as) = self.send(quote, entry, seller, outgoing).await? else { return Ok(()) };
                self.of_unnoted(|unnoted| unnoted.insert(letter.clone(), accepted_as.clone()));
                accepted_as
            }
        };
        let (number, seq, role) = &letter;
        self.store.note_letter(number, *seq, role, entry.at, &LetterNote::Sent { accepted_as }).await?;
        self.of_unnoted(|unnoted| unnoted.remove(&letter));
        tracing::info!(quote = %number, role, "letter sent");
        Ok(())
    }

    fn of_unnoted<T>(&self, look: impl FnOnce(&mut HashMap<LetterKey, String>) -> T) -> T {
        look(&mut self.unnoted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a letter unless it is done with, and answers the mail service's id for it.
    async fn send(&self, quote: &Quote, entry: &Entry, seller: &Seller, outgoing: Outgoing) -> Result<Option<String>, Failure> {
        let role = outgoing.role.as_str();
        if self.store.letter_done(&quote.number, entry.seq, role).await? {
            return Ok(None);
        }
        let attachment = match outgoing.document {
            Some(document) => {
                let (typesetter, name) = (self.typesetter.clone(), format!("{}.pdf", document.number));
                // Typesetting takes a while and waits for nothing: it must not hold up who shares the thread.
                let pdf = tokio::task::spawn_blocking(move || typesetter.pdf(&document)).await;
                let bytes = pdf
                    .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?
                    .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?;
                Some(Attachment { name, bytes })
            }
            None => None,
        };
        let id = format!("<{}.{}.{role}@{}>", quote.number.compact(), entry.seq, seller.email.domain());
        let message = self
            .templates
            .message(&outgoing.letter, &outgoing.to, seller, attachment, &id, entry.at)
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
