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
/// until nobody knows any more (and the alert stays until it is next shut).
struct Opening {
    since: Ms,
    counted_until: Ms,
    cleared: Option<Ms>,
}

fn openings(events: &[Happened], point: &str, end: Ms) -> Vec<Opening> {
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
            let settled = closed + SETTLED;
            openings.push(Opening { since, counted_until: settled, cleared: Some(settled) });
            (open_since, shut) = (None, None);
        }
        match edge {
            Some(true) => {
                open_since = open_since.or(Some(at));
                shut = None;
            }
            Some(false) => shut = open_since.and(shut.or(Some(at))),
            None => {
                if let Some(since) = open_since.take() {
                    openings.push(Opening { since, counted_until: at.min(end), cleared: None });
                    shut = None;
                }
            }
        }
    }
    // An opening that nobody saw the end of stays until the door is next shut for sure.
    let ends: Vec<Option<Ms>> = openings
        .iter()
        .map(|opening| opening.cleared.or_else(|| first_settled(events, point, opening.counted_until, end)))
        .collect();
    for (opening, cleared) in openings.iter_mut().zip(ends) {
        opening.cleared = cleared;
    }
    openings
}

fn first_settled(events: &[Happened], point: &str, after: Ms, end: Ms) -> Option<Ms> {
    let edges: Vec<(Ms, bool)> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Door { point: moved, open } if moved == point => Some((event.at, *open)),
            _ => None,
        })
        .collect();
    edges.iter().enumerate().find_map(|(index, (at, open))| {
        let next = edges[index + 1..].iter().find(|(_, open)| *open).map_or(end, |(at, _)| *at);
        (!*open && *at >= after && at + SETTLED < next).then_some(at + SETTLED)
    })
}

/// When the condition of a door begins, worsens and ends.
pub fn changes(events: &[Happened], point: &str, rules: &Rules, axis: &Axis) -> Vec<Change> {
    let mut changes = Vec::new();
    let change = |at, turn| Change { at, point: point.to_owned(), turn };
    for opening in openings(events, point, axis.end()) {
        let reached = |limit: Option<Ms>| {
            let at = due(opening.since, limit?, rules, axis);
            (at < opening.counted_until).then_some(at)
        };
        let (warned, worse) = (reached(rules.door_warning), reached(rules.door_critical));
        changes.extend(warned.map(|at| change(at, Turn::Begins(rules.door.severity))));
        changes.extend(worse.map(|at| change(at, Turn::Begins(Severity::Critical))));
        if warned.is_some() || worse.is_some() {
            changes.extend(opening.cleared.map(|at| change(at, Turn::Ends)));
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
