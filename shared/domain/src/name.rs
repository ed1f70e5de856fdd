//! Texts for comparison. The same name has many spellings in Unicode; each comparison, and each key made of a name, uses the one
//! canonical form that is built here.

use std::ops::RangeInclusive;

use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

/// A legal name in its canonical form. Two names are equal when they differ only in spelling:
///
/// * Unicode's compatibility forms (NFKC): full-width letters, half-width kana, `㈱` and `(株)`, composed or not;
/// * upper and lower case;
/// * white space, including U+3000; beside Chinese, Japanese and Korean characters, white space is not significant;
/// * punctuation that looks alike: dashes, quotation marks, middle dots;
/// * an abbreviated legal form in parentheses: `(株)` and `株式会社`.
///
/// The desk records names as the certificates spell them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LegalName(String);

impl LegalName {
    /// The name that is written like this.
    pub fn new(written: &str) -> Self {
        if written.is_ascii() {
            return Self(spaced(&folded(written)));
        }
        let name = LEGAL_FORMS.iter().fold(folded(written), |name, (short, long)| name.replace(short, long));
        Self(close_up(&spaced(&name)))
    }

    /// The name as storage keys contain it. Equal names have equal keys.
    pub fn key(&self) -> &str {
        &self.0
    }

    /// The key of a name as it was built before names had a canonical form: words in lower case, each separated by one space.
    /// Records that were stored under such a key are still found, and are kept up to date.
    pub fn earlier_key(written: &str) -> String {
        written.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
    }
}

/// The legal forms that are abbreviated in parentheses, after NFKC has made `㈱` of them.
const LEGAL_FORMS: [(&str, &str); 7] = [
    ("(株)", "株式会社"),
    ("(有)", "有限会社"),
    ("(同)", "合同会社"),
    ("(名)", "合名会社"),
    ("(資)", "合資会社"),
    ("(주)", "주식회사"),
    ("(유)", "유한회사"),
];

/// Characters that are invisible, although Unicode counts some of them as letters. Names are compared without them.
const IGNORED: [RangeInclusive<char>; 14] = [
    '\u{AD}'..='\u{AD}',
    '\u{34F}'..='\u{34F}',
    '\u{61C}'..='\u{61C}',
    '\u{115F}'..='\u{1160}',
    '\u{17B4}'..='\u{17B5}',
    '\u{180B}'..='\u{180F}',
    '\u{200B}'..='\u{200F}',
    '\u{202A}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{3164}'..='\u{3164}',
    '\u{FE00}'..='\u{FE0F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFA0}'..='\u{FFA0}',
    '\u{E0000}'..='\u{E0FFF}',
];

/// Whether a text has a letter or a digit that can be seen.
pub(crate) fn is_visible(text: &str) -> bool {
    text.chars().any(|c| c.is_alphanumeric() && !is_ignored(c))
}

/// A text without differences of case, of Unicode's compatibility forms and of punctuation that looks alike.
pub(crate) fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.chars().map(|c| alike(c).to_ascii_lowercase()).collect();
    }
    let nfkc = ComposingNormalizerBorrowed::new_nfkc();
    // Before NFKC, which makes a space and a combining accent of an acute accent. After it, for the forms that NFKC yields.
    let seen: String = text.chars().filter(|c| !is_ignored(*c)).map(alike).collect();
    let folded: String = nfkc.normalize(&seen).chars().map(alike).flat_map(without_case).collect();
    nfkc.normalize(&folded).into_owned()
}

/// The letters and digits of a text, without accents and case: what remains when a name is typed on another keyboard.
pub(crate) fn letters(text: &str) -> String {
    let decomposed = DecomposingNormalizerBorrowed::new_nfkd();
    decomposed.normalize(text).chars().filter(|c| c.is_alphanumeric()).flat_map(without_case).collect()
}

/// Full case folding: `ß`, `ẞ` and `SS` are equal, and so are `σ` and `ς`. Unicode folds the dotless `ı` to itself.
fn without_case(c: char) -> impl Iterator<Item = char> {
    let kept = (c == 'ı').then_some(c);
    let upper = (c != 'ı').then(|| c.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    kept.into_iter().chain(upper.into_iter().flatten())
}

fn is_ignored(c: char) -> bool {
    IGNORED.iter().any(|range| range.contains(&c))
}

/// One character for all those that look like it.
fn alike(c: char) -> char {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{2E3A}' | '\u{2E3B}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}' => '-',
        '`' | '´' | 'ʹ' | 'ʻ' | 'ʼ' | 'ʽ' | '‘' | '’' | '‚' | '‛' | '′' | '‹' | '›' | '＇' | '｀' => '\'',
        '“' | '”' | '„' | '‟' | '″' | '«' | '»' | '〝' | '〞' | '〟' | '＂' => '"',
        '•' | '‧' | '∙' | '⋅' | '・' | '･' | '\u{387}' => '·',
        '⁄' | '∕' | '／' => '/',
        '〜' | '～' | '∼' => '~',
        _ => c,
    }
}

