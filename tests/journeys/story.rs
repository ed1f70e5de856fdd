//! From quote to licence (R3, R18, R22, R53, R63, R78, R82, R93–R95).

use domain::number::Minter;
use keygen_rs::{license::LicenseFileAlgorithm, license_file as keygen};
use licensing::{JwkSet, Kind, PublicKey};
use reqwest::Method;
use serde_json::{Value, json};
use tests::{World, example, pdf, with};

const REQUESTER: &str = "rita@reseller.example";
const TECHNICAL_CONTACT: &str = "tina@customer.example";
const RESELLER: &str = "Example Reseller GmbH";

/// What the example request is worth: net, German VAT on the reseller's address, total.
const NET: i64 = 4_200_000 + 350_000 + 1_495_000;
const VAT: i64 = 1_148_550;

#[tokio::test]
async fn r3_a_reseller_buys_for_a_customer_who_verifies_the_licence_offline() {
    let mut world = World::new().await;

    // R3, R18: one request, one quote with all its lines.
    let quote = world.quote(&example()).await;
    assert_eq!(quote.0["status"], "issued");
    assert_eq!(quote.0["lines"].as_array().unwrap().len(), 3);
    assert_eq!((quote.0["net"].as_i64(), quote.0["tax"].as_i64()), (Some(NET), Some(VAT)), "{:#}", quote.0["taxes"]);
    assert_eq!(quote.total(), NET + VAT);
    assert_eq!(world.see(&quote).await.0, quote.0, "the link shows what was answered");
    assert_eq!((&quote.0["licenses"], &quote.0["subscriptions"], &quote.0["payments"]), (&json!([]), &json!([]), &json!([])));

    // R22: the copy goes to the requester, once, with the document.
    let copy = world.letters().await.only(REQUESTER);
    assert!(copy.subject.contains(quote.number()) && copy.text.contains(quote.pay()), "{}", copy.text);
    let attached = world.attachment(&copy).await;
    assert_eq!(copy.attachments[0].filename, format!("{}.pdf", quote.number()));
    let served = world.get(quote.document()).await;
    assert_eq!((served.status.as_u16(), served.header("content-type")), (200, "application/pdf"));
    // C2: but for the buyer's notes, which are not sent to an address that has not bought.
    let without_notes = |page: String| page.replace("NotesbythebuyerPleasesendtheinvoicewithourPOnumber.", "");
    let served: Vec<_> = pdf::pages(&served.body).into_iter().map(without_notes).collect();
    assert_eq!(served, pdf::pages(&attached), "the document is the same wherever it is read");
    world.get(&quote.document().replace("document.pdf", "invoice.pdf")).await.problem(409, "not_yet_invoiced");

    // R63: the form needs no login, and shows amount, currency and reference.
    let form = world.get(quote.pay()).await;
    assert!(["USD 71,935.50", quote.number(), RESELLER].iter().all(|text| form.text().contains(text)), "{}", form.text());
    world.pay(&quote).await;
    world.settled().await;

    // R53, R78: licences for what is installed, a subscription without a key for what is hosted.
    let paid = world.see(&quote).await;
    assert_eq!(paid.0["status"], "paid");
    assert_eq!(paid.0["payments"].as_array().unwrap().len(), 1);
    assert_eq!(paid.0["payments"][0]["amount"], quote.total());
    assert_eq!(paid.0["invoice"], "IN-000001");
    assert!(paid.0["links"].get("pay").is_none(), "what is paid has no link to pay");
    let sens = |list: &Value| -> Vec<(i64, String)> {
        let one = |one: &Value| (one["line"].as_i64().unwrap(), one["sen"].as_str().unwrap().to_owned());
        list.as_array().unwrap().iter().map(one).collect()
    };
    let [(1, term), (2, perpetual)] = &sens(&paid.0["licenses"])[..] else { panic!("two licences: {}", paid.0["licenses"]) };
    let [(3, subscription)] = &sens(&paid.0["subscriptions"])[..] else { panic!("a subscription: {}", paid.0["subscriptions"]) };
    let events: Vec<_> = paid.0["history"].as_array().unwrap().iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["issued", "paid", "delivered"], "R118: everything that happened, in order");

    // R82: both get a letter; only the reseller sees money, and no letter contains a key.
    let mut letters = world.letters().await;
    let (confirmation, receipt) = (letters.take(TECHNICAL_CONTACT), letters.take(REQUESTER));
    letters.none();
    for letter in [&confirmation, &receipt] {
        for sen in [term, perpetual, subscription] {
            assert!(letter.text.contains(sen) && letter.html.contains(sen), "{sen} in {}", letter.text);
        }
        assert!(!format!("{}{}", letter.text, letter.html).contains("LICENSE FILE"), "a key is never sent");
    }
    assert_eq!(confirmation.attachments, [], "the invoice is for the reseller alone");
    let letter_text = format!("{}{}{}", confirmation.subject, confirmation.text, confirmation.html);
    for secret in ["USD", "42,000", "71,935", "IN-000001", "nvoice", quote.number(), quote.secret()] {
        assert!(!letter_text.contains(secret), "the technical contact learns {secret}:\n{letter_text}");
    }
    assert!(confirmation.text.contains(&format!("{}/v1/licenses/{term}", world.deployment().url())), "{}", confirmation.text);
    let invoice = world.attachment(&receipt).await;
    let invoice = &pdf::pages(&invoice)[0];
    let wanted = ["IN-000001", quote.number(), "USD 71,935.50", RESELLER, "Example Customer Inc.", "GB 000 0000 00"];
    assert_eq!(pdf::missing(invoice, wanted), [""; 0], "R23 on the invoice's first page");

    // R49, R54: the technical contact and the purchaser — a person, or an enrolled organisation — see it; for all others it does not exist.
    let technical_contact = world.token(TECHNICAL_CONTACT, None).await;
    let person = world.token(REQUESTER, None).await;
    let colleague = world.token("colleague@reseller.example", Some(RESELLER)).await;
    let stranger = world.token("stranger@elsewhere.example", Some("Another Reseller Ltd")).await;
    let licensee = world.token("carl@customer.example", Some("Example Customer Inc.")).await;
    for path in [format!("/v1/licenses/{term}"), format!("/v1/licenses/{}", term.to_lowercase())] {
        let view = world.with_token(Method::GET, &path, &person).await.expect(200);
        assert_eq!((&view["kind"], &view["tier"]), (&json!("term"), &json!(500)));
        assert_eq!((&view["purchased"], &view["term_end"]), (&json!("2026-11-22"), &json!("2027-11-22")));
        assert!(view["has_key"] == true && view.get("license_file").is_none(), "{view}");
    }
    let nothing = {
        let unknown = unknown_sen(quote.number());
        world.with_token(Method::POST, &format!("/v1/licenses/{unknown}/reveal"), &stranger).await.problem(404, "not_found")
    };
    // B15: the buyer has typed the name of the company, which no record of staff confirms.
    for token in [&stranger, &licensee, &colleague] {
        for (method, path) in [(Method::GET, ""), (Method::POST, "/reveal")] {
            let answer = world.with_token(method, &format!("/v1/licenses/{term}{path}"), token).await;
            assert_eq!(
                without_id(answer.problem(404, "not_found")),
                without_id(nothing.clone()),
                "hidden and missing are indistinguishable"
            );
        }
    }
    for (method, path) in [(Method::GET, ""), (Method::POST, "/reveal")] {
        let answer = world.send(world.request(method, &format!("/v1/licenses/{term}{path}"))).await;
        answer.problem(401, "sign_in_required");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
    }
    assert_eq!(
        world.deployment().store().reveals(&term.parse().unwrap()).await.unwrap(),
        [""; 0],
        "no caller has seen the key so far"
    );

    // R52: the key, to two people, each noted.
    let reveal = |sen: &str| format!("/v1/licenses/{sen}/reveal");
    let mut files = Vec::new();
    for token in [&technical_contact, &person] {
        let revealed = world.with_token(Method::POST, &reveal(term), token).await;
        assert_eq!(revealed.header("cache-control"), "no-store");
        files.push(revealed.expect(200));
    }
    assert!(files.iter().all(|file| *file == files[0] && file["sen"] == *term));
    let seen_by = world.deployment().store().reveals(&term.parse().unwrap()).await.unwrap();
    assert_eq!(seen_by.len(), 2, "{seen_by:?}");
    assert!(seen_by.iter().all(|subject| !subject.contains('@') && seen_by.iter().filter(|one| *one == subject).count() == 1));
    // C8: staff see who read which key, when, and from where.
    let audit = world.desk_shows(&format!("audit/entitlements/{term}")).await;
    let shown: Vec<_> = audit["entries"].as_array().unwrap().iter().filter(|entry| entry["action"] == "reveal").collect();
    assert_eq!(shown.len(), 2, "{audit}");
    assert!(shown.iter().all(|entry| entry["key_id"] == files[0]["key_id"] && entry["ip"] == "127.0.0.1"), "{audit}");
    assert!(shown.iter().any(|entry| entry["email"] == "tina@customer.example" && entry["at"].is_string()), "{audit}");
    let forever = world.with_token(Method::POST, &reveal(perpetual), &technical_contact).await.expect(200);
    world.with_token(Method::POST, &reveal(subscription), &technical_contact).await.problem(409, "no_license_key");

    // R93–R95: verified on a machine that has the file and the public keys, and nothing else.
    let published = world.get("/.well-known/license-keys.json").await.expect(200);
    let keys: JwkSet = serde_json::from_value(published.clone()).unwrap();
    let verified = licensing::verify(files[0]["license_file"].as_str().unwrap(), &keys).unwrap();
    assert_eq!((verified.kind, verified.tier, &*verified.sen), (Kind::Term, Some(500), &**term));
    assert_eq!((&*verified.licensee, &*verified.product), ("Example Customer Inc.", "tracker-data-center"));
    assert_eq!((verified.purchased.to_string(), verified.term_end), ("2026-11-22".into(), Some("2027-11-22".parse().unwrap())));
    assert_eq!(files[0]["key_id"], verified.key_id);
    let verified = licensing::verify(forever["license_file"].as_str().unwrap(), &keys).unwrap();
    assert_eq!((verified.kind, verified.term_end), (Kind::Perpetual, None), "R93: it never expires");
    assert_eq!(verified.maintenance_end, Some("2027-11-22".parse().unwrap()), "R95: twelve months of maintenance");

    // The same by an independent verifier.
    let key: PublicKey = serde_json::from_value(published["keys"][0].clone()).unwrap();
    let key: String = key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    let unused = "2000-01-01T00:00:00Z".parse().unwrap();
    for (file, sen) in [(&files[0], term), (&forever, perpetual)] {
        let certificate = file["license_file"].as_str().unwrap().to_owned();
        let file = keygen::LicenseFile { id: String::new(), certificate, issued: unused, expiry: unused, ttl: 0 };
        let dataset = file.verify_and_decode(&key, LicenseFileAlgorithm::Base64Ed25519).unwrap();
        assert_eq!(dataset.license.key, *sen);
    }
    world.close().await;
}

