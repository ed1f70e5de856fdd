//! The only source of randomness.

/// A unique text: 122 random bits of a version 4 UUID, as 32 hexadecimal digits.
#[allow(clippy::disallowed_methods, reason = "the only source of randomness")]
pub fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
