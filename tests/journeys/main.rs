//! Whole stories over HTTP, against the embedded home: what a buyer, a payment provider and a licensee see.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod answers;
mod documents;
mod expiry;
mod harness;
mod idempotency;
mod letters;
mod money;
mod refusals;
mod restarts;
mod revisions;
mod story;
