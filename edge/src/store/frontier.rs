//! The tree's right edge at any event of the journal, from what is stored.
//!
//! Owns the way back to it: the latest edge kept beside a snapshot that is not beyond the event, and the hashes of the
//! events since. Without any such edge every hash is taken, which a journal from before there was a tree needs once.

use super::StoreError;
use frostguard_shared::chain::Hash;
use frostguard_shared::tree::Frontier;
use rusqlite::{Connection, OptionalExtension, params};
use thiserror::Error;

/// Why a tree cannot be made: a lost hash means a new epoch.
#[derive(Debug, Error)]
#[error("event {0} is missing")]
pub(super) struct HashLost(u64);

/// The tree over the events up to and including `seq`.
///
/// # Errors
/// The disk cannot be read, or a hash is missing.
pub(super) fn at(connection: &Connection, seq: u64) -> Result<Frontier, StoreError> {
    let step = || StoreError::sqlite("read");
    let kept: Option<(i64, Vec<u8>)> = connection
        .query_row(
            "SELECT events_seq, tree FROM snapshots WHERE tree IS NOT NULL AND events_seq <= ?1 ORDER BY events_seq DESC LIMIT 1",
            params![seq as i64],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()
        .map_err(step())?;
    let kept = kept.and_then(|(size, bytes)| {
        // An edge that is none is made again from the hashes; it only saves time.
        Frontier::from_bytes(&bytes).ok().filter(|tree| tree.size() == size as u64)
    });
    let mut tree = kept.unwrap_or_default();
    advance(connection, &mut tree, seq)?;
    Ok(tree)
}

/// Takes the hashes of the events up to and including `seq`.
pub(super) fn advance(connection: &Connection, tree: &mut Frontier, seq: u64) -> Result<(), StoreError> {
    let step = || StoreError::sqlite("read");
    let mut select = connection
        .prepare_cached("SELECT seq, hash FROM events WHERE seq > ?1 AND seq <= ?2 ORDER BY seq")
        .map_err(step())?;
    let mut rows = select.query(params![tree.size() as i64, seq as i64]).map_err(step())?;
    while let Some(row) = rows.next().map_err(step())? {
        let (number, hash) =
            (row.get::<_, i64>(0).map_err(step())?, row.get::<_, [u8; 32]>(1).map_err(step())?);
        if number as u64 != tree.size() + 1 {
            break;
        }
        tree.push_event(Hash(hash));
    }
    if tree.size() == seq { Ok(()) } else { Err(StoreError::content("a chain")(HashLost(tree.size() + 1))) }
}
