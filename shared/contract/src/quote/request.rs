//! The body of `POST /v1/quotes`.

use domain::{
    Refusal,
    fault::Faults,
    request::{AcceptRequest, AddressRequest, ContactRequest, LineRequest, PartyRequest, Request, SegmentRequest, TaxRequest},
};

use serde_json::Value;

use crate::reader::{self, Object};

/// A body that was read: the request, the faults of its form, and its canonical bytes.
pub struct QuoteBody {
    /// The request.
    pub request: Request,
    /// The faults of its form. The rules add theirs, so that one response lists all of them.
    pub faults: Faults,
    /// The same bytes for every spelling of the same content. An `Idempotency-Key` stands for this content.
    pub canonical: Vec<u8>,
}

impl QuoteBody {
    /// Reads a body.
    ///
    /// # Errors
    ///
    /// The body is not JSON. All other faults are in `faults`.
    pub fn read(body: &[u8]) -> Result<Self, Refusal> {
        let value = reader::parse(body)?;
        let mut faults = Faults::default();
        let request = Object::new(&value, String::new(), &mut faults).finish(request);
        Ok(Self { request, faults, canonical: canonical(value).to_string().into_bytes() })
    }
}

/// The same value for every spelling of the same content: a whole number has no fraction. `Value` keeps the members of an object
/// sorted.
fn canonical(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => {
            let value = Value::Number(number);
            reader::whole(&value).map_or(value, Value::from)
        }
        Value::Array(values) => values.into_iter().map(canonical).collect(),
        Value::Object(members) => members.into_iter().map(|(name, value)| (name, canonical(value))).collect(),
        value => value,
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

pub(crate) fn contact(object: &mut Object<'_, '_>) -> ContactRequest {
    ContactRequest { name: object.text("name"), email: object.text("email") }
}
