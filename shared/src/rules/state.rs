//! The engine's state, and the fold that moves it.
//!
//! Owns how a record reaches the regions of its point, how deadlines fire, and what effects follow. Its serialised
//! form is a snapshot that can always be made again from the record; it is no frozen form.

use super::alert::{Acknowledgement, Alert};
use super::config::{Limit, SilenceRule, SiteRules, ThermalRule, UnitRules};
use super::effect::{AlertChange, Effect, EpisodeKey, Region, Transition, UnitStatus, Why};
use super::listening::{Data, Heard, Instrument};
use super::record::{Input, Record};
use super::thermal::{Move, Thermal};
use crate::alarm::{Condition, Severity, Sounding};
use crate::ids::{PointId, UnitId};
use crate::point::Assignment;
use crate::quantity::CentiCelsius;
use crate::reading::Door;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Cleared alerts that nobody has acknowledged are kept for people to see, at most so many; the oldest go first.
const CLEARED_KEPT: usize = 200;

/// One side of the limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    Warm,
    Cold,
}

impl Side {
    const BOTH: [Self; 2] = [Self::Warm, Self::Cold];

    fn condition(self) -> Condition {
        match self {
            Self::Warm => Condition::TooWarm,
            Self::Cold => Condition::TooCold,
        }
    }

