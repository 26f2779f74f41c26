//! The store: the only place of the hub where SQL stands.
//!
//! [`journal`] appends the record, `read` reads it back, [`outbox`] reads what is to be sent on a connection of its own,
//! [`export`] hands it out, [`history`] reads the last day for charts and [`inspect`] checks it from outside, [`carry`] reads what goes over into a new epoch; here
//! the file is opened, brought to its schema, and checked to be safe to write: the SQLite that is linked must be free of
//! the WAL-reset bug, and the settings must be those that survive a power cut.

pub mod carry;
pub mod export;
mod frontier;
pub mod history;
pub mod inspect;
pub mod journal;
pub mod last_day;
pub mod outbox;
pub mod past;
mod read;
mod rows;
mod write;

pub use journal::{Draft, Journal};
pub use outbox::Outbox;
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
    /// Something of the journal is only in memory yet, so its epoch cannot end.
    #[error("the journal holds records that are not durable yet")]
    NotDurable,
    /// A file could not be set aside.
    #[error("the journal {path} could not be set aside")]
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
const MIGRATIONS: &[&str] = &[
    include_str!("../../../migrations/edge/0001_journal.sql"),
    include_str!("../../../migrations/edge/0002_sync.sql"),
    include_str!("../../../migrations/edge/0003_desired.sql"),
];

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

/// Why a journal is set aside, as its new name says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Aside {
    /// It is damaged.
    Damaged,
    /// Its epoch has ended.
    Ended,
}

/// Sets a journal and its side files aside, never deleting anything; gives the name under which it is kept.
pub(crate) fn set_aside(path: &Path, why: Aside) -> Result<String, StoreError> {
    let free = (1..u32::MAX).map(|n| aside_path(path, why, n)).find(|kept| !kept.exists());
    let kept = free.unwrap_or_else(|| aside_path(path, why, 0));
    rename(path, &kept)?;
    Ok(kept.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default())
}

/// The name of the n-th journal set aside for a reason.
fn aside_path(path: &Path, why: Aside, n: u32) -> PathBuf {
    let word = match why {
        Aside::Damaged => "damaged",
        Aside::Ended => "ended",
    };
    path.with_extension(format!("db.{word}-{n}"))
}

/// Puts a journal back that was set aside for one that could not be made. What there is of that one holds no record.
fn put_back(path: &Path, kept_as: &str) -> Result<(), StoreError> {
    for part in parts(path).into_iter().filter(|part| part.exists()) {
        std::fs::remove_file(&part).map_err(|source| StoreError::Aside { path: part, source })?;
    }
    rename(&path.with_file_name(kept_as), path)
}

/// A journal's side files and itself.
fn parts(path: &Path) -> [PathBuf; 3] {
    ["-wal", "-shm", ""].map(|suffix| PathBuf::from(format!("{}{suffix}", path.display())))
}

/// Renames a journal with its side files.
fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    for (from, to) in parts(from).into_iter().zip(parts(to)) {
        if from.exists() {
            std::fs::rename(&from, to).map_err(|source| StoreError::Aside { path: from, source })?;
        }
    }
    Ok(())
}
