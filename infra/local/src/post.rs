//! A mail service in this process. It implements `SendRawEmail` of the Query API of Amazon SES (version 2010-12-01), so that the
//! AWS SDK's client can send to it through `AWS_ENDPOINT_URL_SES`. It stores every message as one `.eml` file and sends no mail.
//!
//! A message is on disk before it is acknowledged. One `Delivered-To` line (RFC 9228) per recipient precedes the sender's bytes,
//! because the recipients of the envelope may differ from those of the header.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, Form, State, rejection::FormRejection},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use http::{StatusCode, header::CONTENT_TYPE};
use mail_parser::MessageParser;
use minijinja::HtmlEscape;
use uuid::Uuid;

use crate::{
    durable,
    letter::{Letter, addresses},
};

/// SES accepts messages of at most 10 MB. In base64 and percent-encoded they are smaller than this limit.
const LARGEST_REQUEST: usize = 32 * 1024 * 1024;

/// The mail service. Clones share its state.
#[derive(Clone, Debug)]
pub struct PostOffice {
    dir: Arc<Path>,
    next: Arc<AtomicU64>,
}

impl PostOffice {
    /// Opens the mail service in `data_dir`: messages are files in `mail/`, created for its owner only.
    ///
    /// # Errors
    ///
    /// The operating system's error for that directory.
    pub fn open(data_dir: &Path) -> io::Result<Self> {
        let dir = data_dir.join("mail");
        durable::private_dir(&dir)?;
        let last = ids(&dir)?.last().and_then(|id| id.split('-').next()?.parse().ok()).unwrap_or(0_u64);
        Ok(Self { dir: dir.into(), next: Arc::new(AtomicU64::new(last + 1)) })
    }

    /// The SES endpoint, to be served at the root of a loopback listener of its own.
    pub fn router(&self) -> Router {
        Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(LARGEST_REQUEST)).with_state(self.clone())
    }

    /// All letters, oldest first.
    ///
    /// # Errors
    ///
    /// The operating system's error for the mail directory.
    pub fn messages(&self) -> io::Result<Vec<Letter>> {
        ids(&self.dir)?.iter().filter_map(|id| self.message(id).transpose()).collect()
    }

    /// The letter with this id; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The operating system's error for the letter's file.
    pub fn message(&self, id: &str) -> io::Result<Option<Letter>> {
        // Only a valid id may become a path.
        if !id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-') {
            return Ok(None);
        }
        match std::fs::read(self.file(id)) {
            Ok(message) => Ok(Letter::read(id, &message)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// Stores the message and returns its id. After `Ok` the message survives a crash; after `Err` a retry is safe.
    fn keep(&self, recipients: &[String], message: &[u8]) -> io::Result<String> {
        let id = format!("{:08}-{}", self.next.fetch_add(1, Ordering::Relaxed), fresh_id());
        let mut file: Vec<u8> = recipients.iter().flat_map(|to| format!("Delivered-To: {to}\r\n").into_bytes()).collect();
        file.extend_from_slice(message);
        durable::write(&self.file(&id), &file)?;
        Ok(id)
    }

    fn file(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.eml"))
    }
}

/// The ids of the stored messages in order of acceptance.
fn ids(dir: &Path) -> io::Result<Vec<String>> {
    let mut ids = std::fs::read_dir(dir)?
        .filter_map(|entry| entry.map(|file| Some(file.file_name().to_str()?.strip_suffix(".eml")?.to_owned())).transpose())
        .collect::<io::Result<Vec<_>>>()?;
    ids.sort_unstable();
    Ok(ids)
}

/// A unique id of a message or a response.
#[allow(clippy::disallowed_methods, reason = "SES chooses its ids at random, and no rule depends on them")]
fn fresh_id() -> Uuid {
    Uuid::new_v4()
}

/// An error of SES: an error code of its API and a message.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn of_sender(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let kind = if self.status.is_client_error() { "Sender" } else { "Receiver" };
        let body = format!(
            "<ErrorResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><Error><Type>{kind}</Type>\
             <Code>{}</Code><Message>{}</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
            self.code,
            HtmlEscape(&self.message),
            fresh_id()
        );
        (self.status, [(CONTENT_TYPE, "text/xml")], body).into_response()
    }
}

