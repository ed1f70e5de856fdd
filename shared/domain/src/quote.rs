//! A quote, from its issue to the delivery of what it sold. One aggregate: its offer, its ledger and its history are
//! stored as one item, and every transition is one conditional write of that item.

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::{
    Currency, Money, Policy, QuoteNumber, Sen,
    calendar::{business_days_after, day_of, days_after, days_between, start_of_day},
    channel::ChannelStatus,
    fault::{Code, Faults, Refusal},
    method::{self, MethodOffer},
    party::{Address, Contact, Party},
    payment::{Method, Payment, PaymentId},
    policy::Situs,
    price::{self, Basis, Line, LineNote, SegmentClaim, Unavailable},
    request::{Acceptance, Facts, Order, Origin, PurchasingFor, Request, ReviewReason, Warning},
    tax::{Assessment, Sale, TaxClaim, TaxLine, TaxNote, Taxes},
};

/// Superseded offers are kept whole, in the quote's item: this many still fit (DynamoDB's limit is 400 KB).
const MAX_REVISIONS: u32 = 20;
pub(crate) const MAX_STORED_OFFERS: usize = 300_000;

/// A quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quote {
    /// Its number, the same in all revisions (R24).
    pub number: QuoteNumber,
    /// Of the stored item; 1 when it is created, and one more with every change.
    pub version: u64,
    /// What is offered now.
    pub offer: Offer,
    /// What was offered before: earlier revisions, whole.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub superseded: Vec<Offer>,
    /// How far it has come.
    pub stage: Stage,
    /// The ledger.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub payments: Vec<Payment>,
    /// Everything that happened, in order (R118). It is also the outbox: whoever consumes the stream takes the
    /// entries that the old image does not have.
    pub history: Vec<Entry>,
    /// Which request created it, when that carried an `Idempotency-Key`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idempotency_key_hash: Option<String>,
}

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

/// How far a quote has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum Stage {
    /// A person must look at it first: nothing can be paid (R32).
    InReview,
    /// A person has refused it.
    Rejected,
    /// It can be paid, until it expires.
    Issued,
    /// It is paid in full; what it sold is owed.
    Paid {
        /// The day of the completing payment (R81).
        on: Date,
    },
    /// What it sold is delivered.
    Delivered {
        /// The day of the completing payment.
        on: Date,
        /// What was delivered.
        delivery: Delivery,
    },
    /// All the money went back.
    Refunded {
        /// What had been delivered by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        delivery: Option<Delivery>,
    },
}

/// What was delivered for a paid quote, and the invoice for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The invoice's number, gap-free in its series.
    pub invoice: String,
    /// Its date: the day of the completing payment.
    pub invoiced_on: Date,
    /// One entitlement per line.
    pub entitlements: Vec<Delivered>,
}

/// A line's entitlement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivered {
    /// The line.
    pub line: u32,
    /// Its entitlement.
    pub sen: Sen,
    /// Whether there is a licence key: a cloud subscription has none (R53).
    pub key: bool,
    /// The first day that it no longer covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
}

/// A quote's status, as others see it at some moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// A person looks at it first.
    InReview,
    /// A person has refused it.
    Rejected,
    /// Payable.
    Issued,
    /// No longer payable, and not paid.
    Expired,
    /// Paid in full.
    Paid,
    /// The money went back.
    Refunded,
}

/// One thing that happened, with who did it and what it changed (R118).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// 1, 2, 3 … without gaps.
    pub seq: u32,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    #[serde(flatten)]
    pub event: Event,
    /// The status before; absent when there was no quote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Status>,
    /// The status after.
    pub after: Status,
}

impl Entry {
    /// It, as whoever holds the quote's link may read it: without who of the staff decided.
    pub fn for_buyers(&self) -> Self {
        let event = match &self.event {
            Event::Approved { .. } => Event::Approved { by: None, email: None, reason: None },
            Event::Rejected { reason, .. } => Event::Rejected { by: None, email: None, reason: reason.clone() },
            event => event.clone(),
        };
        Self { event, ..self.clone() }
    }
}

/// Who changed something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// Whoever holds the request or the link: the offer says who that claims to be.
    Buyer,
    /// The vendor's staff: the event says who.
    Staff,
    /// A payment provider.
    Provider,
    /// Sellthrough itself.
    System,
}

