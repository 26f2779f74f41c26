//! The journal: appends readings and events, makes them durable together, and reads them back.
//!
//! Owns the numbers, the links between events, the open group, and the leaves of readings that no seal covers yet.
//! What is appended is in memory until [`Journal::commit`], which writes all of it in one transaction or none. A
//! failed commit loses nothing: it stays in the group, and the next commit tries again. It decides nothing about
//! rules or times; whoever appends brings the stamp.

use super::rows;
use super::{StoreError, open};
use frostguard_shared::axis::Stamp;
use frostguard_shared::chain::{Hash, SEAL_MAX, genesis, leaf, link, root};
use frostguard_shared::event::{Actor, Envelope, Event, Fact, Subject, to_bytes};
use frostguard_shared::ids::{AlertId, EpochId, HubId, PointId};
use frostguard_shared::reading::Reading;
use frostguard_shared::rules::{EpisodeKey, Record, SiteRules, State};
use frostguard_shared::time::{Boot, DurationMs, RuleMs};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

/// Readings that wait in memory while the disk cannot be written; more are counted as lost.
pub const OPEN_READINGS_MAX: usize = 20_000;
/// How far back records can be folded again on the hub.
pub const HISTORY: DurationMs = DurationMs::minutes(72 * 60);
/// Snapshots kept at most.
const SNAPSHOTS_MAX: i64 = 1_000;
/// Frames kept at most that wait for the clock.
pub const WAITING_MAX: i64 = 10_000;
/// Readings looked at for the last one of each point.
const LAST_READINGS: i64 = 4_096;

/// An event before it has its number and stamp.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What it says.
    pub fact: Fact,
    /// What it is about.
    pub subject: Subject,
    /// Who caused it.
    pub actor: Option<Actor>,
}

impl Draft {
    /// An event of the hub itself.
    pub fn new(fact: Fact) -> Self {
        Self { fact, subject: Subject::default(), actor: None }
    }
}

/// The axis of a boot as it is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BootRow {
    /// Its number within the epoch.
    pub boot: Boot,
    /// The kernel's id.
    pub boot_id: String,
    /// Rule time minus boottime.
    pub anchor_ms: i64,
    /// Where the axis stood when it began.
    pub began: RuleMs,
    /// Rule time minus wall time.
    pub offset: DurationMs,
    /// Whether the clock was trusted when it was last written.
    pub trusted: bool,
}

/// What is written beside readings and events in the same transaction.
#[derive(Clone, Debug)]
pub enum Also {
    /// A boot's axis.
    Boot(BootRow),
    /// The alert that an episode became.
    Alert {
        /// The episode.
        episode: EpisodeKey,
        /// The alert.
        alert: AlertId,
        /// The event that raised it.
        raised_seq: u64,
    },
    /// Rules by their hash.
    Rules {
        /// The hash.
        hash: Hash,
        /// The rules as JSON.
        rules: Vec<u8>,
    },
    /// How far an output has told what happened.
    Announced {
        /// The output's key.
        output: String,
        /// The last event told.
        events_seq: u64,
    },
    /// A frame that waits for the clock.
    Wait {
        /// Its arrival on the axis.
        arrival: RuleMs,
        /// Its content, opaque here.
        frame: Vec<u8>,
    },
    /// Frames that wait no longer.
    Placed {
        /// The highest row placed.
        up_to: i64,
    },
}

/// An event with its number, in the group or durable.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// Its number.
    pub seq: u64,
    /// The event.
    pub event: Event,
}

struct Pending {
    seq: u64,
    bytes: Vec<u8>,
    hash: Hash,
    kind: &'static str,
}

