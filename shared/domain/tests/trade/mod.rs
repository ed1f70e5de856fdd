//! Random vendors and orders: vendors that use every feature of a policy, and orders of every kind of line.
//!
//! Both are plain data, drawn from numbers, without any use of the crate, so that the reference in `tests/reference` can price
//! the same orders independently. [`given`] converts them to the crate's input.
#![allow(dead_code, unused_imports, reason = "each test uses its part of it")]

pub(crate) mod given;
mod order;
mod vendor;

pub(crate) use self::{
    order::{Claim, Held, Line, NUMBERS_PER_LINE, NUMBERS_PER_ORDER, Order, Place, Standing},
    vendor::{Book, Bounds, Deployment, Product, Programme, Rate, Segment, Table, Tax, TaxRate, Vendor},
};

use std::{collections::hash_map::RandomState, env, hash::BuildHasher, slice::Iter};

/// The kinds of lines, by their names in the policy.
pub(crate) const KINDS: [&str; 6] = ["new", "renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal"];

/// The numbers that a value is drawn from. Small numbers draw simple values, so that a failure shrinks to a simple case; after
/// the last number, every value is simple.
pub(crate) struct Draws<'n>(Iter<'n, u32>);

impl<'n> Draws<'n> {
    pub(crate) fn of(numbers: &'n [u32]) -> Self {
        Self(numbers.iter())
    }

    /// A number from 0 up to, but without, `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let number = u64::from(self.0.next().copied().unwrap_or(0));
        usize::try_from((number * end as u64) >> 32).unwrap_or(0)
    }

    pub(crate) fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }

    /// `true` with a probability of `in_a_hundred` percent.
    pub(crate) fn chance(&mut self, in_a_hundred: usize) -> bool {
        self.below(100) >= 100 - in_a_hundred
    }

    /// A drawn value with a probability of `in_a_hundred` percent, else `None`.
    pub(crate) fn maybe<T>(&mut self, in_a_hundred: usize, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let drawn = self.chance(in_a_hundred);
        drawn.then(|| draw(self))
    }
}

/// Another seed for every run. The seed is printed, so that a failure can be repeated by setting the variable to it.
#[allow(clippy::disallowed_methods, reason = "the variable repeats a test run and is not configuration")]
pub(crate) fn seed(variable: &str) -> u64 {
    let given = env::var(variable).ok().map(|seed| seed.parse().expect("a seed is a number"));
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(()));
    eprintln!("{variable}={seed} repeats this");
    seed
}

/// `count` numbers from a seed, equal on every machine (splitmix64).
pub(crate) fn numbers(seed: &mut u64, count: usize) -> Vec<u32> {
    let mut next = || {
        *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 32) as u32
    };
    (0..count).map(|_| next()).collect()
}
