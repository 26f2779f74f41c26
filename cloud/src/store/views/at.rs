//! Points in time as the read API speaks of them: RFC 3339, UTC, milliseconds.
//!
//! Owns the way between that text, milliseconds and the database's `timestamptz`: integers throughout, bound as the
//! database's own type, so that the planner can leave partitions out by them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{PgArgumentBuffer, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;
use utoipa::ToSchema;

/// The database's number for `timestamptz`, fixed in its source; given by number so that nobody has to look it up.
const TIMESTAMPTZ: Oid = Oid(1184);
/// Milliseconds from 1970 to 2000, where the database counts from.
const DATABASE_EPOCH_MS: i64 = 946_684_800_000;
/// The years that RFC 3339 can write: from 0000-01-01T00:00:00.000Z to the last that the library knows.
const FIRST_MS: i64 = -62_167_219_200_000;
const LAST_MS: i64 = 253_402_207_200_000;

/// A text that is no point in time as this API writes it. Ask for another one.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("no time in UTC such as 2026-11-23T13:05:00.000Z")]
pub struct AtError;

/// A point in time: RFC 3339 in UTC with milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, ToSchema)]
#[schema(value_type = String, format = DateTime, examples("2026-11-23T13:05:00.000Z"))]
pub struct At(i64);

impl At {
    /// So many milliseconds after 1970 began.
    pub const fn of_ms(ms: i64) -> Self {
        Self(ms)
    }
    /// Milliseconds since 1970 began.
    pub const fn ms(self) -> i64 {
        self.0
    }
    /// The same less so many milliseconds.
    pub const fn before_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_sub(ms))
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What the form cannot write is shown as the nearest that it can.
        let written = Timestamp::from_millisecond(self.0.clamp(FIRST_MS, LAST_MS)).map_err(|_| fmt::Error)?;
        write!(f, "{written:.3}")
    }
}

impl FromStr for At {
    type Err = AtError;

    /// Takes the form with milliseconds and the one with whole seconds, each spelled in the one way that it is written.
    fn from_str(text: &str) -> Result<Self, AtError> {
        if text.len() > 24 || !text.starts_with(|first: char| first.is_ascii_digit()) {
            return Err(AtError);
        }
        let read: Timestamp = text.parse().map_err(|_| AtError)?;
        let at = Self(read.as_millisecond());
        let is_own_spelling = at.to_string() == text || format!("{read:.0}") == text;
        if is_own_spelling { Ok(at) } else { Err(AtError) }
    }
}

impl Serialize for At {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl Type<Postgres> for At {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(TIMESTAMPTZ)
    }
}

impl Encode<'_, Postgres> for At {
    fn encode_by_ref(&self, to: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        let micros = self.0.saturating_sub(DATABASE_EPOCH_MS).saturating_mul(1_000);
        <i64 as Encode<Postgres>>::encode(micros, to)
    }
}

impl Decode<'_, Postgres> for At {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<Postgres>>::decode(value)?;
        Ok(Self(micros.div_euclid(1_000).saturating_add(DATABASE_EPOCH_MS)))
    }
}

/// From a point in time on, up to but without another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The first moment that is in it.
    pub from: At,
    /// The first moment that is no longer in it.
    pub to: At,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_reads_back_from_what_it_shows() {
        for ms in [0, 1, 1_795_438_800_123, FIRST_MS, LAST_MS, -1] {
            assert_eq!(At::of_ms(ms).to_string().parse(), Ok(At::of_ms(ms)));
        }
        assert_eq!("2026-11-23T13:05:00Z".parse(), Ok(At::of_ms(1_795_439_100_000)));
    }

    #[test]
    fn what_the_form_cannot_write_is_shown_as_the_nearest_that_it_can() {
        assert_eq!(At::of_ms(i64::MIN).to_string(), "0000-01-01T00:00:00.000Z");
        assert_eq!(At::of_ms(i64::MAX).to_string(), "9999-12-30T22:00:00.000Z");
    }

    #[test]
    fn every_other_spelling_is_refused() {
        for text in [
            "",
            "now",
            "1795439100000",
            "2026-11-23",
            "2026-11-23T13:05:00",
            "2026-11-23T13:05:00+00:00",
            "2026-11-23T14:05:00+01:00",
            "2026-11-23 13:05:00Z",
            "2026-11-23t13:05:00z",
            "2026-11-23T13:05:60Z",
            "2026-11-23T13:05:00.1Z",
            "2026-11-23T13:05:00.123456Z",
            "2026-02-30T13:05:00Z",
            "-000001-01-01T00:00:00Z",
            "9999-12-31T23:59:59Z",
        ] {
            assert_eq!(text.parse::<At>(), Err(AtError), "{text}");
        }
    }
}
