//! The fleet: hubs, their sessions, and what a login is told of the record that is held.
//!
//! Owns the rows of `hubs` and `hub_sessions`, and the use of claim codes. It decides nothing about signatures.

use super::doors::SecretHash;
use super::streams::Journal;
use super::{StoreError, TenantTx, hash, query, uuid};
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::{HubId, SiteId};
use frostguard_shared::signature::PublicKey;
use sqlx::Row;
use std::time::Duration;
use thiserror::Error;

/// Bytes of a stored key that are none.
#[derive(Debug, Error)]
#[error("a key has 32 bytes")]
struct KeyLength;

/// What becomes of the units that a hub tells of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Units {
    /// They are the site's.
    Adopted,
    /// They are none of the site's: its operator has said so when the hub was enrolled.
    Discarded,
}

/// A hub as it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Known {
    /// The site that it guards.
    pub site: SiteId,
    /// Its key.
    pub key: PublicKey,
    /// What becomes of its units.
    pub units: Units,
    /// SHA-256 of the last site message that was taken from it.
    pub site_hash: Option<Hash>,
}

/// A hub that is new.
#[derive(Clone, Debug)]
pub struct NewHub<'a> {
    /// Its id.
    pub id: HubId,
    /// The site that it guards.
    pub site: SiteId,
    /// Its name.
    pub name: &'a str,
    /// Its key.
    pub key: PublicKey,
    /// What becomes of its units.
    pub units: Units,
    /// SHA-256 of its site message.
    pub site_hash: Hash,
}

/// A site that a hub is enrolled for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Premises {
    /// The site's name.
    pub site_name: String,
    /// The organization's name.
    pub organization_name: String,
    /// How many units it has.
    pub units: i64,
}

/// Whether something that only one can have was had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Had {
    /// By this transaction.
    Now,
    /// By somebody else, before.
    Before,
}

fn had(rows: u64) -> Had {
    if rows == 1 { Had::Now } else { Had::Before }
}

/// A hub of the organization.
///
/// # Errors
/// The database cannot be asked.
pub async fn known(tx: &mut TenantTx, hub: HubId) -> Result<Option<Known>, StoreError> {
    let row = query(
        "SELECT site_id, public_key, takes_units, site_hash FROM hubs
         WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.as_bytes()))
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("look up a hub"))?;
    let Some(row) = row else { return Ok(None) };
    let key = row.get::<Vec<u8>, _>("public_key").try_into();
    Ok(Some(Known {
        site: SiteId::from_bytes(row.get::<uuid::Uuid, _>("site_id").into_bytes()),
        key: PublicKey(key.map_err(|_| StoreError::content("a hub's key")(KeyLength))?),
        units: if row.get("takes_units") { Units::Adopted } else { Units::Discarded },
        site_hash: row.get::<Option<Vec<u8>>, _>("site_hash").map(|bytes| hash(&bytes)).transpose()?,
    }))
}

/// Keeps a new hub. An id that a hub of another organization has is not taken.
///
/// # Errors
/// The database cannot do it.
pub async fn add_hub(tx: &mut TenantTx, hub: &NewHub<'_>) -> Result<Had, StoreError> {
    let added = query(
        "INSERT INTO hubs (id, organization_id, site_id, name, public_key, takes_units, site_hash)
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
    )
    .bind(uuid(hub.id.as_bytes()))
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(hub.site.as_bytes()))
    .bind(hub.name)
    .bind(&hub.key.0[..])
    .bind(hub.units == Units::Adopted)
    .bind(&hub.site_hash.0[..])
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("keep a hub"))?;
    Ok(had(added.rows_affected()))
}

/// Says that a site message of that hash was taken from a hub.
///
/// # Errors
/// The database cannot do it.
pub async fn keep_site_hash(tx: &mut TenantTx, hub: HubId, site_hash: Hash) -> Result<(), StoreError> {
    query("UPDATE hubs SET site_hash = $3, updated_at = now() WHERE organization_id = $1 AND id = $2")
        .bind(uuid(tx.organization().as_bytes()))
        .bind(uuid(hub.as_bytes()))
        .bind(&site_hash.0[..])
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("keep the hash of a site message"))
}

