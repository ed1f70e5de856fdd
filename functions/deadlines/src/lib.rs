//! Work that has been pending for too long is retried. The stream reports every change sooner, and is the ordinary way in which
//! licences and letters are made. Work that a consumer gave up, or that the stream lost, stays in the table's index of pending
//! work until it is done, whatever aggregate it belongs to.

use domain::pending::Work;
use jiff::SignedDuration;
use runtime::Clock;
use serde::Serialize;
use store::{Commit, Store, Waiting};

/// How long work may be pending before a reminder is sent.
pub const GRACE: SignedDuration = SignedDuration::from_mins(10);

/// How many aggregates one round reads for each kind of work: the longest pending first.
const SEEN: i32 = 5_000;

/// How many reminders one round sends for each kind of work. A round takes some seconds. Reminders of
/// work that can never be done are sent at growing intervals, so that they do not displace the others.
const REMINDED: u64 = 500;

/// What the handler works with.
pub struct Deadlines {
    store: Store,
    clock: Clock,
}

/// The result of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Round {
    /// How many reminders were sent.
    pub reminded: u64,
    /// The age of the oldest pending work, in seconds; 0 when no work has been pending for longer than [`GRACE`].
    pub oldest_owed_seconds: i64,
}

impl Deadlines {
    /// Needs the table and the time, and no configuration.
    pub fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Queries the index ahead of the first round, so that the connection is open. A failure is logged, and the round queries
    /// again.
    pub async fn prepare(&self) {
        runtime::aws::ahead(self.store.waiting(Work::Letters, self.clock.now() - GRACE, 1)).await;
    }

    /// Sends a reminder to each aggregate whose work has been pending for longer than [`GRACE`]: a stream record, by which the
    /// consumers look at the aggregate again. A second reminder has no further effect. Reminders of work that stays pending are
    /// sent at growing intervals.
    ///
    /// # Errors
    ///
    /// The first failure of the table. The other reminders were sent; the next round includes what failed.
    pub async fn round(&self) -> Result<Round, store::Error> {
        let now = self.clock.now();
        let mut round = Round::default();
        let mut failure = None;
        for work in Work::ALL {
            let waiting = self.store.waiting(work, now - GRACE, SEEN).await.unwrap_or_else(|error| {
                failure.get_or_insert(error);
                Vec::new()
            });
            let enough = round.reminded + REMINDED;
            for Waiting { key, since } in waiting {
                let waited = now.duration_since(since);
                round.oldest_owed_seconds = round.oldest_owed_seconds.max(waited.as_secs());
                if round.reminded == enough {
                    break;
                }
                // A record that fails holds up its shard, so the intervals grow.
                match self.store.remind(&key, now, now - GRACE.max(waited / 4)).await {
                    Ok(Commit::Committed) => {
                        tracing::warn!(item = key.partition, work = work.as_str(), %since, "reminded");
                        round.reminded += 1;
                    }
                    Ok(Commit::Conflict) => {}
                    Err(error) => {
                        tracing::error!(item = key.partition, %error, "the reminder failed; the next round sends it");
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
