//! The offer of a revision: the order, its taxes and total, and until when and how it can be paid.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use super::history::Reviewer;
use crate::{
    Currency, Money, Policy,
    calendar::{business_days_after, day_of, days_after, days_between, start_of_day},
    channel::ChannelStatus,
    fault::{Faults, Refusal},
    method::{self, MethodOffer},
    order::{Acceptance, Order, PurchasingFor, ReviewReason, Warning},
    party::{Address, Contact, Email, Party},
    payment::Method,
    policy::Situs,
    price::{self, Basis, ClaimStanding, Line, LineNote, SegmentClaim, Unavailable},
    request::{Facts, Origin, Request},
    tax::{Assessment, Sale, TaxClaim, TaxLine, TaxNote, Taxes},
};

/// The offer of a revision. An issued offer never changes. All amounts are in minor units of `currency`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Offer {
    /// The number of the revision: 1, 2, 3 …
    pub revision: u32,
    /// When the offer was issued; while it is in review, when it was requested.
    pub issued_at: Timestamp,
    /// When the offer was requested, if it was in review before it was issued.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submitted_at: Option<Timestamp>,
    /// The offer before the review judged its claims: the response to a repeated request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub as_submitted: Option<Box<Self>>,
    /// The vendor's IANA time zone at issue. All days below are in this zone.
    pub timezone: String,
    /// The last day on which the offer can be paid.
    pub valid_through: Date,
    /// The first instant at which the offer can no longer be paid.
    pub expires_at: Timestamp,
    /// The version of the policy that the offer was priced with.
    pub policy_version: String,
    /// The day whose prices apply; when absent, the day of issue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priced_on: Option<Date>,
    /// Hash of the request. Repeating the request is not a new revision.
    pub request_hash: String,
    /// The id of the key that makes the secret of the offer's link.
    pub link_key: String,
    /// The requester, if signed in: the subject of the token (R34).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by: Option<String>,
    /// The e-mail address that the requester's token proved. `None` also for offers that were stored without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested_by_address: Option<Email>,
    /// Whether a reseller buys for a customer.
    pub purchasing_for: PurchasingFor,
    /// The reseller; present exactly when it buys for a customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reseller: Option<Party>,
    /// The licensee.
    pub customer: Party,
    /// The person who receives the key.
    pub technical_contact: Contact,
    /// The reseller's status in the vendor's channel, frozen at issue (R4).
    pub channel: ChannelStatus,
    /// The claims about the end customer's segments (R58).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<SegmentClaim>,
    /// The currency of every amount of the offer.
    pub currency: Currency,
    /// The lines.
    pub lines: Vec<Line>,
    /// The sum of the lines, before tax.
    pub net: i64,
    /// The taxes.
    pub taxes: Vec<TaxLine>,
    /// Whose address determined the taxes (R90).
    #[serde(default, skip_serializing_if = "Situs::is_default")]
    pub situs: Situs,
    /// The buyer's certificates that are valid (R91).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_claims: Vec<TaxClaim>,
    /// Notes about taxes that documents must show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tax_notes: Vec<TaxNote>,
    /// The amount to pay: net plus taxes.
    pub total: i64,
    /// Every payment method, with the reason if the offer cannot be paid with it.
    pub methods: Vec<MethodOffer>,
    /// What was accepted (R6, R21).
    pub acceptance: Acceptance,
    /// The buyer's purchase order number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub po_number: Option<String>,
    /// The buyer's notes (R40).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<String>,
    /// The language of letters and documents.
    pub locale: String,
    /// What is unusual but allowed (R20).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Why a person must review the offer before it is issued (R32).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub review: Vec<ReviewReason>,
    /// The day by which the vendor promises the review (R33).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Date>,
}

/// What a quote takes from its environment when it is issued.
#[derive(Clone)]
pub struct IssueContext<'a> {
    /// When and from where the quote was requested.
    pub origin: Origin,
    /// Hash of the request's content.
    pub request_hash: String,
    /// The id of the key that the offer's link is made with.
    pub link_key: &'a str,
}

impl Offer {
    /// Checks and prices a request. The result is a first revision; [`Quote::revise`](super::Quote::revise) sets the number of
    /// a later one. `read` has the faults of the request's form, so that a refusal reports all faults at once.
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
        // A claim that frees from no tax needs no confirmation.
        review.retain(|reason| *reason != ReviewReason::TaxClaimUnconfirmed || !notes.is_empty());
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
            requested_by_address: context.origin.email.clone(),
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

