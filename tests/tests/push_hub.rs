//! Owns what only the hub's whole process can show of documents and commands from a cloud: limits that change while it
//! runs, deaths at every step, rules taken back, questions to people.
//! Takes the hub's program and a double of the cloud on the loopback; gives what page, files and record say of it.
//! Must never look inside the process.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

#[path = "../../edge/tests/watch/cloud.rs"]
#[expect(dead_code, reason = "the double can do more mischief than is wanted here")]
mod cloud;

use std::time::Duration;

use cloud::Cloud;
use frostguard_shared::claim::Invitation;
use frostguard_shared::ids::{AlertId, CommandId, HubId, PersonId};
use frostguard_shared::quantity::CentiCelsius;
use frostguard_shared::rules::{Field, Provenance, UnitRules};
use frostguard_shared::signature::SecretKey;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::desired::{
    ACKNOWLEDGE, Command, Document, IDENTIFY, SELF_TEST, Signed, UnitDocument,
};
use frostguard_tests::clock::{wait_for, wall};
use frostguard_tests::hub::Fault;
use frostguard_tests::site::chirpstack::Uplink;
use frostguard_tests::site::encode_lht65::{self, Logged, Probe};
use frostguard_tests::site::subscriber::Subscriber;
use frostguard_tests::workbench::{SOON, Workbench, works};
use frostguard_tests::world::{PERSON, PIN};
use serde_json::Value;
use tempfile::TempDir;

const TAG: &str = "A4:C1:38:00:00:01";
const NODE: &str = "a84041ffff123456";
/// A trial of ten seconds, what follows from it, and as long again for a busy machine.
const TRIED: Duration = Duration::from_secs(40);
const DIED: Duration = Duration::from_secs(60);

/// A freezer whose alarm comes at once, and a fridge.
const SITE: &str = r#"[site]
name = "Push"
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
[units.fridge]
name = "Fridge"
type = "fridge"
[units.fridge.rules.alarm_active]
temp_max_c = 8.0
[devices.tag]
model = "bthome"
address = "A4:C1:38:00:00:01"
points = { air = "freezer:air" }
[devices.node]
model = "dragino-lht65"
address = "a84041ffff123456"
points = { air = "fridge:air" }
[outputs.building]
kind = "mqtt"
host = "127.0.0.1"
port = {broker_port}
topic = "frostguard/test"
"#;

/// A hub that belongs to the double's cloud.
struct Far {
    bench: Workbench,
    cloud: Cloud,
    hub: HubId,
    _folder: TempDir,
}

impl Far {
    /// The hub runs, is enrolled, hears, and its output works.
    fn begin() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut bench = Workbench::lay_out(folder.path(), SITE).unwrap();
        bench.hub.setting("FROSTGUARD_EDGE__CLOUD__TRIAL_SECONDS", "10");
        bench.hub.setting("FROSTGUARD_EDGE__JOURNAL__GROUP_SECONDS", "1");
        bench.start().unwrap();
        let cloud = Cloud::new();
        let link = Invitation { cloud: Some(cloud.url()), code: cloud.code() };
        bench.hub.enrol(&link.to_string()).unwrap();
        let status = bench.wait_status("the cloud holds the record", SOON, |status| {
            status["cloud"]["state"] == "live" && works(status, "outputs", "building") == Some(true)
        });
        let hub = status.unwrap()["hub"].as_str().unwrap().parse().unwrap();
        Self { bench, cloud, hub, _folder: folder }
    }

    /// The rules that the hub has told, changed for the units of these names.
    fn document(&self, version: u64, change: impl Fn(&str, &mut UnitRules)) -> Document {
        let site = self.cloud.look(|memory| memory.sites.last().unwrap().clone());
        let unit = |unit: &frostguard_shared::wire::site::Unit| {
            let mut rules = serde_json::from_str(&unit.rules).unwrap();
            change(&unit.name, &mut rules);
            UnitDocument { unit: unit.id, rules: serde_json::to_string(&rules).unwrap() }
        };
        Document { hub: self.hub, version, made: now(), units: site.units.iter().map(unit).collect() }
    }

    /// The same, with another upper limit of one unit.
    fn limit(&self, version: u64, name: &'static str, hundredths: i32) -> Document {
        self.document(version, move |unit, rules| {
            if unit == name {
                let value = CentiCelsius::new(hundredths).unwrap();
                rules.limits[0].max = Field { value: Some(value), provenance: Provenance::Site };
            }
        })
    }

    fn desire(&self, version: u64, signed: Signed) {
        self.cloud.look(|memory| memory.document = Some((version, signed)));
    }

    fn desire_limit(&self, version: u64, name: &'static str, hundredths: i32) {
        self.desire(version, self.limit(version, name, hundredths).signed(&self.cloud.key));
    }

    fn wait(&self, what: &str, limit: Duration, wanted: impl Fn(&Value) -> bool) -> Value {
        self.bench.wait_status(what, limit, |status| wanted(&status["configuration"])).unwrap()
    }

    fn ask(&self, n: u8, kind: &str, alert: Option<AlertId>) -> CommandId {
        let id = CommandId::from_bytes([n; 16]);
        let command = Command {
            id,
            hub: self.hub,
            made: now(),
            expires: WallMs(now().0 + 600_000),
            person: Some(PersonId::from_bytes([5; 16])),
            kind: kind.into(),
            alert,
        };
        let signed = command.signed(&self.cloud.key);
        self.cloud.look(|memory| memory.commands.push((id, signed)));
        id
    }

    /// Everything is ended; gives the record.
    fn end(mut self) -> Vec<Value> {
        if self.bench.hub.id().is_some() {
            self.bench.hub.stop().unwrap();
        }
        self.bench.hub.verified().unwrap();
        let events = self.bench.hub.events().unwrap();
        self.bench.clear_away().unwrap();
        events
    }
}

