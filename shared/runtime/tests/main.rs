//! Identity and policies, from outside, in one binary.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod identity;
mod policies;
