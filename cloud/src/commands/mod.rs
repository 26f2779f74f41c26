//! The command line: what an operator can ask of `frostguard-cloud`.
//!
//! Owns arguments, output for people and machines, and exit codes: 0 done, 1 not, 2 wrong usage. Standard output is
//! written below here and in `main` only. A secret is shown once, by the command that makes it.

mod access;
mod export;
mod keep;
mod person;
mod serve;

use crate::config::{self, Config};
use crate::store::{Database, StoreError};
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// FrostGuard's cloud.
#[derive(Parser)]
#[command(
    name = "frostguard-cloud",
    version,
    about = "The FrostGuard cloud: keeps the hubs' record for many organizations and shows it",
    propagate_version = true
)]
pub struct Arguments {
    #[command(flatten)]
    at: At,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Bring the database to this program's schema and make the key; needs the database itself, not a pooler
    Migrate(keep::Migrate),
    /// Serve hubs and people until told to stop (SIGTERM or Ctrl-C)
    Serve,
    /// Prove that the service can use the database safely, or say why not
    Check(Output),
    /// Organizations: the tenants
    #[command(subcommand)]
    Organization(access::OrganizationCommand),
    /// Sites: the premises of organizations
    #[command(subcommand)]
    Site(access::SiteCommand),
    /// Make a code with which one hub becomes a hub of a site
    ClaimCode(access::ClaimCodeCommand),
    /// Keys that speak for an organization at the API
    #[command(subcommand)]
    ApiKey(access::ApiKeyCommand),
    /// People who sign in, as members of organizations
    #[command(subcommand)]
    Person(person::PersonCommand),
    /// Write the record of a hub as a bundle for `frostguard-verify`
    Export(export::Export),
}

#[derive(clap::Args)]
struct At {
    /// The cloud's settings; /etc/frostguard/cloud.toml if it is there
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Output {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// The SQLSTATE of a role that may not do what was asked.
const NO_PRIVILEGE: &str = "42501";

/// A command that did not do what was asked: shown with its chain of causes.
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl At {
    fn load(&self) -> Result<Config, Failure> {
        Ok(match &self.config {
            Some(path) => config::load(path)?,
            None => config::load_usual()?,
        })
    }
}

/// A pool that is just large enough for one command.
async fn database(config: &Config) -> Result<Database, Failure> {
    let database = Database::connect(config.database_url()?.expose(), 1)?;
    database.reach().await?;
    Ok(database)
}

impl Arguments {
    /// Does what was asked.
    pub fn execute(self) -> ExitCode {
        match self.run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("frostguard-cloud: {failure}");
                let (mut last, mut cause) = (failure.to_string(), failure.source());
                while let Some(next) = cause {
                    // Some libraries tell their cause in their own words already.
                    let text = next.to_string();
                    if !last.ends_with(&text) {
                        eprintln!("  because: {text}");
                    }
                    (last, cause) = (text, next.source());
                }
                let code = failure.downcast_ref::<StoreError>().and_then(StoreError::code);
                if code.as_deref() == Some(NO_PRIVILEGE) {
                    eprintln!(
                        "  this is an operator's command: DATABASE_URL names the login that has migrated"
                    );
                }
                ExitCode::FAILURE
            }
        }
    }

    fn run(self) -> Result<(), Failure> {
        let config = self.at.load()?;
        // A command says what it has to say by itself; a service has nothing but its log.
        let usual = if matches!(self.command, Command::Serve) { "info" } else { "warn" };
        let filter =
            tracing_subscriber::EnvFilter::try_from_env("FROSTGUARD_LOG").unwrap_or_else(|_| usual.into());
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .init();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        runtime.block_on(async {
            match self.command {
                Command::Migrate(migrate) => migrate.run(&config).await,
                Command::Serve => serve::run(config).await,
                Command::Check(output) => keep::check(&config, output.json).await,
                Command::Organization(command) => command.run(&config).await,
                Command::Site(command) => command.run(&config).await,
                Command::ClaimCode(command) => command.run(&config).await,
                Command::ApiKey(command) => command.run(&config).await,
                Command::Person(command) => command.run(&config).await,
                Command::Export(export) => export.run(&config).await,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_well_formed_and_every_command_says_what_it_does() {
        fn check(command: &clap::Command) {
            assert!(command.get_about().is_some(), "{} says nothing of itself", command.get_name());
            for argument in command.get_arguments().filter(|argument| !argument.is_global_set()) {
                let name = argument.get_id().as_str();
                let is_own = matches!(name, "help" | "version");
                assert!(is_own || argument.get_help().is_some(), "{} {name}", command.get_name());
            }
            command.get_subcommands().for_each(check);
        }
        let command = Arguments::command();
        command.clone().debug_assert();
        check(&command);
    }
}
