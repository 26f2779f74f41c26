//! Doors: what can be asked of the database before it is known whose business it is.
//!
//! Owns the calls of the functions in the schema `door`, each of which gives only what belongs to the secret that was
//! shown. Secrets arrive here as their SHA-256 and are looked up by it, so that how long a look-up takes says nothing
//! about the secret itself. A door decides nothing: whoever knocks compares signatures and counts refusals.

use super::{DoorTx, StoreError, query};
use frostguard_shared::ids::{EpochId, HubId, OrganizationId, SiteId};
use frostguard_shared::signature::PublicKey;
use serde::Serialize;
use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::postgres::PgRow;
use thiserror::Error;
use utoipa::ToSchema;
use uuid::Uuid;

/// SHA-256 of a secret: all of it that the database ever sees.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// The hash of a token, code or key.
    pub fn of(secret: &[u8]) -> Self {
        Self(Sha256::digest(secret).into())
    }
}

/// Bytes in the database have another length than they must have.
#[derive(Debug, Error)]
#[error("{0} bytes where a key has 32")]
struct KeyLength(usize);

/// What became of the challenge that a login answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Challenge {
    /// It was open; now it is taken and nobody can answer it again.
    Open,
    /// There is none of that kind: never given, answered before, or too old.
    Gone,
}

/// The hub that a login names.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Whose it is.
    pub organization: OrganizationId,
    /// Its key.
    pub key: PublicKey,
    /// The challenge.
    pub challenge: Challenge,
}

/// Who speaks under a token.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// Whose hub it is.
    pub organization: OrganizationId,
    /// The hub.
    pub hub: HubId,
    /// The epoch of the journal that it logged in with.
    pub epoch: EpochId,
    /// Its key.
    pub key: PublicKey,
}

/// Whether a claim code was used before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Use {
    /// Never.
    Unused,
    /// By the hub that shows it again, whose answer may have been lost.
    BySameHub,
}

/// What a claim code is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// Whose site it is.
    pub organization: OrganizationId,
    /// The site.
    pub site: SiteId,
    /// Whether it was used before.
    pub used: Use,
}

/// What a person or key may do, in ascending order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Looks.
    Viewer,
    /// Works at the units.
    Staff,
    /// Runs sites.
    Manager,
    /// Runs the organization.
    Admin,
    /// Owns it.
    Owner,
}

/// A word that is no role. Refuse what carried it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is no role: owner, admin, manager, staff or viewer")]
pub struct UnknownRole(String);

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Viewer, Self::Staff, Self::Manager, Self::Admin, Self::Owner];

    /// Its word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Staff => "staff",
            Self::Manager => "manager",
            Self::Admin => "admin",
            Self::Owner => "owner",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = UnknownRole;
    fn from_str(word: &str) -> Result<Self, UnknownRole> {
        let known = Self::ALL.into_iter().find(|role| role.word() == word);
        known.ok_or_else(|| UnknownRole(word.chars().take(64).collect()))
    }
}

/// Who speaks under an API key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ApiKey {
    /// Whose key it is.
    pub organization: OrganizationId,
    /// The key, by its id.
    pub credential: Uuid,
    /// What it may do.
    pub role: Role,
}

fn id(row: &PgRow, column: &str) -> Result<[u8; 16], StoreError> {
    row.try_get::<Uuid, _>(column).map(Uuid::into_bytes).map_err(StoreError::step("read an id"))
}

fn public_key(row: &PgRow) -> Result<PublicKey, StoreError> {
    let bytes: Vec<u8> = row.try_get("public_key").map_err(StoreError::step("read a hub's key"))?;
    let length = KeyLength(bytes.len());
    bytes.try_into().map(PublicKey).map_err(|_| StoreError::content("a hub's key")(length))
}

