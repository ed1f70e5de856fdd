//! Which payment methods an order may use: E20 and E25.

use serde_json::json;
use tests::{Quote, stripe::Payment};

use super::scene::{Amounts, RESELLER, Scene, billed_in, in_currency, new, order, own_order};

const TODAY: &str = "2026-11-22";

#[tokio::test]
async fn e20_an_order_in_australian_dollars_takes_no_card_no_check_and_no_ach() {
    let not_in_aud = Err("method_not_allowed_for_currency");
    let expected = |net_30| {
        [
            ("card", not_in_aud),
            ("paypal", Ok(())),
            ("check", not_in_aud),
            ("bank_transfer", Ok(())),
            ("ach", not_in_aud),
            ("net_30", net_30),
        ]
    };
    let scene = Scene::on(TODAY).await;
    let bought = billed_in(&in_currency(&order([new("odd", 3)]), "AUD"), "AU", None);
    let quote = scene.quoted(&bought).await;
    assert_eq!(quote.methods(), expected(Err("no_threshold_for_currency")));

    // A card that is charged all the same pays nothing.
    let by_card = Payment::of(&quote, "2026-11-22T12:00:00Z");
    let answer = scene.stripe(&by_card.checkout_completed()).await.expect(200);
    assert_eq!((&answer["outcome"], &answer["reason"]), (&json!("unapplied"), &json!("method_not_allowed")));
    assert_eq!(scene.see(&quote).await.0["status"], "issued");
    scene.end().await;

    let threshold = [("payment.toml", "minimum = { USD = 1000000,", "minimum = { USD = 1000000, AUD = 1000000,")];
    let scene = Scene::edited(TODAY, &threshold).await;
    assert_eq!(scene.quoted(&bought).await.methods(), expected(Ok(())));
    scene.end().await;
}

fn net_30(quote: &Quote) -> Result<(), &str> {
    quote.methods().into_iter().find(|(method, _)| *method == "net_30").expect("the method is listed").1
}

#[tokio::test]
async fn e25_net_30_from_the_threshold_on() {
    let below = Err("below_threshold");
    for (basis, first) in [("net", below), ("gross", Ok(()))] {
        let edits = [("payment.toml", "minimum_basis = \"net\"", &*format!("minimum_basis = \"{basis}\""))];
        let scene = Scene::edited(TODAY, &edits).await;
        scene.enrol(RESELLER, "corporate_reseller", None).await;
        let bought = |users: i64| billed_in(&order([new("odd", users)]), "US", Some("US-NY"));
        for (seller, users, net, tax, gross, offered) in [
            (None, 2, 999_999, 88_750, 1_088_749, first),
            (None, 3, 1_000_000, 88_750, 1_088_750, Ok(())),
            (None, 4, 1_000_001, 88_750, 1_088_751, Ok(())),
            (Some(RESELLER), 5, 997_500, 88_528, 1_086_028, first),
        ] {
            let quote = scene.quoted_by(seller, &bought(users)).await;
            assert_eq!((quote.net(), quote.tax(), quote.total()), (net, tax, gross));
            assert_eq!(net_30(&quote), offered, "{basis}: {net}");
        }

        // Two orders are two orders.
        for _ in 0..2 {
            let quote = scene.quoted(&order([new("odd", 1)])).await;
            assert_eq!((quote.net(), net_30(&quote)), (600_000, below));
        }
        let yen = scene.quoted(&in_currency(&order([new("dc", 1_000)]), "JPY")).await;
        assert_eq!(net_30(&yen), Err("no_threshold_for_currency"), "however much it is");
        let monthly = scene.quoted(&own_order([new("cloud-monthly", 1_000)])).await;
        assert_eq!(net_30(&monthly), Err("method_not_allowed_for_monthly"), "never");
        scene.end().await;
    }
}
