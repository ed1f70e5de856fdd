#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

use std::{
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_lambda_events::event::{
    dynamodb::Event,
    streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse},
};
use aws_sdk_dynamodb::types::AttributeValue as Attribute;
use aws_sdk_dynamodbstreams::Client;
use axum::{Json, Router, extract::State, http::HeaderMap, http::StatusCode, routing::post};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{Consumer, Pump, PumpError};
use crate::engine::{
    self, Engine,
    tests::{TABLE, put},
};

mod parallel;

fn streams(endpoint: &str) -> Client {
    Client::new(&engine::config(endpoint).unwrap())
}

async fn start(engine: &Engine, dir: &Path, consumers: Vec<Consumer>) -> Pump {
    Pump::start(streams(engine.endpoint()), &engine.dynamodb(), TABLE, consumers, dir).await.unwrap()
}

async fn idle(pump: &Pump) {
    timeout(Duration::from_secs(20), pump.idle()).await.expect("the consumers settle");
}

fn failed(sequence: Option<&str>) -> DynamoDbEventResponse {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = sequence.map(str::to_owned);
    let mut answer = DynamoDbEventResponse::default();
    answer.batch_item_failures.push(failure);
    answer
}

/// The batches that a consumer was called with.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Value>>>);

impl Seen {
    /// A consumer that answers whatever `answer` says to the event.
    fn consumer(&self, name: &'static str, answer: impl Fn(&Event) -> DynamoDbEventResponse + Send + Sync + 'static) -> Consumer {
        let seen = self.clone();
        Consumer::new(name, move |event| {
            let batch = serde_json::to_value(&event.records).unwrap();
            seen.0.lock().unwrap().push(batch);
            std::future::ready(answer(&event))
        })
    }

    fn records(&self) -> Vec<Value> {
        self.0.lock().unwrap().iter().flat_map(|batch| batch.as_array().unwrap().clone()).collect()
    }

    /// The keys of each batch, sorted: different aggregates are delivered in parallel.
    fn sorted(&self) -> Vec<Vec<String>> {
        let mut batches = self.batches();
        batches.sort();
        batches
    }

    /// The keys of each batch.
    fn batches(&self) -> Vec<Vec<String>> {
        let key = |record: &Value| record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().to_owned();
        self.0.lock().unwrap().iter().map(|batch| batch.as_array().unwrap().iter().map(key).collect()).collect()
    }
}

fn done(_: &Event) -> DynamoDbEventResponse {
    DynamoDbEventResponse::default()
}

fn sequence_of(event: &Event, pk: &str) -> Option<String> {
    let key = serde_dynamo::AttributeValue::S(pk.to_owned());
    let found = event.records.iter().find(|record| record.change.keys.get("pk") == Some(&key));
    found.and_then(|record| record.change.sequence_number.clone())
}

#[tokio::test]
async fn a_consumer_sees_every_change_in_order_as_lambda_shows_it() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    let seen = Seen::default();
    let pump = start(&engine, directory.path(), vec![seen.consumer("issuance", done)]).await;
    put(&client, "Q-1", 1).await;
    let blob = Attribute::B(b"\0\xff".as_slice().into());
    let put_2 = client.put_item().table_name(TABLE).item("pk", Attribute::S("Q-1".into())).item("proof", blob);
    put_2.send().await.unwrap();
    client.delete_item().table_name(TABLE).key("pk", Attribute::S("Q-1".into())).send().await.unwrap();
    idle(&pump).await;

    let records = seen.records();
    let field = |name: &str| records.iter().map(|record| record[name].clone()).collect::<Vec<_>>();
    let change = |name: &str| records.iter().map(|record| record["dynamodb"][name].clone()).collect::<Vec<_>>();
    let (first, second) =
        (json!({"pk": {"S": "Q-1"}, "version": {"N": "1"}}), json!({"pk": {"S": "Q-1"}, "proof": {"B": "AP8="}}));
    assert_eq!(field("eventName"), ["INSERT", "MODIFY", "REMOVE"]);
    assert_eq!(change("OldImage"), [json!({}), first.clone(), second.clone()]);
    assert_eq!(change("NewImage"), [first, second, json!({})]);
    assert_eq!(change("Keys"), vec![json!({"pk": {"S": "Q-1"}}); 3]);
    assert_eq!(change("StreamViewType"), ["NEW_AND_OLD_IMAGES"; 3]);
    assert_eq!(field("eventSource"), ["aws:dynamodb"; 3]);
    assert_eq!(field("eventVersion"), ["1.1"; 3]);
    assert!(field("eventSourceARN").iter().all(|arn| arn.as_str().unwrap().contains(":table/quotes/stream/")));
    assert!(field("eventID").iter().all(|id| id.as_str().unwrap().len() == 32));
    assert!(change("SizeBytes").iter().all(|size| size.as_i64().unwrap() > 0));
    let written = change("ApproximateCreationDateTime").into_iter().map(|at| at.as_i64().unwrap());
    assert!(written.into_iter().all(|at| at > 1_700_000_000), "in seconds since 1970");
    assert!(change("SequenceNumber").is_sorted_by_key(|sequence| sequence.as_str().unwrap().to_owned()));
}

