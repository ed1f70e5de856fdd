//! The payment methods of a quote, as the vendor allows them by currency, product, tier and amount.

use crate::{Currency, payment::Method};

/// When a payment method may be used, and the values for its instructions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodPolicy {
    /// The method.
    pub method: Method,
    /// The only currencies in which it may be used; `None` for all.
    pub currencies: Option<Vec<Currency>>,
    /// Currencies in which it may not be used (R69, R70).
    pub except_currencies: Vec<Currency>,
    /// The minimum amount. The method is not offered in a currency without one (R74).
    pub minimum: Option<Threshold>,
    /// Values that the instructions show: bank, account, address.
    pub details: Vec<(String, String)>,
    /// The business days until the money usually arrives, as minimum and maximum, for the How-to-Pay table (R67, R71–R73).
    pub clearing_days: Option<(u32, u32)>,
}

/// The minimum amount for a method, per currency (R74).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Threshold {
    /// Whether the amount includes tax.
    pub basis: ThresholdBasis,
    /// The amounts in minor units. There is no conversion: a currency that is absent has no threshold.
    pub amounts: Vec<(Currency, i64)>,
}

/// What a threshold is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThresholdBasis {
    /// The order after discounts and before tax.
    #[default]
    Net,
    /// The order with tax.
    Gross,
}

/// A restriction of the payment methods for some lines: monthly cloud is paid by card (R76), and a vendor may require the same
/// for starter tiers (facts 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restriction {
    /// The ids of the products; `None` for all.
    pub products: Option<Vec<String>>,
    /// The names of the deployments; `None` for all.
    pub deployments: Option<Vec<String>>,
    /// The largest tier, in users; `None` for all.
    pub max_tier: Option<u32>,
    /// The methods that such a line may be paid with.
    pub methods: Vec<Method>,
}
