//! A value that must not be printed.

use std::fmt;

/// A string that only [`expose`](Secret::expose) shows: it has no `Display`, and its `Debug` hides it.
///
/// It is never empty, because an empty key makes every signature that is checked with it worthless.
///
/// A secret has no `==`: a comparison must take constant time.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    ///
    /// # Errors
    ///
    /// The value cannot be a working secret. The error never contains the value.
    pub fn new(value: impl Into<String>) -> Result<Self, NotASecret> {
        let value = value.into();
        match value.trim() {
            "" => Err(NotASecret::Empty),
            trimmed if trimmed.len() != value.len() => Err(NotASecret::Padded),
            _ => Ok(Self(value)),
        }
    }

    /// The value. Use it directly and do not store it elsewhere.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// A placeholder for a secret that a configuration lacks. It is dropped when the mistakes are reported, and never used.
    pub(crate) fn stand_in() -> Self {
        Self("unset".to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Why a value was not accepted as a [`Secret`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotASecret {
    /// The value is empty or only white space.
    #[error("is empty")]
    Empty,
    /// The value has white space at an end. This is nearly always a copied line break, which makes every verification fail.
    #[error("starts or ends with white space")]
    Padded,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_shown_only_when_asked_for() {
        let secret = Secret::new("whsec_example").expect("a secret");
        assert_eq!(secret.expose(), "whsec_example");
        assert_eq!(format!("{:?} {:#?}", secret, Some(&secret)).matches("example").count(), 0);
    }

    #[test]
    fn an_empty_or_padded_value_is_no_secret() {
        for empty in ["", " ", "\n\t "] {
            assert_eq!(Secret::new(empty).expect_err("no secret"), NotASecret::Empty);
        }
        for padded in ["key\n", " key"] {
            assert_eq!(Secret::new(padded).expect_err("no secret"), NotASecret::Padded);
        }
    }
}
