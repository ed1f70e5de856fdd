//! The secrets in the links to a quote: keyed hashes of its number and revision. No secret is stored: a repeated request
//! returns the same links, and `notifications` writes the same links.
//!
//! An offer has two secrets. Documents and payment links show the secret that reads and pays, because they pass through many
//! hands. Only the requester gets the secret that also changes the order (R24): with it, another technical contact could be
//! named, who would receive the key.

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

/// What the holder of a link may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Read the quote and its documents, and pay.
    Read,
    /// Also change the order.
    Change,
}

/// The beginning of a secret that changes the order. It shows which of the two hashes to compare with, and warns the people who
/// copy the link.
const CHANGE: &str = "change-";

impl Purpose {
    /// What a secret claims to be for.
    fn of(secret: &str) -> Self {
        if secret.starts_with(CHANGE) { Self::Change } else { Self::Read }
    }

    /// What the hash is computed for. Links of the purpose `Read` that were sent before there were two keep their secret.
    fn label(self) -> &'static str {
        match self {
            Self::Read => "link",
            Self::Change => "change",
        }
    }
}

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

    /// The secret of an offer's link for a purpose; `None` when its key is no longer configured, so that the link is invalid.
    pub fn secret(&self, number: &QuoteNumber, offer: &Offer, purpose: Purpose) -> Option<String> {
        let (_, key) = self.0.iter().find(|(id, _)| *id == offer.link_key)?;
        let hash = keyed_hash(key, purpose.label(), &[number.compact(), &offer.revision.to_string()]);
        let secret = hex::encode(&hash[..16]);
        Some(match purpose {
            Purpose::Read => secret,
            Purpose::Change => format!("{CHANGE}{secret}"),
        })
    }

    /// What a holder of `secret` may do with this offer; `None` if it is not a secret of the offer. The comparison takes the
    /// same time wherever the texts differ.
    pub fn opens(&self, number: &QuoteNumber, offer: &Offer, secret: &str) -> Option<Purpose> {
        let purpose = Purpose::of(secret);
        let right = self.secret(number, offer, purpose)?;
        // Comparing keyed hashes of both texts reveals nothing by its duration.
        let seal = |text: &str| {
            let mut mac = self.0[0].1.clone();
            mac.update(text.as_bytes());
            mac
        };
        seal(secret).verify(&seal(&right).finalize().into_bytes()).is_ok().then_some(purpose)
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
