//! Accrual: how far an excursion has got towards the time that confirms it, in exact integers.
//!
//! Owns the progress of one tier on one side of one point. Time counts by the class of the moment: a minute with the door
//! closed, with an open door that excuses warm air, or during a defrost, each is worth its share of its own delay, so that
//! moving the door neither restarts nor jumps anything. It runs while the last believed value was not recovered.

use super::config::ThermalRule;
use super::field::Trigger;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// What is as it is at the beginning need not be kept.
pub(super) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// What the time of a moment counts as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Nothing excuses warm air.
    Closed,
    /// An open door does.
    Open,
    /// A defrost does.
    Defrost,
}

/// The window of a cumulative trigger.
const WINDOW: DurationMs = DurationMs::minutes(24 * 60);
/// Stretches of a window that are kept apart. At the bound the two oldest become one that spans both, which counts more.
const STRETCHES: usize = 32;
/// How often a due time is sought before it is looked at again later.
const SEARCHES: usize = 64;

/// The progress of one tier.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Accrual {
    /// The first violating value of the tier in the episode.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) since: Option<RuleMs>,
    /// Whether its time runs.
    #[serde(skip_serializing_if = "is_default")]
    running: bool,
    /// Whether it ever ran in the episode.
    #[serde(skip_serializing_if = "is_default")]
    begun: bool,
    /// Whether it has confirmed.
    #[serde(skip_serializing_if = "is_default")]
    pub(super) confirmed: bool,
    #[serde(skip_serializing_if = "is_default")]
    closed: DurationMs,
    #[serde(skip_serializing_if = "is_default")]
    open: DurationMs,
    #[serde(skip_serializing_if = "is_default")]
    defrost: DurationMs,
    /// How much of the time to come is a jump of the axis, which is no elapsed time.
    #[serde(skip_serializing_if = "is_default")]
    skipped: DurationMs,
    /// For a cumulative trigger: since when the present stretch runs, and the stretches before it.
    #[serde(skip_serializing_if = "is_default")]
    stretch: Option<RuleMs>,
    #[serde(skip_serializing_if = "is_default")]
    past: Vec<(RuleMs, RuleMs)>,
}

impl Accrual {
    /// The time spent in each class.
    pub(super) const fn spent(&self) -> [DurationMs; 3] {
        [self.closed, self.open, self.defrost]
    }

    pub(super) const fn is_running(&self) -> bool {
        self.running && !self.confirmed
    }

    /// Its time runs from here on.
    pub(super) fn run(&mut self, at: RuleMs, trigger: Trigger) {
        if !self.running {
            (self.running, self.begun) = (true, true);
            if trigger == Trigger::Cumulative {
                self.past.retain(|(_, to)| at - *to < WINDOW);
                self.stretch = Some(at);
            }
        }
    }

    /// Its time runs on from here, if it ever did.
    pub(super) fn run_on(&mut self, at: RuleMs, trigger: Trigger) {
        if self.begun {
            self.run(at, trigger);
        }
    }

    /// Its time stands still from here on.
    pub(super) fn pause(&mut self, at: RuleMs) {
        self.running = false;
        self.skipped = DurationMs(0);
        if let Some(from) = self.stretch.take() {
            self.past.push((from, at));
            if self.past.len() > STRETCHES {
                let (from, _) = self.past.remove(0);
                if let Some(oldest) = self.past.first_mut() {
                    oldest.0 = from;
                }
            }
        }
    }

    /// So much time passed in a class.
    pub(super) fn bank(&mut self, length: DurationMs, class: Class) {
        if self.is_running() {
            let skipped = self.skipped.min(length);
            self.skipped = DurationMs(self.skipped.0 - skipped.0);
            let bucket = match class {
                Class::Closed => &mut self.closed,
                Class::Open => &mut self.open,
                Class::Defrost => &mut self.defrost,
            };
            *bucket = DurationMs(bucket.0 + length.0 - skipped.0);
        }
    }

