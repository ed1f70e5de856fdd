//! What a paid quote entitles to: licences for what is installed, subscriptions for what is hosted.
//!
//! An entitlement lives on under its SEN: renewals and upgrades change it, and each issues a key of its own. Whoever
//! bought an issue keeps seeing that issue (R49).

use std::borrow::Cow;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    QuoteNumber, Sen,
    calendar::months_after,
    money::Percent,
    party::{Contact, Email},
    policy::{Deployment, LineKind},
    price::{Line, Rule},
    quote::Quote,
};

/// What an entitlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// May be used for ever (R93).
    Perpetual,
    /// May be used until it ends.
    Term,
    /// Hosted by the vendor until it ends; there is no key (R53).
    Subscription,
}

/// One customer's right to one product, under one SEN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// Its number.
    pub sen: Sen,
    /// Of the stored record: one more with every change.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub version: u64,
    /// The quote that sold what it is now; none when the desk brought it in from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteNumber>,
    /// That quote's line; 0 without a quote.
    pub line: u32,
    /// What it is.
    pub kind: Kind,
    /// The product's id.
    pub product: String,
    /// The product's name when it was sold.
    pub product_name: String,
    /// The product's edition; none for a product without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The most users.
    pub tier: u32,
    /// The organisation that may use it.
    pub licensee: String,
    /// The person who reads the key (R78).
    pub technical_contact: Contact,
    /// The organisation that bought it (R49).
    pub purchaser: String,
    /// The person who bought it.
    pub purchaser_contact: Contact,
    /// The member of a programme that sold it, as the issuer of its tokens names it (E6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The day of the completing payment: it counts from then (R81, R95).
    pub purchased: Date,
    /// The first day without maintenance, for a perpetual licence (R95).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_end: Option<Date>,
    /// The first day that is not covered, for a term or a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_end: Option<Date>,
    /// The segment's discount that its present term was sold with; unknown for what the desk brought in. What is unused is
    /// credited at what was paid for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Percent>,
    /// What it becomes when its present term is over: a lower grade, bought for the next one (E18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// The quote whose money went back after it had sold this: nothing more can be bought on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_by: Option<QuoteNumber>,
    /// The quote by which it moved to the cloud: its unused time is credited once (R62).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_by: Option<QuoteNumber>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The signed licence file; a subscription has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<LicenseKey>,
    /// What was issued under this number before, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Issue>,
}

fn first() -> u64 {
    1
}

fn is_first(version: &u64) -> bool {
    *version == first()
}

/// A grade that begins on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The first day.
    pub from: Date,
    /// The edition then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The tier then.
    pub tier: u32,
}

/// The entitlement is not what it was when a line about it was priced: delivering the line would sell what nobody paid for,
/// or take away what somebody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moved;

/// An entitlement as a quote before had made it: its key stays good for what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Issue {
    /// The quote that sold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteNumber>,
    /// That quote's line.
    pub line: u32,
    /// The edition then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The tier then.
    pub tier: u32,
    /// Who bought it.
    pub purchaser: String,
    /// The person who bought it.
    pub purchaser_contact: Contact,
    /// The member of a programme that sold it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The day of the completing payment.
    pub purchased: Date,
    /// The end of maintenance then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_end: Option<Date>,
    /// The end of the term then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_end: Option<Date>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// Its licence file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<LicenseKey>,
}

/// A signed licence file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseKey {
    /// Which key signed it.
    pub key_id: String,
    /// The file's text.
    pub text: String,
}

impl std::fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LicenseKey({}, ‹key›)", self.key_id)
    }
}

/// A caller's claims, as far as they decide who may see a licence.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// The e-mail address, when the issuer says that it is verified.
    pub email: Option<Email>,
    /// The organisation.
    pub organization: Option<String>,
}

