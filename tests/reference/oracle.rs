//! Prices and taxes once more, from the worked examples (E1–E25, E30) and the requirements alone. It shares nothing with
//! the engine but the data that describe the trade, explains nothing, and is kept short enough to be read in one sitting.

use std::{cmp::Ordering, collections::BTreeMap};

use jiff::{ToSpan, civil::Date};
use num_rational::Ratio;

use super::trade::{Book, Deployment, Held, Line, Order, Place, Product, Rate, Segment, Standing, Table, TaxRate, Vendor};

type Exact = Ratio<i128>;

/// What each tax is on, and how much it is, by jurisdiction, name and rate.
pub(crate) type Taxes<'v> = BTreeMap<(&'v str, &'v str, u32), (i128, i128)>;

/// What a line costs, in minor units; `None` when it cannot be had.
pub(crate) fn line(vendor: &Vendor, order: &Order, line: &Line) -> Option<i128> {
    let product = &vendor.products[line.product];
    let sale = product.sales.iter().find(|sale| sale.kind == line.kind)?;
    holds(order.on, sale.from.unwrap_or(Date::MIN), sale.until).then_some(())?;
    let (tier, list) = price(table(product, line.edition, order, true)?, line.users)?;
    let (end, years) = term(vendor, order, line, tier)?;
    let stays = line.held.as_ref().is_some_and(|held| end <= held.end);
    (stays || product.last_end.is_none_or(|last| end <= last)).then_some(())?;
    // E8: under P-WHOLE, up to a whole unit after each of segment, credit and channel; but monthly lines to the minor unit,
    // and yen, which have no other unit, only once (E23).
    let whole = vendor.whole && product.deployment != Deployment::Monthly;
    let unit = Ratio::from(if order.currency == "KWD" { 1_000 } else { 100 });
    let stage = |price: Exact| if whole && order.currency != "JPY" { (price / unit).ceil() * unit } else { price };
    let offered = |segment: &Segment| rate(&segment.rates, None, product, order, line);
    let moves = |segment: &&Segment| line.source.is_some() && segment.migration.is_some_and(|(_, users)| tier >= users);
    let proven = |segment: &&Segment| order.segments.contains(&(segment.id, Standing::Proven)) || moves(segment);
    let best = vendor.segments.iter().filter(proven).filter_map(offered).max(); // E9: one, the best
    let kept = Ratio::from(1) - best.map_or(Ratio::from(0), share);
    let credits = |segment: &Segment| offered(segment).is_some() && segment.migration.is_some_and(|(credit, _)| credit);
    let unused = vendor.segments.iter().filter(moves).any(credits).then(|| unused(vendor, order, line)).flatten();
    let mut net = stage(list * years * kept);
    for credit in [replaced(vendor, order, line, end, kept)?, unused.unwrap_or_default()] {
        net = stage((net - credit).max(Ratio::from(0))); // E10: never below nothing
    }
    net = stage(net - net * channel(vendor, order, line, product).map_or(Ratio::from(0), share));
    Some(if whole { net.ceil() } else { (net + Ratio::new(1, 2)).floor() }.to_integer())
}

