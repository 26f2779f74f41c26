//! Owns a real PgBouncer before a private cluster.
//! Takes the cluster's port and a way of pooling; gives a port of its own.
//! Must never hide what a pooler does to its clients: it is set up as Debian ships it but for the way of pooling.

use std::ffi::OsString;
use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::account::Account;
use super::postgres::{ADMIN, SERVICE};
use crate::clock::wait_for;
use crate::error::SiteError;
use crate::process::{Daemon, free_port};

const READY_WITHIN: Duration = Duration::from_secs(20);
const STOP_GRACE: Duration = Duration::from_secs(5);

/// When a server's connection goes to another client.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Pooling {
    /// When the client has gone.
    Session,
    /// After each transaction.
    Transaction,
    /// After each statement: a transaction of several cannot be had.
    Statement,
}

impl Pooling {
    fn word(self) -> &'static str {
        match self {
            Pooling::Session => "session",
            Pooling::Transaction => "transaction",
            Pooling::Statement => "statement",
        }
    }
}

/// A running pooler; it ends when dropped.
#[derive(Debug)]
pub struct PgBouncer {
    daemon: Daemon,
    port: u16,
}

impl PgBouncer {
    /// Starts a pooler with so many connections for each database, before the Postgres on `server`.
    ///
    /// # Errors
    /// When it does not accept connections in time.
    pub fn start(
        state: &Path,
        server: u16,
        pooling: Pooling,
        connections: u16,
    ) -> Result<PgBouncer, SiteError> {
        PgBouncer::start_with(state, server, pooling, connections, "")
    }

    /// As [`PgBouncer::start`], with further lines of settings.
    ///
    /// # Errors
    /// When it does not accept connections in time.
    pub fn start_with(
        state: &Path,
        server: u16,
        pooling: Pooling,
        connections: u16,
        settings: &str,
    ) -> Result<PgBouncer, SiteError> {
        fs::create_dir_all(state).map_err(SiteError::io(format!("create {}", state.display())))?;
        let account = Account::of_servers()?;
        let room = account.room(&state.join("pgbouncer"))?;
        let port = free_port()?;
        let users = room.path.join("users.txt");
        let config = room.path.join("pgbouncer.ini");
        let write = |path: &Path, text: String| {
            fs::write(path, text).map_err(SiteError::io(format!("write {}", path.display())))
        };
        write(&users, format!("\"{SERVICE}\" \"\"\n\"{ADMIN}\" \"\"\n"))?;
        let text = format!(
            "[databases]\n* = host=127.0.0.1 port={server}\n\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
             listen_port = {port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {}\npool_mode = {}\n\
             default_pool_size = {connections}\nmax_client_conn = 500\nadmin_users = {ADMIN}\n{settings}\n",
            users.display(),
            pooling.word(),
        );
        write(&config, text)?;
        let (program, mut words) = account.words(&program());
        words.push(OsString::from(&config));
        let mut daemon = Daemon::start("pgbouncer", &program, words, &[], state)?;
        wait_for("PgBouncer accepts connections", READY_WITHIN, || {
            let up = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            (up || daemon.ended().is_some()).then_some(())
        })?;
        if daemon.ended().is_some() {
            return Err(SiteError::Unexpected(format!("PgBouncer ended at once: {}", daemon.stderr())));
        }
        Ok(PgBouncer { daemon, port })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Asks it to end, and waits for that.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<(), SiteError> {
        self.daemon.stop(STOP_GRACE).map(|_| ())
    }
}

/// Debian installs it where an ordinary user's search path may not reach.
fn program() -> PathBuf {
    let usual = Path::new("/usr/sbin/pgbouncer");
    if usual.exists() { usual.to_owned() } else { PathBuf::from("pgbouncer") }
}
