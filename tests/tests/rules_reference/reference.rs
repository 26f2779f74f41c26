//! Owns the whole: from a history to everything that comes of it, by asking each part for its whole story.
//! Takes a history; gives the outcomes, sorted, in dates of the rule axis.
//! Must never feed anything back: each part uses the finished stories of the parts before it.

use crate::alerts::{self, Circumstances};
use crate::axis::{Axis, Happened};
use crate::conditions;
use crate::doors;
use crate::episode::{Happens, Phase};
use crate::gate::{self, Told};
use crate::listening::{self, Heard, Story, Trust, state};
use crate::manual;
use crate::model::{Came, Condition, History, Ms, Outcome, Severity, Side, Status, Unit};
use crate::thermal::{Heat, UnitHeat};
use crate::values;
use crate::world::{Change, RuleBook, Turn};
use std::collections::{BTreeMap, BTreeSet};

/// What was found out about one unit.
struct Found<'h> {
    unit: &'h Unit,
    book: &'h RuleBook<'h>,
    heard: BTreeMap<String, Story<Heard>>,
    trust: BTreeMap<String, Story<Trust>>,
    heat: BTreeMap<(String, Side), Heat>,
    masked: Ms,
    changes: BTreeMap<Condition, Vec<Change>>,
}

/// What comes of a history, and how long doors masked warm air in it.
pub struct Outcomes {
    pub outcomes: Vec<Outcome>,
    pub masked: Ms,
}

/// The reference's answer.
pub fn outcomes(history: &History) -> Outcomes {
    let (axis, events) = Axis::of(&history.in_order(), &history.zone);
    let books: Vec<RuleBook<'_>> =
        history.units.iter().map(|unit| RuleBook::of(&events, &unit.name)).collect();
    let told = gate::told(&events, |point, at| {
        let owns = |unit: &Unit| unit.points.iter().chain(&unit.doors).any(|own| own == point);
        books[history.units.iter().position(owns).unwrap_or(0)].at(at)
    });
    let units = history.units.iter().zip(&books);
    let found: Vec<Found<'_>> = units.map(|(unit, book)| found(unit, &axis, &events, &told, book)).collect();
    let mut all = Vec::new();
    for unit in &found {
        let of_alerts = alerts_of(unit, &found, &axis, &events);
        let of_status = statuses(unit, &axis, &events);
        let dated = |(at, came)| Outcome { at: axis.rule(at), unit: unit.unit.name.clone(), came };
        all.extend(of_alerts.into_iter().filter(|(at, _)| *at < axis.end()).map(dated));
        all.extend(of_status.into_iter().filter(|(at, _)| *at < axis.end()).map(dated));
    }
    let masked = found.iter().map(|unit| unit.masked).sum();
    Outcomes { outcomes: tidy(all), masked }
}

/// Sorted, and of what came at one instant of one alert only what counts: an alert that is upgraded as it is raised was
/// raised like that, and one page is as good as two.
pub fn tidy(mut all: Vec<Outcome>) -> Vec<Outcome> {
    let upgrades: Vec<Outcome> = all.clone();
    for outcome in &mut all {
        if let Came::Raised(condition, severity) = &mut outcome.came {
            for upgrade in upgrades.iter().filter(|one| one.at == outcome.at && one.unit == outcome.unit) {
                match upgrade.came {
                    Came::Upgraded(of, worse) if of == *condition => *severity = worse.max(*severity),
                    _ => {}
                }
            }
        }
    }
    let worst = all.clone();
    all.retain(|outcome| {
        let worse = |other: &&Outcome| match (&outcome.came, &other.came) {
            (Came::Upgraded(condition, severity), Came::Upgraded(of, worse)) => {
                of == condition && worse > severity && other.at == outcome.at && other.unit == outcome.unit
            }
            _ => false,
        };
        !worst.iter().any(|other| worse(&other))
    });
    let raised: BTreeSet<(Ms, String, Condition)> = all
        .iter()
        .filter_map(|outcome| match outcome.came {
            Came::Raised(condition, _) | Came::Relapsed(condition) => {
                Some((outcome.at, outcome.unit.clone(), condition))
            }
            _ => None,
        })
        .collect();
    all.retain(|outcome| match outcome.came {
        Came::Upgraded(condition, _) => !raised.contains(&(outcome.at, outcome.unit.clone(), condition)),
        _ => true,
    });
    all.sort();
    all.dedup();
    all
}

