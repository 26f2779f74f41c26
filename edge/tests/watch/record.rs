//! The record: durable in order, sealed, verified from its bytes, and carried on when the disk fails.

use crate::world::{MINUTE, SECOND, World};
use frostguard_edge::annunciators::Level;
use frostguard_edge::store::inspect::VerifyError;
use frostguard_shared::event::Fact;
use frostguard_shared::rules::UnitStatus;
use frostguard_shared::verify::{Bad, EventFault, Verdict};

#[test]
fn readings_are_durable_within_five_seconds_and_a_transition_takes_the_open_group_along() {
    let mut world = World::new();
    world.freezer(-1800);
    world.run(4 * SECOND);
    assert_eq!(world.readings().len(), 0);
    world.run(SECOND);
    assert_eq!(world.readings().len(), 1);
    world.run(MINUTE);
    world.freezer(-1800);
    world.freezer(-1400);
    assert_eq!(
        world.readings().len(),
        3,
        "the excursion's first reading is durable before anyone knows of it"
    );
}

#[test]
fn a_power_cut_loses_at_most_the_open_group_and_the_numbers_go_on_without_a_gap() {
    let mut world = World::new();
    world.freezer_for(3, -1800);
    world.run(6 * SECOND);
    world.run(MINUTE);
    world.freezer(-1790);
    world.killed();
    world.start();
    world.freezer_for(2, -1800);
    world.run(6 * SECOND);
    let seqs: Vec<i64> = world
        .sql()
        .prepare("SELECT seq FROM readings ORDER BY seq")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5]);
    assert!(world.verifies().is_ok());
}

#[test]
fn a_clean_stop_seals_everything_and_an_unsealed_tail_is_sealed_at_the_next_start() {
    let mut world = World::new();
    world.freezer_for(5, -1800);
    world.stopped();
    let verified = world.verifies().unwrap();
    assert_eq!((verified.readings_sealed, verified.readings_unsealed), (5, 0));
    world.start();
    world.freezer_for(2, -1800);
    world.run(6 * SECOND);
    world.killed();
    assert_eq!(world.verifies().unwrap().readings_unsealed, 2);
    world.start();
    let verified = world.verifies().unwrap();
    assert_eq!((verified.readings_sealed, verified.readings_unsealed), (7, 0));
    assert!(
        matches!(world.facts().last(), Some(Fact::Gap { .. })) || world.count_of("gap/1") == 2,
        "downtime is a recorded hole"
    );
}

#[test]
fn a_seal_is_written_when_it_is_full_and_every_hour() {
    let mut world = World::new();
    for n in 0..1_030 {
        world.pass(MINUTE);
        world.freezer(if n % 2 == 0 { -1800 } else { -1700 });
    }
    let seals: Vec<u64> = world
        .facts()
        .iter()
        .filter_map(|fact| match fact {
            Fact::ReadingsSealed { count, .. } => Some(*count),
            _ => None,
        })
        .collect();
    assert!(seals.len() >= 17 && seals.iter().all(|count| *count <= 1_024), "{seals:?}");
    world.run(6 * SECOND);
    assert!(world.verifies().is_ok());
}

/// What does not fit.
fn bad(verified: Result<Verdict, VerifyError>) -> Bad {
    match verified {
        Err(VerifyError::Bad(verdict)) => verdict.bad.unwrap(),
        other => panic!("nothing bad was found: {other:?}"),
    }
}

#[test]
fn an_edited_event_is_named_by_its_number() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    world.stopped();
    world.sql().execute("UPDATE events SET bytes = CAST(replace(CAST(bytes AS TEXT), 'critical', 'info') AS BLOB) WHERE seq = (SELECT max(seq) FROM events WHERE CAST(bytes AS TEXT) LIKE '%alert.raised%')", []).unwrap();
    let seq =
        world.events().iter().find(|event| event.envelope.kind == "alert.raised/1").unwrap().envelope.seq;
    assert_eq!(bad(world.verifies()), Bad::Event { seq, why: EventFault::Link });
}

