//! Owns what is promised of taking a hub's record: exactly once, in order, nothing lost, nothing wedged.
//! Takes a cloud on a real Postgres, once directly and once through a real PgBouncer; gives a pass or the difference.
//! Must never look for what the cloud should have written anywhere but in the database.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_shared::chain::Hash;
use frostguard_shared::event::{Actor, ActorKind, Fact, OldEpoch, Subject};
use frostguard_shared::ids::AlertId;
use frostguard_shared::reading::Door;
use frostguard_shared::rules::{Provenance, Severity, Why};
use frostguard_shared::time::{RuleMs, WallMs};
use frostguard_shared::wire::live::{self, Live};
use frostguard_shared::wire::record::{EventItem, Gap, Missing};
use frostguard_shared::wire::{Head, PACKED_MAX, Reason, path, to_bytes};
use frostguard_tests::cloud::ingest_world::{Answer, BEGAN_MS, IngestWorld};
use frostguard_tests::cloud::pgbouncer::{PgBouncer, Pooling};
use frostguard_tests::cloud::recorder::Recorder;
use frostguard_tests::cloud::shared;

/// Each promise is kept over a direct connection and through a pooler in transaction mode alike.
macro_rules! promises {
    ($($promise:ident),* $(,)?) => {
        mod directly {
            $( #[test] fn $promise() { super::$promise(&super::direct()); } )*
        }
        mod through_pgbouncer {
            $( #[test] fn $promise() { let (_pooler, world) = super::pooled(); super::$promise(&world); } )*
        }
    };
}

promises! {
    a_record_arrives_once_whole_and_in_order_however_often_it_is_sent,
    a_batch_that_overlaps_what_is_held_adds_only_what_is_new,
    readings_wait_for_the_events_that_they_were_made_under_and_nothing_may_be_skipped,
    a_seal_that_comes_after_its_readings_is_compared_all_the_same,
    a_reading_that_is_not_the_sealed_one_is_an_alarm_and_not_in_the_way,
    a_fork_is_kept_as_a_branch_with_an_alarm_and_both_branches_go_on,
    a_broken_link_is_refused_once_and_for_all_and_is_an_alarm,
    a_checkpoint_that_does_not_fit_is_an_alarm_and_the_events_are_kept,
    rows_that_cannot_be_used_are_set_aside_one_by_one_and_the_rest_is_taken,
    a_told_gap_counts_for_the_cursor_and_its_seal_is_never_called_good,
    an_event_that_is_none_or_names_what_is_not_ours_is_kept_and_noticed_and_the_chain_goes_on,
    an_alert_has_its_true_times_and_is_done_when_it_is_both_cleared_and_acknowledged,
    the_word_for_an_alert_follows_from_its_four_facts,
    a_log_by_hand_is_a_row_with_its_person_and_the_time_at_which_it_was_read,
    hours_and_the_latest_are_those_of_the_readings,
    what_is_no_batch_of_this_hub_is_refused_by_its_reason_and_changes_nothing,
    a_gap_told_again_longer_leaves_no_number_unaccounted_for,
    what_was_recorded_before_the_clock_was_corrected_is_dated_by_the_correction,
    facts_that_no_table_can_hold_are_undone_and_noticed_and_the_record_goes_on,
    a_journal_that_follows_one_whose_end_never_came_is_an_alarm,
    what_named_an_unknown_unit_counts_once_the_site_is_told,
    the_latest_live_word_wins_and_touches_only_units_that_are_ours,
}

fn direct() -> IngestWorld {
    let database = shared::cluster().unwrap().database().unwrap();
    let url = database.url();
    IngestWorld::start(database, &url).unwrap()
}

/// Two connections of the server for eight of the cloud: what a pooler mixes up shows.
fn pooled() -> (PgBouncer, IngestWorld) {
    let cluster = shared::cluster().unwrap();
    let database = cluster.database().unwrap();
    let folder = cluster.folder().parent().unwrap().join(format!("pooler-{}", database.name()));
    let pooler = PgBouncer::start(&folder, cluster.port(), Pooling::Transaction, 2).unwrap();
    let url = database.url_at(pooler.port());
    (pooler, IngestWorld::start(database, &url).unwrap())
}

/// Sends all events and then all readings, each in batches of so many.
fn send_all(world: &IngestWorld, recorder: &Recorder, each: u64) {
    for first in (1..=recorder.events()).step_by(each as usize) {
        let last = recorder.events().min(first + each - 1);
        let answer = world.send(&world.ours, path::EVENTS, &recorder.events_batch(first, last)).unwrap();
        assert!(answer.seq() >= Some(last), "{answer:?}");
    }
    for first in (1..=recorder.readings()).step_by(each as usize) {
        let last = recorder.readings().min(first + each - 1);
        let answer = world.send(&world.ours, path::READINGS, &recorder.readings_batch(first, last)).unwrap();
        assert!(answer.seq() >= Some(last), "{answer:?}");
    }
}

fn filled(world: &IngestWorld, readings: u64) -> Recorder {
    let mut recorder = world.ours.recorder();
    for n in 0..readings {
        recorder.read(&world.ours.probes[(n % 2) as usize], -1800 + n as i32);
    }
    recorder.seal();
    recorder
}

const COUNTS: &str = "SELECT (SELECT count(*) FROM hub_events), (SELECT count(*) FROM sensor_readings),
    (SELECT count(*) FROM readings_quarantine), (SELECT sum(reading_count) FROM reading_metrics),
    (SELECT count(*) FROM event_logs), (SELECT count(*) FROM point_assignments), (SELECT count(*) FROM hub_checkpoints)";

fn a_record_arrives_once_whole_and_in_order_however_often_it_is_sent(world: &IngestWorld) {
    let recorder = filled(world, 2_500);
    send_all(world, &recorder, 700);
    let once = world.ask(COUNTS).unwrap();
    assert!(once.starts_with(&format!("{}|2500|0|2500|", recorder.events())), "{once}");
    // Again whole, again in other pieces, and a piece that reaches beyond what is held.
    send_all(world, &recorder, 700);
    send_all(world, &recorder, 333);
    assert_eq!(world.ask(COUNTS).unwrap(), once);
    let seqs = "SELECT count(*), count(DISTINCT seq), min(seq), max(seq) FROM sensor_readings";
    assert_eq!(world.ask(seqs).unwrap(), "2500|2500|1|2500");
    let bytes = world.ask("SELECT encode(bytes, 'escape') FROM hub_events WHERE seq = 3").unwrap();
    assert_eq!(bytes.as_bytes(), recorder.event_bytes(3));
    assert_eq!(world.ask("SELECT count(*) FROM reading_seals WHERE matched").unwrap(), "3");
    assert_eq!(world.ask("SELECT count(*) FROM reading_leaves").unwrap(), "0");
    let last = "SELECT stream, last_seq FROM hub_streams ORDER BY stream";
    assert_eq!(world.ask(last).unwrap(), format!("1|2500\n2|{}", recorder.events()));
}

fn a_batch_that_overlaps_what_is_held_adds_only_what_is_new(world: &IngestWorld) {
    let recorder = filled(world, 100);
    let events = recorder.events();
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, 3)).unwrap();
    let answer = world.send(&world.ours, path::EVENTS, &recorder.events_batch(2, events)).unwrap();
    assert_eq!(answer.seq(), Some(events));
    world.send(&world.ours, path::READINGS, &recorder.readings_batch(1, 60)).unwrap();
    let answer = world.send(&world.ours, path::READINGS, &recorder.readings_batch(41, 100)).unwrap();
    assert_eq!(answer.seq(), Some(100));
    assert_eq!(world.ask("SELECT count(*), count(DISTINCT seq) FROM sensor_readings").unwrap(), "100|100");
    assert_eq!(world.ask("SELECT sum(reading_count) FROM reading_metrics").unwrap(), "100");
}

