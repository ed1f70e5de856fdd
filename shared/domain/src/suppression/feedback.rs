//! The messages that SES publishes to a topic about letters: the events of a configuration set (`eventType`) and the notifications
//! of an identity (`notificationType`). Both have the same parts (Amazon SES Developer Guide, "Contents of event data that Amazon SES
//! publishes to Amazon SNS" and "Amazon SNS notification contents for Amazon SES").

use jiff::Timestamp;
use serde::Deserialize;

use super::report::{Cause, Report};
use crate::party::Email;

/// What SES publishes once, when a topic becomes the destination of a configuration set's events.
const VALIDATION: &str = "Successfully validated SNS topic for Amazon SES event publishing.";

/// The longest diagnostic that is kept, in characters.
const MAX_DIAGNOSTIC: usize = 300;
/// The longest id or subtype that is kept, in characters. SES documents none that is longer.
const MAX_NAME: usize = 128;

/// A message of SES.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Reports about letters, one for each mailbox.
    Reports(Vec<Report>),
    /// A message about no mailbox, such as a delivery.
    Other,
}

/// A message that is not of SES, or of a kind that this program does not know. It must not be lost: an operator looks at it. The text
/// contains nothing of the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotFeedback(&'static str);

impl std::fmt::Display for NotFeedback {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the message is no event of SES: {}", self.0)
    }
}

