//! For how much: a book per product, edition and currency, from one day to another.

use num_rational::Ratio;

use super::Period;
use crate::{Currency, money::Rational};
use jiff::civil::Date;

/// A product's prices in one currency. Nothing is ever converted (facts 2.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceBook {
    /// The edition; none for a product without.
    pub edition: Option<String>,
    /// The currency.
    pub currency: Currency,
    /// When it holds.
    pub period: Period,
    /// The last day on which a new quote may use it; to its end, when there is none (facts 2.2).
    pub last_quote: Option<Date>,
    /// The prices.
    pub table: PriceTable,
}

/// What each tier costs: for twelve months, for ever, or for a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PriceTable {
    /// A flat price per tier (facts 2.4).
    Banded(Vec<(u32, i64)>),
    /// A graduated monthly price, sold by the year at the rungs of a ladder: the year costs `annual_months` months.
    Graduated {
        /// Up to so many users, one flat price a month.
        flat: (u32, i64),
        /// Then, from the first user on where more are needed: so much a user up to each ceiling.
        blocks: Vec<(u32, i64)>,
        /// The tiers that are sold.
        ladder: Vec<u32>,
        /// Months that a year costs.
        annual_months: u32,
    },
    /// A graduated monthly price for exactly as many users as there are.
    Monthly {
        /// Up to so many users, one flat price a month.
        flat: (u32, i64),
        /// Then, from the first user on where more are needed: so much a user up to each ceiling.
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

    /// Every tier that is sold, with its price; of a monthly price, the ends of its blocks.
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

/// What so many users cost in a month.
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
