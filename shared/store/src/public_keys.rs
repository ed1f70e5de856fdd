//! Public keys, with which customers verify licences.

use aws_sdk_dynamodb::types::AttributeValue;

use crate::{
    Error, Store,
    item::{self, KIND, VERSION},
    keys::{Key, PUBLIC_KEY},
    writes::Condition,
};

/// The attribute that holds a public key.
const JWK: &str = "jwk";

impl Store {
    /// Publishes a verification key, as a JWK (RFC 7517). Publishing the same key again changes nothing.
    ///
    /// # Errors
    ///
    /// DynamoDB failed. Retrying is safe.
    pub async fn publish_key(&self, key_id: &str, jwk: &str) -> Result<(), Error> {
        let mut item = item::of_key(&Key::public_key(key_id));
        item.insert(KIND.to_owned(), AttributeValue::S("public_key".to_owned()));
        item.insert(VERSION.to_owned(), AttributeValue::N("1".to_owned()));
        item.insert(JWK.to_owned(), AttributeValue::S(jwk.to_owned()));
        self.put_if(item, Condition::Absent, "PutItem of a public key").await.map(drop)
    }

    /// Reads every verification key that was ever published, as JWKs (RFC 7517).
    pub async fn published_keys(&self) -> Result<Vec<String>, Error> {
        let got = self.query(&Key::public_keys(), PUBLIC_KEY, "Query of public keys").await?;
        Ok(got.iter().filter_map(|item| item::text(item, JWK).map(str::to_owned)).collect())
    }
}
