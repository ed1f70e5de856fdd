//! Another policy without a deployment, and the old one for what it has priced.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{NOW, World, errors, example_of, plain_vendor, with};

const PRICES: &str = "/files/prices.toml";
const OLD: &str = "users = 500, price = 4200000";

/// The files of the policy in force, and its version.
async fn in_force(world: &World) -> (Value, String) {
    let version = world.desk_shows("policy").await["version"].as_str().unwrap().to_owned();
    (world.desk_shows(&format!("policy/{version}")).await, version)
}

/// The policy with a change of its prices.
fn changed(policy: &Value, from: &str, to: &str) -> Value {
    let prices = policy.pointer(PRICES).and_then(Value::as_str).unwrap();
    assert!(prices.contains(from));
    let files = json!({"files": policy["files"]});
    with(&files, [(PRICES, json!(prices.replacen(from, to, 1)))])
}

#[tokio::test]
async fn a_policy_is_published_over_the_desk_and_quotes_keep_theirs() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let order = example_of("tracker-data-center", 500);
    let old = world.quote(&order).await;
    world.ignore_letters().await;
    let (policy, first) = in_force(&world).await;
    assert_eq!((&policy["version"], &old.0["policy_version"]), (&json!(first), &json!(first)));

    // Unsound: every mistake with its file and line, and nothing is stored.
    let before = world.stored().await;
    let unsound = changed(&policy, OLD, "users = 500, price = -1");
    let unsound = with(&unsound, [("/files/channel.toml", json!("[[programme]]\nid = \"club\"\nname = \"Club\"\n"))]);
    let problem = world.desk(Method::PUT, "policy", &unsound).await.problem(422, "policy_unsound");
    let reported = errors(&problem);
    assert_eq!(reported, [("policy_unsound", "/files/channel.toml"), ("policy_unsound", PRICES)]);
    let details: Vec<_> = problem["errors"].as_array().unwrap().iter().map(|it| it["detail"].as_str().unwrap()).collect();
    let line = |text: &str| 1 + text.lines().position(|line| line.contains(OLD)).unwrap();
    let prices = policy.pointer(PRICES).and_then(Value::as_str).unwrap();
    assert!(details[0].starts_with("Line 2: ") && details[0].contains("club"), "{details:?}");
    assert!(details[1].starts_with(&format!("Line {}: ", line(prices))), "{details:?}");
    assert_eq!(world.stored().await, before, "nothing is stored");

    // Mistakes in the files are reported together with mistakes in their names.
    let misnamed = with(&unsound, [("/files/notes.txt", json!("x")), ("/files/payment.toml", json!(7)), ("/reason", json!(1))]);
    let problem = world.desk(Method::PUT, "policy", &misnamed).await.problem(422, "request_invalid");
    let mut reported = errors(&problem);
    reported.sort_unstable();
    let expected = [
        ("policy_unsound", "/files/channel.toml"),
        ("policy_unsound", PRICES),
        ("value_invalid", "/files/notes.txt"),
        ("wrong_type", "/files/payment.toml"),
        ("wrong_type", "/reason"),
    ];
    assert_eq!(reported, expected, "{problem:#}");
    assert_eq!(world.stored().await, before, "nothing is stored");

    // Finding A6. Sound: in force at once in this process, while its clock stands still, and everywhere by the stated instant.
    world.set_clock("2026-11-22T10:00:30Z").await;
    let lists = async || world.get("/v1/pricing").await.expect(200);
    assert_eq!(world.post("/v1/quotes/preview", &order).await.expect(200)["net"], 4_200_000);
    let (published_before, sound) = (lists().await, changed(&policy, OLD, "users = 500, price = 4300000"));
    let published = world.desk(Method::PUT, "policy", &sound).await.expect(200);
    let second = published["version"].as_str().unwrap().to_owned();
    assert_ne!(second, first);
    let instants = (&published["published_at"], &published["everywhere_by"]);
    assert_eq!(instants, (&json!("2026-11-22T10:00:30Z"), &json!("2026-11-22T10:02:00Z")));
    assert_ne!(lists().await, published_before);
    assert_eq!(world.post("/v1/quotes/preview", &order).await.expect(200)["net"], 4_300_000);
    let new = world.quote(&order).await;
    assert_eq!((&new.0["net"], &new.0["policy_version"]), (&json!(4_300_000), &json!(second)));
    world.ignore_letters().await;

    // What was quoted keeps its price and its policy, which stays readable.
    assert_eq!(world.see(&old).await.0, old.0);
    assert_eq!(world.desk_shows(&format!("policy/{first}")).await, policy);
    world.pay(&old).await;
    world.ignore_letters().await;
    assert_eq!(world.see(&old).await.0["status"], "paid");

    // The same again is no change; a policy that is no longer the one that was read is not replaced.
    let before = world.stored().await;
    assert_eq!(world.desk(Method::PUT, "policy", &sound).await.expect(200)["version"], second);
    assert_eq!(world.stored().await, before);
    let third = changed(&policy, OLD, "users = 500, price = 4400000");
    let late = with(&third, [("/version", json!(first))]);
    world.desk(Method::PUT, "policy", &late).await.problem(409, "record_changed");
    assert_eq!(world.stored().await, before);

    // Who put which in force is on record; and a restart keeps what was published.
    let audit = world.desk_shows("audit/policy/current").await;
    let [desk, folder] = &audit["entries"].as_array().unwrap()[..] else { panic!("two publications: {audit:#}") };
    assert_eq!((&folder["by"], &folder["after"]["version"]), (&json!("deployment"), &json!(first)));
    assert_eq!((&desk["before"]["version"], &desk["after"]["version"]), (&json!(first), &json!(second)));
    assert_eq!(desk["by"], published["by"], "the subject of the person who published it");
    world.restart().await;
    assert_eq!(world.desk_shows("policy").await["version"], second);
    assert_eq!(world.post("/v1/quotes/preview", &order).await.expect(200)["net"], 4_300_000);
    world.close().await;
}

