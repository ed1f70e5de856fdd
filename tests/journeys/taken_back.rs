//! What was sold and cannot stand: a quote is delivered as a whole or not at all, and what money went back for is taken
//! back (R62, R78, R87, R106).

use domain::{
    payment::{NamedRevision, PaidBy, PaymentEvent, PaymentId, PaymentNotice, Reference},
    settlement::settle,
};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{NOW, Quote, World, example_of, ordering, plain_vendor, renewal, stripe::Payment, upgrade, with};

const AGGREGATOR: &str = "Public Sector Aggregator";
const TINA: &str = "tina@customer.example";

fn moving(sen: &str) -> Value {
    json!({"kind": "new", "product": "tracker-cloud", "users": 300, "term_months": 12, "migrates_from": sen})
}

async fn paid(world: &World, quote: &Quote) -> Quote {
    world.stripe(&payment(quote).intent_succeeded()).await.expect(200);
    world.settled().await;
    world.see(quote).await
}

/// Its payment, at the moment of its issue.
fn payment(quote: &Quote) -> Payment {
    Payment::of(quote, quote.0["issued_at"].as_str().unwrap())
}

/// All the money goes back.
async fn refunded(world: &World, quote: &Quote) {
    world.stripe(&payment(quote).refunded(quote.total())).await.expect(200);
    world.settled().await;
    assert_eq!(world.see(quote).await.0["status"], "refunded");
}

async fn held(world: &World, sen: &str) -> Value {
    world.desk_shows(&format!("entitlements/{sen}")).await
}

/// A key as the technical contact is given it, and what it states.
async fn revealed(world: &World, sen: &str) -> (Value, licensing::License) {
    let keys = serde_json::from_value(world.get("/.well-known/license-keys.json").await.expect(200)).unwrap();
    let token = world.token(TINA, None).await;
    let answer = world.with_token(Method::POST, &format!("/v1/licenses/{sen}/reveal"), &token).await.expect(200);
    let license = licensing::verify(answer["license_file"].as_str().unwrap(), &keys).unwrap();
    (answer, license)
}

/// How many licences and subscriptions there are.
async fn entitlements(world: &World) -> usize {
    world.stored().await.keys().filter(|key| key.starts_with("LICENSE#")).count()
}

