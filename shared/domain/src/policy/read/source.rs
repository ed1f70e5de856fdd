//! Reads the vendor's files as TOML, section by section, so that a mistake in one section does not hide those of another.

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

/// A place in a file, as a range of bytes.
pub(super) type Place = Range<usize>;

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
        T::deserialize(ValueDeserializer::from(section)).map_err(|error| self.mistake(file, error.span(), error.message())).ok()
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
                _ => {
                    self.mistake(file, Some(place), format!("`{key}` is neither a text nor a table of texts: write it in quotes"))
                }
            }
        }
    }
}
