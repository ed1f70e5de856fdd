//! DynamoDB in this process: `dynoxide` on one SQLite file. The AWS SDK client that calls AWS also calls it, over loopback.
//!
//! A commit is on disk before it is acknowledged: SQLite runs in WAL mode with `synchronous = FULL`, its default, so
//! the log is synced at every commit and `kill -9` loses nothing that was acknowledged.
//!
//! One connection to SQLite serves all requests of a `dynoxide` database, one after the other, and waits up to five seconds for
//! the lock of another program. Reads therefore have a connection of their own, which does not wait for writers, and each of the
//! two is served by threads of its own: a blocked connection blocks neither the other one nor the HTTP server.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use aws_config::{Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_dynamodb::{
    Client,
    config::{
        ConfigBag, Credentials, Intercept, RuntimeComponents, SharedCredentialsProvider,
        interceptors::BeforeTransmitInterceptorContextMut,
    },
    error::BoxError,
};
use dynoxide::Database;
use jiff::Timestamp;
use rusqlite::{Connection, params};
use thiserror::Error;
use tokio::{runtime::Runtime, sync::oneshot, task::JoinHandle};

use crate::{
    directory::{Directory, Running, private_file},
    guard,
};

pub use crate::directory::DirectoryError;

/// dynoxide 3.2 scans all stream records to find the next sequence number, at every write to a table with a stream. With this
/// index the search takes one step for any number of records.
const SEQUENCE_INDEX: &str = "CREATE INDEX IF NOT EXISTS sellthrough_stream_sequence
    ON _stream_records (table_name, CAST(sequence_number AS INTEGER))";

/// dynoxide publishes a stored sequence number as 21 digits by adding this.
const SEQUENCE_OFFSET: u128 = 100_000_000_000_000_000_000;

/// The number of stream records that one statement deletes, so that the write lock is held for milliseconds only.
const TRIM_STEP: usize = 500;

/// The maximum time that a shutdown waits for running requests.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(1);

/// How long a request may wait for the database, with all retries. It is longer only while another program locks the database: then
/// the request fails, and its caller gets a 503.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The threads that serve one connection to SQLite: one waits for the connection while another reads the next request.
const THREADS: usize = 2;

/// The operations that only read. Their answers are as strongly consistent as from the connection that writes: SQLite shows every
/// commit that was acknowledged before a read begins.
const READS: [&str; 4] = ["GetItem", "BatchGetItem", "Query", "Scan"];

/// Errors of the embedded database.
#[derive(Debug, Error)]
pub enum EngineError {
    /// The data directory is in use, or is not complete.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
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
    file: PathBuf,
    /// Dropped before the connections, as [`Running`] requires.
    _running: Option<Running>,
    writes: Server,
    reads: Server,
    database: Database,
    /// Dropped last.
    _directory: Directory,
}

/// A server of DynamoDB on one connection to SQLite, with threads of its own.
struct Server {
    endpoint: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), String>>,
    threads: Threads,
}

/// Threads that are not waited for when this value is dropped, because that can happen in an asynchronous task.
struct Threads(Option<Runtime>);

impl Drop for Threads {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
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
pub fn client(endpoint: &str) -> Result<Client, EngineError> {
    Ok(Client::new(&config(endpoint)?))
}

impl Engine {
    /// Opens (or creates, for its owner only) the database in `data_dir` and serves DynamoDB and DynamoDB Streams on a
    /// free loopback port. After `Ok` the engine accepts requests. The table of a new database is the caller's business.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Occupied`] while another process uses the directory; the other errors say what to repair. After an error
    /// no request is served, and a retry is safe.
    pub async fn start(data_dir: &Path) -> Result<Self, EngineError> {
        let directory = lock(data_dir).await?;
        let checked = blocking(move || {
            directory.check()?;
            Ok(directory)
        });
        Self::open(checked.await?).await
    }

