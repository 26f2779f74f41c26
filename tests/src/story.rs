//! Owns the unattended story: a freezer fails, the hub is killed at the worst moments, a person acts, all ends well.
//! Takes a folder and a place to print; gives every check with what was expected and what was seen.
//! Must never accept a check on the hub's word alone where the building's MQTT or the record can tell.

mod door;

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::clock::{now, wait_for};
use crate::error::SiteError;
use crate::hub::Fault;
use crate::outcome::Outcome;
use crate::site::simulation::SentValue;
use crate::site::subscriber::{Message, Subscriber};
use crate::site::thermal::Compressor;
use crate::world::{
    DELAY, DEMO_SITE, FREEZER, FREEZER_MAX_CENTI_C, FREEZER_NAME, FRIDGE, FRIDGE_MAX_CENTI_C, FRIDGE_NAME,
    PERSON, PIN, TOPIC, World,
};

const SIGKILL: i32 = 9;
/// How much later than its delay an alarm may come.
const SLACK: Duration = Duration::from_secs(1);
/// How much of the hub's own output is shown when the story went wrong.
const LAST_LINES: usize = 40;
/// For what the hub does at once.
const SOON: Duration = Duration::from_secs(10);
/// For what needs readings, a restart or physics.
const PATIENCE: Duration = Duration::from_secs(45);
/// For a cooled unit whose reading may have to wait for its slot.
const SLOT_PATIENCE: Duration = Duration::from_secs(90);

/// Tells the story with all state in `state`, printing each step to `out`.
///
/// A step that cannot go on is a failed check, and the rest is not told.
pub fn tell<'o>(state: &Path, out: &'o mut dyn Write) -> Outcome<'o> {
    let mut outcome = Outcome::new(out);
    outcome.say("building the hub if need be, then broker, message bus, Bluetooth double and site");
    let site = [DEMO_SITE, door::COLD_ROOM_SITE].concat();
    match World::start_beside(state, &site, door::cold_room()) {
        Ok(world) => {
            let mut story = Story { world, outcome: &mut outcome };
            let told = story.tell_all();
            let ended = told.and_then(|()| story.world.stop());
            match ended {
                Ok(()) => outcome.check("everything ended when asked", "yes", "yes", true),
                Err(error) => outcome.broken(&error),
            }
        }
        Err(error) => outcome.broken(&error),
    }
    if !outcome.passed() {
        // The folder may be gone when somebody reads this.
        let complaints = fs::read_to_string(state.join("hub/hub.err")).unwrap_or_default();
        let lines: Vec<&str> = complaints.lines().collect();
        let last = lines.len().saturating_sub(LAST_LINES);
        outcome.say(&format!("the hub's last words:\n{}", lines[last..].join("\n")));
    }
    outcome
}

/// What is known of the alarm that the story is about.
struct Alarm {
    alert: String,
    first_bad: SentValue,
}

struct Story<'a, 'o> {
    world: World,
    outcome: &'a mut Outcome<'o>,
}

impl Story<'_, '_> {
    fn tell_all(&mut self) -> Result<(), SiteError> {
        self.opening()?;
        let warm = self.a_delivery_comes()?;
        self.clean_alarm_of_the_fridge()?;
        self.the_delivery_paged_nobody(&warm)?;
        let first_bad = self.the_freezer_dies()?;
        let died = self.killed_before_commit(&first_bad)?;
        self.killed_after_commit()?;
        let alarm = self.the_alarm_is_on(first_bad, died)?;
        self.killed_in_plain_and_asserted_again(&alarm)?;
        self.acknowledged_by_a_person(&alarm)?;
        self.repaired_and_cleared(&alarm)?;
        self.a_door_is_left_open()?;
        self.closing(&alarm)
    }

    fn opening(&mut self) -> Result<(), SiteError> {
        let took = self.world.hub.start(None)?;
        self.outcome.say(&format!("hub started, its page answers after {took:.1?}"));
        self.world.bluez.wait_discovering(SOON)?;
        let all = wait_for("all units are ok", PATIENCE, || {
            let status = self.world.hub.status().ok()?;
            let word = |unit| unit_status(&status, unit);
            let words = [word(FREEZER)?, word(FRIDGE)?, word(door::COLD_ROOM)?];
            (words == ["ok", "ok", "ok"]).then(|| words.join(", "))
        })?;
        self.outcome.check("all units at the start", "ok, ok, ok", &all, true);
        let page = self.world.hub.browser().get("/")?;
        let named = page.body.contains(FREEZER_NAME) && page.body.contains(FRIDGE_NAME);
        let seen = format!("{}, units {}", page.status, if named { "named" } else { "missing" });
        self.outcome.check("the page", "200, units named", &seen, page.status == 200 && named);
        Ok(())
    }

