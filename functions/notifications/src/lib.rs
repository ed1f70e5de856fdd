//! Events in the history of a quote become letters: one per event and recipient, in the quote's language.
//!
//! A stream record is only a reason to look. Letters are composed from the quote as it is stored now, so a record may come late:
//! after an hour without mail, a quote that was paid meanwhile causes no request to pay, and neither does a replaced revision.
//!
//! A letter is noted as sent after the mail service accepted it. A record that is delivered again finds the note, or, if the
//! note could not be written, the entry in this process's memory. A letter is sent twice only when the process ends between the
//! service's response and the note; both copies have the same Message-ID.
//!
//! A mailbox from which a letter came back for good, or whose owner has complained, gets no letter (C3). The letter is noted as
//! withheld, and is sent when staff have lifted that.

mod compose;
mod letter;
mod reach;
mod sets;
mod template;
mod withholding;

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
    number::Minter,
    pending::Work,
    policy::{Mistakes, Seller},
    suppression::{LetterClass, MailboxId, Suppression},
};
use jiff::Timestamp;
use runtime::{Clock, Configuration, Policies, StartError, Vendor, stream, task};
use store::{Item, LetterNote, OutboxRecord, Store, keys::Key};
use typesetting::{Brand, Typesetter};

use crate::{
    compose::{Outgoing, class, compose},
    letter::{Attachment, Templates},
    sets::ConfigurationSets,
};

pub use crate::reach::reach;

/// The role of the letter that asks for payment.
const REQUEST_TO_PAY: &str = "quote";

/// What the handler works with.
pub struct Notifications {
    store: Store,
    mail: aws_sdk_ses::Client,
    policies: Policies,
    links: Links,
    templates: Templates,
    typesetter: Arc<Typesetter>,
    /// Names mailboxes without their addresses.
    minter: Minter,
    sets: ConfigurationSets,
    /// The letters that the mail service accepted and that have no note yet, with the service's ids of the messages.
    unnoted: Mutex<HashMap<Key, String>>,
}

/// What a letter is about: an entry in the history of a quote.
struct Cause<'a> {
    /// The quote's item.
    aggregate: Key,
    /// The version of the quote that the letter is composed from.
    version: u64,
    /// The quote's number: for log lines, and part of the Message-ID.
    number: &'a QuoteNumber,
    /// The entry of its history.
    seq: u32,
    /// The date of the letter.
    at: Timestamp,
    seller: &'a Seller,
    /// What caused the letter.
    class: LetterClass,
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
    /// Other writes of the record of a mailbox were first each time.
    #[error("the record of the mailbox {0} was changed by others at each attempt")]
    Contended(MailboxId),
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
            Self::Record(_) | Self::Store(_) | Self::Contended(_) => false,
        }
    }

    /// Whether an operator has switched off the configuration set of the letter. The letter stays pending and holds up no other one:
    /// letters of the other set are sent.
    fn is_paused(&self) -> bool {
        matches!(self, Self::Mail(code) if code == "ConfigurationSetSendingPausedException")
    }
}

/// The template of documents in the vendor's folder, with its logo and fonts.
fn typesetter(vendor: &Vendor) -> Result<Typesetter, Mistakes> {
    let brand = Brand { logo: vendor.file_if_there(typesetting::LOGO).map(str::to_owned), fonts: vendor.fonts()? };
    Ok(Typesetter::branded(vendor.file(typesetting::TEMPLATE)?, brand)?)
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

/// Whether a letter states the aggregate as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Composition {
    /// The letter was sent, or needed no sending.
    Current,
    /// A letter waits until its configuration set sends again. It stays pending.
    Paused,
    /// The aggregate has changed since the letter was composed. The letter was not sent.
    Outdated,
}

/// The result of an attempt to send a letter.
enum Sending {
    /// The mail service accepted the letter, and returned this id of the message.
    Accepted(String),
    /// The letter has a note: it was sent, set aside or withheld.
    Noted,
    /// The aggregate has changed while the letter was typeset. The letter was not sent.
    Outdated,
}