fn found<'h>(
    unit: &'h Unit,
    axis: &Axis,
    events: &[Happened],
    told: &BTreeMap<String, Told>,
    book: &'h RuleBook<'h>,
) -> Found<'h> {
    let rules = book.at(axis.begin());
    let nothing = Told::default();
    let of_point = |point: &String| told.get(point).unwrap_or(&nothing);
    let evaluated = unit
        .points
        .iter()
        .map(|point| (point.clone(), values::evaluated(point, &of_point(point).values, book)))
        .collect();
    let (heat, masked) = UnitHeat::story(unit, axis, events, &evaluated, book);
    let heard: BTreeMap<String, Story<Heard>> = unit
        .points
        .iter()
        .map(|point| (point.clone(), listening::heard(&of_point(point).arrivals, axis.begin(), &rules, axis)))
        .collect();
    let trust: BTreeMap<String, Story<Trust>> = unit
        .points
        .iter()
        .map(|point| (point.clone(), listening::trust(&of_point(point).arrivals, rules, axis)))
        .collect();
    let mut found = Found { unit, book, heard, trust, heat, masked, changes: BTreeMap::new() };
    let listened: Vec<_> =
        unit.points.iter().map(|point| (&of_point(point).arrivals[..], &found.heard[point])).collect();
    let missed = manual::overdue(events, &unit.name, &listened, rules, axis);
    found.changes.insert(Condition::ManualMissed, missed);
    found.thermal(events, axis);
    found.others(events, axis);
    for changes in found.changes.values_mut() {
        changes.sort_by_key(|change| change.at);
    }
    found
}

impl Found<'_> {
    fn thermal(&mut self, events: &[Happened], axis: &Axis) {
        for (side, condition) in [(Side::Warm, Condition::TooWarm), (Side::Cold, Condition::TooCold)] {
            let mut changes = manual::temperatures(events, &self.unit.name, side, axis, self.book);
            for ((point, _), heat) in self.heat.iter().filter(|((_, of), _)| *of == side) {
                changes.extend(heat.turned.iter().map(|(at, happens)| {
                    let turn = match happens {
                        Happens::Begins(severity)
                        | Happens::Worsens(severity)
                        | Happens::Relapses(severity) => Turn::Begins(*severity),
                        Happens::Capped => Turn::Capped,
                        Happens::Clears => Turn::Clears,
                        Happens::Settles => Turn::Ends,
                    };
                    Change { at: *at, point: point.clone(), turn }
                }));
            }
            self.changes.insert(condition, changes);
        }
    }

    fn others(&mut self, events: &[Happened], axis: &Axis) {
        let (unit, book) = (self.unit, self.book);
        let rules = book.at(axis.begin());
        let mut instants: Vec<Ms> = events.iter().map(|event| event.at).chain(axis.quarters()).collect();
        instants.sort_unstable();
        instants.dedup();
        let mut add = |condition, changes: Vec<Change>| {
            self.changes.entry(condition).or_default().extend(changes);
        };
        for point in &unit.points {
            add(Condition::Silent, conditions::silence(point, &self.heard[point], rules));
            add(Condition::SensorFault, conditions::fault(point, &self.trust[point], rules));
            add(Condition::LowBattery, conditions::battery(events, point, rules, axis.end()));
            let due = conditions::calibration(point, &instants, axis, book);
            add(Condition::CalibrationDue, due);
        }
        for door in &unit.doors {
            add(Condition::DoorOpen, doors::changes(events, door, rules, axis));
        }
        add(Condition::Unguarded, conditions::unguarded(events, &unit.name, !unit.points.is_empty()));
    }

    /// True if a condition holds at some point of the unit at this instant.
    fn holds(&self, condition: Condition, at: Ms) -> bool {
        let mut points: BTreeSet<&str> = BTreeSet::new();
        for change in self.changes.get(&condition).into_iter().flatten().filter(|change| change.at <= at) {
            match change.turn {
                Turn::Begins(_) | Turn::Capped => points.insert(&change.point),
                Turn::Clears | Turn::Ends => points.remove(&*change.point),
            };
        }
        !points.is_empty()
    }

    fn is_hot(&self, at: Ms) -> bool {
        self.holds(Condition::TooWarm, at) || self.holds(Condition::TooCold, at)
    }

    fn is_dark(&self, at: Ms) -> bool {
        self.unit.points.iter().all(|point| {
            state(&self.heard[point], at, Heard::Fresh) == Heard::Lost
                || state(&self.trust[point], at, Trust::Ok) == Trust::Fault
        })
    }

    fn phase(&self, phase: Phase, at: Ms) -> bool {
        self.heat.values().any(|heat| state(&heat.phases, at, Phase::Normal) == phase)
    }

    fn status(&self, at: Ms) -> Status {
        let heard = |wanted: &[Heard]| {
            self.heard.values().any(|heard| wanted.contains(&state(heard, at, Heard::Fresh)))
        };
        let doubtful = self.trust.values().any(|trust| state(trust, at, Trust::Ok) != Trust::Ok);
        if self.is_hot(at) {
            Status::AlarmActive
        } else if self.holds(Condition::ManualMissed, at) {
            Status::ManualRequired
        } else if (!self.unit.points.is_empty() && self.is_dark(at)) || self.holds(Condition::Unguarded, at) {
            Status::MonitoringInterrupted
        } else if self.phase(Phase::Pending, at) {
            Status::Excursion
        } else if heard(&[Heard::Late, Heard::Lost]) || doubtful {
            Status::Offline
        } else if self.phase(Phase::Recovering, at) || heard(&[Heard::Returning]) {
            Status::Restoring
        } else {
            Status::Ok
        }
    }

    /// Every instant at which anything about the unit may turn.
    fn instants(&self, events: &[Happened]) -> Vec<Ms> {
        let mut instants: BTreeSet<Ms> = events.iter().map(|event| event.at).collect();
        instants.extend(self.changes.values().flatten().map(|change| change.at));
        instants.extend(self.heard.values().flatten().map(|(at, _)| *at));
        instants.extend(self.trust.values().flatten().map(|(at, _)| *at));
        instants.extend(self.heat.values().flat_map(|heat| heat.phases.iter().map(|(at, _)| *at)));
        instants.into_iter().collect()
    }
}

