//! What every function shares: configuration, identity, the clock, the policy in force, responses and logs.
//!
//! The code is the same in a Lambda function and in the local process.

pub mod authority;
pub mod aws;
pub mod caller;
pub mod clock;
pub mod configuration;
pub mod identity;
pub mod policies;
pub mod query;
pub mod random;
pub mod reply;
pub mod routes;
pub mod secret;
pub mod serve;
pub mod stream;
pub mod task;
pub mod telemetry;
pub mod vendor;

pub use caller::SourceIp;
pub use clock::Clock;
pub use configuration::Configuration;
pub use policies::{NotPublished, Policies, Proposal};
pub use reply::{Failure, Reply, shell};
pub use routes::Routes;
pub use serve::serve;
pub use vendor::{StartError, Vendor};
