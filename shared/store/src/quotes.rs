//! Quotes, and the payments that settle them.

use aws_sdk_dynamodb::{
    operation::put_item::PutItemError,
    types::{
        self, AttributeValue, CancellationReason, KeysAndAttributes, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    },
};
use domain::{
    Quote, QuoteNumber,
    payment::{PaymentId, Receipt, Settlement},
    quote::Change,
};

use crate::{
    Commit, Created, Error, Store,
    item::{self, Item},
    keys::{Key, PARTITION},
};

const ABSENT: &str = "attribute_not_exists(pk)";
const UNCHANGED: &str = "#version = :before";

/// What became of a conditional put.
enum Put<T> {
    Done,
    Refused(Option<T>),
}

impl Store {
    /// Creates a quote: one conditional write, no read.
    ///
    /// `Exists` carries the quote that has this number: the answer to a repeated request, or somebody else's.
    pub async fn create_quote(&self, quote: &Quote) -> Result<Created<Quote>, Error> {
        self.create(quote, "PutItem of a quote").await
    }

    /// Creates an aggregate's item, or tells which one is there.
    pub(crate) async fn create<T: Item>(&self, aggregate: &T, operation: &'static str) -> Result<Created<T>, Error> {
        let existing = match self.put_if(aggregate, ABSENT, operation).await? {
            Put::Done => return Ok(Created::New),
            Put::Refused(Some(existing)) => existing,
            // An engine that does not return the old item is asked for it.
            Put::Refused(None) => match self.load(&aggregate.key(), operation).await? {
                Some(existing) => existing,
                None => return Err(Error::Unavailable { operation, reason: "it was there and is gone".to_owned() }),
            },
        };
        Ok(Created::Exists(Box::new(existing)))
    }

    /// A conditional put of one item; a refused one tells what is there, where the engine does.
    ///
    /// The SDK repeats a request whose answer was lost, and the repetition is refused by its own first write. Each put
    /// therefore carries a mark of its own, and who finds it there has succeeded.
    async fn put_if<T: Item>(&self, aggregate: &T, condition: &str, operation: &'static str) -> Result<Put<T>, Error> {
        let mark = AttributeValue::S(mark());
        let mut put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::attributes(aggregate)?))
            .item(item::MARK, mark.clone())
            .condition_expression(condition)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        if condition == UNCHANGED {
            put = put
                .expression_attribute_names("#version", item::VERSION)
                .expression_attribute_values(":before", before(aggregate));
        }
        let Err(error) = put.send().await else { return Ok(Put::Done) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(there) if there.get(item::MARK) == Some(&mark) => Ok(Put::Done),
                there => Ok(Put::Refused(there.map(item::aggregate).transpose()?)),
            },
            _ => Err(Error::of(operation, &error)),
        }
    }

    /// The quote with this number.
    pub async fn quote(&self, number: &QuoteNumber) -> Result<Option<Quote>, Error> {
        self.load(&Key::quote(number), "GetItem of a quote").await
    }

    pub(crate) async fn load<T: Item>(&self, key: &Key, operation: &'static str) -> Result<Option<T>, Error> {
        let got =
            self.client.get_item().table_name(&self.table).set_key(Some(item::of_key(key))).consistent_read(true).send().await;
        let got = got.map_err(|error| Error::of(operation, &error))?;
        got.item().map(item::aggregate).transpose()
    }

    /// Commits a change of a quote, if it is still the version that was decided on.
    pub async fn commit(&self, change: &Change) -> Result<Commit, Error> {
        Ok(match self.put_if(&change.next, UNCHANGED, "PutItem of a quote").await? {
            Put::Done => Commit::Committed,
            Put::Refused(_) => Commit::Conflict,
        })
    }

    /// What is known of a payment, and of the quote that it names: one call.
    pub async fn receipt_and_quote(
        &self,
        payment: &PaymentId,
        number: Option<&QuoteNumber>,
    ) -> Result<(Option<Receipt>, Option<Quote>), Error> {
        const OPERATION: &str = "BatchGetItem of a receipt and a quote";
        let receipt_key = Key::receipt(payment);
        let keys = std::iter::once(receipt_key.clone()).chain(number.map(Key::quote)).map(|key| item::of_key(&key)).collect();
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|error| Error::Unavailable { operation: OPERATION, reason: error.to_string() })?;
        let got = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
        let got = got.map_err(|error| Error::of(OPERATION, &error))?;
        if got.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
            return Err(Error::Unavailable { operation: OPERATION, reason: "some keys were not processed".to_owned() });
        }
        let (mut receipt, mut quote) = (None, None);
        for found in got.responses().and_then(|tables| tables.get(&self.table)).into_iter().flatten() {
            match found.get(PARTITION) {
                Some(AttributeValue::S(partition)) if *partition == receipt_key.partition => {
                    receipt = Some(item::aggregate(found)?)
                }
                _ => quote = Some(item::aggregate(found)?),
            }
        }
        Ok((receipt, quote))
    }

    /// Commits what a payment means: the receipt and the quote together, or neither. A settlement without anything to
    /// write is committed already.
    ///
    /// Both in one transaction, because a payment must never be applied to two quotes, nor a refund be parked beside
    /// a payment that has just been applied.
    pub async fn settle(&self, settlement: &Settlement) -> Result<Commit, Error> {
        const OPERATION: &str = "TransactWriteItems of a receipt and a quote";
        let Settlement { receipt, quote } = settlement;
        let writes = [receipt.as_ref().map(|receipt| self.put(receipt)), quote.as_ref().map(|change| self.put(&change.next))];
        let writes = writes.into_iter().flatten().collect::<Result<Vec<_>, _>>()?;
        if writes.is_empty() {
            return Ok(Commit::Committed);
        }
        self.transact(writes, OPERATION).await
    }

    /// A put that is conditional on the version before: on absence for the first.
    pub(crate) fn put<T: Item>(&self, aggregate: &T) -> Result<TransactWriteItem, Error> {
        let put = types::Put::builder().table_name(&self.table).set_item(Some(item::attributes(aggregate)?));
        let put = match aggregate.version() {
            1 => put.condition_expression(ABSENT),
            _ => put
                .condition_expression(UNCHANGED)
                .expression_attribute_names("#version", item::VERSION)
                .expression_attribute_values(":before", before(aggregate)),
        };
        let put = put.build().map_err(|error| Error::Unavailable { operation: "building a Put", reason: error.to_string() })?;
        Ok(TransactWriteItem::builder().put(put).build())
    }

    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>, operation: &'static str) -> Result<Commit, Error> {
        let Err(error) = self.client.transact_write_items().set_transact_items(Some(writes)).send().await else {
            return Ok(Commit::Committed);
        };
        use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException;
        let lost = |reason: &CancellationReason| matches!(reason.code(), Some("ConditionalCheckFailed" | "TransactionConflict"));
        match error.as_service_error() {
            Some(TransactionCanceledException(canceled)) if canceled.cancellation_reasons().iter().any(lost) => {
                Ok(Commit::Conflict)
            }
            _ => Err(Error::of(operation, &error)),
        }
    }
}

fn before<T: Item>(next: &T) -> AttributeValue {
    AttributeValue::N((next.version() - 1).to_string())
}

/// The mark of one put, told from every other.
#[allow(clippy::disallowed_methods, reason = "the mark is about the request, and decides nothing of what is stored")]
fn mark() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
