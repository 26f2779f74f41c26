//! Owns the life of the alert of one unit and one condition: raised, upgraded, acknowledged, escalated, held back, told.
//! Takes the changes of the condition at each point and what people did; gives what came of it, pages among it.
//! Must never end a condition: only its points do.

use crate::axis::{Axis, Happened, LONGEST_SHELVE};
use crate::model::{Came, Condition, MINUTE, Ms, Schedule, Severity, What};
use crate::world::{Change, Turn};
use std::collections::{BTreeMap, BTreeSet};

/// When a unit is shelved.
pub fn shelves(events: &[Happened], unit: &str, axis: &Axis) -> Vec<(Ms, Ms)> {
    let mut shelves: Vec<(Ms, Ms)> = Vec::new();
    for event in events {
        let next = match &event.what {
            What::Shelve { unit: of, until } if of == unit => {
                let asked = axis.spoken_of(*until, event.at);
                Some((event.at, asked.min(event.at + LONGEST_SHELVE)))
            }
            What::Started { down_from: Some(_), known: false } => None,
            _ => continue,
        };
        // The latest word counts; a downtime of unknown length has outlasted every shelve.
        if let Some(last) = shelves.last_mut() {
            last.1 = last.1.min(event.at);
        }
        shelves.extend(next);
    }
    shelves
}

/// All that the alert of a condition depends on.
pub struct Circumstances<'c> {
    pub axis: &'c Axis,
    pub events: &'c [Happened],
    pub unit: &'c str,
    pub condition: Condition,
    pub changes: &'c [Change],
    pub shelves: &'c [(Ms, Ms)],
    pub schedule: Option<&'c Schedule>,
    /// How urgent things make it at an instant, whatever its points say; and the instants at which that changes.
    pub urgency: &'c dyn Fn(Ms) -> Severity,
    pub turns: &'c [Ms],
}

/// An alert as it stands.
#[derive(Clone, Debug)]
struct Alert {
    active: bool,
    severity: Severity,
    acknowledged_until: Option<Ms>,
    acknowledged_at: Option<Ms>,
    last_page: Option<Ms>,
    /// Since when nobody has said anything to it; nothing while it is held back.
    unanswered: Option<Ms>,
    level: u32,
    /// True once it has lasted for as long as anything may be held back; then no shelve holds it back.
    capped: bool,
    resolved: bool,
}

impl Alert {
    /// True if nobody needs to see it any more.
    fn is_gone(&self) -> bool {
        !self.active && (self.acknowledged_at.is_some() || self.resolved)
    }

    fn is_open(&self) -> bool {
        self.active && self.acknowledged_until.is_none()
    }

    /// When the next page is due if nobody acknowledges, and whether it is of a higher level.
    fn escalates(&self) -> Option<(Ms, bool)> {
        let last = self.unanswered.filter(|_| self.is_open())?;
        match self.severity {
            Severity::Critical if self.level < 3 => Some((last + 15 * MINUTE, true)),
            Severity::Critical => Some((last + 60 * MINUTE, false)),
            Severity::Warning if self.level < 2 => Some((last + 30 * MINUTE, true)),
            Severity::Warning => Some((last + 240 * MINUTE, false)),
            Severity::Info => None,
        }
    }
}

struct Life<'c> {
    of: &'c Circumstances<'c>,
    /// What people did to this alert, and downtimes that outlasted that.
    events: Vec<&'c Happened>,
    alert: Option<Alert>,
    /// How urgently each point has the condition, and which points are not well yet.
    points: BTreeMap<String, Severity>,
    recovering: BTreeSet<String>,
    /// Whether people have to be told as soon as nothing holds that back any more.
    held: bool,
    came: Vec<(Ms, Came)>,
}

