//! Changes: what new rules, and points that come, move and go, mean for what is going on.
//!
//! Owns that an episode ends by a changed rule only if the last believed value is inside the new limits, and that whatever
//! ends by a change ends visibly.

use super::config::{Calibration, SiteRules, UnitRules};
use super::door::{DoorState, Stage};
use super::effect::{Region, Why};
use super::fold::Fold;
use super::listening::{Heard, Instrument};
use super::manual::Pressing;
use super::point_state::{Battery, PointState};
use super::raising::Cause;
use super::scene::Scene;
use super::thermal::Side;
use super::unit_state::UnitState;
use super::why;
use crate::alarm::Condition;
use crate::ids::{PointId, UnitId};
use crate::point::Assignment;
use crate::quantity::CentiCelsius;
use crate::time::RuleMs;

impl Fold {
    pub(super) fn apply_rules(&mut self, at: RuleMs, rules: &SiteRules) {
        self.state.rules = rules.clone();
        self.state.calendar.set_zone(&rules.zone);
        for (id, unit) in &rules.units {
            if self.state.unit_place(*id).is_none() {
                self.add_unit(*id, unit.clone());
            }
        }
        let gone: Vec<PointId> =
            self.state.points().map(PointState::id).filter(|id| !rules.points.contains(id)).collect();
        for point in gone {
            self.retire(point, at, &why::taken_away());
        }
        for place in 0..self.state.units.len() {
            self.with(place, at, |unit, scene| {
                // A unit that no rules name any more has none, which shows.
                let new = rules.units.get(&unit.id).cloned().unwrap_or_default();
                for point in &mut unit.points {
                    let calibration = rules.calibrations.get(&point.id());
                    point.calibration = calibration.copied().unwrap_or_default();
                }
                let old = std::mem::replace(&mut unit.rules, new);
                unit.reckon(at, scene);
                unit.recalibrate(at, scene);
                if unit.rules != old {
                    unit.rules_changed(&old, at, scene);
                }
                unit.guard(at, true, scene);
            });
        }
        self.state.index();
    }

    fn add_unit(&mut self, id: UnitId, rules: UnitRules) {
        let place = self.state.units.partition_point(|unit| unit.id < id);
        self.state.units.insert(place, UnitState::new(id, rules));
        self.state.index();
    }

    /// A point that stays in its unit keeps what is known of it. One that moves begins anew, and what it had alarmed
    /// about ends, visibly.
    pub(super) fn assign(&mut self, assignment: Assignment) {
        let at = assignment.from.max(self.state.frontier);
        let known = self.state.point(assignment.point).map(|point| point.assignment);
        let stays = known.is_some_and(|known| {
            known.unit == assignment.unit && known.role.alarms() == assignment.role.alarms()
        });
        if !stays {
            self.retire(assignment.point, at, &why::assigned_elsewhere());
            if self.state.unit_place(assignment.unit).is_none() {
                self.add_unit(assignment.unit, UnitRules::default());
            }
        }
        let calibration = self.state.rules.calibrations.get(&assignment.point).copied().unwrap_or_default();
        let are_known = !self.state.rules.units.is_empty();
        let Some(place) = self.state.unit_place(assignment.unit) else { return };
        self.with(place, at, |unit, scene| {
            match unit.points.iter_mut().find(|point| point.id() == assignment.point) {
                Some(known) => known.assignment = assignment,
                None => unit.points.push(PointState { calibration, ..PointState::new(assignment) }),
            }
            unit.guard(at, are_known, scene);
        });
        self.state.index();
    }

    /// A point was taken away: its conditions end, visibly.
    fn retire(&mut self, point: PointId, at: RuleMs, why: &Why) {
        let Some(place) = self.state.place(point) else { return };
        self.with(place.unit, at, |unit, scene| {
            let heard = unit.points.remove(place.point).data.heard.word();
            for condition in Condition::ALL {
                unit.clear(condition, at, why.clone(), scene);
            }
            unit.point_retired(at, point, heard, why, scene);
        });
        self.state.index();
    }
}

fn limits_on(rules: &UnitRules, side: Side) -> bool {
    rules.limits.iter().any(|rule| side.limit(rule).is_some())
}

fn violates(rules: &UnitRules, side: Side, value: CentiCelsius) -> bool {
    let tiers = rules.limits.iter().filter_map(|rule| Some((rule, side.limit(rule)?)));
    tiers.into_iter().any(|(rule, limit)| rule.violates(limit, value))
}

impl UnitState {
    /// Whether there is any limit at all, for a unit that has a sensor, once rules are known.
    fn guard(&mut self, at: RuleMs, are_known: bool, scene: &mut Scene<'_>) {
        let unguarded = are_known && self.alarm_points().next().is_some() && self.rules.is_unguarded();
        match (self.unguarded, unguarded) {
            (None, true) => {
                self.unguarded = Some(at);
                let why = why::unguarded();
                self.transition(at, None, Region::Limits, ["set", "missing"], why.clone(), scene);
                let severity = self.rules.silence.telling.severity.value;
                let key = self.key(self.own_point(), Condition::Unguarded, at);
                self.raise(key, at, Cause::of(severity, 0), why, scene);
            }
            (Some(_), false) => {
                self.unguarded = None;
                let why = why::guarded();
                self.transition(at, None, Region::Limits, ["missing", "set"], why.clone(), scene);
                self.clear(Condition::Unguarded, at, why, scene);
            }
            _ => {}
        }
    }

