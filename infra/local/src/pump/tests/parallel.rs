//! Aggregates in parallel, the end of the pump, and places that the stream does not have.

use super::*;
use crate::pump::lanes;

/// Finding A12: records were handled one by one, and one slow document delayed all letters.
#[tokio::test]
async fn a12_aggregates_are_delivered_in_parallel_up_to_a_bound_and_a_slow_one_delays_no_other() {
    const OTHERS: usize = 3 * lanes::AT_ONCE;
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    for (pk, version) in [("slow", 1), ("slow", 2)] {
        put(&client, pk, version).await;
    }
    for n in 0..OTHERS {
        put(&client, &format!("Q-{n}"), 1).await;
    }
    let (release, running, most) = (Arc::new(tokio::sync::Semaphore::new(0)), Arc::new(AtomicUsize::new(0)), Arc::default());
    let (seen, gate, peak): (Seen, _, Arc<AtomicUsize>) = (Seen::default(), release.clone(), most);
    let (noted, highest) = (seen.clone(), peak.clone());
    let consumer = Consumer::new("notifications", move |event| {
        let (gate, running, peak, noted) = (gate.clone(), running.clone(), highest.clone(), noted.clone());
        async move {
            peak.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            if sequence_of(&event, "slow").is_some() {
                let _released = gate.acquire().await.unwrap();
            } else {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            running.fetch_sub(1, Ordering::SeqCst);
            noted.0.lock().unwrap().push(serde_json::to_value(&event.records).unwrap());
            DynamoDbEventResponse::default()
        }
    });
    let pump = start(&engine, directory.path(), vec![consumer]).await;
    let others = async {
        while seen.batches().len() < OTHERS {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), others).await.expect("the others do not wait for the slow one");
    // What is written now does not wait for it either.
    put(&client, "Q-late", 1).await;
    let late = async {
        while seen.batches().last() != Some(&vec!["Q-late".to_owned()]) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), late).await.expect("later records do not wait for the slow one");
    assert_eq!(pump.gauge().consumed(), None, "the oldest record is not consumed");
    release.add_permits(1);
    idle(&pump).await;
    assert_eq!(seen.batches().last().unwrap(), &["slow", "slow"], "one event, in order");
    assert_eq!(peak.load(Ordering::SeqCst), lanes::AT_ONCE, "as many as may be, and no more");
}

/// Finding A7: a stop waited for a whole batch of letters.
#[tokio::test]
async fn a7_a_stop_starts_no_further_event_and_interrupts_what_takes_too_long() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    for n in 0..4 * lanes::AT_ONCE {
        put(&client, &format!("Q-{n:02}"), 1).await;
    }
    let begun = Arc::new(AtomicUsize::new(0));
    let count = begun.clone();
    let endless = Consumer::new("notifications", move |event: Event| {
        count.fetch_add(event.records.len(), Ordering::SeqCst);
        async move {
            if sequence_of(&event, "Q-00").is_none() {
                std::future::pending::<()>().await;
            }
            DynamoDbEventResponse::default()
        }
    });
    let pump = start(&engine, directory.path(), vec![endless]).await;
    let full = async {
        while begun.load(Ordering::SeqCst) <= lanes::AT_ONCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(Duration::from_secs(20), full).await.expect("it begins");
    let stop = std::time::Instant::now();
    pump.shutdown().await;
    assert!(stop.elapsed() < crate::pump::PATIENCE + Duration::from_secs(1), "{:?}", stop.elapsed());
    assert_eq!(begun.load(Ordering::SeqCst), lanes::AT_ONCE + 1, "the first was done, and only those after it were begun");

    let again = Seen::default();
    let pump = start(&engine, directory.path(), vec![again.consumer("notifications", done)]).await;
    idle(&pump).await;
    let expected: Vec<_> = (1..4 * lanes::AT_ONCE).map(|n| vec![format!("Q-{n:02}")]).collect();
    assert_eq!(again.sorted(), expected, "what was interrupted or not begun is delivered at the next start");
}

/// Finding A10: a consumer with such a place read nothing, without a word.
#[tokio::test]
async fn a10_a_place_that_the_stream_does_not_have_is_refused_before_any_consumer_is_called() {
    let directory = tempfile::tempdir().unwrap();
    let engine = Engine::start(directory.path()).await.unwrap();
    let client = engine.stream_table().await;
    put(&client, "Q-1", 1).await;
    let pump = start(&engine, directory.path(), vec![Seen::default().consumer("issuance", done)]).await;
    idle(&pump).await;
    pump.shutdown().await;
    let file = directory.path().join("stream/issuance.json");
    let place: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let (stream, shards) = (place["stream"].as_str().unwrap(), place["shards"].as_object().unwrap());
    let (shard, consumed) = shards.iter().next().unwrap();
    let later = json!({"after": "999999999999999999999"});
    for (unknown, reason) in [
        (json!({"stream": stream, "shards": {(shard): later}}), "the newest record of the shard is"),
        (json!({"stream": stream, "shards": {"shard-of-another-table": consumed}}), "the stream has no shard"),
        (json!({"stream": format!("{stream}0"), "shards": shards}), "and the table has the stream"),
    ] {
        std::fs::write(&file, unknown.to_string()).unwrap();
        let seen = Seen::default();
        let consumers = vec![seen.consumer("issuance", done)];
        let refusal = Pump::start(streams(engine.endpoint()), &client, TABLE, consumers, directory.path()).await.err().unwrap();
        assert!(matches!(&refusal, PumpError::UnknownPlace { consumer: "issuance", .. }), "{refusal}");
        let says = refusal.to_string();
        assert!(says.contains(reason) && says.contains("restore") && says.contains("delete this file"), "{says}");
        assert!(seen.records().is_empty());
    }
    std::fs::remove_file(&file).unwrap();
    let seen = Seen::default();
    let pump = start(&engine, directory.path(), vec![seen.consumer("issuance", done)]).await;
    idle(&pump).await;
    assert_eq!(seen.batches(), [["Q-1"]], "without a place, everything is delivered again");
}
