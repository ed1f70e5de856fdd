//! The data directory: locked for one process, and either complete or not begun. What is missing or damaged is an error that says
//! what to restore. The deployment never starts as if it were new in a directory that has a past: its links would be dead, and its
//! invoice numbers would be assigned twice.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use rusqlite::{Connection, OpenFlags, OptionalExtension};
use thiserror::Error;

use crate::durable;

/// The database file.
const DATABASE: &str = "sellthrough.db";
/// The database while it is being created.
const DRAFT: &str = "sellthrough.db.new";
/// The file whose lock shows that a process uses the data directory.
const LOCK: &str = "sellthrough.lock";
/// The file that exists while a process uses the database. It holds the number of the start: see [`Running`].
const RUNNING: &str = "sellthrough.running";
/// The size of the header of SQLite's write-ahead log, in bytes.
const WAL_HEADER: u64 = 32;

/// How to go on after a loss.
const RESTORE: &str = "restore the whole directory from a backup of one moment";

/// Why a data directory cannot be used.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// Another process uses the data directory. Stop that process, or choose another directory.
    #[error(
        "{} is in use by another process: stop that process, or choose another data directory",
        .0.display()
    )]
    Occupied(PathBuf),
    /// The data directory, or a file in it, cannot be created, read or written.
    #[error("cannot use the data directory {}: {cause}", .path.display())]
    Unusable {
        /// The directory or the file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        cause: io::Error,
    },
    /// The directory has a past, but its database is missing, damaged, or older than what lies beside it.
    #[error("the database {} cannot be used: {reason}. To go on, {RESTORE}", .file.display())]
    Lost {
        /// The database file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A statement about the state of the database failed. Nothing was changed; a retry is safe.
    #[error("the state of the database cannot be read or written: {0}")]
    State(#[from] rusqlite::Error),
}

/// A data directory that this process has locked.
pub(crate) struct Directory {
    path: PathBuf,
    /// Never read. The lock is released when the file closes, also when the process is killed.
    _lock: File,
}

impl Directory {
    /// Creates the directory for its owner only, unless it exists, and locks it.
    pub(crate) fn lock(path: &Path) -> Result<Self, DirectoryError> {
        let unusable = |cause| DirectoryError::Unusable { path: path.to_owned(), cause };
        durable::private_dir(path).map_err(unusable)?;
        let lock = private_file(&path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DirectoryError::Occupied(path.to_owned())),
            Err(TryLockError::Error(cause)) => Err(unusable(cause)),
        }
    }

    /// The database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.path.join(DATABASE)
    }

    /// The file of a database that is being created. What an interrupted creation has left is deleted.
    pub(crate) fn draft(&self) -> Result<PathBuf, DirectoryError> {
        let draft = self.path.join(DRAFT);
        self.remove_database(&draft)?;
        Ok(draft)
    }

    /// Makes the draft the database. `Ok` means that this survives a crash.
    pub(crate) fn adopt(&self, draft: &Path) -> Result<(), DirectoryError> {
        // The last connection that closes moves the content of the log into the file, and removes the log.
        let connection = Connection::open(draft)?;
        let busy: i64 = connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        if busy != 0 {
            return Err(self.damaged("the new database is still in use"));
        }
        connection.close().map_err(|(_, error)| error)?;
        durable::rename(draft, &self.database()).map_err(|cause| self.unusable(cause))
    }

    /// Whether a deployment was created here completely. Otherwise nothing was ever stored, and it can be created.
    ///
    /// # Errors
    ///
    /// [`DirectoryError::Lost`]: the directory has a past, but its database is missing, empty or damaged.
    pub(crate) fn has_table(&self, table: &str) -> Result<bool, DirectoryError> {
        let file = self.database();
        let is_empty = match fs::metadata(&file) {
            Ok(metadata) => metadata.len() == 0 && !log_of(&file).exists(),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => true,
            Err(cause) => return Err(self.unusable(cause)),
        };
        if !is_empty {
            self.check()?;
        }
        if !is_empty && holds_items(&file, table).map_err(|error| self.damaged(&error.to_string()))? {
            return Ok(true);
        }
        match self.trace()? {
            Some(trace) => Err(self.damaged(&format!("it holds no table, although {trace} exists"))),
            None => {
                self.remove_database(&file)?;
                self.remove(&self.path.join(RUNNING))?;
                Ok(false)
            }
        }
    }

    /// Checks the database, if there is one, before it is opened.
    pub(crate) fn check(&self) -> Result<(), DirectoryError> {
        let file = self.database();
        if !file.exists() {
            return Ok(());
        }
        if self.started()?.is_some() {
            let size = fs::metadata(log_of(&file)).map_or(0, |metadata| metadata.len());
            if size < WAL_HEADER {
                return Err(self.damaged(&format!(
                    "the last process was killed, and its log {} is missing or empty: what was stored last is in the log. If \
                     another program has opened the database since and closed it, nothing is missing: delete {}",
                    log_of(&file).display(),
                    self.path.join(RUNNING).display()
                )));
            }
        }
        // Read-only: closing this connection leaves the log as it is.
        let connection = Connection::open_with_flags(&file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let found: Result<String, _> = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0));
        match found {
            Ok(found) if found == "ok" => Ok(()),
            Ok(found) => Err(self.damaged(&found)),
            Err(error) => Err(self.damaged(&error.to_string())),
        }
    }

    /// Notes that this process uses the database, which is open. See [`Running`].
    pub(crate) fn run(&self) -> Result<Running, DirectoryError> {
        let connection = Connection::open(self.database())?;
        connection.execute_batch("CREATE TABLE IF NOT EXISTS sellthrough_starts (number INTEGER PRIMARY KEY)")?;
        let last = "SELECT COALESCE(MAX(number), 0) FROM sellthrough_starts";
        let last: i64 = connection.query_row(last, [], |row| row.get(0))?;
        if self.started()?.is_some_and(|started| last < started) {
            return Err(self.damaged("its log is truncated: the last start is not in it"));
        }
        let number = last + 1;
        connection.execute("INSERT INTO sellthrough_starts VALUES (?1)", [number])?;
        connection.execute("DELETE FROM sellthrough_starts WHERE number < ?1", [number])?;
        let file = self.path.join(RUNNING);
        durable::write(&file, number.to_string().as_bytes()).map_err(|cause| self.unusable(cause))?;
        Ok(Running(file))
    }

    /// The number of the last start, if that process was killed.
    fn started(&self) -> Result<Option<i64>, DirectoryError> {
        match fs::read_to_string(self.path.join(RUNNING)) {
            Ok(number) => Ok(Some(number.trim().parse().unwrap_or(0))),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(self.unusable(cause)),
        }
    }

    /// A file that only a deployment with a table can have written: a letter, or the place of a consumer.
    fn trace(&self) -> Result<Option<String>, DirectoryError> {
        for (folder, extension) in [("mail", "eml"), ("stream", "json")] {
            let entries = match fs::read_dir(self.path.join(folder)) {
                Ok(entries) => entries,
                Err(cause) if cause.kind() == io::ErrorKind::NotFound => continue,
                Err(cause) => return Err(self.unusable(cause)),
            };
            for entry in entries {
                let path = entry.map_err(|cause| self.unusable(cause))?.path();
                if path.extension().is_some_and(|one| one == extension) {
                    return Ok(Some(path.display().to_string()));
                }
            }
        }
        Ok(None)
    }

    /// Deletes a database with its log.
    fn remove_database(&self, file: &Path) -> Result<(), DirectoryError> {
        [file.to_owned(), log_of(file), beside(file, "-shm")].iter().try_for_each(|file| self.remove(file))
    }

    fn remove(&self, file: &Path) -> Result<(), DirectoryError> {
        match fs::remove_file(file) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(self.unusable(cause)),
            _ => Ok(()),
        }
    }

    fn unusable(&self, cause: io::Error) -> DirectoryError {
        DirectoryError::Unusable { path: self.path.clone(), cause }
    }

    fn damaged(&self, reason: &str) -> DirectoryError {
        DirectoryError::Lost { file: self.database(), reason: reason.to_owned() }
    }
}

/// The note that a process uses the database. While the note exists, SQLite's log exists and holds at least this start, so that a
/// missing or truncated log is noticed. An orderly end removes the note before SQLite removes the log.
pub(crate) struct Running(PathBuf);

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(cause) = fs::remove_file(&self.0) {
            tracing::warn!(file = %self.0.display(), %cause, "the note of the running process was not removed");
        }
    }
}

/// Opens a file for its owner only, and creates it if it is missing.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// SQLite's write-ahead log of a database.
fn log_of(database: &Path) -> PathBuf {
    beside(database, "-wal")
}

fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// Whether the database of the engine holds an item of the table.
fn holds_items(file: &Path, table: &str) -> rusqlite::Result<bool> {
    let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    if connection.query_row(exists, [table], |_| Ok(())).optional()?.is_none() {
        return Ok(false);
    }
    connection.query_row(&format!("SELECT EXISTS (SELECT 1 FROM \"{}\")", table.replace('"', "\"\"")), [], |row| row.get(0))
}
