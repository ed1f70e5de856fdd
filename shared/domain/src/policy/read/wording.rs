//! Reads `languages/*.toml`: the texts of documents and letters.

use std::collections::BTreeMap;

use super::{files::VENDOR, source::Reader, values::Text};
use crate::{
    place,
    policy::{MethodPolicy, texts::KEYS},
    wording::{NAMES, PLURALS, Wording, places},
};

const LANGUAGES: &str = "languages/";

/// The placeholders of every method's instructions, besides its own `details`.
const PAYMENT_PLACES: [&str; 5] = ["reference", "amount", "link", "valid_through", "currency"];

/// The kinds of things that a language may name differently from the other files.
const NAMED: [&str; 7] = ["product", "edition", "programme", "segment", "tax", "region", "currency"];

/// The texts of a language, by their keys.
type Language = BTreeMap<String, Text>;

impl Reader<'_> {
    /// Reads the vendor's texts; `None` without a readable default language. In that case, only the mistakes of each file by
    /// itself are reported.
    pub(super) fn wording(
        &mut self,
        default: Option<&Text>,
        methods: &[MethodPolicy],
        newer: Option<&Wording>,
    ) -> Option<Wording> {
        let mut languages: BTreeMap<&str, Language> = BTreeMap::new();
        for file in self.files.keys() {
            let Some(language) = file.strip_prefix(LANGUAGES).and_then(|name| name.strip_suffix(".toml")) else { continue };
            languages.extend(self.texts(file).map(|texts| (language, texts)));
        }
        let default = default?;
        let default_file = format!("{LANGUAGES}{}.toml", default.get_ref());
        if !self.files.contains_key(&default_file) {
            let what = format!(
                "the default language is `{}`, but there is no {default_file}: add the file, or change the default",
                default.get_ref()
            );
            self.mistake(VENDOR, Some(default.span()), what);
        }
        let spoken = languages.get(default.get_ref().as_str())?;
        let missing: Vec<&str> = KEYS.iter().copied().filter(|key| !spoken.contains_key(*key)).collect();
        for key in missing.iter().filter(|_| newer.is_none()) {
            let what = format!("the text `{key}` is missing: add it, because other languages fall back to it");
            self.mistake(&default_file, None, what);
        }
        for (language, texts) in &languages {
            let file = format!("{LANGUAGES}{language}.toml");
            self.compare(&file, texts, spoken);
            self.instructions(&file, texts, methods);
        }
        let plain = |texts: Language| texts.into_iter().map(|(key, text)| (key, text.into_inner())).collect();
        let languages = languages.into_iter().map(|(language, texts)| (language.to_owned(), plain(texts)));
        let mut languages: BTreeMap<String, BTreeMap<String, String>> = languages.collect();
        for (language, texts) in &mut languages {
            let learnt = newer.into_iter().flat_map(|newer| missing.iter().map(|key| (*key, newer.text(language, key))));
            for (key, text) in learnt {
                texts.entry(key.to_owned()).or_insert_with(|| text.to_owned());
            }
        }
        Some(Wording::new(default.get_ref().clone(), languages))
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
