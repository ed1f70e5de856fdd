//! Refusals. A [`Refusal`] lists everything that is wrong with a request, where it is, and what to do. A refused request
//! changes nothing, and the same request is refused again, so a caller must not retry it unchanged. The codes of the other
//! crates (sign-in, limits, failures) are in the same list, so that each code is defined once.

use std::fmt::{self, Display};

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal,)+) => {
        /// The stable code of a refusal. Callers branch on the code; the text beside the code may change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])+ $name,)+ }

        impl Code {
            /// Every code, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// The code as the API writes it: `snake_case`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// The request has several faults with different codes. Each fault is listed.
    RequestInvalid = "request_invalid",
    /// The body is not JSON.
    MalformedJson = "malformed_json",
    /// The path or the query string cannot be read, or repeats a parameter.
    UrlMalformed = "url_malformed",
    /// The route does not accept this query parameter. No parameter is silently ignored.
    UnknownParameter = "unknown_parameter",
    /// The value of a query parameter is not accepted, or is not a cursor of this list.
    ParameterInvalid = "parameter_invalid",
    /// A required member is missing or empty.
    Required = "required",
    /// A member has the wrong JSON type.
    WrongType = "wrong_type",
    /// The member is not part of this request. No member is silently ignored.
    UnknownMember = "unknown_member",
    /// The value is too long, has control characters, or does not have the required form.
    ValueInvalid = "value_invalid",
    /// The member exists, but must not be sent together with the others.
    NotExpected = "not_expected",
    /// The value is not an e-mail address.
    EmailInvalid = "email_invalid",
    /// The text has a web address, an e-mail address, or a number to call or to pay to. Letters repeat the text in the vendor's
    /// name.
    ContactDetailsNotAllowed = "contact_details_not_allowed",
    /// The value is not an ISO 3166-1 country.
    CountryUnknown = "country_unknown",
    /// The value is not an ISO 3166-2 subdivision of the country.
    RegionUnknown = "region_unknown",
    /// The vendor has no price book in this currency.
    CurrencyNotOffered = "currency_not_offered",
    /// The catalogue has no product with this id.
    ProductUnknown = "product_unknown",
    /// The product is not sold in this currency.
    NotPricedInCurrency = "not_priced_in_currency",
    /// The product cannot be ordered in this way.
    KindNotOffered = "kind_not_offered",
    /// The number of users is not a positive number (E2).
    QuantityInvalid = "quantity_invalid",
    /// No tier is large enough (E2).
    NoTierForQuantity = "no_tier_for_quantity",
    /// The product is not sold for this number of months.
    TermNotOffered = "term_not_offered",
    /// The product cannot be ordered in this way on this day (facts 2.4).
    NotOnSale = "not_on_sale",
    /// The product has no such edition.
    EditionUnknown = "edition_unknown",
    /// The number and the contact do not belong together, or one of them is unknown. The response does not reveal which (R28).
    EntitlementNotMatched = "entitlement_not_matched",
    /// The entitlement is licensed to an organisation other than the customer of the order.
    LicenseeDiffers = "licensee_differs",
    /// The entitlement has ended and must be renewed first, or it is closed and nothing can be ordered for it.
    EntitlementEnded = "entitlement_ended",
    /// A renewal or a co-term has another tier or edition than the entitlement.
    GradeDiffers = "grade_differs",
    /// The tier and edition of an upgrade are the ones that the entitlement has.
    UpgradeNotHigher = "upgrade_not_higher",
    /// An upgrade has a lower tier or edition. There is no credit for a lower one in the middle of a term (E18).
    MidtermDowngradeNoCredit = "midterm_downgrade_no_credit",
    /// A downgrade does not have a lower tier or edition than the entitlement.
    DowngradeNotLower = "downgrade_not_lower",
    /// A downgrade can be ordered only in the last days before the end (E18).
    DowngradeTooEarly = "downgrade_too_early",
    /// A downgrade is ordered and has not begun. Until then the entitlement cannot be changed, because its time is paid for in
    /// two grades (E18).
    DowngradePending = "downgrade_pending",
    /// The cover would end later than the vendor sells ahead (E16).
    MaintenanceCapExceeded = "maintenance_cap_exceeded",
    /// The entitlement ended too long ago to be renewed from its end (facts 2.7).
    RenewalTooLate = "renewal_too_late",
    /// The date cannot be the end of a co-term (R44).
    CotermDateInvalid = "coterm_date_invalid",
    /// Resellers cannot buy monthly cloud (R45).
    MonthlyCloudNotResellable = "monthly_cloud_not_resellable",
    /// Monthly cloud cannot be on one order with other products (R77).
    MixedBillingPeriods = "mixed_billing_periods",
    /// Government products are sold only by an appointed aggregator (R105).
    GovFamilyNotSelfService = "gov_family_not_self_service",
    /// The customer has a subscription to this government product. One subscription covers all its instances (R106).
    SubscriptionExists = "subscription_exists",
    /// The policy has no such segment that a request can claim.
    SegmentUnknown = "segment_unknown",
    /// The order has no line, or more than a document can hold.
    LineCount = "line_count",
    /// The current terms or the current reseller agreement were not accepted (R6, R21).
    TermsNotAccepted = "terms_not_accepted",
    /// The `Idempotency-Key` header does not have the required form.
    IdempotencyKeyMalformed = "idempotency_key_malformed",
    /// The idempotency key was used before for another request.
    IdempotencyKeyReused = "idempotency_key_reused",
    /// The resource does not exist, or the caller may not see it. The response does not reveal which.
    NotFound = "not_found",
    /// The request has no bearer token, or one that is not accepted.
    SignInRequired = "sign_in_required",
    /// The caller is signed in, but the endpoint is for vendor staff only.
    StaffOnly = "staff_only",
    /// The reviewer requested this quote. A different person must approve it (R34).
    OwnOrder = "own_order",
    /// The caller wants to change a quote, and holds the link that only reads and pays.
    LinkReadsOnly = "link_reads_only",
    /// The caller sent too many requests and must wait.
    TooManyRequests = "too_many_requests",
    /// The record was changed since it was read.
    RecordChanged = "record_changed",
    /// The quote is not in review.
    NotInReview = "not_in_review",
    /// The quote claims a discount that no recorded evidence proves (R58). The approval must name the evidence, or state that
    /// the quote is issued without the discount.
    EvidencePending = "evidence_pending",
    /// The vendor's policy has mistakes. It was not published.
    PolicyUnsound = "policy_unsound",
    /// The quote is paid and can no longer be revised.
    QuotePaid = "quote_paid",
    /// The quote cannot store another revision. The buyer must request a new quote.
    RevisionLimit = "revision_limit_reached",
    /// The document does not exist yet, because the quote is in review.
    NotYetIssued = "not_yet_issued",
    /// The document does not exist yet, because the quote is not paid.
    NotYetInvoiced = "not_yet_invoiced",
    /// A cloud subscription has no key (R53).
    NoLicenseKey = "no_license_key",
    /// The webhook's signature is missing, forged or too old.
    SignatureInvalid = "signature_invalid",
    /// The request's body is larger than the limit.
    BodyTooLarge = "body_too_large",
    /// The body is not of the media type that the endpoint reads.
    MediaTypeUnsupported = "media_type_unsupported",
    /// The path exists, but not with this HTTP method.
    MethodNotAllowed = "method_not_allowed",
    /// The service failed temporarily. The caller may retry later.
    Unavailable = "unavailable",
    /// The service has a defect. A retry does not help.
    Internal = "internal",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One thing that is wrong with a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The kind of fault, for programs.
    pub code: Code,
    /// The place, as an RFC 6901 JSON pointer into the request's body.
    pub pointer: String,
    /// What is wrong and what to do, for people. The text never repeats a value that may be personal.
    pub detail: String,
    /// The values or names that would be accepted, for programs. Empty: they cannot be listed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed: Vec<String>,
}

impl Fault {
    /// A fault at `pointer`.
    pub fn new(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code, pointer: pointer.into(), detail: detail.into(), allowed: Vec::new() }
    }

    /// The same fault, with the values or names that would be accepted.
    #[must_use]
    pub fn allowing(self, allowed: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { allowed: allowed.into_iter().map(Into::into).collect(), ..self }
    }
}