#[test]
fn a_deleted_event_and_an_edited_or_deleted_reading_are_found() {
    let mut world = World::new();
    world.freezer_for(7, -1800);
    world.stopped();
    let edited = |change: &str| {
        let copy = tempfile::tempdir().unwrap();
        let path = copy.path().join("journal.db");
        world.sql().execute("VACUUM INTO ?1", [path.to_str().unwrap()]).unwrap();
        rusqlite::Connection::open(&path).unwrap().execute(change, []).unwrap();
        frostguard_edge::store::inspect::verify(&path)
    };
    let missing = Bad::Event { seq: 3, why: EventFault::Missing { found: 4 } };
    assert_eq!(bad(edited("DELETE FROM events WHERE seq = 3")), missing);
    for change in [
        "UPDATE readings SET temperature = -1900 WHERE seq = 4",
        "DELETE FROM readings WHERE seq = 7",
        "UPDATE readings SET rule_ms = rule_ms - 1 WHERE seq = 1",
        "UPDATE readings SET point = 77 WHERE seq = 5",
        "UPDATE readings SET door = 9 WHERE seq = 2",
    ] {
        assert!(matches!(bad(edited(change)), Bad::Readings { first: 1, last: 7, .. }), "{change}");
    }
    assert!(edited("UPDATE snapshots SET frontier_ms = 0").is_ok(), "snapshots are no part of the record");
}

#[test]
fn a_disk_that_cannot_be_written_never_stops_an_alarm_and_everything_is_written_later() {
    let mut world = World::new();
    world.freezer_for(2, -1400);
    let blocker = world.sql();
    blocker.execute_batch("BEGIN IMMEDIATE").unwrap();
    world.pass(5 * MINUTE);
    world.tick();
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    assert_eq!(world.desired().loudest(), Level::Alarm);
    assert!(world.desired().storage_fault.is_some(), "the disk's fault is an alarm of its own");
    assert_eq!(world.count_of("alert.raised/1"), 0);
    blocker.execute_batch("ROLLBACK").unwrap();
    world.run(6 * SECOND);
    assert!(world.desired().storage_fault.is_none());
    assert_eq!(world.count_of("alert.raised/1"), 1);
    assert!(world.verifies().is_ok());
}

#[test]
fn a_damaged_journal_is_set_aside_and_the_new_epoch_says_so() {
    let mut world = World::new();
    world.freezer_for(7, -1400);
    world.stopped();
    std::fs::write(world.journal(), b"this is not a database, whatever it was before it was written over")
        .unwrap();
    world.start();
    let kept = world.folder.path().join("journal.db.damaged-1");
    assert!(kept.exists(), "nothing is ever deleted");
    assert_eq!(world.events()[0].envelope.kind, "epoch.started/1");
    assert_eq!(world.count_of("storage.damaged/1"), 1);
    world.freezer_for(7, -1400);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    assert!(world.verifies().is_ok());
}

#[test]
fn a_journal_of_another_hub_is_refused() {
    let mut world = World::new();
    world.stopped();
    std::fs::remove_file(world.folder.path().join("identity.json")).unwrap();
    let mut identity = frostguard_edge::identity::Identity::open(world.folder.path(), world.clock).unwrap();
    let site =
        frostguard_edge::site::Site::load(&world.folder.path().join("site.toml"), &mut identity, world.clock)
            .unwrap();
    let started = frostguard_edge::watch::Watch::start(
        world.folder.path(),
        site.into(),
        identity,
        "b",
        frostguard_shared::time::DurationMs::seconds(5),
        world.clock,
    );
    assert!(started.is_err());
}

#[test]
fn a_door_is_recorded_when_it_moves() {
    let mut world = World::new();
    for hex in ["401100", "401101", "401101", "401100"] {
        world.advert(hex);
        world.run(SECOND);
    }
    assert_eq!(world.count_of("door.changed/1"), 3);
}

