//! Counters for rate limits.

use aws_sdk_dynamodb::{operation::update_item::UpdateItemError::ConditionalCheckFailedException, types::AttributeValue};
use jiff::Timestamp;

use crate::{
    Error, Store,
    item::{self, KIND},
    keys::Key,
};

/// The attribute after which DynamoDB deletes an item (Time to Live): seconds since 1970.
pub(crate) const EXPIRES: &str = "expires";

impl Store {
    /// Counts `uses` uses of a bucket in the window that ends at `until`. `false`: the sum would exceed `most`, and the uses were
    /// not counted.
    ///
    /// Each window has its own counter, so all callers must pass the same `until` for it. A bucket's name has up to 1,000 bytes.
    /// The caller hashes names of people in it.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. The uses may have been counted, so that a retry may count them twice.
    pub async fn allow(&self, bucket: &str, uses: u32, most: u32, until: Timestamp) -> Result<bool, Error> {
        let Some(highest) = most.checked_sub(uses) else { return Ok(false) };
        let number = |number: i64| AttributeValue::N(number.to_string());
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::of_key(&Key::limit(bucket, until))))
            .update_expression("SET #kind = :kind, #expires = :expires ADD #uses :more")
            .condition_expression("attribute_not_exists(#uses) OR #uses <= :highest")
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_names("#uses", "uses")
            .expression_attribute_values(":kind", AttributeValue::S("limit".to_owned()))
            .expression_attribute_values(":expires", number(until.as_second()))
            .expression_attribute_values(":more", number(uses.into()))
            .expression_attribute_values(":highest", number(highest.into()));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.as_service_error(), Some(ConditionalCheckFailedException(_))) => Ok(false),
            Err(error) => Err(Error::of("UpdateItem of a limit", &error)),
        }
    }
}
