//! Owns the one cluster that the tests of a program share, made when the first of them asks.
//! Takes nothing; gives the cluster, whose folder is swept away when this process has ended, however it ended.
//! Must never be killed or stopped by a test: whoever does that starts a cluster of their own.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use super::account::Account;
use super::postgres::{Cluster, Durability};
use crate::error::SiteError;

/// Waits for the end of its input, which is the end of this process, and then for the last writer in the folder.
const SWEEP: &str =
    "cat; n=0; until rm -rf \"$1\" 2>/dev/null || [ $n = 100 ]; do n=$((n + 1)); sleep 0.1; done";

struct SharedCluster {
    cluster: Cluster,
    // It holds the input of the sweeper open.
    _sweeper: Child,
}

/// The cluster of this process.
///
/// # Errors
/// When it could not be started; then every test that asks is told the same.
pub fn cluster() -> Result<&'static Cluster, SiteError> {
    static SHARED: OnceLock<Result<SharedCluster, String>> = OnceLock::new();
    let made = SHARED.get_or_init(|| start().map_err(|error| error.to_string()));
    made.as_ref().map(|shared| &shared.cluster).map_err(|error| SiteError::Unexpected(error.clone()))
}

fn start() -> Result<SharedCluster, SiteError> {
    // Others may go through the folder, so that the server's account reaches its own one inside.
    let passable = Permissions::from_mode(0o711);
    let parent = Account::of_servers()?.open_parent()?;
    let folder =
        tempfile::Builder::new().prefix("frostguard-cluster-").permissions(passable).tempdir_in(parent);
    let folder = folder.map_err(SiteError::io("make a folder for the cluster"))?.keep();
    let sweeper = sweeper(&folder)?;
    let cluster = Cluster::start(&folder, Durability::Unsynced)?;
    Ok(SharedCluster { cluster, _sweeper: sweeper })
}

fn sweeper(folder: &Path) -> Result<Child, SiteError> {
    let mut command = Command::new("sh");
    command.args(["-c", SWEEP, "sweeper"]).arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    command.process_group(0);
    command.spawn().map_err(SiteError::io("start the sweeper of the cluster's folder"))
}
