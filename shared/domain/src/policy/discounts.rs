//! Who pays less: channel programmes for resellers (R4, R56), segments for end customers (R58–R62).

use jiff::civil::Date;

use super::{LineKind, Period, Product};
use crate::{Currency, money::Percent};

/// A programme that organisations are enrolled in by the vendor (R4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programme {
    /// Its stable id: `corporate_reseller`, `partner`.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The tiers that its members have, from the lowest to the highest; empty when it has none.
    pub tiers: Vec<String>,
    /// Whether renewals are discounted only for the member that sold what is renewed (E6).
    pub renewal_requires_same_partner: bool,
    /// The families of government products that its members may sell, as the vendor's appointed aggregator (R39, R101).
    pub government_families: Vec<String>,
    /// Its rates.
    pub rates: Vec<Rate>,
}

/// An end customer's segment, and how it is proven.
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

/// How somebody proves to belong to a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// The desk has verified evidence; a claim must state these things to be looked at.
    Evidence(Vec<Statement>),
    /// An active self-managed entitlement of the same end customer, which the line names (R62).
    SourceEntitlement {
        /// Whether its unused time is credited (facts 2.8, step-up credit).
        credit: bool,
        /// From so many users of the new line on.
        min_users: u32,
    },
}

/// What a claim of a segment states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Statement {
    /// The number under which the organisation is registered (R59).
    RegistrationNumber,
    /// The country whose register that is (R59).
    Country,
    /// A reference to a document.
    Document,
}

/// A discount on what matches. What is not named matches everything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// Tier of the programme.
    pub tier: Option<String>,
    /// Families of products.
    pub families: Option<Vec<String>>,
    /// What the line does.
    pub kinds: Option<Vec<LineKind>>,
    /// Currencies.
    pub currencies: Option<Vec<Currency>>,
    /// How much less.
    pub percent: Percent,
    /// The days on which it holds.
    pub period: Period,
}

impl Rate {
    /// Whether it is the rate of a line.
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

    /// Whether some line on some day has both.
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
