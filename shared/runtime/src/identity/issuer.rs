//! The keys that an issuer publishes, and when to fetch them.

use std::error::Error;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use super::error::IdentityError;
use crate::configuration::{BaseUrl, is_confidential};

/// How long keys are used before they are fetched again. A withdrawn key is accepted for at most this time.
const BELIEVED: Duration = Duration::from_secs(60 * 60);

/// The shortest time between two fetches for unknown key ids, so that invented ids cannot cause a flood of requests to the
/// issuer.
const PAUSE: Duration = Duration::from_secs(60);

/// The same after a failed fetch. It is shorter, because no caller can sign in until a fetch succeeds.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// How long a start waits for the issuer. Lambda restarts a start phase that takes ten seconds.
const AHEAD: Duration = Duration::from_secs(3);

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const TIMEOUT: Duration = Duration::from_secs(5);

/// Real documents have a few kilobytes.
const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// One issuer and the keys it published last.
#[derive(Debug)]
pub(super) struct Issuer {
    url: BaseUrl,
    published: RwLock<Option<Published>>,
    /// Held while keys are fetched, so that requests that need them wait for one fetch instead of starting their own.
    fetching: Mutex<Fetching>,
}

#[derive(Debug, Default)]
struct Fetching {
    /// Made at its first use, because it loads root certificates and most functions rarely see a signed-in caller.
    http: Option<Client>,
    last: Option<Attempt>,
}

#[derive(Debug)]
struct Published {
    keys: Vec<PublicKey>,
    at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Attempt {
    at: Instant,
    outcome: Result<(), IdentityError>,
}

impl Issuer {
    pub(super) fn new(url: BaseUrl) -> Self {
        Self { url, published: RwLock::default(), fetching: Mutex::default() }
    }

    /// The `iss` of its tokens.
    pub(super) fn name(&self) -> &str {
        self.url.as_str()
    }

    /// The key with this id for this algorithm. It is fetched first if it is not in memory.
    pub(super) async fn key(&self, id: Option<&str>, algorithm: Algorithm) -> Result<DecodingKey, IdentityError> {
        if let Some(key) = self.at_hand(id, algorithm) {
            return Ok(key);
        }
        self.fetch_unless_just_done().await?;
        self.at_hand(id, algorithm).ok_or(IdentityError::Rejected("its issuer does not publish the key that signed it"))
    }

    pub(super) async fn prepare(&self) {
        // A failure is logged where it happens. The first request that needs a key fetches again without a pause.
        if !matches!(timeout(AHEAD, self.fetch_unless_just_done()).await, Ok(Ok(()))) {
            self.fetching.lock().await.last = None;
        }
    }

    fn at_hand(&self, id: Option<&str>, algorithm: Algorithm) -> Option<DecodingKey> {
        let published = self.published.read().unwrap_or_else(PoisonError::into_inner);
        let keys = &published.as_ref().filter(|published| published.at.elapsed() < BELIEVED)?.keys;
        let mut fitting = keys.iter().filter(|key| key.algorithm == algorithm && (id.is_none() || key.id.as_deref() == id));
        let key = fitting.next()?;
        // Without an id there must be no choice (OpenID Connect Core 1.0, section 10.1).
        (id.is_some() || fitting.next().is_none()).then(|| key.key.clone())
    }

    async fn fetch_unless_just_done(&self) -> Result<(), IdentityError> {
        let mut fetching = self.fetching.lock().await;
        if let Some(Attempt { at, outcome }) = fetching.last
            && at.elapsed() < if outcome.is_ok() { PAUSE } else { PAUSE_AFTER_FAILURE }
        {
            return outcome;
        }
        let outcome = match self.fetch(&mut fetching.http).await {
            Ok(keys) => {
                let published = Published { keys, at: Instant::now() };
                *self.published.write().unwrap_or_else(PoisonError::into_inner) = Some(published);
                Ok(())
            }
            Err(error) => {
                tracing::error!(issuer = %self.url, %error, "the keys of the sign-in issuer could not be fetched");
                Err(IdentityError::IssuerUnavailable)
            }
        };
        fetching.last = Some(Attempt { at: Instant::now(), outcome });
        outcome
    }

