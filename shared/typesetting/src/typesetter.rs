//! Laying documents out.

use std::sync::LazyLock;

use typst::diag::{SourceDiagnostic, Warned};
use typst::foundations::{Bytes, Smart};
use typst::syntax::Source;
use typst::utils::LazyHash;
use typst::{Library, LibraryExt, comemo};
use typst_layout::PagedDocument;
use typst_pdf::{PdfOptions, PdfStandard, PdfStandards};

use crate::document::Document;
use crate::error::{Diagnostic, TemplateError, TypesettingError};
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
}

impl Typesetter {
    /// Checks a template, which is typst source text. The check lays out two small documents: one with all optional parts, and
    /// one without any.
    ///
    /// # Errors
    ///
    /// All errors and warnings that typst reports, and all violations of PDF/UA-1. A retry fails again.
    pub fn new(template: &str) -> Result<Self, TemplateError> {
        let typesetter = Self { template: Source::new(*TEMPLATE, template.into()) };
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
    /// The PDF conforms to PDF/UA-1, with one exception: a character that no embedded font has is printed as an empty box. The
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

    fn in_world<T>(&self, document: &Document, work: impl FnOnce(&DocumentWorld<'_>) -> T) -> T {
        let data = serde_json::to_vec(document).expect("strings in structs are JSON");
        let made = work(&DocumentWorld { library: &LIBRARY, template: &self.template, data: Bytes::new(data) });
        comemo::evict(CACHED_DOCUMENTS);
        made
    }
}

fn named<'a>(diagnostics: impl IntoIterator<Item = &'a SourceDiagnostic>, world: &DocumentWorld<'_>) -> Vec<Diagnostic> {
    diagnostics.into_iter().map(|diagnostic| Diagnostic::of(diagnostic, world)).collect()
}
