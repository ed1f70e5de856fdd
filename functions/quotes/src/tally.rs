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

    /// Refuses all further uses of a bucket in a window.
    pub(crate) fn exhaust(&mut self, bucket: impl Hash, window: i64) {
        if self.window == window {
            self.uses.insert(self.key.hash_one(bucket), u32::MAX);
        }
    }
}

/// The decision about a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is one of the first few, which are always admitted.
    Admit,
    /// The counter of all processes, in the table, decides about this number of uses: this one and the following.
    Ask {
        /// How many uses to count.
        uses: u32,
    },
    /// The count of this process alone exceeds the limit.
    Refuse,
}

/// What one process admits without the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    /// How many uses are always admitted.
    pub(crate) few: u32,
    /// How many of the following uses one write to the table reserves; at least 1.
    pub(crate) step: u32,
}

impl Allowance {
    /// Decides about the `count`th use in this process. At most `most` are allowed in all processes.
    pub(crate) fn verdict(self, count: Option<u32>, most: u32) -> Verdict {
        let Self { few, step } = self;
        match count {
            None => Verdict::Ask { uses: 1 },
            Some(count) if count > most => Verdict::Refuse,
            Some(count) if count <= few => Verdict::Admit,
            Some(count) if (count - few - 1).is_multiple_of(step) => Verdict::Ask { uses: step },
            Some(_) => Verdict::Admit,
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
        let verdict = Allowance { few: 5, step: 10 }.verdict(another, 30);
        assert_eq!(verdict, Verdict::Ask { uses: 1 }, "a caller who fills the counters does not bypass the limit");
        assert_eq!(tally.count("0", 1), Some(2), "counted buckets are still counted");
        assert_eq!(tally.count("another", 2), Some(1), "the next window has free capacity");
    }

    #[test]
    fn the_first_few_and_those_above_the_limit_are_decided_without_the_table() {
        let verdicts = [1, 5, 6, 30, 31].map(|count| Allowance { few: 5, step: 1 }.verdict(Some(count), 30));
        let ask = Verdict::Ask { uses: 1 };
        assert_eq!(verdicts, [Verdict::Admit, Verdict::Admit, ask, ask, Verdict::Refuse]);
    }

    #[test]
    fn one_write_reserves_several_uses_and_a_refused_one_ends_the_window() {
        let allowance = Allowance { few: 5, step: 10 };
        let verdicts = [5, 6, 7, 15, 16, 120, 121].map(|count| allowance.verdict(Some(count), 120));
        let (admit, ask) = (Verdict::Admit, Verdict::Ask { uses: 10 });
        assert_eq!(verdicts, [admit, ask, admit, admit, ask, admit, Verdict::Refuse]);
        let mut tally = Tally::default();
        tally.count("a", 1);
        tally.exhaust("a", 1);
        assert_eq!(allowance.verdict(tally.count("a", 1), 120), Verdict::Refuse);
        assert_eq!(allowance.verdict(tally.count("a", 2), 120), admit, "the next window starts at zero");
    }
}
