//! Fingerprints of the keys that a deployment derives links and numbers from. The keys lie beside the table, and a table that is
//! used with other keys has dead links and assigns numbers twice.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    Error, Store,
    item::{self, BODY, KIND},
    keys::Key,
};

/// The kind of the item.
const FINGERPRINTS: &str = "key_fingerprints";

impl Store {
    /// The fingerprints that were recorded, by the names of their keys; empty if none were.
    pub async fn key_fingerprints(&self) -> Result<BTreeMap<String, String>, Error> {
        let Some(item) = self.get(&Key::key_fingerprints(), "GetItem of the fingerprints of keys").await? else {
            return Ok(BTreeMap::new());
        };
        let body = item::text(&item, BODY).unwrap_or_default();
        serde_json::from_str(body).map_err(|error| item::corrupt(&item, format!("no fingerprints, at column {}", error.column())))
    }

    /// Records the fingerprints of all keys. Recording the same again changes nothing.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. It is unknown whether the fingerprints were written, and retrying is safe.
    pub async fn record_key_fingerprints(&self, fingerprints: &BTreeMap<String, String>) -> Result<(), Error> {
        const OPERATION: &str = "PutItem of the fingerprints of keys";
        let body = serde_json::to_string(fingerprints)
            .map_err(|error| Error::Unavailable { operation: OPERATION, reason: error.to_string() })?;
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_key(&Key::key_fingerprints())))
            .item(KIND, AttributeValue::S(FINGERPRINTS.to_owned()))
            .item(BODY, AttributeValue::S(body));
        put.send().await.map(drop).map_err(|error| Error::of(OPERATION, &error))
    }
}
