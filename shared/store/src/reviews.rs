//! What waits for a decision of staff: quotes in review (R33, R34), payments about which a person must decide, and mailboxes that get
//! no letters (C3). Each kind has a partition of its own in one index, which the ordinary writes of the aggregates maintain.

use std::{collections::BTreeSet, fmt::Display, str::FromStr};

use aws_sdk_dynamodb::types::AttributeValue;
use domain::{
    Quote, QuoteNumber,
    payment::{PaymentId, Receipt},
    suppression::{MailboxId, Suppression},
};
use jiff::{Timestamp, civil::Date};

use crate::{
    Error, Store,
    item::{self, Attributes, Item, REVIEW, REVIEW_DUE, SUPPRESSED, UNDECIDED, WAITS},
    keys::{Key, PARTITION, REVIEWS_INDEX},
    page::{Cursor, NotACursor, Page, PageError, PageRequest},
};

/// An aggregate that can wait for a decision.
pub(crate) trait Awaiting: Item {
    /// The partition of the index.
    const WAITING: &'static str;
    /// The name of the list in its cursors.
    const LIST: &'static str;
    /// By when or since when it waits: the order of the index.
    type When: Ord + Display + FromStr;
    /// The order of the entries of a page.
    type Order: Ord;

    /// By when or since when it waits; `None` when nothing is to be decided.
    fn when(&self) -> Option<Self::When>;

    /// The order of this entry.
    fn order(&self) -> Self::Order;

    /// The key of the aggregate with this id, as [`id`] states it; `None` when the text is no id of this kind.
    fn key_of(id: &str) -> Option<Key>;
}

impl Awaiting for Quote {
    const WAITING: &'static str = WAITS;
    const LIST: &'static str = "reviews";
    type When = Date;
    type Order = (Option<Date>, Timestamp, QuoteNumber);

    fn when(&self) -> Option<Date> {
        self.awaits_review_by()
    }

    fn order(&self) -> Self::Order {
        (self.when(), self.offer.issued_at, self.number.clone())
    }

    fn key_of(id: &str) -> Option<Key> {
        id.parse().ok().map(|number| Key::quote(&number))
    }
}

impl Awaiting for Receipt {
    const WAITING: &'static str = UNDECIDED;
    const LIST: &'static str = "payments";
    type When = Timestamp;
    type Order = (Option<Timestamp>, PaymentId);

    fn when(&self) -> Option<Timestamp> {
        self.undecided_since()
    }

    fn order(&self) -> Self::Order {
        (self.when(), self.payment.clone())
    }

    fn key_of(id: &str) -> Option<Key> {
        PaymentId::parse(id).map(|payment| Key::receipt(&payment))
    }
}

impl Awaiting for Suppression {
    const WAITING: &'static str = SUPPRESSED;
    const LIST: &'static str = "suppressions";
    type When = Timestamp;
    type Order = (Option<Timestamp>, MailboxId);

    fn when(&self) -> Option<Timestamp> {
        self.since()
    }

    fn order(&self) -> Self::Order {
        (self.when(), self.mailbox.clone())
    }

    fn key_of(id: &str) -> Option<Key> {
        MailboxId::parse(id).map(|mailbox| Key::mailbox(&mailbox))
    }
}

/// The id of the aggregate that a partition belongs to: `QUOTE#…`, `PAYMENT#…` and `MAILBOX#…` without the kind.
fn id(partition: &str) -> Option<&str> {
    partition.split_once('#').map(|(_, id)| id)
}

/// The place of an aggregate in the index. Cursors contain it.
#[derive(Debug, PartialEq, Eq)]
struct Place<When> {
    when: When,
    key: Key,
}

impl<When: Display + FromStr> Place<When> {
    fn of<T: Awaiting<When = When>>(item: &Attributes) -> Result<Self, Error> {
        let key_of = |partition| T::key_of(id(partition)?).filter(|key| key.partition == partition);
        let key = item::text(item, PARTITION).and_then(key_of);
        let when = item::text(item, REVIEW_DUE).and_then(|when| when.parse().ok());
        let read = when.zip(key).map(|(when, key)| Self { when, key });
        let what = || format!("it is in the index of reviews, but it is not a {} with a time", T::KIND);
        read.ok_or_else(|| item::corrupt(item, what()))
    }

    fn of_cursor<T: Awaiting<When = When>>(cursor: &Cursor) -> Result<Self, NotACursor> {
        let (when, id) = cursor.after(T::LIST)?.split_once(' ').ok_or(NotACursor)?;
        Ok(Self { when: when.parse().map_err(|_| NotACursor)?, key: T::key_of(id).ok_or(NotACursor)? })
    }

    fn cursor<T: Awaiting<When = When>>(&self) -> Cursor {
        Cursor::new(T::LIST, format!("{} {}", self.when, id(&self.key.partition).unwrap_or_default()))
    }

    /// The item's key in the index, which includes its key in the table.
    fn key<T: Awaiting<When = When>>(&self) -> Attributes {
        let mut key = item::of_key(&self.key);
        key.insert(REVIEW.to_owned(), AttributeValue::S(T::WAITING.to_owned()));
        key.insert(REVIEW_DUE.to_owned(), AttributeValue::S(self.when.to_string()));
        key
    }
}

