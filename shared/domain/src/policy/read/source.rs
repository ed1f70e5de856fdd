//! The vendor's files as TOML, section by section, so that what is wrong in one section hides nothing of another.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use serde::Deserialize;
use toml::{
    Spanned,
    de::{DeTable, DeValue, ValueDeserializer},
};

use super::mistakes::Mistake;

/// Where something stands in its file, in bytes.
pub(super) type Place = Range<usize>;

/// The vendor's files by name, and what is wrong with them so far.
pub(super) struct Reader<'f> {
    pub(super) files: &'f BTreeMap<String, String>,
    mistakes: Vec<Mistake>,
}

/// What is left to read of a file.
pub(super) struct Sections<'f> {
    pub(super) file: &'f str,
    tables: DeTable<'f>,
}

/// The entries of a section that may occur several times, `[[so]]`.
pub(super) struct Entries<T> {
    /// Those that have the right shape.
    pub(super) read: Vec<T>,
    /// Whether these are all. If not, nothing can be said to be missing.
    pub(super) whole: bool,
}

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self { read: Vec::new(), whole: true }
    }
}

impl<'f> Reader<'f> {
    pub(super) fn new(files: &'f BTreeMap<String, String>) -> Self {
        Self { files, mistakes: Vec::new() }
    }

    /// Everything that was wrong, by file and line.
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

    /// A file that every vendor has.
    pub(super) fn open(&mut self, file: &'f str) -> Option<Sections<'f>> {
        if !self.files.contains_key(file) {
            self.mistake(file, None, "the file is missing: every vendor needs it, see the example vendor");
        }
        self.open_if_there(file)
    }

    /// A file that a vendor may do without.
    pub(super) fn open_if_there(&mut self, file: &'f str) -> Option<Sections<'f>> {
        let (tables, errors) = DeTable::parse_recoverable(self.files.get(file)?);
        if errors.is_empty() {
            return Some(Sections { file, tables: tables.into_inner() });
        }
        // What stops to be TOML somewhere is reported once for its line, not for every word that follows.
        let mut lines = BTreeSet::new();
        for error in errors {
            if lines.insert(error.span().and_then(|place| self.line(file, &place))) {
                self.mistake(file, error.span(), error.message());
            }
        }
        None
    }

    /// A section that the file must have.
    pub(super) fn section<T: Deserialize<'f>>(&mut self, from: &mut Sections<'f>, name: &str) -> Option<T> {
        if !from.tables.contains_key(name) {
            self.mistake(from.file, None, format!("the section [{name}] is missing: see the example vendor"));
        }
        self.section_if_there(from, name)
    }

    /// A section that the file may have.
    pub(super) fn section_if_there<T: Deserialize<'f>>(&mut self, from: &mut Sections<'f>, name: &str) -> Option<T> {
        let section = from.tables.remove(name)?;
        self.shaped(from.file, section)
    }

    /// A section that the file may have several times.
    pub(super) fn entries<T: Deserialize<'f>>(&mut self, from: &mut Sections<'f>, name: &str) -> Entries<T> {
        let Some(section) = from.tables.remove(name) else { return Entries::default() };
        let place = section.span();
        let DeValue::Array(entries) = section.into_inner() else {
            self.mistake(from.file, Some(place), format!("write [[{name}]], with two brackets: there may be several"));
            return Entries { read: Vec::new(), whole: false };
        };
        let all = entries.len();
        let read: Vec<_> = entries.into_iter().filter_map(|entry| self.shaped(from.file, entry)).collect();
        Entries { whole: read.len() == all, read }
    }

    fn shaped<T: Deserialize<'f>>(&mut self, file: &str, section: Spanned<DeValue<'f>>) -> Option<T> {
        T::deserialize(ValueDeserializer::from(section)).map_err(|error| self.mistake(file, error.span(), error.message())).ok()
    }

    /// Whatever nobody asked for is misspelt.
    pub(super) fn close(&mut self, rest: Sections<'f>) {
        for name in rest.tables.keys() {
            self.mistake(rest.file, Some(name.span()), format!("there is no section `{}`: is it misspelt?", name.get_ref()));
        }
    }

    /// The texts of a file by their dotted keys, each with its place.
    pub(super) fn texts(&mut self, file: &'f str) -> Option<BTreeMap<String, Spanned<String>>> {
        let mut texts = BTreeMap::new();
        let Sections { tables, .. } = self.open_if_there(file)?;
        self.flatten(file, "", tables, &mut texts);
        Some(texts)
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
                DeValue::Table(table) => self.flatten(file, &key, table, texts),
                _ => self.mistake(file, Some(place), format!("`{key}` is neither a text nor a table of texts")),
            }
        }
    }
}
