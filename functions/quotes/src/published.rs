//! Public list prices and payment methods, from the policy that prices quotes (R57, R67).

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use contract::pricing::{PaymentMethodsView, PricingView};
use domain::calendar::day_of;
use runtime::{
    Reply,
    authority::Anyone,
    query::{Asked, Parameters},
};
use serde::{Deserialize, Serialize};

use crate::state::Quotes;

/// `GET /v1/pricing` — R57: today's list prices and discounts.
pub(crate) async fn pricing(_: Anyone, State(quotes): State<Arc<Quotes>>) -> Reply {
    let policy = quotes.policies.current().await?;
    let today = day_of(quotes.clock.now(), &policy.timezone);
    Ok(public(&PricingView::of(&policy, today)))
}

/// The language of the names in the response.
#[derive(Deserialize)]
pub(crate) struct Language {
    #[serde(default)]
    locale: String,
}

impl Parameters for Language {
    const NAMES: &'static [&'static str] = &["locale"];
}

/// `GET /v1/payment-methods` — R67: every method in every currency. `?locale=` selects one of the vendor's languages.
pub(crate) async fn payment_methods(_: Anyone, State(quotes): State<Arc<Quotes>>, Asked(language): Asked<Language>) -> Reply {
    let policy = quotes.policies.current().await?;
    let language = policy.wording.negotiate(&language.locale);
    Ok(public(&PaymentMethodsView::of(&policy, language)))
}

/// A response that caches may store for a minute, as long as this process caches the policy.
fn public(view: &impl Serialize) -> Response {
    let mut response = Json(view).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}