    fn limit(self, rule: &ThermalRule) -> Option<Limit> {
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
    fn new(assignment: Assignment) -> Self {
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

    fn side(&self, side: Side) -> Thermal {
        match side {
            Side::Warm => self.warm,
            Side::Cold => self.cold,
        }
    }

    fn set_side(&mut self, side: Side, thermal: Thermal) {
        match side {
            Side::Warm => self.warm = thermal,
            Side::Cold => self.cold = thermal,
        }
    }

    /// Nothing is known of it now.
    fn is_dark(&self) -> bool {
        matches!(self.data.heard, Heard::Lost(_)) || matches!(self.instrument, Instrument::Fault { .. })
    }
}

/// The whole state of a site's rules.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct State {
    frontier: RuleMs,
    rules: SiteRules,
    points: BTreeMap<PointId, PointState>,
    alerts: BTreeMap<EpisodeKey, Alert>,
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
        } else if !points.is_empty() && points.iter().all(|point| point.is_dark()) {
            UnitStatus::MonitoringInterrupted
        } else if thermal("pending") {
            UnitStatus::Excursion
        } else if points.iter().any(|point| point.data.heard == Heard::Late || point.is_dark()) {
            UnitStatus::Offline
        } else if thermal("recovering")
            || points.iter().any(|p| matches!(p.data.heard, Heard::Returning { .. }))
        {
            UnitStatus::Restoring
        } else {
            UnitStatus::Ok
        }
    }

    fn alarm_points(&self, unit: UnitId) -> impl Iterator<Item = &PointState> {
        self.points
            .values()
            .filter(move |point| point.assignment.unit == unit && point.assignment.role.alarms())
    }

    fn unit_rules(&self, unit: UnitId) -> UnitRules {
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

/// A state on its way through a record, with the effects so far.
pub(super) struct Fold {
    state: State,
    effects: Vec<Effect>,
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
                    self.hear(*point, at);
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

    fn assign(&mut self, assignment: Assignment) {
        let fresh = PointState::new(assignment);
        self.state.points.insert(assignment.point, fresh);
    }

    fn apply_rules(&mut self, at: RuleMs, rules: &SiteRules) {
        let changed = |unit| rules.units.get(&unit) != self.state.rules.units.get(&unit);
        let points: Vec<(PointId, PointState)> =
            self.state.points.iter().map(|(id, state)| (*id, *state)).collect();
        let touched: Vec<PointId> =
            points.iter().filter(|(_, state)| changed(state.assignment.unit)).map(|(id, _)| *id).collect();
        self.state.rules = rules.clone();
        for (point, _) in points.iter().filter(|(id, _)| !rules.points.contains(id)) {
            self.retire(*point, at);
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
    fn retire(&mut self, point: PointId, at: RuleMs) {
        let open: Vec<EpisodeKey> = self
            .state
            .alerts
            .iter()
            .filter(|(k, a)| k.point == point && a.cleared.is_none())
            .map(|(k, _)| *k)
            .collect();
        for episode in open {
            self.clear(episode, at, Why::because("the point was taken out of the site document"));
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

/// The regions of a point.
impl Fold {
    fn value(&mut self, point: PointId, at: RuleMs, value: CentiCelsius) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        state.last = Some((at, value));
        let before = state.instrument;
        state.instrument.believe();
        self.instrument_moved(point, at, before, "values are believable again");
        for side in Side::BOTH {
            self.thermal(point, side, at, |thermal, limit, rule| thermal.take(at, value, limit, rule));
        }
    }

    /// Moves one side of a point that may alarm, and follows up what the move means.
    fn thermal(
        &mut self,
        point: PointId,
        side: Side,
        at: RuleMs,
        act: impl FnOnce(Thermal, Limit, &ThermalRule) -> (Thermal, Move),
    ) {
        let Some(state) = self.state.points.get(&point).copied() else { return };
        let unit = state.assignment.unit;
        let Some(rule) = self.state.unit_rules(unit).thermal.filter(|_| state.assignment.role.alarms())
        else {
            return;
        };
        let Some(limit) = side.limit(&rule) else { return };
        let before = state.side(side);
        let (after, made) = act(before, limit, &rule);
        if let Some(state) = self.state.points.get_mut(&point) {
            state.set_side(side, after);
        }
        let Some(since) = after.episode().or(before.episode()).filter(|_| made != Move::Stays) else {
            return;
        };
        let why = thermal_why(
            made,
            &state,
            side,
            &rule,
            at,
            since,
            self.state.points.get(&point).and_then(|p| p.last),
        );
        self.transition(at, point, Region::Thermal, before.word(), after.word(), why.clone());
        let episode = EpisodeKey { unit, point, condition: side.condition(), since };
        match made {
            Move::Confirms => self.raise(episode, at, rule.severity.value, why),
            Move::Clears => self.clear(episode, at, why),
            Move::Relapses => self.relapse(episode, at, rule.severity.value, why),
            Move::Stays | Move::Begins | Move::Passes | Move::Ends => {}
        }
    }

    fn hear(&mut self, point: PointId, at: RuleMs) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let before = state.data.heard;
        state.data.hear(at);
        let (after, assignment) = (state.data.heard, state.assignment);
        if before.word() == after.word() {
            return;
        }
        let why = Why::because("heard again");
        self.transition(at, point, Region::Data, before.word(), after.word(), why.clone());
        if let (Heard::Returning { lost, .. }, Heard::Fresh) = (before, after) {
            self.clear(
                EpisodeKey { unit: assignment.unit, point, condition: Condition::Silent, since: lost },
                at,
                why,
            );
        }
    }

    fn worsen(&mut self, point: PointId, at: RuleMs) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let before = state.data.heard;
        state.data.worsen(at);
        let (after, unit, last) = (state.data.heard, state.assignment.unit, state.data.last);
        let rule = self.state.unit_rules(unit).silence;
        let (field, count) = match after {
            Heard::Late => ("offline_warning_missed_checkins", rule.late_after),
            _ => ("offline_critical_missed_checkins", rule.lost_after),
        };
        let why = Why::because(format!("nothing heard for {} of listening", at - last))
            .by(field, i64::from(count.value), count.provenance)
            .with("silent_ms", (at - last).0);
        self.transition(at, point, Region::Data, before.word(), after.word(), why.clone());
        if let (Heard::Late, Heard::Lost(since)) = (before, after) {
            let severity = self.dark_severity(unit, rule.severity.value);
            self.raise(EpisodeKey { unit, point, condition: Condition::Silent, since }, at, severity, why);
        }
    }

    fn doubt(&mut self, point: PointId, at: RuleMs, value: Option<CentiCelsius>) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let before = state.instrument;
        state.instrument.doubt(at);
        let text = match value {
            Some(value) => format!("the sensor sent {value} °C, which is not to be believed"),
            None => "the sensor is alive but gives no value".into(),
        };
        self.instrument_moved(point, at, before, &text);
    }

    fn fault(&mut self, point: PointId, at: RuleMs) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let before = state.instrument;
        state.instrument.confirm();
        self.instrument_moved(point, at, before, "no believable value for three expected intervals");
    }

    fn instrument_moved(&mut self, point: PointId, at: RuleMs, before: Instrument, text: &str) {
        let Some(state) = self.state.points.get(&point).copied() else { return };
        let (after, unit) = (state.instrument, state.assignment.unit);
        if before.word() == after.word() || !state.assignment.role.alarms() {
            return;
        }
        let why = Why::because(text);
        self.transition(at, point, Region::Instrument, before.word(), after.word(), why.clone());
        let episode = |since| EpisodeKey { unit, point, condition: Condition::SensorFault, since };
        match (before, after) {
            (_, Instrument::Fault { since, .. }) => {
                let severity = self.dark_severity(unit, self.state.unit_rules(unit).silence.severity.value);
                self.raise(episode(since), at, severity, why);
            }
            (Instrument::Fault { since, .. }, _) => self.clear(episode(since), at, why),
            _ => {}
        }
    }

    /// One point lost of several is a warning; when nothing is known of the unit any more, the rule's severity.
    fn dark_severity(&self, unit: UnitId, all: Severity) -> Severity {
        if self.state.alarm_points(unit).all(PointState::is_dark) { all } else { all.min(Severity::Warning) }
    }

    fn transition(
        &mut self,
        at: RuleMs,
        point: PointId,
        region: Region,
        from: &'static str,
        to: &'static str,
        why: Why,
    ) {
        let Some(unit) = self.state.points.get(&point).map(|state| state.assignment.unit) else { return };
        let status = self.state.status(unit);
        self.effects.push(Effect::Transition(Transition { at, unit, point, region, from, to, status, why }));
    }

    fn raise(&mut self, episode: EpisodeKey, at: RuleMs, severity: Severity, why: Why) {
        self.state.alerts.insert(episode, Alert::raised(severity, at));
        self.effects.push(Effect::Alert { at, episode, change: AlertChange::Raised { severity, why } });
    }

    fn relapse(&mut self, episode: EpisodeKey, at: RuleMs, severity: Severity, why: Why) {
        self.state.alerts.entry(episode).or_insert_with(|| Alert::raised(severity, at)).cleared = None;
        self.effects.push(Effect::Alert { at, episode, change: AlertChange::Relapsed { why } });
    }

    fn clear(&mut self, episode: EpisodeKey, at: RuleMs, why: Why) {
        let Some(alert) = self.state.alerts.get_mut(&episode) else { return };
        alert.cleared = Some(at);
        self.effects.push(Effect::Alert { at, episode, change: AlertChange::Cleared { why } });
        let alerts = &mut self.state.alerts;
        alerts.retain(|_, alert| !alert.is_done());
        let oldest = |alerts: &BTreeMap<EpisodeKey, Alert>| {
            let cleared = alerts.iter().filter(|(_, alert)| alert.sounding() == Sounding::Cleared);
            let count = cleared.clone().count();
            cleared
                .min_by_key(|(_, alert)| alert.raised)
                .map(|(key, _)| *key)
                .filter(|_| count > CLEARED_KEPT)
        };
        while let Some(key) = oldest(alerts) {
            alerts.remove(&key);
        }
    }
}

fn thermal_why(
    made: Move,
    before: &PointState,
    side: Side,
    rule: &ThermalRule,
    at: RuleMs,
    since: RuleMs,
    last: Option<(RuleMs, CentiCelsius)>,
) -> Why {
    let (name, limit) = match side {
        Side::Warm => ("temp_max", rule.max),
        Side::Cold => ("temp_min", rule.min),
    };
    let shown = last.map_or_else(|| "no value".to_owned(), |(_, value)| format!("{value} °C"));
    let text = match made {
        Move::Begins => format!("{} at {shown} is outside its limit", before.assignment.role.word()),
        Move::Confirms => format!(
            "{} at {shown}, outside its limit for {}{}",
            before.assignment.role.word(),
            at - since,
            if before.data.heard == Heard::Fresh {
                ""
            } else {
                "; unverified: the sensor has gone silent since"
            }
        ),
        Move::Passes => format!("back in range at {shown} before the delay had passed"),
        Move::Clears => format!("in range at {shown} by the hysteresis, for long enough"),
        Move::Relapses => format!("out of range again at {shown}"),
        Move::Ends => "in range and held".into(),
        Move::Stays => String::new(),
    };
    let why = Why::because(text).with("delay_ms", rule.delay.value.0).with("out_of_range_ms", (at - since).0);
    let why =
        last.iter().fold(why, |why, (_, value)| why.with("observed_centi_c", i64::from(value.hundredths())));
    match limit {
        Some(limit) => why.by(name, i64::from(limit.value.hundredths()), limit.provenance),
        None => why,
    }
}
