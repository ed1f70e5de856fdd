//! Records of the desk, each change with an audit entry that states who made it, and notes of who read a licence's key (R118).

use std::{fmt, net::IpAddr};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Sen;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Commit, Error, Store,
    item::{self, Attributes, Item, KIND},
    keys::{AUDIT, Key, MAX_SORT_BYTES, PARTITION, SORT},
    page::{Cursor, NotACursor, Page, PageError, PageRequest},
};

/// The kind of the item, and the action of the entry, that states that a caller read a licence's key.
const REVEAL: &str = "reveal";
/// The attributes of a reveal: who read the key, with which verified address, which key, and from where.
const SUBJECT: &str = "subject";
const EMAIL: &str = "email";
const KEY_ID: &str = "key_id";
const IP: &str = "ip";

/// A caller who reads a licence's key (R52).
#[derive(Clone, Copy)]
pub struct Reveal<'r> {
    /// The subject of the token.
    pub subject: &'r str,
    /// The e-mail address that the token proves.
    pub email: Option<&'r str>,
    /// The id of the key that signed the licence file that is shown.
    pub key_id: &'r str,
    /// The caller's address, when the gateway reports it.
    pub ip: Option<IpAddr>,
}

/// An action on a record. An entry is written once and never changed.
///
/// Entries are ordered by time. The order of several entries of one instant is known only if the versions of the records in them
/// show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditEntry {
    /// The partition of the record.
    pub partition: String,
    /// The time of the action, by the clock of the process that wrote the entry.
    pub at: Timestamp,
    /// Who did it: the subject of the token, or `deployment`.
    pub by: String,
    /// The e-mail address in the token, if it was verified. Other staff recognise it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The action, in a word such as `record`.
    pub action: String,
    /// The record before the action. `None`: there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The record after the action.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The reason that the person gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The id of the key that signed the licence file, if the action shows one. `None` for entries that were stored without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_id: Option<String>,
    /// The source address of a request that shows a licence file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
    /// A random text that distinguishes entries of the same instant.
    pub unique: String,
}

/// Leaves out who acted and the record, because they name people.
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
    /// Commits a record with its [copies](Item::copies) and its audit entry, all or nothing. Copies of `before` that `next` does not
    /// have are removed. `Conflict`: the stored record is not the version before `next`, or there is one already when `next` is the
    /// first version.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the record was written. Retry by reading the record and deciding again.
    pub async fn record<T: Item>(&self, before: Option<&T>, next: &T, entry: &AuditEntry) -> Result<Commit, Error> {
        let mut writes = vec![self.put(next)?, self.put(entry)?];
        let copies = next.copies();
        for former in before.map(Item::copies).unwrap_or_default().iter().filter(|former| !copies.contains(former)) {
            writes.push(self.delete(former)?);
        }
        for copy in &copies {
            writes.push(self.put_copy(next, copy)?);
        }
        self.transact(writes, "TransactWriteItems of a record and its audit entry").await
    }

    /// Reads the record with this key.
    pub async fn recorded<T: Item>(&self, key: &Key) -> Result<Option<T>, Error> {
        self.load(key, "GetItem of a record").await
    }

    /// Reads all audit entries of the record in this partition, oldest first. Reading a licence's key is an action, too:
    /// `reveal`.
    pub async fn audit_of(&self, partition: &str) -> Result<Vec<AuditEntry>, Error> {
        let items = self.query(partition, AUDIT, "Query of audit entries").await?;
        items.iter().map(|item| entry(partition, item)).collect::<Result<_, _>>().map(in_order)
    }

    /// Reads a page of the audit entries of the record in this partition, newest first. A page is shorter than its limit if its
    /// entries exceed the 1 MB that DynamoDB returns per query.
    pub async fn audit_page(&self, partition: &str, page: &PageRequest) -> Result<Page<AuditEntry>, PageError> {
        let mut query = self.range(partition, AUDIT).scan_index_forward(false);
        if let Some(cursor) = &page.cursor {
            let sort = format!("{AUDIT}{}", cursor.after(partition)?);
            if sort.len() > MAX_SORT_BYTES {
                return Err(NotACursor.into());
            }
            query = query
                .exclusive_start_key(PARTITION, AttributeValue::S(partition.to_owned()))
                .exclusive_start_key(SORT, AttributeValue::S(sort));
        }
        let (items, more) = self.page(query, page.limit, "Query of a page of audit entries").await?;
        let after = items.last().filter(|_| more).and_then(|last| item::text(last, SORT)?.strip_prefix(AUDIT));
        let next = after.map(|after| Cursor::new(partition, after.to_owned()));
        let mut entries = items.iter().map(|item| entry(partition, item)).collect::<Result<_, _>>().map(in_order)?;
        entries.reverse();
        Ok(Page { entries, next })
    }

    /// Notes who reads an entitlement's key, which one, and from where (R52). `Ok` means that the note is durable. Only then may the key be shown.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. The key must not be shown. Retrying may note the same reader twice, unless `at` and `unique` are the same.
    pub async fn audit_reveal(&self, sen: &Sen, at: Timestamp, unique: &str, reveal: Reveal<'_>) -> Result<(), Error> {
        let key = Key::audit(sen, at, unique);
        let mut stored = item::of_key(&key);
        let ip = reveal.ip.map(|ip| ip.to_string());
        let attributes = [
            (KIND, Some(REVEAL)),
            (SUBJECT, Some(reveal.subject)),
            (EMAIL, reveal.email),
            (KEY_ID, Some(reveal.key_id)),
            (IP, ip.as_deref()),
        ];
        let stated = attributes.into_iter().filter_map(|(name, value)| Some((name, value?)));
        stored.extend(stated.map(|(name, value)| (name.to_owned(), AttributeValue::S(value.to_owned()))));
        let put = self.client.put_item().table_name(&self.table).set_item(Some(stored));
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of an audit entry", &error))
    }

    /// Reads who has read an entitlement's key, once per time, oldest first.
    pub async fn reveals(&self, sen: &Sen) -> Result<Vec<String>, Error> {
        let entries = self.audit_of(&Key::entitlement(sen).partition).await?;
        Ok(entries.into_iter().filter(|entry| entry.action == REVEAL).map(|entry| entry.by).collect())
    }
}

/// Entries, oldest first. The keys have this order except for fractions of a second: `…00.5Z` comes before `…00Z` in them.
fn in_order(mut entries: Vec<AuditEntry>) -> Vec<AuditEntry> {
    entries.sort_by(|one, other| (one.at, &one.unique).cmp(&(other.at, &other.unique)));
    entries
}

fn entry(partition: &str, item: &Attributes) -> Result<AuditEntry, Error> {
    if item::text(item, KIND) != Some(REVEAL) {
        return item::aggregate(item);
    }
    // A reveal has no body. Its time is in its key.
    let key = item::text(item, SORT).and_then(|sort| sort.strip_prefix(AUDIT)?.split_once('#'));
    let read = key.and_then(|(at, unique)| Some((at.parse().ok()?, unique, item::text(item, SUBJECT)?)));
    let (at, unique, subject) =
        read.ok_or_else(|| item::corrupt(item, "it does not state who read a key, or when".to_owned()))?;
    Ok(AuditEntry {
        partition: partition.to_owned(),
        at,
        by: subject.to_owned(),
        email: item::text(item, EMAIL).map(str::to_owned),
        action: REVEAL.to_owned(),
        before: None,
        after: None,
        reason: None,
        key_id: item::text(item, KEY_ID).map(str::to_owned),
        ip: item::text(item, IP).and_then(|ip| ip.parse().ok()),
        unique: unique.to_owned(),
    })
}
