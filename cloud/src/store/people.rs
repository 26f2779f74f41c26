//! People as members of an organization: who is signed in, what they like, what they did, and who is a member.
//!
//! Owns `profiles` and `user_roles` as sign-in and an operator's commands need them. A member who goes leaves their
//! profile behind without mail and login, because the record names it.

use super::doors::{Role, SecretHash, UnknownRole};
use super::sign_in::Whence;
use super::{StoreError, TenantTx, query, uuid};
use frostguard_shared::ids::PersonId;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use utoipa::ToSchema;
use uuid::Uuid;

/// The unit in which a person sees temperatures.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, ToSchema)]
pub enum TempUnit {
    /// Degrees Celsius.
    C,
    /// Degrees Fahrenheit.
    F,
}

impl TempUnit {
    /// Its word in the database.
    pub const fn word(self) -> &'static str {
        match self {
            Self::C => "C",
            Self::F => "F",
        }
    }
}

/// Somebody who is signed in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignedIn {
    /// Their name; empty if none was given.
    pub name: String,
    /// Their mail.
    pub email: String,
    /// The organization's name.
    pub organization: String,
    /// Its short name.
    pub slug: String,
    /// How they see temperatures.
    pub temp_unit: TempUnit,
}

/// A member of an organization who can sign in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    /// The member's id.
    pub person: PersonId,
    /// The user's.
    pub user: Uuid,
    /// Their name.
    pub name: String,
    /// Their mail.
    pub email: String,
    /// What they may do.
    pub role: Role,
}

/// What a person did that is written down.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Did {
    /// They signed in.
    SignIn,
    /// They signed out.
    SignOut,
}

impl Did {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::SignIn => ("person.signed_in", "signed in"),
            Self::SignOut => ("person.signed_out", "signed out"),
        }
    }
}

/// Who is signed in; `None` if the organization has no such member.
///
/// # Errors
/// The database cannot do it now.
pub async fn signed_in(tx: &mut TenantTx, person: PersonId) -> Result<Option<SignedIn>, StoreError> {
    let step = "show who is signed in";
    let row = query(
        "SELECT coalesce(p.full_name, '') AS name, coalesce(p.email, '') AS email, p.temp_unit::text AS temp_unit,
                o.name AS organization, o.slug
         FROM profiles p JOIN organizations o ON o.id = p.organization_id
         WHERE p.organization_id = $1 AND p.id = $2",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(person.as_bytes()))
    .fetch_optional(tx.connection())
    .await
    .map_err(StoreError::step(step))?;
    let Some(row) = row else { return Ok(None) };
    let read = || -> Result<_, sqlx::Error> {
        let word: String = row.try_get("temp_unit")?;
        Ok(SignedIn {
            name: row.try_get("name")?,
            email: row.try_get("email")?,
            organization: row.try_get("organization")?,
            slug: row.try_get("slug")?,
            temp_unit: if word == TempUnit::F.word() { TempUnit::F } else { TempUnit::C },
        })
    };
    read().map(Some).map_err(StoreError::step(step))
}

/// Keeps how a person sees temperatures.
///
/// # Errors
/// The database cannot do it now.
pub async fn set_temp_unit(tx: &mut TenantTx, person: PersonId, unit: TempUnit) -> Result<(), StoreError> {
    query(
        "UPDATE profiles SET temp_unit = $3::text::temp_unit, updated_at = now()
         WHERE organization_id = $1 AND id = $2",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(person.as_bytes()))
    .bind(unit.word())
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("keep how a person sees temperatures"))
}

/// Writes down what a person did.
///
/// # Errors
/// The database cannot do it now.
pub async fn note(tx: &mut TenantTx, person: PersonId, did: Did, from: &Whence) -> Result<(), StoreError> {
    let (kind, title) = did.words();
    query(
        "INSERT INTO event_logs (organization_id, actor_id, actor_type, event_type, category, severity, title,
                                 ip_address, user_agent)
         VALUES ($1, $2, 'user', $3, 'access', 'info', $4, left($5, 45), left($6, 256))",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .bind(uuid(person.as_bytes()))
    .bind(kind)
    .bind(title)
    .bind(&from.address)
    .bind(&from.agent)
    .execute(tx.connection())
    .await
    .map(|_| ())
    .map_err(StoreError::step("write down what a person did"))
}

/// What became of somebody who was to be a member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Added {
    /// They are one now.
    Member(PersonId),
    /// They are one already.
    Already,
}

/// The user of a mail, made with this password if nobody has it; gives the user's id, which is the new one if it was made.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn add_user(
    tx: &mut TenantTx,
    new: Uuid,
    mail: &str,
    password_hash: &str,
) -> Result<Uuid, StoreError> {
    query("SELECT user_id FROM door.add_user($1, $2, $3)")
        .bind(new)
        .bind(mail)
        .bind(password_hash)
        .fetch_one(tx.connection())
        .await
        .and_then(|row| row.try_get("user_id"))
        .map_err(StoreError::step("make a user"))
}

