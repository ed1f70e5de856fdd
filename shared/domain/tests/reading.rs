//! Properties of reading requests: any input is read without a panic, and every fault has its place.

use std::{cell::Cell, sync::LazyLock};

use domain::{
    Code, Policy, QuoteNumber, Refusal, Sen,
    fault::{Fault, Faults},
    link::LinkKeys,
    number::Minter,
    party::Email,
    quote::{IssueContext, Offer},
    request::{
        AcceptRequest, AddressRequest, ContactRequest, Facts, LineRequest, MAX_LINES, Origin, PartyRequest, Request,
        SegmentRequest, TaxRequest,
    },
};
use proptest::{prelude::*, test_runner::TestRunner};
use serde_json::{Value, json};

use crate::vendor;

static POLICY: LazyLock<Policy> = LazyLock::new(vendor::policy);

fn offer(request: &Request) -> Result<Offer, Refusal> {
    let link_keys = LinkKeys::parse("k1:0123456789abcdef").expect("a key");
    let origin = Origin { at: "2026-11-22T10:00:00Z".parse().expect("an instant"), ip: None, subject: None, email: None };
    let issue = IssueContext { origin, request_hash: "hash".to_owned(), link_key: link_keys.current() };
    Offer::make(request, Faults::default(), &Facts::default(), &POLICY, &issue)
}

/// A valid text, no text, or any text.
fn text(right: &'static [&'static str]) -> impl Strategy<Value = Option<String>> {
    prop_oneof![
        60 => prop::sample::select(right).prop_map(|text| Some(text.to_owned())),
        1 => Just(None),
        1 => any::<String>().prop_map(Some),
        1 => "\\PC{0,300}".prop_map(Some),
        1 => prop::sample::select(&["", " ", "\r\n", "US-", "-CA", "us", "a@b", "\u{202e}", "1"][..]).prop_map(|text| Some(text.to_owned())),
    ]
}

fn number(right: std::ops::Range<i64>) -> impl Strategy<Value = Option<i64>> {
    prop_oneof![60 => right.prop_map(Some), 1 => Just(None), 1 => any::<i64>().prop_map(Some), 1 => Just(Some(0))]
}

fn contact() -> impl Strategy<Value = ContactRequest> {
    (text(&["Carl Customer"]), text(&["carl@customer.example"])).prop_map(|(name, email)| ContactRequest { name, email })
}

fn address() -> impl Strategy<Value = AddressRequest> {
    let fitting =
        [("US", Some("US-CA")), ("US", Some("CA")), ("CA", Some("ON")), ("CA", Some("CA-QC")), ("DE", None), ("JP", None)];
    let place = prop::sample::select(fitting.to_vec())
        .prop_map(|(country, region)| (Some(country.to_owned()), region.map(str::to_owned)));
    let place = prop_oneof![10 => place, 1 => (text(&["US", "DE"]), text(&["US-CA", "CA"]))];
    (text(&["2 Sample Avenue"]), text(&["Sampleton"]), text(&["94105"]), place)
        .prop_map(|(street, city, postal_code, (country, region))| AddressRequest { street, city, postal_code, region, country })
}

/// `technical` is the probability of a technical contact.
fn party(technical: f64) -> impl Strategy<Value = PartyRequest> {
    let technical_contact = prop::option::weighted(technical, contact());
    (text(&["Example Customer Inc."]), contact(), address(), technical_contact)
        .prop_map(|(company, contact, address, technical_contact)| PartyRequest { company, contact, address, technical_contact })
        .boxed()
}

fn line() -> impl Strategy<Value = LineRequest> {
    let kind = prop_oneof![40 => Just(Some("new".to_owned())), 1 => text(KINDS)];
    let product = text(&["tracker-server", "tracker-data-center", "tracker-cloud"]);
    let months = prop_oneof![9 => Just(Some(12)), 1 => number(1..48)];
    let held =
        prop_oneof![40 => Just(Default::default()), 1 => (text(&["2027-06-30"]), text(SENS), text(&["carl@customer.example"]))];
    let cloud = prop_oneof![
        20 => Just(Default::default()),
        1 => (text(&["standard"]), text(&["acme.cloud.example"]), text(SENS)),
        1 => (Just(None), text(&["acme.cloud.example"]), text(SENS)),
    ];
    (kind, product, number(1..120), months, held, cloud).prop_map(
        |(kind, product, users, term_months, (until, sen, contact), (edition, site, migrates_from))| LineRequest {
            kind,
            product,
            edition,
            users,
            term_months,
            until,
            sen,
            contact,
            site,
            migrates_from,
        },
    )
}

