//! Dragino LHT65: temperature and humidity, with an optional external probe and a data log.
//!
//! From the vendor's user manual. A live uplink on port 2 has 11 bytes, big-endian: battery (bits 0–13 mV), built-in
//! temperature in 0.01 °C, built-in humidity in 0.1 %, external type (bit 7 set: nothing connected; low bits 1:
//! temperature probe), external value in 0.01 °C, two reserved. A log reply is one or more entries of 11 bytes:
//! external, built-in temperature, humidity, flags (bit 6 set: log reply; low bits: external type), Unix seconds.
//! 327.67 (0x7FFF) is "no probe". Eleven zeros are "nothing logged".

use super::model::{Model, Speech};
use super::{ChannelValue, Decoded, Refusal};
use frostguard_shared::axis::Measured;
use frostguard_shared::event::Fault;
use frostguard_shared::point::Channel;
use frostguard_shared::quantity::{BasisPointsRh, Millivolts};
use frostguard_shared::time::WallMs;

/// The model's line in the list.
pub(super) const MODEL: Model = Model { name: "dragino-lht65", speech: Speech::Uplink(decode) };

const ENTRY: usize = 11;
/// The largest LoRaWAN application payload.
const LARGEST: usize = 242;
const LIVE_PORT: u8 = 2;
const LOG_REPLY: u8 = 0x40;
const EXTERNAL_TYPE: u8 = 0x0F;
const NOTHING_CONNECTED: u8 = 0x80;
const TEMPERATURE_PROBE: u8 = 1;
const NO_PROBE: i16 = 0x7FFF;

/// Decodes an uplink.
///
/// # Errors
/// Another port, a length that is no number of entries, or a field out of its range.
pub fn decode(port: u8, bytes: &[u8]) -> Result<Vec<Decoded>, Refusal> {
    if port != LIVE_PORT {
        return Err(Refusal::Unknown("port", port));
    }
    if bytes.len() > LARGEST {
        return Err(Refusal::Oversize(bytes.len(), LARGEST));
    }
    let (entries, rest) = bytes.as_chunks::<ENTRY>();
    if entries.is_empty() || !rest.is_empty() {
        return Err(Refusal::Truncated("an entry of 11 bytes"));
    }
    if entries[0][6] & LOG_REPLY == 0 {
        return match entries {
            [live] => Ok(vec![live_uplink(live)?]),
            _ => Err(Refusal::Oversize(bytes.len(), ENTRY)),
        };
    }
    entries.iter().filter(|entry| **entry != [0; ENTRY]).map(logged).collect()
}

fn live_uplink(bytes: &[u8; ENTRY]) -> Result<Decoded, Refusal> {
    let battery = u16::from_be_bytes([bytes[0], bytes[1]]) & 0x3FFF;
    let battery =
        Millivolts::new(i64::from(battery)).map_err(|fault| Refusal::Field("battery", fault.to_string()))?;
    let built_in = i16::from_be_bytes([bytes[2], bytes[3]]);
    let external = i16::from_be_bytes([bytes[7], bytes[8]]);
    let mut channels = vec![(Channel::Air, built_in_value(built_in, [bytes[4], bytes[5]])?)];
    channels.extend(external_value(bytes[6], external));
    Ok(Decoded { channels, battery: Some(battery), ..Decoded::default() })
}

fn logged(bytes: &[u8; ENTRY]) -> Result<Decoded, Refusal> {
    if bytes[6] & LOG_REPLY == 0 {
        return Err(Refusal::Unknown("entry flags in a log reply", bytes[6]));
    }
    let external = i16::from_be_bytes([bytes[0], bytes[1]]);
    let built_in = i16::from_be_bytes([bytes[2], bytes[3]]);
    let seconds = u32::from_be_bytes([bytes[7], bytes[8], bytes[9], bytes[10]]);
    let mut channels = vec![(Channel::Air, built_in_value(built_in, [bytes[4] & 0x0F, bytes[5]])?)];
    channels.extend(external_value(bytes[6], external));
    let measured = Some(Measured::At(WallMs(i64::from(seconds) * 1_000)));
    Ok(Decoded { measured, channels, ..Decoded::default() })
}

