//! The domain's no. A [`Refusal`] says everything that is wrong, where, and what to do; it changes nothing and is
//! never worth retrying as it is. The shell's own codes are in the same list, so that there is one.

use std::fmt::{self, Display};

use serde::Serialize;

macro_rules! codes {
    ($($(#[$doc:meta])+ $name:ident = $text:literal,)+) => {
        /// The stable name of a refusal. Callers branch on it; the words beside it may change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[$doc])+ $name,)+ }

        impl Code {
            /// Every code there is, in the order of this file.
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            /// As it is written on the wire.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

codes! {
    /// Several faults of different codes; each is listed.
    RequestInvalid = "request_invalid",
    /// The body is not JSON.
    MalformedJson = "malformed_json",
    /// The path or the query cannot be read, or has a parameter twice.
    UrlMalformed = "url_malformed",
    /// A required member is missing or empty.
    Required = "required",
    /// A member has another JSON type than it should.
    WrongType = "wrong_type",
    /// The member is not part of this request. Nothing that is sent is silently ignored.
    UnknownMember = "unknown_member",
    /// The value is too long, has control characters, or is otherwise not of the form.
    ValueInvalid = "value_invalid",
    /// The member is known, but must not be sent in this combination.
    NotExpected = "not_expected",
    /// Not an e-mail address.
    EmailInvalid = "email_invalid",
    /// Not an ISO 3166-1 country.
    CountryUnknown = "country_unknown",
    /// Not an ISO 3166-2 subdivision of the country.
    RegionUnknown = "region_unknown",
    /// The vendor has no price book in this currency.
    CurrencyNotOffered = "currency_not_offered",
    /// No product of this name is sold.
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
    /// Number and contact do not belong together, or one of them is unknown: nobody can tell which (R28).
    EntitlementNotMatched = "entitlement_not_matched",
    /// The entitlement is licensed to another organisation than the customer of the order.
    LicenseeDiffers = "licensee_differs",
    /// The entitlement has ended: it must be renewed first.
    EntitlementEnded = "entitlement_ended",
    /// A renewal and a co-term keep tier and edition.
    GradeDiffers = "grade_differs",
    /// An upgrade is to more than there is.
    UpgradeNotHigher = "upgrade_not_higher",
    /// There is no credit for less in the middle of a term (E18).
    MidtermDowngradeNoCredit = "midterm_downgrade_no_credit",
    /// A downgrade is to less than there is.
    DowngradeNotLower = "downgrade_not_lower",
    /// A downgrade can be ordered shortly before the end only (E18).
    DowngradeTooEarly = "downgrade_too_early",
    /// A downgrade is ordered, and has not begun: what is paid for in two grades is not changed meanwhile (E18).
    DowngradePending = "downgrade_pending",
    /// It would be covered further ahead than the vendor sells (E16).
    MaintenanceCapExceeded = "maintenance_cap_exceeded",
    /// It ended too long ago to be renewed from there (facts 2.7).
    RenewalTooLate = "renewal_too_late",
    /// The date is not one to co-term to (R44).
    CotermDateInvalid = "coterm_date_invalid",
    /// Resellers cannot buy monthly cloud (R45).
    MonthlyCloudNotResellable = "monthly_cloud_not_resellable",
    /// Monthly cloud is not ordered together with anything else (R77).
    MixedBillingPeriods = "mixed_billing_periods",
    /// Government products are not sold without a conversation (R105).
    GovFamilyNotSelfService = "gov_family_not_self_service",
    /// One subscription to a government product covers all its instances (R106).
    SubscriptionExists = "subscription_exists",
    /// There is no such segment to claim.
    SegmentUnknown = "segment_unknown",
    /// The order has no line, or more than a document can hold.
    LineCount = "line_count",
    /// The current terms, or the current reseller agreement, were not accepted (R6, R21).
    TermsNotAccepted = "terms_not_accepted",
    /// The `Idempotency-Key` header is not a key.
    IdempotencyKeyMalformed = "idempotency_key_malformed",
    /// The key was used before, for another request.
    IdempotencyKeyReused = "idempotency_key_reused",
    /// There is no such thing, or it is not yours to see: nobody can tell which.
    NotFound = "not_found",
    /// Sign in first: no bearer token, or not one that we can accept.
    SignInRequired = "sign_in_required",
    /// Signed in, but not for this: vendor staff only.
    StaffOnly = "staff_only",
    /// Nobody approves what they asked for themselves (R34).
    OwnOrder = "own_order",
    /// Asked too often: wait.
    TooManyRequests = "too_many_requests",
    /// The record was changed since it was read.
    RecordChanged = "record_changed",
    /// Nothing of the quote waits for a decision.
    NotInReview = "not_in_review",
    /// A discount is claimed that nothing on record proves (R58): whoever approves says which evidence does, or that the
    /// quote is to be without it.
    EvidencePending = "evidence_pending",
    /// The vendor's policy has mistakes: nothing was published.
    PolicyUnsound = "policy_unsound",
    /// The quote is paid: it can no longer be revised.
    QuotePaid = "quote_paid",
    /// The quote has too many revisions to keep them all: start a new one.
    RevisionLimit = "revision_limit_reached",
    /// The document is not there yet: a person looks at the quote first.
    NotYetIssued = "not_yet_issued",
    /// The document is not there yet: the quote is not paid.
    NotYetInvoiced = "not_yet_invoiced",
    /// A cloud subscription has no key (R53).
    NoLicenseKey = "no_license_key",
    /// The webhook's signature is missing, forged or too old.
    SignatureInvalid = "signature_invalid",
    /// The request's body is larger than we read.
    BodyTooLarge = "body_too_large",
    /// The path is served, but not with this method.
    MethodNotAllowed = "method_not_allowed",
    /// Something of ours failed. Trying again later is right.
    Unavailable = "unavailable",
    /// Something of ours is broken.
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
    /// What kind of wrong, for programs.
    pub code: Code,
    /// Where, as an RFC 6901 JSON pointer into the request's body.
    pub pointer: String,
    /// What is wrong and what to do, for people. Never repeats a value that may be personal.
    pub detail: String,
}

/// As many faults as anybody mends at once: a request of a hundred lines may have one in each.
const MAX_FAULTS: usize = 200;

/// A collector of faults: rules run on to the end, so that the caller is told everything at once.
#[derive(Debug, Clone, Default)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// Notes a fault at `pointer`.
    pub fn add(&mut self, code: Code, pointer: impl Display, detail: impl Into<String>) {
        self.push(Fault { code, pointer: pointer.to_string(), detail: detail.into() });
    }

    /// An answer must stay readable, however much is wrong: the last place says that there is more.
    fn push(&mut self, fault: Fault) {
        match self.0.len() {
            0..MAX_FAULTS => self.0.push(fault),
            MAX_FAULTS => self.0.push(Fault {
                code: Code::RequestInvalid,
                pointer: String::new(),
                detail: "There is more. Mend these first.".to_owned(),
            }),
            _ => {}
        }
    }

    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes over `others`, but for those at or below a place that is already faulted: a member that could not be
    /// read is not also missing.
    pub fn absorb(&mut self, others: Faults) {
        let news: Vec<_> = others.0.into_iter().filter(|new| !self.0.iter().any(|old| covers(old, new))).collect();
        for new in news {
            self.push(new);
        }
    }

    /// `Ok(value)` when nothing is wrong. Whoever has no value must have noted why.
    pub fn into_result<T>(self, value: Option<T>) -> Result<T, Refusal> {
        match value {
            Some(value) if self.0.is_empty() => Ok(value),
            _ => {
                debug_assert!(!self.0.is_empty(), "whoever has no value notes why");
                Err(Refusal { faults: self.0 })
            }
        }
    }
}

fn covers(old: &Fault, new: &Fault) -> bool {
    new.pointer.strip_prefix(&old.pointer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Why a request is refused: everything that is wrong with it. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What is wrong: never empty.
    pub faults: Vec<Fault>,
}

impl Refusal {
    /// A refusal of the request as a whole.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self::at(code, "", detail)
    }

    /// A refusal because of one member.
    pub fn at(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { faults: vec![Fault { code, pointer: pointer.into(), detail: detail.into() }] }
    }

    /// The one answer to everything that is missing or not the caller's to see (design: what somebody may not see
    /// does not exist).
    pub fn not_found() -> Self {
        let detail =
            "There is nothing at this address, or it is not yours to see. Check it for typing errors, and take all of a link.";
        Self::new(Code::NotFound, detail)
    }

    /// The code that stands for the whole: the one that all faults share, or [`Code::RequestInvalid`].
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
    fn a_member_that_could_not_be_read_is_not_also_missing() {
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
