//! As much of the Lambda Runtime API (AWS Lambda Developer Guide, "Using the Lambda runtime API") as is needed by
//! processes that are started one after the other, answer some requests, and are then ended.

use std::{
    collections::VecDeque,
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
use serde_json::Value;
use tokio::{
    net::TcpListener,
    sync::mpsc::{self, UnboundedReceiver, UnboundedSender},
    task::JoinSet,
};

use crate::events;

/// What a process is asked, and what it must answer. A clone shares the event.
#[derive(Clone)]
pub(crate) struct Invocation {
    event: Arc<str>,
    wanted: Wanted,
}

#[derive(Clone, Copy)]
enum Wanted {
    /// A response with this status.
    Status(u64),
    /// That no record of a batch failed.
    NoFailures,
    /// Nothing.
    Nothing,
    /// An object with this member.
    Member(&'static str),
}

impl Invocation {
    /// A request of an HTTP API, which must be answered with this status.
    pub(crate) fn http(event: &Value, status: u64) -> Self {
        Self { event: event.to_string().into(), wanted: Wanted::Status(status) }
    }

    /// A batch of a stream, of which nothing may fail.
    pub(crate) fn batch(event: &Value) -> Self {
        Self { event: event.to_string().into(), wanted: Wanted::NoFailures }
    }

    /// A message of a topic, which must be answered with nothing.
    pub(crate) fn message(event: &Value) -> Self {
        Self { event: event.to_string().into(), wanted: Wanted::Nothing }
    }

    /// A schedule's tick, which must be answered with an object that has this member.
    pub(crate) fn tick(member: &'static str) -> Self {
        Self { event: "{}".into(), wanted: Wanted::Member(member) }
    }
}

impl Wanted {
    fn is(self, answer: &Value) -> bool {
        match self {
            Self::Status(status) => answer["statusCode"].as_u64() == Some(status),
            Self::Nothing => answer.is_null(),
            Self::NoFailures => answer["batchItemFailures"].as_array().is_some_and(Vec::is_empty),
            Self::Member(name) => answer.get(name).is_some(),
        }
    }
}

/// An answered request.
pub(crate) struct Told {
    /// When the process asked for it, and was handed it.
    pub(crate) asked: Instant,
    /// When the whole answer was there.
    pub(crate) answered: Instant,
    /// The answer.
    pub(crate) answer: Value,
}

/// The Runtime API. It is served while this value lives, to one process at a time.
pub(crate) struct RuntimeApi {
    address: String,
    desk: Arc<Desk>,
    told: UnboundedReceiver<Result<Told, String>>,
    _serving: JoinSet<()>,
}

struct Desk {
    invocations: Mutex<Invocations>,
    tell: UnboundedSender<Result<Told, String>>,
}

/// Lambda hands a process one request at a time.
struct Invocations {
    left: VecDeque<Invocation>,
    count: u32,
    /// When the last one was handed out, and what must come back: until its answer is there.
    asked: Option<(Instant, Wanted)>,
}

impl RuntimeApi {
    /// Serves on a free loopback port, and hands out nothing yet.
    pub(crate) async fn serve() -> Result<Self, Box<dyn Error>> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (tell, told) = mpsc::unbounded_channel();
        let none = Invocations { left: VecDeque::new(), count: 0, asked: None };
        let desk = Arc::new(Desk { invocations: Mutex::new(none), tell });
        let routes = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(async |desk, _: Path<String>, body| error(desk, body)))
            .route("/2018-06-01/runtime/init/error", post(async |desk, body| error(desk, body)))
            .with_state(desk.clone());
        let mut serving = JoinSet::new();
        serving.spawn(async { axum::serve(listener, routes).await.unwrap_or_default() });
        Ok(Self { address, desk, told, _serving: serving })
    }

    /// What `AWS_LAMBDA_RUNTIME_API` is set to.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Hands these out, in their order, to the process that is started next, and drops what the process before it reported.
    pub(crate) fn hand_out(&mut self, these: &[Invocation]) {
        while self.told.try_recv().is_ok() {}
        let mut invocations = self.desk.invocations.lock().unwrap_or_else(PoisonError::into_inner);
        // Counting goes on: the ids of requests, and what is stored under them, are never the same.
        invocations.left = these.iter().cloned().collect();
        invocations.asked = None;
    }

    /// Waits for the next answer. `Err`: it was not the wanted one, or the process reported an error instead.
    pub(crate) async fn told(&mut self) -> Result<Told, Box<dyn Error>> {
        Ok(self.told.recv().await.ok_or("the stub has stopped")??)
    }
}

