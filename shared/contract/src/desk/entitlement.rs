//! Entitlements that another system has sold, as staff send them one by one or in a batch, and as staff see them.

use domain::{
    Code, Fault, QuoteNumber, Refusal, Sen,
    fault::Faults,
    license::{Entitlement, Kind},
    party::Contact,
    records::{EntitlementRequest, PurchaserRequest},
};
use jiff::{Timestamp, civil::Date};
use serde::Serialize;

use super::record::{Outcome, RecordBody};
use crate::{quote::contact, reader::Object};

/// `PUT /v1/desk/entitlements/{sen}`.
pub fn entitlement(body: &[u8]) -> Result<RecordBody<EntitlementRequest>, Refusal> {
    RecordBody::read(body, entitlement_request)
}

/// A line of `POST /v1/desk/entitlements`: an entitlement that states its own number; `None` if the number is not valid.
pub fn entitlement_line(line: &[u8]) -> Result<(Option<Sen>, RecordBody<EntitlementRequest>), Refusal> {
    let RecordBody { request: (given, request), version, reason, mut faults } =
        RecordBody::read(line, |object| (object.text("sen"), entitlement_request(object)))?;
    let sen = given.as_deref().and_then(|given| given.parse().ok());
    let mut rules = Faults::default();
    match given {
        None => rules.add(Code::Required, "/sen", "Give the number under which the entitlement was sold."),
        Some(_) if sen.is_none() => rules.add(Code::ValueInvalid, "/sen", NOT_A_SEN),
        Some(_) => {}
    }
    faults.absorb(rules);
    Ok((sen, RecordBody { request, version, reason, faults }))
}

/// The refusal of a text that is not a support entitlement number.
pub const NOT_A_SEN: &str = "This is not a support entitlement number such as SEN-4MRX7-PQ2HVW, or a character is mistyped. Give an \
    entitlement from another system a number first: ten characters from 23456789ABCDEFGHJKMNPQRTVWXYZ, and a check character. \
    The value of a character is its index in that list, from 0. Multiply each value by the character's position counted from \
    the right, from 1; the sum must be a multiple of 29.";

fn entitlement_request(object: &mut Object<'_, '_>) -> EntitlementRequest {
    EntitlementRequest {
        product: object.text("product"),
        edition: object.text("edition"),
        tier: object.integer("tier"),
        licensee: object.text("licensee"),
        technical_contact: object.object("technical_contact", contact).unwrap_or_default(),
        purchaser: object
            .object("purchaser", |purchaser| PurchaserRequest {
                company: purchaser.text("company"),
                contact: purchaser.object("contact", contact).unwrap_or_default(),
                organization: purchaser.text("organization"),
            })
            .unwrap_or_default(),
        purchased: object.text("purchased"),
        end: object.text("end"),
    }
}

/// An entitlement as staff see it: without its key (R52).
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct EntitlementView<'e> {
    pub sen: &'e Sen,
    pub version: u64,
    /// The quote that sold its present state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quote: Option<&'e QuoteNumber>,
    pub kind: Kind,
    pub product: &'e str,
    pub product_name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub edition: Option<&'e str>,
    pub tier: u32,
    pub licensee: &'e str,
    pub technical_contact: &'e Contact,
    pub purchaser: PurchaserView<'e>,
    pub purchased: Date,
    /// The first day that is not covered: by maintenance for a perpetual licence, by the term otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<Date>,
    /// The quote that migrated it to the cloud.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migrated_by: Option<&'e QuoteNumber>,
    /// The quote that sold it and was refunded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refunded_by: Option<&'e QuoteNumber>,
    pub issued_at: Timestamp,
}

/// The party that bought an entitlement.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct PurchaserView<'e> {
    pub company: &'e str,
    pub contact: &'e Contact,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<&'e str>,
}

impl<'e> From<&'e Entitlement> for EntitlementView<'e> {
    fn from(entitlement: &'e Entitlement) -> Self {
        let issue = &entitlement.statement;
        Self {
            sen: &entitlement.sen,
            version: entitlement.version,
            quote: issue.quote.as_ref(),
            kind: entitlement.kind,
            product: &entitlement.product,
            product_name: &entitlement.product_name,
            edition: issue.edition.as_deref(),
            tier: issue.tier,
            licensee: &entitlement.licensee,
            technical_contact: &entitlement.technical_contact,
            purchaser: PurchaserView {
                company: &issue.purchaser,
                contact: &issue.purchaser_contact,
                organization: issue.organization.as_deref(),
            },
            purchased: issue.purchased,
            end: entitlement.end(),
            migrated_by: entitlement.migrated_by.as_ref(),
            refunded_by: entitlement.refunded_by.as_ref(),
            issued_at: issue.issued_at,
        }
    }
}

/// The results of a batch: its lines in their order, and the number of lines per result.
#[derive(Debug, Default, Serialize)]
#[allow(missing_docs)]
pub struct BatchView {
    pub lines: Vec<LineOutcome>,
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub refused: usize,
}

/// The result of a line.
#[derive(Debug, Serialize)]
#[allow(missing_docs)]
pub struct LineOutcome {
    /// The number of the line in the body, from 1. Empty lines count.
    pub line: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sen: Option<Sen>,
    pub outcome: Outcome,
    /// The faults, each with its JSON pointer into the line.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Fault>,
}

impl FromIterator<LineOutcome> for BatchView {
    fn from_iter<I: IntoIterator<Item = LineOutcome>>(lines: I) -> Self {
        let lines: Vec<_> = lines.into_iter().collect();
        let count = |outcome| lines.iter().filter(|line| line.outcome == outcome).count();
        Self {
            created: count(Outcome::Created),
            updated: count(Outcome::Updated),
            unchanged: count(Outcome::Unchanged),
            refused: count(Outcome::Refused),
            lines,
        }
    }
}
