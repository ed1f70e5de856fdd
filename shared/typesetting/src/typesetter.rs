//! Laying documents out.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use serde::Serialize;
use typst::diag::{SourceDiagnostic, Warned};
use typst::foundations::{Bytes, Smart};
use typst::syntax::Source;
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, comemo};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::document::Document;
use crate::error::{Diagnostic, TemplateError, TypesettingError};
use crate::fonts::Fonts;
use crate::world::{DocumentWorld, TEMPLATE};

/// The number of documents after which typst's cache drops an unused result. Results for the template itself are used by every
/// document and stay. Without a limit, the memory of a long-running process would grow.
const CACHED_DOCUMENTS: usize = 4;

/// typst's standard library, shared by all templates.
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

/// PDF/UA-1 (ISO 14289-1): tagged for screen readers, with title, language and table headers. The exporter checks conformance.
static ACCESSIBLE: LazyLock<PdfOptions> = LazyLock::new(|| {
    let standards = PdfStandards::new(&[PdfStandard::Ua_1]).expect("a single standard has no conflicts");
    PdfOptions { standards, ..options() }
});

/// Options without anything that varies by time or machine, so that the same document gives the same bytes.
fn options() -> PdfOptions {
    PdfOptions { creator: Smart::Custom(Some("Sellthrough".into())), timestamp: None, ..PdfOptions::default() }
}

/// A checked template. It lays out any number of documents, from any number of threads.
#[derive(Debug, Clone)]
pub struct Typesetter {
    template: Source,
    logo: Option<Bytes>,
    fonts: Arc<Fonts>,
}

/// What a vendor adds to its template.
#[derive(Debug, Clone, Default)]
pub struct Brand {
    /// The logo, an SVG. The template reads it as `logo.svg`.
    pub logo: Option<String>,
    /// Font files (TrueType or OpenType) with their names. A template uses their families beside the embedded ones.
    pub fonts: Vec<(String, Vec<u8>)>,
}

/// A document's data as a template reads it.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(flatten)]
    document: &'a Document,
    /// Whether `logo.svg` can be read.
    logo: bool,
}

/// Characters as their code points, `U+0995 U+09BE`: for logs, which must not repeat a person's name.
pub fn code_points(characters: &[char]) -> String {
    characters.iter().map(|c| format!("U+{:04X}", u32::from(*c))).collect::<Vec<_>>().join(" ")
}

impl Typesetter {
    /// A template of a vendor without a logo and without fonts of its own: see [`Self::branded`].
    ///
    /// # Errors
    ///
    /// As [`Self::branded`].
    pub fn new(template: &str) -> Result<Self, TemplateError> {
        Self::branded(template, Brand::default())
    }

    /// Checks a template, which is typst source text. The check lays out two small documents: one with all optional parts, and
    /// one without any.
    ///
    /// # Errors
    ///
    /// All errors and warnings that typst reports, all violations of PDF/UA-1, and the files that are no fonts. A retry fails
    /// again.
    pub fn branded(template: &str, brand: Brand) -> Result<Self, TemplateError> {
        let fonts = Fonts::with(brand.fonts).map_err(|unreadable| TemplateError {
            diagnostics: unreadable.iter().map(|name| Diagnostic::of_font(name)).collect(),
        })?;
        let logo = brand.logo.map(Bytes::from_string);
        let typesetter = Self { template: Source::new(*TEMPLATE, template.into()), logo, fonts };
        let mut diagnostics: Vec<Diagnostic> = Vec::new();
        for sample in Document::samples() {
            let found = typesetter.in_world(&sample, |world| {
                let Warned { output, warnings } = typst::compile::<PagedDocument>(world);
                let errors = output.and_then(|pages| typst_pdf::pdf(&pages, &ACCESSIBLE)).err().unwrap_or_default();
                named(errors.iter().chain(&warnings), world)
            });
            for diagnostic in found {
                if !diagnostics.contains(&diagnostic) {
                    diagnostics.push(diagnostic);
                }
            }
        }
        if diagnostics.is_empty() { Ok(typesetter) } else { Err(TemplateError { diagnostics }) }
    }

    /// Lays a document out. The same document gives the same bytes.
    ///
    /// The PDF conforms to PDF/UA-1, with one exception: a character that no font has is printed as an empty box. The
    /// PDF is then tagged in the same way, but does not claim conformance.
    ///
    /// # Errors
    ///
    /// The template cannot lay out this document. A retry fails again.
    pub fn pdf(&self, document: &Document) -> Result<Vec<u8>, TypesettingError> {
        self.in_world(document, |world| {
            typst::compile::<PagedDocument>(world)
                .output
                .and_then(|pages| typst_pdf::pdf(&pages, &ACCESSIBLE).or_else(|_| typst_pdf::pdf(&pages, &options())))
                .map_err(|errors| TypesettingError { diagnostics: named(&errors, world) })
        })
    }

    /// The characters of a document that no font has, in their order. The PDF shows a box in place of each.
    pub fn unprintable(&self, document: &Document) -> Vec<char> {
        let text = serde_json::to_string(document).expect("strings in structs are JSON");
        let missing: BTreeSet<_> = text.chars().filter(|c| !self.fonts.print(*c)).collect();
        missing.into_iter().collect()
    }

    fn in_world<T>(&self, document: &Document, work: impl FnOnce(&DocumentWorld<'_>) -> T) -> T {
        let data = Data { document, logo: self.logo.is_some() };
        let data = Bytes::new(serde_json::to_vec(&data).expect("strings in structs are JSON"));
        let Self { template, logo, fonts } = self;
        let made = work(&DocumentWorld { library: &LIBRARY, template, data, logo: logo.as_ref(), fonts });
        comemo::evict(CACHED_DOCUMENTS);
        made
    }
}

fn named<'a>(diagnostics: impl IntoIterator<Item = &'a SourceDiagnostic>, world: &DocumentWorld<'_>) -> Vec<Diagnostic> {
    diagnostics.into_iter().map(|diagnostic| Diagnostic::of(diagnostic, world)).collect()
}
