//! What is stored has a shape that must not drift: items live longer than code. Each item has a golden file; today's code
//! writes exactly it, and reads back everything that yesterday's code wrote.
//!
//! A shape that is meant to change is written anew with `UPDATE_GOLDEN=1`. What the change must still be able to read is
//! kept by giving the old file another name in the same folder.

use std::{fs, net::IpAddr, path::Path};

use aws_sdk_dynamodb::types::AttributeValue;
use contract::quote::QuoteBody;
use domain::{
    Currency, Money, Policy, Quote, QuoteNumber,
    license::{self, Entitlement, Kind, LicenseKey},
    link::LinkKeys,
    number::Minter,
    payment::{Method, News, PaymentId, Receipt, Reference, Told, Unapplied, settle},
    quote::{Delivered, Delivery, Issue, Offer},
    request::Origin,
};
use jiff::{SignedDuration, Timestamp};
use runtime::Vendor;
use serde_json::{Value, json};
use store::{
    Item,
    item::{self, Attributes},
    keys::Key,
};
use tests::golden::assert_golden;

const ITEMS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/items");

fn at(minutes: i64) -> Timestamp {
    let issued: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a timestamp");
    issued + SignedDuration::from_mins(minutes)
}

fn minter() -> Minter {
    Minter::new(b"the key of the golden files")
}

fn number() -> QuoteNumber {
    minter().quote_from_seed("golden")
}

fn policy() -> Policy {
    let vendor = Vendor::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/vendor")).expect("the example vendor");
    vendor.policy().expect("a sound policy")
}

/// The offer for a request. The policy's version is pinned: another wording of a letter is not another shape.
fn offer(request: &Value, minutes: i64) -> Offer {
    let body = QuoteBody::read(request.to_string().as_bytes()).expect("JSON");
    let issue = Issue {
        origin: Origin { at: at(minutes), ip: Some(IpAddr::from([192, 0, 2, 1])) },
        request_hash: format!("{:064x}", request.to_string().len()),
        link_keys: &LinkKeys::parse("k1:0123456789abcdef").expect("a key"),
    };
    let offer = Offer::make(&body.request, body.faults, &policy(), &issue).expect("the example is in order");
    Offer { policy_version: "0123456789abcdef".to_owned(), ..offer }
}

/// A reseller buys a term licence, a perpetual one and a subscription for a customer.
fn issued() -> Quote {
    Quote::issue(number(), offer(&tests::example(), 0), Some("c0ffee".repeat(10)))
}

/// A customer buys for itself, and says no more than it must.
fn issued_plainly() -> Quote {
    let mut request = tests::example();
    let members = request.as_object_mut().expect("an object");
    for member in ["reseller", "po_number", "notes", "locale"] {
        members.remove(member);
    }
    request["purchasing_for"] = json!("self");
    request["accept"] = json!({"terms": "2026-10"});
    Quote::issue(number(), offer(&request, 0), None)
}

fn payment() -> PaymentId {
    PaymentId::new("stripe", "pi_golden")
}

fn told(minutes: i64, quote: &Quote, news: News) -> Told {
    let reference = Some(Reference { quote: quote.number.clone(), revision: Some(quote.offer.revision) });
    Told { payment: payment(), at: at(minutes), reference, news }
}

fn money_of(quote: &Quote) -> News {
    News::Succeeded { money: quote.offer.due(), methods: vec![Method::Card] }
}

/// What is there after something was told.
fn after(quote: &Quote, receipt: Option<&Receipt>, told: &Told) -> (Quote, Option<Receipt>) {
    let settlement = settle(told, receipt, Some(quote), told.at + SignedDuration::from_secs(2));
    (settlement.quote.expect("the quote changes").next, settlement.receipt)
}

/// After a failed attempt, which leaves the quote issued, it is paid.
fn paid() -> (Quote, Receipt) {
    let quote = issued();
    let (quote, _) = after(&quote, None, &told(10, &quote, News::Failed { reason: "card_declined".to_owned() }));
    let (quote, receipt) = after(&quote, None, &told(20, &quote, money_of(&quote)));
    (quote, receipt.expect("a receipt"))
}

fn entitlements() -> Vec<Entitlement> {
    let (quote, _) = paid();
    license::owed(&quote, at(21), |line| minter().sen(&quote.number, line, 0))
        .into_iter()
        .map(|owed| {
            let text = "-----BEGIN LICENSE FILE-----\nZ29sZGVu\n-----END LICENSE FILE-----\n".to_owned();
            let file = (owed.kind != Kind::Subscription).then(|| LicenseKey { key_id: "golden".to_owned(), text });
            Entitlement { file, ..owed }
        })
        .collect()
}

