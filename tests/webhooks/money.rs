//! What money does when it arrives: it pays its quote, or it is kept with the reason why not. None is ever lost.

use domain::{
    Money, Quote,
    payment::{Allocation, PaidBy, ReportReason, Unapplied},
    quote::{Event, Stage, Status},
};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::given::{Endpoint, Paying, SECRET, instant, noon};

/// Reports that money arrived, and asserts that it is kept for `reason`, that the response states so, and that nothing else
/// changed.
async fn assert_kept(endpoint: &Endpoint, paying: &Paying, reason: Unapplied) {
    let before = endpoint.table().await;
    let answer = endpoint.deliver(&paying.succeeded()).await;
    assert_eq!(answer.status, 200, "the event is accepted: Stripe need not repeat it");
    assert_eq!((answer.outcome(), &answer.body["reason"]), ("unapplied", &json!(reason)));

    let receipt = endpoint.receipt(paying).await.expect("a receipt");
    let Allocation::Unapplied { reason: kept_for, money, at, .. } = receipt.allocation else { panic!("{receipt:?}") };
    assert_eq!(kept_for, reason);
    let currency = paying.currency.to_uppercase().parse().expect("a currency");
    assert_eq!((money, at), (Money::new(paying.amount, currency), paying.at));

    let mut after = endpoint.table().await;
    assert_eq!(
        endpoint.deliver(&paying.completed()).await.outcome(),
        "already_processed",
        "reported again, it is the same money"
    );
    assert_eq!(endpoint.table().await, after);
    after.retain(|key, _| before.contains_key(key));
    assert_eq!(after, before, "nothing but the receipt was written");
}

/// E28, first half: `evt_1` three times, then `evt_2` for the same payment.
#[tokio::test]
async fn e28_a_payment_reported_four_times_by_two_events_is_one_ledger_entry() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let evt_1 = paying.succeeded();
    let mut evt_2 = paying.completed();
    evt_2["id"] = json!("evt_2");
    let mut outcomes = Vec::new();
    for event in [&evt_1, &evt_1, &evt_1, &evt_2] {
        let answer = endpoint.deliver(event).await;
        assert_eq!(answer.status, 200);
        outcomes.push(answer.outcome().to_owned());
    }
    assert_eq!(outcomes, ["applied", "already_processed", "already_processed", "already_processed"]);
    let quote = endpoint.stored(&quote.number).await;
    assert_eq!(quote.payments.len(), 1);
    assert_eq!((quote.payments[0].amount, &quote.payments[0].payment), (quote.offer.total, &paying.id()));
    assert_eq!(quote.status(noon()), Status::Paid);
}

/// E28, second half: the refund arrives first, is parked, and is applied after; the balance is 0.
#[tokio::test]
async fn e28_a_refund_reported_before_its_payment_waits_for_it() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    assert_eq!(endpoint.deliver(&paying.refunded(paying.amount)).await.outcome(), "recorded");
    assert_eq!(endpoint.receipt(&paying).await.expect("a receipt").allocation, Allocation::Awaited);
    assert_eq!(endpoint.stored(&quote.number).await, quote, "a refund alone changes no quote");

    assert_eq!(endpoint.deliver(&paying.succeeded()).await.outcome(), "applied");
    let quote = endpoint.stored(&quote.number).await;
    assert_eq!(quote.payments.iter().map(|payment| payment.amount - payment.refunded).sum::<i64>(), 0);
    assert_eq!(quote.stage, Stage::Refunded { delivery: None }, "so that no key is issued for it");
}

#[tokio::test]
async fn a_part_that_went_back_leaves_the_quote_paid() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    endpoint.deliver(&paying.succeeded()).await;
    for (total, outcome) in [(100, "recorded"), (100, "already_processed"), (300, "recorded"), (200, "already_processed")] {
        assert_eq!(endpoint.deliver(&paying.refunded(total)).await.outcome(), outcome, "{total} in all");
    }
    let quote = endpoint.stored(&quote.number).await;
    assert_eq!((quote.payments[0].refunded, quote.status(noon())), (300, Status::Paid));
    endpoint.deliver(&paying.unnamed().refunded(paying.amount)).await;
    assert_eq!(endpoint.stored(&quote.number).await.status(noon()), Status::Refunded, "a charge need not name its quote");
}