fn readings_wait_for_the_events_that_they_were_made_under_and_nothing_may_be_skipped(world: &IngestWorld) {
    let recorder = filled(world, 10);
    let answer = world.send(&world.ours, path::READINGS, &recorder.readings_batch(1, 10)).unwrap();
    assert_eq!(answer.refusal(), Some((409, Reason::EventsFirst)));
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, 2)).unwrap();
    let answer = world.send(&world.ours, path::EVENTS, &recorder.events_batch(4, 5)).unwrap();
    let Answer::Refused(409, problem) = answer else { panic!("{answer:?}") };
    assert_eq!(problem.reason, Reason::Ahead);
    assert_eq!(problem.held, Some(Head { seq: 2, hash: Some(recorder.hash_at(2)) }));
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(3, recorder.events())).unwrap();
    let answer = world.send(&world.ours, path::READINGS, &recorder.readings_batch(5, 10)).unwrap();
    let Answer::Refused(409, problem) = answer else { panic!("{answer:?}") };
    assert_eq!((problem.reason, problem.held), (Reason::Ahead, Some(Head { seq: 0, hash: None })));
    assert_eq!(world.ask("SELECT count(*) FROM sensor_readings").unwrap(), "0");
}

fn a_seal_that_comes_after_its_readings_is_compared_all_the_same(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    let before = recorder.events();
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, before)).unwrap();
    for n in 0..30 {
        recorder.read(&world.ours.probes[0], n);
    }
    world.send(&world.ours, path::READINGS, &recorder.readings_batch(1, 30)).unwrap();
    assert_eq!(world.ask("SELECT sum(length(leaves)) FROM reading_leaves").unwrap(), "960");
    recorder.seal();
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(before + 1, before + 1)).unwrap();
    assert_eq!(world.ask("SELECT matched FROM reading_seals").unwrap(), "t");
    assert_eq!(world.ask("SELECT count(*) FROM reading_leaves").unwrap(), "0");
}

