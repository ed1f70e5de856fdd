//! As much of the Lambda Runtime API (AWS Lambda Developer Guide, "Using the Lambda runtime API") as one process needs
//! that answers some requests and is then ended.

use std::{
    error::Error,
    future,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    response::IntoResponse,
    routing::{get, post},
};
use serde_json::{Value, json};
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
};

/// An answered request.
pub(crate) struct Told {
    /// When the process asked for it, and was handed it.
    pub(crate) asked: Instant,
    /// When the whole answer was there.
    pub(crate) answered: Instant,
}

/// The Runtime API of one process. It is served while this value lives.
pub(crate) struct RuntimeApi {
    address: String,
    told: UnboundedReceiver<Result<Told, String>>,
    _serving: JoinSet<()>,
}

struct Desk {
    event: String,
    invocations: Mutex<Invocations>,
    tell: UnboundedSender<Result<Told, String>>,
}

/// Lambda hands a process one request at a time.
struct Invocations {
    left: u32,
    count: u32,
    asked: Option<Instant>,
}

impl RuntimeApi {
    /// Serves `requests` times a `POST /v1/quotes` with this body, on a free loopback port.
    pub(crate) async fn serve(body: &str, requests: u32) -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (tell, told) = mpsc::unbounded_channel();
        let invocations = Mutex::new(Invocations { left: requests, count: 0, asked: None });
        let desk = Arc::new(Desk { event: event(body).to_string(), invocations, tell });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(async |desk, _: Path<String>, body| error(desk, body)))
            .route("/2018-06-01/runtime/init/error", post(async |desk, body| error(desk, body)))
            .with_state(desk);
        let mut serving = JoinSet::new();
        serving.spawn(async { axum::serve(listener, routes).await.unwrap_or_default() });
        Ok(Self { address, told, _serving: serving })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is set to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for the next answer. `Err`: it was not a 201, or the process reported an error instead.
    pub(crate) async fn told(&mut self) -> Result<Told, Box<dyn Error>> {
        Ok(self.told.recv().await.ok_or("the stub has stopped")??)
    }
}

/// Hands out the next request. After the last one it waits, as Lambda does, until the process is ended.
async fn next(State(desk): State<Arc<Desk>>) -> impl IntoResponse {
    let Some(id) = desk.hand_out() else { return future::pending().await };
    let headers = [
        ("lambda-runtime-aws-request-id", id.to_string()),
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()), // the year 2100
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, desk.event.clone())
}

async fn response(State(desk): State<Arc<Desk>>, answer: Bytes) -> StatusCode {
    let answered = Instant::now();
    let status = serde_json::from_slice::<Value>(&answer).ok().and_then(|answer| answer["statusCode"].as_u64());
    let told = match (status, desk.asked()) {
        (Some(201), Some(asked)) => Ok(Told { asked, answered }),
        _ => Err(format!("instead of a 201 it answered {}", String::from_utf8_lossy(&answer))),
    };
    desk.tell(told)
}

fn error(State(desk): State<Arc<Desk>>, report: Bytes) -> StatusCode {
    desk.tell(Err(format!("it reported {}", String::from_utf8_lossy(&report))))
}

impl Desk {
    fn hand_out(&self) -> Option<u32> {
        let mut invocations = self.invocations.lock().unwrap_or_else(PoisonError::into_inner);
        invocations.left = invocations.left.checked_sub(1)?;
        invocations.count += 1;
        invocations.asked = Some(Instant::now());
        Some(invocations.count)
    }

    fn asked(&self) -> Option<Instant> {
        self.invocations.lock().unwrap_or_else(PoisonError::into_inner).asked.take()
    }

    fn tell(&self, told: Result<Told, String>) -> StatusCode {
        // Nobody listens any more once the process is being ended.
        let _ = self.tell.send(told);
        StatusCode::ACCEPTED
    }
}

/// The event of an API Gateway HTTP API, payload format 2.0.
fn event(body: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": "POST /v1/quotes",
        "rawPath": "/v1/quotes",
        "rawQueryString": "",
        "headers": {
            "accept": "*/*",
            "content-length": body.len().to_string(),
            "content-type": "application/json",
            "host": "api.example.com",
            "user-agent": "bench",
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "example",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": "POST",
                "path": "/v1/quotes",
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "bench",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": "POST /v1/quotes",
            "stage": "$default",
            "time": "22/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1795341600000_u64,
        },
        "body": body,
        "isBase64Encoded": false,
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use super::*;

    /// What a process would send, and the status that it gets.
    fn send(address: &str, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(stream, "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n").unwrap();
        write!(stream, "Content-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    async fn told(path: &'static str, body: &'static str) -> Result<Told, Box<dyn Error>> {
        let mut api = RuntimeApi::serve("{}", 1).await.unwrap();
        let address = api.address().to_owned();
        let sent = tokio::task::spawn_blocking(move || {
            assert!(send(&address, "GET", "invocation/next", "").contains("POST /v1/quotes"));
            assert!(send(&address, "POST", path, body).starts_with("HTTP/1.1 202"));
        });
        sent.await.unwrap();
        api.told().await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_201_is_a_time() {
        let told = told("invocation/1/response", r#"{"statusCode": 201}"#).await.unwrap();
        assert!(told.answered > told.asked);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn anything_else_is_an_error_that_says_what_came() {
        for (path, body) in [
            ("invocation/1/response", r#"{"statusCode": 503, "body": "unavailable"}"#),
            ("invocation/1/error", "unavailable"),
            ("init/error", "unavailable"),
        ] {
            let error = told(path, body).await.err().expect("no time").to_string();
            assert!(error.contains("unavailable"), "{path}: {error}");
        }
    }
}