#[tokio::test]
async fn r19_who_buys_for_itself_is_billed_and_licensed_and_gets_one_letter() {
    let mut world = World::new().await;
    let request = with(
        &example(),
        [
            ("/purchasing_for", json!("self")),
            ("/reseller", Value::Null),
            ("/accept/reseller_agreement", Value::Null),
            // The buyer is its own technical contact, and types the address in another case.
            ("/customer/technical_contact/email", json!("Carl@Customer.Example")),
            ("/lines", json!([{ "kind": "new", "product": "tracker-server", "users": 25 }])),
        ],
    );
    let quote = world.quote(&request).await;
    assert!(quote.0.get("reseller").is_none() && quote.0["accepted"].get("reseller_agreement").is_none());
    assert_eq!((quote.0["net"].as_i64(), &quote.0["taxes"]), (Some(350_000), &json!([])), "California has no rate here");
    let copy = world.letters().await.only("carl@customer.example");
    assert!(copy.text.contains(quote.pay()) && !copy.text.contains("is billed"), "no other party is billed: {}", copy.text);

    world.pay(&quote).await;
    let receipt = world.letters().await.only("carl@customer.example");
    assert_eq!(receipt.attachments.len(), 1, "a person who is both gets one letter, as the purchaser, with the invoice");
    let paid = world.see(&quote).await;
    let sen = paid.0["licenses"][0]["sen"].as_str().unwrap();
    let token = world.token("carl@customer.example", None).await;
    let view = world.with_token(Method::GET, &format!("/v1/licenses/{sen}"), &token).await.expect(200);
    assert_eq!((&view["licensee"], &view["purchaser"]), (&json!("Example Customer Inc."), &json!("Example Customer Inc.")));
    world.close().await;
}

