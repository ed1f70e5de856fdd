//! What is sold: products with their editions, how each is delivered, and what may be ordered of it on which days.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::prices::PriceBook;
use crate::{Currency, money::Percent};

/// How a product is delivered, and for how long it may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "deployment", rename_all = "snake_case")]
pub enum Deployment {
    /// Installed by the customer, for ever; upgrades and support for a while (R93, R95).
    SelfManagedPerpetual {
        /// Months of maintenance that a new licence includes, and that a renewal adds (R96).
        maintenance_months: u32,
    },
    /// Installed by the customer, for a term.
    SelfManagedTerm,
    /// Run by the vendor, for a term; there is no key (R53).
    AnnualCloud,
    /// Run by the vendor, from month to month: for direct customers only, by card only (R45, R76).
    MonthlyCloud,
    /// Run by the vendor for government customers, sold through an appointed aggregator (R101, R105–R107).
    GovernmentCloud,
}

impl Deployment {
    /// The name on the wire and in the policy.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SelfManagedPerpetual { .. } => "self_managed_perpetual",
            Self::SelfManagedTerm => "self_managed_term",
            Self::AnnualCloud => "annual_cloud",
            Self::MonthlyCloud => "monthly_cloud",
            Self::GovernmentCloud => "government_cloud",
        }
    }

    /// Whether the customer installs it, and there is a key.
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
    /// Something that the customer does not have yet.
    New,
    /// The same for another term, or another period of maintenance (R96).
    Renewal,
    /// A higher tier or edition until the end that it has (R29).
    Upgrade,
    /// A higher tier or edition from today on, until a later end.
    RenewAndUpgrade,
    /// The same until a date that other licences end on too (R40–R44).
    Coterm,
    /// A lower tier or edition from the end on.
    DowngradeAtRenewal,
}

impl LineKind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::New, Self::Renewal, Self::Upgrade, Self::RenewAndUpgrade, Self::Coterm, Self::DowngradeAtRenewal];

    /// The name on the wire and in the policy.
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

/// A grade of a product: the axis beside its tiers. In the policy they rise from the lowest to the highest (R29).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edition {
    /// Its stable id.
    pub id: String,
    /// Its name.
    pub name: String,
}

/// One way to order a product, and the days on which it is possible (facts 2.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sale {
    /// What may be ordered.
    pub kind: LineKind,
    /// The first day; always, when there is none.
    pub from: Option<Date>,
    /// The first day on which it no longer may; for ever, when there is none.
    pub until: Option<Date>,
}

/// Why a product cannot be ordered in some way on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotSold {
    /// Never.
    Never,
    /// Not before this day.
    Before(Date),
    /// Not since this day.
    Since(Date),
}

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Product {
    /// Its stable id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The family that discounts and programmes name it by; its own id, unless the catalogue says otherwise.
    pub family: String,
    /// How it is delivered.
    pub deployment: Deployment,
    /// Its editions, from the lowest to the highest; empty when it has only one.
    pub editions: Vec<Edition>,
    /// What tax tables call it; `standard` unless the catalogue says otherwise.
    pub tax_category: String,
    /// What may be ordered of it.
    pub sales: Vec<Sale>,
    /// The terms it is sold for, in months: see [`Self::terms`].
    pub(super) terms: Vec<u32>,
    /// No term of it may end after this day.
    pub max_term_end: Option<Date>,
    /// What renewing the maintenance of a perpetual licence costs, of the list price.
    pub renewal_percent: Option<Percent>,
    /// Its prices.
    pub books: Vec<PriceBook>,
}

impl Product {
    /// The months that a line may ask for.
    pub fn terms(&self) -> Vec<u32> {
        match self.deployment {
            Deployment::SelfManagedPerpetual { maintenance_months } => vec![maintenance_months],
            Deployment::MonthlyCloud => vec![1],
            _ => self.terms.clone(),
        }
    }

    /// Whether it may be ordered so on a day.
    pub fn sold(&self, kind: LineKind, day: Date) -> Result<(), NotSold> {
        let sale = self.sales.iter().find(|sale| sale.kind == kind).ok_or(NotSold::Never)?;
        match (sale.from, sale.until) {
            (Some(from), _) if day < from => Err(NotSold::Before(from)),
            (_, Some(until)) if day >= until => Err(NotSold::Since(until)),
            _ => Ok(()),
        }
    }

    /// Where an edition stands among the product's: 0 for a product that has only one.
    pub fn rank(&self, edition: Option<&str>) -> Option<usize> {
        match edition {
            None => self.editions.is_empty().then_some(0),
            Some(id) => self.editions.iter().position(|edition| edition.id == id),
        }
    }

    /// The prices on a day. `quoting` also asks whether new quotes may still use them.
    pub fn prices(&self, edition: Option<&str>, currency: Currency, day: Date, quoting: bool) -> Option<&PriceBook> {
        self.books.iter().find(|book| {
            book.currency == currency
                && book.edition.as_deref() == edition
                && book.period.holds(day)
                && !(quoting && book.last_quote.is_some_and(|last| day > last))
        })
    }
}
