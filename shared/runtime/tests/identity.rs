//! Which tokens are accepted and which are refused. A small issuer on the loopback interface signs them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{KeyPair as RsaKeys, KeySize};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair, RsaPublicKeyComponents};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64URL;
use http::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use runtime::clock::{Clock, MovableClock};
use runtime::configuration::{BaseUrl, Configuration};
use runtime::identity::{Caller, IdentityError, Verifier};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const AUDIENCE: &str = "sellthrough";

/// 2026-03-01T12:00:00Z, far enough from the machine's time that a check against the machine's clock would be noticed.
const NOW: i64 = 1_772_366_400;

/// A private key of the issuer, and the published half.
struct Key {
    id: &'static str,
    algorithm: Algorithm,
    private: EncodingKey,
    public: Value,
}

impl Key {
    fn es256(id: &'static str) -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let public = json!({
            "kty": "EC", "crv": "P-256", "kid": id, "use": "sig", "alg": "ES256",
            "x": BASE64URL.encode(x), "y": BASE64URL.encode(y),
        });
        let pkcs8 = pair.to_pkcs8v1().expect("PKCS #8");
        Self { id, algorithm: Algorithm::ES256, private: EncodingKey::from_ec_der(pkcs8.as_ref()), public }
    }

    fn eddsa(id: &'static str) -> Self {
        let pair = Ed25519KeyPair::generate().expect("a key");
        let x = BASE64URL.encode(pair.public_key());
        let public = json!({ "kty": "OKP", "crv": "Ed25519", "kid": id, "x": x });
        let pkcs8 = pair.to_pkcs8v1().expect("PKCS #8");
        Self { id, algorithm: Algorithm::EdDSA, private: EncodingKey::from_ed_der(pkcs8.as_ref()), public }
    }

    fn rs256(id: &'static str) -> Self {
        let pair = RsaKeys::generate(KeySize::Rsa2048).expect("a key");
        let RsaPublicKeyComponents { n, e } = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public_key());
        let public = json!({ "kty": "RSA", "kid": id, "n": BASE64URL.encode(n), "e": BASE64URL.encode(e) });
        let pkcs8 = pair.as_der().expect("PKCS #8");
        // The library expects the key without the PKCS #8 header, which has 26 bytes for this kind of key.
        Self { id, algorithm: Algorithm::RS256, private: EncodingKey::from_rsa_der(&pkcs8.as_ref()[26..]), public }
    }

    fn header(&self) -> Header {
        Header { kid: Some(self.id.to_owned()), ..Header::new(self.algorithm) }
    }

    fn sign(&self, claims: &Value) -> String {
        self.sign_with(&self.header(), claims)
    }

    /// The value of the `Authorization` header with a token that has this header and these claims.
    fn sign_with(&self, header: &Header, claims: &Value) -> String {
        format!("Bearer {}", jsonwebtoken::encode(header, claims, &self.private).expect("a token"))
    }
}

/// An OpenID Connect issuer on this machine.
struct Issuer {
    url: String,
    keys: Arc<Mutex<Vec<Value>>>,
    fetches: Arc<AtomicUsize>,
    server: JoinHandle<()>,
}

impl Issuer {
    async fn publishing(keys: &[&Key]) -> Self {
        Self::calling_itself(None, keys).await
    }

    async fn calling_itself(name: Option<&str>, keys: &[&Key]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}/realm", listener.local_addr().expect("an address"));
        let published = Arc::new(Mutex::new(keys.iter().map(|key| key.public.clone()).collect::<Vec<_>>()));
        let fetches = Arc::new(AtomicUsize::new(0));

