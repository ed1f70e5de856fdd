//! The country and subdivision codes of ISO 3166, which `build.rs` takes from a library.

const COUNTRIES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/countries"));
const SUBDIVISIONS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/subdivisions"));

/// Whether ISO 3166-1 has this alpha-2 code, in capital letters: `US`.
pub(crate) fn is_country(code: &str) -> bool {
    is_among::<2>(COUNTRIES, code)
}

/// Whether ISO 3166-2 has this code: `US-CA`.
pub(crate) fn is_subdivision(code: &str) -> bool {
    is_among::<6>(SUBDIVISIONS, code)
}

fn is_among<const WIDTH: usize>(codes: &[u8], code: &str) -> bool {
    let (codes, _) = codes.as_chunks::<WIDTH>();
    codes.binary_search_by(|known| known.trim_ascii_end().cmp(code.as_bytes())).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn countries_are_those_of_iso_3166_1() {
        assert_eq!(COUNTRIES.len(), 249 * 2);
        assert!(["AD", "DE", "GB", "JP", "US", "ZW"].iter().all(|code| is_country(code)));
        assert!(["", "D", "UK", "us", "USA", "ZZ", "DE "].iter().all(|code| !is_country(code)));
    }

    #[test]
    fn subdivisions_are_those_of_iso_3166_2_whatever_their_length() {
        assert!(["AD-02", "GB-ENG", "JP-13", "SE-O", "US-CA", "ZW-MW"].iter().all(|code| is_subdivision(code)));
        assert!(["", "US", "US-", "US-ZZ", "us-ca", "US-CAL", "SE-O ", "SE-O  "].iter().all(|code| !is_subdivision(code)));
    }
}
