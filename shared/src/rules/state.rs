//! The engine's state: all points with their regions, all alerts, the rules in force.
//!
//! Owns what is known, the projection of a unit's status, and which deadline is next. Its serialised form is a
//! snapshot that can always be made again from the record; it is no frozen form.

use super::alert::Alert;
use super::config::{Limit, SilenceRule, SiteRules, ThermalRule, UnitRules};
use super::effect::{EpisodeKey, UnitStatus};
use super::listening::{Data, Heard, Instrument};
use super::thermal::Thermal;
use crate::alarm::Condition;
use crate::ids::{PointId, UnitId};
use crate::point::Assignment;
use crate::quantity::CentiCelsius;
use crate::reading::Door;
use crate::time::RuleMs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One side of the limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    Warm,
    Cold,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Warm, Self::Cold];

    pub(super) fn condition(self) -> Condition {
        match self {
            Self::Warm => Condition::TooWarm,
            Self::Cold => Condition::TooCold,
        }
    }

    pub(super) fn limit(self, rule: &ThermalRule) -> Option<Limit> {
        match self {
            Self::Warm => rule.max.map(|max| Limit::Above(max.value)),
            Self::Cold => rule.min.map(|min| Limit::Below(min.value)),
        }
    }
}

/// A deadline's subject.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Due {
    Confirm(PointId, Side),
    Worsen(PointId),
    Fault(PointId),
    AlertEnds(EpisodeKey),
}

/// All that is known of one point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct PointState {
    /// What it measures.
    pub assignment: Assignment,
    /// Its warm side.
    pub warm: Thermal,
    /// Its cold side.
    pub cold: Thermal,
    /// Whether it is heard.
    pub data: Data,
    /// Whether it is believed.
    pub instrument: Instrument,
    /// The last believable value and its rule time.
    pub last: Option<(RuleMs, CentiCelsius)>,
    /// For a door: its last known state.
    pub door: Option<Door>,
}

impl PointState {
    pub(super) fn new(assignment: Assignment) -> Self {
        Self {
            assignment,
            warm: Thermal::Normal,
            cold: Thermal::Normal,
            data: Data::assigned(assignment.from),
            instrument: Instrument::Ok,
            last: None,
            door: None,
        }
    }

    pub(super) fn side(&self, side: Side) -> Thermal {
        match side {
            Side::Warm => self.warm,
            Side::Cold => self.cold,
        }
    }

    pub(super) fn set_side(&mut self, side: Side, thermal: Thermal) {
        match side {
            Side::Warm => self.warm = thermal,
            Side::Cold => self.cold = thermal,
        }
    }

    /// Less is known of it than should be.
    pub(super) fn is_doubtful(&self) -> bool {
        matches!(self.data.heard, Heard::Late | Heard::Lost(_)) || self.instrument != Instrument::Ok
    }

    /// Nothing is known of it now.
    pub(super) fn is_dark(&self) -> bool {
        matches!(self.data.heard, Heard::Lost(_)) || matches!(self.instrument, Instrument::Fault { .. })
    }
}

/// The whole state of a site's rules.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub(super) frontier: RuleMs,
    pub(super) rules: SiteRules,
    pub(super) points: BTreeMap<PointId, PointState>,
    pub(super) alerts: BTreeMap<EpisodeKey, Alert>,
}

impl State {
    /// The latest rule time folded.
    pub fn frontier(&self) -> RuleMs {
        self.frontier
    }
    /// The rules in force.
    pub fn rules(&self) -> &SiteRules {
        &self.rules
    }
    /// All points.
    pub fn points(&self) -> impl Iterator<Item = (&PointId, &PointState)> {
        self.points.iter()
    }
    /// One point.
    pub fn point(&self, point: PointId) -> Option<&PointState> {
        self.points.get(&point)
    }
    /// All alerts that people should see, by episode.
    pub fn alerts(&self) -> impl Iterator<Item = (&EpisodeKey, &Alert)> {
        self.alerts.iter()
    }
    /// One alert.
    pub fn alert(&self, episode: &EpisodeKey) -> Option<&Alert> {
        self.alerts.get(episode)
    }

    /// The status of a unit, projected from the regions of its points; the first that applies.
    pub fn status(&self, unit: UnitId) -> UnitStatus {
        let points: Vec<&PointState> = self.alarm_points(unit).collect();
        let thermal =
            |wanted: &str| points.iter().any(|p| p.warm.word() == wanted || p.cold.word() == wanted);
        if thermal("confirmed") {
            UnitStatus::AlarmActive
        } else if points.iter().all(|point| point.is_dark())
            && (!points.is_empty() || self.unit_rules(unit).thermal.is_some())
        {
            UnitStatus::MonitoringInterrupted
        } else if thermal("pending") {
            UnitStatus::Excursion
        } else if points.iter().any(|point| point.is_doubtful()) {
            UnitStatus::Offline
        } else if thermal("recovering")
            || points.iter().any(|p| matches!(p.data.heard, Heard::Returning { .. }))
        {
            UnitStatus::Restoring
        } else {
            UnitStatus::Ok
        }
    }

    pub(super) fn alarm_points(&self, unit: UnitId) -> impl Iterator<Item = &PointState> {
        self.points
            .values()
            .filter(move |point| point.assignment.unit == unit && point.assignment.role.alarms())
    }

    pub(super) fn unit_rules(&self, unit: UnitId) -> UnitRules {
        let unlimited = UnitRules { thermal: None, silence: SilenceRule::DEFAULT };
        self.rules.units.get(&unit).copied().unwrap_or(unlimited)
    }

    /// The earliest deadline.
    pub(super) fn next_due(&self) -> Option<(RuleMs, Due)> {
        let points =
            self.points.iter().filter(|(_, state)| state.assignment.role.alarms()).flat_map(|(id, state)| {
                let rules = self.unit_rules(state.assignment.unit);
                let confirms = Side::BOTH.into_iter().filter_map(move |side| {
                    let at = state.side(side).confirms_at(rules.thermal.as_ref()?)?;
                    Some((at, Due::Confirm(*id, side)))
                });
                let worsens = state.data.worsens_at(&rules.silence).map(|at| (at, Due::Worsen(*id)));
                let faults = state.instrument.confirms_at(&rules.silence).map(|at| (at, Due::Fault(*id)));
                confirms.chain(worsens).chain(faults)
            });
        let alerts =
            self.alerts.iter().filter_map(|(key, alert)| Some((alert.ends_at()?, Due::AlertEnds(*key))));
        points.chain(alerts).min()
    }
}