const KINDS: &[&str] = &["renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal"];
const SENS: &[&str] = &["SEN-2345-6789-ABC"];

fn claim() -> impl Strategy<Value = SegmentRequest> {
    let registered = (text(&["12-3456789"]), text(&["US"]));
    (text(&["nonprofit", "academic", "government"]), text(&["EV-1"]), registered, text(&["letter.pdf"])).prop_map(
        |(segment, evidence, (registration_number, country), document)| SegmentRequest {
            segment,
            evidence,
            registration_number,
            country,
            document,
        },
    )
}

fn certificates() -> impl Strategy<Value = TaxRequest> {
    (text(&["DE136695976"]), text(&["RC-1"])).prop_map(|(vat_id, certificate)| TaxRequest { vat_id, certificate })
}

fn request() -> impl Strategy<Value = Request> {
    let lines = prop_oneof![
        20 => prop::collection::vec(line(), 1..=4),
        1 => Just(Vec::new()),
        1 => prop::collection::vec(line(), MAX_LINES - 1..=MAX_LINES + 1),
    ];
    let accept = (text(&["2026-10"]), text(&["2026-10"]))
        .prop_map(|(terms, reseller_agreement)| AcceptRequest { terms, reseller_agreement });
    let texts = (
        text(&["self", "customer"]),
        text(&["USD", "USD", "USD", "JPY"]),
        text(&["PO-1"]),
        text(&["Notes.\nMore."]),
        text(&["ja-JP"]),
    );
    let (reseller, customer) = (prop::option::weighted(0.6, party(0.03)), prop::option::weighted(0.97, party(0.97)));
    let segments = prop_oneof![9 => Just(Vec::new()), 1 => prop::collection::vec(claim(), 1..=2)];
    let claims = (segments, prop_oneof![9 => Just(TaxRequest::default()), 1 => certificates()]);
    let orders =
        (texts, reseller, customer, lines, claims, accept).prop_map(
            |((purchasing_for, currency, po_number, notes, locale), reseller, customer, lines, (segments, tax), accept)| {
                Request { purchasing_for, currency, reseller, customer, lines, segments, tax, po_number, notes, accept, locale }
            },
        );
    (orders, prop::bool::weighted(0.5)).prop_map(|(order, fits)| if fits { fitting(order) } else { order })
}

/// The order without what is refused because of another of its members.
fn fitting(mut order: Request) -> Request {
    if order.purchasing_for.as_deref() == Some("self") {
        order.accept.reseller_agreement = None;
    }
    for line in order.lines.iter_mut().filter(|line| line.kind.as_deref() == Some("new") && line.migrates_from.is_none()) {
        (line.contact, line.site) = (None, None);
    }
    order
}

/// The request as JSON, with every member that was sent.
fn sent(request: &Request) -> Value {
    let contact = |contact: &ContactRequest| json!({"name": contact.name, "email": contact.email});
    let party = |party: &PartyRequest| {
        let AddressRequest { street, city, postal_code, region, country } = &party.address;
        json!({
            "company": party.company, "contact": contact(&party.contact),
            "address": {"street": street, "city": city, "postal_code": postal_code, "region": region, "country": country},
            "technical_contact": party.technical_contact.as_ref().map(contact),
        })
    };
    let line = |line: &LineRequest| {
        json!({
            "kind": line.kind, "product": line.product, "edition": line.edition, "users": line.users,
            "term_months": line.term_months, "until": line.until, "sen": line.sen, "contact": line.contact,
            "site": line.site, "migrates_from": line.migrates_from,
        })
    };
    let claim = |claim: &SegmentRequest| {
        json!({
            "segment": claim.segment, "evidence": claim.evidence, "registration_number": claim.registration_number,
            "country": claim.country, "document": claim.document,
        })
    };
    json!({
        "purchasing_for": request.purchasing_for, "currency": request.currency, "po_number": request.po_number,
        "reseller": request.reseller.as_ref().map(party), "customer": request.customer.as_ref().map(party),
        "lines": request.lines.iter().map(line).collect::<Vec<_>>(), "notes": request.notes, "locale": request.locale,
        "segments": request.segments.iter().map(claim).collect::<Vec<_>>(),
        "tax": {"vat_id": request.tax.vat_id, "certificate": request.tax.certificate},
        "accept": {"terms": request.accept.terms, "reseller_agreement": request.accept.reseller_agreement},
    })
}

