//! What is told of what changes: soon, to those alone whose organization it is, and for as long as they may look.

use std::time::Duration;

use frostguard_cloud::store::Database as CloudDatabase;
use frostguard_cloud::store::doors::SecretHash;
use frostguard_cloud::watch::{Heard, Listening, NoPlace, PLACES, PLACES_OF_ALL, Pace, Watch};
use frostguard_shared::event::{Fact, Subject};
use frostguard_shared::ids::{AlertId, OrganizationId};
use frostguard_shared::rules::{Region, UnitStatus, Why};
use frostguard_shared::time::{RuleMs, WallMs};
use frostguard_shared::wire::live::{self, Live};
use frostguard_shared::wire::path;
use frostguard_tests::cloud::ingest_world::{BEGAN_MS, IngestWorld};
use frostguard_tests::cloud::recorder::Recorder;
use frostguard_tests::cloud::shared;
use frostguard_tests::cloud::visitor::{Events, Visitor};
use serde_json::Value;

use crate::sign_in::{MAIL, PASSWORD};

/// What is promised of news.
const SOON: Duration = Duration::from_secs(2);
/// For what is promised within some seconds, on a machine that does other things too.
const LATER: Duration = Duration::from_secs(10);

const THEIR_MAIL: &str = "otto@sued.example";

struct Both {
    ours: Visitor,
    theirs: Visitor,
}

fn both(world: &IngestWorld) -> Both {
    world.person(&world.ours, MAIL, "viewer", PASSWORD).unwrap();
    world.person(&world.theirs, THEIR_MAIL, "viewer", PASSWORD).unwrap();
    let visitor = Visitor::at(world.port());
    Both {
        ours: visitor.signed_in(MAIL, PASSWORD).unwrap(),
        theirs: visitor.signed_in(THEIR_MAIL, PASSWORD).unwrap(),
    }
}

/// An open stream that has said hello.
fn greeted(visitor: &Visitor) -> Events {
    let events = visitor.listen().unwrap();
    let hello = events.first("hello", LATER, |event| Some(event.clone())).unwrap();
    assert_eq!(hello.name, "hello", "nothing comes before it");
    assert!(hello.data["at"].as_str().unwrap().ends_with('Z'));
    events
}

fn send_events(world: &IngestWorld, recorder: &Recorder, first: u64) {
    let last = recorder.events();
    let answer = world.send(&world.ours, path::EVENTS, &recorder.events_batch(first, last)).unwrap();
    assert_eq!(answer.seq(), Some(last), "{answer:?}");
}

fn send_readings(world: &IngestWorld, recorder: &Recorder, first: u64) {
    let last = recorder.readings();
    let answer = world.send(&world.ours, path::READINGS, &recorder.readings_batch(first, last)).unwrap();
    assert_eq!(answer.seq(), Some(last), "{answer:?}");
}

/// A record whose events the cloud holds.
fn recorder(world: &IngestWorld) -> Recorder {
    let recorder = world.ours.recorder();
    send_events(world, &recorder, 1);
    recorder
}

/// The other organization was told nothing: what is its own comes next.
fn nothing_but_their_own(world: &IngestWorld, events: &Events) {
    let unit = world.theirs.probes[0].unit;
    world.ask(&format!("UPDATE units SET name = 'Theirs', updated_at = now() WHERE id = '{unit}'")).unwrap();
    let next = events.first("their own", LATER, |event| Some(event.clone())).unwrap();
    assert_eq!((next.name.as_str(), &next.data["name"]), ("unit", &Value::from("Theirs")));
}

