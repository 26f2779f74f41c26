//! Owns the bytes of a RuuviTag's data format 5, written from the vendor's published description.
//! Takes measured values; gives the manufacturer data behind company 0x0499.
//! Must never share code with the hub's decoder.

/// The vendor's company identifier.
pub const COMPANY: u16 = 0x0499;

const FORMAT: u8 = 5;
/// +4 dBm in steps of 2 dBm above -40.
const TRANSMIT_POWER: u16 = 22;

/// What one advertisement carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Measurement {
    /// Temperature in 0.01 °C; the format has steps of half of that.
    pub temperature_centi_c: i16,
    /// Relative humidity in 0.01 %.
    pub humidity_centi_pct: u16,
    /// Air pressure in Pa, from 50,000.
    pub pressure_pa: u32,
    /// Battery in 0.001 V, from 1.600.
    pub battery_mv: u16,
    /// Counts the measurements.
    pub sequence: u16,
    /// The tag's own address.
    pub mac: [u8; 6],
}

impl Measurement {
    /// The manufacturer data of a tag that lies still, flat on its back.
    pub fn manufacturer_data(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        bytes.extend(self.temperature_centi_c.saturating_mul(2).to_be_bytes());
        bytes.extend(self.humidity_centi_pct.saturating_mul(4).to_be_bytes());
        bytes.extend(((self.pressure_pa - 50_000) as u16).to_be_bytes());
        for acceleration_mg in [4_i16, -4, 1_036] {
            bytes.extend(acceleration_mg.to_be_bytes());
        }
        bytes.extend(((self.battery_mv - 1_600) << 5 | TRANSMIT_POWER).to_be_bytes());
        bytes.push(66);
        bytes.extend(self.sequence.to_be_bytes());
        bytes.extend(self.mac);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: Measurement = Measurement {
        temperature_centi_c: 2_430,
        humidity_centi_pct: 5_349,
        pressure_pa: 100_044,
        battery_mv: 2_977,
        sequence: 205,
        mac: [0xCB, 0xB8, 0x33, 0x4C, 0x88, 0x4F],
    };

    #[test]
    fn the_vendors_example_comes_out_byte_for_byte() {
        assert_eq!(
            hex::encode(EXAMPLE.manufacturer_data()),
            "0512fc5394c37c0004fffc040cac364200cdcbb8334c884f"
        );
    }

    #[test]
    fn temperatures_below_zero_are_twos_complement() {
        let cold = Measurement { temperature_centi_c: -1_842, ..EXAMPLE };
        assert_eq!(hex::encode(&cold.manufacturer_data()[1..3]), "f19c");
    }
}
