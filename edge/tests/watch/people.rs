//! What people do at the hub: silences that end, logs by hand, alarms that they are done with; and what was over before
//! anybody knew of it.

use crate::world::{MINUTE, SECOND, T0, World};
use frostguard_edge::annunciators::{Happened, Level};
use frostguard_edge::store::journal::Anew;
use frostguard_edge::store::past::Past;
use frostguard_edge::watch::{Deed, Refused};
use frostguard_shared::alarm::{Condition, Sounding};
use frostguard_shared::axis::Measured;
use frostguard_shared::event::{Fact, ShelveEnd};
use frostguard_shared::ids::{PersonId, UnitId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::UnitStatus;
use frostguard_shared::time::{DurationMs, WallMs};

const MARIA: PersonId = PersonId::from_bytes([9; 16]);

fn unit(world: &World, key: &str) -> UnitId {
    world.view().units.iter().find(|unit| unit.key == key).unwrap().id
}

fn act(world: &mut World, deed: &Deed) -> Result<(), Refused> {
    let now = world.clock;
    world.watch().act(deed, MARIA, now).unwrap()
}

fn shelve(world: &World, key: &str, minutes: i64) -> Deed {
    let reason = "the compressor is being changed".into();
    Deed::Shelve { unit: unit(world, key), length: DurationMs::minutes(minutes), reason }
}

fn log(world: &World, key: &str, hundredths: i32) -> Deed {
    let temperature = CentiCelsius::new(hundredths).unwrap();
    Deed::Log { unit: unit(world, key), temperature, note: "by the door".into() }
}

fn ends(world: &World) -> Vec<ShelveEnd> {
    let ended = |fact| match fact {
        Fact::ShelveEnded { by } => Some(by),
        _ => None,
    };
    world.facts().into_iter().filter_map(ended).collect()
}

#[test]
fn a_silenced_unit_makes_no_noise_until_its_time_is_over_whatever_dies_meanwhile() {
    let mut world = World::new();
    world.freezer(-1800);
    let deed = shelve(&world, "freezer", 30);
    assert_eq!(act(&mut world, &deed), Ok(()));
    world.freezer_for(8, -1400);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive, "it is shown all the same");
    assert_eq!(world.desired().loudest(), Level::Quiet);
    world.killed();
    world.pass(SECOND);
    world.start();
    assert_eq!(world.desired().loudest(), Level::Quiet);
    let until = world.view().units.iter().find(|unit| unit.key == "freezer").unwrap().shelved_until;
    assert!(until.is_some());
    world.freezer_for(23, -1400);
    assert_eq!(world.desired().loudest(), Level::Alarm);
    assert_eq!(ends(&world), [ShelveEnd::Time], "and the record says so once");
}

#[test]
fn a_silence_needs_a_reason_and_an_end_and_a_person_may_end_it_sooner() {
    let mut world = World::new();
    let freezer = unit(&world, "freezer");
    let silence = |length, reason: &str| Deed::Shelve { unit: freezer, length, reason: reason.into() };
    assert_eq!(act(&mut world, &silence(DurationMs::minutes(30), " \n")), Err(Refused::NoReason));
    assert_eq!(act(&mut world, &silence(DurationMs::minutes(241), "long")), Err(Refused::Length));
    assert_eq!(act(&mut world, &silence(DurationMs(0), "short")), Err(Refused::Length));
    assert_eq!(act(&mut world, &Deed::Unshelve(freezer)), Err(Refused::NotSilenced));
    let elsewhere = UnitId::from_bytes([77; 16]);
    assert_eq!(act(&mut world, &Deed::Unshelve(elsewhere)), Err(Refused::NoSuchUnit));
    assert_eq!(world.count_of("shelve.started/1"), 0);
    world.freezer_for(8, -1400);
    assert_eq!(act(&mut world, &silence(DurationMs::minutes(240), "loading")), Ok(()));
    assert_eq!(world.desired().loudest(), Level::Quiet);
    assert_eq!(act(&mut world, &Deed::Unshelve(freezer)), Ok(()));
    assert_eq!(world.desired().loudest(), Level::Alarm);
    assert_eq!(ends(&world), [ShelveEnd::Person]);
}

