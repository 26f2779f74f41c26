//! Commands: what people far away ask hubs to do, once.
//!
//! Owns `hub_commands`. Of one kind for one thing at most one is under way; whoever asks again is given that one. What the
//! hub makes of it follows from its record. A command that nobody has decided on in its time has expired, whether or not a
//! row says so yet.

use super::configuration::signed;
use super::{StoreError, TenantTx, query, uuid};
use frostguard_shared::ids::{AlertId, CommandId, HubId, PersonId};
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::desired::{COMMANDS_MAX, Command, Signed};
use sqlx::Row;
use uuid::Uuid;

/// The hub that is in charge of an alert, and whether there is anything left to answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Charge {
    /// The hub; none, if no hub of the organization is in charge any more.
    pub hub: Option<HubId>,
    /// Whether the alert is over.
    pub is_over: bool,
}

/// What a hub made of a command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// It has it.
    Received,
    /// It is at its end: a word of the table's list, and what came of it for people.
    Ended(&'static str, String),
}

/// Who is in charge of an alert; `None` if the organization has none of that id.
///
/// # Errors
/// The database cannot be asked.
pub async fn charge(tx: &mut TenantTx, alert: AlertId) -> Result<Option<Charge>, StoreError> {
    let row = query(
        "SELECT h.id AS hub, t.status::text = 'resolved' AS is_over FROM alerts t
         LEFT JOIN hubs h ON h.organization_id = $1 AND h.id = t.hub_id AND h.is_active AND h.deleted_at IS NULL
         WHERE t.organization_id = $1 AND t.id = $2",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(alert.as_bytes()))
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("find who is in charge of an alert"))?;
    Ok(row.map(|row| Charge {
        hub: row.get::<Option<Uuid>, _>("hub").map(|hub| HubId::from_bytes(hub.into_bytes())),
        is_over: row.get("is_over"),
    }))
}

/// Whether the organization has a hub of that id in use.
///
/// # Errors
/// The database cannot be asked.
pub async fn is_in_use(tx: &mut TenantTx, hub: HubId) -> Result<bool, StoreError> {
    query("SELECT 1 FROM hubs WHERE organization_id = $1 AND id = $2 AND is_active AND deleted_at IS NULL")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(hub.as_bytes()))
        .fetch_optional(tx.connection())
        .await
        .map(|row| row.is_some())
        .map_err(StoreError::step("look a hub up"))
}

/// Keeps a command, unless the same is under way; gives the id of the one that is under way then, and whether that is this
/// one.
///
/// # Errors
/// The database cannot do it.
pub async fn ask(
    tx: &mut TenantTx,
    command: &Command,
    signed: &Signed,
    by: Option<PersonId>,
) -> Result<(CommandId, bool), StoreError> {
    expire(tx, command).await?;
    let organization = uuid(tx.organization().as_bytes());
    let kept = query(
        "INSERT INTO hub_commands (id, organization_id, hub_id, kind, alert_id, bytes, signature, asked_at, asked_by,
             expires_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8 / 1000.0), $9, to_timestamp($10 / 1000.0))
         ON CONFLICT (hub_id, kind, alert_id) WHERE state IN ('pending', 'received') DO NOTHING",
    )
    .bind(uuid(command.id.as_bytes()))
    .bind(organization)
    .bind(uuid(command.hub.as_bytes()))
    .bind(&command.kind)
    .bind(command.alert.map(|alert| uuid(alert.as_bytes())))
    .bind(&signed.bytes)
    .bind(&signed.signature.0[..])
    .bind(command.made.0)
    .bind(by.map(|person| uuid(person.as_bytes())))
    .bind(command.expires.0)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("keep a command"))?;
    if kept.rows_affected() == 1 {
        return Ok((command.id, true));
    }
    let row = query(
        "SELECT id FROM hub_commands
         WHERE organization_id = $1 AND hub_id = $2 AND kind = $3 AND alert_id IS NOT DISTINCT FROM $4
         ORDER BY state IN ('pending', 'received') DESC, asked_at DESC LIMIT 1",
    )
    .bind(organization)
    .bind(uuid(command.hub.as_bytes()))
    .bind(&command.kind)
    .bind(command.alert.map(|alert| uuid(alert.as_bytes())))
    .fetch_one(tx.connection())
    .await
    .map_err(StoreError::step("find the command that is under way"))?;
    Ok((CommandId::from_bytes(row.get::<Uuid, _>("id").into_bytes()), false))
}