#[tokio::test]
async fn a_restart_continues_at_the_stored_place() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    let before = Seen::default();
    let pump = start(&engine, directory.path(), vec![before.consumer("issuance", done)]).await;
    put(&client, "Q-1", 1).await;
    idle(&pump).await;
    pump.shutdown().await;
    put(&client, "Q-2", 1).await;

    let (after, new) = (Seen::default(), Seen::default());
    let consumers = vec![after.consumer("issuance", done), new.consumer("notifications", done)];
    let pump = start(&engine, directory.path(), consumers).await;
    idle(&pump).await;
    assert_eq!(before.batches(), [["Q-1"]]);
    assert_eq!(after.batches(), [["Q-2"]]);
    assert_eq!(new.sorted(), [["Q-1"], ["Q-2"]], "a new consumer starts at the oldest record");
}

#[tokio::test]
async fn a_failing_record_is_retried_and_only_the_records_of_its_aggregate_wait() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    for (pk, version) in [("Q-1", 1), ("Q-2", 1), ("Q-2", 2), ("Q-3", 1)] {
        put(&client, pk, version).await;
    }
    let (seen, failures) = (Seen::default(), AtomicUsize::new(0));
    let consumer = seen.consumer("issuance", move |event| match sequence_of(event, "Q-2") {
        Some(sequence) if failures.fetch_add(1, Ordering::Relaxed) < 2 => failed(Some(&sequence)),
        _ => DynamoDbEventResponse::default(),
    });
    let pump = start(&engine, directory.path(), vec![consumer]).await;
    idle(&pump).await;
    assert_eq!(seen.sorted(), [vec!["Q-1"], vec!["Q-2", "Q-2"], vec!["Q-2", "Q-2"], vec!["Q-2", "Q-2"], vec!["Q-3"]]);
    let versions = |record: &Value| record["dynamodb"]["NewImage"]["version"]["N"].as_str().map(str::to_owned);
    let of_second: Vec<_> = seen.records().iter().filter(|it| it["dynamodb"]["Keys"]["pk"]["S"] == "Q-2").map(versions).collect();
    assert_eq!(of_second, ["1", "2"].repeat(3).into_iter().map(|it| Some(it.to_owned())).collect::<Vec<_>>(), "in order");
}

#[tokio::test]
async fn a_crash_between_attempts_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    for pk in ["Q-1", "Q-2"] {
        put(&client, pk, 1).await;
    }
    let (seen, gate, attempts) = (Seen::default(), Arc::new(tokio::sync::Notify::new()), AtomicUsize::new(0));
    let called = Arc::clone(&gate);
    let consumer = seen.consumer("issuance", move |event| {
        let sequence = sequence_of(event, "Q-2");
        if sequence.is_some() && attempts.fetch_add(1, Ordering::Relaxed) == 1 {
            called.notify_one();
        }
        sequence.map_or_else(DynamoDbEventResponse::default, |sequence| failed(Some(&sequence)))
    });
    let pump = start(&engine, directory.path(), vec![consumer]).await;
    timeout(Duration::from_secs(20), gate.notified()).await.expect("the second attempt came");
    drop(pump);

    let again = Seen::default();
    let pump = start(&engine, directory.path(), vec![again.consumer("issuance", done)]).await;
    idle(&pump).await;
    assert_eq!(again.batches(), [["Q-2"]]);
}

