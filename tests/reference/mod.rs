//! The engine beside a second one that was written independently: a hundred thousand random orders come out the same.

mod oracle;
#[path = "../../shared/domain/tests/trade/mod.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of the rules")]
mod trade;

use std::{collections::BTreeMap, fs, path::Path, thread};

use domain::{
    Policy,
    tax::{Sale, Taxes},
};
use trade::{
    NUMBERS_PER_LINE, NUMBERS_PER_ORDER, Order, Vendor,
    given::{self, Circumstances, Numbers},
    numbers,
};

const ORDERS: usize = 100_000;
/// Reading a policy takes longer than pricing by it, so that many orders are of one vendor's.
const ORDERS_PER_VENDOR: usize = 2_000;
const MOST_LINES: usize = 4;

/// Everything of the example vendor's that a drawn vendor has no files for.
fn others() -> BTreeMap<String, String> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../infra/vendor"));
    let names = ["vendor.toml", "payment.toml", "languages/en.toml"];
    names.map(|name| (name.to_owned(), fs::read_to_string(folder.join(name)).unwrap())).into()
}

#[test]
fn the_reference_can_be_read_in_one_sitting() {
    let lines = include_str!("oracle.rs").lines().count();
    assert!(lines <= 200, "it has {lines} lines");
}

/// How often something was compared.
type Tally = BTreeMap<String, u32>;

