//! Bluetooth Low Energy through BlueZ: advertisements as the adapter hears them.
//!
//! Owns the scan: low energy only, with every repetition reported, and no round trip over D-Bus for a frame. A scan
//! that has gone silent is started again, and a lost bus is connected again with growing random delays; what the
//! source cannot do is reported, never just logged.

use super::{Address, Frame, Heard, Payload, Section};
use crate::config::BleConfig;
use crate::entropy::backoff;
use bluez_async::{
    AdapterEvent, AdapterInfo, BluetoothError, BluetoothEvent, BluetoothSession, DeviceEvent, DeviceId,
    DiscoveryFilter, Transport, uuid_from_u16,
};
use frostguard_shared::axis::Measured;
use frostguard_shared::causes::with_causes;
use frostguard_shared::quantity::Dbm;
use futures_util::StreamExt;
use std::collections::HashMap;
use std::time::Duration;
use thiserror::Error;
use uuid::Uuid;

const SOURCE: &str = "ble";
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Without any event for so long the scan is taken for dead and started again.
const SILENCE: Duration = Duration::from_secs(45);
/// Signals remembered, by device; strangers with random addresses must not fill the memory.
const SIGNALS_KEPT: usize = 512;

/// Why scanning ended. Report it, wait, and start again.
#[derive(Debug, Error)]
enum ScanError {
    #[error("BlueZ refused to {0}")]
    Bluez(&'static str, #[source] BluetoothError),
    #[error("there is no Bluetooth adapter {0}")]
    NoAdapter(String),
    #[error("the connection to D-Bus was lost")]
    BusLost,
    #[error("somebody else stopped the scan")]
    Stopped,
    #[error("no advertisement of any device for {} s", SILENCE.as_secs())]
    Silent,
}

/// The source.
pub struct Ble {
    config: BleConfig,
}

impl Ble {
    /// A source on the configured adapter.
    pub fn new(config: BleConfig) -> Self {
        Self { config }
    }

    /// Listens until dropped, giving everything heard to `hear`.
    pub async fn run(self, hear: impl Fn(Heard)) {
        let mut failures = 0;
        loop {
            let fault = match self.scan(&hear, &mut failures).await {
                Ok(never) => never,
                Err(fault) => fault,
            };
            hear(Heard::Source { source: SOURCE, fault: Some(with_causes(&fault)) });
            failures += 1;
            tokio::time::sleep(backoff(failures, LONGEST_WAIT)).await;
        }
    }

    /// One connection to the bus, until it fails.
    async fn scan(&self, hear: &impl Fn(Heard), failures: &mut u32) -> Result<ScanError, ScanError> {
        let step = |what| move |fault| ScanError::Bluez(what, fault);
        let (bus, session) = BluetoothSession::new().await.map_err(step("open a session"))?;
        let bus = tokio::spawn(bus);
        let ended = self.listen(&session, hear, failures).await;
        bus.abort();
        ended
    }

    async fn listen(
        &self,
        session: &BluetoothSession,
        hear: &impl Fn(Heard),
        failures: &mut u32,
    ) -> Result<ScanError, ScanError> {
        let step = |what| move |fault| ScanError::Bluez(what, fault);
        let adapters = session.get_adapters().await.map_err(step("list its adapters"))?;
        let adapter = adapters.into_iter().find(|adapter| is_named(adapter, &self.config.adapter));
        let adapter = adapter.ok_or_else(|| ScanError::NoAdapter(self.config.adapter.clone()))?;
        let events = session.event_stream().await.map_err(step("report events"))?;
        let filter = DiscoveryFilter {
            transport: Some(Transport::Le),
            duplicate_data: Some(true),
            ..DiscoveryFilter::default()
        };
        session
            .start_discovery_on_adapter_with_filter(&adapter.id, &filter)
            .await
            .map_err(step("start scanning"))?;
        hear(Heard::Source { source: SOURCE, fault: None });
        futures_util::pin_mut!(events);
        let mut signals = Signals::default();
        loop {
            match tokio::time::timeout(SILENCE, events.next()).await {
                Ok(Some(BluetoothEvent::Device { id, event })) => {
                    *failures = 0;
                    self.device(session, &mut signals, id, event, hear).await;
                }
                Ok(Some(BluetoothEvent::Adapter {
                    event: AdapterEvent::Discovering { discovering: false },
                    ..
                })) => {
                    return Ok(ScanError::Stopped);
                }
                Ok(Some(BluetoothEvent::Adapter { .. } | BluetoothEvent::Characteristic { .. })) => {}
                Ok(None) => return Ok(ScanError::BusLost),
                Err(_) => {
                    // Not being able to stop a dead scan is no reason not to start a new one.
                    let _ = session.stop_discovery_on_adapter(&adapter.id).await;
                    return Ok(ScanError::Silent);
                }
            }
        }
    }

