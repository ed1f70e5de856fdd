//! From what is ordered to amounts. A line's price is an exact rational until it is rounded, and every line explains
//! itself: each step says what it did and by how much, and the steps add up to the amount.
//!
//! A price follows from an [`OrderLine`], a [`Basis`] and the policy, and from nothing else: all three are kept with a
//! quote, so that it can be computed again years later and comes out the same.

use jiff::civil::Date;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::{
    Code, Currency, Policy, Sen,
    calendar::{days_after, days_between, months_after, term_days},
    channel::ChannelStatus,
    money::{Percent, Rational, Rounding, half_up},
    party::Contact,
    policy::{Deployment, LineKind, NotSold, Product, Proof, Rate, Segment, UpgradeTerm},
};

/// What one line asks for, with the facts about what the customer has that its price depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// What the line does.
    pub kind: LineKind,
    /// The product's id.
    pub product: String,
    /// The edition wanted; none for a product without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Users wanted: the tier follows from it.
    pub users: u32,
    /// Months of the term, or of maintenance; 0 when a date says when it ends.
    pub months: u32,
    /// The date that it ends on, for what is not bought by the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// What the customer has, for everything but `new`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The self-managed entitlement that this replaces in the cloud (R62).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Held>,
}

/// An entitlement that the customer had when the line was priced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its number.
    pub sen: Sen,
    /// Its product.
    pub product: String,
    /// Its edition; none for a product without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Its tier.
    pub tier: u32,
    /// The first day that it does not cover: of the term, or of the maintenance.
    pub end: Date,
    /// Whether the member that buys now sold it, or sold its last renewal (E6).
    #[serde(default)]
    pub same_partner: bool,
    /// The segment's discount that it was sold with; unknown for what the desk brought in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Percent>,
    /// Who reads its key, if that is another person than the order names: they are told of what is bought for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technical_contact: Option<Contact>,
}

impl Held {
    /// The part of the list price that was paid for it, as far as that is known.
    fn paid(&self) -> Option<Rational> {
        self.discount.map(|percent| Ratio::from(1) - percent.share())
    }
}

/// What all lines of an order share.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'b> {
    /// The day that prices are of.
    pub on: Date,
    /// The currency of the document.
    pub currency: Currency,
    /// Who sells it.
    pub channel: &'b ChannelStatus,
    /// What is claimed of the end customer.
    pub segments: &'b [SegmentClaim],
}

/// A claim that the end customer belongs to a segment, as it stood at issue (R58).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentClaim {
    /// The segment's id.
    pub segment: String,
    /// The evidence that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The number under which the end customer says that it is registered (R59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// The country whose register that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Where the document is that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Whether it counts.
    pub standing: ClaimStanding,
}

/// Whether a claim counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStanding {
    /// The desk has verified evidence for it.
    Proven,
    /// Somebody must look at it: list price until then.
    Pending,
    /// It does not say what it must (R59): list price.
    Incomplete,
}

/// A line of an issued quote, with everything that issuing a licence later needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1, 2, 3 … on this document.
    pub line: u32,
    /// What was asked for.
    #[serde(flatten)]
    pub order: OrderLine,
    /// The product's name when the quote was issued.
    pub product_name: String,
    /// How it is delivered and for how long it may be used.
    pub deployment: Deployment,
    /// The tier that was priced: the most users that it allows.
    pub tier: u32,
    /// The first day that the price covers, as far as is known before the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// The first day that it no longer covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// What tax tables call it.
    #[serde(default = "standard", skip_serializing_if = "is_standard")]
    pub tax_category: String,
    /// How the amount came about. The steps' exact amounts add up to `amount`.
    pub steps: Vec<Step>,
    /// What a reader should know about the price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<LineNote>,
    /// Net, in minor units of the document's currency.
    pub amount: i64,
}

fn standard() -> String {
    "standard".to_owned()
}

