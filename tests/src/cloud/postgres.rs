//! Owns a real Postgres: a private cluster on the loopback, with databases made from one migrated template.
//! Takes a folder; gives the port, the two logins, and databases that go when they are dropped.
//! Must never listen beyond the loopback, touch the machine's own clusters, or outlive the process that made it.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::account::{Account, Room};
use super::database::{Database, Server};
use crate::clock::wait_for;
use crate::error::SiteError;
use crate::process::{Daemon, free_port};

/// The login that owns the cluster and migrates.
pub const ADMIN: &str = "postgres";
/// The login that the service uses: it owns nothing.
pub const SERVICE: &str = "frostguard";

const READY_WITHIN: Duration = Duration::from_secs(60);
const STOP_GRACE: Duration = Duration::from_secs(20);
/// Another process may take the free port before the cluster does.
const PORTS_TRIED: usize = 3;
const TEMPLATE: &str = "frostguard_template";

/// What the cluster does for a power cut of the whole machine. Killed processes lose nothing either way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// As in earnest: every commit waits for the disk.
    Synced,
    /// Commits wait for nothing, for tests that are not about losing power.
    Unsynced,
}

/// A running cluster; it ends when dropped.
#[derive(Debug)]
pub struct Cluster {
    // The daemon is dropped before its folder.
    daemon: Daemon,
    server: Arc<Server>,
    account: Account,
    state: PathBuf,
    room: Room,
}

impl Cluster {
    /// Starts a cluster with an empty migrated template; its files are in `state`, or elsewhere if the account that
    /// runs it cannot reach that.
    ///
    /// # Errors
    /// When there is no Postgres, or it does not come up, or the migrations fail.
    pub fn start(state: &Path, durability: Durability) -> Result<Cluster, SiteError> {
        let programs = programs()?;
        let account = Account::of_servers()?;
        fs::create_dir_all(state).map_err(SiteError::io(format!("create {}", state.display())))?;
        let room = account.room(&state.join("data"))?;
        initialize(account, &programs, &room.path)?;
        let mut tried = 0;
        let (daemon, port) = loop {
            let port = free_port()?;
            write_settings(&room.path, port, durability)?;
            tried += 1;
            match started(account, &programs, &room.path, state, port) {
                Ok(daemon) => break (daemon, port),
                Err(error) if tried == PORTS_TRIED => return Err(error),
                Err(_) => {}
            }
        };
        let server = Arc::new(Server { programs, port });
        let cluster = Cluster { daemon, server, account, state: state.to_owned(), room };
        cluster.server.make_template(TEMPLATE)?;
        Ok(cluster)
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.server.port
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        &self.room.path
    }

    /// A fresh database as the migrations leave it.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn database(&self) -> Result<Database, SiteError> {
        Database::made(&self.server, Some(TEMPLATE))
    }

    /// A fresh database with nothing in it, for those who migrate it themselves.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn empty_database(&self) -> Result<Database, SiteError> {
        Database::made(&self.server, None)
    }

    /// Ends it at once with every process of it, as a power cut would.
    pub fn kill(&mut self) {
        let workers = children(self.daemon.id());
        self.daemon.kill();
        for worker in workers {
            // A worker that has noticed by itself is gone already.
            let _ = kill_process(worker, Signal::KILL);
        }
    }

    /// Starts it again on its port, with everything that it had made durable.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self) -> Result<(), SiteError> {
        // Workers of a killed cluster hold its memory until they are gone, and it refuses to start so long.
        let mut last = None;
        let up = wait_for("Postgres starts again", READY_WITHIN, || {
            match started(self.account, &self.server.programs, &self.room.path, &self.state, self.server.port)
            {
                Ok(daemon) => Some(daemon),
                Err(error) => {
                    last = Some(error);
                    None
                }
            }
        });
        self.daemon = up.map_err(|error| last.unwrap_or(error))?;
        Ok(())
    }

    /// Asks it to end without waiting for its clients, and waits for that.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<(), SiteError> {
        self.daemon.stop_by(Signal::INT, STOP_GRACE).map(|_| ())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The newest of Debian's Postgres servers on this machine.
fn programs() -> Result<PathBuf, SiteError> {
    let found = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let versions = found.filter_map(|entry| {
        let version: u32 = entry.file_name().to_str()?.parse().ok()?;
        let programs = entry.path().join("bin");
        programs.join("initdb").exists().then_some((version, programs))
    });
    let newest = versions.max().map(|(_, programs)| programs);
    newest.ok_or_else(|| SiteError::Unexpected("there is no Postgres server: ./dev installs it".to_owned()))
}

fn initialize(account: Account, programs: &Path, data: &Path) -> Result<(), SiteError> {
    let mut command = account.command(&programs.join("initdb"));
    command.args(["--no-sync", "--auth=trust", "--encoding=UTF8", "--locale=C", "--username", ADMIN, "-D"]);
    let output = command.arg(data).output().map_err(SiteError::io("run initdb"))?;
    if output.status.success() {
        return Ok(());
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(SiteError::Unexpected(format!("initdb: {}: {complaint}", output.status)))
}

fn write_settings(data: &Path, port: u16, durability: Durability) -> Result<(), SiteError> {
    let sync = match durability {
        Durability::Synced => "on",
        Durability::Unsynced => "off",
    };
    // No socket but the loopback's: a socket's path may be too long for where tests keep their files.
    let text = format!(
        "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n\
         max_connections = 200\nshared_buffers = 32MB\nfsync = {sync}\nfull_page_writes = {sync}\n\
         timezone = 'UTC'\nlog_timezone = 'UTC'\nlc_messages = 'C'\nlog_min_messages = warning\n\
         log_checkpoints = off\nautovacuum_naptime = 10\n"
    );
    fs::write(data.join("postgresql.auto.conf"), text).map_err(SiteError::io("write Postgres's settings"))
}

fn started(
    account: Account,
    programs: &Path,
    data: &Path,
    state: &Path,
    port: u16,
) -> Result<Daemon, SiteError> {
    let (program, mut words) = account.words(&programs.join("postgres"));
    words.extend([OsString::from("-D"), data.into()]);
    let mut daemon = Daemon::start("postgres", &program, words, &[], state)?;
    let server = Server { programs: programs.to_owned(), port };
    wait_for("Postgres answers", READY_WITHIN, || {
        let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        let up = listens && server.psql(ADMIN, "postgres", "SELECT 1").is_ok();
        (up || daemon.ended().is_some()).then_some(())
    })?;
    match daemon.ended() {
        None => Ok(daemon),
        Some(status) => {
            Err(SiteError::Unexpected(format!("Postgres ended at once ({status}): {}", daemon.stderr())))
        }
    }
}

/// The processes that a process has started and that still run.
fn children(parent: u32) -> Vec<Pid> {
    let listed = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    listed.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
}
