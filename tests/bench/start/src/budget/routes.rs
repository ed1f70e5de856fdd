//! What is measured: the requests and events that each function serves most, about quotes that went through the functions
//! before it.

use std::{collections::BTreeMap, error::Error, fs};

use domain::{QuoteNumber, Sen, number::Minter};
use runtime::Clock;
use serde_json::{Value, json};

use crate::{
    events,
    functions::{NUMBER_KEY, TECHNICAL_CONTACT},
    lambda::Invocation,
    partners::{self, Issuer},
    table::Table,
    vendor::QUOTE,
};

/// How often a process is started to measure its memory: the median counts.
pub(super) const LIVES: usize = 3;

type Made = Result<Invocation, Box<dyn Error>>;

/// One thing that a function does.
pub(super) struct Route {
    /// Which function.
    pub(super) function: &'static str,
    /// What the budget calls it: the route, or the event.
    pub(super) name: &'static str,
    /// How many requests follow the first one, in each process.
    pub(super) warm: usize,
    /// Makes the next request.
    pub(super) request: fn(&mut World) -> Made,
}

impl Route {
    /// How many requests are made to measure it: one process answers one and [`LIVES`] answer all, and then one answers one
    /// and one answers all under valgrind.
    pub(super) const fn requests(&self) -> usize {
        requests(self.warm)
    }

    /// Whether a page is typeset, which takes minutes under valgrind: no instructions are counted.
    pub(super) fn typesets(&self) -> bool {
        matches!(self.function, "documents" | "notifications")
    }
}

const fn requests(warm: usize) -> usize {
    2 + (LIVES + 1) * (1 + warm)
}

const fn route(function: &'static str, name: &'static str, warm: usize, request: fn(&mut World) -> Made) -> Route {
    Route { function, name, warm, request }
}

/// In the order in which a quote meets them.
pub(super) const ROUTES: [Route; 19] = [
    route("deadlines", "nothing is pending", 10, |_| Ok(Invocation::tick("reminded"))),
    route("quotes", "GET /v1/pricing", 10, |_| get("/v1/pricing", "")),
    route("quotes", "GET /v1/payment-methods", 10, |_| get("/v1/payment-methods", "locale=en")),
    route("quotes", "POST /v1/quotes/preview", 20, |_| post("/v1/quotes/preview", &order("rita")?, 200)),
    route("quotes", "POST /v1/quotes", 20, |world| world.create()),
    route("quotes", "POST /v1/quotes, repeated", 20, |_| {
        let create = events::post("/v1/quotes", &order("rita.repeats")?);
        Ok(Invocation::http(&events::with_header(create, "idempotency-key", "8e03978e-40d5".to_owned()), 201))
    }),
    route("quotes", "GET /v1/quotes/{number}", 20, |world| {
        let (path, query) = world.quote(0)?.link("self")?;
        get(&path, &query)
    }),
    route("quotes", "POST /v1/quotes/{number}/revisions", WARM, |world| {
        // These are paid by nobody: a payment names its revision.
        let place = PAID + world.next("revisions");
        let (path, query) = world.quote(place)?.link("revise")?;
        let mut revise = events::post(&path, &order(&format!("rita.{place}"))?);
        revise["rawQueryString"] = query.into();
        Ok(Invocation::http(&revise, 201))
    }),
    // A letter of another person each time, because a repeated report is only read.
    route("feedback", "a letter came back", 10, |world| {
        let place = world.next("feedback");
        Ok(Invocation::message(&events::bounce(&format!("rita-{place}"), Clock::system().now())))
    }),
    route("notifications", "a quote is issued", 2, |world| {
        let place = world.next("notifications");
        let quote = world.quote(place)?;
        Ok(Invocation::batch(&events::change(None, &quote.issued, Clock::system().now())))
    }),
    route("documents", "GET /v1/quotes/{number}/document.pdf", 2, |world| {
        let (path, query) = world.quote(0)?.link("document")?;
        get(&path, &query)
    }),
    route("payments", "POST /webhooks/stripe", WARM, |world| {
        let place = world.next("payments");
        let now = Clock::system().now();
        let body = partners::paid(&world.quote(place)?.view, now)?;
        let signature = partners::stripe_signature(&body, now)?;
        let webhook = events::with_header(events::post("/webhooks/stripe", &body), "stripe-signature", signature);
        Ok(Invocation::http(&webhook, 200))
    }),
    route("issuance", "three licences are paid", WARM, |world| {
        let place = world.next("issuance");
        let quote = world.quote(place)?;
        let paid = world.table.quote(&quote.number)?;
        Ok(Invocation::batch(&events::change(Some(&quote.issued), &paid, Clock::system().now())))
    }),
    route("licenses", "GET /v1/licenses/{sen}", 20, |world| {
        let path = format!("/v1/licenses/{}", world.sen()?);
        Ok(Invocation::http(&events::with_header(events::get(&path, ""), "authorization", world.customer.clone()), 200))
    }),
    route("licenses", "POST /v1/licenses/{sen}/reveal", 20, |world| {
        let path = format!("/v1/licenses/{}/reveal", world.sen()?);
        Ok(Invocation::http(&events::with_header(events::post(&path, ""), "authorization", world.customer.clone()), 200))
    }),
    route("licenses", "GET /.well-known/license-keys.json", 10, |_| get("/.well-known/license-keys.json", "")),
    route("quotes", "POST /v1/entitlements/lookup", 20, |world| {
        let lookup = json!({ "sen": world.sen()?, "email": TECHNICAL_CONTACT, "currency": "USD" });
        post("/v1/entitlements/lookup", &lookup.to_string(), 200)
    }),
    route("desk", "GET /v1/desk/quotes/{number}", 20, |world| {
        let path = format!("/v1/desk/quotes/{}", world.quote(0)?.number);
        Ok(Invocation::http(&events::with_header(events::get(&path, ""), "authorization", world.staff.clone()), 200))
    }),
    route("desk", "GET /v1/desk/reviews", 20, |world| {
        let reviews = events::with_header(events::get("/v1/desk/reviews", ""), "authorization", world.staff.clone());
        Ok(Invocation::http(&reviews, 200))
    }),
];

