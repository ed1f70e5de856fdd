//! What a revision of a quote offers: the order, its taxes and its total, until when it can be paid and how.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    Currency, Money, Policy,
    calendar::{business_days_after, day_of, days_after, days_between, start_of_day},
    channel::ChannelStatus,
    fault::{Faults, Refusal},
    method::{self, MethodOffer},
    order::{Acceptance, Order, PurchasingFor, ReviewReason, Warning},
    party::{Address, Contact, Party},
    payment::Method,
    policy::Situs,
    price::{self, Basis, Line, LineNote, SegmentClaim, Unavailable},
    request::{Facts, Origin, Request},
    tax::{Assessment, Sale, TaxClaim, TaxLine, TaxNote, Taxes},
};

/// What a revision offers. It never changes once it is issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// 1, 2, 3 …
    pub revision: u32,
    /// When it was issued; while a person looks at it, when it was asked for.
    pub issued_at: Timestamp,
    /// When it was asked for, if a person looked at it before it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// What was asked for, when the review has judged its claims: what a repeated request is answered with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_submitted: Option<Box<Self>>,
    /// The vendor's time zone then: the calendar of everything below.
    pub timezone: String,
    /// The last day on which it can be paid.
    pub valid_through: Date,
    /// The first instant at which it no longer can.
    pub expires_at: Timestamp,
    /// The policy that it was priced with.
    pub policy_version: String,
    /// The day that its prices are of; the day of issue, when it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priced_on: Option<Date>,
    /// Hash of the request: the same request again is not a new revision.
    pub request_hash: String,
    /// Which link key its secret is made with.
    pub link_key: String,
    /// Who asked for it, if they signed in: the subject of their token (R34).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// For whom it is bought.
    pub purchasing_for: PurchasingFor,
    /// The reseller, exactly when it buys for a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseller: Option<Party>,
    /// The licensee.
    pub customer: Party,
    /// Who receives the key.
    pub technical_contact: Contact,
    /// The reseller's status in the vendor's channel, frozen at issue (R4).
    pub channel: ChannelStatus,
    /// What is claimed of the end customer (R58).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentClaim>,
    /// The currency of every amount here.
    pub currency: Currency,
    /// What is offered.
    pub lines: Vec<Line>,
    /// Sum of the lines.
    pub net: i64,
    /// Taxes.
    pub taxes: Vec<TaxLine>,
    /// Whose address decided about them (R90).
    #[serde(default, skip_serializing_if = "Situs::is_default")]
    pub situs: Situs,
    /// The buyer's certificates that count (R91).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_claims: Vec<TaxClaim>,
    /// What documents must say about taxes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_notes: Vec<TaxNote>,
    /// To pay.
    pub total: i64,
    /// Every payment method, and why not.
    pub methods: Vec<MethodOffer>,
    /// What was accepted (R6, R21).
    pub acceptance: Acceptance,
    /// The buyer's reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub po_number: Option<String>,
    /// Additional Notes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The language of its letters and documents.
    pub locale: String,
    /// Odd, but allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Why a person must look at it before it is issued (R32).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub review: Vec<ReviewReason>,
    /// Until when somebody has promised to look (R33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Date>,
}

/// What the world contributes to an issued quote.
#[derive(Clone)]
pub struct IssueContext<'a> {
    /// When and from where it was asked for.
    pub origin: Origin,
    /// Hash of the request's content.
    pub request_hash: String,
    /// The id of the key that the offer's link is made with.
    pub link_key: &'a str,
}

impl Offer {
    /// Checks and prices a request: everything but the number. The first revision; [`Quote::revise`] counts on.
    /// `read` holds what was wrong with the request's form, so that all faults are told at once.
    pub fn make(
        request: &Request,
        mut read: Faults,
        facts: &Facts,
        policy: &Policy,
        context: &IssueContext<'_>,
    ) -> Result<Self, Refusal> {
        let today = day_of(context.origin.at, &policy.timezone);
        let mut faults = Faults::default();
        let order = request.check(policy, facts, &context.origin, today, &mut faults);
        read.absorb(faults);
        Ok(Self::of(read.into_result(order)?, policy, context))
    }

