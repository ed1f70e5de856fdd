//! Reading stored messages.

use jiff::Timestamp;
use mail_parser::{MessageParser, MessagePart, MimeHeaders, PartType};

/// The line that names the configuration set of SES, as SES itself reads it from a message.
pub(crate) const CONFIGURATION_SET: &str = "X-SES-CONFIGURATION-SET";

/// A letter, decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Letter {
    /// The id that the sender received. Ids sort in the order of acceptance.
    pub id: String,
    /// The recipients: bare addresses.
    pub to: Vec<String>,
    /// The configuration set that the letter was sent through.
    pub configuration_set: Option<String>,
    /// The sender in the header: bare addresses, joined by `", "`.
    pub from: String,
    /// The decoded subject; empty if there is none.
    pub subject: String,
    /// The date in the header.
    pub date: Option<Timestamp>,
    /// The decoded text part.
    pub text: Option<String>,
    /// The decoded HTML part. It is untrusted.
    pub html: Option<String>,
    /// The attachments, in the order of the message.
    pub attachments: Vec<Attachment>,
}

/// One attachment of a [`Letter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The decoded file name. It is untrusted: never use it as a path.
    pub filename: String,
    /// The media type without parameters, in lower case, for example `application/pdf`.
    pub content_type: String,
    /// The decoded content.
    pub content: Vec<u8>,
}

impl Letter {
    /// Reads a message (RFC 5322, MIME). `None` if the bytes have no header section. Errors inside a message are tolerated, as
    /// mail programs do.
    #[must_use]
    pub fn read(id: &str, message: &[u8]) -> Option<Self> {
        let message = MessageParser::default().parse(message)?;
        let part =
            |wanted: fn(&MessagePart<'_>) -> Option<String>| message.text_bodies().chain(message.html_bodies()).find_map(wanted);
        let (text, html) = (part(plain), part(html));
        Some(Self {
            id: id.to_owned(),
            to: message.header_values("Delivered-To").filter_map(|value| value.as_text()).map(str::to_owned).collect(),
            configuration_set: message.header(CONFIGURATION_SET).and_then(|value| value.as_text()).map(str::to_owned),
            from: message.from().map(addresses).unwrap_or_default().join(", "),
            subject: message.subject().unwrap_or_default().to_owned(),
            date: message.date().and_then(|date| Timestamp::from_second(date.to_timestamp()).ok()),
            text,
            html,
            attachments: message.attachments().map(attachment).collect(),
        })
    }
}

/// The bare addresses of an address header.
pub(crate) fn addresses(header: &mail_parser::Address<'_>) -> Vec<String> {
    header.iter().filter_map(|one| one.address()).map(str::to_owned).collect()
}

fn plain(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Text(text) => Some(text.to_string()),
        _ => None,
    }
}

fn html(part: &MessagePart<'_>) -> Option<String> {
    match &part.body {
        PartType::Html(html) => Some(html.to_string()),
        _ => None,
    }
}

fn attachment(part: &MessagePart<'_>) -> Attachment {
    let content_type = part.content_type().and_then(|kind| Some(format!("{}/{}", kind.ctype(), kind.subtype()?)));
    Attachment {
        filename: part.attachment_name().unwrap_or("attachment").to_owned(),
        content_type: content_type.unwrap_or_else(|| "application/octet-stream".to_owned()).to_lowercase(),
        content: part.contents().to_vec(),
    }
}
