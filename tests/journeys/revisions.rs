//! A change is a new revision, and what the old one promised to its link is void (R24).

use serde_json::json;
use tests::{NOW, Quote, World, example, example_of, pdf, plain_vendor, stripe::Payment, with};

#[tokio::test]
async fn r24_a_revision_has_a_new_price_and_voids_the_old_link_and_the_old_payment() {
    let mut world = World::new().await;
    let request = example_of("tracker-data-center", 500);
    let first = world.quote(&request).await;
    world.letters().await.only("rita@reseller.example");

    // What is on offer already is no revision.
    let before = world.stored().await;
    assert_eq!(world.post(first.revise(), &request).await.expect(200), first.0);
    assert_eq!(world.stored().await, before);

    let larger = with(&request, [("/lines/0/users", json!(501))]);
    let answer = world.post(first.revise(), &larger).await;
    let second = Quote(answer.expect(201));
    assert_eq!(answer.header("location"), second.link());
    assert_eq!((second.number(), second.revision()), (first.number(), 2), "the number stays");
    assert_eq!((first.0["net"].as_i64(), second.0["net"].as_i64()), (Some(4_200_000), Some(7_200_000)));
    assert_ne!(second.secret(), first.secret());
    for link in [first.link(), first.document()] {
        world.get(link).await.problem(404, "not_found");
    }
    assert_eq!(world.get(first.pay()).await.status, 404);
    world.post(first.revise(), &request).await.problem(404, "not_found");
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
    assert_eq!(world.post(second.revise(), &larger).await.expect(200), second.0);
    assert_eq!(world.stored().await, stored);
    // A refused one neither.
    world.post(second.revise(), &with(&larger, [("/lines/0/users", json!(0))])).await.problem(422, "quantity_invalid");
    assert_eq!(world.stored().await, stored);
    world.letters().await.none();

    world.pay(&second).await;
    world.ignore_letters().await;
    let paid = world.stored().await;
    world.post(second.revise(), &request).await.problem(409, "quote_paid");
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
    let second = Quote(world.post(first.revise(), &request).await.expect(201));
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
        let answer = world.post(quote.revise(), &example_of("tracker-server", users)).await;
        quote = Quote(answer.expect(201));
    }
    assert_eq!(quote.revision(), 20);
    let refused = world.post(quote.revise(), &example_of("tracker-server", 21)).await;
    refused.problem(409, "revision_limit_reached");
    // Finding A8: a revision that is replaced before its letter is sent has none.
    let letters = world.letters().await.0;
    assert!((1..=20).contains(&letters.len()), "at most one letter for each");
    assert!(letters.last().unwrap().subject.contains("revision 20"), "{:#?}", letters.last());
    world.close().await;
}

/// C1: the document and the payment link pass through many hands. Their secret must not name another technical contact, who
/// would receive the key.
#[tokio::test]
async fn c1_a_stranger_with_the_document_reads_and_pays_and_changes_nothing() {
    let mut world = World::new().await;
    let quote = world.quote(&example()).await;
    let letter = world.letters().await.only("rita@reseller.example");
    let change = quote.revise().rsplit_once("secret=").expect("a link has a secret").1;
    let document = world.get(quote.document()).await;
    let pages = pdf::pages(&document.body);
    // The link is what a button and a code open, and no text.
    let links = pdf::links(&document.body);
    assert!(links.iter().any(|link| link == quote.pay()) && links.iter().all(|link| !link.contains("change-")), "{links:#?}");
    assert!(!pages.iter().any(|page| page.contains("change-")), "{pages:#?}");
    let page = world.get(quote.pay()).await;
    // The address of the person who receives the key is where a buyer sees it.
    assert!(pages[0].contains("tina@customer.example") && letter.text.contains("tina@customer.example"), "{pages:#?}");
    assert!(page.text().contains("tina@customer.example"), "{}", page.text());
    let (read, pay) = (quote.link(), quote.pay());
    assert!(!read.contains(change) && !pay.contains(change) && !quote.document().contains(change));
    assert!(letter.text.contains(&quote.own_link()), "the requester gets the link that changes:\n{}", letter.text);

    // The holder of the reading secret sees everything but the link that changes.
    let seen = world.get(read).await.expect(200);
    assert_eq!(seen["links"].get("revise"), None);
    assert_eq!(world.see(&quote).await.0, quote.0, "the requester sees the link that changes");

    let theirs = json!({"name": "Eve Stranger", "email": "eve@stranger.example"});
    let hijacked = with(&example(), [("/customer/technical_contact", theirs.clone()), ("/reseller/contact", theirs)]);
    let before = world.stored().await;
    let revisions = quote.revise().replace(change, quote.secret());
    let answer = world.post(&revisions, &hijacked).await;
    let problem = answer.problem(403, "link_reads_only");
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("requester's letter")), "{problem}");
    for guess in [format!("change-{}", quote.secret()), "change-".to_owned(), change.replace("change-", "")] {
        world.post(&quote.revise().replace(change, &guess), &hijacked).await.problem(404, "not_found");
    }
    let eve = world.token("eve@stranger.example", None).await;
    world.post_as(&eve, &revisions, &hijacked).await.problem(403, "link_reads_only");
    let bare = revisions.split('?').next().expect("a path");
    world.post_as(&eve, bare, &hijacked).await.problem(404, "not_found");
    assert_eq!(world.stored().await, before, "nothing is stored");
    world.letters().await.none();

    world.pay(&Quote(seen)).await;
    let paid = world.letters().await;
    paid.0.iter().for_each(|letter| assert!(!letter.to.contains("stranger"), "{letter:#?}"));
    world.close().await;
}

