//! Milesight EM300-MCS: temperature, humidity, battery and a magnetic contact.
//!
//! From the vendor's published table. An uplink on port 85 is a row of items, each a channel, a type and a value of
//! known length, little-endian: 01 75 battery in percent; 03 67 temperature in 0.1 °C, signed; 04 68 humidity in
//! 0.5 %; 06 00 contact, 1 when it is open; 20 CE one record of the device's own log: Unix seconds, temperature,
//! humidity, contact; FF with a type tells of the device itself. A row may hold any of them. An item that is not known
//! ends the row, for its length cannot be known; what came before it counts, and a row with nothing before it is
//! refused. A logged record keeps its own time. Its contact is not taken: a door that stood open then says nothing of
//! the door now, and the record has no place for a door's past.

use super::model::{Model, Speech};
use super::{ChannelValue, Decoded, Refusal};
use frostguard_shared::axis::Measured;
use frostguard_shared::event::Fault;
use frostguard_shared::point::Channel;
use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent};
use frostguard_shared::reading::Door;
use frostguard_shared::time::WallMs;

/// The model's line in the list.
pub(super) const MODEL: Model = Model { name: "milesight-em300-mcs", speech: Speech::Uplink(decode) };

/// The largest LoRaWAN application payload.
const LARGEST: usize = 242;
const PORT: u8 = 85;
/// Far more than the sensor can measure on either side, in tenths of a degree.
const MEASURABLE: std::ops::RangeInclusive<i16> = -1_000..=1_500;

/// What an item means to us.
#[derive(Clone, Copy)]
enum Meaning {
    Battery,
    Temperature,
    Humidity,
    Contact,
    Logged,
    /// Something about the device itself.
    OfDevice,
}

/// Length and meaning of an item; `None` if it is not known.
fn item(channel: u8, kind: u8) -> Option<(usize, Meaning)> {
    Some(match (channel, kind) {
        (0x01, 0x75) => (1, Meaning::Battery),
        (0x03, 0x67) => (2, Meaning::Temperature),
        (0x04, 0x68) => (1, Meaning::Humidity),
        (0x06, 0x00) => (1, Meaning::Contact),
        (0x20, 0xCE) => (8, Meaning::Logged),
        (0xFF, 0x01 | 0x0B | 0x0F | 0xFE) => (1, Meaning::OfDevice),
        (0xFF, 0x09 | 0x0A | 0xFF) => (2, Meaning::OfDevice),
        (0xFF, 0x16) => (8, Meaning::OfDevice),
        _ => return None,
    })
}

/// Decodes an uplink: what is measured now, and one record for each that the device had logged.
///
/// # Errors
/// Another port, too long, cut within an item, an unknown first item, or a contact that is neither open nor closed.
pub fn decode(port: u8, bytes: &[u8]) -> Result<Vec<Decoded>, Refusal> {
    if port != PORT {
        return Err(Refusal::Unknown("port", port));
    }
    if bytes.len() > LARGEST {
        return Err(Refusal::Oversize(bytes.len(), LARGEST));
    }
    if bytes.is_empty() {
        return Err(Refusal::Truncated("the first item"));
    }
    let mut rest = bytes;
    let (mut now, mut logged) = (Now::default(), Vec::new());
    while let [channel, after @ ..] = rest {
        let [kind, after @ ..] = after else { return Err(Refusal::Truncated("an item")) };
        let Some((length, meaning)) = item(*channel, *kind) else {
            if rest.len() == bytes.len() {
                return Err(Refusal::Unknown("channel", *channel));
            }
            break;
        };
        let (value, next) = after.split_at_checked(length).ok_or(Refusal::Truncated("an item"))?;
        match (meaning, value) {
            (Meaning::Battery, &[percent]) => now.battery = BatteryPercent::new(i64::from(percent)).ok(),
            (Meaning::Temperature, &[low, high]) => now.tenths = Some(i16::from_le_bytes([low, high])),
            (Meaning::Humidity, &[halves]) => now.humidity = humidity(halves),
            (Meaning::Contact, &[state]) => now.door = Some(door(state)?),
            (Meaning::Logged, &[a, b, c, d, low, high, halves, _]) => {
                let at = WallMs(i64::from(u32::from_le_bytes([a, b, c, d])) * 1_000);
                logged.push(record(at, i16::from_le_bytes([low, high]), halves));
            }
            _ => {}
        }
        rest = next;
    }
    Ok(std::iter::once(now.decoded()).chain(logged).collect())
}