fn a_reading_that_is_not_the_sealed_one_is_an_alarm_and_not_in_the_way(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    for n in 0..20 {
        recorder.read(&world.ours.probes[0], n);
    }
    recorder.seal();
    let mut other = recorder.readings_batch(1, 20);
    let mut rows = other.rows.to_vec();
    rows[5 * 80 + 64] ^= 1;
    other.rows = rows.into();
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, recorder.events())).unwrap();
    let answer = world.send(&world.ours, path::READINGS, &other).unwrap();
    assert_eq!(answer.seq(), Some(20));
    assert_eq!(world.ask("SELECT matched FROM reading_seals").unwrap(), "f");
    let noticed = "SELECT event_type, severity FROM event_logs WHERE category = 'integrity'";
    assert_eq!(world.ask(noticed).unwrap(), "record.seal_bad|critical");
}

fn a_fork_is_kept_as_a_branch_with_an_alarm_and_both_branches_go_on(world: &IngestWorld) {
    let mut one = filled(world, 10);
    let mut copy = one.restored(4, 10);
    let alert = AlertId::from_bytes([0xA1; 16]);
    one.event(Fact::ClockUntrusted, Subject::default());
    copy.raise(&world.ours.probes[0], alert);
    world.send(&world.ours, path::EVENTS, &one.events_batch(1, one.events())).unwrap();
    let answer = world.send(&world.ours, path::EVENTS, &copy.events_batch(3, copy.events())).unwrap();
    assert_eq!(answer.seq(), Some(copy.events()), "{answer:?}");
    let branches =
        "SELECT branch, parent, fork_seq, last_seq FROM hub_streams WHERE stream = 2 ORDER BY branch";
    assert_eq!(world.ask(branches).unwrap(), format!("0|||{}\n1|0|5|{}", one.events(), copy.events()));
    assert_eq!(world.ask("SELECT count(*) FROM event_logs WHERE event_type = 'record.fork'").unwrap(), "1");
    // An alarm on the branch is an alarm.
    assert_eq!(world.ask("SELECT count(*) FROM alerts").unwrap(), "1");
    one.event(Fact::ClockUntrusted, Subject::default());
    copy.event(Fact::ClockUntrusted, Subject::default());
    let last = |recorder: &Recorder| recorder.events_batch(recorder.events(), recorder.events());
    assert_eq!(world.send(&world.ours, path::EVENTS, &last(&one)).unwrap().seq(), Some(one.events()));
    assert_eq!(world.send(&world.ours, path::EVENTS, &last(&copy)).unwrap().seq(), Some(copy.events()));
    assert_eq!(world.ask("SELECT count(*) FROM hub_streams WHERE stream = 2").unwrap(), "2");
    // The tree of each branch is its own: the checkpoints of both fit.
    let bad = "SELECT count(*) FROM event_logs WHERE event_type = 'record.checkpoint_bad'";
    assert_eq!(world.ask(bad).unwrap(), "0");
}

