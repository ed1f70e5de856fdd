//! Policies in memory: the current one, for at most a minute without a read of the table and until this process publishes
//! another, and the few used last.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use domain::Policy;
use jiff::{SignedDuration, Timestamp};

/// How long the current policy is used before the table is read again: by the deployment's clock, which can stand still or be
/// moved, and by the machine's.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// How many policies stay in memory. A quote is paid and delivered under the policy that priced it, which is one of the last
/// few. A large policy takes some megabytes.
const CAPACITY: usize = 4;

/// The policies that this process has read.
pub(super) struct Cache {
    current: RwLock<Current>,
    recent: RwLock<Vec<Arc<Policy>>>,
}

/// The current policy, and when the table was last read for it: `None` before the first read.
struct Current {
    policy: Arc<Policy>,
    read: Option<Reading>,
}

/// A read of the policy in force.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    /// When the read began, by the deployment's clock.
    at: Timestamp,
    /// When it began, by a clock that cannot be moved.
    began: Instant,
    /// [`Store::publications`](store::Store::publications) when it began.
    publications: u64,
}

impl Reading {
    /// A read that begins now.
    pub(super) fn begin(at: Timestamp, publications: u64) -> Self {
        Self { at, began: Instant::now(), publications }
    }

    /// Whether the policy that was read is still the one to use. After the deployment's clock was set back, the age of the read is
    /// unknown.
    fn is_fresh(&self, now: &Self) -> bool {
        self.publications == now.publications
            && now.began.saturating_duration_since(self.began) < FRESH_FOR
            && self.at <= now.at
            && now.at.duration_since(self.at) < SignedDuration::try_from(FRESH_FOR).unwrap_or_default()
    }
}

impl Cache {
    /// Starts with a policy that the table has not confirmed.
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self { current: RwLock::new(Current { policy, read: None }), recent: RwLock::default() }
    }

    /// The current policy, if the table was read within the last minute, and this process has published none since.
    pub(super) fn fresh(&self, now: &Reading) -> Option<Arc<Policy>> {
        self.of_current(|current| current.read.is_some_and(|read| read.is_fresh(now)).then(|| current.policy.clone()))
    }

    /// Makes the next use read the table, whatever was read before.
    pub(super) fn expire(&self) {
        self.current.write().unwrap_or_else(PoisonError::into_inner).read = None;
    }

    /// The current policy, whenever the table was last read.
    pub(super) fn current(&self) -> Arc<Policy> {
        self.of_current(|current| current.policy.clone())
    }

    /// The policy with this version, if it is in memory.
    pub(super) fn version(&self, version: &str) -> Option<Arc<Policy>> {
        let current = self.current();
        let recent = self.recent.read().unwrap_or_else(PoisonError::into_inner);
        std::iter::once(&current).chain(&*recent).find(|policy| policy.version == version).cloned()
    }

    /// Makes a policy the current one, as the table stated in this read.
    pub(super) fn adopt(&self, policy: Arc<Policy>, read: Reading) {
        self.keep(&policy);
        let current = Current { policy, read: Some(read) };
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
    }

    /// Keeps a policy in memory. If there are too many, the one that was kept longest ago is dropped.
    pub(super) fn keep(&self, policy: &Arc<Policy>) {
        let mut recent = self.recent.write().unwrap_or_else(PoisonError::into_inner);
        recent.retain(|other| other.version != policy.version);
        recent.push(policy.clone());
        let surplus = recent.len().saturating_sub(CAPACITY);
        recent.drain(..surplus);
    }

    fn of_current<T>(&self, read: impl FnOnce(&Current) -> T) -> T {
        read(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Finding A6: a policy was used until the deployment's clock moved on by a minute, which a clock that stands still never does.
    #[test]
    fn a_policy_counts_for_a_minute_of_either_clock_until_another_is_published_and_not_across_a_clock_that_was_set_back() {
        let began = Instant::now();
        let at = |seconds| Timestamp::from_second(seconds).expect("a date");
        let read = Reading { at: at(100), began, publications: 1 };
        for (now, elapsed, publications, fresh) in [
            (100, 0, 1, true),
            (159, 0, 1, true),
            (160, 0, 1, false),
            (3_700, 0, 1, false),
            (99, 0, 1, false),
            (100, 59, 1, true),
            (100, 60, 1, false),
            (100, 0, 2, false),
        ] {
            let now = Reading { at: at(now), began: began + Duration::from_secs(elapsed), publications };
            assert_eq!(read.is_fresh(&now), fresh, "{read:?}, {now:?}");
        }
    }
}