    fn of(order: Order, policy: &Policy, context: &IssueContext<'_>) -> Self {
        let now = context.origin.at;
        let today = day_of(now, &policy.timezone);
        let net = order.lines.iter().map(|line| line.amount).sum();
        let billing = &order.reseller.as_ref().unwrap_or(&order.customer).address;
        let Assessment { situs, taxes, notes } =
            assess(&order.lines, billing, &order.customer.address, &order.tax_claims, today, &policy.tax);
        let total = net + taxes.iter().map(|tax| tax.amount).sum::<i64>();
        let mut review = order.review;
        let limit = policy.review.above.iter().find(|(currency, _)| *currency == order.currency);
        if limit.is_some_and(|(_, most)| total > *most) {
            review.push(ReviewReason::AmountAboveLimit);
        }
        if total == 0 {
            review.push(ReviewReason::NothingToPay);
        }
        let (valid_through, expires_at) = validity(today, policy.validity_days, &policy.timezone);
        Self {
            revision: 1,
            issued_at: now,
            submitted_at: None,
            as_submitted: None,
            timezone: policy.timezone.iana_name().unwrap_or("UTC").to_owned(),
            valid_through,
            expires_at,
            policy_version: policy.version.clone(),
            priced_on: Some(today),
            request_hash: context.request_hash.clone(),
            link_key: context.link_key.to_owned(),
            requested_by: context.origin.subject.clone(),
            methods: method::methods(policy, order.currency, &order.lines, net, total),
            purchasing_for: order.purchasing_for,
            reseller: order.reseller,
            customer: order.customer,
            technical_contact: order.technical_contact,
            channel: order.channel,
            segments: order.segments,
            currency: order.currency,
            lines: order.lines,
            net,
            taxes,
            situs,
            tax_claims: order.tax_claims,
            tax_notes: notes,
            total,
            acceptance: order.acceptance,
            po_number: order.po_number,
            notes: order.notes,
            locale: order.locale,
            warnings: order.warnings,
            review_due: (!review.is_empty()).then(|| business_days_after(today, policy.review.business_days)),
            review,
        }
    }

    /// The lines and taxes, computed again from what the offer keeps. With the policy that it names, they come out as
    /// they are in it, however many years later.
    pub fn priced_again(&self, policy: &Policy) -> Result<(Vec<Line>, Assessment), Unavailable> {
        let on = self.priced_on.unwrap_or_else(|| self.issued_on());
        let basis = Basis { on, currency: self.currency, channel: &self.channel, segments: &self.segments };
        let again = |line: &Line| {
            let mut priced = price::line(line.line, &line.order, &basis, policy)?;
            // That a migration was refused is a fact about the request, and not about the price.
            let refused = line.notes.iter().filter(|note| matches!(note, LineNote::MigrationNotApplicable { .. })).cloned();
            priced.notes = refused.chain(priced.notes).collect();
            Ok(priced)
        };
        let lines = self.lines.iter().map(again).collect::<Result<Vec<_>, _>>()?;
        let assessment = assess(&lines, &self.bill_to().address, &self.customer.address, &self.tax_claims, on, &policy.tax);
        Ok((lines, assessment))
    }

    /// Who is billed: the reseller, or the customer that buys for itself (R19).
    pub fn bill_to(&self) -> &Party {
        self.reseller.as_ref().unwrap_or(&self.customer)
    }

    /// Who asked for the quote and gets its copy (R22).
    pub fn requester(&self) -> &Contact {
        &self.bill_to().contact
    }

    /// What is to pay.
    pub fn due(&self) -> Money {
        Money::new(self.total, self.currency)
    }

    /// The vendor's time zone when this was issued.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC)
    }

    /// The day of issue in the vendor's time zone.
    pub fn issued_on(&self) -> Date {
        day_of(self.issued_at, &self.zone())
    }

    /// Whether it may be paid by this method.
    pub fn admits(&self, method: Method) -> bool {
        self.methods.iter().any(|offer| offer.method == method && offer.refused.is_none())
    }

    /// It, as if issued at another instant: its validity counts from there (R35).
    pub(super) fn issued(mut self, at: Timestamp) -> Self {
        let zone = self.zone();
        let days = days_between(self.issued_on(), self.valid_through);
        self.issued_at = at;
        (self.valid_through, self.expires_at) = validity(day_of(at, &zone), days, &zone);
        self
    }

    /// Whether it offers the same for the same request: who sells it, what is proven, prices, taxes, methods and what the
    /// customer has may have moved since.
    pub(super) fn offers_the_same(&self, other: &Self) -> bool {
        let about = |line: &Line| (line.amount, line.order.held.clone(), line.order.source.clone());
        let lines = |offer: &Self| offer.lines.iter().map(about).collect::<Vec<_>>();
        (&self.request_hash, &self.channel, &self.segments, &self.review)
            == (&other.request_hash, &other.channel, &other.segments, &other.review)
            && (&self.taxes, &self.tax_notes, &self.methods) == (&other.taxes, &other.tax_notes, &other.methods)
            && lines(self) == lines(other)
    }
}

/// The last day on which an offer of `today` can be paid, and the first instant at which it no longer can.
fn validity(today: Date, days: i32, zone: &TimeZone) -> (Date, Timestamp) {
    let valid_through = days_after(today, days);
    (valid_through, start_of_day(days_after(valid_through, 1), zone))
}

fn assess(
    lines: &[Line],
    billing: &Address,
    customer: &Address,
    claims: &[TaxClaim],
    on: Date,
    taxes: &impl Taxes,
) -> Assessment {
    let amounts: Vec<_> = lines.iter().map(|line| (&*line.tax_category, line.amount)).collect();
    taxes.assess(&Sale { on, billing, customer, claims, amounts: &amounts })
}
