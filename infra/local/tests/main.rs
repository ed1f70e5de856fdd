//! The embedded deployment, as one process and as a library, in one binary.
#![allow(clippy::unwrap_used, reason = "a missing value fails the test")]

mod kill;
mod log;
mod lost_answer;
mod other_engine;
mod policies;
mod records;
