//! Decisions about quotes that wait for a person (R34), and the list of those quotes.

use domain::{
    Code, Quote, QuoteNumber, Refusal, fault::Faults, order::ReviewReason, quote::Approval, quote::Status, request::MAX_SEGMENTS,
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use super::reason::reason;
use crate::reader::{self, Object};

/// A decision, such as `POST /v1/desk/quotes/{number}/reject`.
#[derive(Debug)]
pub struct DecisionBody {
    /// The reason.
    pub reason: String,
    /// The revision that the reviewer has read.
    pub revision: i64,
}

impl DecisionBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Every fault of the body.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        Self::read_with(body, |_| ()).map(|(decision, ())| decision)
    }

    /// Reads a body with further members, and returns those that `more` reads.
    fn read_with<T>(body: &[u8], more: impl FnOnce(&mut Object<'_, '_>) -> T) -> Result<(Self, T), Refusal> {
        let ((given, revision, more), mut faults) =
            reader::read(body, |object| (object.text("reason"), object.integer("revision"), more(object)))?;
        let mut rules = Faults::default();
        let reason = reason(&mut rules, given);
        if let Some(None) = reason {
            rules.add(Code::Required, "/reason", "Give a reason. The reason is kept with your name.");
        }
        if revision.is_none() {
            let detail =
                "Give the revision that you have read. If the buyer has sent another revision since, the decision is refused.";
            rules.add(Code::Required, "/revision", detail);
        }
        faults.absorb(rules);
        let (reason, revision) = faults.into_result(reason.flatten().zip(revision))?;
        Ok((Self { reason, revision }, more))
    }
}

/// An approval: `POST /v1/desk/quotes/{number}/approve`.
#[derive(Debug)]
pub struct ApprovalBody {
    /// The approval.
    pub approval: Approval,
    /// The revision that the reviewer has read.
    pub revision: i64,
}

impl ApprovalBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// Every fault of the body.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let more = |object: &mut Object<'_, '_>| (object.texts("evidence"), object.flag("list_price"));
        let (DecisionBody { reason, revision }, (evidence, list_price)) = DecisionBody::read_with(body, more)?;
        if evidence.len() > MAX_SEGMENTS {
            let detail = format!("Name at most {MAX_SEGMENTS} pieces of evidence. An order cannot claim more segments.");
            return Err(Refusal::at(Code::ValueInvalid, "/evidence", detail));
        }
        Ok(Self { approval: Approval { reason, evidence, list_price }, revision })
    }
}

/// A quote after a decision, without its link.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct DecisionView<'q> {
    pub number: &'q QuoteNumber,
    pub status: Status,
    pub revision: u32,
}

impl<'q> DecisionView<'q> {
    /// The quote as it is at `now`.
    pub fn of(quote: &'q Quote, now: Timestamp) -> Self {
        Self { number: &quote.number, status: quote.status(now), revision: quote.offer.revision }
    }
}

/// A page of the quotes that wait for a decision, ordered by their due day (R34).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReviewsView<'q> {
    pub quotes: Vec<ReviewView<'q>>,
    /// The cursor of the page with quotes that are due later. Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A quote that waits for a decision.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReviewView<'q> {
    pub number: &'q QuoteNumber,
    pub revision: u32,
    pub submitted_at: Timestamp,
    /// The day by which the decision is due (R33).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Date>,
    pub review_reasons: &'q [ReviewReason],
    /// The billed party.
    pub buyer: &'q str,
    /// The licensee.
    pub customer: &'q str,
    pub currency: &'static str,
    pub net: i64,
    pub total: i64,
}

impl<'q> From<&'q Quote> for ReviewView<'q> {
    fn from(quote: &'q Quote) -> Self {
        let offer = &quote.offer;
        Self {
            number: &quote.number,
            revision: offer.revision,
            submitted_at: offer.issued_at,
            review_due: quote.awaits_review_by(),
            review_reasons: &offer.review,
            buyer: &offer.bill_to().company,
            customer: &offer.customer.company,
            currency: offer.currency.code(),
            net: offer.net,
            total: offer.total,
        }
    }
}
