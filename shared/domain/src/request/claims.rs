//! The claims of a request: that the end customer belongs to a segment (R58–R60), that the buyer is free from tax (R91). A
//! claim that does not hold is not a fault: list price and full tax apply, and a warning states why.

use jiff::civil::Date;

use super::{
    facts::Facts,
    findings::Findings,
    sent::{MAX_SEGMENTS, Request, SegmentRequest},
};
use crate::{
    Code, Policy,
    evidence::{Claimant, Orderer, SegmentEvidence, TaxCertificate, VAT_ID, vat_id},
    form::{list, optional_country, optional_text, required},
    order::{EVIDENCE_MISSING, ReviewReason},
    party::{Email, Party},
    policy::{Proof, Statement, UnconfirmedClaim},
    price::{ClaimStanding, SegmentClaim},
    tax::TaxClaim,
};

/// What claims are judged with.
#[derive(Clone, Copy)]
pub(super) struct Claiming<'c> {
    pub(super) policy: &'c Policy,
    pub(super) facts: &'c Facts,
    /// The end customer; `None` when it could not be read.
    pub(super) customer: Option<&'c Party>,
    /// The person who receives the keys; `None` when it could not be read.
    pub(super) contact: Option<&'c Email>,
    pub(super) today: Date,
}

impl Request {
    /// The claimed segments; `None` when one of them is not a segment of the policy.
    pub(super) fn segment_claims(&self, claiming: &Claiming<'_>, found: &mut Findings<'_>) -> Option<Vec<SegmentClaim>> {
        if self.segments.len() > MAX_SEGMENTS {
            found.faults.add(
                Code::ValueInvalid,
                "/segments",
                format!("These are too many segments. Claim at most {MAX_SEGMENTS}."),
            );
            return None;
        }
        let mut claims: Option<Vec<SegmentClaim>> = Some(Vec::new());
        for (i, claim) in self.segments.iter().enumerate() {
            let read = claim.check(i, claiming, found);
            let twice =
                read.as_ref().zip(claims.as_ref()).is_some_and(|(it, all)| all.iter().any(|known| known.segment == it.segment));
            if twice {
                found.faults.add(
                    Code::NotExpected,
                    format!("/segments/{i}/segment"),
                    "This segment is claimed twice. Remove one of the claims.",
                );
            }
            claims = claims.zip(read).map(|(mut claims, claim)| {
                claims.push(claim);
                claims
            });
        }
        claims
    }

    /// The buyer's certificates that are valid on a day.
    pub(super) fn tax_claims(
        &self,
        policy: &Policy,
        facts: &Facts,
        buyer: &Party,
        today: Date,
        found: &mut Findings<'_>,
    ) -> Vec<TaxClaim> {
        let mut claims = Vec::new();
        if let Some(given) = &self.tax.vat_id {
            let verified = vat_id(given).map(|id| facts.certificates.get(&id).filter(|known| known.kind == VAT_ID));
            match verified {
                None => found.warn(
                    "vat_id_invalid",
                    "/tax/vat_id",
                    "This is not a VAT id of the European Union: its form or its check digit is wrong. VAT is charged.",
                ),
                Some(Some(known)) if known.counts(&buyer.company, &known.country, None, today) => claims.push(TaxClaim {
                    kind: VAT_ID.to_owned(),
                    number: known.number.clone(),
                    country: known.country.clone(),
                    region: None,
                }),
                Some(_) => found.warn(
                    "vat_pending",
                    "/tax/vat_id",
                    "We have not confirmed yet that this VAT id is yours, so VAT is charged. Revise the quote after the confirmation.",
                ),
            }
        }
        if let Some(given) = &self.tax.certificate {
            let address = &buyer.address;
            let known = facts.certificates.get(given).filter(|known| {
                known.counts(&buyer.company, &address.country, address.region.as_deref(), today)
                    && policy.tax.exemptions.iter().any(|exemption| exemption.kind == known.kind)
            });
            match known {
                Some(known) => claims.push(TaxClaim {
                    kind: known.kind.clone(),
                    number: known.number.clone(),
                    country: known.country.clone(),
                    region: known.region.clone(),
                }),
                None => found.warn(
                    "certificate_not_valid",
                    "/tax/certificate",
                    "No certificate with this reference is valid for you, here and today, so tax is charged. Send us the certificate.",
                ),
            }
        }
        claims
    }
}

