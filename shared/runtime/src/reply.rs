//! Refusals and failures of handlers, and the form of every response: problems (RFC 9457) with the request's id, and the
//! headers that every response carries.

use std::error::Error;

use axum::{
    Router,
    body::{Body, HttpBody},
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use contract::{Problem, problem};
use domain::{Code, Refusal};
use lambda_http::request::RequestContext;
use tracing::Instrument;

use crate::{identity::IdentityError, random, task};

/// The largest body that is read. A quote of a hundred lines has about 20 KB.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a handler returns.
pub type Reply<T = Response> = Result<T, Failure>;

/// The error behind a technical failure. It is logged with all of its sources, so none of them may contain personal data or
/// secrets.
type Cause = Box<dyn Error + Send + Sync>;

/// Why a handler has no result. A refusal is final for the request as it is. Every other failure can be retried, some of them
/// later.
#[derive(Debug)]
pub enum Failure {
    /// A business rule refuses the request. Nothing was changed.
    Refused(Refusal),
    /// The caller has sent too many requests: 429.
    TooMany {
        /// Which limit is reached, for the caller.
        detail: String,
        /// The number of seconds after which the request may be sent again.
        seconds: i64,
    },
    /// The caller is not signed in, or this cannot be verified.
    Identity(IdentityError),
    /// A service that the function depends on failed: 503. It is unknown whether something was written. Repeating the request
    /// is safe, except that creating a quote without an `Idempotency-Key` may then create two.
    Unavailable(Cause),
    /// The program or its data has a defect: 500.
    Broken(Cause),
}

/// What failed, with the error behind it.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
struct Context {
    what: String,
    source: Cause,
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<IdentityError> for Failure {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error)
    }
}

impl From<store::Error> for Failure {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Unavailable { .. } => Self::Unavailable(error.into()),
            store::Error::Corrupt { .. } => Self::Broken(error.into()),
        }
    }
}

impl From<store::PageError> for Failure {
    fn from(error: store::PageError) -> Self {
        match error {
            store::PageError::Cursor(_) => not_a_cursor().into(),
            store::PageError::Store(error) => error.into(),
        }
    }
}

impl Failure {
    /// Every attempt was in conflict with a change that another request made at the same time.
    pub fn contended() -> Self {
        Self::Unavailable("every attempt was in conflict with another change".into())
    }

    /// A defect: what failed, and the error behind it.
    pub fn broken(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Broken(Context { what: what.into(), source: source.into() }.into())
    }

    /// The failure of a service: what failed, and the error behind it.
    pub fn unavailable(what: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Unavailable(Context { what: what.into(), source: source.into() }.into())
    }
}

impl IntoResponse for Failure {
    /// Leaves the problem beside an empty body: [`shell`] knows the request's id and writes both.
    fn into_response(self) -> Response {
        let mut headers = Vec::new();
        let problem = match self {
            Self::Refused(refusal) => Problem::from(refusal),
            Self::TooMany { detail, seconds } => {
                headers.push((header::RETRY_AFTER, HeaderValue::from(seconds)));
                Problem::new(Code::TooManyRequests, detail)
            }
            Self::Identity(error) => {
                headers
                    .extend(error.challenge().map(|challenge| (header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge))));
                let code = if error.challenge().is_some() { Code::SignInRequired } else { Code::Unavailable };
                Problem::new(code, error.to_string())
            }
            Self::Unavailable(cause) => {
                tracing::error!(why = with_sources(&*cause), "unavailable");
                Problem::new(
                    Code::Unavailable,
                    "A service that this request needs does not respond. Send the same request again in a moment. A change is made \
                     once; a quote is created once if the request has an `Idempotency-Key`.",
                )
            }
            Self::Broken(cause) => {
                tracing::error!(why = with_sources(&*cause), "broken");
                Problem::new(Code::Internal, "An internal error occurred. Report the `request_id` to the vendor's support.")
            }
        };
        if problem.code == Code::Unavailable {
            headers.push((header::RETRY_AFTER, HeaderValue::from_static("2")));
        }
        let mut response = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR).into_response();
        response.headers_mut().extend(headers.into_iter().map(|(name, value)| (Some(name), value)));
        response.extensions_mut().insert(problem);
        response
    }
}

