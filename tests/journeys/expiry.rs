//! A quote can be paid until its last day ends, and a payment counts from when it was made (E26).

use serde_json::json;
use tests::{World, example_of, stripe::Payment};

#[tokio::test]
async fn e26_a_card_payment_of_the_last_second_is_accepted_and_one_of_the_next_is_not() {
    let mut world = World::at("2026-06-01T15:30:00Z").await;
    let request = example_of("tracker-server", 25);
    let (in_time, late, paid) = (world.quote(&request).await, world.quote(&request).await, world.quote(&request).await);
    assert_eq!(in_time.0["valid_through"], "2026-07-01");
    assert_eq!(in_time.0["expires_at"], "2026-07-02T00:00:00Z");
    world.ignore_letters().await;

    let can_be_paid = async |world: &World, quote: &tests::Quote| world.get(quote.pay()).await.text().contains("<form");
    world.set_clock("2026-07-01T23:59:59Z").await;
    assert!(can_be_paid(&world, &late).await);
    assert_eq!(world.see(&late).await.0["status"], "issued");
    world.pay(&paid).await;
    assert!(!can_be_paid(&world, &paid).await, "what is paid is not paid again");
    world.ignore_letters().await;

    world.set_clock("2026-07-02T00:00:00Z").await;
    assert!(!can_be_paid(&world, &late).await);
    let expired = world.see(&late).await;
    assert_eq!(expired.0["status"], "expired");
    assert!(expired.0["links"].get("pay").is_none());
    assert_eq!(world.see(&paid).await.0["status"], "paid", "what is paid does not expire");

    // The practice form cannot be pressed any more, not even by a page that is still open.
    let before = world.stored().await;
    let pressed = world.send(world.request(reqwest::Method::POST, late.pay()).body("outcome=paid")).await;
    assert!(pressed.text().contains("This quote has expired"), "{}", pressed.text());
    assert_eq!(world.stored().await, before);

    // Both payments are reported days later. The instant of the payment decides.
    world.set_clock("2026-07-05T09:00:00Z").await;
    let response = world.stripe(&Payment::of(&in_time, "2026-07-01T23:59:59Z").checkout_completed()).await.expect(200);
    assert_eq!(response["outcome"], "applied");
    let response = world.stripe(&Payment::of(&late, "2026-07-02T00:00:00Z").checkout_completed()).await.expect(200);
    assert_eq!((&response["outcome"], &response["reason"]), (&json!("unapplied"), &json!("quote_expired")));
    world.ignore_letters().await;

    let in_time = world.see(&in_time).await;
    assert_eq!(in_time.0["status"], "paid");
    let sen = in_time.0["licenses"][0]["sen"].as_str().unwrap();
    let token = world.token("tina@customer.example", None).await;
    let license = world.with_token(reqwest::Method::GET, &format!("/v1/licenses/{sen}"), &token).await.expect(200);
    assert_eq!((&license["purchased"], &license["maintenance_end"]), (&json!("2026-07-01"), &json!("2027-07-01")));

    let late_quote = world.see(&late).await;
    assert_eq!((&late_quote.0["status"], &late_quote.0["payments"]), (&json!("expired"), &json!([])));
    let receipt = &world.stored().await[&format!("PAYMENT#stripe:{} PAYMENT", Payment::of(&late, tests::NOW).intent)];
    assert!(receipt["body"].as_s().unwrap().contains("quote_expired"), "the money is kept, with its reason");
    world.close().await;
}

#[tokio::test]
async fn a_declined_attempt_is_shown_and_the_next_one_pays() {
    let mut world = World::new().await;
    let quote = world.quote(&example_of("tracker-server", 25)).await;
    let declined = world.send(world.request(reqwest::Method::POST, quote.pay()).body("outcome=declined")).await;
    assert!(declined.text().contains("The last attempt failed: card declined."), "{}", declined.text());
    assert_eq!(world.see(&quote).await.0["status"], "issued");
    world.pay(&quote).await;
    world.ignore_letters().await;
    assert_eq!(world.see(&quote).await.0["payments"].as_array().unwrap().len(), 1);
    world.close().await;
}