/// What came of a condition.
pub fn life(of: &Circumstances<'_>) -> Vec<(Ms, Came)> {
    if of.changes.is_empty() {
        return Vec::new();
    }
    let concerns = |event: &&Happened| match &event.what {
        What::Acknowledge { unit, condition, .. } | What::Resolve { unit, condition } => {
            unit == of.unit && *condition == of.condition
        }
        What::Started { down_from: Some(_), known: false } => true,
        _ => false,
    };
    let mut life = Life {
        of,
        events: of.events.iter().filter(concerns).collect(),
        alert: None,
        points: BTreeMap::new(),
        recovering: BTreeSet::new(),
        held: false,
        came: Vec::new(),
    };
    let mut instants: BTreeSet<Ms> = life.events.iter().map(|event| event.at).collect();
    instants.extend(of.changes.iter().map(|change| change.at));
    instants.extend(of.turns);
    instants.extend(of.axis.quarters());
    instants.extend(of.shelves.iter().flat_map(|shelve| [shelve.0, shelve.1]));
    instants.insert(of.axis.end());
    let mut instants: Vec<Ms> = instants.into_iter().filter(|at| *at <= of.axis.end()).collect();
    instants.reverse();
    let mut now = of.axis.begin();
    while let Some(next) = instants.last().copied() {
        // The alert may have an instant of its own before: an acknowledgement that expires, a page that is due.
        match life.next_own(now).filter(|own| *own < next) {
            Some(own) => now = own,
            None => {
                instants.pop();
                now = next;
            }
        }
        life.instant(now);
    }
    life.came
}