/// Keeps a challenge for so long.
///
/// # Errors
/// The database cannot do it now.
pub async fn challenge(
    tx: &mut DoorTx,
    nonce: &[u8; 32],
    hub: HubId,
    valid_ms: i64,
) -> Result<(), StoreError> {
    query("SELECT door.challenge($1, $2, $3)")
        .bind(&nonce[..])
        .bind(Uuid::from_bytes(*hub.as_bytes()))
        .bind(valid_ms)
        .execute(tx.connection())
        .await
        .map_err(StoreError::step("keep a challenge"))?;
    Ok(())
}

/// Takes a challenge away and says whose hub wants to answer it; `None` for a hub that nobody enrolled.
///
/// The caller commits whatever it decides: a challenge is gone once it was answered, rightly or wrongly.
///
/// # Errors
/// The database cannot do it now.
pub async fn answer(tx: &mut DoorTx, nonce: &[u8; 32], hub: HubId) -> Result<Option<Answer>, StoreError> {
    let row = query("SELECT organization_id, public_key, challenge_was_open FROM door.answer($1, $2)")
        .bind(&nonce[..])
        .bind(Uuid::from_bytes(*hub.as_bytes()))
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("take a challenge"))?;
    let Some(row) = row else { return Ok(None) };
    let was_open = row.try_get("challenge_was_open").map_err(StoreError::step("read a challenge"))?;
    let challenge = if was_open { Challenge::Open } else { Challenge::Gone };
    let organization = OrganizationId::from_bytes(id(&row, "organization_id")?);
    Ok(Some(Answer { organization, key: public_key(&row)?, challenge }))
}

/// Who speaks under a token; `None` if it is unknown or no longer good.
///
/// # Errors
/// The database cannot do it now.
pub async fn session(tx: &mut DoorTx, token: SecretHash) -> Result<Option<Session>, StoreError> {
    let row = query("SELECT organization_id, hub_id, epoch, public_key FROM door.session($1)")
        .bind(&token.0[..])
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("look up a session"))?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(Session {
        organization: OrganizationId::from_bytes(id(&row, "organization_id")?),
        hub: HubId::from_bytes(id(&row, "hub_id")?),
        epoch: EpochId::from_bytes(id(&row, "epoch")?),
        key: public_key(&row)?,
    }))
}

/// What a claim code is good for in the hands of a hub; `None` if it is unknown, expired or used by another.
///
/// # Errors
/// The database cannot do it now.
pub async fn claim(tx: &mut DoorTx, code: SecretHash, hub: HubId) -> Result<Option<Claim>, StoreError> {
    let row = query("SELECT organization_id, site_id, was_used FROM door.claim($1, $2)")
        .bind(&code.0[..])
        .bind(Uuid::from_bytes(*hub.as_bytes()))
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("look up a claim code"))?;
    let Some(row) = row else { return Ok(None) };
    let was_used = row.try_get("was_used").map_err(StoreError::step("read a claim code"))?;
    Ok(Some(Claim {
        organization: OrganizationId::from_bytes(id(&row, "organization_id")?),
        site: SiteId::from_bytes(id(&row, "site_id")?),
        used: if was_used { Use::BySameHub } else { Use::Unused },
    }))
}

/// Who speaks under an API key; `None` if it is unknown, expired or revoked.
///
/// # Errors
/// The database cannot do it now.
pub async fn api_key(tx: &mut DoorTx, key: SecretHash) -> Result<Option<ApiKey>, StoreError> {
    let row = query("SELECT organization_id, credential_id, role FROM door.api_key($1)")
        .bind(&key.0[..])
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("look up an API key"))?;
    let Some(row) = row else { return Ok(None) };
    let word: String = row.try_get("role").map_err(StoreError::step("read a role"))?;
    Ok(Some(ApiKey {
        organization: OrganizationId::from_bytes(id(&row, "organization_id")?),
        credential: Uuid::from_bytes(id(&row, "credential_id")?),
        role: word.parse().map_err(StoreError::content::<UnknownRole>("a role"))?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_reads_back_from_its_word() {
        for role in Role::ALL {
            assert_eq!(role.word().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.word());
        }
        assert!("god".parse::<Role>().is_err());
    }
}
