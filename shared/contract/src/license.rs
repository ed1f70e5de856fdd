//! `GET /v1/licenses/{sen}`, and the response of `reveal`.

use domain::{
    Sen,
    license::{Closed, Entitlement, Kind, Next},
};
use jiff::{Timestamp, civil::Date};
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
    /// The lower grade that begins after the present term, if one was ordered (E18).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'e Next>,
    /// Why nothing more can be bought for it, if it is closed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Whether there is a key to reveal (R53).
    pub has_key: bool,
}

impl<'e> From<&'e Entitlement> for LicenseView<'e> {
    fn from(entitlement: &'e Entitlement) -> Self {
        let (issue, closed) = (&entitlement.statement, entitlement.closed());
        Self {
            sen: &entitlement.sen,
            kind: entitlement.kind,
            product: &entitlement.product,
            name: &entitlement.product_name,
            edition: issue.edition.as_deref(),
            tier: issue.tier,
            licensee: &entitlement.licensee,
            purchaser: &issue.purchaser,
            technical_contact: &entitlement.technical_contact.name,
            purchased: issue.purchased,
            maintenance_end: issue.maintenance_end,
            term_end: issue.term_end,
            next: issue.next.as_ref(),
            closed,
            has_key: issue.file.is_some() && closed != Some(Closed::Refunded),
        }
    }
}

/// A revealed licence file.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct RevealView<'e> {
    pub sen: &'e Sen,
    pub key_id: &'e str,
    pub license_file: &'e str,
    /// The file for a lower grade that begins later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextFileView<'e>>,
}

/// A licence file for a later day.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct NextFileView<'e> {
    /// The first day of its term.
    pub from: Date,
    pub key_id: &'e str,
    pub license_file: &'e str,
}

impl<'e> RevealView<'e> {
    /// The files of an entitlement at an instant; `None` if it has no key.
    pub fn of(entitlement: &'e Entitlement, now: Timestamp) -> Option<Self> {
        let (key, later) = entitlement.keys_at(now)?;
        let next = later.map(|(next, key)| NextFileView { from: next.from, key_id: &key.key_id, license_file: &key.text });
        Some(Self { sen: &entitlement.sen, key_id: &key.key_id, license_file: &key.text, next })
    }
}
