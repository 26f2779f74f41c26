//! Owns a hub between a real broker and a real bus, whose sensors are played by hand, frame by frame.
//! Takes a site document; gives ways to speak as a sensor and to wait for what the hub makes of it.
//! Must never let a sensor speak unasked, nor write outside its folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use crate::clock::{wait_for, wall};
use crate::error::SiteError;
use crate::hub::{Hub, Surroundings};
use crate::site::bluez::{Advert, BluezDouble, Heard};
use crate::site::broker::Broker;
use crate::site::chirpstack::{NetworkServer, Uplink};
use crate::site::dbus::PrivateBus;
use crate::site::{encode_bthome, encode_lht65};
use crate::world::PIN;

/// For what the hub does at once, on a machine that is busy with other things.
pub const SOON: Duration = Duration::from_secs(20);

const BLE_RSSI: i16 = -63;
const LORA_RSSI: i16 = -87;

/// The hub, prepared but not started, and all that it is connected to.
pub struct Workbench {
    // Fields are dropped in this order: the hub first, what it depends on last.
    /// The hub.
    pub hub: Hub,
    /// The network server.
    pub network: NetworkServer,
    /// The Bluetooth daemon.
    pub bluez: Arc<BluezDouble>,
    /// The message bus.
    pub bus: PrivateBus,
    /// The MQTT broker.
    pub broker: Broker,
}

impl Workbench {
    /// Makes everything in `state`, with a hub under this site document.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn lay_out(state: &Path, site: &str) -> Result<Workbench, SiteError> {
        let broker = Broker::start(&state.join("broker"))?;
        let bus = PrivateBus::start(&state.join("bus"))?;
        let bluez = Arc::new(BluezDouble::start(bus.address())?);
        let around = Surroundings { broker_port: broker.port(), bus_address: bus.address(), site, pin: PIN };
        let hub = Hub::prepare(&state.join("hub"), &around)?;
        let network = NetworkServer::connect(broker.port());
        Ok(Workbench { hub, network, bluez, bus, broker })
    }

    /// Starts the hub and waits until it hears both radios.
    ///
    /// # Errors
    /// When it does not start, or does not hear in time.
    pub fn start(&mut self) -> Result<(), SiteError> {
        self.hub.start(None)?;
        self.bluez.wait_discovering(SOON)?;
        self.wait_status("the hub hears both radios", SOON, |status| {
            works(status, "sources", "ble") == Some(true) && works(status, "sources", "lorawan") == Some(true)
        })?;
        Ok(())
    }

    /// Has a Bluetooth sensor send.
    ///
    /// # Errors
    /// When the bus is gone, or nobody was scanning.
    pub fn advert(&self, mac: &str, measured: &encode_bthome::Measurement) -> Result<(), SiteError> {
        self.advert_bytes(mac, measured.service_data())
    }

    /// Has a Bluetooth sensor send these bytes as its service data.
    ///
    /// # Errors
    /// When the bus is gone, or nobody was scanning.
    pub fn advert_bytes(&self, mac: &str, bytes: Vec<u8>) -> Result<(), SiteError> {
        let data = BTreeMap::from([(encode_bthome::SERVICE_UUID.to_owned(), bytes)]);
        let advert = Advert { service_data: data, ..Advert::default() };
        match self.bluez.advertise(mac, BLE_RSSI, advert)? {
            Heard::Delivered => Ok(()),
            Heard::Not => Err(SiteError::Unexpected("nobody scans for advertisements".to_owned())),
        }
    }

    /// Has a Bluetooth sensor send a temperature.
    ///
    /// # Errors
    /// When the bus is gone, or nobody was scanning.
    pub fn temperature(&self, mac: &str, centi_c: i16) -> Result<(), SiteError> {
        self.advert(
            mac,
            &encode_bthome::Measurement {
                temperature_centi_c: Some(centi_c),
                ..encode_bthome::Measurement::default()
            },
        )
    }

    /// Has a Bluetooth sensor send a door's state.
    ///
    /// # Errors
    /// When the bus is gone, or nobody was scanning.
    pub fn door(&self, mac: &str, open: bool) -> Result<(), SiteError> {
        self.advert(
            mac,
            &encode_bthome::Measurement { opening: Some(open), ..encode_bthome::Measurement::default() },
        )
    }

    /// Has a LoRaWAN sensor send, with the same value in the air and in the goods.
    ///
    /// # Errors
    /// When too much waits for the broker.
    pub fn uplink(&self, dev_eui: &str, frame_count: u32, centi_c: i16) -> Result<(), SiteError> {
        let live = encode_lht65::Live {
            battery_grade: 3,
            battery_mv: 3_062,
            builtin_centi_c: centi_c,
            humidity_tenth_pct: 552,
            probe: encode_lht65::Probe::Reads(centi_c),
        };
        self.network.publish(&Uplink {
            dev_eui,
            device_name: "node",
            frame_count,
            port: encode_lht65::F_PORT,
            payload: &live.payload(),
            rssi: LORA_RSSI,
            at: wall(),
        })
    }

    /// Waits until the hub's status is as wanted; gives it.
    ///
    /// # Errors
    /// When it is not in time; the error tells the last status seen.
    pub fn wait_status(
        &self,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Value) -> bool,
    ) -> Result<Value, SiteError> {
        let mut last = Value::Null;
        let found = wait_for(what, limit, || {
            last = self.hub.status().ok()?;
            wanted(&last).then(|| last.clone())
        });
        found.map_err(|error| SiteError::Unexpected(format!("{error}; the hub's status: {last}")))
    }

    /// Ends everything in order, the hub first if it still runs.
    ///
    /// # Errors
    /// When a part had to be killed.
    pub fn clear_away(self) -> Result<(), SiteError> {
        let Workbench { mut hub, network, bluez, mut bus, mut broker } = self;
        if hub.id().is_some() {
            hub.stop()?;
        }
        drop((hub, network, bluez));
        bus.stop()?;
        broker.stop()
    }
}

/// Whether a source or an output works, by the status.
pub fn works(status: &Value, group: &str, name: &str) -> Option<bool> {
    status[group][name]["works"].as_bool()
}

/// A counter of the status; one that is not there has counted nothing.
pub fn counter(status: &Value, name: &str) -> u64 {
    status["counters"][name].as_u64().unwrap_or(0)
}
