//! PDFs, read back as a reader of them finds them.

use lopdf::{Dictionary, Document, Object};

/// The pages' texts without white space, because a line may break anywhere between words.
pub fn pages(pdf: &[u8]) -> Vec<String> {
    let document = Document::load_mem(pdf).expect("a PDF");
    document.get_pages().into_keys().map(|page| squeezed(&document.extract_text(&[page]).expect("the page's text"))).collect()
}

/// The addresses that a click opens.
pub fn links(pdf: &[u8]) -> Vec<String> {
    let document = Document::load_mem(pdf).expect("a PDF");
    let address = |entry: &Dictionary| entry.get(b"URI").and_then(Object::as_str).ok().map(<[u8]>::to_vec);
    let entries = document.objects.values().filter_map(|object| object.as_dict().ok());
    // An action is an object of its own, or a part of its annotation.
    let actions = entries.filter_map(|entry| address(entry).or_else(|| address(entry.get(b"A").ok()?.as_dict().ok()?)));
    actions.map(|address| String::from_utf8(address).expect("an address is ASCII")).collect()
}

/// A text without white space, to be looked for on a page.
pub fn squeezed(text: &str) -> String {
    text.split_whitespace().collect()
}

/// What a page lacks of `texts`.
pub fn missing<'a>(page: &str, texts: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    texts.into_iter().filter(|text| !page.contains(&squeezed(text))).collect()
}