        let metadata = json!({ "issuer": name.unwrap_or(&url), "jwks_uri": format!("{url}/keys?of=today") });
        let (served, counted) = (published.clone(), fetches.clone());
        let router = Router::new().route("/realm/.well-known/openid-configuration", get(async || Json(metadata))).route(
            "/realm/keys",
            get(async move || {
                counted.fetch_add(1, Ordering::SeqCst);
                Json(json!({ "keys": *served.lock().expect("the keys") }))
            }),
        );
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });
        Self { url, keys: published, fetches, server }
    }

    fn publish(&self, keys: &[&Key]) {
        *self.keys.lock().expect("the keys") = keys.iter().map(|key| key.public.clone()).collect();
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn verifier(&self) -> Verifier {
        self.verifier_at(clock())
    }

    fn verifier_at(&self, clock: Clock) -> Verifier {
        let url: BaseUrl = self.url.parse().expect("an address");
        Verifier::new(url, AUDIENCE, clock)
    }

    fn verifier_configured_with<const N: usize>(&self, more: [(&str, &str); N]) -> Verifier {
        let settings = [("OIDC_ISSUER", &*self.url), ("OIDC_AUDIENCE", AUDIENCE)];
        Configuration::from_pairs(settings.into_iter().chain(more)).read(|c| Verifier::read(c, clock())).expect("sound settings")
    }

    /// The claims of a valid token of this issuer.
    fn claims(&self) -> Value {
        json!({ "iss": self.url, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 300 })
    }

    fn claims_with(&self, changes: Value) -> Value {
        let mut claims = self.claims();
        for (name, value) in changes.as_object().expect("claims") {
            claims[name] = value.clone();
        }
        claims
    }
}

fn clock() -> Clock {
    Clock::fixed_at(Timestamp::from_second(NOW).expect("a date"))
}

/// Moves the verifier's timers forward. The clock runs again before a request is sent, because the network needs real time.
async fn let_pass(duration: Duration) {
    tokio::time::pause();
    tokio::time::advance(duration).await;
    tokio::time::resume();
}

fn refused(result: Result<Caller, IdentityError>) -> &'static str {
    match result.expect_err("a refusal") {
        IdentityError::Rejected(reason) => reason,
        other => panic!("expected a rejection, got {other:?}"),
    }
}

#[tokio::test]
async fn a_valid_token_identifies_the_caller_with_every_supported_algorithm() {
    let keys = [Key::es256("a"), Key::eddsa("b"), Key::rs256("c")];
    let issuer = Issuer::publishing(&keys.each_ref()).await;
    let verifier = issuer.verifier();
    let claims = issuer.claims_with(json!({
        "aud": ["other", AUDIENCE],
        "email": "Ada@Example.COM",
        "email_verified": true,
        "organization": "Example Software Ltd",
        "groups": ["staff", "review"],
    }));
    for key in &keys {
        let caller = verifier.caller(Some(&key.sign(&claims))).await.expect(key.id);
        assert_eq!(caller.subject, "user-1");
        assert_eq!(caller.email.as_ref().map(|email| email.as_str()), Some("ada@example.com"));
        assert_eq!(caller.organization.as_deref(), Some("Example Software Ltd"));
        assert_eq!(caller.groups, ["staff", "review"]);
        assert!(!format!("{caller:?} {:?}", caller.email).to_lowercase().contains("ada"), "addresses stay out of logs");
        assert!(!format!("{caller:?}").contains("user-1"));
    }
    assert_eq!(issuer.fetches(), 1, "keys are fetched once");
}

#[tokio::test]
async fn keys_are_fetched_once_for_many_callers_at_once_and_can_be_fetched_ahead() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier();
    let token = key.sign(&issuer.claims());
    let (one, two, three) =
        tokio::join!(verifier.caller(Some(&token)), verifier.caller(Some(&token)), verifier.caller(Some(&token)));
    assert!(one.is_ok() && two.is_ok() && three.is_ok());
    assert_eq!(issuer.fetches(), 1);

    let ahead = issuer.verifier();
    ahead.prepare().await;
    assert_eq!(issuer.fetches(), 2);
    assert!(ahead.clone().caller(Some(&token)).await.is_ok());
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_request_without_a_readable_bearer_token_is_refused_with_the_reason() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier();
    let good = key.sign(&issuer.claims());

    assert_eq!(verifier.caller(None).await, Err(IdentityError::Missing));
    for header in ["", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Bearer a.b", "Bearer a.b.c", "Bearer a b"] {
        assert_eq!(verifier.caller(Some(header)).await, Err(IdentityError::Malformed), "{header:?}");
    }
    let endless = format!("{good}{}", "A".repeat(16 * 1024));
    assert_eq!(verifier.caller(Some(&endless)).await, Err(IdentityError::Malformed));
    assert!(verifier.caller(Some(&good.replace("Bearer", "bearer"))).await.is_ok(), "RFC 9110: in any case");

    assert_eq!(IdentityError::Missing.challenge(), Some("Bearer"));
    assert!(IdentityError::Rejected("").challenge().is_some_and(|challenge| challenge.contains("invalid_token")));
    assert_eq!(IdentityError::IssuerUnavailable.challenge(), None);
}

