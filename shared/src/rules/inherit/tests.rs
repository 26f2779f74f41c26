//! What inheritance must do for every field and every mix of places.

use super::super::field::{Hundredths, Kind, Trigger};
use super::super::schedule::{ScheduleForm, TimesOfDay};
use super::*;
use crate::alarm::Severity;
use crate::quantity::{CentiCelsius, CentiDegrees};
use proptest::prelude::*;

const LIMITS: Slot = Slot::of(AlertType::AlarmActive);
const SILENCE: Slot = Slot::of(AlertType::MonitoringInterrupted);

/// Every slot that there can be, with every field of it.
fn everything() -> Vec<(Slot, RuleField)> {
    let of = |slot: Slot| {
        let fields = RuleField::ALL.iter().copied().filter(move |field| field.belongs_to(slot.kind));
        fields.map(move |field| (slot, field))
    };
    Slot::up_to(TIERS).flat_map(of).collect()
}

fn value(field: RuleField) -> BoxedStrategy<Setting> {
    match field.kind() {
        Kind::Celsius => {
            (-4_000i32..9_000).prop_map(|value| Setting::Celsius(CentiCelsius::literal(value))).boxed()
        }
        Kind::Degrees { highest } => {
            (0..=highest).prop_map(|value| Setting::Degrees(CentiDegrees::new(value).unwrap())).boxed()
        }
        Kind::Count { lowest, highest } => (lowest..=highest).prop_map(Setting::Count).boxed(),
        Kind::Multiple { lowest, highest } => {
            (lowest..=highest).prop_map(|value| Setting::Multiple(Hundredths(value))).boxed()
        }
        Kind::Flag => any::<bool>().prop_map(Setting::Flag).boxed(),
        Kind::Severity => prop::sample::select(vec![Severity::Info, Severity::Warning, Severity::Critical])
            .prop_map(Setting::Severity)
            .boxed(),
        Kind::Trigger => prop::sample::select(vec![Trigger::Consecutive, Trigger::Cumulative])
            .prop_map(Setting::Trigger)
            .boxed(),
        Kind::Schedule => (prop::collection::vec(0i64..7, 1..4), 0i64..24, 0i64..24)
            .prop_map(|(days, start_hour, end_hour)| {
                Setting::Schedule(ScheduleForm { days, start_hour, end_hour }.try_into().unwrap())
            })
            .boxed(),
        Kind::Times => prop::collection::vec(0u32..24, 0..4)
            .prop_map(|hours| {
                let texts: Vec<String> = hours.iter().map(|hour| format!("{hour:02}:00")).collect();
                Setting::Times(TimesOfDay::try_from(texts).unwrap())
            })
            .boxed(),
    }
}

fn saying(field: RuleField, locks: bool) -> BoxedStrategy<Saying> {
    let value = if field.may_be_off() {
        prop_oneof![1 => Just(None), 3 => value(field).prop_map(Some)].boxed()
    } else {
        value(field).prop_map(Some).boxed()
    };
    (value, any::<bool>()).prop_map(move |(value, locked)| Saying { value, locked: locked && locks }).boxed()
}

/// What a place says: some fields of some slots.
fn said(locks: bool) -> impl Strategy<Value = Said> {
    let one = prop::sample::select(everything())
        .prop_flat_map(move |at| saying(at.1, locks).prop_map(move |saying| (at, saying)));
    prop::collection::vec(one, 0..40).prop_map(|sayings| sayings.into_iter().collect())
}

fn scopes(locks: bool) -> impl Strategy<Value = Scopes> {
    (said(locks), said(locks), said(locks), said(locks)).prop_map(|(unit, area, site, organization)| Scopes {
        unit,
        area,
        site,
        organization,
    })
}

fn kind() -> impl Strategy<Value = UnitType> {
    prop::sample::select(UnitType::ALL.to_vec())
}

/// A field with a word of it.
fn word() -> impl Strategy<Value = ((Slot, RuleField), Saying)> {
    prop::sample::select(everything())
        .prop_flat_map(|at| saying(at.1, false).prop_map(move |saying| (at, saying)))
}

