//! Names of countries and regions in the reader's language, and addresses in the format of their country.

use domain::{Policy, party::Address};
use icu_locale::{Locale, names::RegionDisplayName, subtags::Region};

/// The names of ISO 3166-2, which `build.rs` extracts from a library: one code and its name per line.
const REGIONS: &str = include_str!(concat!(env!("OUT_DIR"), "/regions"));

/// Names and address formats for a reader of `language`. The vendor's own names for regions take precedence.
#[derive(Clone, Copy)]
pub(crate) struct Gazetteer<'a> {
    pub(crate) policy: &'a Policy,
    pub(crate) language: &'a str,
}

impl Gazetteer<'_> {
    /// The name of a country or region: `DE`, `US-NY`. A code without a name is returned unchanged.
    pub(crate) fn name(self, code: &str) -> String {
        if code.contains('-') { self.region(code).to_owned() } else { self.country(code) }
    }

    /// The country's name of the Unicode consortium (CLDR): the common name, not the official one.
    fn country(self, code: &str) -> String {
        let called = |language: &str| {
            let (locale, region): (Locale, Region) = (language.parse().ok()?, code.parse().ok()?);
            RegionDisplayName::try_new_light(locale.into(), region).ok().map(|name| name.to_string())
        };
        let default = self.policy.wording.default_language();
        called(self.language).or_else(|| called(default)).unwrap_or_else(|| code.to_owned())
    }

    fn region<'n>(self, code: &'n str) -> &'n str
    where
        Self: 'n,
    {
        let iso = REGIONS.lines().filter_map(|line| line.split_once('\t')).find(|(known, _)| *known == code);
        self.policy.wording.name(self.language, "region", code, iso.map_or(code, |(_, name)| name))
    }

    /// An address, line by line, from the street to the country.
    pub(crate) fn lines(self, address: &Address) -> Vec<String> {
        let region = address.region.as_deref();
        let named = region.map(|code| self.region(code));
        // The post office's abbreviation: the code without the country.
        let short = region.map(|code| code.split_once('-').map_or(code, |(_, short)| short));
        let (city, postal) = (Some(&*address.city), address.postal_code.as_deref());
        if address.country == "JP" && self.language.starts_with("ja") {
            let mark = postal.map(|code| format!("〒{code}"));
            let place = [named, city].into_iter().flatten().collect();
            return mark.into_iter().chain([place, address.street.clone(), self.country("JP")]).collect();
        }
        let city = match &*address.country {
            "US" | "CA" if region.is_some() => joined(", ", [city, joined(" ", [short, postal]).as_deref()]),
            "JP" if region.is_some() => joined(", ", [city, joined(" ", [named, postal]).as_deref()]),
            "AU" | "CA" | "JP" | "US" => joined(" ", [city, short, postal]),
            "IN" => joined(", ", [joined(" ", [city, postal]).as_deref(), named]),
            "BR" | "CN" | "MX" => joined(", ", [joined(" ", [postal, city]).as_deref(), named]),
            "GB" | "GG" | "ID" | "IE" | "IM" | "JE" | "KR" | "NZ" | "SG" | "TH" | "TW" | "ZA" => joined(" ", [city, postal]),
            _ => joined(" ", [postal, city]),
        };
        [Some(address.street.clone()), city, Some(self.country(&address.country))].into_iter().flatten().collect()
    }
}

/// The parts that are present, separated by `between`.
fn joined<const N: usize>(between: &str, parts: [Option<&str>; N]) -> Option<String> {
    let parts: Vec<_> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join(between))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a missing value fails the test")]
mod tests {
    use std::{collections::BTreeMap, fs, path::Path};

    use super::*;

