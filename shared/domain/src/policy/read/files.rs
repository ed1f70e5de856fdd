//! The names of the vendor's files, and the limits on the numbers in them.

pub(super) const VENDOR: &str = "vendor.toml";
pub(super) const CATALOGUE: &str = "catalogue.toml";
pub(super) const PRICES: &str = "prices.toml";
pub(super) const CHANNEL: &str = "channel.toml";
pub(super) const SEGMENTS: &str = "segments.toml";
pub(super) const RENEWALS: &str = "renewals.toml";
pub(super) const TAX: &str = "tax.toml";
pub(super) const PAYMENT: &str = "payment.toml";

/// The largest price in minor units. These bounds keep every sum of every document within 64 bits.
pub(super) const MAX_PRICE: i64 = 1_000_000_000_000;
pub(super) const MAX_USERS: u32 = 1_000_000;
pub(super) const MAX_MONTHS: u32 = 120;
