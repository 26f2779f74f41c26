//! Owns a person at a browser who speaks to the cloud's API: signs in, asks with their session, and listens to what changes.
//! Takes a port; gives answers and events as they came.
//! Must never send what a page of the cloud's own would not, unless a test says so.

use std::io::{BufRead, BufReader};
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use crate::clock::now;
use crate::error::SiteError;

/// One answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Its headers.
    pub headers: HeaderMap,
    /// The body as text.
    pub body: String,
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
    /// A header's text, empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
    /// The token of the cookie that the answer sets.
    pub fn token(&self) -> Option<String> {
        let kept = self.header("set-cookie").strip_prefix("fg_session=")?;
        kept.split(';').next().filter(|token| !token.is_empty()).map(str::to_owned)
    }
}

/// A browser at the cloud's own page.
#[derive(Clone, Debug)]
pub struct Visitor {
    agent: Agent,
    base: String,
    headers: Vec<(String, String)>,
}

impl Visitor {
    /// Somebody who has opened the cloud at a port of this machine.
    pub fn at(port: u16) -> Visitor {
        let agent = Agent::config_builder().http_status_as_error(false).max_idle_connections(0).build();
        let base = format!("http://127.0.0.1:{port}");
        Visitor { agent: agent.new_agent(), headers: vec![("Origin".to_owned(), base.clone())], base }
    }

    /// The same with a session.
    #[must_use]
    pub fn with_session(&self, token: &str) -> Visitor {
        self.with_header("Cookie", &format!("fg_session={token}"))
    }

    /// The same as a program with a key.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Visitor {
        self.with_header("Authorization", &format!("Bearer {key}"))
    }

    /// The same as a proxy would pass it on from an address.
    #[must_use]
    pub fn from_address(&self, address: IpAddr) -> Visitor {
        self.with_header("X-Forwarded-For", &address.to_string())
    }

    fn with_header(&self, name: &str, value: &str) -> Visitor {
        let mut visitor = self.clone();
        visitor.headers.push((name.to_owned(), value.to_owned()));
        visitor
    }

    fn request(&self, method: &str, path: &str) -> ureq::http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}/api/v1{path}", self.base));
        self.headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    fn unanswered(&self, path: &str) -> impl FnOnce(ureq::Error) -> SiteError {
        let url = format!("{}{path}", self.base);
        move |source| SiteError::Http { url, source: Box::new(source) }
    }

    /// Asks a path of the API, with a JSON body if there is one.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Answer, SiteError> {
        let mut request = self.request(method, path);
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let request = request.body(body.map(Value::to_string).unwrap_or_default());
        let request = request.map_err(|fault| SiteError::Unexpected(format!("{path}: {fault}")))?;
        let mut response = self.agent.run(request).map_err(self.unanswered(path))?;
        let body = response.body_mut().read_to_string().map_err(self.unanswered(path))?;
        Ok(Answer { status: response.status().as_u16(), headers: response.headers().clone(), body })
    }

    /// Tries to sign in.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn sign_in(&self, email: &str, password: &str) -> Result<Answer, SiteError> {
        self.ask("POST", "/session", Some(&json!({ "email": email, "password": password })))
    }

    /// Signs in; gives the same visitor with the session.
    ///
    /// # Errors
    /// When the cloud does not let them in.
    pub fn signed_in(&self, email: &str, password: &str) -> Result<Visitor, SiteError> {
        let answer = self.sign_in(email, password)?;
        let refused = || SiteError::Unexpected(format!("not signed in: {} {}", answer.status, answer.body));
        answer.token().map(|token| self.with_session(&token)).ok_or_else(refused)
    }

    /// Opens the stream of what changes.
    ///
    /// # Errors
    /// When it is refused.
    pub fn listen(&self) -> Result<Events, SiteError> {
        let request = self.request("GET", "/stream").body(String::new());
        let request = request.map_err(|fault| SiteError::Unexpected(format!("/stream: {fault}")))?;
        let mut response = self.agent.run(request).map_err(self.unanswered("/stream"))?;
        let status = response.status().as_u16();
        if status != 200 {
            let body = response.body_mut().read_to_string().unwrap_or_default();
            return Err(SiteError::Unexpected(format!("/stream: {status} {body}")));
        }
        let (sender, receiver) = channel();
        thread::spawn(move || {
            let mut event = Event { name: String::new(), data: Value::Null };
            for line in BufReader::new(response.into_body().into_reader()).lines() {
                let Ok(line) = line else { return };
                if let Some(name) = line.strip_prefix("event: ") {
                    event.name = name.to_owned();
                } else if let Some(data) = line.strip_prefix("data: ") {
                    event.data = serde_json::from_str(data).unwrap_or_default();
                } else if line.is_empty()
                    && !event.name.is_empty()
                    && sender.send(std::mem::take(&mut event)).is_err()
                {
                    return;
                }
            }
        });
        Ok(Events { receiver })
    }
}

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Event {
    /// Its kind.
    pub name: String,
    /// What it says.
    pub data: Value,
}

/// The events of an open stream, as they come.
#[derive(Debug)]
pub struct Events {
    receiver: Receiver<Event>,
}

impl Events {
    /// Waits for the first event of which this gives something; those before it are passed over.
    ///
    /// # Errors
    /// When none comes in time, or the stream ends.
    pub fn first<T>(
        &self,
        what: &str,
        limit: Duration,
        mut wanted: impl FnMut(&Event) -> Option<T>,
    ) -> Result<T, SiteError> {
        let begun = now();
        let mut passed = Vec::new();
        loop {
            match self.receiver.recv_timeout(limit.saturating_sub(begun.elapsed())) {
                Ok(event) => match wanted(&event) {
                    Some(found) => return Ok(found),
                    None => passed.push(event),
                },
                Err(RecvTimeoutError::Timeout) => {
                    return Err(SiteError::NotInTime { what: format!("{what}, after {passed:?}"), limit });
                }
                Err(RecvTimeoutError::Disconnected) => {
                    return Err(SiteError::Unexpected(format!("{what}: the stream ended after {passed:?}")));
                }
            }
        }
    }

    /// Waits for the first event of a kind; gives what it says.
    ///
    /// # Errors
    /// When none comes in time, or the stream ends.
    pub fn named(&self, name: &str, limit: Duration) -> Result<Value, SiteError> {
        self.first(name, limit, |event| (event.name == name).then(|| event.data.clone()))
    }

    /// Everything that came until now.
    pub fn so_far(&self) -> Vec<Event> {
        self.receiver.try_iter().collect()
    }

    /// Waits until the stream has ended; gives what came before.
    ///
    /// # Errors
    /// When it goes on.
    pub fn end(&self, limit: Duration) -> Result<Vec<Event>, SiteError> {
        let begun = now();
        let mut events = Vec::new();
        loop {
            match self.receiver.recv_timeout(limit.saturating_sub(begun.elapsed())) {
                Ok(event) => events.push(event),
                Err(RecvTimeoutError::Disconnected) => return Ok(events),
                Err(RecvTimeoutError::Timeout) => {
                    return Err(SiteError::NotInTime { what: "the stream ends".to_owned(), limit });
                }
            }
        }
    }
}