/// R78: a chargeback, or a bank debit that comes back, is returned money, by whichever party.
#[tokio::test]
async fn r78_what_the_payer_s_bank_withdraws_is_gone_and_nothing_is_delivered_for_it() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    endpoint.deliver(&paying.succeeded()).await;
    assert!(endpoint.stored(&quote.number).await.deliverable_since().is_some());
    for (event, outcome) in [
        (paying.withdrawn("one", 100), "recorded"),
        (paying.withdrawn("one", 100), "already_processed"),
        (paying.refunded(300), "recorded"),
        (paying.withdrawn("other", 50), "recorded"),
        (paying.refunded(300), "already_processed"),
    ] {
        assert_eq!(endpoint.deliver(&event).await.outcome(), outcome, "{event}");
    }
    let in_part = endpoint.stored(&quote.number).await;
    assert_eq!((in_part.payments[0].refunded, in_part.status(noon())), (450, Status::Paid));
    assert_eq!(in_part.deliverable_since(), None, "no key for a payment of which some is gone");

    endpoint.deliver(&paying.withdrawn("rest", paying.amount - 450)).await;
    let gone = endpoint.stored(&quote.number).await;
    assert_eq!((gone.payments[0].refunded, gone.stage), (paying.amount, Stage::Refunded { delivery: None }));
    let receipt = endpoint.receipt(&paying).await.expect("a receipt");
    assert_eq!((receipt.refunded, receipt.charged_back.len(), receipt.returned()), (300, 3, paying.amount));
}

#[tokio::test]
async fn r78_a_dispute_reported_before_its_payment_waits_for_it() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    assert_eq!(endpoint.deliver(&paying.withdrawn("early", paying.amount)).await.outcome(), "recorded");
    assert_eq!(endpoint.receipt(&paying).await.expect("a receipt").allocation, Allocation::Awaited);
    assert_eq!(endpoint.stored(&quote.number).await, quote, "a dispute alone changes no quote");

    assert_eq!(endpoint.deliver(&paying.succeeded()).await.outcome(), "applied");
    assert_eq!(endpoint.stored(&quote.number).await.stage, Stage::Refunded { delivery: None }, "so that no key is issued for it");
}

#[tokio::test]
async fn a_dispute_over_unapplied_money_is_noted_with_it() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying { amount: 100, ..Paying::of(&quote) };
    assert_kept(&endpoint, &paying, Unapplied::AmountMismatch).await;
    assert_eq!(endpoint.deliver(&paying.withdrawn("one", 100)).await.outcome(), "recorded");
    assert_eq!(endpoint.receipt(&paying).await.expect("a receipt").returned(), 100);
    assert_eq!(endpoint.stored(&quote.number).await, quote);
}

/// What it had paid for was taken back by then, and may be sold again: nothing is undone automatically.
#[tokio::test]
async fn money_that_a_won_dispute_brings_back_is_left_to_a_person() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    for event in [paying.succeeded(), paying.withdrawn("one", paying.amount)] {
        endpoint.deliver(&event).await;
    }
    let before = endpoint.stored(&quote.number).await;
    let mut tables = Vec::new();
    for _ in 0..2 {
        let answer = endpoint.deliver(&paying.reinstated("one", paying.amount)).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "needs_decision"));
        assert_eq!(answer.body["reason"], "money_reinstated");
        tables.push(endpoint.table().await);
    }
    assert_eq!(endpoint.stored(&quote.number).await, before);
    assert_eq!(tables[0], tables[1], "reported again, it is the same");
    let reports = endpoint.receipt(&paying).await.expect("a receipt").reports;
    assert_eq!(reports.iter().map(|report| report.reason).collect::<Vec<_>>(), [ReportReason::MoneyReinstated]);
}

