//! Owns a run of the engine as a test watches it: the state, every effect, and what the effects add up to.
//! Takes records one after another; gives the regions and the open alerts as their transitions tell of them.
//! Must never look into the state for what the effects should have said.

use std::collections::{BTreeMap, BTreeSet};

use frostguard_shared::ids::{PointId, UnitId};
use frostguard_shared::rules::{
    AlertChange, Condition, Effect, EpisodeKey, Record, Region, State, UnitStatus, step,
};
use frostguard_shared::time::RuleMs;

/// An engine that has folded some records.
#[derive(Clone, Default)]
pub struct Folding {
    pub state: State,
    pub effects: Vec<Effect>,
    /// The words of the warm and the cold side of each point; which is which, transitions do not tell.
    thermal: BTreeMap<Option<PointId>, Vec<&'static str>>,
    /// Alerts that were raised and have not cleared since.
    open: BTreeSet<EpisodeKey>,
    /// Alerts that have cleared at least once.
    ever_cleared: BTreeSet<EpisodeKey>,
}

impl Folding {
    /// Folds a record; gives its own effects.
    pub fn fold(&mut self, record: &Record) -> Vec<Effect> {
        let (state, effects) = step(std::mem::take(&mut self.state), record);
        self.state = state;
        effects.iter().for_each(|effect| self.watch(effect));
        self.effects.extend(effects.iter().cloned());
        effects
    }

    fn watch(&mut self, effect: &Effect) {
        match effect {
            Effect::Transition(move_) if move_.region == Region::Thermal => {
                let words = self.thermal.entry(move_.point).or_insert_with(|| vec!["normal"; 2]);
                if let Some(word) = words.iter_mut().find(|word| **word == move_.from) {
                    *word = move_.to;
                }
            }
            Effect::Alert { episode, change, .. } => match change {
                AlertChange::Raised { .. } | AlertChange::Relapsed { .. } => {
                    self.open.insert(*episode);
                }
                AlertChange::Cleared { .. } => {
                    self.open.remove(episode);
                    self.ever_cleared.insert(*episode);
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// True if some side of the point is in one of these states.
    pub fn is_thermal(&self, point: PointId, wanted: &[&str]) -> bool {
        self.thermal.get(&Some(point)).is_some_and(|words| words.iter().any(|word| wanted.contains(word)))
    }

    pub fn open(&self) -> &BTreeSet<EpisodeKey> {
        &self.open
    }

    pub fn has_cleared(&self, episode: &EpisodeKey) -> bool {
        self.ever_cleared.contains(episode)
    }

    pub fn is_open(&self, unit: UnitId, condition: Condition) -> bool {
        self.open.iter().any(|key| key.unit == unit && key.condition == condition)
    }

    pub fn status(&self, unit: UnitId) -> UnitStatus {
        self.state.status(unit)
    }
}

/// When an alert of this condition was open at the unit: from, to; the last one may have no end.
pub fn spans(effects: &[Effect], unit: UnitId, condition: Condition) -> Vec<(RuleMs, RuleMs)> {
    let mut spans: Vec<(RuleMs, RuleMs)> = vec![];
    for effect in effects {
        let Effect::Alert { at, episode, change, .. } = effect else { continue };
        if episode.unit != unit || episode.condition != condition {
            continue;
        }
        match change {
            AlertChange::Raised { .. } | AlertChange::Relapsed { .. } => spans.push((*at, RuleMs(i64::MAX))),
            AlertChange::Cleared { .. } => {
                if let Some((_, to)) = spans.last_mut() {
                    *to = *at;
                }
            }
            _ => {}
        }
    }
    spans
}

/// How far a status is from all being well.
pub fn rank(status: UnitStatus) -> u8 {
    match status {
        UnitStatus::Ok => 0,
        UnitStatus::Restoring => 1,
        UnitStatus::Offline => 2,
        UnitStatus::Excursion => 3,
        UnitStatus::MonitoringInterrupted | UnitStatus::ManualRequired => 4,
        UnitStatus::AlarmActive => 5,
    }
}
