//! Reads the vendor's files as TOML, section by section, so that a mistake in one section does not hide those of another.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, Error, ValueDeserializer},
};

use super::mistakes::Mistake;
use crate::wording::{OTHER, PLURALS};

/// A place in a file, as a range of bytes.
pub(super) type Place = Range<usize>;

/// The tables of a file that is TOML.
fn parse(text: &str) -> Option<DeTable<'_>> {
    let (tables, errors) = DeTable::parse_recoverable(text);
    errors.is_empty().then(|| tables.into_inner())
}

/// The section at a place, in `value`.
fn value_at<'f>(value: Spanned<DeValue<'f>>, at: &Place) -> Option<Spanned<DeValue<'f>>> {
    if value.span() == *at && !matches!(value.get_ref(), DeValue::Array(_)) {
        return Some(value);
    }
    match value.into_inner() {
        DeValue::Table(members) => members.into_iter().find_map(|(_, member)| value_at(member, at)),
        DeValue::Array(entries) => entries.into_iter().find_map(|entry| value_at(entry, at)),
        _ => None,
    }
}

fn encloses(part: &Place, place: &Place) -> bool {
    part.start <= place.start && place.end <= part.end && !part.is_empty()
}

/// Whether two names are the same but for up to two neighbouring characters.
fn is_nearly(one: &str, other: &str) -> bool {
    let (short, long) = if one.len() < other.len() { (one, other) } else { (other, one) };
    let before = short.bytes().zip(long.bytes()).take_while(|(a, b)| a == b).count();
    let after = short.bytes().rev().zip(long.bytes().rev()).take_while(|(a, b)| a == b).count();
    (before + after).min(short.len()) + 2 >= long.len()
}

/// How the library reports that a member is missing.
const MISSING: &str = "missing field `";

/// Gives a missing member a value of a type that is accepted, so that the members that are missing after it are found. `false`:
/// no value is accepted.
fn stand_in<'f>(members: &mut DeTable<'f>, name: &str, what: &str, read: impl Fn(&DeTable<'f>) -> Option<Error>) -> bool {
    ["\"1\"", "\"en\"", "2026-01-01", "1", "true", "[]", "[1, 1]", "{}"].iter().any(|value| {
        let Ok(value) = DeValue::parse(value) else { return false };
        members.insert(Spanned::new(0..0, name.to_owned().into()), value);
        // Another member is missing now, or none is.
        read(members).is_none_or(|error| error.message() != what && error.message().starts_with(MISSING))
    })
}

/// The vendor's files by name, and the mistakes found so far.
pub(super) struct Reader<'f> {
    pub(super) files: &'f BTreeMap<String, String>,
    mistakes: Vec<Mistake>,
}

/// The sections of a file that are not read yet.
pub(super) struct Sections<'f> {
    pub(super) file: &'f str,
    tables: DeTable<'f>,
}

/// The entries of a section that may occur several times, such as `[[product]]`.
pub(super) struct Entries<T> {
    /// The entries that could be read.
    pub(super) read: Vec<T>,
    /// Whether every entry could be read. If not, a missing entry is no mistake.
    pub(super) whole: bool,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { read: Vec::new(), whole: true }
    }
}

impl Sections<'_> {
    /// Whether the file has this section.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.tables.contains_key(name)
    }
}

impl<'f> Reader<'f> {
    pub(super) fn new(files: &'f BTreeMap<String, String>) -> Self {
        Self { files, mistakes: Vec::new() }
    }

