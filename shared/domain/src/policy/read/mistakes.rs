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

impl Mistakes {
    /// Both results, or the mistakes of both.
    ///
    /// # Errors
    ///
    /// Every mistake of the two.
    pub fn both<A, B>(one: Result<A, Self>, other: Result<B, Self>) -> Result<(A, B), Self> {
        match (one, other) {
            (Ok(one), Ok(other)) => Ok((one, other)),
            (one, other) => {
                let all = [one.err(), other.err()].into_iter().flatten().flat_map(|Self(mistakes)| mistakes);
                let all: std::collections::BTreeSet<_> = all.collect();
                Err(Self(all.into_iter().collect()))
            }
        }
    }
}

impl std::error::Error for Mistakes {}
