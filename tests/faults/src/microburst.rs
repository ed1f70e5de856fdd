//! microburst: the proxy that plays the unreliable world between the deployment and its engine.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    path::Path,
    process::Stdio,
    time::{Duration, Instant},
};

use serde_json::Value;
use tokio::{
    net::TcpListener,
    process::{Child, Command},
    time::sleep,
};

/// It throws its dice from a seed: by itself it takes any.
const SEEDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/seeded.py");

/// A Python with all of botocore starts in a second or two, and in more when many do.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often each fault was played, by service and operation.
pub(crate) type Fired = BTreeMap<(String, String), u64>;

/// A microburst of one's own, which ends with this value.
pub(crate) struct Microburst {
    /// Where it listens.
    pub(crate) url: String,
    http: reqwest::Client,
    process: Child,
}

impl Microburst {
    /// Starts it before `engine`, without any faults. `python` is the interpreter of the environment that it is in.
    pub(crate) async fn start(python: &Path, seed: u64, engine: &str) -> Self {
        let http = reqwest::Client::builder().no_proxy().build().expect("an HTTP client");
        for _ in 0..5 {
            let port = free_port().await;
            let process = Command::new(python)
                .arg(SEEDED)
                .arg(seed.to_string())
                .args(["--host", "127.0.0.1", "--port", &port.to_string(), "--upstream", engine])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn();
            let process = process.unwrap_or_else(|error| panic!("{} does not start: {error}", python.display()));
            let mut started = Self { url: format!("http://127.0.0.1:{port}"), http: http.clone(), process };
            if started.is_before(engine).await {
                return started;
            }
        }
        panic!("microburst does not start: does `{} {SEEDED} 1 --help` work?", python.display())
    }

    /// Whether it answers, and is the one before `engine`: another process may have taken the port.
    async fn is_before(&mut self, engine: &str) -> bool {
        let asked = Instant::now();
        while asked.elapsed() < PATIENCE && self.process.try_wait().is_ok_and(|ended| ended.is_none()) {
            if let Ok(answer) = self.http.get(format!("{}/_microburst/health", self.url)).send().await {
                return answer.json::<Value>().await.is_ok_and(|health| health["upstream"] == engine);
            }
            sleep(Duration::from_millis(50)).await;
        }
        false
    }

    /// From now on it plays these faults, and no others.
    pub(crate) async fn play(&self, rules: &[Value]) {
        let answer = self.http.post(format!("{}/_microburst/rules", self.url)).json(rules).send().await;
        let answer = answer.expect("microburst answers");
        assert!(answer.status().is_success(), "microburst refuses its rules: {:?}", answer.text().await);
    }

    /// What it has played so far. Its list of events, `/_microburst/fired`, forgets all but the last 2,000; its counters,
    /// which each event moves, forget none.
    pub(crate) async fn fired(&self) -> Fired {
        let metrics = self.http.get(format!("{}/_microburst/metrics", self.url)).send().await.expect("microburst answers");
        let metrics = metrics.text().await.expect("its counters");
        let mut fired = Fired::new();
        for line in metrics.lines().filter(|line| line.starts_with("microburst_faults_total{")) {
            // microburst_faults_total{service="dynamodb",operation="PutItem",action="reset"} 7
            let parts: Vec<_> = line.split('"').collect();
            let &[_, service, _, operation, _, _, count] = &parts[..] else { panic!("no counter of faults: {line}") };
            let count: u64 = count.trim_start_matches('}').trim().parse().unwrap_or_else(|_| panic!("no number: {line}"));
            *fired.entry((service.to_owned(), operation.to_owned())).or_default() += count;
        }
        fired
    }
}

/// A port that is free now.
async fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    listener.local_addr().expect("its address").port()
}
