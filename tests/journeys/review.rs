//! A person looks first: what an order is until then, and what becomes of it (R32–R35, R41, E26).

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Quote, World, errors, example, example_of, plain_vendor, stripe::Payment, with};

const KEY: &str = "0f2c1ba2-58cf-4b8e-8ac1-8b0a2c6c3f5e";
const REQUESTER: &str = "rita@reseller.example";

/// Two licences shall end on one date, which always needs a person.
async fn coterm(world: &World) -> Value {
    let sens = [
        world.import("tracker-data-center", 500, "2026-12-31").await,
        world.import("tracker-data-center", 1_000, "2027-03-31").await,
    ];
    let line = |sen: &String| json!({"kind": "coterm", "sen": sen, "until": "2027-06-30"});
    with(&example(), [("/lines", sens.iter().map(line).collect())])
}

/// The pay link, which an order in review does not have.
fn pay_link(quote: &Quote) -> String {
    format!("/pay/{}?secret={}", quote.number(), quote.secret())
}

/// Nothing of it can be paid, and there is no document.
async fn assert_nothing_to_pay(world: &World, quote: &Quote, intent: &str) {
    let shown = world.see(quote).await;
    assert!(shown.0["links"].get("pay").is_none() && shown.0.get("expires_at").is_none(), "{:#}", shown.0);
    let document = format!("/v1/quotes/{}/document.pdf?secret={}", quote.number(), quote.secret());
    world.get(&document).await.problem(409, "not_yet_issued");
    world.get(&document.replace("document.pdf", "invoice.pdf")).await.problem(409, "not_yet_invoiced");
    assert!(!world.get(&pay_link(quote)).await.text().contains("<form"), "nothing can be paid");

    // A payment that is reported nevertheless is kept, and pays nothing.
    let payment = Payment::of(quote, "2026-06-01T15:31:00Z").named(intent);
    let response = world.stripe(&payment.checkout_completed()).await.expect(200);
    assert_eq!((&response["outcome"], &response["reason"]), (&json!("unapplied"), &json!("not_offered")));
    assert_eq!(world.stripe(&payment.intent_succeeded()).await.expect(200)["outcome"], "already_processed");
    let receipt = &world.stored().await[&format!("PAYMENT#stripe:{intent} PAYMENT")];
    assert!(receipt["body"].as_s().unwrap().contains("not_offered"), "the money is kept, with its reason");
    assert_eq!(world.see(quote).await.0, shown.0, "the quote is what it was");
}

async fn assert_replays(world: &World, order: &Value, first: &str) {
    let again = world.post_with_key(KEY, order.to_string()).await;
    assert_eq!((again.status.as_u16(), again.text(), again.header("idempotency-replayed")), (201, first, "true"));
}

