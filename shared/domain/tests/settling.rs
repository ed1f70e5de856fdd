//! `settle` without storage: repeated notices and other orders of them have the same outcome, and no money is lost.

use std::collections::BTreeMap;

use domain::{
    Money, Quote, QuoteNumber,
    fault::Faults,
    link::LinkKeys,
    number::Minter,
    payment::{
        Allocation, Method, NamedRevision, PaidBy, PaymentEvent, PaymentId, PaymentNotice, Receipt, Reference, RefundState,
        ReportReason, Unapplied,
    },
    quote::{Event, IssueContext, Offer, Stage},
    request::{AcceptRequest, AddressRequest, ContactRequest, Facts, LineRequest, Origin, PartyRequest, Request, SegmentRequest},
    settlement::settle,
};
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use crate::vendor;

fn noon() -> Timestamp {
    "2026-06-10T12:00:00Z".parse().expect("an instant")
}

fn quote() -> Quote {
    quote_in("USD", Vec::new())
}

fn quote_in(currency: &str, segments: Vec<SegmentRequest>) -> Quote {
    Quote::issue(Minter::new(b"key").quote_from_seed("settling"), offer(currency, segments, 500, noon()), None)
}

/// The quote with another offer, for more users.
fn revised(quote: &Quote, at: Timestamp) -> Quote {
    quote.revise(offer("USD", Vec::new(), 1_000, at)).expect("it is not paid").expect("it is another offer").next
}

fn offer(currency: &str, segments: Vec<SegmentRequest>, users: i64, at: Timestamp) -> Offer {
    let text = |text: &str| Some(text.to_owned());
    let contact = || ContactRequest { name: text("Carl Customer"), email: text("carl@customer.example") };
    let address =
        AddressRequest { street: text("1 Street"), city: text("London"), country: text("GB"), ..AddressRequest::default() };
    let customer =
        PartyRequest { company: text("Example Customer Inc."), contact: contact(), address, technical_contact: Some(contact()) };
    let line = LineRequest {
        kind: text("new"),
        product: text("tracker-data-center"),
        users: Some(users),
        term_months: Some(12),
        ..LineRequest::default()
    };
    let request = Request {
        purchasing_for: text("self"),
        currency: text(currency),
        customer: Some(customer),
        lines: vec![line],
        segments,
        accept: AcceptRequest { terms: text("2026-10"), reseller_agreement: None },
        ..Request::default()
    };
    let link_keys = LinkKeys::parse("k1:0123456789abcdef").expect("a key");
    let issue = IssueContext {
        origin: Origin { at, ip: None, subject: None, email: None },
        request_hash: format!("{currency} {users}"),
        link_key: link_keys.current(),
    };
    Offer::make(&request, Faults::default(), &Facts::default(), &vendor::policy(), &issue).expect("it is in order")
}

/// The stored state: one quote, and the receipts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Books {
    quote: Quote,
    receipts: BTreeMap<PaymentId, Receipt>,
}

impl Books {
    fn new(quote: &Quote) -> Self {
        Self { quote: quote.clone(), receipts: BTreeMap::new() }
    }

    /// Settles one notice as the store does, and returns whether anything was written.
    fn settle(&mut self, notice: &PaymentNotice) -> bool {
        let receipt = self.receipts.get(&notice.payment);
        let wanted = match receipt.map(|receipt| &receipt.allocation) {
            Some(Allocation::Applied { quote }) => Some(quote),
            _ => notice.reference.as_ref().map(|reference| &reference.quote),
        };
        let quote = wanted.filter(|number| **number == self.quote.number).map(|_| &self.quote);
        let settlement = settle(notice, receipt, quote, notice.at + SignedDuration::from_secs(3));
        if let Some(next) = &settlement.receipt {
            assert_eq!(next.version, receipt.map_or(0, |receipt| receipt.version) + 1);
        }
        if let Some(change) = &settlement.quote {
            assert_eq!(change.next.version, self.quote.version + 1, "one write");
            assert_eq!(change.next.offer, self.quote.offer, "what was issued does not change");
            self.quote = change.next.clone();
        }
        let wrote = settlement.receipt.is_some() || settlement.quote.is_some();
        self.receipts.extend(settlement.receipt.map(|receipt| (receipt.payment.clone(), receipt)));
        wrote
    }