/// C1: a requester who is signed in needs no secret.
#[tokio::test]
async fn c1_the_signed_in_requester_changes_the_order_without_a_link() {
    let mut world = World::new().await;
    let first = world.quote(&example_of("tracker-data-center", 500)).await;
    let rita = world.token("rita@reseller.example", None).await;
    let revisions = format!("/v1/quotes/{}/revisions", first.number());
    let larger = example_of("tracker-data-center", 501);
    world.post(&revisions, &larger).await.problem(404, "not_found");
    let second = Quote(world.post_as(&rita, &revisions, &larger).await.expect(201));
    assert_eq!(second.revision(), 2);
    // Nor does she need a link to see it.
    let itself = format!("/v1/quotes/{}", first.number());
    let eve = world.token("eve@stranger.example", None).await;
    assert_eq!(world.get_as(&rita, &itself).await.expect(200), second.0);
    world.get(&itself).await.problem(404, "not_found");
    world.get_as(&eve, &itself).await.problem(404, "not_found");
    world.get_as(&rita, &format!("{itself}?secret={}", first.secret())).await.problem(404, "not_found");
    assert_eq!(world.post(second.revise(), &larger).await.expect(200), second.0);
    world.post(first.revise(), &example_of("tracker-data-center", 500)).await.problem(404, "not_found");
    world.ignore_letters().await;
    world.close().await;
}

/// C1: whoever changes the order in the requester's place, the requester learns of it, once for each such revision.
#[tokio::test]
async fn c1_the_requester_of_the_revision_before_learns_who_changed_the_order_and_how() {
    let mut world = World::new().await;
    let first = world.quote(&example()).await;
    world.letters().await.only("rita@reseller.example");

    let sam = json!({"name": "Sam Seller", "email": "sam@reseller.example"});
    let theirs = with(&example(), [("/customer/technical_contact", sam.clone()), ("/reseller/contact", sam.clone())]);
    let second = Quote(world.post(first.revise(), &theirs).await.expect(201));
    let mut letters = world.letters().await;
    let letter = letters.take("rita@reseller.example");
    assert!(letter.subject.contains(second.number()) && letter.subject.contains("changed by another person"), "{letter:#?}");
    assert_eq!(
        letter.text.matches("Sam Seller (sam@reseller.example)").count(),
        2,
        "requester and technical contact: {letter:#?}"
    );
    assert!(!letter.text.contains("What is ordered has changed"), "{letter:#?}");
    assert!(!letter.text.contains("secret=") && letter.attachments.is_empty(), "{letter:#?}");
    letters.only("sam@reseller.example");

    // A revision by the same person is no news to anyone else; each later one by another person is.
    let larger = with(&theirs, [("/lines/0/users", json!(900))]);
    let third = Quote(world.post(second.revise(), &larger).await.expect(201));
    world.letters().await.only("sam@reseller.example");
    let back = with(&larger, [("/reseller/contact", example()["reseller"]["contact"].clone()), ("/lines/0/users", json!(25))]);
    world.post(third.revise(), &back).await.expect(201);
    let mut letters = world.letters().await;
    let letter = letters.take("sam@reseller.example");
    assert!(letter.text.contains("rita@reseller.example") && letter.text.contains("What is ordered has changed"), "{letter:#?}");
    letters.only("rita@reseller.example");
    world.close().await;
}
