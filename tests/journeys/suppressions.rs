//! C3: a letter that comes back, or that its reader complains of, is the last one to that mailbox until staff have decided.

use reqwest::Method;
use serde_json::{Value, json};
use tests::{Answer, Letter, NOW, World, example, example_of, plain_vendor, with};

const RITA: &str = "rita@reseller.example";
const TINA: &str = "tina@customer.example";

/// Reports a letter as SES does.
async fn report(world: &World, letter: &Letter, kind: &str) -> Answer {
    world.post(&format!("/local/inbox/{}/feedback", letter.id), &json!({ "report": kind })).await
}

/// The suppressed mailboxes, as the desk lists them.
async fn suppressed(world: &World) -> Vec<Value> {
    world.desk_shows("suppressions").await["suppressions"].as_array().expect("a list").clone()
}

/// What became of a quote's letters, as role and state.
async fn letters_of(world: &World, number: &str) -> Vec<(String, String)> {
    let shown = world.desk_shows(&format!("quotes/{number}/letters")).await;
    let letters = shown["letters"].as_array().expect("a list").iter();
    let text = |letter: &Value, name: &str| letter[name].as_str().expect("a text").to_owned();
    letters.map(|letter| (text(letter, "role"), text(letter, "state"))).collect()
}

fn state(role: &str, state: &str) -> (String, String) {
    (role.to_owned(), state.to_owned())
}

async fn lift(world: &World, mailbox: &Value) -> Answer {
    let path = format!("suppressions/{}/lift", mailbox["mailbox"].as_str().expect("an id"));
    let body = json!({ "reason": "The server was repaired.", "version": mailbox["version"] });
    world.desk(Method::POST, &path, &body).await
}

#[tokio::test]
async fn c3_after_a_bounce_the_next_letters_are_withheld_shown_and_sent_when_staff_lift_that() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let first = world.quote(&example_of("tracker-server", 25)).await;
    let copy = world.letters().await.only(RITA);
    assert_eq!(copy.configuration_set.as_deref(), Some("requests"), "anyone can cause it");
    assert_eq!(suppressed(&world).await, [json!(null); 0]);
    report(&world, &copy, "bounce").await.expect(200);

    // A request and a purchase: the copy of another quote, and the receipt of the first one.
    let second = world.quote(&example_of("tracker-server", 25)).await;
    world.paid(&first).await;
    let mut letters = world.letters().await;
    let confirmation = letters.take(TINA);
    assert_eq!(confirmation.configuration_set.as_deref(), Some("purchases"), "another mailbox is not concerned");
    letters.none();
    assert_eq!(
        letters_of(&world, first.number()).await,
        [state("quote", "sent"), state("confirmation", "sent"), state("receipt", "withheld")]
    );
    assert_eq!(letters_of(&world, second.number()).await, [state("quote", "withheld")]);

    let [mailbox] = &suppressed(&world).await[..] else { panic!("one mailbox") };
    assert_eq!((&mailbox["address"], &mailbox["since"]), (&json!(RITA), &json!(NOW)));
    assert_eq!(mailbox["cause"], json!("permanent_bounce"));
    let stated = &mailbox["reports"][0];
    assert_eq!((&stated["cause"], &stated["detail"]), (&json!("permanent_bounce"), &json!("NoEmail")));
    assert_eq!(stated["diagnostic"], json!("smtp; 550 5.1.1 user unknown"));
    let withheld = mailbox["withheld"].as_array().expect("a list");
    let shown: Vec<_> = withheld.iter().map(|letter| (letter["quote"].as_str(), letter["role"].as_str())).collect();
    assert_eq!(shown.len(), 2);
    assert!(shown.contains(&(Some(first.number()), Some("receipt"))), "{shown:?}");
    assert!(shown.contains(&(Some(second.number()), Some("quote"))), "{shown:?}");
    let id = mailbox["mailbox"].as_str().expect("an id").to_owned();
    assert_eq!(&world.desk_shows(&format!("suppressions/{id}")).await, mailbox);

    lift(&world, mailbox).await.expect(200);
    let mut letters = world.letters().await;
    let sent = [letters.take_first(RITA), letters.take_first(RITA)];
    letters.none();
    assert!(sent.iter().any(|letter| letter.subject.contains(second.number())), "the copy");
    assert!(sent.iter().any(|letter| letter.subject.contains(first.number()) && letter.attachments.len() == 1), "the receipt");
    assert_eq!(suppressed(&world).await, [json!(null); 0]);
    assert_eq!(letters_of(&world, second.number()).await, [state("quote", "sent")]);
    let after = world.desk_shows(&format!("suppressions/{id}")).await;
    assert_eq!((after.get("since"), after.get("cause"), &after["withheld"]), (None, None, &json!([])));
    assert_eq!(after["lifted"]["reason"], json!("The server was repaired."));
    let audit = world.desk_shows(&format!("audit/suppressions/{id}")).await;
    assert_eq!(
        (&audit["entries"][0]["reason"], &audit["entries"][0]["email"]),
        (&after["lifted"]["reason"], &json!("dana@vendor.example"))
    );

    // Letters are sent again, and a repeated delivery of the report changes nothing.
    report(&world, &copy, "bounce").await.expect(200);
    world.quote(&example_of("tracker-server", 25)).await;
    let next = world.letters().await.only(RITA);
    // A new bounce is another one.
    report(&world, &next, "bounce").await.expect(200);
    assert_eq!(suppressed(&world).await.len(), 1);
    world.close().await;
}

