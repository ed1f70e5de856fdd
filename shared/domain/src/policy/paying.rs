//! How a quote can be paid, as the vendor decides it: currency × product × tier × amount.

use crate::{Currency, payment::Method};

/// When a payment method may be used, and what its instructions say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodPolicy {
    /// The method.
    pub method: Method,
    /// Only in these currencies, when any are named.
    pub currencies: Option<Vec<Currency>>,
    /// Never in these (R69, R70).
    pub except_currencies: Vec<Currency>,
    /// Only from so much on; a currency without a threshold is not offered (R74).
    pub minimum: Option<Threshold>,
    /// Facts that the instructions name: bank, account, address.
    pub details: Vec<(String, String)>,
    /// Business days until the money is usually there, as two bounds, for the How-to-Pay table (R67, R71–R73).
    pub clearing_days: Option<(u32, u32)>,
}

/// An amount from which on a method is offered, per currency (R74).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// Whether tax counts.
    pub basis: ThresholdBasis,
    /// In minor units. Nothing is converted: a currency that is not here has no threshold.
    pub amounts: Vec<(Currency, i64)>,
}

/// What a threshold is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdBasis {
    /// The order after discounts, before tax.
    #[default]
    Net,
    /// With tax.
    Gross,
}

/// Some lines allow only some methods: monthly cloud is paid by card (R76), and so may starter tiers be (facts 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// Products; all when none are named.
    pub products: Option<Vec<String>>,
    /// Deployments by their names; all when none are named.
    pub deployments: Option<Vec<String>>,
    /// Only tiers up to so many users.
    pub max_tier: Option<u32>,
    /// What such a line may be paid with.
    pub methods: Vec<Method>,
}
