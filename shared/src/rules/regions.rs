//! The regions of a point: what a value, a silence or a fault means for it, and for its unit's alerts.
//!
//! Owns the effects of every move, each with its reason. Only believable values clear anything.

use super::alert::Alert;
use super::config::{Limit, ThermalRule};
use super::effect::{AlertChange, Effect, EpisodeKey, Region, Transition, Why};
use super::fold::Fold;
use super::listening::{Heard, Instrument};
use super::state::{PointState, Side};
use super::thermal::{Move, Thermal};
use crate::alarm::{Condition, Severity, Sounding};
use crate::ids::{PointId, UnitId};
use crate::quantity::CentiCelsius;
use crate::time::RuleMs;
use std::collections::BTreeMap;

/// Cleared alerts that nobody has acknowledged are kept for people to see, at most so many; the oldest go first.
const CLEARED_KEPT: usize = 200;

impl Fold {
    pub(super) fn value(&mut self, point: PointId, at: RuleMs, value: CentiCelsius) {
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
    pub(super) fn thermal(
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

    pub(super) fn hear(&mut self, point: PointId, at: RuleMs, believed: bool) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let before = state.data.heard;
        state.data.hear(at, believed);
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

    pub(super) fn worsen(&mut self, point: PointId, at: RuleMs) {
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

    pub(super) fn doubt(&mut self, point: PointId, at: RuleMs, value: Option<CentiCelsius>) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let before = state.instrument;
        state.instrument.doubt(at);
        let text = match value {
            Some(value) => format!("the sensor sent {value} °C, which is not to be believed"),
            None => "the sensor is alive but gives no value".into(),
        };
        self.instrument_moved(point, at, before, &text);
    }

    pub(super) fn fault(&mut self, point: PointId, at: RuleMs) {
        let Some(state) = self.state.points.get_mut(&point) else { return };
        let before = state.instrument;
        state.instrument.confirm();
        self.instrument_moved(point, at, before, "no believable value for three expected intervals");
    }

    pub(super) fn instrument_moved(&mut self, point: PointId, at: RuleMs, before: Instrument, text: &str) {
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
    pub(super) fn dark_severity(&self, unit: UnitId, all: Severity) -> Severity {
        if self.state.alarm_points(unit).all(PointState::is_dark) { all } else { all.min(Severity::Warning) }
    }

    pub(super) fn transition(
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

    pub(super) fn raise(&mut self, episode: EpisodeKey, at: RuleMs, severity: Severity, why: Why) {
        self.state.alerts.insert(episode, Alert::raised(severity, at));
        self.effects.push(Effect::Alert { at, episode, change: AlertChange::Raised { severity, why } });
    }

    pub(super) fn relapse(&mut self, episode: EpisodeKey, at: RuleMs, severity: Severity, why: Why) {
        self.state.alerts.entry(episode).or_insert_with(|| Alert::raised(severity, at)).cleared = None;
        self.effects.push(Effect::Alert { at, episode, change: AlertChange::Relapsed { why } });
    }

    pub(super) fn clear(&mut self, episode: EpisodeKey, at: RuleMs, why: Why) {
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
