//! What is refused, with which word, and what may go through.

use super::*;
use crate::desired::kept::Kept;
use crate::site::{Unit, UnitType};
use frostguard_shared::ids::HubId;
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{Field, SilenceRule, SilenceTrigger, ThermalRule};
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::{DurationMs, WallMs};
use frostguard_shared::wire::desired::UnitDocument;
use std::sync::Arc;

const HUB: HubId = HubId::from_bytes([1; 16]);

fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

fn id(n: u8) -> UnitId {
    UnitId::from_bytes([n; 16])
}

fn rules(min: Option<i32>, max: Option<i32>) -> UnitRules {
    let limit = |at: Option<i32>| match at {
        Some(hundredths) => Field::unit(Some(CentiCelsius::literal(hundredths))),
        None => Field::system(None),
    };
    UnitRules::of_limits(ThermalRule { min: limit(min), max: limit(max), ..ThermalRule::DEFAULT })
}

/// Lost after so many check-ins of an hour.
fn lost_after(hours: u32) -> SilenceRule {
    let trigger = SilenceTrigger::Checkins { late_after: Field::system(1), lost_after: Field::unit(hours) };
    SilenceRule { expected: Field::unit(DurationMs::minutes(60)), trigger, ..SilenceRule::DEFAULT }
}

/// A hub of two freezers and a fridge that has decided on version 4.
fn standing() -> Standing {
    let unit = |n: u8, kind, rules| {
        let name = format!("Unit {n}");
        Unit { key: format!("u{n}"), id: id(n), name, kind, rules }
    };
    let site = Site {
        name: "Shop".into(),
        zone: jiff::tz::TimeZone::UTC,
        people: Vec::new(),
        units: vec![
            unit(1, UnitType::Freezer, rules(Some(-3_000), Some(-1_500))),
            unit(2, UnitType::Freezer, rules(None, Some(-1_500))),
            unit(3, UnitType::Fridge, rules(None, Some(800))),
        ],
        devices: Vec::new(),
        outputs: Vec::new(),
    };
    Standing::of(Arc::new(site), Kept { decided: 4, ..Kept::nothing(HUB) })
}

fn document(version: u64, units: &[(u8, UnitRules)]) -> Document {
    let unit = |(n, rules): &(u8, UnitRules)| UnitDocument {
        unit: id(*n),
        rules: serde_json::to_string(rules).unwrap(),
    };
    Document { hub: HUB, version, made: WallMs(9), units: units.iter().map(unit).collect() }
}

fn as_it_is() -> Vec<(u8, UnitRules)> {
    standing().site.units.iter().map(|unit| (unit.key.as_bytes()[1] - b'0', unit.rules.clone())).collect()
}

fn refused(signed: &Signed) -> Refusal {
    rules_of(&standing(), signed, &key().public()).unwrap_err()
}

/// What is held back of a document that changes these units.
fn held_back(changes: &[(u8, UnitRules)]) -> Option<(RefusalCode, String)> {
    let mut units = as_it_is();
    for (n, rules) in changes {
        units[usize::from(*n) - 1].1 = rules.clone();
    }
    let signed = document(5, &units).signed(&key());
    let proposed = rules_of(&standing(), &signed, &key().public()).unwrap();
    held(&standing(), &proposed).into_iter().next()
}

#[test]
fn a_document_of_the_cloud_for_this_hub_and_all_its_units_gives_its_rules() {
    let mut units = as_it_is();
    units[2].1 = rules(None, Some(600));
    let signed = document(5, &units).signed(&key());
    let proposed = rules_of(&standing(), &signed, &key().public()).unwrap();
    assert_eq!((proposed.version, proposed.rules[&id(3)].clone()), (5, rules(None, Some(600))));
    assert_eq!(held(&standing(), &proposed), []);
}

