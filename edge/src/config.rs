//! The hub's own configuration: where its state is, which sources it hears, where its page is.
//!
//! Layers, later over earlier: defaults, the file, environment variables `FROSTGUARD_EDGE__SECTION__KEY`. An unknown
//! key is refused and named with file and line. What belongs to the site (people, units, limits, sensors, outputs) is
//! in the site document instead.

use config::{Config as Layers, Environment, File, FileFormat};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The configuration cannot be used. Stop, and show the message: it names the place.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("configuration {path} cannot be read")]
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
    #[error("the environment (FROSTGUARD_EDGE__…) does not fit the configuration")]
    Environment(#[source] config::ConfigError),
}

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the journal and the identity.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// The site document.
    #[serde(default = "default_site")]
    pub site: PathBuf,
    /// The clock.
    #[serde(default)]
    pub clock: ClockConfig,
    /// The hub's page.
    #[serde(default)]
    pub page: PageConfig,
    /// Bluetooth.
    #[serde(default)]
    pub ble: BleConfig,
    /// LoRaWAN over MQTT.
    #[serde(default)]
    pub lorawan: LorawanConfig,
    /// The journal.
    #[serde(default)]
    pub journal: JournalConfig,
    /// The cloud.
    #[serde(default)]
    pub cloud: CloudConfig,
}

/// `[clock]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClockConfig {
    /// True on a virtual machine or in a container whose host keeps the time.
    pub kept_by_host: bool,
}

/// `[page]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PageConfig {
    /// Where the page listens.
    pub listen: SocketAddr,
    /// Names by which a browser may ask for it, beside its address and loopback names.
    pub hosts: Vec<String>,
}

/// `[ble]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BleConfig {
    /// Whether to listen.
    pub enabled: bool,
    /// The adapter, as BlueZ names it.
    pub adapter: String,
}

/// `[lorawan]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LorawanConfig {
    /// Whether to listen.
    pub enabled: bool,
    /// The broker of the network server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The application's id, `+` for all.
    pub application: String,
    /// User name at the broker.
    pub username: Option<String>,
    /// File that holds the password.
    pub password_file: Option<PathBuf>,
}

/// `[journal]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct JournalConfig {
    /// Readings are made durable together at least this often; a power cut loses at most so much of them.
    pub group_seconds: u16,
}

/// `[cloud]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CloudConfig {
    /// Whether an enrolled hub speaks to its cloud.
    pub enabled: bool,
    /// The cloud's address for `enrol` with a bare code; a link carries its own.
    pub url: Option<String>,
    /// Certificates to trust beside those of the system, as PEM.
    pub ca_file: Option<PathBuf>,
    /// How long the hub has to prove itself healthy under rules from the cloud before it takes them back.
    pub trial_seconds: u16,
}

impl Default for CloudConfig {
    fn default() -> Self {
        Self { enabled: true, url: None, ca_file: None, trial_seconds: 75 }
    }
}

impl Default for PageConfig {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 8080)), hosts: Vec::new() }
    }
}

impl Default for BleConfig {
    fn default() -> Self {
        Self { enabled: true, adapter: "hci0".into() }
    }
}

impl Default for LorawanConfig {
    fn default() -> Self {
        let (username, password_file) = (None, None);
        Self {
            enabled: false,
            host: "127.0.0.1".into(),
            port: 1883,
            application: "+".into(),
            username,
            password_file,
        }
    }
}

impl Default for JournalConfig {
    fn default() -> Self {
        Self { group_seconds: 5 }
    }
}

fn default_state_dir() -> PathBuf {
    "/var/lib/frostguard".into()
}

fn default_site() -> PathBuf {
    "/etc/frostguard/site.toml".into()
}

/// Loads all layers.
///
/// # Errors
/// The file cannot be read, or something in a layer is wrong; the error names the place.
pub fn load(path: &Path) -> Result<Config, ConfigError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.into(), source })?;
    // The file is parsed by itself first, for the `config` crate knows the key of a fault but not its line.
    let alone = toml::from_str::<Config>(&text).map_err(|fault| content(path, &text, &fault))?;
    for (key, value, allowed) in [
        ("group_seconds", alone.journal.group_seconds, 1..=60),
        ("trial_seconds", alone.cloud.trial_seconds, 10..=90),
    ] {
        if !allowed.contains(&value) {
            let line = 1 + text.lines().position(|line| line.trim_start().starts_with(key)).unwrap_or(0);
            let what = format!("{key} {value} is outside {} to {}", allowed.start(), allowed.end());
            return Err(ConfigError::Content { path: path.into(), line, what });
        }
    }
    Layers::builder()
        .add_source(File::from_str(&text, FileFormat::Toml))
        .add_source(
            Environment::with_prefix("FROSTGUARD_EDGE")
                .prefix_separator("__")
                .separator("__")
                .try_parsing(true),
        )
        .build()
        .and_then(Layers::try_deserialize)
        .map_err(ConfigError::Environment)
}

/// A fault of the TOML reader with file and line.
pub(crate) fn content(path: &Path, text: &str, fault: &toml::de::Error) -> ConfigError {
    let line = fault.span().map_or(1, |span| line_of(text, span.start));
    ConfigError::Content { path: path.into(), line, what: fault.message().to_owned() }
}

/// The line, from 1, of a byte.
pub(crate) fn line_of(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loaded(text: &str) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hub.toml");
        std::fs::write(&path, text).unwrap();
        load(&path)
    }

    #[test]
    fn an_empty_file_gives_the_defaults() {
        let config = loaded("").unwrap();
        assert_eq!(config.state_dir, PathBuf::from("/var/lib/frostguard"));
        assert!(config.ble.enabled && !config.lorawan.enabled);
        assert_eq!(config.journal.group_seconds, 5);
    }

    #[test]
    fn an_unknown_key_is_refused_and_named_with_file_and_line() {
        let error = loaded("state_dir = \"/tmp/x\"\n\n[page]\nlisten = \"127.0.0.1:1\"\nhostz = []\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("hub.toml:5:") && error.contains("hostz"), "{error}");
    }

    #[test]
    fn a_value_of_the_wrong_kind_or_out_of_range_is_named_with_its_line() {
        let error = loaded("[page]\nlisten = \"nowhere\"\n").unwrap_err().to_string();
        assert!(error.contains("hub.toml:2:"), "{error}");
        let error = loaded("[journal]\ngroup_seconds = 900\n").unwrap_err().to_string();
        assert!(error.contains("hub.toml:2:") && error.contains("1 to 60"), "{error}");
        let error = loaded("[cloud]\ntrial_seconds = 9\n").unwrap_err().to_string();
        assert!(error.contains("hub.toml:2:") && error.contains("10 to 90"), "{error}");
    }
}