    /// The example vendor's policy, whose Japanese has names for the prefectures.
    fn policy() -> Policy {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/vendor");
        let toml = |folder: &str| {
            let files = fs::read_dir(root.join(folder)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
            let names: Vec<_> = files.filter(|name| name.ends_with(".toml")).map(|name| format!("{folder}{name}")).collect();
            names.into_iter().map(|name| (name.clone(), fs::read_to_string(root.join(&name)).unwrap()))
        };
        let files: BTreeMap<_, _> = toml("").chain(toml("languages/")).collect();
        Policy::read(&files).unwrap_or_else(|mistakes| panic!("{mistakes}"))
    }

    fn address(street: &str, city: &str, postal_code: &str, place: &str) -> Address {
        let postal_code = (!postal_code.is_empty()).then(|| postal_code.to_owned());
        let (street, city, country) = (street.to_owned(), city.to_owned(), place[..2].to_owned());
        Address { street, city, postal_code, region: (place.len() > 2).then(|| place.to_owned()), country }
    }

    #[test]
    fn an_address_is_written_as_in_its_country_and_ends_with_its_name() {
        let policy = policy();
        for (street, city, postal_code, place, written) in [
            ("2 Sample Avenue", "San Francisco", "94105", "US-CA", "San Francisco, CA 94105|United States"),
            ("2 Sample Avenue", "San Francisco", "", "US-CA", "San Francisco, CA|United States"),
            ("2 Sample Avenue", "San Francisco", "94105", "US", "San Francisco 94105|United States"),
            ("1 rue Exemple", "Montréal", "H2X 1Y4", "CA-QC", "Montréal, QC H2X 1Y4|Canada"),
            ("1 Example Street", "Sydney", "2000", "AU-NSW", "Sydney NSW 2000|Australia"),
            ("1 Example Street", "London", "EX1 1EX", "GB-ENG", "London EX1 1EX|United Kingdom"),
            ("Beispielweg 1", "Berlin", "10115", "DE-BE", "10115 Berlin|Germany"),
            ("Beispielweg 1", "Berlin", "", "DE", "Berlin|Germany"),
            ("1-1 Marunouchi", "Chiyoda-ku", "100-0005", "JP-13", "Chiyoda-ku, Tokyo 100-0005|Japan"),
            ("1 Example Road", "Mumbai", "400001", "IN-MH", "Mumbai 400001, Mahārāshtra|India"),
            ("Rua Exemplo 1", "Campinas", "13010-000", "BR-SP", "13010-000 Campinas, São Paulo|Brazil"),
        ] {
            let lines = Gazetteer { policy: &policy, language: "en" }.lines(&address(street, city, postal_code, place));
            assert_eq!(lines.join("|"), format!("{street}|{written}"), "{place}");
        }
    }

    #[test]
    fn a_japanese_address_begins_with_its_postal_code_for_a_japanese_reader() {
        let policy = policy();
        let japanese = Gazetteer { policy: &policy, language: "ja" };
        let tokyo = address("丸の内1丁目1番1号", "千代田区", "100-0005", "JP-13");
        assert_eq!(japanese.lines(&tokyo), ["〒100-0005", "東京都千代田区", "丸の内1丁目1番1号", "日本"]);
        let berlin = address("Beispielweg 1", "Berlin", "10115", "DE");
        assert_eq!(japanese.lines(&berlin), ["Beispielweg 1", "10115 Berlin", "ドイツ"]);
    }

    #[test]
    fn every_country_has_a_name_in_every_language_and_a_region_at_least_in_its_own() {
        let policy = policy();
        let name = |language, code| Gazetteer { policy: &policy, language }.name(code);
        assert_eq!(
            (name("en", "DE"), name("ja", "DE"), name("de", "DE")),
            ("Germany".into(), "ドイツ".into(), "Deutschland".into())
        );
        assert_eq!((name("en", "US-NY"), name("ja", "US-NY")), ("New York".into(), "New York".into()));
        assert_eq!((name("en", "JP-13"), name("ja", "JP-13")), ("Tokyo".into(), "東京都".into()));
        assert_eq!(name("tlh", "DE"), "Germany", "a language without names falls back to the vendor's language");
        let countries = rust_iso3166::ALL_ALPHA2;
        let unnamed: Vec<_> =
            ["en", "ja"].iter().flat_map(|language| countries.iter().filter(|code| name(language, code) == ***code)).collect();
        assert!(countries.len() > 240 && unnamed.is_empty(), "{unnamed:?}");
    }
}
