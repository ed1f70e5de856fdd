//! Stripe's signature scheme (Stripe documentation, "Webhooks").

use axum::http::HeaderValue;
use domain::{Code, Refusal};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use runtime::secret::Secret;
use sha2::Sha256;

/// The header that carries the signature.
pub const SIGNATURE: &str = "stripe-signature";

/// The largest difference between the signature's time and the present, as in Stripe's libraries. An older event may be a replay.
const TOLERANCE_SECONDS: i64 = 300;

/// The endpoint's signing secrets. During a rotation, Stripe signs with the old and the new one.
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Takes the current secret, and the other one of a rotation.
    pub fn new(current: Secret, other: Option<Secret>) -> Self {
        Self(std::iter::once(current).chain(other).collect())
    }

    /// Verifies `t=…,v1=…[,v1=…]` over the raw body: HMAC-SHA-256 of `{t}.{body}` under any of the secrets, compared
    /// in constant time. `Err`: the body is not authentic and must not be used.
    pub fn verify(&self, header: Option<&HeaderValue>, body: &[u8], now: Timestamp) -> Result<(), Refusal> {
        let refused = |why| Refusal::new(Code::SignatureInvalid, why);
        let header =
            header.and_then(|header| header.to_str().ok()).ok_or_else(|| refused("The `Stripe-Signature` header is missing."))?;
        let (mut time, mut signatures) = (None, Vec::new());
        for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
            match name {
                "t" => time = time.or(Some(value)),
                // Other schemes, such as v0, are for Stripe's own tests.
                "v1" => signatures.extend(unhex(value)),
                _ => {}
            }
        }
        let time = time.ok_or_else(|| refused("The signature has no time."))?;
        let genuine = self.0.iter().any(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes a key of any length");
            mac.update(time.as_bytes());
            mac.update(b".");
            mac.update(body);
            // Every signature is compared even after one matches, so that the duration reveals nothing.
            signatures.iter().fold(false, |found, signature| found | mac.clone().verify_slice(signature).is_ok())
        });
        if !genuine {
            return Err(refused("The signature does not match this body. Check the endpoint's secret."));
        }
        let age = time.parse::<i64>().map(|time| now.as_second().saturating_sub(time));
        match age {
            Ok(age) if age.abs() <= TOLERANCE_SECONDS => Ok(()),
            _ => Err(refused(
                "The signature's time differs from the present by more than five minutes, so this may be a replay. Check the clock.",
            )),
        }
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    let mut out = [0; 32];
    if bytes.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}
