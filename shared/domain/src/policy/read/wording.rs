//! Reads `languages/*.toml`: the texts of documents and letters.

use std::collections::BTreeMap;

use super::{files::VENDOR, source::Reader, values::Text};
use crate::{
    place,
    policy::{MethodPolicy, texts::KEYS},
    wording::{NAMES, PLURALS, Texts, Wording, places},
};

const LANGUAGES: &str = "languages/";

/// The placeholders of every method's instructions, besides its own `details`.
const PAYMENT_PLACES: [&str; 5] = ["reference", "amount", "link", "valid_through", "currency"];

/// The kinds of things that a language may name differently from the other files.
const NAMED: [&str; 7] = ["product", "edition", "programme", "segment", "tax", "region", "currency"];

/// The texts of a language by their keys, each with its place in the file.
type Language = BTreeMap<String, Text>;

impl Reader<'_> {
    /// Reads the vendor's texts; `None` without a readable default language. In that case, only the mistakes of each file by
    /// itself are reported.
    pub(super) fn wording(&mut self, default: Option<&Text>, methods: &[MethodPolicy]) -> Option<Wording> {
        let mut languages: BTreeMap<&str, Language> = BTreeMap::new();
        for (language, file, _) in language_files(self.files) {
            languages.extend(self.texts(file).map(|texts| (language, texts)));
        }
        let default = self.default_language(default)?;
        let spoken = languages.get(default)?;
        for key in KEYS.iter().filter(|key| !spoken.contains_key(**key)) {
            let what = format!("the text `{key}` is missing: add it, because other languages fall back to it");
            self.mistake(&file_of(default), None, what);
        }
        for (language, texts) in &languages {
            let file = file_of(language);
            self.compare(&file, texts, spoken);
            self.instructions(&file, texts, methods);
        }
        let languages = languages.into_iter().map(|(language, texts)| (language.to_owned(), plain(texts)));
        Some(Wording::new(default.to_owned(), languages.collect()))
    }

    /// The vendor's texts, which were checked when they were published. Each language is read when it is first needed. Texts that
    /// the default language lacks come from `newer`.
    pub(super) fn published_wording(&mut self, default: Option<&Text>, newer: Option<&Wording>) -> Option<Wording> {
        let languages = language_files(self.files).map(|(language, file, text)| {
            let (file, text) = (file.to_owned(), text.to_owned());
            let read = move || {
                let files = BTreeMap::from([(file.clone(), text)]);
                Reader::new(&files).texts(&file).map(plain).unwrap_or_default()
            };
            (language.to_owned(), read)
        });
        Some(Wording::reading(self.default_language(default)?.to_owned(), languages, newer.cloned()))
    }

    /// The default language. It has a file, or its absence is reported.
    fn default_language<'t>(&mut self, default: Option<&'t Text>) -> Option<&'t str> {
        let default = default?;
        let file = file_of(default.get_ref());
        if !self.files.contains_key(&file) {
            let what = format!(
                "the default language is `{}`, but there is no {file}: add the file, or change the default",
                default.get_ref()
            );
            self.mistake(VENDOR, Some(default.span()), what);
        }
        Some(default.get_ref())
    }

    /// Checks a language against the default language: no other texts, and in each text no other placeholders. A language may
    /// have its own names for things that the default language names as the other files do.
    fn compare(&mut self, file: &str, texts: &Language, spoken: &Language) {
        for (key, text) in texts {
            // A plural has the placeholders of the general text. Languages have different categories.
            let general = key.rsplit_once('.').filter(|(_, last)| PLURALS.contains(last)).map_or(&**key, |(general, _)| general);
            let what = match spoken.get(general) {
                _ if key.starts_with(NAMES) => match misnamed(key) {
                    Some(what) => what,
                    None => continue,
                },
                None => format!("`{key}` is not a text of the default language: correct the key, or remove the text"),
                Some(original) => {
                    let known = places(original.get_ref());
                    let Some(place) = places(text.get_ref()).into_iter().find(|place| !known.contains(place)) else { continue };
                    format!(
                        "`{key}` has the placeholder {{{place}}}, which the text of the default language does not have: remove it"
                    )
                }
            };
            self.mistake(file, Some(text.span()), what);
        }
    }

    /// Reports placeholders without a value. A document would show them unfilled in its payment instructions.
    fn instructions(&mut self, file: &str, texts: &Language, methods: &[MethodPolicy]) {
        for rules in methods {
            let key = format!("instructions.{}", rules.method.as_str());
            let Some(text) = texts.get(&key) else { continue };
            let known = |place: &&str| PAYMENT_PLACES.contains(place) || rules.details.iter().any(|(name, _)| name == place);
            if let Some(place) = places(text.get_ref()).into_iter().find(|place| !known(place)) {
                let known = PAYMENT_PLACES.join(", ");
                let what =
                    format!("`{key}` has the placeholder {{{place}}}: add it to the method's `details`, or use one of {known}");
                self.mistake(file, Some(text.span()), what);
            }
        }
    }
}

/// The languages with the names and contents of their files.
fn language_files(files: &BTreeMap<String, String>) -> impl Iterator<Item = (&str, &String, &str)> {
    files.iter().filter_map(|(file, text)| {
        let language = file.strip_prefix(LANGUAGES)?.strip_suffix(".toml")?;
        Some((language, file, &**text))
    })
}

fn file_of(language: &str) -> String {
    format!("{LANGUAGES}{language}.toml")
}

fn plain(texts: Language) -> Texts {
    texts.into_iter().map(|(key, text)| (key, text.into_inner())).collect()
}

/// The mistake in the key of a name, if any. A name of an unknown thing is no mistake, because the vendor may have sold it
/// before.
fn misnamed(key: &str) -> Option<String> {
    match key.strip_prefix(NAMES)?.split_once('.') {
        Some(("region", code)) if !place::is_subdivision(code) => {
            Some(format!("`{code}` is not an ISO 3166-2 subdivision: write one such as `JP-13`"))
        }
        Some((kind, _)) if NAMED.contains(&kind) => None,
        _ => Some(format!("`{key}` is not the key of a name: write one of name.{}", NAMED.join(", name."))),
    }
}
