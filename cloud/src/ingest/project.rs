//! Projecting: what an event of a hub means for the tables that people look at.
//!
//! Pure. Takes events in their order and the timeline that they themselves make; gives facts for the tables, in order.
//! Everything here can be made again from the stored bytes. An event that is not understood projects to nothing: it is
//! kept, chained and counted.

use crate::store::commands::Progress;
use crate::store::configuration::Decision;
use frostguard_shared::chain::Hash;
use frostguard_shared::event::{Actor, ActorKind, Check, CommandOutcome, Event, Fact, OldEpoch, RefusalCode};
use frostguard_shared::ids::{AlertId, CommandId, DeviceId, EpochId, HubId, PersonId, PointId, UnitId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::reading::Door;
use frostguard_shared::rules::field::RuleField;
use frostguard_shared::rules::{EpisodeKey, UnitStatus, Why};
use frostguard_shared::time::{Boot, RuleMs, WallMs};
use frostguard_shared::timeline::{ClockFact, Timeline};

/// A range of readings that an event seals.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sealed {
    /// The event's number.
    pub event: u64,
    /// The seal.
    pub seal: super::seals::Seal,
}

/// A point begins to measure a unit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// The device.
    pub device: DeviceId,
    /// Its radio address.
    pub address: String,
    /// Its model.
    pub model: String,
    /// The point.
    pub point: PointId,
    /// Its channel.
    pub channel: String,
    /// The unit.
    pub unit: UnitId,
    /// What it measures there.
    pub role: &'static str,
    /// From when on the rule axis.
    pub from: RuleMs,
    /// From when, for people.
    pub at: WallMs,
}

/// A new alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Raised {
    /// The alert.
    pub alert: AlertId,
    /// Its episode.
    pub episode: EpisodeKey,
    /// The type in the database's list.
    pub alert_type: &'static str,
    /// How urgent.
    pub severity: &'static str,
    /// When it was confirmed.
    pub at: WallMs,
    /// True if found only by late data.
    pub is_retro: bool,
    /// Why.
    pub why: Why,
}

/// What happened to an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertMoves {
    /// It was raised.
    Raised(Box<Raised>),
    /// Someone asked for quiet.
    Quieted {
        /// Until when.
        until: WallMs,
    },
    /// A person acknowledged it.
    Acknowledged {
        /// Who.
        by: Option<PersonId>,
        /// When.
        at: WallMs,
        /// Until when.
        until: WallMs,
    },
    /// The acknowledgement expired.
    AckExpired,
    /// The condition ended.
    Cleared {
        /// When.
        at: WallMs,
    },
    /// The condition came back.
    Relapsed,
    /// It became more urgent.
    Upgraded {
        /// How urgent now.
        severity: &'static str,
        /// True if whoever was on it has to look again: it lasted for as long as anything may hold it back.
        demands: bool,
    },
    /// Nobody was on it, and others were told.
    Escalated {
        /// The level.
        level: u8,
        /// When.
        at: WallMs,
    },
    /// A person is done with it.
    Resolved {
        /// Who.
        by: Option<PersonId>,
        /// When.
        at: WallMs,
    },
}

/// A temperature that a person logged by hand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ByHand {
    /// The unit.
    pub unit: UnitId,
    /// Who.
    pub person: Option<PersonId>,
    /// What was read, if it could be read.
    pub temperature: Option<i32>,
    /// What they add.
    pub note: Option<String>,
    /// When it was read.
    pub taken: WallMs,
}

/// A door moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DoorMoved {
    /// The unit.
    pub unit: UnitId,
    /// The device.
    pub device: Option<DeviceId>,
    /// Its state now.
    pub door: Door,
    /// When.
    pub at: WallMs,
}

/// A unit's status changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StatusChanged {
    /// The unit.
    pub unit: UnitId,
    /// Its status now.
    pub status: UnitStatus,
    /// When.
    pub at: WallMs,
}

/// A journal began whose hub had another one before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Followed {
    /// The epoch before, with its head as the hub knew it.
    pub old: OldEpoch,
}

/// What a hub made of something that was desired of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Answered {
    /// Of a document.
    Document {
        /// Its version.
        version: u64,
        /// What it made of it.
        decision: Decision,
    },
    /// Of a command.
    Command {
        /// The command.
        command: CommandId,
        /// How far it is with it.
        progress: Progress,
    },
    /// A test of itself, of what it has found.
    SelfTest(String),
}