fn now() -> WallMs {
    WallMs(wall().as_millisecond())
}

fn of<'e>(events: &'e [Value], kind: &str) -> Vec<&'e Value> {
    events.iter().filter(|event| event["type"] == kind).collect()
}

fn limit_of<'s>(status: &'s Value, key: &str) -> &'s Value {
    let unit = status["units"].as_array().unwrap().iter().find(|unit| unit["key"] == key);
    &unit.unwrap()["limits"]
}

#[test]
fn a_limit_changed_from_afar_changes_a_transition_in_the_record_of_the_running_hub() {
    let far = Far::begin();
    far.bench.temperature(TAG, -1_800).unwrap();
    far.bench
        .wait_status("it is cold", SOON, |s| s["units"][0]["points"][0]["temperature_c"] == "-18.00")
        .unwrap();
    far.desire_limit(3, "Freezer", -2_000);
    let status = far.wait("it is applied and proven", SOON, |configuration| {
        configuration["applied"] == 3 && configuration["on_trial"].is_null()
    });
    assert_eq!(
        *limit_of(&status, "freezer"),
        serde_json::json!({
            "min_c": null, "max_c": "-20.00", "from": "cloud", "version": 3,
        })
    );
    far.bench.temperature(TAG, -1_820).unwrap();
    far.bench.wait_status("it is too warm now", SOON, |s| s["units"][0]["status"] == "alarm_active").unwrap();
    let page = far.bench.hub.browser().get("/").unwrap().body;
    assert!(page.contains("at most −20.0 °C (from the cloud)"), "{page}");
    let config = far.bench.hub.config().display().to_string();
    let check = far.bench.hub.command(&["config", "check", "--config", &config], None).unwrap();
    assert!(check.stdout.contains("unit \"freezer\" come from the cloud (version 3)"), "{}", check.stdout);
    let said = far.bench.hub.command(&["status", "--config", &config], None).unwrap().stdout;
    assert!(
        said.contains("rules from the cloud, version 3") && said.contains("decided on version 3"),
        "{said}"
    );
    let events = far.end();
    assert_eq!(of(&events, "config.applied/2")[0]["data"]["version"], 3);
    let moved = of(&events, "unit.transition/1");
    let to =
        |word: &str| moved.iter().find(|event| event["data"]["to"] == word).unwrap()["data"]["why"].clone();
    let begun = to("pending");
    assert_eq!(begun["basis"]["field"], "temp_max_c");
    assert_eq!(begun["basis"]["value"], -2_000);
    assert_eq!(begun["basis"]["provenance"], "site");
    assert_eq!(to("confirmed")["figures"]["limit_centi_c"], -2_000);
}

