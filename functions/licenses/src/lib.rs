//! Licences for the contacts who may see them, and the public keys that verify them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, header},
    response::IntoResponse,
    routing::{get, post},
};
use contract::{LicenseView, license::RevealView};
use domain::{
    Code, Refusal, Sen,
    license::{Claims, Closed, Entitlement, Kind},
    party::Email,
};
use jiff::tz::TimeZone;
use licensing::{JwkSet, PublicKey};
use runtime::{
    Clock, Configuration, Failure, Reply, StartError,
    identity::{Caller, Verifier},
    random,
};
use store::Store;

/// What the handlers work with.
pub struct Licenses {
    store: Store,
    verifier: Verifier,
    clock: Clock,
}

impl Licenses {
    /// Reads what [`Verifier::read`] does.
    pub fn start(configuration: &Configuration, store: Store, clock: Clock) -> Result<Arc<Self>, StartError> {
        let verifier = configuration.read(|c| Verifier::read(c, clock.clone()))?;
        Ok(Arc::new(Self { store, verifier, clock }))
    }

    /// Opens the connection to the table ahead of the first request, and loads the issuer's keys. A failure is logged, and the
    /// first request retries.
    pub async fn prepare(&self) {
        tokio::join!(runtime::aws::ahead(self.store.published_keys()), self.verifier.prepare());
    }

    /// Verifies the caller and loads the entitlement. A missing entitlement and one that the caller may not see get the same
    /// response (R49: 404, not 403).
    async fn visible(&self, headers: &HeaderMap, sen: &str) -> Reply<(Caller, Entitlement)> {
        let authorization = headers.get(header::AUTHORIZATION).map(|value| value.to_str().unwrap_or(""));
        let caller = self.verifier.caller(authorization).await?;
        let sen: Sen = sen.parse().map_err(|_| Refusal::not_found())?;
        let entitlement = self.store.entitlement(&sen).await?;
        let claims = Claims {
            email: caller.email.as_ref().and_then(|email| Email::parse(email.as_str())),
            organization: caller.organization.clone(),
        };
        match entitlement.as_ref().and_then(|entitlement| entitlement.visible_to(&claims)) {
            Some(entitlement) => Ok((caller, entitlement.into_owned())),
            None => Err(Refusal::not_found().into()),
        }
    }
}

/// The routes, the same in every deployment.
pub fn routes(licenses: Arc<Licenses>) -> Router {
    Router::new()
        .route("/v1/licenses/{sen}", get(view))
        .route("/v1/licenses/{sen}/reveal", post(reveal))
        .route("/.well-known/license-keys.json", get(keys))
        .with_state(licenses)
}

/// `GET /v1/licenses/{sen}`, for the technical contact and the purchaser — R49, R54.
async fn view(State(licenses): State<Arc<Licenses>>, Path(sen): Path<String>, headers: HeaderMap) -> Reply {
    let (_, entitlement) = licenses.visible(&headers, &sen).await?;
    Ok(Json(LicenseView::from(&entitlement)).into_response())
}

/// `POST /v1/licenses/{sen}/reveal` — R52: the licence file. First, the note of who reads it is stored durably.
async fn reveal(State(licenses): State<Arc<Licenses>>, Path(sen): Path<String>, headers: HeaderMap) -> Reply {
    let (caller, entitlement) = licenses.visible(&headers, &sen).await?;
    let now = licenses.clock.now();
    let today = now.to_zoned(TimeZone::UTC).date();
    let closed = entitlement.closed();
    let Some(revealed) = RevealView::of(&entitlement, today).filter(|_| closed != Some(Closed::Refunded)) else {
        let detail = match (closed, entitlement.kind) {
            (Some(Closed::Refunded), _) => "This licence was refunded. Its key is no longer available.",
            (_, Kind::Subscription) => "A cloud subscription has no key. Its users sign in.",
            (_, Kind::Perpetual | Kind::Term) => {
                "This licence was imported, and its key is not stored here. The key that you have stays valid."
            }
        };
        return Err(Refusal::new(Code::NoLicenseKey, detail).into());
    };
    licenses.store.audit_reveal(&entitlement.sen, now, &random::token(), &caller.subject).await?;
    Ok(Json(revealed).into_response())
}

/// `GET /.well-known/license-keys.json`: every key that ever signed a licence, as a JWK set (RFC 7517, RFC 8037). Verifiers may
/// cache it.
async fn keys(State(licenses): State<Arc<Licenses>>) -> Reply {
    let published = licenses.store.published_keys().await?;
    let keys = published.iter().map(|jwk| serde_json::from_str::<PublicKey>(jwk)).collect::<Result<JwkSet, _>>();
    let keys = keys.map_err(|error| Failure::broken("a published key cannot be read", error))?;
    let mut response = Json(keys).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}
