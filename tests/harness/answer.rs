use reqwest::{
    StatusCode,
    header::{HeaderMap, HeaderName},
};
use serde_json::Value;

/// An answer over HTTP, read to its end.
#[derive(Debug, Clone)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
}

impl Answer {
    pub(crate) async fn of(answer: impl Future<Output = reqwest::Result<reqwest::Response>>) -> Self {
        let answer = answer.await.expect("the deployment answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        Self { status, headers, body: answer.bytes().await.expect("the whole answer").to_vec() }
    }

    /// A header's value; empty when it is not there.
    pub fn header(&self, name: &'static str) -> &str {
        self.headers.get(HeaderName::from_static(name)).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {} {}", self.status, self.text()))
    }

    /// The JSON of an answer that must have this status.
    #[track_caller]
    pub fn expect(&self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        self.json()
    }

    /// The problem (RFC 9457) of an answer that must be one, with everything that all problems have in common.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!(self.status, status, "{}", self.text());
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(problem["code"], code, "{problem}");
        assert_eq!(problem["status"], status, "the body repeats the status");
        assert_eq!(problem["type"], format!("urn:sellthrough:problem:{code}"));
        assert!(["title", "detail"].iter().all(|member| problem[*member].as_str().is_some_and(|text| !text.is_empty())));
        assert!(!self.header("x-request-id").is_empty());
        assert_eq!(problem["request_id"], self.header("x-request-id"), "the id that support asks for is in both places");
        problem
    }
}

/// A problem's faults, as (code, pointer).
pub fn errors(problem: &Value) -> Vec<(&str, &str)> {
    fn one(error: &Value) -> (&str, &str) {
        (error["code"].as_str().expect("a code"), error["pointer"].as_str().expect("a pointer"))
    }
    problem["errors"].as_array().map(|errors| errors.iter().map(one).collect()).unwrap_or_default()
}
