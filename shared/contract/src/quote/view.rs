//! A quote, as its buyer and the vendor's staff see it.

use domain::{
    Quote, QuoteNumber, Sen,
    link::Purpose,
    money::Percent,
    number::InvoiceNumber,
    order::{PurchasingFor, ReviewReason, Warning},
    party::{Address, Contact, Party},
    payment::PaidBy,
    policy::{LineKind, Situs},
    price::SegmentClaim,
    quote::{Delivery, Entry, Offer, Status},
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use super::{
    line::{LineView, line},
    method::{MethodView, ReasonView, method_refusal},
};
use crate::Links;

/// A quote as its link shows it.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct QuoteView<'q> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: Option<&'q QuoteNumber>,
    pub revision: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<Status>,
    /// Absent while the quote is in review.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued_at: Option<Timestamp>,
    /// The last day on which the quote can be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub valid_through: Option<Date>,
    /// The first instant at which the quote can no longer be paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    /// Why staff review the quote first (R32).
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub review_reasons: &'q [ReviewReason],
    /// The day by which the review is due (R33).
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
    /// Whose address determines the taxes (R90).
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
    /// The version of the policy that computed the price.
    pub policy_version: &'q str,
    pub payments: Vec<PaymentView<'q>>,
    /// Licences with a key, once the quote is paid.
    pub licenses: Vec<EntitlementView<'q>>,
    /// Cloud subscriptions, which have no key (R53).
    pub subscriptions: Vec<EntitlementView<'q>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invoice: Option<&'q InvoiceNumber>,
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

/// What documents must state about a tax that is not charged.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct TaxNoteView<'q> {
    pub kind: &'q str,
    pub number: &'q str,
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

/// The terms that the buyer accepted.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct AcceptedView<'q> {
    pub terms: &'q str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reseller_agreement: Option<&'q str>,
    pub by: &'q str,
    pub at: Timestamp,
}

/// A payment of the quote.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PaymentView<'q> {
    pub payment: &'q str,
    /// How the payment was made, once the provider has stated it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<PaidBy>,
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

/// The links of a quote. Each contains a secret of the quote.
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
    /// The link that changes the order, for its requester only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revise: Option<String>,
}

impl<'q> QuoteView<'q> {
    /// The quote as it is at `now`, for a caller who may do with it what `purpose` says.
    pub fn of(quote: &'q Quote, links: &Links, purpose: Purpose, now: Timestamp) -> Self {
        let status = quote.status(now);
        let issued = !matches!(status, Status::InReview | Status::Rejected);
        let changeable = purpose == Purpose::Change && quote.is_changeable();
        let revise = changeable.then(|| links.revise(&quote.number, &quote.offer)).flatten();
        let links = links.to(&quote.number, &quote.offer);
        let links = LinksView {
            revise,
            itself: links.quote(),
            document: issued.then(|| links.document()),
            pay: (status == Status::Issued).then(|| links.pay()),
            invoice: quote.delivery().map(|_| links.invoice()),
        };
        let history = quote.history.iter().map(Entry::for_buyers).collect();
        Self { links: Some(links), history, ..Self::for_staff(quote, now) }
    }

    /// The quote as it is at `now`, for staff: without links, because they contain its secret, and with the reviewer and the
    /// reason of a decision.
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
        let offered = Self::preview(&quote.offer);
        let lines = offered.lines.into_iter().map(|line| as_delivered(line, quote.delivery())).collect();
        Self {
            number: Some(&quote.number),
            lines,
            status: Some(status),
            issued_at: issued.map(|offer| offer.issued_at),
            valid_through: issued.map(|offer| offer.valid_through),
            expires_at: issued.map(|offer| offer.expires_at),
            payments: payments.collect(),
            licenses: delivered(true),
            subscriptions: delivered(false),
            invoice: quote.delivery().map(|delivery| &delivery.invoice),
            history: quote.history.clone(),
            ..offered
        }
    }

    /// An offer that is not issued: without number, status and links.
    pub fn preview(offer: &'q Offer) -> Self {
        // Staff would review it first.
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

/// A line with the days that were delivered. The quote's own days are those of a payment on the day of the quote.
fn as_delivered<'q>(line: LineView<'q>, delivery: Option<&Delivery>) -> LineView<'q> {
    let Some(delivery) = delivery else { return line };
    let Some(delivered) = delivery.entitlements.iter().find(|delivered| delivered.line == line.line) else { return line };
    let start = delivered.start.or_else(|| (line.kind == LineKind::New).then_some(delivery.invoiced_on));
    LineView { starts: start.or(line.starts), ends: delivered.end.or(line.ends), ..line }
}
