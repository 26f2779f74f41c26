//! Owns the harness around the cloud's service: its settings, its process and its operator's commands.
//! Takes a database's address and a folder; gives a service to start, kill and ask.
//! Must never link any of the cloud's code, nor give the service a right that it would not have in earnest.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::database::Database;
use super::postgres::SERVICE;
use crate::browser::Browser;
use crate::clock::{now, wait_for};
use crate::error::SiteError;
use crate::process::{Daemon, free_port, tied_command};
use crate::programs::{Answer, Program, answer_of};

const READY_WITHIN: Duration = Duration::from_secs(30);
const STOP_GRACE: Duration = Duration::from_secs(15);

/// A service, running or not; it ends when dropped.
pub struct Cloud {
    binary: PathBuf,
    state: PathBuf,
    database: String,
    admin: String,
    public: String,
    people: String,
    port: u16,
    operator_port: u16,
    running: Option<Daemon>,
}

impl Cloud {
    /// A service for this database, with its key and output in `state`, without starting it. The database is migrated
    /// if it is not.
    ///
    /// # Errors
    /// When the program cannot be had, or does not migrate.
    pub fn prepare(state: &Path, database: &Database) -> Result<Cloud, SiteError> {
        let port = free_port()?;
        fs::create_dir_all(state).map_err(SiteError::io(format!("create {}", state.display())))?;
        let cloud = Cloud {
            binary: Program::Cloud.path()?,
            state: state.to_owned(),
            database: database.url(),
            admin: database.admin_url(),
            public: format!("http://127.0.0.1:{port}"),
            people: format!("http://127.0.0.1:{port}"),
            port,
            operator_port: free_port()?,
            running: None,
        };
        cloud.operate(&["migrate", "--login", SERVICE])?;
        Ok(cloud)
    }

    /// Has later starts reach the database at another address: a pooler's.
    pub fn through(&mut self, database: String) {
        self.database = database;
    }

    /// Has hubs reach it at another port: a proxy's.
    pub fn behind(&mut self, port: u16) {
        self.public = format!("http://127.0.0.1:{port}");
    }

    /// The port for hubs and people, without any proxy.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The address that hubs are told.
    pub fn public_url(&self) -> &str {
        &self.public
    }

    /// Tells people another port of this machine, as a proxy of theirs would have.
    pub fn visited_at(&mut self, port: u16) {
        self.people = format!("http://127.0.0.1:{port}");
    }

    /// The address at which people see it.
    pub fn people_url(&self) -> &str {
        &self.people
    }

    /// Asks it as a program would that is no hub.
    pub fn browser(&self) -> Browser {
        Browser::at(self.port)
    }

    /// Asks what only operators may: health and counters.
    pub fn operator(&self) -> Browser {
        Browser::at(self.operator_port)
    }

    fn environment(&self, database: &str) -> Vec<(&'static str, String)> {
        let key = self.state.join("cloud.key").display().to_string();
        vec![
            ("DATABASE_URL", database.to_owned()),
            ("FROSTGUARD_CLOUD__LISTEN", format!("127.0.0.1:{}", self.port)),
            ("FROSTGUARD_CLOUD__OPERATOR_LISTEN", format!("127.0.0.1:{}", self.operator_port)),
            ("FROSTGUARD_CLOUD__KEY_FILE", key),
            ("FROSTGUARD_CLOUD__PUBLIC_URL", self.public.clone()),
            ("FROSTGUARD_CLOUD__PEOPLE_URL", self.people.clone()),
        ]
    }

    /// Starts the service and waits until it says that it is healthy; gives how long that took.
    ///
    /// # Errors
    /// When it ends at once or is not healthy in time.
    pub fn start(&mut self, fault: Option<&str>) -> Result<Duration, SiteError> {
        let begun = self.launch(fault)?;
        let operator = self.operator();
        let ended = wait_for("the cloud is healthy", READY_WITHIN, || match operator.get("/healthz") {
            Ok(page) if page.status == 200 => Some(None),
            _ => self.ended().map(Some),
        })?;
        match ended {
            None => Ok(begun.elapsed()),
            Some(status) => {
                let said = self.stderr();
                Err(SiteError::Unexpected(format!("the cloud ended at once ({status}): {said}")))
            }
        }
    }

