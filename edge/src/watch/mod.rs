//! The watch: folds what is recorded by the shared rules, and records what follows before anything acts on it.
//!
//! Owns the rule axis, the rules' state, and the order of things: stamp, append, fold, append what follows, commit,
//! and only then let annunciators and page know. It runs on one thread and is given every time and every frame; it
//! reads no clock. If the disk fails it goes on folding, and the fault is an alarm of its own.

mod anew;
mod arrival;
mod cloud;
mod commands;
mod configuration;
mod effects;
mod late;
mod on_trial;
mod people;
mod start;
mod view;

pub use configuration::{Decided, Wish};
pub use people::{Deed, Refused, SHELVE_LENGTHS};
pub use start::StartError;
pub use view::{AlarmView, PointView, UnitView, View};

use crate::annunciators::{News, Report};
use crate::clock::Voucher;
use crate::entropy::EntropyError;
use crate::identity::Identity;
use crate::intake::Intake;
use crate::site::Site;
use crate::store::journal::{Also, BootRow, Stream};
use crate::store::{Draft, Journal, StoreError};
use commands::Commands;
use configuration::Configuration;
use frostguard_shared::axis::{Axis, Correction, Stamp};
use frostguard_shared::causes::with_causes;
use frostguard_shared::event::Fact;
use frostguard_shared::ids::{AlertId, SiteId};
use frostguard_shared::reading::Reading;
use frostguard_shared::rules::{EpisodeKey, Record, State, next_deadline, step};
use frostguard_shared::signature::PublicKey;
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs, RuleMs, Trust};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use thiserror::Error;

/// A snapshot at least this often shortens the next start.
const SNAPSHOT_EVERY: DurationMs = DurationMs::minutes(15);
/// Readings are sealed at least this often.
const SEAL_EVERY: DurationMs = DurationMs::minutes(60);
/// Late values are folded at most this often.
const REFOLD_EVERY_MS: i64 = 2_000;
/// A checkpoint is signed at least this often, if anything was recorded.
const CHECKPOINT_EVERY: DurationMs = DurationMs::minutes(60);
/// The marks in the identity file are raised this often,
const MARK_EVERY: DurationMs = DurationMs::minutes(15);
/// and sooner if the file could not be written.
const SAVE_AGAIN: DurationMs = DurationMs::minutes(1);
/// The rule mark in the identity file runs ahead by this, so that it need not be written for every record.
const MARK_AHEAD: DurationMs = DurationMs::minutes(20);

