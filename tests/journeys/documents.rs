//! The first page of a quote, read back as its reader finds it (R23), against the vendor's own words.

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
        ("issued", "2026-11-22"),
        ("valid_through", "2026-12-22"),
        ("currency", quote.currency()),
        ("po_number", "PO-2026-0042"),
        ("technical_contact", "Tina Admin"),
    ] {
        wanted.push(format!("{}{value}", words.text("fact", fact)));
    }
    let texts = ["Example Software Ltd", "1 Example Street", "London EX1 1EX"].into_iter();
    let texts = texts.chain(["Example Reseller GmbH", "Beispielweg 1", "10115 Berlin"]);
    let texts = texts.chain(["Example Customer Inc.", "2 Sample Avenue", "94105 San Francisco, US-CA"]);
    wanted.extend(texts.map(str::to_owned));
    let vat =
        [("name", "VAT"), ("rate", "19 %"), ("jurisdiction", "DE")].map(|(name, value)| (name.to_owned(), value.to_owned()));
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
        let amounts = ["USD 60,450.00", "USD 11,485.50", "USD 71,935.50"];
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
    assert_page_1(&world, "ja", &yen, ["JPY 5,040,000", "JPY 957,600", "JPY 5,997,600"]).await;
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
