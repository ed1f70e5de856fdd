//! Letters in both languages, word for word (R22, R82, R115).

use reqwest::Method;
use serde_json::json;
use tests::{Letter, NOW, Quote, World, example, golden::assert_golden, plain_vendor, vendor_with, with};

/// A letter as a golden file: values that differ in each world are replaced by their names.
fn portrait(world: &World, quote: &Quote, letter: &Letter) -> String {
    let mut text =
        format!("From: {}\nTo: {}\nSubject: {}\n\n{}", letter.from, letter.to, letter.subject, letter.text.replace("\r\n", "\n"));
    if let Some((_, change)) = quote.0["links"]["revise"].as_str().and_then(|link| link.rsplit_once("secret=")) {
        text = text.replace(change, "‹change›");
    }
    text = text.replace(quote.secret(), "‹secret›").replace(&world.deployment().url(), "https://sellthrough.example");
    text = text.replace(quote.number(), "‹quote›");
    for list in ["licenses", "subscriptions"] {
        for one in quote.0[list].as_array().unwrap() {
            text = text.replace(one["sen"].as_str().unwrap(), &format!("‹sen {}›", one["line"]));
        }
    }
    for file in &letter.attachments {
        text += &format!("\n[{}]\n", file.filename.replace(quote.number(), "‹quote›"));
    }
    text
}

#[tokio::test]
async fn every_letter_says_what_it_always_said_in_both_languages() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    for language in ["en", "ja"] {
        let quote = world.quote(&with(&example(), [("/locale", json!(language))])).await;
        let copy = world.letters().await.only("rita@reseller.example");
        assert_golden(&format!("letters/quote.{language}.txt"), &portrait(&world, &quote, &copy));
        world.pay(&quote).await;
        let mut letters = world.letters().await;
        let paid = world.see(&quote).await;
        for (role, recipient) in [("confirmation", "tina@customer.example"), ("receipt", "rita@reseller.example")] {
            let letter = letters.take(recipient);
            let text = portrait(&world, &paid, &letter).replace("IN-000002", "IN-000001");
            assert_golden(&format!("letters/{role}.{language}.txt"), &text);
            assert!(letter.html.contains(&format!("lang=\"{language}\"")), "{}", letter.html);
        }
        letters.none();
    }
    world.close().await;
}

#[tokio::test]
async fn every_letter_about_a_review_says_what_it_always_said_in_both_languages() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let held = world.import("tracker-data-center", 500, "2027-01-01").await;
    let changes = [
        ("/lines", json!([{"kind": "coterm", "sen": held, "until": "2027-06-30"}])),
        ("/segments", json!([{"segment": "academic", "document": "mine.pdf"}])),
    ];
    for language in ["en", "ja"] {
        let order = with(&example(), changes.clone().into_iter().chain([("/locale", json!(language))]));
        let submitted = world.quote(&order).await;
        let letter = world.letters().await.only("rita@reseller.example");
        assert_golden(&format!("letters/review.{language}.txt"), &portrait(&world, &submitted, &letter));
        let decision = json!({"revision": 1, "reason": "The certificate of enrolment is from 2019."});
        world.desk(Method::POST, &format!("quotes/{}/reject", submitted.number()), &decision).await.expect(200);
        let letter = world.letters().await.only("rita@reseller.example");
        assert_golden(&format!("letters/rejection.{language}.txt"), &portrait(&world, &submitted, &letter));
        assert!(letter.html.contains(&format!("lang=\"{language}\"")), "{}", letter.html);
    }
    world.close().await;
}

#[tokio::test]
async fn the_html_part_says_the_same_as_the_text() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let request = with(&example(), [("/customer/company", json!("Smith & <b>Sons</b> {{ secret }}"))]);
    let quote = world.quote(&request).await;
    let letter = world.letters().await.only("rita@reseller.example");
    assert!(letter.text.contains("Smith & <b>Sons</b> {{ secret }} receives the licence."), "{}", letter.text);
    assert!(letter.html.contains("Smith &amp; &lt;b&gt;Sons&lt;"), "what a buyer typed is text: {}", letter.html);
    assert!(letter.html.contains(quote.number()) && letter.html.contains("USD\u{a0}71,935.50"), "{}", letter.html);
    assert!(letter.html.replace("&#x2f;", "/").contains(quote.pay()), "{}", letter.html);
    world.close().await;
}

