//! Entitlements: licences for what the customer installs, subscriptions for what the vendor hosts.
//!
//! An entitlement keeps its SEN: renewals and upgrades change it, and each has a [`Statement`] and a key of its own. The
//! purchaser of a statement keeps seeing that statement (R49).

use std::borrow::Cow;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    QuoteNumber, Sen,
    calendar::start_of_day,
    money::Percent,
    party::{Contact, Email},
    policy::Deployment,
};

/// The kind of an entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A licence without an end (R93).
    Perpetual,
    /// A licence for a term.
    Term,
    /// A subscription that the vendor hosts for a term; there is no key (R53).
    Subscription,
}

/// One customer's right to one product, under one SEN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// Its number.
    pub sen: Sen,
    /// The version of the stored record: one more with every change.
    #[serde(default = "first", skip_serializing_if = "is_first")]
    pub version: u64,
    /// The kind.
    pub kind: Kind,
    /// The product's id.
    pub product: String,
    /// The product's name at the time of the sale.
    pub product_name: String,
    /// The organisation that may use it.
    pub licensee: String,
    /// The person who reads the key (R78).
    pub technical_contact: Contact,
    /// The current statement.
    #[serde(flatten)]
    pub statement: Statement,
    /// The quote that sold the entitlement and whose money was returned. Nothing more can be ordered for the entitlement, and
    /// its key is no longer shown (R87).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_by: Option<QuoteNumber>,
    /// The quote that moved the entitlement to the cloud. Its unused time is credited once (R62).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub migrated_by: Option<QuoteNumber>,
    /// The earlier statements under this number, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Statement>,
}

fn first() -> u64 {
    1
}

fn is_first(version: &u64) -> bool {
    *version == first()
}

/// Why nothing more can be ordered for an entitlement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// Its money was returned (R87).
    Refunded,
    /// The entitlement moved to the cloud (R62).
    Migrated,
}

/// An edition and a tier that begin on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The first day.
    pub from: Date,
    /// The first instant of that day in the vendor's time zone. `None` in a record that was stored without it: the day then begins
    /// in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<Timestamp>,
    /// The edition; `None` for a product without editions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The tier, in users.
    pub tier: u32,
}

/// The entitlement changed after a line for it was priced. Delivering the line would grant what was not paid for, or take away
/// what was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntitlementChanged;

/// What an entitlement states since a sale: grade, dates, purchaser and key. The key of an earlier statement stays valid for
/// what that states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The quote of the sale; `None` for an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote: Option<QuoteNumber>,
    /// The line of that quote; 0 without a quote.
    pub line: u32,
    /// The product's edition; `None` for a product without editions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The highest number of users.
    pub tier: u32,
    /// The company that bought it, as named in the order (R49).
    pub purchaser: String,
    /// The person who bought it.
    pub purchaser_contact: Contact,
    /// The organisation that bought it as a member of a programme, as the issuer of its tokens names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// The member of a programme that sold the licence or its last renewal. A renewal through this member may get the
    /// programme's discount (E6). An upgrade that another seller sells does not change this member.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<String>,
    /// The day of the completing payment, from which the term or the maintenance counts (R81, R95).
    pub purchased: Date,
    /// For a perpetual licence, the first day without maintenance (R95).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_end: Option<Date>,
    /// For a term licence or a subscription, the first day that is not covered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_end: Option<Date>,
    /// The segment's discount that the current term was sold with; `None` for an import, for which the discount is unknown.
    /// Unused time is credited at the price that was paid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Percent>,
    /// A lower grade that is ordered for the next term (E18).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Next>,
    /// When the statement was issued.
    pub issued_at: Timestamp,
    /// The signed licence file; `None` for a subscription and for an import.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<LicenseKey>,
}

/// A signed licence file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseKey {
    /// The id of the key that signed the file.
    pub key_id: String,
    /// The file's text; empty in an entitlement that was read without its files, such as one of the
    /// [facts](crate::request::Facts) of an order. Such an entitlement cannot be stored.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub text: String,
}

impl std::fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LicenseKey({}, ‹key›)", self.key_id)
    }
}

/// The claims of a caller's token that decide which licences the caller may see.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// The e-mail address, if the issuer states that it is verified.
    pub email: Option<Email>,
    /// The organisation.
    pub organization: Option<String>,
}

