//! Owns what each model of sensor says to a real hub by its own radio, and what the hub makes of it.
//! Takes the demo's kitchen and sensors played by hand; gives what status and record say of them.
//! Must never look inside the hub.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use frostguard_tests::clock::{wait_for, wall};
use frostguard_tests::demo::{KITCHEN, document, furnishing};
use frostguard_tests::hub::Hub;
use frostguard_tests::site::chirpstack::{NetworkServer, Uplink};
use frostguard_tests::site::encode_em300::{F_PORT, Live, Logged, log_payload};
use frostguard_tests::site::sensor::Sensor;
use frostguard_tests::site::thermal::Door;
use frostguard_tests::workbench::{SOON, Workbench, counter};
use frostguard_tests::world::{Furnishing, World};
use serde_json::Value;

const NODE: &str = "24e124136b502301";
const ANOTHER: &str = "4f6b8f52-7c1d-4d0a-8a3e-20f1f5f0a6c1";

/// What the hub last read of a sensor's channel, in °C as the status writes it.
fn reads(status: &Value, device: &str, channel: &str) -> Option<String> {
    let mut points = status["units"].as_array()?.iter().flat_map(|unit| unit["points"].as_array().unwrap());
    let point = points.find(|point| point["device"] == device && point["channel"] == channel)?;
    point["temperature_c"].as_str().map(str::to_owned)
}

fn celsius(centi_c: i16) -> String {
    let sign = if centi_c < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", centi_c.unsigned_abs() / 100, centi_c.unsigned_abs() % 100)
}

