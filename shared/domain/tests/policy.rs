//! The example vendor's policy is sound, and what is wrong in one is reported, all of it, with its place.
#![allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]

mod vendor;

use domain::Policy;

#[test]
fn the_example_vendor_is_sound() {
    let policy = vendor::policy();
    assert_eq!(policy.products.len(), 3);
    assert_eq!(policy.version.len(), 16);
}

#[test]
fn every_mistake_is_reported_with_file_line_and_what_to_do() {
    let mut files = vendor::files();
    let mut wrong = |file: &'static str, from: &str, to: &str, what: &'static str| {
        let text = files.get_mut(file).unwrap();
        let place = text.find(from).unwrap_or_else(|| panic!("{file} has no {from}"));
        let line = text[..place].matches('\n').count() + 1;
        text.replace_range(place..place + from.len(), to);
        (file, line, what)
    };
    let expected = [
        wrong("vendor.toml", "timezone = \"UTC\"", "timezone = \"Mars/Olympus\"", "time zone"),
        wrong("vendor.toml", "email = \"quotes@vendor.example\"", "email = \"nobody\"", "e-mail"),
        wrong("catalogue.toml", "terms = [12, 24, 36]", "terms = []", "terms"),
        wrong("prices.toml", "currency = \"JPY\"", "currency = \"XXY\"", "XXY"),
        wrong(
            "prices.toml",
            "tiers = [{ users = 500, price = 4200000 }",
            "tiers = [{ users = 5000, price = 4200000 }",
            "must rise",
        ),
        wrong("tax.toml", "percent = \"19\"", "percent = \"119\"", "percentage"),
        wrong("payment.toml", "except_currencies = [\"AUD\"]", "except_currencies = [\"DUA\"]", "DUA"),
    ];
    let text = files.get_mut("languages/ja.toml").unwrap();
    *text = text.replacen("{number}", "{nomber}", 1);
    let text = files.get_mut("languages/en.toml").unwrap();
    *text = text.replacen("net = \"Net\"", "", 1);

    let mistakes = Policy::read(&files).unwrap_err().0;
    let told = |file: &str, line: Option<usize>, what: &str| {
        mistakes.iter().any(|m| m.file == file && m.line == line && m.what.contains(what))
    };
    for (file, line, what) in expected {
        assert!(told(file, Some(line), what), "{file}:{line} {what}: {mistakes:#?}");
    }
    assert!(told("languages/ja.toml", None, "{nomber}"), "{mistakes:#?}");
    assert!(told("languages/en.toml", None, "total.net"), "{mistakes:#?}");
}

#[test]
fn two_prices_on_one_day_and_an_unreachable_tier_are_mistakes() {
    let mut files = vendor::files();
    files.get_mut("prices.toml").unwrap().push_str(
        "[[book]]\nproduct = \"tracker-server\"\ncurrency = \"USD\"\nfrom = 2026-06-01\ntiers = [{ users = 25, price = 1 }]\n",
    );
    let mistakes = Policy::read(&files).unwrap_err().to_string();
    assert!(mistakes.contains("two prices in USD on the same day"), "{mistakes}");
}

#[test]
fn a_missing_file_is_a_mistake_and_the_version_follows_the_content() {
    let mut files = vendor::files();
    let before = Policy::read(&files).unwrap().version;
    files.get_mut("prices.toml").unwrap().push('\n');
    assert_ne!(Policy::read(&files).unwrap().version, before);
    files.remove("tax.toml");
    assert!(Policy::read(&files).unwrap_err().to_string().contains("tax.toml"));
}
