//! The embedded fonts; see `fonts/README.md` for what they cover.

use std::sync::LazyLock;

use typst::foundations::Bytes;
use typst::text::{Font, FontBook};
use typst::utils::LazyHash;

const FILES: [&[u8]; 4] = [
    include_bytes!("../fonts/NotoSans-Regular.ttf"),
    include_bytes!("../fonts/NotoSans-Bold.ttf"),
    include_bytes!("../fonts/NotoSansCJKjp-Regular.otf"),
    include_bytes!("../fonts/NotoSansCJKjp-Bold.otf"),
];

/// The fonts a template can use. Parsed once for the whole process.
pub(crate) static FONTS: LazyLock<Fonts> = LazyLock::new(|| {
    let faces = FILES.map(|file| Font::new(Bytes::new(file), 0).expect("an embedded font is a font"));
    Fonts { book: LazyHash::new(FontBook::from_fonts(&faces)), faces }
});

pub(crate) struct Fonts {
    pub(crate) book: LazyHash<FontBook>,
    pub(crate) faces: [Font; FILES.len()],
}
