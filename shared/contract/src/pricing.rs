//! `GET /v1/pricing` and `GET /v1/payment-methods`: what the vendor publishes. It comes from the policy that prices quotes, so
//! that published prices and quotes agree (R57, R67).

use domain::{
    Currency, Policy,
    method::for_currency,
    money::{Percent, half_up},
    payment::Method,
    policy::{
        Deployment, LineKind, MethodPolicy, PriceBook, PriceTable, Product, Programme, Proof, Rate, Restriction, Segment,
        ThresholdBasis,
    },
};
use jiff::civil::Date;
use serde::Serialize;

/// The price list and the discounts of a day.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PricingView<'p> {
    pub policy_version: &'p str,
    /// The day for which prices and discounts are listed.
    pub on: Date,
    pub products: Vec<ProductView<'p>>,
    /// Discounts for resellers (R56).
    pub programmes: Vec<ProgrammeView<'p>>,
    /// Discounts for end customers (R58).
    pub segments: Vec<SegmentView<'p>>,
}

/// A product.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ProductView<'p> {
    pub product: &'p str,
    pub name: &'p str,
    pub family: &'p str,
    pub deployment: &'static str,
    /// Editions, from the lowest to the highest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub editions: Vec<&'p str>,
    /// The kinds of lines that can be ordered on that day.
    pub kinds: Vec<LineKind>,
    /// The terms that are sold, in months.
    pub terms: Vec<u32>,
    /// The price of renewing the maintenance of a perpetual licence, in percent of the list price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewal_percent: Option<Percent>,
    /// Absent for government products, whose prices are not published (R105).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prices: Vec<PricesView<'p>>,
}

/// A product's prices in a currency.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PricesView<'p> {
    pub currency: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'p str>,
    /// The period that an amount pays for: `year`, `month`, or `ever`.
    pub per: &'static str,
    /// The last day on which the prices apply to new quotes, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub through: Option<Date>,
    pub tiers: Vec<TierView>,
}

/// The price for at most this number of users.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TierView {
    pub users: u32,
    /// Minor units.
    pub amount: i64,
}

/// A programme for resellers.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ProgrammeView<'p> {
    pub programme: &'p str,
    pub name: &'p str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub tiers: &'p [String],
    /// Whether a renewal is discounted only for the member that sold the renewed entitlement.
    pub renewal_requires_same_partner: bool,
    pub rates: Vec<RateView<'p>>,
}

/// A segment of end customers.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct SegmentView<'p> {
    pub segment: &'p str,
    pub name: &'p str,
    /// What a claim must state. Empty when the line names the entitlement that it replaces instead.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<&'static str>,
    pub rates: Vec<RateView<'p>>,
}

/// A discount. A condition that is absent is always met.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct RateView<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tier: Option<&'p str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub families: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kinds: Option<&'p [LineKind]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currencies: Option<&'p [Currency]>,
    pub percent: Percent,
    pub from: Date,
    /// The first day on which the discount no longer applies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
}

impl<'p> PricingView<'p> {
    /// The prices and discounts of a day.
    pub fn of(policy: &'p Policy, on: Date) -> Self {
        Self {
            policy_version: &policy.version,
            on,
            products: policy.products.values().map(|it| product(it, on)).collect(),
            programmes: policy.programmes.iter().map(|it| programme(it, on)).collect(),
            segments: policy.segments.iter().map(|it| segment(it, on)).collect(),
        }
    }
}

fn product(product: &Product, on: Date) -> ProductView<'_> {
    let public = product.deployment != Deployment::GovernmentCloud;
    let quotable = |book: &&PriceBook| book.period.holds(on) && book.last_quote.is_none_or(|last| on <= last);
    ProductView {
        product: &product.id,
        name: &product.name,
        family: &product.family,
        deployment: product.deployment.as_str(),
        editions: product.editions.iter().map(|edition| &*edition.id).collect(),
        kinds: product.sales.iter().map(|sale| sale.kind).filter(|kind| product.sold(*kind, on).is_ok()).collect(),
        terms: product.terms(),
        renewal_percent: product.renewal_percent,
        prices: product.books.iter().filter(|_| public).filter(quotable).map(|it| prices(product, it)).collect(),
    }
}