/// A pointer leads to a member that was sent, or to one that is missing. Each fault has a code and a text.
fn assert_pointer(fault: &Fault, sent: &Value) {
    let Fault { code, pointer, detail, allowed: _ } = fault;
    assert!(!detail.is_empty());
    let place = sent.pointer(pointer).unwrap_or_else(|| panic!("there is no {pointer}: {code}"));
    match code {
        // The member is absent or has only white space.
        Code::Required => assert!(place.is_null() || place.as_str().is_some_and(|text| text.trim().is_empty()), "{fault:?}"),
        Code::TermsNotAccepted => assert!(pointer.starts_with("/accept/")),
        Code::LineCount => assert_eq!(pointer, "/lines"),
        _ => assert!(!place.is_null(), "{fault:?}"),
    }
}

/// An offer is what was ordered, and every fault of a refusal has its place. Both happen often enough to be tested.
#[test]
fn any_request_is_offered_or_refused_with_pointers() {
    let (offered, refused) = (Cell::new(0), Cell::new(0));
    let mut runner = TestRunner::new(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() });
    let result = runner.run(&request(), |request| {
        let sent = sent(&request);
        match offer(&request) {
            Ok(offer) => {
                offered.set(offered.get() + 1);
                assert_offered(&offer, &request, &sent);
            }
            Err(refusal) => {
                refused.set(refused.get() + 1);
                assert_refused(&refusal, &sent);
            }
        }
        Ok(())
    });
    assert!(result.is_ok(), "{}", result.unwrap_err());
    assert!(offered.get() > 50 && refused.get() > 50, "{} offered, {} refused", offered.get(), refused.get());
}

fn assert_offered(offer: &Offer, request: &Request, sent: &Value) {
    assert_eq!(offer.lines.len(), request.lines.len());
    assert!(offer.total >= offer.net && offer.net >= 0);
    assert_eq!(offer.reseller.is_some(), sent["purchasing_for"] == "customer");
    for warning in &offer.warnings {
        assert!(sent.pointer(&warning.pointer).is_some_and(|place| !place.is_null()), "{warning:?}");
    }
    let stored = serde_json::to_string(offer).expect("JSON");
    assert_eq!(serde_json::from_str::<Offer>(&stored).expect("an offer"), *offer, "what is stored is read back as it was");
}

