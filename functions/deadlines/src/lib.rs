//! Work that has been owed for too long is brought to mind again. The stream tells of every change sooner, and is the only
//! way in which licences and letters are ordinarily made; but what its consumers gave up, or never heard of, stands in the
//! table's index of what is owed until it is done.

use domain::quote::Owed;
use jiff::{SignedDuration, Timestamp};
use runtime::Clock;
use serde::Serialize;
use store::{Commit, Store};

/// For how long work may be on its way before anybody is reminded.
pub const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// How many quotes one round reminds of, of each kind of work: those that wait longest. A round takes some seconds.
const MOST: i32 = 500;

/// What the handler works with.
pub struct Deadlines {
    store: Store,
    clock: Clock,
}

/// What a round found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Round {
    /// Quotes that were reminded of.
    pub reminded: u64,
    /// Seconds for which the oldest work of all has been owed; 0 when none has been for long.
    pub oldest_owed_seconds: i64,
}

impl Deadlines {
    /// Reads nothing: the table is all it needs.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Reminds of whatever has been owed for longer than [`GRACE`]: its quote gets a stream record, by which those who
    /// fulfil and write letters look at all of it again. What is done by then is done; reminding twice is the same.
    ///
    /// # Errors
    ///
    /// The table does not answer. Whoever was not reminded is in the next round.
    pub async fn round(&self) -> Result<Round, store::Error> {
        let now = self.clock.now();
        let mut round = Round::default();
        for owed in Owed::ALL {
            for waiting in self.store.waiting(owed, now - GRACE, MOST).await? {
                if self.store.remind(&waiting.number, now).await? == Commit::Committed {
                    tracing::warn!(quote = %waiting.number, owed = owed.as_str(), since = %waiting.since, "reminded");
                    round.reminded += 1;
                    round.oldest_owed_seconds = round.oldest_owed_seconds.max(seconds(waiting.since, now));
                }
            }
        }
        // The template makes a metric of the field, and an alarm of the metric.
        tracing::info!(reminded = round.reminded, oldest_owed_seconds = round.oldest_owed_seconds, "round");
        Ok(round)
    }
}

fn seconds(since: Timestamp, now: Timestamp) -> i64 {
    now.duration_since(since).as_secs()
}