fn a_broken_link_is_refused_once_and_for_all_and_is_an_alarm(world: &IngestWorld) {
    let recorder = filled(world, 10);
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, 4)).unwrap();
    let mut wrong = recorder.events_batch(5, 5);
    wrong.previous = Hash([7; 32]);
    for _ in 0..2 {
        let answer = world.send(&world.ours, path::EVENTS, &wrong).unwrap();
        assert_eq!(answer.refusal(), Some((409, Reason::BrokenLink)));
    }
    let noticed = "SELECT count(*) FROM event_logs WHERE event_type = 'record.broken_link'";
    assert_eq!(world.ask(noticed).unwrap(), "1");
    // The cursor is where it was: the right batch is taken.
    let answer = world.send(&world.ours, path::EVENTS, &recorder.events_batch(5, 5)).unwrap();
    assert_eq!(answer.seq(), Some(5));
}

fn a_checkpoint_that_does_not_fit_is_an_alarm_and_the_events_are_kept(world: &IngestWorld) {
    let recorder = filled(world, 0);
    let mut batch = recorder.events_batch(1, 4);
    batch.checkpoint = recorder.checkpoint(3);
    assert_eq!(world.send(&world.ours, path::EVENTS, &batch).unwrap().seq(), Some(4));
    let noticed = "SELECT severity FROM event_logs WHERE event_type = 'record.checkpoint_bad'";
    assert_eq!(world.ask(noticed).unwrap(), "critical");
    assert_eq!(world.ask("SELECT count(*) FROM hub_checkpoints").unwrap(), "0");
}

fn rows_that_cannot_be_used_are_set_aside_one_by_one_and_the_rest_is_taken(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    let [probe, _] = world.ours.probes;
    recorder.read(&probe, -1800);
    recorder.read_at(&probe, -1800, 4_294_967_296_000);
    recorder.read_at(&world.theirs.probes[0], 0, BEGAN_MS + 9_000);
    recorder.read_at(&probe, 0, 1_000);
    let mut garbled = *recorder.reading(1);
    garbled[0] = 77;
    recorder.raw_reading(garbled);
    recorder.raw_reading(*recorder.reading(1));
    recorder.read(&probe, -1700);
    recorder.seal();
    send_all(world, &recorder, 4_096);
    let aside = world.ask("SELECT seq, reason FROM readings_quarantine ORDER BY seq").unwrap();
    assert_eq!(aside, "2|out_of_range\n3|unknown_point\n4|unassigned\n5|unreadable\n6|misnumbered");
    assert_eq!(
        world.ask("SELECT string_agg(seq::text, ',' ORDER BY seq) FROM sensor_readings").unwrap(),
        "1,7"
    );
    assert_eq!(world.ask("SELECT last_seq FROM hub_streams WHERE stream = 1").unwrap(), "7");
    // Set aside or not, the bytes are those that were sealed.
    assert_eq!(world.ask("SELECT matched FROM reading_seals").unwrap(), "t");
    let noticed = "SELECT event_data ->> 'count' FROM event_logs WHERE event_type = 'record.quarantined'";
    assert_eq!(world.ask(noticed).unwrap(), "5");
}

fn a_told_gap_counts_for_the_cursor_and_its_seal_is_never_called_good(world: &IngestWorld) {
    let recorder = filled(world, 20);
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, recorder.events())).unwrap();
    let mut batch = recorder.readings_batch(1, 20);
    batch.rows = [&batch.rows[..5 * 80], &batch.rows[8 * 80..]].concat().into();
    batch.gaps = vec![Gap { first: 6, last: 8, cause: Missing::Damage }];
    assert_eq!(world.send(&world.ours, path::READINGS, &batch).unwrap().seq(), Some(20));
    assert_eq!(world.ask("SELECT count(*) FROM sensor_readings").unwrap(), "17");
    assert_eq!(world.ask("SELECT first_seq, last_seq, cause FROM reading_gaps").unwrap(), "6|8|damage");
    assert_eq!(world.ask("SELECT count(*) FROM reading_seals WHERE matched IS NULL").unwrap(), "1");
    assert_eq!(world.ask("SELECT count(*) FROM reading_leaves").unwrap(), "0");
}

