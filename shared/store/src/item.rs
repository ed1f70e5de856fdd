//! Items: key, type, version, and the aggregate as one JSON document. What DynamoDB must compare is an attribute of
//! its own; all else is in `body`, whose shape has golden files in `tests/`.

use std::collections::HashMap;

use aws_lambda_events::dynamodb::{EventRecord, StreamRecord};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::{Serialize, de::DeserializeOwned};

use crate::{
    Error,
    keys::{Key, PARTITION, SORT},
};
use domain::{
    Quote,
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate},
    license::Entitlement,
    payment::Receipt,
    request::Holding,
};

/// The attribute that says what an item is.
pub const KIND: &str = "kind";
/// The attribute that counts an item's writes.
pub const VERSION: &str = "version";
/// The attribute by which a put whose answer was lost knows its own write again.
pub const MARK: &str = "mark";
/// The attribute that holds the aggregate.
pub const BODY: &str = "body";

/// An aggregate that is stored as one item.
pub trait Item: Serialize + DeserializeOwned {
    /// What the item is called.
    const KIND: &'static str;
    /// Where it is.
    fn key(&self) -> Key;
    /// Which write this is, from 1.
    fn version(&self) -> u64;
}

impl Item for Quote {
    const KIND: &'static str = "quote";

    fn key(&self) -> Key {
        Key::quote(&self.number)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Item for Receipt {
    const KIND: &'static str = "receipt";

    fn key(&self) -> Key {
        Key::receipt(&self.payment)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Item for Entitlement {
    const KIND: &'static str = "license";

    fn key(&self) -> Key {
        Key::entitlement(&self.sen)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Item for Partner {
    const KIND: &'static str = "partner";

    fn key(&self) -> Key {
        Key::partner(&self.organization)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Item for SegmentEvidence {
    const KIND: &'static str = "evidence";

    fn key(&self) -> Key {
        Key::evidence(&self.id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Item for TaxCertificate {
    const KIND: &'static str = "certificate";

    fn key(&self) -> Key {
        Key::certificate(&self.id)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Item for Site {
    const KIND: &'static str = "site";

    fn key(&self) -> Key {
        Key::site(&self.host)
    }

    fn version(&self) -> u64 {
        self.version
    }
}

impl Item for Holding {
    const KIND: &'static str = "holding";

    fn key(&self) -> Key {
        Key::holding(&self.product, &self.licensee)
    }

    /// A holding is not counted: the one written last is the one that is.
    fn version(&self) -> u64 {
        1
    }
}

/// An item's attributes as the SDK wants them.
pub type Attributes = HashMap<String, AttributeValue>;

/// The item of an aggregate.
pub fn attributes<T: Item>(aggregate: &T) -> Result<Attributes, Error> {
    let key = aggregate.key();
    let body = serde_json::to_string(aggregate)
        .map_err(|error| Error::Corrupt { key: format!("{}/{}", key.partition, key.sort), reason: error.to_string() })?;
    let mut attributes = of_key(&key);
    attributes.insert(KIND.to_owned(), AttributeValue::S(T::KIND.to_owned()));
    attributes.insert(VERSION.to_owned(), AttributeValue::N(aggregate.version().to_string()));
    attributes.insert(BODY.to_owned(), AttributeValue::S(body));
    Ok(attributes)
}

/// A key's attributes.
pub fn of_key(key: &Key) -> Attributes {
    HashMap::from([
        (PARTITION.to_owned(), AttributeValue::S(key.partition.clone())),
        (SORT.to_owned(), AttributeValue::S(key.sort.clone())),
    ])
}

/// An item's attribute that is a text.
pub(crate) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name)?.as_s().ok().map(String::as_str)
}

/// An item's attribute that is a number.
pub(crate) fn number(attributes: &Attributes, name: &str) -> Option<u64> {
    attributes.get(name)?.as_n().ok()?.parse().ok()
}

/// An item that is not what we wrote.
pub(crate) fn corrupt(attributes: &Attributes, reason: String) -> Error {
    let key = [PARTITION, SORT].map(|name| text(attributes, name).unwrap_or("?"));
    Error::Corrupt { key: key.join("/"), reason }
}

/// The aggregate of an item.
pub fn aggregate<T: Item>(attributes: &Attributes) -> Result<T, Error> {
    // serde_json's message names lines and members of the document, and for some faults a value: keep the place only.
    serde_json::from_str(text(attributes, BODY).unwrap_or_default())
        .map_err(|error| corrupt(attributes, format!("its body is not a {}, at column {}", T::KIND, error.column())))
}

/// A stream record is not what we write.
#[derive(Debug, thiserror::Error)]
#[error("a stream record cannot be read: {0}")]
pub struct RecordError(String);

/// A quote in a stream record: as it is now, and as it was before.
#[derive(Debug)]
pub struct QuoteRecord {
    /// The new image.
    pub new: Quote,
    /// The old image; `None` when the quote was created.
    pub old: Option<Quote>,
}

impl QuoteRecord {
    /// Reads a record; `None` when it is not about a quote that exists. `Err` never goes away by retrying, and still
    /// must not be skipped: the record stays until somebody looks.
    pub fn read(record: &EventRecord) -> Result<Option<Self>, RecordError> {
        let StreamRecord { new_image, old_image, .. } = &record.change;
        let image = |image: &serde_dynamo::Item| -> Result<Option<Quote>, RecordError> {
            let text = |name: &str| match image.get(name) {
                Some(serde_dynamo::AttributeValue::S(text)) => Some(text.as_str()),
                _ => None,
            };
            if text(KIND) != Some(Quote::KIND) {
                return Ok(None);
            }
            let body = text(BODY).ok_or_else(|| RecordError("a quote's image has no body".to_owned()))?;
            let quote = serde_json::from_str(body)
                .map_err(|error| RecordError(format!("a quote's body, at column {}", error.column())))?;
            Ok(Some(quote))
        };
        let Some(new) = image(new_image)? else { return Ok(None) };
        Ok(Some(Self { new, old: image(old_image)? }))
    }
}

#[cfg(test)]
mod tests {
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
    fn a_stream_record_that_is_not_about_a_quote_is_passed_over() {
        let kinds = ["partner", "evidence", "certificate", "site", "holding", "license", "audit", "limit"];
        for kind in kinds.into_iter().chain(["policy_part", "policy_in_force"]) {
            let image = json!({ "pk": { "S": "X" }, "kind": { "S": kind }, "body": { "S": "{}" } });
            assert!(matches!(QuoteRecord::read(&record(image.clone(), json!({}))), Ok(None)), "{kind} was written");
            assert!(matches!(QuoteRecord::read(&record(json!({}), image)), Ok(None)), "{kind} expired");
        }
        let unreadable = record(json!({ "kind": { "S": Quote::KIND }, "body": { "S": "{}" } }), json!({}));
        assert!(QuoteRecord::read(&unreadable).is_err(), "but a quote never is");
    }
}
