//! An order: a request that the rules allow, priced, with the reasons why a person must review it first.

use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Currency,
    channel::ChannelStatus,
    party::{Contact, Party},
    price::{Line, SegmentClaim},
    tax::TaxClaim,
};

/// The code of the warning about a claim that lacks a required statement.
pub(crate) const EVIDENCE_MISSING: &str = "segment_evidence_missing";

/// Whether the buyer buys for a customer or for itself (R19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchasingFor {
    /// A reseller buys for an end customer. The reseller is billed, the customer is licensed.
    Customer,
    /// The buyer is the licensee and is billed.
    #[serde(rename = "self")]
    Itself,
}

/// A request that the rules allow, priced.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whether a reseller buys for a customer.
    pub purchasing_for: PurchasingFor,
    /// The currency of the whole document.
    pub currency: Currency,
    /// The reseller; present exactly when it buys for a customer.
    pub reseller: Option<Party>,
    /// The end customer: the licensee.
    pub customer: Party,
    /// The person who will receive the key.
    pub technical_contact: Contact,
    /// The seller's standing in the channel.
    pub channel: ChannelStatus,
    /// The claims about the end customer's segments.
    pub segments: Vec<SegmentClaim>,
    /// The buyer's certificates that are valid.
    pub tax_claims: Vec<TaxClaim>,
    /// The lines, in the order of the request.
    pub lines: Vec<Line>,
    /// Why a person must review the order first (R32).
    pub review: Vec<ReviewReason>,
    /// The buyer's purchase order number.
    pub po_number: Option<String>,
    /// The buyer's notes (R40).
    pub notes: Option<String>,
    /// The acceptance of the legal texts (R6, R21).
    pub acceptance: Acceptance,
    /// The language of letters and documents.
    pub locale: String,
    /// What is unusual but allowed (R20).
    pub warnings: Vec<Warning>,
}

/// Why a person must review an order before it can be paid (R32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// Licences are to end on a common date. A co-term is always reviewed (R41).
    CotermRequested,
    /// A discount is claimed whose evidence is not verified (R58).
    SegmentEvidencePending,
    /// A government product is ordered for a customer that is not verified as a government customer (R102).
    GovernmentUnverified,
    /// A VAT id or certificate on record frees the order from tax, and nothing shows that the buyer is its holder (C7).
    TaxClaimUnconfirmed,
    /// A new subscription is for a cloud site that exists. The vendor's team quotes it (R7).
    ExistingSite,
    /// The total is above the vendor's limit.
    AmountAboveLimit,
    /// A credit covers the whole total. There is nothing to pay, so no payment can trigger the delivery.
    NothingToPay,
}

impl ReviewReason {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CotermRequested => "coterm_requested",
            Self::SegmentEvidencePending => "segment_evidence_pending",
            Self::GovernmentUnverified => "government_unverified",
            Self::TaxClaimUnconfirmed => "tax_claim_unconfirmed",
            Self::ExistingSite => "existing_site",
            Self::AmountAboveLimit => "amount_above_limit",
            Self::NothingToPay => "nothing_to_pay",
        }
    }

    /// The key of the reason's text in letters.
    pub fn text_key(self) -> &'static str {
        match self {
            Self::CotermRequested => "review.coterm_requested",
            Self::SegmentEvidencePending => "review.segment_evidence_pending",
            Self::GovernmentUnverified => "review.government_unverified",
            Self::TaxClaimUnconfirmed => "review.tax_claim_unconfirmed",
            Self::ExistingSite => "review.existing_site",
            Self::AmountAboveLimit => "review.amount_above_limit",
            Self::NothingToPay => "review.nothing_to_pay",
        }
    }
}

/// The proof that the legal texts were accepted: per order, with person, time and IP address (R6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// The version of the product terms. A reseller accepts them on behalf of its customer (R21).
    pub terms: String,
    /// The version of the reseller agreement, when a reseller buys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseller_agreement: Option<String>,
    /// The person who accepted.
    pub by: Contact,
    /// When the texts were accepted.
    pub at: Timestamp,
    /// The caller's IP address, when the gateway reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}

/// A warning to the buyer. It does not prevent the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The stable code.
    pub code: String,
    /// The place, as a JSON pointer into the request.
    pub pointer: String,
    /// The text for people.
    pub detail: String,
}

impl Warning {
    /// A warning about the member at `pointer`.
    pub(crate) fn new(code: &str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), pointer: pointer.into(), detail: detail.into() }
    }
}
