//! `POST /v1/quotes` and what it answers.

use domain::{
    Quote, QuoteNumber, Refusal, Sen,
    fault::Faults,
    method::MethodRefusal,
    money::Percent,
    party::{Address, Contact, Party},
    payment::Method,
    policy::{LineKind, Situs},
    price::{Line, LineNote, MigrationRefusal, Rule, SegmentClaim},
    quote::{Entry, Offer, Status},
    request::{
        AcceptRequest, AddressRequest, ContactRequest, LineRequest, PartyRequest, PurchasingFor, Request, ReviewReason,
        SegmentRequest, TaxRequest, Warning,
    },
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use crate::{
    Links,
    reader::{self, Object},
};

/// A request's body, read: what it says, what is wrong with its form, and its canonical bytes.
pub struct QuoteBody {
    /// What it says.
    pub request: Request,
    /// What is wrong with its form; the rules add theirs, so that the caller is told everything at once.
    pub faults: Faults,
    /// The same for every spelling of the same content: what an `Idempotency-Key` stands for.
    pub canonical: Vec<u8>,
}

impl QuoteBody {
    /// Reads a body. `Err` only when it is not JSON at all.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let value = reader::parse(body)?;
        let mut faults = Faults::default();
        let request = Object::new(&value, String::new(), &mut faults).finish(request);
        // `Value` keeps the members of an object sorted.
        Ok(Self { request, faults, canonical: value.to_string().into_bytes() })
    }
}

fn request(object: &mut Object<'_, '_>) -> Request {
    Request {
        purchasing_for: object.text("purchasing_for"),
        currency: object.text("currency"),
        reseller: object.object("reseller", party),
        customer: object.object("customer", party),
        lines: object.objects("lines", |line| LineRequest {
            kind: line.text("kind"),
            product: line.text("product"),
            edition: line.text("edition"),
            users: line.integer("users"),
            term_months: line.integer("term_months"),
            until: line.text("until"),
            sen: line.text("sen"),
            contact: line.text("contact"),
            site: line.text("site"),
            migrates_from: line.text("migrates_from"),
        }),
        segments: object.objects("segments", |claim| SegmentRequest {
            segment: claim.text("segment"),
            evidence: claim.text("evidence"),
            registration_number: claim.text("registration_number"),
            country: claim.text("country"),
            document: claim.text("document"),
        }),
        tax: object
            .object("tax", |tax| TaxRequest { vat_id: tax.text("vat_id"), certificate: tax.text("certificate") })
            .unwrap_or_default(),
        po_number: object.text("po_number"),
        notes: object.text("notes"),
        accept: object
            .object("accept", |accept| AcceptRequest {
                terms: accept.text("terms"),
                reseller_agreement: accept.text("reseller_agreement"),
            })
            .unwrap_or_default(),
        locale: object.text("locale"),
    }
}

fn party(object: &mut Object<'_, '_>) -> PartyRequest {
    PartyRequest {
        company: object.text("company"),
        contact: object.object("contact", contact).unwrap_or_default(),
        address: object
            .object("address", |address| AddressRequest {
                street: address.text("street"),
                city: address.text("city"),
                postal_code: address.text("postal_code"),
                region: address.text("region"),
                country: address.text("country"),
            })
            .unwrap_or_default(),
        technical_contact: object.object("technical_contact", contact),
    }
}

fn contact(object: &mut Object<'_, '_>) -> ContactRequest {
    ContactRequest { name: object.text("name"), email: object.text("email") }
}

/// A quote, as whoever holds its link sees it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct QuoteView<'q> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'q QuoteNumber>,
    pub revision: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Absent while a person looks at it first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// The last day on which it can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_through: Option<Date>,
    /// The first instant at which it no longer can.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why a person looks at it first (R32).
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub review_reasons: &'q [ReviewReason],
    /// The day by which somebody has looked (R33).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub review_due: Option<Date>,
    pub purchasing_for: PurchasingFor,
    /// `unaffiliated`, or the programme that the seller is a member of.
    pub channel_status: &'q str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub segments: &'q [SegmentClaim],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reseller: Option<&'q Party>,
    pub customer: CustomerView<'q>,
    pub currency: &'static str,
    pub lines: Vec<LineView<'q>>,
    pub net: i64,
    pub taxes: Vec<TaxView<'q>>,
    pub tax: i64,
    /// Whose address decided about the taxes (R90).
    pub tax_situs: Situs,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tax_notes: Vec<TaxNoteView<'q>>,
    pub total: i64,
    pub payment_methods: Vec<MethodView>,
    pub accepted: AcceptedView<'q>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub po_number: Option<&'q str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notes: Option<&'q str>,
    pub locale: &'q str,
    pub warnings: &'q [Warning],
    /// The policy that the price was computed with.
    pub policy_version: &'q str,
    pub payments: Vec<PaymentView<'q>>,
    /// Licences with a key, once the quote is paid.
    pub licenses: Vec<EntitlementView<'q>>,
    /// Cloud subscriptions, which have no key (R53).
    pub subscriptions: Vec<EntitlementView<'q>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<&'q str>,
    pub history: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub links: Option<LinksView>,
}

