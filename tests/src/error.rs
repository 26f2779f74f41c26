//! Owns the one error type of the simulated site and its harness.
//! Takes what failed and why; gives a sentence that names both.
//! Must never hide the underlying cause or carry a secret such as a PIN.

use std::time::Duration;

use thiserror::Error;

/// What can go wrong while a simulated site, a child process or the hub under test is driven.
#[derive(Debug, Error)]
pub enum SiteError {
    /// A file, socket or process operation of the operating system failed.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
    /// Something awaited did not come about in time.
    #[error("{what}: not within {limit:?}")]
    NotInTime {
        /// What was awaited.
        what: String,
        /// How long it was awaited.
        limit: Duration,
    },
    /// The private message bus refused or failed.
    #[error("D-Bus: {0}")]
    Bus(#[from] zbus::Error),
    /// The MQTT client refused a request.
    #[error("MQTT: {0}")]
    Mqtt(#[from] rumqttc::ClientError),
    /// An HTTP request got no answer at all.
    #[error("HTTP {url}: {source}")]
    Http {
        /// The address asked.
        url: String,
        /// Why there was no answer.
        source: Box<ureq::Error>,
    },
    /// A text that should be JSON is not.
    #[error("{what} is not JSON: {source}")]
    Json {
        /// Where the text came from.
        what: String,
        /// What the parser says.
        source: serde_json::Error,
    },
    /// Something answered, but not as it must.
    #[error("{0}")]
    Unexpected(String),
}

impl SiteError {
    /// Wraps an operating-system error with what was being done.
    pub fn io(what: impl Into<String>) -> impl FnOnce(std::io::Error) -> SiteError {
        let what = what.into();
        move |source| SiteError::Io { what, source }
    }
}
