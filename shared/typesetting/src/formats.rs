//! Dates, numbers, amounts and plurals in the reader's language, by the conventions of the Unicode consortium (CLDR).
//!
//! The vendor's texts decide what is a matter of taste: the locale whose conventions apply (`format.locale`), the name or symbol
//! of a currency (`name.currency.USD`) and its place (`money.amount`).

use domain::{
    Money,
    money::Percent,
    wording::{self, Wording},
};
use icu_calendar::{Date, Gregorian};
use icu_datetime::{FixedCalendarDateTimeFormatter, fieldsets::YMD};
use icu_decimal::{DecimalFormatter, input::Decimal};
use icu_locale::{Locale, LocaleDirectionality};
use icu_plurals::{PluralCategory, PluralRules};
use jiff::civil;

use crate::document::Direction;

/// Writes values for a reader of one language.
#[derive(Debug, Clone)]
pub struct Formats<'a> {
    wording: &'a Wording,
    language: &'a str,
    /// The locale whose conventions apply.
    locale: Locale,
}

impl<'a> Formats<'a> {
    /// Formats for a reader of `language`, with the vendor's texts.
    pub fn new(wording: &'a Wording, language: &'a str) -> Self {
        Self { wording, language, locale: locale(wording.locale(language)) }
    }

    /// The direction in which the language is written.
    pub fn direction(&self) -> Direction {
        match LocaleDirectionality::new_common().is_right_to_left(&locale(self.language).id) {
            true => Direction::RightToLeft,
            false => Direction::LeftToRight,
        }
    }

    /// A day: "30 November 2026", "2026年11月30日". The spaces in it do not break.
    pub fn date(&self, day: civil::Date) -> String {
        let written = || {
            let year = i32::from(day.year());
            let (month, day) = (u8::try_from(day.month()).ok()?, u8::try_from(day.day()).ok()?);
            let date: Date<Gregorian> = Date::try_new_gregorian(year, month, day).ok()?;
            let formatter = FixedCalendarDateTimeFormatter::<Gregorian, YMD>::try_new((&self.locale).into(), YMD::long()).ok()?;
            Some(formatter.format(&date).to_string())
        };
        // Every day of the civil calendar has a name in CLDR. Should one not, ISO 8601 is understood everywhere.
        unbroken(&written().unwrap_or_else(|| day.to_string()))
    }

    /// An amount with its currency: "USD 71,935.50", "71.935,50 $". Nothing in it breaks. A minus precedes everything else.
    pub fn money(&self, money: Money) -> String {
        let code = money.currency.code();
        let places = i16::try_from(money.currency.exponent()).unwrap_or_default();
        let mut amount = Decimal::from(money.minor.unsigned_abs());
        amount.multiply_pow10(-places);
        let amount = self.decimal(&amount);
        let currency = self.wording.name(self.language, "currency", code, code);
        let sign = if money.minor < 0 { "−" } else { "" };
        let written = self.wording.fill(self.language, "money.amount", &[("amount", &amount), ("currency", currency)]);
        unbroken(&format!("{sign}{written}"))
    }

    /// A whole number: "10,000".
    pub fn number(&self, number: impl Into<u64>) -> String {
        self.decimal(&Decimal::from(number.into()))
    }

    /// A percentage: "8.875 %".
    pub fn percent(&self, percent: Percent) -> String {
        let plain = percent.number().to_string();
        let number = plain.parse::<Decimal>().map_or(plain, |number| self.decimal(&number));
        unbroken(&self.wording.fill(self.language, "money.percent", &[("number", &number)]))
    }

