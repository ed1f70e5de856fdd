//! Random vendors: their policy as data, and as files.

use std::{collections::BTreeMap, fmt::Write};

use jiff::civil::{Date, date};

use super::{Draws, KINDS, numbers};

const CURRENCIES: [&str; 5] = ["USD", "JPY", "EUR", "KWD", "AUD"];
const EDITIONS: [&str; 3] = ["basic", "plus", "top"];
const CATEGORIES: [&str; 2] = ["standard", "reduced"];
/// A day before every order.
const EVER: Date = date(2020, 1, 1);

/// How a product is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Deployment {
    Perpetual,
    Term,
    Annual,
    Monthly,
    Government,
}

impl Deployment {
    pub(crate) fn is_self_managed(self) -> bool {
        matches!(self, Self::Perpetual | Self::Term)
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Vendor {
    /// Whether lines are rounded by `P-WHOLE`.
    pub(crate) whole: bool,
    pub(crate) products: Vec<Product>,
    pub(crate) programmes: Vec<Programme>,
    pub(crate) segments: Vec<Segment>,
    pub(crate) bounds: Bounds,
    pub(crate) tax: Tax,
}

#[derive(Debug, Clone)]
pub(crate) struct Product {
    pub(crate) id: &'static str,
    pub(crate) family: &'static str,
    pub(crate) deployment: Deployment,
    pub(crate) sales: Vec<Sale>,
    /// The terms on sale; for a perpetual licence, the months of maintenance.
    pub(crate) months: Vec<u32>,
    /// The price of renewing maintenance, in thousandths of a percent of the list price.
    pub(crate) renewal: u32,
    pub(crate) last_end: Option<Date>,
    pub(crate) editions: &'static [&'static str],
    pub(crate) category: &'static str,
    pub(crate) books: Vec<Book>,
}

#[derive(Debug, Clone)]
pub(crate) struct Sale {
    pub(crate) kind: &'static str,
    pub(crate) from: Option<Date>,
    pub(crate) until: Option<Date>,
}

#[derive(Debug, Clone)]
pub(crate) struct Book {
    pub(crate) edition: Option<&'static str>,
    pub(crate) currency: &'static str,
    pub(crate) from: Date,
    pub(crate) until: Option<Date>,
    pub(crate) last_quote: Option<Date>,
    pub(crate) table: Table,
}

/// Users and prices in minor units.
#[derive(Debug, Clone)]
pub(crate) enum Table {
    Banded(Vec<(u32, i64)>),
    Graduated { flat: (u32, i64), blocks: Vec<(u32, i64)>, ladder: Vec<u32>, months: u32 },
    Monthly { flat: (u32, i64), blocks: Vec<(u32, i64)> },
}

#[derive(Debug, Clone)]
pub(crate) struct Programme {
    pub(crate) id: &'static str,
    pub(crate) tiers: &'static [&'static str],
    pub(crate) same_partner: bool,
    pub(crate) government: bool,
    pub(crate) rates: Vec<Rate>,
}

#[derive(Debug, Clone)]
pub(crate) struct Segment {
    pub(crate) id: &'static str,
    /// For a migration, whether unused time is credited, and the minimum number of users.
    pub(crate) migration: Option<(bool, u32)>,
    pub(crate) rates: Vec<Rate>,
}

/// A criterion that is `None` matches everything.
#[derive(Debug, Clone)]
pub(crate) struct Rate {
    pub(crate) tier: Option<&'static str>,
    pub(crate) families: Option<Vec<&'static str>>,
    pub(crate) kinds: Option<Vec<&'static str>>,
    pub(crate) currencies: Option<Vec<&'static str>>,
    /// In thousandths of a percent.
    pub(crate) percent: u32,
    pub(crate) from: Date,
    pub(crate) until: Option<Date>,
}

