//! Query parameters. A route accepts the parameters that its handler's arguments read, and refuses every other one: nothing that
//! a caller sends is ignored silently.

use axum::{
    body::Bytes,
    extract::{FromRequestParts, Path, Query, State},
    http::{HeaderMap, Uri, request::Parts},
};
use domain::{Code, Refusal, fault::Faults};
use serde::de::DeserializeOwned;
use store::{
    PageRequest,
    page::{DEFAULT_LIMIT, MAX_LIMIT},
};

use crate::{
    caller::SourceIp,
    reply::{Failure, not_a_cursor, url_malformed},
};

/// A handler's argument, with the query parameters that it reads.
pub trait Argument {
    /// The names of the parameters.
    const PARAMETERS: &'static [&'static str] = &[];
}

impl<S> Argument for State<S> {}
impl<P> Argument for Path<P> {}
impl Argument for Bytes {}
impl Argument for HeaderMap {}
impl Argument for SourceIp {}

/// Query parameters that a route reads into a type of its own.
pub trait Parameters: DeserializeOwned {
    /// The names of the parameters.
    const NAMES: &'static [&'static str];
}

/// The query parameters of a request.
pub struct Asked<T>(pub T);

impl<T: Parameters> Argument for Asked<T> {
    const PARAMETERS: &'static [&'static str] = T::NAMES;
}

impl<S: Sync, T: Parameters> FromRequestParts<S> for Asked<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let Query(asked) = Query::try_from_uri(&parts.uri).map_err(|_| url_malformed())?;
        Ok(Self(asked))
    }
}

/// The page of a list that a caller wants: `limit` and `cursor`.
pub struct Paging(pub PageRequest);

impl Argument for Paging {
    const PARAMETERS: &'static [&'static str] = &["limit", "cursor"];
}

impl<S: Sync> FromRequestParts<S> for Paging {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        let given = given(&parts.uri)?;
        let value = |name: &str| given.iter().find(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let mut faults = Faults::default();
        let limit = value("limit").map_or(Some(DEFAULT_LIMIT), |limit| limit.parse().ok());
        let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
        if limit.is_none() {
            faults.add(Code::ParameterInvalid, "", format!("`limit` must be a whole number from 1 to {MAX_LIMIT}."));
        }
        let cursor = value("cursor").map(str::parse).transpose();
        if cursor.is_err() {
            faults.absorb_all(not_a_cursor());
        }
        let page = limit.zip(cursor.ok()).map(|(limit, cursor)| PageRequest { limit, cursor });
        Ok(Self(faults.into_result(page)?))
    }
}

/// The parameters of a URL, in their order.
fn given(uri: &Uri) -> Result<Vec<(String, String)>, Refusal> {
    Query::try_from_uri(uri).map(|Query(given)| given).map_err(|_| url_malformed())
}

/// Refuses a URL with a parameter that the route does not accept, or with a parameter that is given twice.
pub(crate) fn check(uri: &Uri, accepted: &[&'static str]) -> Result<(), Refusal> {
    // Nearly every request ends here.
    if uri.query().is_none_or(str::is_empty) {
        return Ok(());
    }
    let given = given(uri)?;
    let names: Vec<_> = given.iter().map(|(name, _)| name.as_str()).collect();
    if (1..names.len()).any(|i| names[..i].contains(&names[i])) {
        return Err(url_malformed());
    }
    let unknown = names.iter().filter(|name| !accepted.contains(name)).count();
    if unknown == 0 {
        return Ok(());
    }
    let accepts = match accepted {
        [] => "no parameters".to_owned(),
        some => format!("only {}", some.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")),
    };
    // The names are not repeated: a caller may have sent a secret without its name.
    let detail = match unknown {
        1 => format!("The URL has a query parameter that is unknown here. This route accepts {accepts}."),
        some => format!("The URL has {some} query parameters that are unknown here. This route accepts {accepts}."),
    };
    Err(Refusal::new(Code::UnknownParameter, detail).allowing(accepted.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(url: &str, accepted: &[&'static str]) -> Result<(), Code> {
        check(&url.parse().unwrap(), accepted).map_err(|refusal| refusal.code())
    }

    #[test]
    fn b13_a_parameter_that_a_route_does_not_accept_is_refused_with_those_that_it_accepts() {
        for url in ["/v1/pricing", "/v1/pricing?", "/v1/q?secret=a", "/v1/q?secret="] {
            assert_eq!(checked(url, &["secret"]), Ok(()), "{url}");
        }
        for url in ["/v1/q?secret=a&dry_run=true", "/v1/q?Secret=a", "/v1/q?=", "/v1/q?dry_run", "/v1/q?%73ecrets=a"] {
            assert_eq!(checked(url, &["secret"]), Err(Code::UnknownParameter), "{url}");
        }
        assert_eq!(checked("/v1/q?%73ecret=a", &["secret"]), Ok(()), "an encoded name is the same name");
        assert_eq!(checked("/v1/q?secret=a&secret=b", &["secret"]), Err(Code::UrlMalformed));
        assert_eq!(checked("/v1/q?a=1&a=2", &[]), Err(Code::UrlMalformed));

        let refusal = check(&"/v1/q?dry_run=true".parse().unwrap(), &["limit", "cursor"]).unwrap_err();
        assert_eq!(refusal.faults[0].allowed, ["limit", "cursor"]);
        assert!(refusal.faults[0].detail.contains("only `limit`, `cursor`"), "{}", refusal.faults[0].detail);
        assert!(!refusal.faults[0].detail.contains("dry_run"), "{}", refusal.faults[0].detail);
    }

    async fn page(url: &str) -> Result<PageRequest, Vec<Code>> {
        let (mut parts, ()) = axum::http::Request::get(url).body(()).unwrap().into_parts();
        match Paging::from_request_parts(&mut parts, &()).await {
            Ok(Paging(page)) => Ok(page),
            Err(Failure::Refused(refusal)) => Err(refusal.faults.iter().map(|fault| fault.code).collect()),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn a_page_has_a_limit_and_a_cursor_and_every_fault_of_both_is_reported() {
        assert_eq!(page("/").await, Ok(PageRequest { limit: DEFAULT_LIMIT, cursor: None }));
        assert_eq!(page("/?limit=1").await.map(|page| page.limit), Ok(1));
        assert_eq!(page("/?limit=200").await.map(|page| page.limit), Ok(200));
        for limit in ["", "0", "201", "-1", "1.5", "ten", "70000"] {
            assert_eq!(page(&format!("/?limit={limit}")).await, Err(vec![Code::ParameterInvalid]), "{limit}");
        }
        assert_eq!(page("/?cursor=").await, Err(vec![Code::ParameterInvalid]));
        assert_eq!(page("/?cursor=x&limit=0").await, Err(vec![Code::ParameterInvalid; 2]));
    }
}
