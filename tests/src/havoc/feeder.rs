//! Owns sensors that never rest: temperatures that jump over the limit and back, and a door that opens and closes.
//! Takes the Bluetooth double and a seed; gives a log of every temperature sent.
//! Must never send while it is still.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::chance::Chance;
use crate::clock::now;
use crate::site::bluez::{Advert, BluezDouble, Heard};
use crate::site::encode_bthome::{Measurement, SERVICE_UUID};
use crate::site::simulation::SentValue;

const RSSI: i16 = -63;
/// Each sensor speaks this often.
const EVERY: Duration = Duration::from_millis(200);
const SENSORS: u8 = 3;
/// From −25 °C to −10 °C in steps of half a degree, so that each value is far enough from the last to be recorded.
const COLDEST_CENTI_C: i16 = -2_500;
const STEP_CENTI_C: i16 = 50;
const STEPS: u64 = 30;

fn mac(sensor: u8) -> String {
    format!("A4:C1:38:00:02:{sensor:02X}")
}

/// A site document with these sensors: alarms come at once, and nobody is missed while a hub is dead.
pub(super) fn site() -> String {
    let mut text = String::from(
        "[site]\nname = \"Havoc\"\nzone = \"Europe/Berlin\"\n\
         [people.maria]\nname = \"Maria\"\npin_hash = \"{pin_hash}\"\n",
    );
    for sensor in 0..SENSORS {
        let address = mac(sensor);
        text += &format!(
            "[units.unit{sensor}]\nname = \"Unit {sensor}\"\ntype = \"freezer\"\n\
             [units.unit{sensor}.rules.alarm_active]\ntemp_max_c = -15.0\ndelay_minutes = 0\noff_delay_minutes = 0\n\
             [units.unit{sensor}.rules.monitoring_interrupted]\noffline_warning_missed_checkins = 999\n\
             offline_critical_missed_checkins = 1000\n\
             [devices.tag{sensor}]\nmodel = \"bthome\"\naddress = \"{address}\"\n\
             points = {{ air = \"unit{sensor}:air\", door = \"unit{sensor}:door\" }}\n"
        );
    }
    text
}

/// The sensors; they end when dropped.
pub struct Feeder {
    sent: Arc<Mutex<Vec<SentValue>>>,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Feeder {
    pub(super) fn start(bluez: Arc<BluezDouble>, seed: u64) -> Feeder {
        let sent = Arc::new(Mutex::new(Vec::new()));
        let ending = Arc::new(AtomicBool::new(false));
        let (log, until) = (Arc::clone(&sent), Arc::clone(&ending));
        let thread = thread::spawn(move || {
            let mut chance = Chance::of(seed);
            let mut frames = 0u8;
            while !until.load(Ordering::Relaxed) {
                for sensor in 0..SENSORS {
                    frames = frames.wrapping_add(1);
                    let value = frame(&bluez, sensor, frames, &mut chance);
                    log.lock().unwrap_or_else(PoisonError::into_inner).push(value);
                }
                thread::sleep(EVERY);
            }
        });
        Feeder { sent, ending, thread: Some(thread) }
    }

    /// Ends the sensors; gives all that they have sent.
    pub(super) fn still(&mut self) -> Vec<SentValue> {
        self.ending.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.still();
    }
}

/// One frame: a temperature, and now and then a door.
fn frame(bluez: &BluezDouble, sensor: u8, frames: u8, chance: &mut Chance) -> SentValue {
    let centi_c = COLDEST_CENTI_C + STEP_CENTI_C * chance.below(STEPS) as i16;
    let measured = Measurement {
        packet_id: Some(frames),
        temperature_centi_c: Some(centi_c),
        humidity_centi_pct: Some(5_000 + chance.below(1_000) as u16),
        battery_pct: Some(90),
        opening: (chance.below(10) == 0).then(|| chance.below(2) == 0),
        ..Measurement::default()
    };
    let data = BTreeMap::from([(SERVICE_UUID.to_owned(), measured.service_data())]);
    let advert = Advert { service_data: data, ..Advert::default() };
    let at = now();
    // A bus that is gone heard nothing.
    let delivered = matches!(bluez.advertise(&mac(sensor), RSSI, advert), Ok(Heard::Delivered));
    SentValue { unit: format!("unit{sensor}"), address: mac(sensor), channel: "air", centi_c, at, delivered }
}
