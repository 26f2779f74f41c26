//! Owns the door's part of the story: a delivery that warms a cold room and pages nobody, and a door that is left open until
//! nothing excuses the warm air any more.
//! Takes the story's world; gives checks. Must never accept a silence before it has lasted longer than an alarm would take.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{PATIENCE, SLACK, SLOT_PATIENCE, Story, is_event, unit_status};
use crate::clock::{now, wait_for};
use crate::error::SiteError;
use crate::site::sensor::Sensor;
use crate::site::simulation::{Furnished, SentValue};
use crate::site::thermal::{Door, Plant};
use crate::world::DELAY;

/// Key of the cold room in the site document.
pub const COLD_ROOM: &str = "cold_room";
/// Name of the cold room in the site document.
pub const COLD_ROOM_NAME: &str = "Cold room";
/// What the story's site document has beside the demo's.
pub const COLD_ROOM_SITE: &str = include_str!("../story_cold_room.toml");
/// Its upper limit in 0.01 °C.
const MAX_CENTI_C: i16 = 800;
/// How long an open door excuses warm air at most.
const OPEN: Duration = Duration::from_secs(300);
/// How long the delivery keeps the air too warm: longer than an excursion with the door closed may last.
const DELIVERY: Duration = Duration::from_secs(75);

/// The cold room with a sensor in the air and at the door.
pub fn cold_room() -> Furnished {
    let sensor = Sensor::Em300Mcs { dev_eui: "24e124136b502303".to_owned() };
    Furnished::plain(COLD_ROOM, Plant::FRIDGE, sensor)
}

impl Story<'_, '_> {
    /// A delivery begins: the door stands open, and the air gets too warm.
    pub(super) fn a_delivery_comes(&mut self) -> Result<SentValue, SiteError> {
        self.door_opens("a delivery comes: the door of the cold room stands open")
    }

    /// The delivery is stowed: warm air for longer than the delay, and nobody was told.
    pub(super) fn the_delivery_paged_nobody(&mut self, bad: &SentValue) -> Result<(), SiteError> {
        let lasted = wait_for("the delivery has lasted longer than the delay", DELIVERY + PATIENCE, || {
            let lasted = bad.at.elapsed();
            (lasted >= DELIVERY).then_some(lasted)
        })?;
        let word = unit_status(&self.world.hub.status()?, COLD_ROOM).unwrap_or_default();
        let seen = format!("{word} after {lasted:.0?}");
        self.outcome.check(
            "the cold room while its door excuses it",
            "excursion after 75 s",
            &seen,
            word == "excursion",
        );
        self.door_closes()?;
        let told = self.told_of_the_cold_room(now() - lasted);
        self.outcome.check("alarms of the delivery (MQTT)", "0", &told.to_string(), told == 0);
        Ok(())
    }

    /// The door is left open again: what is left of the day's allowance runs out, and then the warm air counts in full.
    pub(super) fn a_door_is_left_open(&mut self) -> Result<(), SiteError> {
        let bad = self.door_opens("the door of the cold room is left open")?;
        let raised = self.world.subscriber.wait_for("the cold room's alarm", OPEN + SLACK, |message| {
            message.arrived > bad.at && is_event(message, "alert.raised", COLD_ROOM_NAME)
        })?;
        let latency = raised.arrived - bad.at;
        let later = latency > DELAY + SLACK;
        let sooner = latency < OPEN - SLACK;
        let seen = format!("{latency:.1?} after the first bad frame");
        self.outcome.check(
            "the alarm of the open door (MQTT)",
            "after more than 61 s, for some of it was excused, and less than 299 s",
            &seen,
            later && sooner,
        );
        self.door_closes()?;
        self.wait_event("alert.cleared", COLD_ROOM_NAME, SLOT_PATIENCE)?;
        Ok(())
    }

    /// By the record of the stopped hub: what of the day's allowance was left when the cold room's alarm was raised.
    pub(super) fn the_allowance_was_spent(&mut self) -> Result<(), SiteError> {
        let raised = self.wait_event("alert.raised", COLD_ROOM_NAME, Duration::ZERO)?.json();
        let events = self.world.hub.events()?;
        let own = |event: &&Value| event["type"] == "alert.raised/1" && event["unit"] == raised["unit"];
        let event = events.iter().find(own);
        let left = event.map(|event| event["data"]["why"]["figures"]["mask_left_ms"].clone());
        let seen = left.map_or_else(|| "no such event".to_owned(), |left| left.to_string());
        self.outcome.check("what the day's allowance had left, by the record", "0", &seen, seen == "0");
        Ok(())
    }

    /// Alarms of the cold room that the building has heard since then.
    pub(super) fn told_of_the_cold_room(&self, since: Instant) -> usize {
        let messages = self.world.subscriber.messages();
        let told = messages.iter().filter(|message| message.arrived >= since);
        told.filter(|message| is_event(message, "alert.raised", COLD_ROOM_NAME)).count()
    }

    fn door_opens(&mut self, what: &str) -> Result<SentValue, SiteError> {
        let since = now();
        self.world.site.door(COLD_ROOM, Door::Open)?;
        self.outcome.say(what);
        wait_for("a frame beyond the cold room's limit", PATIENCE, || {
            self.world.site.first_above(COLD_ROOM, MAX_CENTI_C, since)
        })
    }

    fn door_closes(&mut self) -> Result<(), SiteError> {
        self.world.site.door(COLD_ROOM, Door::Closed)?;
        let well = wait_for("the cold room is well again", SLOT_PATIENCE, || {
            let word = unit_status(&self.world.hub.status().ok()?, COLD_ROOM)?;
            (word == "ok" || word == "restoring").then_some(word)
        })?;
        self.outcome.say(&format!("its door is closed; the cold room is {well} again"));
        Ok(())
    }
}
