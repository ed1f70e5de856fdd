//! What is stored has a shape that must not drift: items live longer than code. Each item has a golden file; today's code
//! writes exactly it, and reads back everything that yesterday's code wrote.
//!
//! A shape that is meant to change is written again with `UPDATE_GOLDEN=1`. What the change must still be able to read is
//! kept by giving the old file another name in the same folder.

use std::{
    collections::BTreeMap,
    fs, mem,
    path::{Path, PathBuf},
};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Currency, Money, Quote,
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate},
    government::GovernmentSubscription,
    license::{Entitlement, Kind},
    order::ReviewReason,
    payment::{Method, PaidBy, PaymentEvent, PaymentNotice, Receipt, RefundState, ReportReason, Unapplied},
    policy::LineKind,
    suppression::{Cause, LetterClass, MailboxId, Suppression},
};
use serde_json::{Value, json};
use store::{
    AuditEntry, Item, LetterNote, PolicyInForce, PolicyProposal, Reveal, Store,
    item::{self, Attributes},
    keys::Key,
};
use tests::{Stored, World, golden::assert_golden};

use super::given::{self, at, minter, notice, number, sen};

/// Attributes that an item has only while work is pending or a person must decide.
const INDEXED: [&str; 4] = [item::NEXT_WORK, item::PENDING_SINCE, item::REVIEW, item::REVIEW_DUE];

/// Items that hold an aggregate.
const ITEMS: &str = "items";
/// Items that are counters, notes and parts, each with attributes of its own.
const NOTES: &str = "notes";

/// The golden files of a folder.
fn golden_files(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("golden").join(folder);
    fs::read_dir(folder).expect("golden files").map(|entry| entry.expect("an entry").path()).collect()
}

fn read(file: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(file).expect("a text")).expect("JSON")
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
    names.retain(|name| !([Quote::KIND, Receipt::KIND, Suppression::KIND].contains(&T::KIND) && INDEXED.contains(name)));
    names.retain(|name| !(T::KIND == Entitlement::KIND && *name == item::FILES));
    assert_eq!(names, ["body", "kind", "pk", "sk", "version"]);
    assert_golden(&format!("{ITEMS}/{name}.json"), &shown(&attributes));
}

#[test]
fn quotes_are_stored_in_this_shape_in_every_stage() {
    assert_shape("quote-issued", &given::issued());
    assert_shape("quote-issued-plainly", &given::issued_plainly());
    assert_shape("quote-renewal-and-upgrade", &given::renewal_and_upgrade());
    assert_shape("quote-in-review", &given::in_review());
    assert_shape("quote-for-a-site", &given::for_a_site());
    assert_shape("quote-approved", &given::approved());
    assert_shape("quote-approved-and-proven", &given::approved_and_proven());
    assert_shape("quote-approved-with-nothing-to-pay", &given::approved_with_nothing_to_pay());
    assert_shape("quote-rejected", &given::rejected());
    assert_shape("quote-revised", &given::revised());
    assert_shape("quote-paid", &given::paid().0);
    assert_shape("quote-withheld", &given::withheld());
    assert_shape("quote-delivered", &given::delivered());
    assert_shape("quote-refunded", &given::refunded().0);
    assert_shape("quote-refunded-before-delivery", &given::refunded_before_delivery());
}

/// So that the golden file of a quote with everything keeps having everything.
#[test]
fn the_quote_with_everything_has_every_rule_and_note_of_a_price() {
    let quote = serde_json::to_value(given::renewal_and_upgrade()).expect("JSON");
    let lines = quote["offer"]["lines"].as_array().expect("lines");
    let names = |list: &str, at: &str| -> Vec<String> {
        let all = lines.iter().flat_map(|line| line[list].as_array().into_iter().flatten());
        let mut names: Vec<_> = all.filter_map(|one| one.pointer(at)?.as_str().map(str::to_owned)).collect();
        names.sort_unstable();
        names.dedup();
        names
    };
    let rules =
        ["channel", "days", "list_price", "maintenance", "rounding", "segment", "step_up_credit", "term", "upgrade_credit"];
    assert_eq!(names("steps", "/rule/rule"), rules);
    assert_eq!(names("notes", "/note"), ["credit_lapsed", "migration_not_applicable", "renewal_not_same_partner"]);
    assert_eq!(quote["offer"]["tax_notes"].as_array().map(Vec::len), Some(1), "{:#}", quote["offer"]["tax_notes"]);
}

