//! Series of numbers without gaps, such as those of invoices.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::quote::Change;

use crate::{
    Commit, Error, Store,
    item::{self, KIND},
    keys::Key,
};

/// The attribute that holds a series' last number.
const LAST: &str = "last";

impl Store {
    /// Reads the last number that was used in a series. It is 0 before the first one.
    pub async fn last_in_series(&self, series: &str) -> Result<u64, Error> {
        let got = self.get(&Key::series(series), "GetItem of a series").await?;
        Ok(got.and_then(|item| item::number(&item, LAST)).unwrap_or(0))
    }

    /// Commits a change that uses the next number of a series, in one transaction, so that the series has no gap and no number is
    /// used twice. `Conflict`: the quote or the series was changed by another request.
    pub async fn commit_numbered(&self, change: &Change, series: &str, number: u64) -> Result<Commit, Error> {
        const OPERATION: &str = "TransactWriteItems of a quote and a series";
        let mut values = HashMap::from([
            (":kind".to_owned(), AttributeValue::S("series".to_owned())),
            (":number".to_owned(), AttributeValue::N(number.to_string())),
        ]);
        let condition = if number == 1 {
            "attribute_not_exists(#last)"
        } else {
            values.insert(":before".to_owned(), AttributeValue::N((number - 1).to_string()));
            "#last = :before"
        };
        let counter = Update::builder()
            .table_name(&self.table)
            .set_key(Some(item::of_key(&Key::series(series))))
            .update_expression("SET #last = :number, #kind = :kind")
            .condition_expression(condition)
            .expression_attribute_names("#last", LAST)
            .expression_attribute_names("#kind", KIND)
            .set_expression_attribute_values(Some(values))
            .build();
        let counter = counter.map_err(|error| Error::Unavailable { operation: OPERATION, reason: error.to_string() })?;
        let writes = vec![self.put(&change.next)?, TransactWriteItem::builder().update(counter).build()];
        self.transact(writes, OPERATION).await
    }
}