#[derive(Debug, Clone)]
pub(crate) struct Bounds {
    pub(crate) backdate_days: i64,
    pub(crate) active_years: i64,
    pub(crate) restart: bool,
    pub(crate) extend_days: i64,
    pub(crate) coterm_months: i64,
    pub(crate) coterm_days: i64,
    pub(crate) downgrade_days: i64,
}

#[derive(Debug, Clone)]
pub(crate) struct Tax {
    /// Country, whether the end customer's address decides, and the direction of rounding.
    pub(crate) countries: Vec<(&'static str, bool, &'static str)>,
    pub(crate) rates: Vec<TaxRate>,
    pub(crate) reverse_charge: Vec<&'static str>,
    pub(crate) exemptions: Vec<(&'static str, Vec<&'static str>)>,
}

#[derive(Debug, Clone)]
pub(crate) struct TaxRate {
    pub(crate) country: &'static str,
    pub(crate) region: Option<&'static str>,
    pub(crate) name: &'static str,
    pub(crate) category: &'static str,
    /// In thousandths of a percent.
    pub(crate) percent: u32,
    pub(crate) from: Date,
    pub(crate) until: Option<Date>,
}

impl Vendor {
    pub(crate) fn drawn(seed: u64) -> Self {
        let numbers = numbers(&mut { seed }, 4_000);
        let d = &mut Draws::of(&numbers);
        let products: Vec<_> = [
            ("server", Deployment::Perpetual, &EDITIONS[..0]),
            ("data-center", Deployment::Term, &[]),
            ("suite", Deployment::Term, &EDITIONS),
            ("cloud", Deployment::Annual, &[]),
            ("desk", Deployment::Annual, &EDITIONS[..2]),
            ("monthly", Deployment::Monthly, &[]),
            ("government", Deployment::Government, &[]),
        ]
        .into_iter()
        .enumerate()
        .map(|(n, (id, deployment, editions))| Product::drawn(d, n, id, deployment, editions))
        .collect();
        let mut families: Vec<_> = products.iter().map(|product| product.family).collect();
        families.sort_unstable();
        families.dedup();
        let programmes = [("corporate", &[][..]), ("partner", &["silver", "gold"]), ("aggregator", &[])].map(|(id, tiers)| {
            Programme { id, tiers, same_partner: d.chance(60), government: id == "aggregator", rates: rates(d, tiers, &families) }
        });
        let credit = (d.chance(70), d.pick(&[1, 11, 101, 201]));
        let segments = [("nonprofit", None), ("academic", None), ("government", None), ("moving", Some(credit))];
        Self {
            whole: d.chance(50),
            products,
            programmes: programmes.into(),
            segments: segments.map(|(id, migration)| Segment { id, migration, rates: rates(d, &[], &families) }).into(),
            bounds: Bounds {
                backdate_days: d.pick(&[365, 0, 30, 1_000]),
                active_years: d.pick(&[3, 1, 2, 5, 10]),
                restart: d.chance(30),
                extend_days: d.pick(&[365, 0, 30]),
                coterm_months: d.pick(&[36, 12, 24, 48]),
                coterm_days: d.pick(&[30, 0, 1]),
                downgrade_days: d.pick(&[90, 0, 30]),
            },
            tax: Tax::drawn(d),
        }
    }
}

fn day(d: &mut Draws<'_>) -> Date {
    d.pick(&[date(2027, 1, 1), date(2026, 7, 1), date(2028, 2, 29), date(2028, 11, 11)])
}

fn price(d: &mut Draws<'_>, most: usize) -> i64 {
    d.below(most) as i64
}

fn percent(d: &mut Draws<'_>) -> u32 {
    let odd = d.below(100_001) as u32;
    d.pick(&[10_000, 5_000, 15_000, 25_000, 33_333, 50_000, 75_000, 100_000, 0, 1, odd])
}

