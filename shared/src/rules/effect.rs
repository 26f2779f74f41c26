//! Effects: what the engine asks its caller to record and to perform, each with its reason.
//!
//! Owns the words of the outcome: conditions, episodes, regions, unit status, [`Why`]. Gives data, performs nothing.

use super::config::Provenance;
use crate::alarm::{Condition, Severity};
use crate::ids::{PointId, UnitId};
use crate::time::RuleMs;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// An episode's name: unit, point, kind, side, and the rule time of its first bad record.
///
/// In text `unit/point/kind/side/ms`. It is the same wherever the same records are folded.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EpisodeKey {
    /// The unit.
    pub unit: UnitId,
    /// The point.
    pub point: PointId,
    /// Kind and side.
    pub condition: Condition,
    /// Rule time of its first bad record.
    pub since: RuleMs,
}

/// A text that names no episode. Refuse what carried it.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("\"{0}\" is no episode key of the form unit/point/kind/side/ms")]
pub struct EpisodeKeyError(String);

impl fmt::Display for EpisodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}/{}", self.unit, self.point, self.condition.key(), self.since.0)
    }
}

impl FromStr for EpisodeKey {
    type Err = EpisodeKeyError;
    fn from_str(text: &str) -> Result<Self, EpisodeKeyError> {
        let refused = || EpisodeKeyError(text.chars().take(128).collect());
        let parts: Vec<&str> = text.splitn(6, '/').collect();
        let [unit, point, kind, side, since] = parts[..] else { return Err(refused()) };
        let key = format!("{kind}/{side}");
        let condition =
            Condition::ALL.into_iter().find(|condition| condition.key() == key).ok_or_else(refused)?;
        Ok(Self {
            unit: unit.parse().map_err(|_| refused())?,
            point: point.parse().map_err(|_| refused())?,
            condition,
            since: RuleMs(since.parse().map_err(|_| refused())?),
        })
    }
}

impl TryFrom<String> for EpisodeKey {
    type Error = EpisodeKeyError;
    fn try_from(text: String) -> Result<Self, EpisodeKeyError> {
        text.parse()
    }
}

impl From<EpisodeKey> for String {
    fn from(key: EpisodeKey) -> Self {
        key.to_string()
    }
}

/// The independent regions of a unit's state.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Region {
    /// Temperature, of one point and side.
    Thermal,
    /// Whether a point is heard.
    Data,
    /// Whether a point's values are to be believed.
    Instrument,
    /// Whether a door stands open.
    Door,
    /// Whether a log by hand is due.
    Manual,
    /// Whether a unit's alerts are silenced for a while.
    Supervision,
    /// What is left of a point's battery.
    Battery,
    /// Whether a point's calibration holds.
    Calibration,
    /// Whether there is any limit to guard.
    Limits,
}

impl Region {
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Thermal => "thermal",
            Self::Data => "data",
            Self::Instrument => "instrument",
            Self::Door => "door",
            Self::Manual => "manual",
            Self::Supervision => "supervision",
            Self::Battery => "battery",
            Self::Calibration => "calibration",
            Self::Limits => "limits",
        }
    }
}

/// The one status of a unit, projected from its regions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitStatus {
    /// All is well.
    Ok,
    /// Out of range, not yet confirmed.
    Excursion,
    /// Out of range, confirmed.
    AlarmActive,
    /// Nothing believable is heard of any of its points.
    MonitoringInterrupted,
    /// A manual log is overdue.
    ManualRequired,
    /// Back in range, or heard again, not yet for long enough.
    Restoring,
    /// A point has missed its check-in.
    Offline,
}

impl UnitStatus {
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Excursion => "excursion",
            Self::AlarmActive => "alarm_active",
            Self::MonitoringInterrupted => "monitoring_interrupted",
            Self::ManualRequired => "manual_required",
            Self::Restoring => "restoring",
            Self::Offline => "offline",
        }
    }
}

/// The rule field that decided.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Basis {
    /// The field's name, as in a rule.
    pub field: String,
    /// Its value: 0.01 °C, milliseconds, or a count.
    pub value: i64,
    /// Where it was set.
    pub provenance: Provenance,
}

