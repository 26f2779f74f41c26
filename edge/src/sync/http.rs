//! HTTP: one message to the cloud, one answer.
//!
//! Owns the address rule (TLS, except to this machine itself), the time limits, the packing, and what an answer may
//! weigh. The token is never shown. It decides nothing: a refusal is handed on with its reason.

use super::tls::{self, TlsError};
use crate::clock::Clock;
use frostguard_shared::wire::{MEDIA_TYPE, PACKED_MAX, Problem, from_bytes, to_bytes};
use minicbor::{Decode, Encode};
use reqwest::header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER};
use reqwest::{Client, Url, redirect};
use std::fmt;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;
use thiserror::Error;

/// Until a connection stands.
const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// A connection on which what was sent is not taken for so long is dead.
const TAKEN_WITHIN: Duration = Duration::from_secs(30);
/// A full batch over a slow line takes long; the smaller ones that follow a time-out do not.
const WHOLE_WITHIN: Duration = Duration::from_secs(120);
/// What an answer may weigh if nothing else is said; all of them are far smaller.
const ANSWER_MAX: usize = 64 * 1_024;
/// The longest wait that an answer can ask for.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(3_600);
/// How hard bodies are packed: the least that is worth it on a small processor.
const PACKING: i32 = 1;

/// An address that a hub cannot ask. Show it to whoever wrote it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AddressError {
    /// No URL.
    #[error("\"{0}\" is no address of a cloud, as in https://cloud.example")]
    Form(String),
    /// Without TLS to another machine.
    #[error("\"{0}\" is not https: without TLS a hub speaks to its own machine alone")]
    Plain(String),
}

/// A cloud's address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Address(Url);

impl Address {
    /// Reads an address: `https`, or `http` to this machine itself.
    ///
    /// # Errors
    /// It is none, or it leads over the network without TLS.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let form = || AddressError::Form(text.chars().take(200).collect());
        let mut url = Url::parse(text.trim()).map_err(|_| form())?;
        if !matches!(url.scheme(), "https" | "http") || url.cannot_be_a_base() || url.host_str().is_none() {
            return Err(form());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(form());
        }
        url.set_query(None);
        url.set_fragment(None);
        let address = Self(url);
        if address.0.scheme() == "http" && !address.is_own_machine() {
            return Err(AddressError::Plain(text.chars().take(200).collect()));
        }
        Ok(address)
    }

    fn is_own_machine(&self) -> bool {
        let host = self.0.host_str().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|host| host.is_loopback())
    }

    fn at(&self, path: &str) -> String {
        format!("{self}{path}")
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

/// The way to the cloud cannot be prepared. Show it; it is the configuration that is wrong.
#[derive(Debug, Error)]
pub enum LinkError {
    /// TLS.
    #[error("TLS cannot be prepared")]
    Tls(#[from] TlsError),
    /// The client.
    #[error("the HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
}

/// A message was not answered as hoped. Try again later, as the reason says.
#[derive(Debug, Error)]
pub enum Failure {
    /// No answer at all.
    #[error("the cloud cannot be reached")]
    Unreachable(#[source] reqwest::Error),
    /// The cloud says why not.
    #[error("the cloud says: {} ({:?})", .problem.text, .problem.reason)]
    Refused {
        /// Why.
        problem: Box<Problem>,
        /// How long to wait at least.
        retry_after: Option<Duration>,
    },
    /// Somebody answered who is no cloud of ours, or half of it.
    #[error("the answer is none of a FrostGuard cloud (HTTP {status})")]
    Strange {
        /// The HTTP status.
        status: u16,
        /// How long to wait at least.
        retry_after: Option<Duration>,
    },
    /// The cloud's word is not signed by the key that this hub knows.
    #[error("the answer is not signed by the cloud's key that this hub knows")]
    Unsigned,
    /// The message cannot be packed.
    #[error("the message cannot be packed")]
    Packing(#[source] std::io::Error),
}

impl Failure {
    /// True if the time for a whole request passed, so that less should be sent at once.
    pub fn is_too_slow(&self) -> bool {
        matches!(self, Self::Unreachable(fault) if fault.is_timeout() && !fault.is_connect())
    }
    /// How long the answer asks to wait.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Refused { retry_after, .. } | Self::Strange { retry_after, .. } => *retry_after,
            Self::Unreachable(_) | Self::Unsigned | Self::Packing(_) => None,
        }
    }
    /// What the cloud said, if it spoke.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused { problem, .. } => Some(problem),
            Self::Unreachable(_) | Self::Strange { .. } | Self::Unsigned | Self::Packing(_) => None,
        }
    }
}

/// A login's token: in no log and no `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(pub [u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// A way to one cloud. A copy has connections of its own only if it was opened by itself.
#[derive(Clone)]
pub struct Link {
    client: Client,
    address: Address,
    answer_max: usize,
}