    /// The text for `key` about `count`, in the plural that the count has in the language of the text. `values` fill it.
    pub fn counted(&self, key: &str, count: impl Into<u64>, values: &[(&str, &str)]) -> String {
        let count = count.into();
        let category = |tag: &str| {
            let rules = PluralRules::try_new_cardinal((&locale(tag)).into());
            match rules.map_or(PluralCategory::Other, |rules| rules.category_for(count)) {
                PluralCategory::Zero => "zero",
                PluralCategory::One => "one",
                PluralCategory::Two => "two",
                PluralCategory::Few => "few",
                PluralCategory::Many => "many",
                PluralCategory::Other => "other",
            }
        };
        let text = self.wording.plural(self.language, key, category);
        wording::fill(text, |name| values.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    fn decimal(&self, number: &Decimal) -> String {
        DecimalFormatter::try_new((&self.locale).into(), Default::default())
            .map_or_else(|_| number.to_string(), |formatter| formatter.format(number).to_string())
    }
}

/// The locale of a tag. An unknown tag is the root locale, whose conventions CLDR defines, too.
fn locale(tag: &str) -> Locale {
    tag.parse().unwrap_or(Locale::UNKNOWN)
}

/// The text with spaces that do not break.
fn unbroken(text: &str) -> String {
    text.replace(' ', "\u{a0}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a missing value fails the test")]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// The figures that a language needs, as a vendor writes them, with the place of the currency that CLDR gives.
    fn wording() -> Wording {
        let after = "{amount}\u{a0}{currency}";
        let symbols = [("name.currency.USD", "$"), ("name.currency.JPY", "¥"), ("name.currency.EUR", "€")];
        let language = |locale: &str, amount: &str, percent: &str, symbols: &[(&str, &str)]| {
            let own = [("format.locale", locale), ("money.amount", amount), ("money.percent", percent)];
            own.iter().chain(symbols).map(|(key, text)| ((*key).to_owned(), (*text).to_owned())).collect::<BTreeMap<_, _>>()
        };
        let mut english = language("en-GB", "{currency}\u{a0}{amount}", "{number}%", &[]);
        english.extend([("users", "{n} users"), ("users.one", "1 user")].map(|(key, text)| (key.to_owned(), text.to_owned())));
        let mut arabic = language("ar", after, "{number}%", &[("name.currency.USD", "US$")]);
        let plurals = [
            ("users", "{n} مستخدم"),
            ("users.zero", "بلا مستخدمين"),
            ("users.one", "مستخدم واحد"),
            ("users.two", "مستخدمان"),
            ("users.few", "{n} مستخدمين"),
            ("users.many", "{n} مستخدمًا"),
        ];
        arabic.extend(plurals.map(|(key, text)| (key.to_owned(), text.to_owned())));
        let languages = [
            ("en", english),
            ("ja", language("ja", "{currency}{amount}", "{number}%", &symbols)),
            ("de", language("de", after, "{number}\u{a0}%", &symbols)),
            ("ar", arabic),
            ("fr", language("fr", after, "{number}\u{202f}%", &symbols)),
            ("hi", language("hi", "{currency}{amount}", "{number}%", &symbols)),
        ];
        Wording::new("en".to_owned(), languages.map(|(language, texts)| (language.to_owned(), texts)).into())
    }

    /// The expected values are those of Node.js 20 with ICU 78 and CLDR 48, with spaces that do not break:
    ///
    /// ```js
    /// new Intl.DateTimeFormat(tag, {dateStyle: 'long', timeZone: 'UTC'}).format(new Date('2026-11-30'))
    /// new Intl.NumberFormat(tag, {style: 'currency', currency: 'USD'}).format(71935.5)  // 'en-GB': currencyDisplay: 'code'
    /// new Intl.NumberFormat(tag, {style: 'percent', maximumFractionDigits: 3}).format(0.08875)
    /// ```
    #[test]
    fn d2_dates_amounts_and_percentages_are_those_of_cldr() {
        let wording = wording();
        for (language, date, amount, percent) in [
            ("en", "30 November 2026", "USD 71,935.50", "8.875%"),
            ("ja", "2026年11月30日", "$71,935.50", "8.875%"),
            ("de", "30. November 2026", "71.935,50 $", "8,875 %"),
            ("ar", "30 نوفمبر 2026", "71,935.50 US$", "8.875%"),
            ("fr", "30 novembre 2026", "71\u{202f}935,50 $", "8,875\u{202f}%"),
        ] {
            let formats = Formats::new(&wording, language);
            let money = |minor| formats.money(Money::new(minor, "USD".parse().unwrap()));
            let percentage = formats.percent(Percent::new("8.875".parse().unwrap()).unwrap());
            let written = [formats.date(civil::date(2026, 11, 30)), money(7_193_550), percentage];
            assert_eq!(written, [date, amount, percent].map(unbroken), "{language}");
            assert_eq!(money(-7_193_550), format!("−{}", money(7_193_550)), "{language}");
        }
    }

    #[test]
    fn d2_an_amount_has_the_decimals_of_its_currency() {
        let wording = wording();
        let money =
            |language, minor, code: &str| Formats::new(&wording, language).money(Money::new(minor, code.parse().unwrap()));
        assert_eq!(money("ja", 5_040_000, "JPY"), "¥5,040,000");
        assert_eq!(money("en", 7, "KWD"), "KWD\u{a0}0.007");
        assert_eq!((money("en", 0, "USD"), money("en", -5, "USD")), ("USD\u{a0}0.00".into(), "−USD\u{a0}0.05".into()));
        assert_eq!(money("de", -100_000, "EUR"), "−1.000,00\u{a0}€");
        assert_eq!(money("hi", 123_456_700, "EUR"), "€12,34,567.00", "India groups by two");
        assert_eq!(money("tlh", 123_456, "USD"), "USD\u{a0}1,234.56", "a language without texts");
    }

    #[test]
    fn d2_one_user_is_not_1_users() {
        let wording = wording();
        let users = |language, n: u32| Formats::new(&wording, language).counted("users", n, &[("n", &n.to_string())]);
        assert_eq!([1, 2, 21].map(|n| users("en", n)), ["1 user", "2 users", "21 users"]);
        let arabic = ["بلا مستخدمين", "مستخدم واحد", "مستخدمان", "3 مستخدمين", "11 مستخدمًا", "100 مستخدم"];
        assert_eq!([0, 1, 2, 3, 11, 100].map(|n| users("ar", n)), arabic);
        assert_eq!(users("ja", 1), "1 user", "by the rules of the language that the text is in");
    }

    #[test]
    fn b25_the_direction_follows_from_the_language() {
        let wording = wording();
        let direction = |language| Formats::new(&wording, language).direction();
        assert_eq!(["ar", "he", "fa", "ur"].map(direction), [Direction::RightToLeft; 4]);
        assert_eq!(["en", "ja", "de", "hi", "th", "tlh"].map(direction), [Direction::LeftToRight; 6]);
    }
}
