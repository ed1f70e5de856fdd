//! How many requests a caller may send: a quote sends a letter in the vendor's name to any address that was typed (R22), and a
//! number is a proof of knowledge (R28). A caller who exceeds a limit waits, and no other caller does.

use std::path::Path;

use axum::{Router, body::Body, http::Request};
use lambda_http::{aws_lambda_events::apigw::ApiGatewayV2httpRequestContext, request::RequestContext};
use runtime::clock::MovableClock;
use serde_json::{Value, json};
use tests::{Answer, NOW, World, example, plain_vendor, quoting, sen, with};
use tower::ServiceExt;

const LOOKUP: &str = "/v1/entitlements/lookup";
const QUOTES: &str = "/v1/quotes";
const RITA: &str = "rita@reseller.example";
const TINA: &str = "tina@customer.example";

/// An order whose letter is for this address. A person looks at it first, so that its letter has no PDF, and tests are fast.
fn order_for(email: &str) -> Value {
    let claim = json!([{"segment": "academic", "document": "mine.pdf"}]);
    with(&example(), [("/reseller/contact/email", json!(email)), ("/segments", claim)])
}

/// Asserts that the response is only to wait, and returns the seconds.
#[track_caller]
fn assert_too_many(answer: &Answer, seconds: &str) {
    answer.problem(429, "too_many_requests");
    assert_eq!(answer.header("retry-after"), seconds);
}

