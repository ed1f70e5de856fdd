//! Exact money. Prices are rationals until they are rounded. After that, amounts are integer minor units of an ISO 4217
//! currency, in the API and in storage. There are no floating-point numbers and no currency conversions.

use std::{fmt, ops::Add, str::FromStr};

use num_rational::Ratio;
use num_traits::ToPrimitive;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// An exact number of minor units, or an exact rate. Prices are computed with these until they are rounded.
pub type Rational = Ratio<i128>;

/// An ISO 4217 currency with the exponent of ISO 4217, which may differ from a payment provider's.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Currency(iso_currency::Currency);

impl Currency {
    /// The three-letter code, `"USD"`.
    pub fn code(self) -> &'static str {
        self.0.code()
    }

    /// The number of decimals: 2 for USD, 0 for JPY, 3 for KWD.
    pub fn exponent(self) -> u32 {
        self.0.exponent().map_or(0, u32::from)
    }

    /// Minor units in one unit: 100 for USD, 1 for JPY.
    pub fn minor_per_unit(self) -> i128 {
        10_i128.pow(self.exponent())
    }
}

impl FromStr for Currency {
    type Err = UnknownCurrency;

    /// Reads an upper-case code. The lower-case codes of a payment provider are translated where its messages are read.
    fn from_str(code: &str) -> Result<Self, UnknownCurrency> {
        iso_currency::Currency::from_code(code).map(Self).ok_or(UnknownCurrency)
    }
}

/// The text is not an ISO 4217 code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownCurrency;

impl fmt::Display for UnknownCurrency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not an ISO 4217 currency code")
    }
}

impl std::error::Error for UnknownCurrency {}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl PartialOrd for Currency {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Currency {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.code().cmp(other.code())
    }
}

impl Serialize for Currency {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

impl<'de> Deserialize<'de> for Currency {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let code = String::deserialize(deserializer)?;
        code.parse().map_err(|_| serde::de::Error::custom(format!("`{code}` is not an ISO 4217 currency code")))
    }
}

/// An amount that can be billed: integer minor units of one currency.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    /// Minor units: cents for USD, yen for JPY.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// `minor` units of `currency`.
    pub fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// The same amount as a decimal number of whole units.
    pub fn decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(self.minor.into(), self.currency.exponent())
    }
}

impl fmt::Display for Money {
    /// Writes the amount for people: `USD 42,000.00`, `JPY 5,040,000`, `−USD 30.00`. The sign is a minus, because a line may
    /// break after a hyphen.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = self.decimal().abs().to_string();
        let (whole, fraction) = plain.split_once('.').map_or((&*plain, None), |(w, f)| (w, Some(f)));
        let sign = if self.minor < 0 { "−" } else { "" };
        write!(f, "{sign}{} ", self.currency)?;
        for (i, digit) in whole.char_indices() {
            if i > 0 && (whole.len() - i).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        fraction.map_or(Ok(()), |fraction| write!(f, ".{fraction}"))
    }
}

/// A percentage between 0 and 100, stored as a decimal: `8.875`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Percent(Decimal);

impl Percent {
    /// 0 %.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Makes a percentage; `None` outside 0–100 or with more than four decimals, which no rate in this trade needs. These
    /// bounds keep the computation of a price within 128 bits.
    pub fn new(percent: Decimal) -> Option<Self> {
        let percent = percent.normalize();
        (percent >= Decimal::ZERO && percent <= Decimal::ONE_HUNDRED && percent.scale() <= 4).then_some(Self(percent))
    }

    /// The number before the sign: `8.875`.
    pub fn number(self) -> Decimal {
        self.0
    }

    /// The percentage as a fraction of 1: 8.875 % is 71/800.
    pub fn share(self) -> Rational {
        // Both numbers are small. Reducing them with 64 bits is much cheaper than with 128.
        let (part, whole) = (self.0.mantissa() as u64, 10_u64.pow(self.0.scale() + 2));
        let common = greatest_common_divisor(part, whole);
        Ratio::new_raw((part / common).into(), (whole / common).into())
    }