/// The end customer, with the person who receives the key.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct CustomerView<'q> {
    pub company: &'q str,
    pub contact: &'q Contact,
    pub address: &'q Address,
    pub technical_contact: &'q Contact,
}

/// A line, explained.
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
    /// Absent where a date says when it ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub term_months: Option<u32>,
    /// The first day that it covers, if it is paid today.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts: Option<Date>,
    /// The first day that it no longer covers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends: Option<Date>,
    /// The steps add up to the amount.
    pub explanation: Vec<StepView<'q>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<NoteView>,
    pub amount: i64,
}

/// What a reader should know about a line's price.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct NoteView {
    pub code: &'static str,
    pub detail: String,
    /// Minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub amount: Option<i64>,
}

/// What documents must say about a tax that is not charged.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TaxNoteView<'q> {
    pub kind: &'q str,
    pub number: &'q str,
}

/// A step of a price.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct StepView<'q> {
    #[serde(flatten)]
    pub rule: &'q Rule,
    pub detail: String,
    pub amount: i64,
}

/// A tax.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TaxView<'q> {
    pub jurisdiction: &'q str,
    pub name: &'q str,
    /// Percent.
    pub rate: Percent,
    pub base: i64,
    pub amount: i64,
}

/// A payment method: whether it may be used, and if not, why.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct MethodView {
    pub method: Method,
    pub available: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonView>,
}

/// Why something may not be.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct ReasonView {
    pub code: &'static str,
    pub detail: String,
}

/// What was accepted.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AcceptedView<'q> {
    pub terms: &'q str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reseller_agreement: Option<&'q str>,
    pub by: &'q str,
    pub at: Timestamp,
}

/// An entry of the ledger.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PaymentView<'q> {
    pub payment: &'q str,
    pub method: Method,
    pub amount: i64,
    pub refunded: i64,
    pub paid_at: Timestamp,
}

/// A line's entitlement.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct EntitlementView<'q> {
    pub sen: &'q Sen,
    pub line: u32,
}

/// Where to go from here. Each link carries the quote's secret.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LinksView {
    #[serde(rename = "self")]
    pub itself: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
}

impl<'q> QuoteView<'q> {
    /// The quote as it is at `now`, for whoever has its link.
    pub fn of(quote: &'q Quote, links: &Links, now: Timestamp) -> Self {
        let status = quote.status(now);
        let issued = !matches!(status, Status::InReview | Status::Rejected);
        let links = links.to(&quote.number, &quote.offer);
        let links = LinksView {
            itself: links.quote(),
            document: issued.then(|| links.document()),
            pay: (status == Status::Issued).then(|| links.pay()),
            invoice: quote.delivery().map(|_| links.invoice()),
        };
        let history = quote.history.iter().map(Entry::for_buyers).collect();
        Self { links: Some(links), history, ..Self::for_staff(quote, now) }
    }

    /// The quote as it is at `now`, for staff: as its buyer sees it, but without links, which carry its secret, and with
    /// who decided about it, and why.
    pub fn for_staff(quote: &'q Quote, now: Timestamp) -> Self {
        let status = quote.status(now);
        let issued = Some(&quote.offer).filter(|_| !matches!(status, Status::InReview | Status::Rejected));
        let delivered = |key: bool| {
            let delivered = quote.delivery().into_iter().flat_map(|delivery| &delivery.entitlements);
            delivered.filter(|one| one.key == key).map(|one| EntitlementView { sen: &one.sen, line: one.line }).collect()
        };
        let payments = quote.payments.iter().map(|payment| PaymentView {
            payment: payment.payment.as_str(),
            method: payment.method,
            amount: payment.amount,
            refunded: payment.refunded,
            paid_at: payment.at,
        });
        Self {
            number: Some(&quote.number),
            status: Some(status),
            issued_at: issued.map(|offer| offer.issued_at),
            valid_through: issued.map(|offer| offer.valid_through),
            expires_at: issued.map(|offer| offer.expires_at),
            payments: payments.collect(),
            licenses: delivered(true),
            subscriptions: delivered(false),
            invoice: quote.delivery().map(|delivery| &*delivery.invoice),
            history: quote.history.clone(),
            ..Self::preview(&quote.offer)
        }
    }

