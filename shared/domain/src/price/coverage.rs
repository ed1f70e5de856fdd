//! Which days a line covers, and whether the rules allow them: terms, back-dating, windows and caps.

use jiff::civil::Date;
use num_rational::Ratio;

use super::line::{Basis, Held, OrderLine, Rule, Unavailable, no};
use crate::{
    Code, Policy,
    calendar::{days_after, days_between, months_after, term_days},
    money::{Percent, Rational},
    policy::{Deployment, LineKind, Product, UpgradeTerm},
};

/// The days that a line covers, and the share of the list price that they cost.
pub(super) struct Coverage {
    pub(super) start: Date,
    pub(super) end: Date,
    /// The percentage of the list price that maintenance of a perpetual licence costs.
    pub(super) part: Option<Percent>,
    /// The covered share of a year, with the rule that it follows; `None` when the list price is for the whole cover.
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
            let detail = format!(
                "A lower tier or edition of this entitlement begins on {from}. Order the next change on that day or later."
            );
            return no(Code::DowngradePending, "sen", detail);
        }
        let grade = || order.held.as_ref().map_or(Grade::Higher, |held| grade(order, product, tier, held, basis));
        let coverage = match (order.kind, &order.held) {
            (LineKind::New, _) => Self::new(order, product, on),
            (_, None) => return no(Code::Required, "sen", "This line changes an entitlement. Name its number."),
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
        // When the end does not change, there is no new term.
        let prolonged = order.held.as_ref().is_none_or(|held| coverage.end > held.end);
        if let Some(last) = product.max_term_end.filter(|last| prolonged && coverage.end > *last) {
            let member = if order.until.is_some() { "until" } else { "term_months" };
            return no(
                Code::TermNotOffered,
                member,
                format!("A term of {} cannot end after {last}. Choose an earlier end.", product.name),
            );
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
            let detail = format!("The renewal would end on {end}, more than {years} years from {on}. Renew for a shorter term.");
            return no(Code::MaintenanceCapExceeded, "term_months", detail);
        }
        Ok(Self { start, end, part: maintenance(product), span: Some(months(order.months)) })
    }

    /// The first day of renewed cover. Self-managed products are back-dated to their end, however late they are renewed, so
    /// that waiting saves no money. Hosted products were off after their end, and resume with the payment (R80, E17).
    fn resumes(product: &Product, held: &Held, on: Date, policy: &Policy) -> Result<Date, Unavailable> {
        if !product.deployment.is_self_managed() {
            return Ok(held.end.max(on));
        }
        let late = days_between(held.end, on);
        if late > policy.bounds.max_backdate_days {
            let most = policy.bounds.max_backdate_days;
            let detail =
                format!("This entitlement ended {late} days ago and can be renewed for {most} days only. Buy a new licence.");
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
            let detail = format!("Choose an end after {}, at least {least} days from {on}.", held.end);
            return no(Code::TermNotOffered, member, detail);
        }
        // Beyond four years one more day can count less (see `term_days`), so dates are limited to four years.
        let years = policy.bounds.max_active_years.min(if order.until.is_some() { 4 } else { i32::MAX });
        if end > months_after(on, years.unsigned_abs() * 12) {
            let detail = format!("The term would end on {end}, more than {years} years from {on}. Choose an earlier end.");
            return no(Code::MaintenanceCapExceeded, member, detail);
        }
        Ok(Self { start: on, end, part: None, span: Some(days(covered)) })
    }

    fn coterm(order: &OrderLine, product: &Product, held: &Held, on: Date, policy: &Policy) -> Result<Self, Unavailable> {
        let Some(end) = order.until else { return no(Code::Required, "until", "A co-term needs its common end. Name the date.") };
        coterm_date(end, on, policy)?;
        let start = Self::resumes(product, held, on, policy)?;
        if end <= start {
            return no(Code::CotermDateInvalid, "until", coterm_bounds(start, on, policy));
        }
        Ok(Self { start, end, part: maintenance(product), span: Some(days(term_days(start, end))) })
    }
}

