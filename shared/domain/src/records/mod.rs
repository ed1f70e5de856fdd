//! What the vendor's staff bring in: enrolled partners (R4), verified evidence (R58, R59) and certificates (R91), cloud
//! sites (R12, R31), and licences that were sold before. Everything may be missing, and nothing is trusted: a request
//! becomes a record, or everything that is wrong with it is said.
//!
//! A record is sent as a whole. What is checked is given the record `before`, and answers it as it shall be at the same
//! version: equal when nothing changed, and otherwise [advanced](Record::advance).

mod certificate;
mod entitlement;
mod evidence;
mod partner;
mod site;

use jiff::{Timestamp, civil::Date};

pub use self::{
    certificate::CertificateRequest,
    entitlement::{EntitlementRequest, PurchaserRequest},
    evidence::EvidenceRequest,
    partner::{MembershipRequest, PartnerRequest},
    site::{SiteContactRequest, SiteRequest},
};
use crate::{
    Code, Policy,
    calendar::day_of,
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate},
    fault::Faults,
    form::is_plain,
    license::Entitlement,
};

/// The most memberships, contacts or subscriptions of one record.
pub const MAX_ENTRIES: usize = 100;

/// On whose word something is brought in, and when.
#[derive(Clone, Copy)]
pub struct RecordContext<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// Who brings it in: the subject of their token.
    pub by: &'a str,
    /// The instant that the record says it was issued at; its day decides what has begun and ended.
    pub at: Timestamp,
}

impl RecordContext<'_> {
    fn today(&self) -> Date {
        day_of(self.at, &self.policy.timezone)
    }
}

/// What is brought in as a whole, again and again.
pub trait Record: PartialEq {
    /// Counts one more write.
    fn advance(&mut self);
}

macro_rules! records {
    ($($name:ident),+) => {
        $(impl Record for $name {
            fn advance(&mut self) {
                self.version += 1;
            }
        })+
    };
}

records!(Partner, SegmentEvidence, TaxCertificate, Site, Entitlement);

/// Whether this can be the reference of evidence or of a certificate: it stands in paths, and in what customers send.
pub fn is_reference(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

/// The name of an organisation, as the issuer of its tokens gives it, without space around it: 1 to 120 characters that
/// can be seen.
pub fn organization(given: &str) -> Option<&str> {
    let given = given.trim();
    (!given.is_empty() && given.chars().count() <= 120 && given.chars().all(is_plain)).then_some(given)
}

fn few(faults: &mut Faults, pointer: &str, entries: usize) {
    if entries > MAX_ENTRIES {
        faults.add(Code::ValueInvalid, pointer, format!("There are more than {MAX_ENTRIES}."));
    }
}

fn in_order(faults: &mut Faults, pointer: &str, from: Date, expires: Date) {
    if expires < from {
        let detail = "This is the first day on which it no longer counts: it cannot be before the first on which it does.";
        faults.add(Code::ValueInvalid, pointer, detail);
    }
}
