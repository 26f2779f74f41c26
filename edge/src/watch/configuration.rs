//! The rules in force: what is done with a document that was decided on.
//!
//! Owns the order of an application: the file that says what is in force is written first, then the journal takes the
//! event with the rules and everything that follows from them in one transaction. A hub that dies in between says at its
//! next start what the file says. A document that is refused is recorded before the file forgets that it was asked for.
//! Whatever cannot be written, the rules that guard are in memory, and the fault is an alarm of its own.

use super::{Refused, Watch, WatchError};
use crate::annunciators::{Call, Why};
use crate::desired::Standing;
use crate::desired::decide::{Decision, Refusal, fits};
use crate::desired::kept::{Expected, Kept, Rules, Waiting};
use crate::desired::trial::{self, Pulses, Seen};
use crate::site::Site;
use crate::store::Draft;
use crate::store::journal::Stream;
use frostguard_shared::causes::with_causes;
use frostguard_shared::event::{Actor, ActorKind, Fact, RefusalCode, Subject};
use frostguard_shared::ids::{HubId, PersonId};
use frostguard_shared::time::{BoottimeMs, ClockSample, DurationMs};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file that could not be written is tried again after this.
const SAVE_AGAIN_MS: u64 = 10_000;

/// A document, decided on by how things stood then.
#[derive(Clone, Debug)]
pub struct Decided {
    /// The version decided on before.
    pub after: u64,
    /// The step of what is in force.
    pub step: u64,
    /// The decision.
    pub decision: Decision,
}

/// What somebody at the hub wants done with a document that waits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wish {
    /// Let it take effect.
    Apply,
    /// Turn it down.
    TurnDown,
}

/// A trial in this run.
pub(super) struct Trial {
    pub(super) began: BoottimeMs,
    call: u64,
    pub(super) seen: Seen,
}

/// What the watch knows of the rules in force.
pub(super) struct Configuration {
    state_dir: PathBuf,
    /// The site as its document says it.
    pub(super) own: Arc<Site>,
    pub(super) kept: Kept,
    fault: Option<String>,
    /// When to try to write the file again, if it says something else than is kept.
    pub(super) save_again: Option<BoottimeMs>,
    /// The last change that the journal has recorded.
    pub(super) recorded: u64,
    pub(super) trial: Option<Trial>,
    pub(super) lasts: DurationMs,
    pulses: Pulses,
    calls: u64,
    call: Option<Call>,
    standing: Arc<Standing>,
}

impl Configuration {
    /// Reads what is kept beside a journal that has recorded so many changes. What cannot be used is set aside, and the
    /// rules of the site document are in force; gives the name under which it is kept then.
    pub(super) fn open(state_dir: &Path, own: Arc<Site>, hub: HubId) -> (Self, Option<(String, String)>) {
        let (kept, damage) = match Kept::load(state_dir, hub) {
            Ok(kept) => (kept, None),
            Err(fault) => {
                let what = with_causes(&fault);
                let kept_as =
                    Kept::set_aside(state_dir).unwrap_or_else(|fault| format!("{} ({fault})", Kept::FILE));
                tracing::error!(
                    what,
                    kept_as,
                    "the rules from the cloud are lost; those of the site document are in force"
                );
                (Kept::nothing(hub), Some((what, kept_as)))
            }
        };
        let mut standing = Standing::of(Arc::new(kept.over(&own)), kept.clone());
        standing.fault = damage.as_ref().map(|(what, _)| what.clone());
        let configuration = Self {
            state_dir: state_dir.to_owned(),
            own,
            fault: standing.fault.clone(),
            kept,
            save_again: None,
            recorded: 0,
            trial: None,
            lasts: trial::LASTS,
            pulses: Pulses::default(),
            calls: 0,
            call: None,
            standing: Arc::new(standing),
        };
        (configuration, damage)
    }

