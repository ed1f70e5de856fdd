//! The items of the table: key, kind, version, and the aggregate as JSON in `body`. The shapes of `body` have golden files in
//! `tests/golden/items`. A value that DynamoDB must compare is an attribute of its own.

use std::{collections::HashMap, mem};

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
    suppression::Suppression,
};

/// The attribute that holds the kind of an item.
pub const KIND: &str = "kind";
/// The attribute that holds the version of an item, which counts its writes.
pub const VERSION: &str = "version";
/// The attribute that holds the mark of a put. A put whose response was lost finds its own mark when the SDK repeats it.
pub const MARK: &str = "mark";
/// The attribute that holds the aggregate.
pub const BODY: &str = "body";
/// The attribute that holds the texts of an entitlement's licence files, in the order of
/// [`Entitlement::files`]. They are not in the body, so that a function can read entitlements without any key (C10).
pub const FILES: &str = "files";
/// The attribute that names the next pending [`Work`](domain::pending::Work) of an aggregate. All of its pending work is that
/// and what the aggregate has after it ([`Item::pending`]). The attribute is absent when no work is pending.
pub const NEXT_WORK: &str = "owed";
/// The attribute with the instant since which work is pending.
pub const PENDING_SINCE: &str = "owed_since";
/// The attribute of a quote that waits for a review ([`WAITS`]), of a payment about which a person must decide ([`UNDECIDED`]), or
/// of a mailbox that gets no letters ([`SUPPRESSED`]). It is absent from all others.
pub const REVIEW: &str = "review";
/// The value of [`REVIEW`]. One partition holds all quotes in review, because they are few.
pub const WAITS: &str = "waits";
/// The value of [`REVIEW`] for a payment about which a person must decide.
pub const UNDECIDED: &str = "payments";
/// The value of [`REVIEW`] for a mailbox that gets no letters.
pub const SUPPRESSED: &str = "suppressions";
/// The attribute with the day by which the review is due, or with the instant since which a payment is undecided or a mailbox
/// suppressed.
pub const REVIEW_DUE: &str = "review_due";

/// An aggregate that is stored as one item.
pub trait Item: Serialize + DeserializeOwned {
    /// The kind of the item, as it is stored.
    const KIND: &'static str;
    /// The item's key.
    fn key(&self) -> Key;
    /// The number of this write, from 1. A write replaces only the version before it.
    fn version(&self) -> u64;
    /// The work that this version leaves to be done. An aggregate that causes no letters and no deliveries has none.
    fn pending(&self) -> Option<Pending> {
        None
    }
    /// The aggregate without the texts that [`FILES`] holds, and these texts. `None`: it has none.
    fn without_files(&self) -> Option<(Self, Vec<String>)> {
        None
    }
    /// Puts the texts of [`FILES`] back. Returns whether every file has its text. An item that was stored before the attribute
    /// existed has the texts in its body.
    fn with_files(&mut self, texts: Vec<String>) -> bool {
        texts.is_empty()
    }
    /// Other keys under which a copy of the item is stored, to be found there. A copy is written and removed with the item.
    fn copies(&self) -> Vec<Key> {
        Vec::new()
    }
    /// Attributes by which an index finds the item, with their values.
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