/// How many requests follow the first one where each request needs a quote of its own.
const WARM: usize = 8;
/// How many quotes such a route needs.
const PAID: usize = requests(WARM);
/// How many quotes there are: half of them are paid, and half of them are revised.
pub(super) const QUOTES: usize = 2 * PAID;

fn get(path: &str, query: &str) -> Made {
    Ok(Invocation::http(&events::get(path, query), 200))
}

fn post(path: &str, body: &str, status: u64) -> Made {
    Ok(Invocation::http(&events::post(path, body), status))
}

/// The example order, of a requester with this mailbox.
fn order(requester: &str) -> Result<String, Box<dyn Error>> {
    Ok(fs::read_to_string(QUOTE)?.replace("rita@reseller.example", &format!("{requester}@{requester}.example")))
}

/// What there is for the functions to be asked about.
pub(super) struct World {
    /// Where it is stored.
    table: Table,
    /// The technical contact's and the vendor's staff's `Authorization`.
    customer: String,
    staff: String,
    /// Quotes, in the order in which they were created.
    pub(super) quotes: Vec<Quote>,
    /// How many of them each function has had.
    used: BTreeMap<&'static str, usize>,
}

/// A quote as it was created.
pub(super) struct Quote {
    number: QuoteNumber,
    view: Value,
    issued: Value,
}

impl World {
    /// Without a quote yet.
    pub(super) fn new(table: Table, issuer: &Issuer) -> Result<Self, Box<dyn Error>> {
        let now = Clock::system().now();
        Ok(Self {
            table,
            customer: issuer.bearer(TECHNICAL_CONTACT, &[], now)?,
            staff: issuer.bearer("dana@vendor.example", &["vendor-staff"], now)?,
            quotes: Vec::new(),
            used: BTreeMap::new(),
        })
    }

    /// An order of a requester who has not ordered before.
    pub(super) fn create(&self) -> Made {
        post("/v1/quotes", &order(&format!("rita{}", events::WHO))?, 201)
    }

    /// Keeps the quotes that were answered.
    pub(super) fn keep(&mut self, answers: Vec<Value>) -> Result<(), Box<dyn Error>> {
        for answer in answers {
            let view: Value = serde_json::from_str(answer["body"].as_str().ok_or("a quote without a body")?)?;
            let number: QuoteNumber =
                view["number"].as_str().unwrap_or_default().parse().map_err(|_| "a quote without a number")?;
            self.quotes.push(Quote { issued: self.table.quote(&number)?, number, view });
        }
        Ok(())
    }

    fn quote(&self, place: usize) -> Result<&Quote, Box<dyn Error>> {
        self.quotes.get(place).ok_or_else(|| format!("there is no quote {place}").into())
    }

    /// The place of the next quote of a function.
    fn next(&mut self, function: &'static str) -> usize {
        let used = self.used.entry(function).or_default();
        *used += 1;
        *used - 1
    }

    /// The licence of the first line of the first quote that was paid.
    fn sen(&self) -> Result<Sen, Box<dyn Error>> {
        Ok(Minter::new(NUMBER_KEY.as_bytes()).sen(&self.quote(0)?.number, 1, 0))
    }
}

impl Quote {
    /// The path and the query of one of its links.
    fn link(&self, name: &str) -> Result<(String, String), Box<dyn Error>> {
        let link = self.view["links"][name].as_str().and_then(|link| link.strip_prefix("https://api.example.com"));
        let (path, query) = link.and_then(|link| link.split_once('?')).ok_or_else(|| format!("a quote without {name}"))?;
        Ok((path.to_owned(), query.to_owned()))
    }
}
