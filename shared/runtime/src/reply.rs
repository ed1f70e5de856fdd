//! How a handler says no, and how every answer leaves: problems as RFC 9457 with the request's id, and the headers
//! that every answer carries.

use axum::{
    Router,
    body::Body,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::MethodRouter,
};
use contract::{Problem, problem};
use domain::{Code, Refusal};
use lambda_http::request::RequestContext;

use crate::{identity::IdentityError, random};

/// The largest body that is read. A quote of a hundred lines has about 20 KB.
pub const MAX_BODY_BYTES: usize = 256 * 1024;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What a handler answers.
pub type Reply<T = Response> = Result<T, Failure>;

/// Why a handler has no answer. A refusal is final for the request as it is; all else is worth trying again, some of it later.
#[derive(Debug)]
pub enum Failure {
    /// The rules say no. Nothing was changed.
    Refused(Refusal),
    /// It was asked too often: 429.
    TooMany {
        /// What there was too much of, for whoever asked.
        detail: String,
        /// In how many seconds it may be asked again.
        seconds: i64,
    },
    /// Nobody is signed in, or it cannot be checked.
    Identity(IdentityError),
    /// The world failed: 503. Whether something was written is unknown. Repeating the request is safe; without an
    /// `Idempotency-Key`, what creates a quote may then have created two.
    Unavailable(String),
    /// We are broken: 500.
    Broken(String),
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
            store::Error::Unavailable { .. } => Self::Unavailable(error.to_string()),
            store::Error::Corrupt { .. } => Self::Broken(error.to_string()),
        }
    }
}

impl Failure {
    /// Somebody else kept changing the same thing while we tried.
    pub fn contended() -> Self {
        Self::Unavailable("the same thing was changed by others at the same time".to_owned())
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
            Self::Unavailable(why) => {
                tracing::error!(why, "unavailable");
                Problem::new(
                    Code::Unavailable,
                    "Something that we need does not answer. Send the same request again in a moment: what it changes is changed \
                     once, and a quote is created once if the request has an `Idempotency-Key`.",
                )
            }
            Self::Broken(why) => {
                tracing::error!(why, "broken");
                Problem::new(Code::Internal, "This is our fault. Tell us the request's id.")
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

/// The largest body that a route reads.
#[derive(Clone, Copy)]
struct BodyLimit(usize);

/// A route that reads bodies of up to so many bytes, unlike all others, and says so when it refuses one.
pub fn reads_up_to<S: Clone + Send + Sync + 'static>(bytes: usize, route: MethodRouter<S>) -> MethodRouter<S> {
    let noted = move |mut response: Response| async move {
        response.extensions_mut().insert(BodyLimit(bytes));
        response
    };
    route.layer(DefaultBodyLimit::max(bytes)).layer(middleware::map_response(noted))
}

/// The shell around all routes: body limit, request id, problems, headers. Applied once, outermost.
pub fn shell(routes: Router) -> Router {
    routes
        .fallback(async || Failure::from(Refusal::not_found()))
        .layer(DefaultBodyLimit::max(MAX_BODY_BYTES))
        .layer(middleware::from_fn(finish))
}

async fn finish(request: Request, next: Next) -> Response {
    let id = request_id(&request);
    let (method, path) = (request.method().clone(), matched_path(&request));
    // In a task of its own, a handler is carried through when its caller has gone, and a panic of its is an answer too.
    let answered = tokio::spawn(next.run(request)).await;
    let mut response = answered.unwrap_or_else(|_| Failure::Broken("a handler panicked".to_owned()).into_response());
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
    tracing::info!(request_id = id, %method, path, status = response.status().as_u16(), "answered");
    response
}

/// The route, never the path itself: that may carry a number, and its query a secret.
fn matched_path(request: &Request) -> String {
    request.extensions().get::<axum::extract::MatchedPath>().map_or("-".to_owned(), |path| path.as_str().to_owned())
}

/// What the framework refused before a handler saw it.
fn bare_refusal(response: &Response) -> Option<Problem> {
    let status = response.status();
    let said = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if !(said.is_empty() || said.starts_with("text/plain")) {
        return None;
    }
    let problem = match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            Problem::new(Code::MethodNotAllowed, "This path does not know that method: see the `Allow` header.")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            let BodyLimit(most) = response.extensions().get().copied().unwrap_or(BodyLimit(MAX_BODY_BYTES));
            Problem::new(Code::BodyTooLarge, format!("The body is larger than the {} KiB that are read here.", most / 1024))
        }
        StatusCode::BAD_REQUEST => {
            let detail = "The address of this request cannot be read: something is twice in its query, or is not UTF-8.";
            Problem::new(Code::UrlMalformed, detail)
        }
        _ => return None,
    };
    Some(problem)
}

/// The gateway's id for the request, or one of ours.
fn request_id(request: &Request) -> String {
    let gateway = match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone(),
        _ => None,
    };
    gateway.unwrap_or_else(random::token)
}
