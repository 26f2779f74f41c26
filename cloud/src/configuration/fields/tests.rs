//! What fields may be, one by one and together.

use super::*;
use frostguard_shared::alarm::Severity;
use frostguard_shared::quantity::{CentiCelsius, CentiDegrees};
use frostguard_shared::rules::inherit::{Scopes, resolve};
use serde_json::json;

fn patched(body: &Value, now: &Words) -> Result<Words, Vec<String>> {
    let faults = |faults: Vec<Fault>| faults.into_iter().map(|fault| fault.field).collect();
    told(body.as_object().unwrap(), now).map_err(faults)
}

fn resolved(kind: UnitType, unit: Words) -> Resolution {
    resolve(kind, &Scopes { unit, ..Scopes::default() })
}

fn words<const N: usize>(words: [((Slot, RuleField), Option<Setting>); N]) -> Words {
    words.map(|(at, value)| (at, Saying::open(value))).into_iter().collect()
}

fn celsius(hundredths: i32) -> Option<Setting> {
    Some(Setting::Celsius(CentiCelsius::literal(hundredths)))
}

const MIN: (Slot, RuleField) = (LIMITS, RuleField::TempMin);
const MAX: (Slot, RuleField) = (LIMITS, RuleField::TempMax);

#[test]
fn every_field_has_a_name_of_its_own_and_those_that_there_were_keep_theirs() {
    let names: BTreeSet<String> = all().map(|(slot, field)| name(slot, field)).collect();
    assert_eq!(names.len(), all().count());
    for known in [
        "temp_min_centi_c",
        "temp_max_centi_c",
        "inclusive",
        "hysteresis_centi",
        "delay_minutes",
        "off_delay_minutes",
        "severity",
        "expected_reading_interval_seconds",
        "offline_warning_missed_checkins",
        "offline_critical_missed_checkins",
        "silence_severity",
        "door_open_max_mask_minutes_per_day",
        "low_battery_delay_minutes",
        "missed_manual_entry_schedule",
        "rate_centi_c_per_minute",
        "range_max_centi_c",
        "tier_2_temp_max_centi_c",
        "tier_3_severity",
    ] {
        assert!(names.contains(known), "{known} is none of {names:?}");
    }
}

#[test]
fn what_is_named_is_set_and_everything_else_stays() {
    let body = json!({ "temp_max_centi_c": -1200, "delay_minutes": 7, "severity": "warning", "tier_1_temp_max_centi_c": -900 });
    let now = words([((LIMITS, RuleField::OffDelay), Some(Setting::Count(3)))]);
    let values = patched(&body, &now).unwrap();
    let tier = Slot { tier: 1, ..LIMITS };
    let mut expected = words([
        (MAX, celsius(-1_200)),
        ((LIMITS, RuleField::Delay), Some(Setting::Count(7))),
        ((LIMITS, RuleField::Severity), Some(Setting::Severity(Severity::Warning))),
        ((tier, RuleField::TempMax), celsius(-900)),
    ]);
    expected.extend(now.clone());
    assert_eq!(values, expected);
    let back = json!({ "temp_max_centi_c": null, "delay_minutes": null, "severity": null, "tier_1_temp_max_centi_c": null });
    assert_eq!(patched(&back, &values), Ok(now));
}