/// Uses a claim code up.
///
/// # Errors
/// The database cannot do it.
pub async fn use_claim_code(tx: &mut TenantTx, code: SecretHash, hub: HubId) -> Result<Had, StoreError> {
    let used = query(
        "UPDATE claim_codes SET used_by = $3, used_at = now()
         WHERE organization_id = $1 AND secret_hash = $2 AND used_at IS NULL",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(&code.0[..])
    .bind(uuid(hub.as_bytes()))
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("use a claim code"))?;
    Ok(had(used.rows_affected()))
}

/// A site, locked so that two hubs that come to it at once come one after the other; `None` if it is gone.
///
/// # Errors
/// The database cannot be asked.
pub async fn lock_premises(tx: &mut TenantTx, site: SiteId) -> Result<Option<Premises>, StoreError> {
    let row = query(
        "SELECT s.name::text AS site, o.name::text AS organization,
                (SELECT count(*) FROM units u JOIN areas a ON a.organization_id = $1 AND a.id = u.area_id
                 WHERE u.organization_id = $1 AND a.site_id = $2 AND u.is_active AND u.deleted_at IS NULL) AS units
         FROM sites s JOIN organizations o ON o.id = s.organization_id
         WHERE s.organization_id = $1 AND s.id = $2 AND s.deleted_at IS NULL FOR UPDATE OF s",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(site.as_bytes()))
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("lock a site"))?;
    Ok(row.map(|row| Premises {
        site_name: row.get("site"),
        organization_name: row.get("organization"),
        units: row.get("units"),
    }))
}

/// Opens a session, notes that the hub was seen, and sweeps away its sessions that have expired.
///
/// # Errors
/// The database cannot do it.
pub async fn open_session(
    tx: &mut TenantTx,
    journal: Journal,
    token: SecretHash,
    software: &str,
    valid_ms: i64,
) -> Result<(), StoreError> {
    let (organization, hub) = (uuid(tx.organization().as_bytes()), uuid(journal.hub.as_bytes()));
    query("DELETE FROM hub_sessions WHERE organization_id = $1 AND hub_id = $2 AND expires_at < now()")
        .bind(organization)
        .bind(hub)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("sweep expired sessions"))?;
    query(
        "INSERT INTO hub_sessions (token_hash, organization_id, hub_id, epoch, expires_at)
         VALUES ($1, $2, $3, $4, now() + $5 * interval '1 ms')",
    )
    .bind(&token.0[..])
    .bind(organization)
    .bind(hub)
    .bind(uuid(journal.epoch.as_bytes()))
    .bind(valid_ms)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("open a session"))?;
    query(
        "UPDATE hubs SET last_seen_at = now(), firmware_version = left($3, 32), updated_at = now()
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(organization)
    .bind(hub)
    .bind(software)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("note that a hub was seen"))
}

/// How long the session of a token is good for; nothing, if there is none.
///
/// # Errors
/// The database cannot be asked.
pub async fn session_ends_in(tx: &mut TenantTx, token: SecretHash) -> Result<Duration, StoreError> {
    let row = query(
        "SELECT greatest(ceil(extract(epoch FROM expires_at - now()) * 1000), 0)::bigint AS left_ms FROM hub_sessions
         WHERE organization_id = $1 AND token_hash = $2",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(&token.0[..])
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("look up when a session ends"))?;
    Ok(row.map_or(Duration::ZERO, |row| Duration::from_millis(row.get::<i64, _>("left_ms").max(0) as u64)))
}

/// The last reading held of a journal on a branch, without waiting for anyone.
///
/// # Errors
/// The database cannot be asked.
pub async fn readings_held(tx: &mut TenantTx, journal: Journal, branch: i16) -> Result<u64, StoreError> {
    let row = query(
        "SELECT last_seq FROM hub_streams WHERE feed = $1 AND epoch = $2 AND stream = 1 AND branch = $3",
    )
    .bind(uuid(journal.hub.as_bytes()))
    .bind(uuid(journal.epoch.as_bytes()))
    .bind(branch)
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step("read the readings' cursor"))?;
    Ok(row.map_or(0, |row| row.get::<i64, _>("last_seq") as u64))
}
