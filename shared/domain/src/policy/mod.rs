//! The vendor's policy: everything that is not code. It is read as a whole from the vendor's TOML files, and either
//! every part of it is sound, or nothing is served and every mistake is reported ([`Mistakes`]).

mod read;
mod texts;

use jiff::{civil::Date, tz::TimeZone};
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

pub use self::read::{Mistake, Mistakes};
use crate::{
    Currency,
    money::{Percent, Rational, Rounding},
    party::Email,
    payment::Method,
    request::LineKind,
    wording::Wording,
};

/// A sound policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Content address of the files it was read from: a quote pins it.
    pub version: String,
    /// Who sells.
    pub seller: Seller,
    /// Calendar rules happen in this zone.
    pub timezone: TimeZone,
    /// How many days after the day of issue a quote can be paid.
    pub validity_days: i32,
    /// How lines are rounded.
    pub rounding: Rounding,
    /// The product terms in force.
    pub terms: Document,
    /// The reseller agreement in force.
    pub reseller_agreement: Document,
    /// The series that invoices are numbered in: `IN` gives `IN-000001`.
    pub invoice_series: String,
    /// What is sold.
    pub products: Vec<Product>,
    /// For how much.
    pub books: Vec<PriceBook>,
    /// Which taxes are added.
    pub tax: TaxTable,
    /// How it can be paid.
    pub methods: Vec<MethodPolicy>,
    /// The words for all this.
    pub wording: Wording,
}

/// The seller on every document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// Legal entity.
    pub legal_name: String,
    /// Its tax id, as documents must show it.
    pub tax_id: String,
    /// Its postal address, line by line.
    pub address: Vec<String>,
    /// Letters come from here.
    pub email: Email,
    /// Where customers find support.
    pub support_url: String,
}

/// A legal text with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Named when it is accepted.
    pub version: String,
    /// Where it can be read.
    pub url: String,
}

/// How a product is delivered, and for how long it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deployment", rename_all = "snake_case")]
pub enum Deployment {
    /// Installed by the customer, for ever; upgrades and support for a while (R93, R95).
    SelfManagedPerpetual {
        /// Months of maintenance that a new licence includes.
        maintenance_months: u32,
    },
    /// Installed by the customer, for a term.
    SelfManagedTerm,
    /// Run by the vendor, for a term; there is no key (R53).
    AnnualCloud,
}

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its stable id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is delivered.
    pub deployment: Deployment,
    /// What may be ordered of it.
    pub kinds: Vec<LineKind>,
    /// The terms it is sold for, in months.
    terms: Vec<u32>,
}

impl Product {
    /// The months that a line may ask for.
    pub fn terms(&self) -> Vec<u32> {
        match self.deployment {
            Deployment::SelfManagedPerpetual { maintenance_months } => vec![maintenance_months],
            _ => self.terms.clone(),
        }
    }
}

/// A product's prices in one currency, from one day to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceBook {
    product: String,
    currency: Currency,
    from: Date,
    until: Option<Date>,
    table: PriceTable,
}

/// What each tier costs for twelve months, or for ever.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceTable {
    /// A flat price per tier (facts 2.4).
    Banded(Vec<(u32, i64)>),
    /// A graduated monthly price, sold by the year at the rungs of a ladder: the year costs `annual_months` months.
    Graduated {
        /// Up to so many users, one flat price a month.
        flat: (u32, i64),
        /// Then, or from the first user on where more are needed: so much a user up to each ceiling.
        blocks: Vec<(u32, i64)>,
        /// The tiers that are sold.
        ladder: Vec<u32>,
        /// Months that a year costs.
        annual_months: u32,
    },
}

impl PriceTable {
    /// The smallest tier for `users`, with its price in minor units; `None` when no tier is large enough.
    pub fn tier(&self, users: u32) -> Option<(u32, Rational)> {
        match self {
            Self::Banded(tiers) => {
                let &(tier, price) = tiers.iter().find(|(ceiling, _)| users <= *ceiling)?;
                Some((tier, Ratio::from(i128::from(price))))
            }
            Self::Graduated { flat, blocks, ladder, annual_months } => {
                let &tier = ladder.iter().find(|&&ceiling| users <= ceiling)?;
                let monthly = if tier <= flat.0 { flat.1.into() } else { graduated(blocks, tier) };
                Some((tier, Ratio::from(monthly * i128::from(*annual_months))))
            }
        }
    }

    /// The users of the largest tier.
    pub fn largest_tier(&self) -> u32 {
        match self {
            Self::Banded(tiers) => tiers.last().map_or(0, |(ceiling, _)| *ceiling),
            Self::Graduated { ladder, .. } => ladder.last().copied().unwrap_or(0),
        }
    }
}

fn graduated(blocks: &[(u32, i64)], users: u32) -> i128 {
    let floors = std::iter::once(0).chain(blocks.iter().map(|(ceiling, _)| *ceiling));
    floors
        .zip(blocks)
        .map(|(floor, &(ceiling, unit))| i128::from(users.min(ceiling).saturating_sub(floor)) * i128::from(unit))
        .sum()
}

/// The vendor's tax rates. They are the vendor's statement, with dates, and never ours.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaxTable(Vec<TaxRate>);

impl TaxTable {
    /// Whether the country's tax depends on the region.
    pub fn by_region(&self, country: &str) -> bool {
        self.0.iter().any(|rate| rate.country == country && rate.region.is_some())
    }

    /// The rates in force on `day` for an address, in the order of the file.
    pub fn at<'a>(&'a self, country: &'a str, region: Option<&'a str>, day: Date) -> impl Iterator<Item = &'a TaxRate> {
        self.0.iter().filter(move |rate| {
            rate.country == country
                && (rate.region.is_none() || rate.region.as_deref() == region)
                && rate.from <= day
                && rate.until.is_none_or(|until| day < until)
        })
    }
}

/// One tax in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRate {
    country: String,
    region: Option<String>,
    /// What it is called.
    pub name: String,
    /// How much it is.
    pub percent: Percent,
    from: Date,
    until: Option<Date>,
}

impl TaxRate {
    /// ISO 3166 subdivision, or country where the tax is the whole country's.
    pub fn jurisdiction(&self) -> &str {
        self.region.as_deref().unwrap_or(&self.country)
    }
}

/// When a payment method may be used, and what its instructions say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MethodPolicy {
    /// The method.
    pub method: Method,
    /// Only in these currencies, when any are named.
    pub currencies: Option<Vec<Currency>>,
    /// Never in these (R69, R70).
    pub except_currencies: Vec<Currency>,
    /// Only from a net of so much on; a currency without a threshold is not offered (R74).
    pub minimum_net: Option<Vec<(Currency, i64)>>,
    /// Facts that the instructions name: bank, account, address.
    pub details: Vec<(String, String)>,
}

impl Policy {
    /// The product with this id.
    pub fn product(&self, id: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.id == id)
    }

    /// The currencies that anything is priced in, in the order of their codes.
    pub fn currencies(&self) -> Vec<Currency> {
        let mut currencies: Vec<_> = self.books.iter().map(|book| book.currency).collect();
        currencies.sort_unstable();
        currencies.dedup();
        currencies
    }

    /// The prices of a product on a day.
    pub fn price_table(&self, product: &Product, currency: Currency, day: Date) -> Option<&PriceTable> {
        let in_force = |book: &&PriceBook| {
            book.product == product.id
                && book.currency == currency
                && book.from <= day
                && book.until.is_none_or(|until| day < until)
        };
        self.books.iter().find(in_force).map(|book| &book.table)
    }
}
