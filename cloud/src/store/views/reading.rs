//! Readings of a unit, in the order in which they were measured.

use super::{At, Behind, Placed, Position, Range, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use frostguard_shared::ids::UnitId;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// A reading: one point at one instant.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Reading {
    /// The stream that it came in, by its number among its hub's streams.
    pub stream: i64,
    /// Its number in the stream.
    pub seq: i64,
    /// When it was measured.
    pub recorded_at: At,
    /// Whether that time is an estimate, because the hub's clock was never corrected.
    pub is_estimated: bool,
    /// When the cloud received it.
    pub received_at: At,
    /// The device.
    pub device_id: Option<Uuid>,
    /// The point.
    pub point_id: Option<Uuid>,
    /// The point's channel of the device: `air`, `probe1`, …
    pub channel: Option<String>,
    /// Temperature in 0.01 °C.
    pub temperature_centi_c: i32,
    /// Relative humidity in 0.01 %.
    pub humidity_centi_percent: Option<i32>,
    /// The door as the same frame told it, `open` or `closed`.
    pub door: Option<String>,
    /// Why the temperature is not to be believed: 0 it is, 1 the probe could not be read, 2 the probe had not measured
    /// yet, 3 outside what the sensor can measure.
    pub quality: i16,
    /// Trust in the hub's clock: 0 none, 1 held over, 2 synchronised.
    pub trust: i16,
    /// Milliseconds from measuring to hearing; 0 for a live reading.
    pub age_ms: i64,
    /// Battery in percent.
    pub battery_percent: Option<i32>,
    /// Battery in millivolts.
    pub battery_mv: Option<i32>,
    /// Received signal strength in dBm.
    pub signal_dbm: Option<i32>,
}

impl Placed for Reading {
    type Key = (i64, i64);
    fn place(&self) -> Position<(i64, i64)> {
        Position { at: self.recorded_at, key: (self.stream, self.seq) }
    }
}

/// Columns of a reading.
macro_rules! readings {
    ($rest:literal) => {
        concat!(
            "SELECT r.stream_id AS stream, r.seq, r.recorded_at, r.is_estimated, r.received_at, r.device_id,
                    p.id AS point_id, p.channel,
                    (r.temperature * 100)::integer AS temperature_centi_c,
                    (r.humidity * 100)::integer AS humidity_centi_percent,
                    CASE r.door WHEN 0 THEN 'closed' WHEN 1 THEN 'open' END AS door,
                    r.quality, r.trust, r.age_ms, r.battery AS battery_percent, r.battery_mv,
                    r.signal_strength AS signal_dbm ",
            $rest
        )
    };
}

/// A unit's readings of a range. The range is in the statement itself, so that only its partitions are looked into.
///
/// # Errors
/// The database cannot do it now.
pub async fn readings(
    tx: &mut TenantTx,
    unit: UnitId,
    range: Range,
    behind: Behind<(i64, i64)>,
) -> Result<Slice<Reading>, StoreError> {
    let fetched = rows(readings!(
        "FROM sensor_readings r
         LEFT JOIN points p ON p.organization_id = $1 AND p.n = r.point_n
         WHERE r.organization_id = $1 AND r.unit_id = $2 AND r.recorded_at < $4
           -- Rows of the position's own time are behind it by their stream and number.
           AND r.recorded_at >= greatest($3, $5)
           AND ($5::timestamptz IS NULL OR (r.recorded_at, r.stream_id, r.seq) > ($5, $6, $7))
         ORDER BY r.recorded_at, r.stream_id, r.seq LIMIT $8"
    ))
    .bind(own(tx))
    .bind(Uuid::from_bytes(*unit.as_bytes()))
    .bind(range.from)
    .bind(range.to)
    .bind(behind.at())
    .bind(behind.key().map(|(stream, _)| stream))
    .bind(behind.key().map(|(_, seq)| seq))
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list readings"))?;
    Ok(Slice::of(fetched, &behind))
}

/// A unit's first readings after one time up to another, at most so many.
///
/// # Errors
/// The database cannot do it now.
pub async fn readings_after(
    tx: &mut TenantTx,
    unit: Uuid,
    (after, to): (At, At),
    limit: u16,
) -> Result<Vec<Reading>, StoreError> {
    rows(readings!(
        "FROM sensor_readings r
         LEFT JOIN points p ON p.organization_id = $1 AND p.n = r.point_n
         WHERE r.organization_id = $1 AND r.unit_id = $2 AND r.recorded_at > $3 AND r.recorded_at <= $4
         ORDER BY r.recorded_at, r.stream_id, r.seq LIMIT $5"
    ))
    .bind(own(tx))
    .bind(unit)
    .bind(after)
    .bind(to)
    .bind(i64::from(limit))
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list new readings"))
}
