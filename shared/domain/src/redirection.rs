//! What could send a reader elsewhere: web addresses, e-mail addresses, and numbers to call or to pay to (C2).
//!
//! Anyone may order in another person's name. Letters and documents repeat the short texts of an order in the vendor's name, beside
//! the vendor's own payment instructions. Therefore, no such text may contain an address or an account of another party.
//!
//! A text is searched as a mail program would read it: a host name is a link there also without `https://`.

use crate::{host::is_within, name::folded, place::is_country};

/// What a text contains that could send its reader elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Redirection {
    /// A web address, as mail programs recognise it. It is in lower case.
    WebAddress(String),
    /// An e-mail address.
    EmailAddress,
    /// An international bank account number (ISO 13616).
    AccountNumber,
    /// As many digits as telephone and account numbers have.
    LongNumber,
}

impl Redirection {
    /// What is wrong with the text, and what to do.
    pub(crate) fn detail(&self) -> String {
        match self {
            Self::WebAddress(found) => format!(
                "Letters repeat this text, so it must not contain a web address: `{found}`. Remove it. If it is none, write a space \
                 after the dot."
            ),
            Self::EmailAddress => {
                "Letters repeat this text, so it must not contain an e-mail address. Remove the address.".to_owned()
            }
            Self::AccountNumber => {
                "Letters repeat this text, so it must not contain an account number. Remove the number.".to_owned()
            }
            Self::LongNumber => {
                "Letters repeat this name, so it must not contain a telephone or account number. Remove the number.".to_owned()
            }
        }
    }
}

/// The digits that a name of an organisation may begin with: a company may be named by its number in a register, as in
/// `1000012345 Ontario Inc.`
const REGISTERED_DIGITS: usize = 10;
/// A number with at least this many digits can be called or paid to.
const LONG: usize = 8;

/// The generic top-level domains that mail programs recognise most often. Countries have two letters. `example` stands for them in
/// documentation.
const TOP_LEVEL: [&str; 48] = [
    "app", "bank", "biz", "blog", "cash", "cc", "click", "cloud", "club", "com", "company", "dev", "edu", "email", "eu",
    "example", "finance", "gov", "help", "icu", "info", "int", "life", "link", "live", "mil", "mobi", "money", "name", "net",
    "online", "org", "page", "pay", "pro", "shop", "site", "space", "store", "support", "tech", "today", "top", "uk", "vip",
    "web", "website", "xyz",
];

/// Abbreviations that are followed by a dot and, in some spellings, by no space: `Dr.Li`, `Co.KG`.
const ABBREVIATIONS: [&str; 27] = [
    "av", "cia", "cie", "co", "corp", "dipl", "dr", "fr", "frl", "gmbh", "hr", "inc", "ing", "ltd", "mag", "mr", "mrs", "ms",
    "no", "nr", "prof", "pte", "pvt", "sdn", "sr", "st", "str",
];

/// What a text on one line contains.
pub(crate) fn in_text(text: &str) -> Option<Redirection> {
    found_in(&folded(text))
}

/// What the name of a person contains.
pub(crate) fn in_name(name: &str) -> Option<Redirection> {
    let name = folded(name);
    found_in(&name).or_else(|| (longest_number(&name).0 >= LONG).then_some(Redirection::LongNumber))
}

/// What the legal name of an organisation contains. The name may begin with a number of the register, and with the domain name of
/// the organisation, `own`: there are companies that are named so.
pub(crate) fn in_legal_name(name: &str, own: Option<&str>) -> Option<Redirection> {
    let name = folded(name);
    let first = name.split_whitespace().next().unwrap_or_default();
    let is_own = own.is_some_and(|own| is_within(&own.to_ascii_lowercase(), trimmed(first)));
    let rest = if is_own { &name[first.len()..] } else { &*name };
    let (digits, begins) = longest_number(&name);
    let registered = begins == 0 && digits <= REGISTERED_DIGITS;
    found_in(rest).or_else(|| (digits >= LONG && !registered).then_some(Redirection::LongNumber))
}

/// What a text contains that is [`folded`] already.
fn found_in(text: &str) -> Option<Redirection> {
    let words = || text.split(|c: char| c.is_whitespace() || ",;()<>[]{}\"'|".contains(c)).map(trimmed);
    words().find_map(address).or_else(|| has_iban(text).then_some(Redirection::AccountNumber))
}

fn trimmed(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// The address that a word is or contains.
fn address(word: &str) -> Option<Redirection> {
    if word.split_once('@').is_some_and(|(mailbox, host)| !mailbox.is_empty() && is_host(trimmed(host))) {
        return Some(Redirection::EmailAddress);
    }
    let begins = |with: &str| word.get(..with.len()).is_some_and(|beginning| beginning == with);
    let is_web = word.contains("://") || begins("www.") || word.split(['/', '\\', ':', '?', '#', '=', '&']).any(is_host);
    is_web.then(|| Redirection::WebAddress(word.to_owned()))
}

/// Whether mail programs take this for a host name.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-');
    let Some((before, top)) = text.rsplit_once('.') else { return false };
    let is_top = TOP_LEVEL.contains(&top) || top.len() == 2 && is_country(&top.to_ascii_uppercase());
    let name = before.rsplit('.').next().unwrap_or_default();
    // One letter is an initial, and digits alone are a part of a reference or of a date.
    let is_name = name.chars().count() > 1 && name.chars().any(char::is_alphabetic);
    let is_abbreviated = before.split('.').all(|label| ABBREVIATIONS.contains(&label));
    is_top && is_name && !is_abbreviated && before.split('.').all(is_label)
}

