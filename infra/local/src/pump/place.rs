//! How far a consumer has read the stream, as stored in its file, and whether the stream has that place.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
};

use aws_sdk_dynamodbstreams::{Client, types::Shard};
use serde::{Deserialize, Serialize};

use super::consumer::{PumpError, refused};

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
    /// The stream of the places. A table that was created again has another stream, where these places are unknown.
    pub(super) stream: String,
    pub(super) shards: BTreeMap<String, Place>,
}

/// The file with the places of a consumer.
pub(super) fn file_of(consumer: &str, data_dir: &Path) -> PathBuf {
    data_dir.join("stream").join(consumer).with_extension("json")
}

/// The places of a consumer in a stream; none if it has not read any record.
///
/// # Errors
///
/// [`PumpError::UnknownPlace`]: the stream does not have these places, so that the consumer would read nothing, or the wrong records.
pub(super) async fn places(
    consumer: &'static str,
    file: &Path,
    streams: &Client,
    stream: &str,
) -> Result<BTreeMap<String, Place>, PumpError> {
    let unusable = |cause| PumpError::Place { consumer, file: file.to_owned(), cause };
    let places: Places = match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes).map_err(|cause| unusable(cause.into()))?,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(cause) => return Err(unusable(cause)),
    };
    let unknown = if places.stream == stream {
        unknown(&places.shards, &shards(streams, stream).await?)
    } else {
        Some(format!("it is a place in the stream {}, and the table has the stream {stream}", places.stream))
    };
    match unknown {
        Some(reason) => Err(PumpError::UnknownPlace { consumer, file: file.to_owned(), reason }),
        None => Ok(places.shards),
    }
}

/// Why the shards do not have these places; `None` if they have all of them.
fn unknown(places: &BTreeMap<String, Place>, shards: &[Shard]) -> Option<String> {
    let unknown = |(id, place): (&String, &Place)| {
        let Place::After(sequence) = place else { return None };
        let Some(shard) = shards.iter().find(|shard| shard.shard_id() == Some(id)) else {
            return Some(format!("the stream has no shard {id}"));
        };
        let range = shard.sequence_number_range()?;
        match (range.starting_sequence_number(), range.ending_sequence_number()) {
            // AWS states the end of closed shards only, the embedded engine that of every shard.
            (_, Some(newest)) if *sequence > Sequence(newest.to_owned()) => {
                Some(format!("the newest record of the shard is {newest}, and {} was consumed", sequence.0))
            }
            (None, None) => Some(format!("the shard has no record, and {} was consumed", sequence.0)),
            _ => None,
        }
    };
    places.iter().find_map(unknown)
}

/// The shards of the stream.
pub(super) async fn shards(streams: &Client, stream: &str) -> Result<Vec<Shard>, PumpError> {
    let (mut shards, mut last) = (Vec::new(), None);
    loop {
        let request = streams.describe_stream().stream_arn(stream).set_exclusive_start_shard_id(last);
        let page = request.send().await.map_err(|cause| refused("list the shards of the stream", &cause))?;
        let Some(page) = page.stream_description else { return Ok(shards) };
        shards.extend(page.shards.unwrap_or_default());
        last = page.last_evaluated_shard_id;
        if last.is_none() {
            return Ok(shards);
        }
    }
}
