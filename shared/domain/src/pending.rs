//! The work that a change of an aggregate leaves to be done: the outbox. A quote has one today; every aggregate that causes
//! letters or events has one in the same form.

use std::collections::BTreeSet;

use jiff::Timestamp;

/// A kind of work. The order is the order in which work is done: a letter states what was delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// To deliver what was paid, or to take back what was delivered because its money was returned.
    Fulfilment,
    /// To inform the people whom the change concerns.
    Letters,
}

impl Work {
    /// Every kind of work, in order.
    pub const ALL: [Self; 2] = [Self::Fulfilment, Self::Letters];

    /// Its stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fulfilment => "fulfilment",
            Self::Letters => "letters",
        }
    }

    /// The kind of work with this stored name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|work| work.as_str() == name)
    }
}

/// What is pending for one version of an aggregate. The store indexes it with every write of the aggregate. A consumer that has
/// done its work removes that work from the index; what stays is found there and retried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The work, at least one.
    pub work: BTreeSet<Work>,
    /// The instant of the change that caused it.
    pub since: Timestamp,
}

impl Pending {
    /// Work that a change at `since` causes.
    pub fn new(work: impl IntoIterator<Item = Work>, since: Timestamp) -> Self {
        Self { work: work.into_iter().collect(), since }
    }

    /// The work to do next.
    pub fn next_work(&self) -> Option<Work> {
        self.work.first().copied()
    }

    /// What is pending once `done` and everything before `done` is done.
    pub fn after(&self, done: Work) -> BTreeSet<Work> {
        self.work.iter().copied().filter(|work| *work > done).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_in_order_and_each_kind_has_a_name_of_its_own() {
        let pending = Pending::new([Work::Letters, Work::Fulfilment], Timestamp::UNIX_EPOCH);
        assert_eq!(pending.next_work(), Some(Work::Fulfilment));
        assert_eq!(pending.after(Work::Fulfilment), BTreeSet::from([Work::Letters]));
        assert_eq!(pending.after(Work::Letters), BTreeSet::new());
        assert!(Work::ALL.is_sorted());
        for work in Work::ALL {
            assert_eq!(Work::of_name(work.as_str()), Some(work));
        }
        assert_eq!(Work::of_name("reminders"), None);
    }
}