impl Notifications {
    /// Reads `VENDOR_DIR`, `PUBLIC_URL`, `PAYMENT_URL`, `LINK_KEYS`, `NUMBER_KEY` and the names of SES's configuration sets,
    /// `MAIL_SET_REQUESTS` and `MAIL_SET_PURCHASES`, and checks the vendor's templates. Without a set, letters are sent through the
    /// default of the sender's identity.
    pub fn start(
        configuration: &Configuration,
        store: Store,
        mail: aws_sdk_ses::Client,
        clock: Clock,
    ) -> Result<Self, StartError> {
        let (vendor, links) = Vendor::with_links(configuration)?;
        let (key, sets) = configuration.read(|c| (c.secret("NUMBER_KEY"), ConfigurationSets::read(c)))?;
        let minter = Minter::new(key.expose().as_bytes());
        let typesetter = typesetter(&vendor);
        let policies = Policies::new(&vendor, store.clone(), clock);
        let ((templates, typesetter), policies) = Mistakes::both(Mistakes::both(letters(&vendor), typesetter), policies)?;
        let (typesetter, unnoted) = (Arc::new(typesetter), Mutex::default());
        Ok(Self { store, mail, policies, links, templates, typesetter, minter, sets, unnoted })
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
        } else if let Some(record) = OutboxRecord::<Suppression>::read(&record)? {
            self.released(&record.new).await?;
        }
        Ok(())
    }

    async fn quote(&self, record: OutboxRecord<Quote>) -> Result<(), Failure> {
        // Letters about a delivery follow the delivery.
        if record.next_work() != Some(Work::Letters) {
            return Ok(());
        }
        let OutboxRecord { new: Quote { number, .. }, old, .. } = record;
        loop {
            let Some(quote) = self.store.quote(&number).await? else { return Ok(()) };
            match self.letters(&quote, old.as_ref(), |_, _| true).await? {
                // A quote that has changed meanwhile has a record of its own.
                Composition::Current => {
                    return self.store.work_done(&quote, Work::Letters).await.map(drop).map_err(Failure::from);
                }
                Composition::Paused => return Ok(()),
                Composition::Outdated => {}
            }
        }
    }

    /// Sends the letters about what happened to a quote since `old`, of those that are `wanted` by their entry and role. `Outdated`:
    /// the quote has changed since it was read, and the letters that are not sent yet must be composed again.
    async fn letters(
        &self,
        quote: &Quote,
        old: Option<&Quote>,
        wanted: impl Fn(u32, &str) -> bool,
    ) -> Result<Composition, Failure> {
        // A document is composed with the policy that it was issued under.
        let policy = self.policies.pinned(&quote.offer.policy_version).await?;
        let mut result = Composition::Current;
        for entry in quote.news_since(old) {
            let cause = Cause {
                aggregate: quote.key(),
                version: quote.version,
                number: &quote.number,
                seq: entry.seq,
                at: entry.at,
                seller: &policy.seller,
                class: class(&entry.event),
            };
            let mut letters = compose(quote, entry, &policy, &self.links);
            letters.retain(|letter| wanted(entry.seq, &letter.role));
            for outgoing in letters {
                match self.deliver(&cause, outgoing).await? {
                    Composition::Current => {}
                    Composition::Paused => result = Composition::Paused,
                    Composition::Outdated => return Ok(Composition::Outdated),
                }
            }
        }
        Ok(result)
    }

    /// Sends a letter once, or sets it aside when it can never be sent: it must not hold up the letters behind it.
    async fn deliver(&self, cause: &Cause<'_>, outgoing: Outgoing) -> Result<Composition, Failure> {
        let role = outgoing.role.clone();
        match self.send_once(cause, outgoing).await {
            Err(failure) if failure.is_final() => self.set_aside(cause, &role, &failure).await.map(|()| Composition::Current),
            Err(failure) if failure.is_paused() => {
                tracing::warn!(number = %cause.number, role, %failure, "the letter waits");
                Ok(Composition::Paused)
            }
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
    async fn send_once(&self, cause: &Cause<'_>, outgoing: Outgoing) -> Result<Composition, Failure> {
        let role = outgoing.role.clone();
        let letter = cause.letter(&role);
        let taken = self.of_unnoted(|unnoted| unnoted.get(&letter).cloned());
        let accepted_as = match taken {
            Some(accepted_as) => accepted_as,
            None => {
                let accepted_as = match self.send(cause, outgoing).await? {
                    Sending::Accepted(accepted_as) => accepted_as,
                    Sending::Noted => return Ok(Composition::Current),
                    Sending::Outdated => return Ok(Composition::Outdated),
                };
                self.of_unnoted(|unnoted| unnoted.insert(letter.clone(), accepted_as.clone()));
                accepted_as
            }
        };
        self.store.note_letter(&letter, cause.at, &LetterNote::Sent { accepted_as }).await?;
        self.of_unnoted(|unnoted| unnoted.remove(&letter));
        tracing::info!(number = %cause.number, role, "letter sent");
        Ok(Composition::Current)
    }

    fn of_unnoted<T>(&self, look: impl FnOnce(&mut HashMap<Key, String>) -> T) -> T {
        look(&mut self.unnoted.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends a letter unless it has a note, or its mailbox is suppressed.
    async fn send(&self, cause: &Cause<'_>, outgoing: Outgoing) -> Result<Sending, Failure> {
        let role = outgoing.role.as_str();
        if self.is_noted(cause, role, &outgoing.to.email).await? {
            return Ok(Sending::Noted);
        }
        let attachment = match outgoing.document {
            Some(document) => {
                let (typesetter, name) = (self.typesetter.clone(), format!("{}.pdf", document.number));
                let missing = typesetter.unprintable(&document);
                if !missing.is_empty() {
                    let characters = typesetting::code_points(&missing);
                    tracing::warn!(code = "not_printable", number = %cause.number, characters, "an attachment has boxes in it");
                }
                let pdf = task::compute(move || typesetter.pdf(&document)).await;
                let bytes = pdf
                    .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?
                    .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?;
                // Typesetting takes long enough for a payment to arrive meanwhile.
                if role == REQUEST_TO_PAY && self.store.version(&cause.aggregate).await? != Some(cause.version) {
                    return Ok(Sending::Outdated);
                }
                Some(Attachment { name, bytes })
            }
            None => None,
        };
        let id = format!("<{}.{}.{role}@{}>", cause.number.compact(), cause.seq, cause.seller.email.domain());
        let message = self
            .templates
            .message(&outgoing.letter, &outgoing.to, cause.seller, attachment, &id, cause.at)
            .map_err(|error| Failure::Letter(role.to_owned(), error))?;
        let raw = RawMessage::builder()
            .data(Blob::new(message))
            .build()
            .map_err(|error| Failure::Letter(role.to_owned(), error.into()))?;
        let request = self.mail.send_raw_email().raw_message(raw).destinations(outgoing.to.email.as_str());
        let request = request.set_configuration_set_name(self.sets.of(cause.class).map(str::to_owned));
        let accepted_as = request.send().await.map_err(|error| Failure::Mail(store::code(&error)))?;
        Ok(Sending::Accepted(accepted_as.message_id().to_owned()))
    }
}
