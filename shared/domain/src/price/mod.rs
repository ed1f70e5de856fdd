//! Prices the lines of an order. A line's price is an exact rational until it is rounded. Every line explains its price: each
//! step states its rule and its amount, and the steps add up to the line's amount.
//!
//! A price depends on an [`OrderLine`], a [`Basis`] and the policy, and on nothing else. A quote keeps all three, so that the
//! price can be computed again years later with the same result.

mod coverage;
mod discounts;
mod line;

use jiff::civil::Date;
use num_rational::Ratio;

pub(crate) use self::coverage::coterm_date;
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

/// Prices one line. `number` is its place on the document, from 1. `Err` states why the line cannot be sold; the same input
/// always has the same result.
pub fn line(number: u32, order: &OrderLine, basis: &Basis<'_>, policy: &Policy) -> Result<Line, Unavailable> {
    let Some(product) = policy.product(&order.product) else {
        return no(Code::ProductUnknown, "product", "This product is not in the catalogue. Choose another product.");
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
    // A source that gives no credit stays available for another order.
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
            let allowed: Vec<_> = product.sales.iter().map(|sale| sale.kind.as_str().to_owned()).collect();
            let detail = format!("{name} cannot be ordered in this way. Choose one of: `{}`.", allowed.join("`, `"));
            Err(Unavailable { code: Code::KindNotOffered, member: "kind", detail, allowed })
        }
        Err(NotSold::Before(day)) => no(Code::NotOnSale, "kind", format!("{name} cannot be ordered in this way before {day}.")),
        Err(NotSold::Since(day)) => no(Code::NotOnSale, "kind", format!("{name} cannot be ordered in this way since {day}.")),
    }
}

/// The smallest tier for a number of users, and its list price in minor units. `Err` when the product has no price or no tier
/// for them.
pub(crate) fn list(
    product: &Product,
    edition: Option<&str>,
    users: u32,
    basis: &Basis<'_>,
) -> Result<(u32, Rational), Unavailable> {
    let Some(book) = product.prices(edition, basis.currency, basis.on, true) else {
        let detail =
            format!("{} has no price in {} on {}. Choose another product or currency.", product.name, basis.currency, basis.on);
        return no(Code::NotPricedInCurrency, "product", detail);
    };
    match book.table.tier(users) {
        Some(tier) => Ok(tier),
        None => {
            let largest = book.table.largest_tier();
            no(
                Code::NoTierForQuantity,
                "users",
                format!("{} is sold for up to {largest} users. Order fewer users.", product.name),
            )
        }
    }
}

/// A price during its computation, with its steps.
struct Explained {
    exact: Rational,
    steps: Vec<Step>,
    rounding: Rounding,
    currency: Currency,
}

impl Explained {
    fn new(rounding: Rounding, currency: Currency, deployment: Deployment) -> Self {
        // Rounding to whole units is for yearly prices. A monthly price is rounded to the minor unit under either policy (facts
        // 2.5).
        let rounding = if deployment == Deployment::MonthlyCloud { Rounding::Minor } else { rounding };
        Self { exact: Ratio::from(0), steps: Vec::with_capacity(6), rounding, currency }
    }

    /// Changes the price and records the step. A step without a change is not recorded.
    fn step(&mut self, rule: Rule, by: Rational) {
        if by != Ratio::from(0) {
            self.exact = sum(self.exact, by);
            self.steps.push(Step { rule, exact: Exact(by) });
        }
    }

    /// Rounds after a kind of discount, under `P-WHOLE` in a currency with a minor unit smaller than the whole one. `P-MINOR`,
    /// and a currency such as yen under either policy, round once, at the end (E23).
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
