//! Points: which channel of a device measures what, and from when.
//!
//! Owns the words for channels and roles and the assignment of a point to a unit. A reading's unit is the
//! assignment that is valid at its rule time, and is never changed afterwards.

use crate::ids::{PointId, UnitId};
use crate::time::RuleMs;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A word that names no channel or role. Refuse the document that carries it.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum PointError {
    /// Not a channel.
    #[error("\"{0}\" is no channel; channels are air, probe1 to probe8, door")]
    Channel(String),
    /// Not a role.
    #[error("\"{0}\" is no role; roles are air, product, ambient, door")]
    Role(String),
}

/// A channel of a device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Channel {
    /// The built-in sensor.
    Air,
    /// An external probe, 1 to 8.
    Probe(u8),
    /// The door contact.
    Door,
}

impl Channel {
    /// The n-th probe.
    ///
    /// # Errors
    /// For numbers outside 1 to 8.
    pub fn probe(n: u8) -> Result<Self, PointError> {
        if (1..=8).contains(&n) { Ok(Self::Probe(n)) } else { Err(PointError::Channel(format!("probe{n}"))) }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Air => f.write_str("air"),
            Self::Probe(n) => write!(f, "probe{n}"),
            Self::Door => f.write_str("door"),
        }
    }
}

impl FromStr for Channel {
    type Err = PointError;
    fn from_str(text: &str) -> Result<Self, PointError> {
        match text.as_bytes() {
            b"air" => Ok(Self::Air),
            b"door" => Ok(Self::Door),
            [b'p', b'r', b'o', b'b', b'e', digit @ b'1'..=b'8'] => Ok(Self::Probe(digit - b'0')),
            _ => Err(PointError::Channel(text.chars().take(32).collect())),
        }
    }
}

impl TryFrom<String> for Channel {
    type Error = PointError;
    fn try_from(text: String) -> Result<Self, PointError> {
        text.parse()
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.to_string()
    }
}

/// What a point measures in its unit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The air in the unit.
    Air,
    /// The product, or a buffered probe that stands for it.
    Product,
    /// The room around the unit; it never alarms.
    Ambient,
    /// The unit's door.
    Door,
}

impl Role {
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Air => "air",
            Self::Product => "product",
            Self::Ambient => "ambient",
            Self::Door => "door",
        }
    }
    /// True for the roles whose temperature is held against the unit's limits.
    pub const fn alarms(self) -> bool {
        matches!(self, Self::Air | Self::Product)
    }
}

impl FromStr for Role {
    type Err = PointError;
    fn from_str(text: &str) -> Result<Self, PointError> {
        [Self::Air, Self::Product, Self::Ambient, Self::Door]
            .into_iter()
            .find(|role| role.word() == text)
            .ok_or_else(|| PointError::Role(text.chars().take(32).collect()))
    }
}

/// What a point measures from some instant on, until the next assignment of the same point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Assignment {
    /// The point.
    pub point: PointId,
    /// The unit it measures.
    pub unit: UnitId,
    /// What it measures there.
    pub role: Role,
    /// From when on the rule axis.
    pub from: RuleMs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_and_roles_read_back_and_name_the_choices_when_refused() {
        for text in ["air", "probe1", "probe8", "door"] {
            assert_eq!(text.parse::<Channel>().unwrap().to_string(), text);
        }
        for text in ["probe0", "probe9", "probe", "probe11", "Air", ""] {
            assert!(text.parse::<Channel>().is_err(), "{text}");
        }
        assert!("lid".parse::<Role>().unwrap_err().to_string().contains("air, product, ambient, door"));
        assert_eq!("product".parse::<Role>().unwrap(), Role::Product);
    }
}
