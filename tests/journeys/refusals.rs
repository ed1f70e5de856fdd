//! What is refused, where, and that a refusal leaves nothing behind (R6, R18–R21, E2).

use std::collections::BTreeSet;

use domain::Code;
use reqwest::Method;
use serde_json::{Value, json};
use tests::{World, errors, example, with};

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
        ("/customer/address/country", json!("USA"), "country_unknown"),
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
        ("/lines/0/kind", json!("renewal"), "kind_not_offered"),
        ("/lines/0/product", Value::Null, "required"),
        ("/lines/0/product", json!("tracker"), "product_unknown"),
        ("/lines/0/users", Value::Null, "required"),
        ("/lines/0/users", json!("500"), "wrong_type"),
        ("/lines/0/users", json!(500.5), "wrong_type"),
        ("/lines/0/users", json!(0), "quantity_invalid"),
        ("/lines/0/users", json!(-1), "quantity_invalid"),
        ("/lines/0/users", json!(4_294_967_297_u64), "quantity_invalid"),
        ("/lines/0/users", json!(2001), "no_tier_for_quantity"),
        ("/lines/2/users", json!(1001), "no_tier_for_quantity"),
        ("/lines/0/term_months", Value::Null, "required"),
        ("/lines/0/term_months", json!(1), "term_not_offered"),
        ("/lines/1/term_months", json!(24), "term_not_offered"),
        ("/lines/0/price", json!(1), "unknown_member"),
        ("/po_number", long(41), "value_invalid"),
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

/// Requests with several faults: all of them are told at once, and in the order of the request's members where they are
/// noted together.
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
        (changed(&[("/purchasing_for", json!("self"))]), vec![("not_expected", "/reseller")]),
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
                ("/customer/address/country", json!("us")),
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

#[tokio::test]
async fn every_refusal_names_every_fault_with_its_pointer_and_leaves_nothing_behind() {
    let world = World::new().await;
    let before = world.stored().await;
    let ones = one_fault_each().into_iter().map(|(at, value, code)| (with(&example(), [(at, value)]), vec![(code, at)]));
    let mut told = BTreeSet::new();
    for (request, expected) in ones.chain(several_faults_each()) {
        let code = expected.iter().map(|(code, _)| *code).reduce(|one, other| if one == other { one } else { "request_invalid" });
        let code = code.unwrap();
        let created = world.post("/v1/quotes", &request).await.problem(422, code);
        let previewed = world.post("/v1/quotes/preview", &request).await.problem(422, code);
        if expected != [("wrong_type", "")] {
            assert_eq!(sorted(errors(&created)), sorted(expected), "{request:#}");
        }
        assert_eq!(created["errors"], previewed["errors"], "a preview finds the same");
        assert_eq!(created["detail"], previewed["detail"]);
        told.insert(code.to_owned());
        told.extend(errors(&created).into_iter().map(|(code, _)| code.to_owned()));
    }
    // However much is wrong, the answer stays readable.
    let hopeless = with(&example(), [("/lines", vec![json!({}); 100].into())]);
    let hopeless = world.post("/v1/quotes", &hopeless).await.problem(422, "request_invalid");
    let noted = errors(&hopeless);
    assert_eq!((noted.len(), noted.last()), (201, Some(&("request_invalid", ""))), "{:#?}", noted.last());

    assert_eq!(world.stored().await, before, "nothing is stored");
    assert_eq!(world.inbox().await, [], "nothing is sent");

    // A code that somebody adds wants its test here, or at the place that can give it.
    let elsewhere = [
        Code::MalformedJson,
        Code::IdempotencyKeyMalformed,
        Code::IdempotencyKeyReused,
        Code::NotFound,
        Code::SignInRequired,
        Code::QuotePaid,
        Code::RevisionLimit,
        Code::NotYetInvoiced,
        Code::NoLicenseKey,
        Code::SignatureInvalid,
        Code::BodyTooLarge,
        Code::MethodNotAllowed,
        Code::Unavailable,
        Code::Internal,
    ];
    let of_a_request = Code::ALL.iter().filter(|code| !elsewhere.contains(code)).map(|code| code.as_str().to_owned());
    assert_eq!(told, of_a_request.collect(), "every code that a request can be refused with was seen");
    world.close().await;
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

    for body in ["", "{", "purchasing_for=customer", "{\"currency\": \"USD\",}", "\u{feff}{}"] {
        for path in ["/v1/quotes", "/v1/quotes/preview"] {
            world.send(world.request(Method::POST, path).body(body)).await.problem(400, "malformed_json");
        }
    }
    let not_utf8 = world.request(Method::POST, "/v1/quotes").body(b"{\"currency\": \"\xff\"}".to_vec());
    world.send(not_utf8).await.problem(400, "malformed_json");
    let deep = "[".repeat(100_000);
    world.send(world.request(Method::POST, "/v1/quotes").body(deep)).await.problem(400, "malformed_json");
    let large = with(&example(), [("/notes", json!("x".repeat(300_000)))]);
    world.post("/v1/quotes", &large).await.problem(413, "body_too_large");

    for (method, path) in [(Method::PUT, "/v1/quotes"), (Method::DELETE, "/v1/quotes"), (Method::GET, "/v1/quotes/preview")] {
        let answer = world.send(world.request(method, path)).await;
        answer.problem(405, "method_not_allowed");
        assert_eq!(answer.header("allow"), "POST");
    }
    for path in ["/", "/v1", "/v1/quote", "/v1/quotes/", "/v2/quotes", "/.env"] {
        world.get(path).await.problem(404, "not_found");
    }

    // What one may not see does not exist: the same answer, whichever it is.
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
        format!("/v1/quotes/{number}?Secret={}", quote.secret()),
        format!("/v1/quotes/{last_wrong}?secret={}", quote.secret()),
        format!("/v1/quotes/nonsense?secret={}", quote.secret()),
        format!("/v1/quotes/{number}/document.pdf?secret={other_secret}"),
        format!("/v1/quotes/{number}/invoice.pdf"),
    ] {
        assert_eq!(without_id(world.get(&path).await.problem(404, "not_found")), nothing, "{path}");
    }
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

fn texts_in(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::String(_) => found.push(at),
        Value::Object(members) => members.iter().for_each(|(name, value)| texts_in(value, format!("{at}/{name}"), found)),
        Value::Array(values) => values.iter().enumerate().for_each(|(i, value)| texts_in(value, format!("{at}/{i}"), found)),
        _ => {}
    }
}