#[tokio::test]
async fn r22_at_most_thirty_letters_an_hour_are_sent_to_one_mailbox() {
    let mut world = World::new().await;
    let first = world.post_with_key("first", order_for(RITA).to_string()).await;
    // Who asks again for the same is asking for one letter.
    for _ in 0..60 {
        world.post_with_key("first", order_for(RITA).to_string()).await.expect(201);
    }
    let revisable = world.quote(&example()).await;
    for _ in 2..30 {
        world.quote(&order_for(RITA)).await;
    }
    assert_eq!(world.letters().await.0.len(), 30);
    let before = world.recorded().await;

    // In any spelling of the address, and with any other recipients in the order.
    for email in [RITA, "RITA@Reseller.example", "rita+quotes@reseller.example"] {
        assert_too_many(&world.post(QUOTES, &order_for(email)).await, "3600");
    }
    let revisions = revisable.revise();
    assert_too_many(&world.post(revisions, &with(&example(), [("/lines/1/users", json!(50))])).await, "3600");
    assert_eq!(world.recorded().await, before, "nothing is stored");
    world.letters().await.none();

    // What sends no letter is answered.
    world.post("/v1/quotes/preview", &order_for(RITA)).await.expect(200);
    assert_eq!(world.post(revisions, &example()).await.expect(200)["revision"], 1, "the same revision is no new one");
    let again = world.post_with_key("first", order_for(RITA).to_string()).await;
    assert_eq!((again.expect(201), again.header("idempotency-replayed")), (first.expect(201), "true"));
    assert_eq!(world.recorded().await, before);
    world.letters().await.none();

    // No other caller waits: neither another mailbox nor a signed-in person, however often others have named that person.
    world.quote(&order_for("bob@reseller.example")).await;
    for _ in 0..300 {
        assert_too_many(&world.post(QUOTES, &order_for(RITA)).await, "3600");
    }
    let token = world.token(RITA, None).await;
    world.post_as(&token, QUOTES, &order_for(RITA)).await.expect(201);

    world.set_clock("2026-11-22T10:59:59Z").await;
    assert_too_many(&world.post(QUOTES, &order_for(RITA)).await, "1");
    world.set_clock("2026-11-22T11:00:00Z").await;
    world.quote(&order_for(RITA)).await;
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r22_at_most_sixty_letters_an_hour_are_sent_for_one_source_address() {
    let mut world = World::new().await;
    for n in 0..60 {
        world.quote(&order_for(&format!("rita{n}@reseller.example"))).await;
    }
    world.ignore_letters().await;
    let before = world.recorded().await;
    assert_too_many(&world.post(QUOTES, &order_for("another@reseller.example")).await, "3600");
    assert_eq!(world.recorded().await, before, "nothing is stored");
    world.letters().await.none();

    // An office of many people may have one address: a signed-in person is counted by identity.
    let token = world.token("another@reseller.example", None).await;
    world.post_as(&token, QUOTES, &order_for("another@reseller.example")).await.expect(201);
    world.set_clock("2026-11-22T11:00:00Z").await;
    world.quote(&order_for("another@reseller.example")).await;
    world.ignore_letters().await;

    let counters: Vec<_> = world.stored().await.into_keys().filter(|key| key.starts_with("LIMIT#")).collect();
    assert!(!counters.is_empty() && counters.iter().all(|key| !key.contains("127.0.0.1") && !key.contains('@')), "{counters:?}");
    world.close().await;
}

/// The first five are counted in memory alone, so that an ordinary quote costs no write more; what is beyond them is counted
/// for all processes together.
#[tokio::test]
async fn another_process_lets_five_letters_more_pass_and_knows_of_the_others() {
    let mut world = World::new().await;
    for _ in 0..5 {
        world.quote(&order_for(RITA)).await;
    }
    let counters = async |world: &World| world.stored().await.into_keys().filter(|key| key.starts_with("LIMIT#letters")).count();
    assert_eq!(counters(&world).await, 0, "a few letters cost no write");
    for _ in 5..30 {
        world.quote(&order_for(RITA)).await;
    }
    assert_too_many(&world.post(QUOTES, &order_for(RITA)).await, "3600");
    assert_eq!(counters(&world).await, 3, "one of the mailbox, one of the source address, one of the domain");

    world.restart().await;
    for _ in 0..5 + 5 {
        world.quote(&order_for(RITA)).await;
    }
    assert_too_many(&world.post(QUOTES, &order_for(RITA)).await, "3600");
    world.ignore_letters().await;
    world.close().await;
}

/// A VAT id is public, and in every order of its owner's; a reference is not, and stands in many orders all the same.
#[tokio::test]
async fn naming_a_vat_id_or_a_certificate_locks_no_other_caller_out() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let vat = with(&example(), [("/tax", json!({"vat_id": "DE136695976"}))]);
    let before = world.stored().await;
    for _ in 0..25 {
        world.post("/v1/quotes/preview", &vat).await.expect(200);
    }
    assert_eq!(world.stored().await, before, "naming a VAT id is no question");

    let references = [
        ("/tax", json!({"vat_id": "DE136695976", "certificate": "RESALE-1"})),
        ("/segments", json!([{"segment": "academic", "evidence": "EV-1"}])),
    ];
    let claims = with(&example(), references);
    // One source address learns whether such references exist two hundred times a minute, two in each request here.
    for _ in 0..100 {
        let answer = world.post("/v1/quotes/preview", &claims).await;
        assert_ne!(answer.status, 429, "{}", answer.text());
    }
    assert_too_many(&world.post("/v1/quotes/preview", &claims).await, "60");
    world.post("/v1/quotes/preview", &vat).await.expect(200);
    world.close().await;
}

/// The function as it is asked on AWS, where the gateway says from which address.
struct Gateway(Router);

impl Gateway {
    fn before(world: &World, vendor: &Path) -> Self {
        let clock = MovableClock::at(NOW.parse().unwrap());
        Self(quoting(vendor, world.deployment().store().clone(), clock.clock()))
    }

    /// The status of a lookup from a source address.
    async fn look_up(&self, source: &str, sen: &str, email: &str) -> u16 {
        self.post(source, LOOKUP, &json!({"sen": sen, "email": email, "currency": "USD"})).await
    }

    /// The status of an order from a source address.
    async fn order(&self, source: &str, order: &Value) -> u16 {
        self.post(source, QUOTES, order).await
    }

