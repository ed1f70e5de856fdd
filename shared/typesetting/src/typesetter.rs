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
use crate::fault::{Fault, TemplateError, TypesettingError};
use crate::world::{Desk, TEMPLATE};

/// For how many further documents typst remembers what it worked out for one. The template's own results are used by
/// each and stay; without a bound a long-running process would grow.
const REMEMBERED: usize = 4;

/// typst's functions, the same for every template.
static LIBRARY: LazyLock<LazyHash<Library>> = LazyLock::new(|| LazyHash::new(Library::default()));

/// PDF/UA-1 (ISO 14289-1): tagged for screen readers, with title, language and table headers. Checked by the exporter.
static ACCESSIBLE: LazyLock<PdfOptions> = LazyLock::new(|| {
    let standards = PdfStandards::new(&[PdfStandard::Ua_1]).expect("one standard does not contradict itself");
    PdfOptions { standards, ..options() }
});

/// Everything that could vary with time or place is left out.
fn options() -> PdfOptions {
    PdfOptions { creator: Smart::Custom(Some("Sellthrough".into())), timestamp: None, ..PdfOptions::default() }
}

/// A template, checked and ready to lay out any number of documents, from any number of threads.
#[derive(Debug, Clone)]
pub struct Typesetter {
    template: Source,
}

impl Typesetter {
    /// Checks a template, a typst source text, by laying out two small documents with it: one that has everything and
    /// one that lacks all that may be absent.
    ///
    /// # Errors
    ///
    /// Every error and warning that typst has about it, and what keeps its PDFs from being accessible (PDF/UA-1).
    pub fn new(template: &str) -> Result<Self, TemplateError> {
        let typesetter = Self { template: Source::new(*TEMPLATE, template.into()) };
        let mut faults: Vec<Fault> = Vec::new();
        for sample in Document::samples() {
            let found = typesetter.on_desk(&sample, |desk| {
                let Warned { output, warnings } = typst::compile::<PagedDocument>(desk);
                let errors = output.and_then(|pages| typst_pdf::pdf(&pages, &ACCESSIBLE)).err().unwrap_or_default();
                named(errors.iter().chain(&warnings), desk)
            });
            for fault in found {
                if !faults.contains(&fault) {
                    faults.push(fault);
                }
            }
        }
        if faults.is_empty() { Ok(typesetter) } else { Err(TemplateError { faults }) }
    }

    /// Lays a document out. The same document gives the same bytes.
    ///
    /// The result conforms to PDF/UA-1 unless the document has a character that no embedded font knows, which is shown
    /// as an empty box: then it is tagged in the same way, but does not claim to conform.
    ///
    /// # Errors
    ///
    /// The template cannot lay out this document, and will not when asked again.
    pub fn pdf(&self, document: &Document) -> Result<Vec<u8>, TypesettingError> {
        self.on_desk(document, |desk| {
            typst::compile::<PagedDocument>(desk)
                .output
                .and_then(|pages| typst_pdf::pdf(&pages, &ACCESSIBLE).or_else(|_| typst_pdf::pdf(&pages, &options())))
                .map_err(|errors| TypesettingError { faults: named(&errors, desk) })
        })
    }

    fn on_desk<T>(&self, document: &Document, work: impl FnOnce(&Desk<'_>) -> T) -> T {
        let data = serde_json::to_vec(document).expect("strings in structs are JSON");
        let made = work(&Desk { library: &LIBRARY, template: &self.template, data: Bytes::new(data) });
        comemo::evict(REMEMBERED);
        made
    }
}

fn named<'a>(diagnostics: impl IntoIterator<Item = &'a SourceDiagnostic>, desk: &Desk<'_>) -> Vec<Fault> {
    diagnostics.into_iter().map(|diagnostic| Fault::of(diagnostic, desk)).collect()
}
