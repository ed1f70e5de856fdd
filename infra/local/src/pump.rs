//! What the Lambda event source mapping does on AWS, done here: reads a table's stream, hands it in batches to every
//! consumer as the event that Lambda would send, and takes partial failures back.
//!
//! * Every consumer reads by itself: one that fails holds up nobody else.
//! * A shard is read in order, after its parent. A record that fails is tried again (after 100 ms, doubling up to 5 s),
//!   for as long as it fails, and the records behind it wait: nothing is skipped and nothing is lost.
//! * A record of which no event can be made is set aside in a file and blocks nothing else; the next start tries it again.
//! * A consumer's place is in a file, written after each batch. After a crash the batch that was under way comes again,
//!   so consumers must bear repetition, as on Lambda ("at least once").
//!
//! Batches and partial failures follow "Using AWS Lambda with Amazon DynamoDB" in the AWS Lambda developer guide.

use std::{
    collections::{BTreeMap, HashMap},
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use aws_lambda_events::{
    event::dynamodb::{Event, EventRecord},
    event::streams::DynamoDbEventResponse,
};
use aws_sdk_dynamodbstreams::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    operation::{get_records::GetRecordsError, get_shard_iterator::GetShardIteratorError},
    types::{AttributeValue, Identity, Record, ShardIteratorType},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep},
};

use crate::durable;

/// The most records in one batch: Lambda's default for DynamoDB streams.
const BATCH: i32 = 100;
/// How soon a stream that had nothing new is asked again; each time that it stays quiet the pause doubles …
const QUIET: Duration = Duration::from_millis(50);
/// … up to this, unless somebody nudges.
const QUIETEST: Duration = Duration::from_millis(200);
/// The pause after a first failure; it doubles with each further one …
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often the shards are listed anew: on AWS a shard lives for about four hours, in the embedded engine for ever.
const RELIST: Duration = Duration::from_secs(60);

/// A future that a [`Consumer`] returns.
pub type Handling = Pin<Box<dyn Future<Output = DynamoDbEventResponse> + Send>>;

/// One function on the stream.
#[derive(Clone)]
pub struct Consumer {
    /// Its name, also that of the file with its place. A new name starts at the beginning of the stream.
    pub name: &'static str,
    /// Handles one batch. The answer lists what has to come again; empty means that all of it is done. A panic counts
    /// as a failure of the whole batch.
    pub handle: Arc<dyn Fn(Event) -> Handling + Send + Sync>,
}

impl Consumer {
    /// A consumer from an async function or closure.
    pub fn new<F, Answer>(name: &'static str, handle: F) -> Self
    where
        F: Fn(Event) -> Answer + Send + Sync + 'static,
        Answer: Future<Output = DynamoDbEventResponse> + Send + 'static,
    {
        Self { name, handle: Arc::new(move |event| Box::pin(handle(event))) }
    }
}

/// Why the pump does not start, or pauses. While it runs, errors are logged and it tries again.
#[derive(Debug, Error)]
pub enum PumpError {
    /// The table has no stream, so no consumer would ever hear of a change.
    #[error("the table {0} has no stream: create it with StreamSpecification NEW_AND_OLD_IMAGES")]
    NoStream(String),
    /// DynamoDB did not answer, or refused. Trying again is safe.
    #[error("DynamoDB did not {asked}: {cause}")]
    Stream {
        /// What it was asked to do.
        asked: &'static str,
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
        /// What the operating system said, or what is wrong with the content.
        cause: io::Error,
    },
    /// A record that no event can be made of could not be written to the folder of records that are set aside.
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
    /// [`PumpError`] says what to repair; no consumer has been called then, and trying again is safe.
    pub async fn start(
        streams: Client,
        dynamodb: &aws_sdk_dynamodb::Client,
        table: &str,
        consumers: Vec<Consumer>,
        data_dir: &Path,
    ) -> Result<Self, PumpError> {
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

    /// What tells, from anywhere, how far the consumers are.
    #[must_use]
    pub fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// See [`Gauge::idle`].
    pub async fn idle(&self) {
        self.gauge.idle().await;
    }

    /// Lets the batches under way finish and their places be written, and returns when all consumers have stopped.
    pub async fn shutdown(self) {
        self.stop.send_replace(true);
        self.tasks.join_all().await;
    }
}

/// How far the consumers are. Clones are cheap and may outlive the pump.
#[derive(Clone)]
pub struct Gauge {
    rounds: watch::Sender<u64>,
    progress: Arc<[watch::Receiver<Progress>]>,
}

/// What a consumer tells about itself.
#[derive(Debug, Default)]
struct Progress {
    /// The latest round in which it found nothing left to do.
    settled: u64,
    /// Batches that it has tried.
    attempts: u64,
    /// The sequence number up to which it has consumed every shard.
    consumed: Option<Sequence>,
}

impl Gauge {
    /// Returns when every consumer has consumed everything, including what they themselves wrote meanwhile: nothing is
    /// left to do unless somebody else writes. Waits for as long as a consumer fails, so give it a time limit where
    /// that may happen. Returns also when the pump has been stopped.
    pub async fn idle(&self) {
        let attempts = || self.progress.iter().map(|one| one.borrow().attempts).sum::<u64>();
        loop {
            // If nobody handled anything between the start and the end of a round in which everybody found the stream
            // empty, then nobody can have written anything that another one has not seen.
            let before = attempts();
            let round = self.nudge();
            for consumer in self.progress.iter() {
                if consumer.clone().wait_for(|progress| progress.settled >= round).await.is_err() {
                    return;
                }
            }
            if attempts() == before {
                return;
            }
        }
    }

