//! The past: a hub's journal read as it stands, to see what its rules knew at a time, on a connection of its own.
//!
//! Owns one consistent reading of it: the state of the rules at a time, folded from the last snapshot before it, and what
//! was recorded of a unit. It reads what is committed, writes nothing and waits for nobody, so the hub may be running.

use super::journal::{HISTORY, Journal};
use super::{StoreError, open_read_only};
use frostguard_shared::event::Event;
use frostguard_shared::ids::{AlertId, EpochId, HubId, UnitId};
use frostguard_shared::rules::{EpisodeKey, Record, State, refold};
use frostguard_shared::time::{DurationMs, RuleMs, WallMs};
use std::collections::BTreeMap;
use std::path::Path;
use thiserror::Error;

/// Events of a unit that are looked back on; the hub makes some hundreds a day.
const LOOKED_BACK: u64 = 50_000;

/// The past cannot be read. Show the message; nothing was changed.
#[derive(Debug, Error)]
pub enum PastError {
    /// The journal cannot be read.
    #[error("the journal cannot be read")]
    Store(#[from] StoreError),
    /// The time lies before everything that can be folded again.
    #[error("that is too long ago: what the rules knew can be folded again for {HISTORY}")]
    Beyond,
}

/// A journal as it stood when it was opened.
pub struct Past {
    journal: Journal,
    alerts: BTreeMap<EpisodeKey, (AlertId, u64)>,
    /// By the time when each boot began: how far its axis was from the wall clock.
    offsets: Vec<(RuleMs, DurationMs)>,
    last: RuleMs,
}

impl Past {
    /// Opens the journal of a hub.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn open(path: &Path, hub: HubId) -> Result<Self, PastError> {
        let connection = open_read_only(path)?;
        connection.execute_batch("BEGIN").map_err(StoreError::sqlite("opened for reading"))?;
        let (epoch, told_before): ([u8; 16], i64) = connection
            .query_row("SELECT epoch, told_before FROM epoch", [], |row| Ok((row.get(0)?, row.get(1)?)))
            .map_err(StoreError::sqlite("asked for its epoch"))?;
        let told_before = told_before as u64;
        let mut journal = Journal::over(connection, path, hub, EpochId::from_bytes(epoch), told_before);
        let (_, last_event) = journal.read_ends()?;
        let alerts = journal.alerts()?.into_iter();
        let alerts = alerts.map(|(key, (id, number))| (key, (id, number.saturating_sub(told_before))));
        let offsets = journal.boots()?.into_iter().map(|boot| (boot.began, boot.offset)).collect();
        let (state, readings_seq, events_seq) = journal.latest_snapshot()?.unwrap_or_default();
        let after = journal.records_after(readings_seq, events_seq)?;
        let last = after.iter().map(|record| record.at).chain([state.frontier()]).max().unwrap_or_default();
        let recorded = journal.event(last_event as u64)?.map(|(event, _)| event.envelope.rule_ms);
        Ok(Self { journal, alerts: alerts.collect(), offsets, last: last.max(recorded.unwrap_or(last)) })
    }

    /// The rule time of the last record.
    pub fn last(&self) -> RuleMs {
        self.last
    }

    /// What a time of the wall clock is on the axis, by the boot that ran then.
    pub fn rule_of(&self, wall: WallMs) -> RuleMs {
        let at = |offset: DurationMs| RuleMs(wall.0.saturating_add(offset.0));
        let ran = self.offsets.iter().rev().find(|(began, offset)| *began <= at(*offset));
        at(ran.or(self.offsets.first()).map_or(DurationMs(0), |(_, offset)| *offset))
    }

    /// What the wall clock showed at a time of the axis.
    pub fn wall_of(&self, rule: RuleMs) -> WallMs {
        let ran = self.offsets.iter().rev().find(|(began, _)| *began <= rule).or(self.offsets.first());
        WallMs(rule.0 - ran.map_or(0, |(_, offset)| offset.0))
    }

    /// What the rules make of everything that is recorded up to a time, late values among it; of what is not recorded yet
    /// nothing is made up.
    ///
    /// # Errors
    /// The time lies before what can be folded, or the disk cannot be read.
    pub fn state_at(&self, at: RuleMs) -> Result<State, PastError> {
        let at = at.min(self.last);
        let (snapshot, records) = self.journal.history(at)?;
        if snapshot.frontier() > at {
            return Err(PastError::Beyond);
        }
        let mut records: Vec<Record> = records.into_iter().filter(|record| record.at <= at).collect();
        records.push(Record::tick(at));
        Ok(refold(snapshot, records).0)
    }

    /// The alert that an episode became.
    pub fn alert(&self, episode: &EpisodeKey) -> Option<AlertId> {
        self.alerts.get(episode).map(|(alert, _)| *alert)
    }

    /// What was recorded of an alert until then, oldest first.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn of_alert(&self, episode: &EpisodeKey, until: RuleMs) -> Result<Vec<Event>, PastError> {
        let Some((alert, raised)) = self.alerts.get(episode) else { return Ok(Vec::new()) };
        let from = (*raised).max(self.journal.last_event().saturating_sub(LOOKED_BACK)).max(1);
        self.events(from, until, |event| event.envelope.subject.alert == Some(*alert))
    }

    /// The last events of a unit until then, oldest first, at most `count` of those that are wanted.
    ///
    /// # Errors
    /// The disk cannot be read.
    pub fn of_unit(
        &self,
        unit: UnitId,
        until: RuleMs,
        count: usize,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Vec<Event>, PastError> {
        let last = self.journal.last_event();
        let mut found = Vec::new();
        for seq in (last.saturating_sub(LOOKED_BACK) + 1..=last).rev() {
            let Some((event, _)) = self.journal.event(seq)? else { continue };
            if event.envelope.subject.unit == Some(unit) && event.envelope.rule_ms <= until && wanted(&event)
            {
                found.push(event);
                if found.len() >= count {
                    break;
                }
            }
        }
        found.reverse();
        Ok(found)
    }

    fn events(
        &self,
        from: u64,
        until: RuleMs,
        wanted: impl Fn(&Event) -> bool,
    ) -> Result<Vec<Event>, PastError> {
        let mut found = Vec::new();
        for seq in from..=self.journal.last_event() {
            if let Some((event, _)) = self.journal.event(seq)?
                && event.envelope.rule_ms <= until
                && wanted(&event)
            {
                found.push(event);
            }
        }
        Ok(found)
    }
}