/// A line of the organization's event log.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Logged {
    /// The event's number.
    pub seq: u64,
    /// Type and version.
    pub kind: String,
    /// Who, if a person.
    pub person: Option<PersonId>,
    /// `user` or `system`.
    pub actor_type: &'static str,
    /// The unit.
    pub unit: Option<UnitId>,
    /// When.
    pub at: WallMs,
    /// A sentence for people, if the event has one.
    pub title: Option<String>,
    /// How serious.
    pub severity: &'static str,
}

/// Everything that follows from some events.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Projection {
    /// Facts of the clock with their event's number.
    pub clock: Vec<(u64, Boot, ClockFact)>,
    /// Seals.
    pub seals: Vec<Sealed>,
    /// Assignments, in order.
    pub assignments: Vec<Assignment>,
    /// What happened to alerts, in order.
    pub alerts: Vec<(AlertId, AlertMoves)>,
    /// Logs by hand, in order.
    pub by_hand: Vec<ByHand>,
    /// Doors, in order.
    pub doors: Vec<DoorMoved>,
    /// The last status of each unit.
    pub statuses: Vec<StatusChanged>,
    /// Journals that this one follows.
    pub followed: Vec<Followed>,
    /// What became of what was desired, in order.
    pub answered: Vec<(Answered, WallMs)>,
    /// Lines of the event log.
    pub log: Vec<Logged>,
}

impl Projection {
    /// What some events mean, in their order. The clock's facts come first: what was recorded before a correction is
    /// dated by it all the same.
    pub fn of(events: &[Event], mut timeline: Timeline) -> Self {
        let mut projection = Self::default();
        for event in events {
            if let Some((boot, fact)) = ClockFact::of_event(event) {
                timeline.take(boot, fact);
                projection.clock.push((event.envelope.seq, boot, fact));
            }
        }
        events.iter().for_each(|event| projection.take(event, &timeline));
        projection
    }

    /// The same without what can only be kept once.
    pub fn repeatable(self) -> Self {
        Self { assignments: self.assignments, alerts: self.alerts, ..Self::default() }
    }

    fn take(&mut self, event: &Event, timeline: &Timeline) {
        let envelope = &event.envelope;
        let wall = |rule: RuleMs| shown(timeline.recorded(envelope.boot, rule, 0).at);
        let at = wall(envelope.rule_ms);
        if let Some(fact) = event.fact() {
            self.seal(envelope.seq, fact);
            self.assignment(event, fact, at);
            self.alert(event, fact, at, wall);
            if let Some(answered) = answered(fact) {
                self.answered.push((answered, at));
            }
            if let Fact::EpochStarted { old: Some(old), .. } = fact {
                self.followed.push(Followed { old: old.clone() });
            }
            if let (Fact::DoorChanged { door }, Some(unit)) = (fact, envelope.subject.unit) {
                self.doors.push(DoorMoved { unit, device: envelope.subject.device, door: *door, at });
            }
            if let (Fact::ManualLogRecorded { temperature_centi_c, taken_ms, note }, Some(unit)) =
                (fact, envelope.subject.unit)
            {
                self.by_hand.push(ByHand {
                    unit,
                    person: envelope.actor.and_then(|actor| actor.id),
                    temperature: *temperature_centi_c,
                    note: note.clone(),
                    taken: wall(*taken_ms),
                });
            }
            if let (Fact::UnitTransition { status, since_ms, .. }, Some(unit)) = (fact, envelope.subject.unit)
            {
                self.statuses.retain(|known| known.unit != unit);
                self.statuses.push(StatusChanged { unit, status: *status, at: wall(*since_ms) });
            }
        }
        if !matches!(event.fact(), Some(Fact::ReadingsSealed { .. })) {
            self.log.push(logged(event, at));
        }
    }

    fn seal(&mut self, event: u64, fact: &Fact) {
        if let Fact::ReadingsSealed { first, last, count, root } = fact {
            let seal = super::seals::Seal { first: *first, last: *last, count: *count, root: *root };
            // A range that no reading could have is a seal that nothing can match: it is kept in the event alone.
            if seal.first >= 1 && seal.first <= seal.last && seal.last <= i64::MAX as u64 {
                self.seals.push(Sealed { event, seal });
            }
        }
    }