async fn answer(
    State(office): State<PostOffice>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(form) = form.map_err(|error| Refusal::of_sender("MalformedInput", error.body_text()))?;
    match field(&form, "Action") {
        Some("SendRawEmail") => {}
        Some(other) => {
            let message = format!("Could not find operation {other} for version 2010-12-01");
            return Err(Refusal::of_sender("InvalidAction", message));
        }
        None => return Err(Refusal::of_sender("MissingAction", "The request has no Action")),
    }
    let (recipients, message) = accept(&form)?;
    let id = tokio::task::spawn_blocking(move || office.keep(&recipients, &message))
        .await
        .map_err(io::Error::other)
        .flatten()
        .map_err(|cause| {
            tracing::error!(%cause, "a letter could not be stored");
            Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "InternalFailure",
                message: "The letter could not be stored".to_owned(),
            }
        })?;
    let body = format!(
        "<SendRawEmailResponse xmlns=\"http://ses.amazonaws.com/doc/2010-12-01/\"><SendRawEmailResult>\
         <MessageId>{id}</MessageId></SendRawEmailResult><ResponseMetadata><RequestId>{}</RequestId>\
         </ResponseMetadata></SendRawEmailResponse>",
        fresh_id()
    );
    Ok(([(CONTENT_TYPE, "text/xml")], body).into_response())
}

fn field<'a>(form: &'a [(String, String)], name: &str) -> Option<&'a str> {
    form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str())
}

/// The recipients (of the envelope, or else of the header) and the message, or the error that SES would return.
fn accept(form: &[(String, String)]) -> Result<(Vec<String>, Vec<u8>), Refusal> {
    let invalid = |message: &str| Refusal::of_sender("InvalidParameterValue", message);
    let data = field(form, "RawMessage.Data").ok_or_else(|| invalid("RawMessage.Data is missing"))?;
    let message = BASE64_STANDARD.decode(data).map_err(|_| invalid("RawMessage.Data is not base64"))?;
    let header = MessageParser::default().parse_headers(&message[..]).ok_or_else(|| invalid("The message has no header"))?;
    if field(form, "Source").is_none() && header.from().is_none() {
        return Err(invalid("Missing required header 'From'."));
    }
    let envelope = form.iter().filter(|(name, _)| name.starts_with("Destinations.member."));
    let mut recipients: Vec<String> = envelope.flat_map(|(_, destination)| bare(destination)).collect();
    if recipients.is_empty() {
        recipients = [header.to(), header.cc(), header.bcc()].into_iter().flatten().flat_map(addresses).collect();
    }
    if recipients.is_empty() {
        return Err(invalid("Missing destination: the message names no recipient"));
    }
    if recipients.iter().any(|to| to.chars().any(char::is_control)) {
        return Err(invalid("A recipient contains control characters"));
    }
    Ok((recipients, message))
}

