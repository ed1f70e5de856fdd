//! Pending work: a sparse index of the aggregates for which work is pending. Every write of an aggregate maintains the index, and
//! the consumer that has done the work removes it. The stream reports work sooner; the index loses none.

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError::ConditionalCheckFailedException, builders::UpdateItemFluentBuilder},
    types::AttributeValue,
};
use domain::pending::Work;
use jiff::Timestamp;

use crate::{
    Commit, Error, Store,
    item::{self, Item, NEXT_WORK, PENDING_SINCE, VERSION},
    keys::{Key, PENDING_INDEX},
};

/// The attribute whose change makes the stream record of a reminder.
const REMINDED: &str = "reminded";

/// An aggregate for which work is pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The aggregate.
    pub key: Key,
    /// The instant since which the work is pending.
    pub since: Timestamp,
}

impl Store {
    /// Reads the aggregates for which `work` is the next work and has been pending since `before` or longer: at most `most`, the
    /// longest pending first. The index is eventually consistent.
    pub async fn waiting(&self, work: Work, before: Timestamp, most: i32) -> Result<Vec<Waiting>, Error> {
        const OPERATION: &str = "Query of pending work";
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(PENDING_INDEX)
            .key_condition_expression("#next = :pk AND #since <= :before")
            .expression_attribute_names("#next", NEXT_WORK)
            .expression_attribute_names("#since", PENDING_SINCE)
            .expression_attribute_values(":pk", AttributeValue::S(work.as_str().to_owned()))
            .expression_attribute_values(":before", AttributeValue::S(before.to_string()))
            .limit(most);
        let waiting = |item: &item::Attributes| {
            let since = item::text(item, PENDING_SINCE).and_then(|since| since.parse().ok());
            let read = item::key(item).zip(since).map(|(key, since)| Waiting { key, since });
            read.ok_or_else(|| item::corrupt(item, "it is in the index of pending work, but it has no key or no time".to_owned()))
        };
        // DynamoDB may end a page before `most`, and then returns the key from which the next page continues.
        let mut pages = query.into_paginator().send();
        let (mut found, most) = (Vec::new(), usize::try_from(most).unwrap_or_default());
        while found.len() < most
            && let Some(page) = pages.next().await
        {
            let page = page.map_err(|error| Error::of(OPERATION, &error))?;
            found.extend(page.items().iter().map(waiting).collect::<Result<Vec<_>, _>>()?);
        }
        found.truncate(most);
        Ok(found)
    }

    /// Makes a stream record of an aggregate for which work is pending, unless one was made since `recently`. `Conflict`: no work
    /// is pending any more, or a reminder was sent recently.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the reminder was sent, and retrying is safe.
    pub async fn remind(&self, key: &Key, now: Timestamp, recently: Timestamp) -> Result<Commit, Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::of_key(key)))
            .update_expression("SET #reminded = :now")
            .condition_expression("attribute_exists(#next) AND (attribute_not_exists(#reminded) OR #reminded < :recently)")
            .expression_attribute_names("#next", NEXT_WORK)
            .expression_attribute_names("#reminded", REMINDED)
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":recently", AttributeValue::S(recently.to_string()));
        conditional(update, "UpdateItem of a reminder").await
    }

    /// Records that the next work of this version of an aggregate is done, which leaves the work after it. `Conflict`: the
    /// aggregate has changed, or this is not its next work any more. Then there is nothing to record: the change has pending work
    /// of its own.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. The work stays pending or is recorded as done, and retrying is safe.
    pub async fn work_done<T: Item>(&self, aggregate: &T, done: Work) -> Result<Commit, Error> {
        let left = aggregate.pending().map(|pending| pending.after(done)).unwrap_or_default();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::of_key(&aggregate.key())))
            .condition_expression("#version = :version AND #next = :done")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#next", NEXT_WORK)
            .expression_attribute_values(":version", AttributeValue::N(aggregate.version().to_string()))
            .expression_attribute_values(":done", AttributeValue::S(done.as_str().to_owned()));
        let update = match left.first() {
            Some(next) => update
                .update_expression("SET #next = :next")
                .expression_attribute_values(":next", AttributeValue::S(next.as_str().to_owned())),
            None => update
                .update_expression("REMOVE #next, #since, #reminded")
                .expression_attribute_names("#since", PENDING_SINCE)
                .expression_attribute_names("#reminded", REMINDED),
        };
        conditional(update, "UpdateItem of work done").await
    }
}

/// An update that the SDK may repeat: when the response to the first was lost, the second finds the same state. A
/// `TransactionConflictException` is not a lost race: the other transaction may itself be refused, so the update is retried.
async fn conditional(update: UpdateItemFluentBuilder, operation: &'static str) -> Result<Commit, Error> {
    match update.send().await {
        Ok(_) => Ok(Commit::Committed),
        Err(error) if matches!(error.as_service_error(), Some(ConditionalCheckFailedException(_))) => Ok(Commit::Conflict),
        Err(error) => Err(Error::of(operation, &error)),
    }
}
