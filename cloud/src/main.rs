//! The program `frostguard-cloud`: parses its arguments and does what they ask.

use clap::Parser;
use frostguard_cloud::commands::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    Arguments::parse().execute()
}