#[test]
fn receipts_are_stored_in_this_shape_wherever_the_money_is() {
    let usd: Currency = "USD".parse().expect("a currency");
    let money = PaymentEvent::Succeeded { money: Money::new(12_345, usd), methods: vec![PaidBy::Card] };
    let named = notice(20, &given::issued(), money);
    assert_shape("receipt-awaited", &given::awaited());
    assert_shape("receipt-applied", &given::paid().1);
    assert_shape("receipt-applied-and-refunded", &given::refunded().1);
    assert_shape("receipt-applied-and-withdrawn", &given::withdrawn().1);
    assert_shape("receipt-closed", &given::closed());
    assert_shape("receipt-unapplied", &given::unapplied(&named, None));
    assert_shape("receipt-unapplied-in-review", &given::unapplied(&named, Some(&given::in_review())));
    assert_shape("receipt-unapplied-without-reference", &given::unapplied(&PaymentNotice { reference: None, ..named }, None));
}

#[test]
fn entitlements_are_stored_in_this_shape() {
    assert_shape("license-perpetual", &given::entitlement(Kind::Perpetual));
    assert_shape("license-term", &given::entitlement(Kind::Term));
    assert_shape("license-subscription", &given::entitlement(Kind::Subscription));
    assert_shape("license-imported", &given::license_imported());
    assert_shape("license-renewed", &given::license_renewed());
    assert_shape("license-lowered", &given::license_lowered());
    assert_shape("license-migrated", &given::license_migrated());
    assert_shape("license-refunded", &given::license_refunded());
}

#[test]
fn what_the_desk_records_is_stored_in_this_shape() {
    assert_shape("partner", &given::partner());
    assert_shape("evidence", &given::evidence());
    assert_shape("certificate-with-domains", &given::certificate_with_domains());
    assert_shape("evidence-of-a-domain", &given::evidence_of_a_domain());
    assert_shape("certificate", &given::certificate());
    assert_shape("certificate-vat-id", &given::vat_id());
    assert_shape("site", &given::site());
    assert_shape("suppression", &given::suppression());
    assert_shape("suppression-lifted", &given::suppression_lifted());
    assert_shape("holding", &given::holding());
    assert_shape("policy-in-force", &given::policy_in_force());
    assert_shape("policy-proposal", &given::policy_proposal());
    assert_shape("audit", &given::audit_entry());
}

