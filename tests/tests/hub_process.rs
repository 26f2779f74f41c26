//! Owns what only the hub's whole process can show: brokers and scans that go away, hostile input, refusals, ends.
//! Takes the hub's program between a real broker and a real bus; gives what status, page and record say of it.
//! Must never look inside the process.
#![expect(clippy::unwrap_used, reason = "this file is a test: a failed step is the finding")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::time::Duration;

use frostguard_tests::clock::now;
use frostguard_tests::site::encode_bthome::Measurement;
use frostguard_tests::site::subscriber::{Message, Subscriber};
use frostguard_tests::workbench::{SOON, Workbench, counter, works};
use frostguard_tests::world::{PERSON, PIN};
use serde_json::Value;
use tempfile::TempDir;

const TAG: &str = "A4:C1:38:00:00:01";
const NODE: &str = "a84041ffff123456";
/// The longest that the hub waits before it connects again, and as long again for a busy machine.
const RECONNECTED: Duration = Duration::from_secs(60);

/// A freezer whose alarm comes at once and a fridge; each has a name that a page could take for its own.
const SITE: &str = r#"[site]
name = "Process"
zone = "Europe/Berlin"
[people.maria]
name = "Maria"
pin_hash = "{pin_hash}"
[units.freezer]
name = "<b>x</b>"
type = "freezer"
[units.freezer.rules.alarm_active]
temp_max_c = -15.0
delay_minutes = 0
off_delay_minutes = 0
[units.fridge]
name = "Fridge & \"Co\""
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
points = { air = "fridge:air", probe1 = "fridge:product" }
"#;

const OUTPUT: &str = r#"[outputs.building]
kind = "mqtt"
host = "127.0.0.1"
port = {broker_port}
topic = "frostguard/test"
"#;

fn started(site: &str) -> (TempDir, Workbench) {
    let (folder, mut bench) = laid_out(site);
    bench.start().unwrap();
    (folder, bench)
}

fn laid_out(site: &str) -> (TempDir, Workbench) {
    let folder = tempfile::tempdir().unwrap();
    let bench = Workbench::lay_out(folder.path(), site).unwrap();
    (folder, bench)
}

fn point<'s>(status: &'s Value, device: &str) -> &'s Value {
    let mut points = status["units"].as_array().unwrap().iter().flat_map(|u| u["points"].as_array().unwrap());
    points.find(|point| point["device"] == device).unwrap()
}

fn reads(bench: &Workbench, device: &str, celsius: &str) {
    let what = format!("{device} reads {celsius}");
    bench.wait_status(&what, SOON, |status| point(status, device)["temperature_c"] == celsius).unwrap();
}

fn is_raised(message: &Message) -> bool {
    message.topic == "frostguard/test/event" && message.json()["type"] == "alert.raised"
}

fn count_of(events: &[Value], kind: &str) -> usize {
    events.iter().filter(|event| event["type"] == kind).count()
}

