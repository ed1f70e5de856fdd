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
};

/// What must be there for a put to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Condition {
    /// Nothing.
    Absent,
    /// The item, in this version.
    Version(u64),
}

impl Condition {
    /// What comes before `next`: the version before it, or nothing if it is the first.
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

/// What became of a conditional put.
pub(crate) enum Put {
    /// It is durable.
    Done,
    /// The condition does not hold; this is there, where the engine tells.
    Refused(Option<Attributes>),
}

impl Store {
    /// Creates an aggregate's item, or tells which one is there.
    pub(crate) async fn create<T: Item>(&self, aggregate: &T, operation: &'static str) -> Result<Created<T>, Error> {
        let existing = match self.put_if(item::attributes(aggregate)?, Condition::Absent, operation).await? {
            Put::Done => return Ok(Created::New),
            Put::Refused(Some(existing)) => item::aggregate(&existing)?,
            // An engine that does not return the old item is asked for it.
            Put::Refused(None) => match self.load(&aggregate.key(), operation).await? {
                Some(existing) => existing,
                None => return Err(Error::Unavailable { operation, reason: "it was there and is gone".to_owned() }),
            },
        };
        Ok(Created::Exists(Box::new(existing)))
    }

    /// Replaces an aggregate's item, if that is the version before.
    pub(crate) async fn replace<T: Item>(&self, next: &T, operation: &'static str) -> Result<Commit, Error> {
        Ok(match self.put_if(item::attributes(next)?, Condition::before(next), operation).await? {
            Put::Done => Commit::Committed,
            Put::Refused(_) => Commit::Conflict,
        })
    }

    /// A conditional put of one item.
    ///
    /// The SDK repeats a request whose answer was lost, and the repetition is refused by its own first write. Each put
    /// therefore carries a mark of its own, and who finds it there has succeeded.
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

    /// A put for a transaction, conditional on the version before: on absence for the first.
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

    /// All of these writes, or none.
    pub(crate) async fn transact(&self, writes: Vec<TransactWriteItem>, operation: &'static str) -> Result<Commit, Error> {
        match self.transaction(writes).await {
            Ok(()) => Ok(Commit::Committed),
            Err(error) if lost(&error).iter().any(|reason| *reason != Lost::No) => Ok(Commit::Conflict),
            Err(error) => Err(Error::of(operation, &error)),
        }
    }

    /// The SDK gives each call a `ClientRequestToken` and repeats it with the same one, by which DynamoDB knows a
    /// transaction whose answer was lost: no mark is needed.
    pub(crate) async fn transaction(&self, writes: Vec<TransactWriteItem>) -> Result<(), TransactionError> {
        self.client.transact_write_items().set_transact_items(Some(writes)).send().await.map(drop)
    }
}

/// Why a transaction was not done.
pub(crate) type TransactionError = SdkError<TransactWriteItemsError, HttpResponse>;

/// What one write of a transaction that was not done has to do with that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Nothing.
    No,
    /// Its condition does not hold.
    Condition,
    /// Somebody else's transaction was about the same item.
    Race,
}

/// What each write of a transaction has to do with its failure; nothing, if it failed for another reason.
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

/// The mark of one put, told from every other.
#[allow(clippy::disallowed_methods, reason = "the mark is about the request, and decides nothing of what is stored")]
fn mark() -> String {
    uuid::Uuid::new_v4().simple().to_string()
}
