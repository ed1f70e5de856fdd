//! Discounts: channel programmes for resellers (R4, R56), segments for end customers (R58–R62).

use jiff::civil::Date;

use super::{LineKind, Period, Product};
use crate::{Currency, money::Percent};

/// A programme in which the vendor enrols organisations (R4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// Its stable id: `corporate_reseller`, `partner`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The tiers of its members, from the lowest to the highest; empty for a programme without tiers.
    pub tiers: Vec<String>,
    /// Whether a renewal is discounted only for the member that sold the entitlement (E6).
    pub renewal_requires_same_partner: bool,
    /// The families of government products that its members may sell as the vendor's appointed aggregator (R39, R101).
    pub government_families: Vec<String>,
    /// Its rates.
    pub rates: Vec<Rate>,
}

/// A segment of end customers, with its proof and its discounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its stable id: `nonprofit`, `academic`, `government`, `cloud_migration`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// How it is proven.
    pub proof: Proof,
    /// Its rates.
    pub rates: Vec<Rate>,
}

/// How an end customer proves to belong to a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The desk has verified evidence. A claim must make these statements to be reviewed.
    Evidence(Vec<Statement>),
    /// An active self-managed entitlement of the same end customer, which the line names (R62).
    SourceEntitlement {
        /// Whether the entitlement's unused time is credited (facts 2.8, step-up credit).
        credit: bool,
        /// The minimum number of users of the new line.
        min_users: u32,
    },
}

/// A statement that a claim of a segment makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// The organisation's registration number (R59).
    RegistrationNumber,
    /// The country of that register (R59).
    Country,
    /// A reference to a document.
    Document,
}

/// A discount on matching lines. A criterion that is `None` matches every line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// The tier of the programme.
    pub tier: Option<String>,
    /// The families of products.
    pub families: Option<Vec<String>>,
    /// The kinds of order.
    pub kinds: Option<Vec<LineKind>>,
    /// The currencies.
    pub currencies: Option<Vec<Currency>>,
    /// The discount.
    pub percent: Percent,
    /// The days on which the rate applies.
    pub period: Period,
}

impl Rate {
    /// Whether the rate applies to a line on a day.
    pub fn applies(&self, tier: Option<&str>, product: &Product, kind: LineKind, currency: Currency, day: Date) -> bool {
        fn admits<T: PartialEq>(named: &Option<Vec<T>>, it: &T) -> bool {
            named.as_ref().is_none_or(|named| named.contains(it))
        }
        self.period.holds(day)
            && (self.tier.is_none() || self.tier.as_deref() == tier)
            && admits(&self.families, &product.family)
            && admits(&self.kinds, &kind)
            && admits(&self.currencies, &currency)
    }

    /// Whether a line exists to which both rates apply on some day.
    pub fn overlaps(&self, other: &Self) -> bool {
        fn meet<T: PartialEq>(one: &Option<Vec<T>>, other: &Option<Vec<T>>) -> bool {
            match (one, other) {
                (Some(one), Some(other)) => one.iter().any(|it| other.contains(it)),
                _ => true,
            }
        }
        let tiers = self.tier.is_none() || other.tier.is_none() || self.tier == other.tier;
        tiers
            && self.period.overlaps(&other.period)
            && meet(&self.families, &other.families)
            && meet(&self.kinds, &other.kinds)
            && meet(&self.currencies, &other.currencies)
    }
}
