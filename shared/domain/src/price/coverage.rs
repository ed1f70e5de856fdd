//! Which days a line covers, and whether it may: terms, back-dating, windows and caps.

use jiff::civil::Date;
use num_rational::Ratio;

use super::line::{Basis, Held, OrderLine, Rule, Unavailable, no};
use crate::{
    Code, Policy,
    calendar::{days_after, days_between, months_after, term_days},
    money::{Percent, Rational},
    policy::{Deployment, LineKind, Product, UpgradeTerm},
};

/// Which days a line covers, and how much of the list price that is.
pub(super) struct Coverage {
    pub(super) start: Date,
    pub(super) end: Date,
    /// The part of the list price that maintenance of a perpetual licence costs.
    pub(super) part: Option<Percent>,
    /// How much of a year it covers, where that is not what the list price stands for.
    pub(super) span: Option<(Rule, Rational)>,
}

impl Coverage {
    pub(super) fn of(
        order: &OrderLine,
        product: &Product,
        tier: u32,
        basis: &Basis<'_>,
        policy: &Policy,
    ) -> Result<Self, Unavailable> {
        let on = basis.on;
        if let Some(from) = order.held.as_ref().and_then(|held| held.lowered_from) {
            let detail = format!("It was sold for less from {from} on. Order the next change of it on that day, or later.");
            return no(Code::DowngradePending, "sen", detail);
        }
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

pub(super) fn maintenance(product: &Product) -> Option<Percent> {
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