#[tokio::test]
async fn a_request_without_a_token_is_anonymous_and_an_invalid_token_is_refused() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier();
    let headers = |sent: &[&str]| {
        let value = |value: &&str| (AUTHORIZATION, HeaderValue::from_bytes(value.as_bytes()).expect("a header's value"));
        sent.iter().map(value).collect::<HeaderMap>()
    };
    let good = key.sign(&issuer.claims_with(json!({ "groups": ["vendor-staff"] })));

    assert_eq!(verifier.optional_caller(&HeaderMap::new()).await, Ok(None));
    assert_eq!(issuer.fetches(), 0, "the issuer gets no request");
    assert_eq!(verifier.required_caller(&HeaderMap::new()).await, Err(IdentityError::Missing));

    let caller = verifier.optional_caller(&headers(&[&good])).await.expect("a good token").expect("a caller");
    assert_eq!(caller.subject, "user-1");
    assert!(caller.belongs_to("vendor-staff"));
    assert!(!caller.belongs_to("vendor") && !caller.belongs_to("Vendor-Staff") && !caller.belongs_to(""));
    assert_eq!(verifier.required_caller(&headers(&[&good])).await, Ok(caller));

    let expired = key.sign(&issuer.claims_with(json!({ "exp": NOW - 300 })));
    assert!(matches!(verifier.optional_caller(&headers(&[&expired])).await, Err(IdentityError::Rejected(_))));
    for bad in [&[""] as &[_], &["Bearer ü"], &["Basic dXNlcjpwYXNz"], &[&good, &good]] {
        assert_eq!(verifier.optional_caller(&headers(bad)).await, Err(IdentityError::Malformed), "{bad:?}");
    }
}

#[tokio::test]
async fn a_token_is_valid_from_nbf_to_exp_by_our_clock_with_a_minute_of_tolerance() {
    let key = Key::eddsa("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let hand = MovableClock::at(Timestamp::from_second(NOW).expect("a date"));
    let verifier = issuer.verifier_at(hand.clock());
    let token = key.sign(&issuer.claims_with(json!({ "nbf": NOW - 100, "exp": NOW + 300 })));

    for (offset, outcome) in [
        (-161, Err("it is not valid yet")),
        (-160, Ok(())),
        (0, Ok(())),
        (359, Ok(())),
        (360, Err("it has expired")),
        (86_400 * 3_650, Err("it has expired")),
    ] {
        hand.set(Timestamp::from_second(NOW + offset).expect("a date"));
        let result = verifier.caller(Some(&token)).await;
        match outcome {
            Ok(()) => assert!(result.is_ok(), "at {offset}"),
            Err(reason) => assert_eq!(refused(result), reason, "at {offset}"),
        }
    }
}

#[tokio::test]
async fn invalid_claims_are_refused() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier();
    for (changes, reason) in [
        (json!({ "aud": "another" }), "it is for another audience"),
        (json!({ "aud": null }), "it is for another audience"),
        (json!({ "aud": ["sellthrough.example.com"] }), "it is for another audience"),
        (json!({ "iss": "https://login.example.com" }), "another issuer made it"),
        (json!({ "iss": format!("{}/", issuer.url) }), "another issuer made it"),
        (json!({ "iss": [issuer.url] }), "another issuer made it"),
        (json!({ "exp": NOW - 61 }), "it has expired"),
        (json!({ "exp": null }), "it has an invalid date"),
        (json!({ "exp": "tomorrow" }), "it has an invalid date"),
        (json!({ "exp": 1e300 }), "it has an invalid date"),
        (json!({ "nbf": NOW + 61 }), "it is not valid yet"),
        (json!({ "sub": "" }), "it has no subject"),
        (json!({ "sub": 7 }), "it has no subject"),
    ] {
        let token = key.sign(&issuer.claims_with(changes.clone()));
        assert_eq!(refused(verifier.caller(Some(&token)).await), reason, "{changes}");
    }
    let mut eternal = issuer.claims();
    eternal.as_object_mut().expect("claims").remove("exp");
    assert_eq!(refused(verifier.caller(Some(&key.sign(&eternal))).await), "it has no expiry");
}