impl Link {
    /// Prepares the way; nothing is sent yet.
    ///
    /// # Errors
    /// Certificates cannot be read, or the client cannot be made.
    pub fn open(address: Address, ca_file: Option<&Path>, clock: &Clock) -> Result<Self, LinkError> {
        let roots = if address.0.scheme() == "https" { tls::roots(ca_file)? } else { tls::no_roots() };
        let builder = Client::builder()
            .tls_backend_preconfigured(tls::settings(roots, clock.clone())?)
            .user_agent(concat!("frostguard-edge/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .http1_only()
            .connect_timeout(CONNECT_WITHIN)
            .tcp_user_timeout(TAKEN_WITHIN)
            .timeout(WHOLE_WITHIN)
            .pool_max_idle_per_host(1);
        let builder = if address.is_own_machine() { builder.no_proxy() } else { builder };
        Ok(Self { client: builder.build().map_err(LinkError::Client)?, address, answer_max: ANSWER_MAX })
    }

    /// The same way for answers of up to so many bytes.
    #[must_use]
    pub fn taking(self, answer_max: usize) -> Self {
        Self { answer_max, ..self }
    }

    /// Sends a message and reads the answer.
    ///
    /// # Errors
    /// No answer, or another one.
    pub async fn ask<Q: Encode<()>, A: for<'b> Decode<'b, ()>>(
        &self,
        path: &str,
        message: &Q,
        token: Option<&Token>,
    ) -> Result<A, Failure> {
        let body = self.send(path, packed(message)?, token).await?;
        from_bytes(&body).map_err(|_| Failure::Strange { status: 200, retry_after: None })
    }

    /// Sends a packed message and gives the bytes of the answer.
    ///
    /// # Errors
    /// No answer, or a refusal.
    pub async fn send(&self, path: &str, body: Vec<u8>, token: Option<&Token>) -> Result<Vec<u8>, Failure> {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
        if let Some(mut value) =
            token.and_then(|token| HeaderValue::from_str(&format!("Bearer {}", hex::encode(token.0))).ok())
        {
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let request = self.client.post(self.address.at(path)).headers(headers).body(body);
        let mut response = request.send().await.map_err(Failure::Unreachable)?;
        let status = response.status();
        let retry_after = retry_after(response.headers());
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(Failure::Unreachable)? {
            if bytes.len() + chunk.len() > self.answer_max {
                return Err(Failure::Strange { status: status.as_u16(), retry_after });
            }
            bytes.extend_from_slice(&chunk);
        }
        if status.is_success() {
            return Ok(bytes);
        }
        match from_bytes::<Problem>(&bytes) {
            Ok(problem) => Err(Failure::Refused { problem: Box::new(problem), retry_after }),
            Err(_) => Err(Failure::Strange { status: status.as_u16(), retry_after }),
        }
    }
}

/// Packs a message.
///
/// # Errors
/// The packer fails.
pub fn packed<M: Encode<()>>(message: &M) -> Result<Vec<u8>, Failure> {
    zstd::bulk::compress(&to_bytes(message), PACKING).map_err(Failure::Packing)
}

/// True if a packed body leaves room below what the cloud takes.
pub fn is_small_enough(body: &[u8]) -> bool {
    body.len() <= PACKED_MAX / 8 * 7
}

fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds).min(RETRY_AFTER_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_leads_over_the_network_by_tls_alone() {
        for good in [
            "https://cloud.example",
            "https://cloud.example:8443/base/",
            "http://127.0.0.1:8080",
            "http://localhost:1",
            "http://[::1]:1",
        ] {
            assert!(Address::parse(good).is_ok(), "{good}");
        }
        assert_eq!(
            Address::parse("https://cloud.example/base/").unwrap().at("/hub/v1/login"),
            "https://cloud.example/base/hub/v1/login"
        );
        for plain in ["http://cloud.example", "http://10.0.0.1", "http://127.0.0.1.evil.example"] {
            assert!(matches!(Address::parse(plain), Err(AddressError::Plain(_))), "{plain}");
        }
        for none in [
            "",
            "cloud.example",
            "ftp://cloud.example",
            "https://",
            "https://user:secret@cloud.example",
            "data:,x",
        ] {
            assert!(matches!(Address::parse(none), Err(AddressError::Form(_))), "{none}");
        }
    }

    #[test]
    fn a_token_does_not_show() {
        assert_eq!(format!("{:?}", Token([0xAB; 32])), "Token");
    }

    #[test]
    fn an_answer_cannot_ask_for_a_wait_without_end() {
        let asked = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(RETRY_AFTER, HeaderValue::from_str(text).unwrap());
            retry_after(&headers)
        };
        assert_eq!(asked("7"), Some(Duration::from_secs(7)));
        assert_eq!(asked("99999999999"), Some(RETRY_AFTER_MAX));
        assert_eq!(asked("-1"), None);
        assert_eq!(asked("Wed, 21 Oct 2015 07:28:00 GMT"), None);
    }
}
