//! DynamoDB in this process: `dynoxide` on one SQLite file. The AWS SDK client that calls AWS also calls it, over loopback.
//!
//! A commit is on disk before it is acknowledged: SQLite runs in WAL mode with `synchronous = FULL`, its default, so
//! the log is synced at every commit and `kill -9` loses nothing that was acknowledged.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_config::{Region, SdkConfig};
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use dynoxide::Database;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use thiserror::Error;
use tokio::{sync::oneshot, task::JoinHandle};

use crate::{durable, guard};

/// The database file inside the data directory.
const DATABASE: &str = "sellthrough.db";
/// The file whose lock shows that a process uses the data directory.
const LOCK: &str = "sellthrough.lock";

/// dynoxide 3.2 scans all stream records to find the next sequence number, at every write to a table with a stream. With this
/// index the search takes one step for any number of records.
const SEQUENCE_INDEX: &str = "CREATE INDEX IF NOT EXISTS sellthrough_stream_sequence
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// dynoxide publishes a stored sequence number as 21 digits by adding this.
const SEQUENCE_OFFSET: u128 = 100_000_000_000_000_000_000;

/// The number of stream records that one statement deletes, so that the write lock is held for milliseconds only.
const TRIM_STEP: usize = 500;

/// The maximum time that a shutdown waits for running requests.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Errors of the embedded database.
#[derive(Debug, Error)]
pub enum EngineError {
    /// Another process uses the data directory. Stop that process, or choose another directory.
    #[error(
        "{} is in use by another process: stop that process, or choose another data directory",
        .0.display()
    )]
    Occupied(PathBuf),
    /// The data directory cannot be created, read or written.
    #[error("cannot use the data directory {}: {cause}", .dir.display())]
    Directory {
        /// The directory, as configured.
        dir: PathBuf,
        /// The error of the operating system.
        #[source]
        cause: io::Error,
    },
    /// The file is not a database of this engine, or a newer engine wrote it.
    #[error("cannot open the database {}: {reason}", .file.display())]
    Database {
        /// The database file.
        file: PathBuf,
        /// The error of the engine.
        #[source]
        reason: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A maintenance statement failed on the database file. Nothing was changed; a retry is safe.
    #[error("maintenance of the database failed: {0}")]
    Upkeep(#[from] rusqlite::Error),
    /// TLS cannot be set up on this machine, for example because it has no root certificates.
    #[error("cannot create an HTTP client: {0}")]
    Http(#[from] reqwest::Error),
    /// The loopback listener could not be opened, or the server stopped by itself.
    #[error("the database does not accept requests: {0}")]
    Serving(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The running engine. Dropping this value stops the engine; [`Engine::shutdown`] lets running requests finish first.
pub struct Engine {
    endpoint: String,
    file: PathBuf,
    database: Database,
    stop: oneshot::Sender<()>,
    server: JoinHandle<Result<(), String>>,
    /// Never read. The lock is released when the file closes, also when the process is killed.
    _lock: File,
}

/// A configuration of the SDK for a local substitute of AWS at this address. The SDK requires credentials and a region; the
/// substitute accepts any.
///
/// # Errors
///
/// [`EngineError::Http`].
pub fn config(endpoint: &str) -> Result<SdkConfig, EngineError> {
    let config = runtime::aws::builder()?
        .region(Region::new("local"))
        .credentials_provider(SharedCredentialsProvider::new(Credentials::new("local", "local", None, None, "local")))
        .endpoint_url(endpoint)
        .build();
    Ok(config)
}

/// A client of an engine at this address.
///
/// # Errors
///
/// [`EngineError::Http`].
pub fn client(endpoint: &str) -> Result<aws_sdk_dynamodb::Client, EngineError> {
    Ok(aws_sdk_dynamodb::Client::new(&config(endpoint)?))
}

impl Engine {
    /// Opens (or creates, for its owner only) the database in `data_dir` and serves DynamoDB and DynamoDB Streams on a
    /// free loopback port. After `Ok` the engine accepts requests.
    ///
    /// # Errors
    ///
    /// [`EngineError::Occupied`] while another process uses the directory; the other errors say what to repair. After an error
    /// no request is served, and a retry is safe.
    pub async fn start(data_dir: &Path) -> Result<Self, EngineError> {
        let dir = data_dir.to_owned();
        let (lock, database) = blocking(move || open(&dir)).await?;
        let serving = |cause: io::Error| EngineError::Serving(cause.into());
        let listener = guard::hidden_listener().await.map_err(serving)?;
        let endpoint = format!("http://{}", listener.local_addr().map_err(serving)?);
        let (stop, stopped) = oneshot::channel();
        let server = tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database.clone(), async {
            // Both outcomes stop the server: a signal, and a dropped engine.
            let _ = stopped.await;
        }));
        Ok(Self { endpoint, file: data_dir.join(DATABASE), database, stop, server, _lock: lock })
    }

    /// The address for `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_DYNAMODB_STREAMS`, for example
    /// `http://127.0.0.1:40123`. The engine accepts any credentials and any region.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Deletes stream records of `table` that are older than `before` and not newer than the sequence number `consumed`, up to
    /// which every consumer has read. The newest record always stays, so that sequence numbers keep rising even if the
    /// machine's clock is set back.
    ///
    /// `Ok` is the number of deleted records. The call is safe at any time and can be repeated.
    ///
    /// # Errors
    ///
    /// [`EngineError::Upkeep`] if the database is busy or broken; what was deleted stays deleted.
    pub async fn trim_consumed(&self, table: &str, consumed: &str, before: Timestamp) -> Result<usize, EngineError> {
        let Some(consumed) = stored_sequence(consumed) else { return Ok(0) };
        let (file, table) = (self.file.clone(), table.to_owned());
        blocking(move || {
            let connection = Connection::open(file)?;
            let mut trimmed = 0;
            loop {
                let deleted = connection.execute(
                    "DELETE FROM _stream_records WHERE id IN (
                        SELECT id FROM _stream_records
                        WHERE table_name = ?1 AND created_at < ?2 AND CAST(sequence_number AS INTEGER) <= ?3
                          AND CAST(sequence_number AS INTEGER) <
                              (SELECT MAX(CAST(sequence_number AS INTEGER)) FROM _stream_records WHERE table_name = ?1)
                        ORDER BY CAST(sequence_number AS INTEGER) LIMIT ?4)",
                    params![table, before.as_second(), consumed, TRIM_STEP],
                )?;
                trimmed += deleted;
                if deleted < TRIM_STEP {
                    return Ok(trimmed);
                }
            }
        })
        .await
    }

    /// Deletes the items whose time to live is over. AWS does this itself within days. The removals appear in the stream. `Ok`
    /// is the number of deleted items. A retry is safe.
    ///
    /// # Errors
    ///
    /// [`EngineError::Database`] with the engine's reason.
    pub async fn sweep_expired(&self) -> Result<usize, EngineError> {
        let (database, file) = (self.database.clone(), self.file.clone());
        blocking(move || database.sweep_ttl().map_err(|fault| EngineError::Database { file, reason: fault.into() })).await
    }

    /// Stops listening, lets running requests finish (for at most five seconds), and releases the data directory. Acknowledged
    /// data is already on disk, so skipping this call loses nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::Serving`] if the server had failed before.
    pub async fn shutdown(self) -> Result<(), EngineError> {
        // The server may have stopped already; then the signal has no receiver.
        let _ = self.stop.send(());
        match tokio::time::timeout(SHUTDOWN_TIMEOUT, self.server).await {
            Ok(Ok(served)) => served.map_err(|reason| EngineError::Serving(reason.into())),
            Ok(Err(crash)) => Err(EngineError::Serving(crash.into())),
            Err(_) => {
                tracing::warn!("a request to the embedded database was still running at shutdown");
                Ok(())
            }
        }
    }
}

/// Locks the directory, then opens and prepares the database in it.
fn open(dir: &Path) -> Result<(File, Database), EngineError> {
    let unusable = |cause| EngineError::Directory { dir: dir.to_owned(), cause };
    durable::private_dir(dir).map_err(unusable)?;
    let owned = |name| OpenOptions::new().create(true).append(true).mode(0o600).open(dir.join(name));
    let lock = owned(LOCK).map_err(unusable)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(EngineError::Occupied(dir.to_owned())),
        Err(TryLockError::Error(cause)) => return Err(unusable(cause)),
    }

    let file = dir.join(DATABASE);
    // The file is created here, because SQLite would make it readable for all users. SQLite's log inherits the mode.
    drop(owned(DATABASE).map_err(unusable)?);
    let refused = |reason: Box<dyn std::error::Error + Send + Sync>| EngineError::Database { file: file.clone(), reason };
    let path = file.to_str().ok_or_else(|| refused("its path is not valid UTF-8".into()))?;
    let database = Database::new(path).map_err(|fault| refused(fault.into()))?;
    Connection::open(&file)?.execute_batch(SEQUENCE_INDEX)?;
    Ok((lock, database))
}

