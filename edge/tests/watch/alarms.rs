//! Alarms: raised once, kept over deaths, quieted and acknowledged by people, told to outputs.

use crate::world::{MINUTE, SECOND, World};
use frostguard_edge::annunciators::{Happened, Level, Report};
use frostguard_edge::watch::{Deed, Refused};
use frostguard_shared::alarm::Sounding;
use frostguard_shared::event::Fact;
use frostguard_shared::ids::PersonId;
use frostguard_shared::rules::UnitStatus;

#[test]
fn a_freezer_that_warms_raises_one_alert_when_its_delay_has_passed_and_not_before() {
    let mut world = World::new();
    world.freezer(-1800);
    world.freezer_for(1, -1400);
    world.run(5 * MINUTE);
    assert_eq!(world.status("freezer"), UnitStatus::Excursion);
    assert_eq!(world.desired().loudest(), Level::Ok);
    world.run(SECOND);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    assert_eq!(world.desired().loudest(), Level::Alarm);
    assert_eq!(world.count_of("alert.raised/1"), 1, "and it was durable before anyone could hear of it");
}

#[test]
fn an_alarm_outlives_the_process_and_is_not_raised_again() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let alert = world.desired().alarms[0].alert;
    for _ in 0..3 {
        world.killed();
        world.pass(2 * SECOND);
        world.start();
        assert_eq!(world.desired().alarms[0].alert, alert);
        assert_eq!(world.desired().loudest(), Level::Alarm);
        world.freezer(-1400);
    }
    assert_eq!(world.count_of("alert.raised/1"), 1);
}

#[test]
fn a_delay_goes_on_over_a_death_of_the_process() {
    let mut world = World::new();
    world.freezer_for(2, -1400);
    world.killed();
    world.pass(3 * MINUTE + 30 * SECOND);
    world.start();
    assert_eq!(world.status("freezer"), UnitStatus::Excursion);
    world.run(31 * SECOND);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
}

#[test]
fn quiet_stops_the_noise_for_a_quarter_of_an_hour_and_at_most_four_times() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let alert = world.desired().alarms[0].alert;
    for _ in 0..4 {
        let now = world.clock;
        assert_eq!(world.watch().quiet(alert, now).unwrap(), Ok(()));
        assert_eq!(world.desired().loudest(), Level::Quiet);
        world.freezer_for(15, -1400);
        world.run(SECOND);
        assert_eq!(world.desired().loudest(), Level::Alarm);
    }
    let now = world.clock;
    assert_eq!(world.watch().quiet(alert, now).unwrap(), Err(Refused::QuietTooOften));
    assert_eq!(world.count_of("alert.quieted/1"), 4);
}

#[test]
fn an_acknowledgement_names_the_person_expires_and_outlives_a_death() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let alert = world.desired().alarms[0].alert;
    let person = PersonId::from_bytes([9; 16]);
    let now = world.clock;
    assert_eq!(world.watch().act(&Deed::Acknowledge(alert), person, now).unwrap(), Ok(()));
    world.killed();
    world.pass(SECOND);
    world.start();
    assert_eq!(world.desired().alarms[0].sounding, Sounding::Acknowledged);
    world.freezer_for(15, -1400);
    assert_eq!(
        world.desired().loudest(),
        Level::Alarm,
        "a critical alarm is held back for a quarter of an hour"
    );
    assert_eq!(world.count_of("alert.ack_expired/1"), 1);
    let named =
        world.events().iter().any(|event| event.envelope.actor.is_some_and(|actor| actor.id == Some(person)));
    assert!(named);
}

#[test]
fn an_alarm_that_is_over_clears_and_is_shown_until_someone_acknowledges_it() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let alert = world.desired().alarms[0].alert;
    world.freezer_for(3, -1800);
    assert_eq!(world.desired().alarms[0].sounding, Sounding::Cleared);
    assert_eq!(world.desired().loudest(), Level::Ok);
    let now = world.clock;
    world.watch().act(&Deed::Acknowledge(alert), PersonId::from_bytes([9; 16]), now).unwrap().unwrap();
    assert!(world.desired().alarms.is_empty());
    assert_eq!(world.watch().quiet(alert, now).unwrap(), Err(Refused::NoSuchAlert));
}

#[test]
fn what_an_output_has_not_told_is_told_after_a_death_and_what_it_has_is_not() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    let raised = world.desired().news.back().unwrap().seq;
    world.killed();
    world.start();
    let news: Vec<Happened> = world.desired().news.iter().map(|news| news.happened).collect();
    assert_eq!(news, [Happened::Raised], "it was never told");
    let now = world.clock;
    world.watch().report(Report::Told { output: "log".into(), seq: raised }, now).unwrap();
    world.killed();
    world.start();
    let desired = world.desired();
    assert_eq!(desired.told.get("log"), Some(&raised));
    assert!(desired.news.iter().all(|news| news.seq <= raised));
    assert!(desired.alarms[0].raised_seq <= raised, "so an output knows that it only asserts it again");
}

#[test]
fn an_output_that_fails_and_recovers_is_in_the_record() {
    let mut world = World::new();
    let now = world.clock;
    for fault in [None, Some("refused".to_owned()), Some("refused again".to_owned()), None] {
        world.watch().report(Report::State { output: "log".into(), fault }, now).unwrap();
    }
    assert_eq!(world.count_of("annunciator.failed/1"), 1);
    assert_eq!(world.count_of("annunciator.recovered/1"), 1);
}

#[test]
fn a_silent_sensor_is_an_alarm_of_its_own() {
    let mut world = World::new();
    world.freezer(-1800);
    world.run(6 * MINUTE);
    assert_eq!(world.status("freezer"), UnitStatus::MonitoringInterrupted);
    assert_eq!(world.count_of("alert.raised/1"), 1);
}

#[test]
fn a_limit_that_changes_in_the_site_document_changes_what_is_an_alarm() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    world.stopped();
    world.change_site("temp_max_c = -15.0", "temp_max_c = -12.0");
    world.pass(SECOND);
    world.start();
    assert_eq!(world.desired().loudest(), Level::Ok);
    let cleared = world
        .facts()
        .iter()
        .any(|fact| matches!(fact, Fact::AlertCleared { why, .. } if why.text.contains("rule_changed")));
    assert!(cleared);
    assert_eq!(world.count_of("config.applied/1"), 2);
    world.stopped();
    world.start();
    assert_eq!(world.count_of("config.applied/1"), 2, "rules that did not change are not applied again");
}

#[test]
fn another_sensor_under_the_same_key_is_another_device_with_a_point_of_its_own() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    world.stopped();
    world.change_site("A4:C1:38:00:00:01", "A4:C1:38:00:00:99");
    world.pass(SECOND);
    world.start();
    let tags: Vec<_> = world
        .events()
        .into_iter()
        .filter(|event| matches!(event.fact(), Some(Fact::DeviceAssigned { model, .. }) if model == "bthome"))
        .map(|event| event.envelope.subject)
        .collect();
    assert_eq!(tags.len(), 4, "air and door of each");
    assert_ne!(tags[0].device, tags[2].device);
    assert_ne!(tags[0].point, tags[2].point);
    assert_eq!(world.count_of("alert.cleared/1"), 1, "what the old one had alarmed about ends visibly");
}
