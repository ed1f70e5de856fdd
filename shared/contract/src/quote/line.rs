//! A line of a quote: what it orders, and how its price is computed.

use domain::{
    Sen,
    policy::LineKind,
    price::{Line, LineNote, MigrationRefusal, Rule},
};
use jiff::civil::Date;
use serde::Serialize;

/// A line with the explanation of its price.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LineView<'q> {
    pub line: u32,
    pub kind: LineKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sen: Option<&'q Sen>,
    pub product: &'q str,
    pub name: &'q str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'q str>,
    pub deployment: &'static str,
    pub users: u32,
    pub tier: u32,
    /// Absent when the line ends on a given date.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term_months: Option<u32>,
    /// The host of the customer's existing cloud site that a new line is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<&'q str>,
    /// The first covered day: as delivered, and before that, if the quote is paid on the day of issue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Date>,
    /// The first day that is no longer covered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Date>,
    /// The steps add up to the amount.
    pub explanation: Vec<StepView<'q>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
    pub amount: i64,
}

/// A remark on a line's price.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct NoteView {
    pub code: &'static str,
    pub detail: String,
    /// Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
}

/// A step in the computation of a price.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct StepView<'q> {
    #[serde(flatten)]
    pub rule: &'q Rule,
    pub detail: String,
    pub amount: i64,
}

pub(super) fn line(line: &Line) -> LineView<'_> {
    let order = &line.order;
    LineView {
        line: line.line,
        kind: order.kind,
        sen: order.held.as_ref().map(|held| &held.sen),
        product: &order.product,
        name: &line.product_name,
        edition: order.edition.as_deref(),
        deployment: line.deployment.as_str(),
        users: order.users,
        tier: line.tier,
        term_months: (order.months > 0).then_some(order.months),
        site: order.site.as_deref(),
        starts: line.start,
        ends: line.end,
        explanation: line.shown_steps().map(|(rule, amount)| StepView { rule, detail: step(rule), amount }).collect(),
        notes: line.notes.iter().map(note).collect(),
        amount: line.amount,
    }
}

fn step(rule: &Rule) -> String {
    match rule {
        Rule::ListPrice { tier } => format!("List price of the tier of {tier} users."),
        Rule::Maintenance { percent } => format!("Maintenance costs {percent} of the list price."),
        Rule::Term { months } => format!("{months} months; the list price covers 12 months."),
        Rule::Days { days } => format!("{days} days; the list price covers 365 days."),
        Rule::Segment { segment, percent } => format!("{percent} discount for the segment `{segment}`."),
        Rule::UpgradeCredit { sen, tier, days: Some(days) } => {
            format!("Credit for {days} unused days of the tier of {tier} users of {sen}.")
        }
        Rule::UpgradeCredit { sen, tier, days: None } => format!("Credit for the tier of {tier} users of {sen}."),
        Rule::StepUpCredit { sen, days } => format!("Credit for {days} unused days of {sen}, which migrates to the cloud."),
        Rule::Channel { programme, tier: Some(tier), percent } => format!("{percent} discount for `{programme}`, tier `{tier}`."),
        Rule::Channel { programme, tier: None, percent } => format!("{percent} discount for `{programme}`."),
        Rule::Rounding => "Rounding by the vendor's policy.".to_owned(),
    }
}

fn note(note: &LineNote) -> NoteView {
    match note {
        LineNote::RenewalNotSamePartner => NoteView {
            code: "renewal_not_same_partner",
            detail: "A renewal is discounted only for the programme member that sold the renewed entitlement.".to_owned(),
            amount: None,
        },
        LineNote::CreditLapsed { amount } => NoteView {
            code: "credit_lapsed",
            detail: "The credit is larger than the price. The rest of the credit lapses.".to_owned(),
            amount: Some(*amount),
        },
        LineNote::MigrationNotApplicable { reason } => {
            let why = match reason {
                MigrationRefusal::NotOffered => "it is not offered for this line today",
                MigrationRefusal::NotMatched => "no such entitlement belongs to this contact and customer",
                MigrationRefusal::NotActive => "the entitlement is not an active self-managed licence, or was credited before",
            };
            NoteView {
                code: "migration_not_applicable",
                detail: format!("The discount for migrating to the cloud does not apply: {why}."),
                amount: None,
            }
        }
    }
}
