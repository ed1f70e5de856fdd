//! Errors of a template: what is wrong, where, and what to do.

use std::fmt;

use domain::policy::{Mistake, Mistakes};
use typst::WorldExt;
use typst::diag::SourceDiagnostic;
use typst::syntax::DiagSpan;

use crate::world::{DocumentWorld, TEMPLATE};

/// The template was refused. All errors and warnings that were found are listed.
///
/// A retry fails again until the template is edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document template has {}:{}", Count(diagnostics), List(diagnostics))]
pub struct TemplateError {
    /// The diagnostics, in the order in which typst reports them; never empty.
    pub diagnostics: Vec<Diagnostic>,
}

/// An accepted template cannot lay out one document: the template expects something that is true for the samples, but not for
/// this document.
///
/// No PDF was made. The same document fails again until the template is edited. A message quotes a document's text only if
/// the template itself does so, in an `assert` or `panic`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document template cannot lay out this document: {}:{}", Count(diagnostics), List(diagnostics))]
pub struct TypesettingError {
    /// The diagnostics, in the order in which typst reports them; never empty.
    pub diagnostics: Vec<Diagnostic>,
}

/// One error or warning about a template. Examples of warnings: a font that does not exist, a layout that does not converge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The place in the template; `None` if the diagnostic is about the document as a whole.
    pub place: Option<Place>,
    /// What is wrong, in typst's words.
    pub message: String,
    /// What to do, in typst's words.
    pub hints: Vec<String>,
}

/// A place in a template. Lines and columns count from 1, columns in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

impl Diagnostic {
    /// A file of the vendor that is no font.
    pub(crate) fn of_font(name: &str) -> Self {
        let hints = vec!["add a TrueType or OpenType font, or remove the file".to_owned()];
        Self { place: None, message: format!("{name} is not a font that can be read"), hints }
    }

    pub(crate) fn of(diagnostic: &SourceDiagnostic, world: &DocumentWorld<'_>) -> Self {
        // An error in the data is reported at the place where the template uses the data.
        let trace = diagnostic.trace.iter().map(|point| DiagSpan::from(point.span));
        Self {
            place: std::iter::once(diagnostic.span).chain(trace).find_map(|span| Place::of(span, world)),
            message: diagnostic.message.to_string(),
            hints: diagnostic.hints.iter().map(|hint| hint.v.to_string()).collect(),
        }
    }
}

impl Place {
    fn of(span: DiagSpan, world: &DocumentWorld<'_>) -> Option<Self> {
        let start = world.range(span).filter(|_| span.id() == Some(*TEMPLATE))?.start;
        let (line, column) = world.template.lines().byte_to_line_column(start)?;
        Some(Self { line: line + 1, column: column + 1 })
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n    hint: {hint}"))
    }
}

struct Count<'a>(&'a [Diagnostic]);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("one error"),
            many => write!(f, "{many} errors"),
        }
    }
}

struct List<'a>(&'a [Diagnostic]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|diagnostic| write!(f, "\n  {diagnostic}"))
    }
}

/// The same errors as mistakes in the vendor's folder.
impl From<TemplateError> for Mistakes {
    fn from(TemplateError { diagnostics }: TemplateError) -> Self {
        let mistake = |diagnostic: Diagnostic| {
            let column = diagnostic.place.map(|place| format!("column {}: ", place.column)).unwrap_or_default();
            let hints = diagnostic.hints.iter().map(|hint| format!("; {hint}"));
            let what = format!("{column}{}{}", diagnostic.message, hints.collect::<String>());
            Mistake { file: crate::TEMPLATE.to_owned(), line: diagnostic.place.map(|place| place.line), what }
        };
        Self(diagnostics.into_iter().map(mistake).collect())
    }
}
