//! What the desk has verified about end customers and buyers: proof of a segment (R58–R60), freedom from tax (R91), the
//! contacts of cloud sites (R12, R31).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    Sen,
    party::{Contact, Email, LegalName},
};

/// Verified evidence that an end customer belongs to a segment (R58).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEvidence {
    /// The reference that claims name it by.
    pub id: String,
    /// Of the stored record.
    pub version: u64,
    /// The segment's id.
    pub segment: String,
    /// The end customer's legal name: a claim for another one does not count (R60).
    pub organization: String,
    /// The number under which it is registered (R59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// Whose register that is: ISO 3166-1 (R59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Where the document is kept that was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Who verified it: the subject of their token.
    pub verified_by: String,
    /// The first day on which it counts.
    pub verified_on: Date,
    /// The first day on which it no longer does.
    pub expires: Date,
}

impl SegmentEvidence {
    /// Whether it proves a claim of `segment` for `organization` on a day.
    pub fn proves(&self, segment: &str, organization: &str, day: Date) -> bool {
        self.segment == segment
            && LegalName::new(&self.organization) == LegalName::new(organization)
            && self.verified_on <= day
            && day < self.expires
    }
}

/// A verified certificate that frees a buyer from tax, or makes the buyer owe it (R91, facts 2.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxCertificate {
    /// The reference that requests name it by; for a VAT id, the id itself.
    pub id: String,
    /// Of the stored record.
    pub version: u64,
    /// `vat_id`, or a kind of the vendor's tax policy such as `resale`.
    pub kind: String,
    /// The holder's legal name.
    pub organization: String,
    /// Where it counts: ISO 3166-1.
    pub country: String,
    /// Where in the country, when not everywhere: ISO 3166-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The certificate's own number, as documents must show it.
    pub number: String,
    /// Where the document, or the answer of the validation service, is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Who verified it: the subject of their token.
    pub verified_by: String,
    /// The first day on which it counts.
    pub from: Date,
    /// The first day on which it no longer does.
    pub expires: Date,
}

/// The kind of certificate that is a validated VAT id.
pub const VAT_ID: &str = "vat_id";

impl TaxCertificate {
    /// Whether it counts for `organization` in a place on a day.
    pub fn counts(&self, organization: &str, country: &str, region: Option<&str>, day: Date) -> bool {
        LegalName::new(&self.organization) == LegalName::new(organization)
            && self.country == country
            && (self.region.is_none() || self.region.as_deref() == region)
            && self.from <= day
            && day < self.expires
    }
}

/// A cloud site, with the people who may speak for it (R12, R31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its host name, in lower case.
    pub host: String,
    /// Of the stored record.
    pub version: u64,
    /// The end customer's legal name.
    pub organization: String,
    /// Its authorized contacts.
    pub contacts: Vec<SiteContact>,
    /// Its subscriptions.
    pub entitlements: Vec<Sen>,
}

/// Somebody who may speak for a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteContact {
    /// What makes them one who may.
    pub role: SiteRole,
    /// The person to write to, known by their address (R31).
    #[serde(flatten)]
    pub contact: Contact,
}

/// The three roles of an authorized contact, and no other (R31).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteRole {
    /// Billing contact.
    Billing,
    /// Technical contact.
    Technical,
    /// Site administrator.
    Admin,
}

impl Site {
    /// Whether this person is an authorized contact (R31).
    pub fn authorizes(&self, email: &Email) -> bool {
        self.contacts.iter().any(|known| known.contact.email == *email)
    }
}

/// The host of a site as people write it: with or without a scheme, a path, or capitals. `None` when it is no host.
pub fn site_host(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    let host = bare.split(['/', '?', '#']).next()?.to_ascii_lowercase();
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.contains('.') && host.split('.').all(label)).then_some(host)
}

/// A VAT id of the European Union in its canonical spelling; `None` when form or check digit is wrong. Whether it is
/// registered is another question, which the desk answers.
pub fn vat_id(text: &str) -> Option<String> {
    eu_vat::Vat::parse(text).ok().map(|vat| vat.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_known_by_its_host_however_it_is_written() {
        for text in ["acme.cloud.example", "https://ACME.cloud.example/", " http://acme.cloud.example/browse?x=1 "] {
            assert_eq!(site_host(text).as_deref(), Some("acme.cloud.example"), "{text}");
        }
        for no in ["", "acme", "https://", "a b.example", "-a.example", "a..example"] {
            assert_eq!(site_host(no), None, "{no}");
        }
    }
}
