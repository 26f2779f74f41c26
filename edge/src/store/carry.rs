//! Carrying over: what a journal that was set aside still says of the present.
//!
//! Owns the reading of an ended or damaged journal for the epoch that follows it: the state of the rules, which alert
//! each open episode is, and how far outputs were told. The file is opened for reading alone and stays as it is. Of a
//! damaged file each piece is taken that can be read; without its last snapshot there is nothing to go on from.

use super::journal::{BootRow, Journal};
use super::{Aside, StoreError, aside_path, open_read_only};
use crate::desired::command::Ledger;
use frostguard_shared::event::{Event, OldEpoch};
use frostguard_shared::ids::{AlertId, EpochId, HubId, SiteId};
use frostguard_shared::reading::Reading;
use frostguard_shared::rules::{EpisodeKey, Record, State};
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::RuleMs;
use rusqlite::OptionalExtension;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Readings looked at for what was last recorded of each point.
const LAST_READINGS: u64 = 4_096;
/// Events looked at for what an output has not been told yet.
const UNTOLD_SCAN: u64 = 2_000;

/// What is carried over from one epoch to the next.
pub struct Carried {
    /// The old epoch's head, as far as it can be read.
    pub head: Option<OldEpoch>,
    /// The state of its last snapshot.
    pub state: State,
    /// What was recorded after that.
    pub records: Vec<Record>,
    /// Which alert each open episode is.
    pub alerts: BTreeMap<EpisodeKey, (AlertId, u64)>,
    /// How far each output was told.
    pub announced: BTreeMap<String, u64>,
    /// What the first output to do so has still to be told, with its number.
    pub untold: Vec<(u64, Event)>,
    /// The number by which its last event was told.
    pub told_before: u64,
    /// Its last boot.
    pub boot: Option<BootRow>,
    /// Its last rule time.
    pub last_rule: Option<RuleMs>,
    /// Its last readings, oldest first.
    pub readings: Vec<Reading>,
    /// Frames that wait for the clock, with their arrival.
    pub waiting: Vec<(RuleMs, Vec<u8>)>,
    /// The enrolment that was recorded.
    pub enrolled: Option<(PublicKey, SiteId)>,
    /// How far the changes of the rules in force were recorded.
    pub recorded: u64,
    /// The commands remembered.
    pub commands: Ledger,
}

/// The journals that were set aside beside `path`, in no order that could be trusted: the dates of files are those of a
/// clock that may have been wrong.
pub fn asides(path: &Path) -> Vec<PathBuf> {
    [Aside::Damaged, Aside::Ended]
        .into_iter()
        .flat_map(|why| (1u32..).map(move |n| aside_path(path, why, n)).take_while(|kept| kept.exists()))
        .collect()
}

/// What a journal that was set aside still says.
///
/// # Errors
/// It cannot be read, has no snapshot, or belongs to another hub.
pub fn carried(kept: &Path, hub: HubId) -> Result<Option<Carried>, StoreError> {
    let connection = open_read_only(kept)?;
    let known: Option<([u8; 16], [u8; 16], i64)> = connection
        .query_row("SELECT epoch, hub, told_before FROM epoch", [], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()
        .map_err(StoreError::sqlite("asked for its epoch"))?;
    let Some((epoch, owner, told_before)) = known else { return Ok(None) };
    if HubId::from_bytes(owner) != hub {
        return Err(StoreError::OtherHub);
    }
    let mut journal = Journal::over(connection, kept, hub, EpochId::from_bytes(epoch), told_before as u64);
    journal.read_ends()?;
    let Some((state, readings_seq, events_seq)) = journal.latest_snapshot()? else { return Ok(None) };
    let last = journal.last_event();
    let (last_reading, announced) = (journal.next_reading - 1, journal.announced().unwrap_or_default());
    let known = journal.alerts().unwrap_or_default();
    let records = journal.records_after(readings_seq, events_seq).unwrap_or_default();
    let frontier = state.frontier();
    Ok(Some(Carried {
        head: journal.hash_of(last)?.map(|hash| OldEpoch { epoch: journal.epoch(), seq: last, hash }),
        last_rule: records.iter().map(|record| record.at).chain([frontier]).max(),
        state,
        records,
        alerts: known,
        untold: untold(&journal, &announced),
        announced,
        told_before: journal.told_number(last),
        boot: journal.boots().unwrap_or_default().pop(),
        readings: journal.readings_after(last_reading.saturating_sub(LAST_READINGS)).unwrap_or_default(),
        waiting: journal.waiting().map(|rows| rows.frames).unwrap_or_default(),
        enrolled: journal.enrolled().unwrap_or_default(),
        recorded: journal.recorded().unwrap_or_default(),
        commands: journal.commands().unwrap_or_default(),
    }))
}

fn untold(journal: &Journal, announced: &BTreeMap<String, u64>) -> Vec<(u64, Event)> {
    let last = journal.last_event();
    let told = announced.values().min().map_or(last, |told| told.saturating_sub(journal.told_before()));
    let from = told.max(last.saturating_sub(UNTOLD_SCAN)) + 1;
    let events = (from..=last).filter_map(|seq| Some((seq, journal.event(seq).ok().flatten()?.0)));
    events.map(|(seq, event)| (journal.told_number(seq), event)).collect()
}
