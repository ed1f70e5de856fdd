//! The shell that every function shares: what it needs from the world around it before and after the rules decide.
//!
//! Nothing here knows whether it runs in a Lambda function or in one local process.

pub mod aws;
pub mod caller;
pub mod clock;
pub mod configuration;
pub mod identity;
pub mod policies;
pub mod random;
pub mod reply;
pub mod secret;
pub mod serve;
pub mod stream;
pub mod telemetry;
pub mod vendor;

pub use caller::SourceIp;
pub use clock::Clock;
pub use configuration::Configuration;
pub use policies::{NotPublished, Policies, Proposal};
pub use reply::{Failure, Reply, shell};
pub use serve::serve;
pub use vendor::{StartError, Vendor};
