//! Owns the translation of a history for the real engine, and of what that says back into the reference's words.
//! Takes a history; gives the outcomes that the real engine makes of it, record by record and all at once.
//! Must never correct what the real engine says.

use crate::model::{Came, Event, History, Ms, Outcome, Status, What};
use crate::model::{Condition as Plain, Severity as Urgency};
use crate::reference::tidy;
use crate::translate;
use frostguard_shared::ids::{PointId, UnitId};
use frostguard_shared::point::{Assignment, Role};
use frostguard_shared::quantity::{BatteryPercent, CentiCelsius};
use frostguard_shared::reading::{Door, Quality};
use frostguard_shared::rules::{
    AlertChange, Condition, Defrost, Effect, EpisodeKey, Input, Record, Severity, SiteRules, State,
    UnitStatus, refold, step,
};
use frostguard_shared::time::{DurationMs, RuleMs, Trust};

/// The ids of names: what is first in the history is first in order.
pub struct Names {
    units: Vec<String>,
    points: Vec<(String, usize, Role)>,
}

fn id(index: usize) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[15] = index as u8 + 1;
    bytes
}

impl Names {
    pub fn of(history: &History) -> Names {
        let units = history.units.iter().map(|unit| unit.name.clone()).collect();
        let mut points = Vec::new();
        for (index, unit) in history.units.iter().enumerate() {
            points.extend(unit.points.iter().map(|point| (point.clone(), index, Role::Air)));
            points.extend(unit.doors.iter().map(|door| (door.clone(), index, Role::Door)));
        }
        Names { units, points }
    }

    pub fn unit(&self, name: &str) -> UnitId {
        UnitId::from_bytes(id(self.units.iter().position(|unit| unit == name).unwrap()))
    }

    pub fn point(&self, name: &str) -> PointId {
        PointId::from_bytes(id(self.points.iter().position(|(point, ..)| point == name).unwrap()))
    }

    fn unit_name(&self, unit: UnitId) -> String {
        self.units.iter().find(|name| self.unit(name) == unit).unwrap().clone()
    }

    pub fn points(&self) -> impl Iterator<Item = PointId> {
        self.points.iter().map(|(name, ..)| self.point(name))
    }

    fn assignments(&self, at: RuleMs) -> impl Iterator<Item = Assignment> {
        self.points.iter().map(move |(name, unit, role)| Assignment {
            point: self.point(name),
            unit: UnitId::from_bytes(id(*unit)),
            role: *role,
            from: at,
        })
    }
}

/// What the real engine makes of a history: told record by record, with ticks between; and told all at once in another
/// order without any, if that is not the very same.
pub struct Real {
    pub stepped: Vec<Outcome>,
    pub refolded: Option<Vec<Outcome>>,
}