#[test]
fn a_silence_goes_on_in_a_new_epoch() {
    let mut world = World::new();
    let deed = shelve(&world, "freezer", 30);
    assert_eq!(act(&mut world, &deed), Ok(()));
    world.freezer_for(8, -1400);
    let now = world.clock;
    world.watch().begin_anew(Anew::Damaged("a test".into()), now).unwrap().unwrap();
    assert_eq!(world.desired().loudest(), Level::Quiet);
    world.killed();
    world.start();
    assert_eq!(world.desired().loudest(), Level::Quiet);
    world.freezer_for(23, -1400);
    assert_eq!(world.desired().loudest(), Level::Alarm);
    assert_eq!(ends(&world), [ShelveEnd::Time]);
}

#[test]
fn a_log_by_hand_that_is_out_of_range_is_an_alarm_and_one_in_range_ends_it() {
    let mut world = World::new();
    world.freezer(-1800);
    let warm = log(&world, "freezer", -900);
    assert_eq!(act(&mut world, &warm), Ok(()));
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    assert_eq!(world.desired().alarms[0].condition, Condition::TooWarm);
    world.run(MINUTE);
    let cold = log(&world, "freezer", -1800);
    assert_eq!(act(&mut world, &cold), Ok(()));
    assert_eq!(world.desired().alarms[0].sounding, Sounding::Cleared);
    let logged: Vec<_> = world
        .facts()
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::ManualLogRecorded { temperature_centi_c, note, .. } => Some((temperature_centi_c, note)),
            _ => None,
        })
        .collect();
    assert_eq!(logged, [(Some(-900), Some("by the door".into())), (Some(-1800), Some("by the door".into()))]);
}

#[test]
fn only_what_is_over_can_be_done_with() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let alert = world.desired().alarms[0].alert;
    assert_eq!(act(&mut world, &Deed::Resolve(alert)), Err(Refused::NotOver));
    world.freezer_for(3, -1800);
    assert_eq!(act(&mut world, &Deed::Resolve(alert)), Ok(()));
    assert!(world.desired().alarms.is_empty());
    assert_eq!(world.count_of("alert.resolved/1"), 1);
    assert_eq!(act(&mut world, &Deed::Resolve(alert)), Err(Refused::NoSuchAlert));
}

#[test]
fn what_nobody_acknowledges_is_told_upwards_and_the_record_has_each_level_once() {
    let mut world = World::new();
    world.freezer_for(53, -1400);
    let levels: Vec<u8> = world
        .facts()
        .into_iter()
        .filter_map(|fact| match fact {
            Fact::AlertEscalated { level, .. } => Some(level),
            _ => None,
        })
        .collect();
    assert_eq!(levels, [1, 2, 3], "a critical alarm, every quarter of an hour");
    let told: Vec<Happened> = world.desired().news.iter().map(|news| news.happened).collect();
    assert_eq!(told.iter().filter(|happened| **happened == Happened::Escalated).count(), 3);
    assert_eq!(world.view().alarms[0].level, 3);
}

#[test]
fn an_hour_out_of_range_is_critical_whatever_the_unit_is_silenced_for() {
    let mut world = World::new();
    world.change_site("temp_max_c = 8.0", "temp_max_c = 8.0\nseverity = \"warning\"");
    world.stopped();
    world.start();
    world.fridge(Measured::Now, 400);
    let deed = shelve(&world, "fridge", 240);
    assert_eq!(act(&mut world, &deed), Ok(()));
    for _ in 0..64 {
        world.run(MINUTE);
        world.fridge(Measured::Now, 1_000);
    }
    assert_eq!(world.count_of("alert.upgraded/1"), 1);
    assert_eq!(world.desired().loudest(), Level::Alarm);
}

