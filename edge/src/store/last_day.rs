//! The last day's records, for folding them again under other rules, on a connection of its own.
//!
//! Owns one consistent reading of them: from the latest snapshot of the rules' state that is a day old, in pieces of
//! some thousand records, within a bound. It reads what is committed, writes nothing and waits for nobody.

use super::journal::Journal;
use super::{StoreError, open_read_only};
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::rules::{Record, State};
use frostguard_shared::time::RuleMs;
use std::collections::VecDeque;
use std::path::Path;

/// Readings in one piece.
const PIECE: u64 = 4_096;
/// Readings in all: a day of two hundred a minute. Of more the latest are taken.
const READINGS_MAX: u64 = 300_000;
/// Events in all; a hub that makes more in a day is folded without the oldest.
const EVENTS_MAX: u64 = 20_000;

/// A journal's last day as it stood when it was opened.
pub struct LastDay {
    journal: Journal,
    snapshot: State,
    next_reading: u64,
    last_reading: u64,
    events: VecDeque<Record>,
}

impl LastDay {
    /// Opens the records from `from` on.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn open(path: &Path, hub: HubId, from: RuleMs) -> Result<Self, StoreError> {
        let connection = open_read_only(path)?;
        connection.execute_batch("BEGIN").map_err(StoreError::sqlite("opened for reading"))?;
        // The numbers of a chain are not asked for here, so its epoch need not be known.
        let mut journal = Journal::over(connection, path, hub, EpochId::from_bytes([0; 16]), 0);
        let (last_reading, last_event) = journal.read_ends()?;
        // A journal that is younger than a day is folded from its beginning.
        let (snapshot, readings_seq, events_seq) = journal.snapshot_at(from)?.unwrap_or_default();
        let events_seq = events_seq.max((last_event as u64).saturating_sub(EVENTS_MAX));
        let mut events: Vec<Record> = journal.event_records_after(events_seq)?;
        events.sort_by_key(|record| record.at);
        let next_reading = readings_seq.max((last_reading as u64).saturating_sub(READINGS_MAX)) + 1;
        Ok(Self { journal, snapshot, next_reading, last_reading: last_reading as u64, events: events.into() })
    }

    /// The state of the rules from which the records go on.
    pub fn snapshot(&self) -> &State {
        &self.snapshot
    }

    /// The records that follow, without those of applied rules; none when all have been given.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn next_piece(&mut self) -> Result<Option<Vec<Record>>, StoreError> {
        if self.next_reading > self.last_reading && self.events.is_empty() {
            return Ok(None);
        }
        let (first, last) = (self.next_reading, self.next_reading.saturating_add(PIECE - 1));
        let readings = self.journal.readings_between(first, last)?;
        self.next_reading = last + 1;
        let live = readings.iter().filter(|reading| reading.age_ms == 0);
        let reached = live.map(|reading| reading.rule).max();
        let mut piece: Vec<Record> = readings.iter().map(Record::of_reading).collect();
        // The last piece takes all events that are left.
        let is_last = self.next_reading > self.last_reading;
        let goes = |event: &Record| is_last || reached.is_some_and(|reached| event.at <= reached);
        while self.events.front().is_some_and(goes) {
            piece.extend(self.events.pop_front());
        }
        Ok(Some(piece))
    }
}