#[test]
fn killed_at_any_step_of_an_application_a_hub_runs_the_old_rules_or_the_new_and_comes_to_the_new() {
    let mut far = Far::begin();
    let mut limit = -1_500;
    let steps = [
        Fault::Counted { place: "desired.received", time: 1 },
        Fault::Counted { place: "desired.before_file", time: 1 },
        Fault::Counted { place: "desired.after_file", time: 1 },
        Fault::BeforeCommitting("config.applied"),
        Fault::AfterCommitting("config.applied"),
        Fault::Counted { place: "desired.trial", time: 1 },
    ];
    for (version, step) in (1..).zip(steps) {
        let before = limit;
        limit -= 10;
        far.bench.hub.kill();
        far.desire_limit(version, "Freezer", limit);
        far.bench.hub.launch(Some(step)).unwrap();
        far.bench.hub.wait_end(DIED).unwrap_or_else(|fault| panic!("{step:?}: {fault}"));
        // Without the cloud it says what it has.
        far.cloud.look(|memory| memory.document = None);
        far.bench.hub.start(None).unwrap();
        let status = far.bench.hub.status().unwrap();
        let shown = limit_of(&status, "freezer")["max_c"].as_str().unwrap().to_owned();
        let text = |limit: i32| CentiCelsius::new(limit).unwrap().to_string();
        assert!([text(before), text(limit)].contains(&shown), "{step:?}: {shown}");
        let applied = status["configuration"]["applied"].as_u64().unwrap();
        assert_eq!(shown == text(limit), applied == version, "{step:?}: {status}");
        far.desire_limit(version, "Freezer", limit);
        let status = far.wait("it comes to the new rules", TRIED, |configuration| {
            configuration["applied"] == version && configuration["on_trial"].is_null()
        });
        assert_eq!(limit_of(&status, "freezer")["max_c"], text(limit), "{step:?}");
    }
    let events = far.end();
    let applied: Vec<u64> = of(&events, "config.applied/2")
        .iter()
        .map(|event| event["data"]["version"].as_u64().unwrap())
        .collect();
    assert_eq!(applied, [1, 2, 3, 4, 5, 6], "each is recorded once");
    assert_eq!(of(&events, "config.rolled_back/1").len(), 0);
}

#[test]
fn an_output_that_stops_answering_takes_the_rules_back_and_a_death_on_the_way_changes_nothing_of_it() {
    let mut far = Far::begin();
    let steps = [
        None,
        Some(Fault::Counted { place: "desired.before_rollback", time: 1 }),
        Some(Fault::Counted { place: "desired.after_rollback_file", time: 1 }),
        Some(Fault::BeforeCommitting("config.rolled_back")),
        Some(Fault::AfterCommitting("config.rolled_back")),
    ];
    for (version, step) in (1..).zip(steps) {
        if let Some(step) = step {
            far.bench.hub.kill();
            far.cloud.look(|memory| memory.document = None);
            far.bench.hub.start(Some(step)).unwrap();
            far.bench
                .wait_status("its output works", SOON, |s| works(s, "outputs", "building") == Some(true))
                .unwrap();
        }
        // The broker keeps its connections and says nothing any more: only an answer that is owed shows it.
        far.bench.broker.hold().unwrap();
        far.desire_limit(version, "Freezer", -1_600);
        if let Some(step) = step {
            far.bench.hub.wait_end(DIED).unwrap_or_else(|fault| panic!("{step:?}: {fault}"));
            far.bench.hub.start(None).unwrap();
        }
        let status = far.wait("the rules are taken back", TRIED, |configuration| {
            configuration["decided"] == version && configuration["applied"] == 0
        });
        assert_eq!(limit_of(&status, "freezer")["max_c"], "-15.00", "{step:?}");
        far.bench.broker.let_go().unwrap();
    }
    let events = far.end();
    let back = of(&events, "config.rolled_back/1");
    let versions: Vec<u64> = back.iter().map(|event| event["data"]["version"].as_u64().unwrap()).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5], "each is recorded once");
    assert!(back[0]["data"]["reason"].as_str().unwrap().contains("output building"), "{}", back[0]);
    let (applied, back) = (of(&events, "config.applied/2")[0], back[0]);
    let took = back["boottime_ms"].as_i64().unwrap() - applied["boottime_ms"].as_i64().unwrap();
    assert!((10_000..13_000).contains(&took), "{took} ms");
}

