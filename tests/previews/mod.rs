//! A preview is the quote: whatever is ordered, a preview answers what is then issued, or refuses what is refused. Ten
//! thousand orders of what both decide and show; some hundreds over the real router, store and engine, which write what they
//! issue to a disk.

use std::{cell::Cell, path::Path, thread};

use axum::{Router, body::Body, http::Request};
use contract::{Links, QuoteView, quote::QuoteBody};
use domain::{
    Policy, Quote, Refusal,
    link::{LinkKeys, Purpose},
    number::Minter,
    quote::{IssueContext, Offer},
    request::{Facts, Origin},
};
use http_body_util::BodyExt;
use jiff::{SignedDuration, Timestamp};
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestCaseError, TestRunner},
};
use runtime::{Vendor, shell};
use serde_json::{Value, json};
use store::Created;
use tests::{Bench, NOW, VENDOR, example, imported, quoting, sen, with};
use tower::ServiceExt;

/// Side by side, each with a seed of its own.
const AT_ONCE: u64 = 4;
/// Orders of each that are decided, and that are sent.
const DECIDED: u32 = 2_500;
const SENT: u32 = 100;

/// What the customer has, over and over: each may be asked about twenty times a minute.
const HELD: [(&str, u32, &str); 4] = [
    ("tracker-data-center", 500, "2027-02-01"),
    ("tracker-data-center", 1_000, "2027-01-15"),
    ("tracker-server", 25, "2026-10-01"),
    ("tracker-cloud", 300, "2027-06-01"),
];
const COPIES: usize = 8;

/// The function that quotes, as it runs anywhere, on a table of its own.
struct Quoting {
    routes: Router,
    now: Cell<Timestamp>,
    bench: Bench,
}

impl Quoting {
    async fn new() -> Self {
        let now = NOW.parse().unwrap();
        let bench = Bench::new(now).await;
        for (product, tier, end) in HELD {
            for copy in 0..COPIES {
                let held = held(product, tier, end, copy);
                assert_eq!(bench.store.create_entitlement(&held).await.unwrap(), Created::New);
            }
        }
        let routes = shell(quoting(Path::new(VENDOR), bench.store.clone(), bench.clock.clock()));
        Self { routes, now: Cell::new(now), bench }
    }

    /// An hour later what was asked too often may be asked again.
    fn later(&self) {
        self.now.set(self.now.get() + SignedDuration::from_hours(1));
        self.bench.clock.set(self.now.get());
    }

    async fn post(&self, path: &str, order: &Value) -> (u16, Value) {
        let request = Request::post(path).header("content-type", "application/json").body(Body::from(order.to_string())).unwrap();
        let answer = self.routes.clone().oneshot(request).await.unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    /// Whether the order is issued; a preview and the quote, or both refusals, say the same.
    async fn agree(&self, order: &Value) -> Result<bool, TestCaseError> {
        let (status, preview) = self.post("/v1/quotes/preview", order).await;
        let (created, quote) = self.post("/v1/quotes", order).await;
        if created != 201 {
            prop_assert_eq!((status, created), (422, 422), "{}", quote);
            prop_assert_eq!(&preview["errors"], &quote["errors"]);
            return Ok(false);
        }
        prop_assert_eq!(status, 200, "{}", preview);
        same(preview, quote)
    }
}

/// A quote is its preview, with what an issued one has besides.
fn same(mut preview: Value, mut quote: Value) -> Result<bool, TestCaseError> {
    for issued in ["number", "status", "links", "history"] {
        for view in [&mut preview, &mut quote] {
            view.as_object_mut().unwrap().remove(issued);
        }
    }
    prop_assert_eq!(preview, quote);
    Ok(true)
}

/// What both handlers decide and show, without a table.
struct Desk {
    policy: Policy,
    facts: Facts,
    links: Links,
}

impl Desk {
    fn new() -> Self {
        let vendor = Vendor::open(VENDOR).unwrap();
        let copies = HELD.iter().flat_map(|&(product, tier, end)| (0..COPIES).map(move |copy| held(product, tier, end, copy)));
        let entitlements = copies.map(|held| (held.sen.clone(), held)).collect();
        let keys = LinkKeys::parse("k1:0123456789abcdef").unwrap();
        Self {
            policy: vendor.policy().unwrap(),
            facts: Facts { entitlements, ..Facts::default() },
            links: Links::new("https://api.vendor.example", "https://pay.vendor.example", keys),
        }
    }

    fn offer(&self, order: &Value) -> Result<Offer, Refusal> {
        let body = QuoteBody::read(order.to_string().as_bytes())?;
        let origin = Origin { at: NOW.parse().unwrap(), ip: None, subject: None, email: None };
        let issue = IssueContext { origin, request_hash: "the same".to_owned(), link_key: self.links.keys().current() };
        Offer::make(&body.request, body.faults, &self.facts, &self.policy, &issue)
    }

