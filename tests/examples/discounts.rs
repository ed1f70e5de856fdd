//! Discounts of the channel, of segments, and for moving to the cloud: E5–E10.

use serde_json::json;
use tests::{imported, sen, with};

use super::scene::{Amounts, BOTH, CUSTOMER, RESELLER, Scene, claiming, new, order, renewal};

const TODAY: &str = "2026-11-22";

#[tokio::test]
async fn e05_a_programme_s_discount_is_of_the_day_of_issue_and_stays() {
    let mut scene = Scene::on(TODAY).await;
    scene.enrol("Corporate Ltd", "corporate_reseller", None).await;
    scene.enrol(RESELLER, "partner/gold", Some("2026-12-01")).await;
    let dc = order([new("dc", 1_000)]);
    for (seller, status, net) in [
        (None, "unaffiliated", 7_200_000),
        (Some("Stranger Ltd"), "unaffiliated", 7_200_000),
        (Some("Corporate Ltd"), "corporate_reseller", 6_840_000),
        (Some("EXAMPLE Reseller GmbH"), "partner", 6_120_000),
    ] {
        let quote = scene.quoted_by(seller, &dc).await;
        assert_eq!((&quote.0["channel_status"], quote.net()), (&json!(status), net), "{seller:?}");
    }

    // A programme's discount belongs to its member: where another party is billed, the price is the list price (R36, R55).
    let token = scene.token("rita@reseller.example", Some("Corporate Ltd")).await;
    let lent = scene.post_as(&token, "/v1/quotes/preview", &dc).await.expect(200);
    assert_eq!((&lent["channel_status"], &lent["net"]), (&json!("unaffiliated"), &json!(7_200_000)));
    assert_eq!(lent["warnings"][0]["code"], "channel_not_applied");

    // The programme ends after the issue and before the payment.
    let quote = scene.quoted_by(Some(RESELLER), &dc).await;
    scene.move_to("2026-12-01").await;
    assert_eq!(scene.see(&quote).await.0, quote.0, "what was issued stays");
    assert_eq!(scene.quoted_by(Some(RESELLER), &dc).await.net(), 7_200_000, "what is issued now has no discount");
    scene.pay(&quote).await;
    scene.settled().await;
    let paid = scene.see(&quote).await;
    assert_eq!((&paid.0["status"], &paid.0["payments"][0]["amount"]), (&json!("paid"), &json!(6_120_000)));
    scene.end().await;
}

#[tokio::test]
async fn e06_a_renewal_is_discounted_for_the_partner_that_sold_it() {
    let scene = Scene::on(TODAY).await;
    for partner in [RESELLER, "Another Partner Ltd"] {
        scene.enrol(partner, "partner/gold", None).await;
    }
    let (held, end) = (sen("sold by a partner"), "2027-01-01");
    let sold = with(&imported("dc", 500, end), [("/purchaser/organization", json!(RESELLER))]);
    scene.record(&format!("entitlements/{held}"), &sold).await;

    let renew = order([renewal(&held, 12)]);
    let same = scene.quoted_by(Some(RESELLER), &renew).await;
    assert_eq!((same.net(), same.notes()), (3_990_000, vec![]));
    assert_eq!(same.steps(), [("list_price", 4_200_000), ("channel", -210_000)]);
    let other = scene.quoted_by(Some("Another Partner Ltd"), &renew).await;
    assert_eq!((other.net(), other.notes()), (4_200_000, vec!["renewal_not_same_partner"]));
    let unnamed = scene.quoted(&renew).await;
    assert_eq!((unnamed.net(), unnamed.notes()), (4_200_000, vec![]));
    scene.end().await;
}

#[tokio::test]
async fn e07_the_segment_first_and_the_channel_on_what_is_left() {
    let scene = Scene::on(TODAY).await;
    scene.enrol(RESELLER, "partner/silver", None).await;
    let evidence = scene.prove("academic").await;
    let quote = scene.quoted_by(Some(RESELLER), &claiming(&order([new("dc", 500)]), &[("academic", Some(&evidence))])).await;
    assert_eq!(quote.net(), 1_890_000, "and not 1,680,000: the percentages are not added");
    assert_eq!(quote.steps(), [("list_price", 4_200_000), ("segment", -2_100_000), ("channel", -210_000)]);
    scene.end().await;
}

