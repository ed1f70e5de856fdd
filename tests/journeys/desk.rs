//! The vendor's desk: who may come, what it records, and that every change says who made it (R4, R12, R58, R91, R118).

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tests::{Answer, NOW, Quote, World, errors, example, example_of, imported, plain_vendor, sen, stripe::Payment, with};

use crate::rules::routes::ROUTES;

/// Every route of the desk.
fn routes() -> Vec<(Method, String)> {
    let held = sen("nobody has it");
    let records = ["partners/Somebody", "evidence/EV-1", "certificates/C-1", "sites/a.example"].map(str::to_owned);
    let records = records.into_iter().chain([format!("entitlements/{held}")]);
    let mut routes: Vec<_> = records.flat_map(|path| [(Method::GET, path.clone()), (Method::PUT, path)]).collect();
    routes.extend(
        [
            (Method::POST, "entitlements"),
            (Method::GET, "audit/partners/Somebody"),
            (Method::GET, "reviews"),
            (Method::GET, "quotes/Q-7KQ4-M9XTC"),
            (Method::POST, "quotes/Q-7KQ4-M9XTC/approve"),
            (Method::POST, "quotes/Q-7KQ4-M9XTC/reject"),
            (Method::GET, "payments"),
            (Method::GET, "payments/stripe:pi_1"),
            (Method::POST, "payments/stripe:pi_1/close"),
            (Method::GET, "policy"),
            (Method::PUT, "policy"),
            (Method::GET, "policy/0123456789abcdef"),
        ]
        .map(|(method, path)| (method, path.to_owned())),
    );
    routes
}

#[tokio::test]
async fn only_staff_may_use_the_desk() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let before = world.stored().await;
    let customer = world.token("carl@customer.example", Some("Example Customer Inc.")).await;
    let other_group = world.token_in("carl@customer.example", None, &["Vendor-Staff", "vendor-staff-guests"]).await;
    for (method, path) in routes() {
        let knock = || world.request(method.clone(), &format!("/v1/desk/{path}")).json(&json!({"reason": "please"}));
        let anonymous = world.send(knock()).await;
        anonymous.problem(401, "sign_in_required");
        assert!(anonymous.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        world.send(knock().bearer_auth("no token")).await.problem(401, "sign_in_required");
        for token in [&customer, &other_group] {
            world.send(knock().bearer_auth(token)).await.problem(403, "staff_only");
        }
    }
    assert_eq!(world.stored().await, before);
    world.close().await;
}

#[tokio::test]
async fn r118_every_change_says_who_when_before_and_after() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let gold = json!({"name": "Reseller GmbH", "memberships": [{"programme": "partner", "tier": "gold", "from": "2026-01-01"}]});
    let path = "partners/Reseller GmbH";
    assert_eq!(world.desk(Method::PUT, path, &gold).await.expect(201)["version"], 1);
    assert_eq!(world.desk(Method::PUT, path, &gold).await.expect(200)["version"], 1, "the same again is no change");
    world.set_clock("2026-11-22T11:00:00Z").await;
    let silver = with(&gold, [("/memberships/0/tier", json!("silver")), ("/version", json!(1))]);
    assert_eq!(world.desk(Method::PUT, path, &silver).await.expect(200)["version"], 2);
    let late = with(&gold, [("/version", json!(1)), ("/name", json!("Another"))]);
    world.desk(Method::PUT, path, &late).await.problem(409, "record_changed");
    let shown = world.desk_shows("partners/RESELLER GmbH").await;
    assert_eq!((&shown["version"], &shown["memberships"][0]["tier"]), (&json!(2), &json!("silver")));

    let audit = world.desk_shows("audit/partners/Reseller GmbH").await;
    let [second, first] = &audit["entries"].as_array().unwrap()[..] else { panic!("two entries: {audit:#}") };
    assert_eq!((&first["at"], &second["at"]), (&json!("2026-11-22T10:00:00Z"), &json!("2026-11-22T11:00:00Z")));
    assert!(first.get("before").is_none() && first["after"]["memberships"][0]["tier"] == "gold", "{first:#}");
    assert_eq!((&second["before"], &second["after"]["version"]), (&first["after"], &json!(2)));
    let staff = first["by"].as_str().unwrap();
    assert!(!staff.is_empty() && !staff.contains('@') && second["by"] == staff, "a subject, and no address: {staff}");
    assert_eq!(first["email"], "dana@vendor.example", "and the address by which staff know each other");

    // All faults are reported at once, and nothing is changed.
    let before = world.stored().await;
    let wrong = json!({"memberships": [
        {"programme": "partner", "from": "2026-01-01"}, {"programme": "club", "from": "soon"},
        {"programme": "corporate_reseller", "from": "2026-02-01", "until": "2026-02-01", "level": 3},
    ]});
    let problem = world.desk(Method::PUT, path, &wrong).await.problem(422, "request_invalid");
    let problem_found = errors(&problem);
    for fault in [
        ("required", "/name"),
        ("required", "/memberships/0/tier"),
        ("value_invalid", "/memberships/1/programme"),
        ("value_invalid", "/memberships/1/from"),
        ("value_invalid", "/memberships/2/until"),
        ("unknown_member", "/memberships/2/level"),
    ] {
        assert!(problem_found.contains(&fault), "{fault:?} among {problem_found:?}");
    }
    assert_eq!(world.stored().await, before);
    world.close().await;
}

