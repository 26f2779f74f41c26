//! Reading back: what a start, a late value, or a waiting frame needs of the journal.
//!
//! Owns every query over what is durable. Reads only; what is still in the open group is not seen here.

use super::journal::{BootRow, Journal, Stream};
use super::{StoreError, frontier, rows};
use crate::desired::command::{Entry, Ledger, Progress};
use frostguard_shared::chain::{Hash, leaf};
use frostguard_shared::event::{Event, Fact, OldEpoch};
use frostguard_shared::ids::{AlertId, CommandId, SiteId};
use frostguard_shared::reading::Reading;
use frostguard_shared::rules::{EpisodeKey, Record, SiteRules, State};
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::{Boot, DurationMs, RuleMs, WallMs};
use frostguard_shared::wire::from_bytes;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;

/// Readings looked at for the last one of each point.
const LAST_READINGS: i64 = 4_096;
/// Readings looked at for late ones: the scan goes by number, so its bound is a count, not a time.
const LATE_SCAN: i64 = 200_000;

/// What a journal holds when it is opened: all that a start needs.
pub struct Tail {
    /// True if the database is new and `epoch.started` has to be its first event.
    pub is_new: bool,
    /// Boots so far, the latest last.
    pub boots: Vec<BootRow>,
    /// The last rule time of any live record, or that to which the rules were folded if it is later.
    pub last_rule: Option<RuleMs>,
    /// True if readings that no seal covers are missing.
    pub has_hole: bool,
    /// True if the last event says that the hub stopped as told.
    pub clean: bool,
    /// The latest snapshot of the rules' state.
    pub snapshot: State,
    /// What was recorded after the snapshot, in fold order of its streams.
    pub records: Vec<Record>,
    /// The last readings of all points, oldest first.
    pub readings: Vec<Reading>,
    /// Late readings within the history, for recognising repetitions.
    pub late: Vec<Reading>,
    /// Which alert each of the latest episodes became; what is older than those cannot be folded again.
    pub alerts: BTreeMap<EpisodeKey, (AlertId, u64)>,
    /// How far each output has told what happened, by the numbers that go on across epochs.
    pub announced: BTreeMap<String, u64>,
    /// How far the cloud has said that it holds the streams: readings, events.
    pub acknowledged: BTreeMap<Stream, u64>,
    /// The enrolment that was recorded.
    pub enrolled: Option<(PublicKey, SiteId)>,
    /// What the first event says of the epoch before.
    pub old: Option<OldEpoch>,
    /// How far the changes of the rules in force have been recorded.
    pub recorded: u64,
    /// The commands remembered.
    pub commands: Ledger,
}

/// The frames that wait for the clock.
pub struct WaitingRows {
    /// Each with its arrival on the axis.
    pub frames: Vec<(RuleMs, Vec<u8>)>,
    /// The highest row among them.
    pub highest: i64,
}

/// The rules that take effect by an event.
fn rules_named(fact: &Fact) -> Option<Hash> {
    match fact {
        Fact::ConfigApplied { hash, .. }
        | Fact::DocumentApplied { hash, .. }
        | Fact::ConfigRolledBack { hash, .. } => Some(*hash),
        _ => None,
    }
}

/// Reading back.
/// A row of commands: its id, when it expires, the event that told of it, and what is still to do of it.
type CommandRow = ([u8; 16], i64, i64, Option<Vec<u8>>);

