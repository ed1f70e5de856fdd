//! From the vendor's TOML files to a [`Policy`], with every mistake, its place, and what to do about it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    ops::Range,
};

use jiff::{civil::Date, tz::TimeZone};
use rust_decimal::Decimal;
use serde::{Deserialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::{Deployment, Document, MethodPolicy, Policy, PriceBook, PriceTable, Product, Seller, TaxRate, TaxTable, texts::KEYS};
use crate::{
    Currency,
    money::{Percent, Rounding},
    party::Email,
    payment::Method,
    place,
    request::LineKind,
    wording::{Wording, places},
};

/// Bounds that keep every sum of every document within 64 bits.
const MAX_PRICE: i64 = 1_000_000_000_000;
const MAX_USERS: u32 = 1_000_000;
const MAX_MONTHS: u32 = 120;

/// One thing that is wrong in the vendor's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The file's name.
    pub file: String,
    /// The line, from 1; `None` when it is about the file as a whole.
    pub line: Option<usize>,
    /// What is wrong, and what to do.
    pub what: String,
}

/// Everything that is wrong in the vendor's files. Nothing is served until it is mended.
#[derive(Clone, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

/// As for people: a `main` that returns them prints them so.
impl fmt::Debug for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the vendor's policy has {} mistake(s):", self.0.len())?;
        for Mistake { file, line, what } in &self.0 {
            match line {
                Some(line) => writeln!(f, "  {file}:{line}: {what}")?,
                None => writeln!(f, "  {file}: {what}")?,
            }
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorFile {
    seller: RawSeller,
    quote: RawQuote,
    terms: RawDocument,
    reseller_agreement: RawDocument,
    invoice: RawInvoice,
    languages: RawLanguages,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSeller {
    legal_name: Spanned<String>,
    tax_id: Spanned<String>,
    address: Spanned<Vec<String>>,
    email: Spanned<String>,
    support_url: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawQuote {
    timezone: Spanned<String>,
    validity_days: Spanned<i32>,
    rounding: Rounding,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDocument {
    version: Spanned<String>,
    url: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInvoice {
    series: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLanguages {
    default: Spanned<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    product: Vec<RawProduct>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawProduct {
    id: Spanned<String>,
    name: Spanned<String>,
    deployment: Spanned<RawDeployment>,
    kinds: Spanned<Vec<LineKind>>,
    maintenance_months: Option<Spanned<u32>>,
    terms: Option<Spanned<Vec<u32>>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum RawDeployment {
    SelfManagedPerpetual,
    SelfManagedTerm,
    AnnualCloud,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PricesFile {
    book: Vec<RawBook>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBook {
    product: Spanned<String>,
    currency: Spanned<String>,
    from: Spanned<toml::value::Datetime>,
    until: Option<Spanned<toml::value::Datetime>>,
    tiers: Option<Spanned<Vec<RawTier>>>,
    flat: Option<RawTier>,
    blocks: Option<Spanned<Vec<RawTier>>>,
    ladder: Option<Spanned<Vec<u32>>>,
    annual_months: Option<u32>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct RawTier {
    users: u32,
    price: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TaxFile {
    #[serde(default)]
    rate: Vec<RawRate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRate {
    country: Spanned<String>,
    region: Option<Spanned<String>>,
    name: String,
    percent: Spanned<String>,
    from: Spanned<toml::value::Datetime>,
    until: Option<Spanned<toml::value::Datetime>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PaymentFile {
    method: Vec<RawMethod>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawMethod {
    id: Spanned<Method>,
    currencies: Option<Spanned<Vec<String>>>,
    #[serde(default)]
    except_currencies: Option<Spanned<Vec<String>>>,
    minimum_net: Option<Spanned<BTreeMap<String, i64>>>,
    #[serde(default)]
    details: BTreeMap<String, String>,
}

/// The vendor's files by name, and what is wrong with them so far.
struct Reader<'f> {
    files: &'f BTreeMap<String, String>,
    mistakes: Vec<Mistake>,
}

impl<'f> Reader<'f> {
    fn mistake(&mut self, file: &str, span: Option<Range<usize>>, what: impl Into<String>) {
        let line = span.and_then(|span| self.files.get(file)?.get(..span.start).map(|before| before.matches('\n').count() + 1));
        self.mistakes.push(Mistake { file: file.to_owned(), line, what: what.into() });
    }

    fn file<T: DeserializeOwned>(&mut self, file: &str) -> Option<T> {
        let Some(text) = self.files.get(file) else {
            self.mistake(file, None, "the file is missing: every vendor needs it, see the example vendor");
            return None;
        };
        match toml::from_str(text) {
            Ok(read) => Some(read),
            Err(error) => {
                self.mistake(file, error.span(), error.message().to_owned());
                None
            }
        }
    }

    fn text(&mut self, file: &str, text: Spanned<String>, what: &str) -> Option<String> {
        let span = text.span();
        let text = text.into_inner();
        if text.trim().is_empty() {
            self.mistake(file, Some(span), format!("the {what} is empty: documents must show it"));
            return None;
        }
        Some(text)
    }

    fn currency(&mut self, file: &str, code: &str, span: Range<usize>) -> Option<Currency> {
        let currency = code.parse().ok();
        if currency.is_none() {
            self.mistake(
                file,
                Some(span),
                format!("`{code}` is not an ISO 4217 currency: write three capital letters, such as USD"),
            );
        }
        currency
    }

    fn currencies(&mut self, file: &str, codes: Spanned<Vec<String>>) -> Vec<Currency> {
        let span = codes.span();
        codes.into_inner().iter().filter_map(|code| self.currency(file, code, span.clone())).collect()
    }

    fn date(&mut self, file: &str, date: &Spanned<toml::value::Datetime>) -> Option<Date> {
        let text = date.get_ref().to_string();
        let day = text.parse().ok();
        if day.is_none() {
            self.mistake(file, Some(date.span()), format!("`{text}` is not a day: write it as 2026-01-31, without a time"));
        }
        day
    }

    fn dates(
        &mut self,
        file: &str,
        from: &Spanned<toml::value::Datetime>,
        until: Option<&Spanned<toml::value::Datetime>>,
    ) -> Option<(Date, Option<Date>)> {
        let (first, last) = (self.date(file, from), until.map(|until| (until.span(), self.date(file, until))));
        match (first?, last) {
            (first, None) => Some((first, None)),
            (first, Some((span, last))) => {
                let last = last?;
                if last <= first {
                    self.mistake(
                        file,
                        Some(span),
                        "`until` is the first day that no longer counts: it must be later than `from`",
                    );
                    return None;
                }
                Some((first, Some(last)))
            }
        }
    }

    fn document(&mut self, document: RawDocument, what: &str) -> Option<Document> {
        let version = self.text(VENDOR, document.version, &format!("version of the {what}"));
        let url = self.text(VENDOR, document.url, &format!("address of the {what}"));
        Some(Document { version: version?, url: url? })
    }
}

const VENDOR: &str = "vendor.toml";
const CATALOGUE: &str = "catalogue.toml";
const PRICES: &str = "prices.toml";
const TAX: &str = "tax.toml";
const PAYMENT: &str = "payment.toml";
const LANGUAGES: &str = "languages/";

/// What every method's instructions may name, besides its own `details`.
const PAYMENT_PLACES: [&str; 5] = ["reference", "amount", "link", "valid_through", "currency"];

impl Policy {
    /// Reads a policy from the vendor's files: names relative to the vendor's folder, with their text. Files of other
    /// rooms (letters, documents, examples) may be among them; what a price depends on is in the version.
    pub fn read(files: &BTreeMap<String, String>) -> Result<Self, Mistakes> {
        let mut reader = Reader { files, mistakes: Vec::new() };
        let vendor = reader.file::<VendorFile>(VENDOR);
        let products = reader.file::<CatalogueFile>(CATALOGUE).map(|file| reader.products(file));
        let books = reader.file::<PricesFile>(PRICES).map(|file| reader.books(file, products.as_deref()));
        let tax = reader.file::<TaxFile>(TAX).map(|file| reader.tax(file));
        let methods = reader.file::<PaymentFile>(PAYMENT).map(|file| reader.methods(file));
        let default = vendor.as_ref().map(|vendor| vendor.languages.default.get_ref().clone());
        let wording = reader.wording(default.as_deref().unwrap_or("en"));
        reader.instructions(methods.as_deref().unwrap_or_default(), &wording);
        let policy = vendor.and_then(|vendor| {
            let VendorFile { seller, quote, terms, reseller_agreement, invoice, languages: _ } = vendor;
            let seller = reader.seller(seller);
            let timezone = reader.timezone(&quote.timezone);
            let validity_days = *quote.validity_days.get_ref();
            if !(1..=365).contains(&validity_days) {
                reader.mistake(VENDOR, Some(quote.validity_days.span()), "a quote is valid for 1 to 365 days");
            }
            let terms = reader.document(terms, "terms");
            let reseller_agreement = reader.document(reseller_agreement, "reseller agreement");
            let invoice_series = reader.text(VENDOR, invoice.series, "invoice series");
            Some(Policy {
                version: version(files),
                seller: seller?,
                timezone: timezone?,
                validity_days,
                rounding: quote.rounding,
                terms: terms?,
                reseller_agreement: reseller_agreement?,
                invoice_series: invoice_series?,
                products: products?,
                books: books?,
                tax: tax?,
                methods: methods?,
                wording,
            })
        });
        match policy {
            Some(policy) if reader.mistakes.is_empty() => Ok(policy),
            _ => Err(Mistakes(reader.mistakes)),
        }
    }
}

impl Reader<'_> {
    fn seller(&mut self, raw: RawSeller) -> Option<Seller> {
        let legal_name = self.text(VENDOR, raw.legal_name, "legal name");
        let tax_id = self.text(VENDOR, raw.tax_id, "tax id");
        let support_url = self.text(VENDOR, raw.support_url, "support address");
        let email = Email::parse(raw.email.get_ref());
        if email.is_none() {
            self.mistake(VENDOR, Some(raw.email.span()), "this is not an e-mail address: letters are sent from it");
        }
        if raw.address.get_ref().is_empty() {
            self.mistake(VENDOR, Some(raw.address.span()), "the seller's address is empty: documents must show it");
        }
        Some(Seller {
            legal_name: legal_name?,
            tax_id: tax_id?,
            address: raw.address.into_inner(),
            email: email?,
            support_url: support_url?,
        })
    }

    fn timezone(&mut self, name: &Spanned<String>) -> Option<TimeZone> {
        let zone = TimeZone::get(name.get_ref()).ok();
        if zone.is_none() {
            self.mistake(
                VENDOR,
                Some(name.span()),
                format!("`{}` is not a time zone of the IANA database, such as Europe/Berlin or UTC", name.get_ref()),
            );
        }
        zone
    }

    fn products(&mut self, file: CatalogueFile) -> Vec<Product> {
        let mut seen = BTreeSet::new();
        let mut products = Vec::new();
        for raw in file.product {
            let span = raw.id.span();
            let id = raw.id.into_inner();
            if !seen.insert(id.clone()) {
                self.mistake(CATALOGUE, Some(span), format!("product `{id}` is here twice: ids are unique"));
                continue;
            }
            if id.is_empty() || !id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
                self.mistake(
                    CATALOGUE,
                    Some(span.clone()),
                    format!("`{id}` is no id: use lower-case letters, digits and hyphens"),
                );
            }
            if raw.kinds.get_ref().is_empty() {
                self.mistake(
                    CATALOGUE,
                    Some(raw.kinds.span()),
                    format!("product `{id}` cannot be ordered in any way: name a kind, such as \"new\""),
                );
            }
            let deployment_span = raw.deployment.span();
            let months = |months: &u32| (1..=MAX_MONTHS).contains(months);
            let (deployment, terms) = match (raw.deployment.into_inner(), raw.maintenance_months, raw.terms) {
                (RawDeployment::SelfManagedPerpetual, Some(maintenance), None) => {
                    if !months(maintenance.get_ref()) {
                        self.mistake(CATALOGUE, Some(maintenance.span()), format!("maintenance lasts 1 to {MAX_MONTHS} months"));
                    }
                    (Deployment::SelfManagedPerpetual { maintenance_months: maintenance.into_inner() }, Vec::new())
                }
                (RawDeployment::SelfManagedPerpetual, _, _) => {
                    self.mistake(CATALOGUE, Some(deployment_span), "a perpetual product has `maintenance_months` and no `terms`");
                    continue;
                }
                (term, None, Some(terms)) => {
                    if terms.get_ref().is_empty() || !terms.get_ref().iter().all(months) {
                        self.mistake(
                            CATALOGUE,
                            Some(terms.span()),
                            format!("name the terms on sale, each 1 to {MAX_MONTHS} months"),
                        );
                    }
                    let deployment = match term {
                        RawDeployment::AnnualCloud => Deployment::AnnualCloud,
                        _ => Deployment::SelfManagedTerm,
                    };
                    (deployment, terms.into_inner())
                }
                _ => {
                    self.mistake(
                        CATALOGUE,
                        Some(deployment_span),
                        "a product for a term has `terms` and no `maintenance_months`",
                    );
                    continue;
                }
            };
            let Some(name) = self.text(CATALOGUE, raw.name, "product's name") else { continue };
            products.push(Product { id, name, deployment, kinds: raw.kinds.into_inner(), terms });
        }
        products
    }

    fn books(&mut self, file: PricesFile, products: Option<&[Product]>) -> Vec<PriceBook> {
        let mut books: Vec<PriceBook> = Vec::new();
        for raw in file.book {
            let place = raw.product.span();
            if products.is_some_and(|products| !products.iter().any(|product| product.id == *raw.product.get_ref())) {
                self.mistake(PRICES, Some(place.clone()), format!("product `{}` is not in {CATALOGUE}", raw.product.get_ref()));
            }
            let currency = self.currency(PRICES, raw.currency.get_ref(), raw.currency.span());
            let dates = self.dates(PRICES, &raw.from, raw.until.as_ref());
            let table = match (raw.tiers, raw.flat, raw.blocks, raw.ladder, raw.annual_months) {
                (Some(tiers), None, None, None, None) => self.banded(tiers),
                (None, Some(flat), Some(blocks), Some(ladder), Some(annual_months)) => {
                    self.graduated(flat, blocks, ladder, annual_months)
                }
                _ => {
                    self.mistake(
                        PRICES,
                        Some(place.clone()),
                        "a book has either `tiers`, or all of `flat`, `blocks`, `ladder` and `annual_months`",
                    );
                    None
                }
            };
            let (Some(currency), Some((from, until)), Some(table)) = (currency, dates, table) else { continue };
            let product = raw.product.into_inner();
            let overlaps = |book: &PriceBook| {
                book.product == product
                    && book.currency == currency
                    && until.is_none_or(|until| book.from < until)
                    && book.until.is_none_or(|until| from < until)
            };
            if books.iter().any(overlaps) {
                self.mistake(
                    PRICES,
                    Some(place),
                    format!("`{product}` has two prices in {currency} on the same day: end the older book with `until`"),
                );
            }
            books.push(PriceBook { product, currency, from, until, table });
        }
        books
    }

    fn banded(&mut self, tiers: Spanned<Vec<RawTier>>) -> Option<PriceTable> {
        let span = tiers.span();
        self.rising("tiers", &span, tiers.get_ref())?;
        Some(PriceTable::Banded(tiers.into_inner().iter().map(|tier| (tier.users, tier.price)).collect()))
    }

    fn graduated(
        &mut self,
        flat: RawTier,
        blocks: Spanned<Vec<RawTier>>,
        ladder: Spanned<Vec<u32>>,
        annual_months: u32,
    ) -> Option<PriceTable> {
        let ladder_span = ladder.span();
        let rungs: Vec<_> = ladder.get_ref().iter().map(|&users| RawTier { users, price: flat.price }).collect();
        let blocks_span = blocks.span();
        let sound = [self.rising("blocks", &blocks_span, blocks.get_ref()), self.rising("ladder", &ladder_span, &rungs)];
        if !(1..=12).contains(&annual_months) {
            self.mistake(PRICES, Some(ladder_span.clone()), "`annual_months` says how many months a year costs: 1 to 12");
            return None;
        }
        let reach = blocks.get_ref().last().map_or(0, |block| block.users);
        if let Some(top) = ladder.get_ref().last().filter(|&&top| top > reach) {
            self.mistake(
                PRICES,
                Some(ladder_span),
                format!("the ladder reaches {top} users, but the blocks have a price up to {reach} only"),
            );
            return None;
        }
        let dearest = blocks.get_ref().iter().map(|block| block.price).max().unwrap_or(0).max(flat.price);
        if i128::from(dearest) * i128::from(reach) * i128::from(annual_months) > i128::from(MAX_PRICE) {
            let what = format!(
                "a year for {reach} users could cost more than {MAX_PRICE} minor units, which is more than any document can hold"
            );
            self.mistake(PRICES, Some(blocks_span), what);
            return None;
        }
        sound.into_iter().collect::<Option<Vec<()>>>()?;
        Some(PriceTable::Graduated {
            flat: (flat.users, flat.price),
            blocks: blocks.into_inner().iter().map(|block| (block.users, block.price)).collect(),
            ladder: ladder.into_inner(),
            annual_months,
        })
    }

    fn rising(&mut self, name: &str, span: &Range<usize>, tiers: &[RawTier]) -> Option<()> {
        let mut sound = true;
        if tiers.is_empty() {
            self.mistake(PRICES, Some(span.clone()), format!("`{name}` is empty: there is no price for anybody"));
            sound = false;
        }
        if !tiers.is_sorted_by(|a, b| a.users < b.users) {
            self.mistake(
                PRICES,
                Some(span.clone()),
                format!("`{name}` must rise in users: a tier behind a larger one is never reached"),
            );
            sound = false;
        }
        if tiers.iter().any(|tier| tier.users == 0 || tier.users > MAX_USERS || !(0..=MAX_PRICE).contains(&tier.price)) {
            self.mistake(
                PRICES,
                Some(span.clone()),
                format!("in `{name}`, users are 1 to {MAX_USERS} and prices 0 to {MAX_PRICE} minor units"),
            );
            sound = false;
        }
        sound.then_some(())
    }

    fn tax(&mut self, file: TaxFile) -> TaxTable {
        let mut rates: Vec<TaxRate> = Vec::new();
        for raw in file.rate {
            if !place::is_country(raw.country.get_ref()) {
                self.mistake(TAX, Some(raw.country.span()), format!("`{}` is not an ISO 3166 country", raw.country.get_ref()));
            }
            if let Some(region) = &raw.region
                && (!place::is_subdivision(region.get_ref()) || !region.get_ref().starts_with(&**raw.country.get_ref()))
            {
                self.mistake(
                    TAX,
                    Some(region.span()),
                    format!("`{}` is not an ISO 3166-2 subdivision of {}", region.get_ref(), raw.country.get_ref()),
                );
            }
            let percent = raw.percent.get_ref().parse::<Decimal>().ok().and_then(Percent::new);
            if percent.is_none() {
                self.mistake(
                    TAX,
                    Some(raw.percent.span()),
                    "a rate is a percentage between \"0\" and \"100\", such as \"8.875\"",
                );
            }
            let dates = self.dates(TAX, &raw.from, raw.until.as_ref());
            let (Some(percent), Some((from, until))) = (percent, dates) else { continue };
            let span = raw.country.span();
            let rate = TaxRate {
                country: raw.country.into_inner(),
                region: raw.region.map(Spanned::into_inner),
                name: raw.name,
                percent,
                from,
                until,
            };
            let overlaps = |other: &TaxRate| {
                (&other.country, &other.region, &other.name) == (&rate.country, &rate.region, &rate.name)
                    && rate.until.is_none_or(|until| other.from < until)
                    && other.until.is_none_or(|until| rate.from < until)
            };
            if rates.iter().any(overlaps) {
                self.mistake(TAX, Some(span), format!("{} in {} has two rates on the same day", rate.name, rate.jurisdiction()));
            }
            rates.push(rate);
        }
        TaxTable(rates)
    }

    fn methods(&mut self, file: PaymentFile) -> Vec<MethodPolicy> {
        let mut methods: Vec<MethodPolicy> = Vec::new();
        for raw in file.method {
            let method = *raw.id.get_ref();
            if methods.iter().any(|known| known.method == method) {
                self.mistake(PAYMENT, Some(raw.id.span()), format!("`{}` is here twice", method.as_str()));
            }
            let currencies = raw.currencies.map(|codes| self.currencies(PAYMENT, codes));
            let except_currencies = raw.except_currencies.map(|codes| self.currencies(PAYMENT, codes)).unwrap_or_default();
            let minimum_net = raw.minimum_net.map(|minimum| {
                let span = minimum.span();
                minimum
                    .into_inner()
                    .into_iter()
                    .filter_map(|(code, minor)| Some((self.currency(PAYMENT, &code, span.clone())?, minor)))
                    .collect()
            });
            methods.push(MethodPolicy {
                method,
                currencies,
                except_currencies,
                minimum_net,
                details: raw.details.into_iter().collect(),
            });
        }
        methods
    }

    fn wording(&mut self, default: &str) -> Wording {
        let mut languages: BTreeMap<String, BTreeMap<String, String>> = BTreeMap::new();
        let files = self.files;
        for name in files.keys() {
            let Some(language) = name.strip_prefix(LANGUAGES).and_then(|name| name.strip_suffix(".toml")) else { continue };
            let Some(table) = self.file::<toml::Table>(name) else { continue };
            let mut texts = BTreeMap::new();
            self.flatten(name, "", table, &mut texts);
            languages.insert(language.to_owned(), texts);
        }
        let Some(spoken) = languages.get(default) else {
            self.mistake(VENDOR, None, format!("the default language is `{default}`, but there is no {LANGUAGES}{default}.toml"));
            return Wording::default();
        };
        for key in KEYS.iter().filter(|key| !spoken.contains_key(**key)) {
            self.mistake(
                &format!("{LANGUAGES}{default}.toml"),
                None,
                format!("the text `{key}` is missing: other languages fall back to it"),
            );
        }
        let mut strays = Vec::new();
        for (language, texts) in &languages {
            for (key, text) in texts {
                match spoken.get(key) {
                    None => {
                        strays.push((language.clone(), format!("`{key}` is not a text of the default language: is it misspelt?")))
                    }
                    Some(original) => {
                        let known = places(original);
                        if let Some(place) = places(text).into_iter().find(|place| !known.contains(place)) {
                            strays.push((
                                language.clone(),
                                format!("`{key}` has the place {{{place}}}, which its original has not"),
                            ));
                        }
                    }
                }
            }
        }
        for (language, what) in strays {
            self.mistake(&format!("{LANGUAGES}{language}.toml"), None, what);
        }
        Wording::new(default.to_owned(), languages)
    }

    /// A place that nothing fills would be printed as it is, on the page that says where the money goes.
    fn instructions(&mut self, methods: &[MethodPolicy], wording: &Wording) {
        let languages: Vec<_> = wording.languages().map(str::to_owned).collect();
        for rules in methods {
            let key = format!("instructions.{}", rules.method.as_str());
            for language in &languages {
                let known = |place: &&str| PAYMENT_PLACES.contains(place) || rules.details.iter().any(|(name, _)| name == place);
                if let Some(place) = places(wording.text(language, &key)).into_iter().find(|place| !known(place)) {
                    let what = format!(
                        "`{key}` has the place {{{place}}}: it is neither in the method's `details` nor one of {}",
                        PAYMENT_PLACES.join(", ")
                    );
                    self.mistake(&format!("{LANGUAGES}{language}.toml"), None, what);
                }
            }
        }
    }

    fn flatten(&mut self, file: &str, prefix: &str, table: toml::Table, texts: &mut BTreeMap<String, String>) {
        for (name, value) in table {
            let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
            match value {
                toml::Value::String(text) => {
                    texts.insert(key, text);
                }
                toml::Value::Table(table) => self.flatten(file, &key, table, texts),
                _ => self.mistake(file, None, format!("`{key}` is neither a text nor a table of texts")),
            }
        }
    }
}

/// The content address of what a price or a document depends on.
fn version(files: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".toml")) {
        for part in [name, text] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
