//! Work that has been owed for too long is brought to mind again. The stream tells of every change sooner, and is the only
//! way in which licences and letters are ordinarily made; but what its consumers gave up, or never heard of, stands in the
//! table's index of what is owed until it is done.

use domain::quote::Owed;
use jiff::SignedDuration;
use runtime::Clock;
use serde::Serialize;
use store::{Commit, Store, Waiting};

/// For how long work may be on its way before anybody is reminded.
pub const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// How many quotes one round looks at, of each kind of work: those that wait longest.
const SEEN: i32 = 5_000;

/// How many of them it reminds of. A round takes some seconds. Those that can never be done are reminded of ever less often,
/// and leave room for the others.
const REMINDED: u64 = 500;

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

    /// Asks ahead of the first round who waits: the connection is open then. A failure is logged, and the round asks again.
    pub async fn prepare(&self) {
        runtime::aws::ahead(self.store.waiting(Owed::Letters, self.clock.now() - GRACE, 1)).await;
    }

    /// Reminds of whatever has been owed for longer than [`GRACE`]: its quote gets a stream record, by which those who
    /// fulfil and write letters look at all of it again. What is done by then is done; reminding twice is the same. What
    /// waits for long is reminded of ever less often.
    ///
    /// # Errors
    ///
    /// The first time that the table did not answer. All others were reminded of; what was not is in the next round.
    pub async fn round(&self) -> Result<Round, store::Error> {
        let now = self.clock.now();
        let mut round = Round::default();
        let mut failure = None;
        for owed in Owed::ALL {
            let waiting = self.store.waiting(owed, now - GRACE, SEEN).await.unwrap_or_else(|error| {
                failure.get_or_insert(error);
                Vec::new()
            });
            let enough = round.reminded + REMINDED;
            for Waiting { number, since } in waiting {
                let waited = now.duration_since(since);
                round.oldest_owed_seconds = round.oldest_owed_seconds.max(waited.as_secs());
                if round.reminded == enough {
                    break;
                }
                // A record that fails holds up its shard, so nobody is reminded at every round for ever.
                match self.store.remind(&number, now, now - GRACE.max(waited / 4)).await {
                    Ok(Commit::Committed) => {
                        tracing::warn!(quote = %number, owed = owed.as_str(), %since, "reminded");
                        round.reminded += 1;
                    }
                    Ok(Commit::Conflict) => {}
                    Err(error) => {
                        tracing::error!(quote = %number, %error, "not reminded; the next round will do it");
                        failure.get_or_insert(error);
                    }
                }
            }
        }
        // The template makes a metric of the field, and an alarm of the metric.
        tracing::info!(reminded = round.reminded, oldest_owed_seconds = round.oldest_owed_seconds, "round");
        failure.map_or(Ok(round), Err)
    }
}
