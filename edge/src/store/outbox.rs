//! The outbox: what is to be sent of the record, read on a connection of its own.
//!
//! Owns the reading of batches: a round of events and readings comes out of one read transaction, so that every seal
//! is in it that covers a reading before those in it. It reads what is committed and nothing else, writes nothing, and
//! never waits for the writer, nor the writer for it. Numbers without a reading are listed as gaps.

use super::journal::Heads;
use super::{StoreError, frontier, open_read_only, rows};
use frostguard_shared::chain::{Hash, genesis, link};
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::tree::Frontier;
use frostguard_shared::wire::record::{Gap, Missing};
use frostguard_shared::wire::{Head, UNPACKED_MAX};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;
use thiserror::Error;

/// Bytes of events in one batch before they are packed; a body unpacked may have more.
const EVENT_BYTES_MAX: usize = UNPACKED_MAX * 3 / 4;

/// What is wanted of a round: everything after these numbers, at most so many of each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wanted {
    /// The last event that the cloud holds.
    pub events_after: u64,
    /// Events at most.
    pub events_most: usize,
    /// The last reading that the cloud holds.
    pub readings_after: u64,
    /// Readings at most.
    pub readings_most: usize,
}

/// Events that follow one another, with the tree up to the last of them.
#[derive(Clone, Debug)]
pub struct EventRows {
    /// The number of the first.
    pub first: u64,
    /// The hash before it.
    pub previous: Hash,
    /// Their exact bytes.
    pub items: Vec<Vec<u8>>,
    /// The hash of the last.
    pub hash: Hash,
    /// The tree up to the last.
    pub tree: Frontier,
}

/// Readings that follow one another.
#[derive(Clone, Debug)]
pub struct ReadingRows {
    /// The number of the first record or gap.
    pub first: u64,
    /// Their 80 bytes each.
    pub rows: Vec<u8>,
    /// Numbers without a readable record.
    pub gaps: Vec<Gap>,
    /// The last event that was durable with them.
    pub under: Head,
}

/// What one read transaction gives.
#[derive(Clone, Debug)]
pub struct Round {
    /// What is durable.
    pub heads: Heads,
    /// Events, if there are any after those wanted.
    pub events: Option<EventRows>,
    /// Readings, if the events reach up to the last one and there are any.
    pub readings: Option<ReadingRows>,
}

/// An event that is not what the chain says. The record was altered or damaged: a new epoch has to begin.
#[derive(Debug, Error)]
enum Broken {
    #[error("event {0} is missing")]
    Missing(u64),
    #[error("event {0} does not match its hash")]
    Changed(u64),
}

/// The outbox of one journal file.
pub struct Outbox {
    connection: Connection,
    hub: HubId,
    epoch: EpochId,
    /// The tree up to the end of the last batch: the next one usually begins there.
    tree: Frontier,
}

impl Outbox {
    /// Opens the journal's outbox.
    ///
    /// # Errors
    /// The file cannot be read, or holds no epoch.
    pub fn open(path: &Path, hub: HubId) -> Result<Self, StoreError> {
        let connection = open_read_only(path)?;
        let epoch: [u8; 16] = connection
            .query_row("SELECT epoch FROM epoch", [], |row| row.get(0))
            .map_err(StoreError::sqlite("asked for its epoch"))?;
        Ok(Self { connection, hub, epoch: EpochId::from_bytes(epoch), tree: Frontier::default() })
    }

    /// The epoch of the file.
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }

    /// Reads one round.
    ///
    /// # Errors
    /// The disk cannot be read, or an event does not fit its chain, which [`StoreError::is_damage`] tells apart.
    pub fn read(&mut self, wanted: &Wanted) -> Result<Round, StoreError> {
        let step = || StoreError::sqlite("read");
        let genesis = genesis(self.hub, self.epoch);
        let transaction = self.connection.transaction().map_err(step())?;
        let heads = heads(&transaction, self.epoch, genesis)?;
        let events = if wanted.events_after < heads.events {
            if self.tree.size() > wanted.events_after {
                self.tree = frontier::at(&transaction, wanted.events_after)?;
            } else {
                frontier::advance(&transaction, &mut self.tree, wanted.events_after)?;
            }
            let previous = hash_at(&transaction, wanted.events_after)?.unwrap_or(genesis);
            let batch = events(&transaction, wanted, previous, self.tree.clone())?;
            self.tree = batch.tree.clone();
            Some(batch)
        } else {
            None
        };
        let reached = events.as_ref().map_or(wanted.events_after, |events| events.tree.size());
        let are_wanted = wanted.readings_most > 0 && wanted.readings_after < heads.readings;
        let readings = if reached >= heads.events && are_wanted {
            let under = Head { seq: heads.events, hash: Some(heads.hash) };
            Some(readings(&transaction, wanted, heads.readings, under)?)
        } else {
            None
        };
        Ok(Round { heads, events, readings })
    }
}

