//! Government subscriptions: which end customer has one, and until when (R106).

use aws_sdk_dynamodb::types::{self, AttributeValue, TransactWriteItem};
use domain::government::GovernmentSubscription;
use jiff::civil::Date;

use crate::{
    Error, Store,
    item::{self, Attributes},
    writes::in_transaction,
};

/// The attributes that the condition of a write compares: the entitlement, and the day on which the subscription ends.
const SEN: &str = "sen";
const ENDS: &str = "ends";

impl Store {
    /// Records that an end customer has a government subscription (R106), and replaces an earlier record. Recording the same
    /// subscription again changes nothing.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. Retrying is safe.
    pub async fn hold(&self, holding: &GovernmentSubscription) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(subscription_item(holding)?));
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of a government subscription", &error))
    }

    /// The write that records a subscription, unless the customer has another one to the product that has not ended on `today`.
    pub(crate) fn take(&self, holding: &GovernmentSubscription, today: Date) -> Result<TransactWriteItem, Error> {
        let put = types::Put::builder()
            .table_name(&self.table)
            .set_item(Some(subscription_item(holding)?))
            .condition_expression("attribute_not_exists(#sen) OR #sen = :sen OR #ends <= :today")
            .expression_attribute_names("#sen", SEN)
            .expression_attribute_names("#ends", ENDS)
            .expression_attribute_values(":sen", AttributeValue::S(holding.sen.to_string()))
            .expression_attribute_values(":today", AttributeValue::S(today.to_string()));
        in_transaction(put)
    }
}

/// The item of a subscription. The values that conditions compare are attributes of their own.
fn subscription_item(holding: &GovernmentSubscription) -> Result<Attributes, Error> {
    let mut item = item::attributes(holding)?;
    item.insert(SEN.to_owned(), AttributeValue::S(holding.sen.to_string()));
    item.insert(ENDS.to_owned(), AttributeValue::S(holding.end.to_string()));
    Ok(item)
}
