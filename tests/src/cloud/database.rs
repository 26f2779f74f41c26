//! Owns one database of a private cluster, and the real psql with which tests look into it.
//! Takes SQL; gives what psql prints, and addresses for the service and for whoever migrates.
//! Must never be used by the product: this is how tests see and spoil what it has stored.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use frostguard_cloud::config::DatabaseUrl;
use frostguard_cloud::store::migrate::{Migration, MigrationError};

use super::postgres::{ADMIN, SERVICE};
use crate::error::SiteError;

/// Where a cluster answers, and the programs that belong to it.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) programs: PathBuf,
    pub(super) port: u16,
}

/// A database; dropped, it is gone.
#[derive(Debug)]
pub struct Database {
    server: Arc<Server>,
    name: String,
}

impl Server {
    fn command(&self, login: &str, database: &str, port: u16) -> Command {
        let mut command = Command::new(self.programs.join("psql"));
        // Nothing of the person who runs the tests may change what is asked or printed.
        command
            .env_clear()
            .envs([("PGCONNECT_TIMEOUT", "10"), ("PGOPTIONS", "-c client_min_messages=warning")]);
        command.args(["-X", "-q", "-A", "-t", "-h", "127.0.0.1", "-U", login, "-d", database]);
        command.args(["-v", "ON_ERROR_STOP=1", "-p", &port.to_string()]);
        command
    }

    pub(super) fn psql(&self, login: &str, database: &str, sql: &str) -> Result<String, SiteError> {
        let mut command = self.command(login, database, self.port);
        printed(command.args(["-c", sql]))
    }

    /// A database as the cloud's own migration leaves it, which nobody may enter: only then can it be copied at any
    /// time.
    pub(super) fn make_template(&self, name: &str) -> Result<(), SiteError> {
        self.psql(ADMIN, "postgres", &format!("CREATE DATABASE {name}"))?;
        let url = DatabaseUrl::new(format!("postgres://{ADMIN}@127.0.0.1:{}/{name}", self.port));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(SiteError::io("make a runtime"))?;
        let migrated: Result<(), MigrationError> = runtime.block_on(async {
            let mut migration = Migration::connect(&url).await?;
            migration.run().await?;
            migration.partitions().await?;
            migration.login(SERVICE, None).await?;
            migration.close().await
        });
        migrated.map_err(|error| SiteError::Unexpected(format!("the migration: {error}: {error:?}")))?;
        let closed = format!("ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true");
        self.psql(ADMIN, "postgres", &closed).map(|_| ())
    }
}

fn printed(command: &mut Command) -> Result<String, SiteError> {
    let output = command.output().map_err(SiteError::io("run psql"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(SiteError::Unexpected(format!("psql: {}: {complaint}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

impl Database {
    pub(super) fn made(server: &Arc<Server>, template: Option<&str>) -> Result<Database, SiteError> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let template = template.unwrap_or("template0");
        server.psql(ADMIN, "postgres", &format!("CREATE DATABASE {name} TEMPLATE {template}"))?;
        Ok(Database { server: Arc::clone(server), name })
    }

    /// A psql of the owner's that will run one statement or command when it is spawned, for measuring it.
    pub fn admin_psql(&self, what: &str) -> Command {
        let mut command = self.server.command(ADMIN, &self.name, self.server.port);
        command.args(["-c", what]);
        command
    }

    /// All of it, as pg_dump writes it.
    ///
    /// # Errors
    /// When it cannot be dumped.
    pub fn dump(&self) -> Result<String, SiteError> {
        let mut command = Command::new(self.server.programs.join("pg_dump"));
        command.args(["-h", "127.0.0.1", "-U", ADMIN, "-d", &self.name]);
        printed(command.args(["-p", &self.server.port.to_string()]))
    }

    /// Its name in the cluster.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address for the service.
    pub fn url(&self) -> String {
        self.url_at(self.server.port)
    }

    /// Its address for the service through a pooler or proxy on another port.
    pub fn url_at(&self, port: u16) -> String {
        format!("postgres://{SERVICE}@127.0.0.1:{port}/{}", self.name)
    }

    /// Its address for whoever migrates.
    pub fn admin_url(&self) -> String {
        format!("postgres://{ADMIN}@127.0.0.1:{}/{}", self.server.port, self.name)
    }

    /// What psql prints for this as the owner of everything: one line a row, `|` between columns.
    ///
    /// # Errors
    /// When psql or the database refuses.
    pub fn psql(&self, sql: &str) -> Result<String, SiteError> {
        self.server.psql(ADMIN, &self.name, sql)
    }

    /// What psql prints for this under the service's login.
    ///
    /// # Errors
    /// When psql or the database refuses.
    pub fn psql_as_service(&self, sql: &str) -> Result<String, SiteError> {
        self.server.psql(SERVICE, &self.name, sql)
    }

    /// What psql prints for this under the service's login, by way of a pooler on another port.
    ///
    /// # Errors
    /// When psql, the pooler or the database refuses.
    pub fn psql_at(&self, port: u16, sql: &str) -> Result<String, SiteError> {
        let mut command = self.server.command(SERVICE, &self.name, port);
        // A pooler refuses a start-up parameter that it does not know.
        printed(command.env_remove("PGOPTIONS").args(["-c", sql]))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // A cluster that has ended takes its databases with it.
        let _ = self.server.psql(ADMIN, "postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}
