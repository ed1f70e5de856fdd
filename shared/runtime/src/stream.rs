//! The batch loop of a DynamoDB stream consumer.

use std::{collections::BTreeSet, fmt::Display};

use aws_lambda_events::{
    dynamodb::{Event, EventRecord},
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use store::keys::PARTITION;
use tracing::Instrument;

/// Hands the records of a batch to `handle`, one after the other in the order of the stream.
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
/// (AWS Lambda Developer Guide, "Configuring partial batch response with DynamoDB and Lambda").
pub async fn each<E, H, F>(event: Event, mut handle: H) -> DynamoDbEventResponse
where
    E: Display,
    H: FnMut(EventRecord) -> F,
    F: Future<Output = Result<(), E>>,
{
    let mut response = DynamoDbEventResponse::default();
    let mut failed = BTreeSet::new();
    for record in event.records {
        let partition = partition(&record);
        let event_name = record.event_name.clone();
        let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
        if !failed.contains(&partition) {
            // Every log line about the record states its number, by which an operator finds it in the stream.
            let span = tracing::info_span!("record", sequence_number, event_id = record.event_id);
            let handled = handle(record).instrument(span.clone()).await;
            let Err(error) = handled else { continue };
            span.in_scope(|| tracing::error!(event_name, %error, "a stream record failed and will be tried again"));
            failed.insert(partition);
        }
        // Without a number the identifier is empty, which Lambda takes as the failure of the whole batch: nothing is lost.
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(sequence_number);
        response.batch_item_failures.push(failure);
    }
    response
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

    /// The numbers that were attempted, and the answer as Lambda reads it.
    async fn run(event: Event, failing: &'static str) -> (Vec<String>, serde_json::Value) {
        let consumer = Consumer { failing, attempted: Mutex::default() };
        let response = each(event, |record| consumer.handle(record)).await;
        (consumer.attempted.into_inner(), serde_json::to_value(response).expect("JSON"))
    }

    #[tokio::test]
    async fn records_are_handled_in_order_and_success_reports_nothing() {
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
        assert_eq!(about, [(Some("1"), &handled), (Some("2"), &handled), (Some("2"), &failed), (Some("3"), &handled)]);
        assert_eq!((&lines[2]["error"], &lines[2]["span"]["event_id"]), (&json!("the table is throttled"), &json!("e")));
    }
}
