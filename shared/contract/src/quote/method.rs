//! Payment methods: which ones an order may use, and why not the others.

use domain::{method::MethodRefusal, payment::Method, quote::Offer};
use serde::Serialize;

/// A payment method: whether it may be used, and if not, why.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct MethodView {
    pub method: Method,
    pub available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
}

/// Why something is not available.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReasonView {
    pub code: &'static str,
    pub detail: String,
}

pub(super) fn method_refusal(refusal: MethodRefusal, offer: &Offer) -> String {
    match refusal {
        MethodRefusal::MethodNotAllowedForCurrency => format!("Not available in {}.", offer.currency),
        MethodRefusal::MethodNotAllowedForMonthly => "Not available for monthly cloud.".to_owned(),
        MethodRefusal::MethodNotAllowedForLine => "Not available for a product or tier of this order.".to_owned(),
        MethodRefusal::BelowThreshold => "The amount of the order is below the minimum for this method.".to_owned(),
        MethodRefusal::NoThresholdForCurrency => format!("Not available in {}.", offer.currency),
    }
}
