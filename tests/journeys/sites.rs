//! New subscriptions for cloud sites that exist: quoted by the vendor's team, and only for an authorized contact (R7, R12, B13).

use serde_json::{Value, json};
use tests::{NOW, World, errors, example, ordering, plain_vendor, renewal, with};

const SITE: &str = "acme.cloud.example";
const ADA: &str = "ada@customer.example";

fn new_cloud(changes: &[(&str, Value)]) -> Value {
    let line = json!({"kind": "new", "product": "tracker-cloud", "users": 100, "term_months": 12});
    ordering([with(&line, changes.iter().cloned())])
}

#[tokio::test]
async fn b13_the_site_and_the_contact_of_a_line_are_used_or_refused() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-cloud", 100, "2027-01-01").await;
    let other = world.import("tracker-data-center", 500, "2027-01-01").await;
    let site = json!({
        "organization": "Example Customer Inc.", "entitlements": [held],
        "contacts": [{"role": "admin", "name": "Ada Admin", "email": ADA}],
    });
    world.record(&format!("sites/{SITE}"), &site).await;
    let (at, by) = (|host: &str| ("/site", json!(host)), |email: &str| ("/contact", json!(email)));

    // R12: what does not exist and what is another's is one refusal.
    let before = world.recorded().await;
    let mut details = Vec::new();
    for unknown in [new_cloud(&[at("other.cloud.example"), by(ADA)]), new_cloud(&[at(SITE), by("eve@elsewhere.example")])] {
        let refused = world.post("/v1/quotes", &unknown).await.problem(422, "entitlement_not_matched");
        assert_eq!(errors(&refused), [("entitlement_not_matched", "/lines/0/site")]);
        details.push(refused["errors"].clone());
    }
    assert_eq!(details[0], details[1]);
    let of = |line: Value, changes: &[(&str, Value)]| ordering([with(&line, changes.iter().cloned())]);
    let server = json!({"kind": "new", "product": "tracker-server", "users": 25});
    for (order, code, pointer) in [
        (new_cloud(&[by(ADA)]), "not_expected", "/lines/0/contact"),
        (new_cloud(&[at(SITE), by("ada")]), "email_invalid", "/lines/0/contact"),
        (new_cloud(&[at("acme"), by(ADA)]), "value_invalid", "/lines/0/site"),
        (of(server, &[at(SITE), by(ADA)]), "not_expected", "/lines/0/site"),
        (
            with(&new_cloud(&[at(SITE), by(ADA)]), [("/customer/company", json!("Another Inc."))]),
            "licensee_differs",
            "/lines/0/site",
        ),
        // The contact is right, and the site is not the entitlement's.
        (of(renewal(&held), &[at("other.cloud.example")]), "entitlement_not_matched", "/lines/0/sen"),
        (of(renewal(&other), &[at(SITE)]), "entitlement_not_matched", "/lines/0/sen"),
        (of(renewal(&held), &[by("tina")]), "email_invalid", "/lines/0/contact"),
        (
            with(&example(), [("/purchasing_for", json!("self")), ("/reseller", Value::Null)]),
            "not_expected",
            "/accept/reseller_agreement",
        ),
    ] {
        let refused = world.post("/v1/quotes", &order).await;
        assert_eq!(refused.status, 422, "{order:#}");
        assert!(errors(&refused.json()).contains(&(code, pointer)), "{:#}", refused.json());
    }
    assert_eq!(world.recorded().await, before, "a refusal stores nothing");
    assert_eq!(world.inbox().await, [], "a refusal sends nothing");

    // R7: the vendor's team quotes it.
    let quote = world.quote(&new_cloud(&[at("https://ACME.cloud.example/"), by(ADA)])).await;
    assert_eq!((&quote.0["status"], &quote.0["review_reasons"]), (&json!("in_review"), &json!(["existing_site"])));
    assert_eq!(quote.0["lines"][0]["site"], SITE);
    world.approve(quote.number()).await;
    let paid = world.paid(&world.see(&quote).await).await;
    assert_eq!((&paid.0["status"], &paid.0["lines"][0]["site"]), (&json!("paid"), &json!(SITE)));
    let renewed = world.quote(&of(renewal(&held), &[at(SITE), by(ADA)])).await;
    assert_eq!(renewed.0["status"], "issued");
    world.ignore_letters().await;
    world.close().await;
}