#[tokio::test]
async fn e27_another_amount_pays_nothing() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    for amount in [quote.offer.total - 1, quote.offer.total + 1, 0, quote.offer.total / 100] {
        let paying = Paying { amount, intent: format!("pi_{amount}"), ..Paying::of(&quote) };
        assert_kept(&endpoint, &paying, Unapplied::AmountMismatch).await;
    }
}

#[tokio::test]
async fn e27_another_currency_pays_nothing() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    assert_kept(&endpoint, &Paying { currency: "aud".to_owned(), ..Paying::of(&quote) }, Unapplied::CurrencyMismatch).await;
}

#[tokio::test]
async fn money_for_a_quote_that_does_not_exist_is_kept() {
    let endpoint = Endpoint::new().await;
    assert_kept(&endpoint, &Paying::of(&endpoint.unstored("USD")), Unapplied::QuoteUnknown).await;
}

#[tokio::test]
async fn money_that_names_no_quote_is_kept_until_another_event_names_it() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    assert_kept(&endpoint, &paying.unnamed(), Unapplied::NoReference).await;
    assert_eq!(endpoint.deliver(&paying.completed()).await.outcome(), "applied");
    assert_eq!(endpoint.stored(&quote.number).await.status(noon()), Status::Paid);
}

/// A mistyped number has a wrong check character, and is no number.
#[tokio::test]
async fn a_mistyped_number_is_no_reference() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let mut event = paying.succeeded();
    let mut mistyped = quote.number.to_string();
    let last = mistyped.pop().expect("a character");
    mistyped.push(if last == '2' { '3' } else { '2' });
    event["data"]["object"]["metadata"]["quote_number"] = json!(mistyped);
    assert_eq!(endpoint.deliver(&event).await.body["reason"], "no_reference");
    assert_eq!(endpoint.stored(&quote.number).await, quote);
}

#[tokio::test]
async fn a_number_may_be_typed_as_people_type_it() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let mut event = Paying::of(&quote).completed();
    event["data"]["object"]["client_reference_id"] = json!(quote.number.compact().to_lowercase());
    assert_eq!(endpoint.deliver(&event).await.outcome(), "applied");
}

/// E26: the instant of the payment decides, not the instant of its report.
#[tokio::test]
async fn e26_the_last_second_counts_however_late_it_is_reported_and_the_next_one_does_not() {
    let endpoint = Endpoint::new().await;
    let (in_time, late) = (endpoint.quote("USD").await, endpoint.quote("USD").await);
    assert_eq!(in_time.offer.valid_through.to_string(), "2026-07-10");
    endpoint.hand.set(instant("2026-07-12T09:00:00Z"));

    let paying = Paying { at: instant("2026-07-10T23:59:59Z"), ..Paying::of(&in_time) };
    assert_eq!(endpoint.deliver(&paying.succeeded()).await.outcome(), "applied");
    let Stage::Paid { on } = endpoint.stored(&in_time.number).await.stage else { panic!("it is paid") };
    assert_eq!(on.to_string(), "2026-07-10");

    let paying = Paying { at: instant("2026-07-11T00:00:00Z"), ..Paying::of(&late) };
    assert_kept(&endpoint, &paying, Unapplied::QuoteExpired).await;
}

#[tokio::test]
async fn a_second_payment_for_a_paid_quote_is_kept() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let first = Paying::of(&quote);
    endpoint.deliver(&first.succeeded()).await;
    let second = first.clone().again();
    assert_kept(&endpoint, &second, Unapplied::AlreadyPaid).await;

    endpoint.deliver(&first.refunded(first.amount)).await;
    let third = second.again();
    assert_kept(&endpoint, &third, Unapplied::AlreadyPaid).await;
}

