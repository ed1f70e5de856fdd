//! The products: their editions, how each is delivered, and which kinds of order are possible on which days.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::prices::PriceBook;
use crate::{Currency, money::Percent};

/// How a product is delivered, and for how long it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deployment", rename_all = "snake_case")]
pub enum Deployment {
    /// Installed by the customer, without an end. Maintenance (upgrades and support) has an end (R93, R95).
    SelfManagedPerpetual {
        /// Months of maintenance that a new licence includes, and that a renewal adds (R96).
        maintenance_months: u32,
    },
    /// Installed by the customer, for a term.
    SelfManagedTerm,
    /// Hosted by the vendor, for a term; there is no key (R53).
    AnnualCloud,
    /// Hosted by the vendor, from month to month: only for direct customers, only by card (R45, R76).
    MonthlyCloud,
    /// Hosted by the vendor for government customers, and sold by an appointed aggregator (R101, R105–R107).
    GovernmentCloud,
}

impl Deployment {
    /// The name in the API and in the policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfManagedPerpetual { .. } => "self_managed_perpetual",
            Self::SelfManagedTerm => "self_managed_term",
            Self::AnnualCloud => "annual_cloud",
            Self::MonthlyCloud => "monthly_cloud",
            Self::GovernmentCloud => "government_cloud",
        }
    }

    /// Whether the customer installs the product, so that there is a key.
    pub fn is_self_managed(self) -> bool {
        matches!(self, Self::SelfManagedPerpetual { .. } | Self::SelfManagedTerm)
    }

    /// Whether the licence never ends.
    pub fn is_perpetual(self) -> bool {
        matches!(self, Self::SelfManagedPerpetual { .. })
    }
}

/// What a line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// A new entitlement.
    New,
    /// The same tier and edition for another term, or for another period of maintenance (R96).
    Renewal,
    /// A higher tier or edition until the current end (R29).
    Upgrade,
    /// A higher tier or edition from today, until a later end.
    RenewAndUpgrade,
    /// The same tier and edition until a common end of several entitlements (R40–R44).
    Coterm,
    /// A lower tier or edition from the current end.
    DowngradeAtRenewal,
}

impl LineKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Renewal, Self::Upgrade, Self::RenewAndUpgrade, Self::Coterm, Self::DowngradeAtRenewal];

    /// The name in the API and in the policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Renewal => "renewal",
            Self::Upgrade => "upgrade",
            Self::RenewAndUpgrade => "renew_and_upgrade",
            Self::Coterm => "coterm",
            Self::DowngradeAtRenewal => "downgrade_at_renewal",
        }
    }
}

impl std::str::FromStr for LineKind {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text).ok_or(())
    }
}

/// An edition of a product. A product's price depends on its edition and its tier. The policy lists editions from the lowest to
/// the highest (R29).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its stable id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// A kind of order that is possible for a product, and the days on which it is (facts 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// The kind of order.
    pub kind: LineKind,
    /// The first day; `None` when there is no first day.
    pub from: Option<Date>,
    /// The first day on which the order is no longer possible; `None` when there is none.
    pub until: Option<Date>,
}

/// Why a kind of order is not possible on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSold {
    /// The kind of order is never possible.
    Never,
    /// The kind of order is not possible before this day.
    Before(Date),
    /// The kind of order is not possible since this day.
    Since(Date),
}

/// A product.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its stable id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The product family, which discounts and programmes name; the product's id, unless the catalogue sets a family.
    pub family: String,
    /// How it is delivered.
    pub deployment: Deployment,
    /// Its editions, from the lowest to the highest; empty for a product without editions.
    pub editions: Vec<Edition>,
    /// The tax category in the tax tables; `standard` unless the catalogue sets another.
    pub tax_category: String,
    /// The possible kinds of order.
    pub sales: Vec<Sale>,
    /// The terms on sale, in months: see [`Self::terms`].
    pub(super) terms: Vec<u32>,
    /// The last day on which a term may end.
    pub max_term_end: Option<Date>,
    /// The price of renewing the maintenance of a perpetual licence, in percent of the list price.
    pub renewal_percent: Option<Percent>,
    /// Its prices.
    pub books: Vec<PriceBook>,
}

impl Product {
    /// The terms that a line may order, in months.
    pub fn terms(&self) -> Vec<u32> {
        match self.deployment {
            Deployment::SelfManagedPerpetual { maintenance_months } => vec![maintenance_months],
            Deployment::MonthlyCloud => vec![1],
            _ => self.terms.clone(),
        }
    }

    /// Whether a kind of order is possible on a day; `Err` states why not.
    pub fn sold(&self, kind: LineKind, day: Date) -> Result<(), NotSold> {
        let sale = self.sales.iter().find(|sale| sale.kind == kind).ok_or(NotSold::Never)?;
        match (sale.from, sale.until) {
            (Some(from), _) if day < from => Err(NotSold::Before(from)),
            (_, Some(until)) if day >= until => Err(NotSold::Since(until)),
            _ => Ok(()),
        }
    }

    /// The position of an edition among the product's, from 0 for the lowest. A product without editions has the rank 0 for
    /// `None`. The result is `None` for an unknown edition.
    pub fn rank(&self, edition: Option<&str>) -> Option<usize> {
        match edition {
            None => self.editions.is_empty().then_some(0),
            Some(id) => self.editions.iter().position(|edition| edition.id == id),
        }
    }

    /// The price book for an edition, a currency and a day. With `quoting`, only a book that new quotes may still use.
    pub fn prices(&self, edition: Option<&str>, currency: Currency, day: Date, quoting: bool) -> Option<&PriceBook> {
        self.books.iter().find(|book| {
            book.currency == currency
                && book.edition.as_deref() == edition
                && book.period.holds(day)
                && !(quoting && book.last_quote.is_some_and(|last| day > last))
        })
    }
}
