//! Taxes: E19–E22 and E24.

use serde_json::json;
use tests::{Quote, examples_vendor_with_documents, pdf, with};

use super::scene::{Amounts, RESELLER, Scene, billed_in, claiming, in_currency, new, order};

const TODAY: &str = "2026-11-22";

/// The taxes of a quote: name, rate, amount.
fn taxes(quote: &Quote) -> Vec<(&str, &str, i64)> {
    quote.0["taxes"]
        .as_array()
        .expect("taxes")
        .iter()
        .map(|tax| (tax["name"].as_str().unwrap(), tax["rate"].as_str().unwrap(), tax["amount"].as_i64().unwrap()))
        .collect()
}

#[tokio::test]
async fn e19_sales_tax_by_the_billing_address_unless_the_policy_says_otherwise() {
    let prepared = async |scene: &Scene| {
        scene.enrol(RESELLER, "partner/silver", None).await;
        let evidence = scene.prove("academic").await;
        let academic = claiming(&order([new("dc", 500)]), &[("academic", Some(&evidence))]);
        billed_in(&academic, "US", Some("US-NY"))
    };

    let scene = Scene::on(TODAY).await;
    let request = prepared(&scene).await;
    let quote = scene.quoted_by(Some(RESELLER), &request).await;
    assert_eq!((quote.net(), quote.tax(), quote.total()), (1_890_000, 167_738, 2_057_738));
    assert_eq!(taxes(&quote), [("Sales tax", "8.875", 167_738)]);
    assert_eq!(quote.0["tax_situs"], "billing_contact");

    // An unverified certificate exempts no customer.
    let certified = with(&request, [("/tax", json!({"certificate": "RC-1"}))]);
    let quote = scene.quoted_by(Some(RESELLER), &certified).await;
    assert_eq!((quote.total(), quote.warnings()), (2_057_738, vec!["certificate_not_valid"]));
    let resale = json!({
        "kind": "resale", "organization": RESELLER, "country": "US", "region": "US-NY", "number": "NY-0042",
        "document": "archive/2", "from": "2026-01-01", "expires": "2027-01-01",
    });
    scene.record("certificates/RC-1", &resale).await;
    let quote = scene.quoted_by(Some(RESELLER), &certified).await;
    assert_eq!((quote.tax(), quote.total(), quote.warnings()), (0, 1_890_000, vec![]));
    assert_eq!(quote.0["tax_notes"], json!([{"kind": "resale", "number": "NY-0042"}]));
    scene.end().await;

    // The same order under another policy: the customer is in California, where nothing is taxed here.
    let sold_to = [("tax.toml", "situs = \"billing_contact\"", "situs = \"sold_to\"")];
    let scene = Scene::edited(TODAY, &sold_to).await;
    let request = prepared(&scene).await;
    let quote = scene.quoted_by(Some(RESELLER), &request).await;
    assert_eq!((quote.net(), quote.tax(), &quote.0["tax_situs"]), (1_890_000, 0, &json!("sold_to")));
    scene.end().await;
}

#[tokio::test]
async fn e20_australian_tax_on_the_whole_invoice_and_new_zealand_s_tie() {
    let scene = Scene::on(TODAY).await;
    let bought = |country: &str, users: &[i64]| {
        billed_in(&in_currency(&order(users.iter().map(|&users| new("odd", users))), "AUD"), country, None)
    };
    let a = scene.quoted(&bought("AU", &[3])).await;
    assert_eq!((a.net(), a.tax(), a.total()), (1_234_567, 123_457, 1_358_024));
    let b = scene.quoted(&bought("AU", &[1, 1, 1])).await;
    assert_eq!((b.net(), b.tax()), (10_005, 1_001), "and not 1,002: tax is not rounded by the line");
    let c = scene.quoted(&bought("AU", &[2])).await;
    assert_eq!((c.net(), c.tax()), (1_234_565, 123_457), "a half upwards");
    let c = scene.quoted(&bought("NZ", &[2])).await;
    assert_eq!((c.net(), c.tax()), (1_234_565, 123_456), "a half downwards");
    scene.end().await;
}