/// What an uplink says of the moment at which it was sent.
#[derive(Default)]
struct Now {
    tenths: Option<i16>,
    humidity: Option<BasisPointsRh>,
    door: Option<Door>,
    battery: Option<BatteryPercent>,
}

impl Now {
    fn decoded(self) -> Decoded {
        let mut channels = Vec::new();
        channels.extend(self.tenths.map(|tenths| (Channel::Air, temperature(tenths, self.humidity))));
        channels.extend(self.door.map(|door| (Channel::Door, ChannelValue::Door(door))));
        Decoded { channels, battery_percent: self.battery, ..Decoded::default() }
    }
}

fn record(at: WallMs, tenths: i16, halves: u8) -> Decoded {
    let channels = vec![(Channel::Air, temperature(tenths, humidity(halves)))];
    Decoded { measured: Some(Measured::At(at)), channels, ..Decoded::default() }
}

fn temperature(tenths: i16, humidity: Option<BasisPointsRh>) -> ChannelValue {
    if MEASURABLE.contains(&tenths) {
        ChannelValue::of_hundredths(i32::from(tenths) * 10, humidity)
    } else {
        ChannelValue::Fault(Fault::OutOfRange)
    }
}

/// More than 100 % is no humidity to record, and no reason to lose the temperature.
fn humidity(halves: u8) -> Option<BasisPointsRh> {
    BasisPointsRh::new(i64::from(halves) * 50).ok()
}

