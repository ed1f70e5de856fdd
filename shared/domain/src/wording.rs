//! The vendor's texts of documents and letters, per language. A text that a language lacks is taken from the vendor's default
//! language, text by text (R115).

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, LazyLock},
};

/// The prefix of the keys of names: `name.product.tracker-server`.
pub(crate) const NAMES: &str = "name.";

/// The categories of plurals of the Unicode consortium (CLDR), with which a language writes a text about a count.
pub(crate) const PLURALS: [&str; 6] = ["zero", "one", "two", "few", "many", OTHER];
/// The category that every language has.
pub(crate) const OTHER: &str = "other";

/// The key of the tag by whose conventions a language writes dates and numbers: `en-GB` for `en`.
const LOCALE: &str = "format.locale";

/// The texts of a language, by their keys.
pub(crate) type Texts = BTreeMap<String, String>;

/// Every text of every language. A cheap handle: clones share the texts.
#[derive(Clone, Default)]
pub struct Wording {
    default: String,
    languages: BTreeMap<String, Language>,
    /// Where texts come from that the default language lacks.
    newer: Option<Arc<Wording>>,
}

/// The texts of one language. They are read when the first of them is needed: most requests need none, and a vendor may have many
/// languages.
type Language = Arc<LazyLock<Texts, Box<dyn FnOnce() -> Texts + Send + Sync>>>;

impl fmt::Debug for Wording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let languages: Vec<_> = self.languages().collect();
        f.debug_struct("Wording").field("default", &self.default).field("languages", &languages).finish_non_exhaustive()
    }
}

impl Wording {
    /// Texts by language and key. The default language must be among them, which [`Policy::read`](crate::Policy::read) checks.
    pub fn new(default: String, languages: BTreeMap<String, BTreeMap<String, String>>) -> Self {
        Self::reading(default, languages.into_iter().map(|(language, texts)| (language, move || texts)), None)
    }

    /// The same, of languages that are read when they are first needed. Texts that letters and documents have started to use
    /// since these were written come from `newer`. A name is no such text: without one, the name in the file that defines the
    /// thing counts.
    pub(crate) fn reading<R>(default: String, languages: impl IntoIterator<Item = (String, R)>, newer: Option<Self>) -> Self
    where
        R: FnOnce() -> Texts + Send + Sync + 'static,
    {
        let language = |read: R| Arc::new(LazyLock::new(Box::new(read) as Box<dyn FnOnce() -> Texts + Send + Sync>));
        let languages = languages.into_iter().map(|(name, read)| (name, language(read))).collect();
        Self { default, languages, newer: newer.map(Arc::new) }
    }

    /// The language that every missing text falls back to.
    pub fn default_language(&self) -> &str {
        &self.default
    }

    /// The languages that have texts.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// The language with texts for a BCP 47 tag: the tag itself, or its primary language (`ja` for `ja-JP`); `None` when
    /// neither has texts.
    pub fn offered(&self, tag: &str) -> Option<&str> {
        let primary = tag.split('-').next().unwrap_or_default();
        let found = |wanted: &str| self.languages().find(|language| language.eq_ignore_ascii_case(wanted));
        found(tag).or_else(|| found(primary))
    }

    /// The best language for a BCP 47 tag: the [offered](Self::offered) one, or the default.
    pub fn negotiate(&self, tag: &str) -> &str {
        self.offered(tag).unwrap_or(&self.default)
    }

    /// The text for `key` in `language`, else in the default language. When both lack the text, the result is the key, which a
    /// reader can report.
    pub fn text<'a>(&'a self, language: &str, key: &'a str) -> &'a str {
        self.find(language, key).unwrap_or(key)
    }

    /// The name of a product, programme, segment, tax or other thing of this `kind` with this `id` in `language`, if the
    /// vendor's texts have it; else `otherwise`, the name in the file that defines it.
    pub fn name<'a>(&'a self, language: &str, kind: &str, id: &str, otherwise: &'a str) -> &'a str {
        self.find(language, &format!("{NAMES}{kind}.{id}")).unwrap_or(otherwise)
    }

    /// The tag by whose conventions dates and numbers are written in `language`. It is never that of the default language.
    pub fn locale<'a>(&'a self, language: &'a str) -> &'a str {
        self.of(language, LOCALE).unwrap_or(language)
    }

