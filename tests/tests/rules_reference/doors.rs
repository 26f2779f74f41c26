//! Owns doors: since when one counts as open, whether that is sure, and when its alert begins, worsens and ends.
//! Takes all edges of one door; gives its states over time and the changes of its condition.
//! Must never let a door that shuts for a moment begin its time anew.

use crate::axis::{Axis, Happened};
use crate::listening::Story;
use crate::model::{Ms, Rules, SECOND, Severity, What};
use crate::world::{Change, Turn};

/// How long a door is closed before that counts.
const SETTLED: Ms = 10 * SECOND;

/// Whether a door lets the warmth in, as far as anybody knows for sure.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Door {
    Unsure,
    Open,
    Closed,
}

/// What is known of a door at an instant.
pub fn known(events: &[Happened], point: &str) -> Story<Door> {
    let mut story = Vec::new();
    for event in events {
        match &event.what {
            What::Door { point: moved, open } if moved == point => {
                story.push((event.at, if *open { Door::Open } else { Door::Closed }));
            }
            What::Fault { point: failed } if failed == point => story.push((event.at, Door::Unsure)),
            What::Started { down_from: Some(_), known: false } => story.push((event.at, Door::Unsure)),
            _ => {}
        }
    }
    story
}

/// A time in which a door counts as open without a break: from its first edge until it was shut for long enough, or
/// until nobody knows any more. What was told by then stays and counts on until the door is next shut.
struct Opening {
    since: Ms,
    until: Ms,
    is_settled: bool,
}

fn openings(events: &[Happened], point: &str, end: Ms, told_by: impl Fn(Ms, Ms) -> bool) -> Vec<Opening> {
    let mut openings: Vec<Opening> = Vec::new();
    let (mut open_since, mut shut): (Option<Ms>, Option<Ms>) = (None, None);
    let edges = events.iter().filter_map(|event| match &event.what {
        What::Door { point: moved, open } if moved == point => Some((event.at, Some(*open))),
        What::Started { down_from: Some(_), known: false } => Some((event.at, None)),
        _ => None,
    });
    for (at, edge) in edges.chain([(end + 2 * SETTLED, None)]) {
        if let (Some(since), Some(closed)) = (open_since, shut)
            && closed + SETTLED < at
        {
            openings.push(Opening { since, until: closed + SETTLED, is_settled: true });
            (open_since, shut) = (None, None);
        }
        match (edge, open_since) {
            (Some(true), _) => (open_since, shut) = (open_since.or(Some(at)), None),
            (Some(false), _) => shut = open_since.and(shut.or(Some(at))),
            (None, Some(since)) if at > end => {
                openings.push(Opening { since, until: end, is_settled: false });
            }
            (None, Some(since)) if !told_by(since, at) => (open_since, shut) = (None, None),
            (None, _) => {}
        }
    }
    openings
}

/// When the condition of a door begins, worsens and ends.
pub fn changes(events: &[Happened], point: &str, rules: &Rules, axis: &Axis) -> Vec<Change> {
    let mut changes = Vec::new();
    let change = |at, turn| Change { at, point: point.to_owned(), turn };
    let reached = |since: Ms, until: Ms, limit: Option<Ms>| {
        let at = due(since, limit?, rules, axis);
        (at < until).then_some(at)
    };
    let told_by = |since: Ms, at: Ms| {
        reached(since, at, rules.door_warning).or(reached(since, at, rules.door_critical)).is_some()
    };
    for Opening { since, until, is_settled } in openings(events, point, axis.end(), told_by) {
        let warned = reached(since, until, rules.door_warning);
        let worse = reached(since, until, rules.door_critical);
        changes.extend(warned.map(|at| change(at, Turn::Begins(rules.door.severity))));
        changes.extend(worse.map(|at| change(at, Turn::Begins(Severity::Critical))));
        if told_by(since, until) && is_settled {
            changes.push(change(until, Turn::Ends));
        }
    }
    changes.sort_by_key(|change| change.at);
    changes
}

/// The whole time within the hours of the schedule, half of it outside them.
fn due(since: Ms, limit: Ms, rules: &Rules, axis: &Axis) -> Ms {
    let outside = |at: &Ms| !axis.is_open(rules.door.schedule.as_ref(), *at);
    let (half, whole) = (since + limit / 2, since + limit);
    let between = axis.quarters().filter(|at| (half..=whole).contains(at));
    [half].into_iter().chain(between).find(outside).unwrap_or(whole)
}
