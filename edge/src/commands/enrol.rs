//! Enrolling: makes this hub a hub of a site in a cloud, while it runs or while it is stopped.

use super::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::desired::kept::Kept;
use crate::enrolment::Enrolment;
use crate::identity::Identity;
use crate::site::Site;
use crate::sync::batch::Sender;
use crate::sync::enrol::{Wish, enrol};
use crate::sync::http::{Address, Link};
use frostguard_shared::claim::Invitation;
use frostguard_shared::time::WallMs;
use frostguard_shared::wire::login::Takeover;
use frostguard_shared::wire::site;
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use rustix::process::umask;
use serde_json::json;
use std::fs::File;
use std::io::Write;
use thiserror::Error;

/// What was asked for cannot be done as it was asked.
#[derive(Debug, Error)]
enum AskError {
    #[error(
        "a bare code does not say where the cloud is: give the link, --cloud URL, or [cloud] url in hub.toml"
    )]
    NoAddress,
    #[error("the link is of {link}, but --cloud says {option}")]
    TwoAddresses { link: String, option: String },
}

/// How to enrol.
#[derive(clap::Args)]
pub(super) struct EnrolArguments {
    #[command(flatten)]
    pub(super) at: super::At,
    /// The claim code, or the link with it
    #[arg(value_name = "CODE|LINK")]
    code: String,
    /// The cloud's address, for a bare code
    #[arg(long, value_name = "URL")]
    cloud: Option<String>,
    /// Add this hub's units to those that the site has
    #[arg(long, conflicts_with = "discard")]
    adopt: bool,
    /// Leave this hub's units out of the site
    #[arg(long)]
    discard: bool,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

/// Enrols the hub.
pub(super) fn run(arguments: &EnrolArguments, config: &Config) -> Result<(), Failure> {
    let invitation: Invitation = arguments.code.parse()?;
    let address = address(&invitation, arguments, config)?;
    let (sender, site) = own(config)?;
    let takeover = match (arguments.adopt, arguments.discard) {
        (true, _) => Takeover::Adopt,
        (_, true) => Takeover::Discard,
        (false, false) => Takeover::Ask,
    };
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")?.trim().chars().take(64).collect();
    let wish = Wish { code: invitation.code, name, site, takeover };
    let clock = Clock::new(WallMs(0), config.clock.kept_by_host);
    let link = Link::open(address.clone(), config.cloud.ca_file.as_deref(), &clock)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let enrolment = runtime.block_on(enrol(&link, &address, &sender, wish))?;
    runtime.shutdown_background();
    enrolment.save(&config.state_dir)?;
    say(&enrolment, arguments.json)
}

fn say(enrolment: &Enrolment, json: bool) -> Result<(), Failure> {
    let Enrolment { hub, url, site, site_name, organization_name, .. } = enrolment;
    let mut out = std::io::stdout().lock();
    if json {
        let said = json!({
            "hub": hub, "cloud": url, "site": site, "site_name": site_name, "organization_name": organization_name,
        });
        writeln!(out, "{said}")?;
    } else {
        writeln!(out, "this hub is now a hub of \"{site_name}\" of {organization_name}, at {url}")?;
        writeln!(
            out,
            "a running hub begins to send its record within seconds; see `frostguard-edge status`"
        )?;
    }
    Ok(())
}

fn address(invitation: &Invitation, arguments: &EnrolArguments, config: &Config) -> Result<Address, Failure> {
    let option = arguments.cloud.as_deref().map(Address::parse).transpose()?;
    let link = invitation.cloud.as_deref().map(Address::parse).transpose()?;
    match (link, option) {
        (Some(link), Some(option)) if link != option => {
            Err(AskError::TwoAddresses { link: link.to_string(), option: option.to_string() }.into())
        }
        (Some(address), _) | (None, Some(address)) => Ok(address),
        (None, None) => match &config.cloud.url {
            Some(url) => Ok(Address::parse(url)?),
            None => Err(AskError::NoAddress.into()),
        },
    }
}

/// Who this hub is and what it guards. A hub that is stopped is given what its document names; of one that runs the
/// files are only read, and the document is the one that it has in force.
fn own(config: &Config) -> Result<(Sender, site::Site), Failure> {
    umask(Mode::from_raw_mode(0o077));
    let now = Clock::new(WallMs(0), config.clock.kept_by_host).sample();
    std::fs::create_dir_all(&config.state_dir)?;
    let folder = File::open(&config.state_dir)?;
    let is_running = match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => false,
        Err(Errno::WOULDBLOCK) => true,
        Err(fault) => return Err(std::io::Error::from(fault).into()),
    };
    let mut identity = Identity::open(&config.state_dir, now)?;
    let kept = config.state_dir.join(Site::IN_FORCE);
    let document = if is_running && kept.exists() { kept } else { config.site.clone() };
    let site = Site::load(&document, &mut identity, now)?;
    if !is_running {
        identity.save()?;
    }
    // What cannot be used is said by the hub when it runs; here the rules of the site document are the next best.
    let kept = Kept::load(&config.state_dir, identity.hub()).unwrap_or(Kept::nothing(identity.hub()));
    let message = kept.over(&site).message(identity.site())?;
    Ok((Sender { hub: identity.hub(), key: identity.key() }, message))
}
