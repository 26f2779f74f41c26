//! The fold: one record after another moves the state.
//!
//! Owns how a record reaches its unit, how deadlines fire, and what downtime and jumps of the axis mean. What a record means
//! for a unit is in the units' own files; what changed rules mean is in `changes`.

use super::effect::Effect;
use super::record::{Input, Record};
use super::scene::Scene;
use super::state::State;
use super::unit_state::{Due, UnitState};
use super::why::Doubt;
use crate::ids::{PointId, UnitId};
use crate::time::{DurationMs, RuleMs, Trust};

/// A state on its way through a record, with the effects so far.
pub(super) struct Fold {
    pub(super) state: State,
    pub(super) effects: Vec<Effect>,
    /// The start whose downtime has been excused already.
    excused: Option<RuleMs>,
}

impl Fold {
    pub(super) fn new(state: State) -> Self {
        Self { state, effects: Vec::new(), excused: None }
    }

    pub(super) fn finish(self) -> (State, Vec<Effect>) {
        (self.state, self.effects)
    }

    /// True if `one` is the worse of two readings of the same point and instant, or as bad.
    pub(super) fn is_worse(&self, one: &Record, other: &Record) -> bool {
        let distance = |record: &Record| match record.input {
            Input::Reading { point, temperature, .. } => {
                let unit = self.state.place(point).and_then(|place| self.state.units.get(place.unit));
                unit.map_or(0, |unit| unit.rules.distance(temperature))
            }
            _ => 0,
        };
        (distance(one), one.order(other).is_ge()) >= (distance(other), other.order(one).is_gt())
    }

    pub(super) fn take(&mut self, record: &Record) {
        let at = record.at;
        if at < self.state.frontier {
            self.late(record);
            return;
        }
        if let Input::Started { down_from, known, trust } = record.input {
            self.started(at, down_from, known, trust);
            self.state.frontier = at;
            return;
        }
        self.fire_before(at);
        self.state.frontier = at;
        match &record.input {
            Input::Started { .. } | Input::Tick | Input::Recovered { .. } => {}
            Input::ClockCorrected { to, offset } => {
                self.all(at, |_, _| {});
                self.shift(*to - at);
                self.state.calendar.set_offset(*offset);
                self.state.calendar.set_trusted(true);
                self.reckon(at, *to);
            }
            Input::ClockUntrusted => {
                self.state.calendar.set_trusted(false);
                self.reckon(at, at);
            }
            Input::Deaf { until, length } => {
                self.excuse(*length);
                self.excused = Some(*until);
            }
            Input::RulesApplied(rules) => self.apply_rules(at, rules),
            Input::Assigned(assignment) => self.assign(*assignment),
            input => self.take_unit(at, input),
        }
    }

    /// Records that concern one unit.
    fn take_unit(&mut self, at: RuleMs, input: &Input) {
        match input {
            Input::Door { point, door } => {
                self.at_point(*point, at, |unit, place, scene| unit.door_moved(place, at, *door, scene));
            }
            Input::Defrost { unit, defrost } => {
                self.at_unit(*unit, at, |unit, _| unit.defrost(at, *defrost));
            }
            Input::Reading { point, temperature, quality, live, battery } => {
                self.at_point(*point, at, |unit, place, scene| {
                    if unit.has_seen(place, at, *temperature) {
                        return;
                    }
                    let believed = unit.value(place, at, *temperature, *quality, scene);
                    if *live {
                        unit.hear(place, at, believed, scene);
                    }
                    if let Some(percent) = battery {
                        unit.battery(place, at, u32::from(percent.percent()), scene);
                    }
                });
            }
            Input::Battery { point, percent } => {
                self.at_point(*point, at, |unit, place, scene| {
                    unit.battery(place, at, u32::from(percent.percent()), scene);
                });
            }
            Input::Fault { point } => {
                self.at_point(*point, at, |unit, place, scene| {
                    unit.doubt(place, at, Doubt::Missing, scene);
                });
            }
            Input::ManualLog { unit, temperature, taken } => {
                self.at_unit(*unit, at, |unit, scene| unit.log(at, *temperature, *taken, scene));
            }
            Input::Shelved { unit, until } => {
                self.at_unit(*unit, at, |unit, scene| unit.shelve(at, *until, scene));
            }
            Input::Unshelved { unit } => self.at_unit(*unit, at, |unit, scene| unit.unshelve(at, scene)),
            Input::Quieted { episode, until } => self.at_unit(episode.unit, at, |unit, _| {
                unit.quiet(episode, *until);
            }),
            Input::Acknowledged { episode, until } => self.at_unit(episode.unit, at, |unit, _| {
                unit.acknowledge(episode, at, *until);
            }),
            Input::Resolved { episode } => {
                self.at_unit(episode.unit, at, |unit, _| unit.resolve(episode));
            }
            _ => {}
        }
    }

    fn late(&mut self, record: &Record) {
        let point = |point: &PointId| {
            let place = self.state.place(*point)?;
            self.state.units.get(place.unit).map(|unit| unit.id)
        };
        let unit: Option<UnitId> = match &record.input {
            Input::Reading { point: of, .. }
            | Input::Door { point: of, .. }
            | Input::Fault { point: of }
            | Input::Battery { point: of, .. } => point(of),
            Input::ManualLog { unit, .. } | Input::Defrost { unit, .. } => Some(*unit),
            _ => None,
        };
        if let Some(unit) = unit {
            self.effects.push(Effect::NeedHistory { unit, from: record.at });
        }
    }

