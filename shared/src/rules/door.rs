//! The door of a unit: whether it stands open, for how long, and how much warm air it may still excuse today.
//!
//! Owns the door region of a door's point and the unit's daily budget. A door that is closed for less than ten seconds has
//! not been closed. What nobody has told, or what a broken contact tells, excuses nothing.

use super::calendar::{Calendar, Day};
use super::config::DoorRule;
use crate::reading::Door;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// A door must stay closed for so long to count as closed.
const DEBOUNCE: DurationMs = DurationMs::seconds(10);

/// How urgent an open door has become.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// It is only open.
    Open,
    /// It was told of.
    Warned,
    /// It is critical.
    Critical,
}

/// The door region of one door's point.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum DoorState {
    /// Nobody has told since the hub knows nothing of what was.
    #[default]
    Unknown,
    /// Closed.
    Closed,
    /// Open.
    Open {
        /// Since when.
        since: RuleMs,
        /// False once its contact is faulty.
        verified: bool,
        /// How urgent it has become.
        stage: Stage,
    },
    /// Closed again, but not yet for long enough to count.
    Closing {
        /// Since when it was open.
        since: RuleMs,
        /// When it counts as closed.
        closes: RuleMs,
        /// How urgent it had become.
        stage: Stage,
    },
}

impl DoorState {
    /// The state's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::Closing { .. } => "closing",
        }
    }

    /// What is known of the door now.
    pub const fn door(&self) -> Option<Door> {
        match self {
            Self::Unknown => None,
            Self::Closed | Self::Closing { .. } => Some(Door::Closed),
            Self::Open { .. } => Some(Door::Open),
        }
    }

    /// True if it is open and nothing speaks against that.
    pub(super) const fn is_surely_open(&self) -> bool {
        matches!(self, Self::Open { verified: true, .. })
    }

    /// Takes what its contact tells.
    pub(super) fn take(&mut self, at: RuleMs, door: Door) {
        *self = match (*self, door) {
            (Self::Unknown | Self::Closed, Door::Open) => {
                Self::Open { since: at, verified: true, stage: Stage::Open }
            }
            (Self::Open { since, stage, .. } | Self::Closing { since, stage, .. }, Door::Open) => {
                Self::Open { since, verified: true, stage }
            }
            (Self::Open { since, stage, .. }, Door::Closed) => {
                Self::Closing { since, closes: at + DEBOUNCE, stage }
            }
            (Self::Unknown, Door::Closed) => Self::Closed,
            (closed @ (Self::Closed | Self::Closing { .. }), Door::Closed) => closed,
        };
    }

    /// Its contact is not to be believed.
    pub(super) fn doubt(&mut self) {
        if let Self::Open { verified, .. } = self {
            *verified = false;
        }
    }

    /// When it next gets more urgent, or counts as closed.
    pub(super) fn moves_at(&self, rule: &DoorRule, calendar: &Calendar) -> Option<RuleMs> {
        let (since, stage, closes) = match *self {
            Self::Unknown | Self::Closed => return None,
            Self::Open { since, stage, .. } => (since, stage, None),
            Self::Closing { since, closes, stage } => (since, stage, Some(closes)),
        };
        let worsens = next_stage(stage, rule).map(|(_, length)| due(since, length, rule, calendar));
        worsens.into_iter().chain(closes).min()
    }

    /// Time passed until then; gives the stage that it reached.
    pub(super) fn pass(&mut self, at: RuleMs, rule: &DoorRule, calendar: &Calendar) -> Option<Stage> {
        let (since, stage) = match *self {
            Self::Closing { closes, .. } if closes <= at => {
                *self = Self::Closed;
                return None;
            }
            Self::Open { since, stage, .. } | Self::Closing { since, stage, .. } => (since, stage),
            Self::Unknown | Self::Closed => return None,
        };
        let (next, length) = next_stage(stage, rule)?;
        if due(since, length, rule, calendar) > at {
            return None;
        }
        match self {
            Self::Open { stage, .. } | Self::Closing { stage, .. } => *stage = next,
            Self::Unknown | Self::Closed => {}
        }
        Some(next)
    }

    pub(super) fn shift(&mut self, jump: DurationMs) {
        match self {
            Self::Unknown | Self::Closed => {}
            Self::Open { since, .. } => *since = *since + jump,
            Self::Closing { since, closes, .. } => {
                *since = *since + jump;
                *closes = *closes + jump;
            }
        }
    }
}

fn next_stage(stage: Stage, rule: &DoorRule) -> Option<(Stage, DurationMs)> {
    if !rule.telling.enabled.value {
        return None;
    }
    let critical = rule.critical.value.map(|length| (Stage::Critical, length));
    match stage {
        Stage::Open => rule.warning.value.map(|length| (Stage::Warned, length)).or(critical),
        Stage::Warned => critical,
        Stage::Critical => None,
    }
}

/// Outside the hours of its rule nobody should be at the door: half the time is enough.
fn due(since: RuleMs, length: DurationMs, rule: &DoorRule, calendar: &Calendar) -> RuleMs {
    let whole = since + length;
    let Some(hours) = rule.telling.schedule.value else { return whole };
    let half = since + DurationMs(length.0 / 2);
    if !calendar.is_open(&hours, half) {
        return half;
    }
    if !calendar.is_trusted() {
        return whole;
    }
    calendar.next_change(&hours, half).map_or(whole, |closes| closes.min(whole))
}

/// How long today an open door has excused warm air.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub(super) struct Mask {
    day: Option<Day>,
    used: DurationMs,
}

impl Mask {
    /// What is left of the budget.
    pub(super) fn left(&self, rule: &DoorRule) -> DurationMs {
        DurationMs((rule.mask_per_day.value.0 - self.used.0).max(0))
    }

    pub(super) fn spend(&mut self, length: DurationMs) {
        self.used = self.used + length;
    }

    /// A new day has a new budget; but only a clock that is trusted begins one, and a day that was is none.
    pub(super) fn renew(&mut self, at: RuleMs, calendar: &Calendar) {
        if !calendar.is_trusted() {
            return;
        }
        let today = calendar.day(at);
        if self.day.is_none_or(|day| today > day) {
            *self = Self { day: Some(today), used: DurationMs(0) };
        }
    }
}
