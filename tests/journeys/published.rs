//! What the vendor publishes is what it charges (R57, R67).

use serde_json::{Value, json};
use tests::{NOW, Quote, World, api::api, example, example_of, vendor_with, with};

const DATA_CENTER: &str = "[[book]]\nproduct = \"tracker-data-center\"\ncurrency = \"USD\"\nfrom = 2026-01-01\n";
const CORPORATE: &str = "[[rate]]\nprogramme = \"corporate_reseller\"\npercent = \"5\"\nfrom = 2026-01-01\n";

/// The published prices of a product in US dollars.
fn prices<'p>(pricing: &'p Value, product: &str) -> &'p Value {
    let products = pricing["products"].as_array().unwrap();
    let product = products.iter().find(|it| it["product"] == product).unwrap_or_else(|| panic!("no {product}: {pricing:#}"));
    product["prices"].as_array().unwrap().iter().find(|prices| prices["currency"] == "USD").unwrap()
}

/// The published rates of a programme.
fn rates<'p>(pricing: &'p Value, programme: &str) -> Vec<&'p Value> {
    let programmes = pricing["programmes"].as_array().unwrap();
    programmes.iter().find(|it| it["programme"] == programme).unwrap()["rates"].as_array().unwrap().iter().collect()
}

#[tokio::test]
async fn r57_the_price_list_of_a_day_is_what_is_charged_on_it() {
    let price =
        "tiers = [{ users = 500, price = 4200000 }, { users = 1000, price = 7200000 }, { users = 2000, price = 12000000 }]";
    let dearer =
        "tiers = [{ users = 500, price = 4500000 }, { users = 1000, price = 7700000 }, { users = 2000, price = 12900000 }]";
    let next = DATA_CENTER.replace("2026-01-01", "2026-12-01");
    let books = format!("{DATA_CENTER}until = 2026-12-01\n{price}\n\n{next}{dearer}");
    let next = CORPORATE.replace("\"5\"", "\"7\"").replace("2026-01-01", "2026-12-01");
    let discounts = format!("{CORPORATE}until = 2026-12-01\n\n{next}");
    let vendor =
        vendor_with(&[("prices.toml", &format!("{DATA_CENTER}{price}"), &books), ("channel.toml", CORPORATE, &discounts)]);
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    world.enrol("Corporate Ltd", "corporate_reseller", None).await;
    let order = example_of("tracker-data-center", 500);
    let old = world.quote(&order).await;
    world.ignore_letters().await;
    for (now, list, percent, discounted) in
        [("2026-11-30T23:59:59Z", 4_200_000, "5", 3_990_000), ("2026-12-01T00:00:00Z", 4_500_000, "7", 4_185_000)]
    {
        world.set_clock(now).await;
        let answer = world.get("/v1/pricing").await;
        assert_eq!(answer.header("cache-control"), "public, max-age=60");
        let pricing = answer.expect(200);
        assert_eq!(pricing["on"], now[..10]);
        let published = prices(&pricing, "tracker-data-center");
        assert_eq!((&published["per"], &published["tiers"][0]), (&json!("year"), &json!({"users": 500, "amount": list})));
        let [rate] = rates(&pricing, "corporate_reseller")[..] else { panic!("one rate on a day") };
        assert_eq!(rate["percent"].to_string().replace('"', ""), percent);

        assert_eq!(world.post("/v1/quotes/preview", &order).await.expect(200)["net"], list);
        let token = world.token("carla@corporate.example", Some("Corporate Ltd")).await;
        let own = with(&order, [("/reseller/company", json!("Corporate Ltd"))]);
        assert_eq!(world.post_as(&token, "/v1/quotes/preview", &own).await.expect(200)["net"], discounted);
        assert_eq!(pricing["policy_version"], old.0["policy_version"], "a dated change is in the policy beforehand");
    }
    let pricing = world.get("/v1/pricing").await.expect(200);
    assert_eq!(world.see(&old).await.0["net"], 4_200_000, "what was issued stays");

    // Every published tier of a product that any customer can buy costs what is published.
    for product in ["tracker-data-center", "tracker-server", "tracker-cloud"] {
        for tier in prices(&pricing, product)["tiers"].as_array().unwrap() {
            let order = example_of(product, u32::try_from(tier["users"].as_u64().unwrap()).unwrap());
            assert_eq!(world.post("/v1/quotes/preview", &order).await.expect(200)["net"], tier["amount"], "{product}: {tier}");
        }
    }
    assert_eq!(prices(&pricing, "tracker-cloud-monthly")["per"], "month");
    assert_eq!(prices(&pricing, "tracker-server")["per"], "ever");
    let products = pricing["products"].as_array().unwrap();
    let government = products.iter().find(|it| it["product"] == "tracker-government-cloud").unwrap();
    assert!(government.get("prices").is_none(), "R105: government products are sold in a conversation");
    world.close().await;
}