/// The names of reasons and methods are stored too: none may be renamed.
#[test]
fn reasons_and_methods_keep_their_names() {
    use Method::{Ach, BankTransfer, Card, Check, Net30, Paypal};
    use ReviewReason::{
        AmountAboveLimit, CotermRequested, ExistingSite, GovernmentUnverified, NothingToPay, SegmentEvidencePending,
        TaxClaimUnconfirmed,
    };
    use Unapplied::{
        AlreadyPaid, AmountMismatch, CurrencyMismatch, MethodNotAllowed, MethodUnstated, NoReference, NotOffered, QuoteExpired,
        QuoteUnknown, Returned, RevisionSuperseded, RevisionUnreadable,
    };
    assert_eq!(
        json!([
            Returned,
            NoReference,
            QuoteUnknown,
            NotOffered,
            AlreadyPaid,
            QuoteExpired,
            RevisionSuperseded,
            RevisionUnreadable,
            CurrencyMismatch,
            AmountMismatch,
            MethodUnstated,
            MethodNotAllowed
        ]),
        json!([
            "returned",
            "no_reference",
            "quote_unknown",
            "not_offered",
            "already_paid",
            "quote_expired",
            "revision_superseded",
            "revision_unreadable",
            "currency_mismatch",
            "amount_mismatch",
            "method_unstated",
            "method_not_allowed"
        ])
    );
    let reasons = [
        CotermRequested,
        SegmentEvidencePending,
        GovernmentUnverified,
        TaxClaimUnconfirmed,
        ExistingSite,
        AmountAboveLimit,
        NothingToPay,
    ];
    assert_eq!(
        json!(reasons),
        json!([
            "coterm_requested",
            "segment_evidence_pending",
            "government_unverified",
            "tax_claim_unconfirmed",
            "existing_site",
            "amount_above_limit",
            "nothing_to_pay"
        ])
    );
    assert!(reasons.iter().all(|reason| json!(reason) == reason.as_str()));
    let methods = [Card, Paypal, Check, BankTransfer, Ach, Net30];
    assert_eq!(json!(methods), json!(["card", "paypal", "check", "bank_transfer", "ach", "net_30"]));
    assert!(methods.iter().all(|method| json!(method) == method.as_str()));
    let paid_by = PaidBy::ALL.map(PaidBy::as_str);
    assert_eq!(json!(PaidBy::ALL), json!(paid_by));
    let more = ["link", "us_bank_account", "sepa_debit", "au_becs_debit", "other"];
    assert!(methods.iter().map(|method| method.as_str()).chain(more).all(|name| paid_by.contains(&name)), "{paid_by:?}");
    let reports = [
        (ReportReason::OtherAccount, "other_account"),
        (ReportReason::BeforeQuote, "before_quote"),
        (ReportReason::InFuture, "in_future"),
        (ReportReason::CurrencyDiffers, "currency_differs"),
        (ReportReason::RefundFailed, "refund_failed"),
        (ReportReason::MoneyReinstated, "money_reinstated"),
    ];
    assert!(reports.iter().all(|(reason, name)| json!(reason) == *name));
    let states = [
        (RefundState::Pending, "pending"),
        (RefundState::RequiresAction, "requires_action"),
        (RefundState::Succeeded, "succeeded"),
        (RefundState::Canceled, "canceled"),
        (RefundState::Failed, "failed"),
    ];
    assert!(states.iter().all(|(state, name)| json!(state) == *name));
    let causes = [
        (Cause::PermanentBounce, "permanent_bounce"),
        (Cause::TransientBounce, "transient_bounce"),
        (Cause::UndeterminedBounce, "undetermined_bounce"),
        (Cause::Complaint, "complaint"),
        (Cause::Notice, "notice"),
        (Cause::Rejected, "rejected"),
    ];
    assert!(causes.iter().all(|(cause, name)| json!(cause) == *name));
    assert_eq!(json!([LetterClass::Request, LetterClass::Purchase]), json!(["request", "purchase"]));
    let kinds = ["new", "renewal", "upgrade", "renew_and_upgrade", "coterm", "downgrade_at_renewal"];
    assert_eq!(json!(LineKind::ALL), json!(kinds));
    assert!(LineKind::ALL.iter().all(|kind| json!(kind) == kind.as_str()));
}

/// Reads an item back and writes it again.
fn rewritten<T: Item>(attributes: &Attributes) -> Attributes {
    let aggregate: T = item::aggregate(attributes).expect("yesterday's item can be read");
    item::attributes(&aggregate).expect("an item")
}

/// Puts the texts of licence files where items had them before they had an attribute of their own.
fn files_in_body(item: &mut serde_json::Map<String, Value>) {
    let Some(Value::String(texts)) = item.remove(item::FILES) else { return };
    let texts: Vec<Value> = serde_json::from_str(&texts).expect("a list of texts");
    let mut texts = texts.into_iter();
    let earlier = item["body"]["earlier"].as_array().map_or(0, Vec::len);
    let places = ["/body/file".to_owned()].into_iter().chain((0..earlier).map(|n| format!("/body/earlier/{n}/file")));
    let mut whole = Value::Object(mem::take(item));
    for place in places {
        if let Some(file) = whole.pointer_mut(&place) {
            file["text"] = texts.next().expect("a text for each file");
        }
    }
    *item = whole.as_object().cloned().expect("an object");
}

