//! `frostguard-edge why`: asked of the journal of a hub that runs.

use crate::world::{MINUTE, SECOND, T0, World};
use frostguard_edge::watch::Deed;
use frostguard_shared::ids::PersonId;
use frostguard_shared::time::DurationMs;
use serde_json::Value;
use std::process::{Command, Output};

fn why(world: &World, arguments: &[&str]) -> Output {
    let folder = world.folder.path();
    let config = folder.join("hub.toml");
    let shown = |name: &str| folder.join(name).display().to_string();
    let text = format!("state_dir = \"{}\"\nsite = \"{}\"\n", folder.display(), shown("site.toml"));
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_frostguard-edge"));
    command.arg("why").arg("--config").arg(&config).args(arguments).output().unwrap()
}

fn words(world: &World, arguments: &[&str]) -> String {
    let output = why(world, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn says(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "\"{part}\" is missing from:\n{text}");
    }
}

/// A freezer that has been warm for four of its five minutes, with its door open for the last two of them.
fn pending() -> World {
    let mut world = World::new();
    world.freezer_for(5, -1800);
    world.freezer_for(3, -1400);
    world.advert("400288fa2d01");
    world.freezer_for(2, -1400);
    // What was heard is on the disk a moment later.
    world.run(6 * SECOND);
    world
}

#[test]
fn a_unit_that_is_out_of_range_says_how_much_of_its_time_is_used_and_who_has_said_so() {
    let world = pending();
    let text = words(&world, &["freezer"]);
    says(
        &text,
        &[
            "Freezer (freezer): excursion",
            "out of range, not yet for long enough to be an alarm",
            "beyond temp_max_c = -15.00 °C, set at the unit",
            "used 2 min and 2 min with the door open: not yet long enough",
            "delay_minutes = 5 min, set at the unit",
            "max_excursion_minutes = 60 min, nobody has set it, so the system's default",
            "An open door may excuse warm air for 60 min more today",
            "thermal, warm side     tag air                  pending",
            "door                   tag door                 open",
            "thermal of tag air: normal to pending, status excursion",
        ],
    );
}

#[test]
fn an_alarm_says_its_life_and_what_held_back_that_people_were_told() {
    let mut world = pending();
    world.freezer_for(3, -1400);
    let alert = world.desired().alarms[0].alert;
    let person = world.person("maria");
    let now = world.clock;
    world.watch().act(&Deed::Acknowledge(alert), person, now).unwrap().unwrap();
    let text = words(&world, &["Freezer"]);
    says(
        &text,
        &[
            "Freezer (freezer): alarm_active",
            "too warm (alarm_active), critical, since",
            "raised: air at -14.00 °C, outside its limit for 5 min",
            "door closed 2 min, door open 3 min",
            "Maria is on it, until",
            "people were last told at",
            "held back because somebody is on it",
        ],
    );
    let freezer = world.view().units[0].id;
    let shelve = Deed::Shelve { unit: freezer, length: DurationMs::minutes(60), reason: "loading".into() };
    world.watch().act(&shelve, PersonId::from_bytes([9; 16]), now).unwrap().unwrap();
    let text = words(&world, &["freezer"]);
    says(&text, &["Silenced until"]);
}

#[test]
fn the_past_is_told_as_it_was_and_machines_get_the_same() {
    let mut world = pending();
    world.freezer_for(10, -1800);
    let at = |minute: i64| {
        let at = jiff::Timestamp::from_millisecond(T0 + minute * MINUTE).unwrap();
        at.to_string()
    };
    says(&words(&world, &["freezer", "--at", &at(3)]), &["Freezer (freezer): ok", "all is well"]);
    let told: Value = serde_json::from_str(&words(&world, &["freezer", "--at", &at(8), "--json"])).unwrap();
    assert_eq!(told["status"], "excursion");
    assert_eq!(told["as_of"], Value::from(at(8)));
    assert_eq!(told["excursions"][0]["spent_ms"]["closed"], 2 * MINUTE);
    assert_eq!(told["excursions"][0]["allowed"]["provenance"], "unit");
    assert_eq!(told["excursions"][0]["confirms_at"], Value::from(at(11)));
    let said = told["rules"].as_array().unwrap().iter().find(|rule| rule["field"] == "temp_max_c").unwrap();
    assert_eq!((&said["value"], &said["set_at"]), (&Value::from("-15.00 °C"), &Value::from("unit")));
}

#[test]
fn a_unit_or_a_time_that_is_none_is_said_to_be_none() {
    let world = World::new();
    for (arguments, part) in [
        (&["cellar"][..], "there is no unit \"cellar\"; the units are freezer, fridge"),
        (&["freezer", "--at", "noon"], "\"noon\" is no time"),
        (&["freezer", "--at", "2001-01-01 12:00"], "that is too long ago"),
    ] {
        let output = why(&world, arguments);
        assert_eq!(output.status.code(), Some(1));
        says(&String::from_utf8(output.stderr).unwrap(), &[part]);
    }
}
