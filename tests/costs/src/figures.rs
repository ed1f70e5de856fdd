//! Numbers as a reader expects them in a table.

use rust_decimal::{Decimal, RoundingStrategy};

/// US dollars to a hundredth of a cent.
pub(crate) fn dollars(amount: Decimal) -> String {
    format!("{:.4}", amount.round_dp_with_strategy(4, RoundingStrategy::MidpointAwayFromZero))
}

/// A number in groups of three digits; a small one with one decimal.
pub(crate) fn grouped(amount: Decimal) -> String {
    let whole = amount.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero);
    let rounded = amount.round_dp_with_strategy(1, RoundingStrategy::MidpointAwayFromZero).normalize();
    if rounded < Decimal::ONE_HUNDRED && rounded != whole {
        return rounded.to_string();
    }
    let digits = whole.normalize().to_string();
    let (mut text, length) = (String::new(), digits.len());
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (length - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        let written = ["0", "0.04", "7", "12.34", "100.5", "1000", "23000", "1234567.8"].map(|text| grouped(decimal(text)));
        assert_eq!(written, ["0", "0", "7", "12.3", "101", "1,000", "23,000", "1,234,568"]);
        assert_eq!(dollars(decimal("0.00005")), "0.0001");
    }
}
