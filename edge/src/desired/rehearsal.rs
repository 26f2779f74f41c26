//! The rehearsal: what the last day would have been under other rules. Pure.
//!
//! Owns the tally and the verdict. The same engine folds the same records twice, once under the rules in force and once
//! under those proposed, and what either would have done is compared as a replay compares it. A limit that a unit would have broken
//! most of the day, or an alarm that would have come again and again, is most likely a slip of the finger.

use crate::comparison::{Comparison, Each, Side};
use crate::site::Site;
use frostguard_shared::ids::{PointId, UnitId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{Effect, Input, Record, SiteRules, State, refold, step};
use frostguard_shared::time::{DurationMs, RuleMs};
use std::collections::BTreeMap;

/// How far back is looked.
pub const REACH: DurationMs = DurationMs::minutes(24 * 60);
/// What is known of a unit over less than this says nothing of a day.
const SPAN_MIN: DurationMs = DurationMs::minutes(60);
/// More alerts of one unit in a day are no news but noise, unless it was as loud already.
const ALERTS_MAX: u64 = 12;

/// What was seen of one unit.
#[derive(Clone, Copy, Debug)]
struct Tally {
    first: RuleMs,
    last: RuleMs,
    values: u64,
    outside_before: u64,
    outside_after: u64,
    /// The value furthest outside the proposed limits, with its distance in 0.01 °C.
    worst: Option<(i32, CentiCelsius)>,
}

/// One side of the comparison.
struct Run {
    side: Side,
    state: State,
}

/// The last day under the rules in force and under those proposed.
pub struct Rehearsal {
    from: RuleMs,
    before: Run,
    after: Run,
    comparison: Comparison,
    tallies: BTreeMap<UnitId, Tally>,
}

impl Run {
    fn new(side: Side, snapshot: State, rules: &SiteRules) -> Self {
        let record = Record::rules(snapshot.frontier(), rules.clone());
        // What ends by the change itself is no part of the day.
        let (state, _) = step(snapshot, &record);
        Self { side, state }
    }

    fn take(&mut self, records: Vec<Record>, from: RuleMs, comparison: &mut Comparison) {
        let frontier = self.state.frontier();
        let records = records.into_iter().filter(|record| record.at >= frontier).collect();
        let (state, effects) = refold(std::mem::take(&mut self.state), records);
        self.state = state;
        for effect in &effects {
            if matches!(effect, Effect::Alert { at, .. } if *at >= from) {
                comparison.take(self.side, effect);
            }
        }
    }
}

impl Rehearsal {
    /// Begins from a snapshot of the rules' state; what lies before `from` only leads up to the day.
    pub fn new(snapshot: State, from: RuleMs, in_force: &SiteRules, proposed: &SiteRules) -> Self {
        let before = Run::new(Side::Site, snapshot.clone(), in_force);
        let after = Run::new(Side::Other, snapshot, proposed);
        let comparison = Comparison::default();
        Self { from, before, after, comparison, tallies: BTreeMap::new() }
    }

    /// Takes records that follow those taken before.
    pub fn take(&mut self, records: Vec<Record>) {
        // The assignments in these records must be known before their values are counted.
        self.before.take(records.clone(), self.from, &mut self.comparison);
        for record in &records {
            self.count(record);
        }
        self.after.take(records, self.from, &mut self.comparison);
    }

    fn count(&mut self, record: &Record) {
        let Input::Reading { point, temperature, quality, .. } = record.input else { return };
        let Some(state) = self.before.state.point(point) else { return };
        let temperature = self.calibrated(point, temperature);
        if record.at < self.from || !quality.is_valid() || !state.assignment.role.alarms() {
            return;
        }
        let unit = state.assignment.unit;
        let outside = |run: &Run| {
            let rules = run.state.rules().units.get(&unit)?;
            (rules.sides(temperature) != 0).then(|| rules.distance(temperature))
        };
        let (before, after) = (outside(&self.before), outside(&self.after));
        let tally = self.tallies.entry(unit).or_insert(Tally {
            first: record.at,
            last: record.at,
            values: 0,
            outside_before: 0,
            outside_after: 0,
            worst: None,
        });
        (tally.first, tally.last) = (tally.first.min(record.at), tally.last.max(record.at));
        tally.values += 1;
        tally.outside_before += u64::from(before.is_some());
        if let Some(distance) = after {
            tally.outside_after += 1;
            if tally.worst.is_none_or(|(known, _)| distance > known) {
                tally.worst = Some((distance, temperature));
            }
        }
    }

    /// The value as it is held against limits.
    fn calibrated(&self, point: PointId, raw: CentiCelsius) -> CentiCelsius {
        let calibration = self.before.state.rules().calibrations.get(&point);
        let offset = calibration.map_or(0, |calibration| calibration.offset_centi_c);
        CentiCelsius::new(raw.hundredths().saturating_add(offset)).unwrap_or(raw)
    }

    /// Why the proposed rules cannot be meant, if the day says so; time passes until `now` first.
    pub fn verdict(mut self, now: RuleMs, site: &Site) -> Option<String> {
        self.before.take(vec![Record::tick(now)], self.from, &mut self.comparison);
        self.after.take(vec![Record::tick(now)], self.from, &mut self.comparison);
        site.units.iter().find_map(|unit| {
            let broken = self.tallies.get(&unit.id).and_then(|tally| mostly_outside(tally, &unit.name));
            broken.or_else(|| self.noisy(unit.id, &unit.name))
        })
    }

    fn noisy(&self, unit: UnitId, name: &str) -> Option<String> {
        let figures = self.comparison.figures(unit);
        let Each { site: before, other: after } = figures.alarms;
        let Each { site: calls_before, other: calls_after } = figures.pages;
        (after > ALERTS_MAX && after > before.saturating_mul(2)).then(|| {
            format!(
                "\"{name}\" would have alarmed {after} times in the last day and called somebody {calls_after} times, and has {before} times and {calls_before} as it is"
            )
        })
    }
}

fn mostly_outside(tally: &Tally, name: &str) -> Option<String> {
    let Tally { values, outside_before, outside_after, .. } = *tally;
    let was_well = outside_before * 2 <= values;
    if tally.last - tally.first < SPAN_MIN || !was_well || outside_after * 2 <= values {
        return None;
    }
    let (worst_by, worst) = tally.worst?;
    let share = outside_after * 100 / values;
    let by = format!("{}.{:02}", worst_by / 100, worst_by % 100);
    Some(format!(
        "\"{name}\" would have been outside these limits for {share} % of its {values} values of the last day, the worst {worst} °C, {by} °C beyond"
    ))
}

#[cfg(test)]
mod tests;