impl Journal {
    pub(super) fn read_tail(&mut self) -> Result<Tail, StoreError> {
        let step = || StoreError::sqlite("read");
        let (last_reading, last_event) = self.read_ends()?;
        let last = self.event(last_event as u64)?;
        if let Some((_, hash)) = &last {
            self.head = *hash;
        }
        self.tree = frontier::at(&self.connection, last_event as u64)?;
        let sealed_to = self.sealed_to(last_event as u64)?;
        self.next_reading = self.next_reading.max(sealed_to + 1);
        let unsealed = self.readings_after(sealed_to)?;
        let hole = unsealed.iter().rev().zip(1..).find(|(reading, n)| reading.seq + n != self.next_reading);
        // A seal never spans a missing number: only what follows the last hole can still be sealed.
        let sealable =
            unsealed.iter().filter(|reading| hole.is_none_or(|(before, _)| reading.seq > before.seq));
        self.leaves = sealable.map(|reading| leaf(&reading.to_bytes())).collect();
        let has_hole = hole.is_some() || unsealed.first().is_some_and(|first| first.seq != sealed_to + 1);
        let (snapshot, readings_seq, events_seq) = self.latest_snapshot()?.unwrap_or_default();
        let live = self
            .connection
            .query_row("SELECT rule_ms FROM readings WHERE age_ms = 0 ORDER BY seq DESC LIMIT 1", [], |row| {
                row.get(0)
            })
            .optional()
            .map_err(step())?
            .map(RuleMs);
        Ok(Tail {
            is_new: last_event == 0,
            boots: self.boots()?,
            last_rule: live
                .max(last.as_ref().map(|(event, _)| event.envelope.rule_ms))
                .max(Some(snapshot.frontier()).filter(|frontier| frontier.0 > 0)),
            has_hole,
            clean: last.is_some_and(|(event, _)| matches!(event.fact(), Some(Fact::HubStopped { .. }))),
            snapshot,
            records: self.records_after(readings_seq, events_seq)?,
            readings: self.readings_after((last_reading - LAST_READINGS).max(0) as u64)?,
            late: self.late_readings()?,
            alerts: self.alerts()?,
            announced: self.announced()?,
            acknowledged: self.acknowledged()?,
            enrolled: self.enrolled()?,
            old: self.event(1)?.and_then(|(first, _)| match first.fact() {
                Some(Fact::EpochStarted { old, .. }) => old.clone(),
                _ => None,
            }),
            recorded: self.recorded()?,
            commands: self.commands()?,
        })
    }

    /// The last numbers of both streams: readings, events.
    pub(super) fn read_ends(&mut self) -> Result<(i64, i64), StoreError> {
        let one = |sql: &str| {
            self.connection
                .query_row(sql, [], |row| row.get::<_, Option<i64>>(0))
                .map_err(StoreError::sqlite("read"))
        };
        let last_reading = one("SELECT max(seq) FROM readings")?.unwrap_or(0);
        let last_event = one("SELECT max(seq) FROM events")?.unwrap_or(0);
        self.next_reading = last_reading as u64 + 1;
        self.next_event = last_event as u64 + 1;
        Ok((last_reading, last_event))
    }

    /// The last sealed reading; seals come at least hourly, so the search back is short.
    fn sealed_to(&self, last_event: u64) -> Result<u64, StoreError> {
        let found = self.search_back(last_event, |fact| match fact {
            Fact::ReadingsSealed { last, .. } => Some(*last),
            _ => None,
        })?;
        Ok(found.unwrap_or(0))
    }

