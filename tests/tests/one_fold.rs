//! Owns that hub and cloud cannot come to different conclusions: from what each of them holds of a day, the rules make the
//! same state, byte for byte.
//! Takes a day of a hub's own watch and a cloud on a real Postgres; gives a pass, or the first byte that differs.
//! Must never take anything of the day from the hub's side when it folds the cloud's.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_edge::site::rules_hash;
use frostguard_edge::store;
use frostguard_edge::store::outbox::{Outbox, Wanted};
use frostguard_shared::chain::Hash;
use frostguard_shared::checkpoint::Checkpoint;
use frostguard_shared::event::{Event, Fact};
use frostguard_shared::ids::{EpochId, PointId};
use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent, CentiCelsius, Dbm, Millivolts};
use frostguard_shared::reading::{Door, Quality, Reading};
use frostguard_shared::rules::{Record, SiteRules, State, UnitStatus, refold};
use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use frostguard_shared::wire::record::{EventItem, Events, Readings};
use frostguard_shared::wire::site::Site as Told;
use frostguard_shared::wire::{path, to_bytes};
use frostguard_tests::cloud::ingest_world::{Answer, BEGAN_MS, IngestWorld};
use frostguard_tests::cloud::shared;
use frostguard_tests::day::Day;
use frostguard_tests::oracle::journal::Journal;
use frostguard_tests::oracle::stored::Stored;

const TOKEN: [u8; 32] = [0x77; 32];

/// What one side holds of the record, and the rules with their hash.
struct Held {
    events: Vec<Event>,
    readings: Vec<Reading>,
    rules: (Hash, SiteRules),
}

impl Held {
    fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.readings.iter().map(Record::of_reading).collect();
        for event in &self.events {
            if let Some(Fact::ConfigApplied { hash, .. }) = event.fact() {
                assert_eq!(*hash, self.rules.0, "these are the rules that the record names");
                records.push(Record::rules(event.envelope.rule_ms, self.rules.1.clone()));
            }
            records.extend(Record::of_event(event));
        }
        records
    }

    /// The state that follows, at a time after all of it.
    fn folded(&self, at: RuleMs) -> State {
        let mut records = self.records();
        records.push(Record::tick(at));
        refold(State::default(), records).0
    }
}

/// What the hub itself holds: rows of its own journal, read by its own code.
fn of_the_hub(day: &Day) -> (Held, State) {
    let hub = day.identity().unwrap().hub();
    let (journal, tail) = store::Journal::open(&day.journal(), hub, EpochId::from_bytes([0; 16])).unwrap();
    let events = (1..=journal.last_event()).map(|seq| journal.event(seq).unwrap().unwrap().0).collect();
    let readings = journal.readings_after(0).unwrap();
    let rules = day.site().rules();
    let rules = (rules_hash(&rules).unwrap(), rules);
    let last = tail.last_rule.unwrap();
    let mut records = tail.records;
    records.push(Record::tick(last));
    // What the running hub has come to, one record after another, through deaths, late values and a dead clock.
    let lived = refold(tail.snapshot, records).0;
    (Held { events, readings, rules }, lived)
}

/// A cloud that knows the hub and has taken all of its record.
fn taken(day: &Day) -> IngestWorld {
    let database = shared::cluster().unwrap().database().unwrap();
    let url = database.url();
    let world = IngestWorld::start(database, &url).unwrap();
    let identity = day.identity().unwrap();
    let mut outbox = Outbox::open(&day.journal(), identity.hub()).unwrap();
    let (hub, epoch, key) = (identity.hub(), outbox.epoch(), identity.key());
    let token = hex::encode(frostguard_cloud::store::doors::SecretHash::of(&TOKEN).0);
    world
        .ask(&format!(
            "INSERT INTO hubs (id, organization_id, site_id, name, public_key)
                 SELECT '{hub}', organization_id, site_id, 'One day', '\\x{}' FROM hubs WHERE id = '{}';
             INSERT INTO hub_sessions (token_hash, organization_id, hub_id, epoch, expires_at)
                 SELECT '\\x{token}', organization_id, id, '{epoch}', now() + interval '1 day' FROM hubs WHERE id = '{hub}'",
            identity.public_key(),
            world.ours.hub
        ))
        .unwrap();
    let send = |path: &str, body: &[u8]| world.send_bytes(Some(TOKEN), path, body).unwrap();
    assert_eq!(send(path::SITE, &to_bytes(&day.site().message(identity.site()).unwrap())), Answer::Done);
    let (mut events_after, mut readings_after) = (0, 0);
    loop {
        let wanted = Wanted { events_after, events_most: 1_000, readings_after, readings_most: 1_000 };
        let round = outbox.read(&wanted).unwrap();
        if round.events.is_none() && round.readings.is_none() {
            return world;
        }
        if let Some(rows) = round.events {
            let checkpoint =
                Checkpoint { size: rows.tree.size(), root: rows.tree.root() }.sign(hub, epoch, &key);
            let items = rows.items.into_iter().map(EventItem::of).collect();
            let batch = Events { epoch, first: rows.first, previous: rows.previous, items, checkpoint };
            events_after = send(path::EVENTS, &to_bytes(&batch)).seq().unwrap();
        }
        if let Some(rows) = round.readings {
            let (first, gaps, under) = (rows.first, rows.gaps, rows.under);
            let batch = Readings { epoch, first, rows: rows.rows.into(), gaps, under };
            readings_after = send(path::READINGS, &to_bytes(&batch)).seq().unwrap();
        }
    }
}

