//! The vendor's dated tax tables. The vendor is responsible for their content.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Period;
use crate::money::{Percent, Tie};

/// The tax tables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaxTable {
    /// The special rules of countries, by ISO 3166-1 code.
    pub countries: BTreeMap<String, CountryTax>,
    /// The rates, in the order of the file.
    pub rates: Vec<TaxRate>,
    /// The countries, other than the seller's own, in which a business customer with a valid VAT id is liable for the tax
    /// itself.
    pub reverse_charge: Vec<String>,
    /// The certificates that exempt from tax, and their countries.
    pub exemptions: Vec<Exemption>,
    /// What happens to an order that is free from tax by a certificate whose holder the buyer is not known to be.
    pub unconfirmed: UnconfirmedClaim,
}

/// What happens to an order that is free from tax by a VAT id or certificate on record, when nothing shows that the buyer is its
/// holder (C7).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UnconfirmedClaim {
    /// The order is priced and can be paid.
    #[default]
    Accept,
    /// Staff review the order first.
    Review,
}

/// The special rules of a country; the defaults when it has none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountryTax {
    /// Whose address determines the tax, when the billing contact is in this country (R90).
    pub situs: Situs,
    /// How taxes are rounded (facts 2.10).
    pub tie: Tie,
}

/// Whose address determines the tax (R89, R90).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Situs {
    /// The billing contact's address: the reseller's, when a reseller buys.
    #[default]
    BillingContact,
    /// The technical contact's address: the end customer's.
    TechnicalContact,
    /// The buyer's address: the end customer's.
    SoldTo,
}

impl Situs {
    /// Whether this is the default.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The rate of one tax in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRate {
    /// ISO 3166-1 country.
    pub country: String,
    /// ISO 3166-2 subdivision; `None` when the tax applies in the whole country.
    pub region: Option<String>,
    /// The name of the tax.
    pub name: String,
    /// The tax category of the products that it applies to.
    pub category: String,
    /// The rate.
    pub percent: Percent,
    /// The days on which the rate applies.
    pub period: Period,
}

/// A kind of certificate that exempts from tax (R91).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Its stable id: `resale`, `exempt_organization`.
    pub kind: String,
    /// The countries in which it is valid.
    pub countries: Vec<String>,
    /// The key of the note that documents must show.
    pub note: String,
}

impl TaxRate {
    /// The ISO 3166 subdivision, or the country when the tax applies in the whole country.
    pub fn jurisdiction(&self) -> &str {
        self.region.as_deref().unwrap_or(&self.country)
    }
}

impl TaxTable {
    /// Whether the country's tax depends on the region.
    pub fn by_region(&self, country: &str) -> bool {
        self.rates.iter().any(|rate| rate.country == country && rate.region.is_some())
    }

    /// The special rules of a country.
    pub fn country(&self, country: &str) -> CountryTax {
        self.countries.get(country).copied().unwrap_or_default()
    }

    /// The rates that apply on `day` to a place and a tax category, in the order of the file.
    pub fn at<'a>(
        &'a self,
        country: &'a str,
        region: Option<&'a str>,
        category: &'a str,
        day: Date,
    ) -> impl Iterator<Item = &'a TaxRate> {
        self.rates.iter().filter(move |rate| {
            rate.country == country
                && (rate.region.is_none() || rate.region.as_deref() == region)
                && rate.category == category
                && rate.period.holds(day)
        })
    }
}