    async fn post(&self, source: &str, path: &str, body: &Value) -> u16 {
        let body = Body::from(body.to_string());
        let mut request = Request::post(path).header("content-type", "application/json").body(body).unwrap();
        let mut context = ApiGatewayV2httpRequestContext::default();
        context.http.source_ip = Some(source.to_owned());
        request.extensions_mut().insert(RequestContext::ApiGatewayV2(context));
        self.0.clone().oneshot(request).await.unwrap().status().as_u16()
    }
}

#[tokio::test]
async fn r28_guessing_about_a_number_locks_no_other_caller_out() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-01-01").await;
    let gateway = Gateway::before(&world, vendor.path());
    for n in 0..20 {
        assert_eq!(gateway.look_up("192.0.2.1", &held, &format!("guess{n}@elsewhere.example")).await, 422);
    }
    assert_eq!(gateway.look_up("192.0.2.1", &held, TINA).await, 429, "from this address no more");
    assert_eq!(gateway.look_up("198.51.100.1", &held, TINA).await, 200, "but a caller who knows it, from another address");

    // Guessing from many addresses is stopped as well: otherwise a caller with many addresses could guess indefinitely.
    let mut answered = 21;
    for n in 0..200 {
        let guess = gateway.look_up(&format!("203.0.113.{n}"), &held, "guess@elsewhere.example").await;
        answered += u32::from(guess == 422);
    }
    assert_eq!(answered, 200);
    assert_eq!(gateway.look_up("203.0.113.250", &sen("another"), TINA).await, 422, "about another number, they may ask");
    assert_eq!(gateway.look_up("198.51.100.2", &held, TINA).await, 429, "an anonymous caller waits");

    // C5: the technical contact who signs in does not wait, however many addresses guess.
    let token = world.token(TINA, None).await;
    let lookup = json!({"sen": held, "email": TINA, "currency": "USD"});
    world.post_as(&token, LOOKUP, &lookup).await.expect(200);
    world.close().await;
}

/// A5: a signed-in reseller looks up a hundred entitlements, previews their renewal and orders it, and a colleague behind the
/// same address does the same.
#[tokio::test]
async fn a5_a_day_s_work_of_signed_in_resellers_behind_one_address_fits() {
    let vendor = plain_vendor();
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    for seller in ["rita@reseller.example", "rob@reseller.example"] {
        let token = world.token(seller, None).await;
        for n in 0..100 {
            let lookup = json!({"sen": sen(&format!("{seller} {n}")), "email": TINA, "currency": "USD"});
            world.post_as(&token, LOOKUP, &lookup).await.problem(422, "entitlement_not_matched");
        }
        let order = tests::ordering((0..100).map(|n| tests::renewal(&sen(&format!("{seller} {n}")))));
        for path in ["/v1/quotes/preview", QUOTES] {
            let answer = world.post_as(&token, path, &order).await;
            assert_eq!(answer.status, 422, "no such licence exists, and no limit is reached: {}", answer.text());
        }
    }
    world.close().await;
}

/// C3: fifty addresses request letters for a thousand mailboxes of one domain.
#[tokio::test]
async fn c3_anonymous_callers_send_at_most_120_letters_an_hour_to_one_domain() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let gateway = Gateway::before(&world, vendor.path());
    let mut sent = 0;
    for n in 0..1_000 {
        let status = gateway.order(&format!("192.0.2.{}", n % 50), &order_for(&format!("user{n}@bouncing.example"))).await;
        assert!([201, 429].contains(&status), "{status}");
        sent += u32::from(status == 201);
    }
    assert_eq!(sent, 120);
    assert_eq!(world.letters().await.0.len(), 120, "how many leave");
    assert_eq!(gateway.order("192.0.2.1", &order_for("someone@another.example")).await, 201, "another domain does not wait");
    let token = world.token("owner@bouncing.example", None).await;
    world.post_as(&token, QUOTES, &order_for("owner@bouncing.example")).await.expect(201);
    world.ignore_letters().await;
    world.close().await;
}
