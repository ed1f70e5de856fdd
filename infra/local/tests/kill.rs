//! `kill -9` at any moment loses no acknowledged data and repeats no effect.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::{BufRead, BufReader},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    os::unix::fs::symlink,
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU16, AtomicU32, Ordering},
    },
    time::Duration,
};

use domain::QuoteNumber;
use mail_parser::MessageParser;
use serde_json::Value;
use tempfile::TempDir;
use tokio::{task::JoinSet, time::timeout};

/// The number of acknowledged quotes before each kill.
const KILLS: [usize; 6] = [1, 5, 12, 25, 3, 40];
const CLIENTS: u32 = 4;
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn kill_9_under_load_loses_no_acknowledged_quote_and_no_letter() {
    let data = tempfile::tempdir().unwrap();
    let vendor = plain_vendor();
    let listen = free_address();
    let example: Arc<str> = fs::read_to_string(vendor.path().join("examples/quote.json")).unwrap().into();
    let (asked, answered) = (Arc::new(AtomicU32::new(0)), Arc::new(Mutex::new(BTreeMap::new())));

    for acknowledged in KILLS {
        let mut deployment = start(listen, data.path(), vendor.path());
        let enough = answered.lock().unwrap().len() + acknowledged;
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            let (asked, answered, example) = (asked.clone(), answered.clone(), example.clone());
            clients.spawn(async move {
                loop {
                    let key = asked.fetch_add(1, Ordering::SeqCst);
                    // An error is the kill: the client does not know whether the quote was created.
                    let Some(answer) = ask(listen, key, &example).await else { return };
                    answered.lock().unwrap().insert(key, answer);
                }
            });
        }
        let load = async {
            while answered.lock().unwrap().len() < enough {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        timeout(PATIENCE, load).await.expect("the deployment responds");
        deployment.process.kill().unwrap();
        assert!(!deployment.process.wait().unwrap().success());
        clients.join_all().await;
    }

    let _deployment = start(listen, data.path(), vendor.path());
    let http = client().build().unwrap();
    let (answered, asked) = (answered.lock().unwrap().clone(), asked.load(Ordering::SeqCst));
    assert!(answered.len() < asked as usize, "some requests were under way when it was killed");
    for (key, answer) in &answered {
        assert_eq!(answer.status, 201, "{}", answer.body);
        let seen = http.get(answer.quote()["links"]["self"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(seen.status(), 200, "an acknowledged quote is gone");
        let again = ask(listen, *key, &example).await.unwrap();
        assert_eq!((&again.body, again.replayed), (&answer.body, true), "a repeated request has the same response");
    }
    // Requests without a response are repeated, as a client does. Each quote is created exactly once.
    let mut expected = BTreeSet::new();
    for key in 0..asked {
        let answer = ask(listen, key, &example).await.unwrap();
        assert_eq!(answer.status, 201, "{}", answer.body);
        let number: QuoteNumber = answer.quote()["number"].as_str().unwrap().parse().unwrap();
        expected.insert(format!("{}.1.quote@vendor.example", number.compact()));
    }

    // One letter for each quote. A process that was killed between the mail service's response and its record sends the letter
    // again, with the same Message-ID: at most one letter per kill, possibly the same letter twice.
    let all_sent = async {
        while sent(data.path()).len() < expected.len() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(PATIENCE, all_sent).await.expect("every quote has its letter");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let sent = sent(data.path());
    assert_eq!(sent.keys().cloned().collect::<BTreeSet<_>>(), expected, "one letter for each quote, and no other");
    let repeated = sent.values().sum::<usize>() - sent.len();
    assert!(repeated <= KILLS.len(), "{repeated} letters were repeated by {} kills", KILLS.len());
}

/// A process that ends with the test.
pub(crate) struct Running {
    pub(crate) process: Child,
    /// Never read. The process can print only while its pipe is open.
    _says: BufReader<ChildStdout>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Errors are ignored: the process may have ended already.
        let _ = self.process.kill().and_then(|()| self.process.wait());
    }
}

/// The process, without the output that no test reads.
pub(crate) fn command(listen: SocketAddr, data: &Path, vendor: &Path) -> Command {
    let mut deployment = Command::new(env!("CARGO_BIN_EXE_local"));
    deployment.args(["--now", "2026-11-22T10:00:00Z", "--listen", &listen.to_string(), "--data"]);
    deployment.arg(data).arg("--vendor").arg(vendor).stdout(Stdio::null()).stderr(Stdio::null());
    deployment
}

pub(crate) fn start(listen: SocketAddr, data: &Path, vendor: &Path) -> Running {
    wait_for_start(command(listen, data, vendor))
}

/// Starts the process, and returns when it accepts requests.
pub(crate) fn wait_for_start(mut deployment: Command) -> Running {
    let mut deployment = deployment.stdout(Stdio::piped()).spawn().unwrap();
    let mut says = BufReader::new(deployment.stdout.take().unwrap());
    let mut first = String::new();
    says.read_line(&mut first).unwrap();
    let deployment = Running { process: deployment, _says: says };
    assert!(first.contains("http://127.0.0.1:"), "the first line names the address: {first:?}");
    deployment
}

#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    replayed: bool,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn quote(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// `None` if the response is missing or incomplete.
pub(crate) async fn ask(at: SocketAddr, key: u32, body: &str) -> Option<Answer> {
    // Each request has its own mailbox and source address, because both are limited to a number of letters per hour.
    let [.., high, low] = key.to_be_bytes();
    let http = client().local_address(IpAddr::from([127, 1, high, low])).build().unwrap();
    let request = http.post(format!("http://{at}/v1/quotes")).header("idempotency-key", format!("key-{key}"));
    let body = body.replacen("rita@reseller.example", &format!("rita@reseller{key}.example"), 1);
    let answer = request.header("content-type", "application/json").body(body).send().await.ok()?;
    let (status, replayed) = (answer.status().as_u16(), answer.headers().contains_key("idempotency-replayed"));
    Some(Answer { status, replayed, body: answer.text().await.ok()? })
}

fn client() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

/// Message-IDs of the stored letters, with the number of copies.
pub(crate) fn sent(data: &Path) -> BTreeMap<String, usize> {
    let mut sent = BTreeMap::new();
    for file in fs::read_dir(data.join("mail")).unwrap().map(|file| file.unwrap().path()).filter(|file| is_letter(file)) {
        let message = fs::read(file).unwrap();
        let id = MessageParser::default().parse(&message).unwrap().message_id().unwrap().to_owned();
        *sent.entry(id).or_default() += 1;
    }
    sent
}

fn is_letter(file: &Path) -> bool {
    file.extension().is_some_and(|extension| extension == "eml")
}

/// The example vendor with a document that is quick to lay out, because the test creates many documents.
pub(crate) fn plain_vendor() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../vendor")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "documents" {
            symlink(fs::canonicalize(entry.path()).unwrap(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    fs::create_dir(folder.path().join("documents")).unwrap();
    let template = "#let data = json(\"document.json\")\n#set document(title: data.title)\n= #data.title\n";
    fs::write(folder.path().join("documents/document.typ"), template).unwrap();
    folder
}

/// An address that stays free until the next process starts: its port is below the ports of outgoing connections, and no other
/// test has it.
pub(crate) fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(18_000);
    loop {
        let port = NEXT.fetch_add(1, Ordering::SeqCst);
        assert!(port < 20_000, "no port is free");
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return (Ipv4Addr::LOCALHOST, port).into();
        }
    }
}
