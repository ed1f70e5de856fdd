//! Entitlements, the numbers of invoices, public keys, and which letters were sent.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{self, AttributeValue, TransactWriteItem, Update};
use domain::{QuoteNumber, Sen, license::Entitlement, quote::Change, request::Holding};
use jiff::{Timestamp, civil::Date};

use crate::{
    Commit, Created, Error, Store,
    item::{self, Attributes, KIND, VERSION},
    keys::{Key, PUBLIC_KEY},
    writes::{Condition, Lost, in_transaction, lost},
};

/// The attribute that holds a public key.
const JWK: &str = "jwk";
/// The attribute that holds a series' last number.
const LAST: &str = "last";
/// The attributes by which holdings are compared.
const SEN: &str = "sen";
const ENDS: &str = "ends";

/// How many writes a transaction takes (Amazon DynamoDB Developer Guide, "Service quotas").
const TOGETHER: usize = 100;

/// What became of changes that are made together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Changed {
    /// They are durable.
    Committed,
    /// An entitlement has moved on, and nothing was changed: load again, decide again.
    Conflict,
    /// The customer of the holding with this index has another subscription to the product, and nothing was changed.
    Taken(usize),
}

impl From<Commit> for Changed {
    fn from(commit: Commit) -> Self {
        match commit {
            Commit::Committed => Self::Committed,
            Commit::Conflict => Self::Conflict,
        }
    }
}

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

    /// Commits changes of entitlements, and notes which subscriptions their customers hold from `today` on (R106): all of it
    /// or nothing, up to the hundred writes that DynamoDB takes together. Done again, what was noted is noted again.
    pub async fn change_entitlements(
        &self,
        changes: &[Entitlement],
        holdings: &[&Holding],
        today: Date,
    ) -> Result<Changed, Error> {
        const OPERATION: &str = "TransactWriteItems of entitlements";
        match (changes, holdings) {
            ([], []) => return Ok(Changed::Committed),
            ([change], []) => return self.update_entitlement(change).await.map(Changed::from),
            _ => {}
        }
        let taken = holdings.iter().map(|holding| self.take(holding, today));
        let writes = taken.chain(changes.iter().map(|next| self.put(next))).collect::<Result<Vec<_>, _>>()?;
        // Holdings are the first, so that what they refuse is refused before anything is written.
        for (part, writes) in writes.chunks(TOGETHER).enumerate() {
            let Err(error) = self.transaction(writes.to_vec()).await else { continue };
            let refused = lost(&error);
            let holdings = holdings.len().saturating_sub(part * TOGETHER);
            return match refused.iter().take(holdings).position(|reason| *reason == Lost::Condition) {
                Some(index) => Ok(Changed::Taken(part * TOGETHER + index)),
                None if refused.iter().any(|reason| *reason != Lost::No) => Ok(Changed::Conflict),
                None => Err(Error::of(OPERATION, &error)),
            };
        }
        Ok(Changed::Committed)
    }

    /// Notes that an end customer has a government subscription (R106); the note before, if any, is replaced.
    pub async fn hold(&self, holding: &Holding) -> Result<(), Error> {
        let put = self.client.put_item().table_name(&self.table).set_item(Some(noted(holding)?));
        put.send().await.map(drop).map_err(|error| Error::of("PutItem of a holding", &error))
    }

    /// Notes it unless the customer has another subscription to the product that has not ended on `today`.
    fn take(&self, holding: &Holding, today: Date) -> Result<TransactWriteItem, Error> {
        let put = types::Put::builder()
            .table_name(&self.table)
            .set_item(Some(noted(holding)?))
            .condition_expression("attribute_not_exists(#sen) OR #sen = :sen OR #ends <= :today")
            .expression_attribute_names("#sen", SEN)
            .expression_attribute_names("#ends", ENDS)
            .expression_attribute_values(":sen", AttributeValue::S(holding.sen.to_string()))
            .expression_attribute_values(":today", AttributeValue::S(today.to_string()));
        in_transaction(put)
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

/// A holding's item: what must be compared is an attribute of its own.
fn noted(holding: &Holding) -> Result<Attributes, Error> {
    let mut item = item::attributes(holding)?;
    item.insert(SEN.to_owned(), AttributeValue::S(holding.sen.to_string()));
    item.insert(ENDS.to_owned(), AttributeValue::S(holding.end.to_string()));
    Ok(item)
}