fn door(state: u8) -> Result<Door, Refusal> {
    match state {
        0 => Ok(Door::Closed),
        1 => Ok(Door::Open),
        other => Err(Refusal::Field("contact", other.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::quantity::CentiCelsius;
    use frostguard_shared::reading::Quality;
    use proptest::prelude::*;

    fn decoded(text: &str) -> Result<Vec<Decoded>, Refusal> {
        decode(85, &hex::decode(text).unwrap())
    }

    /// What an uplink without logged records says.
    fn now(text: &str) -> Decoded {
        let mut found = decoded(text).unwrap();
        assert_eq!(found.len(), 1, "{text}");
        found.remove(0)
    }

    fn temperature(hundredths: i32, humidity: Option<i64>) -> ChannelValue {
        ChannelValue::Temperature {
            temperature: CentiCelsius::new(hundredths).unwrap(),
            quality: Quality::Valid,
            humidity: humidity.map(|value| BasisPointsRh::new(value).unwrap()),
        }
    }

    #[test]
    fn the_vendors_example_gives_temperature_humidity_contact_and_battery() {
        let found = now("01755c03673401046865060001");
        let air = (Channel::Air, temperature(3_080, Some(5_050)));
        assert_eq!(found.channels, [air, (Channel::Door, ChannelValue::Door(Door::Open))]);
        assert_eq!(found.battery_percent, Some(BatteryPercent::new(92).unwrap()));
        assert_eq!(found.measured, None);
        assert_eq!(now("060000").channels, [(Channel::Door, ChannelValue::Door(Door::Closed))]);
    }

    #[test]
    fn freezer_temperatures_are_negative() {
        assert_eq!(now("036748ff").channels, [(Channel::Air, temperature(-1_840, None))]);
        assert_eq!(now("0367ffff").channels, [(Channel::Air, temperature(-10, None))]);
    }

    #[test]
    fn the_vendors_logged_record_keeps_its_time_and_tells_of_no_door_and_nothing_live() {
        let found = decoded("20ce9e74466310015d01").unwrap();
        assert_eq!(found[0], Decoded::default());
        assert_eq!(found[1].measured, Some(Measured::At(WallMs(1_665_561_758_000))));
        assert_eq!(found[1].channels, [(Channel::Air, temperature(2_720, Some(4_650)))]);
        let mixed = decoded("0367dc0020ce9e7446634fff5d0120ce9f74466350ff5d0020ce").unwrap_err();
        assert_eq!(mixed, Refusal::Truncated("an item"));
        let mixed = decoded("0367dc0020ce9e7446634fff5d0120ce9f74466350ff5d00").unwrap();
        assert_eq!(mixed[0].channels, [(Channel::Air, temperature(2_200, None))]);
        assert_eq!(mixed[1].channels, [(Channel::Air, temperature(-1_770, Some(4_650)))]);
        assert_eq!(mixed[2].measured, Some(Measured::At(WallMs(1_665_561_759_000))));
    }

    #[test]
    fn a_value_that_cannot_be_measured_is_a_fault_and_a_bad_humidity_loses_no_temperature() {
        for beyond in ["0367ff7f", "03670080", "0367dd05"] {
            assert_eq!(
                now(beyond).channels,
                [(Channel::Air, ChannelValue::Fault(Fault::OutOfRange))],
                "{beyond}"
            );
        }
        assert_eq!(now("036748ff0468ff").channels, [(Channel::Air, temperature(-1_840, None))]);
        assert_eq!(now("0175ff036748ff").battery_percent, None);
        let logged = decoded("20ce9e744663ff7f5d01").unwrap();
        assert_eq!(logged[1].channels, [(Channel::Air, ChannelValue::Fault(Fault::OutOfRange))]);
    }

    #[test]
    fn what_a_device_tells_of_itself_is_heard_and_empty_and_an_unknown_item_ends_the_row() {
        let joined = "ff0bffff0101ff166136c40091605408ff090300ff0a0101ff0f00";
        assert_eq!(now(joined), Decoded::default());
        assert_eq!(now("036748fffe03b004").channels, [(Channel::Air, temperature(-1_840, None))]);
        assert_eq!(decoded("fe03b004"), Err(Refusal::Unknown("channel", 0xFE)));
    }

    #[test]
    fn another_port_a_cut_row_an_oversize_one_and_an_impossible_contact_are_refused_by_name() {
        assert_eq!(decode(2, &[0x06, 0x00, 0x00]), Err(Refusal::Unknown("port", 2)));
        for cut in ["03", "036748", "0175", "20ce9e7446631001"] {
            assert_eq!(decoded(cut), Err(Refusal::Truncated("an item")), "{cut}");
        }
        assert_eq!(decoded(""), Err(Refusal::Truncated("the first item")));
        assert_eq!(decode(85, &[0; 243]), Err(Refusal::Oversize(243, 242)));
        assert_eq!(decoded("060002"), Err(Refusal::Field("contact", "2".into())));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(port in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..260)) {
            let _ = decode(port, &bytes);
        }

        #[test]
        fn no_row_of_items_panics_and_only_logged_records_have_a_time(
            items in prop::collection::vec((0usize..8, any::<[u8; 8]>()), 0..20),
        ) {
            const ITEMS: [(u8, u8); 8] =
                [(1, 0x75), (3, 0x67), (4, 0x68), (6, 0), (0x20, 0xCE), (0xFF, 9), (0xFF, 0x16), (0x83, 0x67)];
            let row: Vec<u8> = items.iter().flat_map(|(which, value)| {
                let (channel, kind) = ITEMS[*which];
                let length = item(channel, kind).map_or(3, |(length, _)| length);
                [&[channel, kind], &value[..length]].concat()
            }).collect();
            for (at, found) in decode(85, &row).unwrap_or_default().iter().enumerate() {
                prop_assert_eq!(found.measured.is_some(), at > 0);
            }
        }
    }
}