/// The same with a word of each place, some of them locked.
fn words() -> impl Strategy<Value = ((Slot, RuleField), [Option<Saying>; 4])> {
    prop::sample::select(everything()).prop_flat_map(|at| {
        let one = || prop::option::weighted(0.8, saying(at.1, true));
        (one(), one(), one(), one()).prop_map(move |(a, b, c, d)| (at, [a, b, c, d]))
    })
}

/// The first who says something, asked one by one: another way to the same answer.
fn asked(kind: UnitType, scopes: &Scopes, at: (Slot, RuleField)) -> Field<Option<Setting>> {
    let template = template(kind);
    for (provenance, said) in [
        (Provenance::Unit, &scopes.unit),
        (Provenance::Area, &scopes.area),
        (Provenance::Site, &scopes.site),
        (Provenance::Organization, &scopes.organization),
        (Provenance::Template, &template),
    ] {
        if let Some(saying) = said.get(&at) {
            return Field { value: saying.value, provenance };
        }
    }
    Field::system(default_of(at.0, at.1))
}

fn open(setting: Setting) -> Saying {
    Saying::open(Some(setting))
}

fn celsius(hundredths: i32) -> Setting {
    Setting::Celsius(CentiCelsius::literal(hundredths))
}

proptest! {
    #[test]
    fn every_field_is_the_nearest_that_was_said_and_names_who_said_it(kind in kind(), scopes in scopes(false)) {
        let resolved = resolve(kind, &scopes);
        let mut seen = 0;
        for (slot, field, of) in resolved.fields() {
            prop_assert_eq!(of.in_force, asked(kind, &scopes, (slot, field)), "{:?} {:?}", slot, field);
            seen += 1;
        }
        prop_assert!(seen >= 54, "every field of tier 0 is there: {}", seen);
        prop_assert_eq!(resolved.overruled, []);
    }

    #[test]
    fn a_field_set_at_the_unit_wins_and_touches_no_other(kind in kind(), scopes in scopes(false), word in word()) {
        let (at, saying) = word;
        let before = resolve(kind, &scopes);
        let mut set = scopes;
        set.unit.insert(at, saying);
        let after = resolve(kind, &set);
        let of = after.get(at.0, at.1).unwrap();
        prop_assert_eq!(of.in_force, Field::unit(saying.value));
        for (slot, field, was) in before.fields() {
            if (slot, field) == at {
                prop_assert_eq!(of.inherited, was.inherited);
            } else {
                prop_assert_eq!(after.get(slot, field), Some(was));
            }
        }
    }

    #[test]
    fn taking_a_unit_s_own_word_away_restores_what_was_inherited(kind in kind(), scopes in scopes(true)) {
        let said = resolve(kind, &scopes);
        let silent = resolve(kind, &Scopes { unit: Said::default(), ..scopes });
        for (slot, field, without) in silent.fields() {
            prop_assert_eq!(said.get(slot, field).unwrap().inherited, without.in_force);
            prop_assert_eq!(without.inherited, without.in_force);
        }
    }

    #[test]
    fn off_is_off_whatever_is_said_further_away(kind in kind(), scopes in scopes(false)) {
        let mut off = scopes;
        for at in everything().into_iter().filter(|at| at.1.may_be_off()) {
            off.unit.insert(at, Saying::open(None));
        }
        let resolved = resolve(kind, &off);
        for (slot, field, of) in resolved.fields().filter(|(_, field, _)| field.may_be_off()) {
            prop_assert_eq!(of.in_force, Field::unit(None), "{:?} {:?}", slot, field);
        }
        let rules = resolved.typed(None).unwrap();
        prop_assert!(!rules.has_limits() && !rules.is_unguarded(), "off on purpose is not forgotten");
    }

    #[test]
    fn what_is_locked_only_ever_gets_stricter(kind in kind(), words in words()) {
        let (at, [unit, area, site, organization]) = words;
        let of = |saying: Option<Saying>| saying.map(|saying| (at, saying)).into_iter().collect::<Said>();
        let scopes = Scopes { unit: of(unit), area: of(area), site: of(site), organization: of(organization) };
        let resolved = resolve(kind, &scopes);
        let Some(field) = resolved.get(at.0, at.1).copied() else {
            prop_assert!(unit.or(area).or(site).or(organization).is_none() && at.0.tier > 0);
            return Ok(());
        };
        let (mut lock, mut silenced) = (None, Vec::new());
        for (by, saying) in [
            (Provenance::Organization, organization),
            (Provenance::Site, site),
            (Provenance::Area, area),
            (Provenance::Unit, unit),
        ] {
            let Some(saying) = saying else { continue };
            if lock.is_some_and(|(demanded, _)| !at.1.is_as_strict(saying.value, demanded)) {
                silenced.push(by);
            } else if saying.locked {
                lock = Some((saying.value, by));
            }
        }
        if let Some((demanded, by)) = lock {
            prop_assert!(at.1.is_as_strict(field.in_force.value, demanded));
            prop_assert_eq!(field.locked_by, Some(by));
        } else {
            prop_assert_eq!(field.locked_by, None);
        }
        prop_assert_eq!(resolved.overruled.iter().map(|word| word.by).collect::<Vec<_>>(), silenced);
        let spoken = resolved.overruled.iter().all(|word| word.by != field.in_force.provenance);
        prop_assert!(spoken, "a word without effect is not in force");
    }

    #[test]
    fn the_rules_say_of_each_field_what_the_resolution_says(kind in kind(), scopes in scopes(true)) {
        let resolved = resolve(kind, &scopes);
        let rules = resolved.typed(Some("kitchen".to_owned())).unwrap();
        prop_assert_eq!(rules.area.as_deref(), Some("kitchen"));
        let told = rules.fields();
        let triggers = [RuleField::LateAfter, RuleField::LostAfter, RuleField::Multiplier, RuleField::Additional];
        for (slot, field, told) in &told {
            let of = resolved.get(*slot, *field).unwrap().in_force;
            let mask_is_off = *field == RuleField::DoorMask && of.value.is_none();
            if mask_is_off {
                prop_assert_eq!(told.value, Some(Setting::Count(0)));
            } else if !(triggers.contains(field) && of.value.is_none()) {
                prop_assert_eq!(*told, of, "{:?} {:?}", slot, field);
            }
        }
        let here = resolved.fields().filter(|(_, field, _)| !triggers.contains(field)).count();
        prop_assert_eq!(told.len(), here + 2, "two of the four fields of a trigger are in force");
    }
}