fn assert_refused(refusal: &Refusal, sent: &Value) {
    assert!(!refusal.faults.is_empty());
    refusal.faults.iter().for_each(|fault| assert_pointer(fault, sent));
    let mut faults: Vec<_> = refusal.faults.iter().map(|fault| (&fault.pointer, fault.code.as_str())).collect();
    faults.sort_unstable();
    let all = faults.len();
    faults.dedup();
    assert_eq!(faults.len(), all, "the same fault is reported twice");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every line's faults are reported, each with the index of its line.
    #[test]
    fn every_wrong_line_is_reported_under_its_index(wrong in prop::collection::vec(prop::bool::ANY, 1..=MAX_LINES)) {
        let lines = wrong.iter().map(|wrong| LineRequest {
            kind: Some("new".to_owned()),
            product: Some("tracker-server".to_owned()),
            users: Some(if *wrong { 0 } else { 20 }),
            ..LineRequest::default()
        });
        let request = Request { lines: lines.collect(), currency: Some("USD".to_owned()), ..Request::default() };
        let refusal = offer(&request).unwrap_err();
        let reported: Vec<_> = refusal.faults.iter().filter(|fault| fault.pointer.starts_with("/lines")).collect();
        let expected: Vec<_> = wrong.iter().enumerate().filter(|(_, wrong)| **wrong).map(|(i, _)| format!("/lines/{i}/users")).collect();
        prop_assert_eq!(reported.iter().map(|fault| &fault.pointer).collect::<Vec<_>>(), expected.iter().collect::<Vec<_>>());
        prop_assert!(reported.iter().all(|fault| fault.code == Code::QuantityInvalid));
    }

    /// A text is read as a number only if it is a spelling of that number.
    #[test]
    fn any_text_is_a_number_or_not(text in prop_oneof![any::<String>(), "[qQ2-9A-Za-z \\-]{0,16}", "(Q|SEN)?-?[2-9A-Z\u{130}\u{df}]{0,14}"]) {
        if let Ok(number) = text.parse::<QuoteNumber>() {
            prop_assert_eq!(number.to_string().parse(), Ok(number.clone()));
            prop_assert_eq!(number.compact().len(), 9);
        }
        if let Ok(sen) = text.parse::<Sen>() {
            prop_assert_eq!(sen.to_string().parse(), Ok(sen.clone()));
            prop_assert_eq!(sen.compact().len(), 11);
        }
    }

    /// Every spelling of a number is read as the same number, and a quote number is never read as a SEN.
    #[test]
    fn any_spelling_of_a_number_is_read_as_the_same_number(seed in any::<String>(), line in any::<u32>(), lower in any::<bool>(), spaces in prop::collection::vec(0..14_usize, 0..4)) {
        let minter = Minter::new(b"key");
        let number = minter.quote_from_seed(&seed);
        let sen = minter.sen(&number, line, 0);
        let typed = |shown: String| {
            let mut typed = if lower { shown.to_lowercase() } else { shown };
            spaces.iter().for_each(|&at| typed.insert(at.min(typed.len()), ' '));
            typed
        };
        prop_assert_eq!(typed(number.to_string()).parse(), Ok(number.clone()));
        prop_assert_eq!(typed(number.compact().to_owned()).parse(), Ok(number.clone()));
        prop_assert_eq!(typed(sen.to_string()).parse(), Ok(sen.clone()));
        prop_assert!(number.to_string().parse::<Sen>().is_err() && sen.to_string().parse::<QuoteNumber>().is_err());
    }

    /// An accepted e-mail address can be written to a mail header unchanged.
    #[test]
    fn an_accepted_address_is_one_line(text in prop_oneof![any::<String>(), "[a-z.+@\"<>, \\-]{1,40}", "[a-z.\r\n]{1,9}@[a-z.\r\n]{1,12}"]) {
        if let Some(email) = Email::parse(&text) {
            prop_assert_eq!(email.as_str(), &text);
            prop_assert!(text.bytes().all(|b| b.is_ascii_graphic()) && text.matches('@').count() == 1 && !text.contains(['<', '>', ',']));
        }
    }
}

/// A fault states what is wrong and never repeats a value that may be personal.
#[test]
fn faults_do_not_repeat_what_was_sent() {
    let marked = |text: &str| Some(format!("{text}\u{7}QZJX"));
    let contact = || ContactRequest { name: marked("name"), email: marked("e-mail") };
    let party = || PartyRequest {
        company: marked("company"),
        contact: contact(),
        address: AddressRequest {
            street: marked("street"),
            city: marked("city"),
            postal_code: marked("code"),
            region: marked("region"),
            country: marked("country"),
        },
        technical_contact: Some(contact()),
    };
    let request = Request {
        purchasing_for: marked("customer"),
        currency: marked("USD"),
        reseller: Some(party()),
        customer: Some(party()),
        lines: vec![LineRequest {
            kind: marked("new"),
            product: marked("x"),
            edition: marked("x"),
            users: Some(-98_127),
            term_months: Some(-98_127),
            until: marked("2027-06-30"),
            sen: marked("SEN-1"),
            contact: marked("e-mail"),
            site: marked("site"),
            migrates_from: marked("SEN-2"),
        }],
        segments: vec![SegmentRequest {
            segment: marked("nonprofit"),
            evidence: marked("EV-1"),
            registration_number: marked("12"),
            country: marked("US"),
            document: marked("letter"),
        }],
        tax: TaxRequest { vat_id: marked("DE136695976"), certificate: marked("RC-1") },
        po_number: marked("po"),
        notes: marked("notes"),
        accept: AcceptRequest { terms: marked("terms"), reseller_agreement: None },
        locale: marked("en"),
    };
    let refusal = offer(&request).unwrap_err();
    assert!(refusal.faults.len() > 10, "{refusal:?}");
    for fault in &refusal.faults {
        assert!(!fault.detail.contains("QZJX") && !fault.detail.contains("98127"), "{fault:?}");
    }
}
