//! Why a caller is not identified.

/// Why nobody could be identified, in the words that the caller is told.
///
/// The first three are the caller's to mend (401, and the same again for the same token); the last is not (503, try
/// again soon).
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityError {
    /// There is no `Authorization` header.
    #[error("Sign in first: send your access token as `Authorization: Bearer …`.")]
    Missing,
    /// The header is not `Bearer` and one signed token that can be read.
    #[error("The `Authorization` header has no bearer token that can be read. Sign in again.")]
    Malformed,
    /// The token was read and is not good here, for this reason.
    #[error("The access token was refused: {0}. Sign in again.")]
    Rejected(&'static str),
    /// The issuer's keys are not at hand and cannot be fetched now, so the token is neither good nor bad.
    #[error("Who is signed in cannot be checked at the moment. Try again in a minute.")]
    IssuerUnavailable,
}

impl IdentityError {
    /// The `WWW-Authenticate` header that goes with 401 (RFC 6750, section 3); none with 503.
    ///
    /// A request without any token is told only the scheme, as section 3.1 asks.
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("Bearer"),
            Self::Malformed | Self::Rejected(_) => Some("Bearer error=\"invalid_token\""),
            Self::IssuerUnavailable => None,
        }
    }
}
