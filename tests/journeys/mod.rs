//! Whole stories over HTTP, against the embedded deployment: what a buyer, a payment provider and a licensee see.

mod answers;
mod desk;
mod documents;
mod entitlements;
mod expiry;
mod harness;
mod idempotency;
mod letters;
mod limits;
mod lists;
mod lookup;
mod money;
mod owed;
mod payments;
mod policy;
mod published;
mod refusals;
mod restarts;
mod review;
mod revisions;
mod sites;
mod soak;
mod spelling;
mod story;
mod taken_back;
mod withheld;
