//! The content of a document, as final strings.

use qrcodegen::{QrCode, QrCodeEcc};
use serde::{Deserialize, Serialize};

/// A quote or an invoice, ready for layout. A template reads these fields, under these names, from `document.json`.
///
/// Every text is final: dates, amounts and words are in the reader's language. Texts are printed literally and never
/// interpreted as typst markup. A value between U+2068 and U+2069 is typed or copied by readers and stays on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// BCP 47 tag of the language of all texts: `en`, `ja`. It decides line breaking and the language of screen readers.
    pub language: String,
    /// The direction of that language.
    pub direction: Direction,
    /// The heading, also the title of the PDF: "Quote Q-7KQ4-M9XTC".
    pub title: String,
    /// The kind of the document, for templates whose layout depends on it.
    pub kind: Kind,
    /// The number that a payer states as reference. Every page shows it.
    pub number: String,
    /// The colour of the button and of marks: `#0f5c6e`.
    pub accent: String,
    /// What is answered first and largest: how much, until when, and where to pay. Absent if nothing is due.
    pub summary: Option<Summary>,
    /// Dates, currency, purchase order number, requester: the facts that R23 requires in addition to parties and totals.
    pub facts: Vec<Fact>,
    /// The vendor's legal entity and tax id.
    pub seller: Party,
    /// The party that is billed.
    pub bill_to: Party,
    /// The organisation that may use the software.
    pub licensee: Party,
    /// The lines that are sold.
    pub table: Table,
    /// Net, each tax with its rate, gross, in reading order.
    pub totals: Vec<Total>,
    /// How to pay; absent if nothing is due or the document cannot be paid.
    pub payment: Option<Payment>,
    /// Terms or remarks that follow the table.
    pub notes: Option<Notes>,
    /// Small print at the foot of every page.
    pub footer: Vec<String>,
    /// The pattern of page numbers: "Page {page} of {pages}".
    pub page_label: String,
}

/// The kind of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An offer that can be accepted and paid.
    Quote,
    /// A demand for, or a record of, payment.
    Invoice,
}

/// The direction in which a language is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Direction {
    /// Latin, Japanese, Thai.
    #[serde(rename = "ltr")]
    LeftToRight,
    /// Arabic, Hebrew.
    #[serde(rename = "rtl")]
    RightToLeft,
}

/// What a document answers first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// What the amount is: "Amount to pay".
    pub label: String,
    /// The amount.
    pub amount: String,
    /// The day: "Pay by", "22 December 2026".
    pub deadline: Option<Fact>,
    /// Where to pay; absent if the document cannot be paid online.
    pub online: Option<Online>,
}

/// The link to the payment page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Online {
    /// The text of the button.
    pub label: String,
    /// The address.
    pub url: String,
    /// The text at the code: "or scan".
    pub scan: String,
    /// The address as a QR code, an SVG; absent if the address is too long for one.
    pub code: Option<String>,
}

/// A labelled value: "Valid through" and "22 December 2026".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// The name of the value.
    pub label: String,
    /// The value, formatted.
    pub value: String,
}

/// A party that a document names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The role: "Bill to".
    pub heading: String,
    /// The name first, then address, tax id and contact, one line each.
    pub lines: Vec<String>,
}

/// The lines of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// The heading over the table.
    pub heading: String,
    /// The header row, repeated on every page.
    pub columns: Columns,
    /// The rows.
    pub lines: Vec<Line>,
}

/// The header cells of a [`Table`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Columns {
    /// Over the line numbers.
    pub line: String,
    /// Over the descriptions.
    pub description: String,
    /// Over the quantities.
    pub quantity: String,
    /// Over the prices of one unit.
    pub price: String,
    /// Over the amounts.
    pub amount: String,
}

/// One line of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The line number.
    pub number: String,
    /// Product, edition and tier.
    pub description: String,
    /// Details of the line: period, site, support entitlement number.
    pub details: Vec<String>,
    /// The calculation of the amount: list price, then each discount, credit and rounding, with its amount as the value.
    pub steps: Vec<Fact>,
    /// The number of units.
    pub quantity: String,
    /// The net price of one unit.
    pub price: String,
    /// The net amount of the line: quantity × price.
    pub amount: String,
}

