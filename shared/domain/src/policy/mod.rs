//! The vendor's policy: everything that is not code. It is read as a whole from the vendor's TOML files, and either
//! every part of it is sound, or nothing is served and every mistake is reported ([`Mistakes`]).

mod bounds;
mod catalogue;
mod discounts;
mod paying;
mod period;
mod prices;
mod read;
mod taxes;
mod texts;

use std::collections::BTreeMap;

use jiff::tz::TimeZone;

pub use self::{
    bounds::{AcceptedContact, Bounds, ReviewPolicy, UpgradeTerm},
    catalogue::{Deployment, Edition, LineKind, NotSold, Product, Sale},
    discounts::{Programme, Proof, Rate, Segment, Statement},
    paying::{MethodPolicy, Restriction, Threshold, ThresholdBasis},
    period::Period,
    prices::{PriceBook, PriceTable},
    read::{Mistake, Mistakes},
    taxes::{CountryTax, Exemption, Situs, TaxRate, TaxTable},
};
use crate::{Currency, money::Rounding, party::Email, wording::Wording};

/// A sound policy.
#[derive(Debug, Clone)]
pub struct Policy {
    /// Content address of the files it was read from: a quote pins it.
    pub version: String,
    /// Who sells.
    pub seller: Seller,
    /// Calendar rules happen in this zone.
    pub timezone: TimeZone,
    /// How many days after the day of issue a quote can be paid.
    pub validity_days: i32,
    /// How lines are rounded.
    pub rounding: Rounding,
    /// The product terms in force.
    pub terms: LegalText,
    /// The reseller agreement in force.
    pub reseller_agreement: LegalText,
    /// The series that invoices are numbered in: `IN` gives `IN-000001`.
    pub invoice_series: String,
    /// When a person must look first.
    pub review: ReviewPolicy,
    /// What is sold and for how much, by id.
    pub products: BTreeMap<String, Product>,
    /// Which resellers pay less, in the order of the file.
    pub programmes: Vec<Programme>,
    /// Which end customers pay less, in the order of the file.
    pub segments: Vec<Segment>,
    /// How far renewals, upgrades and co-terms may go.
    pub bounds: Bounds,
    /// Which taxes are added.
    pub tax: TaxTable,
    /// How it can be paid.
    pub methods: Vec<MethodPolicy>,
    /// Lines that allow only some methods.
    pub restrictions: Vec<Restriction>,
    /// The words for all this.
    pub wording: Wording,
}

/// The seller on every document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seller {
    /// Legal entity.
    pub legal_name: String,
    /// Its tax id, as documents must show it.
    pub tax_id: String,
    /// Its postal address, line by line.
    pub address: Vec<String>,
    /// Letters come from here.
    pub email: Email,
    /// Where customers find support.
    pub support_url: String,
}

/// A legal text with a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalText {
    /// Named when it is accepted.
    pub version: String,
    /// Where it can be read.
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

    /// The currencies that anything is priced in, in the order of their codes.
    pub fn currencies(&self) -> Vec<Currency> {
        let mut currencies: Vec<_> =
            self.products.values().flat_map(|product| &product.books).map(|book| book.currency).collect();
        currencies.sort_unstable();
        currencies.dedup();
        currencies
    }
}
