//! How far a consumer has read the stream, as stored in its file.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A sequence number: 21 to 40 decimal digits without leading zeros, in numeric order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Sequence(pub(super) String);

impl Ord for Sequence {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0.len(), &self.0).cmp(&(other.0.len(), &other.0))
    }
}

impl PartialOrd for Sequence {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// How far a shard has been consumed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Place {
    /// Nothing of it.
    #[default]
    Beginning,
    /// Up to and including this record.
    After(Sequence),
    /// All of it: it is closed, and its children may be read.
    End,
}

/// The content of a consumer's file.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Places {
    /// The stream of the places. A table that was created again has another stream, and the places are not used there.
    pub(super) stream: String,
    pub(super) shards: BTreeMap<String, Place>,
}
