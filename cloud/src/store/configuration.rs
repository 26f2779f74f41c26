//! Configuration: the documents that hubs are given, and how far each hub is with them.
//!
//! Owns `config_documents` and `hub_configs`. A document is never changed once it is kept; what became of it is a state
//! beside its bytes. It decides nothing about rules.

use super::{StoreError, TenantTx, hash, query, uuid};
use crate::configuration::publish::Occasion;
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::{HubId, UnitId};
use frostguard_shared::signature::Signature;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::desired::Signed;
use serde_json::json;
use sqlx::Row;
use sqlx::postgres::PgRow;
use thiserror::Error;
use uuid::Uuid;

/// A signature of another length.
#[derive(Debug, Error)]
#[error("a signature has 64 bytes")]
struct SignatureLength;

/// The newest document of a hub.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Newest {
    /// Its version.
    pub version: u64,
    /// What it asks for.
    pub content: Hash,
    /// False if the hub did not take it, or took it back: asking for the same again is a new try.
    pub stands: bool,
}

/// The numbers that a hub's documents have had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Versions {
    /// The newest document.
    pub newest: Option<Newest>,
    /// The highest number of which the hub itself has told: after the cloud was restored this may be higher.
    pub told: u64,
}

impl Versions {
    /// The number of the next document.
    pub fn next(&self) -> u64 {
        self.newest.map_or(0, |newest| newest.version).max(self.told) + 1
    }
}

/// A document to be kept.
#[derive(Clone, Copy, Debug)]
pub struct NewDocument<'a> {
    /// The hub that it is for.
    pub hub: HubId,
    /// Its version.
    pub version: u64,
    /// Its bytes with the cloud's signature.
    pub signed: &'a Signed,
    /// What it asks for.
    pub content: Hash,
    /// Who has changed what.
    pub occasion: &'a Occasion<'a>,
}

/// What a hub made of a document.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decision {
    /// Its rules are in force.
    Applied,
    /// It was not taken.
    Refused {
        /// Why, as a word.
        code: &'static str,
        /// Why, for people.
        reason: String,
        /// Whether somebody at the hub may let it take effect all the same.
        waits: bool,
    },
    /// It was taken back.
    RolledBack {
        /// The version whose rules are in force again; 0 for the hub's own.
        to: u64,
        /// Why, for people.
        reason: String,
    },
}

/// A number as the database holds it; a hub that tells of a higher one tells nonsense.
fn number(version: u64) -> i64 {
    i64::try_from(version).unwrap_or(i64::MAX)
}

fn hub_of(row: &PgRow) -> HubId {
    HubId::from_bytes(row.get::<Uuid, _>("id").into_bytes())
}

/// The hubs that guard a unit, in the order of their ids: whoever locks several locks them in this order.
///
/// # Errors
/// The database cannot be asked.
pub async fn guarding(tx: &mut TenantTx, unit: UnitId) -> Result<Vec<HubId>, StoreError> {
    let rows = query(
        "SELECT id FROM hubs
         WHERE organization_id = $1 AND $2 = ANY (guards) AND is_active AND deleted_at IS NULL ORDER BY id",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(unit.as_bytes()))
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("find the hubs of a unit"))?;
    Ok(rows.iter().map(hub_of).collect())
}

