//! Events: the envelope that every event has, and the exact bytes that are stored and hashed.
//!
//! Owns the canonical form: RFC 8785 over an object with ASCII keys whose values are strings, booleans, integers
//! within ±(2^53 − 1), arrays and objects; no null, no fraction, and an absent value is an absent key.
//! Takes an envelope and a [`Fact`]; gives bytes; reads bytes back. An event of an unknown type is kept as it is.

mod fact;

pub use fact::*;

use crate::ids::{AlertId, DeviceId, EpochId, HubId, PersonId, PointId, UnitId};
use crate::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use thiserror::Error;

/// An event that cannot be written or read. Writing: a programming error, stop. Reading: keep the bytes, refuse the event.
#[derive(Debug, Error)]
pub enum EventError {
    /// A value that the canonical form does not allow.
    #[error("event value at {path} is not allowed: {what}")]
    NotCanonical {
        /// Where in the object.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The bytes are not the JSON of an event.
    #[error("event bytes are not an event of version 1")]
    Parse(#[from] serde_json::Error),
    /// The bytes are an event, but not in the one canonical spelling.
    #[error("event bytes are not in canonical form")]
    Spelling,
}

/// Who caused an event: an id, never a name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of actor.
    pub kind: ActorKind,
    /// Which person, for [`ActorKind::Person`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<PersonId>,
}

/// The kinds of actor.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// Someone who proved who they are.
    Person,
    /// Someone at the unit or its screen, unnamed.
    Unit,
    /// The cloud.
    Cloud,
    /// The hub by itself.
    Hub,
}

/// What an event is about, beside its type.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Subject {
    /// The unit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<UnitId>,
    /// The device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The point.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub point: Option<PointId>,
    /// The alert.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert: Option<AlertId>,
}

/// The envelope: the same for every event.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Envelope {
    /// Version of the envelope, 1.
    pub v: u8,
    /// The hub.
    pub hub: HubId,
    /// The epoch of its journal.
    pub epoch: EpochId,
    /// The number in the stream of events, from 1.
    pub seq: u64,
    /// Type and version together, as in `alert.raised/1`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Wall clock.
    pub at_ms: WallMs,
    /// Boot.
    pub boot: Boot,
    /// Time since boot.
    pub boottime_ms: BoottimeMs,
    /// Place on the rule axis.
    pub rule_ms: RuleMs,
    /// Trust in the wall clock.
    pub trust: Trust,
    /// Who caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub actor: Option<Actor>,
    /// What it is about.
    #[serde(flatten)]
    pub subject: Subject,
}

/// What an event says: a type that this version knows, or one of a later version, kept as it came.
#[derive(Clone, PartialEq, Debug)]
pub enum Said {
    /// A known type.
    Known(Fact),
    /// An unknown type with its data.
    Unknown(Value),
}

/// An event as read back from its bytes.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The envelope.
    pub envelope: Envelope,
    /// What it says.
    pub said: Said,
}

/// The bytes of an event.
///
/// # Errors
/// A value that the canonical form does not allow.
pub fn to_bytes(envelope: &Envelope, fact: &Fact) -> Result<Vec<u8>, EventError> {
    let mut object = match serde_json::to_value(envelope)? {
        Value::Object(object) => object,
        _ => Map::new(),
    };
    object.insert("data".into(), fact.data()?);
    let value = Value::Object(object);
    check(&value, "")?;
    Ok(serde_json_canonicalizer::to_vec(&value)?)
}

impl Event {
    /// Reads an event back from its stored bytes.
    ///
    /// # Errors
    /// Bytes that are no event, or not its one canonical spelling.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, EventError> {
        let mut value: Value = serde_json::from_slice(bytes)?;
        check(&value, "")?;
        if serde_json_canonicalizer::to_vec(&value)? != bytes {
            return Err(EventError::Spelling);
        }
        let data = value.as_object_mut().and_then(|object| object.remove("data")).unwrap_or(Value::Null);
        let envelope: Envelope = serde_json::from_value(value)?;
        // Data with a word of a later version is no reason to refuse an event either.
        let said = match Fact::from_data(&envelope.kind, &data) {
            Ok(Some(fact)) => Said::Known(fact),
            Ok(None) | Err(_) => Said::Unknown(data),
        };
        Ok(Self { envelope, said })
    }

    /// The fact, if its type is known.
    pub fn fact(&self) -> Option<&Fact> {
        match &self.said {
            Said::Known(fact) => Some(fact),
            Said::Unknown(_) => None,
        }
    }
}

/// Refuses what the canonical form does not allow.
fn check(value: &Value, path: &str) -> Result<(), EventError> {
    const LARGEST: i64 = (1 << 53) - 1;
    let refused = |what| EventError::NotCanonical {
        path: if path.is_empty() { "/".into() } else { path.into() },
        what,
    };
    match value {
        Value::Null => Err(refused("null")),
        Value::Bool(_) | Value::String(_) => Ok(()),
        Value::Number(number) => match number.as_i64() {
            Some(integer) if (-LARGEST..=LARGEST).contains(&integer) => Ok(()),
            _ => Err(refused("a number that is no integer within ±(2^53 − 1)")),
        },
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(n, item)| check(item, &format!("{path}/{n}")))
        }
        Value::Object(object) => object.iter().try_for_each(|(key, item)| {
            if key.is_ascii() {
                check(item, &format!("{path}/{key}"))
            } else {
                Err(refused("a key that is not ASCII"))
            }
        }),
    }
}

#[cfg(test)]
mod tests;
