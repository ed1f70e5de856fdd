//! The present time: that of the machine, or that of a clock which can be moved.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

/// Returns the present time. A cheap handle: clones return the same time.
///
/// All code reads the time from a `Clock`, so that tests and the local deployment can pass a deadline without waiting.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    System,
    Movable(MovableClock),
}

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self(Source::System)
    }

    /// A clock that always stands at `instant`.
    pub fn fixed_at(instant: Timestamp) -> Self {
        MovableClock::at(instant).clock()
    }

    /// The present instant.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::System => system_now(),
            Source::Movable(movable) => movable.standing_at().unwrap_or_else(system_now),
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::System => f.write_str("Clock(system)"),
            Source::Movable(movable) => match movable.standing_at() {
                Some(instant) => write!(f, "Clock(standing at {instant})"),
                None => f.write_str("Clock(movable, following the system)"),
            },
        }
    }
}

/// Moves a [`Clock`]: every clock taken from it, before or after a move, returns the moved time.
#[derive(Clone, Debug, Default)]
pub struct MovableClock(Arc<RwLock<Option<Timestamp>>>);

impl MovableClock {
    /// A clock that follows the system until it is first moved.
    pub fn following_system() -> Self {
        Self::default()
    }

    /// A clock that stands at `instant` until it is moved.
    pub fn at(instant: Timestamp) -> Self {
        Self(Arc::new(RwLock::new(Some(instant))))
    }

    /// Moves to `instant`, forwards or backwards, and stands still there.
    pub fn set(&self, instant: Timestamp) {
        self.put(Some(instant));
    }

    /// Runs with the machine's clock again.
    pub fn follow_system(&self) {
        self.put(None);
    }

    /// A clock that this value moves.
    pub fn clock(&self) -> Clock {
        Clock(Source::Movable(self.clone()))
    }

    // A panic elsewhere cannot leave half an instant, so the value of a poisoned lock is still correct.
    fn standing_at(&self) -> Option<Timestamp> {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, standing_at: Option<Timestamp>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = standing_at;
    }
}

#[allow(clippy::disallowed_methods, reason = "the only place that reads the machine's time")]
fn system_now() -> Timestamp {
    let now = Timestamp::now();
    // A quote's history has milliseconds.
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use jiff::ToSpan;

    use super::*;

    fn instant(text: &str) -> Timestamp {
        text.parse().expect("a timestamp")
    }

    #[test]
    fn a_fixed_clock_stands_still() {
        let clock = Clock::fixed_at(instant("2026-03-01T12:00:00Z"));
        assert_eq!(clock.now(), instant("2026-03-01T12:00:00Z"));
        assert_eq!(clock.now(), clock.clone().now());
    }

    #[test]
    fn every_clock_of_one_hand_moves_with_it_and_can_follow_the_system_again() {
        let hand = MovableClock::following_system();
        let (early, before) = (hand.clock(), system_now());
        assert!((before..before + 1.minute()).contains(&early.now()), "follows the system until it is moved");

        hand.set(instant("2031-12-31T23:59:59Z"));
        assert_eq!(early.now(), instant("2031-12-31T23:59:59Z"));
        assert_eq!(hand.clock().now(), early.now());

        hand.set(instant("1999-01-01T00:00:00Z"));
        assert_eq!(early.now(), instant("1999-01-01T00:00:00Z"), "backwards too");

        hand.follow_system();
        assert!(early.now() >= before);
    }
}
