//! Owns the running site: units whose physics tick in the background and whose sensors send real bytes.
//! Takes a pace and faults by a unit's key; gives frames to the Bluetooth double and the broker, and a log of them.
//! Must never reach the hub by any other way than those two.

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::bluez::{Advert, BluezDouble, Heard};
use super::chirpstack::{NetworkServer, Uplink};
use super::thermal::{Compressor, Door, Plant, Refrigeration, Tag};
use super::{encode_bthome, encode_lht65};
use crate::clock::{now, wall};
use crate::error::SiteError;

/// Physics and sending are looked at this often in real time.
const TICK: Duration = Duration::from_millis(250);

/// How long a sensor's housing takes to follow the air around it.
const SENSOR_LAG: Duration = Duration::from_secs(300);

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

/// The sensor in a unit.
#[derive(Clone, Debug)]
pub enum Sensor {
    /// A Bluetooth tag in the air.
    Bthome {
        /// Its address, as `AA:BB:CC:DD:EE:FF`.
        mac: String,
    },
    /// A LoRaWAN node in the air with its probe in the goods.
    Lht65 {
        /// Its EUI, 16 lower-case hex digits.
        dev_eui: String,
    },
}

impl Sensor {
    /// Its radio address.
    pub fn address(&self) -> &str {
        match self {
            Sensor::Bthome { mac } => mac,
            Sensor::Lht65 { dev_eui } => dev_eui,
        }
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

struct Unit {
    key: String,
    body: Refrigeration,
    sensor: Sensor,
    air: Tag,
    product: Tag,
    silent: bool,
    frames: u32,
    next_frame: Instant,
}

struct Site {
    units: Vec<Unit>,
    log: Vec<SentValue>,
    trouble: Option<String>,
    ending: bool,
}

struct Shared {
    site: Mutex<Site>,
    wake: Condvar,
    pace: Pace,
    bluez: Arc<BluezDouble>,
    network: NetworkServer,
}

/// A site that lives until it is dropped.
pub struct Simulation {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Simulation {
    /// Starts the site's life; every unit has long been at its setpoint.
    pub fn start(
        pace: Pace,
        bluez: Arc<BluezDouble>,
        broker_port: u16,
        units: Vec<(&str, Plant, Sensor)>,
    ) -> Simulation {
        let start = now();
        let units = units.into_iter().map(|(key, plant, sensor)| unit(key, plant, sensor, start)).collect();
        let shared = Arc::new(Shared {
            site: Mutex::new(Site { units, log: Vec::new(), trouble: None, ending: false }),
            wake: Condvar::new(),
            pace,
            bluez,
            network: NetworkServer::connect(broker_port),
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
        self.with(unit, |unit| unit.body.compressor = state)
    }

    /// Opens or closes a door.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn door(&self, unit: &str, state: Door) -> Result<(), SiteError> {
        self.with(unit, |unit| unit.body.door = state)
    }

    /// Takes the battery out of a unit's sensor, or puts it back.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn silence(&self, unit: &str, silent: bool) -> Result<(), SiteError> {
        self.with(unit, |unit| unit.silent = silent)
    }

    /// The unit's true state.
    ///
    /// # Errors
    /// When there is no such unit.
    pub fn truth(&self, unit: &str) -> Result<Refrigeration, SiteError> {
        self.with(unit, |unit| unit.body)
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

    fn with<T>(&self, key: &str, act: impl FnOnce(&mut Unit) -> T) -> Result<T, SiteError> {
        let mut site = self.shared.site();
        let unit = site.units.iter_mut().find(|unit| unit.key == key);
        unit.map(act).ok_or_else(|| SiteError::Unexpected(format!("the site has no unit {key}")))
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

fn unit(key: &str, plant: Plant, sensor: Sensor, start: Instant) -> Unit {
    let body = Refrigeration::settled(plant, AMBIENT_C);
    Unit {
        key: key.to_owned(),
        body,
        sensor,
        air: Tag { reads_c: body.air_c, lag: SENSOR_LAG },
        product: Tag { reads_c: body.product_c, lag: SENSOR_LAG },
        silent: false,
        frames: 0,
        next_frame: start,
    }
}

impl Unit {
    fn live_for(&mut self, span: Duration) {
        // The sensor follows the air closely enough when both take steps far below the sensor's lag.
        const STEP: Duration = Duration::from_secs(1);
        let mut left = span;
        while !left.is_zero() {
            let step = left.min(STEP);
            self.body = self.body.step(step);
            self.air = self.air.follow(self.body.air_c, step);
            self.product = self.product.follow(self.body.product_c, step);
            left -= step;
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
        for unit in units {
            unit.live_for(TICK * self.pace.physics);
            if at < unit.next_frame {
                continue;
            }
            unit.next_frame += match unit.sensor {
                Sensor::Bthome { .. } => self.pace.advert_every,
                Sensor::Lht65 { .. } => self.pace.uplink_every,
            };
            if unit.silent {
                continue;
            }
            unit.frames = unit.frames.wrapping_add(1);
            match self.send(unit) {
                Ok(sent) => log.extend(sent),
                Err(error) => *trouble = Some(error.to_string()),
            }
        }
    }

    fn send(&self, unit: &Unit) -> Result<Vec<SentValue>, SiteError> {
        let at = now();
        let air = centi(unit.air.reads_c);
        let value = |channel, centi_c, delivered| SentValue {
            unit: unit.key.clone(),
            address: unit.sensor.address().to_owned(),
            channel,
            centi_c,
            at,
            delivered,
        };
        match &unit.sensor {
            Sensor::Bthome { mac } => {
                let measurement = encode_bthome::Measurement {
                    packet_id: Some((unit.frames % 256) as u8),
                    battery_pct: Some(94),
                    temperature_centi_c: Some(air),
                    humidity_centi_pct: Some(6_120),
                    ..encode_bthome::Measurement::default()
                };
                let data = (encode_bthome::SERVICE_UUID.to_owned(), measurement.service_data());
                let advert = Advert { service_data: BTreeMap::from([data]), ..Advert::default() };
                let heard = self.bluez.advertise(mac, BLE_RSSI, advert)?;
                Ok(vec![value("air", air, heard == Heard::Delivered)])
            }
            Sensor::Lht65 { dev_eui } => {
                let product = centi(unit.product.reads_c);
                let live = encode_lht65::Live {
                    battery_grade: 3,
                    battery_mv: 3_062,
                    builtin_centi_c: air,
                    humidity_tenth_pct: 552,
                    probe: encode_lht65::Probe::Reads(product),
                };
                self.network.publish(&Uplink {
                    dev_eui,
                    device_name: &unit.key,
                    frame_count: unit.frames,
                    port: encode_lht65::F_PORT,
                    payload: &live.payload(),
                    rssi: LORA_RSSI,
                    at: wall(),
                })?;
                Ok(vec![value("air", air, true), value("probe1", product, true)])
            }
        }
    }
}

/// In 0.01 °C, half away from zero; far beyond any cold room it stays at the largest value that a sensor can send.
fn centi(celsius: f64) -> i16 {
    (celsius * 100.0).round() as i16
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
        let site = Simulation::start(
            pace,
            Arc::clone(&double),
            broker.port(),
            vec![("freezer", Plant::WALK_IN_FREEZER, freezer), ("fridge", Plant::FRIDGE, fridge)],
        );
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
