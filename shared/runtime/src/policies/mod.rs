//! The policy in force: the vendor folder's until another policy is published, and afterwards the one that the table names.
//! A policy that is published without a deployment is in force at once in the process that published it, and in every function
//! within a minute.

mod cache;
mod handle;
mod loading;
mod publishing;

pub use handle::Policies;
pub use publishing::{EVERYWHERE_WITHIN, NotPublished, Proposal, sound};
