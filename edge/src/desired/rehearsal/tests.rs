//! What a day of readings says of other limits.

use super::*;
use crate::site::{Unit, UnitType};
use frostguard_shared::event::{Envelope, Event, Fact, Said, Subject};
use frostguard_shared::ids::{EpochId, HubId};
use frostguard_shared::point::{Channel, Role};
use frostguard_shared::reading::{Quality, Reading};
use frostguard_shared::rules::{Field, ThermalRule, UnitRules};
use frostguard_shared::time::{Boot, BoottimeMs, Trust, WallMs};

const UNIT: UnitId = UnitId::from_bytes([1; 16]);
const POINT: PointId = PointId::from_bytes([2; 16]);
const MINUTE: i64 = 60_000;
const NOW: RuleMs = RuleMs(2_000 * MINUTE);

fn limits(max: Option<i32>) -> SiteRules {
    let max = max.map_or(Field::system(None), |max| Field::unit(Some(CentiCelsius::literal(max))));
    let rules = UnitRules::of_limits(ThermalRule {
        max,
        delay: Field::unit(DurationMs::minutes(1)),
        off_delay: Field::unit(DurationMs(0)),
        ..ThermalRule::DEFAULT
    });
    SiteRules { units: [(UNIT, rules)].into(), points: [POINT].into(), ..SiteRules::default() }
}

fn site() -> Site {
    let rules = UnitRules::default();
    let (key, name) = ("fridge".into(), "Fridge".into());
    let units = vec![Unit { key, id: UNIT, name, kind: UnitType::Fridge, rules }];
    let (people, devices, outputs) = Default::default();
    Site { name: "Shop".into(), zone: jiff::tz::TimeZone::UTC, people, units, devices, outputs }
}

fn assigned() -> Record {
    let subject = Subject { unit: Some(UNIT), point: Some(POINT), ..Subject::default() };
    let envelope = Envelope {
        v: 1,
        hub: HubId::from_bytes([3; 16]),
        epoch: EpochId::from_bytes([4; 16]),
        seq: 1,
        kind: "device.assigned/1".into(),
        at_ms: WallMs(0),
        boot: Boot(1),
        boottime_ms: BoottimeMs(0),
        rule_ms: RuleMs(1),
        trust: Trust::Synced,
        actor: None,
        subject,
    };
    let (model, address) = ("bthome".into(), "x".into());
    let fact = Fact::DeviceAssigned { channel: Channel::Air, role: Role::Air, model, address };
    Record::of_event(&Event { envelope, said: Said::Known(fact) }).unwrap()
}

fn reading(minute: i64, hundredths: i32, quality: Quality) -> Record {
    Record::of_reading(&Reading {
        seq: 0,
        at: WallMs(0),
        boot: Boot(1),
        boottime: BoottimeMs(0),
        rule: RuleMs(minute * MINUTE),
        age_ms: 0,
        trust: Trust::Synced,
        point: POINT,
        temperature: CentiCelsius::literal(hundredths),
        humidity: None,
        battery_percent: None,
        battery: None,
        signal: None,
        door: None,
        quality,
    })
}

/// What the last day says of a new upper limit, in pieces of a hundred records.
fn said(before: Option<i32>, after: Option<i32>, day: &[Record]) -> Option<String> {
    let from = NOW - REACH;
    let mut rehearsal = Rehearsal::new(State::default(), from, &limits(before), &limits(after));
    rehearsal.take(vec![assigned()]);
    for piece in day.chunks(100) {
        rehearsal.take(piece.to_vec());
    }
    rehearsal.verdict(NOW, &site())
}

fn steady(minutes: std::ops::Range<i64>, hundredths: i32) -> Vec<Record> {
    minutes.map(|minute| reading(minute, hundredths, Quality::Valid)).collect()
}

#[test]
fn a_limit_that_the_unit_would_have_broken_most_of_the_day_is_told_with_share_and_worst_value() {
    let day = [steady(700..1_000, 300), steady(1_000..2_000, 510), steady(2_000..2_000, 0)].concat();
    let reason = said(Some(800), Some(400), &day).unwrap();
    for part in ["Fridge", "76 %", "1300 values", "5.10", "1.10"] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn a_limit_that_was_broken_now_and_then_or_always_before_goes_through() {
    let now_and_then = [steady(700..1_400, 300), steady(1_400..2_000, 510)].concat();
    assert_eq!(said(Some(800), Some(400), &now_and_then), None);
    assert_eq!(said(Some(200), Some(250), &steady(700..2_000, 300)), None, "it was outside before too");
    assert_eq!(said(Some(200), None, &steady(700..2_000, 300)), None);
}

#[test]
fn a_unit_without_limits_was_well_all_day() {
    assert!(said(None, Some(250), &steady(700..2_000, 300)).is_some());
}

#[test]
fn less_than_an_hour_and_what_is_older_than_a_day_say_nothing() {
    assert_eq!(said(Some(800), Some(200), &steady(1_941..2_000, 300)), None);
    assert!(said(Some(800), Some(200), &steady(1_939..2_000, 300)).is_some());
    assert_eq!(said(Some(800), Some(200), &steady(100..560, 300)), None);
}

#[test]
fn values_that_are_not_to_be_believed_are_not_counted() {
    let doubtful: Vec<Record> = (700..2_000).map(|m| reading(m, 8_500, Quality::PowerOnDefault)).collect();
    assert_eq!(said(Some(800), Some(400), &doubtful), None);
}

#[test]
fn alarms_that_would_have_come_again_and_again_are_counted() {
    // Ten minutes well, four minutes a little above the new limit, all day: outside for less than half of the time.
    let day: Vec<Record> = (700..2_000)
        .map(|minute| reading(minute, if minute % 14 < 10 { 300 } else { 450 }, Quality::Valid))
        .collect();
    let reason = said(Some(800), Some(400), &day).unwrap();
    assert!(reason.contains("alarmed") && reason.contains("0 times"), "{reason}");
    assert_eq!(said(Some(400), Some(410), &day), None, "it is as loud as it is");
}
