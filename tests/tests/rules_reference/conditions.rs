//! Owns the conditions that are no story of their own: silence, a faulty sensor, a low battery, limits that are missing,
//! a calibration that is due.
//! Takes what was found out of each point; gives the changes of each condition.
//! Must never decide who is told.

use crate::axis::{Axis, Happened};
use crate::listening::{Heard, Story, Trust};
use crate::model::{Ms, Rules, Severity, What};
use crate::world::{Change, RuleBook, Turn};

/// The name of what belongs to no point.
pub const UNIT: &str = "unit";

/// Turns a story into changes: the condition holds from a state that begins it to one that ends it.
fn changes<S: Copy>(
    story: &Story<S>,
    point: &str,
    severity: Severity,
    begins: impl Fn(S) -> bool,
    ends: impl Fn(S) -> bool,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut holds = false;
    for (at, state) in story {
        let change = |turn| Change { at: *at, point: point.to_owned(), turn };
        if !holds && begins(*state) {
            holds = true;
            changes.push(change(Turn::Begins(severity)));
        } else if holds && ends(*state) {
            holds = false;
            changes.push(change(Turn::Ends));
        }
    }
    changes
}

pub fn silence(point: &str, heard: &Story<Heard>, rules: &Rules) -> Vec<Change> {
    let severity = rules.silence.severity.min(Severity::Warning);
    changes(heard, point, severity, |heard| heard == Heard::Lost, |heard| heard == Heard::Fresh)
}

pub fn fault(point: &str, trust: &Story<Trust>, rules: &Rules) -> Vec<Change> {
    let is_fault = |trust| trust == Trust::Fault;
    changes(trust, point, rules.fault.severity, is_fault, |trust| trust == Trust::Ok)
}

pub fn battery(events: &[Happened], point: &str, rules: &Rules, end: Ms) -> Vec<Change> {
    let mut story = Vec::new();
    let mut low: Option<Ms> = None;
    let told = events.iter().filter_map(|event| match &event.what {
        What::Battery { point: of, percent } if of == point => Some((event.at, Some(*percent))),
        _ => None,
    });
    for (at, percent) in told.chain([(end, None)]) {
        if let Some(confirmed) = low.map(|since| since + rules.battery_delay)
            && confirmed < at
        {
            story.push((confirmed, true));
        }
        match percent {
            Some(percent) if percent >= rules.battery_low + 5 => {
                low = None;
                story.push((at, false));
            }
            Some(percent) if percent <= rules.battery_low => low = low.or(Some(at)),
            _ => {}
        }
    }
    changes(&story, point, rules.battery.severity, |low| low, |low| !low)
}

pub fn unguarded(events: &[Happened], unit: &str, has_points: bool) -> Vec<Change> {
    let story: Story<(bool, Severity)> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Rules { unit: of, rules } if of == unit => {
                let limits = rules.tiers.iter().any(|tier| tier.max.is_some() || tier.min.is_some());
                let bare = has_points && !limits && !rules.unlimited_on_purpose;
                Some((event.at, (bare, rules.silence.severity)))
            }
            _ => None,
        })
        .collect();
    let severity = story.first().map_or(Severity::Warning, |(_, (_, severity))| *severity);
    changes(&story, UNIT, severity, |(bare, _)| bare, |(bare, _)| !bare)
}

pub fn calibration(point: &str, instants: &[Ms], axis: &Axis, rules: &RuleBook<'_>) -> Vec<Change> {
    let due = |at: Ms| {
        let rules = rules.at(at);
        let due = rules.calibrations.get(point).map(|due| due - rules.calibration_lead);
        axis.is_trusted(at) && due.is_some_and(|due| axis.wall(at) >= due)
    };
    let severity = rules.at(axis.begin()).calibration.severity;
    // Once it is due, only rules with a later date end that, whatever the clock shows.
    let later = |at: Ms| {
        let rules_now = rules.at(at);
        let due = rules_now.calibrations.get(point).map(|due| due - rules_now.calibration_lead);
        rules.is_new(at) && due.is_none_or(|due| axis.wall(at) < due)
    };
    let dues = instants.iter().filter_map(|at| {
        let rules = rules.at(*at);
        rules.calibrations.get(point).map(|due| due - rules.calibration_lead)
    });
    let mut instants: Vec<Ms> =
        dues.flat_map(|due| axis.shows(due)).chain(instants.iter().copied()).collect();
    instants.sort_unstable();
    instants.dedup();
    let story: Story<(bool, bool)> = instants.iter().map(|at| (*at, (due(*at), later(*at)))).collect();
    changes(&story, point, severity, |(due, _)| due, |(_, later)| later)
}
