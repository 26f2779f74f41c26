//! Entries: what a line tells the rules, at its place on the axis.
//!
//! Owns the acts that name a unit and mean the alerts that it has by then: who they concern is known only when they are
//! folded, and may be others when they are folded again.

use frostguard_shared::ids::{PointId, UnitId};
use frostguard_shared::quantity::{BatteryPercent, CentiCelsius};
use frostguard_shared::reading::{Quality, Reading};
use frostguard_shared::rules::{Input, Record};
use frostguard_shared::time::{Boot, BoottimeMs, RuleMs, Trust, WallMs};

/// What happened.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Act {
    /// A record as the engine folds it.
    Record(Record),
    /// Somebody is on the alerts of a unit.
    Ack(UnitId, Option<Box<str>>),
    /// The beep of a unit's alerts is silenced.
    Quiet(UnitId),
    /// The alerts of a unit whose condition ended are closed.
    Resolve(UnitId),
}

/// What happened, when, and in which line it stood; what is there before the first line stands in line 0.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Entry {
    pub(super) at: RuleMs,
    pub(super) line: u64,
    pub(super) act: Act,
}

impl Entry {
    /// An input that is ordered among its like by its line.
    pub(super) fn given(at: RuleMs, line: u64, input: Input) -> Self {
        Self { at, line, act: Act::Record(Record::given(at, input, line)) }
    }

    /// A value. Two of one point and time are told apart by what they say, not by which came first.
    pub(super) fn value(at: RuleMs, line: u64, value: Value) -> Self {
        let reading = Reading {
            seq: 0,
            at: WallMs(0),
            boot: Boot(1),
            boottime: BoottimeMs(0),
            rule: at,
            age_ms: u64::from(!value.live),
            trust: Trust::Synced,
            point: value.point,
            temperature: value.temperature,
            humidity: None,
            battery_percent: value.battery,
            battery: None,
            signal: None,
            door: None,
            quality: Quality::Valid,
        };
        Self { at, line, act: Act::Record(Record::of_reading(&reading)) }
    }

    /// Moves what was there before the first line to an earlier first line.
    pub(super) fn begin_at(&mut self, at: RuleMs) {
        self.at = at;
        if let Act::Record(record) = &mut self.act {
            record.at = at;
            if let Input::Assigned(assignment) = &mut record.input {
                assignment.from = at;
            }
        }
    }
}

/// A value of a point.
#[derive(Clone, Copy, Debug)]
pub(super) struct Value {
    pub(super) point: PointId,
    pub(super) temperature: CentiCelsius,
    pub(super) battery: Option<BatteryPercent>,
    pub(super) live: bool,
}