impl Product {
    fn drawn(d: &mut Draws<'_>, n: usize, id: &'static str, deployment: Deployment, editions: &'static [&'static str]) -> Self {
        let kinds: Vec<_> = match deployment {
            Deployment::Monthly => vec!["new"],
            Deployment::Perpetual => KINDS.into_iter().filter(|kind| *kind != "renew_and_upgrade").collect(),
            _ => KINDS.into_iter().collect(),
        };
        let sales = kinds.into_iter().map(|kind| {
            let (from, until) = (d.maybe(5, |_| date(2026, 3, 1)), d.maybe(8, |_| date(2029, 1, 1)));
            Sale { kind, from, until }
        });
        let sales = sales.collect();
        let months = match deployment {
            Deployment::Perpetual => vec![d.pick(&[12, 12, 6, 18])],
            Deployment::Monthly => vec![1],
            Deployment::Government => vec![12, 24],
            _ => (1..=60).collect(),
        };
        let mut currencies = CURRENCIES.to_vec();
        currencies.retain(|currency| *currency == "USD" || d.chance(80));
        let mut books = Vec::new();
        let graded = if editions.is_empty() { vec![None] } else { editions.iter().map(|edition| Some(*edition)).collect() };
        for edition in graded {
            for &currency in &currencies {
                books.extend(books_of(d, edition, currency, deployment));
            }
        }
        Self {
            id,
            family: if deployment != Deployment::Government && d.chance(30) { "tools" } else { id },
            deployment,
            sales,
            months,
            renewal: percent(d),
            last_end: d.maybe(15, |_| date(2030, 6, 1)),
            editions,
            category: CATEGORIES[n % 2],
            books,
        }
    }

    pub(crate) fn tiers(&self, edition: Option<&str>, currency: &str) -> Vec<u32> {
        let book = self.books.iter().find(|book| book.edition == edition && book.currency == currency).unwrap_or(&self.books[0]);
        book.table.tiers()
    }
}

impl Table {
    /// The tiers on sale, from the smallest; for a monthly price, the ends of its blocks.
    pub(crate) fn tiers(&self) -> Vec<u32> {
        match self {
            Self::Banded(tiers) => tiers.iter().map(|(users, _)| *users).collect(),
            Self::Graduated { ladder, .. } => ladder.clone(),
            Self::Monthly { flat, blocks } => std::iter::once(flat).chain(blocks).map(|(users, _)| *users).collect(),
        }
    }
}

/// One book without an end, or two, of which the older one may have a `last_quote` before its end.
fn books_of(d: &mut Draws<'_>, edition: Option<&'static str>, currency: &'static str, deployment: Deployment) -> Vec<Book> {
    let change = d.maybe(30, day);
    let mut book = |from, until, last_quote| Book { edition, currency, from, until, last_quote, table: table(d, deployment) };
    match change {
        None => vec![book(EVER, None, None)],
        Some(change) => {
            let before = change.yesterday().expect("a day before");
            vec![book(EVER, Some(change), Some(before)), book(change, None, None)]
        }
    }
}

fn table(d: &mut Draws<'_>, deployment: Deployment) -> Table {
    const TIERS: [u32; 6] = [10, 25, 100, 250, 1_000, 2_000];
    let blocks = [100, 250, 1_000].map(|users| (users, price(d, 2_000))).to_vec();
    let flat = (10, price(d, 11 * blocks[0].1 as usize + 1));
    match deployment {
        Deployment::Monthly => Table::Monthly { flat, blocks },
        Deployment::Annual if d.chance(60) => Table::Graduated {
            flat,
            blocks,
            ladder: vec![10, 15, 25, 50, 100, 200, 300, 500, 1_000],
            months: d.pick(&[10, 11, 12]),
        },
        _ => {
            let most = d.pick(&[20_000_000, 2_000_000, 20_000]);
            let mut prices = TIERS.map(|_| price(d, most));
            prices.sort_unstable();
            Table::Banded(TIERS.into_iter().zip(prices).collect())
        }
    }
}

