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
use crate::oracle::journal::{self, Journal};

/// For a backlog, and for a hub that waits before it tries its cloud again.
const DRAINED_WITHIN: Duration = Duration::from_secs(120);
/// How often a hub that had more to say is started again for it.
const SETTLED_WITHIN: usize = 5;

/// A cloud that is prepared but not started, and what lets one hub into it.
pub struct CloudWorld {
    // Fields are dropped in this order: the service first, what it depends on last.
    /// The link that hubs take to it.
    pub link: Proxy,
    /// The link that people take to it.
    pub visitors: Proxy,
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
        CloudWorld::start_for(state, "Demo restaurants", "Demo restaurant")
    }

    /// The same for an organization and a site of these names.
    ///
    /// # Errors
    /// When any part does not come up.
    pub fn start_for(state: &Path, organization: &str, site: &str) -> Result<CloudWorld, SiteError> {
        if state.exists() {
            fs::remove_dir_all(state).map_err(SiteError::io(format!("empty {}", state.display())))?;
        }
        let cluster = Cluster::start(&state.join("postgres"), Durability::Synced)?;
        let database = cluster.database()?;
        let mut cloud = Cloud::prepare(&state.join("cloud"), &database)?;
        let link = Proxy::start(cloud.port())?;
        cloud.behind(link.port());
        let visitors = Proxy::start(cloud.port())?;
        cloud.visited_at(visitors.port());
        let let_in = cloud.let_in(organization, site)?;
        Ok(CloudWorld { link, visitors, cloud, let_in, database, cluster })
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
            let mut heads = (String::new(), String::new());
            let held = wait_for("the cloud holds the hub's whole file", DRAINED_WITHIN, || {
                heads = (journal::heads(&hub.journal()).ok()?, self.heads(hub).ok()?);
                (heads.0 == heads.1).then_some(())
            });
            held.map_err(|error| SiteError::Unexpected(format!("{error}: file and cloud are at {heads:?}")))?;
            hub.kill();
            if journal::heads(&hub.journal())? == self.heads(hub)? {
                return Journal::read(&hub.journal());
            }
            hub.start(None)?;
        }
        Err(SiteError::Unexpected("the hub never came to an end of what it had to say".to_owned()))
    }

    /// The last event and the last reading that the cloud holds of the hub's present epoch.
    fn heads(&self, hub: &Hub) -> Result<String, SiteError> {
        let epoch = journal::epoch(&hub.journal())?;
        let held = self.database.psql(&format!(
            "SELECT coalesce(max(last_seq) FILTER (WHERE stream = 2), 0), coalesce(max(last_seq) FILTER (WHERE stream = 1), 0)
             FROM hub_streams WHERE epoch = '{epoch}' AND branch = 0"
        ))?;
        Ok(held.trim().to_owned())
    }

    /// Ends everything in order, the service first if it still runs.
    ///
    /// # Errors
    /// When a part had to be killed.
    pub fn stop(self) -> Result<(), SiteError> {
        let CloudWorld { link, visitors, mut cloud, let_in: _, database, mut cluster } = self;
        if cloud.is_running() {
            let ended = cloud.stop()?;
            if !ended.success() {
                return Err(SiteError::Unexpected(format!("the cloud ended with {ended}")));
            }
        }
        drop((link, visitors, database));
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
