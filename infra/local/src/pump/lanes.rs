//! The records of one shard that were read and are not consumed yet. Records of one aggregate are handled in their order, one
//! event at a time. Different aggregates are handled in parallel, at most [`AT_ONCE`] of them, like the batches of an event source
//! mapping with a parallelisation factor (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB").

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use aws_lambda_events::{dynamodb::EventRecord, streams::DynamoDbEventResponse};
use tokio::{
    task::{self, JoinError, JoinSet},
    time::Instant,
};

use super::{
    place::Sequence,
    record::{Held, event},
    source::Source,
};

/// How many aggregates are handled at the same time. Letters wait for the typesetting of their documents, so more than the number
/// of processors are useful; a larger number would delay the end of each.
pub(super) const AT_ONCE: usize = 8;
/// The most records that are held: those behind a record that fails, and those that are waiting.
const MOST_HELD: usize = 1_000;
/// The most records in one event, and the number of waiting records below which more are read: Lambda's default batch.
const BATCH: usize = 100;

/// The pause after a first failure of an aggregate's record; it doubles with each further one …
pub(super) const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// … up to this.
pub(super) const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The partition of an aggregate. Records without one share a lane.
type Lane = Option<String>;

/// The records that were read and are not consumed.
#[derive(Default)]
pub(super) struct Lanes {
    /// In the order of the stream. `None` for a record that is done, and waits for those before it.
    held: VecDeque<(Sequence, Option<(Lane, EventRecord)>)>,
    running: JoinSet<DynamoDbEventResponse>,
    /// What each running task handles.
    events: HashMap<task::Id, (Lane, Vec<Sequence>)>,
    /// After a failure: the time of the next attempt, and the pause before it.
    retries: HashMap<Lane, (Instant, Duration)>,
}

impl Lanes {
    /// Adds records behind those that are held.
    pub(super) fn add(&mut self, records: impl IntoIterator<Item = Held>) {
        self.held.extend(records.into_iter().map(|held| {
            let lane = held.partition().map(str::to_owned);
            (held.sequence, held.record.map(|record| (lane, record)))
        }));
    }

    /// Whether more records should be read now.
    pub(super) fn has_space(&self) -> bool {
        let handled: usize = self.events.values().map(|(_, records)| records.len()).sum();
        let left = self.held.iter().filter(|(_, record)| record.is_some()).count();
        self.held.len() < MOST_HELD && left - handled.min(left) < BATCH
    }

    pub(super) fn is_empty(&self) -> bool {
        self.held.is_empty()
    }

    /// Whether no event is with the consumer.
    pub(super) fn is_resting(&self) -> bool {
        self.running.is_empty()
    }

    /// The sequence number of the newest record that is held.
    pub(super) fn newest(&self) -> Option<&Sequence> {
        self.held.back().map(|(sequence, _)| sequence)
    }

    /// The time of the next attempt of a record that failed.
    pub(super) fn next_retry(&self) -> Option<Instant> {
        let now = Instant::now();
        self.retries.values().map(|(retry, _)| *retry).filter(|retry| *retry > now).min()
    }

    /// Hands the next records of aggregates that are not with the consumer yet to it. No event is started once the source stops.
    pub(super) fn start(&mut self, source: &Source) {
        if source.is_stopping() || self.events.len() >= AT_ONCE {
            return;
        }
        let now = Instant::now();
        let mut busy: HashSet<Lane> = self.events.values().map(|(lane, _)| lane.clone()).collect();
        busy.extend(self.retries.iter().filter(|(_, (retry, _))| *retry > now).map(|(lane, _)| lane.clone()));
        let mut next: Vec<(Lane, Vec<(Sequence, EventRecord)>)> = Vec::new();
        for (sequence, record) in &self.held {
            let Some((lane, record)) = record.as_ref().filter(|(lane, _)| !busy.contains(lane)) else { continue };
            let entry = || (sequence.clone(), record.clone());
            match next.iter().position(|(known, _)| known == lane) {
                Some(at) if next[at].1.len() < BATCH => next[at].1.push(entry()),
                Some(_) => {}
                None if self.events.len() + next.len() < AT_ONCE => next.push((lane.clone(), vec![entry()])),
                // Later records of this aggregate must not overtake.
                None => drop(busy.insert(lane.clone())),
            }
        }
        for (lane, records) in next {
            let (sequences, records) = records.into_iter().unzip();
            let (handle, finished) = (Arc::clone(&source.consumer.handle), Arc::clone(&source.finished));
            let event = event(records);
            // In a task of its own, so that a panic is a failed event and not the end of the consumer.
            let task = self.running.spawn(async move {
                let _finished = Finished(finished);
                handle(event).await
            });
            self.events.insert(task.id(), (lane, sequences));
        }
    }

    /// Accepts the responses that are there.
    pub(super) fn collect(&mut self, source: &Source) {
        while let Some(response) = self.running.try_join_next_with_id() {
            self.accept(response, source);
        }
    }

    /// Waits for all events that are with the consumer.
    pub(super) async fn finish(&mut self, source: &Source) {
        while let Some(response) = self.running.join_next_with_id().await {
            self.accept(response, source);
        }
    }

    fn accept(&mut self, response: Result<(task::Id, DynamoDbEventResponse), JoinError>, source: &Source) {
        let (id, done) = match &response {
            Ok((id, response)) => (*id, Some(response)),
            Err(panic) => (panic.id(), None),
        };
        let Some((lane, sequences)) = self.events.remove(&id) else { return };
        let done = done.map_or(0, |response| accepted(&sequences, response));
        for (sequence, record) in &mut self.held {
            if sequences[..done].contains(sequence) {
                *record = None;
            }
        }
        if done == sequences.len() {
            self.retries.remove(&lane);
        } else {
            let pause = match self.retries.get(&lane) {
                Some((_, pause)) if done == 0 => (*pause * 2).min(LONGEST_PAUSE),
                _ => FIRST_PAUSE,
            };
            tracing::warn!(
                consumer = source.consumer.name,
                sequence = sequences[done].0,
                waiting = self.held.len(),
                "a record failed; the next attempt is in {pause:?}"
            );
            self.retries.insert(lane, (Instant::now() + pause, pause));
        }
        source.progress.send_modify(|progress| progress.attempts += 1);
    }

    /// Removes the oldest records that are done, and returns the sequence number of the last of them.
    pub(super) fn take_consumed(&mut self) -> Option<Sequence> {
        let mut last = None;
        while let Some((sequence, _)) = self.held.pop_front_if(|(_, record)| record.is_none()) {
            last = Some(sequence);
        }
        last
    }
}

/// Wakes the reader when an event is done, also after a panic.
struct Finished(Arc<tokio::sync::Notify>);

impl Drop for Finished {
    fn drop(&mut self) {
        self.0.notify_one();
    }
}

/// The number of records, from the first on, that are done: all before the first one that failed. A failure that names no record
/// of the event fails all of it, as on Lambda.
fn accepted(records: &[Sequence], answer: &DynamoDbEventResponse) -> usize {
    answer
        .batch_item_failures
        .iter()
        .map(|failure| {
            let failed = failure.item_identifier.as_deref();
            records.iter().position(|sequence| failed == Some(&*sequence.0)).unwrap_or(0)
        })
        .min()
        .unwrap_or(records.len())
}
