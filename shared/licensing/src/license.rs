//! The content of a licence, and its validity on a given day.

use std::fmt;

use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Everything that a licence file states about one entitlement. The customer's software reads it offline (R94), so it contains
/// everything that decides validity, and nothing about the sale.
///
/// All dates are days in the vendor's time zone, and every period is half-open: the end is the first day *not* covered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct License {
    /// Support entitlement number: names the licence to customer and support (R99).
    pub sen: String,
    /// Product code, as in the vendor's catalogue. Software that verifies a licence compares it with its own.
    pub product: String,
    /// The product's name for people.
    pub product_name: String,
    /// Edition, when the product has several.
    pub edition: Option<String>,
    /// Number of users; `None` is unlimited.
    pub tier: Option<u32>,
    /// The organisation that may use the software: the end customer, never the reseller.
    pub licensee: String,
    /// The kind of the right to use.
    pub kind: Kind,
    /// Day of purchase; maintenance starts here (R95).
    pub purchased: Date,
    /// First day without maintenance. `None`: maintenance lasts as long as the licence does.
    pub maintenance_end: Option<Date>,
    /// First day without a right to use. `None` only for a perpetual licence (R93).
    pub term_end: Option<Date>,
    /// The time zone of the dates, by its IANA name: the vendor's. A file that does not state it means UTC.
    #[serde(default = "utc", skip_serializing_if = "is_utc")]
    pub time_zone: String,
    /// When this statement was made.
    pub issued_at: Timestamp,
    /// Id of the key that signs it (a [`KeyId`](crate::KeyId)), so that keys can rotate.
    pub key_id: String,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn is_utc(zone: &str) -> bool {
    zone == "UTC"
}

/// How long the right to use the software lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Indefinitely; only maintenance ends (R93).
    Perpetual,
    /// Until a fixed day.
    Term,
    /// Until the end of the paid period, which renewals move.
    Subscription,
    /// For a short while, until the purchase is final.
    Provisional,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Perpetual => "perpetual",
            Kind::Term => "term",
            Kind::Subscription => "subscription",
            Kind::Provisional => "provisional",
        })
    }
}

/// The validity of a licence on a given day (R93).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// The software may be used, new releases and support are included.
    Valid,
    /// The software may be used; new releases and support are not included (R97).
    ValidOutOfMaintenance,
    /// The software may no longer be used.
    Expired,
}

impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Standing::Valid => "valid",
            Standing::ValidOutOfMaintenance => "valid, out of maintenance",
            Standing::Expired => "expired",
        })
    }
}

/// Why a licence must not be signed: its content is incomplete or contradictory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LicenseError {
    /// A member that names something is empty.
    #[error("`{0}` is empty")]
    Empty(&'static str),
    /// R93: a perpetual licence has no expiry, only a maintenance end.
    #[error("a perpetual licence cannot have a `term_end`; only its maintenance ends")]
    PerpetualEnds,
    /// Any other kind without an end would be perpetual in effect.
    #[error("a {0} licence needs a `term_end`")]
    Endless(Kind),
}

impl License {
    /// The day at an instant, in the time zone of the licence. In UTC, if this machine does not know the zone.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> Date {
        at.to_zoned(self.zone()).date()
    }

    /// The first instant of a day; `None` for the calendar's last days, which have no representable start.
    pub(crate) fn start_of(&self, day: Date) -> Option<Timestamp> {
        // When a zone skips midnight, `compatible` gives the first instant of the day.
        self.zone().to_ambiguous_timestamp(day.at(0, 0, 0, 0)).compatible().ok()
    }

    fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// The validity of the licence on the day `today`, which is a day in its time zone.
    #[must_use]
    pub fn standing(&self, today: Date) -> Standing {
        let past = |end: Option<Date>| end.is_some_and(|end| today >= end);
        if past(self.term_end) {
            Standing::Expired
        } else if past(self.maintenance_end) {
            Standing::ValidOutOfMaintenance
        } else {
            Standing::Valid
        }
    }

    /// Whether a release dated `released` may run under this licence (R97): releases dated on or after the
    /// maintenance end are refused. Older releases stay admitted, however long ago maintenance ended.
    #[must_use]
    pub fn admits_release(&self, released: Date) -> bool {
        self.maintenance_end.or(self.term_end).is_none_or(|end| released < end)
    }

    /// All errors that forbid signing this licence; empty if it can be signed.
    #[must_use]
    pub fn errors(&self) -> Vec<LicenseError> {
        let named =
            [("sen", &self.sen), ("product", &self.product), ("product_name", &self.product_name), ("licensee", &self.licensee)];
        let empty = named.into_iter().filter(|(_, value)| value.trim().is_empty()).map(|(name, _)| LicenseError::Empty(name));
        let end = match (self.kind, self.term_end) {
            (Kind::Perpetual, Some(_)) => Some(LicenseError::PerpetualEnds),
            (Kind::Perpetual, None) | (_, Some(_)) => None,
            (kind, None) => Some(LicenseError::Endless(kind)),
        };
        empty.chain(end).collect()
    }
}
