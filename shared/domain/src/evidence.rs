//! Records that the desk has verified: evidence of a segment (R58–R60), exemption from tax (R91), the contacts of cloud sites
//! (R12, R31).

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::{
    Sen,
    host::{ascii_host, is_within},
    name::{LegalName, letters},
    party::{Contact, Email},
};

/// Who names a record, and what of it is more than a statement. References and register numbers pass through many hands and are
/// partly public, and anyone can type a name. So a record proves a claim only for its holder.
#[derive(Debug, Clone, Copy)]
pub struct Claimant<'c> {
    /// The legal name of the organisation that the claim is about, as stated.
    pub organization: &'c str,
    /// The organisation's registration number, as stated.
    pub registration_number: Option<&'c str>,
    /// The country of that register, as stated.
    pub country: Option<&'c str>,
    /// The person who receives what is bought. A false address is of no use to a stranger.
    pub contact: &'c Email,
    /// The legal name of the enrolled organisation for which the caller is signed in.
    pub enrolled: Option<&'c str>,
}

impl Claimant<'_> {
    /// Whether the caller is signed in for this organisation.
    fn is_enrolled_as(&self, organization: &str) -> bool {
        is_same_organization(self.enrolled, organization)
    }

    /// Whether the claimant states this number of this country's register. What a record does not have, no claim must state.
    fn states(&self, number: Option<&str>, country: Option<&str>) -> bool {
        let has_number =
            number.is_none_or(|number| self.registration_number.is_some_and(|stated| letters(stated) == letters(number)));
        has_number && country.is_none_or(|country| self.country == Some(country))
    }
}

/// Whether an enrolled organisation, if there is one, is this one.
fn is_same_organization(enrolled: Option<&str>, organization: &str) -> bool {
    enrolled.is_some_and(|enrolled| LegalName::new(enrolled) == LegalName::new(organization))
}

/// Whether an address is at one of these domains, or below one.
fn is_at(address: &Email, domains: &[String]) -> bool {
    let host = address.domain().to_ascii_lowercase();
    domains.iter().any(|domain| is_within(&host, domain))
}

/// Verified evidence that an end customer belongs to a segment (R58).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentEvidence {
    /// The reference, which claims name. It proves nothing by itself.
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
    /// The domains of the organisation's own e-mail addresses, verified: in ASCII and lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
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

/// An entry of a register under which evidence is found: a claim that states it needs no reference (R59, R60).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Registration {
    /// The segment's id.
    pub segment: String,
    /// The country of the register: ISO 3166-1.
    pub country: String,
    /// The number, without spaces, marks and differences of case.
    pub number: String,
}

impl Registration {
    /// The entry with this number as it is written. `None`: the number has no letter and no digit.
    pub fn new(segment: &str, country: &str, number: &str) -> Option<Self> {
        let number = letters(number);
        (!number.is_empty()).then(|| Self { segment: segment.to_owned(), country: country.to_owned(), number })
    }
}

impl SegmentEvidence {
    /// The entry of a register under which this evidence is found; `None` without a number or a country.
    pub fn registration(&self) -> Option<Registration> {
        Registration::new(&self.segment, self.country.as_deref()?, self.registration_number.as_deref()?)
    }

    /// Whether the evidence is of this segment and organisation, and valid on a day. Staff who approve an order decide by this.
    pub fn covers(&self, segment: &str, organization: &str, day: Date) -> bool {
        self.segment == segment
            && LegalName::new(&self.organization) == LegalName::new(organization)
            && self.verified_on <= day
            && day < self.expires
    }

    /// Whether the evidence proves a claim by itself on a day (R58–R60): the caller is signed in for the organisation, or states its
    /// registration number and country and names a contact at its verified domain. A reference alone proves nothing.
    pub fn proves(&self, segment: &str, claimant: &Claimant<'_>, day: Date) -> bool {
        let is_stated = || claimant.states(self.registration_number.as_deref(), self.country.as_deref());
        let is_holder = || claimant.is_enrolled_as(&self.organization) || is_stated() && is_at(claimant.contact, &self.domains);
        self.covers(segment, claimant.organization, day) && is_holder()
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
    /// The domains of the holder's own e-mail addresses, verified: in ASCII and lower case.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
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

    /// Whether an order that names the certificate is its holder's (C7): the caller is signed in for the holder, or one of the
    /// addresses that the order depends on is at the holder's verified domain. A VAT id and a company's name are public.
    pub fn is_of(&self, orderer: &Orderer<'_>) -> bool {
        let addresses = [orderer.proven, orderer.receiver];
        is_same_organization(orderer.enrolled, &self.organization)
            || addresses.into_iter().flatten().any(|address| is_at(address, &self.domains))
    }
}

/// Who is known to stand behind an order that names a tax certificate.
#[derive(Debug, Clone, Copy, Default)]
pub struct Orderer<'o> {
    /// The legal name of the enrolled organisation for which the caller is signed in.
    pub enrolled: Option<&'o str>,
    /// The address that the caller's sign-in proves.
    pub proven: Option<&'o Email>,
    /// The address to which the keys go, when the buyer is the end customer itself. A false address is of no use to a stranger. A
    /// reseller's own address is only a statement: a stranger can type it and have the keys sent elsewhere.
    pub receiver: Option<&'o Email>,
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
    use jiff::civil::date;