fn an_event_that_is_none_or_names_what_is_not_ours_is_kept_and_noticed_and_the_chain_goes_on(
    world: &IngestWorld,
) {
    let mut recorder = world.ours.recorder();
    recorder.raw_event(b"{\"not\":\"an event\"}".to_vec());
    recorder.raw_event(vec![0xFF, 0x00, 0x13]);
    recorder.raw_event(recorder.event_bytes(1).to_vec());
    recorder.assign(&world.theirs.probes[0]);
    recorder.raise(&world.theirs.probes[0], AlertId::from_bytes([0xB1; 16]));
    let subject = Subject { unit: Some(world.ours.probes[0].unit), ..Subject::default() };
    recorder.event(Fact::DoorChanged { door: Door::Open }, subject);
    send_all(world, &recorder, 4_096);
    assert_eq!(world.ask("SELECT count(*) FROM hub_events").unwrap(), recorder.events().to_string());
    let noticed = "SELECT event_type, event_data ->> 'count' FROM event_logs WHERE category = 'integrity' ORDER BY event_type";
    assert_eq!(world.ask(noticed).unwrap(), "record.event_unreadable|3\nrecord.fact_unused|2");
    assert_eq!(world.ask("SELECT count(*) FROM alerts").unwrap(), "0");
    assert_eq!(world.ask("SELECT state FROM door_events").unwrap(), "open");
    let stolen =
        format!("SELECT count(*) FROM point_assignments WHERE unit_id = '{}'", world.theirs.probes[0].unit);
    assert_eq!(world.ask(&stolen).unwrap(), "0");
}

fn an_alert_has_its_true_times_and_is_done_when_it_is_both_cleared_and_acknowledged(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    let probe = world.ours.probes[0];
    let alert = AlertId::from_bytes([0xC1; 16]);
    recorder.now_ms = BEGAN_MS + 60_000;
    let (_, episode) = recorder.raise(&probe, alert);
    recorder.now_ms = BEGAN_MS + 120_000 - 1;
    recorder.acknowledge(&probe, alert, episode, world.ours.person);
    send_all(world, &recorder, 4_096);
    let row = "SELECT status, severity, (extract(epoch FROM triggered_at) * 1000)::bigint,
        (extract(epoch FROM acknowledged_at) * 1000)::bigint, acknowledged_by, threshold_violated FROM alerts";
    let expected = format!(
        "acknowledged|critical|{}|{}|{}|max",
        BEGAN_MS + 60_000,
        BEGAN_MS + 120_000,
        world.ours.person
    );
    assert_eq!(world.ask(row).unwrap(), expected);
    recorder.clear(&probe, alert, episode);
    let last = recorder.events_batch(recorder.events(), recorder.events());
    world.send(&world.ours, path::EVENTS, &last).unwrap();
    assert_eq!(world.ask("SELECT status, resolved_at IS NOT NULL FROM alerts").unwrap(), "resolved|t");
}