#[test]
fn what_cannot_be_meant_is_refused_with_its_word_and_what_waits_takes_effect_by_a_persons_pin() {
    let far = Far::begin();
    // Three hours of the fridge at 4 °C come from its sensor's memory.
    let from = now().0 / 1_000 - 3 * 3_600;
    let record = |n: i64| Logged {
        probe: Probe::Absent,
        builtin_centi_c: 400,
        humidity_tenth_pct: 500,
        unix_time: u32::try_from(from + n * 900).unwrap(),
    };
    for n in 0..3 {
        let records: Vec<Logged> = (n * 4..n * 4 + 4).map(record).collect();
        let uplink = Uplink {
            dev_eui: NODE,
            device_name: "node",
            frame_count: u32::try_from(n + 1).unwrap(),
            port: encode_lht65::F_PORT,
            payload: &encode_lht65::datalog_payload(&records),
            rssi: -87,
            at: wall(),
        };
        far.bench.network.publish(&uplink).unwrap();
    }
    far.bench
        .wait_status("the log is recorded", SOON, |s| s["counters"]["values.late"].as_u64() == Some(12))
        .unwrap();
    far.bench
        .wait_status("it is durable", SOON, |s| s["cloud"]["readings"]["last"].as_u64() >= Some(12))
        .unwrap();
    let (key, stranger) = (far.cloud.key.clone(), SecretKey::from_seed(&[8; 32]));
    let silent = far.document(2, |_, rules| *rules = UnitRules::default());
    let foreign = Document { hub: HubId::from_bytes([9; 16]), ..far.limit(9, "Fridge", 700) };
    let cases = [
        (9, far.limit(9, "Fridge", 700).signed(&stranger), "unsigned"),
        (9, foreign.signed(&key), "foreign_hub"),
        (2, silent.signed(&key), "silences"),
        (3, far.limit(3, "Fridge", 200).signed(&key), "dry_run"),
        (9, far.limit(3, "Fridge", 700).signed(&key), "stale"),
        (4, far.limit(4, "Freezer", 0).signed(&key), "hard_limit"),
    ];
    for (n, (offered, signed, _)) in (1u64..).zip(cases.iter()) {
        far.desire(*offered, signed.clone());
        far.bench
            .wait_status("it is refused", SOON, |status| {
                status["counters"]["configuration.refused"].as_u64() == Some(n)
            })
            .unwrap();
    }
    let status =
        far.wait("the last one waits", SOON, |configuration| configuration["waiting"]["version"] == 4);
    assert_eq!(status["configuration"]["applied"], 0);
    let browser = far.bench.hub.browser();
    let overview = browser.get("/").unwrap().body;
    assert!(overview.contains("wait for somebody here") && overview.contains("lies outside"), "{overview}");
    let question = browser.get("/configuration").unwrap().body;
    assert!(question.contains("Freezer: upper limit 0.00 °C, now -15.00 °C"), "{question}");
    let answer = |pin: &str, version: &str| {
        let fields = [("version", version), ("person", PERSON), ("pin", pin)];
        browser.post("/configuration/apply", &fields).unwrap().status
    };
    assert_eq!(answer("111111", "4"), 403);
    assert_eq!(answer(PIN, "3"), 404, "another version than the one that waits");
    assert_eq!(answer(PIN, "4"), 303);
    let status = far.wait("it is applied", SOON, |configuration| configuration["applied"] == 4);
    assert_eq!(limit_of(&status, "freezer")["max_c"], "0.00");
    far.desire_limit(5, "Freezer", 100);
    far.wait("the next one waits", SOON, |configuration| configuration["waiting"]["version"] == 5);
    let fields = [("version", "5"), ("person", PERSON), ("pin", PIN)];
    assert_eq!(browser.post("/configuration/turn-down", &fields).unwrap().status, 303);
    far.wait("it waits no more", SOON, |configuration| configuration["waiting"].is_null());
    let events = far.end();
    let codes: Vec<&str> =
        of(&events, "config.refused/1").iter().map(|event| event["data"]["code"].as_str().unwrap()).collect();
    let wanted: Vec<&str> =
        cases.iter().map(|(_, _, code)| *code).chain(["hard_limit", "hard_limit"]).collect();
    assert_eq!(codes, wanted);
    let applied = of(&events, "config.applied/2");
    assert_eq!((applied.len(), &applied[0]["actor"]["kind"]), (1, &Value::from("person")));
}

