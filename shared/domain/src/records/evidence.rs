//! Verified evidence that an end customer belongs to a segment, as the desk records it (R58, R59).

use super::{RecordContext, domains::domains, in_order};
use crate::{
    Code, Policy,
    evidence::SegmentEvidence,
    fault::Faults,
    form::{date, name, optional_country, optional_date, optional_text, required, unknown},
    policy::{Proof, Statement},
};

/// Verified evidence, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct EvidenceRequest {
    pub segment: Option<String>,
    pub organization: Option<String>,
    pub registration_number: Option<String>,
    pub country: Option<String>,
    pub domains: Vec<String>,
    pub document: Option<String>,
    pub verified_on: Option<String>,
    pub expires: Option<String>,
}

impl EvidenceRequest {
    /// The evidence with the reference `id`, or `None` with every fault added. It must have every statement that the segment's
    /// proof requires (R58, R59). Sending the same record again is not a new verification.
    pub fn check(
        &self,
        id: &str,
        before: Option<&SegmentEvidence>,
        on: &RecordContext<'_>,
        faults: &mut Faults,
    ) -> Option<SegmentEvidence> {
        let organization = name(faults, "/organization", self.organization.as_deref(), 120);
        let registration_number = optional_text(faults, "/registration_number", self.registration_number.as_deref(), 60);
        let country = optional_country(faults, "/country", self.country.as_deref());
        let domains = domains(faults, &self.domains);
        let document = optional_text(faults, "/document", self.document.as_deref(), 200);
        let verified_on = optional_date(faults, "/verified_on", self.verified_on.as_deref());
        let expires = date(faults, "/expires", self.expires.as_deref());
        let segment = self.segment(on.policy, faults);
        for statement in segment.iter().flat_map(|(_, statements)| *statements) {
            let given = match statement {
                Statement::RegistrationNumber => &self.registration_number,
                Statement::Country => &self.country,
                Statement::Document => &self.document,
            };
            if given.as_deref().is_none_or(|given| given.trim().is_empty()) {
                let detail = "The proof of this segment requires this member: add it.";
                faults.add(Code::Required, format!("/{}", statement.as_str()), detail);
            }
        }
        let verified_on = verified_on?;
        let read = SegmentEvidence {
            id: id.to_owned(),
            version: before.map_or(0, |before| before.version),
            segment: segment?.0.to_owned(),
            organization: organization?,
            registration_number: registration_number?,
            country: country?,
            domains: domains?,
            document: document?,
            verified_by: on.by.to_owned(),
            verified_on: verified_on.unwrap_or(on.today()),
            expires: expires?,
        };
        let again = before.filter(|before| {
            let verified_on = verified_on.unwrap_or(before.verified_on);
            **before == SegmentEvidence { verified_by: before.verified_by.clone(), verified_on, ..read.clone() }
        });
        let record = again.cloned().unwrap_or(read);
        if record.verified_on > on.today() {
            faults.add(Code::ValueInvalid, "/verified_on", "This day is in the future. Record the day of the verification.");
        }
        in_order(faults, "/expires", record.verified_on, record.expires);
        Some(record)
    }

    /// The segment, with the statements that its proof requires.
    fn segment<'p>(&self, policy: &'p Policy, faults: &mut Faults) -> Option<(&'p str, &'p [Statement])> {
        let provable = || {
            policy.segments.iter().filter_map(|segment| match &segment.proof {
                Proof::Evidence(statements) => Some((&*segment.id, &**statements)),
                Proof::SourceEntitlement { .. } => None,
            })
        };
        let Some(id) = &self.segment else { return required(faults, "/segment") };
        let found = provable().find(|(known, _)| known == id);
        if found.is_none() {
            unknown(
                faults,
                Code::SegmentUnknown,
                "/segment".to_owned(),
                "segment that evidence proves",
                provable().map(|(id, _)| id),
            );
        }
        found
    }
}
