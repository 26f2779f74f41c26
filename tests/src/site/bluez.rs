//! Owns a double of the Bluetooth daemon: it holds the name `org.bluez` on a private bus.
//! Takes advertisements as if from the air; gives them to clients under BlueZ's rules for discovery.
//! Must never deliver anything while nobody is discovering, nor repeat a known device's data unasked.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use zbus::blocking::{Connection, MessageIterator, connection::Builder};
use zbus::message::{Header, Message, Type};
use zbus::zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::bluez_properties::{
    ADAPTER, ADAPTER_PATH, DEVICE, Known, Properties, adapter_path, adapter_properties, device_path,
};
use crate::error::SiteError;

const BUS: &str = "org.freedesktop.DBus";
const BUS_PATH: &str = "/org/freedesktop/DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const OBJECT_MANAGER: &str = "org.freedesktop.DBus.ObjectManager";
/// Refuse rather than queue if somebody else holds the name.
const DO_NOT_QUEUE: u32 = 4;
const IS_PRIMARY_OWNER: u32 = 1;

/// What a device sends in one advertisement.
#[derive(Clone, Debug, Default)]
pub struct Advert {
    /// Service data by full 128-bit UUID.
    pub service_data: BTreeMap<String, Vec<u8>>,
    /// Manufacturer data by company identifier.
    pub manufacturer_data: BTreeMap<u16, Vec<u8>>,
    /// The local name, as a scan response would carry it.
    pub name: Option<String>,
}

/// Whether an advertisement reached a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Heard {
    /// A signal was sent for it.
    Delivered,
    /// Nobody was discovering, or the data was a repetition that nobody asked for.
    Not,
}

#[derive(Debug, Default)]
struct Sky {
    powered: bool,
    /// Clients that asked for DuplicateData, by unique bus name.
    wants_duplicates: HashMap<String, bool>,
    discovering: HashSet<String>,
    devices: BTreeMap<String, Known>,
}

impl Sky {
    fn duplicates_wanted(&self) -> bool {
        self.discovering.iter().any(|client| self.wants_duplicates.get(client) == Some(&true))
    }
}

struct Shared {
    connection: Connection,
    sky: Mutex<Sky>,
    changed: Condvar,
}

/// The running double; its name leaves the bus when it is dropped.
pub struct BluezDouble {
    shared: Arc<Shared>,
}

impl BluezDouble {
    /// Connects to the bus at `address` and takes the name `org.bluez`.
    ///
    /// # Errors
    /// When the bus cannot be reached or the name is taken.
    pub fn start(address: &str) -> Result<BluezDouble, SiteError> {
        let connection = Builder::address(address)?.build()?;
        let calls = MessageIterator::from(&connection);
        let shared = Arc::new(Shared {
            connection,
            sky: Mutex::new(Sky { powered: true, ..Sky::default() }),
            changed: Condvar::new(),
        });
        let server = Arc::clone(&shared);
        thread::spawn(move || server.serve(calls));
        let gone = "type='signal',sender='org.freedesktop.DBus',member='NameOwnerChanged'";
        shared.connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "AddMatch", &gone)?;
        let name = ("org.bluez", DO_NOT_QUEUE);
        let reply = shared.connection.call_method(Some(BUS), BUS_PATH, Some(BUS), "RequestName", &name)?;
        if reply.body().deserialize::<u32>()? != IS_PRIMARY_OWNER {
            return Err(SiteError::Unexpected("the name org.bluez is taken on this bus".to_owned()));
        }
        Ok(BluezDouble { shared })
    }

    /// Sends one advertisement from `mac`.
    ///
    /// # Errors
    /// When the address is malformed or the bus is gone.
    pub fn advertise(&self, mac: &str, rssi: i16, advert: Advert) -> Result<Heard, SiteError> {
        let mut sky = self.shared.sky();
        if sky.discovering.is_empty() {
            return Ok(Heard::Not);
        }
        let path = device_path(mac)?;
        let Some(known) = sky.devices.get(path.as_str()).cloned() else {
            let mut device = Known { mac: mac.to_uppercase(), ..Known::default() };
            merge(&mut device, rssi, advert, true);
            let interfaces = HashMap::from([(DEVICE, device.properties())]);
            sky.devices.insert(path.to_string(), device);
            let body = (path, interfaces);
            let none = None::<&str>;
            self.shared.connection.emit_signal(none, "/", OBJECT_MANAGER, "InterfacesAdded", &body)?;
            return Ok(Heard::Delivered);
        };
        // After a scan was restarted a known device is reported once, with its signal strength back.
        let duplicates = sky.duplicates_wanted();
        if !duplicates && known.rssi.is_some() {
            return Ok(Heard::Not);
        }
        let mut device = known.clone();
        merge(&mut device, rssi, advert, duplicates);
        let changes = differences(&known, &device, duplicates);
        sky.devices.insert(path.to_string(), device);
        self.shared.properties_changed(path.as_str(), DEVICE, &changes, &[])?;
        Ok(Heard::Delivered)
    }

    /// Waits until some client is discovering.
    ///
    /// # Errors
    /// [`SiteError::NotInTime`] when nobody is by then.
    pub fn wait_discovering(&self, limit: Duration) -> Result<(), SiteError> {
        let sky = self.shared.sky();
        let (sky, waited) = self
            .shared
            .changed
            .wait_timeout_while(sky, limit, |sky| sky.discovering.is_empty())
            .unwrap_or_else(PoisonError::into_inner);
        drop(sky);
        if waited.timed_out() {
            return Err(SiteError::NotInTime { what: "a client is discovering".to_owned(), limit });
        }
        Ok(())
    }

    /// Whether some client is discovering.
    pub fn is_discovering(&self) -> bool {
        !self.shared.sky().discovering.is_empty()
    }

    /// Ends discovery behind the clients' backs, as another program or a firmware fault does.
    ///
    /// # Errors
    /// When the bus is gone.
    pub fn stop_discovery_by_other(&self) -> Result<(), SiteError> {
        let mut sky = self.shared.sky();
        let clients: Vec<String> = sky.discovering.iter().cloned().collect();
        for client in clients {
            self.shared.discovery_ended(&mut sky, &client)?;
        }
        Ok(())
    }
}

