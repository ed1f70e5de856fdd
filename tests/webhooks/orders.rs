//! One payment, reported by several events in every order and number of deliveries, ends in one and the same state.

use std::{cell::Cell, sync::Arc};

use domain::{
    Quote,
    payment::{Allocation, Receipt, Unapplied},
    quote::{Event, Stage},
};
use jiff::SignedDuration;
use proptest::{
    bool::weighted,
    collection::vec,
    sample::{select, subsequence},
    strategy::Strategy,
    test_runner::{Config, FileFailurePersistence, TestRunner},
};
use serde_json::Value;
use store::item;
use tokio::task::JoinSet;

use super::given::{Endpoint, Paying, Table, noon};

/// After everything that is reported here has happened: some of it is delivered at once.
const AFTER: SignedDuration = SignedDuration::from_hours(48);

/// What Stripe may report of one payment; `named` if the report names the quote.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Report {
    Failed {
        named: bool,
    },
    Succeeded {
        named: bool,
    },
    Completed {
        named: bool,
    },
    Cleared {
        named: bool,
    },
    RefundedInPart {
        named: bool,
    },
    RefundedInFull {
        named: bool,
    },
    /// One of two disputes over a part.
    WithdrawnInPart {
        first: bool,
    },
    /// A dispute over all of it.
    WithdrawnInFull,
    /// A dispute that was won: staff decide what follows.
    Reinstated,
}

use Report::{
    Cleared, Completed, Failed, RefundedInFull, RefundedInPart, Reinstated, Succeeded, WithdrawnInFull, WithdrawnInPart,
};

impl Report {
    fn event(self, paying: &Paying) -> Value {
        let as_named = |named: bool| if named { paying.clone() } else { paying.unnamed() };
        match self {
            Failed { named } => as_named(named).failed(),
            Succeeded { named } => as_named(named).succeeded(),
            Completed { named } => as_named(named).completed(),
            Cleared { named } => as_named(named).cleared(),
            RefundedInPart { named } => as_named(named).refunded(self.gone(paying.amount)),
            RefundedInFull { named } => as_named(named).refunded(self.gone(paying.amount)),
            WithdrawnInPart { first } => paying.withdrawn(if first { "first" } else { "second" }, self.gone(paying.amount)),
            WithdrawnInFull => paying.withdrawn("whole", self.gone(paying.amount)),
            Reinstated => paying.reinstated("whole", paying.amount),
        }
    }

    /// How much of a payment goes back by it.
    fn gone(self, amount: i64) -> i64 {
        match self {
            RefundedInPart { .. } => amount / 3,
            WithdrawnInPart { first: true } => amount / 2,
            WithdrawnInPart { first: false } => amount / 5,
            RefundedInFull { .. } | WithdrawnInFull => amount,
            Failed { .. } | Succeeded { .. } | Completed { .. } | Cleared { .. } | Reinstated => 0,
        }
    }
}

/// Everything that the order must not decide.
#[derive(Debug, PartialEq, Eq)]
struct End {
    ledger: Vec<(i64, i64)>,
    stage: &'static str,
    whereabouts: &'static str,
    gone: i64,
}

/// The expected end: it depends on what was reported, not on when or how often.
fn predicted(reported: &[Report], amount: i64) -> End {
    let most = |counted: fn(&Report) -> bool| {
        reported.iter().filter(|report| counted(report)).map(|report| report.gone(amount)).max().unwrap_or(0)
    };
    // Refunds are reported as a running total, disputes one by one.
    let gone = most(|report| matches!(report, RefundedInPart { .. } | RefundedInFull { .. }))
        + most(|report| matches!(report, WithdrawnInPart { first: true }))
        + most(|report| matches!(report, WithdrawnInPart { first: false }))
        + most(|report| matches!(report, WithdrawnInFull));
    let success = |report: &&Report| matches!(report, Succeeded { .. } | Completed { .. } | Cleared { .. });
    // A dispute that was won is reported to staff in the receipt.
    let won = reported.contains(&Reinstated);
    let named = |report: &Report| matches!(report, Succeeded { named } | Completed { named } | Cleared { named } if *named);
    let paid = reported.iter().any(named);
    End {
        ledger: if paid { vec![(amount, gone)] } else { vec![] },
        stage: if !paid {
            "issued"
        } else if gone >= amount {
            "refunded"
        } else {
            "paid"
        },
        whereabouts: match reported.iter().find(success) {
            _ if paid => "applied",
            Some(_) => "unapplied: no reference",
            None if gone > 0 || won => "awaited",
            None => "unknown",
        },
        gone,
    }
}