    /// OpenID Connect Discovery 1.0, sections 4.1 to 4.3, and RFC 7517, section 5.
    async fn fetch(&self, http: &mut Option<Client>) -> Result<Vec<PublicKey>, IssuerError> {
        #[derive(Deserialize)]
        struct Metadata {
            issuer: String,
            jwks_uri: String,
        }
        #[derive(Deserialize)]
        struct KeySet {
            keys: Vec<Value>,
        }

        let http = match http {
            Some(http) => http,
            none => none.insert(client()?),
        };
        let metadata: Metadata = get(http, &self.url.join(".well-known/openid-configuration")).await?;
        if metadata.issuer != self.url.as_str() {
            return Err(IssuerError::OtherIssuer(metadata.issuer));
        }
        if !Url::parse(&metadata.jwks_uri).is_ok_and(|url| is_confidential(&url)) {
            return Err(IssuerError::Exposed);
        }
        let set: KeySet = get(http, &metadata.jwks_uri).await?;
        // Keys of unknown kinds are ignored, as section 5 requires: a new kind must not block every sign-in.
        Ok(set.keys.into_iter().filter_map(|key| PublicKey::of(&serde_json::from_value(key).ok()?)).collect())
    }
}

/// # Errors
///
/// TLS cannot be set up on this machine, for example because it has no root certificates.
fn client() -> Result<Client, reqwest::Error> {
    Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        // The standard defines where the documents are and does not include redirects.
        .redirect(reqwest::redirect::Policy::none())
        .build()
}

async fn get<T: DeserializeOwned>(http: &Client, url: &str) -> Result<T, IssuerError> {
    let mut response = http.get(url).send().await?;
    if response.status() != StatusCode::OK {
        return Err(IssuerError::Status(response.status()));
    }
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if document.len() + chunk.len() > MAX_DOCUMENT_BYTES {
            return Err(IssuerError::TooLong);
        }
        document.extend_from_slice(&chunk);
    }
    serde_json::from_slice(&document).map_err(IssuerError::Unreadable)
}

/// A published key, bound to the one algorithm for which it is used. The token does not choose the algorithm (RFC 8725,
/// section 3.1).
#[derive(Debug)]
struct PublicKey {
    id: Option<String>,
    algorithm: Algorithm,
    key: DecodingKey,
}

impl PublicKey {
    fn of(jwk: &Jwk) -> Option<Self> {
        let algorithm = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => Algorithm::RS256,
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
            _ => return None,
        };
        let for_other_algorithm = jwk.common.key_algorithm.is_some_and(|stated| stated != KeyAlgorithm::from(algorithm));
        let for_other_use = jwk.common.public_key_use.as_ref().is_some_and(|stated| *stated != PublicKeyUse::Signature);
        if for_other_algorithm || for_other_use {
            return None;
        }
        Some(Self { id: jwk.common.key_id.clone(), algorithm, key: DecodingKey::from_jwk(jwk).ok()? })
    }
}

/// Why the keys could not be fetched, for the operator.
#[derive(Debug, thiserror::Error)]
enum IssuerError {
    #[error("{}", causes(.0))]
    Unreachable(#[from] reqwest::Error),
    #[error("it returned {0}")]
    Status(StatusCode),
    #[error("its response is longer than {MAX_DOCUMENT_BYTES} bytes")]
    TooLong,
    #[error("its response is not the expected JSON: {0}")]
    Unreadable(serde_json::Error),
    #[error("its metadata names the issuer {0:?}: configure exactly this text")]
    OtherIssuer(String),
    #[error("its jwks_uri is neither https nor http on this machine")]
    Exposed,
}

/// An HTTP error states the reason only in its sources.
fn causes(error: &reqwest::Error) -> String {
    let chain = std::iter::successors(Some(error as &dyn Error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