/// A kind of record that staff keep at the desk.
struct Kept {
    /// Its route below `/v1/desk/`.
    route: &'static str,
    /// The path of one record.
    path: String,
    /// What is sent first.
    body: Value,
    /// The member that is changed later, as a pointer, and its new value.
    change: (&'static str, Value),
    /// The pointer of that member in the record.
    stored: &'static str,
}

/// Every kind of record.
fn records() -> [Kept; 5] {
    let partner = json!({"name": "Reseller GmbH", "memberships": []});
    let evidence = json!({
        "segment": "nonprofit", "organization": "Example Charity", "registration_number": "1", "country": "US",
        "expires": "2027-11-22",
    });
    let certificate = json!({
        "kind": "resale", "organization": "Example Reseller GmbH", "country": "US", "region": "US-NY", "number": "NY-0042",
        "document": "archive/2", "from": "2026-01-01", "expires": "2027-01-01",
    });
    let site = json!({
        "organization": "Example Customer Inc.", "entitlements": [],
        "contacts": [{"role": "admin", "name": "Ada Admin", "email": "ada@customer.example"}],
    });
    let entitlement = imported("tracker-server", 25, "2027-01-01");
    let kept = |route, path: &str, body, change, stored| Kept { route, path: path.to_owned(), body, change, stored };
    let one = format!("entitlements/{}", sen("one"));
    [
        kept("partners/{organization}", "partners/Reseller GmbH", partner, ("/name", json!("Reseller Ltd")), "/name"),
        kept("evidence/{id}", "evidence/EV-1", evidence, ("/expires", json!("2028-11-22")), "/expires"),
        kept("certificates/{id}", "certificates/RC-1", certificate, ("/expires", json!("2028-01-01")), "/expires"),
        kept("sites/{host}", "sites/a.example", site, ("/organization", json!("Another Inc.")), "/organization"),
        kept("entitlements/{sen}", &one, entitlement, ("/end", json!("2028-01-01")), "/maintenance_end"),
    ]
}

/// Every route by which staff change something. One that this test does not try fails it.
#[tokio::test]
async fn r118_every_route_that_changes_something_says_who_when_before_and_after() {
    const LATER: &str = "2026-11-22T11:00:00Z";
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let claim = json!([{"segment": "academic", "document": "mine.pdf"}]);
    let order = with(&example_of("tracker-data-center", 500), [("/segments", claim)]);
    let orders = [world.quote(&order).await, world.quote(&order).await];
    world.ignore_letters().await;
    let entries = async |world: &World, path: &str| {
        let mut audit = world.desk_shows(&format!("audit/{path}")).await;
        assert!(audit.get("next").is_none(), "{path}");
        let Value::Array(entries) = audit["entries"].take() else { panic!("{path}: {audit:#}") };
        entries
    };
    let assert_by_staff = |entry: &Value, at: &str| {
        let by = entry["by"].as_str().unwrap();
        assert!(!by.is_empty() && !by.contains('@'), "a subject, and no address: {entry:#}");
        assert_eq!((&entry["at"], &entry["email"]), (&json!(at), &json!("dana@vendor.example")), "{entry:#}");
    };

    let mut tried = Vec::new();
    let mut sent = Vec::new();
    for Kept { route, path, body, change, stored } in records() {
        let first = world.desk(Method::PUT, &path, &body).await.expect(201);
        sent.push((path, with(&body, [change, ("/version", first["version"].clone())]), stored));
        tried.push(format!("PUT /v1/desk/{route}"));
    }
    let line = with(&imported("tracker-server", 25, "2027-01-01"), [("/sen", json!(sen("two")))]);
    assert_eq!(send_lines(&world, &line.to_string(), "application/jsonl").await.expect(200)["created"], 1);
    tried.push("POST /v1/desk/entitlements".to_owned());
    let [brought_in] = &entries(&world, &format!("entitlements/{}", sen("two"))).await[..] else { panic!("one entry") };
    assert_by_staff(brought_in, NOW);
    assert!(brought_in.get("before").is_none() && brought_in["after"]["maintenance_end"] == "2027-01-01", "{brought_in:#}");

    world.set_clock(LATER).await;
    for (path, record, stored) in sent {
        world.desk(Method::PUT, &path, &record).await.expect(200);
        let entries = entries(&world, &path).await;
        let [second, first] = &entries[..] else { panic!("two entries of {path}: {entries:#?}") };
        assert_by_staff(first, NOW);
        assert_by_staff(second, LATER);
        assert!(first.get("before").is_none(), "{path}: {first:#}");
        assert_eq!(second["before"], first["after"], "{path}");
        let [before, after] = [&second["before"], &second["after"]].map(|record| record.pointer(stored));
        assert!(before.is_some() && after.is_some() && before != after, "{path}: {second:#}");
    }

    let version = world.desk_shows("policy").await["version"].as_str().unwrap().to_owned();
    let policy = world.desk_shows(&format!("policy/{version}")).await;
    let prices = format!("{}\n# Reviewed.\n", policy["files"]["prices.toml"].as_str().unwrap());
    let next = with(&json!({"files": policy["files"]}), [("/files/prices.toml", json!(prices))]);
    let next = world.desk(Method::PUT, "policy", &next).await.expect(200);
    tried.push("PUT /v1/desk/policy".to_owned());
    let published = entries(&world, "policy/current").await;
    let [by_staff, deployed] = &published[..] else { panic!("two entries: {published:#?}") };
    assert_eq!((&deployed["by"], &deployed["at"], deployed.get("email")), (&json!("deployment"), &json!(NOW), None));
    assert_by_staff(by_staff, LATER);
    assert_eq!(by_staff["before"], deployed["after"]);
    assert_eq!((&by_staff["before"]["version"], &by_staff["after"]["version"]), (&json!(version), &next["version"]));

    for (quote, (what, event, after)) in
        orders.iter().zip([("approve", "approved", "issued"), ("reject", "rejected", "rejected")])
    {
        let mut decision = json!({"reason": "Looked at.", "revision": 1});
        if what == "approve" {
            decision["list_price"] = true.into();
        }
        world.desk(Method::POST, &format!("quotes/{}/{what}", quote.number()), &decision).await.expect(200);
        tried.push(format!("POST /v1/desk/quotes/{{number}}/{what}"));
        let decided = world.desk_shows(&format!("quotes/{}", quote.number())).await;
        let mut history = decided["history"].as_array().unwrap().iter();
        let entry = history.find(|entry| entry["event"] == event).unwrap_or_else(|| panic!("no {event} in {decided:#}"));
        assert_by_staff(entry, LATER);
        assert_eq!((&entry["before"], &entry["after"]), (&json!("in_review"), &json!(after)), "{entry:#}");
    }

    let lost = Payment { metadata: json!({}), ..Payment::of(&orders[0], NOW) }.named("pi_lost");
    world.stripe(&lost.intent_succeeded()).await.expect(200);
    let closing = json!({"reason": "Refunded.", "version": 1});
    world.desk(Method::POST, "payments/stripe:pi_lost/close", &closing).await.expect(200);
    tried.push("POST /v1/desk/payments/{payment}/close".to_owned());
    let [closed] = &entries(&world, "payments/stripe:pi_lost").await[..] else { panic!("one entry") };
    assert_by_staff(closed, LATER);
    assert_eq!((&closed["before"]["version"], &closed["after"]["version"]), (&json!(1), &json!(2)));

    world.ignore_letters().await;
    world.quote(&example_of("tracker-data-center", 500)).await;
    let copy = world.letters().await.only("rita@reseller.example");
    world.post(&format!("/local/inbox/{}/feedback", copy.id), &json!({"report": "bounce"})).await.expect(200);
    let suppressed = world.desk_shows("suppressions").await;
    let mailbox = suppressed["suppressions"][0]["mailbox"].as_str().unwrap();
    let lift = json!({"reason": "It works.", "version": suppressed["suppressions"][0]["version"]});
    world.desk(Method::POST, &format!("suppressions/{mailbox}/lift"), &lift).await.expect(200);
    tried.push("POST /v1/desk/suppressions/{mailbox}/lift".to_owned());
    let [lifted] = &entries(&world, &format!("suppressions/{mailbox}")).await[..] else { panic!("one entry") };
    assert_by_staff(lifted, LATER);
    assert!(lifted["before"].get("lifted").is_none() && lifted["after"]["lifted"]["reason"] == "It works.", "{lifted:#}");

    let mut all: Vec<_> =
        ROUTES.iter().filter(|(function, route, _)| *function == "desk" && !route.starts_with("GET ")).map(|row| row.1).collect();
    all.sort_unstable();
    tried.sort_unstable();
    assert_eq!(tried, all, "left: what is tried; right: what there is");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r118_a_change_may_state_its_reason() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let path = "evidence/EV-1";
    let evidence = json!({
        "segment": "nonprofit", "organization": "Example Charity", "registration_number": "1", "country": "US",
        "expires": "2027-11-22",
    });
    let because = |body: &Value, reason: &str| with(body, [("/reason", json!(reason))]);
    let first = world.desk(Method::PUT, path, &because(&evidence, "Register seen.")).await.expect(201);
    assert!(first.get("reason").is_none(), "it is about the change, and no part of the record");
    let before = world.stored().await;
    assert_eq!(world.desk(Method::PUT, path, &because(&evidence, "Seen again.")).await.expect(200), first);
    let long = because(&with(&evidence, [("/expires", json!("2028-11-22"))]), &"x".repeat(501));
    let problem_found = world.desk(Method::PUT, path, &long).await.problem(422, "value_invalid");
    assert_eq!(errors(&problem_found), [("value_invalid", "/reason")]);
    assert_eq!(world.stored().await, before);
    let audit = world.desk_shows(&format!("audit/{path}")).await;
    assert_eq!((audit["entries"].as_array().unwrap().len(), audit.get("next")), (1, None));
    assert_eq!(audit["entries"][0]["reason"], "Register seen.");

    let version = world.desk_shows("policy").await["version"].as_str().unwrap().to_owned();
    let policy = world.desk_shows(&format!("policy/{version}")).await;
    // Entries of one instant are in any order.
    world.set_clock("2026-11-22T10:00:01Z").await;
    let prices = format!("{}\n# Reviewed.\n", policy["files"]["prices.toml"].as_str().unwrap());
    let next = with(&json!({"files": policy["files"]}), [("/files/prices.toml", json!(prices))]);
    world.desk(Method::PUT, "policy", &because(&next, "The yearly review.")).await.expect(200);
    let audit = world.desk_shows("audit/policy/current").await;
    assert_eq!(audit["entries"][0]["reason"], "The yearly review.");
    assert!(audit["entries"][1].get("reason").is_none(), "a deployment says none");
    world.close().await;
}

/// Sends lines to the desk.
async fn send_lines(world: &World, batch: &str, kind: &str) -> Answer {
    let request = world.request(Method::POST, "/v1/desk/entitlements").header("content-type", kind);
    world.send(request.bearer_auth(world.staff().await).body(batch.to_owned())).await
}

#[tokio::test]
async fn a_thousand_lines_come_in_at_once() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    // All but the last are of a tier that there is not.
    let line = |i: u32| {
        let tier = if i == 1_000 { 500 } else { 501 };
        with(&imported("tracker-data-center", tier, "2027-01-01"), [("/sen", json!(sen(&i.to_string())))])
    };
    let batch: String = (1..=1_000).map(|i| format!("{}\n", line(i))).collect();
    assert!(batch.len() > 256 * 1024, "more than other bodies may have");
    let report = send_lines(&world, &batch, "application/jsonl").await.expect(200);
    assert_eq!((&report["created"], &report["refused"]), (&json!(1), &json!(999)));
    assert_eq!((&report["lines"][999]["line"], &report["lines"][999]["outcome"]), (&json!(1_000), &json!("created")));
    assert_eq!(world.desk_shows(&format!("entitlements/{}", sen("1000"))).await["tier"], 500);

