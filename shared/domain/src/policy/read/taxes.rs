//! Reads `tax.toml`: the taxes that the vendor adds.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use toml::Spanned;

use super::{
    catalogue::{Catalogue, STANDARD, UNTAXED},
    files::{CATALOGUE, TAX},
    source::Reader,
    values::{Day, Series, Text, Texts},
};
use crate::{
    money::Tie,
    place,
    policy::{CountryTax, Exemption, Situs, TaxRate, TaxTable, UnconfirmedClaim},
    wording::Wording,
};

const SITUS: [(&str, Situs); 3] =
    [("billing_contact", Situs::BillingContact), ("technical_contact", Situs::TechnicalContact), ("sold_to", Situs::SoldTo)];

const TIES: [(&str, Tie); 4] = [("half_up", Tie::HalfUp), ("half_down", Tie::HalfDown), ("down", Tie::Down), ("up", Tie::Up)];

const UNCONFIRMED: [(&str, UnconfirmedClaim); 2] = [("accept", UnconfirmedClaim::Accept), ("review", UnconfirmedClaim::Review)];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClaims {
    unconfirmed: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCountry {
    country: Text,
    situs: Option<Text>,
    rounding: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    country: Text,
    region: Option<Text>,
    name: Text,
    category: Option<Text>,
    percent: Text,
    from: Day,
    until: Option<Day>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawReverseCharge {
    countries: Texts,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawExemption {
    kind: Text,
    countries: Texts,
    note: Text,
}

/// The kind of the record of a VAT id. An exemption must have another name.
const VAT_ID: &str = "vat_id";

impl Reader<'_> {
    pub(super) fn taxes(&mut self, catalogue: &Catalogue, wording: Option<&Wording>) -> TaxTable {
        let Some(mut file) = self.open(TAX) else { return TaxTable::default() };
        let countries = self.entries::<RawCountry>(&mut file, "country").read;
        let rates = self.entries::<RawRate>(&mut file, "rate");
        let reverse_charge = self.section_if_there::<RawReverseCharge>(&mut file, "reverse_charge");
        let claims = self.section_if_there::<RawClaims>(&mut file, "claims");
        let exemptions = self.entries::<RawExemption>(&mut file, "exemption").read;
        self.close(file);
        self.distinct(TAX, "country", countries.iter().map(|raw| &raw.country));
        self.distinct(TAX, "exemption", exemptions.iter().map(|raw| &raw.kind));
        TaxTable {
            countries: countries.into_iter().map(|raw| self.country_tax(raw)).collect(),
            rates: self.tax_rates(rates.read, rates.whole, catalogue),
            reverse_charge: reverse_charge.map(|raw| self.countries(TAX, &raw.countries)).unwrap_or_default(),
            unconfirmed: claims
                .and_then(|raw| self.one_of(TAX, "way to treat an unconfirmed claim", &raw.unconfirmed, &UNCONFIRMED))
                .unwrap_or_default(),
            exemptions: exemptions.into_iter().map(|raw| self.exemption(raw, wording)).collect(),
        }
    }

    fn country_tax(&mut self, raw: RawCountry) -> (String, CountryTax) {
        self.country(TAX, &raw.country);
        let situs = raw.situs.and_then(|name| self.one_of(TAX, "situs", &name, &SITUS));
        let tie = raw.rounding.and_then(|name| self.one_of(TAX, "rounding", &name, &TIES));
        (raw.country.into_inner(), CountryTax { situs: situs.unwrap_or_default(), tie: tie.unwrap_or_default() })
    }

    fn tax_rates(&mut self, entries: Vec<RawRate>, whole: bool, catalogue: &Catalogue) -> Vec<TaxRate> {
        let mut rates = Vec::new();
        let mut series: BTreeMap<[String; 3], Series> = BTreeMap::new();
        for raw in entries {
            let place = raw.country.span();
            if self.country(TAX, &raw.country)
                && let Some(region) = &raw.region
                && !is_region(region.get_ref(), raw.country.get_ref())
            {
                let (region, country, place) = (region.get_ref(), raw.country.get_ref(), region.span());
                self.mistake(
                    TAX,
                    Some(place),
                    format!("`{region}` is not an ISO 3166-2 subdivision of {country}: write it as {country}-…"),
                );
            }
            if let Some(category) = &raw.category {
                self.rate_category(category, catalogue);
            }
            let percent = self.percent(TAX, &raw.percent);
            let period = self.period(TAX, &raw.from, raw.until.as_ref());
            let name = self.text(TAX, raw.name, "tax's name").unwrap_or_default();
            let category = raw.category.map_or_else(|| STANDARD.to_owned(), Spanned::into_inner);
            let (country, region) = (raw.country.into_inner(), raw.region.map(Spanned::into_inner));
            let key = [region.as_ref().unwrap_or(&country).clone(), name.clone(), category.clone()];
            series.entry(key).or_insert_with(|| Series { broken: !whole, ..Series::default() }).push(period, place);
            if let (Some(percent), Some(period)) = (percent, period) {
                rates.push(TaxRate { country, region, name, category, percent, period });
            }
        }
        if whole {
            let taxed = series.keys().map(|[_, _, category]| category.as_str()).collect();
            self.every_category(catalogue, &taxed);
        }
        for ([jurisdiction, name, category], series) in series {
            let of = if category == STANDARD { String::new() } else { format!(" for `{category}`") };
            self.series(TAX, &format!("rate of {name} in {jurisdiction}{of}"), series);
        }
        rates
    }

    /// Checks that a product has the tax category of a rate.
    fn rate_category(&mut self, category: &Text, catalogue: &Catalogue) {
        let what = match category.get_ref().as_str() {
            UNTAXED => format!("`{UNTAXED}` products have no tax: remove the rate, or give the products another `tax_category`"),
            name if catalogue.whole && !catalogue.tax_categories.contains_key(name) => {
                format!("no product has the `tax_category` `{name}`: correct the name, or remove the rate")
            }
            _ => return,
        };
        self.mistake(TAX, Some(category.span()), what);
    }

    /// Reports products without any tax rate. Otherwise they would be sold without tax everywhere, and the vendor would not
    /// notice.
    fn every_category(&mut self, catalogue: &Catalogue, taxed: &BTreeSet<&str>) {
        for (category, places) in &catalogue.tax_categories {
            // A vendor that charges no tax has no rates, and need not mark every product as untaxed.
            let free = category == UNTAXED || (category == STANDARD && taxed.is_empty());
            if free || taxed.contains(category.as_str()) {
                continue;
            }
            for place in places {
                let what = format!("{TAX} has no rate for `{category}`: add one, or write tax_category = \"{UNTAXED}\"");
                self.mistake(CATALOGUE, Some(place.clone()), what);
            }
        }
    }

    fn exemption(&mut self, raw: RawExemption, wording: Option<&Wording>) -> Exemption {
        self.id(TAX, &raw.kind, '_');
        if raw.kind.get_ref() == VAT_ID {
            let what = format!("`{VAT_ID}` is the kind of a VAT id: give the certificate another name");
            self.mistake(TAX, Some(raw.kind.span()), what);
        }
        // For a missing text, `text` returns the key.
        let missing = |wording: &&Wording| wording.text(wording.default_language(), raw.note.get_ref()) == raw.note.get_ref();
        if let Some(wording) = wording.filter(missing) {
            let (note, language) = (raw.note.get_ref(), wording.default_language());
            let what = format!("there is no text `{note}` in the default language: add it to languages/{language}.toml");
            self.mistake(TAX, Some(raw.note.span()), what);
        }
        let countries = self.countries(TAX, &raw.countries);
        Exemption { kind: raw.kind.into_inner(), countries, note: raw.note.into_inner() }
    }
}

fn is_region(region: &str, country: &str) -> bool {
    place::is_subdivision(region) && region.starts_with(country)
}
