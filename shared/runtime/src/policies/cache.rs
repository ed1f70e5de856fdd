//! Policies in memory: the current one, for at most a minute without a read of the table, and the few used last.

use std::sync::{Arc, PoisonError, RwLock};

use domain::Policy;
use jiff::{SignedDuration, Timestamp};

/// How long the current policy is used before the table is read again.
const FRESH_FOR: SignedDuration = SignedDuration::from_secs(60);

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
    read_at: Option<Timestamp>,
}

impl Cache {
    /// Starts with a policy that the table has not confirmed.
    pub(super) fn new(policy: Arc<Policy>) -> Self {
        Self { current: RwLock::new(Current { policy, read_at: None }), recent: RwLock::default() }
    }

    /// The current policy, if the table was read within the last minute.
    pub(super) fn fresh(&self, now: Timestamp) -> Option<Arc<Policy>> {
        self.of_current(|current| current.read_at.is_some_and(|read_at| is_fresh(read_at, now)).then(|| current.policy.clone()))
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

    /// Makes a policy the current one, as the table stated at `read_at`.
    pub(super) fn adopt(&self, policy: Arc<Policy>, read_at: Timestamp) {
        self.keep(&policy);
        let current = Current { policy, read_at: Some(read_at) };
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

/// Whether the last read of the table is recent enough. After the clock was set back, the age of that read is unknown.
fn is_fresh(read_at: Timestamp, now: Timestamp) -> bool {
    read_at <= now && now.duration_since(read_at) < FRESH_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_policy_counts_for_a_minute_and_not_across_a_clock_that_was_set_back() {
        let at = |seconds| Timestamp::from_second(seconds).expect("a date");
        for (now, fresh) in [(100, true), (159, true), (160, false), (3_700, false), (99, false)] {
            assert_eq!(is_fresh(at(100), at(now)), fresh, "read at 100, now {now}");
        }
    }
}
