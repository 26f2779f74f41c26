//! The store: the only place of the cloud where SQL stands.
//!
//! Owns the connections and the one form in which statements reach the database: inside an explicit transaction, with
//! unnamed statements. Behind a pooler in transaction mode any other form can be answered with another client's
//! statement. A transaction is made for one duty and takes only that duty's role, for its own time.

pub mod adoption;
pub mod alerts;
pub mod assignments;
pub mod audit;
pub mod commands;
pub mod configuration;
pub mod desired;
pub mod door_events;
pub mod doors;
pub mod event_log;
pub mod events;
pub mod export;
pub mod fleet;
pub mod live;
pub mod manual_logs;
pub mod marks;
pub mod migrate;
pub mod operators;
pub mod partitions;
pub mod people;
pub mod readings;
pub mod rollups;
pub mod rule_row;
pub mod rules;
pub mod safety;
pub mod seals;
pub mod sign_in;
pub mod streams;
pub mod tenant;
pub mod views;

pub use tenant::{DoorTx, TenantTx};

use crate::clock;
use crate::entropy::{self, EntropyError};
use frostguard_shared::chain::Hash;
use frostguard_shared::ids::OrganizationId;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres};
use std::str::FromStr;
use std::time::Duration;
use thiserror::Error;

/// Something with the database went wrong.
#[derive(Debug, Error)]
pub enum StoreError {
    /// `DATABASE_URL` is no address of a database. Stop.
    #[error("the database's address (DATABASE_URL) cannot be used")]
    Url(#[source] sqlx::Error),
    /// A step failed. Whoever asked may try again; nothing of the transaction was taken.
    #[error("the database could not {step}")]
    Step {
        /// What was tried.
        step: &'static str,
        /// Why not.
        #[source]
        source: sqlx::Error,
    },
    /// A row holds what it never should. Report it; trying again is useless.
    #[error("the database holds {what} that cannot be read")]
    Content {
        /// What.
        what: &'static str,
        /// Why not.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    pub(crate) fn step(step: &'static str) -> impl FnOnce(sqlx::Error) -> Self {
        move |source| Self::Step { step, source }
    }

    pub(crate) fn content<E: std::error::Error + Send + Sync + 'static>(
        what: &'static str,
    ) -> impl FnOnce(E) -> Self {
        move |source| Self::Content { what, source: Box::new(source) }
    }

    /// A value is missing that cannot be.
    pub(crate) fn hole(what: &'static str) -> Self {
        Self::Content { what, source: "it is not there".into() }
    }

    /// True if the database refuses what it was given (SQLSTATE classes 22 and 23): the same again would be refused again.
    pub fn is_of_data(&self) -> bool {
        self.code().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }

    /// The SQLSTATE, if the database gave one.
    pub fn code(&self) -> Option<String> {
        match self {
            Self::Step { source, .. } => source.as_database_error()?.code().map(|code| code.into_owned()),
            Self::Url(_) | Self::Content { .. } => None,
        }
    }
}

pub(crate) fn uuid(bytes: &[u8; 16]) -> uuid::Uuid {
    uuid::Uuid::from_bytes(*bytes)
}

/// An id for a row that only the cloud makes.
pub(crate) fn new_id() -> Result<uuid::Uuid, EntropyError> {
    let unix_ms = clock::now().0.max(0) as u64;
    Ok(uuid::Builder::from_unix_timestamp_millis(unix_ms, &entropy::bytes()?).into_uuid())
}

pub(crate) fn hash(bytes: &[u8]) -> Result<Hash, StoreError> {
    bytes.try_into().map(Hash).map_err(StoreError::content("a hash"))
}

/// A statement in the one allowed form.
pub(crate) fn query(sql: &'static str) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(sql).persistent(false)
}

/// What a transaction is for; it decides what it may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Duty {
    /// Serves people.
    App,
    /// Takes the hubs' record.
    Ingest,
    /// Does what an operator has typed; the service's own login cannot.
    Operator,
}

impl Duty {
    const fn role(self) -> &'static str {
        match self {
            Self::App => "fg_app",
            Self::Ingest => "fg_ingest",
            Self::Operator => "fg_operator",
        }
    }
}

/// What opens a transaction.
fn begin(duty: Duty, organization: Option<OrganizationId>) -> String {
    opened_by("BEGIN", duty, organization)
}

/// The same with another first word. The id is rendered by its own type; nothing of it comes from outside.
fn opened_by(how: &str, duty: Duty, organization: Option<OrganizationId>) -> String {
    let role = format!("{how}; SET LOCAL ROLE {}", duty.role());
    match organization {
        Some(organization) => format!("{role}; SELECT set_config('app.org_id', '{organization}', true)"),
        None => role,
    }
}

/// The database, or the pooler before it.
#[derive(Clone, Debug)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// A pool of at most so many connections; the first is made when it is needed.
    ///
    /// # Errors
    /// The address cannot be used.
    pub fn connect(url: &str, connections: u32) -> Result<Self, StoreError> {
        // A pooler refuses a start-up parameter that it does not know.
        let options = PgConnectOptions::from_str(url).map_err(StoreError::Url)?.extra_float_digits(None);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(Duration::from_secs(10))
            // The usual test would be a statement outside a transaction.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Connects once and goes again: a pool that cannot connect says only that it has waited.
    ///
    /// # Errors
    /// Nothing answers at the address, or it does not let this login in.
    pub async fn reach(&self) -> Result<(), StoreError> {
        let connection = PgConnection::connect_with(&self.pool.connect_options()).await;
        let connection = connection.map_err(StoreError::step("be reached"))?;
        connection.close().await.map_err(StoreError::step("be left"))
    }

    /// A transaction of one organization.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn tenant(&self, organization: OrganizationId, duty: Duty) -> Result<TenantTx, StoreError> {
        let begin = begin(duty, Some(organization));
        let transaction =
            self.pool.begin_with(AssertSqlSafe(begin)).await.map_err(StoreError::step("begin"))?;
        Ok(TenantTx::of(transaction, organization))
    }

    /// The same for reading alone, where everything is seen as it stood when the first of it was read.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn tenant_as_it_stands(
        &self,
        organization: OrganizationId,
        duty: Duty,
    ) -> Result<TenantTx, StoreError> {
        let begin = opened_by("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", duty, Some(organization));
        let transaction =
            self.pool.begin_with(AssertSqlSafe(begin)).await.map_err(StoreError::step("begin"))?;
        Ok(TenantTx::of(transaction, organization))
    }

    /// A transaction that knows no organization yet: it can only go through doors.
    ///
    /// # Errors
    /// The database cannot be reached.
    pub async fn door(&self, duty: Duty) -> Result<DoorTx, StoreError> {
        let begin = begin(duty, None);
        let transaction =
            self.pool.begin_with(AssertSqlSafe(begin)).await.map_err(StoreError::step("begin"))?;
        Ok(DoorTx::of(transaction))
    }

    /// Closes every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }
}
