//! PDF from a document's data and a template that a vendor can edit.
//!
//! A [`Document`] is a quote or an invoice in its final form: its texts are translated, its dates and amounts are formatted.
//! A [`Typesetter`] has a [typst](https://typst.app) template, which lays those texts out. The template decides the layout
//! only. The same document and template give the same bytes, on every machine and at any time.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let document: typesetting::Document = serde_json::from_str("")?;
//! let typesetter = typesetting::Typesetter::new(&std::fs::read_to_string("document.typ")?)?;
//! let pdf: Vec<u8> = typesetter.pdf(&document)?;
//! # Ok(())
//! # }
//! ```

mod document;
mod drafting;
mod error;
mod fonts;
mod formats;
mod marks;
mod place;
mod typesetter;
mod world;

pub use document::{
    Columns, Direction, Document, Fact, Kind, Line, Method, Notes, Online, Party, Payment, Summary, Table, Total,
};
pub use error::{Diagnostic, Place, TemplateError, TypesettingError};
pub use formats::Formats;
pub use marks::{isolated, kept, unmarked};
pub use typesetter::{Brand, Typesetter, code_points};

/// The path of the logo in the vendor folder. The file is optional.
pub const LOGO: &str = "documents/logo.svg";

/// The path of the template in the vendor folder.
pub const TEMPLATE: &str = "documents/document.typ";