fn is_standard(category: &str) -> bool {
    category == "standard"
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// The list price of the tier: for twelve months, for the perpetual licence, or for a month of monthly cloud.
    ListPrice {
        /// The tier's users.
        tier: u32,
    },
    /// Renewing the maintenance of a perpetual licence costs a part of the list price (E17).
    Maintenance {
        /// Which part.
        percent: Percent,
    },
    /// More or less than the twelve months that the list price covers.
    Term {
        /// Months covered in all.
        months: u32,
    },
    /// A term that is counted in days (E11).
    Days {
        /// Days covered, of 365.
        days: i32,
    },
    /// The end customer's segment (R58).
    Segment {
        /// The segment's id.
        segment: String,
        /// How much less.
        percent: Percent,
    },
    /// What is unused of the tier that the customer has (E13).
    UpgradeCredit {
        /// The entitlement.
        sen: Sen,
        /// Its tier.
        tier: u32,
        /// Days unused, of 365; none for a perpetual licence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        days: Option<i32>,
    },
    /// What is unused of the self-managed licence that moves to the cloud (E10).
    StepUpCredit {
        /// The entitlement.
        sen: Sen,
        /// Days unused, of 365.
        days: i32,
    },
    /// The seller's programme (R56).
    Channel {
        /// The programme's id.
        programme: String,
        /// The tier in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<String>,
        /// How much less.
        percent: Percent,
    },
    /// Rounding, by the vendor's policy.
    Rounding,
}

/// What a reader should know about a line's price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum LineNote {
    /// The programme discounts renewals only for the member that sold what is renewed (E6).
    RenewalNotSamePartner,
    /// A credit was larger than the price. The rest is not paid out, and lapses (E10).
    CreditLapsed {
        /// In minor units.
        amount: i64,
    },
    /// The claimed migration does not count (R62).
    MigrationNotApplicable {
        /// Why.
        reason: MigrationRefusal,
    },
}

/// Why a claimed migration to the cloud does not count (R62).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationRefusal {
    /// The vendor has no such offer, or none for this line on this day.
    NotOffered,
    /// There is no such entitlement, or it is not this customer's: nobody can tell which.
    NotMatched,
    /// It is not self-managed, has ended, or was credited before.
    NotActive,
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
    /// The steps as whole minor units that add up to the amount: each shows by how much the *rounded* price moved. One that
    /// did not move it is not shown.
    pub fn shown_steps(&self) -> impl Iterator<Item = (&Rule, i64)> + '_ {
        let mut exact = Ratio::from(0);
        let mut shown = 0;
        let moved = move |(i, step): (usize, &'_ Step)| {
            exact += step.exact.0;
            let after = if i + 1 == self.steps.len() { self.amount } else { half_up(exact) };
            let moved = after - shown;
            shown = after;
            moved
        };
        let moves: Vec<_> = self.steps.iter().enumerate().map(moved).collect();
        self.steps.iter().map(|step| &step.rule).zip(moves).filter(|(_, moved)| *moved != 0)
    }
}

/// Why a line cannot be had, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// What kind of no.
    pub code: Code,
    /// The member of the request's line that it is about.
    pub member: &'static str,
    /// What to do, for people.
    pub detail: String,
}

fn no<T>(code: Code, member: &'static str, detail: impl Into<String>) -> Result<T, Unavailable> {
    Err(Unavailable { code, member, detail: detail.into() })
}

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
    let charged = coverage.part.map_or(Ratio::from(1), Percent::share);
    if let Some(percent) = coverage.part {
        price.step(Rule::Maintenance { percent }, list * (charged - 1));
    }
    if let Some((rule, share)) = coverage.span.clone() {
        price.step(rule, list * charged * (share - 1));
    }

    let mut notes = Vec::new();
    // What is named for nothing is not used up.
    let source = order.source.clone().filter(|_| policy.segments.iter().any(|it| migrates(it, order, product, tier, basis)));
    if order.source.is_some() && source.is_none() {
        notes.push(LineNote::MigrationNotApplicable { reason: MigrationRefusal::NotOffered });
    }
    let segment = best_segment(order, product, tier, basis, policy);
    let kept = segment.map_or(Ratio::from(1), |(_, percent)| Ratio::from(1) - percent.share());
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

/// Which days a line covers, and how much of the list price that is.
struct Coverage {
    start: Date,
    end: Date,
    /// The part of the list price that maintenance of a perpetual licence costs.
    part: Option<Percent>,
    /// How much of a year it covers, where that is not what the list price stands for.
    span: Option<(Rule, Rational)>,
}