impl Drop for BluezDouble {
    fn drop(&mut self) {
        // Closing the connection ends the serving thread as well.
        let _ = self.shared.connection.clone().close();
    }
}

/// An error answer: BlueZ's error name and a sentence.
type Refusal = (&'static str, &'static str);

impl Shared {
    fn sky(&self) -> MutexGuard<'_, Sky> {
        self.sky.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self, calls: MessageIterator) {
        for message in calls {
            let Ok(message) = message else { return };
            // A failed answer means that the bus or the caller has gone, and with it the need for an answer.
            let _ = match message.message_type() {
                Type::MethodCall => self.answer(&message),
                Type::Signal => self.client_gone(&message),
                Type::MethodReturn | Type::Error => Ok(()),
            };
        }
    }

    /// A client that leaves the bus takes its discovery with it, as with the real daemon.
    fn client_gone(&self, message: &Message) -> Result<(), zbus::Error> {
        if message.header().member().is_none_or(|member| member.as_str() != "NameOwnerChanged") {
            return Ok(());
        }
        let body = message.body();
        let (name, _, new_owner): (&str, &str, &str) = body.deserialize()?;
        if new_owner.is_empty() {
            let mut sky = self.sky();
            sky.wants_duplicates.remove(name);
            self.discovery_ended(&mut sky, name)?;
        }
        Ok(())
    }

    fn answer(&self, message: &Message) -> Result<(), zbus::Error> {
        let header = message.header();
        let text = |part: Option<String>| part.unwrap_or_default();
        let path = text(header.path().map(ToString::to_string));
        let interface = text(header.interface().map(ToString::to_string));
        let member = text(header.member().map(ToString::to_string));
        match (interface.as_str(), member.as_str()) {
            (OBJECT_MANAGER, "GetManagedObjects") => {
                let objects = self.objects()?;
                self.connection.reply(&header, &objects)
            }
            (PROPERTIES, _) => self.answer_properties(message, &header, &path, &member),
            (ADAPTER, _) if path == ADAPTER_PATH => {
                let client = text(header.sender().map(ToString::to_string));
                match self.adapter_call(&member, &client, message)? {
                    Ok(()) => self.connection.reply(&header, &()),
                    Err((name, sentence)) => self.connection.reply_error(&header, name, &sentence),
                }
            }
            _ => {
                let unknown = "org.freedesktop.DBus.Error.UnknownMethod";
                self.connection.reply_error(&header, unknown, &format!("no {interface}.{member} at {path}"))
            }
        }
    }

    fn objects(&self) -> Result<HashMap<OwnedObjectPath, HashMap<&'static str, Properties>>, zbus::Error> {
        let sky = self.sky();
        let adapter = adapter_properties(sky.powered, !sky.discovering.is_empty());
        let mut objects =
            HashMap::from([(OwnedObjectPath::from(adapter_path()), HashMap::from([(ADAPTER, adapter)]))]);
        for (path, device) in &sky.devices {
            let interfaces = HashMap::from([(DEVICE, device.properties())]);
            objects.insert(OwnedObjectPath::try_from(path.clone())?, interfaces);
        }
        Ok(objects)
    }

    fn properties_at(&self, path: &str, interface: &str) -> Option<Properties> {
        let sky = self.sky();
        match interface {
            ADAPTER if path == ADAPTER_PATH => {
                Some(adapter_properties(sky.powered, !sky.discovering.is_empty()))
            }
            DEVICE => sky.devices.get(path).map(Known::properties),
            _ => None,
        }
    }

    fn answer_properties(
        &self,
        message: &Message,
        header: &Header<'_>,
        path: &str,
        member: &str,
    ) -> Result<(), zbus::Error> {
        let body = message.body();
        let refuse = |sentence: &str| {
            self.connection.reply_error(header, "org.freedesktop.DBus.Error.InvalidArgs", &sentence)
        };
        match member {
            "GetAll" => match self.properties_at(path, body.deserialize()?) {
                Some(all) => self.connection.reply(header, &all),
                None => refuse("no such interface"),
            },
            "Get" => {
                let (interface, name): (&str, &str) = body.deserialize()?;
                match self.properties_at(path, interface).and_then(|mut all| all.remove(name)) {
                    Some(value) => self.connection.reply(header, &value),
                    None => refuse("no such property"),
                }
            }
            "Set" => {
                let (interface, name, value): (&str, &str, Value<'_>) = body.deserialize()?;
                match (interface, name, bool::try_from(value)) {
                    (ADAPTER, "Powered", Ok(powered)) => {
                        self.set_powered(powered)?;
                        self.connection.reply(header, &())
                    }
                    (ADAPTER, "Discoverable" | "Pairable", Ok(_)) => self.connection.reply(header, &()),
                    _ => refuse("this property cannot be set so"),
                }
            }
            _ => refuse("no such method"),
        }
    }

    fn set_powered(&self, powered: bool) -> Result<(), zbus::Error> {
        let mut sky = self.sky();
        if sky.powered == powered {
            return Ok(());
        }
        if !powered {
            let clients: Vec<String> = sky.discovering.iter().cloned().collect();
            for client in clients {
                self.discovery_ended(&mut sky, &client)?;
            }
        }
        sky.powered = powered;
        let state = if powered { "on" } else { "off" };
        let changes =
            Properties::from([("Powered", Value::from(powered)), ("PowerState", Value::from(state))]);
        self.properties_changed(ADAPTER_PATH, ADAPTER, &changes, &[])
    }

    fn adapter_call(
        &self,
        member: &str,
        client: &str,
        message: &Message,
    ) -> Result<Result<(), Refusal>, zbus::Error> {
        let mut sky = self.sky();
        match member {
            "SetDiscoveryFilter" => {
                let filter: HashMap<String, OwnedValue> = message.body().deserialize()?;
                let duplicates = filter.get("DuplicateData").and_then(|v| bool::try_from(v).ok());
                sky.wants_duplicates.insert(client.to_owned(), duplicates.unwrap_or(false));
            }
            "StartDiscovery" if !sky.powered => {
                return Ok(Err(("org.bluez.Error.NotReady", "Resource Not Ready")));
            }
            "StartDiscovery" if sky.discovering.contains(client) => {
                return Ok(Err(("org.bluez.Error.InProgress", "Operation already in progress")));
            }
            "StartDiscovery" => {
                sky.discovering.insert(client.to_owned());
                self.changed.notify_all();
                if sky.discovering.len() == 1 {
                    self.say_discovering(true)?;
                }
            }
            "StopDiscovery" if !sky.discovering.contains(client) => {
                return Ok(Err(("org.bluez.Error.Failed", "No discovery started")));
            }
            "StopDiscovery" => self.discovery_ended(&mut sky, client)?,
            _ => return Ok(Err(("org.bluez.Error.NotSupported", "Operation is not supported"))),
        }
        Ok(Ok(()))
    }

    /// Takes `client` out of the discovering ones; after the last, signal strengths are forgotten.
    fn discovery_ended(&self, sky: &mut Sky, client: &str) -> Result<(), zbus::Error> {
        if !sky.discovering.remove(client) || !sky.discovering.is_empty() {
            return Ok(());
        }
        self.changed.notify_all();
        for (path, device) in &mut sky.devices {
            if device.rssi.take().is_some() {
                self.properties_changed(path, DEVICE, &Properties::new(), &["RSSI"])?;
            }
        }
        self.say_discovering(false)
    }

    fn say_discovering(&self, discovering: bool) -> Result<(), zbus::Error> {
        let changes = Properties::from([("Discovering", Value::from(discovering))]);
        self.properties_changed(ADAPTER_PATH, ADAPTER, &changes, &[])
    }

    fn properties_changed(
        &self,
        path: &str,
        interface: &str,
        changes: &Properties,
        invalidated: &[&str],
    ) -> Result<(), zbus::Error> {
        let body = (interface, changes, invalidated);
        self.connection.emit_signal(None::<&str>, path, PROPERTIES, "PropertiesChanged", &body)
    }
}