/// C10: an entitlement that was read for an order has no keys, and cannot replace the one that has them.
#[test]
fn c10_an_entitlement_that_was_read_without_its_licence_files_is_not_stored() {
    let stored = item::attributes(&given::license_renewed()).expect("an item");
    let body = stored[item::BODY].as_s().expect("a body");
    assert!(!body.contains("LICENSE FILE"), "{body}");
    assert!(stored[item::FILES].as_s().expect("the files").contains("LICENSE FILE"));

    let without: Entitlement = serde_json::from_str(body).expect("an entitlement");
    let refused = item::attributes(&without).expect_err("it would lose its keys").to_string();
    assert!(refused.contains("without its licence files"), "{refused}");
    let mut attributes = stored;
    for files in [None, Some("[]"), Some("[\"one\", \"too\", \"many\"]"), Some("?")] {
        attributes.remove(item::FILES);
        attributes.extend(files.map(|files| (item::FILES.to_owned(), AttributeValue::S(files.to_owned()))));
        assert!(item::aggregate::<Entitlement>(&attributes).is_err(), "{files:?}");
    }
}

/// Every file in the folder, of any age.
#[test]
fn what_was_stored_yesterday_is_read_back_and_rewritten_unchanged() {
    let mut seen = BTreeMap::<_, u32>::new();
    for file in golden_files(ITEMS) {
        let golden = read(&file);
        let attributes = hidden(&golden);
        let kind = golden["kind"].as_str().expect("a kind");
        let again = match kind {
            Quote::KIND => rewritten::<Quote>(&attributes),
            Receipt::KIND => rewritten::<Receipt>(&attributes),
            Entitlement::KIND => rewritten::<Entitlement>(&attributes),
            Partner::KIND => rewritten::<Partner>(&attributes),
            SegmentEvidence::KIND => rewritten::<SegmentEvidence>(&attributes),
            TaxCertificate::KIND => rewritten::<TaxCertificate>(&attributes),
            Site::KIND => rewritten::<Site>(&attributes),
            Suppression::KIND => rewritten::<Suppression>(&attributes),
            GovernmentSubscription::KIND => rewritten::<GovernmentSubscription>(&attributes),
            PolicyInForce::KIND => rewritten::<PolicyInForce>(&attributes),
            PolicyProposal::KIND => rewritten::<PolicyProposal>(&attributes),
            AuditEntry::KIND => rewritten::<AuditEntry>(&attributes),
            other => panic!("{}: nothing is stored as {other}", file.display()),
        };
        let mut again: Value = serde_json::from_str(&shown(&again)).expect("JSON");
        // Nothing is to be done about most quotes; about one that is written, something is.
        let members = again.as_object_mut().expect("an object");
        members.retain(|name, _| !INDEXED.contains(&&**name) || golden.get(name).is_some());
        if golden.get(item::FILES).is_none() {
            files_in_body(members);
        }
        assert_eq!(again, golden, "{}", file.display());
        *seen.entry(kind.to_owned()).or_default() += 1;
    }
    let least = [
        (Quote::KIND, 20),
        (Receipt::KIND, 6),
        (Entitlement::KIND, 11),
        (Partner::KIND, 1),
        (SegmentEvidence::KIND, 1),
        (TaxCertificate::KIND, 2),
        (Site::KIND, 1),
        (Suppression::KIND, 2),
        (GovernmentSubscription::KIND, 1),
        (PolicyInForce::KIND, 1),
        (PolicyProposal::KIND, 1),
        (AuditEntry::KIND, 1),
    ];
    assert!(least.iter().all(|(kind, least)| seen.get(*kind) >= Some(least)), "{seen:?}");
}

const BUCKET: &str = "lookup#golden";
const SERIES: &str = "SERIES#GOLDEN SERIES";
const JWK: &str = r#"{"kid":"golden"}"#;

