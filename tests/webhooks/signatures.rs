//! Whose events are accepted: Stripe's scheme, its edges, and what arrives through API Gateway.

use axum::{body::Body, http::Request};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use jiff::SignedDuration;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use payments::Payments;
use runtime::{Clock, Configuration};
use serde_json::{Value, json};
use stripe_webhook::Webhook;
use tower::ServiceExt;

use super::given::{Endpoint, Paying, SECRET, Table, instant, noon};

const NEXT: &str = "whsec_example_next";

/// A endpoint with one quote, an event that would pay it, and what is stored before its delivery.
async fn unpaid() -> (Endpoint, String, Table) {
    let endpoint = Endpoint::new().await;
    let quote = endpoint.quote("USD").await;
    let table = endpoint.table().await;
    (endpoint, Paying::of(&quote).succeeded().to_string(), table)
}

/// Signed `seconds` before the webhook receives it.
fn signed(body: &str, secret: &str, seconds: i64) -> String {
    Webhook::generate_test_header(body, secret, Some(noon().as_second() - seconds))
}

fn v1(header: &str) -> &str {
    header.split_once(",v1=").expect("a signature").1
}

#[tokio::test]
async fn what_is_not_signed_by_stripe_just_now_is_refused_and_nothing_is_stored() {
    let (endpoint, body, before) = unpaid().await;
    let time = noon().as_second();
    let genuine = signed(&body, SECRET, 0);
    let (hex, of_other_body) = (v1(&genuine), signed(&body.replace("49980", "49981"), SECRET, 0));
    assert_ne!(genuine, of_other_body);
    let refused = [
        ("missing", None),
        ("empty", Some(String::new())),
        ("malformed", Some("genuine, I promise".to_owned())),
        ("without a time", Some(format!("v1={hex}"))),
        ("with a time that is not the signed one", Some(format!("t={},v1={hex}", time + 1))),
        ("with a time that is none", Some(format!("t=now,v1={hex}"))),
        ("without a signature", Some(format!("t={time}"))),
        ("with an empty signature", Some(format!("t={time},v1="))),
        ("cut short", Some(format!("t={time},v1={}", &hex[..62]))),
        ("too long", Some(format!("t={time},v1={hex}00"))),
        ("not hexadecimal", Some(format!("t={time},v1={}", hex.replace(|c: char| c.is_ascii_digit(), "x")))),
        ("of all zeros", Some(format!("t={time},v1={}", "0".repeat(64)))),
        ("forged with another secret", Some(signed(&body, "whsec_guessed", 0))),
        ("forged with an empty secret", Some(signed(&body, "", 0))),
        ("made for another body", Some(of_other_body)),
        ("of the scheme v0 alone", Some(format!("t={time},v0={hex}"))),
        ("stale", Some(signed(&body, SECRET, 301))),
        ("from the future", Some(signed(&body, SECRET, -301))),
        ("made before there were webhooks", Some(signed(&body, SECRET, time))),
    ];
    for (what, header) in refused {
        let answer = endpoint.post(header.as_deref(), body.clone()).await;
        assert_eq!((answer.status.as_u16(), &answer.body["code"]), (400, &json!("signature_invalid")), "{what}");
        assert!(answer.body["request_id"].is_string(), "{what}");
        assert!(!answer.body.to_string().contains("whsec_"), "{what}: a secret is never repeated");
    }
    assert_eq!(endpoint.table().await, before);
    // The same body, and the one signature that is right: it was the signatures that were refused.
    assert_eq!(endpoint.post(Some(&genuine), body).await.outcome(), "applied");
}

#[tokio::test]
async fn a_body_that_was_touched_after_it_was_signed_is_refused() {
    let (endpoint, body, before) = unpaid().await;
    let header = signed(&body, SECRET, 0);
    for touched in [body.replace("4998000", "1"), format!("{body} "), format!(" {body}"), String::new()] {
        assert_ne!(touched, body);
        assert_eq!(endpoint.post(Some(&header), touched).await.status, 400);
    }
    let mut flipped = body.clone().into_bytes();
    flipped[0] ^= 0x80;
    assert_eq!(endpoint.post(Some(&header), flipped).await.status, 400);
    assert_eq!(endpoint.table().await, before);
}

#[tokio::test]
async fn three_hundred_seconds_are_tolerated_in_both_directions() {
    for seconds in [300, -300] {
        let (endpoint, body, _) = unpaid().await;
        assert_eq!(endpoint.post(Some(&signed(&body, SECRET, seconds)), body.clone()).await.outcome(), "applied", "{seconds} s");
    }
}

