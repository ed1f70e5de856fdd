//! What was measured, and the table that tells it. Times are whole nanoseconds and ratios thousandths: no floats.

use std::fmt;

/// One process, from its start to its end.
pub(crate) struct Run {
    /// From exec until it first asks for work, in nanoseconds.
    pub(crate) asked: u64,
    /// From exec until its first answer, in nanoseconds.
    pub(crate) first: u64,
    /// From a request to its answer once it is warm, in nanoseconds: the median of many.
    pub(crate) warm: u64,
    /// The most memory that it had resident, in KiB.
    pub(crate) peak: u64,
}

/// All runs of both, in the order of their turns.
pub(crate) struct Figures {
    /// The function.
    pub(crate) quotes: Vec<Run>,
    /// The yardstick.
    pub(crate) bare: Vec<Run>,
}

/// The middle of the values, or the mean of the two in the middle.
pub(crate) fn median(values: impl IntoIterator<Item = u64>) -> u64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable();
    match values.len() {
        0 => 0,
        n if n % 2 == 1 => values[n / 2],
        n => values[n / 2 - 1].midpoint(values[n / 2]),
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{:25} {:^26} {:^26} {:^17}", "", "quotes", "bare", "quotes / bare")?;
        write!(f, "{:25}", "")?;
        for column in ["min", "median", "max", "min", "median", "max", "medians", "in pairs"] {
            write!(f, " {column:>8}")?;
        }
        writeln!(f)?;
        self.row(f, "exec → asks for work, ms", |run| run.asked, 1_000_000)?;
        self.row(f, "exec → first answer, ms", |run| run.first, 1_000_000)?;
        self.row(f, "warm request, ms", |run| run.warm, 1_000_000)?;
        self.row(f, "peak memory, MiB", |run| run.peak, 1024)
    }
}

impl Figures {
    fn row(&self, f: &mut fmt::Formatter<'_>, what: &str, value: fn(&Run) -> u64, unit: u64) -> fmt::Result {
        write!(f, "{what:25}")?;
        let columns = [&self.quotes, &self.bare].map(|runs| runs.iter().map(value).collect::<Vec<_>>());
        for values in &columns {
            let (min, max) = (values.iter().min(), values.iter().max());
            for shown in [min.copied().unwrap_or(0), median(values.clone()), max.copied().unwrap_or(0)] {
                write!(f, " {:>8}", thousandths(shown, unit))?;
            }
        }
        let [quotes, bare] = columns;
        let in_pairs = quotes.iter().zip(&bare).map(|(&quotes, &bare)| quotes * 1_000 / bare.max(1));
        let in_pairs = thousandths(median(in_pairs), 1_000);
        writeln!(f, " {:>8} {in_pairs:>8}", thousandths(median(quotes), median(bare)))
    }
}

/// `value / unit` with three decimals, cut off.
fn thousandths(value: u64, unit: u64) -> String {
    let shown = value * 1_000 / unit.max(1);
    format!("{}.{:03}", shown / 1_000, shown % 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_both() {
        assert_eq!(median([5, 1, 3]), 3);
        assert_eq!(median([8, 1, 4, 3]), 3);
        assert_eq!(median([]), 0);
    }

    #[test]
    fn ratios_are_shown_in_thousandths() {
        assert_eq!(thousandths(9_532, 8_233), "1.157");
        assert_eq!(thousandths(1_005_000, 1_000_000), "1.005");
    }

    #[test]
    fn pairs_are_compared_turn_by_turn() {
        let run = |first| Run { asked: 1, first, warm: 1, peak: 1 };
        let figures = Figures { quotes: vec![run(2), run(30), run(400)], bare: vec![run(1), run(10), run(100)] };
        let shown = figures.to_string();
        let row = shown.lines().find(|line| line.contains("first answer")).unwrap();
        assert!(row.ends_with("3.000    3.000"), "{row}");
    }
}
