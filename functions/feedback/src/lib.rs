//! Bounces and complaints of letters, which SES publishes to a topic, become records of mailboxes (C3). `notifications` sends no letter
//! to a suppressed mailbox, and the desk shows it.
//!
//! SNS delivers a message at least once and in any order. A report is recorded once, and the order of reports has no effect.

use domain::{
    number::Minter,
    suppression::{Cause, MailboxId, Message, NotFeedback, Recorded, Report, Suppression},
};
use runtime::{Configuration, StartError};
use serde::Deserialize;
use store::{Commit, Store, keys::Key};
use tracing::Instrument;

/// How many times a report is decided about when others change the record of its mailbox at the same time.
const ATTEMPTS: u32 = 5;

/// What Lambda receives from SNS (AWS Lambda Developer Guide, "Invoking Lambda functions with Amazon SNS notifications"), as far as this
/// function reads it.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// The messages. SNS sends one.
    #[serde(rename = "Records")]
    pub records: Vec<Record>,
}

/// A message of the topic.
#[derive(Debug, Deserialize)]
pub struct Record {
    /// The message.
    #[serde(rename = "Sns")]
    pub sns: Notification,
}

/// A message of SNS.
#[derive(Deserialize)]
pub struct Notification {
    /// SNS's id of the message, the same in each delivery.
    #[serde(rename = "MessageId")]
    pub message_id: String,
    /// The text that SES has published.
    #[serde(rename = "Message")]
    pub message: String,
}

/// Leaves out the text, because it names people.
impl std::fmt::Debug for Notification {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notification").field("message_id", &self.message_id).finish_non_exhaustive()
    }
}

/// Why a message was not recorded. Lambda retries the message twice, and then stores it in the bucket of what was given up.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The message is not one of SES. An operator looks at it.
    #[error(transparent)]
    Message(#[from] NotFeedback),
    /// The table.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// Other writes of the record of a mailbox were first each time.
    #[error("the record of the mailbox {0} was changed by others at each attempt")]
    Contended(MailboxId),
}

/// What the handler works with.
pub struct Feedback {
    store: Store,
    /// Names mailboxes without their addresses.
    minter: Minter,
}

/// Reads a record that does not exist, so that the connection to the table is open before the first message.
///
/// # Errors
///
/// DynamoDB did not respond.
pub async fn reach(store: &Store) -> Result<Option<Suppression>, store::Error> {
    let absent = MailboxId::parse("00000000000000000000000000000000");
    match absent {
        Some(absent) => store.recorded(&Key::mailbox(&absent)).await,
        None => Ok(None),
    }
}

impl Feedback {
    /// Reads `NUMBER_KEY`.
    pub fn start(configuration: &Configuration, store: Store) -> Result<Self, StartError> {
        let key = configuration.read(|c| c.secret("NUMBER_KEY"))?;
        Ok(Self { store, minter: Minter::new(key.expose().as_bytes()) })
    }

    /// Records what the messages of an event report. Every message is attempted.
    ///
    /// # Errors
    ///
    /// The first failure. Handling the event again is safe: what was recorded is not recorded again.
    pub async fn handle(&self, event: Event) -> Result<(), Failure> {
        let mut failure = None;
        for Record { sns } in event.records {
            // Every log line about the message states its id.
            let span = tracing::info_span!("message", message_id = sns.message_id);
            if let Err(error) = self.message(&sns.message).instrument(span.clone()).await {
                span.in_scope(|| tracing::error!(%error, "a message about a letter was not recorded"));
                failure.get_or_insert(error);
            }
        }
        failure.map_or(Ok(()), Err)
    }

    /// Records what one message reports.
    async fn message(&self, text: &str) -> Result<(), Failure> {
        match Message::read(text)? {
            Message::Reports(reports) => {
                for report in &reports {
                    self.record(report).await?;
                }
            }
            Message::Other => tracing::info!("a message about no mailbox"),
        }
        Ok(())
    }

    async fn record(&self, report: &Report) -> Result<(), Failure> {
        let mailbox = MailboxId::of(&self.minter, &report.address);
        if report.cause == Cause::Rejected {
            tracing::error!(must_decide = "letter_rejected", %mailbox, letter = report.message, "SES did not send a letter");
        }
        for _ in 0..ATTEMPTS {
            let before: Option<Suppression> = self.store.recorded(&Key::mailbox(&mailbox)).await?;
            let next = match Suppression::record(before.as_ref(), &mailbox, report) {
                Recorded::Write(next) => next,
                Recorded::Known => return Ok(()),
            };
            if self.store.update_suppression(&next).await? == Commit::Committed {
                let (cause, suppressed) = (report.cause, next.since().is_some());
                tracing::info!(%mailbox, ?cause, suppressed, "a report about a letter was recorded");
                return Ok(());
            }
        }
        Err(Failure::Contended(mailbox))
    }
}