#[test]
fn a_hub_that_was_off_while_documents_were_made_takes_the_newest_at_its_first_contact() {
    let mut far = Far::begin();
    far.bench.hub.kill();
    far.desire_limit(1, "Freezer", -1_600);
    far.desire_limit(7, "Freezer", -1_700);
    far.bench.hub.start(None).unwrap();
    let status = far.wait("the newest is applied", TRIED, |configuration| configuration["applied"] == 7);
    assert_eq!(limit_of(&status, "freezer")["max_c"], "-17.00");
    let events = far.end();
    assert_eq!(of(&events, "config.applied/2").len(), 1);
}

#[test]
fn a_command_is_done_once_although_it_comes_again_and_the_hub_dies_in_between() {
    let mut far = Far::begin();
    let steps = [
        Fault::BeforeCommitting("command.received"),
        Fault::AfterCommitting("command.received"),
        Fault::BeforeCommitting("command.done"),
        Fault::AfterCommitting("command.done"),
    ];
    far.bench.temperature(TAG, -500).unwrap();
    let status = far.bench.wait_status("an alarm", SOON, |s| s["alarms"][0]["state"] == "sounding").unwrap();
    let alert = status["alarms"][0]["alert"].as_str().unwrap().parse().unwrap();
    let mut ids = Vec::new();
    for (n, step) in (1..).zip(steps) {
        far.bench.hub.kill();
        ids.push(far.ask(n, ACKNOWLEDGE, Some(alert)).to_string());
        far.bench.hub.launch(Some(step)).unwrap();
        far.bench.hub.wait_end(DIED).unwrap_or_else(|fault| panic!("{step:?}: {fault}"));
        far.bench.hub.start(None).unwrap();
        let (id, asked) = (CommandId::from_bytes([n; 16]), far.cloud.times("/hub/v1/desired"));
        wait_for("the cloud hears of it", SOON, || {
            let told = far.cloud.look(|memory| {
                memory.polls.last().is_some_and(|poll| poll.received.contains(&id))
                    || memory.epochs.values().flat_map(|epoch| &epoch.events).any(|(_, bytes)| {
                        let text = String::from_utf8_lossy(bytes);
                        text.contains("command.done/1") && text.contains(&id.to_string())
                    })
            });
            (told && far.cloud.times("/hub/v1/desired") > asked + 1).then_some(())
        })
        .unwrap();
    }
    far.bench.wait_status("it is acknowledged", SOON, |s| s["alarms"][0]["state"] == "acknowledged").unwrap();
    let events = far.end();
    for kind in ["command.received/1", "command.done/1"] {
        let told: Vec<&str> =
            of(&events, kind).iter().map(|event| event["data"]["command"].as_str().unwrap()).collect();
        assert_eq!(told, ids, "{kind}");
    }
    assert_eq!(of(&events, "alert.acknowledged/1").len(), 4, "each asked for once");
}

#[test]
fn a_hub_that_is_looked_for_shows_itself_and_a_self_test_is_told_to_its_outputs_as_a_test() {
    let far = Far::begin();
    let listener = Subscriber::connect(far.bench.broker.port(), "building", &["frostguard/test/#"]).unwrap();
    far.ask(1, IDENTIFY, None);
    listener
        .wait_for("the hub shows itself", SOON, |message| {
            message.topic == "frostguard/test/alarm" && message.json()["identify"]["name"] == "Push"
        })
        .unwrap();
    let page = far.bench.hub.browser().get("/").unwrap().body;
    assert!(page.contains("Here: this is the hub of Push"), "{page}");
    far.ask(2, SELF_TEST, None);
    listener
        .wait_for("the test", SOON, |message| {
            message.topic == "frostguard/test/test" && message.json()["why"] == "self_test"
        })
        .unwrap();
    let done = CommandId::from_bytes([2; 16]).to_string();
    wait_for("the cloud hears how it went", SOON, || {
        far.cloud
            .look(|memory| {
                memory.epochs.values().flat_map(|epoch| &epoch.events).any(|(_, bytes)| {
                    let text = String::from_utf8_lossy(bytes);
                    text.contains("command.done/1") && text.contains(&done)
                })
            })
            .then_some(())
    })
    .unwrap();
    drop(listener);
    let events = far.end();
    let test = of(&events, "selftest.done/1")[0];
    assert_eq!(test["data"]["passed"], true, "{test}");
    let names: Vec<&str> = test["data"]["checks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|check| check["name"].as_str().unwrap())
        .collect();
    for name in ["record", "output building", "source ble", "source lorawan", "clock", "cloud"] {
        assert!(names.contains(&name), "{names:?}");
    }
}
