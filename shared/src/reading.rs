//! A reading: one point at one instant, and its one 80-byte form, version 1.
//!
//! Owns the record and its bytes. A reading always has a temperature (a frame without one is a door event or a
//! device fault, never an empty reading). The bytes are frozen: a change is a version 2.
//!
//! The form, little-endian: `0` u8 version = 1 · `1` u8 trust (0 untrusted, 1 held over, 2 synced) · `2` u16
//! presence (bit 0 humidity, 1 battery percent, 2 battery millivolts, 3 signal, 4 door known, 5 door open) ·
//! `4` u32 boot · `8` u64 seq · `16` i64 wall time in ms · `24` u64 ms since boot · `32` i64 rule time in ms ·
//! `40` u64 age in ms · `48` 16 bytes point · `64` i32 temperature in 0.01 °C · `68` u16 humidity in 0.01 % ·
//! `70` u16 battery in mV · `72` i16 signal in dBm · `74` u8 battery in % · `75` u8 quality · `76` u32 zero.
//! Absent fields are zero.

use crate::ids::PointId;
use crate::quantity::{BasisPointsRh, BatteryPercent, CentiCelsius, Dbm, Millivolts, QuantityError};
use crate::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The length of the form.
pub const READING_BYTES: usize = 80;

const HUMIDITY: u16 = 1;
const BATTERY_PERCENT: u16 = 1 << 1;
const BATTERY_MV: u16 = 1 << 2;
const SIGNAL: u16 = 1 << 3;
const DOOR_KNOWN: u16 = 1 << 4;
const DOOR_OPEN: u16 = 1 << 5;

/// Bytes that are no reading of version 1. Keep them, refuse the record, and say which field is wrong.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ReadingError {
    /// Another version than 1.
    #[error("reading version {0} is not known")]
    Version(u8),
    /// A field holds a value that its range does not allow.
    #[error("reading field {field} holds a value that is not allowed")]
    Field {
        /// The field's name.
        field: &'static str,
    },
    /// A quantity is out of its range.
    #[error("reading holds a quantity out of range")]
    Quantity(#[from] QuantityError),
}

/// Why a value is not to be believed: it is kept, shown and never clears anything.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Quality {
    /// A plausible value.
    Valid = 0,
    /// The code that a one-wire probe gives when it cannot be read (−127 °C).
    ProbeUnreadable = 1,
    /// The value that a one-wire probe shows after power-on, before it has measured (85 °C).
    PowerOnDefault = 2,
    /// Outside what the sensor can measure.
    OutOfRange = 3,
}

impl Quality {
    /// True for a value that may be believed.
    pub fn is_valid(self) -> bool {
        self == Self::Valid
    }
    /// The byte in a reading's form.
    pub const fn code(self) -> u8 {
        self as u8
    }
    /// The quality of a form's byte; `None` for an unknown one.
    pub const fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Valid),
            1 => Some(Self::ProbeUnreadable),
            2 => Some(Self::PowerOnDefault),
            3 => Some(Self::OutOfRange),
            _ => None,
        }
    }
}

/// Whether a door stands open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Closed.
    Closed,
    /// Open.
    Open,
}

/// One point at one instant, as recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Reading {
    /// Its number in the hub's stream of readings, from 1.
    pub seq: u64,
    /// The wall clock at arrival.
    pub at: WallMs,
    /// The boot in which it arrived.
    pub boot: Boot,
    /// Time since boot at arrival.
    pub boottime: BoottimeMs,
    /// When it was measured, on the rule axis.
    pub rule: RuleMs,
    /// Arrival minus measurement in ms; 0 for a live reading.
    pub age_ms: u64,
    /// Trust in the wall clock at arrival.
    pub trust: Trust,
    /// The point.
    pub point: PointId,
    /// The measured temperature, before any calibration.
    pub temperature: CentiCelsius,
    /// Humidity, if the same point has it.
    pub humidity: Option<BasisPointsRh>,
    /// Battery in percent, if the frame had it.
    pub battery_percent: Option<BatteryPercent>,
    /// Battery in millivolts, if the frame had it.
    pub battery: Option<Millivolts>,
    /// Signal, if known.
    pub signal: Option<Dbm>,
    /// The door as the same frame tells it, if it does.
    pub door: Option<Door>,
    /// Whether the value is to be believed.
    pub quality: Quality,
}