impl Life<'_> {
    fn next_own(&self, now: Ms) -> Option<Ms> {
        let alert = self.alert.as_ref()?;
        let page = alert.escalates().map(|(at, _)| at);
        alert.acknowledged_until.into_iter().chain(page).filter(|at| *at > now).min()
    }

    fn say(&mut self, at: Ms, came: Came) {
        self.came.push((at, came));
    }

    fn instant(&mut self, at: Ms) {
        let outlasted = |event: &&Happened| event.at == at && matches!(event.what, What::Started { .. });
        if self.events.iter().any(|event| outlasted(event)) {
            self.expire(at, Ms::MAX);
        }
        for change in self.of.changes.iter().filter(|change| change.at == at) {
            self.change(at, change);
        }
        self.upgrade(at, false);
        self.people(at);
        self.expire(at, at);
        if self.held && !self.is_held(at) {
            self.held = false;
            if self.alert.as_ref().is_some_and(Alert::is_open) {
                self.page(at);
            }
        }
        self.escalate(at);
    }

    fn is_shelved(&self, at: Ms) -> bool {
        let capped = self.alert.as_ref().is_some_and(|alert| alert.capped);
        !capped && self.of.shelves.iter().any(|(from, until)| (*from..*until).contains(&at))
    }

    fn is_held(&self, at: Ms) -> bool {
        let Some(alert) = &self.alert else { return false };
        let closed = alert.severity < Severity::Critical && !self.of.axis.is_open(self.of.schedule, at);
        self.is_shelved(at) || closed
    }

    fn wait(&mut self, at: Ms) {
        if let Some(alert) = &mut self.alert {
            alert.unanswered = Some(at);
        }
    }

    fn page(&mut self, at: Ms) {
        let held = self.is_held(at);
        self.held = held;
        if let Some(alert) = &mut self.alert {
            alert.unanswered = (!held).then_some(at);
            if held {
                return;
            }
            alert.last_page = Some(at);
            let condition = self.of.condition;
            self.say(at, Came::Paged(condition));
        }
    }

    fn expire(&mut self, at: Ms, until: Ms) {
        let condition = self.of.condition;
        let Some(alert) = &mut self.alert else { return };
        if alert.acknowledged_until.is_none_or(|expires| expires > until) {
            return;
        }
        alert.acknowledged_until = None;
        if alert.active {
            self.say(at, Came::AckExpired(condition));
            self.page(at);
        }
    }

    fn change(&mut self, at: Ms, change: &Change) {
        match change.turn {
            Turn::Begins(severity) => {
                let before = self.points.insert(change.point.clone(), severity);
                if let Some(before) = before {
                    self.points.insert(change.point.clone(), before.max(severity));
                }
                self.begin(at);
                self.recovering.remove(&change.point);
            }
            Turn::Capped => {
                self.points.insert(change.point.clone(), Severity::Critical);
                self.begin(at);
                self.recovering.remove(&change.point);
                self.upgrade(at, true);
            }
            Turn::Clears | Turn::Ends => {
                let held = self.points.remove(&change.point).is_some();
                if change.turn == Turn::Clears {
                    self.recovering.insert(change.point.clone());
                } else {
                    self.recovering.remove(&change.point);
                }
                if held && self.points.is_empty() {
                    self.clear(at);
                }
            }
        }
    }

    fn clear(&mut self, at: Ms) {
        let condition = self.of.condition;
        if let Some(alert) = self.alert.as_mut().filter(|alert| alert.active) {
            alert.active = false;
            self.held = false;
            self.say(at, Came::Cleared(condition));
        }
    }

    fn wanted(&self, at: Ms) -> Severity {
        let points = self.points.values().copied().max().unwrap_or(Severity::Info);
        points.max((self.of.urgency)(at))
    }

    /// The condition begins at a point, or goes on.
    fn begin(&mut self, at: Ms) {
        let condition = self.of.condition;
        match &mut self.alert {
            Some(alert) if alert.active => {}
            Some(alert) if !self.recovering.is_empty() && !alert.resolved => {
                alert.active = true;
                let recent = |then: Option<Ms>| then.is_some_and(|then| at - then < 30 * MINUTE);
                let told = recent(alert.last_page)
                    || recent(alert.acknowledged_at)
                    || alert.acknowledged_until.is_some();
                self.say(at, Came::Relapsed(condition));
                if told && !self.is_held(at) {
                    // Nobody is told again so soon; if nobody says anything, patience begins with this.
                    self.wait(at);
                } else {
                    self.page(at);
                }
            }
            _ => {
                let severity = self.wanted(at);
                self.alert = Some(Alert {
                    active: true,
                    severity,
                    acknowledged_until: None,
                    acknowledged_at: None,
                    last_page: None,
                    unanswered: None,
                    level: 0,
                    capped: false,
                    resolved: false,
                });
                self.held = false;
                self.say(at, Came::Raised(condition, severity));
                self.page(at);
            }
        }
    }

    fn upgrade(&mut self, at: Ms, capped: bool) {
        let (condition, wanted) = (self.of.condition, self.wanted(at));
        let Some(alert) = self.alert.as_mut().filter(|alert| alert.active) else { return };
        if wanted <= alert.severity && !capped {
            return;
        }
        alert.severity = alert.severity.max(wanted);
        if capped {
            alert.capped = true;
            alert.acknowledged_until = None;
        }
        let severity = alert.severity;
        self.say(at, Came::Upgraded(condition, severity));
        self.page(at);
    }

    fn people(&mut self, at: Ms) {
        for event in self.events.iter().filter(|event| event.at == at) {
            let Some(alert) = self.alert.as_mut().filter(|alert| !alert.is_gone()) else { return };
            match &event.what {
                What::Acknowledge { until, .. } => {
                    alert.acknowledged_until = Some(self.of.axis.spoken_of(*until, at));
                    alert.acknowledged_at = Some(at);
                }
                What::Resolve { .. } => alert.resolved = !alert.active,
                _ => {}
            }
        }
    }

    fn escalate(&mut self, at: Ms) {
        let condition = self.of.condition;
        let shelved = self.of.shelves.iter().any(|(from, _)| *from == at);
        let Some(alert) = &mut self.alert else { return };
        if shelved && alert.active && !alert.capped {
            self.held = true;
            alert.unanswered = None;
        }
        let Some((_, higher)) = alert.escalates().filter(|(due, _)| *due <= at) else { return };
        alert.level += u32::from(higher);
        if higher {
            let level = alert.level;
            self.say(at, Came::Escalated(condition, level));
        }
        self.page(at);
    }
}
