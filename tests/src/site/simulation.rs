//! Owns the running site: units that live their day in the background and whose sensors send real bytes.
//! Takes a pace and faults by a unit's key; gives frames to the Bluetooth double and the broker, and a log of them.
//! Must never reach the hub by any other way than those two.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::bluez::{BluezDouble, Heard};
use super::chirpstack::{NetworkServer, Uplink};
use super::routine::Routine;
use super::sensor::{Around, Broadcast, Radio, Sensor};
use super::thermal::{Compressor, Door, Evaporator, Plant, Refrigeration, Tag};
use crate::clock::{now, wall};
use crate::error::SiteError;

/// Physics and sending are looked at this often in real time.
const TICK: Duration = Duration::from_millis(250);

/// How long a defrost lasts that somebody asks for.
const DEFROST: Duration = Duration::from_secs(20 * 60);

const AMBIENT_C: f64 = 22.0;
const BLE_RSSI: i16 = -63;
const LORA_RSSI: i16 = -87;

/// How fast the site lives.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Seconds of physics in one second of real time.
    pub physics: u32,
    /// Real time between two advertisements of a Bluetooth sensor.
    pub advert_every: Duration,
    /// Real time between two uplinks of a LoRaWAN sensor.
    pub uplink_every: Duration,
}

/// The radios over which the site's sensors speak.
pub struct Radios {
    /// The Bluetooth daemon, if there is one.
    pub bluez: Option<Arc<BluezDouble>>,
    /// The network server.
    pub network: NetworkServer,
}

/// How damp a unit is.
#[derive(Clone, Copy, Debug)]
pub struct Damp {
    /// Relative humidity at the setpoint, in %.
    pub at_setpoint_pct: f64,
    /// How much more of it there is with each degree above.
    pub per_k: f64,
}

/// A unit as it is put into the site.
#[derive(Clone, Debug)]
pub struct Furnished {
    /// Its key.
    pub key: &'static str,
    /// What it is built like.
    pub plant: Plant,
    /// What happens in it by itself.
    pub routine: Routine,
    /// How damp it is.
    pub damp: Damp,
    /// The sensor in it.
    pub sensor: Sensor,
    /// How long the sensor's housing takes to follow the air around it.
    pub lag: Duration,
}

impl Furnished {
    /// A unit in which nothing happens by itself, as damp as ever, with a sensor in a thick housing.
    pub fn plain(key: &'static str, plant: Plant, sensor: Sensor) -> Furnished {
        let damp = Damp { at_setpoint_pct: 61.2, per_k: 0.0 };
        Furnished { key, plant, routine: Routine::NONE, damp, sensor, lag: Duration::from_secs(300) }
    }
}

/// One temperature that left a sensor.
#[derive(Clone, Debug)]
pub struct SentValue {
    /// The unit's key.
    pub unit: String,
    /// The radio address of its sensor.
    pub address: String,
    /// The channel as the hub names it: `air` or `probe1`.
    pub channel: &'static str,
    /// In 0.01 °C, exactly as encoded.
    pub centi_c: i16,
    /// When it was sent.
    pub at: Instant,
    /// False when nobody was listening.
    pub delivered: bool,
}

/// A unit that lives: its physics, its day and its sensor.
#[derive(Clone, Debug)]
pub struct Unit {
    furnished: Furnished,
    body: Refrigeration,
    air: Tag,
    product: Tag,
    lived: Duration,
    /// What somebody does to the door beside the staff.
    held: Door,
    defrost_left: Duration,
    batches: u64,
}

struct Watched {
    unit: Unit,
    silent: bool,
    frames: u32,
    next_frame: Instant,
    /// What the sensor last said of the door, if it has a contact.
    door_told: Door,
}

struct Site {
    units: Vec<Watched>,
    log: Vec<SentValue>,
    trouble: Option<String>,
    ending: bool,
}

struct Shared {
    site: Mutex<Site>,
    wake: Condvar,
    pace: Pace,
    radios: Radios,
}

/// A site that lives until it is dropped.
pub struct Simulation {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Simulation {
    /// Starts the site's life; every unit has long been at its setpoint.
    pub fn start(pace: Pace, radios: Radios, units: Vec<Furnished>) -> Simulation {
        let start = now();
        // Sensors were not all switched on at the same moment.
        let apart = pace.advert_every.min(pace.uplink_every) / u32::try_from(units.len()).unwrap_or(1).max(1);
        let watched = |(at, furnished): (u32, Furnished)| Watched {
            unit: Unit::settled(furnished),
            silent: false,
            frames: 0,
            next_frame: start + apart * at,
            door_told: Door::Closed,
        };
        let units = (0..).zip(units).map(watched).collect();
        let shared = Arc::new(Shared {
            site: Mutex::new(Site { units, log: Vec::new(), trouble: None, ending: false }),
            wake: Condvar::new(),
            pace,
            radios,
        });
        let living = Arc::clone(&shared);
        let thread = Some(thread::spawn(move || living.live(start)));
        Simulation { shared, thread }
    }

    /// Breaks or repairs a compressor.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn compressor(&self, unit: &str, state: Compressor) -> Result<(), SiteError> {
        self.with(unit, |watched| watched.unit.compressor(state))
    }