#[tokio::test]
async fn a_signature_must_be_by_a_key_of_the_issuer_and_with_the_algorithm_of_that_key() {
    let (key, impostor) = (Key::es256("a"), Key::es256("a"));
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier();
    let claims = issuer.claims();

    assert_eq!(refused(verifier.caller(Some(&impostor.sign(&claims))).await), "its signature is wrong");

    let mut altered = key.sign(&claims).split('.').map(str::to_owned).collect::<Vec<_>>();
    altered[1] = BASE64URL.encode(issuer.claims_with(json!({ "sub": "admin" })).to_string());
    assert_eq!(refused(verifier.caller(Some(&altered.join("."))).await), "its signature is wrong");

    // The published key, used as a shared secret (RFC 8725, section 2.1), in every form in which it is available.
    let point = [b"\x04".as_slice(), &decoded(&key.public["x"]), &decoded(&key.public["y"])].concat();
    for secret in [point, key.public.to_string().into_bytes(), decoded(&key.public["x"])] {
        let header = Header { kid: Some("a".to_owned()), ..Header::new(Algorithm::HS256) };
        let token = jsonwebtoken::encode(&header, &claims, &EncodingKey::from_secret(&secret)).expect("a token");
        let result = verifier.caller(Some(&format!("Bearer {token}"))).await;
        assert_eq!(refused(result), "it is not signed with RS256, ES256 or EdDSA");
    }

    for none in ["none", "None", "NONE"] {
        let header = BASE64URL.encode(json!({ "alg": none, "kid": "a" }).to_string());
        let token = format!("Bearer {header}.{}.", BASE64URL.encode(claims.to_string()));
        assert_eq!(verifier.caller(Some(&token)).await, Err(IdentityError::Malformed), "{none}");
    }

    // A supported algorithm, with the id of a key for another algorithm.
    let other_kind = Key::eddsa("a");
    let reason = "its issuer does not publish the key that signed it";
    assert_eq!(refused(verifier.caller(Some(&other_kind.sign(&claims))).await), reason);
}

fn decoded(text: &Value) -> Vec<u8> {
    BASE64URL.decode(text.as_str().expect("text")).expect("base64url")
}

#[tokio::test]
async fn a_token_of_another_type_or_with_an_unknown_extension_is_refused() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier();
    let typed = |typ: Option<&str>| Header { typ: typ.map(str::to_owned), ..key.header() };

    for good in [None, Some("JWT"), Some("at+jwt"), Some("application/at+JWT")] {
        assert!(verifier.caller(Some(&key.sign_with(&typed(good), &issuer.claims()))).await.is_ok(), "{good:?}");
    }
    let logout = key.sign_with(&typed(Some("logout+jwt")), &issuer.claims());
    assert_eq!(refused(verifier.caller(Some(&logout)).await), "it is not an access token or ID token");

    let critical = Header { crit: Some(vec!["b64".to_owned()]), ..key.header() };
    let token = key.sign_with(&critical, &issuer.claims());
    assert_eq!(refused(verifier.caller(Some(&token)).await), "it needs an extension that is not supported");
}

#[tokio::test]
async fn a_token_without_a_key_id_is_accepted_only_if_one_key_fits() {
    let (one, two, other) = (Key::es256("a"), Key::es256("b"), Key::eddsa("c"));
    let issuer = Issuer::publishing(&[&one, &other]).await;
    let token = one.sign_with(&Header::new(Algorithm::ES256), &issuer.claims());
    assert!(issuer.verifier().caller(Some(&token)).await.is_ok());

    issuer.publish(&[&one, &two]);
    let reason = "its issuer does not publish the key that signed it";
    assert_eq!(refused(issuer.verifier().caller(Some(&token)).await), reason);
}

#[tokio::test]
async fn keys_of_unknown_kinds_or_for_other_purposes_are_ignored() {
    let (key, encryption, other) = (Key::es256("a"), Key::rs256("enc"), Key::rs256("other"));
    let issuer = Issuer::publishing(&[&key]).await;
    {
        let mut published = issuer.keys.lock().expect("the keys");
        published.insert(0, json!({ "kty": "AKP", "alg": "ML-DSA-44", "kid": "pq", "pub": "AAAA" }));
        published.insert(0, json!({ "kty": "EC", "crv": "secp256k1", "kid": "k1", "x": "AA", "y": "AA" }));
        published.insert(0, json!("not a key"));
        let mut unfit = encryption.public.clone();
        unfit["use"] = json!("enc");
        published.push(unfit);
        let mut unfit = other.public.clone();
        unfit["alg"] = json!("PS256");
        published.push(unfit);
    }
    let verifier = issuer.verifier();
    assert!(verifier.caller(Some(&key.sign(&issuer.claims()))).await.is_ok());
    for unfit in [encryption, other] {
        let reason = "its issuer does not publish the key that signed it";
        assert_eq!(refused(verifier.caller(Some(&unfit.sign(&issuer.claims()))).await), reason);
    }
}

