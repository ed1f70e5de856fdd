//! The first page of a quote (R23) and the lines of an invoice, read back as their reader finds them, against the vendor's
//! own words.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::{Value, json};
use tests::{Quote, VENDOR, World, example, example_of, pdf, with};
use toml::Table;

fn toml(file: &str) -> Table {
    fs::read_to_string(Path::new(VENDOR).join(file)).unwrap().parse().unwrap()
}

/// A vendor's words in one language.
struct Words(Table);

impl Words {
    fn of(language: &str) -> Self {
        Self(toml(&format!("languages/{language}.toml")))
    }

    fn text(&self, section: &str, name: &str) -> &str {
        self.0[section][name].as_str().unwrap()
    }

    fn fill(&self, section: &str, name: &str, values: &BTreeMap<String, String>) -> String {
        let text = self.text(section, name).to_owned();
        let filled = values.iter().fold(text, |text, (name, value)| text.replace(&format!("{{{name}}}"), value));
        assert!(!filled.contains('{'), "{section}.{name} has a place that this test cannot fill: {filled}");
        filled
    }
}

/// A day as people write it in a language.
fn day(language: &str, date: &str) -> String {
    let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().unwrap();
    let (month, day): (usize, u32) = (month.parse().unwrap(), day.parse().unwrap());
    let months = "January February March April May June July August September October November December";
    match language {
        "ja" => format!("{year}年{month}月{day}日"),
        _ => format!("{day} {} {year}", months.split(' ').nth(month - 1).unwrap()),
    }
}

/// What the instructions of a method say on this quote.
fn instructions(words: &Words, quote: &Quote, method: &str, total: &str) -> String {
    let methods = toml("payment.toml");
    let rules = methods["method"].as_array().unwrap().iter().find(|rules| rules["id"].as_str() == Some(method)).unwrap();
    let details = rules.get("details").and_then(|details| details.as_table()).into_iter().flatten();
    let mut values: BTreeMap<_, _> = details.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect();
    for (name, value) in [("amount", total), ("reference", quote.number()), ("link", quote.pay())] {
        values.insert(name.to_owned(), value.to_owned());
    }
    words.fill("instructions", method, &values)
}

/// Issues a quote, and looks for everything that R23 wants on page 1 of its document. `amounts` are net, German VAT and
/// total, as they must be written. Returns all pages.
async fn assert_page_1(world: &World, language: &str, request: &Value, amounts: [&str; 3]) -> Vec<String> {
    let quote = world.quote(&with(request, [("/locale", json!(language))])).await;
    let pages = pdf::pages(&world.get(quote.document()).await.body);
    let page = &pages[0];
    let words = Words::of(language);
    let [.., total] = amounts;

    let one = |name: &str, value: &str| BTreeMap::from([(name.to_owned(), value.to_owned())]);
    let mut wanted = vec![
        words.fill("document", "quote", &one("number", quote.number())),
        words.fill("document", "tax_id", &one("tax_id", "GB 000 0000 00")),
        words.fill("document", "attention", &one("name", "Rita Seller")),
    ];
    let headings = ["seller", "bill_to", "licensee", "payment"];
    wanted.extend(headings.map(|heading| words.text("heading", heading).to_owned()));
    // Label and value stand together.
    for (fact, value) in [
        ("quote", quote.number()),
        ("issued", &*day(language, "2026-11-22")),
        ("valid_through", &day(language, "2026-12-22")),
        ("currency", quote.currency()),
        ("po_number", "PO-2026-0042"),
        ("technical_contact", "Tina Admin"),
    ] {
        wanted.push(format!("{}{value}", words.text("fact", fact)));
    }
    let texts = ["Example Software Ltd", "1 Example Street", "London EX1 1EX"].into_iter();
    let texts = texts.chain(["Example Reseller GmbH", "Beispielweg 1", "10115 Berlin"]);
    let texts = texts.chain(["Example Customer Inc.", "2 Sample Avenue", "San Francisco, CA 94105"]);
    let [germany, america] = if language == "ja" { ["ドイツ", "アメリカ合衆国"] } else { ["Germany", "United States"] };
    wanted.extend(texts.chain([germany, america]).map(str::to_owned));
    let vat =
        [("name", "VAT"), ("rate", "19 %"), ("jurisdiction", germany)].map(|(name, value)| (name.to_owned(), value.to_owned()));
    let labels =
        [words.text("total", "net").to_owned(), words.fill("total", "tax", &vat.into()), words.text("total", "gross").to_owned()];
    wanted.extend(labels.iter().zip(amounts).map(|(label, amount)| format!("{label}{amount}")));
    for (name, available) in quote.methods() {
        let label = words.text("method", name);
        let how = instructions(&words, &quote, name, total);
        if available.is_ok() {
            wanted.push(format!("{label}{how}"));
        } else {
            assert!(!page.contains(&pdf::squeezed(label)), "{name} is not possible, and on page 1:\n{page}");
        }
    }
    let missing = pdf::missing(page, wanted.iter().map(String::as_str));
    assert!(missing.is_empty(), "{language}: page 1 lacks {missing:#?}\n\n{page}");
    pages
}