fn entitlement(kind: Kind) -> Entitlement {
    entitlements().into_iter().find(|entitlement| entitlement.kind == kind).expect("the example has all kinds")
}

fn delivered() -> Quote {
    let (quote, _) = paid();
    let entitlements = entitlements();
    let entitlements =
        entitlements.iter().map(|it| Delivered { line: it.line, sen: it.sen.clone(), key: it.file.is_some() }).collect();
    let delivery = Delivery { invoice: "IN-000001".to_owned(), invoiced_on: jiff::civil::date(2026, 11, 22), entitlements };
    quote.deliver(delivery, at(22)).expect("it is owed").next
}

fn all_of(quote: &Quote) -> News {
    News::Refunded { total: quote.offer.due() }
}

/// All money went back after the delivery.
fn refunded() -> (Quote, Receipt) {
    let (_, receipt) = paid();
    let quote = delivered();
    let (quote, receipt) = after(&quote, Some(&receipt), &told(60, &quote, all_of(&quote)));
    (quote, receipt.expect("a receipt"))
}

/// The refund was told first: nothing was ever delivered.
fn refunded_before_delivery() -> Quote {
    let quote = issued();
    let awaited = awaited();
    after(&quote, Some(&awaited), &told(20, &quote, money_of(&quote))).0
}

fn revised() -> Quote {
    let mut request = tests::example();
    request["lines"][0]["users"] = json!(1_000);
    issued().revise(offer(&request, 30)).expect("it is not paid").expect("it is another request").next
}

fn awaited() -> Receipt {
    let quote = issued();
    let told = told(15, &quote, all_of(&quote));
    settle(&told, None, Some(&quote), told.at).receipt.expect("a receipt")
}

fn unapplied(told: &Told) -> Receipt {
    settle(told, None, None, told.at).receipt.expect("a receipt")
}

/// An item as DynamoDB holds it, with its body unfolded so that a difference can be read.
fn shown(attributes: &Attributes) -> String {
    let mut shown = serde_json::Map::new();
    for (name, value) in attributes {
        let value = match value {
            AttributeValue::S(text) if name == item::BODY => serde_json::from_str(text).expect("a JSON document"),
            AttributeValue::S(text) => json!(text),
            AttributeValue::N(number) => number.parse::<u64>().map(Value::from).expect("a whole number"),
            other => panic!("{name} has another type: {other:?}"),
        };
        shown.insert(name.clone(), value);
    }
    let shown = serde_json::to_string_pretty(&shown).expect("JSON");
    format!("{shown}\n")
}

/// The item that a golden file shows.
fn hidden(golden: &Value) -> Attributes {
    let value = |(name, value): (&String, &Value)| {
        let value = match value {
            Value::Number(number) => AttributeValue::N(number.to_string()),
            Value::String(text) => AttributeValue::S(text.clone()),
            body => AttributeValue::S(body.to_string()),
        };
        (name.clone(), value)
    };
    golden.as_object().expect("an object").iter().map(value).collect()
}

fn assert_shape<T: Item>(name: &str, aggregate: &T) {
    let attributes = item::attributes(aggregate).expect("an item");
    let mut names: Vec<_> = attributes.keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["body", "kind", "pk", "sk", "version"]);
    assert_golden(&format!("items/{name}.json"), &shown(&attributes));
}

#[test]
fn quotes_are_stored_in_this_shape_in_every_stage() {
    assert_shape("quote-issued", &issued());
    assert_shape("quote-issued-plainly", &issued_plainly());
    assert_shape("quote-revised", &revised());
    assert_shape("quote-paid", &paid().0);
    assert_shape("quote-delivered", &delivered());
    assert_shape("quote-refunded", &refunded().0);
    assert_shape("quote-refunded-before-delivery", &refunded_before_delivery());
}

#[test]
fn receipts_are_stored_in_this_shape_wherever_the_money_is() {
    let usd: Currency = "USD".parse().expect("a currency");
    let money = News::Succeeded { money: Money::new(12_345, usd), methods: vec![Method::Card] };
    let named = told(20, &issued(), money);
    assert_shape("receipt-awaited", &awaited());
    assert_shape("receipt-applied", &paid().1);
    assert_shape("receipt-applied-and-refunded", &refunded().1);
    assert_shape("receipt-unapplied", &unapplied(&named));
    assert_shape("receipt-unapplied-without-reference", &unapplied(&Told { reference: None, ..named }));
}

