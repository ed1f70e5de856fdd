//! The review of a quote (R34). An approval issues the quote with the discounts that are proven by then, and without those that
//! the reviewer declines (R58).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};

use super::{
    Change, MAX_STORED_OFFERS, Quote, Stage,
    history::{Actor, Entry, Event, Reviewer},
    offer::Offer,
    stored_size,
};
use crate::{
    Code, Policy, Refusal,
    calendar::day_of,
    evidence::SegmentEvidence,
    fault::Faults,
    method,
    order::{EVIDENCE_MISSING, Warning},
    payment::PaymentId,
    price::{ClaimStanding, SegmentClaim},
};

/// An approval, as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Approval {
    /// The reason.
    pub reason: String,
    /// References of recorded evidence. Each must prove a claim of the order.
    pub evidence: Vec<String>,
    /// Whether the quote is issued without the discounts that no evidence proves.
    pub list_price: bool,
}

impl Approval {
    /// The references of the evidence to read before `offer` is approved: those of the approval and those of the claims.
    pub fn wants(&self, offer: &Offer) -> BTreeSet<String> {
        let claimed = offer.segments.iter().filter_map(|claim| claim.evidence.as_ref());
        self.evidence.iter().chain(claimed).cloned().collect()
    }

    /// The claims of `offer` after this approval on a day: proven, or declined. An incomplete claim may be proven too; without
    /// evidence for it, it stays incomplete.
    fn judge(&self, offer: &Offer, known: &BTreeMap<String, SegmentEvidence>, on: Date) -> Result<Vec<SegmentClaim>, Refusal> {
        let covers =
            |evidence: &SegmentEvidence, claim: &SegmentClaim| evidence.covers(&claim.segment, &offer.customer.company, on);
        let mut faults = Faults::default();
        for (i, reference) in self.evidence.iter().enumerate() {
            let detail = match known.get(reference) {
                Some(evidence) if offer.segments.iter().any(|claim| covers(evidence, claim)) => continue,
                Some(_) => "This evidence proves no claim of this order today. Compare segment, organisation and days.",
                None => "There is no such evidence on record. Record it first, with `PUT /v1/desk/evidence/{id}`.",
            };
            faults.add(Code::ValueInvalid, format_args!("/evidence/{i}"), detail);
        }
        let mut claims = offer.segments.clone();
        for claim in claims.iter_mut().filter(|claim| claim.standing != ClaimStanding::Proven) {
            let named = self.evidence.iter().chain(&claim.evidence).filter_map(|reference| known.get(reference));
            let proof = named.into_iter().find(|evidence| covers(evidence, claim)).map(|evidence| evidence.id.clone());
            match (proof, claim.standing) {
                (Some(proof), _) => (claim.standing, claim.evidence) = (ClaimStanding::Proven, Some(proof)),
                (None, ClaimStanding::Pending) if self.list_price => claim.standing = ClaimStanding::Declined,
                (None, ClaimStanding::Pending) => {
                    let detail = format!(
                        "No evidence proves the claim of `{}`. Record and name its evidence, or set `list_price` to `true`: \
                         the quote is then issued without this discount, and says so.",
                        claim.segment
                    );
                    faults.add(Code::EvidencePending, "/evidence", detail);
                }
                (None, _) => {}
            }
        }
        if self.list_price && !claims.iter().any(|claim| claim.standing == ClaimStanding::Declined) {
            faults.add(Code::NotExpected, "/list_price", "No claim of this order would be declined. Leave `list_price` out.");
        }
        faults.into_result(Some(claims))
    }
}

impl Quote {
    /// The day by which a person must review the quote (R33); `None` when it is not in review.
    pub fn awaits_review_by(&self) -> Option<Date> {
        let waits = matches!(self.stage, Stage::InReview);
        waits.then(|| self.offer.review_due.unwrap_or_else(|| self.offer.issued_on()))
    }

    /// Approves the quote (R34): it is issued now, with the discounts that are proven by now, and its validity counts from now
    /// (R35). A quote with nothing to pay is paid by the approval. `Ok(None)` when the same reviewer has approved this revision
    /// with the same reason before, so that a retry is safe. `Err` when the quote is not in review, when the reviewer has to do
    /// with one of its revisions, when a claim has neither evidence nor a decision, or when the approved offer cannot be priced or stored.
    ///
    /// `evidence` has the records that the approval [wants](Approval::wants) and that exist; `policy` is the one that the offer
    /// names.
    pub fn approve(
        &self,
        by: Reviewer<'_>,
        approval: &Approval,
        evidence: &BTreeMap<String, SegmentEvidence>,
        policy: &Policy,
        now: Timestamp,
    ) -> Result<Option<Change>, Refusal> {
        let event = Event::Approved {
            by: Some(by.subject.to_owned()),
            email: by.email.map(str::to_owned),
            reason: Some(approval.reason.clone()),
        };
        if !self.is_new_decision(&event)? {
            return Ok(None);
        }
        // A revision may have been requested without signing in, so the earlier ones count, too.
        if self.superseded.iter().chain([&self.offer]).any(|offer| offer.is_of(by)) {
            let detail = "You requested a revision of this quote, or are a contact in one. Another person must approve it.";
            return Err(Refusal::new(Code::OwnOrder, detail));
        }
        let on = day_of(now, &self.offer.zone());
        let offer = self.offer.approved(approval, evidence, policy, on)?;
        if offer.as_submitted.is_some() && stored_size(&(&self.superseded, &offer)) > MAX_STORED_OFFERS {
            let detail =
                "This quote is too large to store its offer from before and after the review. Reject the quote with this reason.";
            return Err(Refusal::new(Code::RevisionLimit, detail));
        }
        let total = offer.total;
        let approved = self.change(Actor::Staff, event, now, |next| {
            next.offer = Offer { submitted_at: Some(offer.issued_at), ..offer.issued(now) };
            next.stage = Stage::Issued;
        });
        let issued = approved.and(Actor::Staff, Event::Issued { revision: self.offer.revision }, now, |_| {});
        if total > 0 {
            return Ok(Some(issued));
        }
        let payment = PaymentId::new("nothing-to-pay", self.number.compact());
        Ok(Some(issued.and(Actor::Staff, Event::Paid { payment }, now, |next| next.stage = Stage::Paid { on })))
    }

