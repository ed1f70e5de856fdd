//! `settle` without storage: repeated notices and other orders of them have the same outcome, and no money is lost.

use std::collections::BTreeMap;

use domain::{
    Money, Quote, QuoteNumber,
    fault::Faults,
    link::LinkKeys,
    number::Minter,
    payment::{Allocation, Method, PaymentEvent, PaymentId, PaymentNotice, Receipt, Reference, Unapplied},
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
    let text = |text: &str| Some(text.to_owned());
    let contact = || ContactRequest { name: text("Carl Customer"), email: text("carl@customer.example") };
    let address =
        AddressRequest { street: text("1 Street"), city: text("London"), country: text("GB"), ..AddressRequest::default() };
    let customer =
        PartyRequest { company: text("Example Customer Inc."), contact: contact(), address, technical_contact: Some(contact()) };
    let line = LineRequest {
        kind: text("new"),
        product: text("tracker-data-center"),
        users: Some(500),
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
        origin: Origin { at: noon(), ip: None, subject: None },
        request_hash: "hash".to_owned(),
        link_key: link_keys.current(),
    };
    let offer = Offer::make(&request, Faults::default(), &Facts::default(), &vendor::policy(), &issue).expect("it is in order");
    Quote::issue(Minter::new(b"key").quote_from_seed("settling"), offer, None)
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
                revision: Some(if revision { 2 } else { 1 }),
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
        4 => Just(PaymentEvent::Succeeded { money, methods: vec![Method::Card] }),
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
                    let reference = named.then(|| Reference { quote, revision: revision.filter(|_| exact) });
                    PaymentNotice {
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
    std::iter::successors(Some(NoReference), |reason| match reason {
        NoReference => Some(QuoteUnknown),
        QuoteUnknown => Some(NotOffered),
        NotOffered => Some(AlreadyPaid),
        AlreadyPaid => Some(QuoteExpired),
        QuoteExpired => Some(RevisionSuperseded),
        RevisionSuperseded => Some(CurrencyMismatch),
        CurrencyMismatch => Some(AmountMismatch),
        AmountMismatch => Some(MethodNotAllowed),
        MethodNotAllowed => None,
    })
}

/// A payment of exactly what a quote asks for.
fn right(quote: &Quote) -> PaymentNotice {
    PaymentNotice {
        payment: PaymentId::new("stripe", "pi_1"),
        at: noon(),
        reference: Some(Reference { quote: quote.number.clone(), revision: Some(1) }),
        event: PaymentEvent::Succeeded { money: quote.offer.due(), methods: vec![Method::Card] },
    }
}

/// What is stored before, and a payment that cannot be applied for this reason.
fn case(reason: Unapplied) -> (Books, PaymentNotice) {
    let quote = quote();
    let (due, right) = (quote.offer.due(), right(&quote));
    let reference = |quote: &QuoteNumber, revision| Some(Reference { quote: quote.clone(), revision });
    let succeeded = |money, method| PaymentEvent::Succeeded { money, methods: vec![method] };
    let mut books = Books::new(&quote);
    let notice = match reason {
        Unapplied::NoReference => PaymentNotice { reference: None, ..right },
        Unapplied::QuoteUnknown => {
            PaymentNotice { reference: reference(&Minter::new(b"key").quote_from_seed("stranger"), None), ..right }
        }
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
        Unapplied::RevisionSuperseded => PaymentNotice { reference: reference(&quote.number, Some(7)), ..right },
        Unapplied::CurrencyMismatch => {
            PaymentNotice { event: succeeded(Money::new(due.minor, "AUD".parse().unwrap()), Method::Card), ..right }
        }
        Unapplied::AmountMismatch => {
            PaymentNotice { event: succeeded(Money::new(due.minor + 1, due.currency), Method::Card), ..right }
        }
        Unapplied::MethodNotAllowed => {
            books = Books::new(&quote_in("EUR", Vec::new()));
            assert!(!books.quote.offer.admits(Method::Ach), "ACH is for US dollars");
            PaymentNotice { event: succeeded(books.quote.offer.due(), Method::Ach), ..self::right(&books.quote) }
        }
    };
    (books, notice)
}

#[test]
fn every_reason_is_given_for_its_payment() {
    assert_eq!(reasons().count(), 9);
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
