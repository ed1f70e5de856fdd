//! Which policy a function uses that has no permission to write policies. Only the functions that price quotes have it.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{Credentials, Region, SharedCredentialsProvider};
use axum::extract::State;
use axum::{Json, Router};
use domain::{Policy, policy::Mistakes};
use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use runtime::{Clock, Policies, Vendor};
use serde_json::{Value, json};
use store::Store;
use tokio::net::TcpListener;

/// A table in which no policy, or one without files, is in force, and which responds to every write with an error code.
struct Table {
    in_force: Option<&'static str>,
    to_writes: &'static str,
    writes: AtomicUsize,
}

impl Table {
    async fn with(in_force: Option<&'static str>, to_writes: &'static str) -> (Arc<Self>, Store) {
        let table = Arc::new(Self { in_force, to_writes, writes: AtomicUsize::new(0) });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let served = Router::new().fallback(respond).with_state(table.clone());
        tokio::spawn(async { axum::serve(listener, served).await.unwrap() });
        let credentials = SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "local"));
        let config = runtime::aws::builder().unwrap().region(Region::new("local")).endpoint_url(endpoint);
        let config = config.credentials_provider(credentials).retry_config(RetryConfig::disabled()).build();
        (table, Store::new(Client::new(&config), "policies"))
    }
}

async fn respond(State(table): State<Arc<Table>>, headers: HeaderMap) -> (StatusCode, Json<Value>) {
    let operation = headers["x-amz-target"].to_str().unwrap().rsplit_once('.').unwrap().1;
    match (operation, table.in_force) {
        ("GetItem", None) => (StatusCode::OK, Json(json!({}))),
        ("GetItem", Some(version)) => {
            let body = json!({"by": "staff-1", "published_at": "2026-11-22T10:00:00Z", "sequence": 2, "version": version});
            let item = json!({
                "pk": {"S": "POLICY"}, "sk": {"S": "CURRENT"}, "kind": {"S": "policy_in_force"}, "version": {"N": "2"},
                "body": {"S": body.to_string()},
            });
            (StatusCode::OK, Json(json!({ "Item": item })))
        }
        ("Query", _) => (StatusCode::OK, Json(json!({"Items": [], "Count": 0}))),
        (write, _) => {
            assert!(["PutItem", "TransactWriteItems"].contains(&write), "{write}");
            table.writes.fetch_add(1, Ordering::SeqCst);
            (StatusCode::BAD_REQUEST, Json(json!({"__type": format!("com.amazon.coral.service#{}", table.to_writes)})))
        }
    }
}

/// The version of the vendor's folder, and its policies.
fn policies(store: Store) -> (String, Policies) {
    let vendor = Vendor::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/vendor")).unwrap();
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    (vendor.policy().unwrap().version, Policies::new(&vendor, store, Clock::fixed_at(now)).unwrap())
}

#[tokio::test]
async fn a_function_without_permission_to_write_uses_the_policy_of_the_folder() {
    for in_force in [Some("0123456789abcdef"), None] {
        let (table, store) = Table::with(in_force, "AccessDeniedException").await;
        let (folder, policies) = policies(store);
        assert_eq!(policies.current().await.unwrap().version, folder, "in force: {in_force:?}");
        assert_eq!(policies.pinned("fedcba9876543210").await.unwrap().version, folder, "for a quote of a lost policy");
        assert_eq!(
            table.writes.load(Ordering::SeqCst),
            1,
            "a write shows whether it is permitted, and there is no second one for a minute"
        );
    }
}

/// C10: a function that answers the internet does not even try to publish.
#[tokio::test]
async fn c10_a_reading_function_never_writes_a_policy() {
    for in_force in [Some("0123456789abcdef"), None] {
        let (table, store) = Table::with(in_force, "AccessDeniedException").await;
        let vendor = Vendor::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/vendor")).unwrap();
        let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
        let policies = Policies::reading(&vendor, store, Clock::fixed_at(now)).unwrap();
        assert_eq!(policies.current().await.unwrap().version, vendor.policy().unwrap().version, "in force: {in_force:?}");
        assert_eq!(table.writes.load(Ordering::SeqCst), 0);
    }
}