    use super::*;

    fn evidence() -> SegmentEvidence {
        SegmentEvidence {
            id: "EV-1".to_owned(),
            version: 1,
            segment: "nonprofit".to_owned(),
            organization: "Example Society".to_owned(),
            registration_number: Some("12-3456789".to_owned()),
            country: Some("US".to_owned()),
            domains: vec!["society.example".to_owned()],
            document: None,
            verified_by: "user-1".to_owned(),
            verified_on: date(2026, 1, 1),
            expires: date(2027, 1, 1),
        }
    }

    /// B16: who knows a reference or a public number is not yet the organisation.
    #[test]
    fn b16_evidence_proves_a_claim_of_its_holder_only() {
        let on = date(2026, 6, 1);
        let address = |text: &str| Email::parse(text).expect("an address");
        let (own, below, other) =
            (address("a@Society.example"), address("a@it.society.example"), address("a@notsociety.example"));
        let honest = Claimant {
            organization: "EXAMPLE society",
            registration_number: Some("123456789"),
            country: Some("US"),
            contact: &own,
            enrolled: None,
        };
        let evidence = evidence();
        assert!(evidence.proves("nonprofit", &honest, on));
        assert!(evidence.proves("nonprofit", &Claimant { contact: &below, ..honest }, on));
        for stranger in [
            Claimant { contact: &other, ..honest },
            Claimant { registration_number: Some("12-3456780"), ..honest },
            Claimant { registration_number: None, ..honest },
            Claimant { country: Some("CA"), ..honest },
            Claimant { country: None, ..honest },
            Claimant { organization: "Another Society", ..honest },
            Claimant { contact: &other, enrolled: Some("Another Society"), ..honest },
        ] {
            assert!(!evidence.proves("nonprofit", &stranger, on), "{stranger:?}");
        }
        // Who is signed in for the organisation need not state what is recorded.
        let silent = Claimant { registration_number: None, country: None, contact: &other, ..honest };
        assert!(evidence.proves("nonprofit", &Claimant { enrolled: Some("Example Society"), ..silent }, on));
        // Evidence that was recorded before records had domains proves nothing by itself. Staff still decide by it.
        let earlier = SegmentEvidence { domains: Vec::new(), ..evidence };
        assert!(!earlier.proves("nonprofit", &honest, on) && earlier.covers("nonprofit", "Example Society", on));
    }

    /// B16: however a number is written, it is one entry of a register.
    #[test]
    fn b16_an_entry_of_a_register_has_one_form() {
        let entry = |number: &str| Registration::new("nonprofit", "US", number);
        for number in ["12-3456789", "123456789", " 12 345 67 89 ", "１２３４５６７８９"] {
            assert_eq!(entry(number), evidence().registration(), "{number}");
        }
        assert_eq!(entry("de-hrb 1"), entry("DEHRB1"));
        assert!(entry("12-3456780") != evidence().registration() && entry("–").is_none());
        assert_eq!(SegmentEvidence { country: None, ..evidence() }.registration(), None);
        assert_eq!(SegmentEvidence { registration_number: None, ..evidence() }.registration(), None);
    }

    /// C7: who names a public VAT id is not yet its holder.
    #[test]
    fn c7_a_certificate_is_used_by_its_holder_only_if_something_shows_it() {
        let certificate = TaxCertificate {
            id: "DE136695976".to_owned(),
            version: 1,
            kind: VAT_ID.to_owned(),
            organization: "Example Reseller GmbH".to_owned(),
            country: "DE".to_owned(),
            region: None,
            number: "DE136695976".to_owned(),
            domains: vec!["reseller.example".to_owned()],
            document: None,
            verified_by: "user-1".to_owned(),
            from: date(2026, 1, 1),
            expires: date(2027, 1, 1),
        };
        let address = |text: &str| Email::parse(text).expect("an address");
        let (own, other) = (address("rita@Sales.Reseller.example"), address("eve@stranger.example"));
        let nothing = Orderer::default();
        for (orderer, is_holder) in [
            (nothing, false),
            (Orderer { enrolled: Some("EXAMPLE RESELLER GMBH"), ..nothing }, true),
            (Orderer { enrolled: Some("Another Reseller GmbH"), ..nothing }, false),
            (Orderer { proven: Some(&own), ..nothing }, true),
            (Orderer { receiver: Some(&own), ..nothing }, true),
            (Orderer { proven: Some(&other), receiver: Some(&other), ..nothing }, false),
        ] {
            assert_eq!(certificate.is_of(&orderer), is_holder, "{orderer:?}");
        }
        let earlier = TaxCertificate { domains: Vec::new(), ..certificate };
        assert!(!earlier.is_of(&Orderer { proven: Some(&own), receiver: Some(&own), ..nothing }), "recorded before");
        assert!(earlier.is_of(&Orderer { enrolled: Some("Example Reseller GmbH"), ..nothing }));
    }

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
