//! The embedded deployment, as one process and as a library, in one binary.
#![allow(clippy::unwrap_used, reason = "a missing value fails the test")]

mod damaged;
mod first_start;
mod kill;
mod locked;
mod log;
mod lost_answer;
mod other_engine;
mod policies;
mod records;
mod stop;
