//! RuuviTag, data format 5 ("RAWv2"): temperature, humidity and battery voltage.
//!
//! From the vendor's published description. Manufacturer data of company 0x0499, 24 bytes, big-endian: the format's
//! number, temperature in 0.005 °C, humidity in 0.0025 %, pressure, three accelerations, battery (high 11 bits, mV
//! above 1600) with transmit power, movements, sequence number, address. 0x8000 is "no temperature", 0xFFFF "no
//! humidity", 2047 "no battery". Tags that speak another format are refused by its number.

use super::model::{Model, Section, Speech};
use super::{ChannelValue, Decoded, Refusal};
use frostguard_shared::event::Fault;
use frostguard_shared::point::Channel;
use frostguard_shared::quantity::{BasisPointsRh, Millivolts};

/// The model's line in the list.
pub(super) const MODEL: Model =
    Model { name: "ruuvitag", speech: Speech::Advert(Section::Manufacturer(0x0499), decode) };

const LENGTH: usize = 24;
const FORMAT: u8 = 5;
const NO_TEMPERATURE: i16 = i16::MIN;
const NO_HUMIDITY: u16 = u16::MAX;
const NO_BATTERY: u16 = 2_047;
const BATTERY_FROM_MV: u16 = 1_600;

/// Decodes the manufacturer data of one advertisement.
///
/// # Errors
/// Another format, or another length than this format has.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Refusal> {
    let &format = bytes.first().ok_or(Refusal::Truncated("the data format"))?;
    if format != FORMAT {
        return Err(Refusal::Unknown("data format", format));
    }
    if bytes.len() > LENGTH {
        return Err(Refusal::Oversize(bytes.len(), LENGTH));
    }
    let bytes: &[u8; LENGTH] =
        bytes.try_into().map_err(|_| Refusal::Truncated("the 24 bytes of format 5"))?;
    let word = |at: usize| u16::from_be_bytes([bytes[at], bytes[at + 1]]);
    let temperature = match word(1).cast_signed() {
        NO_TEMPERATURE => ChannelValue::Fault(Fault::NotANumber),
        half_hundredths => ChannelValue::of_hundredths(halved(half_hundredths), humidity(word(3))),
    };
    let battery = match word(13) >> 5 {
        NO_BATTERY => None,
        above => Millivolts::new(i64::from(BATTERY_FROM_MV + above)).ok(),
    };
    Ok(Decoded { channels: vec![(Channel::Air, temperature)], battery, ..Decoded::default() })
}

/// Hundredths of a degree from half hundredths, halves away from zero.
fn halved(half_hundredths: i16) -> i32 {
    let value = i32::from(half_hundredths);
    (value + value.signum()) / 2
}

/// Hundredths of a percent from quarters of one. A condensing sensor may give more than 100 %, which is no humidity to
/// record and no reason to lose the temperature.
fn humidity(quarters: u16) -> Option<BasisPointsRh> {
    if quarters == NO_HUMIDITY {
        return None;
    }
    BasisPointsRh::new((i64::from(quarters) + 2) / 4).ok()
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

    fn air(text: &str) -> ChannelValue {
        decoded(text).unwrap().channels[0].1
    }

    fn temperature(hundredths: i32, quality: Quality, humidity: Option<i64>) -> ChannelValue {
        ChannelValue::Temperature {
            temperature: CentiCelsius::new(hundredths).unwrap(),
            quality,
            humidity: humidity.map(|value| BasisPointsRh::new(value).unwrap()),
        }
    }

    #[test]
    fn the_published_example_gives_temperature_humidity_and_battery() {
        let found = decoded("0512fc5394c37c0004fffc040cac364200cdcbb8334c884f").unwrap();
        let air = temperature(2_430, Quality::Valid, Some(5_349));
        assert_eq!(found.channels, [(Channel::Air, air)]);
        assert_eq!((found.battery, found.measured), (Some(Millivolts::new(2_977).unwrap()), None));
    }

    #[test]
    fn the_published_extremes_are_read_with_their_signs() {
        let highest = decoded("057ffffffefffe7fff7fff7fffffdefefffecbb8334c884f").unwrap();
        assert_eq!(highest.channels[0].1, temperature(16_384, Quality::OutOfRange, None));
        assert_eq!(highest.battery, Some(Millivolts::new(3_646).unwrap()));
        let lowest = decoded("058001000000008001800180010000000000cbb8334c884f").unwrap();
        assert_eq!(lowest.channels[0].1, temperature(-16_384, Quality::Valid, Some(0)));
        assert_eq!(lowest.battery, Some(Millivolts::new(1_600).unwrap()));
    }

    #[test]
    fn freezer_temperatures_are_negative_and_halves_go_away_from_zero() {
        let at = |raw: i16| {
            air(&format!("05{:04x}5394c37c0004fffc040cac364200cdcbb8334c884f", raw.cast_unsigned()))
        };
        let cases = [(-3_684, -1_842), (-3_685, -1_843), (-1, -1), (0, 0), (1, 1), (2, 1), (3, 2)];
        for (raw, hundredths) in cases {
            assert_eq!(at(raw), temperature(hundredths, Quality::Valid, Some(5_349)), "{raw}");
        }
    }

    #[test]
    fn the_published_invalid_values_are_a_fault_and_nothing_else() {
        let found = decoded("058000ffffffff800080008000ffffffffffffffffffffff").unwrap();
        assert_eq!(found.channels, [(Channel::Air, ChannelValue::Fault(Fault::NotANumber))]);
        assert_eq!((found.battery, found.battery_percent), (None, None));
        let dry = air("0512fcffffc37c0004fffc040cac364200cdcbb8334c884f");
        assert_eq!(dry, temperature(2_430, Quality::Valid, None), "a temperature without humidity");
    }

    #[test]
    fn other_formats_and_other_lengths_are_refused_by_name() {
        assert_eq!(decoded(""), Err(Refusal::Truncated("the data format")));
        assert_eq!(decoded("03291a1ece1efc18f94202ca0b53"), Err(Refusal::Unknown("data format", 3)));
        assert_eq!(
            decoded("c512fc5394c37cac364200cdcbb8334c884f"),
            Err(Refusal::Unknown("data format", 0xC5))
        );
        assert_eq!(decoded("0512fc5394"), Err(Refusal::Truncated("the 24 bytes of format 5")));
        let mut long = vec![FORMAT; 25];
        assert_eq!(decode(&long), Err(Refusal::Oversize(25, 24)));
        long.resize(70_000, 0);
        assert_eq!(decode(&long), Err(Refusal::Oversize(70_000, 24)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn no_measurement_panics_and_each_gives_the_air_alone(bytes in prop::array::uniform23(any::<u8>())) {
            let found = decode(&[[FORMAT].as_slice(), &bytes].concat()).unwrap();
            prop_assert_eq!(found.channels.len(), 1);
        }
    }
}
