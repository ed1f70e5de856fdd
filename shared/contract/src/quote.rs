//! `POST /v1/quotes` and what it answers.

use domain::{
    Code, Quote, QuoteNumber, Refusal, Sen,
    fault::Faults,
    payment::{Method, MethodRefusal},
    policy::Deployment,
    price::{Line, Rule},
    quote::{Entry, Offer, Status},
    request::{AcceptRequest, AddressRequest, ContactRequest, LineRequest, PartyRequest, Request, Warning},
};
use domain::{
    party::{Address, Contact, Party},
    quote::Channel,
    request::PurchasingFor,
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use crate::{
    Links,
    reader::{Object, Strict},
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
        let Strict(value) = serde_json::from_slice(body).map_err(|error| {
            let what = if error.is_data() { "An object of the body has a member twice" } else { "The body is not JSON" };
            Refusal::new(Code::MalformedJson, format!("{what}: see line {}, column {}.", error.line(), error.column()))
        })?;
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
            users: line.integer("users"),
            term_months: line.integer("term_months"),
        }),
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
    pub issued_at: Timestamp,
    /// The last day on which it can be paid.
    pub valid_through: Date,
    /// The first instant at which it no longer can.
    pub expires_at: Timestamp,
    pub purchasing_for: PurchasingFor,
    pub channel_status: Channel,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reseller: Option<&'q Party>,
    pub customer: CustomerView<'q>,
    pub currency: &'static str,
    pub lines: Vec<LineView<'q>>,
    pub net: i64,
    pub taxes: Vec<TaxView<'q>>,
    pub tax: i64,
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
    pub history: &'q [Entry],
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
    pub kind: domain::request::LineKind,
    pub product: &'q str,
    pub name: &'q str,
    pub deployment: &'static str,
    pub users: u32,
    pub tier: u32,
    pub term_months: u32,
    /// The steps add up to the amount.
    pub explanation: Vec<StepView>,
    pub amount: i64,
}

/// A step of a price.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct StepView {
    #[serde(flatten)]
    pub rule: Rule,
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
    pub rate: domain::money::Percent,
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
    pub document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pay: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<String>,
}

impl<'q> QuoteView<'q> {
    /// The quote as it is at `now`.
    pub fn of(quote: &'q Quote, links: &Links, now: Timestamp) -> Self {
        let mut view = Self::preview(&quote.offer);
        let entitlements = |key: bool| {
            let delivered = quote.delivery().into_iter().flat_map(|delivery| &delivery.entitlements);
            delivered.filter(|one| one.key == key).map(|one| EntitlementView { sen: &one.sen, line: one.line }).collect()
        };
        let status = quote.status(now);
        view.number = Some(&quote.number);
        view.status = Some(status);
        view.licenses = entitlements(true);
        view.subscriptions = entitlements(false);
        view.invoice = quote.delivery().map(|delivery| &*delivery.invoice);
        view.history = &quote.history;
        view.payments = quote
            .payments
            .iter()
            .map(|payment| PaymentView {
                payment: payment.payment.as_str(),
                method: payment.method,
                amount: payment.amount,
                refunded: payment.refunded,
                paid_at: payment.at,
            })
            .collect();
        view.links = Some(LinksView {
            itself: links.quote(&quote.number, &quote.offer),
            document: links.document(&quote.number, &quote.offer),
            pay: (status == Status::Issued).then(|| links.pay(&quote.number, &quote.offer)),
            invoice: quote.delivery().map(|_| links.invoice(&quote.number, &quote.offer)),
        });
        view
    }

    /// An offer that nobody has issued: without number, status and links.
    pub fn preview(offer: &'q Offer) -> Self {
        Self {
            number: None,
            revision: offer.revision,
            status: None,
            issued_at: offer.issued_at,
            valid_through: offer.valid_through,
            expires_at: offer.expires_at,
            purchasing_for: offer.purchasing_for,
            channel_status: offer.channel,
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
            history: &[],
            links: None,
        }
    }
}

fn line(line: &Line) -> LineView<'_> {
    LineView {
        line: line.line,
        kind: line.kind,
        product: &line.product,
        name: &line.product_name,
        deployment: match line.deployment {
            Deployment::SelfManagedPerpetual { .. } => "self_managed_perpetual",
            Deployment::SelfManagedTerm => "self_managed_term",
            Deployment::AnnualCloud => "annual_cloud",
        },
        users: line.users,
        tier: line.tier,
        term_months: line.months,
        explanation: line
            .shown_steps()
            .map(|(rule, amount)| {
                let detail = match rule {
                    Rule::ListPrice { tier } => format!("List price of the tier of {tier} users."),
                    Rule::Term { months } => format!("{months} months instead of the 12 that the list price covers."),
                    Rule::Rounding => "Rounded once, by the vendor's policy.".to_owned(),
                };
                StepView { rule, detail, amount }
            })
            .collect(),
        amount: line.amount,
    }
}

fn method_refusal(refusal: MethodRefusal, offer: &Offer) -> String {
    match refusal {
        MethodRefusal::MethodNotAllowedForCurrency => format!("Not possible in {}.", offer.currency),
        MethodRefusal::BelowThreshold => "The order's net is below the amount from which this is offered.".to_owned(),
        MethodRefusal::NoThresholdForCurrency => format!("Not offered in {}.", offer.currency),
    }
}
