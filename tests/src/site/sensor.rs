//! Owns the sensors of the simulated site: what each model makes of what is around it, and how it says so.
//! Takes what a sensor has around it; gives adverts and uplinks, and the values in them exactly as encoded.
//! Must never send anything itself, nor know what the hub makes of it.

use std::collections::BTreeMap;

use super::bluez::Advert;
use super::thermal::Door;
use super::{encode_bthome, encode_em300, encode_govee, encode_lht65, encode_ruuvi};

/// An EM300 tells its battery with every so many uplinks.
const BATTERY_EVERY: u32 = 72;

/// The sensor in a unit.
#[derive(Clone, Debug)]
pub enum Sensor {
    /// A Bluetooth tag in the air.
    Bthome {
        /// Its address, as `AA:BB:CC:DD:EE:FF`.
        mac: String,
    },
    /// The same with a contact at the door.
    BthomeDoor {
        /// Its address.
        mac: String,
    },
    /// A RuuviTag in the air.
    Ruuvi {
        /// Its address.
        mac: String,
    },
    /// A Govee H5075 in the air.
    Govee {
        /// Its address.
        mac: String,
    },
    /// A LoRaWAN node in the air with its probe in the goods.
    Lht65 {
        /// Its EUI, 16 lower-case hex digits.
        dev_eui: String,
    },
    /// A LoRaWAN node in the air with a contact at the door.
    Em300Mcs {
        /// Its EUI.
        dev_eui: String,
    },
}

/// What a sensor speaks over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Radio {
    /// Advertisements.
    Bluetooth,
    /// Uplinks.
    Lorawan,
}

/// What a sensor has around it.
#[derive(Clone, Copy, Debug)]
pub struct Around {
    /// What its own sensor reads, in °C.
    pub air_c: f64,
    /// What a probe in the goods reads, in °C.
    pub product_c: f64,
    /// Relative humidity in %.
    pub humidity_pct: f64,
    /// The door.
    pub door: Door,
    /// How many frames it has sent, this one included.
    pub frames: u32,
}

/// What goes over the air.
#[derive(Clone, Debug)]
pub enum Broadcast {
    /// An advertisement.
    Advert(Advert),
    /// An uplink.
    Uplink {
        /// The port.
        port: u8,
        /// The payload.
        payload: Vec<u8>,
    },
}

/// What a sensor says at one time.
#[derive(Clone, Debug)]
pub struct Utterance {
    /// What it sends, in order.
    pub broadcasts: Vec<Broadcast>,
    /// The temperatures in it in 0.01 °C, by channel as the hub names it.
    pub temperatures: Vec<(&'static str, i16)>,
}

impl Sensor {
    /// Its radio address.
    pub fn address(&self) -> &str {
        match self {
            Sensor::Bthome { mac }
            | Sensor::BthomeDoor { mac }
            | Sensor::Ruuvi { mac }
            | Sensor::Govee { mac } => mac,
            Sensor::Lht65 { dev_eui } | Sensor::Em300Mcs { dev_eui } => dev_eui,
        }
    }

    /// What it speaks over.
    pub fn radio(&self) -> Radio {
        match self {
            Sensor::Bthome { .. }
            | Sensor::BthomeDoor { .. }
            | Sensor::Ruuvi { .. }
            | Sensor::Govee { .. } => Radio::Bluetooth,
            Sensor::Lht65 { .. } | Sensor::Em300Mcs { .. } => Radio::Lorawan,
        }
    }

    /// Its model as a site document names it.
    pub fn model(&self) -> &'static str {
        match self {
            Sensor::Bthome { .. } | Sensor::BthomeDoor { .. } => "bthome",
            Sensor::Ruuvi { .. } => "ruuvitag",
            Sensor::Govee { .. } => "govee-h5075",
            Sensor::Lht65 { .. } => "dragino-lht65",
            Sensor::Em300Mcs { .. } => "milesight-em300-mcs",
        }
    }

    /// Its channels with the role that each has in its unit.
    pub fn channels(&self) -> &'static [(&'static str, &'static str)] {
        match self {
            Sensor::Bthome { .. } | Sensor::Ruuvi { .. } | Sensor::Govee { .. } => &[("air", "air")],
            Sensor::BthomeDoor { .. } | Sensor::Em300Mcs { .. } => &[("air", "air"), ("door", "door")],
            Sensor::Lht65 { .. } => &[("air", "air"), ("probe1", "product")],
        }
    }

    /// True for a sensor that speaks at once when the door moves.
    pub fn has_contact(&self) -> bool {
        self.channels().iter().any(|(channel, _)| *channel == "door")
    }

    /// What it says of what is around it.
    pub fn say(&self, around: &Around) -> Utterance {
        match self {
            Sensor::Bthome { .. } | Sensor::BthomeDoor { .. } => self.bthome(around),
            Sensor::Ruuvi { mac } => ruuvi(mac, around),
            Sensor::Govee { mac } => govee(mac, around),
            Sensor::Lht65 { .. } => lht65(around),
            Sensor::Em300Mcs { .. } => em300(around),
        }
    }

    fn bthome(&self, around: &Around) -> Utterance {
        let air = steps(around.air_c, 100.0);
        let measurement = encode_bthome::Measurement {
            packet_id: Some((around.frames % 256) as u8),
            battery_pct: Some(94),
            temperature_centi_c: Some(air),
            humidity_centi_pct: Some(steps(around.humidity_pct, 100.0).cast_unsigned()),
            opening: self.has_contact().then_some(around.door == Door::Open),
            ..encode_bthome::Measurement::default()
        };
        let data = (encode_bthome::SERVICE_UUID.to_owned(), measurement.service_data());
        let advert = Advert { service_data: BTreeMap::from([data]), ..Advert::default() };
        Utterance { broadcasts: vec![Broadcast::Advert(advert)], temperatures: vec![("air", air)] }
    }
}

