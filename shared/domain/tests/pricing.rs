//! Properties of prices for any vendor and any order: exact, explained, and equal whenever they are computed.
//!
//! `trade` draws vendors and orders: every kind of line on every deployment, with editions, programmes, segments, credits,
//! taxes, several currencies and both roundings. Each property is tested with ten thousand orders.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fmt::Debug,
    sync::LazyLock,
};

use domain::{
    Code, Policy, Refusal,
    calendar::{days_after, months_after},
    fault::Faults,
    link::LinkKeys,
    money::Rounding,
    policy::LineKind,
    price::{Line, LineNote, OrderLine, Rule},
    quote::{IssueContext, Offer},
    request::{Facts, MAX_LINES, Request},
};
use jiff::civil::Date;
use num_rational::Ratio;
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestCaseError, TestCaseResult, TestRunner},
};

use crate::{
    trade::{
        self, NUMBERS_PER_LINE, NUMBERS_PER_ORDER, Order, Table, Vendor,
        given::{self, Circumstances, Numbers},
    },
    vendor,
};

const CASES: u32 = 10_000;
const MOST_LINES: usize = 6;

/// The number of vendors. They are drawn once for all orders, because reading a policy takes longer than pricing an order.
const VENDORS: u64 = 32;

static VENDORS_WITH_POLICIES: LazyLock<Vec<(Vendor, Policy)>> = LazyLock::new(|| {
    let others = vendor::files();
    let drawn = |seed| {
        let vendor = Vendor::drawn(seed);
        let policy = given::policy(&vendor, &others);
        (vendor, policy)
    };
    (0..VENDORS).map(drawn).collect()
});
static NUMBERS: LazyLock<Numbers> = LazyLock::new(|| Numbers::of(MOST_LINES as u32));
static LINK_KEYS: LazyLock<LinkKeys> = LazyLock::new(|| LinkKeys::parse("k1:0123456789abcdef").expect("a key"));

