//! Owns the harness around a hub: its configuration files, its process, its commands and its record.
//! Takes a state folder, a broker and a bus; gives a hub to start, kill, ask and read.
//! Must never read the record itself while the hub runs, nor link any of the hub's code.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::browser::Browser;
use crate::clock::{now, wait_for};
use crate::error::SiteError;
use crate::process::{Daemon, free_port, tied_command};
use crate::programs::{Answer, Program, answer_of};

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_GRACE: Duration = Duration::from_secs(15);

/// A place at which a hub built for faults kills itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// About to commit an `alert.raised`.
    BeforeCommittingAlarm,
    /// Having committed an `alert.raised`, before anything has been told to make noise.
    AfterCommittingAlarm,
    /// About to commit an event of this type, without its version.
    BeforeCommitting(&'static str),
    /// Having committed an event of this type.
    AfterCommitting(&'static str),
    /// At one of the places that are counted, when the hub comes there for the n-th time.
    Counted {
        /// The place's name.
        place: &'static str,
        /// The time that counts, from 1.
        time: u64,
    },
}

impl Fault {
    fn variable(self) -> (&'static str, String) {
        let place = match self {
            Fault::BeforeCommittingAlarm => "before_commit:alert.raised".to_owned(),
            Fault::AfterCommittingAlarm => "after_commit:alert.raised".to_owned(),
            Fault::BeforeCommitting(kind) => format!("before_commit:{kind}"),
            Fault::AfterCommitting(kind) => format!("after_commit:{kind}"),
            Fault::Counted { place, time } => format!("{place}:{time}"),
        };
        ("FROSTGUARD_FAULT", place)
    }
}

/// What the hub is told about the world around it.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings<'a> {
    /// Port of the broker on 127.0.0.1.
    pub broker_port: u16,
    /// Address of the message bus with `org.bluez` on it.
    pub bus_address: &'a str,
    /// The text of the site document, in which `{pin_hash}` and `{broker_port}` are filled in.
    pub site: &'a str,
    /// The PIN behind `{pin_hash}`.
    pub pin: &'a str,
}

/// What a hub listens to.
#[derive(Clone, Copy, Debug)]
pub enum Ears<'a> {
    /// Bluetooth, and the devices of this application of the network server; `+` for all.
    Both {
        /// The application.
        application: &'a str,
    },
    /// The devices of this application alone.
    Lora {
        /// The application.
        application: &'a str,
    },
}

/// A hub, running or not; it ends when dropped.
pub struct Hub {
    binary: PathBuf,
    state: PathBuf,
    config: PathBuf,
    page_port: u16,
    broker_port: u16,
    bus_address: String,
    observer: Vec<OsString>,
    settings: Vec<(&'static str, String)>,
    running: Option<Daemon>,
}

impl Hub {
    /// Writes the configuration of a hub into `state`, without starting it.
    ///
    /// # Errors
    /// When the program cannot be had, hashes no PIN, or the files cannot be written.
    pub fn prepare(state: &Path, around: &Surroundings<'_>) -> Result<Hub, SiteError> {
        let hub = Hub {
            binary: Program::Edge.path()?,
            state: state.to_owned(),
            config: state.join("hub.toml"),
            page_port: free_port()?,
            broker_port: around.broker_port,
            bus_address: around.bus_address.to_owned(),
            observer: Vec::new(),
            settings: Vec::new(),
            running: None,
        };
        let journal = hub.state_dir();
        fs::create_dir_all(&journal).map_err(SiteError::io(format!("create {}", journal.display())))?;
        let hashed = hub.command(&["pin"], Some(around.pin))?;
        if !hashed.status.success() {
            return Err(SiteError::Unexpected(format!("the hub hashes no PIN: {}", hashed.stderr)));
        }
        let site = around.site.replace("{pin_hash}", hashed.stdout.trim());
        let site = site.replace("{broker_port}", &around.broker_port.to_string());
        let site_file = hub.site();
        fs::write(&site_file, site).map_err(SiteError::io("write site.toml"))?;
        hub.listen_to(Ears::Both { application: "+" })?;
        Ok(hub)
    }

