//! Answers that others rely on, as a whole.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use tests::{NOW, World, example, golden::assert_golden, plain_vendor, with};
use tracing_subscriber::{filter::LevelFilter, util::SubscriberInitExt};

/// The warnings of a preview, each with its place and its words.
fn warnings(preview: &Value) -> Vec<[&str; 3]> {
    let warnings = preview["warnings"].as_array().expect("warnings").iter();
    warnings.map(|warning| ["code", "pointer", "detail"].map(|member| warning[member].as_str().unwrap())).collect()
}

#[tokio::test]
async fn r115_a_language_that_there_is_not_is_answered_in_the_default_and_said() {
    let world = World::new().await;
    for (locale, language, offered) in [("fr", "en", false), ("fr-CA", "en", false), ("ja-JP", "ja", true), ("EN", "en", true)] {
        let preview = world.post("/v1/quotes/preview", &with(&example(), [("/locale", json!(locale))])).await.expect(200);
        assert_eq!(preview["locale"], language, "{locale}");
        match &warnings(&preview)[..] {
            [] => assert!(offered, "{locale} is not offered"),
            [[code, pointer, detail]] => {
                assert!(!offered && *code == "locale_not_offered" && *pointer == "/locale", "{locale}: {code} at {pointer}");
                assert!(detail.contains("`ar`, `de`, `en`, `ja`"), "{detail}");
            }
            more => panic!("{locale}: {more:#?}"),
        }
    }
    world.close().await;
}

#[tokio::test]
async fn r4_a_caller_whose_organisation_is_not_enrolled_is_warned_of_the_list_price() {
    let world = World::new().await;
    world.enrol("Example Reseller GmbH", "partner/gold", Some("2026-06-01")).await;
    let preview = async |organization| {
        let token = world.token("rita@reseller.example", organization).await;
        world.post_as(&token, "/v1/quotes/preview", &example()).await.expect(200)
    };
    assert_eq!(warnings(&preview(None).await), [[""; 3]; 0], "they do not say whom they buy for");
    for organization in ["Nobody Ltd", "Example Reseller GmbH"] {
        let preview_of_unknown = preview(Some(organization)).await;
        assert_eq!(preview_of_unknown["channel_status"], "unaffiliated");
        let [[code, pointer, detail]] = warnings(&preview_of_unknown)[..] else { panic!("one warning: {preview_of_unknown:#}") };
        assert_eq!((code, pointer), ("channel_not_applied", "/purchasing_for"));
        assert!(detail.contains(organization), "{detail}");
    }
    world.close().await;
}

/// B25: preview and response say which texts a document cannot print, and only those.
#[tokio::test]
async fn b25_a_text_that_documents_cannot_print_is_a_warning_at_its_place() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let printed = ["شركة المثال", "חברה לדוגמה", "บริษัท ตัวอย่าง", "उदाहरण कंपनी", "株式会社サンプル"];
    for company in printed {
        let preview =
            world.post("/v1/quotes/preview", &with(&example(), [("/customer/company", json!(company))])).await.expect(200);
        assert_eq!(warnings(&preview), [[""; 3]; 0], "{company}");
    }
    let order = with(
        &example(),
        [("/customer/company", json!("উদাহরণ Ltd")), ("/reseller/contact/name", json!("Rita 🦀")), ("/notes", json!("ok"))],
    );
    let preview = world.post("/v1/quotes/preview", &order).await.expect(200);
    let quote = world.quote(&order).await;
    for answer in [&preview, &quote.0] {
        let [reseller, customer] = warnings(answer)[..] else { panic!("two warnings: {:#}", answer["warnings"]) };
        assert_eq!(reseller[..2], ["not_printable", "/reseller/contact/name"]);
        assert!(reseller[2].contains("🦀 (U+1F980)") && !reseller[2].contains("R (U+"), "{}", reseller[2]);
        assert_eq!(customer[..2], ["not_printable", "/customer/company"]);
        assert!(customer[2].contains("U+0989"), "{}", customer[2]);
    }
    world.ignore_letters().await;
    world.close().await;
}

