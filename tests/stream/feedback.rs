//! C3: what SES reports of letters, delivered at least once and in any order, and letters that are withheld when a process ends between
//! two writes.

use ::feedback::Failure;
use domain::{
    QuoteNumber,
    number::Minter,
    party::Email,
    pending::Work,
    suppression::{LetterClass, Lifted, MailboxId, Suppression, WithheldLetter, Withholding},
};
use jiff::SignedDuration;
use serde_json::{Value, json};
use store::{Commit, LetterNote, keys::Key};
use tests::NOW;

use super::{consumers::Consumers, mapping::Mapping};

const ONCE: Mapping = Mapping { retries: 0 };

fn bounce(id: &str, address: &str) -> String {
    let mail = json!({ "timestamp": NOW, "messageId": "letter", "destination": [address] });
    let bounce = json!({
        "bounceType": "Permanent", "bounceSubType": "NoEmail", "bouncedRecipients": [{ "emailAddress": address }],
        "timestamp": NOW, "feedbackId": id,
    });
    json!({ "eventType": "Bounce", "mail": mail, "bounce": bounce }).to_string()
}

/// The address of the first quote of [`Consumers::quotes`], and its mailbox.
const RITA: &str = "rita0@reseller.example";

fn mailbox() -> MailboxId {
    MailboxId::of(&Minter::new(b"a key of the tests"), &Email::parse(RITA).unwrap())
}

async fn suppression(consumers: &Consumers) -> Option<Suppression> {
    consumers.store().recorded(&Key::mailbox(&mailbox())).await.unwrap()
}

async fn note(consumers: &Consumers, quote: &QuoteNumber) -> Option<LetterNote> {
    consumers.store().letter(&Key::letter(&Key::quote(quote), 1, "quote"), &mailbox()).await.unwrap().0
}

fn sent(quote: &QuoteNumber) -> Vec<String> {
    vec![format!("{}.1.quote", quote.compact())]
}

/// Staff lift the suppression.
async fn lift(consumers: &Consumers) {
    let lifted = Lifted { at: NOW.parse().unwrap(), by: "dana".to_owned(), email: None, reason: "It works.".to_owned() };
    let next = suppression(consumers).await.unwrap().lift(lifted).unwrap();
    assert_eq!(consumers.store().update_suppression(&next).await.unwrap(), Commit::Committed);
}

#[tokio::test]
async fn c3_a_message_that_is_no_event_of_ses_is_an_error_stores_nothing_and_stops_no_other() {
    let consumers = Consumers::new().await;
    let broken = |change: fn(&mut Value)| {
        let mut event: Value = serde_json::from_str(&bounce("f-1", RITA)).unwrap();
        change(&mut event);
        event.to_string()
    };
    let broken = [
        String::new(),
        "{".to_owned(),
        broken(|event| event["eventType"] = json!("Novelty")),
        broken(|event| event["bounce"]["bounceType"] = json!("Perpetual")),
        broken(|event| event["mail"]["destination"] = json!(["no address"])),
        broken(|event| drop(event.as_object_mut().unwrap().remove("bounce"))),
    ];
    for message in &broken {
        let failure = consumers.report(std::slice::from_ref(message)).await.expect_err(message);
        assert!(matches!(failure, Failure::Message(_)), "{failure:?}");
        assert!(!format!("{failure} {failure:?}").contains("reseller"), "{failure:?}");
        assert_eq!(suppression(&consumers).await, None, "{message}");
    }
    consumers.report(&[broken[0].clone(), bounce("f-1", RITA)]).await.expect_err("the first message");
    assert_eq!(suppression(&consumers).await.unwrap().reports.len(), 1, "the second one is recorded");
    // What is about no mailbox is no error.
    consumers.report(&["Successfully validated SNS topic for Amazon SES event publishing.".to_owned()]).await.unwrap();
}

#[tokio::test]
async fn c3_reports_that_are_delivered_twice_and_at_the_same_time_are_recorded_once() {
    let consumers = Consumers::new().await;
    let one = |id: &'static str| {
        let consumers = &consumers;
        async move {
            for _ in 0..2 {
                consumers.report(&[bounce(id, RITA)]).await.unwrap();
            }
        }
    };
    tokio::join!(one("f-1"), one("f-2"), one("f-3"), one("f-2"));
    let recorded = suppression(&consumers).await.unwrap();
    let ids: Vec<_> = recorded.reports.iter().map(|report| &*report.id).collect();
    assert_eq!((ids, recorded.version), (vec!["f-1", "f-2", "f-3"], 3));
}

