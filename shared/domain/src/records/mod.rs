//! Records that the vendor's staff enter: enrolled partners (R4), verified evidence (R58, R59) and certificates (R91), cloud
//! sites (R12, R31), and licences that were sold before this system. No member of a request is trusted: a request becomes a
//! record, or every fault is reported.
//!
//! A record is sent as a whole. A check takes the record `before` and returns the new one at the same version: equal when
//! nothing changed, and otherwise to be [advanced](Record::advance).

mod certificate;
mod domains;
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
    name::is_visible,
};

/// The maximum number of memberships, contacts or subscriptions of one record.
pub const MAX_ENTRIES: usize = 100;

/// Who enters a record, when, and under which policy.
#[derive(Clone, Copy)]
pub struct RecordContext<'a> {
    /// The policy in force.
    pub policy: &'a Policy,
    /// The staff member: the subject of the token.
    pub by: &'a str,
    /// The time of the request. The record states it as its time of issue, and its day is the current day of every check.
    pub at: Timestamp,
}

impl RecordContext<'_> {
    fn today(&self) -> Date {
        day_of(self.at, &self.policy.timezone)
    }
}

/// A record that is sent as a whole, and may be sent repeatedly.
pub trait Record: PartialEq {
    /// Adds one to the version.
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

/// Whether a text can be the reference of evidence or of a certificate: 1 to 64 letters, digits, `.`, `-` or `_`, because
/// references appear in paths and in requests.
pub fn is_reference(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_".contains(&b))
}

/// The name of an organisation, as the issuer of its tokens writes it, without surrounding spaces: up to 120 characters, with a
/// letter or digit that can be seen, else `None`.
pub fn organization(given: &str) -> Option<&str> {
    let given = given.trim();
    (is_visible(given) && given.chars().count() <= 120 && given.chars().all(is_plain)).then_some(given)
}

fn few(faults: &mut Faults, pointer: &str, entries: usize) {
    if entries > MAX_ENTRIES {
        faults.add(Code::ValueInvalid, pointer, format!("There are more than {MAX_ENTRIES} entries. Remove some."));
    }
}

fn in_order(faults: &mut Faults, pointer: &str, from: Date, expires: Date) {
    if expires < from {
        let detail = "This is the first day on which the record is no longer valid. It cannot be before its first valid day.";
        faults.add(Code::ValueInvalid, pointer, detail);
    }
}
