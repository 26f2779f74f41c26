//! The journal: appends readings and events, makes them durable together, and reads them back.
//!
//! Owns the numbers, the links between events, the open group, and the leaves of readings that no seal covers yet.
//! What is appended is in memory until [`Journal::commit`], which writes all of it in one transaction or none. A
//! failed commit loses nothing: it stays in the group, and the next commit tries again. It decides nothing about
//! rules or times; whoever appends brings the stamp.

use super::read::Tail;
use super::write::{forget_snapshots, write_also, write_readings, write_snapshot};
use super::{StoreError, open};
use crate::desired::command::Entry;
use frostguard_shared::axis::Stamp;
use frostguard_shared::chain::{Hash, SEAL_MAX, genesis, leaf, link, root};
use frostguard_shared::event::{Actor, Envelope, Event, Fact, OldEpoch, Subject, to_bytes};
use frostguard_shared::ids::{AlertId, CommandId, EpochId, HubId, PointId, SiteId};
use frostguard_shared::reading::Reading;
use frostguard_shared::rules::{EpisodeKey, State};
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::{Boot, DurationMs, RuleMs};
use frostguard_shared::tree::Frontier;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Readings that wait in memory while the disk cannot be written; more are counted as lost.
pub const OPEN_READINGS_MAX: usize = 20_000;
/// How far back records can be folded again on the hub.
pub const HISTORY: DurationMs = DurationMs::minutes(72 * 60);
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
    /// How far the cloud holds a stream.
    Acknowledged {
        /// Which.
        stream: Stream,
        /// The last number that it holds without a hole before it.
        seq: u64,
    },
    /// A checkpoint that this hub's key has signed.
    Checkpoint {
        /// The number of its last event.
        size: u64,
        /// The signed note.
        note: String,
    },
    /// The enrolment that was recorded.
    Enrolled {
        /// The cloud's key.
        cloud: PublicKey,
        /// The site.
        site: SiteId,
    },
    /// How far the changes of the rules in force have been recorded.
    Configuration {
        /// The last of them.
        step: u64,
    },
    /// What is remembered of a command.
    Command {
        /// Its id.
        command: CommandId,
        /// The rest.
        entry: Entry,
    },
    /// A command that need not be remembered any more.
    CommandForgotten {
        /// Its id.
        command: CommandId,
    },
}

/// A stream of the record, as cursors name it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Stream {
    /// Readings.
    Readings,
    /// Events.
    Events,
}

impl Also {
    /// True if `earlier` need not be written where this is.
    fn replaces(&self, earlier: &Self) -> bool {
        match (self, earlier) {
            (Self::Acknowledged { stream, .. }, Self::Acknowledged { stream: other, .. }) => stream == other,
            (Self::Checkpoint { .. }, Self::Checkpoint { .. }) => true,
            _ => false,
        }
    }
}

impl Stream {
    pub(super) const fn code(self) -> i64 {
        match self {
            Self::Readings => 1,
            Self::Events => 2,
        }
    }
}

/// What is durable of an epoch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Heads {
    /// The epoch.
    pub epoch: EpochId,
    /// The number of the last event; 0 if there is none.
    pub events: u64,
    /// Its hash, or the genesis hash.
    pub hash: Hash,
    /// The number of the last reading; 0 if there is none.
    pub readings: u64,
}

/// What the cloud is known to hold of an epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Held {
    /// The epoch.
    pub epoch: EpochId,
    /// The last event that it holds.
    pub events: u64,
    /// The last reading that it holds.
    pub readings: u64,
    /// The signed checkpoint that it took last, with its size, if it took one.
    pub checkpoint: Option<(u64, String)>,
}

/// Why a running hub begins a new epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Anew {
    /// The cloud holds another continuation of this record, or a longer one.
    CloudDiffers,
    /// The record in the file does not fit together any more; in words.
    Damaged(String),
}

/// An event with its number, in the group or durable.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// Its number.
    pub seq: u64,
    /// The event.
    pub event: Event,
}

