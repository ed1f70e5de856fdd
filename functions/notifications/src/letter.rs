//! The text of a letter, and the MIME message that contains it as plain text and as HTML, by the vendor's templates.

use std::{error::Error, ops::RangeInclusive, time::SystemTime};

use domain::{
    party::Contact,
    policy::{Mistakes, Seller},
};
use jiff::Timestamp;
use lettre::{
    Message,
    message::{
        Attachment as Part, Mailbox, MultiPart, SinglePart,
        header::{ContentType, Header, HeaderName, HeaderValue},
    },
};
use minijinja::{AutoEscape, Environment, HtmlEscape, State, UndefinedBehavior, Value, syntax::SyntaxConfig, value::Serde};
use serde::Serialize;
use typesetting::{Direction, Line, Total};

use crate::template;

/// The template for plain text, in the vendor's folder.
pub(crate) const TEXT: &str = "letters/letter.txt";
/// The template for HTML, in the vendor's folder.
pub(crate) const HTML: &str = "letters/letter.html";

/// All text of a letter, in the reader's language. The templates decide only about its appearance.
///
/// A value between U+2068 and U+2069 is typed or copied by readers: the filter `kept` keeps it on one line.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Letter {
    pub(crate) language: String,
    /// `ltr` or `rtl`.
    pub(crate) direction: Direction,
    /// The colour of the button.
    pub(crate) accent: String,
    pub(crate) subject: String,
    /// What an inbox shows beside the subject.
    pub(crate) preheader: String,
    pub(crate) greeting: String,
    pub(crate) paragraphs: Vec<String>,
    /// How much, and until when.
    pub(crate) summary: Option<Summary>,
    /// The button: what its reader should do next.
    pub(crate) action: Option<Action>,
    /// What is bought, with quantities and amounts.
    pub(crate) lines: Vec<Line>,
    pub(crate) totals: Vec<Total>,
    /// The sentence before the entitlements.
    pub(crate) items_heading: Option<String>,
    /// The entitlements that were delivered.
    pub(crate) items: Vec<Item>,
    /// The paragraphs after the items.
    pub(crate) after: Vec<String>,
    pub(crate) small: Vec<String>,
    pub(crate) closing: String,
    pub(crate) signature: String,
    pub(crate) support: Sentence,
    /// The link that changes the order, for the requester only.
    pub(crate) change: Option<Sentence>,
    /// The vendor's name, address, registration and tax id.
    pub(crate) particulars: Vec<String>,
}

/// An amount with its day.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Summary {
    pub(crate) label: String,
    pub(crate) amount: String,
    pub(crate) deadline_label: String,
    pub(crate) deadline: String,
}

/// A sentence with a link, split at the link.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Sentence {
    pub(crate) before: String,
    pub(crate) url: String,
    pub(crate) after: String,
}

/// An entitlement in a letter.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Item {
    pub(crate) sen: String,
    pub(crate) text: String,
    /// The link to the key. A subscription has none.
    pub(crate) url: Option<String>,
}

/// The button of a letter.
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
    /// Parses both templates and checks them with a sample letter. An unknown name in a template is a mistake, not empty text.
    ///
    /// # Errors
    ///
    /// Every mistake of the two templates.
    pub(crate) fn new(text: &str, html: &str) -> Result<Self, Mistakes> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.expect("the usual delimiters are distinct"));
        environment.add_filter("kept", kept);
        let sample = Value::from(Serde(Letter::sample()));
        let mut mistakes = template::add(&mut environment, TEXT, text, &sample);
        // The name ends in `.html`, so that MiniJinja escapes every value.
        mistakes.extend(template::add(&mut environment, HTML, html, &sample));
        if mistakes.is_empty() { Ok(Self(environment)) } else { Err(Mistakes(mistakes)) }
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
            .reply_to(mailbox(&from.legal_name, from.reply_to.as_ref().unwrap_or(&from.email).as_str())?)
            .header(AutoSubmitted)
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

/// The marks that [`typesetting::kept`] and [`typesetting::isolated`] put around a value.
const MARKS: RangeInclusive<char> = '\u{2066}'..='\u{2069}';

/// The filter of the templates for texts with marks. HTML has elements for what the marks mean. Plain text keeps them where the
/// direction changes, and loses those that only keep a value on one line.
fn kept(state: &State<'_, '_>, text: &str) -> Value {
    if !matches!(state.auto_escape(), AutoEscape::Html) {
        let against = text.contains(['\u{2066}', '\u{2067}']);
        return Value::from(text.chars().filter(|c| against || !MARKS.contains(c)).collect::<String>());
    }
    let mut html = String::with_capacity(text.len());
    let mut open = 0_usize;
    for piece in text.split_inclusive(|c| MARKS.contains(&c)) {
        let mark = piece.chars().next_back().filter(|c| MARKS.contains(c));
        let written = mark.map_or(piece, |mark| &piece[..piece.len() - mark.len_utf8()]);
        html += &HtmlEscape(written).to_string();
        match mark {
            Some('\u{2069}') if open > 0 => {
                open -= 1;
                html += "</bdi>";
            }
            Some('\u{2068}') => {
                open += 1;
                html += "<bdi style=\"white-space:nowrap\">";
            }
            Some('\u{2066}' | '\u{2067}') => {
                open += 1;
                html += "<bdi>";
            }
            _ => {}
        }
    }
    html += &"</bdi>".repeat(open);
    Value::from_safe_string(html)
}

