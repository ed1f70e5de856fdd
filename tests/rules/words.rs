//! Words that make a reader guess: they are no terms of the trade, or they make machines into people. They appear in no comment,
//! text, name of a function, README, template or policy file of `functions`, `shared` and `infra`.

use std::{collections::BTreeMap, fmt::Write as _};

use super::requirements::{NO_CODES, texts};

/// A word or phrase, in its forms, and what to say instead.
const WORDS: &[(&[&str], &str)] = &[
    (&["whoever", "whomever"], "name the subject: \"the caller\", \"an operator\", \"a process that\""),
    (&["nobody"], "name the subject: \"no caller\", \"no consumer\""),
    (&["somebody", "anybody", "everybody"], "name the subject: \"another caller\", \"any reader\", \"every caller\""),
    (&["told", "tells"], "\"reported\", \"received\", \"states\", \"informs\""),
    (&["heard", "hears"], "\"received\", \"receives\""),
    (&["heed", "heeds", "heeded"], "\"process\", \"follow\", \"apply\""),
    (&["mend", "mends", "mended", "mending"], "\"fix\", \"correct\", \"repair\""),
    (&["anew"], "\"again\""),
    (&["so many"], "\"at most N\", or the number"),
    (&["brought to mind", "bring to mind", "brings to mind"], "\"retried\", \"reminded\""),
    (&["for ever"], "\"indefinitely\", \"permanently\""),
    (&["by turns", "whence"], "\"alternately\", \"from which\""),
    (&["the world"], "\"the environment\", \"stored state\", \"outside\""),
    (&["room", "rooms"], "\"crate\", \"part\", \"folder\"; \"space\" for memory"),
    (&["beat", "beats"], "\"step\""),
    (&["door", "doors"], "\"endpoint\", \"module\""),
    (&["home", "homes"], "\"deployment\"; \"local deployment\" for infra/local"),
];

/// Where a phrase is right: file, phrase, reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[];

/// Texts of others: licences of fonts.
fn foreign(file: &str) -> bool {
    file.starts_with("shared/typesetting/fonts/")
}

/// Keeps comments, texts and the names of functions of Rust code, and replaces all other code by spaces.
fn prose(code: &str) -> String {
    let (mut kept, mut rest, mut before) = (String::with_capacity(code.len()), code, ' ');
    while let Some(next) = rest.chars().next() {
        let (length, keep) = token(rest, before);
        let (token, after) = rest.split_at(length);
        for c in token.chars() {
            let keep = keep || c == '\n';
            let joint = c == '_' && token.starts_with("fn ");
            kept.push(if keep && !joint { c } else { ' ' });
        }
        (before, rest) = (token.chars().next_back().unwrap_or(next), after);
    }
    kept
}

/// The length of the next token of Rust code, and whether a reader reads it as prose.
fn token(code: &str, before: char) -> (usize, bool) {
    let until = |end: &str, from: usize| code[from..].find(end).map_or(code.len(), |at| from + at + end.len());
    let within = before.is_alphanumeric() || before == '_';
    if code.starts_with("//") {
        return (code.find('\n').unwrap_or(code.len()), true);
    }
    if code.starts_with("/*") {
        return (until("*/", 2), true);
    }
    let raw = code.strip_prefix("br").or_else(|| code.strip_prefix('r')).filter(|_| !within);
    if let Some(raw) = raw.filter(|raw| raw.trim_start_matches('#').starts_with('"')) {
        let hashes = "#".repeat(raw.len() - raw.trim_start_matches('#').len());
        let start = code.len() - raw.len() + hashes.len() + 1;
        return (until(&format!("\"{hashes}"), start), true);
    }
    if code.starts_with('"') {
        let mut escaped = false;
        let end = code.bytes().enumerate().skip(1).find(|(_, byte)| {
            let end = *byte == b'"' && !escaped;
            escaped = *byte == b'\\' && !escaped;
            end
        });
        return (end.map_or(code.len(), |(at, _)| at + 1), true);
    }
    if code.starts_with("'\\") {
        return (until("'", 3), false);
    }
    if let Some(c) = code.strip_prefix('\'').and_then(|rest| rest.chars().next())
        && code[1 + c.len_utf8()..].starts_with('\'')
    {
        return (2 + c.len_utf8(), false);
    }
    if code.starts_with("fn ") && !within {
        let name = code[3..].find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(code.len() - 3);
        return (3 + name, true);
    }
    (code.chars().next().map_or(0, char::len_utf8), false)
}

/// A line without what stands in backticks: names of code.
fn without_names(line: &str) -> String {
    line.split('`').step_by(2).collect::<Vec<_>>().join("`")
}

