//! The data and instrument regions of one point: is it heard, and are its values to be believed?
//!
//! Owns their states and moves. Time here is listening time: a stretch in which the hub did not listen is not
//! silence of the sensor. Neither region gets better by the passing of time, only by readings.

use super::config::SilenceRule;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// Readings, one after another, before a lost or faulty point counts as well again.
const GOOD_READINGS: u32 = 2;
/// Expected intervals without a believable value before a fault is confirmed.
const FAULT_INTERVALS: i64 = 3;
/// Values, one after another, that are not to be believed before a fault is confirmed.
const BAD_VALUES: u32 = 3;

/// Whether a point is heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Heard {
    /// Heard in time.
    Fresh,
    /// Has missed its check-in.
    Late,
    /// Has missed so many that nothing is known of it; since when.
    Lost(RuleMs),
    /// Heard again once after being lost since then; not yet often enough.
    Returning {
        /// Since when it had been lost.
        lost: RuleMs,
        /// Readings since.
        readings: u32,
    },
}

/// The data region.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Data {
    /// The last live reading in listening time, or the assignment if there is none yet.
    pub last: RuleMs,
    /// Whether it is heard.
    pub heard: Heard,
}

impl Heard {
    /// The state's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Late => "late",
            Self::Lost(_) => "lost",
            Self::Returning { .. } => "returning",
        }
    }
}

impl Data {
    /// A point that has just been assigned: it has the usual time to be heard first.
    pub fn assigned(at: RuleMs) -> Self {
        Self { last: at, heard: Heard::Fresh }
    }

    /// When it next gets worse, if nothing is heard.
    pub fn worsens_at(&self, rule: &SilenceRule) -> Option<RuleMs> {
        match self.heard {
            Heard::Fresh => Some(self.last + rule.late_delay()),
            Heard::Late | Heard::Returning { .. } => Some(self.last + rule.lost_delay()),
            Heard::Lost(_) => None,
        }
    }

    /// Nothing was heard until then.
    pub fn worsen(&mut self, at: RuleMs) {
        self.heard = match self.heard {
            Heard::Fresh => Heard::Late,
            Heard::Late => Heard::Lost(at),
            Heard::Returning { lost, .. } => Heard::Lost(lost),
            lost @ Heard::Lost(_) => lost,
        };
    }

    /// A live reading came. One that is not to be believed shows that the point is alive, but ends no silence.
    pub fn hear(&mut self, at: RuleMs, believed: bool) {
        self.last = self.last.max(at);
        self.heard = match self.heard {
            silent @ (Heard::Lost(_) | Heard::Returning { .. }) if !believed => silent,
            Heard::Fresh | Heard::Late => Heard::Fresh,
            Heard::Lost(lost) => Heard::Returning { lost, readings: 1 },
            Heard::Returning { readings, .. } if readings + 1 >= GOOD_READINGS => Heard::Fresh,
            Heard::Returning { lost, readings } => Heard::Returning { lost, readings: readings + 1 },
        };
    }

    /// Time passed in which nobody listened, which is no silence of the sensor; but one that was lost before it has
    /// nothing left that could run.
    pub(super) fn excuse(&mut self, unheard: DurationMs) {
        if !matches!(self.heard, Heard::Lost(_)) {
            self.shift(unheard);
        }
    }

    /// The axis jumped, or nobody listened: neither is silence of the sensor.
    pub fn shift(&mut self, unheard: DurationMs) {
        self.last = self.last + unheard;
    }
}

/// Whether a point's values are to be believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instrument {
    /// They are.
    Ok,
    /// The last ones were not.
    Suspect {
        /// Rule time of the first that was not: the episode's name.
        since: RuleMs,
        /// From when the confirmation counts; moves with the axis.
        counts_from: RuleMs,
        /// Values that were not, one after another.
        bad: u32,
    },
    /// They have not been for long enough.
    Fault {
        /// The episode's name.
        since: RuleMs,
        /// Good readings, one after another.
        good: u32,
    },
}

impl Instrument {
    /// The state's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Suspect { .. } => "suspect",
            Self::Fault { .. } => "fault",
        }
    }

    /// When a suspect point is confirmed faulty, if no good value comes.
    pub fn confirms_at(&self, rule: &SilenceRule) -> Option<RuleMs> {
        match self {
            Self::Suspect { counts_from, .. } => {
                Some(*counts_from + DurationMs(rule.interval().0.saturating_mul(FAULT_INTERVALS)))
            }
            _ => None,
        }
    }

    /// No good value came until then.
    pub fn confirm(&mut self) {
        if let Self::Suspect { since, .. } = *self {
            *self = Self::Fault { since, good: 0 };
        }
    }

    /// A value came that is not to be believed, or the device said that it has none.
    pub fn doubt(&mut self, at: RuleMs) {
        *self = match *self {
            Self::Ok => Self::Suspect { since: at, counts_from: at, bad: 1 },
            Self::Suspect { since, bad, .. } if bad + 1 >= BAD_VALUES => Self::Fault { since, good: 0 },
            Self::Suspect { since, counts_from, bad } => Self::Suspect { since, counts_from, bad: bad + 1 },
            Self::Fault { since, .. } => Self::Fault { since, good: 0 },
        };
    }

    /// A believable value came.
    pub fn believe(&mut self) {
        *self = match *self {
            Self::Ok | Self::Suspect { .. } => Self::Ok,
            Self::Fault { good, .. } if good + 1 >= GOOD_READINGS => Self::Ok,
            Self::Fault { since, good } => Self::Fault { since, good: good + 1 },
        };
    }

    /// The axis jumped, or nobody listened: neither is time in which a good value failed to come.
    pub fn shift(&mut self, unheard: DurationMs) {
        if let Self::Suspect { counts_from, .. } = self {
            *counts_from = *counts_from + unheard;
        }
    }
}
