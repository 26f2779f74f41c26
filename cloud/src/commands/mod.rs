//! The command line.

use std::process::ExitCode;

/// FrostGuard's cloud.
#[derive(clap::Parser)]
pub struct Arguments;

impl Arguments {
    /// Does what was asked.
    pub fn execute(self) -> ExitCode {
        ExitCode::FAILURE
    }
}
