//! Owns logs by hand: when one is overdue, and what a logged temperature says.
//! Takes the logs, what was heard of the points, and the rules; gives the changes of the two conditions.
//! Must never let a log count for a time at which it was not taken.

use crate::axis::{Axis, Happened};
use crate::gate::Arrival;
use crate::listening::{Heard, Story, state};
use crate::model::{Manual, Ms, Rules, SECOND, Severity, Side, What};
use crate::values::{Zone, typed};
use crate::world::{Change, RuleBook, Turn};

/// The point that logs by hand stand for.
pub const BY_HAND: &str = "by hand";

/// What was logged, in elapsed time: when it became known, when it was taken, and what it says.
struct Log {
    known: Ms,
    taken: Ms,
    value: Option<i32>,
}

fn logs(events: &[Happened], unit: &str, axis: &Axis) -> Vec<Log> {
    let log = |event: &Happened| match &event.what {
        What::Manual { unit: of, value, taken } if of == unit => {
            Some(Log { known: event.at, taken: axis.spoken_of(*taken, event.at), value: *value })
        }
        _ => None,
    };
    events.iter().filter_map(log).collect()
}

/// What logged temperatures say on one side.
pub fn temperatures(
    events: &[Happened],
    unit: &str,
    side: Side,
    axis: &Axis,
    rules: &RuleBook<'_>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut bad = false;
    for log in logs(events, unit, axis) {
        let rules = rules.at(log.known);
        let Some(value) = log.value else { continue };
        let judged = typed(rules, side, value);
        let violated = judged.iter().zip(&rules.tiers).filter_map(|(judged, tier)| {
            let judged = judged.filter(|judged| judged.zone == Zone::Violates)?;
            Some(if judged.hard { Severity::Critical } else { tier.severity })
        });
        let change = |turn| Change { at: log.known, point: BY_HAND.to_owned(), turn };
        let recovered = judged.iter().flatten().all(|judged| judged.zone == Zone::Recovered);
        if let Some(severity) = violated.max() {
            bad = true;
            changes.push(change(Turn::Begins(severity)));
        } else if bad && recovered {
            bad = false;
            changes.push(change(Turn::Ends));
        }
    }
    changes
}

/// When a log was overdue, and when it was no more.
pub fn overdue(
    events: &[Happened],
    unit: &str,
    points: &[(&[Arrival], &Story<Heard>)],
    rules: &Rules,
    axis: &Axis,
) -> Vec<Change> {
    let logs = logs(events, unit, axis);
    let is_overdue: Box<dyn Fn(Ms) -> bool> = match rules.manual_mode {
        Manual::Fallback if points.is_empty() => return Vec::new(),
        Manual::Fallback => Box::new(|at| at >= fallback(&logs, points, rules, axis, at)),
        Manual::Scheduled => Box::new(|at| {
            let slots: Vec<Ms> = axis.slots(rules.manual_interval, at);
            slot_is_missed(&slots, axis.begin(), &logs, rules, at)
        }),
    };
    let mut instants: Vec<Ms> = events.iter().map(|event| event.at).chain(axis.quarters()).collect();
    if rules.manual_mode == Manual::Scheduled {
        instants.extend(axis.before_each_turn().flat_map(|now| axis.slots(rules.manual_interval, now)));
    }
    instants.extend(points.iter().flat_map(|(_, heard)| heard.iter().map(|(at, _)| *at)));
    instants.extend(instants.clone().iter().map(|at| match rules.manual_mode {
        Manual::Fallback => fallback(&logs, points, rules, axis, *at),
        Manual::Scheduled => *at + rules.manual_grace,
    }));
    instants.retain(|at| (axis.begin()..=axis.end()).contains(at));
    instants.sort_unstable();
    instants.dedup();
    let mut changes = Vec::new();
    let mut missed = false;
    for at in instants {
        let fresh = points.iter().any(|(_, heard)| state(heard, at, Heard::Fresh) == Heard::Fresh);
        let logged = logs.iter().any(|log| log.known == at);
        let change = |turn| Change { at, point: BY_HAND.to_owned(), turn };
        let now = is_overdue(at);
        if !missed && now {
            missed = true;
            changes.push(change(Turn::Begins(rules.manual.severity)));
        } else if missed && !now && (logged || (fresh && rules.manual_mode == Manual::Fallback)) {
            missed = false;
            changes.push(change(Turn::Ends));
        }
    }
    changes
}

/// When a log would be overdue, by what is known at an instant.
fn fallback(logs: &[Log], points: &[(&[Arrival], &Story<Heard>)], rules: &Rules, axis: &Axis, at: Ms) -> Ms {
    let live = points.iter().flat_map(|(arrivals, _)| arrivals.iter());
    let heard = live.filter(|arrival| arrival.live && arrival.at <= at).map(|arrival| arrival.at);
    let heard = heard.max().unwrap_or(axis.begin());
    let logged = logs.iter().filter(|log| log.known <= at).map(|log| log.taken).max().unwrap_or(heard);
    let silent = axis.listened(heard, 30 * SECOND + rules.manual_missed * rules.expected);
    silent.max(heard.max(logged) + rules.manual_interval) + rules.manual_grace
}

/// True if the last slot whose grace is over has no log, nor anything after it.
fn slot_is_missed(slots: &[Ms], begin: Ms, logs: &[Log], rules: &Rules, at: Ms) -> bool {
    let last = slots.iter().rfind(|slot| **slot > begin && **slot + rules.manual_grace <= at);
    last.is_some_and(|slot| !logs.iter().any(|log| log.known <= at && log.taken >= *slot))
}
