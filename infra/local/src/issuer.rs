//! A practice OpenID Connect issuer: it signs a token for any requested identity, so that the deployment can be tried without
//! an account at a provider. No other system may trust it.
//!
//! The issuer has what a verifier of bearer tokens needs: discovery (OpenID Connect Discovery 1.0), keys (RFC 7517), and tokens
//! signed with ES256 (RFC 7518). It has no sign-in page and therefore no `authorization_endpoint`: tokens are requested
//! directly.

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    response::IntoResponse,
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use domain::{Code, Refusal, fault::Faults, party::Email};
use http::{StatusCode, header::CACHE_CONTROL};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{
    Algorithm, EncodingKey, Header, encode,
    jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash},
};
use runtime::{Failure, Reply};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::durable;

/// The audience of the tokens: the value of `aud`.
pub const AUDIENCE: &str = "sellthrough";

/// The validity of a token.
const VALIDITY: SignedDuration = SignedDuration::from_hours(12);

/// The signing key inside the data directory: PKCS #8 in DER, mode 0600.
const KEY: &str = "issuer-key.der";

/// The clock of issued tokens. The deployment's test clock can move it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Why the issuer cannot start.
#[derive(Debug, Error)]
pub enum IssuerError {
    /// The key file cannot be read or written.
    #[error("cannot read or write the practice issuer's key in {}: {cause}", .file.display())]
    File {
        /// The key file.
        file: PathBuf,
        /// The error of the operating system.
        cause: io::Error,
    },
    /// The key file does not contain a key of this kind.
    #[error("{} is not a P-256 key in PKCS #8: move the file away, and a new key is created", .0.display())]
    Key(PathBuf),
}

/// The identity in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The e-mail address. The token marks it as verified.
    pub email: String,
    /// The organisation, for resellers.
    pub organization: Option<String>,
    /// The groups, for vendor staff and aggregators.
    pub groups: Vec<String>,
}

/// The claims of a token. Absent claims are omitted.
#[derive(Debug, Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    sub: String,
    email: &'a str,
    email_verified: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    organization: Option<&'a str>,
    groups: &'a [String],
    iat: i64,
    exp: i64,
}

/// The issuer. Clones share it.
#[derive(Clone)]
pub struct Issuer(Arc<Inner>);

struct Inner {
    base: String,
    issuer: String,
    key: EncodingKey,
    public: Jwk,
    clock: Clock,
}

impl Issuer {
    /// The issuer of the deployment at `base`, for example `http://127.0.0.1:8080`, with the key in `data_dir`. A missing key is
    /// created. Tokens stay valid after a restart at the same address.
    ///
    /// # Errors
    ///
    /// [`IssuerError`] says which file to repair; a retry is safe.
    pub fn open(data_dir: &Path, base: &str, clock: Clock) -> Result<Self, IssuerError> {
        let file = data_dir.join(KEY);
        let unusable = |cause| IssuerError::File { file: file.clone(), cause };
        durable::private_dir(data_dir).map_err(unusable)?;
        let der = match std::fs::read(&file) {
            Ok(der) => der,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
                let der = new_key().map_err(|_| unusable(io::Error::other("no key could be created")))?;
                durable::write(&file, &der).map_err(unusable)?;
                der
            }
            Err(cause) => return Err(unusable(cause)),
        };
        let key = EncodingKey::from_ec_der(&der);
        let public = public_key(&key).map_err(|_| IssuerError::Key(file.clone()))?;
        let base = base.trim_end_matches('/').to_owned();
        let issuer = format!("{base}/local/issuer");
        Ok(Self(Arc::new(Inner { base, issuer, key, public, clock })))
    }

    /// The value of `iss`: `{base}/local/issuer`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.0.issuer
    }

    /// A signed token for this identity, valid from now for twelve hours.
    ///
    /// # Errors
    ///
    /// Only if the system cannot sign at all.
    pub fn token(&self, identity: &Identity) -> Result<String, jsonwebtoken::errors::Error> {
        let now = (self.0.clock)();
        let claims = Claims {
            iss: self.url(),
            aud: AUDIENCE,
            sub: subject(&identity.email),
            email: &identity.email,
            email_verified: true,
            organization: identity.organization.as_deref(),
            groups: &identity.groups,
            iat: now.as_second(),
            exp: now.as_second() + VALIDITY.as_secs(),
        };
        let header = Header { kid: self.0.public.common.key_id.clone(), ..Header::new(Algorithm::ES256) };
        encode(&header, &claims, &self.0.key)
    }

    /// The issuer's pages, with absolute paths:
    ///
    /// * `GET /local/issuer/.well-known/openid-configuration`;
    /// * `GET /local/issuer/jwks.json`;
    /// * `POST /local/tokens` with `{"email", "organization"?, "groups"?}` returns
    ///   `{"access_token", "token_type": "Bearer", "expires_in"}`. A wrong body is refused like any other, with all faults at
    ///   once.
    pub fn router(&self) -> Router {
        Router::new()
            .route("/local/issuer/.well-known/openid-configuration", get(configuration))
            .route("/local/issuer/jwks.json", get(keys))
            .route("/local/tokens", post(issue))
            .with_state(self.clone())
    }
}

