//! Owns a cloud of its own with everything behind it: a cluster that may be killed, a database, the service, one site.
//! Takes a folder; gives all of it on free ports, ended in order when stopped or dropped.
//! Must never share a server with another test: its servers are there to be killed.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::Value;

use super::database::Database;
use super::postgres::{Cluster, Durability};
use super::proxy::Proxy;
use super::service::{Cloud, LetIn};
use crate::clock::{now, wait_for};
use crate::error::SiteError;
use crate::hub::Hub;
use crate::oracle::journal::Journal;

/// For a backlog, and for a hub that waits before it tries its cloud again.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);
/// How often a hub that had more to say is started again for it.
const SETTLED_WITHIN: usize = 5;

/// A cloud that is prepared but not started, and what lets one hub into it.
pub struct CloudWorld {
    // Fields are dropped in this order: the service first, what it depends on last.
    /// The link that hubs take to it.
    pub link: Proxy,
    /// The service.
    pub cloud: Cloud,
    /// What lets a hub and a program in.
    pub let_in: LetIn,
    /// Its database.
    pub database: Database,
    /// Its Postgres.
    pub cluster: Cluster,
}

impl CloudWorld {
    /// Makes a cloud in `state`, which is emptied first, with one organization and one site. Its Postgres syncs every
    /// commit.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn start(state: &Path) -> Result<CloudWorld, SiteError> {
        if state.exists() {
            fs::remove_dir_all(state).map_err(SiteError::io(format!("empty {}", state.display())))?;
        }
        let cluster = Cluster::start(&state.join("postgres"), Durability::Synced)?;
        let database = cluster.database()?;
        let mut cloud = Cloud::prepare(&state.join("cloud"), &database)?;
        let link = Proxy::start(cloud.port())?;
        cloud.behind(link.port());
        let let_in = cloud.let_in("Demo restaurants", "Demo restaurant")?;
        Ok(CloudWorld { link, cloud, let_in, database, cluster })
    }

    /// Waits until the hub says that its cloud holds everything; gives how long that took.
    ///
    /// # Errors
    /// When it does not come to that in time; the error tells the hub's last word.
    pub fn drained(&self, hub: &Hub) -> Result<Duration, SiteError> {
        let begun = now();
        let mut last = Value::Null;
        let held = wait_for("the cloud holds everything", DRAINED_WITHIN, || {
            last = hub.status().ok()?["cloud"].clone();
            (waiting(&last)? == 0 && last["state"] == "live").then_some(())
        });
        held.map_err(|error| SiteError::Unexpected(format!("{error}; the hub says {last}")))?;
        Ok(begun.elapsed())
    }

    /// Kills the hub at a moment at which the cloud holds everything that it has recorded; gives its journal. Its
    /// sensors are silent.
    ///
    /// # Errors
    /// When the hub always has more to say.
    pub fn settled(&self, hub: &mut Hub) -> Result<Journal, SiteError> {
        for _ in 0..SETTLED_WITHIN {
            self.drained(hub)?;
            hub.kill();
            let journal = Journal::read(&hub.journal())?;
            let heads =
                [journal.events.last().map(|row| row.seq), journal.readings.last().map(|row| row.seq)];
            let held = self.database.psql(&format!(
                "SELECT last_seq FROM hub_streams WHERE feed = '{}' AND epoch = '{}' AND branch = 0 ORDER BY stream",
                journal.hub, journal.epoch
            ))?;
            if heads.iter().map(|head| head.unwrap_or(0).to_string()).eq(held.lines()) {
                return Ok(journal);
            }
            hub.start(None)?;
        }
        Err(SiteError::Unexpected("the hub never came to an end of what it had to say".to_owned()))
    }

    /// Ends everything in order, the service first if it still runs.
    ///
    /// # Errors
    /// When a part had to be killed.
    pub fn stop(self) -> Result<(), SiteError> {
        let CloudWorld { link, mut cloud, let_in: _, database, mut cluster } = self;
        if cloud.is_running() {
            let ended = cloud.stop()?;
            if !ended.success() {
                return Err(SiteError::Unexpected(format!("the cloud ended with {ended}")));
            }
        }
        drop((link, database));
        cluster.stop()
    }
}

/// What waits to be sent, by what the hub's status says of its cloud; `None` if it says nothing.
pub fn waiting(cloud: &Value) -> Option<u64> {
    let of = |stream: &str| {
        let stream = &cloud[stream];
        Some(stream["last"].as_u64()?.saturating_sub(stream["acknowledged"].as_u64()?))
    };
    Some(of("events")? + of("readings")?)
}