fn statuses(found: &Found<'_>, axis: &Axis, events: &[Happened]) -> Vec<(Ms, Came)> {
    let mut last = Status::Ok;
    let mut came = Vec::new();
    for at in found.instants(events) {
        let status = found.status(at);
        if status != last && at >= axis.begin() {
            last = status;
            came.push((at, Came::Status(status)));
        }
    }
    came
}

fn alerts_of(unit: &Found<'_>, all: &[Found<'_>], axis: &Axis, events: &[Happened]) -> Vec<(Ms, Came)> {
    let rules = unit.book.at(axis.begin());
    let shelves = alerts::shelves(events, &unit.unit.name, axis);
    let shares = |other: &&Found<'_>| {
        other.unit.name != unit.unit.name && unit.unit.area.is_some() && other.unit.area == unit.unit.area
    };
    let neighbours: Vec<&Found<'_>> = all.iter().filter(shares).collect();
    let near = [Condition::TooWarm, Condition::TooCold];
    let of_neighbours = neighbours.iter().flat_map(|one| near.iter().map(|near| &one.changes[near]));
    let mut turns: Vec<Ms> = of_neighbours.flatten().map(|change| change.at).collect();
    turns.extend(unit.heard.values().flatten().map(|(at, _)| *at));
    turns.extend(unit.trust.values().flatten().map(|(at, _)| *at));
    let mut came = Vec::new();
    for (condition, changes) in &unit.changes {
        let urgency = |at: Ms| match condition {
            Condition::TooWarm | Condition::TooCold
                if neighbours.iter().any(|neighbour| neighbour.is_hot(at)) =>
            {
                Severity::Critical
            }
            Condition::Silent if unit.is_dark(at) => rules.silence.severity,
            _ => Severity::Info,
        };
        let slot = match condition {
            Condition::TooWarm | Condition::TooCold => &rules.thermal_schedule,
            Condition::Silent | Condition::Unguarded => &rules.silence.schedule,
            Condition::SensorFault => &rules.fault.schedule,
            Condition::DoorOpen => &rules.door.schedule,
            Condition::LowBattery => &rules.battery.schedule,
            Condition::ManualMissed => &rules.manual.schedule,
            Condition::CalibrationDue => &rules.calibration.schedule,
        };
        came.extend(alerts::life(&Circumstances {
            axis,
            events,
            unit: &unit.unit.name,
            condition: *condition,
            changes,
            shelves: &shelves,
            schedule: slot.as_ref(),
            urgency: &urgency,
            turns: &turns,
        }));
    }
    came
}
