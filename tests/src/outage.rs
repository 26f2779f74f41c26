//! Owns the story of an outage: the cloud dies, the freezer warms, the hub is killed, a person acts, the cloud returns.
//! Takes a folder and a place to print; gives every check with what was expected and what was seen.
//! Must never ask the cloud what the hub has recorded, nor the hub what the cloud holds.

mod forgery;
mod neighbour;
mod screen;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use crate::clock::{now, wait_for};
use crate::cloud::cloud_world::{CloudWorld, waiting};
use crate::error::SiteError;
use crate::oracle::journal::Journal;
use crate::oracle::{self, Known};
use crate::outcome::Outcome;
use crate::site::thermal::Compressor;
use crate::verifier::verify;
use crate::world::{DEMO_SITE, FREEZER, FREEZER_NAME, FRIDGE, PERSON, PIN, TOPIC, World};
use screen::Screen;

/// For what the hub or the cloud does at once.
const SOON: Duration = Duration::from_secs(20);
/// For what needs readings, a restart, physics, or a hub that waits before it tries its cloud again.
const PATIENCE: Duration = Duration::from_secs(90);
/// How much of the output of hub and cloud is shown when the story went wrong.
const LAST_LINES: usize = 25;

/// Tells the story with all state in `state`, printing each step to `out`.
///
/// A step that cannot go on is a failed check, and the rest is not told.
pub fn tell<'o>(state: &Path, out: &'o mut dyn Write) -> Outcome<'o> {
    let mut outcome = Outcome::new(out);
    outcome.say("Postgres, the cloud with one organization and one site, and a site with its hub");
    match Outage::begin(state, &mut outcome) {
        Ok(mut outage) => {
            let told = outage.tell_all(state);
            let Outage { world, far, .. } = outage;
            let ended = told.and_then(|()| far.stop()).and_then(|()| world.stop());
            match ended {
                Ok(()) => outcome.check("everything ended when asked", "yes", "yes", true),
                Err(error) => outcome.broken(&error),
            }
        }
        Err(error) => outcome.broken(&error),
    }
    if !outcome.passed() {
        // The folder may be gone when somebody reads this.
        for file in ["world/hub/hub.err", "far/cloud/cloud.err"] {
            let complaints = fs::read_to_string(state.join(file)).unwrap_or_default();
            let lines: Vec<&str> = complaints.lines().collect();
            let last = lines.len().saturating_sub(LAST_LINES);
            outcome.say(&format!("the last words in {file}:\n{}", lines[last..].join("\n")));
        }
    }
    outcome
}

/// What is known of the alarm that the story is about.
struct Alarm {
    alert: String,
    /// When it was raised, by what was heard on the spot.
    since_ms: i64,
}

struct Outage<'a, 'o> {
    // The hub is dropped before the cloud that it speaks to.
    world: World,
    far: CloudWorld,
    outcome: &'a mut Outcome<'o>,
}

impl<'a, 'o> Outage<'a, 'o> {
    fn begin(state: &Path, outcome: &'a mut Outcome<'o>) -> Result<Outage<'a, 'o>, SiteError> {
        // The alarm's delay is the other story's matter; here it comes with the first bad reading.
        let site = DEMO_SITE.replace("delay_minutes = 1\n", "delay_minutes = 0\n");
        let world = World::start_with(&state.join("world"), &site)?;
        let mut far = CloudWorld::start(&state.join("far"))?;
        let took = far.cloud.start(None)?;
        outcome.say(&format!("the cloud is healthy after {took:.1?}"));
        Ok(Outage { world, far, outcome })
    }

    fn tell_all(&mut self, state: &Path) -> Result<(), SiteError> {
        self.all_runs()?;
        let screen = Screen::begin(state, &self.far, self.outcome)?;
        self.the_cloud_dies()?;
        let alarm = self.the_hub_alarms_alone()?;
        screen.lost(self.outcome)?;
        self.the_hub_dies_and_returns(&alarm)?;
        self.acknowledged_at_the_hub(&alarm)?;
        self.the_cloud_returns(&alarm, &screen)?;
        screen.stop()?;
        let neighbour = neighbour::tell(self)?;
        self.repaired_and_resolved(&alarm)?;
        let journal = self.nothing_more_to_say()?;
        self.the_record_is_whole(&journal, &alarm)?;
        neighbour::sees_nothing(self, &neighbour, &journal, &alarm.alert)?;
        forgery::tell(self, &state.join("bundles"), &journal)
    }