fn doors(hub: &Hub) -> Vec<String> {
    let events = hub.events().unwrap();
    let doors = events.iter().filter(|event| event["type"] == "door.changed/1");
    doors.map(|event| event["data"]["door"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn every_model_in_the_kitchen_is_heard_by_its_own_radio_with_the_values_that_it_sent() {
    let folder = tempfile::tempdir().unwrap();
    let units = furnishing::kitchen();
    let document = document::of(KITCHEN, "frostguard/test", &units);
    let mut world = World::furnish(
        folder.path(),
        Furnishing {
            document: &document,
            units: units.iter().map(|unit| unit.furnished.clone()).collect(),
            pace: furnishing::PACE,
            application: NetworkServer::APPLICATION,
            topic: "frostguard/test",
        },
    )
    .unwrap();
    world.hub.start(None).unwrap();
    for unit in &units {
        let (key, sensor) = (unit.furnished.key, &unit.furnished.sensor);
        let temperatures = sensor.channels().iter().filter(|(channel, _)| *channel != "door");
        for (channel, _) in temperatures {
            let what = format!("{key} is read on {channel} as it was sent");
            wait_for(&what, SOON, || {
                let read = reads(&world.hub.status().ok()?, &format!("{key}_sensor"), channel)?;
                let sent = world.site.log();
                let mut sent = sent.iter().filter(|value| value.unit == key && value.channel == *channel);
                sent.any(|value| celsius(value.centi_c) == read).then_some(())
            })
            .unwrap();
        }
    }
    let status = world.hub.status().unwrap();
    let counters = status["counters"].as_object().unwrap();
    let refused: Vec<&String> = counters.keys().filter(|name| name.starts_with("refused")).collect();
    assert_eq!(refused, Vec::<&String>::new());
    assert_eq!(counter(&status, "frames.unknown_device"), 0);
    assert_eq!(world.site.trouble(), None);
    world.hub.stop().unwrap();
    world.stop().unwrap();
}

/// A world with the kitchen's walk-in cooler alone, whose contact is an EM300's.
fn cooler() -> (tempfile::TempDir, Workbench) {
    let folder = tempfile::tempdir().unwrap();
    let mut units = furnishing::kitchen();
    units.retain(|unit| matches!(unit.furnished.sensor, Sensor::Em300Mcs { .. }));
    let document = document::of(KITCHEN, "frostguard/test", &units);
    let mut bench = Workbench::lay_out(folder.path(), &document).unwrap();
    bench.start().unwrap();
    (folder, bench)
}

fn uplink(network: &NetworkServer, frame_count: u32, payload: &[u8]) {
    network
        .publish(&Uplink {
            dev_eui: NODE,
            device_name: "cooler",
            frame_count,
            port: F_PORT,
            payload,
            rssi: -80,
            at: wall(),
        })
        .unwrap();
}

#[test]
fn what_a_sensor_had_logged_is_recorded_at_its_own_time_and_never_shown_as_live() {
    let (_folder, mut bench) = cooler();
    let open = |open| Live { temperature_deci_c: Some(31), open: Some(open), ..Live::default() }.payload();
    uplink(&bench.network, 1, &open(true));
    uplink(&bench.network, 2, &open(false));
    let read = |status: &Value| reads(status, "walk_in_cooler_sensor", "air");
    bench.wait_status("the live value", SOON, |status| read(status).as_deref() == Some("3.10")).unwrap();

    let hour_ago = u32::try_from(wall().as_second() - 3_600).unwrap();
    let logged = |at| Logged { unix_time: at, temperature_deci_c: 64, humidity_half_pct: 160, open: true };
    uplink(&bench.network, 3, &log_payload(&[logged(hour_ago), logged(hour_ago + 600), logged(hour_ago)]));
    let status = bench
        .wait_status("two late values, and one of them repeated", SOON, |status| {
            counter(status, "values.late") == 2 && counter(status, "values.late_repeated") == 1
        })
        .unwrap();
    assert_eq!(read(&status).as_deref(), Some("3.10"));
    bench.hub.stop().unwrap();
    assert_eq!(doors(&bench.hub), ["open", "closed"], "the log tells of no door");
    bench.clear_away().unwrap();
}

#[test]
fn devices_of_another_application_are_not_heard_by_a_hub_that_listens_to_one() {
    let folder = tempfile::tempdir().unwrap();
    let units = furnishing::kitchen();
    let document = document::of(KITCHEN, "frostguard/test", &units);
    let mut bench = Workbench::lay_out(folder.path(), &document).unwrap();
    bench.hub.listen_to(frostguard_tests::hub::Ears::Lora { application: ANOTHER }).unwrap();
    bench.hub.start(None).unwrap();
    bench.wait_status("it hears", SOON, |status| status["sources"]["lorawan"]["works"] == true).unwrap();
    let ours = NetworkServer::connect_for(bench.broker.port(), ANOTHER);
    let payload = Live { temperature_deci_c: Some(31), open: Some(false), ..Live::default() }.payload();
    uplink(&bench.network, 1, &payload);
    uplink(&ours, 2, &payload);
    uplink(&bench.network, 3, &payload);
    uplink(&ours, 4, &payload);
    let status =
        bench.wait_status("two frames", SOON, |status| counter(status, "frames.heard") == 2).unwrap();
    assert!(status["sources"]["ble"].is_null(), "it has no Bluetooth to listen to");
    bench.clear_away().unwrap();
}

#[test]
fn staff_at_a_door_with_a_contact_are_in_the_record() {
    let folder = tempfile::tempdir().unwrap();
    let mut units = furnishing::kitchen();
    units.retain(|unit| unit.furnished.key == "walk_in_cooler");
    // Nobody comes by themselves, so that the record holds what is done here and nothing else.
    units[0].furnished.routine = frostguard_tests::site::routine::Routine::NONE;
    let document = document::of(KITCHEN, "frostguard/test", &units);
    let furnishing = Furnishing {
        document: &document,
        units: vec![units[0].furnished.clone()],
        pace: furnishing::PACE,
        application: NetworkServer::APPLICATION,
        topic: "frostguard/test",
    };
    let mut world = World::furnish(folder.path(), furnishing).unwrap();
    world.hub.start(None).unwrap();
    let stands = |world: &World, word: &str| {
        wait_for(&format!("the door stands {word}"), SOON, || {
            let status = world.hub.status().ok()?;
            let points = status["units"][0]["points"].as_array()?.clone();
            points.iter().any(|point| point["door"] == word).then_some(())
        })
        .unwrap();
    };
    for (state, word) in [(Door::Closed, "closed"), (Door::Open, "open"), (Door::Closed, "closed")] {
        world.site.door("walk_in_cooler", state).unwrap();
        stands(&world, word);
    }
    world.hub.stop().unwrap();
    assert_eq!(doors(&world.hub), ["closed", "open", "closed"]);
    world.stop().unwrap();
}