impl Reading {
    /// The 80 bytes.
    pub fn to_bytes(&self) -> [u8; READING_BYTES] {
        let mut bytes = [0; READING_BYTES];
        let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
        put(0, &[1, self.trust.code()]);
        put(2, &self.presence().to_le_bytes());
        put(4, &self.boot.0.to_le_bytes());
        put(8, &self.seq.to_le_bytes());
        put(16, &self.at.0.to_le_bytes());
        put(24, &self.boottime.0.to_le_bytes());
        put(32, &self.rule.0.to_le_bytes());
        put(40, &self.age_ms.to_le_bytes());
        put(48, self.point.as_bytes());
        put(64, &self.temperature.hundredths().to_le_bytes());
        put(68, &self.humidity.map_or(0, BasisPointsRh::basis_points).to_le_bytes());
        put(70, &self.battery.map_or(0, Millivolts::millivolts).to_le_bytes());
        put(72, &self.signal.map_or(0, Dbm::dbm).to_le_bytes());
        put(74, &[self.battery_percent.map_or(0, BatteryPercent::percent), self.quality.code()]);
        bytes
    }

    fn presence(&self) -> u16 {
        let bit = |present: bool, bit: u16| if present { bit } else { 0 };
        bit(self.humidity.is_some(), HUMIDITY)
            | bit(self.battery_percent.is_some(), BATTERY_PERCENT)
            | bit(self.battery.is_some(), BATTERY_MV)
            | bit(self.signal.is_some(), SIGNAL)
            | bit(self.door.is_some(), DOOR_KNOWN)
            | bit(self.door == Some(Door::Open), DOOR_OPEN)
    }

    /// Reads the 80 bytes back. Exactly one sequence of bytes is accepted for each reading.
    ///
    /// # Errors
    /// Another version, a field out of its range, or bytes set that an absent field must leave zero.
    pub fn from_bytes(bytes: &[u8; READING_BYTES]) -> Result<Self, ReadingError> {
        if bytes[0] != 1 {
            return Err(ReadingError::Version(bytes[0]));
        }
        let field = |field| ReadingError::Field { field };
        let presence = u16::from_le_bytes(array(bytes, 2));
        let has = |bit: u16| presence & bit != 0;
        let reading = Self {
            seq: u64::from_le_bytes(array(bytes, 8)),
            at: WallMs(i64::from_le_bytes(array(bytes, 16))),
            boot: Boot(u32::from_le_bytes(array(bytes, 4))),
            boottime: BoottimeMs(u64::from_le_bytes(array(bytes, 24))),
            rule: RuleMs(i64::from_le_bytes(array(bytes, 32))),
            age_ms: u64::from_le_bytes(array(bytes, 40)),
            trust: Trust::from_code(bytes[1]).ok_or(field("trust"))?,
            point: PointId::from_bytes(array(bytes, 48)),
            temperature: CentiCelsius::new(i32::from_le_bytes(array(bytes, 64)))?,
            humidity: optional(has(HUMIDITY), u16::from_le_bytes(array(bytes, 68)), BasisPointsRh::new)?,
            battery_percent: optional(has(BATTERY_PERCENT), bytes[74], BatteryPercent::new)?,
            battery: optional(has(BATTERY_MV), u16::from_le_bytes(array(bytes, 70)), Millivolts::new)?,
            signal: optional(has(SIGNAL), i16::from_le_bytes(array(bytes, 72)), Dbm::new)?,
            door: has(DOOR_KNOWN).then_some(if has(DOOR_OPEN) { Door::Open } else { Door::Closed }),
            quality: Quality::from_code(bytes[75]).ok_or(field("quality"))?,
        };
        if reading.to_bytes() == *bytes {
            Ok(reading)
        } else {
            Err(field("presence, or an absent field not zero"))
        }
    }
}

