//! Random orders at a vendor: the parties and the lines. Most drawn lines can be sold; the rest is refused.

use jiff::{
    ToSpan,
    civil::{Date, date},
};

use super::{Draws, KINDS, vendor::Deployment, vendor::Vendor};

pub(crate) const NUMBERS_PER_ORDER: usize = 24;
pub(crate) const NUMBERS_PER_LINE: usize = 24;

/// A country and optionally a region of it.
pub(crate) type Place = (&'static str, Option<&'static str>);

const PLACES: [Place; 10] = [
    ("US", Some("US-NY")),
    ("US", Some("US-CA")),
    ("CA", Some("CA-QC")),
    ("CA", Some("CA-ON")),
    ("DE", None),
    ("FR", None),
    ("JP", None),
    ("NZ", None),
    ("AU", None),
    ("GB", None),
];

#[derive(Debug, Clone)]
pub(crate) struct Order {
    pub(crate) on: Date,
    pub(crate) currency: &'static str,
    /// The seller's programme, and its tier there.
    pub(crate) member: Option<(&'static str, Option<&'static str>)>,
    pub(crate) segments: Vec<(&'static str, Standing)>,
    pub(crate) billing: Place,
    pub(crate) customer: Place,
    pub(crate) claims: Vec<Claim>,
    pub(crate) lines: Vec<Line>,
}

/// The standing of a claim of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Proven,
    Pending,
    Incomplete,
}

/// A verified certificate of the buyer.
#[derive(Debug, Clone)]
pub(crate) struct Claim {
    pub(crate) kind: &'static str,
    pub(crate) place: Place,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) kind: &'static str,
    /// The index of the vendor's product.
    pub(crate) product: usize,
    pub(crate) edition: Option<&'static str>,
    pub(crate) users: u32,
    pub(crate) months: u32,
    pub(crate) until: Option<Date>,
    pub(crate) held: Option<Held>,
    pub(crate) source: Option<Held>,
}

/// An entitlement of the customer.
#[derive(Debug, Clone)]
pub(crate) struct Held {
    pub(crate) product: usize,
    pub(crate) edition: Option<&'static str>,
    pub(crate) tier: u32,
    pub(crate) end: Date,
    pub(crate) same_partner: bool,
    /// The segment's discount that the entitlement was sold with, in thousandths of a percent.
    pub(crate) discount: Option<u32>,
}

impl Order {
    pub(crate) fn drawn(vendor: &Vendor, head: &[u32], lines: &[impl AsRef<[u32]>]) -> Self {
        let d = &mut Draws::of(head);
        let special = d.pick(&[date(2026, 11, 22), date(2028, 2, 29), date(2028, 3, 1), date(2027, 12, 31)]);
        let on = if d.chance(80) { date(2026, 1, 1).saturating_add((d.below(1_300) as i64).days()) } else { special };
        let currency = d.pick(&["USD", "JPY", "EUR", "KWD", "AUD"]);
        let member = d.maybe(70, |d| {
            let programme = &vendor.programmes[d.below(vendor.programmes.len())];
            (programme.id, d.maybe(if programme.tiers.is_empty() { 0 } else { 90 }, |d| d.pick(programme.tiers)))
        });
        let mut segments = Vec::new();
        for id in ["nonprofit", "academic", "government"] {
            segments.extend(
                d.maybe(20, |d| (id, d.pick(&[Standing::Proven, Standing::Proven, Standing::Pending, Standing::Incomplete]))),
            );
        }
        let (billing, other) = (d.pick(&PLACES), d.pick(&PLACES));
        let customer = if d.chance(70) { other } else { billing };
        let mut claims = Vec::new();
        claims.extend(d.maybe(10, |d| Claim { kind: "vat_id", place: d.pick(&[("DE", None), ("FR", None)]) }));
        claims.extend(d.maybe(10, |d| Claim {
            kind: d.pick(&["resale", "charity"]),
            place: if d.chance(50) { billing } else { (billing.0, None) },
        }));
        let monthly = d.chance(5);
        let by_the_month = |n: &usize| vendor.products[*n].deployment == Deployment::Monthly;
        let mut sold: Vec<_> = (0..vendor.products.len()).filter(|n| by_the_month(n) == monthly).collect();
        // A seller that may sell government products mostly does.
        let of_government = vendor.products.iter().position(|product| product.deployment == Deployment::Government);
        let may = member.is_some_and(|(id, _)| vendor.programmes.iter().any(|known| known.id == id && known.government));
        sold.extend(of_government.filter(|_| may && !monthly).iter().flat_map(|n| [*n; 4]));
        let lines =
            lines.iter().map(|numbers| Line::drawn(vendor, &mut Draws::of(numbers.as_ref()), on, currency, &sold)).collect();
        Self { on, currency, member, segments, billing, customer, claims, lines }
    }
}

