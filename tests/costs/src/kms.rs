//! As much of KMS as signs licences: one Ed25519 key, whose private part stays here.

use axum::{
    Json, Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use ed25519_dalek::{Signer, SigningKey, pkcs8::EncodePublicKey};
use serde_json::{Value, json};

/// The id of its key.
pub(crate) const KEY_ID: &str = "licences";

/// KMS, to be served at the root of a listener. It has the same key every time.
pub(crate) fn router() -> Router {
    Router::new().route("/", post(answer)).with_state(SigningKey::from_bytes(&[7; 32]))
}

async fn answer(State(key): State<SigningKey>, headers: HeaderMap, body: String) -> Result<Json<Value>, StatusCode> {
    let asked = serde_json::from_str::<Value>(&body).map_err(|_| StatusCode::BAD_REQUEST)?;
    match headers.get("x-amz-target").and_then(|target| target.to_str().ok()) {
        Some("TrentService.GetPublicKey") => {
            let public = key.verifying_key().to_public_key_der().map_err(|_| StatusCode::INTERNAL_SERVER_ERROR)?;
            Ok(Json(json!({
                "KeyId": KEY_ID,
                "PublicKey": BASE64_STANDARD.encode(public.as_bytes()),
                "KeySpec": "ECC_NIST_EDWARDS25519",
                "KeyUsage": "SIGN_VERIFY",
                "SigningAlgorithms": ["ED25519_SHA_512"],
            })))
        }
        Some("TrentService.Sign") if asked["SigningAlgorithm"] == "ED25519_SHA_512" && asked["MessageType"] == "RAW" => {
            let message = asked["Message"].as_str().and_then(|message| BASE64_STANDARD.decode(message).ok());
            let signature = key.sign(&message.ok_or(StatusCode::BAD_REQUEST)?);
            Ok(Json(json!({
                "KeyId": KEY_ID,
                "Signature": BASE64_STANDARD.encode(signature.to_bytes()),
                "SigningAlgorithm": "ED25519_SHA_512",
            })))
        }
        _ => Err(StatusCode::BAD_REQUEST),
    }
}