fn built_in_value(temperature: i16, humidity: [u8; 2]) -> Result<ChannelValue, Refusal> {
    let tenths = i64::from(u16::from_be_bytes(humidity));
    let humidity =
        BasisPointsRh::new(tenths * 10).map_err(|fault| Refusal::Field("humidity", fault.to_string()))?;
    Ok(ChannelValue::of_hundredths(i32::from(temperature), Some(humidity)))
}

fn external_value(flags: u8, value: i16) -> Option<(Channel, ChannelValue)> {
    if flags & EXTERNAL_TYPE != TEMPERATURE_PROBE {
        return None;
    }
    let missing = flags & NOTHING_CONNECTED != 0 || value == NO_PROBE;
    let value = if missing {
        ChannelValue::Fault(Fault::ProbeMissing)
    } else {
        ChannelValue::of_hundredths(i32::from(value), None)
    };
    Some((Channel::Probe(1), value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use frostguard_shared::quantity::CentiCelsius;
    use frostguard_shared::reading::Quality;
    use proptest::prelude::*;

    fn temperature(hundredths: i32, humidity: Option<i64>) -> ChannelValue {
        ChannelValue::Temperature {
            temperature: CentiCelsius::new(hundredths).unwrap(),
            quality: Quality::Valid,
            humidity: humidity.map(|value| BasisPointsRh::new(value).unwrap()),
        }
    }

    #[test]
    fn the_manuals_live_uplink_gives_its_values() {
        let decoded = decode(2, &hex::decode("cbf60b0d0376010add7fff").unwrap()).unwrap();
        let channels =
            vec![(Channel::Air, temperature(2829, Some(8860))), (Channel::Probe(1), temperature(2781, None))];
        assert_eq!(
            decoded,
            vec![Decoded { channels, battery: Some(Millivolts::new(3062).unwrap()), ..Decoded::default() }]
        );
    }

    #[test]
    fn a_probe_that_is_not_there_is_a_fault_and_not_a_temperature() {
        let decoded = decode(2, &hex::decode("cbc6008200f2017fff7fff").unwrap()).unwrap();
        assert_eq!(decoded[0].channels[1], (Channel::Probe(1), ChannelValue::Fault(Fault::ProbeMissing)));
        let decoded = decode(2, &hex::decode("cbc6008200f28100007fff").unwrap()).unwrap();
        assert_eq!(decoded[0].channels[1], (Channel::Probe(1), ChannelValue::Fault(Fault::ProbeMissing)));
    }

    #[test]
    fn a_log_reply_gives_each_entry_at_its_own_time_and_never_as_live() {
        let bytes = hex::decode("7fff089801464160065f977fff088e014b4160066009").unwrap();
        let decoded = decode(2, &bytes).unwrap();
        assert_eq!(decoded[0].measured, Some(Measured::At(WallMs(1_611_030_423_000))));
        assert_eq!(decoded[1].channels[0], (Channel::Air, temperature(2190, Some(3310))));
        assert_eq!(
            decode(2, &hex::decode("00000000000040000000000000000000000000000000").unwrap()).map(|d| d.len()),
            Ok(1)
        );
    }

    #[test]
    fn another_port_a_cut_payload_and_an_oversize_one_are_refused_by_name() {
        assert_eq!(decode(5, &[0; 11]), Err(Refusal::Unknown("port", 5)));
        assert_eq!(decode(2, &[0xCB; 10]), Err(Refusal::Truncated("an entry of 11 bytes")));
        assert_eq!(decode(2, &[]), Err(Refusal::Truncated("an entry of 11 bytes")));
        assert_eq!(decode(2, &[0; 253]), Err(Refusal::Oversize(253, 242)));
        let wet = hex::decode("cbf60b0dffff010add7fff").unwrap();
        assert!(matches!(decode(2, &wet), Err(Refusal::Field("humidity", _))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(port in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..260)) {
            let _ = decode(port, &bytes);
        }
    }
}