/// How many digits the longest number in the text has, written with or without separators, and the byte at which it begins.
fn longest_number(text: &str) -> (usize, usize) {
    let (mut longest, mut digits, mut begins) = ((0, 0), 0, 0);
    for (at, c) in text.char_indices() {
        if c.is_numeric() {
            begins = if digits == 0 { at } else { begins };
            digits += 1;
            longest = if digits > longest.0 { (digits, begins) } else { longest };
        } else if !(c.is_whitespace() || "-./()+".contains(c)) {
            digits = 0;
        }
    }
    longest
}

/// Whether the text contains an account number with valid check digits (ISO 13616), with or without spaces.
fn has_iban(text: &str) -> bool {
    let words: Vec<&str> = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    (0..words.len()).any(|first| {
        let mut account = String::new();
        words[first..].iter().any(|word| {
            account += word;
            account.len() <= 34 && is_iban(&account)
        })
    })
}

fn is_iban(account: &str) -> bool {
    let (Some(country), Some(check)) = (account.get(..2), account.get(2..4)) else { return false };
    let shaped = account.len() >= 15 && is_country(&country.to_ascii_uppercase()) && check.bytes().all(|b| b.is_ascii_digit());
    // Letters count as 10 to 35, after the first four characters were moved to the end.
    let remainder = || {
        account.bytes().cycle().skip(4).take(account.len()).fold(0_u32, |sum, byte| match byte {
            b'0'..=b'9' => (sum * 10 + u32::from(byte - b'0')) % 97,
            _ => (sum * 100 + u32::from(byte.to_ascii_lowercase() - b'a') + 10) % 97,
        })
    };
    shaped && remainder() == 1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// C2: addresses and accounts, in the disguises that mail programs see through.
    #[test]
    fn c2_a_text_that_could_send_a_reader_elsewhere_is_recognised() {
        for (text, kind) in [
            ("URGENT: pay at https://evil.example", "web"),
            ("hxxp://evil.example", "web"),
            ("www.evil.zone", "web"),
            ("evil.example", "web"),
            ("see evil-shop.com/pay now", "web"),
            ("(evil.com)", "web"),
            ("ｗｗｗ．ｅｖｉｌ．ｃｏｍ", "web"),
            ("ev\u{AD}il.com", "web"),
            ("bücher.de", "web"),
            ("pay.evil.co.uk", "web"),
            ("Pay at evil.io!", "web"),
            ("write to eve@evil.example", "mail"),
            ("mailto:eve@evil.example", "mail"),
            ("DE89 3704 0044 0532 0130 00", "account"),
            ("IBAN GB82WEST12345698765432", "account"),
            ("new account: nl91-abna-0417-1643-00.", "account"),
        ] {
            let found = match in_text(text) {
                Some(Redirection::WebAddress(_)) => "web",
                Some(Redirection::EmailAddress) => "mail",
                Some(Redirection::AccountNumber) => "account",
                other => panic!("{text}: {other:?}"),
            };
            assert_eq!(found, kind, "{text}");
            assert!(in_name(text).is_some() && in_legal_name(text, None).is_some(), "{text}");
        }
    }

    #[test]
    fn texts_that_are_no_addresses_are_accepted() {
        for text in [
            "",
            "Example Customer Inc.",
            "Example S.p.A.",
            "Example S.A.S. di J.R. Smith & C.",
            "Example GmbH & Co.KG",
            "Example Co.,Ltd.",
            "Example Pte.Ltd.",
            "Dr.Li",
            "J.Li",
            "Prof.Dr. Example-Example",
            "St.Gallen",
            "Av.Example 12",
            "Node.js Example Society",
            "Example @ Work",
            "PO-2026.11.30",
            "REQ.2026.IT",
            "4500123456/10",
            "PO DE 12 3456 7890 1234 5678",
            "12345 Example Street, 1.OG",
            "株式会社例・サンプル",
        ] {
            assert_eq!(in_text(text), None, "{text}");
        }
    }

    #[test]
    fn c2_a_name_has_no_number_to_call_or_to_pay_to() {
        for name in ["Call +1 (800) 555-0100", "Account 12345678", "Eve 0049 30 1234567", "١٢٣٤٥٦٧٨"] {
            assert_eq!(in_name(name), Some(Redirection::LongNumber), "{name}");
            assert_eq!(in_legal_name(name, None), Some(Redirection::LongNumber).filter(|_| name != "١٢٣٤٥٦٧٨"), "{name}");
        }
        assert_eq!(in_name("Purchasing 24/7, unit 1234"), None);
    }

    #[test]
    fn a_company_may_be_named_by_its_number_and_its_own_domain() {
        for name in ["1000012345 Ontario Inc.", "12345678 Canada Ltd.", "3 Example Ltd"] {
            assert_eq!(in_legal_name(name, None), None, "{name}");
        }
        assert_eq!(in_legal_name("Example.com Inc.", Some("example.com")), None);
        assert_eq!(in_legal_name("Example.com, Inc.", Some("mail.EXAMPLE.com")), None);
        for (name, own) in [
            ("Example.com Inc.", None),
            ("Example.com Inc.", Some("elsewhere.example")),
            ("Pay Example.com now", Some("example.com")),
            ("Example.com/pay", Some("example.com")),
        ] {
            assert!(matches!(in_legal_name(name, own), Some(Redirection::WebAddress(_))), "{name}");
        }
        assert_eq!(in_legal_name("123456789012 Example", None), Some(Redirection::LongNumber));
    }

    #[test]
    fn an_account_number_needs_its_check_digits() {
        assert!(is_iban("de89370400440532013000") && !is_iban("de88370400440532013000"));
        assert!(!is_iban("zz89370400440532013000") && !is_iban("de89"));
    }
}