impl Coverage {
    fn of(order: &OrderLine, product: &Product, tier: u32, basis: &Basis<'_>, policy: &Policy) -> Result<Self, Unavailable> {
        let on = basis.on;
        let grade = || order.held.as_ref().map_or(Grade::Higher, |held| grade(order, product, tier, held, basis));
        let coverage = match (order.kind, &order.held) {
            (LineKind::New, _) => Self::new(order, product, on),
            (_, None) => return no(Code::Required, "sen", "Say which entitlement this is about."),
            (LineKind::Renewal, Some(held)) => {
                same_grade(grade())?;
                Self::renewal(order, product, held, on, policy)?
            }
            (LineKind::DowngradeAtRenewal, Some(held)) => {
                downgrade_window(grade(), held, on, policy)?;
                Self::renewal(order, product, held, on, policy)?
            }
            (LineKind::Upgrade, Some(held)) => {
                higher_grade(grade())?;
                Self::upgrade(product, held, on, policy)?
            }
            (LineKind::RenewAndUpgrade, Some(held)) => {
                higher_grade(grade())?;
                Self::extension(order, held, on, policy)?
            }
            (LineKind::Coterm, Some(held)) => {
                same_grade(grade())?;
                Self::coterm(order, product, held, on, policy)?
            }
        };
        // An end that stays is no new term.
        let prolonged = order.held.as_ref().is_none_or(|held| coverage.end > held.end);
        if let Some(last) = product.max_term_end.filter(|last| prolonged && coverage.end > *last) {
            let member = if order.until.is_some() { "until" } else { "term_months" };
            return no(Code::TermNotOffered, member, format!("No term of {} may end after {last}.", product.name));
        }
        Ok(coverage)
    }

    fn new(order: &OrderLine, product: &Product, on: Date) -> Self {
        let end = months_after(on, order.months);
        let span = match product.deployment {
            Deployment::SelfManagedPerpetual { .. } | Deployment::MonthlyCloud => None,
            _ => Some(months(order.months)),
        };
        Self { start: on, end, part: None, span }
    }

    fn renewal(order: &OrderLine, product: &Product, held: &Held, on: Date, policy: &Policy) -> Result<Self, Unavailable> {
        let start = Self::resumes(product, held, on, policy)?;
        let end = months_after(start, order.months);
        let years = policy.bounds.max_active_years;
        if end > months_after(on, years.unsigned_abs() * 12) {
            let detail = format!("It would be covered until {end}: more than {years} years from {on}. Renew for less.");
            return no(Code::MaintenanceCapExceeded, "term_months", detail);
        }
        Ok(Self { start, end, part: maintenance(product), span: Some(months(order.months)) })
    }

    /// When cover resumes. What the customer installs is back-dated to its end, however late it is renewed, so that
    /// nobody saves by waiting; what the vendor hosts was off, and resumes with the payment (R80, E17).
    fn resumes(product: &Product, held: &Held, on: Date, policy: &Policy) -> Result<Date, Unavailable> {
        if !product.deployment.is_self_managed() {
            return Ok(held.end.max(on));
        }
        let late = days_between(held.end, on);
        if late > policy.bounds.max_backdate_days {
            let most = policy.bounds.max_backdate_days;
            let detail = format!("It ended {late} days ago, and a renewal reaches back {most} at most. Buy a new licence.");
            return no(Code::RenewalTooLate, "sen", detail);
        }
        Ok(held.end)
    }

    fn upgrade(product: &Product, held: &Held, on: Date, policy: &Policy) -> Result<Self, Unavailable> {
        let perpetual = product.deployment.is_perpetual();
        if !perpetual {
            not_ended(held, on)?;
        }
        let restarted = months_after(on, 12);
        let (end, span) = match policy.bounds.upgrade_term {
            UpgradeTerm::Restart if restarted > held.end => (restarted, None),
            _ if perpetual => (held.end, None),
            _ => (held.end, Some(days(term_days(on, held.end)))),
        };
        Ok(Self { start: on, end, part: None, span })
    }

    fn extension(order: &OrderLine, held: &Held, on: Date, policy: &Policy) -> Result<Self, Unavailable> {
        not_ended(held, on)?;
        let member = if order.until.is_some() { "until" } else { "term_months" };
        let end = order.until.unwrap_or_else(|| months_after(held.end, order.months));
        let covered = term_days(on, end);
        let least = policy.bounds.extend_min_days;
        if end <= held.end || covered < least {
            let detail = format!("It must end after {}, and run for at least {least} days from {on}.", held.end);
            return no(Code::TermNotOffered, member, detail);
        }
        // Beyond four years a day more can count less (see `term_days`), so that no date is chosen there.
        let years = policy.bounds.max_active_years.min(if order.until.is_some() { 4 } else { i32::MAX });
        if end > months_after(on, years.unsigned_abs() * 12) {
            let detail = format!("It would be covered until {end}: more than {years} years from {on}. Take a shorter term.");
            return no(Code::MaintenanceCapExceeded, member, detail);
        }
        Ok(Self { start: on, end, part: None, span: Some(days(covered)) })
    }

