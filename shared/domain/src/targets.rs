//! What can be ordered for an entitlement, with its price or the reason against it (R29).

use jiff::civil::Date;

use crate::{
    Currency, Policy,
    channel::ChannelStatus,
    government::{is_government, may_be_sold_by},
    license::Entitlement,
    policy::{LineKind, NotSold, Product},
    price::{self, Basis, Held, Line, OrderLine, Unavailable},
};

/// One possible order for an entitlement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The line to order.
    pub order: OrderLine,
    /// The priced line, or why the line cannot be sold.
    pub priced: Result<Line, Unavailable>,
}

/// All possible orders for an entitlement on a day, for a seller with this standing. The list is empty for an entitlement that
/// is closed, or whose product is no longer in the catalogue or not sold by such a seller (R105). Segments are claimed with an
/// order, so their discounts are not in these prices.
pub fn targets(entitlement: &Entitlement, channel: &ChannelStatus, currency: Currency, policy: &Policy, on: Date) -> Vec<Target> {
    let (Some(held), Some(product)) = (Held::of(entitlement, channel, on), policy.product(&entitlement.product)) else {
        return Vec::new();
    };
    let sold = !is_government(product) || may_be_sold_by(channel, product, policy);
    if entitlement.is_closed() || !sold {
        return Vec::new();
    }
    let basis = Basis { on, currency, channel, segments: &[] };
    orders(&held, product, currency, on)
        .into_iter()
        .map(|order| Target { priced: price::line(1, &order, &basis, policy), order })
        .collect()
}

fn orders(held: &Held, product: &Product, currency: Currency, on: Date) -> Vec<OrderLine> {
    let line = |kind, edition: &Option<String>, users, months| OrderLine {
        kind,
        product: held.product.clone(),
        edition: edition.clone(),
        users,
        months,
        until: None,
        held: Some(held.clone()),
        source: None,
        site: None,
    };
    let offered = |kind: &LineKind| product.sold(*kind, on) != Err(NotSold::Never);
    let mut orders: Vec<_> =
        product.terms().into_iter().map(|months| line(LineKind::Renewal, &held.edition, held.tier, months)).collect();
    let editions: Vec<Option<String>> = match product.editions.is_empty() {
        true => vec![None],
        false => product.editions.iter().map(|edition| Some(edition.id.clone())).collect(),
    };
    for edition in &editions {
        let rungs = product.prices(edition.as_deref(), currency, on, true).map(|book| book.table.tiers()).unwrap_or_default();
        for (tier, _) in rungs {
            let (now, then) = (product.rank(held.edition.as_deref()), product.rank(edition.as_deref()));
            if (now, held.tier) == (then, tier) {
                continue;
            }
            let higher = then >= now && tier >= held.tier;
            let kinds: &[LineKind] = match higher {
                true => &[LineKind::Upgrade, LineKind::RenewAndUpgrade],
                false => &[LineKind::Upgrade, LineKind::DowngradeAtRenewal],
            };
            for &kind in kinds.iter().filter(|kind| offered(kind)) {
                match kind {
                    LineKind::Upgrade => orders.push(line(kind, edition, tier, 0)),
                    _ => orders.extend(product.terms().into_iter().map(|months| line(kind, edition, tier, months))),
                }
            }
        }
    }
    orders
}
