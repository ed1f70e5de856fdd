//! Facts from a DynamoDB that leaves keys out. The real one does this when it is throttled; the embedded one never does.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use axum::{Json, Router, routing::post};
use domain::{evidence::Site, request::Wanted};
use serde_json::{Value, json};
use store::{Error, Store};
use tokio::net::TcpListener;

const TABLE: &str = "sellthrough";

/// The number of keys in each call.
type KeyCounts = Arc<Mutex<Vec<usize>>>;

/// A DynamoDB that has every requested site, and returns `at_once` items per call.
async fn returning(at_once: usize) -> (Store, KeyCounts) {
    let counts = KeyCounts::default();
    let calls = counts.clone();
    let respond = async move |body: String| {
        let request: Value = serde_json::from_str(&body).unwrap();
        let wanted = &request["RequestItems"][TABLE];
        let keys = wanted["Keys"].as_array().unwrap();
        assert_eq!(wanted["ConsistentRead"], true);
        calls.lock().unwrap().push(keys.len());
        let (returned, left) = keys.split_at(at_once.min(keys.len()));
        let left = if left.is_empty() { json!({}) } else { json!({ TABLE: { "Keys": left, "ConsistentRead": true } }) };
        let found: Vec<_> = returned.iter().map(site).collect();
        Json(json!({ "Responses": { TABLE: found }, "UnprocessedKeys": left }))
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(respond))).await.unwrap() });
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("local"))
        .credentials_provider(Credentials::new("local", "local", None, None, "local"))
        .endpoint_url(endpoint)
        .build();
    (Store::new(aws_sdk_dynamodb::Client::from_conf(config), TABLE), counts)
}

/// The item under a site's key.
fn site(key: &Value) -> Value {
    let host = key["pk"]["S"].as_str().unwrap().strip_prefix("SITE#").unwrap();
    let site = Site {
        host: host.to_owned(),
        version: 1,
        organization: "Example Customer Inc.".to_owned(),
        contacts: Vec::new(),
        entitlements: Vec::new(),
    };
    let body = serde_json::to_string(&site).unwrap();
    json!({ "pk": key["pk"], "sk": key["sk"], "kind": { "S": "site" }, "body": { "S": body } })
}

fn sites(count: usize) -> Wanted {
    Wanted { sites: (0..count).map(|n| format!("s{n}.example")).collect(), ..Wanted::default() }
}

fn calls(counts: &KeyCounts) -> Vec<usize> {
    counts.lock().unwrap().clone()
}

#[tokio::test]
async fn no_record_takes_no_call_and_a_hundred_records_take_one() {
    let (store, counts) = returning(100).await;
    assert!(store.facts(&Wanted::default(), None).await.unwrap().sites.is_empty());
    assert_eq!(calls(&counts), [0; 0]);

    assert_eq!(store.facts(&sites(100), None).await.unwrap().sites.len(), 100);
    assert_eq!(calls(&counts), [100]);

    assert_eq!(store.facts(&sites(101), None).await.unwrap().sites.len(), 101);
    assert_eq!(calls(&counts), [100, 100, 1], "DynamoDB refuses more than a hundred");
}

#[tokio::test]
async fn only_the_keys_that_were_left_out_are_requested_again() {
    let (store, counts) = returning(4).await;
    let wanted = sites(10);
    let facts = store.facts(&wanted, None).await.unwrap();
    assert_eq!(facts.sites.into_keys().collect::<BTreeSet<_>>(), wanted.sites);
    assert_eq!(calls(&counts), [10, 6, 2]);
}

#[tokio::test]
async fn keys_that_stay_left_out_are_an_error() {
    let (store, counts) = returning(0).await;
    let error = store.facts(&sites(1), None).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error}");
    assert_eq!(calls(&counts), [1; 5], "five attempts, and then an error");
}