/// The address in `Name <address>`, or the address itself.
fn bare(destination: &str) -> Vec<String> {
    let header = format!("To: {destination}\r\n\r\n");
    let parsed = MessageParser::default().parse_headers(header.as_bytes());
    parsed.and_then(|message| message.to().map(addresses)).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use std::{net::SocketAddr, os::unix::fs::PermissionsExt, time::SystemTime};

    use aws_sdk_ses::{
        Client,
        error::ProvideErrorMetadata,
        operation::send_raw_email::SendRawEmailError,
        primitives::Blob,
        types::{Body, Content, Destination, Message as Simple, RawMessage},
    };
    use lettre::message::{Attachment, MultiPart, header::ContentType};

    use super::*;
    use crate::engine;

    pub(crate) fn letter(subject: &str, html: &str) -> Vec<u8> {
        lettre::Message::builder()
            .from("Example Software Ltd <sales@example.com>".parse().unwrap())
            .to("Tech Contact <tech@example.com>".parse().unwrap())
            .subject(subject)
            .date(SystemTime::from("2026-11-22T09:00:00Z".parse::<jiff::Timestamp>().unwrap()))
            .multipart(
                MultiPart::mixed()
                    .multipart(MultiPart::alternative_plain_html("Please find the quote attached.".to_owned(), html.to_owned()))
                    .singlepart(
                        Attachment::new("見積書.pdf".to_owned())
                            .body(b"%PDF-1.7 \0\xff\n".to_vec(), ContentType::parse("application/pdf").unwrap()),
                    ),
            )
            .unwrap()
            .formatted()
    }

    async fn serve(office: &PostOffice) -> Client {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(axum::serve(listener, office.router()).into_future());
        Client::new(&engine::config(&endpoint).unwrap())
    }

    fn raw(message: &[u8]) -> RawMessage {
        RawMessage::builder().data(Blob::new(message)).build().unwrap()
    }

    pub(crate) async fn send(office: &PostOffice, message: &[u8]) -> String {
        serve(office).await.send_raw_email().raw_message(raw(message)).send().await.unwrap().message_id
    }

    fn code(error: &SendRawEmailError) -> Option<&str> {
        error.code()
    }

    #[tokio::test]
    async fn the_ses_client_sends_and_each_message_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        let office = PostOffice::open(folder.path()).unwrap();
        let message = letter("お見積り：サーバー版 500 ユーザー", "<p>合計 <b>¥1,234,567</b></p>");
        let id = send(&office, &message).await;
        send(&office, &letter("Quote", "<p>Total</p>")).await;

        let files: Vec<_> = std::fs::read_dir(folder.path().join("mail")).unwrap().map(Result::unwrap).collect();
        assert_eq!(files.len(), 2);
        assert!(files.iter().all(|file| file.metadata().unwrap().permissions().mode() & 0o777 == 0o600));
        let stored = std::fs::read(folder.path().join("mail").join(format!("{id}.eml"))).unwrap();
        assert_eq!(stored, [b"Delivered-To: tech@example.com\r\n", &message[..]].concat(), "byte for byte");

        let letters = office.messages().unwrap();
        assert_eq!(letters.len(), 2);
        assert_eq!(letters[0].id, id);
        assert_eq!(letters[0].to, ["tech@example.com"]);
        assert_eq!(letters[0].subject, "お見積り：サーバー版 500 ユーザー");
        assert_eq!(letters[0].html.as_deref(), Some("<p>合計 <b>¥1,234,567</b></p>"));
        assert_eq!(letters[0].attachments[0].content, b"%PDF-1.7 \0\xff\n");
    }

    #[tokio::test]
    async fn the_envelope_decides_who_receives() {
        let folder = tempfile::tempdir().unwrap();
        let office = PostOffice::open(folder.path()).unwrap();
        let message = letter("Quote", "<p>Total</p>");
        let request = serve(&office).await.send_raw_email().raw_message(raw(&message));
        request.destinations("Reseller <reseller@example.com>").destinations("a@example.com").send().await.unwrap();
        assert_eq!(office.messages().unwrap()[0].to, ["reseller@example.com", "a@example.com"]);
    }

    #[tokio::test]
    async fn numbering_continues_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let first = send(&PostOffice::open(folder.path()).unwrap(), &letter("1", "")).await;
        let again = PostOffice::open(folder.path()).unwrap();
        let second = send(&again, &letter("2", "")).await;
        assert!(first.starts_with("00000001-") && second.starts_with("00000002-"), "{first} {second}");
        let subjects: Vec<_> = again.messages().unwrap().into_iter().map(|letter| letter.subject).collect();
        assert_eq!(subjects, ["1", "2"]);
    }

    #[tokio::test]
    async fn messages_that_ses_refuses_are_refused_with_its_codes_and_not_stored() {
        let folder = tempfile::tempdir().unwrap();
        let office = PostOffice::open(folder.path()).unwrap();
        let client = serve(&office).await;
        let send = |message: &[u8]| client.send_raw_email().raw_message(raw(message)).send();

        let no_recipient = send(b"From: sales@example.com\r\nSubject: x\r\n\r\nx").await.unwrap_err().into_service_error();
        assert_eq!(code(&no_recipient), Some("InvalidParameterValue"), "{no_recipient:?}");
        let no_sender = send(b"To: tech@example.com\r\n\r\nx").await.unwrap_err().into_service_error();
        assert_eq!(no_sender.message(), Some("Missing required header 'From'."));

        let body = Body::builder().text(Content::builder().data("x").build().unwrap()).build();
        let simple = Simple::builder().subject(Content::builder().data("x").build().unwrap()).body(body).build();
        let other = client
            .send_email()
            .source("sales@example.com")
            .destination(Destination::builder().to_addresses("tech@example.com").build())
            .message(simple)
            .send()
            .await
            .unwrap_err()
            .into_service_error();
        assert_eq!(other.code(), Some("InvalidAction"));
        assert_eq!(other.message(), Some("Could not find operation SendEmail for version 2010-12-01"));
        assert_eq!(office.messages().unwrap(), []);
    }
}
