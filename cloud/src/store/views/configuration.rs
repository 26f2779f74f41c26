//! Configuration: what each hub should run, and how far it is with that.

use super::{At, Behind, DocumentState, HubConfigurationState, Placed, Position, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use frostguard_shared::ids::{HubId, UnitId};
use serde::Serialize;
use sqlx::FromRow;
use sqlx::types::Json;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is desired of a hub, and what it has made of it.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct HubConfiguration {
    /// The hub.
    pub hub_id: Uuid,
    /// Its name.
    pub hub_name: String,
    /// The version of its newest document. Null: it has none yet, and runs its own site document.
    pub desired_version: Option<i64>,
    /// When that was made.
    pub desired_at: Option<At>,
    /// Who has made it, if a person.
    pub desired_by: Option<String>,
    /// The version that is in force at the hub, by its last word. Null: none, or the hub has not said.
    pub applied_version: Option<i64>,
    /// Since when.
    pub applied_at: Option<At>,
    /// How far the hub is with the newest document.
    pub state: HubConfigurationState,
    /// Why it was not taken, as a word.
    pub reason_code: Option<String>,
    /// Why it was not taken or was taken back, for people.
    pub reason: Option<String>,
}

/// A document that was made for a hub.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ConfigDocument {
    /// Its version.
    pub version: i64,
    /// When it was made.
    pub made_at: At,
    /// Who has made it, if a person.
    pub made_by: Option<String>,
    /// What became of it.
    pub state: DocumentState,
    /// Why it was not taken, as a word.
    pub reason_code: Option<String>,
    /// Why it was not taken or was taken back, for people.
    pub reason: Option<String>,
    /// When that was decided.
    pub decided_at: Option<At>,
    /// What was changed with it, a sentence for each change.
    pub changes: Vec<String>,
}

#[derive(FromRow)]
struct Row {
    version: i64,
    made_at: At,
    made_by: Option<String>,
    state: DocumentState,
    reason_code: Option<String>,
    reason: Option<String>,
    decided_at: Option<At>,
    changes: Json<Vec<String>>,
}

impl From<Row> for ConfigDocument {
    fn from(row: Row) -> Self {
        let Row { version, made_at, made_by, state, reason_code, reason, decided_at, changes } = row;
        Self { version, made_at, made_by, state, reason_code, reason, decided_at, changes: changes.0 }
    }
}

impl Placed for ConfigDocument {
    type Key = (i64, i64);
    fn place(&self) -> Position<(i64, i64)> {
        Position { at: self.made_at, key: (0, self.version) }
    }
}

/// Columns and joins of a hub's configuration.
macro_rules! configurations {
    ($condition:literal) => {
        concat!(
            "SELECT h.id AS hub_id, h.name AS hub_name, d.version AS desired_version, d.made_at AS desired_at,
                    p.full_name AS desired_by, nullif(c.applied_version, 0) AS applied_version, c.applied_at,
                    coalesce(d.state, 'none') AS state, d.reason_code, d.reason
             FROM hubs h
             LEFT JOIN hub_configs c ON c.organization_id = $1 AND c.hub_id = h.id
             LEFT JOIN LATERAL (
                 SELECT version, made_at, made_by, state, reason_code, reason FROM config_documents
                 WHERE organization_id = $1 AND hub_id = h.id ORDER BY version DESC LIMIT 1
             ) d ON true
             LEFT JOIN profiles p ON p.organization_id = $1 AND p.id = d.made_by
             WHERE h.organization_id = $1 AND ",
            $condition
        )
    };
}

/// How far some hubs are with what is desired of them.
///
/// # Errors
/// The database cannot do it now.
pub async fn configurations(tx: &mut TenantTx, hubs: &[Uuid]) -> Result<Vec<HubConfiguration>, StoreError> {
    rows(configurations!("h.id = ANY ($2)"))
        .bind(own(tx))
        .bind(hubs)
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("show how far hubs are"))
}

/// The same for the hubs that guard a unit, in the order of their names.
///
/// # Errors
/// The database cannot do it now.
pub async fn configurations_of(tx: &mut TenantTx, unit: UnitId) -> Result<Vec<HubConfiguration>, StoreError> {
    rows(configurations!(
        "$2 = ANY (h.guards) AND h.is_active AND h.deleted_at IS NULL ORDER BY h.name, h.id"
    ))
    .bind(own(tx))
    .bind(Uuid::from_bytes(*unit.as_bytes()))
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("show how far the hubs of a unit are"))
}

/// The documents that were made for a hub, newest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn documents(
    tx: &mut TenantTx,
    hub: HubId,
    behind: Behind<(i64, i64)>,
) -> Result<Slice<ConfigDocument>, StoreError> {
    let fetched: Vec<Row> = rows(
        "SELECT d.version, d.made_at, p.full_name AS made_by, d.state, d.reason_code, d.reason, d.decided_at, d.changes
         FROM config_documents d LEFT JOIN profiles p ON p.organization_id = $1 AND p.id = d.made_by
         WHERE d.organization_id = $1 AND d.hub_id = $2 AND ($3::bigint IS NULL OR d.version < $3)
         ORDER BY d.version DESC LIMIT $4",
    )
    .bind(own(tx))
    .bind(Uuid::from_bytes(*hub.as_bytes()))
    .bind(behind.key().map(|(_, version)| version))
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list the documents of a hub"))?;
    Ok(Slice::of(fetched.into_iter().map(ConfigDocument::from).collect(), &behind))
}
