//! The faults and warnings of a request.

use crate::{fault::Faults, order::Warning};

/// The faults and warnings that a check adds.
pub(super) struct Findings<'f> {
    /// What is wrong with the request.
    pub(super) faults: &'f mut Faults,
    /// What is unusual but allowed.
    pub(super) warnings: Vec<Warning>,
}

impl Findings<'_> {
    pub(super) fn warn(&mut self, code: &str, pointer: impl Into<String>, detail: impl Into<String>) {
        self.warnings.push(Warning::new(code, pointer, detail));
    }
}