    /// Measures the latency of an alarm with nothing else in the way: no fault, no restart.
    fn clean_alarm_of_the_fridge(&mut self) -> Result<(), SiteError> {
        let bad = self.breaks(FRIDGE, FRIDGE_MAX_CENTI_C)?;
        let raised = self.wait_event("alert.raised", FRIDGE_NAME, DELAY + PATIENCE)?;
        let latency = raised.arrived - bad.at;
        let on_time = latency <= DELAY + SLACK && latency + SLACK >= DELAY;
        let seen = format!("{latency:.2?} after the first bad frame left the sensor");
        self.outcome.check("a clean alarm (fridge, MQTT)", "60 s, at most 1 s more", &seen, on_time);
        self.world.site.compressor(FRIDGE, Compressor::Running)?;
        self.outcome.say("fridge repaired");
        Ok(())
    }

    fn the_freezer_dies(&mut self) -> Result<SentValue, SiteError> {
        let bad = self.breaks(FREEZER, FREEZER_MAX_CENTI_C)?;
        // The hub is stopped next; only what it has taken up by then can count from the first bad frame.
        let word = wait_for("the hub has taken up the excursion", SOON, || {
            unit_status(&self.world.hub.status().ok()?, FREEZER).filter(|word| word != "ok")
        })?;
        self.outcome.check("the freezer within its delay", "excursion", &word, word == "excursion");
        self.wait_event("alert.cleared", FRIDGE_NAME, SLOT_PATIENCE)?;
        self.outcome.say("the fridge has cooled and its alert has cleared");
        Ok(bad)
    }

    fn killed_before_commit(&mut self, first_bad: &SentValue) -> Result<Instant, SiteError> {
        let status = self.world.hub.stop()?;
        self.outcome.check("a clean stop", "exit 0", &status.to_string(), status.success());
        let took = self.world.hub.start(Some(Fault::BeforeCommittingAlarm))?;
        self.outcome.say(&format!("hub runs with a death before the commit (up after {took:.1?})"));
        let status = self.world.hub.wait_end(DELAY + PATIENCE)?;
        let died = now();
        let after = died - first_bad.at;
        let seen = format!("{status}, {after:.2?} after the first bad frame");
        let as_told = status.signal() == Some(SIGKILL);
        self.outcome.check("killed when about to commit the alarm", "signal 9", &seen, as_told);
        let count = self.raised_in_record()?;
        self.outcome.check("alarms in the record then", "0", &count.to_string(), count == 0);
        Ok(died)
    }

    fn killed_after_commit(&mut self) -> Result<(), SiteError> {
        let begun = self.world.hub.launch(Some(Fault::AfterCommittingAlarm))?;
        let status = self.world.hub.wait_end(PATIENCE)?;
        let seen = format!("{status}, {:.2?} after its start", begun.elapsed());
        let as_told = status.signal() == Some(SIGKILL);
        self.outcome.check("killed between commit and noise", "signal 9", &seen, as_told);
        let count = self.raised_in_record()?;
        self.outcome.check("alarms in the record then", "1", &count.to_string(), count == 1);
        let heard = self.heard(false).len();
        self.outcome.check("alarms heard by the building then", "0", &heard.to_string(), heard == 0);
        Ok(())
    }

    fn the_alarm_is_on(&mut self, first_bad: SentValue, died: Instant) -> Result<Alarm, SiteError> {
        self.world.hub.start(None)?;
        let restarts = died.elapsed();
        self.outcome.say(&format!("hub runs without faults; both restarts together took {restarts:.2?}"));
        let raised = self.wait_event("alert.raised", FREEZER_NAME, SOON)?;
        let latency = raised.arrived - first_bad.at;
        let bound = DELAY + SLACK + restarts;
        let expected = format!("at most {bound:.2?} (delay + 1 s + restarts)");
        let seen = format!("{latency:.2?} after the first bad frame");
        self.outcome.check("the alarm after two deaths (MQTT)", &expected, &seen, latency <= bound);
        let alert = raised.json()["alert"].as_str().unwrap_or_default().to_owned();
        let alarm = Alarm { alert, first_bad };
        self.alarm_shows_everywhere(&alarm)?;
        Ok(alarm)
    }

