//! Looking up entitlements, only for callers who prove that they know them (R12, R28–R31).

use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, NOW, World, example, plain_vendor, sen, with};

const LOOKUP: &str = "/v1/entitlements/lookup";
const TINA: &str = "tina@customer.example";

fn asking(sen: &str, email: &str) -> Value {
    json!({"sen": sen, "email": email, "currency": "USD"})
}

#[tokio::test]
async fn r29_every_target_with_its_price_or_the_reason_why_not() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 1_000, "2027-01-01").await;
    let before = world.recorded().await;
    let found = world.post(LOOKUP, &asking(&held, "TINA@customer.example")).await.expect(200);
    let [entitlement] = &found["entitlements"].as_array().unwrap()[..] else { panic!("one: {found:#}") };
    assert_eq!((&entitlement["sen"], &entitlement["tier"]), (&json!(held), &json!(1_000)));
    assert_eq!((&entitlement["product"], &entitlement["ends"]), (&json!("tracker-data-center"), &json!("2027-01-01")));
    let answer_text = found.to_string();
    assert!(
        !answer_text.contains("Rita") && !answer_text.contains("Example Reseller") && !answer_text.contains(TINA),
        "no person is named: {answer_text}"
    );

    // What is available costs what an order of it costs; what is not says why, as an order of it would.
    let targets = entitlement["targets"].as_array().unwrap();
    let (mut available, mut refused) = (0, Vec::new());
    for target in targets {
        let mut line = json!({"kind": target["kind"], "sen": held, "users": target["users"]});
        if let Some(months) = target.get("term_months") {
            line["term_months"] = months.clone();
        }
        let answer = world.post("/v1/quotes/preview", &with(&example(), [("/lines", json!([line]))])).await;
        if target["available"] == true {
            available += 1;
            let preview = answer.expect(200);
            for same in ["amount", "starts", "ends"] {
                assert_eq!(preview["lines"][0][same], target[same], "{same} of {target:#}");
            }
        } else {
            let code = target["reason"]["code"].as_str().unwrap();
            answer.problem(422, code);
            refused.push((target["kind"].as_str().unwrap(), target["users"].as_u64().unwrap(), code));
            assert!(target.get("amount").is_none() && !target["reason"]["detail"].as_str().unwrap().is_empty());
        }
    }
    assert!(refused.contains(&("renewal", 1_000, "maintenance_cap_exceeded")), "36 months end after the cap: {refused:?}");
    assert!(refused.contains(&("upgrade", 500, "midterm_downgrade_no_credit")), "{refused:?}");
    assert!(available >= 5, "{available} of {}", targets.len());
    assert_eq!(world.recorded().await, before, "looking stores nothing");
    world.close().await;
}

#[tokio::test]
async fn r28_unknown_and_not_yours_are_one_answer() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-01-01").await;
    let site = json!({
        "organization": "Example Customer Inc.",
        "contacts": [{"role": "admin", "name": "Ada Admin", "email": "ada@customer.example"}],
        "entitlements": [held],
    });
    world.record("sites/acme.cloud.example", &site).await;
    let mistaken = with(&site, [("/organization", json!("Another Customer Inc."))]);
    world.record("sites/other-customer.cloud.example", &mistaken).await;

    let mut answers: Vec<Value> = Vec::new();
    for nothing in [
        asking(&sen("nobody has it"), TINA),
        asking(&held, "eve@elsewhere.example"),
        // The purchaser's address is not accepted by this policy.
        asking(&held, "rita@reseller.example"),
        json!({"site": "other.cloud.example", "email": "ada@customer.example", "currency": "USD"}),
        json!({"site": "acme.cloud.example", "email": "eve@elsewhere.example", "currency": "USD"}),
        json!({"site": "acme.cloud.example", "email": TINA, "currency": "USD"}),
        // What is noted for the site of another customer by mistake is not theirs.
        json!({"site": "other-customer.cloud.example", "email": "ada@customer.example", "currency": "USD"}),
    ] {
        let asked = Instant::now();
        let answer = world.post(LOOKUP, &nothing).await;
        assert!(asked.elapsed() >= Duration::from_millis(100), "no such answer comes sooner than another");
        answers.push(anonymous(&answer));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");

    // R31: an authorized contact of the site sees its subscriptions.
    let ours = json!({"site": "https://ACME.cloud.example/browse", "email": "Ada@customer.example", "currency": "USD"});
    assert_eq!(world.post(LOOKUP, &ours).await.expect(200)["entitlements"][0]["sen"], held);

    // An order reveals no more.
    let order = |held: &str, contact: &str| {
        with(&example(), [("/lines", json!([{"kind": "renewal", "sen": held, "contact": contact, "term_months": 12}]))])
    };
    let orders = [order(&sen("nobody has it"), TINA), order(&held, "eve@elsewhere.example")];
    let mut refusals = Vec::new();
    for order in &orders {
        let answer = world.post("/v1/quotes", order).await;
        answer.problem(422, "entitlement_not_matched");
        refusals.push(anonymous(&answer));
    }
    assert!(refusals.iter().all(|answer| *answer == refusals[0]), "{refusals:#?}");
    // That a number is mistyped says nothing about what there is.
    let mistyped = world.post("/v1/quotes", &order("SEN-4MRX7-PQ2HVX", TINA)).await.problem(422, "entitlement_not_matched");
    assert!(mistyped["detail"].as_str().unwrap().contains("typing errors"), "{mistyped:#}");
    world.close().await;
}