    /// Makes the consumers look at the stream now rather than within 200 ms. Failed records keep their pause. Returns
    /// the number of the round that it started.
    pub fn nudge(&self) -> u64 {
        let mut round = 0;
        self.rounds.send_modify(|rounds| {
            *rounds += 1;
            round = *rounds;
        });
        round
    }

    /// The sequence number up to which every consumer has consumed the stream, so that older records may be trimmed;
    /// `None` while one of them has consumed nothing yet.
    #[must_use]
    pub fn consumed(&self) -> Option<String> {
        let places = self.progress.iter().map(|one| one.borrow().consumed.clone());
        places.min().flatten().map(|sequence| sequence.0)
    }
}

/// A sequence number: 21 to 40 decimal digits without leading zeros, in numeric order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Sequence(String);

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How far a shard has been consumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// Nothing of it.
    #[default]
    Beginning,
    /// Up to and including this record.
    After(Sequence),
    /// All of it: it is closed, and its children may be read.
    End,
}

/// The content of a consumer's file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Places {
    /// Places in another stream (of a table that was created anew) mean nothing in this one.
    stream: String,
    shards: BTreeMap<String, Place>,
}

/// The content of the file of a record that was set aside.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    consumer: String,
    sequence: Sequence,
    reason: String,
    /// The record as Lambda would show it.
    record: Value,
}

/// What one consumer reads from and delivers to.
struct Source {
    streams: Client,
    stream: String,
    consumer: Consumer,
    /// The folder of this consumer's records that no event could be made of.
    set_aside: PathBuf,
    progress: watch::Sender<Progress>,
}

/// One consumer's way through the stream.
struct Reader {
    source: Source,
    file: PathBuf,
    shards: BTreeMap<String, Shard>,
    relist: Instant,
}

#[derive(Default)]
struct Shard {
    parent: Option<String>,
    place: Place,
    /// Where to read on, if known.
    iterator: Option<String>,
    /// Records that were read and are not consumed yet.
    held: Vec<Held>,
    /// After a failure: when to try again, and how long the pause is.
    retry: Option<(Instant, Duration)>,
}

/// A record that was read from a shard.
struct Held {
    sequence: Sequence,
    /// The record as Lambda shows it; `None` for one that was set aside, which no consumer can be given.
    record: Option<EventRecord>,
}

/// What a look at a shard came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Look {
    /// Its place has changed, or there may be more: look again now.
    Moved,
    /// Its records wait for their next attempt.
    Waits(Instant),
    /// Nothing new.
    Quiet,
}

