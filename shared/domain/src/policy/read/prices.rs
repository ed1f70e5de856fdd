//! Reads `prices.toml`: the prices by product, edition, currency and period.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use super::{
    catalogue::Catalogue,
    files::{CATALOGUE, MAX_PRICE, MAX_USERS, PRICES},
    source::{Place, Reader},
    values::{Day, Series, Text},
};
use crate::{
    Currency,
    policy::{Deployment, PriceBook, PriceTable, Product},
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBook {
    product: Text,
    edition: Option<Text>,
    currency: Text,
    from: Day,
    until: Option<Day>,
    last_quote: Option<Day>,
    tiers: Option<Spanned<Vec<Spanned<RawTier>>>>,
    flat: Option<Spanned<RawTier>>,
    blocks: Option<Spanned<Vec<RawTier>>>,
    ladder: Option<Spanned<Vec<u32>>>,
    annual_months: Option<Spanned<u32>>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(deny_unknown_fields)]
struct RawTier {
    users: u32,
    price: i64,
}

impl RawTier {
    fn pair(self) -> (u32, i64) {
        (self.users, self.price)
    }
}

/// A flat price, and prices per user above it.
struct Graduation {
    flat: (u32, i64),
    blocks: Vec<(u32, i64)>,
}

/// The books of a product.
#[derive(Default)]
struct Shelf {
    books: Vec<(PriceBook, Place)>,
    /// Whether a book could not be read. A missing price is then not reported.
    broken: bool,
}

impl Reader<'_> {
    /// Reads the books and adds them to their products, by edition, currency and date.
    pub(super) fn prices(&mut self, catalogue: &mut Catalogue) {
        let Some(mut file) = self.open(PRICES) else { return };
        let entries = self.entries::<RawBook>(&mut file, "book");
        self.close(file);
        let mut shelves: BTreeMap<String, Shelf> = BTreeMap::new();
        for raw in entries.read {
            let (id, place) = (raw.product.get_ref().clone(), raw.product.span());
            let product = catalogue.products.get(&id).map(|(product, _)| product);
            if product.is_none() && catalogue.whole {
                self.mistake(
                    PRICES,
                    Some(place.clone()),
                    format!("product `{id}` is not in {CATALOGUE}: add it there, or correct the id"),
                );
            }
            let book = self.book(raw, product);
            let shelf = shelves.entry(id).or_insert_with(|| Shelf { books: Vec::new(), broken: !entries.whole });
            match book {
                Some(book) => shelf.books.push((book, place)),
                None => shelf.broken = true,
            }
        }
        for (id, (product, place)) in &mut catalogue.products {
            match shelves.remove(id) {
                Some(shelf) => self.shelve(product, shelf),
                None if entries.whole => {
                    let what = format!("product `{id}` has no price: add a [[book]] to {PRICES}");
                    self.mistake(CATALOGUE, Some(place.clone()), what);
                }
                None => {}
            }
        }
    }

    /// Checks the books of a product against each other.
    fn shelve(&mut self, product: &mut Product, mut shelf: Shelf) {
        let rank = |book: &PriceBook| product.rank(book.edition.as_deref());
        shelf.books.sort_by_key(|(book, _)| (rank(book), book.currency, book.period.from));
        for books in shelf.books.chunk_by(|(a, _), (b, _)| (rank(a), a.currency) == (rank(b), b.currency)) {
            let Some((first, _)) = books.first() else { continue };
            let periods = books.iter().map(|(book, place)| (book.period, place.clone())).collect();
            let series = Series { periods, broken: shelf.broken };
            let of = first.edition.as_ref().map_or_else(String::new, |edition| format!(" {edition}"));
            self.series(PRICES, &format!("price of `{}`{of} in {}", product.id, first.currency), series);
        }
        if !shelf.broken && !product.editions.is_empty() {
            self.every_edition(product, &shelf.books);
        }
        product.books = shelf.books.into_iter().map(|(book, _)| book).collect();
    }

    /// Reports an edition without a price in a currency in which another edition has one, because no customer could change to
    /// it.
    fn every_edition(&mut self, product: &Product, books: &[(PriceBook, Place)]) {
        let mut currencies: BTreeMap<Currency, (Vec<&str>, &Place)> = BTreeMap::new();
        for (book, place) in books {
            let (editions, _) = currencies.entry(book.currency).or_insert((Vec::new(), place));
            editions.extend(book.edition.as_deref());
        }
        for (currency, (priced, place)) in currencies {
            for edition in product.editions.iter().filter(|edition| !priced.contains(&edition.id.as_str())) {
                let what = format!(
                    "`{}` has a price in {currency}, but not for its edition `{}`: add a [[book]] for the edition",
                    product.id, edition.id
                );
                self.mistake(PRICES, Some(place.clone()), what);
            }
        }
    }

    fn book(&mut self, raw: RawBook, product: Option<&Product>) -> Option<PriceBook> {
        let place = raw.product.span();
        let edition = self.edition(&raw, product);
        let currency = self.currency(PRICES, &raw.currency);
        let period = self.period(PRICES, &raw.from, raw.until.as_ref());
        let last_quote = raw.last_quote.as_ref().map(|day| (day.span(), self.date(PRICES, day)));
        if let (Some(period), Some((place, Some(last)))) = (period, &last_quote)
            && !period.holds(*last)
        {
            let what = "`last_quote` is the last day on which new quotes use this book: it must be between `from` and `until`";
            self.mistake(PRICES, Some(place.clone()), what);
        }
        let monthly = product.map(|product| product.deployment == Deployment::MonthlyCloud);
        let table = match (raw.tiers, raw.flat, raw.blocks, raw.ladder, raw.annual_months) {
            (Some(tiers), None, None, None, None) if monthly != Some(true) => self.banded(&tiers),
            (None, Some(flat), Some(blocks), Some(ladder), Some(months)) if monthly != Some(true) => {
                self.graduated(&flat, &blocks, ladder, &months)
            }
            (None, Some(flat), Some(blocks), None, None) if monthly != Some(false) => self.monthly(&flat, &blocks),
            _ => {
                let what = match monthly {
                    Some(true) => "the book of monthly cloud must have `flat` and `blocks`, and no other prices",
                    _ => "a book must have either `tiers`, or all of `flat`, `blocks`, `ladder` and `annual_months`",
                };
                self.mistake(PRICES, Some(place), what);
                None
            }
        };
        let last_quote = last_quote.and_then(|(_, day)| day);
        Some(PriceBook { edition: edition?, currency: currency?, period: period?, last_quote, table: table? })
    }

    /// Reads the edition. The outer `None` is a mistake, the inner one a product without editions.
    fn edition(&mut self, raw: &RawBook, product: Option<&Product>) -> Option<Option<String>> {
        let known: Vec<_> = product?.editions.iter().map(|edition| edition.id.as_str()).collect();
        let (place, what) = match &raw.edition {
            None if known.is_empty() => return Some(None),
            Some(name) if known.contains(&name.get_ref().as_str()) => return Some(Some(name.get_ref().clone())),
            None => (raw.product.span(), format!("the book needs an `edition`: write one of {}", known.join(", "))),
            Some(name) if known.is_empty() => (name.span(), "the product has no editions: remove `edition`".to_owned()),
            Some(name) => {
                let what = format!("the product has no edition `{}`: write one of {}", name.get_ref(), known.join(", "));
                (name.span(), what)
            }
        };
        self.mistake(PRICES, Some(place), what);
        None
    }

    fn banded(&mut self, tiers: &Spanned<Vec<Spanned<RawTier>>>) -> Option<PriceTable> {
        let plain: Vec<_> = tiers.get_ref().iter().map(|tier| *tier.get_ref()).collect();
        self.rising("tiers", &tiers.span(), &plain)?;
        for [smaller, larger] in tiers.get_ref().array_windows() {
            let ((fewer, less), (users, price)) = (smaller.get_ref().pair(), larger.get_ref().pair());
            if price < less {
                let what = format!("{users} users cost {price}, but {fewer} users cost {less}: a larger tier must not cost less");
                self.mistake(PRICES, Some(larger.span()), what);
            }
        }
        Some(PriceTable::Banded(plain.into_iter().map(RawTier::pair).collect()))
    }

    fn graduated(
        &mut self,
        flat: &Spanned<RawTier>,
        blocks: &Spanned<Vec<RawTier>>,
        ladder: Spanned<Vec<u32>>,
        annual_months: &Spanned<u32>,
    ) -> Option<PriceTable> {
        let months = self.within(PRICES, "months that a year costs", annual_months, 1..=12);
        let prices = self.graduation(flat, blocks, months);
        let rungs: Vec<_> = ladder.get_ref().iter().map(|&users| RawTier { users, price: 0 }).collect();
        let rising = self.rising("ladder", &ladder.span(), &rungs);
        rising?;
        let Graduation { flat: (starter, price), blocks } = prices?;
        let reach = blocks.last().map_or(0, |(ceiling, _)| *ceiling);
        let top = ladder.get_ref().last().copied().unwrap_or(0);
        if top > reach {
            let what = format!(
                "the ladder reaches {top} users, but the blocks end at {reach} users: add a block, or shorten the ladder"
            );
            self.mistake(PRICES, Some(ladder.span()), what);
            return None;
        }
        if starter > top {
            let what = format!(
                "the flat price for up to {starter} users is never used, because the ladder ends at {top}: lengthen the ladder"
            );
            self.mistake(PRICES, Some(flat.span()), what);
            return None;
        }
        let table = PriceTable::Graduated { flat: (starter, price), blocks, ladder: ladder.into_inner(), annual_months: months };
        self.above_flat(flat, &table);
        Some(table)
    }

    fn monthly(&mut self, flat: &Spanned<RawTier>, blocks: &Spanned<Vec<RawTier>>) -> Option<PriceTable> {
        let Graduation { flat: starter, blocks } = self.graduation(flat, blocks, 1)?;
        let table = PriceTable::Monthly { flat: starter, blocks };
        self.above_flat(flat, &table);
        Some(table)
    }

    /// Reports that more users cost less than the flat price. In the other cases the price rises with the number of users.
    fn above_flat(&mut self, flat: &Spanned<RawTier>, table: &PriceTable) {
        let most = flat.get_ref().users;
        // When the ladder begins above the flat price, no order uses the flat price, and both tiers are the same.
        if let (Some((_, one)), Some((users, price))) = (table.tier(1), table.tier(most + 1))
            && price < one
        {
            let what = format!(
                "{users} users cost less than the flat price for {most} users: lower the flat price, or raise the first block"
            );
            self.mistake(PRICES, Some(flat.span()), what);
        }
    }

    /// Reads a monthly price, and checks that `months` times the price stays within the bounds.
    fn graduation(&mut self, flat: &Spanned<RawTier>, blocks: &Spanned<Vec<RawTier>>, months: u32) -> Option<Graduation> {
        let flat_sound = self.rising("flat", &flat.span(), &[*flat.get_ref()]);
        self.rising("blocks", &blocks.span(), blocks.get_ref())?;
        flat_sound?;
        let (flat, place, blocks_place, blocks) = (flat.get_ref(), flat.span(), blocks.span(), blocks.get_ref());
        if let Some(first) = blocks.first().filter(|first| flat.users > first.users) {
            let what = format!(
                "the flat price is for up to {} users, so the first block, which ends at {}, is never used: extend the block",
                flat.users, first.users
            );
            self.mistake(PRICES, Some(place), what);
            return None;
        }
        let reach = blocks.last().map_or(0, |block| block.users);
        let dearest = blocks.iter().map(|block| block.price).max().unwrap_or(0).max(flat.price);
        if i128::from(dearest) * i128::from(reach) * i128::from(months) > i128::from(MAX_PRICE) {
            let what = format!(
                "{reach} users could cost more than {MAX_PRICE} minor units, the limit of a document: lower prices or users"
            );
            self.mistake(PRICES, Some(blocks_place), what);
            return None;
        }
        Some(Graduation { flat: flat.pair(), blocks: blocks.iter().map(|block| block.pair()).collect() })
    }

    fn rising(&mut self, name: &str, place: &Place, tiers: &[RawTier]) -> Option<()> {
        let mut wrong = Vec::new();
        if tiers.is_empty() {
            wrong.push(format!("`{name}` is empty: add the users and their price"));
        }
        if !tiers.is_sorted_by(|a, b| a.users < b.users) {
            wrong.push(format!("`{name}` must be in rising order of users: a tier after a larger one is never used"));
        }
        if tiers.iter().any(|tier| !(1..=MAX_USERS).contains(&tier.users) || !(0..=MAX_PRICE).contains(&tier.price)) {
            wrong.push(format!("`{name}` must have users from 1 to {MAX_USERS} and prices from 0 to {MAX_PRICE} minor units"));
        }
        let sound = wrong.is_empty();
        for what in wrong {
            self.mistake(PRICES, Some(place.clone()), what);
        }
        sound.then_some(())
    }
}