/// Puts an advertisement into what is known of a device.
fn merge(device: &mut Known, rssi: i16, advert: Advert, replace: bool) {
    if replace && !advert.service_data.is_empty() {
        device.service_data.clear();
    }
    if replace && !advert.manufacturer_data.is_empty() {
        device.manufacturer_data.clear();
    }
    device.service_data.extend(advert.service_data);
    device.manufacturer_data.extend(advert.manufacturer_data);
    device.name = advert.name.or(device.name.take());
    device.rssi = Some(rssi);
}

/// What one signal must carry; with duplicates wanted, data is repeated even when unchanged.
fn differences(before: &Known, after: &Known, repeat: bool) -> Properties {
    let mut changes = Properties::new();
    if let Some(rssi) = after.rssi.filter(|_| repeat || before.rssi != after.rssi) {
        changes.insert("RSSI", Value::from(rssi));
    }
    let repeat_service = repeat && !after.service_data.is_empty();
    if repeat_service || before.service_data != after.service_data {
        changes.insert("ServiceData", after.service_data_value());
    }
    let repeat_manufacturer = repeat && !after.manufacturer_data.is_empty();
    if repeat_manufacturer || before.manufacturer_data != after.manufacturer_data {
        changes.insert("ManufacturerData", after.manufacturer_data_value());
    }
    if let Some(name) = after.name.as_ref().filter(|_| before.name != after.name) {
        changes.insert("Name", Value::from(name.clone()));
        changes.insert("Alias", Value::from(name.clone()));
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::wait_for;
    use crate::site::dbus::PrivateBus;

    #[test]
    fn a_client_that_leaves_the_bus_takes_its_discovery_with_it() {
        let state = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(state.path()).unwrap();
        let double = BluezDouble::start(bus.address()).unwrap();
        let client = Builder::address(bus.address()).unwrap().build().unwrap();
        let start =
            || client.call_method(Some("org.bluez"), ADAPTER_PATH, Some(ADAPTER), "StartDiscovery", &());
        start().unwrap();
        assert!(start().unwrap_err().to_string().contains("InProgress"));
        assert_eq!(double.advertise("a4:c1:38:00:00:01", -60, Advert::default()).unwrap(), Heard::Delivered);
        client.close().unwrap();
        let limit = Duration::from_secs(5);
        wait_for("discovery ends", limit, || (!double.is_discovering()).then_some(())).unwrap();
        assert_eq!(double.advertise("a4:c1:38:00:00:01", -60, Advert::default()).unwrap(), Heard::Not);
    }

    #[test]
    fn a_second_double_is_refused_on_the_same_bus() {
        let state = tempfile::tempdir().unwrap();
        let bus = PrivateBus::start(state.path()).unwrap();
        let _first = BluezDouble::start(bus.address()).unwrap();
        assert!(BluezDouble::start(bus.address()).is_err());
    }
}
