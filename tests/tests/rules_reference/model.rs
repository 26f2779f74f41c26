//! Owns the plain words of the reference: a site, its rules, what happened, and what should come of it.
//! Takes and gives data only: times are whole milliseconds, temperatures 0.01 °C, units and points are named by strings.
//! Must never name a type of the engine that it is compared with.

use std::collections::BTreeMap;

/// Milliseconds.
pub type Ms = i64;
pub const SECOND: Ms = 1_000;
pub const MINUTE: Ms = 60 * SECOND;
pub const HOUR: Ms = 60 * MINUTE;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Condition {
    TooWarm,
    TooCold,
    Silent,
    Unguarded,
    SensorFault,
    DoorOpen,
    LowBattery,
    ManualMissed,
    CalibrationDue,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    Warm,
    Cold,
}

/// Days 0 (Sunday) to 6, from `start` o'clock until before `end` o'clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Schedule {
    pub days: Vec<i8>,
    pub start: i8,
    pub end: i8,
}

/// What pages, and how urgently.
#[derive(Clone, Debug, PartialEq)]
pub struct Slot {
    pub severity: Severity,
    pub schedule: Option<Schedule>,
}

impl Slot {
    pub fn of(severity: Severity) -> Slot {
        Slot { severity, schedule: None }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Tier {
    pub max: Option<i32>,
    pub min: Option<i32>,
    pub inclusive: bool,
    pub hysteresis: i32,
    /// Confirm times with doors closed, with a door open, and in a defrost.
    pub closed: Ms,
    pub open: Ms,
    pub defrost: Ms,
    pub off_delay: Ms,
    pub cap: Option<Ms>,
    pub hard: Option<i32>,
    pub cumulative: bool,
    pub tau: Option<Ms>,
    pub severity: Severity,
}

impl Tier {
    /// A tier with an upper limit and the usual rest.
    pub fn below(max: i32) -> Tier {
        Tier {
            max: Some(max),
            min: None,
            inclusive: false,
            hysteresis: 50,
            closed: 5 * MINUTE,
            open: 5 * MINUTE,
            defrost: 5 * MINUTE,
            off_delay: 10 * MINUTE,
            cap: Some(HOUR),
            hard: None,
            cumulative: false,
            tau: None,
            severity: Severity::Critical,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Manual {
    Fallback,
    Scheduled,
}

/// The rules of one unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Rules {
    pub tiers: Vec<Tier>,
    pub thermal_schedule: Option<Schedule>,
    /// True if some limit is switched off on purpose.
    pub unlimited_on_purpose: bool,
    pub mask: Ms,
    /// Minutes after local midnight at which a defrost begins, and how long it lasts.
    pub defrosts: Vec<i64>,
    pub defrost_for: Ms,
    pub door: Slot,
    pub door_warning: Option<Ms>,
    pub door_critical: Option<Ms>,
    pub silence: Slot,
    pub expected: Ms,
    /// Listening time without a live reading until a point is late, and until it is lost.
    pub late_after: Ms,
    pub lost_after: Ms,
    pub manual: Slot,
    pub manual_mode: Manual,
    pub manual_interval: Ms,
    pub manual_grace: Ms,
    pub manual_missed: i64,
    pub battery: Slot,
    pub battery_low: i64,
    pub battery_delay: Ms,
    pub fault: Slot,
    pub range: (i32, i32),
    pub rate: i64,
    pub stuck: Ms,
    /// Added to what a point says, in 0.01 °C.
    pub offsets: BTreeMap<String, i32>,
    /// Wall times at which points have to be calibrated.
    pub calibrations: BTreeMap<String, Ms>,
    pub calibration: Slot,
    pub calibration_lead: Ms,
}

impl Rules {
    /// These tiers, and the usual rest.
    pub fn of(tiers: Vec<Tier>) -> Rules {
        Rules {
            tiers,
            thermal_schedule: None,
            unlimited_on_purpose: false,
            mask: HOUR,
            defrosts: Vec::new(),
            defrost_for: 0,
            door: Slot::of(Severity::Warning),
            door_warning: Some(3 * MINUTE),
            door_critical: Some(10 * MINUTE),
            silence: Slot::of(Severity::Warning),
            expected: MINUTE,
            late_after: 90 * SECOND,
            lost_after: 330 * SECOND,
            manual: Slot::of(Severity::Warning),
            manual_mode: Manual::Fallback,
            manual_interval: 4 * HOUR,
            manual_grace: 30 * MINUTE,
            manual_missed: 5,
            battery: Slot::of(Severity::Warning),
            battery_low: 20,
            battery_delay: 5 * MINUTE,
            fault: Slot::of(Severity::Warning),
            range: (-6_000, 6_000),
            rate: 1_500,
            stuck: 6 * HOUR,
            offsets: BTreeMap::new(),
            calibrations: BTreeMap::new(),
            calibration: Slot::of(Severity::Warning),
            calibration_lead: 0,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    pub name: String,
    pub area: Option<String>,
    /// Points that alarm, and doors.
    pub points: Vec<String>,
    pub doors: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum What {
    Started { down_from: Option<Ms>, known: bool },
    Clock { to: Ms, offset: Ms },
    Rules { unit: String, rules: Box<Rules> },
    Door { point: String, open: bool },
    Defrost { unit: String, active: bool },
    Reading { point: String, value: i32, sound: bool, live: bool },
    Fault { point: String },
    Battery { point: String, percent: i64 },
    Manual { unit: String, value: Option<i32>, taken: Ms },
    Quiet { unit: String, condition: Condition, until: Ms },
    Acknowledge { unit: String, condition: Condition, until: Ms },
    Shelve { unit: String, until: Ms },
    Resolve { unit: String, condition: Condition },
    Tick,
}

impl What {
    fn rank(&self) -> u8 {
        match self {
            What::Started { .. } => 0,
            What::Clock { .. } => 1,
            What::Rules { .. } => 2,
            What::Door { .. } | What::Defrost { .. } => 4,
            What::Reading { .. } => 5,
            What::Fault { .. } | What::Battery { .. } => 6,
            What::Manual { .. } => 7,
            What::Quiet { .. } => 8,
            What::Acknowledge { .. } => 9,
            What::Shelve { .. } => 10,
            What::Resolve { .. } => 11,
            What::Tick => 13,
        }
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub at: Ms,
    pub what: What,
}

/// What happened at a site. The clock is trusted from the first event on unless a start says otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    pub zone: String,
    pub units: Vec<Unit>,
    pub events: Vec<Event>,
}

impl History {
    /// The events in the order in which they count.
    pub fn in_order(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        events.sort_by_key(|event| (event.at, event.what.rank()));
        events
    }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Status {
    Ok,
    Excursion,
    AlarmActive,
    MonitoringInterrupted,
    ManualRequired,
    Restoring,
    Offline,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Came {
    Status(Status),
    Raised(Condition, Severity),
    Upgraded(Condition, Severity),
    Relapsed(Condition),
    Cleared(Condition),
    AckExpired(Condition),
    Escalated(Condition, u32),
    Paged(Condition),
}

/// Something that came of a history, dated on the rule axis.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Outcome {
    pub at: Ms,
    pub unit: String,
    pub came: Came,
}