    fn all_runs(&mut self) -> Result<(), SiteError> {
        let took = self.world.hub.start(None)?;
        self.outcome.say(&format!("hub started, its page answers after {took:.1?}"));
        self.world.bluez.wait_discovering(SOON)?;
        wait_for("both units are ok", PATIENCE, || {
            let status = self.world.hub.status().ok()?;
            let ok = |key| unit(&status, key).is_some_and(|unit| unit["status"] == "ok");
            (ok(FREEZER) && ok(FRIDGE)).then_some(())
        })?;
        self.world.hub.enrol(&self.far.let_in.link)?;
        let seen = wait_for("the cloud shows both units with their temperatures", PATIENCE, || {
            let units = self.ask("/units").ok()?;
            let names: Vec<&str> = units["items"]
                .as_array()?
                .iter()
                .filter(|unit| unit["temperature_centi_c"].is_i64())
                .filter_map(|unit| unit["name"].as_str())
                .collect();
            (names.len() == 2).then(|| names.join(", "))
        })?;
        let named = seen.contains(FREEZER_NAME);
        self.outcome.check("the cloud shows the units of the enrolled hub", "both", &seen, named);
        self.drained("what the hub recorded before it was enrolled")
    }

    fn the_cloud_dies(&mut self) -> Result<(), SiteError> {
        self.far.cloud.kill();
        self.outcome.say("the cloud is killed");
        Ok(())
    }

    fn the_hub_alarms_alone(&mut self) -> Result<Alarm, SiteError> {
        self.world.site.compressor(FREEZER, Compressor::Dead)?;
        let begun = now();
        let raised = self.heard("alert.raised", PATIENCE)?;
        let after = raised.1 - begun;
        let seen = format!("yes, {after:.1?} after the compressor died");
        self.outcome.check("the alarm on the spot, without a cloud (MQTT)", "yes", &seen, true);
        let status = wait_for("the hub notices that its cloud is gone", PATIENCE, || {
            let status = self.world.hub.status().ok()?;
            waiting(&status["cloud"]).filter(|waiting| *waiting > 0).map(|_| status["cloud"].clone())
        })?;
        let state = status["state"].as_str().unwrap_or("no state").to_owned();
        self.outcome.check("the hub's word on its cloud", "not live", &state, state != "live");
        let since = raised.0["at"].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
        let since = since.ok_or_else(|| SiteError::Unexpected(format!("no time in {}", raised.0)))?;
        let alert = raised.0["alert"].as_str().unwrap_or_default().to_owned();
        Ok(Alarm { alert, since_ms: since.as_millisecond() })
    }

    fn the_hub_dies_and_returns(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        let before = now();
        self.world.hub.kill();
        let took = self.world.hub.start(None)?;
        self.outcome.say(&format!("hub killed as by a power cut and started again (up after {took:.1?})"));
        let again = self.world.subscriber.wait_for("the alarm is asserted again", SOON, |m| {
            m.arrived > before && is_event(&m.topic, &m.json(), "alert.raised")
        })?;
        // Killed before it had noted that it was heard, the hub tells it as if for the first time.
        let same = again.json()["alert"] == alarm.alert.as_str();
        self.outcome.check("told again after the hub's death", "the same alarm", yes_no(same), same);
        Ok(())
    }

    fn acknowledged_at_the_hub(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        let path = format!("/alarms/{}/acknowledge", alarm.alert);
        let (answer, _) = self.world.hub.browser().submit(&path, &[("person", PERSON), ("pin", PIN)])?;
        let seen = answer.status.to_string();
        self.outcome.check("acknowledged at the hub by a PIN", "303", &seen, answer.status == 303);
        self.heard("alert.acknowledged", SOON)?;
        Ok(())
    }

    fn the_cloud_returns(&mut self, alarm: &Alarm, screen: &Screen) -> Result<(), SiteError> {
        // The line of the hub is down for longer than its cloud, so that a person far away sees what is missing.
        self.far.link.refuse();
        let took = self.far.cloud.start(None)?;
        self.outcome.say(&format!(
            "the cloud is started again (healthy after {took:.1?}), without a line to the hub"
        ));
        screen.hub_missed(self.outcome)?;
        self.far.link.mend();
        let begun = now();
        self.outcome.say("the line to the hub is mended");
        screen.backlog_drains(self.outcome)?;
        let status = wait_for("the cloud shows the acknowledged alarm", PATIENCE, || {
            let shown = self.ask(&format!("/alerts/{}", alarm.alert)).ok()?;
            (shown["status"] == "acknowledged").then(|| "acknowledged".to_owned())
        })?;
        let seen = format!("{status}, {:.1?} after the line's return", begun.elapsed());
        self.outcome.check("the alarm in the cloud (API)", "acknowledged", &seen, true);
        screen.alarm_since(alarm.since_ms, self.outcome)?;
        self.drained("the backlog of the outage")
    }

