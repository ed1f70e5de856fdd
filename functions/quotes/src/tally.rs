//! The counters of this process. They cost no write, and other processes do not see them.

use std::collections::HashMap;

/// How many things are counted at a time. With names of 64 bytes, this takes less than 2 MB.
const CAPACITY: usize = 10_000;

/// Counters of one window of time.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    window: i64,
    uses: HashMap<String, u32>,
}

impl Tally {
    /// Whether there was a use of a bucket in a window.
    pub(crate) fn has(&self, bucket: &str, window: i64) -> bool {
        self.window == window && self.uses.contains_key(bucket)
    }

    /// Counts a use of a bucket in a window, and returns the number of uses. Another window starts at zero. `None`: the number of
    /// counted buckets has reached its limit.
    pub(crate) fn count(&mut self, bucket: &str, window: i64) -> Option<u32> {
        if window != self.window {
            *self = Self { window, uses: HashMap::new() };
        }
        if let Some(uses) = self.uses.get_mut(bucket) {
            *uses = uses.saturating_add(1);
            return Some(*uses);
        }
        if self.uses.len() >= CAPACITY {
            return None;
        }
        self.uses.insert(bucket.to_owned(), 1);
        Some(1)
    }
}

/// The decision about a use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is one of the few that are always admitted.
    Admit,
    /// The counter of all processes decides.
    Ask,
    /// This process alone has counted too many.
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
    fn each_bucket_counts_for_itself_and_each_window_anew() {
        let mut tally = Tally::default();
        assert_eq!([("a", 7), ("a", 7), ("b", 7), ("a", 7)].map(|(bucket, at)| tally.count(bucket, at)), [1, 2, 1, 3].map(Some));
        assert_eq!(tally.count("a", 8), Some(1));
        assert_eq!(tally.count("a", 7), Some(1), "a clock that was set back begins anew as well");
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for_and_the_rest_is_asked_about() {
        let mut tally = Tally::default();
        for n in 0..CAPACITY {
            assert_eq!(tally.count(&n.to_string(), 1), Some(1));
        }
        let another = tally.count("another", 1);
        assert_eq!((another, tally.uses.len()), (None, CAPACITY));
        assert_eq!(Verdict::of(another, 5, 30), Verdict::Ask, "who fills the memory does not get past the limit");
        assert_eq!(tally.count("0", 1), Some(2), "what is counted goes on");
        assert_eq!(tally.count("another", 2), Some(1), "and there is room again in the next window");
    }

    #[test]
    fn few_are_admitted_without_asking_and_too_many_are_refused_without_asking() {
        let verdicts = [1, 5, 6, 30, 31].map(|count| Verdict::of(Some(count), 5, 30));
        assert_eq!(verdicts, [Verdict::Admit, Verdict::Admit, Verdict::Ask, Verdict::Ask, Verdict::Refuse]);
    }
}