/// Stripe signs each repeated delivery again, for days: the event may be old, the signature is not.
#[tokio::test]
async fn an_old_event_with_a_new_signature_counts() {
    let (endpoint, body, _) = unpaid().await;
    endpoint.hand.set(noon() + SignedDuration::from_hours(72));
    assert_eq!(endpoint.post(Some(&signed(&body, SECRET, 0)), body.clone()).await.status, 400, "the old signature is stale");
    assert_eq!(endpoint.post(Some(&signed(&body, SECRET, -72 * 3_600)), body).await.outcome(), "applied");
}

#[tokio::test]
async fn any_of_several_v1_will_do_and_other_schemes_are_passed_over() {
    let other = "ab".repeat(32);
    for order in
        ["t={t},v1={other},v1={right}", "t={t},v1={right},v1={other}", "v0={other},v1=short,t={t},v1={right},v2=x,novalue"]
    {
        let (endpoint, body, _) = unpaid().await;
        let genuine = signed(&body, SECRET, 0);
        let time = noon().as_second().to_string();
        let header = order.replace("{t}", &time).replace("{other}", &other).replace("{right}", v1(&genuine));
        assert_eq!(endpoint.post(Some(&header), body).await.outcome(), "applied", "{order}");
    }
}

#[tokio::test]
async fn both_secrets_count_while_one_rotates_and_no_third() {
    let endpoint = Endpoint::configured([("STRIPE_WEBHOOK_SECRET", SECRET), ("STRIPE_WEBHOOK_SECRET_NEXT", NEXT)]).await;
    let delivered_with = async |secret: &str| {
        let body = Paying::of(&endpoint.quote("USD").await).succeeded().to_string();
        let answer = endpoint.post(Some(&signed(&body, secret, 0)), body).await;
        (answer.status.as_u16(), answer.outcome().to_owned())
    };
    assert_eq!(delivered_with(SECRET).await, (200, "applied".to_owned()));
    assert_eq!(delivered_with(NEXT).await, (200, "applied".to_owned()));
    assert_eq!(delivered_with("whsec_neither").await.0, 400);

    // As Stripe does it: one header, signed with both, to an endpoint that knows only one of them yet.
    let (endpoint, body, _) = unpaid().await;
    let header = format!("{},v1={}", signed(&body, NEXT, 0), v1(&signed(&body, SECRET, 0)));
    assert_eq!(endpoint.post(Some(&header), body).await.outcome(), "applied");
}

