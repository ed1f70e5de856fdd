//! Payments at the desk: what the webhook does not act on waits for a person, who sees why and closes it.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{NOW, World, example, plain_vendor, stripe::Payment};

/// The names of the payments that wait for a decision.
async fn waiting(world: &World) -> Vec<String> {
    let list = world.desk_shows("payments").await;
    list["payments"].as_array().unwrap().iter().map(|payment| payment["payment"].as_str().unwrap().to_owned()).collect()
}

/// B22, B23: a log line is not an answer to a person. Refused events and unapplied money are listed at the desk.
#[tokio::test]
async fn b23_what_the_webhook_refuses_is_seen_and_closed_at_the_desk() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let quote = world.quote(&example()).await;
    world.ignore_letters().await;
    assert_eq!(waiting(&world).await, [""; 0]);

    let foreign = Payment::of(&quote, NOW).named("pi_foreign");
    let mut event = foreign.intent_succeeded();
    event["account"] = json!("acct_1Another");
    for _ in 0..2 {
        let answer = world.stripe(&event).await.expect(200);
        assert_eq!((&answer["outcome"], &answer["reason"]), (&json!("refused"), &json!("other_account")));
    }
    let unreadable = Payment { metadata: json!({"quote_number": quote.number(), "quote_revision": "first"}), ..foreign.clone() };
    let unreadable = unreadable.named("pi_unreadable");
    assert_eq!(world.stripe(&unreadable.intent_succeeded()).await.expect(200)["reason"], "revision_unreadable");
    assert_eq!(world.see(&quote).await.0, quote.0, "neither changes the quote");
    let mut listed = waiting(&world).await;
    listed.sort_unstable();
    assert_eq!(listed, ["stripe:pi_foreign", "stripe:pi_unreadable"]);

    // Page by page.
    let first = world.desk_shows("payments?limit=1").await;
    assert_eq!(first["payments"].as_array().unwrap().len(), 1);
    let rest = world.desk_shows(&format!("payments?limit=1&cursor={}", first["next"].as_str().unwrap())).await;
    assert_ne!(rest["payments"][0]["payment"], first["payments"][0]["payment"]);
    assert!(rest.get("next").is_none());

    let shown = world.desk_shows("payments/stripe:pi_foreign").await;
    assert_eq!((&shown["state"], &shown["undecided_since"]), (&json!("awaited"), &json!(NOW)));
    let [report] = &shown["reports"].as_array().unwrap()[..] else { panic!("reported once: {shown:#}") };
    assert_eq!((&report["reason"], &report["refused"], &report["event"]), (&json!("other_account"), &json!(true), &event["id"]));
    assert_eq!((&report["quote"], &report["money"]["amount"]), (&json!(quote.number()), &json!(quote.total())));
    let shown = world.desk_shows("payments/stripe:pi_unreadable").await;
    assert_eq!((&shown["state"], &shown["reason"]), (&json!("unapplied"), &json!("revision_unreadable")));

    // A decision names what was read, and has a reason.
    let close = "payments/stripe:pi_foreign/close";
    let before = world.stored().await;
    world.desk(Method::POST, close, &json!({})).await.problem(422, "required");
    world.desk(Method::POST, close, &json!({"reason": "Seen.", "version": 7})).await.problem(409, "record_changed");
    world
        .desk(Method::POST, &close.replace("foreign", "unknown"), &json!({"reason": "Seen.", "version": 1}))
        .await
        .problem(404, "not_found");
    for unknown in ["payments/stripe:pi_unknown", "payments/pi_foreign", "payments/:", "payments/a%2Fb"] {
        let staff = world.staff().await;
        world.with_token(Method::GET, &format!("/v1/desk/{unknown}"), &staff).await.problem(404, "not_found");
    }
    assert_eq!(world.stored().await, before, "a refused decision stores nothing");
    let closing = json!({"reason": "Another company's endpoint. Its address was removed at Stripe.", "version": 1});
    let closed = world.desk(Method::POST, close, &closing).await.expect(200);
    assert_eq!((&closed["closed"]["reason"], closed.get("undecided_since")), (&closing["reason"], None::<&Value>));
    let stored = world.stored().await;
    assert_eq!(world.desk(Method::POST, close, &closing).await.expect(200), closed, "the same again");
    assert_eq!(world.stored().await, stored);
    world.desk(Method::POST, close, &json!({"reason": "Again.", "version": 2})).await.problem(409, "not_in_review");
    assert_eq!(waiting(&world).await, ["stripe:pi_unreadable"]);
    let audit = world.desk_shows("audit/payments/stripe:pi_foreign").await;
    assert_eq!(audit["entries"][0]["reason"], closing["reason"], "who closed it is on record: {audit:#}");

    // Something new opens it again; a whole refund closes unapplied money by itself.
    let mut another = foreign.intent_succeeded();
    another["account"] = json!("acct_1Another");
    another["id"] = json!("evt_another");
    assert_eq!(world.stripe(&another).await.expect(200)["outcome"], "refused");
    assert_eq!(waiting(&world).await.len(), 2);
    assert_eq!(world.stripe(&unreadable.refunded(unreadable.amount)).await.expect(200)["outcome"], "recorded");
    assert_eq!(waiting(&world).await, ["stripe:pi_foreign"]);
    world.letters().await.none();
    world.close().await;
}