/// Rates that differ by one criterion, and by dates.
fn rates(d: &mut Draws<'_>, tiers: &[&'static str], families: &[&'static str]) -> Vec<Rate> {
    let any = Rate { tier: None, families: None, kinds: None, currencies: None, percent: 0, from: EVER, until: None };
    let apart: Vec<Rate> = match d.below(5) {
        0 => vec![any],
        1 => {
            let (buying, keeping) =
                (vec!["new", "upgrade", "renew_and_upgrade"], vec!["renewal", "coterm", "downgrade_at_renewal"]);
            [buying, keeping].map(|kinds| Rate { kinds: Some(kinds), ..any.clone() }).into()
        }
        2 if !tiers.is_empty() => tiers.iter().map(|tier| Rate { tier: Some(tier), ..any.clone() }).collect(),
        2 | 3 => families.chunks(2).map(|some| Rate { families: Some(some.to_vec()), ..any.clone() }).collect(),
        _ => CURRENCIES.chunks(2).map(|some| Rate { currencies: Some(some.to_vec()), ..any.clone() }).collect(),
    };
    let mut rates = Vec::new();
    for rate in apart {
        let rate = Rate { percent: percent(d), ..rate };
        match d.below(4) {
            0 | 1 => rates.push(rate),
            2 => rates.push(Rate { until: Some(day(d)), ..rate }),
            _ => {
                let change = day(d);
                rates.push(Rate { until: Some(change), ..rate.clone() });
                rates.push(Rate { from: change, percent: percent(d), ..rate });
            }
        }
    }
    rates
}

impl Tax {
    fn drawn(d: &mut Draws<'_>) -> Self {
        const RATES: [(&str, Option<&str>, &str); 9] = [
            ("US", Some("US-NY"), "Sales tax"),
            ("CA", None, "GST"),
            ("CA", Some("CA-QC"), "QST"),
            ("CA", Some("CA-ON"), "HST"),
            ("DE", None, "VAT"),
            ("FR", None, "VAT"),
            ("JP", None, "Consumption tax"),
            ("NZ", None, "GST"),
            ("AU", None, "GST"),
        ];
        let mut rates = Vec::new();
        for (country, region, name) in RATES {
            let mut same = None;
            for category in CATEGORIES {
                let drawn = d.pick(&[10_000, 8_875, 9_975, 19_000, 5_000, 15_000, 12_500]);
                // Often both tax categories have the same rate. Then there is one tax on both.
                let percent = if d.chance(50) { same.unwrap_or(drawn) } else { drawn };
                same = Some(percent);
                let rate = TaxRate { country, region, name, category, percent, from: EVER, until: None };
                match d.maybe(20, day) {
                    None => rates.push(rate),
                    Some(change) => {
                        rates.push(TaxRate { until: Some(change), ..rate.clone() });
                        rates.push(TaxRate { from: change, percent: d.pick(&[7_000, 14_000, 2_500]), ..rate });
                    }
                }
            }
        }
        let countries = ["US", "CA", "DE", "FR", "JP", "NZ", "AU"]
            .map(|country| (country, d.chance(25), d.pick(&["half_up", "half_down", "down", "up"])))
            .to_vec();
        Self {
            countries,
            rates,
            reverse_charge: if d.chance(50) { vec!["DE", "FR"] } else { vec!["FR"] },
            exemptions: vec![("resale", vec!["US"]), ("charity", vec!["US", "CA"])],
        }
    }
}

/// Thousandths of a percent as files write them: `"8.875"`.
pub(super) fn decimal(thousandths: u32) -> String {
    format!("\"{}.{:03}\"", thousandths / 1_000, thousandths % 1_000)
}

fn period(text: &mut String, from: Date, until: Option<Date>) {
    _ = writeln!(text, "from = {from}");
    if let Some(until) = until {
        _ = writeln!(text, "until = {until}");
    }
}

