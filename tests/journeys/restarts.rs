//! A deployment that is stopped, or dies, at any step goes on where it was: nothing is lost, and nothing is done twice.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
    time::Duration,
};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::QuoteNumber;
use serde_json::Value;
use tests::{NOW, Quote, World, example, plain_vendor, stripe::Payment};

type Item = HashMap<String, AttributeValue>;

/// How a deployment is interrupted, and what that may do to letters: only a process that dies between the mail service's answer
/// and the note of it sends one again.
struct Interruption {
    crash: bool,
    /// How long after each step.
    after: Duration,
}

impl Interruption {
    async fn strike(&self, world: &mut World) {
        tokio::time::sleep(self.after).await;
        if self.crash { world.crash().await } else { world.restart().await }
    }
}

/// One quote's way to its licences, interrupted after each step.
async fn story(world: &mut World, interruption: &Interruption) -> Quote {
    // Created, and its letter not yet sent.
    let quote = world.quote(&example()).await;
    interruption.strike(world).await;
    assert_eq!(world.see(&quote).await.0, quote.0, "what was acknowledged is there, at the same link");
    // The letter sent, and nothing else to do.
    world.settled().await;
    interruption.strike(world).await;
    // Paid, and nothing issued yet; then reported again, as Stripe does.
    let payment = Payment::of(&quote, NOW);
    assert_eq!(world.stripe(&payment.checkout_completed()).await.expect(200)["outcome"], "applied");
    interruption.strike(world).await;
    assert_eq!(world.see(&quote).await.0["status"], "paid");
    assert_eq!(world.stripe(&payment.intent_succeeded()).await.expect(200)["outcome"], "already_processed");
    // Issued, and the letters not yet sent.
    while world.see(&quote).await.0["licenses"] == Value::Array(Vec::new()) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    interruption.strike(world).await;
    // All done.
    world.settled().await;
    interruption.strike(world).await;
    world.see(&quote).await
}

/// What is stored and sent for a quote that was paid once equals that of a quote without interruptions.
async fn assert_done_once(world: &World, quote: &Quote, crashes: bool) {
    let number = quote.number().parse::<QuoteNumber>().unwrap();
    let number = number.compact();
    let view = world.see(quote).await;
    let counts = ["licenses", "subscriptions", "payments", "history"].map(|list| view.0[list].as_array().map_or(0, Vec::len));
    assert_eq!(counts, [2, 1, 1, 3], "{:#}", view.0);

    let stored = world.stored().await;
    let about_it = |(key, item): &(&String, &Item)| key.contains(number) || format!("{item:?}").contains(quote.number());
    let keys: Vec<_> = stored.iter().filter(about_it).map(|(key, _)| key).collect();
    let of_quote = |prefix: &str, sort: &str| keys.iter().filter(|key| key.starts_with(prefix) && key.ends_with(sort)).count();
    assert_eq!(of_quote("LICENSE#", " LICENSE"), 3, "one entitlement for each line");
    assert_eq!(of_quote("PAYMENT#", " PAYMENT"), 1, "one receipt");
    assert_eq!(of_quote("QUOTE#", " LETTER#1#quote"), 1);
    assert_eq!((of_quote("QUOTE#", "#confirmation"), of_quote("QUOTE#", "#receipt")), (1, 1));

    let mut copies: BTreeMap<String, usize> = BTreeMap::new();
    for letter in world.inbox().await {
        if letter.message_id.starts_with(number) {
            *copies.entry(format!("{} {}", letter.message_id, letter.to)).or_default() += 1;
        }
    }
    let ids = [
        format!("{number}.1.quote@vendor.example rita@reseller.example"),
        format!("{number}.3.confirmation@vendor.example tina@customer.example"),
        format!("{number}.3.receipt@vendor.example rita@reseller.example"),
    ];
    assert_eq!(copies.keys().collect::<Vec<_>>(), ids.iter().collect::<Vec<_>>(), "every letter, under its one Message-ID");
    // Between two rests of the story there are at most two crashes, and each may repeat a letter.
    let most = if crashes { 3 } else { 1 };
    assert!(copies.values().all(|copies| (1..=most).contains(copies)), "{copies:?}");
}

async fn stories(vendor: PathBuf, crash: bool, delays: &[u64]) {
    let mut world = World::of_vendor(NOW, vendor).await;
    let undisturbed = world.quote(&example()).await;
    // Its copy is sent before the payment, after which no letter would ask to pay.
    world.settled().await;
    world.pay(&undisturbed).await;
    world.settled().await;
    let mut quotes = vec![world.see(&undisturbed).await];
    for after in delays {
        let interruption = Interruption { crash, after: Duration::from_millis(*after) };
        quotes.push(story(&mut world, &interruption).await);
    }
    let invoices: Vec<_> = quotes.iter().map(|quote| quote.0["invoice"].as_str().unwrap().to_owned()).collect();
    let expected: Vec<_> = (1..=quotes.len()).map(|n| format!("IN-{n:06}")).collect();
    assert_eq!(invoices, expected, "the series of invoices has no gap and no number twice");
    for quote in &quotes {
        assert_done_once(&world, quote, crash).await;
    }
    world.ignore_letters().await;
    world.close().await;
}

#[tokio::test]
async fn a_restart_after_any_step_changes_nothing() {
    // With the vendor's real documents, which take their time.
    stories(tests::VENDOR.into(), false, &[0]).await;
}

#[tokio::test]
async fn a_crash_after_any_step_loses_nothing_and_does_nothing_twice() {
    let vendor = plain_vendor();
    stories(vendor.path().into(), true, &[0, 3, 8, 15, 25, 40, 80]).await;
}

#[tokio::test]
async fn a_crash_while_a_document_is_laid_out_loses_no_letter() {
    stories(tests::VENDOR.into(), true, &[60]).await;
}
