//! Which payment methods a quote may use: eligibility as data, with reasons (R64–R77).

use serde::{Deserialize, Serialize};

use crate::{
    Currency, Policy,
    payment::Method,
    policy::{Deployment, MethodPolicy, Restriction, ThresholdBasis},
    price::Line,
};

/// Whether a quote may be paid by a method, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodOffer {
    /// The method.
    pub method: Method,
    /// Why it may not be used; absent when it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<MethodRefusal>,
}

/// Why a method may not be used on a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodRefusal {
    /// Not in this currency (R69, R70).
    MethodNotAllowedForCurrency,
    /// Not for monthly cloud (R76).
    MethodNotAllowedForMonthly,
    /// Not for a product or tier of this order (facts 2.4).
    MethodNotAllowedForLine,
    /// The order is below the currency's threshold (R74).
    BelowThreshold,
    /// No threshold is configured in this currency, so the method is not offered (R74).
    NoThresholdForCurrency,
}

impl MethodRefusal {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MethodNotAllowedForCurrency => "method_not_allowed_for_currency",
            Self::MethodNotAllowedForMonthly => "method_not_allowed_for_monthly",
            Self::MethodNotAllowedForLine => "method_not_allowed_for_line",
            Self::BelowThreshold => "below_threshold",
            Self::NoThresholdForCurrency => "no_threshold_for_currency",
        }
    }
}

/// Every method of the vendor's, with whether an order of these lines may use it. `net` and `total` are in minor units.
pub fn methods(policy: &Policy, currency: Currency, lines: &[Line], net: i64, total: i64) -> Vec<MethodOffer> {
    let refusal = |rules: &MethodPolicy| {
        for_currency(rules, currency).or_else(|| for_lines(policy, rules.method, lines)).or_else(|| {
            let threshold = rules.minimum.as_ref()?;
            let basis = match threshold.basis {
                ThresholdBasis::Net => net,
                ThresholdBasis::Gross => total,
            };
            match threshold.amounts.iter().find(|(of, _)| *of == currency) {
                None => Some(MethodRefusal::NoThresholdForCurrency),
                Some((_, least)) => (basis < *least).then_some(MethodRefusal::BelowThreshold),
            }
        })
    };
    policy.methods.iter().map(|rules| MethodOffer { method: rules.method, refused: refusal(rules) }).collect()
}

/// Why a method is never used in a currency, if it is not.
pub fn for_currency(rules: &MethodPolicy, currency: Currency) -> Option<MethodRefusal> {
    let excluded =
        rules.currencies.as_ref().is_some_and(|only| !only.contains(&currency)) || rules.except_currencies.contains(&currency);
    excluded.then_some(MethodRefusal::MethodNotAllowedForCurrency)
}

fn for_lines(policy: &Policy, method: Method, lines: &[Line]) -> Option<MethodRefusal> {
    lines.iter().find_map(|line| {
        let forbids = |restriction: &&Restriction| {
            fn admits(named: &Option<Vec<String>>, it: &str) -> bool {
                named.as_ref().is_none_or(|named| named.iter().any(|name| name == it))
            }
            admits(&restriction.products, &line.order.product)
                && admits(&restriction.deployments, line.deployment.as_str())
                && restriction.max_tier.is_none_or(|max| line.tier <= max)
                && !restriction.methods.contains(&method)
        };
        policy.restrictions.iter().find(forbids).map(|_| match line.deployment {
            Deployment::MonthlyCloud => MethodRefusal::MethodNotAllowedForMonthly,
            _ => MethodRefusal::MethodNotAllowedForLine,
        })
    })
}
