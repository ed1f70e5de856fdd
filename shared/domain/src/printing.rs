//! Which characters documents can print. The fonts are in another crate; this is the table of what they have, so that a preview
//! can warn about a name before its document is made.

use std::ops::RangeInclusive;

/// One bit for each character of Unicode's basic plane: whether an embedded font has a glyph for it, or it needs none. A test of
/// the crate with the fonts compares both; `fonts/printable.py` there writes the table.
const EMBEDDED: &[u8; 8192] = include_bytes!("../printable.bits");

/// The characters of a text that a document prints as boxes, each once. `own` are the characters of the vendor's own fonts.
pub fn unprintable(text: &str, own: &[RangeInclusive<char>]) -> Vec<char> {
    let mut missing: Vec<_> =
        text.chars().filter(|c| !is_embedded(*c) && !own.iter().any(|characters| characters.contains(c))).collect();
    missing.sort_unstable();
    missing.dedup();
    missing
}

/// Whether the embedded fonts print a character.
pub fn is_embedded(c: char) -> bool {
    let point = c as usize;
    EMBEDDED.get(point / 8).is_some_and(|byte| byte >> (point % 8) & 1 == 1)
}

/// Reads characters as CSS writes a `unicode-range`: `U+1F980` or `U+0980-09FF`.
pub(crate) fn characters(written: &str) -> Option<RangeInclusive<char>> {
    let character = |digits: &str| u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
    let (first, last) = written.strip_prefix("U+").map(|range| range.split_once('-').unwrap_or((range, range)))?;
    let (first, last) = (character(first)?, character(last)?);
    (first <= last).then_some(first..=last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b25_eight_scripts_are_printed_and_others_are_found() {
        for name in ["Łódź", "Ελλάδα", "Пример", "株式会社 示例 한국", "شركة", "חברה", "บริษัท", "उदाहरण", "‏a‎"]
        {
            assert!(unprintable(name, &[]).is_empty(), "{name}");
        }
        assert_eq!(
            unprintable("🦀 বাংলা 🦀", &[]),
            "লাংব🦀".chars().collect::<std::collections::BTreeSet<_>>().into_iter().collect::<Vec<_>>()
        );
        assert!(unprintable("বাংলা", &[characters("U+0980-09FF").unwrap()]).is_empty());
    }

    #[test]
    fn characters_are_written_as_in_css() {
        assert_eq!(characters("U+0980-09FF"), Some('\u{980}'..='\u{9ff}'));
        assert_eq!(characters("U+1F980"), Some('🦀'..='🦀'));
        for no in ["0980", "U+", "U+09FF-0980", "U+D800", "U+x"] {
            assert_eq!(characters(no), None, "{no}");
        }
    }
}
