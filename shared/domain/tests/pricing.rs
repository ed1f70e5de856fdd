//! Prices, whatever a vendor's tables and a buyer's order are: exact, explained, and the same in every order.

#[allow(clippy::unwrap_used, unreachable_pub, reason = "shared with other tests and with the benchmarks")]
mod vendor;

use domain::{
    Policy,
    fault::Faults,
    price::{Priced, price},
    request::{AcceptRequest, AddressRequest, ContactRequest, LineRequest, Origin, PartyRequest, Request},
};
use jiff::civil::date;
use num_rational::Ratio;
use proptest::prelude::*;

/// A term of any whole number of months is for sale here, so that prices have fractions to round.
const TERMS: i64 = 120;

/// The example vendor with other prices, any term, and either rounding.
fn policy(prices: [i64; 6], rounding: &str) -> Policy {
    let mut files = vendor::files();
    let all_terms: Vec<_> = (1..=TERMS).collect();
    let catalogue = files.get_mut("catalogue.toml").expect("the catalogue");
    for terms in ["terms = [12, 24, 36]", "terms = [12, 24]"] {
        assert!(catalogue.contains(terms), "the example's catalogue no longer has `{terms}`");
        *catalogue = catalogue.replace(terms, &format!("terms = {all_terms:?}"));
    }
    let vendor = files.get_mut("vendor.toml").expect("the vendor");
    *vendor = vendor.replace("rounding = \"P-MINOR\"", &format!("rounding = \"{rounding}\""));
    assert!(vendor.contains(rounding));
    let [server, small, large, flat, block, rest] = prices;
    let books = ["USD", "JPY"].map(|currency| {
        let book = |product: &str, table: String| {
            format!("[[book]]\nproduct = \"{product}\"\ncurrency = \"{currency}\"\nfrom = 2026-01-01\n{table}\n")
        };
        let banded = format!("tiers = [{{ users = 500, price = {small} }}, {{ users = 1000, price = {large} }}]");
        let graduated = format!(
            "flat = {{ users = 10, price = {flat} }}\nblocks = [{{ users = 100, price = {block} }}, {{ users = 1000, price = {rest} }}]\nladder = [10, 25, 100, 300, 1000]\nannual_months = 10"
        );
        book("tracker-server", format!("tiers = [{{ users = 1000, price = {server} }}]"))
            + &book("tracker-data-center", banded)
            + &book("tracker-cloud", graduated)
    });
    files.insert("prices.toml".to_owned(), books.concat());
    Policy::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn line(product: &str, users: i64, months: i64) -> LineRequest {
    let term_months = (product != "tracker-server").then_some(months);
    LineRequest { kind: Some("new".to_owned()), product: Some(product.to_owned()), users: Some(users), term_months }
}

fn request(currency: &str, (country, region): (&str, Option<&str>), lines: Vec<LineRequest>) -> Request {
    let text = |text: &str| Some(text.to_owned());
    let contact = || ContactRequest { name: text("Carl Customer"), email: text("carl@customer.example") };
    let address = AddressRequest {
        street: text("2 Sample Avenue"),
        city: text("Sampleton"),
        postal_code: None,
        region: region.map(str::to_owned),
        country: text(country),
    };
    Request {
        purchasing_for: text("self"),
        currency: text(currency),
        customer: Some(PartyRequest {
            company: text("Example Customer Inc."),
            contact: contact(),
            address,
            technical_contact: Some(contact()),
        }),
        lines,
        accept: AcceptRequest { terms: text("2026-10"), reseller_agreement: None },
        ..Request::default()
    }
}

fn priced(policy: &Policy, request: &Request) -> Priced {
    let today = date(2026, 11, 22);
    let origin = Origin { at: "2026-11-22T10:00:00Z".parse().expect("an instant"), ip: None };
    let mut faults = Faults::default();
    let order = request.check(policy, &origin, today, &mut faults);
    price(&order.unwrap_or_else(|| panic!("{faults:?}")), policy, today).expect("it was checked")
}

/// Prices up to a million whole units, many of them odd: what a policy may say of a thousand users.
fn prices() -> impl Strategy<Value = [i64; 6]> {
    proptest::array::uniform6(0..=100_000_000_i64)
}

fn lines() -> impl Strategy<Value = Vec<LineRequest>> {
    let product = prop::sample::select(vec!["tracker-server", "tracker-data-center", "tracker-cloud"]);
    let line = (product, 1..=1_000_i64, 1..=TERMS).prop_map(|(product, users, months)| match product {
        "tracker-server" => line(product, users, 12),
        _ => line(product, users, months),
    });
    prop::collection::vec(line, 1..=12)
}

fn place() -> impl Strategy<Value = (&'static str, Option<&'static str>)> {
    prop::sample::select(vec![
        ("DE", None),
        ("GB", None),
        ("JP", None),
        ("US", Some("US-NY")),
        ("US", Some("US-CA")),
        ("CA", Some("CA-QC")),
    ])
}

fn currency() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["USD", "JPY"])
}

