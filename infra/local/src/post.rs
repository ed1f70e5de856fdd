//! A mail service in this process. It implements `SendRawEmail` of the Query API of Amazon SES (version 2010-12-01), so that the
//! AWS SDK's client can send to it through `AWS_ENDPOINT_URL_SES`. It stores every message as one `.eml` file and sends no mail.
//!
//! A message is on disk before it is acknowledged. One `Delivered-To` line (RFC 9228) per recipient precedes the sender's bytes,
//! because the recipients of the envelope may differ from those of the header. A line before them names the configuration set, if the
//! request names one.

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
    letter::{CONFIGURATION_SET, Letter, addresses},
};

/// SES accepts messages of at most 10 MB. In base64 and percent-encoded they are smaller than this limit.
const LARGEST_REQUEST: usize = 32 * 1024 * 1024;

/// How many digits the number of a message has at least …
const NUMBER_DIGITS: usize = 8;
/// … and at most, so that the next number is a number too.
const MOST_DIGITS: usize = 18;

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
        durable::remove_drafts(&dir)?;
        let last = ids(&dir)?.last().map_or(0, |id| number(id));
        Ok(Self { dir: dir.into(), next: Arc::new(AtomicU64::new(last + 1)) })
    }

    /// The SES endpoint, to be served at the root of a loopback listener of its own.
    pub fn router(&self) -> Router {
        Router::new().route("/", post(answer)).layer(DefaultBodyLimit::max(LARGEST_REQUEST)).with_state(self.clone())
    }

    /// All letters, oldest first. This reads every file: [`page`](Self::page) reads those that are shown.
    ///
    /// # Errors
    ///
    /// The operating system's error for the mail directory.
    pub fn messages(&self) -> io::Result<Vec<Letter>> {
        ids(&self.dir)?.iter().filter_map(|id| self.message(id).transpose()).collect()
    }

    /// The newest letters, or those before the letter `before`: at most `most`, oldest first. No other letter is read.
    ///
    /// # Errors
    ///
    /// The operating system's error for the mail directory.
    pub fn page(&self, before: Option<&str>, most: usize) -> io::Result<Page> {
        let ids = ids(&self.dir)?;
        let end = before.map_or(ids.len(), |before| ids.partition_point(|id| order(id) < order(before)));
        let start = end.saturating_sub(most);
        let letters = ids[start..end].iter().filter_map(|id| self.message(id).transpose()).collect::<io::Result<_>>()?;
        Ok(Page { letters, total: ids.len(), previous: ids.get(start).filter(|_| start > 0).cloned() })
    }

    /// The letter with this id; `None` if there is none.
    ///
    /// # Errors
    ///
    /// The operating system's error for the letter's file.
    pub fn message(&self, id: &str) -> io::Result<Option<Letter>> {
        // Only a valid id may become a path.
        if !is_id(id) {
            return Ok(None);
        }
        match std::fs::read(self.file(id)) {
            Ok(message) => Ok(Letter::read(id, &message)),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(cause),
        }
    }

    /// Stores the message and returns its id. After `Ok` the message survives a crash; after `Err` a retry is safe.
    fn keep(&self, Accepted { set, recipients, message }: &Accepted) -> io::Result<String> {
        let id = format!("{:0NUMBER_DIGITS$}-{}", self.next.fetch_add(1, Ordering::Relaxed), fresh_id());
        let set = set.iter().map(|set| format!("{CONFIGURATION_SET}: {set}\r\n"));
        let recipients = recipients.iter().map(|to| format!("Delivered-To: {to}\r\n"));
        let mut file: Vec<u8> = set.chain(recipients).flat_map(String::into_bytes).collect();
        file.extend_from_slice(message);
        durable::write(&self.file(&id), &file)?;
        Ok(id)
    }

    fn file(&self, id: &str) -> PathBuf {
        self.dir.join(format!("{id}.eml"))
    }
}

/// Some of the stored letters.
#[derive(Debug)]
pub struct Page {
    /// The letters, oldest first.
    pub letters: Vec<Letter>,
    /// The number of all stored letters.
    pub total: usize,
    /// The id of the first of these letters, if older letters are stored: the cursor of the page before.
    pub previous: Option<String>,
}

