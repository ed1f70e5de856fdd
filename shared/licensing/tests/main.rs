//! The licence file and its keys, from outside, in one binary.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod given;
mod keys;
mod licensing;