    /// Computes the lines and taxes again from what the offer stores. With the policy that the offer names, the result equals
    /// the stored one, however many years later.
    pub fn priced_again(&self, policy: &Policy) -> Result<(Vec<Line>, Assessment), Unavailable> {
        let on = self.priced_on.unwrap_or_else(|| self.issued_on());
        let basis = Basis { on, currency: self.currency, channel: &self.channel, segments: &self.segments };
        let again = |line: &Line| {
            let mut priced = price::line(line.line, &line.order, &basis, policy)?;
            // A refused migration follows from the request, not from the price, so the note is kept.
            let refused = line.notes.iter().filter(|note| matches!(note, LineNote::MigrationNotApplicable { .. })).cloned();
            priced.notes = refused.chain(priced.notes).collect();
            Ok(priced)
        };
        let lines = self.lines.iter().map(again).collect::<Result<Vec<_>, _>>()?;
        let assessment = assess(&lines, &self.bill_to().address, &self.customer.address, &self.tax_claims, on, &policy.tax);
        Ok((lines, assessment))
    }

    /// The billed party: the reseller, or the customer that buys for itself (R19).
    pub fn bill_to(&self) -> &Party {
        self.reseller.as_ref().unwrap_or(&self.customer)
    }

    /// The person who requested the quote and gets its copy (R22).
    pub fn requester(&self) -> &Contact {
        &self.bill_to().contact
    }

    /// Whether a member of staff requested the offer or is one of its contacts, and so must not approve it (R34).
    pub(super) fn is_of(&self, person: Reviewer<'_>) -> bool {
        let contacts = self.reseller.iter().map(|reseller| &reseller.contact);
        let contacts = contacts.chain([&self.customer.contact, &self.technical_contact]);
        let mut addresses = contacts.map(|contact| &contact.email).chain(&self.requested_by_address);
        self.requested_by.as_deref() == Some(person.subject) || addresses.any(|address| person.has_mailbox_of(address))
    }

    /// The amount to pay.
    pub fn due(&self) -> Money {
        Money::new(self.total, self.currency)
    }

    /// The vendor's time zone when the offer was issued.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.timezone).unwrap_or(TimeZone::UTC)
    }

    /// The day of issue, in the vendor's time zone.
    pub fn issued_on(&self) -> Date {
        day_of(self.issued_at, &self.zone())
    }

    /// Whether the offer may be paid by this method.
    pub fn admits(&self, method: Method) -> bool {
        self.methods.iter().any(|offer| offer.method == method && offer.refused.is_none())
    }

    /// Whether the payment page takes a method that the offer may be paid by (R63).
    pub fn is_payable_online(&self) -> bool {
        [Method::Card, Method::Paypal].into_iter().any(|method| self.admits(method))
    }

    /// The offer as issued at another instant: its validity counts from that instant (R35).
    pub(super) fn issued(mut self, at: Timestamp) -> Self {
        let zone = self.zone();
        let days = days_between(self.issued_on(), self.valid_through);
        self.issued_at = at;
        (self.valid_through, self.expires_at) = validity(day_of(at, &zone), days, &zone);
        self
    }

    /// Whether the offer equals another one for the same request. Since the other one, the seller's standing, the proven
    /// claims, prices, taxes, methods and the customer's entitlements may have changed.
    pub(super) fn offers_the_same(&self, other: &Self) -> bool {
        let about = |line: &Line| (line.amount, line.order.held.clone(), line.order.source.clone());
        let lines = |offer: &Self| offer.lines.iter().map(about).collect::<Vec<_>>();
        (&self.request_hash, &self.channel, &self.segments, &self.review)
            == (&other.request_hash, &other.channel, &other.segments, &other.review)
            && (&self.taxes, &self.tax_notes, &self.methods) == (&other.taxes, &other.tax_notes, &other.methods)
            && lines(self) == lines(other)
    }

    /// Whether the offer equals one that a reviewer approved, but for what the review has decided: its reasons, and claims that were
    /// declined. A claim that the reviewer saw proven may be proven by itself now.
    pub(super) fn repeats_approved(&self, approved: &Self) -> bool {
        let proven =
            |offer: &Self| offer.segments.iter().map(|claim| claim.standing == ClaimStanding::Proven).collect::<Vec<_>>();
        let decided = || Self { segments: approved.segments.clone(), review: approved.review.clone(), ..self.clone() };
        approved.submitted_at.is_some()
            && self.review.iter().all(|reason| approved.review.contains(reason))
            && proven(self) == proven(approved)
            && decided().offers_the_same(approved)
    }
}

/// The last day on which an offer of `today` can be paid, and the first instant after it.
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