#[tokio::test]
async fn e08_half_dollars() {
    for (policy, alone, with_partner) in [(BOTH[0], 373_750, 336_375), (BOTH[1], 373_800, 336_500)] {
        let scene = Scene::edited(TODAY, policy).await;
        scene.enrol(RESELLER, "partner/silver", None).await;
        let evidence = scene.prove("nonprofit").await;
        let request = claiming(&order([new("cloud", 200)]), &[("nonprofit", Some(&evidence))]);
        assert_eq!(scene.quoted(&request).await.net(), alone);
        assert_eq!(scene.quoted_by(Some(RESELLER), &request).await.net(), with_partner);
        scene.end().await;
    }
}

#[tokio::test]
async fn e09_one_segment_and_only_with_evidence() {
    let scene = Scene::on(TODAY).await;
    let (academic, nonprofit) = (scene.prove("academic").await, scene.prove("nonprofit").await);
    let dc = order([new("dc", 500)]);
    let pending = ("in_review", vec!["segment_evidence_pending"]);
    let issued = || ("issued", vec![]);
    let proven = [("academic", Some(&*academic)), ("nonprofit", Some(&*nonprofit))];
    for (claims, net, standing, why) in [
        (&proven[..], 1_050_000, issued(), "both verified: the better one, and not both"),
        (&[proven[0], ("nonprofit", None)], 2_100_000, pending.clone(), "what is pending does not count"),
        (&[("academic", None), ("nonprofit", None)], 4_200_000, pending, "neither is verified"),
        (&[proven[0]], 2_100_000, issued(), "one claim"),
        (&[], 4_200_000, issued(), "no claim"),
    ] {
        let quote = scene.quoted(&claiming(&dc, claims)).await;
        assert_eq!((quote.net(), quote.standing()), (net, standing), "{why}");
        assert_eq!(quote.warnings(), [""; 0], "{why}");
    }

    // The desk knows no such evidence.
    let unknown = claiming(&dc, &[("academic", Some("EV-unknown"))]);
    let quote = scene.quoted(&with(&unknown, [("/segments/0/registration_number", json!("98-7654321"))])).await;
    assert_eq!((quote.net(), quote.standing()), (4_200_000, ("in_review", vec!["segment_evidence_pending"])));

    // R59: an incomplete claim gets the list price and no review.
    let silent = with(&dc, [("/segments", json!([{"segment": "nonprofit", "country": "US"}]))]);
    let quote = scene.quoted(&silent).await;
    assert_eq!((quote.net(), quote.standing(), quote.warnings()), (4_200_000, issued(), vec!["segment_evidence_missing"]));

    // R60: evidence must be of the end customer.
    let other = with(&claiming(&dc, &proven), [("/customer/company", json!("Another Customer Inc."))]);
    let quote = scene.quoted(&other).await;
    assert_eq!((quote.net(), quote.standing().0), (4_200_000, "in_review"), "{CUSTOMER} is another organisation");
    scene.end().await;
}

#[tokio::test]
async fn e10_moving_to_the_cloud_is_discounted_first_and_credited_then() {
    // A hundred unused days.
    let scene = Scene::on(TODAY).await;
    let held = scene.import("dc", 500, "2027-03-02").await;
    let migrating = |users: i64| order([with(&new("cloud", users), [("/migrates_from", json!(held))])]);

    let quote = scene.quoted(&migrating(300)).await;
    assert_eq!((quote.net(), quote.standing()), (533_315, ("issued", vec![])));
    assert_eq!(quote.steps(), [("list_price", 2_105_000), ("segment", -421_000), ("step_up_credit", -1_150_685)]);
    assert_eq!(quote.notes(), [""; 0]);

    // The credit is more than a smaller tier costs: nothing is paid out, and a person looks at it.
    let quote = scene.quoted(&migrating(100)).await;
    assert_eq!((quote.net(), quote.total(), quote.standing()), (0, 0, ("in_review", vec!["nothing_to_pay"])));
    let [note] = &quote.lines()[0]["notes"].as_array().unwrap()[..] else { panic!("one note: {:#}", quote.lines()[0]) };
    assert_eq!((&note["code"], &note["amount"]), (&json!("credit_lapsed"), &json!(498_685)));

    // R62: what was credited once is not credited again.
    scene.approve(quote.number()).await;
    scene.settled().await;
    let delivered = scene.see(&quote).await;
    assert_eq!((&delivered.0["status"], delivered.0["subscriptions"].as_array().map(Vec::len)), (&json!("paid"), Some(1)));
    let again = scene.quoted(&migrating(300)).await;
    assert_eq!((again.net(), again.notes()), (2_105_000, vec!["migration_not_applicable"]));
    scene.end().await;
}
