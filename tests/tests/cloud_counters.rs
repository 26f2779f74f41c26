//! Owns the table of what can be wrong with what a hub sends: for each its answer and the one counter that tells of it.
//! Takes a cloud on a real Postgres, a fresh one for each line; gives a pass or the lines that do not hold.
//! Must never run beside another test: the counters are those of the process.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_cloud::counters::{Count, install};
use frostguard_shared::chain::Hash;
use frostguard_shared::event::{Fact, Subject};
use frostguard_shared::ids::{AlertId, HubId};
use frostguard_shared::signature::login_text;
use frostguard_shared::wire::login::{Challenge, ChallengeRequest, Login};
use frostguard_shared::wire::record::{Gap, Missing};
use frostguard_shared::wire::{Head, PACKED_MAX, Reason, from_bytes, path, to_bytes};
use frostguard_tests::cloud::ingest_world::{Answer, BEGAN_MS, IngestWorld, Tenant};
use frostguard_tests::cloud::recorder::Recorder;
use frostguard_tests::cloud::shared;
use std::collections::BTreeMap;

/// What a line's input is answered with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    /// It is kept, up to this number, and what is wrong is told by the counter alone.
    Held(u64),
    /// It is not taken.
    Refused(u16, Reason),
}

struct Line {
    what: &'static str,
    answer: Expected,
    count: Count,
    by: u64,
    sends: fn(&IngestWorld) -> Answer,
}

const fn line(
    what: &'static str,
    answer: Expected,
    count: Count,
    by: u64,
    sends: fn(&IngestWorld) -> Answer,
) -> Line {
    Line { what, answer, count, by, sends }
}

fn recorded(world: &IngestWorld, readings: i32) -> Recorder {
    let mut recorder = world.ours.recorder();
    for n in 0..readings {
        recorder.read(&world.ours.probes[0], n);
    }
    recorder
}

fn events(world: &IngestWorld, recorder: &Recorder) -> Answer {
    world.send(&world.ours, path::EVENTS, &recorder.events_batch(1, recorder.events())).unwrap()
}

fn readings(world: &IngestWorld, recorder: &Recorder) -> Answer {
    world.send(&world.ours, path::READINGS, &recorder.readings_batch(1, recorder.readings())).unwrap()
}

fn bytes(world: &IngestWorld, body: &[u8]) -> Answer {
    world.send_bytes(Some([0x54; 32]), path::EVENTS, body).unwrap()
}

fn login(world: &IngestWorld, hub: HubId, signer: &Tenant, uses: u32) -> Answer {
    let challenge = world.exchange(path::CHALLENGE, &to_bytes(&ChallengeRequest { hub })).unwrap();
    let Challenge { nonce } = from_bytes(&challenge).unwrap();
    let text = login_text(hub, world.ours.epoch, &nonce, world.cloud);
    let login = Login {
        hub,
        epoch: world.ours.epoch,
        nonce,
        signature: signer.key().sign(&text),
        software: "test".into(),
        site_hash: Hash([1; 32]),
        events: Head { seq: 0, hash: Some(world.ours.recorder().hash_at(0)) },
    };
    for _ in 1..uses {
        world.exchange(path::LOGIN, &to_bytes(&login)).unwrap();
    }
    world.send_bytes(None, path::LOGIN, &to_bytes(&login)).unwrap()
}

