//! The events that Lambda hands to functions.

use jiff::Timestamp;
use serde_json::{Value, json};

/// What is replaced by another four digits in every event that is handed out: each is of somebody else, for `quotes` counts
/// what one of them asks for.
pub(crate) const WHO: &str = "%who";

/// A `POST` of JSON through an API Gateway HTTP API, payload format 2.0.
pub(crate) fn post(path: &str, body: &str) -> Value {
    let mut event = request("POST", path, "");
    event["headers"]["content-length"] = body.len().to_string().into();
    event["headers"]["content-type"] = "application/json".into();
    event["body"] = body.into();
    event
}

/// A `GET` through an API Gateway HTTP API, payload format 2.0.
pub(crate) fn get(path: &str, query: &str) -> Value {
    request("GET", path, query)
}

/// The same with one more header.
pub(crate) fn with_header(mut event: Value, name: &str, value: String) -> Value {
    event["headers"][name] = value.into();
    event
}

fn request(method: &str, path: &str, query: &str) -> Value {
    json!({
        "version": "2.0",
        "routeKey": format!("{method} {path}"),
        "rawPath": path,
        "rawQueryString": query,
        "headers": {
            "accept": "*/*",
            "host": "api.example.com",
            "user-agent": "bench",
            "x-amzn-trace-id": "Root=1-5e6722a7-cc56xmpl46db7ae02d4da47e",
            "x-forwarded-for": "192.0.2.1",
            "x-forwarded-port": "443",
            "x-forwarded-proto": "https",
        },
        "requestContext": {
            "accountId": "123456789012",
            "apiId": "example",
            "domainName": "api.example.com",
            "domainPrefix": "api",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": format!("2001:db8:0:{WHO}::1"),
                "userAgent": "bench",
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": format!("{method} {path}"),
            "stage": "$default",
            "time": "22/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1795341600000_u64,
        },
        "isBase64Encoded": false,
    })
}

/// A batch of one record of a table's stream: the item as it was, if it was there, and as it is.
pub(crate) fn change(old: Option<&Value>, new: &Value, at: Timestamp) -> Value {
    let mut images = json!({
        "ApproximateCreationDateTime": at.as_second(),
        "Keys": { "pk": new["pk"], "sk": new["sk"] },
        "NewImage": new,
        "SequenceNumber": "100000000000000000001",
        "SizeBytes": new.to_string().len(),
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    if let Some(old) = old {
        images["OldImage"] = old.clone();
    }
    json!({
        "Records": [{
            "eventID": "7de3041dd709b024af6f29e4fa13d34c",
            "eventName": if old.is_some() { "MODIFY" } else { "INSERT" },
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1",
            "dynamodb": images,
            "eventSourceARN": "arn:aws:dynamodb:eu-central-1:123456789012:table/sellthrough/stream/2026-11-22T10:00:00.000",
        }],
    })
}

/// A message of the topic of SES: the letter of a person of this name has come back.
pub(crate) fn bounce(person: &str, at: Timestamp) -> Value {
    let address = format!("{person}@reseller.example");
    let recipient = json!({ "emailAddress": address, "diagnosticCode": "smtp; 550 5.1.1 user unknown" });
    let message = json!({
        "eventType": "Bounce",
        "bounce": {
            "bounceType": "Permanent",
            "bounceSubType": "NoEmail",
            "bouncedRecipients": [recipient],
            "timestamp": at,
            "feedbackId": format!("feedback-{person}"),
        },
        "mail": { "timestamp": at, "messageId": format!("letter-{person}"), "destination": [address] },
    });
    json!({
        "Records": [{
            "EventSource": "aws:sns",
            "EventVersion": "1.0",
            "EventSubscriptionArn": "arn:aws:sns:eu-central-1:123456789012:mail:1",
            "Sns": { "Type": "Notification", "MessageId": format!("message-{person}"), "Message": message.to_string() },
        }],
    })
}
