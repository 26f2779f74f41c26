//! Keeping the database: migration and the check of safety.

use super::{Failure, Output};
use crate::config::Config;
use crate::key;
use crate::store::Database;
use crate::store::migrate::Migration;
use crate::store::safety::{self, Between};
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bring the database to this program's schema.
#[derive(clap::Args)]
pub(super) struct Migrate {
    /// Make this login for the service if it is not there, and give it what the service needs
    #[arg(long, value_name = "ROLE")]
    login: Option<String>,
    /// A file whose first line becomes the login's password; without it the login has none
    #[arg(long, value_name = "FILE", requires = "login")]
    password_file: Option<PathBuf>,
    /// Leave the key file alone, where the service runs on another machine
    #[arg(long)]
    no_key: bool,
    #[command(flatten)]
    output: Output,
}

impl Migrate {
    pub(super) async fn run(self, config: &Config) -> Result<(), Failure> {
        // Each step is told as it is done, people's lines at once and the machine's object at the end.
        let tell = |line: String| -> Result<(), std::io::Error> {
            if self.output.json { Ok(()) } else { writeln!(std::io::stdout(), "{line}") }
        };
        let password = self.password_file.as_deref().map(first_line).transpose()?;
        let mut migration = Migration::connect(config.database_url()?).await?;
        let schema = migration.run().await?;
        tell(format!("the schema is at step {schema}"))?;
        let partitions = migration.partitions().await?;
        tell(format!("partitions of readings made: {partitions}"))?;
        if let Some(role) = &self.login {
            migration.login(role, password.as_deref()).await?;
            tell(format!("the login {role} has what the service needs"))?;
        }
        migration.close().await?;
        let mut told =
            serde_json::json!({"schema": schema, "partitions_made": partitions, "login": self.login});
        if !self.no_key {
            let (key, made) = key::open_or_make(&config.key_file)?;
            let done = if made == key::Made::Now { "made" } else { "found" };
            let fingerprint = hex::encode(key.public().fingerprint().0);
            tell(format!("key {done}: {} (fingerprint {fingerprint})", config.key_file.display()))?;
            told["key"] =
                serde_json::json!({"file": config.key_file, "state": done, "fingerprint": fingerprint});
        }
        if self.output.json {
            writeln!(std::io::stdout(), "{told}")?;
        }
        Ok(())
    }
}

fn first_line(path: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|fault| format!("the password file {} cannot be read: {fault}", path.display()))?;
    match text.lines().next().map(str::trim_end) {
        Some(line) if !line.is_empty() => Ok(line.to_owned()),
        _ => Err(format!("the password file {} is empty", path.display()).into()),
    }
}

/// Proves that the service can use the database safely.
pub(super) async fn check(config: &Config, json: bool) -> Result<(), Failure> {
    let database = Database::connect(config.database_url()?.expose(), config.database.connections)?;
    let safety = safety::check(&database).await?;
    let key = key::open(&config.key_file)?;
    database.close().await;
    let fingerprint = hex::encode(key.public().fingerprint().0);
    let is_pooled = safety.between == Between::Pooler;
    let mut out = std::io::stdout().lock();
    if json {
        let told = serde_json::json!({
            "login": safety.login, "server": safety.server, "schema": safety.schema, "tables": safety.tables,
            "pooler": is_pooled, "fingerprint": fingerprint,
        });
        writeln!(out, "{told}")?;
        return Ok(());
    }
    writeln!(out, "the database can be used safely")?;
    writeln!(out, "  login    {}, which owns nothing and passes by no wall", safety.login)?;
    writeln!(out, "  server   PostgreSQL {}", safety.server)?;
    writeln!(
        out,
        "  schema   step {}, {} tables and partitions, each behind its wall",
        safety.schema, safety.tables
    )?;
    writeln!(
        out,
        "  between  {}",
        if is_pooled { "a pooler, which keeps transactions apart" } else { "nothing noticed" }
    )?;
    writeln!(out, "  key      fingerprint {fingerprint}")?;
    Ok(())
}