const LINES: &[Line] = &[
    line("no message", Expected::Refused(400, Reason::Garbled), Count::RequestsGarbled, 1, |world| {
        bytes(world, &[0xFF; 40])
    }),
    line("more than fits", Expected::Refused(413, Reason::TooLarge), Count::RequestsTooLarge, 1, |world| {
        bytes(world, &vec![0; PACKED_MAX + 1])
    }),
    line("no token", Expected::Refused(401, Reason::Token), Count::TokensRefused, 1, |world| {
        let batch = to_bytes(&recorded(world, 0).events_batch(1, 2));
        world.send_bytes(None, path::EVENTS, &batch).unwrap()
    }),
    line("an unknown hub", Expected::Refused(404, Reason::UnknownHub), Count::HubsUnknown, 1, |world| {
        login(world, HubId::from_bytes([0x77; 16]), &world.ours, 1)
    }),
    line("another's signature", Expected::Refused(401, Reason::Login), Count::LoginsRefused, 1, |world| {
        login(world, world.ours.hub, &world.theirs, 1)
    }),
    line("a login told again", Expected::Refused(401, Reason::Login), Count::LoginsRefused, 1, |world| {
        login(world, world.ours.hub, &world.ours, 2)
    }),
    line("a hole in the numbers", Expected::Refused(409, Reason::Ahead), Count::Ahead, 1, |world| {
        let recorder = recorded(world, 0);
        world.send(&world.ours, path::EVENTS, &recorder.events_batch(2, 3)).unwrap()
    }),
    line("a broken link", Expected::Refused(409, Reason::BrokenLink), Count::BrokenLinks, 1, |world| {
        let mut batch = recorded(world, 0).events_batch(1, 3);
        batch.previous = Hash([7; 32]);
        world.send(&world.ours, path::EVENTS, &batch).unwrap()
    }),
    line("readings first", Expected::Refused(409, Reason::EventsFirst), Count::EventsFirst, 1, |world| {
        readings(world, &recorded(world, 3))
    }),
    line("a batch again", Expected::Held(4), Count::BatchesRepeated, 1, |world| {
        let recorder = recorded(world, 0);
        events(world, &recorder);
        events(world, &recorder)
    }),
    line("a fork", Expected::Held(5), Count::Forks, 1, |world| {
        let mut one = recorded(world, 0);
        let mut other = one.restored(4, 0);
        one.event(Fact::ClockUntrusted, Subject::default());
        other.raise(&world.ours.probes[0], AlertId::from_bytes([1; 16]));
        events(world, &one);
        world.send(&world.ours, path::EVENTS, &other.events_batch(3, 5)).unwrap()
    }),
    line("a checkpoint of another size", Expected::Held(4), Count::CheckpointsBad, 1, |world| {
        let recorder = recorded(world, 0);
        let mut batch = recorder.events_batch(1, 4);
        batch.checkpoint = recorder.checkpoint(3);
        world.send(&world.ours, path::EVENTS, &batch).unwrap()
    }),
    line("a reading that is not the sealed one", Expected::Held(20), Count::SealsBad, 1, |world| {
        let mut recorder = recorded(world, 20);
        recorder.seal();
        events(world, &recorder);
        let mut batch = recorder.readings_batch(1, 20);
        let mut rows = batch.rows.to_vec();
        rows[64] ^= 1;
        batch.rows = rows.into();
        world.send(&world.ours, path::READINGS, &batch).unwrap()
    }),
    line("events that are none", Expected::Held(6), Count::EventsUnreadable, 2, |world| {
        let mut recorder = recorded(world, 0);
        recorder.raw_event(b"{}".to_vec());
        recorder.raw_event(vec![0xFF]);
        events(world, &recorder)
    }),
    line("another's unit", Expected::Held(5), Count::FactsUnused, 1, |world| {
        let mut recorder = recorded(world, 0);
        recorder.assign(&world.theirs.probes[0]);
        events(world, &recorder)
    }),
    line(
        "readings of 1970, 2106 and of another's point",
        Expected::Held(3),
        Count::ReadingsQuarantined,
        3,
        |world| {
            let mut recorder = recorded(world, 0);
            recorder.read_at(&world.ours.probes[0], 0, 1_000);
            recorder.read_at(&world.ours.probes[0], 0, 4_294_967_296_000);
            recorder.read_at(&world.theirs.probes[0], 0, BEGAN_MS + 9_000);
            events(world, &recorder);
            readings(world, &recorder)
        },
    ),
    line("a told gap", Expected::Held(20), Count::ReadingsMissing, 3, |world| {
        let recorder = recorded(world, 20);
        events(world, &recorder);
        let mut batch = recorder.readings_batch(1, 20);
        batch.rows = batch.rows[3 * 80..].to_vec().into();
        batch.gaps = vec![Gap { first: 1, last: 3, cause: Missing::Damage }];
        world.send(&world.ours, path::READINGS, &batch).unwrap()
    }),
];

/// The counters as an operator reads them.
fn read(rendered: &str) -> BTreeMap<String, u64> {
    rendered
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

fn found(answer: &Answer) -> Option<Expected> {
    let refused = answer.refusal().map(|(status, reason)| Expected::Refused(status, reason));
    refused.or(answer.seq().map(Expected::Held))
}

#[test]
fn everything_that_is_wrong_has_its_answer_and_is_counted_once_where_an_operator_looks() {
    let counters = install().unwrap();
    let mut wrong = Vec::new();
    for line in LINES {
        let database = shared::cluster().unwrap().database().unwrap();
        let url = database.url();
        let world = IngestWorld::start(database, &url).unwrap();
        let before = read(&counters.render());
        let answer = (line.sends)(&world);
        let after = read(&counters.render());
        let (name, _) = line.count.described();
        let counted = after[name] - before[name];
        if found(&answer) != Some(line.answer) || counted != line.by {
            wrong.push(format!("{}: {answer:?}, {name} by {counted}", line.what));
        }
        assert!(after.len() >= Count::ALL.len());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_counter_has_a_name_of_its_own_that_ends_as_prometheus_wants_it() {
    let names: std::collections::BTreeSet<&str> =
        Count::ALL.iter().map(|count| count.described().0).collect();
    assert_eq!(names.len(), Count::ALL.len());
    assert!(names.iter().all(|name| name.starts_with("frostguard_") && name.ends_with("_total")));
}
