//! What a paid quote entitles to: licences for what is installed, subscriptions for what is hosted.
//!
//! An entitlement lives on under its SEN: renewals and upgrades change it, and each issues a key of its own. Whoever
//! bought an issue keeps seeing that issue (R49).

use std::borrow::Cow;

use jiff::{Timestamp, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    QuoteNumber, Sen,
    money::Percent,
    party::{Contact, Email},
    policy::Deployment,
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
    /// What it is.
    pub kind: Kind,
    /// The product's id.
    pub product: String,
    /// The product's name when it was sold.
    pub product_name: String,
    /// The organisation that may use it.
    pub licensee: String,
    /// The person who reads the key (R78).
    pub technical_contact: Contact,
    /// What it says now.
    #[serde(flatten)]
    pub statement: Statement,
    /// The quote whose money went back after it had sold this: nothing more can be bought on it, and its key is not handed
    /// out any more (R87).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_by: Option<QuoteNumber>,
    /// The quote by which it moved to the cloud: its unused time is credited once (R62).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_by: Option<QuoteNumber>,
    /// What was issued under this number before, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Statement>,
}

fn first() -> u64 {
    1
}

fn is_first(version: &u64) -> bool {
    *version == first()
}

/// Why nothing more can be bought on an entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The money for it went back (R87).
    Refunded,
    /// It moved to the cloud (R62).
    Migrated,
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
pub struct EntitlementChanged;

/// What an entitlement says since a quote: the key of an earlier one stays good for what it says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The quote that sold it; none when the desk brought it in from before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteNumber>,
    /// That quote's line; 0 without a quote.
    pub line: u32,
    /// The product's edition; none for a product without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The most users.
    pub tier: u32,
    /// The company that bought it, as it called itself (R49).
    pub purchaser: String,
    /// The person who bought it.
    pub purchaser_contact: Contact,
    /// The organisation that bought it as a member of a programme, as the issuer of its tokens names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The member of a programme that sold the licence or renewed it last, by whose hand a renewal is cheaper (E6). An
    /// upgrade that somebody else sells does not change it.
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
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The signed licence file; a subscription has none, and neither has what the desk brought in.
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
        if technical || claims.bought(&self.statement) {
            return Some(Cow::Borrowed(self));
        }
        let bought = self.earlier.iter().rev().find(|statement| claims.bought(statement))?;
        let statement = Statement { next: None, ..bought.clone() };
        Some(Cow::Owned(Self { statement, earlier: Vec::new(), ..self.clone() }))
    }

    /// The first day that it does not cover: of the term, or of the maintenance.
    pub fn end(&self) -> Option<Date> {
        self.statement.end()
    }

    /// Whether a line of a quote is in it already.
    pub fn has(&self, quote: &QuoteNumber, line: u32) -> bool {
        self.statement.is(quote, line) || self.earlier.iter().any(|statement| statement.is(quote, line))
    }

    /// Its edition and tier on a day.
    pub fn grade(&self, day: Date) -> (Option<&str>, u32) {
        match &self.statement.next {
            Some(next) if next.from <= day => (next.edition.as_deref(), next.tier),
            _ => (self.statement.edition.as_deref(), self.statement.tier),
        }
    }

    /// The lower grade that it was sold from a later day on (E18). Until then nothing else can be bought on it: a price
    /// would have to count its time in two grades.
    pub fn lowered_after(&self, day: Date) -> Option<&Next> {
        self.statement.next.as_ref().filter(|next| next.from > day)
    }

    /// The key for a day. While a lower grade is yet to come, that is the key issued before: what still runs was paid for
    /// (E18, R54).
    pub fn key_on(&self, day: Date) -> Option<&LicenseKey> {
        let before = self.lowered_after(day).and_then(|_| self.earlier.last()?.file.as_ref());
        before.or(self.statement.file.as_ref())
    }

    /// Why nothing more can be bought on it, if so.
    pub fn closed(&self) -> Option<Closed> {
        let refunded = self.refunded_by.as_ref().map(|_| Closed::Refunded);
        refunded.or(self.migrated_by.as_ref().map(|_| Closed::Migrated))
    }

    /// Whether nothing more can be bought on it.
    pub fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// It, without what a quote made of it whose money went back, or that could not be delivered: what was issued before is
    /// back, with its key, and what moved to the cloud is here again (R87). What nothing was before is closed, and so is what
    /// somebody has built on since: then a person decides. `None` when there is nothing of the quote in it, or it is closed.
    pub fn without(&self, quote: &QuoteNumber) -> Option<Self> {
        let of_quote = |statement: &Statement| statement.quote.as_ref() == Some(quote);
        let mut next = Self { version: self.version + 1, ..self.clone() };
        if self.migrated_by.as_ref() == Some(quote) {
            next.migrated_by = None;
        } else if self.refunded_by.is_some() {
            return None;
        } else if of_quote(&self.statement) && !self.earlier.iter().any(of_quote) && !self.earlier.is_empty() {
            next.statement = next.earlier.pop()?;
        } else if of_quote(&self.statement) || self.earlier.iter().any(of_quote) {
            next.refunded_by = Some(quote.clone());
        } else {
            return None;
        }
        Some(next)
    }

    /// Whether others have built on what was taken back of a quote: it is closed with what they sold under its number, or it
    /// was credited to a move to the cloud. Then a person decides.
    pub fn is_built_on(&self, quote: &QuoteNumber) -> bool {
        self.migrated_by.is_some() || self.refunded_by.as_ref() == Some(quote) && !self.earlier.is_empty()
    }

    /// It, closed because it moved to the cloud by a quote; `Ok(None)` when it did by that very quote.
    pub fn migrated(&self, by: &QuoteNumber, on: Date) -> Result<Option<Self>, EntitlementChanged> {
        match &self.migrated_by {
            Some(known) if known == by => Ok(None),
            _ if self.is_closed() || self.lowered_after(on).is_some() => Err(EntitlementChanged),
            _ => Ok(Some(Self { version: self.version + 1, migrated_by: Some(by.clone()), ..self.clone() })),
        }
    }
}

impl Statement {
    /// The first day that it does not cover: of the term, or of the maintenance.
    pub fn end(&self) -> Option<Date> {
        self.term_end.or(self.maintenance_end)
    }

    fn is(&self, quote: &QuoteNumber, line: u32) -> bool {
        self.quote.as_ref() == Some(quote) && self.line == line
    }
}

impl Claims {
    fn bought(&self, statement: &Statement) -> bool {
        let person = self.email.as_ref().is_some_and(|email| statement.purchaser_contact.email == *email);
        let organization = self.organization.as_ref().is_some_and(|name| {
            let is = |of: &str| name.eq_ignore_ascii_case(of);
            is(&statement.purchaser) || statement.organization.as_deref().is_some_and(is)
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
