//! Lists are read to their end, page by page (A3, A4).

use domain::number::Minter;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use serde_json::{Value, json};
use store::Reveal;
use tests::{Answer, NOW, World, example_of, plain_vendor, with};

/// The answer to a request of staff for a page.
async fn page(world: &World, path: &str, query: &[(&str, &str)]) -> Answer {
    let query: Vec<_> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let request = world.request(Method::GET, &format!("/v1/desk/{path}?{}", query.join("&")));
    world.send(request.bearer_auth(world.staff().await)).await
}

/// Every page of a list, by following `next` to the end: the entries of the member `entries`.
async fn pages(world: &World, path: &str, entries: &str, limit: &str) -> Vec<Vec<Value>> {
    let (mut pages, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut query = vec![("limit", limit)];
        query.extend(next.as_deref().map(|next| ("cursor", next)));
        let mut shown = page(world, path, &query).await.expect(200);
        let Value::Array(found) = shown[entries].take() else { panic!("no {entries} in {shown:#}") };
        pages.push(found);
        next = shown["next"].as_str().map(str::to_owned);
        if next.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn a3_a_genuine_order_is_found_behind_105_that_say_coterm_in_their_notes() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let order = example_of("tracker-data-center", 500);
    let noted = world.quote(&with(&order, [("/notes", json!("coterm"))])).await;
    let store = world.deployment().store().clone();
    let minter = Minter::new(b"the orders of one day");
    let mut copy = store.quote(&noted.number().parse().unwrap()).await.unwrap().unwrap();
    for i in 1..105 {
        copy.number = minter.quote_from_seed(&i.to_string());
        assert_eq!(store.create_quote(&copy).await.unwrap(), store::Created::New);
    }
    world.set_clock("2026-11-23T10:00:00Z").await;
    let claim = json!([{"segment": "academic", "document": "mine.pdf"}]);
    let genuine = world.quote(&with(&order, [("/segments", claim)])).await;
    world.ignore_letters().await;

    for (limit, lengths) in [("100", vec![100, 6]), ("53", vec![53, 53]), ("200", vec![106])] {
        let pages = pages(&world, "reviews", "quotes", limit).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), lengths, "{limit}");
        let mut numbers: Vec<_> = pages.iter().flatten().map(|quote| quote["number"].as_str().unwrap()).collect();
        assert_eq!(numbers.last(), Some(&genuine.number()), "the last due is the last one");
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), 106, "each order once");
    }
    let first = page(&world, "reviews", &[]).await.expect(200);
    assert_eq!((first["quotes"].as_array().unwrap().len(), first["next"].is_string()), (100, true), "a hundred by default");

    // An order that is decided between two pages is missing, and no other one.
    let first = page(&world, "reviews", &[("limit", "105")]).await.expect(200);
    let decision = json!({"reason": "Looked at.", "revision": 1, "list_price": true});
    world.desk(Method::POST, &format!("quotes/{}/approve", genuine.number()), &decision).await.expect(200);
    let after = page(&world, "reviews", &[("cursor", first["next"].as_str().unwrap())]).await.expect(200);
    assert_eq!((&after["quotes"], after.get("next")), (&json!([]), None));
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn a4_the_first_entry_of_an_audit_is_reachable_after_205_reveals() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let sen = world.import("tracker-data-center", 500, "2027-06-30").await;
    let now: Timestamp = NOW.parse().unwrap();
    let store = world.deployment().store();
    for second in 1..=205 {
        let at = now + SignedDuration::from_secs(second);
        let subject = format!("user-{second}");
        let reveal = Reveal { subject: &subject, email: None, key_id: "k1", ip: None };
        store.audit_reveal(&sen.parse().unwrap(), at, "unique", reveal).await.unwrap();
    }
    let path = format!("audit/entitlements/{sen}");
    for (limit, lengths) in [("200", vec![200, 6]), ("103", vec![103, 103]), ("100", vec![100, 100, 6])] {
        let pages = pages(&world, &path, "entries", limit).await;
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), lengths, "{limit}");
        let entries: Vec<_> = pages.iter().flatten().collect();
        let by: Vec<_> = entries.iter().take(205).map(|entry| entry["by"].as_str().unwrap().to_owned()).collect();
        assert_eq!(by, (1..=205).rev().map(|second| format!("user-{second}")).collect::<Vec<_>>(), "newest first, each once");
        assert_eq!((&entries[205]["action"], &entries[205]["at"]), (&json!("record"), &json!(NOW)), "the import is the first");
    }
    world.close().await;
}

#[tokio::test]
async fn a_cursor_of_another_list_and_a_wrong_limit_are_refused() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let partner = |name: &str| json!({"name": name, "memberships": []});
    world.record("partners/Somebody", &partner("Somebody")).await;
    world.set_clock("2026-11-22T11:00:00Z").await;
    world.record("partners/Somebody", &partner("Somebody Else")).await;
    let first = page(&world, "audit/partners/Somebody", &[("limit", "1")]).await.expect(200);
    let cursor = first["next"].as_str().unwrap();
    let second = page(&world, "audit/partners/SOMEBODY", &[("limit", "1"), ("cursor", cursor)]).await.expect(200);
    assert_eq!((&second["entries"][0]["at"], second.get("next")), (&json!(NOW), None));

    let before = world.stored().await;
    for path in ["audit/partners/Other", "audit/evidence/Somebody", "reviews"] {
        let problem = page(&world, path, &[("cursor", cursor)]).await.problem(400, "parameter_invalid");
        assert!(problem["detail"].as_str().unwrap().contains("not a cursor of this list"), "{path}: {problem}");
    }
    for (name, value) in [("cursor", "1"), ("cursor", ""), ("cursor", &cursor[1..]), ("limit", "0"), ("limit", "201")] {
        page(&world, "audit/partners/Somebody", &[(name, value)]).await.problem(400, "parameter_invalid");
    }
    let both = page(&world, "reviews", &[("limit", "many"), ("cursor", "!")]).await.problem(400, "parameter_invalid");
    assert_eq!(both["errors"].as_array().unwrap().len(), 2, "every fault at once: {both:#}");
    let unknown = page(&world, "reviews", &[("page", "2")]).await.problem(400, "unknown_parameter");
    assert_eq!(unknown["errors"][0]["allowed"], json!(["limit", "cursor"]), "B13");
    assert_eq!(world.stored().await, before);
    world.close().await;
}

/// B13: a parameter that a caller believes in must not be without effect.
#[tokio::test]
async fn b13_an_unknown_query_parameter_is_refused_and_nothing_is_stored_or_sent() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let version = world.desk_shows("policy").await["version"].as_str().unwrap().to_owned();
    let files = world.desk_shows(&format!("policy/{version}")).await["files"].take();
    let prices = format!("{}\n# Dearer.\n", files["prices.toml"].as_str().unwrap());
    let policy = with(&json!({"files": files}), [("/files/prices.toml", json!(prices))]);
    let before = world.stored().await;
    let refused = world.desk(Method::PUT, "policy?dry_run=true", &policy).await.problem(400, "unknown_parameter");
    assert!(refused["detail"].as_str().unwrap().contains("accepts"), "{refused:#}");
    world.post("/v1/quotes?preview=true", &example_of("tracker-server", 25)).await.problem(400, "unknown_parameter");
    world.get("/v1/pricing?currency=EUR").await.problem(400, "unknown_parameter");
    assert_eq!(world.stored().await, before);
    assert_eq!(world.desk_shows("policy").await["version"], json!(version));
    world.close().await;
}
