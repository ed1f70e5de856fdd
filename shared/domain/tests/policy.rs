//! The example vendor's policy is sound. For a policy with mistakes, every mistake is reported with its place.

use std::collections::BTreeMap;

use domain::{
    Currency, Policy,
    money::Tie,
    policy::{
        AcceptedContact, Deployment, LineKind, Mistake, Mistakes, NotSold, PriceTable, Proof, Situs, Statement, ThresholdBasis,
        UpgradeTerm,
    },
};
use jiff::civil::{Date, date};

use crate::vendor;

type Files = BTreeMap<String, String>;

/// Replaces the first `from` of a file by `to`, and returns the line of the `«` in `to`, or else the line of the replacement.
fn edit(files: &mut Files, file: &str, from: &str, to: &str) -> usize {
    let text = files.get_mut(file).unwrap();
    let place = text.find(from).unwrap_or_else(|| panic!("{file} has no {from:?}"));
    let mark = place + to.find('«').unwrap_or(0);
    text.replace_range(place..place + from.len(), &to.replace('«', ""));
    text[..mark].matches('\n').count() + 1
}

/// Appends to a file, and returns the line of the `«` in the added text.
fn add(files: &mut Files, file: &str, more: &str) -> usize {
    let text = files.get_mut(file).unwrap();
    let mark = text.len() + more.find('«').unwrap();
    text.push_str(&more.replace('«', ""));
    text[..mark].matches('\n').count() + 1
}

fn mistakes(files: &Files) -> Vec<Mistake> {
    Policy::read(files).expect_err("a mistake").0
}

/// Expects a single mistake, at this place and with this text.
#[track_caller]
fn only(files: &Files, file: &str, line: impl Into<Option<usize>>, what: &str) {
    let (mistakes, line) = (mistakes(files), line.into());
    let found = matches!(&mistakes[..], [only] if only.file == file && only.line == line && only.what.contains(what));
    assert!(found, "expected {file}:{line:?} {what}, and no other:\n{mistakes:#?}");
}

/// Expects that an edit of the example's file is the only mistake, reported at its place.
#[track_caller]
fn wrong(file: &str, from: &str, to: &str, what: &str) {
    let mut files = vendor::files();
    let line = edit(&mut files, file, from, to);
    only(&files, file, line, what);
}

/// The same for something added to the end of the file.
#[track_caller]
fn wrong_too(file: &str, more: &str, what: &str) {
    let mut files = vendor::files();
    let line = add(&mut files, file, more);
    only(&files, file, line, what);
}

