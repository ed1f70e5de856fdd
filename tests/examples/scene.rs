//! Where an example plays: a world of the examples' vendor, with an order to change.

use std::ops::{Deref, DerefMut};

use serde_json::{Value, json};
use tempfile::TempDir;
use tests::{Answer, Edit, Quote, World, errors, example, examples_vendor, with};

/// The edit that makes the other rounding policy of it.
pub(crate) const P_WHOLE: &[Edit<'static>] = &[("vendor.toml", "P-MINOR", "P-WHOLE")];

/// Both rounding policies, as edits: `P-MINOR` and `P-WHOLE`.
pub(crate) const BOTH: [&[Edit<'static>]; 2] = [&[], P_WHOLE];

/// The organisation of the example's reseller, as the issuer of its tokens names it.
pub(crate) const RESELLER: &str = "Example Reseller GmbH";

/// The example's end customer.
pub(crate) const CUSTOMER: &str = "Example Customer Inc.";

/// A world of the examples' vendor.
pub(crate) struct Scene {
    world: World,
    _vendor: TempDir,
}

impl Deref for Scene {
    type Target = World;

    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Scene {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

impl Scene {
    /// The examples' vendor on a day.
    pub(crate) async fn on(day: &str) -> Self {
        Self::edited(day, &[]).await
    }

    /// The examples' vendor on a day, with an edited policy.
    pub(crate) async fn edited(day: &str, edits: &[Edit<'_>]) -> Self {
        Self::of(day, examples_vendor(edits)).await
    }

    /// The vendor of a folder, on a day.
    pub(crate) async fn of(day: &str, vendor: TempDir) -> Self {
        let world = World::of_vendor(&noon(day), vendor.path().into()).await;
        Self { world, _vendor: vendor }
    }

    /// Moves the clock to another day.
    pub(crate) async fn move_to(&mut self, day: &str) {
        self.set_clock(&noon(day)).await;
    }

    /// The quote for an order by a caller who is not signed in.
    pub(crate) async fn quoted(&self, order: &Value) -> Quote {
        self.quoted_by(None, order).await
    }

    /// The quote for an order by the member of an organisation; it must be what a preview has said, and each of its
    /// lines must explain itself.
    pub(crate) async fn quoted_by(&self, organization: Option<&str>, order: &Value) -> Quote {
        let preview = self.ask("/v1/quotes/preview", organization, order).await.expect(200);
        let quote = Quote(self.ask("/v1/quotes", organization, order).await.expect(201));
        for same in ["lines", "net", "taxes", "tax", "total", "payment_methods", "tax_notes", "warnings", "channel_status"] {
            assert_eq!(preview[same], quote.0[same], "the preview has said the same");
        }
        assert_eq!(quote.lines().iter().map(explained).sum::<i64>(), quote.net());
        assert_eq!(quote.net() + quote.tax(), quote.total());
        quote
    }

    /// `POST` of an order, by a caller who is not signed in or by the member of an organisation.
    async fn ask(&self, path: &str, organization: Option<&str>, order: &Value) -> Answer {
        match organization {
            None => self.post(path, order).await,
            Some(name) => {
                let token = self.token("rita@reseller.example", organization).await;
                // A member is discounted for what is billed to itself.
                self.post_as(&token, path, &with(order, [("/reseller/company", json!(name))])).await
            }
        }
    }

    /// What an order is refused for, as (code, pointer); and that the refusal left nothing behind.
    pub(crate) async fn refused(&self, order: &Value) -> Vec<(String, String)> {
        self.refused_by(None, order).await
    }

    /// The same for the member of an organisation.
    pub(crate) async fn refused_by(&self, organization: Option<&str>, order: &Value) -> Vec<(String, String)> {
        let (before, letters) = (self.recorded().await, self.inbox().await);
        let created = self.ask("/v1/quotes", organization, order).await;
        assert_eq!(created.status, 422, "{}", created.text());
        let previewed = self.ask("/v1/quotes/preview", organization, order).await.expect(422);
        let problem = created.json();
        assert_eq!(problem["errors"], previewed["errors"], "a preview finds the same");
        assert_eq!(self.recorded().await, before, "a refusal stores nothing");
        assert_eq!(self.inbox().await, letters, "a refusal sends nothing");
        errors(&problem).into_iter().map(|(code, pointer)| (code.to_owned(), pointer.to_owned())).collect()
    }

    /// Brings in verified evidence that the example's customer belongs to a segment.
    pub(crate) async fn prove(&self, segment: &str) -> String {
        let id = format!("EV-{segment}");
        let evidence = json!({
            "segment": segment, "organization": CUSTOMER, "registration_number": "12-3456789", "country": "US",
            "domains": ["customer.example"], "document": "archive/1", "expires": "2030-01-01",
        });
        self.record(&format!("evidence/{id}"), &evidence).await;
        id
    }

    /// Ends the example. Its letters are another test's business.
    pub(crate) async fn end(mut self) {
        self.ignore_letters().await;
        self.world.close().await;
    }
}

/// The middle of a day.
fn noon(day: &str) -> String {
    format!("{day}T12:00:00Z")
}

/// A line's amount, whose explanation adds up to it.
fn explained(line: &Value) -> i64 {
    let steps = line["explanation"].as_array().expect("every line is explained");
    assert!(steps.iter().all(|step| !step["detail"].as_str().unwrap().is_empty()));
    let sum: i64 = steps.iter().map(|step| step["amount"].as_i64().expect("whole minor units")).sum();
    assert_eq!(line["amount"].as_i64(), Some(sum), "the steps add up: {line:#}");
    sum
}

/// A refusal for one reason, at one place.
pub(crate) fn only(code: &str, pointer: &str) -> Vec<(String, String)> {
    vec![(code.to_owned(), pointer.to_owned())]
}

/// An order in US dollars by a reseller in London, where nothing is taxed, for a customer in San Francisco.
pub(crate) fn order(lines: impl IntoIterator<Item = Value>) -> Value {
    let london = address("GB", None);
    with(&example(), [("/lines", Value::from_iter(lines)), ("/reseller/address", london)])
}

/// The order of a customer that buys for itself.
pub(crate) fn own_order(lines: impl IntoIterator<Item = Value>) -> Value {
    let changes = [("/purchasing_for", json!("self")), ("/reseller", Value::Null), ("/accept/reseller_agreement", Value::Null)];
    with(&order(lines), changes)
}

/// The order, billed to an address in a country, and in a part of it.
pub(crate) fn billed_in(order: &Value, country: &str, region: Option<&str>) -> Value {
    with(order, [("/reseller/address", address(country, region))])
}

/// The order in another currency.
pub(crate) fn in_currency(order: &Value, currency: &str) -> Value {
    with(order, [("/currency", json!(currency))])
}

/// The order with a claim that the customer belongs to segments, each with the evidence that is named, or with what must
/// be stated until there is any.
pub(crate) fn claiming(order: &Value, segments: &[(&str, Option<&str>)]) -> Value {
    let claim = |&(segment, evidence): &(&str, Option<&str>)| match evidence {
        Some(evidence) => {
            json!({"segment": segment, "evidence": evidence, "registration_number": "12-3456789", "country": "US"})
        }
        // A number that is not on record: a verified one is recognised without a reference.
        None => json!({"segment": segment, "registration_number": "98-7654321", "country": "US", "document": "mine.pdf"}),
    };
    with(order, [("/segments", segments.iter().map(claim).collect())])
}

/// An address.
pub(crate) fn address(country: &str, region: Option<&str>) -> Value {
    json!({"street": "1 Example Street", "city": "Exampletown", "country": country, "region": region})
}

/// A new licence for a number of users; for twelve months if the product is sold by the term.
pub(crate) fn new(product: &str, users: i64) -> Value {
    let line = json!({"kind": "new", "product": product, "users": users});
    match product {
        "srv" | "cloud-monthly" => line,
        _ => with(&line, [("/term_months", json!(12))]),
    }
}

/// A renewal for a number of months.
pub(crate) fn renewal(sen: &str, months: u32) -> Value {
    json!({"kind": "renewal", "sen": sen, "term_months": months})
}

/// An upgrade to a number of users.
pub(crate) fn upgrade(sen: &str, users: u32) -> Value {
    json!({"kind": "upgrade", "sen": sen, "users": users})
}

/// A term until a date.
pub(crate) fn coterm(sen: &str, until: &str) -> Value {
    json!({"kind": "coterm", "sen": sen, "until": until})
}

/// What examples say of a quote.
pub(crate) trait Amounts {
    /// Before tax, in minor units.
    fn net(&self) -> i64;
    /// Tax, in minor units.
    fn tax(&self) -> i64;
    /// The lines.
    fn lines(&self) -> &[Value];
    /// The lines' amounts.
    fn amounts(&self) -> Vec<i64>;
    /// The first line's steps that move its price: rule and amount.
    fn steps(&self) -> Vec<(&str, i64)>;
    /// The days `[from, until)` that a line covers.
    fn covers(&self, line: usize) -> (&str, &str);
    /// The codes of what is noted with the first line.
    fn notes(&self) -> Vec<&str>;
    /// The codes of the warnings.
    fn warnings(&self) -> Vec<&str>;
    /// The status, and why a person must look first.
    fn standing(&self) -> (&str, Vec<&str>);
}

impl Amounts for Quote {
    fn net(&self) -> i64 {
        self.0["net"].as_i64().expect("a net amount")
    }

    fn tax(&self) -> i64 {
        self.0["tax"].as_i64().expect("a tax amount")
    }

    fn lines(&self) -> &[Value] {
        self.0["lines"].as_array().expect("lines")
    }

    fn amounts(&self) -> Vec<i64> {
        self.lines().iter().map(|line| line["amount"].as_i64().expect("an amount")).collect()
    }

    fn steps(&self) -> Vec<(&str, i64)> {
        let steps = self.lines()[0]["explanation"].as_array().expect("steps");
        let step = |step: &'_ Value| step["amount"].as_i64().expect("an amount");
        let moving = steps.iter().filter(|it| step(it) != 0);
        moving.map(|it| (it["rule"].as_str().expect("a rule"), step(it))).collect()
    }

    fn covers(&self, line: usize) -> (&str, &str) {
        let day = |name: &str| self.lines()[line][name].as_str().expect("a day");
        (day("starts"), day("ends"))
    }

    fn notes(&self) -> Vec<&str> {
        codes(&self.lines()[0]["notes"])
    }

    fn warnings(&self) -> Vec<&str> {
        codes(&self.0["warnings"])
    }

    fn standing(&self) -> (&str, Vec<&str>) {
        let reasons = self.0["review_reasons"].as_array().map(Vec::as_slice).unwrap_or_default();
        (self.0["status"].as_str().expect("a status"), reasons.iter().map(|reason| reason.as_str().unwrap()).collect())
    }
}

fn codes(list: &Value) -> Vec<&str> {
    let list = list.as_array().map(Vec::as_slice).unwrap_or_default();
    list.iter().map(|one| one["code"].as_str().expect("a code")).collect()
}