/// When the line ends, and for how many years of the list price it is paid (E11–E18); `None` when the rules forbid it.
fn term(vendor: &Vendor, order: &Order, line: &Line, tier: u32) -> Option<(Date, Exact)> {
    let (product, bounds, on) = (&vendor.products[line.product], &vendor.bounds, order.on);
    let (months, in_months) = (i64::from(line.months).months(), Ratio::new(line.months.into(), 12));
    let in_days = |from, to| Ratio::new(days(from, to), 365);
    let once = matches!(product.deployment, Deployment::Perpetual | Deployment::Monthly);
    let first = if once { Ratio::from(1) } else { in_months };
    let Some(held) = &line.held else { return (line.kind == "new").then_some((on + months, first)) };
    let rank = |edition: Option<&str>| product.editions.iter().position(|known| Some(*known) == edition);
    let has = table(product, held.edition, order, false).and_then(|table| price(table, held.tier));
    let grade = match (rank(line.edition).cmp(&rank(held.edition)), tier.cmp(&has.map_or(held.tier, |(tier, _)| tier))) {
        (Ordering::Equal, other) | (other, Ordering::Equal) => Some(other),
        (one, other) => (one == other).then_some(one),
    };
    let start = if product.deployment.is_self_managed() { held.end } else { held.end.max(on) }; // E17
    let in_time = start >= on || i64::from((on - start).get_days()) <= bounds.backdate_days;
    let longest = on + bounds.active_years.years(); // E16
    let (renewed, restarted) = (start + months, on + 12.months());
    let renews = in_time && renewed <= longest;
    let extended = line.until.unwrap_or_else(|| held.end + months);
    let cap = if line.until.is_some() { longest.min(on + 48.months()) } else { longest };
    let extends = extended > held.end && extended <= cap && days(on, extended) >= bounds.extend_days.into();
    let opens = held.end - bounds.downgrade_days.days();
    let common = line.until.unwrap_or(on);
    let possible = in_time && common > on && common > start && common <= on + bounds.coterm_months.months();
    let (needs, end, years, allowed) = match line.kind {
        "renewal" => (Ordering::Equal, renewed, maintenance(product) * in_months, renews),
        "downgrade_at_renewal" => (Ordering::Less, renewed, maintenance(product) * in_months, renews && on >= opens),
        "upgrade" if bounds.restart && restarted > held.end => {
            (Ordering::Greater, restarted, Ratio::from(1), once || held.end > on)
        }
        "upgrade" if once => (Ordering::Greater, held.end, Ratio::from(1), true),
        "upgrade" => (Ordering::Greater, held.end, in_days(on, held.end), held.end > on),
        "renew_and_upgrade" => (Ordering::Greater, extended, in_days(on, extended), held.end > on && extends),
        "coterm" => (Ordering::Equal, common, maintenance(product) * in_days(start, common), possible),
        _ => return None,
    };
    (allowed && grade == Some(needs)).then_some((end, years))
}

/// E13, E14: an upgrade pays the difference to what they have, for the days that both would cover.
fn replaced(vendor: &Vendor, order: &Order, line: &Line, end: Date, kept: Exact) -> Option<Exact> {
    let Some(held) = line.held.as_ref().filter(|_| line.kind.ends_with("upgrade")) else { return Some(Ratio::from(0)) };
    let perpetual = vendor.products[held.product].deployment == Deployment::Perpetual;
    let years = if perpetual { Ratio::from(1) } else { Ratio::new(days(order.on, held.end.min(end)), 365) };
    Some(worth(vendor, order, held, kept)? * years)
}

/// E10: what is unused of the self-managed licence that moves to the cloud.
fn unused(vendor: &Vendor, order: &Order, line: &Line) -> Option<Exact> {
    let source = line.source.as_ref()?;
    let years = Ratio::new(days(order.on, source.end), 365);
    Some(worth(vendor, order, source, Ratio::from(1))? * maintenance(&vendor.products[source.product]) * years)
}

/// E17: the part of a perpetual licence's price that its maintenance costs.
fn maintenance(product: &Product) -> Exact {
    if product.deployment == Deployment::Perpetual { share(product.renewal) } else { Ratio::from(1) }
}

/// E5, E6: the seller's rate, unless it is for what another sold.
fn channel(vendor: &Vendor, order: &Order, line: &Line, product: &Product) -> Option<u32> {
    let (id, tier) = order.member?;
    let programme = vendor.programmes.iter().find(|programme| programme.id == id)?;
    let of_another = programme.same_partner && line.held.as_ref().is_some_and(|held| !held.same_partner);
    let rate = rate(&programme.rates, tier, product, order, line);
    rate.filter(|_| !of_another || line.kind == "upgrade")
}

fn rate(rates: &[Rate], tier: Option<&str>, product: &Product, order: &Order, line: &Line) -> Option<u32> {
    let admits = |named: &Option<Vec<&str>>, it: &str| named.as_ref().is_none_or(|named| named.contains(&it));
    let applies = |rate: &&Rate| {
        let bought = admits(&rate.families, product.family) && admits(&rate.kinds, line.kind);
        let sold = admits(&rate.currencies, order.currency) && (rate.tier.is_none() || rate.tier == tier);
        bought && sold && holds(order.on, rate.from, rate.until)
    };
    rates.iter().find(applies).map(|rate| rate.percent)
}

