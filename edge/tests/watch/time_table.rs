//! The time table: restarts, dead clocks, late synchronisation, power cuts, over a real journal.

use crate::world::{DAY, MINUTE, SECOND, T0, World, is_late};
use frostguard_shared::axis::Measured;
use frostguard_shared::event::Fact;
use frostguard_shared::rules::UnitStatus;
use frostguard_shared::time::{DurationMs, Trust, WallMs};

#[test]
fn a_process_that_restarts_thirty_days_into_a_boot_goes_on_at_the_same_place_of_the_axis() {
    let mut world = World::new();
    world.freezer(-1800);
    world.pass(30 * DAY);
    world.freezer(-1800);
    world.stopped();
    world.pass(65 * SECOND);
    world.start();
    world.freezer(-1800);
    world.run(6 * SECOND);
    let rules: Vec<i64> = world.readings().iter().map(|reading| reading.0).collect();
    assert!((rules[2] - (T0 + 30 * DAY + 65 * SECOND)).abs() < 100, "{rules:?}");
    let boots: Vec<u32> = world
        .facts()
        .iter()
        .filter_map(|fact| match fact {
            Fact::HubStarted { boot, .. } => Some(*boot),
            _ => None,
        })
        .collect();
    assert_eq!(boots, [1, 1]);
    assert_eq!(world.count_of("clock.corrected/1"), 0);
}

#[test]
fn off_three_days_and_back_in_1970_a_pending_excursion_alarms_at_the_first_bad_value() {
    let mut world = World::new();
    world.freezer_for(2, -1400);
    world.run(6 * SECOND);
    world.reboot("boot-2", 4_000, Trust::Untrusted);
    assert_eq!(world.status("freezer"), UnitStatus::Excursion);
    world.freezer_for(1, -1400);
    assert_eq!(
        world.status("freezer"),
        UnitStatus::AlarmActive,
        "nobody knows how long it was off: long enough"
    );
}

#[test]
fn off_three_days_and_back_with_the_saved_clock_is_the_same_until_the_time_service_speaks() {
    let mut world = World::new();
    world.freezer_for(2, -1400);
    world.run(6 * SECOND);
    let saved = world.clock.wall.0 + SECOND;
    world.reboot("boot-2", saved, Trust::Untrusted);
    world.freezer_for(1, -1400);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);

    world.clock.wall = WallMs(saved + 3 * DAY);
    world.clock.trust = Trust::Synced;
    world.tick();
    world.freezer_for(2, -1400);
    world.run(6 * SECOND);
    assert_eq!(world.count_of("clock.corrected/1"), 1);
    assert_eq!(
        world.count_of("alert.raised/1"),
        1,
        "three days that only the axis jumped made nothing silent or late"
    );
    let last = world.readings().last().unwrap().0;
    assert!(
        (last - world.clock.wall.0).abs() < 10 * SECOND,
        "records after the correction stand at the true time"
    );
}

#[test]
fn a_trusted_clock_after_three_days_off_counts_them() {
    let mut world = World::new();
    world.freezer_for(2, -1400);
    world.run(6 * SECOND);
    let wall = world.clock.wall.0 + 3 * DAY;
    world.reboot("boot-2", wall, Trust::HeldOver);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive, "the delay passed while the hub was off");
    assert_eq!(world.count_of("alert.raised/1"), 1, "and no sensor was silent, for nobody listened");
}

#[test]
fn a_synchronisation_in_the_middle_of_an_episode_neither_fires_nor_delays_it() {
    let mut world = World::new();
    world.stopped();
    world.reboot("boot-2", 4_000, Trust::Untrusted);
    world.freezer(-1800);
    world.run(MINUTE);
    world.freezer(-1400);
    world.run(2 * MINUTE);
    world.freezer(-1400);
    world.clock.wall = WallMs(T0 + 9 * DAY);
    world.clock.trust = Trust::Synced;
    world.tick();
    assert_eq!(world.status("freezer"), UnitStatus::Excursion);
    world.run(2 * MINUTE + 58 * SECOND);
    assert_eq!(world.status("freezer"), UnitStatus::Excursion);
    world.run(3 * SECOND);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
}