fn events(quote: &Quote) -> Vec<&str> {
    quote.0["history"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn r35_e26_an_order_that_is_approved_can_be_paid_from_then_on_for_thirty_days() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let order = coterm(&world).await;
    let first = world.post_with_key(KEY, order.to_string()).await;
    let submitted = Quote(first.expect(201));
    assert_eq!(submitted.0["status"], "in_review");
    assert_eq!(submitted.0["review_reasons"], json!(["coterm_requested"]));
    assert_eq!(submitted.0["review_due"], "2026-06-04", "three business days after Monday");
    assert_eq!(events(&submitted), ["submitted"]);

    let letter = world.letters().await.only(REQUESTER);
    assert!(letter.subject.contains(submitted.number()), "{}", letter.subject);
    assert!(letter.text.contains("4\u{a0}June\u{a0}2026"), "R33: by when it is looked at: {}", letter.text);
    assert!(![&letter.text, &letter.html].iter().any(|part| part.contains("/pay/") || part.contains("secret=")));
    assert!(letter.attachments.is_empty(), "there is no quote yet");
    assert_nothing_to_pay(&world, &submitted, "pi_early").await;
    assert_replays(&world, &order, first.text()).await;
    world.letters().await.none();

    world.set_clock("2026-06-04T09:00:00Z").await;
    world.approve(submitted.number()).await;
    let issued = world.see(&submitted).await;
    assert_eq!(issued.0["status"], "issued");
    assert_eq!((&issued.0["issued_at"], &issued.0["valid_through"]), (&json!("2026-06-04T09:00:00Z"), &json!("2026-07-04")));
    assert_eq!(issued.0["expires_at"], "2026-07-05T00:00:00Z");
    assert_eq!((&issued.0["lines"], &issued.0["total"]), (&submitted.0["lines"], &submitted.0["total"]), "the price stands");
    assert_eq!(events(&issued), ["submitted", "approved", "issued"]);
    assert!(!issued.0["history"].to_string().contains("Looked at."), "why staff decided is not the buyer's");
    let letter = world.letters().await.only(REQUESTER);
    assert!(letter.text.contains(issued.pay()) && letter.text.contains("4\u{a0}July\u{a0}2026"), "{}", letter.text);
    assert!(world.attachment(&letter).await.starts_with(b"%PDF"));
    assert_eq!(world.get(issued.document()).await.status, 200);
    assert_replays(&world, &order, first.text()).await;

    // To the last second of that day; and not one longer.
    world.set_clock("2026-07-04T23:59:59Z").await;
    assert!(world.get(issued.pay()).await.text().contains("<form"));
    world.set_clock("2026-07-05T00:00:00Z").await;
    assert_eq!(world.see(&issued).await.0["status"], "expired");
    let late = world.stripe(&Payment::of(&issued, "2026-07-05T00:00:00Z").named("pi_late").checkout_completed()).await;
    assert_eq!(late.expect(200)["reason"], "quote_expired");
    let in_time = world.stripe(&Payment::of(&issued, "2026-07-04T23:59:59Z").checkout_completed()).await;
    assert_eq!(in_time.expect(200)["outcome"], "applied");
    world.ignore_letters().await;
    let paid = world.see(&issued).await;
    assert_eq!((&paid.0["status"], paid.0["licenses"].as_array().unwrap().len()), (&json!("paid"), 2));
    assert_replays(&world, &order, first.text()).await;
    world.letters().await.none();
    world.close().await;
}

#[tokio::test]
async fn r34_the_letter_of_a_rejected_order_states_the_reason_and_the_order_can_be_revised() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let order = coterm(&world).await;
    let first = world.post_with_key(KEY, order.to_string()).await;
    let submitted = Quote(first.expect(201));
    world.ignore_letters().await;

    world.set_clock("2026-06-03T09:00:00Z").await;
    let decision = json!({"reason": "Two of the licences belong to different subsidiaries.", "revision": 1});
    world.desk(Method::POST, &format!("quotes/{}/reject", submitted.number()), &decision).await.expect(200);
    let letter = world.letters().await.only(REQUESTER);
    assert!(letter.subject.contains(submitted.number()), "{}", letter.subject);
    for part in [&letter.text, &letter.html] {
        assert!(part.contains("Two of the licences belong to different subsidiaries."), "{part}");
        assert!(!part.contains("/pay/") && !part.contains("secret="), "{part}");
    }
    assert!(letter.attachments.is_empty());
    let rejected = world.see(&submitted).await;
    assert_eq!((&rejected.0["status"], events(&rejected)), (&json!("rejected"), vec!["submitted", "rejected"]));
    assert_nothing_to_pay(&world, &submitted, "pi_rejected").await;
    assert_replays(&world, &order, first.text()).await;
    world.letters().await.none();

    // A revised order is reviewed again under the same number; the decision about the previous revision does not apply.
    let other = with(&order, [("/lines", json!([order["lines"][0]]))]);
    let revised = Quote(world.post(submitted.revise(), &other).await.expect(201));
    assert_eq!((&revised.0["status"], revised.revision(), revised.number()), (&json!("in_review"), 2, submitted.number()));
    assert_eq!(revised.0["review_due"], "2026-06-08", "three business days after Wednesday");
    assert!(world.letters().await.only(REQUESTER).text.contains("8\u{a0}June\u{a0}2026"));
    world.desk(Method::POST, &format!("quotes/{}/approve", submitted.number()), &decision).await.problem(409, "record_changed");
    world.approve(submitted.number()).await;
    assert_eq!(world.see(&revised).await.0["status"], "issued");
    world.letters().await.only(REQUESTER);
    assert_replays(&world, &order, first.text()).await;
    world.close().await;
}