/// The smallest and largest values of a kind as a body says them, and such as it cannot have.
fn ends(field: RuleField) -> (Vec<Value>, Vec<Value>) {
    match field.kind() {
        Kind::Celsius => (
            vec![json!(-27_315), json!(100_000)],
            vec![json!(-27_316), json!(100_001), json!("on"), json!(1.5), json!(true), json!({})],
        ),
        Kind::Degrees { highest } => (vec![json!(0), json!(highest)], vec![json!(-1), json!(highest + 1)]),
        Kind::Count { lowest, highest } => (
            vec![json!(lowest), json!(highest)],
            vec![json!(i64::from(lowest) - 1), json!(highest + 1), json!(1.5), json!("1")],
        ),
        Kind::Multiple { .. } => {
            (vec![json!(1), json!(1.25), json!(1000)], vec![json!(0.99), json!(1000.01)])
        }
        Kind::Flag => (vec![json!(true), json!(false)], vec![json!(1), json!("true")]),
        Kind::Severity => (vec![json!("info"), json!("critical")], vec![json!("Warning"), json!(3)]),
        Kind::Trigger => (vec![json!("cumulative")], vec![json!("sometimes")]),
        Kind::Schedule => (
            vec![
                json!({ "days": [0, 6], "start_hour": 0, "end_hour": 24 }),
                json!({ "days": [1], "startHour": 8, "endHour": 18 }),
            ],
            vec![json!({ "days": [7], "start_hour": 0, "end_hour": 1 }), json!([]), json!({ "days": [1] })],
        ),
        Kind::Times => (vec![json!(["00:00", "23:59"])], vec![json!(["24:00"]), json!("02:00"), json!([2])]),
    }
}

#[test]
fn every_field_reads_its_largest_and_smallest_and_refuses_what_is_beyond() {
    for (slot, field) in all() {
        let (mut good, mut bad) = ends(field);
        if field.may_be_off() {
            good.push(json!("off"))
        } else {
            bad.push(json!("off"))
        }
        let name = name(slot, field);
        for value in good {
            let set = patched(&json!({ name.as_str(): value }), &Words::default())
                .unwrap_or_else(|_| panic!("{name} {value}"));
            assert_eq!(set.keys().collect::<Vec<_>>(), [&(slot, field)], "{name} {value}");
            assert_eq!(set[&(slot, field)].value.is_none(), value == "off");
            assert_eq!(patched(&json!({ name.as_str(): null }), &set), Ok(Words::default()), "{name}");
        }
        for value in bad {
            let refused = patched(&json!({ name.as_str(): value }), &Words::default());
            assert_eq!(refused, Err(vec![name.clone()]), "{value}");
        }
    }
}

#[test]
fn everything_that_cannot_be_read_is_named_at_once() {
    let body = json!({ "delay_minutes": "soon", "temp_max": 3, "severity": "loud", "inclusive": true });
    let mut named = patched(&body, &Words::default()).unwrap_err();
    named.sort();
    assert_eq!(named, ["delay_minutes", "severity", "temp_max"]);
}

#[test]
fn what_does_not_go_together_is_named_on_both_sides() {
    let fields = |unit: Words| -> Vec<String> {
        let faults = implausible(&resolved(UnitType::Fridge, unit));
        faults.into_iter().map(|fault| fault.field).collect()
    };
    assert_eq!(fields(Words::default()), [] as [&str; 0]);
    let inverted = words([(MAX, celsius(-100))]);
    assert_eq!(fields(inverted), ["temp_min_centi_c", "temp_max_centi_c"], "the lower one is inherited");
    assert_eq!(fields(words([(MAX, celsius(-100)), (MIN, None)])), [] as [&str; 0]);
    let count = |slot, field, value| words([((slot, field), Some(Setting::Count(value)))]);
    let both = ["offline_warning_missed_checkins", "offline_critical_missed_checkins"];
    assert_eq!(fields(count(SILENCE, RuleField::LateAfter, 9)), both);
    let door = Slot::of(AlertType::DoorOpen);
    let both = ["door_open_warning_minutes", "door_open_critical_minutes"];
    assert_eq!(fields(count(door, RuleField::DoorWarning, 10)), both);
    let margin =
        |value| ((LIMITS, RuleField::Hysteresis), CentiDegrees::new(value).ok().map(Setting::Degrees));
    assert_eq!(
        fields(words([margin(126)])),
        ["hysteresis_centi"],
        "a band of five degrees has room for 1.25"
    );
    assert_eq!(
        fields(words([(MAX, celsius(100))])),
        [] as [&str; 0],
        "an inherited one is capped, not refused"
    );
    let tier = Slot { tier: 2, ..LIMITS };
    let lower =
        words([((tier, RuleField::TempMax), celsius(-100)), ((tier, RuleField::TempMin), celsius(0))]);
    assert_eq!(fields(lower), ["tier_2_temp_min_centi_c", "tier_2_temp_max_centi_c"]);
    let slow = words([
        ((LIMITS, RuleField::ProductTau), Some(Setting::Count(15))),
        ((LIMITS, RuleField::MaxExcursion), None),
    ]);
    assert_eq!(fields(slow), ["product_tau_minutes", "max_excursion_minutes"]);
    let fault = Slot::of(AlertType::SensorFault);
    let both = ["range_min_centi_c", "range_max_centi_c"];
    assert_eq!(fields(words([((fault, RuleField::RangeMin), celsius(7_000))])), both);
}

