//! Conditions other than temperature: silence, disbelief, doors, batteries, calibrations.
//!
//! Owns what each of their moves means for the unit's alerts. Only what is heard and believed ends a silence or a doubt.

use super::door::{DoorState, Stage};
use super::effect::Region;
use super::listening::{Heard, Instrument};
use super::point_state::{Battery, PointState};
use super::raising::Cause;
use super::scene::Scene;
use super::unit_state::UnitState;
use super::why::{self, Doubt};
use crate::alarm::{Condition, Severity};
use crate::reading::Door;
use crate::time::RuleMs;

/// Silence and disbelief.
impl UnitState {
    /// A live reading came.
    pub(super) fn hear(&mut self, place: usize, at: RuleMs, believed: bool, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        point.alive = point.alive.max(at);
        let before = point.data.heard;
        point.data.hear(at, believed);
        let (after, alarms) = (point.data.heard, point.alarms());
        if before.word() == after.word() || !alarms {
            return;
        }
        let why = why::heard_again();
        self.transition(at, Some(place), Region::Data, [before.word(), after.word()], why.clone(), scene);
        if after == Heard::Fresh {
            self.clear(Condition::Silent, at, why, scene);
            self.ease(at, scene);
        }
    }

    /// A point was not heard for too long.
    pub(super) fn worsen(&mut self, place: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        let before = point.data.heard;
        point.data.worsen(at);
        let (after, silent, id) = (point.data.heard, at - point.data.last, point.id());
        let why = why::silent(&self.rules.silence, matches!(after, Heard::Late), silent);
        self.transition(at, Some(place), Region::Data, [before.word(), after.word()], why.clone(), scene);
        if let Heard::Lost(_) = after {
            self.went_dark(at, scene, &why);
        }
        if let (Heard::Late, Heard::Lost(since)) = (before, after)
            && self.rules.silence.telling.enabled.value
        {
            let severity = self.dark_severity(self.rules.silence.telling.severity.value);
            let key = self.key(id, Condition::Silent, since);
            self.raise(key, at, Cause::of(severity, 0), why, scene);
        }
    }

    /// One point lost of several is a warning; when nothing is known of the unit any more, the rule's severity.
    fn dark_severity(&self, all: Severity) -> Severity {
        if self.alarm_points().all(PointState::is_dark) { all } else { all.min(Severity::Warning) }
    }

    /// The last point of the unit may have gone dark: what was told as a warning is more than that.
    fn went_dark(&mut self, at: RuleMs, scene: &mut Scene<'_>, why: &super::effect::Why) {
        if !self.alarm_points().all(PointState::is_dark) {
            return;
        }
        let active = self
            .alerts
            .iter()
            .position(|(key, alert)| key.condition == Condition::Silent && alert.is_active());
        if let Some(place) = active {
            let cause = Cause::of(self.rules.silence.telling.severity.value, 0);
            self.upgrade(place, at, cause, why.clone(), scene);
        }
    }

    /// A value came that is not to be believed, or none though the sensor is alive.
    pub(super) fn doubt(&mut self, place: usize, at: RuleMs, doubt: Doubt, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        if point.is_door() {
            point.door.doubt();
            return;
        }
        let before = point.instrument;
        point.instrument.doubt(at);
        self.instrument_moved(place, at, before, why::doubted(doubt), scene);
    }

    /// No believable value came for too long.
    pub(super) fn fault(&mut self, place: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        let before = point.instrument;
        point.instrument.confirm();
        self.instrument_moved(place, at, before, why::faulty(), scene);
    }

    /// A believable value came.
    pub(super) fn trust(&mut self, place: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        let before = point.instrument;
        if before == Instrument::Ok {
            return;
        }
        point.instrument.believe();
        self.instrument_moved(place, at, before, why::believable_again(), scene);
    }

