//! From an order to amounts. A line's price is an exact rational until its one rounding, and every line explains
//! itself: each step says what it did and by how much, and the steps add up to the amount.

use std::fmt;

use jiff::civil::Date;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::{
    Currency,
    money::{Percent, Rational, half_up},
    party::Address,
    policy::{Deployment, Policy, PriceTable},
    request::{LineKind, Order, OrderLine},
};

/// A line of an issued quote, with everything that issuing a licence later needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1, 2, 3 … on this document.
    pub line: u32,
    /// What the line does.
    pub kind: LineKind,
    /// The product's id.
    pub product: String,
    /// The product's name when the quote was issued.
    pub product_name: String,
    /// How it is delivered and for how long it may be used.
    pub deployment: Deployment,
    /// Users asked for.
    pub users: u32,
    /// The tier that was priced: the most users that it allows.
    pub tier: u32,
    /// Months covered: of the term, or of the included maintenance.
    pub months: u32,
    /// How the amount came about. The steps' exact amounts add up to `amount`.
    pub steps: Vec<Step>,
    /// Net, in minor units of the document's currency.
    pub amount: i64,
}

/// One step of a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What happened.
    pub rule: Rule,
    /// By how much the price changed, exactly.
    pub exact: Exact,
}

/// What a step does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// The list price of the tier, for twelve months or for the perpetual licence.
    ListPrice {
        /// The tier's users.
        tier: u32,
    },
    /// More than the twelve months that the list price covers.
    Term {
        /// Months covered in all.
        months: u32,
    },
    /// The one rounding, by the vendor's policy.
    Rounding,
}

/// An exact number of minor units, stored as `"4200000"` or `"1335475/10"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact(pub Rational);

impl Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(format!("`{text}` is not a rational number")))
    }
}

impl Line {
    /// The steps as whole minor units that add up to the amount: each shows by how much the *rounded* price moved.
    pub fn shown_steps(&self) -> impl Iterator<Item = (Rule, i64)> + '_ {
        let mut exact = Ratio::from(0);
        let mut shown = 0;
        self.steps.iter().enumerate().map(move |(i, step)| {
            exact += step.exact.0;
            let after = if i + 1 == self.steps.len() { self.amount } else { half_up(exact) };
            let moved = after - shown;
            shown = after;
            (step.rule, moved)
        })
    }
}

/// One tax on one base (R92): rounded once per tax and document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaxLine {
    /// Where it is due: ISO 3166 country or subdivision.
    pub jurisdiction: String,
    /// What it is called there.
    pub name: String,
    /// Its rate.
    pub rate: Percent,
    /// What it is computed on, in minor units.
    pub base: i64,
    /// The tax, in minor units.
    pub amount: i64,
}

/// A priced document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priced {
    /// The lines, in the order of the request.
    pub lines: Vec<Line>,
    /// Sum of the lines.
    pub net: i64,
    /// Taxes on the net.
    pub taxes: Vec<TaxLine>,
    /// Net and taxes.
    pub total: i64,
}

/// The order's product has no price on that day: the order was not checked against this policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotPriced;

impl fmt::Display for NotPriced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the policy has no price for a line of this order")
    }
}

impl std::error::Error for NotPriced {}

/// Prices a checked order as of `today`. The billing contact's address decides the tax (R89).
pub fn price(order: &Order<'_>, policy: &Policy, today: Date) -> Result<Priced, NotPriced> {
    let lines = order
        .lines
        .iter()
        .zip(1..)
        .map(|(line, number)| price_line(number, line, order.currency, policy, today))
        .collect::<Result<Vec<_>, _>>()?;
    let net = lines.iter().map(|line| line.amount).sum();
    let situs = &order.reseller.as_ref().unwrap_or(&order.customer).address;
    let taxes = taxes(net, situs, policy, today);
    let total = net + taxes.iter().map(|tax| tax.amount).sum::<i64>();
    Ok(Priced { lines, net, taxes, total })
}

fn price_line(number: u32, line: &OrderLine<'_>, currency: Currency, policy: &Policy, today: Date) -> Result<Line, NotPriced> {
    let table: &PriceTable = policy.price_table(line.product, currency, today).ok_or(NotPriced)?;
    let (tier, list) = table.tier(line.users).ok_or(NotPriced)?;
    let mut price = Explained::default();
    price.step(Rule::ListPrice { tier }, list);
    let covered = match line.product.deployment {
        Deployment::SelfManagedPerpetual { .. } => Ratio::from(1),
        Deployment::SelfManagedTerm | Deployment::AnnualCloud => Ratio::new(line.months.into(), 12),
    };
    price.step(Rule::Term { months: line.months }, list * (covered - Ratio::from(1)));
    let amount = policy.rounding.round(price.exact, currency);
    price.step(Rule::Rounding, Ratio::from(i128::from(amount)) - price.exact);
    Ok(Line {
        line: number,
        kind: line.kind,
        product: line.product.id.clone(),
        product_name: line.product.name.clone(),
        deployment: line.product.deployment,
        users: line.users,
        tier,
        months: line.months,
        steps: price.steps,
        amount,
    })
}

/// A price under way, with its explanation.
#[derive(Default)]
struct Explained {
    exact: Rational,
    steps: Vec<Step>,
}

impl Explained {
    /// Moves the price; a step that moves nothing is not worth a word.
    fn step(&mut self, rule: Rule, by: Rational) {
        if by != Ratio::from(0) {
            self.exact += by;
            self.steps.push(Step { rule, exact: Exact(by) });
        }
    }
}

fn taxes(net: i64, situs: &Address, policy: &Policy, today: Date) -> Vec<TaxLine> {
    policy
        .tax
        .at(&situs.country, situs.region.as_deref(), today)
        .map(|rate| TaxLine {
            jurisdiction: rate.jurisdiction().to_owned(),
            name: rate.name.clone(),
            rate: rate.percent,
            base: net,
            amount: half_up(rate.percent.share() * Ratio::from(i128::from(net))),
        })
        .collect()
}
