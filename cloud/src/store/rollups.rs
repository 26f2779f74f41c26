//! Rollups: adds a batch to the hours of its units, and keeps the latest of each.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::project::StatusChanged;
use crate::ingest::rollup::{HOUR_MS, Rollup, Span};
use frostguard_shared::ids::UnitId;
use std::collections::BTreeMap;

/// Adds what a batch adds.
///
/// # Errors
/// The database cannot be asked.
pub async fn add(tx: &mut TenantTx, rollup: &Rollup) -> Result<(), StoreError> {
    if !rollup.hours.is_empty() {
        add_hours(tx, rollup).await?;
    }
    if !rollup.latest.is_empty() {
        raise_latest(tx, rollup).await?;
    }
    Ok(())
}

/// Notes how far the readings of units reach, and of which units some came that are not newer than those before. Goes
/// before [`add`]: it takes hold of the latest of every unit of the batch, in the one order.
///
/// # Errors
/// The database cannot be asked.
pub async fn note_spans(tx: &mut TenantTx, spans: &BTreeMap<UnitId, Span>) -> Result<(), StoreError> {
    if spans.is_empty() {
        return Ok(());
    }
    query(
        "INSERT INTO unit_latest AS old (unit_id, organization_id, readings_to)
         SELECT new.unit_id, $1, to_timestamp(new.last_ms / 1000.0)
         FROM UNNEST($2::uuid[], $4::bigint[]) AS new (unit_id, last_ms) ORDER BY new.unit_id
         ON CONFLICT (unit_id) DO UPDATE SET updated_at = now(),
             readings_to = greatest(old.readings_to, excluded.readings_to),
             history_at = CASE WHEN old.readings_to >= (
                 SELECT to_timestamp(batch.first_ms / 1000.0)
                 FROM UNNEST($2::uuid[], $3::bigint[]) AS batch (unit_id, first_ms) WHERE batch.unit_id = old.unit_id)
                 THEN now() ELSE old.history_at END",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(spans.keys().map(|unit| uuid(unit.as_bytes())).collect::<Vec<_>>())
    .bind(spans.values().map(|span| span.first.0).collect::<Vec<_>>())
    .bind(spans.values().map(|span| span.last.0).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("note how far readings reach"))
}

async fn add_hours(tx: &mut TenantTx, rollup: &Rollup) -> Result<(), StoreError> {
    macro_rules! column {
        ($field:expr) => {
            rollup.hours.values().map($field).collect::<Vec<_>>()
        };
    }
    query(
        "INSERT INTO reading_metrics AS old (organization_id, unit_id, granularity, period_start, period_end, temp_min, temp_max,
             temp_avg, temp_sum, reading_count, anomaly_count, humidity_min, humidity_max, humidity_avg, humidity_sum, humidity_count)
         SELECT $1, unit_id, 'hourly', to_timestamp(start_ms / 1000), to_timestamp(start_ms / 1000) + interval '1 hour',
             t_min * 0.01, t_max * 0.01, t_sum * 0.01 / t_count, t_sum * 0.01, t_count, anomalies,
             h_min * 0.01, h_max * 0.01, h_sum * 0.01 / h_count, h_sum * 0.01, coalesce(h_count, 0)
         FROM UNNEST($2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::integer[], $8::integer[],
             $9::bigint[], $10::bigint[], $11::bigint[], $12::integer[])
             AS new (unit_id, start_ms, t_min, t_max, t_sum, t_count, anomalies, h_min, h_max, h_sum, h_count)
         ON CONFLICT (unit_id, granularity, period_start) DO UPDATE SET
             temp_min = least(old.temp_min, excluded.temp_min),
             temp_max = greatest(old.temp_max, excluded.temp_max),
             temp_sum = old.temp_sum + excluded.temp_sum,
             temp_avg = (old.temp_sum + excluded.temp_sum) / (old.reading_count + excluded.reading_count),
             reading_count = old.reading_count + excluded.reading_count,
             anomaly_count = old.anomaly_count + excluded.anomaly_count,
             humidity_min = least(old.humidity_min, excluded.humidity_min),
             humidity_max = greatest(old.humidity_max, excluded.humidity_max),
             humidity_sum = coalesce(old.humidity_sum + excluded.humidity_sum, old.humidity_sum, excluded.humidity_sum),
             humidity_avg = coalesce(old.humidity_sum + excluded.humidity_sum, old.humidity_sum, excluded.humidity_sum)
                 / nullif(old.humidity_count + excluded.humidity_count, 0),
             humidity_count = old.humidity_count + excluded.humidity_count,
             updated_at = now()",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(rollup.hours.keys().map(|(unit, _)| uuid(unit.as_bytes())).collect::<Vec<_>>())
    .bind(rollup.hours.keys().map(|(_, start)| start.0 / HOUR_MS * HOUR_MS).collect::<Vec<_>>())
    .bind(column!(|hour| hour.temperature.min))
    .bind(column!(|hour| hour.temperature.max))
    .bind(column!(|hour| hour.temperature.sum))
    .bind(column!(|hour| hour.temperature.count))
    .bind(column!(|hour| hour.anomalies))
    .bind(column!(|hour| hour.humidity.map(|humidity| humidity.min)))
    .bind(column!(|hour| hour.humidity.map(|humidity| humidity.max)))
    .bind(column!(|hour| hour.humidity.map(|humidity| humidity.sum)))
    .bind(column!(|hour| hour.humidity.map(|humidity| humidity.count)))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("add to the hours"))
}