    fn assignment(&mut self, event: &Event, fact: &Fact, at: WallMs) {
        let subject = &event.envelope.subject;
        if let Fact::DeviceAssigned { channel, role, model, address } = fact
            && let (Some(device), Some(point), Some(unit)) = (subject.device, subject.point, subject.unit)
        {
            self.assignments.push(Assignment {
                device,
                address: address.clone(),
                model: model.clone(),
                point,
                channel: channel.to_string(),
                unit,
                role: role.word(),
                from: event.envelope.rule_ms,
                at,
            });
        }
    }

    fn alert(&mut self, event: &Event, fact: &Fact, at: WallMs, wall: impl Fn(RuleMs) -> WallMs) {
        let Some(alert) = event.envelope.subject.alert else { return };
        let moves = match fact {
            Fact::AlertRaised { episode, alert_type, severity, since_ms, retro, why, .. } => {
                AlertMoves::Raised(Box::new(Raised {
                    alert,
                    episode: *episode,
                    alert_type: alert_type.word(),
                    severity: severity.word(),
                    at: wall(*since_ms),
                    is_retro: *retro,
                    why: why.clone(),
                }))
            }
            Fact::AlertQuieted { until_ms, .. } => AlertMoves::Quieted { until: wall(*until_ms) },
            Fact::AlertAcknowledged { until_ms, .. } => AlertMoves::Acknowledged {
                by: event.envelope.actor.and_then(|actor| actor.id),
                at,
                until: wall(*until_ms),
            },
            Fact::AlertAckExpired { .. } => AlertMoves::AckExpired,
            Fact::AlertCleared { since_ms, .. } => AlertMoves::Cleared { at: wall(*since_ms) },
            Fact::AlertRelapsed { .. } => AlertMoves::Relapsed,
            Fact::AlertUpgraded { severity, why, .. } => {
                let field = why.basis.as_ref().map(|basis| basis.field.as_str());
                let demands = field == Some(RuleField::MaxExcursion.word());
                AlertMoves::Upgraded { severity: severity.word(), demands }
            }
            Fact::AlertEscalated { level, since_ms, .. } => {
                AlertMoves::Escalated { level: *level, at: wall(*since_ms) }
            }
            Fact::AlertResolved { .. } => {
                AlertMoves::Resolved { by: event.envelope.actor.and_then(|actor| actor.id), at }
            }
            _ => return,
        };
        self.alerts.push((alert, moves));
    }
}

/// A wall time that every table can hold: from 1970 to the end of 9999. What a hub with a broken clock says beyond that
/// stands in the event itself.
pub fn shown(at: WallMs) -> WallMs {
    WallMs(at.0.clamp(0, 253_402_300_799_999))
}

/// What a fact says of something that was desired.
fn answered(fact: &Fact) -> Option<Answered> {
    let document = |version: u64, decision| Some(Answered::Document { version, decision });
    match fact {
        Fact::DocumentApplied { version, .. } => document(*version, Decision::Applied),
        Fact::ConfigRefused { version: Some(version), code, reason, waits } => {
            let (code, reason) = (refusal(*code), reason.clone());
            document(*version, Decision::Refused { code, reason, waits: *waits })
        }
        Fact::ConfigRolledBack { version, to, reason, .. } => {
            document(*version, Decision::RolledBack { to: to.unwrap_or(0), reason: reason.clone() })
        }
        Fact::CommandReceived { command, .. } => {
            Some(Answered::Command { command: *command, progress: Progress::Received })
        }
        Fact::CommandDone { command, outcome, text } => {
            let state = match outcome {
                CommandOutcome::Done => "done",
                CommandOutcome::Refused => "refused",
                CommandOutcome::Expired => "expired",
            };
            Some(Answered::Command { command: *command, progress: Progress::Ended(state, text.clone()) })
        }
        Fact::SelftestDone { checks, .. } => Some(Answered::SelfTest(found(checks))),
        _ => None,
    }
}

/// The word of a refusal, as the event has it.
const fn refusal(code: RefusalCode) -> &'static str {
    match code {
        RefusalCode::Unsigned => "unsigned",
        RefusalCode::Unreadable => "unreadable",
        RefusalCode::ForeignHub => "foreign_hub",
        RefusalCode::Stale => "stale",
        RefusalCode::Units => "units",
        RefusalCode::Rules => "rules",
        RefusalCode::Silences => "silences",
        RefusalCode::HardLimit => "hard_limit",
        RefusalCode::DryRun => "dry_run",
        RefusalCode::Storage => "storage",
    }
}