/// The words of a text, each separated by one space.
fn spaced(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text without the spaces that stand beside a Chinese, Japanese or Korean character.
fn close_up(text: &str) -> String {
    let mut closed = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(c) = characters.next() {
        let beside = closed.chars().next_back().is_some_and(is_cjk) || characters.peek().copied().is_some_and(is_cjk);
        if c != ' ' || !beside {
            closed.push(c);
        }
    }
    closed
}

fn is_cjk(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3041}'..='\u{30FF}' | '\u{3400}'..='\u{9FFF}' | '\u{AC00}'..='\u{D7A3}'
        | '\u{20000}'..='\u{3FFFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B24: every way to write the same legal name.
    #[test]
    fn b24_a_name_is_the_same_name_in_each_spelling() {
        for (one, other) in [
            ("Example  Customer Inc.", "example customer INC."),
            ("Bücher Straße", "Bu\u{308}cher STRASSE"),
            ("GROẞ & Söhne", "gross ＆ so\u{308}hne"),
            ("ΟΔΟΣ", "οδος"),
            ("Ｅｘａｍｐｌｅ　Ｉｎｃ．", "Example Inc."),
            ("Example\u{A0}Customer\u{3000}Inc.", "Example Customer Inc."),
            ("株式会社　例", "株式会社例"),
            ("㈱例", "(株)例"),
            ("㈱例", "㍿例"),
            ("（株）例", "株式会社 例"),
            ("例㈲", "例 有限会社"),
            ("㈜예시", "주식회사 예시"),
            ("ｶﾞﾗｽ工業", "ガラス工業"),
            ("カ\u{3099}ラス工業", "ガラス工業"),
            ("Smith–Jones", "Smith-Jones"),
            ("Smith\u{2011}Jones", "Smith－Jones"),
            ("O’Example", "O'Example"),
            ("O´Example", "O`Example"),
            ("“Example”", "\"Example\""),
            ("アン・サンブル", "ｱﾝ･ｻﾝﾌﾞﾙ"),
            ("葛\u{E0100}城", "葛城"),
            ("Exam\u{AD}ple", "Example"),
        ] {
            assert_eq!(LegalName::new(one), LegalName::new(other), "{one} {other}");
            assert_eq!(LegalName::new(one).key(), LegalName::new(other).key());
        }
    }

    #[test]
    fn names_that_differ_in_a_letter_a_mark_or_a_word_are_different() {
        for (one, other) in [
            ("Example Customer Inc.", "Example Customer"),
            ("Cee Co.", "Cee Co"),
            ("Example Customer", "ExampleCustomer"),
            ("Bücher", "Bucher"),
            ("株式会社例", "例株式会社"),
            ("カラス工業", "ガラス工業"),
            ("ビル", "ヒル"),
            ("Ikı", "Iki"),
        ] {
            assert_ne!(LegalName::new(one), LegalName::new(other), "{one} {other}");
        }
    }

    #[test]
    fn the_canonical_form_is_stable_and_as_before_for_a_plain_name() {
        for name in ["Example  Customer Inc.", "㈱例", "Bu\u{308}cher STRASSE", "ΐ Α\u{345}", "ﷺ", "①②Ⅳ"] {
            let once = LegalName::new(name);
            assert_eq!(LegalName::new(once.key()), once, "{name}");
        }
        assert_eq!(LegalName::new(" Example  Agency").key(), "example agency");
        assert_eq!(LegalName::earlier_key(" Example  Agency"), "example agency");
        assert_eq!(LegalName::earlier_key("㈱ 例"), "㈱ 例");
    }

    /// B30: U+3164 is a letter for Unicode, and blank on paper.
    #[test]
    fn b30_a_blank_text_is_not_visible() {
        for no in ["", " ", "\u{3164}", "\u{115F}\u{1160}", "\u{FFA0}", "\u{2800}", "\u{17B4}\u{17B5}", "\u{301}", "...", "🍕"]
        {
            assert!(!is_visible(no), "{no:?}");
        }
        for yes in ["3", "例", "ㅎ", "ア", "Ж", "ا", "Example"] {
            assert!(is_visible(yes), "{yes}");
        }
    }

    #[test]
    fn letters_have_no_accents() {
        assert_eq!(letters("Île-de-France"), letters("ile de france"));
        assert_eq!(letters("Tōkyō"), "tokyo");
        assert_eq!(letters("Straße"), "strasse");
    }
}
