//! Doors that opened and closed.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::project::DoorMoved;
use frostguard_shared::reading::Door;

/// Keeps doors that moved, in order; gives how many belong to units of the organization.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep(tx: &mut TenantTx, moves: &[DoorMoved]) -> Result<u64, StoreError> {
    let mut kept = 0;
    for moved in moves {
        let state = match moved.door {
            Door::Open => "open",
            Door::Closed => "closed",
        };
        // How long the door was as it was before: since its last event.
        let done = query(
            "WITH kept AS (
                 INSERT INTO door_events (organization_id, unit_id, device_id, state, \"timestamp\", duration_seconds)
                 SELECT $1, u.id, d.id, $4, moved.at,
                     (SELECT least(extract(epoch FROM moved.at - last.at), 2147483647)::integer
                      FROM (SELECT max(e.\"timestamp\") AS at FROM door_events e
                            WHERE e.organization_id = $1 AND e.unit_id = u.id AND e.device_id IS NOT DISTINCT FROM d.id
                              AND e.\"timestamp\" <= moved.at) AS last WHERE last.at IS NOT NULL)
                 FROM units u CROSS JOIN (SELECT to_timestamp($5 / 1000.0)::timestamptz(3) AS at) AS moved
                      LEFT JOIN devices d ON d.organization_id = $1 AND d.id = $3
                 WHERE u.organization_id = $1 AND u.id = $2
                 RETURNING unit_id, organization_id, state, \"timestamp\")
             INSERT INTO unit_latest AS old (unit_id, organization_id, door, door_at)
             SELECT unit_id, organization_id, state, \"timestamp\" FROM kept
             ON CONFLICT (unit_id) DO UPDATE SET door = excluded.door, door_at = excluded.door_at, updated_at = now()",
        )
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(moved.unit.as_bytes()))
        .bind(moved.device.map(|device| uuid(device.as_bytes())))
        .bind(state)
        .bind(moved.at.0)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("keep a door that moved"))?;
        kept += done.rows_affected();
    }
    Ok(kept)
}