/// Says of commands whose time is over that it is, so that the same can be asked for again.
async fn expire(tx: &mut TenantTx, like: &Command) -> Result<(), StoreError> {
    query(
        "UPDATE hub_commands SET state = 'expired', decided_at = expires_at, updated_at = now()
         WHERE organization_id = $1 AND hub_id = $2 AND kind = $3 AND alert_id IS NOT DISTINCT FROM $4
           AND state IN ('pending', 'received') AND expires_at <= now()",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(like.hub.as_bytes()))
    .bind(&like.kind)
    .bind(like.alert.map(|alert| uuid(alert.as_bytes())))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("let commands expire"))
}

/// Notes which commands a hub says that it has: they are not sent again.
///
/// # Errors
/// The database cannot do it.
pub async fn note_received(tx: &mut TenantTx, hub: HubId, received: &[CommandId]) -> Result<(), StoreError> {
    if received.is_empty() {
        return Ok(());
    }
    query(
        "UPDATE hub_commands SET state = 'received', updated_at = now()
         WHERE organization_id = $1 AND hub_id = $2 AND id = ANY ($3) AND state = 'pending'",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(received.iter().map(|command| uuid(command.as_bytes())).collect::<Vec<_>>())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("note which commands a hub has"))
}

/// The commands that wait for a hub, the oldest first.
///
/// # Errors
/// The database cannot be asked.
pub async fn waiting(tx: &mut TenantTx, hub: HubId) -> Result<Vec<Signed>, StoreError> {
    let rows = query(
        "SELECT bytes, signature FROM hub_commands
         WHERE organization_id = $1 AND hub_id = $2 AND state = 'pending' AND expires_at > now()
         ORDER BY asked_at, id LIMIT $3",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(COMMANDS_MAX as i64)
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("find the commands that wait for a hub"))?;
    rows.iter().map(signed).collect()
}

/// Takes what a hub made of a command. What is at its end stays there. Gives how many commands it touched.
///
/// # Errors
/// The database cannot do it.
pub async fn progress(
    tx: &mut TenantTx,
    hub: HubId,
    command: CommandId,
    at: WallMs,
    progress: &Progress,
) -> Result<u64, StoreError> {
    let (organization, hub, id) =
        (uuid(tx.organization().as_bytes()), uuid(hub.as_bytes()), uuid(command.as_bytes()));
    let done = match progress {
        Progress::Received => query(
            "UPDATE hub_commands SET state = CASE WHEN state = 'pending' THEN 'received' ELSE state END, updated_at = now()
             WHERE organization_id = $1 AND hub_id = $2 AND id = $3",
        )
        .bind(organization)
        .bind(hub)
        .bind(id),
        // A hub that was away may have done in time what has expired here meanwhile.
        Progress::Ended(state, text) => query(
            "UPDATE hub_commands SET state = $4, outcome = coalesce(nullif($5, ''), outcome),
                 decided_at = to_timestamp($6 / 1000.0), updated_at = now()
             WHERE organization_id = $1 AND hub_id = $2 AND id = $3",
        )
        .bind(organization)
        .bind(hub)
        .bind(id)
        .bind(*state)
        .bind(text)
        .bind(at.0),
    };
    done.execute(tx.connection())
        .await
        .map(|done| done.rows_affected())
        .map_err(StoreError::step("take what became of a command"))
}

/// Says of the self-test that is under way what it has found. A hub may test itself unasked; then there is none.
///
/// # Errors
/// The database cannot do it.
pub async fn self_test(tx: &mut TenantTx, hub: HubId, found: &str) -> Result<(), StoreError> {
    query(
        "UPDATE hub_commands SET outcome = $3, updated_at = now()
         WHERE organization_id = $1 AND hub_id = $2 AND kind = 'self_test' AND state IN ('pending', 'received')",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(found)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("say what a self-test has found"))
}