fn found(quote: &Quote, receipt: Option<&Receipt>) -> End {
    End {
        ledger: quote.payments.iter().map(|payment| (payment.amount, payment.refunded)).collect(),
        stage: match quote.stage {
            Stage::Issued => "issued",
            Stage::Paid { .. } => "paid",
            Stage::Refunded { delivery: None } => "refunded",
            _ => "something else",
        },
        whereabouts: match receipt.map(|receipt| &receipt.allocation) {
            Some(Allocation::Applied { quote: paid }) if *paid == quote.number => "applied",
            Some(Allocation::Unapplied { reason: Unapplied::NoReference, .. }) => "unapplied: no reference",
            Some(Allocation::Awaited) => "awaited",
            None => "unknown",
            Some(_) => "something else",
        },
        gone: receipt.map_or(0, Receipt::returned),
    }
}

/// The history is gap-free, says once that the quote was paid, and its refunds only ever rise.
fn assert_history(quote: &Quote) {
    assert!(quote.history.iter().map(|entry| entry.seq).eq(1..=quote.history.len() as u32), "{:?}", quote.history);
    let count = |wanted: fn(&Event) -> bool| quote.history.iter().filter(|entry| wanted(&entry.event)).count();
    assert_eq!(count(|event| matches!(event, Event::Paid { .. })), quote.payments.len());
    assert!(count(|event| matches!(event, Event::PaymentFailed { .. })) <= 1);
    let refunds = quote.history.iter().filter_map(|entry| match entry.event {
        Event::Refunded { total, .. } => Some(total),
        _ => None,
    });
    assert!(refunds.is_sorted_by(|before, after| before < after), "{:?}", quote.history);
}

/// A delivery, and whether the next one is under way at the same time.
type Delivery = (Report, bool);

/// Delivers it all, asserts that every delivery was acknowledged, and says what became of each.
async fn deliver(endpoint: &Arc<Endpoint>, paying: &Paying, deliveries: &[Delivery]) -> Vec<String> {
    let mut outcomes = Vec::new();
    for at_once in deliveries.chunk_by(|(_, with_next), _| *with_next) {
        let mut answers = JoinSet::new();
        for (report, _) in at_once {
            let (endpoint, event) = (endpoint.clone(), report.event(paying));
            answers.spawn(async move { endpoint.deliver(&event).await });
        }
        for answer in answers.join_all().await {
            assert!(answer.status.is_success() && answer.body["received"] == true, "{answer:?}");
            outcomes.push(answer.outcome().to_owned());
        }
    }
    outcomes
}

/// Reports a payment in one way, and then in the same way again.
async fn check(endpoint: &Arc<Endpoint>, deliveries: &[Delivery]) {
    let quote = endpoint.quote("USD").await;
    let paying = Paying::of(&quote);
    let reported: Vec<_> = deliveries.iter().map(|(report, _)| *report).collect();
    let end = predicted(&reported, paying.amount);

    let outcomes = deliver(endpoint, &paying, deliveries).await;
    let items = endpoint.items(&quote, &paying).await;
    let [Some(quote_item), receipt_item] = &items else { panic!("the quote is gone") };
    let stored: Quote = item::aggregate(quote_item).expect("a quote");
    let receipt = receipt_item.as_ref().map(|item| item::aggregate(item).expect("a receipt"));
    assert_eq!(found(&stored, receipt.as_ref()), end);
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "applied").count(), end.ledger.len(), "applied once, if at all");
    assert_history(&stored);

    let outcomes = deliver(endpoint, &paying, deliveries).await;
    assert!(outcomes.iter().all(|outcome| outcome == "already_processed" || outcome == "needs_decision"), "{outcomes:?}");
    let reinstated = reported.iter().filter(|report| **report == Reinstated).count();
    assert_eq!(outcomes.iter().filter(|outcome| *outcome == "needs_decision").count(), reinstated);
    assert_eq!(endpoint.items(&quote, &paying).await, items, "reported again, it changes nothing");
}

