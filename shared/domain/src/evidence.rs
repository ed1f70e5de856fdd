//! Records that the desk has verified: evidence of a segment (R58–R60), exemption from tax (R91), the contacts of cloud sites
//! (R12, R31).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    Sen,
    host::ascii_host,
    name::LegalName,
    party::{Contact, Email},
};

/// Verified evidence that an end customer belongs to a segment (R58).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEvidence {
    /// The reference, which claims name.
    pub id: String,
    /// The version of the stored record.
    pub version: u64,
    /// The segment's id.
    pub segment: String,
    /// The end customer's legal name. The evidence proves no claim of another organisation (R60).
    pub organization: String,
    /// The organisation's registration number (R59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// The country of that register: ISO 3166-1 (R59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Where the verified document is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The staff member who verified it: the subject of the token.
    pub verified_by: String,
    /// The first day on which the evidence is valid.
    pub verified_on: Date,
    /// The first day on which the evidence is no longer valid.
    pub expires: Date,
}

impl SegmentEvidence {
    /// Whether the evidence proves a claim of `segment` for `organization` on a day.
    pub fn proves(&self, segment: &str, organization: &str, day: Date) -> bool {
        self.segment == segment
            && LegalName::new(&self.organization) == LegalName::new(organization)
            && self.verified_on <= day
            && day < self.expires
    }
}

/// A verified certificate that exempts a buyer from tax, or makes the buyer liable for it by reverse charge (R91, facts 2.10).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxCertificate {
    /// The reference, which requests name; for a VAT id, the id itself.
    pub id: String,
    /// The version of the stored record.
    pub version: u64,
    /// `vat_id`, or a kind of the vendor's tax policy such as `resale`.
    pub kind: String,
    /// The holder's legal name.
    pub organization: String,
    /// The country in which it is valid: ISO 3166-1.
    pub country: String,
    /// The subdivision, if it is not valid in the whole country: ISO 3166-2.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The certificate's own number, as documents must show it.
    pub number: String,
    /// Where the document, or the response of the validation service, is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// The staff member who verified it: the subject of the token.
    pub verified_by: String,
    /// The first day on which the certificate is valid.
    pub from: Date,
    /// The first day on which the certificate is no longer valid.
    pub expires: Date,
}

/// The kind of certificate that is a validated VAT id.
pub const VAT_ID: &str = "vat_id";

impl TaxCertificate {
    /// Whether the certificate is valid for `organization` in a place on a day.
    pub fn counts(&self, organization: &str, country: &str, region: Option<&str>, day: Date) -> bool {
        LegalName::new(&self.organization) == LegalName::new(organization)
            && self.country == country
            && (self.region.is_none() || self.region.as_deref() == region)
            && self.from <= day
            && day < self.expires
    }
}

/// A cloud site, with its authorized contacts (R12, R31).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Site {
    /// Its host name, in lower case.
    pub host: String,
    /// The version of the stored record.
    pub version: u64,
    /// The end customer's legal name.
    pub organization: String,
    /// Its authorized contacts.
    pub contacts: Vec<SiteContact>,
    /// Its subscriptions.
    pub entitlements: Vec<Sen>,
}

/// An authorized contact of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteContact {
    /// The contact's role.
    pub role: SiteRole,
    /// The person, identified by the e-mail address (R31).
    #[serde(flatten)]
    pub contact: Contact,
}

/// The role of an authorized contact. There are only these three (R31).
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
    /// Whether this address is an authorized contact's (R31).
    pub fn authorizes(&self, email: &Email) -> bool {
        self.contacts.iter().any(|known| known.contact.email == *email)
    }
}

/// The host name of a site, in ASCII and lower case. The text may have a scheme, a path or capitals, and its host may be
/// internationalised. `None` when it has no valid host.
pub fn site_host(text: &str) -> Option<String> {
    let text = text.trim();
    let bare = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or(text);
    ascii_host(bare.split(['/', '?', '#']).next()?).map(|host| host.to_ascii_lowercase())
}

/// A VAT id of the European Union in its canonical spelling; `None` when its form or check digit is wrong. The check does not
/// cover registration, which the desk verifies.
pub fn vat_id(text: &str) -> Option<String> {
    eu_vat::Vat::parse(text).ok().map(|vat| vat.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_site_gives_its_host() {
        for text in ["acme.cloud.example", "https://ACME.cloud.example/", " http://acme.cloud.example/browse?x=1 "] {
            assert_eq!(site_host(text).as_deref(), Some("acme.cloud.example"), "{text}");
        }
        assert_eq!(site_host("https://Bücher.example/x").as_deref(), Some("xn--bcher-kva.example"), "B27");
        for no in ["", "acme", "https://", "a b.example", "-a.example", "a..example"] {
            assert_eq!(site_host(no), None, "{no}");
        }
    }
}