/// R24: a revision voids the old offer, and a payment that began under it.
#[tokio::test]
async fn r24_money_for_a_superseded_revision_is_kept() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let offer = endpoint.offer("USD", 1_000, noon() + SignedDuration::from_mins(5));
    let change = quote.revise(offer).expect("it is not paid").expect("it is another request");
    assert_eq!(endpoint.store.commit(&change).await.expect("a write"), store::Commit::Committed);

    // Not even if it is of the new offer's amount.
    let old = Paying { amount: change.next.offer.total, ..Paying::of(&quote) };
    assert_kept(&endpoint, &old, Unapplied::RevisionSuperseded).await;
    assert_eq!(endpoint.deliver(&Paying::of(&change.next).again().succeeded()).await.outcome(), "applied");
}

/// R69: Australian dollars are not paid by card.
#[tokio::test]
async fn r69_a_card_does_not_pay_australian_dollars_and_a_transfer_does() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("AUD").await;
    assert_kept(&endpoint, &Paying::of(&quote), Unapplied::MethodNotAllowed).await;
    let transfer = Paying { method: "customer_balance", ..Paying::of(&quote).again() };
    assert_eq!(endpoint.deliver(&transfer.succeeded()).await.outcome(), "applied");
}

/// B19: the charge states how the payment was made, not the list of what was possible. Australian dollars are not paid by card.
#[tokio::test]
async fn b19_the_method_of_the_charge_counts_and_not_those_that_were_possible() {
    let endpoint = Endpoint::new().await;
    let possible = json!(["card", "paypal"]);
    for (charge, outcome) in [("card", "unapplied"), ("link", "unapplied"), ("paypal", "applied"), ("au_becs_debit", "applied")] {
        for expanded in ["latest_charge", "charges"] {
            let quote = endpoint.quote("AUD").await;
            let mut event = Paying::of(&quote).succeeded();
            let object = &mut event["data"]["object"];
            let charge = json!({"id": "ch_1", "object": "charge", "payment_method_details": {"type": charge}});
            object["payment_method_types"] = possible.clone();
            object[expanded] = if expanded == "charges" { json!({"object": "list", "data": [charge]}) } else { charge };
            let answer = endpoint.deliver(&event).await;
            assert_eq!(answer.outcome(), outcome, "{event}");
            if outcome == "unapplied" {
                assert_eq!(answer.body["reason"], "method_not_allowed");
                assert_eq!(endpoint.stored(&quote.number).await, quote);
            }
        }
    }
}

/// B19: Stripe's events of intents and sessions name the charge by its id. The event of the charge itself states the method.
#[tokio::test]
async fn b19_the_event_of_the_charge_settles_what_the_others_leave_open() {
    let endpoint = Endpoint::new().await;
    for (charged, outcome, reason) in [("paypal", "applied", json!(null)), ("card", "unapplied", json!("method_not_allowed"))] {
        let quote = endpoint.quote("AUD").await;
        let paying = Paying::of(&quote);
        let mut open = paying.completed();
        open["data"]["object"]["payment_method_types"] = json!(["card", "paypal"]);
        let answer = endpoint.deliver(&open).await;
        assert_eq!((answer.outcome(), &answer.body["reason"]), ("unapplied", &json!("method_unstated")));
        let answer = endpoint.deliver(&paying.charged(charged)).await;
        assert_eq!((answer.outcome(), &answer.body["reason"]), (outcome, &reason), "{charged}");
    }
}

/// B19: what a charge states is recorded as what it is, whichever event comes first.
#[tokio::test]
async fn b19_each_method_is_recorded_as_what_it_is() {
    let endpoint = Endpoint::new().await;
    for (currency, kind, recorded) in [
        ("USD", "card", PaidBy::Card),
        ("USD", "link", PaidBy::Link),
        ("USD", "paypal", PaidBy::Paypal),
        ("USD", "us_bank_account", PaidBy::UsBankAccount),
        ("EUR", "sepa_debit", PaidBy::SepaDebit),
        ("AUD", "au_becs_debit", PaidBy::AuBecsDebit),
        ("AUD", "customer_balance", PaidBy::BankTransfer),
    ] {
        for charge_first in [true, false] {
            let quote = endpoint.quote(currency).await;
            let paying = Paying { method: "customer_balance", ..Paying::of(&quote) };
            let mut intent = paying.succeeded();
            // All of these are admitted, so that the money counts at once.
            let possible =
                if currency == "USD" { json!(["card", "link", "paypal"]) } else { json!(["paypal", "customer_balance"]) };
            intent["data"]["object"]["payment_method_types"] = possible;
            let mut events = [intent, paying.charged(kind)];
            if charge_first {
                events.reverse();
            }
            for event in &events {
                assert_eq!(endpoint.deliver(event).await.status, 200);
            }
            let stored = endpoint.stored(&quote.number).await;
            assert_eq!(stored.payments.len(), 1);
            assert_eq!(stored.payments[0].method, Some(recorded), "{kind}");
            for event in &events {
                assert_eq!(endpoint.deliver(event).await.outcome(), "already_processed");
            }
        }
    }
}

