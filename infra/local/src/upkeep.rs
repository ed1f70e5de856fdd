//! The timers of the deployment. On AWS, DynamoDB deletes expired items, and a schedule calls the `deadlines` function.

use std::{sync::Arc, time::Duration};

use deadlines::Deadlines;
use jiff::SignedDuration;
use runtime::StartError;

use crate::{engine::Engine, pump::Gauge};

/// How long stream records stay, as on AWS.
const STREAM_RETENTION: SignedDuration = SignedDuration::from_hours(24);

/// A task that repeats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timer {
    /// Deletes items whose time to live is over, and stream records that every consumer has read.
    Tidy,
    /// Retries work that has been pending for too long.
    Remind,
}

impl Timer {
    /// Every timer.
    pub const ALL: [Self; 2] = [Self::Tidy, Self::Remind];

    /// The time between two runs.
    pub const fn interval(self) -> Duration {
        match self {
            Self::Tidy => Duration::from_secs(600),
            Self::Remind => Duration::from_secs(60),
        }
    }
}

/// The dependencies of the timers.
pub(crate) struct Upkeep {
    /// The embedded engine. Another engine is tidied by its owner.
    pub(crate) engine: Option<Arc<Engine>>,
    /// The table whose stream records are trimmed.
    pub(crate) table: &'static str,
    pub(crate) gauge: Gauge,
    pub(crate) deadlines: Deadlines,
}

impl Upkeep {
    /// Fires a timer at its interval until the task is aborted. A failure is logged, and the next run retries.
    pub(crate) async fn repeat(self: Arc<Self>, timer: Timer) {
        loop {
            tokio::time::sleep(timer.interval()).await;
            if let Err(error) = self.fire(timer).await {
                tracing::warn!(?timer, %error, "a timer failed; its next run retries");
            }
        }
    }

    /// Runs the timer's task once. `Err` means that a part of the task was not done; a retry is safe.
    pub(crate) async fn fire(&self, timer: Timer) -> Result<(), StartError> {
        match timer {
            Timer::Tidy => self.tidy().await,
            Timer::Remind => Ok(self.deadlines.round().await.map(drop)?),
        }
    }

    /// The engine stamps stream records with the machine's clock, so their age is measured by that clock.
    async fn tidy(&self) -> Result<(), StartError> {
        let (Some(engine), Some(consumed)) = (&self.engine, self.gauge.consumed()) else { return Ok(()) };
        let before = runtime::Clock::system().now() - STREAM_RETENTION;
        // Each of the two is done whether or not the other fails.
        let swept = engine.sweep_expired().await;
        let trimmed = engine.trim_consumed(self.table, &consumed, before).await;
        both(swept, trimmed)
    }
}

/// The outcome of the two parts of a run. The error of either part is reported; two errors are reported together.
fn both<E>(swept: Result<usize, E>, trimmed: Result<usize, E>) -> Result<(), StartError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match (swept, trimmed) {
        (Ok(_), Ok(_)) => Ok(()),
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error.into()),
        (Err(swept), Err(trimmed)) => Err(format!("{swept}; and {trimmed}").into()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Error;

    use super::*;

    #[test]
    fn a_run_reports_the_errors_of_both_its_parts() {
        let failed = |reason: &str| Err(Error::other(reason.to_owned()));
        let reported = |swept, trimmed| both(swept, trimmed).map_err(|error| error.to_string());
        assert_eq!(reported(Ok(1), Ok(2)), Ok(()));
        assert_eq!(reported(failed("not swept"), Ok(2)), Err("not swept".to_owned()));
        assert_eq!(reported(Ok(1), failed("not trimmed")), Err("not trimmed".to_owned()));
        assert_eq!(reported(failed("not swept"), failed("not trimmed")), Err("not swept; and not trimmed".to_owned()));
    }
}
