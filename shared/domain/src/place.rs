//! The country and subdivision codes of ISO 3166, which `build.rs` takes from a library, and how people and payment services
//! write them.

use crate::name::letters;

const COUNTRIES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/countries"));
const SUBDIVISIONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/subdivisions"));
/// Lines of alpha-2 code, alpha-3 code and English name: `US|USA|United States of America`.
const COUNTRY_NAMES: &str = include_str!(concat!(env!("OUT_DIR"), "/country-names"));
/// Lines of code and name, of the countries whose addresses usually have one: `US-CA|California`.
const SUBDIVISION_NAMES: &str = include_str!(concat!(env!("OUT_DIR"), "/subdivision-names"));

/// Codes that are not ISO 3166-1 and stand for one of its countries: reserved codes, and the prefixes of VAT ids.
const OTHER_CODES: [(&str, &str); 7] =
    [("UK", "GB"), ("XI", "GB"), ("EL", "GR"), ("AC", "SH"), ("TA", "SH"), ("EA", "ES"), ("IC", "ES")];

/// Common English names that the standard does not have, without spaces and case.
const OTHER_NAMES: [(&str, &str); 32] = [
    ("america", "US"),
    ("bolivia", "BO"),
    ("britain", "GB"),
    ("brunei", "BN"),
    ("burma", "MM"),
    ("capeverde", "CV"),
    ("czechrepublic", "CZ"),
    ("democraticrepublicofthecongo", "CD"),
    ("easttimor", "TL"),
    ("england", "GB"),
    ("greatbritain", "GB"),
    ("holland", "NL"),
    ("ivorycoast", "CI"),
    ("laos", "LA"),
    ("macau", "MO"),
    ("macedonia", "MK"),
    ("northernireland", "GB"),
    ("northkorea", "KP"),
    ("palestine", "PS"),
    ("republicofireland", "IE"),
    ("republicofkorea", "KR"),
    ("russia", "RU"),
    ("scotland", "GB"),
    ("southkorea", "KR"),
    ("swaziland", "SZ"),
    ("syria", "SY"),
    ("turkey", "TR"),
    ("unitedkingdom", "GB"),
    ("unitedstates", "US"),
    ("vatican", "VA"),
    ("vietnam", "VN"),
    ("wales", "GB"),
];

/// The most codes that a refusal suggests.
const SUGGESTED: usize = 5;

/// Whether this is an alpha-2 code in capital letters: `US`. ISO 3166-1's, or `XK`, which post and payment services use.
pub(crate) fn is_country(code: &str) -> bool {
    is_among::<2>(COUNTRIES, code)
}

/// Whether this is a code of ISO 3166-2: `US-CA`, or of the United States' military addresses: `US-AE`.
pub(crate) fn is_subdivision(code: &str) -> bool {
    is_among::<6>(SUBDIVISIONS, code)
}

fn is_among<const WIDTH: usize>(codes: &[u8], code: &str) -> bool {
    let (codes, _) = codes.as_chunks::<WIDTH>();
    codes.binary_search_by(|known| known.trim_ascii_end().cmp(code.as_bytes())).is_ok()
}

/// The alpha-2 code of a country as people and payment services write it: `de`, `DEU`, `UK`, `Germany`.
pub(crate) fn country(written: &str) -> Option<String> {
    let code = written.trim().to_ascii_uppercase();
    let other = OTHER_CODES.iter().find(|(other, _)| *other == code).map(|(_, code)| *code);
    if let Some(code) = other {
        return Some(code.to_owned());
    }
    if is_country(&code) {
        return Some(code);
    }
    let name = letters(written);
    let name = name.strip_prefix("the").filter(|rest| rest.len() > 3).unwrap_or(&name);
    let named =
        |(alpha2, alpha3, known): (&'static str, &str, &str)| (alpha3 == code || is_called(known, name)).then_some(alpha2);
    let other = OTHER_NAMES.iter().find(|(other, _)| *other == name).map(|(_, code)| *code);
    other.or_else(|| only(country_names().filter_map(named))).map(str::to_owned)
}

/// The code of a country's subdivision as people and payment services write it, with or without the country: `US-CA`, `ca`,
/// `us-ca`, `California`.
pub(crate) fn subdivision(country_code: &str, written: &str) -> Option<String> {
    let code = written.trim().to_ascii_uppercase();
    let bare = match code.split_once(['-', ' ', '_']) {
        Some((prefix, bare)) if country(prefix).as_deref() == Some(country_code) => bare,
        _ => &code,
    };
    let code = format!("{country_code}-{bare}");
    if is_subdivision(&code) {
        return Some(code);
    }
    let name = letters(written);
    // Spain has an autonomous community `Asturias, Principado de` and a province `Asturias`.
    let exactly = subdivision_names(country_code).find(|(_, known)| !name.is_empty() && letters(known) == name);
    let called = || subdivision_names(country_code).filter(|(_, known)| is_called(known, &name)).map(|(code, _)| code);
    exactly.map(|(code, _)| code).or_else(|| only(called())).map(str::to_owned)
}

/// The codes of countries whose names begin like a text that is no country, each with its name: `DE` (Germany).
pub(crate) fn countries_like(written: &str) -> Option<String> {
    suggested(written, country_names().map(|(code, _, name)| (code, name)))
}

/// The codes of a country's subdivisions whose names begin like a text that is no subdivision, each with its name.
pub(crate) fn subdivisions_like(country_code: &str, written: &str) -> Option<String> {
    suggested(written, subdivision_names(country_code))
}

fn country_names() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    COUNTRY_NAMES.lines().filter_map(|line| {
        let (alpha2, rest) = line.split_once('|')?;
        let (alpha3, name) = rest.split_once('|')?;
        Some((alpha2, alpha3, name))
    })
}

