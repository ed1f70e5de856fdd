//! The licence file: writing, reading, verifying.
//!
//! ```text
//! -----BEGIN LICENSE FILE-----
//! base64, 60 characters a line, of {"enc": …, "sig": …, "alg": "base64+ed25519"}
//! -----END LICENSE FILE-----
//! ```
//!
//! `enc` is base64 of the dataset, `sig` is base64 of the signature over `license/{enc}`. The dataset is
//! `{data: {id, type, attributes, relationships}, meta: {issued, expiry, ttl}}`; what we state is in
//! `data.attributes.metadata`, the place that the format gives to the vendor, and the members that generic
//! verifiers show (`key`, `name`, `expiry`, `maxUsers`) repeat it.
//!
//! Format: <https://keygen.sh/docs/api/cryptography/#cryptographic-lic>.

use std::{fmt, str::FromStr};

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{JwkSet, License, Signer, SigningError, sign};

const BEGIN: &str = "-----BEGIN LICENSE FILE-----";
const END: &str = "-----END LICENSE FILE-----";
const ALGORITHM: &str = "base64+ed25519";
const LINE: usize = 60;

/// `meta.expiry` of a file that does not expire. Keygen writes `null`, which some verifiers cannot read; with a `ttl` of 0 they
/// ignore the value. The year is far from the last representable instant, so that no time zone overflows.
const NEVER: Timestamp = Timestamp::constant(253_370_764_800, 0); // 9999-01-01T00:00:00Z

/// A well-formed licence file. Do not trust its content before [`verify`](Self::verify) succeeds.
///
/// serde reads and writes it as its text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct LicenseFile {
    text: String,
    enc: String,
    signature: [u8; 64],
}

impl LicenseFile {
    /// Signs `license`. The same licence and the same key always give the same bytes.
    ///
    /// `Ok` is a file that verifies with the signer's key. `Err` changes nothing; [`SigningError::is_transient`] says whether a
    /// retry can succeed.
    pub async fn issue(license: &License, signer: &dyn Signer) -> Result<Self, SigningError> {
        let errors = license.errors();
        if !errors.is_empty() {
            return Err(SigningError::Invalid(errors));
        }
        let key_id = signer.key().id();
        if license.key_id != key_id.as_str() {
            return Err(SigningError::OtherKey { license: license.key_id.clone(), signer: key_id.clone() });
        }
        let dataset = serde_json::to_vec(&Dataset::of(license)).expect("strings, numbers and dates are always JSON");
        let enc = STANDARD.encode(dataset);
        let signature = sign(signer, message(&enc).as_bytes()).await?;
        Ok(Self::seal(enc, signature))
    }

    /// The text of the file, as sent and stored: ASCII, lines of at most 60 characters, final newline.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The content of the file, if its signature is valid; see [`verify`].
    pub fn verify(&self, keys: &JwkSet) -> Result<License, VerifyError> {
        let dataset: Value = STANDARD
            .decode(&self.enc)
            .ok()
            .and_then(|json| serde_json::from_slice(&json).ok())
            .ok_or(VerifyError::NotADataset)?;
        let stated = &dataset["data"]["attributes"]["metadata"];

        // Before the signature is verified, only this is read from the file: which of the trusted keys to try.
        let key_id = stated["key_id"].as_str().ok_or(VerifyError::NoKey)?;
        let key = keys.get(key_id).ok_or_else(|| VerifyError::UnknownKey { key_id: key_id.into() })?;
        if !key.verifies(message(&self.enc).as_bytes(), &self.signature) {
            return Err(VerifyError::NotGenuine { key_id: key_id.into() });
        }
        License::deserialize(stated).map_err(VerifyError::Unreadable)
    }

    fn seal(enc: String, signature: [u8; 64]) -> Self {
        let envelope = Envelope { enc, sig: STANDARD.encode(signature), alg: ALGORITHM.into() };
        let body = STANDARD.encode(serde_json::to_vec(&envelope).expect("strings are always JSON"));
        let mut text = format!("{BEGIN}\n");
        let mut rest = body.as_str();
        while !rest.is_empty() {
            let (line, next) = rest.split_at(rest.len().min(LINE)); // base64 is ASCII
            text.extend([line, "\n"]);
            rest = next;
        }
        text.extend([END, "\n"]);
        Self { text, enc: envelope.enc, signature }
    }
}

/// Verifies a licence file offline, with only its text and the vendor's public keys (R94).
///
/// `Ok` is the content that the vendor signed. The licence may still be expired ([`License::standing`]) or be for another
/// product ([`License::product`]); the caller must check both. A retry after `Err` fails again, except for
/// [`VerifyError::UnknownKey`]: the vendor's current keys may contain the key.
pub fn verify(text: &str, keys: &JwkSet) -> Result<License, VerifyError> {
    text.parse::<LicenseFile>()?.verify(keys)
}

fn message(enc: &str) -> String {
    format!("license/{enc}")
}

impl FromStr for LicenseFile {
    type Err = FormatError;

