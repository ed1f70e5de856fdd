//! What there is to store: an item of every kind, in every stage that it can be in.

use std::{net::IpAddr, path::Path};

use contract::{
    desk::{self, RecordBody},
    quote::QuoteBody,
};
use domain::{
    Policy, Quote, QuoteNumber, Refusal, Sen,
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate},
    fault::Faults,
    fulfilment,
    government::GovernmentSubscription,
    license::{self, Entitlement, Kind, LicenseKey},
    link::LinkKeys,
    number::{InvoiceNumber, Minter},
    payment::{Closed, NamedRevision, PaidBy, PaymentEvent, PaymentId, PaymentNotice, Receipt, Reference, RefundState},
    quote::{Approval, Change, Delivered, Delivery, IssueContext, Offer, Reviewer, Withheld},
    records::{Record, RecordContext},
    request::{Facts, Origin},
    settlement::settle,
    suppression::{LetterClass, Lifted, MailboxId, Message, Recorded, Suppression, WithheldLetter, Withholding},
};
use jiff::{SignedDuration, Timestamp, civil::date};
use runtime::Vendor;
use serde_json::{Value, json};
use store::{AuditEntry, Item, PolicyInForce, PolicyProposal};
use tests::{imported, with};

/// Who sits at the desk: the subject of their token.
const STAFF: &str = "staff-1";
const REVIEWER: Reviewer<'_> = Reviewer { subject: STAFF, email: Some("dana@vendor.example") };
/// The reseller, as the issuer of its tokens names it.
const RESELLER: &str = "Example Reseller GmbH";
const CUSTOMER: &str = "Example Customer Inc.";
const VAT_ID: &str = "DE136695976";
/// The policy's version is pinned: another wording of a letter is not another shape.
pub(crate) const POLICY_VERSION: &str = "0123456789abcdef";

/// A number of minutes after the first quote was issued.
pub(crate) fn at(minutes: i64) -> Timestamp {
    let issued: Timestamp = "2026-11-22T10:00:00Z".parse().expect("a timestamp");
    issued + SignedDuration::from_mins(minutes)
}

pub(crate) fn minter() -> Minter {
    Minter::new(b"the key of the golden files")
}

pub(crate) fn number() -> QuoteNumber {
    minter().quote_from_seed("golden")
}

/// The number of something that was sold before.
pub(crate) fn sen(cause: &str) -> Sen {
    minter().sen(&minter().quote_from_seed(cause), 1, 0)
}

