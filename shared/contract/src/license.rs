//! `GET /v1/licenses/{sen}` and what `reveal` answers.

use domain::{
    Sen,
    license::{Closed, Entitlement, Kind, Next},
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
    /// What it becomes when its present term is over, if that is less (E18).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<&'e Next>,
    /// Why nothing more can be bought on it, if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<Closed>,
    /// Whether there is a key to reveal (R53).
    pub has_key: bool,
}

impl<'e> From<&'e Entitlement> for LicenseView<'e> {
    fn from(entitlement: &'e Entitlement) -> Self {
        let (issue, closed) = (&entitlement.issue, entitlement.closed());
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

/// A licence file, revealed.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct RevealView<'e> {
    pub sen: &'e Sen,
    pub key_id: &'e str,
    pub license_file: &'e str,
    /// The file for a lower grade that is yet to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<NextFileView<'e>>,
}

/// A licence file for a day to come.
#[derive(Serialize)]
#[allow(missing_docs)]
pub struct NextFileView<'e> {
    /// The first day for it.
    pub from: Date,
    pub key_id: &'e str,
    pub license_file: &'e str,
}

impl<'e> RevealView<'e> {
    /// What there is to reveal of an entitlement on a day, if there is a key for it.
    pub fn of(entitlement: &'e Entitlement, today: Date) -> Option<Self> {
        let now = entitlement.key_on(today)?;
        let later = entitlement.lowered_after(today).zip(entitlement.issue.file.as_ref()).filter(|(_, later)| *later != now);
        let next = later.map(|(next, key)| NextFileView { from: next.from, key_id: &key.key_id, license_file: &key.text });
        Some(Self { sen: &entitlement.sen, key_id: &now.key_id, license_file: &now.text, next })
    }
}
