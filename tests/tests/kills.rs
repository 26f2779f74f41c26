//! Owns the proof that nothing is lost, doubled or out of order, however hub, cloud, Postgres and their link fail.
//! Takes `FROSTGUARD_KILLS` (how many deaths, and as many cut links) and `FROSTGUARD_SEED`; gives a pass or the seed.
//! Must never let a world recover between two blows on purpose, nor accept a place that was not reached.
#![expect(
    clippy::print_stdout,
    reason = "the seed and each blow are printed, so that a failure can be played again"
)]
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_tests::chance::Chance;
use frostguard_tests::clock::now;
use frostguard_tests::cloud::database::Database;
use frostguard_tests::havoc::{Havoc, blows};
use frostguard_tests::oracle::expected::{EVENTS, READINGS};
use frostguard_tests::oracle::journal::Journal;
use frostguard_tests::oracle::{Known, compare, wrong};
use frostguard_tests::site::simulation::SentValue;

const KILLS: usize = 6;

fn kills() -> usize {
    std::env::var("FROSTGUARD_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(KILLS)
}

#[test]
fn a_record_survives_every_death_and_every_cut_link_whole_and_once() {
    let mut chance = Chance::from_environment();
    let seed = chance.seed();
    println!("FROSTGUARD_SEED={seed}");
    let folder = tempfile::tempdir().unwrap();
    let mut havoc = Havoc::begin(folder.path(), seed).unwrap();
    let blows = blows(&mut chance, kills());
    for (n, blow) in blows.iter().enumerate() {
        let begun = now();
        if let Err(error) = havoc.strike(blow) {
            panic!("seed {seed}, {blow:?}: {error}\n{}", havoc.last_words());
        }
        println!("{}: {blow:?} after {:.1?}", n + 1, begun.elapsed());
        let begun = now();
        match havoc.cut(&mut chance) {
            Ok(cut) => println!("{}: {cut:?} after {:.1?}", n + 1, begun.elapsed()),
            Err(error) => panic!("seed {seed}, after {blow:?}: {error}\n{}", havoc.last_words()),
        }
    }
    let (journal, sent) = match havoc.settle() {
        Ok(settled) => settled,
        Err(error) => panic!("seed {seed}: {error}\n{}", havoc.last_words()),
    };
    println!("{} events, {} readings of {} frames", journal.events.len(), journal.readings.len(), sent.len());
    let known = Known { sent: &sent, set_aside: &[] };
    let checks = compare(&journal, &havoc.far.database, known).unwrap();
    assert_eq!(wrong(&checks), Vec::<String>::new(), "seed {seed}");
    the_oracle_sees_each_kind_of_loss(&journal, &sent, &havoc.far.database);
    havoc.clear_away().unwrap();
}

/// An oracle that calls everything good proves nothing: each of these must turn its own check red.
fn the_oracle_sees_each_kind_of_loss(journal: &Journal, sent: &[SentValue], database: &Database) {
    let stream = |number: u8| format!("(SELECT id FROM hub_streams WHERE stream = {number} AND branch = 0)");
    let (events, readings) = (stream(EVENTS), stream(READINGS));
    for (spoil, undo, check) in [
        (
            format!("CREATE TABLE kept AS SELECT * FROM hub_events WHERE stream_id = {events} AND seq = 3; DELETE FROM hub_events WHERE stream_id = {events} AND seq = 3"),
            "INSERT INTO hub_events SELECT * FROM kept; DROP TABLE kept".to_owned(),
            "events in Postgres, byte for byte",
        ),
        (
            format!("INSERT INTO sensor_readings SELECT * FROM sensor_readings WHERE stream_id = {readings} AND seq = 2"),
            "DELETE FROM sensor_readings a USING sensor_readings b WHERE a.stream_id = b.stream_id AND a.seq = b.seq AND a.ctid > b.ctid".to_owned(),
            "readings in Postgres, field for field",
        ),
        (
            format!("UPDATE sensor_readings SET humidity = humidity + 0.01 WHERE stream_id = {readings} AND seq = 1"),
            format!("UPDATE sensor_readings SET humidity = humidity - 0.01 WHERE stream_id = {readings} AND seq = 1"),
            "readings in Postgres, field for field",
        ),
        (
            "UPDATE reading_metrics SET reading_count = reading_count + 1".to_owned(),
            "UPDATE reading_metrics SET reading_count = reading_count - 1".to_owned(),
            "hours rolled up",
        ),
        (
            format!("UPDATE hub_streams SET last_seq = last_seq - 1 WHERE id = {readings}"),
            format!("UPDATE hub_streams SET last_seq = last_seq + 1 WHERE id = {readings}"),
            "cursors",
        ),
        (
            "UPDATE alerts SET triggered_at = triggered_at + interval '1 ms'".to_owned(),
            "UPDATE alerts SET triggered_at = triggered_at - interval '1 ms'".to_owned(),
            "alerts",
        ),
    ] {
        database.psql(&spoil).unwrap();
        let known = Known { sent, set_aside: &[] };
        let red: Vec<String> =
            compare(journal, database, known).unwrap().into_iter().filter(|c| !c.ok).map(|c| c.name).collect();
        assert!(red.iter().any(|name| name == check), "{spoil}: {red:?}");
        database.psql(&undo).unwrap();
        let checks = compare(journal, database, known).unwrap();
        assert_eq!(wrong(&checks), Vec::<String>::new(), "after {undo}");
    }
}
