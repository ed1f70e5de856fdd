//! List prices: E1–E4.

use serde_json::{Value, json};
use tests::{Quote, with};

use super::scene::{Amounts, BOTH, Scene, new, only, order, own_order};

const TODAY: &str = "2026-11-22";

/// What is only for the card, and why nothing else is.
fn card_only(refusal: &'static str) -> [(&'static str, Result<(), &'static str>); 6] {
    let no = Err(refusal);
    [("card", Ok(())), ("paypal", no), ("check", no), ("bank_transfer", no), ("ach", no), ("net_30", no)]
}

/// The net of one line, previewed.
async fn net(scene: &Scene, product: &str, users: i64) -> i64 {
    Quote(scene.post("/v1/quotes/preview", &order([new(product, users)])).await.expect(200)).net()
}

#[tokio::test]
async fn e01_a_new_self_managed_licence_through_an_unaffiliated_reseller() {
    let scene = Scene::on(TODAY).await;
    let quote = scene.quoted(&order([new("dc", 500)])).await;
    assert_eq!((quote.net(), quote.tax(), quote.total()), (4_200_000, 0, 4_200_000));
    assert_eq!(quote.0["channel_status"], "unaffiliated");
    assert_eq!(quote.steps(), [("list_price", 4_200_000)], "there is no discount");
    let methods = ["card", "paypal", "check", "bank_transfer", "ach", "net_30"];
    assert_eq!(quote.methods(), methods.map(|method| (method, Ok(()))));
    assert_eq!(quote.standing(), ("issued", vec![]));
    assert_eq!(quote.0["licenses"], json!([]), "there is no key before it is paid");
    scene.end().await;
}

#[tokio::test]
async fn e02_the_smallest_tier_that_is_large_enough() {
    let scene = Scene::on(TODAY).await;
    for (users, price) in [(1, 4_200_000), (500, 4_200_000), (501, 7_200_000), (1_000, 7_200_000), (2_000, 12_000_000)] {
        assert_eq!(net(&scene, "dc", users).await, price, "{users} users");
    }
    for (users, code) in [(2_001, "no_tier_for_quantity"), (0, "quantity_invalid")] {
        assert_eq!(scene.refused(&order([new("dc", users)])).await, only(code, "/lines/0/users"));
    }
    scene.end().await;
}

#[tokio::test]
async fn e03_annual_cloud_by_the_ladder_and_monthly_cloud_for_direct_customers_by_card() {
    let scene = Scene::on(TODAY).await;
    for (users, price) in [(100, 815_000), (101, 1_495_000), (173, 1_495_000), (250, 2_105_000), (1_000, 5_885_000)] {
        assert_eq!(net(&scene, "cloud", users).await, price, "{users} users");
    }

    let monthly = scene.quoted(&own_order([new("cloud-monthly", 173)])).await;
    assert_eq!(monthly.net(), 131_140);
    assert_eq!(monthly.covers(0), ("2026-11-22", "2026-12-22"));
    assert_eq!(monthly.methods(), card_only("method_not_allowed_for_monthly"));

    let resold = order([new("cloud-monthly", 173)]);
    assert_eq!(scene.refused(&resold).await, only("monthly_cloud_not_resellable", "/lines/0/product"));
    let mixed = own_order([new("cloud-monthly", 173), new("cloud", 173)]);
    assert_eq!(scene.refused(&mixed).await, only("mixed_billing_periods", "/lines"));
    scene.end().await;
}

#[tokio::test]
async fn e04_the_smallest_tiers_and_their_methods() {
    for (policy, eleven) in BOTH.into_iter().zip([122_250, 122_300]) {
        let scene = Scene::edited(TODAY, policy).await;
        let seven = scene.quoted(&order([new("cloud", 7)])).await;
        assert_eq!((seven.net(), &seven.lines()[0]["tier"]), (80_000, &json!(10)));
        assert_eq!(seven.methods(), card_only("method_not_allowed_for_line"), "by the policy's restriction of that tier");
        let quote = scene.quoted(&order([new("cloud", 11)])).await;
        assert_eq!((quote.net(), &quote.lines()[0]["tier"]), (eleven, &json!(15)));
        assert!(quote.methods().contains(&("paypal", Ok(()))), "the next tier is not restricted");
        scene.end().await;
    }
}

/// Every product of the examples in its other terms: what is published is what is charged.
#[tokio::test]
async fn terms_of_several_years_cost_as_many_years() {
    let scene = Scene::on(TODAY).await;
    for (product, months, price) in [("dc", 24, 8_400_000), ("dc", 36, 12_600_000), ("cloud", 24, 2 * 2_105_000)] {
        let line = with(&new(product, 250), [("/term_months", Value::from(months))]);
        assert_eq!(scene.quoted(&order([line])).await.net(), price, "{product} for {months} months");
    }
    scene.end().await;
}
