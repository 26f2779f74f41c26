//! Numbers of a line: read from their digits, never through a float.
//!
//! Owns the one rounding of a written number to hundredths: half away from zero. Pure. It judges no ranges but those in
//! which an integer can hold the result.

/// A JSON number in hundredths, rounded half away from zero; `None` if the text is no number or its hundredths do not
/// fit.
///
/// Rounding by magnitude needs only the first digit that is left out, so any number of digits is read exactly.
pub(super) fn hundredths(text: &str) -> Option<i32> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (mantissa, exponent) = text.split_once(['e', 'E']).map_or((text, "0"), |parts| parts);
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
        return None;
    }
    let exponent: i64 = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    // The power of ten, counted in hundredths, of the first digit.
    let mut power = i64::try_from(whole.len()).ok()?.checked_add(exponent)?.checked_add(1)?;
    let mut sum: i64 = 0;
    for digit in whole.bytes().chain(fraction.bytes()).map(|byte| i64::from(byte - b'0')) {
        match power {
            0.. if digit != 0 => {
                let weight = 10_i64.checked_pow(u32::try_from(power).ok()?)?;
                sum = sum.checked_add(digit.checked_mul(weight)?)?;
            }
            -1 if digit >= 5 => sum = sum.checked_add(1)?,
            _ => {}
        }
        power = power.checked_sub(1)?;
    }
    i32::try_from(if negative { -sum } else { sum }).ok()
}

#[cfg(test)]
mod tests {
    use super::hundredths;

    #[test]
    fn a_number_is_read_from_its_digits_and_rounded_half_away_from_zero() {
        for (text, expected) in [
            ("-15", -1_500),
            ("-15.0", -1_500),
            ("0", 0),
            ("-0.0", 0),
            ("3.456", 346),
            ("3.454999999999999999999999999999999999999999", 345),
            ("3.455", 346),
            ("-3.455", -346),
            ("1e1", 1_000),
            ("1E+1", 1_000),
            ("1.5e-1", 15),
            ("125e-3", 13),
            ("4e-3", 0),
            ("5e-3", 1),
            ("0.000000000000000000000000000005e30", 500),
            ("-18.005", -1_801),
            ("999.995", 100_000),
        ] {
            assert_eq!(hundredths(text), Some(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_number_or_does_not_fit_is_none() {
        for text in [
            "",
            "-",
            "a",
            "1.2.3",
            "\"1\"",
            "1e",
            "1e400",
            "123456789012",
            "--1",
            "null",
            ".5e99999999999999999999",
        ] {
            assert_eq!(hundredths(text), None, "{text}");
        }
    }
}
