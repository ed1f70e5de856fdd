//! The outbox: what a stream record says about an aggregate with pending work. A write of an aggregate is one stream record, so
//! no second item is needed and no event is lost.

use std::collections::BTreeSet;

use aws_lambda_events::dynamodb::{EventRecord, StreamRecord};
use domain::pending::Work;

use crate::item::{BODY, Item, KIND, NEXT_WORK};

/// A stream record that the store did not write. Retrying does not help, and the record must not be skipped: it waits until an
/// operator looks.
#[derive(Debug, thiserror::Error)]
#[error("a stream record cannot be read: {0}")]
pub struct RecordError(String);

/// A stream record about an aggregate with pending work.
#[derive(Debug)]
pub struct OutboxRecord<T> {
    /// The aggregate as it is.
    pub new: T,
    /// The aggregate before the change, when no work was pending for it. `None` when the aggregate was created, when the record
    /// is a reminder, and when work was still pending before this change: then all of the aggregate's history may have to be
    /// handled.
    pub old: Option<T>,
    /// The pending work.
    pub work: BTreeSet<Work>,
}

impl<T: Item> OutboxRecord<T> {
    /// Reads a record. `Ok(None)`: the record is about another kind of item or a removal, or no work is pending.
    ///
    /// # Errors
    ///
    /// The store did not write the record in this form. A retry does not help, and the record must not be skipped.
    pub fn read(record: &EventRecord) -> Result<Option<Self>, RecordError> {
        let StreamRecord { new_image, old_image, .. } = &record.change;
        let Some(new) = aggregate::<T>(new_image)? else { return Ok(None) };
        // Only a change makes a version. Completed work and reminders do not.
        let old = aggregate::<T>(old_image)?;
        if old.as_ref().is_none_or(|old| old.version() < new.version()) {
            let Some(pending) = new.pending() else { return Ok(None) };
            // The record of the change before may have been given up, so this record has to cover its work as well.
            let old = old.filter(|_| text(old_image, NEXT_WORK).is_none());
            return Ok(Some(Self { new, old, work: pending.work }));
        }
        let work = remaining(&new, new_image)?;
        Ok((!work.is_empty()).then_some(Self { new, old: None, work }))
    }

    /// The work to do next.
    pub fn next_work(&self) -> Option<Work> {
        self.work.first().copied()
    }
}

/// The work that remains: that of this version, from the one that the item names as next.
fn remaining<T: Item>(new: &T, image: &serde_dynamo::Item) -> Result<BTreeSet<Work>, RecordError> {
    let Some(next) = text(image, NEXT_WORK) else { return Ok(BTreeSet::new()) };
    let next = Work::of_name(next)
        .ok_or_else(|| RecordError(format!("a {} has pending work that this program does not know", T::KIND)))?;
    let all = new.pending().map(|pending| pending.work).unwrap_or_default();
    Ok(all.into_iter().filter(|work| *work >= next).collect())
}

/// The image of an aggregate; `None` for another kind of item.
fn aggregate<T: Item>(image: &serde_dynamo::Item) -> Result<Option<T>, RecordError> {
    if text(image, KIND) != Some(T::KIND) {
        return Ok(None);
    }
    let body = text(image, BODY).ok_or_else(|| RecordError(format!("the image of a {} has no body", T::KIND)))?;
    // Only the position is kept, because some messages of serde_json quote a value.
    let read = serde_json::from_str(body);
    read.map(Some).map_err(|error| RecordError(format!("the body of a {}, at column {}", T::KIND, error.column())))
}

