//! Public data: list prices, payment methods and legal texts, from the policy that prices quotes (R57, R67), and the
//! description of the API.

use std::sync::Arc;

use axum::{
    Json,
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use contract::{
    description,
    pricing::{PaymentMethodsView, PricingView},
    terms::TermsView,
};
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

/// `GET /v1/terms` — R6, R21: the legal texts to accept, each with its version, address and language.
pub(crate) async fn terms(_: Anyone, State(quotes): State<Arc<Quotes>>) -> Reply {
    Ok(public(&TermsView::of(&*quotes.policies.current().await?)))
}

/// `GET /openapi.yaml`: the description of the API for programs (RFC 9512).
pub(crate) async fn openapi(_: Anyone) -> Reply {
    Ok(cached(([(header::CONTENT_TYPE, "application/yaml")], description::OPENAPI).into_response()))
}

/// `GET /docs`: the same as a page for people. It loads nothing.
pub(crate) async fn page(_: Anyone) -> Reply {
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, policy)];
    Ok(cached((headers, description::PAGE).into_response()))
}

fn public(view: &impl Serialize) -> Response {
    cached(Json(view).into_response())
}

/// A response that caches may store for a minute, as long as this process caches the policy.
fn cached(mut response: Response) -> Response {
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    response
}
