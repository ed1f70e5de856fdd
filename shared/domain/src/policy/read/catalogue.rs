//! Reads `catalogue.toml`: the products, their kinds of order, and the days of sale.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;
use serde::Deserialize;
use toml::Spanned;

use super::{
    files::{CATALOGUE, MAX_MONTHS},
    source::{Place, Reader},
    values::{Day, Text, Texts, kinds},
};
use crate::{
    money::Percent,
    policy::{Deployment, Edition, LineKind, Product, Sale},
};

const DEPLOYMENTS: [(&str, Deployment); 5] = [
    ("self_managed_perpetual", Deployment::SelfManagedPerpetual { maintenance_months: 0 }),
    ("self_managed_term", Deployment::SelfManagedTerm),
    ("annual_cloud", Deployment::AnnualCloud),
    ("monthly_cloud", Deployment::MonthlyCloud),
    ("government_cloud", Deployment::GovernmentCloud),
];

/// The tax category of products that set none.
pub(super) const STANDARD: &str = "standard";

/// The tax category of products without tax anywhere: the only category without a rate.
pub(super) const UNTAXED: &str = "untaxed";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProduct {
    id: Text,
    name: Text,
    family: Option<Text>,
    deployment: Text,
    kinds: Texts,
    #[serde(default)]
    sale_from: BTreeMap<Text, Day>,
    #[serde(default)]
    sale_until: BTreeMap<Text, Day>,
    max_term_end: Option<Day>,
    terms: Option<Spanned<Vec<u32>>>,
    maintenance_months: Option<Spanned<u32>>,
    renewal_percent: Option<Text>,
    tax_category: Option<Text>,
    #[serde(default)]
    editions: Vec<RawEdition>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEdition {
    id: Text,
    name: Text,
}

/// The products that could be read.
///
/// A product with a mistake is included. Otherwise every file that names the product would get a mistake too.
#[derive(Default)]
pub(super) struct Catalogue {
    /// The products by id, each with its place in the file.
    pub(super) products: BTreeMap<String, (Product, Place)>,
    /// The tax categories, each with its places in the products. The place of a product without a category is its id.
    pub(super) tax_categories: BTreeMap<String, Vec<Place>>,
    /// Whether every product could be read. If not, naming an unknown product is no mistake.
    pub(super) whole: bool,
}

impl Catalogue {
    /// The products without their places.
    pub(super) fn into_products(self) -> BTreeMap<String, Product> {
        self.products.into_iter().map(|(id, (product, _))| (id, product)).collect()
    }

    fn iter(&self) -> impl Iterator<Item = &Product> {
        self.products.values().map(|(product, _)| product)
    }

    /// The families of the products with a deployment; of all products for `None`.
    pub(super) fn families(&self, of: Option<Deployment>) -> BTreeSet<&str> {
        let products = self.iter().filter(|product| of.is_none_or(|of| product.deployment == of));
        products.map(|product| product.family.as_str()).collect()
    }
}

/// The names of deployments.
pub(super) fn deployments() -> [(&'static str, &'static str); 5] {
    DEPLOYMENTS.map(|(name, _)| (name, name))
}

impl Reader<'_> {
    pub(super) fn catalogue(&mut self) -> Catalogue {
        let Some(mut file) = self.open(CATALOGUE) else { return Catalogue::default() };
        let entries = self.entries::<RawProduct>(&mut file, "product");
        self.close(file);
        if entries.whole && entries.read.is_empty() {
            self.mistake(CATALOGUE, None, "there is no product: add a [[product]]");
        }
        let mut catalogue = Catalogue { whole: entries.whole, ..Catalogue::default() };
        for raw in entries.read {
            let place = raw.id.span();
            if catalogue.products.contains_key(raw.id.get_ref()) {
                let what = format!("product `{}` is defined twice: give one of them another id", raw.id.get_ref());
                self.mistake(CATALOGUE, Some(place), what);
                continue;
            }
            let category = raw.tax_category.clone().unwrap_or_else(|| Spanned::new(place.clone(), STANDARD.to_owned()));
            let sound = self.id(CATALOGUE, &category, '_');
            let places = catalogue.tax_categories.entry(category.get_ref().clone()).or_default();
            // A text that is not an id was reported. A missing rate for it is not reported too.
            places.extend(sound.then(|| category.span()));
            match self.product(raw) {
                Some(product) => _ = catalogue.products.insert(product.id.clone(), (product, place)),
                None => catalogue.whole = false,
            }
        }
        catalogue
    }

    /// Reads a product; `None` only when its deployment is unknown.
    fn product(&mut self, raw: RawProduct) -> Option<Product> {
        self.id(CATALOGUE, &raw.id, '-');
        for id in raw.family.iter().chain(raw.editions.iter().map(|edition| &edition.id)) {
            self.id(CATALOGUE, id, '-');
        }
        self.distinct(CATALOGUE, "edition", raw.editions.iter().map(|edition| &edition.id));
        let deployment = self.one_of(CATALOGUE, "deployment", &raw.deployment, &DEPLOYMENTS);
        let sales = self.sales(&raw, deployment);
        let max_term_end = raw.max_term_end.as_ref().and_then(|day| self.date(CATALOGUE, day));
        let deployment = self.deployment(&raw, deployment?);
        let terms = self.terms(&raw, deployment);
        let renewal_percent = self.renewal_percent(&raw, deployment, &sales);
        let id = raw.id.into_inner();
        let editions = raw.editions.into_iter().map(|edition| {
            let name = self.text(CATALOGUE, edition.name, "edition's name").unwrap_or_default();
            Edition { id: edition.id.into_inner(), name }
        });
        let editions = editions.collect();
        Some(Product {
            name: self.text(CATALOGUE, raw.name, "product's name").unwrap_or_default(),
            family: raw.family.map_or_else(|| id.clone(), Spanned::into_inner),
            id,
            deployment,
            editions,
            tax_category: raw.tax_category.map_or_else(|| STANDARD.to_owned(), Spanned::into_inner),
            sales,
            terms,
            max_term_end,
            renewal_percent,
            books: Vec::new(),
        })
    }

    /// Reads the kinds of order and their days of sale.
    fn sales(&mut self, raw: &RawProduct, deployment: Option<Deployment>) -> Vec<Sale> {
        self.not_empty(CATALOGUE, &raw.kinds, "without a kind of order, such as \"new\", the product cannot be ordered");
        for name in raw.kinds.get_ref() {
            let only = match deployment {
                Some(Deployment::MonthlyCloud) if name.get_ref() != LineKind::New.as_str() => {
                    "monthly cloud has new orders only: write `kinds` as [\"new\"]"
                }
                Some(Deployment::SelfManagedPerpetual { .. }) if name.get_ref() == LineKind::RenewAndUpgrade.as_str() => {
                    "a perpetual licence has no end to renew: use \"upgrade\" and \"renewal\" instead"
                }
                _ => continue,
            };
            self.mistake(CATALOGUE, Some(name.span()), only);
        }
        let named = self.all_of(CATALOGUE, "kind of order", raw.kinds.get_ref(), &kinds());
        let from = self.sale_days(raw, "sale_from", &raw.sale_from);
        let until = self.sale_days(raw, "sale_until", &raw.sale_until);
        for (kind, (last, place)) in &until {
            if from.get(kind).is_some_and(|(first, _)| first >= last) {
                let what = "`sale_until` is the first day without sales: it must be later than `sale_from`";
                self.mistake(CATALOGUE, Some(place.clone()), what);
            }
        }
        let day = |days: &BTreeMap<&str, (Date, Place)>, kind: LineKind| days.get(kind.as_str()).map(|(day, _)| *day);
        named.into_iter().map(|kind| Sale { kind, from: day(&from, kind), until: day(&until, kind) }).collect()
    }

    fn sale_days<'r>(
        &mut self,
        raw: &RawProduct,
        table: &str,
        days: &'r BTreeMap<Text, Day>,
    ) -> BTreeMap<&'r str, (Date, Place)> {
        let mut sound = BTreeMap::new();
        for (kind, day) in days {
            if !raw.kinds.get_ref().iter().any(|known| known.get_ref() == kind.get_ref()) {
                let what = format!("`{table}` has a day for `{}`, which is not among the product's `kinds`", kind.get_ref());
                self.mistake(CATALOGUE, Some(kind.span()), what);
            }
            if let Some(date) = self.date(CATALOGUE, day) {
                sound.insert(kind.get_ref().as_str(), (date, day.span()));
            }
        }
        sound
    }

    /// Reads the deployment with its months of maintenance.
    fn deployment(&mut self, raw: &RawProduct, deployment: Deployment) -> Deployment {
        match (deployment, &raw.maintenance_months) {
            (Deployment::SelfManagedPerpetual { .. }, Some(months)) => {
                let maintenance_months = self.within(CATALOGUE, "months of maintenance", months, 1..=MAX_MONTHS);
                return Deployment::SelfManagedPerpetual { maintenance_months };
            }
            (Deployment::SelfManagedPerpetual { .. }, None) => {
                let what = "a perpetual product needs `maintenance_months`: add the months that a new licence includes";
                self.mistake(CATALOGUE, Some(raw.deployment.span()), what);
            }
            (_, Some(months)) => {
                let what = "only a perpetual product has `maintenance_months`: remove them";
                self.mistake(CATALOGUE, Some(months.span()), what);
            }
            (_, None) => {}
        }
        deployment
    }

    /// Reads the terms on sale, in months.
    fn terms(&mut self, raw: &RawProduct, deployment: Deployment) -> Vec<u32> {
        let none = matches!(deployment, Deployment::SelfManagedPerpetual { .. } | Deployment::MonthlyCloud);
        let government = deployment == Deployment::GovernmentCloud;
        let Some(terms) = &raw.terms else {
            if !none {
                let what = "a product for a term needs `terms`: add the months on sale, such as [12, 24]";
                self.mistake(CATALOGUE, Some(raw.deployment.span()), what);
            }
            return Vec::new();
        };
        if none {
            let what = format!("a product with the deployment {} has no `terms`: remove them", deployment.as_str());
            self.mistake(CATALOGUE, Some(terms.span()), what);
        } else if terms.get_ref().is_empty() || !terms.get_ref().iter().all(|months| (1..=MAX_MONTHS).contains(months)) {
            self.mistake(
                CATALOGUE,
                Some(terms.span()),
                format!("`terms` must have at least one term: each has 1 to {MAX_MONTHS} months"),
            );
        } else if government && !terms.get_ref().iter().all(|months| months.is_multiple_of(12)) {
            let what = "government cloud is billed by the year: write terms of 12, 24, 36 … months";
            self.mistake(CATALOGUE, Some(terms.span()), what);
        }
        terms.get_ref().clone()
    }

    /// Reads the price of renewing the maintenance of a perpetual licence.
    fn renewal_percent(&mut self, raw: &RawProduct, deployment: Deployment, sales: &[Sale]) -> Option<Percent> {
        let renewed = sales.iter().any(|sale| matches!(sale.kind, LineKind::Renewal | LineKind::Coterm));
        match (&raw.renewal_percent, deployment.is_perpetual() && renewed) {
            (Some(percent), true) => return self.percent(CATALOGUE, percent),
            (Some(percent), false) => {
                let what = "only a perpetual product with \"renewal\" or \"coterm\" has a `renewal_percent`: remove it";
                self.mistake(CATALOGUE, Some(percent.span()), what);
            }
            (None, true) => {
                let what = "a renewal of maintenance costs a percentage of the list price: add `renewal_percent`, such as \"50\"";
                self.mistake(CATALOGUE, Some(raw.kinds.span()), what);
            }
            (None, false) => {}
        }
        None
    }
}
