//! The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header): a request that may be sent again.

use axum::http::HeaderMap;
use domain::{Code, QuoteNumber, Refusal, number::Minter};
use runtime::identity::Caller;
use sha2::{Digest, Sha256};

/// The owner of keys of anonymous callers. They share one owner, so that their keys must be unique, as UUIDs are.
const ANYONE: &str = "anyone";
const LONGEST: usize = 255;

/// A key as it was sent, without the quotation marks that the draft requires.
pub(crate) struct IdempotencyKey {
    key: String,
    /// The owner. The same key of another owner is another key.
    owner: String,
    /// The stored form.
    pub(crate) hash: String,
}

impl IdempotencyKey {
    /// Reads the header; `None` when it was not sent.
    pub(crate) fn read(headers: &HeaderMap, caller: Option<&Caller>) -> Result<Option<Self>, Refusal> {
        let owner = caller.map_or(ANYONE.to_owned(), |caller| format!("subject:{}", caller.subject));
        let mut values = headers.get_all("idempotency-key").iter();
        let Some(value) = values.next() else { return Ok(None) };
        let malformed = || {
            let detail =
                format!("Send one `Idempotency-Key` of 1 to {LONGEST} visible ASCII characters, a UUID for example, or none.");
            Refusal::new(Code::IdempotencyKeyMalformed, detail)
        };
        let text = value.to_str().ok().filter(|_| values.next().is_none()).ok_or_else(malformed)?.trim();
        let key = match text.strip_prefix('"') {
            Some(rest) => rest.strip_suffix('"').ok_or_else(malformed)?,
            None => text,
        };
        let sound = (1..=LONGEST).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic() && b != b'"');
        let hash = hash(format!("{owner}\n{key}").as_bytes());
        sound.then(|| Some(Self { key: key.to_owned(), owner, hash })).ok_or_else(malformed)
    }

    /// The number of the quote that this key creates.
    pub(crate) fn number(&self, minter: &Minter, attempt: u32) -> QuoteNumber {
        minter.quote_for_key(&self.owner, &self.key, attempt)
    }

    /// The refusal of a key that stands for another request.
    pub(crate) fn reused() -> Refusal {
        Refusal::new(Code::IdempotencyKeyReused, "This key was used before with another body. Use a new key for a new request.")
    }
}

/// SHA-256, in hexadecimal.
pub(crate) fn hash(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("idempotency-key", value.parse().unwrap());
        }
        IdempotencyKey::read(&headers, None).map(|key| key.map(|key| key.key)).map_err(|refusal| refusal.code())
    }

    #[test]
    fn a_key_may_be_quoted_and_anything_else_is_malformed() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&["8e03978e-40d5"]), Ok(Some("8e03978e-40d5".to_owned())));
        assert_eq!(read(&["\"8e03978e-40d5\""]), Ok(Some("8e03978e-40d5".to_owned())));
        for values in [&[""][..], &["\"\""], &["\"a"], &["a b"], &["a\"b"], &["a", "b"], &["ключ"], &[&"x".repeat(256)]] {
            assert_eq!(read(values), Err(Code::IdempotencyKeyMalformed), "{values:?}");
        }
    }
}
