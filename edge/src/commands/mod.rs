//! The command line: what a person can ask of `frostguard-edge`.
//!
//! Owns arguments, output for people and machines, and exit codes: 0 done, 1 not, 2 wrong usage. Standard output is
//! written here only.

mod ask;
mod enrol;
mod export;
mod replay;
mod status;
mod why;

use crate::config::{self, Config};
use crate::hub::Hub;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;

/// FrostGuard's hub.
#[derive(Parser)]
#[command(
    name = "frostguard-edge",
    version,
    about = "The FrostGuard hub: hears sensors, decides by itself, sounds the alarm",
    propagate_version = true
)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the hub until it is told to stop (SIGTERM or Ctrl-C)
    Run(At),
    /// Make this hub a hub of a site in a cloud, by a claim code
    Enrol(enrol::EnrolArguments),
    /// Show units, alarms, and how far the cloud holds the record
    Status {
        #[command(flatten)]
        at: At,
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Say why a unit is as it is, or was at a time; the hub may be running
    Why(why::WhyArguments),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at the record
    #[command(subcommand)]
    Chain(ChainCommand),
    /// Write the record as a bundle for `frostguard-verify`; the hub may be running
    Export(export::Export),
    /// Run rules over a history of lines of JSON, as fast as it can be read, and write what would have happened
    Replay(replay::Replay),
    /// Make the hash of a PIN for the site document; reads the PIN from standard input
    Pin,
}

#[derive(Subcommand)]
enum ConfigCommand {
    /// Check the configuration and the site document; names the first fault with file and line
    Check(At),
}

#[derive(Subcommand)]
enum ChainCommand {
    /// Recompute every link and seal from the bytes in the file; names the first record that does not fit
    Verify {
        #[command(flatten)]
        at: At,
        /// Print the result as JSON
        #[arg(long)]
        json: bool,
    },
}

#[derive(clap::Args)]
struct At {
    /// The hub's configuration
    #[arg(long, value_name = "FILE", default_value = "/etc/frostguard/hub.toml")]
    config: PathBuf,
}

impl At {
    fn load(&self) -> Result<Config, Failure> {
        Ok(config::load(&self.config)?)
    }
}

/// A command that did not do what was asked: shown with its chain of causes.
type Failure = Box<dyn std::error::Error + Send + Sync>;

impl Arguments {
    /// Does what was asked.
    pub fn execute(self) -> ExitCode {
        let done = match self.command {
            Command::Run(at) => run(&at),
            Command::Enrol(arguments) => {
                arguments.at.load().and_then(|config| enrol::run(&arguments, &config))
            }
            Command::Status { at, json } => at.load().and_then(|config| status::run(&config, json)),
            Command::Why(arguments) => arguments.run(),
            Command::Config(ConfigCommand::Check(at)) => at.load().and_then(|config| ask::check(&config)),
            Command::Chain(ChainCommand::Verify { at, json }) => {
                at.load().and_then(|config| ask::verify(&config, json))
            }
            Command::Export(export) => export.run(),
            Command::Replay(replay) => replay.run(),
            Command::Pin => ask::pin(),
        };
        match done {
            Ok(()) => ExitCode::SUCCESS,
            Err(failure) => {
                eprintln!("frostguard-edge: {failure}");
                let mut cause = failure.source();
                while let Some(next) = cause {
                    eprintln!("  because: {next}");
                    cause = next.source();
                }
                ExitCode::FAILURE
            }
        }
    }
}

fn run(at: &At) -> Result<(), Failure> {
    let config = at.load()?;
    let filter =
        tracing_subscriber::EnvFilter::try_from_env("FROSTGUARD_LOG").unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let done = runtime.block_on(async { Hub::open(config)?.run().await });
    // A thread that waits for a name server or a dead line holds nothing that the record needs.
    runtime.shutdown_background();
    Ok(done?)
}
