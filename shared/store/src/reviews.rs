//! What a person is to look at: an index of the quotes in review, kept by the writes that there are anyway (R33, R34).

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Quote;

use crate::{
    Error, Store,
    item::{self, REVIEW, WAITS},
    keys::{Key, PARTITION, REVIEWS_INDEX},
};

impl Store {
    /// At most so many of the quotes that wait for a decision, the first due first, and whether there are more. The index may
    /// be a moment behind; what it names is read as it is.
    pub async fn in_review(&self, most: u16) -> Result<(Vec<Quote>, bool), Error> {
        const OPERATION: &str = "Query of what is in review";
        let most = usize::from(most);
        let query = self
            .client
            .query()
            .table_name(&self.table)
            .index_name(REVIEWS_INDEX)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", REVIEW)
            .expression_attribute_values(":pk", AttributeValue::S(WAITS.to_owned()))
            .into_paginator()
            .items();
        let mut waiting = query.send();
        let (mut keys, mut more) = (BTreeSet::new(), false);
        while let Some(item) = waiting.next().await {
            let item = item.map_err(|error| Error::of(OPERATION, &error))?;
            more = keys.len() == most;
            if more {
                break;
            }
            let number = item::text(&item, PARTITION).and_then(Key::quote_number);
            let number = number.ok_or_else(|| item::corrupt(&item, "the index of reviews holds something else".to_owned()))?;
            keys.insert(Key::quote(&number));
        }
        let found = self.get_all(&keys, "BatchGetItem of quotes in review").await?;
        let mut quotes = found.iter().map(item::aggregate).collect::<Result<Vec<Quote>, _>>()?;
        quotes.retain(|quote| quote.awaits_review_by().is_some());
        quotes.sort_by_cached_key(|quote| (quote.awaits_review_by(), quote.offer.issued_at, quote.number.clone()));
        Ok((quotes, more))
    }
}
