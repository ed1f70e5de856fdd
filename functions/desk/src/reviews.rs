//! Quotes as staff see them, and decisions about those that are in review (R34).

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse,
};
use contract::{
    QuoteView,
    desk::{ApprovalBody, DecisionBody, DecisionView, ReviewView, ReviewsView},
};
use domain::{
    Quote, Refusal,
    quote::{Approval, Change},
    request::Wanted,
};
use jiff::Timestamp;
use runtime::{Failure, Reply, authority::Staff, query::Paging};
use store::{Commit, Page};

use crate::{
    records::changed,
    state::{ATTEMPTS, Desk},
};

/// `GET /v1/desk/reviews`: what waits for a decision, page by page, the first due first (R34).
pub(crate) async fn waiting(_: Staff, State(desk): State<Arc<Desk>>, Paging(page): Paging) -> Reply {
    let Page { entries, next } = desk.store.in_review(&page).await?;
    let next = next.map(|next| next.to_string());
    Ok(Json(ReviewsView { quotes: entries.iter().map(ReviewView::from).collect(), next }).into_response())
}

/// `GET /v1/desk/quotes/{number}`: the quote with the reasons for its review, or with the decision.
pub(crate) async fn view(_: Staff, State(desk): State<Arc<Desk>>, Path(number): Path<String>) -> Reply {
    let number = number.parse().map_err(|_| Refusal::not_found())?;
    let quote = desk.store.quote(&number).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(QuoteView::for_staff(&quote, desk.clock.now())).into_response())
}

/// `POST /v1/desk/quotes/{number}/approve`: issues the quote with the discounts that are proven now (R58). Its validity begins now
/// (R35).
pub(crate) async fn approve(staff: Staff, State(desk): State<Arc<Desk>>, Path(number): Path<String>, body: Bytes) -> Reply {
    let ApprovalBody { approval, revision } = ApprovalBody::read(&body)?;
    desk.decide_on(&number, revision, &staff, &Decision::Yes(approval)).await
}

/// `POST /v1/desk/quotes/{number}/reject`.
pub(crate) async fn reject(staff: Staff, State(desk): State<Arc<Desk>>, Path(number): Path<String>, body: Bytes) -> Reply {
    let DecisionBody { reason, revision } = DecisionBody::read(&body)?;
    desk.decide_on(&number, revision, &staff, &Decision::No(reason)).await
}

/// The decision of a reviewer.
enum Decision {
    Yes(Approval),
    No(String),
}

impl Desk {
    /// Decides about the revision that the reviewer has read, and refuses the decision if the buyer has sent another revision since.
    /// The same decision again changes nothing: the response to the first request may have been lost.
    async fn decide_on(&self, number: &str, seen: i64, staff: &Staff, decision: &Decision) -> Reply {
        let number = number.parse().map_err(|_| Refusal::not_found())?;
        for _ in 0..ATTEMPTS {
            let quote = self.store.quote(&number).await?.ok_or_else(Refusal::not_found)?;
            if i64::from(quote.offer.revision) != seen {
                return Err(changed().into());
            }
            let now = self.clock.now();
            let change = match decision {
                Decision::Yes(approval) => self.approved(&quote, staff, approval, now).await?,
                Decision::No(reason) => quote.reject(staff.reviewer(), reason, now)?,
            };
            let Some(change) = change else {
                return Ok(Json(DecisionView::of(&quote, now)).into_response());
            };
            if self.store.commit(&change).await? == Commit::Committed {
                return Ok(Json(DecisionView::of(&change.next, now)).into_response());
            }
        }
        Err(Failure::contended())
    }

    /// An approval, with the recorded evidence, at the prices of the policy of the offer.
    async fn approved(&self, quote: &Quote, staff: &Staff, approval: &Approval, now: Timestamp) -> Reply<Option<Change>> {
        let wanted = Wanted { evidence: approval.wants(&quote.offer), ..Wanted::default() };
        let evidence = self.store.facts(&wanted, None).await?.evidence;
        let policy = self.policies.pinned(&quote.offer.policy_version).await?;
        Ok(quote.approve(staff.reviewer(), approval, &evidence, &policy, now)?)
    }
}
