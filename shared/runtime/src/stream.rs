//! The batch loop of a DynamoDB stream consumer.

use std::{
    collections::{BTreeMap, HashMap},
    fmt::Display,
};

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use futures_util::{StreamExt, stream::FuturesUnordered};
use store::keys::PARTITION;
use tracing::Instrument;

/// How many partitions of a batch are handled at the same time. A letter waits for the table and the mail service most of the
/// time, so more than the number of processors are useful.
const AT_ONCE: usize = 8;

/// Hands the records of a batch to `handle`: those of one partition one after the other, in the order of the stream; different
/// partitions in parallel, up to a bound.
///
/// A record that fails is logged and reported, and so is every later record of the same partition, unattempted: what
/// happened to one quote is handled in its order. Other quotes are not held up by it. The stream is delivered again from
/// the first reported record on, including what succeeded behind it, until the event source mapping gives up on all of it.
/// `handle` must therefore bear being given the same record twice.
///
/// `Ok` from `handle` means done for good; `Err` means try this record again. What can never succeed should be put aside
/// by `handle` and be `Ok`, or it holds up its shard until then.
///
/// `handle` owns the record rather than borrowing it, because a loop over futures that borrow from it could not be
/// spawned on a runtime of several threads.
///
/// The answer is understood only by an event source mapping with `ReportBatchItemFailures`
/// (AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda"). The reported records are in the
/// order of the stream.
pub async fn each<E, H, F>(event: Event, handle: H) -> DynamoDbEventResponse
where
    E: Display,
    H: Fn(EventRecord) -> F,
    F: Future<Output = Result<(), E>>,
{
    let mut partitions: Vec<Vec<(usize, EventRecord)>> = Vec::new();
    let mut places = HashMap::new();
    for (index, record) in event.records.into_iter().enumerate() {
        let place = *places.entry(partition(&record)).or_insert(partitions.len());
        match partitions.get_mut(place) {
            Some(records) => records.push((index, record)),
            None => partitions.push(vec![(index, record)]),
        }
    }
    let (mut waiting, mut running) = (partitions.into_iter(), FuturesUnordered::new());
    let mut failed = BTreeMap::new();
    loop {
        while running.len() < AT_ONCE
            && let Some(records) = waiting.next()
        {
            running.push(in_order(records, &handle));
        }
        match running.next().await {
            Some(of_partition) => failed.extend(of_partition),
            None => break,
        }
    }
    let mut response = DynamoDbEventResponse::default();
    for sequence_number in failed.into_values() {
        // Without a number the identifier is empty, which Lambda takes as the failure of the whole batch: nothing is lost.
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(sequence_number);
        response.batch_item_failures.push(failure);
    }
    response
}

/// Handles the records of one partition until one fails. Returns the places in the batch and the sequence numbers of that record
/// and of those behind it.
async fn in_order<E, H, F>(records: Vec<(usize, EventRecord)>, handle: &H) -> Vec<(usize, String)>
where
    E: Display,
    H: Fn(EventRecord) -> F,
    F: Future<Output = Result<(), E>>,
{
    let mut failed = Vec::new();
    for (index, record) in records {
        let event_name = record.event_name.clone();
        let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
        if failed.is_empty() {
            // Every log line about the record states its number, by which an operator finds it in the stream.
            let span = tracing::info_span!("record", sequence_number, event_id = record.event_id);
            let Err(error) = handle(record).instrument(span.clone()).await else { continue };
            span.in_scope(|| tracing::error!(event_name, %error, "a stream record failed and will be tried again"));
        }
        failed.push((index, sequence_number));
    }
    failed
}