/// What happened to a quote.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A revision was asked for that a person must look at first.
    Submitted {
        /// Which.
        revision: u32,
        /// Why.
        reasons: Vec<ReviewReason>,
    },
    /// A person approved it (R34).
    Approved {
        /// Who: the subject of their token. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Their address then, if their token had one that was verified. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// Why. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// A person refused it (R34).
    Rejected {
        /// Who: the subject of their token. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<String>,
        /// Their address then, if their token had one that was verified. Buyers are not told.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        email: Option<String>,
        /// Why, for whoever asked.
        reason: String,
    },
    /// A revision was issued.
    Issued {
        /// Which.
        revision: u32,
    },
    /// An attempt to pay failed.
    PaymentFailed {
        /// Which.
        payment: PaymentId,
        /// The provider's code.
        reason: String,
    },
    /// It was paid in full.
    Paid {
        /// By which payment.
        payment: PaymentId,
    },
    /// Money went back.
    Refunded {
        /// Of which payment.
        payment: PaymentId,
        /// How much of it in all, in minor units.
        total: i64,
    },
    /// It is paid, and what it sold cannot be delivered as it was sold: a person decides.
    Withheld {
        /// The line.
        line: u32,
        /// Why.
        reason: Withheld,
    },
    /// What it sold was delivered.
    Delivered {
        /// The invoice.
        invoice: String,
    },
}

/// Why what was paid cannot be delivered as it was sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Withheld {
    /// The entitlement is not what it was when the line was priced: another quote about it was paid first.
    EntitlementChanged,
    /// The licence that moves to the cloud was credited by another quote (R62).
    SourceCredited,
    /// The customer has a subscription to this government product by now (R106).
    SubscriptionExists,
}

/// What is still to be done about a quote's last change. It is computed with every change and stored beside the quote, where
/// who has done it takes it off; what stays is found and done again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Owed {
    /// What was paid is to be delivered, or what was delivered to be closed because its money went back. Letters come after
    /// that.
    Fulfilment,
    /// Whoever is concerned is to be told.
    Letters,
}

impl Owed {
    /// Everything that can be owed.
    pub const ALL: [Self; 2] = [Self::Fulfilment, Self::Letters];

    /// Its name, as it is stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fulfilment => "fulfilment",
            Self::Letters => "letters",
        }
    }
}

/// A decision, complete: the quote as it shall be. It may be written only over the version before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The quote afterwards.
    pub next: Quote,
}

