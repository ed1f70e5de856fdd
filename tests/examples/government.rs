//! Government products, and who may sell them: E30.

use serde_json::json;
use tests::{imported, sen, with};

use super::scene::{Amounts, CUSTOMER, RESELLER, Scene, billed_in, claiming, new, only, order, upgrade};

const FAMILY: [&str; 3] = ["gov-jira", "gov-jsm", "gov-conf"];
const AGGREGATOR: &str = "Public Sector Aggregator";

#[tokio::test]
async fn e30_government_products_are_sold_by_the_appointed_aggregator_alone() {
    let mut scene = Scene::on("2026-11-22").await;
    scene.enrol(AGGREGATOR, "aggregator", None).await;
    scene.enrol(RESELLER, "partner/gold", None).await;
    let all = order(FAMILY.map(|product| new(product, 500)));

    // (a), (b): no other customer, for any caller.
    let not_here = |lines: usize| -> Vec<(String, String)> {
        (0..lines).map(|line| ("gov_family_not_self_service".to_owned(), format!("/lines/{line}/product"))).collect()
    };
    assert_eq!(scene.refused(&all).await, not_here(3));
    assert_eq!(scene.refused_by(Some(RESELLER), &all).await, not_here(3), "a partner is no aggregator");
    let one_of_two = order([new("dc", 500), new("gov-jira", 500)]);
    assert_eq!(scene.refused(&one_of_two).await, only("gov_family_not_self_service", "/lines/1/product"));

    // (c): three subscriptions, once the customer is known to be government.
    let quote = scene.quoted_by(Some(AGGREGATOR), &all).await;
    assert_eq!((quote.amounts(), quote.net()), (vec![6_600_000; 3], 19_800_000));
    assert_eq!(quote.standing(), ("in_review", vec!["government_unverified"]));
    let evidence = scene.prove("government").await;
    let verified = claiming(&all, &[("government", Some(&evidence))]);
    let quote = scene.quoted_by(Some(AGGREGATOR), &verified).await;
    assert_eq!((quote.net(), quote.standing()), (19_800_000, ("issued", vec![])));

    // (g): ordinary cloud for the same agency, through any reseller, taxed where the reseller is billed.
    let cloud = billed_in(&order([new("cloud", 200)]), "DE", None);
    let quote = scene.quoted(&cloud).await;
    assert_eq!((quote.net(), quote.tax(), quote.standing()), (1_495_000, 284_050, ("issued", vec![])));
    let quote = scene.quoted(&claiming(&cloud, &[("government", None)])).await;
    assert_eq!((quote.net(), quote.standing()), (1_495_000, ("in_review", vec!["segment_evidence_pending"])));
    let quote = scene.quoted(&claiming(&cloud, &[("government", Some(&evidence))])).await;
    assert_eq!((quote.net(), quote.tax(), quote.standing()), (1_345_500, 255_645, ("issued", vec![])));

    // (e): a higher tier in the middle of the term, 214 days before its end.
    scene.move_to("2027-03-01").await;
    let held = sen("a subscription of the agency");
    let subscription = with(&imported("gov-jira", 500, "2027-10-01"), [("/purchaser/organization", json!(AGGREGATOR))]);
    scene.record(&format!("entitlements/{held}"), &subscription).await;
    let higher = claiming(&order([upgrade(&held, 1_000)]), &[("government", Some(&evidence))]);
    let quote = scene.quoted_by(Some(AGGREGATOR), &higher).await;
    assert_eq!((quote.net(), quote.covers(0)), (2_579_726, ("2027-03-01", "2027-10-01")));
    assert_eq!(scene.refused(&higher).await, not_here(1));

    // R106: the agency has this subscription; another one of the same product is no order.
    let second = scene.refused_by(Some(AGGREGATOR), &order([new("gov-jira", 500)])).await;
    assert_eq!(second, only("subscription_exists", "/lines/0/product"), "{CUSTOMER} has one");
    let others = order([new("gov-conf", 500)]);
    assert_eq!(scene.quoted_by(Some(AGGREGATOR), &others).await.net(), 6_600_000, "each product has its own");
    scene.end().await;
}
