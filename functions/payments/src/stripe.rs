//! Stripe's webhooks: the events that are used here (Stripe documentation, "Webhooks" and "Types of events").

mod objects;
mod signature;

use domain::{
    Code, Currency, Money, QuoteNumber, Refusal,
    payment::{NamedRevision, PaidBy, PaymentEvent, PaymentId, PaymentNotice, Reference, RefundState},
};
use jiff::Timestamp;
use serde::Deserialize;

use self::objects::{Charge, Dispute, Intent, Metadata, Refund, Session};
pub use self::signature::{SIGNATURE, Secrets};

/// Stripe as the sender of webhooks.
pub struct Stripe;

/// The content of an authentic event.
#[derive(Debug, PartialEq, Eq)]
pub enum StripeEvent {
    /// What happened to a payment.
    Notice(PaymentNotice),
    /// What happened to a payment of another account at Stripe. The vendor's own events name no account.
    OtherAccount(PaymentNotice),
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
    id: String,
    created: i64,
    /// The connected account of the event. The events of the account that owns the endpoint lack it (Stripe documentation,
    /// "Connect webhooks").
    account: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: serde_json::Value,
}

/// The types of events that are used here.
const USED_EVENTS: [&str; 13] = [
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "payment_intent.succeeded",
    "payment_intent.payment_failed",
    "charge.succeeded",
    "charge.captured",
    "charge.refunded",
    "charge.refund.updated",
    "refund.created",
    "refund.updated",
    "refund.failed",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.funds_reinstated",
];

/// What an event says: the payment's id at Stripe, what it is for, and what happened.
type Said<'e> = (&'e str, Option<Reference>, PaymentEvent);

/// Reads an authentic event. `Err`: the event does not have the form that Stripe documents. It is not acknowledged, so that
/// Stripe retries it and shows the failed delivery.
pub fn read(body: &[u8], accept_test_mode: bool) -> Result<StripeEvent, Refusal> {
    let event: Event = serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    if !USED_EVENTS.contains(&&*event.kind) || (!event.livemode && !accept_test_mode) {
        return Ok(StripeEvent::Ignored);
    }
    let Details { id, created, account, data: Data { object } } =
        serde_json::from_slice(body).map_err(|error| unreadable(&error))?;
    let at = Timestamp::from_second(created)
        .map_err(|_| Refusal::at(Code::ValueInvalid, "/created", "This is not a Unix time in seconds."))?;
    let notice = |said: Option<Said<'_>>| {
        let Some((payment, reference, event)) = said else { return StripeEvent::Ignored };
        let notice = PaymentNotice { id, payment: PaymentId::new("stripe", payment), at, reference, event };
        if account.is_some() { StripeEvent::OtherAccount(notice) } else { StripeEvent::Notice(notice) }
    };
    Ok(match &*event.kind {
        kind @ ("checkout.session.completed" | "checkout.session.async_payment_succeeded") => {
            notice(completed(&of::<Session>(object)?, kind)?)
        }
        "payment_intent.succeeded" => {
            let intent = of::<Intent>(object)?;
            let succeeded = PaymentEvent::Succeeded {
                money: money(intent.amount_received.unwrap_or(intent.amount), &intent.currency)?,
                methods: paid_by(intent.method(), &intent.payment_method_types),
            };
            notice(Some((&intent.id, reference(intent.metadata.as_ref(), None), succeeded)))
        }
        "payment_intent.payment_failed" => {
            let intent = of::<Intent>(object)?;
            let reason = intent.last_payment_error.and_then(|error| error.code).unwrap_or_else(|| "unknown".to_owned());
            notice(Some((&intent.id, reference(intent.metadata.as_ref(), None), PaymentEvent::Failed { reason })))
        }
        "charge.succeeded" | "charge.captured" => notice(charged(&of::<Charge>(object)?)?),
        "charge.refunded" => {
            let charge = of::<Charge>(object)?;
            let total = charge.amount_refunded.ok_or_else(|| {
                Refusal::at(
                    Code::ValueInvalid,
                    "/data/object/amount_refunded",
                    "A refunded charge states the total of its refunds.",
                )
            })?;
            let refunded = PaymentEvent::Refunded { total: money(total, &charge.currency)? };
            notice(Some((charge.payment(), reference(charge.metadata.as_ref(), None), refunded)))
        }
        kind @ ("charge.refund.updated" | "refund.created" | "refund.updated" | "refund.failed") => {
            let refund = of::<Refund>(object)?;
            let state = refund_state(refund.status.as_deref(), kind)?;
            let money = money(refund.amount, &refund.currency)?;
            // A refund does not name the quote. The payment's receipt does.
            notice(Some((refund.payment()?, None, PaymentEvent::RefundUpdated { refund: refund.id.clone(), money, state })))
        }
        "charge.dispute.funds_withdrawn" => {
            let dispute = of::<Dispute>(object)?;
            let money = money(dispute.amount, &dispute.currency)?;
            notice(Some((dispute.payment()?, None, PaymentEvent::ChargedBack { dispute: dispute.id.clone(), money })))
        }
        "charge.dispute.funds_reinstated" => notice(Some((of::<Dispute>(object)?.payment()?, None, PaymentEvent::DisputeWon))),
        _ => StripeEvent::Ignored,
    })
}

