//! The cloud's settings: where its database and its key are, where it listens, and how much it takes at once.
//!
//! Layers, later over earlier: defaults, the file, environment variables `FROSTGUARD_CLOUD__SECTION__KEY`, and
//! `DATABASE_URL` for the database's address. An unknown key is refused and named with file and line. The address may
//! hold a password: it has a type of its own, which never shows it.

use crate::api::origin::{OwnAddress, Peer};
use config::{Config as Layers, Environment, File, FileFormat};
use serde::Deserialize;
use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where the settings are if nobody says otherwise.
pub const FILE: &str = "/etc/frostguard/cloud.toml";

/// The settings cannot be used. Stop, and show the message: it names the place.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("settings {path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// Something in the file is wrong.
    #[error("{path}:{line}: {what}")]
    Content {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        what: String,
    },
    /// The layers together are wrong: an environment variable, since the file by itself was right.
    #[error("the environment (FROSTGUARD_CLOUD__…) does not fit the settings")]
    Environment(#[source] config::ConfigError),
    /// The same, found by a rule.
    #[error("with the environment (FROSTGUARD_CLOUD__…): {what}")]
    Together {
        /// What is wrong.
        what: String,
    },
    /// Nobody says where the database is.
    #[error("no database is named: set DATABASE_URL, or url under [database] in the settings")]
    NoDatabase,
}

/// The address of a database. It may hold a password and is never shown.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// An address.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }
    /// The address, to connect with and for nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DatabaseUrl(not shown)")
    }
}

/// All settings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Where hubs and people are served, in plain HTTP.
    pub listen: SocketAddr,
    /// Where operators' counters and health are served.
    pub operator_listen: SocketAddr,
    /// Whether a proxy that speaks TLS stands before it; without one it serves this machine alone.
    pub behind_tls_proxy: bool,
    /// The address under which hubs reach it, as links and QR codes carry it.
    pub public_url: String,
    /// The address under which people reach it, if it is another one: what changes something with a session must come
    /// from there.
    pub people_url: Option<String>,
    /// The file of the cloud's key.
    pub key_file: PathBuf,
    /// The database.
    pub database: DatabaseConfig,
    /// The hubs' record.
    pub ingest: IngestConfig,
    /// Everything that hubs ask.
    pub requests: RequestsConfig,
    /// What people and programs ask.
    pub api: ApiConfig,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DatabaseConfig {
    /// Its address; `DATABASE_URL` comes first.
    pub url: Option<DatabaseUrl>,
    /// Connections of this process at most.
    pub connections: u32,
}

/// `[ingest]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IngestConfig {
    /// Batches in work at once; a hub that comes beyond that is asked to wait.
    pub concurrent: usize,
}

/// `[requests]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RequestsConfig {
    /// Requests of hubs in work at once, batches included.
    pub concurrent: usize,
    /// Hubs that wait at once for what is desired of them.
    pub waiting: usize,
}

/// `[api]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ApiConfig {
    /// Requests of people and programs in work at once.
    pub concurrent: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8700)),
            operator_listen: SocketAddr::from(([127, 0, 0, 1], 8701)),
            behind_tls_proxy: false,
            public_url: "http://127.0.0.1:8700".into(),
            people_url: None,
            key_file: "/var/lib/frostguard-cloud/cloud.key".into(),
            database: DatabaseConfig::default(),
            ingest: IngestConfig::default(),
            requests: RequestsConfig::default(),
            api: ApiConfig::default(),
        }
    }
}

impl Default for DatabaseConfig {
    fn default() -> Self {
        Self { url: None, connections: 20 }
    }
}

impl Default for IngestConfig {
    fn default() -> Self {
        Self { concurrent: 8 }
    }
}

impl Default for RequestsConfig {
    fn default() -> Self {
        Self { concurrent: 256, waiting: 4_096 }
    }
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self { concurrent: 6 }
    }
}

impl Config {
    /// The database's address.
    ///
    /// # Errors
    /// Nobody says where it is.
    pub fn database_url(&self) -> Result<&DatabaseUrl, ConfigError> {
        self.database.url.as_ref().ok_or(ConfigError::NoDatabase)
    }