/// Hands out the next request. After the last one it waits, as Lambda does, until the process is ended.
async fn next(State(desk): State<Arc<Desk>>) -> impl IntoResponse {
    let Some((id, event)) = desk.next() else { return future::pending().await };
    let headers = [
        ("lambda-runtime-aws-request-id", id.to_string()),
        ("lambda-runtime-deadline-ms", "4102444800000".to_owned()), // the year 2100
        ("lambda-runtime-invoked-function-arn", "arn:aws:lambda:eu-central-1:123456789012:function:bench".to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    (headers, event)
}

async fn response(State(desk): State<Arc<Desk>>, answer: Bytes) -> StatusCode {
    desk.answered(Instant::now(), &answer)
}

fn error(State(desk): State<Arc<Desk>>, report: Bytes) -> StatusCode {
    desk.tell(Err(format!("it reported {}", String::from_utf8_lossy(&report))))
}

impl Desk {
    fn next(&self) -> Option<(u32, String)> {
        let mut invocations = self.invocations.lock().unwrap_or_else(PoisonError::into_inner);
        let Invocation { event, wanted } = invocations.left.pop_front()?;
        invocations.count += 1;
        let event = event.replace(events::WHO, &format!("{:04x}", invocations.count & 0xffff));
        invocations.asked = Some((Instant::now(), wanted));
        Some((invocations.count, event))
    }

    fn answered(&self, answered: Instant, answer: &[u8]) -> StatusCode {
        let asked = self.invocations.lock().unwrap_or_else(PoisonError::into_inner).asked.take();
        let told = match (serde_json::from_slice::<Value>(answer), asked) {
            (Ok(answer), Some((asked, wanted))) if wanted.is(&answer) => Ok(Told { asked, answered, answer }),
            _ => Err(format!("it answered {}", String::from_utf8_lossy(answer))),
        };
        self.tell(told)
    }

    fn tell(&self, told: Result<Told, String>) -> StatusCode {
        // Nobody listens any more once the process is being ended.
        let _ = self.tell.send(told);
        StatusCode::ACCEPTED
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpStream,
    };

    use serde_json::json;

    use super::*;

    /// What a process would send, and what it gets.
    fn send(address: &str, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(stream, "{method} /2018-06-01/runtime/{path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n").unwrap();
        write!(stream, "Content-Length: {length}\r\n\r\n{body}").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    /// What is told of a process that is handed an invocation and sends `body` to `path`.
    async fn told(invocation: Invocation, path: &'static str, body: &'static str) -> Result<Told, Box<dyn Error>> {
        let mut api = RuntimeApi::serve().await.unwrap();
        api.hand_out(std::slice::from_ref(&invocation));
        let address = api.address().to_owned();
        let sent = tokio::task::spawn_blocking(move || {
            assert!(send(&address, "GET", "invocation/next", "").contains("the event"));
            assert!(send(&address, "POST", path, body).starts_with("HTTP/1.1 202"));
        });
        sent.await.unwrap();
        api.told().await
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_wanted_answer_is_a_time() {
        let event = json!("the event");
        for (wanted, body) in [
            (Invocation::http(&event, 201), r#"{"statusCode": 201}"#),
            (Invocation::batch(&event), r#"{"batchItemFailures": []}"#),
        ] {
            let told = told(wanted, "invocation/1/response", body).await.unwrap();
            assert!(told.answered > told.asked, "{body}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn anything_else_is_an_error_that_says_what_came() {
        let event = json!("the event");
        let wanted = || Invocation::http(&event, 201);
        for (wanted, path, body) in [
            (wanted(), "invocation/1/response", r#"{"statusCode": 503, "body": "unavailable"}"#),
            (wanted(), "invocation/1/error", "unavailable"),
            (wanted(), "init/error", "unavailable"),
            (Invocation::batch(&event), "invocation/1/response", r#"{"batchItemFailures": [{"itemIdentifier": "unavailable"}]}"#),
        ] {
            let error = told(wanted, path, body).await.err().expect("no time").to_string();
            assert!(error.contains("unavailable"), "{path}: {error}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_a_process_told_late_is_not_taken_for_the_next_ones_answer() {
        let mut api = RuntimeApi::serve().await.unwrap();
        let invocation = Invocation::http(&json!("the event"), 201);
        for status in ["late", "in time"] {
            api.hand_out(std::slice::from_ref(&invocation));
            let address = api.address().to_owned();
            let sent = tokio::task::spawn_blocking(move || {
                send(&address, "GET", "invocation/next", "");
                send(&address, "POST", "invocation/1/response", &json!({ "statusCode": 201, "body": status }).to_string());
            });
            sent.await.unwrap();
        }
        assert_eq!(api.told().await.unwrap().answer["body"], "in time");
    }
}