    fn alarm_shows_everywhere(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        let link = format!("/alarms/{}", alarm.alert);
        let page = self.world.hub.browser().get("/")?;
        let linked = page.body.contains(&link);
        self.outcome.check("the page links the alarm", "yes", yes_no(linked), linked);
        let detail = self.world.hub.browser().get(&link)?;
        let forms = detail.body.contains("/quiet") && detail.body.contains("/acknowledge");
        let seen = format!("{}, forms {}", detail.status, yes_no(forms));
        self.outcome.check("the alarm's own page", "200, forms yes", &seen, detail.status == 200 && forms);
        let state = self.alarm_state(&alarm.alert)?;
        self.outcome.check("/status.json says", "sounding", &state, state == "sounding");
        let word = self.retained_state()?;
        self.outcome.check("MQTT keeps for latecomers", "alarm", &word, word == "alarm");
        Ok(())
    }

    fn killed_in_plain_and_asserted_again(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        let before = now();
        self.world.hub.kill();
        let count = self.raised_in_record()?;
        let took = self.world.hub.start(None)?;
        self.outcome.say(&format!("hub killed as by a power cut and started again (up after {took:.1?})"));
        let again = self.world.subscriber.wait_for("the alarm is asserted again", SOON, |m| {
            m.arrived > before && is_event(m, "alert.raised", FREEZER_NAME)
        })?;
        let json = again.json();
        let marked = json["reassert"] == true && json["alert"] == alarm.alert.as_str();
        self.outcome.check("asserted again, marked as such", "yes", yes_no(marked), marked);
        self.outcome.check("alarms in the record then", "1", &count.to_string(), count == 1);
        Ok(())
    }

    fn acknowledged_by_a_person(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        let browser = self.world.hub.browser();
        let path = format!("/alarms/{}/acknowledge", alarm.alert);
        let wrong = browser.post(&path, &[("person", PERSON), ("pin", "000000")])?.status;
        self.outcome.check("a wrong PIN", "403", &wrong.to_string(), wrong == 403);
        let fields = [("person", PERSON), ("pin", PIN)];
        let foreign = browser.from_origin("http://evil.example").post(&path, &fields)?.status;
        self.outcome.check("the right PIN from a foreign page", "403", &foreign.to_string(), foreign == 403);
        let other = browser.calling_it("evil.example").get("/")?.status;
        self.outcome.check("the page under a foreign name", "421", &other.to_string(), other == 421);
        let (answer, opened) = browser.submit(&path, &fields)?;
        let opened = opened.map_or(0, |page| page.status);
        let seen = format!("{}, then {opened}", answer.status);
        let taken = (answer.status, opened) == (303, 200);
        self.outcome.check("the right PIN", "303, then 200", &seen, taken);
        self.wait_event("alert.acknowledged", FREEZER_NAME, SOON)?;
        let state = self.alarm_state(&alarm.alert)?;
        self.outcome.check("/status.json says", "acknowledged", &state, state == "acknowledged");
        Ok(())
    }

    fn repaired_and_cleared(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        let repaired = now();
        self.world.site.compressor(FREEZER, Compressor::Running)?;
        self.outcome.say("the freezer's compressor is repaired; it cools");
        let cleared = self.wait_event("alert.cleared", FREEZER_NAME, SLOT_PATIENCE)?;
        let same = cleared.json()["alert"] == alarm.alert.as_str();
        let seen = format!("{}, {:.1?} after the repair", yes_no(same), cleared.arrived - repaired);
        self.outcome.check("the alert clears (MQTT)", "yes", &seen, same);
        let link = format!("/alarms/{}", alarm.alert);
        let gone = wait_for("the page has no alarm", SOON, || {
            let page = self.world.hub.browser().get("/").ok()?;
            let status = self.world.hub.status().ok()?;
            let none = status["alarms"].as_array().is_some_and(Vec::is_empty);
            (!page.body.contains(&link) && none).then_some(())
        });
        self.outcome.check("the page has no alarm", "yes", yes_no(gone.is_ok()), gone.is_ok());
        let word = self.retained_state()?;
        self.outcome.check("MQTT keeps for latecomers", "ok", &word, word == "ok");
        Ok(())
    }

