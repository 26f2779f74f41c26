//! Govee H5075: temperature, humidity and battery.
//!
//! From what its owners have measured and published; the vendor publishes nothing. Manufacturer data of company
//! 0xEC88, 6 bytes: one unused; 24 bits big-endian, of which the top one is the sign and the rest is tenths of a degree
//! times 1000 plus tenths of a percent; battery in percent with the top bit set when the sensor has failed; one unused.
//! Other models of the vendor speak under the same company in other lengths, and are refused.

use super::model::{Model, Section, Speech};
use super::{ChannelValue, Decoded, Refusal};
use frostguard_shared::event::Fault;
use frostguard_shared::point::Channel;
use frostguard_shared::quantity::{BasisPointsRh, BatteryPercent};

/// The model's line in the list.
pub(super) const MODEL: Model =
    Model { name: "govee-h5075", speech: Speech::Advert(Section::Manufacturer(0xEC88), decode) };

const LENGTH: usize = 6;
const NEGATIVE: u32 = 0x80_0000;
const FAILED: u8 = 0x80;
/// More than the sensor can measure on either side, in hundredths of a degree.
const MEASURABLE: std::ops::RangeInclusive<i32> = -10_000..=10_000;

/// Decodes the manufacturer data of one advertisement.
///
/// # Errors
/// Another length: another model.
pub fn decode(bytes: &[u8]) -> Result<Decoded, Refusal> {
    if bytes.len() > LENGTH {
        return Err(Refusal::Oversize(bytes.len(), LENGTH));
    }
    let &[_, high, middle, low, battery, _] = bytes else {
        return Err(Refusal::Truncated("the 6 bytes of a measurement"));
    };
    let packed = u32::from_be_bytes([0, high, middle, low]);
    let air = if battery & FAILED != 0 { ChannelValue::Fault(Fault::NotANumber) } else { value(packed) };
    let battery_percent = BatteryPercent::new(i64::from(battery & !FAILED)).ok();
    Ok(Decoded { channels: vec![(Channel::Air, air)], battery_percent, ..Decoded::default() })
}

fn value(packed: u32) -> ChannelValue {
    let magnitude = packed & !NEGATIVE;
    // At most 23 bits, so no cast loses anything.
    let hundredths = (magnitude / 1_000 * 10).cast_signed();
    let hundredths = if packed & NEGATIVE == 0 { hundredths } else { -hundredths };
    if !MEASURABLE.contains(&hundredths) {
        return ChannelValue::Fault(Fault::OutOfRange);
    }
    ChannelValue::of_hundredths(hundredths, BasisPointsRh::new(i64::from(magnitude % 1_000 * 10)).ok())
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

    fn temperature(hundredths: i32, humidity: i64) -> ChannelValue {
        ChannelValue::Temperature {
            temperature: CentiCelsius::new(hundredths).unwrap(),
            quality: Quality::Valid,
            humidity: Some(BasisPointsRh::new(humidity).unwrap()),
        }
    }

    #[test]
    fn published_advertisements_give_temperature_humidity_and_battery() {
        let found = decoded("00030fc93500").unwrap();
        assert_eq!(found.channels, [(Channel::Air, temperature(2_000, 6_490))]);
        assert_eq!(found.battery_percent, Some(BatteryPercent::new(53).unwrap()));
        assert_eq!(decoded("0003215d6400").unwrap().channels[0].1, temperature(2_050, 1_490));
    }

    #[test]
    fn the_top_bit_is_the_sign_and_no_part_of_the_value() {
        assert_eq!(decoded("0081c2896400").unwrap().channels[0].1, temperature(-1_150, 3_370));
        assert_eq!(decoded("008003e76400").unwrap().channels[0].1, temperature(0, 9_990));
        assert_eq!(decoded("008000006400").unwrap().channels[0].1, temperature(0, 0));
        // -18.4 °C and 55.0 %: 184,550 with the sign.
        assert_eq!(decoded("0082d0e66400").unwrap().channels[0].1, temperature(-1_840, 5_500));
    }

    #[test]
    fn a_sensor_that_has_failed_or_says_what_it_cannot_measure_has_a_fault() {
        let found = decoded("0003215de400").unwrap();
        assert_eq!(found.channels, [(Channel::Air, ChannelValue::Fault(Fault::NotANumber))]);
        assert_eq!(found.battery_percent, Some(BatteryPercent::new(100).unwrap()));
        for beyond in ["00bc00043e27", "00ffffff6400", "007fffff6400", "008f46a86400"] {
            let air = decoded(beyond).unwrap().channels[0].1;
            assert_eq!(air, ChannelValue::Fault(Fault::OutOfRange), "{beyond}");
        }
        let unknown = decoded("0003215d7f00").unwrap();
        assert_eq!(unknown.battery_percent, None, "127 % is no battery");
        assert_eq!(unknown.channels[0].1, temperature(2_050, 1_490));
    }

    #[test]
    fn frames_of_other_models_of_the_vendor_are_refused_by_their_length() {
        assert_eq!(decoded("00a0facc176402"), Err(Refusal::Oversize(7, 6)), "an H5074");
        assert_eq!(decoded("0108f30ad232393756340105"), Err(Refusal::Oversize(12, 6)), "an H5122");
        assert_eq!(decoded("00030fc935"), Err(Refusal::Truncated("the 6 bytes of a measurement")));
        assert_eq!(decoded(""), Err(Refusal::Truncated("the 6 bytes of a measurement")));
        assert_eq!(decode(&[0; 70_000]), Err(Refusal::Oversize(70_000, 6)));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = decode(&bytes);
        }

        #[test]
        fn every_measurement_of_six_bytes_is_a_value_in_range_or_a_fault(bytes in any::<[u8; 6]>()) {
            match decode(&bytes).unwrap().channels[0].1 {
                ChannelValue::Temperature { temperature, .. } => {
                    prop_assert!(MEASURABLE.contains(&temperature.hundredths()));
                }
                ChannelValue::Fault(_) => {}
                ChannelValue::Door(_) => prop_assert!(false, "a door"),
            }
        }
    }
}