    fn repaired_and_resolved(&mut self, alarm: &Alarm) -> Result<(), SiteError> {
        self.world.site.compressor(FREEZER, Compressor::Running)?;
        self.heard("alert.cleared", PATIENCE)?;
        let shown = wait_for("the cloud shows the alarm as done", PATIENCE, || {
            let shown = self.ask(&format!("/alerts/{}", alarm.alert)).ok()?;
            shown["resolved_at"].is_string().then(|| shown["status"].clone())
        })?;
        let seen = shown.as_str().unwrap_or_default().to_owned();
        self.outcome.check("cleared and acknowledged, in the cloud", "resolved", &seen, seen == "resolved");
        Ok(())
    }

    fn nothing_more_to_say(&mut self) -> Result<Journal, SiteError> {
        for unit in [FREEZER, FRIDGE] {
            self.world.site.silence(unit, true)?;
        }
        let journal = self.far.settled(&mut self.world.hub)?;
        self.outcome.say("the sensors are silent, the hub has said everything and is killed");
        Ok(journal)
    }

    fn the_record_is_whole(&mut self, journal: &Journal, alarm: &Alarm) -> Result<(), SiteError> {
        let sent = self.world.site.log();
        let known = Known { sent: &sent, set_aside: &[] };
        for check in oracle::compare(journal, &self.far.database, known)? {
            self.outcome.check(&check.name, &check.expected, &check.seen, check.ok);
        }
        let facts = journal.facts()?;
        let of = |kind: &str| facts.iter().find(|f| f["type"] == kind && f["alert"] == alarm.alert.as_str());
        let (Some(raised), Some(acknowledged)) = (of("alert.raised/1"), of("alert.acknowledged/1")) else {
            return Err(SiteError::Unexpected("the journal does not hold the alarm".to_owned()));
        };
        let shown = self.ask(&format!("/alerts/{}", alarm.alert))?;
        let times =
            [("triggered_at", &raised["data"]["since_ms"]), ("acknowledged_at", &acknowledged["rule_ms"])];
        for (field, expected) in times {
            let at = shown[field].as_str().and_then(|at| at.parse::<jiff::Timestamp>().ok());
            let seen = at.map(|at| at.as_millisecond());
            let name = format!("the alarm's {field} in the API, in ms");
            let seen_text = format!("{seen:?}");
            self.outcome.check(
                &name,
                &format!("{:?}", expected.as_i64()),
                &seen_text,
                seen == expected.as_i64(),
            );
        }
        let by = &acknowledged["actor"]["id"];
        let same = by.is_string() && shown["acknowledged_by"] == *by;
        self.outcome.check("who acknowledged it, in the API", "the person at the hub", yes_no(same), same);
        Ok(())
    }

    fn drained(&mut self, what: &str) -> Result<(), SiteError> {
        let took = self.far.drained(&self.world.hub)?;
        self.outcome.say(&format!("{what}: in the cloud after {took:.1?}"));
        Ok(())
    }

    fn ask(&self, path: &str) -> Result<Value, SiteError> {
        self.far.cloud.ask(&self.far.let_in.api_key, path)
    }

    fn heard(&self, kind: &str, limit: Duration) -> Result<(Value, std::time::Instant), SiteError> {
        let what = format!("{kind} for {FREEZER_NAME} over MQTT");
        let heard = self.world.subscriber.wait_for(&what, limit, |m| is_event(&m.topic, &m.json(), kind))?;
        Ok((heard.json(), heard.arrived))
    }

    /// Exports both sides' records and has each checked, alone and against the other.
    fn both_verify(&mut self, hub: &Path, cloud: &Path) -> Result<(), SiteError> {
        for (name, bundle, against) in [
            ("the hub's record from the hub alone", hub, None),
            ("the hub's record from Postgres alone", cloud, None),
            ("both against each other", cloud, Some(hub)),
        ] {
            let judged = verify(bundle, against)?;
            let seen = format!("{}, {} differ", judged.report["verdict"], judged.report["differing"]);
            let ok = judged.passes() && (against.is_none() || judged.report["differing"] == 0);
            self.outcome.check(&format!("frostguard-verify: {name}"), "PASS", &seen, ok);
        }
        Ok(())
    }
}

fn is_event(topic: &str, json: &Value, kind: &str) -> bool {
    topic == format!("{TOPIC}/event")
        && json["type"] == kind
        && json["unit_name"] == FREEZER_NAME
        && json["kind"] == "too_warm"
}

fn unit<'s>(status: &'s Value, key: &str) -> Option<&'s Value> {
    status["units"].as_array()?.iter().find(|unit| unit["key"] == key)
}

fn yes_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}