/// An error and its sources, in one line.
fn with_sources(error: &(dyn Error + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |&error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// The largest body that a route reads.
#[derive(Clone, Copy)]
struct BodyLimit(usize);

/// A route with another body limit than all others. A refusal of a larger body states this limit.
pub(crate) fn reads_up_to<S: Clone + Send + Sync + 'static>(bytes: usize, route: MethodRouter<S>) -> MethodRouter<S> {
    let with_limit = move |mut response: Response| async move {
        response.extensions_mut().insert(BodyLimit(bytes));
        response
    };
    route.layer(DefaultBodyLimit::max(bytes)).layer(middleware::map_response(with_limit))
}

/// A route that refuses a body of another media type than JSON (C6). A browser sends other types from a foreign page without
/// asking this API first; for JSON it asks, and is refused.
pub(crate) fn reads_json<S: Clone + Send + Sync + 'static>(route: MethodRouter<S>) -> MethodRouter<S> {
    // Only for the route's own methods: for another method, the response is 405.
    route.route_layer(middleware::from_fn(refuse_other_media_types))
}

async fn refuse_other_media_types(request: Request, next: Next) -> Response {
    if has_no_body(&request) || is_json(request.headers()) {
        return next.run(request).await;
    }
    let detail = "Send the body as JSON, with the header `Content-Type: application/json`.";
    Failure::from(Refusal::new(Code::MediaTypeUnsupported, detail)).into_response()
}

/// Whether a request has no body. Without one, the body of an event of API Gateway has ended but states no size.
fn has_no_body(request: &Request) -> bool {
    request.body().is_end_stream() || request.body().size_hint().exact() == Some(0)
}

/// Whether a body is `application/json`, with or without parameters (RFC 9110, section 8.3.1).
fn is_json(headers: &HeaderMap) -> bool {
    let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    given.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
}

/// The shell around all routes: body limit, request id, problems, headers. Applied once, outermost.
pub fn shell(routes: Router) -> Router {
    routes
        .fallback(async || Failure::from(Refusal::not_found()))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(finish))
}

/// Runs a request in its span, so that every log line about the request states its id.
async fn finish(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let path = matched_path(&request);
    let span = tracing::info_span!("request", request_id = id, method = %request.method(), path);
    respond(id, request, next).instrument(span).await
}

async fn respond(id: String, request: Request, next: Next) -> Response {
    // A handler in its own task runs to its end when the caller disconnects, and its panic becomes a response.
    let finished = task::spawn(next.run(request)).await;
    let mut response = finished.unwrap_or_else(|_| Failure::Broken("a handler panicked".into()).into_response());
    if let Some(problem) = response.extensions_mut().remove::<Problem>().or_else(|| bare_refusal(&response)) {
        let problem = Problem { request_id: Some(id.clone()), ..problem };
        let body = serde_json::to_vec(&problem).unwrap_or_default();
        *response.body_mut() = Body::from(body);
        response.headers_mut().remove(header::CONTENT_LENGTH);
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(problem::MEDIA_TYPE));
    }
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    tracing::info!(status = response.status().as_u16(), "responded");
    response
}

/// The route, and never the path itself: a path may contain a quote's number, and its query a secret.
fn matched_path(request: &Request) -> String {
    request.extensions().get::<axum::extract::MatchedPath>().map_or("-".to_owned(), |path| path.as_str().to_owned())
}

/// The refusal of a path or a query that cannot be read.
pub(crate) fn url_malformed() -> Refusal {
    let detail = "The URL of this request cannot be read: a query parameter is given twice, or a part is not UTF-8.";
    Refusal::new(Code::UrlMalformed, detail)
}

/// The refusal of a text that is not a cursor of the list.
pub(crate) fn not_a_cursor() -> Refusal {
    let detail = "`cursor` is not a cursor of this list. Send the `next` of the page before as it is, or leave `cursor` out to begin \
                  with the first page.";
    Refusal::new(Code::ParameterInvalid, detail)
}