#[test]
fn a_hundred_thousand_random_orders_cost_what_the_reference_says() {
    let seed = trade::seed("REFERENCE_SEED");
    let others = others();
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let vendors: Vec<u64> = (0..(ORDERS / ORDERS_PER_VENDOR) as u64).map(|n| seed.wrapping_add(n)).collect();
    let tallies = thread::scope(|scope| {
        let compare_all = |vendors: &[u64]| {
            let mut tally = Tally::new();
            vendors.iter().for_each(|seed| compare(*seed, &others, &mut tally));
            tally
        };
        let running: Vec<_> =
            vendors.chunks(vendors.len().div_ceil(threads)).map(|some| scope.spawn(move || compare_all(some))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    });
    let mut tally = Tally::new();
    for (what, times) in tallies.into_iter().flatten() {
        *tally.entry(what).or_default() += times;
    }
    eprintln!("{tally:#?}");
    assert_eq!(tally["orders"], ORDERS as u32);
    for kind in trade::KINDS {
        for what in ["priced", "refused"] {
            assert!(tally[&format!("{kind} {what}")] > 1_000, "{kind} is rarely {what}");
        }
    }
    assert!(tally["taxes"] > 10_000 && tally["ties"] > 100, "taxes, and their ties, are compared");
}

/// Prices a vendor's orders twice.
fn compare(mut seed: u64, others: &BTreeMap<String, String>, tally: &mut Tally) {
    let vendor = Vendor::drawn(seed);
    let policy = given::policy(&vendor, others);
    let sens = Numbers::of(MOST_LINES as u32);
    for _ in 0..ORDERS_PER_VENDOR {
        let head = numbers(&mut seed, NUMBERS_PER_ORDER);
        let lines = 1 + head[0] as usize % MOST_LINES;
        let lines: Vec<_> = (0..lines).map(|_| numbers(&mut seed, NUMBERS_PER_LINE)).collect();
        let order = Order::drawn(&vendor, &head, &lines);
        let amounts = compare_lines(&vendor, &policy, &order, &sens, tally);
        compare_taxes(&vendor, &policy, &order, &amounts, tally);
        *tally.entry("orders".to_owned()).or_default() += 1;
    }
}

/// The products and amounts of the lines that can be had.
fn compare_lines(vendor: &Vendor, policy: &Policy, order: &Order, sens: &Numbers, tally: &mut Tally) -> Vec<(usize, i128)> {
    let circumstances = Circumstances::of(order);
    let mut amounts = Vec::new();
    for (n, line) in order.lines.iter().enumerate() {
        let expected = oracle::line(vendor, order, line);
        let priced = circumstances.price(order, &given::order_line(line, n, vendor, sens), policy);
        let amount = priced.as_ref().ok().map(|priced| i128::from(priced.amount));
        assert_eq!(
            amount,
            expected,
            "{amount:?} says the engine, and {expected:?} the reference, about\n{line:#?}\nof {}, {:?}, on {} in {} by {:?} with {:?}\n{:#?}\n{priced:#?}",
            vendor.products[line.product].id,
            policy.rounding,
            order.on,
            order.currency,
            order.member,
            order.segments,
            vendor.bounds,
        );
        amounts.extend(expected.map(|amount| (line.product, amount)));
        let outcome = if expected.is_some() { "priced" } else { "refused" };
        *tally.entry(format!("{} {outcome}", line.kind)).or_default() += 1;
    }
    amounts
}

fn compare_taxes(vendor: &Vendor, policy: &Policy, order: &Order, lines: &[(usize, i128)], tally: &mut Tally) {
    let expected = oracle::taxes(vendor, order, lines);
    let (billing, customer, claims) = (given::address(order.billing), given::address(order.customer), given::tax_claims(order));
    let amounts: Vec<_> = lines.iter().map(|(product, net)| (vendor.products[*product].category, *net as i64)).collect();
    let sale = Sale { on: order.on, billing: &billing, customer: &customer, claims: &claims, amounts: &amounts };
    let assessed = policy.tax.assess(&sale).taxes;
    let found: BTreeMap<_, _> = assessed
        .iter()
        .map(|tax| {
            let thousandths = (tax.rate.share() * 100_000).to_integer() as u32;
            ((&*tax.jurisdiction, &*tax.name, thousandths), (i128::from(tax.base), i128::from(tax.amount)))
        })
        .collect();
    assert_eq!(found, expected, "the engine and the reference differ about the taxes on\n{order:#?}\nby\n{:#?}", vendor.tax);
    assert_eq!(found.len(), assessed.len(), "each tax is there once");
    for ((_, _, thousandths), (base, _)) in &expected {
        *tally.entry("taxes".to_owned()).or_default() += 1;
        if base * i128::from(*thousandths) % 100_000 == 50_000 {
            *tally.entry("ties".to_owned()).or_default() += 1;
        }
    }
}

/// The reference itself is right about the worked examples.
mod examples {
    use jiff::civil::{Date, date};

    use super::{
        oracle,
        trade::{Held, Line, Order, Place, Rate, Standing, Table, TaxRate, Vendor},
    };

    const DATA_CENTER: usize = 1;
    const CLOUD: usize = 3;

    /// The reference data of the examples, on any drawn vendor.
    fn vendor(whole: bool) -> Vendor {
        let mut vendor = Vendor { whole, ..Vendor::drawn(0) };
        for product in &mut vendor.products {
            product.last_end = None;
            product.category = "standard";
            product.sales.iter_mut().for_each(|sale| (sale.from, sale.until) = (None, None));
            let books = ["USD", "JPY"].map(|currency| {
                let mut book = product.books[0].clone();
                (book.edition, book.currency) = (None, currency);
                (book.from, book.until, book.last_quote) = (date(2020, 1, 1), None, None);
                book.table = match (product.deployment.is_self_managed(), currency) {
                    (true, "JPY") => Table::Banded(vec![(500, 5_040_000), (1_000, 8_640_000)]),
                    (true, _) => Table::Banded(vec![(25, 350_000), (500, 4_200_000), (1_000, 7_200_000), (2_000, 12_000_000)]),
                    (false, _) => Table::Graduated {
                        flat: (10, 8_000),
                        blocks: vec![(100, 815), (250, 680), (1_000, 540)],
                        ladder: vec![10, 15, 25, 50, 100, 200, 300, 400, 500, 600, 800, 1_000],
                        months: 10,
                    },
                };
                book
            });
            product.books = books.into();
        }
        let any =
            Rate { tier: None, families: None, kinds: None, currencies: None, percent: 0, from: date(2020, 1, 1), until: None };
        vendor.bounds.restart = false;
        (vendor.bounds.backdate_days, vendor.bounds.active_years, vendor.bounds.coterm_months) = (365, 3, 36);
        (vendor.bounds.extend_days, vendor.bounds.downgrade_days) = (365, 90);
        vendor.programmes[0].rates = vec![Rate { percent: 10_000, ..any.clone() }];
        for (segment, percent) in vendor.segments.iter_mut().zip([75_000, 50_000, 10_000, 20_000]) {
            segment.rates = vec![Rate { percent, ..any.clone() }];
            segment.migration = segment.migration.map(|_| (true, 1));
        }
        vendor
    }

    fn order(on: Date) -> Order {
        let plain = Order::drawn(&vendor(false), &[], &[[0; 0]]);
        Order { on, currency: "USD", member: None, segments: Vec::new(), claims: Vec::new(), ..plain }
    }

    fn new(product: usize, users: u32) -> Line {
        Line { kind: "new", product, edition: None, users, months: 12, until: None, held: None, source: None }
    }

    fn held(product: usize, tier: u32, end: Date) -> Held {
        Held { product, edition: None, tier, end, same_partner: false, discount: None }
    }

    fn about(kind: &'static str, users: u32, held: Held, until: Option<Date>) -> Line {
        let months = if matches!(kind, "renewal" | "downgrade_at_renewal") { 12 } else { 0 };
        Line { kind, months, until, product: held.product, held: Some(held), ..new(DATA_CENTER, users) }
    }

    /// By P-MINOR and by P-WHOLE.
    #[track_caller]
    fn cost(order: &Order, line: &Line, minor: impl Into<Option<i128>>, whole: impl Into<Option<i128>>) {
        let priced = [false, true].map(|policy| oracle::line(&vendor(policy), order, line));
        assert_eq!(priced, [minor.into(), whole.into()]);
    }

    #[test]
    fn the_reference_prices_the_worked_examples() {
        let today = order(date(2026, 9, 1));
        for (users, price) in [(26, 4_200_000), (500, 4_200_000), (501, 7_200_000), (2_000, 12_000_000)] {
            cost(&today, &new(DATA_CENTER, users), price, price); // E2
        }
        cost(&today, &new(DATA_CENTER, 2_001), None, None);
        for (users, minor, whole) in
            [(7, 80_000, 80_000), (11, 122_250, 122_300), (173, 1_495_000, 1_495_000), (250, 2_105_000, 2_105_000)]
        {
            cost(&today, &new(CLOUD, users), minor, whole); // E3, E4
        }
        let partner = Order { member: Some(("corporate", None)), ..today.clone() };
        let academic = Order { segments: vec![("academic", Standing::Proven)], ..partner.clone() };
        cost(&academic, &new(DATA_CENTER, 500), 1_890_000, 1_890_000); // E7
        let nonprofit = vec![("nonprofit", Standing::Proven)];
        cost(&Order { segments: nonprofit.clone(), ..today.clone() }, &new(CLOUD, 200), 373_750, 373_800); // E8
        cost(&Order { segments: nonprofit, ..partner }, &new(CLOUD, 200), 336_375, 336_500);
        let both = vec![("academic", Standing::Proven), ("nonprofit", Standing::Proven)];
        cost(&Order { segments: both, ..today.clone() }, &new(DATA_CENTER, 500), 1_050_000, 1_050_000); // E9
        let moving = |users| Line { source: Some(held(DATA_CENTER, 500, date(2026, 12, 10))), ..new(CLOUD, users) };
        cost(&today, &moving(300), 533_315, 533_400); // E10; the latter by its own arithmetic
        cost(&today, &moving(100), 0, 0);
        let coterm = |tier, end| about("coterm", tier, held(DATA_CENTER, tier, end), Some(date(2027, 6, 30)));
        cost(&today, &coterm(500, date(2027, 1, 31)), 1_726_027, 1_726_100); // E12
        cost(&today, &coterm(1_000, date(2027, 4, 15)), 1_499_178, 1_499_200);
        cost(&today, &coterm(1_000, date(2027, 6, 30)), None, None);
        let upgrade = about("upgrade", 1_000, held(DATA_CENTER, 500, date(2027, 1, 1)), None);
        cost(&today, &upgrade, 1_002_740, 1_002_800); // E13
        let yen = Order { currency: "JPY", on: date(2026, 9, 23), ..today.clone() };
        cost(&yen, &upgrade, 986_301, 986_302); // E23
        let renewal = about("renewal", 500, held(DATA_CENTER, 500, date(2027, 1, 1)), None);
        cost(&order(date(2026, 11, 10)), &renewal, 4_200_000, 4_200_000); // E16
        cost(&order(date(2026, 11, 10)), &Line { months: 36, ..renewal }, None, None);
        let downgrade = about("downgrade_at_renewal", 500, held(DATA_CENTER, 1_000, date(2027, 1, 1)), None);
        cost(&order(date(2026, 10, 3)), &downgrade, 4_200_000, 4_200_000); // E18
        cost(&order(date(2026, 10, 2)), &downgrade, None, None);
    }

    /// E19–E24: what a tax is on, its rate in thousandths of a percent, how it is rounded, and how much it is.
    #[test]
    fn the_reference_rounds_taxes_as_the_worked_examples_do() {
        for (net, percent, rounding, tax) in [
            (vec![1_890_000], 8_875, "half_up", 167_738),
            (vec![1_234_567], 10_000, "half_up", 123_457),
            (vec![3_335; 3], 10_000, "half_up", 1_001),
            (vec![1_234_565], 10_000, "half_up", 123_457),
            (vec![1_234_565], 10_000, "half_down", 123_456),
            (vec![1_495_000], 19_000, "half_up", 284_050),
            (vec![1_115, 2_225, 3_335], 10_000, "down", 667),
            (vec![1_115, 2_225, 3_335], 10_000, "half_up", 668),
            (vec![1_115, 2_225, 3_335], 10_000, "up", 668),
            (vec![815_000], 9_975, "half_up", 81_296),
        ] {
            let place: Place = ("DE", None);
            let order = Order { billing: place, customer: place, ..order(date(2026, 9, 1)) };
            let mut vendor = vendor(false);
            let rate = TaxRate { country: "DE", category: "standard", percent, until: None, ..vendor.tax.rates[0].clone() };
            vendor.tax.rates = vec![TaxRate { region: None, from: date(2020, 1, 1), ..rate }];
            vendor.tax.countries = vec![("DE", false, rounding)];
            let lines: Vec<_> = net.iter().map(|net| (DATA_CENTER, *net)).collect();
            let taxes: Vec<_> = oracle::taxes(&vendor, &order, &lines).into_values().collect();
            assert_eq!(taxes, [(net.iter().sum(), tax)], "{percent} {rounding}");
        }
    }
}
