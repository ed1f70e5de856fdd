//! Why a caller is not identified.

/// Why a caller was not identified. The texts are sent to the caller.
///
/// The first three are 401: the same token fails again. The last is 503: retrying helps.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityError {
    /// There is no `Authorization` header.
    #[error("Sign in first: send your access token as `Authorization: Bearer …`.")]
    Missing,
    /// The header does not consist of `Bearer` and one readable signed token.
    #[error("The `Authorization` header does not contain a readable bearer token. Sign in again.")]
    Malformed,
    /// The token was read and is not valid here, for this reason.
    #[error("The access token was refused: {0}. Sign in again.")]
    Rejected(&'static str),
    /// The issuer's keys are not in memory and cannot be fetched now, so the token cannot be verified.
    #[error("The access token cannot be verified at the moment. Try again in a minute.")]
    IssuerUnavailable,
}

impl IdentityError {
    /// The `WWW-Authenticate` header that goes with 401 (RFC 6750, section 3); none with 503.
    ///
    /// For a request without a token, it contains only the scheme, as section 3.1 requires.
    pub fn challenge(&self) -> Option<&'static str> {
        match self {
            Self::Missing => Some("Bearer"),
            Self::Malformed | Self::Rejected(_) => Some("Bearer error=\"invalid_token\""),
            Self::IssuerUnavailable => None,
        }
    }
}
