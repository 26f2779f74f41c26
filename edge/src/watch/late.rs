//! Late values: what arrives after its time, and what cannot be placed in time yet.
//!
//! A late value is recorded at its own rule time with its age, skips the slots, and has the rules fold again from
//! before it, as far back as the history reaches. A value whose time is not known while the clock is untrusted waits
//! in a bounded durable table until the clock is corrected.

use super::{Watch, WatchError};
use crate::site::Point;
use crate::sources::{ChannelValue, Decoded, Frame};
use crate::store::journal::{Also, WAITING_MAX};
use frostguard_shared::axis::{Correction, Measured, Placement};
use frostguard_shared::reading::{READING_BYTES, Reading};
use frostguard_shared::rules::reconcile::{reconcile, rename};
use frostguard_shared::rules::{Effect, EpisodeKey, Record, State, refold};
use frostguard_shared::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// A value that waits: its 80 bytes as it arrived, and when it says that it was measured.
#[derive(Serialize, Deserialize)]
struct Waiting {
    reading: String,
    measured: Claim,
}

/// What a waiting value says of its time.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Claim {
    WallMs(i64),
    AgeMs(i64),
}

impl Watch {
    pub(super) fn late(
        &mut self,
        point: Point,
        value: ChannelValue,
        frame: &Frame,
        decoded: &Decoded,
        (rule, age): (RuleMs, DurationMs),
    ) -> Result<(), WatchError> {
        let arrival = self.axis.peek(self.now);
        match super::arrival::reading(arrival, point, value, frame, decoded) {
            Some(reading) => self.late_reading(reading, rule, age),
            None => {
                self.count("values.late_without_temperature");
                Ok(())
            }
        }
    }

    fn late_reading(&mut self, reading: Reading, rule: RuleMs, age: DurationMs) -> Result<(), WatchError> {
        if !self.intake.is_new_late(reading.point, rule, reading.temperature) {
            self.count("values.late_repeated");
            return Ok(());
        }
        self.count("values.late");
        let age_ms = age.0.max(1) as u64;
        self.reading(Some(Reading { rule, age_ms, ..reading }))
    }

    pub(super) fn wait(
        &mut self,
        point: Point,
        value: ChannelValue,
        measured: Measured,
        frame: &Frame,
        decoded: &Decoded,
    ) {
        if self.journal.waiting_count().is_ok_and(|waiting| waiting >= WAITING_MAX) {
            self.count("values.waiting_lost");
            return;
        }
        let arrival = self.axis.peek(self.now);
        let claim = match measured {
            Measured::At(wall) | Measured::NowBy(wall) => Claim::WallMs(wall.0),
            Measured::Ago(age) => Claim::AgeMs(age.0),
            Measured::Now => Claim::AgeMs(0),
        };
        let reading = super::arrival::reading(arrival, point, value, frame, decoded);
        let waiting =
            reading.map(|reading| Waiting { reading: hex::encode(reading.to_bytes()), measured: claim });
        match waiting.map(|waiting| serde_json::to_vec(&waiting)) {
            Some(Ok(frame)) => {
                self.journal.also(Also::Wait { arrival: arrival.rule, frame });
                self.group_began.get_or_insert(self.now.boottime);
                self.count("values.waiting_for_the_clock");
            }
            Some(Err(_)) | None => self.count("values.late_without_temperature"),
        }
    }

    /// The clock was corrected: what waited for it gets its place.
    pub(super) fn place_waiting(&mut self, correction: Correction) -> Result<(), WatchError> {
        // What waits in the open group is not durable yet, and reading back sees only what is.
        self.commit();
        let waiting_rows = match self.journal.waiting() {
            Ok(found) => found,
            Err(fault) => {
                tracing::error!(%fault, "waiting values could not be read; they keep waiting");
                return Ok(());
            }
        };
        if waiting_rows.frames.is_empty() {
            return Ok(());
        }
        for (arrival, row) in waiting_rows.frames {
            match waiting(&row) {
                Some((reading, claim)) => self.place(reading, claim, arrival, correction)?,
                None => self.count("values.waiting_unreadable"),
            }
        }
        self.journal.also(Also::Placed { up_to: waiting_rows.highest });
        self.urgent = true;
        Ok(())
    }