fn array<const N: usize>(bytes: &[u8; READING_BYTES], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

fn optional<R: Into<i64>, T>(
    present: bool,
    raw: R,
    make: fn(i64) -> Result<T, QuantityError>,
) -> Result<Option<T>, QuantityError> {
    if present { make(raw.into()).map(Some) } else { Ok(None) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn golden() -> Reading {
        Reading {
            seq: 258,
            at: WallMs(1_764_000_000_123),
            boot: Boot(3),
            boottime: BoottimeMs(65_536),
            rule: RuleMs(1_764_000_000_100),
            age_ms: 23,
            trust: Trust::Synced,
            point: PointId::from_bytes(*b"\x01\x93\x5f\x3e\x4a\x00\x7a\xbc\x8d\xef\x00\x11\x22\x33\x44\x55"),
            temperature: CentiCelsius::literal(-1842),
            humidity: Some(BasisPointsRh::new(8860).unwrap()),
            battery_percent: Some(BatteryPercent::new(97).unwrap()),
            battery: Some(Millivolts::new(3062).unwrap()),
            signal: Some(Dbm::new(-71).unwrap()),
            door: Some(Door::Open),
            quality: Quality::Valid,
        }
    }

    #[test]
    fn the_golden_reading_has_the_golden_bytes() {
        let expected = include_str!("../../tests/golden/reading-v1.hex").trim();
        assert_eq!(hex::encode(golden().to_bytes()), expected);
        assert_eq!(Reading::from_bytes(&golden().to_bytes()).unwrap(), golden());
    }

    #[test]
    fn a_wrong_version_trust_quality_or_reserved_byte_is_refused_by_name() {
        let broken = |at: usize, value: u8| {
            let mut bytes = golden().to_bytes();
            bytes[at] = value;
            Reading::from_bytes(&bytes)
        };
        assert_eq!(broken(0, 2), Err(ReadingError::Version(2)));
        assert_eq!(broken(1, 3), Err(ReadingError::Field { field: "trust" }));
        assert_eq!(broken(75, 200), Err(ReadingError::Field { field: "quality" }));
        assert!(broken(3, 0x80).is_err(), "an unknown presence bit");
        assert!(broken(79, 1).is_err(), "the reserved bytes");
        assert!(broken(67, 0x7F).is_err(), "a temperature out of range");
        assert!(broken(2, 0).is_err(), "an absent field that is not zero");
    }

    proptest! {
        #[test]
        fn whatever_bytes_are_accepted_give_the_same_bytes_back(bytes in prop::collection::vec(any::<u8>(), 80)) {
            let mut form: [u8; READING_BYTES] = bytes.try_into().unwrap();
            form[0] = 1;
            form[1] %= 4;
            form[3] = 0;
            form[2] &= 0x3F;
            form[75] %= 5;
            form[76..80].fill(0);
            if let Ok(reading) = Reading::from_bytes(&form) {
                prop_assert_eq!(reading.to_bytes(), form);
            }
        }

        #[test]
        fn every_reading_reads_back(seq in 1u64.., rule in any::<i64>(), temperature in -27_315i32..=100_000, humidity in prop::option::of(0i64..=10_000), open in prop::option::of(any::<bool>())) {
            let mut reading = golden();
            reading.seq = seq;
            reading.rule = RuleMs(rule);
            reading.temperature = CentiCelsius::new(temperature).unwrap();
            reading.humidity = humidity.map(|value| BasisPointsRh::new(value).unwrap());
            reading.door = open.map(|open| if open { Door::Open } else { Door::Closed });
            prop_assert_eq!(Reading::from_bytes(&reading.to_bytes()).unwrap(), reading);
        }
    }
}
