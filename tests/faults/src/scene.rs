//! One deployment and one engine with microburst between them, and a caller who follows the rules for callers: after 429 or 503
//! the caller sends the same request again.

use std::{
    collections::BTreeMap,
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use jiff::Timestamp;
use local::{Deployment, Settings, engine::Engine};
use reqwest::{Method, RequestBuilder};
use runtime::Configuration;
use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Answer, NOW, Quote, stripe};
use tokio::time::{sleep, timeout};

use crate::{
    injection::{Injection, Lasting},
    microburst::Microburst,
};

/// How long a request, or the consumers' work, may take with all that the SDK and the pump try again.
const PATIENCE: Duration = Duration::from_secs(300);

/// How often a caller sends a request again. The worst here refuses six of ten.
const REPEATS: usize = 60;

/// What `Retry-After` is shortened to: in earnest it is seconds.
const PAUSE: Duration = Duration::from_millis(20);

/// How long faults that meet every request stay while consumers have work: some attempts of theirs.
const OUTAGE: Duration = Duration::from_secs(4);

/// What every deployment here must have in common for their tables to be comparable, as it is in a data directory: keys that
/// numbers, links and signatures are made with.
const KEYS: [&str; 5] =
    ["secrets/link-keys", "secrets/number-key", "secrets/stripe-webhook-secret", "license-key.pem", "issuer-key.der"];

/// What all journeys have in common.
#[derive(Clone)]
pub(crate) struct Setting {
    /// The Python of an environment with microburst.
    pub(crate) python: PathBuf,
    /// What microburst throws its dice from.
    pub(crate) seed: u64,
    /// The vendor's folder.
    pub(crate) vendor: PathBuf,
}

/// An engine with microburst before it: what a deployment is started on.
pub(crate) struct Ground {
    pub(crate) engine: Engine,
    pub(crate) microburst: Microburst,
    vendor: PathBuf,
    /// The region of its clients: clients in one region of one process share one limit of retries.
    region: String,
    data: TempDir,
    _engine_data: TempDir,
}

impl Ground {
    /// A new one without any faults, for a deployment with the keys of the one that has lived on `like`.
    pub(crate) async fn new(name: &str, setting: &Setting, like: Option<&Self>) -> Self {
        let (data, engine_data) = (directory(), directory());
        if let Some(like) = like {
            copy_keys(like.data(), data.path()).expect("a deployment's keys can be copied");
        }
        let engine = Engine::start(engine_data.path()).await.expect("the engine starts");
        let Setting { python, seed, vendor } = setting;
        let microburst = Microburst::start(python, *seed, engine.endpoint()).await;
        Self { engine, microburst, vendor: vendor.clone(), region: name.to_owned(), data, _engine_data: engine_data }
    }

    /// Where the deployment keeps everything but the table.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Starts a deployment on it.
    pub(crate) async fn start(&self) -> Result<Deployment, String> {
        let environment =
            Configuration::from_pairs([("AWS_ENDPOINT_URL_DYNAMODB", &*self.microburst.url), ("AWS_REGION", &*self.region)]);
        let settings = Settings {
            listen: "127.0.0.1:0".parse().expect("an address"),
            data: self.data.path().to_owned(),
            vendor: self.vendor.clone(),
            now: Some(now()),
            environment,
        };
        Deployment::start(settings).await.map_err(|error| error.to_string())
    }
}

/// The instant at which every clock here stands still.
pub(crate) fn now() -> Timestamp {
    NOW.parse().expect("an instant")
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

fn copy_keys(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to.join("secrets"))?;
    KEYS.iter().try_for_each(|key| fs::copy(from.join(key), to.join(key)).map(drop))
}

/// A deployment and its callers.
pub(crate) struct Scene {
    pub(crate) ground: Ground,
    pub(crate) deployment: Deployment,
    fault: Option<Injection>,
    http: reqwest::Client,
    refusals: Mutex<BTreeMap<String, usize>>,
}

impl Scene {
    /// A deployment that has started without faults, with `fault` from now on.
    pub(crate) async fn open(ground: Ground, fault: Option<Injection>) -> Self {
        let deployment = ground.start().await.expect("the deployment starts");
        let scene = Self::of(ground, deployment, fault);
        if scene.lasting() == Some(Lasting::Always) {
            scene.begin().await;
        }
        scene
    }

    /// A deployment that has started on `ground`.
    pub(crate) fn of(ground: Ground, deployment: Deployment, fault: Option<Injection>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().expect("an HTTP client");
        Self { ground, deployment, fault, http, refusals: Mutex::default() }
    }

    fn lasting(&self) -> Option<Lasting> {
        self.fault.map(Injection::lasting)
    }

    async fn begin(&self) {
        let rules = self.fault.map(Injection::rules).unwrap_or_default();
        self.ground.microburst.play(&rules).await;
    }

    /// No more faults.
    pub(crate) async fn end(&self) {
        self.ground.microburst.play(&[]).await;
    }