/// Every quote has its item, every payment at most one, and nothing else is stored.
fn assert_nothing_else(table: &Table, quotes: usize) {
    let of = |kind: &str| table.keys().filter(|(partition, _)| partition.starts_with(kind)).count();
    assert_eq!(of("QUOTE#"), quotes);
    assert!(of("PAYMENT#") <= quotes);
    assert_eq!(of("QUOTE#") + of("PAYMENT#"), table.len());
}

const ALL: [Report; 16] = [
    Failed { named: false },
    Failed { named: true },
    Succeeded { named: false },
    Succeeded { named: true },
    Completed { named: false },
    Completed { named: true },
    Cleared { named: false },
    Cleared { named: true },
    RefundedInPart { named: false },
    RefundedInPart { named: true },
    RefundedInFull { named: false },
    RefundedInFull { named: true },
    WithdrawnInPart { first: true },
    WithdrawnInPart { first: false },
    WithdrawnInFull,
    Reinstated,
];

/// Any of the events, in any order, any number of times, some at once.
fn deliveries() -> impl Strategy<Value = Vec<Delivery>> {
    subsequence(&ALL, 1..=6).prop_flat_map(|reported| vec((select(reported), weighted(0.3)), 1..=8))
}

/// A thousand cases, or as many as `PROPTEST_CASES` says if that is more. A case that failed is kept beside this file
/// and is tried first from then on.
#[test]
fn one_payment_reported_in_any_order_any_number_of_times_is_one_ledger_entry() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let endpoint = Arc::new(runtime.block_on(Endpoint::new()));
    endpoint.hand.set(noon() + AFTER);
    let seeds = FileFailurePersistence::Direct(concat!(env!("CARGO_MANIFEST_DIR"), "/webhooks/orders.seeds"));
    let config = Config::default();
    let cases = config.cases.max(1_000);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: Some(Box::new(seeds)), ..config });
    let reported = Cell::new(0);
    let result = runner.run(&deliveries(), |deliveries| {
        reported.set(reported.get() + 1);
        runtime.block_on(check(&endpoint, &deliveries));
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
    assert!(reported.get() >= 1_000);
    assert_nothing_else(&runtime.block_on(endpoint.table()), reported.get());
}

/// Every one of the 120 orders of five events, none left to chance.
async fn end_the_same_in_every_order(five: [Report; 5]) {
    let endpoint = Arc::new(Endpoint::new().await);
    endpoint.hand.set(noon() + AFTER);
    let orders = orders_of(&five);
    assert_eq!(orders.len(), 120);
    for order in &orders {
        let one_by_one: Vec<_> = order.iter().map(|report| (*report, false)).collect();
        check(&endpoint, &one_by_one).await;
    }
    assert_nothing_else(&endpoint.table().await, orders.len());
}

#[tokio::test]
async fn five_events_that_end_in_a_refund_end_the_same_in_every_order() {
    end_the_same_in_every_order([
        Failed { named: true },
        Succeeded { named: false },
        Completed { named: true },
        RefundedInPart { named: false },
        RefundedInFull { named: true },
    ])
    .await;
}

/// A third is refunded, a half and a fifth are disputed: more than all of it is gone, by none of them alone.
#[tokio::test]
async fn r78_a_refund_and_two_disputes_over_a_payment_add_up_in_every_order() {
    end_the_same_in_every_order([
        Succeeded { named: false },
        Completed { named: true },
        RefundedInPart { named: false },
        WithdrawnInPart { first: true },
        WithdrawnInPart { first: false },
    ])
    .await;
}

fn orders_of(reports: &[Report]) -> Vec<Vec<Report>> {
    let [first, rest @ ..] = reports else { return vec![vec![]] };
    let with_first_at = |order: &Vec<Report>, place| {
        let mut order = order.clone();
        order.insert(place, *first);
        order
    };
    orders_of(rest).iter().flat_map(|order| (0..=order.len()).map(move |place| with_first_at(order, place))).collect()
}
