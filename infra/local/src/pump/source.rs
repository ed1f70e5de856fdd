//! The stream and the consumer of one reader, and the records that cannot be delivered.

use std::{io, path::PathBuf, sync::Arc};

use aws_lambda_events::dynamodb::EventRecord;
use aws_sdk_dynamodbstreams::{Client, types::Record};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{
    consumer::{Consumer, PumpError},
    gauge::Progress,
    place::Sequence,
    record::{Held, event, lambda_record, sequence},
};
use crate::durable;

/// The content of the file of a record that was set aside.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    consumer: String,
    sequence: Sequence,
    reason: String,
    /// The record in the form of a Lambda event.
    record: Value,
}

/// The stream and the consumer of one reader.
pub(super) struct Source {
    pub(super) streams: Client,
    pub(super) stream: String,
    pub(super) consumer: Consumer,
    /// The folder of this consumer's set-aside records.
    pub(super) set_aside: PathBuf,
    pub(super) progress: watch::Sender<Progress>,
    /// Whether the pump stops.
    pub(super) stop: watch::Receiver<bool>,
    /// Notified when the consumer has handled an event.
    pub(super) finished: Arc<Notify>,
}

impl Source {
    /// The records as a consumer receives them. A record that is not a valid event is set aside: logged, kept in a file, and
    /// replayed at the next start, so that it blocks no other record.
    ///
    /// `Err` means that a record could not be kept. No record of the page may be consumed then; reading the page again is safe.
    pub(super) async fn receive(&self, records: Vec<Record>) -> Result<Vec<Held>, PumpError> {
        let mut held = Vec::with_capacity(records.len());
        for record in records {
            let sequence = Sequence(sequence(&record).to_owned());
            let shown = match lambda_record(&record, &self.stream) {
                Ok(shown) => shown,
                // Kept without its images: the SDK itself could not read them.
                Err(_) => json!({ "eventID": record.event_id(), "dynamodb": { "SequenceNumber": sequence.0 } }),
            };
            let record = match EventRecord::deserialize(&shown) {
                Ok(record) => Some(record),
                Err(reason) => {
                    self.set_aside(&sequence, &reason.to_string(), shown).await?;
                    None
                }
            };
            held.push(Held { sequence, record });
        }
        Ok(held)
    }

    async fn set_aside(&self, sequence: &Sequence, reason: &str, record: Value) -> Result<(), PumpError> {
        let file = self.set_aside.join(&sequence.0).with_extension("json");
        tracing::error!(
            consumer = self.consumer.name,
            sequence = sequence.0,
            reason,
            "a stream record cannot be delivered and was set aside in {}; the next start retries it",
            file.display()
        );
        let failed = |cause| PumpError::SetAside { consumer: self.consumer.name, file: file.clone(), cause };
        let kept =
            Kept { consumer: self.consumer.name.to_owned(), sequence: sequence.clone(), reason: reason.to_owned(), record };
        let bytes = serde_json::to_vec_pretty(&kept).map_err(|cause| failed(cause.into()))?;
        let (dir, target) = (self.set_aside.clone(), file.clone());
        let written =
            tokio::task::spawn_blocking(move || durable::private_dir(&dir).and_then(|()| durable::write(&target, &bytes)));
        written.await.map_err(io::Error::other).flatten().map_err(failed)
    }

    /// Delivers the set-aside records that are valid events now, oldest first. The file of a record that the consumer accepts is
    /// deleted; other files stay for the next start.
    pub(super) async fn replay(&self) {
        let files = match std::fs::read_dir(&self.set_aside) {
            Ok(files) => files,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return,
            Err(cause) => return tracing::warn!(consumer = self.consumer.name, %cause, "the set-aside records cannot be listed"),
        };
        let mut files: Vec<_> = files.filter_map(|file| Some(file.ok()?.path())).collect();
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        files.sort_by_key(|file| file.file_stem().map(|name| Sequence(name.to_string_lossy().into_owned())));
        for file in files {
            if self.is_stopping() {
                return;
            }
            let kept = std::fs::read(&file).and_then(|bytes| Ok(serde_json::from_slice::<Kept>(&bytes)?));
            let delivered = match kept.and_then(|kept| Ok(serde_json::from_value::<EventRecord>(kept.record)?)) {
                Ok(record) => self.hand_over(record).await,
                Err(cause) => {
                    tracing::error!(consumer = self.consumer.name, file = %file.display(), %cause, "a stream record is still set aside");
                    continue;
                }
            };
            if delivered && std::fs::remove_file(&file).is_ok() {
                tracing::info!(consumer = self.consumer.name, file = %file.display(), "a set-aside stream record was delivered");
            }
        }
    }

    /// Whether the pump stops, so that no further event is started.
    pub(super) fn is_stopping(&self) -> bool {
        *self.stop.borrow()
    }

    /// Delivers one record, and returns whether the consumer accepted it.
    async fn hand_over(&self, record: EventRecord) -> bool {
        let mut tasks = JoinSet::new();
        let handle = Arc::clone(&self.consumer.handle);
        // In a task of its own, so that a panic is a failure and not the end of the consumer.
        tasks.spawn(async move { handle(event(vec![record])).await });
        let accepted = matches!(tasks.join_next().await, Some(Ok(answer)) if answer.batch_item_failures.is_empty());
        self.progress.send_modify(|progress| progress.attempts += 1);
        accepted
    }
}