    /// Starts the service without waiting for anything; gives when.
    ///
    /// # Errors
    /// When its process cannot be started.
    pub fn launch(&mut self, fault: Option<&str>) -> Result<Instant, SiteError> {
        let mut environment = self.environment(&self.database);
        environment.extend(fault.map(|fault| ("FROSTGUARD_FAULT", fault.to_owned())));
        let begun = now();
        self.running = Some(Daemon::start("cloud", &self.binary, ["serve"], &environment, &self.state)?);
        Ok(begun)
    }

    /// Ends the service as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.running.take() {
            daemon.kill();
        }
    }

    /// Asks the service to end and waits for it.
    ///
    /// # Errors
    /// When it had to be killed.
    pub fn stop(&mut self) -> Result<ExitStatus, SiteError> {
        match self.running.take() {
            Some(mut daemon) => daemon.stop(STOP_GRACE),
            None => Err(SiteError::Unexpected("the cloud does not run".to_owned())),
        }
    }

    /// Whether it was started and has neither been stopped nor killed.
    pub fn is_running(&self) -> bool {
        self.running.is_some()
    }

    /// How it ended, if it was started and has ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.running.as_mut().and_then(Daemon::ended)
    }

    /// Waits until it ends by itself.
    ///
    /// # Errors
    /// When it still runs after `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> Result<ExitStatus, SiteError> {
        let Some(daemon) = self.running.as_mut() else {
            return Err(SiteError::Unexpected("the cloud does not run".to_owned()));
        };
        let ended = daemon.wait_end(limit)?;
        self.running = None;
        Ok(ended)
    }

    /// What the running service has complained, over all its runs in this folder.
    pub fn stderr(&self) -> String {
        self.running.as_ref().map(Daemon::stderr).unwrap_or_default()
    }

    /// Runs a command with the service's own login.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn command_as_service(&self, arguments: &[&str]) -> Result<Answer, SiteError> {
        self.command_at(&self.database, arguments)
    }

    /// Runs a command of the operator's, with the login of whoever migrates.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn command(&self, arguments: &[&str]) -> Result<Answer, SiteError> {
        self.command_at(&self.admin, arguments)
    }

    fn command_at(&self, database: &str, arguments: &[&str]) -> Result<Answer, SiteError> {
        self.command_with(database, arguments, None)
    }

    fn command_with(
        &self,
        database: &str,
        arguments: &[&str],
        input: Option<&str>,
    ) -> Result<Answer, SiteError> {
        let mut command = tied_command(&self.binary);
        command.args(arguments).envs(self.environment(database));
        answer_of(command, input)
    }

    /// Runs a command of the operator's with one line on its standard input.
    ///
    /// # Errors
    /// When it cannot be run.
    pub fn command_told(&self, arguments: &[&str], input: &str) -> Result<Answer, SiteError> {
        self.command_with(&self.admin, arguments, Some(input))
    }

    /// Runs a command of the operator's that answers in JSON, and must succeed.
    ///
    /// # Errors
    /// When it fails, or what it prints is not JSON.
    pub fn operate(&self, arguments: &[&str]) -> Result<Value, SiteError> {
        let mut words = arguments.to_vec();
        words.push("--json");
        let what = format!("frostguard-cloud {}", words.join(" "));
        let answer = self.command(&words)?;
        if !answer.status.success() {
            return Err(SiteError::Unexpected(format!("{what}: {}", answer.stderr)));
        }
        serde_json::from_str(&answer.stdout).map_err(|source| SiteError::Json { what, source })
    }

    /// Writes a hub's record as a bundle.
    ///
    /// # Errors
    /// When the command fails.
    pub fn export(&self, hub: &str, bundle: &Path) -> Result<(), SiteError> {
        let bundle = bundle.display().to_string();
        let answer = self.command(&["export", "--hub", hub, "--out", &bundle])?;
        if answer.status.success() {
            return Ok(());
        }
        Err(SiteError::Unexpected(format!("frostguard-cloud export: {}", answer.stderr)))
    }

    /// What the API answers to whoever shows this key.
    ///
    /// # Errors
    /// When it does not answer with 200 and JSON.
    pub fn ask(&self, key: &str, path: &str) -> Result<Value, SiteError> {
        let page = self.browser().with_key(key).get(&format!("/api/v1{path}"))?;
        if page.status != 200 {
            return Err(SiteError::Unexpected(format!("{path}: {} {}", page.status, page.body)));
        }
        serde_json::from_str(&page.body).map_err(|source| SiteError::Json { what: path.to_owned(), source })
    }

    /// Makes an organization with one site, and gives a key for its API and a code for one hub of the site.
    ///
    /// # Errors
    /// When a command fails.
    pub fn let_in(&self, organization: &str, site: &str) -> Result<LetIn, SiteError> {
        let made = self.operate(&["organization", "add", organization])?;
        let slug = word(&made, "slug")?;
        let made = self.operate(&["api-key", "add", "tests", "--organization", &slug])?;
        let api_key = word(&made, "key")?;
        let Invitation { site, code, link } = self.invite(&slug, site)?;
        Ok(LetIn { organization: slug, site, code, link, api_key })
    }

    /// Makes somebody a member of an organization who signs in with this mail and password.
    ///
    /// # Errors
    /// When the command fails.
    pub fn add_person(&self, organization: &str, person: &Newcomer<'_>) -> Result<(), SiteError> {
        let Newcomer { name, email, role, password } = *person;
        let words = ["person", "add", name, "--email", email, "--organization", organization, "--role", role];
        let answer = self.command_told(&words, password)?;
        if answer.status.success() {
            return Ok(());
        }
        Err(SiteError::Unexpected(format!("frostguard-cloud person add: {}", answer.stderr)))
    }

    /// Makes a further site of an organization, and gives a code for one hub of it.
    ///
    /// # Errors
    /// When a command fails.
    pub fn invite(&self, organization: &str, site: &str) -> Result<Invitation, SiteError> {
        let made = self.operate(&["site", "add", site, "--organization", organization])?;
        let site = word(&made, "id")?;
        let made = self.operate(&["claim-code", "--site", &site])?;
        Ok(Invitation { site, code: word(&made, "code")?, link: word(&made, "link")? })
    }
}

/// Somebody who is to become a member of an organization.
#[derive(Clone, Copy, Debug)]
pub struct Newcomer<'a> {
    /// What people call them.
    pub name: &'a str,
    /// The mail with which they sign in.
    pub email: &'a str,
    /// What they may do.
    pub role: &'a str,
    /// The password with which they sign in.
    pub password: &'a str,
}

/// What lets a hub into a site.
#[derive(Clone, Debug)]
pub struct Invitation {
    /// The site's id.
    pub site: String,
    /// A claim code for one hub.
    pub code: String,
    /// The same as a link, with the cloud's address.
    pub link: String,
}

/// What lets a hub and a program into an organization.
#[derive(Clone, Debug)]
pub struct LetIn {
    /// The organization's short name.
    pub organization: String,
    /// The site's id.
    pub site: String,
    /// A claim code for one hub.
    pub code: String,
    /// The same as a link, with the cloud's address.
    pub link: String,
    /// A key for the API.
    pub api_key: String,
}

fn word(value: &Value, key: &str) -> Result<String, SiteError> {
    let found = value[key].as_str().map(str::to_owned);
    found.ok_or_else(|| SiteError::Unexpected(format!("there is no {key} in {value}")))
}
