//! The journal: appends readings and events, makes them durable together, and reads them back.
//!
//! Owns the numbers, the links between events, the open group, and the leaves of readings that no seal covers yet.
//! What is appended is in memory until [`Journal::commit`], which writes all of it in one transaction or none. A
//! failed commit loses nothing: it stays in the group, and the next commit tries again. It decides nothing about
//! rules or times; whoever appends brings the stamp.

use super::read::Tail;
use super::rows;
use super::{StoreError, open};
use frostguard_shared::axis::Stamp;
use frostguard_shared::chain::{Hash, SEAL_MAX, genesis, leaf, link, root};
use frostguard_shared::event::{Actor, Envelope, Event, Fact, OldEpoch, Subject, to_bytes};
use frostguard_shared::ids::{AlertId, EpochId, HubId, PointId};
use frostguard_shared::reading::Reading;
use frostguard_shared::rules::{EpisodeKey, State};
use frostguard_shared::time::{Boot, DurationMs, RuleMs};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::HashMap;
use std::path::Path;

/// Readings that wait in memory while the disk cannot be written; more are counted as lost.
pub const OPEN_READINGS_MAX: usize = 20_000;
/// How far back records can be folded again on the hub.
pub const HISTORY: DurationMs = DurationMs::minutes(72 * 60);
/// Of the snapshots in such a stretch of the axis only the last is kept.
const SNAPSHOT_EVERY_MS: i64 = 15 * 60_000;
/// Frames kept at most that wait for the clock.
pub const WAITING_MAX: i64 = 10_000;

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

/// The state after everything up to these numbers.
struct Snapshot {
    state: State,
    readings_seq: u64,
    events_seq: u64,
}

struct Pending {
    seq: u64,
    bytes: Vec<u8>,
    hash: Hash,
    kind: &'static str,
}

/// The journal, open for writing by this process alone.
pub struct Journal {
    pub(super) connection: Connection,
    hub: HubId,
    epoch: EpochId,
    pub(super) next_reading: u64,
    pub(super) next_event: u64,
    pub(super) head: Hash,
    readings: Vec<Reading>,
    events: Vec<Pending>,
    also: Vec<Also>,
    snapshot: Option<Snapshot>,
    points: HashMap<PointId, i64>,
    pub(super) leaves: Vec<Hash>,
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
    /// The head of the record, if all of it is durable.
    pub fn head(&self) -> Option<OldEpoch> {
        let seq = self.last_event();
        let durable = !self.is_open() && seq > 0;
        durable.then_some(OldEpoch { epoch: self.epoch, seq, hash: self.head })
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
        let (readings_seq, events_seq) = (self.next_reading - 1, self.next_event - 1);
        self.snapshot = Some(Snapshot { state: state.clone(), readings_seq, events_seq });
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
        let new_points = write_readings(&transaction, &self.readings, &self.points)?;
        let mut events =
            transaction.prepare_cached("INSERT INTO events (seq, hash, bytes) VALUES (?1, ?2, ?3)")?;
        for event in &self.events {
            events.execute(params![event.seq as i64, event.hash.0, event.bytes])?;
        }
        drop(events);
        for also in &self.also {
            write_also(&transaction, also)?;
        }
        if let Some(snapshot) = &self.snapshot {
            write_snapshot(&transaction, snapshot)?;
        }
        forget_snapshots(&transaction, &self.readings)?;
        transaction.commit()?;
        // Numbers given in a transaction that failed are nobody's; only now they are the points'.
        self.points.extend(new_points);
        Ok(())
    }
}

/// Writes readings; gives the numbers of the points that had none in this file before.
fn write_readings(
    transaction: &Transaction<'_>,
    readings: &[Reading],
    known: &HashMap<PointId, i64>,
) -> rusqlite::Result<HashMap<PointId, i64>> {
    let mut new = HashMap::new();
    for point in readings.iter().map(|reading| reading.point) {
        if known.contains_key(&point) || new.contains_key(&point) {
            continue;
        }
        transaction.execute("INSERT OR IGNORE INTO points (point) VALUES (?1)", params![point.as_bytes()])?;
        let n = transaction.query_row(
            "SELECT n FROM points WHERE point = ?1",
            params![point.as_bytes()],
            |row| row.get(0),
        )?;
        new.insert(point, n);
    }
    let mut insert = transaction.prepare_cached(rows::INSERT)?;
    for reading in readings {
        let n = known.get(&reading.point).or_else(|| new.get(&reading.point));
        rows::insert(&mut insert, reading, n.copied().unwrap_or_default())?;
    }
    Ok(new)
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

/// One snapshot a quarter of an hour is kept for the history, and the newest one from before it.
fn write_snapshot(transaction: &Transaction<'_>, snapshot: &Snapshot) -> rusqlite::Result<()> {
    let json = serde_json::to_vec(&snapshot.state)
        .map_err(|fault| rusqlite::Error::ToSqlConversionFailure(Box::new(fault)))?;
    let frontier = snapshot.state.frontier();
    transaction.execute(
        "INSERT INTO snapshots (frontier_ms, readings_seq, events_seq, state) VALUES (?1, ?2, ?3, ?4)",
        params![frontier.0, snapshot.readings_seq as i64, snapshot.events_seq as i64, json],
    )?;
    let id = transaction.last_insert_rowid();
    transaction.execute(
        "DELETE FROM snapshots WHERE id < ?1 AND frontier_ms / ?2 = ?3 / ?2",
        params![id, SNAPSHOT_EVERY_MS, frontier.0],
    )?;
    let horizon = (frontier - HISTORY).0;
    transaction.execute(
        "DELETE FROM snapshots WHERE id < (SELECT max(id) FROM snapshots WHERE frontier_ms < ?1)",
        params![horizon],
    )?;
    Ok(())
}

/// A snapshot from after a late reading's own time was made without it, so it must not be folded on any more: an older
/// one, with everything recorded since, knows of it.
fn forget_snapshots(transaction: &Transaction<'_>, readings: &[Reading]) -> rusqlite::Result<()> {
    // What is older than the history is recorded but never folded again, so no snapshot needs to know of it.
    let foldable = 1..=HISTORY.0 as u64;
    let late = readings.iter().filter(|reading| foldable.contains(&reading.age_ms));
    let earliest = late.map(|reading| reading.rule.0).min();
    if let Some(earliest) = earliest {
        transaction.execute("DELETE FROM snapshots WHERE frontier_ms > ?1", params![earliest])?;
    }
    Ok(())
}
