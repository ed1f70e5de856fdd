//! `GET` and `PUT /local/clock`: a clock that can be moved.

use axum::{Json, Router, body::Bytes, extract::State, response::IntoResponse, routing::get};
use domain::{Code, Refusal};
use jiff::Timestamp;
use runtime::{Reply, clock::MovableClock};
use serde::{Deserialize, Serialize};

/// The instant at which the clock stops; `null` follows the machine's clock again.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    now: Option<Timestamp>,
}

#[derive(Serialize)]
struct Shown {
    now: Timestamp,
}

/// The clock's routes.
pub(crate) fn router(clock: MovableClock) -> Router {
    Router::new().route("/local/clock", get(show).put(set)).with_state(clock)
}

async fn show(State(clock): State<MovableClock>) -> Json<Shown> {
    Json(Shown { now: clock.clock().now() })
}

async fn set(State(clock): State<MovableClock>, body: Bytes) -> Reply {
    let wanted: Wanted = serde_json::from_slice(&body).map_err(|_| {
        Refusal::at(
            Code::ValueInvalid,
            "/now",
            "Send {\"now\": \"2026-12-24T12:00:00Z\"} to stop the clock there, or {\"now\": null} to follow the machine's clock.",
        )
    })?;
    match wanted.now {
        Some(now) => clock.set(now),
        None => clock.follow_system(),
    }
    Ok(show(State(clock)).await.into_response())
}