fn the_word_for_an_alert_follows_from_its_four_facts(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    let (probe, alert) = (world.ours.probes[0], AlertId::from_bytes([0xC2; 16]));
    let (_, episode) = recorder.raise(&probe, alert);
    let subject = Subject {
        unit: Some(probe.unit),
        point: Some(probe.point),
        alert: Some(alert),
        ..Subject::default()
    };
    let actor = Actor { kind: ActorKind::Person, id: Some(world.ours.person) };
    let since_ms = RuleMs(recorder.now_ms);
    let stands = |recorder: &Recorder| {
        let last = recorder.events();
        world.send(&world.ours, path::EVENTS, &recorder.events_batch(last, last)).unwrap();
        let row = "SELECT status, severity, escalation_level, cleared_at IS NOT NULL, resolved_by IS NOT NULL FROM alerts";
        world.ask(row).unwrap()
    };
    let first = recorder.events();
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, first)).unwrap();
    recorder.event(Fact::AlertEscalated { episode, level: 1, since_ms }, subject);
    assert_eq!(stands(&recorder), "escalated|critical|1|f|f");
    recorder.acknowledge(&probe, alert, episode, world.ours.person);
    assert_eq!(stands(&recorder), "acknowledged|critical|1|f|f");
    let why = Why::because("too warm for an hour").by("max_excursion_minutes", 3_600_000, Provenance::System);
    recorder.event(Fact::AlertUpgraded { episode, severity: Severity::Critical, since_ms, why }, subject);
    assert_eq!(stands(&recorder), "escalated|critical|1|f|f", "whoever was on it has to look again");
    recorder.clear(&probe, alert, episode);
    assert_eq!(stands(&recorder), "resolved|critical|1|t|f", "it is over, and somebody had been on it");
    let why = Why::because("out of range again");
    recorder.event(Fact::AlertRelapsed { episode, since_ms, why }, subject);
    assert_eq!(stands(&recorder), "escalated|critical|1|f|f");
    recorder.clear(&probe, alert, episode);
    stands(&recorder);
    recorder.event_by(Fact::AlertResolved { episode }, subject, Some(actor));
    assert_eq!(stands(&recorder), "resolved|critical|1|t|t");
}

fn a_log_by_hand_is_a_row_with_its_person_and_the_time_at_which_it_was_read(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    let subject = Subject { unit: Some(world.ours.probes[0].unit), ..Subject::default() };
    let actor = Actor { kind: ActorKind::Person, id: Some(world.ours.person) };
    for (temperature_centi_c, taken) in [(Some(-1_830), 60_000), (None, 120_000)] {
        let note = temperature_centi_c.map(|_| "by the door".to_owned());
        let fact = Fact::ManualLogRecorded { temperature_centi_c, taken_ms: RuleMs(BEGAN_MS + taken), note };
        recorder.event_by(fact, subject, Some(actor));
    }
    send_all(world, &recorder, 4_096);
    let rows = "SELECT temperature, notes, profile_id, (extract(epoch FROM recorded_at) * 1000)::bigint
        FROM manual_temperature_logs ORDER BY recorded_at";
    let person = world.ours.person;
    let expected =
        format!("-18.30|by the door|{person}|{}\n||{person}|{}", BEGAN_MS + 60_000, BEGAN_MS + 120_000);
    assert_eq!(world.ask(rows).unwrap(), expected);
    let latest = "SELECT (extract(epoch FROM last_manual_log_at) * 1000)::bigint FROM unit_latest";
    assert_eq!(world.ask(latest).unwrap(), (BEGAN_MS + 120_000).to_string());
}

fn hours_and_the_latest_are_those_of_the_readings(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    for (n, temperature) in [-1800, -1400, -1600, -2000].into_iter().enumerate() {
        recorder.read_at(&world.ours.probes[0], temperature, BEGAN_MS + 30_000 + n as i64 * 1_800_000);
    }
    send_all(world, &recorder, 3);
    let hours = "SELECT temp_min, temp_max, temp_avg, temp_sum, reading_count, anomaly_count FROM reading_metrics ORDER BY period_start";
    assert_eq!(world.ask(hours).unwrap(), "-18.00|-14.00|-16.00|-32.00|2|1\n-20.00|-16.00|-18.00|-36.00|2|0");
    let latest =
        "SELECT last_temperature, (extract(epoch FROM last_reading_at) * 1000)::bigint FROM unit_latest";
    assert_eq!(world.ask(latest).unwrap(), format!("-2000|{}", BEGAN_MS + 30_000 + 3 * 1_800_000));
}

