//! What a request says about where it came from and which quote it may see.

use std::{convert::Infallible, net::IpAddr};

use axum::{extract::FromRequestParts, http::request::Parts};
use contract::Links;
use domain::{Quote, QuoteNumber, Refusal};
use lambda_http::request::RequestContext;
use serde::Deserialize;
use store::Store;

use crate::reply::{Failure, Reply};

/// The caller's address as the gateway tells it (R6). A header that the caller can write is not believed.
#[derive(Debug, Clone, Copy)]
pub struct SourceIp(pub Option<IpAddr>);

impl<S: Sync> FromRequestParts<S> for SourceIp {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let told = match parts.extensions.get::<RequestContext>() {
            Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.as_ref(),
            _ => None,
        };
        Ok(Self(told.and_then(|ip| ip.parse().ok())))
    }
}

/// The query of a link that carries a quote's secret.
#[derive(Deserialize)]
pub struct LinkQuery {
    /// The secret.
    #[serde(default)]
    pub secret: String,
}

/// The quote that a link opens. What is missing and what the secret does not open are one answer.
pub async fn open(store: &Store, links: &Links, number: &str, query: &LinkQuery) -> Reply<Quote> {
    let number: QuoteNumber = number.parse().map_err(|_| Refusal::not_found())?;
    let quote = store.quote(&number).await?;
    let opened = quote.filter(|quote| links.keys().opens(&quote.number, &quote.offer, &query.secret));
    opened.ok_or_else(|| Failure::from(Refusal::not_found()))
}