    /// The journal has recorded so many changes. A file that knows of fewer was lost or put back: it goes on from there,
    /// or the next change would be taken for one that is recorded already.
    pub(super) fn has_recorded(&mut self, step: u64) {
        self.recorded = step;
        self.kept.step = self.kept.step.max(step);
    }

    /// The last change that the journal has recorded.
    pub(super) fn recorded(&self) -> u64 {
        self.recorded
    }

    pub(super) fn standing(&self) -> &Arc<Standing> {
        &self.standing
    }

    pub(super) fn call(&self) -> Option<Call> {
        self.call
    }

    /// Something has become durable.
    pub(super) fn committed(&mut self) {
        if let Some(trial) = &mut self.trial {
            trial.seen.committed = true;
        }
    }

    /// A source has delivered.
    pub(super) fn delivered(&mut self, source: &'static str, now: BoottimeMs) {
        self.pulses.beat(source, now, self.lasts);
        if let Some(trial) = &mut self.trial
            && !trial.seen.sources.contains(source)
        {
            trial.seen.sources.insert(source.to_owned());
        }
    }

    /// An output has answered a call.
    pub(super) fn answered(&mut self, output: &str, call: u64) {
        if let Some(trial) = self.trial.as_mut().filter(|trial| call >= trial.call) {
            trial.seen.outputs.insert(output.to_owned());
        }
    }

    /// Calls all outputs; gives the call's number.
    pub(super) fn call_outputs(&mut self, why: Why) -> u64 {
        self.calls += 1;
        self.call = Some(Call { number: self.calls, why });
        self.calls
    }
}

/// What is done with documents.
impl Watch {
    /// How long a document is on trial from here on.
    pub fn trial_lasts(&mut self, lasts: DurationMs) {
        self.configuration.lasts = lasts;
    }

    /// How it stands with what the cloud desires.
    pub fn standing(&self) -> Arc<Standing> {
        Arc::clone(self.configuration.standing())
    }

    /// Shows anew how it stands.
    pub(super) fn stands(&mut self) {
        let held = self.acknowledged(Stream::Events);
        let before = &self.configuration.standing;
        let standing = Standing {
            serial: before.serial + 1,
            kept: Arc::new(self.configuration.kept.clone()),
            site: Arc::clone(&self.site),
            received: self.commands.ledger().untold(held, self.now.wall),
            fault: self.configuration.fault.clone(),
        };
        self.configuration.standing = Arc::new(standing);
    }

