//! `tests/bench/budget.toml`: what is in it, what differs from it, and how it is written.

use std::{collections::BTreeMap, error::Error, fmt::Write, fs};

/// The file, which this program is built beside.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../budget.toml");
/// What the file begins with, after its comment.
const TOLERANCE: &str = "tolerance";
/// The values that every route has.
const INSTRUCTIONS: &str = "instructions";
const MEMORY: &str = "memory";
const CALLS: &str = "calls";

/// Values by their path: function, and `zip` or `start`; or function, route, and which value of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Values(BTreeMap<Vec<String>, u64>);

impl Values {
    /// Sets one value.
    pub(super) fn set<const N: usize>(&mut self, path: [&str; N], value: u64) {
        self.0.insert(path.map(str::to_owned).into(), value);
    }

    /// Sets a value that is not set yet.
    pub(super) fn set_first<const N: usize>(&mut self, path: [&str; N], value: u64) {
        self.0.entry(path.map(str::to_owned).into()).or_insert(value);
    }

    /// All values of a table of TOML.
    fn of(table: &toml::Table) -> Result<Self, String> {
        fn collect(path: &[String], table: &toml::Table, all: &mut BTreeMap<Vec<String>, u64>) -> Result<(), String> {
            for (name, value) in table {
                let path = [path, std::slice::from_ref(name)].concat();
                match value {
                    toml::Value::Table(table) => collect(&path, table, all)?,
                    toml::Value::Integer(value) if *value >= 0 => drop(all.insert(path, value.unsigned_abs())),
                    _ => return Err(format!("budget.toml: {} is no whole number", path.join(": "))),
                }
            }
            Ok(())
        }
        let mut all = BTreeMap::new();
        collect(&[], table, &mut all)?;
        Ok(Self(all))
    }

    fn only(&self, functions: &[&str]) -> BTreeMap<&[String], u64> {
        self.0.iter().filter(|(path, _)| functions.contains(&&*path[0])).map(|(path, value)| (&path[..], *value)).collect()
    }
}

/// What the file says.
pub(super) struct Budget {
    /// The comment and the tolerances, as they are written.
    head: String,
    /// By how much a value may differ, in percent, by the last name of its path. All others are exact.
    tolerance: Values,
    /// By the cargo profile that the functions are built with.
    profiles: BTreeMap<String, Values>,
}

impl Budget {
    /// Reads the file.
    pub(super) fn read() -> Result<Self, Box<dyn Error>> {
        Self::parse(&fs::read_to_string(FILE).map_err(|error| format!("{FILE}: {error}"))?)
    }

    fn parse(text: &str) -> Result<Self, Box<dyn Error>> {
        let mut tolerance = Values::default();
        let mut profiles = BTreeMap::new();
        for (name, value) in &text.parse::<toml::Table>()? {
            let table = value.as_table().ok_or_else(|| format!("budget.toml: {name} is no table"))?;
            match &**name {
                TOLERANCE => tolerance = Values::of(table)?,
                _ => drop(profiles.insert(name.clone(), Values::of(table)?)),
            }
        }
        let is_value = |line: &&str| line.starts_with('[') && *line != format!("[{TOLERANCE}]");
        let head = text.lines().take_while(|line| !is_value(line)).collect::<Vec<_>>().join("\n");
        Ok(Self { head: head.trim_end().to_owned(), tolerance, profiles })
    }

    /// Compares what was measured of these functions with the budget of a profile. `Err` is a line for each difference.
    pub(super) fn compare(&self, profile: &str, functions: &[&str], measured: &Values) -> Result<String, String> {
        let none = Values::default();
        let (budget, measured) = (self.profiles.get(profile).unwrap_or(&none).only(functions), measured.only(functions));
        let mut paths: Vec<_> = budget.keys().chain(measured.keys()).copied().collect();
        paths.sort_unstable();
        paths.dedup();
        let mut differences = Vec::new();
        for path in &paths {
            let (wanted, got) = (budget.get(path).copied(), measured.get(path).copied());
            let tolerance = path.last().and_then(|what| self.tolerance.0.get(std::slice::from_ref(what)));
            if !within(wanted, got, tolerance.copied().unwrap_or(0)) {
                let shown = |value: Option<u64>| value.map_or("none".to_owned(), grouped);
                let change = wanted.zip(got).map_or(String::new(), |(wanted, got)| percent(wanted, got));
                differences.push(format!("| {} | {} | {} | {change} |", path.join(": "), shown(wanted), shown(got)));
            }
        }
        if differences.is_empty() {
            return Ok(format!("{} values of profile {profile} are within the budget", paths.len()));
        }
        Err(format!(
            "{} of {} values of profile {profile} differ from tests/bench/budget.toml:\n\n\
             | value | budget | measured | change |\n|---|--:|--:|--:|\n{}\n\n\
             If a change is worth that, accept it: tests/bench/check-budget --accept\n",
            differences.len(),
            paths.len(),
            differences.join("\n")
        ))
    }

    /// Takes what was measured of these functions into the file.
    pub(super) fn accept(&mut self, profile: &str, functions: &[&str], measured: Values) -> Result<(), Box<dyn Error>> {
        let values = self.profiles.entry(profile.to_owned()).or_default();
        values.0.retain(|path, _| !functions.contains(&&*path[0]));
        values.0.extend(measured.0);
        Ok(fs::write(FILE, self.written()?)?)
    }