/// The most faults of one refusal. A request of a hundred lines may have one in each.
const MAX_FAULTS: usize = 200;

/// Collects faults. All rules are checked to the end, so that a refusal reports every fault at once.
#[derive(Debug, Clone, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Adds a fault at `pointer`.
    pub fn add(&mut self, code: Code, pointer: impl Display, detail: impl Into<String>) {
        self.push(Fault::new(code, pointer.to_string(), detail));
    }

    /// Adds a fault at `pointer`, with the values or names that would be accepted.
    pub fn add_allowing(
        &mut self,
        code: Code,
        pointer: impl Display,
        detail: impl Into<String>,
        allowed: impl IntoIterator<Item = impl Into<String>>,
    ) {
        self.push(Fault::new(code, pointer.to_string(), detail).allowing(allowed));
    }

    /// Adds all faults of a refusal.
    pub fn absorb_all(&mut self, refusal: Refusal) {
        refusal.faults.into_iter().for_each(|fault| self.push(fault));
    }

    /// Adds a fault up to the limit. One more fault then states that there are others, so that a response stays readable.
    fn push(&mut self, fault: Fault) {
        match self.0.len() {
            0..MAX_FAULTS => self.0.push(fault),
            MAX_FAULTS => {
                let detail = "There are more faults. Correct these, then send the request again.";
                self.0.push(Fault::new(Code::RequestInvalid, "", detail));
            }
            _ => {}
        }
    }

    /// Whether no fault was added so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds `others`, except for faults at or below a place that already has a fault: a member that could not be read is not
    /// reported as missing too.
    pub fn absorb(&mut self, others: Faults) {
        let news: Vec<_> = others.0.into_iter().filter(|new| !self.0.iter().any(|old| covers(old, new))).collect();
        for new in news {
            self.push(new);
        }
    }

    /// `Ok(value)` when there is no fault, else the refusal. A caller that passes `None` must have added the fault that
    /// explains why.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                debug_assert!(!self.0.is_empty(), "a missing value has a fault that explains it");
                Err(Refusal { faults: self.0 })
            }
        }
    }
}

