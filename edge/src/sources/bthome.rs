//! BTHome version 2, unencrypted: the open format of many Bluetooth sensors.
//!
//! From the public specification at bthome.io. Service data of UUID 0xFCD2: a device-information byte (bit 0
//! encrypted, bit 2 trigger-based, bits 5–7 version), then objects of an id and a little-endian value, in ascending
//! order of id. A temperature that comes twice is the first and the next probe. An object that is not known ends the
//! frame, for its length cannot be known; what came before it counts, and a frame with nothing before it is refused.

use super::model::{Model, Section, Speech};
use super::{ChannelValue, Decoded, Refusal};
use frostguard_shared::axis::Measured;
use frostguard_shared::point::Channel;
use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent, Millivolts};
use frostguard_shared::reading::Door;
use frostguard_shared::time::WallMs;

/// The model's line in the list.
pub(super) const MODEL: Model =
    Model { name: "bthome", speech: Speech::Advert(Section::Service(0xFCD2), decode) };

/// More than the service data of any advertisement, extended ones included.
const LARGEST: usize = 255;
const ENCRYPTED: u8 = 0x01;
const VERSION_2: u8 = 2;

/// What an object means to us.
#[derive(Clone, Copy)]
enum Meaning {
    /// Temperature, so many hundredths of a degree a step.
    Temperature(i32),
    /// Humidity, so many hundredths of a percent a step.
    Humidity(i64),
    /// Battery in percent.
    BatteryPercent,
    /// Voltage, so many millivolts a step.
    Voltage(i64),
    /// A contact that is 1 when something stands open.
    Opening,
    /// Unix seconds.
    Timestamp,
    /// Something else of this length.
    Other,
}

/// Length and meaning of an object; `None` for an unknown id.
fn object(id: u8) -> Option<(usize, Meaning)> {
    Some(match id {
        0x01 => (1, Meaning::BatteryPercent),
        0x02 => (2, Meaning::Temperature(1)),
        0x45 => (2, Meaning::Temperature(10)),
        0x57 => (1, Meaning::Temperature(100)),
        0x58 => (1, Meaning::Temperature(35)),
        0x03 => (2, Meaning::Humidity(1)),
        0x2E => (1, Meaning::Humidity(100)),
        0x0C => (2, Meaning::Voltage(1)),
        0x4A => (2, Meaning::Voltage(100)),
        0x11 | 0x1A | 0x1B | 0x2D => (1, Meaning::Opening),
        0x50 => (4, Meaning::Timestamp),
        0x00 | 0x09 | 0x0F | 0x10 | 0x15..=0x19 | 0x1C..=0x2C | 0x2F | 0x3A | 0x46 | 0x59 | 0x60 => {
            (1, Meaning::Other)
        }
        0x06..=0x08
        | 0x0D
        | 0x0E
        | 0x12..=0x14
        | 0x3C
        | 0x3D
        | 0x3F..=0x41
        | 0x43
        | 0x44
        | 0x47..=0x49
        | 0x51
        | 0x52
        | 0x56
        | 0x5A
        | 0x5D
        | 0x5E
        | 0x5F
        | 0x61
        | 0xF0 => (2, Meaning::Other),
        0x04 | 0x05 | 0x0A | 0x0B | 0x42 | 0x4B | 0xF2 => (3, Meaning::Other),
        0x3E | 0x4C..=0x4F | 0x55 | 0x5B | 0x5C | 0x62 | 0x63 | 0xF1 => (4, Meaning::Other),
        _ => return None,
    })
}

/// Decodes the service data of one advertisement.
///
/// # Errors
/// Encrypted, another version, cut short, too long, or with an object that is not known.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Refusal> {
    if bytes.len() > LARGEST {
        return Err(Refusal::Oversize(bytes.len(), LARGEST));
    }
    let (&information, mut rest) = bytes.split_first().ok_or(Refusal::Truncated("the device information"))?;
    if information >> 5 != VERSION_2 {
        return Err(Refusal::Unknown("version", information >> 5));
    }
    if information & ENCRYPTED != 0 {
        return Err(Refusal::Encrypted);
    }
    let mut found = Found::default();
    while let Some((&id, after)) = rest.split_first() {
        let (length, meaning) = match id {
            // Text and raw bytes say their own length.
            0x53 | 0x54 => {
                (1 + usize::from(*after.first().ok_or(Refusal::Truncated("an object"))?), Meaning::Other)
            }
            _ => match object(id) {
                Some(known) => known,
                None if found.is_empty() => return Err(Refusal::Unknown("object", id)),
                None => break,
            },
        };
        let (value, next) = after.split_at_checked(length).ok_or(Refusal::Truncated("an object"))?;
        found.take(meaning, value)?;
        rest = next;
    }
    found.decoded()
}

