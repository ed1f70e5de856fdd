//! The vendor's policy: products, prices, discounts, taxes, payment and texts. It is read as a whole from the vendor's TOML
//! files. Either every part of it is sound, or no policy is returned and every mistake is reported ([`Mistakes`]).

mod bounds;
mod catalogue;
mod difference;
mod discounts;
mod paying;
mod period;
mod prices;
mod read;
mod taxes;
mod texts;

use std::{collections::BTreeMap, ops::RangeInclusive};

use jiff::tz::TimeZone;

pub use self::{
    bounds::{AcceptedContact, Bounds, ReviewPolicy, UpgradeTerm},
    catalogue::{Deployment, Edition, LineKind, NotSold, Product, Sale},
    difference::difference,
    discounts::{Programme, Proof, Rate, Segment, Statement},
    paying::{MethodPolicy, Restriction, Threshold, ThresholdBasis},
    period::Period,
    prices::{PriceBook, PriceTable},
    read::{Mistake, Mistakes},
    taxes::{CountryTax, Exemption, Situs, TaxRate, TaxTable, UnconfirmedClaim},
};
use crate::{Currency, money::Rounding, party::Email, wording::Wording};

/// A sound policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// The content address of the files that the policy was read from. A quote stores it.
    pub version: String,
    /// The seller.
    pub seller: Seller,
    /// The colour of buttons and marks in documents and letters: `#0f5c6e`. White text is readable on it.
    pub accent: String,
    /// The characters that the vendor's own fonts print, in addition to those of the embedded fonts.
    pub printable: Vec<RangeInclusive<char>>,
    /// The time zone of every calendar rule.
    pub timezone: TimeZone,
    /// The number of days after the day of issue on which a quote can be paid.
    pub validity_days: i32,
    /// How lines are rounded.
    pub rounding: Rounding,
    /// The product terms in force.
    pub terms: LegalText,
    /// The reseller agreement in force.
    pub reseller_agreement: LegalText,
    /// The series of the invoice numbers: `IN` gives `IN-000001`.
    pub invoice_series: String,
    /// When a person must review an order.
    pub review: ReviewPolicy,
    /// The products with their prices, by id.
    pub products: BTreeMap<String, Product>,
    /// The discounts of resellers, in the order of the file.
    pub programmes: Vec<Programme>,
    /// The discounts of end customers, in the order of the file.
    pub segments: Vec<Segment>,
    /// The bounds of renewals, upgrades, co-terms and downgrades.
    pub bounds: Bounds,
    /// The taxes.
    pub tax: TaxTable,
    /// The payment methods.
    pub methods: Vec<MethodPolicy>,
    /// Restrictions of the payment methods for some lines.
    pub restrictions: Vec<Restriction>,
    /// Whether a second member of staff must confirm a change of the payment instructions.
    pub second_person: bool,
    /// The texts of documents and letters.
    pub wording: Wording,
}

/// The seller on every document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// The legal name.
    pub legal_name: String,
    /// Its entry in the register of companies, as documents must show it.
    pub registration: Option<String>,
    /// Its tax id, as documents must show it.
    pub tax_id: String,
    /// Its postal address, line by line.
    pub address: Vec<String>,
    /// The sender's address of letters.
    pub email: Email,
    /// The address that replies go to; if absent, the sender's.
    pub reply_to: Option<Email>,
    /// The address of the support page.
    pub support_url: String,
}

/// A legal text with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalText {
    /// The version, which an acceptance names.
    pub version: String,
    /// The address of the text.
    pub url: String,
}

impl Policy {
    /// The product with this id.
    pub fn product(&self, id: &str) -> Option<&Product> {
        self.products.get(id)
    }

    /// The programme with this id.
    pub fn programme(&self, id: &str) -> Option<&Programme> {
        self.programmes.iter().find(|programme| programme.id == id)
    }

    /// The segment with this id.
    pub fn segment(&self, id: &str) -> Option<&Segment> {
        self.segments.iter().find(|segment| segment.id == id)
    }

    /// The currencies that have a price, in the order of their codes.
    pub fn currencies(&self) -> Vec<Currency> {
        let mut currencies: Vec<_> =
            self.products.values().flat_map(|product| &product.books).map(|book| book.currency).collect();
        currencies.sort_unstable();
        currencies.dedup();
        currencies
    }
}
