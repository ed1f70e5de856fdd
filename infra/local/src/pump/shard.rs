//! One shard of the stream: reads its records, and hands them to the consumer.

use aws_sdk_dynamodbstreams::{
    operation::{get_records::GetRecordsError, get_shard_iterator::GetShardIteratorError},
    types::ShardIteratorType,
};
use tokio::time::Instant;

use super::{
    consumer::{PumpError, refused},
    lanes::Lanes,
    place::{Place, Sequence},
    source::Source,
};

/// The most records that are read at once: Lambda's default batch for DynamoDB streams.
const PAGE: i32 = 100;

#[derive(Default)]
pub(super) struct Shard {
    pub(super) parent: Option<String>,
    /// Every record up to here is consumed.
    pub(super) place: Place,
    /// Where to read on, if known.
    iterator: Option<String>,
    /// Whether it is closed, and its last record was read.
    closed: bool,
    /// The records that were read and are not consumed.
    lanes: Lanes,
}

/// The result of one look at a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Look {
    /// There may be more: look again now.
    Moved,
    /// Its records are with the consumer, or wait for their next attempt at this time.
    Waits(Option<Instant>),
    /// Nothing new.
    Quiet,
}

/// The result of a read.
enum Read {
    /// Some records, or another iterator is needed: read again.
    More,
    /// No records.
    Nothing,
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

    /// Whether no event is with the consumer.
    pub(super) fn is_resting(&self) -> bool {
        self.lanes.is_resting()
    }

    /// Accepts what the consumer has done, reads the next records if there is space for them, and hands over what can be
    /// handled now.
    pub(super) async fn look(&mut self, id: &str, source: &Source) -> Result<Look, PumpError> {
        self.lanes.collect(source);
        let read = if !self.closed && self.lanes.has_space() { self.read(id, source).await } else { Ok(Read::Nothing) };
        self.advance();
        self.lanes.start(source);
        if matches!(read?, Read::More) {
            return Ok(Look::Moved);
        }
        if !self.lanes.is_empty() {
            return Ok(Look::Waits(self.lanes.next_retry()));
        }
        if self.closed {
            self.place = Place::End;
            return Ok(Look::Moved);
        }
        Ok(Look::Quiet)
    }

    /// Waits for the events that are with the consumer. No other event is started.
    pub(super) async fn finish(&mut self, source: &Source) {
        self.lanes.finish(source).await;
        self.advance();
    }

    fn advance(&mut self) {
        if let Some(last) = self.lanes.take_consumed() {
            self.place = Place::After(last);
        }
    }

    /// Reads the next records.
    async fn read(&mut self, id: &str, source: &Source) -> Result<Read, PumpError> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => match self.position(id, source).await? {
                Some(iterator) => iterator,
                None => return Ok(Read::More),
            },
        };
        let page = match source.streams.get_records().shard_iterator(iterator).limit(PAGE).send().await {
            Ok(page) => page,
            Err(cause) => {
                match cause.as_service_error() {
                    // An iterator is valid for 15 minutes; the next look requests a new one.
                    Some(GetRecordsError::ExpiredIteratorException(_)) => {}
                    Some(GetRecordsError::TrimmedDataAccessException(_)) => self.start_over(id, source),
                    _ => return Err(refused("read the stream", &cause)),
                }
                return Ok(Read::More);
            }
        };
        let records = source.receive(page.records.unwrap_or_default()).await?;
        self.iterator = page.next_shard_iterator;
        // Without a next iterator the shard is closed and read.
        self.closed = self.iterator.is_none();
        let read = if records.is_empty() { Read::Nothing } else { Read::More };
        self.lanes.add(records);
        Ok(read)
    }

    /// An iterator behind the last record that was read; `None` if that place was trimmed, and the next look starts over.
    async fn position(&mut self, id: &str, source: &Source) -> Result<Option<String>, PumpError> {
        let (kind, after) = match (self.lanes.newest(), &self.place) {
            (Some(Sequence(last)), _) | (None, Place::After(Sequence(last))) => {
                (ShardIteratorType::AfterSequenceNumber, Some(last.clone()))
            }
            (None, Place::Beginning | Place::End) => (ShardIteratorType::TrimHorizon, None),
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

    /// Continues at the oldest record of the stream. What was read before and is still with the consumer is read again, which a
    /// consumer tolerates.
    fn start_over(&mut self, id: &str, source: &Source) {
        tracing::warn!(
            consumer = source.consumer.name,
            shard = id,
            "records were trimmed before they were consumed; the consumer continues at the oldest record"
        );
        (self.lanes, self.place) = (Lanes::default(), Place::Beginning);
    }
}
