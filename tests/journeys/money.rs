//! Prices, taxes and payment methods, as the worked examples have them (E1–E4, E19–E25, R69, R70, R74), and the form that
//! takes a payment (R32, R63).

use reqwest::Method;
use serde_json::{Value, json};
use tests::{NOW, Quote, World, example, example_of, stripe::Payment, vendor_with, with};

/// The net of a number of users of a product for a number of months, previewed; or the code of the refusal.
async fn net(world: &World, product: &str, users: i64, months: i64) -> Result<i64, String> {
    let request = with(&example_of(product, 1), [("/lines/0/users", json!(users)), ("/lines/0/term_months", json!(months))]);
    let answer = world.post("/v1/quotes/preview", &request).await.json();
    let line = || explained(&answer["lines"][0]);
    answer["net"].as_i64().inspect(|net| assert_eq!(line(), *net)).ok_or(answer["code"].to_string().replace('"', ""))
}

/// A line's amount, whose explanation adds up to it.
fn explained(line: &Value) -> i64 {
    let steps = line["explanation"].as_array().expect("every line is explained");
    let sum: i64 = steps.iter().map(|step| step["amount"].as_i64().expect("whole minor units")).sum();
    assert!(!steps.is_empty() && steps.iter().all(|step| !step["detail"].as_str().unwrap().is_empty()));
    assert_eq!(line["amount"].as_i64(), Some(sum), "the steps add up: {line:#}");
    sum
}

#[tokio::test]
async fn e1_to_e4_tiers_have_the_prices_of_the_worked_examples() {
    let world = World::new().await;
    let (dc, cloud) = ("tracker-data-center", "tracker-cloud");
    let refused = |code: &str| Err(code.to_owned());
    for (product, users, months, price) in [
        // E1, E2
        (dc, 1, 12, Ok(4_200_000)),
        (dc, 500, 12, Ok(4_200_000)),
        (dc, 501, 12, Ok(7_200_000)),
        (dc, 1_000, 12, Ok(7_200_000)),
        (dc, 2_000, 12, Ok(12_000_000)),
        (dc, 2_001, 12, refused("no_tier_for_quantity")),
        (dc, 0, 12, refused("quantity_invalid")),
        (dc, 500, 24, Ok(8_400_000)),
        (dc, 500, 36, Ok(12_600_000)),
        // E3
        (cloud, 100, 12, Ok(815_000)),
        (cloud, 101, 12, Ok(1_495_000)),
        (cloud, 173, 12, Ok(1_495_000)),
        (cloud, 250, 12, Ok(2_105_000)),
        (cloud, 1_000, 12, Ok(5_885_000)),
        (cloud, 173, 24, Ok(2_990_000)),
        (cloud, 173, 1, refused("term_not_offered")),
        // E4
        (cloud, 7, 12, Ok(80_000)),
        (cloud, 10, 12, Ok(80_000)),
        (cloud, 11, 12, Ok(122_250)),
        ("tracker-server", 25, 12, Ok(350_000)),
        ("tracker-server", 26, 12, Ok(990_000)),
    ] {
        assert_eq!(net(&world, product, users, months).await, price, "{users} users of {product} for {months} months");
    }
    world.close().await;

    // E4 under the other rounding: up to a whole dollar, as a step of its own.
    let vendor = vendor_with(&[("vendor.toml", "P-MINOR", "P-WHOLE")]);
    let world = World::of_vendor(NOW, vendor.path().into()).await;
    assert_eq!(net(&world, cloud, 11, 12).await, Ok(122_300));
    world.close().await;
}

