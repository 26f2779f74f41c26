//! Times of a line: milliseconds since 1970 or RFC 3339 in, RFC 3339 in UTC with milliseconds out.
//!
//! Owns both forms and the years between which a history may lie. Pure; it never asks what time it is.

use frostguard_shared::time::RuleMs;
use jiff::Timestamp;
use jiff::fmt::temporal::DateTimePrinter;
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;

/// The end of the year 9998: beyond it a time has no form in RFC 3339 in every zone.
const LATEST: i64 = 253_370_764_799_999;

/// The time of a line, on the rule axis.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct At(pub(super) RuleMs);

impl<'de> Deserialize<'de> for At {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AtVisitor)
    }
}

struct AtVisitor;

fn within<E: Error>(ms: i64) -> Result<At, E> {
    if (0..=LATEST).contains(&ms) {
        Ok(At(RuleMs(ms)))
    } else {
        Err(E::custom("a time lies between the years 1970 and 9998"))
    }
}

impl Visitor<'_> for AtVisitor {
    type Value = At;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time, as an integer of milliseconds since 1970 or as RFC 3339 with an offset")
    }

    fn visit_i64<E: Error>(self, ms: i64) -> Result<At, E> {
        within(ms)
    }

    fn visit_u64<E: Error>(self, ms: u64) -> Result<At, E> {
        within(i64::try_from(ms).unwrap_or(i64::MAX))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<At, E> {
        match text.parse::<Timestamp>() {
            Ok(time) => within(time.as_millisecond()),
            Err(_) => {
                let shown: String = text.chars().take(40).collect();
                Err(E::custom(format!("\"{shown}\" is no time of the form 2026-03-02T08:00:00+01:00")))
            }
        }
    }
}

/// A time as it is written.
pub(super) fn written(at: RuleMs) -> String {
    const PRINTER: DateTimePrinter = DateTimePrinter::new().precision(Some(3));
    // Only a time that a rule reckoned far beyond the history has no form; its milliseconds say as much.
    Timestamp::from_millisecond(at.0)
        .map_or_else(|_| at.0.to_string(), |time| PRINTER.timestamp_to_string(&time))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Result<i64, serde_json::Error> {
        serde_json::from_str::<At>(text).map(|at| at.0.0)
    }

    #[test]
    fn one_instant_has_many_forms_and_is_written_in_one() {
        let instant = 1_772_434_800_250;
        for text in [
            "1772434800250",
            "\"2026-03-02T07:00:00.250Z\"",
            "\"2026-03-02T08:00:00.25+01:00\"",
            "\"2026-03-02T02:00:00.250-05:00\"",
            "\"2026-03-02t07:00:00.2509z\"",
        ] {
            assert_eq!(at(text).unwrap(), instant, "{text}");
        }
        assert_eq!(written(RuleMs(instant)), "2026-03-02T07:00:00.250Z");
        assert_eq!(written(RuleMs(0)), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn what_is_no_instant_is_refused() {
        for text in [
            "1.5",
            "-1",
            "99999999999999999",
            "true",
            "null",
            "\"2026-03-02T07:00:00\"",
            "\"2026-02-30T07:00:00Z\"",
            "\"yesterday\"",
            "\"\"",
        ] {
            assert!(at(text).is_err(), "{text}");
        }
    }
}