pub fn outcomes(history: &History) -> Real {
    let names = Names::of(history);
    let events = history.in_order();
    let end = events.last().map_or(0, |last| last.at);
    let (mut state, mut effects) = (State::default(), Vec::new());
    let mut records: Vec<Record> = Vec::new();
    let mut rules =
        SiteRules { zone: history.zone.clone(), points: names.points().collect(), ..SiteRules::default() };
    let mut assigned = false;
    for (order, event) in events.iter().enumerate() {
        if !matches!(event.what, What::Started { .. }) {
            // Time passes until then: people see what there is to see, and what a record does is told apart from what
            // was due before it. Ticks must not matter.
            let (passed, came) = step(state, &Record::tick(RuleMs(event.at)));
            state = passed;
            effects.extend(came.into_iter().map(|effect| (Ms::MIN, effect)));
        }
        let mut next = Vec::new();
        if let What::Rules { unit, rules: of_unit } = &event.what {
            translate::apply(&mut rules, history, &names, unit, of_unit);
            let more = events
                .get(order + 1)
                .is_some_and(|next| next.at == event.at && matches!(next.what, What::Rules { .. }));
            if !more {
                next.push(Record::rules(RuleMs(event.at), rules.clone()));
            }
            if !more && !assigned {
                assigned = true;
                next.extend(names.assignments(RuleMs(event.at)).enumerate().map(|(index, assignment)| {
                    Record::given(RuleMs(event.at), Input::Assigned(assignment), index as u64)
                }));
            }
        } else if let Some(input) = input(event, &names, &state) {
            next.push(Record::given(RuleMs(event.at), input, order as u64));
        }
        for record in next {
            let (after, came) = step(state, &record);
            state = after;
            // A start lets fall due what was due before it; nothing of it is known only in hindsight.
            let known = if matches!(event.what, What::Started { .. }) { Ms::MIN } else { event.at };
            effects.extend(came.into_iter().map(|effect| (known, effect)));
            records.push(record);
        }
    }
    // The order in which records come must not matter.
    records.reverse();
    let (_, at_once) = refold(State::default(), records);
    let as_one = effects.iter().map(|(_, effect)| effect).eq(&at_once);
    let at_once: Vec<(Ms, Effect)> = at_once.into_iter().map(|effect| (Ms::MIN, effect)).collect();
    Real { stepped: told(&effects, &names, end), refolded: (!as_one).then(|| told(&at_once, &names, end)) }
}

fn input(event: &Event, names: &Names, state: &State) -> Option<Input> {
    Some(match &event.what {
        What::Started { down_from, known } => Input::Started {
            down_from: down_from.map(RuleMs),
            known: *known,
            trust: if *known { Trust::Synced } else { Trust::Untrusted },
        },
        What::Clock { to, offset } => Input::ClockCorrected { to: RuleMs(*to), offset: DurationMs(*offset) },
        What::Rules { .. } => return None,
        What::Door { point, open } => {
            Input::Door { point: names.point(point), door: if *open { Door::Open } else { Door::Closed } }
        }
        What::Defrost { unit, active } => Input::Defrost {
            unit: names.unit(unit),
            defrost: if *active { Defrost::Running } else { Defrost::Over },
        },
        What::Reading { point, value, sound, live } => Input::Reading {
            point: names.point(point),
            temperature: CentiCelsius::new(*value).unwrap(),
            quality: if *sound { Quality::Valid } else { Quality::OutOfRange },
            live: *live,
            battery: None,
        },
        What::Fault { point } => Input::Fault { point: names.point(point) },
        What::Battery { point, percent } => {
            Input::Battery { point: names.point(point), percent: BatteryPercent::new(*percent).unwrap() }
        }
        What::Manual { unit, value, taken } => Input::ManualLog {
            unit: names.unit(unit),
            temperature: value.map(|value| CentiCelsius::new(value).unwrap()),
            taken: RuleMs(*taken),
        },
        What::Quiet { unit, condition, until } => {
            Input::Quieted { episode: episode(state, names, unit, *condition)?, until: RuleMs(*until) }
        }
        What::Acknowledge { unit, condition, until } => {
            Input::Acknowledged { episode: episode(state, names, unit, *condition)?, until: RuleMs(*until) }
        }
        What::Shelve { unit, until } => Input::Shelved { unit: names.unit(unit), until: RuleMs(*until) },
        What::Resolve { unit, condition } => {
            Input::Resolved { episode: episode(state, names, unit, *condition)? }
        }
        What::Tick => Input::Tick,
    })
}

/// The alert that a person means by a unit and a condition, if there is one to see: the last.
fn episode(state: &State, names: &Names, unit: &str, condition: Plain) -> Option<EpisodeKey> {
    let means = |key: &EpisodeKey| key.unit == names.unit(unit) && plain(key.condition) == condition;
    let alerts = state.alerts().filter(|(key, _)| means(key));
    alerts.max_by_key(|(_, alert)| alert.raised).map(|(key, _)| *key)
}