/// Tests a property with ten thousand cases. The seed is printed, and `PROPTEST_RNG_SEED` sets it.
#[track_caller]
fn holds<S: Strategy<Value: Debug>>(of: &S, property: impl Fn(S::Value) -> TestCaseResult) {
    let seed = trade::seed("PROPTEST_RNG_SEED");
    let config = ProptestConfig {
        cases: CASES,
        rng_seed: RngSeed::Fixed(seed),
        // A case to which the property does not apply is not counted.
        max_global_rejects: 10 * CASES,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    if let Err(failure) = TestRunner::new(config).run(of, property) {
        panic!("{failure}");
    }
}

/// A case to which the property does not apply.
fn not_applicable() -> TestCaseResult {
    Err(TestCaseError::reject("no line of it can be sold"))
}

/// A vendor and an order of one to `most_lines` lines.
fn orders(most_lines: usize) -> impl Strategy<Value = (usize, Order)> {
    let line = proptest::array::uniform::<_, NUMBERS_PER_LINE>(any::<u32>());
    let head = proptest::array::uniform::<_, NUMBERS_PER_ORDER>(any::<u32>());
    (0..VENDORS as usize, head, prop::collection::vec(line, 1..=most_lines)).prop_map(|(vendor, head, lines)| {
        let order = Order::drawn(&VENDORS_WITH_POLICIES[vendor].0, &head, &lines);
        (vendor, order)
    })
}

/// An order that the rules allow: the lines that cannot be sold are removed.
struct Allowed {
    request: Request,
    facts: Facts,
    offer: Offer,
}

fn make(request: &Request, facts: &Facts, order: &Order, policy: &Policy) -> Result<Offer, Refusal> {
    let issue = IssueContext { origin: given::origin(order), request_hash: "hash".to_owned(), link_key: LINK_KEYS.current() };
    Offer::make(request, Faults::default(), facts, policy, &issue)
}

/// The allowed part of an order; `None` when it has no line.
fn allowed(order: &Order, (vendor, policy): &(Vendor, Policy)) -> Option<Allowed> {
    let (mut request, facts) = given::request(order, vendor, &NUMBERS);
    while !request.lines.is_empty() {
        let refusal = match make(&request, &facts, order, policy) {
            Ok(offer) => return Some(Allowed { request, facts, offer }),
            Err(refusal) => refusal,
        };
        let refused: BTreeSet<usize> = refusal
            .faults
            .iter()
            .filter_map(|fault| fault.pointer.strip_prefix("/lines/")?.split('/').next()?.parse().ok())
            .collect();
        if refused.is_empty() {
            let nothing_left = |code| matches!(code, Code::CotermDateInvalid | Code::CurrencyNotOffered);
            assert!(refusal.faults.iter().all(|fault| nothing_left(fault.code)), "only lines are refused: {refusal:?}");
            return None;
        }
        let lines = std::mem::take(&mut request.lines);
        request.lines = lines.into_iter().enumerate().filter(|(n, _)| !refused.contains(n)).map(|(_, line)| line).collect();
    }
    None
}

/// The amounts add up: steps to lines (exact and as shown), lines to the net, net and taxes to the total.
#[test]
fn every_amount_is_explained_and_none_is_negative() {
    holds(&orders(MOST_LINES), |(n, order)| {
        let given = &VENDORS_WITH_POLICIES[n];
        let Some(Allowed { offer, .. }) = allowed(&order, given) else { return not_applicable() };
        let whole = if given.1.rounding == Rounding::Whole { offer.currency.minor_per_unit() as i64 } else { 1 };
        for line in &offer.lines {
            let exact = line.steps.iter().fold(Ratio::from(0), |sum, step| sum + step.exact.0);
            prop_assert_eq!(exact, Ratio::from(i128::from(line.amount)));
            if !line.steps.is_empty() {
                prop_assert_eq!(line.shown_steps().map(|(_, moved)| moved).sum::<i64>(), line.amount);
            }
            prop_assert!(line.steps.iter().all(|step| step.exact.0 != Ratio::from(0)), "a step without a change: {:?}", line);
            prop_assert!(line.amount >= 0, "{:?}", line);
            prop_assert!(line.amount % whole == 0 || line.order.product == "monthly", "{:?}", line);
        }
        prop_assert_eq!(offer.lines.iter().map(|line| line.amount).sum::<i64>(), offer.net);
        prop_assert!(
            offer.taxes.iter().all(|tax| 0 <= tax.base && tax.base <= offer.net && 0 <= tax.amount && tax.amount <= tax.base)
        );
        prop_assert_eq!(offer.net + offer.taxes.iter().map(|tax| tax.amount).sum::<i64>(), offer.total);
        Ok(())
    });
}

/// The price of a line does not depend on its position, so neither does the total.
#[test]
fn the_order_of_lines_does_not_change_the_total() {
    let places = proptest::array::uniform::<_, MOST_LINES>(any::<u32>());
    holds(&(orders(MOST_LINES), places), |((n, order), places)| {
        let given = &VENDORS_WITH_POLICIES[n];
        let Some(Allowed { mut request, facts, offer: one }) = allowed(&order, given) else { return not_applicable() };
        let mut shuffled: Vec<_> = places.into_iter().zip(request.lines).collect();
        shuffled.sort_by_key(|(place, _)| *place);
        request.lines = shuffled.into_iter().map(|(_, line)| line).collect();
        let other = make(&request, &facts, &order, &given.1).expect("the same lines may stand in any order");
        let amounts = |offer: &Offer| {
            let mut amounts: Vec<_> = offer.lines.iter().map(|line| line.amount).collect();
            amounts.sort_unstable();
            amounts
        };
        let taxes = |offer: &Offer| {
            let known =
                offer.taxes.iter().map(|tax| (tax.jurisdiction.clone(), tax.name.clone(), tax.rate, tax.base, tax.amount));
            known.collect::<BTreeSet<_>>()
        };
        prop_assert_eq!(amounts(&one), amounts(&other));
        prop_assert_eq!((one.net, taxes(&one), one.total), (other.net, taxes(&other), other.total));
        prop_assert!(other.lines.iter().map(|line| line.line).eq(1..=other.lines.len() as u32));
        Ok(())
    });
}

/// A stored offer can be priced again later with the same result, byte for byte.
#[test]
fn a_stored_offer_is_priced_again_to_the_same_bytes() {
    holds(&orders(MOST_LINES), |(n, order)| {
        let given = &VENDORS_WITH_POLICIES[n];
        let Some(Allowed { offer, .. }) = allowed(&order, given) else { return not_applicable() };
        let bytes = serde_json::to_vec(&offer).expect("JSON");
        let stored: Offer = serde_json::from_slice(&bytes).expect("an offer");
        prop_assert_eq!(&stored, &offer);
        let (lines, assessment) = stored.priced_again(&given.1).expect("it was priced before");
        let again = Offer {
            net: lines.iter().map(|line| line.amount).sum(),
            lines,
            taxes: assessment.taxes,
            tax_notes: assessment.notes,
            situs: assessment.situs,
            ..stored
        };
        prop_assert!(serde_json::to_vec(&again).expect("JSON") == bytes, "{:#?}\nis not\n{:#?}", again, offer);
        Ok(())
    });
}

/// For terms by the month of any length, and for terms by the day within four years: beyond that, some days count less (facts
/// 2.5).
#[test]
fn a_longer_term_never_costs_less() {
    holds(&(orders(MOST_LINES), 1..=24_u32, 1..=800_i32), |((n, order), months, days)| {
        let (vendor, policy) = &VENDORS_WITH_POLICIES[n];
        let circumstances = Circumstances::of(&order);
        let price = |line: &OrderLine| circumstances.price(&order, line, policy).ok();
        let mut compared = 0;
        for (n, line) in order.lines.iter().enumerate().filter(|(_, line)| line.kind != "upgrade") {
            let shorter = given::order_line(line, n, vendor, &NUMBERS);
            let longer = match shorter.until {
                None => OrderLine { months: shorter.months + months, ..shorter.clone() },
                Some(until) => OrderLine { until: Some(days_after(until, days)), ..shorter.clone() },
            };
            let (Some(shorter), Some(longer)) = (price(&shorter), price(&longer)) else { continue };
            if shorter.order.until.is_none() || within_four_years(&longer) {
                compared += 1;
                prop_assert!(shorter.amount <= longer.amount, "{:#?}\ncosts more than\n{:#?}", shorter, longer);
            }
        }
        if compared == 0 { not_applicable() } else { Ok(()) }
    });
}

fn within_four_years(line: &Line) -> bool {
    line.start.zip(line.end).is_some_and(|(start, end): (Date, Date)| end <= months_after(start, 48))
}

/// The drawn cases cover everything that a price can depend on, each often enough.
#[test]
fn the_drawn_cases_cover_everything_that_a_price_depends_on() {
    let seen: RefCell<BTreeMap<String, u32>> = RefCell::default();
    holds(&orders(MOST_LINES), |(n, order)| {
        let given = &VENDORS_WITH_POLICIES[n];
        let see = |what: String| *seen.borrow_mut().entry(what).or_default() += 1;
        let Some(Allowed { request, offer, .. }) = allowed(&order, given) else { return not_applicable() };
        for line in &offer.lines {
            see(format!("{} {}", line.order.kind.as_str(), line.deployment.as_str()));
            line.steps
                .iter()
                .for_each(|step| see(format!("{:?}", step.rule).split_whitespace().next().unwrap_or_default().to_owned()));
            line.notes.iter().for_each(|note| see(format!("{note:?}").split_whitespace().next().unwrap_or_default().to_owned()));
            if line.order.edition.is_some() {
                see("edition".to_owned());
            }
            let stages = line.steps.iter().filter(|step| step.rule == Rule::Rounding).count();
            see(format!("rounded {stages} times"));
            let credited = line.steps.iter().any(|step| matches!(step.rule, Rule::StepUpCredit { .. }));
            if credited && line.notes.iter().any(|note| matches!(note, LineNote::CreditLapsed { .. })) {
                see("lapsed step-up credit".to_owned());
            }
        }
        see(format!("{:?}", given.1.rounding));
        see(offer.currency.code().to_owned());
        see(format!("{} taxes", offer.taxes.len()));
        offer.tax_notes.iter().for_each(|note| see(note.kind.clone()));
        see(offer.channel.as_str().to_owned());
        see(format!("{:?}", offer.situs));
        see(request.purchasing_for.unwrap_or_default());
        Ok(())
    });
    let seen = seen.into_inner();
    let kinds = LineKind::ALL.map(LineKind::as_str);
    let (rented, owned) = (["self_managed_term", "annual_cloud", "government_cloud"], "self_managed_perpetual");
    let ordered = kinds.iter().flat_map(|kind| rented.map(|deployment| format!("{kind} {deployment}")));
    let ordered = ordered.chain(kinds.iter().filter(|kind| **kind != "renew_and_upgrade").map(|kind| format!("{kind} {owned}")));
    let others = [
        "new monthly_cloud",
        "edition",
        "ListPrice",
        "Maintenance",
        "Term",
        "Days",
        "Segment",
        "UpgradeCredit",
        "StepUpCredit",
        "Channel",
        "Rounding",
        "RenewalNotSamePartner",
        "CreditLapsed",
        "MigrationNotApplicable",
        "lapsed step-up credit",
        "rounded 0 times",
        "rounded 1 times",
        "rounded 2 times",
        "rounded 3 times",
        "Minor",
        "Whole",
        "USD",
        "JPY",
        "EUR",
        "KWD",
        "AUD",
        "0 taxes",
        "1 taxes",
        "2 taxes",
        "vat_id",
        "resale",
        "charity",
        "unaffiliated",
        "corporate",
        "partner",
        "aggregator",
        "BillingContact",
        "SoldTo",
        "self",
        "customer",
    ];
    let rare: Vec<_> =
        ordered.chain(others.map(str::to_owned)).filter(|what| seen.get(what).is_none_or(|times| *times < 10)).collect();
    assert!(rare.is_empty(), "seen too rarely: {rare:?} of {seen:#?}");
}

/// The amounts of the largest prices, tiers, terms and orders that a policy allows stay within 64 bits.
#[test]
fn the_bounds_of_a_policy_keep_every_amount_within_64_bits() {
    let mut vendor = Vendor::drawn(0);
    let product = vendor.products.iter_mut().find(|product| product.id == "data-center").expect("it is always there");
    product.months = vec![120];
    product.last_end = None;
    product.sales.retain_mut(|sale| {
        (sale.from, sale.until) = (None, None);
        sale.kind == "new"
    });
    product.books.truncate(1);
    product.books[0].table = Table::Banded(vec![(1_000_000, 1_000_000_000_000)]);
    (product.books[0].until, product.books[0].last_quote) = (None, None);
    vendor.tax.rates.iter_mut().for_each(|rate| rate.percent = 100_000);
    let policy = given::policy(&vendor, &vendor::files());

    let line = trade::Line {
        kind: "new",
        product: 1,
        edition: None,
        users: 1_000_000,
        months: 120,
        until: None,
        held: None,
        source: None,
    };
    let plain = Order::drawn(&vendor, &[], &[[0; 0]]);
    let order = Order { lines: vec![line; MAX_LINES], billing: ("DE", None), customer: ("DE", None), ..plain };
    let (request, facts) = given::request(&order, &vendor, &Numbers::of(MAX_LINES as u32));
    let offer = make(&request, &facts, &order, &policy).unwrap_or_else(|refusal| panic!("{refusal:?}"));
    assert_eq!(offer.net, 100 * 10 * 1_000_000_000_000);
    assert_eq!(offer.total, 2 * offer.net);
}
