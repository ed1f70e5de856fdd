//! Conditional writes: of one item, or of several in one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::SdkError,
    operation::{
        put_item::PutItemError::ConditionalCheckFailedException,
        transact_write_items::TransactWriteItemsError::{self, TransactionCanceledException},
    },
    types::{self, AttributeValue, CancellationReason, ReturnValuesOnConditionCheckFailure, TransactWriteItem},
};

use crate::{
    Commit, Created, Error, Store,
    item::{self, Attributes, Item},
    keys::Key,
};

/// What must be stored for a put to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// No item with this key.
    Absent,
    /// The item in this version.
    Version(u64),
}

impl Condition {
    /// What `next` replaces: the version before it, or no item if it is the first version.
    fn before<T: Item>(next: &T) -> Self {
        match next.version() {
            0 | 1 => Self::Absent,
            version => Self::Version(version - 1),
        }
    }

    fn expression(self) -> &'static str {
        match self {
            Self::Absent => "attribute_not_exists(pk)",
            Self::Version(_) => "#version = :before",
        }
    }

    fn names(self) -> Option<HashMap<String, String>> {
        matches!(self, Self::Version(_)).then(|| HashMap::from([("#version".to_owned(), item::VERSION.to_owned())]))
    }

    fn values(self) -> Option<Attributes> {
        match self {
            Self::Absent => None,
            Self::Version(before) => Some(HashMap::from([(":before".to_owned(), AttributeValue::N(before.to_string()))])),
        }
    }
}

/// The result of a conditional put.
pub(crate) enum Put {
    /// The item is durable.
    Done,
    /// The condition does not hold. This is the stored item, if the engine returns it.
    Refused(Option<Attributes>),
}

impl Store {
    /// Creates an aggregate's item, or returns the stored one.
    pub(crate) async fn create<T: Item>(&self, aggregate: &T, operation: &'static str) -> Result<Created<T>, Error> {
        let existing = match self.put_if(item::attributes(aggregate)?, Condition::Absent, operation).await? {
            Put::Done => return Ok(Created::New),
            Put::Refused(Some(existing)) => item::aggregate(&existing)?,
            // Some engines do not return the stored item of a failed condition, so it is read.
            Put::Refused(None) => match self.load(&aggregate.key(), operation).await? {
                Some(existing) => existing,
                None => return Err(Error::Unavailable { operation, reason: "the item was deleted during the call".to_owned() }),
            },
        };
        Ok(Created::Exists(Box::new(existing)))
    }

    /// Replaces an aggregate's item, if the stored version is the one before `next`.
    pub(crate) async fn replace<T: Item>(&self, next: &T, operation: &'static str) -> Result<Commit, Error> {
        Ok(match self.put_if(item::attributes(next)?, Condition::before(next), operation).await? {
            Put::Done => Commit::Committed,
            Put::Refused(_) => Commit::Conflict,
        })
    }

    /// A conditional put of one item.
    ///
    /// The SDK repeats a request whose response was lost, and the condition then refuses the repetition because of the first
    /// write. Each put therefore has its own mark. A refused put whose mark is in the stored item has succeeded.
    pub(crate) async fn put_if(&self, item: Attributes, condition: Condition, operation: &'static str) -> Result<Put, Error> {
        let mark = AttributeValue::S(mark());
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .item(item::MARK, mark.clone())
            .condition_expression(condition.expression())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values())
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let Err(error) = put.send().await else { return Ok(Put::Done) };
        match error.as_service_error() {
            Some(ConditionalCheckFailedException(failed)) => match failed.item() {
                Some(there) if there.get(item::MARK) == Some(&mark) => Ok(Put::Done),
                there => Ok(Put::Refused(there.cloned())),
            },
            _ => Err(Error::of(operation, &error)),
        }
    }

    /// A put for a transaction, conditional on the version before `next`, or on absence for the first version.
    pub(crate) fn put<T: Item>(&self, next: &T) -> Result<TransactWriteItem, Error> {
        let condition = Condition::before(next);
        let put = types::Put::builder()
            .table_name(&self.table)
            .set_item(Some(item::attributes(next)?))
            .condition_expression(condition.expression())
            .set_expression_attribute_names(condition.names())
            .set_expression_attribute_values(condition.values());
        in_transaction(put)
    }

    /// A write of a copy under another key, for a transaction with the conditional [put](Self::put) of the same item.
    pub(crate) fn put_copy<T: Item>(&self, next: &T, key: &Key) -> Result<TransactWriteItem, Error> {
        let item = item::attributes(next)?.into_iter().chain(item::of_key(key)).collect();
        in_transaction(types::Put::builder().table_name(&self.table).set_item(Some(item)))
    }

    /// A removal of a copy, for a transaction with the conditional [put](Self::put) of its item.
    pub(crate) fn delete(&self, key: &Key) -> Result<TransactWriteItem, Error> {
        let delete = types::Delete::builder().table_name(&self.table).set_key(Some(item::of_key(key))).build();
        let delete = delete.map_err(|error| Error::Unavailable { operation: "TransactWriteItems", reason: error.to_string() })?;
        Ok(TransactWriteItem::builder().delete(delete).build())
    }

    /// Commits all of these writes, or none.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>, operation: &'static str) -> Result<Commit, Error> {
        match self.transaction(writes).await {
            Ok(()) => Ok(Commit::Committed),
            Err(error) if lost(&error).iter().any(|reason| *reason != Lost::No) => Ok(Commit::Conflict),
            Err(error) => Err(Error::of(operation, &error)),
        }
    }

    /// Sends a transaction. The SDK gives each call a `ClientRequestToken` and repeats the call with the same token. DynamoDB
    /// recognises a repeated transaction by it, so that no mark is needed.
    pub(crate) async fn transaction(&self, writes: Vec<TransactWriteItem>) -> Result<(), TransactionError> {
        self.client.transact_write_items().set_transact_items(Some(writes)).send().await.map(drop)
    }
}

/// The error of a transaction.
pub(crate) type TransactionError = SdkError<TransactWriteItemsError, HttpResponse>;

/// The part that one write has in the failure of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// None.
    No,
    /// The condition of the write does not hold.
    Condition,
    /// Another request's write of the same item was in progress (`TransactionConflict`).
    Race,
}

/// The part that each write has in the failure of its transaction. Empty, if the transaction failed for another reason.
pub(crate) fn lost(error: &TransactionError) -> Vec<Lost> {
    let Some(TransactionCanceledException(canceled)) = error.as_service_error() else { return Vec::new() };
    let lost = |reason: &CancellationReason| match reason.code() {
        Some("ConditionalCheckFailed") => Lost::Condition,
        Some("TransactionConflict") => Lost::Race,
        _ => Lost::No,
    };
    canceled.cancellation_reasons().iter().map(lost).collect()
}

/// A put as a part of a transaction.
pub(crate) fn in_transaction(put: types::builders::PutBuilder) -> Result<TransactWriteItem, Error> {
    let put = put.build().map_err(|error| Error::Unavailable { operation: "building a Put", reason: error.to_string() })?;
    Ok(TransactWriteItem::builder().put(put).build())
}

/// The mark of one put, which no other put has.
#[allow(clippy::disallowed_methods, reason = "the mark identifies the request and is not part of the aggregate")]
fn mark() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