/// Why something happened: a sentence for people, the deciding field, and the figures that went in.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Why {
    /// The sentence.
    pub text: String,
    /// The field that decided, if a field did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<Basis>,
    /// Figures by name; the unit is the last word of the name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, i64>,
}

impl Why {
    /// A reason that is a sentence only.
    pub fn because(text: impl Into<String>) -> Self {
        Self { text: text.into(), basis: None, figures: BTreeMap::new() }
    }
    /// Adds the field that decided.
    #[must_use]
    pub fn by(mut self, field: &str, value: i64, provenance: Provenance) -> Self {
        self.basis = Some(Basis { field: field.into(), value, provenance });
        self
    }
    /// Adds a figure.
    #[must_use]
    pub fn with(mut self, name: &str, value: i64) -> Self {
        self.figures.insert(name.into(), value);
        self
    }
}

/// A region changed its state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition {
    /// When, on the rule axis.
    pub at: RuleMs,
    /// The unit.
    pub unit: UnitId,
    /// The point, unless the region is the unit's own.
    pub point: Option<PointId>,
    /// The region.
    pub region: Region,
    /// Its state before.
    pub from: &'static str,
    /// Its state after.
    pub to: &'static str,
    /// The unit's status after.
    pub status: UnitStatus,
    /// Why.
    pub why: Why,
}

/// What happened to an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertChange {
    /// Its episode was confirmed.
    Raised {
        /// How urgent.
        severity: Severity,
        /// Why.
        why: Why,
    },
    /// It became more urgent, or has to be told again though somebody was on it.
    Upgraded {
        /// How urgent now.
        severity: Severity,
        /// Why.
        why: Why,
    },
    /// Its condition ended.
    Cleared {
        /// Why.
        why: Why,
    },
    /// Its condition came back.
    Relapsed {
        /// Why.
        why: Why,
    },
    /// Its acknowledgement expired while the condition was active.
    AckExpired,
    /// Nobody has acknowledged it for too long.
    Escalated {
        /// The level that it has reached.
        level: u8,
    },
    /// It is told again: nobody is on it after its last level, its hours began, or its silence ended.
    Told {
        /// Why.
        why: Why,
    },
}

/// Whether people are told of a change, and if not, what holds it back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Page {
    /// They are.
    Sent,
    /// It is nothing to tell anybody of.
    NotNeeded,
    /// It is outside the hours of its rule; it is told when they begin.
    HeldBySchedule,
    /// The unit is shelved; it is told when that ends.
    HeldByShelve,
    /// Somebody is on it.
    HeldByAcknowledgement,
    /// It was told of less than half an hour ago.
    HeldByRecentPage,
}

impl Page {
    /// True if people are told.
    pub const fn is_sent(self) -> bool {
        matches!(self, Self::Sent)
    }
    /// The word in documents.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::NotNeeded => "not_needed",
            Self::HeldBySchedule => "held_by_schedule",
            Self::HeldByShelve => "held_by_shelve",
            Self::HeldByAcknowledgement => "held_by_acknowledgement",
            Self::HeldByRecentPage => "held_by_recent_page",
        }
    }
}

/// What the caller has to do: record it first, then perform it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Effect {
    /// Record a transition.
    Transition(Transition),
    /// Record what happened to an alert, then let the annunciators know.
    Alert {
        /// When, on the rule axis.
        at: RuleMs,
        /// The episode.
        episode: EpisodeKey,
        /// What happened.
        change: AlertChange,
        /// Whether people are told.
        page: Page,
    },
    /// Record that the silence of a unit ended by itself.
    ShelveEnded {
        /// When, on the rule axis.
        at: RuleMs,
        /// The unit.
        unit: UnitId,
    },
    /// A record belongs earlier than what is folded: fetch a snapshot from before it, and what follows, and refold.
    NeedHistory {
        /// The unit.
        unit: UnitId,
        /// From when.
        from: RuleMs,
    },
}
