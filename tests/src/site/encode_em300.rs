//! Owns the uplink bytes of a Milesight EM300-MCS, written from the vendor's published table.
//! Takes measured values; gives the payload of port 85, live or from the device's own log.
//! Must never share code with the hub's decoder.

/// The port of everything that it sends.
pub const F_PORT: u8 = 85;

/// What one live uplink carries; an absent value has no bytes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Live {
    /// Battery in %; the device tells it every few hours.
    pub battery_pct: Option<u8>,
    /// Temperature in 0.1 °C.
    pub temperature_deci_c: Option<i16>,
    /// Relative humidity in 0.5 %.
    pub humidity_half_pct: Option<u8>,
    /// The magnetic contact; true is open.
    pub open: Option<bool>,
}

impl Live {
    /// The payload.
    pub fn payload(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        if let Some(percent) = self.battery_pct {
            bytes.extend([0x01, 0x75, percent]);
        }
        if let Some(temperature) = self.temperature_deci_c {
            bytes.extend([0x03, 0x67]);
            bytes.extend(temperature.to_le_bytes());
        }
        if let Some(halves) = self.humidity_half_pct {
            bytes.extend([0x04, 0x68, halves]);
        }
        if let Some(open) = self.open {
            bytes.extend([0x06, 0x00, u8::from(open)]);
        }
        bytes
    }
}

/// One record of the device's own log.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Logged {
    /// When it was measured, in seconds since 1970.
    pub unix_time: u32,
    /// Temperature in 0.1 °C.
    pub temperature_deci_c: i16,
    /// Relative humidity in 0.5 %.
    pub humidity_half_pct: u8,
    /// The magnetic contact; true is open.
    pub open: bool,
}

/// An uplink with logged records, in the order given.
pub fn log_payload(records: &[Logged]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(10 * records.len());
    for record in records {
        bytes.extend([0x20, 0xCE]);
        bytes.extend(record.unix_time.to_le_bytes());
        bytes.extend(record.temperature_deci_c.to_le_bytes());
        bytes.extend([record.humidity_half_pct, u8::from(record.open)]);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vendors_examples_come_out_byte_for_byte() {
        let live = Live {
            battery_pct: Some(92),
            temperature_deci_c: Some(308),
            humidity_half_pct: Some(101),
            open: Some(true),
        };
        assert_eq!(hex::encode(live.payload()), "01755c03673401046865060001");
        let logged =
            Logged { unix_time: 1_665_561_758, temperature_deci_c: 272, humidity_half_pct: 93, open: true };
        assert_eq!(hex::encode(log_payload(&[logged])), "20ce9e74466310015d01");
    }

    #[test]
    fn temperatures_below_zero_are_twos_complement_and_what_is_absent_has_no_bytes() {
        let cold = Live { temperature_deci_c: Some(-184), ..Live::default() };
        assert_eq!(hex::encode(cold.payload()), "036748ff");
        assert_eq!(hex::encode(Live { open: Some(false), ..Live::default() }.payload()), "060000");
    }
}
