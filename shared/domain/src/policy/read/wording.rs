//! `languages/*.toml`: every word of documents and letters.

use std::collections::BTreeMap;

use super::{VENDOR, source::Reader, values::Text};
use crate::{
    policy::{MethodPolicy, texts::KEYS},
    wording::{Wording, places},
};

const LANGUAGES: &str = "languages/";

/// What every method's instructions may name, besides its own `details`.
const PAYMENT_PLACES: [&str; 5] = ["reference", "amount", "link", "valid_through", "currency"];

/// The texts of a language, by their keys.
type Language = BTreeMap<String, Text>;

impl Reader<'_> {
    /// The vendor's words; `None` when there are none to fall back to.
    pub(super) fn wording(&mut self, default: &Text, methods: &[MethodPolicy]) -> Option<Wording> {
        let mut languages: BTreeMap<&str, Language> = BTreeMap::new();
        for file in self.files.keys() {
            let Some(language) = file.strip_prefix(LANGUAGES).and_then(|name| name.strip_suffix(".toml")) else { continue };
            languages.extend(self.texts(file).map(|texts| (language, texts)));
        }
        let default_file = format!("{LANGUAGES}{}.toml", default.get_ref());
        if !self.files.contains_key(&default_file) {
            let what = format!("the default language is `{}`, but there is no {default_file}", default.get_ref());
            self.mistake(VENDOR, Some(default.span()), what);
        }
        let spoken = languages.get(default.get_ref().as_str())?;
        for key in KEYS.iter().filter(|key| !spoken.contains_key(**key)) {
            let what = format!("the text `{key}` is missing: other languages fall back to it");
            self.mistake(&default_file, None, what);
        }
        for (language, texts) in &languages {
            let file = format!("{LANGUAGES}{language}.toml");
            self.compare(&file, texts, spoken);
            self.instructions(&file, texts, methods);
        }
        let plain = |texts: Language| texts.into_iter().map(|(key, text)| (key, text.into_inner())).collect();
        let languages = languages.into_iter().map(|(language, texts)| (language.to_owned(), plain(texts)));
        Some(Wording::new(default.get_ref().clone(), languages.collect()))
    }

    /// Another language says nothing that the default language does not say, with the same places or fewer.
    fn compare(&mut self, file: &str, texts: &Language, spoken: &Language) {
        for (key, text) in texts {
            let what = match spoken.get(key) {
                None => format!("`{key}` is not a text of the default language: is it misspelt?"),
                Some(original) => {
                    let known = places(original.get_ref());
                    let Some(place) = places(text.get_ref()).into_iter().find(|place| !known.contains(place)) else { continue };
                    format!("`{key}` has the place {{{place}}}, which its original has not")
                }
            };
            self.mistake(file, Some(text.span()), what);
        }
    }

    /// A place that nothing fills would be printed as it is, on the page that says where the money goes.
    fn instructions(&mut self, file: &str, texts: &Language, methods: &[MethodPolicy]) {
        for rules in methods {
            let key = format!("instructions.{}", rules.method.as_str());
            let Some(text) = texts.get(&key) else { continue };
            let known = |place: &&str| PAYMENT_PLACES.contains(place) || rules.details.iter().any(|(name, _)| name == place);
            if let Some(place) = places(text.get_ref()).into_iter().find(|place| !known(place)) {
                let known = PAYMENT_PLACES.join(", ");
                let what =
                    format!("`{key}` has the place {{{place}}}: it is neither in the method's `details` nor one of {known}");
                self.mistake(file, Some(text.span()), what);
            }
        }
    }
}