    /// Does what was decided on a document, if it was decided on what is still the case; else gives how it stands, for
    /// deciding anew.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn configure(
        &mut self,
        decided: Decided,
        now: ClockSample,
    ) -> Result<Result<Arc<Standing>, Arc<Standing>>, WatchError> {
        self.begin(now)?;
        let Decided { after, step, decision } = decided;
        if (after, step) != (self.configuration.kept.decided, self.configuration.kept.step) {
            self.settle()?;
            return Ok(Err(self.standing()));
        }
        match decision {
            Decision::Apply(rules) => self.apply(rules, None)?,
            Decision::Refuse(refusal) => self.refuse(refusal)?,
        }
        self.settle()?;
        Ok(Ok(self.standing()))
    }

    /// Does what somebody at the hub, who has proved who they are, wants done with the document that waits.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn decide_waiting(
        &mut self,
        wish: Wish,
        version: u64,
        person: PersonId,
        now: ClockSample,
    ) -> Result<Result<(), Refused>, WatchError> {
        self.begin(now)?;
        self.settle()?;
        let waiting = self.configuration.kept.waiting.clone();
        let Some(waiting) = waiting.filter(|waiting| waiting.document.version == version) else {
            return Ok(Err(Refused::NothingWaits));
        };
        let actor = Actor { kind: ActorKind::Person, id: Some(person) };
        match wish {
            // The site may have changed since the document came.
            Wish::Apply if fits(&self.site, &waiting.document.rules.keys().copied().collect()).is_err() => {
                return Ok(Err(Refused::DoesNotFit));
            }
            Wish::Apply => self.apply(waiting.document, Some(actor))?,
            Wish::TurnDown => {
                let reason = format!("turned down at the hub; it was held because {}", waiting.reason);
                let fact =
                    Fact::ConfigRefused { version: Some(version), code: waiting.code, reason, waits: false };
                self.append(Draft { fact, subject: Subject::default(), actor: Some(actor) })?;
                self.commit();
                self.configuration.kept.waiting = None;
                self.keep();
            }
        }
        self.settle()?;
        Ok(if self.storage_fault.is_some() { Err(Refused::NotRecorded) } else { Ok(()) })
    }

    fn apply(&mut self, rules: Rules, actor: Option<Actor>) -> Result<(), WatchError> {
        let (version, before) = (rules.version, self.configuration.kept.clone());
        let expected = self.expected();
        self.configuration.kept.apply(rules, actor, self.now.wall, expected);
        reached("desired.before_file");
        if let Err(fault) = self.configuration.kept.save(&self.configuration.state_dir) {
            // Rules that the next start would not know must not be in force.
            self.configuration.kept = before;
            let reason = format!("it could not be kept on the disk: {}", with_causes(&fault));
            return self.refuse(Refusal {
                claimed: Some(version),
                decides: Some(version),
                code: RefusalCode::Storage,
                reason,
                proposed: None,
            });
        }
        reached("desired.after_file");
        tracing::info!(version, "the rules of a document from the cloud take effect");
        self.configuration.fault = None;
        self.site = Arc::new(self.configuration.kept.over(&self.configuration.own));
        self.say_rules(false)?;
        self.begin_trial();
        Ok(())
    }

    fn refuse(&mut self, refusal: Refusal) -> Result<(), WatchError> {
        let Refusal { claimed, decides, code, reason, proposed } = refusal;
        tracing::warn!(version = claimed, ?code, reason, "a document from the cloud is not taken");
        self.count("configuration.refused");
        let waits = proposed.is_some();
        self.append(Draft::new(Fact::ConfigRefused {
            version: claimed,
            code,
            reason: reason.clone(),
            waits,
        }))?;
        // If the hub dies before the file says so, the document comes again and is refused again.
        self.commit();
        let since = self.axis.wall_of(self.axis.now(self.now));
        let waiting = proposed.map(|document| Waiting { document, code, reason, since });
        if let Some(version) = decides {
            self.configuration.kept.refuse(version, waiting);
            self.keep();
        }
        Ok(())
    }

    /// What works now and should work under other rules too.
    fn expected(&self) -> Expected {
        let works = |output: &&crate::site::Output| self.outputs.get(&output.key) == Some(&None);
        Expected {
            sources: self.configuration.pulses.steady(self.now.boottime, self.configuration.lasts),
            outputs: self.site.outputs.iter().filter(works).map(|output| output.key.clone()).collect(),
        }
    }

    pub(super) fn begin_trial(&mut self) {
        let call = self.configuration.call_outputs(Why::Trial);
        self.configuration.trial = Some(Trial { began: self.now.boottime, call, seen: Seen::default() });
        self.stands();
    }

    /// Writes what is kept, and shows it.
    pub(super) fn keep(&mut self) {
        match self.configuration.kept.save(&self.configuration.state_dir) {
            Ok(()) => self.configuration.save_again = None,
            Err(fault) => {
                self.count("configuration.not_saved");
                self.configuration.save_again = Some(BoottimeMs(self.now.boottime.0 + SAVE_AGAIN_MS));
                self.storage_failed(with_causes(&fault));
            }
        }
        self.stands();
    }
}

/// A place at which a test has the hub killed.
pub(super) fn reached(place: &'static str) {
    #[cfg(feature = "faults")]
    crate::faults::reached_place(place);
    #[cfg(not(feature = "faults"))]
    let _ = place;
}
