//! The batch loop of a DynamoDB stream consumer.

use std::fmt::Display;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};

/// Hands the records of a batch to `handle`, one after the other in the order of the stream.
///
/// The first record that fails is logged and reported, and nothing after it is attempted: the stream is delivered again
/// from that record on, so whatever succeeded before it is not repeated, and what comes after it keeps its place.
/// `handle` must bear being given the same record twice, because a batch is also repeated when its answer is lost.
///
/// `Ok` from `handle` means done for good; `Err` means try this record again. What can never succeed should be put aside
/// by `handle` and be `Ok`, or it holds up its shard until the event source mapping gives up on it.
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
    for record in event.records {
        let event_name = record.event_name.clone();
        let sequence_number = record.change.sequence_number.clone().unwrap_or_default();
        if let Err(error) = handle(record).await {
            tracing::error!(event_name, sequence_number, %error, "a stream record failed and will be tried again");
            // Without a number the identifier is empty, which Lambda takes as the failure of the whole batch: nothing is lost.
            let mut failure = DynamoDbBatchItemFailure::default();
            failure.item_identifier = Some(sequence_number);
            response.batch_item_failures.push(failure);
            break;
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tokio::sync::Mutex;

    use super::*;

    fn batch(sequence_numbers: &[Option<&str>]) -> Event {
        let records: Vec<_> = sequence_numbers
            .iter()
            .map(|number| {
                json!({
                    "awsRegion": "eu-central-1",
                    "eventID": "e",
                    "eventName": "MODIFY",
                    "dynamodb": { "SequenceNumber": number, "SizeBytes": 1 },
                })
            })
            .collect();
        serde_json::from_value(json!({ "Records": records })).expect("a stream event")
    }

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
        let (attempted, answer) = run(batch(&[Some("1"), Some("2"), Some("3")]), "none").await;
        assert_eq!(attempted, ["1", "2", "3"]);
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
    }

    #[tokio::test]
    async fn the_first_failure_is_reported_and_nothing_after_it_is_attempted() {
        let (attempted, answer) = run(batch(&[Some("1"), Some("2"), Some("3")]), "2").await;
        assert_eq!(attempted, ["1", "2"]);
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "2" }] }));
    }

    #[tokio::test]
    async fn a_failure_without_a_sequence_number_fails_the_whole_batch() {
        let (_, answer) = run(batch(&[None]), "").await;
        assert_eq!(answer, json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }));
    }

    #[tokio::test]
    async fn the_loop_can_be_spawned_with_a_method_or_an_async_closure() {
        let task = tokio::spawn(async { run(batch(&[Some("1"), Some("2")]), "2").await });
        assert_eq!(task.await.expect("the task").0, ["1", "2"]);

        let task = tokio::spawn(async {
            let consumer = Consumer { failing: "1", attempted: Mutex::default() };
            each(batch(&[Some("1"), Some("2")]), async |record| consumer.handle(record).await).await
        });
        assert_eq!(task.await.expect("the task").batch_item_failures.len(), 1);
    }
}
