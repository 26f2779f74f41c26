//! Owns a real MQTT broker: a mosquitto on the loopback with its own configuration.
//! Takes a folder; gives the port, once the broker accepts connections.
//! Must never listen beyond the loopback or touch the machine's own broker.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::clock::wait_for;
use crate::error::SiteError;
use crate::process::{Daemon, free_port};

const READY_WITHIN: Duration = Duration::from_secs(10);
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A running broker; it ends when dropped.
#[derive(Debug)]
pub struct Broker {
    daemon: Daemon,
    port: u16,
    state: PathBuf,
}

impl Broker {
    /// Starts a broker on a free loopback port, with its files in `state`.
    ///
    /// # Errors
    /// When it does not accept connections in time.
    pub fn start(state: &Path) -> Result<Broker, SiteError> {
        fs::create_dir_all(state).map_err(SiteError::io(format!("create {}", state.display())))?;
        let port = free_port()?;
        Ok(Broker { daemon: started(state, port)?, port, state: state.to_owned() })
    }

    /// Starts it again on its port, with the sessions that it held when it was ended.
    ///
    /// # Errors
    /// When it does not accept connections in time.
    pub fn start_again(&mut self) -> Result<(), SiteError> {
        self.daemon = started(&self.state, self.port)?;
        Ok(())
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Holds it: its connections stay, but it answers nobody.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn hold(&self) -> Result<(), SiteError> {
        self.signal(Signal::STOP)
    }

    /// Lets it go on after it was held.
    ///
    /// # Errors
    /// When it cannot be signalled.
    pub fn let_go(&self) -> Result<(), SiteError> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<(), SiteError> {
        let id = i32::try_from(self.daemon.id()).ok().and_then(Pid::from_raw);
        let id = id.ok_or_else(|| SiteError::Unexpected("the broker has no process id".to_owned()))?;
        kill_process(id, signal).map_err(|fault| SiteError::io("signal the broker")(fault.into()))
    }

    /// Ends it.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<(), SiteError> {
        self.daemon.stop(STOP_GRACE).map(|_| ())
    }
}

fn started(state: &Path, port: u16) -> Result<Daemon, SiteError> {
    let config = state.join("mosquitto.conf");
    // Started by root it would change its user, and with that forget that it must die with its parent.
    let text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n\
         persistence true\npersistence_location {}/\n",
        state.display()
    );
    fs::write(&config, text).map_err(SiteError::io("write the broker's configuration"))?;
    let arguments = [Path::new("-c"), &config];
    let mut daemon = Daemon::start("mosquitto", &program(), arguments, &[], state)?;
    wait_for("the broker accepts connections", READY_WITHIN, || {
        let up = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
        (up || daemon.ended().is_some()).then_some(())
    })?;
    if daemon.ended().is_some() {
        return Err(SiteError::Unexpected(format!("the broker ended at once: {}", daemon.stderr())));
    }
    Ok(daemon)
}

/// Debian installs the broker where an ordinary user's search path may not reach.
fn program() -> PathBuf {
    let usual = Path::new("/usr/sbin/mosquitto");
    if usual.exists() { usual.to_owned() } else { PathBuf::from("mosquitto") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broker_keeps_the_user_that_started_it() {
        use std::os::unix::fs::MetadataExt as _;
        let state = tempfile::tempdir().unwrap();
        let broker = Broker::start(state.path()).unwrap();
        let owner = |pid: &str| fs::metadata(format!("/proc/{pid}")).unwrap().uid();
        assert_eq!(owner(&broker.daemon.id().to_string()), owner("self"));
    }
}