    fn coterm(order: &OrderLine, product: &Product, held: &Held, on: Date, policy: &Policy) -> Result<Self, Unavailable> {
        let Some(end) = order.until else { return no(Code::Required, "until", "Say the date that it shall end on.") };
        let latest = months_after(on, policy.bounds.coterm_max_months.unsigned_abs());
        let start = Self::resumes(product, held, on, policy)?;
        if end <= on || end > latest || end <= start {
            let detail = format!("Choose a date after {} and up to {latest}.", start.max(on));
            return no(Code::CotermDateInvalid, "until", detail);
        }
        Ok(Self { start, end, part: maintenance(product), span: Some(days(term_days(start, end))) })
    }
}

fn downgrade_window(grade: Grade, held: &Held, on: Date, policy: &Policy) -> Result<(), Unavailable> {
    let window = policy.bounds.downgrade_window_days;
    let opens = days_after(held.end, -window);
    if grade != Grade::Lower {
        return no(Code::DowngradeNotLower, "users", "This is not less than what they have: renew it instead.");
    }
    if on < opens {
        let detail = format!("A lower tier can be ordered in the last {window} days, from {opens} on, for the next term.");
        return no(Code::DowngradeTooEarly, "kind", detail);
    }
    Ok(())
}

fn same_grade(grade: Grade) -> Result<(), Unavailable> {
    match grade {
        Grade::Same => Ok(()),
        Grade::Higher | Grade::Mixed => {
            no(Code::GradeDiffers, "users", "This is more than what they have: order `renew_and_upgrade`.")
        }
        Grade::Lower => no(Code::GradeDiffers, "users", "This is less than what they have: order `downgrade_at_renewal`."),
    }
}

fn higher_grade(grade: Grade) -> Result<(), Unavailable> {
    match grade {
        Grade::Higher => Ok(()),
        Grade::Same => no(Code::UpgradeNotHigher, "users", "They have this already. Choose a higher tier or edition."),
        Grade::Lower | Grade::Mixed => {
            let detail = "There is no credit for a lower tier or edition in the middle of a term. Order it for the next term.";
            no(Code::MidtermDowngradeNoCredit, "users", detail)
        }
    }
}

fn not_ended(held: &Held, on: Date) -> Result<(), Unavailable> {
    if held.end > on {
        return Ok(());
    }
    no(Code::EntitlementEnded, "sen", format!("It ended on {}. Renew it first.", held.end))
}

fn months(months: u32) -> (Rule, Rational) {
    (Rule::Term { months }, Ratio::new(months.into(), 12))
}

fn days(days: i32) -> (Rule, Rational) {
    (Rule::Days { days }, Ratio::new(days.into(), 365))
}

fn maintenance(product: &Product) -> Option<Percent> {
    product.renewal_percent.filter(|_| product.deployment.is_perpetual())
}

/// How what is wanted compares to what they have.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grade {
    Same,
    Higher,
    Lower,
    /// More of one, less of the other.
    Mixed,
}

fn grade(order: &OrderLine, product: &Product, tier: u32, held: &Held, basis: &Basis<'_>) -> Grade {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let editions = product.rank(order.edition.as_deref()).cmp(&product.rank(held.edition.as_deref()));
    // A tier that is no longer sold stands for the next one that is.
    let book = product.prices(held.edition.as_deref(), basis.currency, basis.on, false);
    let has = book.and_then(|book| book.table.tier(held.tier)).map_or(held.tier, |(tier, _)| tier);
    match (editions, tier.cmp(&has)) {
        (Equal, Equal) => Grade::Same,
        (Greater, Less) | (Less, Greater) => Grade::Mixed,
        (Greater, _) | (_, Greater) => Grade::Higher,
        (Less, _) | (_, Less) => Grade::Lower,
    }
}

/// The one segment that counts for this line: the best for the customer (R61).
fn best_segment<'p>(
    order: &OrderLine,
    product: &Product,
    tier: u32,
    basis: &Basis<'_>,
    policy: &'p Policy,
) -> Option<(&'p str, Percent)> {
    let mut best: Option<(&str, Percent)> = None;
    for segment in &policy.segments {
        let claimed = match &segment.proof {
            Proof::Evidence(_) => {
                let proven = |claim: &SegmentClaim| claim.segment == segment.id && claim.standing == ClaimStanding::Proven;
                basis.segments.iter().any(proven)
            }
            Proof::SourceEntitlement { .. } => migrates(segment, order, product, tier, basis),
        };
        let rate = segment.rates.iter().find(|rate| rate.applies(None, product, order.kind, basis.currency, basis.on));
        if let Some(rate) = rate.filter(|_| claimed)
            && best.is_none_or(|(_, percent)| rate.percent > percent)
        {
            best = Some((&segment.id, rate.percent));
        }
    }
    best
}