/// What a self-test has found, in a sentence: what failed comes by name.
fn found(checks: &[Check]) -> String {
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| !check.passed)
        .map(|check| format!("{}: {}", check.name, check.text))
        .collect();
    let passed = checks.len() - failed.len();
    match failed.is_empty() {
        true => format!("{passed} of {} checks passed", checks.len()),
        false => format!("{passed} of {} checks passed; failed: {}", checks.len(), failed.join("; ")),
    }
}

/// How serious an event is, and a sentence of it, if it has one.
fn line(fact: Option<&Fact>) -> (&'static str, Option<String>) {
    match fact {
        Some(Fact::AlertRaised { severity, why, .. } | Fact::AlertUpgraded { severity, why, .. }) => {
            (severity.word(), Some(why.text.clone()))
        }
        Some(Fact::AlertCleared { why, .. } | Fact::AlertRelapsed { why, .. }) => {
            ("info", Some(why.text.clone()))
        }
        Some(Fact::AlertEscalated { level, .. }) => {
            ("warning", Some(format!("nobody is on it: told at level {level}")))
        }
        Some(Fact::ShelveStarted { reason, .. }) => ("warning", Some(format!("silenced: {reason}"))),
        Some(Fact::ManualLogRecorded { temperature_centi_c, .. }) => {
            let known = temperature_centi_c.and_then(|value| CentiCelsius::new(value).ok());
            ("info", known.map(|value| format!("{value} °C, logged by hand")))
        }
        Some(Fact::UnitTransition { why, .. }) => ("info", Some(why.text.clone())),
        Some(Fact::StorageDamaged { what, .. }) => ("critical", Some(what.clone())),
        Some(Fact::AnnunciatorFailed { error, .. }) => ("warning", Some(error.clone())),
        Some(Fact::Gap { .. } | Fact::DeviceFault { .. } | Fact::ClockUntrusted) => ("warning", None),
        Some(Fact::DocumentApplied { version, .. }) => {
            ("info", Some(format!("rules of version {version} are in force")))
        }
        Some(Fact::ConfigRefused { reason, .. } | Fact::ConfigRolledBack { reason, .. }) => {
            ("warning", Some(reason.clone()))
        }
        Some(Fact::CommandDone { outcome, text, .. }) => match outcome {
            CommandOutcome::Done => ("info", Some(text.clone())),
            CommandOutcome::Refused | CommandOutcome::Expired => ("warning", Some(text.clone())),
        },
        Some(Fact::SelftestDone { passed, checks }) => {
            (if *passed { "info" } else { "warning" }, Some(found(checks)))
        }
        _ => ("info", None),
    }
}

fn logged(event: &Event, at: WallMs) -> Logged {
    let envelope = &event.envelope;
    let person = match envelope.actor {
        Some(Actor { kind: ActorKind::Person, id }) => id,
        _ => None,
    };
    let (severity, title) = line(event.fact());
    Logged {
        seq: envelope.seq,
        kind: envelope.kind.clone(),
        person,
        actor_type: if person.is_some() { "user" } else { "system" },
        unit: envelope.subject.unit,
        at,
        title,
        severity,
    }
}

/// How canonical JSON writes a zero character.
const NUL: &[u8] = b"\\u0000";

/// What is wrong with stored bytes that should be an event of this place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Misfit {
    /// They are no event in canonical form.
    Unreadable,
    /// They name another hub, epoch or number.
    Misplaced,
}

/// Reads an event and checks that it says of itself where it stands.
///
/// # Errors
/// What is wrong; the bytes are kept all the same.
pub fn read(bytes: &[u8], hub: HubId, epoch: EpochId, seq: u64) -> Result<Event, Misfit> {
    // A zero character is good JSON, but no text of the database can hold it.
    if bytes.windows(NUL.len()).any(|window| window == NUL) {
        return Err(Misfit::Unreadable);
    }
    let event = Event::from_bytes(bytes).map_err(|_| Misfit::Unreadable)?;
    let envelope = &event.envelope;
    if (envelope.hub, envelope.epoch, envelope.seq) == (hub, epoch, seq) {
        Ok(event)
    } else {
        Err(Misfit::Misplaced)
    }
}

/// An event that is stored, with its hash.
#[derive(Clone, PartialEq, Debug)]
pub struct Chained {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: Hash,
    /// The hash before it.
    pub previous: Hash,
    /// Its bytes, unless a bound at the hub has dropped them.
    pub bytes: Option<Vec<u8>>,
}
