//! What operators make: organizations, sites, claim codes and API keys.
//!
//! Owns their rows as an operator's commands need them. Runs as the operator's role, which the service's login does not
//! have. Secrets come here as their hash alone; whoever made one shows it once.

use super::doors::{Role, SecretHash};
use super::{DoorTx, StoreError, TenantTx, query};
use frostguard_shared::ids::{OrganizationId, SiteId};
use frostguard_shared::time::WallMs;
use sqlx::Row;
use uuid::Uuid;

/// An organization.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Organization {
    /// Its id.
    pub id: OrganizationId,
    /// Its name.
    pub name: String,
    /// Its short name.
    pub slug: String,
    /// When it was made.
    pub created: WallMs,
}

/// A site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Site {
    /// Its id.
    pub id: SiteId,
    /// Its name.
    pub name: String,
    /// Its time zone.
    pub zone: String,
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its organization's short name.
    pub slug: String,
}

/// An API key, without the key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credential {
    /// Its id.
    pub id: Uuid,
    /// Its name.
    pub name: String,
    /// The key's last characters.
    pub last4: String,
    /// What it may do.
    pub role: Role,
    /// When it was made.
    pub created: WallMs,
    /// When it was revoked.
    pub revoked: Option<WallMs>,
}

/// Whether a thing was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Taken {
    /// It was made.
    Made,
    /// Its short name belongs to another.
    NameTaken,
}

fn id(row: &sqlx::postgres::PgRow, column: &str) -> Result<[u8; 16], sqlx::Error> {
    row.try_get::<Uuid, _>(column).map(Uuid::into_bytes)
}

/// Every organization, by its short name.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn organizations(tx: &mut DoorTx) -> Result<Vec<Organization>, StoreError> {
    let step = "list the organizations";
    let rows = query("SELECT id, name, slug, created_ms FROM door.organizations()")
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step(step))?;
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(Organization {
            id: OrganizationId::from_bytes(id(row, "id")?),
            name: row.try_get("name")?,
            slug: row.try_get("slug")?,
            created: WallMs(row.try_get("created_ms")?),
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::step(step))
}

/// Every site, by its organization's short name and its own name.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn sites(tx: &mut DoorTx) -> Result<Vec<Site>, StoreError> {
    let step = "list the sites";
    let rows = query("SELECT id, name, zone, organization_id, slug FROM door.sites()")
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step(step))?;
    let read = |row: &sqlx::postgres::PgRow| {
        Ok(Site {
            id: SiteId::from_bytes(id(row, "id")?),
            name: row.try_get("name")?,
            zone: row.try_get("zone")?,
            organization: OrganizationId::from_bytes(id(row, "organization_id")?),
            slug: row.try_get("slug")?,
        })
    };
    rows.iter().map(read).collect::<Result<_, _>>().map_err(StoreError::step(step))
}

/// Makes the organization whose transaction this is.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn add_organization(
    tx: &mut TenantTx,
    name: &str,
    slug: &str,
    zone: &str,
) -> Result<Taken, StoreError> {
    let organization = tx.organization();
    let made = query(
        "INSERT INTO organizations (id, name, slug, timezone) VALUES ($1, $2, $3, $4)
         ON CONFLICT (slug) DO NOTHING",
    )
    .bind(Uuid::from_bytes(*organization.as_bytes()))
    .bind(name)
    .bind(slug)
    .bind(zone)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("make the organization"))?;
    Ok(if made.rows_affected() == 1 { Taken::Made } else { Taken::NameTaken })
}

/// Makes a site.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn add_site(tx: &mut TenantTx, site: SiteId, name: &str, zone: &str) -> Result<(), StoreError> {
    let organization = tx.organization();
    query("INSERT INTO sites (id, organization_id, name, timezone) VALUES ($1, $2, $3, $4)")
        .bind(Uuid::from_bytes(*site.as_bytes()))
        .bind(Uuid::from_bytes(*organization.as_bytes()))
        .bind(name)
        .bind(zone)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("make the site"))?;
    Ok(())
}

/// Keeps a claim code for a site of the organization.
///
/// # Errors
/// The database cannot do it, or the site is another's.
pub async fn add_claim_code(
    tx: &mut TenantTx,
    code: SecretHash,
    site: SiteId,
    valid_ms: i64,
) -> Result<(), StoreError> {
    let organization = tx.organization();
    query(
        "INSERT INTO claim_codes (secret_hash, organization_id, site_id, expires_at)
         VALUES ($1, $2, $3, now() + $4 * interval '1 ms')",
    )
    .bind(&code.0[..])
    .bind(Uuid::from_bytes(*organization.as_bytes()))
    .bind(Uuid::from_bytes(*site.as_bytes()))
    .bind(valid_ms)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("keep the claim code"))?;
    Ok(())
}

/// Keeps an API key of the organization.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn add_api_key(
    tx: &mut TenantTx,
    credential: Uuid,
    name: &str,
    key: (SecretHash, &str),
    role: Role,
) -> Result<(), StoreError> {
    let organization = tx.organization();
    let (hash, last4) = key;
    query(
        "INSERT INTO credentials (id, organization_id, name, secret_hash, last4, role)
         VALUES ($1, $2, $3, $4, $5, $6::text::app_role)",
    )
    .bind(credential)
    .bind(Uuid::from_bytes(*organization.as_bytes()))
    .bind(name)
    .bind(&hash.0[..])
    .bind(last4)
    .bind(role.word())
    .execute(tx.connection())
    .await
    .map_err(StoreError::step("keep the API key"))?;
    Ok(())
}

/// The API keys of the organization, newest first.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn api_keys(tx: &mut TenantTx) -> Result<Vec<Credential>, StoreError> {
    let step = "list the API keys";
    let rows = query(
        "SELECT id, name, last4, role::text AS role, (extract(epoch FROM created_at) * 1000)::bigint AS created_ms,
                (extract(epoch FROM revoked_at) * 1000)::bigint AS revoked_ms
         FROM credentials ORDER BY created_at DESC, id",
    )
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step(step))?;
    rows.iter()
        .map(|row| {
            let word: String = row.try_get("role").map_err(StoreError::step(step))?;
            Ok(Credential {
                id: row.try_get("id").map_err(StoreError::step(step))?,
                name: row.try_get("name").map_err(StoreError::step(step))?,
                last4: row.try_get("last4").map_err(StoreError::step(step))?,
                role: word.parse().map_err(StoreError::content::<super::doors::UnknownRole>("a role"))?,
                created: WallMs(row.try_get("created_ms").map_err(StoreError::step(step))?),
                revoked: row
                    .try_get::<Option<i64>, _>("revoked_ms")
                    .map_err(StoreError::step(step))?
                    .map(WallMs),
            })
        })
        .collect()
}

/// Revokes an API key of the organization; false if it has none of that id.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn revoke_api_key(tx: &mut TenantTx, credential: Uuid) -> Result<bool, StoreError> {
    let revoked = query("UPDATE credentials SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1")
        .bind(credential)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("revoke the API key"))?;
    Ok(revoked.rows_affected() == 1)
}