impl Entitlement {
    /// What this caller may see of it: the technical contact what it is now, always (R54); who bought what it is now,
    /// that; and who bought an issue before, what it was then (R49). A purchaser is the organisation, and the person who
    /// bought, for many unaffiliated resellers are one person. The issuer of tokens must give organisations their names:
    /// whoever may choose one can choose the purchaser's.
    pub fn visible_to(&self, claims: &Claims) -> Option<Cow<'_, Self>> {
        let technical = claims.email.as_ref().is_some_and(|email| self.technical_contact.email == *email);
        if technical || claims.bought(&self.purchaser, &self.purchaser_contact, self.partner.as_deref()) {
            return Some(Cow::Borrowed(self));
        }
        let bought = |issue: &&Issue| claims.bought(&issue.purchaser, &issue.purchaser_contact, issue.partner.as_deref());
        self.earlier.iter().rev().find(bought).map(|issue| Cow::Owned(self.as_issued(issue)))
    }

    /// The first day that it does not cover: of the term, or of the maintenance.
    pub fn end(&self) -> Option<Date> {
        self.term_end.or(self.maintenance_end)
    }

    /// Whether a line of a quote is in it already.
    pub fn has(&self, quote: &QuoteNumber, line: u32) -> bool {
        let is = |known: Option<&QuoteNumber>, of: u32| known == Some(quote) && of == line;
        is(self.quote.as_ref(), self.line) || self.earlier.iter().any(|issue| is(issue.quote.as_ref(), issue.line))
    }

    /// Its edition and tier on a day.
    pub fn grade(&self, day: Date) -> (Option<&str>, u32) {
        match &self.next {
            Some(next) if next.from <= day => (next.edition.as_deref(), next.tier),
            _ => (self.edition.as_deref(), self.tier),
        }
    }

    /// Whether nothing more can be bought on it: it moved to the cloud, or its money went back.
    pub fn is_closed(&self) -> bool {
        self.migrated_by.is_some() || self.refunded_by.is_some()
    }

    /// It, as it is once a paid line about it is delivered, unsigned; `Ok(None)` when it was delivered before.
    ///
    /// The line was priced for what the entitlement was then, and delivers only over that. Renewals are the exception: of
    /// two that were both paid, the second adds to the first.
    pub fn granted(&self, quote: &Quote, line: &Line, on: Date, now: Timestamp) -> Result<Option<Self>, Moved> {
        if self.has(&quote.number, line.line) {
            return Ok(None);
        }
        let order = &line.order;
        let (Some(held), Some(before)) = (&order.held, self.end()) else { return Err(Moved) };
        let renews = order.kind == LineKind::Renewal && before >= held.end;
        let same_grade = self.grade(on) == (held.edition.as_deref(), held.tier);
        if self.is_closed() || !same_grade || !(renews || before == held.end) {
            return Err(Moved);
        }
        let planned = line.end.unwrap_or(before);
        let resumes = if line.deployment.is_self_managed() { before } else { before.max(on) };
        let end = match order.kind {
            LineKind::Renewal | LineKind::DowngradeAtRenewal => months_after(resumes, order.months),
            LineKind::Upgrade if planned != held.end => before.max(months_after(on, 12)),
            LineKind::Upgrade | LineKind::New => before,
            LineKind::RenewAndUpgrade | LineKind::Coterm => before.max(planned),
        };
        let (edition, tier) = self.grade(on);
        let mut next = Self {
            version: self.version + 1,
            edition: edition.map(str::to_owned),
            tier,
            next: None,
            maintenance_end: self.maintenance_end.map(|_| end),
            term_end: self.term_end.map(|_| end),
            // Of two discounts, the larger: what is credited later was paid for at least so much.
            discount: self.discount.max(Some(segment_discount(line))),
            earlier: self.earlier.iter().cloned().chain([self.issue()]).collect(),
            ..self.sold(quote, line, on, now)
        };
        match order.kind {
            LineKind::Upgrade | LineKind::RenewAndUpgrade => (next.edition, next.tier) = (order.edition.clone(), line.tier),
            LineKind::DowngradeAtRenewal if resumes > on => {
                next.next = Some(Next { from: resumes, edition: order.edition.clone(), tier: line.tier });
            }
            LineKind::DowngradeAtRenewal => (next.edition, next.tier) = (order.edition.clone(), line.tier),
            LineKind::New | LineKind::Renewal | LineKind::Coterm => {}
        }
        Ok(Some(next))
    }

    /// It, closed because the money of a quote that sold it went back; `None` when it is closed.
    pub fn refunded(&self, by: &QuoteNumber) -> Option<Self> {
        let marked = Self { version: self.version + 1, refunded_by: Some(by.clone()), ..self.clone() };
        self.refunded_by.is_none().then_some(marked)
    }

    /// It, closed because it moved to the cloud by a quote; `Ok(None)` when it did by that very quote.
    pub fn migrated(&self, by: &QuoteNumber) -> Result<Option<Self>, Moved> {
        match &self.migrated_by {
            Some(known) if known == by => Ok(None),
            _ if self.is_closed() => Err(Moved),
            _ => Ok(Some(Self { version: self.version + 1, migrated_by: Some(by.clone()), ..self.clone() })),
        }
    }

    /// It, sold by another quote; licensee and technical contact stay who they are.
    fn sold(&self, quote: &Quote, line: &Line, on: Date, now: Timestamp) -> Self {
        let bill_to = quote.offer.bill_to();
        let seller = quote.offer.channel.organization().map(str::to_owned);
        // An upgrade does not take a renewal from whoever sold the licence or renewed it last (E6).
        let renews = matches!(line.order.kind, LineKind::Renewal | LineKind::RenewAndUpgrade | LineKind::DowngradeAtRenewal);
        Self {
            quote: Some(quote.number.clone()),
            line: line.line,
            purchaser: bill_to.company.clone(),
            purchaser_contact: bill_to.contact.clone(),
            partner: if renews { seller } else { self.partner.clone() },
            purchased: on,
            issued_at: now,
            file: None,
            ..self.clone()
        }
    }

    fn issue(&self) -> Issue {
        Issue {
            quote: self.quote.clone(),
            line: self.line,
            edition: self.edition.clone(),
            tier: self.tier,
            purchaser: self.purchaser.clone(),
            purchaser_contact: self.purchaser_contact.clone(),
            partner: self.partner.clone(),
            purchased: self.purchased,
            maintenance_end: self.maintenance_end,
            term_end: self.term_end,
            issued_at: self.issued_at,
            file: self.file.clone(),
        }
    }

    fn as_issued(&self, issue: &Issue) -> Self {
        Self {
            quote: issue.quote.clone(),
            line: issue.line,
            edition: issue.edition.clone(),
            tier: issue.tier,
            purchaser: issue.purchaser.clone(),
            purchaser_contact: issue.purchaser_contact.clone(),
            partner: issue.partner.clone(),
            purchased: issue.purchased,
            maintenance_end: issue.maintenance_end,
            term_end: issue.term_end,
            issued_at: issue.issued_at,
            file: issue.file.clone(),
            next: None,
            earlier: Vec::new(),
            ..self.clone()
        }
    }
}