    /// Reads a licence file. White space around the file, CRLF line ends and other line widths are accepted, because mail
    /// programs and editors cause them. Everything else must be exact.
    fn from_str(text: &str) -> Result<Self, FormatError> {
        // Some editors write a byte order mark first.
        let mut lines = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}').lines();
        if lines.next() != Some(BEGIN) {
            return Err(FormatError::NoBegin);
        }
        if lines.next_back() != Some(END) {
            return Err(FormatError::NoEnd);
        }
        let json = STANDARD.decode(lines.collect::<String>()).map_err(FormatError::Body)?;
        let Envelope { enc, sig, alg } = serde_json::from_slice(&json).map_err(FormatError::Envelope)?;
        if alg != ALGORITHM {
            return Err(FormatError::Algorithm(alg));
        }
        let signature = STANDARD.decode(sig).ok().and_then(|sig| sig.try_into().ok()).ok_or(FormatError::SignatureLength)?;
        Ok(Self::seal(enc, signature))
    }
}

impl TryFrom<String> for LicenseFile {
    type Error = FormatError;

    fn try_from(text: String) -> Result<Self, FormatError> {
        text.parse()
    }
}

impl From<LicenseFile> for String {
    fn from(file: LicenseFile) -> Self {
        file.text
    }
}

impl fmt::Display for LicenseFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Why a text is not a licence file. A retry fails again.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The first line is wrong.
    #[error("not a licence file: the first line must be {BEGIN}")]
    NoBegin,
    /// The last line is wrong.
    #[error("the licence file is incomplete: the last line must be {END}")]
    NoEnd,
    /// The text between the two lines is not base64.
    #[error("the licence file is damaged: the text between its first and last line is not base64")]
    Body(#[source] DecodeError),
    /// The base64 does not contain the envelope.
    #[error("the licence file is damaged: it does not contain `enc`, `sig` and `alg`")]
    Envelope(#[source] serde_json::Error),
    /// The file is encrypted, or signed with another algorithm.
    #[error("the licence file uses {0:?}; only {ALGORITHM:?} is accepted")]
    Algorithm(String),
    /// The signature is not 64 bytes in base64.
    #[error("the licence file is damaged: its signature is not 64 bytes in base64")]
    SignatureLength,
}

/// Why a licence file is not trusted.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// Not a licence file.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// The signed part is not JSON in base64.
    #[error("the licence file is damaged: its signed content cannot be read")]
    NotADataset,
    /// The file does not name the key that signed it.
    #[error("the licence file does not name the key that signed it; check that it is a licence of this vendor")]
    NoKey,
    /// The file names a key that is not in the set. It may verify with the vendor's current keys.
    #[error("the licence file names the key {key_id:?}, which is not among the known keys; download the vendor's current keys")]
    UnknownKey {
        /// The id that the file names. It is not verified.
        key_id: String,
    },
    /// The signature is not valid: the file was changed or forged.
    #[error("the licence file is not genuine: it does not match the signature of key {key_id}; it was changed or forged")]
    NotGenuine {
        /// A known key's id.
        key_id: String,
    },
    /// The signature is valid, but this version cannot read the content.
    #[error("the licence file is genuine, but this version of the software cannot read its content; update the software")]
    Unreadable(#[source] serde_json::Error),
}

/// The outer JSON. The order of members is the order in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    enc: String,
    sig: String,
    alg: String,
}

/// The signed JSON. The order of its members is part of the format: issuing a licence again must give the same bytes. Types are
/// used instead of `serde_json::Value`, because the order of a `Value` depends on a build feature.
#[derive(Serialize)]
struct Dataset<'a> {
    data: Resource<'a>,
    meta: Meta,
}

#[derive(Serialize)]
struct Resource<'a> {
    id: &'a str,
    r#type: &'static str,
    attributes: Attributes<'a>,
    relationships: Relationships<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Attributes<'a> {
    key: &'a str,
    name: &'a str,
    expiry: Option<Timestamp>,
    max_users: Option<u32>,
    metadata: &'a License,
}

#[derive(Serialize)]
struct Relationships<'a> {
    product: Relationship<'a>,
}

#[derive(Serialize)]
struct Relationship<'a> {
    data: Identifier<'a>,
}

#[derive(Serialize)]
struct Identifier<'a> {
    r#type: &'static str,
    id: &'a str,
}

/// The period in which generic verifiers accept the file: that of the licence. `ttl` is in seconds; 0 means no limit.
#[derive(Serialize)]
struct Meta {
    issued: Timestamp,
    expiry: Timestamp,
    ttl: i32,
}

impl<'a> Dataset<'a> {
    fn of(license: &'a License) -> Self {
        let expiry = license.term_end.map(|end| license.start_of(end).unwrap_or(NEVER));
        // A `ttl` that is too large is limited: verifiers compare the clock with `expiry`, and only check whether `ttl` is 0.
        let ttl = expiry.map_or(0, |expiry| {
            let seconds = expiry.as_second() - license.issued_at.as_second();
            i32::try_from(seconds.max(1)).unwrap_or(i32::MAX)
        });
        Self {
            data: Resource {
                id: &license.sen,
                r#type: "licenses",
                attributes: Attributes {
                    key: &license.sen,
                    name: &license.product_name,
                    expiry,
                    max_users: license.tier,
                    metadata: license,
                },
                relationships: Relationships {
                    product: Relationship { data: Identifier { r#type: "products", id: &license.product } },
                },
            },
            meta: Meta { issued: license.issued_at, expiry: expiry.unwrap_or(NEVER), ttl },
        }
    }
}
