//! Strongly consistent reads: of one item, of many items by their keys, of a partition.

use std::{
    collections::{BTreeSet, HashMap},
    time::Duration,
};

use aws_sdk_dynamodb::{
    operation::query::builders::QueryFluentBuilder,
    types::{AttributeValue, KeysAndAttributes},
};

use crate::{
    Error, Store,
    item::{self, Attributes, Item, VERSION},
    keys::{Key, PARTITION, SORT},
};

/// The most keys of one `BatchGetItem` (Amazon DynamoDB API Reference, "BatchGetItem").
const BATCH: usize = 100;
/// How many times the keys of a batch are requested. DynamoDB leaves keys out when it is throttled, or when the response would
/// exceed 16 MB.
const ATTEMPTS: u32 = 5;
/// The pause before the first retry of a batch. It doubles with each retry.
const PAUSE: Duration = Duration::from_millis(20);

impl Store {
    /// Reads one aggregate.
    pub(crate) async fn load<T: Item>(&self, key: &Key, operation: &'static str) -> Result<Option<T>, Error> {
        self.get(key, operation).await?.as_ref().map(item::aggregate).transpose()
    }

    /// Reads one item.
    pub(crate) async fn get(&self, key: &Key, operation: &'static str) -> Result<Option<Attributes>, Error> {
        let got = self.client.get_item().table_name(&self.table).set_key(Some(item::of_key(key))).consistent_read(true);
        Ok(got.send().await.map_err(|error| Error::of(operation, &error))?.item)
    }

    /// Reads the version of a stored aggregate; `None` if it is not stored. A caller that has decided from an earlier read learns
    /// whether the aggregate has changed since.
    ///
    /// # Errors
    ///
    /// DynamoDB failed, and retrying is safe; or the item is not an aggregate.
    pub async fn version(&self, key: &Key) -> Result<Option<u64>, Error> {
        let got = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(item::of_key(key)))
            .projection_expression("#version")
            .expression_attribute_names("#version", VERSION)
            .consistent_read(true);
        let item = got.send().await.map_err(|error| Error::of("GetItem of a version", &error))?.item;
        let corrupt =
            || Error::Corrupt { key: format!("{}/{}", key.partition, key.sort), reason: "it has no version".to_owned() };
        item.map(|item| item::number(&item, VERSION).ok_or_else(corrupt)).transpose()
    }

    /// Reads those of many items that exist, in any order, with one call for every hundred.
    pub(crate) async fn get_all(&self, keys: &BTreeSet<Key>, operation: &'static str) -> Result<Vec<Attributes>, Error> {
        self.get_attributes(keys, None, operation).await
    }

    /// The same with some attributes only. The role of the function may allow no others.
    pub(crate) async fn get_attributes(
        &self,
        keys: &BTreeSet<Key>,
        only: Option<&[&str]>,
        operation: &'static str,
    ) -> Result<Vec<Attributes>, Error> {
        let keys: Vec<_> = keys.iter().map(item::of_key).collect();
        let mut found = Vec::new();
        for batch in keys.chunks(BATCH) {
            let mut requested = batch.to_vec();
            for attempt in 0.. {
                let (got, left) = self.get_batch(requested, only, operation).await?;
                found.extend(got);
                if left.is_empty() {
                    break;
                }
                if attempt + 1 == ATTEMPTS {
                    let reason = format!("{} keys were still not processed after {ATTEMPTS} attempts", left.len());
                    return Err(Error::Unavailable { operation, reason });
                }
                tokio::time::sleep(PAUSE * 2_u32.pow(attempt)).await;
                requested = left;
            }
        }
        Ok(found)
    }

    /// One `BatchGetItem`: the found items, and the keys that DynamoDB left out.
    async fn get_batch(
        &self,
        keys: Vec<Attributes>,
        only: Option<&[&str]>,
        operation: &'static str,
    ) -> Result<(Vec<Attributes>, Vec<Attributes>), Error> {
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true);
        // Each name has a placeholder, because some are reserved words.
        let names = only.map(|only| only.iter().map(|name| (format!("#{name}"), (*name).to_owned())).collect::<HashMap<_, _>>());
        let projection = only.map(|only| only.iter().map(|name| format!("#{name}")).collect::<Vec<_>>().join(", "));
        let wanted = wanted.set_projection_expression(projection).set_expression_attribute_names(names).build();
        let wanted = wanted.map_err(|error| Error::Unavailable { operation, reason: error.to_string() })?;
        let got = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
        let got = got.map_err(|error| Error::of(operation, &error))?;
        let found = got.responses.and_then(|mut tables| tables.remove(&self.table));
        let left = got.unprocessed_keys.and_then(|mut tables| tables.remove(&self.table));
        Ok((found.unwrap_or_default(), left.map(|left| left.keys).unwrap_or_default()))
    }

    /// Reads the items of a partition whose sort keys begin with `prefix`, in the order of their sort keys.
    pub(crate) async fn query(&self, partition: &str, prefix: &str, operation: &'static str) -> Result<Vec<Attributes>, Error> {
        let items = self.range(partition, prefix).into_paginator().items().send().collect::<Result<Vec<_>, _>>().await;
        items.map_err(|error| Error::of(operation, &error))
    }

    /// A query for the items of a partition whose sort keys begin with `prefix`.
    pub(crate) fn range(&self, partition: &str, prefix: &str) -> QueryFluentBuilder {
        self.client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :sk)")
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_names("#sk", SORT)
            .expression_attribute_values(":pk", AttributeValue::S(partition.to_owned()))
            .expression_attribute_values(":sk", AttributeValue::S(prefix.to_owned()))
            .consistent_read(true)
    }
}
