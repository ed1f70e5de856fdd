//! The text of a letter, and the MIME message that contains it as plain text and as HTML, by the vendor's templates.

use std::{error::Error, time::SystemTime};

use domain::{party::Contact, policy::Seller};
use jiff::Timestamp;
use lettre::{
    Message,
    message::{Attachment as Part, Mailbox, MultiPart, SinglePart, header::ContentType},
};
use minijinja::{Environment, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;

/// The template for plain text, in the vendor's folder.
pub(crate) const TEXT: &str = "letters/letter.txt";
/// The template for HTML, in the vendor's folder.
pub(crate) const HTML: &str = "letters/letter.html";

/// All text of a letter, in the reader's language. The templates decide only about its appearance.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Letter {
    pub(crate) language: String,
    pub(crate) subject: String,
    pub(crate) greeting: String,
    pub(crate) paragraphs: Vec<String>,
    pub(crate) items: Vec<Item>,
    /// The paragraphs after the items.
    pub(crate) after: Vec<String>,
    pub(crate) action: Option<Action>,
    pub(crate) small: Vec<String>,
    pub(crate) closing: String,
    pub(crate) signature: String,
    pub(crate) support: String,
}

/// An entitlement in a letter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Item {
    pub(crate) sen: String,
    pub(crate) text: String,
    /// The link to the key. A subscription has none.
    pub(crate) url: Option<String>,
}

/// The button of a letter: what its reader should do next.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Action {
    pub(crate) label: String,
    pub(crate) url: String,
}

/// A file that goes with a letter.
pub(crate) struct Attachment {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

/// The vendor's two templates, after a check.
pub(crate) struct Templates(Environment<'static>);

impl Templates {
    /// Parses both templates and checks them with a sample letter. An unknown name in a template is an error, not empty text.
    pub(crate) fn new(text: &str, html: &str) -> Result<Self, minijinja::Error> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
        environment.add_template_owned(TEXT, text.to_owned())?;
        // The name ends in `.html`, so that MiniJinja escapes every value.
        environment.add_template_owned(HTML, html.to_owned())?;
        let templates = Self(environment);
        templates.render(TEXT, &Letter::sample())?;
        templates.render(HTML, &Letter::sample())?;
        Ok(templates)
    }

    fn render(&self, name: &str, letter: &Letter) -> Result<String, minijinja::Error> {
        self.0.get_template(name)?.render(Value::from(Serde(letter)))
    }

    /// The MIME message. The same letter gives the same text, HTML, date and Message-ID.
    ///
    /// No field of an order can end a header and begin another one. Addresses and headers are built from typed parts, which encode
    /// their values, and [`one_line`] removes line breaks.
    pub(crate) fn message(
        &self,
        letter: &Letter,
        to: &Contact,
        from: &Seller,
        attachment: Option<Attachment>,
        id: &str,
        at: Timestamp,
    ) -> Result<Vec<u8>, Box<dyn Error + Send + Sync>> {
        let mailbox = |name: &str, address: &str| {
            Ok::<_, lettre::address::AddressError>(Mailbox::new(Some(one_line(name)), address.parse()?))
        };
        let body = MultiPart::alternative()
            .singlepart(SinglePart::plain(self.render(TEXT, letter)?))
            .singlepart(SinglePart::html(self.render(HTML, letter)?));
        let builder = Message::builder()
            .from(mailbox(&from.legal_name, from.email.as_str())?)
            .to(mailbox(&to.name, to.email.as_str())?)
            .subject(one_line(&letter.subject))
            .message_id(Some(id.to_owned()))
            .date(SystemTime::from(at));
        let message = match attachment {
            Some(Attachment { name, bytes }) => {
                let file = Part::new(name).body(bytes, ContentType::parse("application/pdf")?);
                builder.multipart(MultiPart::mixed().multipart(body).singlepart(file))?
            }
            None => builder.multipart(body)?,
        };
        Ok(message.formatted())
    }
}

/// Header text without control characters. An order that contains any is refused, but other stored text may contain them.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

impl Letter {
    /// A letter with a value in every field, so that a template's mistakes appear when it is loaded.
    fn sample() -> Self {
        let text = || "…".to_owned();
        Self {
            language: "en".to_owned(),
            subject: text(),
            greeting: text(),
            paragraphs: vec![text()],
            items: vec![
                Item { sen: text(), text: text(), url: Some("https://vendor.example".to_owned()) },
                Item { sen: text(), text: text(), url: None },
            ],
            after: vec![text()],
            action: Some(Action { label: text(), url: "https://vendor.example".to_owned() }),
            small: vec![text()],
            closing: text(),
            signature: text(),
            support: text(),
        }
    }
}

#[cfg(test)]
mod tests {
    use domain::party::Email;

    use super::*;

    fn templates() -> Templates {
        Templates::new(
            include_str!("../../../infra/vendor/letters/letter.txt"),
            include_str!("../../../infra/vendor/letters/letter.html"),
        )
        .unwrap()
    }

    fn seller() -> Seller {
        Seller {
            legal_name: "Example Software Ltd".to_owned(),
            tax_id: "-".to_owned(),
            address: Vec::new(),
            email: Email::parse("quotes@vendor.example").unwrap(),
            support_url: "https://vendor.example".to_owned(),
        }
    }

    #[test]
    fn no_field_can_begin_a_header_and_html_is_escaped() {
        let to = Contact {
            name: "Eve\r\nBcc: all@victim.example\r\n\r\nHello".to_owned(),
            email: Email::parse("eve@example.com").unwrap(),
        };
        let mut letter = Letter::sample();
        letter.subject = "Quote\r\nBcc: all@victim.example".to_owned();
        letter.paragraphs = vec!["<script>alert(1)</script> & {{ signature }}".to_owned()];
        let raw = templates().message(&letter, &to, &seller(), None, "<1@vendor.example>", Timestamp::UNIX_EPOCH).unwrap();
        let message = mail_parser::MessageParser::default().parse(&raw).unwrap();
        assert!(message.bcc().is_none());
        assert_eq!(message.to().unwrap().iter().count(), 1);
        assert_eq!(message.to().unwrap().first().unwrap().address(), Some("eve@example.com"));
        let html = message.body_html(0).unwrap();
        assert!(html.contains("&lt;script&gt;") && !html.contains("<script>"), "{html}");
        assert!(message.body_text(0).unwrap().contains("{{ signature }}"), "a field is never read as a template");
    }

    #[test]
    fn a_mistake_in_a_template_is_reported_when_it_is_loaded() {
        let error = Templates::new("{{ gretting }}", "").map(|_| ()).unwrap_err();
        assert!(error.to_string().contains("undefined") && format!("{error:#}").contains("letters/letter.txt"), "{error:#}");
    }
}
