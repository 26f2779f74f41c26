//! Questions to a hub that need not be running: is its configuration right, does its record verify?

use super::Failure;
use crate::config::Config;
use crate::pin;
use crate::site::document::Document;
use crate::store::{self, inspect, inspect::VerifyError};
use std::io::{BufRead, Write};

/// Checks configuration and site document.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    let document = Document::load(&config.site)?;
    let mut out = std::io::stdout().lock();
    for unit in document.unlimited() {
        writeln!(out, "warning: unit \"{unit}\" has no temperature limits; nothing guards its temperature")?;
    }
    writeln!(out, "the configuration and {} are right: {}", config.site.display(), document.summary())?;
    Ok(())
}

/// Verifies the record.
pub(super) fn verify(config: &Config, json: bool) -> Result<(), Failure> {
    let path = config.state_dir.join(store::FILE);
    let verified = inspect::verify(&path);
    let mut out = std::io::stdout().lock();
    match &verified {
        Ok(verdict) if json => writeln!(out, "{}", serde_json::to_string(verdict)?)?,
        Err(VerifyError::Bad(verdict)) if json => writeln!(out, "{}", serde_json::to_string(verdict)?)?,
        _ => {}
    }
    let verified = verified?;
    if json {
        return Ok(());
    }
    writeln!(out, "the record of hub {} verifies", verified.hub)?;
    writeln!(out, "  epoch    {}", verified.epoch)?;
    writeln!(out, "  events   {} linked, head {}", verified.events, verified.head)?;
    writeln!(
        out,
        "  readings {} sealed, {} not sealed yet",
        verified.readings_sealed, verified.readings_unsealed
    )?;
    let signed = verified.checkpoint.map_or("by none yet".into(), |it| format!("up to event {}", it.size));
    writeln!(out, "  signed   {signed}")?;
    writeln!(out, "  alerts   {} raised", verified.alerts_raised)?;
    Ok(())
}

/// Hashes a PIN from standard input.
pub(super) fn pin() -> Result<(), Failure> {
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    let hash = pin::hash(line.trim_end_matches(['\r', '\n']))?;
    writeln!(std::io::stdout().lock(), "{hash}")?;
    Ok(())
}