/// D4: what, how much, until when, and one button; each also in the plain text.
#[tokio::test]
async fn d4_a_letter_says_what_and_how_much_with_one_button_in_the_reader_s_language() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    for (language, direction, total, day, product) in [
        ("de", "ltr", "71.935,50\u{a0}$", "22.\u{a0}Dezember\u{a0}2026", "Tracker Cloud (jährlich)"),
        ("ja", "ltr", "$71,935.50", "2026年12月22日", "Tracker Cloud (年間契約)"),
        ("ar", "rtl", "71,935.50\u{a0}US$", "22\u{a0}ديسمبر\u{a0}2026", "Tracker Cloud (annual)"),
    ] {
        let quote = world.quote(&with(&example(), [("/locale", json!(language))])).await;
        let letter = world.letters().await.only("rita@reseller.example");
        for part in [&letter.text, &letter.html] {
            for wanted in [total, day, product, "Tracker Data Center", "London EX1 1EX", "GB 000 0000 00"] {
                assert!(part.contains(wanted), "{language}: no {wanted} in {part}");
            }
        }
        assert!(letter.html.contains(&format!("lang=\"{language}\" dir=\"{direction}\"")), "{}", letter.html);
        assert_eq!(letter.html.matches("display:inline-block").count(), 1, "one button");
        assert!(letter.html.contains("<a href=\"https:&#x2f;&#x2f;vendor.example&#x2f;support\""), "{}", letter.html);
        assert!(!letter.html.contains("<div style=\"padding"), "Outlook ignores the padding of a div: {}", letter.html);
        assert!(!letter.subject.contains(['\u{2066}', '\u{2068}', '\u{2069}']), "{}", letter.subject);
        // The names of products in the letters about the delivery, too.
        world.pay(&quote).await;
        let mut letters = world.letters().await;
        for recipient in ["tina@customer.example", "rita@reseller.example"] {
            let letter = letters.take(recipient);
            assert!(letter.text.contains(product) && letter.html.contains(product), "{language}: {}", letter.text);
        }
        letters.none();
    }
    world.close().await;
}

#[tokio::test]
async fn r115_what_the_vendor_does_not_speak_is_said_in_the_vendor_s_default_language() {
    let closing = "closing = \"よろしくお願いいたします。\"\n";
    let vendor = vendor_with(&[("languages/ja.toml", closing, "")]);
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    for (asked, answered) in [(json!("ja-JP"), "ja"), (json!("fr"), "en"), (json!(null), "en")] {
        let preview = world.post("/v1/quotes/preview", &with(&example(), [("/locale", asked.clone())])).await.expect(200);
        assert_eq!(preview["locale"], answered, "{asked}");
    }
    // String by string: a letter in Japanese, but for what that language lacks.
    world.quote(&with(&example(), [("/locale", json!("ja"))])).await;
    let letter = world.letters().await.only("rita@reseller.example");
    assert!(letter.text.contains("Rita Seller 様") && letter.text.contains("Kind regards,"), "{}", letter.text);
    world.close().await;
}

/// Finding A8: the last of eight quotes is paid at once, while its document is laid out.
#[tokio::test]
async fn a8_a_quote_that_is_paid_while_its_letter_is_composed_causes_no_request_to_pay() {
    // Eight documents take seconds to lay out, so that the payment arrives meanwhile.
    let slow = "#let data = json(\"document.json\")\n#let _ = range(0, 150000).fold(0, (sum, one) => sum + one)\n";
    let vendor = vendor_with(&[("documents/document.typ", "#let data = json(\"document.json\")\n", slow)]);
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let mut quotes = Vec::new();
    for _ in 0..8 {
        quotes.push(world.quote(&example()).await);
    }
    let last = quotes.last().unwrap();
    world.pay(last).await;
    let of_last = |letter: &&Letter| letter.text.contains(last.number());
    let letters = world.letters().await.0;
    let to_requester: Vec<_> = letters.iter().filter(|letter| letter.to == "rita@reseller.example").collect();
    assert_eq!(to_requester.len(), 8, "seven quotes and a receipt");
    let [receipt] = to_requester.into_iter().filter(of_last).collect::<Vec<_>>()[..] else { panic!("one letter about the last") };
    assert!(!receipt.text.contains(last.pay()), "{}", receipt.text);
    world.close().await;
}