#[test]
fn a_data_log_with_absolute_times_reaches_across_a_power_cut_and_is_told_in_retrospect() {
    let mut world = World::new();
    for _ in 0..3 {
        world.run(MINUTE);
        world.fridge(Measured::Now, 400);
    }
    world.run(6 * SECOND);
    let cut = world.clock.wall.0;
    world.reboot("boot-2", 4_000, Trust::Untrusted);
    world.fridge(Measured::Now, 420);
    let log: Vec<(i64, i16)> =
        (1..=20).map(|n| (cut + n * 10 * MINUTE, if (5..12).contains(&n) { 1_500 } else { 400 })).collect();
    world.fridge_log(&log);
    world.run(6 * SECOND);
    assert_eq!(world.counter("values.waiting_for_the_clock"), 20);
    assert_eq!(world.readings().iter().filter(|reading| is_late(reading)).count(), 0);

    world.clock.wall = WallMs(cut + 5 * 60 * MINUTE);
    world.clock.trust = Trust::Synced;
    world.tick();
    let late: Vec<_> = world.readings().into_iter().filter(is_late).collect();
    assert_eq!(late.len(), 20);
    assert_eq!(late[0].0, (cut + 10 * MINUTE) / SECOND * SECOND, "placed at their own time");
    let retro: Vec<bool> = world
        .facts()
        .iter()
        .filter_map(|fact| match fact {
            Fact::AlertRaised { retro, .. } => Some(*retro),
            _ => None,
        })
        .collect();
    assert_eq!(retro, [true], "one excursion, told and not sounded");
    assert!(
        world
            .desired()
            .alarms
            .iter()
            .all(|alarm| alarm.sounding == frostguard_shared::alarm::Sounding::Cleared)
    );
    world.fridge_log(&log);
    world.run(6 * SECOND);
    assert_eq!(
        world.readings().iter().filter(|reading| is_late(reading)).count(),
        20,
        "the same log again is not recorded again"
    );
}

#[test]
fn frames_with_ages_wait_only_if_they_are_older_than_a_boot_without_a_clock() {
    let mut world = World::new();
    world.fridge(Measured::Now, 400);
    world.run(6 * SECOND);
    let cut = world.clock.wall.0;
    world.reboot("boot-2", 4_000, Trust::Untrusted);
    world.run(10 * MINUTE);
    world.fridge(Measured::Ago(DurationMs::minutes(5)), 410);
    world.fridge(Measured::Ago(DurationMs::minutes(40)), 430);
    world.run(6 * SECOND);
    let late: Vec<_> = world.readings().into_iter().filter(is_late).collect();
    assert_eq!(late.iter().map(|reading| (reading.1, reading.2)).collect::<Vec<_>>(), [(5 * MINUTE, 410)]);
    assert_eq!(world.counter("values.waiting_for_the_clock"), 1);

    world.clock.wall = WallMs(cut + 60 * MINUTE);
    world.clock.trust = Trust::Synced;
    world.tick();
    let placed = world.readings().into_iter().find(|reading| reading.2 == 430).unwrap();
    let expected = cut + 60 * MINUTE - 40 * MINUTE - 6 * SECOND;
    assert!((placed.0 - expected).abs() < SECOND, "{} against {expected}", placed.0);
}

#[test]
fn what_waits_for_the_clock_survives_a_power_cut() {
    let mut world = World::new();
    world.fridge(Measured::Now, 400);
    world.run(6 * SECOND);
    let cut = world.clock.wall.0;
    world.reboot("boot-2", 4_000, Trust::Untrusted);
    world.fridge_log(&[(cut + 10 * MINUTE, 500)]);
    world.run(6 * SECOND);
    world.reboot("boot-3", cut + 30 * MINUTE, Trust::Synced);
    world.run(SECOND);
    assert!(world.readings().iter().any(|reading| reading.2 == 500 && is_late(reading)));
}

#[test]
fn two_boots_within_a_second_keep_their_order() {
    let mut world = World::new();
    world.freezer(-1800);
    world.run(6 * SECOND);
    let wall = world.clock.wall.0;
    world.reboot("boot-2", wall + 300, Trust::Synced);
    world.reboot("boot-3", wall + 600, Trust::Synced);
    let rules: Vec<i64> = world.events().iter().map(|event| event.envelope.rule_ms.0).collect();
    assert!(rules.windows(2).all(|pair| pair[0] < pair[1]), "{rules:?}");
    let boots: Vec<u32> = world.events().iter().map(|event| event.envelope.boot.0).collect();
    assert_eq!((boots[0], *boots.last().unwrap()), (1, 3));
    assert!(world.verifies().is_ok());
}

#[test]
fn a_clock_that_loses_its_trust_says_so_once() {
    let mut world = World::new();
    world.clock.trust = Trust::Untrusted;
    world.run(5 * SECOND);
    assert_eq!(world.count_of("clock.untrusted/1"), 1);
}

#[test]
fn a_new_epoch_never_starts_earlier_than_the_old_one_ended() {
    let mut world = World::new();
    world.freezer_for(3, -1800);
    world.stopped();
    let last = world.events().last().unwrap().envelope.rule_ms;
    for side in ["", "-wal", "-shm"] {
        // Not every side file exists after a clean stop.
        let _ = std::fs::remove_file(format!("{}{side}", world.journal().display()));
    }
    world.reboot("boot-2", 4_000, Trust::Untrusted);
    assert!(world.events()[0].envelope.rule_ms > last);
}
