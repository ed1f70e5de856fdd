//! `renewals.toml`: how far renewals, upgrades, co-terms and downgrades may go.

use serde::Deserialize;
use toml::Spanned;

use super::{
    files::RENEWALS,
    source::Reader,
    values::{Text, Texts},
};
use crate::policy::{AcceptedContact, Bounds, UpgradeTerm};

const UPGRADE_TERMS: [(&str, UpgradeTerm); 2] = [("keep_end", UpgradeTerm::KeepEnd), ("restart_12_months", UpgradeTerm::Restart)];

const CONTACTS: [(&str, AcceptedContact); 2] =
    [("technical", AcceptedContact::Technical), ("purchaser", AcceptedContact::Purchaser)];

/// Ten years, as long as the longest term.
const MAX_DAYS: i32 = 3650;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRenewal {
    max_backdate_days: Spanned<i32>,
    max_active_years: Spanned<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawUpgrade {
    term: Text,
    extend_min_days: Spanned<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCoterm {
    max_months: Spanned<i32>,
    min_days: Spanned<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDowngrade {
    window_days: Spanned<i32>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLookup {
    accepted_contacts: Texts,
}

impl Reader<'_> {
    pub(super) fn bounds(&mut self) -> Option<Bounds> {
        let mut file = self.open(RENEWALS)?;
        let renewal = self.section::<RawRenewal>(&mut file, "renewal").map(|raw| {
            let days = self.within(RENEWALS, "days that a renewal is back-dated", &raw.max_backdate_days, 0..=MAX_DAYS);
            (days, self.within(RENEWALS, "years that a licence is covered", &raw.max_active_years, 1..=10))
        });
        let upgrade = self.section::<RawUpgrade>(&mut file, "upgrade").and_then(|raw| {
            let days = self.within(RENEWALS, "days that an extension covers", &raw.extend_min_days, 0..=MAX_DAYS);
            Some((self.one_of(RENEWALS, "term of an upgrade", &raw.term, &UPGRADE_TERMS)?, days))
        });
        let coterm = self.section::<RawCoterm>(&mut file, "coterm").map(|raw| {
            // Beyond four years one more day can cost less, because a whole year counts 365 days even over 29 February.
            let months = self.within(RENEWALS, "months until a co-term ends", &raw.max_months, 1..=48);
            (months, self.within(RENEWALS, "days that a co-term covers", &raw.min_days, 0..=MAX_DAYS))
        });
        let downgrade = self.section::<RawDowngrade>(&mut file, "downgrade");
        let window = downgrade.map(|raw| self.within(RENEWALS, "days before the end", &raw.window_days, 0..=MAX_DAYS));
        let lookup = self.section::<RawLookup>(&mut file, "lookup").map(|raw| {
            self.not_empty(RENEWALS, &raw.accepted_contacts, "name the accepted contacts, such as [\"technical\"]");
            self.all_of(RENEWALS, "contact", raw.accepted_contacts.get_ref(), &CONTACTS)
        });
        self.close(file);
        let ((max_backdate_days, max_active_years), (upgrade_term, extend_min_days)) = (renewal?, upgrade?);
        let (coterm_max_months, coterm_min_days) = coterm?;
        Some(Bounds {
            max_backdate_days,
            max_active_years,
            upgrade_term,
            extend_min_days,
            coterm_max_months,
            coterm_min_days,
            downgrade_window_days: window?,
            accepted_contacts: lookup?,
        })
    }
}
