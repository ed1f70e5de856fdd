//! Quotes, as staff see them, and decisions about those that wait for a person (R34).

use std::sync::Arc;

use axum::{
    Extension, Json,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse,
};
use contract::{
    QuoteView,
    desk::{DecisionBody, DecisionView},
};
use domain::{Quote, Refusal, quote::Change};
use jiff::Timestamp;
use runtime::{Failure, Reply};
use store::Commit;

use crate::{ATTEMPTS, Desk, records::changed, staff::Staff};

/// `GET /v1/desk/quotes/{number}`: what is to be decided about, or who has decided, and why.
pub(crate) async fn view(State(desk): State<Arc<Desk>>, Path(number): Path<String>) -> Reply {
    let number = number.parse().map_err(|_| Refusal::not_found())?;
    let quote = desk.store.quote(&number).await?.ok_or_else(Refusal::not_found)?;
    Ok(Json(QuoteView::for_staff(&quote, desk.clock.now())).into_response())
}

/// `POST /v1/desk/quotes/{number}/approve`: it is issued, and its validity counts from now (R35).
pub(crate) async fn approve(
    State(desk): State<Arc<Desk>>,
    Extension(staff): Extension<Staff>,
    Path(number): Path<String>,
    body: Bytes,
) -> Reply {
    desk.decide_on(&number, &body, |quote, reason, now| quote.approve(staff.reviewer(), reason, now)).await
}

/// `POST /v1/desk/quotes/{number}/reject`.
pub(crate) async fn reject(
    State(desk): State<Arc<Desk>>,
    Extension(staff): Extension<Staff>,
    Path(number): Path<String>,
    body: Bytes,
) -> Reply {
    desk.decide_on(&number, &body, |quote, reason, now| quote.reject(staff.reviewer(), reason, now)).await
}

impl Desk {
    /// Decides about the revision that was looked at: another one, that the buyer has sent meanwhile, nobody has seen. The
    /// same decision again is no change: the answer to the first request may have been lost.
    async fn decide_on(
        &self,
        number: &str,
        body: &[u8],
        decision: impl Fn(&Quote, &str, Timestamp) -> Result<Option<Change>, Refusal>,
    ) -> Reply {
        let DecisionBody { reason, revision: seen } = DecisionBody::read(body)?;
        let number = number.parse().map_err(|_| Refusal::not_found())?;
        for _ in 0..ATTEMPTS {
            let quote = self.store.quote(&number).await?.ok_or_else(Refusal::not_found)?;
            if i64::from(quote.offer.revision) != seen {
                return Err(changed().into());
            }
            let now = self.clock.now();
            let Some(change) = decision(&quote, &reason, now)? else {
                return Ok(Json(DecisionView::of(&quote, now)).into_response());
            };
            if self.store.commit(&change).await? == Commit::Committed {
                return Ok(Json(DecisionView::of(&change.next, now)).into_response());
            }
        }
        Err(Failure::contended())
    }
}
