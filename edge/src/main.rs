//! The program `frostguard-edge`: parses its arguments and does what they ask.

use clap::Parser;
use frostguard_edge::commands::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    Arguments::parse().execute()
}