#[tokio::test]
async fn e21_reverse_charge_once_the_vat_id_is_confirmed() {
    const VAT_ID: &str = "DE136695976";
    let mut scene = Scene::of(TODAY, examples_vendor_with_documents(&[])).await;
    let bought = billed_in(&in_currency(&order([new("cloud", 200)]), "EUR"), "DE", None);
    let with_id = |id: &str| with(&bought, [("/tax", json!({ "vat_id": id }))]);
    for (request, warnings) in [
        (bought.clone(), vec![]),
        (with_id("DE136695975"), vec!["vat_id_invalid"]),
        (with_id("DE 136695976"), vec!["vat_pending"]),
    ] {
        let quote = scene.quoted(&request).await;
        assert_eq!((quote.net(), quote.tax(), quote.total()), (1_495_000, 284_050, 1_779_050));
        assert_eq!((taxes(&quote), quote.warnings()), (vec![("VAT", "19", 284_050)], warnings));
    }

    // Not confirmed at the request; confirmed before the payment; the repeated request is a revision without tax.
    let pending = scene.quoted(&with_id(VAT_ID)).await;
    scene.ignore_letters().await;
    let confirmed = json!({
        "kind": "vat_id", "organization": RESELLER, "country": "DE", "document": "archive/answer-of-the-service",
        "domains": ["reseller.example"], "from": "2026-01-01", "expires": "2027-01-01",
    });
    scene.record(&format!("certificates/{VAT_ID}"), &confirmed).await;
    let holder = scene.token("rita@reseller.example", None).await;
    let revised = Quote(scene.post_as(&holder, pending.revise(), &with_id(VAT_ID)).await.expect(201));
    assert_eq!(revised.0["status"], "issued", "C7: the holder is signed in");
    assert_eq!((revised.number(), revised.revision()), (pending.number(), 2));
    assert_eq!((revised.tax(), revised.total(), revised.warnings()), (0, 1_495_000, vec![]));
    assert_eq!(revised.0["tax_notes"], json!([{"kind": "vat_id", "number": VAT_ID}]));

    // Both VAT ids and the note are on the document.
    let document = scene.get(revised.document()).await.body;
    let texts = ["Reverse charge", VAT_ID, "GB 000 0000 00", "EUR 14,950.00"];
    assert_eq!(pdf::missing(&pdf::pages(&document).concat(), texts), [""; 0]);
    scene.end().await;
}

#[tokio::test]
async fn e22_japanese_tax_is_rounded_once_per_rate() {
    for (rounding, tax, total) in [("down", 667, 7_342), ("half_up", 668, 7_343), ("up", 668, 7_343)] {
        let edits = [
            ("tax.toml", "country = \"JP\"\nrounding = \"down\"", &*format!("country = \"JP\"\nrounding = \"{rounding}\"")),
            ("vendor.toml", "GB 000 0000 00", "T1234567890123"),
        ];
        let scene = Scene::of(TODAY, examples_vendor_with_documents(&edits)).await;
        let lines = [1, 2, 3].map(|users| new("odd", users));
        let quote = scene.quoted(&billed_in(&in_currency(&order(lines), "JPY"), "JP", None)).await;
        assert_eq!(quote.amounts(), [1_115, 2_225, 3_335]);
        assert_eq!((quote.net(), quote.tax(), quote.total()), (6_675, tax, total), "{rounding}: and never 666, by the line");
        assert_eq!(taxes(&quote), [("Consumption tax", "10", tax)]);
        let document = scene.get(quote.document()).await.body;
        let texts = ["10 %", "T1234567890123", "JPY 6,675"];
        assert_eq!(pdf::missing(&pdf::pages(&document).concat(), texts), [""; 0]);
        scene.end().await;
    }
}

#[tokio::test]
async fn e24_canadian_taxes_on_one_base_and_rates_that_change_on_a_day() {
    let mut scene = Scene::on("2025-03-31").await;
    let cloud = in_currency(&order([new("cloud", 100)]), "CAD");
    let billed = |region: &str| billed_in(&cloud, "CA", Some(region));
    let quebec = scene.quoted(&billed("CA-QC")).await;
    assert_eq!((quebec.net(), quebec.total()), (815_000, 937_046));
    assert_eq!(taxes(&quebec), [("GST", "5", 40_750), ("QST", "9.975", 81_296)]);
    assert!(quebec.0["taxes"].as_array().unwrap().iter().all(|tax| tax["base"] == 815_000), "on the same base");
    let ontario = scene.quoted(&billed("CA-ON")).await;
    assert_eq!((taxes(&ontario), ontario.total()), (vec![("HST", "13", 105_950)], 920_950));

    let nova_scotia = scene.quoted(&billed("CA-NS")).await;
    assert_eq!(taxes(&nova_scotia), [("HST", "15", 122_250)]);
    scene.move_to("2025-04-01").await;
    assert_eq!(taxes(&scene.quoted(&billed("CA-NS")).await), [("HST", "14", 114_100)]);
    assert_eq!(scene.see(&nova_scotia).await.tax(), 122_250, "what was issued stays");
    scene.end().await;
}
