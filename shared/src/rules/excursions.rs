//! Excursions: what a value means for a unit's temperature, and what the passing of time makes of it.
//!
//! Owns the way of a value through the gate, calibration, simulated product and tiers to a move of its side, and the two
//! ways in which time confirms: enough of it, or as much as nothing may hold back.

use super::config::ThermalRule;
use super::effect::Region;
use super::field::RuleField;
use super::gate::{Belief, Disbelief};
use super::limits::{Limit, Place};
use super::point_state::PointState;
use super::raising::Cause;
use super::scene::Scene;
use super::thermal::{Move, Side};
use super::unit_state::UnitState;
use super::why;
use crate::alarm::Severity;
use crate::quantity::CentiCelsius;
use crate::reading::Quality;
use crate::time::{DurationMs, RuleMs};

/// What a tier on a side makes of a value.
#[derive(Clone, Copy)]
struct Seen {
    place: Place,
    accrues: Place,
    beyond: bool,
}

/// The simulated product as the tier compares it: rounded towards the limit, so that the comparison is exact.
fn product(value: i64, side: Side) -> Option<CentiCelsius> {
    let hundredths = match side {
        Side::Warm => -(-value).div_euclid(1_000),
        Side::Cold => value.div_euclid(1_000),
    };
    i32::try_from(hundredths).ok().and_then(|hundredths| CentiCelsius::new(hundredths).ok())
}

fn see(rule: &ThermalRule, side: Side, limit: Limit, air: CentiCelsius, slow: Option<i64>) -> Seen {
    let place = rule.place(limit, air);
    let beyond = rule.is_beyond(limit, air);
    match slow.and_then(|slow| product(slow, side)) {
        None => Seen { place, accrues: place, beyond },
        Some(slow) => {
            let accrues = rule.place(limit, slow);
            Seen { place: place.max(accrues), accrues, beyond }
        }
    }
}

impl UnitState {
    /// True if this very value of a point has been taken already.
    pub(super) fn has_seen(&self, place: usize, at: RuleMs, raw: CentiCelsius) -> bool {
        self.points.get(place).is_some_and(|point| point.gate.has_seen(at, raw))
    }

    /// Takes a value of a point.
    pub(super) fn value(
        &mut self,
        place: usize,
        at: RuleMs,
        raw: CentiCelsius,
        quality: Quality,
        scene: &mut Scene<'_>,
    ) -> bool {
        let Some(point) = self.points.get_mut(place) else { return false };
        let belief = point.gate.judge(at, raw, quality, &self.rules.instrument, scene.cycled);
        scene.cycled = scene.cycled.max(point.gate.cycled());
        match belief {
            Belief::Yes => self.believe(place, at, at, raw, scene),
            Belief::WithHeld((held_at, held)) => {
                let running = self.running_tiers(place);
                self.believe(place, held_at, at, held, scene);
                self.catch_up(place, at - held_at, running);
                self.believe(place, at, at, raw, scene);
            }
            Belief::Held => {
                self.doubt(place, at, why::Doubt::Jump(raw), scene);
                return false;
            }
            Belief::No(disbelief) => {
                let doubt = match disbelief {
                    Disbelief::Stuck => why::Doubt::Stuck(raw),
                    Disbelief::Code | Disbelief::Range => why::Doubt::Value(raw),
                };
                self.doubt(place, at, doubt, scene);
                return false;
            }
        }
        true
    }

    /// Which tiers' time runs already, by side.
    fn running_tiers(&self, place: usize) -> [[bool; super::field::TIERS as usize]; 2] {
        let mut running = [[false; super::field::TIERS as usize]; 2];
        let Some(point) = self.points.get(place) else { return running };
        for (tiers, side) in running.iter_mut().zip(Side::BOTH) {
            for (runs, accrual) in tiers.iter_mut().zip(&point.side(side).tiers) {
                *runs = accrual.is_running();
            }
        }
        running
    }

    /// The time since a value that is believed only in hindsight counts as with the door closed, for tiers whose time
    /// begins with it. That of the others was counted as it passed.
    fn catch_up(
        &mut self,
        place: usize,
        length: DurationMs,
        running: [[bool; super::field::TIERS as usize]; 2],
    ) {
        let Some(point) = self.points.get_mut(place) else { return };
        for (tiers, side) in running.into_iter().zip(Side::BOTH) {
            for (ran, accrual) in tiers.into_iter().zip(&mut point.side_mut(side).tiers) {
                if !ran {
                    accrual.bank(length, super::accrual::Class::Closed);
                }
            }
        }
    }