fn covers(old: &Fault, new: &Fault) -> bool {
    new.pointer.strip_prefix(&old.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a request is refused: every fault of the request. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The faults, at least one.
    pub faults: Vec<Fault>,
}

impl Refusal {
    /// A refusal of the whole request: its one fault has an empty pointer.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::at(code, "", detail)
    }

    /// A refusal because of the member at `pointer`.
    pub fn at(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { faults: vec![Fault::new(code, pointer, detail)] }
    }

    /// The same refusal, whose faults state the values or names that would be accepted.
    #[must_use]
    pub fn allowing(self, allowed: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let allowed: Vec<String> = allowed.into_iter().map(Into::into).collect();
        Self { faults: self.faults.into_iter().map(|fault| fault.allowing(allowed.iter().cloned())).collect() }
    }

    /// The same refusal for what does not exist and for what the caller may not see, so that the response reveals nothing about
    /// the latter.
    pub fn not_found() -> Self {
        let detail =
            "There is nothing at this address, or you may not see it. Check it for typing errors, and use the whole link.";
        Self::new(Code::NotFound, detail)
    }

    /// The code of the whole refusal: the code that all faults share, or [`Code::RequestInvalid`].
    pub fn code(&self) -> Code {
        match &self.faults[..] {
            [first, rest @ ..] if rest.iter().all(|fault| fault.code == first.code) => first.code,
            _ => Code::RequestInvalid,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "refused: {}", self.code())
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_could_not_be_read_is_not_reported_as_missing_too() {
        let mut shape = Faults::default();
        shape.add(Code::WrongType, "/customer", "an object, please");
        let mut rules = Faults::default();
        rules.add(Code::Required, "/customer/company", "missing");
        rules.add(Code::Required, "/customers", "another member");
        shape.absorb(rules);
        let pointers: Vec<_> = shape.0.iter().map(|fault| &*fault.pointer).collect();
        assert_eq!(pointers, ["/customer", "/customers"]);
    }

    #[test]
    fn codes_are_distinct_and_snake_case() {
        let mut names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(names.iter().all(|name| name.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Code::ALL.len());
    }
}