/// What was paid for a year of what they have: at today's price of it, or of the next lower tier that is still sold.
fn worth(vendor: &Vendor, order: &Order, held: &Held, unless_known: Exact) -> Option<Exact> {
    let table = table(&vendor.products[held.product], held.edition, order, false)?;
    let tier = table.tiers().into_iter().rfind(|tier| *tier <= held.tier)?;
    Some(price(table, tier)?.1 * held.discount.map_or(unless_known, |discount| Ratio::from(1) - share(discount)))
}

fn table<'v>(product: &'v Product, edition: Option<&str>, order: &Order, quote: bool) -> Option<&'v Table> {
    let same = |book: &&Book| (book.edition, book.currency) == (edition, order.currency);
    let open =
        |book: &&Book| holds(order.on, book.from, book.until) && !(quote && book.last_quote.is_some_and(|last| order.on > last));
    product.books.iter().find(|book| same(book) && open(book)).map(|book| &book.table)
}

/// E2, E3, E4: the smallest tier for a number of users, and its list price.
fn price(table: &Table, users: u32) -> Option<(u32, Exact)> {
    let monthly = |flat: &(u32, i64), blocks: &[(u32, i64)], users: u32| {
        let each = |user| blocks.iter().find(|(ceiling, _)| user <= *ceiling).map(|(_, price)| *price);
        if users <= flat.0 { Some(flat.1) } else { (1..=users).map(each).sum() }
    };
    let (tier, price) = match table {
        Table::Banded(tiers) => *tiers.iter().find(|(ceiling, _)| users <= *ceiling)?,
        Table::Monthly { flat, blocks } => (users, monthly(flat, blocks, users)?),
        Table::Graduated { flat, blocks, ladder, months } => {
            let tier = *ladder.iter().find(|ceiling| users <= **ceiling)?;
            (tier, monthly(flat, blocks, tier)? * i64::from(*months))
        }
    };
    Some((tier, Ratio::from(i128::from(price))))
}

/// E11: a whole year is 365 days, and so it is with a day more; any other term has the days that it has.
fn days(from: Date, to: Date) -> i128 {
    let whole = |day: &Date| *day > from && (day.month(), day.day()) == (from.month(), from.day());
    match [Some(to), to.yesterday().ok()].into_iter().flatten().find(whole) {
        Some(day) => 365 * i128::from(day.year() - from.year()),
        None => i128::from((to - from).get_days()).max(0),
    }
}

fn holds(on: Date, from: Date, until: Option<Date>) -> bool {
    from <= on && until.is_none_or(|until| on < until)
}

fn share(thousandths: u32) -> Exact {
    Ratio::new(thousandths.into(), 100_000)
}

/// E19–E24: each tax once, on the sum of what it is on.
pub(crate) fn taxes<'v>(vendor: &'v Vendor, order: &Order, lines: &[(usize, i128)]) -> Taxes<'v> {
    let rules = |country| vendor.tax.countries.iter().find(|(known, _, _)| *known == country);
    let by_customer = rules(order.billing.0).is_some_and(|(_, by_customer, _)| *by_customer);
    let place: Place = if by_customer { order.customer } else { order.billing };
    let frees = |kind| match vendor.tax.exemptions.iter().find(|(known, _)| *known == kind) {
        Some((_, countries)) => countries.contains(&place.0),
        None => vendor.tax.reverse_charge.contains(&place.0),
    };
    let here = |country, region: Option<&str>| country == place.0 && (region.is_none() || region == place.1);
    let free = order.claims.iter().any(|claim| frees(claim.kind) && here(claim.place.0, claim.place.1));
    let due = |rate: &&TaxRate| !free && here(rate.country, rate.region) && holds(order.on, rate.from, rate.until);
    let mut taxes = Taxes::new();
    for rate in vendor.tax.rates.iter().filter(due) {
        for (_, net) in lines.iter().filter(|(product, _)| vendor.products[*product].category == rate.category) {
            taxes.entry((rate.region.unwrap_or(rate.country), rate.name, rate.percent)).or_default().0 += net;
        }
    }
    for ((_, _, percent), (base, tax)) in &mut taxes {
        let (exact, half) = (share(*percent) * *base, Ratio::new(1, 2));
        *tax = match rules(place.0).map(|(_, _, rounding)| *rounding) {
            Some("up") => exact.ceil().to_integer(),
            Some("down") => exact.floor().to_integer(),
            Some("half_down") => (exact - half).ceil().to_integer(),
            _ => (exact + half).floor().to_integer(),
        };
    }
    taxes
}