    /// The cloud's own address as people reach it.
    pub fn own_address(&self) -> OwnAddress {
        let peer = if self.behind_tls_proxy { Peer::Forwarded } else { Peer::Connected };
        OwnAddress::of(self.people_url.as_ref().unwrap_or(&self.public_url), peer)
    }

    /// What the types cannot say: the key that is wrong, and why.
    fn fault(&self) -> Option<(&'static str, String)> {
        let within = |key, value: usize, most| {
            let is_wrong = !(1..=most).contains(&value);
            is_wrong.then(|| (key, format!("{key} {value} is outside 1 to {most}")))
        };
        let no_address = |key, url: &String| {
            let host = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let is_wrong =
                host.is_none_or(|host| host.is_empty() || host.contains([' ', '#', '?', '"', '@']));
            is_wrong.then(|| (key, format!("{key} \"{url}\" is no address of a web server")))
        };
        let people_url = self.people_url.as_ref().and_then(|url| no_address("people_url", url));
        if let Some(fault) = no_address("public_url", &self.public_url).or(people_url) {
            return Some(fault);
        }
        if !self.behind_tls_proxy && !self.listen.ip().is_loopback() {
            let what = format!(
                "listen {} is open to others, but what is served is plain HTTP: put a proxy that speaks TLS before it \
                 and say behind_tls_proxy = true",
                self.listen
            );
            return Some(("listen", what));
        }
        within("database.connections", self.database.connections as usize, 1_000)
            .or_else(|| within("ingest.concurrent", self.ingest.concurrent, 1_000))
            .or_else(|| within("requests.concurrent", self.requests.concurrent, 10_000))
            .or_else(|| within("requests.waiting", self.requests.waiting, 100_000))
            .or_else(|| within("api.concurrent", self.api.concurrent, 1_000))
    }
}

/// Loads all layers of a file that must be there.
///
/// # Errors
/// The file cannot be read, or something in a layer is wrong; the error names the place.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
    layered(path, &text, None, std::env::var("DATABASE_URL").ok())
}

