//! The layer in front of every route. Like API Gateway, it adds the caller's address to the request and serves its own host
//! names only. It refuses what a proxy or a tunnel has forwarded, because every caller of this deployment can act as any person.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use contract::Problem;
use domain::Code;
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};

use tokio::net::TcpListener;

use crate::pump::Gauge;

/// The headers that proxies and tunnels add to what they forward (RFC 9110, section 7.6.3; RFC 7239), beside all that begin with
/// [`X_FORWARDED`].
const FORWARDING: [&str; 3] = ["forwarded", "via", "x-real-ip"];
/// How the names of the older headers of proxies begin.
const X_FORWARDED: &str = "x-forwarded-";

/// Refuses requests for a foreign host name and those that were forwarded, adds the caller's address to the request, and wakes the
/// consumers after a write.
///
/// A foreign host name may be a DNS rebinding attack: a page on the internet whose name points to this machine could otherwise
/// read letters and tokens. A proxy makes callers of other machines look like callers of this one.
pub(crate) async fn admit(
    State(gauge): State<Gauge>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_this_machine(host) {
        return misdirected("This deployment serves one machine: use its IP address or localhost.".to_owned());
    }
    if let Some(header) = forwarding_header(request.headers()) {
        return misdirected(format!(
            "A proxy or a tunnel has forwarded this request: it has the header `{header}`. This deployment is for one person on one \
             machine, because it gives every caller any identity. Send the request to it directly, or deploy to AWS (infra/aws)."
        ));
    }
    let mut context = ApiGatewayV2httpRequestContext::default();
    context.http.source_ip = Some(caller.ip().to_string());
    request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
    let writes = !request.method().is_safe();
    let response = next.run(request).await;
    if writes {
        gauge.nudge();
    }
    response
}

/// The name of a header that shows that the request was forwarded.
fn forwarding_header(headers: &HeaderMap) -> Option<&str> {
    headers.keys().map(HeaderName::as_str).find(|name| FORWARDING.contains(name) || name.starts_with(X_FORWARDED))
}

/// The response to a request that did not come directly to this machine. The shell around this layer writes the problem document.
fn misdirected(detail: String) -> Response {
    let problem = Problem::new(Code::NotFound, detail);
    let status = StatusCode::MISDIRECTED_REQUEST;
    let problem = Problem { status: status.as_u16(), title: "Misdirected request", ..problem };
    let mut response = status.into_response();
    response.extensions_mut().insert(problem);
    response
}

/// A loopback port for a server without access control: the engine responds to any web page, as DynamoDB's own local editions
/// do, and the mail server accepts letters from any caller. The address is one of sixteen million, drawn at random at every
/// start, so that a web page cannot find it. A system with a single loopback address uses that address.
pub(crate) async fn hidden_listener() -> io::Result<TcpListener> {
    let drawn = u128::from_str_radix(&runtime::random::token(), 16).unwrap_or_default().to_be_bytes();
    let hidden = Ipv4Addr::new(127, drawn[0], drawn[1], drawn[2].clamp(2, 254));
    match TcpListener::bind((hidden, 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await,
    }
}

/// Whether the host is an IP address or `localhost`. Any other name could be resolved by a hostile DNS server.
fn is_this_machine(host: &str) -> bool {
    let name = host.parse::<SocketAddr>().map(|address| address.ip().to_string()).unwrap_or_else(|_| {
        let name =
            host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit())).map_or(host, |(name, _)| name);
        name.to_owned()
    });
    name == "localhost" || name.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]
mod tests {
    use super::*;

    /// Finding C9.
    #[test]
    fn a_header_of_a_proxy_is_found_and_no_other_header_is_one() {
        let headers = |name: &'static str| HeaderMap::from_iter([(HeaderName::from_static(name), "1".parse().unwrap())]);
        for name in ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"] {
            assert_eq!(forwarding_header(&headers(name)), Some(name));
        }
        for name in ["host", "user-agent", "x-request-id", "x-forwarded", "origin", "viable"] {
            assert_eq!(forwarding_header(&headers(name)), None, "{name}");
        }
    }

    #[test]
    fn only_addresses_and_localhost_are_this_machine() {
        for host in ["localhost", "localhost:8787", "127.0.0.1", "127.0.0.1:8787", "[::1]:8787", "192.168.1.5:80"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in ["", "evil.example", "evil.example:8787", "localhost.evil.example:80", "127.0.0.1.evil.example"] {
            assert!(!is_this_machine(host), "{host}");
        }
    }
}
