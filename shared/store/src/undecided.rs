//! The payments about which a person must decide. They are in the index of reviews, in a partition of their own, which the
//! ordinary writes of receipts maintain.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::payment::{PaymentId, Receipt};
use jiff::Timestamp;

use crate::{
    Error, Store,
    item::{self, Attributes, REVIEW, REVIEW_DUE, UNDECIDED},
    keys::{Key, PARTITION, REVIEWS_INDEX},
    page::{Cursor, NotACursor, Page, PageError, PageRequest},
};

/// The name of the list in its cursors.
const LIST: &str = "payments";

/// The place of a payment in the index. Cursors contain it.
#[derive(Debug, PartialEq, Eq)]
struct Place {
    since: Timestamp,
    payment: PaymentId,
}

impl Place {
    fn of(item: &Attributes) -> Result<Self, Error> {
        let payment = item::text(item, PARTITION).and_then(Key::payment_id);
        let since = item::text(item, REVIEW_DUE).and_then(|since| since.parse().ok());
        let read = since.zip(payment).map(|(since, payment)| Self { since, payment });
        read.ok_or_else(|| item::corrupt(item, "it is in the index of payments, but it is not a payment with a time".to_owned()))
    }

    fn of_cursor(cursor: &Cursor) -> Result<Self, NotACursor> {
        let (since, payment) = cursor.after(LIST)?.split_once(' ').ok_or(NotACursor)?;
        let since = since.parse().map_err(|_| NotACursor)?;
        Ok(Self { since, payment: PaymentId::parse(payment).ok_or(NotACursor)? })
    }

    fn cursor(&self) -> Cursor {
        Cursor::new(LIST, format!("{} {}", self.since, self.payment.as_str()))
    }

    /// The item's key in the index, which includes its key in the table.
    fn key(&self) -> Attributes {
        let mut key = item::of_key(&Key::receipt(&self.payment));
        key.insert(REVIEW.to_owned(), AttributeValue::S(UNDECIDED.to_owned()));
        key.insert(REVIEW_DUE.to_owned(), AttributeValue::S(self.since.to_string()));
        key
    }
}

impl Store {
    /// Reads a page of the payments about which a person must decide, the longest waiting first. The index is eventually
    /// consistent, so it may lack a payment that was just written. The receipts themselves are read consistently: a page omits those
    /// that were decided meanwhile, and may then be shorter than its limit although there is a next one.
    pub async fn undecided_payments(&self, page: &PageRequest) -> Result<Page<Receipt>, PageError> {
        let start = page.cursor.as_ref().map(Place::of_cursor).transpose()?;
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(REVIEWS_INDEX)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", REVIEW)
            .expression_attribute_values(":pk", AttributeValue::S(UNDECIDED.to_owned()))
            .set_exclusive_start_key(start.as_ref().map(Place::key));
        let (items, more) = self.page(query, page.limit, "Query of undecided payments").await?;
        let places = items.iter().map(Place::of).collect::<Result<Vec<_>, _>>()?;
        let next = places.last().filter(|_| more).map(Place::cursor);
        let keys: BTreeSet<_> = places.iter().map(|place| Key::receipt(&place.payment)).collect();
        let found = self.get_all(&keys, "BatchGetItem of undecided payments").await?;
        let mut entries = found.iter().map(item::aggregate).collect::<Result<Vec<Receipt>, _>>()?;
        entries.retain(|receipt| receipt.undecided_since().is_some());
        entries.sort_by_cached_key(|receipt| (receipt.undecided_since(), receipt.payment.clone()));
        Ok(Page { entries, next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_read_back_from_its_cursor_and_from_no_forged_one() {
        let payment = PaymentId::new("stripe", "pi_1");
        let place = Place { since: Timestamp::UNIX_EPOCH, payment };
        assert_eq!(Place::of_cursor(&place.cursor()), Ok(place));
        for forged in ["", " ", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z ", "soon stripe:pi_1", "1970-01-01T00:00:00Z pi_1"]
        {
            assert_eq!(Place::of_cursor(&Cursor::new(LIST, forged.to_owned())), Err(NotACursor), "{forged}");
        }
        let other = Cursor::new("reviews", "1970-01-01T00:00:00Z stripe:pi_1".to_owned());
        assert_eq!(Place::of_cursor(&other), Err(NotACursor), "a cursor of another list");
    }
}