/// An answer without what makes every answer another.
fn anonymous(answer: &Answer) -> Value {
    answer.problem(422, "entitlement_not_matched");
    let mut problem = answer.json();
    problem.as_object_mut().unwrap().remove("request_id");
    let mut headers: Vec<_> = answer.headers.keys().map(|name| name.as_str().to_owned()).collect();
    headers.sort_unstable();
    json!({"body": problem, "headers": headers, "length": answer.body.len()})
}

#[tokio::test]
async fn r28_no_caller_may_try_many_numbers() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-01-01").await;
    let too_many = |answer: &Answer| {
        answer.problem(429, "too_many_requests");
        assert_eq!(answer.header("retry-after"), "60");
    };

    // Twenty requests about one number, whether it exists or not; then even a caller who knows it must wait.
    for subject in [&held, &sen("nobody has it")] {
        let guess = |n: u32| asking(subject, &format!("guess{n}@elsewhere.example"));
        for n in 0..20 {
            world.post(LOOKUP, &guess(n)).await.problem(422, "entitlement_not_matched");
        }
        too_many(&world.post(LOOKUP, &asking(subject, TINA)).await);
    }
    let renewal = with(&example(), [("/lines", json!([{"kind": "renewal", "sen": held, "term_months": 12}]))]);
    too_many(&world.post("/v1/quotes/preview", &renewal).await);

    // Two hundred names from one address, about whatever and however they are asked: each line of an order is a question.
    let renewal = |n: u32| json!({"kind": "renewal", "sen": sen(&format!("number {n}")), "term_months": 12});
    let renewals = with(&example(), [("/lines", (0..100).map(renewal).collect())]);
    world.post("/v1/quotes/preview", &renewals).await.expect(422);
    too_many(&world.post("/v1/quotes/preview", &renewals).await);

    // A window later, it is answered again.
    world.set_clock("2026-11-22T10:01:01Z").await;
    world.post(LOOKUP, &asking(&held, TINA)).await.expect(200);
    let limits: Vec<_> = world.stored().await.into_keys().filter(|key| key.starts_with("LIMIT#")).collect();
    assert!(!limits.is_empty() && limits.iter().all(|key| !key.contains("127.0.0.1") && !key.contains('@')), "{limits:?}");
    world.close().await;
}

#[tokio::test]
async fn all_faults_of_a_lookup_are_reported_at_once() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    for (body, expected) in [
        (json!({}), vec![("required", "/sen"), ("required", "/email"), ("required", "/currency")]),
        (
            json!({"sen": "SEN-1", "email": "tina", "currency": "usd", "secret": 1}),
            vec![
                ("unknown_member", "/secret"),
                ("value_invalid", "/sen"),
                ("email_invalid", "/email"),
                ("currency_not_offered", "/currency"),
            ],
        ),
        (json!({"sen": sen("a"), "site": "a.example", "email": TINA, "currency": "CHF"}), vec![("not_expected", "/site")]),
        (json!({"sen": sen("a"), "email": TINA, "currency": "CHF"}), vec![("currency_not_offered", "/currency")]),
    ] {
        let problem = world.post(LOOKUP, &body).await.expect(422);
        let mut found_faults = tests::errors(&problem);
        let mut expected = expected;
        found_faults.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found_faults, expected, "{body}");
    }
    world.send(world.request(Method::GET, LOOKUP)).await.problem(405, "method_not_allowed");
    world.close().await;
}