    /// Takes a value of the time `at` that is believed since `now`: what it begins bears its own time, and whatever it
    /// confirms happens no earlier than it is believed.
    fn believe(&mut self, place: usize, at: RuleMs, now: RuleMs, raw: CentiCelsius, scene: &mut Scene<'_>) {
        let Some(point) = self.points.get_mut(place) else { return };
        let air = point.evaluated(raw);
        point.last = Some((at, raw));
        point.follow(at, air, &self.rules);
        self.trust(place, at, scene);
        if !self.points.get(place).is_some_and(PointState::alarms) {
            return;
        }
        for side in Side::BOTH {
            self.side_value(place, side, (at, now), air, scene);
        }
    }

    fn side_value(
        &mut self,
        place: usize,
        side: Side,
        (at, now): (RuleMs, RuleMs),
        air: CentiCelsius,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = self.points.get(place) else { return };
        let before = point.side(side).phase;
        let mut worst: Option<Place> = None;
        let mut seen = [None; super::field::TIERS as usize];
        for ((slot, rule), slow) in seen.iter_mut().zip(&self.rules.limits).zip(point.products) {
            *slot = side.limit(rule).map(|limit| see(rule, side, limit, air, slow));
            worst = worst.max(slot.map(|seen| seen.place));
        }
        let Some(worst) = worst else { return };
        if worst == Place::Recovered && before == super::thermal::Phase::Normal {
            return;
        }
        let off_delay = self.rules.limits.iter().map(|rule| rule.off_delay.value).max().unwrap_or_default();
        let Some(point) = self.points.get_mut(place) else { return };
        let excursion = point.side_mut(side);
        let made = excursion.take(at, worst, off_delay);
        if excursion.is_open() {
            for ((accrual, seen), rule) in excursion.tiers.iter_mut().zip(seen).zip(&self.rules.limits) {
                let Some(seen) = seen else { continue };
                if seen.place == Place::Violating {
                    accrual.since.get_or_insert(at);
                }
                match seen.accrues {
                    Place::Violating => accrual.run(at, rule.trigger.value),
                    Place::Between => accrual.run_on(at, rule.trigger.value),
                    Place::Recovered => accrual.pause(at),
                }
            }
        }
        let told = if made == Move::Begins { at } else { now };
        self.follow_move(place, side, before, made, told, scene);
        for (tier, _) in seen.iter().enumerate().filter(|(_, seen)| seen.is_some_and(|seen| seen.beyond)) {
            self.beyond(place, side, tier, now, scene);
        }
    }

    fn follow_move(
        &mut self,
        place: usize,
        side: Side,
        before: super::thermal::Phase,
        made: Move,
        at: RuleMs,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = self.points.get(place) else { return };
        let after = point.side(side).phase;
        let Some(since) = after.episode().or(before.episode()).filter(|_| made != Move::Stays) else {
            return;
        };
        let tier = self.foremost_tier(place, side);
        let why = why::moved(self, place, side, tier, made, at, since);
        self.transition(at, Some(place), Region::Thermal, [before.word(), after.word()], why.clone(), scene);
        let point = self.points.get(place).map(PointState::id).unwrap_or(self.own_point());
        let key = self.key(point, side.condition(), since);
        let capped = self.points.get(place).is_some_and(|point| point.side(side).capped);
        let severity = match self.rules.limits.get(tier) {
            // An episode that has lasted for as long as anything may hold it back stays critical to its end.
            _ if capped => Severity::Critical,
            Some(rule) => rule.telling.severity.value,
            None => Severity::Warning,
        };
        match made {
            Move::Confirms => self.raise(key, at, Cause::of(severity, tier), why, scene),
            Move::Relapses => self.raise(key, at, Cause::returning(severity, tier), why, scene),
            Move::Clears => self.clear(side.condition(), at, why, scene),
            Move::Ends => self.forget_done(),
            Move::Stays | Move::Begins | Move::Passes => {}
        }
    }

    /// The tier that is violated with the highest severity; of equals the first.
    fn foremost_tier(&self, place: usize, side: Side) -> usize {
        let Some(point) = self.points.get(place) else { return 0 };
        let violated = point.side(side).tiers.iter().zip(&self.rules.limits).enumerate();
        let rank = |tier: usize, rule: &ThermalRule| (rule.telling.severity.value, std::cmp::Reverse(tier));
        violated
            .filter(|(_, (accrual, rule))| accrual.since.is_some() && side.limit(rule).is_some())
            .max_by_key(|(tier, (_, rule))| rank(*tier, rule))
            .map_or(0, |(tier, _)| tier)
    }

