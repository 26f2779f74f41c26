//! Inspecting: a journal looked at from outside, without changing it.
//!
//! Owns what `chain verify` does: from the bytes in the file alone it recomputes every link and every seal, and names
//! the first thing that does not fit. It can look at a journal that a hub is writing.

use super::{StoreError, open_read_only, rows};
use frostguard_shared::chain::{ChainError, ChainWalk, Hash, StoredEvent, leaf, root};
use frostguard_shared::event::{Event, Fact, OldEpoch};
use frostguard_shared::ids::{EpochId, HubId};
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
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
    /// An event does not fit.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// An event's bytes say something else than its place.
    #[error("event {seq} is not what its place says: {what}")]
    Place {
        /// The event.
        seq: u64,
        /// What differs.
        what: &'static str,
    },
    /// A sealed range does not fit.
    #[error(
        "readings {first} to {last} do not match their seal in event {seq}: one of them was changed, added or removed"
    )]
    Seal {
        /// The event that seals them.
        seq: u64,
        /// First reading.
        first: u64,
        /// Last reading.
        last: u64,
    },
    /// Readings are missing between seals.
    #[error("the seal in event {seq} begins at reading {first}, but {expected} should come next")]
    SealGap {
        /// The event.
        seq: u64,
        /// Where it begins.
        first: u64,
        /// Where it should.
        expected: u64,
    },
}

/// What was verified.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// The hub.
    pub hub: HubId,
    /// The epoch.
    pub epoch: EpochId,
    /// Events whose links hold.
    pub events: u64,
    /// The hash of the last event.
    pub head: String,
    /// Readings whose seals hold.
    pub readings_sealed: u64,
    /// Readings that no seal covers yet, so that nothing can be said of them.
    pub readings_unsealed: u64,
    /// Alerts raised, by the record.
    pub alerts_raised: u64,
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
/// The first thing that does not fit.
pub fn verify(path: &Path) -> Result<Verified, VerifyError> {
    let connection = open_read_only(path)?;
    let owner: Option<([u8; 16], [u8; 16])> = connection
        .query_row("SELECT epoch, hub FROM epoch", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .map_err(StoreError::sqlite("read"))?;
    let (epoch, hub) = owner.ok_or(VerifyError::Empty)?;
    let (epoch, hub) = (EpochId::from_bytes(epoch), HubId::from_bytes(hub));
    let mut walk = Walk {
        connection: &connection,
        chain: ChainWalk::new(hub, epoch),
        hub,
        epoch,
        sealed_to: 0,
        raised: 0,
    };
    walk.events()?;
    let last: Option<i64> = connection
        .query_row("SELECT max(seq) FROM readings", [], |row| row.get(0))
        .map_err(StoreError::sqlite("read"))?;
    let last = last.unwrap_or(0) as u64;
    Ok(Verified {
        hub,
        epoch,
        events: walk.chain.taken(),
        head: walk.chain.head().to_string(),
        readings_sealed: walk.sealed_to,
        readings_unsealed: last.saturating_sub(walk.sealed_to),
        alerts_raised: walk.raised,
    })
}

struct Walk<'a> {
    connection: &'a Connection,
    chain: ChainWalk,
    hub: HubId,
    epoch: EpochId,
    sealed_to: u64,
    raised: u64,
}

impl Walk<'_> {
    fn events(&mut self) -> Result<(), VerifyError> {
        let step = || StoreError::sqlite("read");
        let mut select =
            self.connection.prepare("SELECT seq, bytes, hash FROM events ORDER BY seq").map_err(step())?;
        let mut rows = select.query([]).map_err(step())?;
        while let Some(row) = rows.next().map_err(step())? {
            let read = || Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?, row.get::<_, [u8; 32]>(2)?));
            let (seq, bytes, hash) = read().map_err(step())?;
            self.event(seq as u64, &bytes, Hash(hash))?;
        }
        Ok(())
    }

    fn event(&mut self, seq: u64, bytes: &[u8], hash: Hash) -> Result<(), VerifyError> {
        self.chain.take(StoredEvent { seq, bytes, hash })?;
        let event = Event::from_bytes(bytes)
            .map_err(|_| VerifyError::Place { seq, what: "its bytes are no event" })?;
        let envelope = &event.envelope;
        if (envelope.hub, envelope.epoch, envelope.seq) != (self.hub, self.epoch, seq) {
            return Err(VerifyError::Place { seq, what: "its hub, epoch or number" });
        }
        match event.fact() {
            Some(Fact::ReadingsSealed { first, last, count, root }) => {
                self.seal(seq, *first, *last, *count, *root)
            }
            Some(Fact::AlertRaised { .. }) => {
                self.raised += 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn seal(&mut self, seq: u64, first: u64, last: u64, count: u64, sealed: Hash) -> Result<(), VerifyError> {
        let expected = self.sealed_to + 1;
        if first != expected {
            return Err(VerifyError::SealGap { seq, first, expected });
        }
        let step = || StoreError::sqlite("read");
        let sql = format!("SELECT {} WHERE r.seq BETWEEN ?1 AND ?2 ORDER BY r.seq", rows::COLUMNS);
        let mut select = self.connection.prepare_cached(&sql).map_err(step())?;
        let mut found = select.query(params![first as i64, last as i64]).map_err(step())?;
        let mut leaves = Vec::new();
        while let Some(row) = found.next().map_err(step())? {
            // A row that is no reading any more was changed, which is what the seal is there to show.
            let reading = rows::reading(row).map_err(|_| VerifyError::Seal { seq, first, last })?;
            leaves.push(leaf(&reading.to_bytes()));
        }
        if leaves.len() as u64 != count || root(&leaves) != sealed {
            return Err(VerifyError::Seal { seq, first, last });
        }
        self.sealed_to = last;
        Ok(())
    }
}
