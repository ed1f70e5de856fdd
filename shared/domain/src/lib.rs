//! The rules of Sellthrough: what a quote is, what it costs, when it is paid, and what is licensed then.
//!
//! Nothing here waits, reads a clock, draws a random number, looks at the environment or knows of AWS.
//! A rule is a function of its arguments: `(state, command, policy, now) → change | refusal`.
//! What is absent is the point: if a rule needs something of the world, a handler brings it in.

pub mod calendar;
pub mod channel;
pub mod evidence;
pub mod fault;
mod form;
pub mod fulfilment;
pub mod government;
pub mod license;
pub mod link;
pub mod method;
pub mod money;
pub mod number;
pub mod order;
pub mod party;
pub mod payment;
mod place;
pub mod policy;
pub mod price;
pub mod quote;
pub mod records;
pub mod request;
pub mod settlement;
pub mod targets;
pub mod tax;
pub mod wording;

pub use fault::{Code, Fault, Refusal};
pub use money::{Currency, Money};
pub use number::{QuoteNumber, Sen};
pub use policy::Policy;
pub use quote::Quote;
