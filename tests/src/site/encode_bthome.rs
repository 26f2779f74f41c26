//! Owns the bytes of a BTHome version 2 sensor's service data, written from the public format description.
//! Takes measured values; gives the bytes behind service UUID 0xFCD2, unencrypted.
//! Must never share code with the hub's decoder, nor put objects out of ascending order.

/// The full form of the 16-bit service UUID 0xFCD2, as BlueZ spells it.
pub const SERVICE_UUID: &str = "0000fcd2-0000-1000-8000-00805f9b34fb";

/// Device information: version 2, not encrypted, advertising at regular intervals.
const DEVICE_INFO: u8 = 0x40;

/// What one advertisement carries; an absent value has no bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Measurement {
    /// Object 0x00: changes with each new measurement.
    pub packet_id: Option<u8>,
    /// Object 0x01: battery in %.
    pub battery_pct: Option<u8>,
    /// Object 0x02: temperature in 0.01 °C.
    pub temperature_centi_c: Option<i16>,
    /// Object 0x03: relative humidity in 0.01 %.
    pub humidity_centi_pct: Option<u16>,
    /// Object 0x0C: voltage in 0.001 V.
    pub voltage_mv: Option<u16>,
    /// Object 0x11: a door or cover; true is open.
    pub opening: Option<bool>,
}

impl Measurement {
    /// The service data.
    pub fn service_data(&self) -> Vec<u8> {
        let mut bytes = vec![DEVICE_INFO];
        if let Some(id) = self.packet_id {
            bytes.extend([0x00, id]);
        }
        if let Some(percent) = self.battery_pct {
            bytes.extend([0x01, percent]);
        }
        if let Some(temperature) = self.temperature_centi_c {
            bytes.push(0x02);
            bytes.extend(temperature.to_le_bytes());
        }
        if let Some(humidity) = self.humidity_centi_pct {
            bytes.push(0x03);
            bytes.extend(humidity.to_le_bytes());
        }
        if let Some(voltage) = self.voltage_mv {
            bytes.push(0x0C);
            bytes.extend(voltage.to_le_bytes());
        }
        if let Some(open) = self.opening {
            bytes.extend([0x11, u8::from(open)]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_format_description_comes_out_byte_for_byte() {
        let example = Measurement {
            temperature_centi_c: Some(2500),
            humidity_centi_pct: Some(5055),
            ..Measurement::default()
        };
        assert_eq!(hex::encode(example.service_data()), "4002c40903bf13");
    }

    #[test]
    fn each_object_has_the_bytes_of_its_published_example() {
        let none = Measurement::default();
        let cases = [
            (Measurement { packet_id: Some(9), ..none }, "400009"),
            (Measurement { battery_pct: Some(97), ..none }, "400161"),
            (Measurement { temperature_centi_c: Some(2506), ..none }, "4002ca09"),
            (Measurement { humidity_centi_pct: Some(5055), ..none }, "4003bf13"),
            (Measurement { voltage_mv: Some(3074), ..none }, "400c020c"),
            (Measurement { opening: Some(true), ..none }, "401101"),
            (Measurement { opening: Some(false), ..none }, "401100"),
            (Measurement { temperature_centi_c: Some(-1842), ..none }, "4002cef8"),
        ];
        for (measurement, bytes) in cases {
            assert_eq!(hex::encode(measurement.service_data()), bytes, "{measurement:?}");
        }
    }

    #[test]
    fn objects_stand_in_ascending_order_and_fit_a_legacy_advertisement() {
        let full = Measurement {
            packet_id: Some(0x1D),
            battery_pct: Some(100),
            temperature_centi_c: Some(-1950),
            humidity_centi_pct: Some(6120),
            voltage_mv: Some(2980),
            opening: Some(false),
        };
        let bytes = full.service_data();
        assert_eq!(hex::encode(&bytes), "40001d01640262f803e8170ca40b1100");
        // Flags take 3 of the 31 bytes, the header of the service data 4.
        assert!(bytes.len() <= 24);
    }
}
