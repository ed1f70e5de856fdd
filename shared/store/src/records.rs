//! Entitlements, their audit, the numbers of invoices, public keys, and which letters were sent.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem, Update};
use domain::{QuoteNumber, Sen, license::Entitlement, quote::Change};
use jiff::Timestamp;

use crate::{
    Commit, Created, Error, Store,
    item::{self, KIND, VERSION},
    keys::{Key, PARTITION, SORT},
};

const PUBLIC_KEY: &str = "public_key";

/// What became of a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LetterNote {
    /// The mail service took it.
    Sent {
        /// The service's id for it.
        accepted_as: String,
    },
    /// It can never be sent.
    SetAside {
        /// Why: without an address.
        reason: String,
    },
}

impl Store {
    /// Creates an entitlement, at most once: its number follows from quote and line.
    pub async fn create_entitlement(&self, entitlement: &Entitlement) -> Result<Created<Entitlement>, Error> {
        self.create(entitlement, "PutItem of an entitlement").await
    }

    /// The entitlement with this number.
    pub async fn entitlement(&self, sen: &Sen) -> Result<Option<Entitlement>, Error> {
        self.load(&Key::entitlement(sen), "GetItem of an entitlement").await
    }

    /// Notes who saw an entitlement's key. `Ok` means that the note is durable: only then may the key be shown.
    pub async fn audit_reveal(&self, sen: &Sen, at: Timestamp, unique: &str, subject: &str) -> Result<(), Error> {
        let key = Key::audit(sen, at, unique);
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_key(&key)))
            .item(KIND, AttributeValue::S("reveal".to_owned()))
            .item("subject", AttributeValue::S(subject.to_owned()));
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of an audit entry", &error))
    }

    /// How often an entitlement's key was seen, and by whom, oldest first.
    pub async fn reveals(&self, sen: &Sen) -> Result<Vec<String>, Error> {
        let got = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#pk = :pk AND begins_with(#sk, :sk)")
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_names("#sk", SORT)
            .expression_attribute_values(":pk", AttributeValue::S(Key::entitlement(sen).partition))
            .expression_attribute_values(":sk", AttributeValue::S("AUDIT#".to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| Error::of("Query of audit entries", &error))?;
        Ok(got.iter().filter_map(|entry| entry.get("subject")?.as_s().ok().cloned()).collect())
    }

    /// The last number that was given in a series; 0 when none was.
    pub async fn last_in_series(&self, series: &str) -> Result<u64, Error> {
        const OPERATION: &str = "GetItem of a series";
        let key = item::of_key(&Key::series(series));
        let got = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true).send().await;
        let got = got.map_err(|error| Error::of(OPERATION, &error))?;
        let last = got.item().and_then(|item| item.get("last")?.as_n().ok()?.parse().ok());
        Ok(last.unwrap_or(0))
    }

    /// Commits a change that takes the next number of a series: both or neither, so that the series has no gap and
    /// no number is given twice. `Conflict` when either moved on.
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
            .expression_attribute_names("#last", "last")
            .expression_attribute_names("#kind", KIND)
            .set_expression_attribute_values(Some(values))
            .build();
        let counter = counter.map_err(|error| Error::Unavailable { operation: OPERATION, reason: error.to_string() })?;
        let writes = vec![self.put(&change.next)?, TransactWriteItem::builder().update(counter).build()];
        self.transact(writes, OPERATION).await
    }

    /// Publishes a verification key; publishing it again changes nothing.
    pub async fn publish_key(&self, key_id: &str, jwk: &str) -> Result<(), Error> {
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_key(&Key::public_key(key_id))))
            .item(KIND, AttributeValue::S(PUBLIC_KEY.to_owned()))
            .item(VERSION, AttributeValue::N("1".to_owned()))
            .item("jwk", AttributeValue::S(jwk.to_owned()))
            .condition_expression("attribute_not_exists(pk)")
            .send()
            .await;
        use aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException;
        match put {
            Ok(_) => Ok(()),
            Err(error) if matches!(error.as_service_error(), Some(ConditionalCheckFailedException(_))) => Ok(()),
            Err(error) => Err(Error::of("PutItem of a public key", &error)),
        }
    }

    /// Every verification key that was ever published, as JWKs.
    pub async fn published_keys(&self) -> Result<Vec<String>, Error> {
        let got = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("#pk = :pk")
            .expression_attribute_names("#pk", PARTITION)
            .expression_attribute_values(":pk", AttributeValue::S(Key::public_keys()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
            .await
            .map_err(|error| Error::of("Query of public keys", &error))?;
        Ok(got.iter().filter_map(|item| item.get("jwk")?.as_s().ok().cloned()).collect())
    }

    /// Whether a letter is done with: sent, or set aside.
    pub async fn letter_done(&self, number: &QuoteNumber, seq: u32, role: &str) -> Result<bool, Error> {
        let key = item::of_key(&Key::letter(number, seq, role));
        let got = self.client.get_item().table_name(&self.table).set_key(Some(key)).consistent_read(true).send().await;
        got.map(|got| got.item().is_some()).map_err(|error| Error::of("GetItem of a letter's note", &error))
    }

    /// Notes what became of a letter. Noting it again is the same.
    pub async fn note_letter(
        &self,
        number: &QuoteNumber,
        seq: u32,
        role: &str,
        at: Timestamp,
        note: &LetterNote,
    ) -> Result<(), Error> {
        let (name, value) = match note {
            LetterNote::Sent { accepted_as } => ("accepted_as", accepted_as),
            LetterNote::SetAside { reason } => ("set_aside", reason),
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item::of_key(&Key::letter(number, seq, role))))
            .item(KIND, AttributeValue::S("letter".to_owned()))
            .item("at", AttributeValue::S(at.to_string()))
            .item(name, AttributeValue::S(value.clone()));
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of a letter's note", &error))
    }
}