/// The watch cannot go on. Stop; the process is started again.
#[derive(Debug, Error)]
pub enum WatchError {
    /// An event could not be made.
    #[error("an event could not be appended")]
    Append(#[source] StoreError),
    /// No randomness for an id.
    #[error("no new id could be made")]
    Entropy(#[from] EntropyError),
    /// The rules could not be written as JSON.
    #[error("the rules could not be written")]
    Rules(#[source] serde_json::Error),
}

/// The watch of one hub.
pub struct Watch {
    site: Arc<Site>,
    identity: Identity,
    journal: Journal,
    state: State,
    axis: Axis,
    boot: BootRow,
    intake: Intake,
    alerts: BTreeMap<EpisodeKey, (AlertId, u64)>,
    announced: BTreeMap<String, u64>,
    told_at_start: Arc<BTreeMap<String, u64>>,
    news: VecDeque<Arc<News>>,
    counters: BTreeMap<String, u64>,
    sources: BTreeMap<&'static str, Option<String>>,
    outputs: BTreeMap<String, Option<String>>,
    storage_fault: Option<String>,
    group: DurationMs,
    group_began: Option<BoottimeMs>,
    last_snapshot: RuleMs,
    last_seal: RuleMs,
    /// Something was appended that must be durable before anyone hears of it.
    urgent: bool,
    need_history: Option<RuleMs>,
    last_refold: BoottimeMs,
    last_mark: Option<RuleMs>,
    last_checkpoint: RuleMs,
    /// The open group holds a seal, so a checkpoint is signed with it.
    sealed: bool,
    acknowledged: BTreeMap<Stream, u64>,
    enrolled: Option<(PublicKey, SiteId)>,
    voucher: Voucher,
    configuration: Configuration,
    commands: Commands,
    now: ClockSample,
}

/// How time passes.
impl Watch {
    /// Lets time pass: deadlines fire, groups are committed, corrections are recorded.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn tick(&mut self, now: ClockSample) -> Result<(), WatchError> {
        self.begin(now)?;
        self.settle()?;
        self.do_commands()?;
        self.settle()
    }

    /// How long nothing needs to be done if nothing is heard.
    pub fn idle(&self, now: ClockSample) -> DurationMs {
        let rule = self.axis.now(now);
        let deadline = next_deadline(&self.state).map(|at| at - rule + DurationMs(1));
        let group =
            self.group_began.map(|began| DurationMs(began.0 as i64 - now.boottime.0 as i64 + self.group.0));
        let refold = self.need_history.map(|_| DurationMs(self.until_refold(now)));
        let soonest = refold.into_iter().chain(deadline).chain(group).min().unwrap_or(DurationMs::seconds(1));
        DurationMs(soonest.0.clamp(0, 1_000))
    }

    /// What each input begins with: the clock's corrections, and the deadlines that have passed.
    fn begin(&mut self, now: ClockSample) -> Result<(), WatchError> {
        self.now = now;
        if let Some(correction) = self.axis.correction(now) {
            self.correct(correction)?;
        } else if self.axis.lost_trust(now) {
            self.axis.distrust();
            self.append(Draft::new(Fact::ClockUntrusted))?;
            self.keep_axis();
        }
        let rule = self.axis.now(now);
        self.fold(&Record::tick(rule))
    }

    fn correct(&mut self, correction: Correction) -> Result<(), WatchError> {
        let stamp = self.axis.correct(correction, self.now);
        let fact = Fact::ClockCorrected {
            from_ms: correction.from,
            to_ms: correction.to,
            offset_ms: correction.offset.0,
            source: self.voucher.source.into(),
            error_ms: self.voucher.error_ms,
        };
        self.append_stamped(stamp, Draft::new(fact))?;
        self.keep_axis();
        // The far end of the jump is reached before anything is placed inside it, so that it is placed as late.
        self.fold(&Record::tick(self.axis.now(self.now)))?;
        self.place_waiting(correction)
    }

    fn keep_axis(&mut self) {
        self.boot.anchor_ms = self.axis.anchor_ms();
        self.boot.offset = self.axis.offset();
        self.boot.trusted = self.now.trust.is_trusted();
        self.journal.also(Also::Boot(self.boot.clone()));
        self.urgent = true;
    }

    /// Appends a reading to the open group and folds it. A reading that the full group cannot take still reaches the
    /// rules: the alarm comes before the record.
    fn reading(&mut self, reading: Option<Reading>) -> Result<(), WatchError> {
        let Some(reading) = reading else { return Ok(()) };
        match self.journal.append_reading(reading) {
            Some(_) => self.count("readings.recorded"),
            None => self.count("readings.lost"),
        }
        self.group_began.get_or_insert(self.now.boottime);
        if self.journal.seal_is_full() {
            self.seal()?;
        }
        self.fold(&Record::of_reading(&reading))
    }
}

/// What outputs say, and the end.
impl Watch {
    /// Takes what an annunciator reports.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn report(&mut self, report: Report, now: ClockSample) -> Result<(), WatchError> {
        self.begin(now)?;
        match report {
            Report::Told { output, seq } => {
                self.announced.insert(output.clone(), seq);
                self.journal.also(Also::Announced { output, events_seq: seq });
                self.urgent = true;
            }
            Report::Answered { output, call } => {
                self.configuration.answered(&output, call);
                self.commands.answered(&output, call);
            }
            Report::State { output, fault } => {
                let before = self.outputs.insert(output.clone(), fault.clone());
                match (before.flatten(), fault) {
                    (None, Some(error)) => {
                        tracing::warn!(output, error, "the output does not work");
                        self.append(Draft::new(Fact::AnnunciatorFailed { output, error }))?;
                    }
                    (Some(_), None) => self.append(Draft::new(Fact::AnnunciatorRecovered { output }))?,
                    (None, None) | (Some(_), Some(_)) => {}
                }
            }
        }
        self.settle()
    }

    /// Ends the run as told: everything is sealed and durable.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn stop(&mut self, reason: &str, now: ClockSample) -> Result<(), WatchError> {
        self.begin(now)?;
        self.last_refold = BoottimeMs(0);
        self.seal()?;
        self.append(Draft::new(Fact::HubStopped { reason: reason.into() }))?;
        self.settle()?;
        self.mark(self.axis.now(now));
        Ok(())
    }
}