/// Loads all layers; of the usual file only if it is there.
///
/// # Errors
/// The file is there but cannot be read, or something in a layer is wrong; the error names the place.
pub fn load_usual() -> Result<Config, ConfigError> {
    match load(Path::new(FILE)) {
        Err(ConfigError::Read { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            layered(Path::new(FILE), "", None, std::env::var("DATABASE_URL").ok())
        }
        loaded => loaded,
    }
}

/// The layers of a text, of the environment (or what stands for it) and of `DATABASE_URL`.
fn layered(
    path: &Path,
    text: &str,
    environment: Option<HashMap<String, String>>,
    database_url: Option<String>,
) -> Result<Config, ConfigError> {
    // The file is parsed by itself first, for the `config` crate knows the key of a fault but not its line.
    let alone = toml::from_str::<Config>(text).map_err(|fault| {
        let line = fault.span().map_or(1, |span| 1 + text[..span.start].matches('\n').count());
        ConfigError::Content { path: path.into(), line, what: fault.message().to_owned() }
    })?;
    let prefixed = Environment::with_prefix("FROSTGUARD_CLOUD")
        .prefix_separator("__")
        .separator("__")
        .try_parsing(true)
        .source(environment);
    let mut config: Config = Layers::builder()
        .add_source(File::from_str(text, FileFormat::Toml))
        .add_source(prefixed)
        .build()
        .and_then(Layers::try_deserialize)
        .map_err(ConfigError::Environment)?;
    if let Some(url) = database_url.filter(|url| !url.is_empty()) {
        config.database.url = Some(DatabaseUrl(url));
    }
    let Some((_, what)) = config.fault() else { return Ok(config) };
    // A fault that the file has by itself is shown where it stands.
    Err(match alone.fault() {
        Some((key, what)) => ConfigError::Content { path: path.into(), line: line_of_key(text, key), what },
        None => ConfigError::Together { what },
    })
}

/// The line, from 1, of a key as in `section.key`.
fn line_of_key(text: &str, key: &str) -> usize {
    let (section, key) = key.split_once('.').unwrap_or(("", key));
    let head = format!("[{section}]");
    let mut lines =
        text.lines().enumerate().skip_while(|(_, line)| !section.is_empty() && line.trim() != head);
    lines.find(|(_, line)| line.trim_start().starts_with(key)).map_or(1, |(at, _)| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str, environment: &[(&str, &str)], url: Option<&str>) -> Result<Config, ConfigError> {
        let environment = environment.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        layered(Path::new("cloud.toml"), text, Some(environment), url.map(Into::into))
    }

    #[test]
    fn nothing_said_gives_the_defaults_and_no_database() {
        let config = loaded("", &[], None).unwrap();
        assert_eq!(config.listen.to_string(), "127.0.0.1:8700");
        assert_eq!((config.database.connections, config.ingest.concurrent), (20, 8));
        assert!(matches!(config.database_url(), Err(ConfigError::NoDatabase)));
    }

    #[test]
    fn the_environment_comes_over_the_file_and_database_url_over_both() {
        let text = "[database]\nurl = \"postgres://file\"\nconnections = 3\n";
        let environment =
            [("FROSTGUARD_CLOUD__DATABASE__CONNECTIONS", "5"), ("FROSTGUARD_CLOUD__LISTEN", "127.0.0.1:9")];
        let config = loaded(text, &environment, None).unwrap();
        assert_eq!((config.database.connections, config.listen.port()), (5, 9));
        assert_eq!(config.database_url().unwrap().expose(), "postgres://file");
        let config = loaded(text, &environment, Some("postgres://environment")).unwrap();
        assert_eq!(config.database_url().unwrap().expose(), "postgres://environment");
    }

    #[test]
    fn an_unknown_key_is_refused_and_named_with_file_and_line() {
        let error = loaded("listen = \"127.0.0.1:1\"\n\n[database]\nurls = \"x\"\n", &[], None)
            .unwrap_err()
            .to_string();
        assert!(error.contains("cloud.toml:4:") && error.contains("urls"), "{error}");
        let error = loaded("", &[("FROSTGUARD_CLOUD__DATABASE__URLS", "x")], None).unwrap_err();
        assert!(matches!(error, ConfigError::Environment(_)), "{error}");
    }

    #[test]
    fn a_value_out_of_range_is_named_where_it_was_set() {
        let error = loaded("[database]\nconnections = 0\n", &[], None).unwrap_err().to_string();
        assert!(error.contains("cloud.toml:2:") && error.contains("1 to 1000"), "{error}");
        let text = "[ingest]\nconcurrent = 1\n[requests]\nconcurrent = 0\n";
        let error = loaded(text, &[], None).unwrap_err().to_string();
        assert!(error.contains("cloud.toml:4:") && error.contains("requests"), "{error}");
        let error = loaded("", &[("FROSTGUARD_CLOUD__INGEST__CONCURRENT", "0")], None).unwrap_err();
        assert!(matches!(error, ConfigError::Together { .. }), "{error}");
        assert!(loaded("public_url = \"cloud.example\"\n", &[], None).is_err());
        assert!(loaded("people_url = \"https://\"\n", &[], None).is_err());
    }

    #[test]
    fn plain_http_is_served_to_this_machine_alone_unless_a_proxy_stands_before_it() {
        let error = loaded("listen = \"0.0.0.0:8700\"\n", &[], None).unwrap_err().to_string();
        assert!(error.contains("cloud.toml:1:") && error.contains("behind_tls_proxy"), "{error}");
        assert!(loaded("listen = \"0.0.0.0:8700\"\nbehind_tls_proxy = true\n", &[], None).is_ok());
    }

    #[test]
    fn the_password_of_the_database_shows_in_no_debug_output() {
        let config = loaded("", &[], Some("postgres://u:opensesame@127.0.0.1/x")).unwrap();
        assert!(!format!("{config:?}").contains("opensesame"));
        let url = config.database_url().unwrap();
        let database = crate::store::Database::connect("postgres://u:opensesame@h:99999/x", 1).unwrap_err();
        assert!(!format!("{database:?}").contains("opensesame"));
        assert!(!format!("{url:?}").contains("opensesame"));
    }

    #[test]
    fn the_installed_settings_are_right_and_every_value_in_them_is_the_default() {
        let text = include_str!("../../packaging/etc/cloud.toml");
        let installed = loaded(text, &[], None).unwrap();
        assert_eq!(format!("{installed:?}"), format!("{:?}", Config::default()));
    }
}
