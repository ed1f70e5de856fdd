//! What is refused, where, and that a refusal leaves nothing behind (R6, R18–R21, E2).

use std::collections::BTreeSet;

use domain::Code;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{NOW, World, errors, example, imported, pdf, sen, vendor_with, with};

/// A member of the example that is replaced — taken away by `null` — and the code that is noted at just that place.
fn one_fault_each() -> Vec<(&'static str, Value, &'static str)> {
    let long = |characters: usize| Value::from("ä".repeat(characters));
    vec![
        ("/purchasing_for", Value::Null, "required"),
        ("/purchasing_for", json!(true), "wrong_type"),
        ("/purchasing_for", json!("reseller"), "value_invalid"),
        ("/currency", Value::Null, "required"),
        ("/currency", json!("CHF"), "currency_not_offered"),
        ("/currency", json!("dollars"), "currency_not_offered"),
        ("/reseller", Value::Null, "required"),
        ("/reseller", json!([]), "wrong_type"),
        ("/reseller/technical_contact", json!({"name": "Rita", "email": "rita@reseller.example"}), "not_expected"),
        ("/reseller/discount", json!(15), "unknown_member"),
        ("/customer", Value::Null, "required"),
        ("/customer", json!("Example Customer Inc."), "wrong_type"),
        ("/customer/company", Value::Null, "required"),
        ("/customer/company", json!(" \n "), "required"),
        ("/customer/company", json!(7), "wrong_type"),
        ("/customer/company", long(121), "value_invalid"),
        ("/customer/company", json!("Example\u{202e}Customer"), "value_invalid"),
        ("/customer/contact/name", Value::Null, "required"),
        ("/customer/contact/email", Value::Null, "required"),
        ("/customer/contact/email", json!("carl.customer.example"), "email_invalid"),
        ("/customer/contact/email", json!("carl@customer.example, eve@customer.example"), "email_invalid"),
        ("/customer/address/street", Value::Null, "required"),
        ("/customer/address/city", Value::Null, "required"),
        ("/customer/address/postal_code", long(21), "value_invalid"),
        ("/customer/address/country", Value::Null, "required"),
        ("/customer/address/country", json!("ZZZ"), "country_unknown"),
        ("/customer/address/region", Value::Null, "required"),
        ("/customer/address/region", json!("US-BE"), "region_unknown"),
        ("/customer/technical_contact", Value::Null, "required"),
        ("/customer/technical_contact/name", json!(""), "required"),
        ("/customer/technical_contact/email", json!("@customer.example"), "email_invalid"),
        ("/lines", Value::Null, "line_count"),
        ("/lines", json!([]), "line_count"),
        ("/lines", vec![example()["lines"][0].clone(); 101].into(), "line_count"),
        ("/lines", json!({}), "wrong_type"),
        ("/lines/1", json!("tracker-server"), "wrong_type"),
        ("/lines/0/kind", Value::Null, "required"),
        ("/lines/0/kind", json!("rental"), "kind_not_offered"),
        ("/lines/0/product", Value::Null, "required"),
        ("/lines/0/product", json!("tracker"), "product_unknown"),
        ("/lines/0/users", Value::Null, "required"),
        ("/lines/0/users", json!("500"), "wrong_type"),
        ("/lines/0/users", json!(500.5), "wrong_type"),
        ("/lines/0/users", json!(0), "quantity_invalid"),
        ("/lines/0/users", json!(-1), "quantity_invalid"),
        ("/lines/0/users", json!(4_294_967_297_u64), "quantity_invalid"),
        ("/lines/0/users", json!(u64::MAX), "value_invalid"),
        ("/lines/0/users", json!(1e20), "value_invalid"),
        ("/lines/0/users", json!(2001), "no_tier_for_quantity"),
        ("/lines/2/users", json!(1001), "no_tier_for_quantity"),
        ("/lines/0/term_months", Value::Null, "required"),
        ("/lines/0/term_months", json!(1), "term_not_offered"),
        ("/lines/1/term_months", json!(24), "term_not_offered"),
        ("/lines/0/edition", json!("premium"), "edition_unknown"),
        ("/lines/0/until", json!("2027-06-30"), "not_expected"),
        ("/lines/2/migrates_from", json!(7), "wrong_type"),
        ("/segments", json!({}), "wrong_type"),
        ("/tax", json!("DE136695976"), "wrong_type"),
        ("/lines/0/price", json!(1), "unknown_member"),
        ("/po_number", long(41), "value_invalid"),
        // C2: no text that letters repeat sends its reader elsewhere.
        ("/reseller/contact/name", json!("URGENT: pay at https://evil.example"), "contact_details_not_allowed"),
        ("/reseller/contact/name", json!("Call 0049 30 1234567"), "contact_details_not_allowed"),
        ("/reseller/company", json!("evil.example/pay"), "contact_details_not_allowed"),
        ("/reseller/address/street", json!("Write to eve@evil.example"), "contact_details_not_allowed"),
        ("/customer/company", json!("Pay to 12345678"), "contact_details_not_allowed"),
        ("/customer/address/city", json!("www.evil.example"), "contact_details_not_allowed"),
        ("/customer/address/postal_code", json!("evil.example"), "contact_details_not_allowed"),
        ("/customer/technical_contact/name", json!("eve@evil.example"), "contact_details_not_allowed"),
        ("/po_number", json!("DE89 3704 0044 0532 0130 00"), "contact_details_not_allowed"),
        ("/notes", long(2001), "value_invalid"),
        ("/notes", json!("bell\u{7}"), "value_invalid"),
        ("/accept/terms", Value::Null, "terms_not_accepted"),
        ("/accept/terms", json!("2020-01"), "terms_not_accepted"),
        ("/accept/reseller_agreement", Value::Null, "terms_not_accepted"),
        ("/accept/terms", json!(true), "wrong_type"),
        ("/locale", json!("en_US.UTF-8"), "value_invalid"),
        ("/total", json!(1), "unknown_member"),
    ]
}