impl Reader {
    fn open(source: Source, data_dir: &Path) -> Result<Self, PumpError> {
        let dir = data_dir.join("stream");
        let file = dir.join(source.consumer.name).with_extension("json");
        let unusable = |cause| PumpError::Place { consumer: source.consumer.name, file: file.clone(), cause };
        durable::private_dir(&dir).map_err(unusable)?;
        let places = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice::<Places>(&bytes).map_err(|cause| unusable(cause.into()))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Places::default(),
            Err(cause) => return Err(unusable(cause)),
        };
        let known = if places.stream == source.stream { places.shards } else { BTreeMap::new() };
        let shards = known.into_iter().map(|(id, place)| (id, Shard { place, ..Shard::default() })).collect();
        Ok(Self { source, file, shards, relist: Instant::now() })
    }

    /// Replays what was set aside, then reads until the pump stops. Stops only between batches.
    async fn run(mut self, mut rounds: watch::Receiver<u64>, mut stop: watch::Receiver<bool>) {
        self.source.replay().await;
        let (mut quiet, mut trouble) = (QUIET, FIRST_PAUSE);
        while !*stop.borrow_and_update() {
            let round = *rounds.borrow_and_update();
            let look = self.sweep().await;
            self.tell(round, &look);
            let pause = match look {
                Ok(Look::Moved) => {
                    (quiet, trouble) = (QUIET, FIRST_PAUSE);
                    continue;
                }
                Ok(Look::Waits(retry)) => QUIET.min(retry.saturating_duration_since(Instant::now())),
                Ok(Look::Quiet) => {
                    trouble = FIRST_PAUSE;
                    doubling(&mut quiet, QUIETEST)
                }
                Err(error) => {
                    tracing::warn!(consumer = self.source.consumer.name, %error, "the stream is read again shortly");
                    // The fault may be that a shard is gone.
                    self.relist = Instant::now();
                    doubling(&mut trouble, LONGEST_PAUSE)
                }
            };
            tokio::select! {
                told = stop.changed() => if told.is_err() { return },
                Ok(()) = rounds.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    fn tell(&self, round: u64, look: &Result<Look, PumpError>) {
        let places = self.shards.values().filter_map(|shard| match &shard.place {
            Place::Beginning => Some(None),
            Place::After(sequence) => Some(Some(sequence)),
            Place::End => None,
        });
        self.source.progress.send_modify(|progress| {
            progress.consumed = places.min().flatten().cloned();
            if matches!(look, Ok(Look::Quiet)) {
                progress.settled = round;
            }
        });
    }

    /// Looks once at every shard whose turn it is.
    async fn sweep(&mut self) -> Result<Look, PumpError> {
        if Instant::now() >= self.relist || self.shards.values().all(|shard| shard.place == Place::End) {
            self.list().await?;
        }
        let ready = |shard: &Shard| {
            let parent = shard.parent.as_ref().and_then(|parent| self.shards.get(parent));
            shard.place != Place::End && parent.is_none_or(|parent| parent.place == Place::End)
        };
        let turn: Vec<String> = self.shards.iter().filter(|(_, shard)| ready(shard)).map(|(id, _)| id.clone()).collect();
        let mut sweep = Ok(Look::Quiet);
        for id in turn {
            let Some(shard) = self.shards.get_mut(&id) else { continue };
            let before = shard.place.clone();
            let look = shard.look(&id, &self.source).await;
            if shard.place != before {
                if shard.place == Place::End {
                    self.relist = Instant::now();
                }
                self.save().await?;
            }
            // An error is told, but holds up no other shard.
            sweep = sweep.and_then(|so_far| Ok(look?.min(so_far)));
        }
        sweep
    }

    /// Brings the list of shards up to date. Shards that have left the stream are forgotten.
    async fn list(&mut self) -> Result<(), PumpError> {
        let mut listed = BTreeMap::new();
        let mut last = None;
        loop {
            let page = self
                .source
                .streams
                .describe_stream()
                .stream_arn(&self.source.stream)
                .set_exclusive_start_shard_id(last)
                .send()
                .await
                .map_err(|cause| refused("list the shards of the stream", &cause))?
                .stream_description
                .unwrap_or_else(|| aws_sdk_dynamodbstreams::types::StreamDescription::builder().build());
            for shard in page.shards.unwrap_or_default() {
                let Some(id) = shard.shard_id else { continue };
                let known = self.shards.remove(&id).unwrap_or_default();
                listed.insert(id, Shard { parent: shard.parent_shard_id, ..known });
            }
            last = page.last_evaluated_shard_id;
            if last.is_none() {
                break;
            }
        }
        self.shards = listed;
        self.relist = Instant::now() + RELIST;
        Ok(())
    }

    async fn save(&self) -> Result<(), PumpError> {
        let places = Places {
            stream: self.source.stream.clone(),
            shards: self.shards.iter().map(|(id, shard)| (id.clone(), shard.place.clone())).collect(),
        };
        let unusable = |cause| PumpError::Place { consumer: self.source.consumer.name, file: self.file.clone(), cause };
        let bytes = serde_json::to_vec(&places).map_err(|cause| unusable(cause.into()))?;
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || durable::write(&file, &bytes)).await;
        written.map_err(io::Error::other).flatten().map_err(unusable)
    }
}

impl Source {
    /// The records as a consumer can be given them. A record that no event can be made of is set aside: reported, kept in a
    /// file, and replayed at the next start, so that it blocks no other record.
    ///
    /// `Err` means that a record could not be kept. Nothing of the page may be consumed then; reading it again is safe.
    async fn receive(&self, records: Vec<Record>) -> Result<Vec<Held>, PumpError> {
        let mut held = Vec::with_capacity(records.len());
        for record in records {
            let sequence = Sequence(sequence(&record).to_owned());
            let shown = match lambda_record(&record, &self.stream) {
                Ok(shown) => shown,
                // Kept without its images: the SDK itself could not read them.
                Err(_) => json!({ "eventID": record.event_id(), "dynamodb": { "SequenceNumber": sequence.0 } }),
            };
            let record = match serde_json::from_value(shown.clone()) {
                Ok(record) => Some(record),
                Err(reason) => {
                    self.set_aside(&sequence, &reason.to_string(), shown).await?;
                    None
                }
            };
            held.push(Held { sequence, record });
        }
        Ok(held)
    }

    async fn set_aside(&self, sequence: &Sequence, reason: &str, record: Value) -> Result<(), PumpError> {
        let file = self.set_aside.join(&sequence.0).with_extension("json");
        tracing::error!(
            must_decide = "stream_record_set_aside",
            consumer = self.consumer.name,
            sequence = sequence.0,
            reason,
            "a stream record cannot be delivered and was set aside in {}; the next start tries it again",
            file.display()
        );
        let failed = |cause| PumpError::SetAside { consumer: self.consumer.name, file: file.clone(), cause };
        let kept = Kept { consumer: self.consumer.name.to_owned(), sequence: sequence.clone(), reason: reason.to_owned(), record };
        let bytes = serde_json::to_vec_pretty(&kept).map_err(|cause| failed(cause.into()))?;
        let (dir, target) = (self.set_aside.clone(), file.clone());
        let written = tokio::task::spawn_blocking(move || durable::private_dir(&dir).and_then(|()| durable::write(&target, &bytes)));
        written.await.map_err(io::Error::other).flatten().map_err(failed)
    }

    /// Delivers what was set aside, oldest first, where an event can be made of it by now. What the consumer takes is deleted;
    /// everything else stays for the next start.
    async fn replay(&self) {
        let files = match std::fs::read_dir(&self.set_aside) {
            Ok(files) => files,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return,
            Err(cause) => return tracing::warn!(consumer = self.consumer.name, %cause, "what was set aside cannot be listed"),
        };
        let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort_by_key(|file| file.file_stem().map(|name| Sequence(name.to_string_lossy().into_owned())));
        for file in files {
            let kept = std::fs::read(&file).and_then(|bytes| Ok(serde_json::from_slice::<Kept>(&bytes)?));
            let delivered = match kept.and_then(|kept| Ok(serde_json::from_value::<EventRecord>(kept.record)?)) {
                Ok(record) => self.hand_over(vec![record]).await.is_some_and(|answer| answer.batch_item_failures.is_empty()),
                Err(cause) => {
                    tracing::error!(consumer = self.consumer.name, file = %file.display(), %cause, "still set aside");
                    continue;
                }
            };
            if delivered && std::fs::remove_file(&file).is_ok() {
                tracing::info!(consumer = self.consumer.name, file = %file.display(), "delivered what was set aside");
            }
        }
    }

    /// Gives records to the consumer and returns its answer; `None` when it panicked. Without a record it is not called.
    async fn hand_over(&self, records: Vec<EventRecord>) -> Option<DynamoDbEventResponse> {
        if records.is_empty() {
            return Some(DynamoDbEventResponse::default());
        }
        let mut event = Event::default();
        event.records = records;
        let handle = Arc::clone(&self.consumer.handle);
        // In a task of its own, so that a panic is a failed batch and not the end of the consumer.
        let answer = tokio::spawn(async move { handle(event).await }).await.ok();
        self.progress.send_modify(|progress| progress.attempts += 1);
        answer
    }
}

impl Shard {
    /// Reads one batch, unless one is held, and delivers it.
    async fn look(&mut self, id: &str, source: &Source) -> Result<Look, PumpError> {
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

    /// Reads the next records into `held`, or says what came of it if there are none.
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
                    // It is good for 15 minutes; the next look takes a new one.
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
        let asked = source.streams.get_shard_iterator().stream_arn(&source.stream).shard_id(id);
        match asked.shard_iterator_type(kind).set_sequence_number(after).send().await {
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
            "records were trimmed before they were consumed; going on at the oldest one there is"
        );
        self.place = Place::Beginning;
    }

    /// Hands the held records over and keeps those that have to come again.
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
            "a record failed and is tried again in {pause:?}"
        );
        Ok(Look::Waits(retry))
    }
}