impl std::error::Error for NotFeedback {}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Option<Mail>,
    bounce: Option<Bounce>,
    complaint: Option<Complaint>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    timestamp: Timestamp,
    message_id: String,
    #[serde(default)]
    destination: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bounce {
    bounce_type: String,
    bounce_sub_type: Option<String>,
    bounced_recipients: Vec<Recipient>,
    timestamp: Option<Timestamp>,
    feedback_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Complaint {
    complained_recipients: Vec<Recipient>,
    timestamp: Option<Timestamp>,
    feedback_id: String,
    complaint_sub_type: Option<String>,
    complaint_feedback_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    email_address: String,
    diagnostic_code: Option<String>,
}

impl Message {
    /// Reads the text of a message.
    ///
    /// # Errors
    ///
    /// The message is not of SES, or lacks what every report has. A retry does not help, and the message must not be dropped.
    pub fn read(text: &str) -> Result<Self, NotFeedback> {
        if text.trim() == VALIDATION {
            return Ok(Self::Other);
        }
        // The cause is left out, because some messages of serde_json quote a value.
        let event: Event = serde_json::from_str(text).map_err(|_| NotFeedback("it is not JSON with the members of an event"))?;
        let mail = event.mail.ok_or(NotFeedback("it does not say which letter it is about"));
        let reports = match &*event.event_type {
            "Bounce" => bounces(event.bounce.ok_or(NotFeedback("a bounce without its details"))?, &mail?)?,
            "Complaint" => complaints(event.complaint.ok_or(NotFeedback("a complaint without its details"))?, &mail?)?,
            "Reject" => rejections(&mail?)?,
            // "Rendering Failure" concerns templates that are stored at SES. This system stores none.
            "Send" | "Delivery" | "DeliveryDelay" | "Open" | "Click" | "Subscription" | "Rendering Failure" => {
                return Ok(Self::Other);
            }
            "AmazonSnsSubscriptionSucceeded" => return Ok(Self::Other),
            _ => return Err(NotFeedback("its type is unknown")),
        };
        if reports.is_empty() { Err(NotFeedback("it names no recipient")) } else { Ok(Self::Reports(reports)) }
    }
}

fn bounces(bounce: Bounce, mail: &Mail) -> Result<Vec<Report>, NotFeedback> {
    let cause = match &*bounce.bounce_type {
        "Permanent" => Cause::PermanentBounce,
        "Transient" => Cause::TransientBounce,
        "Undetermined" => Cause::UndeterminedBounce,
        _ => return Err(NotFeedback("the type of the bounce is unknown")),
    };
    let detail = bounce.bounce_sub_type.as_deref().map(name);
    reports(mail, &bounce.feedback_id, cause, bounce.timestamp, detail, &bounce.bounced_recipients)
}

fn complaints(complaint: Complaint, mail: &Mail) -> Result<Vec<Report>, NotFeedback> {
    // The types of RFC 5965 and its successors. A complaint may state none.
    let cause = match complaint.complaint_feedback_type.as_deref() {
        Some("not-spam" | "auth-failure") => Cause::Notice,
        _ => Cause::Complaint,
    };
    let detail = complaint.complaint_feedback_type.or(complaint.complaint_sub_type);
    let detail = detail.as_deref().map(name);
    reports(mail, &complaint.feedback_id, cause, complaint.timestamp, detail, &complaint.complained_recipients)
}

/// A rejection names no recipients of its own, and has no id: it is the only one of its letter.
fn rejections(mail: &Mail) -> Result<Vec<Report>, NotFeedback> {
    let id = format!("reject:{}", mail.message_id);
    reports(mail, &id, Cause::Rejected, None, None, &[])
}

fn reports(
    mail: &Mail,
    id: &str,
    cause: Cause,
    at: Option<Timestamp>,
    detail: Option<String>,
    recipients: &[Recipient],
) -> Result<Vec<Report>, NotFeedback> {
    if id.is_empty() || id.chars().count() > MAX_NAME {
        return Err(NotFeedback("its id is empty or too long"));
    }
    let of = |recipient: Option<&Recipient>, address: &str| {
        let address = Email::parse(bare(address)).ok_or(NotFeedback("the recipient is not an address"))?;
        Ok(Report {
            id: id.to_owned(),
            cause,
            address,
            at: at.map_or(mail.timestamp, |at| at.max(mail.timestamp)),
            detail: detail.clone(),
            diagnostic: recipient.and_then(|recipient| diagnostic(recipient.diagnostic_code.as_deref()?)),
            message: name(&mail.message_id),
            settled: false,
        })
    };
    match (&*mail.destination, recipients) {
        // The server may name the mailbox that the letter was forwarded to. The next letter goes to the address that this one was
        // sent to, so that is the one to remember.
        ([sent_to], recipients) => Ok(vec![of(recipients.first(), sent_to)?]),
        (sent_to, []) => sent_to.iter().map(|address| of(None, address)).collect(),
        (_, recipients) => recipients.iter().map(|recipient| of(Some(recipient), &recipient.email_address)).collect(),
    }
}

/// The address in `Name <address>`, or the address itself.
fn bare(text: &str) -> &str {
    let within = text.rsplit_once('<').and_then(|(_, rest)| rest.split_once('>'));
    within.map_or(text, |(address, _)| address).trim()
}

/// A name in SES's words, without what is no name.
fn name(text: &str) -> String {
    text.chars().filter(char::is_ascii_graphic).take(MAX_NAME).collect()
}

/// The response of a mail server in one line. The server chooses the text, so what could mislead a reader is replaced: links, which may
/// also be those of the letter with their secrets, and addresses.
fn diagnostic(text: &str) -> Option<String> {
    let word = |word: &str| {
        let word: String = word.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
        let is_link = ["://", "www.", "secret=", "change-"].iter().any(|part| word.to_ascii_lowercase().contains(part));
        if is_link {
            "[link]".to_owned()
        } else if word.contains('@') {
            "[address]".to_owned()
        } else {
            word
        }
    };
    let words: Vec<_> = text.split_whitespace().map(word).collect();
    let line: String = words.join(" ").chars().take(MAX_DIAGNOSTIC).collect();
    (!line.is_empty()).then_some(line)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// An event as a configuration set publishes it.
    fn event(kind: &str, details: Value) -> Value {
        let mut event = json!({
            "eventType": kind,
            "mail": {
                "timestamp": "2026-11-22T10:00:00.000Z",
                "source": "Example Software Ltd <sales@vendor.example>",
                "sourceArn": "arn:aws:ses:eu-central-1:000000000000:identity/vendor.example",
                "sendingAccountId": "000000000000",
                "messageId": "0107018c-0000",
                "destination": ["rita@reseller.example"],
                "headersTruncated": false,
                "headers": [{ "name": "Subject", "value": "Your quote" }],
                "commonHeaders": { "subject": "Your quote" },
                "tags": { "ses:configuration-set": ["requests"] },
            },
        });
        event[kind.to_lowercase()] = details;
        event
    }

    fn bounce(kind: &str) -> Value {
        let recipient = json!({
            "emailAddress": "rita@reseller.example", "action": "failed", "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 <rita@reseller.example>... User unknown",
        });
        event(
            "Bounce",
            json!({
                "bounceType": kind, "bounceSubType": "General", "bouncedRecipients": [recipient],
                "timestamp": "2026-11-22T10:00:02.669Z", "feedbackId": "f-1", "reportingMTA": "dsn; mta.example",
            }),
        )
    }

    fn complaint(kind: Option<&str>) -> Value {
        event(
            "Complaint",
            json!({
                "complainedRecipients": [{ "emailAddress": "rita@reseller.example" }],
                "timestamp": "2026-11-22T11:00:00Z", "feedbackId": "f-2", "complaintSubType": null,
                "userAgent": "ExampleCorp Feedback Loop", "complaintFeedbackType": kind,
            }),
        )
    }

    fn read(event: &Value) -> Vec<Report> {
        match Message::read(&event.to_string()) {
            Ok(Message::Reports(reports)) => reports,
            other => panic!("{other:?}"),
        }
    }

    fn only(event: &Value) -> Report {
        let mut reports = read(event);
        assert_eq!(reports.len(), 1, "{reports:?}");
        reports.remove(0)
    }

    #[test]
    fn c3_a_bounce_states_its_letter_and_why() {
        let address = Email::parse("rita@reseller.example").expect("an address");
        let expected = Report {
            id: "f-1".to_owned(),
            cause: Cause::PermanentBounce,
            address,
            at: "2026-11-22T10:00:02.669Z".parse().expect("an instant"),
            detail: Some("General".to_owned()),
            diagnostic: Some("smtp; 550 5.1.1 [address] User unknown".to_owned()),
            message: "0107018c-0000".to_owned(),
            settled: false,
        };
        assert_eq!(only(&bounce("Permanent")), expected);
    }

    #[test]
    fn c3_each_type_has_its_cause_in_both_forms_of_a_message() {
        let table = [
            (bounce("Permanent"), Cause::PermanentBounce, true),
            (bounce("Transient"), Cause::TransientBounce, false),
            (bounce("Undetermined"), Cause::UndeterminedBounce, false),
            (complaint(None), Cause::Complaint, true),
            (complaint(Some("abuse")), Cause::Complaint, true),
            (complaint(Some("fraud")), Cause::Complaint, true),
            (complaint(Some("other")), Cause::Complaint, true),
            (complaint(Some("virus")), Cause::Complaint, true),
            (complaint(Some("not-spam")), Cause::Notice, false),
            (complaint(Some("auth-failure")), Cause::Notice, false),
            (event("Reject", json!({ "reason": "Bad content" })), Cause::Rejected, false),
        ];
        for (event, cause, stops) in table {
            let mut notification = event.clone();
            let kind = notification["eventType"].take();
            notification.as_object_mut().expect("an object").remove("eventType");
            notification["notificationType"] = kind;
            assert_eq!(only(&notification), only(&event), "{event}");
            assert_eq!((only(&event).cause, cause.stops_letters()), (cause, stops), "{event}");
        }
    }

    #[test]
    fn c3_the_address_that_the_letter_was_sent_to_counts_and_not_the_one_that_it_was_forwarded_to() {
        let mut forwarded = bounce("Permanent");
        forwarded["bounce"]["bouncedRecipients"][0]["emailAddress"] = json!("r.seller@mail.example");
        assert_eq!(only(&forwarded).address.as_str(), "rita@reseller.example");
        forwarded["mail"]["destination"] = json!(["Rita Seller <rita@reseller.example>"]);
        assert_eq!(only(&forwarded).address.as_str(), "rita@reseller.example");
        // This system sends each letter to one address. Of several, the report says which.
        forwarded["mail"]["destination"] = json!(["rita@reseller.example", "tina@customer.example"]);
        assert_eq!(only(&forwarded).address.as_str(), "r.seller@mail.example");
        let mut rejected = event("Reject", json!({}));
        rejected["mail"]["destination"] = forwarded["mail"]["destination"].clone();
        assert_eq!(read(&rejected).len(), 2);
    }

    #[test]
    fn c3_a_report_is_not_older_than_its_letter() {
        let mut early = bounce("Permanent");
        for early_time in [json!("2020-01-01T00:00:00Z"), Value::Null] {
            early["bounce"]["timestamp"] = early_time;
            assert_eq!(only(&early).at, "2026-11-22T10:00:00Z".parse().expect("an instant"));
        }
    }

    #[test]
    fn c3_a_diagnostic_has_no_secrets_no_addresses_and_no_links() {
        for (said, shown) in [
            ("smtp; 550 spam in https://api.vendor.example/v1/quotes/Q?secret=abc", Some("smtp; 550 spam in [link]")),
            ("550 blocked, see WWW.EVIL.EXAMPLE or mail help@evil.example", Some("550 blocked, see [link] or mail [address]")),
            ("550\r\n5.1.1\t no\u{202e}such user", Some("550 5.1.1 no?such user")),
            (" \r\n ", None),
        ] {
            assert_eq!(diagnostic(said).as_deref(), shown, "{said}");
        }
        assert_eq!(diagnostic(&"x".repeat(5_000)).map(|line| line.len()), Some(MAX_DIAGNOSTIC));
    }

    #[test]
    fn c3_messages_about_no_mailbox_are_known_and_all_others_are_errors() {
        let subscribed = json!({ "notificationType": "AmazonSnsSubscriptionSucceeded", "message": "You have subscribed" });
        for other in [subscribed, event("Delivery", json!({ "recipients": [] })), event("Open", json!({}))] {
            assert_eq!(Message::read(&other.to_string()), Ok(Message::Other), "{other}");
        }
        assert_eq!(Message::read(VALIDATION), Ok(Message::Other));

        let without = |event: Value, pointer: &str| {
            let (parent, member) = pointer.rsplit_once('/').expect("a pointer");
            let mut event = event;
            event.pointer_mut(parent).and_then(Value::as_object_mut).expect("an object").remove(member).expect("it is there");
            event
        };
        let with = |pointer: &str, value: Value| {
            let mut event = bounce("Permanent");
            *event.pointer_mut(pointer).expect("it is there") = value;
            event
        };
        let mut of_no_recipient = with("/mail/destination", json!([]));
        of_no_recipient["bounce"]["bouncedRecipients"] = json!([]);
        let broken = [
            json!({}),
            json!([]),
            json!({ "eventType": "Bounce" }),
            without(bounce("Permanent"), "/bounce"),
            without(bounce("Permanent"), "/mail"),
            without(bounce("Permanent"), "/eventType"),
            without(bounce("Permanent"), "/bounce/feedbackId"),
            without(bounce("Permanent"), "/bounce/bounceType"),
            without(bounce("Permanent"), "/mail/timestamp"),
            without(complaint(None), "/complaint"),
            without(complaint(None), "/complaint/feedbackId"),
            with("/bounce/bounceType", json!("Perpetual")),
            with("/bounce/feedbackId", json!("")),
            with("/eventType", json!("Novelty")),
            with("/mail/destination/0", json!("rita at reseller.example")),
            of_no_recipient,
        ];
        for event in broken {
            assert!(Message::read(&event.to_string()).is_err(), "{event}");
        }
        for text in ["", "Bounce", "{", "null", "\u{0}"] {
            let error = Message::read(text).expect_err(text);
            assert!(!error.to_string().contains("reseller"), "{error}");
        }
    }
}
