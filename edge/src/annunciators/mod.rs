//! Annunciators: what makes noise, light or a message of an alarm.
//!
//! Owns the words between the hub and its outputs: the [`Desired`] state goes in, a [`Report`] comes out. An
//! annunciator knows no rules and no journal. It makes the desired state true again and again, and tells each thing
//! that happened once: how far it has told is kept durably by the hub, so that after a restart what was told before
//! is only asserted again, and marked so.

pub mod log;
pub mod mqtt;

use frostguard_shared::alarm::{Condition, Severity, Sounding};
use frostguard_shared::ids::{AlertId, HubId, UnitId};
use frostguard_shared::time::WallMs;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Things told that are kept for outputs that cannot be reached; older ones are dropped, the alarms themselves are not.
pub const NEWS_KEPT: usize = 1_000;

/// An alarm as people should perceive it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Alarm {
    /// The alert.
    pub alert: AlertId,
    /// The unit.
    pub unit: UnitId,
    /// Its key in the site document.
    pub unit_key: String,
    /// Its name.
    pub unit_name: String,
    /// What is wrong.
    pub condition: Condition,
    /// How urgent.
    pub severity: Severity,
    /// What to make of it.
    pub sounding: Sounding,
    /// Since when, for people.
    pub since: WallMs,
    /// The event that raised it.
    pub raised_seq: u64,
}

/// What happened to an alert.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happened {
    /// It was raised.
    Raised,
    /// Someone asked for quiet.
    Quieted,
    /// A person acknowledged it.
    Acknowledged,
    /// An acknowledgement expired.
    AckExpired,
    /// Its condition ended.
    Cleared,
    /// Its condition came back.
    Relapsed,
    /// It became more urgent.
    Upgraded,
    /// Nobody has acknowledged it for too long.
    Escalated,
    /// A person is done with it.
    Resolved,
}

impl Happened {
    /// The type of the journal's event, without its version.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Raised => "alert.raised",
            Self::Quieted => "alert.quieted",
            Self::Acknowledged => "alert.acknowledged",
            Self::AckExpired => "alert.ack_expired",
            Self::Cleared => "alert.cleared",
            Self::Relapsed => "alert.relapsed",
            Self::Upgraded => "alert.upgraded",
            Self::Escalated => "alert.escalated",
            Self::Resolved => "alert.resolved",
        }
    }
}

/// One thing that happened, to be told once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct News {
    /// The number of its event.
    pub seq: u64,
    /// What happened.
    pub happened: Happened,
    /// To which alert, of which unit.
    pub alert: AlertId,
    /// The unit.
    pub unit: UnitId,
    /// Its name.
    pub unit_name: String,
    /// The condition.
    pub condition: Condition,
    /// How urgent.
    pub severity: Severity,
    /// When, for people.
    pub at: WallMs,
    /// True if it was found only by late data: to be told, never to be sounded.
    pub retro: bool,
    /// In words.
    pub text: String,
}

/// What all annunciators should make true.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Desired {
    /// The hub.
    pub hub: HubId,
    /// The alarms that people should perceive, the most urgent first.
    pub alarms: Vec<Alarm>,
    /// What happened lately, in order.
    pub news: VecDeque<Arc<News>>,
    /// Why the record cannot be written, if it cannot: an alarm of its own.
    pub storage_fault: Option<String>,
    /// How far each output had told what happened when this run began, by its key.
    pub told: Arc<BTreeMap<String, u64>>,
    /// The last call, to be answered once by each output that works.
    pub call: Option<Call>,
    /// The name by which the hub should show itself now, if somebody is looking for it.
    pub identify: Option<String>,
}

/// A call to all outputs: whoever works tells it to the outside, marked as a test, and answers by its number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Call {
    /// Its number, higher than that of every call before it.
    pub number: u64,
    /// Why it is made.
    pub why: Why,
}

/// Why outputs are called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Why {
    /// Rules have changed, and what worked before should still work.
    Trial,
    /// Somebody asked for a self-test.
    SelfTest,
}

impl Why {
    /// The word for machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::SelfTest => "self_test",
        }
    }
}

impl Desired {
    /// Nothing to tell yet.
    pub fn nothing(hub: HubId) -> Self {
        let (alarms, news, storage_fault, told) = (Vec::new(), VecDeque::new(), None, Arc::default());
        Self { hub, alarms, news, storage_fault, told, call: None, identify: None }
    }

    /// The loudest thing to make of it.
    pub fn loudest(&self) -> Level {
        let noise = self.alarms.iter().any(|alarm| alarm.sounding == Sounding::Sounding);
        let held = self
            .alarms
            .iter()
            .any(|alarm| matches!(alarm.sounding, Sounding::Quiet | Sounding::Acknowledged));
        if noise || self.storage_fault.is_some() {
            Level::Alarm
        } else if held {
            Level::Quiet
        } else {
            Level::Ok
        }
    }
}

/// What a siren or a lamp should do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// Nothing.
    Ok,
    /// Show that something is wrong; no noise.
    Quiet,
    /// Make noise.
    Alarm,
}

impl Level {
    /// The word for machines.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Quiet => "quiet",
            Self::Alarm => "alarm",
        }
    }
}

/// What an annunciator reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Report {
    /// It has told everything up to this event.
    Told {
        /// The output's key.
        output: String,
        /// The event's number.
        seq: u64,
    },
    /// It has told a call to the outside.
    Answered {
        /// The output's key.
        output: String,
        /// The call's number.
        call: u64,
    },
    /// It works, or it does not and says why.
    State {
        /// The output's key.
        output: String,
        /// Why it does not work, if it does not.
        fault: Option<String>,
    },
}
