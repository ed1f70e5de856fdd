//! Prices: a book per product, edition, currency and period.

use num_rational::Ratio;

use super::Period;
use crate::{Currency, money::Rational};
use jiff::civil::Date;

/// A product's prices in one currency. Prices are never converted (facts 2.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceBook {
    /// The edition; `None` for a product without editions.
    pub edition: Option<String>,
    /// The currency.
    pub currency: Currency,
    /// The days on which the prices apply.
    pub period: Period,
    /// The last day on which a new quote may use the book; `None` for the whole period (facts 2.2).
    pub last_quote: Option<Date>,
    /// The prices.
    pub table: PriceTable,
}

/// The price of each tier, in minor units: for twelve months, for a perpetual licence, or for a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceTable {
    /// A flat price per tier (facts 2.4).
    Banded(Vec<(u32, i64)>),
    /// A graduated monthly price, sold by the year in the tiers of `ladder`. A year costs `annual_months` months.
    Graduated {
        /// The number of users up to which one flat monthly price applies, and this price.
        flat: (u32, i64),
        /// For more users, the monthly price of every user, from the first one: each block has its highest user and the price
        /// per user.
        blocks: Vec<(u32, i64)>,
        /// The tiers that are sold.
        ladder: Vec<u32>,
        /// The months that a year costs.
        annual_months: u32,
    },
    /// A graduated monthly price for the exact number of users.
    Monthly {
        /// The number of users up to which one flat monthly price applies, and this price.
        flat: (u32, i64),
        /// For more users, the monthly price of every user, from the first one: each block has its highest user and the price
        /// per user.
        blocks: Vec<(u32, i64)>,
    },
}

impl PriceTable {
    /// The smallest tier for `users`, with its price in minor units; `None` when no tier is large enough.
    pub fn tier(&self, users: u32) -> Option<(u32, Rational)> {
        let (tier, price) = match self {
            Self::Banded(tiers) => {
                let at = tiers.partition_point(|(ceiling, _)| *ceiling < users);
                let &(tier, price) = tiers.get(at)?;
                (tier, i128::from(price))
            }
            Self::Graduated { flat, blocks, ladder, annual_months } => {
                let &tier = ladder.get(ladder.partition_point(|&ceiling| ceiling < users))?;
                (tier, monthly(*flat, blocks, tier) * i128::from(*annual_months))
            }
            Self::Monthly { flat, blocks } => {
                let largest = blocks.last().map_or(flat.0, |(ceiling, _)| *ceiling);
                (users <= largest).then(|| (users, monthly(*flat, blocks, users)))?
            }
        };
        Some((tier, Ratio::from(price)))
    }

    /// Every tier on sale, with its price in minor units. A monthly price has no tiers, so the result has the ends of its
    /// blocks.
    pub fn tiers(&self) -> Vec<(u32, Rational)> {
        let rungs: Vec<u32> = match self {
            Self::Banded(tiers) => tiers.iter().map(|(ceiling, _)| *ceiling).collect(),
            Self::Graduated { ladder, .. } => ladder.clone(),
            Self::Monthly { flat, blocks } => std::iter::once(flat.0).chain(blocks.iter().map(|(ceiling, _)| *ceiling)).collect(),
        };
        rungs.into_iter().filter_map(|users| self.tier(users)).collect()
    }

    /// The users of the largest tier.
    pub fn largest_tier(&self) -> u32 {
        match self {
            Self::Banded(tiers) => tiers.last().map_or(0, |(ceiling, _)| *ceiling),
            Self::Graduated { ladder, .. } => ladder.last().copied().unwrap_or(0),
            Self::Monthly { flat, blocks } => blocks.last().map_or(flat.0, |(ceiling, _)| *ceiling),
        }
    }
}

/// The monthly price of a number of users, in minor units.
fn monthly(flat: (u32, i64), blocks: &[(u32, i64)], users: u32) -> i128 {
    if users <= flat.0 {
        return flat.1.into();
    }
    let floors = std::iter::once(0).chain(blocks.iter().map(|(ceiling, _)| *ceiling));
    floors
        .zip(blocks)
        .map(|(floor, &(ceiling, unit))| i128::from(users.min(ceiling).saturating_sub(floor)) * i128::from(unit))
        .sum()
}
