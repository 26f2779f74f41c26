//! Records as the engine folds them, and the one order in which they are folded.
//!
//! Owns what of a reading or an event concerns the rules, and the fold order: by rule time, then by rank of the kind,
//! then by content; never by arrival. Gives `None` for events that no rule looks at.

use super::config::SiteRules;
use super::effect::EpisodeKey;
use crate::event::{Event, Fact, ShelveEnd};
use crate::ids::{EpochId, PointId, UnitId};
use crate::point::Assignment;
use crate::quantity::{BatteryPercent, CentiCelsius};
use crate::reading::{Door, Quality, Reading};
use crate::time::{DurationMs, RuleMs, Trust};

/// One record, or a tick, at its place on the axis.
#[derive(Clone, PartialEq, Debug)]
pub struct Record {
    /// Its rule time.
    pub at: RuleMs,
    /// What it is.
    pub input: Input,
    /// Orders records of one rule time and rank.
    tie: Tie,
}

/// What a record tells the rules.
#[derive(Clone, PartialEq, Debug)]
pub enum Input {
    /// A run of the process begins.
    Started {
        /// The last rule time before it, if there was any.
        down_from: Option<RuleMs>,
        /// True if the axis shows how long it was down.
        known: bool,
        /// How far the wall clock is to be trusted from here on.
        trust: Trust,
    },
    /// The axis jumped, or its distance from the wall clock changed; the record stands at the near end.
    ClockCorrected {
        /// The far end.
        to: RuleMs,
        /// Rule time minus wall time from here on.
        offset: DurationMs,
    },
    /// The wall clock lost its trust.
    ClockUntrusted,
    /// Nobody listened from here on. Derived from a start, so that what is placed in the downtime later is folded
    /// with every sensor's silence excused already.
    Deaf {
        /// Until this start.
        until: RuleMs,
        /// For so long, the downtime.
        length: DurationMs,
    },
    /// Rules took effect.
    RulesApplied(Box<SiteRules>),
    /// A point was assigned.
    Assigned(Assignment),
    /// A door moved.
    Door {
        /// The door's point.
        point: PointId,
        /// Its state now.
        door: Door,
    },
    /// A defrost began, or is over.
    Defrost {
        /// The unit.
        unit: UnitId,
        /// Which of the two.
        defrost: Defrost,
    },
    /// A reading.
    Reading {
        /// Its point.
        point: PointId,
        /// Its value.
        temperature: CentiCelsius,
        /// Whether the value is to be believed.
        quality: Quality,
        /// True if it was measured when it arrived; only then it says that the point is alive.
        live: bool,
        /// What is left of the battery, if the reading says so.
        battery: Option<BatteryPercent>,
    },
    /// What is left of a battery.
    Battery {
        /// A point of the device.
        point: PointId,
        /// What is left.
        percent: BatteryPercent,
    },
    /// A device is alive without a value.
    Fault {
        /// The point.
        point: PointId,
    },
    /// A device gives values again; the readings that follow are what counts.
    Recovered {
        /// The point.
        point: PointId,
    },
    /// A person logged a temperature by hand.
    ManualLog {
        /// The unit.
        unit: UnitId,
        /// What was read, if it could be read.
        temperature: Option<CentiCelsius>,
        /// When it was read.
        taken: RuleMs,
    },
    /// Someone asked for quiet.
    Quieted {
        /// The episode.
        episode: EpisodeKey,
        /// Until when.
        until: RuleMs,
    },
    /// A person acknowledged.
    Acknowledged {
        /// The episode.
        episode: EpisodeKey,
        /// Until when.
        until: RuleMs,
    },
    /// A unit's alerts are silenced until then, for a reason.
    Shelved {
        /// The unit.
        unit: UnitId,
        /// Until when; at most [`super::SHELVE_MAX`] away.
        until: RuleMs,
    },
    /// A person ended the silence of a unit.
    Unshelved {
        /// The unit.
        unit: UnitId,
    },
    /// A person is done with an alert whose condition ended.
    Resolved {
        /// The episode.
        episode: EpisodeKey,
    },
    /// Time passed. Not a record: a deadline fires at its own rule time, whichever tick or record finds it.
    Tick,
}

/// Whether a unit defrosts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Defrost {
    /// It began.
    Running,
    /// It is over.
    Over,
}

/// Presence, and the values: bytes 2–3 and 64–75 of a reading's form.
const TIE_BYTES: usize = 14;

/// Orders records of one rule time and rank by what they say, so that arrival does not matter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Tie {
    Nothing,
    Reading { point: PointId, bytes: [u8; TIE_BYTES] },
    Event { epoch: EpochId, seq: u64 },
}

impl Record {
    /// Time passed until `at`.
    pub fn tick(at: RuleMs) -> Self {
        Self { at, input: Input::Tick, tie: Tie::Nothing }
    }

