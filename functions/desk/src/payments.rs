//! Payments about which a person must decide: money that pays nothing, and events that the webhook did not act on.

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse,
};
use contract::desk::{ClosingBody, PaymentsView, ReceiptView};
use domain::{
    Code, Refusal,
    payment::{Closed, PaymentId, Receipt},
};
use runtime::{Failure, Reply, authority::Staff, query::Paging};
use store::{Page, keys::Key};

use crate::{
    records::changed,
    state::{ATTEMPTS, Desk},
};

/// `GET /v1/desk/payments`: the payments about which a person must decide, page by page, the longest waiting first.
pub(crate) async fn waiting(_: Staff, State(desk): State<Arc<Desk>>, Paging(page): Paging) -> Reply {
    let Page { entries, next } = desk.store.undecided_payments(&page).await?;
    let next = next.map(|next| next.to_string());
    Ok(Json(PaymentsView { payments: entries.iter().map(ReceiptView::from).collect(), next }).into_response())
}

/// `GET /v1/desk/payments/{payment}`: where the money of a payment is, and what was reported of it.
pub(crate) async fn view(_: Staff, State(desk): State<Arc<Desk>>, Path(payment): Path<String>) -> Reply {
    let receipt: Option<Receipt> = desk.store.recorded(&key(&payment)?).await?;
    let receipt = receipt.ok_or_else(Refusal::not_found)?;
    Ok(Json(ReceiptView::from(&receipt)).into_response())
}

/// `POST /v1/desk/payments/{payment}/close`: nothing is left to decide about what staff have read. A later event opens the payment
/// again. The same closing again changes nothing: the response to the first request may have been lost.
pub(crate) async fn close(staff: Staff, State(desk): State<Arc<Desk>>, Path(payment): Path<String>, body: Bytes) -> Reply {
    let body = ClosingBody::read(&body)?;
    let key = key(&payment)?;
    for _ in 0..ATTEMPTS {
        let receipt: Receipt = desk.store.recorded(&key).await?.ok_or_else(Refusal::not_found)?;
        let same = |closed: &Closed| closed.by == staff.subject() && closed.reason == body.reason;
        if receipt.closed.as_ref().is_some_and(same) {
            return Ok(Json(ReceiptView::from(&receipt)).into_response());
        }
        if u64::try_from(body.version) != Ok(receipt.version) {
            return Err(changed().into());
        }
        let closed = Closed {
            at: desk.clock.now(),
            by: staff.subject().to_owned(),
            email: staff.email().map(str::to_owned),
            reason: body.reason.clone(),
        };
        let next = receipt.close(closed).ok_or_else(|| {
            Refusal::new(Code::NotInReview, "Nothing is to be decided about this payment, so it cannot be closed.")
        })?;
        if desk.write(&staff, Some(&body.reason), Some(&receipt), &next).await?.is_some() {
            return Ok(Json(ReceiptView::from(&next)).into_response());
        }
    }
    Err(Failure::contended())
}

/// The key of a payment's receipt.
fn key(payment: &str) -> Result<Key, Refusal> {
    PaymentId::parse(payment).map(|payment| Key::receipt(&payment)).ok_or_else(Refusal::not_found)
}