/// The reason to review an order whose certificates may be another organisation's (C7), if the policy asks for it. `proven` is the
/// caller's address, and `receiver` that of the keys, as an [`Orderer`] has them.
pub(super) fn unconfirmed(
    claims: &[TaxClaim],
    policy: &Policy,
    facts: &Facts,
    proven: Option<&Email>,
    receiver: Option<&Email>,
) -> Option<ReviewReason> {
    let orderer = Orderer { enrolled: facts.partner.as_ref().map(|partner| &*partner.name), proven, receiver };
    let is_used = |known: &&TaxCertificate| claims.iter().any(|claim| claim.is_from(known));
    let is_unconfirmed = facts.certificates.values().filter(is_used).any(|known| !known.is_of(&orderer));
    (is_unconfirmed && policy.tax.unconfirmed == UnconfirmedClaim::Review).then_some(ReviewReason::TaxClaimUnconfirmed)
}

impl SegmentRequest {
    fn check(&self, index: usize, claiming: &Claiming<'_>, found: &mut Findings<'_>) -> Option<SegmentClaim> {
        let Claiming { policy, facts, customer, contact, today } = *claiming;
        let faults = &mut *found.faults;
        let at = |member: &str| format!("/segments/{index}/{member}");
        let Some(id) = &self.segment else { return required(faults, at("segment")) };
        let claimable = |segment: &&crate::policy::Segment| matches!(segment.proof, Proof::Evidence(_));
        let Some(segment) = policy.segment(id).filter(claimable) else {
            let known: Vec<_> = policy.segments.iter().filter(claimable).map(|segment| &*segment.id).collect();
            let detail = format!("There is no such segment to claim. Choose one of: {}.", known.join(", "));
            faults.add_allowing(Code::SegmentUnknown, at("segment"), detail, known);
            return None;
        };
        let registration_number = optional_text(faults, &at("registration_number"), self.registration_number.as_deref(), 60);
        let country = optional_country(faults, &at("country"), self.country.as_deref());
        let document = optional_text(faults, &at("document"), self.document.as_deref(), 200);
        let evidence = optional_text(faults, &at("evidence"), self.evidence.as_deref(), 64);
        let (registration_number, country, document, evidence) = (registration_number?, country?, document?, evidence?);
        let claimant = customer.zip(contact).map(|(customer, contact)| Claimant {
            organization: &customer.company,
            registration_number: registration_number.as_deref(),
            country: country.as_deref(),
            contact,
            enrolled: facts.partner.as_ref().map(|partner| &*partner.name),
        });
        // B16: a claim need not know the reference. The number and the country of a register find the evidence as well.
        let registration = self.registration();
        let is_meant = |known: &&SegmentEvidence| {
            evidence.as_ref() == Some(&known.id) || registration.is_some() && known.registration() == registration
        };
        let meant = || facts.evidence.values().filter(is_meant);
        let proof = claimant.and_then(|claimant| meant().find(|known| known.proves(id, &claimant, today)));
        let proven = proof.is_some();
        let evidence = proof.map(|proof| proof.id.clone()).or(evidence);
        let Proof::Evidence(wanted) = &segment.proof else { return None };
        let missing: Vec<_> = wanted.iter().filter(|statement| self.states(**statement).is_none()).collect();
        let standing = match (proven, missing.is_empty() || evidence.is_some()) {
            (true, _) => ClaimStanding::Proven,
            (false, true) => ClaimStanding::Pending,
            (false, false) => ClaimStanding::Incomplete,
        };
        if standing == ClaimStanding::Incomplete {
            let missing = list(missing.iter().map(|statement| format!("`{}`", statement.as_str())));
            let name = &segment.name;
            let detail = format!("There is no discount for `{id}` ({name}) yet. To claim it, add {missing}.");
            found.warn(EVIDENCE_MISSING, format!("/segments/{index}"), detail);
        }
        Some(SegmentClaim { segment: id.clone(), evidence, registration_number, country, document, standing })
    }

    fn states(&self, statement: Statement) -> Option<&str> {
        let text = match statement {
            Statement::RegistrationNumber => &self.registration_number,
            Statement::Country => &self.country,
            Statement::Document => &self.document,
        };
        text.as_deref().map(str::trim).filter(|text| !text.is_empty())
    }
}

impl Statement {
    /// The member of a claim that makes this statement.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RegistrationNumber => "registration_number",
            Self::Country => "country",
            Self::Document => "document",
        }
    }
}