fn new_key() -> Result<Vec<u8>, aws_lc_rs::error::Unspecified> {
    let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
    Ok(pair.to_pkcs8v1()?.as_ref().to_vec())
}

/// The public key, with its thumbprint (RFC 7638) as id.
fn public_key(key: &EncodingKey) -> Result<Jwk, jsonwebtoken::errors::Error> {
    let mut public = Jwk::from_encoding_key(key, Algorithm::ES256)?;
    public.common.public_key_use = Some(PublicKeyUse::Signature);
    public.common.key_id = Some(public.thumbprint(ThumbprintHash::SHA256)?);
    Ok(public)
}

/// The subject for an address: always the same, and without revealing the address.
fn subject(email: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(&Sha256::digest(email.to_lowercase())[..16])
}

async fn configuration(State(issuer): State<Issuer>) -> Json<Value> {
    let base = &issuer.0.base;
    Json(json!({
        "issuer": issuer.url(),
        "jwks_uri": format!("{}/jwks.json", issuer.url()),
        "token_endpoint": format!("{base}/local/tokens"),
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": [
            "iss", "aud", "sub", "email", "email_verified", "organization", "groups", "iat", "exp"
        ],
    }))
}

async fn keys(State(issuer): State<Issuer>) -> Json<JwkSet> {
    Json(JwkSet { keys: vec![issuer.0.public.clone()] })
}

async fn issue(State(issuer): State<Issuer>, body: Result<Json<Value>, JsonRejection>) -> Reply {
    let Json(body) = body.map_err(|rejection| unread(&rejection))?;
    let token = issuer.token(&identity(&body)?);
    let token = token.map_err(|error| Failure::broken("a token cannot be signed", error))?;
    let answer = json!({ "access_token": token, "token_type": "Bearer", "expires_in": VALIDITY.as_secs() });
    // RFC 6749, section 5.1.
    Ok(([(CACHE_CONTROL, "no-store")], Json(answer)).into_response())
}

fn unread(rejection: &JsonRejection) -> Refusal {
    match rejection {
        JsonRejection::MissingJsonContentType(_) => {
            Refusal::new(Code::ValueInvalid, "Send the body with `Content-Type: application/json`.")
        }
        rejection if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => Refusal::new(
            Code::BodyTooLarge,
            "The body is too large for an identity. Send `email` and, if needed, `organization` and `groups`.",
        ),
        _ => Refusal::new(Code::MalformedJson, "The body is not JSON. Example: {\"email\": \"ada@example.com\"}."),
    }
}

