//! Owns the uplink bytes of a Dragino LHT65, written from the vendor's user manual.
//! Takes measured values; gives the payload of port 2, live or from the device's own log.
//! Must never share code with the hub's decoder.

/// The port of measurements, live and logged.
pub const F_PORT: u8 = 2;

/// "External temperature sensor" in the kind byte.
const EXTERNAL_TEMPERATURE: u8 = 0x01;

/// The bit of a logged record that tells it from a live one.
const LOGGED: u8 = 0x40;

/// What the external DS18B20 says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Probe {
    /// A temperature in 0.01 °C.
    Reads(i16),
    /// Nothing is plugged in: 0x7FFF, which a careless reader takes for 327.67 °C.
    Absent,
    /// The wire is broken: 0x8001, which a careless reader takes for -327.67 °C.
    Broken,
}

impl Probe {
    fn raw(self) -> i16 {
        match self {
            Probe::Reads(centi_c) => centi_c,
            Probe::Absent => 0x7FFF,
            Probe::Broken => -0x7FFF,
        }
    }
}

/// What one live uplink carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Live {
    /// The device's own grading, 0 (very low) to 3 (good).
    pub battery_grade: u8,
    /// Battery in 0.001 V, below 16.384 V.
    pub battery_mv: u16,
    /// The built-in SHT20's temperature in 0.01 °C.
    pub builtin_centi_c: i16,
    /// The built-in SHT20's relative humidity in 0.1 %.
    pub humidity_tenth_pct: u16,
    /// The external probe.
    pub probe: Probe,
}

impl Live {
    /// The 11 bytes of the uplink.
    pub fn payload(&self) -> Vec<u8> {
        let battery = (u16::from(self.battery_grade & 0x03) << 14) | (self.battery_mv & 0x3FFF);
        let mut bytes = Vec::with_capacity(11);
        bytes.extend(battery.to_be_bytes());
        bytes.extend(self.builtin_centi_c.to_be_bytes());
        bytes.extend(self.humidity_tenth_pct.to_be_bytes());
        bytes.push(EXTERNAL_TEMPERATURE);
        bytes.extend(self.probe.raw().to_be_bytes());
        bytes.extend([0x7F, 0xFF]);
        bytes
    }
}

/// One record of the device's own log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Logged {
    /// The external probe.
    pub probe: Probe,
    /// The built-in SHT20's temperature in 0.01 °C.
    pub builtin_centi_c: i16,
    /// The built-in SHT20's relative humidity in 0.1 %.
    pub humidity_tenth_pct: u16,
    /// When it was measured, in seconds since 1970.
    pub unix_time: u32,
}

/// An uplink with several logged records, 11 bytes each, in the order given.
pub fn datalog_payload(records: &[Logged]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(11 * records.len());
    for record in records {
        bytes.extend(record.probe.raw().to_be_bytes());
        bytes.extend(record.builtin_centi_c.to_be_bytes());
        bytes.extend(record.humidity_tenth_pct.to_be_bytes());
        bytes.push(LOGGED | EXTERNAL_TEMPERATURE);
        bytes.extend(record.unix_time.to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_uplink_with_a_probe_comes_out_byte_for_byte() {
        let live = Live {
            battery_grade: 3,
            battery_mv: 3062,
            builtin_centi_c: 2829,
            humidity_tenth_pct: 886,
            probe: Probe::Reads(2781),
        };
        assert_eq!(hex::encode(live.payload()), "cbf60b0d0376010add7fff");
    }

    #[test]
    fn the_published_uplink_without_a_probe_comes_out_byte_for_byte() {
        let live = Live {
            battery_grade: 3,
            battery_mv: 3014,
            builtin_centi_c: 130,
            humidity_tenth_pct: 242,
            probe: Probe::Absent,
        };
        assert_eq!(hex::encode(live.payload()), "cbc6008200f2017fff7fff");
    }

    #[test]
    fn temperatures_below_zero_and_a_broken_probe_are_twos_complement() {
        let live = Live {
            battery_grade: 2,
            battery_mv: 2900,
            builtin_centi_c: -1842,
            humidity_tenth_pct: 500,
            probe: Probe::Broken,
        };
        assert_eq!(hex::encode(live.payload()), "8b54f8ce01f40180017fff");
    }

    #[test]
    fn the_manuals_answer_to_a_poll_comes_out_byte_for_byte() {
        let first = Logged {
            probe: Probe::Absent,
            builtin_centi_c: 2200,
            humidity_tenth_pct: 326,
            unix_time: 1_611_030_423,
        };
        let second =
            Logged { builtin_centi_c: 2190, humidity_tenth_pct: 331, unix_time: 1_611_030_537, ..first };
        assert_eq!(
            hex::encode(datalog_payload(&[first, second])),
            "7fff089801464160065f977fff088e014b4160066009"
        );
    }
}