#[tokio::test]
async fn an_unknown_key_id_fetches_the_keys_again_at_most_once_a_minute() {
    let (old, new) = (Key::es256("2025"), Key::es256("2026"));
    let issuer = Issuer::publishing(&[&old]).await;
    let verifier = issuer.verifier();
    assert!(verifier.caller(Some(&old.sign(&issuer.claims()))).await.is_ok());

    issuer.publish(&[&new]);
    for _ in 0..3 {
        let result = verifier.caller(Some(&new.sign(&issuer.claims()))).await;
        assert_eq!(refused(result), "its issuer does not publish the key that signed it");
    }
    assert_eq!(issuer.fetches(), 1, "the minute has not passed");

    let_pass(Duration::from_secs(61)).await;
    assert!(verifier.caller(Some(&new.sign(&issuer.claims()))).await.is_ok());
    assert_eq!(issuer.fetches(), 2);
    assert!(verifier.caller(Some(&old.sign(&issuer.claims()))).await.is_err(), "a key that is no longer published is invalid");
    assert_eq!(issuer.fetches(), 2);
}

#[tokio::test]
async fn a_withdrawn_key_works_for_at_most_an_hour() {
    let (withdrawn, new) = (Key::es256("a"), Key::es256("b"));
    let issuer = Issuer::publishing(&[&withdrawn]).await;
    let verifier = issuer.verifier();
    let token = withdrawn.sign(&issuer.claims());
    assert!(verifier.caller(Some(&token)).await.is_ok());

    issuer.publish(&[&new]);
    let_pass(Duration::from_secs(59 * 60)).await;
    assert!(verifier.caller(Some(&token)).await.is_ok());
    let_pass(Duration::from_secs(61)).await;
    assert!(verifier.caller(Some(&token)).await.is_err());
}

#[tokio::test]
async fn an_issuer_that_is_down_is_not_the_callers_fault() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let token = key.sign(&issuer.claims());
    let known = issuer.verifier();
    assert!(known.caller(Some(&token)).await.is_ok());

    let fresh = issuer.verifier();
    issuer.server.abort();
    assert!(issuer.server.await.expect_err("it was stopped").is_cancelled());

    assert_eq!(fresh.caller(Some(&token)).await, Err(IdentityError::IssuerUnavailable));
    assert!(known.caller(Some(&token)).await.is_ok(), "cached keys are still used");
}

#[tokio::test]
async fn an_issuer_that_is_back_gets_another_request_after_a_few_seconds() {
    let key = Key::es256("a");
    let down = Issuer::publishing(&[]).await;
    let issuer_url = down.url.clone();
    let address = issuer_url.trim_start_matches("http://").trim_end_matches("/realm").to_owned();
    let (verifier, claims) = (down.verifier(), down.claims());
    down.server.abort();
    assert!(down.server.await.is_err());
    assert_eq!(verifier.caller(Some(&key.sign(&claims))).await, Err(IdentityError::IssuerUnavailable));

    let listener = TcpListener::bind(&address).await.expect("the same port");
    let metadata = json!({ "issuer": issuer_url, "jwks_uri": format!("{issuer_url}/keys") });
    let keys = json!({ "keys": [key.public] });
    let router = Router::new()
        .route("/realm/.well-known/openid-configuration", get(async || Json(metadata)))
        .route("/realm/keys", get(async || Json(keys)));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

    assert_eq!(verifier.caller(Some(&key.sign(&claims))).await, Err(IdentityError::IssuerUnavailable), "not at once");
    let_pass(Duration::from_secs(6)).await;
    assert!(verifier.caller(Some(&key.sign(&claims))).await.is_ok());
}