impl Entitlement {
    /// The entitlement as this caller may see it, or `None`. The technical contact sees the current statement (R54), and so
    /// does its purchaser. A purchaser of an earlier statement sees that statement (R49). A purchaser is the organisation or
    /// the person who bought, because many unaffiliated resellers are one person. The issuer of tokens must assign the names of
    /// organisations: a caller that can choose a name can choose a purchaser's.
    pub fn visible_to(&self, claims: &Claims) -> Option<Cow<'_, Self>> {
        let technical = claims.email.as_ref().is_some_and(|email| self.technical_contact.email == *email);
        if technical || claims.bought(&self.statement) {
            return Some(Cow::Borrowed(self));
        }
        let bought = self.earlier.iter().rev().find(|statement| claims.bought(statement))?;
        let statement = Statement { next: None, ..bought.clone() };
        Some(Cow::Owned(Self { statement, earlier: Vec::new(), ..self.clone() }))
    }

    /// The signed licence files: that of the current statement, if it has one, and those of the earlier statements.
    pub fn files(&mut self) -> impl Iterator<Item = &mut LicenseKey> {
        self.statement.file.iter_mut().chain(self.earlier.iter_mut().filter_map(|earlier| earlier.file.as_mut()))
    }

    /// The first day that is not covered, by the term or by the maintenance.
    pub fn end(&self) -> Option<Date> {
        self.statement.end()
    }

    /// Whether a line of a quote is delivered to the entitlement already.
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

    /// The lower grade that begins after `day`, if one is ordered (E18). Until it begins nothing else can be ordered for the
    /// entitlement, because a price would have to count time in two grades.
    pub fn lowered_after(&self, day: Date) -> Option<&Next> {
        self.statement.next.as_ref().filter(|next| next.from > day)
    }

    /// The key that is valid at an instant, and the later key of a lower grade that begins after it. Before that grade begins, the
    /// earlier key is valid, because the current term was paid for at the higher grade (E18, R54).
    pub fn keys_at(&self, now: Timestamp) -> Option<(&LicenseKey, Option<(&Next, &LicenseKey)>)> {
        let current = self.statement.file.as_ref();
        let next = self.statement.next.as_ref().filter(|next| !next.has_begun(now));
        match next.zip(self.earlier.last().and_then(|earlier| earlier.file.as_ref())) {
            Some((next, earlier)) => {
                Some((earlier, current.filter(|current| *current != earlier).map(|current| (next, current))))
            }
            None => current.map(|current| (current, None)),
        }
    }

    /// Why nothing more can be ordered; `None` while the entitlement is open.
    pub fn closed(&self) -> Option<Closed> {
        let refunded = self.refunded_by.as_ref().map(|_| Closed::Refunded);
        refunded.or(self.migrated_by.as_ref().map(|_| Closed::Migrated))
    }

    /// Whether nothing more can be ordered.
    pub fn is_closed(&self) -> bool {
        self.closed().is_some()
    }

    /// The entitlement without the effects of a quote whose money was returned, or that could not be delivered. The earlier
    /// statement applies again, with its key, and a migration to the cloud is undone (R87). The entitlement is closed instead
    /// when the quote created it, or when a later quote changed it since; a person then decides about the later quote. `None`
    /// when the quote has no effect on the entitlement, or when it is closed already.
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

    /// Whether later sales depend on what was taken back of a quote: the entitlement is closed together with later statements,
    /// or it was credited to a move to the cloud. A person then decides.
    pub fn is_built_on(&self, quote: &QuoteNumber) -> bool {
        self.migrated_by.is_some() || self.refunded_by.as_ref() == Some(quote) && !self.earlier.is_empty()
    }

    /// The entitlement, closed because a quote moves it to the cloud. `Ok(None)` when this quote did so before; `Err` when the
    /// entitlement is closed for another reason or has a lower grade ordered.
    pub fn migrated(&self, by: &QuoteNumber, on: Date) -> Result<Option<Self>, EntitlementChanged> {
        match &self.migrated_by {
            Some(known) if known == by => Ok(None),
            _ if self.is_closed() || self.lowered_after(on).is_some() => Err(EntitlementChanged),
            _ => Ok(Some(Self { version: self.version + 1, migrated_by: Some(by.clone()), ..self.clone() })),
        }
    }
}

impl Next {
    /// Whether the grade has begun at an instant.
    pub fn has_begun(&self, now: Timestamp) -> bool {
        now >= self.starts_at.unwrap_or_else(|| start_of_day(self.from, &TimeZone::UTC))
    }
}

impl Statement {
    /// The first day that is not covered, by the term or by the maintenance.
    pub fn end(&self) -> Option<Date> {
        self.term_end.or(self.maintenance_end)
    }

    pub(crate) fn is(&self, quote: &QuoteNumber, line: u32) -> bool {
        self.quote.as_ref() == Some(quote) && self.line == line
    }
}

impl Claims {
    fn bought(&self, statement: &Statement) -> bool {
        let person = self.email.as_ref().is_some_and(|email| statement.purchaser_contact.email == *email);
        // A company name is typed by the buyer and proves nothing. `organization` is one that staff have enrolled.
        let enrolled = statement.organization.as_deref();
        let organization =
            self.organization.as_ref().is_some_and(|name| enrolled.is_some_and(|of| name.eq_ignore_ascii_case(of)));
        person || organization
    }
}

/// The kind of the entitlements to products with this deployment.
pub fn kind(deployment: Deployment) -> Kind {
    match deployment {
        Deployment::SelfManagedPerpetual { .. } => Kind::Perpetual,
        Deployment::SelfManagedTerm => Kind::Term,
        Deployment::AnnualCloud | Deployment::MonthlyCloud | Deployment::GovernmentCloud => Kind::Subscription,
    }
}