/// The pause as it is, and twice as long the next time, up to `longest`.
fn doubling(pause: &mut Duration, longest: Duration) -> Duration {
    let now = *pause;
    *pause = longest.min(now * 2);
    now
}

/// How many records, from the first on, are done: all before the first one that failed. A failure that names no record
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

fn sequence(record: &Record) -> &str {
    record.dynamodb().and_then(|change| change.sequence_number()).unwrap_or_default()
}

/// The record as Lambda puts it into its event: attribute values typed, binary in base64, what is absent absent.
fn lambda_record(record: &Record, stream: &str) -> Result<Value, serde_json::Error> {
    let typed = |image: Option<&HashMap<String, AttributeValue>>| {
        serde_json::to_value(image.map(|image| serde_dynamo::Item::from(image.clone())))
    };
    let data = record.dynamodb();
    let change = json!({
        "ApproximateCreationDateTime": data.and_then(|data| Some(data.approximate_creation_date_time()?.secs())),
        "Keys": typed(data.and_then(|data| data.keys()))?,
        "NewImage": typed(data.and_then(|data| data.new_image()))?,
        "OldImage": typed(data.and_then(|data| data.old_image()))?,
        "SequenceNumber": sequence(record),
        "SizeBytes": data.and_then(|data| data.size_bytes()).unwrap_or_default(),
        "StreamViewType": data.and_then(|data| Some(data.stream_view_type()?.as_str())),
    });
    Ok(present(json!({
        "eventID": record.event_id(),
        "eventName": record.event_name().map(|name| name.as_str()),
        "eventVersion": record.event_version(),
        "eventSource": "aws:dynamodb",
        "awsRegion": record.aws_region(),
        "eventSourceARN": stream,
        "userIdentity": record.user_identity().map(identity),
        "dynamodb": present(change),
    })))
}

/// Who removed an item: DynamoDB itself, because the item's time to live was over. Only such records state an identity
/// (Amazon DynamoDB Developer Guide, "DynamoDB Streams and Time to Live").
///
/// The embedded engine writes the members in lower case, which the SDK reads as absent. What is absent is therefore filled in.
fn identity(identity: &Identity) -> Value {
    json!({
        "type": identity.r#type().unwrap_or("Service"),
        "principalId": identity.principal_id().unwrap_or("dynamodb.amazonaws.com"),
    })
}

/// The object without the fields that are null.
fn present(mut object: Value) -> Value {
    if let Some(fields) = object.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    object
}

