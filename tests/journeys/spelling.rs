//! Orders as people and their programs write them: names, places, addresses, files and numbers in other spellings than ours
//! (B18, B24, B26–B28, B30).

use serde_json::{Value, json};
use tests::{NOW, World, errors, example, example_of, imported, ordering, plain_vendor, renewal, sen, with};

const LOOKUP: &str = "/v1/entitlements/lookup";

async fn world() -> (World, tempfile::TempDir) {
    let vendor = plain_vendor();
    (World::of_vendor(NOW, vendor.path().into()).await, vendor)
}

/// B24: each spelling of one name is the same licensee, the same member and the same holder of evidence.
#[tokio::test]
async fn b24_another_spelling_of_a_name_is_the_same_organisation() {
    let (mut world, _vendor) = world().await;
    let held = sen("a Japanese customer");
    let japanese = [("/licensee", json!("株式会社ガラス例"))];
    world.record(&format!("entitlements/{held}"), &with(&imported("tracker-data-center", 500, "2027-01-01"), japanese)).await;
    for company in ["㈱ ガラス例", "（株）ｶﾞﾗｽ例", "株式会社\u{3000}カ\u{3099}ラス例"] {
        let order = with(&ordering([renewal(&held)]), [("/customer/company", json!(company))]);
        assert_eq!(world.post("/v1/quotes/preview", &order).await.expect(200)["lines"][0]["sen"], held, "{company}");
    }

    world.enrol("Example Reseller GmbH", "partner/gold", None).await;
    let token = world.token("rita@reseller.example", Some("Example Reseller GmbH")).await;
    let evidence = json!({
        "segment": "academic", "organization": "Bücher-Universität", "country": "DE", "document": "archive/1",
        "expires": "2030-01-01", "domains": ["customer.example"],
    });
    world.record("evidence/EV-24", &evidence).await;
    let order = with(
        &example_of("tracker-data-center", 500),
        [
            ("/reseller/company", json!("Ｅｘａｍｐｌｅ　ＲＥＳＥＬＬＥＲ\u{A0}GmbH")),
            ("/customer/company", json!("Bu\u{308}cher\u{2011}Universita\u{308}t")),
            ("/segments", json!([{"segment": "academic", "evidence": "EV-24", "country": "DE"}])),
        ],
    );
    let preview = world.post_as(&token, "/v1/quotes/preview", &order).await.expect(200);
    assert_eq!((&preview["channel_status"], &preview["segments"][0]["standing"]), (&json!("partner"), &json!("proven")));
    world.ignore_letters().await;
    world.close().await;
}

/// B30: a licence states a name that can be read.
#[tokio::test]
async fn b30_a_name_without_a_visible_letter_is_refused() {
    let (world, _vendor) = world().await;
    let before = world.recorded().await;
    for at in ["/customer/company", "/reseller/company", "/customer/technical_contact/name"] {
        for blank in ["\u{3164}", "\u{115F}\u{1160}", "\u{2800}", "—"] {
            let refused = world.post("/v1/quotes", &with(&example(), [(at, json!(blank))])).await.problem(422, "value_invalid");
            assert_eq!(errors(&refused), [("value_invalid", at)], "{blank:?}");
        }
    }
    assert_eq!(world.recorded().await, before, "nothing is stored");
    assert_eq!(world.inbox().await, [], "nothing is sent");
    world.close().await;
}

/// B26: places as people and Stripe write them, and the code in the refusal of a place that is nearly one.
#[tokio::test]
async fn b26_places_are_read_as_people_write_them() {
    let (world, _vendor) = world().await;
    let of = |country: &str, region: Option<&str>| {
        with(&example(), [("/customer/address/country", json!(country)), ("/customer/address/region", json!(region))])
    };
    for (country, region, is) in [
        ("XK", None, ("XK", None)),
        ("UK", None, ("GB", None)),
        ("EL", None, ("GR", None)),
        ("de", None, ("DE", None)),
        ("USA", Some("AE"), ("US", Some("US-AE"))),
        ("US", Some("AA"), ("US", Some("US-AA"))),
        ("US", Some("us-ap"), ("US", Some("US-AP"))),
        ("us", Some("us-ca"), ("US", Some("US-CA"))),
        ("United States", Some("California"), ("US", Some("US-CA"))),
        ("Japan", Some("Tōkyō"), ("JP", Some("JP-13"))),
    ] {
        let preview = world.post("/v1/quotes/preview", &of(country, region)).await.expect(200);
        let address = &preview["customer"]["address"];
        assert_eq!((address["country"].as_str(), address["region"].as_str()), (Some(is.0), is.1), "{country} {region:?}");
    }
    for (country, region, code, hint) in
        [("Germny", None, "country_unknown", "`DE` (Germany)"), ("US", Some("Calif."), "region_unknown", "`US-CA` (California)")]
    {
        let refused = world.post("/v1/quotes", &of(country, region)).await.problem(422, code);
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains(hint), "{refused:#}");
    }
    world.close().await;
}