    fn at_point(
        &mut self,
        point: PointId,
        at: RuleMs,
        act: impl FnOnce(&mut UnitState, usize, &mut Scene<'_>),
    ) {
        if let Some(place) = self.state.place(point) {
            self.with(place.unit, at, |unit, scene| act(unit, place.point, scene));
        }
    }

    fn at_unit(&mut self, unit: UnitId, at: RuleMs, act: impl FnOnce(&mut UnitState, &mut Scene<'_>)) {
        if let Some(place) = self.state.unit_place(unit) {
            self.with(place, at, act);
        }
    }

    /// Lets something happen to a unit, at a time until which its time is counted first.
    pub(super) fn with(
        &mut self,
        place: usize,
        at: RuleMs,
        act: impl FnOnce(&mut UnitState, &mut Scene<'_>),
    ) {
        let State { units, calendar, cycled, dues, .. } = &mut self.state;
        let Some(unit) = units.get_mut(place) else { return };
        let mut scene = Scene { calendar, effects: &mut self.effects, cycled: *cycled, alarmed: false };
        unit.bank(at, &scene);
        act(unit, &mut scene);
        *cycled = scene.cycled;
        dues.set(place, unit.next_due(calendar).map(|(due, _)| due));
        if scene.alarmed {
            self.share_area(place, at);
        }
    }

    /// Two units of one place out of their limits are more than each by itself.
    fn share_area(&mut self, place: usize, at: RuleMs) {
        let Some(area) = self.state.units.get(place).and_then(|unit| unit.rules.area.clone()) else { return };
        let is_out = |unit: &UnitState| {
            unit.rules.area.as_ref() == Some(&area)
                && unit.alerts.iter().any(|(key, alert)| key.condition.is_thermal() && alert.is_active())
        };
        let out: Vec<usize> = (0..self.state.units.len())
            .filter(|place| self.state.units.get(*place).is_some_and(is_out))
            .collect();
        if out.len() > 1 {
            for place in out {
                self.with(place, at, |unit, scene| {
                    unit.share_area(at, scene);
                    scene.alarmed = false;
                });
            }
        }
    }

    fn all(&mut self, at: RuleMs, mut act: impl FnMut(&mut UnitState, &mut Scene<'_>)) {
        for place in 0..self.state.units.len() {
            self.with(place, at, &mut act);
        }
    }

    /// Downtime: nobody listened, so no point gets later by it; but food went on warming, so all else elapsed.
    fn started(&mut self, at: RuleMs, down_from: Option<RuleMs>, known: bool, trust: Trust) {
        if let Some(from) = down_from.filter(|_| self.excused != Some(at)) {
            // What was due before the downtime was due while somebody listened.
            self.fire_before(from);
            self.excuse(at - from);
        }
        self.fire_before(at);
        if trust.is_trusted() != self.state.calendar.is_trusted() {
            self.state.calendar.set_trusted(trust.is_trusted());
            self.reckon(at, at);
        }
        if !known && down_from.is_some() {
            self.all(at, |unit, scene| unit.after_unknown_downtime(at, scene));
        }
    }

    /// Nobody listened for so long: that is no silence of the sensors.
    fn excuse(&mut self, length: DurationMs) {
        for unit in &mut self.state.units {
            for point in &mut unit.points {
                point.data.excuse(length);
                point.instrument.shift(length);
            }
        }
        self.state.index();
    }

    fn shift(&mut self, jump: DurationMs) {
        for unit in &mut self.state.units {
            unit.shift(jump);
        }
        self.state.cycled = self.state.cycled.map(|cycled| cycled + jump);
        self.state.index();
    }

    /// What the calendar decides is reckoned anew, as of an instant from which on its clock holds.
    fn reckon(&mut self, at: RuleMs, from: RuleMs) {
        self.all(at, |unit, scene| unit.reckon(from, scene));
    }

    pub(super) fn fire_before(&mut self, limit: RuleMs) {
        while let Some((due, place)) = self.state.dues.first() {
            if due >= limit {
                return;
            }
            let at = due.max(self.state.frontier);
            self.state.frontier = at;
            self.with(place, at, |unit, scene| unit.fire(at, scene));
        }
    }
}

impl UnitState {
    /// The unit's earliest deadline has come.
    fn fire(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        let Some((_, due)) = self.next_due(scene.calendar).filter(|(due, _)| *due <= at) else { return };
        match due {
            // The time was counted, and the calendar looked at, on the way here.
            Due::Regime => {}
            Due::Confirm(place, side, tier) => self.confirm(place, side, tier, at, scene),
            Due::Cap(place, side, tier) => self.cap(place, side, tier, at, scene),
            Due::Worsen(place) => self.worsen(place, at, scene),
            Due::Fault(place) => self.fault(place, at, scene),
            Due::Door(place) => self.door_passes(place, at, scene),
            Due::Battery(place) => self.battery_low(place, at, scene),
            Due::Calibration(place) => self.calibration_comes_due(place, at, scene),
            Due::Manual => self.press(at, scene),
            Due::Shelve => {
                scene.effects.push(Effect::ShelveEnded { at, unit: self.id });
                self.unshelve(at, scene);
            }
            Due::Alert(place) => self.alert_ends(place, at, scene),
        }
    }

    /// Nobody knows how long the hub was down: what runs counts as enough, what people promised has ended, and what was
    /// known of doors is not known any more. An open door that was told of stays so until it is known to be closed.
    fn after_unknown_downtime(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        for point in &mut self.points {
            point.warm.after_unknown_downtime();
            point.cold.after_unknown_downtime();
            point.door.forget();
        }
        if self.shelved.is_some() {
            scene.effects.push(Effect::ShelveEnded { at, unit: self.id });
            self.unshelve(at, scene);
        }
        self.end_promises(at, scene);
    }
}
