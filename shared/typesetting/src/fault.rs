//! What is wrong with a template, where, and what to do about it.

use std::fmt;

use typst::WorldExt;
use typst::diag::SourceDiagnostic;
use typst::syntax::DiagSpan;

use crate::world::{Desk, TEMPLATE};

/// The template is not usable: it was not accepted, and every fault that was found is listed.
///
/// Trying again changes nothing until the template is edited.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document template has {}:{}", Count(faults), List(faults))]
pub struct TemplateError {
    /// The faults, in the order in which they were found; never empty.
    pub faults: Vec<Fault>,
}

/// An accepted template cannot lay out one document: it expects something that holds for the samples but not here.
///
/// Nothing was made. The same document fails again until the template is edited. A message quotes a document's text
/// only if the template itself does so, in an `assert` or `panic`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document template cannot lay out this document, it has {}:{}", Count(faults), List(faults))]
pub struct TypesettingError {
    /// The faults, in the order in which they were found; never empty.
    pub faults: Vec<Fault>,
}

/// One thing that is wrong with a template. Warnings count: a font that does not exist, a layout that never settles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where, unless it concerns the document as a whole.
    pub place: Option<Place>,
    /// What, in typst's words.
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

impl Fault {
    pub(crate) fn of(diagnostic: &SourceDiagnostic, desk: &Desk<'_>) -> Self {
        // A fault in the data is shown where the template uses it.
        let trace = diagnostic.trace.iter().map(|point| DiagSpan::from(point.span));
        Self {
            place: std::iter::once(diagnostic.span).chain(trace).find_map(|span| Place::of(span, desk)),
            message: diagnostic.message.to_string(),
            hints: diagnostic.hints.iter().map(|hint| hint.v.to_string()).collect(),
        }
    }
}

impl Place {
    fn of(span: DiagSpan, desk: &Desk<'_>) -> Option<Self> {
        let start = desk.range(span).filter(|_| span.id() == Some(*TEMPLATE))?.start;
        let (line, column) = desk.template.lines().byte_to_line_column(start)?;
        Some(Self { line: line + 1, column: column + 1 })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(Place { line, column }) = self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)?;
        self.hints.iter().try_for_each(|hint| write!(f, "\n    hint: {hint}"))
    }
}

struct Count<'a>(&'a [Fault]);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.len() {
            1 => f.write_str("a fault"),
            many => write!(f, "{many} faults"),
        }
    }
}

struct List<'a>(&'a [Fault]);

impl fmt::Display for List<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
    }
}
