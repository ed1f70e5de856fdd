use std::{
    collections::{BTreeMap, HashMap, HashSet},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU16, Ordering},
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::pending::Work;
use jiff::Timestamp;
use local::{
    Deployment, Settings, TABLE,
    engine::{self, Engine},
};
use mail_parser::MessageParser;
use reqwest::Method;
use runtime::Configuration;
use serde::Deserialize;
use serde_json::{Value, json};
use store::{
    Store,
    keys::{PARTITION, SORT},
};
use tempfile::TempDir;
use tokio::{runtime::Runtime, task::spawn_blocking, time::timeout};

use crate::{
    Answer, Letter, Letters, NOW, Quote, VENDOR,
    api::{Asked, api},
    stripe,
};

/// A letter with its PDF takes under a second even unoptimised; a machine that is busy with other tests takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Everything in the table, by partition and sort key.
pub type Stored = BTreeMap<String, HashMap<String, AttributeValue>>;

/// One deployment for one test, in a directory of its own, reached over HTTP like any deployment.
///
/// A test ends with [`World::close`], which fails when work was left over or when a letter was sent that the test never
/// looked at. A world that is dropped without it fails the test as well.
pub struct World {
    dir: TempDir,
    vendor: PathBuf,
    listen: SocketAddr,
    now: Timestamp,
    running: Option<Running>,
    http: reqwest::Client,
    seen: HashSet<String>,
}

/// A deployment in a runtime of its own, so that it can be ended like a process.
struct Running {
    deployment: Deployment,
    runtime: Runtime,
}

impl World {
    /// A new world, with its clock standing at [`NOW`].
    pub async fn new() -> Self {
        Self::at(NOW).await
    }

    /// A new world, with its clock standing at `now`.
    pub async fn at(now: &str) -> Self {
        Self::of_vendor(now, VENDOR.into()).await
    }

