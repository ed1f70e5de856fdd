//! Reads single members of a request: texts, days, countries, persons. A member that is not valid adds a fault and is `None`.
//! Its JSON pointer is formatted only when there is a fault.

use std::{fmt::Display, ops::RangeInclusive};

use jiff::civil::Date;

use crate::{
    Code,
    fault::Faults,
    name,
    party::{Contact, Email},
    place,
};

/// A person, as sent.
#[derive(Debug, Clone, Default)]
#[allow(missing_docs)]
pub struct ContactRequest {
    pub name: Option<String>,
    pub email: Option<String>,
}

/// Adds the fault of a required member that is missing.
pub(crate) fn required<T>(faults: &mut Faults, pointer: impl Display) -> Option<T> {
    faults.add(Code::Required, pointer, "This member is required: add it.");
    None
}

/// Adds the fault of an unknown choice, and lists the known ones.
pub(crate) fn unknown<'k>(
    faults: &mut Faults,
    code: Code,
    pointer: impl Display,
    what: &str,
    known: impl Iterator<Item = &'k str>,
) {
    let known: Vec<_> = known.collect();
    faults.add_allowing(code, pointer, format!("There is no such {what}. Choose one of: {}.", known.join(", ")), known);
}

/// Items for people, separated by commas.
pub(crate) fn list(items: impl IntoIterator<Item = impl ToString>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// A required text on one line, of at most `longest` characters.
pub(crate) fn text(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>, longest: usize) -> Option<String> {
    match optional_text(faults, pointer, given, longest)? {
        Some(text) => Some(text),
        None => required(faults, pointer),
    }
}

/// A required name of a person or an organisation: a text on one line with a letter or digit that can be seen. A licence states
/// this name.
pub(crate) fn name(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>, longest: usize) -> Option<String> {
    let name = text(faults, pointer, given, longest)?;
    if !name::is_visible(&name) {
        faults.add(Code::ValueInvalid, pointer, "This name has no visible letter or digit. Write the name.");
        return None;
    }
    Some(name)
}

/// An optional text on one line. The outer `None` is a fault, the inner one an absent text.
pub(crate) fn optional_text(
    faults: &mut Faults,
    pointer: impl Display + Copy,
    given: Option<&str>,
    longest: usize,
) -> Option<Option<String>> {
    let unprintable = "This text has a line break or another character that cannot be printed. Write it on one line.";
    bounded(faults, pointer, given, longest, is_plain, unprintable)
}

/// An optional text of several lines. The outer `None` is a fault, the inner one an absent text.
pub(crate) fn optional_lines(
    faults: &mut Faults,
    pointer: impl Display + Copy,
    given: Option<&str>,
    longest: usize,
) -> Option<Option<String>> {
    let plain = |c| is_plain(c) || matches!(c, '\n' | '\r' | '\t');
    bounded(faults, pointer, given, longest, plain, "This text has a character that cannot be printed. Remove the character.")
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
        faults.add(Code::ValueInvalid, pointer, format!("This text is longer than {longest} characters. Shorten it."));
        None
    } else if !given.chars().all(plain) {
        faults.add(Code::ValueInvalid, pointer, unprintable);
        None
    } else {
        Some(Some(given.to_owned()))
    }
}

/// Characters that are invisible. Some of them change how other characters are shown.
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

/// Whether a character may appear in a letter's header, on a document and in a buyer's log. Control characters may not, and
/// neither may characters that make a text look different or hide it: zero-width spaces, soft hyphens, direction marks,
/// overrides and isolates, separators, annotations, tags. Joiners belong to words in some scripts, so they are allowed.
pub(crate) fn is_plain(c: char) -> bool {
    // Most characters are ASCII, where only control characters are not seen.
    !c.is_control() && (c.is_ascii() || !INVISIBLE.iter().any(|range| range.contains(&c)))
}

/// A required day.
pub(crate) fn date(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<Date> {
    match optional_date(faults, pointer, given)? {
        Some(date) => Some(date),
        None => required(faults, pointer),
    }
}

/// An optional day. The outer `None` is a fault, the inner one an absent day.
pub(crate) fn optional_date(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<Option<Date>> {
    let Some(given) = given else { return Some(None) };
    let date = given.trim().parse().ok();
    if date.is_none() {
        faults.add(Code::ValueInvalid, pointer, "This is not a date. Write it as 2027-06-30.");
    }
    date.map(Some)
}

/// A required country. It becomes its ISO 3166-1 alpha-2 code, however it is written: `de`, `DEU`, `Germany`.
pub(crate) fn country(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<String> {
    match optional_country(faults, pointer, given)? {
        Some(country) => Some(country),
        None => required(faults, pointer),
    }
}

/// An optional country. The outer `None` is a fault, the inner one an absent country.
pub(crate) fn optional_country(faults: &mut Faults, pointer: impl Display + Copy, given: Option<&str>) -> Option<Option<String>> {
    let Some(given) = given else { return Some(None) };
    let code = place::country(given);
    if code.is_none() {
        let alike = place::countries_like(given).map(|alike| format!(" Similar names: {alike}.")).unwrap_or_default();
        let detail = format!("This is not a country. Write its ISO 3166 code of two letters, such as `US` or `JP`.{alike}");
        faults.add(Code::CountryUnknown, pointer, detail);
    }
    code.map(Some)
}

/// An optional subdivision of a country. It becomes its ISO 3166-2 code, however it is written: `CA`, `us-ca`, `California`. The
/// outer `None` is a fault, the inner one an absent region.
pub(crate) fn optional_region(
    faults: &mut Faults,
    pointer: impl Display + Copy,
    country: &str,
    given: Option<&str>,
) -> Option<Option<String>> {
    let Some(given) = given.map(str::trim).filter(|given| !given.is_empty()) else { return Some(None) };
    let code = place::subdivision(country, given);
    if code.is_none() {
        let alike = place::subdivisions_like(country, given).map(|alike| format!(" Similar names: {alike}.")).unwrap_or_default();
        let detail = format!("ISO 3166-2 has no such subdivision of {country}. Write it as `{country}-…`.{alike}");
        faults.add(Code::RegionUnknown, pointer, detail);
    }
    code.map(Some)
}

/// A required person with name and e-mail address, at the pointer `at`.
pub(crate) fn contact(faults: &mut Faults, at: impl Display + Copy, given: &ContactRequest) -> Option<Contact> {
    let name = name(faults, format_args!("{at}/name"), given.name.as_deref(), 120);
    let email = match given.email.as_deref().map(str::trim).filter(|email| !email.is_empty()) {
        None => required(faults, format_args!("{at}/email")),
        Some(email) => {
            let email = Email::parse(email);
            if email.is_none() {
                faults.add(
                    Code::EmailInvalid,
                    format_args!("{at}/email"),
                    "This is not an e-mail address. Write it as name@example.com.",
                );
            }
            email
        }
    };
    Some(Contact { name: name?, email: email? })
}
