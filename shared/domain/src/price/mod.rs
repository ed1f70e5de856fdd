//! From what is ordered to amounts. A line's price is an exact rational until it is rounded, and every line explains
//! itself: each step says what it did and by how much, and the steps add up to the amount.
//!
//! A price follows from an [`OrderLine`], a [`Basis`] and the policy, and from nothing else: all three are kept with a
//! quote, so that it can be computed again years later and comes out the same.

mod coverage;
mod discounts;
mod line;

use jiff::civil::Date;
use num_rational::Ratio;

pub use self::line::{
    Basis, ClaimStanding, Exact, Held, Line, LineNote, MigrationRefusal, OrderLine, Rule, SegmentClaim, Step, Unavailable,
};
use self::{
    coverage::Coverage,
    discounts::{best_segment, channel, credits, migrates},
    line::no,
};
use crate::{
    Code, Currency, Policy,
    money::{Rational, Rounding, half_up, sum},
    policy::{Deployment, LineKind, NotSold, Product},
};

/// Prices one line, or says why it cannot be had. `number` is its place on the document.
pub fn line(number: u32, order: &OrderLine, basis: &Basis<'_>, policy: &Policy) -> Result<Line, Unavailable> {
    let Some(product) = policy.product(&order.product) else {
        return no(Code::ProductUnknown, "product", "This product is no longer in the catalogue.");
    };
    on_sale(order.kind, product, basis.on)?;
    let (tier, list) = list(product, order.edition.as_deref(), order.users, basis)?;
    let coverage = Coverage::of(order, product, tier, basis, policy)?;
    let mut price = Explained::new(policy.rounding, basis.currency, product.deployment);
    price.step(Rule::ListPrice { tier }, list);
    if let Some(percent) = coverage.part {
        price.step(Rule::Maintenance { percent }, -(list * percent.rest()));
    }
    if let Some((rule, share)) = coverage.span.clone() {
        price.step(rule, price.exact * sum(share, Ratio::from(-1)));
    }

    let mut notes = Vec::new();
    // What is named for nothing is not used up.
    let source = order.source.clone().filter(|_| policy.segments.iter().any(|it| migrates(it, order, product, tier, basis)));
    if order.source.is_some() && source.is_none() {
        notes.push(LineNote::MigrationNotApplicable { reason: MigrationRefusal::NotOffered });
    }
    let segment = best_segment(order, product, tier, basis, policy);
    let kept = segment.map_or(Ratio::from(1), |(_, percent)| percent.rest());
    if let Some((segment, percent)) = segment {
        let by = price.exact * percent.share();
        price.step(Rule::Segment { segment: segment.to_owned(), percent }, -by);
    }
    price.round_stage();
    for (rule, credit) in credits(order, product, tier, &coverage, kept, basis, policy)? {
        let used = credit.min(price.exact);
        price.step(rule, -used);
        if credit > used {
            notes.push(LineNote::CreditLapsed { amount: half_up(credit - used) });
        }
        price.round_stage();
    }
    if let Some((programme, tier, percent)) = channel(order, product, basis, policy, &mut notes) {
        let by = price.exact * percent.share();
        let (programme, tier) = (programme.to_owned(), tier.map(str::to_owned));
        price.step(Rule::Channel { programme, tier, percent }, -by);
    }
    let amount = price.finish();
    Ok(Line {
        line: number,
        order: OrderLine { source, ..order.clone() },
        product_name: product.name.clone(),
        deployment: product.deployment,
        tier,
        start: Some(coverage.start),
        end: Some(coverage.end),
        tax_category: product.tax_category.clone(),
        steps: price.steps,
        notes,
        amount,
    })
}

fn on_sale(kind: LineKind, product: &Product, on: Date) -> Result<(), Unavailable> {
    let name = &product.name;
    match product.sold(kind, on) {
        Ok(()) => Ok(()),
        Err(NotSold::Never) => {
            let offered: Vec<_> = product.sales.iter().map(|sale| format!("`{}`", sale.kind.as_str())).collect();
            no(Code::KindNotOffered, "kind", format!("{name} can be ordered as {}.", offered.join(", ")))
        }
        Err(NotSold::Before(day)) => no(Code::NotOnSale, "kind", format!("{name} can be ordered so from {day} on.")),
        Err(NotSold::Since(day)) => no(Code::NotOnSale, "kind", format!("{name} can no longer be ordered so since {day}.")),
    }
}

/// The tier for so many users, and its list price.
pub(crate) fn list(
    product: &Product,
    edition: Option<&str>,
    users: u32,
    basis: &Basis<'_>,
) -> Result<(u32, Rational), Unavailable> {
    let Some(book) = product.prices(edition, basis.currency, basis.on, true) else {
        let detail = format!("{} has no price in {} on {}.", product.name, basis.currency, basis.on);
        return no(Code::NotPricedInCurrency, "product", detail);
    };
    match book.table.tier(users) {
        Some(tier) => Ok(tier),
        None => {
            let largest = book.table.largest_tier();
            no(Code::NoTierForQuantity, "users", format!("{} is sold for up to {largest} users.", product.name))
        }
    }
}

/// A price under way, with its explanation.
struct Explained {
    exact: Rational,
    steps: Vec<Step>,
    rounding: Rounding,
    currency: Currency,
}

impl Explained {
    fn new(rounding: Rounding, currency: Currency, deployment: Deployment) -> Self {
        // Whole units are for years: a month is priced to the minor unit under either policy (facts 2.5).
        let rounding = if deployment == Deployment::MonthlyCloud { Rounding::Minor } else { rounding };
        Self { exact: Ratio::from(0), steps: Vec::with_capacity(6), rounding, currency }
    }

    /// Moves the price; a step that moves nothing is not worth a word.
    fn step(&mut self, rule: Rule, by: Rational) {
        if by != Ratio::from(0) {
            self.exact = sum(self.exact, by);
            self.steps.push(Step { rule, exact: Exact(by) });
        }
    }

    /// `P-WHOLE` rounds after each kind of discount, where the currency has a smaller unit than the whole one; `P-MINOR`,
    /// and a currency such as yen under either policy, once, at the end (E23).
    fn round_stage(&mut self) {
        if self.rounding == Rounding::Whole && self.currency.exponent() > 0 {
            self.finish();
        }
    }

    fn finish(&mut self) -> i64 {
        let amount = self.rounding.round(self.exact, self.currency);
        self.step(Rule::Rounding, sum(Ratio::from(i128::from(amount)), -self.exact));
        amount
    }
}
