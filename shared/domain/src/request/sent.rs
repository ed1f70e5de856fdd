//! A quote request as it is sent. A member that is absent or unreadable is `None`.

use crate::{evidence::Registration, form::ContactRequest, place};

/// The most segments that one quote can claim.
pub const MAX_SEGMENTS: usize = 20;

/// The most lines that one quote can hold. A hundred lines still fit on a document, and in one stored item.
pub const MAX_LINES: usize = 100;

/// A quote request as it was sent. A member that was absent or unreadable is `None`.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct Request {
    pub purchasing_for: Option<String>,
    pub currency: Option<String>,
    pub reseller: Option<PartyRequest>,
    pub customer: Option<PartyRequest>,
    pub lines: Vec<LineRequest>,
    pub segments: Vec<SegmentRequest>,
    pub tax: TaxRequest,
    pub po_number: Option<String>,
    pub notes: Option<String>,
    pub accept: AcceptRequest,
    pub locale: Option<String>,
}

/// An organisation, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct PartyRequest {
    pub company: Option<String>,
    pub contact: ContactRequest,
    pub address: AddressRequest,
    pub technical_contact: Option<ContactRequest>,
}

/// An address, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct AddressRequest {
    pub street: Option<String>,
    pub city: Option<String>,
    pub postal_code: Option<String>,
    pub region: Option<String>,
    pub country: Option<String>,
}

/// A line, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct LineRequest {
    pub kind: Option<String>,
    pub product: Option<String>,
    pub edition: Option<String>,
    pub users: Option<i64>,
    pub term_months: Option<i64>,
    pub until: Option<String>,
    pub sen: Option<String>,
    pub contact: Option<String>,
    pub site: Option<String>,
    pub migrates_from: Option<String>,
}

/// A claim of a segment, as sent (R58, R59).
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct SegmentRequest {
    pub segment: Option<String>,
    pub evidence: Option<String>,
    pub registration_number: Option<String>,
    pub country: Option<String>,
    pub document: Option<String>,
}

impl SegmentRequest {
    /// The entry of a register that the claim states, if it states a number and a country.
    pub(super) fn registration(&self) -> Option<Registration> {
        let country = place::country(self.country.as_deref()?)?;
        Registration::new(self.segment.as_deref()?, &country, self.registration_number.as_deref()?)
    }
}

/// The buyer's certificates, as sent (R91).
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct TaxRequest {
    pub vat_id: Option<String>,
    pub certificate: Option<String>,
}

/// The versions of the legal texts that were accepted, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct AcceptRequest {
    pub terms: Option<String>,
    pub reseller_agreement: Option<String>,
}