fn what_is_no_batch_of_this_hub_is_refused_by_its_reason_and_changes_nothing(world: &IngestWorld) {
    let recorder = filled(world, 10);
    let batch = recorder.events_batch(1, 4);
    let bytes = to_bytes(&batch);
    let refusal = |token, path: &str, body: &[u8]| world.send_bytes(token, path, body).unwrap().refusal();
    let token = Some([0x54; 32]);
    assert_eq!(refusal(None, path::EVENTS, &bytes), Some((401, Reason::Token)));
    assert_eq!(refusal(Some([1; 32]), path::EVENTS, &bytes), Some((401, Reason::Token)));
    assert_eq!(refusal(token, path::EVENTS, &bytes[..bytes.len() - 1]), Some((400, Reason::Garbled)));
    assert_eq!(refusal(token, path::EVENTS, &[0xFF; 40]), Some((400, Reason::Garbled)));
    assert_eq!(refusal(token, path::READINGS, &bytes), Some((400, Reason::Garbled)));
    assert_eq!(refusal(token, path::EVENTS, &vec![0; PACKED_MAX + 1]), Some((413, Reason::TooLarge)));
    let mut other = batch.clone();
    other.epoch = world.theirs.epoch;
    assert_eq!(refusal(token, path::EVENTS, &to_bytes(&other)), Some((401, Reason::Token)));
    let mut nothing = batch;
    nothing.items = vec![EventItem { bytes: None, hash: None }];
    assert_eq!(refusal(token, path::EVENTS, &to_bytes(&nothing)), Some((400, Reason::Garbled)));
    assert_eq!(world.ask("SELECT count(*) FROM hub_events").unwrap(), "0");
    send_all(world, &recorder, 4_096);
}

fn the_latest_live_word_wins_and_touches_only_units_that_are_ours(world: &IngestWorld) {
    let unit = |unit, status: &str, temperature| live::Unit {
        unit,
        status: status.into(),
        temperature_centi_c: Some(temperature),
        measured: Some(WallMs(BEGAN_MS)),
    };
    let word = |counter, temperature| Live {
        epoch: world.ours.epoch,
        counter,
        at: WallMs(BEGAN_MS),
        units: vec![
            unit(world.ours.probes[0].unit, "alarm_active", temperature),
            unit(world.theirs.probes[0].unit, "ok", 1),
        ],
        alarms: Vec::new(),
        events_waiting: 3,
        readings_waiting: 4,
    };
    for (counter, temperature) in [(5, -1400), (4, -1000), (5, -900)] {
        let answer = world.send(&world.ours, path::LIVE, &word(counter, temperature)).unwrap();
        assert_eq!(answer, Answer::Done);
    }
    let latest = "SELECT live_status, live_temperature FROM unit_latest";
    assert_eq!(world.ask(latest).unwrap(), "alarm_active|-1400");
    assert_eq!(world.ask("SELECT counter, events_waiting, readings_waiting FROM hub_live").unwrap(), "5|3|4");
}

fn a_gap_told_again_longer_leaves_no_number_unaccounted_for(world: &IngestWorld) {
    let recorder = filled(world, 20);
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, recorder.events())).unwrap();
    let told = |first, last| {
        let mut batch = recorder.readings_batch(last + 1, 20);
        batch.first = first;
        batch.gaps = vec![Gap { first, last, cause: Missing::Damage }];
        batch
    };
    world.send(&world.ours, path::READINGS, &recorder.readings_batch(1, 4)).unwrap();
    let mut short = told(5, 8);
    short.rows = Vec::new().into();
    assert_eq!(world.send(&world.ours, path::READINGS, &short).unwrap().seq(), Some(8));
    // The acknowledgement was lost and the damage has grown.
    assert_eq!(world.send(&world.ours, path::READINGS, &told(3, 15)).unwrap().seq(), Some(20));
    let gaps = "SELECT string_agg(first_seq || '-' || last_seq, ',' ORDER BY first_seq) FROM reading_gaps";
    assert_eq!(world.ask(gaps).unwrap(), "5-8,9-15");
    assert_eq!(world.ask("SELECT count(*), min(seq), max(seq) FROM sensor_readings").unwrap(), "9|1|20");
    let noticed = "SELECT DISTINCT event_type FROM event_logs WHERE category = 'integrity' ORDER BY 1";
    assert_eq!(world.ask(noticed).unwrap(), "record.missing\nrecord.seal_bad");
}