/// B25: the log names the document and the characters, and no text of the caller.
#[tokio::test]
async fn b25_a_document_with_characters_that_it_cannot_print_is_a_log_line() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let lines = tracing_subscriber::fmt().json().flatten_event(true).with_writer(log.reopen().expect("the file"));
    // The deployment's tasks run in other threads, so this is the log of the process: the number finds the lines of this test.
    lines.with_max_level(LevelFilter::WARN).finish().try_init().expect("the tests have no other log");
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let quote = world.quote(&with(&example(), [("/customer/company", json!("উদাহরণ Ltd"))])).await;
    world.ignore_letters().await;
    world.get(quote.document()).await;
    world.close().await;

    let log = std::fs::read_to_string(log.path()).expect("the log");
    // Another test may be in the middle of a line.
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let warned: Vec<_> = lines.filter(|line| line["code"] == "not_printable" && line["number"] == quote.number()).collect();
    for line in &warned {
        assert_eq!(line["level"], "WARN", "{line:#}");
        assert!(line["characters"].as_str().unwrap().contains("U+0989"), "{line:#}");
    }
    let warned: BTreeSet<_> = warned.iter().flat_map(|line| line["message"].as_str()).collect();
    assert_eq!(warned, BTreeSet::from(["a document has boxes in place of characters", "an attachment has boxes in it"]));
    assert!(!log.contains("উদাহরণ"), "the text of a caller is not logged");
}

#[tokio::test]
async fn what_the_api_answers_is_what_it_always_answered() {
    let vendor = plain_vendor();
    let mut world = World::of_vendor(NOW, vendor.path().into()).await;
    let url = world.deployment().url();
    let portrait = |text: &str, changing: &[(&str, &str)]| {
        let text = text.replace(&url, "https://sellthrough.example");
        let text = changing.iter().fold(text, |text, (value, name)| text.replace(value, name));
        let value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        format!("{value:#}\n")
    };
    let quote = world.quote(&example()).await;
    // Another wording of a letter is another policy, and not another answer.
    let policy = (quote.0["policy_version"].as_str().unwrap(), "‹policy›");
    let change = quote.revise().rsplit_once("secret=").expect("a link has a secret").1;
    let names = [(change, "‹change›"), (quote.secret(), "‹secret›"), (quote.number(), "‹quote›"), policy];
    assert_golden("api/quote.json", &portrait(&quote.0.to_string(), &names));

    let faults = [("/currency", json!("CHF")), ("/lines/0/users", json!(0)), ("/customer/technical_contact", json!(null))];
    let refused = world.post("/v1/quotes", &with(&example(), faults)).await;
    refused.problem(422, "request_invalid");
    assert_golden("api/problem.json", &portrait(refused.text(), &[(refused.header("x-request-id"), "‹request›")]));

    let preview = world.post("/v1/quotes/preview", &example()).await;
    assert_golden("api/preview.json", &portrait(preview.text(), &[policy]));

    world.pay(&quote).await;
    world.ignore_letters().await;
    let paid = world.see(&quote).await;
    let sens =
        [&paid.0["licenses"][0], &paid.0["licenses"][1], &paid.0["subscriptions"][0]].map(|one| one["sen"].as_str().unwrap());
    let sens = [(sens[0], "‹sen 1›"), (sens[1], "‹sen 2›"), (sens[2], "‹sen 3›")];
    let number: domain::QuoteNumber = quote.number().parse().unwrap();
    let names: Vec<_> = names.into_iter().chain(sens).chain([(number.compact(), "‹payment›")]).collect();
    assert_golden("api/paid.json", &portrait(&paid.0.to_string(), &names));

    let token = world.token("tina@customer.example", None).await;
    let path = format!("/v1/licenses/{}", sens[0].0);
    let license = world.with_token(reqwest::Method::GET, &path, &token).await;
    assert_golden("api/license.json", &portrait(license.text(), &names));
    world.close().await;
}
