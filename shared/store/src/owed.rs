//! What is still to be done: an index of the quotes about which something is, kept by the writes that there are anyway, and
//! cleared by whoever has done it. The stream tells of work sooner; the index forgets none.

use aws_sdk_dynamodb::{
    operation::update_item::{UpdateItemError::ConditionalCheckFailedException, builders::UpdateItemFluentBuilder},
    types::AttributeValue,
};
use domain::{Quote, QuoteNumber, quote::Owed};
use jiff::Timestamp;

use crate::{
    Commit, Error, Store,
    item::{self, OWED, OWED_SINCE, VERSION},
    keys::{Key, OWED_INDEX, PARTITION},
};

/// The attribute whose change makes a stream record of a reminder.
const REMINDED: &str = "reminded";

/// A quote about which something has been waiting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Which quote.
    pub number: QuoteNumber,
    /// Since when.
    pub since: Timestamp,
}

impl Store {
    /// At most so many of the quotes that have been owed this since `before` or longer, those that wait longest first. The
    /// index may be a moment behind.
    pub async fn waiting(&self, owed: Owed, before: Timestamp, most: i32) -> Result<Vec<Waiting>, Error> {
        const OPERATION: &str = "Query of what is owed";
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(OWED_INDEX)
            .key_condition_expression("#pk = :pk AND #since <= :before")
            .expression_attribute_names("#pk", OWED)
            .expression_attribute_names("#since", OWED_SINCE)
            .expression_attribute_values(":pk", AttributeValue::S(owed.as_str().to_owned()))
            .expression_attribute_values(":before", AttributeValue::S(before.to_string()))
            .limit(most);
        let waiting = |item: &item::Attributes| {
            let number = item::text(item, PARTITION).and_then(Key::quote_number);
            let since = item::text(item, OWED_SINCE).and_then(|since| since.parse().ok());
            let read = number.zip(since).map(|(number, since)| Waiting { number, since });
            read.ok_or_else(|| item::corrupt(item, "the index of what is owed holds something else".to_owned()))
        };
        // DynamoDB may cut an answer before `most`, and says so.
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

    /// Makes a stream record of a quote about which something is still to be done, unless one was made since `recently`;
    /// `Conflict` when nothing is to be done any more, or a reminder is under way.
    pub async fn remind(&self, number: &QuoteNumber, now: Timestamp, recently: Timestamp) -> Result<Commit, Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::of_key(&Key::quote(number))))
            .update_expression("SET #reminded = :now")
            .condition_expression("attribute_exists(#owed) AND (attribute_not_exists(#reminded) OR #reminded < :recently)")
            .expression_attribute_names("#owed", OWED)
            .expression_attribute_names("#reminded", REMINDED)
            .expression_attribute_values(":now", AttributeValue::S(now.to_string()))
            .expression_attribute_values(":recently", AttributeValue::S(recently.to_string()));
        conditional(update, "UpdateItem of a reminder").await
    }

    /// Takes note that all is told about this version of a quote; `Conflict` when it has moved on, or is done with: then
    /// there is nothing to note.
    pub async fn letters_done(&self, quote: &Quote) -> Result<Commit, Error> {
        let update = self
            .done(quote, Owed::Letters)
            .update_expression("REMOVE #owed, #since, #reminded")
            .expression_attribute_names("#since", OWED_SINCE)
            .expression_attribute_names("#reminded", REMINDED);
        conditional(update, "UpdateItem of letters done").await
    }

    /// Takes note that this version of a quote is fulfilled, which leaves its letters; `Conflict` when it has moved on, or
    /// its letters are all that is left: then there is nothing to note.
    pub async fn fulfilment_done(&self, quote: &Quote) -> Result<Commit, Error> {
        let update = self
            .done(quote, Owed::Fulfilment)
            .update_expression("SET #owed = :next")
            .expression_attribute_values(":next", AttributeValue::S(Owed::Letters.as_str().to_owned()));
        conditional(update, "UpdateItem of a fulfilment done").await
    }

    /// An update of a quote of which exactly this version is stored, and exactly this owed.
    fn done(&self, quote: &Quote, owed: Owed) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::of_key(&Key::quote(&quote.number))))
            .condition_expression("#version = :version AND #owed = :owed")
            .expression_attribute_names("#version", VERSION)
            .expression_attribute_names("#owed", OWED)
            .expression_attribute_values(":version", AttributeValue::N(quote.version.to_string()))
            .expression_attribute_values(":owed", AttributeValue::S(owed.as_str().to_owned()))
    }
}

/// An update that the SDK may repeat: where the answer to the first was lost, the second finds it done, which is the same.
/// Who meets somebody else's transaction has not lost to it, for that may be refused itself: it is tried again.
async fn conditional(update: UpdateItemFluentBuilder, operation: &'static str) -> Result<Commit, Error> {
    match update.send().await {
        Ok(_) => Ok(Commit::Committed),
        Err(error) if matches!(error.as_service_error(), Some(ConditionalCheckFailedException(_))) => Ok(Commit::Conflict),
        Err(error) => Err(Error::of(operation, &error)),
    }
}
