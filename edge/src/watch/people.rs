//! What people do at the hub: quiet, acknowledge, resolve, silence a unit, log by hand.
//!
//! Owns what is refused, and that what is done is on the disk before anybody is told that it is. Quiet needs nobody's
//! name; everything else is done by a person who has proved who they are, which is for the caller to see to. It never
//! clears a condition: only believable values do.

use super::{Watch, WatchError};
use crate::store::Draft;
use frostguard_shared::event::{Actor, ActorKind, Fact, ShelveEnd, Subject};
use frostguard_shared::ids::{AlertId, PersonId, UnitId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{EpisodeKey, QUIET_LENGTH, SHELVE_MAX, acknowledgement_length};
use frostguard_shared::time::{ClockSample, DurationMs};
use thiserror::Error;

/// How long a unit can be silenced, in minutes; the longest is as long as the rules let any silence be.
pub const SHELVE_LENGTHS: [i64; 5] = [15, 30, 60, 120, 240];

/// Words that a person adds are recorded up to this length.
const WORDS_MAX: usize = 200;

/// Why a person's wish was not done.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Refused {
    /// There is no such alert any more.
    #[error("there is no such alarm any more")]
    NoSuchAlert,
    /// There is no such unit.
    #[error("there is no such unit here")]
    NoSuchUnit,
    /// It was quieted four times already.
    #[error("it was quieted four times already; someone has to acknowledge it")]
    QuietTooOften,
    /// What the alert is about is not over.
    #[error("it is not over yet; only what is over can be done with")]
    NotOver,
    /// A silence of no such length.
    #[error("a unit can be silenced for 1 minute to 4 hours")]
    Length,
    /// A silence has to say why.
    #[error("it has to be said why the unit is silenced")]
    NoReason,
    /// The unit is not silenced.
    #[error("the unit is not silenced")]
    NotSilenced,
    /// No document waits, or another one than was meant.
    #[error("nothing of the kind waits for a decision any more")]
    NothingWaits,
    /// The document names other units than the hub has by now.
    #[error("it no longer fits the units of this hub; it has to be made anew in the cloud")]
    DoesNotFit,
    /// It could not be recorded, so it did not happen.
    #[error("it holds for now, but the record of it cannot be written yet")]
    NotRecorded,
}

/// What a person does who has proved who they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Deed {
    /// Says that they are on it.
    Acknowledge(AlertId),
    /// Is done with an alert that is over.
    Resolve(AlertId),
    /// Silences a unit for a while.
    Shelve {
        /// The unit.
        unit: UnitId,
        /// For how long.
        length: DurationMs,
        /// Why.
        reason: String,
    },
    /// Ends the silence of a unit.
    Unshelve(UnitId),
    /// Has read a thermometer.
    Log {
        /// The unit.
        unit: UnitId,
        /// What it showed.
        temperature: CentiCelsius,
        /// What they add.
        note: String,
    },
}

/// What a person said, cut to what is kept; `None` if it was nothing.
fn words(text: &str) -> Option<String> {
    let kept: String = text.trim().chars().filter(|letter| !letter.is_control()).take(WORDS_MAX).collect();
    Some(kept).filter(|kept| !kept.is_empty())
}

