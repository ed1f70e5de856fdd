//! The HTTP contract: request bodies, responses, problems and links. Snake case, integer minor units, RFC 3339 UTC.

pub mod description;
pub mod desk;
pub mod license;
pub mod links;
pub mod lookup;
pub mod pricing;
pub mod problem;
pub mod quote;
mod reader;
pub mod terms;

pub use license::LicenseView;
pub use links::Links;
pub use problem::Problem;
pub use quote::QuoteView;