/// The units that a hub guards.
///
/// # Errors
/// The database cannot be asked.
pub async fn guarded(tx: &mut TenantTx, hub: HubId) -> Result<Vec<UnitId>, StoreError> {
    let rows = query(
        "SELECT u.id FROM hubs h JOIN units u ON u.organization_id = $1 AND u.id = ANY (h.guards)
         WHERE h.organization_id = $1 AND h.id = $2 AND u.is_active AND u.deleted_at IS NULL ORDER BY u.id",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step("find the units of a hub"))?;
    Ok(rows.iter().map(|row| UnitId::from_bytes(row.get::<Uuid, _>("id").into_bytes())).collect())
}

/// Locks a hub's documents until the transaction ends, and gives the numbers that they have had.
///
/// # Errors
/// The database cannot be asked.
pub async fn lock(tx: &mut TenantTx, hub: HubId) -> Result<Versions, StoreError> {
    let (organization, id) = (uuid(tx.organization().as_bytes()), uuid(hub.as_bytes()));
    query("INSERT INTO hub_configs (hub_id, organization_id) VALUES ($1, $2) ON CONFLICT DO NOTHING")
        .bind(id)
        .bind(organization)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("begin a hub's configuration"))?;
    let told = query(
        "SELECT greatest(decided_version, applied_version) AS told FROM hub_configs
         WHERE organization_id = $1 AND hub_id = $2 FOR NO KEY UPDATE",
    )
    .bind(organization)
    .bind(id)
    .fetch_one(tx.connection())
    .await
    .map_err(StoreError::step("lock a hub's configuration"))?;
    // A statement of its own: what it sees must be from after the lock.
    let newest = query(
        "SELECT version, content_hash, state NOT IN ('refused', 'rolled_back') AS stands FROM config_documents
         WHERE organization_id = $1 AND hub_id = $2 ORDER BY version DESC LIMIT 1",
    )
    .bind(organization)
    .bind(id)
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("find a hub's newest document"))?;
    let newest = newest.map(|row| {
        let content = hash(&row.get::<Vec<u8>, _>("content_hash"))?;
        Ok::<_, StoreError>(Newest {
            version: row.get::<i64, _>("version") as u64,
            content,
            stands: row.get("stands"),
        })
    });
    Ok(Versions { newest: newest.transpose()?, told: told.get::<i64, _>("told") as u64 })
}

/// Keeps a document; what the hub has not decided on yet is superseded by it.
///
/// # Errors
/// The database cannot do it.
pub async fn keep(tx: &mut TenantTx, document: &NewDocument<'_>) -> Result<(), StoreError> {
    let (organization, hub) = (uuid(tx.organization().as_bytes()), uuid(document.hub.as_bytes()));
    query(
        "UPDATE config_documents SET state = 'superseded', decided_at = now()
         WHERE organization_id = $1 AND hub_id = $2 AND state IN ('pending', 'waiting_for_confirmation')",
    )
    .bind(organization)
    .bind(hub)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("supersede a document"))?;
    query(
        "INSERT INTO config_documents (organization_id, hub_id, version, bytes, signature, content_hash, made_at, made_by,
             changes)
         VALUES ($1, $2, $3, $4, $5, $6, to_timestamp($7 / 1000.0), $8, $9)",
    )
    .bind(organization)
    .bind(hub)
    .bind(number(document.version))
    .bind(&document.signed.bytes)
    .bind(&document.signed.signature.0[..])
    .bind(&document.content.0[..])
    .bind(document.occasion.at.0)
    .bind(document.occasion.by.map(|person| uuid(person.as_bytes())))
    .bind(json!(document.occasion.changes))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep a document"))
}

/// Notes how far a hub says that it is. Written only if it is something new: hubs say so again and again.
///
/// # Errors
/// The database cannot do it.
pub async fn note(tx: &mut TenantTx, hub: HubId, decided: u64, applied: u64) -> Result<(), StoreError> {
    query(
        "INSERT INTO hub_configs AS old (hub_id, organization_id, decided_version, applied_version, applied_at)
         VALUES ($1, $2, $3, $4, CASE WHEN $4 > 0 THEN now() END)
         ON CONFLICT (hub_id) DO UPDATE SET decided_version = excluded.decided_version,
             applied_version = excluded.applied_version, updated_at = now(),
             applied_at = CASE WHEN old.applied_version = excluded.applied_version THEN old.applied_at
                               ELSE excluded.applied_at END
         WHERE old.decided_version <> excluded.decided_version OR old.applied_version <> excluded.applied_version",
    )
    .bind(uuid(hub.as_bytes()))
    .bind(uuid(tx.organization().as_bytes()))
    .bind(number(decided))
    .bind(number(applied))
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("note how far a hub is"))
}

