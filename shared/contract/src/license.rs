//! `GET /v1/licenses/{sen}` and what `reveal` answers.

use domain::{
    Sen,
    license::{Entitlement, Kind},
};
use jiff::civil::Date;
use serde::Serialize;

/// An entitlement as its technical contact and its purchaser see it: no price, no channel, no key.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LicenseView<'e> {
    pub sen: &'e Sen,
    pub kind: Kind,
    pub product: &'e str,
    pub name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'e str>,
    pub tier: u32,
    pub licensee: &'e str,
    pub purchaser: &'e str,
    pub technical_contact: &'e str,
    pub purchased: Date,
    /// The first day without maintenance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintenance_end: Option<Date>,
    /// The first day that is not covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term_end: Option<Date>,
    /// Whether there is a key to reveal (R53).
    pub has_key: bool,
}

impl<'e> From<&'e Entitlement> for LicenseView<'e> {
    fn from(entitlement: &'e Entitlement) -> Self {
        Self {
            sen: &entitlement.sen,
            kind: entitlement.kind,
            product: &entitlement.product,
            name: &entitlement.product_name,
            edition: entitlement.edition.as_deref(),
            tier: entitlement.tier,
            licensee: &entitlement.licensee,
            purchaser: &entitlement.purchaser,
            technical_contact: &entitlement.technical_contact.name,
            purchased: entitlement.purchased,
            maintenance_end: entitlement.maintenance_end,
            term_end: entitlement.term_end,
            has_key: entitlement.file.is_some(),
        }
    }
}

/// A licence file, revealed.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct RevealView<'e> {
    pub sen: &'e Sen,
    pub key_id: &'e str,
    pub license_file: &'e str,
}
