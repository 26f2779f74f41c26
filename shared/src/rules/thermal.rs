//! The thermal region of one point and one side: normal, pending, confirmed, recovering.
//!
//! Owns its states and moves. Takes believable values and the passing of time; gives the move made. Values that are
//! not to be believed never reach it, so they clear nothing; and only a value can clear, never the passing of time.

use super::config::{Limit, ThermalRule};
use crate::quantity::CentiCelsius;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// Values in range, one after another, before a state is left for a better one.
const IN_RANGE_VALUES: u32 = 2;
/// How long a cleared episode stays open for a relapse, at least.
pub const RELAPSE_HOLD: DurationMs = DurationMs::minutes(10);

/// Time spent out of range towards the delay. It runs while the last believable value was not recovered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Accrual {
    /// What was accrued before the present stretch.
    pub accrued: DurationMs,
    /// Since when the present stretch runs.
    pub running_since: Option<RuleMs>,
}

/// The state of one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Thermal {
    /// In range.
    Normal,
    /// Out of range, not yet for the delay.
    Pending {
        /// Rule time of the first bad value: the episode's name.
        since: RuleMs,
        /// Progress towards the delay.
        progress: Accrual,
        /// Values in range, one after another.
        in_range: u32,
        /// Set after a downtime of unknown length: the next bad value confirms.
        confirm_next: bool,
    },
    /// Out of range for the delay.
    Confirmed {
        /// The episode's name.
        since: RuleMs,
        /// Values in range, one after another.
        in_range: u32,
        /// The first of those.
        in_range_since: RuleMs,
    },
    /// Cleared, watched for a relapse.
    Recovering {
        /// The episode's name.
        since: RuleMs,
        /// When the episode is over, if a value in range comes then.
        hold_until: RuleMs,
    },
}

/// A move that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Move {
    /// None.
    Stays,
    /// Normal to pending.
    Begins,
    /// Pending to confirmed.
    Confirms,
    /// Pending to normal, without having been confirmed.
    Passes,
    /// Confirmed to recovering.
    Clears,
    /// Recovering to confirmed.
    Relapses,
    /// Recovering to normal.
    Ends,
}

impl Thermal {
    /// The state's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Pending { .. } => "pending",
            Self::Confirmed { .. } => "confirmed",
            Self::Recovering { .. } => "recovering",
        }
    }

    /// The episode's name, while there is an episode.
    pub const fn episode(&self) -> Option<RuleMs> {
        match self {
            Self::Normal => None,
            Self::Pending { since, .. } | Self::Confirmed { since, .. } | Self::Recovering { since, .. } => {
                Some(*since)
            }
        }
    }

    /// When the delay will have passed, if it is running.
    pub fn confirms_at(&self, rule: &ThermalRule) -> Option<RuleMs> {
        match self {
            Self::Pending { progress: Accrual { accrued, running_since: Some(since) }, .. } => {
                Some(*since + DurationMs((rule.delay.value.0 - accrued.0).max(0)))
            }
            _ => None,
        }
    }

    /// The delay has passed.
    pub fn confirm(self, at: RuleMs) -> (Self, Move) {
        match self {
            Self::Pending { since, .. } => {
                (Self::Confirmed { since, in_range: 0, in_range_since: at }, Move::Confirms)
            }
            other => (other, Move::Stays),
        }
    }

    /// Takes a believable value.
    pub fn take(self, at: RuleMs, value: CentiCelsius, limit: Limit, rule: &ThermalRule) -> (Self, Move) {
        if rule.violates(limit, value) {
            self.out_of_range(at)
        } else if rule.recovered(limit, value) {
            self.recovered(at, rule)
        } else {
            self.between(at)
        }
    }

    fn out_of_range(self, at: RuleMs) -> (Self, Move) {
        match self {
            Self::Normal => {
                let progress = Accrual { accrued: DurationMs(0), running_since: Some(at) };
                (Self::Pending { since: at, progress, in_range: 0, confirm_next: false }, Move::Begins)
            }
            Self::Pending { confirm_next: true, .. } => self.confirm(at),
            Self::Pending { since, progress, .. } => (
                Self::Pending { since, progress: progress.run(at), in_range: 0, confirm_next: false },
                Move::Stays,
            ),
            Self::Confirmed { since, .. } => {
                (Self::Confirmed { since, in_range: 0, in_range_since: at }, Move::Stays)
            }
            Self::Recovering { since, .. } => {
                (Self::Confirmed { since, in_range: 0, in_range_since: at }, Move::Relapses)
            }
        }
    }

    /// Inside the limit, but not by the hysteresis: nothing recovers, nothing gets worse; a running delay runs on.
    fn between(self, at: RuleMs) -> (Self, Move) {
        let next = match self {
            Self::Pending { since, progress, confirm_next, .. } => {
                Self::Pending { since, progress: progress.run(at), in_range: 0, confirm_next }
            }
            Self::Confirmed { since, .. } => Self::Confirmed { since, in_range: 0, in_range_since: at },
            other => other,
        };
        (next, Move::Stays)
    }

    fn recovered(self, at: RuleMs, rule: &ThermalRule) -> (Self, Move) {
        match self {
            Self::Normal => (self, Move::Stays),
            Self::Pending { in_range, .. } if in_range + 1 >= IN_RANGE_VALUES => (Self::Normal, Move::Passes),
            Self::Pending { since, progress, in_range, confirm_next } => (
                Self::Pending { since, progress: progress.pause(at), in_range: in_range + 1, confirm_next },
                Move::Stays,
            ),
            Self::Confirmed { since, in_range, in_range_since } => {
                let first = if in_range == 0 { at } else { in_range_since };
                let enough = in_range + 1 >= IN_RANGE_VALUES && at - first >= rule.off_delay.value;
                if enough {
                    let hold = RELAPSE_HOLD.max(rule.off_delay.value);
                    (Self::Recovering { since, hold_until: at + hold }, Move::Clears)
                } else {
                    (
                        Self::Confirmed {
                            since,
                            in_range: in_range.saturating_add(1),
                            in_range_since: first,
                        },
                        Move::Stays,
                    )
                }
            }
            Self::Recovering { hold_until, .. } if at >= hold_until => (Self::Normal, Move::Ends),
            Self::Recovering { .. } => (self, Move::Stays),
        }
    }

    /// Moves running times along with a jump of the axis, which is not elapsed time. The name stays.
    pub fn shift(&mut self, jump: DurationMs) {
        match self {
            Self::Normal => {}
            Self::Pending { progress, .. } => {
                progress.running_since = progress.running_since.map(|since| since + jump)
            }
            Self::Confirmed { in_range_since, .. } => *in_range_since = *in_range_since + jump,
            Self::Recovering { hold_until, .. } => *hold_until = *hold_until + jump,
        }
    }

    /// After a downtime of unknown length the delay counts as passed: the next bad value confirms.
    pub fn after_unknown_downtime(&mut self) {
        if let Self::Pending { confirm_next, .. } = self {
            *confirm_next = true;
        }
    }
}

impl Accrual {
    fn run(self, at: RuleMs) -> Self {
        Self { running_since: Some(self.running_since.unwrap_or(at)), ..self }
    }
    fn pause(self, at: RuleMs) -> Self {
        // A value placed inside a jump of the axis comes before a stretch that was moved along with it.
        let stretch = self.running_since.map_or(DurationMs(0), |since| (at - since).max(DurationMs(0)));
        Self { accrued: self.accrued + stretch, running_since: None }
    }
}