/// The problem for a response in which the framework refused a request before it reached a handler.
fn bare_refusal(response: &Response) -> Option<Problem> {
    let status = response.status();
    let content_type = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !(content_type.is_empty() || content_type.starts_with("text/plain")) {
        return None;
    }
    let problem = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Code::MethodNotAllowed, "This path does not support this method. The `Allow` header lists the methods.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            let BodyLimit(most) = response.extensions().get().copied().unwrap_or(BodyLimit(MAX_BODY_BYTES));
            Problem::new(Code::BodyTooLarge, format!("The body is too large. Send at most {} KiB.", most / 1024))
        }
        StatusCode::BAD_REQUEST => Problem::from(url_malformed()),
        _ => return None,
    };
    Some(problem)
}

/// The gateway's id for the request, or a generated one.
fn request_id(request: &Request) -> String {
    let gateway = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    gateway.unwrap_or_else(random::token)
}

#[cfg(test)]
mod tests {
    use axum::routing;
    use serde_json::Value;

    use super::*;
    use crate::telemetry::{log_panics, tests::Page};

    /// Sends a request to a path, and returns the response's request id.
    async fn ask(routes: Router, path: &str) -> (StatusCode, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let serving = tokio::spawn(async { axum::serve(listener, shell(routes)).await });
        let response = reqwest::Client::builder().no_proxy().build().expect("a client");
        let response = response.get(format!("http://{address}{path}")).send().await.expect("a response");
        serving.abort();
        (response.status(), response.headers()["x-request-id"].to_str().expect("text").to_owned())
    }

    /// C6: a request without a body, such as that for a licence key, states no media type.
    #[test]
    fn c6_an_event_of_the_gateway_without_a_body_has_none() {
        let of = |body: lambda_http::Body| Request::new(axum::body::Body::new(body));
        assert!(has_no_body(&of(lambda_http::Body::Empty)));
        assert!(has_no_body(&of("".into())));
        assert!(!has_no_body(&of("{}".into())));
    }

    /// D6: the lines of causes, of panics and of tasks, too.
    #[tokio::test]
    async fn d6_every_log_line_about_a_request_has_its_id() {
        async fn unavailable() -> Reply {
            let cause = std::io::Error::other("connection refused");
            Err(Failure::unavailable("the table does not respond", cause))
        }
        async fn panicking() -> Reply {
            panic!("eve@victim.example")
        }
        async fn elsewhere() -> Reply {
            assert!(task::spawn(async { tracing::info!("in a task") }).await.is_ok());
            // The log of a test belongs to its thread.
            let log = tracing::dispatcher::get_default(Clone::clone);
            let compute = move || tracing::dispatcher::with_default(&log, || tracing::info!("computed"));
            assert!(task::compute(compute).await.is_ok());
            Ok(StatusCode::NO_CONTENT.into_response())
        }
        let routes = || {
            let routes = Router::new().route("/unavailable/{id}", routing::get(unavailable));
            routes.route("/panicking", routing::get(panicking)).route("/elsewhere", routing::get(elsewhere))
        };
        log_panics();
        for (path, route, status, expected) in [
            ("/unavailable/Q-1?secret=s", "/unavailable/{id}", 503, vec!["unavailable", "responded"]),
            ("/panicking", "/panicking", 500, vec!["panicked", "broken", "responded"]),
            ("/elsewhere", "/elsewhere", 204, vec!["in a task", "computed", "responded"]),
            ("/nowhere", "-", 404, vec!["responded"]),
        ] {
            let page = Page::default();
            let logging = tracing::subscriber::set_default(page.log("info"));
            let (answered, id) = ask(routes(), path).await;
            drop(logging);
            assert_eq!(answered.as_u16(), status, "{path}");
            let lines: Vec<Value> = page.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
            let messages: Vec<_> = lines.iter().filter_map(|line| line["message"].as_str()).collect();
            assert_eq!(messages, expected, "{path}");
            for line in &lines {
                assert_eq!(line["span"]["request_id"], *id, "{path}: {line}");
                assert_eq!((&line["span"]["method"], &line["span"]["path"]), (&"GET".into(), &route.into()), "{path}: {line}");
            }
            assert!(!page.text().contains("victim") && !page.text().contains("secret"), "{path}: {}", page.text());
        }
        drop(std::panic::take_hook());
    }
}