#[tokio::test]
async fn a_failure_that_names_no_record_or_a_panic_repeats_the_whole_batch() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    for version in [1, 2] {
        put(&client, "Q-1", version).await;
    }
    let (seen, calls) = (Seen::default(), AtomicUsize::new(0));
    let consumer = seen.consumer("issuance", move |_| match calls.fetch_add(1, Ordering::Relaxed) {
        0 => failed(None),
        1 => failed(Some("1")),
        2 => panic!("a bug in a consumer"),
        _ => DynamoDbEventResponse::default(),
    });
    let pump = start(&engine, directory.path(), vec![consumer]).await;
    idle(&pump).await;
    assert_eq!(seen.batches(), vec![["Q-1", "Q-1"]; 4]);
}

#[tokio::test]
async fn a_failing_consumer_delays_no_other_consumer() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    put(&client, "Q-1", 1).await;
    let (broken, sound) = (Arc::new(AtomicBool::new(true)), Seen::default());
    let (still, seen) = (Arc::clone(&broken), Seen::default());
    let fragile = seen.consumer("notifications", move |_| {
        if still.load(Ordering::Relaxed) { failed(None) } else { DynamoDbEventResponse::default() }
    });
    let pump = start(&engine, directory.path(), vec![fragile, sound.consumer("issuance", done)]).await;
    let delivered = async {
        while sound.batches().is_empty() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), delivered).await.expect("the sound one receives it, whatever becomes of the other");
    timeout(Duration::from_millis(500), pump.idle()).await.expect_err("one of them is stuck");
    assert_eq!(sound.batches(), [["Q-1"]]);
    assert_eq!(pump.gauge().consumed(), None, "so nothing may be trimmed");

    broken.store(false, Ordering::Relaxed);
    idle(&pump).await;
    assert_eq!(seen.batches().last().unwrap(), &["Q-1"]);
    assert!(pump.gauge().consumed().is_some());
}

#[tokio::test]
async fn idle_covers_what_consumers_write_themselves() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    let (seen, writer) = (Seen::default(), client.clone());
    let issuing = Consumer::new("issuance", move |event| {
        let client = writer.clone();
        async move {
            if sequence_of(&event, "Q-1").is_some() {
                tokio::time::sleep(Duration::from_millis(120)).await;
                put(&client, "L-1", 1).await;
            }
            DynamoDbEventResponse::default()
        }
    });
    let pump = start(&engine, directory.path(), vec![seen.consumer("notifications", done), issuing]).await;
    put(&client, "Q-1", 1).await;
    idle(&pump).await;
    assert_eq!(seen.batches().concat(), ["Q-1", "L-1"]);
}

#[tokio::test]
async fn trimming_consumed_records_disturbs_no_consumer() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    let seen = Seen::default();
    let pump = start(&engine, directory.path(), vec![seen.consumer("issuance", done)]).await;
    for pk in ["Q-1", "Q-2", "Q-3"] {
        put(&client, pk, 1).await;
    }
    idle(&pump).await;
    let consumed = pump.gauge().consumed().unwrap();
    assert_eq!(engine.trim_consumed(TABLE, &consumed, jiff::Timestamp::MAX).await.unwrap(), 2);
    put(&client, "Q-4", 1).await;
    idle(&pump).await;
    assert_eq!(seen.sorted(), [["Q-1"], ["Q-2"], ["Q-3"], ["Q-4"]]);
}

/// Finding A1: a removal by DynamoDB's own time to live is a record like any other, and those behind it are delivered.
#[tokio::test]
async fn an_item_that_expires_is_removed_and_the_changes_after_it_are_delivered() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    let ttl = aws_sdk_dynamodb::types::TimeToLiveSpecification::builder().enabled(true).attribute_name("expires");
    client.update_time_to_live().table_name(TABLE).time_to_live_specification(ttl.build().unwrap()).send().await.unwrap();
    let seen = Seen::default();
    let pump = start(&engine, directory.path(), vec![seen.consumer("issuance", done)]).await;
    let counter = client.put_item().table_name(TABLE).item("pk", Attribute::S("LIMIT#1".into()));
    counter.item("expires", Attribute::N("1".into())).send().await.unwrap();
    idle(&pump).await;
    assert_eq!(engine.sweep_expired().await.unwrap(), 1);
    put(&client, "Q-1", 1).await;
    idle(&pump).await;

    let records = seen.records();
    let names: Vec<_> = records.iter().map(|record| record["eventName"].clone()).collect();
    assert_eq!(names, ["INSERT", "REMOVE", "INSERT"]);
    let service = json!({"type": "Service", "principalId": "dynamodb.amazonaws.com"});
    assert_eq!(records[1]["userIdentity"], service, "as AWS states that no caller removed the item");
    assert_eq!(seen.batches().concat(), ["LIMIT#1", "LIMIT#1", "Q-1"]);
    assert!(!directory.path().join("stream/set-aside").exists());
}