/// C10: one person alone changes no bank account, where the policy in force says so.
#[tokio::test]
async fn c10_a_changed_bank_account_waits_for_a_second_person() {
    const PAYMENT: &str = "/files/payment.toml";
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let (policy, _) = in_force(&world).await;
    let payment = policy.pointer(PAYMENT).and_then(Value::as_str).unwrap();
    let sent = |payment: String| with(&json!({"files": policy["files"]}), [(PAYMENT, json!(payment))]);
    let by = async |email: &str, body: &Value| {
        let token = world.token_in(email, None, &["vendor-staff"]).await;
        world.send(world.request(Method::PUT, "/v1/desk/policy").bearer_auth(token).json(body)).await
    };
    let guarded = format!("{payment}\n[changes]\nsecond_person = true\n");
    // Without the rule, one person may change an account; the rule itself is no change of an account.
    by("dana@vendor.example", &sent(payment.replace("GB00 EXMP 0000 0000 0000 00", "GB00 EXMP 0000 0000 0000 01")))
        .await
        .expect(200);
    by("dana@vendor.example", &sent(payment.to_owned())).await.expect(200);
    let first = by("dana@vendor.example", &sent(guarded.clone())).await.expect(200)["version"].clone();

    let other_account = sent(guarded.replace("GB00 EXMP 0000 0000 0000 00", "GB00 EXMP 0000 0000 0000 66"));
    for changed in [&other_account, &sent(payment.to_owned())] {
        for email in ["dana@vendor.example", "dana@vendor.example", "DANA@vendor.example"] {
            let proposed = by(email, changed).await;
            assert_eq!(proposed.status, 202, "{}", proposed.text());
            assert_eq!(proposed.expect(202)["waits_for"], "second_person");
            assert_eq!(world.desk_shows("policy").await["version"], first, "nothing is in force yet");
        }
    }
    // A second person confirms what was proposed last, and nothing else.
    let proposed = by("erin@vendor.example", &other_account).await;
    assert_eq!(proposed.status, 202, "another policy was proposed in the meantime: {}", proposed.text());
    let published = by("dana@vendor.example", &other_account).await.expect(200);
    assert_eq!(world.desk_shows("policy").await["version"], published["version"]);
    let audit = world.desk_shows("audit/policy/current").await.to_string();
    assert!(audit.contains("dana@vendor.example") && audit.contains("erin@vendor.example"), "both are on record: {audit}");
    // Prices are no instructions.
    let prices = policy.pointer(PRICES).and_then(Value::as_str).unwrap().replacen(OLD, "users = 500, price = 4300000", 1);
    let cheaper = with(&other_account, [(PRICES, json!(prices))]);
    by("erin@vendor.example", &cheaper).await.expect(200);
    world.close().await;
}

/// D8: what a publication would change can be read before anything is published.
#[tokio::test]
async fn d8_a_check_of_a_policy_states_the_difference_in_words_and_publishes_nothing() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let (policy, first) = in_force(&world).await;
    let proposed = changed(&policy, OLD, "users = 500, price = 4300000");
    let checked = async |query: &str, body: &Value| world.desk(Method::PUT, &format!("policy{query}"), body).await;
    let before = world.stored().await;

    let answer = checked("?check=true", &proposed).await.expect(200);
    assert_eq!(answer["in_force"], json!(first));
    let changes: Vec<_> = answer["changes"].as_array().unwrap().iter().map(|change| change.as_str().unwrap()).collect();
    let [change] = &changes[..] else { panic!("one change: {changes:#?}") };
    assert!(change.starts_with("In prices.toml, book (product “tracker-data-center”, currency “USD”"), "{change}");
    assert!(change.ends_with("tiers (users 500): `price` changes from 4200000 to 4300000."), "{change}");
    let same = checked("?check=true", &json!({"files": policy["files"]})).await.expect(200);
    assert_eq!((&same["version"], &same["changes"]), (&json!(first), &json!([])));

    // The same refusals as a publication.
    let unsound = changed(&policy, OLD, "users = 500, price = -1");
    checked("?check=true", &unsound).await.problem(422, "policy_unsound");
    let late = with(&proposed, [("/version", json!("0123456789abcdef"))]);
    checked("?check=true", &late).await.problem(409, "record_changed");
    let refused = checked("?check=yes", &proposed).await.problem(400, "parameter_invalid");
    assert_eq!(refused["errors"][0]["allowed"], json!(["true", "false"]));
    assert_eq!(world.stored().await, before, "nothing is published and nothing is stored");

    let published = checked("?check=false", &proposed).await.expect(200);
    assert_eq!(published["version"], answer["version"], "the check states the version that a publication has");
    world.close().await;
}