    /// An offer that nobody has issued: without number, status and links.
    pub fn preview(offer: &'q Offer) -> Self {
        // A person would look at it first.
        let issued = offer.review.is_empty();
        Self {
            number: None,
            revision: offer.revision,
            status: None,
            issued_at: issued.then_some(offer.issued_at),
            valid_through: issued.then_some(offer.valid_through),
            expires_at: issued.then_some(offer.expires_at),
            review_reasons: &offer.review,
            review_due: offer.review_due,
            purchasing_for: offer.purchasing_for,
            channel_status: offer.channel.as_str(),
            segments: &offer.segments,
            reseller: offer.reseller.as_ref(),
            customer: CustomerView {
                company: &offer.customer.company,
                contact: &offer.customer.contact,
                address: &offer.customer.address,
                technical_contact: &offer.technical_contact,
            },
            currency: offer.currency.code(),
            lines: offer.lines.iter().map(line).collect(),
            net: offer.net,
            taxes: offer
                .taxes
                .iter()
                .map(|tax| TaxView {
                    jurisdiction: &tax.jurisdiction,
                    name: &tax.name,
                    rate: tax.rate,
                    base: tax.base,
                    amount: tax.amount,
                })
                .collect(),
            tax: offer.taxes.iter().map(|tax| tax.amount).sum(),
            tax_situs: offer.situs,
            tax_notes: offer.tax_notes.iter().map(|note| TaxNoteView { kind: &note.kind, number: &note.number }).collect(),
            total: offer.total,
            payment_methods: offer
                .methods
                .iter()
                .map(|offered| MethodView {
                    method: offered.method,
                    available: offered.refused.is_none(),
                    reason: offered
                        .refused
                        .map(|refusal| ReasonView { code: refusal.as_str(), detail: method_refusal(refusal, offer) }),
                })
                .collect(),
            accepted: AcceptedView {
                terms: &offer.acceptance.terms,
                reseller_agreement: offer.acceptance.reseller_agreement.as_deref(),
                by: &offer.acceptance.by.name,
                at: offer.acceptance.at,
            },
            po_number: offer.po_number.as_deref(),
            notes: offer.notes.as_deref(),
            locale: &offer.locale,
            warnings: &offer.warnings,
            policy_version: &offer.policy_version,
            payments: Vec::new(),
            licenses: Vec::new(),
            subscriptions: Vec::new(),
            invoice: None,
            history: Vec::new(),
            links: None,
        }
    }
}

fn line(line: &Line) -> LineView<'_> {
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
        Rule::Term { months } => format!("{months} months instead of the 12 that the list price covers."),
        Rule::Days { days } => format!("{days} days instead of the 365 that the list price covers."),
        Rule::Segment { segment, percent } => format!("{percent} discount for the segment `{segment}`."),
        Rule::UpgradeCredit { sen, tier, days: Some(days) } => {
            format!("Credit for {days} unused days of the tier of {tier} users of {sen}.")
        }
        Rule::UpgradeCredit { sen, tier, days: None } => format!("Credit for the tier of {tier} users of {sen}."),
        Rule::StepUpCredit { sen, days } => format!("Credit for {days} unused days of {sen}, which moves to the cloud."),
        Rule::Channel { programme, tier: Some(tier), percent } => format!("{percent} discount for `{programme}`, tier `{tier}`."),
        Rule::Channel { programme, tier: None, percent } => format!("{percent} discount for `{programme}`."),
        Rule::Rounding => "Rounded, by the vendor's policy.".to_owned(),
    }
}

fn note(note: &LineNote) -> NoteView {
    match note {
        LineNote::RenewalNotSamePartner => NoteView {
            code: "renewal_not_same_partner",
            detail: "Renewals are discounted for the member that sold what is renewed.".to_owned(),
            amount: None,
        },
        LineNote::CreditLapsed { amount } => NoteView {
            code: "credit_lapsed",
            detail: "The credit is larger than the price. The rest is not paid out.".to_owned(),
            amount: Some(*amount),
        },
        LineNote::MigrationNotApplicable { reason } => {
            let why = match reason {
                MigrationRefusal::NotOffered => "there is no such offer for this line today",
                MigrationRefusal::NotMatched => "there is no such entitlement with this contact and customer",
                MigrationRefusal::NotActive => "it is not an active self-managed licence, or it was credited before",
            };
            NoteView {
                code: "migration_not_applicable",
                detail: format!("There is no discount for moving to the cloud: {why}."),
                amount: None,
            }
        }
    }
}

fn method_refusal(refusal: MethodRefusal, offer: &Offer) -> String {
    match refusal {
        MethodRefusal::MethodNotAllowedForCurrency => format!("Not possible in {}.", offer.currency),
        MethodRefusal::MethodNotAllowedForMonthly => "Not possible for monthly cloud.".to_owned(),
        MethodRefusal::MethodNotAllowedForLine => "Not possible for a product or tier of this order.".to_owned(),
        MethodRefusal::BelowThreshold => "The order is below the amount from which this is offered.".to_owned(),
        MethodRefusal::NoThresholdForCurrency => format!("Not offered in {}.", offer.currency),
    }
}