/// What is credited for what the customer has: at today's list price, less the segment's discount that it was sold with, so
/// that nobody is credited more than was paid.
fn credits(
    order: &OrderLine,
    product: &Product,
    tier: u32,
    coverage: &Coverage,
    kept: Rational,
    basis: &Basis<'_>,
    policy: &Policy,
) -> Result<Vec<(Rule, Rational)>, Unavailable> {
    let mut credits = Vec::new();
    if let (LineKind::Upgrade | LineKind::RenewAndUpgrade, Some(held)) = (order.kind, &order.held) {
        let Some(list) = list_of(held, basis, policy) else {
            return no(Code::NotPricedInCurrency, "sen", format!("What they have is not priced in {}.", basis.currency));
        };
        let days = (!product.deployment.is_perpetual()).then(|| term_days(basis.on, held.end.min(coverage.end)));
        let share = days.map_or(Ratio::from(1), |days| Ratio::new(days.into(), 365));
        // Of what was brought in, nobody knows: then the segment's discount of today is on the difference.
        let paid = held.paid().unwrap_or(kept);
        credits.push((Rule::UpgradeCredit { sen: held.sen.clone(), tier: held.tier, days }, list * share * paid));
    }
    let credits_migration = policy.segments.iter().any(|segment| {
        matches!(segment.proof, Proof::SourceEntitlement { credit: true, .. }) && migrates(segment, order, product, tier, basis)
    });
    if let Some(source) = order.source.as_ref().filter(|_| credits_migration)
        && let Some(list) = list_of(source, basis, policy)
    {
        let days = term_days(basis.on, source.end);
        let part = policy.product(&source.product).and_then(maintenance).map_or(Ratio::from(1), Percent::share);
        let paid = source.paid().unwrap_or(Ratio::from(1));
        let credit = list * part * Ratio::new(days.into(), 365) * paid;
        credits.push((Rule::StepUpCredit { sen: source.sen.clone(), days }, credit));
    }
    Ok(credits)
}

/// Whether a line is part of a migration to the cloud. One that has no rates at all is credited, and no more.
fn migrates(segment: &Segment, order: &OrderLine, product: &Product, tier: u32, basis: &Basis<'_>) -> bool {
    let applies = |rate: &Rate| rate.applies(None, product, order.kind, basis.currency, basis.on);
    let large_enough = matches!(segment.proof, Proof::SourceEntitlement { min_users, .. } if tier >= min_users);
    order.source.is_some() && large_enough && (segment.rates.is_empty() || segment.rates.iter().any(applies))
}

/// Today's list price of what somebody has; of a tier that is no longer sold, that of the next lower one.
fn list_of(held: &Held, basis: &Basis<'_>, policy: &Policy) -> Option<Rational> {
    let product = policy.product(&held.product)?;
    let book = product.prices(held.edition.as_deref(), basis.currency, basis.on, false)?;
    match book.table.tier(held.tier) {
        Some((tier, list)) if tier == held.tier => Some(list),
        _ => book.table.tiers().into_iter().rev().find(|(tier, _)| *tier < held.tier).map(|(_, list)| list),
    }
}

/// The seller's discount on this line.
fn channel<'b>(
    order: &OrderLine,
    product: &Product,
    basis: &Basis<'b>,
    policy: &Policy,
    notes: &mut Vec<LineNote>,
) -> Option<(&'b str, Option<&'b str>, Percent)> {
    let ChannelStatus::Member { programme: id, tier, .. } = basis.channel else { return None };
    let programme = policy.programme(id)?;
    let applies = |rate: &&Rate| rate.applies(tier.as_deref(), product, order.kind, basis.currency, basis.on);
    let rate = programme.rates.iter().find(applies)?;
    let renews = !matches!(order.kind, LineKind::New | LineKind::Upgrade);
    let sold_by_another = order.held.as_ref().is_some_and(|held| !held.same_partner);
    if programme.renewal_requires_same_partner && renews && sold_by_another {
        notes.push(LineNote::RenewalNotSamePartner);
        return None;
    }
    Some((id, tier.as_deref(), rate.percent))
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
        Self { exact: Ratio::from(0), steps: Vec::new(), rounding, currency }
    }

    /// Moves the price; a step that moves nothing is not worth a word.
    fn step(&mut self, rule: Rule, by: Rational) {
        if by != Ratio::from(0) {
            self.exact += by;
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
        self.step(Rule::Rounding, Ratio::from(i128::from(amount)) - self.exact);
        amount
    }
}
