//! What functions ask of AWS, counted where the SDK sends it: every attempt on the wire, with what became of it and the
//! capacity units that DynamoDB says it consumed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use aws_sdk_dynamodb::{
    config::{
        ConfigBag, Intercept, RuntimeComponents,
        interceptors::{
            AfterDeserializationInterceptorContextRef, BeforeSerializationInterceptorContextMut,
            BeforeTransmitInterceptorContextRef,
        },
    },
    error::BoxError,
    operation::{
        batch_get_item::BatchGetItemInput, get_item::GetItemInput, put_item::PutItemInput, query::QueryInput,
        transact_write_items::TransactWriteItemsInput, update_item::UpdateItemInput,
    },
    types::ReturnConsumedCapacity,
};
use aws_sdk_ses::operation::send_raw_email::SendRawEmailInput;
use mail_parser::MessageParser;
use rust_decimal::Decimal;
use serde_json::Value;

/// What happened since somebody last looked. Clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ledger(Arc<Mutex<Vec<Entry>>>);

/// Something that AWS charges for.
#[derive(Debug, Clone)]
pub(crate) enum Entry {
    /// The gateway passed a request on, and so many bytes of an answer back.
    Request { bytes: u64 },
    /// A function was started for one event.
    Invocation { function: &'static str },
    /// A function asked something of AWS.
    Call(Call),
    /// A function had a letter sent.
    Letter { recipients: u64, bytes: u64, attached: u64 },
}

/// One attempt at a call.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) function: &'static str,
    /// As AWS calls it: `PutItem`.
    pub(crate) operation: String,
    pub(crate) outcome: Outcome,
}

/// What became of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was done, for so many capacity units where it was DynamoDB that did it.
    Done { units: Option<Decimal> },
    /// It was refused, with this code.
    Refused(String),
    /// No answer came, or none yet.
    Unanswered,
}

impl Ledger {
    fn entries(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, entry: Entry) {
        self.entries().push(entry);
    }

    /// Says what became of the call of this function that was sent last: one function makes one call at a time.
    fn answered(&self, function: &'static str, outcome: Outcome) {
        let mut entries = self.entries();
        let waiting = entries.iter_mut().rev().find_map(|entry| match entry {
            Entry::Call(call) if call.function == function && call.outcome == Outcome::Unanswered => Some(call),
            _ => None,
        });
        if let Some(call) = waiting {
            call.outcome = outcome;
        }
    }

    /// Everything since the last time.
    pub(crate) fn take(&self) -> Spent {
        Spent(std::mem::take(&mut self.entries()))
    }
}

/// What was spent on something.
#[derive(Debug, Clone)]
pub(crate) struct Spent(pub(crate) Vec<Entry>);

impl Spent {
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.0.iter().filter_map(|entry| match entry {
            Entry::Call(call) => Some(call),
            _ => None,
        })
    }

    /// How often a function called what; a call that was not done is one of another kind.
    pub(crate) fn of(&self, function: &str) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for call in self.calls().filter(|call| call.function == function) {
            let what = match &call.outcome {
                Outcome::Done { .. } => call.operation.clone(),
                Outcome::Refused(code) => format!("{} refused: {code}", call.operation),
                Outcome::Unanswered => format!("{} unanswered", call.operation),
            };
            *counts.entry(what).or_default() += 1;
        }
        counts
    }
}

/// Sees every call of one function's clients, whichever service they are for.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    pub(crate) function: &'static str,
    pub(crate) ledger: Ledger,
}

impl Intercept for Meter {
    fn name(&self) -> &'static str {
        "meter"
    }

    /// DynamoDB says what a call consumed when it is asked, and a letter is easiest to read before it is encoded.
    fn modify_before_serialization(
        &self,
        context: &mut BeforeSerializationInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        macro_rules! ask_for_units {
            ($($Input:ty),*) => {
                $(if let Some(input) = context.input_mut().downcast_mut::<$Input>() {
                    input.return_consumed_capacity = Some(ReturnConsumedCapacity::Total);
                })*
            };
        }
        ask_for_units!(GetItemInput, BatchGetItemInput, QueryInput, PutItemInput, UpdateItemInput, TransactWriteItemsInput);
        if let Some(input) = context.input().downcast_ref::<SendRawEmailInput>() {
            self.ledger.add(letter(input)?);
        }
        Ok(())
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request();
        let operation = match request.headers().get("x-amz-target") {
            // `DynamoDB_20120810.PutItem`
            Some(target) => target.rsplit('.').next(),
            // SES takes forms: `Action=SendRawEmail&…`
            None => request.body().bytes().and_then(|form| {
                let form = std::str::from_utf8(form).ok()?;
                form.split('&').find_map(|field| field.strip_prefix("Action="))
            }),
        };
        let operation = operation.ok_or("a request names no operation: the meter does not know its service")?.to_owned();
        self.ledger.add(Entry::Call(Call { function: self.function, operation, outcome: Outcome::Unanswered }));
        Ok(())
    }

    fn read_after_deserialization(
        &self,
        context: &AfterDeserializationInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.response().body().bytes().unwrap_or_default();
        let outcome = match context.output_or_error() {
            Ok(_) => Outcome::Done { units: units(body)? },
            Err(_) => Outcome::Refused(code(body)),
        };
        self.ledger.answered(self.function, outcome);
        Ok(())
    }
}

/// Whom a letter goes to, its bytes, and those of its attachments as they are sent: in base64, which SES charges for.
fn letter(input: &SendRawEmailInput) -> Result<Entry, BoxError> {
    let bytes = input.raw_message.as_ref().map(|message| message.data.as_ref()).unwrap_or_default();
    let message = MessageParser::default().parse(bytes).ok_or("a letter is no message")?;
    let attached = message.attachments().map(|part| u64::from(part.raw_end_offset() - part.raw_body_offset())).sum();
    let recipients = u64::try_from(input.destinations.as_deref().unwrap_or_default().len())?;
    Ok(Entry::Letter { recipients, bytes: u64::try_from(bytes.len())?, attached })
}

/// The capacity units that an answer of DynamoDB names: for one table, or for each.
fn units(body: &[u8]) -> Result<Option<Decimal>, BoxError> {
    let Ok(answer) = serde_json::from_slice::<Value>(body) else { return Ok(None) };
    let consumed = match &answer["ConsumedCapacity"] {
        Value::Null => return Ok(None),
        Value::Array(tables) => tables.as_slice(),
        table => std::slice::from_ref(table),
    };
    let of_table = |table: &Value| table["CapacityUnits"].to_string().parse::<Decimal>();
    Ok(Some(consumed.iter().map(of_table).sum::<Result<_, _>>()?))
}

/// The code of a refusal: of `com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException` the end.
fn code(body: &[u8]) -> String {
    let answer: Value = serde_json::from_slice(body).unwrap_or_default();
    answer["__type"].as_str().and_then(|code| code.rsplit('#').next()).unwrap_or("unknown").to_owned()
}