    /// Rules that take effect at `at`; the event names only their hash, the caller has the rules.
    pub fn rules(at: RuleMs, rules: SiteRules) -> Self {
        Self { at, input: Input::RulesApplied(Box::new(rules)), tie: Tie::Nothing }
    }

    /// An input that comes from no event: its place among others of its rule time and rank is `order`.
    pub fn given(at: RuleMs, input: Input, order: u64) -> Self {
        let epoch = EpochId::from_bytes([0; 16]);
        Self { at, input, tie: Tie::Event { epoch, seq: order } }
    }

    /// A recorded reading.
    pub fn of_reading(reading: &Reading) -> Self {
        let bytes = reading.to_bytes();
        let mut order = [0; TIE_BYTES];
        order[..2].copy_from_slice(&bytes[2..4]);
        order[2..].copy_from_slice(&bytes[64..76]);
        Self {
            at: reading.rule,
            input: Input::Reading {
                point: reading.point,
                temperature: reading.temperature,
                quality: reading.quality,
                live: reading.age_ms == 0,
                battery: reading.battery_percent,
            },
            tie: Tie::Reading { point: reading.point, bytes: order },
        }
    }

    /// What a recorded event tells the rules, if anything. Applied rules are not in their event: see [`Record::rules`].
    pub fn of_event(event: &Event) -> Option<Self> {
        let envelope = &event.envelope;
        let subject = &envelope.subject;
        let input = match event.fact()? {
            Fact::HubStarted { down_from, down_known, .. } => {
                Input::Started { down_from: *down_from, known: *down_known, trust: envelope.trust }
            }
            Fact::ClockCorrected { to_ms, offset_ms, .. } => {
                Input::ClockCorrected { to: *to_ms, offset: DurationMs(*offset_ms) }
            }
            Fact::ClockUntrusted => Input::ClockUntrusted,
            Fact::DeviceAssigned { role, .. } => Input::Assigned(Assignment {
                point: subject.point?,
                unit: subject.unit?,
                role: *role,
                from: envelope.rule_ms,
            }),
            Fact::DoorChanged { door } => Input::Door { point: subject.point?, door: *door },
            Fact::DeviceFault { .. } => Input::Fault { point: subject.point? },
            Fact::DeviceRecovered => Input::Recovered { point: subject.point? },
            Fact::AlertQuieted { episode, until_ms } => {
                Input::Quieted { episode: *episode, until: *until_ms }
            }
            Fact::AlertAcknowledged { episode, until_ms } => {
                Input::Acknowledged { episode: *episode, until: *until_ms }
            }
            Fact::AlertResolved { episode } => Input::Resolved { episode: *episode },
            Fact::ShelveStarted { until_ms, .. } => Input::Shelved { unit: subject.unit?, until: *until_ms },
            Fact::ShelveEnded { by: ShelveEnd::Person } => Input::Unshelved { unit: subject.unit? },
            Fact::ManualLogRecorded { temperature_centi_c, taken_ms, .. } => Input::ManualLog {
                unit: subject.unit?,
                temperature: temperature_centi_c.and_then(|value| CentiCelsius::new(value).ok()),
                taken: *taken_ms,
            },
            Fact::DefrostChanged { defrost } => Input::Defrost { unit: subject.unit?, defrost: *defrost },
            _ => return None,
        };
        Some(Self {
            at: envelope.rule_ms,
            input,
            tie: Tie::Event { epoch: envelope.epoch, seq: envelope.seq },
        })
    }

    fn rank(&self) -> u8 {
        match self.input {
            Input::Started { .. } => 0,
            Input::ClockCorrected { .. } | Input::ClockUntrusted => 1,
            Input::RulesApplied(_) => 2,
            Input::Assigned(_) => 3,
            Input::Door { .. } | Input::Defrost { .. } => 4,
            Input::Reading { .. } => 5,
            Input::Fault { .. } | Input::Recovered { .. } | Input::Battery { .. } => 6,
            Input::ManualLog { .. } => 7,
            Input::Quieted { .. } => 8,
            Input::Acknowledged { .. } => 9,
            Input::Shelved { .. } | Input::Unshelved { .. } => 10,
            Input::Resolved { .. } => 11,
            Input::Deaf { .. } => 12,
            Input::Tick => 13,
        }
    }

    /// The downtime before a start as a record of its own, at its near end but not before `frontier`.
    pub(super) fn downtime(&self, frontier: RuleMs) -> Option<Self> {
        let Input::Started { down_from: Some(from), .. } = self.input else { return None };
        let input = Input::Deaf { until: self.at, length: self.at - from };
        Some(Self { at: from.max(frontier), input, tie: Tie::Nothing })
            .filter(|downtime| downtime.at < self.at)
    }

    /// The fold order.
    pub(super) fn order(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.rank(), &self.tie).cmp(&(other.at, other.rank(), &other.tie))
    }
}
