//! Members as they are sent, one by one: what every form asks of a text, a day, a country, a person. A member that is not
//! as it should be is noted, and is `None`. Where it is, its JSON pointer, is only written down then.

use std::{fmt::Display, ops::RangeInclusive};

use jiff::civil::Date;

use crate::{
    Code,
    fault::Faults,
    party::{Contact, Email},
    place,
};

/// A person as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct ContactRequest {
    pub name: Option<String>,
    pub email: Option<String>,
}

/// Something that must be there and is not.
pub(crate) fn required<T>(faults: &mut Faults, pointer: impl Display) -> Option<T> {
    faults.add(Code::Required, pointer, "This is required.");
    None
}

/// A choice that there is not, with those that there are.
pub(crate) fn unknown<'k>(
    faults: &mut Faults,
    code: Code,
    pointer: impl Display,
    what: &str,
    known: impl Iterator<Item = &'k str>,
) {
    faults.add(code, pointer, format!("There is no such {what}. There are: {}.", list(known)));
}

/// Items for people, one after the other.
pub(crate) fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// A text on one line.
pub(crate) fn text(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>, longest: usize) -> Option<String> {
    match optional_text(faults, pointer, given, longest)? {
        Some(text) => Some(text),
        None => required(faults, pointer),
    }
}

/// A text on one line. The outer `None` is a fault; the inner, a text that was not given.
pub(crate) fn optional_text(
    faults: &mut Faults,
    pointer: impl Display + Copy,
    given: Option<&str>,
    longest: usize,
) -> Option<Option<String>> {
    let unprintable = "This has a line break or another character that cannot be printed. Write it on one plain line.";
    bounded(faults, pointer, given, longest, is_plain, unprintable)
}

/// A text of any lines. The outer `None` is a fault; the inner, a text that was not given.
pub(crate) fn optional_lines(
    faults: &mut Faults,
    pointer: impl Display + Copy,
    given: Option<&str>,
    longest: usize,
) -> Option<Option<String>> {
    let plain = |c| is_plain(c) || matches!(c, '\n' | '\r' | '\t');
    bounded(faults, pointer, given, longest, plain, "This has a character that cannot be printed: remove it.")
}

fn bounded(
    faults: &mut Faults,
    pointer: impl Display + Copy,
    given: Option<&str>,
    longest: usize,
    plain: impl Fn(char) -> bool,
    unprintable: &str,
) -> Option<Option<String>> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else { return Some(None) };
    if given.chars().count() > longest {
        faults.add(Code::ValueInvalid, pointer, format!("This is longer than {longest} characters."));
        None
    } else if !given.chars().all(plain) {
        faults.add(Code::ValueInvalid, pointer, unprintable);
        None
    } else {
        Some(Some(given.to_owned()))
    }
}

/// Characters that are not seen themselves, and some of which change how others are seen.
const INVISIBLE: [RangeInclusive<char>; 9] = [
    '\u{AD}'..='\u{AD}',
    '\u{61C}'..='\u{61C}',
    '\u{200B}'..='\u{200B}',
    '\u{200E}'..='\u{200F}',
    '\u{2028}'..='\u{202E}',
    '\u{2060}'..='\u{206F}',
    '\u{FEFF}'..='\u{FEFF}',
    '\u{FFF9}'..='\u{FFFB}',
    '\u{E0000}'..='\u{E007F}',
];

/// What can stand in a letter's header, on a document and in a log of the buyer's: no control character, and none that
/// makes a text look other than it is, or makes nothing look like something: zero-width spaces, soft hyphens, direction
/// marks, overrides and isolates, separators, annotations, tags. Joiners belong to words in some scripts, and stay.
pub(crate) fn is_plain(c: char) -> bool {
    !c.is_control() && !INVISIBLE.iter().any(|range| range.contains(&c))
}

/// A day.
pub(crate) fn date(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<Date> {
    match optional_date(faults, pointer, given)? {
        Some(date) => Some(date),
        None => required(faults, pointer),
    }
}

/// A day. The outer `None` is a fault; the inner, a day that was not given.
pub(crate) fn optional_date(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<Option<Date>> {
    let Some(given) = given else { return Some(None) };
    let date = given.trim().parse().ok();
    if date.is_none() {
        faults.add(Code::ValueInvalid, pointer, "Write the date as 2027-06-30.");
    }
    date.map(Some)
}

/// A country of ISO 3166-1.
pub(crate) fn country(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<String> {
    match optional_country(faults, pointer, given)? {
        Some(country) => Some(country),
        None => required(faults, pointer),
    }
}

/// A country. The outer `None` is a fault; the inner, a country that was not given.
pub(crate) fn optional_country(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<Option<String>> {
    let Some(code) = given else { return Some(None) };
    if !place::is_country(code) {
        let detail = "Give the country as two capital letters of ISO 3166, such as `US` or `JP`.";
        faults.add(Code::CountryUnknown, pointer, detail);
        return None;
    }
    Some(Some(code.to_owned()))
}

/// A subdivision of a country by ISO 3166-2, with or without its country: `CA` and `US-CA` are the same. The outer `None`
/// is a fault; the inner, a region that was not given.
pub(crate) fn optional_region(
    faults: &mut Faults,
    pointer: impl Display + Copy,
    country: &str,
    given: Option<&str>,
) -> Option<Option<String>> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else { return Some(None) };
    let code = if given.starts_with(&format!("{country}-")) { given.to_owned() } else { format!("{country}-{given}") };
    if !place::is_subdivision(&code) {
        let detail = format!("ISO 3166-2 has no such subdivision of {country}. Write it as `{country}-…`.");
        faults.add(Code::RegionUnknown, pointer, detail);
        return None;
    }
    Some(Some(code))
}

/// A person, at `at`.
pub(crate) fn contact(faults: &mut Faults, at: impl Display + Copy, given: &ContactRequest) -> Option<Contact> {
    let name = text(faults, format_args!("{at}/name"), given.name.as_deref(), 120);
    let email = match given.email.as_deref().map(str::trim).filter(|email| !email.is_empty()) {
        None => required(faults, format_args!("{at}/email")),
        Some(email) => {
            let email = Email::parse(email);
            if email.is_none() {
                faults.add(
                    Code::EmailInvalid,
                    format_args!("{at}/email"),
                    "This is not an e-mail address such as name@example.com.",
                );
            }
            email
        }
    };
    Some(Contact { name: name?, email: email? })
}
