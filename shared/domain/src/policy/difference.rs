//! What changes from one policy to another, in words, for the people who decide whether to publish it.

use std::collections::{BTreeMap, BTreeSet};

use toml::{Table, Value};

/// The members that identify an entry among others, such as a book among `[[book]]`, in the order in which they are named.
const IDENTITY: [&str; 19] = [
    "id",
    "product",
    "edition",
    "currency",
    "programme",
    "segment",
    "country",
    "region",
    "category",
    "name",
    "tier",
    "kinds",
    "families",
    "currencies",
    "products",
    "deployments",
    "from",
    "users",
    "amount",
];

/// The most characters of a value that are repeated.
const SHOWN: usize = 120;

/// What changes from the files of one policy to those of another: a sentence per change, by file. It is empty when the files are
/// the same. A change of comments or spacing is a change, because it makes another version of the policy.
pub fn difference(before: &BTreeMap<String, String>, after: &BTreeMap<String, String>) -> Vec<String> {
    let mut changes = Vec::new();
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        match (before.get(name), after.get(name)) {
            (None, _) => changes.push(format!("The file {name} is added.")),
            (_, None) => changes.push(format!("The file {name} is removed.")),
            (Some(before), Some(after)) if before == after => {}
            (Some(before), Some(after)) => {
                let counted = changes.len();
                match (before.parse::<Table>(), after.parse::<Table>()) {
                    (Ok(before), Ok(after)) => tables(&format!("In {name}"), &before, &after, &mut changes),
                    _ => changes.push(format!("The file {name} changes, and one of its two versions is not TOML.")),
                }
                if changes.len() == counted {
                    changes.push(format!("In {name}, only comments, spacing or the order of entries change."));
                }
            }
        }
    }
    changes
}

fn tables(place: &str, before: &Table, after: &Table, changes: &mut Vec<String>) {
    for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
        match (before.get(name), after.get(name)) {
            (Some(before), Some(after)) => values(place, name, before, after, changes),
            (Some(before), None) => changes.push(format!("{place}: `{name}` is removed; it was {}.", shown(before))),
            (None, Some(after)) => changes.push(format!("{place}: `{name}` is added: {}.", shown(after))),
            (None, None) => {}
        }
    }
}

fn values(place: &str, name: &str, before: &Value, after: &Value, changes: &mut Vec<String>) {
    match (before, after) {
        (Value::Table(before), Value::Table(after)) => tables(&format!("{place}, {name}"), before, after, changes),
        _ => match (entries(before), entries(after)) {
            (Some(before), Some(after)) => {
                for label in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
                    match (before.get(label), after.get(label)) {
                        (Some(before), Some(after)) => tables(&format!("{place}, {name} ({label})"), before, after, changes),
                        (Some(_), None) => changes.push(format!("{place}: {name} ({label}) is removed.")),
                        (None, _) => changes.push(format!("{place}: {name} ({label}) is added.")),
                    }
                }
            }
            _ if before == after => {}
            _ => changes.push(format!("{place}: `{name}` changes from {} to {}.", shown(before), shown(after))),
        },
    }
}

/// The entries of an array of tables by what identifies them; `None` for every other value.
fn entries(value: &Value) -> Option<BTreeMap<String, &Table>> {
    let mut entries = BTreeMap::new();
    for entry in value.as_array()? {
        let entry = entry.as_table()?;
        let identity = IDENTITY.iter().filter_map(|name| Some(format!("{name} {}", shown(entry.get(*name)?))));
        let identity: Vec<_> = identity.collect();
        // Entries without a name of their own are counted.
        let mut labels = (1..).map(|nth| match nth {
            1 if !identity.is_empty() => identity.join(", "),
            nth => identity.iter().cloned().chain([format!("number {nth}")]).collect::<Vec<_>>().join(", "),
        });
        let label = labels.find(|label| !entries.contains_key(label))?;
        entries.insert(label, entry);
    }
    Some(entries)
}

/// A value as a sentence states it.
fn shown(value: &Value) -> String {
    let list = |values: Vec<String>| values.join(", ");
    let text = match value {
        Value::String(text) => format!("“{text}”"),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Boolean(flag) => flag.to_string(),
        Value::Datetime(day) => day.to_string(),
        Value::Array(values) => format!("[{}]", list(values.iter().map(shown).collect())),
        Value::Table(table) => {
            format!("{{{}}}", list(table.iter().map(|(name, value)| format!("{name} = {}", shown(value))).collect()))
        }
    };
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(before: &str, after: &str) -> Vec<String> {
        let files = |text: &str| BTreeMap::from([("prices.toml".to_owned(), text.to_owned())]);
        difference(&files(before), &files(after))
    }

    #[test]
    fn d8_each_change_is_a_sentence_with_its_place() {
        let before = "[quote]\nvalidity_days = 30\nold = true\n\n[[book]]\nproduct = \"a\"\ncurrency = \"USD\"\nfrom = 2026-01-01\n\
                      tiers = [{ users = 25, price = 350000 }, { users = 100, price = 990000 }]\n\n[[book]]\nproduct = \"b\"\n";
        let after = "[[book]]\nproduct = \"c\"\n\n[[book]]\nproduct = \"a\"\ncurrency = \"USD\"\nfrom = 2026-01-01\n\
                     tiers = [{ users = 25, price = 360000 }, { users = 500, price = 1 }]\n\n[quote]\nvalidity_days = 45\nnew = [1, 2]\n";
        let a = "book (product “a”, currency “USD”, from 2026-01-01)";
        assert_eq!(
            of(before, after),
            [
                &*format!("In prices.toml, {a}: tiers (users 100) is removed."),
                &*format!("In prices.toml, {a}, tiers (users 25): `price` changes from 350000 to 360000."),
                &*format!("In prices.toml, {a}: tiers (users 500) is added."),
                "In prices.toml: book (product “b”) is removed.",
                "In prices.toml: book (product “c”) is added.",
                "In prices.toml, quote: `new` is added: [1, 2].",
                "In prices.toml, quote: `old` is removed; it was true.",
                "In prices.toml, quote: `validity_days` changes from 30 to 45.",
            ]
        );
    }

    #[test]
    fn the_same_files_have_no_difference_and_other_comments_are_one() {
        let text = "a = 1 # one\n";
        assert_eq!(of(text, text), [""; 0]);
        assert_eq!(of(text, "a = 1\n"), ["In prices.toml, only comments, spacing or the order of entries change."]);
        let twice = "[[rate]]\npercent = \"5\"\n[[rate]]\npercent = \"6\"\n";
        assert_eq!(of(twice, &twice.replace('6', "7")), ["In prices.toml, rate (number 2): `percent` changes from “6” to “7”."]);
        let one = BTreeMap::from([("a.toml".to_owned(), String::new())]);
        let other = BTreeMap::from([("b.toml".to_owned(), String::new())]);
        assert_eq!(difference(&one, &other), ["The file a.toml is removed.", "The file b.toml is added."]);
    }
}
