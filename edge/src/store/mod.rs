//! The store: the only place of the hub where SQL stands.
//!
//! [`journal`] appends the record, `read` reads it back, [`export`] hands it out and [`inspect`] checks it from outside; here the file is opened, brought to its schema, and checked to be safe
//! to write: the SQLite that is linked must be free of the WAL-reset bug, and the settings must be those that
//! survive a power cut.

pub mod export;
pub mod inspect;
pub mod journal;
mod read;
mod rows;

pub use journal::{Draft, Journal};
pub use read::Tail;

use rusqlite::{Connection, OpenFlags};
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The journal cannot be used. At start: set a damaged file aside and begin a new epoch, or stop. Later: go on
/// alarming from memory, report it as an alarm, and try again at the next commit.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The SQLite that is linked has the WAL-reset bug.
    #[error("SQLite {0} loses commits in WAL mode; 3.51.3 or later is needed")]
    Version(&'static str),
    /// A step failed in SQLite.
    #[error("the journal could not be {step}")]
    Sqlite {
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: rusqlite::Error,
    },
    /// The file holds something that no journal can hold.
    #[error("the journal holds {what} that cannot be read")]
    Content {
        /// What.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The journal belongs to another hub.
    #[error("the journal belongs to another hub than the identity file beside it")]
    OtherHub,
    /// A damaged file could not be set aside.
    #[error("the damaged journal {path} could not be set aside")]
    Aside {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
}

impl StoreError {
    pub(crate) fn sqlite(step: &'static str) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { step, source }
    }

    pub(crate) fn content<E: std::error::Error + Send + Sync + 'static>(
        what: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Content { what, source: Box::new(source) }
    }

    /// True if the file itself is damaged, so that it must be set aside.
    pub fn is_damage(&self) -> bool {
        let code = match self {
            Self::Sqlite { source: rusqlite::Error::SqliteFailure(failure, _), .. } => failure.code,
            Self::Content { .. } => return true,
            _ => return false,
        };
        matches!(code, rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    }
}

/// The name of the journal in the state folder.
pub const FILE: &str = "journal.db";
/// 3.51.3, the first without the WAL-reset bug.
const SQLITE_FLOOR: i32 = 3_051_003;

/// Every migration, in order; a released one is never edited.
const MIGRATIONS: &[&str] = &[include_str!("../../../migrations/edge/0001_journal.sql")];

/// Opens the file for writing and brings it to the present schema.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_FLOOR {
        return Err(StoreError::Version(rusqlite::version()));
    }
    let mut connection = Connection::open(path).map_err(StoreError::sqlite("opened"))?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 1000;
             PRAGMA temp_store = MEMORY; PRAGMA cache_size = -2048; PRAGMA mmap_size = 0; PRAGMA journal_size_limit = 8388608;",
        )
        .map_err(StoreError::sqlite("set up"))?;
    migrate(&mut connection)?;
    Ok(connection)
}

/// Opens the file for reading alone, for looking at a journal that another process may be writing.
pub(crate) fn open_read_only(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    Connection::open_with_flags(path, flags).map_err(StoreError::sqlite("opened for reading"))
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let step = StoreError::sqlite("brought to its schema");
    let run = |connection: &mut Connection| {
        let done: u32 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        for (version, migration) in (1u32..).zip(MIGRATIONS).skip(done as usize) {
            let transaction = connection.transaction()?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
        }
        Ok(())
    };
    run(connection).map_err(step)
}

/// Sets a damaged journal and its side files aside, never deleting anything; gives the name under which it is kept.
pub(crate) fn set_aside(path: &Path) -> Result<String, StoreError> {
    let free = (1..).map(|n| path.with_extension(format!("db.damaged-{n}"))).find(|kept| !kept.exists());
    let kept = free.unwrap_or_else(|| path.with_extension("db.damaged"));
    for suffix in ["-wal", "-shm", ""] {
        let with_suffix = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        let (from, to) = (with_suffix(path), with_suffix(&kept));
        if from.exists() {
            std::fs::rename(&from, to).map_err(|source| StoreError::Aside { path: from, source })?;
        }
    }
    Ok(kept.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
}
