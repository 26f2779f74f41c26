//! Owns the way of a record through its bytes, as it goes from a hub's journal to the cloud.
//! Takes what an engine was given; gives what an engine is given that has nothing but the bytes.
//! Must never carry anything past the bytes, except rules: an event names only their hash.

use frostguard_shared::event::{Envelope, Event, Fact, Fault, ShelveEnd, Subject, to_bytes};
use frostguard_shared::ids::HubId;
use frostguard_shared::point::Channel;
use frostguard_shared::reading::Reading;
use frostguard_shared::rules::{Input, Record};
use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};

use crate::history::EPOCH;

/// The record as it comes out of its bytes; nothing for one that is never written, as a tick.
pub fn through_bytes(record: &Record, seq: u64) -> Option<Record> {
    match &record.input {
        Input::Tick => None,
        Input::RulesApplied(_) => Some(record.clone()),
        Input::Reading { .. } => {
            let bytes = reading(record, seq).to_bytes();
            Some(Record::of_reading(&Reading::from_bytes(&bytes).unwrap()))
        }
        input => {
            let (fact, subject, trust) = fact(input);
            let bytes = to_bytes(&envelope(record.at, &fact, subject, trust, seq), &fact).unwrap();
            Some(Record::of_event(&Event::from_bytes(&bytes).unwrap()).unwrap())
        }
    }
}

fn reading(record: &Record, seq: u64) -> Reading {
    let Input::Reading { point, temperature, quality, live, battery } = record.input else {
        unreachable!("only readings are written as readings")
    };
    Reading {
        seq,
        at: WallMs(record.at.0 + 5),
        boot: Boot(1),
        boottime: BoottimeMs(seq),
        rule: record.at,
        age_ms: if live { 0 } else { 600_000 },
        trust: Trust::Synced,
        point,
        temperature,
        humidity: None,
        battery_percent: battery,
        battery: None,
        signal: None,
        door: None,
        quality,
    }
}

fn envelope(at: RuleMs, fact: &Fact, subject: Subject, trust: Trust, seq: u64) -> Envelope {
    Envelope {
        v: 1,
        hub: HubId::from_bytes([3; 16]),
        epoch: EPOCH,
        seq,
        kind: fact.kind().to_owned(),
        at_ms: WallMs(at.0 + 7),
        boot: Boot(1),
        boottime_ms: BoottimeMs(seq),
        rule_ms: at,
        trust,
        actor: None,
        subject,
    }
}

/// What an event says of an input, what about, and with what trust.
fn fact(input: &Input) -> (Fact, Subject, Trust) {
    let none = Subject::default();
    let of_unit = |unit| Subject { unit: Some(unit), ..none };
    let of_point = |point| Subject { point: Some(point), ..none };
    let trusted = |fact, subject| (fact, subject, Trust::Synced);
    match *input {
        Input::Started { down_from, known, trust } => (started(down_from, known), none, trust),
        Input::ClockCorrected { to, offset } => trusted(corrected(to, offset.0), none),
        Input::ClockUntrusted => (Fact::ClockUntrusted, none, Trust::Untrusted),
        Input::Assigned(assignment) => {
            let fact = Fact::DeviceAssigned {
                channel: Channel::Air,
                role: assignment.role,
                model: "bthome".to_owned(),
                address: "A4:C1:38:00:00:01".to_owned(),
            };
            trusted(fact, Subject { unit: Some(assignment.unit), point: Some(assignment.point), ..none })
        }
        Input::Door { point, door } => trusted(Fact::DoorChanged { door }, of_point(point)),
        Input::Defrost { unit, defrost } => trusted(Fact::DefrostChanged { defrost }, of_unit(unit)),
        Input::Fault { point } => trusted(Fact::DeviceFault { fault: Fault::NotANumber }, of_point(point)),
        Input::Recovered { point } => trusted(Fact::DeviceRecovered, of_point(point)),
        Input::ManualLog { unit, temperature, taken } => {
            let temperature_centi_c = temperature.map(|value| value.hundredths());
            let fact = Fact::ManualLogRecorded { temperature_centi_c, taken_ms: taken, note: None };
            trusted(fact, of_unit(unit))
        }
        Input::Quieted { episode, until } => trusted(Fact::AlertQuieted { episode, until_ms: until }, none),
        Input::Acknowledged { episode, until } => {
            trusted(Fact::AlertAcknowledged { episode, until_ms: until }, none)
        }
        Input::Shelved { unit, until } => {
            let fact = Fact::ShelveStarted { until_ms: until, reason: "cleaning".to_owned() };
            trusted(fact, of_unit(unit))
        }
        Input::Unshelved { unit } => trusted(Fact::ShelveEnded { by: ShelveEnd::Person }, of_unit(unit)),
        Input::Resolved { episode } => trusted(Fact::AlertResolved { episode }, none),
        ref other => unreachable!("{other:?} is never written as an event"),
    }
}

fn started(down_from: Option<RuleMs>, down_known: bool) -> Fact {
    Fact::HubStarted {
        boot: 1,
        boot_id: "4b3a".to_owned(),
        version: "1.0.0".to_owned(),
        down_from,
        down_known,
        clean: false,
        anchor_ms: 0,
    }
}

fn corrected(to: RuleMs, offset_ms: i64) -> Fact {
    Fact::ClockCorrected { from_ms: to, to_ms: to, offset_ms, source: "ntp".to_owned(), error_ms: 3 }
}
