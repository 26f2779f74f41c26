//! Rules on trial: how a trial ends, what a start finds of one, and how the record is told what is in force.
//!
//! Owns the taking back: the file first, then the event with the rules before and everything that follows from them in
//! one transaction. A trial goes on over one start of the hub and ends at the second.

use super::configuration::reached;
use super::{Watch, WatchError};
use crate::desired::kept::Change;
use crate::desired::trial::{self, Verdict};
use crate::site::rules_hash;
use crate::store::Draft;
use crate::store::journal::Also;
use frostguard_shared::event::{Fact, Subject};
use frostguard_shared::rules::Record;
use frostguard_shared::time::DurationMs;
use std::sync::Arc;

/// How a trial ends, and what a start finds.
impl Watch {
    /// The hub starts: a trial goes on, or is taken back if this is its second start. Done before the rules are applied.
    pub(super) fn resume_configuration(&mut self) {
        if self.configuration.kept.started() {
            if let Some(Change::RolledBack { version, reason }) = &self.configuration.kept.change
                && self.configuration.kept.on_trial.is_none()
            {
                tracing::error!(version, reason, "the rules from the cloud are taken back");
            }
            self.keep();
        }
        self.site = Arc::new(self.configuration.kept.over(&self.configuration.own));
        if let Some(document) = &self.configuration.kept.in_force {
            let (version, units) = (document.version, document.rules.len());
            tracing::info!(version, units, "these units have their rules from the cloud");
        }
        let overruled = self.configuration.own.units.iter().zip(&self.site.units);
        let overruled: Vec<&str> = overruled
            .filter(|(own, in_force)| own.rules != in_force.rules)
            .map(|(own, _)| own.key.as_str())
            .collect();
        if !overruled.is_empty() {
            let units = overruled.join(", ");
            tracing::warn!(
                units,
                "the site document says other rules for these units; those of the cloud hold"
            );
        }
        self.stands();
    }

    /// The rules of this start are recorded: a trial begins again under them.
    pub(super) fn resume_trial(&mut self) {
        if self.configuration.kept.on_trial.is_some() {
            self.begin_trial();
            // That the record can be written is seen by writing it, even if nothing is heard for a while.
            self.urgent = true;
        }
    }

    /// Ends a trial that has come to its end, and writes again what could not be written.
    pub(super) fn conclude_trial(&mut self) -> Result<(), WatchError> {
        if self.configuration.save_again.is_some_and(|at| self.now.boottime >= at) {
            self.keep();
        }
        let configuration = &self.configuration;
        let (Some(running), Some(kept)) = (&configuration.trial, &configuration.kept.on_trial) else {
            return Ok(());
        };
        let ran = DurationMs(self.now.boottime.0.saturating_sub(running.began.0) as i64);
        match trial::judge(&kept.expected, &running.seen, ran, configuration.lasts) {
            Verdict::Runs => {}
            Verdict::Proven => {
                reached("desired.trial");
                tracing::info!(
                    version = self.configuration.kept.applied(),
                    "the hub is healthy under the new rules"
                );
                self.configuration.kept.on_trial = None;
                self.configuration.trial = None;
                self.keep();
            }
            Verdict::Unhealthy(reason) => {
                reached("desired.before_rollback");
                tracing::error!(
                    version = self.configuration.kept.applied(),
                    reason,
                    "the rules from the cloud are taken back"
                );
                self.configuration.kept.roll_back(&reason);
                self.configuration.trial = None;
                self.keep();
                reached("desired.after_rollback_file");
                self.site = Arc::new(self.configuration.kept.over(&self.configuration.own));
                self.say_rules(false)?;
                self.stands();
            }
        }
        Ok(())
    }

    /// Records the rules in force and folds them, if they differ from those that the record knows, or if how they came to
    /// be in force is not recorded yet. A new epoch says them anew, for whoever reads it alone.
    pub(super) fn say_rules(&mut self, is_new_epoch: bool) -> Result<(), WatchError> {
        let rules = self.site.rules();
        let same_rules = *self.state.rules() == rules;
        let kept = &self.configuration.kept;
        let is_unsaid = kept.step > self.configuration.recorded;
        if !(is_unsaid || is_new_epoch || !same_rules) {
            return Ok(());
        }
        let hash = rules_hash(&rules).map_err(WatchError::Rules)?;
        let change = kept.change.clone().filter(|_| is_unsaid);
        let (fact, actor) = match (change, &kept.in_force) {
            (Some(Change::Applied { version, actor }), _) => (Fact::DocumentApplied { hash, version }, actor),
            (Some(Change::RolledBack { version, reason }), before) => {
                let to = before.as_ref().map(|document| document.version);
                (Fact::ConfigRolledBack { version, to, hash, reason }, None)
            }
            (None, Some(document)) if is_new_epoch => {
                (Fact::DocumentApplied { hash, version: document.version }, None)
            }
            (None, _) => (Fact::ConfigApplied { hash, source: "site.toml".into() }, None),
        };
        let (step, json) = (kept.step, serde_json::to_vec(&rules).map_err(WatchError::Rules)?);
        self.journal.also(Also::Rules { hash, rules: json });
        if is_unsaid {
            self.journal.also(Also::Configuration { step });
            self.configuration.recorded = step;
        }
        let stamp = self.axis.stamp(self.now);
        self.append_stamped(stamp, Draft { fact, subject: Subject::default(), actor })?;
        if !same_rules {
            self.fold(&Record::rules(stamp.rule, rules))?;
        }
        Ok(())
    }
}
