//! `GET /v1/terms`: the legal texts that an order must accept (R6, R21).

use domain::{Policy, order::PurchasingFor, policy::LegalText};
use serde::Serialize;

/// The legal texts in force.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TermsView<'p> {
    pub policy_version: &'p str,
    pub texts: Vec<TextView<'p>>,
}

/// A legal text.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TextView<'p> {
    /// The member of an order's `accept` that names the accepted version.
    pub text: &'static str,
    pub version: &'p str,
    pub url: &'p str,
    /// The language of the text, as a BCP 47 tag.
    pub language: &'p str,
    /// The orders that must accept it.
    pub purchasing_for: &'static [PurchasingFor],
}

impl<'p> TermsView<'p> {
    /// The texts of a policy. They are in the vendor's own language.
    pub fn of(policy: &'p Policy) -> Self {
        let view = |text, legal: &'p LegalText, purchasing_for| TextView {
            text,
            version: &legal.version,
            url: &legal.url,
            language: policy.wording.default_language(),
            purchasing_for,
        };
        let texts = vec![
            view("terms", &policy.terms, &[PurchasingFor::Customer, PurchasingFor::Itself][..]),
            view("reseller_agreement", &policy.reseller_agreement, &[PurchasingFor::Customer]),
        ];
        Self { policy_version: &policy.version, texts }
    }
}