    fn closing(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        let status = self.world.hub.stop()?;
        self.outcome.check("the last clean stop", "exit 0", &status.to_string(), status.success());
        let verified = self.world.hub.verify_chain()?;
        let summary = verified.stdout.lines().next().unwrap_or("no summary");
        let seen = format!("{}: {summary}", verified.status);
        self.outcome.check("the chain of the record", "exit 0", &seen, verified.status.success());
        let count = self.raised_in_record()?;
        self.outcome.check("alarms of the episode in the record", "1", &count.to_string(), count == 1);
        self.the_allowance_was_spent()?;
        let first = self.heard(false);
        let own = first.iter().all(|m| m.json()["alert"] == alarm.alert.as_str());
        let seen = first.len().to_string();
        self.outcome.check("unmarked alarms heard by the building", "1", &seen, first.len() == 1 && own);
        let told = alarm.first_bad.at.elapsed();
        self.outcome
            .say(&format!("the freezer's episode was {told:.0?} long; {} repeats", self.heard(true).len()));
        if let Some(trouble) = self.world.site.trouble() {
            self.outcome.check("the site sent all frames", "no trouble", &trouble, false);
        }
        Ok(())
    }

    /// Breaks a unit's compressor and waits for the first frame beyond its limit.
    fn breaks(&mut self, unit: &str, limit_centi_c: i16) -> Result<SentValue, SiteError> {
        let since = now();
        self.world.site.compressor(unit, Compressor::Dead)?;
        self.outcome.say(&format!("the compressor of {unit} dies"));
        let bad = wait_for("a frame beyond the limit", PATIENCE, || {
            self.world.site.first_above(unit, limit_centi_c, since)
        })?;
        let celsius = f64::from(bad.centi_c) / 100.0;
        let after = bad.at - since;
        self.outcome.say(&format!("{unit} is past its limit: {celsius:.2} °C sent after {after:.1?}"));
        Ok(bad)
    }

    fn wait_event(&self, kind: &str, unit_name: &str, limit: Duration) -> Result<Message, SiteError> {
        let what = format!("{kind} for {unit_name} over MQTT");
        self.world.subscriber.wait_for(&what, limit, |m| is_event(m, kind, unit_name))
    }

    /// The freezer's too-warm alarms that the building heard, repeats or originals.
    fn heard(&self, repeats: bool) -> Vec<Message> {
        let mut messages = self.world.subscriber.messages();
        messages.retain(|m| {
            let json = m.json();
            is_event(m, "alert.raised", FREEZER_NAME) && (json["reassert"] == true) == repeats
        });
        messages
    }

    /// The freezer's alarms in the record; those that the building heard of other units are left out by their unit.
    fn raised_in_record(&self) -> Result<usize, SiteError> {
        let heard: Vec<Value> = self.world.subscriber.messages().iter().map(Message::json).collect();
        let others = [FRIDGE_NAME, door::COLD_ROOM_NAME];
        let is_other = |unit: &Value| {
            heard
                .iter()
                .any(|json| others.iter().any(|name| json["unit_name"] == *name) && json["unit"] == *unit)
        };
        let events = self.world.hub.events()?;
        let raised = events.iter().filter(|e| e["type"] == "alert.raised/1" && !is_other(&e["unit"]));
        Ok(raised.count())
    }

    fn alarm_state(&self, alert: &str) -> Result<String, SiteError> {
        let status = self.world.hub.status()?;
        let alarms = status["alarms"].as_array().cloned().unwrap_or_default();
        let own = alarms.iter().find(|a| a["alert"] == alert);
        Ok(own.and_then(|a| a["state"].as_str()).unwrap_or("no such alarm").to_owned())
    }

    /// What a subscriber that comes only now is told.
    fn retained_state(&self) -> Result<String, SiteError> {
        let topic = format!("{TOPIC}/alarm");
        let late = Subscriber::connect(self.world.broker.port(), "latecomer", &[&topic])?;
        let kept = late.wait_for("a retained alarm state", SOON, |m| m.retained)?;
        Ok(kept.json()["state"].as_str().unwrap_or("no state").to_owned())
    }
}

fn is_event(message: &Message, kind: &str, unit_name: &str) -> bool {
    if message.topic != format!("{TOPIC}/event") {
        return false;
    }
    let json = message.json();
    json["type"] == kind && json["unit_name"] == unit_name && json["kind"] == "too_warm"
}

fn unit_status(status: &Value, key: &str) -> Option<String> {
    let units = status["units"].as_array()?;
    let unit = units.iter().find(|unit| unit["key"] == key)?;
    unit["status"].as_str().map(str::to_owned)
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
