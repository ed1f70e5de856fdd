//! Every code of a requirement, a worked example or a fact that the repository cites has one line in
//! `shared/domain/REQUIREMENTS.md`.

use std::collections::{BTreeMap, BTreeSet};

use super::sources::{everything, root};

const LIST: &str = "shared/domain/REQUIREMENTS.md";

/// Texts that look like a code and are none: file, text, reason.
pub(crate) const NO_CODES: &[(&str, &str, &str)] = &[];

/// Files of this test name codes that do not exist.
const NOT_READ: &[&str] = &["tests/rules/requirements.rs"];

/// A code and what follows it.
type Cited<'t> = (String, &'t str);

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// The number of a code at the start of a text, with the letter of a part of an example: `17`, `30f`.
fn number(kind: char, text: &str) -> Option<(&str, &str)> {
    let length = digits(text);
    if length == 0 || length > 3 || text.starts_with('0') {
        return None;
    }
    let part = usize::from(kind == 'E' && text[length..].starts_with(|part| ('a'..='g').contains(&part)));
    let (number, rest) = text.split_at(length + part);
    (!rest.starts_with(|next: char| next.is_alphanumeric() || matches!(next, '_' | '%' | '+'))).then_some((number, rest))
}

/// A code of a requirement or an example at the start of a text, given the character before the text. Codes in
/// percent-encoded texts, identifiers, addresses and numbers are none.
fn code(before: Option<char>, text: &str) -> Option<Cited<'_>> {
    if before.is_some_and(|before| before.is_alphanumeric() || "_%\\#&.-+=".contains(before)) {
        return None;
    }
    let kind = text.chars().next().filter(|kind| matches!(kind, 'R' | 'E'))?;
    let (number, rest) = number(kind, &text[1..])?;
    Some((format!("{kind}{number}"), rest))
}

/// The other end of a range, `R28–R31` or `R28–31`, and every code between.
fn range<'t>(first: &str, rest: &'t str) -> Option<(Vec<String>, &'t str)> {
    let kind = first.chars().next()?;
    let rest = rest.strip_prefix('–')?;
    let (last, rest) = number(kind, rest.strip_prefix(kind).unwrap_or(rest))?;
    let whole = |text: &str| text[..digits(text)].parse::<u32>().ok();
    let between = whole(&first[1..])? + 1..whole(last)?;
    Some((between.map(|number| format!("{kind}{number}")).chain([format!("{kind}{last}")]).collect(), rest))
}

/// `2.1, 2.12`, after the word "facts".
fn facts(mut text: &str) -> Vec<String> {
    let mut found = Vec::new();
    while let Some(rest) = text.strip_prefix("2.") {
        let length = digits(rest);
        if length == 0 {
            break;
        }
        found.push(format!("facts 2.{}", &rest[..length]));
        let rest = &rest[length..];
        text = [", ", " and ", "–"].into_iter().find_map(|joint| rest.strip_prefix(joint)).unwrap_or_default();
    }
    found
}

/// The codes at the start of a test's name: `e4_e8_rounding_is_half_up`, `e05_a_discount`.
fn named(name: &str) -> Vec<String> {
    let codes = name.split('_').map_while(|word| {
        let digits = word.strip_prefix('e')?.trim_start_matches('0');
        let number = (1..=2).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit());
        number.then(|| format!("E{digits}"))
    });
    codes.collect()
}

/// Every code that a line cites.
fn cited(line: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some((_, name)) = line.split_once("fn ") {
        found.extend(named(name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()));
    }
    let lower = line.to_ascii_lowercase();
    found.extend(lower.match_indices("facts ").flat_map(|(at, word)| facts(&lower[at + word.len()..])));
    let (mut before, mut rest) = (None, line);
    while let Some(next) = rest.chars().next() {
        let Some((first, after)) = code(before, rest) else {
            (before, rest) = (Some(next), &rest[next.len_utf8()..]);
            continue;
        };
        let (others, after) = range(&first, after).unwrap_or((Vec::new(), after));
        found.extend(std::iter::once(first).chain(others));
        (before, rest) = (Some('0'), after);
    }
    found
}

/// The kind of a code and its place in the list: requirements, then examples, then facts.
fn place(code: &str) -> Option<(u8, u32, String)> {
    let (kind, number) = match code.strip_prefix("facts 2.") {
        Some(number) => (2, number),
        None if code.starts_with('R') => (0, &code[1..]),
        None if code.starts_with('E') => (1, &code[1..]),
        None => return None,
    };
    let (number, part) = number.split_at(digits(number));
    (part.is_empty() || kind == 1 && part.len() == 1).then_some((kind, number.parse().ok()?, part.to_owned()))
}