    /// The text for `key` about a count. `category` is the plural category of the count by the rules of the language that it is
    /// given: the default language, when `language` lacks the text.
    pub fn plural<'a>(&'a self, language: &'a str, key: &'a str, category: impl Fn(&str) -> &'static str) -> &'a str {
        let written = |language: &'a str| {
            let general = self.of(language, key)?;
            let category = category(self.locale(language));
            Some(self.of(language, &format!("{key}.{category}")).unwrap_or(general))
        };
        written(language).or_else(|| written(&self.default)).unwrap_or_else(|| self.text(language, key))
    }

    fn find(&self, language: &str, key: &str) -> Option<&str> {
        let newer = || self.newer.as_ref().filter(|_| !key.starts_with(NAMES))?.find(language, key);
        self.of(language, key).or_else(|| self.of(&self.default, key)).or_else(newer)
    }

    fn of(&self, language: &str, key: &str) -> Option<&str> {
        self.languages.get(language)?.get(key).map(String::as_str)
    }

    /// The text with its `{name}` placeholders filled in. Values that are filled in are not searched for placeholders.
    pub fn fill(&self, language: &str, key: &str, values: &[(&str, &str)]) -> String {
        fill(self.text(language, key), |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }
}

/// Fills the `{name}` placeholders of `text`. A placeholder without a value stays visible in the text.
pub fn fill<'v>(text: &str, value: impl Fn(&str) -> Option<&'v str>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        match after.split_once('}').and_then(|(name, behind)| value(name).map(|value| (value, behind))) {
            Some((value, behind)) => {
                filled.push_str(value);
                rest = behind;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled + rest
}

/// The names of the `{name}` placeholders in `text`.
pub fn places(text: &str) -> Vec<&str> {
    text.split('{').skip(1).filter_map(|after| after.split_once('}').map(|(name, _)| name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wording() -> Wording {
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        Wording::new(
            "en".to_owned(),
            BTreeMap::from([
                ("en".to_owned(), texts(&[("hello", "Hello {name}"), ("bye", "Goodbye")])),
                ("ja".to_owned(), texts(&[("hello", "{name} 様")])),
            ]),
        )
    }

    #[test]
    fn r115_only_a_missing_text_falls_back_to_the_default_language() {
        let wording = wording();
        assert_eq!(wording.fill("ja", "hello", &[("name", "山田")]), "山田 様");
        assert_eq!(wording.text("ja", "bye"), "Goodbye");
        assert_eq!(wording.negotiate("ja-JP"), "ja");
        assert_eq!(wording.negotiate("de"), "en");
    }

    #[test]
    fn r115_a_name_falls_back_to_the_one_in_its_own_file() {
        let names = BTreeMap::from([("name.tax.Consumption tax".to_owned(), "消費税".to_owned())]);
        let wording =
            Wording::new("en".to_owned(), BTreeMap::from([("ja".to_owned(), names), ("en".to_owned(), BTreeMap::new())]));
        let name = |language| wording.name(language, "tax", "Consumption tax", "Consumption tax");
        assert_eq!((name("ja"), name("en")), ("消費税", "Consumption tax"));
        assert_eq!(wording.name("ja", "tax", "VAT", "VAT"), "VAT");
    }

    #[test]
    fn d2_a_text_about_a_count_follows_the_rules_of_the_language_that_it_is_written_in() {
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|&(k, v)| (k.to_owned(), v.to_owned())).collect();
        let english = texts(&[("users", "{n} users"), ("users.one", "1 user"), ("format.locale", "en-GB")]);
        let languages = [("en".to_owned(), english), ("ja".to_owned(), texts(&[("days", "{n} 日")]))];
        let wording = Wording::new("en".to_owned(), languages.into());
        let category = |tag: &str| if tag == "en-GB" { "one" } else { "other" };
        assert_eq!(wording.plural("en", "users", category), "1 user");
        assert_eq!(wording.plural("ja", "days", category), "{n} 日");
        assert_eq!(wording.plural("ja", "users", category), "1 user", "the default language's text by its own rules");
        assert_eq!((wording.locale("en"), wording.locale("ja")), ("en-GB", "ja"));
    }

    #[test]
    fn filled_in_values_are_not_searched_for_placeholders() {
        assert_eq!(wording().fill("en", "hello", &[("name", "{name}")]), "Hello {name}");
        assert_eq!(fill("{unknown} {a", |_| None), "{unknown} {a");
        assert_eq!(places("{a} of {b}"), ["a", "b"]);
    }
}
