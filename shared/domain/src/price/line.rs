//! The input and the result of pricing: what one line orders, what all lines share, and the priced line with its steps.

use jiff::civil::Date;
use num_rational::Ratio;
use serde::{Deserialize, Serialize};

use crate::{
    Code, Currency, Sen,
    channel::ChannelStatus,
    license::Entitlement,
    money::{Percent, Rational, half_up},
    party::Contact,
    policy::{Deployment, LineKind},
};

/// What one line orders, with the facts about the customer's entitlements that its price depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// What the line does.
    pub kind: LineKind,
    /// The product's id.
    pub product: String,
    /// The edition ordered; `None` for a product without editions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// The users ordered. The tier follows from this number.
    pub users: u32,
    /// Months of the term, or of maintenance; 0 when a date says when it ends.
    pub months: u32,
    /// The end date of a line that is not ordered by months.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// The entitlement that the line changes; `None` for a line of kind `new`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The self-managed entitlement that this line replaces in the cloud (R62).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Held>,
    /// The host of the customer's existing cloud site that a new line is for (R7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
}

/// An entitlement that the customer had when the line was priced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its number.
    pub sen: Sen,
    /// Its product.
    pub product: String,
    /// Its edition; `None` for a product without editions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Its tier.
    pub tier: u32,
    /// The first day that is not covered, by the term or by the maintenance.
    pub end: Date,
    /// Whether the member that buys now sold the entitlement or its last renewal (E6).
    #[serde(default)]
    pub same_partner: bool,
    /// The segment's discount that the entitlement was sold with; `None` for an import, for which the discount is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Percent>,
    /// The first day of a lower grade that was sold (E18). Nothing else can be ordered for the entitlement until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowered_from: Option<Date>,
    /// The entitlement's technical contact, if the order names another person. This contact gets a letter about the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technical_contact: Option<Contact>,
}

impl Held {
    /// The facts about an entitlement that a price depends on; `None` for an entitlement without an end, which cannot be
    /// renewed.
    pub(crate) fn of(entitlement: &Entitlement, channel: &ChannelStatus, today: Date) -> Option<Self> {
        let seller = entitlement.statement.partner.as_deref();
        let (edition, tier) = entitlement.grade(today);
        Some(Self {
            sen: entitlement.sen.clone(),
            product: entitlement.product.clone(),
            edition: edition.map(str::to_owned),
            tier,
            end: entitlement.end()?,
            same_partner: seller.zip(channel.organization()).is_some_and(|(sold, buys)| sold.eq_ignore_ascii_case(buys)),
            discount: entitlement.statement.discount,
            lowered_from: entitlement.lowered_after(today).map(|next| next.from),
            technical_contact: None,
        })
    }

    /// The share of the list price that was paid; `None` when the discount is unknown.
    pub(super) fn paid(&self) -> Option<Rational> {
        self.discount.map(Percent::rest)
    }
}

/// What all lines of an order share.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'b> {
    /// The day whose prices apply.
    pub on: Date,
    /// The currency of the document.
    pub currency: Currency,
    /// The seller's standing in the channel.
    pub channel: &'b ChannelStatus,
    /// The claims about the end customer's segments.
    pub segments: &'b [SegmentClaim],
}

/// A claim that the end customer belongs to a segment, as it was judged at issue (R58).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentClaim {
    /// The segment's id.
    pub segment: String,
    /// The reference of the evidence that the claim names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The registration number that the claim states (R59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// The country of that register: ISO 3166-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// A reference to the document that proves the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Whether the claim counts.
    pub standing: ClaimStanding,
}

/// Whether a claim counts for the price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStanding {
    /// The desk has verified evidence for it.
    Proven,
    /// A person must review the claim. List price applies until then.
    Pending,
    /// The claim lacks a required statement (R59). List price applies.
    Incomplete,
    /// A reviewer found no proof. List price applies.
    Declined,
}

/// A priced line of a quote, with everything that issuing the licence needs later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The line's number on the document: 1, 2, 3 …
    pub line: u32,
    /// What was ordered.
    #[serde(flatten)]
    pub order: OrderLine,
    /// The product's name when the quote was issued.
    pub product_name: String,
    /// How the product is delivered and for how long it may be used.
    pub deployment: Deployment,
    /// The tier that was priced: the highest number of users that it allows.
    pub tier: u32,
    /// The first covered day, as known before the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// The first day that is no longer covered, as known before the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// The product's tax category in the tax tables.
    #[serde(default = "standard", skip_serializing_if = "is_standard")]
    pub tax_category: String,
    /// The steps of the price. Their exact amounts add up to `amount`.
    pub steps: Vec<Step>,
    /// Remarks about the price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<LineNote>,
    /// The net amount, in minor units of the document's currency.
    pub amount: i64,
}