/// The listed codes, and what is wrong with the list.
fn listed(text: &str) -> (BTreeSet<String>, Vec<String>) {
    let (mut codes, mut faults, mut last) = (BTreeSet::new(), Vec::new(), None);
    for (number, line) in (1..).zip(text.lines()) {
        let Some(entry) = line.strip_prefix("- ") else { continue };
        let parts = entry.strip_prefix("**").and_then(|entry| entry.split_once("**: "));
        let Some((code, place, meaning)) = parts.and_then(|(code, meaning)| Some((code, place(code)?, meaning))) else {
            faults.push(format!("{LIST}:{number}: expected \"- **CODE**: meaning.\", found {line:?}"));
            continue;
        };
        if meaning.len() < 15 || !meaning.ends_with('.') || !meaning.starts_with(|first: char| !first.is_lowercase()) {
            faults.push(format!("{LIST}:{number}: {code} needs a sentence that starts with a capital and ends with a full stop"));
        }
        if !codes.insert(code.to_owned()) {
            faults.push(format!("{LIST}:{number}: {code} is listed twice"));
        } else if last.as_ref().is_some_and(|last| *last > place) {
            faults.push(format!("{LIST}:{number}: {code} is out of order"));
        }
        last = Some(place);
    }
    (codes, faults)
}

/// The codes of a text that are not listed, as `file:line: code`.
fn unknown(file: &str, text: &str, listed: &BTreeSet<String>) -> Vec<String> {
    let mut faults = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let excepted = |code: &str| NO_CODES.iter().any(|(place, text, _)| *place == file && *text == code);
        for code in cited(line).into_iter().filter(|code| !listed.contains(code) && !excepted(code)) {
            faults.push(format!("{file}:{number}: {code} has no line in {LIST}"));
        }
    }
    faults
}

/// Every text of the repository, by its path from the root. Lock files and what is not UTF-8 are no texts.
pub(crate) fn texts() -> BTreeMap<String, String> {
    let root = root();
    let files = everything(&root).into_iter().filter(|path| path.is_file());
    let texts = files.filter_map(|path| {
        let name = path.strip_prefix(&root).expect("below the root").to_str().expect("UTF-8").to_owned();
        let lock = name.ends_with(".lock") || name.ends_with("package-lock.json");
        if lock { None } else { Some((name, std::fs::read_to_string(&path).ok()?)) }
    });
    texts.collect()
}

#[test]
fn every_code_that_is_cited_is_listed() {
    let texts = texts();
    let (listed, mut faults) = listed(&texts[LIST]);
    assert!(listed.len() > 100, "only {} codes are listed", listed.len());
    let read = texts.iter().filter(|(file, _)| !NOT_READ.contains(&&***file));
    faults.extend(read.clone().flat_map(|(file, text)| unknown(file, text, &listed)));
    let cited: usize = read.flat_map(|(_, text)| text.lines()).map(|line| cited(line).len()).sum();
    assert!(cited > 500, "only {cited} codes were found");
    assert!(faults.is_empty(), "\n  {}", faults.join("\n  "));
}

#[test]
fn a_code_is_found_where_one_is_cited() {
    for (line, codes) in [
        ("/// Rounded once (R61, E7).", &["R61", "E7"][..]),
        ("//! R28–R30, and E30f", &["R28", "R29", "R30", "E30f"]),
        ("R69–70 · R1/R2", &["R69", "R70", "R1", "R2"]),
        ("a fact (facts 2.1, 2.12).", &["facts 2.1", "facts 2.12"]),
        ("async fn e05_a_discount() {", &["E5"]),
        ("fn e4_e8_rounding() {", &["E4", "E8"]),
        ("`R12`: \"E9\"", &["R12", "E9"]),
    ] {
        assert_eq!(cited(line), codes, "{line}");
    }
}

#[test]
fn what_is_no_code_is_not_taken_for_one() {
    for line in [
        "filename*=UTF-8''%E8%A6%8B",
        "E2E tests, AR15, R1234, R012",
        "0xE5 and 1.5E8 and R2_KEY and #E11",
        "\\u00E9 SEN-R12 EUR",
        "a matter of facts, 2.5 of them",
        "fn each_error() {",
        "fn e2e_tests() {",
    ] {
        assert_eq!(cited(line), [""; 0], "{line}");
    }
}

#[test]
fn an_unknown_code_is_reported_with_its_place() {
    let (listed, faults) = listed("- **R1**: Anyone may buy for anyone.\n");
    assert_eq!(faults, [""; 0]);
    assert_eq!(unknown("a.rs", "// R1\n// R119", &listed), [format!("a.rs:2: R119 has no line in {LIST}")]);
}

#[test]
fn a_malformed_list_is_refused() {
    let (_, faults) = listed(concat!(
        "- R1: Anyone may buy for anyone.\n",
        "- **X1**: Anyone may buy for anyone.\n",
        "- **R2**: Too short.\n",
        "- **R4**: Without a full stop at the end\n",
        "- **R3**: Out of order, but a sentence.\n",
        "- **R4**: Listed twice, but a sentence.\n",
    ));
    let expected = ["expected", "expected", "needs a sentence", "needs a sentence", "out of order", "listed twice"];
    assert_eq!(faults.len(), expected.len(), "{faults:#?}");
    assert!(faults.iter().zip(expected).all(|(fault, expected)| fault.contains(expected)), "{faults:#?}");
}
