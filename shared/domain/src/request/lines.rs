//! The lines of a request: reads each one, checks whether the buyer may order it, and prices it.

use std::collections::BTreeSet;

use jiff::civil::Date;

use super::{
    findings::Findings,
    judging::Judging,
    sent::{LineRequest, MAX_LINES, Request},
};
use crate::{
    Code, Policy, Sen,
    calendar::term_days,
    fault::Faults,
    form::required,
    government::{GovernmentSubscription, may_be_sold_by},
    license::Entitlement,
    policy::{Deployment, LineKind, Product},
    price::{self, Held, Line, LineNote, OrderLine},
};

/// The result of reading a line.
enum Read {
    /// The line is priced.
    Line(Box<Line>),
    /// The line is left out without a fault: a co-term to a date that the entitlement already covers (R42).
    Excluded,
    /// The line has faults, which are added.
    Faulty,
}

impl Request {
    /// The priced lines; `None` when one of them has a fault.
    pub(super) fn lines(&self, judging: &Judging<'_>, found: &mut Findings<'_>) -> Option<Vec<Line>> {
        if self.lines.is_empty() || self.lines.len() > MAX_LINES {
            found.faults.add(
                Code::LineCount,
                "/lines",
                format!("A quote has 1 to {MAX_LINES} lines. Add lines, or divide them among several quotes."),
            );
            return None;
        }
        let mut lines = Vec::new();
        let mut faulty = false;
        let mut named = BTreeSet::new();
        for (i, asked) in self.lines.iter().enumerate() {
            match asked.check(i, lines.len(), judging, &mut named, found) {
                Read::Line(line) => lines.push((i, *line)),
                Read::Excluded => {}
                Read::Faulty => faulty = true,
            }
        }
        if lines.is_empty() && !faulty {
            for i in 0..self.lines.len() {
                let detail = "This line ends on that date or later already, and so does every other. Choose a later date.";
                found.faults.add(Code::CotermDateInvalid, format!("/lines/{i}/until"), detail);
            }
        }
        faulty |= !self.agree(&lines, judging, found.faults);
        (!faulty && !lines.is_empty()).then(|| lines.into_iter().map(|(_, line)| line).collect())
    }

    /// Whether the lines may be on one order.
    fn agree(&self, lines: &[(usize, Line)], judging: &Judging<'_>, faults: &mut Faults) -> bool {
        let mut agree = true;
        let monthly = |line: &Line| line.deployment == Deployment::MonthlyCloud;
        if lines.iter().any(|(_, line)| monthly(line)) && !lines.iter().all(|(_, line)| monthly(line)) {
            let detail = "Monthly cloud cannot be on one order with other products. Request a separate quote for it.";
            faults.add(Code::MixedBillingPeriods, "/lines", detail);
            agree = false;
        }
        let days = |line: &Line| line.start.zip(line.end).map_or(0, |(start, end)| term_days(start, end));
        let least = judging.policy.bounds.coterm_min_days;
        let short = |line: &Line| line.order.kind == LineKind::Coterm && days(line) < least;
        if !lines.iter().any(|(_, line)| days(line) >= 365) {
            for (i, line) in lines.iter().filter(|(_, line)| short(line)) {
                let detail = format!(
                    "This co-term would cover {} days. Cover at least {least}, or add a line that covers twelve months.",
                    days(line)
                );
                faults.add(Code::CotermDateInvalid, format!("/lines/{i}/until"), detail);
                agree = false;
            }
        }
        let mut government = BTreeSet::new();
        for (i, line) in lines {
            let again = line.order.kind == LineKind::New
                && line.deployment == Deployment::GovernmentCloud
                && !government.insert(&line.order.product);
            if again {
                subscription_exists(faults, *i);
                agree = false;
            }
        }
        agree
    }
}