/// The user who has this mail; `None` if nobody has.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn user(tx: &mut TenantTx, mail: &str) -> Result<Option<Uuid>, StoreError> {
    query("SELECT user_id FROM door.user_of($1)")
        .bind(mail)
        .fetch_optional(tx.connection())
        .await
        .and_then(|row| row.map(|row| row.try_get("user_id")).transpose())
        .map_err(StoreError::step("look up a user"))
}

/// Makes a user a member of the organization.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn add_member(tx: &mut TenantTx, member: &Member, role_id: Uuid) -> Result<Added, StoreError> {
    let step = "make a member";
    let organization = uuid(tx.organization().as_bytes());
    let made = query(
        "INSERT INTO user_roles (id, user_id, organization_id, role) VALUES ($1, $2, $3, $4::text::app_role)
         ON CONFLICT (user_id, organization_id) DO NOTHING",
    )
    .bind(role_id)
    .bind(member.user)
    .bind(organization)
    .bind(member.role.word())
    .execute(tx.connection())
    .await
    .map_err(StoreError::step(step))?;
    if made.rows_affected() == 0 {
        return Ok(Added::Already);
    }
    query(
        "INSERT INTO profiles (id, user_id, organization_id, email, full_name) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(uuid(member.person.as_bytes()))
    .bind(member.user)
    .bind(organization)
    .bind(&member.email)
    .bind(&member.name)
    .execute(tx.connection())
    .await
    .map_err(StoreError::step(step))?;
    Ok(Added::Member(member.person))
}

/// The members of the organization who can sign in, by their mail.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn members(tx: &mut TenantTx) -> Result<Vec<Member>, StoreError> {
    let step = "list the members";
    let rows = query(
        "SELECT p.id, p.user_id, coalesce(p.full_name, '') AS name, coalesce(p.email, '') AS email, r.role::text AS role
         FROM profiles p JOIN user_roles r ON r.organization_id = p.organization_id AND r.user_id = p.user_id
         WHERE p.organization_id = $1 ORDER BY lower(p.email), p.id",
    )
    .bind(uuid(tx.organization().as_bytes()))
    .fetch_all(tx.connection())
    .await
    .map_err(StoreError::step(step))?;
    rows.iter()
        .map(|row| {
            let word: String = row.try_get("role").map_err(StoreError::step(step))?;
            let person: Uuid = row.try_get("id").map_err(StoreError::step(step))?;
            Ok(Member {
                person: PersonId::from_bytes(person.into_bytes()),
                user: row.try_get("user_id").map_err(StoreError::step(step))?,
                name: row.try_get("name").map_err(StoreError::step(step))?,
                email: row.try_get("email").map_err(StoreError::step(step))?,
                role: word.parse().map_err(StoreError::content::<UnknownRole>("a role"))?,
            })
        })
        .collect()
}

/// Ends a membership: the sessions, the role, and at the profile login and mail. A user who is no member of anything
/// any more is forgotten.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn remove_member(tx: &mut TenantTx, user: Uuid) -> Result<(), StoreError> {
    let step = StoreError::step;
    let organization = uuid(tx.organization().as_bytes());
    query("DELETE FROM user_roles WHERE organization_id = $1 AND user_id = $2")
        .bind(organization)
        .bind(user)
        .execute(tx.connection())
        .await
        .map_err(step("end a membership"))?;
    query(
        "UPDATE profiles SET user_id = NULL, email = NULL, updated_at = now()
         WHERE organization_id = $1 AND user_id = $2",
    )
    .bind(organization)
    .bind(user)
    .execute(tx.connection())
    .await
    .map_err(step("end a membership"))?;
    query("SELECT door.forget_user($1, $2)")
        .bind(user)
        .bind(organization)
        .execute(tx.connection())
        .await
        .map(|_| ())
        .map_err(step("end the sessions of a membership"))
}

/// Changes a user's password and ends all of their sessions; false if nobody has the mail.
///
/// # Errors
/// The database cannot do it, or the login is no operator's.
pub async fn set_password(
    tx: &mut super::DoorTx,
    mail: &str,
    mail_hash: SecretHash,
    password_hash: &str,
) -> Result<bool, StoreError> {
    query("SELECT door.set_password($1, $2, $3) AS changed")
        .bind(mail)
        .bind(&mail_hash.0[..])
        .bind(password_hash)
        .fetch_one(tx.connection())
        .await
        .and_then(|row| row.try_get("changed"))
        .map_err(StoreError::step("change a password"))
}