    fn written(&self) -> Result<String, std::fmt::Error> {
        let mut text = self.head.clone() + "\n";
        for (profile, Values(values)) in &self.profiles {
            let mut functions: Vec<_> = values.keys().map(|path| &path[0]).collect();
            functions.dedup();
            for function in functions {
                let of_it =
                    || values.iter().filter(move |(path, _)| path[0] == *function).map(|(path, value)| (&path[1..], *value));
                writeln!(text, "\n[{profile}.{function}]")?;
                for (path, value) in of_it().filter(|(path, _)| path.len() == 1) {
                    writeln!(text, "{} = {}", path[0], underscored(value))?;
                }
                let mut routes: Vec<_> = of_it().filter(|(path, _)| path.len() > 1).map(|(path, _)| &path[0]).collect();
                routes.dedup();
                for route in routes {
                    let value = |name| of_it().find(|(path, _)| path[0] == *route && path.get(1).is_some_and(|it| it == name));
                    let numbers = [INSTRUCTIONS, MEMORY].into_iter().filter_map(|name| Some((name, value(name)?.1)));
                    let mut values: Vec<_> = numbers.map(|(name, value)| format!("{name} = {}", underscored(value))).collect();
                    let calls = of_it().filter(|(path, _)| path[0] == *route && path.get(1).is_some_and(|it| it == CALLS));
                    let calls: Vec<_> = calls.map(|(path, value)| format!("{} = {value}", path[2])).collect();
                    let calls = if calls.is_empty() { "{}".to_owned() } else { format!("{{ {} }}", calls.join(", ")) };
                    values.push(format!("{CALLS} = {calls}"));
                    writeln!(text, "\"{route}\" = {{ {} }}", values.join(", "))?;
                }
            }
        }
        Ok(text)
    }
}

/// Whether a measured value is at most so many percent from the budget's, either way: what was saved is to be kept, too.
fn within(budget: Option<u64>, measured: Option<u64>, percent: u64) -> bool {
    match (budget, measured) {
        (Some(budget), Some(measured)) => budget.abs_diff(measured) * 100 <= budget * percent,
        _ => budget == measured,
    }
}

/// By how much a value has changed, with one decimal, cut off.
fn percent(from: u64, to: u64) -> String {
    let thousandths = from.abs_diff(to) * 1_000 / from.max(1);
    let sign = if to < from { '-' } else { '+' };
    format!("{sign}{}.{} %", thousandths / 10, thousandths % 10)
}

fn grouped(value: u64) -> String {
    underscored(value).replace('_', ",")
}

fn underscored(value: u64) -> String {
    let digits = value.to_string();
    let groups: Vec<_> = digits.as_bytes().rchunks(3).rev().map(|group| String::from_utf8_lossy(group)).collect();
    groups.join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# About it.\n\n[tolerance]\ninstructions = 2\n\n[proof.quotes]\nstart = 10_000_000\nzip = 5\n\
         \"POST /v1/quotes\" = { instructions = 1_000, memory = 7, calls = { PutItem = 1 } }\n";

    fn measured(instructions: u64, puts: u64) -> Values {
        let mut values = Values::default();
        values.set(["quotes", "start"], 10_000_000);
        values.set(["quotes", "zip"], 5);
        values.set(["quotes", "POST /v1/quotes", "instructions"], instructions);
        values.set(["quotes", "POST /v1/quotes", "memory"], 7);
        values.set(["quotes", "POST /v1/quotes", "calls", "PutItem"], puts);
        values
    }

    fn compare(measured: &Values) -> Result<String, String> {
        Budget::parse(TEXT).expect("a budget").compare("proof", &["quotes"], measured)
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let budget = Budget::parse(TEXT).expect("a budget");
        assert_eq!(budget.written().expect("text"), TEXT);
        assert_eq!(budget.profiles["proof"], measured(1_000, 1));
    }

    #[test]
    fn a_value_may_differ_by_its_tolerance_and_calls_may_not() {
        for instructions in [980, 1_000, 1_020] {
            assert!(compare(&measured(instructions, 1)).is_ok(), "{instructions}");
        }
        for (instructions, change) in [(979, "1,000 | 979 | -2.1 %"), (1_021, "1,000 | 1,021 | +2.1 %")] {
            let differences = compare(&measured(instructions, 1)).expect_err("too much");
            assert!(differences.contains(&format!("| quotes: POST /v1/quotes: instructions | {change} |")), "{differences}");
        }
        assert!(compare(&measured(1_000, 2)).expect_err("a call more").contains("PutItem | 1 | 2 | +100.0 % |"));
    }

    #[test]
    fn what_is_in_one_of_both_only_is_a_difference() {
        let mut more = measured(1_000, 1);
        more.set(["quotes", "POST /v1/quotes", "calls", "GetItem"], 1);
        assert!(compare(&more).expect_err("a new call").contains("GetItem | none | 1 |  |"));
        assert!(compare(&Values::default()).expect_err("nothing").contains("zip | 5 | none |  |"));
    }
}
