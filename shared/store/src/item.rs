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
    government::GovernmentSubscription,
    license::Entitlement,
    payment::Receipt,
    quote::Owed,
};

/// The attribute that says what an item is.
pub const KIND: &str = "kind";
/// The attribute that counts an item's writes.
pub const VERSION: &str = "version";
/// The attribute by which a put whose answer was lost knows its own write again.
pub const MARK: &str = "mark";
/// The attribute that holds the aggregate.
pub const BODY: &str = "body";
/// The attribute that says what is still to be done about a quote, as long as something is: [`Owed`] by its name.
pub const OWED: &str = "owed";
/// The attribute that says since when.
pub const OWED_SINCE: &str = "owed_since";
/// The attribute that says that a person is to look at a quote, as long as that is so: [`WAITS`].
pub const REVIEW: &str = "review";
/// What it says: one partition holds all that wait, for they are few.
pub const WAITS: &str = "waits";
/// The attribute that says by which day.
pub const REVIEW_DUE: &str = "review_due";

/// An aggregate that is stored as one item.
pub trait Item: Serialize + DeserializeOwned {
    /// What the item is called.
    const KIND: &'static str;
    /// Where it is.
    fn key(&self) -> Key;
    /// Which write this is, from 1.
    fn version(&self) -> u64;
    /// By what else it is found: attributes of its own.
    fn found_by(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }
}

impl Item for Quote {
    const KIND: &'static str = "quote";

    fn key(&self) -> Key {
        Key::quote(&self.number)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn found_by(&self) -> Vec<(&'static str, String)> {
        let (owed, since) = self.owed();
        let mut found_by = vec![(OWED, owed.as_str().to_owned()), (OWED_SINCE, since.to_string())];
        if let Some(due) = self.awaits_review_by() {
            found_by.extend([(REVIEW, WAITS.to_owned()), (REVIEW_DUE, due.to_string())]);
        }
        found_by
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

impl Item for GovernmentSubscription {
    const KIND: &'static str = "holding";

    fn key(&self) -> Key {
        Key::government_subscription(&self.product, &self.licensee)
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
    attributes.extend(aggregate.found_by().into_iter().map(|(name, text)| (name.to_owned(), AttributeValue::S(text))));
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

/// A quote in a stream record about which something is to be done.
#[derive(Debug)]
pub struct QuoteRecord {
    /// As it is.
    pub new: Quote,
    /// As it was before, when nothing about it was to be done any more. `None` when the quote was created, when the record is
    /// a reminder, and when something was still owed before this change: then all of its history may have to be done.
    pub old: Option<Quote>,
    /// What is to be done.
    pub owed: Owed,
}

impl QuoteRecord {
    /// Reads a record; `None` when it is not about a quote that exists, or when all is done. `Err` never goes away by
    /// retrying, and still must not be skipped: the record stays until somebody looks.
    pub fn read(record: &EventRecord) -> Result<Option<Self>, RecordError> {
        let StreamRecord { new_image, old_image, .. } = &record.change;
        let Some(new) = quote(new_image)? else { return Ok(None) };
        // A change makes a version. Whoever takes note of what is done, or reminds of what is not, makes none.
        let old = quote(old_image)?;
        if old.as_ref().is_none_or(|old| old.version < new.version) {
            let (owed, _) = new.owed();
            // What was owed before is not owed by another record any more: that one may have been given up.
            let old = old.filter(|_| image_text(old_image, OWED).is_none());
            return Ok(Some(Self { new, old, owed }));
        }
        let left = image_text(new_image, OWED).and_then(|name| Owed::ALL.into_iter().find(|owed| owed.as_str() == name));
        Ok(left.map(|owed| Self { new, old: None, owed }))
    }
}

/// A quote's image.
fn quote(image: &serde_dynamo::Item) -> Result<Option<Quote>, RecordError> {
    if image_text(image, KIND) != Some(Quote::KIND) {
        return Ok(None);
    }
    let body = image_text(image, BODY).ok_or_else(|| RecordError("a quote's image has no body".to_owned()))?;
    let quote =
        serde_json::from_str(body).map_err(|error| RecordError(format!("a quote's body, at column {}", error.column())))?;
    Ok(Some(quote))
}

fn image_text<'a>(image: &'a serde_dynamo::Item, name: &str) -> Option<&'a str> {
    match image.get(name) {
        Some(serde_dynamo::AttributeValue::S(text)) => Some(text),
        _ => None,
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

    /// The golden files of the stored shapes, as images.
    fn image(golden: &str, owed: Option<&str>) -> serde_json::Value {
        let mut item: serde_json::Value = serde_json::from_str(golden).unwrap();
        let body = item["body"].take().to_string();
        let mut image = json!({ "pk": { "S": item["pk"] }, "kind": { "S": item["kind"] }, "body": { "S": body } });
        if let Some(owed) = owed {
            image[OWED] = json!({ "S": owed });
        }
        image
    }

    const ISSUED: &str = include_str!("../../../tests/golden/items/quote-issued.json");
    const PAID: &str = include_str!("../../../tests/golden/items/quote-paid.json");

    #[test]
    fn a_change_is_owed_what_the_quote_says_and_its_news_are_what_came_after_the_version_before() {
        let created = QuoteRecord::read(&record(image(ISSUED, Some("letters")), json!({}))).unwrap().unwrap();
        assert_eq!((created.owed, created.old), (Owed::Letters, None));
        let paid = QuoteRecord::read(&record(image(PAID, Some("fulfilment")), image(ISSUED, None))).unwrap().unwrap();
        assert_eq!((paid.owed, paid.old.as_ref().map(|old| old.version)), (Owed::Fulfilment, Some(1)));
        assert!(paid.new.news_since(paid.old.as_ref()).all(|entry| entry.seq > 1));
        // Written before what is owed was stored beside it.
        let before = QuoteRecord::read(&record(image(PAID, None), image(ISSUED, None))).unwrap().unwrap();
        assert_eq!(before.owed, Owed::Fulfilment);
        let after_all = QuoteRecord::read(&record(image(PAID, None), image(ISSUED, Some("letters")))).unwrap().unwrap();
        assert_eq!(after_all.old, None, "the letter about its issue may never have been sent");
    }

    #[test]
    fn a_reminder_is_of_the_whole_history_and_what_is_done_is_passed_over() {
        let reminder = QuoteRecord::read(&record(image(PAID, Some("letters")), image(PAID, Some("letters")))).unwrap().unwrap();
        assert_eq!((reminder.owed, &reminder.old), (Owed::Letters, &None), "as it is stored, and not as it was at first");
        assert_eq!(reminder.new.news_since(None).count(), reminder.new.history.len());
        assert!(QuoteRecord::read(&record(image(PAID, None), image(PAID, Some("letters")))).unwrap().is_none());
        assert!(QuoteRecord::read(&record(image(PAID, None), image(PAID, None))).unwrap().is_none());
    }
}