/// A withheld letter that is no longer current is not sent by the lift.
#[tokio::test]
async fn c3_a_withheld_copy_of_a_quote_that_was_paid_meanwhile_asks_for_no_payment() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    world.quote(&example_of("tracker-server", 25)).await;
    let copy = world.letters().await.only(RITA);
    report(&world, &copy, "complaint").await.expect(200);
    let quote = world.quote(&example_of("tracker-server", 25)).await;
    world.settled().await;
    world.paid(&quote).await;
    world.letters().await.only(TINA);
    let [mailbox] = &suppressed(&world).await[..] else { panic!("one mailbox") };
    assert_eq!((&mailbox["reports"][0]["cause"], &mailbox["reports"][0]["detail"]), (&json!("complaint"), &json!("abuse")));
    lift(&world, mailbox).await.expect(200);
    let receipt = world.letters().await.only(RITA);
    assert!(receipt.subject.contains("is paid"), "{}", receipt.subject);
    assert_eq!(letters_of(&world, quote.number()).await[0], state("quote", "withheld"));
    world.close().await;
}

#[tokio::test]
async fn c3_a_transient_bounce_and_a_report_that_is_no_complaint_stop_nothing() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    for kind in ["transient_bounce", "not_spam", "reject"] {
        world.quote(&example_of("tracker-server", 25)).await;
        let copy = world.letters().await.only(RITA);
        report(&world, &copy, kind).await.expect(200);
        assert_eq!(suppressed(&world).await, [json!(null); 0], "{kind}");
    }
    world.quote(&example_of("tracker-server", 25)).await;
    world.letters().await.only(RITA);
    world.close().await;
}

/// One person's addresses are one mailbox. A stranger cannot stop the owner's letters with an address that the owner's server does not
/// know.
#[tokio::test]
async fn c3_a_bounce_counts_for_the_plus_forms_of_its_mailbox_but_not_the_other_way_round() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let to = |address: &str| with(&example_of("tracker-server", 25), [("/reseller/contact/email", json!(address))]);
    let (tagged, other) = ("rita+nosuch@reseller.example", "rita+orders@reseller.example");
    world.quote(&to(tagged)).await;
    let copy = world.letters().await.only(tagged);
    report(&world, &copy, "bounce").await.expect(200);
    world.quote(&to(tagged)).await;
    world.letters().await.none();
    world.quote(&to(RITA)).await;
    let owners = world.letters().await.only(RITA);
    report(&world, &owners, "bounce").await.expect(200);
    for address in [RITA, other] {
        world.quote(&to(address)).await;
        world.letters().await.none();
    }
    assert_eq!(suppressed(&world).await.len(), 1, "one mailbox");
    world.close().await;
}

