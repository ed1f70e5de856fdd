//! The rules of Sellthrough: what a quote is, what it costs, when it is paid, and what is licensed then.
//!
//! Nothing here waits, reads a clock, draws a random number, looks at the environment or knows of AWS.
//! A rule is a function of its arguments: `(state, command, policy, now) → change | refusal`.
//! What a rule needs of its environment, a handler passes as an argument.
//!
//! Modules are in layers, in the order below. A file imports files of its own layer and of earlier layers, and no files
//! import each other in a cycle.

// Values.
pub mod calendar;
pub mod fault;
mod host;
pub mod money;
pub mod name;
pub mod number;
pub mod party;
pub mod payment;
pub mod pending;
mod place;
pub mod printing;
mod redirection;
pub mod wording;

// Policy: everything that is not code.
pub mod policy;

// What is on record.
pub mod channel;
pub mod evidence;
pub mod license;
pub mod suppression;

// Prices.
pub mod method;
pub mod price;
pub mod tax;

// Orders.
pub mod government;
pub mod order;
pub mod targets;

// What is sent.
mod form;
pub mod records;
pub mod request;

// Quotes, and what follows from them.
pub mod fulfilment;
pub mod link;
pub mod quote;
pub mod settlement;

pub use fault::{Code, Fault, Refusal};
pub use money::{Currency, Money};
pub use number::{QuoteNumber, Sen};
pub use policy::Policy;
pub use quote::Quote;