fn pairs(pairs: &[(u32, i64)]) -> String {
    let pairs: Vec<_> = pairs.iter().map(|(users, price)| format!("{{ users = {users}, price = {price} }}")).collect();
    format!("[{}]", pairs.join(", "))
}

/// The vendor's files: those of another vendor, with the prices and rules replaced.
impl Vendor {
    pub(crate) fn files(&self, others: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let rounding = if self.whole { "P-WHOLE" } else { "P-MINOR" };
        let general = others["vendor.toml"].replace("rounding = \"P-MINOR\"", &format!("rounding = \"{rounding}\""));
        assert!(general.contains(rounding), "the example's vendor.toml no longer says how it rounds");
        let rules = [
            ("vendor.toml", general),
            ("catalogue.toml", self.products.iter().map(Product::in_catalogue).collect()),
            ("prices.toml", self.products.iter().map(Product::in_prices).collect()),
            ("channel.toml", self.programmes.iter().map(Programme::in_channel).collect()),
            ("segments.toml", self.segments.iter().map(Segment::in_segments).collect()),
            ("renewals.toml", self.bounds.in_renewals()),
            ("tax.toml", self.tax.in_tax()),
        ];
        let rules = rules.map(|(name, text)| (name.to_owned(), text));
        others.clone().into_iter().chain(rules).collect()
    }
}

impl Product {
    fn in_catalogue(&self) -> String {
        let Self { id, family, category, .. } = self;
        let deployment = match self.deployment {
            Deployment::Perpetual => "self_managed_perpetual",
            Deployment::Term => "self_managed_term",
            Deployment::Annual => "annual_cloud",
            Deployment::Monthly => "monthly_cloud",
            Deployment::Government => "government_cloud",
        };
        let kinds: Vec<_> = self.sales.iter().map(|sale| sale.kind).collect();
        let dates = |day: fn(&Sale) -> Option<Date>| {
            let days: Vec<_> =
                self.sales.iter().filter_map(|sale| day(sale).map(|day| format!("{} = {day}", sale.kind))).collect();
            format!("{{ {} }}", days.join(", "))
        };
        let editions: Vec<_> =
            self.editions.iter().map(|edition| format!("{{ id = \"{edition}\", name = \"{edition}\" }}")).collect();
        let mut text = format!(
            "[[product]]\nid = \"{id}\"\nname = \"{id}\"\nfamily = \"{family}\"\ntax_category = \"{category}\"\ndeployment = \"{deployment}\"\nkinds = {kinds:?}\nsale_from = {}\nsale_until = {}\neditions = [{}]\n",
            dates(|sale| sale.from),
            dates(|sale| sale.until),
            editions.join(", "),
        );
        _ = match self.deployment {
            Deployment::Monthly => Ok(()),
            Deployment::Perpetual => {
                let percent = decimal(self.renewal);
                writeln!(text, "maintenance_months = {}\nrenewal_percent = {percent}", self.months[0])
            }
            _ => writeln!(text, "terms = {:?}", self.months),
        };
        if let Some(day) = self.last_end {
            _ = writeln!(text, "max_term_end = {day}");
        }
        text
    }

    fn in_prices(&self) -> String {
        let mut text = String::new();
        for book in &self.books {
            _ = writeln!(text, "[[book]]\nproduct = \"{}\"\ncurrency = \"{}\"", self.id, book.currency);
            if let Some(edition) = book.edition {
                _ = writeln!(text, "edition = \"{edition}\"");
            }
            period(&mut text, book.from, book.until);
            if let Some(day) = book.last_quote {
                _ = writeln!(text, "last_quote = {day}");
            }
            let by_the_month = |flat: &(u32, i64), blocks: &[(u32, i64)]| {
                format!("flat = {{ users = {}, price = {} }}\nblocks = {}", flat.0, flat.1, pairs(blocks))
            };
            _ = match &book.table {
                Table::Banded(tiers) => writeln!(text, "tiers = {}", pairs(tiers)),
                Table::Monthly { flat, blocks } => writeln!(text, "{}", by_the_month(flat, blocks)),
                Table::Graduated { flat, blocks, ladder, months } => {
                    writeln!(text, "{}\nladder = {ladder:?}\nannual_months = {months}", by_the_month(flat, blocks))
                }
            };
        }
        text
    }
}