    fn settle_all(notices: &[PaymentNotice], quote: &Quote) -> Self {
        let mut books = Self::new(quote);
        notices.iter().for_each(|notice| {
            books.settle(notice);
        });
        books
    }

    /// The state that must not depend on the order of the notices: everything but the times, which are those of the notice that
    /// came first.
    fn outcome(&self) -> impl PartialEq + std::fmt::Debug + use<> {
        let ledger: Vec<_> = self.quote.payments.iter().map(|payment| (payment.amount, payment.refunded)).collect();
        let stage = std::mem::discriminant(&self.quote.stage);
        let receipts = self.receipts.values().map(|receipt| match &receipt.allocation {
            Allocation::Awaited => (None, None, None, receipt.returned()),
            Allocation::Applied { quote } => (None, None, Some(quote.clone()), receipt.returned()),
            Allocation::Unapplied { reason, money, quote, .. } => {
                (Some(*reason), Some(*money), quote.clone(), receipt.returned())
            }
        });
        (ledger, stage, receipts.collect::<Vec<_>>())
    }
}

/// A payment that may or may not match the quote.
#[derive(Debug, Clone)]
struct Paying {
    id: PaymentId,
    money: Money,
    reference: Reference,
    at: Timestamp,
}

fn paying(n: usize, quote: &Quote) -> impl Strategy<Value = Paying> + use<> {
    let due = quote.offer.due();
    let (number, expires_at) = (quote.number.clone(), quote.offer.expires_at);
    let stranger = Minter::new(b"key").quote_from_seed("stranger");
    let sometimes = prop::bool::weighted;
    (sometimes(0.2), sometimes(0.1), sometimes(0.1), sometimes(0.2), sometimes(0.2)).prop_map(
        move |(amount, currency, unknown, revision, late)| Paying {
            id: PaymentId::new("stripe", &format!("pi_{n}")),
            money: Money::new(
                if amount { due.minor / 2 } else { due.minor },
                if currency { "EUR".parse().expect("a currency") } else { due.currency },
            ),
            reference: Reference {
                quote: if unknown { stranger.clone() } else { number.clone() },
                revision: NamedRevision::Stated(if revision { 2 } else { 1 }),
            },
            // Late by one second, so that some of its events are in time.
            at: if late { expires_at - SignedDuration::from_secs(1) } else { noon() },
        },
    )
}

fn events_of(paying: &Paying) -> impl Strategy<Value = PaymentEvent> + use<> {
    let money = paying.money;
    let part_or_all =
        move || prop::sample::select(vec![money.minor / 3, money.minor]).prop_map(move |minor| Money::new(minor, money.currency));
    prop_oneof![
        4 => Just(PaymentEvent::Succeeded { money, methods: vec![PaidBy::Card] }),
        1 => Just(PaymentEvent::Failed { reason: "card_declined".to_owned() }),
        2 => part_or_all().prop_map(|total| PaymentEvent::Refunded { total }),
        2 => (part_or_all(), prop::sample::select(vec!["dp_1", "dp_2"]))
            .prop_map(|(money, dispute)| PaymentEvent::ChargedBack { dispute: dispute.to_owned(), money }),
    ]
}

/// Notices of some payments: any events, any number of times, with or without a reference.
fn notices_of(payments: usize, most: usize) -> impl Strategy<Value = (Quote, Vec<PaymentNotice>)> {
    let quote = quote();
    let payings: Vec<_> = (0..payments).map(|n| paying(n, &quote)).collect();
    payings.prop_flat_map(move |payings| {
        let quote = quote.clone();
        // Events of one payment differ: in the reference, in the revision, or by a second.
        let telling = prop::sample::select(payings).prop_flat_map(|paying| {
            (events_of(&paying), prop::bool::weighted(0.7), any::<bool>(), 0..3_i64).prop_map(
                move |(event, named, exact, later)| {
                    let Reference { quote, revision } = paying.reference.clone();
                    let reference =
                        named.then_some(Reference { quote, revision: if exact { revision } else { NamedRevision::Unstated } });
                    PaymentNotice {
                        id: "evt_1".to_owned(),
                        payment: paying.id.clone(),
                        at: paying.at + SignedDuration::from_secs(later),
                        reference,
                        event,
                    }
                },
            )
        });
        (Just(quote), prop::collection::vec(telling, 1..=most))
    })
}

fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases(10_000))]

    #[test]
    fn one_payment_has_the_same_outcome_in_every_order_and_number_of_notices(
        ((quote, notices), shuffled) in notices_of(1, 8).prop_flat_map(|(quote, notices)| {
            // Each notice at least twice, in any order.
            let twice: Vec<_> = notices.iter().chain(&notices).cloned().collect();
            (Just((quote, notices)), Just(twice).prop_shuffle())
        })
    ) {
        let (one, other) = (Books::settle_all(&notices, &quote), Books::settle_all(&shuffled, &quote));
        prop_assert_eq!(one.outcome(), other.outcome());
    }

    #[test]
    fn no_money_is_lost_and_none_is_counted_twice((quote, notices) in notices_of(3, 12)) {
        let mut books = Books::settle_all(&notices, &quote);
        let arrived: BTreeMap<_, _> = notices
            .iter()
            .filter_map(|notice| match notice.event { PaymentEvent::Succeeded { money, .. } => Some((&notice.payment, money)), _ => None })
            .collect();
        // The refunds, and the amount of each dispute.
        let accounts: BTreeMap<_, _> = notices.iter().fold(BTreeMap::new(), |mut accounts, notice| {
            let (account, total) = match &notice.event {
                PaymentEvent::Refunded { total } => ("refunds", total.minor),
                PaymentEvent::ChargedBack { dispute, money } => (&**dispute, money.minor),
                _ => return accounts,
            };
            let most: &mut i64 = accounts.entry((&notice.payment, account)).or_default();
            *most = total.max(*most);
            accounts
        });
        let gone = accounts.iter().fold(BTreeMap::<_, i64>::new(), |mut gone, ((payment, _), total)| {
            *gone.entry(*payment).or_default() += total;
            gone
        });

        prop_assert!(books.quote.payments.len() <= 1, "a quote is paid once");
        for (id, receipt) in &books.receipts {
            prop_assert_eq!(receipt.returned(), gone.get(id).copied().unwrap_or(0));
            let entry = books.quote.payments.iter().find(|entry| entry.payment == *id);
            match (&receipt.allocation, arrived.get(id)) {
                (Allocation::Awaited, None) => prop_assert!(receipt.returned() > 0 && entry.is_none()),
                (Allocation::Unapplied { money, .. }, Some(arrived)) => prop_assert!(money == arrived && entry.is_none()),
                (Allocation::Applied { quote }, Some(arrived)) => {
                    let entry = entry.expect("an entry of the ledger");
                    prop_assert_eq!((entry.amount, entry.refunded), (arrived.minor, receipt.returned()));
                    prop_assert_eq!((*arrived, quote), (books.quote.offer.due(), &books.quote.number));
                }
                other => prop_assert!(false, "{:?}", other),
            }
        }
        prop_assert!(arrived.keys().chain(gone.keys()).all(|id| books.receipts.contains_key(*id)), "each payment has its receipt");

        let history = &books.quote.history;
        prop_assert!(history.iter().map(|entry| entry.seq).eq(1..=history.len() as u32));
        let paid = history.iter().filter(|entry| matches!(entry.event, Event::Paid { .. })).count();
        prop_assert_eq!(paid, books.quote.payments.len());

        let before = books.clone();
        prop_assert!(!notices.iter().any(|notice| books.settle(notice)), "a repeated notice writes nothing");
        prop_assert_eq!(books, before);
    }
}

