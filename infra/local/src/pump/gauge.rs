//! How far the consumers of the stream are.

use std::sync::Arc;

use tokio::sync::watch;

use super::place::Sequence;

/// How far the consumers are. Clones are cheap and may outlive the pump.
#[derive(Clone)]
pub struct Gauge {
    pub(super) rounds: watch::Sender<u64>,
    pub(super) progress: Arc<[watch::Receiver<Progress>]>,
}

/// The progress of one consumer.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// The latest round in which it found nothing left to do.
    pub(super) settled: u64,
    /// Batches that it has tried.
    pub(super) attempts: u64,
    /// The sequence number up to which it has consumed every shard.
    pub(super) consumed: Option<Sequence>,
}

impl Gauge {
    /// Returns when every consumer has consumed everything, including what the consumers themselves wrote meanwhile:
    /// nothing is left to do unless another process writes. Waits while a consumer fails, so set a time limit where that may
    /// happen. Returns also when the pump has been stopped.
    pub async fn idle(&self) {
        let attempts = || self.progress.iter().map(|one| one.borrow().attempts).sum::<u64>();
        loop {
            // If no consumer handled a batch between the start and the end of a round in which every consumer found the
            // stream empty, no consumer can have written a record that another one has not seen.
            let before = attempts();
            let round = self.nudge();
            for consumer in self.progress.iter() {
                if consumer.clone().wait_for(|progress| progress.settled >= round).await.is_err() {
                    return;
                }
            }
            if attempts() == before {
                return;
            }
        }
    }

    /// Makes the consumers read the stream now instead of within 200 ms. Failed records keep their pause. Returns
    /// the number of the round that this starts.
    pub fn nudge(&self) -> u64 {
        let mut round = 0;
        self.rounds.send_modify(|rounds| {
            *rounds += 1;
            round = *rounds;
        });
        round
    }

    /// The sequence number up to which every consumer has consumed the stream, so that older records may be trimmed;
    /// `None` while one of them has consumed nothing yet.
    #[must_use]
    pub fn consumed(&self) -> Option<String> {
        let places = self.progress.iter().map(|one| one.borrow().consumed.clone());
        places.min().flatten().map(|sequence| sequence.0)
    }
}