/// `Auto-Submitted: auto-generated` (RFC 3834): out-of-office responders do not answer such a letter.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
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
            direction: Direction::LeftToRight,
            accent: "#0f5c6e".to_owned(),
            subject: text(),
            preheader: text(),
            greeting: text(),
            paragraphs: vec![text()],
            summary: Some(Summary { label: text(), amount: text(), deadline_label: text(), deadline: text() }),
            action: Some(Action { label: text(), url: "https://vendor.example".to_owned() }),
            lines: vec![Line {
                number: text(),
                description: text(),
                details: vec![text()],
                steps: Vec::new(),
                quantity: text(),
                price: text(),
                amount: text(),
            }],
            totals: vec![Total { label: text(), amount: text(), strong: true }],
            items_heading: Some(text()),
            items: vec![
                Item { sen: text(), text: text(), url: Some("https://vendor.example".to_owned()) },
                Item { sen: text(), text: text(), url: None },
            ],
            after: vec![text()],
            small: vec![text()],
            closing: text(),
            signature: text(),
            support: Sentence { before: text(), url: "https://vendor.example".to_owned(), after: text() },
            change: Some(Sentence { before: text(), url: "https://vendor.example".to_owned(), after: text() }),
            particulars: vec![text()],
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
            registration: None,
            tax_id: "-".to_owned(),
            address: Vec::new(),
            email: Email::parse("quotes@vendor.example").unwrap(),
            reply_to: Email::parse("sales@vendor.example"),
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

    /// The mistakes of two templates: file, line and what is wrong.
    fn mistakes(text: &str, html: &str) -> Vec<(String, Option<usize>, String)> {
        let Mistakes(mistakes) = Templates::new(text, html).map(|_| ()).unwrap_err();
        mistakes.into_iter().map(|mistake| (mistake.file, mistake.line, mistake.what)).collect()
    }

    #[test]
    fn d8_every_name_that_a_letter_lacks_is_reported_at_once_with_its_line() {
        let text = "{{ gretting }}\n{% if actoin %}\n{{ actoin.label }}\n{% endif %}\n{{ action.ulr }}\n\
                    {% for item in items %}\n{{ item.senn }}\n{{ item.sen }} {{ item.textt }}\n{% endfor %}\n{{ closing }}\n";
        let found = mistakes(text, "<p>{{ subjet }}</p>\n");
        let expected = [
            ("letters/letter.txt", 5, "a letter has no `action.ulr`"),
            ("letters/letter.txt", 2, "a letter has no `actoin`"),
            ("letters/letter.txt", 3, "a letter has no `actoin.label`"),
            ("letters/letter.txt", 1, "a letter has no `gretting`"),
            ("letters/letter.txt", 7, "a name in `{{ item.senn }}` does not exist"),
            ("letters/letter.txt", 8, "a name in `{{ item.sen }} {{ item.textt }}` does not exist"),
            ("letters/letter.html", 1, "a letter has no `subjet`"),
        ];
        for (file, line, what) in expected {
            let there =
                |(of, at, found): &(String, Option<usize>, String)| of == file && *at == Some(line) && found.contains(what);
            assert!(found.iter().any(there), "{file}:{line} {what} among {found:#?}");
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
        assert!(found[0].2.contains("greeting") && found[0].2.contains("action (with label, url)"), "{}", found[0].2);
        assert!(found[0].2.contains("items (each with sen, text, url)"), "{}", found[0].2);
    }

    #[test]
    fn a_template_that_cannot_be_parsed_is_reported_with_its_line_and_with_the_mistakes_of_the_other() {
        let found = mistakes("{{ closing }}\n{% if %}\n", "{{ subjet }}");
        let places: Vec<_> = found.iter().map(|(file, line, _)| (&**file, *line)).collect();
        assert_eq!(places, [("letters/letter.txt", Some(2)), ("letters/letter.html", Some(1))], "{found:#?}");
    }

    #[test]
    fn d4_replies_go_to_people_and_responders_do_not_answer() {
        let to = Contact { name: "Rita Seller".to_owned(), email: Email::parse("rita@reseller.example").unwrap() };
        let message = |from: &Seller| {
            let id = "<1@vendor.example>";
            templates().message(&Letter::sample(), &to, from, None, id, Timestamp::UNIX_EPOCH).unwrap()
        };
        let raw = message(&seller());
        let read = mail_parser::MessageParser::default().parse(&raw).unwrap();
        assert_eq!(read.reply_to().unwrap().first().unwrap().address(), Some("sales@vendor.example"));
        assert_eq!(read.header_raw("Auto-Submitted").map(str::trim), Some("auto-generated"));
        let raw = message(&Seller { reply_to: None, ..seller() });
        let read = mail_parser::MessageParser::default().parse(&raw).unwrap();
        assert_eq!(read.reply_to().unwrap().first().unwrap().address(), Some("quotes@vendor.example"));
    }

    #[test]
    fn d4_a_marked_value_stays_on_one_line_and_no_value_can_open_an_element() {
        let mut letter = Letter::sample();
        letter.paragraphs = vec![
            "Pay \u{2068}USD\u{a0}1.00\u{2069} now".to_owned(),
            "open \u{2068}<b>".to_owned(),
            "close \u{2069}\u{2069}".to_owned(),
        ];
        let html = templates().render(HTML, &letter).unwrap();
        assert!(html.contains("Pay <bdi style=\"white-space:nowrap\">USD\u{a0}1.00</bdi> now"), "{html}");
        assert!(html.contains("&lt;b&gt;</bdi>") && html.matches("<bdi").count() == html.matches("</bdi>").count(), "{html}");
        assert!(templates().render(TEXT, &letter).unwrap().contains("Pay USD\u{a0}1.00 now"));
    }
}