/// B27: a letter reaches an address with an internationalised domain, and its owner is recognised in each spelling.
#[tokio::test]
async fn b27_an_internationalised_domain_becomes_its_ascii_form() {
    let (mut world, _vendor) = world().await;
    let changes = ["/reseller/contact/email", "/customer/technical_contact/email"].map(|at| (at, json!("info@bücher.example")));
    let quote = world.quote(&with(&example_of("tracker-server", 25), changes)).await;
    assert_eq!(quote.0["reseller"]["contact"]["email"], "info@xn--bcher-kva.example");
    world.letters().await.only("info@xn--bcher-kva.example");

    let held = sen("an internationalised contact");
    let contact = [("/technical_contact/email", json!("tina@xn--bcher-kva.example"))];
    world.record(&format!("entitlements/{held}"), &with(&imported("tracker-data-center", 500, "2027-01-01"), contact)).await;
    let asked = json!({"sen": held, "email": "tina@BÜCHER.example", "currency": "USD"});
    assert_eq!(world.post(LOOKUP, &asked).await.expect(200)["entitlements"][0]["sen"], held);
    let token = world.token("tina@bücher.example", None).await;
    let seen = world.with_token(reqwest::Method::GET, &format!("/v1/licenses/{held}"), &token).await.expect(200);
    assert_eq!(seen["sen"], held);

    let site = json!({
        "organization": "Example Customer Inc.", "entitlements": [held],
        "contacts": [{"role": "admin", "name": "Ada Admin", "email": "ada@customer.example"}],
    });
    world.record("sites/xn--bcher-kva.example", &site).await;
    let asked = json!({"site": "https://bücher.example/", "email": "ada@customer.example", "currency": "USD"});
    assert_eq!(world.post(LOOKUP, &asked).await.expect(200)["entitlements"][0]["sen"], held);
    world.close().await;
}

/// B28: what editors and spreadsheets write is read, and no line of a batch is lost.
#[tokio::test]
async fn b28_a_byte_order_mark_is_skipped_and_a_whole_number_may_have_a_fraction_of_zero() {
    let (mut world, _vendor) = world().await;
    let plain = example_of("tracker-server", 25).to_string();
    let written = plain.replace("\"users\":25", "\"users\":25.0");
    assert_ne!(plain, written);
    let first = world.post_with_key("b28", format!("\u{FEFF}{written}")).await;
    assert_eq!(first.expect(201)["lines"][0]["users"], 25);
    let again = world.post_with_key("b28", plain.replace("\"users\":25", "\"users\":2.5e1")).await;
    assert_eq!((again.text(), again.header("idempotency-replayed")), (first.text(), "true"), "the content is the same");
    let split = plain.replace("\"users\":25", "\"users\":25.5");
    let refused = world.post_with_key("b28-split", split).await.problem(422, "wrong_type");
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("without a fraction"), "{refused:#}");

    let line = |cause: &str| {
        let mut line = imported("tracker-data-center", 500, "2027-01-01");
        line["sen"] = sen(cause).into();
        line["tier"] = json!(500.0);
        line.to_string()
    };
    let file = format!("\u{FEFF}{}\r\n{}\n\u{FEFF}{}\n", line("the first"), line("the second"), line("of another file"));
    let token = world.staff().await;
    let sent = world.request(reqwest::Method::POST, "/v1/desk/entitlements").header("content-type", "application/jsonl");
    let batch = world.send(sent.bearer_auth(token).body(file)).await.expect(200);
    let outcomes: Vec<_> = batch["lines"].as_array().unwrap().iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["created"; 3], "{batch:#}");
    world.ignore_letters().await;
    world.close().await;
}

/// B18: who proves to know an entitlement sees the name to write, and need not write it.
#[tokio::test]
async fn b18_the_licensee_is_shown_after_the_proof_and_need_not_be_typed() {
    let (mut world, _vendor) = world().await;
    let held = sen("Cee");
    let cee = [("/licensee", json!("Cee Co"))];
    world.record(&format!("entitlements/{held}"), &with(&imported("tracker-data-center", 500, "2027-01-01"), cee)).await;
    let named = |company: Value| with(&ordering([renewal(&held)]), [("/customer/company", company)]);

    let refused = world.post("/v1/quotes", &named(json!("Cee Co."))).await.problem(422, "licensee_differs");
    assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("`Cee Co`"), "{refused:#}");
    let asked = json!({"sen": held, "email": "tina@customer.example", "currency": "USD"});
    assert_eq!(world.post(LOOKUP, &asked).await.expect(200)["entitlements"][0]["licensee"], "Cee Co");
    let quote = world.quote(&named(Value::Null)).await;
    assert_eq!(quote.0["customer"]["company"], "Cee Co");

    // Without the proof, the name is neither shown nor taken.
    let stranger = with(&named(Value::Null), [("/customer/technical_contact/email", json!("eve@elsewhere.example"))]);
    let refused = world.post("/v1/quotes", &stranger).await.problem(422, "request_invalid");
    assert_eq!(errors(&refused), [("required", "/customer/company"), ("entitlement_not_matched", "/lines/0/sen")]);
    assert!(!refused.to_string().contains("Cee"), "{refused:#}");
    let new = with(&example_of("tracker-server", 25), [("/customer/company", Value::Null)]);
    world.post("/v1/quotes", &new).await.problem(422, "required");
    world.ignore_letters().await;
    world.close().await;
}
