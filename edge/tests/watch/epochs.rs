//! New epochs: the record begins again, and no alarm is lost, repeated or delayed anew.

use crate::cloud::Cloud;
use crate::synced::{Synced, agree};
use crate::world::{SECOND, World};
use frostguard_edge::annunciators::{Desired, Happened, Report};
use frostguard_shared::event::{Event, Fact};
use frostguard_shared::rules::UnitStatus;
use frostguard_shared::wire::login::Standing;
use std::path::Path;

/// A freezer that has been too warm for long enough, and an output that was told so.
fn alarming() -> World {
    let mut world = World::new();
    world.freezer_for(3, -1800);
    world.freezer_for(7, -1400);
    told(&mut world);
    world.run(6 * SECOND);
    world
}

/// The output reports that it has told everything.
fn told(world: &mut World) {
    let Some(seq) = world.desired().news.back().map(|news| news.seq) else { return };
    let (now, report) = (world.clock, Report::Told { output: "log".into(), seq });
    world.watch().report(report, now).unwrap();
}

/// What the output has not been told yet, as it would find out after a start.
fn untold(desired: &Desired) -> Vec<Happened> {
    let told = desired.told.get("log").copied().unwrap_or(0);
    desired.news.iter().filter(|news| news.seq > told).map(|news| news.happened).collect()
}

fn events_of(path: &Path) -> Vec<Event> {
    let sql = rusqlite::Connection::open(path).unwrap();
    let mut select = sql.prepare("SELECT bytes FROM events ORDER BY seq").unwrap();
    let rows = select.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
    rows.map(|bytes| Event::from_bytes(&bytes.unwrap()).unwrap()).collect()
}

/// The alarm goes on as the alert that it was, and the new epoch says what was before it.
#[track_caller]
fn goes_on(world: &World, before: &Desired, kept: &str) {
    let old = events_of(&world.folder.path().join(kept));
    let last = &old.last().unwrap().envelope;
    let facts = world.facts();
    let Fact::EpochStarted { old: Some(named), .. } = &facts[0] else { panic!("{:?}", facts[0]) };
    assert_eq!(named.epoch, last.epoch);
    assert!(named.seq >= last.seq);
    assert!(matches!(facts[1], Fact::HubStarted { .. }), "{:?}", facts[1]);
    assert_eq!(world.count_of("config.applied/1"), 1);
    assert_eq!(world.count_of("device.assigned/1"), 3);
    assert_eq!(world.count_of("alert.raised/1"), 0);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    assert_eq!(world.desired().alarms, before.alarms);
    assert!(world.verifies().is_ok());
}

/// When it ends, it ends as that alert and is told once.
#[track_caller]
fn ends(world: &mut World, before: &Desired) {
    told(world);
    world.freezer_for(3, -1800);
    assert_eq!(world.count_of("alert.cleared/1"), 1);
    let events = world.events();
    let cleared = events.iter().find(|event| event.envelope.kind == "alert.cleared/1").unwrap();
    assert_eq!(cleared.envelope.subject.alert, Some(before.alarms[0].alert));
    let news: Vec<Happened> = world.desired().news.iter().map(|news| news.happened).collect();
    assert_eq!(news.iter().filter(|happened| **happened == Happened::Cleared).count(), 1);
}

#[test]
fn a_running_hub_that_the_cloud_knows_otherwise_begins_anew_with_its_open_alarm() {
    for standing in [Standing::Behind, Standing::Beside] {
        let cloud = Cloud::new();
        let mut world = alarming();
        let (before, old) = (world.desired(), world.watch().heads().epoch);
        cloud.look(|memory| memory.standing = Some(standing));
        let mut synced = Synced::with(world, &cloud);
        synced.until("a new epoch", |synced| synced.world.watch().heads().epoch != old);
        synced.until_live();
        agree(&synced.world, &cloud);
        goes_on(&synced.world, &before, "journal.db.ended-1");
        assert!(
            cloud.look(|memory| memory.epochs[&old].events.is_empty()),
            "nothing of the old one was sent"
        );
        let mut world = synced.cut();
        ends(&mut world, &before);
        world.killed();
        world.start();
        assert_eq!(untold(&world.desired()), [Happened::Cleared], "numbers of news go on over epochs");
        assert!(world.verifies().is_ok());
    }
}