/// The partition that a record is about; without one, it shares its fate with all others of that kind.
fn partition(record: &EventRecord) -> Option<String> {
    match record.change.keys.get(PARTITION) {
        Some(serde_dynamo::AttributeValue::S(partition)) => Some(partition.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use serde_json::json;
    use tokio::sync::Mutex;

    use super::*;
    use crate::telemetry::tests::Page;

    /// A record for each sequence number, about the quote of its partition.
    fn batch(records: &[(Option<&str>, &str)]) -> Event {
        let record = |(number, partition): &(Option<&str>, &str)| {
            let keys = json!({ "pk": { "S": partition }, "sk": { "S": "QUOTE" } });
            json!({
                "awsRegion": "eu-central-1",
                "eventID": "e",
                "eventName": "MODIFY",
                "dynamodb": { "Keys": keys, "SequenceNumber": number, "SizeBytes": 1 },
            })
        };
        serde_json::from_value(json!({ "Records": records.iter().map(record).collect::<Vec<_>>() })).expect("a stream event")
    }

    const THREE: &[(Option<&str>, &str)] = &[(Some("1"), "QUOTE#A"), (Some("2"), "QUOTE#B"), (Some("3"), "QUOTE#C")];

    /// A consumer that borrows, awaits and counts, as real ones do.
    struct Consumer {
        failing: &'static str,
        attempted: Mutex<Vec<String>>,
    }

    impl Consumer {
        async fn handle(&self, record: EventRecord) -> Result<(), &'static str> {
            tokio::task::yield_now().await;
            let number = record.change.sequence_number.unwrap_or_default();
            self.attempted.lock().await.push(number.clone());
            if number == self.failing { Err("the table is throttled") } else { Ok(()) }
        }
    }

    /// The numbers that were attempted, sorted, because partitions are handled in parallel, and the answer as Lambda reads it.
    async fn run(event: Event, failing: &'static str) -> (Vec<String>, serde_json::Value) {
        let consumer = Consumer { failing, attempted: Mutex::default() };
        let response = each(event, |record| consumer.handle(record)).await;
        let mut attempted = consumer.attempted.into_inner();
        attempted.sort_unstable();
        (attempted, serde_json::to_value(response).expect("JSON"))
    }

    #[tokio::test]
    async fn every_record_is_handled_and_success_reports_nothing() {
        let (attempted, answer) = run(batch(THREE), "none").await;
        assert_eq!(attempted, ["1", "2", "3"]);
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }

    #[tokio::test]
    async fn a_failure_is_reported_and_holds_up_its_own_quote_alone() {
        let (attempted, answer) = run(batch(THREE), "2").await;
        assert_eq!(attempted, ["1", "2", "3"]);
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] }));

        let of_two = [(Some("1"), "QUOTE#A"), (Some("2"), "QUOTE#B"), (Some("3"), "QUOTE#A"), (Some("4"), "QUOTE#B")];
        let (attempted, answer) = run(batch(&of_two), "1").await;
        assert_eq!(attempted, ["1", "2", "4"], "what happened to a quote later is not handled first");
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "1" }, { "itemIdentifier": "3" }] }));
    }

    /// Finding A12: one slow letter delayed all others.
    #[tokio::test]
    async fn a12_partitions_are_handled_in_parallel_up_to_a_bound_and_each_in_its_order() {
        let names: Vec<String> = (0..3 * AT_ONCE).map(|n| format!("QUOTE#{}", n % (2 * AT_ONCE))).collect();
        let numbers: Vec<String> = (0..names.len()).map(|n| n.to_string()).collect();
        let records: Vec<_> = numbers.iter().zip(&names).map(|(number, name)| (Some(&**number), &**name)).collect();
        let (running, most, order) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
        let response = each(batch(&records), async |record| {
            most.fetch_max(running.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            let number = record.change.sequence_number.clone().unwrap_or_default();
            // The first of each partition takes longest.
            let pause = if number.parse::<usize>().unwrap() < 2 * AT_ONCE { 20 } else { 1 };
            tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
            order.lock().await.push((partition(&record), number.parse::<usize>().unwrap()));
            running.fetch_sub(1, Ordering::Relaxed);
            if number == "1" || number == "0" { Err("the table is throttled") } else { Ok(()) }
        })
        .await;
        assert_eq!(most.into_inner(), AT_ONCE, "as many as may be, and no more");
        let order = order.into_inner();
        for one in 2..AT_ONCE {
            let of_one: Vec<_> = order.iter().filter(|(of, _)| of.as_deref() == Some(&*format!("QUOTE#{one}"))).collect();
            assert_eq!(of_one.iter().map(|(_, number)| *number).collect::<Vec<_>>(), [one, one + 2 * AT_ONCE]);
        }
        let failed: Vec<_> = response.batch_item_failures.into_iter().filter_map(|failure| failure.item_identifier).collect();
        let behind = |n: usize| (n + 2 * AT_ONCE).to_string();
        assert_eq!(failed, ["0".to_owned(), "1".to_owned(), behind(0), behind(1)], "in the order of the stream");
    }

    #[tokio::test]
    async fn a_failure_without_a_sequence_number_fails_the_whole_batch() {
        let (_, answer) = run(batch(&[(None, "QUOTE#A")]), "").await;
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }));
    }

    #[tokio::test]
    async fn the_loop_can_be_spawned_with_a_method_or_an_async_closure() {
        let task = tokio::spawn(async { run(batch(&THREE[..2]), "2").await });
        assert_eq!(task.await.expect("the task").0, ["1", "2"]);

        let task = tokio::spawn(async {
            let consumer = Consumer { failing: "1", attempted: Mutex::default() };
            each(batch(&THREE[..1]), async |record| consumer.handle(record).await).await
        });
        assert_eq!(task.await.expect("the task").batch_item_failures.len(), 1);
    }

    /// D6: also the lines of a cause, and of what a consumer logs itself.
    #[tokio::test]
    async fn d6_every_log_line_about_a_record_has_its_number() {
        let page = Page::default();
        let _logging = tracing::subscriber::set_default(page.log("info"));
        let response = each(batch(THREE), async |record| {
            tokio::task::yield_now().await;
            tracing::info!("handled");
            if record.change.sequence_number.as_deref() == Some("2") { Err("the table is throttled") } else { Ok(()) }
        });
        assert_eq!(response.await.batch_item_failures.len(), 1);
        let lines: Vec<serde_json::Value> = page.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let about: Vec<_> = lines.iter().map(|line| (line["span"]["sequence_number"].as_str(), &line["message"])).collect();
        let (handled, failed) = (json!("handled"), json!("a stream record failed and will be tried again"));
        // Different quotes are handled at the same time, so their lines have no order.
        let expected = [(Some("1"), &handled), (Some("2"), &handled), (Some("2"), &failed), (Some("3"), &handled)];
        assert!(about.len() == expected.len() && expected.iter().all(|line| about.contains(line)), "{lines:#?}");
        let failure = lines.iter().find(|line| line["message"] == failed).expect("the failure is logged");
        assert_eq!((&failure["error"], &failure["span"]["event_id"]), (&json!("the table is throttled"), &json!("e")));
    }
}
