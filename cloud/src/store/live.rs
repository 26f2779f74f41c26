//! Live: the last word of each hub on how things are now. Latest wins, by epoch and counter.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::project::shown;
use frostguard_shared::ids::HubId;
use frostguard_shared::wire::live::{Alarm, Live};
use serde_json::{Value, json};

/// Keeps a hub's word if it is the latest; gives whether it was.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep(tx: &mut TenantTx, hub: HubId, live: &Live) -> Result<bool, StoreError> {
    let alarms: Value = live.alarms.iter().map(alarm).collect();
    let bounded = |number: u64| number.min(i64::MAX as u64) as i64;
    let done = query(
        "INSERT INTO hub_live AS old (hub_id, organization_id, epoch, counter, at, alarms, events_waiting, readings_waiting)
         VALUES ($1, $2, $3, $4, to_timestamp($5 / 1000.0), $6, $7, $8)
         ON CONFLICT (hub_id) DO UPDATE SET epoch = excluded.epoch, counter = excluded.counter, at = excluded.at,
             received_at = now(), alarms = excluded.alarms, events_waiting = excluded.events_waiting,
             readings_waiting = excluded.readings_waiting
         WHERE old.epoch <> excluded.epoch OR old.counter < excluded.counter",
    )
    .bind(uuid(hub.as_bytes()))
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(live.epoch.as_bytes()))
    .bind(bounded(live.counter))
    .bind(shown(live.at).0)
    .bind(alarms)
    .bind(bounded(live.events_waiting))
    .bind(bounded(live.readings_waiting))
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("keep a hub's live word"))?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    seen(tx, hub).await?;
    keep_units(tx, live).await?;
    Ok(true)
}

fn alarm(alarm: &Alarm) -> Value {
    json!({
        "alert": alarm.alert, "unit": alarm.unit, "condition": alarm.condition, "severity": alarm.severity,
        "sounding": alarm.sounding, "since_ms": alarm.since.0,
    })
}

async fn seen(tx: &mut TenantTx, hub: HubId) -> Result<(), StoreError> {
    query("UPDATE hubs SET last_seen_at = now(), is_online = true WHERE organization_id = $1 AND id = $2")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(hub.as_bytes()))
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("note that a hub was seen"))
}

async fn keep_units(tx: &mut TenantTx, live: &Live) -> Result<(), StoreError> {
    // A word that is no status of this version, or a unit that is not ours, is left out.
    query(
        "INSERT INTO unit_latest AS old (unit_id, organization_id, live_status, live_temperature, live_at)
         SELECT u.id, u.organization_id, s.status::unit_status, new.temperature, to_timestamp($5 / 1000.0)
         FROM UNNEST($2::uuid[], $3::text[], $4::integer[]) AS new (unit_id, status, temperature)
              JOIN units u ON u.organization_id = $1 AND u.id = new.unit_id
              LEFT JOIN LATERAL (SELECT new.status WHERE new.status = ANY (enum_range(NULL::unit_status)::text[])) AS s ON true
         ORDER BY u.id
         ON CONFLICT (unit_id) DO UPDATE SET live_status = excluded.live_status,
             live_temperature = excluded.live_temperature, live_at = excluded.live_at, updated_at = now()",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(live.units.iter().map(|unit| uuid(unit.unit.as_bytes())).collect::<Vec<_>>())
    .bind(live.units.iter().map(|unit| unit.status.as_str()).collect::<Vec<_>>())
    .bind(live.units.iter().map(|unit| unit.temperature_centi_c).collect::<Vec<_>>())
    .bind(shown(live.at).0)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep the live words on units"))
}