/// A stream with one open shard that holds these records.
async fn stream_of(records: Vec<Value>) -> Client {
    let answer = move |headers: HeaderMap, body: String| async move {
        let body: Value = serde_json::from_str(&body).unwrap();
        Json(match headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap() {
            "DescribeStream" => json!({"StreamDescription": {"Shards": [{"ShardId": "shard"}]}}),
            "GetShardIterator" if body["ShardIteratorType"] == "TRIM_HORIZON" => json!({"ShardIterator": "start"}),
            "GetShardIterator" => json!({"ShardIterator": "end"}),
            _ if body["ShardIterator"] == "start" => json!({"Records": records, "NextShardIterator": "end"}),
            _ => json!({"Records": [], "NextShardIterator": "end"}),
        })
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = streams(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(axum::serve(listener, Router::new().route("/", post(answer))).into_future());
    client
}

#[tokio::test]
async fn an_invalid_record_is_set_aside_replayed_at_the_next_start_and_blocks_no_other_record() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    engine.stream_table().await;
    let record = |n: u32| {
        json!({
            "eventID": n.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "awsRegion": "eu-central-1",
            "dynamodb": {"Keys": {"pk": {"S": format!("Q-{n}")}}, "SequenceNumber": format!("{n:021}"), "SizeBytes": 1}
        })
    };
    let mut unreadable = record(1);
    unreadable.as_object_mut().unwrap().remove("awsRegion");
    let streams = stream_of(vec![unreadable, record(2)]).await;
    let seen = Seen::default();
    read_split(streams.clone(), &engine, directory.path(), &seen).await;
    assert_eq!(seen.batches(), [["Q-2"]]);
    let file = directory.path().join("stream/set-aside/issuance").join(format!("{:021}.json", 1));
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    assert_eq!((&kept["consumer"], &kept["sequence"]), (&json!("issuance"), &json!(format!("{:021}", 1))));
    assert!(kept["reason"].as_str().unwrap().contains("awsRegion"), "{}", kept["reason"]);
    assert_eq!(kept["record"]["dynamodb"]["Keys"]["pk"]["S"], "Q-1");

    read_split(streams.clone(), &engine, directory.path(), &seen).await;
    assert_eq!(seen.batches(), [["Q-2"]], "an event can still not be made of it, and it stays");
    kept["record"]["awsRegion"] = "eu-central-1".into();
    std::fs::write(&file, kept.to_string()).unwrap();
    read_split(streams, &engine, directory.path(), &seen).await;
    assert_eq!(seen.batches(), [["Q-2"], ["Q-1"]], "delivered once it can be read");
    assert!(!file.exists());
}

#[tokio::test]
async fn a_third_reader_is_refused_because_aws_throttles_it() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    put(&client, "Q-1", 1).await;
    let seen = Seen::default();
    let consumers = ["issuance", "notifications", "webhooks"].map(|name| seen.consumer(name, done)).to_vec();
    let refusal = Pump::start(streams(engine.endpoint()), &client, TABLE, consumers, directory.path()).await.err().unwrap();
    assert!(matches!(refusal, PumpError::TooManyReaders(3)), "{refusal}");
    assert!(refusal.to_string().contains("at most 2 readers"), "{refusal}");
    assert!(seen.records().is_empty() && !directory.path().join("stream").exists(), "no consumer was called, no place was kept");
}

#[tokio::test]
async fn a_table_without_a_stream_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    let off = aws_sdk_dynamodb::types::StreamSpecification::builder().stream_enabled(false).build().unwrap();
    client.update_table().table_name(TABLE).stream_specification(off).send().await.unwrap();
    let refusal = Pump::start(streams(engine.endpoint()), &client, TABLE, vec![], directory.path()).await.err().unwrap();
    assert!(matches!(refusal, PumpError::NoStream(table) if table == TABLE));
}

