//! An order: a request that the rules allow, priced, with what a person must look at before the order can be paid.

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

/// The warning of a claim that does not say what it must.
pub(crate) const EVIDENCE_MISSING: &str = "segment_evidence_missing";

/// For whom the buyer buys (R19).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PurchasingFor {
    /// A reseller buys on behalf of an end customer: the reseller is billed, the customer is licensed.
    Customer,
    /// The buyer is the licensee.
    #[serde(rename = "self")]
    Itself,
}

/// A request that the rules allow, priced.
#[derive(Debug, Clone)]
pub struct Order {
    /// For whom.
    pub purchasing_for: PurchasingFor,
    /// The currency of the whole document.
    pub currency: Currency,
    /// The reseller, exactly when it buys for a customer.
    pub reseller: Option<Party>,
    /// The end customer: the licensee.
    pub customer: Party,
    /// The person who will receive the key.
    pub technical_contact: Contact,
    /// The seller's standing.
    pub channel: ChannelStatus,
    /// What is claimed of the end customer.
    pub segments: Vec<SegmentClaim>,
    /// The buyer's certificates that count.
    pub tax_claims: Vec<TaxClaim>,
    /// What is ordered, in the order of the request.
    pub lines: Vec<Line>,
    /// Why a person must look at it first (R32).
    pub review: Vec<ReviewReason>,
    /// The buyer's own reference.
    pub po_number: Option<String>,
    /// Additional Notes (R40).
    pub notes: Option<String>,
    /// What was accepted, by whom, when and from where (R6, R21).
    pub acceptance: Acceptance,
    /// The language that the buyer reads.
    pub locale: String,
    /// Odd, but allowed (R20).
    pub warnings: Vec<Warning>,
}

/// Why a person must look at an order before it can be paid (R32).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReviewReason {
    /// Licences shall end on a common date: always looked at (R41).
    CotermRequested,
    /// A discount is claimed, and its evidence is not verified (R58).
    SegmentEvidencePending,
    /// A government product for somebody who is not verified to be government (R102).
    GovernmentUnverified,
    /// The total is above the vendor's limit.
    AmountAboveLimit,
    /// A credit covers everything: there is nothing to pay, so that no payment will deliver it.
    NothingToPay,
}

impl ReviewReason {
    /// The stable name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CotermRequested => "coterm_requested",
            Self::SegmentEvidencePending => "segment_evidence_pending",
            Self::GovernmentUnverified => "government_unverified",
            Self::AmountAboveLimit => "amount_above_limit",
            Self::NothingToPay => "nothing_to_pay",
        }
    }

    /// The key of its text in letters.
    pub fn text_key(self) -> &'static str {
        match self {
            Self::CotermRequested => "review.coterm_requested",
            Self::SegmentEvidencePending => "review.segment_evidence_pending",
            Self::GovernmentUnverified => "review.government_unverified",
            Self::AmountAboveLimit => "review.amount_above_limit",
            Self::NothingToPay => "review.nothing_to_pay",
        }
    }
}

/// The proof of acceptance (R6): per order, with person, time and address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acceptance {
    /// Version of the product terms; a reseller accepts them on behalf of its customer (R21).
    pub terms: String,
    /// Version of the reseller agreement, when a reseller buys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseller_agreement: Option<String>,
    /// Who accepted.
    pub by: Contact,
    /// When.
    pub at: Timestamp,
    /// From which address, when the gateway tells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}

/// Something the buyer should know, that does not stop the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Stable name.
    pub code: String,
    /// Where, as a JSON pointer into the request.
    pub pointer: String,
    /// For people.
    pub detail: String,
}

impl Warning {
    /// A warning about what is at `pointer`.
    pub(crate) fn new(code: &str, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { code: code.to_owned(), pointer: pointer.into(), detail: detail.into() }
    }
}
