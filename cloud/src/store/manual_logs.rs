//! Temperatures that people logged by hand.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::project::ByHand;

/// Keeps logs by hand, in order; gives how many belong to units of the organization.
///
/// # Errors
/// The database cannot be asked.
pub async fn keep(tx: &mut TenantTx, logs: &[ByHand]) -> Result<u64, StoreError> {
    let mut kept = 0;
    for log in logs {
        let done = query(
            "WITH kept AS (
                 INSERT INTO manual_temperature_logs (organization_id, unit_id, profile_id, temperature, notes, recorded_at)
                 SELECT $1, u.id, p.id, $4 * 0.01, $5, to_timestamp($6 / 1000.0)
                 FROM units u LEFT JOIN profiles p ON p.organization_id = $1 AND p.id = $3
                 WHERE u.organization_id = $1 AND u.id = $2
                 RETURNING unit_id, organization_id, recorded_at)
             INSERT INTO unit_latest AS old (unit_id, organization_id, last_manual_log_at)
             SELECT unit_id, organization_id, recorded_at FROM kept
             ON CONFLICT (unit_id) DO UPDATE SET updated_at = now(),
                 last_manual_log_at = greatest(old.last_manual_log_at, excluded.last_manual_log_at)",
        )
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(log.unit.as_bytes()))
        .bind(log.person.map(|person| uuid(person.as_bytes())))
        .bind(log.temperature)
        .bind(log.note.as_deref())
        .bind(log.taken.0)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("keep a log by hand"))?;
        kept += done.rows_affected();
    }
    Ok(kept)
}
