//! The secret in an e-mailed link: a keyed hash of a quote's number and revision. The secret is not stored: a repeated request
//! returns the same link, and `notifications` writes the same link.

use std::fmt;

use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::{
    QuoteNumber,
    number::{keyed, keyed_hash},
    quote::Offer,
};

/// The vendor's link keys. New links use the first key; links made with any of the keys stay valid.
#[derive(Clone)]
pub struct LinkKeys(Vec<(String, Hmac<Sha256>)>);

/// Why the configured link keys cannot be used. The text never repeats a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkKeysInvalid(String);

impl fmt::Display for LinkKeysInvalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for LinkKeysInvalid {}

impl LinkKeys {
    /// Reads `id:secret` pairs, separated by commas, the current key first. An id has letters and digits; a secret has at least
    /// 16 characters. `Err` names the first pair that is not valid.
    pub fn parse(text: &str) -> Result<Self, LinkKeysInvalid> {
        let mut keys: Vec<(String, Hmac<Sha256>)> = Vec::new();
        for (i, pair) in text.split(',').map(str::trim).enumerate() {
            let place = i + 1;
            let invalid = |why: &str| LinkKeysInvalid(format!("link key {place}: {why}"));
            let (id, secret) = pair.split_once(':').ok_or_else(|| invalid("write it as `id:secret`"))?;
            if id.is_empty() || !id.chars().all(|c| c.is_ascii_alphanumeric()) {
                return Err(invalid("its id must be letters and digits"));
            }
            if keys.iter().any(|(known, _)| known == id) {
                return Err(invalid("its id is used twice"));
            }
            if secret.len() < 16 {
                return Err(invalid("its secret needs at least 16 characters"));
            }
            keys.push((id.to_owned(), keyed(secret.as_bytes())));
        }
        Ok(Self(keys))
    }

    /// The id of the key for new links.
    pub fn current(&self) -> &str {
        &self.0[0].0
    }

    /// The secret of an offer's link; `None` when its key is no longer configured, so that the link is invalid.
    pub fn secret(&self, number: &QuoteNumber, offer: &Offer) -> Option<String> {
        self.hash(number, offer).map(|hash| hex::encode(&hash[..16]))
    }

    /// Whether `secret` is the secret of this offer's link. The comparison takes the same time wherever the texts differ.
    pub fn opens(&self, number: &QuoteNumber, offer: &Offer, secret: &str) -> bool {
        let Some(right) = self.secret(number, offer) else { return false };
        // Comparing keyed hashes of both texts reveals nothing by its duration.
        let seal = |text: &str| {
            let mut mac = self.0[0].1.clone();
            mac.update(text.as_bytes());
            mac
        };
        seal(secret).verify(&seal(&right).finalize().into_bytes()).is_ok()
    }

    fn hash(&self, number: &QuoteNumber, offer: &Offer) -> Option<[u8; 32]> {
        let (_, key) = self.0.iter().find(|(id, _)| *id == offer.link_key)?;
        Some(keyed_hash(key, "link", &[number.compact(), &offer.revision.to_string()]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn link_keys_are_read_or_refused_with_a_reason() {
        assert_eq!(LinkKeys::parse("k2:0123456789abcdef,k1:fedcba9876543210").unwrap().current(), "k2");
        for (text, why) in [
            ("", "id:secret"),
            ("k1:short", "16 characters"),
            ("k 1:0123456789abcdef", "letters and digits"),
            ("a:0123456789abcdef,a:0123456789abcdef", "twice"),
        ] {
            let error = LinkKeys::parse(text).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
            assert!(!error.contains("0123456789abcdef"), "a secret is never repeated");
        }
    }
}
