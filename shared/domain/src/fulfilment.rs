//! The fulfilment of a paid quote: the new and changed entitlements. It is decided as a whole, from all entitlements as they
//! are now, before any of them is written (R62, R78, R106).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};

use crate::{
    Policy, Quote, Sen,
    calendar::{months_after, start_of_day},
    government::GovernmentSubscription,
    license::{Entitlement, EntitlementChanged, Kind, Next, Statement, kind},
    money::Percent,
    policy::LineKind,
    price::{Line, Rule},
    quote::{Delivered, Withheld},
};

/// The entitlements that a paid quote creates and changes.
///
/// Existing records are written together or not at all: `migrated`, every [`Made::Changed`] and `government_subscriptions`. A
/// refused line therefore leaves no effect of the other lines. New entitlements cannot be refused after that.
#[derive(Debug)]
pub struct Fulfilment {
    /// The result of each line, in the order of the quote.
    pub lines: Vec<(u32, Made)>,
    /// The licences that move to the cloud: closed, otherwise unchanged.
    pub migrated: Vec<Entitlement>,
    /// The government subscriptions, of which a customer may have one to each product, each with its line (R106). A new one is
    /// refused when the customer has another. A renewed one is recorded if it is the only one.
    pub government_subscriptions: Vec<(u32, GovernmentSubscription)>,
}

/// The result of a line.
#[derive(Debug)]
pub enum Made {
    /// A new entitlement with its own number, unsigned.
    New(Entitlement),
    /// A changed entitlement, unsigned.
    Changed(Entitlement),
    /// An entitlement that the line was delivered to before.
    Before(Entitlement),
}

impl Fulfilment {
    /// Decides the fulfilment of a quote that was paid on a day. `there` has the entitlements that the quote is [`about`];
    /// `sen` gives the number of a new one, by line. `Err` names the first line that cannot be delivered as it was sold.
    /// Deciding again after a part was written gives the rest.
    pub fn of(
        quote: &Quote,
        on: Date,
        paid_at: Timestamp,
        there: &BTreeMap<Sen, Entitlement>,
        policy: &Policy,
        sen: impl Fn(u32) -> Sen,
    ) -> Result<Self, (u32, Withheld)> {
        let mut all = Self { lines: Vec::new(), migrated: Vec::new(), government_subscriptions: Vec::new() };
        let mut touched = BTreeSet::new();
        for line in &quote.offer.lines {
            let stop = |reason| (line.line, reason);
            if let Some(source) = &line.order.source {
                let source = known(&source.sen, there, &mut touched).ok_or_else(|| stop(Withheld::SourceCredited))?;
                all.migrated.extend(source.migrated(&quote.number, on).map_err(|_| stop(Withheld::SourceCredited))?);
            }
            let made = match &line.order.held {
                None => Made::New(new_entitlement(quote, line, on, paid_at, sen(line.line))),
                Some(held) => {
                    let held = known(&held.sen, there, &mut touched).ok_or_else(|| stop(Withheld::EntitlementChanged))?;
                    match held.granted(quote, line, on, paid_at).map_err(|_| stop(Withheld::EntitlementChanged))? {
                        Some(next) => Made::Changed(next),
                        None => Made::Before(held.clone()),
                    }
                }
            };
            if let Made::New(next) | Made::Changed(next) = &made
                && let Some(subscription) = GovernmentSubscription::of(next, policy)
            {
                let taken = all.government_subscriptions.iter().any(|(_, other)| other.excludes(&subscription));
                match made {
                    Made::New(_) if taken => return Err(stop(Withheld::SubscriptionExists)),
                    _ if taken => {}
                    _ => all.government_subscriptions.push((line.line, subscription)),
                }
            }
            all.lines.push((line.line, made));
        }
        Ok(all)
    }
}

impl Made {
    /// Whether the entitlement is new.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

impl Delivered {
    /// The delivery of a line of a quote, after its entitlement is signed.
    pub fn of(quote: &Quote, line: u32, entitlement: &Entitlement) -> Self {
        let key = entitlement.kind != Kind::Subscription;
        let ordered = quote.offer.lines.iter().find(|ordered| ordered.line == line);
        let start = ordered.and_then(|ordered| entitlement.covered_since(quote, ordered));
        Self { line, sen: entitlement.sen.clone(), key, start, end: entitlement.end() }
    }
}

/// The numbers of the existing entitlements that a quote changes or replaces.
pub fn about(quote: &Quote) -> BTreeSet<&Sen> {
    let orders = quote.offer.lines.iter().map(|line| &line.order);
    orders.flat_map(|order| [&order.held, &order.source]).flatten().map(|held| &held.sen).collect()
}

/// An existing entitlement; `None` when it does not exist or when another line of the quote used it.
fn known<'t>(sen: &Sen, there: &'t BTreeMap<Sen, Entitlement>, touched: &mut BTreeSet<Sen>) -> Option<&'t Entitlement> {
    there.get(sen).filter(|_| touched.insert(sen.clone()))
}

impl Entitlement {
    /// The first day that a delivered line covers: the day of the payment, or for a renewal the end of what was there before.
    /// `None` when the line is not delivered to this entitlement.
    fn covered_since(&self, quote: &Quote, line: &Line) -> Option<Date> {
        let mut before = None;
        let statements = self.earlier.iter().chain([&self.statement]);
        for statement in statements {
            if statement.is(&quote.number, line.line) {
                let on = statement.purchased;
                return Some(match (line.order.kind, before) {
                    (LineKind::Renewal | LineKind::DowngradeAtRenewal | LineKind::Coterm, Some(end)) => resumes(line, end, on),
                    _ => on,
                });
            }
            before = statement.end();
        }
        None
    }

