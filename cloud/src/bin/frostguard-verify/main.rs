//! `frostguard-verify`: checks a record that a hub or the cloud has exported, without trusting either.
//!
//! Reads one bundle, or two of the same record, from files or standard input; writes a verdict to standard output. It
//! needs no network, no database and no clock, and keeps nothing. All that it knows of the record is in
//! [`frostguard_shared::verify`]; here are files, arguments, and words. Exit codes: 0 PASS, 1 FAIL, 2 wrong usage or
//! nothing that can be read.

mod compare;
mod difference;
mod side;
mod words;

use clap::Parser;
use frostguard_shared::signature::PublicKey;
use side::{Side, SideError};
use std::path::PathBuf;
use std::process::ExitCode;

/// What the help says beyond its options.
const HELP: &str = "\
A bundle is what `frostguard-edge export` (at the hub) or `frostguard-cloud export` (from the cloud) has written: every
event and every reading of one hub, byte for byte. This program recomputes from those bytes alone
  - the link from each event to the one before it, from the first event on;
  - the seal over each range of readings;
  - the tree over all events, against the checkpoints that the hub's own key has signed;
and prints PASS, or FAIL with the first record that does not fit:
  - an event by its number;
  - a reading by the range that was sealed together with it (one range holds at most 1,024 readings, or an hour);
    with --against, by its own number, with the fields that differ and the bundle in which its seal fails.
Either way it lists what such a bundle cannot prove. Read that list: a PASS says no more than it leaves open.

With --key, checkpoints and record must be those of that key. Take the key from the hub itself, not from the bundle.

Exit codes: 0 PASS, 1 FAIL, 2 wrong usage or a bundle that cannot be read.

Examples:
  frostguard-edge export --out hub.jsonl
  frostguard-verify hub.jsonl
  frostguard-verify cloud.jsonl --against hub.jsonl --key 9f1c…
  frostguard-cloud export --hub 0193… | frostguard-verify - --json";

/// Check an exported record, offline, from its bytes alone.
#[derive(Parser)]
#[command(name = "frostguard-verify", version, after_long_help = HELP, after_help = HELP)]
struct Arguments {
    /// The bundle to check; - for standard input
    bundle: PathBuf,
    /// The same record as the other side has it (the hub's beside the cloud's): differing records are named one by one
    #[arg(long, value_name = "OTHER")]
    against: Option<PathBuf>,
    /// The hub's public key, 64 hexadecimal digits
    #[arg(long, value_name = "HEX", value_parser = key)]
    key: Option<PublicKey>,
    /// Print one JSON object instead of text
    #[arg(long)]
    json: bool,
}

fn key(text: &str) -> Result<PublicKey, String> {
    PublicKey::try_from(text.to_lowercase()).map_err(|_| "a key is 64 hexadecimal digits".to_owned())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(fault) => {
            eprintln!("frostguard-verify: {}", frostguard_shared::causes::with_causes(&fault));
            ExitCode::from(2)
        }
    }
}

fn run(arguments: &Arguments) -> Result<bool, SideError> {
    let mut bundle = Side::open(&arguments.bundle, arguments.key)?;
    let report = match &arguments.against {
        None => {
            bundle.read_to_end()?;
            words::Report::alone(bundle.finish())
        }
        Some(against) => compare::compare(bundle, Side::open(against, arguments.key)?)?,
    };
    let mut out = std::io::stdout().lock();
    let written = if arguments.json { report.write_json(&mut out) } else { report.write_text(&mut out) };
    written.map_err(|source| SideError::Output { source })?;
    Ok(report.passes())
}
