//! How far renewals, upgrades, co-terms and reviews may go.

use crate::Currency;

/// Bounds of orders for existing entitlements (R29, R44, R80, E16–E18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// A self-managed renewal up to this number of days after the end is back-dated. Later the customer must buy a new licence
    /// (facts 2.7).
    pub max_backdate_days: i32,
    /// The maximum cover, in years from the day of the quote (facts 2.6).
    pub max_active_years: i32,
    /// How an upgrade changes the end.
    pub upgrade_term: UpgradeTerm,
    /// The minimum term of a `renew_and_upgrade`, in days from the day of the quote (facts 2.6).
    pub extend_min_days: i32,
    /// The latest end of a co-term, in months from the day of the quote.
    pub coterm_max_months: i32,
    /// The minimum cover of a co-term, in days, unless another line of the order covers twelve months.
    pub coterm_min_days: i32,
    /// The days before the end in which a downgrade can be ordered (E18).
    pub downgrade_window_days: i32,
    /// Whose e-mail address proves knowledge of an entitlement (R28).
    pub accepted_contacts: Vec<AcceptedContact>,
}

/// How an upgrade changes the end (facts 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeTerm {
    /// The end does not change.
    KeepEnd,
    /// The end is twelve months from the upgrade, and unused time is credited.
    #[serde(rename = "restart_12_months")]
    Restart,
}

/// Whose e-mail address proves knowledge of an entitlement (R28, R31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedContact {
    /// The technical contact.
    Technical,
    /// The person who bought it.
    Purchaser,
}

/// When a person must review an order first (R32, R33).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPolicy {
    /// The business days within which the vendor promises the review.
    pub business_days: u32,
    /// A total above this amount, in minor units, is reviewed; per currency.
    pub above: Vec<(Currency, i64)>,
}
