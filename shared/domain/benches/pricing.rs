//! What a decision costs, against the example vendor's policy: `cargo bench -p domain`.
//! Pricing a quote of 50 lines, and checking and pricing it, should each stay within 100 µs.

use divan::{Bencher, counter::ItemsCount};
use domain::{
    Policy,
    fault::Faults,
    link::LinkKeys,
    payment, price,
    quote::{Issue, Offer},
    request::{AcceptRequest, AddressRequest, ContactRequest, LineRequest, Origin, PartyRequest, Request},
};

#[path = "../tests/vendor/mod.rs"]
#[allow(clippy::unwrap_used, unreachable_pub, reason = "shared with the tests: without the example vendor nothing is measured")]
mod vendor;

const LINES: i64 = 50;

fn main() {
    divan::main();
}

/// The vendor's files, from text to a sound policy: once in the life of a process, before its first answer.
#[divan::bench]
fn read_policy(bencher: Bencher<'_, '_>) {
    let files = vendor::files();
    bencher.bench(|| Policy::read(&files).expect("the example vendor is sound"));
}

/// From an order that the rules allow to amounts that explain themselves.
#[divan::bench]
fn price_50_lines(bencher: Bencher<'_, '_>) {
    let (policy, request, origin) = (vendor::policy(), request(), origin());
    let today = payment::value_date(origin.at, &policy.timezone);
    let order = request.check(&policy, &origin, today, &mut Faults::default()).expect("an order without fault");
    bencher.counter(ItemsCount::new(order.lines.len())).bench(|| price::price(&order, &policy, today).expect("prices"));
}

/// From what was sent to the whole offer: every rule checked, every line priced, every payment method decided.
#[divan::bench]
fn offer_50_lines(bencher: Bencher<'_, '_>) {
    let (policy, request) = (vendor::policy(), request());
    let link_keys = LinkKeys::parse("bench:example-link-secret").expect("a link key");
    let issue = Issue { origin: origin(), request_hash: "example".to_owned(), link_keys: &link_keys };
    let offer = || Offer::make(&request, Faults::default(), &policy, &issue).expect("an offer");
    bencher.counter(ItemsCount::new(offer().lines.len())).bench(offer);
}

fn origin() -> Origin {
    Origin { at: "2026-11-22T10:00:00Z".parse().expect("an instant"), ip: None }
}

/// A reseller's request with every product by turns, each time for more users.
fn request() -> Request {
    let text = |text: &str| Some(text.to_owned());
    let person = |name: &str, email: &str| ContactRequest { name: text(name), email: text(email) };
    let line = |n: i64| {
        let (product, users, term_months) = match n % 3 {
            0 => ("tracker-data-center", 20 * n, Some(24)),
            1 => ("tracker-server", n, None),
            _ => ("tracker-cloud", 20 * n, Some(12)),
        };
        LineRequest { kind: text("new"), product: text(product), users: Some(users), term_months }
    };
    Request {
        purchasing_for: text("customer"),
        currency: text("USD"),
        reseller: Some(PartyRequest {
            company: text("Example Reseller GmbH"),
            contact: person("Rita Seller", "rita@reseller.example"),
            address: AddressRequest {
                street: text("Beispielweg 1"),
                city: text("Berlin"),
                postal_code: text("10115"),
                region: None,
                country: text("DE"),
            },
            technical_contact: None,
        }),
        customer: Some(PartyRequest {
            company: text("Example Customer Inc."),
            contact: person("Carl Customer", "carl@customer.example"),
            address: AddressRequest {
                street: text("2 Sample Avenue"),
                city: text("San Francisco"),
                postal_code: text("94105"),
                region: text("US-CA"),
                country: text("US"),
            },
            technical_contact: Some(person("Tina Admin", "tina@customer.example")),
        }),
        lines: (1..=LINES).map(line).collect(),
        po_number: text("PO-2026-0042"),
        notes: None,
        accept: AcceptRequest { terms: text("2026-10"), reseller_agreement: text("2026-10") },
        locale: text("en"),
    }
}