pub fn a_reading_that_is_taken_is_told_within_two_seconds_and_to_nobody_else(world: &IngestWorld) {
    let both = both(world);
    let mut recorder = recorder(world);
    let (ours, theirs) = (greeted(&both.ours), greeted(&both.theirs));
    let [one, two] = world.ours.probes;
    for probe in [&one, &two, &one] {
        recorder.read(probe, -1_850);
    }
    send_readings(world, &recorder, 1);
    let unit = one.unit.to_string();
    let told = ours.first("its readings", SOON, |event| {
        (event.name == "readings" && event.data["unit_id"] == unit).then(|| event.data.clone())
    });
    let range = format!("/units/{unit}/readings?from=2026-11-10T00:00:00Z&to=2026-11-11T00:00:00Z");
    let shown = both.ours.ask("GET", &range, None).unwrap().json();
    assert_eq!(shown["items"].as_array().unwrap().len(), 2);
    assert_eq!(told.unwrap()["readings"], shown["items"]);

    // Later ones are told alone, and nothing twice.
    recorder.read(&one, -1_700);
    send_readings(world, &recorder, 4);
    let told = ours.first("the next", SOON, |event| {
        (event.name == "readings" && event.data["unit_id"] == unit).then(|| event.data.clone())
    });
    let readings = told.unwrap()["readings"].take();
    assert_eq!(readings.as_array().unwrap().len(), 1);
    assert_eq!(readings[0]["temperature_centi_c"], -1_700);
    nothing_but_their_own(world, &theirs);
}

pub fn a_status_an_alert_and_a_live_word_are_told_as_their_paths_show_them(world: &IngestWorld) {
    let both = both(world);
    let mut recorder = recorder(world);
    let (ours, theirs) = (greeted(&both.ours), greeted(&both.theirs));
    let (probe, begun) = (world.ours.probes[0], recorder.events() + 1);
    let fact = Fact::UnitTransition {
        region: Region::Thermal,
        from: "ok".into(),
        to: "excursion".into(),
        status: UnitStatus::Excursion,
        since_ms: RuleMs(recorder.now_ms),
        why: Why::because("too warm"),
    };
    recorder.event(fact, Subject { unit: Some(probe.unit), point: Some(probe.point), ..Subject::default() });
    send_events(world, &recorder, begun);
    let unit = ours.first("the unit", SOON, |event| {
        (event.name == "unit" && event.data["status"] == "excursion").then(|| event.data.clone())
    });
    let shown = both.ours.ask("GET", &format!("/units/{}", probe.unit), None).unwrap().json();
    assert_eq!(unit.unwrap(), shown);

    let (alert, begun) = (AlertId::from_bytes([9; 16]), recorder.events() + 1);
    recorder.raise(&probe, alert);
    send_events(world, &recorder, begun);
    let told = ours.named("alert", SOON).unwrap();
    assert_eq!(told, both.ours.ask("GET", &format!("/alerts/{alert}"), None).unwrap().json());
    assert_eq!(told["status"], "active");

    let word = Live {
        epoch: world.ours.epoch,
        counter: 1,
        at: WallMs(BEGAN_MS),
        units: vec![live::Unit {
            unit: probe.unit,
            status: "alarm_active".into(),
            temperature_centi_c: Some(-1_234),
            measured: None,
        }],
        alarms: Vec::new(),
        events_waiting: 3,
        readings_waiting: 4,
    };
    world.send(&world.ours, path::LIVE, &word).unwrap();
    let (mut live, mut hub) = (None, None);
    let told = ours.first("both words", SOON, |event| {
        match event.name.as_str() {
            "unit" => live = event.data["live_temperature_centi_c"].as_i64().or(live),
            "hub" => hub = event.data["live"]["readings_waiting"].as_i64().or(hub),
            _ => {}
        }
        live.zip(hub)
    });
    assert_eq!(told.unwrap(), (-1_234, 4));
    nothing_but_their_own(world, &theirs);
}

