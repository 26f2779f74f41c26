//! An alert's life in the fold: condition, acknowledgement and quiet, as separate facts.
//!
//! Owns what may sound now. An acknowledgement expires and a quiet ends by themselves; neither ever touches the
//! condition, and the passing of time never clears one.

use crate::alarm::{Severity, Sounding};
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// One quiet lasts this long.
pub const QUIET_LENGTH: DurationMs = DurationMs::minutes(15);
/// One alert can be quieted so many times.
pub const QUIET_TIMES: u32 = 4;

/// How long an acknowledgement holds back the sound of an alert of this severity.
pub const fn acknowledgement_length(severity: Severity) -> DurationMs {
    match severity {
        Severity::Critical => DurationMs::minutes(15),
        Severity::Warning | Severity::Info => DurationMs::minutes(30),
    }
}

/// Whether a person is on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Acknowledgement {
    /// Nobody has said so.
    None,
    /// Somebody has, and it holds until then.
    Until(RuleMs),
    /// Somebody had, and the condition outlasted it.
    Expired,
}

/// Whether its beep is held back for a while.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Quiet {
    /// Until when, while it is.
    pub until: Option<RuleMs>,
    /// How often it was asked for.
    pub times: u32,
}

/// An alert as the fold knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// How urgent.
    pub severity: Severity,
    /// When it was raised.
    pub raised: RuleMs,
    /// When its condition ended, while it is ended.
    pub cleared: Option<RuleMs>,
    /// Whether a person is on it.
    pub acknowledgement: Acknowledgement,
    /// Whether its beep is held back.
    pub quiet: Quiet,
}

impl Alert {
    /// An alert as it is raised.
    pub fn raised(severity: Severity, at: RuleMs) -> Self {
        let quiet = Quiet { until: None, times: 0 };
        Self { severity, raised: at, cleared: None, acknowledgement: Acknowledgement::None, quiet }
    }

    /// What an annunciator should show.
    pub fn sounding(&self) -> Sounding {
        match (self.cleared, self.acknowledgement, self.quiet.until) {
            (Some(_), _, _) => Sounding::Cleared,
            (None, Acknowledgement::Until(_), _) => Sounding::Acknowledged,
            (None, _, Some(_)) => Sounding::Quiet,
            (None, _, None) => Sounding::Sounding,
        }
    }

    /// True if nobody needs to see it any more.
    pub fn is_done(&self) -> bool {
        self.cleared.is_some() && self.acknowledgement != Acknowledgement::None
    }

    /// True if it may be quieted (again).
    pub fn can_be_quieted(&self) -> bool {
        self.cleared.is_none() && self.quiet.times < QUIET_TIMES
    }

    /// When a quiet or an acknowledgement ends next.
    pub fn ends_at(&self) -> Option<RuleMs> {
        let acknowledged = match self.acknowledgement {
            Acknowledgement::Until(until) => Some(until),
            Acknowledgement::None | Acknowledgement::Expired => None,
        };
        self.quiet.until.into_iter().chain(acknowledged).min()
    }

    /// Ends what ends by then; true if an acknowledgement expired over an active condition.
    pub fn end(&mut self, at: RuleMs) -> bool {
        if self.quiet.until.is_some_and(|until| until <= at) {
            self.quiet.until = None;
        }
        match self.acknowledgement {
            Acknowledgement::Until(until) if until <= at => {
                self.acknowledgement = Acknowledgement::Expired;
                self.cleared.is_none()
            }
            _ => false,
        }
    }

    /// The axis jumped: running times move along.
    pub fn shift(&mut self, jump: DurationMs) {
        self.quiet.until = self.quiet.until.map(|until| until + jump);
        if let Acknowledgement::Until(until) = &mut self.acknowledgement {
            *until = *until + jump;
        }
    }
}