    fn agree(&self, order: &Value) -> Result<bool, TestCaseError> {
        match (self.offer(order), self.offer(order)) {
            (Ok(previewed), Ok(offer)) => {
                let number = Minter::new(b"a key of the tests").quote_from_seed("any");
                let quote = Quote::issue(number, offer, None);
                let view = QuoteView::of(&quote, &self.links, Purpose::Change, quote.offer.issued_at);
                same(serde_json::to_value(QuoteView::preview(&previewed)).unwrap(), serde_json::to_value(view).unwrap())
            }
            (previewed, offer) => {
                prop_assert_eq!(previewed.err().map(|no| no.faults), offer.err().map(|no| no.faults));
                Ok(false)
            }
        }
    }
}

fn number(product: &str, tier: u32, copy: usize) -> String {
    sen(&format!("{product} {tier} {copy}"))
}

fn held(product: &str, tier: u32, end: &str, copy: usize) -> domain::license::Entitlement {
    let said = imported(product, tier, end);
    let kind = match product {
        "tracker-server" => "perpetual",
        "tracker-cloud" => "subscription",
        _ => "term",
    };
    let ends = if kind == "perpetual" { "maintenance_end" } else { "term_end" };
    let entitlement = json!({
        "sen": number(product, tier, copy), "line": 0, "kind": kind, "product": product, "product_name": product, "tier": tier,
        "licensee": said["licensee"], "technical_contact": said["technical_contact"],
        "purchaser": said["purchaser"]["company"], "purchaser_contact": said["purchaser"]["contact"],
        "purchased": said["purchased"], ends: end, "issued_at": "2024-01-01T00:00:00Z",
    });
    serde_json::from_value(entitlement).unwrap()
}

fn line() -> impl Strategy<Value = Value> {
    let new = (prop::sample::select(vec!["tracker-server", "tracker-data-center", "tracker-cloud"]), 1..2_200_u32, 1..=3_u32)
        .prop_map(|(product, users, years)| {
            let mut line = json!({"kind": "new", "product": product, "users": users});
            if product == "tracker-server" {
                line["users"] = (users % 100 + 1).into();
            } else {
                line["term_months"] = (years * 12).into();
            }
            line
        });
    let kinds = ["renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal", "migration"];
    let about = (
        prop::sample::select(kinds.to_vec()),
        0..HELD.len(),
        0..COPIES,
        0..=60_u32,
        prop::sample::select(vec![500_u32, 1_000, 2_000]),
    );
    let about = about.prop_map(|(kind, held, copy, months, users)| {
        let (product, tier, _) = HELD[held];
        let number = number(product, tier, copy);
        let date = format!("20{:02}-{:02}-15", 27 + months / 12, months % 12 + 1);
        match kind {
            "migration" => {
                json!({"kind": "new", "product": "tracker-cloud", "users": users, "term_months": 12, "migrates_from": number})
            }
            "coterm" => json!({"kind": kind, "sen": number, "until": date}),
            "upgrade" => json!({"kind": kind, "sen": number, "users": users}),
            "renewal" => json!({"kind": kind, "sen": number, "term_months": 12}),
            _ => json!({"kind": kind, "sen": number, "users": users, "term_months": 12}),
        }
    });
    prop_oneof![new, about]
}

fn order() -> impl Strategy<Value = Value> {
    let place =
        prop::sample::select(vec![("DE", None), ("GB", None), ("JP", None), ("US", Some("US-NY")), ("CA", Some("CA-QC"))]);
    let currency = prop::sample::select(vec!["USD", "USD", "USD", "EUR", "JPY"]);
    let claims = prop::sample::select(vec![json!([]), json!([{"segment": "academic", "document": "a letter"}])]);
    (prop::collection::vec(line(), 1..4), place, currency, claims, any::<bool>()).prop_map(
        |(lines, (country, region), currency, claims, itself)| {
            let place = json!({"street": "1 Example Street", "city": "Exampleton", "country": country, "region": region});
            let order = with(
                &example(),
                [
                    ("/lines", lines.into()),
                    ("/currency", json!(currency)),
                    ("/segments", claims),
                    ("/reseller/address", place.clone()),
                    ("/customer/address", place),
                ],
            );
            match itself {
                true => with(
                    &order,
                    [("/purchasing_for", json!("self")), ("/reseller", Value::Null), ("/accept/reseller_agreement", Value::Null)],
                ),
                false => order,
            }
        },
    )
}

/// Tries orders of one seed until a number of them were issued.
fn orders_agree(seed: u64, orders: u32, agree: impl Fn(&Value) -> Result<bool, TestCaseError>) {
    let config = ProptestConfig {
        cases: orders,
        max_global_rejects: orders * 10,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(seed),
        ..ProptestConfig::default()
    };
    let tried = TestRunner::new(config).run(&order(), |order| match agree(&order)? {
        true => Ok(()),
        false => Err(TestCaseError::reject("both refuse it")),
    });
    if let Err(failure) = tried {
        panic!("seed {seed}: {failure}");
    }
}

fn at_once(of_seed: fn(u64)) {
    let seed = match ProptestConfig::default().rng_seed {
        RngSeed::Fixed(of_the_environment) => of_the_environment,
        RngSeed::Random => u64::from(std::process::id()),
    };
    eprintln!("seeds {seed} to {}", seed + AT_ONCE - 1);
    let running: Vec<_> = (seed..seed + AT_ONCE).map(|seed| thread::spawn(move || of_seed(seed))).collect();
    for one in running {
        one.join().unwrap();
    }
}

#[test]
fn a_preview_decides_and_shows_what_the_quote_does() {
    at_once(|seed| {
        let desk = Desk::new();
        orders_agree(seed, DECIDED, |order| desk.agree(order));
    });
}

#[test]
fn a_preview_is_the_quote_that_is_then_issued() {
    at_once(|seed| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let quoting = runtime.block_on(Quoting::new());
        let asked = Cell::new(0_u32);
        orders_agree(seed, SENT, |order| {
            asked.set(asked.get() + 1);
            if asked.get().is_multiple_of(16) {
                quoting.later();
            }
            runtime.block_on(quoting.agree(order))
        });
    });
}
