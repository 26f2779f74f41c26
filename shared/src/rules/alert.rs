//! An alert's life in the fold: condition, acknowledgement, level and resolution, as four separate facts.
//!
//! Owns what each fact is and when it ends by itself. An acknowledgement expires, a quiet ends, a level rises; none of
//! them ever touches the condition, and the passing of time never clears one.

use crate::alarm::{Severity, Sounding};
use crate::time::{DurationMs, RuleMs};
use serde::{Deserialize, Serialize};

/// One quiet lasts this long.
pub const QUIET_LENGTH: DurationMs = DurationMs::minutes(15);
/// One alert can be quieted so many times.
pub const QUIET_TIMES: u32 = 4;
/// The longest time for which a unit's alerts can be silenced at once.
pub const SHELVE_MAX: DurationMs = DurationMs::minutes(240);
/// A condition that comes back is not told again so soon after it was told or acknowledged.
pub(super) const RECENT: DurationMs = DurationMs::minutes(30);

/// How long an acknowledgement holds back the sound of an alert of this severity.
pub const fn acknowledgement_length(severity: Severity) -> DurationMs {
    match severity {
        Severity::Critical => DurationMs::minutes(15),
        Severity::Warning | Severity::Info => DurationMs::minutes(30),
    }
}

/// The highest level that an alert of this severity reaches by itself.
const fn levels(severity: Severity) -> u8 {
    match severity {
        Severity::Critical => 3,
        Severity::Warning => 2,
        Severity::Info => 0,
    }
}

/// How long nobody may be on it before the next level, or, after the last one, before it is told once more.
const fn patience(severity: Severity, level: u8) -> Option<DurationMs> {
    let last = level >= levels(severity);
    match severity {
        Severity::Critical if last => Some(DurationMs::minutes(60)),
        Severity::Critical => Some(DurationMs::minutes(15)),
        Severity::Warning if last => Some(DurationMs::minutes(240)),
        Severity::Warning => Some(DurationMs::minutes(30)),
        Severity::Info => None,
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

/// What holds back that people are told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// Nothing.
    No,
    /// The hours of its rule, which begin then; none if they never do.
    BySchedule(Option<RuleMs>),
    /// The unit is shelved.
    ByShelve,
}

/// The one word for an alert's life, derived from its four facts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertStatus {
    /// Nobody is on it.
    Active,
    /// Somebody is.
    Acknowledged,
    /// Somebody is done with it.
    Resolved,
    /// Nobody is on it, and others were told.
    Escalated,
}

/// An alert as the fold knows it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Alert {
    /// How urgent.
    pub severity: Severity,
    /// The tier of the rule that raised it last.
    pub tier: u8,
    /// When it was raised.
    pub raised: RuleMs,
    /// When its condition ended, while it is ended.
    pub cleared: Option<RuleMs>,
    /// Whether a person is on it.
    pub acknowledgement: Acknowledgement,
    /// When a person was last on it.
    pub acknowledged: Option<RuleMs>,
    /// Whether its beep is held back.
    pub quiet: Quiet,
    /// How many times others were told because nobody was on it.
    pub level: u8,
    /// When people were last told.
    pub told: Option<RuleMs>,
    /// When they are told again if nobody is on it.
    pub tells_at: Option<RuleMs>,
    /// What holds back that people are told.
    pub held: Held,
    /// True once an excursion has lasted for as long as anything may hold it back: from then on no shelve does.
    pub demanded: bool,
    /// How often its condition came back.
    pub relapses: u32,
    /// Whether a person is done with it.
    pub resolved: bool,
}

/// What ended by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ended {
    /// Nothing that anybody needs to know of.
    Nothing,
    /// An acknowledgement, over an active condition.
    Acknowledgement,
    /// The patience before the next level.
    Patience,
    /// The hours in which people are not told.
    Hours,
}

impl Alert {
    /// An alert as it is raised.
    pub fn raised(severity: Severity, tier: u8, at: RuleMs) -> Self {
        Self {
            severity,
            tier,
            raised: at,
            cleared: None,
            acknowledgement: Acknowledgement::None,
            acknowledged: None,
            quiet: Quiet { until: None, times: 0 },
            level: 0,
            told: None,
            tells_at: None,
            held: Held::No,
            demanded: false,
            relapses: 0,
            resolved: false,
        }
    }

    /// The one word for it.
    pub fn status(&self) -> AlertStatus {
        match self.acknowledgement {
            _ if self.resolved => AlertStatus::Resolved,
            Acknowledgement::Until(_) => AlertStatus::Acknowledged,
            Acknowledgement::Expired if self.cleared.is_some() => AlertStatus::Acknowledged,
            _ if self.level > 0 => AlertStatus::Escalated,
            _ => AlertStatus::Active,
        }
    }

