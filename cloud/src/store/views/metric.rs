//! Figures of a unit's readings by the hour.

use super::{At, Behind, Granularity, Placed, Position, Range, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use frostguard_shared::ids::UnitId;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// The figures of a period.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Metric {
    /// The unit.
    pub unit_id: Uuid,
    /// When the period began.
    pub period_start: At,
    /// When it ended.
    pub period_end: At,
    /// Lowest temperature in 0.01 °C.
    pub temp_min_centi_c: i32,
    /// Highest temperature in 0.01 °C.
    pub temp_max_centi_c: i32,
    /// Mean temperature in 0.01 °C.
    pub temp_avg_centi_c: i32,
    /// Lowest humidity in 0.01 %.
    pub humidity_min_centi_percent: Option<i32>,
    /// Highest humidity in 0.01 %.
    pub humidity_max_centi_percent: Option<i32>,
    /// Mean humidity in 0.01 %.
    pub humidity_avg_centi_percent: Option<i32>,
    /// Readings that the figures are made of.
    pub reading_count: i32,
    /// Readings that were not to be believed or out of limits.
    pub anomaly_count: i32,
}

impl Placed for Metric {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.period_start, key: self.unit_id }
    }
}

/// A unit's figures of the periods that begin in a range, oldest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn metrics(
    tx: &mut TenantTx,
    unit: UnitId,
    granularity: Granularity,
    range: Range,
    behind: Behind<Uuid>,
) -> Result<Slice<Metric>, StoreError> {
    let fetched = rows(
        "SELECT unit_id, period_start, period_end,
                (temp_min * 100)::integer AS temp_min_centi_c,
                (temp_max * 100)::integer AS temp_max_centi_c,
                (temp_avg * 100)::integer AS temp_avg_centi_c,
                (humidity_min * 100)::integer AS humidity_min_centi_percent,
                (humidity_max * 100)::integer AS humidity_max_centi_percent,
                (humidity_avg * 100)::integer AS humidity_avg_centi_percent,
                reading_count, anomaly_count
         FROM reading_metrics
         WHERE organization_id = $1 AND unit_id = $2 AND granularity = $3
           AND period_start >= $4 AND period_start < $5
           AND ($6::timestamptz IS NULL OR (period_start, unit_id) > ($6, $7))
         ORDER BY period_start, unit_id LIMIT $8",
    )
    .bind(own(tx))
    .bind(Uuid::from_bytes(*unit.as_bytes()))
    .bind(granularity.word())
    .bind(range.from)
    .bind(range.to)
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list metrics"))?;
    Ok(Slice::of(fetched, &behind))
}
