//! Owns the D-Bus properties of BlueZ's adapter and device objects, in BlueZ's types and spelling.
//! Takes the double's plain state; gives property maps for replies and signals.
//! Must never send anything or decide who hears it.

use std::collections::{BTreeMap, HashMap};

use zbus::zvariant::{ObjectPath, OwnedObjectPath, Value};

/// Interface of the adapter object.
pub(super) const ADAPTER: &str = "org.bluez.Adapter1";
/// Interface of a device object.
pub(super) const DEVICE: &str = "org.bluez.Device1";
/// Path of the only adapter.
pub(super) const ADAPTER_PATH: &str = "/org/bluez/hci0";
/// Bluetooth address of the only adapter.
const ADAPTER_ADDRESS: &str = "00:1A:7D:DA:71:13";

/// A property map as D-Bus carries it.
pub(super) type Properties = HashMap<&'static str, Value<'static>>;

/// The device as BlueZ would know it.
#[derive(Clone, Debug, Default)]
pub(super) struct Known {
    pub(super) mac: String,
    pub(super) name: Option<String>,
    /// Present only while somebody is discovering.
    pub(super) rssi: Option<i16>,
    pub(super) service_data: BTreeMap<String, Vec<u8>>,
    pub(super) manufacturer_data: BTreeMap<u16, Vec<u8>>,
}

impl Known {
    /// Everything that is present now.
    pub(super) fn properties(&self) -> Properties {
        let alias = self.name.clone().unwrap_or_else(|| self.mac.replace(':', "-"));
        let mut all = Properties::from([
            ("Address", Value::from(self.mac.clone())),
            ("AddressType", Value::from("public")),
            ("Alias", Value::from(alias)),
            ("Paired", Value::from(false)),
            ("Bonded", Value::from(false)),
            ("Trusted", Value::from(false)),
            ("Blocked", Value::from(false)),
            ("LegacyPairing", Value::from(false)),
            ("Connected", Value::from(false)),
            ("ServicesResolved", Value::from(false)),
            ("UUIDs", Value::from(Vec::<String>::new())),
            ("Adapter", Value::from(adapter_path())),
        ]);
        if let Some(name) = &self.name {
            all.insert("Name", Value::from(name.clone()));
        }
        if let Some(rssi) = self.rssi {
            all.insert("RSSI", Value::from(rssi));
        }
        if !self.service_data.is_empty() {
            all.insert("ServiceData", self.service_data_value());
        }
        if !self.manufacturer_data.is_empty() {
            all.insert("ManufacturerData", self.manufacturer_data_value());
        }
        all
    }

    pub(super) fn service_data_value(&self) -> Value<'static> {
        let data: HashMap<String, Value<'static>> = self
            .service_data
            .iter()
            .map(|(uuid, bytes)| (uuid.clone(), Value::from(bytes.clone())))
            .collect();
        Value::from(data)
    }

    pub(super) fn manufacturer_data_value(&self) -> Value<'static> {
        let data: HashMap<u16, Value<'static>> =
            self.manufacturer_data.iter().map(|(id, bytes)| (*id, Value::from(bytes.clone()))).collect();
        Value::from(data)
    }
}

/// The adapter's properties.
pub(super) fn adapter_properties(powered: bool, discovering: bool) -> Properties {
    Properties::from([
        ("Address", Value::from(ADAPTER_ADDRESS)),
        ("AddressType", Value::from("public")),
        ("Name", Value::from("site-double")),
        ("Alias", Value::from("site-double")),
        ("Class", Value::from(0_u32)),
        ("Powered", Value::from(powered)),
        ("PowerState", Value::from(if powered { "on" } else { "off" })),
        ("Discoverable", Value::from(false)),
        ("DiscoverableTimeout", Value::from(180_u32)),
        ("Pairable", Value::from(true)),
        ("PairableTimeout", Value::from(0_u32)),
        ("Discovering", Value::from(discovering)),
        ("UUIDs", Value::from(Vec::<String>::new())),
        ("Modalias", Value::from("usb:v1D6Bp0246d0542")),
        ("Roles", Value::from(vec!["central".to_owned(), "peripheral".to_owned()])),
    ])
}

/// Path of the adapter, typed.
pub(super) fn adapter_path() -> ObjectPath<'static> {
    ObjectPath::from_static_str_unchecked(ADAPTER_PATH)
}

/// Path of the device with this address.
pub(super) fn device_path(mac: &str) -> Result<OwnedObjectPath, zbus::Error> {
    let path = format!("{ADAPTER_PATH}/dev_{}", mac.to_uppercase().replace(':', "_"));
    Ok(OwnedObjectPath::try_from(path)?)
}
