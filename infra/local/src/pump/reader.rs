//! Reads the shards of the stream for one consumer, each after its parent.

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use super::{
    consumer::{PumpError, refused},
    place::{Place, Places},
    shard::{FIRST_PAUSE, LONGEST_PAUSE, Look, Shard},
    source::Source,
};
use crate::durable;

/// The pause before an empty stream is read again; it doubles each time that the stream is still empty …
const QUIET: Duration = Duration::from_millis(50);
/// … up to this, unless [`Gauge::nudge`](super::Gauge::nudge) is called.
const QUIETEST: Duration = Duration::from_millis(200);
/// The time between two listings of the shards: on AWS a shard lives for about four hours, in the embedded engine
/// indefinitely.
const RELIST: Duration = Duration::from_secs(60);

/// One consumer's reader of the stream.
pub(super) struct Reader {
    source: Source,
    file: PathBuf,
    shards: BTreeMap<String, Shard>,
    relist: Instant,
}

impl Reader {
    pub(super) fn open(source: Source, data_dir: &Path) -> Result<Self, PumpError> {
        let dir = data_dir.join("stream");
        let file = dir.join(source.consumer.name).with_extension("json");
        let unusable = |cause| PumpError::Place { consumer: source.consumer.name, file: file.clone(), cause };
        durable::private_dir(&dir).map_err(unusable)?;
        let places = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice::<Places>(&bytes).map_err(|cause| unusable(cause.into()))?,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Places::default(),
            Err(cause) => return Err(unusable(cause)),
        };
        let known = if places.stream == source.stream { places.shards } else { BTreeMap::new() };
        let shards = known.into_iter().map(|(id, place)| (id, Shard::at(place))).collect();
        Ok(Self { source, file, shards, relist: Instant::now() })
    }

    /// Replays what was set aside, then reads until the pump stops. Stops only between batches.
    pub(super) async fn run(mut self, mut rounds: watch::Receiver<u64>, mut stop: watch::Receiver<bool>) {
        self.source.replay().await;
        let (mut quiet, mut trouble) = (QUIET, FIRST_PAUSE);
        while !*stop.borrow_and_update() {
            let round = *rounds.borrow_and_update();
            let look = self.sweep().await;
            self.publish(round, &look);
            let pause = match look {
                Ok(Look::Moved) => {
                    (quiet, trouble) = (QUIET, FIRST_PAUSE);
                    continue;
                }
                Ok(Look::Waits(retry)) => QUIET.min(retry.saturating_duration_since(Instant::now())),
                Ok(Look::Quiet) => {
                    trouble = FIRST_PAUSE;
                    doubling(&mut quiet, QUIETEST)
                }
                Err(error) => {
                    tracing::warn!(consumer = self.source.consumer.name, %error, "the stream is read again shortly");
                    // The cause may be that a shard no longer exists.
                    self.relist = Instant::now();
                    doubling(&mut trouble, LONGEST_PAUSE)
                }
            };
            tokio::select! {
                stopped = stop.changed() => if stopped.is_err() { return },
                Ok(()) = rounds.changed() => {}
                () = sleep(pause) => {}
            }
        }
    }

    fn publish(&self, round: u64, look: &Result<Look, PumpError>) {
        let places = self.shards.values().filter_map(|shard| match &shard.place {
            Place::Beginning => Some(None),
            Place::After(sequence) => Some(Some(sequence)),
            Place::End => None,
        });
        self.source.progress.send_modify(|progress| {
            progress.consumed = places.min().flatten().cloned();
            if matches!(look, Ok(Look::Quiet)) {
                progress.settled = round;
            }
        });
    }

    /// Looks once at every open shard whose parent is consumed.
    async fn sweep(&mut self) -> Result<Look, PumpError> {
        if Instant::now() >= self.relist || self.shards.values().all(|shard| shard.place == Place::End) {
            self.list().await?;
        }
        let ready = |shard: &Shard| {
            let parent = shard.parent.as_ref().and_then(|parent| self.shards.get(parent));
            shard.place != Place::End && parent.is_none_or(|parent| parent.place == Place::End)
        };
        let turn: Vec<String> = self.shards.iter().filter(|(_, shard)| ready(shard)).map(|(id, _)| id.clone()).collect();
        let mut sweep = Ok(Look::Quiet);
        for id in turn {
            let Some(shard) = self.shards.get_mut(&id) else { continue };
            let before = shard.place.clone();
            let look = shard.look(&id, &self.source).await;
            if shard.place != before {
                if shard.place == Place::End {
                    self.relist = Instant::now();
                }
                self.save().await?;
            }
            // An error is returned, but delays no other shard.
            sweep = sweep.and_then(|so_far| Ok(look?.min(so_far)));
        }
        sweep
    }

    /// Updates the list of shards. Shards that have left the stream are removed.
    async fn list(&mut self) -> Result<(), PumpError> {
        let mut listed = BTreeMap::new();
        let mut last = None;
        loop {
            let page = self
                .source
                .streams
                .describe_stream()
                .stream_arn(&self.source.stream)
                .set_exclusive_start_shard_id(last)
                .send()
                .await
                .map_err(|cause| refused("list the shards of the stream", &cause))?
                .stream_description
                .unwrap_or_else(|| aws_sdk_dynamodbstreams::types::StreamDescription::builder().build());
            for shard in page.shards.unwrap_or_default() {
                let Some(id) = shard.shard_id else { continue };
                let known = self.shards.remove(&id).unwrap_or_default();
                listed.insert(id, known.below(shard.parent_shard_id));
            }
            last = page.last_evaluated_shard_id;
            if last.is_none() {
                break;
            }
        }
        self.shards = listed;
        self.relist = Instant::now() + RELIST;
        Ok(())
    }

    async fn save(&self) -> Result<(), PumpError> {
        let places = Places {
            stream: self.source.stream.clone(),
            shards: self.shards.iter().map(|(id, shard)| (id.clone(), shard.place.clone())).collect(),
        };
        let unusable = |cause| PumpError::Place { consumer: self.source.consumer.name, file: self.file.clone(), cause };
        let bytes = serde_json::to_vec(&places).map_err(|cause| unusable(cause.into()))?;
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || durable::write(&file, &bytes)).await;
        written.map_err(io::Error::other).flatten().map_err(unusable)
    }
}

/// Returns the pause and doubles it for the next time, up to `longest`.
fn doubling(pause: &mut Duration, longest: Duration) -> Duration {
    let now = *pause;
    *pause = longest.min(now * 2);
    now
}