fn policy() -> Policy {
    let vendor = Vendor::open(Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/vendor")).expect("the example vendor");
    vendor.policy().expect("a sound policy")
}

/// A record, as staff bring it in.
fn recorded<T: Record, R>(
    read: fn(&[u8]) -> Result<RecordBody<R>, Refusal>,
    body: &Value,
    rules: impl FnOnce(&R, &RecordContext<'_>, &mut Faults) -> Option<T>,
) -> T {
    let policy = policy();
    let on = RecordContext { policy: &policy, by: STAFF, at: at(-60) };
    let body = read(body.to_string().as_bytes()).expect("a body");
    let mut record = body.judge(|request, faults| rules(request, &on, faults)).expect("the record is in order");
    record.advance();
    record
}

pub(crate) fn partner() -> Partner {
    let body = json!({"name": RESELLER, "memberships": [
        {"programme": "corporate_reseller", "from": "2025-01-01", "until": "2026-01-01"},
        {"programme": "partner", "tier": "gold", "from": "2026-01-01"},
    ]});
    recorded(desk::partner, &body, |request, on, faults| request.check(RESELLER, None, on, faults))
}

pub(crate) fn evidence() -> SegmentEvidence {
    let body = json!({
        "segment": "nonprofit", "organization": CUSTOMER, "registration_number": "12-3456789", "country": "US",
        "document": "archive/1", "expires": "2027-11-22",
    });
    recorded(desk::evidence, &body, |request, on, faults| request.check("EV-1", None, on, faults))
}

/// Evidence that proves the claims of people at a domain, and has no number that they would have to state.
pub(crate) fn evidence_of_a_domain() -> SegmentEvidence {
    let domains = vec!["customer.example".to_owned()];
    SegmentEvidence { registration_number: None, country: None, domains, ..evidence() }
}

pub(crate) fn certificate() -> TaxCertificate {
    let body = json!({
        "kind": "resale", "organization": RESELLER, "country": "US", "region": "CA", "number": "SR-101",
        "document": "archive/2", "from": "2026-01-01", "expires": "2027-01-01",
    });
    recorded(desk::certificate, &body, |request, on, faults| request.check("RESALE-1", None, on, faults))
}

pub(crate) fn certificate_with_domains() -> TaxCertificate {
    TaxCertificate { domains: vec!["reseller.example".to_owned()], ..certificate() }
}

pub(crate) fn vat_id() -> TaxCertificate {
    let body = json!({
        "kind": "vat_id", "organization": RESELLER, "country": "DE", "from": "2026-01-01", "expires": "2027-01-01",
    });
    recorded(desk::certificate, &body, |request, on, faults| request.check(VAT_ID, None, on, faults))
}

pub(crate) fn site() -> Site {
    let body = json!({
        "organization": CUSTOMER, "entitlements": [sen("desktop")],
        "contacts": [
            {"role": "billing", "name": "Bill Payer", "email": "bill@customer.example"},
            {"role": "technical", "name": "Tina Admin", "email": "tina@customer.example"},
            {"role": "admin", "name": "Ada Admin", "email": "ada@customer.example"},
        ],
    });
    recorded(desk::site, &body, |request, _, faults| request.check("acme.cloud.example", None, faults))
}

/// What the customer has of a product, sold by the reseller itself.
fn brought_in(cause: &str, product: &str, tier: u32, end: &str) -> Entitlement {
    let body = with(&imported(product, tier, end), [("/purchaser/organization", json!(RESELLER))]);
    recorded(desk::entitlement, &body, |request, on, faults| request.check(Some(&sen(cause)), None, on, faults))
}

/// Sold before, and brought in by the desk.
pub(crate) fn license_imported() -> Entitlement {
    brought_in("server", "tracker-server", 25, "2027-01-01")
}

pub(crate) fn holding() -> GovernmentSubscription {
    let government = brought_in("government", "tracker-government-cloud", 500, "2027-06-30");
    GovernmentSubscription::of(&government, &policy()).expect("it is a government subscription")
}

/// That the desk has changed a record.
pub(crate) fn audit_entry() -> AuditEntry {
    let record = |partner: &Partner| serde_json::to_value(partner).expect("JSON");
    let mut next = partner();
    next.memberships[1].until = Some(date(2027, 1, 1));
    next.advance();
    AuditEntry {
        partition: next.key().partition,
        at: at(0),
        by: STAFF.to_owned(),
        email: Some("dana@vendor.example".to_owned()),
        action: "record".to_owned(),
        before: Some(record(&partner())),
        after: Some(record(&next)),
        reason: None,
        key_id: None,
        ip: None,
        unique: "u1".to_owned(),
    }
}

/// Published by the desk, after the vendor's folder was.
pub(crate) fn policy_in_force() -> PolicyInForce {
    PolicyInForce {
        version: POLICY_VERSION.to_owned(),
        published_at: at(0),
        by: STAFF.to_owned(),
        folder: Some("fedcba9876543210".to_owned()),
        sequence: 2,
    }
}

pub(crate) fn policy_proposal() -> PolicyProposal {
    let email = Some("dana@vendor.example".to_owned());
    PolicyProposal { version: POLICY_VERSION.to_owned(), proposed_at: at(0), by: STAFF.to_owned(), email, sequence: 2 }
}

/// The offer for a request, when this is known. Members of a programme are signed in.
fn offer_of(request: &Value, facts: &Facts, minutes: i64) -> Offer {
    let subject = facts.partner.as_ref().map(|_| "member-1".to_owned());
    let body = QuoteBody::read(request.to_string().as_bytes()).expect("JSON");
    let link_keys = LinkKeys::parse("k1:0123456789abcdef").expect("a key");
    let issue = IssueContext {
        origin: Origin { at: at(minutes), ip: Some(IpAddr::from([192, 0, 2, 1])), subject, email: None },
        request_hash: format!("{:064x}", request.to_string().len()),
        link_key: link_keys.current(),
    };
    let offer = Offer::make(&body.request, body.faults, facts, &policy(), &issue).expect("the request is in order");
    Offer { policy_version: POLICY_VERSION.to_owned(), ..offer }
}

fn offer(request: &Value, minutes: i64) -> Offer {
    offer_of(request, &Facts::default(), minutes)
}

/// A reseller buys a term licence, a perpetual one and a subscription for a customer.
pub(crate) fn issued() -> Quote {
    Quote::issue(number(), offer(&tests::example(), 0), Some("c0ffee".repeat(10)))
}

/// A customer buys for itself, and says no more than it must.
pub(crate) fn issued_plainly() -> Quote {
    let mut request = tests::example();
    let members = request.as_object_mut().expect("an object");
    for member in ["reseller", "po_number", "notes", "locale"] {
        members.remove(member);
    }
    request["purchasing_for"] = json!("self");
    request["accept"] = json!({"terms": "2026-10"});
    Quote::issue(number(), offer(&request, 0), None)
}

/// What is on record when a member of a programme orders for a customer that has much already.
fn everything_known() -> Facts {
    let held = [
        license_imported(),
        brought_in("renewed", "tracker-data-center", 500, "2027-01-31"),
        brought_in("upgraded", "tracker-data-center", 500, "2027-03-31"),
        brought_in("extended", "tracker-data-center", 500, "2027-05-31"),
        brought_in("lowered", "tracker-data-center", 1_000, "2026-12-31"),
        brought_in("moved", "tracker-server", 100, "2027-06-30"),
        brought_in("moved whole", "tracker-data-center", 500, "2027-06-30"),
    ];
    let mut held: Vec<_> = held.into();
    // Another reseller has sold this one.
    held[1].statement.partner = None;
    Facts {
        organization: Some(RESELLER.to_owned()),
        partner: Some(partner()),
        entitlements: held.into_iter().map(|it| (it.sen.clone(), it)).collect(),
        evidence: [("EV-1".to_owned(), evidence_of_a_domain())].into(),
        certificates: [(VAT_ID.to_owned(), vat_id())].into(),
        sites: [("acme.cloud.example".to_owned(), site())].into(),
        government_subscriptions: Vec::new(),
    }
}

/// A partner renews, upgrades and moves what a non-profit customer has: every step of a price, every note, a tax note.
pub(crate) fn renewal_and_upgrade() -> Quote {
    let new = |product: &str, users: u32| json!({"kind": "new", "product": product, "users": users, "term_months": 12});
    let lines = json!([
        {"kind": "renewal", "sen": sen("server")},
        {"kind": "renewal", "sen": sen("renewed"), "term_months": 24},
        {"kind": "upgrade", "sen": sen("upgraded"), "users": 1_000},
        {"kind": "renew_and_upgrade", "sen": sen("extended"), "users": 600, "term_months": 12},
        {"kind": "downgrade_at_renewal", "sen": sen("lowered"), "users": 500, "term_months": 12},
        with(&new("tracker-cloud", 200), [("/migrates_from", json!(sen("moved")))]),
        with(&new("tracker-cloud", 10), [("/migrates_from", json!(sen("moved whole")))]),
        with(&new("tracker-cloud", 25), [("/migrates_from", json!(sen("nobody has it")))]),
        with(&new("tracker-service-desk", 25), [("/edition", json!("premium"))]),
    ]);
    let changes = [
        ("/lines", lines),
        ("/segments", json!([{"segment": "nonprofit", "evidence": "EV-1"}])),
        ("/tax", json!({"vat_id": VAT_ID})),
    ];
    Quote::issue(number(), offer_of(&with(&tests::example(), changes), &everything_known(), 0), None)
}

/// Licences shall end on one date, and a claim is not verified yet: a person must look first.
pub(crate) fn in_review() -> Quote {
    let changes = [
        ("/lines", json!([{"kind": "coterm", "sen": sen("upgraded"), "until": "2027-06-30"}])),
        ("/segments", json!([{"segment": "academic", "document": "mine.pdf"}])),
    ];
    Quote::issue(number(), offer_of(&with(&tests::example(), changes), &everything_known(), 0), Some("c0ffee".repeat(10)))
}

/// A new subscription for a cloud site that exists: the vendor's team quotes it.
pub(crate) fn for_a_site() -> Quote {
    let (site, new) = (site(), json!({"kind": "new", "product": "tracker-cloud", "users": 100, "term_months": 12}));
    let line = with(&new, [("/site", json!(site.host)), ("/contact", json!(site.contacts[0].contact.email.as_str()))]);
    Quote::issue(number(), offer_of(&with(&tests::example(), [("/lines", json!([line]))]), &everything_known(), 0), None)
}

fn decided(change: Result<Option<Change>, Refusal>) -> Quote {
    change.expect("it is in review").expect("no decision so far").next
}

/// Staff approve after a number of minutes.
fn yes(quote: &Quote, approval: &Approval, minutes: i64) -> Quote {
    let policy = Policy { version: POLICY_VERSION.to_owned(), ..policy() };
    decided(quote.approve(REVIEWER, approval, &everything_known().evidence, &policy, at(minutes)))
}

/// It is issued without the discount that nothing proves.
pub(crate) fn approved() -> Quote {
    let reason = "The certificate is from 2019.".to_owned();
    yes(&in_review(), &Approval { reason, list_price: true, ..Approval::default() }, 3 * 24 * 60)
}

/// It is issued with the discount, for the evidence is on record by now.
pub(crate) fn approved_and_proven() -> Quote {
    let claim = json!([{"segment": "nonprofit", "registration_number": "12-3456789", "country": "US"}]);
    let quote = Quote::issue(number(), offer_of(&with(&tests::example(), [("/segments", claim)]), &everything_known(), 0), None);
    let reason = "It is in the register.".to_owned();
    yes(&quote, &Approval { reason, evidence: vec!["EV-1".to_owned()], list_price: false }, 24 * 60)
}

pub(crate) fn rejected() -> Quote {
    decided(in_review().reject(REVIEWER, "We could not verify it.", at(3 * 24 * 60)))
}

/// A credit covers everything: the approval states that the quote is paid.
pub(crate) fn approved_with_nothing_to_pay() -> Quote {
    let line = json!({
        "kind": "new", "product": "tracker-cloud", "users": 10, "term_months": 12, "migrates_from": sen("moved whole"),
    });
    let request = with(&tests::example(), [("/lines", json!([line]))]);
    let quote = Quote::issue(number(), offer_of(&request, &everything_known(), 0), None);
    yes(&quote, &Approval { reason: "It moves to the cloud.".to_owned(), ..Approval::default() }, 60)
}

pub(crate) fn payment() -> PaymentId {
    PaymentId::new("stripe", "pi_golden")
}

pub(crate) fn notice(minutes: i64, quote: &Quote, event: PaymentEvent) -> PaymentNotice {
    let reference = Some(Reference { quote: quote.number.clone(), revision: NamedRevision::Stated(quote.offer.revision) });
    PaymentNotice { id: format!("evt_golden_{minutes}"), payment: payment(), at: at(minutes), reference, event }
}

fn money_of(quote: &Quote) -> PaymentEvent {
    PaymentEvent::Succeeded { money: quote.offer.due(), methods: vec![PaidBy::Card] }
}

/// The quote and the receipt after a notice.
fn after(quote: &Quote, receipt: Option<&Receipt>, notice: &PaymentNotice) -> (Quote, Option<Receipt>) {
    let settlement = settle(notice, receipt, Some(quote), notice.at + SignedDuration::from_secs(2));
    (settlement.quote.expect("the quote changes").next, settlement.receipt)
}

/// After a failed attempt, which leaves the quote issued, it is paid.
pub(crate) fn paid() -> (Quote, Receipt) {
    let quote = issued();
    let (quote, _) = after(&quote, None, &notice(10, &quote, PaymentEvent::Failed { reason: "card_declined".to_owned() }));
    let (quote, receipt) = after(&quote, None, &notice(20, &quote, money_of(&quote)));
    (quote, receipt.expect("a receipt"))
}

/// It, with a licence file, if there is one for its kind.
fn signed(entitlement: Entitlement) -> Entitlement {
    let text = "-----BEGIN LICENSE FILE-----\nZ29sZGVu\n-----END LICENSE FILE-----\n".to_owned();
    let file = (entitlement.kind != Kind::Subscription).then(|| LicenseKey { key_id: "golden".to_owned(), text });
    let statement = license::Statement { file, ..entitlement.statement.clone() };
    Entitlement { statement, ..entitlement }
}

fn entitlements() -> Vec<Entitlement> {
    let (quote, _) = paid();
    let on = quote.deliverable_since().expect("it is paid");
    let owed = |line| signed(fulfilment::new_entitlement(&quote, line, on, at(21), minter().sen(&quote.number, line.line, 0)));
    quote.offer.lines.iter().map(owed).collect()
}

pub(crate) fn entitlement(kind: Kind) -> Entitlement {
    entitlements().into_iter().find(|entitlement| entitlement.kind == kind).expect("the example has all kinds")
}

/// The desk has brought it in, and quotes have renewed it twice.
pub(crate) fn license_renewed() -> Entitlement {
    let quote = renewal_and_upgrade();
    let (quote, _) = after(&quote, None, &notice(20, &quote, money_of(&quote)));
    let (on, line) = (quote.deliverable_since().expect("it is paid"), &quote.offer.lines[0]);
    let again = Quote { number: minter().quote_from_seed("again"), ..quote.clone() };
    let granted = |to: Entitlement, quote: &Quote, at| {
        signed(to.granted(quote, line, on, at).expect("the entitlement is unchanged").expect("it is not in it yet"))
    };
    granted(granted(license_imported(), &quote, at(21)), &again, at(22))
}

/// It was credited to a subscription in the cloud.
pub(crate) fn license_migrated() -> Entitlement {
    let moved = brought_in("moved", "tracker-server", 100, "2027-06-30").migrated(&number(), date(2026, 11, 22));
    moved.expect("nothing closes it").expect("it is not marked yet")
}

/// A lower tier is bought for the next term, which has not begun.
pub(crate) fn license_lowered() -> Entitlement {
    let quote = renewal_and_upgrade();
    let (quote, _) = after(&quote, None, &notice(20, &quote, money_of(&quote)));
    let (on, line) = (quote.deliverable_since().expect("it is paid"), &quote.offer.lines[4]);
    let lowered = brought_in("lowered", "tracker-data-center", 1_000, "2026-12-31").granted(&quote, line, on, at(21));
    signed(lowered.expect("the entitlement is unchanged").expect("it is not in it yet"))
}

/// The money of the quote that sold it went back.
pub(crate) fn license_refunded() -> Entitlement {
    entitlement(Kind::Term).without(&number()).expect("it is not marked yet")
}

/// Another quote has changed what this one was priced for.
pub(crate) fn withheld() -> Quote {
    paid().0.withhold(1, Withheld::EntitlementChanged, at(21)).expect("it is pending").next
}

pub(crate) fn delivered() -> Quote {
    let (quote, _) = paid();
    let entitlements = entitlements().iter().map(|it| Delivered::of(&quote, it.statement.line, it)).collect();
    let delivery = Delivery { invoice: InvoiceNumber::new("IN", 1), invoiced_on: date(2026, 11, 22), entitlements };
    quote.deliver(delivery, at(22)).expect("it is pending").next
}

fn all_of(quote: &Quote) -> PaymentEvent {
    PaymentEvent::Refunded { total: quote.offer.due() }
}

/// All money went back after the delivery.
pub(crate) fn refunded() -> (Quote, Receipt) {
    let (_, receipt) = paid();
    let quote = delivered();
    let (quote, receipt) = after(&quote, Some(&receipt), &notice(60, &quote, all_of(&quote)));
    (quote, receipt.expect("a receipt"))
}

/// The payer's bank withdrew the money after the delivery.
pub(crate) fn withdrawn() -> (Quote, Receipt) {
    let (_, receipt) = paid();
    let quote = delivered();
    let news = PaymentEvent::ChargedBack { dispute: "dp_golden".to_owned(), money: quote.offer.due() };
    let (quote, receipt) = after(&quote, Some(&receipt), &PaymentNotice { reference: None, ..notice(60, &quote, news) });
    (quote, receipt.expect("a receipt"))
}

/// The refund was reported first: nothing was ever delivered.
pub(crate) fn refunded_before_delivery() -> Quote {
    let quote = issued();
    let awaited = awaited();
    after(&quote, Some(&awaited), &notice(20, &quote, money_of(&quote))).0
}

pub(crate) fn revised() -> Quote {
    let mut request = tests::example();
    request["lines"][0]["users"] = json!(1_000);
    issued().revise(offer(&request, 30)).expect("it is not paid").expect("it is another request").next
}

pub(crate) fn awaited() -> Receipt {
    let quote = issued();
    let notice = notice(15, &quote, all_of(&quote));
    settle(&notice, None, Some(&quote), notice.at).receipt.expect("a receipt")
}

/// A refund failed after it was recorded, and staff have closed the matter.
pub(crate) fn closed() -> Receipt {
    let (quote, receipt) = refunded();
    let failed =
        PaymentEvent::RefundUpdated { refund: "re_golden".to_owned(), money: quote.offer.due(), state: RefundState::Failed };
    let notice = notice(70, &quote, failed);
    let reported = settle(&notice, Some(&receipt), Some(&quote), notice.at).receipt.expect("a report");
    let reason = "Sent again by bank transfer.".to_owned();
    let by = Closed { at: at(80), by: "staff-1".to_owned(), email: Some("dana@vendor.example".to_owned()), reason };
    reported.close(by).expect("a person must look at it")
}

/// A mailbox from which a letter came back, and whose owner has complained; a receipt was withheld.
pub(crate) fn suppression() -> Suppression {
    let mail = json!({"timestamp": at(1), "messageId": "ses-1", "destination": ["rita@reseller.example"]});
    let recipient = json!({"emailAddress": "rita@reseller.example", "diagnosticCode": "smtp; 550 5.1.1 no such user"});
    let bounce = json!({
        "eventType": "Bounce", "mail": mail,
        "bounce": {
            "bounceType": "Permanent", "bounceSubType": "NoEmail", "bouncedRecipients": [recipient],
            "timestamp": at(2), "feedbackId": "f-1",
        },
    });
    let complaint = json!({
        "notificationType": "Complaint", "mail": mail,
        "complaint": {"complainedRecipients": [], "timestamp": at(3), "feedbackId": "f-2"},
    });
    let reports = [bounce, complaint].map(|event| match Message::read(&event.to_string()).expect("an event of SES") {
        Message::Reports(mut reports) => reports.remove(0),
        Message::Other => panic!("{event} is about a mailbox"),
    });
    let to = reports[0].address.clone();
    let mailbox = MailboxId::of(&minter(), &to);
    let recorded = reports.iter().fold(None, |before, report| match Suppression::record(before.as_ref(), &mailbox, report) {
        Recorded::Write(next) => Some(next),
        Recorded::Known => panic!("{report:?} is new"),
    });
    let letter =
        WithheldLetter { quote: number(), entry: 3, role: "receipt".to_owned(), class: LetterClass::Purchase, to, at: at(40) };
    match recorded.expect("a record").withhold(&letter) {
        Withholding::List(next) => next,
        other => panic!("{other:?}"),
    }
}

/// Staff have lifted the suppression, and the receipt is about to be sent.
pub(crate) fn suppression_lifted() -> Suppression {
    let (by, email) = (STAFF.to_owned(), Some("dana@vendor.example".to_owned()));
    suppression()
        .lift(Lifted { at: at(90), by, email, reason: "The mailbox exists again.".to_owned() })
        .expect("it is suppressed")
}

/// Money that pays nothing.
pub(crate) fn unapplied(notice: &PaymentNotice, quote: Option<&Quote>) -> Receipt {
    settle(notice, None, quote, notice.at).receipt.expect("a receipt")
}
