//! Days in the vendor's time zone, counted as contracts count them.

use jiff::{Timestamp, ToSpan, civil::Date, civil::Weekday, tz::TimeZone};

/// The day of an instant in the vendor's time zone (R81).
pub fn day_of(at: Timestamp, zone: &TimeZone) -> Date {
    at.to_zoned(zone.clone()).date()
}

/// The first instant of a day.
pub fn start_of_day(day: Date, zone: &TimeZone) -> Timestamp {
    // When a zone skips midnight, `compatible` gives the first instant of the day.
    zone.to_ambiguous_timestamp(day.at(0, 0, 0, 0)).compatible().unwrap_or(Timestamp::MAX)
}

/// The day `months` months after `start`. The day of the month is kept, or clamped to the month's end: twelve months from 29
/// February end on 28 February (R95).
pub fn months_after(start: Date, months: u32) -> Date {
    start.saturating_add(i64::from(months).months())
}

/// The day `days` days after `start`, or before it when `days` is negative.
pub fn days_after(start: Date, days: i32) -> Date {
    start.saturating_add(i64::from(days).days())
}

/// The days of a term `[start, end)`; 0 when it ends before it starts. A term of whole years counts 365 days for each year,
/// even across 29 February. A term that ends one day after whole years counts the same. Any other term counts its calendar days
/// (facts 2.5).
pub fn term_days(start: Date, end: Date) -> i32 {
    if end <= start {
        return 0;
    }
    let anniversary = |day: Date| (day.month(), day.day()) == (start.month(), start.day());
    let years = |day: Date| i32::from(day.year()) - i32::from(start.year());
    match end.yesterday() {
        _ if anniversary(end) => 365 * years(end),
        Ok(before) if anniversary(before) && years(before) > 0 => 365 * years(before),
        _ => days_between(start, end),
    }
}

/// The calendar days from `start` to `end`; negative when `end` is earlier.
pub fn days_between(start: Date, end: Date) -> i32 {
    start.duration_until(end).as_hours().saturating_div(24).try_into().unwrap_or(i32::MAX)
}

/// The day `days` business days (Monday to Friday) after `start` (R33).
pub fn business_days_after(start: Date, days: u32) -> Date {
    let mut day = start;
    let mut left = days;
    while left > 0 {
        day = days_after(day, 1);
        if !matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            left -= 1;
        }
    }
    day
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn r95_twelve_months_end_on_the_same_day_or_at_the_month_s_end() {
        assert_eq!(months_after(date(2026, 3, 1), 12), date(2027, 3, 1));
        assert_eq!(months_after(date(2028, 2, 29), 12), date(2029, 2, 28));
        assert_eq!(months_after(date(2027, 2, 28), 12), date(2028, 2, 28));
    }

    #[test]
    fn e11_whole_years_count_365_days_each_and_other_terms_their_days() {
        assert_eq!(term_days(date(2027, 3, 1), date(2028, 3, 1)), 365);
        assert_eq!(term_days(date(2027, 3, 1), date(2028, 3, 2)), 365);
        assert_eq!(term_days(date(2027, 3, 1), date(2028, 2, 15)), 351);
        assert_eq!(term_days(date(2024, 7, 26), date(2025, 7, 31)), 370);
        assert_eq!(term_days(date(2026, 9, 1), date(2027, 1, 1)), 122);
        assert_eq!(term_days(date(2027, 1, 1), date(2027, 1, 1)), 0);
        assert_eq!(term_days(date(2027, 1, 2), date(2027, 1, 1)), 0);
    }

    /// Terms that are counted by days are limited to 48 months. Within these, one more day never counts less.
    #[test]
    fn within_four_years_a_longer_term_never_counts_fewer_days() {
        let mut start = date(2023, 1, 1);
        while start < date(2028, 3, 2) {
            let mut before = 0;
            let mut end = start;
            while end <= months_after(start, 48) {
                let days = term_days(start, end);
                assert!(days >= before, "{start} to {end}: {days} after {before}");
                before = days;
                end = days_after(end, 1);
            }
            start = days_after(start, 1);
        }
    }

    #[test]
    fn e26_three_business_days_after_a_friday_is_wednesday() {
        assert_eq!(business_days_after(date(2026, 6, 5), 3), date(2026, 6, 10));
    }
}
