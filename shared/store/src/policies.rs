//! The published policies: which one is in force, and the files of each version, which never change.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Commit, Error, Store,
    audit::AuditEntry,
    item::{self, Attributes, Item, KIND},
    keys::{Key, PART, SORT},
};

/// The most bytes of text in one part. An item has up to 400 KB, including its keys and attribute names (Amazon DynamoDB
/// Developer Guide, "Service quotas").
const PART_BYTES: usize = 350_000;
/// The attribute that holds the number of parts.
const PARTS: &str = "parts";
/// The attribute that holds the text of a part.
const TEXT: &str = "text";

/// The policy that is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyInForce {
    /// The policy's version, which is a hash of its files.
    pub version: String,
    /// The time at which it was put in force.
    pub published_at: Timestamp,
    /// Who put it in force: the subject of the token, or `deployment`.
    pub by: String,
    /// The version of the vendor's folder that was last published. A folder is published once, so that a policy that the desk
    /// publishes later stays in force until the folder is edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
    /// The number of this publication, from 1.
    pub sequence: u64,
}

impl Item for PolicyInForce {
    const KIND: &'static str = "policy_in_force";

    fn key(&self) -> Key {
        Key::policy_in_force()
    }

    fn version(&self) -> u64 {
        self.sequence
    }
}

/// A policy that waits until a second member of staff sends it too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyProposal {
    /// The policy's version, which is a hash of its files.
    pub version: String,
    /// When it was proposed.
    pub proposed_at: Timestamp,
    /// The subject of the first person.
    pub by: String,
    /// The first person's e-mail address, if the token had a verified one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// The number of this proposal, from 1. A proposal replaces the one before.
    pub sequence: u64,
}

impl Item for PolicyProposal {
    const KIND: &'static str = "policy_proposal";

    fn key(&self) -> Key {
        Key::policy_proposal()
    }

    fn version(&self) -> u64 {
        self.sequence
    }
}

impl Store {
    /// Reads which policy is in force. `None`: none was published yet.
    pub async fn policy_in_force(&self) -> Result<Option<PolicyInForce>, Error> {
        self.load(&Key::policy_in_force(), "GetItem of the policy in force").await
    }

    /// Reads the files of a policy, by their names in the vendor's folder. `None`: a part of the policy is missing. The caller
    /// checks that the files belong to this version, because the version is a hash of the files.
    pub async fn policy_files(&self, version: &str) -> Result<Option<BTreeMap<String, String>>, Error> {
        let parts = self.query(&Key::policy_files(version), PART, "Query of a policy").await?;
        let (Some(first), Some(text)) = (parts.first(), join(&parts)) else { return Ok(None) };
        let files = serde_json::from_str(&text);
        files.map(Some).map_err(|_| item::corrupt(first, "this part and those after it are not the files of a policy".to_owned()))
    }

    /// Stores the files of a policy, unless they are stored already. Storing them again changes nothing.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. Some parts may be stored, and retrying is safe.
    pub async fn keep_policy(&self, version: &str, files: &BTreeMap<String, String>) -> Result<(), Error> {
        match self.policy_files(version).await {
            Ok(Some(there)) if there == *files => return Ok(()),
            Err(error @ Error::Unavailable { .. }) => return Err(error),
            // An incomplete set of parts is replaced.
            _ => {}
        }
        let text = archive(files);
        let parts = split(&text);
        for (part, text) in (1..).zip(&parts) {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .set_item(Some(item::of_key(&Key::policy_part(version, part))))
                .item(KIND, AttributeValue::S("policy_part".to_owned()))
                .item(PARTS, AttributeValue::N(parts.len().to_string()))
                .item(TEXT, AttributeValue::S((*text).to_owned()));
            put.send().await.map_err(|error| Error::of("PutItem of a policy's part", &error))?;
        }
        Ok(())
    }

    /// Stores the files of a policy and then puts it in force, with an audit entry. `next.sequence` is one more than the
    /// sequence of the policy in force. `Conflict`: another policy was published since `next` was decided, and stays in force.
    pub async fn publish_policy(
        &self,
        files: &BTreeMap<String, String>,
        next: &PolicyInForce,
        entry: &AuditEntry,
    ) -> Result<Commit, Error> {
        self.keep_policy(&next.version, files).await?;
        let committed = self.record(None, next, entry).await;
        // Counted after an error too: it is unknown whether the policy was put in force.
        if !matches!(committed, Ok(Commit::Conflict)) {
            self.publications.fetch_add(1, Ordering::SeqCst);
        }
        committed
    }