    /// What an annunciator should show of it by its own facts; its unit may be shelved on top.
    pub fn sounding(&self) -> Sounding {
        match (self.cleared, self.acknowledgement, self.quiet.until) {
            (Some(_), _, _) => Sounding::Cleared,
            (None, Acknowledgement::Until(_), _) => Sounding::Acknowledged,
            (None, _, Some(_)) => Sounding::Quiet,
            (None, _, None) if self.held != Held::No => Sounding::Quiet,
            (None, _, None) => Sounding::Sounding,
        }
    }

    /// True while its condition holds.
    pub fn is_active(&self) -> bool {
        self.cleared.is_none()
    }

    /// True if nobody needs to see it any more.
    pub fn is_done(&self) -> bool {
        self.resolved || (self.cleared.is_some() && self.acknowledgement != Acknowledgement::None)
    }

    /// True if it may be quieted (again).
    pub fn can_be_quieted(&self) -> bool {
        self.cleared.is_none() && self.quiet.times < QUIET_TIMES
    }

    /// When something of it ends by itself next.
    pub(super) fn ends_at(&self) -> Option<RuleMs> {
        let acknowledged = match self.acknowledgement {
            Acknowledgement::Until(until) => Some(until),
            Acknowledgement::None | Acknowledgement::Expired => None,
        };
        let hours = match self.held {
            Held::BySchedule(opens) if self.is_active() => opens,
            _ => None,
        };
        let told = self.tells_at.filter(|_| self.is_active());
        [self.quiet.until, acknowledged, hours, told].into_iter().flatten().min()
    }

    /// Ends what ends first, by then.
    pub(super) fn end(&mut self, at: RuleMs) -> Ended {
        let due = |until: Option<RuleMs>| until.is_some_and(|until| until <= at);
        if due(self.quiet.until) {
            self.quiet.until = None;
            return Ended::Nothing;
        }
        if let Acknowledgement::Until(until) = self.acknowledgement
            && until <= at
        {
            self.acknowledgement = Acknowledgement::Expired;
            return if self.is_active() { Ended::Acknowledgement } else { Ended::Nothing };
        }
        if let Held::BySchedule(Some(opens)) = self.held
            && opens <= at
        {
            self.held = Held::No;
            return if self.is_active() { Ended::Hours } else { Ended::Nothing };
        }
        if due(self.tells_at) {
            self.tells_at = None;
            return if self.is_active() { Ended::Patience } else { Ended::Nothing };
        }
        Ended::Nothing
    }

    /// Nobody was on it: the next level, if there is one.
    pub(super) fn rise(&mut self) -> bool {
        let rises = self.level < levels(self.severity);
        self.level += u8::from(rises);
        rises
    }

    /// People are told.
    pub(super) fn tell(&mut self, at: RuleMs) {
        self.told = Some(at);
        self.held = Held::No;
        let on_it = matches!(self.acknowledgement, Acknowledgement::Until(_));
        let patience = patience(self.severity, self.level).filter(|_| !on_it);
        self.tells_at = patience.map(|patience| at + patience);
    }

    /// People are not told, because of this.
    pub(super) fn hold(&mut self, held: Held) {
        self.held = held;
        self.tells_at = None;
    }

    /// A person is on it.
    pub(super) fn acknowledge(&mut self, at: RuleMs, until: RuleMs) {
        self.acknowledgement = Acknowledgement::Until(until);
        self.acknowledged = Some(at);
        self.tells_at = None;
    }

    /// It got worse in a way that nothing may hold back: whoever was on it has to look again.
    pub(super) fn demand(&mut self) {
        self.demanded = true;
        self.quiet.until = None;
        if let Acknowledgement::Until(_) = self.acknowledgement {
            self.acknowledgement = Acknowledgement::Expired;
        }
    }

    /// True if people were told, or somebody was on it, so lately that its coming back is no news.
    pub(super) fn is_recent(&self, at: RuleMs) -> bool {
        self.told.into_iter().chain(self.acknowledged).any(|last| at - last < RECENT)
    }

    /// How long it stays without a word after it came back so soon.
    pub(super) fn wait_again(&mut self, at: RuleMs) {
        self.tells_at = patience(self.severity, self.level).map(|patience| at + patience);
    }

    /// The axis jumped: running times move along.
    pub(super) fn shift(&mut self, jump: DurationMs) {
        self.quiet.until = self.quiet.until.map(|until| until + jump);
        self.tells_at = self.tells_at.map(|at| at + jump);
        if let Acknowledgement::Until(until) = &mut self.acknowledgement {
            *until = *until + jump;
        }
    }
}