#[test]
fn a_limit_that_is_off_at_the_site_can_be_set_again_at_the_unit() {
    let mut scopes = Scopes::default();
    let at = (LIMITS, RuleField::TempMax);
    scopes.site.insert(at, Saying::open(None));
    let off = *resolve(UnitType::Fridge, &scopes).get(at.0, at.1).unwrap();
    assert_eq!(off.in_force, Field { value: None, provenance: Provenance::Site });
    scopes.unit.insert(at, open(celsius(400)));
    let set = *resolve(UnitType::Fridge, &scopes).get(at.0, at.1).unwrap();
    assert_eq!(set.in_force, Field::unit(Some(celsius(400))));
    assert_eq!(set.inherited, off.in_force);
}

#[test]
fn under_a_lock_a_stricter_word_counts_and_a_looser_one_is_told_of() {
    let at = (LIMITS, RuleField::TempMax);
    let mut scopes = Scopes::default();
    scopes.organization.insert(at, Saying { value: Some(celsius(500)), locked: true });
    scopes.site.insert(at, open(celsius(400)));
    scopes.unit.insert(at, open(celsius(450)));
    let nearer = resolve(UnitType::Fridge, &scopes);
    assert_eq!(
        nearer.get(at.0, at.1).unwrap().in_force,
        Field::unit(Some(celsius(450))),
        "the site has not locked it"
    );
    scopes.unit.insert(at, open(celsius(800)));
    let loose = resolve(UnitType::Fridge, &scopes);
    let field = loose.get(at.0, at.1).unwrap();
    assert_eq!(field.in_force, Field { value: Some(celsius(400)), provenance: Provenance::Site });
    assert_eq!(field.locked_by, Some(Provenance::Organization));
    let (by, lock) = (Provenance::Unit, Provenance::Organization);
    let told = Overruled { slot: at.0, field: at.1, by, value: Some(celsius(800)), lock };
    assert_eq!(loose.overruled, [told]);
    scopes.unit.insert(at, Saying::open(None));
    assert_eq!(resolve(UnitType::Fridge, &scopes).overruled.len(), 1, "nor can it be switched off");
}