impl LineRequest {
    fn check(
        &self,
        index: usize,
        before: usize,
        judging: &Judging<'_>,
        named: &mut BTreeSet<Sen>,
        found: &mut Findings<'_>,
    ) -> Read {
        let faults = &mut *found.faults;
        let at = |member: &str| format!("/lines/{index}/{member}");
        let kind = self.kind(index, faults);
        let held = kind.filter(|kind| *kind != LineKind::New).map(|_| self.held(index, judging, named, faults));
        if kind == Some(LineKind::New) && self.sen.is_some() {
            faults.add(
                Code::NotExpected,
                at("sen"),
                "A new licence gets a new number. Leave this number out, or order a renewal.",
            );
        }
        self.check_contact(index, kind, faults);
        let entitlement = held.flatten();
        let product = self.product(index, kind, entitlement, judging.policy, faults);
        let users = self.users(index, kind, entitlement, judging.today, faults);
        let edition = product.and_then(|product| self.edition(index, product, entitlement, judging.today, faults));
        let months = product.zip(kind).and_then(|(product, kind)| self.months(index, product, kind, faults));
        let until = self.until(index, kind, judging, faults);
        let site = match (product, kind) {
            (Some(product), Some(LineKind::New)) => self.new_at_site(index, product, judging, faults),
            _ => Some(None),
        };
        if let Some(product) = product {
            let sold = may_sell(index, product, judging, faults);
            if let Some(kind) = kind.filter(|_| sold) {
                self.only_one(index, product, kind, judging, faults);
            }
        }
        let missing = kind.is_some_and(|kind| kind != LineKind::New) && entitlement.is_none();
        let rest = (kind, months, until, site, missing, &judging.basis);
        let (Some(product), Some(users), Some(edition)) = (product, users, edition) else { return Read::Faulty };
        let (Some(kind), Some(months), Some(until), Some(site), false, Some(basis)) = rest else {
            // Faults of the price that do not depend on the missing members are reported together with them.
            let priced = judging.basis.as_ref().map(|basis| price::list(product, edition.as_deref(), users, basis));
            if let Some(Err(unavailable)) = priced {
                faults.add_allowing(unavailable.code, at(unavailable.member), unavailable.detail, unavailable.allowed);
            }
            return Read::Faulty;
        };
        let held = entitlement.and_then(|entitlement| {
            let reader = Some(&entitlement.technical_contact).filter(|reader| judging.contact != Some(&reader.email));
            let held = Held::of(entitlement, judging.channel, judging.today)?;
            Some(Held { technical_contact: reader.cloned(), ..held })
        });
        if let (LineKind::Coterm, Some(held), Some(until)) = (kind, &held, until)
            && held.end >= until
        {
            let detail =
                format!("This entitlement ends on {} already. The line is left out: nothing is shortened or credited.", held.end);
            found.warn("coterm_excluded", format!("/lines/{index}"), detail);
            return Read::Excluded;
        }
        let (source, refused) = self.source(product, judging, named);
        let order = OrderLine { kind, product: product.id.clone(), edition, users, months, until, held, source, site };
        let number = u32::try_from(before + 1).unwrap_or(u32::MAX);
        match price::line(number, &order, basis, judging.policy) {
            Ok(mut line) => {
                line.notes.splice(..0, refused.map(|reason| LineNote::MigrationNotApplicable { reason }));
                Read::Line(Box::new(line))
            }
            Err(unavailable) => {
                faults.add_allowing(unavailable.code, at(unavailable.member), unavailable.detail, unavailable.allowed);
                Read::Faulty
            }
        }
    }

    fn kind(&self, index: usize, faults: &mut Faults) -> Option<LineKind> {
        let at = format!("/lines/{index}/kind");
        let Some(kind) = &self.kind else { return required(faults, at) };
        let read = kind.parse().ok();
        if read.is_none() {
            let known = LineKind::ALL.map(LineKind::as_str);
            let detail = format!("There is no such kind of line. Choose one of: `{}`.", known.join("`, `"));
            faults.add_allowing(Code::KindNotOffered, at, detail, known);
        }
        read
    }