#[test]
fn what_is_not_the_clouds_or_not_for_this_hub_or_not_new_decides_nothing() {
    let good = document(5, &as_it_is());
    let stranger = SecretKey::from_seed(&[8; 32]);
    let foreign = Document { hub: HubId::from_bytes([9; 16]), ..good.clone() };
    let garbage =
        Signed { bytes: vec![1], signature: key().sign(&frostguard_shared::signature::document_text(&[1])) };
    for (signed, code, claimed) in [
        (good.signed(&stranger), RefusalCode::Unsigned, Some(5)),
        (garbage, RefusalCode::Unreadable, None),
        (foreign.signed(&key()), RefusalCode::ForeignHub, Some(5)),
        (document(4, &as_it_is()).signed(&key()), RefusalCode::Stale, Some(4)),
    ] {
        let refusal = refused(&signed);
        assert_eq!((refusal.code, refusal.claimed), (code, claimed));
        assert_eq!((refusal.decides, refusal.proposed), (None, None), "{code:?}");
    }
}

#[test]
fn a_document_must_name_each_unit_of_the_hub_once_and_no_other() {
    let all = as_it_is();
    let mut strange = all.clone();
    strange[0].0 = 9;
    let twice = [&all[..], &all[..1]].concat();
    for (units, what) in [(&all[..2], "Unit 3"), (&strange[..], "does not have"), (&twice[..], "4 units")] {
        let refusal = refused(&document(5, units).signed(&key()));
        assert_eq!((refusal.code, refusal.decides), (RefusalCode::Units, Some(5)));
        assert!(refusal.reason.contains(what), "{}", refusal.reason);
    }
}

#[test]
fn rules_that_cannot_be_run_are_named_with_their_unit() {
    let mut units = as_it_is();
    units[1].1 = rules(Some(-1_000), Some(-1_500));
    let refusal = refused(&document(5, &units).signed(&key()));
    assert_eq!((refusal.code, refusal.decides), (RefusalCode::Rules, Some(5)));
    assert!(refusal.reason.contains("Unit 2") && refusal.reason.contains("-10.00"), "{}", refusal.reason);
    let mut broken = document(5, &as_it_is());
    broken.units[0].rules = "{\"silence\":7}".into();
    assert_eq!(refused(&broken.signed(&key())).code, RefusalCode::Rules);
}

#[test]
fn taking_the_alarms_of_one_unit_of_three_goes_through_and_of_two_it_waits() {
    let none = rules(None, None);
    assert_eq!(held_back(&[(1, none.clone())]), None);
    let (code, reason) = held_back(&[(1, none.clone()), (3, none)]).unwrap();
    assert_eq!(code, RefusalCode::Silences);
    for part in ["2 of 3", "Unit 1", "Unit 3", "no limits"] {
        assert!(reason.contains(part), "{reason}");
    }
}

#[test]
fn alarms_are_taken_away_by_a_lost_upper_limit_a_delay_of_days_or_a_silence_nobody_hears_of() {
    let only_lower = rules(Some(-3_000), None);
    let mut slow = rules(None, Some(-1_500));
    slow.limits[0].delay = Field::unit(DurationMs::minutes(24 * 60 + 1));
    let mut deaf = rules(None, Some(800));
    deaf.silence = lost_after(24);
    for pair in [[(1, &only_lower), (2, &slow)], [(2, &slow), (3, &deaf)], [(1, &only_lower), (3, &deaf)]] {
        let pair = pair.map(|(unit, rules)| (unit, rules.clone()));
        assert_eq!(held_back(&pair).map(|(code, _)| code), Some(RefusalCode::Silences), "{pair:?}");
    }
    let mut late = rules(None, Some(800));
    late.silence = lost_after(23);
    assert_eq!(held_back(&[(1, only_lower), (3, late)]), None, "a day is heard of in time");
}

#[test]
fn a_rule_that_is_switched_off_guards_as_little_as_one_without_limits() {
    let mut disabled = rules(None, Some(-1_500));
    disabled.limits[0].telling.enabled = Field::unit(false);
    let mut unheard = rules(None, Some(800));
    unheard.silence.telling.enabled = Field::unit(false);
    let (code, reason) = held_back(&[(2, disabled.clone()), (3, unheard.clone())]).unwrap();
    assert_eq!(code, RefusalCode::Silences);
    assert!(reason.contains("no limits") && reason.contains("silent sensors"), "{reason}");
    disabled.limits.push(rules(None, Some(-1_500)).limits[0]);
    assert_eq!(held_back(&[(2, disabled), (3, unheard)]), None, "another tier guards the same side");
}

