//! The vendor's words, per language: on documents and in letters. A string that a language lacks is answered in the
//! vendor's default language, string by string (R115).

use std::collections::BTreeMap;

/// What the keys of names begin with: `name.product.tracker-server`.
pub(crate) const NAMES: &str = "name.";

/// Every text of every language.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wording {
    default: String,
    languages: BTreeMap<String, BTreeMap<String, String>>,
}

impl Wording {
    /// Texts by language and key. The default language must be among them: `policy` reports it if not.
    pub fn new(default: String, languages: BTreeMap<String, BTreeMap<String, String>>) -> Self {
        Self { default, languages }
    }

    /// The language that every missing text falls back to.
    pub fn default_language(&self) -> &str {
        &self.default
    }

    /// The languages there are texts in.
    pub fn languages(&self) -> impl Iterator<Item = &str> {
        self.languages.keys().map(String::as_str)
    }

    /// The language there are texts in for a BCP 47 tag: itself, or its primary language (`ja` for `ja-JP`).
    pub fn offered(&self, tag: &str) -> Option<&str> {
        let primary = tag.split('-').next().unwrap_or_default();
        let found = |wanted: &str| self.languages().find(|language| language.eq_ignore_ascii_case(wanted));
        found(tag).or_else(|| found(primary))
    }

    /// The best language for a BCP 47 tag: the one that is [offered](Self::offered), or the default.
    pub fn negotiate(&self, tag: &str) -> &str {
        self.offered(tag).unwrap_or(&self.default)
    }

    /// The text for `key` in `language`, in the default language, or — when the vendor removed it from both — the
    /// key itself, which a reader can at least report.
    pub fn text<'a>(&'a self, language: &str, key: &'a str) -> &'a str {
        self.find(language, key).unwrap_or(key)
    }

    /// What the product, programme, segment, tax or whatever else of this `kind` has this `id` is called in `language`, where
    /// the vendor says so; else what it is called `otherwise`, in the file that it is from.
    pub fn name<'a>(&'a self, language: &str, kind: &str, id: &str, otherwise: &'a str) -> &'a str {
        self.find(language, &format!("{NAMES}{kind}.{id}")).unwrap_or(otherwise)
    }

    fn find(&self, language: &str, key: &str) -> Option<&str> {
        let of = |language: &str| self.languages.get(language)?.get(key);
        of(language).or_else(|| of(&self.default)).map(String::as_str)
    }

    /// The text with its `{name}` places filled in. What is filled in is never read for places again.
    pub fn fill(&self, language: &str, key: &str, values: &[(&str, &str)]) -> String {
        fill(self.text(language, key), |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }
}

/// Fills the `{name}` places of `text`; a place without a value stays as it is, for all to see.
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

/// The names of the `{name}` places in `text`.
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
    fn r115_a_missing_string_falls_back_and_the_rest_stays() {
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
    fn what_is_filled_in_is_not_read_for_places_again() {
        assert_eq!(wording().fill("en", "hello", &[("name", "{name}")]), "Hello {name}");
        assert_eq!(fill("{unknown} {a", |_| None), "{unknown} {a");
        assert_eq!(places("{a} of {b}"), ["a", "b"]);
    }
}
