//! Whom the functions deal with besides AWS's table: the issuer of their callers' tokens, the mail service, and Stripe.
//! Each does as much as one good answer takes.

use std::{error::Error, fmt::Write};

use axum::{
    Json, Router,
    routing::{get, post},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ed25519_dalek::{SigningKey, pkcs8::EncodePrivateKey};
use hmac::{Hmac, KeyInit, Mac};
use jiff::{SignedDuration, Timestamp};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use sha2::Sha256;
use tokio::{net::TcpListener, task::JoinSet};

use crate::calls::Calls;

/// For whom the issuer's tokens are.
pub(crate) const AUDIENCE: &str = "sellthrough";

/// What Stripe signs its webhooks with.
pub(crate) const STRIPE_SECRET: &str = "whsec_example";

/// A key that signs nothing outside this run.
pub(crate) fn signing_key() -> SigningKey {
    SigningKey::from_bytes(b"a benchmark's key, and no secret")
}

/// An OpenID Connect issuer. It is served while this value lives.
pub(crate) struct Issuer {
    url: String,
    key: EncodingKey,
    _serving: JoinSet<()>,
}

impl Issuer {
    /// Serves discovery and keys on a free loopback port.
    pub(crate) async fn serve() -> Result<Self, Box<dyn Error>> {
        let key = signing_key();
        let x = BASE64_URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let keys = json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": "bench", "x": x }] });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let metadata = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let routes = Router::new()
            .route("/.well-known/openid-configuration", get(async || Json(metadata)))
            .route("/keys", get(async || Json(keys)));
        Ok(Self { url, key: EncodingKey::from_ed_der(key.to_pkcs8_der()?.as_bytes()), _serving: serve(listener, routes) })
    }

    /// What `OIDC_ISSUER` is set to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// The `Authorization` of somebody with this address and these groups, for an hour.
    pub(crate) fn bearer(&self, email: &str, groups: &[&str], now: Timestamp) -> Result<String, Box<dyn Error>> {
        let expires = now + SignedDuration::from_hours(1);
        let claims = json!({
            "iss": self.url, "aud": AUDIENCE, "sub": email, "email": email, "email_verified": true, "groups": groups,
            "exp": expires.as_second(),
        });
        let header = Header { kid: Some("bench".to_owned()), ..Header::new(Algorithm::EdDSA) };
        Ok(format!("Bearer {}", jsonwebtoken::encode(&header, &claims, &self.key)?))
    }
}

/// A mail service that takes every letter. It is served while this value lives.
pub(crate) struct Mail {
    url: String,
    _serving: JoinSet<()>,
}

impl Mail {
    /// Serves SES's `SendRawEmail` on a free loopback port, and counts it.
    pub(crate) async fn serve(calls: Calls) -> Result<Self, Box<dyn Error>> {
        const ACCEPTED: &str = "<SendRawEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendRawEmailResult>\
             <MessageId>1</MessageId></SendRawEmailResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>\
             </SendRawEmailResponse>";
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let url = format!("http://{}", listener.local_addr()?);
        let accept = async move || {
            calls.add("SendRawEmail");
            ([("content-type", "text/xml")], ACCEPTED)
        };
        let routes = Router::new().route("/", post(accept));
        Ok(Self { url, _serving: serve(listener, routes) })
    }

    /// What `AWS_ENDPOINT_URL_SES` is set to.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

fn serve(listener: TcpListener, routes: Router) -> JoinSet<()> {
    let mut serving = JoinSet::new();
    serving.spawn(async { axum::serve(listener, routes).await.unwrap_or_default() });
    serving
}

/// Stripe's webhook about a quote that is paid in full by card, as a body.
pub(crate) fn paid(quote: &Value, now: Timestamp) -> Result<String, Box<dyn Error>> {
    let number = quote["number"].as_str().ok_or("the quote has no number")?;
    let currency = quote["currency"].as_str().ok_or("the quote has no currency")?;
    let revision = quote["revision"].as_u64().ok_or("the quote has no revision")?;
    Ok(json!({
        "id": format!("evt_{number}"), "object": "event", "type": "payment_intent.succeeded", "livemode": true,
        "created": now.as_second(),
        "data": { "object": {
            "id": format!("pi_{}", number.replace('-', "")), "object": "payment_intent",
            "metadata": { "quote_number": number, "quote_revision": revision.to_string() },
            "amount": quote["total"], "amount_received": quote["total"], "currency": currency.to_lowercase(),
            "payment_method_types": ["card"],
        } },
    })
    .to_string())
}

/// The `Stripe-Signature` of a body: HMAC-SHA-256 of `{t}.{body}`.
pub(crate) fn stripe_signature(body: &str, now: Timestamp) -> Result<String, Box<dyn Error>> {
    let time = now.as_second();
    let mut mac = Hmac::<Sha256>::new_from_slice(STRIPE_SECRET.as_bytes())?;
    mac.update(format!("{time}.{body}").as_bytes());
    let mut signature = format!("t={time},v1=");
    for byte in mac.finalize().into_bytes() {
        write!(signature, "{byte:02x}")?;
    }
    Ok(signature)
}
