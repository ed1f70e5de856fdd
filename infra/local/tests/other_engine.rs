//! `AWS_ENDPOINT_URL_DYNAMODB` names another engine: the deployment stores its quotes there and reads that engine's stream.

use std::path::Path;

use local::{Deployment, Settings, engine::Engine};
use runtime::Configuration;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_engine_is_used_instead_of_the_embedded_one() {
    let (there, here) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let engine = Engine::start(there.path()).await.unwrap();
    let vendor = Path::new(env!("CARGO_MANIFEST_DIR")).join("../vendor");
    let example = std::fs::read_to_string(vendor.join("examples/quote.json")).unwrap();
    let deployment = Deployment::start(Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        data: here.path().to_owned(),
        vendor,
        now: None,
        environment: Configuration::from_pairs([("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint())]),
    })
    .await
    .unwrap();

    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let created = http
        .post(format!("{}/v1/quotes", deployment.url()))
        .header("content-type", "application/json")
        .body(example)
        .send()
        .await
        .unwrap();
    assert_eq!(created.status(), 201);
    deployment.idle().await;

    let stored = deployment.store().client().scan().table_name(deployment.store().table()).send().await.unwrap();
    assert!(stored.items().iter().any(|item| item["kind"].as_s().is_ok_and(|kind| kind == "quote")));
    assert!(!here.path().join("sellthrough.db").exists(), "nothing is embedded");
    let inbox = http.get(format!("{}/local/inbox", deployment.url())).header("accept", "application/json").send().await.unwrap();
    assert!(inbox.text().await.unwrap().contains("rita@reseller.example"), "the stream of the other engine was read");

    deployment.shutdown().await.unwrap();
    engine.shutdown().await.unwrap();
}