/// What a journal holds when it is opened: all that a start needs.
pub struct Tail {
    /// True if the database is new and `epoch.started` has to be its first event.
    pub is_new: bool,
    /// Boots so far, the latest last.
    pub boots: Vec<BootRow>,
    /// The last rule time of any live record.
    pub last_rule: Option<RuleMs>,
    /// True if the last event says that the hub stopped as told.
    pub clean: bool,
    /// The latest snapshot of the rules' state.
    pub snapshot: State,
    /// The hash of the rules last applied.
    pub rules_hash: Option<Hash>,
    /// What was recorded after the snapshot, in fold order of its streams.
    pub records: Vec<Record>,
    /// The last readings of all points, oldest first.
    pub readings: Vec<Reading>,
    /// Late readings within the history, for recognising repetitions.
    pub late: Vec<Reading>,
    /// Which alert each episode became.
    pub alerts: BTreeMap<EpisodeKey, (AlertId, u64)>,
    /// How far each output has told what happened.
    pub announced: BTreeMap<String, u64>,
}

/// The journal, open for writing by this process alone.
pub struct Journal {
    connection: Connection,
    hub: HubId,
    epoch: EpochId,
    next_reading: u64,
    next_event: u64,
    head: Hash,
    readings: Vec<Reading>,
    events: Vec<Pending>,
    also: Vec<Also>,
    snapshot: Option<State>,
    points: HashMap<PointId, i64>,
    leaves: Vec<Hash>,
}

impl Journal {
    /// Opens the journal of a hub; a file that is not there becomes a new epoch.
    ///
    /// # Errors
    /// The file cannot be opened, is damaged, or belongs to another hub.
    pub fn open(path: &Path, hub: HubId, new_epoch: EpochId) -> Result<(Self, Tail), StoreError> {
        let connection = open(path)?;
        let known: Option<([u8; 16], [u8; 16])> = connection
            .query_row("SELECT epoch, hub FROM epoch", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()
            .map_err(StoreError::sqlite("asked for its epoch"))?;
        let (epoch, owner) = known
            .map_or((new_epoch, hub), |(epoch, hub)| (EpochId::from_bytes(epoch), HubId::from_bytes(hub)));
        if owner != hub {
            return Err(StoreError::OtherHub);
        }
        let mut journal = Self {
            connection,
            hub,
            epoch,
            next_reading: 1,
            next_event: 1,
            head: genesis(hub, epoch),
            readings: Vec::new(),
            events: Vec::new(),
            also: Vec::new(),
            snapshot: None,
            points: HashMap::new(),
            leaves: Vec::new(),
        };
        let tail = journal.read_tail()?;
        Ok((journal, tail))
    }

    /// The epoch.
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }
    /// The number of the last event appended.
    pub fn last_event(&self) -> u64 {
        self.next_event - 1
    }
    /// True if something waits for a commit.
    pub fn is_open(&self) -> bool {
        !(self.readings.is_empty() && self.events.is_empty() && self.also.is_empty())
    }
    /// True if the seal of the readings that have none is full.
    pub fn seal_is_full(&self) -> bool {
        self.leaves.len() >= SEAL_MAX
    }

    /// Appends a reading to the open group, giving it its number. `None` if the group is full, so that it is lost.
    pub fn append_reading(&mut self, mut reading: Reading) -> Option<Reading> {
        if self.readings.len() >= OPEN_READINGS_MAX || self.seal_is_full() {
            return None;
        }
        reading.seq = self.next_reading;
        self.next_reading += 1;
        self.leaves.push(leaf(&reading.to_bytes()));
        self.readings.push(reading);
        Some(reading)
    }

    /// Appends an event to the open group, linking it to the one before.
    ///
    /// # Errors
    /// The event has no canonical form; it is not appended.
    pub fn append_event(&mut self, stamp: Stamp, draft: Draft) -> Result<Numbered, StoreError> {
        let kind = draft.fact.kind();
        let envelope = Envelope {
            v: 1,
            hub: self.hub,
            epoch: self.epoch,
            seq: self.next_event,
            kind: kind.to_owned(),
            at_ms: stamp.at,
            boot: stamp.boot,
            boottime_ms: stamp.boottime,
            rule_ms: stamp.rule,
            trust: stamp.trust,
            actor: draft.actor,
            subject: draft.subject,
        };
        let bytes = to_bytes(&envelope, &draft.fact).map_err(StoreError::content("an event"))?;
        let hash = link(self.head, &bytes);
        let seq = self.next_event;
        self.events.push(Pending { seq, bytes, hash, kind });
        self.head = hash;
        self.next_event += 1;
        Ok(Numbered {
            seq,
            event: Event { envelope, said: frostguard_shared::event::Said::Known(draft.fact) },
        })
    }