    let before = world.stored().await;
    let too_large = " ".repeat(2 * 1024 * 1024 + 1);
    let refused = send_lines(&world, &too_large, "application/jsonl").await.problem(413, "body_too_large");
    assert!(refused["detail"].as_str().unwrap().contains("2048 KiB"), "{refused:#}");
    assert_eq!(world.stored().await, before);
    world.close().await;
}

#[tokio::test]
async fn licences_sold_before_come_in_line_by_line() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let line = |cause: &str, changes: &[(&str, Value)]| {
        let entitlement = with(&imported("tracker-data-center", 500, "2027-01-01"), [("/sen", json!(sen(cause)))]);
        with(&entitlement, changes.iter().cloned())
    };
    let sound = [line("one", &[]), line("two", &[("/product", json!("tracker-server")), ("/tier", json!(25))])];
    let wrong = line("three", &[("/tier", json!(501)), ("/end", json!("2024-01-01")), ("/key", json!("x"))]);
    let batch = format!("{}\n{wrong}\n\n{{\n{}\r\n{}\n", sound[0], sound[1], sound[0]);
    let report = send_lines(&world, &batch, "application/jsonl").await.expect(200);
    assert_eq!((&report["created"], &report["refused"]), (&json!(2), &json!(3)), "{report:#}");
    let outcomes: Vec<_> = report["lines"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| (it["line"].as_u64().unwrap(), it["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(outcomes, [(1, "created"), (2, "refused"), (4, "refused"), (5, "created"), (6, "refused")]);
    let faults = &report["lines"][1]["errors"];
    let pointers: Vec<_> = faults.as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
    assert!(["/tier", "/end", "/key"].iter().all(|pointer| pointers.contains(pointer)), "{faults:#}");

    // Sent again, it changes nothing; and what came in can be renewed at once.
    let before = world.stored().await;
    let again = send_lines(&world, &sound.map(|line| line.to_string()).join("\n"), "application/x-ndjson").await.expect(200);
    assert_eq!(again["unchanged"], 2);
    assert_eq!(world.stored().await, before);
    assert_eq!(send_lines(&world, "{}", "application/json").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let renewal = with(&example_of("tracker-server", 25), [("/lines", json!([{"kind": "renewal", "sen": sen("two")}]))]);
    let quote = world.quote(&renewal).await;
    assert_eq!(quote.0["net"], 175_000);

    // What a quote of ours has changed is no longer the desk's to say.
    world.pay(&quote).await;
    world.ignore_letters().await;
    let over = imported("tracker-server", 25, "2030-01-01");
    world.desk(Method::PUT, &format!("entitlements/{}", sen("two")), &over).await.problem(409, "record_changed");
    let shown = world.desk_shows(&format!("entitlements/{}", sen("two"))).await;
    assert_eq!((&shown["end"], &shown["quote"]), (&json!("2028-01-01"), &json!(quote.number())));
    assert!(!shown.to_string().contains("LICENSE FILE"), "R52: the desk never sees a key");
    world.close().await;
}

/// What staff see of a quote that its buyer does not, having seen that they see all else.
async fn seen_by_staff_alone(world: &World, quote: &Quote) -> Vec<Value> {
    let (mut shown, mut bought) = (world.desk_shows(&format!("quotes/{}", quote.number())).await, world.see(quote).await.0);
    assert!(!shown.to_string().contains(quote.secret()), "the buyer's secret opens and revises the quote");
    let [of_staff, of_buyer] = [&mut shown, &mut bought].map(|quote| {
        let Value::Array(history) = quote["history"].take() else { panic!("a history: {quote:#}") };
        history
    });
    bought.as_object_mut().unwrap().remove("links");
    assert_eq!(shown, bought);
    assert_eq!(of_staff.len(), of_buyer.len());
    of_staff.into_iter().zip(of_buyer).filter(|(staff, buyer)| staff != buyer).map(|(staff, _)| staff).collect()
}

#[tokio::test]
async fn r34_staff_see_what_they_decide_about_and_who_has_decided() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let claim = json!([{"segment": "academic", "document": "mine.pdf"}]);
    let request = with(&example_of("tracker-data-center", 500), [("/segments", claim)]);
    let [yes, no] = [world.quote(&request).await, world.quote(&request).await];
    assert_eq!(seen_by_staff_alone(&world, &yes).await, [Value::Null; 0]);
    let shown = world.desk_shows(&format!("quotes/{}", yes.number())).await;
    assert_eq!((&shown["segments"][0]["document"], &shown["review_due"]), (&json!("mine.pdf"), &json!("2026-11-25")));

    let decision = |reason: &str| json!({"reason": reason, "revision": shown["revision"]});
    let path = |quote: &Quote, what: &str| format!("quotes/{}/{what}", quote.number());
    let approval = with(&decision("Certificate seen."), [("/list_price", json!(true))]);
    world.desk(Method::POST, &path(&yes, "approve"), &approval).await.expect(200);
    world.desk(Method::POST, &path(&no, "reject"), &decision("No such school.")).await.expect(200);
    let decided = [seen_by_staff_alone(&world, &yes).await, seen_by_staff_alone(&world, &no).await];
    for (decided, [event, reason]) in decided.iter().zip([["approved", "Certificate seen."], ["rejected", "No such school."]]) {
        let [entry] = &decided[..] else { panic!("one entry differs: {decided:#?}") };
        assert_eq!((&entry["event"], &entry["reason"]), (&json!(event), &json!(reason)));
        let by = entry["by"].as_str().unwrap();
        assert!(!by.is_empty() && !by.contains('@'), "a subject, and no address: {by}");
        assert_eq!(entry["email"], "dana@vendor.example", "R118: who that is can be read");
    }

    // Also once it is paid and delivered.
    let issued = world.see(&yes).await;
    world.pay(&issued).await;
    world.ignore_letters().await;
    assert_eq!(seen_by_staff_alone(&world, &issued).await, decided[0]);
    let shown = world.desk_shows(&format!("quotes/{}", yes.number())).await;
    assert_eq!((&shown["status"], shown["licenses"].as_array().map(Vec::len)), (&json!("paid"), Some(1)));
    for unknown in ["Q-2222-22222", "L-1"] {
        let token = world.staff().await;
        world.with_token(Method::GET, &format!("/v1/desk/quotes/{unknown}"), &token).await.problem(404, "not_found");
    }
    world.close().await;
}

#[tokio::test]
async fn r34_staff_find_what_waits_for_them_the_first_due_first() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let claim = json!([{"segment": "academic", "document": "mine.pdf"}]);
    let request = with(&example_of("tracker-data-center", 500), [("/segments", claim)]);
    let waiting = async |world: &World| {
        world.settled().await;
        let mut reviews = world.desk_shows("reviews").await;
        assert!(reviews.get("next").is_none());
        let Value::Array(quotes) = reviews["quotes"].take() else { panic!("a list: {reviews:#}") };
        quotes
    };
    assert_eq!(waiting(&world).await, [Value::Null; 0]);
    world.quote(&example()).await;
    let mut quotes = Vec::new();
    for now in ["2026-11-24T10:00:00Z", "2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"] {
        world.set_clock(now).await;
        quotes.push(world.quote(&request).await);
    }
    world.ignore_letters().await;
    let [last, first, second] = [0, 1, 2].map(|i: usize| quotes[i].number().to_owned());
    let found = waiting(&world).await;
    let numbers: Vec<_> = found.iter().map(|quote| quote["number"].as_str().unwrap()).collect();
    assert_eq!(numbers, [&first, &second, &last]);
    let expected = json!({
        "number": first, "revision": 1, "submitted_at": "2026-11-22T10:00:00Z", "review_due": "2026-11-25",
        "review_reasons": ["segment_evidence_pending"], "buyer": "Example Reseller GmbH", "customer": "Example Customer Inc.",
        "currency": "USD", "net": 4_200_000, "total": 4_998_000,
    });
    assert_eq!(found[0], expected);
    // A decided order leaves the list; a revised order enters the list again.
    let decision = json!({"reason": "Looked at.", "revision": 1, "list_price": true});
    world.desk(Method::POST, &format!("quotes/{first}/approve"), &decision).await.expect(200);
    let decision = json!({"reason": "We could not verify it.", "revision": 1});
    world.desk(Method::POST, &format!("quotes/{second}/reject"), &decision).await.expect(200);
    world.post(quotes[2].revise(), &with(&request, [("/lines/0/users", json!(501))])).await.expect(201);
    let plain = with(&request, [("/segments", Value::Null)]);
    world.post(quotes[0].revise(), &plain).await.expect(201);
    let found = waiting(&world).await;
    let numbers: Vec<_> = found.iter().map(|quote| (quote["number"].as_str().unwrap(), &quote["revision"])).collect();
    assert_eq!(numbers, [(&*second, &json!(2))], "an order that needs no review is not in the list");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r34_an_order_in_review_is_decided_once_and_by_another_person() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let claim = json!([{"segment": "academic", "document": "mine.pdf"}]);
    let request = with(&example_of("tracker-data-center", 500), [("/segments", claim)]);
    let quotes = [world.quote(&request).await, world.quote(&request).await];
    for quote in &quotes {
        assert_eq!((&quote.0["status"], &quote.0["review_due"]), (&json!("in_review"), &json!("2026-11-25")), "R33");
        assert!(quote.0.get("expires_at").is_none() && quote.0["links"].get("pay").is_none());
    }
    world.ignore_letters().await;
    let [yes, no] = quotes;
    let (approve, reject) = (format!("quotes/{}/approve", yes.number()), format!("quotes/{}/reject", no.number()));
    let before = world.stored().await;
    let unsaid = world.desk(Method::POST, &approve, &json!({})).await.problem(422, "required");
    assert_eq!(errors(&unsaid), [("required", "/reason"), ("required", "/revision")]);
    let unseen = world.desk(Method::POST, &reject, &json!({"reason": "Looked at."})).await.problem(422, "required");
    assert_eq!(errors(&unseen), [("required", "/revision")], "a decision names the revision that was looked at");
    let seen_another = json!({"reason": "Looked at.", "revision": 2});
    world.desk(Method::POST, &approve, &seen_another).await.problem(409, "record_changed");
    assert_eq!(world.stored().await, before);

    world.set_clock("2026-11-24T10:00:00Z").await;
    let approval = json!({"reason": "Looked at.", "revision": 1, "list_price": true});
    world.desk(Method::POST, &approve, &approval).await.expect(200);
    let approved = world.see(&yes).await;
    assert_eq!(approved.0["status"], "issued");
    assert_eq!(approved.0["valid_through"], "2026-12-24", "R35: it counts from the decision");
    assert_eq!(approved.0["net"], 4_200_000, "R58: and knowingly without the discount that was not proven");
    let rejected = json!({"reason": "We could not verify it.", "revision": 1});
    world.desk(Method::POST, &reject, &rejected).await.expect(200);
    let after = world.stored().await;
    world.desk(Method::POST, &reject, &rejected).await.expect(200);
    assert_eq!(world.stored().await, after, "the same decision again is no change: its answer may have been lost");
    for other in [json!({"reason": "No such school.", "revision": 1}), json!({"reason": "Looked at.", "revision": 1})] {
        world.desk(Method::POST, &reject, &other).await.problem(409, "not_in_review");
    }
    world.desk(Method::POST, &reject.replace("reject", "approve"), &rejected).await.problem(409, "not_in_review");
    let rejected = world.see(&no).await;
    assert_eq!(rejected.0["status"], "rejected");
    assert!(rejected.0["links"].get("pay").is_none());
    let events: Vec<_> = approved.0["history"].as_array().unwrap().iter().map(|it| it["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["submitted", "approved", "issued"]);
    world.pay(&approved).await;
    world.ignore_letters().await;
    assert_eq!(world.see(&approved).await.0["status"], "paid");

    // Staff may buy like any customer, and another person reviews the order.
    let own = world.quote(&with(&request, [("/reseller/contact/email", json!("Dana@vendor.example"))])).await;
    let path = format!("quotes/{}/approve", own.number());
    world.desk(Method::POST, &path, &json!({"reason": "Mine.", "revision": 1})).await.problem(403, "own_order");
    assert_eq!(world.see(&own).await.0["status"], "in_review");
    world.ignore_letters().await;
    world.close().await;
}
