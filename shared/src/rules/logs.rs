//! Logs by hand as conditions of a unit: one that is missed, and one that shows a temperature out of its limits.
//!
//! Owns what a log means. A log that is out of range counts at once; the next that is in range ends what it began. Sensors
//! never end what a log began, for they have not seen it.

use super::effect::Region;
use super::limits::Place;
use super::manual::Pressing;
use super::raising::Cause;
use super::scene::Scene;
use super::thermal::Side;
use super::unit_state::UnitState;
use super::why;
use crate::alarm::{Condition, Severity};
use crate::quantity::CentiCelsius;
use crate::time::RuleMs;

impl UnitState {
    /// A person logged.
    pub(super) fn log(
        &mut self,
        at: RuleMs,
        temperature: Option<CentiCelsius>,
        taken: RuleMs,
        scene: &mut Scene<'_>,
    ) {
        self.manual.log(taken.min(at), &self.rules, scene.calendar);
        self.relieve(at, scene);
        let Some(temperature) = temperature else { return };
        for side in Side::BOTH {
            self.log_side(at, side, temperature, scene);
        }
    }

    fn log_side(&mut self, at: RuleMs, side: Side, temperature: CentiCelsius, scene: &mut Scene<'_>) {
        let tiers = self.rules.limits.iter().enumerate();
        let seen = tiers.filter_map(|(tier, rule)| {
            let place = rule.place(side.limit(rule)?, temperature);
            Some((place, rule.telling.severity.value, tier))
        });
        let Some((place, severity, tier)) =
            seen.max_by_key(|(place, severity, tier)| (*place, *severity, std::cmp::Reverse(*tier)))
        else {
            return;
        };
        let Some(open) = self.by_hand.get_mut(side as usize) else { return };
        match (place, *open) {
            (Place::Violating, None) => {
                *open = Some(at);
                self.logged_out_of_range(at, side, severity, tier, temperature, scene);
            }
            (Place::Recovered, Some(_)) => {
                *open = None;
                let why = why::logged_in_range(temperature);
                self.transition(at, None, Region::Thermal, ["confirmed", "normal"], why.clone(), scene);
                self.clear(side.condition(), at, why, scene);
            }
            _ => {}
        }
    }

    fn logged_out_of_range(
        &mut self,
        at: RuleMs,
        side: Side,
        severity: Severity,
        tier: usize,
        temperature: CentiCelsius,
        scene: &mut Scene<'_>,
    ) {
        let why = why::logged_out_of_range(self.rules.limits.get(tier), side, temperature);
        self.transition(at, None, Region::Thermal, ["normal", "confirmed"], why.clone(), scene);
        let key = self.key(self.own_point(), side.condition(), at);
        self.raise(key, at, Cause::of(severity, tier), why, scene);
    }

    /// A log is due or overdue.
    pub(super) fn press(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        let before = self.manual.pressing;
        let key = self.key(self.own_point(), Condition::ManualMissed, at);
        self.manual.pressing = match before {
            Pressing::No => Pressing::Due,
            Pressing::Due | Pressing::Overdue(_) => Pressing::Overdue(key),
        };
        let after = self.manual.pressing;
        let why = why::log_missing(&self.rules.manual, after);
        self.transition(at, None, Region::Manual, [before.word(), after.word()], why.clone(), scene);
        if matches!(after, Pressing::Overdue(_)) {
            let severity = self.rules.manual.telling.severity.value;
            self.raise(key, at, Cause::of(severity, 0), why, scene);
        }
    }

    /// Sensors are heard again: logs may not be needed any more.
    pub(super) fn ease(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        if !self.rules.manual.required.value {
            self.relieve(at, scene);
        }
    }

    /// Ends that a log is missing or overdue, if by what is known now it is not.
    pub(super) fn relieve(&mut self, at: RuleMs, scene: &mut Scene<'_>) {
        let before = self.manual.pressing;
        let Some(after) = self.manual.eased(&self.rules, self.listened(), at) else { return };
        self.manual.pressing = after;
        let why = why::log_no_longer_missing();
        let words = [before.word(), after.word()];
        self.transition(at, None, Region::Manual, words, why.clone(), scene);
        self.clear(Condition::ManualMissed, at, why, scene);
    }
}