    fn search_back<T>(
        &self,
        from: u64,
        wanted: impl Fn(&Fact) -> Option<T>,
    ) -> Result<Option<T>, StoreError> {
        for seq in (1..=from).rev() {
            let found = self.event(seq)?.and_then(|(event, _)| event.fact().and_then(&wanted));
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// One durable event with its hash.
    ///
    /// # Errors
    /// The disk cannot be read, or the bytes are no event.
    pub fn event(&self, seq: u64) -> Result<Option<(Event, Hash)>, StoreError> {
        let row: Option<(Vec<u8>, [u8; 32])> = self
            .connection
            .prepare_cached("SELECT bytes, hash FROM events WHERE seq = ?1")
            .and_then(|mut select| {
                select.query_row(params![seq as i64], |row| Ok((row.get(0)?, row.get(1)?))).optional()
            })
            .map_err(StoreError::sqlite("read"))?;
        row.map(|(bytes, hash)| {
            Ok((Event::from_bytes(&bytes).map_err(StoreError::content("an event"))?, Hash(hash)))
        })
        .transpose()
    }

    /// The durable readings after a number, in order.
    ///
    /// # Errors
    /// The disk cannot be read, or a row is no reading.
    pub fn readings_after(&self, seq: u64) -> Result<Vec<Reading>, StoreError> {
        self.readings_where("WHERE r.seq > ?1 ORDER BY r.seq", seq as i64)
    }

    /// The durable readings from one number to another, in order.
    pub(super) fn readings_between(&self, first: u64, last: u64) -> Result<Vec<Reading>, StoreError> {
        // The last number is written into the statement, which is one of a kind anyway.
        self.readings_where(&format!("WHERE r.seq >= ?1 AND r.seq <= {last} ORDER BY r.seq"), first as i64)
    }

    /// What the rules have to fold of the events after a number, without the rules that took effect.
    pub(super) fn event_records_after(&self, seq: u64) -> Result<Vec<Record>, StoreError> {
        Ok(self.events_after(seq)?.iter().filter_map(Record::of_event).collect())
    }

    fn late_readings(&self) -> Result<Vec<Reading>, StoreError> {
        let from = (self.next_reading as i64 - LATE_SCAN).max(0);
        let mut late =
            self.readings_where("WHERE r.seq > ?1 AND r.age_ms > 0 ORDER BY r.seq DESC LIMIT 10000", from)?;
        late.reverse();
        Ok(late)
    }

    fn readings_where(&self, clause: &str, value: i64) -> Result<Vec<Reading>, StoreError> {
        let step = || StoreError::sqlite("read");
        let sql = format!("SELECT {} {clause}", rows::COLUMNS);
        let mut select = self.connection.prepare(&sql).map_err(step())?;
        let mut found = select.query(params![value]).map_err(step())?;
        let mut readings = Vec::new();
        while let Some(row) = found.next().map_err(step())? {
            readings.push(rows::reading(row)?);
        }
        Ok(readings)
    }

    fn events_after(&self, seq: u64) -> Result<Vec<Event>, StoreError> {
        let mut events = Vec::new();
        for seq in seq + 1..self.next_event {
            events.extend(self.event(seq)?.map(|(event, _)| event));
        }
        Ok(events)
    }

    /// What the rules have to fold of everything after these numbers, in no particular order.
    pub(super) fn records_after(
        &self,
        readings_seq: u64,
        events_seq: u64,
    ) -> Result<Vec<Record>, StoreError> {
        let mut records: Vec<Record> =
            self.readings_after(readings_seq)?.iter().map(Record::of_reading).collect();
        for event in self.events_after(events_seq)? {
            if let Some(hash) = event.fact().and_then(rules_named) {
                records.extend(self.rules(hash)?.map(|rules| Record::rules(event.envelope.rule_ms, rules)));
            }
            records.extend(Record::of_event(&event));
        }
        Ok(records)
    }

    /// A snapshot from before a rule time and what was recorded since, for folding again. What lies before the oldest
    /// snapshot kept is beyond the history: the state given stands later than was asked for.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn history(&self, from: RuleMs) -> Result<(State, Vec<Record>), StoreError> {
        let oldest = || self.snapshot_where("WHERE id > ?1 ORDER BY id LIMIT 1", 0);
        let (state, readings_seq, events_seq) = match self.snapshot_at(from)? {
            Some(found) => found,
            None => oldest()?.unwrap_or_default(),
        };
        let records = self.records_after(readings_seq, events_seq)?;
        let frontier = state.frontier();
        Ok((state, records.into_iter().filter(|record| record.at >= frontier).collect()))
    }

    /// The latest snapshot that is not from after a rule time.
    pub(super) fn snapshot_at(&self, at: RuleMs) -> Result<Option<(State, u64, u64)>, StoreError> {
        self.snapshot_where("WHERE frontier_ms <= ?1 ORDER BY id DESC LIMIT 1", at.0)
    }

    pub(super) fn latest_snapshot(&self) -> Result<Option<(State, u64, u64)>, StoreError> {
        self.snapshot_where("WHERE id > ?1 ORDER BY id DESC LIMIT 1", 0)
    }

    fn snapshot_where(&self, clause: &str, value: i64) -> Result<Option<(State, u64, u64)>, StoreError> {
        let sql = format!("SELECT state, readings_seq, events_seq FROM snapshots {clause}");
        let row: Option<(Vec<u8>, i64, i64)> = self
            .connection
            .query_row(&sql, params![value], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .map_err(StoreError::sqlite("read"))?;
        let Some((state, readings, events)) = row else { return Ok(None) };
        match serde_json::from_slice(&state) {
            Ok(state) => Ok(Some((state, readings as u64, events as u64))),
            // A snapshot of another version only shortens the fold; the record itself is whole.
            Err(fault) => {
                tracing::warn!(%fault, "the snapshot cannot be read; the whole record is folded instead");
                Ok(None)
            }
        }
    }

    /// How many frames wait for the clock.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn waiting_count(&self) -> Result<i64, StoreError> {
        self.connection
            .query_row("SELECT count(*) FROM waiting", [], |row| row.get(0))
            .map_err(StoreError::sqlite("read"))
    }

    fn rules(&self, hash: Hash) -> Result<Option<SiteRules>, StoreError> {
        let json: Option<Vec<u8>> = self
            .connection
            .query_row("SELECT rules FROM rules WHERE hash = ?1", params![hash.0], |row| row.get(0))
            .optional()
            .map_err(StoreError::sqlite("read"))?;
        let read = |json: Vec<u8>| match serde_json::from_slice(&json) {
            Ok(rules) => Some(rules),
            // Rules in the form of another version: the folding goes on, and the start applies those in force anew.
            Err(fault) => {
                tracing::warn!(%fault, %hash, "rules of the record cannot be read; folding goes on without them");
                None
            }
        };
        Ok(json.and_then(read))
    }

    pub(super) fn boots(&self) -> Result<Vec<BootRow>, StoreError> {
        self.collect(
            "SELECT boot, boot_id, anchor_ms, began_ms, offset_ms, trusted FROM boots ORDER BY boot",
            |row| {
                Ok(BootRow {
                    boot: Boot(row.get(0)?),
                    boot_id: row.get(1)?,
                    anchor_ms: row.get(2)?,
                    began: RuleMs(row.get(3)?),
                    offset: DurationMs(row.get(4)?),
                    trusted: row.get(5)?,
                })
            },
        )
    }

    pub(super) fn alerts(&self) -> Result<BTreeMap<EpisodeKey, (AlertId, u64)>, StoreError> {
        let rows: Vec<(String, [u8; 16], i64)> = self.collect(
            "SELECT episode, alert, raised_seq FROM alerts ORDER BY raised_seq DESC LIMIT 10000",
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )?;
        rows.into_iter()
            .map(|(episode, alert, seq)| {
                let episode = episode.parse().map_err(StoreError::content("an episode"))?;
                Ok((episode, (AlertId::from_bytes(alert), seq as u64)))
            })
            .collect()
    }

    pub(super) fn announced(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows: Vec<(String, i64)> =
            self.collect("SELECT output, events_seq FROM announced", |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().map(|(output, seq)| (output, seq as u64)).collect())
    }

    fn acknowledged(&self) -> Result<BTreeMap<Stream, u64>, StoreError> {
        let rows: Vec<(i64, i64)> =
            self.collect("SELECT stream, acknowledged FROM cursors", |row| Ok((row.get(0)?, row.get(1)?)))?;
        let stream = |code| [Stream::Readings, Stream::Events].into_iter().find(|known| known.code() == code);
        Ok(rows.into_iter().filter_map(|(code, seq)| Some((stream(code)?, seq as u64))).collect())
    }

    pub(super) fn enrolled(&self) -> Result<Option<(PublicKey, SiteId)>, StoreError> {
        let rows: Vec<([u8; 32], [u8; 16])> =
            self.collect("SELECT cloud, site FROM enrolment", |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().next().map(|(cloud, site)| (PublicKey(cloud), SiteId::from_bytes(site))))
    }

    pub(super) fn recorded(&self) -> Result<u64, StoreError> {
        let rows: Vec<i64> = self.collect("SELECT step FROM configuration", |row| row.get(0))?;
        Ok(rows.first().map_or(0, |step| *step as u64))
    }

    pub(super) fn commands(&self) -> Result<Ledger, StoreError> {
        let rows: Vec<CommandRow> = self
            .collect("SELECT command, expires_ms, received_seq, to_do FROM commands", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
            })?;
        let entry = |(command, expires, received, to_do): CommandRow| {
            // What cannot be read any more is not done, and above all not twice.
            let to_do = to_do.and_then(|bytes| from_bytes(&bytes).ok());
            let progress = to_do.map_or(Progress::Ended, Progress::ToDo);
            let (expires, received_seq) = (WallMs(expires), received as u64);
            (CommandId::from_bytes(command), Entry { expires, received_seq, progress })
        };
        Ok(Ledger::of(rows.into_iter().map(entry)))
    }

    /// The hash with which an event is stored.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn hash_of(&self, seq: u64) -> Result<Option<Hash>, StoreError> {
        self.connection
            .query_row("SELECT hash FROM events WHERE seq = ?1", params![seq as i64], |row| row.get(0))
            .optional()
            .map(|found| found.map(Hash))
            .map_err(StoreError::sqlite("read"))
    }

    /// The frames that wait for the clock, with their arrival, and the highest row among them.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn waiting(&self) -> Result<WaitingRows, StoreError> {
        let rows: Vec<(i64, i64, Vec<u8>)> = self
            .collect("SELECT id, arrival_ms, frame FROM waiting ORDER BY id", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let highest = rows.last().map_or(0, |row| row.0);
        Ok(WaitingRows {
            frames: rows.into_iter().map(|(_, arrival, frame)| (RuleMs(arrival), frame)).collect(),
            highest,
        })
    }

    fn collect<T>(
        &self,
        sql: &str,
        read: fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let run = || self.connection.prepare(sql)?.query_map([], read)?.collect::<rusqlite::Result<Vec<T>>>();
        run().map_err(StoreError::sqlite("read"))
    }
}