    /// How many policies were put in force through this handle and its clones. A cache of the policy in force is outdated when this
    /// number has changed since the cache was filled: all functions of one process share one store.
    pub fn publications(&self) -> u64 {
        self.publications.load(Ordering::SeqCst)
    }
}

/// All files as one text, which can be cut between any two characters.
fn archive(files: &BTreeMap<String, String>) -> String {
    Value::from_iter(files.iter().map(|(name, text)| (name.as_str(), text.as_str()))).to_string()
}

/// A text in pieces that each fit an item. No piece is empty, unless the text is.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut rest) = (Vec::new(), text);
    while rest.len() > PART_BYTES {
        let (part, after) = rest.split_at(rest.floor_char_boundary(PART_BYTES));
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

/// The text of parts in the order of their keys, if the set is complete. The first part states how many parts there are. Parts
/// after these remain from another division of the same text.
fn join(parts: &[Attributes]) -> Option<String> {
    let count = item::number(parts.first()?, PARTS)?;
    let texts = (1..=count).map(|number| {
        let part = parts.get(usize::try_from(number - 1).ok()?)?;
        let whole = item::text(part, SORT)? == format!("{PART}{number:04}") && item::number(part, PARTS)? == count;
        item::text(part, TEXT).filter(|_| whole)
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The stored items of a text, in the order of their keys.
    fn stored(texts: &[&str]) -> Vec<Attributes> {
        let part = |(number, text): (usize, &&str)| {
            let mut item = item::of_key(&Key::policy_part("v", number));
            item.insert(PARTS.to_owned(), AttributeValue::N(texts.len().to_string()));
            item.insert(TEXT.to_owned(), AttributeValue::S((*text).to_owned()));
            item
        };
        (1..).zip(texts).map(part).collect()
    }

    fn files(texts: impl IntoIterator<Item = (&'static str, String)>) -> BTreeMap<String, String> {
        texts.into_iter().map(|(name, text)| (name.to_owned(), text)).collect()
    }

    #[test]
    fn a_policy_of_2_6_mb_splits_into_parts_that_fit_an_item_and_joins_to_the_same_files() {
        let row = "users = 10, amount = 99_900 # \"a\" price\n";
        let policy = files([
            ("prices.toml", row.repeat(2_600_000 / row.len())),
            ("languages/ja.toml", "見積書の有効期限\n".repeat(5_000)),
            ("empty.toml", String::new()),
        ]);
        let text = archive(&policy);
        assert!(text.len() > 2_600_000);
        let parts = split(&text);
        assert!(parts.iter().all(|part| (1..=PART_BYTES).contains(&part.len())));
        assert!(parts.len() <= text.len() / PART_BYTES + 1, "no more parts than it takes");

        let joined = join(&stored(&parts)).expect("all parts");
        assert_eq!(serde_json::from_str::<BTreeMap<String, String>>(&joined).unwrap(), policy);
    }

    #[test]
    fn a_cut_never_falls_inside_a_character() {
        // Characters of 1 to 4 bytes, moved by one byte at a time past the place of the cut.
        for character in ["a", "é", "見", "𝄞"] {
            for shift in 0..4 {
                let text = "x".repeat(shift) + &character.repeat(PART_BYTES / character.len() + 3);
                let parts = split(&text);
                assert_eq!(parts.len(), 2, "{character} {shift}");
                assert!(parts[0].len() <= PART_BYTES && parts[0].len() > PART_BYTES - character.len());
                assert_eq!(parts.concat(), text);
            }
        }
    }

    #[test]
    fn only_a_complete_set_of_parts_is_a_policy() {
        let whole = stored(&["one", "two", "three"]);
        assert_eq!(join(&whole).as_deref(), Some("onetwothree"));
        for missing in 0..whole.len() {
            let mut parts = whole.clone();
            parts.remove(missing);
            assert_eq!(join(&parts), None, "without part {}", missing + 1);
        }
        assert_eq!(join(&[]), None);

        let mut cut_again = stored(&["onetwo", "three"]);
        cut_again.push(whole[2].clone());
        assert_eq!(join(&cut_again).as_deref(), Some("onetwothree"), "a part of another division is ignored");
        let half_written = [stored(&["onetwo", "three"])[0].clone(), whole[1].clone(), whole[2].clone()];
        assert_eq!(join(&half_written), None, "parts of two divisions are not a set");
    }

    #[test]
    fn a_small_policy_is_one_part() {
        assert_eq!(split(&archive(&files([("vendor.toml", "a = 1".to_owned())]))).len(), 1);
        assert_eq!(join(&stored(&split(&archive(&BTreeMap::new())))).as_deref(), Some("{}"));
    }
}