    /// Rejects the quote (R34). `Ok(None)` when the same reviewer has rejected this revision with the same reason before, so
    /// that a retry is safe. `Err` when the quote is not in review.
    pub fn reject(&self, by: Reviewer<'_>, reason: &str, now: Timestamp) -> Result<Option<Change>, Refusal> {
        let (subject, email) = (Some(by.subject.to_owned()), by.email.map(str::to_owned));
        let event = Event::Rejected { by: subject, email, reason: reason.to_owned() };
        let is_new = self.is_new_decision(&event)?;
        Ok(is_new.then(|| self.change(Actor::Staff, event, now, |next| next.stage = Stage::Rejected)))
    }

    /// Whether this decision changes the quote. A repetition of the decision about this revision, by the same person and for
    /// the same reason, changes nothing. `Err` when the quote is not in review.
    fn is_new_decision(&self, decision: &Event) -> Result<bool, Refusal> {
        let this = self.offer.revision;
        let submitted = |entry: &&Entry| matches!(entry.event, Event::Submitted { revision, .. } if revision == this);
        if self.history.iter().skip_while(|entry| !submitted(entry)).any(|entry| entry.event.decides_like(decision)) {
            return Ok(false);
        }
        match self.stage {
            Stage::InReview => Ok(true),
            _ => Err(Refusal::new(Code::NotInReview, "This quote is not in review, so there is nothing to decide.")),
        }
    }
}

impl Event {
    /// Whether both are the same decision, by the same person and for the same reason.
    fn decides_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Approved { by, reason, .. }, Self::Approved { by: other, reason: why, .. }) => (by, reason) == (other, why),
            (Self::Rejected { by, reason, .. }, Self::Rejected { by: other, reason: why, .. }) => (by, reason) == (other, why),
            _ => false,
        }
    }
}

impl Offer {
    /// The offer as approved on a day, with the evidence that the approval [wants](Approval::wants). Discounts that are proven
    /// by now change the price, with the prices of the same day and under `policy`. Declined claims get a warning.
    fn approved(
        &self,
        approval: &Approval,
        evidence: &BTreeMap<String, SegmentEvidence>,
        policy: &Policy,
        on: Date,
    ) -> Result<Self, Refusal> {
        let segments = approval.judge(self, evidence, on)?;
        if segments == self.segments {
            return Ok(self.clone());
        }
        let is_proven = |claim: &SegmentClaim| claim.standing == ClaimStanding::Proven;
        let another_price = segments.iter().map(is_proven).ne(self.segments.iter().map(is_proven));
        let warnings = warnings(&self.warnings, &segments);
        let mut approved = Self { as_submitted: Some(Box::new(self.clone())), segments, warnings, ..self.clone() };
        if another_price {
            approved.price_again(policy)?;
        }
        Ok(approved)
    }

    /// Computes the price again with the claims as they are now.
    fn price_again(&mut self, policy: &Policy) -> Result<(), Refusal> {
        let (lines, assessment) = self
            .priced_again(policy)
            .map_err(|unavailable| Refusal::new(unavailable.code, unavailable.detail).allowing(unavailable.allowed))?;
        self.net = lines.iter().map(|line| line.amount).sum();
        self.total = self.net + assessment.taxes.iter().map(|tax| tax.amount).sum::<i64>();
        self.methods = method::methods(policy, self.currency, &lines, self.net, self.total);
        (self.lines, self.taxes, self.tax_notes, self.situs) = (lines, assessment.taxes, assessment.notes, assessment.situs);
        self.policy_version.clone_from(&policy.version);
        Ok(())
    }

    /// The segments that were claimed and that a reviewer declined.
    pub fn declined(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter(|claim| claim.standing == ClaimStanding::Declined).map(|claim| &*claim.segment)
    }
}

/// The warnings after the claims were judged. The claims are in the order of the request.
fn warnings(before: &[Warning], claims: &[SegmentClaim]) -> Vec<Warning> {
    let at = |i: usize| format!("/segments/{i}");
    let standing = |standing| claims.iter().enumerate().filter(move |(_, claim)| claim.standing == standing);
    let proven: Vec<_> = standing(ClaimStanding::Proven).map(|(i, _)| at(i)).collect();
    let kept = before.iter().filter(|warning| warning.code != EVIDENCE_MISSING || !proven.contains(&warning.pointer));
    let declined = standing(ClaimStanding::Declined).map(|(i, claim)| {
        let detail = format!("We could not verify the claim of `{}`: this quote is without its discount.", claim.segment);
        Warning::new("segment_declined", at(i), detail)
    });
    kept.cloned().chain(declined).collect()
}