    fn place(
        &mut self,
        reading: Reading,
        claim: Claim,
        arrival: RuleMs,
        correction: Correction,
    ) -> Result<(), WatchError> {
        let now = self.axis.peek(self.now);
        match claim {
            Claim::WallMs(wall) => match self.axis.place(
                Measured::At(frostguard_shared::time::WallMs(wall)),
                now.rule,
                now.trust,
            ) {
                Placement::Late { rule, age } => self.late_reading(reading, rule, age),
                // It is less than two minutes old by now, but it was not heard now: late all the same.
                Placement::Live | Placement::Waits => {
                    let rule = RuleMs(wall.saturating_add(self.axis.offset().0).min(now.rule.0 - 1));
                    self.late_reading(reading, rule, now.rule - rule)
                }
                Placement::Future { .. } => {
                    self.count("refused.time.future");
                    Ok(())
                }
            },
            Claim::AgeMs(age) => {
                // An arrival in this boot moves with the correction; one of a boot that was never corrected stays.
                let in_this_boot = arrival >= self.axis.boot_began() && arrival < correction.to;
                let jump = if in_this_boot { correction.to - correction.from } else { DurationMs(0) };
                let rule = arrival + jump - DurationMs(age);
                self.late_reading(reading, rule, now.rule - rule)
            }
        }
    }

    /// Folds again from before a late record, and records what follows for alerts.
    pub(super) fn fold_again(&mut self, from: RuleMs) -> Result<(), WatchError> {
        self.last_refold = self.now.boottime;
        self.commit();
        // What is not durable is not in the history; folding without it would forget what it means.
        let history = if self.journal.has_open_records() { None } else { self.journal.history(from).ok() };
        let Some((snapshot, records)) = history else {
            self.count("late.fold_put_off");
            self.need_history = Some(from);
            return Ok(());
        };
        if snapshot.frontier() > from {
            self.count("late.beyond_history");
        }
        let (after, effects) = self.folded_by_name(snapshot, records);
        let outcome = reconcile(&self.state, &after, &effects, |episode| self.alerts.contains_key(episode));
        let units = self.site.units.iter().map(|unit| unit.id);
        let changed: Vec<_> = units.filter(|unit| self.state.status(*unit) != after.status(*unit)).collect();
        self.state = after;
        self.urgent = true;
        for (new, issued) in outcome.renamed {
            if let Some((alert, raised_seq)) = self.alerts.get(&issued).copied() {
                self.know_alert(new, alert, raised_seq);
            }
        }
        for revealed in outcome.changes {
            self.alert(revealed.at, revealed.episode, revealed.change, revealed.retro)?;
        }
        // Whoever follows the units elsewhere sees the status that they have now, and why.
        for unit in changed {
            let last = effects.iter().rev().find_map(|effect| match effect {
                Effect::Transition(transition) if transition.unit == unit => Some(transition.clone()),
                _ => None,
            });
            last.map_or(Ok(()), |transition| self.transition(transition))?;
        }
        Ok(())
    }

    /// Folds up to where the rules stand now. An episode that late data has begun earlier has another name than the one
    /// under which people acknowledged it: what they said goes with it.
    fn folded_by_name(&self, snapshot: State, mut records: Vec<Record>) -> (State, Vec<Effect>) {
        records.push(Record::tick(self.state.frontier()));
        let (after, effects) = refold(snapshot.clone(), records.clone());
        let alert_of = |episode: &EpisodeKey| self.alerts.get(episode).map(|(alert, _)| *alert);
        let began_earlier =
            reconcile(&self.state, &after, &effects, |episode| alert_of(episode).is_some()).renamed;
        let name_now = |episode: &EpisodeKey| {
            if after.alert(episode).is_some() {
                return None;
            }
            let alert = alert_of(episode)?;
            let renamed = began_earlier.iter().find(|(_, issued)| alert_of(issued) == Some(alert));
            let known = after.alerts().find(|(open, _)| alert_of(open) == Some(alert));
            renamed.map(|(new, _)| *new).or(known.map(|(open, _)| *open))
        };
        if rename(&mut records, name_now) { refold(snapshot, records) } else { (after, effects) }
    }
}

fn waiting(row: &[u8]) -> Option<(Reading, Claim)> {
    let waiting: Waiting = serde_json::from_slice(row).ok()?;
    let mut bytes = [0; READING_BYTES];
    hex::decode_to_slice(&waiting.reading, &mut bytes).ok()?;
    Some((Reading::from_bytes(&bytes).ok()?, waiting.measured))
}
