//! The embedded fonts and a vendor's own; see `fonts/README.md` for what the embedded ones cover.

use std::sync::{Arc, LazyLock};

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

const FILES: [&[u8]; 12] = [
    include_bytes!("../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../fonts/NotoSans-Bold.ttf"),
    include_bytes!("../fonts/NotoSansArabic-Regular.ttf"),
    include_bytes!("../fonts/NotoSansArabic-Bold.ttf"),
    include_bytes!("../fonts/NotoSansHebrew-Regular.ttf"),
    include_bytes!("../fonts/NotoSansHebrew-Bold.ttf"),
    include_bytes!("../fonts/NotoSansThai-Regular.ttf"),
    include_bytes!("../fonts/NotoSansThai-Bold.ttf"),
    include_bytes!("../fonts/NotoSansDevanagari-Regular.ttf"),
    include_bytes!("../fonts/NotoSansDevanagari-Bold.ttf"),
    include_bytes!("../fonts/NotoSansCJKjp-Regular.otf"),
    include_bytes!("../fonts/NotoSansCJKjp-Bold.otf"),
];

/// The fonts of a vendor without own ones. Parsed once for the whole process.
static EMBEDDED: LazyLock<Arc<Fonts>> = LazyLock::new(|| {
    let faces = FILES.map(|file| Font::new(Bytes::new(file), 0).expect("an embedded font is a font"));
    Arc::new(Fonts::of(faces.into()))
});

/// The fonts that a template can use.
pub(crate) struct Fonts {
    pub(crate) book: LazyHash<FontBook>,
    pub(crate) faces: Vec<Font>,
}

impl Fonts {
    /// The embedded fonts after a vendor's own, which are the contents of font files by their names. `Err` has the names of the
    /// files that are no fonts.
    pub(crate) fn with(own: Vec<(String, Vec<u8>)>) -> Result<Arc<Self>, Vec<String>> {
        if own.is_empty() {
            return Ok(EMBEDDED.clone());
        }
        let (mut faces, mut unreadable) = (Vec::new(), Vec::new());
        for (name, file) in own {
            let before = faces.len();
            faces.extend(Font::iter(Bytes::new(file)));
            if faces.len() == before {
                unreadable.push(name);
            }
        }
        faces.extend(EMBEDDED.faces.iter().cloned());
        if unreadable.is_empty() { Ok(Arc::new(Self::of(faces))) } else { Err(unreadable) }
    }

    fn of(faces: Vec<Font>) -> Self {
        Self { book: LazyHash::new(FontBook::from_fonts(&faces)), faces }
    }

    /// Whether a font has a glyph for the character, or the character has none by its nature.
    pub(crate) fn print(&self, c: char) -> bool {
        // Joiners, marks of direction, soft hyphen, byte order mark, variation selectors: they change other characters.
        let invisible = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}');
        invisible || c.is_ascii() || self.faces.iter().any(|font| font.info().coverage.contains(c.into()))
    }
}

impl std::fmt::Debug for Fonts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fonts").field("faces", &self.faces.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b25_the_preview_s_table_says_what_the_fonts_print() {
        let differ = |c: &char| EMBEDDED.print(*c) != domain::printing::is_embedded(*c);
        let different: Vec<_> = ('\u{0}'..='\u{ffff}').filter(differ).map(|c| format!("{:04X}", u32::from(c))).collect();
        assert!(different.is_empty(), "run fonts/printable.py: {different:?}");
    }
}