/// A stream as AWS has them, which the embedded engine has not: a closed parent with a child, iterators that expire
/// and places that were trimmed.
async fn split_stream(trimmed: bool) -> (Client, Arc<Mutex<Vec<String>>>) {
    type Asked = Arc<Mutex<Vec<String>>>;
    let record = |n: u32| {
        json!({
            "eventID": n.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "awsRegion": "eu-central-1",
            "dynamodb": {"Keys": {"pk": {"S": format!("Q-{n}")}}, "SequenceNumber": format!("{n:021}"), "SizeBytes": 1}
        })
    };
    let answer = move |State(asked): State<Asked>, headers: HeaderMap, body: String| async move {
        let body: Value = serde_json::from_str(&body).unwrap();
        let target = headers["x-amz-target"].to_str().unwrap().rsplit('.').next().unwrap().to_owned();
        let error = |name: &str| (StatusCode::BAD_REQUEST, Json(json!({"__type": name, "message": "no"})));
        let iterator = |it: String| (StatusCode::OK, Json(json!({"ShardIterator": it})));
        let mut asked = asked.lock().unwrap();
        match (target.as_str(), body["ShardId"].as_str(), body["ShardIteratorType"].as_str()) {
            ("DescribeStream", ..) => (
                StatusCode::OK,
                Json(json!({"StreamDescription": {"Shards": [
                    {"ShardId": "shard-a-child", "ParentShardId": "shard-b-parent"}, {"ShardId": "shard-b-parent"}
                ]}})),
            ),
            ("GetShardIterator", Some(shard), Some("AFTER_SEQUENCE_NUMBER")) => {
                asked.push(format!("{shard} after {}", body["SequenceNumber"].as_str().unwrap()));
                if trimmed { error("TrimmedDataAccessException") } else { iterator(format!("{shard}:end")) }
            }
            ("GetShardIterator", Some(shard), Some("TRIM_HORIZON")) => {
                asked.push(format!("{shard} from the start"));
                let first = asked.iter().filter(|one| one.ends_with("start")).count() == 1;
                iterator(if first { format!("{shard}:expired") } else { format!("{shard}:start") })
            }
            ("GetRecords", ..) => match body["ShardIterator"].as_str().unwrap() {
                "shard-b-parent:start" => (StatusCode::OK, Json(json!({"Records": [record(1)]}))),
                "shard-b-parent:end" => (StatusCode::OK, Json(json!({"Records": []}))),
                "shard-a-child:start" => {
                    (StatusCode::OK, Json(json!({"Records": [record(2)], "NextShardIterator": "shard-a-child:end"})))
                }
                "shard-a-child:end" => (StatusCode::OK, Json(json!({"Records": [], "NextShardIterator": "shard-a-child:end"}))),
                _ => error("ExpiredIteratorException"),
            },
            _ => error("ValidationException"),
        }
    };
    let asked = Asked::default();
    let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&asked));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let client = streams(&format!("http://{}", listener.local_addr().unwrap()));
    tokio::spawn(axum::serve(listener, router).into_future());
    (client, asked)
}

/// Reads such a stream; the engine only gives the stream's name.
async fn read_split(streams: Client, engine: &Engine, dir: &Path, seen: &Seen) {
    let consumers = vec![seen.consumer("issuance", done)];
    let pump = Pump::start(streams, &engine.dynamodb(), TABLE, consumers, dir).await.unwrap();
    idle(&pump).await;
    pump.shutdown().await;
}

#[tokio::test]
async fn a_parent_shard_is_read_to_its_end_before_its_child() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    engine.stream_table().await;
    let (streams, asked) = split_stream(false).await;
    let seen = Seen::default();
    read_split(streams, &engine, directory.path(), &seen).await;
    assert_eq!(seen.batches(), [["Q-1"], ["Q-2"]]);
    assert_eq!(
        *asked.lock().unwrap(),
        ["shard-b-parent from the start", "shard-b-parent from the start", "shard-a-child from the start"],
        "an expired iterator is asked for again"
    );
}

#[tokio::test]
async fn a_trimmed_place_is_replaced_by_the_oldest_record() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    engine.stream_table().await;
    let seen = Seen::default();
    read_split(split_stream(false).await.0, &engine, directory.path(), &seen).await;
    let (streams, asked) = split_stream(true).await;
    read_split(streams, &engine, directory.path(), &seen).await;
    assert_eq!(asked.lock().unwrap()[..2], ["shard-a-child after 000000000000000000002", "shard-a-child from the start"]);
    assert_eq!(seen.batches(), [["Q-1"], ["Q-2"], ["Q-2"]]);
}
