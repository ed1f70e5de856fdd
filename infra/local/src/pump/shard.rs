//! One shard of the stream: reads its next batch, delivers the batch, and keeps the records that must be delivered again.

use std::time::Duration;

use aws_lambda_events::{event::dynamodb::EventRecord, event::streams::DynamoDbEventResponse};
use aws_sdk_dynamodbstreams::{
    operation::{get_records::GetRecordsError, get_shard_iterator::GetShardIteratorError},
    types::ShardIteratorType,
};
use tokio::time::Instant;

use super::{
    consumer::{PumpError, refused},
    place::{Place, Sequence},
    source::{Held, Source},
};

/// The most records in one batch: Lambda's default for DynamoDB streams.
const BATCH: i32 = 100;

/// The pause after a first failure; it doubles with each further one …
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// … up to this.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Shard {
    pub(super) parent: Option<String>,
    pub(super) place: Place,
    /// Where to read on, if known.
    iterator: Option<String>,
    /// Records that were read and are not consumed yet.
    held: Vec<Held>,
    /// After a failure: the time of the next attempt, and the pause before it.
    retry: Option<(Instant, Duration)>,
}

/// The result of one look at a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// Its place has changed, or there may be more: look again now.
    Moved,
    /// Its records wait for their next attempt.
    Waits(Instant),
    /// Nothing new.
    Quiet,
}

impl Shard {
    /// A shard that was consumed up to this place.
    pub(super) fn at(place: Place) -> Self {
        Self { place, ..Self::default() }
    }

    /// The shard with the parent that the stream lists for it.
    pub(super) fn below(self, parent: Option<String>) -> Self {
        Self { parent, ..self }
    }

    /// Reads one batch, unless one is held, and delivers it.
    pub(super) async fn look(&mut self, id: &str, source: &Source) -> Result<Look, PumpError> {
        if let Some((retry, _)) = self.retry.filter(|(retry, _)| *retry > Instant::now()) {
            return Ok(Look::Waits(retry));
        }
        if self.held.is_empty()
            && let Some(look) = self.read(id, source).await?
        {
            return Ok(look);
        }
        self.deliver(source).await
    }

    /// Reads the next records into `held`, or returns what to do next if there are none.
    async fn read(&mut self, id: &str, source: &Source) -> Result<Option<Look>, PumpError> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => match self.position(id, source).await? {
                Some(iterator) => iterator,
                None => return Ok(Some(Look::Moved)),
            },
        };
        let page = match source.streams.get_records().shard_iterator(iterator).limit(BATCH).send().await {
            Ok(page) => page,
            Err(cause) => {
                match cause.as_service_error() {
                    // An iterator is valid for 15 minutes; the next look requests a new one.
                    Some(GetRecordsError::ExpiredIteratorException(_)) => {}
                    Some(GetRecordsError::TrimmedDataAccessException(_)) => self.start_over(id, source),
                    _ => return Err(refused("read the stream", &cause)),
                }
                return Ok(Some(Look::Moved));
            }
        };
        self.held = source.receive(page.records.unwrap_or_default()).await?;
        self.iterator = page.next_shard_iterator;
        if !self.held.is_empty() {
            return Ok(None);
        }
        if self.iterator.is_some() {
            return Ok(Some(Look::Quiet));
        }
        // Neither records nor a next iterator: the shard is closed and read.
        self.place = Place::End;
        Ok(Some(Look::Moved))
    }

    /// An iterator at the shard's place; `None` if that place was trimmed, and the next look starts over.
    async fn position(&mut self, id: &str, source: &Source) -> Result<Option<String>, PumpError> {
        let (kind, after) = match &self.place {
            Place::After(Sequence(last)) => (ShardIteratorType::AfterSequenceNumber, Some(last.clone())),
            Place::Beginning | Place::End => (ShardIteratorType::TrimHorizon, None),
        };
        let request = source.streams.get_shard_iterator().stream_arn(&source.stream).shard_id(id);
        match request.shard_iterator_type(kind).set_sequence_number(after).send().await {
            Ok(position) => Ok(position.shard_iterator),
            Err(cause) => match cause.as_service_error() {
                Some(GetShardIteratorError::TrimmedDataAccessException(_)) => {
                    self.start_over(id, source);
                    Ok(None)
                }
                _ => Err(refused("find the place in the stream", &cause)),
            },
        }
    }

    fn start_over(&mut self, id: &str, source: &Source) {
        tracing::warn!(
            consumer = source.consumer.name,
            shard = id,
            "records were trimmed before they were consumed; the consumer continues at the oldest record"
        );
        self.place = Place::Beginning;
    }

    /// Delivers the held records and keeps those that must be delivered again.
    async fn deliver(&mut self, source: &Source) -> Result<Look, PumpError> {
        let records: Vec<EventRecord> = self.held.iter().filter_map(|held| held.record.clone()).collect();
        let done = match source.hand_over(records).await {
            Some(answer) => accepted(&self.held, &answer),
            None => 0,
        };
        if let Some(last) = self.held.drain(..done).next_back() {
            self.place = Place::After(last.sequence);
        }
        if self.held.is_empty() {
            self.retry = None;
            return Ok(Look::Moved);
        }
        let pause = match self.retry {
            Some((_, pause)) if done == 0 => (pause * 2).min(LONGEST_PAUSE),
            _ => FIRST_PAUSE,
        };
        let retry = Instant::now() + pause;
        self.retry = Some((retry, pause));
        tracing::warn!(
            consumer = source.consumer.name,
            sequence = self.held.first().map(|held| &*held.sequence.0),
            waiting = self.held.len(),
            "a record failed; the next attempt is in {pause:?}"
        );
        Ok(Look::Waits(retry))
    }
}

/// The number of records, from the first on, that are done: all before the first one that failed. A failure that names no record
/// of the batch fails all of it, as on Lambda.
fn accepted(batch: &[Held], answer: &DynamoDbEventResponse) -> usize {
    answer
        .batch_item_failures
        .iter()
        .map(|failure| {
            let failed = failure.item_identifier.as_deref();
            batch.iter().position(|held| failed == Some(&*held.sequence.0)).unwrap_or(0)
        })
        .min()
        .unwrap_or(batch.len())
}
