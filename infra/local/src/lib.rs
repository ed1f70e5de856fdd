//! The embedded home: every function in one process, DynamoDB embedded, mail in files.

mod durable;
pub mod engine;
pub mod inbox;
pub mod issuer;
pub mod letter;
pub mod post;
pub mod pump;