/// Every reason, in the order of their precedence. A new one does not compile without a place here and a case below.
fn reasons() -> impl Iterator<Item = Unapplied> {
    use Unapplied::*;
    std::iter::successors(Some(Returned), |reason| match reason {
        Returned => Some(NoReference),
        NoReference => Some(QuoteUnknown),
        QuoteUnknown => Some(NotOffered),
        NotOffered => Some(AlreadyPaid),
        AlreadyPaid => Some(QuoteExpired),
        QuoteExpired => Some(RevisionSuperseded),
        RevisionSuperseded => Some(RevisionUnreadable),
        RevisionUnreadable => Some(CurrencyMismatch),
        CurrencyMismatch => Some(AmountMismatch),
        AmountMismatch => Some(MethodUnstated),
        MethodUnstated => Some(MethodNotAllowed),
        MethodNotAllowed => None,
    })
}

/// A payment of exactly what a quote asks for.
fn right(quote: &Quote) -> PaymentNotice {
    PaymentNotice {
        id: "evt_1".to_owned(),
        payment: PaymentId::new("stripe", "pi_1"),
        at: noon(),
        reference: Some(Reference { quote: quote.number.clone(), revision: NamedRevision::Stated(1) }),
        event: PaymentEvent::Succeeded { money: quote.offer.due(), methods: vec![PaidBy::Card] },
    }
}

/// What is stored before, and a payment that cannot be applied for this reason.
fn case(reason: Unapplied) -> (Books, PaymentNotice) {
    let quote = quote();
    let (due, right) = (quote.offer.due(), right(&quote));
    let reference = |quote: &QuoteNumber, revision| Some(Reference { quote: quote.clone(), revision });
    let succeeded = |money, method| PaymentEvent::Succeeded { money, methods: vec![method] };
    let later = noon() + SignedDuration::from_hours(1);
    let mut books = Books::new(&quote);
    let notice = match reason {
        Unapplied::Returned => {
            assert!(books.settle(&PaymentNotice { event: PaymentEvent::Refunded { total: due }, ..right.clone() }));
            books.quote = revised(&books.quote, later);
            let event = PaymentEvent::Succeeded { money: books.quote.offer.due(), methods: vec![PaidBy::Card] };
            PaymentNotice { reference: reference(&quote.number, NamedRevision::Stated(2)), at: later, event, ..right }
        }
        Unapplied::NoReference => PaymentNotice { reference: None, ..right },
        Unapplied::QuoteUnknown => PaymentNotice {
            reference: reference(&Minter::new(b"key").quote_from_seed("stranger"), NamedRevision::Unstated),
            ..right
        },
        Unapplied::NotOffered => {
            let document = Some("mine.pdf".to_owned());
            let claim = SegmentRequest { segment: Some("academic".to_owned()), document, ..SegmentRequest::default() };
            books = Books::new(&quote_in("USD", vec![claim]));
            assert!(matches!(books.quote.stage, Stage::InReview), "{:?}", books.quote.stage);
            self::right(&books.quote)
        }
        Unapplied::AlreadyPaid => {
            assert!(books.settle(&right));
            PaymentNotice { payment: PaymentId::new("stripe", "pi_2"), ..right }
        }
        Unapplied::QuoteExpired => PaymentNotice { at: quote.offer.expires_at, ..right },
        Unapplied::RevisionSuperseded => PaymentNotice { reference: reference(&quote.number, NamedRevision::Stated(7)), ..right },
        Unapplied::RevisionUnreadable => {
            PaymentNotice { reference: reference(&quote.number, NamedRevision::Unreadable), ..right }
        }
        Unapplied::CurrencyMismatch => {
            PaymentNotice { event: succeeded(Money::new(due.minor, "AUD".parse().unwrap()), PaidBy::Card), ..right }
        }
        Unapplied::AmountMismatch => {
            PaymentNotice { event: succeeded(Money::new(due.minor + 1, due.currency), PaidBy::Card), ..right }
        }
        Unapplied::MethodUnstated => {
            books = Books::new(&quote_in("EUR", Vec::new()));
            let event = PaymentEvent::Succeeded { money: books.quote.offer.due(), methods: vec![PaidBy::Card, PaidBy::Ach] };
            PaymentNotice { event, ..self::right(&books.quote) }
        }
        Unapplied::MethodNotAllowed => {
            books = Books::new(&quote_in("EUR", Vec::new()));
            assert!(!books.quote.offer.admits(Method::Ach), "ACH is for US dollars");
            PaymentNotice { event: succeeded(books.quote.offer.due(), PaidBy::Ach), ..self::right(&books.quote) }
        }
    };
    (books, notice)
}

