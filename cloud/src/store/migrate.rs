//! Migration: brings a database to this program's schema, over a connection of its own.
//!
//! Owns the embedded migrations, the partitions' first months, and the service's login. It speaks to the database
//! itself, never through a pooler: it takes a lock for as long as its connection lives. Every step can be repeated.

use super::{StoreError, query};
use crate::config::DatabaseUrl;
use sqlx::migrate::{MigrateError, Migrator};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, Connection, Row};
use std::str::FromStr;
use thiserror::Error;

static MIGRATOR: Migrator = sqlx::migrate!("../migrations/cloud");

/// Months before this one that have a partition from the beginning: the oldest history that a hub can bring.
const MONTHS_BACK: i32 = 24;
/// Months ahead of this one that have a partition.
const MONTHS_AHEAD: i32 = 3;

/// The database was not brought to the schema. Every step before the one that failed stands; run it again.
#[derive(Debug, Error)]
pub enum MigrationError {
    /// No connection.
    #[error("no connection to the database{}", hint(.0))]
    Connect(#[source] sqlx::Error),
    /// A newer program has migrated it.
    #[error(
        "the database is at a newer schema than this program knows (step {0}): install the newer program"
    )]
    Newer(i64),
    /// A migration that has run is not the one in this program.
    #[error(
        "step {0} of the schema was changed after it ran: this database and this program do not belong together"
    )]
    Changed(i64),
    /// A migration failed.
    #[error("the schema could not be brought up")]
    Migrate(#[source] MigrateError),
    /// A role of that name is more than a login of the service may be.
    #[error(
        "the role {0} is a superuser or passes by row-level security: the service needs a login of its own"
    )]
    Mighty(String),
    /// Another step failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A pooler refuses a start-up parameter that it does not know, which is how it is told here.
fn hint(fault: &sqlx::Error) -> &'static str {
    let is_pooler =
        fault.as_database_error().is_some_and(|fault| fault.message().contains("startup parameter"));
    if is_pooler { ": this is a pooler; migrate needs the database itself" } else { "" }
}

/// The version of the schema that this program needs.
pub fn version() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or(0)
}

/// A database that is being migrated.
#[derive(Debug)]
pub struct Migration {
    connection: PgConnection,
}

impl Migration {
    /// Connects.
    ///
    /// # Errors
    /// The address cannot be used, or nothing answers there.
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, MigrationError> {
        let options = PgConnectOptions::from_str(url.expose()).map_err(StoreError::Url)?;
        let connection = PgConnection::connect_with(&options).await.map_err(MigrationError::Connect)?;
        Ok(Self { connection })
    }

    /// Runs the migrations that have not run; gives the schema's version.
    ///
    /// # Errors
    /// One fails, or the database belongs to another program.
    pub async fn run(&mut self) -> Result<i64, MigrationError> {
        MIGRATOR.run(&mut self.connection).await.map_err(|fault| match fault {
            MigrateError::VersionMissing(step) => MigrationError::Newer(step),
            MigrateError::VersionMismatch(step) => MigrationError::Changed(step),
            other => MigrationError::Migrate(other),
        })?;
        // The service reads at its start how far the schema is.
        self.execute("GRANT SELECT ON _sqlx_migrations TO fg_app", "say how far the schema is").await?;
        Ok(version())
    }

    /// Makes the partitions of readings from two years back to three months ahead; gives how many were made.
    ///
    /// # Errors
    /// The database cannot do it.
    pub async fn partitions(&mut self) -> Result<i64, MigrationError> {
        let mut tx = self.connection.begin().await.map_err(StoreError::step("begin"))?;
        query("SET LOCAL ROLE fg_owner")
            .execute(&mut *tx)
            .await
            .map_err(StoreError::step("become the owner of its tables"))?;
        let made = make_partitions(&mut tx, -MONTHS_BACK, MONTHS_AHEAD).await?;
        tx.commit().await.map_err(StoreError::step("commit"))?;
        Ok(made)
    }

    /// Makes the service's login if there is none of that name, and gives it the two roles that it needs.
    ///
    /// # Errors
    /// The role is mightier than the service may be, or the database cannot do it.
    pub async fn login(&mut self, role: &str, password: Option<&str>) -> Result<(), MigrationError> {
        let known: Option<bool> =
            query("SELECT rolsuper OR rolbypassrls AS mighty FROM pg_roles WHERE rolname = $1")
                .bind(role)
                .fetch_optional(&mut self.connection)
                .await
                .and_then(|row| row.map(|row| row.try_get("mighty")).transpose())
                .map_err(StoreError::step("look up the login"))?;
        match known {
            Some(true) => return Err(MigrationError::Mighty(role.to_owned())),
            Some(false) => {}
            None => self.command("CREATE ROLE %I LOGIN NOINHERIT", role, None).await?,
        }
        self.command("GRANT fg_app, fg_ingest TO %I", role, None).await?;
        if let Some(password) = password {
            self.command("ALTER ROLE %I PASSWORD %L", role, Some(password)).await?;
        }
        Ok(())
    }

    /// Closes the connection.
    ///
    /// # Errors
    /// The database did not take the farewell; everything before stands.
    pub async fn close(self) -> Result<(), MigrationError> {
        Ok(self.connection.close().await.map_err(StoreError::step("close the connection"))?)
    }

    async fn execute(&mut self, sql: &'static str, step: &'static str) -> Result<(), StoreError> {
        query(sql).execute(&mut self.connection).await.map_err(StoreError::step(step))?;
        Ok(())
    }

    /// A command that takes no parameters, written by the database's own quoting.
    async fn command(&mut self, form: &str, role: &str, secret: Option<&str>) -> Result<(), StoreError> {
        let step = StoreError::step;
        let mut tx = self.connection.begin().await.map_err(step("begin"))?;
        // A password must not end up in the server's log. Who may not say so has no better way.
        query(
            "SELECT set_config('log_statement', 'none', true), set_config('log_min_error_statement', 'panic', true)
             FROM pg_roles WHERE rolname = current_user AND rolsuper",
        )
        .execute(&mut *tx)
        .await
        .map_err(step("keep the password out of its log"))?;
        let command: String = query("SELECT format($1, $2, $3)")
            .bind(form)
            .bind(role)
            .bind(secret)
            .fetch_one(&mut *tx)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(step("write a command"))?;
        sqlx::raw_sql(AssertSqlSafe(command)).execute(&mut *tx).await.map_err(step("prepare the login"))?;
        tx.commit().await.map_err(step("commit"))
    }
}

/// Makes the partitions between two months, counted from the present one; gives how many were made.
async fn make_partitions(connection: &mut PgConnection, from: i32, to: i32) -> Result<i64, StoreError> {
    query(
        "SELECT count(*) FILTER (WHERE made) AS made FROM (
             SELECT public.make_readings_partition(
                 (date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n))::date) AS made
             FROM generate_series($1, $2) AS n) AS months",
    )
    .bind(from)
    .bind(to)
    .fetch_one(connection)
    .await
    .and_then(|row| row.try_get("made"))
    .map_err(StoreError::step("make partitions"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_migrations_are_numbered_without_holes() {
        let versions = MIGRATOR.iter().map(|migration| migration.version).collect::<Vec<_>>();
        assert_eq!(versions, (1..=version()).collect::<Vec<_>>());
        assert!(version() >= 6);
    }
}
