//! The layer in front of every route. Like API Gateway, it adds the caller's address to the request and serves its own host
//! names only.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use contract::Problem;
use domain::Code;
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};

use tokio::net::TcpListener;

use crate::pump::Gauge;

/// Refuses requests for a foreign host name, adds the caller's address to the request, and wakes the consumers after a write.
///
/// A foreign host name may be a DNS rebinding attack: a page on the internet whose name points to this machine could otherwise
/// read letters and tokens.
pub(crate) async fn admit(
    State(gauge): State<Gauge>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    mut request: Request,
    next: Next,
) -> Response {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    if !is_this_machine(host) {
        return misdirected();
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

/// The response to a foreign host name. The shell around this layer writes the problem document.
fn misdirected() -> Response {
    let problem = Problem::new(Code::NotFound, "This deployment serves one machine: use its IP address or localhost.");
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
mod tests {
    use super::*;

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