/// Appending, folding, committing.
impl Watch {
    fn count(&mut self, name: &str) {
        match self.counters.get_mut(name) {
            Some(count) => *count += 1,
            None => {
                self.counters.insert(name.to_owned(), 1);
            }
        }
    }

    fn append(&mut self, draft: Draft) -> Result<(), WatchError> {
        let stamp = self.axis.stamp(self.now);
        self.append_stamped(stamp, draft)
    }

    /// Appends an event, folds it if the rules look at it, and keeps it as news if annunciators should tell it.
    fn append_stamped(&mut self, stamp: Stamp, draft: Draft) -> Result<(), WatchError> {
        let numbered = self.journal.append_event(stamp, draft).map_err(WatchError::Append)?;
        self.urgent = true;
        self.keep_news(&numbered);
        match Record::of_event(&numbered.event) {
            Some(record) => self.fold(&record),
            None => Ok(()),
        }
    }

    fn fold(&mut self, record: &Record) -> Result<(), WatchError> {
        let (state, effects) = step(std::mem::take(&mut self.state), record);
        self.state = state;
        self.follow(effects)
    }

    fn seal(&mut self) -> Result<(), WatchError> {
        self.last_seal = self.axis.now(self.now);
        match self.journal.take_seal() {
            Some(seal) => {
                self.sealed = true;
                self.append(Draft::new(seal))
            }
            None => Ok(()),
        }
    }

    /// Commits what must be durable now, and what has waited long enough.
    fn settle(&mut self) -> Result<(), WatchError> {
        self.conclude_trial()?;
        self.conclude_test()?;
        if self.until_refold(self.now) == 0
            && let Some(from) = self.need_history.take()
        {
            self.fold_again(from)?;
        }
        let rule = self.axis.now(self.now);
        if rule - self.last_seal >= SEAL_EVERY {
            self.seal()?;
        }
        if rule - self.last_snapshot >= SNAPSHOT_EVERY {
            self.urgent = true;
        }
        let waited = self
            .group_began
            .is_some_and(|began| self.now.boottime.0.saturating_sub(began.0) >= self.group.0 as u64);
        if self.urgent || waited {
            self.commit();
        }
        if self.last_mark.is_none_or(|marked| rule - marked >= MARK_EVERY) {
            self.mark(rule + MARK_AHEAD);
        }
        Ok(())
    }

    /// Folding again may take long, so a backlog of late values is folded together.
    fn until_refold(&self, now: ClockSample) -> i64 {
        let since = now.boottime.0.saturating_sub(self.last_refold.0) as i64;
        (REFOLD_EVERY_MS - since).max(0)
    }

    /// Raises the marks in the identity file. A disk that takes no file is a fault to show and no reason to stop.
    fn mark(&mut self, rule: RuleMs) {
        // Only a clock that was synchronised may forbid earlier times: a battery can keep a wrong one.
        let wall = (self.now.trust == Trust::Synced).then_some(self.now.wall);
        self.identity.mark(wall, rule, self.journal.head());
        match self.identity.save() {
            Ok(()) => self.last_mark = Some(self.axis.now(self.now)),
            Err(fault) => {
                self.count("identity.not_saved");
                self.last_mark = Some(self.axis.now(self.now) - MARK_EVERY + SAVE_AGAIN);
                self.storage_failed(with_causes(&fault));
            }
        }
    }

    fn storage_failed(&mut self, fault: String) {
        if self.storage_fault.is_none() {
            tracing::error!(fault, "the disk cannot be written; alarming goes on without it");
        }
        self.storage_fault = Some(fault);
    }

    fn commit(&mut self) {
        self.sign_checkpoint();
        if self.urgent {
            self.journal.snapshot(&self.state);
            self.last_snapshot = self.axis.now(self.now);
        }
        match self.journal.commit() {
            Ok(()) => {
                if self.storage_fault.take().is_some() {
                    tracing::info!("the journal can be written again");
                }
                (self.urgent, self.group_began) = (false, None);
                self.configuration.committed();
            }
            Err(fault) => {
                self.count("commits.failed");
                self.storage_failed(with_causes(&fault));
                // The group stays; it is tried again when its time comes round once more.
                (self.urgent, self.group_began) = (false, Some(self.now.boottime));
            }
        }
    }
}
