//! Which payment methods a quote may use, and the reasons against the others (R64–R77).

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
    /// Why the method may not be used; absent when it may.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<MethodRefusal>,
}

/// Why a method may not be used on a quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MethodRefusal {
    /// The method is not offered in this currency (R69, R70).
    MethodNotAllowedForCurrency,
    /// The method is not offered for monthly cloud (R76).
    MethodNotAllowedForMonthly,
    /// The method is not offered for a product or tier of this order (facts 2.4).
    MethodNotAllowedForLine,
    /// The order is below the currency's threshold (R74).
    BelowThreshold,
    /// The method has thresholds, but none in this currency, so it is not offered (R74).
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

/// Every payment method of the policy, and whether an order of these lines may use it. `net` (before tax) and `total` (with
/// tax) are in minor units of `currency`.
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

/// Whether two policies instruct buyers to pay in different ways: another account, another text, another method. Money that follows
/// false instructions is lost.
pub fn instructions_differ(one: &Policy, other: &Policy) -> bool {
    let instructions = |policy: &Policy| -> Vec<_> {
        let of = |rules: &MethodPolicy| {
            let key = format!("instructions.{}", rules.method.as_str());
            let text = |language: &str| (language.to_owned(), policy.wording.text(language, &key).to_owned());
            (rules.method, rules.details.clone(), policy.wording.languages().map(text).collect::<Vec<_>>())
        };
        policy.methods.iter().map(of).collect()
    };
    instructions(one) != instructions(other)
}

/// Why a method is not offered in a currency; `None` when it is.
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