#[test]
fn a_broker_that_dies_and_returns_is_heard_again_and_is_told_of_an_alarm_once() {
    let (_folder, mut bench) = started(&format!("{SITE}{OUTPUT}"));
    // The listener's session outlives the broker's death, so that it misses nothing that is told before it is back.
    let listener =
        Subscriber::connect_lasting(bench.broker.port(), "building", &["frostguard/test/#"]).unwrap();
    let output = |status: &Value| works(status, "outputs", "building");
    bench.uplink(NODE, 1, 400).unwrap();
    reads(&bench, "node", "4.00");
    bench.wait_status("the output works", SOON, |status| output(status) == Some(true)).unwrap();

    bench.broker.stop().unwrap();
    bench
        .wait_status("both ends know of it", SOON, |status| {
            output(status) == Some(false) && works(status, "sources", "lorawan") == Some(false)
        })
        .unwrap();
    bench.temperature(TAG, -500).unwrap();
    bench.wait_status("the alarm sounds", SOON, |status| status["alarms"][0]["state"] == "sounding").unwrap();

    bench.broker.start_again().unwrap();
    bench
        .wait_status("both ends work again", RECONNECTED, |status| {
            output(status) == Some(true) && works(status, "sources", "lorawan") == Some(true)
        })
        .unwrap();
    listener.wait_for("the alarm is told", SOON, is_raised).unwrap();
    bench.uplink(NODE, 2, 550).unwrap();
    reads(&bench, "node", "5.50");
    // What the output shows last comes after all that it tells.
    listener
        .wait_for("the state of alarm", SOON, |m| {
            m.topic == "frostguard/test/alarm" && m.json()["state"] == "alarm"
        })
        .unwrap();
    let told: Vec<_> = listener.messages().into_iter().filter(is_raised).collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0].json()["reassert"], false);

    bench.hub.stop().unwrap();
    let events = bench.hub.events().unwrap();
    assert_eq!(count_of(&events, "annunciator.failed/1"), 1);
    assert_eq!(count_of(&events, "annunciator.recovered/1"), 1);
    assert_eq!(count_of(&events, "alert.raised/1"), 1);
    drop(listener);
    bench.clear_away().unwrap();
}

#[test]
fn a_site_with_all_its_units_in_alarm_tells_of_every_one_of_them() {
    const UNITS: usize = 80;
    let mut site = "[site]\nname = \"Large\"\nzone = \"Europe/Berlin\"\n".to_owned() + OUTPUT;
    let mac = |unit: usize| format!("A4:C1:38:00:01:{unit:02X}");
    for unit in 0..UNITS {
        site += &format!(
            "[units.u{unit}]\nname = \"Unit {unit}\"\ntype = \"freezer\"\n\
             [units.u{unit}.rules.alarm_active]\ntemp_max_c = -15.0\ndelay_minutes = 0\n\
             [devices.d{unit}]\nmodel = \"bthome\"\naddress = \"{}\"\npoints = {{ air = \"u{unit}:air\" }}\n",
            mac(unit)
        );
    }
    let (_folder, bench) = started(&site);
    let listener = Subscriber::connect(bench.broker.port(), "building", &["frostguard/test/#"]).unwrap();
    bench
        .wait_status("the output works", SOON, |status| works(status, "outputs", "building") == Some(true))
        .unwrap();
    for unit in 0..UNITS {
        bench.temperature(&mac(unit), -500).unwrap();
    }
    let shown = |m: &Message| {
        m.topic == "frostguard/test/alarm" && m.json()["alarms"].as_array().map(Vec::len) == Some(UNITS)
    };
    listener.wait_for("the state with every alarm", SOON, shown).unwrap();
    assert_eq!(listener.messages().iter().filter(|m| is_raised(m)).count(), UNITS);
    bench.clear_away().unwrap();
}

#[test]
fn a_huge_message_and_garbage_are_refused_and_counted_and_uplinks_after_them_still_count() {
    let (_folder, bench) = started(SITE);
    bench.network.publish_anything(NODE, b"{\"deviceInfo\": garbage".to_vec()).unwrap();
    bench.network.publish_anything(NODE, vec![b' '; 64 << 10]).unwrap();
    bench.uplink(NODE, 1, 400).unwrap();
    reads(&bench, "node", "4.00");
    let status = bench.hub.status().unwrap();
    assert_eq!(counter(&status, "refused.lorawan.json"), 1, "{status}");
    assert_eq!(counter(&status, "refused.lorawan.oversize"), 1, "{status}");

    // Too large for the client: the broker would deliver it for ever.
    bench.network.publish_anything(NODE, vec![b' '; 2 << 20]).unwrap();
    bench
        .wait_status("the huge message is refused and uplinks are heard again", RECONNECTED, |status| {
            counter(status, "refused.lorawan.oversize") >= 2
                && works(status, "sources", "lorawan") == Some(true)
        })
        .unwrap();
    bench.uplink(NODE, 2, 550).unwrap();
    reads(&bench, "node", "5.50");
    assert_eq!(counter(&bench.hub.status().unwrap(), "refused.lorawan.oversize"), 2);
    bench.clear_away().unwrap();
}