/// Requests with several faults: all are reported at once, and in the order of the request's members where they are found
/// together.
fn several_faults_each() -> Vec<(Value, Vec<(&'static str, &'static str)>)> {
    let example = example();
    let changed = |changes: &[(&'static str, Value)]| with(&example, changes.iter().cloned());
    let mut odd_name = example.clone();
    odd_name["notes/~"] = json!("a name that must be escaped in a pointer");
    vec![
        (odd_name, vec![("unknown_member", "/notes~1~0")]),
        (
            changed(&[("/accept", Value::Null)]),
            vec![("terms_not_accepted", "/accept/terms"), ("terms_not_accepted", "/accept/reseller_agreement")],
        ),
        (
            changed(&[("/purchasing_for", json!("self"))]),
            vec![("not_expected", "/reseller"), ("not_expected", "/accept/reseller_agreement")],
        ),
        (
            changed(&[("/currency", json!("EUR"))]),
            vec![("not_priced_in_currency", "/lines/1/product"), ("not_priced_in_currency", "/lines/2/product")],
        ),
        (
            changed(&[("/customer/contact", Value::Null)]),
            vec![("required", "/customer/contact/name"), ("required", "/customer/contact/email")],
        ),
        (
            json!({}),
            vec![
                ("required", "/purchasing_for"),
                ("required", "/currency"),
                ("required", "/customer"),
                ("line_count", "/lines"),
                ("terms_not_accepted", "/accept/terms"),
            ],
        ),
        (
            changed(&[
                ("/currency", json!(7)),
                ("/reseller/contact/email", json!("rita")),
                ("/customer/address/country", json!("u")),
                ("/lines/0/users", json!(0)),
                ("/lines/1/product", json!("tracker-desktop")),
                ("/lines/2/term_months", json!(13)),
                ("/coupon", json!("HALF")),
                ("/accept/terms", json!("")),
            ]),
            vec![
                ("wrong_type", "/currency"),
                ("unknown_member", "/coupon"),
                ("country_unknown", "/customer/address/country"),
                ("email_invalid", "/reseller/contact/email"),
                ("quantity_invalid", "/lines/0/users"),
                ("product_unknown", "/lines/1/product"),
                ("term_not_offered", "/lines/2/term_months"),
                ("terms_not_accepted", "/accept/terms"),
            ],
        ),
        (json!([]), vec![("wrong_type", "")]),
    ]
}

/// What the customer has, and the reseller has sold: product, tier, and the first day that is not covered.
const HELD: [(&str, u32, &str); 7] = [
    (DC, 500, "2027-01-01"),
    (DC, 1_000, "2027-01-31"),
    (DC, 1_000, "2027-06-30"),
    (DC, 500, "2026-06-30"),
    (DC, 500, "2025-06-01"),
    ("tracker-server", 25, "2027-01-01"),
    (GOVERNMENT, 500, "2027-06-30"),
];
const DC: &str = "tracker-data-center";
const GOVERNMENT: &str = "tracker-government-cloud";
/// A number that belongs to another customer.
const ANOTHERS: &str = "another customer's";

/// The number of what the customer has of a product until a day.
fn held(product: &str, tier: u32, end: &str) -> Value {
    assert!(HELD.contains(&(product, tier, end)));
    sen(&format!("{product} {tier} {end}")).into()
}

/// An order, its caller (a member of an organisation, where one is named), and the faults that it is refused for.
type Refused = (Option<&'static str>, Value, Vec<(&'static str, &'static str)>);

/// Orders about what the customer has, on 22 November 2026, and what only some may be sold.
fn about_what_there_is() -> Vec<Refused> {
    let first = held(DC, 500, "2027-01-01");
    let line = |kind: &str, sen: &Value, changes: &[(&str, Value)]| {
        let line = with(&json!({"kind": kind}), [("/sen", sen.clone())]);
        with(&line, changes.iter().cloned())
    };
    let renewed = |sen: &Value, changes: &[(&str, Value)]| line("renewal", sen, changes);
    let upgraded = |sen: &Value, changes: &[(&str, Value)]| line("upgrade", sen, changes);
    let year = || ("/term_months", json!(12));
    let new = |product: &str, users: u32| json!({"kind": "new", "product": product, "users": users});
    let new_year = |product: &str, users: u32| with(&new(product, users), [year()]);
    let of = |lines: &[Value]| with(&example(), [("/lines", json!(lines))]);
    let by_itself = |lines: &[Value]| {
        let itself =
            [("/purchasing_for", json!("self")), ("/reseller", Value::Null), ("/accept/reseller_agreement", Value::Null)];
        with(&of(lines), itself)
    };
    let one = |line: Value, code, at| (None, of(&[line]), vec![(code, at)]);
    let claim = |segment: Value| with(&of(&[new("tracker-server", 25)]), [("/segments", json!([segment]))]);
    vec![
        // Which entitlement, and whose (R28).
        one(renewed(&Value::Null, &[year()]), "required", "/lines/0/sen"),
        one(renewed(&json!(tests::sen("nobody has it")), &[year()]), "entitlement_not_matched", "/lines/0/sen"),
        one(renewed(&json!("SEN-1"), &[year()]), "entitlement_not_matched", "/lines/0/sen"),
        one(renewed(&first, &[year(), ("/contact", json!("eve@customer.example"))]), "entitlement_not_matched", "/lines/0/sen"),
        one(renewed(&json!(sen(ANOTHERS)), &[year()]), "licensee_differs", "/lines/0/sen"),
        one(renewed(&first, &[year(), ("/product", json!("tracker-server"))]), "not_expected", "/lines/0/product"),
        (
            None,
            of(&[renewed(&first, &[year()]), upgraded(&first, &[("/users", json!(1_000))])]),
            vec![("not_expected", "/lines/1/sen")],
        ),
        // What may be ordered for it.
        one(with(&new_year(DC, 500), [("/sen", first.clone())]), "not_expected", "/lines/0/sen"),
        one(
            line("renew_and_upgrade", &held("tracker-server", 25, "2027-01-01"), &[("/users", json!(100)), year()]),
            "kind_not_offered",
            "/lines/0/kind",
        ),
        one(upgraded(&held("tracker-server", 25, "2027-01-01"), &[("/users", json!(100))]), "not_on_sale", "/lines/0/kind"),
        one(renewed(&first, &[]), "required", "/lines/0/term_months"),
        one(renewed(&first, &[("/term_months", json!(13))]), "term_not_offered", "/lines/0/term_months"),
        one(renewed(&first, &[year(), ("/edition", json!("premium"))]), "edition_unknown", "/lines/0/edition"),
        one(new_year("tracker-service-desk", 25), "edition_unknown", "/lines/0/edition"),
        one(renewed(&first, &[year(), ("/users", json!(501))]), "grade_differs", "/lines/0/users"),
        one(renewed(&held(DC, 1_000, "2027-01-31"), &[year(), ("/users", json!(500))]), "grade_differs", "/lines/0/users"),
        one(renewed(&first, &[("/term_months", json!(36))]), "maintenance_cap_exceeded", "/lines/0/term_months"),
        one(renewed(&held(DC, 500, "2025-06-01"), &[year()]), "renewal_too_late", "/lines/0/sen"),
        one(upgraded(&held(DC, 500, "2026-06-30"), &[("/users", json!(1_000))]), "entitlement_ended", "/lines/0/sen"),
        one(upgraded(&first, &[]), "upgrade_not_higher", "/lines/0/users"),
        one(upgraded(&first, &[("/users", json!(2_001))]), "no_tier_for_quantity", "/lines/0/users"),
        one(upgraded(&first, &[("/users", json!(1_000)), year()]), "not_expected", "/lines/0/term_months"),
        one(upgraded(&held(DC, 1_000, "2027-06-30"), &[("/users", json!(500))]), "midterm_downgrade_no_credit", "/lines/0/users"),
        one(line("downgrade_at_renewal", &held(DC, 1_000, "2027-01-31"), &[year()]), "downgrade_not_lower", "/lines/0/users"),
        one(
            line("downgrade_at_renewal", &held(DC, 1_000, "2027-06-30"), &[year(), ("/users", json!(500))]),
            "downgrade_too_early",
            "/lines/0/kind",
        ),
        // A common end (R41–R44).
        one(line("coterm", &first, &[]), "required", "/lines/0/until"),
        one(line("coterm", &first, &[("/until", json!("June"))]), "value_invalid", "/lines/0/until"),
        one(line("coterm", &first, &[("/until", json!("2029-11-23"))]), "coterm_date_invalid", "/lines/0/until"),
        one(line("coterm", &first, &[("/until", json!("2027-01-30"))]), "coterm_date_invalid", "/lines/0/until"),
        one(line("coterm", &first, &[("/until", json!("2027-01-01"))]), "coterm_date_invalid", "/lines/0/until"),
        // B9: also beside a line that can be sold.
        (
            None,
            of(&[new("tracker-server", 25), line("coterm", &first, &[("/until", json!("2020-01-01"))])]),
            vec![("coterm_date_invalid", "/lines/1/until")],
        ),
        one(
            line("renew_and_upgrade", &first, &[("/users", json!(1_000)), ("/until", json!("2027-11-21"))]),
            "term_not_offered",
            "/lines/0/until",
        ),
        // What only some may be sold, and what goes with what (R45, R77, R105, R106).
        one(new("tracker-cloud-monthly", 10), "monthly_cloud_not_resellable", "/lines/0/product"),
        (
            None,
            by_itself(&[new("tracker-cloud-monthly", 10), new_year("tracker-cloud", 10)]),
            vec![("mixed_billing_periods", "/lines")],
        ),
        one(new_year(GOVERNMENT, 500), "gov_family_not_self_service", "/lines/0/product"),
        (Some(AGGREGATOR), of(&[new_year(GOVERNMENT, 500)]), vec![("subscription_exists", "/lines/0/product")]),
        (
            Some(AGGREGATOR),
            with(&of(&[new_year(GOVERNMENT, 500), new_year(GOVERNMENT, 500)]), [("/customer/company", json!("Another Agency"))]),
            vec![("subscription_exists", "/lines/1/product")],
        ),
        // What is claimed (R58).
        (None, claim(json!({})), vec![("required", "/segments/0/segment")]),
        (None, claim(json!({"segment": "friends"})), vec![("segment_unknown", "/segments/0/segment")]),
        (None, claim(json!({"segment": "cloud_migration"})), vec![("segment_unknown", "/segments/0/segment")]),
        (
            None,
            claim(json!({"segment": "academic", "document": "mine.pdf", "country": "ZZ"})),
            vec![("country_unknown", "/segments/0/country")],
        ),
        // All at once, in every line.
        (
            None,
            with(
                &of(&[
                    renewed(&first, &[year(), ("/users", json!(0))]),
                    upgraded(&held(DC, 500, "2026-06-30"), &[("/users", json!(1_000)), ("/until", json!("2027-06-30"))]),
                    new("tracker-cloud-monthly", 10),
                    line("coterm", &json!("SEN-1"), &[("/price", json!(1))]),
                ]),
                [("/segments", json!([{"segment": "friends"}]))],
            ),
            vec![
                ("unknown_member", "/lines/3/price"),
                ("segment_unknown", "/segments/0/segment"),
                ("quantity_invalid", "/lines/0/users"),
                ("not_expected", "/lines/1/until"),
                ("monthly_cloud_not_resellable", "/lines/2/product"),
                ("entitlement_not_matched", "/lines/3/sen"),
                ("required", "/lines/3/until"),
            ],
        ),
    ]
}

/// The example's reseller, once it is enrolled in the programme that may sell government products.
const AGGREGATOR: &str = "Example Reseller GmbH";

/// The code of the whole: the one that all faults share.
fn code_of(faults: &[(&'static str, &'static str)]) -> &'static str {
    let shared = |one, other| if one == other { one } else { "request_invalid" };
    faults.iter().map(|(code, _)| *code).reduce(shared).expect("a refusal has a fault")
}

/// An order is refused for exactly these faults, and a preview of it likewise.
async fn assert_refused(world: &World, (organization, request, expected): Refused) {
    let code = code_of(&expected);
    let ask = async |path: &str| match organization {
        None => world.post(path, &request).await,
        Some(_) => world.post_as(&world.token("rita@reseller.example", organization).await, path, &request).await,
    };
    let created = ask("/v1/quotes").await.problem(422, code);
    let previewed = ask("/v1/quotes/preview").await.problem(422, code);
    assert_eq!(sorted(errors(&created)), sorted(expected), "{request:#}");
    assert_eq!(created["errors"], previewed["errors"], "a preview finds the same");
    // D5: the kinds that the product is sold in are data, and not only prose.
    for fault in created["errors"].as_array().into_iter().flatten().filter(|fault| fault["code"] == "kind_not_offered") {
        let allowed: Vec<_> = fault["allowed"].as_array().expect("kinds as data").iter().flat_map(Value::as_str).collect();
        assert!(fault["detail"].as_str().unwrap().contains(&format!("`{}`.", allowed.join("`, `"))), "{fault:#}");
    }
    assert_eq!(created["detail"], previewed["detail"]);
}

fn in_themselves() -> Vec<Refused> {
    let ones = one_fault_each().into_iter().map(|(at, value, code)| (with(&example(), [(at, value)]), vec![(code, at)]));
    ones.chain(several_faults_each()).map(|(request, faults)| (None, request, faults)).collect()
}

#[tokio::test]
async fn every_refusal_names_every_fault_with_its_pointer_and_leaves_nothing_behind() {
    let world = World::new().await;
    let before = world.stored().await;
    for refused in in_themselves() {
        assert_refused(&world, refused).await;
    }
    // However much is wrong, the answer stays readable.
    let hopeless = with(&example(), [("/lines", vec![json!({}); 100].into())]);
    let hopeless = world.post("/v1/quotes", &hopeless).await.problem(422, "request_invalid");
    let noted = errors(&hopeless);
    assert_eq!((noted.len(), noted.last()), (201, Some(&("request_invalid", ""))), "{:#?}", noted.last());

    assert_eq!(world.stored().await, before, "nothing is stored");
    assert_eq!(world.inbox().await, [], "nothing is sent");
    world.close().await;
}

#[tokio::test]
async fn orders_about_what_there_is_are_refused_likewise_and_leave_nothing_but_a_count() {
    // Upgrades of this product have ended, which the example vendor has not planned yet.
    let ended = "sale_until = { upgrade = 2026-11-01 }\nmaintenance_months = 12 ";
    let vendor = vendor_with(&[("catalogue.toml", "maintenance_months = 12 ", ended)]);
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    for (product, tier, end) in HELD {
        world.import(product, tier, end).await;
    }
    let anothers = with(&imported(DC, 500, "2027-01-01"), [("/licensee", json!("Another Customer Ltd"))]);
    world.record(&format!("entitlements/{}", sen(ANOTHERS)), &anothers).await;
    world.enrol(AGGREGATOR, "aggregator", None).await;

    let before = world.recorded().await;
    for (minute, refused) in about_what_there_is().into_iter().enumerate() {
        // Questions about entitlements are counted by the minute.
        world.set_clock(&format!("2026-11-22T10:{minute:02}:00Z")).await;
        assert_refused(&world, refused).await;
    }
    assert_eq!(world.recorded().await, before, "nothing is stored but the count of requests");
    assert_eq!(world.inbox().await, [], "nothing is sent");
    world.close().await;
}

/// A new code needs a test here, or where the code can occur.
#[test]
fn every_code_is_tried() {
    use Code::{
        BodyTooLarge, DowngradePending, EvidencePending, IdempotencyKeyMalformed, IdempotencyKeyReused, LinkReadsOnly,
        MalformedJson, MediaTypeUnsupported, MethodNotAllowed, NoLicenseKey, NotFound, NotInReview, NotYetInvoiced, NotYetIssued,
        OwnOrder, ParameterInvalid, PolicyUnsound, QuotePaid, RecordChanged, RevisionLimit, SignInRequired, SignatureInvalid,
        StaffOnly, TooManyRequests, UnknownParameter, UrlMalformed,
    };
    let elsewhere = [
        (
            include_str!("refusals.rs"),
            &[MalformedJson, UrlMalformed, NotFound, BodyTooLarge, MediaTypeUnsupported, MethodNotAllowed][..],
        ),
        (include_str!("idempotency.rs"), &[IdempotencyKeyMalformed, IdempotencyKeyReused]),
        (include_str!("revisions.rs"), &[LinkReadsOnly, QuotePaid, RevisionLimit]),
        (include_str!("story.rs"), &[SignInRequired, NotYetInvoiced, NoLicenseKey]),
        (include_str!("review.rs"), &[NotYetIssued, OwnOrder, EvidencePending]),
        (include_str!("taken_back.rs"), &[DowngradePending]),
        (include_str!("desk.rs"), &[StaffOnly, RecordChanged, NotInReview]),
        (include_str!("policy.rs"), &[PolicyUnsound]),
        (include_str!("lookup.rs"), &[TooManyRequests]),
        (include_str!("lists.rs"), &[UnknownParameter, ParameterInvalid]),
        (include_str!("../webhooks/signatures.rs"), &[SignatureInvalid]),
    ];
    let mut tried: BTreeSet<_> =
        in_themselves().into_iter().chain(about_what_there_is()).flat_map(|(.., faults)| faults).map(|(code, _)| code).collect();
    // What several faults of different codes are together; and what no request deserves, for something of ours is broken.
    tried.extend([Code::RequestInvalid, Code::Unavailable, Code::Internal].map(Code::as_str));
    for (test, codes) in elsewhere {
        for code in codes {
            let named = format!("\"{code}\"");
            assert!(test.contains(&named), "{code} is not tried where it should be");
            assert!(tried.insert(code.as_str()), "{code} is tried here");
        }
    }
    let all: BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
    assert_eq!(tried, all, "left: what is tried; right: what there is");
}

fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort_unstable();
    list
}

#[tokio::test]
async fn a_preview_has_the_same_price_and_stores_nothing() {
    let mut world = World::new().await;
    let before = world.stored().await;
    let preview = world.post("/v1/quotes/preview", &example()).await.expect(200);
    assert_eq!(world.stored().await, before);
    world.letters().await.none();

    let quote = world.quote(&example()).await;
    let mut created = quote.0.clone();
    for only_issued in ["number", "status", "links", "history"] {
        assert!(preview.get(only_issued).is_none_or(|member| *member == json!([])), "{only_issued} in {preview:#}");
        created.as_object_mut().unwrap().remove(only_issued);
    }
    let mut preview = preview;
    preview.as_object_mut().unwrap().remove("history");
    assert_eq!(preview, created, "all else is what a creation answers");
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn what_cannot_be_a_request_is_refused_as_a_problem_and_leaves_nothing_behind() {
    let mut world = World::new().await;
    let quote = world.quote(&example()).await;
    world.ignore_letters().await;
    let before = world.stored().await;

    let deep = "[".repeat(100_000);
    for (body, why) in [
        ("", "The body is empty"),
        (" \n", "The body is empty"),
        ("{", "The JSON ends too early: see column 1."),
        ("purchasing_for=customer", "This is not JSON: see column 1."),
        ("{\n\"currency\": \"USD\",}", "This is not JSON: see line 2, column 19."),
        ("{\"currency\": 1e400}", "The JSON has a number that is too large: see column 18."),
        ("\u{feff}{", "The JSON ends too early: see column 1."),
        ("\u{feff}", "The body is empty"),
        (&deep, "The JSON is nested too deeply: see column 128."),
    ] {
        for path in ["/v1/quotes", "/v1/quotes/preview"] {
            let problem = world
                .send(world.request(Method::POST, path).header("content-type", "application/json").body(body.to_owned()))
                .await
                .problem(400, "malformed_json");
            assert!(problem["detail"].as_str().unwrap().starts_with(why), "{why}: {problem:#}");
        }
    }
    let json = || world.request(Method::POST, "/v1/quotes").header("content-type", "application/json");
    let utf16 = world.send(json().body(b"\xff\xfe{\0}\0".to_vec())).await.problem(400, "malformed_json");
    assert!(utf16["detail"].as_str().unwrap().contains("UTF-16"), "{utf16:#}");
    let not_utf8 = json().body(b"{\"currency\": \"\xff\"}".to_vec());
    world.send(not_utf8).await.problem(400, "malformed_json");
    let large = with(&example(), [("/notes", json!("x".repeat(300_000)))]);
    let large = world.post("/v1/quotes", &large).await.problem(413, "body_too_large");
    assert!(large["detail"].as_str().unwrap().contains("256 KiB"), "{large:#}");
    for query in ["secret=a&secret=b", "secret=%ff&secret=%fe"] {
        world.get(&format!("/v1/quotes/{}?{query}", quote.number())).await.problem(400, "url_malformed");
    }

    for (method, path) in [(Method::PUT, "/v1/quotes"), (Method::DELETE, "/v1/quotes"), (Method::GET, "/v1/quotes/preview")] {
        let answer = world.send(world.request(method, path)).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
    for path in ["/", "/v1", "/v1/quote", "/v1/quotes/", "/v2/quotes", "/.env"] {
        world.get(path).await.problem(404, "not_found");
    }

    // Hidden and missing objects are indistinguishable: the response is the same.
    let unknown = domain::number::Minter::new(b"another vendor's key").quote_from_seed("1");
    let nothing =
        without_id(world.get(&format!("/v1/quotes/{unknown}?secret={}", quote.secret())).await.problem(404, "not_found"));
    let number = quote.number();
    let other_secret: String = quote.secret().chars().rev().collect();
    assert_ne!(other_secret, quote.secret());
    let last_wrong = number[..number.len() - 1].to_owned();
    for path in [
        format!("/v1/quotes/{number}"),
        format!("/v1/quotes/{number}?secret="),
        format!("/v1/quotes/{number}?secret={other_secret}"),
        format!("/v1/quotes/{number}?secret={}", quote.secret().to_uppercase()),
        format!("/v1/quotes/{last_wrong}?secret={}", quote.secret()),
        format!("/v1/quotes/nonsense?secret={}", quote.secret()),
        format!("/v1/quotes/{number}/document.pdf?secret={other_secret}"),
        format!("/v1/quotes/{number}/invoice.pdf"),
    ] {
        assert_eq!(without_id(world.get(&path).await.problem(404, "not_found")), nothing, "{path}");
    }
    // A parameter that the route does not know is refused for every quote alike.
    world.get(&format!("/v1/quotes/{number}?Secret={}", quote.secret())).await.problem(400, "unknown_parameter");
    let revision = world.post(&format!("/v1/quotes/{number}/revisions"), &example()).await;
    assert_eq!(without_id(revision.problem(404, "not_found")), nothing);
    // The payment form says the same to people.
    let unknown = world.get(&format!("/pay/{unknown}?secret={}", quote.secret())).await;
    let form = format!("/pay/{number}?secret={other_secret}");
    let pressed = world.request(Method::POST, &form).body("outcome=paid");
    for answer in [world.get(&form).await, world.send(pressed).await] {
        assert_eq!((answer.status.as_u16(), answer.text()), (404, unknown.text()));
    }
    assert_eq!(world.stored().await, before);
    world.close().await;
}

fn without_id(mut problem: Value) -> Value {
    problem.as_object_mut().unwrap().remove("request_id");
    problem
}

/// Everywhere that a text can stand, a line break with a header behind it is refused, and named.
#[tokio::test]
async fn no_field_of_a_request_can_inject_a_header_into_a_letter() {
    let mut world = World::new().await;
    let before = world.stored().await;
    let mut fields = Vec::new();
    texts_in(&example(), String::new(), &mut fields);
    assert_eq!(fields.len(), 30, "every text of the example: {fields:#?}");
    fields.retain(|field| field != "/notes");
    for field in &fields {
        for injection in
            ["x\r\nBcc: all@victim.example", "x\nBcc: all@victim.example", "x\rBcc:y", "x\u{0}y", "x\u{2028}Bcc:y", "x\u{85}y"]
        {
            let refused = world.post("/v1/quotes", &with(&example(), [(&**field, json!(injection))])).await;
            assert_eq!(refused.status, 422, "{field} takes {injection:?}");
            assert_eq!(errors(&refused.json()).into_iter().map(|(_, pointer)| pointer).collect::<Vec<_>>(), [field]);
        }
    }
    assert_eq!(world.stored().await, before);
    world.letters().await.none();

    // Notes have lines, and stand on the document alone.
    let notes = "Ours is PO 42.\r\nBcc: all@victim.example\r\n\r\n<b>Thank you</b>";
    world.quote(&with(&example(), [("/notes", json!(notes))])).await;
    let letter = world.letters().await.only("rita@reseller.example");
    assert!(!format!("{}{}{}", letter.subject, letter.text, letter.html).contains("victim"));
    world.close().await;
}

/// C2: anyone can order in another person's name. The letter to an address that has not bought has none of the buyer's own words.
#[tokio::test]
async fn c2_the_notes_stand_last_on_the_document_as_the_buyer_s_and_not_in_the_letter() {
    let mut world = World::new().await;
    let quote = world.quote(&with(&example(), [("/notes", json!("Use our new account at evil.example"))])).await;
    let letter = world.letters().await.only("rita@reseller.example");
    assert!(!format!("{}{}", letter.text, letter.html).contains("new account"));
    let attached = world.get(&letter.attachments[0].url).await;
    // The text of a page comes without its spaces.
    let attached = pdf::pages(&attached.body).concat();
    assert!(attached.contains("Howtopay") && !attached.contains("newaccount"), "the letter's document: {attached}");
    let document = pdf::pages(&world.get(quote.document()).await.body).concat();
    let (before, notes) = document.split_once("Notesbythebuyer").unwrap_or_else(|| panic!("{document}"));
    assert!(notes.contains("newaccount") && before.contains("Howtopay"), "{document}");
    world.pay(&quote).await;
    let mut letters = world.letters().await;
    let invoice = world.get(&letters.take("rita@reseller.example").attachments[0].url).await;
    assert!(pdf::pages(&invoice.body).concat().contains("Notesbythebuyer"), "the buyer's own receipt");
    world.close().await;
}

fn texts_in(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at),
        Value::Object(members) => members.iter().for_each(|(name, value)| texts_in(value, format!("{at}/{name}"), found)),
        Value::Array(values) => values.iter().enumerate().for_each(|(i, value)| texts_in(value, format!("{at}/{i}"), found)),
        _ => {}
    }
}

/// A page elsewhere whose name was pointed at this machine learns nothing, in the words in which everything is refused.
#[tokio::test]
async fn under_a_foreign_name_there_is_nothing_here() {
    let world = World::new().await;
    for path in ["/local/inbox", "/local/clock", "/local/issuer/jwks.json"] {
        assert_eq!(world.get(path).await.status, 200, "{path}");
        let foreign = world.request(Method::GET, path).header("host", "inbox.evil.example");
        world.send(foreign).await.problem(421, "not_found");
    }
    world.close().await;
}

/// C6: a foreign page can make a browser send `text/plain`, a form, or no type at all, without asking this API first.
#[tokio::test]
async fn c6_a_body_of_another_media_type_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let before = world.recorded().await;
    for kind in ["text/plain", "text/plain; charset=utf-8", "application/x-www-form-urlencoded", "application/jsonl", "json", ""]
    {
        for path in ["/v1/quotes", "/v1/quotes/preview", "/v1/entitlements/lookup", "/webhooks/stripe"] {
            let request = world.request(Method::POST, path).header("content-type", kind).body(example().to_string());
            let problem = world.send(request).await.problem(415, "media_type_unsupported");
            assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("application/json")), "{problem}");
        }
    }
    let untyped = world.request(Method::POST, "/v1/quotes").body(example().to_string());
    world.send(untyped).await.problem(415, "media_type_unsupported");
    world.get("/v1/quotes").await.problem(405, "method_not_allowed");
    assert_eq!(world.recorded().await, before, "nothing is stored");
    assert_eq!(world.inbox().await, [], "nothing is sent");

    let spelled = "Application/JSON ; charset=utf-8";
    let request = world.request(Method::POST, "/v1/quotes/preview").header("content-type", spelled).body(example().to_string());
    world.send(request).await.expect(200);
    world.close().await;
}

/// Finding C9: behind a reverse proxy, `/local/tokens` made every caller of the proxy a member of the staff.
#[tokio::test]
async fn c9_what_a_proxy_or_a_tunnel_forwards_is_refused_and_changes_nothing() {
    let world = World::new().await;
    let before = world.stored().await;
    let identity = json!({"email": "eve@elsewhere.example", "groups": ["vendor-staff"]});
    for (name, value) in [
        ("forwarded", "for=192.0.2.1;proto=https"),
        ("via", "1.1 proxy.example"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-host", "sales.example"),
        ("x-real-ip", "192.0.2.1"),
    ] {
        for request in [world.request(Method::POST, "/local/tokens").json(&identity), world.request(Method::GET, "/local/inbox")]
        {
            let problem = world.send(request.header(name, value)).await.problem(421, "not_found");
            assert!(problem["detail"].as_str().unwrap().contains(&format!("`{name}`")), "{problem}");
        }
        // The API's description is of the product, which a proxy may stand in front of.
        let order = world.request(Method::POST, "/v1/quotes").json(&example()).header(name, value);
        assert_eq!(order.send().await.unwrap().status(), 421);
    }
    assert_eq!(world.stored().await, before);
    world.close().await;
}