    /// The entitlement after a paid line is delivered, unsigned. `Ok(None)` when the line was delivered before; `Err` when the
    /// entitlement changed after the line was priced.
    ///
    /// A line was priced for the entitlement as it was, and is delivered only to that. Two kinds of lines add to the current
    /// end instead, because their price does not count the days until it: a renewal, and the upgrade of a perpetual licence.
    pub fn granted(&self, quote: &Quote, line: &Line, on: Date, now: Timestamp) -> Result<Option<Self>, EntitlementChanged> {
        if self.has(&quote.number, line.line) {
            return Ok(None);
        }
        let order = &line.order;
        let (Some(held), Some(before)) = (&order.held, self.end()) else { return Err(EntitlementChanged) };
        let planned = line.end.unwrap_or(held.end);
        let adds = match order.kind {
            LineKind::Renewal => true,
            LineKind::Upgrade => self.kind == Kind::Perpetual && planned == held.end,
            _ => false,
        };
        let same_end = if adds { before >= held.end } else { before == held.end };
        let same_grade = self.grade(on) == (held.edition.as_deref(), held.tier);
        if self.is_closed() || !same_grade || !same_end || self.lowered_after(on).is_some() {
            return Err(EntitlementChanged);
        }
        let resumes = resumes(line, before, on);
        let end = match order.kind {
            LineKind::Renewal | LineKind::DowngradeAtRenewal => months_after(resumes, order.months),
            LineKind::Upgrade if planned != held.end => before.max(months_after(on, 12)),
            LineKind::Upgrade | LineKind::New => before,
            LineKind::RenewAndUpgrade | LineKind::Coterm => before.max(planned),
        };
        let starts_at = Some(start_of_day(resumes, &quote.offer.zone()));
        let lower = Next { from: resumes, starts_at, edition: order.edition.clone(), tier: line.tier };
        let (edition, tier) = self.grade(on);
        let ((edition, tier), next) = match order.kind {
            LineKind::Upgrade | LineKind::RenewAndUpgrade => ((order.edition.clone(), line.tier), None),
            LineKind::DowngradeAtRenewal if resumes <= on => ((order.edition.clone(), line.tier), None),
            LineKind::DowngradeAtRenewal => ((edition.map(str::to_owned), tier), Some(lower)),
            LineKind::New | LineKind::Renewal | LineKind::Coterm => ((edition.map(str::to_owned), tier), None),
        };
        // An upgrade does not change which member gets the renewal discount (E6).
        let renews = matches!(order.kind, LineKind::Renewal | LineKind::RenewAndUpgrade | LineKind::DowngradeAtRenewal);
        let sold = Statement::sold(quote, line, on, now);
        let statement = Statement {
            edition,
            tier,
            next,
            maintenance_end: self.statement.maintenance_end.map(|_| end),
            term_end: self.statement.term_end.map(|_| end),
            // The larger of two discounts, so that a later credit never exceeds what was paid.
            discount: self.statement.discount.max(sold.discount),
            partner: if renews { sold.partner } else { self.statement.partner.clone() },
            ..sold
        };
        let earlier = self.earlier.iter().cloned().chain([self.statement.clone()]).collect();
        Ok(Some(Self { version: self.version + 1, statement, earlier, ..self.clone() }))
    }
}

/// The first day of renewed cover, after cover that ends on `end`, when the line is paid on a day. What the vendor hosts was off
/// after its end (R80).
fn resumes(line: &Line, end: Date, on: Date) -> Date {
    if line.deployment.is_self_managed() { end } else { end.max(on) }
}

impl Statement {
    /// The statement of a new licence that a line of a paid quote sells, unsigned. Its cover counts from `on`.
    fn sold(quote: &Quote, line: &Line, on: Date, now: Timestamp) -> Self {
        let (bill_to, seller) = (quote.offer.bill_to(), quote.offer.channel.organization().map(str::to_owned));
        let end = Some(months_after(on, line.order.months));
        let (maintenance_end, term_end) = if kind(line.deployment) == Kind::Perpetual { (end, None) } else { (None, end) };
        Self {
            quote: Some(quote.number.clone()),
            line: line.line,
            edition: line.order.edition.clone(),
            tier: line.tier,
            purchaser: bill_to.company.clone(),
            purchaser_contact: bill_to.contact.clone(),
            organization: seller.clone(),
            partner: seller,
            purchased: on,
            maintenance_end,
            term_end,
            discount: Some(segment_discount(line)),
            next: None,
            issued_at: now,
            file: None,
        }
    }
}

/// The new entitlement that a line of a paid quote sells, unsigned, with the number `sen`. Its cover counts from `on`. The same
/// quote and line always give the same entitlement, except for `issued_at`.
pub fn new_entitlement(quote: &Quote, line: &Line, on: Date, now: Timestamp, sen: Sen) -> Entitlement {
    Entitlement {
        sen,
        version: 1,
        kind: kind(line.deployment),
        product: line.order.product.clone(),
        product_name: line.product_name.clone(),
        licensee: quote.offer.customer.company.clone(),
        technical_contact: quote.offer.technical_contact.clone(),
        statement: Statement::sold(quote, line, on, now),
        refunded_by: None,
        migrated_by: None,
        earlier: Vec::new(),
    }
}

/// The segment's discount that a line was sold with.
fn segment_discount(line: &Line) -> Percent {
    let of = |rule: &Rule| if let Rule::Segment { percent, .. } = rule { Some(*percent) } else { None };
    line.steps.iter().find_map(|step| of(&step.rule)).unwrap_or(Percent::ZERO)
}
