//! The story of all callers: the desk, buyers, a payment provider, and technical contacts.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{NOW, Quote, example, example_of, imported, sen, stripe::Payment, with};

use crate::scene::Scene;

const RITA: &str = "rita@reseller.example";
const TINA: &str = "tina@customer.example";

/// The final responses to callers, by request.
pub(crate) type Responses = Vec<(String, Value)>;

/// The whole of it. What it answers is the same in every run; so is what is stored and sent once it has come to rest.
pub(crate) async fn live(scene: &Scene) -> Responses {
    let mut responses = Responses::new();
    let mut record = |what: &str, value: Value| responses.push((what.to_owned(), value));
    records(scene).await;
    let renewed = publish_and_import(scene).await;
    for (what, value) in before_buying(scene, &renewed).await {
        record(what, value);
    }

    // Everything is asked for and paid. What cannot be delivered yet holds up nothing else.
    let bought = pay_in_every_way(scene, "bought", &example()).await;
    let renewal = json!([{"kind": "renewal", "sen": renewed, "term_months": 12}]);
    let renewal = pay(scene, "renewed", &with(&example(), [("/lines", renewal)])).await;
    let revised = revise_and_pay_both(scene).await;
    let reviewed = review(scene).await;
    let returned = return_before_paying(scene).await;
    let refunded = pay(scene, "refunded", &example_of("tracker-server", 50)).await;
    scene.rest().await;

    // Money that is returned in two parts, the first reported once more at the end.
    let payment = Payment::of(&refunded, NOW);
    for total in [1_000, payment.amount, 1_000] {
        scene.stripe(&payment.refunded(total)).await;
    }
    scene.rest().await;

    let quotes = [&bought, &renewal, &revised, &reviewed, &returned, &refunded];
    let mut invoices = Vec::new();
    for quote in quotes {
        let shown = scene.see(quote).await;
        invoices.extend(shown.0["invoice"].as_str().map(str::to_owned));
        record(&format!("quote {}", shown.number()), shown.0);
    }
    invoices.sort();
    let expected: Vec<_> = (1..=invoices.len()).map(|n| format!("IN-{n:06}")).collect();
    assert_eq!(invoices, expected, "the series of invoices has no gap and no number twice");
    assert!(invoices.len() >= 5, "{invoices:?}");
    for (what, value) in after_buying(scene, &bought).await {
        record(&what, value);
    }
    responses
}

/// The desk brings in what orders are judged by, and changes one of them.
async fn records(scene: &Scene) {
    let gold =
        json!({"name": "Example Reseller GmbH", "memberships": [{"programme": "partner", "tier": "gold", "from": "2026-01-01"}]});
    let silver = with(&gold, [("/memberships/0/tier", json!("silver")), ("/version", json!(1)), ("/reason", json!("Agreed."))]);
    let charity = json!({
        "segment": "nonprofit", "organization": "Example Charity", "registration_number": "1", "country": "US",
        "expires": "2027-11-22",
    });
    let partner = "partners/Example Reseller GmbH";
    for (path, record) in [(partner, &gold), (partner, &silver), ("evidence/EV-1", &charity)] {
        scene.desk(Method::PUT, path, Some(record)).await;
    }
}

/// Another policy comes into force over the one that was read, and licences that were sold before are brought in, one by
/// itself and two as lines. Answers the number of one that can be renewed.
async fn publish_and_import(scene: &Scene) -> String {
    let version = scene.desk(Method::GET, "policy", None).await["version"].clone();
    let version = version.as_str().expect("a version");
    let policy = scene.desk(Method::GET, &format!("policy/{version}"), None).await;
    let prices = format!("{}\n# Looked at.\n", policy["files"]["prices.toml"].as_str().expect("prices"));
    let next = json!({"files": policy["files"], "version": version, "reason": "The yearly review."});
    let next = with(&next, [("/files/prices.toml", json!(prices))]);
    let published = scene.desk(Method::PUT, "policy", Some(&next)).await;
    assert_ne!(published["version"], version);

    let renewed = sen("renewed");
    let held = imported("tracker-data-center", 500, "2027-01-01");
    scene.desk(Method::PUT, &format!("entitlements/{renewed}"), Some(&held)).await;
    let lines: String =
        ["coterm 1", "coterm 2"].map(|cause| format!("{}\n", with(&held, [("/sen", json!(sen(cause)))]))).concat();
    let token = scene.token("dana@vendor.example", &["vendor-staff"]).await;
    let batch = scene.request(Method::POST, "/v1/desk/entitlements").bearer_auth(token);
    let report = scene.ask(batch.header("content-type", "application/jsonl").body(lines)).await.json();
    assert_eq!(report["refused"], 0, "{report:#}");

    let site = json!({
        "organization": "Example Customer Inc.",
        "contacts": [{"role": "admin", "name": "Ada Admin", "email": "ada@customer.example"}],
        "entitlements": [renewed],
    });
    scene.desk(Method::PUT, "sites/acme.cloud.example", Some(&site)).await;
    renewed
}