#[tokio::test]
async fn r34_what_a_credit_covers_is_delivered_once_a_person_says_so() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-05-31").await;
    let line = json!({"kind": "new", "product": "tracker-cloud", "users": 10, "term_months": 12, "migrates_from": held});
    let order = with(&example(), [("/lines", json!([line]))]);
    let submitted = world.quote(&order).await;
    assert_eq!((submitted.total(), &submitted.0["review_reasons"]), (0, &json!(["nothing_to_pay"])));
    world.letters().await.only(REQUESTER);

    world.approve(submitted.number()).await;
    let mut letters = world.letters().await;
    let delivered = world.see(&submitted).await;
    assert_eq!((&delivered.0["status"], &delivered.0["payments"]), (&json!("paid"), &json!([])));
    assert_eq!(delivered.0["subscriptions"].as_array().unwrap().len(), 1, "{:#}", delivered.0);
    assert_eq!(events(&delivered), ["submitted", "approved", "issued", "paid", "delivered"]);
    letters.take("tina@customer.example");
    let receipt = letters.only(REQUESTER);
    assert!(receipt.attachments[0].filename.starts_with("IN-"), "the receipt alone: no letter asks for a payment of nothing");
    let moved = world.desk_shows(&format!("entitlements/{held}")).await;
    assert_eq!(moved["migrated_by"], submitted.number(), "it is credited once");

    let again = world.post("/v1/quotes/preview", &order).await.expect(200);
    assert_eq!(again["lines"][0]["notes"][0]["code"], "migration_not_applicable");
    world.close().await;
}

/// Claims that staff must verify.
const NONPROFIT: &str = r#"{"segment": "nonprofit", "registration_number": "12-3456789", "country": "US"}"#;
const ACADEMIC: &str = r#"{"segment": "academic", "document": "mine.pdf"}"#;

fn claiming(claims: &[&str]) -> Value {
    let claims: Vec<Value> = claims.iter().map(|claim| serde_json::from_str(claim).unwrap()).collect();
    with(&example_of("tracker-data-center", 500), [("/segments", json!(claims))])
}

/// The desk has verified that an organisation belongs to a segment, until a day.
async fn verified(world: &World, id: &str, segment: &str, organization: &str, expires: &str) {
    let evidence = json!({
        "segment": segment, "organization": organization, "registration_number": "12-3456789", "country": "US",
        "domains": ["customer.example"],
        "document": "archive/1", "verified_on": "2026-01-01", "expires": expires,
    });
    world.record(&format!("evidence/{id}"), &evidence).await;
}

