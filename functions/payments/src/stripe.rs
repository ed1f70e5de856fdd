//! Stripe's webhooks: the signature scheme, and the events that are used here (Stripe documentation, "Webhooks").

use axum::http::HeaderValue;
use domain::{
    Code, Currency, Money, QuoteNumber, Refusal,
    payment::{Method, PaymentEvent, PaymentId, PaymentNotice, Reference},
};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use runtime::secret::Secret;
use serde::Deserialize;
use sha2::Sha256;

/// Stripe as the sender of webhooks.
pub struct Stripe;

/// The header that carries the signature.
pub const SIGNATURE: &str = "stripe-signature";

/// The largest difference between the signature's time and the present, as in Stripe's libraries. An older event may be a replay.
const TOLERANCE_SECONDS: i64 = 300;

/// The endpoint's signing secrets. During a rotation, Stripe signs with the old and the new one.
pub struct Secrets(Vec<Secret>);

impl Secrets {
    /// Takes the current secret, and the other one of a rotation.
    pub fn new(current: Secret, other: Option<Secret>) -> Self {
        Self(std::iter::once(current).chain(other).collect())
    }

    /// Verifies `t=…,v1=…[,v1=…]` over the raw body: HMAC-SHA-256 of `{t}.{body}` under any of the secrets, compared
    /// in constant time. `Err`: the body is not authentic and must not be used.
    pub fn verify(&self, header: Option<&HeaderValue>, body: &[u8], now: Timestamp) -> Result<(), Refusal> {
        let refused = |why| Refusal::new(Code::SignatureInvalid, why);
        let header =
            header.and_then(|header| header.to_str().ok()).ok_or_else(|| refused("The `Stripe-Signature` header is missing."))?;
        let (mut time, mut signatures) = (None, Vec::new());
        for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
            match name {
                "t" => time = time.or(Some(value)),
                // Other schemes, such as v0, are for Stripe's own tests.
                "v1" => signatures.extend(unhex(value)),
                _ => {}
            }
        }
        let time = time.ok_or_else(|| refused("The signature has no time."))?;
        let genuine = self.0.iter().any(|secret| {
            let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()).expect("HMAC takes a key of any length");
            mac.update(time.as_bytes());
            mac.update(b".");
            mac.update(body);
            // Every signature is compared even after one matches, so that the duration reveals nothing.
            signatures.iter().fold(false, |found, signature| found | mac.clone().verify_slice(signature).is_ok())
        });
        if !genuine {
            return Err(refused("The signature does not match this body. Check the endpoint's secret."));
        }
        let age = time.parse::<i64>().map(|time| now.as_second().saturating_sub(time));
        match age {
            Ok(age) if age.abs() <= TOLERANCE_SECONDS => Ok(()),
            _ => Err(refused(
                "The signature's time differs from the present by more than five minutes, so this may be a replay. Check the clock.",
            )),
        }
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let bytes = text.as_bytes();
    let mut out = [0; 32];
    if bytes.len() != 64 {
        return None;
    }
    for (byte, pair) in out.iter_mut().zip(bytes.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(out)
}

/// The content of an authentic event.
#[derive(Debug, PartialEq, Eq)]
pub enum StripeEvent {
    /// A payment succeeded, failed, was refunded or was charged back by a dispute.
    Notice(PaymentNotice),
    /// A dispute over this payment was won, and its money was returned to the vendor.
    DisputeWon(PaymentId),
    /// An event of a type that is not used here, or of test mode where only live money counts.
    Ignored,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    livemode: bool,
}

