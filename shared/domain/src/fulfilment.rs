//! What a paid quote makes of what its customer has: decided as a whole, from everything as it is now, before anything of it
//! is written (R62, R78, R106).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};

use crate::{
    Policy, Quote, Sen,
    import::holding,
    license::{self, Entitlement, Kind},
    quote::{Delivered, Withheld},
    request::Holding,
};

/// Everything that a paid quote makes.
///
/// What there was before is changed together or not at all — `migrated`, every [`Made::Changed`] and `holdings` — so that a
/// line that is refused takes nothing of the others with it. What is new cannot be refused any more after that.
#[derive(Debug)]
pub struct Fulfilment {
    /// What becomes of each line, in their order.
    pub lines: Vec<(u32, Made)>,
    /// The licences that move to the cloud, closed, and otherwise as they were.
    pub migrated: Vec<Entitlement>,
    /// The subscriptions of which a customer has one only, each with its line (R106). One that is new cannot be had beside
    /// another; one that they have is theirs to renew, and noted where it is the only one.
    pub holdings: Vec<(u32, Holding)>,
}

/// What becomes of a line.
#[derive(Debug)]
pub enum Made {
    /// An entitlement under a number of its own, unsigned.
    New(Entitlement),
    /// An entitlement that there was, changed, unsigned.
    Changed(Entitlement),
    /// An entitlement that has the line already.
    Before(Entitlement),
}

impl Fulfilment {
    /// What a quote, paid on a day, makes of the entitlements that it is [`about`]; `sen` numbers what is new, by line.
    /// `Err` names the first line that cannot be had as it was sold. Decided again after part of it was written, it is the
    /// rest.
    pub fn of(
        quote: &Quote,
        on: Date,
        paid_at: Timestamp,
        there: &BTreeMap<Sen, Entitlement>,
        policy: &Policy,
        sen: impl Fn(u32) -> Sen,
    ) -> Result<Self, (u32, Withheld)> {
        let mut all = Self { lines: Vec::new(), migrated: Vec::new(), holdings: Vec::new() };
        let mut touched = BTreeSet::new();
        for line in &quote.offer.lines {
            let stop = |reason| (line.line, reason);
            if let Some(source) = &line.order.source {
                let source = known(&source.sen, there, &mut touched).ok_or_else(|| stop(Withheld::SourceCredited))?;
                all.migrated.extend(source.migrated(&quote.number, on).map_err(|_| stop(Withheld::SourceCredited))?);
            }
            let made = match &line.order.held {
                None => Made::New(license::owed(quote, line, on, paid_at, sen(line.line))),
                Some(held) => {
                    let held = known(&held.sen, there, &mut touched).ok_or_else(|| stop(Withheld::EntitlementChanged))?;
                    match held.granted(quote, line, on, paid_at).map_err(|_| stop(Withheld::EntitlementChanged))? {
                        Some(next) => Made::Changed(next),
                        None => Made::Before(held.clone()),
                    }
                }
            };
            if let Made::New(next) | Made::Changed(next) = &made
                && let Some(holding) = holding(next, policy)
            {
                let taken = all.holdings.iter().any(|(_, other)| other.excludes(&holding));
                match made {
                    Made::New(_) if taken => return Err(stop(Withheld::SubscriptionExists)),
                    _ if taken => {}
                    _ => all.holdings.push((line.line, holding)),
                }
            }
            all.lines.push((line.line, made));
        }
        Ok(all)
    }
}

impl Made {
    /// Whether it is an entitlement that there was not before.
    pub fn is_new(&self) -> bool {
        matches!(self, Self::New(_))
    }
}

impl Delivered {
    /// What is delivered for a line, once its entitlement is signed.
    pub fn of(line: u32, entitlement: &Entitlement) -> Self {
        let key = entitlement.kind != Kind::Subscription;
        Self { line, sen: entitlement.sen.clone(), key, end: entitlement.end() }
    }
}

/// The entitlements that there were when a quote was priced, and that it changes.
pub fn about(quote: &Quote) -> BTreeSet<&Sen> {
    let orders = quote.offer.lines.iter().map(|line| &line.order);
    orders.flat_map(|order| [&order.held, &order.source]).flatten().map(|held| &held.sen).collect()
}

/// An entitlement that no other line of the quote is about.
fn known<'t>(sen: &Sen, there: &'t BTreeMap<Sen, Entitlement>, touched: &mut BTreeSet<Sen>) -> Option<&'t Entitlement> {
    there.get(sen).filter(|_| touched.insert(sen.clone()))
}
