//! The functions that consume the stream, and the errors of the pump.

use std::{io, path::PathBuf, pin::Pin, sync::Arc};

use aws_lambda_events::{event::dynamodb::Event, event::streams::DynamoDbEventResponse};
use aws_sdk_dynamodbstreams::error::{ProvideErrorMetadata, SdkError};
use thiserror::Error;

/// How many consumers may read one DynamoDB stream: AWS throttles a third (AWS Lambda Developer Guide, "Using AWS Lambda with
/// Amazon DynamoDB": up to two functions can subscribe to one stream). Other parts receive events from `notifications`, through
/// a queue.
pub const MOST_READERS: usize = 2;

/// A future that a [`Consumer`] returns.
pub type Handling = Pin<Box<dyn Future<Output = DynamoDbEventResponse> + Send>>;

/// A function that consumes the stream.
#[derive(Clone)]
pub struct Consumer {
    /// Its name, which is also the name of the file with its place. A new name starts at the beginning of the stream.
    pub name: &'static str,
    /// Handles one batch. The response lists the records that must be delivered again; empty means that the batch
    /// is done. A panic counts as a failure of the whole batch.
    pub handle: Arc<dyn Fn(Event) -> Handling + Send + Sync>,
}

impl Consumer {
    /// A consumer from an async function or closure.
    pub fn new<F, Response>(name: &'static str, handle: F) -> Self
    where
        F: Fn(Event) -> Response + Send + Sync + 'static,
        Response: Future<Output = DynamoDbEventResponse> + Send + 'static,
    {
        Self { name, handle: Arc::new(move |event| Box::pin(handle(event))) }
    }
}

/// Why the pump does not start, or pauses. While it runs, it logs an error and retries.
#[derive(Debug, Error)]
pub enum PumpError {
    /// More consumers than a DynamoDB stream has readers on AWS, where the third would be throttled.
    #[error(
        "{0} consumers cannot read one stream: AWS supports at most {MOST_READERS} readers. Send events to the others through a \
         queue that `notifications` fills"
    )]
    TooManyReaders(usize),
    /// The table has no stream, so no consumer would receive a change.
    #[error("the table {0} has no stream: create it with StreamSpecification NEW_AND_OLD_IMAGES")]
    NoStream(String),
    /// DynamoDB did not respond, or refused the request. A retry is safe.
    #[error("DynamoDB did not {operation}: {cause}")]
    Stream {
        /// The operation, as a verb.
        operation: &'static str,
        /// What went wrong.
        cause: String,
    },
    /// The place of a consumer cannot be read or written.
    #[error("cannot keep the place of {consumer} in {}: {cause}", .file.display())]
    Place {
        /// The consumer.
        consumer: &'static str,
        /// The file with its place.
        file: PathBuf,
        /// What the operating system reported, or what is wrong with the content.
        cause: io::Error,
    },
    /// The stream does not have the place of a consumer: the database is older than the place, or another one.
    #[error(
        "the place of {consumer} in {} is unknown: {reason}. The database is not the one that the directory belongs to: restore the \
         whole directory from a backup of one moment. If the database is the right one, delete this file: then all records of the \
         stream are delivered again, which repeats no effect",
        .file.display()
    )]
    UnknownPlace {
        /// The consumer.
        consumer: &'static str,
        /// The file with its place.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A record that is not a valid event could not be written to the folder of records that are set aside.
    #[error("cannot set a stream record of {consumer} aside in {}: {cause}", .file.display())]
    SetAside {
        /// The consumer.
        consumer: &'static str,
        /// The file for the record.
        file: PathBuf,
        /// What the operating system reported.
        cause: io::Error,
    },
}

/// The message of DynamoDB, or the chain of causes when DynamoDB was not reached.
pub(super) fn refused<E>(operation: &'static str, error: &SdkError<E>) -> PumpError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let cause = error.message().map(str::to_owned).unwrap_or_else(|| {
        let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    });
    PumpError::Stream { operation, cause }
}