#[test]
fn what_an_excursion_is_capped_at_is_heard_of_however_long_its_delay() {
    let mut slow = rules(None, Some(-1_500));
    slow.limits[0].confirm_open = Field::unit(Some(DurationMs::minutes(24 * 60 + 1)));
    slow.limits[0].max_excursion = Field::unit(Some(DurationMs::minutes(60)));
    let two = |rules: &UnitRules| held_back(&[(1, rules.clone()), (2, rules.clone())]);
    assert_eq!(two(&slow), None);
    slow.limits[0].max_excursion = Field::unit(None);
    let (code, reason) = two(&slow).unwrap();
    assert_eq!(code, RefusalCode::Silences);
    assert!(reason.contains("only after 24 h 1 min"), "{reason}");
}

#[test]
fn a_limit_beyond_what_such_equipment_is_for_waits_and_names_unit_and_figures() {
    let (code, reason) = held_back(&[(2, rules(None, Some(-499)))]).unwrap();
    assert_eq!(code, RefusalCode::HardLimit);
    for part in ["Unit 2", "-4.99", "-5.00", "upper", "freezer"] {
        assert!(reason.contains(part), "{reason}");
    }
    assert_eq!(held_back(&[(2, rules(None, Some(-500)))]), None);
    assert!(held_back(&[(3, rules(Some(-1_001), Some(800)))]).unwrap().1.contains("lower"));
}

#[test]
fn a_limit_of_any_tier_is_held_against_what_such_equipment_is_for() {
    let mut tiers = rules(None, Some(-1_500));
    tiers.limits.push(rules(None, Some(-499)).limits[0]);
    assert_eq!(held_back(&[(2, tiers)]).map(|(code, _)| code), Some(RefusalCode::HardLimit));
}

#[test]
fn a_limit_that_somebody_at_the_hub_has_set_so_far_out_may_stay() {
    let mut standing = standing();
    let mut site = (*standing.site).clone();
    site.units[1].rules = rules(None, Some(0));
    standing.site = Arc::new(site);
    let mut units = as_it_is();
    units[1].1 = rules(None, Some(0));
    let proposed = rules_of(&standing, &document(5, &units).signed(&key()), &key().public()).unwrap();
    assert_eq!(held(&standing, &proposed), []);
}

#[test]
fn whoever_lets_rules_take_effect_is_told_everything_that_speaks_against_them() {
    let proposed = Rules { version: 5, rules: BTreeMap::new() };
    assert_eq!(weighed(proposed.clone(), Vec::new()), Decision::Apply(proposed.clone()));
    let against =
        vec![(RefusalCode::Silences, "it silences".into()), (RefusalCode::DryRun, "it was warm".into())];
    let Decision::Refuse(refusal) = weighed(proposed.clone(), against) else { panic!("applied") };
    assert_eq!((refusal.code, refusal.proposed), (RefusalCode::Silences, Some(proposed)));
    assert_eq!(refusal.reason, "it silences; and it was warm");
}

#[test]
fn a_version_or_a_reason_that_no_event_could_carry_stops_nothing() {
    let huge = document(u64::MAX, &as_it_is());
    let stranger = SecretKey::from_seed(&[8; 32]);
    assert_eq!(refused(&huge.signed(&stranger)).claimed, None);
    let refusal = refused(&huge.signed(&key()));
    assert_eq!((refusal.code, refusal.claimed), (RefusalCode::Unreadable, None));
    let mut long = document(5, &as_it_is());
    long.units[0].rules = format!("{{\"limits\":\"{}\"}}", "x".repeat(100_000));
    assert!(refused(&long.signed(&key())).reason.chars().count() <= REASON_MAX + 1);
}
