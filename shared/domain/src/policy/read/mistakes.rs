//! Mistakes in the vendor's files, as they are reported to people.

use std::fmt;

/// One mistake in the vendor's files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file's name.
    pub file: String,
    /// The line, from 1; `None` for a mistake about the whole file.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub what: String,
}

/// Every mistake in the vendor's files, by file and line. The policy cannot be used until they are corrected.
#[derive(Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

/// The same text as [`Display`](fmt::Display), because a `main` that returns an error prints it with `Debug`.
impl fmt::Debug for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the vendor's policy has {} mistake(s):", self.0.len())?;
        for Mistake { file, line, what } in &self.0 {
            match line {
                Some(line) => writeln!(f, "  {file}:{line}: {what}")?,
                None => writeln!(f, "  {file}: {what}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