    /// Adds something to be written with the group.
    pub fn also(&mut self, also: Also) {
        self.also.push(also);
    }

    /// Adds the state of the rules after everything appended so far.
    pub fn snapshot(&mut self, state: &State) {
        self.snapshot = Some(state.clone());
    }

    /// The seal over the readings that have none, if there are any, to be appended as the next event.
    pub fn take_seal(&mut self) -> Option<Fact> {
        let count = self.leaves.len() as u64;
        if count == 0 {
            return None;
        }
        let last = self.next_reading - 1;
        let fact = Fact::ReadingsSealed { first: last + 1 - count, last, count, root: root(&self.leaves) };
        self.leaves.clear();
        Some(fact)
    }

    /// Makes the whole group durable, or nothing of it.
    ///
    /// # Errors
    /// The disk cannot be written; everything stays in the group for the next try.
    pub fn commit(&mut self) -> Result<(), StoreError> {
        if !self.is_open() && self.snapshot.is_none() {
            return Ok(());
        }
        self.fault_point("before_commit");
        self.write().map_err(StoreError::sqlite("written"))?;
        self.fault_point("after_commit");
        self.readings.clear();
        self.events.clear();
        self.also.clear();
        self.snapshot = None;
        Ok(())
    }

    #[cfg_attr(
        not(feature = "faults"),
        expect(clippy::unused_self, reason = "there are no fault points in this build")
    )]
    fn fault_point(&self, at: &str) {
        #[cfg(feature = "faults")]
        for event in &self.events {
            crate::faults::reached(at, event.kind);
        }
        #[cfg(not(feature = "faults"))]
        let _ = (at, self.events.first().map(|event| event.kind));
    }

    fn write(&mut self) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        if self.next_event - self.events.len() as u64 == 1 {
            transaction.execute(
                "INSERT OR IGNORE INTO epoch (id, epoch, hub) VALUES (1, ?1, ?2)",
                params![self.epoch.as_bytes(), self.hub.as_bytes()],
            )?;
        }
        write_readings(&transaction, &self.readings, &mut self.points)?;
        let mut events =
            transaction.prepare_cached("INSERT INTO events (seq, hash, bytes) VALUES (?1, ?2, ?3)")?;
        for event in &self.events {
            events.execute(params![event.seq as i64, event.hash.0, event.bytes])?;
        }
        drop(events);
        for also in &self.also {
            write_also(&transaction, also)?;
        }
        if let Some(state) = &self.snapshot {
            write_snapshot(&transaction, state, self.next_reading - 1, self.next_event - 1)?;
        }
        transaction.commit()
    }
}

/// The number of a point in this file, given when it is first seen.
fn write_readings(
    transaction: &Transaction<'_>,
    readings: &[Reading],
    points: &mut HashMap<PointId, i64>,
) -> rusqlite::Result<()> {
    for reading in readings {
        if points.contains_key(&reading.point) {
            continue;
        }
        transaction
            .execute("INSERT OR IGNORE INTO points (point) VALUES (?1)", params![reading.point.as_bytes()])?;
        let n = transaction.query_row(
            "SELECT n FROM points WHERE point = ?1",
            params![reading.point.as_bytes()],
            |row| row.get(0),
        )?;
        points.insert(reading.point, n);
    }
    let mut insert = transaction.prepare_cached(rows::INSERT)?;
    for reading in readings {
        rows::insert(&mut insert, reading, points.get(&reading.point).copied().unwrap_or_default())?;
    }
    Ok(())
}

