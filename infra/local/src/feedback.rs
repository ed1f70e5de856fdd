//! `POST /local/inbox/{id}/feedback`: reports that a letter has bounced or was complained of, as SES does. The report takes the way that
//! it takes on AWS: the function `feedback` receives an event of SNS with an event of SES in it.

use std::sync::Arc;

use ::feedback::{Event, Feedback};
use axum::{
    Json, Router,
    extract::{Path, State, rejection::JsonRejection},
    response::IntoResponse,
    routing::post,
};
use domain::{Code, Refusal};
use runtime::{Clock, Failure, Reply};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{letter::Letter, post::PostOffice};

/// What the route works with.
#[derive(Clone)]
pub(crate) struct Reporting {
    pub(crate) post: PostOffice,
    pub(crate) feedback: Arc<Feedback>,
    pub(crate) clock: Clock,
}

/// What is reported of a letter.
#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Bounce,
    TransientBounce,
    Complaint,
    NotSpam,
    Reject,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Body {
    report: Kind,
}

/// The route. A letter that does not exist is a 404.
pub(crate) fn router(reporting: Reporting) -> Router {
    Router::new().route("/local/inbox/{id}/feedback", post(report)).with_state(reporting)
}

async fn report(State(reporting): State<Reporting>, Path(id): Path<String>, body: Result<Json<Body>, JsonRejection>) -> Reply {
    // Only JSON, which a page of another origin cannot send.
    let Json(Body { report }) = body.map_err(|_| {
        let detail = "Send {\"report\": \"bounce\"} with `Content-Type: application/json`; other reports are \"transient_bounce\", \
                      \"complaint\", \"not_spam\" and \"reject\".";
        Refusal::at(Code::ValueInvalid, "/report", detail)
    })?;
    let post = reporting.post.clone();
    let letter = tokio::task::spawn_blocking(move || post.message(&id)).await;
    let letter = letter.map_err(std::io::Error::other).flatten();
    let letter = letter.map_err(|error| Failure::broken("the mail directory cannot be read".to_owned(), error))?;
    let letter = letter.ok_or_else(Refusal::not_found)?;
    let event = event(&letter, report, &reporting.clock);
    let handled = reporting.feedback.handle(event).await;
    handled.map_err(|error| Failure::broken("the report was not recorded".to_owned(), error))?;
    Ok(Json(json!({ "to": letter.to, "desk": "/v1/desk/suppressions" })).into_response())
}

/// The event of SNS that Lambda receives. The same report about a letter has the same id, so reporting it again is a repeated delivery.
fn event(letter: &Letter, kind: Kind, clock: &Clock) -> Event {
    let (now, recipient) = (clock.now(), letter.to.first().cloned().unwrap_or_default());
    let bounce = |kind: &str, subtype: &str, diagnostic: &str| {
        let recipient = json!({ "emailAddress": recipient, "action": "failed", "diagnosticCode": diagnostic });
        let id = format!("{}-{kind}", letter.id);
        let bounce = json!({
            "bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [recipient], "timestamp": now, "feedbackId": id,
        });
        ("Bounce", "bounce", bounce)
    };
    let complaint = |kind: &str| {
        let (recipients, id) = (json!([{ "emailAddress": recipient }]), format!("{}-{kind}", letter.id));
        let complaint = json!({
            "complainedRecipients": recipients, "timestamp": now, "feedbackId": id, "complaintFeedbackType": kind,
        });
        ("Complaint", "complaint", complaint)
    };
    let (kind, member, details) = match kind {
        Kind::Bounce => bounce("Permanent", "NoEmail", "smtp; 550 5.1.1 user unknown"),
        Kind::TransientBounce => bounce("Transient", "MailboxFull", "smtp; 452 4.2.2 mailbox full"),
        Kind::Complaint => complaint("abuse"),
        Kind::NotSpam => complaint("not-spam"),
        Kind::Reject => ("Reject", "reject", json!({ "reason": "Bad content" })),
    };
    let mail = json!({
        "timestamp": letter.date.unwrap_or(now),
        "messageId": letter.id,
        "destination": letter.to,
        "tags": { "ses:configuration-set": letter.configuration_set.iter().collect::<Vec<_>>() },
    });
    let message: Value = json!({ "eventType": kind, "mail": mail, member: details });
    let sns = json!({ "MessageId": format!("{}-{kind}", letter.id), "Message": message.to_string() });
    serde_json::from_value(json!({ "Records": [{ "Sns": sns }] })).expect("an event of SNS has this form")
}
