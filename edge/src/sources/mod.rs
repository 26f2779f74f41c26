//! Sources: what the hub hears, from bytes of a radio to frames.
//!
//! Owns the words for what was heard, [`Frame`], and the list of sensor models with their decoders: a later sensor is
//! one file and one line. Sources know neither journal nor rules; they emit frames and count what they refuse.

pub mod ble;
pub mod bthome;
pub mod chirpstack;
pub mod lht65;
pub mod lorawan;

use frostguard_shared::axis::Measured;
use frostguard_shared::event::Fault;
use frostguard_shared::point::Channel;
use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent, CentiCelsius, Dbm, Millivolts};
use frostguard_shared::reading::{Door, Quality};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A frame that is not what its model sends. Drop it, count it by [`Refusal::reason`], and go on.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum Refusal {
    /// Shorter than its own structure says.
    #[error("the payload ends within {0}")]
    Truncated(&'static str),
    /// Longer than anything that the model sends.
    #[error("the payload has {0} bytes, more than the {1} that are taken")]
    Oversize(usize, usize),
    /// A part that this decoder does not know.
    #[error("unknown {0} 0x{1:02x}")]
    Unknown(&'static str, u8),
    /// Encrypted, and there is no key for it.
    #[error("the payload is encrypted and no key is configured")]
    Encrypted,
    /// Not the JSON of an uplink.
    #[error("not an uplink: {0}")]
    Json(String),
    /// A field with a value that it cannot have.
    #[error("{0} is not allowed: {1}")]
    Field(&'static str, String),
}

impl Refusal {
    /// The name under which it is counted.
    pub const fn reason(&self) -> &'static str {
        match self {
            Self::Truncated(_) => "truncated",
            Self::Oversize(..) => "oversize",
            Self::Unknown(..) => "unknown_part",
            Self::Encrypted => "encrypted",
            Self::Json(_) => "json",
            Self::Field(..) => "field",
        }
    }
}

/// A radio address.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Address {
    /// Of a Bluetooth device.
    Mac([u8; 6]),
    /// Of a LoRaWAN device (DevEUI).
    Eui([u8; 8]),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mac(bytes) => f.write_str(&bytes.map(|byte| format!("{byte:02X}")).join(":")),
            Self::Eui(bytes) => f.write_str(&hex::encode(bytes)),
        }
    }
}

/// A model or address that cannot be. Refuse the document that names it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ModelError {
    /// No such model.
    #[error("\"{0}\" is no model that this version knows; it knows {known}", known = Model::ALL.map(Model::name).join(", "))]
    Model(String),
    /// Not a Bluetooth address.
    #[error("\"{0}\" is no Bluetooth address like A4:C1:38:00:00:01")]
    Mac(String),
    /// Not a DevEUI.
    #[error("\"{0}\" is no DevEUI of 16 hex digits")]
    Eui(String),
}

impl Address {
    /// A Bluetooth address, as `AA:BB:CC:DD:EE:FF`.
    ///
    /// # Errors
    /// Any other text.
    pub fn mac(text: &str) -> Result<Self, ModelError> {
        let mut bytes = [0; 6];
        let separated = text.len() == 17 && text.bytes().skip(2).step_by(3).all(|byte| byte == b':');
        if separated && hex::decode_to_slice(text.replace(':', ""), &mut bytes).is_ok() {
            Ok(Self::Mac(bytes))
        } else {
            Err(ModelError::Mac(text.chars().take(40).collect()))
        }
    }

    /// A DevEUI of 16 hex digits.
    ///
    /// # Errors
    /// Any other text.
    pub fn eui(text: &str) -> Result<Self, ModelError> {
        let mut bytes = [0; 8];
        match hex::decode_to_slice(text, &mut bytes) {
            Ok(()) => Ok(Self::Eui(bytes)),
            Err(_) => Err(ModelError::Eui(text.chars().take(40).collect())),
        }
    }
}

/// The sensor models that this version decodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Model {
    /// Anything that speaks BTHome version 2.
    Bthome,
    /// Dragino LHT65.
    DraginoLht65,
}

impl Model {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Bthome, Self::DraginoLht65];

    /// The name in a site document.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bthome => "bthome",
            Self::DraginoLht65 => "dragino-lht65",
        }
    }

    /// Reads the address of a device of this model.
    ///
    /// # Errors
    /// An address of another radio.
    pub fn address(self, text: &str) -> Result<Address, ModelError> {
        match self {
            Self::Bthome => Address::mac(text),
            Self::DraginoLht65 => Address::eui(text),
        }
    }

    /// Decodes what a device of this model sent.
    ///
    /// # Errors
    /// Anything that is not what the model sends.
    pub fn decode(self, payload: &Payload) -> Result<Vec<Decoded>, Refusal> {
        match (self, payload) {
            (Self::Bthome, Payload::Advert { service_data }) => {
                bthome::decode(service_data).map(|one| vec![one])
            }
            (Self::DraginoLht65, Payload::Uplink { port, bytes }) => lht65::decode(*port, bytes),
            (Self::Bthome, Payload::Uplink { .. }) | (Self::DraginoLht65, Payload::Advert { .. }) => {
                Err(Refusal::Field("radio", "the model does not speak on this radio".into()))
            }
        }
    }
}