fn subdivision_names(country_code: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    let names = SUBDIVISION_NAMES.lines().filter_map(|line| line.split_once('|'));
    names.filter(move |(code, _)| code.starts_with(country_code))
}

/// Whether a place is called `name`, which has letters only. The standard puts what is usually left out behind a comma or in
/// parentheses: `Moldova (Republic of)`.
fn is_called(known: &str, name: &str) -> bool {
    let short = known.split_once([',', '(']).map_or(known, |(short, _)| short);
    !name.is_empty() && (letters(known) == name || letters(short) == name)
}

/// The only item; `None` if there are others that differ. Two countries are called Korea.
fn only(mut found: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let first = found.next()?;
    found.all(|other| other == first).then_some(first)
}

fn suggested(written: &str, names: impl Iterator<Item = (&'static str, &'static str)>) -> Option<String> {
    let start: String = letters(written).chars().take(4).collect();
    let alike = names.filter(|(_, name)| start.chars().count() > 2 && letters(name).starts_with(&start));
    let alike: Vec<_> = alike.take(SUGGESTED).map(|(code, name)| format!("`{code}` ({name})")).collect();
    (!alike.is_empty()).then(|| alike.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_those_of_iso_3166_1_and_kosovo() {
        assert_eq!(COUNTRIES.len(), 250 * 2);
        assert!(["AD", "DE", "GB", "JP", "US", "XK", "ZW"].iter().all(|code| is_country(code)));
        assert!(["", "D", "UK", "us", "USA", "ZZ", "DE "].iter().all(|code| !is_country(code)));
    }

    #[test]
    fn subdivisions_are_those_of_iso_3166_2_whatever_their_length() {
        assert!(["AD-02", "GB-ENG", "JP-13", "SE-O", "US-CA", "US-AE", "ZW-MW"].iter().all(|code| is_subdivision(code)));
        assert!(["", "US", "US-", "US-ZZ", "us-ca", "US-CAL", "SE-O ", "SE-O  "].iter().all(|code| !is_subdivision(code)));
    }

    /// B26: countries as people and payment services write them.
    #[test]
    fn b26_a_country_is_read_in_each_way_people_write_it() {
        for (written, code) in [
            ("XK", "XK"),
            ("UK", "GB"),
            ("EL", "GR"),
            ("el", "GR"),
            (" de ", "DE"),
            ("USA", "US"),
            ("deu", "DE"),
            ("United States", "US"),
            ("The Netherlands", "NL"),
            ("United Kingdom", "GB"),
            ("Cote d’Ivoire", "CI"),
            ("TÜRKIYE", "TR"),
            ("South Korea", "KR"),
            ("Moldova", "MD"),
            ("Kosovo", "XK"),
            ("Thailand", "TH"),
        ] {
            assert_eq!(country(written).as_deref(), Some(code), "{written}");
        }
        for no in ["", "ZZ", "Korea", "Congo", "Germ", "Atlantis", "ES-B"] {
            assert_eq!(country(no), None, "{no}");
        }
        for (code, alpha3, name) in country_names() {
            assert_eq!(country(alpha3).as_deref(), Some(code));
            assert!(name == "Congo" || country(name).as_deref() == Some(code), "{name}: two countries are called Congo");
        }
        assert!(OTHER_NAMES.iter().chain(&OTHER_CODES).all(|(_, code)| is_country(code)));
        assert!(OTHER_CODES.iter().all(|(other, _)| !is_country(other)));
    }

    /// B26: regions as people and payment services write them.
    #[test]
    fn b26_a_region_is_read_in_each_way_people_write_it() {
        for (of, written, code) in [
            ("US", "AE", "US-AE"),
            ("US", "us-aa", "US-AA"),
            ("US", "AP", "US-AP"),
            ("US", "us-ca", "US-CA"),
            ("US", "California", "US-CA"),
            ("US", " new york ", "US-NY"),
            ("US", "Virginia", "US-VA"),
            ("CA", "Québec", "CA-QC"),
            ("JP", "Tōkyō", "JP-13"),
            ("JP", "13", "JP-13"),
            ("GB", "UK-ENG", "GB-ENG"),
            ("AU", "nsw", "AU-NSW"),
            ("ES", "Asturias", "ES-O"),
            ("ES", "Asturias, Principado de", "ES-AS"),
            ("DE", "Baden Wurttemberg", "DE-BW"),
        ] {
            assert_eq!(subdivision(of, written).as_deref(), Some(code), "{written}");
        }
        for (of, no) in [("US", ""), ("US", "ON"), ("CA", "US-CA"), ("US", "Calif"), ("XK", "XK"), ("JP", "California")] {
            assert_eq!(subdivision(of, no), None, "{no}");
        }
    }

    #[test]
    fn a_refusal_suggests_places_with_names_that_begin_alike() {
        assert_eq!(countries_like("Germny").as_deref(), Some("`DE` (Germany)"));
        assert_eq!(subdivisions_like("US", "Calif.").as_deref(), Some("`US-CA` (California)"));
        assert_eq!(countries_like("ZZ"), None);
        assert_eq!(subdivisions_like("US", "North").unwrap().matches("US-").count(), 3, "{:?}", subdivisions_like("US", "North"));
    }
}