fn write_also(transaction: &Transaction<'_>, also: &Also) -> rusqlite::Result<()> {
    match also {
        Also::Boot(row) => transaction.execute(
            "INSERT OR REPLACE INTO boots (boot, boot_id, anchor_ms, began_ms, offset_ms, trusted) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![row.boot.0, row.boot_id, row.anchor_ms, row.began.0, row.offset.0, row.trusted],
        ),
        Also::Alert { episode, alert, raised_seq } => transaction.execute(
            "INSERT OR IGNORE INTO alerts (episode, alert, raised_seq) VALUES (?1, ?2, ?3)",
            params![episode.to_string(), alert.as_bytes(), *raised_seq as i64],
        ),
        Also::Rules { hash, rules } => {
            transaction.execute("INSERT OR IGNORE INTO rules (hash, rules) VALUES (?1, ?2)", params![hash.0, rules])
        }
        Also::Announced { output, events_seq } => transaction.execute(
            "INSERT OR REPLACE INTO announced (output, events_seq) VALUES (?1, ?2)",
            params![output, *events_seq as i64],
        ),
        Also::Wait { arrival, frame } => transaction.execute(
            "INSERT INTO waiting (arrival_ms, frame) SELECT ?1, ?2 WHERE (SELECT count(*) FROM waiting) < ?3",
            params![arrival.0, frame, WAITING_MAX],
        ),
        Also::Placed { up_to } => transaction.execute("DELETE FROM waiting WHERE id <= ?1", params![up_to]),
    }
    .map(|_| ())
}

fn write_snapshot(
    transaction: &Transaction<'_>,
    state: &State,
    readings_seq: u64,
    events_seq: u64,
) -> rusqlite::Result<()> {
    let json = serde_json::to_vec(state)
        .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault)))?;
    transaction.execute(
        "INSERT INTO snapshots (frontier_ms, readings_seq, events_seq, state) VALUES (?1, ?2, ?3, ?4)",
        params![state.frontier().0, readings_seq as i64, events_seq as i64, json],
    )?;
    let id = transaction.last_insert_rowid();
    transaction.execute(
        "DELETE FROM snapshots WHERE id <= ?1 OR (id < ?2 AND frontier_ms < ?3)",
        params![id - SNAPSHOTS_MAX, id, (state.frontier() - HISTORY).0],
    )?;
    Ok(())
}