    /// Has later starts listen to these, where they would otherwise listen to everything.
    ///
    /// # Errors
    /// When the configuration file cannot be written.
    pub fn listen_to(&self, ears: Ears<'_>) -> Result<(), SiteError> {
        fs::write(&self.config, self.toml(ears)).map_err(SiteError::io("write hub.toml"))
    }

    fn toml(&self, ears: Ears<'_>) -> String {
        let (ble, application) = match ears {
            Ears::Both { application } => (true, application),
            Ears::Lora { application } => (false, application),
        };
        format!(
            r#"state_dir = {state:?}
site = {site:?}

[clock]
kept_by_host = true

[page]
listen = "127.0.0.1:{page_port}"
hosts = []

[ble]
enabled = {ble}
adapter = "hci0"

[lorawan]
enabled = true
host = "127.0.0.1"
port = {broker_port}
application = "{application}"
"#,
            state = self.state_dir(),
            site = self.site(),
            page_port = self.page_port,
            broker_port = self.broker_port,
        )
    }

    /// Has later starts go through another program with these arguments, which must become the hub and not stay
    /// its parent, so that the hub can still be asked to end.
    pub fn observed_by(&mut self, observer: Vec<OsString>) {
        self.observer = observer;
    }

    /// Has later starts go by another setting, named as the environment names it.
    pub fn setting(&mut self, variable: &'static str, value: &str) {
        self.settings.push((variable, value.to_owned()));
    }

    /// The process id of the hub, if it was started and has not been stopped.
    pub fn id(&self) -> Option<u32> {
        self.running.as_ref().map(Daemon::id)
    }

    /// The folder of the hub's journal and identity.
    pub fn state_dir(&self) -> PathBuf {
        self.state.join("state")
    }

    /// The hub's site document.
    pub fn site(&self) -> PathBuf {
        self.state.join("site.toml")
    }

    /// The hub's configuration file.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// A browser at the hub's page.
    pub fn browser(&self) -> Browser {
        Browser::at(self.page_port)
    }

    /// Starts the hub and waits until its page answers; gives how long that took.
    ///
    /// # Errors
    /// When it ends at once or does not answer in time.
    pub fn start(&mut self, fault: Option<Fault>) -> Result<Duration, SiteError> {
        let begun = self.launch(fault)?;
        let browser = self.browser();
        let ended = wait_for("the hub's page answers", READY_WITHIN, || match browser.get("/status.json") {
            Ok(page) if page.status == 200 => Some(None),
            _ => self.running.as_mut().and_then(Daemon::ended).map(Some),
        })?;
        match ended {
            None => Ok(begun.elapsed()),
            Some(status) => Err(SiteError::Unexpected(format!("the hub ended at once ({status})"))),
        }
    }

    /// Starts the hub without waiting for anything; gives when.
    ///
    /// # Errors
    /// When its process cannot be started.
    pub fn launch(&mut self, fault: Option<Fault>) -> Result<Instant, SiteError> {
        let mut environment = vec![("DBUS_SYSTEM_BUS_ADDRESS", self.bus_address.clone())];
        environment.extend(self.settings.iter().cloned());
        environment.extend(fault.map(Fault::variable));
        let mut words = self.observer.clone();
        words.extend([
            self.binary.clone().into(),
            "run".into(),
            "--config".into(),
            self.config.clone().into(),
        ]);
        let program = PathBuf::from(words.remove(0));
        let begun = now();
        self.running = Some(Daemon::start("hub", &program, words, &environment, &self.state)?);
        Ok(begun)
    }

