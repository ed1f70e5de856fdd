//! Addresses in settings.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use reqwest::Url;

/// An address to which paths are added: our own public address, or that of a sign-in issuer.
///
/// The text is kept exactly as it was written, because an OpenID Connect issuer is compared character by character (OpenID
/// Connect Core 1.0, section 2). The scheme is `https`, because the URLs contain secrets; plain `http` is accepted only for this
/// machine.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaseUrl(String);

impl BaseUrl {
    /// The address as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The address of `path` under this one, with exactly one slash between them.
    pub fn join(&self, path: &str) -> String {
        format!("{}/{}", self.0.trim_end_matches('/'), path.trim_start_matches('/'))
    }

    pub(super) fn stand_in() -> Self {
        Self("https://unset.invalid".to_owned())
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = NotABaseUrl;

    fn from_str(text: &str) -> Result<Self, NotABaseUrl> {
        let url = Url::parse(text).map_err(|_| NotABaseUrl::Unreadable)?;
        if !is_confidential(&url) {
            return Err(NotABaseUrl::Exposed);
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() || url.fragment().is_some() {
            return Err(NotABaseUrl::Decorated);
        }
        Ok(Self(text.to_owned()))
    }
}

/// Whether only its host can read what is sent to `url`: the connection is encrypted, or stays on this machine (the names of
/// RFC 6761, section 6.3, and the addresses of RFC 1122 and RFC 4291).
pub(crate) fn is_confidential(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
    let loops_back =
        || host == "localhost" || host.ends_with(".localhost") || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
    match url.scheme() {
        "https" => true,
        "http" => loops_back(),
        _ => false,
    }
}

/// Why a text is not a [`BaseUrl`].
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotABaseUrl {
    /// Not an absolute URL.
    #[error("is not an absolute address")]
    Unreadable,
    /// Requests to it could be read by others.
    #[error("is neither https nor http on this machine")]
    Exposed,
    /// A path cannot be added to it, or it has parts that do not belong in a log.
    #[error("has a user name, a query or a fragment")]
    Decorated,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_https_or_stays_on_this_machine() {
        for good in [
            "https://example.com",
            "https://example.com/realms/a/",
            "http://localhost:8080",
            "http://api.localhost:4566/stage",
            "http://127.0.0.1:9",
            "http://[::1]:9",
        ] {
            assert_eq!(good.parse::<BaseUrl>().expect(good).as_str(), good, "kept as written");
        }
        for (bad, why) in [
            ("example.com", NotABaseUrl::Unreadable),
            ("", NotABaseUrl::Unreadable),
            ("http://example.com", NotABaseUrl::Exposed),
            ("http://127.0.0.1.example.com", NotABaseUrl::Exposed),
            ("http://localhost.example.com", NotABaseUrl::Exposed),
            ("file:///etc", NotABaseUrl::Exposed),
            ("https://user@example.com", NotABaseUrl::Decorated),
            ("https://example.com?a=b", NotABaseUrl::Decorated),
            ("https://example.com#a", NotABaseUrl::Decorated),
        ] {
            assert_eq!(bad.parse::<BaseUrl>(), Err(why), "{bad}");
        }
    }
}
