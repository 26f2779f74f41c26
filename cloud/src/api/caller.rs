//! Callers: who asks, and the one way from a request to the rows of an organization.
//!
//! Owns keys as they stand in a request. A [`Caller`] exists only after the database has known the key, and is the only
//! thing from which a handler gets a transaction: a route that forgets to ask who is calling can show nothing. It is a
//! caller of one right, so that a route says by its type what it needs, and whoever may not do that gets no caller at
//! all. The key is looked up and the question answered in one transaction, so that a key revoked in between opens nothing.

use super::problem::ApiError;
use super::right::Permission;
use crate::counters::Count;
use crate::store::doors::{self, Role, SecretHash};
use crate::store::{Database, Duty, TenantTx};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use frostguard_shared::ids::PersonId;
use std::marker::PhantomData;
use std::sync::Arc;
use utoipa::openapi::OpenApi;
use uuid::Uuid;

/// Longest key that is looked up.
const KEY_MAX: usize = 128;

/// What the routes are given. The database in it is for [`Caller`] alone.
#[derive(Clone)]
pub struct ApiState {
    database: Database,
    document: Arc<str>,
}

impl ApiState {
    pub(super) fn new(database: Database, document: &OpenApi) -> Self {
        // The document is made of strings, numbers and maps with string keys: all that JSON has words for.
        let document = document.to_json().unwrap_or_default();
        Self { database, document: document.into() }
    }
    pub(super) fn document(&self) -> String {
        self.document.to_string()
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

/// Someone who is known and has the right `P`, and the transaction in which that was seen.
#[derive(Debug)]
pub struct Caller<P: Permission> {
    transaction: TenantTx,
    actor: Actor,
    role: Role,
    right: PhantomData<P>,
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
        let refused = || {
            Count::TokensRefused.one();
            ApiError::Key
        };
        let key = key(&parts.headers).ok_or_else(refused)?;
        let mut door = state.database.door(Duty::App).await?;
        let known = doors::api_key(&mut door, SecretHash::of(key.as_bytes())).await?.ok_or_else(refused)?;
        if !P::RIGHT.is_of(known.role) {
            return Err(ApiError::Right);
        }
        let transaction = door.into_tenant(known.organization).await?;
        let actor = Actor::Key(known.credential);
        Ok(Self { transaction, actor, role: known.role, right: PhantomData })
    }
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
