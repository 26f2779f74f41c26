//! Quantities with their ranges: temperature, humidity, battery, signal.
//!
//! Owns the one definition of each range and the one rounding of a codec's double to an integer.
//! Constructors refuse what is outside the range and name it. Nothing here holds a float.

use serde::{Deserialize, Serialize};
use std::fmt;
use thiserror::Error;

/// A value outside its quantity's range. Drop the value, count it, and say so to whoever sent it.
#[derive(Debug, Error, PartialEq, Eq, Clone)]
pub enum QuantityError {
    /// The value lies outside the range.
    #[error("{quantity} {value} is outside {low} to {high}")]
    Range {
        /// The quantity's name and unit.
        quantity: &'static str,
        /// The refused value.
        value: String,
        /// Lowest value allowed.
        low: i64,
        /// Highest value allowed.
        high: i64,
    },
    /// The value is not a number at all (NaN or infinite).
    #[error("{quantity} is not a finite number")]
    NotANumber {
        /// The quantity's name and unit.
        quantity: &'static str,
    },
    /// The text is not a decimal number with at most two digits after the point.
    #[error("\"{text}\" is not a temperature with at most two decimals")]
    Text {
        /// The refused text.
        text: String,
    },
}

fn in_range(quantity: &'static str, value: i64, low: i64, high: i64) -> Result<i64, QuantityError> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(QuantityError::Range { quantity, value: value.to_string(), low, high })
    }
}

/// A codec's double, times `scale`, rounded half away from zero: the only way from a double to an integer here.
fn round_scaled(quantity: &'static str, value: f64, scale: f64) -> Result<i64, QuantityError> {
    let scaled = value * scale;
    if !scaled.is_finite() {
        return Err(QuantityError::NotANumber { quantity });
    }
    if scaled.abs() > 1e15 {
        return Err(QuantityError::Range {
            quantity,
            value: format!("{value:e}"),
            low: -1_000_000_000_000_000,
            high: 1_000_000_000_000_000,
        });
    }
    Ok(scaled.round() as i64)
}

/// A temperature in hundredths of a degree Celsius, from −273.15 °C to 1000.00 °C.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct CentiCelsius(i32);

impl CentiCelsius {
    const NAME: &'static str = "temperature (0.01 °C)";
    const LOW: i64 = -27_315;
    const HIGH: i64 = 100_000;

    /// A temperature of so many hundredths of a degree.
    ///
    /// # Errors
    /// Below −273.15 °C or above 1000.00 °C.
    pub fn new(hundredths: i32) -> Result<Self, QuantityError> {
        in_range(Self::NAME, i64::from(hundredths), Self::LOW, Self::HIGH).map(|_| Self(hundredths))
    }

    /// The same for a literal that is known to be in range; for tables of constants.
    ///
    /// # Panics
    /// At compile time, when the literal is out of range.
    pub const fn literal(hundredths: i32) -> Self {
        assert!(hundredths >= -27_315 && hundredths <= 100_000);
        Self(hundredths)
    }

    /// A codec's double in °C, rounded half away from zero to 0.01 °C.
    ///
    /// # Errors
    /// NaN, infinite, or outside the range.
    pub fn from_degrees(celsius: f64) -> Result<Self, QuantityError> {
        let hundredths = round_scaled(Self::NAME, celsius, 100.0)?;
        in_range(Self::NAME, hundredths, Self::LOW, Self::HIGH).map(|value| Self(value as i32))
    }

    /// A temperature written by a person in °C: digits, at most two after the point; never through a float.
    ///
    /// # Errors
    /// Any other text, and values outside the range.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let refused = || QuantityError::Text { text: text.chars().take(32).collect() };
        let (negative, digits) = match text.as_bytes().first() {
            Some(b'-') => (true, &text[1..]),
            Some(b'+') => (false, &text[1..]),
            _ => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        let plain = |part: &str, longest: usize| {
            !part.is_empty() && part.len() <= longest && part.bytes().all(|b| b.is_ascii_digit())
        };
        if !plain(whole, 4) || !plain(fraction, 2) {
            return Err(refused());
        }
        let whole: i32 = whole.parse().map_err(|_| refused())?;
        let hundredths: i32 = format!("{fraction:0<2}").parse().map_err(|_| refused())?;
        let value = whole * 100 + hundredths;
        Self::new(if negative { -value } else { value })
    }

    /// Hundredths of a degree.
    pub const fn hundredths(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for CentiCelsius {
    type Error = QuantityError;
    fn try_from(value: i32) -> Result<Self, QuantityError> {
        Self::new(value)
    }
}

impl From<CentiCelsius> for i32 {
    fn from(value: CentiCelsius) -> i32 {
        value.0
    }
}

impl fmt::Display for CentiCelsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:02}", self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100)
    }
}

