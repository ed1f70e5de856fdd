//! The store's records and limits, on the embedded engine.

use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
    StreamViewType,
};
use domain::{channel::Partner, pending::Work, request::Wanted};
use jiff::{SignedDuration, Timestamp};
use local::engine::{self, Engine};
use serde_json::json;
use store::{AuditEntry, Commit, Item, Page, PageRequest, Reveal, Store, keys::Key};

async fn store(engine: &Engine) -> Store {
    let store = Store::new(engine::client(engine.endpoint()).unwrap(), "sellthrough");
    store.create_table().await.unwrap();
    store.create_table().await.unwrap();
    store
}

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn partner(version: u64) -> Partner {
    Partner {
        organization: "Example Reseller".to_owned(),
        version,
        name: "Example Reseller GmbH".to_owned(),
        memberships: Vec::new(),
    }
}

fn entry(partner: &Partner, millis: i64, unique: &str) -> AuditEntry {
    AuditEntry {
        partition: partner.key().partition,
        at: noon() + SignedDuration::from_millis(millis),
        by: "user-1".to_owned(),
        email: None,
        action: "record".to_owned(),
        before: None,
        after: Some(json!({ "version": partner.version })),
        reason: None,
        key_id: None,
        ip: None,
        unique: unique.to_owned(),
    }
}

#[tokio::test]
async fn a_record_and_its_audit_entry_are_written_together_or_not_at_all() {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(data.path()).await.unwrap();
    let store = store(&engine).await;

    assert_eq!(store.record(None, &partner(1), &entry(&partner(1), 0, "a")).await.unwrap(), Commit::Committed);
    assert_eq!(store.record(None, &partner(2), &entry(&partner(2), 510, "b")).await.unwrap(), Commit::Committed);
    assert_eq!(store.record(None, &partner(3), &entry(&partner(3), 500, "c")).await.unwrap(), Commit::Committed);
    for late in [1, 2, 3, 5] {
        let lost = store.record(None, &partner(late), &entry(&partner(late), 600, "d")).await.unwrap();
        assert_eq!(lost, Commit::Conflict, "version {late} after 3");
    }
    let key = Key::partner("EXAMPLE reseller");
    assert_eq!(store.recorded::<Partner>(&key).await.unwrap(), Some(partner(3)));
    let audit = store.audit_of(&key.partition).await.unwrap();
    assert_eq!(audit.iter().map(|entry| &*entry.unique).collect::<Vec<_>>(), ["a", "c", "b"], "oldest first");
    assert_eq!(audit[0], entry(&partner(1), 0, "a"));

    let facts = store.facts(&Wanted::default(), Some("example reseller")).await.unwrap();
    assert_eq!(facts.partner, Some(partner(3)));
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_bucket_allows_a_number_of_uses_in_each_window() {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(data.path()).await.unwrap();
    let store = store(&engine).await;
    let (window, next) = (noon(), noon() + SignedDuration::from_mins(1));
    for allowed in [true, true, true, false, false] {
        assert_eq!(store.allow("lookup#x", 1, 3, window).await.unwrap(), allowed);
    }
    assert!(store.allow("lookup#y", 1, 3, window).await.unwrap(), "another bucket");
    assert!(!store.allow("lookup#y", 3, 3, window).await.unwrap(), "three more are too many");
    assert!(store.allow("lookup#y", 2, 3, window).await.unwrap(), "two fit, because the refused three were not counted");
    assert!(store.allow("lookup#x", 1, 3, next).await.unwrap(), "another window");
    assert!(!store.allow("lookup#x", 1, 0, next + SignedDuration::from_mins(1)).await.unwrap());

    let racing = (0..20).map(|_| {
        tokio::spawn({
            let store = store.clone();
            async move { store.allow("race", 1, 7, noon()).await.unwrap() }
        })
    });
    let mut passed = 0;
    for one in racing.collect::<Vec<_>>() {
        passed += usize::from(one.await.unwrap());
    }
    assert_eq!(passed, 7);
    engine.shutdown().await.unwrap();
}

/// A data directory of a version without the index of pending work.
#[tokio::test]
async fn missing_indexes_are_added_to_an_existing_table() {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(data.path()).await.unwrap();
    let client = engine::client(engine.endpoint()).unwrap();
    let text = |name: &str| AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build();
    let key = |name: &str, role| KeySchemaElement::builder().attribute_name(name).key_type(role).build().unwrap();
    let stream = StreamSpecification::builder().stream_enabled(true).stream_view_type(StreamViewType::NewAndOldImages).build();
    client
        .create_table()
        .table_name("sellthrough")
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(vec![text("pk").unwrap(), text("sk").unwrap()]))
        .set_key_schema(Some(vec![key("pk", KeyType::Hash), key("sk", KeyType::Range)]))
        .stream_specification(stream.unwrap())
        .send()
        .await
        .unwrap();

    let store = store(&engine).await;
    let minter = domain::number::Minter::new(b"x");
    let numbers = ["a", "b", "c"].map(|seed| minter.quote_from_seed(seed));
    for (minutes, number) in [(3, &numbers[0]), (1, &numbers[1]), (2, &numbers[2])] {
        let since = noon() + SignedDuration::from_mins(minutes);
        let item = store::item::of_key(&Key::quote(number));
        let put = client.put_item().table_name("sellthrough").set_item(Some(item));
        let owed = put.item("owed", AttributeValue::S("letters".to_owned()));
        owed.item("owed_since", AttributeValue::S(since.to_string())).send().await.unwrap();
    }
    let waiting = async |work, minutes, most| {
        let found = store.waiting(work, noon() + SignedDuration::from_mins(minutes), most).await.unwrap();
        found.into_iter().map(|waiting| waiting.key).collect::<Vec<_>>()
    };
    assert_eq!(
        waiting(Work::Letters, 2, 10).await,
        [Key::quote(&numbers[1]), Key::quote(&numbers[2])],
        "the longest waiting first"
    );
    assert_eq!(waiting(Work::Letters, 9, 1).await, [Key::quote(&numbers[1])]);
    assert_eq!(waiting(Work::Fulfilment, 9, 10).await, []);
    let first = PageRequest { limit: 10, cursor: None };
    assert_eq!(store.in_review(&first).await.unwrap(), Page { entries: Vec::new(), next: None });
    engine.shutdown().await.unwrap();
}

#[tokio::test]
async fn keys_and_reveals() {
    let data = tempfile::tempdir().unwrap();
    let engine = Engine::start(data.path()).await.unwrap();
    let store = store(&engine).await;
    store.publish_key("k1", "one").await.unwrap();
    store.publish_key("k1", "one").await.unwrap();
    store.publish_key("k2", "two").await.unwrap();
    assert_eq!(store.published_keys().await.unwrap(), ["one", "two"]);
    let minter = domain::number::Minter::new(b"x");
    let sen = minter.sen(&minter.quote_from_seed("a"), 1, 0);
    let by = |subject| Reveal { subject, email: None, key_id: "k1", ip: None };
    store.audit_reveal(&sen, noon(), "u", by("user-1")).await.unwrap();
    store.audit_reveal(&sen, noon() + SignedDuration::from_millis(1), "t", by("user-2")).await.unwrap();
    assert_eq!(store.reveals(&sen).await.unwrap(), ["user-1", "user-2"]);
    assert_eq!(store.last_in_series("IN").await.unwrap(), 0);
    engine.shutdown().await.unwrap();
}
