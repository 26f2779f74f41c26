//! Owns hubs made by hand that ask what is desired of them, and people who set rules and ask hubs to act.
//! Takes the port of a cloud, wherever it runs; gives answers as they came, and the record of each hub.
//! Must never write what the cloud itself should write, nor share code with the hub but the frozen forms.

use std::time::Duration;

use frostguard_shared::event::{Fact, Subject};
use frostguard_shared::ids::CommandId;
use frostguard_shared::wire::desired::{Desired, Poll};
use frostguard_shared::wire::record::Acknowledged;
use frostguard_shared::wire::{self, MEDIA_TYPE, Problem, Reason, path};
use serde_json::Value;
use ureq::Agent;

use super::access_world::HandmadeHub;
use super::ingest_world::BEGAN_MS;
use super::recorder::{Probe, Recorder};
use crate::error::SiteError;

/// Longer than any answer is held back.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a poll is answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Polled {
    /// Something is desired.
    Desired(Desired),
    /// Nothing new.
    Nothing,
    /// It was not taken.
    Refused(u16, Reason),
}

impl Polled {
    /// What is desired, if anything.
    pub fn desired(self) -> Option<Desired> {
        match self {
            Self::Desired(desired) => Some(desired),
            Self::Nothing | Self::Refused(..) => None,
        }
    }
}

/// Who asks at the API.
#[derive(Clone, Debug)]
pub enum Asker {
    /// A program with a key.
    Key(String),
    /// A person with the token of a session, at the page of this address.
    Session {
        /// The token.
        token: String,
        /// The cloud's own address.
        own: String,
    },
}

/// A cloud at a port.
#[derive(Clone, Debug)]
pub struct Front {
    port: u16,
    agent: Agent,
}

fn unexpected(fault: ureq::Error) -> SiteError {
    SiteError::Unexpected(format!("no answer: {fault}"))
}

impl Front {
    /// The cloud at this port.
    pub fn at(port: u16) -> Self {
        let config = Agent::config_builder().http_status_as_error(false).max_idle_connections(0);
        let agent = config.timeout_global(Some(PATIENCE)).build().new_agent();
        Self { port, agent }
    }

    /// Asks the API; gives status and what was answered, null if that is no JSON.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn api(
        &self,
        asker: &Asker,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(u16, Value), SiteError> {
        let url = format!("http://127.0.0.1:{}/api/v1{path}", self.port);
        let mut request = ureq::http::Request::builder().method(method).uri(url);
        request = match asker {
            Asker::Key(key) => request.header("Authorization", format!("Bearer {key}")),
            Asker::Session { token, own } => {
                request.header("Cookie", format!("fg_session={token}")).header("Origin", own)
            }
        };
        if body.is_some() {
            request = request.header("Content-Type", "application/json");
        }
        let body = body.map(Value::to_string).unwrap_or_default();
        let request = request.body(body).map_err(|fault| SiteError::Unexpected(fault.to_string()))?;
        let mut answer = self.agent.run(request).map_err(unexpected)?;
        let text = answer.body_mut().read_to_string().map_err(unexpected)?;
        Ok((answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default()))
    }

    /// Sends a message of a hub; gives status and body.
    ///
    /// # Errors
    /// When there is no answer at all.
    pub fn send<M: minicbor::Encode<()>>(
        &self,
        token: [u8; 32],
        path: &str,
        message: &M,
    ) -> Result<(u16, Vec<u8>), SiteError> {
        let request = self.agent.post(format!("http://127.0.0.1:{}{path}", self.port));
        let request = request
            .header("Content-Type", MEDIA_TYPE)
            .header("Authorization", format!("Bearer {}", hex::encode(token)));
        let mut answer = request.send(&wire::to_bytes(message)).map_err(unexpected)?;
        Ok((answer.status().as_u16(), answer.body_mut().read_to_vec().map_err(unexpected)?))
    }

    /// Asks what is desired, as long as that takes.
    ///
    /// # Errors
    /// When there is no answer, or none that is a message.
    pub fn poll(&self, token: [u8; 32], poll: &Poll) -> Result<Polled, SiteError> {
        let garbled = |fault| SiteError::Unexpected(format!("an answer that is no message: {fault}"));
        let (status, body) = self.send(token, path::DESIRED, poll)?;
        match status {
            200 => Ok(Polled::Desired(wire::from_bytes(&body).map_err(garbled)?)),
            204 => Ok(Polled::Nothing),
            _ => Ok(Polled::Refused(status, wire::from_bytes::<Problem>(&body).map_err(garbled)?.reason)),
        }
    }
}

/// A hub made by hand with its token, its record, and what it has decided.
pub struct DoubleHub {
    /// The hub.
    pub hub: HandmadeHub,
    /// Its token.
    pub token: [u8; 32],
    /// Its record.
    pub recorder: Recorder,
    /// What it asks with.
    pub poll: Poll,
    sent: u64,
}

impl DoubleHub {
    /// A hub that has logged in.
    pub fn new(hub: HandmadeHub, token: [u8; 32]) -> Self {
        let recorder = Recorder::begin(hub.hub, hub.epoch, hub.key.clone(), BEGAN_MS);
        let poll = Poll { epoch: hub.epoch, decided: 0, applied: 0, received: Vec::new() };
        Self { hub, token, recorder, poll, sent: 0 }
    }

    /// Its n-th unit with the first point that measures it.
    pub fn probe(&self, n: usize) -> Probe {
        let (unit, device) = (self.hub.site.units[n].id, &self.hub.site.devices[n]);
        Probe { unit, device: device.id, point: device.points[0].id }
    }

    /// Journals something and tells the cloud.
    ///
    /// # Errors
    /// When the cloud does not take it.
    pub fn tell(&mut self, front: &Front, fact: Fact) -> Result<(), SiteError> {
        self.recorder.event(fact, Subject::default());
        self.send(front)
    }

    /// Says that it has received a command, in its record and from now on in what it asks with.
    pub fn received(&mut self, command: CommandId, kind: &str) {
        self.recorder.event(Fact::CommandReceived { command, kind: kind.into() }, Subject::default());
        self.poll.received.push(command);
    }

    /// Sends what of its record it has not sent yet.
    ///
    /// # Errors
    /// When the cloud does not take it.
    pub fn send(&mut self, front: &Front) -> Result<(), SiteError> {
        let last = self.recorder.events();
        let (status, body) =
            front.send(self.token, path::EVENTS, &self.recorder.events_batch(self.sent + 1, last))?;
        let held = wire::from_bytes::<Acknowledged>(&body).ok().map(|told| told.held.seq);
        if status != 200 || held != Some(last) {
            return Err(SiteError::Unexpected(format!("the record was not taken: {status} {held:?}")));
        }
        self.sent = last;
        Ok(())
    }

    /// Asks what is desired.
    ///
    /// # Errors
    /// When there is no answer.
    pub fn ask(&self, front: &Front) -> Result<Polled, SiteError> {
        front.poll(self.token, &self.poll)
    }
}
