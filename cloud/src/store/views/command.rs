//! Commands: what hubs were asked to do, and what came of it.

use super::{At, Behind, CommandKind, CommandState, Placed, Position, Slice, own, rows};
use crate::store::{StoreError, TenantTx};
use frostguard_shared::ids::{CommandId, HubId};
use serde::Serialize;
use sqlx::FromRow;
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// Something that a hub was asked to do.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct Command {
    /// Id.
    pub id: Uuid,
    /// The hub.
    pub hub_id: Uuid,
    /// What it was asked for.
    pub kind: CommandKind,
    /// For an acknowledgement: of which alert.
    pub alert_id: Option<Uuid>,
    /// How far the hub is with it.
    pub state: CommandState,
    /// What came of it, for people.
    pub outcome: Option<String>,
    /// When it was asked for.
    pub asked_at: At,
    /// Who has asked, if a person.
    pub asked_by: Option<String>,
    /// When it came to its end.
    pub decided_at: Option<At>,
}

impl Placed for Command {
    type Key = Uuid;
    fn place(&self) -> Position<Uuid> {
        Position { at: self.asked_at, key: self.id }
    }
}

/// An acknowledgement that was asked for far away and is not in the hub's record yet.
#[derive(Clone, PartialEq, Eq, Debug, FromRow, Serialize, ToSchema)]
pub struct PendingAcknowledgement {
    #[serde(skip)]
    alert_id: Uuid,
    /// The command that asks the hub for it.
    pub command_id: Uuid,
    /// Who has asked, if a person.
    pub asked_by: Option<String>,
    /// When.
    pub asked_at: At,
}

/// Columns and joins of a command. One whose time is over has expired, whether or not its row says so yet.
macro_rules! commands {
    ($condition:literal) => {
        concat!(
            "SELECT c.id, c.hub_id, c.kind, c.alert_id, c.outcome, c.asked_at, p.full_name AS asked_by,
                    CASE WHEN c.state IN ('pending', 'received') AND c.expires_at <= now() THEN 'expired' ELSE c.state END
                        AS state,
                    CASE WHEN c.state IN ('pending', 'received') AND c.expires_at <= now() THEN c.expires_at
                         ELSE c.decided_at END AS decided_at
             FROM hub_commands c LEFT JOIN profiles p ON p.organization_id = $1 AND p.id = c.asked_by
             WHERE c.organization_id = $1 AND ",
            $condition
        )
    };
}

/// One command; `None` if the organization has none of that id.
///
/// # Errors
/// The database cannot do it now.
pub async fn command(tx: &mut TenantTx, command: CommandId) -> Result<Option<Command>, StoreError> {
    rows(commands!("c.id = $2"))
        .bind(own(tx))
        .bind(Uuid::from_bytes(*command.as_bytes()))
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("show a command"))
}

/// What a hub was asked to do, newest first.
///
/// # Errors
/// The database cannot do it now.
pub async fn commands(
    tx: &mut TenantTx,
    hub: HubId,
    behind: Behind<Uuid>,
) -> Result<Slice<Command>, StoreError> {
    let fetched = rows(commands!(
        "c.hub_id = $2 AND ($3::timestamptz IS NULL OR (c.asked_at, c.id) < ($3, $4))
         ORDER BY c.asked_at DESC, c.id DESC LIMIT $5"
    ))
    .bind(own(tx))
    .bind(Uuid::from_bytes(*hub.as_bytes()))
    .bind(behind.at())
    .bind(behind.key())
    .bind(behind.fetched())
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("list the commands of a hub"))?;
    Ok(Slice::of(fetched, &behind))
}

/// The acknowledgements of some alerts that are under way, by alert.
pub(super) async fn pending(
    tx: &mut TenantTx,
    alerts: &[Uuid],
) -> Result<BTreeMap<Uuid, PendingAcknowledgement>, StoreError> {
    let found: Vec<PendingAcknowledgement> = rows(
        "SELECT c.alert_id, c.id AS command_id, p.full_name AS asked_by, c.asked_at
         FROM hub_commands c LEFT JOIN profiles p ON p.organization_id = $1 AND p.id = c.asked_by
         WHERE c.organization_id = $1 AND c.alert_id = ANY ($2) AND c.state IN ('pending', 'received')
           AND c.expires_at > now()",
    )
    .bind(own(tx))
    .bind(alerts)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("find acknowledgements that are under way"))?;
    Ok(found.into_iter().map(|pending| (pending.alert_id, pending)).collect())
}