#[tokio::test]
async fn r69_r70_an_order_in_australian_dollars_takes_no_card_no_check_and_no_ach() {
    let mut world = World::new().await;
    let sydney = json!({"street": "1 Example Street", "city": "Sydney", "postal_code": "2000", "country": "AU"});
    let request = with(&example_of("tracker-data-center", 500), [("/currency", json!("AUD")), ("/reseller/address", sydney)]);
    let quote = world.quote(&request).await;
    assert_eq!((&quote.0["net"], &quote.0["tax"], quote.total()), (&json!(6_300_000), &json!(630_000), 6_930_000), "10 % GST");
    let not_in_aud = Err("method_not_allowed_for_currency");
    assert_eq!(
        quote.methods(),
        [
            ("card", not_in_aud),
            ("paypal", Ok(())),
            ("check", not_in_aud),
            ("bank_transfer", Ok(())),
            ("ach", not_in_aud),
            ("net_30", Err("no_threshold_for_currency")),
        ]
    );
    assert!(quote.0["payment_methods"].as_array().unwrap().iter().all(|method| {
        let detail = method.pointer("/reason/detail").and_then(Value::as_str);
        method["available"] == detail.is_none() && detail.is_none_or(|detail| !detail.is_empty())
    }));
    world.ignore_letters().await;

    // A card payment that comes all the same is kept, and pays nothing.
    let by_card = Payment::of(&quote, NOW).named("pi_card");
    let answer = world.stripe(&by_card.checkout_completed()).await.expect(200);
    assert_eq!((&answer["outcome"], &answer["reason"]), (&json!("unapplied"), &json!("method_not_allowed")));
    assert_eq!(world.see(&quote).await.0, quote.0);
    let receipt = world.stored().await["PAYMENT#stripe:pi_card PAYMENT"]["body"].as_s().unwrap().clone();
    assert!(receipt.contains("method_not_allowed") && receipt.contains("6930000") && receipt.contains("AUD"), "{receipt}");
    world.letters().await.none();

    let by_paypal = Payment { method: "paypal", ..Payment::of(&quote, NOW) };
    assert_eq!(world.stripe(&by_paypal.checkout_completed()).await.expect(200)["outcome"], "applied");
    world.ignore_letters().await;
    assert_eq!(world.see(&quote).await.0["status"], "paid");
    world.close().await;
}

#[tokio::test]
async fn r74_net_30_is_offered_from_the_currency_s_threshold_on() {
    let world = World::new().await;
    for (product, users, currency, net_30) in [
        ("tracker-data-center", 500, "USD", Ok(())),
        ("tracker-server", 100, "USD", Err("below_threshold")),
        ("tracker-data-center", 500, "JPY", Err("no_threshold_for_currency")),
        ("tracker-data-center", 500, "EUR", Ok(())),
    ] {
        let request = with(&example_of(product, users), [("/currency", json!(currency))]);
        let quote = tests::Quote(world.post("/v1/quotes/preview", &request).await.expect(200));
        let ach = if currency == "USD" { Ok(()) } else { Err("method_not_allowed_for_currency") };
        let methods = quote.methods();
        assert!(methods.contains(&("net_30", net_30)) && methods.contains(&("ach", ach)), "{currency}: {methods:?}");
        assert!(methods.contains(&("card", Ok(()))), "{currency}: {methods:?}");
    }
    world.close().await;
}

