//! Mailboxes that get no letters, because letters came back from them or their owners have complained (C3).

use std::sync::Arc;

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    response::IntoResponse,
};
use contract::desk::{LetterState, LetterView, LettersView, LiftBody, SuppressionView, SuppressionsView};
use domain::{
    Code, QuoteNumber, Refusal,
    suppression::{Lifted, MailboxId, Suppression},
};
use runtime::{Failure, Reply, authority::Staff, query::Paging};
use store::{LetterNote, NotedLetter, Page, keys::Key};

use crate::{
    records::changed,
    state::{ATTEMPTS, Desk},
};

/// `GET /v1/desk/suppressions`: the mailboxes that get no letters, page by page, the longest suppressed first.
pub(crate) async fn suppressed(_: Staff, State(desk): State<Arc<Desk>>, Paging(page): Paging) -> Reply {
    let Page { entries, next } = desk.store.suppressions(&page).await?;
    let next = next.map(|next| next.to_string());
    Ok(Json(SuppressionsView { suppressions: entries.iter().map(SuppressionView::from).collect(), next }).into_response())
}

/// `GET /v1/desk/suppressions/{mailbox}`: what came back from a mailbox, and which letters were withheld.
pub(crate) async fn view(_: Staff, State(desk): State<Arc<Desk>>, Path(mailbox): Path<String>) -> Reply {
    let suppression: Option<Suppression> = desk.store.recorded(&key(&mailbox)?).await?;
    let suppression = suppression.ok_or_else(Refusal::not_found)?;
    Ok(Json(SuppressionView::from(&suppression)).into_response())
}

/// `POST /v1/desk/suppressions/{mailbox}/lift`: letters may be sent again, and those that were withheld are sent. The same lift again
/// changes nothing: the response to the first request may have been lost.
pub(crate) async fn lift(staff: Staff, State(desk): State<Arc<Desk>>, Path(mailbox): Path<String>, body: Bytes) -> Reply {
    let body = LiftBody::read(&body)?;
    let key = key(&mailbox)?;
    for _ in 0..ATTEMPTS {
        let suppression: Suppression = desk.store.recorded(&key).await?.ok_or_else(Refusal::not_found)?;
        let same = |lifted: &Lifted| lifted.by == staff.subject() && lifted.reason == body.reason;
        if suppression.since().is_none() && suppression.lifted.as_ref().is_some_and(same) {
            return Ok(Json(SuppressionView::from(&suppression)).into_response());
        }
        if u64::try_from(body.version) != Ok(suppression.version) {
            return Err(changed().into());
        }
        let lifted = Lifted {
            at: desk.clock.now(),
            by: staff.subject().to_owned(),
            email: staff.email().map(str::to_owned),
            reason: body.reason.clone(),
        };
        let next = suppression.lift(lifted).ok_or_else(|| {
            Refusal::new(Code::NotInReview, "Letters to this mailbox are not withheld, so there is nothing to lift.")
        })?;
        if desk.write(&staff, Some(&body.reason), Some(&suppression), &next).await?.is_some() {
            return Ok(Json(SuppressionView::from(&next)).into_response());
        }
    }
    Err(Failure::contended())
}

/// `GET /v1/desk/quotes/{number}/letters`: what became of a quote's letters.
pub(crate) async fn letters(_: Staff, State(desk): State<Arc<Desk>>, Path(number): Path<String>) -> Reply {
    let number: QuoteNumber = number.parse().map_err(|_| Refusal::not_found())?;
    let letters = desk.store.letters_of(&Key::quote(&number)).await?;
    if letters.is_empty() && desk.store.quote(&number).await?.is_none() {
        return Err(Refusal::not_found().into());
    }
    Ok(Json(LettersView { letters: letters.iter().map(letter).collect() }).into_response())
}

fn letter(noted: &NotedLetter) -> LetterView<'_> {
    let NotedLetter { entry, role, at, note } = noted;
    let view = |state| LetterView { entry: *entry, role, at: *at, state, message: None, reason: None, mailbox: None };
    match note {
        LetterNote::Sent { accepted_as } => LetterView { message: Some(accepted_as), ..view(LetterState::Sent) },
        LetterNote::SetAside { reason } => LetterView { reason: Some(reason), ..view(LetterState::SetAside) },
        LetterNote::Withheld { mailbox } => LetterView { mailbox: Some(mailbox), ..view(LetterState::Withheld) },
    }
}

/// The key of what came back from a mailbox.
fn key(mailbox: &str) -> Result<Key, Refusal> {
    MailboxId::parse(mailbox).map(|mailbox| Key::mailbox(&mailbox)).ok_or_else(Refusal::not_found)
}
