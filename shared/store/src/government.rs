//! Government subscriptions: which end customer has one, and until when (R106).

use aws_sdk_dynamodb::types::{self, AttributeValue, TransactWriteItem};
use domain::government::GovernmentSubscription;
use jiff::civil::Date;

use crate::{
    Error, Store,
    item::{self, Attributes},
    keys::Key,
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
    pub async fn record_government_subscription(&self, holding: &GovernmentSubscription) -> Result<(), Error> {
        for item in subscription_items(holding)? {
            let put = self.client.put_item().table_name(&self.table).set_item(Some(item));
            put.send().await.map_err(|error| Error::of("PutItem of a government subscription", &error))?;
        }
        Ok(())
    }

    /// The writes that record a subscription, unless the customer has another one to the product that has not ended on `today`.
    pub(crate) fn claim_government_subscription(
        &self,
        holding: &GovernmentSubscription,
        today: Date,
    ) -> Result<Vec<TransactWriteItem>, Error> {
        subscription_items(holding)?.into_iter().map(|item| self.claim_item(holding, item, today)).collect()
    }

    fn claim_item(&self, holding: &GovernmentSubscription, item: Attributes, today: Date) -> Result<TransactWriteItem, Error> {
        let put = types::Put::builder()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(#sen) OR #sen = :sen OR #ends <= :today")
            .expression_attribute_names("#sen", SEN)
            .expression_attribute_names("#ends", ENDS)
            .expression_attribute_values(":sen", AttributeValue::S(holding.sen.to_string()))
            .expression_attribute_values(":today", AttributeValue::S(today.to_string()));
        in_transaction(put)
    }
}

/// The item of a subscription, and the same item under the earlier key of the name, if it is another key: a record that was
/// stored there stays true. The values that conditions compare are attributes of their own.
fn subscription_items(holding: &GovernmentSubscription) -> Result<Vec<Attributes>, Error> {
    let mut item = item::attributes(holding)?;
    item.insert(SEN.to_owned(), AttributeValue::S(holding.sen.to_string()));
    item.insert(ENDS.to_owned(), AttributeValue::S(holding.end.to_string()));
    let earlier = Key::earlier_government_subscription(&holding.product, &holding.licensee);
    let earlier = earlier.map(|key| item.clone().into_iter().chain(item::of_key(&key)).collect());
    Ok([item].into_iter().chain(earlier).collect())
}

#[cfg(test)]
mod tests {
    use domain::number::Minter;

    use super::*;
    use crate::keys::PARTITION;

    fn partitions(licensee: &str) -> Vec<String> {
        let minter = Minter::new(b"test");
        let holding = GovernmentSubscription {
            product: "gov".to_owned(),
            licensee: licensee.to_owned(),
            sen: minter.sen(&minter.quote_from_seed("a"), 1, 0),
            end: "2027-01-01".parse().unwrap(),
        };
        let items = subscription_items(&holding).unwrap();
        items.iter().map(|item| item[PARTITION].as_s().unwrap().clone()).collect()
    }

    /// B24: a record under the key that was built before names had a canonical form is kept up to date.
    #[test]
    fn b24_a_subscription_is_written_under_the_canonical_key_and_under_the_earlier_one() {
        assert_eq!(partitions("Example Agency"), ["HOLDING#gov#example agency"]);
        assert_eq!(partitions("㈱ 例"), ["HOLDING#gov#株式会社例", "HOLDING#gov#㈱ 例"]);
    }
}
