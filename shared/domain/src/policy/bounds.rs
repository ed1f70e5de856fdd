//! How far renewals, upgrades, co-terms and reviews may go.

use crate::Currency;

/// Bounds of what may be ordered for what a customer already has (R29, R44, R80, E16–E18).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounds {
    /// A self-managed renewal this late is still back-dated; later, one buys anew (facts 2.7).
    pub max_backdate_days: i32,
    /// A self-managed licence is covered for at most so many years from the day of the quote (facts 2.6).
    pub max_active_years: i32,
    /// What an upgrade does to the end.
    pub upgrade_term: UpgradeTerm,
    /// Upgrading and extending runs for at least so many days (facts 2.6).
    pub extend_min_days: i32,
    /// A co-term ends at most so many months from the day of the quote.
    pub coterm_max_months: i32,
    /// A co-termed line covers at least so many days, unless another line of the order covers twelve months.
    pub coterm_min_days: i32,
    /// Downgrading at renewal is possible in so many days before the end (E18).
    pub downgrade_window_days: i32,
    /// Whose e-mail address proves knowledge of an entitlement (R28).
    pub accepted_contacts: Vec<AcceptedContact>,
}

/// What an upgrade does to the end (facts 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UpgradeTerm {
    /// It stays.
    KeepEnd,
    /// Twelve months from the upgrade, and what was unused is credited.
    #[serde(rename = "restart_12_months")]
    Restart,
}

/// Whose e-mail address proves knowledge of an entitlement (R28, R31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AcceptedContact {
    /// The technical contact.
    Technical,
    /// Whoever bought it.
    Purchaser,
}

/// When a person must look at an order first (R32, R33).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewPolicy {
    /// Business days that the vendor promises to take.
    pub business_days: u32,
    /// A total above this, per currency in minor units.
    pub above: Vec<(Currency, i64)>,
}