#[tokio::test]
async fn r23_page_1_has_everything_that_a_payer_needs_in_both_languages() {
    let mut world = World::new().await;
    for language in ["en", "ja"] {
        let amounts = match language {
            "ja" => ["$60,450.00", "$11,485.50", "$71,935.50"],
            _ => ["USD 60,450.00", "USD 11,485.50", "USD 71,935.50"],
        };
        assert_page_1(&world, language, &example(), amounts).await;
    }
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r23_page_1_has_no_method_that_the_quote_may_not_use() {
    let mut world = World::new().await;
    let request = with(&example_of("tracker-data-center", 500), [("/currency", json!("AUD"))]);
    assert_page_1(&world, "en", &request, ["AUD 63,000.00", "AUD 11,970.00", "AUD 74,970.00"]).await;
    let yen = with(&example_of("tracker-data-center", 500), [("/currency", json!("JPY"))]);
    assert_page_1(&world, "ja", &yen, ["￥5,040,000", "￥957,600", "￥5,997,600"]).await;
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r23_page_1_holds_with_a_hundred_lines_and_all_of_them_follow() {
    let mut world = World::new().await;
    let line = |n: u32| json!({ "kind": "new", "product": "tracker-data-center", "users": n, "term_months": 12 });
    let request = with(&example(), [("/lines", (1..=100).map(line).collect())]);
    let amounts = ["USD 4,200,000.00", "USD 798,000.00", "USD 4,998,000.00"];
    let pages = assert_page_1(&world, "en", &request, amounts).await;
    let all = pages.concat();
    let missing: Vec<_> = (1..=100).filter(|n| !all.contains(&pdf::squeezed(&format!("({n} requested)")))).collect();
    assert!(missing.is_empty(), "lines {missing:?} are on no page");
    assert!(pages.len() > 2);
    for (i, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("Page{}of{}", i + 1, pages.len())), "page {} is not numbered:\n{page}", i + 1);
    }
    world.ignore_letters().await;
    world.close().await;
}

/// The invoice of a quote that is paid now.
async fn invoice(world: &World, quote: &Quote) -> String {
    world.pay(quote).await;
    world.settled().await;
    let link = quote.document().replace("document.pdf", "invoice.pdf");
    pdf::pages(&world.get(&link).await.body).concat()
}

#[track_caller]
fn assert_says(invoice: &str, wanted: &[String]) {
    let missing = pdf::missing(invoice, wanted.iter().map(String::as_str));
    assert!(missing.is_empty(), "the invoice lacks {missing:#?}\n\n{invoice}");
}