impl Store {
    /// Reads a page of the quotes that wait for a decision, the first due first. The index is eventually consistent, so it may
    /// lack a quote that was just written. The quotes themselves are read consistently: a page omits those that were decided
    /// meanwhile, and may then be shorter than its limit although there is a next one.
    pub async fn in_review(&self, page: &PageRequest) -> Result<Page<Quote>, PageError> {
        self.awaiting(page, "Query of what is in review", "BatchGetItem of quotes in review").await
    }

    /// Reads a page of the payments about which a person must decide, the longest waiting first, as
    /// [`in_review`](Self::in_review) reads quotes.
    pub async fn undecided_payments(&self, page: &PageRequest) -> Result<Page<Receipt>, PageError> {
        self.awaiting(page, "Query of undecided payments", "BatchGetItem of undecided payments").await
    }

    /// Reads a page of the mailboxes that get no letters, the longest suppressed first, as [`in_review`](Self::in_review) reads
    /// quotes.
    pub async fn suppressions(&self, page: &PageRequest) -> Result<Page<Suppression>, PageError> {
        self.awaiting(page, "Query of suppressed mailboxes", "BatchGetItem of suppressed mailboxes").await
    }

    async fn awaiting<T: Awaiting>(
        &self,
        page: &PageRequest,
        query_of: &'static str,
        items_of: &'static str,
    ) -> Result<Page<T>, PageError> {
        let start = page.cursor.as_ref().map(Place::of_cursor::<T>).transpose()?;
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(REVIEWS_INDEX)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", REVIEW)
            .expression_attribute_values(":pk", AttributeValue::S(T::WAITING.to_owned()))
            .set_exclusive_start_key(start.as_ref().map(Place::key::<T>));
        let (items, more) = self.page(query, page.limit, query_of).await?;
        let places = items.iter().map(Place::of::<T>).collect::<Result<Vec<_>, _>>()?;
        let next = places.last().filter(|_| more).map(Place::cursor::<T>);
        let keys: BTreeSet<_> = places.into_iter().map(|place| place.key).collect();
        let found = self.get_all(&keys, items_of).await?;
        let mut entries = found.iter().map(item::aggregate).collect::<Result<Vec<T>, _>>()?;
        entries.retain(|entry| entry.when().is_some());
        entries.sort_by_cached_key(T::order);
        Ok(Page { entries, next })
    }
}

#[cfg(test)]
mod tests {
    use domain::number::Minter;
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_place_of_a_quote_is_read_back_from_its_cursor_and_from_no_forged_one() {
        let number = Minter::new(b"test").quote_from_seed("a");
        let place = Place { when: date(2026, 11, 25), key: Key::quote(&number) };
        assert_eq!(Place::of_cursor::<Quote>(&place.cursor::<Quote>()), Ok(place));
        for forged in ["", " ", "2026-11-25", "2026-11-25 ", "soon 1", "2026-11-25 Q-1", &format!("2026-13-01 {number}")] {
            assert_eq!(Place::of_cursor::<Quote>(&Cursor::new("reviews", forged.to_owned())), Err(NotACursor), "{forged}");
        }
        let other = Cursor::new("LICENSE#4MRX7PQ2HVW", format!("2026-11-25 {number}"));
        assert_eq!(Place::of_cursor::<Quote>(&other), Err(NotACursor), "a cursor of another list");
        // Callers have cursors of this form.
        let sent = Cursor::new("reviews", format!("2026-11-25 {}", number.compact()));
        assert_eq!(Place { when: date(2026, 11, 25), key: Key::quote(&number) }.cursor::<Quote>(), sent);
    }

    #[test]
    fn c3_a_place_of_a_mailbox_is_read_back_from_its_cursor() {
        let id = "0123456789abcdef0123456789abcdef";
        let key = Key::mailbox(&MailboxId::parse(id).unwrap());
        let place = Place { when: Timestamp::UNIX_EPOCH, key };
        assert_eq!(place.cursor::<Suppression>(), Cursor::new("suppressions", format!("1970-01-01T00:00:00Z {id}")));
        assert_eq!(Place::of_cursor::<Suppression>(&place.cursor::<Suppression>()), Ok(place));
        let other = Cursor::new("payments", format!("1970-01-01T00:00:00Z {id}"));
        assert_eq!(Place::of_cursor::<Suppression>(&other), Err(NotACursor), "a cursor of another list");
    }

    #[test]
    fn a_place_of_a_payment_is_read_back_from_its_cursor_and_from_no_forged_one() {
        let key = Key::receipt(&PaymentId::new("stripe", "pi_1"));
        let place = Place { when: Timestamp::UNIX_EPOCH, key };
        assert_eq!(place.cursor::<Receipt>(), Cursor::new("payments", "1970-01-01T00:00:00Z stripe:pi_1".to_owned()));
        assert_eq!(Place::of_cursor::<Receipt>(&place.cursor::<Receipt>()), Ok(place));
        for forged in ["", " ", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z ", "soon stripe:pi_1", "1970-01-01T00:00:00Z pi_1"]
        {
            assert_eq!(Place::of_cursor::<Receipt>(&Cursor::new("payments", forged.to_owned())), Err(NotACursor), "{forged}");
        }
        let other = Cursor::new("reviews", "1970-01-01T00:00:00Z stripe:pi_1".to_owned());
        assert_eq!(Place::of_cursor::<Receipt>(&other), Err(NotACursor), "a cursor of another list");
    }
}