#[tokio::test]
async fn r57_the_list_says_until_when_it_holds() {
    let dated = format!("{DATA_CENTER}until = 2026-12-01\nlast_quote = 2026-11-25\n");
    let next = format!("{}tiers = [{{ users = 500, price = 1 }}]\n\n", DATA_CENTER.replace("2026-01-01", "2026-12-01"));
    let vendor = vendor_with(&[("prices.toml", DATA_CENTER, &format!("{next}{dated}"))]);
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let pricing = world.get("/v1/pricing").await.expect(200);
    assert_eq!(prices(&pricing, "tracker-data-center")["through"], "2026-11-25");
    world.set_clock("2026-11-26T00:00:00Z").await;
    let pricing = world.get("/v1/pricing").await.expect(200);
    let product = pricing["products"].as_array().unwrap().iter().find(|it| it["product"] == "tracker-data-center").unwrap();
    let currencies: Vec<_> = product["prices"].as_array().unwrap().iter().map(|it| it["currency"].as_str().unwrap()).collect();
    assert!(!currencies.contains(&"USD"), "nothing is quoted in dollars until December: {currencies:?}");
    let refused = world.post("/v1/quotes/preview", &example_of("tracker-data-center", 500)).await;
    refused.problem(422, "not_priced_in_currency");
    world.close().await;
}

#[tokio::test]
async fn r67_how_to_pay_lists_what_an_order_can_use() {
    let world = World::new().await;
    let japanese = world.get("/v1/payment-methods?locale=ja-JP").await.expect(200);
    let table = world.get("/v1/payment-methods").await.expect(200);
    let methods = table["methods"].as_array().unwrap();
    let listed = |method: &str, currency: &str| {
        let method = methods.iter().find(|it| it["method"] == method).unwrap();
        method["currencies"].as_array().unwrap().iter().find(|it| it["currency"] == currency).cloned()
    };
    for disabled in ["card", "check", "ach"] {
        assert_eq!(listed(disabled, "AUD"), None, "R69, R70: no {disabled} for Australian dollars");
    }
    assert_eq!(listed("net_30", "USD"), Some(json!({"currency": "USD", "minimum": 1_000_000, "minimum_basis": "net"})));
    assert_eq!(listed("net_30", "JPY"), None, "R74: no threshold, no offer");
    assert_eq!(listed("bank_transfer", "AUD"), Some(json!({"currency": "AUD"})));

    for currency in ["USD", "EUR", "JPY", "AUD"] {
        let order = with(&example_of("tracker-data-center", 500), [("/currency", json!(currency))]);
        let quote = Quote(world.post("/v1/quotes/preview", &order).await.expect(200));
        for (method, allowed) in quote.methods() {
            assert_eq!(listed(method, currency).is_some(), allowed.is_ok(), "{method} for {currency}: {allowed:?}");
        }
    }
    let transfer = methods.iter().find(|it| it["method"] == "bank_transfer").unwrap();
    assert_eq!(transfer["clearing_days"], json!([5, 7]));
    let names = |table: &Value| -> Vec<String> {
        table["methods"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (&*names(&table)[3], &*names(&japanese)[3]),
        ("Bank transfer", "銀行振込"),
        "R115: names in the reader's language"
    );
    let restrictions = json!([{"deployments": ["monthly_cloud"], "methods": ["card"]}]);
    assert_eq!(table["restrictions"], restrictions, "R76");
    world.close().await;
}

/// D5: a program learns which texts it must accept before it is refused, and where the description of the API is.
#[tokio::test]
async fn d5_the_texts_to_accept_and_the_description_of_the_api_are_published() {
    let mut world = World::new().await;
    let terms = world.get("/v1/terms").await.expect(200);
    let texts = terms["texts"].as_array().unwrap();
    let accept: Value = texts.iter().map(|one| (one["text"].as_str().unwrap(), one["version"].clone())).collect();
    assert!(texts.iter().all(|one| one["language"] == "en" && one["url"].as_str().unwrap().starts_with("https://")), "{terms:#}");
    let quote = world.quote(&with(&example(), [("/accept", accept)])).await;
    assert_eq!(quote.0["policy_version"], terms["policy_version"]);
    let refused = world.post("/v1/quotes", &with(&example(), [("/accept/terms", json!("2019-01"))])).await;
    let refused = refused.problem(422, "terms_not_accepted");
    assert_eq!(refused["errors"][0]["allowed"], json!([texts[0]["version"]]), "as data, too");

    let document = world.get("/openapi.yaml").await;
    assert_eq!((document.status.as_u16(), document.header("content-type")), (200, "application/yaml"));
    assert_eq!(document.text(), include_str!("../../shared/contract/openapi.yaml"));
    let page = world.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"));
    for (route, at) in api().operations() {
        let id = api().at(&format!("{at}/operationId")).and_then(Value::as_str).unwrap();
        assert!(page.text().contains(&format!("<h3 id=\"{id}\">")), "{route} is not on the page");
    }
    for loads in ["<script", "<link", "<img", "src=", "url(", "@import"] {
        assert!(!page.text().contains(loads), "the page loads something: {loads}");
    }
    world.ignore_letters().await;
    world.close().await;
}
