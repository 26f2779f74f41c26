//! Signing in: the doors for people, as [`doors`](super::doors) has those for hubs and keys.
//!
//! Owns tries, users and sessions as whoever serves may touch them: by functions that know a mail or a secret, never as
//! tables. A token and a tried mail come here as their SHA-256. It decides nothing: how many tries are too many, and
//! whether a password is right, is known elsewhere.

use super::doors::{Role, SecretHash, UnknownRole};
use super::{DoorTx, StoreError, TenantTx, query};
use frostguard_shared::ids::{OrganizationId, PersonId};
use frostguard_shared::time::WallMs;
use sqlx::Row;
use sqlx::postgres::PgRow;
use uuid::Uuid;

/// How long a session lasts without being used.
pub const IDLE_MS: i64 = 12 * 3_600_000;
/// How long it lasts at most.
pub const SESSION_MS: i64 = 7 * 86_400_000;

/// The tries of a mail so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tries {
    /// Tries since the last good one.
    pub failed: u32,
    /// Milliseconds since the last of them.
    pub idle_ms: i64,
    /// Milliseconds for which no other is taken; none if it is not positive.
    pub locked_ms: i64,
}

/// A user and what their password is compared with.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    /// Their id, `profiles.user_id` of each membership.
    pub id: Uuid,
    /// The hash in PHC form.
    pub password_hash: String,
}

/// A user's membership of an organization.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    /// The organization.
    pub organization: OrganizationId,
    /// Its short name.
    pub slug: String,
    /// Its name.
    pub name: String,
    /// The user as its member.
    pub person: PersonId,
    /// What they may do there.
    pub role: Role,
}

/// Who speaks in a session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PersonSession {
    /// The organization that they signed in to.
    pub organization: OrganizationId,
    /// The person as its member.
    pub person: PersonId,
    /// What they may do.
    pub role: Role,
    /// When it ends if it is not used before.
    pub ends: WallMs,
}

/// From where somebody tries.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Whence {
    /// The address that it came from.
    pub address: String,
    /// What the program says that it is.
    pub agent: String,
}

fn read<V>(row: &PgRow, column: &str) -> Result<V, StoreError>
where
    V: for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    row.try_get(column).map_err(StoreError::step("read who signs in"))
}

fn role(row: &PgRow) -> Result<Role, StoreError> {
    let word: String = read(row, "role")?;
    word.parse().map_err(StoreError::content::<UnknownRole>("a role"))
}

/// The tries of a mail, held until the transaction ends.
///
/// # Errors
/// The database cannot do it now.
pub async fn tries(tx: &mut DoorTx, mail: SecretHash) -> Result<Tries, StoreError> {
    let row = query("SELECT failed, idle_ms, locked_ms FROM door.tries($1)")
        .bind(&mail.0[..])
        .fetch_one(tx.connection())
        .await
        .map_err(StoreError::step("look up tries"))?;
    Ok(Tries {
        failed: read::<i32>(&row, "failed")?.max(0).unsigned_abs(),
        idle_ms: read(&row, "idle_ms")?,
        locked_ms: read(&row, "locked_ms")?,
    })
}

/// Counts a try, and locks the mail for so long.
///
/// # Errors
/// The database cannot do it now.
pub async fn count_try(
    tx: &mut DoorTx,
    mail: SecretHash,
    failed: u32,
    lock_ms: i64,
) -> Result<(), StoreError> {
    query("SELECT door.count_try($1, $2, $3)")
        .bind(&mail.0[..])
        .bind(i32::try_from(failed).unwrap_or(i32::MAX))
        .bind(lock_ms)
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("count a try"))
}

/// Forgets the tries of a mail.
///
/// # Errors
/// The database cannot do it now.
pub async fn forgive_tries(tx: &mut DoorTx, mail: SecretHash) -> Result<(), StoreError> {
    query("SELECT door.forgive_tries($1)")
        .bind(&mail.0[..])
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("forgive tries"))
}