fn heads(transaction: &Transaction<'_>, epoch: EpochId, genesis: Hash) -> Result<Heads, StoreError> {
    let run = || {
        let last: Option<(i64, [u8; 32])> = transaction
            .query_row("SELECT seq, hash FROM events ORDER BY seq DESC LIMIT 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?;
        let readings: Option<i64> =
            transaction.query_row("SELECT max(seq) FROM readings", [], |row| row.get(0))?;
        let (events, hash) = last.map_or((0, genesis), |(seq, hash)| (seq as u64, Hash(hash)));
        Ok(Heads { epoch, events, hash, readings: readings.unwrap_or(0) as u64 })
    };
    run().map_err(StoreError::sqlite("read"))
}

fn hash_at(transaction: &Transaction<'_>, seq: u64) -> Result<Option<Hash>, StoreError> {
    transaction
        .query_row("SELECT hash FROM events WHERE seq = ?1", params![seq as i64], |row| row.get(0))
        .optional()
        .map(|found| found.map(Hash))
        .map_err(StoreError::sqlite("read"))
}

/// The next events, checked against the chain so that nothing is ever vouched for that was changed in the file.
fn events(
    transaction: &Transaction<'_>,
    wanted: &Wanted,
    previous: Hash,
    tree: Frontier,
) -> Result<EventRows, StoreError> {
    let step = || StoreError::sqlite("read");
    let mut batch =
        EventRows { first: wanted.events_after + 1, previous, items: Vec::new(), hash: previous, tree };
    let mut select = transaction
        .prepare_cached("SELECT seq, hash, bytes FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")
        .map_err(step())?;
    let mut found =
        select.query(params![wanted.events_after as i64, wanted.events_most as i64]).map_err(step())?;
    let mut size = 0;
    while let Some(row) = found.next().map_err(step())? {
        let read = || Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?, row.get::<_, Vec<u8>>(2)?));
        let (seq, hash, bytes) = read().map_err(step())?;
        let (expected, hash) = (batch.tree.size() + 1, Hash(hash));
        let fault = match seq as u64 {
            seq if seq != expected => Some(Broken::Missing(expected)),
            seq if link(batch.hash, &bytes) != hash => Some(Broken::Changed(seq)),
            _ => None,
        };
        size += bytes.len();
        match fault {
            // What comes before the fault can still be sent; at the next round nothing does.
            Some(_) if !batch.items.is_empty() => break,
            Some(fault) => return Err(StoreError::content("a chain")(fault)),
            None if size > EVENT_BYTES_MAX && !batch.items.is_empty() => break,
            None => {}
        }
        batch.tree.push_event(hash);
        batch.hash = hash;
        batch.items.push(bytes);
    }
    if batch.items.is_empty() {
        return Err(StoreError::content("a chain")(Broken::Missing(batch.first)));
    }
    Ok(batch)
}

/// The next readings, and what is missing between them. A row that is no reading is missing as well.
fn readings(
    transaction: &Transaction<'_>,
    wanted: &Wanted,
    last: u64,
    under: Head,
) -> Result<ReadingRows, StoreError> {
    let step = || StoreError::sqlite("read");
    let first = wanted.readings_after + 1;
    let mut batch = ReadingRows { first, rows: Vec::new(), gaps: Vec::new(), under };
    let sql = format!("SELECT {} WHERE r.seq > ?1 ORDER BY r.seq LIMIT ?2", rows::COLUMNS);
    let mut select = transaction.prepare_cached(&sql).map_err(step())?;
    let mut found =
        select.query(params![wanted.readings_after as i64, wanted.readings_most as i64]).map_err(step())?;
    let (mut next, mut looked_at, mut looked_to) = (first, 0, wanted.readings_after);
    while let Some(row) = found.next().map_err(step())? {
        looked_at += 1;
        looked_to = row.get::<_, i64>(0).map_err(step())? as u64;
        let Ok(reading) = rows::reading(row) else { continue };
        if reading.seq > next {
            batch.gaps.push(Gap { first: next, last: reading.seq - 1, cause: Missing::Damage });
        }
        batch.rows.extend_from_slice(&reading.to_bytes());
        next = reading.seq + 1;
    }
    let end = if looked_at < wanted.readings_most { last } else { looked_to };
    if next <= end {
        batch.gaps.push(Gap { first: next, last: end, cause: Missing::Damage });
    }
    Ok(batch)
}
