//! Access to DynamoDB: one table, one item per aggregate, conditional commits.
//!
//! Every write of an aggregate is conditional. A repeated write is refused, or it writes the same item. A note (such as that a
//! letter was sent) has a key of its own, so that writing it again changes nothing. A write returns
//! [`Committed`](Commit::Committed), or [`Conflict`](Commit::Conflict) when another request was first: then load the aggregate
//! and decide again.

mod audit;
mod entitlements;
mod facts;
mod government;
pub mod item;
mod key_fingerprints;
pub mod keys;
mod letters;
mod limits;
mod outbox;
pub mod page;
mod pending;
mod policies;
mod public_keys;
mod quotes;
mod reads;
mod reviews;
pub mod schema;
mod series;
mod writes;

use std::sync::{Arc, atomic::AtomicU64};

use aws_sdk_dynamodb::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
};

pub use audit::{AuditEntry, Reveal};
pub use entitlements::Changed;
pub use item::Item;
pub use letters::{LetterNote, NotedLetter};
pub use outbox::{OutboxRecord, RecordError};
pub use page::{Cursor, Page, PageError, PageRequest};
pub use pending::Waiting;
pub use policies::{PolicyInForce, PolicyProposal};

/// The table. Every operation is a request to DynamoDB through the SDK's client, which retries throttled and failed requests.
#[derive(Clone)]
pub struct Store {
    client: Client,
    table: String,
    /// See [`Store::publications`]. Shared by all clones.
    publications: Arc<AtomicU64>,
}

impl Store {
    /// A store on `table`.
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), publications: Arc::default() }
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The SDK's client, for the administration of the table.
    pub fn client(&self) -> &Client {
        &self.client
    }
}

/// The result of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Commit {
    /// The write is durable.
    Committed,
    /// Another request was first, and nothing was written. Load again and decide again.
    Conflict,
}

/// The result of a creation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Created<T> {
    /// The aggregate is durable.
    New,
    /// The key is in use by this aggregate, and nothing was written.
    Exists(Box<T>),
}

/// A technical failure. [`Unavailable`](Error::Unavailable): it is unknown whether a write happened, and retrying it is safe.
/// [`Corrupt`](Error::Corrupt): retrying does not help, and an operator must look at the item.
///
/// These errors have no source. The SDK's errors may repeat what was sent or stored, and with it a person's name, so only
/// their code is kept (see [`code`]).
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// DynamoDB refused the operation or did not respond.
    #[error("DynamoDB failed at {operation}: {reason}")]
    Unavailable {
        /// The operation.
        operation: &'static str,
        /// The error code, or the kind of failure. It never contains data.
        reason: String,
    },
    /// An item does not have the shape that the store writes.
    #[error("item {key} cannot be read: {reason}")]
    Corrupt {
        /// The item's key.
        key: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl Error {
    fn of<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Self {
        Self::Unavailable { operation, reason: code(error) }
    }
}

/// The code of an SDK error, or the kind of failure. The error's text is left out, because it may repeat what was sent. The
/// error of a failed condition contains the item, and with it a person's name.
pub fn code<E: ProvideErrorMetadata, R>(error: &SdkError<E, R>) -> String {
    match error {
        SdkError::ServiceError(service) => service.err().code().unwrap_or("unknown").to_owned(),
        SdkError::TimeoutError(_) => "timeout".to_owned(),
        SdkError::DispatchFailure(_) => "no connection".to_owned(),
        SdkError::ResponseError(_) => "the response was cut off".to_owned(),
        _ => "the request was not sent".to_owned(),
    }
}
