//! Items: key, type, version, and the aggregate as one JSON document. What DynamoDB must compare is an attribute of
//! its own; all else is in `body`, whose shape has golden files in `tests/`.

use std::collections::HashMap;

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
    pending::Pending,
};

/// The attribute that says what an item is.
pub const KIND: &str = "kind";
/// The attribute that counts an item's writes.
pub const VERSION: &str = "version";
/// The attribute by which a put whose answer was lost knows its own write again.
pub const MARK: &str = "mark";
/// The attribute that holds the aggregate.
pub const BODY: &str = "body";
/// The attribute that names the next pending [`Work`](domain::pending::Work) of an aggregate. All of its pending work is that
/// and what the aggregate has after it ([`Item::pending`]). The attribute is absent when no work is pending.
pub const NEXT_WORK: &str = "owed";
/// The attribute with the instant since which work is pending.
pub const PENDING_SINCE: &str = "owed_since";
/// The attribute of a quote that waits for a review: [`WAITS`]. It is absent from every other quote.
pub const REVIEW: &str = "review";
/// The value of [`REVIEW`]. One partition holds all quotes in review, because they are few.
pub const WAITS: &str = "waits";
/// The attribute with the day by which the review is due.
pub const REVIEW_DUE: &str = "review_due";

/// An aggregate that is stored as one item.
pub trait Item: Serialize + DeserializeOwned {
    /// What the item is called.
    const KIND: &'static str;
    /// Where it is.
    fn key(&self) -> Key;
    /// Which write this is, from 1.
    fn version(&self) -> u64;
    /// The work that this version leaves to be done. An aggregate that causes no letters and no deliveries has none.
    fn pending(&self) -> Option<Pending> {
        None
    }
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

    fn pending(&self) -> Option<Pending> {
        Some(self.pending())
    }

    fn found_by(&self) -> Vec<(&'static str, String)> {
        let review = self.awaits_review_by().map(|due| [(REVIEW, WAITS.to_owned()), (REVIEW_DUE, due.to_string())]);
        review.into_iter().flatten().collect()
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

    /// The record has no versions: the last write counts.
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
    if let Some(pending) = aggregate.pending()
        && let Some(next) = pending.next()
    {
        attributes.insert(NEXT_WORK.to_owned(), AttributeValue::S(next.as_str().to_owned()));
        attributes.insert(PENDING_SINCE.to_owned(), AttributeValue::S(pending.since.to_string()));
    }
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

/// An item's key.
pub(crate) fn key(attributes: &Attributes) -> Option<Key> {
    let part = |name| text(attributes, name).map(str::to_owned);
    Some(Key { partition: part(PARTITION)?, sort: part(SORT)? })
}

/// An item's attribute that is a text.
pub(crate) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name)?.as_s().ok().map(String::as_str)
}

/// An item's attribute that is a number.
pub(crate) fn number(attributes: &Attributes, name: &str) -> Option<u64> {
    attributes.get(name)?.as_n().ok()?.parse().ok()
}

/// An item that the store did not write in this form.
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
