//! Stripe's webhook, over the real routes, the real store and the embedded engine: genuine events in every
//! order and any number of times, and events that are not genuine. R63, R69–R70, R78; E26–E28.
//!
//! Signatures are made by `async-stripe-webhook`, and checked against some that Stripe's own library made: a mistake of
//! ours in Stripe's scheme cannot hide in a test that repeats it.

mod given;
mod money;
mod orders;
mod races;
mod reports;
mod signatures;
