//! What a customer has, changed by later orders (R24–R31, R40–R44, R49, R78, R96).

use licensing::JwkSet;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{NOW, World, example_of, ordering, plain_vendor, renewal, with};

const RITA: &str = "rita@reseller.example";
const BORIS: &str = "boris@second.example";
const TINA: &str = "tina@customer.example";

/// The same by another caller, who knows the customer.
fn through_boris(order: &Value) -> Value {
    let boris = json!({"name": "Boris Second", "email": BORIS});
    with(order, [("/reseller/company", json!("Second Reseller Ltd")), ("/reseller/contact", boris)])
}

/// What a caller sees of a licence, and the statement in the key that is revealed to the caller.
async fn seen(world: &World, email: &str, sen: &str, keys: &JwkSet) -> (Value, String, licensing::License) {
    let token = world.token(email, None).await;
    let view = world.with_token(Method::GET, &format!("/v1/licenses/{sen}"), &token).await.expect(200);
    let revealed = world.with_token(Method::POST, &format!("/v1/licenses/{sen}/reveal"), &token).await.expect(200);
    let file = revealed["license_file"].as_str().unwrap().to_owned();
    let license = licensing::verify(&file, keys).unwrap();
    (view, file, license)
}

#[tokio::test]
async fn r49_a_renewal_keeps_the_number_and_has_a_key_that_its_own_purchaser_sees() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let keys: JwkSet = serde_json::from_value(world.get("/.well-known/license-keys.json").await.expect(200)).unwrap();
    let bought = world.quote(&example_of("tracker-data-center", 500)).await;
    let sen = world.paid(&bought).await.only_sen().to_owned();

    let quote = world.quote(&through_boris(&ordering([renewal(&sen)]))).await;
    let line = &quote.0["lines"][0];
    assert_eq!((&line["starts"], &line["ends"], &line["sen"]), (&json!("2027-11-22"), &json!("2028-11-22"), &json!(sen)));
    assert_eq!(world.paid(&quote).await.only_sen(), sen, "the number stays");

    let (view, first_key, license) = seen(&world, RITA, &sen, &keys).await;
    assert_eq!((&view["term_end"], &view["purchaser"]), (&json!("2027-11-22"), &json!("Example Reseller GmbH")));
    assert_eq!(license.term_end, Some("2027-11-22".parse().unwrap()), "who sold the first term sees the first key");
    for email in [BORIS, TINA] {
        let (view, key, license) = seen(&world, email, &sen, &keys).await;
        assert_eq!((&view["term_end"], &view["purchaser"]), (&json!("2028-11-22"), &json!("Second Reseller Ltd")));
        assert_eq!((&*license.sen, license.term_end), (&*sen, Some("2028-11-22".parse().unwrap())));
        assert_ne!(key, first_key, "{email} sees the key that there is now");
    }

    // Two renewals for the same twelve months, both quoted before either is paid: what is paid is never lost.
    let twice = [world.quote(&ordering([renewal(&sen)])).await, world.quote(&ordering([renewal(&sen)])).await];
    for (quote, end) in twice.iter().zip(["2029-11-22", "2030-11-22"]) {
        assert_eq!(world.paid(quote).await.only_sen(), sen);
        let (view, _, license) = seen(&world, TINA, &sen, &keys).await;
        assert_eq!((&view["term_end"], license.term_end), (&json!(end), Some(end.parse().unwrap())));
    }

    // A higher tier until then.
    let (_, before, _) = seen(&world, TINA, &sen, &keys).await;
    let upgrade = world.quote(&ordering([json!({"kind": "upgrade", "sen": sen, "users": 1_000})])).await;
    assert_eq!(world.paid(&upgrade).await.only_sen(), sen);
    let (view, after, license) = seen(&world, TINA, &sen, &keys).await;
    assert_eq!((&view["tier"], &view["term_end"]), (&json!(1_000), &json!("2030-11-22")));
    assert_eq!((license.tier, license.term_end), (Some(1_000), Some("2030-11-22".parse().unwrap())));
    assert_ne!(before, after);
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn a_preview_of_every_kind_of_line_has_the_price_of_the_quote() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let dc = world.import("tracker-data-center", 500, "2027-02-01").await;
    let large = world.import("tracker-data-center", 1_000, "2027-02-01").await;
    let server = world.import("tracker-server", 25, "2026-10-01").await;
    let service_desk = tests::sen("an edition");
    let standard = with(&tests::imported("tracker-service-desk", 25, "2027-06-01"), [("/edition", json!("standard"))]);
    world.record(&format!("entitlements/{service_desk}"), &standard).await;
    for lines in [
        vec![json!({"kind": "new", "product": "tracker-cloud", "users": 300, "term_months": 12, "migrates_from": dc})],
        vec![renewal(&dc), renewal(&server)],
        vec![json!({"kind": "upgrade", "sen": dc, "users": 2_000})],
        vec![json!({"kind": "upgrade", "sen": server, "users": 100})],
        vec![json!({"kind": "upgrade", "sen": service_desk, "edition": "premium"})],
        vec![json!({"kind": "renew_and_upgrade", "sen": dc, "users": 1_000, "term_months": 12})],
        vec![json!({"kind": "renew_and_upgrade", "sen": dc, "users": 1_000, "until": "2028-06-30"})],
        vec![
            json!({"kind": "coterm", "sen": dc, "until": "2027-06-30"}),
            json!({"kind": "coterm", "sen": server, "until": "2027-06-30"}),
        ],
        vec![json!({"kind": "downgrade_at_renewal", "sen": large, "users": 500, "term_months": 12})],
    ] {
        let order = ordering(lines);
        let mut preview = world.post("/v1/quotes/preview", &order).await.expect(200);
        let mut quote = world.quote(&order).await.0;
        for only_issued in ["number", "status", "links", "history"] {
            quote.as_object_mut().unwrap().remove(only_issued);
            preview.as_object_mut().unwrap().remove(only_issued);
        }
        assert_eq!(preview, quote, "{order:#}");
    }
    world.ignore_letters().await;
    world.close().await;
}