/// Whose mail this is; `None` if nobody has it.
///
/// # Errors
/// The database cannot do it now.
pub async fn user_of(tx: &mut DoorTx, mail: &str) -> Result<Option<User>, StoreError> {
    let row = query("SELECT user_id, password_hash FROM door.user_of($1)")
        .bind(mail)
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("look up a user"))?;
    row.map(|row| Ok(User { id: read(&row, "user_id")?, password_hash: read(&row, "password_hash")? }))
        .transpose()
}

/// Notes in each of their organizations that somebody did not know this user's password. For nobody it does the same
/// and notes nothing.
///
/// # Errors
/// The database cannot do it now.
pub async fn note_failed_try(tx: &mut DoorTx, user: Option<Uuid>, from: &Whence) -> Result<(), StoreError> {
    query("SELECT door.note_failed_try($1, $2, $3)")
        .bind(user)
        .bind(&from.address)
        .bind(&from.agent)
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("note a failed try"))
}

/// The organizations that a user is a member of, by their short names.
///
/// # Errors
/// The database cannot do it now.
pub async fn memberships(tx: &mut DoorTx, user: Uuid) -> Result<Vec<Membership>, StoreError> {
    let rows = query("SELECT organization_id, slug, name, profile_id, role FROM door.memberships($1)")
        .bind(user)
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("list memberships"))?;
    let one = |row: &PgRow| {
        Ok(Membership {
            organization: OrganizationId::from_bytes(read::<Uuid>(row, "organization_id")?.into_bytes()),
            slug: read(row, "slug")?,
            name: read(row, "name")?,
            person: PersonId::from_bytes(read::<Uuid>(row, "profile_id")?.into_bytes()),
            role: role(row)?,
        })
    };
    rows.iter().map(one).collect()
}

/// Opens a session of a user in one of their organizations.
///
/// # Errors
/// The database cannot do it now.
pub async fn open_session(
    tx: &mut DoorTx,
    token: SecretHash,
    user: Uuid,
    organization: OrganizationId,
) -> Result<(), StoreError> {
    query("SELECT door.open_session($1, $2, $3, $4)")
        .bind(&token.0[..])
        .bind(user)
        .bind(Uuid::from_bytes(*organization.as_bytes()))
        .bind(SESSION_MS)
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("open a session"))
}

/// Who speaks in a session; `None` if it is unknown or over. Asking is using.
///
/// # Errors
/// The database cannot do it now.
pub async fn session(tx: &mut DoorTx, token: SecretHash) -> Result<Option<PersonSession>, StoreError> {
    let row = query("SELECT organization_id, profile_id, role, ends_ms FROM door.person_session($1, $2)")
        .bind(&token.0[..])
        .bind(IDLE_MS)
        .fetch_optional(tx.connection())
        .await
        .map_err(StoreError::step("look up a session"))?;
    let Some(row) = row else { return Ok(None) };
    Ok(Some(PersonSession {
        organization: OrganizationId::from_bytes(read::<Uuid>(&row, "organization_id")?.into_bytes()),
        person: PersonId::from_bytes(read::<Uuid>(&row, "profile_id")?.into_bytes()),
        role: role(&row)?,
        ends: WallMs(read(&row, "ends_ms")?),
    }))
}

/// Ends a session, if there is one of this token.
///
/// # Errors
/// The database cannot do it now.
pub async fn end_session(tx: &mut TenantTx, token: SecretHash) -> Result<(), StoreError> {
    query("SELECT door.end_session($1)")
        .bind(&token.0[..])
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(StoreError::step("end a session"))
}

/// Which of these keys and tokens are still good.
///
/// # Errors
/// The database cannot do it now.
pub async fn still_good(tx: &mut DoorTx, secrets: &[SecretHash]) -> Result<Vec<SecretHash>, StoreError> {
    let rows = query("SELECT secret_hash FROM door.still_good($1, $2)")
        .bind(secrets.iter().map(|secret| secret.0.to_vec()).collect::<Vec<_>>())
        .bind(IDLE_MS)
        .fetch_all(tx.connection())
        .await
        .map_err(StoreError::step("look up whoever looks on"))?;
    let one = |row: &PgRow| {
        let bytes: Vec<u8> = read(row, "secret_hash")?;
        bytes.try_into().map(SecretHash).map_err(|_| StoreError::hole("a hash of 32 bytes"))
    };
    rows.iter().map(one).collect()
}