impl fmt::Debug for CentiCelsius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} °C")
    }
}

/// A difference of temperatures in hundredths of a degree, not negative: a hysteresis or a step, up to 100.00 °C.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "i32", into = "i32")]
pub struct CentiDegrees(i32);

impl CentiDegrees {
    /// 0.50 °C.
    pub const HALF_A_DEGREE: Self = Self(50);
    /// 15.00 °C.
    pub const FIFTEEN_DEGREES: Self = Self(1_500);

    /// A difference of so many hundredths of a degree.
    ///
    /// # Errors
    /// Negative or above 100.00 °C.
    pub fn new(hundredths: i32) -> Result<Self, QuantityError> {
        in_range("temperature difference (0.01 °C)", i64::from(hundredths), 0, 10_000)
            .map(|_| Self(hundredths))
    }
    /// Hundredths of a degree.
    pub const fn hundredths(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for CentiDegrees {
    type Error = QuantityError;
    fn try_from(value: i32) -> Result<Self, QuantityError> {
        Self::new(value)
    }
}

impl From<CentiDegrees> for i32 {
    fn from(value: CentiDegrees) -> i32 {
        value.0
    }
}

macro_rules! small_quantity {
    ($(#[$doc:meta])* $name:ident($raw:ty), $label:literal, $low:literal, $high:literal, $getter:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
        #[serde(try_from = "i64", into = "i64")]
        pub struct $name($raw);

        impl $name {
            #[doc = concat!("A value of ", $label, ".\n\n# Errors\nOutside ", stringify!($low), " to ", stringify!($high), ".")]
            pub fn new(value: i64) -> Result<Self, QuantityError> {
                in_range($label, value, $low, $high).map(|value| Self(value as $raw))
            }
            #[doc = concat!("The value as ", $label, ".")]
            pub const fn $getter(self) -> $raw {
                self.0
            }
        }

        impl TryFrom<i64> for $name {
            type Error = QuantityError;
            fn try_from(value: i64) -> Result<Self, QuantityError> {
                Self::new(value)
            }
        }

        impl From<$name> for i64 {
            fn from(value: $name) -> i64 {
                i64::from(value.0)
            }
        }
    };
}

small_quantity!(
    /// Relative humidity in hundredths of a percent, 0 to 100.00 %.
    BasisPointsRh(u16), "relative humidity (0.01 %)", 0, 10_000, basis_points
);
small_quantity!(
    /// Battery charge in percent, as the device itself states it; never computed from a voltage.
    BatteryPercent(u8), "battery (%)", 0, 100, percent
);
small_quantity!(
    /// Battery voltage in millivolts.
    Millivolts(u16), "battery (mV)", 0, 65_535, millivolts
);
small_quantity!(
    /// Received signal strength in dBm.
    Dbm(i16), "signal (dBm)", -200, 50, dbm
);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_temperature_is_read_from_its_digits_and_refuses_anything_else() {
        let good =
            [("-15.0", -1500), ("5", 500), ("+4.25", 425), ("-0.05", -5), ("0.5", 50), ("1000", 100_000)];
        for (text, hundredths) in good {
            assert_eq!(CentiCelsius::parse(text).unwrap().hundredths(), hundredths, "{text}");
        }
        for text in [
            "", "-", ".", "5.", ".5", "1e3", "4.255", "NaN", "inf", "٥", "--5", "12345", "1000.01",
            "-273.16", "é1",
        ] {
            assert!(CentiCelsius::parse(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn a_double_is_rounded_half_away_from_zero_and_a_value_that_is_no_number_is_refused() {
        assert_eq!(CentiCelsius::from_degrees(0.125).unwrap().hundredths(), 13);
        assert_eq!(CentiCelsius::from_degrees(-0.125).unwrap().hundredths(), -13);
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, 1000.01, -273.16] {
            assert!(CentiCelsius::from_degrees(bad).is_err(), "{bad} was taken");
        }
    }

    #[test]
    fn the_error_names_the_range() {
        let error = CentiCelsius::new(100_001).unwrap_err().to_string();
        assert_eq!(error, "temperature (0.01 °C) 100001 is outside -27315 to 100000");
        assert!(BatteryPercent::new(101).unwrap_err().to_string().contains("0 to 100"));
    }

    proptest! {
        #[test]
        fn every_temperature_reads_back_from_what_it_shows(hundredths in -27_315i32..=100_000) {
            let value = CentiCelsius::new(hundredths).unwrap();
            prop_assert_eq!(CentiCelsius::parse(&value.to_string()).unwrap(), value);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = CentiCelsius::parse(&text);
        }
    }
}