fn ruuvi(mac: &str, around: &Around) -> Utterance {
    let air = steps(around.air_c, 100.0);
    let mut own = [0; 6];
    for (byte, digits) in own.iter_mut().zip(mac.split(':')) {
        *byte = u8::from_str_radix(digits, 16).unwrap_or_default();
    }
    let measurement = encode_ruuvi::Measurement {
        temperature_centi_c: air,
        humidity_centi_pct: steps(around.humidity_pct, 100.0).cast_unsigned(),
        pressure_pa: 101_180,
        battery_mv: 2_965,
        sequence: (around.frames % 65_535) as u16,
        mac: own,
    };
    let advert = of_company(encode_ruuvi::COMPANY, measurement.manufacturer_data(), None);
    Utterance { broadcasts: vec![advert], temperatures: vec![("air", air)] }
}

fn govee(mac: &str, around: &Around) -> Utterance {
    let tenths = steps(around.air_c, 10.0);
    let measurement = encode_govee::Measurement {
        temperature_deci_c: tenths,
        humidity_deci_pct: steps(around.humidity_pct, 10.0).clamp(0, 999).cast_unsigned(),
        battery_pct: 81,
    };
    let name = Some(encode_govee::local_name(mac));
    let measured = of_company(encode_govee::COMPANY, measurement.manufacturer_data(), name);
    let beacon = of_company(encode_govee::BEACON_COMPANY, encode_govee::beacon(), None);
    Utterance { broadcasts: vec![measured, beacon], temperatures: vec![("air", tenths * 10)] }
}

fn of_company(company: u16, data: Vec<u8>, name: Option<String>) -> Broadcast {
    let manufacturer_data = BTreeMap::from([(company, data)]);
    Broadcast::Advert(Advert { manufacturer_data, name, ..Advert::default() })
}

fn lht65(around: &Around) -> Utterance {
    let (air, product) = (steps(around.air_c, 100.0), steps(around.product_c, 100.0));
    let live = encode_lht65::Live {
        battery_grade: 3,
        battery_mv: 3_062,
        builtin_centi_c: air,
        humidity_tenth_pct: steps(around.humidity_pct, 10.0).cast_unsigned(),
        probe: encode_lht65::Probe::Reads(product),
    };
    let uplink = Broadcast::Uplink { port: encode_lht65::F_PORT, payload: live.payload() };
    Utterance { broadcasts: vec![uplink], temperatures: vec![("air", air), ("probe1", product)] }
}

fn em300(around: &Around) -> Utterance {
    let tenths = steps(around.air_c, 10.0);
    let live = encode_em300::Live {
        battery_pct: (around.frames % BATTERY_EVERY == 1).then_some(92),
        temperature_deci_c: Some(tenths),
        humidity_half_pct: Some(steps(around.humidity_pct, 2.0).clamp(0, 200) as u8),
        open: Some(around.door == Door::Open),
    };
    let uplink = Broadcast::Uplink { port: encode_em300::F_PORT, payload: live.payload() };
    Utterance { broadcasts: vec![uplink], temperatures: vec![("air", tenths * 10)] }
}

/// In so many steps a unit, half away from zero; far beyond any cold room it stays at the largest value that a sensor
/// can send.
fn steps(value: f64, per_unit: f64) -> i16 {
    (value * per_unit).round() as i16
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAC: &str = "A4:C1:38:61:CB:9B";
    const AROUND: Around =
        Around { air_c: -18.437, product_c: -19.0, humidity_pct: 55.0, door: Door::Open, frames: 1 };

    fn hex_of(sensor: &Sensor) -> (Vec<String>, Vec<(&'static str, i16)>) {
        let said = sensor.say(&AROUND);
        let bytes = said.broadcasts.iter().map(|broadcast| match broadcast {
            Broadcast::Advert(advert) => {
                let data = advert.service_data.values().chain(advert.manufacturer_data.values());
                data.map(hex::encode).collect()
            }
            Broadcast::Uplink { payload, .. } => hex::encode(payload),
        });
        (bytes.collect(), said.temperatures)
    }

    #[test]
    fn each_sensor_says_what_is_around_it_in_its_own_steps() {
        let (mac, dev_eui) = (MAC.to_owned(), "24e124136b502301".to_owned());
        let cases = [
            (Sensor::BthomeDoor { mac: mac.clone() }, "400001015e02ccf8037c151101", vec![("air", -1_844)]),
            (
                Sensor::Ruuvi { mac: mac.clone() },
                "05f19855f0c7ec0004fffc040caab6420001a4c13861cb9b",
                vec![("air", -1_844)],
            ),
            (Sensor::Govee { mac }, "0082d0e65100", vec![("air", -1_840)]),
            (
                Sensor::Lht65 { dev_eui: dev_eui.clone() },
                "cbf6f8cc022601f8947fff",
                vec![("air", -1_844), ("probe1", -1_900)],
            ),
            (Sensor::Em300Mcs { dev_eui }, "01755c036748ff04686e060001", vec![("air", -1_840)]),
        ];
        for (sensor, bytes, temperatures) in cases {
            let (said, values) = hex_of(&sensor);
            assert_eq!((said[0].as_str(), values), (bytes, temperatures), "{sensor:?}");
        }
    }

    #[test]
    fn only_a_sensor_with_a_contact_has_a_door_to_speak_of() {
        let mac = || MAC.to_owned();
        assert!(Sensor::BthomeDoor { mac: mac() }.has_contact());
        assert!(!Sensor::Bthome { mac: mac() }.has_contact());
        assert_eq!(hex_of(&Sensor::Bthome { mac: mac() }).0, ["400001015e02ccf8037c15"]);
    }
}