#[test]
fn a_garbled_advertisement_is_counted_and_the_next_good_one_counts() {
    let (_folder, bench) = started(SITE);
    bench.temperature(TAG, -1_800).unwrap();
    reads(&bench, "tag", "-18.00");
    let good = Measurement { temperature_centi_c: Some(-2_000), ..Measurement::default() }.service_data();
    bench.advert_bytes(TAG, good[..good.len() - 1].to_vec()).unwrap();
    bench.advert_bytes(TAG, vec![0xFF; 24]).unwrap();
    bench.advert_bytes(TAG, Vec::new()).unwrap();
    bench.advert_bytes(TAG, good).unwrap();
    reads(&bench, "tag", "-20.00");
    let status = bench.hub.status().unwrap();
    assert_eq!(counter(&status, "refused.bthome.truncated"), 2, "{status}");
    assert_eq!(counter(&status, "refused.bthome.unknown_part"), 1, "{status}");
    bench.clear_away().unwrap();
}

#[test]
fn a_scan_that_another_program_ended_is_begun_again_within_its_silence() {
    let (_folder, bench) = started(SITE);
    bench.temperature(TAG, -1_800).unwrap();
    reads(&bench, "tag", "-18.00");
    bench.bluez.stop_discovery_by_other().unwrap();
    assert!(bench.temperature(TAG, -1_900).is_err(), "nobody hears now");
    // 45 s of silence, two at most before the next try, and some for a busy machine.
    bench.bluez.wait_discovering(Duration::from_secs(60)).unwrap();
    bench.temperature(TAG, -2_000).unwrap();
    reads(&bench, "tag", "-20.00");
    bench.clear_away().unwrap();
}

#[test]
fn a_second_hub_on_the_same_state_refuses_and_says_why() {
    let (_folder, bench) = started(SITE);
    let config = bench.hub.config().to_str().unwrap().to_owned();
    let second = bench.hub.command(&["run", "--config", &config], None).unwrap();
    assert_eq!(second.status.code(), Some(1));
    let why = format!("another hub is running in {}", bench.hub.state_dir().display());
    assert!(second.stderr.contains(&why), "{}", second.stderr);
    assert_eq!(bench.hub.status().unwrap()["rules_live"], true, "the first one goes on");
    bench.clear_away().unwrap();
}

#[test]
fn an_unknown_key_is_named_with_file_and_line_and_nothing_runs_with_it() {
    let (_folder, bench) = laid_out(SITE);
    let config = bench.hub.config().to_str().unwrap().to_owned();
    let ask =
        |arguments: &[&str]| bench.hub.command(&[arguments, &["--config", &config]].concat(), None).unwrap();
    let right = ask(&["config", "check"]);
    assert_eq!(right.status.code(), Some(0), "{}", right.stderr);

    for (file, section) in [(bench.hub.config().to_owned(), "[journal]"), (bench.hub.site(), "[people.ben]")]
    {
        let text = fs::read_to_string(&file).unwrap();
        let line = text.lines().count() + 2;
        fs::write(&file, format!("{text}{section}\nshoe_size = 43\n")).unwrap();
        let place = format!("{}:{line}: ", file.display());
        for arguments in [&["config", "check"][..], &["run"]] {
            let wrong = ask(arguments);
            assert_eq!(wrong.status.code(), Some(1), "{arguments:?}");
            let named = wrong.stderr.contains(&place) && wrong.stderr.contains("shoe_size");
            assert!(named, "{arguments:?} should name {place}: {}", wrong.stderr);
        }
        fs::write(&file, text).unwrap();
    }
    bench.clear_away().unwrap();
}