#[derive(Default)]
struct Found {
    temperatures: Vec<i32>,
    humidity: Option<BasisPointsRh>,
    door: Option<Door>,
    battery_percent: Option<BatteryPercent>,
    battery: Option<Millivolts>,
    measured: Option<Measured>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.temperatures.is_empty() && self.door.is_none()
    }

    fn take(&mut self, meaning: Meaning, value: &[u8]) -> Result<(), Refusal> {
        let refused = |field| {
            move |fault: frostguard_shared::quantity::QuantityError| Refusal::Field(field, fault.to_string())
        };
        match meaning {
            Meaning::Temperature(step) => self.temperatures.push(signed(value) * step),
            Meaning::Humidity(step) => {
                let humidity = BasisPointsRh::new(unsigned(value) * step).map_err(refused("humidity"))?;
                self.humidity.get_or_insert(humidity);
            }
            Meaning::BatteryPercent => {
                self.battery_percent =
                    Some(BatteryPercent::new(unsigned(value)).map_err(refused("battery"))?);
            }
            // Devices also send other voltages than their battery's; one that no battery has is not kept as such.
            Meaning::Voltage(step) => self.battery = Millivolts::new(unsigned(value) * step).ok(),
            Meaning::Opening => match unsigned(value) {
                0 => self.door = self.door.or(Some(Door::Closed)),
                1 => self.door = Some(Door::Open),
                other => return Err(Refusal::Field("opening", other.to_string())),
            },
            Meaning::Timestamp => self.measured = Some(Measured::At(WallMs(unsigned(value) * 1_000))),
            Meaning::Other => {}
        }
        Ok(())
    }

    fn decoded(self) -> Result<Decoded, Refusal> {
        let mut channels = Vec::new();
        for (n, hundredths) in self.temperatures.iter().enumerate() {
            let (channel, humidity) = match n {
                0 => (Channel::Air, self.humidity),
                _ => {
                    let probe = u8::try_from(n).ok().and_then(|n| Channel::probe(n).ok());
                    (probe.ok_or(Refusal::Field("temperature", "more than nine in one frame".into()))?, None)
                }
            };
            channels.push((channel, ChannelValue::of_hundredths(*hundredths, humidity)));
        }
        channels.extend(self.door.map(|door| (Channel::Door, ChannelValue::Door(door))));
        let (battery_percent, battery) = (self.battery_percent, self.battery);
        Ok(Decoded { measured: self.measured, channels, battery_percent, battery })
    }
}

fn unsigned(bytes: &[u8]) -> i64 {
    bytes.iter().rev().fold(0, |value, byte| value << 8 | i64::from(*byte))
}

fn signed(bytes: &[u8]) -> i32 {
    match *bytes {
        [low, high] => i32::from(i16::from_le_bytes([low, high])),
        [byte] => i32::from(byte as i8),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::quantity::CentiCelsius;
    use frostguard_shared::reading::Quality;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Result<Decoded, Refusal> {
        decode(&hex::decode(text).unwrap())
    }

    fn temperature(hundredths: i32, humidity: Option<i64>) -> ChannelValue {
        ChannelValue::Temperature {
            temperature: CentiCelsius::new(hundredths).unwrap(),
            quality: Quality::Valid,
            humidity: humidity.map(|value| BasisPointsRh::new(value).unwrap()),
        }
    }

    #[test]
    fn the_specifications_example_gives_temperature_and_humidity() {
        let air = vec![(Channel::Air, temperature(2506, Some(5055)))];
        assert_eq!(decoded("4002ca0903bf13").unwrap().channels, air);
    }

    #[test]
    fn freezer_temperatures_are_negative_and_repeated_ones_are_probes() {
        let channels = decoded("400061016402cef802f0d8").unwrap().channels;
        assert_eq!(
            channels,
            vec![(Channel::Air, temperature(-1842, None)), (Channel::Probe(1), temperature(-10000, None))]
        );
        assert_eq!(decoded("405701").unwrap().channels[0].1, temperature(100, None));
        assert_eq!(decoded("4045fcff").unwrap().channels[0].1, temperature(-40, None));
    }

    #[test]
    fn a_contact_is_a_door_and_an_open_one_wins() {
        assert_eq!(
            decoded("402d01").unwrap().channels,
            vec![(Channel::Door, ChannelValue::Door(Door::Open))]
        );
        assert_eq!(
            decoded("4011011a00").unwrap().channels,
            vec![(Channel::Door, ChannelValue::Door(Door::Open))]
        );
    }

    #[test]
    fn what_is_cut_encrypted_of_another_version_or_unknown_is_refused_by_name() {
        assert_eq!(decoded(""), Err(Refusal::Truncated("the device information")));
        assert_eq!(decoded("4002ca"), Err(Refusal::Truncated("an object")));
        assert_eq!(decoded("405405aa"), Err(Refusal::Truncated("an object")));
        assert_eq!(decoded("41a47266c95f730011223378237214"), Err(Refusal::Encrypted));
        assert_eq!(decoded("2002ca09"), Err(Refusal::Unknown("version", 1)));
        assert_eq!(decoded("40ee00"), Err(Refusal::Unknown("object", 0xEE)));
        assert!(matches!(decoded("40031127"), Err(Refusal::Field("humidity", _))));
        assert!(matches!(decoded("400165"), Err(Refusal::Field("battery", _))));
        assert_eq!(decode(&[0x40; 256]), Err(Refusal::Oversize(256, 255)));
    }

    #[test]
    fn what_comes_before_an_unknown_object_counts() {
        assert_eq!(
            decoded("4002ca09eeffffff").unwrap().channels,
            vec![(Channel::Air, temperature(2506, None))]
        );
    }

    #[test]
    fn a_frame_that_holds_nothing_for_us_is_heard_and_empty() {
        assert_eq!(decoded("400009").unwrap(), Decoded::default());
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_objects_panic(bytes in prop::collection::vec(0u8..0x64, 0..60)) {
            let _ = decode(&[&[0x40], bytes.as_slice()].concat());
        }
    }
}