fn told(effects: &[(Ms, Effect)], names: &Names, end: Ms) -> Vec<Outcome> {
    let mut all = Vec::new();
    let mut statuses: Vec<(String, Ms, Status)> = Vec::new();
    for (known, effect) in effects {
        match effect {
            Effect::Transition(transition) => {
                let unit = names.unit_name(transition.unit);
                // What is believed in hindsight bears its own date, but the status is what it is since it is known.
                statuses.push((unit, transition.at.0.max(*known), status(transition.status)));
            }
            Effect::Alert { at, episode, change, page } => {
                let condition = plain(episode.condition);
                let say = |came| Outcome { at: at.0, unit: names.unit_name(episode.unit), came };
                all.extend(match change {
                    AlertChange::Raised { severity, .. } => {
                        Some(say(Came::Raised(condition, urgency(*severity))))
                    }
                    AlertChange::Upgraded { severity, .. } => {
                        Some(say(Came::Upgraded(condition, urgency(*severity))))
                    }
                    AlertChange::Cleared { .. } => Some(say(Came::Cleared(condition))),
                    AlertChange::Relapsed { .. } => Some(say(Came::Relapsed(condition))),
                    AlertChange::AckExpired => Some(say(Came::AckExpired(condition))),
                    AlertChange::Escalated { level } => {
                        Some(say(Came::Escalated(condition, u32::from(*level))))
                    }
                    AlertChange::Told { .. } => None,
                });
                all.extend(page.is_sent().then(|| say(Came::Paged(condition))));
            }
            Effect::ShelveEnded { .. } => {}
            Effect::NeedHistory { unit, from } => panic!("late for {unit} from {from:?}"),
        }
    }
    all.extend(changes_of(statuses));
    all.retain(|outcome| outcome.at < end);
    tidy(all)
}

/// The changes of status: of several at one instant the last counts.
fn changes_of(mut statuses: Vec<(String, Ms, Status)>) -> Vec<Outcome> {
    statuses.sort_by(|one, other| (&one.0, one.1).cmp(&(&other.0, other.1)));
    let mut came: Vec<Outcome> = Vec::new();
    let mut before: Option<(String, Status)> = None;
    for (index, (unit, at, status)) in statuses.iter().enumerate() {
        let last_of_instant = statuses.get(index + 1).is_none_or(|next| (&next.0, next.1) != (unit, *at));
        if !last_of_instant {
            continue;
        }
        let was = before.as_ref().filter(|(of, _)| of == unit).map_or(Status::Ok, |(_, status)| *status);
        if was != *status {
            came.push(Outcome { at: *at, unit: unit.clone(), came: Came::Status(*status) });
        }
        before = Some((unit.clone(), *status));
    }
    came
}

fn plain(condition: Condition) -> Plain {
    match condition {
        Condition::TooWarm => Plain::TooWarm,
        Condition::TooCold => Plain::TooCold,
        Condition::Silent => Plain::Silent,
        Condition::SensorFault => Plain::SensorFault,
        Condition::DoorOpen => Plain::DoorOpen,
        Condition::LowBattery => Plain::LowBattery,
        Condition::ManualMissed => Plain::ManualMissed,
        Condition::CalibrationDue => Plain::CalibrationDue,
        Condition::Unguarded => Plain::Unguarded,
    }
}

fn urgency(severity: Severity) -> Urgency {
    match severity {
        Severity::Info => Urgency::Info,
        Severity::Warning => Urgency::Warning,
        Severity::Critical => Urgency::Critical,
    }
}

fn status(status: UnitStatus) -> Status {
    match status {
        UnitStatus::Ok => Status::Ok,
        UnitStatus::Excursion => Status::Excursion,
        UnitStatus::AlarmActive => Status::AlarmActive,
        UnitStatus::MonitoringInterrupted => Status::MonitoringInterrupted,
        UnitStatus::ManualRequired => Status::ManualRequired,
        UnitStatus::Restoring => Status::Restoring,
        UnitStatus::Offline => Status::Offline,
    }
}