#[tokio::test]
async fn r58_a_claim_that_is_proven_by_the_time_of_the_approval_has_its_discount() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let order = claiming(&[NONPROFIT, ACADEMIC]);
    let first = world.post_with_key(KEY, order.to_string()).await;
    let submitted = Quote(first.expect(201));
    assert_eq!((&submitted.0["net"], &submitted.0["review_reasons"]), (&json!(4_200_000), &json!(["segment_evidence_pending"])));
    world.ignore_letters().await;

    // What was verified since counts for what it is of, and what nothing proves is knowingly left out.
    verified(&world, "EV-1", "nonprofit", "example customer INC.", "2027-01-01").await;
    world.set_clock("2026-06-04T09:00:00Z").await;
    let path = format!("quotes/{}/approve", submitted.number());
    let decision = json!({"reason": "It is in the register.", "revision": 1, "evidence": ["EV-1"], "list_price": true});
    world.desk(Method::POST, &path, &decision).await.expect(200);
    let issued = world.see(&submitted).await;
    assert_eq!((&issued.0["status"], &issued.0["net"], issued.revision()), (&json!("issued"), &json!(1_050_000), 1));
    assert_eq!(issued.0["tax"], 199_500, "tax is of what is to be paid");
    let steps = issued.0["lines"][0]["explanation"].as_array().unwrap();
    assert_eq!(
        (&steps[1]["rule"], &steps[1]["segment"], &steps[1]["amount"]),
        (&json!("segment"), &json!("nonprofit"), &json!(-3_150_000))
    );
    let claims = issued.0["segments"].as_array().unwrap();
    assert_eq!((&claims[0]["standing"], &claims[0]["evidence"]), (&json!("proven"), &json!("EV-1")));
    assert_eq!(claims[1]["standing"], "declined");
    let warnings = issued.0["warnings"].as_array().unwrap();
    assert_eq!(
        (warnings.len(), &warnings[0]["code"], &warnings[0]["pointer"]),
        (1, &json!("segment_declined"), &json!("/segments/1"))
    );
    let net_30 = issued.methods().into_iter().find(|(method, _)| *method == "net_30").unwrap();
    assert_eq!(net_30.1, Ok(()), "the methods are those of the new price");
    let letter = world.letters().await.only(REQUESTER);
    assert!(letter.text.contains("12495.00") || letter.text.contains("12,495.00"), "{}", letter.text);
    assert!(letter.text.contains("Academic institution") && !letter.text.contains("non-profit"), "{}", letter.text);
    assert!(world.attachment(&letter).await.starts_with(b"%PDF"));

    // A repeated request is for the approved order, and gets the first response again.
    let stored = world.recorded().await;
    world.desk(Method::POST, &path, &decision).await.expect(200);
    assert_eq!(Quote(world.post(submitted.revise(), &order).await.expect(200)).0, issued.0);
    assert_replays(&world, &order, first.text()).await;
    assert_eq!(world.recorded().await, stored);
    world.pay(&issued).await;
    world.ignore_letters().await;
    assert_eq!(world.see(&issued).await.0["status"], "paid");
    assert_replays(&world, &order, first.text()).await;
    world.close().await;
}