/// Each listed phrase of a text, as line, phrase and what to say instead. A phrase may go over the end of a line.
fn found(file: &str, text: &str) -> Vec<(usize, &'static str, &'static str)> {
    let text = if file.ends_with(".rs") { prose(text) } else { text.to_owned() };
    let mut words: Vec<(usize, String)> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = without_names(line);
        let parts = line.split(|c: char| !c.is_alphanumeric() && c != '_' && c != '$').filter(|word| !word.is_empty());
        // `HOME` and `$home` are variables.
        let plain = parts.map(|word| if word.chars().skip(1).any(char::is_uppercase) { "" } else { word });
        words.extend(plain.map(|word| (number, word.to_lowercase())));
    }
    let mut found = Vec::new();
    for (forms, instead) in WORDS {
        for phrase in *forms {
            let phrase_words: Vec<_> = phrase.split(' ').collect();
            let hits = words
                .windows(phrase_words.len())
                .filter(|window| window.iter().map(|(_, word)| &**word).eq(phrase_words.iter().copied()));
            found.extend(hits.map(|window| (window[0].0, *phrase, *instead)));
        }
    }
    found.sort_unstable();
    found
}

/// Every violation, with its file.
fn violations() -> Vec<(String, usize, &'static str, &'static str)> {
    let read = |file: &String| ["functions/", "shared/", "infra/"].iter().any(|part| file.starts_with(part)) && !foreign(file);
    let texts: BTreeMap<_, _> = texts().into_iter().filter(|(file, _)| read(file)).collect();
    assert!(texts.len() > 150, "only {} texts were found", texts.len());
    let excepted = |file: &str, phrase: &str| EXCEPTIONS.iter().any(|(place, text, _)| *place == file && *text == phrase);
    let found = texts.iter().flat_map(|(file, text)| {
        let found = found(file, text).into_iter().filter(|(_, phrase, _)| !excepted(file, phrase));
        found.map(|(line, phrase, instead)| (file.clone(), line, phrase, instead))
    });
    found.collect()
}

#[test]
fn no_text_has_a_word_that_confuses_readers() {
    let violations = violations();
    let mut report = String::new();
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (file, line, phrase, instead) in &violations {
        let _ = write!(report, "\n  {file}:{line}: \"{phrase}\" → {instead}");
        *counts.entry(file.split('/').take(2).collect::<Vec<_>>().join("/")).or_default() += 1;
    }
    for (folder, count) in counts {
        let _ = write!(report, "\n  {count:5} in {folder}");
    }
    assert!(violations.is_empty(), "{} places:{report}", violations.len());
}

#[test]
fn exceptions_are_few_and_needed() {
    let texts = texts();
    assert!(EXCEPTIONS.len() + NO_CODES.len() < 20, "{} exceptions", EXCEPTIONS.len() + NO_CODES.len());
    for (file, phrase, reason) in EXCEPTIONS {
        assert!(!reason.is_empty(), "{file}: \"{phrase}\" needs a reason");
        let text = texts.get(*file).unwrap_or_else(|| panic!("{file} is not there"));
        assert!(found(file, text).iter().any(|(_, found, _)| found == phrase), "{file}: \"{phrase}\" is not there any more");
    }
}

#[test]
fn a_word_is_found_in_comments_texts_names_and_documents() {
    for (file, text, phrase) in [
        ("a.rs", "/// Nobody else.", "nobody"),
        ("a.rs", "let a = 1; // sent anew", "anew"),
        ("a.rs", "let c = '\"'; let a = \"whoever calls\";", "whoever"),
        ("a.rs", "r#\"told \"twice\"\"#", "told"),
        ("a.rs", "async fn nobody_reads() {}", "nobody"),
        ("a.rs", "/* the\nworld */", "the world"),
        ("a.md", "at most so\nmany times", "so many"),
        ("a.yaml", "description: Told once", "told"),
    ] {
        assert_eq!(found(file, text).iter().map(|(_, phrase, _)| *phrase).collect::<Vec<_>>(), [phrase], "{text}");
    }
    assert_eq!(found("a.md", "x\nsent for\never\n"), [(2, "for ever", WORDS[10].1)]);
}

#[test]
fn code_and_other_words_are_not_found() {
    for (file, text) in [
        ("a.rs", "let told = heard(home);"),
        ("a.rs", "/// Calls `told`, `home` and `anew`."),
        ("a.rs", "let c = '\\''; let told: &'static str = \"mending_wall\";"),
        ("a.md", "amended, roommate, untold, a homepage"),
        ("a.sh", "cd \"$HOME\""),
    ] {
        assert_eq!(found(file, text), [], "{text}");
    }
}