/// What the cloud holds: the bytes of its `hub_events`, the fields of its `sensor_readings`, and the rules that it was
/// told with the site, which have to have the hash that the record names.
fn of_the_cloud(world: &IngestWorld, journal: &Journal, told: &Told) -> Held {
    let stored = Stored::read(&world.database, journal).unwrap();
    assert_eq!(stored.set_aside, [""; 0], "every reading fits its table");
    let bytes = |line: &String| hex::decode(line.rsplit('|').next().unwrap()).unwrap();
    let events = stored.events.iter().map(|line| Event::from_bytes(&bytes(line)).unwrap()).collect();
    let readings = stored.readings.iter().map(|line| reading(line)).collect();
    let points = told.devices.iter().flat_map(|device| &device.points).map(|point| point.id);
    let rules = SiteRules {
        units: told.units.iter().map(|unit| (unit.id, serde_json::from_str(&unit.rules).unwrap())).collect(),
        points: points.collect(),
        zone: told.zone.clone(),
        ..SiteRules::default()
    };
    Held { events, readings, rules: (rules_hash(&rules).unwrap(), rules) }
}

/// A reading from the columns of its row.
fn reading(line: &str) -> Reading {
    let columns: Vec<&str> = line.split('|').collect();
    let number = |at: usize| columns[at].parse::<i64>().unwrap();
    let maybe = |at: usize| (!columns[at].is_empty()).then(|| number(at));
    Reading {
        seq: number(0) as u64,
        point: PointId::from_bytes(hex::decode(columns[1]).unwrap().try_into().unwrap()),
        boot: Boot(number(2) as u32),
        at: WallMs(number(3)),
        boottime: BoottimeMs(number(4) as u64),
        rule: RuleMs(number(5)),
        age_ms: number(6) as u64,
        trust: Trust::from_code(number(7) as u8).unwrap(),
        temperature: CentiCelsius::new(number(8) as i32).unwrap(),
        quality: Quality::from_code(number(9) as u8).unwrap(),
        humidity: maybe(10).map(|value| BasisPointsRh::new(value).unwrap()),
        battery_percent: maybe(11).map(|value| BatteryPercent::new(value).unwrap()),
        battery: maybe(12).map(|value| Millivolts::new(value).unwrap()),
        signal: maybe(13).map(|value| Dbm::new(value).unwrap()),
        door: maybe(14).map(|value| if value == 1 { Door::Open } else { Door::Closed }),
    }
}

fn bytes(state: &State) -> Vec<u8> {
    serde_json::to_vec(state).unwrap()
}

#[test]
fn from_a_recorded_day_hub_and_cloud_fold_the_same_bytes() {
    let day = Day::lived(WallMs(BEGAN_MS)).unwrap();
    let (hub, lived) = of_the_hub(&day);
    let world = taken(&day);
    let journal = Journal::read(&day.journal()).unwrap();
    let told = day.site().message(day.identity().unwrap().site()).unwrap();
    let cloud = of_the_cloud(&world, &journal, &told);
    assert_eq!((cloud.events.len(), cloud.readings.len()), (hub.events.len(), hub.readings.len()));
    assert!(hub.readings.len() > 2_500, "a day at one a minute of two sensors");
    let kinds = |kind: &str| hub.events.iter().filter(|event| event.envelope.kind == kind).count();
    for kind in [
        "alert.raised/1",
        "alert.cleared/1",
        "alert.acknowledged/1",
        "alert.quieted/1",
        "alert.resolved/1",
        "alert.upgraded/1",
        "alert.escalated/1",
        "shelve.started/1",
        "shelve.ended/1",
        "manual_log.recorded/1",
        "door.changed/1",
        "clock.corrected/1",
        "hub.started/1",
        "unit.transition/1",
    ] {
        assert!(kinds(kind) > 0, "the day has no {kind}");
    }
    assert!(hub.readings.iter().any(|reading| reading.age_ms > 0), "something came late");
    let (of_hub, of_cloud) = (hub.folded(lived.frontier()), cloud.folded(lived.frontier()));
    assert!(bytes(&of_hub) == bytes(&of_cloud), "the hub's: {of_hub:#?}\nthe cloud's: {of_cloud:#?}");
    assert!(bytes(&of_hub) == bytes(&lived), "folded at once: {of_hub:#?}\nlived: {lived:#?}");
    let freezer = day.site().units.iter().find(|unit| unit.key == "freezer").unwrap();
    assert_eq!(of_cloud.status(freezer.id), UnitStatus::Ok);
    // What the cloud keeps for people agrees with the record as well.
    let expected = frostguard_tests::oracle::expected::Expected::of(&journal).unwrap();
    let stored = Stored::read(&world.database, &journal).unwrap();
    assert_eq!((&expected.alerts, &expected.by_hand), (&stored.alerts, &stored.by_hand));
}
