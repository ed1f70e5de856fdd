//! Quote numbers and support entitlement numbers (facts 2.1, 2.12). They are short, upper case and without look-alike
//! characters, so that people can type them on a bank transfer. They cannot be guessed in sequence, and a check character finds
//! typing errors.
//!
//! The alphabet has 29 characters, and 29 is prime: with the weights 1, 2, 3 … the check character finds every single wrong
//! character and every exchange of two characters.

use std::{fmt, str::FromStr};

use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

/// The alphabet, without 0, 1, I, L, O, U and S, so that no character is mistaken for another.
const ALPHABET: &[u8; 29] = b"23456789ABCDEFGHJKMNPQRTVWXYZ";
const QUOTE_BODY: usize = 8;
const SEN_BODY: usize = 10;

/// The number of a quote, `Q-7KQ4-M9XTC`: eight characters and a check character.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct QuoteNumber(String);

/// A support entitlement number, `SEN-4MRX7-PQ2HVW`: ten characters and a check character. It names one entitlement.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sen(String);

/// The text is not a number of this kind, or has a typing error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotANumber;

impl fmt::Display for NotANumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a number of this vendor, or mistyped")
    }
}

impl std::error::Error for NotANumber {}

/// A number is stored, sent and logged as its text.
macro_rules! text {
    ($name:ident) => {
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

macro_rules! number {
    ($name:ident, $prefix:literal, $body:ident, $group:literal) => {
        impl FromStr for $name {
            type Err = NotANumber;

            /// Accepts lower case, spaces, hyphens and a missing prefix. `Err` for a wrong check character.
            fn from_str(text: &str) -> Result<Self, NotANumber> {
                read(text, $prefix, $body).map(Self).ok_or(NotANumber)
            }
        }

        impl $name {
            /// The characters without prefix and hyphens, as storage keys contain them.
            pub fn compact(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let (first, rest) = self.0.split_at($group);
                write!(f, concat!($prefix, "-{}-{}"), first, rest)
            }
        }

        text!($name);
    };
}

number!(QuoteNumber, "Q", QUOTE_BODY, 4);
number!(Sen, "SEN", SEN_BODY, 5);

/// The number of an invoice, `IN-000001`: the vendor's series, and the place in that series, from 1 without gaps.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InvoiceNumber {
    series: String,
    place: u64,
}

impl InvoiceNumber {
    /// The number at a place of a series.
    pub fn new(series: &str, place: u64) -> Self {
        Self { series: series.to_owned(), place }
    }

    /// The series, `IN`.
    pub fn series(&self) -> &str {
        &self.series
    }

    /// The place in the series, from 1.
    pub fn place(&self) -> u64 {
        self.place
    }
}

impl fmt::Display for InvoiceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:06}", self.series, self.place)
    }
}

impl FromStr for InvoiceNumber {
    type Err = NotANumber;

    /// Accepts exactly the text that [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self, NotANumber> {
        let (series, digits) = text.rsplit_once('-').ok_or(NotANumber)?;
        let read = Self::new(series, digits.parse().map_err(|_| NotANumber)?);
        Some(read).filter(|read| read.to_string() == text).ok_or(NotANumber)
    }
}

text!(InvoiceNumber);

fn read(text: &str, prefix: &str, body: usize) -> Option<String> {
    let typed: String =
        text.chars().filter(|c| !c.is_whitespace() && *c != '-').take(64).map(|c| c.to_ascii_uppercase()).collect();
    // The length distinguishes a prefix from a body that begins with the same letters.
    let compact = if typed.len() == body + 1 { &*typed } else { typed.strip_prefix(prefix)? };
    let values = compact.bytes().map(value).collect::<Option<Vec<_>>>()?;
    (values.len() == body + 1 && weigh(&values) == 0).then(|| compact.to_owned())
}

fn value(character: u8) -> Option<usize> {
    ALPHABET.iter().position(|&c| c == character)
}

/// The weighted sum modulo 29. The last character has weight 1. The sum is 0 for a number with the right check character.
fn weigh(values: &[usize]) -> usize {
    values.iter().rev().zip(1..).map(|(value, weight)| value * weight).sum::<usize>() % ALPHABET.len()
}

fn complete(mut values: Vec<usize>) -> String {
    values.push(0);
    let check = (ALPHABET.len() - weigh(&values)) % ALPHABET.len();
    if let Some(last) = values.last_mut() {
        *last = check;
    }
    values.into_iter().map(|value| char::from(ALPHABET[value])).collect()
}

/// Makes numbers with a keyed hash. The same input gives the same number, and without the key a number reveals nothing about
/// its input. The key must never change, because a repeated request would get a second number.
#[derive(Clone)]
pub struct Minter {
    /// Made once: its key schedule is two of the five blocks that most numbers hash.
    key: Hmac<Sha256>,
}

impl Minter {
    /// A minter with the vendor's secret.
    pub fn new(key: &[u8]) -> Self {
        Self { key: keyed(key) }
    }

    /// The number for a request with an `Idempotency-Key`. `attempt` counts how often the number was found to be in use for
    /// something else, which is rare: there are 5 × 10¹¹ numbers.
    pub fn quote_for_key(&self, caller: &str, key: &str, attempt: u32) -> QuoteNumber {
        QuoteNumber(self.mint("quote by key", &[caller, key, &attempt.to_string()], QUOTE_BODY))
    }