#[test]
fn every_reason_is_given_for_its_payment() {
    assert_eq!(reasons().count(), 12);
    for reason in reasons() {
        let (mut books, notice) = case(reason);
        let before = books.quote.clone();
        assert!(books.settle(&notice), "{reason:?}");
        let kept = &books.receipts[&notice.payment].allocation;
        assert!(matches!(kept, Allocation::Unapplied { reason: kept, .. } if *kept == reason), "{reason:?}: {kept:?}");
        assert_eq!(books.quote, before, "{reason:?}");
    }
}

#[test]
fn a_payment_of_the_last_instant_is_applied() {
    let quote = quote();
    let mut books = Books::new(&quote);
    assert!(books.settle(&PaymentNotice { at: quote.offer.expires_at - SignedDuration::from_nanos(1), ..right(&quote) }));
    assert!(matches!(books.quote.stage, Stage::Paid { .. }), "the last instant counts");
}

/// B22: paid after the expiry, refunded, and the quote revised. Whatever is reported of the payment afterwards, it pays nothing.
#[test]
fn b22_money_that_was_returned_pays_no_later_revision() {
    for revision in [NamedRevision::Unstated, NamedRevision::Stated(2), NamedRevision::Unreadable] {
        let quote = quote();
        let late = PaymentNotice { at: quote.offer.expires_at, ..right(&quote) };
        let mut books = Books::new(&quote);
        books.settle(&late);
        books.settle(&PaymentNotice { event: PaymentEvent::Refunded { total: quote.offer.due() }, ..late.clone() });
        let at = quote.offer.expires_at + SignedDuration::from_hours(24);
        books.quote = revised(&quote, at);
        let money = books.quote.offer.due();
        let before = books.quote.clone();
        let event = PaymentEvent::Succeeded { money, methods: vec![PaidBy::Card] };
        let reference = Some(Reference { quote: quote.number.clone(), revision });
        books.settle(&PaymentNotice { at: at + SignedDuration::from_hours(1), reference, event, ..late });
        assert_eq!(books.quote, before, "{revision:?}");
    }
}

/// B23: an event dated before its quote, or in the future, changes nothing but the list of what staff must look at.
#[test]
fn b23_an_event_of_an_impossible_time_is_refused_and_reported() {
    let quote = quote();
    let five = SignedDuration::from_mins(5);
    let second = SignedDuration::from_secs(1);
    let settled = |at: Timestamp, now: Timestamp| settle(&PaymentNotice { at, ..right(&quote) }, None, Some(&quote), now);
    for (at, now, expected) in [
        (noon() - five, noon(), None),
        (noon() - five - second, noon(), Some(ReportReason::BeforeQuote)),
        (noon() + five, noon(), None),
        (noon() + five + second, noon(), Some(ReportReason::InFuture)),
        (Timestamp::UNIX_EPOCH, noon(), Some(ReportReason::BeforeQuote)),
        (Timestamp::MAX, noon(), Some(ReportReason::InFuture)),
    ] {
        let settlement = settled(at, now);
        assert_eq!((settlement.reported, settlement.quote.is_some()), (expected, expected.is_none()), "{at} at {now}");
        let receipt = settlement.receipt.expect("a receipt");
        assert_eq!(receipt.undecided_since(), expected.map(|_| now));
        assert_eq!(receipt.allocation == Allocation::Awaited, expected.is_some());
    }
    // A revision cannot have been paid before it was offered, although the quote is older.
    let revision = revised(&quote, noon() + five + second);
    let reference = Some(Reference { quote: quote.number.clone(), revision: NamedRevision::Stated(2) });
    let early = PaymentNotice { reference, ..right(&quote) };
    assert_eq!(settle(&early, None, Some(&revision), noon() + five).reported, Some(ReportReason::BeforeQuote));
}

