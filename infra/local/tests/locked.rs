//! Another program locks the database file, for example a database browser with an open transaction.

use std::time::{Duration, Instant};

use local::{Deployment, Settings};
use runtime::Configuration;
use rusqlite::Connection;

use crate::kill::{ask, plain_vendor};

/// A view took ten seconds, and a creation 35. A busy machine gets some more than a request needs.
const AT_ONCE: Duration = Duration::from_secs(2);
const SOON: Duration = Duration::from_secs(8);

/// Finding A13.
#[tokio::test]
async fn a13_while_another_program_writes_reads_are_answered_at_once_and_writes_are_refused_within_seconds() {
    let (vendor, data) = (plain_vendor(), tempfile::tempdir().unwrap());
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: data.path().to_owned(),
        vendor: vendor.path().to_owned(),
        now: Some("2026-11-22T10:00:00Z".parse().unwrap()),
        environment: Configuration::default(),
    };
    let deployment = Deployment::start(settings).await.unwrap();
    let listen = deployment.url().strip_prefix("http://").unwrap().parse().unwrap();
    let example = std::fs::read_to_string(vendor.path().join("examples/quote.json")).unwrap();
    let created = ask(listen, 0, &example).await.unwrap().quote();
    deployment.idle().await;

    let other = Connection::open(data.path().join("sellthrough.db")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let look = async || {
        let start = Instant::now();
        let seen = http.get(created["links"]["self"].as_str().unwrap()).send().await.unwrap();
        assert_eq!(seen.status(), 200);
        assert_eq!(seen.json::<serde_json::Value>().await.unwrap()["number"], created["number"]);
        assert!(start.elapsed() < AT_ONCE, "a view took {:?}", start.elapsed());
    };
    look().await;
    let start = Instant::now();
    let (refused, again, ()) = tokio::join!(ask(listen, 1, &example), ask(listen, 2, &example), async {
        // While writes wait for the lock.
        for _ in 0..10 {
            tokio::time::sleep(Duration::from_millis(200)).await;
            look().await;
        }
    });
    assert_eq!((refused.unwrap().status, again.unwrap().status), (503, 503));
    assert!(start.elapsed() < SOON, "two refusals took {:?}", start.elapsed());
    look().await;

    other.execute_batch("ROLLBACK").unwrap();
    for key in 1..3 {
        assert_eq!(ask(listen, key, &example).await.unwrap().status, 201);
    }
    deployment.idle().await;
    deployment.shutdown().await.unwrap();
}
