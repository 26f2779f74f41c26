//! Sources: what the hub hears, from bytes of a radio to frames.
//!
//! Owns the words for what was heard, [`Frame`], and the list of sensor models: a later sensor is one file, which says
//! what the model is called, what it speaks and how that is read, and one line in the list below. Sources know neither
//! journal nor rules; they emit frames and count what they refuse.

pub mod ble;
pub mod chirpstack;
pub mod lorawan;
pub mod model;

pub use model::{Address, Model, ModelError, Section};

model::list! {
    bthome
    govee_h5075
    lht65
    milesight_em300_mcs
    ruuvitag
}

use frostguard_shared::axis::Measured;
use frostguard_shared::event::Fault;
use frostguard_shared::point::Channel;
use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent, CentiCelsius, Dbm, Millivolts};
use frostguard_shared::reading::{Door, Quality};
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

/// The bytes that a radio gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Payload {
    /// A section of a Bluetooth advertisement.
    Advert {
        /// Which one.
        section: Section,
        /// What follows the section's number.
        bytes: Vec<u8>,
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
}