/// The limits of C3 hold back what anyone can request; a mailbox that bounces gets nothing more, however many quotes are requested.
#[tokio::test]
async fn c3_sixty_quotes_for_bouncing_mailboxes_cause_one_letter_each() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let addresses: Vec<_> = (0..10).map(|i| format!("person-{i}@bouncing.example")).collect();
    let to = |address: &str| with(&example_of("tracker-server", 25), [("/reseller/contact/email", json!(address))]);
    for address in &addresses {
        world.quote(&to(address)).await;
    }
    let mut letters = world.letters().await;
    for address in &addresses {
        let copy = letters.take(address);
        report(&world, &copy, "bounce").await.expect(200);
    }
    for address in addresses.iter().cycle().take(50) {
        world.quote(&to(address)).await;
    }
    world.letters().await.none();
    let listed = suppressed(&world).await;
    assert_eq!(listed.len(), 10);
    assert!(listed.iter().all(|mailbox| mailbox["withheld"].as_array().is_some_and(|letters| letters.len() == 5)), "{listed:#?}");

    // The list is read page by page.
    let (mut paged, mut path) = (Vec::new(), "suppressions?limit=4".to_owned());
    loop {
        let mut page = world.desk_shows(&path).await;
        let Value::Array(found) = page["suppressions"].take() else { panic!("a list") };
        assert!(found.len() <= 4);
        paged.extend(found);
        let Some(next) = page["next"].as_str() else { break };
        path = format!("suppressions?limit=4&cursor={next}");
    }
    assert_eq!(paged.len(), 10);
    assert!(listed.iter().all(|mailbox| paged.contains(mailbox)), "{paged:#?}");
    world.close().await;
}

#[tokio::test]
async fn c3_what_the_desk_refuses_about_a_mailbox_changes_nothing() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    world.quote(&example()).await;
    let copy = world.letters().await.only(RITA);
    report(&world, &copy, "bounce").await.expect(200);
    let [mailbox] = &suppressed(&world).await[..] else { panic!("one mailbox") };
    let path = format!("suppressions/{}/lift", mailbox["mailbox"].as_str().expect("an id"));
    let before = world.stored().await;
    for (body, status, code) in [
        (json!({ "reason": "It works.", "version": 7 }), 409, "record_changed"),
        (json!({ "version": 1 }), 422, "required"),
        (json!({ "reason": "It works." }), 422, "required"),
        (json!({ "reason": "It works.", "version": 1, "force": true }), 422, "unknown_member"),
    ] {
        world.desk(Method::POST, &path, &body).await.problem(status, code);
    }
    let body = json!({ "reason": "It works.", "version": 1 });
    for unknown in ["suppressions/00000000000000000000000000000000/lift", "suppressions/rita@reseller.example/lift"] {
        world.desk(Method::POST, unknown, &body).await.problem(404, "not_found");
    }
    let customer = world.token(RITA, None).await;
    world.post_as(&customer, &format!("/v1/desk/{path}"), &body).await.problem(403, "staff_only");
    world.post(&format!("/local/inbox/{}/feedback", copy.id), &json!({ "report": "eaten" })).await.problem(422, "value_invalid");
    world.post("/local/inbox/00000001-00/feedback", &json!({ "report": "bounce" })).await.problem(404, "not_found");
    assert_eq!(world.stored().await, before);
    world.letters().await.none();

    // The same lift again is the same decision; another one has nothing to lift.
    let lifted = world.desk(Method::POST, &path, &body).await.expect(200);
    assert_eq!(world.desk(Method::POST, &path, &body).await.expect(200), lifted);
    let other = json!({ "reason": "Once more.", "version": lifted["version"] });
    world.desk(Method::POST, &path, &other).await.problem(409, "not_in_review");
    world.close().await;
}
