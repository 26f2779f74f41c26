//! Owns the use of `frostguard-verify` on exported bundles.
//! Takes one bundle or two; gives the verdict as the program prints it for other programs.
//! Must never judge a bundle by itself.

use std::path::Path;

use serde_json::Value;

use crate::error::SiteError;
use crate::process::tied_command;
use crate::programs::{Program, answer_of};

/// What the program says.
#[derive(Clone, Debug)]
pub struct Judged {
    /// Its exit code: 0 if all fits.
    pub code: Option<i32>,
    /// Its words.
    pub report: Value,
}

/// Has a bundle checked, alone or against the same record as the other side has it.
///
/// # Errors
/// When the program cannot be run, or does not answer in JSON.
pub fn verify(bundle: &Path, against: Option<&Path>) -> Result<Judged, SiteError> {
    let mut command = tied_command(&Program::Verify.path()?);
    command.arg(bundle).arg("--json");
    if let Some(other) = against {
        command.arg("--against").arg(other);
    }
    let answer = answer_of(command, None)?;
    let report = serde_json::from_str(&answer.stdout).map_err(|source| SiteError::Json {
        what: format!("frostguard-verify ({}) {}", answer.status, answer.stderr),
        source,
    })?;
    Ok(Judged { code: answer.status.code(), report })
}

impl Judged {
    /// Whether it passes.
    pub fn passes(&self) -> bool {
        self.code == Some(0) && self.report["verdict"] == "PASS"
    }

    /// What is bad first, in a few words.
    pub fn bad(&self) -> String {
        let bad = &self.report["bad"];
        match bad["kind"].as_str() {
            Some("event") => format!("event {}", bad["seq"]),
            Some("reading") => format!("reading {}", bad["seq"]),
            Some("readings") => format!("readings {} to {}", bad["first"], bad["last"]),
            Some(other) => format!("{other}: {bad}"),
            None => "nothing".to_owned(),
        }
    }
}
