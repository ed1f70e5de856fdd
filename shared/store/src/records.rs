//! Entitlements, the numbers of invoices, public keys, and which letters were sent.

use std::collections::HashMap;

use aws_sdk_dynamodb::{
    operation::put_item::builders::PutItemFluentBuilder,
    types::{AttributeValue, TransactWriteItem, Update},
};
use domain::{QuoteNumber, Sen, license::Entitlement, quote::Change, request::Holding};
use jiff::{Timestamp, civil::Date};

use crate::{
    Commit, Created, Error, Store,
    item::{self, KIND, VERSION},
    keys::{Key, PUBLIC_KEY},
    writes::Condition,
};

/// The attribute that holds a public key.
const JWK: &str = "jwk";
/// The attribute that holds a series' last number.
const LAST: &str = "last";

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

    /// Commits a change of an entitlement, if it is still the version that was decided on.
    pub async fn update_entitlement(&self, next: &Entitlement) -> Result<Commit, Error> {
        self.replace(next, "PutItem of an entitlement").await
    }

    /// Notes that an end customer has a government subscription (R106); the note before, if any, is replaced.
    pub async fn hold(&self, holding: &Holding) -> Result<(), Error> {
        let put = self.put_holding(holding)?;
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of a holding", &error))
    }

    /// Notes it unless the customer has another subscription to the product that has not ended on `today`: then
    /// `Conflict`, and nothing was written.
    pub async fn take_holding(&self, holding: &Holding, today: Date) -> Result<Commit, Error> {
        let put = self
            .put_holding(holding)?
            .condition_expression("attribute_not_exists(#sen) OR #sen = :sen OR #ends <= :today")
            .expression_attribute_names("#sen", "sen")
            .expression_attribute_names("#ends", "ends")
            .expression_attribute_values(":sen", AttributeValue::S(holding.sen.to_string()))
            .expression_attribute_values(":today", AttributeValue::S(today.to_string()));
        use aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException;
        match put.send().await {
            Ok(_) => Ok(Commit::Committed),
            Err(error) if matches!(error.as_service_error(), Some(ConditionalCheckFailedException(_))) => Ok(Commit::Conflict),
            Err(error) => Err(Error::of("PutItem of a holding", &error)),
        }
    }

    /// What must be compared is an attribute of its own.
    fn put_holding(&self, holding: &Holding) -> Result<PutItemFluentBuilder, Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(item::attributes(holding)?));
        let text = |text: String| AttributeValue::S(text);
        Ok(put.item("sen", text(holding.sen.to_string())).item("ends", text(holding.end.to_string())))
    }

    /// The last number that was given in a series; 0 when none was.
    pub async fn last_in_series(&self, series: &str) -> Result<u64, Error> {
        let got = self.get(&Key::series(series), "GetItem of a series").await?;
        Ok(got.and_then(|item| item::number(&item, LAST)).unwrap_or(0))
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
            .expression_attribute_names("#last", LAST)
            .expression_attribute_names("#kind", KIND)
            .set_expression_attribute_values(Some(values))
            .build();
        let counter = counter.map_err(|error| Error::Unavailable { operation: OPERATION, reason: error.to_string() })?;
        let writes = vec![self.put(&change.next)?, TransactWriteItem::builder().update(counter).build()];
        self.transact(writes, OPERATION).await
    }

    /// Publishes a verification key; publishing it again changes nothing.
    pub async fn publish_key(&self, key_id: &str, jwk: &str) -> Result<(), Error> {
        let mut item = item::of_key(&Key::public_key(key_id));
        item.insert(KIND.to_owned(), AttributeValue::S("public_key".to_owned()));
        item.insert(VERSION.to_owned(), AttributeValue::N("1".to_owned()));
        item.insert(JWK.to_owned(), AttributeValue::S(jwk.to_owned()));
        self.put_if(item, Condition::Absent, "PutItem of a public key").await.map(drop)
    }

    /// Every verification key that was ever published, as JWKs.
    pub async fn published_keys(&self) -> Result<Vec<String>, Error> {
        let got = self.query(&Key::public_keys(), PUBLIC_KEY, "Query of public keys").await?;
        Ok(got.iter().filter_map(|item| item::text(item, JWK).map(str::to_owned)).collect())
    }

    /// Whether a letter is done with: sent, or set aside.
    pub async fn letter_done(&self, number: &QuoteNumber, seq: u32, role: &str) -> Result<bool, Error> {
        let got = self.get(&Key::letter(number, seq, role), "GetItem of a letter's note").await?;
        Ok(got.is_some())
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