#[tokio::test]
async fn a_method_that_no_policy_can_offer_pays_nothing() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("EUR").await;
    assert_kept(&endpoint, &Paying { method: "klarna", ..Paying::of(&quote) }, Unapplied::MethodNotAllowed).await;
}

#[tokio::test]
async fn an_authorised_charge_has_no_money_yet() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let mut authorised = paying.charged("card");
    authorised["data"]["object"]["captured"] = json!(false);
    assert_eq!(endpoint.deliver(&authorised).await.outcome(), "ignored");
    let mut pending = paying.charged("us_bank_account");
    pending["data"]["object"]["status"] = json!("pending");
    assert_eq!(endpoint.deliver(&pending).await.outcome(), "ignored");
    let captured = paying.event("charge.captured", 60, paying.charged("card")["data"]["object"].clone());
    assert_eq!(endpoint.deliver(&captured).await.outcome(), "applied");
}

/// Two events of one payment that say different things about it: it pays by the one that fits, in either order.
#[tokio::test]
async fn a_payment_pays_if_any_of_its_events_says_so() {
    let endpoint = Endpoint::new().await;
    for fitting_first in [true, false] {
        let quote = endpoint.quote("USD").await;
        let fitting = Paying::of(&quote);
        let partial = Paying { amount: 1, ..fitting.clone() };
        let mut events = [fitting.succeeded(), partial.completed()];
        if !fitting_first {
            events.reverse();
        }
        for event in &events {
            assert_eq!(endpoint.deliver(event).await.status, 200);
        }
        let quote = endpoint.stored(&quote.number).await;
        assert_eq!((quote.status(noon()), quote.payments.len()), (Status::Paid, 1));
    }
}

/// R70: ACH is for US dollars.
#[tokio::test]
async fn r70_ach_pays_us_dollars_alone() {
    let endpoint = Endpoint::new().await;
    let (dollars, euros) = (endpoint.quote("USD").await, endpoint.quote("EUR").await);
    let ach = |quote: &Quote| Paying { method: "us_bank_account", ..Paying::of(quote) };
    assert_eq!(endpoint.deliver(&ach(&dollars).succeeded()).await.outcome(), "applied");
    assert_kept(&endpoint, &ach(&euros), Unapplied::MethodNotAllowed).await;
}

#[tokio::test]
async fn a_refund_of_unapplied_money_is_noted_with_it() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying { amount: 100, ..Paying::of(&quote) };
    assert_kept(&endpoint, &paying, Unapplied::AmountMismatch).await;
    assert_eq!(endpoint.deliver(&paying.refunded(40)).await.outcome(), "recorded");
    assert_eq!(endpoint.deliver(&paying.refunded(100)).await.outcome(), "recorded");
    assert_eq!(endpoint.deliver(&paying.refunded(40)).await.outcome(), "already_processed");
    let receipt = endpoint.receipt(&paying).await.expect("a receipt");
    assert_eq!(receipt.refunded, 100);
    assert!(matches!(receipt.allocation, Allocation::Unapplied { .. }));
    assert_eq!(endpoint.stored(&quote.number).await, quote);
}

