//! The vendor's tax tables. They are the vendor's statement, with dates, and never ours.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::Period;
use crate::money::{Percent, Tie};

/// Everything about taxes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaxTable {
    /// What is special in a country, by its code.
    pub countries: BTreeMap<String, CountryTax>,
    /// The rates, in the order of the file.
    pub rates: Vec<TaxRate>,
    /// Countries in which a business customer with a valid VAT id owes the tax itself, other than the seller's own.
    pub reverse_charge: Vec<String>,
    /// Which certificates free from tax, and where.
    pub exemptions: Vec<Exemption>,
}

/// What is special in a country.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountryTax {
    /// Whose address decides, when the billing contact is there (R90).
    pub situs: Situs,
    /// How a tax is rounded (facts 2.10).
    pub tie: Tie,
}

/// Whose address decides about the tax (R89, R90).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Situs {
    /// The billing contact's: the reseller's, when one buys.
    #[default]
    BillingContact,
    /// The technical contact's: the end customer's.
    TechnicalContact,
    /// Whom it is sold to: the end customer.
    SoldTo,
}

impl Situs {
    /// Whether it is what holds where nothing is said.
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One tax in one place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaxRate {
    /// ISO 3166-1 country.
    pub country: String,
    /// ISO 3166-2 subdivision, where the tax is not the whole country's.
    pub region: Option<String>,
    /// What it is called.
    pub name: String,
    /// Which products: the tax category of the catalogue.
    pub category: String,
    /// How much it is.
    pub percent: Percent,
    /// When it holds.
    pub period: Period,
}

/// A kind of certificate that frees from tax (R91).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exemption {
    /// Its stable id: `resale`, `exempt_organization`.
    pub kind: String,
    /// Countries in which it counts.
    pub countries: Vec<String>,
    /// The key of the note that documents must show.
    pub note: String,
}

impl TaxRate {
    /// ISO 3166 subdivision, or country where the tax is the whole country's.
    pub fn jurisdiction(&self) -> &str {
        self.region.as_deref().unwrap_or(&self.country)
    }
}

impl TaxTable {
    /// Whether the country's tax depends on the region.
    pub fn by_region(&self, country: &str) -> bool {
        self.rates.iter().any(|rate| rate.country == country && rate.region.is_some())
    }

    /// What is special in a country.
    pub fn country(&self, country: &str) -> CountryTax {
        self.countries.get(country).copied().unwrap_or_default()
    }

    /// The rates in force on `day` for a place and a category, in the order of the file.
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