/// A completed session may still wait for its money; `async_payment_succeeded` follows when the money has arrived. A session with
/// a total of zero needs no payment.
fn completed<'s>(session: &'s Session, kind: &str) -> Result<Option<Said<'s>>, Refusal> {
    let otherwise = if kind.ends_with("succeeded") { "paid" } else { "unpaid" };
    let paid = matches!(session.payment_status.as_deref().unwrap_or(otherwise), "paid" | "no_payment_required");
    // With currency conversion, the session's own amount is in the buyer's currency, and the quote's is stated apart. With
    // `presentment_details`, which replaced it, the session's own amount is the quote's (Stripe documentation, "Adaptive
    // Pricing").
    let (amount, currency) = match &session.currency_conversion {
        Some(conversion) => (Some(conversion.amount_total), Some(&conversion.source_currency)),
        None => (session.amount_total, session.currency.as_ref()),
    };
    let (true, Some(amount), Some(currency)) = (paid, amount, currency) else { return Ok(None) };
    let methods = paid_by(session.method(), &session.payment_method_types);
    let succeeded = PaymentEvent::Succeeded { money: money(amount, currency)?, methods };
    let reference = reference(session.metadata.as_ref(), session.client_reference_id.as_deref());
    Ok(Some((session.payment(), reference, succeeded)))
}

/// A charge states how it was paid. An authorised charge has no money yet; `charge.captured` follows.
fn charged(charge: &Charge) -> Result<Option<Said<'_>>, Refusal> {
    let arrived = charge.captured != Some(false) && charge.status.as_deref().is_none_or(|status| status == "succeeded");
    let amount = charge.amount_captured.or(charge.amount);
    let (true, Some(amount), Some(method)) = (arrived, amount, charge.method()) else { return Ok(None) };
    let succeeded = PaymentEvent::Succeeded { money: money(amount, &charge.currency)?, methods: vec![paid_by_type(method)] };
    Ok(Some((charge.payment(), reference(charge.metadata.as_ref(), None), succeeded)))
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
    let revision = match metadata.and_then(|metadata| metadata.quote_revision.as_deref()) {
        None => NamedRevision::Unstated,
        Some(text) => text.parse().map_or(NamedRevision::Unreadable, NamedRevision::Stated),
    };
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

/// The state of a refund. Stripe leaves it out of some old refunds, and then the type of the event states it.
fn refund_state(status: Option<&str>, kind: &str) -> Result<RefundState, Refusal> {
    match status {
        Some("pending") => Ok(RefundState::Pending),
        Some("requires_action") => Ok(RefundState::RequiresAction),
        Some("succeeded") => Ok(RefundState::Succeeded),
        Some("canceled") => Ok(RefundState::Canceled),
        Some("failed") => Ok(RefundState::Failed),
        None if kind == "refund.failed" => Ok(RefundState::Failed),
        None => Ok(RefundState::Pending),
        Some(_) => Err(Refusal::at(
            Code::ValueInvalid,
            "/data/object/status",
            "This is not a state of a refund that Stripe documents. The event was not acknowledged, and nothing was stored.",
        )),
    }
}

/// How a payment was made: by the type that its charge states, or else by one of the types that were possible.
fn paid_by(charged: Option<&str>, possible: &[String]) -> Vec<PaidBy> {
    let types: Vec<&str> = charged.map_or_else(|| possible.iter().map(String::as_str).collect(), |charged| vec![charged]);
    let mut ways = Vec::new();
    for way in types.into_iter().map(paid_by_type) {
        if !ways.contains(&way) {
            ways.push(way);
        }
    }
    ways
}

/// Stripe's type of a payment method (Stripe documentation, "The Charge object", `payment_method_details.type`).
fn paid_by_type(kind: &str) -> PaidBy {
    match kind {
        "card" | "card_present" | "interac_present" => PaidBy::Card,
        "link" => PaidBy::Link,
        "paypal" => PaidBy::Paypal,
        "us_bank_account" | "ach_debit" => PaidBy::UsBankAccount,
        "ach_credit_transfer" => PaidBy::Ach,
        "sepa_debit" => PaidBy::SepaDebit,
        "au_becs_debit" => PaidBy::AuBecsDebit,
        "customer_balance" => PaidBy::BankTransfer,
        _ => PaidBy::Other,
    }
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
        let won = |dispute| match event(dispute) {
            Ok(StripeEvent::Notice(PaymentNotice { payment, event: PaymentEvent::DisputeWon, .. })) => payment,
            other => panic!("{other:?}"),
        };
        assert_eq!(won(serde_json::json!({"charge": "ch_1", "payment_intent": "pi_1"})).as_str(), "stripe:pi_1");
        assert_eq!(won(serde_json::json!({"charge": {"id": "ch_1"}, "payment_intent": null})).as_str(), "stripe:ch_1");
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
