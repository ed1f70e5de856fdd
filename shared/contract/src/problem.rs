//! Refusals and failures as `application/problem+json` (RFC 9457), with a stable `code`, every fault with its JSON
//! pointer, and the request's id.

use domain::{Code, Fault, Refusal};
use serde::Serialize;

/// The media type of a problem.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem document.
#[derive(Debug, Clone, Serialize)]
#[allow(missing_docs)]
pub struct Problem {
    #[serde(rename = "type")]
    pub kind: String,
    pub title: &'static str,
    pub status: u16,
    pub code: Code,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl Problem {
    /// A problem without faults in the request: something failed or does not exist.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        let (status, title) = status_and_title(code);
        Self {
            kind: format!("urn:sellthrough:problem:{code}"),
            title,
            status,
            code,
            detail: detail.into(),
            request_id: None,
            errors: Vec::new(),
        }
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let code = refusal.code();
        let detail = match &refusal.faults[..] {
            [only] => only.detail.clone(),
            faults => format!("The request has {} faults, listed in `errors`. Nothing was stored.", faults.len()),
        };
        let problem = Self::new(code, detail);
        // If the only fault is not in the body and has no values to choose from, the problem itself contains everything.
        let says_more = |fault: &Fault| !fault.pointer.is_empty() || !fault.allowed.is_empty();
        let about_the_request = problem.status == 422 || refusal.faults.len() > 1 || refusal.faults.iter().any(says_more);
        Self { errors: if about_the_request { refusal.faults } else { Vec::new() }, ..problem }
    }
}

/// The HTTP status that belongs to a code.
fn status_and_title(code: Code) -> (u16, &'static str) {
    match code {
        Code::MalformedJson
        | Code::UrlMalformed
        | Code::UnknownParameter
        | Code::ParameterInvalid
        | Code::IdempotencyKeyMalformed
        | Code::SignatureInvalid => (400, "Bad request"),
        Code::SignInRequired => (401, "Sign in required"),
        Code::StaffOnly | Code::OwnOrder | Code::LinkReadsOnly => (403, "Not allowed"),
        Code::NotFound => (404, "Not found"),
        Code::MethodNotAllowed => (405, "Method not allowed"),
        Code::QuotePaid
        | Code::RevisionLimit
        | Code::NotYetInvoiced
        | Code::NotYetIssued
        | Code::NoLicenseKey
        | Code::NotInReview
        | Code::RecordChanged => (409, "Not possible in this state"),
        Code::BodyTooLarge => (413, "Body too large"),
        Code::MediaTypeUnsupported => (415, "The body is not JSON"),
        Code::TooManyRequests => (429, "Too many requests"),
        Code::Internal => (500, "Internal error"),
        Code::Unavailable => (503, "Try again later"),
        Code::IdempotencyKeyReused => (422, "Idempotency key reused"),
        Code::RequestInvalid
        | Code::Required
        | Code::WrongType
        | Code::UnknownMember
        | Code::ValueInvalid
        | Code::NotExpected
        | Code::EmailInvalid
        | Code::ContactDetailsNotAllowed
        | Code::CountryUnknown
        | Code::RegionUnknown
        | Code::CurrencyNotOffered
        | Code::ProductUnknown
        | Code::NotPricedInCurrency
        | Code::KindNotOffered
        | Code::QuantityInvalid
        | Code::NoTierForQuantity
        | Code::TermNotOffered
        | Code::NotOnSale
        | Code::EditionUnknown
        | Code::EntitlementNotMatched
        | Code::LicenseeDiffers
        | Code::EntitlementEnded
        | Code::GradeDiffers
        | Code::UpgradeNotHigher
        | Code::MidtermDowngradeNoCredit
        | Code::DowngradeNotLower
        | Code::DowngradeTooEarly
        | Code::DowngradePending
        | Code::MaintenanceCapExceeded
        | Code::RenewalTooLate
        | Code::CotermDateInvalid
        | Code::MonthlyCloudNotResellable
        | Code::MixedBillingPeriods
        | Code::GovFamilyNotSelfService
        | Code::SubscriptionExists
        | Code::SegmentUnknown
        | Code::EvidencePending
        | Code::PolicyUnsound
        | Code::LineCount
        | Code::TermsNotAccepted => (422, "The request cannot be fulfilled"),
    }
}
