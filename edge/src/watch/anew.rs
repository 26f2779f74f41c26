//! A new epoch: the record begins again in a file of its own, and no alarm is lost, repeated or delayed anew.
//!
//! Owns what is carried over from the old epoch, in a running hub and at a start. It begins where the old record cannot
//! be gone on with: the cloud holds more or something else under the same numbers, the file is damaged, or it is older
//! than what this hub is known to have recorded. The old file is set aside and kept.

use super::{Watch, WatchError};
use crate::entropy;
use crate::store::carry::Carried;
use crate::store::journal::{Also, Anew, BootRow};
use crate::store::{Draft, StoreError};
use frostguard_shared::axis::{Axis, AxisPast, Correction};
use frostguard_shared::event::{Fact, Subject};
use frostguard_shared::ids::EpochId;
use frostguard_shared::rules::{AlertChange, EpisodeKey, Why};
use frostguard_shared::time::{Boot, ClockSample, RuleMs};
use std::sync::Arc;

impl Watch {
    /// Begins a new epoch. If it cannot begin, the hub goes on guarding and recording in the old one.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn begin_anew(&mut self, why: Anew, now: ClockSample) -> Result<Result<(), StoreError>, WatchError> {
        self.begin(now)?;
        self.seal()?;
        // The key may have vouched for another continuation of this epoch, so it vouches for this one no more.
        self.sealed = false;
        self.commit();
        let waiting = self.journal.waiting().map(|rows| rows.frames).unwrap_or_default();
        let old = self.journal.head();
        let kept_as = match self.journal.begin_anew(EpochId::v4(entropy::bytes()?)) {
            Ok(kept_as) => kept_as,
            Err(fault) => {
                self.count("epochs.not_begun");
                return Ok(Err(fault));
            }
        };
        tracing::warn!(kept_as, ?why, "a new epoch begins");
        let at = self.axis.peek(now).rule;
        let past = AxisPast { last: Some(RuleMs(at.0 - 1)), offset: self.axis.offset() };
        let trusted = self.now.trust.is_trusted();
        self.boot.boot = Boot(1);
        self.axis = Axis::resume(Boot(1), self.axis.anchor_ms(), self.axis.boot_began(), past, trusted);
        self.carry_beside(waiting);
        self.append(Draft::new(self.epoch_started(old)))?;
        self.keep_axis();
        let started = Fact::HubStarted {
            boot: self.boot.boot.0,
            boot_id: self.boot.boot_id.clone(),
            version: env!("CARGO_PKG_VERSION").into(),
            down_from: Some(at),
            down_known: true,
            clean: true,
            anchor_ms: self.axis.anchor_ms(),
        };
        self.append(Draft::new(started))?;
        self.carry_offset()?;
        if let Anew::Damaged(what) = why {
            self.append(Draft::new(Fact::StorageDamaged { what, kept_as }))?;
        }
        self.apply_site(true)?;
        self.last_mark = None;
        self.settle()?;
        Ok(Ok(()))
    }

    pub(super) fn epoch_started(&self, old: Option<frostguard_shared::event::OldEpoch>) -> Fact {
        Fact::EpochStarted {
            key: self.identity.public_key(),
            software: env!("CARGO_PKG_VERSION").into(),
            old,
        }
    }

    /// What lies beside the record in the journal: which alert each open episode is, how far outputs were told, frames
    /// that wait for the clock, the enrolment, and what was asked of the hub. What the cloud holds of a new epoch is nothing.
    pub(super) fn carry_beside(&mut self, waiting: Vec<(RuleMs, Vec<u8>)>) {
        let open: Vec<EpisodeKey> = self.state.alerts().map(|(episode, _)| *episode).collect();
        self.alerts.retain(|episode, _| open.contains(episode));
        for (episode, (alert, raised_seq)) in self.alerts.clone() {
            self.journal.also(Also::Alert { episode, alert, raised_seq });
        }
        for (output, events_seq) in self.announced.clone() {
            self.journal.also(Also::Announced { output, events_seq });
        }
        for (arrival, frame) in waiting {
            self.journal.also(Also::Wait { arrival, frame });
        }
        if let Some((cloud, site)) = self.enrolled {
            self.journal.also(Also::Enrolled { cloud, site });
        }
        self.journal.also(Also::Configuration { step: self.configuration.recorded() });
        self.commands.begin_anew();
        for (command, entry) in self.commands.ledger().entries() {
            self.journal.also(Also::Command { command: *command, entry: entry.clone() });
        }
        self.acknowledged.clear();
    }

    /// Says how far the axis is from the wall clock, which a reader of the new epoch alone could not know.
    pub(super) fn carry_offset(&mut self) -> Result<(), WatchError> {
        let offset = self.axis.offset();
        if offset.0 == 0 || !self.now.trust.is_trusted() {
            return Ok(());
        }
        let at = self.axis.peek(self.now).rule;
        let stamp = self.axis.correct(Correction { from: at, to: at, offset }, self.now);
        let (source, error_ms) = (self.voucher.source.into(), self.voucher.error_ms);
        let fact = Fact::ClockCorrected { from_ms: at, to_ms: at, offset_ms: offset.0, source, error_ms };
        self.append_stamped(stamp, Draft::new(fact))?;
        self.keep_axis();
        Ok(())
    }

    /// An open alert of the old epoch whose id was lost gets a new one: an alarm without an id would be shown nowhere.
    pub(super) fn name_lost_alerts(&mut self) -> Result<(), WatchError> {
        let nameless: Vec<_> = self
            .state
            .alerts()
            .filter(|(episode, _)| !self.alerts.contains_key(episode))
            .map(|(episode, alert)| (*episode, alert.severity))
            .collect();
        for (episode, severity) in nameless {
            let why = Why::because("carried over from a journal that was damaged; its first number is lost");
            self.alert(episode.since, episode, AlertChange::Raised { severity, why }, false)?;
        }
        Ok(())
    }

    /// Applies the rules in force if the record knows others, and assigns points that are new. A new epoch says both anew,
    /// for whoever reads it alone; what is said again changes nothing of what is known.
    pub(super) fn apply_site(&mut self, is_new_epoch: bool) -> Result<(), WatchError> {
        self.say_rules(is_new_epoch)?;
        let site = Arc::clone(&self.site);
        for (device, channel, point) in site.points() {
            let known =
                self.state.point(point.id).map(|state| (state.assignment.unit, state.assignment.role));
            let same = known == Some((point.unit, point.role));
            if same && !is_new_epoch {
                continue;
            }
            let fact = Fact::DeviceAssigned {
                channel,
                role: point.role,
                model: device.model.name().into(),
                address: device.address.to_string(),
            };
            let subject = Subject {
                unit: Some(point.unit),
                device: Some(device.id),
                point: Some(point.id),
                alert: None,
            };
            let draft = Draft { fact, subject, actor: None };
            if same {
                let stamp = self.axis.stamp(self.now);
                self.journal.append_event(stamp, draft).map_err(WatchError::Append)?;
                self.urgent = true;
            } else {
                self.append(draft)?;
            }
        }
        Ok(())
    }
}

/// The boot that a new epoch's axis goes on from: counted so that the present boot is its first.
pub(super) fn boot_before(carried: &Carried, boot_id: &str) -> Option<BootRow> {
    let row = carried.boot.clone()?;
    let boot = Boot(u32::from(row.boot_id == boot_id));
    Some(BootRow { boot, ..row })
}
