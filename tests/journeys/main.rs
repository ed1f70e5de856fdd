//! Whole stories over HTTP, against the embedded home: what a buyer, a payment provider and a licensee see.

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
