//! The quotes in review (R33, R34). They are in an index, which the ordinary writes of quotes maintain.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::Quote;

use crate::{
    Error, Store,
    item::{self, REVIEW, WAITS},
    keys::{Key, PARTITION, REVIEWS_INDEX},
};

impl Store {
    /// Reads at most `most` quotes that wait for a decision, the first due first, and whether there are more. The index is
    /// eventually consistent, so it may lack a quote that was just written. The quotes themselves are read consistently.
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
            let number =
                number.ok_or_else(|| item::corrupt(&item, "it is in the index of reviews, but it is not a quote".to_owned()))?;
            keys.insert(Key::quote(&number));
        }
        let found = self.get_all(&keys, "BatchGetItem of quotes in review").await?;
        let mut quotes = found.iter().map(item::aggregate).collect::<Result<Vec<Quote>, _>>()?;
        quotes.retain(|quote| quote.awaits_review_by().is_some());
        quotes.sort_by_cached_key(|quote| (quote.awaits_review_by(), quote.offer.issued_at, quote.number.clone()));
        Ok((quotes, more))
    }
}