#[tokio::test]
async fn documents_that_are_not_the_issuers_are_not_used() {
    let key = Key::es256("a");
    let other = Issuer::calling_itself(Some("https://login.example.com"), &[&key]).await;
    let token = key.sign(&other.claims());
    assert_eq!(other.verifier().caller(Some(&token)).await, Err(IdentityError::IssuerUnavailable), "another name");

    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let url = format!("http://127.0.0.1:{port}");
    let metadata = Arc::new(Mutex::new(Value::Null));
    let (served, keys) = (metadata.clone(), json!({ "keys": [key.public] }));
    let router = Router::new()
        .route("/.well-known/openid-configuration", get(async move || Json(served.lock().expect("metadata").clone())))
        .route("/keys", get(async || Json(keys)));
    tokio::spawn(async move { axum::serve(listener, router).await.expect("a server") });

    let token = key.sign(&json!({ "iss": url, "aud": AUDIENCE, "sub": "user-1", "exp": NOW + 300 }));
    let good = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let unavailable = Err(IdentityError::IssuerUnavailable);
    for (what, document, expected) in [
        ("its own", good.clone(), Ok("user-1")),
        ("endless", with("padding", json!("x".repeat(300 * 1024))), unavailable),
        // The unspecified address reaches this host, but it is not a loopback address.
        ("keys in the clear", with("jwks_uri", json!(format!("http://0.0.0.0:{port}/keys"))), unavailable),
        ("keys nowhere", with("jwks_uri", json!("/keys")), unavailable),
    ] {
        *metadata.lock().expect("metadata") = document;
        let verifier = Verifier::new(url.parse().expect("an address"), AUDIENCE, clock());
        let subject = verifier.caller(Some(&token)).await.map(|caller| caller.subject);
        assert_eq!(subject.as_deref().map_err(|error| *error), expected, "{what}");
    }
}

#[tokio::test]
async fn only_an_email_address_that_the_issuer_verified_is_used() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier();
    for changes in [
        json!({ "email": "ada@example.com" }),
        json!({ "email": "ada@example.com", "email_verified": false }),
        json!({ "email": "ada@example.com", "email_verified": "true" }),
        json!({ "email": "ada@example.com", "email_verified": 1 }),
        json!({ "email": " ", "email_verified": true }),
        json!({ "email": ["ada@example.com"], "email_verified": true }),
        json!({ "email_verified": true }),
    ] {
        let caller = verifier.caller(Some(&key.sign(&issuer.claims_with(changes.clone())))).await.expect("a caller");
        assert_eq!(caller.email, None, "{changes}");
    }

    let kelvin = json!({ "email": "mi\u{212A}e@Example.com", "email_verified": true });
    let caller = verifier.caller(Some(&key.sign(&issuer.claims_with(kelvin)))).await.expect("a caller");
    let email = caller.email.expect("verified");
    assert_eq!(email.as_str(), "mi\u{212A}e@example.com");
}

#[tokio::test]
async fn organisation_and_groups_are_read_from_the_claims_that_the_issuer_uses() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let verifier = issuer.verifier_configured_with([
        ("OIDC_ORGANIZATION_CLAIM", "https://example.com/org"),
        ("OIDC_GROUPS_CLAIM", "cognito:groups"),
    ]);
    for (organization, groups, expected) in [
        (json!("reseller-7"), json!(["staff"]), (Some("reseller-7"), vec!["staff"])),
        (json!(["reseller-7"]), json!("staff"), (Some("reseller-7"), vec!["staff"])),
        (json!(["reseller-7", "reseller-8"]), json!(["staff", 7, null]), (None, vec!["staff"])),
        (json!(""), json!({ "staff": true }), (None, vec![])),
        (json!(7), json!(null), (None, vec![])),
    ] {
        let claims = issuer.claims_with(json!({
            "https://example.com/org": organization,
            "cognito:groups": groups,
            "organization": "ignored",
            "groups": ["ignored"],
        }));
        let caller = verifier.caller(Some(&key.sign(&claims))).await.expect("a caller");
        let groups = caller.groups.iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((caller.organization.as_deref(), groups), expected);
    }

    let usual = issuer.verifier_configured_with([("OIDC_GROUPS_CLAIM", "")]);
    let claims = issuer.claims_with(json!({ "organization": "reseller-7", "groups": ["staff"] }));
    let caller = usual.caller(Some(&key.sign(&claims))).await.expect("a caller");
    assert_eq!((caller.organization.as_deref(), caller.belongs_to("staff")), (Some("reseller-7"), true));
}

/// An issuer, its settings, the claims of a token, and the address that is recognised.
type Shape<'s> = (&'s str, &'s [(&'s str, &'s str)], Value, Option<&'s str>);

