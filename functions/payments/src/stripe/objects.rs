//! Stripe's objects, with the members that are read here (Stripe documentation, "API reference").

use domain::{Code, Refusal};
use serde::Deserialize;

/// `checkout.session`
#[derive(Deserialize)]
pub(super) struct Session {
    id: String,
    payment_intent: Option<SessionIntent>,
    pub(super) payment_status: Option<String>,
    pub(super) amount_total: Option<i64>,
    pub(super) currency: Option<String>,
    pub(super) currency_conversion: Option<CurrencyConversion>,
    pub(super) client_reference_id: Option<String>,
    pub(super) metadata: Option<Metadata>,
    #[serde(default)]
    pub(super) payment_method_types: Vec<String>,
}

impl Session {
    /// The payment's id: that of its intent, or of the session when nothing was to be paid.
    pub(super) fn payment(&self) -> &str {
        match &self.payment_intent {
            Some(SessionIntent::Id(id)) => id,
            Some(SessionIntent::Intent { id, .. }) => id,
            None => &self.id,
        }
    }

    /// The type of the method that was used, if the session contains the charge.
    pub(super) fn method(&self) -> Option<&str> {
        match &self.payment_intent {
            Some(SessionIntent::Intent { latest_charge, .. }) => latest_charge.as_ref()?.method(),
            Some(SessionIntent::Id(_)) | None => None,
        }
    }
}

/// The intent of a session: its id, or the expanded object.
#[derive(Deserialize)]
#[serde(untagged)]
enum SessionIntent {
    Id(String),
    Intent { id: String, latest_charge: Option<LatestCharge> },
}

/// The amount of a session in the vendor's currency, when the buyer paid in another one.
#[derive(Deserialize)]
pub(super) struct CurrencyConversion {
    pub(super) amount_total: i64,
    pub(super) source_currency: String,
}

/// `payment_intent`
#[derive(Deserialize)]
pub(super) struct Intent {
    pub(super) id: String,
    /// The requested amount. The received amount is lower only after a partial capture.
    #[serde(default)]
    pub(super) amount: i64,
    pub(super) amount_received: Option<i64>,
    pub(super) currency: String,
    pub(super) metadata: Option<Metadata>,
    /// The types that were possible.
    #[serde(default)]
    pub(super) payment_method_types: Vec<String>,
    latest_charge: Option<LatestCharge>,
    /// In versions of the API before 2022-11-15, the charges instead of the latest.
    charges: Option<Charges>,
    pub(super) last_payment_error: Option<IntentError>,
}

impl Intent {
    /// The type of the method that was used, if the intent contains the charge.
    pub(super) fn method(&self) -> Option<&str> {
        let latest = self.latest_charge.as_ref().and_then(LatestCharge::method);
        latest.or_else(|| self.charges.as_ref()?.data.first()?.method())
    }
}

#[derive(Deserialize)]
struct Charges {
    #[serde(default)]
    data: Vec<ChargeMethod>,
}

/// The charge of an intent: its id, or the expanded object.
#[derive(Deserialize)]
#[serde(untagged)]
enum LatestCharge {
    #[allow(dead_code, reason = "the id distinguishes this from an expanded charge, and nothing else is read of it")]
    Id(String),
    Charge(ChargeMethod),
}

impl LatestCharge {
    fn method(&self) -> Option<&str> {
        match self {
            Self::Id(_) => None,
            Self::Charge(charge) => charge.method(),
        }
    }
}

/// How a charge was paid.
#[derive(Deserialize)]
struct ChargeMethod {
    payment_method_details: Option<MethodDetails>,
}

impl ChargeMethod {
    fn method(&self) -> Option<&str> {
        self.payment_method_details.as_ref().map(|details| &*details.kind)
    }
}

#[derive(Deserialize)]
struct MethodDetails {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
pub(super) struct IntentError {
    pub(super) code: Option<String>,
}

/// `charge`
#[derive(Deserialize)]
pub(super) struct Charge {
    id: String,
    payment_intent: Option<Expandable>,
    pub(super) amount: Option<i64>,
    pub(super) amount_captured: Option<i64>,
    pub(super) amount_refunded: Option<i64>,
    pub(super) captured: Option<bool>,
    pub(super) status: Option<String>,
    pub(super) currency: String,
    pub(super) metadata: Option<Metadata>,
    payment_method_details: Option<MethodDetails>,
}

impl Charge {
    /// The payment's id, with the same id as in the events of its intent.
    pub(super) fn payment(&self) -> &str {
        self.payment_intent.as_ref().map_or(&self.id, Expandable::id)
    }

    /// The type of the method that was used.
    pub(super) fn method(&self) -> Option<&str> {
        self.payment_method_details.as_ref().map(|details| &*details.kind)
    }
}

/// `refund`
#[derive(Deserialize)]
pub(super) struct Refund {
    pub(super) id: String,
    charge: Option<Expandable>,
    payment_intent: Option<Expandable>,
    pub(super) amount: i64,
    pub(super) currency: String,
    pub(super) status: Option<String>,
}

impl Refund {
    /// The refunded payment, with the same id as in the events of its success.
    pub(super) fn payment(&self) -> Result<&str, Refusal> {
        payment("refund", self.payment_intent.as_ref(), self.charge.as_ref())
    }
}

/// `dispute`: a chargeback, or a returned bank debit
#[derive(Deserialize)]
pub(super) struct Dispute {
    pub(super) id: String,
    charge: Option<Expandable>,
    payment_intent: Option<Expandable>,
    pub(super) amount: i64,
    pub(super) currency: String,
}

impl Dispute {
    /// The disputed payment, with the same id as in the events of its success.
    pub(super) fn payment(&self) -> Result<&str, Refusal> {
        payment("dispute", self.payment_intent.as_ref(), self.charge.as_ref())
    }
}

fn payment<'o>(what: &str, intent: Option<&'o Expandable>, charge: Option<&'o Expandable>) -> Result<&'o str, Refusal> {
    let named = intent.or(charge).map(Expandable::id);
    named.ok_or_else(|| Refusal::new(Code::ValueInvalid, format!("The event's {what} names neither a payment nor a charge.")))
}

#[derive(Deserialize)]
pub(super) struct Metadata {
    pub(super) quote_number: Option<String>,
    pub(super) quote_revision: Option<String>,
}

/// An id, or the expanded object with this id (Stripe documentation, "Expanding responses").
#[derive(Deserialize)]
#[serde(untagged)]
enum Expandable {
    Id(String),
    Object { id: String },
}

impl Expandable {
    fn id(&self) -> &str {
        match self {
            Self::Id(id) | Self::Object { id } => id,
        }
    }
}