/// What is new is covered from the day of the payment (R81, R95), and what was off from then on, too (R80).
#[tokio::test]
async fn r99_an_invoice_says_which_days_every_line_covers_and_by_which_number_it_is_known() {
    for language in ["en", "ja"] {
        let mut world = World::new().await;
        let words = Words::of(language);
        let renewed = [
            ("tracker-data-center", 500, "2027-02-01", ("dates", "2027-02-01", "2028-01-31")),
            ("tracker-server", 25, "2027-03-01", ("maintenance", "2027-03-01", "2028-02-29")),
            ("tracker-cloud", 300, "2026-11-01", ("dates", "2026-11-25", "2027-11-24")),
        ];
        let mut order = with(&example(), [("/locale", json!(language))]);
        let mut wanted = Vec::new();
        let covers = |(key, start, through): (&str, &str, &str)| {
            let days = [("start", start), ("through", through)].map(|(name, date)| (name.to_owned(), day(language, date)));
            words.fill("line", key, &days.into())
        };
        for (product, tier, end, days) in renewed {
            let sen = world.import(product, tier, end).await;
            order["lines"].as_array_mut().unwrap().push(json!({"kind": "renewal", "sen": sen, "term_months": 12}));
            wanted.push(words.0["line"]["kind"]["renewal"].as_str().unwrap().replace("{sen}", &sen));
            wanted.push(covers(days));
        }
        let quote = world.quote(&order).await;

        world.set_clock("2026-11-25T10:00:00Z").await;
        let invoice = invoice(&world, &quote).await;
        let paid = world.see(&quote).await;
        let delivered = ["licenses", "subscriptions"].map(|kind| paid.0[kind].as_array().unwrap().clone()).concat();
        for one in delivered.iter().filter(|one| one["line"].as_u64() <= Some(3)) {
            let number = BTreeMap::from([("sen".to_owned(), one["sen"].as_str().unwrap().to_owned())]);
            wanted.push(words.fill("line", "sen", &number));
        }
        wanted.push(covers(("maintenance", "2026-11-25", "2027-11-24")));
        wanted.push(words.text("paid", "card").to_owned());
        wanted.push(if language == "ja" { "−$" } else { "−USD" }.to_owned());
        assert_eq!(wanted.len(), 2 * 3 + 3 + 3, "{wanted:#?}");
        assert_says(&invoice, &wanted);
        assert_eq!(
            invoice.matches(&pdf::squeezed(&day(language, "2027-11-24"))).count(),
            4,
            "three new lines, and the cloud that was off:\n{invoice}"
        );
        world.ignore_letters().await;
        world.close().await;
    }
}

/// Of two renewals that were quoted for the same time, the one that is paid second begins later than it was quoted.
#[tokio::test]
async fn an_invoice_says_nothing_wrong_about_a_renewal_that_was_moved_by_another() {
    let mut world = World::new().await;
    let sen = world.import("tracker-data-center", 500, "2027-02-01").await;
    let order = with(&example(), [("/lines", json!([{"kind": "renewal", "sen": sen, "term_months": 12}]))]);
    let (one, other) = (world.quote(&order).await, world.quote(&order).await);
    let (first, second) = (invoice(&world, &one).await, invoice(&world, &other).await);
    assert_says(&first, &["Covers 1 February 2027 through 31 January 2028".to_owned()]);
    assert_says(&second, &["Runs through 31 January 2029".to_owned()]);
    assert!(!second.contains("1February2027"), "{second}");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn r115_a_japanese_document_calls_places_taxes_and_discounts_as_people_in_japan_do_and_the_rest_as_it_is_called() {
    let mut world = World::new().await;
    let address = json!({
        "street": "丸の内1丁目1番1号", "city": "千代田区", "postal_code": "100-0005", "region": "JP-13", "country": "JP",
    });
    let order = with(
        &example_of("tracker-cloud", 15),
        [("/locale", json!("ja")), ("/currency", json!("JPY")), ("/reseller/address", address)],
    );
    world.enrol("Example Reseller GmbH", "partner/gold", None).await;
    let token = world.token("rita@reseller.example", Some("Example Reseller GmbH")).await;
    let quote = Quote(world.post_as(&token, "/v1/quotes", &order).await.expect(201));
    let page = &pdf::pages(&world.get(quote.document()).await.body)[0];
    let wanted = [
        "〒100-0005東京都千代田区丸の内1丁目1番1号日本",
        "消費税 10 % (日本)",
        "Tracker Cloud (年間契約)",
        "ソリューションパートナー: 15 % 割引−￥",
    ];
    assert_eq!(pdf::missing(page, wanted), [""; 0], "{page}");
    world.ignore_letters().await;
    world.close().await;
}