/// B19: an event that states only the possible methods leaves the method open, and a later event of the payment states it.
#[test]
fn b19_the_method_is_recorded_when_an_event_states_it() {
    let quote = quote();
    let paid = |methods: &[PaidBy]| PaymentNotice {
        event: PaymentEvent::Succeeded { money: quote.offer.due(), methods: methods.to_vec() },
        ..right(&quote)
    };
    let ambiguous = paid(&[PaidBy::Card, PaidBy::Paypal]);
    let mut books = Books::new(&quote);
    assert!(books.settle(&ambiguous));
    assert_eq!(books.quote.payments[0].method, None);
    assert!(books.settle(&paid(&[PaidBy::Paypal])));
    assert_eq!(books.quote.payments[0].method, Some(PaidBy::Paypal));
    assert!(!books.settle(&ambiguous) && !books.settle(&paid(&[PaidBy::Card])), "the first statement stays");
}

/// B19: each way of paying follows the rules of a method that the vendor offers, and an unknown one follows none.
#[test]
fn b19_each_way_of_paying_is_admitted_as_a_method_of_the_policy() {
    for way in PaidBy::ALL {
        let quote = quote();
        let mut books = Books::new(&quote);
        let event = PaymentEvent::Succeeded { money: quote.offer.due(), methods: vec![way] };
        books.settle(&PaymentNotice { event, ..right(&quote) });
        let admitted = way.offered_as().is_some_and(|method| quote.offer.admits(method));
        let recorded: Vec<_> = books.quote.payments.iter().map(|payment| payment.method).collect();
        assert_eq!(recorded, if admitted { vec![Some(way)] } else { vec![] });
        assert_eq!(way == PaidBy::Other, way.offered_as().is_none());
    }
    assert_eq!(PaidBy::Link.offered_as(), Some(Method::Card), "what a vendor rules for cards holds for Link");
}

/// The state of a refund is the latest by the provider's clock, in whatever order the events arrive, and counts nothing yet.
#[test]
fn a_refund_has_its_latest_state_in_every_order() {
    let quote = quote();
    let updated = |seconds, state| PaymentNotice {
        id: format!("evt_{seconds}"),
        at: noon() + SignedDuration::from_secs(seconds),
        reference: None,
        event: PaymentEvent::RefundUpdated { refund: "re_1".to_owned(), money: quote.offer.due(), state },
        ..right(&quote)
    };
    let pending = updated(1, RefundState::Pending);
    let failed = updated(2, RefundState::Failed);
    for order in [[&pending, &failed], [&failed, &pending]] {
        let mut books = Books::new(&quote);
        assert!(books.settle(&right(&quote)));
        order.into_iter().for_each(|notice| {
            books.settle(notice);
        });
        let receipt = &books.receipts[&pending.payment];
        assert_eq!((receipt.refunds["re_1"].state, receipt.returned()), (RefundState::Failed, 0));
        let reasons: Vec<_> = receipt.reports.iter().map(|report| report.reason).collect();
        assert_eq!(reasons, [ReportReason::RefundFailed]);
        assert!(!books.settle(&pending) && !books.settle(&failed), "a repeated notice writes nothing");
    }
}

/// What was returned in another currency is not counted, and staff see it, in both orders.
#[test]
fn a_return_in_another_currency_is_reported_in_every_order() {
    let quote = quote();
    let other = Money::new(100, "CAD".parse().expect("a currency"));
    let refunded = PaymentNotice { id: "evt_2".to_owned(), event: PaymentEvent::Refunded { total: other }, ..right(&quote) };
    for order in [[right(&quote), refunded.clone()], [refunded.clone(), right(&quote)]] {
        let mut books = Books::settle_all(&order, &quote);
        let receipt = books.receipts[&refunded.payment].clone();
        assert_eq!((receipt.returned(), books.quote.payments[0].refunded), (0, 0));
        let reasons: Vec<_> = receipt.reports.iter().map(|report| report.reason).collect();
        assert_eq!(reasons, [ReportReason::CurrencyDiffers]);
        assert!(matches!(books.quote.stage, Stage::Paid { .. }));
        assert!(!books.settle(&right(&quote)));
    }
}