    /// A later date for a calibration ends that it is due.
    fn recalibrate(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        let runs = self.rules.calibration.telling.enabled.value;
        let lead = self.rules.calibration.lead.value;
        for place in 0..self.points.len() {
            let Some(point) = self.points.get_mut(place) else { return };
            let is_due = |calibration: &Calibration| {
                calibration
                    .due
                    .is_some_and(|due| RuleMs(scene.calendar.rule_of(due).0.saturating_sub(lead.0)) <= at)
            };
            let same = point.calibration_due == point.calibration.due;
            if point.calibration_due.is_some() && !(runs && (same || is_due(&point.calibration))) {
                point.calibration_due = None;
                let why = why::rule_changed();
                self.transition(at, Some(place), Region::Calibration, ["due", "valid"], why, scene);
            }
        }
        self.clear(Condition::CalibrationDue, at, why::rule_changed(), scene);
    }

    fn rules_changed(&mut self, old: &UnitRules, at: RuleMs, scene: &mut Scene<'_>) {
        for place in 0..self.points.len() {
            for side in Side::BOTH {
                self.limits_changed(place, side, old, at, scene);
            }
        }
        for side in Side::BOTH {
            if !limits_on(&self.rules, side)
                && let Some(open) = self.by_hand.get_mut(side as usize)
                && open.take().is_some()
            {
                self.clear(side.condition(), at, why::rule_changed(), scene);
            }
        }
        if self.rules.manual != old.manual {
            self.relieve(at, scene);
        }
        self.switched_off(at, scene);
        self.switched_on(at, scene);
    }

    /// A changed rule ends an episode only if the last believable value is inside the new limits, and was outside the old
    /// ones: one that had come back before recovers in its own way.
    fn limits_changed(
        &mut self,
        place: usize,
        side: Side,
        old: &UnitRules,
        at: RuleMs,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = self.points.get(place) else { return };
        let before = point.side(side).phase;
        if before.episode().is_none() {
            return;
        }
        let inside = match point.last {
            _ if !limits_on(&self.rules, side) => true,
            Some((_, raw)) => {
                let value = point.evaluated(raw);
                violates(old, side, value) && !violates(&self.rules, side, value)
            }
            None => false,
        };
        if !inside {
            return;
        }
        if let Some(point) = self.points.get_mut(place) {
            point.side_mut(side).end(at);
        }
        let why = why::rule_changed();
        self.transition(at, Some(place), Region::Thermal, [before.word(), "normal"], why.clone(), scene);
        self.clear(side.condition(), at, why, scene);
        self.forget_done();
    }

    /// Rules that do not run any more: what they had told of ends, visibly.
    fn switched_off(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        let off = |condition: Condition| !self.rules.telling(condition.alert_type()).enabled.value;
        let gone: Vec<Condition> = Condition::ALL
            .into_iter()
            .filter(|condition| !condition.is_thermal() && *condition != Condition::Unguarded)
            .filter(|condition| off(*condition))
            .collect();
        for condition in gone {
            for point in &mut self.points {
                match condition {
                    Condition::DoorOpen => point.door.unwarn(),
                    Condition::LowBattery => {
                        if let Battery::Low { since } = point.battery {
                            point.battery = Battery::Sinking { since, counts_from: at };
                        }
                    }
                    _ => {}
                }
            }
            if condition == Condition::ManualMissed {
                self.manual.pressing = Pressing::No;
            }
            self.end_alert(condition, at, why::rule_off(), scene);
        }
    }

    /// Rules that run again: what is silent or not believed now is told of.
    fn switched_on(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        let quiet = |condition: Condition| {
            self.rules.telling(condition.alert_type()).enabled.value
                && !self.alerts.iter().any(|(key, alert)| key.condition == condition && alert.is_active())
        };
        let (silent, faulty) = (quiet(Condition::Silent), quiet(Condition::SensorFault));
        let found = self.alarm_points().find_map(|point| match (point.data.heard, point.instrument) {
            (Heard::Lost(since), _) if silent => Some((Condition::Silent, point.id(), since)),
            (_, Instrument::Fault { since, .. }) if faulty => {
                Some((Condition::SensorFault, point.id(), since))
            }
            _ => None,
        });
        if let Some((condition, point, since)) = found {
            let severity = self.rules.telling(condition.alert_type()).severity.value;
            let key = self.key(point, condition, since);
            self.raise(key, at, Cause::of(severity, 0), why::rule_on(), scene);
        }
    }
}

impl DoorState {
    /// Nobody knows how long nobody listened: a door that was only open is unknown; one that was told of stays so.
    pub(super) fn forget(&mut self) {
        match self {
            Self::Open { stage: Stage::Open, .. }
            | Self::Closed
            | Self::Closing { stage: Stage::Open, .. } => {
                *self = Self::Unknown;
            }
            Self::Open { verified, .. } => *verified = false,
            Self::Unknown | Self::Closing { .. } => {}
        }
    }

    /// Its rule does not run any more: if it does again, the door is told of again.
    fn unwarn(&mut self) {
        if let Self::Open { stage, .. } | Self::Closing { stage, .. } = self {
            *stage = Stage::Open;
        }
    }
}
