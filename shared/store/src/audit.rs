//! What the desk records, each change with an entry that says who did it, and who saw a licence's key.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Sen;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Commit, Error, Store,
    item::{self, Attributes, Item, KIND},
    keys::{AUDIT, Key, SORT},
};

/// What kind of item, and which action, it is when somebody saw a licence's key.
const REVEAL: &str = "reveal";
/// The attribute that says who saw it.
const SUBJECT: &str = "subject";

/// That somebody did something to a record. It is written once and never changed.
///
/// Entries are in order of their instants. Which of several at one instant was first cannot be told from them, unless the
/// versions of the records in them say so.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The partition of the record that it is about.
    pub partition: String,
    /// The instant at which it was done, by the clock of whoever wrote it down.
    pub at: Timestamp,
    /// Who did it: the subject of their token, or `deployment`.
    pub by: String,
    /// Their address then, if their token had one that was verified: by it staff know each other.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// What was done, in a word such as `record`.
    pub action: String,
    /// The record as it was; none when there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The record as it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Why, in the words of whoever did it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Tells it from another entry of the same instant.
    pub unique: String,
}

/// Leaves out who did it and the record, which name people.
impl fmt::Debug for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditEntry").field("at", &self.at).field("action", &self.action).finish_non_exhaustive()
    }
}

impl Item for AuditEntry {
    const KIND: &'static str = "audit";

    fn key(&self) -> Key {
        Key::audit_entry(self.partition.clone(), self.at, &self.unique)
    }

    /// An entry is written once.
    fn version(&self) -> u64 {
        1
    }
}

impl Store {
    /// Commits a record and its audit entry, both or neither: `Conflict` when the record is not the version before any
    /// more, or, for its first version, exists.
    pub async fn record<T: Item>(&self, next: &T, entry: &AuditEntry) -> Result<Commit, Error> {
        self.transact(vec![self.put(next)?, self.put(entry)?], "TransactWriteItems of a record and its audit entry").await
    }

    /// The record under this key.
    pub async fn recorded<T: Item>(&self, key: &Key) -> Result<Option<T>, Error> {
        self.load(key, "GetItem of a record").await
    }

    /// What was done to the record in this partition, oldest first. That somebody saw a licence's key is an action too:
    /// `reveal`.
    pub async fn audit_of(&self, partition: &str) -> Result<Vec<AuditEntry>, Error> {
        let items = self.query(partition, AUDIT, "Query of audit entries").await?;
        items.iter().map(|item| entry(partition, item)).collect::<Result<_, _>>().map(in_order)
    }

    /// The end of what was done to the record in this partition, oldest first, and whether there is more before it. It has
    /// `most` entries, or fewer if these are more than the megabyte that DynamoDB reads at once.
    pub async fn end_of_audit(&self, partition: &str, most: u16) -> Result<(Vec<AuditEntry>, bool), Error> {
        // One more, to see whether there is one.
        let query = self.range(partition, AUDIT).scan_index_forward(false).limit(i32::from(most) + 1);
        let page = query.send().await.map_err(|error| Error::of("Query of the last audit entries", &error))?;
        let (items, most) = (page.items.unwrap_or_default(), usize::from(most));
        let more = items.len() > most || page.last_evaluated_key.is_some();
        let entries = items.iter().take(most).map(|item| entry(partition, item)).collect::<Result<_, _>>()?;
        Ok((in_order(entries), more))
    }

    /// Notes who saw an entitlement's key. `Ok` means that the note is durable: only then may the key be shown.
    pub async fn audit_reveal(&self, sen: &Sen, at: Timestamp, unique: &str, subject: &str) -> Result<(), Error> {
        let key = Key::audit(sen, at, unique);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_key(&key)))
            .item(KIND, AttributeValue::S(REVEAL.to_owned()))
            .item(SUBJECT, AttributeValue::S(subject.to_owned()));
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of an audit entry", &error))
    }

    /// How often an entitlement's key was seen, and by whom, oldest first.
    pub async fn reveals(&self, sen: &Sen) -> Result<Vec<String>, Error> {
        let entries = self.audit_of(&Key::entitlement(sen).partition).await?;
        Ok(entries.into_iter().filter(|entry| entry.action == REVEAL).map(|entry| entry.by).collect())
    }
}

/// Oldest first. The keys are almost in this order, but for fractions of a second: `…00.5Z` comes before `…00Z` there.
fn in_order(mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
    entries.sort_by(|one, other| (one.at, &one.unique).cmp(&(other.at, &other.unique)));
    entries
}

fn entry(partition: &str, item: &Attributes) -> Result<AuditEntry, Error> {
    if item::text(item, KIND) != Some(REVEAL) {
        return item::aggregate(item);
    }
    // A reveal has no body: when it was is in its key.
    let key = item::text(item, SORT).and_then(|sort| sort.strip_prefix(AUDIT)?.split_once('#'));
    let read = key.and_then(|(at, unique)| Some((at.parse().ok()?, unique, item::text(item, SUBJECT)?)));
    let (at, unique, subject) = read.ok_or_else(|| item::corrupt(item, "it does not say who saw a key, and when".to_owned()))?;
    Ok(AuditEntry {
        partition: partition.to_owned(),
        at,
        by: subject.to_owned(),
        email: None,
        action: REVEAL.to_owned(),
        before: None,
        after: None,
        reason: None,
        unique: unique.to_owned(),
    })
}