#[test]
fn entitlements_are_stored_in_this_shape() {
    assert_shape("license-perpetual", &entitlement(Kind::Perpetual));
    assert_shape("license-term", &entitlement(Kind::Term));
    assert_shape("license-subscription", &entitlement(Kind::Subscription));
}

/// The names of reasons and methods are stored too: none may be renamed.
#[test]
fn reasons_and_methods_keep_their_names() {
    use Method::{Ach, BankTransfer, Card, Check, Net30, Paypal};
    use Unapplied::{
        AlreadyPaid, AmountMismatch, CurrencyMismatch, MethodNotAllowed, NoReference, QuoteExpired, QuoteUnknown,
        RevisionSuperseded,
    };
    assert_eq!(
        json!([
            NoReference,
            QuoteUnknown,
            QuoteExpired,
            RevisionSuperseded,
            AlreadyPaid,
            CurrencyMismatch,
            AmountMismatch,
            MethodNotAllowed
        ]),
        json!([
            "no_reference",
            "quote_unknown",
            "quote_expired",
            "revision_superseded",
            "already_paid",
            "currency_mismatch",
            "amount_mismatch",
            "method_not_allowed"
        ])
    );
    let methods = [Card, Paypal, Check, BankTransfer, Ach, Net30];
    assert_eq!(json!(methods), json!(["card", "paypal", "check", "bank_transfer", "ach", "net_30"]));
    assert!(methods.iter().all(|method| json!(method) == method.as_str()));
}

/// Reads an item back and writes it again.
fn rewritten<T: Item>(attributes: &Attributes) -> Attributes {
    let aggregate: T = item::aggregate(attributes).expect("yesterday's item can be read");
    item::attributes(&aggregate).expect("an item")
}

/// Every file in the folder, whoever wrote it and whenever.
#[test]
fn what_was_stored_yesterday_is_read_back_and_rewritten_unchanged() {
    let mut seen = std::collections::BTreeMap::<_, u32>::new();
    for file in fs::read_dir(ITEMS).expect("the golden items").map(|entry| entry.expect("an entry").path()) {
        let golden: Value = serde_json::from_str(&fs::read_to_string(&file).expect("a text")).expect("JSON");
        let attributes = hidden(&golden);
        let kind = golden["kind"].as_str().expect("a kind");
        let again = match kind {
            Quote::KIND => rewritten::<Quote>(&attributes),
            Receipt::KIND => rewritten::<Receipt>(&attributes),
            Entitlement::KIND => rewritten::<Entitlement>(&attributes),
            other => panic!("{}: nothing is stored as {other}", file.display()),
        };
        let again: Value = serde_json::from_str(&shown(&again)).expect("JSON");
        assert_eq!(again, golden, "{}", file.display());
        *seen.entry(kind.to_owned()).or_default() += 1;
    }
    let least = [(Quote::KIND, 7), (Receipt::KIND, 5), (Entitlement::KIND, 3)];
    assert!(least.iter().all(|(kind, least)| seen.get(*kind) >= Some(least)), "{seen:?}");
}

/// The table of access patterns, key by key.
#[test]
fn keys_are_built_as_the_table_says() {
    let number: QuoteNumber = number();
    let sen = minter().sen(&number, 1, 0);
    let (quote, license) = (format!("QUOTE#{}", number.compact()), format!("LICENSE#{}", sen.compact()));
    assert_eq!((number.compact().len(), sen.compact().len()), (9, 11));
    let keys = [
        (Key::quote(&number), &*quote, "QUOTE"),
        (Key::letter(&number, 1, "quote"), &quote, "LETTER#1#quote"),
        (Key::receipt(&payment()), "PAYMENT#stripe:pi_golden", "PAYMENT"),
        (Key::entitlement(&sen), &license, "LICENSE"),
        (Key::audit(&sen, at(0), "u1"), &license, "AUDIT#2026-11-22T10:00:00Z#u1"),
        (Key::public_key("k1"), "KEYS", "KEY#k1"),
        (Key::series("IN"), "SERIES#IN", "SERIES"),
    ];
    for (key, partition, sort) in keys {
        assert_eq!((&*key.partition, &*key.sort), (partition, sort));
    }
    assert_eq!((store::keys::PARTITION, store::keys::SORT), ("pk", "sk"));
}
