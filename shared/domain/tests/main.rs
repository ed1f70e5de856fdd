//! Tests of the crate's public interface, in one binary.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod policy;
mod pricing;
mod reading;
mod settling;
#[allow(unreachable_pub, reason = "shared with `tests/reference`")]
mod trade;
#[allow(unreachable_pub, reason = "shared with the benchmarks")]
mod vendor;
