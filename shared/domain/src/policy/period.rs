//! Periods of days.

use jiff::civil::Date;

/// The days from `from` up to, but not including, `until`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first day.
    pub from: Date,
    /// The first day after the period; `None` when it has no end.
    pub until: Option<Date>,
}

impl Period {
    /// Whether a day is in the period.
    pub fn holds(&self, day: Date) -> bool {
        self.from <= day && self.until.is_none_or(|until| day < until)
    }

    /// Whether the periods share a day.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.until.is_none_or(|until| other.from < until) && other.until.is_none_or(|until| self.from < until)
    }
}
