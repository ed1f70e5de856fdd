//! The quotes in review (R33, R34). They are in an index, which the ordinary writes of quotes maintain.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{Quote, QuoteNumber};
use jiff::civil::Date;

use crate::{
    Error, Store,
    item::{self, Attributes, REVIEW, REVIEW_DUE, WAITS},
    keys::{Key, PARTITION, REVIEWS_INDEX},
    page::{Cursor, NotACursor, Page, PageError, PageRequest},
};

/// The name of the list in its cursors.
const LIST: &str = "reviews";

/// The place of a quote in the index. Cursors contain it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    due: Date,
    number: QuoteNumber,
}

impl Place {
    fn of(item: &Attributes) -> Result<Self, Error> {
        let number = item::text(item, PARTITION).and_then(Key::quote_number);
        let due = item::text(item, REVIEW_DUE).and_then(|due| due.parse().ok());
        let read = due.zip(number).map(|(due, number)| Self { due, number });
        read.ok_or_else(|| item::corrupt(item, "it is in the index of reviews, but it is not a quote with a due day".to_owned()))
    }

    fn of_cursor(cursor: &Cursor) -> Result<Self, NotACursor> {
        let (due, number) = cursor.after(LIST)?.split_once(' ').ok_or(NotACursor)?;
        Ok(Self { due: due.parse().map_err(|_| NotACursor)?, number: number.parse().map_err(|_| NotACursor)? })
    }

    fn cursor(&self) -> Cursor {
        Cursor::new(LIST, format!("{} {}", self.due, self.number.compact()))
    }

    /// The item's key in the index, which includes its key in the table.
    fn key(&self) -> Attributes {
        let mut key = item::of_key(&Key::quote(&self.number));
        key.insert(REVIEW.to_owned(), AttributeValue::S(WAITS.to_owned()));
        key.insert(REVIEW_DUE.to_owned(), AttributeValue::S(self.due.to_string()));
        key
    }
}

impl Store {
    /// Reads a page of the quotes that wait for a decision, the first due first. The index is eventually consistent, so it may
    /// lack a quote that was just written. The quotes themselves are read consistently: a page omits those that were decided
    /// meanwhile, and may then be shorter than its limit although there is a next one.
    pub async fn in_review(&self, page: &PageRequest) -> Result<Page<Quote>, PageError> {
        let start = page.cursor.as_ref().map(Place::of_cursor).transpose()?;
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(REVIEWS_INDEX)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", REVIEW)
            .expression_attribute_values(":pk", AttributeValue::S(WAITS.to_owned()))
            .set_exclusive_start_key(start.as_ref().map(Place::key));
        let (items, more) = self.page(query, page.limit, "Query of what is in review").await?;
        let places = items.iter().map(Place::of).collect::<Result<Vec<_>, _>>()?;
        let next = places.last().filter(|_| more).map(Place::cursor);
        let keys: BTreeSet<_> = places.iter().map(|place| Key::quote(&place.number)).collect();
        let found = self.get_all(&keys, "BatchGetItem of quotes in review").await?;
        let mut entries = found.iter().map(item::aggregate).collect::<Result<Vec<Quote>, _>>()?;
        entries.retain(|quote| quote.awaits_review_by().is_some());
        entries.sort_by_cached_key(|quote| (quote.awaits_review_by(), quote.offer.issued_at, quote.number.clone()));
        Ok(Page { entries, next })
    }
}

#[cfg(test)]
mod tests {
    use domain::number::Minter;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_place_is_read_back_from_its_cursor_and_from_no_forged_one() {
        let place = Place { due: date(2026, 11, 25), number: Minter::new(b"test").quote_from_seed("a") };
        assert_eq!(Place::of_cursor(&place.cursor()), Ok(place));
        let number = Minter::new(b"test").quote_from_seed("a");
        for forged in ["", " ", "2026-11-25", "2026-11-25 ", "soon 1", "2026-11-25 Q-1", &format!("2026-13-01 {number}")] {
            assert_eq!(Place::of_cursor(&Cursor::new(LIST, forged.to_owned())), Err(NotACursor), "{forged}");
        }
        let other = Cursor::new("LICENSE#4MRX7PQ2HVW", format!("2026-11-25 {number}"));
        assert_eq!(Place::of_cursor(&other), Err(NotACursor), "a cursor of another list");
    }
}