#[test]
fn a_word_looser_than_a_lock_is_refused_with_who_has_locked_it() {
    let mut scopes = Scopes::default();
    scopes.organization.insert(MAX, Saying { value: celsius(500), locked: true });
    let of = |body: Value, scopes: &Scopes| {
        let body = body.as_object().unwrap().clone();
        let unit = told(&body, &scopes.unit).unwrap();
        locked(&body, &resolve(UnitType::Fridge, &Scopes { unit, ..scopes.clone() }))
    };
    assert_eq!(of(json!({ "temp_max_centi_c": 400 }), &scopes), []);
    let [fault] = &of(json!({ "temp_max_centi_c": 800 }), &scopes)[..] else { panic!("taken") };
    assert_eq!(fault.field, "temp_max_centi_c");
    assert!(fault.detail.contains("organization") && fault.allowed.contains("5.00 °C"), "{fault:?}");
    assert_eq!(of(json!({ "temp_max_centi_c": "off" }), &scopes).len(), 1);
    scopes.unit.insert(MAX, Saying::open(celsius(800)));
    assert_eq!(
        of(json!({ "delay_minutes": 3 }), &scopes),
        [],
        "what was there before the lock hinders nobody"
    );
}

#[test]
fn a_limit_beyond_the_hard_ones_is_told_of() {
    let told = |unit| beyond_hard_limits(UnitType::Freezer, &resolved(UnitType::Freezer, unit));
    assert_eq!(told(words([(MAX, celsius(-500))])), []);
    let warned = told(words([(MAX, celsius(-499))]));
    assert_eq!(warned.len(), 1);
    assert_eq!(
        (warned[0].field.as_str(), warned[0].allowed.as_str()),
        ("temp_max_centi_c", "-60.00 °C to -5.00 °C")
    );
    let tier = Slot { tier: 1, ..LIMITS };
    let warned = told(words([((tier, RuleField::TempMax), celsius(-499))]));
    assert_eq!(warned[0].field, "tier_1_temp_max_centi_c");
}

#[test]
fn a_change_is_told_in_words() {
    let old = resolved(UnitType::Freezer, Words::default());
    let count = |value| Some(Setting::Count(value));
    let new = resolved(
        UnitType::Freezer,
        words([
            (MIN, None),
            (MAX, celsius(-1_200)),
            ((LIMITS, RuleField::Delay), count(30)),
            ((Slot::of(AlertType::DoorOpen), RuleField::DoorMask), None),
            ((Slot::of(AlertType::LowBattery), RuleField::Delay), count(9)),
            ((Slot { tier: 1, ..LIMITS }, RuleField::TempMax), celsius(-900)),
        ]),
    );
    assert_eq!(
        changes("Cold", &old, &new),
        [
            "Cold: lower limit -30.00 °C → none",
            "Cold: upper limit -15.00 °C → -12.00 °C",
            "Cold: delay stays 30 min, now of the unit",
            "Cold: upper limit of tier 1 none → -9.00 °C",
            "Cold: delay of low battery 5 min → 9 min",
            "Cold: time a day for which an open door excuses warm air 60 min → none",
        ]
    );
    assert_eq!(changes("Cold", &new, &new), [] as [&str; 0]);
}
