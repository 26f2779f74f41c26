//! Inspecting: a journal looked at from outside, without changing it.
//!
//! Owns what `chain verify` does: from the bytes in the file alone the whole record is recomputed, by the same walk that
//! checks a bundle, and the first thing that does not fit is named. It can look at a journal that a hub is writing.

use super::export::Snapshot;
use super::{StoreError, open_read_only};
use frostguard_shared::chain::Hash;
use frostguard_shared::event::OldEpoch;
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::verify::{Verdict, Walk};
use rusqlite::OptionalExtension;
use std::path::Path;
use thiserror::Error;

/// The record does not verify, or could not be looked at.
#[derive(Debug, Error)]
pub enum VerifyError {
    /// The file cannot be read.
    #[error("the journal cannot be read")]
    Store(#[from] StoreError),
    /// There is no epoch in it.
    #[error("the journal is empty")]
    Empty,
    /// Something does not fit.
    #[error("{}", .0.bad.as_ref().map(ToString::to_string).unwrap_or_default())]
    Bad(Box<Verdict>),
}

/// The epoch and head of a journal, as far as it can be read.
///
/// # Errors
/// It cannot be read.
pub(crate) fn head(path: &Path) -> Result<Option<OldEpoch>, StoreError> {
    let connection = open_read_only(path)?;
    let row: Option<([u8; 16], i64, [u8; 32])> = connection
        .query_row(
            "SELECT epoch.epoch, events.seq, events.hash FROM events, epoch ORDER BY seq DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()
        .map_err(StoreError::sqlite("read"))?;
    Ok(row.map(|(epoch, seq, hash)| OldEpoch {
        epoch: EpochId::from_bytes(epoch),
        seq: seq as u64,
        hash: Hash(hash),
    }))
}

/// How far a journal goes, and how far the cloud has said that it holds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Ends {
    /// The hub.
    pub hub: HubId,
    /// The last event recorded, and the last one that the cloud holds.
    pub events: (u64, u64),
    /// The same of readings.
    pub readings: (u64, u64),
}

/// The ends of a journal.
///
/// # Errors
/// It cannot be read.
pub fn ends(path: &Path) -> Result<Ends, StoreError> {
    let connection = open_read_only(path)?;
    let step = || StoreError::sqlite("read");
    let number = |sql: &str| {
        let found = connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).optional();
        Ok::<u64, StoreError>(found.map_err(step())?.flatten().unwrap_or(0) as u64)
    };
    let hub = connection.query_row("SELECT hub FROM epoch", [], |row| row.get(0)).map_err(step())?;
    Ok(Ends {
        hub: HubId::from_bytes(hub),
        events: (
            number("SELECT max(seq) FROM events")?,
            number("SELECT acknowledged FROM cursors WHERE stream = 2")?,
        ),
        readings: (
            number("SELECT max(seq) FROM readings")?,
            number("SELECT acknowledged FROM cursors WHERE stream = 1")?,
        ),
    })
}

/// Verifies a journal from the bytes in its file.
///
/// # Errors
/// The first thing that does not fit, or the file cannot be read.
pub fn verify(path: &Path) -> Result<Verdict, VerifyError> {
    let snapshot = Snapshot::open(path)?.ok_or(VerifyError::Empty)?;
    let mut walk = Walk::new(snapshot.hub, snapshot.epoch, None);
    snapshot.each_line(|line| {
        walk.take(line);
        Ok::<_, StoreError>(())
    })?;
    let verdict = walk.finish();
    if verdict.passes() { Ok(verdict) } else { Err(VerifyError::Bad(Box::new(verdict))) }
}
