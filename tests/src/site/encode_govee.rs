//! Owns the bytes of a Govee H5075's advertisements, as its owners have measured and published them.
//! Takes measured values; gives the manufacturer data behind company 0xEC88, and the beacon that it sends besides.
//! Must never share code with the hub's decoder.

/// The company identifier that the vendor uses.
pub const COMPANY: u16 = 0xEC88;
/// The company under which it sends its beacon.
pub const BEACON_COMPANY: u16 = 0x004C;

const NEGATIVE: u32 = 0x80_0000;

/// What one advertisement carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Measurement {
    /// Temperature in 0.1 °C.
    pub temperature_deci_c: i16,
    /// Relative humidity in 0.1 %, below 100 %.
    pub humidity_deci_pct: u16,
    /// Battery in %.
    pub battery_pct: u8,
}

impl Measurement {
    /// The manufacturer data.
    pub fn manufacturer_data(&self) -> Vec<u8> {
        let magnitude =
            u32::from(self.temperature_deci_c.unsigned_abs()) * 1_000 + u32::from(self.humidity_deci_pct);
        let packed = if self.temperature_deci_c < 0 { magnitude | NEGATIVE } else { magnitude };
        let [_, high, middle, low] = packed.to_be_bytes();
        vec![0, high, middle, low, self.battery_pct, 0]
    }
}

/// The data of the beacon that comes between the measurements and says nothing of them.
pub fn beacon() -> Vec<u8> {
    [b"\x02\x15INTELLI_ROCKS_HWPu".as_slice(), &[0xF2, 0xFF, 0xC2]].concat()
}

/// The name that a sensor with this address gives itself.
pub fn local_name(mac: &str) -> String {
    let digits: String = mac.chars().filter(char::is_ascii_hexdigit).collect();
    format!("GVH5075_{}", &digits[digits.len().saturating_sub(4)..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_advertisements_come_out_byte_for_byte() {
        let cases = [
            ((200, 649, 53), "00030fc93500"),
            ((205, 149, 100), "0003215d6400"),
            ((-115, 337, 100), "0081c2896400"),
        ];
        for ((temperature_deci_c, humidity_deci_pct, battery_pct), bytes) in cases {
            let measurement = Measurement { temperature_deci_c, humidity_deci_pct, battery_pct };
            assert_eq!(hex::encode(measurement.manufacturer_data()), bytes, "{measurement:?}");
        }
    }

    #[test]
    fn it_names_itself_after_its_address_and_its_beacon_is_another_companys() {
        assert_eq!(local_name("A4:C1:38:61:CB:9B"), "GVH5075_CB9B");
        assert_eq!(hex::encode(beacon()), "0215494e54454c4c495f524f434b535f48575075f2ffc2");
    }
}
