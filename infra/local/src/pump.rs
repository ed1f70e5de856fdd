//! The substitute for the Lambda event source mapping: reads a table's stream, delivers it in batches to every consumer as the
//! event that Lambda would send, and accepts partial failures.
//!
//! * Every consumer reads by itself: a failing consumer delays no other consumer.
//! * A shard is read in order, after its parent. The records of one aggregate are delivered in order; different aggregates are
//!   delivered in parallel, up to a bound.
//! * A record that fails is retried (after 100 ms, doubling up to 5 s) until it succeeds. Later records of its aggregate wait, and
//!   other aggregates do not: no record is skipped or lost.
//! * A record that is not a valid event is set aside in a file and blocks no other record. The next start retries it.
//! * A consumer's place is in a file: the record up to which all are consumed. After a crash the records behind it are delivered
//!   again, so consumers must tolerate repetition, as on Lambda ("at least once").
//!
//! Batches and partial failures follow "Using AWS Lambda with Amazon DynamoDB" in the AWS Lambda developer guide.

use std::{path::Path, sync::Arc, time::Duration};

use aws_sdk_dynamodbstreams::Client;
use tokio::{sync::watch, task::JoinSet};

use self::{consumer::refused, gauge::Progress, reader::Reader, source::Source};
pub use self::{
    consumer::{Consumer, Handling, MOST_READERS, PumpError},
    gauge::Gauge,
};

mod consumer;
mod gauge;
mod lanes;
mod place;
mod reader;
mod record;
mod shard;
mod source;
#[cfg(test)]
mod tests;

/// How long a shutdown waits for the events that are with a consumer. What is not finished by then is delivered again at the next
/// start.
const PATIENCE: Duration = Duration::from_millis(2_500);

/// The running pump: one task for each consumer. Dropping it stops them at once, like a crash; [`Pump::shutdown`] lets
/// the events under way finish.
pub struct Pump {
    gauge: Gauge,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Pump {
    /// Checks that the stream of `table` has the places of these consumers, before anything is written to the table.
    ///
    /// # Errors
    ///
    /// [`PumpError::UnknownPlace`] says what to restore.
    pub async fn check(
        streams: &Client,
        dynamodb: &aws_sdk_dynamodb::Client,
        table: &str,
        consumers: &[&'static str],
        data_dir: &Path,
    ) -> Result<(), PumpError> {
        let stream = stream_of(dynamodb, table).await?;
        for consumer in consumers {
            place::places(consumer, &place::file_of(consumer, data_dir), streams, &stream).await?;
        }
        Ok(())
    }

    /// Starts to deliver the stream of `table` to the consumers, each from its place in `data_dir` (in
    /// `stream/<name>.json`), or from the oldest record if it has none or its place was trimmed.
    ///
    /// # Errors
    ///
    /// [`PumpError`] says what to repair. No consumer has been called then, and a retry is safe.
    pub async fn start(
        streams: Client,
        dynamodb: &aws_sdk_dynamodb::Client,
        table: &str,
        consumers: Vec<Consumer>,
        data_dir: &Path,
    ) -> Result<Self, PumpError> {
        if consumers.len() > MOST_READERS {
            return Err(PumpError::TooManyReaders(consumers.len()));
        }
        let stream = stream_of(dynamodb, table).await?;
        let (rounds, _) = watch::channel(0);
        let (stop, _) = watch::channel(false);
        let (mut readers, mut progress) = (Vec::new(), Vec::new());
        for consumer in consumers {
            let (sender, seen) = watch::channel(Progress::default());
            let source = Source {
                streams: streams.clone(),
                stream: stream.clone(),
                set_aside: data_dir.join("stream").join("set-aside").join(consumer.name),
                consumer,
                progress: sender,
                stop: stop.subscribe(),
                finished: Arc::default(),
            };
            readers.push(Reader::open(source, data_dir).await?);
            progress.push(seen);
        }
        let mut tasks = JoinSet::new();
        for reader in readers {
            tasks.spawn(reader.run(rounds.subscribe()));
        }
        Ok(Self { gauge: Gauge { rounds, progress: progress.into() }, stop, tasks })
    }

    /// A handle that shows how far the consumers are.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// See [`Gauge::idle`].
    pub async fn idle(&self) {
        self.gauge.idle().await;
    }

    /// Starts no further event, finishes the events that are with the consumers, writes the consumers' places, and returns when all
    /// consumers have stopped. An event that takes longer than 2.5 seconds is interrupted: the next start delivers it again.
    pub async fn shutdown(mut self) {
        self.stop.send_replace(true);
        let stopped = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(PATIENCE, stopped).await.is_err() {
            tracing::warn!("a consumer was interrupted after {PATIENCE:?}; the next start delivers its records again");
            self.tasks.shutdown().await;
        }
    }
}

/// The name of the table's stream.
async fn stream_of(dynamodb: &aws_sdk_dynamodb::Client, table: &str) -> Result<String, PumpError> {
    let described = dynamodb.describe_table().table_name(table).send().await;
    let described = described.map_err(|cause| refused("describe the table", &cause))?;
    let stream = described.table.and_then(|table| table.latest_stream_arn);
    stream.ok_or_else(|| PumpError::NoStream(table.to_owned()))
}