/// What DynamoDB said, or else (it was not reached) the chain of causes.
fn refused<E>(asked: &'static str, error: &SdkError<E>) -> PumpError
where
    E: std::error::Error + ProvideErrorMetadata + 'static,
{
    let cause = error.message().map(str::to_owned).unwrap_or_else(|| {
        let chain = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
        chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
    });
    PumpError::Stream { asked, cause }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::{
        Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    };

    use aws_lambda_events::event::streams::DynamoDbBatchItemFailure;
    use aws_sdk_dynamodb::types::AttributeValue as Attribute;
    use axum::{Json, Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
    use tokio::time::timeout;

    use super::*;
    use crate::engine::{
        self, Engine,
        tests::{TABLE, put},
    };

    fn streams(endpoint: &str) -> Client {
        Client::new(&engine::config(endpoint).unwrap())
    }

    async fn start(engine: &Engine, dir: &Path, consumers: Vec<Consumer>) -> Pump {
        Pump::start(streams(engine.endpoint()), &engine.dynamodb(), TABLE, consumers, dir).await.unwrap()
    }

    async fn idle(pump: &Pump) {
        timeout(Duration::from_secs(20), pump.idle()).await.expect("the consumers settle");
    }

    fn failed(sequence: Option<&str>) -> DynamoDbEventResponse {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = sequence.map(str::to_owned);
        let mut answer = DynamoDbEventResponse::default();
        answer.batch_item_failures.push(failure);
        answer
    }

    /// The batches that a consumer was called with.
    #[derive(Clone, Default)]
    struct Seen(Arc<Mutex<Vec<Value>>>);

    impl Seen {
        /// A consumer that answers whatever `answer` says to the event.
        fn consumer(
            &self,
            name: &'static str,
            answer: impl Fn(&Event) -> DynamoDbEventResponse + Send + Sync + 'static,
        ) -> Consumer {
            let seen = self.clone();
            Consumer::new(name, move |event| {
                let batch = serde_json::to_value(&event.records).unwrap();
                seen.0.lock().unwrap().push(batch);
                std::future::ready(answer(&event))
            })
        }

        fn records(&self) -> Vec<Value> {
            self.0.lock().unwrap().iter().flat_map(|batch| batch.as_array().unwrap().clone()).collect()
        }

        /// The keys of each batch.
        fn batches(&self) -> Vec<Vec<String>> {
            let key = |record: &Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned();
            self.0.lock().unwrap().iter().map(|batch| batch.as_array().unwrap().iter().map(key).collect()).collect()
        }
    }

    fn done(_: &Event) -> DynamoDbEventResponse {
        DynamoDbEventResponse::default()
    }

    fn sequence_of(event: &Event, pk: &str) -> Option<String> {
        let key = serde_dynamo::AttributeValue::S(pk.to_owned());
        let found = event.records.iter().find(|record| record.change.keys.get("pk") == Some(&key));
        found.and_then(|record| record.change.sequence_number.clone())
    }

    #[tokio::test]
    async fn a_consumer_sees_every_change_in_order_as_lambda_shows_it() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        let seen = Seen::default();
        let pump = start(&engine, home.path(), vec![seen.consumer("issuance", done)]).await;
        put(&client, "Q-1", 1).await;
        let blob = Attribute::B(b"\0\xff".as_slice().into());
        let put_2 = client.put_item().table_name(TABLE).item("pk", Attribute::S("Q-1".into())).item("proof", blob);
        put_2.send().await.unwrap();
        client.delete_item().table_name(TABLE).key("pk", Attribute::S("Q-1".into())).send().await.unwrap();
        idle(&pump).await;

        let records = seen.records();
        let field = |name: &str| records.iter().map(|record| record[name].clone()).collect::<Vec<_>>();
        let change = |name: &str| records.iter().map(|record| record["dynamodb"][name].clone()).collect::<Vec<_>>();
        let (first, second) =
            (json!({"pk": {"S": "Q-1"}, "version": {"N": "1"}}), json!({"pk": {"S": "Q-1"}, "proof": {"B": "AP8="}}));
        assert_eq!(field("eventName"), ["INSERT", "MODIFY", "REMOVE"]);
        assert_eq!(change("OldImage"), [json!({}), first.clone(), second.clone()]);
        assert_eq!(change("NewImage"), [first, second, json!({})]);
        assert_eq!(change("Keys"), vec![json!({"pk": {"S": "Q-1"}}); 3]);
        assert_eq!(change("StreamViewType"), ["NEW_AND_OLD_IMAGES"; 3]);
        assert_eq!(field("eventSource"), ["aws:dynamodb"; 3]);
        assert_eq!(field("eventVersion"), ["1.1"; 3]);
        assert!(field("eventSourceARN").iter().all(|arn| arn.as_str().unwrap().contains(":table/quotes/stream/")));
        assert!(field("eventID").iter().all(|id| id.as_str().unwrap().len() == 32));
        assert!(change("SizeBytes").iter().all(|size| size.as_i64().unwrap() > 0));
        let written = change("ApproximateCreationDateTime").into_iter().map(|at| at.as_i64().unwrap());
        assert!(written.into_iter().all(|at| at > 1_700_000_000), "in seconds since 1970");
        assert!(change("SequenceNumber").is_sorted_by_key(|sequence| sequence.as_str().unwrap().to_owned()));
    }

    #[tokio::test]
    async fn a_restart_goes_on_where_the_last_run_ended() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        let before = Seen::default();
        let pump = start(&engine, home.path(), vec![before.consumer("issuance", done)]).await;
        put(&client, "Q-1", 1).await;
        idle(&pump).await;
        pump.shutdown().await;
        put(&client, "Q-2", 1).await;

        let (after, new) = (Seen::default(), Seen::default());
        let consumers = vec![after.consumer("issuance", done), new.consumer("notifications", done)];
        let pump = start(&engine, home.path(), consumers).await;
        idle(&pump).await;
        assert_eq!(before.batches(), [["Q-1"]]);
        assert_eq!(after.batches(), [["Q-2"]]);
        assert_eq!(new.batches().concat(), ["Q-1", "Q-2"], "a new consumer starts at the oldest record");
    }

    #[tokio::test]
    async fn a_record_that_fails_comes_again_and_those_behind_it_wait() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        for pk in ["Q-1", "Q-2", "Q-3"] {
            put(&client, pk, 1).await;
        }
        let (seen, failures) = (Seen::default(), AtomicUsize::new(0));
        let consumer = seen.consumer("issuance", move |event| match sequence_of(event, "Q-2") {
            Some(sequence) if failures.fetch_add(1, Ordering::Relaxed) < 2 => failed(Some(&sequence)),
            _ => DynamoDbEventResponse::default(),
        });
        let pump = start(&engine, home.path(), vec![consumer]).await;
        idle(&pump).await;
        assert_eq!(seen.batches(), [vec!["Q-1", "Q-2", "Q-3"], vec!["Q-2", "Q-3"], vec!["Q-2", "Q-3"]]);
    }

    #[tokio::test]
    async fn a_crash_between_attempts_loses_nothing() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        for pk in ["Q-1", "Q-2"] {
            put(&client, pk, 1).await;
        }
        let (seen, gate) = (Seen::default(), Arc::new(tokio::sync::Notify::new()));
        let called = Arc::clone(&gate);
        let pump = start(
            &engine,
            home.path(),
            vec![seen.consumer("issuance", move |event| {
                if event.records.len() == 1 {
                    called.notify_one();
                }
                failed(sequence_of(event, "Q-2").as_deref())
            })],
        )
        .await;
        timeout(Duration::from_secs(20), gate.notified()).await.expect("the second attempt came");
        drop(pump);

        let again = Seen::default();
        let pump = start(&engine, home.path(), vec![again.consumer("issuance", done)]).await;
        idle(&pump).await;
        assert_eq!(again.batches(), [["Q-2"]]);
    }

    #[tokio::test]
    async fn a_failure_that_names_no_record_or_a_panic_repeats_the_whole_batch() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        for pk in ["Q-1", "Q-2"] {
            put(&client, pk, 1).await;
        }
        let (seen, calls) = (Seen::default(), AtomicUsize::new(0));
        let consumer = seen.consumer("issuance", move |_| match calls.fetch_add(1, Ordering::Relaxed) {
            0 => failed(None),
            1 => failed(Some("1")),
            2 => panic!("a bug in a consumer"),
            _ => DynamoDbEventResponse::default(),
        });
        let pump = start(&engine, home.path(), vec![consumer]).await;
        idle(&pump).await;
        assert_eq!(seen.batches(), vec![["Q-1", "Q-2"]; 4]);
    }

    #[tokio::test]
    async fn a_consumer_that_fails_holds_up_nobody_else() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        put(&client, "Q-1", 1).await;
        let (broken, sound) = (Arc::new(AtomicBool::new(true)), Seen::default());
        let (still, seen) = (Arc::clone(&broken), Seen::default());
        let fragile = seen.consumer("notifications", move |_| {
            if still.load(Ordering::Relaxed) { failed(None) } else { DynamoDbEventResponse::default() }
        });
        let pump = start(&engine, home.path(), vec![fragile, sound.consumer("issuance", done)]).await;
        let told = async {
            while sound.batches().is_empty() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(20), told).await.expect("the sound one is told, whatever becomes of the other");
        timeout(Duration::from_millis(500), pump.idle()).await.expect_err("one of them is stuck");
        assert_eq!(sound.batches(), [["Q-1"]]);
        assert_eq!(pump.gauge().consumed(), None, "so nothing may be trimmed");

        broken.store(false, Ordering::Relaxed);
        idle(&pump).await;
        assert_eq!(seen.batches().last().unwrap(), &["Q-1"]);
        assert!(pump.gauge().consumed().is_some());
    }

    #[tokio::test]
    async fn idle_covers_what_consumers_write_themselves() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        let (seen, writer) = (Seen::default(), client.clone());
        let issuing = Consumer::new("issuance", move |event| {
            let client = writer.clone();
            async move {
                if sequence_of(&event, "Q-1").is_some() {
                    tokio::time::sleep(Duration::from_millis(120)).await;
                    put(&client, "L-1", 1).await;
                }
                DynamoDbEventResponse::default()
            }
        });
        let pump = start(&engine, home.path(), vec![seen.consumer("notifications", done), issuing]).await;
        put(&client, "Q-1", 1).await;
        idle(&pump).await;
        assert_eq!(seen.batches().concat(), ["Q-1", "L-1"]);
    }

    #[tokio::test]
    async fn trimming_what_is_consumed_disturbs_nobody() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        let seen = Seen::default();
        let pump = start(&engine, home.path(), vec![seen.consumer("issuance", done)]).await;
        for pk in ["Q-1", "Q-2", "Q-3"] {
            put(&client, pk, 1).await;
        }
        idle(&pump).await;
        let consumed = pump.gauge().consumed().unwrap();
        assert_eq!(engine.trim_consumed(TABLE, &consumed, jiff::Timestamp::MAX).await.unwrap(), 2);
        put(&client, "Q-4", 1).await;
        idle(&pump).await;
        assert_eq!(seen.batches().concat(), ["Q-1", "Q-2", "Q-3", "Q-4"]);
    }

    /// Finding A1: a removal by DynamoDB's own time to live is a record like any other, and those behind it are delivered.
    #[tokio::test]
    async fn an_item_that_expires_is_removed_and_the_changes_after_it_are_delivered() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        let ttl = aws_sdk_dynamodb::types::TimeToLiveSpecification::builder().enabled(true).attribute_name("expires");
        client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl.build().unwrap()).send().await.unwrap();
        let seen = Seen::default();
        let pump = start(&engine, home.path(), vec![seen.consumer("issuance", done)]).await;
        let counter = client.put_item().table_name(TABLE).item("pk", Attribute::S("LIMIT#1".into()));
        counter.item("expires", Attribute::N("1".into())).send().await.unwrap();
        idle(&pump).await;
        assert_eq!(engine.sweep_expired().await.unwrap(), 1);
        put(&client, "Q-1", 1).await;
        idle(&pump).await;

        let records = seen.records();
        let names: Vec<_> = records.iter().map(|record| record["eventName"].clone()).collect();
        assert_eq!(names, ["INSERT", "REMOVE", "INSERT"]);
        let service = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
        assert_eq!(records[1]["userIdentity"], service, "as AWS states that no caller removed the item");
        assert_eq!(seen.batches().concat(), ["LIMIT#1", "LIMIT#1", "Q-1"]);
        assert!(!home.path().join("stream/set-aside").exists());
    }

    /// A stream with one open shard that holds these records.
    async fn stream_of(records: Vec<Value>) -> Client {
        let answer = move |headers: HeaderMap, body: String| async move {
            let body: Value = serde_json::from_str(&body).unwrap();
            Json(match headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap() {
                "DescribeStream" => json!({"StreamDescription": {"Shards": [{"ShardId": "shard"}]}}),
                "GetShardIterator" if body["ShardIteratorType"] == "TRIM_HORIZON" => json!({"ShardIterator": "start"}),
                "GetShardIterator" => json!({"ShardIterator": "end"}),
                _ if body["ShardIterator"] == "start" => json!({"Records": records, "NextShardIterator": "end"}),
                _ => json!({"Records": [], "NextShardIterator": "end"}),
            })
        };
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = streams(&format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(axum::serve(listener, Router::new().route("/", post(answer))).into_future());
        client
    }

    #[tokio::test]
    async fn a_record_of_which_no_event_can_be_made_is_set_aside_replayed_later_and_blocks_nothing() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        engine.stream_table().await;
        let record = |n: u32| {
            json!({
                "eventID": n.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "awsRegion": "eu-central-1",
                "dynamodb": {"Keys": {"pk": {"S": format!("Q-{n}")}}, "SequenceNumber": format!("{n:021}"), "SizeBytes": 1}
            })
        };
        let mut unreadable = record(1);
        unreadable.as_object_mut().unwrap().remove("awsRegion");
        let streams = stream_of(vec![unreadable, record(2)]).await;
        let seen = Seen::default();
        read_split(streams.clone(), &engine, home.path(), &seen).await;
        assert_eq!(seen.batches(), [["Q-2"]]);
        let file = home.path().join("stream/set-aside/issuance").join(format!("{:021}.json", 1));
        let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        assert_eq!((&kept["consumer"], &kept["sequence"]), (&json!("issuance"), &json!(format!("{:021}", 1))));
        assert!(kept["reason"].as_str().unwrap().contains("awsRegion"), "{}", kept["reason"]);
        assert_eq!(kept["record"]["dynamodb"]["Keys"]["pk"]["S"], "Q-1");

        read_split(streams.clone(), &engine, home.path(), &seen).await;
        assert_eq!(seen.batches(), [["Q-2"]], "an event can still not be made of it, and it stays");
        kept["record"]["awsRegion"] = "eu-central-1".into();
        std::fs::write(&file, kept.to_string()).unwrap();
        read_split(streams, &engine, home.path(), &seen).await;
        assert_eq!(seen.batches(), [["Q-2"], ["Q-1"]], "delivered once it can be read");
        assert!(!file.exists());
    }

    #[tokio::test]
    async fn a_table_without_a_stream_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        let client = engine.stream_table().await;
        let off = aws_sdk_dynamodb::types::StreamSpecification::builder().stream_enabled(false).build().unwrap();
        client.update_table().table_name(TABLE).stream_specification(off).send().await.unwrap();
        let refusal = Pump::start(streams(engine.endpoint()), &client, TABLE, vec![], home.path()).await.err().unwrap();
        assert!(matches!(refusal, PumpError::NoStream(table) if table == TABLE));
    }

    /// A stream as AWS has them, which the embedded engine has not: a closed parent with a child, iterators that expire
    /// and places that were trimmed.
    async fn split_stream(trimmed: bool) -> (Client, Arc<Mutex<Vec<String>>>) {
        type Asked = Arc<Mutex<Vec<String>>>;
        let record = |n: u32| {
            json!({
                "eventID": n.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "awsRegion": "eu-central-1",
                "dynamodb": {"Keys": {"pk": {"S": format!("Q-{n}")}}, "SequenceNumber": format!("{n:021}"), "SizeBytes": 1}
            })
        };
        let answer = move |State(asked): State<Asked>, headers: HeaderMap, body: String| async move {
            let body: Value = serde_json::from_str(&body).unwrap();
            let target = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
            let error = |name: &str| (StatusCode::BAD_REQUEST, Json(json!({"__type": name, "message": "no"})));
            let iterator = |it: String| (StatusCode::OK, Json(json!({"ShardIterator": it})));
            let mut asked = asked.lock().unwrap();
            match (target.as_str(), body["ShardId"].as_str(), body["ShardIteratorType"].as_str()) {
                ("DescribeStream", ..) => (
                    StatusCode::OK,
                    Json(json!({"StreamDescription": {"Shards": [
                        {"ShardId": "shard-a-child", "ParentShardId": "shard-b-parent"}, {"ShardId": "shard-b-parent"}
                    ]}})),
                ),
                ("GetShardIterator", Some(shard), Some("AFTER_SEQUENCE_NUMBER")) => {
                    asked.push(format!("{shard} after {}", body["SequenceNumber"].as_str().unwrap()));
                    if trimmed { error("TrimmedDataAccessException") } else { iterator(format!("{shard}:end")) }
                }
                ("GetShardIterator", Some(shard), Some("TRIM_HORIZON")) => {
                    asked.push(format!("{shard} from the start"));
                    let first = asked.iter().filter(|one| one.ends_with("start")).count() == 1;
                    iterator(if first { format!("{shard}:expired") } else { format!("{shard}:start") })
                }
                ("GetRecords", ..) => match body["ShardIterator"].as_str().unwrap() {
                    "shard-b-parent:start" => (StatusCode::OK, Json(json!({"Records": [record(1)]}))),
                    "shard-b-parent:end" => (StatusCode::OK, Json(json!({"Records": []}))),
                    "shard-a-child:start" => {
                        (StatusCode::OK, Json(json!({"Records": [record(2)], "NextShardIterator": "shard-a-child:end"})))
                    }
                    "shard-a-child:end" => {
                        (StatusCode::OK, Json(json!({"Records": [], "NextShardIterator": "shard-a-child:end"})))
                    }
                    _ => error("ExpiredIteratorException"),
                },
                _ => error("ValidationException"),
            }
        };
        let asked = Asked::default();
        let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&asked));
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let client = streams(&format!("http://{}", listener.local_addr().unwrap()));
        tokio::spawn(axum::serve(listener, router).into_future());
        (client, asked)
    }

    /// Reads such a stream; the engine only tells the stream's name.
    async fn read_split(streams: Client, engine: &Engine, dir: &Path, seen: &Seen) {
        let consumers = vec![seen.consumer("issuance", done)];
        let pump = Pump::start(streams, &engine.dynamodb(), TABLE, consumers, dir).await.unwrap();
        idle(&pump).await;
        pump.shutdown().await;
    }

    #[tokio::test]
    async fn a_parent_shard_is_read_to_its_end_before_its_child() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        engine.stream_table().await;
        let (streams, asked) = split_stream(false).await;
        let seen = Seen::default();
        read_split(streams, &engine, home.path(), &seen).await;
        assert_eq!(seen.batches(), [["Q-1"], ["Q-2"]]);
        assert_eq!(
            *asked.lock().unwrap(),
            [
                "shard-b-parent from the start",
                "shard-b-parent from the start",
                "shard-b-parent after 000000000000000000001",
                "shard-a-child from the start"
            ],
            "an expired iterator is asked for again"
        );
    }

    #[tokio::test]
    async fn a_place_that_was_trimmed_is_given_up_for_the_oldest_record() {
        let home = tempfile::tempdir().unwrap();
        let engine = Engine::start(home.path()).await.unwrap();
        engine.stream_table().await;
        let seen = Seen::default();
        read_split(split_stream(false).await.0, &engine, home.path(), &seen).await;
        let (streams, asked) = split_stream(true).await;
        read_split(streams, &engine, home.path(), &seen).await;
        assert_eq!(asked.lock().unwrap()[..2], ["shard-a-child after 000000000000000000002", "shard-a-child from the start"]);
        assert_eq!(seen.batches(), [["Q-1"], ["Q-2"], ["Q-2"]]);
    }
}
