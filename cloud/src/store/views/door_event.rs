//! What a unit's door did.

use super::{At, Behind, Placed, Position, Range, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use frostguard_shared::ids::UnitId;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// A door opened or closed.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct DoorEvent {
    /// Id.
    pub id: Uuid,
    /// The unit.
    pub unit_id: Uuid,
    /// The device that told it.
    pub device_id: Option<Uuid>,
    /// What the door is from then on: `open` or `closed`.
    pub state: String,
    /// When.
    pub at: At,
    /// For how long the state before lasted, in seconds, if that is known.
    pub duration_seconds: Option<i32>,
}

impl Placed for DoorEvent {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.at, key: self.id }
    }
}

/// A unit's door events of a range, oldest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn door_events(
    tx: &mut TenantTx,
    unit: UnitId,
    range: Range,
    behind: Behind<Uuid>,
) -> Result<Slice<DoorEvent>, StoreError> {
    let fetched = rows(
        "SELECT id, unit_id, device_id, state, \"timestamp\" AS at, duration_seconds
         FROM door_events
         WHERE organization_id = $1 AND unit_id = $2 AND \"timestamp\" >= $3 AND \"timestamp\" < $4
           AND ($5::timestamptz IS NULL OR (\"timestamp\", id) > ($5, $6))
         ORDER BY \"timestamp\", id LIMIT $7",
    )
    .bind(own(tx))
    .bind(Uuid::from_bytes(*unit.as_bytes()))
    .bind(range.from)
    .bind(range.to)
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list door events"))?;
    Ok(Slice::of(fetched, &behind))
}