/// The other members of an event that is used.
#[derive(Deserialize)]
struct Details {
    created: i64,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

/// `checkout.session`
#[derive(Deserialize)]
struct Session {
    id: String,
    payment_intent: Option<Expandable>,
    payment_status: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
    client_reference_id: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    payment_method_types: Vec<String>,
}

/// `payment_intent`
#[derive(Deserialize)]
struct Intent {
    id: String,
    /// The requested amount. The received amount is lower only after a partial capture.
    #[serde(default)]
    amount: i64,
    amount_received: Option<i64>,
    currency: String,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    payment_method_types: Vec<String>,
    last_payment_error: Option<IntentError>,
}

#[derive(Deserialize)]
struct IntentError {
    code: Option<String>,
}

/// `charge`
#[derive(Deserialize)]
struct Charge {
    id: String,
    payment_intent: Option<Expandable>,
    amount_refunded: i64,
    currency: String,
    #[serde(default)]
    metadata: Option<Metadata>,
}

/// `dispute`: a chargeback, or a returned bank debit
#[derive(Deserialize)]
struct Dispute {
    id: String,
    charge: Option<Expandable>,
    payment_intent: Option<Expandable>,
    amount: i64,
    currency: String,
}

impl Dispute {
    /// The disputed payment, with the same id as in the events of its success.
    fn payment(&self) -> Result<PaymentId, Refusal> {
        let payment = self.payment_intent.as_ref().or(self.charge.as_ref());
        payment
            .map(|payment| PaymentId::new("stripe", payment.id()))
            .ok_or_else(|| Refusal::new(Code::ValueInvalid, "The event's dispute names neither a payment nor a charge."))
    }
}

#[derive(Deserialize, Default)]
struct Metadata {
    quote_number: Option<String>,
    quote_revision: Option<String>,
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

/// The types of events that are used here.
const USED_EVENTS: [&str; 7] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.refunded",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// Reads an authentic event. `Err`: the event does not have the form that Stripe documents. It is not acknowledged, so that
/// Stripe retries it and shows the failed delivery.
pub fn read(body: &[u8], accept_test_mode: bool) -> Result<StripeEvent, Refusal> {
    let event: Event = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if !USED_EVENTS.contains(&&*event.kind) || (!event.livemode && !accept_test_mode) {
        return Ok(StripeEvent::Ignored);
    }
    let Details { created, data: Data { object } } = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let at = Timestamp::from_second(created)
        .map_err(|_| Refusal::at(Code::ValueInvalid, "/created", "This is not a Unix time in seconds."))?;
    let notice = |payment: &str, reference, event| {
        Ok(StripeEvent::Notice(PaymentNotice { payment: PaymentId::new("stripe", payment), at, reference, event }))
    };
    match &*event.kind {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded" => {
            let session = of::<Session>(object)?;
            // A completed session may still wait for its money. `async_payment_succeeded` follows when it has arrived. A session
            // with a total of zero needs no payment.
            let paid =
                session.payment_status.as_deref().unwrap_or(if event.kind.ends_with("succeeded") { "paid" } else { "unpaid" });
            let (Some(amount), Some(currency), "paid") =
                (session.amount_total, &session.currency, if paid == "no_payment_required" { "paid" } else { paid })
            else {
                return Ok(StripeEvent::Ignored);
            };
            let succeeded =
                PaymentEvent::Succeeded { money: money(amount, currency)?, methods: methods(&session.payment_method_types) };
            let reference = reference(session.metadata.as_ref(), session.client_reference_id.as_deref());
            notice(session.payment_intent.as_ref().map_or(&session.id, Expandable::id), reference, succeeded)
        }
        "payment_intent.succeeded" => {
            let intent = of::<Intent>(object)?;
            let succeeded = PaymentEvent::Succeeded {
                money: money(intent.amount_received.unwrap_or(intent.amount), &intent.currency)?,
                methods: methods(&intent.payment_method_types),
            };
            notice(&intent.id, reference(intent.metadata.as_ref(), None), succeeded)
        }
        "payment_intent.payment_failed" => {
            let intent = of::<Intent>(object)?;
            let reason = intent.last_payment_error.and_then(|error| error.code).unwrap_or_else(|| "unknown".to_owned());
            notice(&intent.id, reference(intent.metadata.as_ref(), None), PaymentEvent::Failed { reason })
        }
        "charge.refunded" => {
            let charge = of::<Charge>(object)?;
            let refunded = PaymentEvent::Refunded { total: money(charge.amount_refunded, &charge.currency)? };
            notice(
                charge.payment_intent.as_ref().map_or(&charge.id, Expandable::id),
                reference(charge.metadata.as_ref(), None),
                refunded,
            )
        }
        "charge.dispute.funds_withdrawn" => {
            let dispute = of::<Dispute>(object)?;
            let (payment, money) = (dispute.payment()?, money(dispute.amount, &dispute.currency)?);
            // A dispute does not name the quote. The payment's receipt does.
            Ok(StripeEvent::Notice(PaymentNotice {
                payment,
                at,
                reference: None,
                event: PaymentEvent::ChargedBack { dispute: dispute.id, money },
            }))
        }
        "charge.dispute.funds_reinstated" => Ok(StripeEvent::DisputeWon(of::<Dispute>(object)?.payment()?)),
        _ => Ok(StripeEvent::Ignored),
    }
}

fn of<T: serde::de::DeserializeOwned>(object: serde_json::Value) -> Result<T, Refusal> {
    serde_json::from_value(object).map_err(|error| unreadable(&error))
}

/// The refusal of an event that cannot be read. It contains no value of the event, because an event contains people's names.
fn unreadable(error: &serde_json::Error) -> Refusal {
    let category = match error.classify() {
        serde_json::error::Category::Data => "a member is missing or has another type than Stripe documents",
        _ => "it is not JSON",
    };
    Refusal::new(
        Code::ValueInvalid,
        format!("The event cannot be read: {category}. It was not acknowledged, and nothing was stored."),
    )
}

/// The quote that the payment is for: `metadata.quote_number`, or `client_reference_id` if a checkout has no metadata.
fn reference(metadata: Option<&Metadata>, client_reference_id: Option<&str>) -> Option<Reference> {
    let number = |text: &str| text.parse::<QuoteNumber>().ok();
    let named = metadata.and_then(|metadata| metadata.quote_number.as_deref()).and_then(number);
    let quote = named.or_else(|| client_reference_id.and_then(number))?;
    let revision = metadata.and_then(|metadata| metadata.quote_revision.as_deref()).and_then(|text| text.parse().ok());
    Some(Reference { quote, revision })
}

/// Stripe's amount in the minor units of ISO 4217. For a few currencies, Stripe uses another number of decimals (Stripe
/// documentation, "Supported currencies").
fn money(amount: i64, currency: &str) -> Result<Money, Refusal> {
    let code = currency.to_ascii_uppercase();
    let currency: Currency =
        code.parse().map_err(|_| Refusal::new(Code::CurrencyNotOffered, "The event's currency is not one of ISO 4217."))?;
    let stripe_exponent = match &*code {
        "MGA" => 0,
        "ISK" | "UGX" => 2,
        _ => currency.exponent(),
    };
    let scaled = i128::from(amount) * 10_i128.pow(currency.exponent());
    let minor = scaled / 10_i128.pow(stripe_exponent);
    let minor = i64::try_from(minor).ok().filter(|_| amount >= 0 && scaled % 10_i128.pow(stripe_exponent) == 0);
    let minor = minor.ok_or_else(|| Refusal::new(Code::ValueInvalid, "The event's amount is not one in its currency."))?;
    Ok(Money::new(minor, currency))
}

/// The methods that the payment allowed. The events do not state which of them was used. Wallets and Link count as cards.
fn methods(types: &[String]) -> Vec<Method> {
    let method = |kind: &String| match &**kind {
        "paypal" => Method::Paypal,
        "us_bank_account" | "ach_debit" | "ach_credit_transfer" => Method::Ach,
        "customer_balance" => Method::BankTransfer,
        _ => Method::Card,
    };
    if types.is_empty() { vec![Method::Card] } else { types.iter().map(method).collect() }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "in a test, what is not there fails it")]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_converted_to_iso_minor_units() {
        let minor = |amount, code| money(amount, code).map(|money| money.minor).map_err(|refusal| refusal.code());
        assert_eq!(minor(4_200_000, "usd"), Ok(4_200_000));
        assert_eq!(minor(5_040_000, "jpy"), Ok(5_040_000));
        assert_eq!(minor(500, "isk"), Ok(5));
        assert_eq!(minor(501, "isk"), Err(Code::ValueInvalid));
        assert_eq!(minor(5, "mga"), Ok(500));
        assert_eq!(minor(1_000, "kwd"), Ok(1_000));
        assert_eq!(minor(-1, "usd"), Err(Code::ValueInvalid));
        assert_eq!(minor(1, "usx"), Err(Code::CurrencyNotOffered));
    }

    #[test]
    fn a_completed_session_that_is_unpaid_pays_nothing() {
        let event = |status: &str| {
            serde_json::json!({
                "id": "evt_1", "type": "checkout.session.completed", "created": 1_780_000_000, "livemode": true,
                "data": {"object": {"id": "cs_1", "payment_intent": "pi_1", "payment_status": status,
                    "amount_total": 100, "currency": "usd", "client_reference_id": null}}
            })
            .to_string()
        };
        assert_eq!(read(event("unpaid").as_bytes(), false), Ok(StripeEvent::Ignored));
        assert!(
            matches!(read(event("paid").as_bytes(), false), Ok(StripeEvent::Notice(notice)) if notice.payment.as_str() == "stripe:pi_1")
        );
    }

    #[test]
    fn a_dispute_is_over_the_payment_or_else_its_charge_expanded_or_not() {
        let event = |dispute: serde_json::Value| {
            let mut event = serde_json::json!({
                "id": "evt_1", "type": "charge.dispute.funds_reinstated", "created": 1_780_000_000, "livemode": true,
                "data": {"object": {"id": "dp_1", "object": "dispute", "amount": 100, "currency": "usd", "status": "won"}}
            });
            event["data"]["object"].as_object_mut().unwrap().extend(dispute.as_object().unwrap().clone());
            read(event.to_string().as_bytes(), false)
        };
        let of = |payment: &str| Ok(StripeEvent::DisputeWon(PaymentId::new("stripe", payment)));
        assert_eq!(event(serde_json::json!({"charge": "ch_1", "payment_intent": "pi_1"})), of("pi_1"));
        assert_eq!(event(serde_json::json!({"charge": {"id": "ch_1"}, "payment_intent": null})), of("ch_1"));
        assert!(event(serde_json::json!({})).is_err());
    }

    #[test]
    fn a_test_event_counts_only_where_the_configuration_says_so() {
        let event = serde_json::json!({
            "id": "evt_1", "type": "payment_intent.succeeded", "created": 1_780_000_000, "livemode": false,
            "data": {"object": {"id": "pi_1", "amount_received": 100, "currency": "usd"}}
        })
        .to_string();
        assert_eq!(read(event.as_bytes(), false), Ok(StripeEvent::Ignored));
        assert!(matches!(read(event.as_bytes(), true), Ok(StripeEvent::Notice(_))));
    }
}