async fn raise_latest(tx: &mut TenantTx, rollup: &Rollup) -> Result<(), StoreError> {
    query(
        "INSERT INTO unit_latest AS old (unit_id, organization_id, last_reading_at, last_temperature, last_humidity)
         SELECT unit_id, $1, to_timestamp(at_ms / 1000.0), temperature, humidity
         FROM UNNEST($2::uuid[], $3::bigint[], $4::integer[], $5::integer[]) AS new (unit_id, at_ms, temperature, humidity)
         ON CONFLICT (unit_id) DO UPDATE SET last_reading_at = excluded.last_reading_at,
             last_temperature = excluded.last_temperature, last_humidity = excluded.last_humidity, updated_at = now()
         WHERE old.last_reading_at IS NULL OR old.last_reading_at <= excluded.last_reading_at",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(rollup.latest.keys().map(|unit| uuid(unit.as_bytes())).collect::<Vec<_>>())
    .bind(rollup.latest.values().map(|latest| latest.at.0).collect::<Vec<_>>())
    .bind(rollup.latest.values().map(|latest| latest.temperature).collect::<Vec<_>>())
    .bind(rollup.latest.values().map(|latest| latest.humidity).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("raise the latest readings"))
}

/// Takes hold of what is latest of some units, in the one order in which everybody does: a hub's record and its live
/// words come over two connections, and would wait for each other in a circle.
///
/// # Errors
/// The database cannot be asked.
pub async fn hold(tx: &mut TenantTx, mut units: Vec<UnitId>) -> Result<(), StoreError> {
    units.sort_unstable();
    units.dedup();
    if units.is_empty() {
        return Ok(());
    }
    query("SELECT 1 FROM unit_latest WHERE organization_id = $1 AND unit_id = ANY ($2) ORDER BY unit_id FOR UPDATE")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(units.iter().map(|unit| uuid(unit.as_bytes())).collect::<Vec<_>>())
        .fetch_all(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("take hold of what is latest of units"))
}

/// Keeps the last status of each unit; gives how many of them belong to units of the organization.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep_statuses(tx: &mut TenantTx, statuses: &[StatusChanged]) -> Result<u64, StoreError> {
    if statuses.is_empty() {
        return Ok(0);
    }
    query(
        "INSERT INTO unit_latest AS old (unit_id, organization_id, status, status_at)
         SELECT u.id, u.organization_id, new.status::unit_status, to_timestamp(new.at_ms / 1000.0)
         FROM UNNEST($2::uuid[], $3::text[], $4::bigint[]) AS new (unit_id, status, at_ms)
              JOIN units u ON u.organization_id = $1 AND u.id = new.unit_id
         ORDER BY u.id
         ON CONFLICT (unit_id) DO UPDATE SET status = excluded.status, status_at = excluded.status_at, updated_at = now()",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(statuses.iter().map(|changed| uuid(changed.unit.as_bytes())).collect::<Vec<_>>())
    .bind(statuses.iter().map(|changed| changed.status.word()).collect::<Vec<_>>())
    .bind(statuses.iter().map(|changed| changed.at.0).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|done| done.rows_affected())
    .map_err(StoreError::step("keep the status of units"))
}
