//! Public keys, their ids, and the set of them that is published.

use std::fmt;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, VerifyingKey, pkcs8::DecodePublicKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The name of a key: its JWK thumbprint (RFC 7638 over the RFC 8037 members, SHA-256, base64url), in full.
///
/// It follows from the key alone, so it is the same wherever the key is kept, and any JOSE library can
/// recompute it.
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
    /// From the 32 bytes of RFC 8032 §5.1.5. Refuses bytes that are no curve point, and weak points (small
    /// order), for which one signature fits almost any message.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, KeyError> {
        VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::NotAPoint)?.try_into()
    }

    /// From the DER `SubjectPublicKeyInfo` (RFC 8410) that key services answer with.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_der(der).map_err(|_| KeyError::NotSpki)?.try_into()
    }

    /// The 32 bytes of RFC 8032; in hexadecimal this is what Keygen's SDKs ask for.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The id that licences and key sets name this key by.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// Whether `signature` is this key's over `message`: pure Ed25519, strict, so that a signature cannot be
    /// varied into another one that also fits.
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

/// Why something is not a usable Ed25519 public key. Trying again changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// The bytes are not on the curve.
    #[error("not an Ed25519 public key: the bytes are no point of the curve")]
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
    #[error("`{member}` is {found:?}, expected {expected:?}")]
    Member {
        /// Name of the JWK member.
        member: &'static str,
        /// What it says.
        found: String,
        /// What it has to say (RFC 8037).
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
    #[error("this is a private key (it has the member `d`); publish and share only the public part")]
    Private,
}

/// RFC 7517 §4 and RFC 8037 §2: the members that we write, or judge when we read.
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
/// Reading ignores keys of other types, as RFC 7517 asks, and refuses the set if an Ed25519 key in it is
/// unsound.
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

/// Every unsound key of a JWK set, one a line, by its place. Trying again changes nothing.
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
        let (mut keys, mut faults) = (Vec::new(), Vec::new());
        for (place, jwk) in set.keys.into_iter().enumerate().filter(|(_, jwk)| ours(jwk)) {
            match PublicKey::deserialize(jwk) {
                Ok(key) => keys.push(key),
                Err(fault) => faults.push(format!("keys[{place}]: {fault}")),
            }
        }
        if faults.is_empty() { Ok(Self { keys }) } else { Err(JwkSetError(faults)) }
    }
}
