//! Trade at random: vendors that use everything that a policy can say, and orders of everything that a line can do.
//!
//! All of it is plain data, drawn from numbers. Nothing here knows the crate, so that the reference in `tests/reference`
//! can price the same trade by itself; [`given`] is where the crate gets to see it.
#![allow(dead_code, unused_imports, reason = "each test uses its part of it")]

pub(crate) mod given;
mod order;
mod vendor;

pub(crate) use self::{
    order::{Claim, Held, Line, NUMBERS_PER_LINE, NUMBERS_PER_ORDER, Order, Place, Standing},
    vendor::{Book, Bounds, Deployment, Product, Programme, Rate, Segment, Table, Tax, TaxRate, Vendor},
};

use std::{collections::hash_map::RandomState, env, hash::BuildHasher, slice::Iter};

/// What a line does, by the names of the policy.
pub(crate) const KINDS: [&str; 6] = ["new", "renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal"];

/// The numbers that something is drawn from. Small ones draw what is plain, so that a failure shrinks to something plain;
/// when there are none left, everything is.
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

    /// Whether something happens that happens so many times in a hundred.
    pub(crate) fn chance(&mut self, in_a_hundred: usize) -> bool {
        self.below(100) >= 100 - in_a_hundred
    }

    /// Something, so many times in a hundred.
    pub(crate) fn maybe<T>(&mut self, in_a_hundred: usize, draw: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let drawn = self.chance(in_a_hundred);
        drawn.then(|| draw(self))
    }
}

/// Another seed for every run. It is told, so that a failure can be repeated by setting the variable to it.
#[allow(clippy::disallowed_methods, reason = "whoever runs the tests says what to repeat: it is no configuration")]
pub(crate) fn seed(variable: &str) -> u64 {
    let given = env::var(variable).ok().map(|seed| seed.parse().expect("a seed is a number"));
    let seed = given.unwrap_or_else(|| RandomState::new().hash_one(()));
    eprintln!("{variable}={seed} repeats this");
    seed
}

/// So many numbers from a seed: the same, wherever and whenever it is drawn (splitmix64).
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