#[tokio::test]
async fn a_failed_attempt_is_noted_once_and_the_buyer_may_try_again() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    for outcome in ["recorded", "already_processed", "already_processed"] {
        let answer = endpoint.deliver(&paying.failed()).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, outcome));
    }
    let noted = endpoint.stored(&quote.number).await;
    assert_eq!(noted.status(noon()), Status::Issued);
    let events: Vec<_> = noted.history.iter().map(|entry| &entry.event).collect();
    let failed = Event::PaymentFailed { payment: paying.id(), reason: "card_declined".to_owned() };
    assert_eq!(events, [&Event::Issued { revision: 1 }, &failed]);
    assert_eq!(endpoint.receipt(&paying).await, None, "no money, no receipt");

    assert_eq!(endpoint.deliver(&paying.succeeded()).await.outcome(), "applied");
    let before = endpoint.table().await;
    assert_eq!(
        endpoint.deliver(&paying.clone().again().failed()).await.outcome(),
        "already_processed",
        "it does not matter any more"
    );
    assert_eq!(endpoint.table().await, before);
}

#[tokio::test]
async fn test_mode_counts_only_where_the_configuration_says_so() {
    let real = Endpoint::new().await;
    let practice = Endpoint::configured([("STRIPE_WEBHOOK_SECRET", SECRET), ("STRIPE_ACCEPT_TEST_MODE", "true")]).await;
    for (endpoint, outcome) in [(real, "ignored"), (practice, "applied")] {
        let quote = endpoint.quote("USD").await;
        let before = endpoint.table().await;
        let answer = endpoint.deliver(&Paying { livemode: false, ..Paying::of(&quote) }.succeeded()).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, outcome));
        assert_eq!(endpoint.table().await != before, outcome == "applied");
    }
}

#[tokio::test]
async fn events_without_use_are_acknowledged_and_nothing_is_stored() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let before = endpoint.table().await;
    let useless = [
        paying.completed_unpaid(),
        paying.event("payment_intent.created", 0, paying.succeeded()["data"]["object"].clone()),
        paying.event("charge.succeeded", 0, paying.refunded(0)["data"]["object"].clone()),
        // An inquiry takes no money; when a dispute takes money, Stripe reports it again.
        paying.event("charge.dispute.created", 0, paying.withdrawn("one", 100)["data"]["object"].clone()),
        paying.event("customer.created", 0, json!({"id": "cus_1", "object": "customer", "email": null})),
        paying.event("something.that.stripe.invents.later", 0, json!(null)),
    ];
    for event in useless {
        let answer = endpoint.deliver(&event).await;
        assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "ignored"), "{}", event["type"]);
    }
    assert_eq!(endpoint.table().await, before);
}

/// It is Stripe's, but not as Stripe documents it: acknowledging it could lose money, so it is not.
#[tokio::test]
async fn a_genuine_event_that_cannot_be_read_is_not_acknowledged_and_nothing_is_stored() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let before = endpoint.table().await;
    let with = |pointer: &str, value: Value| {
        let mut event = paying.succeeded();
        *event.pointer_mut(pointer).expect("a member") = value;
        event
    };
    let without = |member: &str, mut event: Value| {
        event["data"]["object"].as_object_mut().expect("an object").remove(member).expect("it is there");
        event
    };
    let unreadable = [
        json!([]),
        json!({"type": "payment_intent.succeeded", "livemode": true}),
        with("/data/object", json!({"id": "pi_1"})),
        with("/data/object/currency", json!("doubloons")),
        with("/data/object/amount_received", json!(-1)),
        with("/data/object/amount_received", json!("4998000")),
        with("/created", json!(i64::MAX)),
        with("/data/object/id", json!(7)),
        without("payment_intent", without("charge", paying.withdrawn("one", 100))),
        without("amount", paying.withdrawn("one", 100)),
        without("id", paying.withdrawn("one", 100)),
        paying.withdrawn("one", -1),
    ];
    for event in unreadable {
        let answer = endpoint.deliver(&event).await;
        assert!(answer.status.is_client_error(), "{event}: {answer:?}");
        assert!(answer.body["code"].is_string());
    }
    assert_eq!(endpoint.table().await, before);
}
