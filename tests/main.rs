//! Every test of the system as a whole, in one binary: the crates below are linked once. A folder is a module, so that
//! `cargo test -p tests journeys::story` runs one file, and each folder's `given`, `scene` or `world` is its own.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod examples;
mod journeys;
mod previews;
mod reference;
mod rules;
mod stream;
mod webhooks;
