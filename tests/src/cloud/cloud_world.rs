//! Owns a cloud of its own with everything behind it: a cluster that may be killed, a database, the service, one site.
//! Takes a folder; gives all of it on free ports, ended in order when stopped or dropped.
//! Must never share a server with another test: its servers are there to be killed.

use std::fs;
use std::path::Path;

use super::database::Database;
use super::postgres::{Cluster, Durability};
use super::proxy::Proxy;
use super::service::{Cloud, LetIn};
use crate::error::SiteError;

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
