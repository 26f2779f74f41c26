//! Owns a private message bus: a real dbus-daemon with its own configuration and socket.
//! Takes a folder; gives the bus address that a client finds in `DBUS_SYSTEM_BUS_ADDRESS`.
//! Must never touch the machine's own system bus or need its policy files.

use std::fs;
use std::path::Path;
use std::time::Duration;

use crate::clock::wait_for;
use crate::error::SiteError;
use crate::process::Daemon;

const READY_WITHIN: Duration = Duration::from_secs(10);
const STOP_GRACE: Duration = Duration::from_secs(5);

/// A socket address holds 108 bytes, the closing zero among them.
const LONGEST_SOCKET_PATH: usize = 107;

/// A running private bus; it ends when dropped.
#[derive(Debug)]
pub struct PrivateBus {
    daemon: Daemon,
    address: String,
}

impl PrivateBus {
    /// Starts a bus whose files are in `state`, and waits until it has printed its address.
    ///
    /// # Errors
    /// When the path is too long for a socket, or the daemon does not come up.
    pub fn start(state: &Path) -> Result<PrivateBus, SiteError> {
        fs::create_dir_all(state).map_err(SiteError::io(format!("create {}", state.display())))?;
        let socket = state.join("bus.sock");
        if socket.as_os_str().len() > LONGEST_SOCKET_PATH {
            return Err(SiteError::Unexpected(format!("{} is too long for a socket", socket.display())));
        }
        // A socket file or an address of an earlier run must not be taken for this one's.
        for stale in [&socket, &state.join("dbus.out")] {
            if stale.exists() {
                fs::remove_file(stale).map_err(SiteError::io(format!("remove {}", stale.display())))?;
            }
        }
        let config = state.join("bus.conf");
        fs::write(&config, configuration(&socket)).map_err(SiteError::io("write the bus configuration"))?;
        let config_argument = format!("--config-file={}", config.display());
        let arguments =
            [config_argument.as_str(), "--nofork", "--nopidfile", "--nosyslog", "--print-address"];
        let daemon = Daemon::start("dbus", Path::new("dbus-daemon"), arguments, &[], state)?;
        let address = wait_for("the private bus prints its address", READY_WITHIN, || {
            daemon.stdout().split_once('\n').map(|(line, _)| line.to_owned())
        })?;
        Ok(PrivateBus { daemon, address })
    }

    /// The address for clients.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Ends the bus; every client loses its connection.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<(), SiteError> {
        self.daemon.stop(STOP_GRACE).map(|_| ())
    }
}

fn configuration(socket: &Path) -> String {
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
"#,
        socket.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_answers_at_the_address_that_it_printed_and_ends_when_asked() {
        let state = tempfile::tempdir().unwrap();
        let mut bus = PrivateBus::start(state.path()).unwrap();
        let client = zbus::blocking::connection::Builder::address(bus.address()).unwrap().build().unwrap();
        assert!(client.unique_name().is_some());
        bus.stop().unwrap();
    }
}
