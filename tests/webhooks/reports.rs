//! What the webhook does not act on: events that cannot be true or are not the vendor's, currencies that Stripe converts, and
//! refunds that fail. Each is visible to staff, and none changes a quote.

use domain::{
    Quote,
    payment::{Allocation, Receipt, RefundState, ReportReason},
    quote::{Stage, Status},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::given::{Endpoint, Paying, instant, noon};

/// Delivers an event twice, and asserts that it is refused both times, that staff see it once, and that no quote changed.
async fn assert_refused(endpoint: &Endpoint, quote: &Quote, paying: &Paying, event: &Value, reason: &str) {
    let before = endpoint.stored(&quote.number).await;
    let mut receipts = Vec::new();
    for _ in 0..2 {
        let answer = endpoint.deliver_now(event).await;
        assert_eq!(
            (answer.status.as_u16(), answer.outcome(), &answer.body["reason"]),
            (200, "refused", &json!(reason)),
            "{event}"
        );
        receipts.push(endpoint.receipt(paying).await.expect("a receipt"));
    }
    assert_eq!(receipts[0], receipts[1], "reported once");
    let [report] = &*receipts[0].reports else { panic!("{receipts:?}") };
    assert_eq!((json!(report.reason), &report.event), (json!(reason), &event["id"].as_str().expect("an id").to_owned()));
    assert!(receipts[0].undecided_since().is_some());
    assert_eq!(receipts[0].allocation, Allocation::Awaited);
    assert_eq!(endpoint.stored(&quote.number).await, before);
}

/// B23: another account's event is genuine, and not the vendor's money.
#[tokio::test]
async fn b23_an_event_of_another_account_is_refused_and_reported() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let mut event = paying.succeeded();
    event["account"] = json!("acct_1Another");
    assert_refused(&endpoint, &quote, &paying, &event, "other_account").await;
    for mut event in [paying.refunded(100), paying.failed(), paying.withdrawn("one", 100)] {
        event["account"] = json!("acct_1Another");
        assert_eq!(endpoint.deliver(&event).await.outcome(), "refused", "{event}");
    }
    assert_eq!(endpoint.stored(&quote.number).await, quote);
    // The vendor's own payment counts as always, and an account that is null is none.
    let own = paying.again();
    let mut event = own.succeeded();
    event["account"] = json!(null);
    assert_eq!(endpoint.deliver(&event).await.outcome(), "applied");
}

/// B23: no payment is older than its quote, and none is in the future. Five minutes are the difference of two clocks.
#[tokio::test]
async fn b23_an_event_of_an_impossible_time_is_refused_and_reported() {
    let endpoint = Endpoint::new().await;
    for (at, reason) in [
        ("2026-06-10T11:54:59Z", "before_quote"),
        ("2020-01-01T00:00:00Z", "before_quote"),
        ("1970-01-01T00:00:00Z", "before_quote"),
        ("2026-06-10T12:05:01Z", "in_future"),
        ("2036-06-10T12:00:00Z", "in_future"),
    ] {
        let quote = endpoint.quote("USD").await;
        let paying = Paying { at: instant(at), ..Paying::of(&quote) };
        assert_refused(&endpoint, &quote, &paying, &paying.succeeded(), reason).await;
    }
    for at in ["2026-06-10T11:55:00Z", "2026-06-10T12:05:00Z"] {
        let quote = endpoint.quote("USD").await;
        let paying = Paying { at: instant(at), ..Paying::of(&quote) };
        assert_eq!(endpoint.deliver_now(&paying.succeeded()).await.outcome(), "applied", "{at}");
    }
}

/// B21: before the present versions of Stripe's API, the session's own amount was in the buyer's currency.
#[tokio::test]
async fn b21_with_currency_conversion_the_amount_in_the_quote_s_currency_counts() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    // The intent is in the buyer's currency, and another event of the payment states the amount in the quote's.
    let in_cad = Paying { amount: paying.amount * 7 / 5, currency: "cad".to_owned(), ..paying.clone() };
    assert_eq!(endpoint.deliver(&in_cad.succeeded()).await.body["reason"], "currency_mismatch");
    let mut session = in_cad.completed();
    session["data"]["object"]["currency_conversion"] = json!({
        "amount_subtotal": paying.amount, "amount_total": paying.amount, "fx_rate": "1.4", "source_currency": "usd",
    });
    assert_eq!(endpoint.deliver(&session).await.outcome(), "applied");
    let stored = endpoint.stored(&quote.number).await;
    assert_eq!((stored.payments[0].amount, stored.status(noon())), (quote.offer.total, Status::Paid));

    // What goes back in the buyer's currency is not compared with the quote's: a person decides.
    let answer = endpoint.deliver(&in_cad.refunded(100)).await;
    assert_eq!((answer.outcome(), &answer.body["reason"]), ("needs_decision", &json!("currency_differs")));
    assert_eq!(endpoint.stored(&quote.number).await, stored);
    assert!(endpoint.receipt(&paying).await.expect("a receipt").undecided_since().is_some());
}

/// B21: in the present versions, the amount is the quote's, and what the buyer saw is stated apart.
#[tokio::test]
async fn b21_presentment_details_do_not_matter() {
    let endpoint = Endpoint::new().await;
    let presented = json!({"presentment_amount": 7_000_000, "presentment_currency": "cad"});
    for event in [Paying::succeeded as fn(&Paying) -> Value, Paying::completed, |paying| paying.charged("card")] {
        let quote = endpoint.quote("USD").await;
        let mut event = event(&Paying::of(&quote));
        event["data"]["object"]["presentment_details"] = presented.clone();
        assert_eq!(endpoint.deliver(&event).await.outcome(), "applied");
        assert_eq!(endpoint.stored(&quote.number).await.payments[0].amount, quote.offer.total);
    }
}