impl Programme {
    fn in_channel(&self) -> String {
        let Self { id, tiers, same_partner, .. } = self;
        let families = if self.government { "government_families = [\"government\"]\n" } else { "" };
        let programme = format!(
            "[[programme]]\nid = \"{id}\"\nname = \"{id}\"\ntiers = {tiers:?}\nrenewal_requires_same_partner = {same_partner}\n{families}"
        );
        self.rates.iter().fold(programme, |text, rate| text + &rate.of("programme", id))
    }
}

impl Segment {
    fn in_segments(&self) -> String {
        let id = self.id;
        let proof = match self.migration {
            None => "evidence = [\"document\"]".to_owned(),
            Some((credit, users)) => format!("source_entitlement = true\nstep_up_credit = {credit}\nmin_users = {users}"),
        };
        let segment = format!("[[segment]]\nid = \"{id}\"\nname = \"{id}\"\n{proof}\n");
        self.rates.iter().fold(segment, |text, rate| text + &rate.of("segment", id))
    }
}

impl Rate {
    fn of(&self, what: &str, owner: &str) -> String {
        let mut text = format!("[[rate]]\n{what} = \"{owner}\"\npercent = {}\n", decimal(self.percent));
        if let Some(tier) = self.tier {
            _ = writeln!(text, "tier = \"{tier}\"");
        }
        for (name, named) in [("families", &self.families), ("kinds", &self.kinds), ("currencies", &self.currencies)] {
            if let Some(named) = named {
                _ = writeln!(text, "{name} = {named:?}");
            }
        }
        period(&mut text, self.from, self.until);
        text
    }
}

impl Bounds {
    fn in_renewals(&self) -> String {
        let Self { backdate_days, active_years, extend_days, coterm_months, coterm_days, downgrade_days, .. } = self;
        let term = if self.restart { "restart_12_months" } else { "keep_end" };
        format!(
            "[renewal]\nmax_backdate_days = {backdate_days}\nmax_active_years = {active_years}\n[upgrade]\nterm = \"{term}\"\nextend_min_days = {extend_days}\n[coterm]\nmax_months = {coterm_months}\nmin_days = {coterm_days}\n[downgrade]\nwindow_days = {downgrade_days}\n[lookup]\naccepted_contacts = [\"technical\"]\n"
        )
    }
}

impl Tax {
    fn in_tax(&self) -> String {
        let mut text = format!("[reverse_charge]\ncountries = {:?}\n", self.reverse_charge);
        for (country, by_customer, rounding) in &self.countries {
            let situs = if *by_customer { "sold_to" } else { "billing_contact" };
            _ = writeln!(text, "[[country]]\ncountry = \"{country}\"\nsitus = \"{situs}\"\nrounding = \"{rounding}\"");
        }
        for rate in &self.rates {
            let TaxRate { country, name, category, .. } = rate;
            let percent = decimal(rate.percent);
            _ = writeln!(
                text,
                "[[rate]]\ncountry = \"{country}\"\nname = \"{name}\"\ncategory = \"{category}\"\npercent = {percent}"
            );
            if let Some(region) = rate.region {
                _ = writeln!(text, "region = \"{region}\"");
            }
            period(&mut text, rate.from, rate.until);
        }
        for (kind, countries) in &self.exemptions {
            _ = writeln!(text, "[[exemption]]\nkind = \"{kind}\"\ncountries = {countries:?}\nnote = \"tax.note.resale\"");
        }
        text
    }
}
