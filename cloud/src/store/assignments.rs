//! Assignments: which point measures which unit from when on.
//!
//! A point, its device or its unit that belongs to somebody else is not touched: the assignment is refused, and readings
//! of the point go into quarantine instead of to a stranger.

use super::{StoreError, TenantTx, query, uuid};
use crate::ingest::project::Assignment;
use frostguard_shared::ids::HubId;

/// What came of an assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is in force.
    InForce,
    /// The unit, device or point is not the organization's.
    NotOurs,
}

/// Puts an assignment in force; the one before it ends where it begins.
///
/// # Errors
/// The database cannot be asked.
pub async fn assign(tx: &mut TenantTx, hub: HubId, assignment: &Assignment) -> Result<Outcome, StoreError> {
    let organization = uuid(tx.organization().as_bytes());
    adopt_device(tx, organization, hub, assignment).await?;
    end_earlier(tx, assignment).await?;
    let done = query(
        "INSERT INTO point_assignments AS old (organization_id, point_id, from_ms, unit_id, role)
         SELECT $1, p.id, $3, u.id, $5
         FROM points p JOIN units u ON u.organization_id = $1 AND u.id = $4
         WHERE p.organization_id = $1 AND p.id = $2
         ON CONFLICT (point_id, from_ms) DO UPDATE SET unit_id = excluded.unit_id, role = excluded.role",
    )
    .bind(organization)
    .bind(uuid(assignment.point.as_bytes()))
    .bind(assignment.from.0)
    .bind(uuid(assignment.unit.as_bytes()))
    .bind(assignment.role)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("assign a point"))?;
    Ok(if done.rows_affected() == 1 { Outcome::InForce } else { Outcome::NotOurs })
}

/// Makes the device and the point if nobody has them, and tells the device its unit and hub.
async fn adopt_device(
    tx: &mut TenantTx,
    organization: uuid::Uuid,
    hub: HubId,
    assignment: &Assignment,
) -> Result<(), StoreError> {
    let device = uuid(assignment.device.as_bytes());
    // Another sensor under the same address has taken its place.
    query(
        "UPDATE devices SET is_active = false, status = 'inactive', updated_at = now()
         WHERE organization_id = $1 AND device_eui = left($3, 32) AND id <> $2 AND is_active
           AND EXISTS (SELECT FROM units u WHERE u.organization_id = $1 AND u.id = $4)",
    )
    .bind(organization)
    .bind(device)
    .bind(&assignment.address)
    .bind(uuid(assignment.unit.as_bytes()))
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("retire a device"))?;
    query(
        "INSERT INTO devices AS old (id, organization_id, unit_id, hub_id, device_eui, name, device_type, status)
         SELECT $2, $1, u.id, $5, left($3, 32), left($6, 256), left($6, 64), 'active'
         FROM units u WHERE u.organization_id = $1 AND u.id = $4
         ON CONFLICT (id) DO NOTHING",
    )
    .bind(organization)
    .bind(device)
    .bind(&assignment.address)
    .bind(uuid(assignment.unit.as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(&assignment.model)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("adopt a device"))?;
    query(
        "UPDATE devices SET unit_id = u.id, hub_id = $4, device_eui = left($5, 32), is_active = true, status = 'active', updated_at = now()
         FROM units u WHERE devices.organization_id = $1 AND devices.id = $2 AND u.organization_id = $1 AND u.id = $3",
    )
    .bind(organization)
    .bind(device)
    .bind(uuid(assignment.unit.as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(&assignment.address)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("tell a device its unit"))?;
    query(
        "INSERT INTO points (id, organization_id, device_id, channel)
         SELECT $2, $1, d.id, $4 FROM devices d WHERE d.organization_id = $1 AND d.id = $3
         ON CONFLICT DO NOTHING",
    )
    .bind(organization)
    .bind(uuid(assignment.point.as_bytes()))
    .bind(device)
    .bind(&assignment.channel)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("adopt a point"))
}

async fn end_earlier(tx: &mut TenantTx, assignment: &Assignment) -> Result<(), StoreError> {
    query(
        "UPDATE point_assignments SET to_ms = $2
         WHERE point_id = $1 AND from_ms < $2 AND (to_ms IS NULL OR to_ms > $2)
           AND EXISTS (SELECT FROM units u WHERE u.id = $3)",
    )
    .bind(uuid(assignment.point.as_bytes()))
    .bind(assignment.from.0)
    .bind(uuid(assignment.unit.as_bytes()))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("end an assignment"))
}
