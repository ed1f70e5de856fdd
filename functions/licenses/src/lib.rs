//! Licences for the contacts who may see them, and the public keys that verify them.

use std::sync::Arc;

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderValue, header},
    response::IntoResponse,
};
use contract::{LicenseView, license::RevealView};
use domain::{
    Code, Refusal,
    license::{Closed, Kind},
};
use licensing::{JwkSet, PublicKey};
use runtime::{
    Clock, Configuration, Failure, Reply, Routes, SourceIp, StartError,
    authority::{Anyone, TechnicalContactOrPurchaser, WithStore, WithVerifier},
    identity::Verifier,
    random,
};
use store::{Reveal, Store};

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
}

impl WithVerifier for Licenses {
    fn verifier(&self) -> &Verifier {
        &self.verifier
    }
}

impl WithStore for Licenses {
    fn store(&self) -> &Store {
        &self.store
    }
}

/// The routes with the authority that each requires, the same in every deployment.
pub fn api() -> Routes<Licenses> {
    Routes::new()
        .get("/v1/licenses/{sen}", view)
        .post("/v1/licenses/{sen}/reveal", reveal)
        .get("/.well-known/license-keys.json", keys)
}

/// The routes, with what their handlers work with.
pub fn routes(licenses: Arc<Licenses>) -> Router {
    api().with_state(licenses)
}

/// `GET /v1/licenses/{sen}`, for the technical contact and the purchaser — R49, R54.
async fn view(party: TechnicalContactOrPurchaser) -> Reply {
    Ok(Json(LicenseView::from(party.entitlement())).into_response())
}

/// `POST /v1/licenses/{sen}/reveal` — R52: the licence file. First, the note of who reads it is stored durably.
async fn reveal(party: TechnicalContactOrPurchaser, State(licenses): State<Arc<Licenses>>, ip: SourceIp) -> Reply {
    let entitlement = party.entitlement();
    let now = licenses.clock.now();
    let closed = entitlement.closed();
    let Some(revealed) = RevealView::of(entitlement, now).filter(|_| closed != Some(Closed::Refunded)) else {
        let detail = match (closed, entitlement.kind) {
            (Some(Closed::Refunded), _) => "This licence was refunded. Its key is no longer available.",
            (_, Kind::Subscription) => "A cloud subscription has no key. Its users sign in.",
            (_, Kind::Perpetual | Kind::Term) => {
                "This licence was imported, and its key is not stored here. The key that you have stays valid."
            }
        };
        return Err(Refusal::new(Code::NoLicenseKey, detail).into());
    };
    let reveal = Reveal { subject: party.subject(), email: party.email(), key_id: revealed.key_id, ip: ip.0 };
    licenses.store.audit_reveal(&entitlement.sen, now, &random::token(), reveal).await?;
    Ok(Json(revealed).into_response())
}

/// `GET /.well-known/license-keys.json`: every key that ever signed a licence, as a JWK set (RFC 7517, RFC 8037). Verifiers may
/// cache it.
async fn keys(_: Anyone, State(licenses): State<Arc<Licenses>>) -> Reply {
    let published = licenses.store.published_keys().await?;
    let keys = published.iter().map(|jwk| serde_json::from_str::<PublicKey>(jwk)).collect::<Result<JwkSet, _>>();
    let keys = keys.map_err(|error| Failure::broken("a published key cannot be read", error))?;
    let mut response = Json(keys).into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
    Ok(response)
}