/// The identity in a body, or all faults of the body.
fn identity(body: &Value) -> Result<Identity, Refusal> {
    let Some(fields) = body.as_object() else {
        let detail = "Send an object with `email` and, if needed, `organization` and `groups`.";
        return Err(Refusal::new(Code::WrongType, detail));
    };
    let mut faults = Faults::default();
    for name in fields.keys().filter(|name| !matches!(name.as_str(), "email" | "organization" | "groups")) {
        let pointer = format!("/{}", name.replace('~', "~0").replace('/', "~1"));
        faults.add(
            Code::UnknownMember,
            pointer,
            "This member is unknown. Known members are `email`, `organization` and `groups`.",
        );
    }
    let given = |name: &str| fields.get(name).filter(|value| !value.is_null());
    let email = match given("email") {
        None => {
            faults.add(Code::Required, "/email", "This member is required: add it.");
            None
        }
        Some(email) => {
            let email = email.as_str().filter(|email| Email::parse(email).is_some());
            if email.is_none() {
                faults.add(Code::EmailInvalid, "/email", "Send an e-mail address, for example `ada@example.com`.");
            }
            email
        }
    };
    let organization = given("organization").map(|name| name.as_str().filter(|name| !name.trim().is_empty()));
    if organization == Some(None) {
        faults.add(Code::ValueInvalid, "/organization", "Send a name, or omit the member.");
    }
    let groups = given("groups").map_or(Ok(Vec::new()), |groups| serde_json::from_value(groups.clone()));
    if groups.is_err() {
        faults.add(Code::WrongType, "/groups", "Send a list of names, for example [\"vendor-staff\"], or omit the member.");
    }
    let organization = organization.flatten().map(str::to_owned);
    let identity = email.zip(groups.ok()).map(|(email, groups)| Identity { email: email.to_owned(), organization, groups });
    faults.into_result(identity)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use axum::body::Body;
    use http::{Request, header::CONTENT_TYPE};
    use http_body_util::BodyExt;
    use jsonwebtoken::{DecodingKey, Validation, decode, decode_header};
    use tower::ServiceExt;

    use super::*;

    const NOW: &str = "2026-11-22T09:00:00Z";

    fn issuer(dir: &Path) -> Issuer {
        Issuer::open(dir, "http://127.0.0.1:8080/", Arc::new(|| NOW.parse().unwrap())).unwrap()
    }

    async fn call(issuer: &Issuer, request: Request<Body>) -> (StatusCode, Value) {
        let (head, body) = runtime::shell(issuer.router()).oneshot(request).await.unwrap().into_parts();
        (head.status, serde_json::from_slice(&body.collect().await.unwrap().to_bytes()).unwrap())
    }

    async fn read(issuer: &Issuer, path: &str) -> Value {
        let (status, body) = call(issuer, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(status, StatusCode::OK);
        body
    }

    async fn ask(issuer: &Issuer, body: &str) -> (StatusCode, Value) {
        let request = Request::post("/local/tokens").header(CONTENT_TYPE, "application/json");
        call(issuer, request.body(Body::from(body.to_owned())).unwrap()).await
    }

    /// Verifies a token as a verifier that is configured with the issuer's address only.
    async fn verified(issuer: &Issuer, token: &str) -> Value {
        let configuration = read(issuer, "/local/issuer/.well-known/openid-configuration").await;
        assert_eq!(configuration["issuer"], "http://127.0.0.1:8080/local/issuer");
        assert_eq!(configuration["jwks_uri"], "http://127.0.0.1:8080/local/issuer/jwks.json");
        let keys: JwkSet = serde_json::from_value(read(issuer, "/local/issuer/jwks.json").await).unwrap();
        let key = keys.find(&decode_header(token).unwrap().kid.unwrap()).unwrap();
        let mut rules = Validation::new(Algorithm::ES256);
        rules.set_audience(&[AUDIENCE]);
        rules.set_issuer(&[configuration["issuer"].as_str().unwrap()]);
        rules.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // The tests' clock stands still; the claim itself is compared.
        rules.validate_exp = false;
        decode::<Value>(token, &DecodingKey::from_jwk(key).unwrap(), &rules).unwrap().claims
    }

    #[tokio::test]
    async fn a_token_passes_a_verifier_that_starts_from_discovery() {
        let folder = tempfile::tempdir().unwrap();
        let issuer = issuer(folder.path());
        let body = r#"{"email": "Ada@example.com", "organization": "Example Reseller", "groups": ["staff"]}"#;
        let (status, answer) = ask(&issuer, body).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(43_200)));

        let claims = verified(&issuer, answer["access_token"].as_str().unwrap()).await;
        let now = NOW.parse::<Timestamp>().unwrap().as_second();
        assert_eq!(claims["email"], "Ada@example.com");
        assert_eq!(claims["email_verified"], true);
        assert_eq!(claims["organization"], "Example Reseller");
        assert_eq!(claims["groups"], json!(["staff"]));
        assert_eq!((&claims["iat"], &claims["exp"]), (&json!(now), &json!(now + 43_200)));
        assert_eq!(claims["sub"], subject("ada@example.com"));
    }

    #[tokio::test]
    async fn organization_and_groups_may_be_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let issuer = issuer(folder.path());
        let (_, answer) = ask(&issuer, r#"{"email": "ada@example.com"}"#).await;
        let claims = verified(&issuer, answer["access_token"].as_str().unwrap()).await;
        assert_eq!((claims.get("organization"), &claims["groups"]), (None, &json!([])));
    }

    #[tokio::test]
    async fn the_key_is_kept_for_its_owner_and_tokens_outlive_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let identity = Identity { email: "ada@example.com".into(), organization: None, groups: vec![] };
        let token = issuer(folder.path()).token(&identity).unwrap();
        assert_eq!(std::fs::metadata(folder.path().join(KEY)).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(verified(&issuer(folder.path()), &token).await["email"], "ada@example.com");

        std::fs::write(folder.path().join(KEY), "not a key").unwrap();
        let refusal = Issuer::open(folder.path(), "http://127.0.0.1:8080", Arc::new(|| Timestamp::UNIX_EPOCH)).err().unwrap();
        assert!(matches!(refusal, IssuerError::Key(_)));
    }

    #[tokio::test]
    async fn all_faults_of_a_body_are_reported_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let issuer = issuer(folder.path());
        let errors = |problem: &Value| -> Vec<(String, String)> {
            assert!(problem["request_id"].is_string() && problem["type"].as_str().unwrap().starts_with("urn:"), "{problem}");
            let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
            problem["errors"].as_array().unwrap().iter().map(|error| (text(error, "code"), text(error, "pointer"))).collect()
        };
        let (status, problem) =
            ask(&issuer, r#"{"email": "ada", "organization": " ", "groups": "staff", "organi/sation": "x"}"#).await;
        assert_eq!((status, &problem["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("request_invalid")));
        let wanted = [
            ("unknown_member", "/organi~1sation"),
            ("email_invalid", "/email"),
            ("value_invalid", "/organization"),
            ("wrong_type", "/groups"),
        ];
        assert_eq!(errors(&problem), wanted.map(|(code, pointer)| (code.to_owned(), pointer.to_owned())));
        assert!(problem["errors"].as_array().unwrap().iter().all(|error| error["detail"].as_str().unwrap().ends_with('.')));

        for (body, status, code) in
            [("[]", 422, "wrong_type"), ("{}", 422, "required"), ("{", 400, "malformed_json"), ("", 400, "malformed_json")]
        {
            let (answered, problem) = ask(&issuer, body).await;
            assert_eq!(
                (answered.as_u16(), &problem["code"], &problem["status"]),
                (status, &json!(code), &json!(status)),
                "{body}"
            );
        }
        let form = Request::post("/local/tokens").body(Body::from(r#"{"email": "ada@example.com"}"#)).unwrap();
        let (status, problem) = call(&issuer, form).await;
        assert_eq!(
            (status.as_u16(), &problem["code"]),
            (422, &json!("value_invalid")),
            "a page of another origin cannot post this"
        );
    }
}
