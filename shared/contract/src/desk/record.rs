//! Records of the desk: partners, evidence, certificates and sites, as staff send them.

use domain::{
    Code, Refusal,
    fault::Faults,
    records::{CertificateRequest, EvidenceRequest, MembershipRequest, PartnerRequest, SiteContactRequest, SiteRequest},
};
use serde::Serialize;

use super::reason::reason;
use crate::{
    quote::contact,
    reader::{self, Object},
};

/// A record as it was sent, before the rules are applied.
#[derive(Debug)]
pub struct RecordBody<T> {
    /// The record.
    pub request: T,
    /// The version that the sender had read; 0 if there was no record. `None`: the sender replaces any version.
    pub version: Option<u64>,
    /// The reason for the change, for the audit (R118).
    pub reason: Option<String>,
    pub(super) faults: Faults,
}

impl<T> RecordBody<T> {
    pub(super) fn read(body: &[u8], request: impl FnOnce(&mut Object<'_, '_>) -> T) -> Result<Self, Refusal> {
        let ((request, version, given), mut faults) =
            reader::read(body, |object| (request(object), object.integer("version"), object.text("reason")))?;
        if version.is_some_and(|version| version < 0) {
            faults.add(
                Code::ValueInvalid,
                "/version",
                "Give the version that you have read, 0 if there was no record, or leave this member out.",
            );
        }
        let reason = reason(&mut faults, given).flatten();
        Ok(Self { request, version: version.and_then(|version| u64::try_from(version).ok()), reason, faults })
    }

    /// Applies the rules.
    ///
    /// # Errors
    ///
    /// Every fault of the form and every fault that the rules find.
    pub fn judge<R>(&self, rules: impl FnOnce(&T, &mut Faults) -> Option<R>) -> Result<R, Refusal> {
        let mut faults = Faults::default();
        let record = rules(&self.request, &mut faults);
        let mut all = self.faults.clone();
        all.absorb(faults);
        all.into_result(record)
    }
}

/// `PUT /v1/desk/partners/{organization}`.
pub fn partner(body: &[u8]) -> Result<RecordBody<PartnerRequest>, Refusal> {
    RecordBody::read(body, |object| PartnerRequest {
        name: object.text("name"),
        memberships: object.objects("memberships", |membership| MembershipRequest {
            programme: membership.text("programme"),
            tier: membership.text("tier"),
            from: membership.text("from"),
            until: membership.text("until"),
        }),
    })
}

/// `PUT /v1/desk/evidence/{id}`.
pub fn evidence(body: &[u8]) -> Result<RecordBody<EvidenceRequest>, Refusal> {
    RecordBody::read(body, |object| EvidenceRequest {
        segment: object.text("segment"),
        organization: object.text("organization"),
        registration_number: object.text("registration_number"),
        country: object.text("country"),
        domains: object.texts("domains"),
        document: object.text("document"),
        verified_on: object.text("verified_on"),
        expires: object.text("expires"),
    })
}

/// `PUT /v1/desk/certificates/{id}`.
pub fn certificate(body: &[u8]) -> Result<RecordBody<CertificateRequest>, Refusal> {
    RecordBody::read(body, |object| CertificateRequest {
        kind: object.text("kind"),
        organization: object.text("organization"),
        country: object.text("country"),
        region: object.text("region"),
        number: object.text("number"),
        domains: object.texts("domains"),
        document: object.text("document"),
        from: object.text("from"),
        expires: object.text("expires"),
    })
}

/// `PUT /v1/desk/sites/{host}`.
pub fn site(body: &[u8]) -> Result<RecordBody<SiteRequest>, Refusal> {
    RecordBody::read(body, |object| SiteRequest {
        organization: object.text("organization"),
        contacts: object.objects("contacts", |member| SiteContactRequest { role: member.text("role"), contact: contact(member) }),
        entitlements: object.texts("entitlements"),
    })
}

/// The result of sending a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The record is new.
    Created,
    /// The record was changed.
    Updated,
    /// The record had this content already. Nothing was written.
    Unchanged,
    /// The record has faults. Nothing was written.
    Refused,
}