fn files() -> BTreeMap<String, String> {
    [("channel.toml", "# Nobody pays less.\n"), ("languages/ja.toml", "a = \"見積\"\n")]
        .map(|(name, text)| (name.to_owned(), text.to_owned()))
        .into()
}

fn fingerprints() -> BTreeMap<String, String> {
    [("link key k1", "0123456789abcdef"), ("number-key", "fedcba9876543210")]
        .map(|(name, fingerprint)| (name.to_owned(), fingerprint.to_owned()))
        .into()
}

fn mailbox() -> MailboxId {
    given::suppression().mailbox
}

fn letters() -> [(&'static str, LetterNote); 3] {
    let (accepted_as, reason) = ("ses-1".to_owned(), "InvalidParameterValue".to_owned());
    let withheld = LetterNote::Withheld { mailbox: mailbox() };
    [("confirmation", withheld), ("quote", LetterNote::Sent { accepted_as }), ("receipt", LetterNote::SetAside { reason })]
}

/// What the store writes beside aggregates, by the name of its golden file.
async fn note_everything(store: &Store, world: &World) -> Vec<(&'static str, String)> {
    assert!(store.allow(BUCKET, 3, 3, at(15)).await.expect("a counter"));
    store.keep_policy(given::POLICY_VERSION, &files()).await.expect("a policy");
    for (role, note) in letters() {
        store.note_letter(&Key::letter(&Key::quote(&number()), 1, role), at(1), &note).await.expect("a note");
    }
    let (email, ip) = (Some("tina@customer.example"), Some([192, 0, 2, 1].into()));
    let reveal = Reveal { subject: "user-1", email, key_id: "golden", ip };
    store.audit_reveal(&sen("server"), at(2), "u1", reveal).await.expect("a note");
    store.publish_key("golden", JWK).await.expect("a key");
    store.record_key_fingerprints(&fingerprints()).await.expect("fingerprints");
    let quote = given::issued();
    let _ = store.create_quote(&quote).await.expect("a quote");
    let paid = quote.revise(given::revised().offer).expect("it is not paid").expect("it is another request");
    let _ = store.commit_numbered(&paid, "GOLDEN SERIES", 1).await.expect("a number");
    world.settled().await;
    let number = number();
    vec![
        ("limit", format!("LIMIT#{BUCKET} UNTIL#{}", at(15))),
        ("policy-part", format!("POLICY#{} PART#0001", given::POLICY_VERSION)),
        ("letter-sent", format!("QUOTE#{} LETTER#1#quote", number.compact())),
        ("letter-withheld", format!("QUOTE#{} LETTER#1#confirmation", number.compact())),
        ("letter-set-aside", format!("QUOTE#{} LETTER#1#receipt", number.compact())),
        ("reveal", format!("LICENSE#{} AUDIT#{}#u1", sen("server").compact(), at(2))),
        ("public-key", "KEYS KEY#golden".to_owned()),
        ("key-fingerprints", "DEPLOYMENT KEYS".to_owned()),
        ("series", format!("{SERIES} SERIES")),
    ]
}

/// Which write of an item it was is another every time.
fn unmarked(stored: &Stored, key: &str) -> Attributes {
    let mut attributes = stored.get(key).unwrap_or_else(|| panic!("nothing is stored at {key}")).clone();
    attributes.remove(item::MARK);
    attributes
}

#[tokio::test]
async fn counters_notes_and_parts_are_stored_in_this_shape() {
    let mut world = World::new().await;
    let keys = note_everything(world.deployment().store(), &world).await;
    let stored = world.stored().await;
    for (name, key) in keys {
        assert_golden(&format!("{NOTES}/{name}.json"), &shown(&unmarked(&stored, &key)));
    }
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn counters_notes_and_parts_of_yesterday_still_count() {
    let world = World::new().await;
    let store = world.deployment().store();
    let files_of_yesterday = golden_files(NOTES);
    assert!(files_of_yesterday.len() >= 8);
    for file in files_of_yesterday {
        let put = store.client().put_item().table_name(store.table()).set_item(Some(hidden(&read(&file))));
        put.send().await.expect("the item can be stored");
    }
    assert!(!store.allow(BUCKET, 1, 3, at(15)).await.expect("a counter"), "three were counted");
    assert!(store.allow(BUCKET, 1, 4, at(15)).await.expect("a counter"));
    assert_eq!(store.policy_files(given::POLICY_VERSION).await.expect("a policy"), Some(files()));
    for (role, expected) in letters() {
        let (note, suppression) = store.letter(&Key::letter(&Key::quote(&number()), 1, role), &mailbox()).await.expect("a note");
        assert_eq!((note, suppression), (Some(expected), None), "{role}");
    }
    // C8: an entry that was stored before entries had a key and an address is read, too.
    assert_eq!(store.reveals(&sen("server")).await.expect("notes"), ["user-0", "user-1"]);
    assert!(store.published_keys().await.expect("keys").contains(&JWK.to_owned()));
    assert_eq!(store.last_in_series("GOLDEN SERIES").await.expect("a number"), 1);
    assert_eq!(store.key_fingerprints().await.expect("fingerprints"), fingerprints());
    world.close().await;
}

/// The table of access patterns, key by key.
#[test]
fn keys_are_built_as_the_table_says() {
    let number = number();
    let sen = minter().sen(&number, 1, 0);
    let (quote, license) = (format!("QUOTE#{}", number.compact()), format!("LICENSE#{}", sen.compact()));
    assert_eq!((number.compact().len(), sen.compact().len()), (9, 11));
    let partner = "PARTNER#example reseller";
    let audit = "AUDIT#2026-11-22T10:00:00Z#u1";
    let keys = [
        (Key::quote(&number), &*quote, "QUOTE"),
        (Key::letter(&Key::quote(&number), 1, "quote"), &quote, "LETTER#1#quote"),
        (Key::receipt(&given::payment()), "PAYMENT#stripe:pi_golden", "PAYMENT"),
        (Key::entitlement(&sen), &license, "LICENSE"),
        (Key::audit(&sen, at(0), "u1"), &license, audit),
        (Key::partner("Example Reseller"), partner, "PARTNER"),
        (Key::audit_entry(partner.to_owned(), at(0), "u1"), partner, audit),
        (Key::evidence("EV-1"), "EVIDENCE#EV-1", "EVIDENCE"),
        (
            Key::registered(&given::evidence().registration().expect("a number and a country"), "EV-1"),
            "REGISTRATION#nonprofit#US#123456789",
            "EVIDENCE#EV-1",
        ),
        (Key::certificate("DE123456789"), "CERTIFICATE#DE123456789", "CERTIFICATE"),
        (Key::site("acme.cloud.example"), "SITE#acme.cloud.example", "SITE"),
        (
            Key::government_subscription("tracker-government", " Example  Agency"),
            "HOLDING#tracker-government#example agency",
            "HOLDING",
        ),
        (Key::mailbox(&mailbox()), &format!("MAILBOX#{}", mailbox()), "MAILBOX"),
        (Key::limit("lookup#192.0.2.1", at(15)), "LIMIT#lookup#192.0.2.1", "UNTIL#2026-11-22T10:15:00Z"),
        (Key::policy_in_force(), "POLICY", "CURRENT"),
        (Key::policy_proposal(), "POLICY", "PROPOSED"),
        (Key::policy_part("0123456789abcdef", 1), "POLICY#0123456789abcdef", "PART#0001"),
        (Key::public_key("k1"), "KEYS", "KEY#k1"),
        (Key::series("IN"), "SERIES#IN", "SERIES"),
        (Key::key_fingerprints(), "DEPLOYMENT", "KEYS"),
    ];
    for (key, partition, sort) in keys {
        assert_eq!((&*key.partition, &*key.sort), (partition, sort));
    }
    assert_eq!((store::keys::PARTITION, store::keys::SORT), ("pk", "sk"));
}
