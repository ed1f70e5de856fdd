//! The deployment on one machine keeps delivering while its timers fire (finding A1).

use domain::pending::Work;
use jiff::{SignedDuration, Timestamp};
use local::Timer;
use serde_json::json;
use tests::{NOW, World, example, plain_vendor};

/// How long the clock runs.
const MINUTES: i64 = 30;

#[tokio::test]
async fn after_thirty_minutes_of_timers_a_quote_is_delivered_and_paid_for_and_its_licences_are_issued() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let start: Timestamp = NOW.parse().unwrap();
    let held = world.import("tracker-data-center", 500, "2027-01-01").await;
    let mut counted = false;
    for minute in 1..=MINUTES {
        world.set_clock(&(start + SignedDuration::from_mins(minute)).to_string()).await;
        // A lookup is counted, by a counter that expires.
        let asked = json!({"sen": held, "email": "stranger@elsewhere.example", "currency": "USD"});
        world.post("/v1/entitlements/lookup", &asked).await;
        counted |= counters(&world).await > 0;
        for timer in Timer::ALL {
            if minute % i64::try_from(timer.interval().as_secs() / 60).unwrap() == 0 {
                world.deployment().fire(timer).await.unwrap();
            }
        }
    }
    assert!(counted, "lookups are counted");
    assert_eq!(counters(&world).await, 0, "the last minute removed what had expired");
    assert!(!world.data().join("stream/set-aside").exists(), "a removal is a record like any other");

    let quote = world.quote(&example()).await;
    world.letters().await.only("rita@reseller.example");
    world.pay(&quote).await;
    let mut letters = world.letters().await;
    letters.take("rita@reseller.example");
    letters.only("tina@customer.example");
    assert_eq!(world.see(&quote).await.0["licenses"].as_array().unwrap().len(), 2);

    world.restart().await;
    assert_eq!(world.see(&quote).await.0["invoice"], "IN-000001");
    for work in Work::ALL {
        assert!(world.deployment().store().waiting(work, Timestamp::MAX, 1).await.unwrap().is_empty());
    }
    world.close().await;
}

/// How many counters of limits the table holds.
async fn counters(world: &World) -> usize {
    let stored = world.stored().await;
    stored.keys().filter(|key| key.starts_with("LIMIT#")).count()
}