/// Who looks before buying.
async fn before_buying(scene: &Scene, held: &str) -> [(&'static str, Value); 3] {
    let by_number = json!({"sen": held, "email": TINA, "currency": "USD"});
    let by_site = json!({"site": "acme.cloud.example", "email": "ada@customer.example", "currency": "USD"});
    [
        ("looked up by number", scene.post("/v1/entitlements/lookup", &by_number).await),
        ("looked up by site", scene.post("/v1/entitlements/lookup", &by_site).await),
        ("previewed", scene.post("/v1/quotes/preview", &example()).await),
    ]
}

/// A quote that is paid.
async fn pay(scene: &Scene, key: &str, request: &Value) -> Quote {
    let quote = scene.quote(key, request).await;
    scene.stripe(&Payment::of(&quote, NOW).checkout_completed()).await;
    quote
}

/// A quote, asked for twice under one key; its payment reported three times by two events, two of them at once.
async fn pay_in_every_way(scene: &Scene, key: &str, request: &Value) -> Quote {
    let quote = scene.quote(key, request).await;
    assert_eq!(scene.quote(key, request).await.0, quote.0, "the same request is answered the same");
    assert_eq!(quote.0["status"], "issued");
    let payment = Payment::of(&quote, NOW);
    scene.stripe(&payment.checkout_completed()).await;
    let (again, other) = (payment.checkout_completed(), payment.intent_succeeded());
    let (again, other) = tokio::join!(scene.stripe(&again), scene.stripe(&other));
    assert_eq!((&again["outcome"], &other["outcome"]), (&json!("already_processed"), &json!("already_processed")));
    quote
}

/// A revision; money for the revision that is void, which is kept and pays nothing; and money for the other.
async fn revise_and_pay_both(scene: &Scene) -> Quote {
    let request = example_of("tracker-data-center", 500);
    let first = scene.quote("revised", &request).await;
    let second = Quote(scene.post(first.revise(), &with(&request, [("/lines/0/users", json!(501))])).await);
    assert_eq!((second.number(), second.revision()), (first.number(), 2));
    scene.stripe(&Payment::of(&first, NOW).checkout_completed()).await;
    scene.stripe(&Payment::of(&second, NOW).checkout_completed()).await;
    assert_eq!(scene.see(&second).await.0["status"], "paid");
    second
}

/// Two orders that a person looks at first: one is approved and paid, the other rejected.
async fn review(scene: &Scene) -> Quote {
    let line = |cause: &str| json!({"kind": "coterm", "sen": sen(cause), "until": "2027-06-30"});
    let request = with(&example(), [("/lines", json!([line("coterm 1"), line("coterm 2")]))]);
    let (yes, no) = (scene.quote("approved", &request).await, scene.quote("rejected", &request).await);
    for (quote, decision, status) in [(&yes, "approve", "issued"), (&no, "reject", "rejected")] {
        assert_eq!(quote.0["status"], "in_review");
        let path = format!("quotes/{}", quote.number());
        let seen = scene.desk(Method::GET, &path, None).await;
        let body = json!({"reason": "Looked at.", "revision": seen["revision"]});
        scene.desk(Method::POST, &format!("{path}/{decision}"), Some(&body)).await;
        assert_eq!(scene.see(quote).await.0["status"], status);
    }
    let issued = scene.see(&yes).await;
    scene.stripe(&Payment::of(&issued, NOW).checkout_completed()).await;
    issued
}

/// Events that come in another order than they happened: the money goes back, comes in, and the checkout was completed.
async fn return_before_paying(scene: &Scene) -> Quote {
    let quote = scene.quote("returned", &example_of("tracker-server", 25)).await;
    let payment = Payment::of(&quote, NOW);
    for event in [payment.refunded(payment.amount), payment.intent_succeeded(), payment.checkout_completed()] {
        scene.stripe(&event).await;
    }
    quote
}

/// What the buyer of `quote` and the vendor look at when all is done.
async fn after_buying(scene: &Scene, quote: &Quote) -> Responses {
    let paid = scene.see(quote).await;
    let licences: Vec<_> = paid.0["licenses"].as_array().expect("licences").iter().map(|it| it["sen"].clone()).collect();
    assert_eq!(licences.len(), 2, "{:#}", paid.0);
    let mut responses = Responses::new();
    let [first, second] = [0, 1].map(|n: usize| licences[n].as_str().expect("a number"));
    for (email, method, path) in [
        (TINA, Method::GET, format!("/v1/licenses/{first}")),
        (TINA, Method::POST, reveal(first)),
        (RITA, Method::POST, reveal(first)),
        (TINA, Method::POST, reveal(second)),
    ] {
        let token = scene.token(email, &[]).await;
        let shown = scene.ask(scene.request(method, &path).bearer_auth(&token)).await.json();
        responses.push((format!("{path} to {email}"), shown));
    }
    for path in ["audit/partners/Example Reseller GmbH", "audit/policy/current"] {
        let mut shown = scene.desk(Method::GET, path, None).await;
        if let Some(entries) = shown["entries"].as_array_mut() {
            // Of one instant, they are in any order.
            entries.sort_by_key(|entry| entry.to_string());
        }
        responses.push((path.to_owned(), shown));
    }
    responses.push(("keys".to_owned(), scene.get("/.well-known/license-keys.json").await));
    for document in [paid.document().to_owned(), paid.document().replace("document.pdf", "invoice.pdf")] {
        let pdf = scene.ask(scene.request(Method::GET, &document)).await;
        let pages = tests::pdf::pages(&pdf.body);
        assert!(!pages.is_empty());
        responses.push((document, pages.into()));
    }
    responses
}

/// Where a licence's key is shown.
pub(crate) fn reveal(sen: &str) -> String {
    format!("/v1/licenses/{sen}/reveal")
}