/// The ids of the stored messages in order of acceptance. A file whose name is no id is not a letter.
fn ids(dir: &Path) -> io::Result<Vec<String>> {
    let id = |name: &str| name.strip_suffix(".eml").filter(|id| is_id(id)).map(str::to_owned);
    let mut ids = std::fs::read_dir(dir)?
        .filter_map(|entry| entry.map(|file| id(file.file_name().to_str()?)).transpose())
        .collect::<io::Result<Vec<_>>>()?;
    ids.sort_by(|one, other| order(one).cmp(&order(other)));
    Ok(ids)
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// The place of an id in the order of acceptance.
fn order(id: &str) -> (u64, &str) {
    (number(id), id)
}

/// The number of a message: the digits before the first hyphen of its id. A name that this service has not given counts as the
/// oldest, so that it changes neither the order nor the numbers of the others.
fn number(id: &str) -> u64 {
    let digits = id.split_once('-').map_or("", |(digits, _)| digits);
    let own = (NUMBER_DIGITS..=MOST_DIGITS).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
    if own { digits.parse().unwrap_or(0) } else { 0 }
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
    let accepted = accept(&form)?;
    let id = tokio::task::spawn_blocking(move || office.keep(&accepted)).await.map_err(io::Error::other).flatten().map_err(
        |cause| {
            tracing::error!(%cause, "a letter could not be stored");
            Refusal {
                status: StatusCode::INTERNAL_SERVER_ERROR,
                code: "InternalFailure",
                message: "The letter could not be stored".to_owned(),
            }
        },
    )?;
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

/// A message that is to be stored.
struct Accepted {
    /// The configuration set.
    set: Option<String>,
    /// The recipients of the envelope, or else of the header.
    recipients: Vec<String>,
    message: Vec<u8>,
}

/// The message with its recipients, or the error that SES would return.
fn accept(form: &[(String, String)]) -> Result<Accepted, Refusal> {
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
    let set = field(form, "ConfigurationSetName").map(str::to_owned);
    let is_name = |set: &String| set.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if set.as_ref().is_some_and(|set| !is_name(set)) {
        return Err(invalid("The name of a configuration set has letters, digits, hyphens and underscores"));
    }
    Ok(Accepted { set, recipients, message })
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

    /// C3: which configuration set a letter was sent through is visible, and its name is no way to add a header.
    #[tokio::test]
    async fn c3_a_letter_states_its_configuration_set() {
        let folder = tempfile::tempdir().unwrap();
        let office = PostOffice::open(folder.path()).unwrap();
        let client = serve(&office).await;
        let through = |set: &str| {
            let message = raw(&letter("Quote", "<p>Total</p>"));
            client.send_raw_email().raw_message(message).configuration_set_name(set).send()
        };
        through("requests").await.unwrap();
        for set in ["a b", "requests\r\nX-Other: 1", "requests:"] {
            let error = through(set).await.unwrap_err().into_service_error();
            assert_eq!(code(&error), Some("InvalidParameterValue"), "{set}");
        }
        send(&office, &letter("Quote", "<p>Total</p>")).await;
        let sets: Vec<_> = office.messages().unwrap().into_iter().map(|letter| letter.configuration_set).collect();
        assert_eq!(sets, [Some("requests".to_owned()), None]);
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

    /// Finding A11: `18446744073709551615-a.eml` ended the process at its start.
    #[tokio::test]
    async fn a11_names_that_this_service_has_not_given_change_neither_order_nor_numbers() {
        let folder = tempfile::tempdir().unwrap();
        send(&PostOffice::open(folder.path()).unwrap(), &letter("1", "")).await;
        let put = |name: &str| std::fs::write(folder.path().join("mail").join(name), letter(name, "")).unwrap();
        for name in ["18446744073709551615-a.eml", "99999999999999999999999-b.eml", "ffffffff-c.eml", "7-d.eml", "abc.eml"] {
            put(name);
        }
        // Not letters.
        for name in ["99999999-a.txt", "99999999-é.eml", ".eml", "99999999-a b.eml", "99999999-..eml"] {
            put(name);
        }
        put("00000002-half.new");
        let office = PostOffice::open(folder.path()).unwrap();
        let second = send(&office, &letter("2", "")).await;
        assert!(second.starts_with("00000002-"), "{second}");
        // After a hundred million letters a number has one more digit.
        put("99999999-00000000.eml");
        put("100000000-00000000.eml");
        let third = send(&PostOffice::open(folder.path()).unwrap(), &letter("3", "")).await;
        assert!(third.starts_with("100000001-"), "{third}");
        let subjects: Vec<_> = office.messages().unwrap().into_iter().map(|letter| letter.subject).collect();
        let odd = 5;
        assert_eq!(subjects.len(), odd + 5);
        assert_eq!(subjects[odd..], ["1", "2", "99999999-00000000.eml", "100000000-00000000.eml", "3"]);
        assert!(!folder.path().join("mail/00000002-half.new").exists(), "a draft of a crash is removed");
    }

    /// Finding A11: with 12,500 letters every look at the inbox read all of them.
    #[tokio::test]
    async fn a11_a_page_reads_only_its_own_letters() {
        let folder = tempfile::tempdir().unwrap();
        let office = PostOffice::open(folder.path()).unwrap();
        let id = |n: usize| format!("{n:08}-00000000");
        for n in 1..=25 {
            std::fs::write(office.file(&id(n)), letter(&n.to_string(), "")).unwrap();
        }
        // A letter outside of the page that cannot be read at all.
        std::fs::remove_file(office.file(&id(3))).unwrap();
        std::fs::create_dir(office.file(&id(3))).unwrap();
        let subjects = |page: &Page| page.letters.iter().map(|letter| letter.subject.clone()).collect::<Vec<_>>();
        let numbers = |range: std::ops::RangeInclusive<usize>| range.map(|n| n.to_string()).collect::<Vec<_>>();
        let newest = office.page(None, 10).unwrap();
        assert_eq!((subjects(&newest), newest.total, newest.previous.clone()), (numbers(16..=25), 25, Some(id(16))));
        // A letter that arrives meanwhile moves no page.
        std::fs::write(office.file(&id(26)), letter("26", "")).unwrap();
        let before = office.page(newest.previous.as_deref(), 10).unwrap();
        assert_eq!((subjects(&before), before.previous.clone()), (numbers(6..=15), Some(id(6))));
        assert!(office.page(before.previous.as_deref(), 10).is_err(), "the page of the unreadable letter");
        let first = office.page(Some(&id(3)), 10).unwrap();
        assert_eq!((subjects(&first), first.previous), (numbers(1..=2), None));
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