/// A vendor's folder in which a text has a mistake.
fn vendor_with_a_mistake_in_a_text() -> (tempfile::TempDir, Vendor) {
    let folder = tempfile::tempdir().unwrap();
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/vendor");
    fs::create_dir(folder.path().join("languages")).unwrap();
    for part in [".", "languages"] {
        for entry in fs::read_dir(example.join(part)).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file()) {
            fs::copy(entry.path(), folder.path().join(part).join(entry.file_name())).unwrap();
        }
    }
    let german = folder.path().join("languages/de.toml");
    let texts = fs::read_to_string(&german).unwrap().replacen("[document]", "[document]\nquotation = \"Angebot\"", 1);
    fs::write(german, texts).unwrap();
    let vendor = Vendor::open(folder.path()).unwrap();
    (folder, vendor)
}

/// How a function starts with the policies of a folder.
type Start = fn(&Vendor, Store, Clock) -> Result<Policies, Mistakes>;

/// A start does not read the texts, so they are checked before the folder's policy is used for the first time.
#[tokio::test]
async fn a_folder_with_a_mistake_in_a_text_is_neither_published_nor_priced_with() {
    let (_folder, vendor) = vendor_with_a_mistake_in_a_text();
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    for in_force in [Some("0123456789abcdef"), None] {
        for start in [Policies::new as Start, Policies::reading] {
            let (table, store) = Table::with(in_force, "AccessDeniedException").await;
            let policies = start(&vendor, store, Clock::fixed_at(now)).expect("a start reads no text");
            let error = policies.current().await.expect_err("it was never published");
            let store::Error::Corrupt { reason, .. } = error else { panic!("{error}") };
            assert!(reason.contains("languages/de.toml") && reason.contains("document.quotation"), "{reason}");
            assert_eq!(table.writes.load(Ordering::SeqCst), 0);
        }
    }
}

/// A policy in force was checked when it was published, so that a program which starts with the same folder reads no text of it.
#[tokio::test]
async fn a_policy_in_force_is_used_without_reading_its_texts() {
    let (_folder, vendor) = vendor_with_a_mistake_in_a_text();
    let mistakes = vendor.policy().expect_err("a mistake").to_string();
    let files = vendor.policy_files();
    let policy = Policy::read_published(&files, None).expect("no text is read");
    assert!(mistakes.contains("document.quotation"), "{mistakes}");
    let version: &'static str = policy.version.clone().leak();
    let (table, store) = Table::with(Some(version), "AccessDeniedException").await;
    let now: Timestamp = "2026-11-22T10:00:00Z".parse().unwrap();
    let policies = Policies::new(&vendor, store, Clock::fixed_at(now)).unwrap();
    let current = policies.current().await.unwrap();
    assert_eq!((&*current.version, table.writes.load(Ordering::SeqCst)), (version, 0));
    assert_eq!(
        current.wording.text("de", "document.page"),
        vendor_text("de", "document.page"),
        "a text is read when it is needed"
    );
}

/// A text of the example vendor.
fn vendor_text(language: &str, key: &str) -> String {
    let vendor = Vendor::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/vendor")).unwrap();
    vendor.policy().unwrap().wording.text(language, key).to_owned()
}

/// A quote pins the policy that priced it, so a policy that could not be stored must not be used.
#[tokio::test]
async fn a_policy_that_could_not_be_stored_for_another_reason_is_not_used() {
    for in_force in [Some("0123456789abcdef"), None] {
        let (_, store) = Table::with(in_force, "ProvisionedThroughputExceededException").await;
        let (_, policies) = policies(store);
        let error = policies.current().await.expect_err("it was not stored");
        assert!(matches!(error, store::Error::Unavailable { .. }), "{error}");
    }
}
