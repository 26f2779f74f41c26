//! Documents: what a hub is given, when, and with which number.

use std::thread;
use std::time::Duration;

use frostguard_shared::ids::{DeviceId, PointId};
use frostguard_shared::rules::UnitRules;
use frostguard_tests::clock::now;
use frostguard_tests::cloud::access_world::{HandmadeHub, id};
use frostguard_tests::cloud::push_world::Polled;
use serde_json::{Value, json};

use crate::world::{World, manager, rules, upper};

pub fn a_limit_changed_far_away_reaches_a_waiting_hub_within_two_seconds(world: &World) {
    let hub = world.hub(11);
    let unit = hub.hub.site.units[0].id;
    thread::scope(|threads| {
        let waiting = threads.spawn(|| hub.ask(&world.front).unwrap());
        // It waits once it has told of itself.
        let noted = "SELECT count(*) FROM hub_configs";
        frostguard_tests::clock::wait_for("the hub waits", Duration::from_secs(10), || {
            (world.access.ask(noted).unwrap() == "1").then_some(())
        })
        .unwrap();
        let begun = now();
        world.set_limit(&hub, -1_200);
        let desired = waiting.join().unwrap().desired().unwrap();
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(2), "{took:?}");
        assert_eq!(desired.commands, []);
        let document = world.read(&hub, &desired.document.unwrap());
        assert_eq!(document.version, 1);
        assert_eq!(upper(&document, unit), json!({ "value": -1200, "provenance": "unit" }));
    });
    // Whoever asks later is answered at once with the same.
    assert_eq!(upper(&world.document(&hub), unit)["value"], -1200);
}

pub fn a_document_has_all_rules_of_the_hub_and_only_what_was_set_has_changed(world: &World) {
    let hub = world.hub_with_two_units(11);
    let [freezer, fridge] = [0, 1].map(|n| hub.hub.site.units[n].id);
    world.set(fridge, json!({ "temp_max_centi_c": 600 }));
    let document = world.document(&hub);
    assert_eq!(document.units.len(), 2);
    let own: Value = serde_json::from_str(&hub.hub.site.units[0].rules).unwrap();
    assert_eq!(rules(&document, freezer), own, "the freezer is guarded as before");
    let set = rules(&document, fridge);
    assert_eq!(set["limits"][0]["max"], json!({ "value": 600, "provenance": "unit" }));
    assert_eq!(set["limits"][0]["min"], json!({ "value": 0, "provenance": "template" }));
    for unit in &document.units {
        let rules: UnitRules = serde_json::from_str(&unit.rules).unwrap();
        assert_eq!(rules.check(), Ok(()));
    }
    assert!(document.made.0 > 1_700_000_000_000, "{:?}", document.made);
}

pub fn two_who_set_at_once_make_two_documents_and_the_later_has_both(world: &World) {
    let hub = world.hub_with_two_units(11);
    let [freezer, fridge] = [0, 1].map(|n| hub.hub.site.units[n].id);
    let rounds = 6;
    thread::scope(|threads| {
        for (unit, field) in
            [(freezer, "temp_max_centi_c"), (fridge, "delay_minutes"), (freezer, "off_delay_minutes")]
        {
            threads.spawn(move || {
                for round in 1..=rounds {
                    let value = if field == "temp_max_centi_c" { -1_000 - round } else { round };
                    world.set(unit, json!({ field: value }));
                }
            });
        }
    });
    let versions =
        "SELECT count(*), min(version), max(version), count(DISTINCT content_hash) FROM config_documents";
    let made = 3 * rounds;
    assert_eq!(
        world.access.ask(versions).unwrap(),
        format!("{made}|1|{made}|{made}"),
        "one for each, without a hole"
    );
    let document = world.document(&hub);
    assert_eq!(document.version, made as u64);
    assert_eq!(upper(&document, freezer)["value"], -1_006);
    assert_eq!(rules(&document, freezer)["limits"][0]["off_delay"]["value"], 6 * 60_000);
    assert_eq!(rules(&document, fridge)["limits"][0]["delay"]["value"], 6 * 60_000);
    let states = "SELECT state, count(*) FROM config_documents GROUP BY state ORDER BY 1";
    assert_eq!(world.access.ask(states).unwrap(), format!("pending|1\nsuperseded|{}", made - 1));
}