fn what_was_recorded_before_the_clock_was_corrected_is_dated_by_the_correction(world: &IngestWorld) {
    let mut recorder = world.ours.recorder_without_a_clock(1_000);
    let [probe, _] = world.ours.probes;
    let alert = AlertId::from_bytes([0xD1; 16]);
    recorder.now_ms = 50_000;
    recorder.raise(&probe, alert);
    recorder.read(&probe, -1000);
    recorder.correct(60_000, BEGAN_MS);
    recorder.read(&probe, -1100);
    send_all(world, &recorder, 4_096);
    // It was raised ten seconds before the axis was moved to the present.
    let raised = "SELECT (extract(epoch FROM triggered_at) * 1000)::bigint FROM alerts";
    assert_eq!(world.ask(raised).unwrap(), (BEGAN_MS - 10_000).to_string());
    let recorded = "SELECT (extract(epoch FROM min(recorded_at)) * 1000)::bigint FROM sensor_readings";
    assert_eq!(world.ask(recorded).unwrap(), (BEGAN_MS - 9_998).to_string());
}

fn facts_that_no_table_can_hold_are_undone_and_noticed_and_the_record_goes_on(world: &IngestWorld) {
    // A table that refuses stands for whatever a hub can say that a table cannot hold.
    world.ask("ALTER TABLE alerts ADD CONSTRAINT refuses CHECK (severity::text <> 'critical')").unwrap();
    let mut recorder = world.ours.recorder();
    recorder.raise(&world.ours.probes[0], AlertId::from_bytes([0xE1; 16]));
    recorder.read(&world.ours.probes[0], -1800);
    let answer = world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, recorder.events())).unwrap();
    assert_eq!(answer.seq(), Some(recorder.events()));
    assert_eq!(world.ask("SELECT count(*) FROM hub_events").unwrap(), recorder.events().to_string());
    let noticed = "SELECT event_type, severity FROM event_logs WHERE category = 'integrity'";
    assert_eq!(world.ask(noticed).unwrap(), "record.projection_failed|critical");
    assert_eq!(world.ask("SELECT count(*) FROM hub_clock").unwrap(), "1");
}

fn a_journal_that_follows_one_whose_end_never_came_is_an_alarm(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    let old = OldEpoch { epoch: world.theirs.epoch, seq: 9, hash: Hash([3; 32]) };
    let fact = Fact::EpochStarted { key: "00".into(), software: "test".into(), old: Some(old) };
    recorder.event(fact, Subject::default());
    send_all(world, &recorder, 4_096);
    let noticed = "SELECT event_type, event_data ->> 'held', event_data ->> 'head' FROM event_logs WHERE category = 'integrity'";
    assert_eq!(world.ask(noticed).unwrap(), "record.epoch_lost|0|9");
}

fn what_named_an_unknown_unit_counts_once_the_site_is_told(world: &IngestWorld) {
    let mut recorder = world.ours.recorder();
    let fresh = world.ours.unknown_probe();
    recorder.assign(&fresh);
    let (_, episode) = recorder.raise(&fresh, AlertId::from_bytes([0xF1; 16]));
    recorder.read(&fresh, -1800);
    recorder.clear(&fresh, AlertId::from_bytes([0xF1; 16]), episode);
    send_all(world, &recorder, 4_096);
    assert_eq!(world.ask("SELECT count(*) FROM alerts").unwrap(), "0");
    assert_eq!(world.ask("SELECT reason FROM readings_quarantine").unwrap(), "unknown_point");
    let site = world.ours.site(&[world.ours.probes[0], world.ours.probes[1], fresh]);
    assert_eq!(world.send(&world.ours, path::SITE, &site).unwrap(), Answer::Done);
    let alert = "SELECT unit_id, cleared_at IS NOT NULL FROM alerts";
    assert_eq!(world.ask(alert).unwrap(), format!("{}|t", fresh.unit));
    let seq = recorder.read(&fresh, -1700);
    let answer = world.send(&world.ours, path::READINGS, &recorder.readings_batch(seq, seq)).unwrap();
    assert_eq!(answer.seq(), Some(seq));
    assert_eq!(world.ask("SELECT unit_id FROM sensor_readings").unwrap(), fresh.unit.to_string());
}