#[test]
fn a_delay_that_runs_goes_on_over_a_new_epoch() {
    let mut world = World::new();
    world.freezer_for(3, -1800);
    world.freezer_for(4, -1400);
    let now = world.clock;
    let why = frostguard_edge::store::journal::Anew::CloudDiffers;
    world.watch().begin_anew(why, now).unwrap().unwrap();
    assert_eq!(world.status("freezer"), UnitStatus::Excursion);
    world.freezer_for(2, -1400);
    world.run(2 * SECOND);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive, "five minutes are over, not begun again");
    world.stopped();
    assert!(world.verifies().is_ok());
}

#[test]
fn a_journal_put_back_to_an_earlier_state_begins_anew_and_names_the_head_that_was() {
    let mut world = alarming();
    world.stopped();
    let copy = world.folder.path().join("copy.db");
    world.sql().execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    world.start();
    world.freezer_for(20, -1400);
    world.stopped();
    let head = world.events().last().unwrap().envelope.seq;
    let before = world.desired_after_start();
    world.killed();
    let clean = |name: &str| std::fs::remove_file(world.folder.path().join(name)).unwrap_or_default();
    clean("journal.db-wal");
    clean("journal.db-shm");
    std::fs::rename(&copy, world.journal()).unwrap();
    world.start();
    goes_on(&world, &before, "journal.db.ended-1");
    let Fact::EpochStarted { old: Some(old), .. } = &world.facts()[0] else { panic!() };
    assert!(old.seq >= head, "{} {head}", old.seq);
    let epoch = world.watch().heads().epoch;
    world.killed();
    world.start();
    assert_eq!(world.watch().heads().epoch, epoch, "it begins anew once");
    ends(&mut world, &before);
}

#[test]
fn a_damaged_journal_whose_last_snapshot_can_be_read_hands_its_alarms_on() {
    let mut world = alarming();
    let before = world.desired();
    world.stopped();
    let sql = world.sql();
    sql.execute("UPDATE events SET bytes = x'00' WHERE seq = (SELECT max(seq) FROM events)", []).unwrap();
    drop(sql);
    world.start();
    assert_eq!(world.count_of("storage.damaged/1"), 1);
    assert_eq!(world.count_of("alert.raised/1"), 0);
    assert_eq!(world.status("freezer"), UnitStatus::AlarmActive);
    assert_eq!(world.desired().alarms, before.alarms);
    ends(&mut world, &before);
}

#[test]
fn a_power_cut_while_an_epoch_begins_loses_no_alarm() {
    let mut world = alarming();
    let before = world.desired();
    world.stopped();
    // The old file is set aside, and the new one holds nothing yet.
    std::fs::rename(world.journal(), world.folder.path().join("journal.db.ended-1")).unwrap();
    std::fs::write(world.journal(), b"").unwrap();
    world.start();
    goes_on(&world, &before, "journal.db.ended-1");
    ends(&mut world, &before);
}

#[test]
fn an_epoch_that_cannot_begin_leaves_the_old_one_going_on() {
    let mut world = alarming();
    let (before, old) = (world.desired(), world.watch().heads().epoch);
    // The new file cannot be made: something stands in the way of its side files.
    let now = world.clock;
    world
        .sql()
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON events BEGIN SELECT RAISE(FAIL, 'full'); END")
        .unwrap();
    let why = frostguard_edge::store::journal::Anew::CloudDiffers;
    assert!(world.watch().begin_anew(why, now).unwrap().is_err(), "what is not durable would be lost");
    assert_eq!(world.watch().heads().epoch, old);
    world.sql().execute_batch("DROP TRIGGER full").unwrap();
    world.freezer_for(2, -1400);
    assert_eq!(world.desired().alarms, before.alarms);
    assert!(world.verifies().is_ok());
}
