//! A change is a new revision, and what the old one promised to its link is void (R24).

use serde_json::json;
use tests::{NOW, Quote, World, example_of, plain_vendor, stripe::Payment, with};

/// The address at which the holder of a quote's link revises it.
fn revisions(quote: &Quote) -> String {
    quote.link().replace(quote.number(), &format!("{}/revisions", quote.number()))
}

#[tokio::test]
async fn r24_a_revision_has_a_new_price_and_voids_the_old_link_and_the_old_payment() {
    let mut world = World::new().await;
    let request = example_of("tracker-data-center", 500);
    let first = world.quote(&request).await;
    world.letters().await.only("rita@reseller.example");

    // What is on offer already is no revision.
    let before = world.stored().await;
    assert_eq!(world.post(&revisions(&first), &request).await.expect(200), first.0);
    assert_eq!(world.stored().await, before);

    let larger = with(&request, [("/lines/0/users", json!(501))]);
    let answer = world.post(&revisions(&first), &larger).await;
    let second = Quote(answer.expect(201));
    assert_eq!(answer.header("location"), second.link());
    assert_eq!((second.number(), second.revision()), (first.number(), 2), "the number stays");
    assert_eq!((first.0["net"].as_i64(), second.0["net"].as_i64()), (Some(4_200_000), Some(7_200_000)));
    assert_ne!(second.secret(), first.secret());
    for link in [first.link(), first.document()] {
        world.get(link).await.problem(404, "not_found");
    }
    assert_eq!(world.get(first.pay()).await.status, 404);
    world.post(&revisions(&first), &request).await.problem(404, "not_found");
    assert_eq!(world.see(&second).await.0, second.0);
    let letter = world.letters().await.only("rita@reseller.example");
    assert!(letter.subject.contains("revision 2") && letter.text.contains(second.pay()), "{letter:#?}");
    assert!(!letter.text.contains(first.secret()));

    // A buyer pays the amount of the first link, on a page that was still open.
    let late = world.stripe(&Payment::of(&first, NOW).checkout_completed()).await.expect(200);
    assert_eq!((&late["outcome"], &late["reason"]), (&json!("unapplied"), &json!("revision_superseded")));
    let kept = format!("PAYMENT#stripe:{} PAYMENT", Payment::of(&first, NOW).intent);
    let stored = world.stored().await;
    let receipt = stored[&kept]["body"].as_s().unwrap();
    assert!(receipt.contains("revision_superseded") && receipt.contains(&first.total().to_string()), "{receipt}");
    assert_eq!(world.see(&second).await.0, second.0, "the money pays nothing");

    // The same revision again changes nothing.
    assert_eq!(world.post(&revisions(&second), &larger).await.expect(200), second.0);
    assert_eq!(world.stored().await, stored);
    // A refused one neither.
    world.post(&revisions(&second), &with(&larger, [("/lines/0/users", json!(0))])).await.problem(422, "quantity_invalid");
    assert_eq!(world.stored().await, stored);
    world.letters().await.none();

    world.pay(&second).await;
    world.ignore_letters().await;
    let paid = world.stored().await;
    world.post(&revisions(&second), &request).await.problem(409, "quote_paid");
    assert_eq!(world.stored().await, paid);
    world.close().await;
}

#[tokio::test]
async fn an_expired_quote_can_be_revised_and_is_valid_again() {
    let mut world = World::new().await;
    let request = example_of("tracker-server", 25);
    let first = world.quote(&request).await;
    world.set_clock("2027-03-01T00:00:00Z").await;
    assert_eq!(world.see(&first).await.0["status"], "expired");
    let second = Quote(world.post(&revisions(&first), &request).await.expect(201));
    assert_eq!((&second.0["status"], &second.0["valid_through"]), (&json!("issued"), &json!("2027-03-31")));
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn every_revision_is_kept_so_there_is_a_last_one() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let mut quote = world.quote(&example_of("tracker-server", 1)).await;
    for users in 2..=20 {
        let answer = world.post(&revisions(&quote), &example_of("tracker-server", users)).await;
        quote = Quote(answer.expect(201));
    }
    assert_eq!(quote.revision(), 20);
    let refused = world.post(&revisions(&quote), &example_of("tracker-server", 21)).await;
    refused.problem(409, "revision_limit_reached");
    assert_eq!(world.letters().await.0.len(), 20, "one letter for each");
    world.close().await;
}