    /// Ends the hub as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.running.take() {
            daemon.kill();
        }
    }

    /// Asks the hub to end and waits for it.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<ExitStatus, SiteError> {
        match self.running.take() {
            Some(mut daemon) => daemon.stop(STOP_GRACE),
            None => Err(SiteError::Unexpected("the hub does not run".to_owned())),
        }
    }

    /// How the hub ended, if it was started and has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.running.as_mut().and_then(Daemon::ended)
    }

    /// Waits until the hub ends by itself.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus, SiteError> {
        let Some(daemon) = self.running.as_mut() else {
            return Err(SiteError::Unexpected("the hub does not run".to_owned()));
        };
        let ended = daemon.wait_end(limit)?;
        self.running = None;
        Ok(ended)
    }

    /// The hub's status, as its page gives it to programs.
    ///
    /// # Errors
    /// When it does not answer with JSON.
    pub fn status(&self) -> Result<Value, SiteError> {
        let page = self.browser().get("/status.json")?;
        serde_json::from_str(&page.body)
            .map_err(|source| SiteError::Json { what: "/status.json".to_owned(), source })
    }

    /// Runs another command of the hub's program with one line of input.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn command(&self, arguments: &[&str], input: Option<&str>) -> Result<Answer, SiteError> {
        let mut command = tied_command(&self.binary);
        command.args(arguments);
        answer_of(command, input)
    }

    /// Runs another command of the hub's program about this hub, which must succeed.
    fn about_it(&self, arguments: &[&str]) -> Result<Answer, SiteError> {
        let config = self.config.display().to_string();
        let mut words = arguments.to_vec();
        words.extend(["--config", &config]);
        let answer = self.command(&words, None)?;
        if !answer.status.success() {
            let said = &answer.stderr;
            return Err(SiteError::Unexpected(format!("frostguard-edge {}: {said}", arguments.join(" "))));
        }
        Ok(answer)
    }

    /// Makes the hub a hub of the site that an invitation is for, as its owner does.
    ///
    /// # Errors
    /// When the command fails.
    pub fn enrol(&self, invitation: &str) -> Result<(), SiteError> {
        self.about_it(&["enrol", invitation]).map(|_| ())
    }

    /// Writes the record as a bundle.
    ///
    /// # Errors
    /// When the command fails.
    pub fn export(&self, bundle: &Path) -> Result<(), SiteError> {
        self.about_it(&["export", "--out", &bundle.display().to_string()]).map(|_| ())
    }

    /// The file of the hub's journal.
    pub fn journal(&self) -> PathBuf {
        self.state_dir().join("journal.db")
    }

    /// Checks the record's chain with the hub's own command.
    ///
    /// # Errors
    /// When the command cannot be run.
    pub fn verify_chain(&self) -> Result<Answer, SiteError> {
        let config = self.config.display().to_string();
        self.command(&["chain", "verify", "--config", &config], None)
    }

    /// What the hub's own command counts in the record while it checks it; the hub may be running.
    ///
    /// # Errors
    /// When the record does not verify, or the answer is not JSON.
    pub fn verified(&self) -> Result<Value, SiteError> {
        let config = self.config.display().to_string();
        let answer = self.command(&["chain", "verify", "--json", "--config", &config], None)?;
        if !answer.status.success() {
            return Err(SiteError::Unexpected(format!("the record does not verify: {}", answer.stderr)));
        }
        serde_json::from_str(&answer.stdout)
            .map_err(|source| SiteError::Json { what: "chain verify --json".to_owned(), source })
    }

    /// The events of the record in order, read while the hub is stopped.
    ///
    /// # Errors
    /// When the hub runs, or the database or an event in it cannot be read.
    pub fn events(&self) -> Result<Vec<Value>, SiteError> {
        if self.running.is_some() {
            return Err(SiteError::Unexpected("the record is read only while the hub is stopped".to_owned()));
        }
        let mut command = Command::new("sqlite3");
        command.arg("-readonly").arg(self.journal());
        command.arg("SELECT CAST(bytes AS TEXT) FROM events ORDER BY seq");
        let answer = answer_of(command, None)?;
        if !answer.status.success() {
            return Err(SiteError::Unexpected(format!("sqlite3: {}", answer.stderr)));
        }
        let event = |line| {
            serde_json::from_str(line)
                .map_err(|source| SiteError::Json { what: "an event".to_owned(), source })
        };
        answer.stdout.lines().map(event).collect()
    }
}
