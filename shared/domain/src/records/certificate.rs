//! Verified tax certificates and VAT ids (R91).

use super::{RecordContext, in_order};
use crate::{
    Code, Policy,
    evidence::{TaxCertificate, VAT_ID, vat_id},
    fault::Faults,
    form::{country, date, optional_region, optional_text, required, text, unknown},
};

/// A verified certificate as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct CertificateRequest {
    pub kind: Option<String>,
    pub organization: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub number: Option<String>,
    pub document: Option<String>,
    pub from: Option<String>,
    pub expires: Option<String>,
}

impl CertificateRequest {
    /// The certificate under the reference `id` (R91). A VAT id is its own reference, in its canonical spelling, and its
    /// own number.
    pub fn check(
        &self,
        id: &str,
        before: Option<&TaxCertificate>,
        on: &RecordContext<'_>,
        faults: &mut Faults,
    ) -> Option<TaxCertificate> {
        let organization = text(faults, "/organization", self.organization.as_deref(), 120);
        let document = optional_text(faults, "/document", self.document.as_deref(), 200);
        let from = date(faults, "/from", self.from.as_deref());
        let expires = date(faults, "/expires", self.expires.as_deref());
        if let Some((from, expires)) = from.zip(expires) {
            in_order(faults, "/expires", from, expires);
        }
        let country = country(faults, "/country", self.country.as_deref());
        let number = match self.kind.as_deref() {
            Some(VAT_ID) => self.vat_id(id, country.as_deref(), faults),
            _ => text(faults, "/number", self.number.as_deref(), 60),
        };
        let region = match (&self.region, &country) {
            (Some(_), Some(country)) => optional_region(faults, "/region", country, self.region.as_deref()),
            _ => Some(None),
        };
        let kind = self.kind(country.as_deref(), on.policy, faults);
        let read = TaxCertificate {
            id: id.to_owned(),
            version: before.map_or(0, |before| before.version),
            kind: kind?,
            organization: organization?,
            country: country?,
            region: region?,
            number: number?,
            document: document?,
            verified_by: on.by.to_owned(),
            from: from?,
            expires: expires?,
        };
        // Whoever sends the same again has not verified it again.
        let again =
            before.filter(|before| **before == TaxCertificate { verified_by: before.verified_by.clone(), ..read.clone() });
        Some(again.cloned().unwrap_or(read))
    }

    fn kind(&self, country: Option<&str>, policy: &Policy, faults: &mut Faults) -> Option<String> {
        let Some(kind) = &self.kind else { return required(faults, "/kind") };
        if kind == VAT_ID {
            return Some(kind.clone());
        }
        let Some(exemption) = policy.tax.exemptions.iter().find(|exemption| exemption.kind == *kind) else {
            let known = std::iter::once(VAT_ID).chain(policy.tax.exemptions.iter().map(|exemption| &*exemption.kind));
            unknown(faults, Code::ValueInvalid, "/kind".to_owned(), "kind of certificate", known);
            return None;
        };
        if let Some(country) = country.filter(|country| !exemption.countries.iter().any(|known| known == country)) {
            let detail = format!("A certificate of this kind does not free from tax in {country}: see the tax policy.");
            faults.add(Code::ValueInvalid, "/country", detail);
        }
        Some(kind.clone())
    }

    /// The number of a VAT id, which is the reference.
    fn vat_id(&self, id: &str, country: Option<&str>, faults: &mut Faults) -> Option<String> {
        let Some(canonical) = vat_id(id).filter(|canonical| canonical == id) else {
            let detail = match vat_id(id) {
                Some(canonical) => format!("A VAT id is its own reference. Write it as {canonical} in the path."),
                None => {
                    "The reference in the path must be the VAT id itself, and this is none: its form or its check digit is wrong."
                        .to_owned()
                }
            };
            faults.add(Code::ValueInvalid, "/kind", detail);
            return None;
        };
        if self.number.as_deref().is_some_and(|number| vat_id(number).as_deref() != Some(id)) {
            faults.add(Code::ValueInvalid, "/number", "This is another VAT id than the reference in the path: leave it out.");
        }
        if country.is_some_and(|country| country != vat_country(&canonical)) {
            let detail = format!("This VAT id is of {}: give that as its country.", vat_country(&canonical));
            faults.add(Code::ValueInvalid, "/country", detail);
        }
        if self.region.is_some() {
            faults.add(Code::NotExpected, "/region", "A VAT id counts in its whole country: leave it out.");
        }
        Some(canonical)
    }
}

/// The ISO 3166 country of a VAT id: two prefixes are not its code.
fn vat_country(canonical: &str) -> &str {
    match canonical.get(..2) {
        Some("EL") => "GR",
        Some("XI") => "GB",
        prefix => prefix.unwrap_or(canonical),
    }
}