    /// Holds a door open, or leaves it to the staff again.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn door(&self, unit: &str, state: Door) -> Result<(), SiteError> {
        self.with(unit, |watched| watched.unit.held = state)
    }

    /// Begins a defrost.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn defrost(&self, unit: &str) -> Result<(), SiteError> {
        self.with(unit, |watched| watched.unit.defrost_left = DEFROST)
    }

    /// Takes the battery out of a unit's sensor, or puts it back.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn silence(&self, unit: &str, silent: bool) -> Result<(), SiteError> {
        self.with(unit, |watched| watched.silent = silent)
    }

    /// The unit's true state.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn truth(&self, unit: &str) -> Result<Refrigeration, SiteError> {
        self.with(unit, |watched| watched.unit.truth())
    }

    /// Everything sent so far.
    pub fn log(&self) -> Vec<SentValue> {
        self.shared.site().log.clone()
    }

    /// The first delivered air temperature of a unit, sent after `since`, that is above `limit_centi_c`.
    pub fn first_above(&self, unit: &str, limit_centi_c: i16, since: Instant) -> Option<SentValue> {
        let site = self.shared.site();
        let mut values = site.log.iter().filter(|value| value.unit == unit && value.channel == "air");
        values.find(|value| value.delivered && value.at >= since && value.centi_c > limit_centi_c).cloned()
    }

    /// Why frames could not be sent, if so.
    pub fn trouble(&self) -> Option<String> {
        self.shared.site().trouble.clone()
    }

    fn with<T>(&self, key: &str, act: impl FnOnce(&mut Watched) -> T) -> Result<T, SiteError> {
        let mut site = self.shared.site();
        let found = site.units.iter_mut().find(|watched| watched.unit.furnished.key == key);
        found.map(act).ok_or_else(|| SiteError::Unexpected(format!("the site has no unit {key}")))
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        self.shared.site().ending = true;
        self.shared.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Unit {
    /// A unit that has long been at its setpoint.
    pub fn settled(furnished: Furnished) -> Unit {
        let body = Refrigeration::settled(furnished.plant, AMBIENT_C);
        let lag = furnished.lag;
        Unit {
            body,
            air: Tag { reads_c: body.air_c, lag },
            product: Tag { reads_c: body.product_c, lag },
            lived: Duration::ZERO,
            held: Door::Closed,
            defrost_left: Duration::ZERO,
            batches: 0,
            furnished,
        }
    }

    /// Its true state.
    pub fn truth(&self) -> Refrigeration {
        self.body
    }

    /// Has its compressor fail or work.
    pub fn compressor(&mut self, state: Compressor) {
        self.body.compressor = state;
    }

    /// Lives on for a while.
    pub fn live_for(&mut self, span: Duration) {
        // The sensor follows the air closely enough when both take steps far below the sensor's lag.
        const STEP: Duration = Duration::from_secs(1);
        let mut left = span;
        while !left.is_zero() {
            let step = left.min(STEP);
            self.go_on();
            self.body = self.body.step(step);
            self.air = self.air.follow(self.body.air_c, step);
            self.product = self.product.follow(self.body.product_c, step);
            self.lived += step;
            self.defrost_left = self.defrost_left.saturating_sub(step);
            left -= step;
        }
    }

    /// Has happen what happens now: by the unit's day, and by who does something to it besides.
    fn go_on(&mut self) {
        let going_on = self.furnished.routine.at(self.lived);
        self.body.door = if self.held == Door::Open { Door::Open } else { going_on.door };
        self.body.evaporator =
            if self.defrost_left.is_zero() { going_on.evaporator } else { Evaporator::Defrosting };
        if going_on.batches != self.batches
            && let Some(batches) = self.furnished.routine.batches
        {
            self.batches = going_on.batches;
            self.body = self.body.loaded(batches.goods_c);
        }
    }

    /// What its sensor has around it for the frame of this number.
    pub fn around(&self, frames: u32) -> Around {
        let damp = self.furnished.damp;
        let above = self.air.reads_c - self.furnished.plant.setpoint_c;
        Around {
            air_c: self.air.reads_c,
            product_c: self.product.reads_c,
            humidity_pct: (damp.at_setpoint_pct + damp.per_k * above).clamp(15.0, 98.0),
            door: self.body.door,
            frames,
        }
    }
}

impl Shared {
    fn site(&self) -> MutexGuard<'_, Site> {
        self.site.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self, start: Instant) {
        let mut next_tick = start + TICK;
        let mut site = self.site();
        while !site.ending {
            let left = next_tick.saturating_duration_since(now());
            if !left.is_zero() {
                site = self.wake.wait_timeout(site, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            next_tick += TICK;
            self.tick(&mut site);
        }
    }

    fn tick(&self, site: &mut Site) {
        let at = now();
        let Site { units, log, trouble, .. } = site;
        for watched in units {
            watched.unit.live_for(TICK * self.pace.physics);
            if !self.speaks(watched, at) {
                continue;
            }
            watched.frames = watched.frames.wrapping_add(1);
            watched.door_told = watched.unit.body.door;
            match self.send(&watched.unit, watched.frames) {
                Ok(sent) => log.extend(sent),
                Err(error) => *trouble = Some(error.to_string()),
            }
        }
    }

    /// Whether the unit's sensor speaks now: when its time has come, or when its contact has moved.
    fn speaks(&self, watched: &mut Watched, at: Instant) -> bool {
        let sensor = &watched.unit.furnished.sensor;
        let due = at >= watched.next_frame;
        if due {
            watched.next_frame += match sensor.radio() {
                Radio::Bluetooth => self.pace.advert_every,
                Radio::Lorawan => self.pace.uplink_every,
            };
        }
        let moved = sensor.has_contact() && watched.door_told != watched.unit.body.door;
        (due || moved) && !watched.silent
    }

    fn send(&self, unit: &Unit, frames: u32) -> Result<Vec<SentValue>, SiteError> {
        let at = now();
        let (key, sensor) = (unit.furnished.key, &unit.furnished.sensor);
        let said = sensor.say(&unit.around(frames));
        let mut delivered = false;
        for broadcast in said.broadcasts {
            delivered |= self.broadcast(key, sensor.address(), frames, broadcast)?;
        }
        let value = |(channel, centi_c)| SentValue {
            unit: key.to_owned(),
            address: sensor.address().to_owned(),
            channel,
            centi_c,
            at,
            delivered,
        };
        Ok(said.temperatures.into_iter().map(value).collect())
    }

    /// Sends; gives whether anybody listened, as far as the sender can know.
    fn broadcast(
        &self,
        name: &str,
        address: &str,
        frames: u32,
        broadcast: Broadcast,
    ) -> Result<bool, SiteError> {
        match broadcast {
            Broadcast::Advert(advert) => match &self.radios.bluez {
                Some(bluez) => Ok(bluez.advertise(address, BLE_RSSI, advert)? == Heard::Delivered),
                None => Err(SiteError::Unexpected(format!("the site of {name} has no Bluetooth"))),
            },
            Broadcast::Uplink { port, payload } => {
                self.radios.network.publish(&Uplink {
                    dev_eui: address,
                    device_name: name,
                    frame_count: frames,
                    port,
                    payload: &payload,
                    rssi: LORA_RSSI,
                    at: wall(),
                })?;
                Ok(true)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::wait_for;
    use crate::site::broker::Broker;
    use crate::site::dbus::PrivateBus;
    use crate::site::subscriber::Subscriber;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn a_broken_freezer_shows_in_its_frames_and_a_silent_sensor_sends_none() {
        let state = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(state.path()).unwrap();
        let broker = Broker::start(state.path()).unwrap();
        let double = Arc::new(BluezDouble::start(bus.address()).unwrap());
        let uplinks =
            Subscriber::connect(broker.port(), "listener", &["application/+/device/+/event/up"]).unwrap();
        let pace = Pace { physics: 600, advert_every: TICK, uplink_every: TICK };
        let freezer = Sensor::Bthome { mac: "A4:C1:38:00:00:01".to_owned() };
        let fridge = Sensor::Lht65 { dev_eui: "a84041ffff123456".to_owned() };
        let begun = now();
        let network = NetworkServer::connect(broker.port());
        let radios = Radios { bluez: Some(Arc::clone(&double)), network };
        let units = vec![
            Furnished::plain("freezer", Plant::WALK_IN_FREEZER, freezer),
            Furnished::plain("fridge", Plant::FRIDGE, fridge),
        ];
        let site = Simulation::start(pace, radios, units);
        uplinks.wait_for("an uplink", SOON, |m| m.json()["fPort"] == 2).unwrap();
        site.compressor("freezer", Compressor::Dead).unwrap();
        assert!(site.first_above("freezer", -1_500, begun).is_none(), "nobody is listening yet");

        let listener = zbus::blocking::connection::Builder::address(bus.address()).unwrap().build().unwrap();
        let filter = std::collections::HashMap::from([("DuplicateData", zbus::zvariant::Value::from(true))]);
        let (name, path, interface) = (Some("org.bluez"), "/org/bluez/hci0", Some("org.bluez.Adapter1"));
        listener.call_method(name, path, interface, "SetDiscoveryFilter", &filter).unwrap();
        listener.call_method(name, path, interface, "StartDiscovery", &()).unwrap();
        let warm = || site.first_above("freezer", -1_500, begun);
        wait_for("a frame beyond the limit", SOON, warm).unwrap();
        assert!(site.truth("freezer").unwrap().air_c > -15.0);
        assert!(site.first_above("fridge", 800, begun).is_none());

        site.silence("fridge", true).unwrap();
        let sent = || site.log().iter().filter(|v| v.unit == "fridge").count();
        let before = sent();
        let freezer_frames = || site.log().iter().filter(|v| v.unit == "freezer").count();
        let reached = freezer_frames() + 4;
        wait_for("the freezer sends on", SOON, || (freezer_frames() >= reached).then_some(())).unwrap();
        assert_eq!(sent(), before);
        assert_eq!(site.trouble(), None);
        assert!(site.door("pantry", Door::Open).is_err());
    }
}