fn standard() -> String {
    "standard".to_owned()
}

fn is_standard(category: &str) -> bool {
    category == "standard"
}

/// One step of a price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What the step does.
    pub rule: Rule,
    /// The exact change of the price, in minor units.
    pub exact: Exact,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "snake_case")]
pub enum Rule {
    /// The list price of the tier: for twelve months, for the perpetual licence, or for a month of monthly cloud.
    ListPrice {
        /// The tier's users.
        tier: u32,
    },
    /// Renewing the maintenance of a perpetual licence costs a part of the list price (E17).
    Maintenance {
        /// The percentage of the list price.
        percent: Percent,
    },
    /// A term that is longer or shorter than the twelve months of the list price.
    Term {
        /// The months covered.
        months: u32,
    },
    /// A term that is counted in days (E11).
    Days {
        /// The days covered; a year has 365.
        days: i32,
    },
    /// The end customer's segment (R58).
    Segment {
        /// The segment's id.
        segment: String,
        /// The discount.
        percent: Percent,
    },
    /// A credit for the unused time of the tier that the customer has (E13).
    UpgradeCredit {
        /// The entitlement.
        sen: Sen,
        /// Its tier.
        tier: u32,
        /// The unused days, a year having 365; `None` for a perpetual licence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        days: Option<i32>,
    },
    /// A credit for the unused time of the self-managed licence that moves to the cloud (E10).
    StepUpCredit {
        /// The entitlement.
        sen: Sen,
        /// The unused days; a year has 365.
        days: i32,
    },
    /// The seller's programme (R56).
    Channel {
        /// The programme's id.
        programme: String,
        /// The tier in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<String>,
        /// The discount.
        percent: Percent,
    },
    /// Rounding, by the vendor's policy.
    Rounding,
}

/// A remark about a line's price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum LineNote {
    /// No programme discount, because the programme discounts a renewal only for the member that sold the entitlement (E6).
    RenewalNotSamePartner,
    /// A credit was larger than the price. The rest lapses and is not paid out (E10).
    CreditLapsed {
        /// The lapsed amount, in minor units.
        amount: i64,
    },
    /// The claimed migration does not apply (R62).
    MigrationNotApplicable {
        /// Why it does not apply.
        reason: MigrationRefusal,
    },
}

/// Why a claimed migration to the cloud does not apply (R62).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationRefusal {
    /// The policy has no migration offer for this line on this day.
    NotOffered,
    /// The entitlement does not exist or is another customer's. The response does not reveal which.
    NotMatched,
    /// The entitlement is not self-managed, has ended, was credited before, or has a lower grade ordered.
    NotActive,
}

/// An exact number of minor units, stored as `"4200000"` or `"1335475/10"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exact(pub Rational);

impl Serialize for Exact {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(|_| serde::de::Error::custom(format!("`{text}` is not a rational number")))
    }
}

impl Line {
    /// The steps as whole minor units that add up to the amount. Each shows the change of the *rounded* price; a step without
    /// such a change is left out.
    pub fn shown_steps(&self) -> impl Iterator<Item = (&Rule, i64)> + '_ {
        let mut exact = Ratio::from(0);
        let mut shown = 0;
        let steps = self.steps.iter().enumerate().map(move |(i, step)| {
            exact += step.exact.0;
            let after = if i + 1 == self.steps.len() { self.amount } else { half_up(exact) };
            let moved = after - shown;
            shown = after;
            (&step.rule, moved)
        });
        steps.filter(|(_, moved)| *moved != 0)
    }
}

/// Why a line cannot be sold as it is ordered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// The code of the refusal.
    pub code: Code,
    /// The member of the request's line that is at fault.
    pub member: &'static str,
    /// What is wrong and what to do, for people.
    pub detail: String,
    /// The values that would be accepted, for programs. Empty: they cannot be listed.
    pub allowed: Vec<String>,
}

pub(super) fn no<T>(code: Code, member: &'static str, detail: impl Into<String>) -> Result<T, Unavailable> {
    Err(Unavailable { code, member, detail: detail.into(), allowed: Vec::new() })
}