#[tokio::test]
async fn r106_a_line_that_cannot_be_had_withholds_every_other_line_of_its_quote() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    world.enrol(AGGREGATOR, "aggregator", None).await;
    let renewed = world.import("tracker-data-center", 500, "2027-06-30").await;
    let token = world.token("rita@reseller.example", Some(AGGREGATOR)).await;
    let government = json!({"kind": "new", "product": "tracker-government-cloud", "users": 500, "term_months": 12});
    let bought = json!({"kind": "new", "product": "tracker-data-center", "users": 500, "term_months": 12});
    let renewal = renewal(&renewed);
    let mut quotes = Vec::new();
    for lines in [vec![government.clone()], vec![bought, renewal, government]] {
        let order = with(&ordering(lines), [("/reseller/company", json!(AGGREGATOR))]);
        let quote = Quote(world.post_as(&token, "/v1/quotes", &order).await.expect(201));
        world.approve(quote.number()).await;
        quotes.push(world.see(&quote).await);
    }
    let first = paid(&world, &quotes[0]).await;
    let (count, before) = (entitlements(&world).await, held(&world, &renewed).await);
    let second = paid(&world, &quotes[1]).await;
    assert_eq!(
        (&second.last_event()["event"], &second.last_event()["reason"]),
        (&json!("withheld"), &json!("subscription_exists"))
    );
    assert_eq!(entitlements(&world).await, count, "no line of it was issued");
    assert_eq!(held(&world, &renewed).await, before, "nor was anything renewed");

    // The money of the first goes back: the customer has no subscription, and may buy one.
    refunded(&world, &first).await;
    let order = with(&example_of("tracker-government-cloud", 500), [("/reseller/company", json!(AGGREGATOR))]);
    let order = with(&order, [("/lines/0/term_months", json!(12))]);
    world.post_as(&token, "/v1/quotes", &order).await.expect(201);
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r106_what_a_customer_has_is_theirs_to_renew_even_when_the_desk_has_noted_another() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    world.enrol(AGGREGATOR, "aggregator", None).await;
    let token = world.token("rita@reseller.example", Some(AGGREGATOR)).await;
    let earlier = world.import("tracker-government-cloud", 500, "2027-03-31").await;
    world.import("tracker-government-cloud", 1_000, "2027-06-30").await;
    let order = ordering([renewal(&earlier)]);
    let order = with(&order, [("/reseller/company", json!(AGGREGATOR))]);
    let quote = Quote(world.post_as(&token, "/v1/quotes", &order).await.expect(201));
    assert_eq!((&quote.0["status"], &quote.0["review_reasons"]), (&json!("in_review"), &json!(["government_unverified"])));
    world.approve(quote.number()).await;
    let quote = world.see(&quote).await;
    assert_eq!(paid(&world, &quote).await.last_event()["event"], "delivered");
    assert_eq!(held(&world, &earlier).await["end"], "2028-03-31");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r62_an_order_that_is_withheld_leaves_every_licence_that_it_would_have_moved() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let kept = world.import("tracker-data-center", 500, "2026-12-31").await;
    let moved = world.import("tracker-data-center", 500, "2027-01-31").await;
    let both = world.quote(&ordering([moving(&kept), moving(&moved)])).await;
    let one = paid(&world, &world.quote(&ordering([moving(&moved)])).await).await;
    let both = paid(&world, &both).await;
    assert_eq!(both.last_event()["reason"], "source_credited");
    assert_eq!(held(&world, &kept).await.get("migrated_by"), None, "it can still be moved");

    // When the money of a move goes back, the licence that it replaced is there again.
    assert_eq!(held(&world, &moved).await["migrated_by"], one.number());
    refunded(&world, &one).await;
    assert_eq!(held(&world, &moved).await.get("migrated_by"), None);
    assert_eq!(held(&world, one.only_sen()).await["refunded_by"], one.number(), "and the subscription is not");
    world.quote(&ordering([moving(&moved)])).await;
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r87_a_refunded_renewal_or_upgrade_gives_back_what_there_was_with_its_key() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let sen = paid(&world, &world.quote(&example_of("tracker-data-center", 500)).await).await.only_sen().to_owned();
    let (first, _) = revealed(&world, &sen).await;
    let before = held(&world, &sen).await;
    for change in [renewal(&sen), upgrade(&sen, 1_000)] {
        let quote = paid(&world, &world.quote(&ordering([change])).await).await;
        assert_ne!(revealed(&world, &sen).await.0, first);
        refunded(&world, &quote).await;
        let mut after = held(&world, &sen).await;
        after["version"] = before["version"].clone();
        assert_eq!(after, before);
        assert_eq!(revealed(&world, &sen).await.0, first);
    }

    // A licence that a later order extended is closed only by staff.
    let renewal = world.quote(&ordering([renewal(&sen)])).await;
    let renewal = paid(&world, &renewal).await;
    let upgrade = world.quote(&ordering([upgrade(&sen, 1_000)])).await;
    paid(&world, &upgrade).await;
    refunded(&world, &renewal).await;
    assert_eq!(held(&world, &sen).await["refunded_by"], renewal.number());
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r87_the_key_of_a_licence_whose_money_went_back_is_not_handed_out() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let quote = paid(&world, &world.quote(&example_of("tracker-data-center", 500)).await).await;
    let sen = quote.only_sen();
    revealed(&world, sen).await;
    refunded(&world, &quote).await;
    let token = world.token(TINA, None).await;
    let view = world.with_token(Method::GET, &format!("/v1/licenses/{sen}"), &token).await.expect(200);
    assert_eq!((&view["closed"], &view["has_key"]), (&json!("refunded"), &json!(false)));
    let before = world.stored().await;
    world.with_token(Method::POST, &format!("/v1/licenses/{sen}/reveal"), &token).await.problem(409, "no_license_key");
    assert_eq!(world.stored().await, before);
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn e18_until_a_lower_tier_begins_nothing_else_is_ordered_and_what_runs_keeps_its_key() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let sen = paid(&world, &world.quote(&example_of("tracker-data-center", 1_000)).await).await.only_sen().to_owned();
    world.set_clock("2027-11-01T12:00:00Z").await;
    let lower = json!({"kind": "downgrade_at_renewal", "sen": sen, "users": 500, "term_months": 12});
    let lower = paid(&world, &world.quote(&ordering([lower])).await).await;
    assert_eq!(lower.last_event()["event"], "delivered");

    let before = world.recorded().await;
    for change in [
        renewal(&sen),
        upgrade(&sen, 2_000),
        json!({"kind": "renew_and_upgrade", "sen": sen, "users": 2_000, "term_months": 12}),
        json!({"kind": "coterm", "sen": sen, "until": "2028-12-31"}),
    ] {
        world.post("/v1/quotes", &ordering([change])).await.problem(422, "downgrade_pending");
    }
    let cloud = world.post("/v1/quotes/preview", &ordering([moving(&sen)])).await.expect(200);
    let credited = cloud["lines"][0]["explanation"].as_array().unwrap().iter().any(|step| step["rule"] == "step_up_credit");
    assert!(!credited, "its time is not credited in two grades: {cloud:#}");
    assert_eq!(world.recorded().await, before);

    let (answer, now) = revealed(&world, &sen).await;
    assert_eq!((now.tier, now.term_end), (Some(1_000), Some("2027-11-22".parse().unwrap())));
    assert_eq!(answer["next"]["from"], "2027-11-22");
    let keys = serde_json::from_value(world.get("/.well-known/license-keys.json").await.expect(200)).unwrap();
    let next = licensing::verify(answer["next"]["license_file"].as_str().unwrap(), &keys).unwrap();
    assert_eq!((next.tier, next.term_end), (Some(500), Some("2028-11-22".parse().unwrap())));

    world.set_clock("2027-11-22T00:00:00Z").await;
    let (answer, now) = revealed(&world, &sen).await;
    assert_eq!((now.tier, answer.get("next")), (Some(500), None));
    world.quote(&ordering([upgrade(&sen, 1_000)])).await;
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r49_who_upgrades_another_s_licence_sees_the_upgrade_and_who_sold_it_sees_what_they_sold() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    for (organization, name) in [("org-first", "First Ltd"), ("org-second", "Second Ltd")] {
        let gold = json!([{"programme": "partner", "tier": "gold", "from": "2024-01-01"}]);
        world.record(&format!("partners/{organization}"), &json!({"name": name, "memberships": gold})).await;
    }
    let by = |company: &str, email: &str, order: Value| {
        let contact = json!({"name": "A Seller", "email": email});
        with(&order, [("/reseller/company", json!(company)), ("/reseller/contact", contact)])
    };
    let first = world.token("first@first.example", Some("org-first")).await;
    let second = world.token("second@second.example", Some("org-second")).await;
    let order = by("First Ltd", "first@first.example", example_of("tracker-data-center", 500));
    let bought = Quote(world.post_as(&first, "/v1/quotes", &order).await.expect(201));
    let sen = paid(&world, &bought).await.only_sen().to_owned();
    let upgrade = ordering([upgrade(&sen, 1_000)]);
    let upgrade = by("Second Ltd", "second@second.example", upgrade);
    let upgrade = Quote(world.post_as(&second, "/v1/quotes", &upgrade).await.expect(201));
    paid(&world, &upgrade).await;

    let colleague = |organization: &'static str| world.token("colleague@example.com", Some(organization));
    for (organization, tier, purchaser) in [("org-first", 500, "First Ltd"), ("org-second", 1_000, "Second Ltd")] {
        let token = colleague(organization).await;
        let view = world.with_token(Method::GET, &format!("/v1/licenses/{sen}"), &token).await.expect(200);
        assert_eq!((&view["tier"], &view["purchaser"]), (&json!(tier), &json!(purchaser)), "{organization}");
    }
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn a_perpetual_licence_that_was_renewed_meanwhile_is_upgraded_all_the_same() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let sen = world.import("tracker-server", 25, "2026-12-31").await;
    let upgrade = world.quote(&ordering([upgrade(&sen, 100)])).await;
    let renewal = world.quote(&ordering([json!({"kind": "renewal", "sen": sen})])).await;
    paid(&world, &renewal).await;
    let renewed = held(&world, &sen).await["end"].clone();
    assert_eq!(paid(&world, &upgrade).await.last_event()["event"], "delivered");
    let now = held(&world, &sen).await;
    assert_eq!((&now["tier"], &now["end"]), (&json!(100), &renewed), "both are there");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r78_what_was_under_way_when_the_money_went_back_is_taken_back() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let sen = world.import("tracker-data-center", 500, "2027-06-30").await;
    let before = held(&world, &sen).await;
    let quote = world.quote(&ordering([renewal(&sen)])).await;
    world.ignore_letters().await;
    // Issuance has renewed, and ends before the quote knows of it.
    world
        .unheard(async |store| {
            let issued = store.quote(&quote.number().parse().unwrap()).await.unwrap().unwrap();
            let told = PaymentNotice {
                id: "evt_unheard".to_owned(),
                payment: PaymentId::new("stripe", &payment(&quote).intent),
                at: payment(&quote).at,
                reference: Some(Reference { quote: issued.number.clone(), revision: NamedRevision::Stated(1) }),
                event: PaymentEvent::Succeeded { money: issued.offer.due(), methods: vec![PaidBy::Card] },
            };
            let settlement = settle(&told, None, Some(&issued), told.at);
            let _ = store.commit_settlement(&settlement).await.unwrap();
            let paid = settlement.quote.unwrap().next;
            let there = store.entitlement(&sen.parse().unwrap()).await.unwrap().unwrap();
            let on = paid.deliverable_since().unwrap();
            let renewed = there.granted(&paid, &paid.offer.lines[0], on, told.at).unwrap().unwrap();
            let _ = store.update_entitlement(&renewed).await.unwrap();
        })
        .await;
    assert_eq!(held(&world, &sen).await["end"], "2028-06-30");
    refunded(&world, &quote).await;
    let mut after = held(&world, &sen).await;
    after["version"] = before["version"].clone();
    assert_eq!(after, before, "it is not renewed, and can be ordered for as before");
    world.quote(&ordering([renewal(&sen)])).await;
    world.ignore_letters().await;
    world.close().await;
}