fn text<'a>(image: &'a serde_dynamo::Item, name: &str) -> Option<&'a str> {
    match image.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use domain::Quote;
    use serde_json::json;

    use super::*;

    /// A record as Lambda is given it.
    fn record(new_image: serde_json::Value, old_image: serde_json::Value) -> EventRecord {
        let change = json!({ "NewImage": new_image, "OldImage": old_image, "SequenceNumber": "1", "SizeBytes": 1 });
        serde_json::from_value(json!({
            "awsRegion": "eu-central-1", "eventID": "e", "eventName": "MODIFY", "dynamodb": change,
        }))
        .unwrap()
    }

    #[test]
    fn a_stream_record_of_another_kind_is_ignored() {
        let kinds = ["partner", "evidence", "certificate", "site", "holding", "license", "audit", "limit"];
        for kind in kinds.into_iter().chain(["policy_part", "policy_in_force"]) {
            let image = json!({ "pk": { "S": "X" }, "kind": { "S": kind }, "body": { "S": "{}" } });
            assert!(matches!(OutboxRecord::<Quote>::read(&record(image.clone(), json!({}))), Ok(None)), "{kind} was written");
            assert!(matches!(OutboxRecord::<Quote>::read(&record(json!({}), image)), Ok(None)), "{kind} expired");
        }
        let unreadable = record(json!({ "kind": { "S": Quote::KIND }, "body": { "S": "{}" } }), json!({}));
        assert!(OutboxRecord::<Quote>::read(&unreadable).is_err(), "but a quote that cannot be read is an error");
    }

    /// The golden files of the stored shapes, as images.
    fn image(golden: &str, next: Option<&str>) -> serde_json::Value {
        let mut item: serde_json::Value = serde_json::from_str(golden).unwrap();
        let body = item["body"].take().to_string();
        let mut image = json!({ "pk": { "S": item["pk"] }, "kind": { "S": item["kind"] }, "body": { "S": body } });
        if let Some(next) = next {
            image[NEXT_WORK] = json!({ "S": next });
        }
        image
    }

    #[test]
    fn the_work_that_is_left_begins_with_the_next_work_and_unknown_work_is_not_dropped() {
        let reminder = |next| OutboxRecord::<Quote>::read(&record(image(PAID, Some(next)), image(PAID, Some(next))));
        assert_eq!(reminder("fulfilment").unwrap().unwrap().work, BTreeSet::from(Work::ALL));
        assert_eq!(reminder("letters").unwrap().unwrap().work, BTreeSet::from([Work::Letters]));
        assert!(reminder("reminders").is_err(), "an item of a newer program waits until it can be handled");
    }

    const ISSUED: &str = include_str!("../../../tests/golden/items/quote-issued.json");
    const PAID: &str = include_str!("../../../tests/golden/items/quote-paid.json");

    #[test]
    fn the_work_of_a_change_follows_from_the_quote_and_its_news_are_the_entries_after_the_version_before() {
        let created = OutboxRecord::<Quote>::read(&record(image(ISSUED, Some("letters")), json!({}))).unwrap().unwrap();
        assert_eq!((created.next_work(), created.old), (Some(Work::Letters), None));
        let paid = OutboxRecord::<Quote>::read(&record(image(PAID, Some("fulfilment")), image(ISSUED, None))).unwrap().unwrap();
        assert_eq!((paid.next_work(), paid.old.as_ref().map(|old| old.version)), (Some(Work::Fulfilment), Some(1)));
        assert!(paid.new.news_since(paid.old.as_ref()).all(|entry| entry.seq > 1));
        // Written before pending work was stored beside the quote.
        let before = OutboxRecord::<Quote>::read(&record(image(PAID, None), image(ISSUED, None))).unwrap().unwrap();
        assert_eq!(before.work, BTreeSet::from(Work::ALL));
        let after_all = OutboxRecord::<Quote>::read(&record(image(PAID, None), image(ISSUED, Some("letters")))).unwrap().unwrap();
        assert_eq!(after_all.old, None, "the letter about its issue may never have been sent");
    }

    #[test]
    fn a_reminder_covers_the_whole_history_and_completed_work_is_ignored() {
        let reminder =
            OutboxRecord::<Quote>::read(&record(image(PAID, Some("letters")), image(PAID, Some("letters")))).unwrap().unwrap();
        assert_eq!(
            (reminder.next_work(), &reminder.old),
            (Some(Work::Letters), &None),
            "the work that is left, not all work of the version"
        );
        assert_eq!(reminder.new.news_since(None).count(), reminder.new.history.len());
        assert!(OutboxRecord::<Quote>::read(&record(image(PAID, None), image(PAID, Some("letters")))).unwrap().is_none());
        assert!(OutboxRecord::<Quote>::read(&record(image(PAID, None), image(PAID, None))).unwrap().is_none());
    }
}