    /// A request to a path, or to a link as it was given.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = if path.starts_with('/') { format!("{}{path}", self.deployment.url()) } else { path.to_owned() };
        self.http.request(method, url)
    }

    /// The answer to a request that is sent until it is answered other than "not now": 429 or 503, with the seconds to wait
    /// in `Retry-After`.
    async fn answer(&self, request: RequestBuilder) -> (String, Answer) {
        if self.lasting() == Some(Lasting::UntilRefused) {
            self.begin().await;
        }
        for _ in 0..=REPEATS {
            let sent =
                request.try_clone().expect("a request that can be sent again").send().await.expect("the deployment answers");
            let (asked, status, headers) = (sent.url().path().to_owned(), sent.status(), sent.headers().clone());
            let answer = Answer { status, headers, body: sent.bytes().await.expect("the whole answer").to_vec() };
            if self.lasting() == Some(Lasting::UntilRefused) {
                self.end().await;
            }
            match status.as_u16() {
                429 => drop(answer.problem(429, "too_many_requests")),
                503 => drop(answer.problem(503, "unavailable")),
                _ => return (asked, answer),
            }
            let wait: u64 = answer.header("retry-after").parse().expect("`Retry-After` is in seconds");
            assert!((1..=60).contains(&wait), "{asked}: Retry-After: {wait}");
            *self.refusals.lock().expect("no thread panics here").entry(asked).or_default() += 1;
            sleep(PAUSE).await;
        }
        panic!("still refused after {REPEATS} repeats");
    }

    /// The answer to a request that must succeed in the end.
    pub(crate) async fn ask(&self, request: RequestBuilder) -> Answer {
        let (asked, answer) = self.answer(request).await;
        assert!(answer.status.is_success(), "{asked}: {} {}", answer.status, answer.text());
        answer
    }

    /// How often a path was answered "not now".
    pub(crate) fn refused(&self, path: &str) -> usize {
        self.refusals.lock().expect("no thread panics here").get(path).copied().unwrap_or_default()
    }

    /// How often anything was.
    pub(crate) fn refusals(&self) -> usize {
        self.refusals.lock().expect("no thread panics here").values().sum()
    }

    /// `GET` of a path or link, as JSON.
    pub(crate) async fn get(&self, path: &str) -> Value {
        self.ask(self.request(Method::GET, path)).await.json()
    }

    /// `POST` of JSON to a path or link.
    pub(crate) async fn post(&self, path: &str, body: &Value) -> Value {
        self.ask(self.request(Method::POST, path).json(body)).await.json()
    }

    /// Asks for a quote under a key.
    pub(crate) async fn quote(&self, key: &str, body: &Value) -> Quote {
        Quote(self.ask(self.request(Method::POST, "/v1/quotes").header("idempotency-key", key).json(body)).await.json())
    }

    /// The quote as its link shows it now.
    pub(crate) async fn see(&self, quote: &Quote) -> Quote {
        Quote(self.get(quote.link()).await)
    }

    /// Stripe delivers an event, and repeats the delivery until it is acknowledged.
    pub(crate) async fn stripe(&self, event: &Value) -> Value {
        let body = event.to_string();
        let signature = stripe::signature(self.deployment.webhook_secret(), now(), &body);
        self.ask(
            self.request(Method::POST, "/webhooks/stripe")
                .header("stripe-signature", signature)
                .header("content-type", "application/json")
                .body(body),
        )
        .await
        .json()
    }

    /// A token of the practice issuer, which asks no table.
    pub(crate) async fn token(&self, email: &str, groups: &[&str]) -> String {
        let identity = json!({"email": email, "groups": groups});
        let answer = self.request(Method::POST, "/local/tokens").json(&identity).send().await.expect("the deployment answers");
        let token: Value = answer.json().await.expect("a token");
        token["access_token"].as_str().expect("a token").to_owned()
    }

    /// A request to the desk, by staff.
    pub(crate) async fn desk(&self, method: Method, path: &str, body: Option<&Value>) -> Value {
        let token = self.token("dana@vendor.example", &["vendor-staff"]).await;
        let request = self.request(method, &format!("/v1/desk/{path}")).bearer_auth(token);
        self.ask(match body {
            Some(body) => request.json(body),
            None => request,
        })
        .await
        .json()
    }

    /// Returns when nothing is left to do.
    pub(crate) async fn rest(&self) {
        if self.lasting() == Some(Lasting::UntilRefused) {
            self.begin().await;
            sleep(OUTAGE).await;
            self.end().await;
        }
        timeout(PATIENCE, self.deployment.idle()).await.unwrap_or_else(|_| panic!("there was still work after {PATIENCE:?}"));
    }

    /// Ends the deployment in good order, and leaves what it stood on.
    pub(crate) async fn close(self) -> Ground {
        self.deployment.shutdown().await.expect("the deployment ends in good order");
        self.ground
    }
}