/// The state after everything up to these numbers; the tree's size is that of the last event.
pub(super) struct Snapshot {
    pub(super) state: State,
    pub(super) readings_seq: u64,
    pub(super) tree: Frontier,
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
    path: PathBuf,
    hub: HubId,
    epoch: EpochId,
    told_before: u64,
    pub(super) next_reading: u64,
    pub(super) next_event: u64,
    pub(super) head: Hash,
    /// The tree over all events appended.
    pub(super) tree: Frontier,
    durable: Heads,
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
        let known: Option<([u8; 16], [u8; 16], i64)> = connection
            .query_row("SELECT epoch, hub, told_before FROM epoch", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })
            .optional()
            .map_err(StoreError::sqlite("asked for its epoch"))?;
        let (epoch, owner, told_before) = known.map_or((new_epoch, hub, 0), |(epoch, hub, told_before)| {
            (EpochId::from_bytes(epoch), HubId::from_bytes(hub), told_before as u64)
        });
        if owner != hub {
            return Err(StoreError::OtherHub);
        }
        let mut journal = Self::over(connection, path, hub, epoch, told_before);
        let tail = journal.read_tail()?;
        journal.durable = journal.appended();
        Ok((journal, tail))
    }

    /// A journal over an open file, of which nothing has been read yet.
    pub(super) fn over(
        connection: Connection,
        path: &Path,
        hub: HubId,
        epoch: EpochId,
        told_before: u64,
    ) -> Self {
        let head = genesis(hub, epoch);
        Self {
            connection,
            path: path.to_owned(),
            hub,
            epoch,
            told_before,
            next_reading: 1,
            next_event: 1,
            head,
            tree: Frontier::default(),
            durable: Heads { epoch, events: 0, hash: head, readings: 0 },
            readings: Vec::new(),
            events: Vec::new(),
            also: Vec::new(),
            snapshot: None,
            points: HashMap::new(),
            leaves: Vec::new(),
        }
    }

    /// Begins a new epoch in a file of its own. The present file is set aside whole, and the numbers by which outputs
    /// are told things go on. Gives the name under which the old file is kept.
    ///
    /// # Errors
    /// Something is not durable yet, or the new file cannot be made; then the journal goes on as it was.
    pub fn begin_anew(&mut self, new_epoch: EpochId) -> Result<String, StoreError> {
        if self.has_open_records() {
            return Err(StoreError::NotDurable);
        }
        let told_before = self.told_before + self.last_event();
        let kept_as = super::set_aside(&self.path, super::Aside::Ended)?;
        match Self::open(&self.path, self.hub, new_epoch) {
            Ok((mut fresh, _)) => {
                fresh.told_before = told_before;
                *self = fresh;
                Ok(kept_as)
            }
            Err(fault) => {
                super::put_back(&self.path, &kept_as)?;
                Err(fault)
            }
        }
    }

    /// Carries the numbers by which outputs are told things on from a journal that was lost.
    pub fn tell_after(&mut self, told_before: u64) {
        self.told_before = told_before;
    }
    /// The number by which outputs are told of an event: it goes on across epochs.
    pub fn told_number(&self, seq: u64) -> u64 {
        self.told_before + seq
    }
    /// How many events were told by numbers of earlier epochs.
    pub fn told_before(&self) -> u64 {
        self.told_before
    }
    /// What is durable.
    pub fn durable(&self) -> Heads {
        self.durable
    }
    /// The tree over all events appended, durable or not.
    pub fn tree(&self) -> &Frontier {
        &self.tree
    }

    fn appended(&self) -> Heads {
        Heads {
            epoch: self.epoch,
            events: self.last_event(),
            hash: self.head,
            readings: self.next_reading - 1,
        }
    }

    /// The epoch.
    pub fn epoch(&self) -> EpochId {
        self.epoch
    }
    /// The head of what is durable, if anything is.
    pub fn head(&self) -> Option<OldEpoch> {
        let Heads { epoch, events: seq, hash, .. } = self.durable;
        (seq > 0).then_some(OldEpoch { epoch, seq, hash })
    }
    /// The number of the last event appended.
    pub fn last_event(&self) -> u64 {
        self.next_event - 1
    }
    /// True if something waits for a commit.
    pub fn is_open(&self) -> bool {
        self.has_open_records() || !self.also.is_empty()
    }
    /// True if a record waits for a commit.
    pub fn has_open_records(&self) -> bool {
        !(self.readings.is_empty() && self.events.is_empty())
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
        self.tree.push_event(hash);
        self.next_event += 1;
        Ok(Numbered {
            seq,
            event: Event { envelope, said: frostguard_shared::event::Said::Known(draft.fact) },
        })
    }

    /// Adds something to be written with the group. Of what a later word makes worthless only that word is kept, so
    /// that a long drain over a quiet journal fills no memory.
    pub fn also(&mut self, also: Also) {
        self.also.retain(|earlier| !also.replaces(earlier));
        self.also.push(also);
    }

    /// Adds the state of the rules after everything appended so far.
    pub fn snapshot(&mut self, state: &State) {
        let (readings_seq, tree) = (self.next_reading - 1, self.tree.clone());
        self.snapshot = Some(Snapshot { state: state.clone(), readings_seq, tree });
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
        self.durable = self.appended();
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
                "INSERT OR IGNORE INTO epoch (id, epoch, hub, told_before) VALUES (1, ?1, ?2, ?3)",
                params![self.epoch.as_bytes(), self.hub.as_bytes(), self.told_before as i64],
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
