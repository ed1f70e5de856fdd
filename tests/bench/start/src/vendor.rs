//! The example vendor, whose policy and whose order every program is measured with.

/// The vendor's folder.
pub(crate) const VENDOR: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../infra/vendor");
/// The request of the quote.
pub(crate) const QUOTE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../infra/vendor/examples/quote.json");
