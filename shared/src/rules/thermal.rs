//! The thermal region of one point and one side: normal, pending, confirmed, recovering.
//!
//! Owns its phases and the progress of each tier. Takes where a believable value lies and the passing of time; gives the
//! move made. Values that are not to be believed never reach it, so they clear nothing; and only a value can clear, never
//! the passing of time.

use super::accrual::{Accrual, Class, is_default};
use super::config::ThermalRule;
use super::field::TIERS;
use super::limits::{Limit, Place};
use crate::alarm::Condition;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// Values in range, one after another, before a state is left for a better one.
const IN_RANGE_VALUES: u32 = 2;
/// How long a cleared episode stays open for a relapse, at least.
pub const RELAPSE_HOLD: DurationMs = DurationMs::minutes(10);

/// One side of the limits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Side {
    Warm,
    Cold,
}

impl Side {
    pub(super) const BOTH: [Self; 2] = [Self::Warm, Self::Cold];

    pub(super) const fn condition(self) -> Condition {
        match self {
            Self::Warm => Condition::TooWarm,
            Self::Cold => Condition::TooCold,
        }
    }

    /// The limit of a tier on this side, if the tier runs.
    pub(super) fn limit(self, rule: &ThermalRule) -> Option<Limit> {
        let limit = match self {
            Self::Warm => rule.max.value.map(Limit::Above),
            Self::Cold => rule.min.value.map(Limit::Below),
        };
        limit.filter(|_| rule.telling.enabled.value)
    }
}

/// The phase of one side.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Phase {
    /// In range.
    #[default]
    Normal,
    /// Out of range, not yet for long enough.
    Pending {
        /// Rule time of the first bad value: the episode's name.
        since: RuleMs,
        /// Values in range, one after another.
        in_range: u32,
        /// Set after a downtime of unknown length: the next bad value confirms.
        confirm_next: bool,
    },
    /// Out of range for long enough.
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

impl Phase {
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

    const fn confirmed(since: RuleMs, at: RuleMs) -> Self {
        Self::Confirmed { since, in_range: 0, in_range_since: at }
    }
}

/// A move that was made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Move {
    /// None.
    Stays,
    /// Normal to pending.
    Begins,
    /// Pending to confirmed, for the time out of range after a downtime of unknown length counts as enough.
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

/// One side of a point.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Excursion {
    /// Its phase.
    #[serde(skip_serializing_if = "is_default")]
    pub phase: Phase,
    /// True once the longest excursion that anything can hold back was told of in this episode.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) capped: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub(super) tiers: [Accrual; TIERS as usize],
}

impl Excursion {
    /// True while time may confirm something.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Pending { .. } | Phase::Confirmed { .. })
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(self.phase, Phase::Pending { .. })
    }

    pub(super) fn is_confirmed(&self) -> bool {
        matches!(self.phase, Phase::Confirmed { .. })
    }

    pub(super) fn is_recovering(&self) -> bool {
        matches!(self.phase, Phase::Recovering { .. })
    }

    /// Takes where a believable value lies as seen from all tiers together; the tiers' own progress follows.
    pub(super) fn take(&mut self, at: RuleMs, place: Place, off_delay: DurationMs) -> Move {
        let (next, made) = match place {
            Place::Violating => self.violating(at),
            Place::Between => (self.between(at), Move::Stays),
            Place::Recovered => self.recovered(at, off_delay),
        };
        self.phase = next;
        if next == Phase::Normal && made != Move::Stays {
            self.end(at);
        }
        made
    }

    fn violating(&self, at: RuleMs) -> (Phase, Move) {
        match self.phase {
            Phase::Normal => (Phase::Pending { since: at, in_range: 0, confirm_next: false }, Move::Begins),
            Phase::Pending { since, confirm_next: true, .. } => (Phase::confirmed(since, at), Move::Confirms),
            Phase::Pending { since, .. } => {
                (Phase::Pending { since, in_range: 0, confirm_next: false }, Move::Stays)
            }
            Phase::Confirmed { since, .. } => (Phase::confirmed(since, at), Move::Stays),
            Phase::Recovering { since, .. } => (Phase::confirmed(since, at), Move::Relapses),
        }
    }

    /// Inside the limit, but not by the hysteresis: nothing recovers, nothing gets worse; what runs runs on.
    fn between(&self, at: RuleMs) -> Phase {
        match self.phase {
            Phase::Pending { since, confirm_next, .. } => Phase::Pending { since, in_range: 0, confirm_next },
            Phase::Confirmed { since, .. } => Phase::confirmed(since, at),
            other => other,
        }
    }

    fn recovered(&self, at: RuleMs, off_delay: DurationMs) -> (Phase, Move) {
        match self.phase {
            Phase::Normal => (self.phase, Move::Stays),
            Phase::Pending { in_range, .. } if in_range + 1 >= IN_RANGE_VALUES => {
                (Phase::Normal, Move::Passes)
            }
            Phase::Pending { since, in_range, confirm_next } => {
                (Phase::Pending { since, in_range: in_range + 1, confirm_next }, Move::Stays)
            }
            Phase::Confirmed { since, in_range, in_range_since } => {
                let first = if in_range == 0 { at } else { in_range_since };
                if in_range + 1 >= IN_RANGE_VALUES && at - first >= off_delay {
                    let hold = RELAPSE_HOLD.max(off_delay);
                    (Phase::Recovering { since, hold_until: at + hold }, Move::Clears)
                } else {
                    let in_range = in_range.saturating_add(1);
                    (Phase::Confirmed { since, in_range, in_range_since: first }, Move::Stays)
                }
            }
            Phase::Recovering { hold_until, .. } if at >= hold_until => (Phase::Normal, Move::Ends),
            Phase::Recovering { .. } => (self.phase, Move::Stays),
        }
    }

    /// It counts now; true if it did not before.
    pub(super) fn confirm(&mut self, at: RuleMs) -> bool {
        match self.phase {
            Phase::Pending { since, .. } => {
                self.phase = Phase::confirmed(since, at);
                true
            }
            _ => false,
        }
    }

    /// The episode is over.
    pub(super) fn end(&mut self, at: RuleMs) {
        self.phase = Phase::Normal;
        self.capped = false;
        for tier in &mut self.tiers {
            tier.end(at);
        }
    }

    pub(super) fn bank(&mut self, length: DurationMs, class_of: impl Fn(usize) -> Class) {
        if self.is_open() {
            for (tier, accrual) in self.tiers.iter_mut().enumerate() {
                accrual.bank(length, class_of(tier));
            }
        }
    }

    /// Moves running times along with a jump of the axis, which is not elapsed time. The name stays.
    pub(super) fn shift(&mut self, jump: DurationMs) {
        match &mut self.phase {
            Phase::Normal | Phase::Pending { .. } => {}
            Phase::Confirmed { in_range_since, .. } => *in_range_since = *in_range_since + jump,
            Phase::Recovering { hold_until, .. } => *hold_until = *hold_until + jump,
        }
        for tier in &mut self.tiers {
            tier.shift(jump);
        }
    }

    /// After a downtime of unknown length the time counts as enough: the next bad value confirms.
    pub(super) fn after_unknown_downtime(&mut self) {
        if let Phase::Pending { confirm_next, .. } = &mut self.phase {
            *confirm_next = true;
        }
    }
}