impl Watch {
    /// Someone asks for quiet, without saying who.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn quiet(&mut self, alert: AlertId, now: ClockSample) -> Result<Result<(), Refused>, WatchError> {
        self.begin(now)?;
        self.settle()?;
        let Some(episode) = self.episode_of(alert) else { return Ok(Err(Refused::NoSuchAlert)) };
        if !self.state.alert(&episode).is_some_and(|alert| alert.can_be_quieted()) {
            return Ok(Err(Refused::QuietTooOften));
        }
        let until_ms = self.axis.peek(now).rule + QUIET_LENGTH;
        let actor = Actor { kind: ActorKind::Unit, id: None };
        let subject = about(&episode, alert);
        self.record(Draft { fact: Fact::AlertQuieted { episode, until_ms }, subject, actor: Some(actor) })
    }

    /// A person who has proved who they are does something.
    ///
    /// # Errors
    /// The watch cannot go on.
    pub fn act(
        &mut self,
        deed: &Deed,
        person: PersonId,
        now: ClockSample,
    ) -> Result<Result<(), Refused>, WatchError> {
        self.begin(now)?;
        self.settle()?;
        match self.meant(deed) {
            Ok((fact, subject)) => {
                let actor = Some(Actor { kind: ActorKind::Person, id: Some(person) });
                self.record(Draft { fact, subject, actor })
            }
            Err(refused) => Ok(Err(refused)),
        }
    }

    /// What a deed is for the record.
    fn meant(&self, deed: &Deed) -> Result<(Fact, Subject), Refused> {
        let now = self.axis.peek(self.now).rule;
        match deed {
            Deed::Acknowledge(alert) => {
                let (episode, known) = self.known(*alert)?;
                let until_ms = now + acknowledgement_length(known.severity);
                Ok((Fact::AlertAcknowledged { episode, until_ms }, about(&episode, *alert)))
            }
            Deed::Resolve(alert) => {
                let (episode, known) = self.known(*alert)?;
                known.cleared.ok_or(Refused::NotOver)?;
                Ok((Fact::AlertResolved { episode }, about(&episode, *alert)))
            }
            Deed::Shelve { unit, length, reason } => {
                let subject = self.about_unit(*unit)?;
                if !(DurationMs::minutes(1)..=SHELVE_MAX).contains(length) {
                    return Err(Refused::Length);
                }
                let reason = words(reason).ok_or(Refused::NoReason)?;
                Ok((Fact::ShelveStarted { until_ms: now + *length, reason }, subject))
            }
            Deed::Unshelve(unit) => {
                let subject = self.about_unit(*unit)?;
                self.state.shelved_until(*unit).ok_or(Refused::NotSilenced)?;
                Ok((Fact::ShelveEnded { by: ShelveEnd::Person }, subject))
            }
            Deed::Log { unit, temperature, note } => {
                let subject = self.about_unit(*unit)?;
                let fact = Fact::ManualLogRecorded {
                    temperature_centi_c: Some(temperature.hundredths()),
                    taken_ms: now,
                    note: words(note),
                };
                Ok((fact, subject))
            }
        }
    }

    fn known(&self, alert: AlertId) -> Result<(EpisodeKey, &frostguard_shared::rules::Alert), Refused> {
        let episode = self.episode_of(alert).ok_or(Refused::NoSuchAlert)?;
        Ok((episode, self.state.alert(&episode).ok_or(Refused::NoSuchAlert)?))
    }

    fn about_unit(&self, unit: UnitId) -> Result<Subject, Refused> {
        self.site.unit(unit).ok_or(Refused::NoSuchUnit)?;
        Ok(Subject { unit: Some(unit), ..Subject::default() })
    }

    /// Records what somebody did; it is on the disk when this returns, or refused as not recorded.
    fn record(&mut self, draft: Draft) -> Result<Result<(), Refused>, WatchError> {
        self.append(draft)?;
        self.settle()?;
        Ok(if self.storage_fault.is_some() { Err(Refused::NotRecorded) } else { Ok(()) })
    }

    pub(super) fn episode_of(&self, alert: AlertId) -> Option<EpisodeKey> {
        self.state
            .alerts()
            .map(|(episode, _)| *episode)
            .find(|episode| self.alerts.get(episode).is_some_and(|(id, _)| *id == alert))
    }
}

/// An alert as the subject of an event.
pub(super) fn about(episode: &EpisodeKey, alert: AlertId) -> Subject {
    Subject { unit: Some(episode.unit), device: None, point: Some(episode.point), alert: Some(alert) }
}
