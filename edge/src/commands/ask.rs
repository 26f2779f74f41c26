//! Questions to a hub that need not be running: is its configuration right, does its record verify?

use super::Failure;
use crate::clock::Clock;
use crate::config::{CloudConfig, Config};
use crate::desired::kept::Kept;
use crate::identity::Identity;
use crate::pin;
use crate::site::Site;
use crate::site::document::Document;
use crate::store::{self, inspect, inspect::VerifyError};
use crate::sync::http::Address;
use crate::sync::tls;
use frostguard_shared::causes::with_causes;
use frostguard_shared::time::WallMs;
use std::error::Error;
use std::io::{BufRead, Write};

/// Checks configuration and site document.
pub(super) fn check(config: &Config) -> Result<(), Failure> {
    let document = Document::load(&config.site)?;
    let mut out = std::io::stdout().lock();
    for warning in document.warnings() {
        writeln!(out, "warning: {warning}")?;
    }
    cloud(&mut out, &config.cloud)?;
    overruled(&mut out, config)?;
    writeln!(out, "the configuration and {} are right: {}", config.site.display(), document.summary())?;
    Ok(())
}

/// Says whose rules come from the cloud, so that nobody edits limits here that change nothing.
fn overruled(out: &mut impl Write, config: &Config) -> Result<(), Failure> {
    if !config.state_dir.join(Identity::FILE).exists() {
        return Ok(());
    }
    let now = Clock::new(WallMs(0), config.clock.kept_by_host).sample();
    let unknown = |out: &mut dyn Write, fault: &dyn Error| {
        let fault = with_causes(fault);
        writeln!(out, "warning: whether the cloud has set limits could not be looked up: {fault}")
    };
    let mut identity = match Identity::open(&config.state_dir, now) {
        Ok(identity) => identity,
        Err(fault) => return Ok(unknown(out, &fault)?),
    };
    let kept = match Kept::load(&config.state_dir, identity.hub()) {
        Ok(kept) => kept,
        Err(fault) => return Ok(unknown(out, &fault)?),
    };
    let Some(document) = &kept.in_force else { return Ok(()) };
    // The ids of keys that are new here are made when the hub starts, not by looking.
    let site = Site::load(&config.site, &mut identity, now)?;
    for unit in site.units.iter().filter(|unit| document.rules.contains_key(&unit.id)) {
        let (key, version) = (&unit.key, document.version);
        writeln!(
            out,
            "note: the rules of unit \"{key}\" come from the cloud (version {version}), not from this file"
        )?;
    }
    Ok(())
}

/// A cloud that cannot be asked is no reason not to guard, so it is a warning.
fn cloud(out: &mut impl Write, cloud: &CloudConfig) -> Result<(), Failure> {
    if let Some(fault) = cloud.url.as_deref().and_then(|url| Address::parse(url).err()) {
        writeln!(out, "warning: [cloud] url: {fault}")?;
    }
    if let Some(path) = &cloud.ca_file
        && let Err(fault) = tls::roots(Some(path))
    {
        writeln!(out, "warning: [cloud] ca_file: {}", with_causes(&fault))?;
    }
    if !cloud.enabled {
        writeln!(
            out,
            "warning: [cloud] enabled is false: nobody far away is told, even if the hub is enrolled"
        )?;
    }
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
