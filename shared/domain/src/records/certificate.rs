//! Verified tax certificates and VAT ids, as the desk records them (R91).

use super::{RecordContext, domains::domains, in_order};
use crate::{
    Code, Policy,
    evidence::{TaxCertificate, VAT_ID, vat_id},
    fault::Faults,
    form::{country, date, name, optional_region, optional_text, required, text, unknown},
};

/// A verified certificate, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct CertificateRequest {
    pub kind: Option<String>,
    pub organization: Option<String>,
    pub country: Option<String>,
    pub region: Option<String>,
    pub number: Option<String>,
    pub domains: Vec<String>,
    pub document: Option<String>,
    pub from: Option<String>,
    pub expires: Option<String>,
}

impl CertificateRequest {
    /// The certificate with the reference `id`, or `None` with every fault added (R91). For a VAT id, the reference and the
    /// number are the VAT id itself, in its canonical spelling.
    pub fn check(
        &self,
        id: &str,
        before: Option<&TaxCertificate>,
        on: &RecordContext<'_>,
        faults: &mut Faults,
    ) -> Option<TaxCertificate> {
        let organization = name(faults, "/organization", self.organization.as_deref(), 120);
        let domains = domains(faults, &self.domains);
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
            domains: domains?,
            document: document?,
            verified_by: on.by.to_owned(),
            from: from?,
            expires: expires?,
        };
        // Sending the same record again is not a new verification.
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
            let detail = format!(
                "A certificate of this kind does not exempt from tax in {country}. See the tax policy for its countries."
            );
            faults.add(Code::ValueInvalid, "/country", detail);
        }
        Some(kind.clone())
    }

    /// The number of a VAT id: its reference.
    fn vat_id(&self, id: &str, country: Option<&str>, faults: &mut Faults) -> Option<String> {
        let Some(canonical) = vat_id(id).filter(|canonical| canonical == id) else {
            let detail = match vat_id(id) {
                Some(canonical) => format!("The reference of a VAT id is the VAT id. Write it as {canonical} in the path."),
                None => "The reference in the path is not a VAT id: its form or check digit is wrong. Write the VAT id there."
                    .to_owned(),
            };
            faults.add(Code::ValueInvalid, "/kind", detail);
            return None;
        };
        if self.number.as_deref().is_some_and(|number| vat_id(number).as_deref() != Some(id)) {
            faults.add(Code::ValueInvalid, "/number", "This is not the VAT id in the path. Leave the number out.");
        }
        if country.is_some_and(|country| country != vat_country(&canonical)) {
            let detail = format!("This VAT id is of {}. Write that country.", vat_country(&canonical));
            faults.add(Code::ValueInvalid, "/country", detail);
        }
        if self.region.is_some() {
            faults.add(Code::NotExpected, "/region", "A VAT id is valid in its whole country. Leave the region out.");
        }
        Some(canonical)
    }
}

/// The ISO 3166 country of a VAT id. The prefixes of two countries are not their ISO codes.
fn vat_country(canonical: &str) -> &str {
    match canonical.get(..2) {
        Some("EL") => "GR",
        Some("XI") => "GB",
        prefix => prefix.unwrap_or(canonical),
    }
}
