//! Owns random rules that are worth having: short times, so that things happen, and every field now and then.
//! Takes a source of choices; gives the rules of a unit.
//! Must never give rules that the real engine would refuse.

use crate::generate::{between, once_in};
use crate::model::*;
use frostguard_tests::chance::Chance;

/// Rules for a unit with these points, from `begin` on.
pub fn rules(chance: &mut Chance, points: &[String], begin: Ms) -> Rules {
    let mut rules = Rules::of(Vec::new());
    let bare = once_in(chance, 15);
    let first = tier(chance, bare);
    rules.unlimited_on_purpose = bare && once_in(chance, 2);
    let further = chance.below(if bare { 1 } else { 3 });
    rules.tiers.push(first.clone());
    for step in 1..=further as i32 {
        let mut next = tier(chance, false);
        next.max = first.max.map(|max| max + 100 * step);
        next.min = first.min.map(|min| min - 60 * step);
        rules.tiers.push(next);
    }
    rules.thermal_schedule = schedule(chance);
    rules.mask = between(chance, 0, 30) * MINUTE;
    if once_in(chance, 3) {
        rules.defrosts = vec![15 * between(chance, 0, 95), 15 * between(chance, 0, 95)];
        rules.defrosts.sort_unstable();
    }
    let defrost_for = *chance.one_of(&[15, 30, 45]) * MINUTE;
    rules.defrost_for = defrost_for;
    for tier in &mut rules.tiers {
        tier.defrost = tier.closed.max(defrost_for * 3 / 2);
    }
    rules.door = slot(chance);
    let warning = between(chance, 1, 6);
    rules.door_warning = (!once_in(chance, 5)).then_some(warning * MINUTE);
    rules.door_critical = (!once_in(chance, 5)).then_some((warning + between(chance, 1, 9)) * MINUTE);
    silence(chance, &mut rules);
    rules.manual = slot(chance);
    rules.manual_interval = 15 * between(chance, 1, 12) * MINUTE;
    rules.manual_grace = between(chance, 0, 30) * MINUTE;
    // Logs are asked for no sooner than the sensors are given up.
    let given_up = (rules.lost_after - 30 * SECOND + rules.expected - 1) / rules.expected;
    rules.manual_missed = given_up + between(chance, 0, 3);
    rules.manual_mode = if once_in(chance, 4) { Manual::Scheduled } else { Manual::Fallback };
    rules.battery = slot(chance);
    rules.battery_delay = between(chance, 0, 40) * MINUTE;
    rules.fault = slot(chance);
    rules.stuck = *chance.one_of(&[1, 6]) * HOUR;
    rules.calibration = slot(chance);
    for point in points {
        if once_in(chance, 5) {
            rules.offsets.insert(point.clone(), between(chance, -60, 60) as i32);
            let due = begin + between(chance, -60, 600) * MINUTE + 333;
            rules.calibrations.insert(point.clone(), due);
        }
    }
    rules
}

fn slot(chance: &mut Chance) -> Slot {
    let severity =
        *chance.one_of(&[Severity::Info, Severity::Warning, Severity::Warning, Severity::Critical]);
    Slot { severity, schedule: schedule(chance) }
}

fn schedule(chance: &mut Chance) -> Option<Schedule> {
    once_in(chance, 3).then(|| {
        let days = if once_in(chance, 2) { vec![0, 1, 2, 3, 4, 5, 6] } else { vec![1, 2, 6] };
        Schedule { days, start: between(chance, 0, 23) as i8, end: between(chance, 0, 23) as i8 }
    })
}

fn silence(chance: &mut Chance, rules: &mut Rules) {
    rules.silence = slot(chance);
    rules.expected = *chance.one_of(&[60, 60, 60, 120, 300]) * SECOND;
    let expected = rules.expected;
    (rules.late_after, rules.lost_after) = if once_in(chance, 3) {
        let late = expected * between(chance, 100, 400) / 100 + between(chance, 0, 5) * MINUTE;
        (late, 2 * late)
    } else {
        let late = between(chance, 1, 3);
        let lost = late + between(chance, 0, 6);
        (30 * SECOND + late * expected, 30 * SECOND + lost * expected)
    };
}

fn tier(chance: &mut Chance, bare: bool) -> Tier {
    let max = (!bare && !once_in(chance, 8)).then_some(500);
    let min = (!bare && (max.is_none() || once_in(chance, 2))).then_some(-100);
    let closed = between(chance, 0, 14) * MINUTE;
    let open = if once_in(chance, 3) { closed } else { between(chance, 1, 35) * MINUTE };
    let cap = (!once_in(chance, 6)).then_some(closed.max(between(chance, 8, 75) * MINUTE));
    Tier {
        max,
        min,
        inclusive: once_in(chance, 4),
        hysteresis: between(chance, 0, 80) as i32,
        closed,
        open,
        defrost: closed,
        off_delay: between(chance, 0, 20) * MINUTE,
        cap,
        hard: once_in(chance, 4).then_some(between(chance, 200, 700) as i32),
        cumulative: once_in(chance, 8),
        tau: (cap.is_some() && once_in(chance, 5)).then_some(between(chance, 2, 45) * MINUTE),
        severity: *chance.one_of(&[Severity::Warning, Severity::Warning, Severity::Critical, Severity::Info]),
    }
}

/// The same rules with another limit or other times.
pub fn changed(chance: &mut Chance, rules: &Rules) -> Rules {
    let mut rules = rules.clone();
    let shift = between(chance, -150, 250) as i32;
    for tier in &mut rules.tiers {
        match chance.below(3) {
            0 => tier.max = tier.max.map(|max| max + shift.max(-150)),
            1 => {
                tier.closed = between(chance, 1, 14) * MINUTE;
                tier.cap = tier.cap.map(|cap| cap.max(tier.closed));
                tier.defrost = tier.closed.max(rules.defrost_for * 3 / 2);
            }
            _ => tier.min = tier.min.map(|min| min - shift.abs() / 4),
        }
    }
    rules
}