/// The newest document of a hub, if it is newer than what the hub has decided on.
///
/// # Errors
/// The database cannot be asked.
pub async fn newer(tx: &mut TenantTx, hub: HubId, decided: u64) -> Result<Option<Signed>, StoreError> {
    let row = query(
        "SELECT bytes, signature FROM config_documents
         WHERE organization_id = $1 AND hub_id = $2 AND version > $3 ORDER BY version DESC LIMIT 1",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .bind(number(decided))
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("find what is desired of a hub"))?;
    row.map(|row| signed(&row)).transpose()
}

/// Bytes with their signature.
pub(super) fn signed(row: &PgRow) -> Result<Signed, StoreError> {
    let signature: Result<[u8; 64], _> = row.get::<Vec<u8>, _>("signature").try_into();
    let signature = signature.map_err(|_| StoreError::content("a signature")(SignatureLength))?;
    Ok(Signed { bytes: row.get("bytes"), signature: Signature(signature) })
}

/// Takes what a hub made of a document. Gives how many documents it touched: none, if there is none of that number, as
/// after the cloud was restored.
///
/// # Errors
/// The database cannot do it.
pub async fn decided(
    tx: &mut TenantTx,
    hub: HubId,
    version: u64,
    at: WallMs,
    decision: &Decision,
) -> Result<u64, StoreError> {
    let (state, code, reason, applied) = match decision {
        Decision::Applied => ("applied", None, None, Some(version)),
        Decision::Refused { code, reason, waits: true } => {
            ("waiting_for_confirmation", Some(*code), Some(reason.as_str()), None)
        }
        Decision::Refused { code, reason, waits: false } => {
            ("refused", Some(*code), Some(reason.as_str()), None)
        }
        Decision::RolledBack { to, reason } => ("rolled_back", None, Some(reason.as_str()), Some(*to)),
    };
    let (organization, id) = (uuid(tx.organization().as_bytes()), uuid(hub.as_bytes()));
    let done = query(
        "UPDATE config_documents SET state = $4, reason_code = $5, reason = $6, decided_at = to_timestamp($7 / 1000.0)
         WHERE organization_id = $1 AND hub_id = $2 AND version = $3",
    )
    .bind(organization)
    .bind(id)
    .bind(number(version))
    .bind(state)
    .bind(code)
    .bind(reason)
    .bind(at.0)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("take what became of a document"))?;
    query(
        "INSERT INTO hub_configs AS old (hub_id, organization_id, decided_version, applied_version, applied_at)
         VALUES ($1, $2, $3, coalesce($4, 0), CASE WHEN $4 > 0 THEN to_timestamp($5 / 1000.0) END)
         ON CONFLICT (hub_id) DO UPDATE SET decided_version = greatest(old.decided_version, excluded.decided_version),
             applied_version = coalesce($4, old.applied_version),
             applied_at = CASE WHEN $4 IS NULL THEN old.applied_at ELSE excluded.applied_at END, updated_at = now()",
    )
    .bind(id)
    .bind(organization)
    .bind(number(version))
    .bind(applied.map(number))
    .bind(at.0)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("note how far a hub is"))?;
    Ok(done.rows_affected())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_number_is_above_every_one_that_cloud_or_hub_knows() {
        let newest = Newest { version: 4, content: Hash([0; 32]), stands: true };
        assert_eq!(Versions { newest: None, told: 0 }.next(), 1);
        assert_eq!(Versions { newest: Some(newest), told: 2 }.next(), 5);
        assert_eq!(Versions { newest: Some(newest), told: 9 }.next(), 10, "the cloud was restored");
    }
}