/// The process ends after it has listed the letter and before it has noted it: the record comes again.
#[tokio::test]
async fn c3_a_letter_that_is_listed_and_not_noted_is_withheld_once_and_sent_once_after_the_lift() {
    let mut consumers = Consumers::new().await;
    let quote = consumers.quotes(1).await.remove(0);
    consumers.report(&[bounce("f-1", RITA)]).await.unwrap();
    let letter = WithheldLetter {
        quote: quote.clone(),
        entry: 1,
        role: "quote".to_owned(),
        class: LetterClass::Request,
        to: Email::parse(RITA).unwrap(),
        at: NOW.parse().unwrap(),
    };
    let Withholding::List(listed) = suppression(&consumers).await.unwrap().withhold(&letter) else { panic!("it is withheld") };
    assert_eq!(consumers.store().update_suppression(&listed).await.unwrap(), Commit::Committed);

    consumers.drain(ONCE, &[], &[]).await;
    assert_eq!(suppression(&consumers).await, Some(listed));
    assert_eq!(note(&consumers, &quote).await, Some(LetterNote::Withheld { mailbox: mailbox() }));
    assert_eq!((consumers.letters(), consumers.waiting(Work::Letters).await), (vec![], vec![]), "nothing is pending");

    lift(&consumers).await;
    consumers.drain(ONCE, &[], &[]).await;
    assert_eq!(consumers.letters(), sent(&quote));
    assert!(matches!(note(&consumers, &quote).await, Some(LetterNote::Sent { .. })));
    assert_eq!(suppression(&consumers).await.unwrap().withheld, []);
}

/// Staff lift the suppression before the letter is noted: the lift has sent the letter, and the late note does not hide that.
#[tokio::test]
async fn c3_a_late_note_that_a_letter_is_withheld_does_not_replace_that_it_was_sent() {
    let mut consumers = Consumers::new().await;
    let quote = consumers.quotes(1).await.remove(0);
    consumers.drain(ONCE, &[], &[]).await;
    let key = Key::letter(&Key::quote(&quote), 1, "quote");
    let withheld = LetterNote::Withheld { mailbox: mailbox() };
    consumers.store().note_letter(&key, NOW.parse().unwrap(), &withheld).await.unwrap();
    assert!(matches!(note(&consumers, &quote).await, Some(LetterNote::Sent { .. })));
}

/// The stream record of the lift is lost: the record of the mailbox has pending work, of which `deadlines` reminds.
#[tokio::test]
async fn c3_withheld_letters_are_sent_after_a_reminder_if_the_record_of_the_lift_is_lost() {
    let mut consumers = Consumers::new().await;
    let quote = consumers.quotes(1).await.remove(0);
    consumers.report(&[bounce("f-1", RITA)]).await.unwrap();
    consumers.drain(ONCE, &[], &[]).await;
    lift(&consumers).await;
    consumers.refuse_mail_to(RITA, "Throttling");
    assert_eq!(consumers.drain(ONCE, &[], &[]).await.letters.len(), 1, "it is given up");
    consumers.take_all_mail();
    consumers.later(SignedDuration::from_hours(1)).await;
    assert_eq!(consumers.remind().await.reminded, 1);
    consumers.drain(ONCE, &[], &[]).await;
    assert_eq!(consumers.letters(), sent(&quote));
    assert_eq!(consumers.remind().await.oldest_owed_seconds, 0);
}

/// An operator has switched off the configuration set of letters about requests.
#[tokio::test]
async fn c3_a_letter_whose_configuration_set_is_switched_off_is_pending_and_holds_up_no_other() {
    let mut consumers = Consumers::new().await;
    let quotes = consumers.quotes(2).await;
    consumers.refuse_mail_to(RITA, "ConfigurationSetSendingPausedException");
    let given_up = consumers.drain(ONCE, &[], &[]).await;
    assert!(given_up.letters.is_empty(), "no record fails: {given_up:?}");
    assert_eq!(consumers.letters(), sent(&quotes[1]));
    assert_eq!(consumers.waiting(Work::Letters).await, [quotes[0].clone()]);

    consumers.take_all_mail();
    consumers.later(SignedDuration::from_hours(1)).await;
    assert_eq!(consumers.remind().await.reminded, 1);
    consumers.drain(ONCE, &[], &[]).await;
    assert_eq!(consumers.letters().len(), 2);
    assert_eq!(consumers.waiting(Work::Letters).await, []);
}
