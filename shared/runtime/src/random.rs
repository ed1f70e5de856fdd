//! The door through which randomness comes in.

/// 122 random bits, in hexadecimal: a text that nobody else has.
#[allow(clippy::disallowed_methods, reason = "this is the door")]
pub fn token() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
