//! Callers: who asks, and the one way from a request to the rows of an organization.
//!
//! Owns keys as they stand in a request. A [`Caller`] exists only after the database has known the key, and is the only
//! thing from which a handler gets a transaction: a route that forgets to ask who is calling can show nothing. The key is
//! looked up and the question answered in one transaction, so that a key revoked in between opens nothing. Every role of
//! a key may look, and there is nothing here to do but look.

use super::problem::ApiError;
use crate::counters::Count;
use crate::store::doors::{self, SecretHash};
use crate::store::{Database, Duty, TenantTx};
use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use std::sync::Arc;
use utoipa::openapi::OpenApi;

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

/// Someone whose key is good, and the transaction in which that was seen.
#[derive(Debug)]
pub struct Caller {
    transaction: TenantTx,
}

impl Caller {
    /// The transaction of the caller's organization.
    pub fn transaction(&mut self) -> &mut TenantTx {
        &mut self.transaction
    }
    /// Ends the transaction, so that its connection is free before the answer is written.
    ///
    /// # Errors
    /// The database was lost meanwhile.
    pub async fn done(self) -> Result<(), ApiError> {
        Ok(self.transaction.commit().await?)
    }
}

impl FromRequestParts<ApiState> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let refused = || {
            Count::TokensRefused.one();
            ApiError::Key
        };
        let key = key(&parts.headers).ok_or_else(refused)?;
        let mut door = state.database.door(Duty::App).await?;
        let known = doors::api_key(&mut door, SecretHash::of(key.as_bytes())).await?.ok_or_else(refused)?;
        let transaction = door.into_tenant(known.organization).await?;
        Ok(Self { transaction })
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
