//! Logs by hand: when one is due, and when it is overdue.
//!
//! Owns the manual region of a unit. In fallback a log is due when the sensors have been silent for long enough; where logs
//! are always required they are due at fixed times of the site's day. What a log says it was taken at is what counts, so
//! that one that is written down later clears nothing that it does not belong to.

use super::calendar::Calendar;
use super::config::UnitRules;
use super::effect::EpisodeKey;
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// How pressing a log is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pressing {
    /// None is missing.
    #[default]
    No,
    /// One is due.
    Due,
    /// One is overdue.
    Overdue(EpisodeKey),
}

impl Pressing {
    /// The state's word.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::No => "ok",
            Self::Due => "due",
            Self::Overdue(_) => "overdue",
        }
    }
}

/// What is known of a unit's logs by hand.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct Manual {
    /// How pressing the next one is.
    pub pressing: Pressing,
    /// When the last log was taken.
    pub taken: Option<RuleMs>,
    /// From when on logs can be required at all.
    from: RuleMs,
    /// Where logs are always required: the fixed time whose log is not there yet.
    slot: Option<RuleMs>,
}

/// What of a unit's sensors matters here.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listened {
    /// The last live reading of the freshest sensor, in listening time.
    pub(super) heard: RuleMs,
    /// The same on the axis.
    pub(super) last: RuleMs,
}

impl Manual {
    /// Rules took effect, or the clock changed: fixed times are reckoned anew from here.
    pub(super) fn reckon(&mut self, rules: &UnitRules, calendar: &Calendar, at: RuleMs) {
        if self.from == RuleMs::default() {
            self.from = at;
        }
        let fixed = rules.manual.interval.value.filter(|_| rules.manual.required.value);
        let since = self.taken.map_or(self.from, |taken| taken.max(self.from));
        self.slot = fixed.and_then(|interval| calendar.grid(interval, since).1);
    }

    fn due_at(&self, rules: &UnitRules, sensors: Option<Listened>) -> Option<RuleMs> {
        let rule = &rules.manual;
        let interval = rule.interval.value.filter(|_| rule.telling.enabled.value)?;
        if rule.required.value {
            return self.slot;
        }
        if sensors.is_none() && !rule.interval.is_said() {
            return None;
        }
        let silent = sensors.map(|sensors| sensors.heard + rules.silence.missed(rule.missed_threshold.value));
        let since = sensors.map_or(self.from, |sensors| sensors.last);
        let unlogged = self.taken.map_or(since, |taken| taken.max(since)) + interval;
        Some(silent.map_or(unlogged, |silent| silent.max(unlogged)))
    }

    /// When it next gets more pressing.
    pub(super) fn worsens_at(&self, rules: &UnitRules, sensors: Option<Listened>) -> Option<RuleMs> {
        match self.pressing {
            Pressing::No => self.due_at(rules, sensors),
            Pressing::Due => Some(self.due_at(rules, sensors)? + rules.manual.grace.value),
            Pressing::Overdue(_) => None,
        }
    }

    /// How pressing it is by what is known at `at`, if that is less than it was.
    pub(super) fn eased(&self, rules: &UnitRules, sensors: Option<Listened>, at: RuleMs) -> Option<Pressing> {
        let due = self.due_at(rules, sensors);
        let is_due = due.is_some_and(|due| due <= at);
        let is_overdue = due.is_some_and(|due| due + rules.manual.grace.value <= at);
        match self.pressing {
            Pressing::No => None,
            Pressing::Due => (!is_due).then_some(Pressing::No),
            Pressing::Overdue(_) if is_overdue => None,
            Pressing::Overdue(_) => Some(if is_due { Pressing::Due } else { Pressing::No }),
        }
    }

    /// Notes a log. One that was taken before the fixed time that waits for one is not what it waits for.
    pub(super) fn log(&mut self, taken: RuleMs, rules: &UnitRules, calendar: &Calendar) {
        self.taken = self.taken.max(Some(taken));
        if let (Some(slot), Some(interval)) = (self.slot, rules.manual.interval.value)
            && taken >= slot
        {
            self.slot = calendar.grid(interval, taken).1;
        }
    }

    pub(super) fn shift(&mut self, jump: DurationMs) {
        self.taken = self.taken.map(|taken| taken + jump);
        if self.from != RuleMs::default() {
            self.from = self.from + jump;
        }
    }
}