fn rounding() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["P-MINOR", "P-WHOLE"])
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// What is shown adds up: steps to lines, lines to the net, net and taxes to the total; exactly, and never below 0.
    #[test]
    fn every_amount_is_explained(prices in prices(), rounding in rounding(), currency in currency(), place in place(), lines in lines()) {
        let policy = policy(prices, rounding);
        let unit = if currency == "USD" && rounding == "P-WHOLE" { 100 } else { 1 };
        let priced = priced(&policy, &request(currency, place, lines));
        for line in &priced.lines {
            let exact = line.steps.iter().fold(Ratio::from(0), |sum, step| sum + step.exact.0);
            prop_assert_eq!(exact, Ratio::from(i128::from(line.amount)));
            prop_assert_eq!(line.shown_steps().map(|(_, moved)| moved).sum::<i64>(), line.amount);
            prop_assert!(line.steps.iter().all(|step| step.exact.0 != Ratio::from(0)), "a step that does nothing: {:?}", line);
            prop_assert!(line.amount >= 0 && line.amount % unit == 0);
        }
        prop_assert_eq!(priced.lines.iter().map(|line| line.amount).sum::<i64>(), priced.net);
        prop_assert!(priced.taxes.iter().all(|tax| tax.base == priced.net && tax.amount >= 0));
        prop_assert_eq!(priced.net + priced.taxes.iter().map(|tax| tax.amount).sum::<i64>(), priced.total);
    }

    /// A line costs the same wherever it stands, so the document does too.
    #[test]
    fn the_order_of_lines_does_not_change_the_total(
        prices in prices(), currency in currency(), place in place(),
        (lines, shuffled) in lines().prop_flat_map(|lines| (Just(lines.clone()), Just(lines).prop_shuffle())),
    ) {
        let policy = policy(prices, "P-MINOR");
        let amounts = |priced: &Priced| {
            let mut amounts: Vec<_> = priced.lines.iter().map(|line| line.amount).collect();
            amounts.sort_unstable();
            amounts
        };
        let (one, other) = (priced(&policy, &request(currency, place, lines)), priced(&policy, &request(currency, place, shuffled)));
        prop_assert_eq!(amounts(&one), amounts(&other));
        prop_assert_eq!((one.net, one.taxes, one.total), (other.net, other.taxes, other.total));
        prop_assert!(one.lines.iter().map(|line| line.line).eq(1..=one.lines.len() as u32));
    }

    #[test]
    fn a_longer_term_never_costs_less(
        prices in prices(), rounding in rounding(), currency in currency(), users in 1..=1_000_i64, months in 2..=TERMS,
    ) {
        let policy = policy(prices, rounding);
        for product in ["tracker-data-center", "tracker-cloud"] {
            let cost = |months| priced(&policy, &request(currency, ("GB", None), vec![line(product, users, months)])).total;
            prop_assert!(cost(months - 1) <= cost(months), "{}: {} months, {} users", product, months, users);
        }
    }
}

/// The largest prices, tiers, terms and orders that a policy can have stay within 64 bits.
#[test]
fn the_bounds_of_a_policy_keep_every_amount_within_64_bits() {
    let mut files = vendor::files();
    let catalogue = files.get_mut("catalogue.toml").expect("the catalogue");
    *catalogue = catalogue.replace("terms = [12, 24, 36]", "terms = [120]");
    let rest = "from = 2026-01-01\ntiers = [{ users = 1000000, price = 1000000000000 }]\n";
    let books =
        ["tracker-server", "tracker-data-center"].map(|id| format!("[[book]]\nproduct = \"{id}\"\ncurrency = \"USD\"\n{rest}"));
    files.insert("prices.toml".to_owned(), books.concat());
    let tax = files.get_mut("tax.toml").unwrap();
    *tax = tax.replace("percent = \"19\"", "percent = \"100\"");
    *files.get_mut("catalogue.toml").expect("the catalogue") =
        files["catalogue.toml"].split("[[product]]").take(3).collect::<Vec<_>>().join("[[product]]");
    let policy = Policy::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"));

    let lines = vec![line("tracker-data-center", 1_000_000, 120); 100];
    let priced = priced(&policy, &request("USD", ("DE", None), lines));
    assert_eq!(priced.net, 100 * 10 * 1_000_000_000_000);
    assert_eq!(priced.total, 2 * priced.net);
}