#[tokio::test]
async fn r58_a_claim_is_proven_by_the_evidence_that_it_names_once_that_is_recorded() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let submitted = world.quote(&claiming(&[r#"{"segment": "academic", "evidence": "EV-2"}"#])).await;
    verified(&world, "EV-2", "academic", "Example Customer Inc.", "2027-01-01").await;
    world.approve(submitted.number()).await;
    let issued = world.see(&submitted).await;
    assert_eq!((&issued.0["net"], &issued.0["segments"][0]["standing"]), (&json!(2_100_000), &json!("proven")));
    world.ignore_letters().await;

    // An incomplete claim is proven as well, if staff review it.
    let line = &coterm(&world).await["lines"][0];
    let silent = with(&claiming(&[r#"{"segment": "academic"}"#]), [("/lines", json!([line]))]);
    let submitted = world.quote(&silent).await;
    assert_eq!(submitted.0["warnings"][0]["code"], "segment_evidence_missing");
    let detail = submitted.0["warnings"][0]["detail"].as_str().unwrap();
    assert!(detail.contains("`academic`") && detail.contains("`document`"), "{detail}");
    let decision = json!({"reason": "They have shown it.", "revision": 1, "evidence": ["EV-2"]});
    world.desk(Method::POST, &format!("quotes/{}/approve", submitted.number()), &decision).await.expect(200);
    let issued = world.see(&submitted).await;
    assert!(issued.total() * 2 - submitted.total() <= 2, "half of it, but for rounding: {}", issued.total());
    assert_eq!((&issued.0["warnings"], &issued.0["segments"][0]["standing"]), (&json!([]), &json!("proven")));
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r58_an_order_of_a_hundred_lines_is_kept_at_both_prices() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    world.enrol("Example Reseller GmbH", "partner/gold", None).await;
    let line = json!({"kind": "new", "product": "tracker-service-desk", "edition": "premium", "users": 499, "term_months": 24});
    let notes = "見積り".repeat(666);
    let order = with(&claiming(&[ACADEMIC]), [("/lines", json!(vec![line; 100])), ("/notes", json!(notes))]);
    let token = world.token(REQUESTER, Some("Example Reseller GmbH")).await;
    let submitted = Quote(world.post_as(&token, "/v1/quotes", &order).await.expect(201));
    verified(&world, "EV-2", "academic", "Example Customer Inc.", "2027-01-01").await;
    let decision = json!({"reason": "They have shown it.", "revision": 1, "evidence": ["EV-2"]});
    world.desk(Method::POST, &format!("quotes/{}/approve", submitted.number()), &decision).await.expect(200);
    let issued = world.see(&submitted).await;
    assert_eq!(issued.0["net"].as_i64().map(|net| net * 2), submitted.0["net"].as_i64());
    let key = format!("QUOTE#{} QUOTE", submitted.number()[2..].replace('-', ""));
    let bytes = world.stored().await[&key]["body"].as_s().unwrap().len();
    assert!(bytes < 200_000, "half of what an item may have: {bytes} bytes");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r58_a_claim_that_nothing_proves_is_not_issued_unnoticed() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let submitted = world.quote(&claiming(&[NONPROFIT])).await;
    world.ignore_letters().await;
    verified(&world, "EV-academic", "academic", "Example Customer Inc.", "2027-01-01").await;
    verified(&world, "EV-other", "nonprofit", "Another Customer Inc.", "2027-01-01").await;
    verified(&world, "EV-over", "nonprofit", "Example Customer Inc.", "2026-06-01").await;
    let path = format!("quotes/{}/approve", submitted.number());
    let before = world.stored().await;
    let approve = async |world: &World, more: Value| {
        let mut decision = json!({"reason": "Looked at.", "revision": 1});
        decision.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        world.desk(Method::POST, &path, &decision).await
    };
    let pending = ("evidence_pending", "/evidence");
    assert_eq!(errors(&approve(&world, json!({})).await.problem(422, "evidence_pending")), [pending]);
    for nothing in ["EV-academic", "EV-other", "EV-over", "EV-none"] {
        let refused = approve(&world, json!({"evidence": [nothing]})).await.problem(422, "request_invalid");
        assert_eq!(errors(&refused), [("value_invalid", "/evidence/0"), pending], "{nothing}");
    }
    let known = approve(&world, json!({"evidence": ["EV-none"], "list_price": true})).await.problem(422, "value_invalid");
    assert_eq!(errors(&known), [("value_invalid", "/evidence/0")]);
    assert_eq!(world.stored().await, before);
    world.letters().await.none();

    // Staff who decline the claim issue the quote at the list price, and the letter states that.
    approve(&world, json!({"list_price": true})).await.expect(200);
    let issued = world.see(&submitted).await;
    assert_eq!((&issued.0["net"], &issued.0["segments"][0]["standing"]), (&json!(4_200_000), &json!("declined")));
    assert_eq!(issued.0["warnings"][0]["code"], "segment_declined");
    assert!(world.letters().await.only(REQUESTER).text.contains("Registered non-profit"));

    // Where no claim is declined, no letter states a declined claim.
    let other = world.quote(&coterm(&world).await).await;
    world.ignore_letters().await;
    let path = format!("quotes/{}/approve", other.number());
    let decision = json!({"reason": "Looked at.", "revision": 1, "list_price": true});
    let refused = world.desk(Method::POST, &path, &decision).await.problem(422, "not_expected");
    assert_eq!(errors(&refused), [("not_expected", "/list_price")]);
    world.close().await;
}

#[tokio::test]
async fn r34_staff_cannot_approve_their_own_order() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let order = coterm(&world).await;
    let own = Quote(world.post_as(&world.staff().await, "/v1/quotes", &order).await.expect(201));
    world.ignore_letters().await;
    let before = world.stored().await;
    let path = format!("quotes/{}/approve", own.number());
    let decision = json!({"revision": 1, "reason": "It is in order."});
    world.desk(Method::POST, &path, &decision).await.problem(403, "own_order");
    assert_eq!(world.stored().await, before);
    world.letters().await.none();

    let colleague = world.token_in("cora@vendor.example", None, &["vendor-staff"]).await;
    let approved = world.post_as(&colleague, &format!("/v1/desk/{path}"), &decision).await;
    assert_eq!(approved.expect(200)["status"], "issued");
    world.letters().await.only(REQUESTER);
    world.close().await;
}

/// B16: a reference is a text that others can learn. With it alone, a stranger is not the organisation.
#[tokio::test]
async fn b16_evidence_proves_the_claim_of_its_holder_and_of_no_one_who_knows_its_reference() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    verified(&world, "EV-1", "nonprofit", "Example Customer Inc.", "2027-01-01").await;
    let claim = |number: &str, country: &str| {
        let claim = json!({"segment": "nonprofit", "evidence": "EV-1", "registration_number": number, "country": country});
        claiming(&[&claim.to_string()])
    };
    let honest = claim("12-3456789", "US");
    let elsewhere = json!("eve@stranger.example");
    for stranger in [
        claim("00-0000000", "US"),
        claim("12-3456789", "CA"),
        claiming(&[r#"{"segment": "nonprofit", "evidence": "EV-1"}"#]),
        with(&honest, [("/customer/technical_contact/email", elsewhere)]),
    ] {
        let quote = world.quote(&stranger).await;
        assert_eq!((&quote.0["net"], &quote.0["status"]), (&json!(4_200_000), &json!("in_review")), "list price, and staff look");
        assert_eq!(quote.0["segments"][0]["standing"], "pending");
    }
    let quote = world.quote(&honest).await;
    assert_eq!((&quote.0["net"], &quote.0["status"]), (&json!(1_050_000), &json!("issued")));
    world.ignore_letters().await;
    world.close().await;
}

/// B16: the honest buyer has no reference. The register's number and country, which the desk has verified, are enough.
#[tokio::test]
async fn b16_a_verified_number_and_country_are_recognised_without_a_reference() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let claim = |number: &str, country: &str| {
        let claim = json!({
            "segment": "nonprofit", "registration_number": number, "country": country, "document": "determination-letter.pdf",
        });
        claiming(&[&claim.to_string()])
    };
    let honest = claim("12 3456789", "us");
    let standing = async |world: &World, order: &Value| {
        let quote = world.quote(order).await;
        (quote.0["segments"][0]["standing"].as_str().expect("a standing").to_owned(), quote.0["net"].clone())
    };
    let (pending, proven) = (("pending".to_owned(), json!(4_200_000)), ("proven".to_owned(), json!(1_050_000)));
    assert_eq!(standing(&world, &honest).await, pending, "nothing is on record");
    verified(&world, "EV-1", "nonprofit", "Example Customer Inc.", "2027-01-01").await;
    assert_eq!(standing(&world, &honest).await, proven);
    assert_eq!(world.quote(&honest).await.0["segments"][0]["evidence"], "EV-1", "the quote states what proved it");

    let elsewhere = json!("eve@stranger.example");
    for stranger in [
        claim("12-3456780", "US"),
        claim("12-3456789", "CA"),
        with(&honest, [("/customer/technical_contact/email", elsewhere)]),
        with(&honest, [("/customer/company", json!("Another Customer Inc."))]),
    ] {
        assert_eq!(standing(&world, &stranger).await, pending, "{stranger}");
    }

    // The desk corrects the number: the former one proves nothing any more, and the new one does.
    let record = world.desk_shows("evidence/EV-1").await;
    let mut corrected = record.clone();
    corrected.as_object_mut().expect("an object").retain(|name, _| !["id", "verified_by"].contains(&&**name));
    corrected["registration_number"] = json!("98-7654321");
    world.desk(Method::PUT, "evidence/EV-1", &corrected).await.expect(200);
    assert_eq!(standing(&world, &honest).await, pending);
    assert_eq!(standing(&world, &claim("98-7654321", "US")).await, proven);
    world.ignore_letters().await;
    world.close().await;
}

/// C7: a VAT id and a company's name are public. Only its holder is free from tax at once.
#[tokio::test]
async fn c7_a_stranger_with_a_public_vat_id_waits_for_a_review_and_its_holder_does_not() {
    const VAT_ID: &str = "DE136695976";
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let confirmed = json!({
        "kind": "vat_id", "organization": "Example Reseller GmbH", "country": "DE", "document": "archive/answer-of-the-service",
        "from": "2026-01-01", "expires": "2027-01-01",
    });
    let path = format!("certificates/{VAT_ID}");
    world.record(&path, &confirmed).await;
    let berlin = json!({"street": "1 Example Street", "city": "Berlin", "country": "DE"});
    let billed = [("/reseller/company", json!("Example Reseller GmbH")), ("/reseller/address", berlin)];
    let order = with(&with(&example(), billed), [("/tax", json!({"vat_id": VAT_ID}))]);
    let state = |quote: &Quote| (quote.0["tax"].clone(), quote.0["status"].clone(), quote.0["review_reasons"].clone());
    let waits = (json!(0), json!("in_review"), json!(["tax_claim_unconfirmed"]));
    let issued = (json!(0), json!("issued"), Value::Null);
    let signed_in = async |world: &World, email: &str, organization: Option<&str>| {
        let token = world.token(email, organization).await;
        state(&Quote(world.post_as(&token, "/v1/quotes", &order).await.expect(201)))
    };

    let stranger = world.quote(&order).await;
    assert_eq!(state(&stranger), waits, "the address of the reseller is only typed");
    let letter = world.letters().await.only("rita@reseller.example");
    assert!(letter.subject.contains(stranger.number()), "only the letter about the review: {}", letter.subject);
    assert!(stranger.0["links"].get("pay").is_none(), "it cannot be paid: {:#}", stranger.0["links"]);
    assert_eq!(signed_in(&world, "rita@reseller.example", None).await, waits, "no domain of the holder is on record");

    world.record(&path, &with(&confirmed, [("/domains", json!(["reseller.example"]))])).await;
    assert_eq!(state(&world.quote(&order).await), waits, "still only typed");
    assert_eq!(signed_in(&world, "eve@stranger.example", None).await, waits);
    assert_eq!(signed_in(&world, "rita@reseller.example", None).await, issued, "the sign-in proves the address");

    // A claim that frees from nothing needs no confirmation.
    let canada = json!({"street": "1 Example Street", "city": "Toronto", "country": "CA", "region": "CA-ON"});
    let elsewhere = world.quote(&with(&order, [("/reseller/address", canada)])).await;
    assert_eq!(elsewhere.0["status"], "issued");
    assert_ne!(elsewhere.0["tax"], 0);
    world.ignore_letters().await;
    world.close().await;
}

/// C7: the vendor decides. Without the section, as before.
#[tokio::test]
async fn c7_a_policy_that_accepts_unconfirmed_claims_prices_them_at_once() {
    for unconfirmed in ["[claims]\nunconfirmed = \"accept\"", ""] {
        let vendor = plain_vendor();
        let tax = vendor.path().join("tax.toml");
        let text = std::fs::read_to_string(&tax).unwrap().replace("[claims]\nunconfirmed = \"review\"", unconfirmed);
        std::fs::write(&tax, text).unwrap();
        let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
        let certificate = json!({
            "kind": "resale", "organization": "Example Reseller GmbH", "country": "US", "number": "R-1", "document": "archive/1",
            "from": "2026-01-01", "expires": "2027-01-01",
        });
        world.record("certificates/RC-1", &certificate).await;
        let albany = json!({"street": "1 Example Street", "city": "Albany", "country": "US", "region": "US-NY"});
        let billed = [("/reseller/company", json!("Example Reseller GmbH")), ("/reseller/address", albany)];
        let order = with(&with(&example(), billed), [("/tax", json!({"certificate": "RC-1"}))]);
        let quote = world.quote(&order).await;
        assert_eq!((&quote.0["tax"], &quote.0["status"]), (&json!(0), &json!("issued")), "{unconfirmed}");
        world.ignore_letters().await;
        world.close().await;
    }
}

/// B17: a second order without signing in, another address of the same mailbox, or another sign-in is the same person.
#[tokio::test]
async fn b17_staff_cannot_approve_a_quote_of_which_a_revision_or_a_contact_is_theirs() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let order = coterm(&world).await;
    let contact = |email: &str| with(&order, [("/customer/contact/email", json!(email))]);
    let own = Quote(world.post_as(&world.staff().await, "/v1/quotes", &order).await.expect(201));
    let again = Quote(world.post(own.revise(), &with(&order, [("/po_number", json!("PO 2"))])).await.expect(201));
    let plus = world.quote(&contact("Dana+orders@vendor.example")).await;
    let of_dana = world.token("dana@vendor.example", None).await;
    let elsewhere = Quote(world.post_as(&of_dana, "/v1/quotes", &order).await.expect(201));
    world.ignore_letters().await;
    let before = world.stored().await;
    for quote in [&again, &plus, &elsewhere] {
        let path = format!("quotes/{}/approve", quote.number());
        let decision = json!({"revision": quote.revision(), "reason": "It is in order."});
        world.desk(Method::POST, &path, &decision).await.problem(403, "own_order");
    }
    assert_eq!(world.stored().await, before);
    world.letters().await.none();
    world.close().await;
}

/// B9b: a co-term is reviewed also when its licence ends later already, so that the line is left out (R41).
#[tokio::test]
async fn b9b_an_order_with_a_coterm_that_is_left_out_is_reviewed() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-06-30").await;
    let lines = json!([
        {"kind": "coterm", "sen": held, "until": "2027-01-31"},
        {"kind": "new", "product": "tracker-server", "users": 25},
    ]);
    let quote = world.quote(&with(&example(), [("/lines", lines)])).await;
    assert_eq!((&quote.0["status"], &quote.0["review_reasons"]), (&json!("in_review"), &json!(["coterm_requested"])));
    assert_eq!(quote.0["warnings"][0]["code"], "coterm_excluded");
    assert_eq!(quote.0["lines"].as_array().map(Vec::len), Some(1));
    world.ignore_letters().await;
    world.close().await;
}

/// B14: a common end date in the buyer's own words is reviewed, and the buyer sees how to state it (R40).
#[tokio::test]
async fn b14_notes_that_ask_for_a_common_end_are_reviewed_and_the_structured_way_is_shown() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    for notes in ["Please bring all to a common end date.", "co\u{2011}term these", "終了日を揃えてください"] {
        let quote = world.quote(&with(&example_of("tracker-server", 25), [("/notes", json!(notes))])).await;
        assert_eq!(
            (&quote.0["status"], &quote.0["review_reasons"]),
            (&json!("in_review"), &json!(["coterm_requested"])),
            "{notes}"
        );
        let warning = &quote.0["warnings"][0];
        assert_eq!((&warning["code"], &warning["pointer"]), (&json!("coterm_in_notes"), &json!("/notes")));
        assert!(warning["detail"].as_str().unwrap().contains("`coterm`"), "{warning:#}");
    }
    let plain = [("/notes", json!("San Francisco, terms as agreed."))];
    assert_eq!(world.quote(&with(&example_of("tracker-server", 25), plain)).await.0["status"], "issued");
    world.ignore_letters().await;
    world.close().await;
}