/// The example's policy after some edits, which must leave it sound.
fn with(edits: &[(&str, &str, &str)]) -> Policy {
    let mut files = vendor::files();
    for (file, from, to) in edits {
        edit(&mut files, file, from, to);
    }
    Policy::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

const TODAY: Date = date(2026, 11, 22);

#[test]
fn the_example_vendor_is_sound() {
    let policy = vendor::policy();
    let ids: Vec<_> = policy.products.keys().map(String::as_str).collect();
    let cloud = ["tracker-cloud", "tracker-cloud-monthly"];
    let others = ["tracker-data-center", "tracker-government-cloud", "tracker-server", "tracker-service-desk"];
    assert_eq!(ids, [&cloud[..], &others].concat());
    assert_eq!(policy.version.len(), 16);
    assert!(policy.version.bytes().all(|b| b.is_ascii_hexdigit()));
}

#[test]
fn every_mistake_is_reported_at_once_by_file_and_line() {
    let mut files = vendor::files();
    let mut expected = Vec::new();
    // From the end of a file to its start, so that the lines before keep their numbers.
    for (file, from, to, what) in [
        ("vendor.toml", "above = { USD", "above = { USA", "USA"),
        ("vendor.toml", "timezone = \"UTC\"", "timezone = \"Mars/Olympus\"", "time zone"),
        ("vendor.toml", "email = \"quotes@vendor.example\"", "email = \"no-at-sign\"", "e-mail"),
        ("catalogue.toml", "terms = [12, 24, 36]", "terms = []", "terms"),
        ("prices.toml", "currency = \"JPY\"", "currency = \"XXY\"", "XXY"),
        (
            "prices.toml",
            "tiers = [{ users = 500, price = 4200000 }",
            "tiers = [{ users = 5000, price = 4200000 }",
            "in rising order",
        ),
        ("channel.toml", "percent = \"15\"", "percent = \"115\"", "percentage"),
        ("segments.toml", "families = [\"tracker-cloud\"", "families = [\"tracker-clod\"", "tracker-clod"),
        ("renewals.toml", "max_months = 36", "max_months = 60", "1 to 48"),
        ("tax.toml", "percent = \"19\"", "percent = \"119\"", "percentage"),
        ("payment.toml", "except_currencies = [\"AUD\"]", "except_currencies = [\"DUA\"]", "DUA"),
        ("languages/ja.toml", "quote = \"お見積書 {number}\"", "quote = \"お見積書 {nomber}\"", "{nomber}"),
    ] {
        expected.push((file, Some(edit(&mut files, file, from, to)), what));
    }
    edit(&mut files, "languages/en.toml", "net = \"Net\"", "# net");
    expected.push(("languages/en.toml", None, "total.net"));

    let mistakes = mistakes(&files);
    for (file, line, what) in &expected {
        let found = mistakes.iter().any(|m| m.file == *file && m.line == *line && m.what.contains(what));
        assert!(found, "{file}:{line:?} {what}: {mistakes:#?}");
    }
    // The three translations of the text that the default language lost are mistakes too.
    assert_eq!(mistakes.len(), expected.len() + 3, "{mistakes:#?}");
    assert!(mistakes.is_sorted(), "by file and line: {mistakes:#?}");
}

#[test]
fn a_section_that_cannot_be_read_does_not_hide_mistakes_in_others() {
    let mut files = vendor::files();
    let no_name = edit(&mut files, "catalogue.toml", "name = \"Tracker Server\"", "nome = \"Tracker Server\"");
    let zone = edit(&mut files, "vendor.toml", "timezone = \"UTC\"", "timezone = 1");
    let term = edit(&mut files, "catalogue.toml", "terms = [12, 24, 36]", "terms = [0]");
    let reported: Vec<_> = mistakes(&files).into_iter().map(|m| (m.file, m.line)).collect();
    let at = |file: &str, line| (file.to_owned(), Some(line));
    assert_eq!(reported, [at("catalogue.toml", no_name), at("catalogue.toml", term), at("vendor.toml", zone)]);
}

/// D8: the library that reads a section stops at its first mistake. The reader does not.
#[test]
fn d8_all_mistakes_of_one_section_are_reported_at_once() {
    let mut files = vendor::files();
    let mut expected = Vec::new();
    for (from, to, what) in [
        ("url = \"https://vendor.example/terms/2026-10\"", "«url = 7", "expected"),
        ("rounding = \"P-MINOR\"", "«round = \"P-MINOR\"", "unknown field `round`"),
        ("validity_days = 30", "«validity_days = \"soon\"", "expected i32"),
        ("timezone = \"UTC\"", "«timezone = 1", "expected"),
        ("support_url = \"https://vendor.example/support\"", "«support_link = 1", "unknown field `support_link`"),
        ("\nemail = \"quotes@vendor.example\"", "\n# no address", "missing field `email`"),
        ("legal_name = ", "«legal_nome = ", "unknown field `legal_nome`"),
    ] {
        expected.push((edit(&mut files, "vendor.toml", from, to), what));
    }
    // `email` is missing in the section [seller], and so is `support_url`; a misspelt name is one mistake.
    let line = |section: &str| files["vendor.toml"].lines().position(|line| line == section).map(|before| before + 1).unwrap();
    expected[5].0 = line("[seller]");
    expected.extend([(line("[seller]"), "missing field `support_url`"), (line("[quote]"), "missing field `rounding`")]);
    let mistakes = mistakes(&files);
    for (line, what) in &expected {
        let found = mistakes.iter().any(|mistake| mistake.line == Some(*line) && mistake.what.contains(what));
        assert!(found, "{line}: {what}: {mistakes:#?}");
    }
    assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
}

#[test]
fn a_syntax_error_is_reported_at_its_place() {
    wrong("tax.toml", "percent = \"19\"", "percent = = \"19\"", "extra `=`");
}

#[test]
fn a_file_with_a_syntax_error_has_no_other_mistakes() {
    let sound = vendor::files();
    for file in sound.keys().filter(|file| file.ends_with(".toml")) {
        let mut files = sound.clone();
        files.get_mut(file).unwrap().push_str("\n= no name\n");
        let reported: Vec<_> = mistakes(&files).into_iter().map(|mistake| (mistake.file, mistake.what)).collect();
        assert!(reported.iter().all(|(place, _)| place == file) && reported.len() == 1, "{file}: {reported:#?}");
    }
    // In this case the default language is unknown too.
    let mut files = sound;
    files.retain(|file, _| !file.starts_with("languages/"));
    let line = add(&mut files, "vendor.toml", "«= no name\n");
    only(&files, "vendor.toml", line, "");
}

#[test]
fn an_unknown_section_or_member_is_a_mistake() {
    wrong_too("renewals.toml", "\n[«renewals]\nmax_backdate_days = 1\n", "there is no section `renewals`");
    wrong("vendor.toml", "legal_name = ", "«legal_nome = ", "legal_nome");
    let mut files = vendor::files();
    edit(&mut files, "renewals.toml", "[lookup]\naccepted_contacts = [\"technical\"]", "");
    only(&files, "renewals.toml", None, "[lookup] is missing");
    wrong("payment.toml", "[[restriction]]", "[restriction]", "write [[restriction]] with two brackets");
}

#[test]
fn a_missing_file_is_a_mistake_unless_it_is_optional() {
    for file in ["vendor.toml", "catalogue.toml", "prices.toml", "renewals.toml", "tax.toml", "payment.toml"] {
        let mut files = vendor::files();
        files.remove(file);
        only(&files, file, None, "missing");
    }
    let mut files = vendor::files();
    files.remove("channel.toml");
    files.remove("segments.toml");
    let policy = Policy::read(&files).unwrap();
    assert!(policy.programmes.is_empty() && policy.segments.is_empty());
}

#[test]
fn the_version_follows_the_content_of_every_toml_file() {
    let before = vendor::policy().version;
    for file in vendor::files().keys() {
        let mut files = vendor::files();
        files.get_mut(file).unwrap().push('\n');
        assert_ne!(Policy::read(&files).unwrap().version, before, "{file}");
    }
    let mut files = vendor::files();
    files.insert("letters/letter.txt".to_owned(), "the layout of letters".to_owned());
    assert_eq!(Policy::read(&files).unwrap().version, before);
}

// vendor.toml

#[test]
fn mistakes_about_the_vendor() {
    wrong("vendor.toml", "validity_days = 30", "validity_days = 0", "1 to 365");
    wrong("vendor.toml", "rounding = \"P-MINOR\"", "rounding = \"P-MAJOR\"", "write one of P-MINOR, P-WHOLE");
    wrong("vendor.toml", "legal_name = \"Example Software Ltd\"", "legal_name = \" \"", "legal name is empty");
    wrong("vendor.toml", "address = [\"1 Example Street\", ", "address = [] #", "the list is empty");
    wrong("vendor.toml", "business_days = 3 ", "business_days = 0 ", "1 to 30");
    wrong("vendor.toml", "above = { USD = 1000000000 }", "above = { USD = -1 }", "cannot be below 0");
    wrong("vendor.toml", "default = \"en\"", "default = \"xx\"", "there is no languages/xx.toml");
}

// catalogue.toml

/// Another product, with the given members after its name.
fn product(rest: &str) -> String {
    format!("\n[[product]]\nid = \"other\"\nname = \"Other\"\n{rest}\n")
}

/// Expects a mistake in another product. The product has a price, so that this is the only mistake.
#[track_caller]
fn wrong_product(rest: &str, what: &str) {
    let mut files = vendor::files();
    let line = add(&mut files, "catalogue.toml", &product(rest));
    let table = if rest.contains("monthly_cloud") {
        "flat = { users = 1, price = 9 }\nblocks = [{ users = 9, price = 9 }]"
    } else {
        "tiers = [{ users = 10, price = 100 }]"
    };
    files.get_mut("prices.toml").unwrap().push_str(&book("other", "USD", table));
    only(&files, "catalogue.toml", line, what);
}

/// A book of prices from 2026 on.
fn book(product: &str, currency: &str, rest: &str) -> String {
    format!("\n[[book]]\nproduct = \"{product}\"\ncurrency = \"{currency}\"\nfrom = 2026-01-01\n{rest}\n")
}

#[test]
fn mistakes_about_ids() {
    let rest = "name = \"Again\"\ndeployment = \"annual_cloud\"\nkinds = [\"new\"]\nterms = [12]\n";
    wrong_too("catalogue.toml", &format!("\n[[product]]\n«id = \"tracker-cloud\"\n{rest}"), "is defined twice");
    wrong(
        "catalogue.toml",
        "name = \"Tracker Cloud (monthly)\"",
        "family = \"No Id\"\nname = \"Tracker\" #",
        "lower-case letters",
    );
    wrong_product(
        "deployment = \"self_managed_term\"\nkinds = [\"new\"]\nterms = [12]\n«tax_category = \"Books!\"",
        "lower-case",
    );
}

#[test]
fn mistakes_about_deployments_and_terms() {
    wrong_product("«deployment = \"yearly_cloud\"\nkinds = [\"new\"]", "write one of self_managed_perpetual, self_managed_term,");
    let new = |deployment: &str, rest: &str| format!("deployment = \"{deployment}\"\nkinds = [\"new\"]\n{rest}");
    for deployment in ["self_managed_term", "annual_cloud", "government_cloud"] {
        wrong_product(&format!("«{}", new(deployment, "")), "a product for a term needs `terms`");
        wrong_product(&new(deployment, "«terms = []"), "each has 1 to 120 months");
        wrong_product(&new(deployment, "«terms = [12, 121]"), "each has 1 to 120 months");
        wrong_product(&new(deployment, "terms = [12]\n«maintenance_months = 12"), "only a perpetual product");
        wrong_product(&new(deployment, "terms = [12]\n«renewal_percent = \"50\""), "only a perpetual product");
    }
    // R107: a government subscription is billed by the year.
    wrong_product(&new("government_cloud", "«terms = [12, 18]"), "billed by the year");
    wrong_product(&new("monthly_cloud", "«terms = [1]"), "no `terms`");
    wrong_product(&new("self_managed_perpetual", "«terms = [12]\nmaintenance_months = 12"), "no `terms`");
    wrong_product(&format!("«{}", new("self_managed_perpetual", "")), "add the months that a new licence includes");
    wrong_product(&new("self_managed_perpetual", "«maintenance_months = 0"), "1 to 120");
}

#[test]
fn mistakes_about_kinds_of_order() {
    let term = |kinds: &str| format!("deployment = \"self_managed_term\"\nterms = [12]\n«kinds = {kinds}");
    wrong_product(&term("[]"), "the list is empty");
    wrong_product(&term("[\"nwe\"]"), "write one of new, renewal, upgrade, renew_and_upgrade, coterm, downgrade_at_renewal");
    wrong_product(&term("[\"new\", \"new\"]"), "`new` is in the list twice");
    wrong_product("deployment = \"monthly_cloud\"\n«kinds = [\"new\", \"renewal\"]", "has new orders only");
    let perpetual = "deployment = \"self_managed_perpetual\"\nmaintenance_months = 12\n«kinds = ";
    wrong_product(&format!("{perpetual}[\"renew_and_upgrade\"]"), "has no end to renew");
    // R96: the policy must state the price of renewing maintenance, in a renewal and in a co-term.
    wrong_product(&format!("{perpetual}[\"renewal\"]"), "add `renewal_percent`");
    wrong_product(&format!("{perpetual}[\"coterm\"]"), "add `renewal_percent`");
    let percent = |percent: &str| format!("{}\n«renewal_percent = \"{percent}\"", perpetual.replace('«', ""));
    wrong_product(&percent("101").replace("kinds = ", "kinds = [\"renewal\"]"), "percentage");
    wrong_product(&percent("50").replace("kinds = ", "kinds = [\"new\"]"), "remove it");
}

#[test]
fn mistakes_about_days_of_sale() {
    let sold = |days: &str| format!("deployment = \"self_managed_term\"\nterms = [12]\nkinds = [\"new\"]\n{days}");
    wrong_product(&sold("«sale_from = { renewal = 2026-01-01 }"), "not among the product's `kinds`");
    wrong_product(&sold("«sale_until = { renewal = 2026-01-01 }"), "not among the product's `kinds`");
    wrong_product(&sold("«sale_until = { new = 2026-01-01T00:00:00Z }"), "is not a day");
    wrong_product(&sold("«max_term_end = 12:00:00"), "is not a day");
    let later = "it must be later than `sale_from`";
    wrong_product(&sold("sale_from = { new = 2026-02-01 }\n«sale_until = { new = 2026-02-01 }"), later);
}

#[test]
fn a_product_has_days_of_sale_editions_a_family_and_a_tax_category() {
    let sold = "kinds = [\"new\", \"renewal\"]\nsale_from = { new = 2026-02-01 }\nsale_until = { new = 2026-03-30, renewal = 2028-03-30 }";
    let more = "max_term_end = 2029-03-28\ntax_category = \"software\"\nfamily = \"classics\"\neditions = [{ id = \"one\", name = \"One\" }]";
    let mut files = vendor::files();
    let other = product(&format!("deployment = \"self_managed_term\"\nterms = [12]\n{sold}\n{more}"));
    files.get_mut("catalogue.toml").unwrap().push_str(&other);
    let prices = book("other", "USD", "edition = \"one\"\nlast_quote = 2026-12-01\ntiers = [{ users = 10, price = 100 }]");
    files.get_mut("prices.toml").unwrap().push_str(&prices);
    let software = rate("country = \"AT\"\ncategory = \"software\"", "from = 2020-01-01");
    files.get_mut("tax.toml").unwrap().push_str(&software);
    let policy = Policy::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let product = policy.product("other").unwrap();

    assert_eq!(product.sold(LineKind::New, date(2026, 1, 31)), Err(NotSold::Before(date(2026, 2, 1))));
    assert_eq!(product.sold(LineKind::New, date(2026, 3, 29)), Ok(()));
    assert_eq!(product.sold(LineKind::New, date(2026, 3, 30)), Err(NotSold::Since(date(2026, 3, 30))));
    assert_eq!(product.sold(LineKind::Renewal, date(2026, 1, 1)), Ok(()));
    assert_eq!(product.sold(LineKind::Upgrade, TODAY), Err(NotSold::Never));
    assert_eq!(product.max_term_end, Some(date(2029, 3, 28)));
    assert_eq!((product.family.as_str(), product.tax_category.as_str()), ("classics", "software"));
    assert_eq!((product.rank(Some("one")), product.rank(None)), (Some(0), None));
    let prices = |day, quoting| product.prices(Some("one"), currency("USD"), day, quoting).is_some();
    assert!(prices(date(2026, 12, 1), true) && !prices(date(2026, 12, 2), true) && prices(date(2026, 12, 2), false));

    let cloud = policy.product("tracker-cloud").unwrap();
    assert_eq!((cloud.family.as_str(), cloud.tax_category.as_str()), ("tracker-cloud", "standard"));
    let server = policy.product("tracker-server").unwrap();
    assert_eq!(server.deployment, Deployment::SelfManagedPerpetual { maintenance_months: 12 });
    assert_eq!(server.renewal_percent.map(|percent| percent.to_string()).as_deref(), Some("50 %"));
    let desk = policy.product("tracker-service-desk").unwrap();
    assert_eq!((desk.rank(Some("standard")), desk.rank(Some("premium")), desk.rank(Some("gold"))), (Some(0), Some(1), None));
}

// prices.toml

/// Expects a mistake in another book of an example product, in a currency in which the product has no price.
#[track_caller]
fn wrong_book(product: &str, rest: &str, what: &str) {
    wrong_too("prices.toml", &book(product, "CHF", rest), what);
}

#[test]
fn mistakes_about_the_product_edition_and_currency_of_a_book() {
    let tiers = "tiers = [{ users = 10, price = 100 }]";
    wrong_book("«nothing", tiers, "product `nothing` is not in catalogue.toml");
    wrong_too("prices.toml", &book("tracker-server", "«usd", tiers), "write three capital letters");
    wrong_book("«tracker-service-desk", tiers, "the book needs an `edition`: write one of standard, premium");
    wrong_book("tracker-service-desk", &format!("{tiers}\n«edition = \"gold\""), "write one of standard, premium");
    wrong_book("tracker-server", &format!("{tiers}\n«edition = \"gold\""), "has no editions");
    wrong_book("«tracker-service-desk", &format!("{tiers}\nedition = \"standard\""), "not for its edition `premium`");

    let mut files = vendor::files();
    let rest = product("deployment = \"annual_cloud\"\nkinds = [\"new\"]\nterms = [12]").replace("id =", "«id =");
    let line = add(&mut files, "catalogue.toml", &rest);
    only(&files, "catalogue.toml", line, "product `other` has no price");
}

#[test]
fn mistakes_about_the_days_of_books() {
    let tiers = "tiers = [{ users = 25, price = 1 }]";
    let from = |day: &str| format!("\n[[book]]\n«product = \"tracker-server\"\ncurrency = \"USD\"\nfrom = {day}\n{tiers}\n");
    wrong_too("prices.toml", &from("2026-06-01"), "given twice on the same day: end the older one with `until = 2026-06-01`");
    wrong_too("prices.toml", &from("2026-01-01"), "given twice from 2026-01-01 on");
    wrong_book("tracker-server", &format!("{tiers}\n«until = 2026-01-01"), "must be later than `from`");
    wrong_book("tracker-server", &format!("{tiers}\n«until = 2026-06-01T12:00:00Z"), "is not a day");
    for day in ["2025-12-31", "2026-06-01"] {
        wrong_book("tracker-server", &format!("{tiers}\nuntil = 2026-06-01\n«last_quote = {day}"), "between `from` and `until`");
    }

    // A book with an end, and the next book: at once, later, or none.
    let followed = |day: &str| {
        let mut files = vendor::files();
        edit(&mut files, "prices.toml", "tiers = [{ users = 25,", "until = 2026-06-01\ntiers = [{ users = 25,");
        let line = add(&mut files, "prices.toml", &from(day));
        (files, line)
    };
    assert!(Policy::read(&followed("2026-06-01").0).is_ok());
    with(&[("prices.toml", "tiers = [{ users = 25,", "until = 2026-06-01\ntiers = [{ users = 25,")]);
    let (files, line) = followed("2026-06-15");
    only(&files, "prices.toml", line, "is missing from 2026-06-01 until 2026-06-15");
    // A long book does not end with a short one that it overlaps.
    let (mut files, _) = followed("2026-06-01");
    let short = add(&mut files, "prices.toml", &from("2026-02-01\nuntil = 2026-03-01"));
    only(&files, "prices.toml", short, "given twice on the same day: end the older one with `until = 2026-02-01`");
    // A book that cannot be read is not reported as missing too.
    let (mut files, _) = followed("2026-07-01");
    let line = add(&mut files, "prices.toml", &from("2026-06-01\n«until = 2026-05-01").replacen('«', "", 1));
    only(&files, "prices.toml", line, "later than `from`");
}

#[test]
fn mistakes_about_tiers() {
    let reached = "a tier after a larger one is never used";
    wrong_book("tracker-server", "«tiers = []", "`tiers` is empty: add the users and their price");
    wrong_book("tracker-server", "«tiers = [{ users = 2, price = 1 }, { users = 2, price = 1 }]", reached);
    for (users, price) in [(0, 1), (1_000_001, 1), (1, -1), (1, 1_000_000_000_001_i64)] {
        wrong_book("tracker-server", &format!("«tiers = [{{ users = {users}, price = {price} }}]"), "users from 1 to 1000000");
    }
    let year = |flat: &str, blocks: &str, ladder: &str, months: u32| {
        format!("flat = {flat}\nblocks = {blocks}\nladder = {ladder}\nannual_months = {months}")
    };
    let (flat, blocks) = ("{ users = 10, price = 9 }", "[{ users = 100, price = 1 }, { users = 200, price = 1 }]");
    let cloud = |rest: &str, what: &str| wrong_book("tracker-cloud", rest, what);
    cloud(&year(flat, blocks, "[10, 200]", 13).replace("annual", "«annual"), "1 to 12");
    cloud(&year(flat, blocks, "[10, 201]", 10).replace("ladder", "«ladder"), "the blocks end at 200 users: add a block");
    cloud(&year(flat, blocks, "[10, 5]", 10).replace("ladder", "«ladder"), reached);
    cloud(&year(flat, blocks, "[9]", 10).replace("flat", "«flat"), "is never used, because the ladder ends at 9");
    cloud(&year("{ users = 101, price = 9 }", blocks, "[200]", 10).replace("flat", "«flat"), "which ends at 100, is never used");
    cloud(&year("{ users = 0, price = 9 }", blocks, "[200]", 10).replace("flat", "«flat"), "users from 1 to 1000000");
    let dear = "[{ users = 1000000, price = 1000000 }]";
    cloud(&year(flat, dear, "[10]", 2).replace("blocks", "«blocks"), "the limit of a document");
}

#[test]
fn more_users_never_cost_less() {
    let tiers = |last: &str| format!("tiers = [\n  {{ users = 5, price = 700 }},\n  {{ users = 9, price = 800 }},\n  {last}\n]");
    let server = |last: &str, what: &str| wrong_book("tracker-server", &tiers(last), what);
    server("«{ users = 10, price = 799 }", "10 users cost 799, but 9 users cost 800: a larger tier must not cost less");
    server("«{ users = 10, price = 0 }", "10 users cost 0, but 9 users cost 800");
    let lower = "{ users = 10, price = 600 }, { users = 20, price = 900 }, { users = 30, price = 500 }";
    let mut files = vendor::files();
    let line = add(&mut files, "prices.toml", &book("tracker-server", "CHF", &tiers(&format!("«{lower}"))));
    let reported: Vec<_> = mistakes(&files).into_iter().map(|m| (m.file, m.line, m.what)).collect();
    let fall = |what: &str| ("prices.toml".to_owned(), Some(line), format!("{what}: a larger tier must not cost less"));
    assert_eq!(reported, [fall("10 users cost 600, but 9 users cost 800"), fall("30 users cost 500, but 20 users cost 900")]);

    // A price per user always rises, except from the flat price to the first price above it: one user more by the month, the
    // next tier of the ladder by the year.
    let by_user =
        |flat: i64, unit: i64| format!("blocks = [{{ users = 100, price = {unit} }}]\n«flat = {{ users = 10, price = {flat} }}");
    let by_year = |flat, unit, ladder: &str| format!("{}\nladder = {ladder}\nannual_months = 10", by_user(flat, unit));
    let lower = |users: u32| {
        format!("{users} users cost less than the flat price for 10 users: lower the flat price, or raise the first")
    };
    wrong_book("tracker-cloud-monthly", &by_user(8000, 727), &lower(11));
    wrong_book("tracker-cloud-monthly", &by_user(1, 0), &lower(11));
    wrong_book("tracker-cloud", &by_year(8000, 533, "[5, 10, 15, 100]"), &lower(15));
    wrong_book("tracker-cloud", &by_year(8000, 533, "[5, 15, 100]"), &lower(15));

    // Sound: an equal price for more users, free products, a flat price that no order uses, and a flat price without a price
    // above it.
    let flat_only = "flat = { users = 10, price = 8000 }\nblocks = [{ users = 10, price = 1 }]";
    for (product, rest) in [
        ("tracker-server", tiers("{ users = 10, price = 800 }")),
        ("tracker-server", "tiers = [{ users = 5, price = 0 }, { users = 10, price = 0 }]".to_owned()),
        ("tracker-cloud-monthly", by_user(8800, 800)),
        ("tracker-cloud-monthly", by_user(0, 0)),
        ("tracker-cloud-monthly", flat_only.to_owned()),
        ("tracker-cloud", by_year(9000, 600, "[10, 15, 100]")),
        ("tracker-cloud", by_year(9000, 1, "[15, 100]")),
        ("tracker-cloud", by_year(9000, 1, "[5, 10]")),
    ] {
        let mut files = vendor::files();
        files.get_mut("prices.toml").unwrap().push_str(&book(product, "CHF", &rest.replace('«', "")));
        Policy::read(&files).unwrap_or_else(|mistakes| panic!("{product} {rest}: {mistakes}"));
    }
}

#[test]
fn mistakes_about_the_shape_of_a_book() {
    let (flat, blocks) = ("flat = { users = 10, price = 9 }", "blocks = [{ users = 100, price = 1 }]");
    let tiers = "tiers = [{ users = 10, price = 100 }]";
    for rest in [String::new(), flat.to_owned(), format!("{tiers}\n{flat}"), format!("{flat}\n{blocks}")] {
        wrong_book("«tracker-cloud", &rest, "either `tiers`, or all of `flat`, `blocks`, `ladder` and `annual_months`");
    }
    for rest in [tiers.to_owned(), format!("{flat}\n{blocks}\nladder = [10]\nannual_months = 10")] {
        wrong_book("«tracker-cloud-monthly", &rest, "must have `flat` and `blocks`, and no other prices");
    }
}

#[test]
fn every_product_has_its_books_by_edition_currency_and_date() {
    let policy = vendor::policy();
    let price = |product: &str, edition: Option<&str>, code: &str, users: u32| {
        let prices = policy.product(product)?.prices(edition, currency(code), TODAY, true)?;
        prices.table.tier(users).map(|(tier, price)| (tier, price.to_integer()))
    };
    assert_eq!(price("tracker-data-center", None, "JPY", 501), Some((1_000, 8_640_000)));
    assert_eq!(price("tracker-service-desk", Some("standard"), "USD", 26), Some((100, 2_100_000)));
    assert_eq!(price("tracker-service-desk", Some("premium"), "USD", 26), Some((100, 4_000_000)));
    assert_eq!(price("tracker-service-desk", None, "USD", 26), None);
    // E3: monthly, exactly 173 users; E30: government cloud.
    assert_eq!(price("tracker-cloud-monthly", None, "USD", 173), Some((173, 131_140)));
    assert_eq!(price("tracker-government-cloud", None, "USD", 500), Some((500, 6_600_000)));
    assert!(matches!(policy.products["tracker-cloud"].books[0].table, PriceTable::Graduated { .. }));
    let order: Vec<_> = policy.products["tracker-data-center"].books.iter().map(|book| book.currency.code()).collect();
    assert_eq!(order, ["AUD", "EUR", "JPY", "USD"]);
    assert_eq!(policy.currencies(), ["AUD", "EUR", "JPY", "USD"].map(currency));
}

// channel.toml and segments.toml

#[test]
fn mistakes_about_programmes() {
    wrong_too(
        "channel.toml",
        "\n[[programme]]\n«id = \"idle\"\nname = \"Idle\"\n",
        "programme `idle` has no discount and no government products",
    );
    let twice = "\n[[programme]]\n«id = \"partner\"\nname = \"Again\"\ngovernment_families = [\"tracker-government-cloud\"]\n";
    let mut files = vendor::files();
    let line = add(&mut files, "channel.toml", twice);
    assert!(mistakes(&files).iter().any(|m| m.line == Some(line) && m.what.contains("`partner` is in the list twice")));
    let aggregator =
        |families: &str| format!("\n[[programme]]\nid = \"other\"\nname = \"Other\"\n«government_families = {families}\n");
    wrong_too("channel.toml", &aggregator("[\"tracker-cloud\"]"), "no government cloud product of the family");
    wrong_too("channel.toml", &aggregator("[\"tracker-government-cloud\", \"tracker-government-cloud\"]"), "in the list twice");
}

#[test]
fn mistakes_about_rates() {
    let sound = "\n[[rate]]\nprogramme = \"partner\"\ntier = \"gold\"\nkinds = [\"new\"]\npercent = \"1\"\nfrom = 2020-01-01\nuntil = 2021-01-01\n";
    let mut files = vendor::files();
    files.get_mut("channel.toml").unwrap().push_str(sound);
    assert!(Policy::read(&files).is_ok());

    for (from, to, what) in [
        (
            "programme = \"partner\"\ntier = \"gold\"",
            "«programme = \"friends\"",
            "there is no programme `friends`: add a [[programme]]",
        ),
        ("programme = \"partner\"", "«segment = \"academic\"\nprogramme = \"partner\"", "cannot have this member: remove it"),
        ("tier = \"gold\"", "«tier = \"platinum\"", "no tier `platinum`: add it to its `tiers`"),
        ("kinds = [\"new\"]", "«kinds = [\"nwe\"]", "`nwe` is not a known kind of order: write one of new,"),
        ("kinds = [\"new\"]", "«kinds = []", "leave it out to mean all"),
        ("kinds = [\"new\"]", "«families = [\"tracker\"]", "catalogue.toml has no product of the family `tracker`"),
        ("kinds = [\"new\"]", "«currencies = [\"XXY\"]", "`XXY` is not an ISO 4217 currency"),
        ("percent = \"1\"", "«percent = \"100.1\"", "between \"0\" and \"100\""),
        ("until = 2021-01-01", "«until = 2019-01-01", "later than `from`"),
    ] {
        wrong_too("channel.toml", &sound.replace(from, to), what);
    }
    let mut files = vendor::files();
    let line = add(
        &mut files,
        "channel.toml",
        &sound.replace("programme = \"partner\"\ntier = \"gold\"\n", "").replace("percent", "«percent"),
    );
    only(&files, "channel.toml", line, "the rate has no owner: add a `programme`");

    // Two rates for the same order: for the same tier, and for every tier.
    let always = sound.replace("programme", "«programme").replace("\nuntil = 2021-01-01", "");
    let gold = vendor::files()["channel.toml"].lines().position(|line| line == "percent = \"15\"").unwrap() - 2;
    wrong_too("channel.toml", &always, &format!("this rate and the one in line {gold} apply to the same order on the same day"));
    let every_tier = always.replace("tier = \"gold\"\n", "").replace("[\"new\"]", "[\"renewal\"]");
    wrong_too("channel.toml", &every_tier, "apply to the same order on the same day");
}

#[test]
fn mistakes_about_segments() {
    let rate = "[[rate]]\nsegment = \"other\"\npercent = \"1\"\nfrom = 2026-01-01\n";
    let segment = |id: &str, proof: &str| format!("\n[[segment]]\n{id} = \"other\"\nname = \"Other\"\n{proof}\n\n{rate}");
    for proof in [
        "",
        "source_entitlement = false",
        "step_up_credit = true",
        "evidence = [\"document\"]\nsource_entitlement = true",
        "evidence = [\"document\"]\nmin_users = 5",
    ] {
        wrong_too("segments.toml", &segment("«id", proof), "has either `evidence`, or `source_entitlement = true`");
    }
    wrong_too("segments.toml", &segment("id", "«evidence = []"), "name the statements of a claim");
    wrong_too("segments.toml", &segment("id", "«evidence = [\"letter\"]"), "write one of registration_number, country, document");
    wrong_too("segments.toml", &segment("id", "source_entitlement = true\n«min_users = 0"), "1 to 1000000");
    let unproven = segment("«id", "evidence = [\"document\"]").replace(rate, "");
    wrong_too("segments.toml", &unproven, "segment `other` has no discount: add a [[rate]]");
    wrong_too("segments.toml", &format!("\n{}", rate.replace("segment", "«segment")), "there is no segment `other`");
    for foreign in ["tier = \"gold\"", "programme = \"partner\""] {
        let rate =
            format!("\n[[rate]]\nsegment = \"academic\"\n«{foreign}\npercent = \"1\"\nfrom = 2020-01-01\nuntil = 2021-01-01\n");
        wrong_too("segments.toml", &rate, "the rate of a segment cannot have this member");
    }
    let again = "\n[[rate]]\n«segment = \"academic\"\npercent = \"60\"\nfrom = 2026-06-01\n";
    wrong_too("segments.toml", again, "apply to the same order on the same day");
    wrong("segments.toml", "percent = \"75\"", "percent = \"175\"", "between \"0\" and \"100\"");
    // A segment with a credit needs no discount.
    with(&[(
        "segments.toml",
        "[[rate]]",
        &format!("{}\n[[rate]]", segment("id", "source_entitlement = true\nstep_up_credit = true").replace(rate, "")),
    )]);
}

#[test]
fn resellers_and_end_customers_have_the_discounts_of_the_example() {
    let policy = vendor::policy();
    let (cloud, desk) = (&policy.products["tracker-cloud"], &policy.products["tracker-service-desk"]);
    let percent = |rates: &[domain::policy::Rate], tier: Option<&str>, product, kind| {
        let mut rates = rates.iter().filter(|rate| rate.applies(tier, product, kind, currency("USD"), TODAY));
        let percent = rates.next().map(|rate| rate.percent.to_string());
        assert!(rates.next().is_none(), "at most one rate holds");
        percent
    };
    let channel = |id: &str, tier, kind| percent(&policy.programme(id).unwrap().rates, tier, cloud, kind);
    let is = |percent: &str| Some(percent.to_owned());
    assert_eq!(channel("corporate_reseller", None, LineKind::New), is("5 %"));
    assert_eq!(channel("corporate_reseller", None, LineKind::Renewal), is("5 %"));
    assert_eq!(channel("partner", Some("silver"), LineKind::New), is("10 %"));
    assert_eq!(channel("partner", Some("gold"), LineKind::Upgrade), is("15 %"));
    assert_eq!(channel("partner", Some("gold"), LineKind::Renewal), is("5 %"));
    assert_eq!(channel("partner", None, LineKind::New), None);
    assert_eq!(channel("aggregator", None, LineKind::New), None);
    assert!(policy.programme("partner").unwrap().renewal_requires_same_partner);
    assert_eq!(policy.programme("aggregator").unwrap().government_families, ["tracker-government-cloud"]);

    let segment = |id: &str| policy.segment(id).unwrap();
    assert_eq!(segment("nonprofit").proof, Proof::Evidence(vec![Statement::RegistrationNumber, Statement::Country]));
    assert_eq!(segment("cloud_migration").proof, Proof::SourceEntitlement { credit: true, min_users: 1 });
    assert_eq!(percent(&segment("academic").rates, None, cloud, LineKind::Renewal), is("50 %"));
    assert_eq!(percent(&segment("cloud_migration").rates, None, desk, LineKind::New), is("20 %"));
    assert_eq!(percent(&segment("cloud_migration").rates, None, desk, LineKind::Renewal), None);
    let server = &policy.products["tracker-server"];
    assert_eq!(percent(&segment("cloud_migration").rates, None, server, LineKind::New), None);
}

// renewals.toml

#[test]
fn mistakes_about_renewals() {
    for (from, to, what) in [
        ("max_backdate_days = 365", "max_backdate_days = -1", "0 to 3650"),
        ("max_active_years = 3", "max_active_years = 11", "1 to 10"),
        ("term = \"keep_end\"", "term = \"longer\"", "write one of keep_end, restart_12_months"),
        ("extend_min_days = 365", "extend_min_days = 4000", "0 to 3650"),
        ("max_months = 36", "max_months = 49", "1 to 48"),
        ("min_days = 30", "min_days = -30", "0 to 3650"),
        ("window_days = 90", "window_days = -1", "0 to 3650"),
        ("accepted_contacts = [\"technical\"]", "accepted_contacts = []", "name the accepted contacts"),
        ("accepted_contacts = [\"technical\"]", "accepted_contacts = [\"support\"]", "write one of technical, purchaser"),
    ] {
        wrong("renewals.toml", from, to, what);
    }
}

#[test]
fn renewals_have_the_bounds_of_the_example() {
    let bounds = with(&[
        ("renewals.toml", "\"keep_end\"", "\"restart_12_months\""),
        ("renewals.toml", "[\"technical\"]", "[\"technical\", \"purchaser\"]"),
    ])
    .bounds;
    assert_eq!((bounds.max_backdate_days, bounds.max_active_years), (365, 3));
    assert_eq!((bounds.upgrade_term, bounds.extend_min_days), (UpgradeTerm::Restart, 365));
    assert_eq!((bounds.coterm_max_months, bounds.coterm_min_days, bounds.downgrade_window_days), (36, 30, 90));
    assert_eq!(bounds.accepted_contacts, [AcceptedContact::Technical, AcceptedContact::Purchaser]);
    assert_eq!(vendor::policy().bounds.upgrade_term, UpgradeTerm::KeepEnd);
}

// tax.toml

/// A rate of a tax that the example does not have.
fn rate(place: &str, rest: &str) -> String {
    format!("\n[[rate]]\n{place}\nname = \"VAT\"\npercent = \"20\"\n{rest}\n")
}

#[test]
fn mistakes_about_tax_rates() {
    let from = "from = 2020-01-01";
    wrong_too("tax.toml", &rate("«country = \"UK\"", from), "`UK` is not an ISO 3166 country");
    for region in ["US-ZZ", "CA-ON", "NY"] {
        wrong_too("tax.toml", &rate(&format!("country = \"US\"\n«region = \"{region}\""), from), "subdivision of US");
    }
    wrong_too("tax.toml", &rate("country = \"AT\"\n«category = \"books\"", from), "no product has the `tax_category` `books`");
    wrong("tax.toml", "percent = \"19\"", "percent = \"-19\"", "between \"0\" and \"100\"");
    wrong_too("tax.toml", &rate("country = \"AT\"", "from = 2020-01-01\n«until = 2020-01-01"), "later than `from`");
    let twice = "the rate of VAT in DE is given twice on the same day: end the older one with `until = 2026-06-01`";
    wrong_too("tax.toml", &rate("«country = \"DE\"", "from = 2026-06-01"), twice);
    let gap = "country = \"CA\"\nregion = \"CA-NS\"\nname = \"HST\"\npercent = \"14\"\nfrom = 2025-0";
    let missing = "the rate of HST in CA-NS is missing from 2025-04-01 until 2025-05-01";
    wrong("tax.toml", &format!("{gap}4"), &format!("{gap}5"), missing);
    let earlier = "the rate of HST in CA-NS is given twice on the same day: end the older one with `until = 2025-03-01`";
    wrong("tax.toml", &format!("{gap}4"), &format!("{gap}3"), earlier);
}

#[test]
fn a_product_without_a_tax_rate_is_a_mistake_unless_it_is_untaxed() {
    let missing = |category: &str| format!("tax.toml has no rate for `{category}`: add one, or write tax_category = \"untaxed\"");
    let category = |category: &str| format!("name = \"Tracker Server\"\n«tax_category = \"{category}\"");
    let named = "name = \"Tracker Server\"";
    wrong("catalogue.toml", named, &category("books"), &missing("books"));
    with(&[("catalogue.toml", named, &category("untaxed").replace('«', ""))]);
    wrong_too(
        "tax.toml",
        &rate("country = \"AT\"\n«category = \"untaxed\"", "from = 2020-01-01"),
        "`untaxed` products have no tax: remove the rate, or give the products another `tax_category`",
    );

    // Without a rate for `standard`, every product without a category is reported at its id.
    let no_rates = |rates: &str| {
        let mut files = vendor::files();
        let tax = files.get_mut("tax.toml").unwrap();
        tax.replace_range(tax.find("[[rate]]").unwrap()..tax.find("[reverse_charge]").unwrap(), rates);
        files
    };
    let mut files = no_rates(&rate("country = \"AT\"\ncategory = \"books\"", "from = 2020-01-01"));
    edit(&mut files, "catalogue.toml", named, &category("books"));
    let silent = |line: &&str| line.starts_with("id = \"tracker-") && *line != "id = \"tracker-server\"";
    let lines = files["catalogue.toml"].lines().zip(1..).filter(|(line, _)| silent(line)).map(|(_, number)| number);
    let at_its_id = |line| Mistake { file: "catalogue.toml".to_owned(), line: Some(line), what: missing("standard") };
    let expected: Vec<_> = lines.map(at_its_id).collect();
    assert_eq!(expected.len(), 5);
    assert_eq!(mistakes(&files), expected);

    // A vendor that charges no tax has no rates. Only a product with another category lacks one.
    let mut files = no_rates("");
    Policy::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let line = edit(&mut files, "catalogue.toml", named, &category("books"));
    only(&files, "catalogue.toml", line, &missing("books"));

    // A rate that cannot be read, or that has a mistake, is not reported as missing too.
    for broken in ["percent = 20", "percent = \"120\""] {
        let mut files = vendor::files();
        edit(&mut files, "catalogue.toml", named, &category("books"));
        let books = rate("country = \"AT\"\ncategory = \"books\"", "from = 2020-01-01");
        let line = add(&mut files, "tax.toml", &books.replace("percent = \"20\"", &format!("«{broken}")));
        only(&files, "tax.toml", line, "");
    }
}

#[test]
fn mistakes_about_countries_and_exemptions() {
    wrong_too("tax.toml", "\n[[country]]\n«country = \"XX\"\n", "not an ISO 3166 country");
    wrong_too("tax.toml", "\n[[country]]\n«country = \"NZ\"\n", "country `NZ` is in the list twice");
    wrong("tax.toml", "rounding = \"half_down\"", "rounding = \"half\"", "write one of half_up, half_down, down, up");
    wrong(
        "tax.toml",
        "situs = \"billing_contact\"\n",
        "situs = \"anywhere\"\n",
        "write one of billing_contact, technical_contact, sold_to",
    );
    wrong("tax.toml", "unconfirmed = \"review\"", "unconfirmed = \"ask\"", "write one of accept, review");
    wrong("tax.toml", "\"AT\", \"BE\"", "\"EU\", \"BE\"", "`EU` is not an ISO 3166 country");
    wrong("tax.toml", "\"AT\", \"BE\"", "\"AT\", \"AT\"", "country `AT` is in the list twice");
    let exemption = |rest: &str| format!("\n[[exemption]]\n{rest}\n");
    let (countries, note) = ("countries = [\"US\"]", "note = \"tax.note.resale\"");
    for (rest, what) in [
        (format!("«kind = \"vat_id\"\n{countries}\n{note}"), "give the certificate another name"),
        (format!("«kind = \"resale\"\n{countries}\n{note}"), "`resale` is in the list twice"),
        (format!("«kind = \"Farm use\"\n{countries}\n{note}"), "is not an id"),
        (format!("kind = \"farm\"\n«countries = []\n{note}"), "name the countries"),
        (format!("kind = \"farm\"\n«countries = [\"USA\"]\n{note}"), "not an ISO 3166 country"),
        (format!("kind = \"farm\"\n{countries}\n«note = \"tax.note.farm\""), "add it to languages/en.toml"),
    ] {
        wrong_too("tax.toml", &exemption(&rest), what);
    }
}

#[test]
fn taxes_are_dated_and_known_by_place_and_category() {
    let rate = rate("country = \"AU\"\ncategory = \"support\"", "from = 2020-01-01");
    let policy = with(&[
        ("tax.toml", "[reverse_charge]", &format!("{rate}\n[reverse_charge]")),
        ("tax.toml", "situs = \"billing_contact\"\n", "situs = \"sold_to\"\n"),
        ("catalogue.toml", "name = \"Tracker Server\"", "name = \"Tracker Server\"\ntax_category = \"support\""),
    ]);
    let tax = &policy.tax;
    let at = |country, region, category, day| -> Vec<_> {
        tax.at(country, region, category, day).map(|rate| format!("{} {}", rate.name, rate.percent)).collect()
    };
    // E24: 15 % before 1 April 2025, 14 % from that day on.
    assert_eq!(at("CA", Some("CA-NS"), "standard", date(2025, 3, 31)), ["HST 15 %"]);
    assert_eq!(at("CA", Some("CA-NS"), "standard", date(2025, 4, 1)), ["HST 14 %"]);
    assert_eq!(at("CA", Some("CA-QC"), "standard", TODAY), ["GST 5 %", "QST 9.975 %"]);
    assert_eq!(at("AU", None, "standard", TODAY), ["GST 10 %"]);
    assert_eq!(at("AU", None, "support", TODAY), ["VAT 20 %"]);
    let ties = ["AU", "NZ", "JP", "DE"].map(|country| tax.country(country).tie);
    assert_eq!(ties, [Tie::HalfUp, Tie::HalfDown, Tie::Down, Tie::HalfUp]);
    assert_eq!((tax.country("US").situs, tax.country("DE").situs), (Situs::SoldTo, Situs::BillingContact));
    assert_eq!(tax.reverse_charge.len(), 27);
    assert!(tax.reverse_charge.iter().any(|country| country == "DE"));
    let kinds: Vec<_> = tax.exemptions.iter().map(|exemption| exemption.kind.as_str()).collect();
    assert_eq!(kinds, ["resale", "exempt_organization"]);
}

// payment.toml

#[test]
fn mistakes_about_methods() {
    wrong("payment.toml", "id = \"paypal\"", "id = \"barter\"", "write one of card, paypal, check, bank_transfer, ach, net_30");
    wrong_too("payment.toml", "\n[[method]]\n«id = \"paypal\"\n", "method `paypal` is in the list twice");
    wrong("payment.toml", "currencies = [\"USD\"]", "currencies = []", "leave it out to mean all");
    wrong("payment.toml", "currencies = [\"USD\"]", "currencies = [\"USD\", \"USX\"]", "`USX` is not an ISO 4217 currency");
    let minimum = "minimum = { USD = 1000000, EUR = 1000000 }\nminimum_basis = \"net\"";
    wrong("payment.toml", minimum, "minimum = { USD = 1, EURO = 1 }", "`EURO` is not an ISO 4217 currency");
    wrong("payment.toml", minimum, "minimum = { USD = -1 }", "cannot be below 0");
    wrong("payment.toml", minimum, "minimum = {}", "the method is never offered");
    wrong("payment.toml", minimum, "minimum_basis = \"net\"", "`minimum_basis` needs a `minimum`");
    wrong("payment.toml", minimum, "minimum = { USD = 1 }\n«minimum_basis = \"list\"", "write one of net, gross");
    for days in ["[]", "[5]", "[7, 5]", "[5, 6, 7]"] {
        wrong("payment.toml", "clearing_days = [5, 7]", &format!("clearing_days = {days}"), "two numbers of business days");
    }
}

#[test]
fn mistakes_about_restrictions() {
    let restriction = |rest: &str| format!("\n[[restriction]]\n{rest}\n");
    for (rest, what) in [
        ("«methods = [\"card\"]", "this restricts every order"),
        ("max_tier = 10\n«methods = []", "name the allowed methods"),
        ("max_tier = 10\n«methods = [\"barter\"]", "write one of card,"),
        ("«max_tier = 0\nmethods = [\"card\"]", "1 to 1000000"),
        ("«products = [\"nothing\"]\nmethods = [\"card\"]", "product `nothing` is not in catalogue.toml"),
        ("«products = []\nmethods = [\"card\"]", "leave it out to mean all"),
        ("«deployments = [\"cloud\"]\nmethods = [\"card\"]", "write one of self_managed_perpetual,"),
    ] {
        wrong_too("payment.toml", &restriction(rest), what);
    }
    let mut files = vendor::files();
    let text = files.get_mut("payment.toml").unwrap();
    *text = text.split("[[method]]").filter(|method| !method.contains("id = \"ach\"")).collect::<Vec<_>>().join("[[method]]");
    let line = add(&mut files, "payment.toml", &restriction("max_tier = 10\n«methods = [\"ach\"]"));
    only(&files, "payment.toml", line, "there is no [[method]] `ach`: add it");

    // R76: monthly cloud is paid by card. A restriction for some of its tiers is not enough.
    for instead in
        ["products = [\"tracker-cloud\"]", "deployments = [\"annual_cloud\"]", "deployments = [\"monthly_cloud\"]\nmax_tier = 10"]
    {
        let mut files = vendor::files();
        edit(&mut files, "payment.toml", "deployments = [\"monthly_cloud\"]", instead);
        only(&files, "payment.toml", None, "no restriction limits the payment methods of `tracker-cloud-monthly`");
    }
    with(&[("payment.toml", "deployments = [\"monthly_cloud\"]", "products = [\"tracker-cloud-monthly\"]")]);
}

#[test]
fn methods_have_thresholds_clearing_times_and_restrictions() {
    let starter =
        "[[restriction]]\nproducts = [\"tracker-cloud\"]\nmax_tier = 10\nmethods = [\"card\", \"paypal\"]\n\n[[restriction]]";
    let gross = ("payment.toml", "minimum_basis = \"net\"", "minimum_basis = \"gross\"");
    let policy = with(&[("payment.toml", "[[restriction]]", starter), gross]);
    let method = |name: &str| policy.methods.iter().find(|rules| rules.method.as_str() == name).unwrap();
    let threshold = method("net_30").minimum.as_ref().unwrap();
    assert_eq!(threshold.basis, ThresholdBasis::Gross);
    assert_eq!(threshold.amounts, [(currency("EUR"), 1_000_000), (currency("USD"), 1_000_000)]);
    assert_eq!(vendor::policy().methods[5].minimum.as_ref().unwrap().basis, ThresholdBasis::Net);
    assert_eq!((method("bank_transfer").clearing_days, method("card").clearing_days), (Some((5, 7)), None));
    let [starter, monthly] = &policy.restrictions[..] else { panic!("{:?}", policy.restrictions) };
    assert_eq!((starter.max_tier, starter.products.as_deref()), (Some(10), Some(&["tracker-cloud".to_owned()][..])));
    assert_eq!(monthly.deployments.as_deref(), Some(&["monthly_cloud".to_owned()][..]));
    assert_eq!(monthly.methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(), ["card"]);
    let review = &policy.review;
    assert_eq!((review.business_days, &review.above[..]), (3, &[(currency("USD"), 1_000_000_000)][..]));
}

// the vendor's look

#[test]
fn d3_mistakes_about_the_brand() {
    let accent = "accent = \"#0f5c6e\"";
    for no in ["#0f5c6", "0f5c6e0", "teal", "#0f5c6é", "#+1+2+3"] {
        wrong("vendor.toml", accent, &format!("accent = \"{no}\""), "this is not a colour");
    }
    wrong("vendor.toml", accent, "accent = \"#ffd700\"", "white text cannot be read on this colour");
    wrong("vendor.toml", accent, &format!("{accent}\nprintable = [\n«\"U+09FF-0980\"]"), "is no range of characters");
    wrong("vendor.toml", "reply_to = \"sales@", "reply_to = \"sales", "the address that replies go to");
    let policy = with(&[("vendor.toml", accent, "printable = [\"U+0980-09FF\"]")]);
    assert_eq!((&*policy.accent, &policy.printable[..]), ("#0f5c6e", &['\u{980}'..='\u{9ff}'][..]));
}

// languages

#[test]
fn mistakes_about_texts() {
    wrong(
        "languages/ja.toml",
        "quote = \"お見積書 {number}\"",
        "quote = \"{nomber}\"",
        "which the text of the default language does not have",
    );
    wrong_too("languages/ja.toml", "\n[other]\n«text = \"x\"\n", "`other.text` is not a text of the default language");
    wrong_too("languages/ja.toml", "\n[name.sector]\n«x = \"x\"\n", "`name.sector.x` is not the key of a name");
    wrong_too("languages/en.toml", "\n[name.region]\n«US-XX = \"x\"\n", "`US-XX` is not an ISO 3166-2 subdivision");
    wrong_too("languages/en.toml", "\n[other]\n«number = 1\n", "neither a text nor a table of texts");
    // D2: a text about a count has a plural for every category that its language has.
    let users = "users = { one = \"1 Nutzer\", other = ";
    wrong("languages/de.toml", users, "users = { one = \"1 Nutzer\", many = ", "`line.users` lacks the plural `other`");
    wrong("languages/de.toml", "other = \"Bis zu {tier} Nutzer", "other = \"Bis zu {teir} Nutzer", "{teir}");
    wrong("languages/de.toml", "one = \"1 Nutzer\", other = \"Bis", "one = \"{eins} Nutzer\", other = \"Bis", "{eins}");
    // Without a default language the other languages cannot be checked.
    wrong("languages/en.toml", "[document]", "document]", "");
    let mut files = vendor::files();
    edit(&mut files, "payment.toml", "iban = ", "number = ");
    let lost: Vec<_> = mistakes(&files).into_iter().map(|m| (m.file, m.line.is_some(), m.what.contains("{iban}"))).collect();
    assert_eq!(lost, ["ar", "de", "en", "ja"].map(|language| (format!("languages/{language}.toml"), true, true)));
}

/// A policy of 500 products × 30 tiers × 5 currencies.
#[test]
fn a_large_policy_is_read() {
    let mut files = vendor::files();
    let catalogue: String = (0..500)
        .map(|n| format!("\n[[product]]\nid = \"product-{n}\"\nname = \"Product {n}\"\ndeployment = \"annual_cloud\"\nkinds = [\"new\"]\nterms = [12]\n"))
        .collect();
    files.get_mut("catalogue.toml").unwrap().push_str(&catalogue);
    let tiers: Vec<_> = (1..=30).map(|tier| format!("{{ users = {}, price = {} }}", tier * 100, tier * 9_000)).collect();
    let tiers = format!("tiers = [{}]", tiers.join(", "));
    let books =
        (0..500).flat_map(|n| ["USD", "EUR", "JPY", "AUD", "CAD"].map(|code| book(&format!("product-{n}"), code, &tiers)));
    files.get_mut("prices.toml").unwrap().extend(books);
    let policy = Policy::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    assert_eq!(policy.products.values().map(|product| product.books.len()).sum::<usize>(), 2_500 + 11);
    let last = policy.products["product-499"].prices(None, currency("CAD"), TODAY, true).unwrap();
    assert_eq!(last.table.tier(2_901).map(|(tier, price)| (tier, price.to_integer())), Some((3_000, 270_000)));
}

#[test]
fn a_stored_policy_without_newer_texts_can_be_read() {
    let newer = vendor::policy();
    let mut files = vendor::files();
    for (language, paid) in [("en", "Paid on"), ("ar", ""), ("de", ""), ("ja", "")] {
        let text = files.get_mut(&format!("languages/{language}.toml")).unwrap();
        let line = text.lines().find(|line| line.starts_with("paid = ")).unwrap().to_owned();
        assert!(line.contains(paid));
        *text = text.replacen(&format!("{line}\n"), "", 1);
    }
    let Mistakes(missing) = Policy::read(&files).unwrap_err();
    assert_eq!(missing.len(), 1, "it could not be published: {missing:?}");
    let stored = Policy::read_published(&files, Some(&newer.wording)).unwrap();
    assert_ne!(stored.version, newer.version, "the version is that of the stored files");
    let key = missing[0].what.split('`').nth(1).unwrap();
    for language in ["ar", "de", "en", "ja"] {
        assert_eq!(stored.wording.text(language, key), newer.wording.text(language, key));
    }
}
