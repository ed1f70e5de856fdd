//! An event source mapping of a DynamoDB stream, as AWS documents it (AWS Lambda Developer Guide, "Using Lambda to process
//! records from Amazon DynamoDB Streams"). Neither deployment of the tests has one: the local deployment retries indefinitely, and
//! the emulated AWS never retries.

use std::collections::VecDeque;

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::DynamoDbEventResponse,
};

/// How many records a batch has.
const BATCH: usize = 25;

/// What became of an invocation.
pub(crate) enum Invocation {
    /// The function answered which records failed.
    Answered(DynamoDbEventResponse),
    /// It ended, or its time did, without an answer; what it did by then is done.
    Died,
}

/// What it is set to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mapping {
    /// How often a batch is retried.
    pub(crate) retries: u32,
}

impl Mapping {
    /// Delivers records to a function until each is done or discarded; returns the discarded batches, whole.
    pub(crate) async fn run(self, records: Vec<EventRecord>, mut function: impl AsyncFnMut(Event) -> Invocation) -> Vec<Event> {
        let mut batches: VecDeque<_> = records.chunks(BATCH).map(|batch| (batch.to_vec(), 0)).collect();
        let mut given_up = Vec::new();
        while let Some((batch, tried)) = batches.pop_front() {
            let left = match function(event(&batch)).await {
                Invocation::Answered(answer) => batch[done(&batch, &answer)..].to_vec(),
                // Bisecting does not count as trying.
                Invocation::Died if batch.len() > 1 => {
                    let (first, second) = batch.split_at(batch.len() / 2);
                    batches.push_front((second.to_vec(), tried));
                    batches.push_front((first.to_vec(), tried));
                    continue;
                }
                Invocation::Died => batch,
            };
            match left.is_empty() {
                true => {}
                false if tried < self.retries => batches.push_front((left, tried + 1)),
                false => given_up.push(event(&left)),
            }
        }
        given_up
    }
}

/// How many records are done: all before the lowest that failed; none if a failure names no record of the batch.
fn done(batch: &[EventRecord], answer: &DynamoDbEventResponse) -> usize {
    let place = |failed: &Option<String>| batch.iter().position(|record| record.change.sequence_number == *failed).unwrap_or(0);
    answer.batch_item_failures.iter().map(|failure| place(&failure.item_identifier)).min().unwrap_or(batch.len())
}

fn event(records: &[EventRecord]) -> Event {
    let mut event = Event::default();
    event.records = records.to_vec();
    event
}
