//! The fold: one record after another moves the state.
//!
//! Owns how a record reaches its point, how deadlines fire, and what downtime, jumps of the axis and changed rules
//! mean. What a value means for its point's regions is in `regions`.

use super::alert::Acknowledgement;
use super::config::SiteRules;
use super::effect::{AlertChange, Effect, EpisodeKey, Region, Why};
use super::record::{Input, Record};
use super::state::{Due, PointState, Side, State};
use super::thermal::Thermal;
use crate::ids::PointId;
use crate::point::Assignment;
use crate::time::{DurationMs, RuleMs};

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
                let unit = self.state.points.get(&point).map(|state| state.assignment.unit);
                let thermal = unit.and_then(|unit| self.state.unit_rules(unit).thermal);
                thermal.map_or(0, |rule| rule.distance(temperature))
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
        match &record.input {
            Input::Started { down_from, known } => self.started(at, *down_from, *known),
            _ => self.fire_before(at),
        }
        self.state.frontier = at;
        match &record.input {
            Input::Started { .. } | Input::Tick | Input::Recovered { .. } => {}
            Input::ClockCorrected { to } => self.shift(*to - at),
            Input::Deaf { until, length } => {
                self.excuse(*length);
                self.excused = Some(*until);
            }
            Input::RulesApplied(rules) => self.apply_rules(at, rules),
            Input::Assigned(assignment) => self.assign(*assignment),
            Input::Door { point, door } => {
                if let Some(state) = self.state.points.get_mut(point) {
                    state.door = Some(*door);
                }
            }
            Input::Reading { point, temperature, quality, live } => {
                if *live {
                    self.hear(*point, at, quality.is_valid());
                }
                if quality.is_valid() {
                    self.value(*point, at, *temperature);
                } else {
                    self.doubt(*point, at, Some(*temperature));
                }
            }
            Input::Fault { point } => self.doubt(*point, at, None),
            Input::Quieted { episode, until } => {
                if let Some(alert) = self.state.alerts.get_mut(episode) {
                    alert.quiet.until = Some(*until);
                    alert.quiet.times += 1;
                }
            }
            Input::Acknowledged { episode, until } => {
                if let Some(alert) = self.state.alerts.get_mut(episode) {
                    alert.acknowledgement = Acknowledgement::Until(*until);
                }
                self.state.alerts.retain(|_, alert| !alert.is_done());
            }
        }
    }

    fn late(&mut self, record: &Record) {
        let Input::Reading { point, .. } = &record.input else { return };
        if let Some(state) = self.state.points.get(point) {
            self.effects.push(Effect::NeedHistory { unit: state.assignment.unit, from: record.at });
        }
    }

    /// Downtime: nobody listened, so no point gets later by it; but food went on warming, so all else elapsed.
    fn started(&mut self, at: RuleMs, down_from: Option<RuleMs>, known: bool) {
        if let Some(from) = down_from.filter(|_| self.excused != Some(at)) {
            self.excuse(at - from);
        }
        self.fire_before(at);
        if known || down_from.is_none() {
            return;
        }
        for state in self.state.points.values_mut() {
            state.warm.after_unknown_downtime();
            state.cold.after_unknown_downtime();
            state.door = None;
        }
        let ends: Vec<EpisodeKey> =
            self.state.alerts.iter().filter(|(_, a)| a.ends_at().is_some()).map(|(k, _)| *k).collect();
        for episode in ends {
            self.end_alert(episode, at, RuleMs(i64::MAX));
        }
    }

    /// Nobody listened for so long: that is no silence of the sensors.
    fn excuse(&mut self, length: DurationMs) {
        for state in self.state.points.values_mut() {
            state.data.shift(length);
            state.instrument.shift(length);
        }
    }

    fn shift(&mut self, jump: DurationMs) {
        for state in self.state.points.values_mut() {
            state.warm.shift(jump);
            state.cold.shift(jump);
            state.data.shift(jump);
            state.instrument.shift(jump);
        }
        for alert in self.state.alerts.values_mut() {
            alert.shift(jump);
        }
    }

    fn fire_before(&mut self, limit: RuleMs) {
        while let Some((at, due)) = self.state.next_due() {
            if at >= limit {
                return;
            }
            match due {
                Due::Confirm(point, side) => {
                    self.thermal(point, side, at, |thermal, _, _| thermal.confirm(at))
                }
                Due::Worsen(point) => self.worsen(point, at),
                Due::Fault(point) => self.fault(point, at),
                Due::AlertEnds(episode) => self.end_alert(episode, at, at),
            }
        }
    }

    fn end_alert(&mut self, episode: EpisodeKey, at: RuleMs, by: RuleMs) {
        if let Some(alert) = self.state.alerts.get_mut(&episode)
            && alert.end(by)
        {
            self.effects.push(Effect::Alert { at, episode, change: AlertChange::AckExpired });
        }
    }

    /// A point that stays in its unit keeps what is known of it. One that moves begins anew, and what it had alarmed
    /// about ends, visibly.
    fn assign(&mut self, assignment: Assignment) {
        let known = self.state.points.get_mut(&assignment.point);
        match known.filter(|known| known.assignment.unit == assignment.unit && assignment.role.alarms()) {
            Some(known) => known.assignment = assignment,
            None => {
                self.retire(assignment.point, assignment.from, "the point was assigned to something else");
                self.state.points.insert(assignment.point, PointState::new(assignment));
            }
        }
    }

    fn apply_rules(&mut self, at: RuleMs, rules: &SiteRules) {
        let changed = |unit| rules.units.get(&unit) != self.state.rules.units.get(&unit);
        let points: Vec<(PointId, PointState)> =
            self.state.points.iter().map(|(id, state)| (*id, *state)).collect();
        let touched: Vec<PointId> =
            points.iter().filter(|(_, state)| changed(state.assignment.unit)).map(|(id, _)| *id).collect();
        self.state.rules = rules.clone();
        for (point, _) in points.iter().filter(|(id, _)| !rules.points.contains(id)) {
            self.retire(*point, at, "the point was taken out of the site document");
        }
        for point in touched {
            for side in Side::BOTH {
                self.rule_changed(point, side, at);
            }
        }
    }

    /// A changed rule ends an episode only if the last believable value is inside the new limits.
    fn rule_changed(&mut self, point: PointId, side: Side, at: RuleMs) {
        let Some(state) = self.state.points.get(&point).copied() else { return };
        let Some(since) = state.side(side).episode() else { return };
        let rule = self.state.unit_rules(state.assignment.unit).thermal;
        let limit = rule.as_ref().and_then(|rule| Some((side.limit(rule)?, *rule)));
        let inside = match (limit, state.last) {
            (None, _) => true,
            (Some((limit, rule)), Some((_, value))) => !rule.violates(limit, value),
            (Some(_), None) => false,
        };
        if inside {
            let why = Why::because("rule_changed: the last value is inside the new limits");
            self.end_episode(point, side, since, at, why);
        }
    }

    /// A point was taken away: its episodes end, visibly.
    fn retire(&mut self, point: PointId, at: RuleMs, text: &str) {
        let open: Vec<EpisodeKey> = self
            .state
            .alerts
            .iter()
            .filter(|(k, a)| k.point == point && a.cleared.is_none())
            .map(|(k, _)| *k)
            .collect();
        for episode in open {
            self.clear(episode, at, Why::because(text));
        }
        self.state.points.remove(&point);
    }

    fn end_episode(&mut self, point: PointId, side: Side, since: RuleMs, at: RuleMs, why: Why) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let (from, unit) = (state.side(side).word(), state.assignment.unit);
        state.set_side(side, Thermal::Normal);
        self.transition(at, point, Region::Thermal, from, Thermal::Normal.word(), why.clone());
        let episode = EpisodeKey { unit, point, condition: side.condition(), since };
        if self.state.alerts.get(&episode).is_some_and(|alert| alert.cleared.is_none()) {
            self.clear(episode, at, why);
        }
    }
}
