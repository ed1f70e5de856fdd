//! What is found out about a request while it is checked.

use crate::{fault::Faults, order::Warning};

/// What is found out about a request while it is judged.
pub(super) struct Findings<'f> {
    /// What is wrong with it.
    pub(super) faults: &'f mut Faults,
    /// What is odd, but allowed.
    pub(super) warnings: Vec<Warning>,
}

impl Findings<'_> {
    pub(super) fn warn(&mut self, code: &str, pointer: impl Into<String>, detail: impl Into<String>) {
        self.warnings.push(Warning::new(code, pointer, detail));
    }
}