pub fn readings_that_are_not_newer_and_too_many_at_once_are_told_as_history(world: &IngestWorld) {
    let both = both(world);
    let mut recorder = recorder(world);
    let probe = world.ours.probes[0];
    recorder.read_at(&probe, -1_800, BEGAN_MS + 500_000);
    send_readings(world, &recorder, 1);
    let ours = greeted(&both.ours);
    for older in [400_000, 500_000] {
        let first = recorder.read_at(&probe, -1_800, BEGAN_MS + older);
        send_readings(world, &recorder, first);
        let next = |event: &frostguard_tests::cloud::visitor::Event| {
            ["readings", "history"].contains(&event.name.as_str()).then(|| event.clone())
        };
        let told = ours.first("the history", SOON, next).unwrap();
        assert_eq!((told.name.as_str(), &told.data["unit_id"]), ("history", &probe.unit.to_string().into()));
    }
    for n in 1..=201 {
        recorder.read_at(&probe, -1_800, BEGAN_MS + 600_000 + n);
    }
    send_readings(world, &recorder, 4);
    let told = ours.first("the history again", SOON, |event| {
        ["readings", "history"].contains(&event.name.as_str()).then(|| event.name.clone())
    });
    assert_eq!(told.unwrap(), "history", "201 are not told one by one");
}

pub fn what_is_written_before_a_turn_and_seen_after_it_is_told(world: &IngestWorld) {
    let ours = greeted(&both(world).ours);
    let unit = world.ours.probes[0].unit;
    // It bears the time at which it began; some turns pass before it ends.
    let slow = format!(
        "BEGIN; UPDATE units SET name = 'Slow', updated_at = now() WHERE id = '{unit}'; SELECT pg_sleep(3.5); COMMIT"
    );
    world.ask(&slow).unwrap();
    let told = ours.first("the unit", SOON, |event| {
        (event.name == "unit" && event.data["name"] == "Slow").then(|| event.data["id"].clone())
    });
    assert_eq!(told.unwrap(), unit.to_string());
}

pub fn a_stream_ends_when_its_session_or_key_does_and_others_go_on(world: &IngestWorld) {
    let both = both(world);
    world
        .ask(
            "INSERT INTO credentials (id, organization_id, name, secret_hash, last4)
             SELECT gen_random_uuid(), id, 'key', sha256('fg_a_key'), '_key' FROM organizations WHERE slug = 'org-1'",
        )
        .unwrap();
    let second = Visitor::at(world.port()).signed_in(MAIL, PASSWORD).unwrap();
    let key = Visitor::at(world.port()).with_key("fg_a_key");
    let streams = [greeted(&both.ours), greeted(&both.ours), greeted(&key)];
    let staying = greeted(&second);
    assert_eq!(both.ours.ask("DELETE", "/session", None).unwrap().status, 204);
    for stream in &streams[..2] {
        stream.end(LATER).unwrap();
    }
    world.ask("UPDATE credentials SET revoked_at = now()").unwrap();
    streams[2].end(LATER).unwrap();
    let unit = world.ours.probes[0].unit;
    world.ask(&format!("UPDATE units SET name = 'Still', updated_at = now() WHERE id = '{unit}'")).unwrap();
    staying
        .first("news for who stays", LATER, |event| (event.data["name"] == "Still").then_some(()))
        .unwrap();
    world.ask("DELETE FROM user_roles").unwrap();
    staying.end(LATER).unwrap();
}

pub fn beyond_the_places_of_an_organization_nobody_is_let_in(world: &IngestWorld) {
    let both = both(world);
    let _held: Vec<Events> = (0..PLACES).map(|_| both.ours.listen().unwrap()).collect();
    let refused = both.ours.ask("GET", "/stream", None).unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, "2"), "{}", refused.body);
    greeted(&both.theirs);
    assert_eq!(
        both.ours.ask("GET", "/units", None).unwrap().status,
        200,
        "a stream holds no turn of the API"
    );
}

/// A world of one organization and the pace at which a test can wait for many turns.
fn quick(held: usize) -> (IngestWorld, tokio::runtime::Runtime, Watch, SecretHash) {
    let database = shared::cluster().unwrap().database().unwrap();
    let url = database.url();
    let world = IngestWorld::start(database, &url).unwrap();
    let key = "INSERT INTO credentials (id, organization_id, name, secret_hash, last4)
               SELECT gen_random_uuid(), id, 'key', sha256('fg_a_key'), '_key' FROM organizations WHERE slug = 'org-1'";
    world.ask(key).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let watch = {
        let _inside = runtime.enter();
        let database = CloudDatabase::connect(&url, 4).unwrap();
        Watch::new(database, Pace { every: Duration::from_millis(20), held })
    };
    (world, runtime, watch, SecretHash::of(b"fg_a_key"))
}