fn prices<'p>(product: &Product, book: &'p PriceBook) -> PricesView<'p> {
    let last = book.period.until.and_then(|until| until.yesterday().ok());
    PricesView {
        currency: book.currency.code(),
        edition: book.edition.as_deref(),
        per: match (&book.table, product.deployment.is_perpetual()) {
            (PriceTable::Monthly { .. }, _) => "month",
            (_, true) => "ever",
            (_, false) => "year",
        },
        through: book.last_quote.into_iter().chain(last).min(),
        tiers: book.table.tiers().into_iter().map(|(users, price)| TierView { users, amount: half_up(price) }).collect(),
    }
}

fn programme(programme: &Programme, on: Date) -> ProgrammeView<'_> {
    ProgrammeView {
        programme: &programme.id,
        name: &programme.name,
        tiers: &programme.tiers,
        renewal_requires_same_partner: programme.renewal_requires_same_partner,
        rates: rates(&programme.rates, on),
    }
}

fn segment(segment: &Segment, on: Date) -> SegmentView<'_> {
    SegmentView {
        segment: &segment.id,
        name: &segment.name,
        evidence: match &segment.proof {
            Proof::Evidence(statements) => statements.iter().map(|statement| statement.as_str()).collect(),
            Proof::SourceEntitlement { .. } => Vec::new(),
        },
        rates: rates(&segment.rates, on),
    }
}

fn rates(rates: &[Rate], on: Date) -> Vec<RateView<'_>> {
    rates.iter().filter(|rate| rate.period.holds(on)).map(rate).collect()
}

fn rate(rate: &Rate) -> RateView<'_> {
    RateView {
        tier: rate.tier.as_deref(),
        families: rate.families.as_deref(),
        kinds: rate.kinds.as_deref(),
        currencies: rate.currencies.as_deref(),
        percent: rate.percent,
        from: rate.period.from,
        until: rate.period.until,
    }
}

/// How to pay: every method in every currency (R67).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PaymentMethodsView<'p> {
    pub policy_version: &'p str,
    pub methods: Vec<MethodView<'p>>,
    /// Lines that allow only some methods.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub restrictions: Vec<RestrictionView<'p>>,
}

/// A method.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct MethodView<'p> {
    pub method: Method,
    /// The name in the requested language.
    pub name: &'p str,
    /// The usual number of business days until the money arrives, from and to. An estimate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clearing_days: Option<[u32; 2]>,
    /// The currencies in which it can be used.
    pub currencies: Vec<MethodCurrencyView>,
}

/// A method in a currency.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct MethodCurrencyView {
    pub currency: &'static str,
    /// The smallest amount, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum: Option<i64>,
    /// The amount that is compared with the minimum.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_basis: Option<ThresholdBasis>,
}

/// Lines that allow only some methods.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct RestrictionView<'p> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub products: Option<&'p [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deployments: Option<&'p [String]>,
    /// The restriction applies to tiers of at most this number of users.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_tier: Option<u32>,
    pub methods: &'p [Method],
}

impl<'p> PaymentMethodsView<'p> {
    /// The payment methods, with names in one of the vendor's languages.
    pub fn of(policy: &'p Policy, language: &str) -> Self {
        let currencies = policy.currencies();
        Self {
            policy_version: &policy.version,
            methods: policy.methods.iter().map(|rules| method(policy, rules, &currencies, language)).collect(),
            restrictions: policy.restrictions.iter().map(restriction).collect(),
        }
    }
}

fn method<'p>(policy: &'p Policy, rules: &'p MethodPolicy, currencies: &[Currency], language: &str) -> MethodView<'p> {
    let usable = |currency: &Currency| {
        let minimum = match &rules.minimum {
            None => None,
            // A currency without a threshold does not have the method (R74).
            Some(threshold) => Some((threshold.amounts.iter().find(|(of, _)| of == currency)?.1, threshold.basis)),
        };
        for_currency(rules, *currency).is_none().then(|| MethodCurrencyView {
            currency: currency.code(),
            minimum: minimum.map(|(amount, _)| amount),
            minimum_basis: minimum.map(|(_, basis)| basis),
        })
    };
    MethodView {
        method: rules.method,
        name: policy.wording.text(language, rules.method.name_key()),
        clearing_days: rules.clearing_days.map(|(least, most)| [least, most]),
        currencies: currencies.iter().filter_map(usable).collect(),
    }
}

fn restriction(restriction: &Restriction) -> RestrictionView<'_> {
    RestrictionView {
        products: restriction.products.as_deref(),
        deployments: restriction.deployments.as_deref(),
        max_tier: restriction.max_tier,
        methods: &restriction.methods,
    }
}