    /// The rest of 1: for 8.875 %, 729/800.
    pub fn rest(self) -> Rational {
        let share = self.share();
        Ratio::new_raw(share.denom() - share.numer(), *share.denom())
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

/// How a line's exact price is rounded to an amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Rounding {
    /// Half-up to the minor unit. The default.
    #[serde(rename = "P-MINOR")]
    Minor,
    /// Up to a whole unit of the currency.
    #[serde(rename = "P-WHOLE")]
    Whole,
}

impl Rounding {
    /// `exact` minor units of `currency`, rounded by this policy.
    pub fn round(self, exact: Rational, currency: Currency) -> i64 {
        match self {
            Self::Minor => half_up(exact),
            Self::Whole => {
                let unit = currency.minor_per_unit();
                amount(-(-exact.numer()).div_euclid(exact.denom() * unit) * unit)
            }
        }
    }
}

/// How a tax is rounded to whole minor units, by the law of its country (facts 2.10).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tie {
    /// To the nearest, a half upwards: Australia, and the default for every country.
    #[default]
    HalfUp,
    /// To the nearest, a half downwards: New Zealand.
    HalfDown,
    /// Down: allowed in Japan.
    Down,
    /// Up.
    Up,
}

impl Tie {
    /// `exact` minor units, rounded to whole ones.
    pub fn round(self, exact: Rational) -> i64 {
        match self {
            Self::HalfUp => half_up(exact),
            Self::HalfDown => amount(-(exact.denom() - 2 * exact.numer()).div_euclid(2 * exact.denom())),
            Self::Down => amount(exact.numer().div_euclid(*exact.denom())),
            Self::Up => amount(-(-exact.numer()).div_euclid(*exact.denom())),
        }
    }
}

/// `exact` minor units, rounded to the nearest whole one, a half upwards.
pub fn half_up(exact: Rational) -> i64 {
    amount((2 * exact.numer() + exact.denom()).div_euclid(2 * exact.denom()))
}

fn amount(whole: i128) -> i64 {
    // The policy bounds prices, tiers, terms and lines when it is read, so that every amount is far below this limit.
    whole.to_i64().expect("the policy bounds keep every amount within 64 bits")
}

/// `one + other`. The sum of a whole number and a reduced fraction is a reduced fraction, so it need not be reduced again.
pub(crate) fn sum(one: Rational, other: Rational) -> Rational {
    let (whole, fraction) = match (one.is_integer(), other.is_integer()) {
        (true, _) => (one, other),
        (_, true) => (other, one),
        _ => return one + other,
    };
    Ratio::new_raw(whole.numer() * fraction.denom() + fraction.numer(), *fraction.denom())
}

fn greatest_common_divisor(mut one: u64, mut other: u64) -> u64 {
    while other != 0 {
        (one, other) = (other, one % other);
    }
    one
}

impl Add for Money {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        assert_eq!(self.currency, other.currency, "currencies are never mixed on one document");
        Self::new(self.minor + other.minor, self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn currency(code: &str) -> Currency {
        code.parse().unwrap()
    }

    #[test]
    fn amounts_are_written_with_the_currency_s_own_decimals() {
        let shown = |minor, code| Money::new(minor, currency(code)).to_string();
        assert_eq!(shown(4_200_000, "USD"), "USD 42,000.00");
        assert_eq!(shown(5_040_000, "JPY"), "JPY 5,040,000");
        assert_eq!(shown(-3_000, "USD"), "−USD 30.00");
        assert_eq!(shown(7, "KWD"), "KWD 0.007");
        assert_eq!(shown(99_999, "EUR"), "EUR 999.99");
    }

    #[test]
    fn e4_e8_rounding_is_half_up_to_the_minor_unit_or_up_to_the_whole_unit() {
        let usd = currency("USD");
        assert_eq!(Rounding::Minor.round(Ratio::from(122_250), usd), 122_250);
        assert_eq!(Rounding::Whole.round(Ratio::from(122_250), usd), 122_300);
        assert_eq!(Rounding::Minor.round(Ratio::new(1_335_475, 10), usd), 133_548);
        assert_eq!(Rounding::Whole.round(Ratio::new(98_630_137, 100), currency("JPY")), 986_302);
    }

    #[test]
    fn e19_a_rate_is_exact() {
        let rate = Percent::new("8.875".parse().unwrap()).unwrap();
        assert_eq!(half_up(rate.share() * Ratio::from(1_890_000)), 167_738);
        assert_eq!(rate.to_string(), "8.875 %");
        assert!(Percent::new("100.01".parse().unwrap()).is_none());
        assert!(Percent::new("-1".parse().unwrap()).is_none());
    }
}