    fn product<'j>(
        &self,
        index: usize,
        kind: Option<LineKind>,
        entitlement: Option<&Entitlement>,
        policy: &'j Policy,
        faults: &mut Faults,
    ) -> Option<&'j Product> {
        let at = format!("/lines/{index}/product");
        let id = match (&self.product, entitlement, kind) {
            (Some(id), Some(entitlement), _) if *id != entitlement.product => {
                let detail = format!("This entitlement is for `{}`. Leave the product out.", entitlement.product);
                faults.add(Code::NotExpected, at, detail);
                return None;
            }
            (Some(id), _, _) => id,
            (None, Some(entitlement), _) => &entitlement.product,
            // Any kind but `new` takes the product from the entitlement.
            (None, None, kind) if kind.is_some_and(|kind| kind != LineKind::New) || self.sen.is_some() => return None,
            (None, None, _) => return required(faults, at),
        };
        let product = policy.product(id);
        if product.is_none() {
            let known: Vec<_> = policy.products.keys().map(String::as_str).collect();
            let detail = format!("There is no such product. Choose one of: {}.", known.join(", "));
            faults.add_allowing(Code::ProductUnknown, at, detail, known);
        }
        product
    }

    /// The users; when absent, those of the entitlement.
    fn users(
        &self,
        index: usize,
        kind: Option<LineKind>,
        entitlement: Option<&Entitlement>,
        today: Date,
        faults: &mut Faults,
    ) -> Option<u32> {
        let at = format!("/lines/{index}/users");
        match (self.users, entitlement) {
            (None, Some(entitlement)) => Some(entitlement.grade(today).1),
            (None, None) if kind.is_some_and(|kind| kind != LineKind::New) || self.sen.is_some() => None,
            (None, None) => required(faults, at),
            (Some(users), _) => {
                let positive = u32::try_from(users).ok().filter(|&users| users > 0);
                if positive.is_none() {
                    let detail = match users {
                        ..=0 => "This is not a number of users. Write a whole number, 1 or more.",
                        _ => "This number is too large. Order fewer users.",
                    };
                    faults.add(Code::QuantityInvalid, at, detail);
                }
                positive
            }
        }
    }

    /// The edition. The outer `None` is a fault, the inner one a product without editions.
    fn edition(
        &self,
        index: usize,
        product: &Product,
        entitlement: Option<&Entitlement>,
        today: Date,
        faults: &mut Faults,
    ) -> Option<Option<String>> {
        let held = || entitlement.and_then(|entitlement| entitlement.grade(today).0).map(str::to_owned);
        let given = self.edition.clone().or_else(held);
        if product.rank(given.as_deref()).is_some() {
            return Some(given);
        }
        let known: Vec<_> = product.editions.iter().map(|edition| &*edition.id).collect();
        let detail = match known.is_empty() {
            true => format!("{} has no editions. Leave the edition out.", product.name),
            false => format!("{} has no such edition. Choose one of: {}.", product.name, known.join(", ")),
        };
        faults.add_allowing(Code::EditionUnknown, format!("/lines/{index}/edition"), detail, known);
        None
    }

    /// The months of the term; 0 when a date sets the end, or when the end does not change.
    fn months(&self, index: usize, product: &Product, kind: LineKind, faults: &mut Faults) -> Option<u32> {
        let at = format!("/lines/{index}/term_months");
        let by_date = match kind {
            LineKind::Upgrade | LineKind::Coterm => true,
            LineKind::RenewAndUpgrade => self.until.is_some(),
            LineKind::New | LineKind::Renewal | LineKind::DowngradeAtRenewal => false,
        };
        match (self.term_months, product.deployment) {
            (None, _) if by_date => Some(0),
            (Some(_), _) if by_date => {
                let detail = match kind {
                    LineKind::Upgrade => {
                        "An upgrade does not change the end. Leave the months out, or order `renew_and_upgrade`."
                    }
                    _ => "The end of this line is a date. Leave the months out.",
                };
                faults.add(Code::NotExpected, at, detail);
                None
            }
            (None, Deployment::SelfManagedPerpetual { maintenance_months }) => Some(maintenance_months),
            (None, Deployment::MonthlyCloud) => Some(1),
            (None, _) => required(faults, at),
            (Some(months), _) => {
                let offered = product.terms();
                let months = u32::try_from(months).ok().filter(|months| offered.contains(months));
                if months.is_none() {
                    let offered: Vec<_> = offered.iter().map(u32::to_string).collect();
                    let detail = format!(
                        "{} is not sold for this term. Choose one of these numbers of months: {}.",
                        product.name,
                        offered.join(", ")
                    );
                    faults.add_allowing(Code::TermNotOffered, at, detail, offered);
                }
                months
            }
        }
    }

    /// The end date. The outer `None` is a fault. The bounds of a co-term's date do not depend on the entitlement (R44).
    fn until(&self, index: usize, kind: Option<LineKind>, judging: &Judging<'_>, faults: &mut Faults) -> Option<Option<Date>> {
        let at = format!("/lines/{index}/until");
        let dated = matches!(kind, Some(LineKind::Coterm | LineKind::RenewAndUpgrade));
        match &self.until {
            None if kind == Some(LineKind::Coterm) => required(faults, at),
            None => Some(None),
            Some(_) if kind.is_some() && !dated => {
                faults.add(
                    Code::NotExpected,
                    at,
                    "A line of this kind has no end date. Leave it out, or order `coterm` or `renew_and_upgrade`.",
                );
                None
            }
            Some(text) => {
                let Some(date) = text.parse().ok() else {
                    faults.add(Code::ValueInvalid, at, "This is not a date. Write it as 2027-06-30.");
                    return None;
                };
                if kind == Some(LineKind::Coterm)
                    && let Err(unavailable) = price::coterm_date(date, judging.today, judging.policy)
                {
                    faults.add_allowing(unavailable.code, at, unavailable.detail, unavailable.allowed);
                    return None;
                }
                Some(Some(date))
            }
        }
    }

    /// Adds a fault if the end customer has a subscription to this government product already (R106).
    fn only_one(&self, index: usize, product: &Product, kind: LineKind, judging: &Judging<'_>, faults: &mut Faults) {
        let held = |subscription: &GovernmentSubscription| {
            judging.licensee.is_some_and(|licensee| subscription.covers(&product.id, licensee, judging.today))
        };
        if kind == LineKind::New && judging.facts.government_subscriptions.iter().any(held) {
            subscription_exists(faults, index);
        }
    }
}

/// Whether the product may be sold to this buyer. If not, the refusal reveals nothing about existing subscriptions.
fn may_sell(index: usize, product: &Product, judging: &Judging<'_>, faults: &mut Faults) -> bool {
    let at = format!("/lines/{index}/product");
    match product.deployment {
        Deployment::MonthlyCloud if judging.resold => {
            let detail = format!("{} is sold only to direct customers. Order annual cloud for your customer.", product.name);
            faults.add(Code::MonthlyCloudNotResellable, at, detail);
            false
        }
        Deployment::GovernmentCloud if !may_be_sold_by(judging.channel, product, judging.policy) => {
            let detail =
                format!("{} is sold only by an appointed aggregator. Contact us, and we connect you with one.", product.name);
            faults.add(Code::GovFamilyNotSelfService, at, detail);
            false
        }
        _ => true,
    }
}

fn subscription_exists(faults: &mut Faults, index: usize) {
    let detail =
        "The customer's subscription to this product covers all its instances. Add an instance, or upgrade the subscription.";
    faults.add(Code::SubscriptionExists, format!("/lines/{index}/product"), detail);
}
