//! Which bodies become records, and the faults of the others, with the example vendor's policy.

use contract::desk::{self, RecordBody};
use domain::{
    Code, Policy, Refusal, Sen,
    channel::Partner,
    evidence::{SegmentEvidence, Site, TaxCertificate},
    fault::Faults,
    government::GovernmentSubscription,
    license::{Entitlement, Kind},
    records::{Record, RecordContext},
};
use jiff::{Timestamp, civil::date};
use runtime::Vendor;
use serde_json::{Value, json};

const SEN: &str = "SEN-4MRX7-PQ2HVW";

fn policy() -> Policy {
    let vendor = Vendor::open(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/vendor")).expect("the example vendor");
    vendor.policy().unwrap_or_else(|mistakes| panic!("{mistakes}"))
}

fn noon(day: &str) -> Timestamp {
    format!("{day}T12:00:00Z").parse().expect("a day")
}

/// The record that `by` sends on a day, or its faults.
fn judge<T, R>(
    read: fn(&[u8]) -> Result<RecordBody<R>, Refusal>,
    body: &Value,
    (by, day): (&str, &str),
    rules: impl FnOnce(&R, &RecordContext<'_>, &mut Faults) -> Option<T>,
) -> Result<T, Vec<(Code, String)>> {
    let policy = policy();
    let on = RecordContext { policy: &policy, by, at: noon(day) };
    let judged = read(body.to_string().as_bytes()).and_then(|body| body.judge(|request, faults| rules(request, &on, faults)));
    judged.map_err(|refusal| refusal.faults.into_iter().map(|fault| (fault.code, fault.pointer)).collect())
}

const ANNA: (&str, &str) = ("anna", "2026-11-22");
const BERT: (&str, &str) = ("bert", "2026-11-23");

fn partner(body: &Value) -> Result<Partner, Vec<(Code, String)>> {
    judge(desk::partner, body, ANNA, |request, on, faults| request.check("Example Reseller", None, on, faults))
}

fn evidence(body: &Value, before: Option<&SegmentEvidence>, who: (&str, &str)) -> Result<SegmentEvidence, Vec<(Code, String)>> {
    judge(desk::evidence, body, who, |request, on, faults| request.check("EV-1", before, on, faults))
}

fn certificate(id: &str, body: &Value) -> Result<TaxCertificate, Vec<(Code, String)>> {
    judge(desk::certificate, body, ANNA, |request, on, faults| request.check(id, None, on, faults))
}

fn site(body: &Value) -> Result<Site, Vec<(Code, String)>> {
    judge(desk::site, body, ANNA, |request, _, faults| request.check("acme.cloud.example", None, faults))
}

fn entitlement(body: &Value, before: Option<&Entitlement>) -> Result<Entitlement, Vec<(Code, String)>> {
    let sen: Sen = SEN.parse().expect("a number");
    judge(desk::entitlement, body, ANNA, |request, on, faults| request.check(Some(&sen), before, on, faults))
}

/// `body` with `value` at `pointer`. `null` is the same as an absent member.
fn with(body: &Value, pointer: &str, value: Value) -> Value {
    let mut body = body.clone();
    match body.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => body[pointer.trim_start_matches('/')] = value,
    }
    body
}

fn at(faults: &[(Code, &str)]) -> Vec<(Code, String)> {
    faults.iter().map(|(code, pointer)| (*code, (*pointer).to_owned())).collect()
}

fn a_partner() -> Value {
    json!({
        "name": "Example Reseller Ltd",
        "memberships": [
            { "programme": "corporate_reseller", "from": "2026-01-01", "until": "2027-01-01" },
            { "programme": "partner", "tier": "gold", "from": "2027-01-01" },
        ],
    })
}

fn some_evidence() -> Value {
    json!({
        "segment": "nonprofit",
        "organization": "Example Charity",
        "registration_number": "12-3456789",
        "country": "US",
        "expires": "2027-11-22",
    })
}

fn a_certificate() -> Value {
    json!({
        "kind": "resale",
        "organization": "Example Reseller Ltd",
        "country": "US",
        "region": "CA",
        "number": "SR-101",
        "from": "2026-01-01",
        "expires": "2027-01-01",
    })
}

fn a_vat_id() -> Value {
    json!({
        "kind": "vat_id",
        "organization": "Beispiel GmbH",
        "country": "DE",
        "from": "2026-01-01",
        "expires": "2027-01-01",
    })
}

fn a_site() -> Value {
    json!({
        "organization": "Acme Inc.",
        "contacts": [
            { "role": "billing", "name": "Bea", "email": "bea@acme.example" },
            { "role": "admin", "name": "Adam", "email": "adam@acme.example" },
        ],
        "entitlements": [SEN],
    })
}

fn an_entitlement() -> Value {
    json!({
        "product": "tracker-server",
        "tier": 25,
        "licensee": "Acme Inc.",
        "technical_contact": { "name": "Tess", "email": "tess@acme.example" },
        "purchaser": {
            "company": "Example Reseller Ltd",
            "contact": { "name": "Rob", "email": "rob@reseller.example" },
            "organization": "Example Reseller",
        },
        "purchased": "2026-02-28",
        "end": "2027-02-28",
    })
}

#[test]
fn r4_an_organisation_is_enrolled_in_programmes_of_the_policy() {
    let enrolled = partner(&a_partner()).unwrap();
    assert_eq!(enrolled.status(date(2026, 12, 31)).as_str(), "corporate_reseller");
    assert_eq!(enrolled.status(date(2027, 1, 1)).as_str(), "partner");
    assert_eq!(enrolled.status(date(2025, 12, 31)).as_str(), "unaffiliated");

    let wrong = json!({
        "memberships": [
            { "programme": "unknown", "from": "2026-01-01" },
            { "programme": "partner", "from": "2027-01-01", "until": "2027-01-01" },
            { "programme": "partner", "tier": "tin", "from": "soon" },
            { "programme": "corporate_reseller", "tier": "gold" },
        ],
    });
    let expected = at(&[
        (Code::Required, "/name"),
        (Code::ValueInvalid, "/memberships/0/programme"),
        (Code::ValueInvalid, "/memberships/1/until"),
        (Code::Required, "/memberships/1/tier"),
        (Code::ValueInvalid, "/memberships/2/from"),
        (Code::ValueInvalid, "/memberships/2/tier"),
        (Code::Required, "/memberships/3/from"),
        (Code::NotExpected, "/memberships/3/tier"),
    ]);
    assert_eq!(partner(&wrong), Err(expected));
}

#[test]
fn r4_memberships_never_share_a_day() {
    let overlapping = with(&a_partner(), "/memberships/1/from", json!("2026-12-31"));
    assert_eq!(partner(&overlapping), Err(at(&[(Code::ValueInvalid, "/memberships/1")])));
    let endless = with(&a_partner(), "/memberships/0/until", Value::Null);
    assert_eq!(partner(&endless), Err(at(&[(Code::ValueInvalid, "/memberships/1")])));
}

#[test]
fn r59_evidence_has_every_member_that_the_segment_requires() {
    assert!(evidence(&some_evidence(), None, ANNA).is_ok());
    for missing in ["/registration_number", "/country"] {
        let wrong = with(&some_evidence(), missing, Value::Null);
        assert_eq!(evidence(&wrong, None, ANNA), Err(at(&[(Code::Required, missing)])));
    }
    let academic = with(&some_evidence(), "/segment", json!("academic"));
    assert_eq!(evidence(&academic, None, ANNA), Err(at(&[(Code::Required, "/document")])));
    assert!(evidence(&with(&academic, "/document", json!("DMS-7")), None, ANNA).is_ok());
    for unprovable in ["cloud_migration", "pirates"] {
        let wrong = with(&some_evidence(), "/segment", json!(unprovable));
        assert_eq!(evidence(&wrong, None, ANNA), Err(at(&[(Code::SegmentUnknown, "/segment")])));
    }
    let wrong = json!({
        "segment": "nonprofit",
        "organization": "Turned\u{202E}around",
        "registration_number": "1",
        "country": "Atlantis",
        "verified_on": "2026-11-23",
        "expires": "2026-11-22",
    });
    assert_eq!(
        evidence(&wrong, None, ANNA),
        Err(at(&[(Code::ValueInvalid, "/organization"), (Code::CountryUnknown, "/country")]))
    );
    let wrong = with(&with(&wrong, "/organization", json!("Acme")), "/country", json!("US"));
    let expected = at(&[(Code::ValueInvalid, "/verified_on"), (Code::ValueInvalid, "/expires")]);
    assert_eq!(evidence(&wrong, None, ANNA), Err(expected));
}

#[test]
fn r58_sending_the_same_evidence_again_does_not_verify_it_again() {
    let mut first = evidence(&some_evidence(), None, ANNA).unwrap();
    first.advance();
    assert_eq!((&*first.verified_by, first.verified_on, first.version), ("anna", date(2026, 11, 22), 1));
    assert_eq!(evidence(&some_evidence(), Some(&first), BERT), Ok(first.clone()));

    let longer = evidence(&with(&some_evidence(), "/expires", json!("2028-11-22")), Some(&first), BERT).unwrap();
    assert_eq!((&*longer.verified_by, longer.verified_on), ("bert", date(2026, 11, 23)));
    let again = evidence(&with(&some_evidence(), "/verified_on", json!("2026-11-23")), Some(&first), BERT).unwrap();
    assert_eq!(again.verified_by, "bert");
}

#[test]
fn r91_a_certificate_is_valid_only_where_its_kind_is_used() {
    let resale = certificate("C-1", &a_certificate()).unwrap();
    assert_eq!((resale.region.as_deref(), &*resale.number, &*resale.verified_by), (Some("US-CA"), "SR-101", "anna"));

    let wrong = |pointer: &str, value: Value| certificate("C-1", &with(&a_certificate(), pointer, value));
    assert_eq!(wrong("/kind", json!("charm")), Err(at(&[(Code::ValueInvalid, "/kind")])));
    assert_eq!(wrong("/country", json!("CA")), Err(at(&[(Code::RegionUnknown, "/region"), (Code::ValueInvalid, "/country")])));
    assert_eq!(wrong("/region", json!("US-ZZ")), Err(at(&[(Code::RegionUnknown, "/region")])));
    assert_eq!(wrong("/number", Value::Null), Err(at(&[(Code::Required, "/number")])));
    assert_eq!(wrong("/expires", json!("2025-12-31")), Err(at(&[(Code::ValueInvalid, "/expires")])));
}

#[test]
fn r91_the_reference_of_a_vat_id_is_its_canonical_spelling() {
    assert_eq!(certificate("DE136695976", &a_vat_id()).unwrap().number, "DE136695976");
    for id in ["de136695976", "DE-136-695-976", "DE136695970", "C-1"] {
        assert_eq!(certificate(id, &a_vat_id()), Err(at(&[(Code::ValueInvalid, "/kind")])), "{id}");
    }
    let wrong = |pointer: &str, value: Value| certificate("DE136695976", &with(&a_vat_id(), pointer, value));
    assert!(wrong("/number", json!("DE 136 695 976")).is_ok());
    assert_eq!(wrong("/number", json!("FR40303265045")), Err(at(&[(Code::ValueInvalid, "/number")])));
    assert_eq!(wrong("/country", json!("FR")), Err(at(&[(Code::ValueInvalid, "/country")])));
    assert_eq!(wrong("/region", json!("BY")), Err(at(&[(Code::NotExpected, "/region")])));
    let greek = with(&a_vat_id(), "/country", json!("GR"));
    assert_eq!(certificate("EL094259216", &greek).unwrap().country, "GR");
}

#[test]
fn r31_a_site_names_people_in_three_roles_and_no_other() {
    let known = site(&a_site()).unwrap();
    assert!(known.authorizes(&known.contacts[1].contact.email));
    assert_eq!(known.entitlements, [SEN.parse().unwrap()]);

    let wrong = json!({
        "organization": "Acme Inc.",
        "contacts": [{ "role": "member", "name": "Mo", "email": "mo@acme.example" }, { "role": "admin", "email": "no address" }],
        "entitlements": [SEN, "SEN-4MRX7-PQ2HVK", SEN.to_lowercase(), 7],
    });
    let expected = at(&[
        (Code::WrongType, "/entitlements/3"),
        (Code::ValueInvalid, "/contacts/0/role"),
        (Code::Required, "/contacts/1/name"),
        (Code::EmailInvalid, "/contacts/1/email"),
        (Code::ValueInvalid, "/entitlements/1"),
        (Code::NotExpected, "/entitlements/2"),
    ]);
    assert_eq!(site(&wrong), Err(expected));
    assert_eq!(site(&with(&a_site(), "/contacts", json!([]))), Err(at(&[(Code::Required, "/contacts")])));
    let crowd = vec![a_site()["contacts"][0].clone(); 101];
    assert_eq!(site(&with(&a_site(), "/contacts", json!(crowd))), Err(at(&[(Code::ValueInvalid, "/contacts")])));
}

#[test]
fn an_imported_entitlement_has_no_quote_and_no_key() {
    let perpetual = entitlement(&an_entitlement(), None).unwrap();
    assert_eq!(
        (perpetual.kind, perpetual.statement.quote.is_none(), perpetual.statement.file.is_none()),
        (Kind::Perpetual, true, true)
    );
    assert_eq!((perpetual.statement.maintenance_end, perpetual.statement.term_end), (Some(date(2027, 2, 28)), None));
    assert_eq!(perpetual.statement.partner.as_deref(), Some("Example Reseller"));

    let cloud = with(&an_entitlement(), "/product", json!("tracker-cloud"));
    let cloud = entitlement(&cloud, None).unwrap();
    assert_eq!(
        (cloud.kind, cloud.statement.maintenance_end, cloud.statement.term_end),
        (Kind::Subscription, None, Some(date(2027, 2, 28)))
    );

    let ended = with(&an_entitlement(), "/end", json!("2026-03-01"));
    assert!(entitlement(&ended, None).is_ok(), "an entitlement that has ended can still be renewed");
}

#[test]
fn an_import_reports_all_faults_at_once() {
    let wrong = json!({
        "product": "tracker-server",
        "edition": "premium",
        "tier": 25,
        "licensee": " ",
        "technical_contact": { "name": "Tess" },
        "purchaser": { "contact": { "name": "Rob", "email": "rob" }, "vat": "x" },
        "purchased": "2026-11-23",
        "end": "2036-11-23",
        "key": "mine",
    });
    let expected = at(&[
        (Code::UnknownMember, "/purchaser/vat"),
        (Code::UnknownMember, "/key"),
        (Code::NotExpected, "/edition"),
        (Code::Required, "/licensee"),
        (Code::Required, "/technical_contact/email"),
        (Code::Required, "/purchaser/company"),
        (Code::EmailInvalid, "/purchaser/contact/email"),
        (Code::ValueInvalid, "/purchased"),
        (Code::ValueInvalid, "/end"),
    ]);
    assert_eq!(entitlement(&wrong, None), Err(expected));

    let not_later = with(&an_entitlement(), "/end", json!("2026-02-28"));
    assert_eq!(entitlement(&not_later, None), Err(at(&[(Code::ValueInvalid, "/end")])));
}

#[test]
fn a_line_without_a_number_reports_its_other_faults_too() {
    let line = |sen: Value| {
        let line = with(&with(&an_entitlement(), "/tier", json!(26)), "/sen", sen);
        let policy = policy();
        let on = RecordContext { policy: &policy, by: "anna", at: noon("2026-11-22") };
        let (sen, body) = desk::entitlement_line(line.to_string().as_bytes()).unwrap();
        assert_eq!(sen, None);
        let refusal = body.judge(|request, faults| request.check(None, None, &on, faults)).err().unwrap();
        refusal.faults.into_iter().map(|fault| (fault.code, fault.pointer)).collect::<Vec<_>>()
    };
    for (sen, code) in [(Value::Null, Code::Required), (json!("L-1"), Code::ValueInvalid), (json!(7), Code::WrongType)] {
        assert_eq!(line(sen), at(&[(code, "/sen"), (Code::NoTierForQuantity, "/tier")]));
    }
}

#[test]
fn product_edition_and_tier_of_an_import_are_in_the_policy() {
    let of = |product: &str, edition: Value, tier: i64| {
        let body = with(&with(&an_entitlement(), "/product", json!(product)), "/tier", json!(tier));
        entitlement(&with(&body, "/edition", edition), None).map(|entitlement| entitlement.statement.tier)
    };
    assert_eq!(of("tracker-service-desk", json!("premium"), 100), Ok(100));
    assert_eq!(of("tracker-cloud-monthly", Value::Null, 37), Ok(37), "by the month, any number of users");
    assert_eq!(of("abacus", Value::Null, 25), Err(at(&[(Code::ProductUnknown, "/product")])));
    assert_eq!(of("tracker-service-desk", Value::Null, 100), Err(at(&[(Code::Required, "/edition")])));
    assert_eq!(of("tracker-service-desk", json!("gold"), 100), Err(at(&[(Code::EditionUnknown, "/edition")])));
    assert_eq!(of("tracker-server", Value::Null, 26), Err(at(&[(Code::NoTierForQuantity, "/tier")])));
    for none in [0, -25, i64::MAX] {
        assert_eq!(of("tracker-server", Value::Null, none), Err(at(&[(Code::QuantityInvalid, "/tier")])), "{none}");
    }
}

#[test]
fn importing_again_keeps_the_members_that_the_sender_cannot_set() {
    let mut first = entitlement(&an_entitlement(), None).unwrap();
    first.advance();
    first.statement.issued_at = noon("2026-06-01");
    first.product_name = "Tracker, as it was called".to_owned();
    first.migrated_by = Some("Q-2222-22222".parse().unwrap());
    assert_eq!(entitlement(&an_entitlement(), Some(&first)), Ok(first.clone()));

    let larger = entitlement(&with(&an_entitlement(), "/tier", json!(100)), Some(&first)).unwrap();
    first.statement.tier = 100;
    assert_eq!(larger, first);
}

#[test]
fn an_import_does_not_replace_an_entitlement_that_a_quote_has_sold() {
    let mut sold = entitlement(&an_entitlement(), None).unwrap();
    sold.statement.quote = Some("Q-2222-22222".parse().unwrap());
    assert_eq!(entitlement(&an_entitlement(), Some(&sold)), Err(at(&[(Code::RecordChanged, "")])));
}

#[test]
fn r106_only_a_subscription_to_a_government_product_is_recorded_as_one() {
    let body = with(&with(&an_entitlement(), "/product", json!("tracker-government-cloud")), "/tier", json!(500));
    let government = entitlement(&body, None).unwrap();
    let held = GovernmentSubscription::of(&government, &policy()).unwrap();
    assert_eq!((&*held.product, &*held.licensee, held.end), ("tracker-government-cloud", "Acme Inc.", date(2027, 2, 28)));
    assert_eq!(GovernmentSubscription::of(&entitlement(&an_entitlement(), None).unwrap(), &policy()), None);
}