#[tokio::test]
async fn r20_a_reseller_as_technical_contact_is_a_warning_and_no_error() {
    let mut world = World::new().await;
    assert_eq!(world.quote(&example()).await.0["warnings"], json!([]));
    let request = with(&example(), [("/customer/technical_contact/email", json!("RITA@reseller.example"))]);
    let quote = world.quote(&request).await;
    let warnings = quote.0["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0]["code"], "technical_contact_is_reseller");
    assert_eq!(warnings[0]["pointer"], "/customer/technical_contact/email");
    world.ignore_letters().await;

    // R6, R21: what was accepted, in whose name, when and from where.
    let accepted = &quote.0["accepted"];
    let expected =
        json!({"terms": "2026-10", "reseller_agreement": "2026-10", "by": "Rita Seller", "at": "2026-11-22T10:00:00Z"});
    assert_eq!(*accepted, expected);
    let stored = world.deployment().store().quote(&quote.number().parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.offer.acceptance.ip, Some("127.0.0.1".parse().unwrap()));
    world.close().await;
}

/// A well-formed SEN that was never assigned.
fn unknown_sen(quote: &str) -> String {
    Minter::new(b"another vendor's key").sen(&quote.parse().unwrap(), 1, 0).to_string()
}

fn without_id(mut problem: Value) -> Value {
    problem.as_object_mut().unwrap().remove("request_id").expect("a problem has a request id");
    problem
}
