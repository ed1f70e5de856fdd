//! PDFs, read back as a reader of them finds them.

use lopdf::Document;

/// The pages' texts without white space, because a line may break anywhere between words.
pub fn pages(pdf: &[u8]) -> Vec<String> {
    let document = Document::load_mem(pdf).expect("a PDF");
    document.get_pages().into_keys().map(|page| squeezed(&document.extract_text(&[page]).expect("the page's text"))).collect()
}

/// A text without white space, to be looked for on a page.
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// What a page lacks of `texts`.
pub fn missing<'a>(page: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    texts.into_iter().filter(|text| !page.contains(&squeezed(text))).collect()
}