    /// Opens the database in a directory, which was checked.
    pub(crate) async fn open(directory: Directory) -> Result<Self, EngineError> {
        let (directory, reads, writes, running) = blocking(move || {
            let file = directory.database();
            let writes = open(&file)?;
            let running = directory.run()?;
            Ok((directory, open(&file)?, writes, running))
        })
        .await?;
        let file = directory.database();
        Self::serve(directory, file, reads, writes, Some(running)).await
    }

    /// An engine on a new database with a name of its own, for a directory that has none. [`Engine::adopt`] makes that the
    /// directory's database.
    pub(crate) async fn draft(directory: Directory) -> Result<Self, EngineError> {
        let (directory, draft, reads, writes) = blocking(move || {
            let draft = directory.draft()?;
            let (reads, writes) = (open(&draft)?, open(&draft)?);
            Ok((directory, draft, reads, writes))
        })
        .await?;
        Self::serve(directory, draft, reads, writes, None).await
    }

    /// Stops, and makes the draft the directory's database: completely, as it is now, or not at all.
    pub(crate) async fn adopt(self) -> Result<Directory, EngineError> {
        let draft = self.file.clone();
        let directory = self.stop().await?;
        blocking(move || {
            directory.adopt(&draft)?;
            Ok(directory)
        })
        .await
    }

    async fn serve(
        directory: Directory,
        file: PathBuf,
        reads: Database,
        writes: Database,
        running: Option<Running>,
    ) -> Result<Self, EngineError> {
        let database = writes.clone();
        let (writes, reads) = (Server::start(writes).await?, Server::start(reads).await?);
        Ok(Self { file, _running: running, writes, reads, database, _directory: directory })
    }

    /// A client whose reads do not wait for writers, and whose requests fail when the database has not answered within five
    /// seconds.
    ///
    /// # Errors
    ///
    /// [`EngineError::Http`].
    pub fn client(&self) -> Result<Client, EngineError> {
        let timeouts = TimeoutConfig::builder().operation_timeout(REQUEST_TIMEOUT).build();
        let config = aws_sdk_dynamodb::config::Builder::from(&config(self.endpoint())?).timeout_config(timeouts);
        let reads = ReadsElsewhere { endpoint: self.reads.endpoint.clone() };
        Ok(Client::from_conf(config.interceptor(reads).build()))
    }

    /// A client of the streams, which does not wait for writers.
    ///
    /// # Errors
    ///
    /// [`EngineError::Http`].
    pub fn streams(&self) -> Result<aws_sdk_dynamodbstreams::Client, EngineError> {
        Ok(aws_sdk_dynamodbstreams::Client::new(&config(&self.reads.endpoint)?))
    }

    /// The address for `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_DYNAMODB_STREAMS`, for example
    /// `http://127.0.0.1:40123`. The engine accepts any credentials and any region.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.writes.endpoint
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

    /// Stops listening, lets running requests finish (for at most a second), and releases the data directory. Acknowledged
    /// data is already on disk, so skipping this call loses nothing.
    ///
    /// # Errors
    ///
    /// [`EngineError::Serving`] if the server had failed before.
    pub async fn shutdown(self) -> Result<(), EngineError> {
        self.stop().await.map(drop)
    }

    async fn stop(self) -> Result<Directory, EngineError> {
        let Self { file: _, _running: running, writes, reads, database, _directory: directory } = self;
        let (writes, reads) = tokio::join!(writes.stop(), reads.stop());
        // Closing the last connection moves the log into the database, which takes a while.
        blocking(move || {
            drop(running);
            drop(database);
            Ok(())
        })
        .await?;
        writes.and(reads).map(|()| directory)
    }
}

impl Server {
    async fn start(database: Database) -> Result<Self, EngineError> {
        let serving = |cause: io::Error| EngineError::Serving(cause.into());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(THREADS).enable_all().build().map_err(serving)?;
        let (handle, threads) = (runtime.handle().clone(), Threads(Some(runtime)));
        // Bound there, because a listener belongs to the runtime that binds it.
        let listener = handle.spawn(guard::hidden_listener()).await.map_err(io::Error::other).flatten().map_err(serving)?;
        let address = listener.local_addr().map_err(serving)?;
        let (stop, stopped) = oneshot::channel();
        let task = handle.spawn(dynoxide::server::serve_with_shutdown(listener, database, async {
            // Both outcomes stop the server: a signal, and a dropped engine.
            let _ = stopped.await;
        }));
        Ok(Self { endpoint: format!("http://{address}"), stop, task, threads })
    }

