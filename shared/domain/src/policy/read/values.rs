//! Reads values that several files have: ids, names from a list, currencies, countries, amounts, percentages, days.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    ops::RangeInclusive,
};

use jiff::civil::Date;
use rust_decimal::Decimal;
use toml::{Spanned, value::Datetime};

use super::source::{Place, Reader};
use crate::{
    Currency,
    money::Percent,
    place,
    policy::{LineKind, Period},
};

/// A text with its place.
pub(super) type Text = Spanned<String>;

/// Several texts, with the place of the list.
pub(super) type Texts = Spanned<Vec<Text>>;

/// A day with its place. [`Reader::date`] checks that it is a day.
pub(super) type Day = Spanned<Datetime>;

/// The kinds of order by their names.
pub(super) fn kinds() -> [(&'static str, LineKind); 6] {
    LineKind::ALL.map(|kind| (kind.as_str(), kind))
}

/// Values that follow one another in time: prices of one product, rates of one tax.
#[derive(Default)]
pub(super) struct Series {
    /// The days of each value, with its place.
    pub(super) periods: Vec<(Period, Place)>,
    /// Whether the days of a value could not be read. Missing days are then not reported.
    pub(super) broken: bool,
}

impl Series {
    /// Adds a period, or notes that its days are unknown.
    pub(super) fn push(&mut self, period: Option<Period>, place: Place) {
        match period {
            Some(period) => self.periods.push((period, place)),
            None => self.broken = true,
        }
    }
}

impl Reader<'_> {
    /// Reads a text that must not be empty.
    pub(super) fn text(&mut self, file: &str, text: Text, what: &str) -> Option<String> {
        if text.get_ref().trim().is_empty() {
            self.mistake(file, Some(text.span()), format!("the {what} is empty: write it, because documents must show it"));
            return None;
        }
        Some(text.into_inner())
    }

    /// Whether a text is an id: lower-case letters, digits, and `joint` between words. Reports a mistake if not.
    pub(super) fn id(&mut self, file: &str, id: &Text, joint: char) -> bool {
        let name = id.get_ref();
        let sound = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == joint);
        if !sound {
            self.mistake(file, Some(id.span()), format!("`{name}` is not an id: use lower-case letters, digits and `{joint}`"));
        }
        sound
    }

    /// Reports texts that are in a list twice.
    pub(super) fn distinct<'t>(&mut self, file: &str, what: &str, texts: impl IntoIterator<Item = &'t Text>) {
        let mut seen = BTreeSet::new();
        for text in texts {
            if !seen.insert(text.get_ref()) {
                self.mistake(
                    file,
                    Some(text.span()),
                    format!("{what} `{}` is in the list twice: remove one of them", text.get_ref()),
                );
            }
        }
    }

    /// Reports a list that is empty.
    pub(super) fn not_empty<T>(&mut self, file: &str, list: &Spanned<Vec<T>>, remedy: &str) {
        if list.get_ref().is_empty() {
            self.mistake(file, Some(list.span()), format!("the list is empty: {remedy}"));
        }
    }

    /// Reads a value by its name.
    pub(super) fn one_of<T: Copy>(&mut self, file: &str, what: &str, name: &Text, known: &[(&str, T)]) -> Option<T> {
        let found = known.iter().find(|(known, _)| known == name.get_ref()).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<_> = known.iter().map(|(known, _)| *known).collect();
            let what = format!("`{}` is not a known {what}: write one of {}", name.get_ref(), known.join(", "));
            self.mistake(file, Some(name.span()), what);
        }
        found
    }

    /// Reads values by their names, each at most once.
    pub(super) fn all_of<T: Copy>(&mut self, file: &str, what: &str, names: &[Text], known: &[(&str, T)]) -> Vec<T> {
        self.distinct(file, what, names);
        names.iter().filter_map(|name| self.one_of(file, what, name, known)).collect()
    }

    pub(super) fn currency(&mut self, file: &str, code: &Text) -> Option<Currency> {
        let currency = code.get_ref().parse().ok();
        if currency.is_none() {
            let what = format!("`{}` is not an ISO 4217 currency: write three capital letters, such as USD", code.get_ref());
            self.mistake(file, Some(code.span()), what);
        }
        currency
    }

    pub(super) fn currencies(&mut self, file: &str, codes: &[Text]) -> Vec<Currency> {
        self.distinct(file, "currency", codes);
        codes.iter().filter_map(|code| self.currency(file, code)).collect()
    }

    /// Whether a text is an ISO 3166-1 country. Reports a mistake if not.
    pub(super) fn country(&mut self, file: &str, code: &Text) -> bool {
        let known = place::is_country(code.get_ref());
        if !known {
            let what = format!("`{}` is not an ISO 3166 country: write two capital letters, such as DE", code.get_ref());
            self.mistake(file, Some(code.span()), what);
        }
        known
    }

    pub(super) fn countries(&mut self, file: &str, codes: &Texts) -> Vec<String> {
        self.not_empty(file, codes, "name the countries, such as [\"DE\"]");
        self.distinct(file, "country", codes.get_ref());
        codes.get_ref().iter().filter(|code| self.country(file, code)).map(|code| code.get_ref().clone()).collect()
    }

    /// Reads amounts per currency, in minor units, none below 0.
    pub(super) fn amounts(&mut self, file: &str, amounts: &BTreeMap<Text, Spanned<i64>>) -> Vec<(Currency, i64)> {
        let mut sound = Vec::new();
        for (code, amount) in amounts {
            if *amount.get_ref() < 0 {
                self.mistake(file, Some(amount.span()), "an amount cannot be below 0: write it in minor units (cents, yen)");
            }
            sound.extend(self.currency(file, code).map(|currency| (currency, *amount.get_ref())));
        }
        sound
    }

    pub(super) fn percent(&mut self, file: &str, text: &Text) -> Option<Percent> {
        let percent = text.get_ref().parse::<Decimal>().ok().and_then(Percent::new);
        if percent.is_none() {
            let what =
                format!("`{}` is not a rate: write a percentage between \"0\" and \"100\", such as \"8.875\"", text.get_ref());
            self.mistake(file, Some(text.span()), what);
        }
        percent
    }

    /// Reads a number within bounds.
    pub(super) fn within<T: Copy + PartialOrd + Display>(
        &mut self,
        file: &str,
        what: &str,
        number: &Spanned<T>,
        bounds: RangeInclusive<T>,
    ) -> T {
        let value = *number.get_ref();
        if !bounds.contains(&value) {
            let what = format!("{value} is not a possible number of {what}: write {} to {}", bounds.start(), bounds.end());
            self.mistake(file, Some(number.span()), what);
        }
        value
    }

    pub(super) fn date(&mut self, file: &str, date: &Day) -> Option<Date> {
        let text = date.get_ref().to_string();
        let day = text.parse().ok();
        if day.is_none() {
            self.mistake(file, Some(date.span()), format!("`{text}` is not a day: write it as 2026-01-31, without a time"));
        }
        day
    }

    pub(super) fn period(&mut self, file: &str, from: &Day, until: Option<&Day>) -> Option<Period> {
        let (first, last) = (self.date(file, from), until.map(|until| (until.span(), self.date(file, until))));
        let Some((place, last)) = last else { return Some(Period { from: first?, until: None }) };
        let period = Period { from: first?, until: Some(last?) };
        if period.until <= Some(period.from) {
            self.mistake(file, Some(place), "`until` is the first day after the period: it must be later than `from`");
            return None;
        }
        Some(period)
    }

    /// Reports days that two values of a series share, and days between them that have no value.
    pub(super) fn series(&mut self, file: &str, what: &str, mut series: Series) {
        series.periods.sort_by_key(|(period, _)| period.from);
        let mut periods = series.periods.into_iter();
        let Some((first, _)) = periods.next() else { return };
        // The end of the values so far; `None` after a value without an end.
        let (mut began, mut end) = (first.from, first.until);
        for (period, place) in periods {
            let from = period.from;
            match end {
                Some(end) if end == from => {}
                Some(end) if end < from && series.broken => {}
                Some(end) if end < from => {
                    let what = format!(
                        "the {what} is missing from {end} until {from}: end the older one with `until = {from}`, or begin this \
                         one with `from = {end}`"
                    );
                    self.mistake(file, Some(place), what);
                }
                _ if began == from => {
                    self.mistake(file, Some(place), format!("the {what} is given twice from {from} on: remove one of them"));
                }
                _ => {
                    let what = format!("the {what} is given twice on the same day: end the older one with `until = {from}`");
                    self.mistake(file, Some(place), what);
                }
            }
            began = from;
            end = end.and_then(|end| period.until.map(|until| until.max(end)));
        }
    }
}