/// Makes every transaction with an event in it fail, as a full disk would.
const FULL_DISK: &str = "CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'full'); END";

#[test]
fn a_late_value_over_a_failing_disk_forgets_nothing_that_is_only_in_memory() {
    let mut world = World::new();
    world.freezer_for(2, -1400);
    world.sql().execute_batch(FULL_DISK).unwrap();
    world.freezer_for(5, -1400);
    assert_eq!(world.desired().loudest(), Level::Alarm);
    let earlier = frostguard_shared::time::WallMs(world.clock.wall.0 - 10 * MINUTE);
    world.fridge(frostguard_shared::axis::Measured::At(earlier), 400);
    world.run(10 * SECOND);
    assert_eq!(world.desired().loudest(), Level::Alarm);
    assert!(
        world
            .desired()
            .news
            .iter()
            .all(|news| news.happened == frostguard_edge::annunciators::Happened::Raised)
    );
    world.sql().execute_batch("DROP TRIGGER full").unwrap();
    world.run(10 * SECOND);
    assert_eq!(world.count_of("alert.raised/1"), 1);
    assert_eq!(world.count_of("alert.cleared/1"), 0);
    assert!(world.verifies().is_ok());
}

#[test]
fn numbers_of_points_are_given_only_by_a_transaction_that_succeeds() {
    let mut world = World::new();
    world.sql().execute_batch(FULL_DISK).unwrap();
    world.freezer(-1400);
    world.run(6 * SECOND);
    world.sql().execute_batch("DROP TRIGGER full").unwrap();
    world.fridge(frostguard_shared::axis::Measured::Now, 400);
    world.run(12 * SECOND);
    let joined: i64 = world
        .sql()
        .query_row("SELECT count(*) FROM readings r JOIN points p ON p.n = r.point", [], |row| row.get(0))
        .unwrap();
    assert_eq!((joined, world.readings().len()), (2, 2));
    world.stopped();
    assert!(world.verifies().is_ok());
}

#[test]
fn a_second_batch_of_late_values_does_not_forget_the_first() {
    let mut world = World::new();
    for _ in 0..60 {
        world.run(MINUTE);
        world.fridge(frostguard_shared::axis::Measured::Now, 400);
        world.freezer(-1800);
    }
    let now = world.clock.wall.0;
    let warm: Vec<(i64, i16)> = (0..40).map(|n| (now - 55 * MINUTE + n * 50 * SECOND, 1_500)).collect();
    for entries in warm.chunks(20) {
        world.fridge_log(entries);
    }
    world.run(5 * SECOND);
    let raised = world.count_of("alert.raised/1");
    assert_eq!(raised, 1, "late values show an excursion");
    world.fridge_log(&[(now - 10 * MINUTE + 7_000, 410)]);
    world.run(5 * SECOND);
    assert_eq!(world.count_of("alert.raised/1"), raised);
    let alarms = world.view().alarms.len();
    world.killed();
    world.start();
    assert_eq!(world.view().alarms.len(), alarms);
}

#[test]
fn after_a_power_cut_the_axis_never_restarts_before_what_was_folded() {
    let mut world = World::new();
    world.freezer(-1800);
    world.run(16 * MINUTE);
    world.killed();
    world.change_site("temp_max_c = -15.0", "temp_max_c = -10.0");
    world.reboot("boot-2", 4_000, frostguard_shared::time::Trust::Untrusted);
    world.freezer_for(7, -1400);
    assert_eq!(world.status("freezer"), UnitStatus::Ok, "the new limit is in force");
    assert_eq!(world.counter("late.beyond_history"), 0);
}

#[test]
fn a_disk_that_takes_no_file_stops_nothing() {
    let mut world = World::new();
    std::fs::create_dir(world.folder.path().join("identity.json.new")).unwrap();
    world.freezer_for(20, -1400);
    assert_eq!(world.desired().loudest(), Level::Alarm);
    assert!(world.counter("identity.not_saved") >= 1);
}