#[test]
fn a_tier_is_there_when_somebody_says_something_of_it() {
    let tiers = |scopes: &Scopes| resolve(UnitType::Fridge, scopes).rules(None).unwrap().limits.len();
    let mut scopes = Scopes::default();
    assert_eq!(tiers(&scopes), 1);
    let slot = Slot { kind: AlertType::AlarmActive, tier: 2 };
    scopes.site.insert((slot, RuleField::TempMax), open(celsius(800)));
    let rules = resolve(UnitType::Fridge, &scopes).rules(None).unwrap();
    assert_eq!(rules.limits.len(), 3);
    let max = rules.limits[2].max;
    assert_eq!(max, Field { value: Some(CentiCelsius::literal(800)), provenance: Provenance::Site });
    assert_eq!(rules.limits[1], ThermalRule::DEFAULT, "nobody has said anything of the one between");
}

#[test]
fn check_ins_count_if_anybody_says_them_and_the_multiple_only_if_nobody_does() {
    let at = |field| (SILENCE, field);
    let trigger = |scopes: &Scopes| resolve(UnitType::Fridge, scopes).rules(None).unwrap().silence.trigger;
    let default = UnitRules::default().silence.trigger;
    let mut scopes = Scopes::default();
    assert_eq!(trigger(&scopes), default);
    scopes.site.insert(at(RuleField::Multiplier), open(Setting::Multiple(Hundredths(250))));
    let site = |value| Field { value, provenance: Provenance::Site };
    let multiple =
        SilenceTrigger::Multiple { multiplier: site(Hundredths(250)), additional: Field::system(ADDITIONAL) };
    assert_eq!(trigger(&scopes), multiple);
    scopes.organization.insert(at(RuleField::LostAfter), open(Setting::Count(9)));
    let organization = Field { value: 9, provenance: Provenance::Organization };
    let checkins = SilenceTrigger::Checkins { late_after: Field::system(1), lost_after: organization };
    assert_eq!(trigger(&scopes), checkins);
    scopes.unit.insert(at(RuleField::LostAfter), Saying::open(None));
    assert_eq!(trigger(&scopes), multiple, "switched off at the unit, it counts no more");
    scopes.site.remove(&at(RuleField::Multiplier));
    assert_eq!(trigger(&scopes), default);
}

#[test]
fn rules_that_cannot_be_run_are_refused() {
    let mut scopes = Scopes::default();
    scopes.unit.insert((LIMITS, RuleField::TempMax), open(celsius(-100)));
    let refused = resolve(UnitType::Fridge, &scopes).rules(None);
    assert!(matches!(refused, Err(RulesError::NoBand { .. })), "the lower one is inherited: {refused:?}");
    scopes.unit.insert((LIMITS, RuleField::TempMax), open(Setting::Count(5)));
    let refused = resolve(UnitType::Fridge, &scopes).rules(None);
    assert_eq!(refused, Err(RulesError::Kind { field: "temp_max_c" }));
}

#[test]
fn a_field_in_a_rule_of_another_type_is_of_its_own_unless_every_rule_has_it() {
    let door = Slot::of(AlertType::DoorOpen);
    assert_eq!(RuleField::TempMax.slot_in(door), Some(LIMITS));
    assert_eq!(RuleField::Severity.slot_in(door), Some(door));
    assert_eq!(RuleField::Delay.slot_in(door), None, "an open door has times of its own");
    let tier = Slot { kind: AlertType::AlarmActive, tier: 2 };
    assert_eq!(RuleField::Delay.slot_in(tier), Some(tier));
    assert_eq!(RuleField::DoorMask.slot_in(tier), Some(door));
}