/// Whether a co-term may end on this date, whatever it is a co-term of (R44).
pub(crate) fn coterm_date(until: Date, on: Date, policy: &Policy) -> Result<(), Unavailable> {
    match until > on && until <= latest_coterm(on, policy) {
        true => Ok(()),
        false => no(Code::CotermDateInvalid, "until", coterm_bounds(on, on, policy)),
    }
}

fn latest_coterm(on: Date, policy: &Policy) -> Date {
    months_after(on, policy.bounds.coterm_max_months.unsigned_abs())
}

fn coterm_bounds(start: Date, on: Date, policy: &Policy) -> String {
    let latest = latest_coterm(on, policy);
    format!("A co-term cannot end on this date. Choose a date after {} and up to {latest}.", start.max(on))
}

fn downgrade_window(grade: Grade, held: &Held, on: Date, policy: &Policy) -> Result<(), Unavailable> {
    let window = policy.bounds.downgrade_window_days;
    let opens = days_after(held.end, -window);
    if grade != Grade::Lower {
        return no(
            Code::DowngradeNotLower,
            "users",
            "This is not a lower tier or edition than the entitlement has. Order a `renewal`.",
        );
    }
    if on < opens {
        let detail =
            format!("A downgrade can be ordered in the last {window} days before the end. Order it on {opens} or later.");
        return no(Code::DowngradeTooEarly, "kind", detail);
    }
    Ok(())
}

fn same_grade(grade: Grade) -> Result<(), Unavailable> {
    match grade {
        Grade::Same => Ok(()),
        Grade::Higher | Grade::Mixed => no(
            Code::GradeDiffers,
            "users",
            "This is a higher tier or edition than the entitlement has. Order `renew_and_upgrade`.",
        ),
        Grade::Lower => no(
            Code::GradeDiffers,
            "users",
            "This is a lower tier or edition than the entitlement has. Order `downgrade_at_renewal`.",
        ),
    }
}

fn higher_grade(grade: Grade) -> Result<(), Unavailable> {
    match grade {
        Grade::Higher => Ok(()),
        Grade::Same => {
            no(Code::UpgradeNotHigher, "users", "The entitlement has this tier and edition already. Choose a higher one.")
        }
        Grade::Lower | Grade::Mixed => {
            let detail =
                "A lower tier or edition gets no credit in the middle of a term. Order `downgrade_at_renewal` for the next term.";
            no(Code::MidtermDowngradeNoCredit, "users", detail)
        }
    }
}

fn not_ended(held: &Held, on: Date) -> Result<(), Unavailable> {
    if held.end > on {
        return Ok(());
    }
    no(Code::EntitlementEnded, "sen", format!("This entitlement ended on {}. Renew it first.", held.end))
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

/// How the tier and edition of an order compare to those of the entitlement.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Grade {
    Same,
    Higher,
    Lower,
    /// One of tier and edition is higher, the other lower.
    Mixed,
}

fn grade(order: &OrderLine, product: &Product, tier: u32, held: &Held, basis: &Basis<'_>) -> Grade {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let editions = product.rank(order.edition.as_deref()).cmp(&product.rank(held.edition.as_deref()));
    // A tier that is no longer sold counts as the next larger tier that is sold.
    let book = product.prices(held.edition.as_deref(), basis.currency, basis.on, false);
    let has = book.and_then(|book| book.table.tier(held.tier)).map_or(held.tier, |(tier, _)| tier);
    match (editions, tier.cmp(&has)) {
        (Equal, Equal) => Grade::Same,
        (Greater, Less) | (Less, Greater) => Grade::Mixed,
        (Greater, _) | (_, Greater) => Grade::Higher,
        (Less, _) | (_, Less) => Grade::Lower,
    }
}