/// One of the sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// What is summed: "VAT 20 %".
    pub label: String,
    /// The sum.
    pub amount: String,
    /// Whether the template emphasises the sum.
    pub strong: bool,
}

/// How to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The heading.
    pub heading: String,
    /// Instructions for all methods, such as the reference to state.
    pub introduction: String,
    /// Every method that this document allows.
    pub methods: Vec<Method>,
}

/// A way to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// Everything that a payer must know, one item per line.
    pub instructions: Vec<String>,
}

/// Free text at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// The heading.
    pub heading: String,
    /// The text; a line break starts a paragraph.
    pub text: String,
}

impl Online {
    /// The link and its code.
    pub fn new(label: &str, url: &str, scan: &str) -> Self {
        Self { label: label.to_owned(), url: url.to_owned(), scan: scan.to_owned(), code: code(url) }
    }
}

/// A text as a QR code (ISO/IEC 18004, level M): an SVG with one unit per module. The template leaves the quiet zone.
fn code(text: &str) -> Option<String> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let modules = (0..code.size()).flat_map(|y| (0..code.size()).map(move |x| (x, y)));
    let dark = modules.filter(|(x, y)| code.get_module(*x, *y));
    let path: String = dark.map(|(x, y)| format!("M{x} {y}h1v1h-1z")).collect();
    let size = code.size();
    Some(format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>"#))
}

impl Document {
    /// The samples that a template must lay out before it is accepted: a document with all optional parts, and one without any.
    pub(crate) fn samples() -> [Self; 2] {
        let texts = |texts: &[&str]| texts.iter().copied().map(String::from).collect::<Vec<_>>();
        let fact = |label: &str, value: &str| Fact { label: label.into(), value: value.into() };
        let party = |heading: &str, lines: &[&str]| Party { heading: heading.into(), lines: texts(lines) };
        let full = Self {
            language: "en".into(),
            direction: Direction::LeftToRight,
            title: "Quote Q-0000-00000".into(),
            kind: Kind::Quote,
            number: "Q-0000-00000".into(),
            accent: "#0f5c6e".into(),
            summary: Some(Summary {
                label: "Amount to pay".into(),
                amount: "USD 100.00".into(),
                deadline: Some(fact("Pay by", "1 February 2026")),
                online: Some(Online::new("Pay", "https://pay.example.com/Q-0000-00000", "or scan")),
            }),
            facts: vec![fact("Issued", "1 January 2026")],
            seller: party("Seller", &["Example Software Ltd", "VAT GB 123 4567 89"]),
            bill_to: party("Bill to", &["Example Reseller Ltd"]),
            licensee: party("Licensee", &["Example University"]),
            table: Table {
                heading: "What you buy".into(),
                columns: Columns {
                    line: "Line".into(),
                    description: "Description".into(),
                    quantity: "Quantity".into(),
                    price: "Price".into(),
                    amount: "Amount".into(),
                },
                lines: vec![Line {
                    number: "1".into(),
                    description: "Example Tracker, 10 users".into(),
                    details: texts(&["12 months"]),
                    steps: vec![fact("List price", "USD 100.00")],
                    quantity: "1".into(),
                    price: "USD 100.00".into(),
                    amount: "USD 100.00".into(),
                }],
            },
            totals: vec![Total { label: "Total".into(), amount: "USD 100.00".into(), strong: true }],
            payment: Some(Payment {
                heading: "How to pay".into(),
                introduction: "State the number.".into(),
                methods: vec![Method { name: "Bank transfer".into(), instructions: texts(&["Example Bank"]) }],
            }),
            notes: Some(Notes { heading: "Terms".into(), text: "See example.com.".into() }),
            footer: texts(&["Example Software Ltd"]),
            page_label: "Page {page} of {pages}".into(),
        };
        let bare = Self {
            language: "ja".into(),
            title: "請求書 0".into(),
            kind: Kind::Invoice,
            summary: None,
            facts: Vec::new(),
            seller: party("販売者", &[]),
            bill_to: party("請求先", &[]),
            licensee: party("使用者", &[]),
            table: Table { lines: Vec::new(), ..full.table.clone() },
            totals: Vec::new(),
            payment: None,
            notes: None,
            footer: Vec::new(),
            ..full.clone()
        };
        [full, bare]
    }
}
