//! A stream record as Lambda puts it into its event.

use std::collections::HashMap;

use aws_lambda_events::dynamodb::{Event, EventRecord};
use aws_sdk_dynamodbstreams::types::{AttributeValue, Identity, Record};
use serde_json::{Value, json};
use store::keys::PARTITION;

use super::place::Sequence;

/// A record that was read from a shard.
pub(super) struct Held {
    pub(super) sequence: Sequence,
    /// The record as Lambda shows it; `None` for a record that was set aside and is not delivered.
    pub(super) record: Option<EventRecord>,
}

impl Held {
    /// The partition of the record's aggregate.
    pub(super) fn partition(&self) -> Option<&str> {
        match self.record.as_ref()?.change.keys.get(PARTITION) {
            Some(serde_dynamo::AttributeValue::S(partition)) => Some(partition),
            _ => None,
        }
    }
}

/// An event of these records.
pub(super) fn event(records: Vec<EventRecord>) -> Event {
    let mut event = Event::default();
    event.records = records;
    event
}

pub(super) fn sequence(record: &Record) -> &str {
    record.dynamodb().and_then(|change| change.sequence_number()).unwrap_or_default()
}

/// The record as Lambda puts it into its event: attribute values typed, binary in base64, absent members omitted.
pub(super) fn lambda_record(record: &Record, stream: &str) -> Result<Value, serde_json::Error> {
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

/// The identity of the removal of an item by DynamoDB, after the item's time to live. Only such records state an identity
/// (Amazon DynamoDB Developer Guide, "DynamoDB Streams and Time to Live").
///
/// The embedded engine writes the members in lower case, which the SDK reads as absent. Absent members are therefore filled in.
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
