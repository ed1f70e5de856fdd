//! The local deployment: every function in one process, DynamoDB embedded, mail in files.

pub mod check;
pub mod deployment;
mod directory;
mod durable;
pub mod engine;
mod feedback;
mod guard;
pub mod inbox;
pub mod issuer;
pub mod letter;
pub mod post;
mod practice;
pub mod pump;
mod secrets;
mod timepiece;
mod upkeep;

pub use deployment::{Deployment, Settings, TABLE};
pub use upkeep::Timer;