    /// The episode is over; what a cumulative trigger looks back on stays.
    pub(super) fn end(&mut self, at: RuleMs) {
        self.pause(at);
        *self = Self { past: std::mem::take(&mut self.past), ..Self::default() };
    }

    /// When it confirms if it runs on in this class, having been banked until `now`.
    pub(super) fn confirms_at(&self, now: RuleMs, class: Class, rule: &ThermalRule) -> Option<RuleMs> {
        if !self.is_running() || self.since.is_none() {
            return None;
        }
        match rule.trigger.value {
            Trigger::Cumulative => Some(self.reaches(now, rule.closed())),
            Trigger::Consecutive => Some(self.consecutive(now + self.skipped, class, rule)),
        }
    }

    fn consecutive(&self, now: RuleMs, class: Class, rule: &ThermalRule) -> RuleMs {
        let length = |of: DurationMs| i128::from(of.0.max(1));
        let (closed, open, defrost) = (rule.closed(), rule.open(), rule.defrosting());
        let own = match class {
            Class::Closed => closed,
            Class::Open => open,
            Class::Defrost => defrost,
        };
        if own.0 == 0 {
            return now;
        }
        let (c, o, d) = (length(closed), length(open), length(defrost));
        let spent = |of: DurationMs| i128::from(of.0);
        let progress = spent(self.closed) * o * d + spent(self.open) * c * d + spent(self.defrost) * c * o;
        let share = match class {
            Class::Closed => o * d,
            Class::Open => c * d,
            Class::Defrost => c * o,
        };
        let left = (c * o * d - progress).max(0);
        now + DurationMs(i64::try_from((left + share - 1) / share).unwrap_or(i64::MAX))
    }

    /// The time in violation within the 24 hours before `at`.
    pub(super) fn cumulated(&self, at: RuleMs) -> DurationMs {
        let from = at - WINDOW;
        let within = |start: RuleMs, end: RuleMs| (end.min(at) - start.max(from)).max(DurationMs(0));
        let past = self.past.iter().map(|(start, end)| within(*start, *end));
        let present = self.stretch.map(|start| within(start, at));
        past.chain(present).fold(DurationMs(0), |sum, length| sum + length)
    }

    /// When the time within the last 24 hours reaches a length, or an earlier time at which to look again.
    fn reaches(&self, now: RuleMs, length: DurationMs) -> RuleMs {
        let mut at = now;
        for _ in 0..SEARCHES {
            let missing = length.0 - self.cumulated(at).0;
            if missing <= 0 {
                break;
            }
            at = at + DurationMs(missing);
        }
        at
    }

    /// When the longest excursion that anything can hold back is reached.
    pub(super) fn capped_at(&self, now: RuleMs, rule: &ThermalRule) -> Option<RuleMs> {
        let (since, cap) = (self.since?, rule.cap()?);
        let own = since + cap;
        let rolling = match rule.trigger.value {
            Trigger::Cumulative if self.running => Some(self.reaches(now, cap)),
            Trigger::Cumulative if self.cumulated(now) >= cap => Some(now),
            Trigger::Cumulative | Trigger::Consecutive => None,
        };
        Some(rolling.map_or(own, |rolling| rolling.min(own)))
    }

    /// Whether what was due is really reached: a cumulative search may have ended early.
    pub(super) fn has_reached(&self, at: RuleMs, length: DurationMs, trigger: Trigger) -> bool {
        trigger == Trigger::Consecutive || self.cumulated(at) >= length
    }

    pub(super) fn shift(&mut self, jump: DurationMs) {
        if self.running {
            self.skipped = self.skipped + jump;
        }
        self.since = self.since.map(|since| since + jump);
        self.stretch = self.stretch.map(|since| since + jump);
        for (from, to) in &mut self.past {
            *from = *from + jump;
            *to = *to + jump;
        }
    }
}
