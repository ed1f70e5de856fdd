//! The substitute for the Lambda event source mapping: reads a table's stream, delivers it in batches to every consumer as the
//! event that Lambda would send, and accepts partial failures.
//!
//! * Every consumer reads by itself: a failing consumer delays no other consumer.
//! * A shard is read in order, after its parent. A record that fails is retried (after 100 ms, doubling up to 5 s) until
//!   it succeeds, and the records behind it wait: no record is skipped or lost.
//! * A record that is not a valid event is set aside in a file and blocks no other record. The next start retries it.
//! * A consumer's place is in a file, written after each batch. After a crash the last batch is delivered again,
//!   so consumers must tolerate repetition, as on Lambda ("at least once").
//!
//! Batches and partial failures follow "Using AWS Lambda with Amazon DynamoDB" in the AWS Lambda developer guide.

use std::path::Path;

use aws_sdk_dynamodbstreams::Client;
use tokio::{sync::watch, task::JoinSet};

use self::{consumer::refused, gauge::Progress, reader::Reader, source::Source};
pub use self::{
    consumer::{Consumer, Handling, MOST_READERS, PumpError},
    gauge::Gauge,
};

mod consumer;
mod gauge;
mod place;
mod reader;
mod record;
mod shard;
mod source;
#[cfg(test)]
mod tests;

/// The running pump: one task for each consumer. Dropping it stops them at once, like a crash; [`Pump::shutdown`] lets
/// the batches under way finish.
pub struct Pump {
    gauge: Gauge,
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Pump {
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
        let stream = dynamodb
            .describe_table()
            .table_name(table)
            .send()
            .await
            .map_err(|cause| refused("describe the table", &cause))?
            .table
            .and_then(|table| table.latest_stream_arn)
            .ok_or_else(|| PumpError::NoStream(table.to_owned()))?;

        let (rounds, _) = watch::channel(0);
        let (stop, _) = watch::channel(false);
        let (readers, progress): (Vec<_>, Vec<_>) = consumers
            .into_iter()
            .map(|consumer| {
                let (progress, seen) = watch::channel(Progress::default());
                let set_aside = data_dir.join("stream").join("set-aside").join(consumer.name);
                let source = Source { streams: streams.clone(), stream: stream.clone(), consumer, set_aside, progress };
                Ok((Reader::open(source, data_dir)?, seen))
            })
            .collect::<Result<Vec<_>, PumpError>>()?
            .into_iter()
            .unzip();
        let mut tasks = JoinSet::new();
        for reader in readers {
            tasks.spawn(reader.run(rounds.subscribe(), stop.subscribe()));
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

    /// Finishes the batches that are under way, writes the consumers' places, and returns when all consumers have stopped.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        self.tasks.join_all().await;
    }
}
