//! What is wrong in the vendor's files, as it is told to people.

use std::fmt;

/// One thing that is wrong in the vendor's files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// The file's name.
    pub file: String,
    /// The line, from 1; `None` when it is about the file as a whole.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub what: String,
}

/// Everything that is wrong in the vendor's files, by file and line. Nothing is served until it is mended.
#[derive(Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

/// As for people: a `main` that returns them prints them so.
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