/// What the world contributes to an issued quote.
#[derive(Clone)]
pub struct Issue<'a> {
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
    pub fn make(request: &Request, mut read: Faults, facts: &Facts, policy: &Policy, issue: &Issue<'_>) -> Result<Self, Refusal> {
        let today = day_of(issue.origin.at, &policy.timezone);
        let mut faults = Faults::default();
        let order = request.check(policy, facts, &issue.origin, today, &mut faults);
        read.absorb(faults);
        Ok(Self::of(read.into_result(order)?, policy, issue))
    }

    fn of(order: Order, policy: &Policy, issue: &Issue<'_>) -> Self {
        let now = issue.origin.at;
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
            request_hash: issue.request_hash.clone(),
            link_key: issue.link_key.to_owned(),
            requested_by: issue.origin.subject.clone(),
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
    pub(crate) fn issued(mut self, at: Timestamp) -> Self {
        let zone = self.zone();
        let days = days_between(self.issued_on(), self.valid_through);
        self.issued_at = at;
        (self.valid_through, self.expires_at) = validity(day_of(at, &zone), days, &zone);
        self
    }

    /// Whether it offers the same for the same request: who sells it, what is proven, prices, taxes, methods and what the
    /// customer has may have moved since.
    fn offers_the_same(&self, other: &Self) -> bool {
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

impl Quote {
    /// Issues a quote. `idempotency_key_hash` names the request that may be repeated.
    pub fn issue(number: QuoteNumber, offer: Offer, idempotency_key_hash: Option<String>) -> Self {
        let (stage, event, after) = offered(&offer);
        let entry = Entry { seq: 1, at: offer.issued_at, actor: Actor::Buyer, event, before: None, after };
        Self {
            number,
            version: 1,
            offer,
            superseded: Vec::new(),
            stage,
            payments: Vec::new(),
            history: vec![entry],
            idempotency_key_hash,
        }
    }

    /// The status at `now`.
    pub fn status(&self, now: Timestamp) -> Status {
        match &self.stage {
            Stage::InReview => Status::InReview,
            Stage::Rejected => Status::Rejected,
            Stage::Issued if now < self.offer.expires_at => Status::Issued,
            Stage::Issued => Status::Expired,
            Stage::Paid { .. } | Stage::Delivered { .. } => Status::Paid,
            Stage::Refunded { .. } => Status::Refunded,
        }
    }

    /// What was delivered so far.
    pub fn delivery(&self) -> Option<&Delivery> {
        match &self.stage {
            Stage::Delivered { delivery, .. } | Stage::Refunded { delivery: Some(delivery) } => Some(delivery),
            _ => None,
        }
    }

    /// The quote as it was when it was created: what a repeated request is answered with.
    pub fn as_created(&self) -> Self {
        let first = self.superseded.first().unwrap_or(&self.offer).clone();
        let first = match (&first.as_submitted, first.submitted_at) {
            (Some(submitted), _) => (**submitted).clone(),
            (None, Some(submitted)) => Offer { submitted_at: None, ..first.issued(submitted) },
            (None, None) => first,
        };
        Self::issue(self.number.clone(), first, self.idempotency_key_hash.clone())
    }

    /// Whether this quote is the answer to a request with this key and content: then it is given again.
    pub fn answers(&self, idempotency_key_hash: &str, request_hash: &str) -> bool {
        let first = self.superseded.first().unwrap_or(&self.offer);
        self.idempotency_key_hash.as_deref() == Some(idempotency_key_hash) && first.request_hash == request_hash
    }

    /// Replaces the offer by a new revision, which voids the old link (R24). `Ok(None)`: the request is the one that
    /// is on offer already, and still payable.
    pub fn revise(&self, mut offer: Offer) -> Result<Option<Change>, Refusal> {
        let now = offer.issued_at;
        if !matches!(self.stage, Stage::InReview | Stage::Rejected | Stage::Issued) {
            return Err(Refusal::new(Code::QuotePaid, "This quote is paid. Ask for a new quote instead."));
        }
        // What was asked for before a person judged it is not asked for anew.
        let before = [Some(&self.offer), self.offer.as_submitted.as_deref()];
        let again = before.into_iter().flatten().any(|before| offer.offers_the_same(before));
        if again && matches!(self.status(now), Status::Issued | Status::InReview) {
            return Ok(None);
        }
        let stored = stored_size(&(&self.superseded, &self.offer, &offer));
        if self.offer.revision >= MAX_REVISIONS || stored > MAX_STORED_OFFERS {
            return Err(Refusal::new(
                Code::RevisionLimit,
                "This quote has been revised too often to keep every revision. Ask for a new quote.",
            ));
        }
        offer.revision = self.offer.revision + 1;
        let (stage, event, _) = offered(&offer);
        Ok(Some(self.change(Actor::Buyer, event, now, |next| {
            next.stage = stage;
            let old = std::mem::replace(&mut next.offer, offer);
            next.superseded.push(old);
        })))
    }

    /// Enters the completing payment. Whoever calls has checked that it pays this quote in full; a refund that was
    /// told first comes with it.
    pub(crate) fn pay(&self, payment: Payment, now: Timestamp) -> Change {
        let on = day_of(payment.at, &self.offer.zone());
        let (id, refunded, whole) = (payment.payment.clone(), payment.refunded, payment.refunded >= payment.amount);
        let paid = self.change(Actor::Provider, Event::Paid { payment: id.clone() }, now, |next| {
            next.payments.push(payment);
            next.stage = Stage::Paid { on };
        });
        if refunded == 0 {
            return paid;
        }
        paid.and(Actor::Provider, Event::Refunded { payment: id, total: refunded }, now, |next| {
            if whole {
                next.stage = Stage::Refunded { delivery: None };
            }
        })
    }

    /// Enters how much of a payment went back in all. `None` when that is known.
    pub(crate) fn refund(&self, id: &PaymentId, total: i64, now: Timestamp) -> Option<Change> {
        let index = self.payments.iter().position(|payment| payment.payment == *id)?;
        let payment = &self.payments[index];
        if payment.refunded >= total {
            return None;
        }
        let whole = total >= payment.amount;
        Some(self.change(Actor::Provider, Event::Refunded { payment: id.clone(), total }, now, |next| {
            next.payments[index].refunded = total;
            if whole {
                next.stage = Stage::Refunded { delivery: self.delivery().cloned() };
            }
        }))
    }

    /// Notes that an attempt to pay failed, once per payment and only while it matters.
    pub(crate) fn payment_failed(&self, id: &PaymentId, reason: &str, now: Timestamp) -> Option<Change> {
        const KEPT: usize = 20;
        let failures = self.history.iter().filter(|entry| matches!(entry.event, Event::PaymentFailed { .. }));
        let known = failures.clone().any(|entry| matches!(&entry.event, Event::PaymentFailed { payment, .. } if payment == id));
        if known || failures.count() >= KEPT || !matches!(self.stage, Stage::Issued) {
            return None;
        }
        let reason = reason.chars().take(60).collect();
        Some(self.change(Actor::Provider, Event::PaymentFailed { payment: id.clone(), reason }, now, |_| {}))
    }

    /// The day of the payment, while what the quote sold is owed: it is paid in full, no money of it went back, and
    /// nothing was delivered yet. When some went back first, or what was sold is not there to be delivered, a person decides
    /// (R78).
    pub fn deliverable_since(&self) -> Option<Date> {
        let withheld = || self.history.iter().any(|entry| matches!(entry.event, Event::Withheld { .. }));
        match self.stage {
            Stage::Paid { on } if self.payments.iter().all(|payment| payment.refunded == 0) && !withheld() => Some(on),
            _ => None,
        }
    }

    /// Whether nothing of what it sold may stand: all its money went back, or some of it before anything was delivered. What
    /// was delivered is taken back, and so is what was being delivered while the money went (R78, R87).
    pub fn is_void(&self) -> bool {
        match &self.stage {
            Stage::Refunded { .. } => true,
            Stage::Paid { .. } => self.payments.iter().any(|payment| payment.refunded > 0),
            Stage::InReview | Stage::Rejected | Stage::Issued | Stage::Delivered { .. } => false,
        }
    }

    /// What is to be done about the change that made this version, and since when.
    pub fn owed(&self) -> (Owed, Timestamp) {
        let owed = if self.is_void() || self.deliverable_since().is_some() { Owed::Fulfilment } else { Owed::Letters };
        (owed, self.history.last().map_or(self.offer.issued_at, |entry| entry.at))
    }

    /// Notes that a line cannot be delivered as it was sold; nothing of the quote is owed any more until a person decides.
    /// `None` unless it is owed.
    pub fn withhold(&self, line: u32, reason: Withheld, now: Timestamp) -> Option<Change> {
        self.deliverable_since()?;
        Some(self.change(Actor::System, Event::Withheld { line, reason }, now, |_| {}))
    }

    /// Enters what was delivered. `None` unless it is owed.
    pub fn deliver(&self, delivery: Delivery, now: Timestamp) -> Option<Change> {
        let on = self.deliverable_since()?;
        let invoice = delivery.invoice.clone();
        Some(self.change(Actor::System, Event::Delivered { invoice }, now, |next| next.stage = Stage::Delivered { on, delivery }))
    }

    /// The entries that `old` does not have: what a consumer of the stream has to act on.
    pub fn news_since<'a>(&'a self, old: Option<&Quote>) -> impl Iterator<Item = &'a Entry> {
        let seen = old.and_then(|old| old.history.last()).map_or(0, |entry| entry.seq);
        self.history.iter().filter(move |entry| entry.seq > seen)
    }

    pub(crate) fn change(&self, actor: Actor, event: Event, now: Timestamp, alter: impl FnOnce(&mut Quote)) -> Change {
        let mut next = self.clone();
        next.version += 1;
        alter(&mut next);
        let seq = self.history.last().map_or(0, |entry| entry.seq) + 1;
        let (before, after) = (Some(self.status(now)), next.status(now));
        next.history.push(Entry { seq, at: now, actor, event, before, after });
        Change { next }
    }
}

impl Change {
    /// What happens at the same time, in the same write.
    pub(crate) fn and(self, actor: Actor, event: Event, now: Timestamp, alter: impl FnOnce(&mut Quote)) -> Self {
        let mut change = self.next.change(actor, event, now, alter);
        change.next.version = self.next.version;
        change
    }
}

/// As many bytes as something has that is stored.
pub(crate) fn stored_size(stored: &impl Serialize) -> usize {
    serde_json::to_vec(stored).map_or(usize::MAX, |bytes| bytes.len())
}

/// How an offer begins: a person looks at it first, or it is issued.
fn offered(offer: &Offer) -> (Stage, Event, Status) {
    let revision = offer.revision;
    match offer.review.is_empty() {
        true => (Stage::Issued, Event::Issued { revision }, Status::Issued),
        false => (Stage::InReview, Event::Submitted { revision, reasons: offer.review.clone() }, Status::InReview),
    }
}
