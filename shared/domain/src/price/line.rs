//! What is priced, and the priced line: what one line orders, what all lines share, and the steps of the price.

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

/// What one line asks for, with the facts about what the customer has that its price depends on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// What the line does.
    pub kind: LineKind,
    /// The product's id.
    pub product: String,
    /// The edition wanted; none for a product without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Users wanted: the tier follows from it.
    pub users: u32,
    /// Months of the term, or of maintenance; 0 when a date says when it ends.
    pub months: u32,
    /// The date that it ends on, for what is not bought by the month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Date>,
    /// What the customer has, for everything but `new`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<Held>,
    /// The self-managed entitlement that this replaces in the cloud (R62).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Held>,
}

/// An entitlement that the customer had when the line was priced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// Its number.
    pub sen: Sen,
    /// Its product.
    pub product: String,
    /// Its edition; none for a product without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edition: Option<String>,
    /// Its tier.
    pub tier: u32,
    /// The first day that it does not cover: of the term, or of the maintenance.
    pub end: Date,
    /// Whether the member that buys now sold it, or sold its last renewal (E6).
    #[serde(default)]
    pub same_partner: bool,
    /// The segment's discount that it was sold with; unknown for what the desk brought in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discount: Option<Percent>,
    /// From when on it was sold for less (E18): nothing else can be ordered for it until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lowered_from: Option<Date>,
    /// Who reads its key, if that is another person than the order names: they are told of what is bought for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technical_contact: Option<Contact>,
}

impl Held {
    /// What a price has to know of an entitlement; `None` for one without an end, of which nothing can be renewed.
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

    /// The part of the list price that was paid for it, as far as that is known.
    pub(super) fn paid(&self) -> Option<Rational> {
        self.discount.map(Percent::rest)
    }
}

/// What all lines of an order share.
#[derive(Debug, Clone, Copy)]
pub struct Basis<'b> {
    /// The day that prices are of.
    pub on: Date,
    /// The currency of the document.
    pub currency: Currency,
    /// Who sells it.
    pub channel: &'b ChannelStatus,
    /// What is claimed of the end customer.
    pub segments: &'b [SegmentClaim],
}

/// A claim that the end customer belongs to a segment, as it stood at issue (R58).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentClaim {
    /// The segment's id.
    pub segment: String,
    /// The evidence that was named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
    /// The number under which the end customer says that it is registered (R59).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registration_number: Option<String>,
    /// The country whose register that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Where the document is that proves it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    /// Whether it counts.
    pub standing: ClaimStanding,
}

/// Whether a claim counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClaimStanding {
    /// The desk has verified evidence for it.
    Proven,
    /// Somebody must look at it: list price until then.
    Pending,
    /// It does not say what it must (R59): list price.
    Incomplete,
    /// A person has looked, and nothing proves it: list price.
    Declined,
}

/// A line of an issued quote, with everything that issuing a licence later needs to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// 1, 2, 3 … on this document.
    pub line: u32,
    /// What was asked for.
    #[serde(flatten)]
    pub order: OrderLine,
    /// The product's name when the quote was issued.
    pub product_name: String,
    /// How it is delivered and for how long it may be used.
    pub deployment: Deployment,
    /// The tier that was priced: the most users that it allows.
    pub tier: u32,
    /// The first day that the price covers, as far as is known before the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Date>,
    /// The first day that it no longer covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// What tax tables call it.
    #[serde(default = "standard", skip_serializing_if = "is_standard")]
    pub tax_category: String,
    /// How the amount came about. The steps' exact amounts add up to `amount`.
    pub steps: Vec<Step>,
    /// What a reader should know about the price.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<LineNote>,
    /// Net, in minor units of the document's currency.
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
    /// What happened.
    pub rule: Rule,
    /// By how much the price changed, exactly.
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
        /// Which part.
        percent: Percent,
    },
    /// More or less than the twelve months that the list price covers.
    Term {
        /// Months covered in all.
        months: u32,
    },
    /// A term that is counted in days (E11).
    Days {
        /// Days covered, of 365.
        days: i32,
    },
    /// The end customer's segment (R58).
    Segment {
        /// The segment's id.
        segment: String,
        /// How much less.
        percent: Percent,
    },
    /// What is unused of the tier that the customer has (E13).
    UpgradeCredit {
        /// The entitlement.
        sen: Sen,
        /// Its tier.
        tier: u32,
        /// Days unused, of 365; none for a perpetual licence.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        days: Option<i32>,
    },
    /// What is unused of the self-managed licence that moves to the cloud (E10).
    StepUpCredit {
        /// The entitlement.
        sen: Sen,
        /// Days unused, of 365.
        days: i32,
    },
    /// The seller's programme (R56).
    Channel {
        /// The programme's id.
        programme: String,
        /// The tier in it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tier: Option<String>,
        /// How much less.
        percent: Percent,
    },
    /// Rounding, by the vendor's policy.
    Rounding,
}

/// What a reader should know about a line's price.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum LineNote {
    /// The programme discounts renewals only for the member that sold what is renewed (E6).
    RenewalNotSamePartner,
    /// A credit was larger than the price. The rest is not paid out, and lapses (E10).
    CreditLapsed {
        /// In minor units.
        amount: i64,
    },
    /// The claimed migration does not count (R62).
    MigrationNotApplicable {
        /// What stands against it.
        reason: MigrationRefusal,
    },
}

/// Why a claimed migration to the cloud does not count (R62).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MigrationRefusal {
    /// The vendor has no such offer, or none for this line on this day.
    NotOffered,
    /// There is no such entitlement, or it is not this customer's: nobody can tell which.
    NotMatched,
    /// It is not self-managed, has ended, was credited before, or is about to become less.
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
    /// The steps as whole minor units that add up to the amount: each shows by how much the *rounded* price moved. One that
    /// did not move it is not shown.
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

/// Why a line cannot be had, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unavailable {
    /// What kind of no.
    pub code: Code,
    /// The member of the request's line that it is about.
    pub member: &'static str,
    /// What to do, for people.
    pub detail: String,
}

pub(super) fn no<T>(code: Code, member: &'static str, detail: impl Into<String>) -> Result<T, Unavailable> {
    Err(Unavailable { code, member, detail: detail.into() })
}