/// B11: a lower grade begins, and a licence file ends, when the vendor's day begins.
#[tokio::test]
async fn b11_days_begin_in_the_vendors_time_zone() {
    let vendor = plain_vendor();
    let file = vendor.path().join("vendor.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("timezone = \"UTC\"", "timezone = \"America/New_York\"");
    std::fs::write(&file, text).unwrap();
    // 22:00 on 4 January in New York.
    let mut world = World::of_vendor("2026-01-05T03:00:00Z", vendor.path().into()).await;
    let keys: JwkSet = serde_json::from_value(world.get("/.well-known/license-keys.json").await.expect(200)).unwrap();
    let bought = world.quote(&example_of("tracker-data-center", 1_000)).await;
    let sen = world.paid(&bought).await.only_sen().to_owned();
    let (_, _, license) = seen(&world, TINA, &sen, &keys).await;
    assert_eq!((license.term_end, &*license.time_zone), (Some("2027-01-04".parse().unwrap()), "America/New_York"));

    world.set_clock("2026-12-01T12:00:00Z").await;
    let lower = json!({"kind": "downgrade_at_renewal", "sen": sen, "users": 500, "term_months": 12});
    let lower = world.quote(&ordering([lower])).await;
    world.paid(&lower).await;
    for (now, tier) in [("2027-01-04T00:00:00Z", 1_000), ("2027-01-04T04:59:59Z", 1_000), ("2027-01-04T05:00:00Z", 500)] {
        world.set_clock(now).await;
        let (view, _, license) = seen(&world, TINA, &sen, &keys).await;
        assert_eq!(license.tier, Some(tier), "{now}");
        assert_eq!(view["next"]["starts_at"], "2027-01-04T05:00:00Z");
    }
    world.ignore_letters().await;
    world.close().await;
}

/// B12: a paid quote shows the days that were delivered.
#[tokio::test]
async fn b12_the_lines_of_a_paid_quote_have_the_days_that_were_delivered() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor("2026-11-22T10:00:00Z", vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-01-01").await;
    let cloud = world.import("tracker-cloud", 100, "2026-11-25").await;
    let new = json!({"kind": "new", "product": "tracker-data-center", "users": 500, "term_months": 12});
    let quote = world.quote(&ordering([new, renewal(&held), renewal(&cloud)])).await;
    let days = |quote: &tests::Quote| -> Vec<(String, String)> {
        let day = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
        quote.0["lines"].as_array().unwrap().iter().map(|line| (day(line, "starts"), day(line, "ends"))).collect()
    };
    let pairs = |days: [(&str, &str); 3]| days.map(|(start, end)| (start.to_owned(), end.to_owned())).to_vec();
    assert_eq!(days(&quote), pairs([("2026-11-22", "2027-11-22"), ("2027-01-01", "2028-01-01"), ("2026-11-25", "2027-11-25")]));

    world.set_clock("2026-12-02T10:00:00Z").await;
    let paid = world.paid(&quote).await;
    assert_eq!(days(&paid), pairs([("2026-12-02", "2027-12-02"), ("2027-01-01", "2028-01-01"), ("2026-12-02", "2027-12-02")]));
    world.ignore_letters().await;
    world.close().await;
}
