//! Public keys, their ids, and the published set of keys.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey, pkcs8::DecodePublicKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The id of a key: its full JWK thumbprint (RFC 7638 over the RFC 8037 members, SHA-256, base64url).
///
/// The id depends on the key alone, so it is the same wherever the key is stored, and any JOSE library can compute it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct KeyId(String);

impl KeyId {
    fn of(key: &VerifyingKey) -> Self {
        // RFC 7638 §3: required members only, in lexicographic order, without white space.
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{}"}}"#, URL_SAFE_NO_PAD.encode(key));
        Self(URL_SAFE_NO_PAD.encode(Sha256::digest(members)))
    }

    /// The 43 characters of the thumbprint.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An Ed25519 public key. With serde it is a JWK (RFC 8037): `kty`, `crv`, `x`, `kid`, `use`, `alg`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Jwk", into = "Jwk")]
pub struct PublicKey {
    key: VerifyingKey,
    id: KeyId,
}

impl PublicKey {
    /// From the 32 bytes of RFC 8032 §5.1.5. Refuses bytes that are not a point of the curve, and weak points (of small order),
    /// for which one signature is valid for almost any message.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?.try_into()
    }

    /// From the DER `SubjectPublicKeyInfo` (RFC 8410) that key services return.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_der(der).map_err(|_| KeyError::NotSpki)?.try_into()
    }

    /// The 32 bytes of RFC 8032. Keygen's SDKs need them in hexadecimal.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The id by which licences and key sets refer to this key.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Whether `signature` is this key's signature of `message`: pure Ed25519 with strict verification, so that no variant of a
    /// valid signature is accepted.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        self.key.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

impl TryFrom<VerifyingKey> for PublicKey {
    type Error = KeyError;

    fn try_from(key: VerifyingKey) -> Result<Self, KeyError> {
        if key.is_weak() {
            return Err(KeyError::Weak);
        }
        Ok(Self { id: KeyId::of(&key), key })
    }
}

/// Why an input is not a usable Ed25519 public key. A retry fails again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are not on the curve.
    #[error("not an Ed25519 public key: the bytes are not a point of the curve")]
    NotAPoint,
    /// A point of small order.
    #[error("a weak Ed25519 public key (small order); it would accept forged signatures")]
    Weak,
    /// Not RFC 8410 DER.
    #[error("not the DER form of an Ed25519 public key (RFC 8410)")]
    NotSpki,
    /// `x` is not 32 bytes in base64url without padding.
    #[error("`x` must be 32 bytes in base64url without padding")]
    Encoding,
    /// A JWK of another type or for another purpose.
    #[error("`{member}` is {found:?}, but must be {expected:?}")]
    Member {
        /// Name of the JWK member.
        member: &'static str,
        /// The value in the JWK.
        found: String,
        /// The required value (RFC 8037).
        expected: &'static str,
    },
    /// The `kid` is not this key's id.
    #[error("`kid` is {stated:?}, but the thumbprint of this key (RFC 7638) is {actual}")]
    Kid {
        /// The `kid` in the JWK.
        stated: String,
        /// The key's real id.
        actual: KeyId,
    },
    /// The JWK has the member `d`.
    #[error("this is a private key (it has the member `d`); publish only the public key")]
    Private,
}

/// The JWK members that are written, or checked when read (RFC 7517 §4, RFC 8037 §2).
#[derive(Serialize, Deserialize)]
struct Jwk {
    kty: String,
    crv: String,
    x: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    alg: Option<String>,
    #[serde(default, skip_serializing, rename = "d")]
    private: Option<serde::de::IgnoredAny>,
}

impl From<PublicKey> for Jwk {
    fn from(key: PublicKey) -> Self {
        Self {
            kty: "OKP".into(),
            crv: "Ed25519".into(),
            x: URL_SAFE_NO_PAD.encode(key.as_bytes()),
            kid: Some(key.id.0),
            usage: Some("sig".into()),
            alg: Some("EdDSA".into()),
            private: None,
        }
    }
}

impl TryFrom<Jwk> for PublicKey {
    type Error = KeyError;

    fn try_from(jwk: Jwk) -> Result<Self, KeyError> {
        if jwk.private.is_some() {
            return Err(KeyError::Private);
        }
        let stated = [
            ("kty", Some(jwk.kty), "OKP"),
            ("crv", Some(jwk.crv), "Ed25519"),
            ("use", jwk.usage, "sig"),
            // RFC 9864 gives pure Ed25519 the more exact name "Ed25519".
            ("alg", jwk.alg.filter(|alg| alg != "Ed25519"), "EdDSA"),
        ];
        for (member, found, expected) in stated {
            if let Some(found) = found.filter(|found| found != expected) {
                return Err(KeyError::Member { member, found, expected });
            }
        }
        let bytes = URL_SAFE_NO_PAD.decode(jwk.x).ok().and_then(|x| x.try_into().ok()).ok_or(KeyError::Encoding)?;
        let key = Self::from_bytes(&bytes)?;
        match jwk.kid {
            Some(stated) if stated != key.id.0 => Err(KeyError::Kid { stated, actual: key.id }),
            _ => Ok(key),
        }
    }
}

/// The keys that licences may be signed with: a JWK set (RFC 7517 §5). Retired keys stay in it for as long
/// as licences signed with them are in use.
///
/// Reading ignores keys of other types, as RFC 7517 requires, and refuses the set if an Ed25519 key in it is not usable.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "JwkSetWire")]
pub struct JwkSet {
    keys: Vec<PublicKey>,
}

impl JwkSet {
    /// The key with this id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&PublicKey> {
        self.keys.iter().find(|key| key.id.0 == id)
    }

    /// All keys, in the order of the set.
    pub fn iter(&self) -> impl Iterator<Item = &PublicKey> {
        self.keys.iter()
    }
}

impl FromIterator<PublicKey> for JwkSet {
    fn from_iter<I: IntoIterator<Item = PublicKey>>(keys: I) -> Self {
        Self { keys: keys.into_iter().collect() }
    }
}

/// All unusable keys of a JWK set, one per line, with their index. A retry fails again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct JwkSetError(Vec<String>);

#[derive(Deserialize)]
struct JwkSetWire {
    keys: Vec<Value>,
}

impl TryFrom<JwkSetWire> for JwkSet {
    type Error = JwkSetError;

    fn try_from(set: JwkSetWire) -> Result<Self, JwkSetError> {
        let ours = |jwk: &Value| jwk["kty"] == "OKP" && jwk["crv"] == "Ed25519";
        let (mut keys, mut errors) = (Vec::new(), Vec::new());
        for (place, jwk) in set.keys.into_iter().enumerate().filter(|(_, jwk)| ours(jwk)) {
            match PublicKey::deserialize(jwk) {
                Ok(key) => keys.push(key),
                Err(error) => errors.push(format!("keys[{place}]: {error}")),
            }
        }
        if errors.is_empty() { Ok(Self { keys }) } else { Err(JwkSetError(errors)) }
    }
}