/// A fridge that was too warm for twenty minutes while nobody heard it, and whose sensor tells of it later.
fn warm_unheard() -> World {
    let mut world = World::new();
    world.fridge(Measured::Now, 400);
    world.freezer_for(12, -1800);
    // Something to be kept at once, so that the state of then is kept and none of before.
    let deed = log(&world, "freezer", -1800);
    assert_eq!(act(&mut world, &deed), Ok(()));
    world.freezer_for(88, -1800);
    world.fridge(Measured::Now, 400);
    world.freezer_for(1, -1800);
    world.fridge(Measured::Now, 400);
    let entries: Vec<(i64, i16)> =
        (10..40).map(|minute| (T0 + minute * MINUTE, if minute < 30 { 1_000 } else { 400 })).collect();
    entries.chunks(10).for_each(|part| world.fridge_log(part));
    world.run(5 * SECOND);
    world
}

#[test]
fn what_was_over_before_anybody_knew_is_told_once_in_retrospect_and_never_sounds() {
    let mut world = warm_unheard();
    let told: Vec<(Happened, bool, String)> =
        world.desired().news.iter().map(|news| (news.happened, news.retro, news.text.clone())).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].0, told[0].1), (Happened::Raised, true));
    assert!(told[0].2.contains("it was over after"), "{}", told[0].2);
    assert_eq!(world.desired().loudest(), Level::Ok);
    assert_eq!(world.count_of("alert.raised/1"), 1);
    assert_eq!(world.count_of("alert.cleared/1"), 1, "the record has its end all the same");
    world.killed();
    world.start();
    let again: Vec<_> = world.desired().news.iter().map(|news| news.happened).collect();
    assert_eq!(again, [Happened::Raised], "nobody has told it yet, and it is one thing to tell");
}

#[test]
fn what_somebody_acknowledged_stays_acknowledged_when_late_values_show_that_it_began_earlier() {
    let mut world = World::new();
    world.fridge(Measured::Now, 400);
    world.freezer_for(60, -1800);
    for _ in 0..7 {
        world.fridge(Measured::Now, 1_000);
        world.freezer_for(1, -1800);
    }
    let alert = world.desired().alarms[0].alert;
    assert_eq!(act(&mut world, &Deed::Acknowledge(alert)), Ok(()));
    let entries: Vec<(i64, i16)> = (55..60).map(|minute| (T0 + minute * MINUTE, 1_000)).collect();
    world.fridge_log(&entries);
    world.run(5 * SECOND);
    let alarms = world.desired().alarms;
    assert_eq!(alarms.len(), 1);
    assert_eq!((alarms[0].alert, alarms[0].sounding), (alert, Sounding::Acknowledged));
    assert_eq!(alarms[0].since, WallMs(T0 + 55 * MINUTE));
    assert_eq!(world.count_of("alert.raised/1"), 1);
}

#[test]
fn the_past_tells_how_a_unit_was_and_what_has_become_known_of_it_since() {
    let world = warm_unheard();
    let hub = world.view().hub;
    let past = Past::open(&world.journal(), hub).unwrap();
    let fridge = unit(&world, "fridge");
    let status = |minute| {
        let at = past.rule_of(WallMs(T0 + minute * MINUTE));
        past.state_at(at).unwrap().status(fridge)
    };
    assert_eq!(status(5), UnitStatus::Ok);
    assert_eq!(status(12), UnitStatus::Excursion);
    assert_eq!(status(20), UnitStatus::AlarmActive);
    assert_eq!(status(101), UnitStatus::Ok);
    let at = past.rule_of(WallMs(T0 + 12 * MINUTE));
    let explained = past.state_at(at).unwrap().explain(fridge).unwrap();
    let progress = &explained.excursions[0];
    assert_eq!(progress.spent[0], DurationMs::minutes(2));
    assert_eq!(progress.confirms_at, Some(past.rule_of(WallMs(T0 + 15 * MINUTE))));
    assert_eq!((progress.allowed.field.as_str(), progress.allowed.value), ("delay_minutes", 5 * MINUTE));
}