/// Reading back.
impl Journal {
    fn read_tail(&mut self) -> Result<Tail, StoreError> {
        let step = || StoreError::sqlite("read");
        let one = |sql: &str| {
            self.connection.query_row(sql, [], |row| row.get::<_, Option<i64>>(0)).map_err(step())
        };
        let last_reading = one("SELECT max(seq) FROM readings")?.unwrap_or(0);
        let last_event = one("SELECT max(seq) FROM events")?.unwrap_or(0);
        self.next_reading = last_reading as u64 + 1;
        self.next_event = last_event as u64 + 1;
        let last = self.event(last_event as u64)?;
        if let Some((_, hash)) = &last {
            self.head = *hash;
        }
        let sealed_to = self.sealed_to(last_event as u64)?;
        self.leaves =
            self.readings_after(sealed_to)?.iter().map(|reading| leaf(&reading.to_bytes())).collect();
        let (snapshot, readings_seq, events_seq) = self.latest_snapshot(None)?.unwrap_or_default();
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
            last_rule: live.max(last.as_ref().map(|(event, _)| event.envelope.rule_ms)),
            clean: last.is_some_and(|(event, _)| matches!(event.fact(), Some(Fact::HubStopped { .. }))),
            snapshot,
            rules_hash: self.rules_hash(last_event as u64)?,
            records: self.records_after(readings_seq, events_seq)?,
            readings: self.readings_after((last_reading - LAST_READINGS).max(0) as u64)?,
            late: self.late_readings()?,
            alerts: self.alerts()?,
            announced: self.announced()?,
        })
    }

    /// The last sealed reading; seals come at least hourly, so the search back is short.
    fn sealed_to(&self, last_event: u64) -> Result<u64, StoreError> {
        let found = self.search_back(last_event, |fact| match fact {
            Fact::ReadingsSealed { last, .. } => Some(*last),
            _ => None,
        })?;
        Ok(found.unwrap_or(0))
    }

    fn rules_hash(&self, last_event: u64) -> Result<Option<Hash>, StoreError> {
        self.search_back(last_event, |fact| match fact {
            Fact::ConfigApplied { hash, .. } => Some(*hash),
            _ => None,
        })
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

    fn late_readings(&self) -> Result<Vec<Reading>, StoreError> {
        // The scan goes by seq, so its bound is a number of readings, not a time.
        let from = (self.next_reading as i64 - 200_000).max(0);
        self.readings_where("WHERE r.seq > ?1 AND r.age_ms > 0 ORDER BY r.seq DESC LIMIT 10000", from)
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
    fn records_after(&self, readings_seq: u64, events_seq: u64) -> Result<Vec<Record>, StoreError> {
        let mut records: Vec<Record> =
            self.readings_after(readings_seq)?.iter().map(Record::of_reading).collect();
        for event in self.events_after(events_seq)? {
            if let Some(Fact::ConfigApplied { hash, .. }) = event.fact() {
                records.extend(self.rules(*hash)?.map(|rules| Record::rules(event.envelope.rule_ms, rules)));
            }
            records.extend(Record::of_event(&event));
        }
        Ok(records)
    }

    /// A snapshot from before a rule time and what was recorded since, for folding again; `None` beyond the history.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn history(&self, from: RuleMs) -> Result<Option<(State, Vec<Record>)>, StoreError> {
        let Some((state, readings_seq, events_seq)) = self.latest_snapshot(Some(from))? else {
            return Ok(None);
        };
        let records = self.records_after(readings_seq, events_seq)?;
        let frontier = state.frontier();
        Ok(Some((state, records.into_iter().filter(|record| record.at >= frontier).collect())))
    }

    fn latest_snapshot(&self, before: Option<RuleMs>) -> Result<Option<(State, u64, u64)>, StoreError> {
        let limit = before.map_or(i64::MAX, |before| before.0);
        let row: Option<(Vec<u8>, i64, i64)> = self
            .connection
            .query_row(
                "SELECT state, readings_seq, events_seq FROM snapshots WHERE frontier_ms <= ?1 ORDER BY id DESC LIMIT 1",
                params![limit],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .optional()
            .map_err(StoreError::sqlite("read"))?;
        row.map(|(state, readings, events)| {
            let state = serde_json::from_slice(&state).map_err(StoreError::content("a snapshot"))?;
            Ok((state, readings as u64, events as u64))
        })
        .transpose()
    }

    fn rules(&self, hash: Hash) -> Result<Option<SiteRules>, StoreError> {
        let json: Option<Vec<u8>> = self
            .connection
            .query_row("SELECT rules FROM rules WHERE hash = ?1", params![hash.0], |row| row.get(0))
            .optional()
            .map_err(StoreError::sqlite("read"))?;
        json.map(|json| serde_json::from_slice(&json).map_err(StoreError::content("rules"))).transpose()
    }

    fn boots(&self) -> Result<Vec<BootRow>, StoreError> {
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

    fn alerts(&self) -> Result<BTreeMap<EpisodeKey, (AlertId, u64)>, StoreError> {
        let rows: Vec<(String, [u8; 16], i64)> = self
            .collect("SELECT episode, alert, raised_seq FROM alerts", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        rows.into_iter()
            .map(|(episode, alert, seq)| {
                let episode = episode.parse().map_err(StoreError::content("an episode"))?;
                Ok((episode, (AlertId::from_bytes(alert), seq as u64)))
            })
            .collect()
    }

    fn announced(&self) -> Result<BTreeMap<String, u64>, StoreError> {
        let rows: Vec<(String, i64)> =
            self.collect("SELECT output, events_seq FROM announced", |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().map(|(output, seq)| (output, seq as u64)).collect())
    }

    /// The frames that wait for the clock, with their arrival, and the highest row among them.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn waiting(&self) -> Result<(Vec<(RuleMs, Vec<u8>)>, i64), StoreError> {
        let rows: Vec<(i64, i64, Vec<u8>)> = self
            .collect("SELECT id, arrival_ms, frame FROM waiting ORDER BY id", |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        let highest = rows.last().map_or(0, |row| row.0);
        Ok((rows.into_iter().map(|(_, arrival, frame)| (RuleMs(arrival), frame)).collect(), highest))
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