impl FromStr for Model {
    type Err = ModelError;
    fn from_str(text: &str) -> Result<Self, ModelError> {
        let known = Self::ALL.into_iter().find(|model| model.name() == text);
        known.ok_or_else(|| ModelError::Model(text.chars().take(40).collect()))
    }
}

/// The bytes that a radio gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// A Bluetooth advertisement's service data for the BTHome UUID.
    Advert {
        /// The bytes after the UUID.
        service_data: Vec<u8>,
    },
    /// A LoRaWAN uplink.
    Uplink {
        /// The port.
        port: u8,
        /// The decrypted application payload.
        bytes: Vec<u8>,
    },
}

/// What was heard, before it is decoded: so that only devices of the site are decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Frame {
    /// Who sent it.
    pub address: Address,
    /// How strong.
    pub signal: Option<Dbm>,
    /// When it was measured, as far as the way it came says.
    pub measured: Measured,
    /// What it said.
    pub payload: Payload,
}

/// What a source tells the hub.
#[derive(Clone, PartialEq, Debug)]
pub enum Heard {
    /// A frame.
    Frame(Frame),
    /// Something that is no frame; counted by source and reason.
    Refused {
        /// The source.
        source: &'static str,
        /// What was wrong.
        refusal: Refusal,
    },
    /// Whether the source can hear at all.
    Source {
        /// The source.
        source: &'static str,
        /// Why it cannot, if it cannot.
        fault: Option<String>,
    },
}

/// One channel's value in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChannelValue {
    /// A temperature, with humidity if the same channel has it.
    Temperature {
        /// The value.
        temperature: CentiCelsius,
        /// Whether it is to be believed.
        quality: Quality,
        /// Humidity.
        humidity: Option<BasisPointsRh>,
    },
    /// The channel is there but gives no value.
    Fault(Fault),
    /// A door's state.
    Door(Door),
}

/// A decoded frame, or one record of a frame that carries several.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Decoded {
    /// When it was measured, if the payload says.
    pub measured: Option<Measured>,
    /// The channels.
    pub channels: Vec<(Channel, ChannelValue)>,
    /// Battery in percent.
    pub battery_percent: Option<BatteryPercent>,
    /// Battery voltage.
    pub battery: Option<Millivolts>,
}

/// The value that a one-wire probe gives when it cannot be read.
const PROBE_UNREADABLE: i32 = -12_700;
/// The value that a one-wire probe shows after power-on, before it has measured.
const POWER_ON_DEFAULT: i32 = 8_500;
/// No sensor in this trade measures beyond these.
const PLAUSIBLE: std::ops::RangeInclusive<i32> = -20_000..=15_000;

impl ChannelValue {
    /// A channel's value from hundredths of a degree, with the codes for "no value" recognised.
    pub fn of_hundredths(hundredths: i32, humidity: Option<BasisPointsRh>) -> Self {
        let quality = match hundredths {
            PROBE_UNREADABLE => Quality::ProbeUnreadable,
            POWER_ON_DEFAULT => Quality::PowerOnDefault,
            value if !PLAUSIBLE.contains(&value) => Quality::OutOfRange,
            _ => Quality::Valid,
        };
        match CentiCelsius::new(hundredths) {
            Ok(temperature) => Self::Temperature { temperature, quality, humidity },
            Err(_) => Self::Fault(Fault::OutOfRange),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_a_probe_that_has_no_value_are_recognised() {
        let quality = |hundredths| match ChannelValue::of_hundredths(hundredths, None) {
            ChannelValue::Temperature { quality, .. } => Some(quality),
            _ => None,
        };
        assert_eq!(quality(-12_700), Some(Quality::ProbeUnreadable));
        assert_eq!(quality(8_500), Some(Quality::PowerOnDefault));
        assert_eq!(quality(8_501), Some(Quality::Valid));
        assert_eq!(quality(-1_842), Some(Quality::Valid));
        assert_eq!(quality(20_000), Some(Quality::OutOfRange));
        assert_eq!(ChannelValue::of_hundredths(-32_768, None), ChannelValue::Fault(Fault::OutOfRange));
    }

    #[test]
    fn addresses_read_back_and_refuse_those_of_another_radio() {
        let mac = Model::Bthome.address("a4:c1:38:00:00:01").unwrap();
        assert_eq!(mac.to_string(), "A4:C1:38:00:00:01");
        assert_eq!(Model::DraginoLht65.address("A84041FFFF123456").unwrap().to_string(), "a84041ffff123456");
        assert!(Model::Bthome.address("a84041ffff123456").is_err());
        assert!(Model::DraginoLht65.address("A4:C1:38:00:00:01").is_err());
        assert!("nest".parse::<Model>().unwrap_err().to_string().contains("bthome, dragino-lht65"));
    }
}