    async fn device(
        &self,
        session: &BluetoothSession,
        signals: &mut Signals,
        id: DeviceId,
        event: DeviceEvent,
        hear: &impl Fn(Heard),
    ) {
        let Some(address) = address_of(&id) else { return };
        let say = |sections: Vec<(Section, Vec<u8>)>, signal| {
            for (section, bytes) in sections {
                let payload = Payload::Advert { section, bytes };
                hear(Heard::Frame(Frame { address, signal, measured: Measured::Now, payload }));
            }
        };
        match event {
            // A device that is new to BlueZ is announced without its data: the one question asked per device.
            DeviceEvent::Discovered => {
                if let Ok(info) = session.get_device_info(&id).await {
                    let signal = info.rssi.and_then(|rssi| Dbm::new(i64::from(rssi)).ok());
                    signals.note(address, signal);
                    say(of_manufacturers(info.manufacturer_data), signal);
                    say(of_services(info.service_data), signal);
                }
            }
            DeviceEvent::Rssi { rssi } => signals.note(address, Dbm::new(i64::from(rssi)).ok()),
            DeviceEvent::ManufacturerData { manufacturer_data } => {
                say(of_manufacturers(manufacturer_data), signals.of(address));
            }
            DeviceEvent::ServiceData { service_data } => {
                say(of_services(service_data), signals.of(address));
            }
            _ => {}
        }
    }
}

/// What of the manufacturer data some model may have said. With every repetition reported, BlueZ gives what the last
/// advertisement carried and nothing older.
fn of_manufacturers(data: HashMap<u16, Vec<u8>>) -> Vec<(Section, Vec<u8>)> {
    let sections = data.into_iter().map(|(company, bytes)| (Section::Manufacturer(company), bytes));
    sections.filter(|(section, _)| section.is_spoken()).collect()
}

/// What of the service data some model may have said.
fn of_services(data: HashMap<Uuid, Vec<u8>>) -> Vec<(Section, Vec<u8>)> {
    let sections = data.into_iter().filter_map(|(uuid, bytes)| Some((Section::Service(short(uuid)?), bytes)));
    sections.filter(|(section, _)| section.is_spoken()).collect()
}

/// The 16 bits of a UUID that Bluetooth's own base abbreviates.
fn short(uuid: Uuid) -> Option<u16> {
    let bits = u16::try_from(uuid.as_u128() >> 96).ok()?;
    (uuid_from_u16(bits) == uuid).then_some(bits)
}

/// The last signal of each device; BlueZ reports it apart from the data.
#[derive(Default)]
struct Signals(HashMap<Address, Dbm>);

impl Signals {
    fn note(&mut self, address: Address, signal: Option<Dbm>) {
        if self.0.len() >= SIGNALS_KEPT && !self.0.contains_key(&address) {
            self.0.clear();
        }
        if let Some(signal) = signal {
            self.0.insert(address, signal);
        }
    }
    fn of(&self, address: Address) -> Option<Dbm> {
        self.0.get(&address).copied()
    }
}

fn is_named(adapter: &AdapterInfo, name: &str) -> bool {
    adapter.id.to_string() == name
}

/// BlueZ names a device's object after its address: `hci0/dev_A4_C1_38_00_00_01`.
fn address_of(id: &DeviceId) -> Option<Address> {
    let text = id.to_string();
    let (_, address) = text.rsplit_once("/dev_")?;
    Address::mac(&address.replace('_', ":")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sections_in_which_some_model_speaks_are_taken() {
        let ruuvi = (Section::Manufacturer(0x0499), vec![5]);
        let data = HashMap::from([(0x0499, vec![5]), (0x004C, vec![2, 0x15])]);
        assert_eq!(of_manufacturers(data), [ruuvi]);
        let long = |text: &str| Uuid::parse_str(text).unwrap();
        let data = HashMap::from([
            (long("0000fcd2-0000-1000-8000-00805f9b34fb"), vec![0x40]),
            (long("0000fcd2-0000-1000-8000-00805f9b34fc"), vec![1]),
            (long("0000feaa-0000-1000-8000-00805f9b34fb"), vec![2]),
        ]);
        assert_eq!(of_services(data), [(Section::Service(0xFCD2), vec![0x40])]);
    }

    #[test]
    fn the_address_of_a_device_is_in_its_objects_name() {
        let id: DeviceId = "hci0/dev_A4_C1_38_00_00_01".parse().unwrap();
        assert_eq!(address_of(&id), Some(Address::Mac([0xA4, 0xC1, 0x38, 0, 0, 1])));
        let id: DeviceId = "hci0/nonsense".parse().unwrap();
        assert_eq!(address_of(&id), None);
    }
}
