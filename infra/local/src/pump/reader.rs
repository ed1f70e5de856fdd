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
    consumer::PumpError,
    lanes::{FIRST_PAUSE, LONGEST_PAUSE},
    place::{self, Place, Places},
    shard::{Look, Shard},
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
/// The longest time for which a change of the places is not written while the consumer is busy. A crash repeats what was done
/// since, which every consumer tolerates.
const UNSAVED: Duration = Duration::from_millis(250);

/// One consumer's reader of the stream.
pub(super) struct Reader {
    source: Source,
    file: PathBuf,
    shards: BTreeMap<String, Shard>,
    relist: Instant,
    /// Since when the file is behind the places; `None` if it states them.
    unsaved: Option<Instant>,
}

impl Reader {
    /// A reader that continues at the consumer's place.
    pub(super) async fn open(source: Source, data_dir: &Path) -> Result<Self, PumpError> {
        let file = place::file_of(source.consumer.name, data_dir);
        let unusable = |cause| PumpError::Place { consumer: source.consumer.name, file: file.clone(), cause };
        durable::private_dir(&data_dir.join("stream")).map_err(unusable)?;
        let places = place::places(source.consumer.name, &file, &source.streams, &source.stream).await?;
        let shards = places.into_iter().map(|(id, place)| (id, Shard::at(place))).collect();
        Ok(Self { source, file, shards, relist: Instant::now(), unsaved: None })
    }

    /// Replays what was set aside, then reads until the pump stops. Then what the consumer has begun is finished, and the places
    /// are written.
    pub(super) async fn run(mut self, rounds: watch::Receiver<u64>) {
        self.source.replay().await;
        self.read(rounds).await;
        // Before and after, because the rest may be interrupted.
        self.keep_places().await;
        for shard in self.shards.values_mut() {
            shard.finish(&self.source).await;
        }
        self.keep_places().await;
    }

    async fn keep_places(&mut self) {
        if let Err(error) = self.save().await {
            tracing::warn!(consumer = self.source.consumer.name, %error, "the next start repeats what was consumed last");
        }
    }

    async fn read(&mut self, mut rounds: watch::Receiver<u64>) {
        let mut stop = self.source.stop.clone();
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
                Ok(Look::Waits(retry)) => retry.map_or(QUIET, |retry| QUIET.min(retry.saturating_duration_since(Instant::now()))),
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
                () = self.source.finished.notified() => {}
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
                self.unsaved.get_or_insert_with(Instant::now);
            }
            // An error is returned, but delays no other shard.
            sweep = sweep.and_then(|so_far| Ok(look?.min(so_far)));
        }
        let resting = self.shards.values().all(Shard::is_resting);
        if self.unsaved.is_some_and(|since| resting || since.elapsed() >= UNSAVED) {
            self.save().await?;
        }
        sweep
    }

    /// Updates the list of shards. Shards that have left the stream are removed.
    async fn list(&mut self) -> Result<(), PumpError> {
        let mut listed = BTreeMap::new();
        for shard in place::shards(&self.source.streams, &self.source.stream).await? {
            let Some(id) = shard.shard_id else { continue };
            let known = self.shards.remove(&id).unwrap_or_default();
            listed.insert(id, known.below(shard.parent_shard_id));
        }
        self.shards = listed;
        self.relist = Instant::now() + RELIST;
        Ok(())
    }

    async fn save(&mut self) -> Result<(), PumpError> {
        let places = Places {
            stream: self.source.stream.clone(),
            shards: self.shards.iter().map(|(id, shard)| (id.clone(), shard.place.clone())).collect(),
        };
        let unusable = |cause| PumpError::Place { consumer: self.source.consumer.name, file: self.file.clone(), cause };
        let bytes = serde_json::to_vec(&places).map_err(|cause| unusable(cause.into()))?;
        let file = self.file.clone();
        let written = tokio::task::spawn_blocking(move || durable::write(&file, &bytes)).await;
        written.map_err(io::Error::other).flatten().map_err(unusable)?;
        self.unsaved = None;
        Ok(())
    }
}

/// Returns the pause and doubles it for the next time, up to `longest`.
fn doubling(pause: &mut Duration, longest: Duration) -> Duration {
    let now = *pause;
    *pause = longest.min(now * 2);
    now
}