fn organization(world: &IngestWorld) -> OrganizationId {
    world.ask("SELECT id FROM organizations WHERE slug = 'org-1'").unwrap().parse().unwrap()
}

async fn next(listening: &mut Listening) -> Heard {
    tokio::time::timeout(LATER, listening.next()).await.unwrap().unwrap()
}

#[test]
fn a_slow_reader_is_told_to_begin_anew_and_then_only_what_is_new() {
    let (world, runtime, watch, secret) = quick(2);
    let (organization, unit) = (organization(&world), world.ours.probes[0].unit);
    runtime.block_on(async {
        let mut slow = watch.listen(organization, secret).unwrap();
        let mut quick = watch.listen(organization, secret).unwrap();
        assert_eq!((next(&mut slow).await, next(&mut quick).await), (Heard::Hello, Heard::Hello));
        let mut rename = async |name: &str| {
            let sql = format!("UPDATE units SET name = '{name}', updated_at = now() WHERE id = '{unit}'");
            world.ask(&sql).unwrap();
            match next(&mut quick).await {
                Heard::Turn(lines) => assert!(lines.iter().any(|line| line.data.contains(name)), "{lines:?}"),
                other => panic!("{other:?}"),
            }
        };
        for n in 0..4 {
            rename(&format!("name {n}")).await;
        }
        assert_eq!(next(&mut slow).await, Heard::Reset);
        rename("the last").await;
        let Heard::Turn(lines) = next(&mut slow).await else { panic!("nothing is told") };
        assert!(lines.iter().all(|line| !line.data.contains("name 3")), "{lines:?}");
    });
}

#[test]
fn places_are_bounded_for_one_and_for_all_and_free_again_when_left() {
    let (world, runtime, watch, secret) = quick(2);
    let organization = organization(&world);
    let _inside = runtime.enter();
    let listen = |organization| watch.listen(organization, secret);
    let mut held: Vec<Listening> = (0..PLACES).map(|_| listen(organization).unwrap()).collect();
    assert_eq!(listen(organization).err(), Some(NoPlace));
    held.pop();
    held.push(listen(organization).unwrap());
    let other = |n: usize| OrganizationId::from_bytes([n as u8; 16]);
    held.extend((PLACES..PLACES_OF_ALL).map(|n| listen(other(n / PLACES)).unwrap()));
    assert_eq!((watch.taken(), listen(other(99)).err()), (PLACES_OF_ALL, Some(NoPlace)));
    drop(held);
    assert_eq!(watch.taken(), 0);
    watch.stop();
    assert_eq!(listen(organization).err(), Some(NoPlace), "it is stopping");
}

#[test]
fn when_too_much_changes_at_once_everybody_begins_anew() {
    let (world, runtime, watch, secret) = quick(8);
    let organization = organization(&world);
    runtime.block_on(async {
        let mut listening = watch.listen(organization, secret).unwrap();
        assert_eq!(next(&mut listening).await, Heard::Hello);
        let many = "INSERT INTO units (id, organization_id, area_id, name, unit_type)
                    SELECT gen_random_uuid(), a.organization_id, a.id, 'Unit ' || n, 'fridge'
                    FROM areas a, generate_series(1, 1001) AS n WHERE a.organization_id = (
                        SELECT id FROM organizations WHERE slug = 'org-1')";
        world.ask(many).unwrap();
        let Heard::Turn(lines) = next(&mut listening).await else { panic!("nothing is told") };
        assert_eq!(lines.iter().map(|line| line.event).collect::<Vec<_>>(), ["reset"]);
        world.ask("UPDATE units SET name = 'after', updated_at = now() WHERE name = 'Unit 7'").unwrap();
        let Heard::Turn(lines) = next(&mut listening).await else { panic!("nothing is told") };
        assert!(lines.len() == 1 && lines[0].data.contains("after"), "{lines:?}");
    });
}
