//! Owns what only a real hub under a real cloud can show: a limit set by a person far away guards the food on the spot,
//! and what the hub made of it comes back.
//! Takes the hub's program, the cloud's on a real Postgres, and a person who signs in; gives what API, page and record say.
//! Must never write what either side should write.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use std::time::Duration;

use frostguard_tests::clock::wait_for;
use frostguard_tests::cloud::cloud_world::CloudWorld;
use frostguard_tests::cloud::visitor::Visitor;
use frostguard_tests::workbench::{SOON, Workbench, works};
use frostguard_tests::world::{PERSON, PIN};
use serde_json::{Value, json};

const TAG: &str = "A4:C1:38:00:00:01";
const MAIL: &str = "olivia@nord.example";
const PASSWORD: &str = "a long enough password";
/// From a key pressed far away to what the hub made of it, on a machine that is busy with other things.
const THERE_AND_BACK: Duration = Duration::from_secs(30);

const SITE: &str = r#"[site]
name = "Both"
zone = "Europe/Berlin"
[people.maria]
name = "Maria"
pin_hash = "{pin_hash}"
[units.freezer]
name = "Freezer"
type = "freezer"
[units.freezer.rules.alarm_active]
temp_max_c = -15.0
delay_minutes = 0
off_delay_minutes = 0
[devices.tag]
model = "bthome"
address = "A4:C1:38:00:00:01"
points = { air = "freezer:air" }
[outputs.building]
kind = "mqtt"
host = "127.0.0.1"
port = {broker_port}
topic = "frostguard/test"
"#;

/// Asks until the answer is as wanted.
fn until(olivia: &Visitor, path: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = wait_for("the API tells it", THERE_AND_BACK, || {
        last = olivia.ask("GET", path, None).ok()?.json();
        wanted(&last).then(|| last.clone())
    });
    found.unwrap_or_else(|fault| panic!("{fault}: {path} says {last}"))
}

/// Asks for a change, which must be taken.
fn change(olivia: &Visitor, method: &str, path: &str, body: &Value) -> Value {
    let answer = olivia.ask(method, path, Some(body)).unwrap();
    assert!(answer.status < 300, "{method} {path}: {} {}", answer.status, answer.body);
    answer.json()
}

#[test]
fn a_limit_set_by_a_person_far_away_guards_on_the_spot_and_its_alarm_is_acknowledged_from_there() {
    let folder = tempfile::tempdir().unwrap();
    let mut far = CloudWorld::start_for(&folder.path().join("far"), "Nord GmbH", "Kitchen").unwrap();
    far.cloud.start(None).unwrap();
    let organization = far.let_in.organization.clone();
    let words =
        ["person", "add", "Olivia", "--email", MAIL, "--organization", &organization, "--role", "owner"];
    assert!(far.cloud.command_told(&words, PASSWORD).unwrap().status.success());
    let mut bench = Workbench::lay_out(&folder.path().join("near"), SITE).unwrap();
    bench.hub.setting("FROSTGUARD_EDGE__CLOUD__TRIAL_SECONDS", "10");
    bench.hub.setting("FROSTGUARD_EDGE__JOURNAL__GROUP_SECONDS", "1");
    bench.start().unwrap();
    bench.hub.enrol(&far.let_in.link).unwrap();
    let live = bench.wait_status("the cloud holds the record", THERE_AND_BACK, |status| {
        status["cloud"]["state"] == "live" && works(status, "outputs", "building") == Some(true)
    });
    let hub = live.unwrap()["hub"].as_str().unwrap().to_owned();
    let olivia = Visitor::at(far.link.port()).signed_in(MAIL, PASSWORD).unwrap();
    let units =
        until(&olivia, "/units", |page| page["items"].as_array().is_some_and(|units| units.len() == 1));
    let rules = format!("/units/{}/rules", units["items"][0]["id"].as_str().unwrap());

    bench.temperature(TAG, -1_800).unwrap();
    bench
        .wait_status("it is cold", SOON, |s| s["units"][0]["points"][0]["temperature_c"] == "-18.00")
        .unwrap();
    change(&olivia, "PATCH", &rules, &json!({ "temp_max_centi_c": -2_000 }));
    let status = bench.wait_status("the hub has applied it", THERE_AND_BACK, |status| {
        status["units"][0]["limits"]["max_c"] == "-20.00"
    });
    assert_eq!(status.unwrap()["units"][0]["limits"]["from"], "cloud");
    let told = until(&olivia, &rules, |rules| rules["configuration"][0]["state"] == "applied");
    let configuration = &told["configuration"][0];
    assert_eq!(configuration["applied_version"], configuration["desired_version"]);

    bench.temperature(TAG, -1_820).unwrap();
    let alarm = bench.wait_status("an alarm", SOON, |s| s["alarms"][0]["state"] == "sounding").unwrap();
    let alert = alarm["alarms"][0]["alert"].as_str().unwrap().to_owned();
    until(&olivia, &format!("/alerts/{alert}"), |told| told["id"] == alert.as_str());
    let asked = change(&olivia, "POST", &format!("/alerts/{alert}/acknowledge"), &json!({}));
    bench
        .wait_status("it is acknowledged on the spot", THERE_AND_BACK, |status| {
            status["alarms"][0]["state"] == "acknowledged"
        })
        .unwrap();
    let command = format!("/commands/{}", asked["id"].as_str().unwrap());
    until(&olivia, &command, |command| command["state"] == "done");

    let asked = change(&olivia, "POST", &format!("/hubs/{hub}/commands"), &json!({ "kind": "self_test" }));
    let command = format!("/commands/{}", asked["id"].as_str().unwrap());
    let done = until(&olivia, &command, |command| command["state"] == "done");
    assert_eq!(done["outcome"], "everything works", "{done}");

    // Thawing needs somebody who stands before the freezer.
    change(&olivia, "PATCH", &rules, &json!({ "temp_max_centi_c": 0 }));
    let told = until(&olivia, &rules, |r| r["configuration"][0]["state"] == "waiting_for_confirmation");
    assert_eq!(told["configuration"][0]["reason_code"], "hard_limit", "{told}");
    let version = told["configuration"][0]["desired_version"].to_string();
    let fields = [("version", version.as_str()), ("person", PERSON), ("pin", PIN)];
    assert_eq!(bench.hub.browser().post("/configuration/apply", &fields).unwrap().status, 303);
    until(&olivia, &rules, |rules| rules["configuration"][0]["state"] == "applied");
    bench.hub.stop().unwrap();
    bench.hub.verified().unwrap();
    bench.clear_away().unwrap();
    far.stop().unwrap();
}