    /// A new world of the vendor whose folder is `vendor`.
    pub async fn of_vendor(now: &str, vendor: PathBuf) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let now = now.parse().expect("an instant");
        let (listen, running) = loop {
            let listen = SocketAddr::from((Ipv4Addr::LOCALHOST, next_port()));
            // Another process may have the port.
            match start(listen, dir.path(), &vendor, now).await {
                Ok(running) => break (listen, running),
                Err(error) => assert!(error.contains("cannot listen"), "the deployment does not start: {error}"),
            }
        };
        Self { dir, vendor, listen, now, running: Some(running), http: client(), seen: HashSet::new() }
    }

    fn running(&self) -> &Running {
        self.running.as_ref().expect("the deployment runs between start and close")
    }

    /// The deployment.
    pub fn deployment(&self) -> &Deployment {
        &self.running().deployment
    }

    /// Where it keeps everything.
    pub fn data(&self) -> &Path {
        self.dir.path()
    }

    /// A request to a path, or to a link as it was given.
    pub fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        let url = if path.starts_with('/') { format!("{}{path}", self.deployment().url()) } else { path.to_owned() };
        self.http.request(method, url)
    }

    /// The answer to a request, with which the document of the API must agree.
    pub async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let (http, request) = request.build_split();
        let request = request.expect("a request that can be sent");
        let (asked, place) = (Asked::of(&request), format!("{} {}", request.method(), request.url().path()));
        let answer = Answer::of(http.execute(request)).await;
        let undocumented = api().undocumented(&asked, &answer);
        assert!(undocumented.is_empty(), "{place}, {}: openapi.yaml does not say so: {undocumented:#?}", answer.status);
        answer
    }

    /// `GET` of a path or link.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// The same by a caller with a token.
    pub async fn get_as(&self, token: &str, path: &str) -> Answer {
        self.send(self.request(Method::GET, path).bearer_auth(token)).await
    }

    /// `POST` of JSON to a path or link.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `POST /v1/quotes` with an `Idempotency-Key`; the body goes as it is.
    pub async fn post_with_key(&self, key: &str, body: impl Into<String>) -> Answer {
        self.send(
            self.request(Method::POST, "/v1/quotes")
                .header("idempotency-key", key)
                .header("content-type", "application/json")
                .body(body.into()),
        )
        .await
    }

    /// Asks for a quote that must be issued.
    pub async fn quote(&self, request: &Value) -> Quote {
        let answer = self.post("/v1/quotes", request).await;
        let quote = Quote(answer.expect(201));
        assert_eq!(answer.header("location"), quote.link(), "a creation says where to find what it created");
        quote
    }

    /// The quote as it is now, seen by the caller who has seen it so far.
    pub async fn see(&self, quote: &Quote) -> Quote {
        Quote(self.get(&quote.own_link()).await.expect(200))
    }

    /// Pays on the practice form, as a person does.
    pub async fn pay(&self, quote: &Quote) {
        let page = self.get(quote.pay()).await;
        assert!(page.text().contains(r#"<form method="post">"#), "the form has nothing to pay with:\n{}", page.text());
        let paid = self.send(self.request(Method::POST, quote.pay()).body("outcome=paid")).await;
        assert_eq!(paid.status, 200, "{}", paid.text());
        assert!(paid.text().contains("This quote is paid."), "{}", paid.text());
    }

    /// Pays as [`World::pay`] does, and returns the quote once all that follows is done.
    pub async fn paid(&self, quote: &Quote) -> Quote {
        self.pay(quote).await;
        self.settled().await;
        self.see(quote).await
    }

    /// Delivers an event to the webhook, signed now.
    pub async fn stripe(&self, event: &Value) -> Answer {
        let body = event.to_string();
        let signature = stripe::signature(self.deployment().webhook_secret(), self.now, &body);
        self.send(
            self.request(Method::POST, "/webhooks/stripe")
                .header("stripe-signature", signature)
                .header("content-type", "application/json")
                .body(body),
        )
        .await
    }

    /// An access token for a person, from the practice issuer.
    pub async fn token(&self, email: &str, organization: Option<&str>) -> String {
        self.token_in(email, organization, &[]).await
    }

    /// An access token for a person who belongs to groups.
    pub async fn token_in(&self, email: &str, organization: Option<&str>, groups: &[&str]) -> String {
        let identity = json!({"email": email, "organization": organization, "groups": groups});
        let answer = self.post("/local/tokens", &identity).await.expect(200);
        answer["access_token"].as_str().expect("a token").to_owned()
    }

    /// The answer to a signed-in request.
    pub async fn with_token(&self, method: Method, path: &str, token: &str) -> Answer {
        self.send(self.request(method, path).bearer_auth(token)).await
    }

    /// `POST` of JSON by a signed-in person.
    pub async fn post_as(&self, token: &str, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).bearer_auth(token).json(body)).await
    }

    /// Moves the clock, and leaves it there.
    pub async fn set_clock(&mut self, now: &str) {
        self.now = now.parse().expect("an instant");
        self.send(self.request(Method::PUT, "/local/clock").json(&json!({ "now": now }))).await.expect(200);
    }

    /// Waits until nothing is left to do.
    pub async fn settled(&self) {
        let idle = timeout(PATIENCE, self.deployment().idle());
        idle.await.unwrap_or_else(|_| panic!("there was still work to do after {PATIENCE:?}"));
    }

    /// Every letter that was sent since the beginning, oldest first, once nothing is left to do.
    pub async fn inbox(&self) -> Vec<Letter> {
        #[derive(Deserialize)]
        struct Inbox {
            messages: Vec<Letter>,
            previous: Option<String>,
        }
        self.settled().await;
        let (mut messages, mut page) = (Vec::new(), Some("/local/inbox?limit=1000".to_owned()));
        while let Some(path) = page {
            let answer = self.send(self.request(Method::GET, &path).header("accept", "application/json")).await;
            let inbox: Inbox = serde_json::from_slice(&answer.body).expect("an inbox");
            messages.splice(0..0, inbox.messages);
            page = inbox.previous;
        }
        for letter in &mut messages {
            letter.message_id = self.message_id(&letter.id);
        }
        messages
    }

    fn message_id(&self, id: &str) -> String {
        let file = self.data().join("mail").join(format!("{id}.eml"));
        let message = std::fs::read(file).expect("a letter is a file");
        let message = MessageParser::default().parse(&message).expect("a letter is a message");
        message.message_id().expect("a letter has a Message-ID").to_owned()
    }

    /// The letters that the test has not looked at yet.
    pub async fn letters(&mut self) -> Letters {
        let inbox = self.inbox().await;
        Letters(inbox.into_iter().filter(|letter| self.seen.insert(letter.id.clone())).collect())
    }

    /// Says that the letters are not what this test is about.
    pub async fn ignore_letters(&mut self) {
        self.letters().await;
    }

    /// A letter's attachment.
    pub async fn attachment(&self, letter: &Letter) -> Vec<u8> {
        let [file] = &letter.attachments[..] else { panic!("one file in {:?}", letter.attachments) };
        assert_eq!(file.content_type, "application/pdf");
        let pdf = self.get(&file.url).await.body;
        assert_eq!(pdf.len(), file.size);
        pdf
    }

    /// Everything that is stored, once nothing is left to do.
    pub async fn stored(&self) -> Stored {
        self.settled().await;
        let store = self.deployment().store();
        let scan = store.client().scan().table_name(store.table()).consistent_read(true).into_paginator().items().send();
        let items = scan.collect::<Result<Vec<_>, _>>().await.expect("the table can be read");
        let text = |item: &HashMap<String, AttributeValue>, name: &str| item[name].as_s().expect("keys are texts").clone();
        items.into_iter().map(|item| (format!("{} {}", text(&item, PARTITION), text(&item, SORT)), item)).collect()
    }

    /// Everything that is stored but the counters of how often something was asked: asking about an entitlement is
    /// counted, whatever comes of it.
    pub async fn recorded(&self) -> Stored {
        let mut stored = self.stored().await;
        stored.retain(|key, _| !key.starts_with("LIMIT#"));
        stored
    }

    /// Ends the deployment in good order, and starts it again at the same address, with the same clock.
    pub async fn restart(&mut self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Writes while the deployment is down, and trims the stream before the next start: no consumer receives the records, as
    /// when a consumer was down for longer than a day.
    pub async fn unheard(&mut self, write: impl AsyncFnOnce(&Store)) {
        const AFTER_EVERYTHING: &str = "109223372036854775807";
        self.stop().await;
        let engine = Engine::start(self.data()).await.expect("the engine starts where it was");
        let store = Store::new(engine::client(engine.endpoint()).unwrap(), TABLE);
        write(&store).await;
        // The newest record always stays: the record of a counter matters to no consumer.
        assert!(store.allow("unheard", 1, 1, self.now).await.expect("the table answers"));
        let forgotten = engine.trim_consumed(TABLE, AFTER_EVERYTHING, Timestamp::MAX).await.expect("the stream forgets");
        assert!(forgotten > 0, "something was written");
        engine.shutdown().await.expect("the engine ends in good order");
        self.start_again().await;
    }

    /// Ends the deployment like a killed process — every task is dropped at its next await — and starts it again.
    pub async fn crash(&mut self) {
        let Running { deployment, runtime } = self.running.take().expect("the deployment runs");
        // The runtime goes first: what it drops must not be able to finish anything.
        spawn_blocking(move || runtime.shutdown_timeout(PATIENCE)).await.expect("the runtime ends");
        drop(deployment);
        self.start_again().await;
    }

    async fn stop(&mut self) {
        let Running { deployment, runtime } = self.running.take().expect("the deployment runs");
        let ended = spawn_blocking(move || {
            let ended = runtime.block_on(deployment.shutdown());
            runtime.shutdown_timeout(PATIENCE);
            ended
        });
        ended.await.expect("the runtime ends").expect("the deployment ends in good order");
    }

    async fn start_again(&mut self) {
        let running = start(self.listen, self.dir.path(), &self.vendor, self.now).await;
        self.running = Some(running.expect("the deployment starts where it was"));
        // Connections to the deployment before are dead.
        self.http = client();
    }

    /// Ends the test: nothing may be left to do, by the table's own account, and every letter must have been looked at.
    pub async fn close(mut self) {
        self.letters().await.none();
        for work in Work::ALL {
            let waiting = self.deployment().store().waiting(work, Timestamp::MAX, 10).await.expect("the table answers");
            assert!(waiting.is_empty(), "{work:?} still pending: {waiting:?}");
        }
        self.stop().await;
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(Running { runtime, .. }) = self.running.take() {
            runtime.shutdown_background();
            assert!(std::thread::panicking(), "a test ends with `world.close().await`: what this test left was not checked");
        }
    }
}

async fn start(listen: SocketAddr, data: &Path, vendor: &Path, now: Timestamp) -> Result<Running, String> {
    let environment = Configuration::default();
    let settings = Settings { listen, data: data.to_owned(), vendor: vendor.to_owned(), now: Some(now), environment };
    let started = spawn_blocking(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.map_err(|error| error.to_string())?;
        match runtime.block_on(Deployment::start(settings)) {
            Ok(deployment) => Ok(Running { deployment, runtime }),
            Err(error) => Err(error.to_string()),
        }
    });
    started.await.expect("the start does not panic")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("an HTTP client")
}

/// A port that a restart will find free again: below the ports that outgoing connections take (32768 on Linux, 49152
/// elsewhere).
fn next_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = u16::try_from(std::process::id() % 500).unwrap_or_default() * 24;
    20_000 + (process + NEXT.fetch_add(1, Ordering::Relaxed)) % 12_000
}
