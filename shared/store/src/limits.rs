//! How often something may be asked.

use aws_sdk_dynamodb::{operation::update_item::UpdateItemError::ConditionalCheckFailedException, types::AttributeValue};
use jiff::Timestamp;

use crate::{
    Error, Store,
    item::{self, KIND},
    keys::Key,
};

/// The attribute by which DynamoDB drops an item some time after it is of no use: seconds since 1970.
pub(crate) const EXPIRES: &str = "expires";

impl Store {
    /// Counts `uses` more uses of a bucket in the window that ends at `until`. `false`: with them it would be more than
    /// `most`, and they were not counted.
    ///
    /// Each window counts for itself, so all callers must end it at the same instant. A use whose answer was lost may
    /// count twice. What names people is hashed by the caller; a bucket's name has up to 1,000 bytes.
    pub async fn allow(&self, bucket: &str, uses: u32, most: u32, until: Timestamp) -> Result<bool, Error> {
        let Some(room) = most.checked_sub(uses) else { return Ok(false) };
        let number = |number: i64| AttributeValue::N(number.to_string());
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(item::of_key(&Key::limit(bucket, until))))
            .update_expression("SET #kind = :kind, #expires = :expires ADD #uses :more")
            .condition_expression("attribute_not_exists(#uses) OR #uses <= :room")
            .expression_attribute_names("#kind", KIND)
            .expression_attribute_names("#expires", EXPIRES)
            .expression_attribute_names("#uses", "uses")
            .expression_attribute_values(":kind", AttributeValue::S("limit".to_owned()))
            .expression_attribute_values(":expires", number(until.as_second()))
            .expression_attribute_values(":more", number(uses.into()))
            .expression_attribute_values(":room", number(room.into()));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) if matches!(error.as_service_error(), Some(ConditionalCheckFailedException(_))) => Ok(false),
            Err(error) => Err(Error::of("UpdateItem of a limit", &error)),
        }
    }
}
