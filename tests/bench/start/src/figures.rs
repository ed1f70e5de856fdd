//! What was measured, and the tables that tell it. Times are whole nanoseconds and ratios thousandths: no floats.

use std::fmt;

/// One process, from its start to its end.
#[derive(Clone, Copy)]
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

/// The most memory that `quotes` should take: 15 MB, in KiB.
const MOST_MEMORY: u64 = 15_000_000 / 1024;

/// All runs of `quotes` and of its yardsticks after it, in the order of their turns.
pub(crate) struct Figures {
    built: String,
    /// The zip of `quotes`, in bytes.
    zip: u64,
    names: Vec<String>,
    starts: u32,
    warm: u32,
    /// Of each program, by its name's place.
    pub(crate) runs: Vec<Vec<Run>>,
    /// How long the engine alone takes for what `bare` writes, in nanoseconds: the median of each turn.
    pub(crate) engine: Vec<u64>,
}

/// What is told of each run: in what unit, and at most what share of each yardstick `quotes` should take, in thousandths:
/// of Rust's, Node's and Python's.
struct Row {
    what: &'static str,
    value: fn(&Run) -> u64,
    unit: u64,
    goals: Option<[u64; 3]>,
}

const ROWS: [Row; 4] = [
    Row { what: "exec → asks for work, ms", value: |run| run.asked, unit: 1_000_000, goals: None },
    Row { what: "exec → first answer, ms", value: |run| run.first, unit: 1_000_000, goals: Some([1_200, 100, 50]) },
    Row { what: "warm request, ms", value: |run| run.warm, unit: 1_000_000, goals: Some([1_500, 100, 50]) },
    Row { what: "peak memory, MiB", value: |run| run.peak, unit: 1024, goals: None },
];

impl Figures {
    /// Without a run yet.
    pub(crate) fn of(built: String, zip: u64, names: impl Iterator<Item = String>, starts: u32, warm: u32) -> Self {
        let names: Vec<_> = names.collect();
        let runs = names.iter().map(|_| Vec::new()).collect();
        Self { built, zip, runs, names, starts, warm, engine: Vec::new() }
    }

    /// How much of a yardstick's value `quotes` has, in thousandths: of the medians, and the median of the turns' own.
    fn ratios(&self, yardstick: &[Run], value: fn(&Run) -> u64) -> [u64; 2] {
        let [quotes, yardstick] = [&self.runs[0][..], yardstick].map(|runs| runs.iter().map(value).collect::<Vec<_>>());
        let pairs = quotes.iter().zip(&yardstick).map(|(&quotes, &yardstick)| ratio(quotes, yardstick));
        let pairs = median(pairs);
        [ratio(median(quotes), median(yardstick)), pairs]
    }
}

/// Two tables in Markdown: what was measured, and `quotes` beside each yardstick.
impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { built, zip, names, starts, warm, runs, engine } = self;
        writeln!(f, "all that is Rust {built}; the zip of {}: {} MB", names[0], thousandths(*zip, 1_000_000))?;
        writeln!(f, "{starts} starts of each by turns, {warm} requests in each process after its first; min / median / max\n")?;
        writeln!(f, "| | {} |\n|---{}|", names.join(" | "), "|---".repeat(names.len()))?;
        for Row { what, value, unit, .. } in &ROWS {
            let cells = runs.iter().map(|runs| {
                let values: Vec<_> = runs.iter().map(value).collect();
                let (min, max) = (values.iter().min().copied(), values.iter().max().copied());
                let shown = [min.unwrap_or(0), median(values), max.unwrap_or(0)];
                shown.map(|value| thousandths(value, *unit)).join(" / ")
            });
            writeln!(f, "| {what} | {} |", cells.collect::<Vec<_>>().join(" | "))?;
        }

        writeln!(f, "\n| quotes ÷ | what | medians | in pairs | goal | |\n|---|---|---|---|---|---|")?;
        for (place, (name, yardstick)) in names.iter().zip(runs).skip(1).enumerate() {
            for Row { what, value, goals, .. } in &ROWS {
                let [medians, pairs] = self.ratios(yardstick, *value);
                let goal = goals.map(|goals| goals[place]);
                let (wanted, met) = (
                    goal.map_or("".to_owned(), |goal| format!("≤ {}", thousandths(goal, 1_000))),
                    goal.map(|goal| pairs <= goal),
                );
                let [medians, pairs] = [medians, pairs].map(|ratio| thousandths(ratio, 1_000));
                writeln!(f, "| {name} | {what} | {medians} | {pairs} | {wanted} | {} |", verdict(met))?;
            }
        }
        let peak = median(runs[0].iter().map(|run| run.peak));
        let met = verdict(Some(peak <= MOST_MEMORY));
        writeln!(f, "\npeak memory of {}: {} MB, goal ≤ 15: {met}", names[0], thousandths(peak * 1024, 1_000_000))?;
        let alone = thousandths(median(engine.iter().copied()), 1_000_000);
        writeln!(f, "the engine alone, for what bare writes: {alone} ms, below which no warm request can be")
    }
}

fn verdict(met: Option<bool>) -> &'static str {
    match met {
        Some(true) => "met",
        Some(false) => "missed",
        None => "",
    }
}

/// In thousandths, cut off.
fn ratio(value: u64, of: u64) -> u64 {
    value * 1_000 / of.max(1)
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

/// `value / unit` with three decimals, cut off.
pub(crate) fn thousandths(value: u64, unit: u64) -> String {
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
    fn values_are_shown_in_thousandths() {
        assert_eq!(thousandths(9_532, 8_233), "1.157");
        assert_eq!(thousandths(1_005_000, 1_000_000), "1.005");
    }

    fn figures(quotes: &[u64], yardstick: &[u64]) -> Figures {
        let names = ["quotes", "bare"].map(str::to_owned).into_iter();
        let runs =
            [quotes, yardstick].map(|firsts| firsts.iter().map(|&first| Run { asked: 1, first, warm: 1, peak: 1 }).collect());
        Figures { runs: runs.into(), ..Figures::of("built".to_owned(), 1, names, 3, 1) }
    }

    fn row(figures: &Figures) -> String {
        figures.to_string().lines().rfind(|line| line.contains("first answer")).expect("a row").to_owned()
    }

    #[test]
    fn pairs_are_compared_turn_by_turn() {
        let row = row(&figures(&[2, 30, 400], &[1, 10, 100]));
        assert_eq!(row, "| bare | exec → first answer, ms | 3.000 | 3.000 | ≤ 1.200 | missed |");
    }

    #[test]
    fn a_goal_is_met_up_to_its_last_thousandth() {
        assert!(row(&figures(&[12], &[10])).ends_with("| 1.200 | 1.200 | ≤ 1.200 | met |"));
        assert!(row(&figures(&[1201], &[1000])).ends_with("| 1.201 | 1.201 | ≤ 1.200 | missed |"));
    }
}