#[tokio::test]
async fn tax_follows_the_billing_address_and_is_rounded_once_per_rate() {
    let world = World::new().await;
    let address = |country: &str, region: Option<&str>| json!({"street": "1 Example Street", "city": "Exampletown", "country": country, "region": region});
    for (users, country, region, taxes, total) in [
        // 122,250 × 8.875 % = 10,849.6875
        (11, "US", Some("US-NY"), vec![("Sales tax", "US-NY", "8.875", 10_850)], 133_100),
        (11, "US", Some("US-CA"), vec![], 122_250),
        // 122,250 × 19 % = 23,227.5: half up
        (11, "DE", None, vec![("VAT", "DE", "19", 23_228)], 145_478),
        // E24: two taxes on the same base
        (100, "CA", Some("CA-QC"), vec![("GST", "CA-QC", "5", 40_750), ("QST", "CA-QC", "9.975", 81_296)], 937_046),
        (100, "CA", Some("ON"), vec![("HST", "CA-ON", "13", 105_950)], 920_950),
        (100, "GB", None, vec![], 815_000),
    ] {
        let request = with(&example_of("tracker-cloud", users), [("/reseller/address", address(country, region))]);
        let quote = world.post("/v1/quotes/preview", &request).await.expect(200);
        let shown: Vec<_> = quote["taxes"].as_array().unwrap().iter().collect();
        let shown: Vec<_> = shown
            .iter()
            .map(|tax| {
                assert_eq!(tax["base"], quote["net"]);
                let text = |member: &str| tax[member].as_str().unwrap();
                (text("name"), text("jurisdiction"), text("rate"), tax["amount"].as_i64().unwrap())
            })
            .collect();
        assert_eq!(shown, taxes, "{country} {region:?}");
        let sum: i64 = taxes.iter().map(|(.., amount)| amount).sum();
        assert_eq!((&quote["tax"], &quote["total"]), (&json!(sum), &json!(total)), "{country} {region:?}");
        explained(&quote["lines"][0]);
    }

    // E19: the same customer in New York, for every billed party.
    let in_new_york = [("/customer/address", address("US", Some("US-NY")))];
    let through_london = with(&example_of("tracker-data-center", 500), in_new_york.clone());
    let through_london = with(&through_london, [("/reseller/address", address("GB", None))]);
    let by_itself = with(
        &through_london,
        [("/purchasing_for", json!("self")), ("/reseller", Value::Null), ("/accept/reseller_agreement", Value::Null)],
    );
    for (request, tax) in [(through_london, 0), (by_itself, 372_750)] {
        assert_eq!(world.post("/v1/quotes/preview", &request).await.expect(200)["tax"], tax);
    }

    // Yen have no minor unit: 147,000 is 147,000.
    let yen = with(&example_of("tracker-cloud", 15), [("/currency", json!("JPY")), ("/reseller/address", address("JP", None))]);
    let yen = world.post("/v1/quotes/preview", &yen).await.expect(200);
    assert_eq!((&yen["net"], &yen["tax"], &yen["total"]), (&json!(147_000), &json!(14_700), &json!(161_700)));
    world.close().await;
}

/// What the payment form says of a quote, whether or not it has a link to it.
async fn payment_form(world: &World, quote: &Quote) -> String {
    let page = world.get(&format!("/pay/{}?secret={}", quote.number(), quote.secret())).await;
    assert_eq!(page.status, 200, "{}", page.text());
    page.text().to_owned()
}

#[tokio::test]
async fn r32_the_payment_form_of_an_order_in_review_promises_no_quote_and_a_rejected_one_says_why() {
    let vendor = vendor_with(&[("vendor.toml", "above = { USD = 1000000000 }", "above = { USD = 1 }")]);
    let mut world = World::of_vendor("2026-06-01T15:30:00Z", vendor.path().into()).await;
    let order = world.quote(&example()).await;
    assert_eq!((&order.0["status"], &order.0["review_due"]), (&json!("in_review"), &json!("2026-06-04")));
    let says_too_much = |form: &str| ["Valid through", "first page", "<form"].into_iter().find(|text| form.contains(text));

    let form = payment_form(&world, &order).await;
    assert!(form.contains("We review this order") && form.contains("2026-06-04"), "{form}");
    assert_eq!(says_too_much(&form), None, "{form}");

    let decision = json!({"reason": "We do not sell to <nobody>.", "revision": 1});
    world.desk(Method::POST, &format!("quotes/{}/reject", order.number()), &decision).await.expect(200);
    let form = payment_form(&world, &order).await;
    assert!(form.contains("nothing to pay") && form.contains("We do not sell to &lt;nobody&gt;."), "{form}");
    assert!(!form.contains("2026-06-04"), "the review is over: {form}");
    assert_eq!(says_too_much(&form), None, "{form}");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r63_the_payment_form_pays_only_with_a_valid_outcome() {
    let mut world = World::new().await;
    let quote = world.quote(&example()).await;
    for nothing in ["", "outcome=", "outcome", "outcome=paid&outcome=declined", "paid"] {
        let pressed = world.send(world.request(Method::POST, quote.pay()).body(nothing)).await;
        assert_eq!(pressed.problem(422, "value_invalid")["errors"][0]["pointer"], "/outcome", "{nothing:?}");
    }
    assert_eq!(world.see(&quote).await.0, quote.0, "nothing was paid");
    world.pay(&quote).await;
    world.ignore_letters().await;
    world.close().await;
}
