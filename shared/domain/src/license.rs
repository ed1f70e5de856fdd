//! What a paid quote entitles to: licences for what is installed, subscriptions for what is hosted.

use jiff::{Timestamp, ToSpan, civil::Date};
use serde::{Deserialize, Serialize};

use crate::{
    QuoteNumber, Sen,
    party::{Contact, Email},
    policy::Deployment,
    quote::Quote,
};

/// What an entitlement is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// May be used for ever (R93).
    Perpetual,
    /// May be used until it ends.
    Term,
    /// Hosted by the vendor until it ends; there is no key (R53).
    Subscription,
}

/// One customer's right to one product, under one SEN.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entitlement {
    /// Its number.
    pub sen: Sen,
    /// The quote that sold it.
    pub quote: QuoteNumber,
    /// The quote's line.
    pub line: u32,
    /// What it is.
    pub kind: Kind,
    /// The product's id.
    pub product: String,
    /// The product's name when it was sold.
    pub product_name: String,
    /// The most users.
    pub tier: u32,
    /// The organisation that may use it.
    pub licensee: String,
    /// The person who reads the key (R78).
    pub technical_contact: Contact,
    /// The organisation that bought it (R49).
    pub purchaser: String,
    /// The person who bought it.
    pub purchaser_contact: Contact,
    /// The day of the completing payment: it counts from then (R81, R95).
    pub purchased: Date,
    /// The first day without maintenance, for a perpetual licence (R95).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub maintenance_end: Option<Date>,
    /// The first day that is not covered, for a term or a subscription.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub term_end: Option<Date>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// The signed licence file; a subscription has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<LicenseKey>,
}

/// A signed licence file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LicenseKey {
    /// Which key signed it.
    pub key_id: String,
    /// The file's text.
    pub text: String,
}

impl std::fmt::Debug for LicenseKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LicenseKey({}, ‹key›)", self.key_id)
    }
}

/// A caller's claims, as far as they decide who may see a licence.
#[derive(Debug, Clone, Default)]
pub struct Claims {
    /// The e-mail address, when the issuer says that it is verified.
    pub email: Option<Email>,
    /// The organisation.
    pub organization: Option<String>,
}

impl Entitlement {
    /// Who may see it: the technical contact always (R54), and the purchaser — the organisation, and the person who
    /// bought, for many unaffiliated resellers are one person (R49). The issuer must give organisations their names:
    /// whoever may choose one can choose the purchaser's.
    pub fn visible_to(&self, claims: &Claims) -> bool {
        let person = claims.email.as_ref().is_some_and(|email| {
            [&self.technical_contact, &self.purchaser_contact].iter().any(|contact| contact.email == *email)
        });
        let organization = claims.organization.as_ref().is_some_and(|name| name.eq_ignore_ascii_case(&self.purchaser));
        person || organization
    }
}

/// What a product that is delivered so entitles to.
pub fn kind(deployment: Deployment) -> Kind {
    match deployment {
        Deployment::SelfManagedPerpetual { .. } => Kind::Perpetual,
        Deployment::SelfManagedTerm => Kind::Term,
        Deployment::AnnualCloud => Kind::Subscription,
    }
}

/// The first day that is not covered, so many months from `start`. The day of the month is kept, or clamped to the
/// month's end: from 29 February, twelve months end on 28 February (R95).
pub fn end(start: Date, months: u32) -> Date {
    start.saturating_add(i64::from(months).months())
}

/// The entitlements that a paid quote owes, one per line, unsigned; none when nothing is owed. `sen` names a line's
/// number. Deciding it again, at any time, gives the same but for `issued_at`.
pub fn owed(quote: &Quote, now: Timestamp, sen: impl Fn(u32) -> Sen) -> Vec<Entitlement> {
    let Some(on) = quote.owed_since() else { return Vec::new() };
    let offer = &quote.offer;
    let bill_to = offer.bill_to();
    offer
        .lines
        .iter()
        .map(|line| {
            let (kind, end) = (kind(line.deployment), end(on, line.months));
            let (maintenance_end, term_end) = if kind == Kind::Perpetual { (Some(end), None) } else { (None, Some(end)) };
            Entitlement {
                sen: sen(line.line),
                quote: quote.number.clone(),
                line: line.line,
                kind,
                product: line.product.clone(),
                product_name: line.product_name.clone(),
                tier: line.tier,
                licensee: offer.customer.company.clone(),
                technical_contact: offer.technical_contact.clone(),
                purchaser: bill_to.company.clone(),
                purchaser_contact: bill_to.contact.clone(),
                purchased: on,
                maintenance_end,
                term_end,
                issued_at: now,
                file: None,
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn r95_twelve_months_end_on_the_same_day_or_at_the_month_s_end() {
        assert_eq!(end(date(2026, 3, 1), 12), date(2027, 3, 1));
        assert_eq!(end(date(2028, 2, 29), 12), date(2029, 2, 28));
        assert_eq!(end(date(2027, 2, 28), 12), date(2028, 2, 28));
    }
}
