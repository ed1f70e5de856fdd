//! What a document says, as final strings.

use serde::{Deserialize, Serialize};

/// A quote or an invoice, ready to be laid out: a template finds these fields, under these names, in `document.json`.
///
/// Every text is final, in the reader's language and in their way of writing dates and amounts, and is shown literally:
/// nothing in it is ever taken for typst markup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// BCP 47 tag of the language of all texts: `en`, `ja`. It governs line breaking and what a screen reader speaks.
    pub language: String,
    /// The heading, also the title of the PDF: "Quote Q-7KQ4-M9XTC".
    pub title: String,
    /// What the document is, for templates that look different for each.
    pub kind: Kind,
    /// The number that payers quote and that every page repeats.
    pub number: String,
    /// Dates, currency, purchase order number, requester: what R23 wants beside parties and totals.
    pub facts: Vec<Fact>,
    /// The vendor's legal entity and tax id.
    pub seller: Party,
    /// Who is billed.
    pub bill_to: Party,
    /// Who may use the software.
    pub licensee: Party,
    /// What is sold.
    pub table: Table,
    /// Net, each tax with its rate, gross, in reading order.
    pub totals: Vec<Total>,
    /// How to pay; absent when nothing is to be paid or can be.
    pub payment: Option<Payment>,
    /// Terms or remarks that follow the table.
    pub notes: Option<Notes>,
    /// Small print at the foot of every page.
    pub footer: Vec<String>,
    /// How pages are counted, a pattern: "Page {page} of {pages}".
    pub page_label: String,
}

/// What a document is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An offer that can be accepted and paid.
    Quote,
    /// A demand for, or a record of, payment.
    Invoice,
}

/// A labelled value: "Valid through" and "22 December 2026".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// What it is.
    pub label: String,
    /// The value, formatted.
    pub value: String,
}

/// Somebody that a document names.
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
    /// Over the amounts.
    pub amount: String,
}

/// One thing sold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The line number.
    pub number: String,
    /// Product, edition and tier.
    pub description: String,
    /// What qualifies it: period, site, support entitlement number.
    pub details: Vec<String>,
    /// How the amount came about: list price, then each discount, credit and rounding, with its amount as the value.
    pub steps: Vec<Fact>,
    /// The net amount of the line.
    pub amount: String,
}

/// One of the sums.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Total {
    /// What is summed: "VAT 20 %".
    pub label: String,
    /// The sum.
    pub amount: String,
    /// Whether it is the sum that matters.
    pub strong: bool,
}

/// How to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The heading.
    pub heading: String,
    /// What holds for all methods, such as the reference to state.
    pub introduction: String,
    /// Every method that this document allows.
    pub methods: Vec<Method>,
}

/// A way to pay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Method {
    /// Its name.
    pub name: String,
    /// All that a payer must know, one thing a line.
    pub instructions: Vec<String>,
}

/// Free text at the end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notes {
    /// The heading.
    pub heading: String,
    /// The text; a line break begins a paragraph.
    pub text: String,
}

impl Document {
    /// What a template must be able to lay out before it is accepted: a document that has everything, and one that
    /// lacks all that may be absent.
    pub(crate) fn samples() -> [Self; 2] {
        let texts = |texts: &[&str]| texts.iter().copied().map(String::from).collect::<Vec<_>>();
        let fact = |label: &str, value: &str| Fact { label: label.into(), value: value.into() };
        let party = |heading: &str, lines: &[&str]| Party { heading: heading.into(), lines: texts(lines) };
        let full = Self {
            language: "en".into(),
            title: "Quote Q-0000-00000".into(),
            kind: Kind::Quote,
            number: "Q-0000-00000".into(),
            facts: vec![fact("Issued", "1 January 2026")],
            seller: party("Seller", &["Example Software Ltd", "VAT GB 123 4567 89"]),
            bill_to: party("Bill to", &["Example Reseller Ltd"]),
            licensee: party("Licensee", &["Example University"]),
            table: Table {
                heading: "What you buy".into(),
                columns: Columns { line: "Line".into(), description: "Description".into(), amount: "Amount".into() },
                lines: vec![Line {
                    number: "1".into(),
                    description: "Example Tracker, 10 users".into(),
                    details: texts(&["12 months"]),
                    steps: vec![fact("List price", "USD 100.00")],
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
