//! Bad input: each has its answer, is counted, and loses nothing else.

use crate::world::{MINUTE, SECOND, T0, World};
use frostguard_edge::sources::{Heard, Payload, Refusal, Section, chirpstack};
use frostguard_shared::axis::Measured;
use frostguard_shared::event::Fact;
use frostguard_shared::rules::UnitStatus;
use frostguard_shared::time::WallMs;

#[test]
fn garbled_cut_encrypted_and_oversize_frames_are_counted_by_reason_and_the_next_good_one_counts() {
    let mut world = World::new();
    world.advert("4002");
    world.advert("");
    world.advert("41a47266c95f730011223378237214");
    world.advert("40ee");
    world.advert(&"40".repeat(300));
    world.uplink(Measured::Now, vec![1; 10]);
    world.uplink(Measured::Now, vec![0; 250]);
    for (name, count) in [
        ("refused.bthome.truncated", 2),
        ("refused.bthome.encrypted", 1),
        ("refused.bthome.unknown_part", 1),
        ("refused.bthome.oversize", 1),
        ("refused.dragino-lht65.truncated", 1),
        ("refused.dragino-lht65.oversize", 1),
    ] {
        assert_eq!(world.counter(name), count, "{name}");
    }
    world.freezer(-1800);
    world.run(6 * SECOND);
    assert_eq!(world.readings().len(), 1);
}

#[test]
fn an_uplink_that_is_none_is_counted_with_its_source() {
    let mut world = World::new();
    let refusal = chirpstack::uplink(b"{\"nonsense\":", chirpstack::Delivery::Live).unwrap_err();
    world.hear(Heard::Refused { source: "lorawan", refusal });
    world.hear(Heard::Refused { source: "lorawan", refusal: Refusal::Oversize(2_000_000, 1_048_576) });
    assert_eq!(world.counter("refused.lorawan.json"), 1);
    assert_eq!(world.counter("refused.lorawan.oversize"), 1);
}

#[test]
fn strangers_are_counted_and_never_decoded() {
    let mut world = World::new();
    let payload = Payload::Advert { section: Section::Service(0xFCD2), bytes: vec![0xFF; 20] };
    world.frame("11:22:33:44:55:66", Measured::Now, payload);
    assert_eq!(world.counter("frames.unknown_device"), 1);
    assert!(world.view().counters.keys().all(|name| !name.starts_with("refused")));
}

#[test]
fn a_value_from_the_future_is_refused_and_two_minutes_of_drift_are_not() {
    let mut world = World::new();
    world.fridge(Measured::At(WallMs(T0 + 121 * SECOND)), 400);
    world.fridge(Measured::At(WallMs(i64::MAX)), 400);
    world.fridge_log(&[(T0 + 10 * MINUTE, 400)]);
    assert_eq!(world.counter("refused.time.future"), 3);
    world.fridge(Measured::At(WallMs(T0 + 119 * SECOND)), 410);
    world.run(6 * SECOND);
    assert_eq!(world.readings().iter().map(|reading| reading.2).collect::<Vec<_>>(), [410]);
}

#[test]
fn the_codes_85_and_minus_127_are_recorded_as_doubtful_and_clear_nothing() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    world.freezer_for(1, 8_500);
    world.freezer_for(2, -12_700);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    world.run(6 * SECOND);
    let codes: Vec<i64> = world
        .sql()
        .prepare("SELECT quality FROM readings ORDER BY seq DESC LIMIT 3")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(codes, [1, 1, 2]);
}

#[test]
fn the_code_85_clears_no_freezer_that_is_too_cold() {
    let mut world = World::new();
    world.freezer_for(7, -3_200);
    world.freezer_for(3, 8_500);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    assert_eq!(world.count_of("alert.cleared/1"), 0);
}

#[test]
fn a_value_that_is_none_is_a_fault_of_the_device_and_recovers() {
    let mut world = World::new();
    world.freezer(-1800);
    world.run(MINUTE);
    world.freezer(i16::MIN);
    world.freezer(i16::MIN);
    world.run(4 * MINUTE);
    let raised = world.facts().iter().any(
        |fact| matches!(fact, Fact::AlertRaised { condition, .. } if condition.word() == "sensor_fault"),
    );
    assert!(raised, "a sensor without a value for three intervals is an alarm");
    world.freezer_for(2, -1800);
    assert_eq!(world.count_of("device.fault/1"), 1);
    assert_eq!(world.count_of("device.recovered/1"), 1);
    assert_eq!(world.status("freezer"), UnitStatus::Ok);
}

#[test]
fn humidity_that_cannot_be_refuses_the_frame() {
    let mut world = World::new();
    world.advert("4002f8f803ffff");
    assert_eq!(world.counter("refused.bthome.field"), 1);
}