    /// A value is so far outside that it counts at once.
    fn beyond(&mut self, place: usize, side: Side, tier: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let Some(accrual) = self.points.get_mut(place).and_then(|p| p.side_mut(side).tiers.get_mut(tier))
        else {
            return;
        };
        let told = std::mem::replace(&mut accrual.confirmed, true);
        let severity = Severity::Critical;
        if !told || !self.is_told_as(side, severity) {
            let why = why::confirmed(self, place, side, tier, RuleField::HardLimit, at);
            self.count_now(place, side, Cause::of(severity, tier), why, at, scene);
        }
    }

    fn is_told_as(&self, side: Side, severity: Severity) -> bool {
        let condition = side.condition();
        self.alerts
            .iter()
            .any(|(key, alert)| key.condition == condition && alert.is_active() && alert.severity >= severity)
    }

    /// A tier's time may have come.
    pub(super) fn confirm(
        &mut self,
        place: usize,
        side: Side,
        tier: usize,
        at: RuleMs,
        scene: &mut Scene<'_>,
    ) {
        let field = self.deciding_delay(side, tier);
        let why = why::confirmed(self, place, side, tier, field, at);
        let (Some(rule), Some(point)) = (self.rules.limits.get(tier), self.points.get_mut(place)) else {
            return;
        };
        let Some(accrual) = point.side_mut(side).tiers.get_mut(tier) else { return };
        if !accrual.has_reached(at, rule.closed(), rule.trigger.value) {
            return;
        }
        accrual.confirmed = true;
        let cause = Cause::of(rule.telling.severity.value, tier);
        self.count_now(place, side, cause, why, at, scene);
    }

    /// The field that says how long the time of this moment takes.
    fn deciding_delay(&self, side: Side, tier: usize) -> RuleField {
        let Some(rule) = self.rules.limits.get(tier) else { return RuleField::Delay };
        match self.class_now(side, tier) {
            super::accrual::Class::Defrost => RuleField::DefrostLength,
            super::accrual::Class::Open if rule.confirm_open.value.is_some() => RuleField::ConfirmOpen,
            super::accrual::Class::Closed if rule.confirm_closed.value.is_some() => RuleField::ConfirmClosed,
            _ => RuleField::Delay,
        }
    }

    /// An excursion has lasted for as long as anything may hold it back.
    pub(super) fn cap(&mut self, place: usize, side: Side, tier: usize, at: RuleMs, scene: &mut Scene<'_>) {
        let why = why::confirmed(self, place, side, tier, RuleField::MaxExcursion, at);
        let (Some(rule), Some(point)) = (self.rules.limits.get(tier), self.points.get_mut(place)) else {
            return;
        };
        let (cap, trigger) = (rule.cap().unwrap_or_default(), rule.trigger.value);
        let excursion = point.side_mut(side);
        let reached = excursion.tiers.get(tier).is_some_and(|tier| {
            tier.since.is_some_and(|since| at - since >= cap) || tier.has_reached(at, cap, trigger)
        });
        if !reached || excursion.capped {
            return;
        }
        excursion.capped = true;
        if let Some(accrual) = excursion.tiers.get_mut(tier) {
            accrual.confirmed = true;
        }
        self.count_now(place, side, Cause::demanded(tier), why, at, scene);
    }

    /// An excursion counts from now on, or counts for more than before.
    fn count_now(
        &mut self,
        place: usize,
        side: Side,
        cause: Cause,
        why: super::effect::Why,
        at: RuleMs,
        scene: &mut Scene<'_>,
    ) {
        let Some(point) = self.points.get_mut(place) else { return };
        let before = point.side(side).phase;
        let Some(since) = before.episode() else { return };
        let confirmed = point.side_mut(side).confirm(at);
        let (after, id) = (point.side(side).phase, point.id());
        if confirmed {
            self.transition(
                at,
                Some(place),
                Region::Thermal,
                [before.word(), after.word()],
                why.clone(),
                scene,
            );
        }
        if after.word() == "confirmed" {
            self.raise(self.key(id, side.condition(), since), at, cause, why, scene);
        }
    }
}
