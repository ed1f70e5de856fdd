//! `languages/*.toml`: every word of documents and letters.

use std::collections::BTreeMap;

use super::{files::VENDOR, source::Reader, values::Text};
use crate::{
    place,
    policy::{MethodPolicy, texts::KEYS},
    wording::{NAMES, Wording, places},
};

const LANGUAGES: &str = "languages/";

/// What every method's instructions may name, besides its own `details`.
const PAYMENT_PLACES: [&str; 5] = ["reference", "amount", "link", "valid_through", "currency"];

/// What a language may call otherwise than the other files do.
const NAMED: [&str; 6] = ["product", "edition", "programme", "segment", "tax", "region"];

/// The texts of a language, by their keys.
type Language = BTreeMap<String, Text>;

impl Reader<'_> {
    /// The vendor's words; `None` when there are none to fall back to. Without a default language that could be read, nothing
    /// is said but what is wrong with each file by itself.
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
            let what = format!("the default language is `{}`, but there is no {default_file}", default.get_ref());
            self.mistake(VENDOR, Some(default.span()), what);
        }
        let spoken = languages.get(default.get_ref().as_str())?;
        let missing: Vec<&str> = KEYS.iter().copied().filter(|key| !spoken.contains_key(*key)).collect();
        for key in missing.iter().filter(|_| newer.is_none()) {
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
        let mut languages: BTreeMap<String, BTreeMap<String, String>> = languages.collect();
        for (language, texts) in &mut languages {
            let learnt = newer.into_iter().flat_map(|newer| missing.iter().map(|key| (*key, newer.text(language, key))));
            for (key, text) in learnt {
                texts.entry(key.to_owned()).or_insert_with(|| text.to_owned());
            }
        }
        Some(Wording::new(default.get_ref().clone(), languages))
    }

    /// Another language says nothing that the default language does not say, with the same places or fewer; but it may have
    /// its own names for what the default language calls as the other files do.
    fn compare(&mut self, file: &str, texts: &Language, spoken: &Language) {
        for (key, text) in texts {
            let what = match spoken.get(key) {
                _ if key.starts_with(NAMES) => match misnamed(key) {
                    Some(what) => what,
                    None => continue,
                },
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

/// What is wrong with the key of a name. A name of what there is not is no mistake: it may have been sold once.
fn misnamed(key: &str) -> Option<String> {
    match key.strip_prefix(NAMES)?.split_once('.') {
        Some(("region", code)) if !place::is_subdivision(code) => {
            Some(format!("`{code}` is not an ISO 3166-2 subdivision, such as `JP-13`"))
        }
        Some((kind, _)) if NAMED.contains(&kind) => None,
        _ => Some(format!("`{key}` names nothing that has a name: there are name.{}", NAMED.join(", name."))),
    }
}
