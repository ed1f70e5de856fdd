//! The counters of this process. They cost no write, and other processes do not see them.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
};

/// How many things are counted at a time. This takes less than 1 MB.
const CAPACITY: usize = 10_000;

/// Counters of one window of time.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    window: i64,
    /// By a hash of the bucket, with a random key of this process: addresses are personal data. Two of 10,000 buckets share a
    /// hash with a probability of 3 × 10⁻¹².
    uses: HashMap<u64, u32>,
    key: RandomState,
}

impl Tally {
    /// Whether there was a use of a bucket in a window.
    pub(crate) fn has(&self, bucket: impl Hash, window: i64) -> bool {
        self.window == window && self.uses.contains_key(&self.key.hash_one(bucket))
    }

    /// Counts a use of a bucket in a window, and returns the number of uses. Another window starts at zero. `None`: the number of
    /// counted buckets has reached its limit.
    pub(crate) fn count(&mut self, bucket: impl Hash, window: i64) -> Option<u32> {
        if window != self.window {
            self.window = window;
            self.uses.clear();
        }
        let bucket = self.key.hash_one(bucket);
        if let Some(uses) = self.uses.get_mut(&bucket) {
            *uses = uses.saturating_add(1);
            return Some(*uses);
        }
        if self.uses.len() >= CAPACITY {
            return None;
        }
        self.uses.insert(bucket, 1);
        Some(1)
    }
}

/// The decision about a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is one of the first few, which are always admitted.
    Admit,
    /// The counter of all processes, in the table, decides.
    Ask,
    /// The count of this process alone exceeds the limit.
    Refuse,
}

impl Verdict {
    /// Decides about the `count`th use in this process. At most `most` are allowed in all processes; `few` are always admitted.
    pub(crate) fn of(count: Option<u32>, few: u32, most: u32) -> Self {
        match count {
            Some(count) if count > most => Self::Refuse,
            Some(count) if count <= few => Self::Admit,
            Some(_) | None => Self::Ask,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bucket_has_its_own_count_and_each_window_starts_at_zero() {
        let mut tally = Tally::default();
        assert_eq!([("a", 7), ("a", 7), ("b", 7), ("a", 7)].map(|(bucket, at)| tally.count(bucket, at)), [1, 2, 1, 3].map(Some));
        assert_eq!(tally.count("a", 8), Some(1));
        assert_eq!(tally.count("a", 7), Some(1), "a clock that was set back starts at zero as well");
    }

    #[test]
    fn at_most_the_capacity_is_counted_and_the_table_decides_about_the_others() {
        let mut tally = Tally::default();
        for n in 0..CAPACITY {
            assert_eq!(tally.count(n.to_string(), 1), Some(1));
        }
        let another = tally.count("another", 1);
        assert_eq!((another, tally.uses.len()), (None, CAPACITY));
        assert_eq!(Verdict::of(another, 5, 30), Verdict::Ask, "a caller who fills the counters does not bypass the limit");
        assert_eq!(tally.count("0", 1), Some(2), "counted buckets are still counted");
        assert_eq!(tally.count("another", 2), Some(1), "the next window has free capacity");
    }

    #[test]
    fn the_first_few_and_those_above_the_limit_are_decided_without_the_table() {
        let verdicts = [1, 5, 6, 30, 31].map(|count| Verdict::of(Some(count), 5, 30));
        assert_eq!(verdicts, [Verdict::Admit, Verdict::Admit, Verdict::Ask, Verdict::Ask, Verdict::Refuse]);
    }
}