    /// Every mistake, by file and line.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        self.mistakes.sort();
        self.mistakes
    }

    pub(super) fn mistake(&mut self, file: &str, place: Option<Place>, what: impl Into<String>) {
        let line = place.and_then(|place| self.line(file, &place));
        self.mistakes.push(Mistake { file: file.to_owned(), line, what: what.into() });
    }

    /// The line of a place, from 1.
    pub(super) fn line(&self, file: &str, place: &Place) -> Option<usize> {
        let before = self.files.get(file)?.as_bytes().get(..place.start)?;
        Some(before.iter().filter(|byte| **byte == b'\n').count() + 1)
    }

    /// Opens a required file.
    pub(super) fn open(&mut self, file: &'f str) -> Option<Sections<'f>> {
        if !self.files.contains_key(file) {
            self.mistake(file, None, "the file is missing: add it, as in the example vendor");
        }
        self.open_if_there(file)
    }

    /// Opens an optional file.
    pub(super) fn open_if_there(&mut self, file: &'f str) -> Option<Sections<'f>> {
        let (tables, errors) = DeTable::parse_recoverable(self.files.get(file)?);
        if errors.is_empty() {
            return Some(Sections { file, tables: tables.into_inner() });
        }
        // A syntax error is reported once for its line, not for every word after it.
        let mut lines = BTreeSet::new();
        for error in errors {
            if lines.insert(error.span().and_then(|place| self.line(file, &place))) {
                self.mistake(file, error.span(), error.message());
            }
        }
        None
    }

    /// Reads a required section.
    pub(super) fn section<T: Deserialize<'f>>(&mut self, from: &mut Sections<'f>, name: &str) -> Option<T> {
        if !from.tables.contains_key(name) {
            self.mistake(from.file, None, format!("the section [{name}] is missing: add it, as in the example vendor"));
        }
        self.section_if_there(from, name)
    }

    /// Reads an optional section.
    pub(super) fn section_if_there<T: Deserialize<'f>>(&mut self, from: &mut Sections<'f>, name: &str) -> Option<T> {
        let section = from.tables.remove(name)?;
        self.shaped(from.file, section)
    }

    /// Reads a section that may occur several times.
    pub(super) fn entries<T: Deserialize<'f>>(&mut self, from: &mut Sections<'f>, name: &str) -> Entries<T> {
        let Some(section) = from.tables.remove(name) else { return Entries::default() };
        let place = section.span();
        let DeValue::Array(entries) = section.into_inner() else {
            self.mistake(from.file, Some(place), format!("write [[{name}]] with two brackets, because there may be several"));
            return Entries { read: Vec::new(), whole: false };
        };
        let all = entries.len();
        let read: Vec<_> = entries.into_iter().filter_map(|entry| self.shaped(from.file, entry)).collect();
        Entries { whole: read.len() == all, read }
    }

    fn shaped<T: Deserialize<'f>>(&mut self, file: &str, section: Spanned<DeValue<'f>>) -> Option<T> {
        let place = section.span();
        let read = T::deserialize(ValueDeserializer::from(section));
        read.map_err(|first| self.misshaped::<T>(file, &place, first)).ok()
    }

    /// Reports every mistake in the shape of a section. The library stops at the first one, so the section is read again without
    /// the member that is wrong, or with a value for the member that is missing.
    fn misshaped<T: Deserialize<'f>>(&mut self, file: &str, section: &Place, first: Error) {
        let files = self.files;
        let parsed =
            files.get(file).and_then(|text| value_at(Spanned::new(0..text.len(), DeValue::Table(parse(text)?)), section));
        let Some(DeValue::Table(mut members)) = parsed.map(Spanned::into_inner) else {
            return self.mistake(file, first.span(), first.message());
        };
        let (mut wrong, mut error) = (BTreeSet::new(), Some(first));
        let again = |members: &DeTable<'f>| {
            let section = Spanned::new(section.clone(), DeValue::Table(members.clone()));
            T::deserialize(ValueDeserializer::from(section)).err()
        };
        while let Some(mistake) = error.take() {
            let (place, what) = (mistake.span(), mistake.message());
            let name = members.iter().find(|(name, value)| {
                place.as_ref().is_some_and(|place| [name.span(), value.span()].iter().any(|part| encloses(part, place)))
            });
            let name = name.map(|(name, _)| name.clone());
            let missing = what.strip_prefix(MISSING).and_then(|rest| rest.strip_suffix('`'));
            match (name, missing) {
                (Some(name), _) => {
                    self.mistake(file, place, what);
                    members.remove(&**name.get_ref());
                    wrong.insert(name.into_inner().into_owned());
                }
                (None, Some(missing)) => {
                    // A misspelt member is unknown, and its right name is missing: one mistake.
                    if !wrong.iter().any(|wrong: &String| is_nearly(wrong, missing)) {
                        self.mistake(file, place, what);
                    }
                    if !stand_in(&mut members, missing, what, again) {
                        return;
                    }
                }
                (None, None) => return self.mistake(file, place, what),
            }
            error = again(&members);
        }
    }

    /// Reports the sections that were not read: they are unknown.
    pub(super) fn close(&mut self, rest: Sections<'f>) {
        for name in rest.tables.keys() {
            self.mistake(
                rest.file,
                Some(name.span()),
                format!("there is no section `{}`: correct the name, or remove the section", name.get_ref()),
            );
        }
    }

    /// Reads the texts of a file by their dotted keys, each with its place.
    pub(super) fn texts(&mut self, file: &'f str) -> Option<BTreeMap<String, Spanned<String>>> {
        let mut texts = BTreeMap::new();
        let Sections { tables, .. } = self.open_if_there(file)?;
        self.flatten(file, "", tables, &mut texts);
        Some(texts)
    }

    /// Reads a text that a language writes by plural categories. The general text stands for every other category.
    fn plurals(
        &mut self,
        file: &str,
        key: &str,
        place: Place,
        table: DeTable<'f>,
        texts: &mut BTreeMap<String, Spanned<String>>,
    ) {
        let mut forms = BTreeMap::new();
        self.flatten(file, key, table, &mut forms);
        match forms.remove(&format!("{key}.{OTHER}")) {
            Some(general) => texts.extend(forms.into_iter().chain([(key.to_owned(), general)])),
            None => {
                self.mistake(file, Some(place), format!("`{key}` lacks the plural `{OTHER}`, which every language has: add it"))
            }
        }
    }

    fn flatten(&mut self, file: &str, prefix: &str, table: DeTable<'f>, texts: &mut BTreeMap<String, Spanned<String>>) {
        for (name, value) in table {
            let name = name.get_ref();
            let key = if prefix.is_empty() { name.to_string() } else { format!("{prefix}.{name}") };
            let place = value.span();
            match value.into_inner() {
                DeValue::String(text) => {
                    texts.insert(key, Spanned::new(place, text.into_owned()));
                }
                DeValue::Table(table) if !table.is_empty() && table.keys().all(|name| PLURALS.contains(&&**name.get_ref())) => {
                    self.plurals(file, &key, place, table, texts);
                }
                DeValue::Table(table) => self.flatten(file, &key, table, texts),
                _ => {
                    self.mistake(file, Some(place), format!("`{key}` is neither a text nor a table of texts: write it in quotes"))
                }
            }
        }
    }
}