/// Signatures that Stripe's own library made, once and not by us: `stripe` 16.1.0 from PyPI,
/// `stripe.WebhookSignature._compute_signature(f"1780315200.{body}", secret)`.
#[tokio::test]
async fn signatures_of_stripe_s_own_library_are_accepted() {
    let known = concat!(
        r#"{"id":"evt_1PracticeVector","object":"event","type":"payment_intent.succeeded","livemode":true,"#,
        r#""created":1780315200,"data":{"object":{"id":"pi_vector","object":"payment_intent","amount_received":1,"#,
        r#""currency":"usd"}}}"#,
    );
    let vectors = [
        (SECRET, known, "2cd9b5b7c615d6c77417999feb24d94f42dd61266873e9791c15f57fc72263a4"),
        (NEXT, known, "52e0767a49f67fc431454fef359a47437cb4028ff0dc3375a8e6f5a23e98c130"),
        (SECRET, r#"{"id":"évt_漢字"}"#, "16ba8f2f9c9625e62d0422b54a5b6401ed9775beeade451654791a7217767f7f"),
    ];
    let endpoint = Endpoint::configured([("STRIPE_WEBHOOK_SECRET", SECRET), ("STRIPE_WEBHOOK_SECRET_NEXT", NEXT)]).await;
    endpoint.hand.set(instant("2026-06-01T12:00:00Z"));
    for (secret, body, signature) in vectors {
        let header = format!("t=1780315200,v1={signature}");
        assert_eq!(Webhook::generate_test_header(body, secret, Some(1_780_315_200)), header, "both libraries agree");
        let answer = endpoint.post(Some(&header), body).await;
        assert_ne!(answer.body["code"], "signature_invalid", "{body}");
    }
    assert_eq!(endpoint.table().await.len(), 1, "the vector's payment names no quote, and is kept once");
}

/// API Gateway's HTTP API, payload format 2.0.
async fn through_the_gateway(endpoint: &Endpoint, signature: &str, body: &str, base64: bool) -> Value {
    let body = if base64 { BASE64_STANDARD.encode(body) } else { body.to_owned() };
    let event: ApiGatewayV2httpRequest = serde_json::from_value(json!({
        "version": "2.0", "routeKey": "POST /webhooks/stripe", "rawPath": "/webhooks/stripe", "rawQueryString": "",
        "headers": {"content-type": "application/json; charset=utf-8", "host": "api.example.com", "stripe-signature": signature},
        "requestContext": {
            "accountId": "000000000000", "apiId": "example", "domainName": "api.example.com", "domainPrefix": "api",
            "http": {
                "method": "POST", "path": "/webhooks/stripe", "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                "userAgent": "Stripe/1.0",
            },
            "requestId": "the-gateway-s-id", "routeKey": "POST /webhooks/stripe", "stage": "$default",
            "time": "10/Jun/2026:12:00:00 +0000", "timeEpoch": 1_781_092_800_000_i64,
        },
        "body": body, "isBase64Encoded": base64,
    }))
    .expect("a gateway's event");
    let answer = runtime::serve::answer(&endpoint.routes(), event).await.expect("infallible");
    serde_json::to_value(answer).expect("a gateway's response")
}

#[tokio::test]
async fn the_raw_body_is_verified_whether_the_gateway_encodes_it_or_not() {
    for base64 in [false, true] {
        let endpoint = Endpoint::new().await;
        let quote = endpoint.quote("USD").await;
        let mut event = Paying::of(&quote).succeeded();
        event["data"]["object"]["description"] = json!("見積 – “quoted” \\ /");
        let body = serde_json::to_string_pretty(&event).expect("JSON");
        let header = signed(&body, SECRET, 0);

        let answer = through_the_gateway(&endpoint, &header, &body, base64).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert!(answer["body"].as_str().is_some_and(|body| body.contains("applied")), "{answer}");
        assert_eq!(answer["headers"]["x-request-id"], "the-gateway-s-id");
        assert_eq!(endpoint.stored(&quote.number).await.payments.len(), 1);

        let touched = through_the_gateway(&endpoint, &header, &body.replace("succeeded", "processing"), base64).await;
        assert_eq!(touched["statusCode"], 400, "{touched}");
    }
}

#[tokio::test]
async fn a_body_larger_than_any_event_is_refused_unread() {
    let (endpoint, _, before) = unpaid().await;
    let body = " ".repeat(300 * 1024);
    let answer = endpoint.post(Some(&signed(&body, SECRET, 0)), body).await;
    assert_eq!((answer.status.as_u16(), &answer.body["code"]), (413, &json!("body_too_large")));
    assert_eq!(endpoint.table().await, before);
}

#[tokio::test]
async fn only_post_is_served() {
    let (endpoint, ..) = unpaid().await;
    let get = Request::get("/webhooks/stripe").body(Body::empty()).expect("a request");
    assert_eq!(endpoint.routes().oneshot(get).await.expect("infallible").status(), 405);
}

#[tokio::test]
async fn without_a_working_secret_nothing_starts() {
    let endpoint = Endpoint::new().await;
    let start = |settings: &[(&str, &str)]| {
        let configuration = Configuration::from_pairs(settings.iter().copied());
        Payments::start(&configuration, endpoint.store.clone(), Clock::fixed_at(noon())).err().map(|error| error.to_string())
    };
    const CURRENT: &str = "STRIPE_WEBHOOK_SECRET";
    const OTHER: &str = "STRIPE_WEBHOOK_SECRET_NEXT";
    for (settings, named) in [
        (&[][..], CURRENT),
        (&[(CURRENT, "")], CURRENT),
        (&[(CURRENT, "  \n")], CURRENT),
        (&[(CURRENT, "whsec_padded\n")], CURRENT),
        (&[(CURRENT, SECRET), (OTHER, "")], OTHER),
        (&[(OTHER, NEXT)], CURRENT),
        (&[(CURRENT, SECRET), ("STRIPE_ACCEPT_TEST_MODE", "maybe")], "STRIPE_ACCEPT_TEST_MODE"),
    ] {
        let error = start(settings).unwrap_or_else(|| panic!("started with {settings:?}"));
        assert!(error.contains(&format!("{named} ")), "{error}");
        assert!(!error.contains("whsec_"), "{error}");
    }
    assert_eq!(start(&[(CURRENT, SECRET)]), None);
}
