//! What happens at the same time, and what happens when the process dies.

use std::{future::poll_fn, task::Poll};

use domain::payment::{Allocation, Unapplied};
use jiff::SignedDuration;

use super::given::{Endpoint, Paying, noon};

/// E28: the process dies after the commit and before the response, so Stripe repeats the event.
#[tokio::test]
async fn an_event_that_was_committed_but_not_acknowledged_is_recognised_when_repeated() {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    assert_eq!(endpoint.deliver(&paying.succeeded()).await.outcome(), "applied");
    let before = endpoint.table().await;

    let endpoint = endpoint.restarted().await;
    assert_eq!(endpoint.table().await, before, "what was acknowledged is still there");
    let answer = endpoint.deliver(&paying.succeeded()).await;
    assert_eq!((answer.status.as_u16(), answer.outcome()), (200, "already_processed"));
    assert_eq!(endpoint.table().await, before);
}

/// The handler is cut off at each of its waits, with whatever it was waiting for under way, until it is through before it
/// can be cut off. On one thread nothing that it waits for can happen before it waits.
#[tokio::test]
async fn an_event_cut_off_at_any_moment_is_repeated_and_is_one_ledger_entry() {
    let endpoint = Endpoint::new().await;
    let mut outcomes = Vec::new();
    for wait in 0.. {
        let quote = endpoint.quote("USD").await;
        let event = Paying::of(&quote).succeeded();
        let answered = cut_off(wait, endpoint.deliver(&event)).await.is_some();

        outcomes.push(endpoint.deliver(&event).await.outcome().to_owned());
        assert_eq!(endpoint.stored(&quote.number).await.payments.len(), 1, "cut off at wait {wait}");
        assert_eq!(endpoint.deliver(&event).await.outcome(), "already_processed");
        if answered {
            break;
        }
    }
    assert!(outcomes.len() > 2, "it waits for its reads and for its commit at least: {outcomes:?}");
    assert_eq!((&*outcomes[0], outcomes.last().map(String::as_str)), ("applied", Some("already_processed")));
    assert!(outcomes.iter().all(|outcome| outcome == "applied" || outcome == "already_processed"), "{outcomes:?}");
}

/// Drops a future as soon as it waits for the n-th time; before it does anything, if that is 0.
async fn cut_off<F: Future>(wait: usize, future: F) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut waits = 0;
    poll_fn(|context| {
        if waits == wait {
            return Poll::Ready(None);
        }
        waits += 1;
        match future.as_mut().poll(context) {
            Poll::Pending if waits == wait => Poll::Ready(None),
            polled => polled.map(Some),
        }
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_events_of_one_payment_at_once_are_one_ledger_entry() {
    let endpoint = Endpoint::new().await;
    for _ in 0..100 {
        let quote = endpoint.quote("USD").await;
        let paying = Paying::of(&quote);
        let (succeeded, completed) = (paying.succeeded(), paying.completed());
        let (one, two) = tokio::join!(endpoint.deliver(&succeeded), endpoint.deliver(&completed));
        let mut outcomes = [one.outcome(), two.outcome()];
        outcomes.sort_unstable();
        assert_eq!(outcomes, ["already_processed", "applied"]);
        assert_eq!(endpoint.stored(&quote.number).await.payments.len(), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_payments_at_once_one_pays_and_the_other_is_kept() {
    let endpoint = Endpoint::new().await;
    for _ in 0..100 {
        let quote = endpoint.quote("USD").await;
        let (one, other) = (Paying::of(&quote), Paying::of(&quote).again());
        let (event_one, event_other) = (one.succeeded(), other.completed());
        tokio::join!(endpoint.deliver(&event_one), endpoint.deliver(&event_other));

        let ledger = endpoint.stored(&quote.number).await.payments;
        let [entry] = &*ledger else { panic!("{ledger:?}") };
        let (paid, kept) = if entry.payment == one.id() { (one, other) } else { (other, one) };
        let paid = endpoint.receipt(&paid).await.expect("a receipt").allocation;
        assert_eq!(paid, Allocation::Applied { quote: quote.number.clone() });
        let kept = endpoint.receipt(&kept).await.expect("a receipt").allocation;
        assert!(matches!(kept, Allocation::Unapplied { reason: Unapplied::AlreadyPaid, .. }), "{kept:?}");
    }
}

/// A refund that is reported while its payment is being recorded is neither lost nor parked beside it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_at_the_same_time_as_its_payment_is_applied() {
    let endpoint = Endpoint::new().await;
    endpoint.hand.set(noon() + SignedDuration::from_hours(2));
    for _ in 0..100 {
        let quote = endpoint.quote("USD").await;
        let paying = Paying::of(&quote);
        let (succeeded, refunded) = (paying.succeeded(), paying.refunded(paying.amount));
        tokio::join!(endpoint.deliver(&succeeded), endpoint.deliver(&refunded));
        let quote = endpoint.stored(&quote.number).await;
        assert_eq!(quote.status(paying.at), domain::quote::Status::Refunded);
        assert_eq!(quote.payments[0].refunded, paying.amount);
    }
}