/// The sequence number that dynoxide stores for the one that it publishes; `None` for one that it never published.
fn stored_sequence(public: &str) -> Option<i64> {
    public.parse::<u128>().ok()?.checked_sub(SEQUENCE_OFFSET)?.try_into().ok()
}

/// Runs blocking file operations on a thread where blocking is allowed.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, EngineError> + Send + 'static) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|crash| Err(EngineError::Serving(crash.into())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use std::{collections::HashMap, os::unix::fs::PermissionsExt};

    use aws_sdk_dynamodb::{
        Client,
        types::{
            AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
            StreamSpecification, StreamViewType,
        },
    };

    use super::*;

    pub(crate) const TABLE: &str = "quotes";

    impl Engine {
        pub(crate) fn dynamodb(&self) -> Client {
            client(&self.endpoint).unwrap()
        }

        pub(crate) async fn stream_table(&self) -> Client {
            let client = self.dynamodb();
            client
                .create_table()
                .table_name(TABLE)
                .attribute_definitions(
                    AttributeDefinition::builder().attribute_name("pk").attribute_type(ScalarAttributeType::S).build().unwrap(),
                )
                .key_schema(KeySchemaElement::builder().attribute_name("pk").key_type(KeyType::Hash).build().unwrap())
                .billing_mode(BillingMode::PayPerRequest)
                .stream_specification(
                    StreamSpecification::builder()
                        .stream_enabled(true)
                        .stream_view_type(StreamViewType::NewAndOldImages)
                        .build()
                        .unwrap(),
                )
                .send()
                .await
                .unwrap();
            client
        }
    }

    pub(crate) async fn put(client: &Client, pk: &str, version: u32) {
        client
            .put_item()
            .table_name(TABLE)
            .item("pk", AttributeValue::S(pk.to_owned()))
            .item("version", AttributeValue::N(version.to_string()))
            .send()
            .await
            .unwrap();
    }

    async fn stored(client: &Client, pk: &str) -> Option<HashMap<String, AttributeValue>> {
        let key = AttributeValue::S(pk.to_owned());
        client.get_item().table_name(TABLE).key("pk", key).consistent_read(true).send().await.unwrap().item
    }

    fn sequences(engine: &Engine) -> Vec<i64> {
        Connection::open(&engine.file)
            .unwrap()
            .prepare("SELECT CAST(sequence_number AS INTEGER) AS s FROM _stream_records ORDER BY s")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap()
    }

    #[tokio::test]
    async fn what_was_written_is_there_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        let client = engine.stream_table().await;
        put(&client, "Q-1", 1).await;
        engine.shutdown().await.unwrap();

        let again = Engine::start(folder.path()).await.unwrap();
        let item = stored(&again.dynamodb(), "Q-1").await.expect("the item survived");
        assert_eq!(item["version"], AttributeValue::N("1".into()));
    }

    #[tokio::test]
    async fn what_was_acknowledged_is_on_disk_without_a_shutdown() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        put(&engine.stream_table().await, "Q-1", 1).await;
        // A killed process leaves the files in their current state.
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|f| f.file_name() != LOCK) {
            std::fs::copy(file.path(), copy.path().join(file.file_name())).unwrap();
        }
        let survivor = Engine::start(copy.path()).await.unwrap();
        assert!(stored(&survivor.dynamodb(), "Q-1").await.is_some());
    }

    #[tokio::test]
    async fn every_commit_is_synced() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        let connection = Connection::open(&engine.file).unwrap();
        let pragma = |name| connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0));
        assert_eq!(pragma("journal_mode").unwrap(), "wal".to_owned().into());
        // The default of this SQLite, which the engine does not change: 2 is FULL, one sync of the log per commit.
        assert_eq!(pragma("synchronous").unwrap(), 2.into());
    }

    #[tokio::test]
    async fn the_next_sequence_number_is_found_through_the_index() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        let client = engine.stream_table().await;
        for version in 0..20 {
            put(&client, "Q-1", version).await;
        }
        let connection = Connection::open(&engine.file).unwrap();
        // The statement that dynoxide runs at every write to a table with a stream.
        let plan = || -> String {
            connection
                .query_row(
                    "EXPLAIN QUERY PLAN SELECT COALESCE(MAX(CAST(sequence_number AS INTEGER)), 0) + 1
                     FROM _stream_records WHERE table_name = ?1",
                    [TABLE],
                    |row| row.get("detail"),
                )
                .unwrap()
        };
        assert!(plan().contains("USING COVERING INDEX sellthrough_stream_sequence"), "{}", plan());
        connection.execute_batch("DROP INDEX sellthrough_stream_sequence").unwrap();
        assert!(!plan().contains("INDEX"), "the engine has none of its own: {}", plan());
    }

    #[tokio::test]
    async fn only_old_and_consumed_records_are_trimmed_and_the_newest_stays() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        let client = engine.stream_table().await;
        for version in 0..4 {
            put(&client, "Q-1", version).await;
        }
        let written = sequences(&engine);
        let public = |stored: i64| (SEQUENCE_OFFSET + u128::try_from(stored).unwrap()).to_string();

        let trim = async |consumed, before| engine.trim_consumed(TABLE, &public(consumed), before).await.unwrap();
        assert_eq!(trim(written[3], Timestamp::UNIX_EPOCH).await, 0, "none is that old");
        assert_eq!(trim(written[1], Timestamp::MAX).await, 2, "the others are not consumed");
        assert_eq!(sequences(&engine), written[2..]);
        assert_eq!(trim(written[3], Timestamp::MAX).await, 1);
        assert_eq!(sequences(&engine), written[3..], "the newest stays");

        put(&client, "Q-1", 9).await;
        assert!(sequences(&engine)[1] > written[3]);
    }

    #[tokio::test]
    async fn a_directory_in_use_is_refused_and_free_again_after_shutdown() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::start(folder.path()).await.unwrap();
        let refusal = Engine::start(folder.path()).await.err().expect("the directory is in use");
        assert!(matches!(refusal, EngineError::Occupied(_)));
        assert!(refusal.to_string().contains("in use by another process"), "{refusal}");
        engine.shutdown().await.unwrap();
        Engine::start(folder.path()).await.unwrap();
    }

    #[tokio::test]
    async fn only_the_owner_can_read_the_data() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("data/here");
        let engine = Engine::start(&dir).await.unwrap();
        engine.stream_table().await;
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        for file in std::fs::read_dir(&dir).unwrap() {
            assert_eq!(mode(&file.unwrap().path()), 0o600);
        }
    }
}