    /// The number for a request without a key, from `seed`: unique bytes.
    pub fn quote_from_seed(&self, seed: &str) -> QuoteNumber {
        QuoteNumber(self.mint("quote by seed", &[seed], QUOTE_BODY))
    }

    /// The entitlement number of a quote's line. A repeated issuance gets the same number, and so finds the existing licence.
    pub fn sen(&self, quote: &QuoteNumber, line: u32, attempt: u32) -> Sen {
        Sen(self.mint("sen", &[quote.compact(), &line.to_string(), &attempt.to_string()], SEN_BODY))
    }

    /// A hexadecimal hash that replaces a value which must not be stored: the same for the same value, and impossible to
    /// compute without the key.
    pub fn seal(&self, what: &str, value: &str) -> String {
        hex::encode(&keyed_hash(&self.key, "seal", &[what, value])[..16])
    }

    fn mint(&self, purpose: &str, parts: &[&str], body: usize) -> String {
        let hash = keyed_hash(&self.key, purpose, parts);
        // 29²⁴ fits in 128 bits. The modulo bias of 128 bits over 29¹⁰ is negligible.
        let mut rest = u128::from_be_bytes(hash[..16].try_into().expect("a SHA-256 is longer than 16 bytes"));
        let base = ALPHABET.len() as u128;
        let values = (0..body)
            .map(|_| {
                let value = (rest % base) as usize;
                rest /= base;
                value
            })
            .collect();
        complete(values)
    }
}

/// HMAC-SHA-256 with a key, before any text.
pub(crate) fn keyed(key: &[u8]) -> Hmac<Sha256> {
    Hmac::new_from_slice(key).expect("HMAC takes a key of any length")
}

/// HMAC-SHA-256 over length-prefixed parts, so that different lists of parts have different inputs.
pub(crate) fn keyed_hash(key: &Hmac<Sha256>, purpose: &str, parts: &[&str]) -> [u8; 32] {
    let mut mac = key.clone();
    for part in std::iter::once(&purpose).chain(parts) {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_number(seed: usize) -> QuoteNumber {
        Minter::new(b"test").quote_from_seed(&seed.to_string())
    }

    #[test]
    fn every_spelling_of_a_number_is_read() {
        let number = some_number(1);
        let shown = number.to_string();
        assert!(shown.starts_with("Q-") && shown.len() == 12, "{shown}");
        for typed in [
            shown.clone(),
            shown.to_lowercase(),
            shown.replace('-', " "),
            shown.trim_start_matches("Q-").to_owned(),
            format!("  q {}  ", number.compact().to_lowercase()),
            number.compact().to_owned(),
        ] {
            assert_eq!(typed.parse(), Ok(number.clone()), "{typed}");
        }
    }

    #[test]
    fn every_wrong_character_and_every_exchange_of_two_is_found() {
        for seed in 0..50 {
            let right = some_number(seed).0.into_bytes();
            for i in 0..right.len() {
                for &other in ALPHABET.iter().filter(|&&c| c != right[i]) {
                    let mut wrong = right.clone();
                    wrong[i] = other;
                    assert!(String::from_utf8(wrong).unwrap().parse::<QuoteNumber>().is_err());
                }
                for j in (i + 1)..right.len() {
                    let mut wrong = right.clone();
                    wrong.swap(i, j);
                    assert!(wrong == right || String::from_utf8(wrong).unwrap().parse::<QuoteNumber>().is_err());
                }
            }
        }
    }

    #[test]
    fn numbers_depend_only_on_their_input_and_the_key() {
        let minter = Minter::new(b"one");
        assert_eq!(minter.quote_for_key("a", "bc", 0), minter.quote_for_key("a", "bc", 0));
        assert_ne!(minter.quote_for_key("a", "bc", 0), minter.quote_for_key("ab", "c", 0));
        assert_ne!(minter.quote_for_key("a", "bc", 0), minter.quote_for_key("a", "bc", 1));
        assert_ne!(minter.quote_for_key("a", "bc", 0), Minter::new(b"two").quote_for_key("a", "bc", 0));
        let quote = some_number(7);
        assert_ne!(minter.sen(&quote, 1, 0), minter.sen(&quote, 2, 0));
        let sen = minter.sen(&quote, 1, 0);
        assert_eq!(sen.to_string().parse(), Ok(sen.clone()));
        assert!(sen.to_string().starts_with("SEN-"));
    }

    #[test]
    fn an_invoice_number_is_its_series_and_its_place() {
        for (series, place, text) in [("IN", 1, "IN-000001"), ("IN", 1_234_567, "IN-1234567"), ("2027-EU", 42, "2027-EU-000042")]
        {
            assert_eq!(InvoiceNumber::new(series, place).to_string(), text);
            assert_eq!(text.parse(), Ok(InvoiceNumber::new(series, place)));
        }
        for text in ["", "IN", "IN-", "IN-1", "IN-0000001", "IN-+00001", "IN-00000x", "IN-18446744073709551616"] {
            assert!(text.parse::<InvoiceNumber>().is_err(), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_numbers() {
        for text in ["", "Q-", "Q", "Q-AAAA-AAAAA-A", "0000-00000", "Q-7KQ4-M9XT💥", &"Q".repeat(10_000)] {
            assert!(text.parse::<QuoteNumber>().is_err(), "{text}");
        }
    }
}
