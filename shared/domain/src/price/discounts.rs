//! The discounts and credits of a line: the end customer's segment, credit for unused time, the seller's programme.

use num_rational::Ratio;

use super::{
    coverage::{Coverage, maintenance},
    line::{Basis, ClaimStanding, Held, LineNote, OrderLine, Rule, SegmentClaim, Unavailable, no},
};
use crate::{
    Code, Policy,
    calendar::term_days,
    channel::ChannelStatus,
    money::{Percent, Rational},
    policy::{LineKind, Product, Proof, Rate, Segment},
};

/// The segment that applies to this line, with its discount: the one with the highest discount (R61).
pub(super) fn best_segment<'p>(
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

/// The credits for what the customer has: today's list price, less the segment's discount that the entitlement was sold with,
/// so that the credit never exceeds what was paid. `Err` when the entitlement has no price in the order's currency.
pub(super) fn credits(
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
            return no(
                Code::NotPricedInCurrency,
                "sen",
                format!("The product of this entitlement has no price in {}. Order in another currency.", basis.currency),
            );
        };
        let days = (!product.deployment.is_perpetual()).then(|| term_days(basis.on, held.end.min(coverage.end)));
        let share = days.map_or(Ratio::from(1), |days| Ratio::new(days.into(), 365));
        // For an imported entitlement the price that was paid is unknown. Today's segment discount then applies to the
        // difference.
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

/// Whether a line is part of a migration to the cloud. A segment without rates gives a credit, but no discount.
pub(super) fn migrates(segment: &Segment, order: &OrderLine, product: &Product, tier: u32, basis: &Basis<'_>) -> bool {
    let applies = |rate: &Rate| rate.applies(None, product, order.kind, basis.currency, basis.on);
    let large_enough = matches!(segment.proof, Proof::SourceEntitlement { min_users, .. } if tier >= min_users);
    order.source.is_some() && large_enough && (segment.rates.is_empty() || segment.rates.iter().any(applies))
}

/// Today's list price of an entitlement. For a tier that is no longer sold, the list price of the next lower tier.
fn list_of(held: &Held, basis: &Basis<'_>, policy: &Policy) -> Option<Rational> {
    let product = policy.product(&held.product)?;
    let book = product.prices(held.edition.as_deref(), basis.currency, basis.on, false)?;
    match book.table.tier(held.tier) {
        Some((tier, list)) if tier == held.tier => Some(list),
        _ => book.table.tiers().into_iter().rev().find(|(tier, _)| *tier < held.tier).map(|(_, list)| list),
    }
}

/// The programme, the tier in it and the discount that the seller gets on this line; `None` when there is no discount.
pub(super) fn channel<'b>(
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