/// B22: paid after the expiry, refunded at Stripe, and the quote revised. Another event of that payment arrives.
#[tokio::test]
async fn b22_money_that_was_returned_pays_no_later_revision() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let late = instant("2026-07-11T08:00:00Z");
    endpoint.hand.set(instant("2026-07-12T09:00:00Z"));
    let paying = Paying { at: late, ..Paying::of(&quote) };
    assert_eq!(endpoint.deliver(&paying.succeeded()).await.body["reason"], "quote_expired");
    assert_eq!(endpoint.deliver(&paying.refunded(paying.amount)).await.outcome(), "recorded");
    assert_eq!(endpoint.receipt(&paying).await.expect("a receipt").undecided_since(), None, "nothing is left to decide");

    let offer = endpoint.offer("USD", 500, instant("2026-07-12T10:00:00Z"));
    let revised = quote.revise(offer).expect("it is not paid").expect("it has expired").next;
    assert_eq!(
        endpoint.store.commit(&domain::quote::Change { next: revised.clone() }).await.expect("a write"),
        store::Commit::Committed
    );
    endpoint.hand.set(instant("2026-07-12T11:00:00Z"));
    for second in [
        paying.unrevised().succeeded(),
        paying.unrevised().completed(),
        Paying { at: instant("2026-07-12T10:30:00Z"), revision: Some(2), ..paying.clone() }.completed(),
    ] {
        assert!(matches!(endpoint.deliver(&second).await.outcome(), "already_processed" | "unapplied"), "{second}");
        assert_eq!(endpoint.stored(&quote.number).await, revised, "{second}");
    }
    let again = Paying { at: instant("2026-07-12T10:45:00Z"), ..Paying::of(&revised) }.again();
    assert_eq!(endpoint.deliver(&again.succeeded()).await.outcome(), "applied", "new money pays the revision");
}

/// B22: it is unknown what such a payment was for.
#[tokio::test]
async fn b22_a_revision_that_cannot_be_read_is_reported_and_pays_nothing() {
    let endpoint = Endpoint::new().await;
    for unreadable in ["one", "1.0", "-1", "", " 1", "4294967296"] {
        let quote = endpoint.quote("USD").await;
        let paying = Paying::of(&quote);
        let mut event = paying.succeeded();
        event["data"]["object"]["metadata"]["quote_revision"] = json!(unreadable);
        let answer = endpoint.deliver(&event).await;
        assert_eq!((answer.outcome(), &answer.body["reason"]), ("unapplied", &json!("revision_unreadable")), "{unreadable:?}");
        assert_eq!(endpoint.stored(&quote.number).await, quote);
        assert!(endpoint.receipt(&paying).await.expect("a receipt").undecided_since().is_some());
        assert_eq!(endpoint.deliver(&paying.completed()).await.outcome(), "applied", "another event states it");
    }
}

/// The states of a refund are recorded by its name, and a refund that fails is left to a person.
#[tokio::test]
async fn the_states_of_a_refund_are_recorded_and_no_event_is_dropped() {
    let endpoint = Endpoint::new().await;
    for kind in ["refund.created", "refund.updated", "refund.failed", "charge.refund.updated"] {
        let quote = endpoint.quote("USD").await;
        let paying = Paying::of(&quote);
        endpoint.deliver(&paying.succeeded()).await;
        let paid = endpoint.stored(&quote.number).await;
        assert_eq!(endpoint.deliver(&paying.refund(kind, 60, 100, "pending")).await.outcome(), "recorded", "{kind}");
        assert_eq!(endpoint.deliver(&paying.refund(kind, 60, 100, "pending")).await.outcome(), "already_processed");
        for _ in 0..2 {
            let answer = endpoint.deliver(&paying.refund(kind, 120, 100, "failed")).await;
            assert_eq!((answer.outcome(), &answer.body["reason"]), ("needs_decision", &json!("refund_failed")), "{kind}");
        }
        assert_eq!(endpoint.deliver(&paying.refund(kind, 60, 100, "pending")).await.outcome(), "already_processed", "it is old");
        let Receipt { refunds, reports, refunded, .. } = endpoint.receipt(&paying).await.expect("a receipt");
        let refund = &refunds[&format!("re_{}", paying.intent)];
        assert_eq!((refund.state, refund.money.minor, refunded), (RefundState::Failed, 100, 0));
        assert_eq!(reports.iter().map(|report| report.reason).collect::<Vec<_>>(), [ReportReason::RefundFailed]);
        assert_eq!(endpoint.stored(&quote.number).await, paid, "the effect on licences is that of the charge's own events");
    }
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let mut unknown = paying.refund("refund.updated", 60, 100, "vanished");
    assert_eq!(endpoint.deliver(&unknown).await.status, 422, "Stripe keeps what cannot be read");
    unknown["data"]["object"]["status"] = json!(null);
    assert_eq!(endpoint.deliver(&unknown).await.outcome(), "recorded");
}

/// A refused event leaves the payment as it was: the true event counts when it arrives.
#[tokio::test]
async fn a_payment_is_applied_by_its_true_event_after_a_refused_one() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let early = Paying { at: noon() - SignedDuration::from_hours(1), ..paying.clone() };
    assert_eq!(endpoint.deliver(&early.succeeded()).await.outcome(), "refused");
    assert_eq!(endpoint.deliver(&paying.completed()).await.outcome(), "applied");
    let receipt = endpoint.receipt(&paying).await.expect("a receipt");
    assert_eq!(receipt.reports.len(), 1, "staff still see the refused event");
    assert!(matches!(endpoint.stored(&quote.number).await.stage, Stage::Paid { .. }));
}