    fn instrument_moved(
        &mut self,
        place: usize,
        at: RuleMs,
        before: Instrument,
        why: super::effect::Why,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = self.points.get(place) else { return };
        let (after, id) = (point.instrument, point.id());
        if before.word() == after.word() || !point.alarms() {
            return;
        }
        self.transition(
            at,
            Some(place),
            Region::Instrument,
            [before.word(), after.word()],
            why.clone(),
            scene,
        );
        match (before, after) {
            (_, Instrument::Fault { since, .. }) => {
                self.went_dark(at, scene, &why);
                if self.rules.instrument.telling.enabled.value {
                    let severity = self.rules.instrument.telling.severity.value;
                    let key = self.key(id, Condition::SensorFault, since);
                    self.raise(key, at, Cause::of(severity, 0), why, scene);
                }
            }
            (Instrument::Fault { .. }, _) => self.clear(Condition::SensorFault, at, why, scene),
            _ => {}
        }
    }
}

/// Doors.
impl UnitState {
    /// A door moved, by what its contact tells.
    pub(super) fn door_moved(&mut self, place: usize, at: RuleMs, door: Door, scene: &mut Scene<'_>) {
        self.with_door(place, at, scene, |state, _| {
            state.take(at, door);
            None
        });
    }

    /// Time passed at a door.
    pub(super) fn door_passes(&mut self, place: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let (rule, calendar) = (self.rules.door, scene.calendar);
        self.with_door(place, at, scene, |state, _| state.pass(at, &rule, calendar));
    }

    fn with_door(
        &mut self,
        place: usize,
        at: RuleMs,
        scene: &mut Scene<'_>,
        act: impl FnOnce(&mut DoorState, RuleMs) -> Option<Stage>,
    ) {
        let Some(point) = self.points.get_mut(place) else { return };
        let before = point.door;
        let reached = act(&mut point.door, at);
        let (after, id) = (point.door, point.id());
        if before.word() != after.word() {
            let why = why::door(after.word());
            self.transition(at, Some(place), Region::Door, [before.word(), after.word()], why.clone(), scene);
            if after == DoorState::Closed {
                self.clear(Condition::DoorOpen, at, why, scene);
            }
        }
        let (DoorState::Open { since, .. } | DoorState::Closing { since, .. }) = after else { return };
        let severity = match reached {
            Some(Stage::Warned) => self.rules.door.telling.severity.value,
            Some(Stage::Critical) => Severity::Critical,
            Some(Stage::Open) | None => return,
        };
        let verified = !matches!(after, DoorState::Open { verified: false, .. });
        let why = why::door_stands_open(&self.rules.door, severity, at - since, verified);
        let key = self.key(id, Condition::DoorOpen, since);
        self.raise(key, at, Cause::of(severity, 0), why, scene);
    }
}

/// Batteries and calibrations.
impl UnitState {
    /// What is left of a battery.
    pub(super) fn battery(&mut self, place: usize, at: RuleMs, percent: u32, scene: &mut Scene<'_>) {
        let threshold = self.rules.battery.low_percent.value;
        let Some(point) = self.points.get_mut(place) else { return };
        let before = point.battery;
        point.battery.take(at, percent, threshold);
        let after = point.battery;
        if before.word() == after.word() {
            return;
        }
        let why = why::battery(&self.rules.battery, percent);
        self.transition(at, Some(place), Region::Battery, [before.word(), after.word()], why.clone(), scene);
        if after == Battery::Enough {
            self.clear(Condition::LowBattery, at, why, scene);
        }
    }

    /// A battery was low for long enough.
    pub(super) fn battery_low(&mut self, place: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        let Battery::Sinking { since, .. } = point.battery else { return };
        point.battery = Battery::Low { since };
        let id = point.id();
        let why = why::battery_low(&self.rules.battery);
        self.transition(at, Some(place), Region::Battery, ["sinking", "low"], why.clone(), scene);
        let severity = self.rules.battery.telling.severity.value;
        self.raise(self.key(id, Condition::LowBattery, since), at, Cause::of(severity, 0), why, scene);
    }

    /// A calibration is due.
    pub(super) fn calibration_comes_due(&mut self, place: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        point.calibration_due = point.calibration.due;
        let id = point.id();
        let why = why::calibration_due(&self.rules.calibration);
        self.transition(at, Some(place), Region::Calibration, ["valid", "due"], why.clone(), scene);
        let severity = self.rules.calibration.telling.severity.value;
        self.raise(self.key(id, Condition::CalibrationDue, at), at, Cause::of(severity, 0), why, scene);
    }
}
