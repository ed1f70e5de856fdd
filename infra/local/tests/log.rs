//! Secrets and personal data never reach the log.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

#[tokio::test]
async fn the_log_of_a_whole_story_has_no_personal_data_and_no_secrets() {
    let data = tempfile::tempdir().unwrap();
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vendor");
    let example = std::fs::read_to_string(vendor.join("examples/quote.json")).unwrap();
    let mut deployment = Command::new(env!("CARGO_BIN_EXE_local"))
        .args(["--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .arg("--vendor")
        .arg(&vendor)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut output = BufReader::new(deployment.stdout.take().unwrap()).lines();
    let first = output.next().unwrap().unwrap();
    let url = first.split_whitespace().find(|word| word.starts_with("http")).unwrap().trim_end_matches(',').to_owned();

    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let quote: Value = http
        .post(format!("{url}/v1/quotes"))
        .header("content-type", "application/json")
        .body(example)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let refused = http
        .post(format!("{url}/v1/quotes"))
        .header("content-type", "application/json")
        .body(r#"{"customer": {"contact": {"email": "eve@victim.example"}}}"#)
        .send()
        .await;
    assert_eq!(refused.unwrap().status(), 422);
    let pay = quote["links"]["pay"].as_str().unwrap();
    assert_eq!(http.post(pay).body("outcome=paid").send().await.unwrap().status(), 303);
    let itself = quote["links"]["self"].as_str().unwrap();
    let sen = loop {
        let paid: Value = http.get(itself).send().await.unwrap().json().await.unwrap();
        match paid["licenses"][0]["sen"].as_str() {
            Some(sen) => break sen.to_owned(),
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    };
    let token = http.post(format!("{url}/local/tokens")).json(&json!({"email": "tina@customer.example"})).send().await.unwrap();
    let token = token.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let revealed = http.post(format!("{url}/v1/licenses/{sen}/reveal")).bearer_auth(&token).send().await.unwrap();
    assert_eq!(revealed.status(), 200);
    assert_eq!(http.post(format!("{url}/v1/licenses/{sen}/reveal")).bearer_auth("forged").send().await.unwrap().status(), 401);
    // Both letters about the delivery are sent before the log is read.
    while !inbox(&http, &url).await.contains("IN-000001") {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    // SIGTERM requests a clean shutdown, as a service manager does.
    assert!(Command::new("kill").args(["-TERM", &deployment.id().to_string()]).status().unwrap().success());
    let mut log = String::new();
    deployment.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    assert!(deployment.wait().unwrap().success(), "SIGTERM shuts the process down cleanly");

    assert!(log.contains("/v1/licenses/{sen}/reveal"), "the requested route is in the log: {log}");
    let secret = itself.split_once("secret=").unwrap().1;
    let webhook = std::fs::read_to_string(data.path().join("secrets/stripe-webhook-secret")).unwrap();
    for kept in ["@", "Rita", "Tina", "victim", "Example Customer", secret, &webhook, &token, "BEGIN LICENSE", &sen] {
        assert!(!log.contains(kept), "`{kept}` is in the log: {log}");
    }
}

async fn inbox(http: &reqwest::Client, url: &str) -> String {
    let inbox = http.get(format!("{url}/local/inbox")).header("accept", "application/json").send().await.unwrap();
    inbox.text().await.unwrap()
}