pub fn of_two_hubs_of_a_site_each_gets_what_concerns_it(world: &World) {
    let first = world.hub(11);
    let shared = first.hub.site.units[0].clone();
    // The second hub has a unit of its own, and hears a sensor in the first one's.
    let mut second = HandmadeHub::new(12);
    let mut device = second.site.devices[0].clone();
    device.id = DeviceId::from_bytes(id(12, 13));
    device.address = "A840410000000099".into();
    (device.points[0].id, device.points[0].unit) = (PointId::from_bytes(id(12, 14)), shared.id);
    second.site.units.push(shared);
    second.site.devices.push(device);
    let second = world.enrolled(0, second);
    let own = second.hub.site.units[0].id;
    world.set(own, json!({ "temp_max_centi_c": -1300 }));
    assert_eq!(world.configuration(&first)["state"], "none");
    assert_eq!(world.document(&second).units.len(), 2);
    world.set_limit(&first, -1_200);
    let (of_first, of_second) = (world.document(&first), world.document(&second));
    assert_eq!((of_first.version, of_first.units.len()), (1, 1));
    assert_eq!((of_second.version, of_second.units.len()), (2, 2));
    let unit = first.hub.site.units[0].id;
    assert_eq!(
        (upper(&of_first, unit)["value"].clone(), upper(&of_second, unit)["value"].clone()),
        (json!(-1200), json!(-1200))
    );
    let shown = world.get(&format!("/units/{unit}/rules"));
    assert_eq!(shown["configuration"].as_array().unwrap().len(), 2, "whoever looks sees both hubs");
}

pub fn the_same_again_makes_no_document_unless_the_hub_did_not_take_it(world: &World) {
    let mut hub = world.hub(11);
    world.set_limit(&hub, -1_200);
    world.set_limit(&hub, -1_200);
    let count = "SELECT count(*) FROM config_documents";
    assert_eq!(world.access.ask(count).unwrap(), "1");
    assert_eq!(world.access.ask("SELECT count(*) FROM alert_rules_history").unwrap(), "1");
    hub.tell(&world.front, crate::outcomes::refused(1, false)).unwrap();
    world.set_limit(&hub, -1_200);
    assert_eq!(world.access.ask(count).unwrap(), "2", "asking again is a new try");
    assert_eq!(world.document(&hub).version, 2);
}

pub fn a_hub_that_has_been_told_of_a_higher_number_gets_a_higher_one(world: &World) {
    let mut hub = world.hub(11);
    // As after the cloud was restored: the hub knows a document that the cloud does not.
    (hub.poll.decided, hub.poll.applied) = (9, 8);
    thread::scope(|threads| {
        let waiting = threads.spawn(|| hub.ask(&world.front).unwrap());
        frostguard_tests::clock::wait_for("the hub has told of itself", Duration::from_secs(10), || {
            let told = world.access.ask("SELECT decided_version, applied_version FROM hub_configs").unwrap();
            (told == "9|8").then_some(())
        })
        .unwrap();
        world.set_limit(&hub, -1_200);
        let desired = waiting.join().unwrap().desired().unwrap();
        assert_eq!(world.read(&hub, &desired.document.unwrap()).version, 10);
    });
}

pub fn a_hub_that_was_away_gets_the_newest_alone(world: &World) {
    let mut hub = world.hub(11);
    for hundredths in [-1_300, -1_200, -1_100] {
        world.set_limit(&hub, hundredths);
    }
    let document = world.document(&hub);
    assert_eq!(
        (document.version, upper(&document, hub.hub.site.units[0].id)["value"].clone()),
        (3, json!(-1100))
    );
    hub.poll.decided = 2;
    assert_eq!(world.document(&hub).version, 3);
    // Nothing is new to who has decided on the newest; a limit of another hub is nothing to it.
    hub.poll.decided = 3;
    let other = world.hub(12);
    thread::scope(|threads| {
        let waiting = threads.spawn(|| hub.ask(&world.front).unwrap());
        world.set_limit(&other, -1_000);
        assert_eq!(waiting.join().unwrap(), Polled::Nothing);
    });
    let pages = world.get(&format!("/hubs/{}/configuration?limit=2", hub.hub.hub));
    let next = pages["next"].as_str().unwrap();
    let rest = format!("/hubs/{}/configuration?limit=2&after={next}", hub.hub.hub);
    assert_eq!(world.api(&manager(), 200, "GET", &rest, None)["items"][0]["version"], 1);
}