    async fn stop(mut self) -> Result<(), EngineError> {
        // The server may have stopped already; then the signal has no receiver.
        let _ = self.stop.send(());
        let stopped = match tokio::time::timeout(SHUTDOWN_TIMEOUT, self.task).await {
            Ok(Ok(served)) => served.map_err(|reason| EngineError::Serving(reason.into())),
            Ok(Err(crash)) => Err(EngineError::Serving(crash.into())),
            Err(_) => {
                tracing::warn!("a request to the embedded database was still running at shutdown");
                Ok(())
            }
        };
        // Connections that are still open hold the database until their threads have ended.
        if let Some(threads) = self.threads.0.take() {
            blocking(move || {
                threads.shutdown_timeout(SHUTDOWN_TIMEOUT);
                Ok(())
            })
            .await?;
        }
        stopped
    }
}

/// Sends reads to the connection that does not wait for writers.
#[derive(Debug)]
struct ReadsElsewhere {
    endpoint: String,
}

impl Intercept for ReadsElsewhere {
    fn name(&self) -> &'static str {
        "ReadsElsewhere"
    }

    fn modify_before_transmit(
        &self,
        context: &mut BeforeTransmitInterceptorContextMut<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let request = context.request_mut();
        let operation = request.headers().get("x-amz-target").and_then(|target| target.rsplit('.').next());
        if operation.is_some_and(|operation| READS.contains(&operation)) {
            request.set_uri(format!("{}/", self.endpoint))?;
        }
        Ok(())
    }
}

/// Locks a data directory for this process.
///
/// # Errors
///
/// [`DirectoryError::Occupied`] while another process uses the directory.
pub(crate) async fn lock(data_dir: &Path) -> Result<Directory, EngineError> {
    let dir = data_dir.to_owned();
    blocking(move || Ok(Directory::lock(&dir)?)).await
}

/// Opens and prepares a database, and creates its file if that is missing.
fn open(file: &Path) -> Result<Database, EngineError> {
    // The file is created here, because SQLite would make it readable for all users. SQLite's log inherits the mode.
    let created = private_file(file).map(drop);
    created.map_err(|cause| DirectoryError::Unusable { path: file.to_owned(), cause })?;
    let refused = |reason: Box<dyn std::error::Error + Send + Sync>| EngineError::Database { file: file.to_owned(), reason };
    let path = file.to_str().ok_or_else(|| refused("its path is not valid UTF-8".into()))?;
    let database = Database::new(path).map_err(|fault| refused(fault.into()))?;
    Connection::open(file)?.execute_batch(SEQUENCE_INDEX)?;
    Ok(database)
}

/// The sequence number that dynoxide stores for the one that it publishes; `None` for one that it never published.
fn stored_sequence(public: &str) -> Option<i64> {
    public.parse::<u128>().ok()?.checked_sub(SEQUENCE_OFFSET)?.try_into().ok()
}

/// Runs blocking file operations on a thread where blocking is allowed.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, EngineError> + Send + 'static,
) -> Result<T, EngineError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|crash| Err(EngineError::Serving(crash.into())))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use std::{collections::HashMap, os::unix::fs::PermissionsExt};

    use aws_sdk_dynamodb::types::{
        AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
        StreamViewType,
    };

    use super::*;

    pub(crate) const TABLE: &str = "quotes";

    impl Engine {
        pub(crate) fn dynamodb(&self) -> Client {
            client(self.endpoint()).unwrap()
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
        for file in std::fs::read_dir(folder.path()).unwrap().map(Result::unwrap).filter(|f| f.file_name() != "sellthrough.lock")
        {
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
        assert!(matches!(refusal, EngineError::Directory(DirectoryError::Occupied(_))));
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
