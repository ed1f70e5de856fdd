//! Paid orders that cannot be delivered: staff decide, and no customer gets what was not paid for (R62, R78, R106).

use serde_json::json;
use tests::{NOW, Quote, World, example_of, ordering, plain_vendor, renewal, upgrade, with};

const AGGREGATOR: &str = "Public Sector Aggregator";

/// Why a paid quote is withheld, if it is.
fn withheld(quote: &Quote) -> Option<&str> {
    assert_eq!(quote.0["status"], "paid");
    let last = quote.last_event();
    let delivered = [&quote.0["licenses"], &quote.0["subscriptions"]].iter().any(|all| !all.as_array().unwrap().is_empty());
    assert_eq!(last["event"] == "delivered", delivered, "{:#}", quote.0);
    assert_eq!(quote.0.get("invoice").is_some(), delivered);
    (last["event"] == "withheld").then(|| last["reason"].as_str().unwrap())
}

#[tokio::test]
async fn of_two_quotes_about_one_licence_the_second_delivers_nothing_that_it_was_not_priced_for() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    for renewal_first in [true, false] {
        // Ten days of 2,000 users are cheap; a year of them is not.
        let end = if renewal_first { "2026-12-02" } else { "2026-12-01" };
        let held = world.import("tracker-data-center", 500, end).await;
        let upgrade = world.quote(&ordering([upgrade(&held, 2_000)])).await;
        let renewal = world.quote(&ordering([renewal(&held)])).await;
        let (first, second) = if renewal_first { (renewal, upgrade) } else { (upgrade, renewal) };
        assert_eq!(withheld(&world.paid(&first).await), None);
        let between = world.desk_shows(&format!("entitlements/{held}")).await;
        let paid = world.paid(&second).await;
        assert_eq!(withheld(&paid), Some("entitlement_changed"));
        assert_eq!(world.desk_shows(&format!("entitlements/{held}")).await, between, "it is as the first quote made it");
        assert_eq!(world.desk_shows(&format!("quotes/{}", paid.number())).await["status"], "paid", "staff can see it");
    }
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r62_a_licence_is_credited_once_however_many_quotes_name_it() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-03-02").await;
    let cloud = json!({"kind": "new", "product": "tracker-cloud", "users": 300, "term_months": 12, "migrates_from": held});
    let quotes = [world.quote(&ordering([cloud.clone()])).await, world.quote(&ordering([cloud])).await];
    assert_eq!(quotes[0].total(), quotes[1].total(), "neither is paid yet");
    assert_eq!(withheld(&world.paid(&quotes[0]).await), None);
    assert_eq!(withheld(&world.paid(&quotes[1]).await), Some("source_credited"));

    // What moved is closed: its unused time is not credited to an upgrade either.
    let upgrade = ordering([upgrade(&held, 1_000)]);
    world.post("/v1/quotes", &upgrade).await.problem(422, "entitlement_ended");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn what_is_unused_is_credited_at_what_was_paid_for_it() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let evidence = json!({
        "segment": "academic", "organization": "Example Customer Inc.", "domains": ["customer.example"],
        "document": "archive/1", "expires": "2030-01-01",
    });
    world.record("evidence/EV-1", &evidence).await;
    let claim = json!([{"segment": "academic", "evidence": "EV-1"}]);
    let bought = world.quote(&with(&example_of("tracker-data-center", 500), [("/segments", claim)])).await;
    assert_eq!(bought.0["net"], 2_100_000, "half of the list price");
    let sen = world.paid(&bought).await.only_sen().to_owned();

    let upgrade = ordering([upgrade(&sen, 1_000)]);
    let upgrade = world.post("/v1/quotes/preview", &upgrade).await.expect(200);
    assert_eq!(upgrade["net"], 7_200_000 - 2_100_000, "a whole year is left");
    let cloud = json!({"kind": "new", "product": "tracker-cloud", "users": 1_000, "term_months": 12, "migrates_from": sen});
    let cloud = world.post("/v1/quotes/preview", &ordering([cloud])).await.expect(200);
    let credit = cloud["lines"][0]["explanation"].as_array().unwrap().iter().find(|step| step["rule"] == "step_up_credit");
    assert_eq!(credit.unwrap()["amount"], -2_100_000);
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn e18_a_lower_tier_begins_when_the_term_that_was_paid_for_is_over() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 1_000, "2027-01-01").await;
    let lower = json!({"kind": "downgrade_at_renewal", "sen": held, "users": 500, "term_months": 12});
    let quote = world.quote(&ordering([lower])).await;
    assert_eq!((&quote.0["net"], &quote.0["lines"][0]["starts"]), (&json!(4_200_000), &json!("2027-01-01")));
    assert_eq!(withheld(&world.paid(&quote).await), None);
    let now = world.desk_shows(&format!("entitlements/{held}")).await;
    assert_eq!((&now["tier"], &now["end"]), (&json!(1_000), &json!("2028-01-01")), "what is paid for is not taken away");

    // From the end on, it is what an upgrade starts from.
    world.set_clock("2027-01-01T00:00:00Z").await;
    let upgrade = ordering([upgrade(&held, 1_000)]);
    assert_eq!(world.post("/v1/quotes/preview", &upgrade).await.expect(200)["net"], 3_000_000);
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r106_a_customer_has_one_subscription_to_a_government_product_whatever_is_quoted_for_it() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    world.enrol(AGGREGATOR, "aggregator", None).await;
    let token = world.token("rita@reseller.example", Some(AGGREGATOR)).await;
    let order = with(
        &example_of("tracker-government-cloud", 500),
        [("/reseller/company", json!(AGGREGATOR)), ("/lines/0/term_months", json!(12))],
    );
    let mut quotes = Vec::new();
    for _ in 0..2 {
        let quote = Quote(world.post_as(&token, "/v1/quotes", &order).await.expect(201));
        world.approve(quote.number()).await;
        quotes.push(world.see(&quote).await);
    }
    assert_eq!(withheld(&world.paid(&quotes[0]).await), None);
    assert_eq!(withheld(&world.paid(&quotes[1]).await), Some("subscription_exists"));
    world.post_as(&token, "/v1/quotes", &order).await.problem(422, "subscription_exists");
    // No other party learns what this customer has.
    world.post("/v1/quotes", &order).await.problem(422, "gov_family_not_self_service");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r78_the_reader_of_a_licence_gets_a_letter_about_any_order_for_it() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-01-01").await;
    let line = json!({"kind": "renewal", "sen": held, "term_months": 12, "contact": "tina@customer.example"});
    let other = json!({"name": "Otto Other", "email": "otto@customer.example"});
    let quote = world.quote(&with(&ordering([line]), [("/customer/technical_contact", other)])).await;
    world.ignore_letters().await;
    assert_eq!(withheld(&world.paid(&quote).await), None);
    let mut letters = world.letters().await;
    let letter = letters.take("tina@customer.example");
    assert!(letter.text.contains(&held), "{}", letter.text);
    letters.take("rita@reseller.example");
    letters.none();
    world.close().await;
}
