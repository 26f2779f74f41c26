//! Inspecting: a journal looked at from outside, without changing it.
//!
//! Owns what `chain verify` does: from the bytes in the file alone the whole record is recomputed, by the same walk that
//! checks a bundle, and the first thing that does not fit is named. It can look at a journal that a hub is writing.

use super::export::Snapshot;
use super::{StoreError, open_read_only};
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::EpochId;
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
pub(crate) fn head(path: &Path) -> Result<Option<(EpochId, u64, Hash)>, StoreError> {
    let connection = open_read_only(path)?;
    let row: Option<([u8; 16], i64, [u8; 32])> = connection
        .query_row(
            "SELECT epoch.epoch, events.seq, events.hash FROM events, epoch ORDER BY seq DESC LIMIT 1",
            [],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .optional()
        .map_err(StoreError::sqlite("read"))?;
    Ok(row.map(|(epoch, seq, hash)| (EpochId::from_bytes(epoch), seq as u64, Hash(hash))))
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
