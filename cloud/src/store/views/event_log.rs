//! The organization's log: who did what, the newest first.

use super::{At, Behind, Placed, Position, Range, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use frostguard_shared::ids::UnitId;
use serde::Serialize;
use sqlx::FromRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// An entry of the log.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Entry {
    /// Id.
    pub id: Uuid,
    /// When it happened.
    pub recorded_at: At,
    /// What happened.
    pub event_type: String,
    /// What it belongs to.
    pub category: Option<String>,
    /// How grave it is.
    pub severity: Option<String>,
    /// For people.
    pub title: Option<String>,
    /// What kind of actor did it.
    pub actor_type: String,
    /// Who did it, as a member of the organization.
    pub actor_id: Option<Uuid>,
    /// The site.
    pub site_id: Option<Uuid>,
    /// The area.
    pub area_id: Option<Uuid>,
    /// The unit.
    pub unit_id: Option<Uuid>,
    /// The hub.
    pub hub_id: Option<Uuid>,
    /// What else is known of it; its shape depends on the type.
    pub event_data: Option<serde_json::Value>,
    /// Of an event of a hub: its hash in the hub's chain, in hexadecimal.
    pub event_hash: Option<String>,
    /// The hash of the event before it in that chain.
    pub previous_hash: Option<String>,
}

impl Placed for Entry {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.recorded_at, key: self.id }
    }
}

/// Which entries are wanted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EntryFilter {
    /// Of this range.
    pub range: Range,
    /// Of this unit alone.
    pub unit: Option<UnitId>,
    /// Of this type alone.
    pub event_type: Option<String>,
}

/// The organization's entries that are wanted, newest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn event_log(
    tx: &mut TenantTx,
    filter: &EntryFilter,
    behind: Behind<Uuid>,
) -> Result<Slice<Entry>, StoreError> {
    let fetched = rows(
        "SELECT id, recorded_at, event_type, category, severity, title, actor_type, actor_id,
                site_id, area_id, unit_id, hub_id, event_data, event_hash, previous_hash
         FROM event_logs
         WHERE organization_id = $1 AND recorded_at >= $2 AND recorded_at < $3
           AND ($4::uuid IS NULL OR unit_id = $4)
           AND ($5::text IS NULL OR event_type = $5)
           AND ($6::timestamptz IS NULL OR (recorded_at, id) < ($6, $7))
         ORDER BY recorded_at DESC, id DESC LIMIT $8",
    )
    .bind(own(tx))
    .bind(filter.range.from)
    .bind(filter.range.to)
    .bind(filter.unit.map(|unit| Uuid::from_bytes(*unit.as_bytes())))
    .bind(filter.event_type.clone())
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list the event log"))?;
    Ok(Slice::of(fetched, &behind))
}