#[test]
fn five_wrong_pins_close_the_door_for_the_right_one_too() {
    let (_folder, bench) = started(SITE);
    bench.temperature(TAG, -500).unwrap();
    let raised = |status: &Value| status["alarms"][0]["alert"].is_string();
    let status = bench.wait_status("the alarm", SOON, raised).unwrap();
    let alarm = format!("/alarms/{}", status["alarms"][0]["alert"].as_str().unwrap());
    let browser = bench.hub.browser();
    let acknowledge = |pin: &str| {
        let fields = [("person", PERSON), ("pin", pin)];
        browser.post(&format!("{alarm}/acknowledge"), &fields).unwrap().status
    };
    for _ in 0..5 {
        assert_eq!(acknowledge("111111"), 403);
    }
    assert_eq!(acknowledge("111111"), 429);
    assert_eq!(acknowledge(PIN), 429);
    assert_eq!(acknowledge(&"1".repeat(4 << 10)), 413);
    assert_eq!(bench.hub.status().unwrap()["alarms"][0]["state"], "sounding");
    let page = browser.get(&alarm).unwrap();
    assert!(page.body.contains(ESCAPED) && !page.body.contains("<b>x"), "{}", page.body);
    bench.clear_away().unwrap();
}

/// A unit's name as the page must write it.
const ESCAPED: &str = "&#60;b&#62;x&#60;/b&#62;";

#[test]
fn a_name_in_the_site_document_is_text_on_the_page_and_no_markup() {
    let (_folder, bench) = started(SITE);
    let page = bench.hub.browser().get("/").unwrap();
    assert_eq!(page.status, 200);
    assert!(page.body.contains(ESCAPED) && !page.body.contains("<b>x"), "{}", page.body);
    assert!(page.body.contains("Fridge &#38; &#34;Co&#34;"), "{}", page.body);
    bench.clear_away().unwrap();
}

/// The status of a request that no browser would send.
fn answer_to(bench: &Workbench, request: &str) -> u16 {
    let base = bench.hub.browser().url("");
    let port: u16 = base.rsplit(':').next().unwrap().parse().unwrap();
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    let request = request.replace("{host}", &format!("127.0.0.1:{port}")).replace('\n', "\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_change_that_names_no_origin_or_a_hub_by_another_name_is_refused() {
    let (_folder, bench) = started(SITE);
    let post = "POST /alarms/x/quiet HTTP/1.1\nHost: {host}\nContent-Length: 0\nConnection: close\n";
    assert_eq!(answer_to(&bench, &format!("{post}\n")), 403);
    assert_eq!(answer_to(&bench, &format!("{post}Origin: null\n\n")), 403);
    assert_eq!(
        answer_to(&bench, &format!("{post}Origin: http://{{host}}\n\n")),
        404,
        "no such alarm, but heard"
    );
    let browser = bench.hub.browser();
    assert_eq!(browser.from_origin("http://evil.example").post("/alarms/x/quiet", &[]).unwrap().status, 403);
    assert_eq!(browser.calling_it("evil.example").get("/").unwrap().status, 421);
    assert_eq!(answer_to(&bench, "GET / HTTP/1.0\n\n"), 421, "a request that names no host");
    bench.clear_away().unwrap();
}

#[test]
fn told_to_stop_it_stops_within_two_seconds_with_every_reading_sealed() {
    let (_folder, mut bench) = started(&format!("{SITE}{OUTPUT}"));
    bench.temperature(TAG, -1_800).unwrap();
    bench.uplink(NODE, 1, 400).unwrap();
    reads(&bench, "tag", "-18.00");
    reads(&bench, "node", "4.00");
    let told = now();
    let status = bench.hub.stop().unwrap();
    let took = told.elapsed();
    assert_eq!(status.code(), Some(0));
    assert!(took < Duration::from_secs(2), "{took:?}");
    let verified = bench.hub.verified().unwrap();
    assert_eq!(verified["readings_unsealed"], 0, "{verified}");
    assert_eq!(verified["readings_sealed"], 3, "{verified}");
    let events = bench.hub.events().unwrap();
    assert_eq!(events.last().unwrap()["type"], "hub.stopped/1");
    bench.clear_away().unwrap();
}