/// A day near another: the same, close, some months or some days later.
fn around(d: &mut Draws<'_>, day: Date) -> Date {
    let later = |days: i64| day.saturating_add(days.days());
    match d.below(10) {
        0..=4 => later(1 + d.below(400) as i64),
        5 => later(1 + d.below(1_400) as i64),
        6 | 7 => day.saturating_add(d.pick(&[12_i64, 6, 24, 36]).months()).saturating_add(d.pick(&[0_i64, 1, -1]).days()),
        8 => later(d.pick(&[0, 1, -1, 30, 90, 91, 89, -30])),
        _ => later(-(d.below(400) as i64)),
    }
}

impl Line {
    fn drawn(vendor: &Vendor, d: &mut Draws<'_>, on: Date, currency: &str, sold: &[usize]) -> Self {
        let n = d.pick(sold);
        let product = &vendor.products[n];
        let kinds: Vec<_> = product.sales.iter().map(|sale| sale.kind).collect();
        let kind = if d.chance(3) { d.pick(&KINDS) } else { d.pick(&kinds) };
        let held = (kind != "new").then(|| Held::drawn(vendor, d, n, on, currency));
        let grades: Vec<_> =
            product.editions.iter().map(|edition| Some(*edition)).chain(product.editions.is_empty().then_some(None)).collect();
        let mut edition = d.pick(&grades);
        let tiers = product.tiers(edition, currency);
        let mut users = d.pick(&tiers);
        match (&held, kind) {
            // Mostly the same; else the drawn value.
            (Some(held), "renewal" | "coterm") if !d.chance(6) => (edition, users) = (held.edition, held.tier),
            // Mostly the next tier of the same edition, or a higher edition of the same tier.
            (Some(held), "upgrade" | "renew_and_upgrade") if !d.chance(20) => {
                let rank = grades.iter().position(|grade| *grade == held.edition).unwrap_or(0);
                let higher = &grades[rank..];
                edition = d.pick(higher);
                users = tiers.iter().copied().filter(|tier| *tier > held.tier).nth(d.below(2)).unwrap_or(users);
            }
            (Some(held), "downgrade_at_renewal") if !d.chance(20) => {
                edition = held.edition;
                users = tiers.iter().copied().rfind(|tier| *tier < held.tier).unwrap_or(users);
            }
            _ => {}
        }
        // Up to the users of the tier, and sometimes more than the largest tier.
        match d.below(10) {
            0..=5 => {}
            6 | 7 => users = users.saturating_sub(d.below(5) as u32).max(1),
            8 => users += 1,
            _ => users = 1 + d.below(2_100) as u32,
        }
        let dated = kind == "coterm" || (kind == "renew_and_upgrade" && d.chance(50));
        let from = held.as_ref().map_or(on, |held| held.end.max(on));
        let until = dated.then(|| around(d, from));
        let months = match kind {
            "upgrade" | "coterm" => 0,
            _ if dated => 0,
            _ if d.chance(60) => product.months[product.months.len().min(12) - 1],
            _ => d.pick(&product.months),
        };
        let moves = !product.deployment.is_self_managed() && d.chance(25);
        let source = moves.then(|| Held {
            end: on.saturating_add((d.below(820) as i64 - 19).days()),
            ..Held::drawn(vendor, d, n % 3, on, currency)
        });
        Self { kind, product: n, edition, users, months, until, held, source }
    }
}

impl Held {
    fn drawn(vendor: &Vendor, d: &mut Draws<'_>, product: usize, on: Date, currency: &str) -> Self {
        let of = &vendor.products[product];
        let edition = if of.editions.is_empty() { None } else { Some(d.pick(of.editions)) };
        let tier = d.pick(&of.tiers(edition, currency));
        let discount = d.maybe(50, |d| d.pick(&[0, 50_000, 75_000, 33_333, 100_000]));
        Self { product, edition, tier, end: around(d, on), same_partner: d.chance(70), discount }
    }
}