/// B29: a token of each shape, as the issuers document it (2026), and who is recognised.
#[tokio::test]
async fn b29_a_verified_address_is_found_in_the_tokens_of_six_issuers() {
    let key = Key::es256("a");
    let issuer = Issuer::publishing(&[&key]).await;
    let (email, by) = ("OIDC_EMAIL_CLAIM", "OIDC_EMAIL_VERIFIED_BY");
    let standard: &[(&str, &str)] = &[];
    let entra =
        json!({ "email": "ada@example.com", "preferred_username": "ada@example.com", "oid": "o-1", "tid": "t-1", "ver": "2.0" });
    let with = |mut claims: Value, name: &str, value: Value| {
        claims[name] = value;
        claims
    };
    let rows: &[Shape<'_>] = &[
        // Microsoft Entra ID never sends `email_verified`; its users' administrators can change `email`. The optional claim
        // `xms_edov` states that the owner of the domain has verified the address.
        ("Entra", standard, entra.clone(), None),
        ("Entra", &[(by, "xms_edov")], entra.clone(), None),
        ("Entra", &[(by, "xms_edov")], with(entra.clone(), "xms_edov", json!(true)), Some("ada@example.com")),
        ("Entra", &[(by, "xms_edov")], with(entra.clone(), "xms_edov", json!("1")), Some("ada@example.com")),
        ("Entra", &[(by, "xms_edov")], with(entra.clone(), "xms_edov", json!(1)), Some("ada@example.com")),
        ("Entra", &[(by, "xms_edov")], with(entra.clone(), "xms_edov", json!(false)), None),
        ("Entra", &[(by, "xms_edov")], with(entra.clone(), "xms_edov", json!("0")), None),
        (
            "Entra, one tenant of the vendor's own",
            &[(email, "preferred_username"), (by, "issuer")],
            entra,
            Some("ada@example.com"),
        ),
        // Amazon Cognito's ID token; its access token has no address.
        (
            "Cognito",
            standard,
            json!({ "email": "ada@example.com", "email_verified": true, "token_use": "id" }),
            Some("ada@example.com"),
        ),
        ("Cognito", standard, json!({ "username": "ada", "token_use": "access" }), None),
        // Auth0's access token has claims of an action only, with names in a namespace.
        (
            "Auth0",
            &[(email, "https://vendor.example/email"), (by, "https://vendor.example/email_verified")],
            json!({ "https://vendor.example/email": "ada@example.com", "https://vendor.example/email_verified": true }),
            Some("ada@example.com"),
        ),
        (
            "Auth0",
            &[(email, "https://vendor.example/email"), (by, "https://vendor.example/email_verified")],
            json!({ "https://vendor.example/email": "ada@example.com", "https://vendor.example/email_verified": false }),
            None,
        ),
        // Okta's access token names the user by the login; the organisation's administrators assign it.
        ("Okta", &[(email, "sub"), (by, "issuer")], json!({ "sub": "ada@example.com", "uid": "00u1" }), Some("ada@example.com")),
        ("Okta", standard, json!({ "sub": "00u1", "email": "ada@example.com", "email_verified": true }), Some("ada@example.com")),
        (
            "Keycloak",
            standard,
            json!({ "email": "ada@example.com", "email_verified": true, "preferred_username": "ada" }),
            Some("ada@example.com"),
        ),
        ("Keycloak", standard, json!({ "email": "ada@example.com", "email_verified": false, "preferred_username": "ada" }), None),
        (
            "Google",
            standard,
            json!({ "email": "ada@example.com", "email_verified": true, "hd": "example.com" }),
            Some("ada@example.com"),
        ),
    ];
    for (name, settings, claims, expected) in rows {
        let settings: Vec<_> =
            [("OIDC_ISSUER", &*issuer.url), ("OIDC_AUDIENCE", AUDIENCE)].into_iter().chain(settings.iter().copied()).collect();
        let verifier = Configuration::from_pairs(settings).read(|c| Verifier::read(c, clock())).expect("sound settings");
        let caller = verifier.caller(Some(&key.sign(&issuer.claims_with(claims.clone())))).await.expect("a caller");
        assert_eq!(caller.email.as_ref().map(|email| email.as_str()), *expected, "{name}: {claims}");
        let address = claims.get("email").is_some() || claims.get("https://vendor.example/email").is_some();
        assert_eq!(caller.email_unproven, expected.is_none() && address, "{name}: {claims}");
    }
}
