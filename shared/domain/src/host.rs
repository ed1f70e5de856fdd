//! Host names, as DNS and mail services accept them: in ASCII.

use std::borrow::Cow;

use idna::AsciiDenyList;

/// The ASCII form of a host name; `None` when the text is no host name with a dot. An internationalised name is converted as
/// browsers do (UTS 46): `bücher.example` becomes `xn--bcher-kva.example`. An ASCII name keeps its case.
pub(crate) fn ascii_host(text: &str) -> Option<Cow<'_, str>> {
    let host = match text.is_ascii() {
        true => Cow::Borrowed(text),
        false => idna::domain_to_ascii_cow(text.as_bytes(), AsciiDenyList::STD3).ok()?,
    };
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    (host.len() <= 253 && host.contains('.') && host.split('.').all(label)).then_some(host)
}

/// Whether a host is this domain or below it. Both are in ASCII and lower case.
pub(crate) fn is_within(host: &str, domain: &str) -> bool {
    host.strip_suffix(domain).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// B27: one ASCII name for every spelling of a host.
    #[test]
    fn b27_an_internationalised_name_becomes_its_ascii_form() {
        for (written, ascii) in [
            ("bücher.example", "xn--bcher-kva.example"),
            ("BU\u{308}CHER.example", "xn--bcher-kva.example"),
            ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
            ("faß.example", "xn--fa-hia.example"),
            ("ｅｘａｍｐｌｅ．ｃｏｍ", "example.com"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
            ("Mail.Example.COM", "Mail.Example.COM"),
        ] {
            assert_eq!(ascii_host(written).as_deref(), Some(ascii), "{written}");
        }
        for no in ["", "bücher", "bü cher.example", "bücher..example", "-b.example", "a\u{202E}b.example", "ü@b.example"] {
            assert_eq!(ascii_host(no), None, "{no}");
        }
        assert_eq!(ascii_host(&format!("{}.example", "ü".repeat(80))), None, "a label is longer than 63 characters");
    }
}
