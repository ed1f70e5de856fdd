//! A request that is sent again is answered again, byte for byte, and done once.

use serde_json::{Value, json};
use tests::{Quote, World, example, vendor_with, with};

const KEY: &str = "8e03978e-40d5-43dd-bc93-6894a57f9324";

/// The same content, in another order and with other white space.
fn respelled(request: &Value) -> String {
    let members = request.as_object().expect("a request is an object");
    let members: Vec<_> = members.iter().rev().map(|(name, value)| format!("  {name:?} :\t{value:#}")).collect();
    format!("\n{{\n{}\n}}", members.join(" ,\n"))
}

#[tokio::test]
async fn the_same_request_under_the_same_key_is_answered_byte_for_byte_whatever_happened_since() {
    let vendor = vendor_with(&[]);
    let mut world = World::of_vendor(tests::NOW, vendor.path().into()).await;
    let first = world.post_with_key(KEY, example().to_string()).await;
    let quote = Quote(first.expect(201));
    assert_eq!(first.header("idempotency-replayed"), "");
    world.letters().await.only("rita@reseller.example");

    let again = async |world: &World, when: &str| {
        for (key, body) in [(KEY.to_owned(), example().to_string()), (format!("\"{KEY}\""), respelled(&example()))] {
            let answer = world.post_with_key(&key, body).await;
            assert_eq!(answer.status, 201, "{when}: {}", answer.text());
            assert_eq!(answer.text(), first.text(), "{when}");
            assert_eq!(answer.header("idempotency-replayed"), "true", "{when}");
            assert_eq!(answer.header("location"), quote.link(), "{when}");
        }
    };
    again(&world, "at once").await;

    // Another body, whether sound or not, is not what the key stands for.
    let before = world.stored().await;
    let other = with(&example(), [("/lines/0/users", json!(501))]);
    world.post_with_key(KEY, other.to_string()).await.problem(422, "idempotency_key_reused");
    world.post_with_key(KEY, with(&other, [("/currency", Value::Null)]).to_string()).await.problem(422, "required");
    assert_eq!(world.stored().await, before);
    let second = Quote(world.post_with_key("another-key", example().to_string()).await.expect(201));
    assert_ne!(second.number(), quote.number(), "another key is another quote");
    let keyless = world.quote(&example()).await;
    assert!(![quote.number(), second.number()].contains(&keyless.number()), "and so is no key");
    world.ignore_letters().await;

    world.set_clock("2026-11-23T08:00:00Z").await;
    again(&world, "a day later").await;
    world.restart().await;
    again(&world, "after a restart").await;
    world.crash().await;
    again(&world, "after a crash").await;

    let revised = Quote(world.post(second.revise(), &other).await.expect(201));
    let replayed = world.post_with_key("another-key", example().to_string()).await;
    assert_eq!(replayed.expect(201), second.0, "after a revision, the first answer stands");
    assert_eq!((replayed.header("idempotency-replayed"), revised.revision()), ("true", 2));

    world.pay(&quote).await;
    world.settled().await;
    again(&world, "after payment and delivery").await;
    world.ignore_letters().await;

    // The request would be refused today, for it accepts terms that have been replaced since.
    let policy = vendor.path().join("vendor.toml");
    let newer = std::fs::read_to_string(&policy).unwrap().replace("2026-10", "2026-11");
    std::fs::write(&policy, newer).unwrap();
    world.restart().await;
    world.post("/v1/quotes", &example()).await.problem(422, "terms_not_accepted");
    again(&world, "after the terms were replaced").await;
    world.close().await;
}

#[tokio::test]
async fn twenty_at_once_under_one_key_are_one_quote_and_one_letter() {
    let mut world = World::new().await;
    let mut asked = tokio::task::JoinSet::new();
    for i in 0..20 {
        // Each over a connection of its own.
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.post(format!("{}/v1/quotes", world.deployment().url())).header("idempotency-key", KEY);
        let request = request.header("content-type", "application/json").body(if i % 2 == 0 {
            example().to_string()
        } else {
            respelled(&example())
        });
        asked.spawn(async {
            let answer = request.send().await.unwrap();
            let replayed = answer.headers().contains_key("idempotency-replayed");
            (answer.status().as_u16(), replayed, answer.text().await.unwrap())
        });
    }
    let answers = asked.join_all().await;
    let (_, _, first) = &answers[0];
    assert!(answers.iter().all(|(status, _, body)| (status, body) == (&201, first)), "{answers:#?}");
    assert_eq!(answers.iter().filter(|(_, replayed, _)| !replayed).count(), 1, "one of them created it");
    let quotes = world.stored().await.keys().filter(|key| key.ends_with(" QUOTE")).count();
    assert_eq!(quotes, 1);
    world.letters().await.only("rita@reseller.example");
    world.close().await;
}

#[tokio::test]
async fn a_malformed_key_is_refused_before_anything_is_done() {
    let world = World::new().await;
    let before = world.stored().await;
    for key in ["", "\"\"", "a b", "\"open", "a\"b", &"k".repeat(256)] {
        world.post_with_key(key, example().to_string()).await.problem(400, "idempotency_key_malformed");
    }
    let twice = world.request(reqwest::Method::POST, "/v1/quotes").header("idempotency-key", "a").header("idempotency-key", "b");
    world
        .send(twice.header("content-type", "application/json").body(example().to_string()))
        .await
        .problem(400, "idempotency_key_malformed");
    assert_eq!(world.stored().await, before);
    world.close().await;
}

#[tokio::test]
async fn a_number_can_be_typed_carelessly() {
    let mut world = World::new().await;
    let quote = world.quote(&example()).await;
    world.ignore_letters().await;
    let number = quote.number();
    let bare = number.trim_start_matches("Q-");
    for typed in [
        number.to_lowercase(),
        number.replace('-', ""),
        number.replace('-', "%20").to_lowercase(),
        bare.to_owned(),
        bare.replace('-', "%20"),
        format!("%20{}%20", bare.to_lowercase().replace('-', "")),
    ] {
        let link = quote.own_link().replace(number, &typed);
        assert_eq!(world.get(&link).await.expect(200), quote.0, "{typed}");
    }
    // A payer's careless reference finds the quote as well.
    let mut payment = tests::stripe::Payment::of(&quote, tests::NOW);
    payment.metadata["quote_number"] = json!(bare.to_lowercase().replace('-', " "));
    assert_eq!(world.stripe(&payment.checkout_completed()).await.expect(200)["outcome"], "applied");
    world.ignore_letters().await;
    world.close().await;
}
