//! Callers: who asks, and the one way from a request to the rows of an organization.
//!
//! Owns keys and sessions as they stand in a request. A [`Caller`] exists only after the database has known the key or the
//! session's token, and is the only thing from which a handler gets a transaction: a route that forgets to ask who is
//! calling can show nothing. It is a caller of one right, so that a route says by its type what it needs, and whoever may
//! not do that gets no caller at all. Looking up and answering are one transaction, so that a key revoked in between opens
//! nothing. A session is sent by a browser whoever made it ask: what changes something must come from the cloud's own page.

use super::cookie;
use super::origin::OwnAddress;
use super::problem::ApiError;
use super::right::Permission;
use crate::counters::Count;
use crate::sign_in::SignIn;
use crate::store::audit::By;
use crate::store::doors::{self, Role, SecretHash};
use crate::store::views::At;
use crate::store::{Database, DoorTx, Duty, TenantTx, sign_in};
use crate::watch::{Pace, Watch};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use frostguard_shared::ids::{OrganizationId, PersonId};
use frostguard_shared::signature::SecretKey;
use std::marker::PhantomData;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

/// Longest key that is looked up.
const KEY_MAX: usize = 128;

/// What the routes are given. The database in it is for [`Caller`] and for signing in.
#[derive(Clone)]
pub struct ApiState {
    database: Database,
    own: Arc<OwnAddress>,
    key: Arc<SecretKey>,
    sign_in: SignIn,
    watch: Watch,
    document: Arc<str>,
}

impl ApiState {
    /// Over a database, at the cloud's own address, with the key by which hubs know what is desired of them, telling what
    /// changes at this pace.
    pub fn new(database: Database, own: OwnAddress, key: Arc<SecretKey>, pace: Pace) -> Self {
        let sign_in = SignIn::new(database.clone());
        let watch = Watch::new(database.clone(), pace);
        Self { database, own: own.into(), key, sign_in, watch, document: "".into() }
    }
    /// Who watches what changes.
    pub fn watch(&self) -> &Watch {
        &self.watch
    }
    pub(super) fn described_by(self, document: &OpenApi) -> Self {
        // The document is made of strings, numbers and maps with string keys: all that JSON has words for.
        Self { document: document.to_json().unwrap_or_default().into(), ..self }
    }
    pub(super) fn document(&self) -> String {
        self.document.to_string()
    }
    pub(super) fn database(&self) -> &Database {
        &self.database
    }
    pub(super) fn key(&self) -> &SecretKey {
        &self.key
    }
    pub(super) fn own(&self) -> &OwnAddress {
        &self.own
    }
    pub(super) fn sign_in(&self) -> &SignIn {
        &self.sign_in
    }
}

/// Who acts, as the record of it names them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Actor {
    /// A person, as a member of the organization: `profiles.id`.
    Person(PersonId),
    /// A program, by the id of its key: `credentials.id`.
    Key(Uuid),
}

impl From<Actor> for By {
    fn from(actor: Actor) -> Self {
        match actor {
            Actor::Person(person) => Self::Person(person),
            Actor::Key(key) => Self::Key(key),
        }
    }
}

/// Someone who is known and has the right `P`, and the transaction in which that was seen.
#[derive(Debug)]
pub struct Caller<P: Permission> {
    transaction: TenantTx,
    actor: Actor,
    role: Role,
    secret: SecretHash,
    session_ends: Option<At>,
    right: PhantomData<P>,
}

/// Somebody who is known, whatever they may do.
struct Known {
    organization: OrganizationId,
    actor: Actor,
    role: Role,
    secret: SecretHash,
    session_ends: Option<At>,
}

impl<P: Permission> Caller<P> {
    /// The transaction of the caller's organization.
    pub fn transaction(&mut self) -> &mut TenantTx {
        &mut self.transaction
    }
    /// Who it is.
    pub fn actor(&self) -> Actor {
        self.actor
    }
    /// Their role in the organization.
    pub fn role(&self) -> Role {
        self.role
    }
    /// What the database knows the key or the token by.
    pub(super) fn secret(&self) -> SecretHash {
        self.secret
    }
    /// When the session ends; a key has none.
    pub(super) fn session_ends(&self) -> Option<At> {
        self.session_ends
    }
    /// Ends the transaction, so that its connection is free before the answer is written. What was changed in it is
    /// durable then.
    ///
    /// # Errors
    /// The database was lost meanwhile.
    pub async fn done(self) -> Result<(), ApiError> {
        Ok(self.transaction.commit().await?)
    }
}

impl<P: Permission> FromRequestParts<ApiState> for Caller<P> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let mut door = state.database.door(Duty::App).await?;
        let known = if parts.headers.contains_key(AUTHORIZATION) {
            of_key(&mut door, &parts.headers).await?
        } else if state.own.takes(&parts.method, &parts.headers) {
            of_session(&mut door, &parts.headers).await?
        } else {
            return Err(ApiError::Origin);
        };
        let Some(Known { organization, actor, role, secret, session_ends }) = known else {
            Count::TokensRefused.one();
            return Err(ApiError::Key);
        };
        if !P::RIGHT.is_of(role) {
            return Err(ApiError::Right);
        }
        let transaction = door.into_tenant(organization).await?;
        Ok(Self { transaction, actor, role, secret, session_ends, right: PhantomData })
    }
}

async fn of_key(door: &mut DoorTx, headers: &HeaderMap) -> Result<Option<Known>, ApiError> {
    let Some(key) = key(headers) else { return Ok(None) };
    let secret = SecretHash::of(key.as_bytes());
    let known = doors::api_key(door, secret).await?;
    Ok(known.map(|known| Known {
        organization: known.organization,
        actor: Actor::Key(known.credential),
        role: known.role,
        secret,
        session_ends: None,
    }))
}

async fn of_session(door: &mut DoorTx, headers: &HeaderMap) -> Result<Option<Known>, ApiError> {
    let Some(token) = cookie::token(headers) else { return Ok(None) };
    let secret = token.hash();
    let known = sign_in::session(door, secret).await?;
    Ok(known.map(|known| Known {
        organization: known.organization,
        actor: Actor::Person(known.person),
        role: known.role,
        secret,
        session_ends: Some(At::of_ms(known.ends.0)),
    }))
}

/// The one key of a request, if it has the form of one.
fn key(headers: &HeaderMap) -> Option<&str> {
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let only = given.next().filter(|_| given.next().is_none())?;
    let (scheme, key) = only.to_str().ok()?.split_once(' ')?;
    let is_key = scheme.eq_ignore_ascii_case("bearer") && key.starts_with("fg_") && key.len() <= KEY_MAX;
    is_key.then_some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(values: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_one_key_of_a_request_is_found() {
        assert_eq!(key(&with(&["Bearer fg_abc"])), Some("fg_abc"));
        assert_eq!(key(&with(&["bearer fg_abc"])), Some("fg_abc"));
    }

    #[test]
    fn what_is_no_key_is_not_looked_up() {
        let long = format!("Bearer fg_{}", "x".repeat(KEY_MAX));
        for values in [
            &[][..],
            &["Bearer"],
            &["Bearer abc"],
            &["Basic fg_abc"],
            &["fg_abc"],
            &["Bearer  fg_abc"],
            &["Bearer fg_a", "Bearer fg_b"],
            &[&long],
        ] {
            assert_eq!(key(&with(values)), None, "{values:?}");
        }
    }
}
