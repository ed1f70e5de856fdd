//! What is owed is done, also when nobody ever heard of it: the table knows, and reminds.

use deadlines::{GRACE, Round};
use domain::{
    QuoteNumber,
    number::Minter,
    payment::{NamedRevision, PaidBy, PaymentEvent, PaymentId, PaymentNotice, Reference},
    quote::Offer,
    settlement::settle,
};
use jiff::{SignedDuration, Timestamp};
use store::keys::Key;
use tests::{NOW, World, example, plain_vendor, with};

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

#[tokio::test]
async fn what_the_stream_never_told_is_delivered_and_sent_after_a_reminder() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let quote = world.quote(&example()).await;
    world.letters().await.only("rita@reseller.example");

    let number: QuoteNumber = quote.number().parse().unwrap();
    let another = Minter::new(b"another").quote_from_seed("another");
    world
        .unheard(async |store| {
            // The quote is paid, another is created, and that one is revised.
            let issued = store.quote(&number).await.unwrap().unwrap();
            let told = PaymentNotice {
                id: "evt_unheard".to_owned(),
                payment: PaymentId::new("stripe", "pi_unheard"),
                at: now(),
                reference: Some(Reference { quote: number.clone(), revision: NamedRevision::Stated(1) }),
                event: PaymentEvent::Succeeded { money: issued.offer.due(), methods: vec![PaidBy::Card] },
            };
            let settlement = settle(&told, None, Some(&issued), now());
            assert!(settlement.quote.is_some(), "it is paid by that");
            let _ = store.commit_settlement(&settlement).await.unwrap();
            let first = domain::Quote::issue(another.clone(), issued.offer.clone(), None);
            let _ = store.create_quote(&first).await.unwrap();
            let offer = Offer { request_hash: "another".to_owned(), ..issued.offer };
            let _ = store.commit(&first.revise(offer).unwrap().unwrap()).await.unwrap();
        })
        .await;
    world.letters().await.none();
    assert!(world.see(&quote).await.0.get("invoice").is_none(), "nobody has heard that it is paid");
    let waiting = world.stored().await;

    assert_eq!(world.deployment().remind().await.unwrap(), Round::default(), "it may still be on its way");
    assert_eq!(world.stored().await, waiting);

    let later = now() + GRACE + SignedDuration::from_secs(1);
    world.set_clock(&later.to_string()).await;
    let round = world.deployment().remind().await.unwrap();
    assert_eq!(round, Round { reminded: 2, oldest_owed_seconds: GRACE.as_secs() + 1 });
    let mut letters = world.letters().await;
    letters.take("tina@customer.example");
    let mut subjects: Vec<_> = letters.0.into_iter().map(|letter| letter.subject).collect();
    subjects.sort();
    let [invoiced, revised] = &subjects[..] else { panic!("a receipt and the copy of one revision: {subjects:?}") };
    assert!(revised.contains(&another.to_string()), "nobody is told of the revision that was replaced: {revised}");
    assert!(invoiced.contains(quote.number()), "{invoiced}");
    assert_eq!(world.see(&quote).await.0["invoice"], "IN-000001");

    let done = world.stored().await;
    assert_eq!(world.deployment().remind().await.unwrap(), Round::default(), "nothing is owed any more");
    assert_eq!(world.stored().await, done);
    world.close().await;
}

#[tokio::test]
async fn a_reminder_of_what_is_being_done_or_done_already_does_nothing_twice() {
    // With the vendor's real documents, which take their time.
    let mut world = World::new().await;
    let quote = world.quote(&with(&example(), [("/po_number", "PO-1".into())])).await;
    let number: QuoteNumber = quote.number().parse().unwrap();
    // As many reminders as there is time for, while the letter is written.
    let mut reminded = 0;
    while world.deployment().store().remind(&Key::quote(&number), now(), Timestamp::MAX).await.unwrap()
        == store::Commit::Committed
    {
        reminded += 1;
    }
    assert!(reminded > 0, "the letter takes longer than a reminder");
    world.letters().await.only("rita@reseller.example");

    world.pay(&quote).await;
    let _ = world.deployment().store().remind(&Key::quote(&number), now(), Timestamp::MAX).await.unwrap();
    let mut letters = world.letters().await;
    letters.take("rita@reseller.example");
    letters.only("tina@customer.example");
    assert_eq!(world.see(&quote).await.0["licenses"].as_array().unwrap().len(), 2);

    let stored = world.stored().await;
    assert_eq!(
        world.deployment().store().remind(&Key::quote(&number), now(), Timestamp::MAX).await.unwrap(),
        store::Commit::Conflict
    );
    assert_eq!(
        world
            .deployment()
            .store()
            .remind(&Key::quote(&Minter::new(b"x").quote_from_seed("x")), now(), Timestamp::MAX)
            .await
            .unwrap(),
        store::Commit::Conflict
    );
    assert_eq!(world.stored().await, stored, "nothing to be done is nothing to be reminded of");
    world.close().await;
}