    fn found_by(&self) -> Vec<(&'static str, String)> {
        let undecided = self.undecided_since();
        undecided.map_or_else(Vec::new, |since| vec![(REVIEW, UNDECIDED.to_owned()), (REVIEW_DUE, since.to_string())])
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

    fn without_files(&self) -> Option<(Self, Vec<String>)> {
        let mut rest = self.clone();
        let texts: Vec<_> = rest.files().map(|file| mem::take(&mut file.text)).collect();
        (!texts.is_empty()).then_some((rest, texts))
    }

    fn with_files(&mut self, texts: Vec<String>) -> bool {
        let mut texts = texts.into_iter();
        let mut missing = self.files().filter(|file| file.text.is_empty());
        let whole = missing.all(|file| texts.next().map(|text| file.text = text).is_some());
        whole && texts.next().is_none()
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

    fn copies(&self) -> Vec<Key> {
        self.registration().map(|registration| Key::registered(&registration, &self.id)).into_iter().collect()
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

impl Item for Suppression {
    const KIND: &'static str = "suppression";

    fn key(&self) -> Key {
        Key::mailbox(&self.mailbox)
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn pending(&self) -> Option<Pending> {
        self.pending()
    }

    fn found_by(&self) -> Vec<(&'static str, String)> {
        let since = self.since();
        since.map_or_else(Vec::new, |since| vec![(REVIEW, SUPPRESSED.to_owned()), (REVIEW_DUE, since.to_string())])
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

/// An item's attributes, as the SDK represents them.
pub type Attributes = HashMap<String, AttributeValue>;

/// The item of an aggregate. `Err`: the aggregate cannot be written as JSON, or it was read without its licence files, which the
/// item would lose. A retry does not change either.
pub fn attributes<T: Item>(aggregate: &T) -> Result<Attributes, Error> {
    let key = aggregate.key();
    let unwritable = |reason: String| Error::Corrupt { key: format!("{}/{}", key.partition, key.sort), reason };
    let json = |aggregate: &T| serde_json::to_string(aggregate).map_err(|error| unwritable(error.to_string()));
    let mut attributes = of_key(&key);
    let body = match aggregate.without_files() {
        None => json(aggregate)?,
        Some((_, texts)) if texts.iter().any(String::is_empty) => {
            return Err(unwritable("it was read without its licence files".to_owned()));
        }
        Some((rest, texts)) => {
            let texts = serde_json::to_string(&texts).map_err(|error| unwritable(error.to_string()))?;
            attributes.insert(FILES.to_owned(), AttributeValue::S(texts));
            json(&rest)?
        }
    };
    attributes.insert(KIND.to_owned(), AttributeValue::S(T::KIND.to_owned()));
    attributes.insert(VERSION.to_owned(), AttributeValue::N(aggregate.version().to_string()));
    attributes.insert(BODY.to_owned(), AttributeValue::S(body));
    if let Some(pending) = aggregate.pending()
        && let Some(next) = pending.next_work()
    {
        attributes.insert(NEXT_WORK.to_owned(), AttributeValue::S(next.as_str().to_owned()));
        attributes.insert(PENDING_SINCE.to_owned(), AttributeValue::S(pending.since.to_string()));
    }
    attributes.extend(aggregate.found_by().into_iter().map(|(name, text)| (name.to_owned(), AttributeValue::S(text))));
    Ok(attributes)
}

/// The attributes of a key.
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

/// The value of an item's string attribute. `None`: it is absent or has another type.
pub(crate) fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    attributes.get(name)?.as_s().ok().map(String::as_str)
}

/// The value of an item's number attribute. `None`: it is absent, has another type or is not a whole number.
pub(crate) fn number(attributes: &Attributes, name: &str) -> Option<u64> {
    attributes.get(name)?.as_n().ok()?.parse().ok()
}

/// The error about an item that does not have the shape that the store writes.
pub(crate) fn corrupt(attributes: &Attributes, reason: String) -> Error {
    let key = [PARTITION, SORT].map(|name| text(attributes, name).unwrap_or("?"));
    Error::Corrupt { key: key.join("/"), reason }
}

/// Reads the aggregate of an item. `Err`: the item does not have the shape that the store writes, and an operator must look.
pub fn aggregate<T: Item>(attributes: &Attributes) -> Result<T, Error> {
    let mut aggregate: T = aggregate_without_files(attributes)?;
    let texts = text(attributes, FILES).map(serde_json::from_str).transpose();
    let texts = texts.map_err(|_| corrupt(attributes, format!("its {FILES} are not a list of texts")))?;
    if !aggregate.with_files(texts.unwrap_or_default()) {
        return Err(corrupt(attributes, format!("its {FILES} are not those of its body")));
    }
    Ok(aggregate)
}

/// The same of an item that was read without [`FILES`], or whose files are not needed. It cannot be written.
pub(crate) fn aggregate_without_files<T: Item>(attributes: &Attributes) -> Result<T, Error> {
    // Only the position is kept, because some messages of serde_json quote a value.
    serde_json::from_str(text(attributes, BODY).unwrap_or_default())
        .map_err(|error| corrupt(attributes, format!("its body is not a {}, at column {}", T::KIND, error.column())))
}