impl Claims {
    fn bought(&self, purchaser: &str, contact: &Contact, partner: Option<&str>) -> bool {
        let person = self.email.as_ref().is_some_and(|email| contact.email == *email);
        let organization = self.organization.as_ref().is_some_and(|name| {
            name.eq_ignore_ascii_case(purchaser) || partner.is_some_and(|partner| name.eq_ignore_ascii_case(partner))
        });
        person || organization
    }
}

/// What a product that is delivered so entitles to.
pub fn kind(deployment: Deployment) -> Kind {
    match deployment {
        Deployment::SelfManagedPerpetual { .. } => Kind::Perpetual,
        Deployment::SelfManagedTerm => Kind::Term,
        Deployment::AnnualCloud | Deployment::MonthlyCloud | Deployment::GovernmentCloud => Kind::Subscription,
    }
}

/// The segment's discount that a line was sold with.
fn segment_discount(line: &Line) -> Percent {
    let of = |rule: &Rule| if let Rule::Segment { percent, .. } = rule { Some(*percent) } else { None };
    line.steps.iter().find_map(|step| of(&step.rule)).unwrap_or(Percent::ZERO)
}

/// The new entitlement that a line of a paid quote owes, unsigned, under the number `sen`; it counts from `on`. Deciding
/// it again, at any time, gives the same but for `issued_at`.
pub fn owed(quote: &Quote, line: &Line, on: Date, now: Timestamp, sen: Sen) -> Entitlement {
    let offer = &quote.offer;
    let bill_to = offer.bill_to();
    let (kind, end) = (kind(line.deployment), months_after(on, line.order.months));
    let (maintenance_end, term_end) = if kind == Kind::Perpetual { (Some(end), None) } else { (None, Some(end)) };
    Entitlement {
        sen,
        version: first(),
        quote: Some(quote.number.clone()),
        line: line.line,
        kind,
        product: line.order.product.clone(),
        product_name: line.product_name.clone(),
        edition: line.order.edition.clone(),
        tier: line.tier,
        licensee: offer.customer.company.clone(),
        technical_contact: offer.technical_contact.clone(),
        purchaser: bill_to.company.clone(),
        purchaser_contact: bill_to.contact.clone(),
        partner: offer.channel.organization().map(str::to_owned),
        purchased: on,
        maintenance_end,
        term_end,
        discount: Some(segment_discount(line)),
        next: None,
        refunded_by: None,
        migrated_by: None,
        issued_at: now,
        file: None,
        earlier: Vec::new(),
    }
}
